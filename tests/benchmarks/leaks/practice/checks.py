"""Check digits of further countries' numbers of persons, each from the issuer's published rule."""

from __future__ import annotations

import hashlib
import random
import string
from collections.abc import Callable, Sequence

from benchmarks.leaks.checksums import luhn

__all__ = ["Law", "Number", "base58check", "digits", "personal_date", "summed"]

Number = Callable[[random.Random], str]
Law = Callable[[str], bool]

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def digits(rng: random.Random, count: int) -> str:
    """So many digits, the first of them not 0."""
    return str(rng.randrange(1, 10)) + "".join(rng.choices(string.digits, k=count - 1))


def summed(text: str, weights: Sequence[int]) -> int:
    """The weighted sum of the digits."""
    return sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True))


def personal_date(rng: random.Random) -> tuple[int, int, int]:
    """Year, month and day of an adult's birth in the twentieth century."""
    return rng.randrange(1945, 2000), rng.randrange(1, 13), rng.randrange(1, 29)


def base58check(payload: bytes) -> str:
    """Bytes with four bytes of double SHA-256, in base 58: keys of Bitcoin wallets."""
    whole = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(whole, "big"), ""
    while number:
        number, place = divmod(number, 58)
        text = _BASE58[place] + text
    return "1" * (len(whole) - len(whole.lstrip(b"\0"))) + text


# One function a number, named by country and name of the number.


def _born(rng: random.Random, form: str) -> str:
    year, month, day = personal_date(rng)
    return form.format(y=year % 100, Y=year, m=month, d=day)


def nhs(rng: random.Random) -> str:
    while True:
        head = digits(rng, 9)
        check = -summed(head, range(10, 1, -1)) % 11
        if check < 10:
            return f"{head[:3]} {head[3:6]} {head[6:]}{check}"


def nino(rng: random.Random) -> str:
    head = rng.choice("ABCEGHJKLMNPRSTWXYZ") + rng.choice("ABCEGHJKLMNPRSTWXZ")
    head = "JK" if head in {"GB", "NK", "TN", "ZZ", "KN", "BG", "NT"} else head
    number = digits(rng, 6)
    return f"{head} {number[:2]} {number[2:4]} {number[4:]} {rng.choice('ABCD')}"


def pps(rng: random.Random) -> str:
    head = digits(rng, 7)
    return head + "WABCDEFGHIJKLMNOPQRSTUV"[summed(head, range(8, 1, -1)) % 23]


def bsn(rng: random.Random) -> str:
    while True:
        head = digits(rng, 8)
        check = summed(head, range(9, 1, -1)) % 11
        if check < 10:
            return f"{head}{check}"


def rijksregister(rng: random.Random) -> str:
    head = _born(rng, "{y:02d}{m:02d}{d:02d}") + f"{rng.randrange(1, 998):03d}"
    check = 97 - int(head) % 97
    return f"{head[:2]}.{head[2:4]}.{head[4:6]}-{head[6:9]}.{check:02d}"


def personnummer(rng: random.Random) -> str:
    whole = luhn(_born(rng, "{y:02d}{m:02d}{d:02d}") + f"{rng.randrange(1, 999):03d}")
    return f"{whole[:6]}-{whole[6:]}"


def fodselsnummer(rng: random.Random) -> str:
    while True:
        head = _born(rng, "{d:02d}{m:02d}{y:02d}") + f"{rng.randrange(0, 500):03d}"
        first = -summed(head, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
        if first == 10:
            continue
        second = -summed(f"{head}{first}", (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
        if second < 10:
            return f"{head[:6]} {head[6:]}{first}{second}"


def cpr(rng: random.Random) -> str:
    head = _born(rng, "{d:02d}{m:02d}{y:02d}")
    while True:
        serial = f"{rng.randrange(0, 400):03d}"
        check = -summed(head + serial, (4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
        if check < 10:
            return f"{head}-{serial}{check}"


def hetu(rng: random.Random) -> str:
    head, serial = _born(rng, "{d:02d}{m:02d}{y:02d}"), f"{rng.randrange(2, 900):03d}"
    return f"{head}-{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(head + serial) % 31]}"


def rodne_cislo(rng: random.Random) -> str:
    while True:
        year, month, day = personal_date(rng)
        head = f"{year % 100:02d}{month + rng.choice((0, 50)):02d}{day:02d}{rng.randrange(1000):03d}"
        if year >= 1954 and int(head) % 11 < 10:
            return f"{head[:6]}/{head[6:]}{int(head) % 11}"


def cnp(rng: random.Random) -> str:
    head = (
        f"{rng.randrange(1, 3)}" + _born(rng, "{y:02d}{m:02d}{d:02d}") + f"{rng.randrange(1, 41):02d}{rng.randrange(1, 999):03d}"
    )
    check = summed(head, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return f"{head}{1 if check == 10 else check}"


def egn(rng: random.Random) -> str:
    head = _born(rng, "{y:02d}{m:02d}{d:02d}") + f"{rng.randrange(1000):03d}"
    return f"{head}{summed(head, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10}"


def oib(rng: random.Random) -> str:
    head, product = digits(rng, 10), 10
    for digit in head:
        product = 2 * ((product + int(digit)) % 10 or 10) % 11
    return f"{head}{(11 - product) % 10}"


def jmbg(rng: random.Random) -> str:
    while True:
        head = (
            _born(rng, "{d:02d}{m:02d}")
            + f"9{rng.randrange(50, 99):02d}"
            + f"{rng.choice((50, 71, 10))}{rng.randrange(1000):03d}"
        )
        check = -summed(head, (7, 6, 5, 4, 3, 2) * 2) % 11
        if check < 10:
            return f"{head}{check}"


def amka(rng: random.Random) -> str:
    return luhn(_born(rng, "{d:02d}{m:02d}{y:02d}") + f"{rng.randrange(10000):04d}")


def isikukood(rng: random.Random) -> str:
    head = f"{rng.randrange(3, 5)}" + _born(rng, "{y:02d}{m:02d}{d:02d}") + f"{rng.randrange(1000):03d}"
    check = summed(head, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = summed(head, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return f"{head}{check}"


def tckn(rng: random.Random) -> str:
    head = digits(rng, 9)
    odd, even = sum(map(int, head[::2])), sum(map(int, head[1::2]))
    tenth = (7 * odd - even) % 10
    return f"{head}{tenth}{(odd + even + tenth) % 10}"


def snils(rng: random.Random) -> str:
    head = digits(rng, 9)
    check = summed(head, range(9, 0, -1)) % 101 % 100
    return f"{head[:3]}-{head[3:6]}-{head[6:]} {check:02d}"


def teudat_zehut(rng: random.Random) -> str:
    return luhn(digits(rng, 8))


def za_id(rng: random.Random) -> str:
    return luhn(_born(rng, "{y:02d}{m:02d}{d:02d}") + f"{rng.randrange(10000):04d}08")


def rrn(rng: random.Random) -> str:
    head = _born(rng, "{y:02d}{m:02d}{d:02d}") + f"{rng.randrange(1, 3)}{rng.randrange(96):02d}{rng.randrange(1000):03d}"
    return f"{head[:6]}-{head[6:]}{(11 - summed(head, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10}"


def my_number(rng: random.Random) -> str:
    head = digits(rng, 11)
    rest = summed(head, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return f"{head}{0 if rest <= 1 else 11 - rest}"


def taj(rng: random.Random) -> str:
    head = digits(rng, 8)
    whole = f"{head}{summed(head, (3, 7) * 4) % 10}"
    return f"{whole[:3]} {whole[3:6]} {whole[6:]}"


def ahv(rng: random.Random) -> str:
    head = "756" + digits(rng, 9)
    whole = f"{head}{-summed(head, (1, 3) * 6) % 10}"
    return f"{whole[:3]}.{whole[3:7]}.{whole[7:11]}.{whole[11:]}"


def svnr(rng: random.Random) -> str:
    while True:
        serial, born = digits(rng, 3), _born(rng, "{d:02d}{m:02d}{y:02d}")
        check = summed(serial + born, (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11
        if check < 10:
            return f"{serial}{check} {born}"


def rut(rng: random.Random) -> str:
    head = digits(rng, 8)
    check = "0K987654321"[summed(head, (3, 2, 7, 6, 5, 4, 3, 2)) % 11]
    return f"{head[:2]}.{head[2:5]}.{head[5:]}-{check}"


def cuit(rng: random.Random) -> str:
    while True:
        head = f"{rng.choice((20, 27))}{digits(rng, 8)}"
        check = -summed(head, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
        if check < 10:
            return f"{head[:2]}-{head[2:]}-{check}"


def curp(rng: random.Random) -> str:
    head = (
        rng.choice(("GARM", "LOPA", "MAHJ", "SAVC"))
        + _born(rng, "{y:02d}{m:02d}{d:02d}")
        + rng.choice("HM")
        + rng.choice(("DF", "JC", "NL", "PL"))
    )
    head += "".join(rng.choices("BCDFGHJKLMNPQRSTVWXZ", k=3)) + rng.choice(string.digits)
    order = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    return f"{head}{-sum(order.index(char) * (18 - place) for place, char in enumerate(head)) % 10}"


def cpf(rng: random.Random) -> str:
    head = digits(rng, 9)
    for weights in (range(10, 1, -1), range(11, 1, -1)):
        rest = summed(head, weights) % 11
        head += str(0 if rest < 2 else 11 - rest)
    return f"{head[:3]}.{head[3:6]}.{head[6:9]}-{head[9:]}"


def nip(rng: random.Random) -> str:
    while True:
        head = digits(rng, 9)
        check = summed(head, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11
        if check < 10:
            return f"{head[:3]}-{head[3:6]}-{head[6:8]}-{head[8]}{check}"


def nif_pt(rng: random.Random) -> str:
    head = rng.choice("12") + digits(rng, 7)
    rest = summed(head, range(9, 1, -1)) % 11
    return f"{head}{0 if rest < 2 else 11 - rest}"


def afm(rng: random.Random) -> str:
    head = digits(rng, 8)
    return f"{head}{summed(head, (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10}"


def inn(rng: random.Random) -> str:
    head = digits(rng, 10)
    first = summed(head, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    second = summed(f"{head}{first}", (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return f"{head}{first}{second}"


def rnokpp(rng: random.Random) -> str:
    head = digits(rng, 9)
    return f"{head}{summed(head, (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10}"


def tfn(rng: random.Random) -> str:
    while True:
        whole = digits(rng, 9)
        if summed(whole, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0:
            return f"{whole[:3]} {whole[3:6]} {whole[6:]}"


def medicare(rng: random.Random) -> str:
    head = str(rng.randrange(2, 7)) + digits(rng, 7)
    whole = f"{head}{summed(head, (1, 3, 7, 9, 1, 3, 7, 9)) % 10}{rng.randrange(1, 5)}"
    return f"{whole[:4]} {whole[4:9]} {whole[9]}"


def sin_ca(rng: random.Random) -> str:
    whole = luhn(str(rng.randrange(1, 8)) + digits(rng, 7))
    return f"{whole[:3]}-{whole[3:6]}-{whole[6:]}"


def ssn(rng: random.Random) -> str:
    return f"{rng.choice((rng.randrange(100, 665), rng.randrange(667, 899)))}-{rng.randrange(10, 99)}-{rng.randrange(1001, 9998)}"


def rvnr(rng: random.Random) -> str:
    letter = rng.choice("BFGHKLMRSW")
    head = f"{rng.randrange(10, 81):02d}" + _born(rng, "{d:02d}{m:02d}{y:02d}")
    serial = f"{rng.randrange(1, 50):02d}"
    spelt = f"{head}{ord(letter) - 64:02d}{serial}"
    products = (int(digit) * weight for digit, weight in zip(spelt, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    return f"{head[:2]} {head[2:]} {letter} {serial}{sum(one // 10 + one % 10 for one in products) % 10}"
