"""US Eastern time, in which Postmark's search reads and counts days.

The parameters `fromdate` and `todate` carry no offset and mean Eastern wall-clock time, both inclusive
(postmarkapp.com/developer/api/messages-api). The zone's rules are the
system's, else those of the package tzdata.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from forensics.dates import iso_time

__all__ = ["day_of", "moment", "start_of", "wall_clock_from", "wall_clock_to"]

_EASTERN = ZoneInfo("America/New_York")
_HOUR = timedelta(hours=1)


def _wall(at: datetime) -> datetime:
    return at.astimezone(_EASTERN).replace(tzinfo=None)


def wall_clock_from(at: datetime) -> str:
    """`fromdate` for an aware time: never later than it, however the server reads an hour that the clock shows twice."""
    at = at.replace(microsecond=0)
    while _wall(at) == _wall(at + _HOUR):  # might be read as the second of two
        at -= _HOUR
    return _wall(at).isoformat()


def wall_clock_to(at: datetime) -> str:
    """`todate` for an aware time: never earlier than it, a fraction of a second counts as a whole one."""
    if at.microsecond:
        at = at.replace(microsecond=0) + timedelta(seconds=1)
    while _wall(at) == _wall(at - _HOUR):  # might be read as the first of two
        at += _HOUR
    return _wall(at).isoformat()


def day_of(at: datetime) -> date:
    """The Eastern calendar day of an aware time: what Postmark's daily counts are of."""
    return _wall(at).date()


def start_of(day: date) -> datetime:
    """Midnight at which an Eastern day begins, in UTC; summer time never begins or ends then."""
    return datetime.combine(day, time(), _EASTERN).astimezone(UTC)


def moment(text: object) -> datetime | None:
    """A time in an answer, in UTC; one without an offset is taken as Eastern, the later one of two. None if it is no time."""
    reading = iso_time(text) if isinstance(text, str) else None
    if reading is None or not reading.slack:
        return reading and reading.at
    try:
        return reading.at.replace(tzinfo=_EASTERN, fold=1).astimezone(UTC)
    except OverflowError:
        return None
