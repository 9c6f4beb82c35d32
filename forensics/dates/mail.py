"""Times as mails write them: RFC 5322 and its obsolete forms, asctime, and dateutil as the last resort."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from dateutil import parser as lenient

from forensics.dates.moments import LONGEST, UNKNOWN_ZONE, Moment, iso_moment, iso_offset, moment, naive_time, named
from forensics.model import Reading

__all__ = ["mail_time"]

_COMMENT = re.compile(r"\([^()]*+\)")
_DAYS_KEPT = 4096
_MONTH_NAMES = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTHS = {name[:length]: number for number, name in enumerate(_MONTH_NAMES, 1) for length in range(3, len(name) + 1)}
_TIME = r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?"
_ZONE = r"(?:(?:GMT|UTC)?([+-]\d\d:?\d\d)(?:\s+[A-Za-z]{1,5})?|([A-Za-z]{1,5}))"
# RFC 5322 section 3.3 with its obsolete forms, IMAP's hyphens, and a weekday in any language; comments are removed before
_MAIL = re.compile(
    rf"(?:[^\W\d_]{{1,12}}\.?\s*,?\s*)?(\d{{1,2}})[\s-]+([A-Za-z]{{3,9}})\.?[\s-]+(\d{{2,4}})\s+{_TIME}\s*{_ZONE}?",
)
# the same, as nearly every mail writes it: the day, the time of day, the zone
_EXACT = re.compile(
    r"\s*+(?:[A-Z][a-z]{2}, )?+([0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}) ([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]) ([+-][0-9]{4})"
    r"(?: \([A-Za-z]{1,5}\))?+\s*+\Z"
)
_EXACT_ASCTIME = re.compile(
    r"(?:[A-Z][a-z]{2} )?+([A-Z][a-z]{2}) ([ 0-9][0-9]) ([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]) ([0-9]{4})\s*+\Z"
)
# asctime, as in a From_ line: the zone is seldom written, and some writers put it before the year
_ASCTIME = re.compile(
    rf"(?:[A-Za-z]{{3,9}},?\s+)?([A-Za-z]{{3,9}})\s+(\d{{1,2}}),?\s+{_TIME}\s+(?:{_ZONE}\s+)?(\d{{4}})(?:\s+{_ZONE})?",
)
# RFC 5322 section 4.3; single letters were defined wrongly once and are unknown since
_ZONES = {
    "UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "EST": -18000, "EDT": -14400, "CST": -21600, "CDT": -18000,
    "MST": -25200, "MDT": -21600, "PST": -28800, "PDT": -25200,
}  # fmt: skip


def mail_time(text: str, clock: str = "date") -> Reading | None:
    """The time of a Date or Received header or a From_ line: RFC 5322, its obsolete forms, asctime, ISO 8601, then dateutil.

    An unknown zone name, no zone, or an offset of more than 14 hours (`+9900` is met in the wild) leaves the local time
    with a slack of 14 hours. dateutil is asked last, only if year, month and day stand in the text, never for a partial or
    ambiguous date (`01/02/2025`): it would fill the rest from today. A day without a time is its noon, with 12 hours more
    slack. None: no such time. The machine's own zone plays no part.
    """
    exact = _EXACT.match(text)
    if exact:
        day, hour, minute, second, zone = exact.groups()
        midnight = _midnight(day, zone)
        if midnight is not None:
            return Reading(clock, midnight + timedelta(0, int(hour) * 3600 + int(minute) * 60 + int(second)))
    written = _EXACT_ASCTIME.match(text)
    if written:
        name, number, hour, minute, second, year = written.groups()
        midnight = _midnight(f"{int(number)} {name} {year}", "+0000")
        if midnight is not None:
            return Reading(clock, midnight + timedelta(0, int(hour) * 3600 + int(minute) * 60 + int(second)), UNKNOWN_ZONE)
    if len(text) > LONGEST:  # a comment of any length may follow
        text = text[:LONGEST].rpartition("(")[0]
    return named(clock, _mail(text))


@lru_cache(maxsize=_DAYS_KEPT)
def _midnight(day: str, zone: str) -> datetime | None:
    """When a day such as "17 Sep 2025" began in a zone such as "+0200", in UTC; None where there is no such day or zone.

    None too at both ends of the calendar, where a time of that day may not be representable.
    """
    number, name, year = day.split(" ")
    month, offset = _MONTHS.get(name.lower()), _mail_offset(zone)
    if month is None or offset is None or not 1 < int(year) < 9999:  # noqa: PLR2004  the calendar's last year
        return None
    try:
        return datetime(int(year), month, int(number), tzinfo=UTC) - timedelta(seconds=offset)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _mail(text: str) -> Moment | None:
    bare = (_COMMENT.sub(" ", text) if "(" in text else text).strip()
    match = _MAIL.fullmatch(bare)
    if match:
        day, month_name, year_text, hour, minute, second, digits, zone = match.groups()
    else:
        match = _ASCTIME.fullmatch(bare)
        if not match:
            return iso_moment(bare) or _last_resort(bare)
        month_name, day, hour, minute, second, digits, zone, year_text, digits_behind, zone_behind = match.groups()
        digits, zone = digits or digits_behind, zone or zone_behind
    month = _MONTHS.get(month_name.lower()) or (9 if month_name.lower() == "sept" else None)
    if month is None:
        return None
    naive = naive_time(_full_year(year_text), month, int(day), int(hour), int(minute), int(second or 0))
    return moment(naive, _mail_offset(digits or zone))


def _full_year(text: str) -> int:
    """RFC 5322 section 4.3: two digits below 50 are of this century; three digits count from 1900."""
    year = int(text)
    if len(text) == 3:  # noqa: PLR2004  digits
        return year + 1900
    return year if len(text) > 2 else year + (2000 if year < 50 else 1900)  # noqa: PLR2004  digits; pivot year


@lru_cache(maxsize=512)
def _mail_offset(zone: str | None) -> int | None:
    if not zone or zone == "-0000":  # -0000: the time is UTC, the local zone is not told; RFC 5322 section 3.3
        return 0 if zone else None
    return iso_offset(zone) if zone[0] in "+-" else _ZONES.get(zone.upper())


def _last_resort(text: str) -> Moment | None:
    if len(text) > 80 or not re.search(r"\b(?:19|20)\d\d\b", text):  # noqa: PLR2004  characters
        return None
    read = [_by_dateutil(text, *how) for how in ((2001, 1, False), (2003, 2, False), (2001, 1, True))]
    moments = [one for one in read if one is not None]
    if len(moments) < len(read) or len({(naive.date(), offset) for naive, offset in moments}) > 1:
        return None  # a field was filled in: not in the text; or day and month may be exchanged
    (naive, offset), (other, _), _ = moments
    if naive.hour != other.hour:
        return moment(naive.replace(hour=12, minute=0, second=0, microsecond=0), offset, 12 * 3600)
    return moment(naive, offset)


def _by_dateutil(text: str, year: int, other: int, dayfirst: bool) -> tuple[datetime, int | None] | None:
    """Local time and offset as dateutil reads them, with missing fields from `year` and `other`."""
    offsets: list[int | None] = []

    def note(name: str | None, offset: int | None) -> None:  # keeps dateutil from asking the machine's zone
        offsets.append(_ZONES.get((name or "").upper()) if offset is None else offset)

    filling = datetime(year, other, other, 5 * other)  # noqa: DTZ001  dateutil adds no zone to it
    try:
        naive = lenient.parse(text, default=filling, tzinfos=note, dayfirst=dayfirst).replace(tzinfo=None)
    except Exception:  # noqa: BLE001  dateutil raises many kinds on hostile text (ValueError, OverflowError, TypeError, ...)
        return None
    offset = offsets[-1] if offsets else None
    return naive, offset if offset is None or abs(offset) <= UNKNOWN_ZONE else None
