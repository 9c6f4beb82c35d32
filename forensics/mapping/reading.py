"""A mapping read from TOML, with all of its mistakes told at once."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from forensics.addresses import ascii_domain
from forensics.mapping.contradictions import contradictions
from forensics.mapping.nouns import FORM_TIMES, RECIPIENTS, ROLES, Form, Layout, Mapping, MappingError, Place, zone_of
from forensics.model import Direction, Outcome, Route

__all__ = ["load_mapping", "read_mapping", "shipped_mappings"]

_T = TypeVar("_T")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_FACT = re.compile(r"[a-z][a-z0-9_]{0,40}")
_DIRECTIVES = re.compile(r"%(.)")
_KNOWN_DIRECTIVES = frozenset("YymdHIMSfpjbBaAz%")
_LONGEST = 1 << 20  # characters of a mapping file
_MOST_NAMES = 64  # columns of one field, and facts
_MOST_VALUES = 1_000
_LEAST_NEEDED = 2  # one column alone is no mark of a format

_TOP = {
    "name", "title", "route", "grain", "header_known", "shows", "id_prefix", "message_id_domain", "match", "table", "json", "columns",
    "fields", "constants", "outcomes", "roles", "directions", "only",
}  # fmt: skip
_TIMES = frozenset({"time", "event_time"})
_FIELDS = (
    "message_id", "provider_id", "sender", "envelope_sender", "to", "cc", "bcc", "envelope", "recipient", "role", "original", "outcome",
    "direction", "time", "event_time", "subject", "server", "stream", "size", "reply", "attachments",
)  # fmt: skip
_OUTCOMES = {one.value or "none": one for one in Outcome}
_ROUTES = {one.value: one for one in Route}
_DIRECTIONS = {one.value: one for one in Direction}
_CLOCKS = {"received_at": "", "date": "", "syslog": ""}  # who wrote `time`: the service, the sender's Date, or a logger
_ENCODINGS = ("auto", "utf-8", "latin-1", "windows-1252")


def shipped_mappings() -> list[str]:
    """Names of the mappings that come with the package."""
    folder = resources.files("forensics").joinpath("mappings")
    return sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml"))


def load_mapping(name_or_path: str | Path) -> Mapping:
    """A shipped mapping by name, or a TOML file by path. Raises MappingError."""
    name = str(name_or_path)
    if name in shipped_mappings():
        place = resources.files("forensics").joinpath("mappings", f"{name}.toml")
        return read_mapping(place.read_text(encoding="utf-8"), f"mappings/{name}.toml")
    try:
        with Path(name).open(encoding="utf-8-sig") as file:
            text = file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a NUL in the path
        names = ", ".join(shipped_mappings())
        raise MappingError(f"{name}: no shipped mapping ({names}) and no readable file: {error}") from error
    return read_mapping(text, Path(name).name)


def read_mapping(text: str, source: str) -> Mapping:
    """A mapping from the text of its file; `source` names the file in errors. Raises MappingError with all mistakes at once."""
    if len(text) > _LONGEST:
        raise MappingError(f"{source}: longer than {_LONGEST:,} characters; a mapping holds names of columns, not data")
    try:
        told = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(f"{source}: not valid TOML: {error}") from error
    check = _Check(source)
    mapping = _mapping(check, told, text)
    if check.problems:
        raise MappingError(*check.problems)
    return mapping


class _Check:
    """Reads keys of TOML tables; what is wrong is noted, and something harmless stands in for it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[str] = []

    def wrong(self, where: str, remedy: str) -> None:
        self.problems.append(f"{self.source}: {where}: {remedy}")

    def table(self, told: dict[str, Any], key: str, known: set[str] | None = None) -> dict[str, Any]:
        found = told.get(key, {})
        if not isinstance(found, dict):
            self.wrong(key, f"must be a table, written as [{key}] with its keys below")
            return {}
        if known is not None:
            self.known(found, known, f"[{key}] ")
        return found

    def known(self, found: dict[str, Any], known: set[str], where: str) -> None:
        for one in sorted(set(found) - known):
            self.wrong(f"{where}{one}", f"unknown key; known are {', '.join(sorted(known))}")

    def text(self, told: dict[str, Any], key: str, where: str = "", default: str = "", remedy: str = "must be a text") -> str:
        found = told.get(key, default)
        if isinstance(found, str):
            return found
        self.wrong(f"{where}{key}", remedy)
        return default

    def texts(self, told: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
        found = told.get(key, [])
        listed = [found] if isinstance(found, str) else found
        if not isinstance(listed, list) or not all(isinstance(one, str) and one for one in listed):
            self.wrong(f"{where}{key}", 'must be a text, or a list of texts such as ["one", "two"]')
            return ()
        return tuple(dict.fromkeys(listed))

    def choice(self, told: dict[str, Any], key: str, ways: dict[str, _T], default: str, where: str = "") -> _T:
        found = told.get(key, default)
        if isinstance(found, str) and found in ways:
            return ways[found]
        state = "missing; " if key not in told else ""
        self.wrong(f"{where}{key}", f"{state}must be one of {', '.join(ways)}")
        return next(iter(ways.values()))

    def flag(self, told: dict[str, Any], key: str) -> bool:
        found = told.get(key, False)
        if not isinstance(found, bool):
            self.wrong(key, "must be true or false, without quotes")
        return found is True

    def values(self, told: dict[str, Any], key: str, ways: dict[str, _T]) -> tuple[tuple[str, _T], ...]:
        """A value table: each word of the evidence, in lower case, with what it stands for."""
        found: dict[str, _T] = {}
        table = self.table(told, key)
        if len(table) > _MOST_VALUES:
            self.wrong(f"[{key}]", f"more than {_MOST_VALUES:,} values; a value table names kinds, not records")
        for word, meaning in table.items():
            plain = word.strip().lower()
            if not isinstance(meaning, str) or meaning not in ways:
                self.wrong(f"[{key}] {word}", f"must be one of {', '.join(ways)}")
            elif found.setdefault(plain, ways[meaning]) != ways[meaning]:
                self.wrong(f"[{key}] {word}", "stands there twice with different meanings: case does not count; remove one")
        return tuple(sorted(found.items(), key=lambda one: one[0]))


def _mapping(check: _Check, told: dict[str, Any], text: str) -> Mapping:
    check.known(told, _TOP, "")
    name = check.text(told, "name")
    if not _NAME.fullmatch(name):
        check.wrong("name", "must be 1 to 41 lower-case letters, digits and hyphens, such as our-gateway")
    match = check.table(told, "match", {"columns", "keys", "name"})
    table, json = _form(check, told, match, "columns", "columns"), _form(check, told, match, "fields", "keys")
    if table is None and json is None:
        check.wrong("[columns] or [fields]", "missing; name the columns of a table under [columns], or JSON paths under [fields]")
    domain = check.text(told, "message_id_domain")
    if domain and (domain != ascii_domain(domain) or "." not in domain or "@" in domain or " " in domain):
        check.wrong("message_id_domain", "must be a domain in lower case, such as mtasv.net, without @")
    prefix = check.text(told, "id_prefix", default=f"{name}:")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_:./-]{0,60}[:/]", prefix):
        check.wrong("id_prefix", 'must be lower case and end in ":" or "/", such as "sendgrid:" or "queue:mx1.acme.example/"')
    grain = check.choice(told, "grain", {"message": "message", "recipient": "recipient"}, "")
    mapping = Mapping(
        name=name,
        title=check.text(told, "title") or name,
        text=text,
        source=check.source,
        route=check.choice(told, "route", _ROUTES, ""),
        grain=grain,
        shows=frozenset(check.texts(told, "shows", "")) or _shown(table, json, header=told.get("header_known") is True),
        id_prefix=prefix,
        message_id_domain=domain,
        header_known=check.flag(told, "header_known"),
        glob=check.text(match, "name", "[match] ").lower(),
        layout=_layout(check, told),
        table=table,
        json=json,
        constants=_constants(check, told),
        outcomes=check.values(told, "outcomes", _OUTCOMES),
        roles=check.values(told, "roles", ROLES),
        directions=check.values(told, "directions", _DIRECTIONS),
        only=_only(check, told),
    )
    for problem in contradictions(mapping):
        check.wrong(*problem)
    return mapping


def _form(check: _Check, told: dict[str, Any], match: dict[str, Any], key: str, needed: str) -> Form | None:
    if key not in told:
        if needed in match:
            check.wrong(f"[match] {needed}", f"there is no [{key}]; name there what each of them holds, or remove this key")
        return None
    found = check.table(told, key, {*_FIELDS, "facts"})
    facts = check.table(found, "facts")
    for one in facts:
        if not _FACT.fullmatch(one):
            check.wrong(f"[{key}.facts] {one}", "the name of a fact is lower-case letters, digits and underscores")
    if len(facts) > _MOST_NAMES:
        check.wrong(f"[{key}.facts]", f"more than {_MOST_NAMES} facts; keep those that tell how the message was sent")
    marks = check.texts(match, needed, "[match] ")
    if len(marks) < _LEAST_NEEDED:
        what = "columns" if key == "columns" else "JSON paths"
        check.wrong(f"[match] {needed}", f"name at least {_LEAST_NEEDED} {what} that every such file has, and others have not")
    places = tuple((one, _place(check, found[one], f"[{key}] {one}", one)) for one in _FIELDS if one in found)
    return Form(marks, places, tuple((one, _place(check, facts[one], f"[{key}.facts] {one}", "")) for one in sorted(facts)))


def _place(check: _Check, told: object, where: str, noun: str) -> Place:
    """A text, a list of texts, or a table with `from` and more."""
    if not isinstance(told, dict):
        told = {"from": told}
    known = {"from", "separator"} | ({"format", "zone"} if noun in _TIMES else set())
    check.known(told, known, f"{where}.")
    names = check.texts(told, "from", f"{where}.")
    if not names:
        check.wrong(where, 'names nothing; write a column or path, such as "To", or { from = "To", separator = "|" }')
    if len(names) > _MOST_NAMES:
        check.wrong(where, f"more than {_MOST_NAMES} names")
    formats = check.texts(told, "format", f"{where}.") or ("iso",)
    for one in formats:
        problem = _wrong_format(one)
        if problem:
            check.wrong(f"{where}.format", problem)
    zone = check.text(told, "zone", f"{where}.")
    if zone and zone_of(zone) is None:
        check.wrong(f"{where}.zone", 'must be "UTC", an offset such as "+02:00", or a name such as "Europe/Berlin"')
    return Place(names, check.text(told, "separator", f"{where}."), formats, zone)


def _wrong_format(text: str) -> str:
    if text in FORM_TIMES:
        return ""
    found = set(_DIRECTIVES.findall(text))
    if not found:
        return f'must be one of {", ".join(FORM_TIMES)}, or a pattern such as "%d.%m.%Y %H:%M:%S"'
    if found - _KNOWN_DIRECTIVES:
        return f"%{min(found - _KNOWN_DIRECTIVES)} depends on the machine, or is unknown; use {' '.join(f'%{one}' for one in sorted(_KNOWN_DIRECTIVES))}"
    dated = found & set("Yy") and ("j" in found or ("d" in found and found & set("mbB")))
    return "" if dated else "must hold year, month and day: a time without its date proves nothing"


def _layout(check: _Check, told: dict[str, Any]) -> Layout:
    table = check.table(told, "table", {"delimiter", "quote", "encoding", "header"})
    json = check.table(told, "json", {"lists", "each", "unwrap"})
    delimiter, quote = check.text(table, "delimiter", "[table] "), check.text(table, "quote", "[table] ", '"')
    if len(delimiter) > 1 or delimiter in {"\n", "\r", "\0", '"'}:
        check.wrong("[table] delimiter", r'must be one character, such as ";" or "\t"; leave it out to find it by the columns')
    if len(quote) > 1 or quote in {"\n", "\r", "\0"} or (quote and quote == delimiter):
        check.wrong("[table] quote", "must be one character, other than the delimiter, or empty where nothing is quoted")
    encoding = check.choice(table, "encoding", {one: one for one in _ENCODINGS}, "auto", "[table] ")
    header = check.texts(table, "header", "[table] ")
    if header and not delimiter:
        check.wrong("[table] delimiter", "missing; a table without a header line does not show what parts its columns")
    return Layout(
        delimiter, quote, encoding, header, check.texts(json, "lists", "[json] "), check.text(json, "each", "[json] "),
        check.texts(json, "unwrap", "[json] "),
    )  # fmt: skip


def _constants(check: _Check, told: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    found = check.table(told, "constants", {"server", "stream", "role", "direction", "outcome", "clock"})
    for key, ways in (("role", ROLES), ("direction", _DIRECTIONS), ("outcome", _OUTCOMES), ("clock", _CLOCKS)):
        if key in found:
            check.choice(found, key, dict.fromkeys(ways, ""), "", "[constants] ")
    return tuple((key, check.text(found, key, "[constants] ")) for key in sorted(found))


def _only(check: _Check, told: dict[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = []
    for key, values in check.table(told, "only").items():
        listed = values if isinstance(values, list) else [values]
        if not listed or not all(isinstance(one, str | int) for one in listed) or len(listed) > _MOST_VALUES:
            check.wrong(f"[only] {key}", 'must be a value, or a list of values such as ["email", "smtp"]')
        found.append((key, tuple(str(one).strip().lower() for one in listed)))
    return tuple(found)


def _shown(table: Form | None, json: Form | None, *, header: bool) -> frozenset[str]:
    """What the fields themselves show, for a mapping that does not say."""
    nouns = {noun for form in (table, json) if form for noun, _ in form.places}
    shows = {"recipients"} if nouns & RECIPIENTS else set()
    return frozenset(
        shows
        | ({"header"} if header else set())
        | ({"outcome"} if "outcome" in nouns else set())
        | ({"blind"} if "bcc" in nouns else set())
    )
