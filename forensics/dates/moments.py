"""Times as ISO 8601 writes them, and how every time here is told: in UTC, with its slack."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from forensics.model import Reading

__all__ = [
    "LONGEST",
    "UNKNOWN_ZONE",
    "Moment",
    "iso_moment",
    "iso_offset",
    "iso_time",
    "moment",
    "naive_time",
    "named",
    "readable",
    "zulu",
]

UNKNOWN_ZONE = 14 * 3600  # seconds: no zone on Earth is further from UTC
LONGEST = 256  # characters of a date's text
Moment = tuple[datetime, int]  # UTC, slack in seconds

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,30}))?)?\s*(Z|[+-]\d\d:?\d\d(?::?\d\d)?|[+-]\d\d)?",
    re.IGNORECASE,
)
# the same, as nearly every source writes it; from 14 hours on, the other one asks whether to believe the offset
_EXACT_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,12})?(?:Z|[+-](?:0[0-9]|1[0-3]):?[0-5][0-9])"
)


def zulu(at: datetime | None) -> str:
    """`at` as ISO 8601 in UTC with "Z": seconds, and microseconds only where there are any; "" for None."""
    return "" if at is None else at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def iso_time(text: str, clock: str = "iso") -> Reading | None:
    """An ISO 8601 time with any number of fractional digits, cut to microseconds.

    Without an offset the zone is unknown: the text is taken as UTC with a slack of 14 hours. None if it is no such time.
    """
    return named(clock, iso_moment(text)) if len(text) <= LONGEST else None


def named(clock: str, found: Moment | None) -> Reading | None:
    """A moment as the reading of a clock of this name."""
    return None if found is None else Reading(clock, *found)


def iso_moment(text: str) -> Moment | None:
    """As `iso_time`, of a text that is known to be short."""
    if _EXACT_ISO.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC), 0
        except (ValueError, OverflowError):
            pass  # second 60, 24:00 and the like: below
    return other_iso(text)


@lru_cache(maxsize=4096)
def other_iso(text: str) -> Moment | None:
    match = _ISO.fullmatch(text.strip())
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    naive = naive_time(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro)
    return moment(naive, iso_offset(zone))


def iso_offset(zone: str | None) -> int | None:
    """Seconds east of UTC of `Z`, `+02`, `+0200` or `+02:00`; None for none, and beyond 14 hours."""
    if not zone:
        return None
    if zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60
    return None if seconds > UNKNOWN_ZONE else (-seconds if zone[0] == "-" else seconds)


def naive_time(  # noqa: PLR0917  the fields of a time
    year: int, month: int, day: int, hour: int, minute: int, second: int, micro: int = 0
) -> datetime | None:
    """A naive time; second 60 (a leap second) is the next second, 24:00:00 the next midnight; else out of range is None."""
    try:
        if second < 60 and hour < 24:  # noqa: PLR2004  seconds of a minute, hours of a day
            return datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001  zone added by callers
        if second == 60:  # noqa: PLR2004
            return datetime(year, month, day, hour, minute, 59, micro) + timedelta(seconds=1)  # noqa: DTZ001
        if (hour, minute, second, micro) == (24, 0, 0, 0):  # ISO 8601:2004
            return datetime(year, month, day) + timedelta(days=1)  # noqa: DTZ001
    except (ValueError, OverflowError):
        pass  # no such day or hour: not a time
    return None


def moment(naive: datetime | None, offset: int | None, slack: int = 0) -> Moment | None:
    """Local time and offset in seconds as UTC with slack; an unknown offset (None) counts as 0, give or take 14 hours."""
    if naive is None:
        return None
    try:
        at = naive.replace(tzinfo=UTC)
        return (at - timedelta(seconds=offset) if offset else at), slack + (UNKNOWN_ZONE if offset is None else 0)
    except OverflowError:
        return None


def readable(at: datetime | None) -> str:
    """`at` for a sentence: to the minute, in UTC; "an unknown time" for None."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at is not None else "an unknown time"
