"""Check digits of the numbers that countries give to persons."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

__all__ = ["PERSON_NUMBERS"]

_VERHOEFF_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char in "0123456789"]


def _sum(digits: Sequence[int], *weights: int) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _is_luhn(digits: Sequence[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_day(month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31  # noqa: PLR2004  the calendar


def _argentina(number: str) -> bool:
    digits = _digits(number)
    return 11 - _sum(digits, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11 in {digits[10], digits[10] + 11}


def _australia(number: str) -> bool:
    return _sum(_digits(number), 1, 4, 3, 7, 5, 8, 6, 9, 10) % 11 == 0


def _australian_medicare(number: str) -> bool:
    digits = _digits(number)
    return _sum(digits, 1, 3, 7, 9, 1, 3, 7, 9) % 10 == digits[8]


def _austria(number: str) -> bool:
    digits = _digits(number)
    return _sum([*digits[:3], *digits[4:]], 3, 7, 9, 5, 8, 4, 2, 1, 6) % 11 == digits[3]


def _belgium(number: str) -> bool:
    bare = "".join(map(str, _digits(number)))
    return any(97 - int(century + bare[:9]) % 97 == int(bare[9:]) for century in ("", "2"))  # born from 2000 on: a 2 before it


def _bulgaria(number: str) -> bool:
    digits = _digits(number)
    return _sum(digits, 2, 4, 8, 5, 10, 9, 7, 3, 6) % 11 % 10 == digits[9]


def _canada(number: str) -> bool:
    return _is_luhn(_digits(number))


def _chile(number: str) -> bool:
    bare = number.translate({46: None, 45: None, 32: None}).upper()
    rest = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(bare[:-1]))) % 11
    return "0K987654321"[rest] == bare[-1]


def _china(number: str) -> bool:
    digits = _digits(number[:17])
    rest = _sum(digits, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2) % 11
    return _is_day(int(number[10:12]), int(number[12:14])) and "10X98765432"[rest] == number[17].upper()


def _croatia(number: str) -> bool:
    product = 10
    digits = _digits(number)
    for digit in digits[:10]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == digits[10]


def _czech(number: str) -> bool:
    digits = _digits(number)
    return _is_day((digits[2] * 10 + digits[3]) % 50 % 20, digits[4] * 10 + digits[5]) and (
        int("".join(map(str, digits[:9]))) % 11 % 10 == digits[9]
    )


def _denmark(number: str) -> bool:
    digits = _digits(number)  # since 2007 numbers are given that fail the old sum: only the date is asked for
    return _is_day(digits[2] * 10 + digits[3], digits[0] * 10 + digits[1])


def _estonia(number: str) -> bool:
    digits = _digits(number)
    first, second = _sum(digits, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1) % 11, _sum(digits, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3) % 11
    return _is_day(digits[3] * 10 + digits[4], digits[5] * 10 + digits[6]) and digits[10] == (
        first if first < 10 else second % 10  # noqa: PLR2004  no digit: the second row of weights
    )


def _finland(number: str) -> bool:
    digits = _digits(number[:-1])
    rest = int("".join(map(str, digits))) % 31
    return _is_day(digits[2] * 10 + digits[3], digits[0] * 10 + digits[1]) and (
        "0123456789ABCDEFHJKLMNPRSTUVWXY"[rest] == number[-1].upper()
    )


def _german_pension(number: str) -> bool:
    bare = "".join(number.split())
    spelt = f"{bare[:8]}{ord(bare[8]) - 64:02}{bare[9:]}"  # the letter counts as its place in the alphabet
    weighted = [int(digit) * weight for digit, weight in zip(spelt[:12], (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=False)]
    day, month = int(bare[2:4]), int(bare[4:6])
    return _is_day(month, (day - 1) % 50 + 1) and sum(sum(divmod(one, 10)) for one in weighted) % 10 == int(spelt[12])


def _greece(number: str) -> bool:
    digits = _digits(number)
    return _is_day(digits[2] * 10 + digits[3], digits[0] * 10 + digits[1]) and _is_luhn(digits)


def _greek_tax(number: str) -> bool:
    digits = _digits(number)
    return any(digits) and _sum(digits, 256, 128, 64, 32, 16, 8, 4, 2) % 11 % 10 == digits[8]


def _hong_kong(number: str) -> bool:
    bare = re.sub(r"[() ]", "", number).upper()
    body = bare[:-1].rjust(8)
    values = [36 if char == " " else int(char, 36) for char in body]
    check = 10 if bare[-1] == "A" else int(bare[-1])
    return (_sum(values, 9, 8, 7, 6, 5, 4, 3, 2) + check) % 11 == 0


def _hungary(number: str) -> bool:
    digits = _digits(number)
    return _sum(digits, 3, 7, 3, 7, 3, 7, 3, 7) % 10 == digits[8]


def _turned(digit: int, times: int) -> int:
    for _ in range(times % 8):
        digit = _VERHOEFF_TURN[digit]
    return digit


def _combined(left: int, right: int) -> int:
    """The product in the dihedral group of order ten, on which Verhoeff's scheme rests."""
    if left < 5:  # noqa: PLR2004  rotations come first, reflections after them
        return (left + right) % 5 if right < 5 else 5 + (left + right) % 5  # noqa: PLR2004  as above
    return 5 + (left - right) % 5 if right < 5 else (left - right) % 5  # noqa: PLR2004  as above


def _india(number: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(_digits(number))):
        check = _combined(check, _turned(digit, place))
    return check == 0


def _ireland(number: str) -> bool:
    bare = number.upper().replace(" ", "")
    extra = ord(bare[8]) - 64 if len(bare) > 8 and bare[8] != "W" else 0  # noqa: PLR2004  7 digits, check letter, extra letter
    return "WABCDEFGHIJKLMNOPQRSTUV"[(_sum(_digits(bare[:7]), 8, 7, 6, 5, 4, 3, 2) + 9 * extra) % 23] == bare[7]


def _italy(number: str) -> bool:
    bare = number.upper()
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
    values = [int(char) if char.isdigit() else ord(char) - 65 for char in bare[:15]]
    total = sum(value if place % 2 else odd[value] for place, value in enumerate(values))
    return chr(65 + total % 26) == bare[15]


def _japan(number: str) -> bool:
    digits = _digits(number)
    rest = _sum(digits, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11
    return digits[11] == (0 if rest <= 1 else 11 - rest)


def _jugoslav(number: str) -> bool:
    digits = _digits(number)
    rest = _sum(digits, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11
    return _is_day(digits[2] * 10 + digits[3], digits[0] * 10 + digits[1]) and digits[12] == (11 - rest) % 11


def _korea(number: str) -> bool:
    digits = _digits(number)
    return (
        _is_day(digits[2] * 10 + digits[3], digits[4] * 10 + digits[5])
        and (11 - _sum(digits, 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5) % 11) % 10 == digits[12]
    )


def _mexico(number: str) -> bool:
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    bare = number.upper()
    total = sum(alphabet.index(char) * (18 - place) for place, char in enumerate(bare[:17]))
    return _is_day(int(bare[6:8]), int(bare[8:10])) and (10 - total % 10) % 10 == int(bare[17])


def _new_zealand(number: str) -> bool:
    digits = _digits(number)
    digits = [0] * (9 - len(digits)) + digits
    check = -_sum(digits, 3, 2, 7, 6, 5, 4, 3, 2) % 11
    if check == 10:  # noqa: PLR2004  no digit: the second row of weights
        check = -_sum(digits, 7, 4, 3, 2, 5, 2, 7, 6) % 11
    return check == digits[8]


def _norway(number: str) -> bool:
    digits = _digits(number)
    return _sum(digits, 3, 7, 6, 1, 8, 9, 4, 5, 2, 1) % 11 == 0 and _sum(digits, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1) % 11 == 0


def _portugal(number: str) -> bool:
    digits = _digits(number)
    check = 11 - _sum(digits, 9, 8, 7, 6, 5, 4, 3, 2) % 11
    return digits[8] == (check if check < 10 else 0)  # noqa: PLR2004  no digit: zero


def _romania(number: str) -> bool:
    digits = _digits(number)
    rest = _sum(digits, 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9) % 11
    return _is_day(digits[3] * 10 + digits[4], digits[5] * 10 + digits[6]) and digits[12] == (1 if rest == 10 else rest)  # noqa: PLR2004  no digit: one


def _russia(number: str) -> bool:
    digits = _digits(number)
    return _sum(digits, 9, 8, 7, 6, 5, 4, 3, 2, 1) % 101 % 100 == digits[9] * 10 + digits[10]


def _russian_tax(number: str) -> bool:
    digits = _digits(number)
    return (
        _sum(digits, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8) % 11 % 10 == digits[10]
        and _sum(digits, 3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8) % 11 % 10 == digits[11]
    )


def _singapore(number: str) -> bool:
    bare = number.upper()
    total = _sum(_digits(bare), 2, 7, 6, 5, 4, 3, 2) + {"T": 4, "G": 4}.get(bare[0], 0)
    return ("JZIHGFEDCBA" if bare[0] in "ST" else "XWUTRQPNMLK")[total % 11] == bare[8]


def _south_africa(number: str) -> bool:
    digits = _digits(number)
    return _is_day(digits[2] * 10 + digits[3], digits[4] * 10 + digits[5]) and _is_luhn(digits)


def _sweden(number: str) -> bool:
    digits = _digits(number)[-10:]
    day = digits[4] * 10 + digits[5]
    return _is_day(digits[2] * 10 + digits[3], day - 60 if day > 60 else day) and _is_luhn(digits)  # noqa: PLR2004  a coordination number: day + 60


def _switzerland(number: str) -> bool:
    digits = _digits(number)
    return digits[:3] == [7, 5, 6] and (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _taiwan(number: str) -> bool:
    area = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0].upper()) + 10
    return (_sum([*divmod(area, 10), *_digits(number)], 1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def _thailand(number: str) -> bool:
    digits = _digits(number)
    return (11 - _sum(digits, *range(13, 1, -1)) % 11) % 10 == digits[12]


def _turkey(number: str) -> bool:
    digits = _digits(number)
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return digits[0] != 0 and digits[9] == tenth and digits[10] == sum(digits[:10]) % 10


def _ukraine(number: str) -> bool:
    digits = _digits(number)
    return _sum(digits, -1, 5, 7, 9, 4, 6, 10, 5, 7) % 11 % 10 == digits[9]


def _total(holds: Callable[[str], bool]) -> Callable[[str], bool]:
    """The same answer, and no for what has not the form that the arithmetic expects."""

    def answered(number: str) -> bool:
        try:
            return holds(number)
        except (IndexError, ValueError):
            return False

    return answered


PERSON_NUMBERS: Mapping[str, Callable[[str], bool]] = {
    f"id_{name}": _total(holds)
    for name, holds in {
        "ar": _argentina, "at": _austria, "au": _australia, "au_medicare": _australian_medicare, "be": _belgium, "bg": _bulgaria, "ca": _canada, "ch": _switzerland, "cl": _chile,
        "cn": _china, "cz": _czech, "de_pension": _german_pension, "dk": _denmark, "ee": _estonia, "fi": _finland, "gr": _greece, "gr_tax": _greek_tax, "hk": _hong_kong,
        "hr": _croatia, "hu": _hungary, "ie": _ireland, "il": _canada, "in": _india, "it": _italy, "jp": _japan, "kr": _korea, "mx": _mexico,
        "no": _norway, "nz": _new_zealand, "pt": _portugal, "ro": _romania, "rs": _jugoslav, "ru": _russia, "ru_tax": _russian_tax,
        "se": _sweden, "sg": _singapore, "th": _thailand, "tr": _turkey, "tw": _taiwan, "ua": _ukraine, "za": _south_africa,
    }.items()
}  # fmt: skip
"""Whether the check digits of a country's number for persons hold; for text of any form."""
