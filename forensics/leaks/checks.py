"""What a candidate must stand up to: checksums, structure, and the tests of a value said in prose."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import zlib
from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import regex

from forensics.leaks.checksums import (
    is_age_key,
    is_confluent_sum,
    is_data_center_token,
    is_discord_token,
    is_gitlab_sum,
    is_json_inside,
    is_nkey_seed,
    is_reference_token,
    is_ripple_seed,
    is_stellar_seed,
)
from forensics.leaks.mnemonics import seed_phrase
from forensics.leaks.naming import Called, called, is_code, is_four_by_four, is_identifier, is_patch_line
from forensics.leaks.national import PERSON_NUMBERS
from forensics.leaks.persons import (
    is_advert,
    is_card_said,
    is_child_said,
    is_order_said,
    is_person_name,
    is_person_said,
    is_phone,
    is_postal,
)
from forensics.leaks.prose import (
    is_bare_word,
    is_digest,
    is_machine_line,
    is_placeholder,
    is_said_value,
    is_token_like,
    is_value,
    is_within_url,
)

__all__ = ["CHECKS", "Candidate", "Check", "Judgement", "check_named"]


class Judgement(IntEnum):
    """What one check says of one candidate. A checksum that fails disproves nothing: the value may be retyped or cut."""

    REJECTS = 0
    DOUBTS = 1  # one step less sure
    FITS = 2
    PROVES = 3  # chance alone would not do this


class Candidate(NamedTuple):
    """A place in a text where a rule's pattern fits; `value` differs from the text there if a link had to be decoded."""

    start: int
    end: int
    value: str
    text: str
    whole: str  # everything that the pattern took, for checks that need more than the secret

    def __repr__(self) -> str:
        """Its place only: a value is never shown."""
        return f"Candidate({self.start}, {self.end})"


Check = Callable[[Candidate], Judgement]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _fits(is_good: bool) -> Judgement:
    return Judgement.FITS if is_good else Judgement.REJECTS


def _proves(is_good: bool) -> Judgement:
    return Judgement.PROVES if is_good else Judgement.DOUBTS


def crc32_base62(found: Candidate) -> Judgement:
    """GitHub and npm tokens: the last 6 of 36 characters are the CRC32 of the first 30 in base 62, zero-padded."""
    body = found.value.rpartition("_")[2]
    if len(body) != 36:  # noqa: PLR2004  the only length for which a checksum is known
        return Judgement.DOUBTS
    number, digits = zlib.crc32(body[:30].encode("utf-8", "replace")), ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return _proves(digits.rjust(6, "0") == body[30:])


def crc32_hex(found: Candidate) -> Judgement:
    """Atlassian API tokens: the last 8 characters are the CRC32 of what precedes, upper-case hex ("=" may be "%3D")."""
    token = found.value.replace("%3D", "=").replace("%3d", "=")
    sums = {f"{zlib.crc32(rest.encode('utf-8', 'replace')):08X}" for rest in (token[:-8], token[:-9])}
    return _proves(token[-8:] in sums)


def crc32_grafana(found: Candidate) -> Judgement:
    """Grafana service-account tokens: 8 hex digits hold the CRC32 of the first 37 characters, little-endian."""
    token = found.value
    written = zlib.crc32(token[:37].encode("utf-8", "replace")).to_bytes(4, "little").hex()
    return _proves(token[-8:].lower() == written)


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char in "0123456789"]


def _is_luhn(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def luhn(found: Candidate) -> Judgement:
    """Mod 10 of ISO/IEC 7812-1, and not one digit repeated."""
    digits = _digits(found.value)
    return _fits(len(set(digits)) > 1 and _is_luhn(digits))


def card_network(found: Candidate) -> Judgement:
    """An issuer's number range with a length that this network uses (ISO/IEC 7812)."""
    number = "".join(str(digit) for digit in _digits(found.value))
    length = len(number)
    two, three, four = (int(number[:size] or 0) for size in (2, 3, 4))
    return _fits(
        (number[:1] == "4" and length in {13, 16, 19})
        or (length == 16 and (51 <= two <= 55 or 2221 <= four <= 2720))  # noqa: PLR2004  Mastercard
        or (length == 15 and two in {34, 37})  # noqa: PLR2004  American Express
        or (length == 16 and (four == 6011 or two == 65 or 3528 <= four <= 3589))  # noqa: PLR2004  Discover, JCB
        or (length == 14 and (two in {36, 38} or 300 <= three <= 305))  # noqa: PLR2004  Diners Club
        or (16 <= length <= 19 and two == 62)  # noqa: PLR2004  UnionPay
    )


_IBAN_LENGTHS = {
    code: int(length)
    for code, length in regex.findall(
        r"(..):(\d\d)",
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DK:18 DO:28 EE:20 EG:29 "
        "ES:24 FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 "
        "LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MR:27 MT:31 MU:30 NL:18 NO:15 PK:24 PL:28 PS:29 PT:25 "
        "QA:29 RO:24 RS:22 SA:24 SC:31 SE:24 SI:19 SK:24 SM:27 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 ",
    )
}


def iban(found: Candidate) -> Judgement:
    """ISO 13616: the country's length, and mod 97 = 1."""
    number = "".join(found.value.split()).replace("-", "").upper()
    if not (number.isascii() and number.isalnum()) or _IBAN_LENGTHS.get(number[:2]) != len(number):
        return Judgement.REJECTS
    remainder = int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97
    return Judgement.PROVES if remainder == 1 else Judgement.REJECTS


def _base64_bytes(text: str) -> bytes:
    """The bytes of base64 or base64url text, padding optional; empty if it is neither."""
    try:
        return base64.b64decode(text.rstrip("=").replace("-", "+").replace("_", "/") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return b""


def json_of_base64(text: str) -> dict[str, object]:
    """The JSON object that base64url text holds; empty if there is none. For JWT headers and payloads (RFC 7519)."""
    try:
        loaded = json.loads(_base64_bytes(text))
    except (ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def jwt(found: Candidate) -> Judgement:
    """A JOSE header that names its algorithm (RFC 7515 section 4.1.1)."""
    header = json_of_base64(found.value.partition(".")[0])
    return Judgement.PROVES if "alg" in header else Judgement.REJECTS


def base64_pair(found: Candidate) -> Judgement:
    """Base64 of `name:secret`, printable, as in HTTP Basic authentication (RFC 7617)."""
    decoded = _base64_bytes(found.value).decode("utf-8", "replace")
    name, colon, secret = decoded.partition(":")
    return _fits(bool(colon and secret and (name + secret).isprintable() and "\ufffd" not in decoded))


def base32(found: Candidate) -> Judgement:
    """A TOTP seed: base32 without blanks, dashes and quote signs (RFC 4648 section 6), letters and digits mixed."""
    seed = regex.sub(r"[\s>-]", "", found.value).upper().rstrip("=")
    return _fits(bool(regex.fullmatch(r"[A-Z2-7]{16,128}", seed)) and any(c in "234567" for c in seed) and len(set(seed)) > 5)  # noqa: PLR2004  "AAAA…"


def wallet_key(found: Candidate) -> Judgement:
    """Bitcoin WIF and extended keys: base58check, the last four bytes are a doubled SHA-256."""
    number = 0
    for char in found.value:
        position = _BASE58.find(char)
        if position < 0:
            return Judgement.REJECTS
        number = number * 58 + position
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    digest = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()
    return _proves(digest[:4] == raw[-4:])


# the commonest words of a sentence; no word list of BIP 39 has one of them
_NEVER_SEED = frozenset(
    [
        "the",
        "and",
        "for",
        "was",
        "are",
        "not",
        "with",
        "from",
        "has",
        "but",
        "were",
        "our",
        "und",
        "der",
        "die",
        "das",
        "ist",
        "les",
        "des",
        "pour",
        "que",
        "los",
        "las",
        "per",
        "sono",
    ]
)


def seed_words(found: Candidate) -> Judgement:
    """A recovery phrase: 12, 15, 18, 21 or 24 short words, few of them alike (BIP 39)."""
    words = regex.findall(r"[a-z]{3,8}", found.value.lower())
    if _NEVER_SEED.intersection(words):
        return Judgement.REJECTS
    return _fits(len(words) in {12, 15, 18, 21, 24} and len(set(words)) > len(words) * 2 // 3)


def google_service_account(found: Candidate) -> Judgement:
    """A private key stands in the same JSON object as a client's address."""
    return _fits("client_email" in found.text[max(0, found.start - 4096) : found.end + 4096])


def _weighted(found: Candidate, weights: tuple[int, ...]) -> int:
    return sum(digit * weight for digit, weight in zip(_digits(found.value), weights, strict=False))


def nhs(found: Candidate) -> Judgement:
    """United Kingdom NHS number: mod 11."""
    return _fits(_weighted(found, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0)


def bsn(found: Candidate) -> Judgement:
    """Dutch burgerservicenummer: the eleven test."""
    return _fits(_weighted(found, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0)


def pesel(found: Candidate) -> Judgement:
    """Polish PESEL: weights 1-3-7-9, mod 10."""
    return _fits(_weighted(found, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0)


def cpf(found: Candidate) -> Judgement:
    """Brazilian CPF: two mod 11 digits."""
    digits = _digits(found.value)
    if len(digits) != 11 or len(set(digits)) == 1:  # noqa: PLR2004  9 + 2 check digits
        return Judgement.REJECTS
    for length in (9, 10):
        rest = sum(digit * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=False)) * 10 % 11 % 10
        if rest != digits[length]:
            return Judgement.REJECTS
    return Judgement.FITS


def nir(found: Candidate) -> Judgement:
    """French NIR: 97 minus the rest of 13 digits (2A and 2B read as 19 and 18)."""
    number = "".join(found.value.split()).upper().replace("2A", "19").replace("2B", "18")
    return _fits(len(number) == 15 and number.isascii() and number.isdigit() and 97 - int(number[:13]) % 97 == int(number[13:]))  # noqa: PLR2004  13 + 2


def dni(found: Candidate) -> Judgement:
    """Spanish DNI and NIE: the letter is the rest of the number divided by 23."""
    number = regex.sub(r"[\s.-]", "", found.value.upper())
    digits = {"X": "0", "Y": "1", "Z": "2"}.get(number[:1], number[:1]) + number[1:-1]
    return _fits(digits.isascii() and digits.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == number[-1])


def idnr(found: Candidate) -> Judgement:
    """German tax identification number: ISO 7064 mod 11,10."""
    digits, product = _digits(found.value), 10
    for digit in digits[:10]:
        rest = (digit + product) % 10 or 10
        product = rest * 2 % 11
    return _fits(len(digits) == 11 and (11 - product) % 10 == digits[10])  # noqa: PLR2004  10 + 1 check digit


def _entropy(text: str) -> float:
    if not text:
        return 0.0
    total = 0.0
    for count in Counter(text).values():
        total += count * math.log2(count)
    return math.log2(len(text)) - total / len(text)


def value(found: Candidate) -> Judgement:
    """What may stand after a colon; a bare word is doubted."""
    if not is_value(found.value, found.text, found.start, found.end):
        return Judgement.REJECTS
    return Judgement.DOUBTS if is_bare_word(found.value, found.text, found.start) else Judgement.FITS


def said_value(found: Candidate) -> Judgement:
    """What may stand after "is"; a bare word is doubted."""
    if not is_said_value(found.value, found.text, found.start, found.end):
        return Judgement.REJECTS
    return Judgement.DOUBTS if is_bare_word(found.value, found.text, found.start) else Judgement.FITS


def not_local(found: Candidate) -> Judgement:
    """A connection string of a developer's own machine is doubted, not dropped."""
    is_local = regex.search(r"(?i)@(?:localhost|127\.0\.0\.1|\[::1\]|host\.docker\.internal)\b", found.whole)
    return Judgement.DOUBTS if is_local else Judgement.FITS


def card_said(found: Candidate) -> Judgement:
    """A card number in groups, or with a card spoken of near; one in a row is doubted, and dropped where an order is spoken of."""
    if is_card_said(found.text, found.start, found.end):
        return Judgement.FITS
    if is_order_said(found.text, found.start, found.end):
        return Judgement.REJECTS
    return Judgement.FITS if regex.search(r"[ .-]", found.value) else Judgement.DOUBTS


def of_person(found: Candidate) -> Judgement:
    """What is personal only where the line speaks of one person."""
    return _fits(is_person_said(found.text, found.start, found.end))


def own_pay(found: Candidate) -> Judgement:
    """An amount that one person earns; what a vacancy promises is nobody's, a sentence without a person is doubted."""
    if is_advert(found.text, found.start, found.end):
        return Judgement.REJECTS
    is_listed = regex.search(
        r"[:=|\t\n][^\p{L}\n]{0,4}(?:EUR|USD|GBP|CHF)?[^\p{L}\n]{0,2}$", found.text[max(0, found.start - 12) : found.start]
    )
    is_ones = is_listed or is_person_said(found.text, found.start, found.end, or_reader=True)
    return Judgement.FITS if is_ones else Judgement.DOUBTS


def _of_form(holds: Callable[[str], bool]) -> Check:
    return lambda found: _fits(holds(found.value))


# the stricter, the more other things have the form: builds and orders; random letters; hardly anything with this word near
_CALLED = {
    Called.KEY: Judgement.FITS, Called.LABELLED: Judgement.DOUBTS, Called.UNSAID: Judgement.REJECTS, Called.OTHERWISE: Judgement.REJECTS,
}  # fmt: skip
_RATHER_CALLED = {**_CALLED, Called.UNSAID: Judgement.DOUBTS}
_LABELLED = {**_RATHER_CALLED, Called.LABELLED: Judgement.FITS}
CHECKS: dict[str, Check] = {
    "age_key": lambda found: _proves(is_age_key(found.value)),
    "base32": base32,
    "base64_pair": base64_pair,
    "bsn": bsn,
    "called_secret": lambda found: _CALLED[called(found.text, found.start, found.end)],
    "card_network": card_network,
    "card_said": card_said,
    "cpf": cpf,
    "crc32_base36": lambda found: _proves(is_gitlab_sum(found.value)),
    "crc32_base62": crc32_base62,
    "crc32_base64": lambda found: _proves(is_confluent_sum(found.value)),
    "crc32_grafana": crc32_grafana,
    "crc32_hex": crc32_hex,
    "data_center_token": lambda found: Judgement.PROVES if is_data_center_token(found.value) else Judgement.REJECTS,
    "discord_token": lambda found: _proves(is_discord_token(found.value)),
    "dni": dni,
    "four_by_four": lambda found: _fits(is_four_by_four(found.value)),
    "google_service_account": google_service_account,
    "iban": iban,
    "idnr": idnr,
    "json_inside": lambda found: _proves(is_json_inside(found.value)),
    "jwt": jwt,
    "labelled_secret": lambda found: _LABELLED[called(found.text, found.start, found.end)],
    "luhn": luhn,
    "nhs": nhs,
    "nir": nir,
    "nkey_seed": lambda found: _proves(is_nkey_seed(found.value)),
    "not_code": lambda found: _fits(not is_code(found.text, found.start, found.end)),
    "not_digest": lambda found: _fits(not is_digest(found.text, found.start)),
    "not_identifier": lambda found: _fits(not is_identifier(found.value)),
    "not_in_patch_line": lambda found: _fits(not is_patch_line(found.text, found.start)),
    "not_in_url": lambda found: _fits(not is_within_url(found.text, found.start)),
    "not_local": not_local,
    "not_machine_line": lambda found: _fits(not is_machine_line(found.text, found.start)),
    "not_placeholder": lambda found: _fits(not is_placeholder(found.value)),
    "of_child": lambda found: _fits(is_child_said(found.text, found.start, found.end)),
    "of_person": of_person,
    "own_pay": own_pay,
    "not_year": lambda found: _fits(not regex.fullmatch(r"(?:19|20)\d\d", found.value)),
    "pesel": pesel,
    "person_name": lambda found: _fits(is_person_name(found.value)),
    "phone_like": lambda found: _fits(is_phone(found.value)),
    "postal": lambda found: _fits(is_postal(found.value)),
    "rather_called_secret": lambda found: _RATHER_CALLED[called(found.text, found.start, found.end)],
    "reference_token": lambda found: _proves(is_reference_token(found.value)),
    "ripple_seed": lambda found: _proves(is_ripple_seed(found.value)),
    "said_value": said_value,
    "seed_phrase": lambda found: Judgement.PROVES if seed_phrase(found.value) == (0, len(found.value)) else Judgement.REJECTS,
    "seed_words": seed_words,
    "stellar_seed": lambda found: _proves(is_stellar_seed(found.value)),
    "token_like": lambda found: _fits(is_token_like(found.value)),
    "value": value,
    "wallet_key": wallet_key,
    **{name: _of_form(holds) for name, holds in PERSON_NUMBERS.items()},
}
"""Checks by the names that rules use."""


def check_named(name: str) -> Check:
    """A check by name; `entropy:3.0` asks for 3 bits a character, `length:60` for 60 characters. Raises KeyError, ValueError."""
    word, colon, argument = name.partition(":")
    if word == "entropy" and colon:
        floor = float(argument)
        return lambda found: _fits(_entropy(found.value) >= floor)
    if word == "length" and colon:
        shortest = int(argument)
        return lambda found: _fits(len(found.value) >= shortest)
    return CHECKS[name]
