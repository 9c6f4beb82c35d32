"""The time at a line's beginning, in any form that loggers write it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from forensics.model import EPOCH

__all__ = ["ISO", "RFC3164", "nearer", "since_epoch", "stamp", "stamp_of"]

_STAMP_LIMIT = 64  # bytes: no form is as long, and what is remembered must be small
_MONTHS = {
    name: f"{number:02d}"
    for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}  # fmt: skip
_TIME = rb"(?P<time>[0-2]\d:[0-5]\d:[0-6]\d)(?:[.,](?P<fraction>\d{1,12}))?"
# RFC 3164 section 4.1.2; a year before the month, before the time (routers) or after it is met as well
RFC3164 = re.compile(
    rb"(?:(?P<y1>\d{4}) )?(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) (?:(?P<y2>\d{4}) )?"
    + _TIME
    + rb"(?: (?P<y3>(?:19|20)\d\d))?(?= |$)"
)
ISO = re.compile(rb"(?P<date>\d{4}-\d\d-\d\d)[T ]" + _TIME + rb"(?: ?(?P<zone>[Zz]|[+-]\d\d:?\d\d))?(?= |$)")
_EXACT = re.compile(rb"\d{4}-\d\d-\d\dT[0-2]\d:[0-5]\d:[0-6]\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?")
_COMMON = re.compile(rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-3]\d [0-2]\d:[0-5]\d:[0-6]\d")
_ZONED = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")
_HOURS = 15  # no zone is further from UTC, and some minutes of delay
_ANY_ZONE = timedelta(hours=_HOURS)


def stamp(text: bytes) -> str:
    """A time of RFC 3164 or RFC 3339 form as `dates.FileClock.resolve` reads it; "" if it is none.

    With an offset: full ISO 8601. Without: `2025-09-17T16:03:12`. Without year: `--09-17T16:03:12`.
    """
    if _EXACT.fullmatch(text):
        return text.decode()
    return _stamp(text) if len(text) <= _STAMP_LIMIT else ""


@lru_cache(maxsize=1024)
def _stamp(text: bytes) -> str:
    if _COMMON.fullmatch(text):
        return f"--{_MONTHS[text[:3].lower()]}-{text[4:6].replace(b' ', b'0').decode()}T{text[7:].decode()}"
    match = ISO.fullmatch(text) or RFC3164.fullmatch(text)
    return stamp_of(match) if match else ""


def stamp_of(match: re.Match[bytes]) -> str:
    """The stamp that `ISO` or `RFC3164` matched; "" if its month is none."""
    fields = match.groupdict()
    time = (fields["time"] + (b"." + fields["fraction"][:6] if fields["fraction"] else b"")).decode()
    if "date" in fields:
        return f"{fields['date'].decode()}T{time}{(fields['zone'] or b'').decode().upper()}"
    month = _MONTHS.get(fields["month"].lower())
    year = (fields["y1"] or fields["y2"] or fields["y3"] or b"-").decode()
    return f"{year}-{month}-{int(fields['day']):02d}T{time}" if month else ""


def since_epoch(micro: int) -> str:
    """Microseconds since 1970 in UTC as ISO 8601; "" beyond the year 5138."""
    if not 0 <= micro < 10**17:
        return ""
    return (EPOCH + timedelta(microseconds=micro)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def nearer(inner: str, outer: str) -> str:
    """Of a line's own stamp and that of its wrapper the one to believe.

    A stamp with a zone is exact. Without one it is the wrapper's, which knows zone and year, unless the two are further
    apart than any zone explains: then the line was wrapped long after it was written.
    """
    if not inner or not outer or _ZONED.search(inner) or not _ZONED.search(outer):
        return inner or outer
    day, time = (inner[1:7], inner[8:10]) if inner[0] == "-" else (inner[:10], inner[11:13])
    if outer[-1] == "Z" and outer[:10].endswith(day) and abs(int(time) - int(outer[11:13])) < _HOURS:
        return outer  # so it is nearly always
    wrapped = _naive(outer)
    years = [inner[:4]] if inner[0] != "-" else [f"{wrapped.year + one:04d}" for one in (-1, 0, 1)] if wrapped else []
    written = [at for year in years if (at := _naive(year + inner[inner.index("-", 1) :]))]
    return outer if wrapped and any(abs(at - wrapped) <= _ANY_ZONE for at in written) else inner


def _naive(text: str) -> datetime | None:
    """A time in UTC, or in no known zone; None if there is no such time."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    except (ValueError, OverflowError):
        return None
