"""What a message tells of the people in it: the names beside their addresses, and countries written near them."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from forensics.addresses import canonical, mailboxes
from forensics.model import Text
from forensics.people.papers import papers, without_accounts

__all__ = ["NO_CLUES", "Clues", "clues_in", "personal_name"]

# a plain address in running text; obfuscated ones ("ann at acme") are left to people
MENTION = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_][A-Za-z0-9._%+'-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}(?![A-Za-z0-9-])"
)
_NAMING = re.compile(r"(?im)^(?:from|to|cc|reply-to|sender):[ \t]*([^\n]{1,65536})")
_NEAR = 2  # lines above and below an address that count as written beside it: a signature's height
_LINE = 1_000  # characters of a line that are looked at; a longer one is a table or a trap
_MOST = 50_000  # clues kept of one message; people beyond them have no hint, and count as unknown
_PHONE = re.compile(r"(?<![\w+])(?:\+|00)[ ]?([1-9](?:[ ()./-]{0,3}\d){6,14})(?!\d)")
_CELL = re.compile(r"[,;|\t]")
_STATED = re.compile(r"(?i)\b(?:country(?: of residence)?|residence|land|pays|país|paese|kraj)\s{0,3}[:=]\s{0,3}([^,;|\t]{2,40})")
_POSTCODE = re.compile(r"(?<![\w-])(A|B|CH|D|DK|E|F|FIN|FL|I|L|N|NL|S)-(?:\d{3} \d{2}|\d{4,5})(?= [A-ZÄÅÉÖØÜ])")
_STATE = re.compile(r"[A-Za-z.], ([A-Z]{2}) (\d)\d{4}(?:-\d{4})?(?!\d)")
# vehicle codes that people put before postcodes, where they differ from ISO 3166
_PLATES = {
    "A": "AT",
    "B": "BE",
    "D": "DE",
    "E": "ES",
    "F": "FR",
    "FIN": "FI",
    "FL": "LI",
    "I": "IT",
    "L": "LU",
    "N": "NO",
    "S": "SE",
}

_PARTS = re.compile(r"[^\W\d_][^\W\d_'’.-]*(?:['’-][^\W\d_]+)*")
_NAME_PARTS = range(2, 7)
_NAME_LENGTH = 80
_NO_NAMES = frozenset({
    "abteilung", "accounting", "accounts", "admin", "alerts", "billing", "bot", "buchhaltung", "bureau", "care", "company", "contact",
    "customer", "customers", "department", "dept", "desk", "finance", "gmbh", "group", "help", "helpdesk", "hr", "inc", "info", "kontakt",
    "kundenservice", "list", "ltd", "mail", "mailer", "marketing", "newsletter", "no", "noreply", "notifications", "office", "orders",
    "payroll", "press", "recruiting", "reply", "sales", "security", "service", "services", "shop", "store", "support", "system", "team",
    "vertrieb", "via",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clues:
    """Of one message, in memory only. `names`: canonical address and normalised name; `countries`: address, country, basis."""

    names: frozenset[tuple[str, str]] = frozenset()
    countries: frozenset[tuple[str, str, str]] = frozenset()


NO_CLUES = Clues()


def clues_in(texts: Iterable[Text]) -> Clues:
    """Names from address headers; countries that stand within two lines of one mail address and of no other. Guesses are left out.

    A country is ISO 3166-1 alpha-2, for the United States with the state where one is written (`US-CA`).
    """
    names: set[tuple[str, str]] = set()
    countries: set[tuple[str, str, str]] = set()
    for text in texts:
        if text.guessed or "@" not in text.text:
            continue
        if text.part == "headers":
            names.update(_names(text.text))
        elif len(countries) < _MOST:
            countries.update(_countries(text.text))
    return Clues(frozenset(sorted(names)[:_MOST]), frozenset(sorted(countries)[:_MOST]))


def _names(headers: str) -> Iterator[tuple[str, str]]:
    for match in _NAMING.finditer(headers):
        for box in mailboxes(match[1]):
            if name := personal_name(box.name):
                yield box.address, name


def personal_name(text: str) -> str:
    """A display name in the form in which names are compared, "" if it is not surely a person's.

    Case, order ("Lee, Ann"), brackets and punctuation do not count; at least two parts must be longer than an initial, and
    none may be a word of offices.
    """
    if len(text) > _NAME_LENGTH or "@" in text:
        return ""
    bare = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", " ", unicodedata.normalize("NFKC", text))
    parts = [part.casefold() for part in _PARTS.findall(bare)]
    whole = [part for part in parts if len(part) > 1]
    if (
        len(parts) not in _NAME_PARTS
        or len(whole) < min(_NAME_PARTS)
        or not _NO_NAMES.isdisjoint(parts)
        or re.search(r"\d", bare)
    ):
        return ""
    return " ".join(sorted(parts))


def _countries(text: str) -> Iterator[tuple[str, str, str]]:
    lines = [line[:_LINE] for line in text.splitlines()]
    named = {number: _one_address(line) for number, line in enumerate(lines) if "@" in line}
    for number, address in named.items():
        if not address:
            continue
        near = range(max(0, number - _NEAR), min(len(lines), number + _NEAR + 1))
        alone = all(named.get(at, address) == address for at in near)
        for at in near if alone else [number]:  # between two addresses it cannot be told whose country it is
            yield from ((address, country, basis) for country, basis in _told(lines[at]))


def _one_address(line: str) -> str:
    """The only address of a line; "" where it names several, or none."""
    found = {canonical(match.group().strip(".'")) for match in MENTION.finditer(line)}
    return found.pop() if len(found) == 1 else ""


def _told(line: str) -> Iterator[tuple[str, str]]:
    """Countries that a line names, each with its basis."""
    for match in _PHONE.finditer(without_accounts(line)) if "+" in line or "00" in line else ():
        if country := phone_country(re.sub(r"\D", "", match[1])):
            yield country, "phone number near the address"
    yield from papers(line)
    stated = _STATED.search(line)
    if stated and (country := _table()["names"].get(stated[1].strip(" .").casefold(), "")):
        yield country, "country stated near the address"
        return
    for cell in _CELL.split(line):
        if country := _table()["names"].get(cell.strip(" .").casefold(), ""):
            yield country, "postal country near the address"
    for match in _POSTCODE.finditer(line):
        yield _PLATES.get(match[1], match[1]), "postcode near the address"
    for match in _STATE.finditer(line):
        if match[1] in _table()["zips"].get(match[2], "").split():
            yield f"US-{match[1]}", "state and ZIP code near the address"


def phone_country(digits: str) -> str:
    """Country of an international number without its prefix, "" where the code does not tell one (ITU-T E.164, November 2016)."""
    codes = _table()["phones"]
    return next((codes[digits[:length]] for length in (4, 3, 2, 1) if digits[:length] in codes), "")


@lru_cache(maxsize=1)
def _table() -> Mapping[str, Mapping[str, str]]:
    text = resources.files("forensics.people").joinpath("countries.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    names = {name.casefold(): code for code, listed in table["names"].items() for name in listed}
    phones = {prefix: code for code, listed in table["phones"].items() for prefix in listed}
    return {"names": names, "phones": phones, "zips": table["zips"]}
