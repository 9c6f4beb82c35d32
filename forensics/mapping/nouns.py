"""The nouns of a mapping: places, forms, layout, and the mapping itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from zoneinfo import ZoneInfo

from forensics.model import Direction, Outcome, Role, Route

__all__ = ["FORM_TIMES", "RECIPIENTS", "ROLES", "Form", "Layout", "Mapping", "MappingError", "Place", "zone_of"]

_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):([0-5]\d)")
RECIPIENTS = frozenset({"to", "cc", "bcc", "envelope", "recipient"})
ROLES = {role.value: role for role in (Role.TO, Role.CC, Role.BCC, Role.ENVELOPE, Role.EVENT)}
FORM_TIMES = ("iso", "mail", "epoch", "epoch_ms", "epoch_us", "epoch_ns")


class MappingError(ValueError):
    """A mapping that cannot be used; `problems` holds a sentence for each mistake, with file, key and remedy."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[MappingError], tuple[str, ...]]:
        """The problems, for a worker process that hands the error back."""
        return type(self), self.problems


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies: columns by name or JSON paths. Of a list all are read, of anything else the first that has a value.

    `separator` parts a list inside one value, "" for none. Of a time: `formats` are tried in order, each one of `FORM_TIMES` or a
    pattern of `strptime`; `zone` is that of times without an offset, "" if nobody knows.
    """

    names: tuple[str, ...]
    separator: str = ""
    formats: tuple[str, ...] = ("iso",)
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """Where each thing lies in one form of record, table row or JSON object. `needed` must all be there for a file to match."""

    needed: tuple[str, ...]
    places: tuple[tuple[str, Place], ...]
    facts: tuple[tuple[str, Place], ...] = ()

    def names(self) -> tuple[str, ...]:
        """Every column or path that is asked for, each once, in order."""
        places = (*self.places, *self.facts)
        return tuple(dict.fromkeys((*self.needed, *(name for _, place in places for name in place.names))))


@dataclass(frozen=True, slots=True)
class Layout:
    """How records lie in a file.

    Tables: `delimiter` ("" to find it by the columns), `quote` ("" for none), `encoding`, and `header`, the columns of a table
    that does not name them. JSON: `lists` are the keys of pages' lists, `each` a path to the records inside one object, and
    `unwrap` keys of objects that hold the record.
    """

    delimiter: str = ""
    quote: str = '"'
    encoding: str = "auto"
    header: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    each: str = ""
    unwrap: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapping:
    """A checked mapping: plain values only, so it can be hashed, pickled, and made again from `text` and `source`.

    `grain` is "message" (a record names all recipients it knows) or "recipient" (it tells of one copy). `outcomes`, `roles`
    and `directions` translate values, written in lower case; `only` names the values that a record must have to tell of mail.
    `constants` hold for all records. `header_known`: a record that names a To or Cc names them all.
    """

    name: str
    title: str
    text: str
    source: str
    route: Route
    grain: str
    shows: frozenset[str]
    id_prefix: str
    message_id_domain: str = ""
    header_known: bool = False
    glob: str = ""
    layout: Layout = Layout()
    table: Form | None = None
    json: Form | None = None
    constants: tuple[tuple[str, str], ...] = ()
    outcomes: tuple[tuple[str, Outcome], ...] = ()
    roles: tuple[tuple[str, Role], ...] = ()
    directions: tuple[tuple[str, Direction], ...] = ()
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def fits_name(self, name: str) -> bool:
        """Whether the base name of a file is one that the mapping asks for, in any case."""
        return not self.glob or fnmatchcase(name.lower(), self.glob)

    @property
    def recipient_role(self) -> Role:
        """The role of a recipient whose record names none."""
        return ROLES[dict(self.constants).get("role", "event" if self.grain == "recipient" else "envelope")]


@lru_cache(maxsize=64)
def zone_of(text: str) -> ZoneInfo | int | None:
    """A zone by its name in the zone database, or as an offset in seconds east of UTC; None for neither."""
    if text in {"UTC", "Z"}:
        return 0
    offset = _OFFSET.fullmatch(text)
    if offset:
        seconds = int(offset[2]) * 3600 + int(offset[3]) * 60
        return -seconds if offset[1] == "-" else seconds
    try:
        return ZoneInfo(text) if re.fullmatch(r"[A-Za-z][\w+-]{0,30}(?:/[\w+-]{1,30}){1,2}", text) else None
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError; a folder of zones is an OSError
        return None
