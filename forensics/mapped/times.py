"""Times as a mapping says that they are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from forensics.dates import UNKNOWN_ZONE, iso_time, mail_time
from forensics.mapping import FORM_TIMES, Place, zone_of
from forensics.model import EPOCH, Reading

__all__ = ["time_in"]

_LONGEST = 64  # characters
_DIGITS = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")
_UNITS = {"epoch": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
_YEAR_5138 = 10**11  # seconds


@lru_cache(maxsize=4_096)
def time_in(text: str, place: Place, clock: str) -> Reading | None:
    """The time that a text tells by the first of the place's formats that reads it; None if none does.

    A time without an offset is of the place's zone. In the hour that a zone has twice it may be off by that hour; where the
    mapping names no zone, by 14 hours.
    """
    if len(text) > _LONGEST:
        return None
    return next((found for form in place.formats if (found := _time(text.strip(), form, place.zone, clock))), None)


def _time(text: str, form: str, zone: str, clock: str) -> Reading | None:
    if form in _UNITS:
        return _since_1970(text, _UNITS[form], clock)
    if form in FORM_TIMES:
        found = iso_time(text, clock) if form == "iso" else mail_time(text, clock)
        if found is None or found.slack != UNKNOWN_ZONE or not zone:
            return found
        return _in_zone(found.at.replace(tzinfo=None), zone, clock)
    try:
        written = datetime.strptime(text, form)  # noqa: DTZ007  a pattern need not hold a zone: it is put in below
        if written.tzinfo is not None:
            return Reading(clock, written.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
    return _in_zone(written, zone, clock)


def _since_1970(text: str, unit: int, clock: str) -> Reading | None:
    """Whole and broken parts apart: a float cannot hold the nanoseconds of this century to the microsecond."""
    if not _DIGITS.fullmatch(text):
        return None
    whole, _, rest = text.partition(".")
    seconds, units = divmod(int(whole), unit)
    micro = (units * 10**6 + int(float(f"0.{rest or 0}") * 10**6)) // unit
    return Reading(clock, EPOCH + timedelta(seconds=seconds, microseconds=micro)) if 0 < seconds < _YEAR_5138 else None


def _in_zone(naive: datetime, zone: str, clock: str) -> Reading | None:
    known = zone_of(zone) if zone else None
    try:
        if known is None:
            return Reading(clock, naive.replace(tzinfo=UTC), UNKNOWN_ZONE)
        if not isinstance(known, ZoneInfo):
            return Reading(clock, naive.replace(tzinfo=UTC) - timedelta(seconds=known))
        first, second = (naive.replace(tzinfo=known, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError:
        return None
    return Reading(clock, first, abs(round((second - first).total_seconds())))
