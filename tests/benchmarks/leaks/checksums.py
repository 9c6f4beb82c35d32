"""Check digits and checksums that issuers publish, for values that are valid of form and belong to nobody."""

from __future__ import annotations

import base64
import hashlib
import string
import zlib
from collections.abc import Sequence

__all__ = [
    "base62", "base64_crc", "cn_ric", "codice_fiscale", "crc_hex", "dni", "github", "gitlab_routable", "iban", "idnr", "luhn",
    "mod11", "mrz", "nir", "pesel", "seed_checks", "verhoeff",
]  # fmt: skip

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BASE36 = string.digits + string.ascii_lowercase


def base62(number: int, alphabet: str = _BASE62) -> str:
    """A number in the digits of `alphabet`, the greatest first; "" for 0."""
    digits = ""
    while number:
        number, digit = divmod(number, len(alphabet))
        digits = alphabet[digit] + digits
    return digits


def github(prefix: str, entropy: str) -> str:
    """GitHub's and npm's form: CRC32 of the entropy in six base62 digits (0-9A-Za-z) at the end."""
    return f"{prefix}{entropy}{base62(zlib.crc32(entropy.encode())).rjust(6, '0')}"


def gitlab_routable(prefix: str, payload: bytes) -> str:
    """GitLab's routable form: payload, its length, and CRC32 of all before it, both base36."""
    body = prefix + base64.urlsafe_b64encode(payload).decode().rstrip("=")
    length = base62(len(body) - len(prefix), _BASE36).rjust(2, "0")
    held = f"{body}.01.{length}"
    return held + base62(zlib.crc32(held.encode()), _BASE36).rjust(7, "0")


def crc_hex(text: str, *, little: bool = False, upper: bool = False) -> str:
    """CRC32 in eight hexadecimal digits: Atlassian's ends (upper case), Grafana's (little-endian)."""
    digits = zlib.crc32(text.encode()).to_bytes(4, "little" if little else "big").hex()
    return digits.upper() if upper else digits


def base64_crc(text: str) -> str:
    """CRC32, little-endian, as six characters of base64: the end of Confluent's keys."""
    return base64.b64encode(zlib.crc32(text.encode()).to_bytes(4, "little")).decode().rstrip("=")


def luhn(digits: str) -> str:
    """The digits with their check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return f"{digits}{-total % 10}"


def iban(country: str, account: str) -> str:
    """Country, two check digits and account (ISO 13616: mod 97 is 1)."""
    moved = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{country}{98 - int(moved) % 97:02d}{account}"


def mod11(digits: str, weights: Sequence[int]) -> int:
    """The weighted sum modulo 11."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11


def pesel(digits: str) -> str:
    """Ten digits of a Polish PESEL with their check digit."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return f"{digits}{-total % 10}"


def idnr(digits: str) -> str:
    """Ten digits of a German tax id with their check digit (ISO 7064, mod 11, 10)."""
    product = 10
    for digit in digits:
        product = 2 * ((product + int(digit)) % 10 or 10) % 11
    return f"{digits}{(11 - product) % 10}"


def nir(digits: str) -> str:
    """Thirteen digits of a French social security number with their key."""
    return f"{digits}{97 - int(digits) % 97:02d}"


def dni(digits: str) -> str:
    """Eight digits of a Spanish identity card with their letter."""
    return f"{digits}{'TRWAGMYFPDXBNJZSQVHLCKE'[int(digits) % 23]}"


def cn_ric(digits: str) -> str:
    """Seventeen digits of a Chinese identity number with their check character (ISO 7064, mod 11-2)."""
    weights = [pow(2, 17 - place, 11) for place in range(17)]
    return f"{digits}{'10X98765432'[mod11(digits, weights)]}"


_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def codice_fiscale(code: str) -> str:
    """Fifteen characters of an Italian tax code with their check letter."""
    total = 0
    for place, char in enumerate(code):
        number = int(char) if char.isdigit() else ord(char) - 65
        total += number if place % 2 else _ODD[number]
    return f"{code}{chr(65 + total % 26)}"


_TURN = ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 5, 7, 6, 2, 8, 3, 0, 9, 4))
_INVERSE = (0, 4, 3, 2, 1, 5, 6, 7, 8, 9)


def _dihedral(left: int, right: int) -> int:
    if left < 5:
        return (left + right) % 5 if right < 5 else 5 + (left + right) % 5
    return 5 + (left - right) % 5 if right < 5 else (left - right) % 5


def verhoeff(digits: str) -> str:
    """The digits with Verhoeff's check digit: India's Aadhaar."""
    turned: list[tuple[int, ...]] = [*_TURN]
    while len(turned) < 8:
        turned.append(tuple(_TURN[1][digit] for digit in turned[-1]))
    check = 0
    for place, digit in enumerate(reversed(digits), 1):
        check = _dihedral(check, turned[place % 8][int(digit)])
    return f"{digits}{_INVERSE[check]}"


def mrz(text: str) -> str:
    """The check digit of a field of a machine readable zone (ICAO 9303, weights 7, 3, 1)."""
    values = (0 if char == "<" else int(char, 36) for char in text)
    return str(sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10)


def seed_checks(places: Sequence[int]) -> bool:
    """Whether words at these places of BIP39's list bear its checksum."""
    bits = "".join(f"{place:011b}" for place in places)
    held = len(bits) * 32 // 33
    entropy = int(bits[:held], 2).to_bytes(held // 8, "big")
    digest = f"{int.from_bytes(hashlib.sha256(entropy).digest(), 'big'):0256b}"
    return bits[held:] == digest[: len(bits) - held]
