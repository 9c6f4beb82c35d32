"""Times of a message trace: UTC, in any of the ways in which a program or a country writes them."""

from __future__ import annotations

import re
from datetime import timedelta

from forensics.dates import UNKNOWN_ZONE, iso_time
from forensics.dates.moments import naive_time
from forensics.model import EPOCH, Reading

__all__ = ["is_day_first", "trace_time"]

_EPOCH = re.compile(r"\\?/Date\((-?\d{1,15})(?:[+-]\d{4})?\)\\?/")
_LOCAL = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}),?[ T\u00a0\u202f]{1,3}(\d{1,2})[:.](\d\d)(?:[:.](\d\d))?"
    r"(?:[ \u00a0\u202f]{0,2}([AaPp])\.? ?[Mm]\.?)?"
)
_NOON = 12


def is_day_first(text: str) -> bool | None:
    """Whether a local date begins with the day; None if this text does not tell, or is none.

    Dots and dashes part dates that begin with the day; with slashes only a number above 12 is a proof.
    """
    match = _LOCAL.fullmatch(text.strip())
    if not match:
        return None
    first, mark, second = int(match[1]), match[2], int(match[3])
    if mark != "/" or first > _NOON:
        return True
    return False if second > _NOON else None


def trace_time(text: str, *, day_first: bool | None = None, exact_epoch: bool = False) -> Reading | None:
    """A time of the trace as UTC, named "received_at"; None if it is none.

    Microsoft gives all of them in UTC and writes no offset (learn.microsoft.com, "Get-MessageTraceV2"). `/Date(ms)/` of the
    web service is exact; PowerShell's ConvertTo-Json takes the same time for one of its own machine first, so that there the
    zone is unknown. `day_first` says how the file at hand writes local dates; where nothing tells, the order is guessed by
    the clock (AM and PM: month first) and the slack reaches to the other reading.
    """
    text = text.strip()
    epoch = _EPOCH.fullmatch(text)
    if epoch:
        try:
            return Reading("received_at", EPOCH + timedelta(milliseconds=int(epoch[1])), 0 if exact_epoch else UNKNOWN_ZONE)
        except OverflowError:
            return None
    local = _LOCAL.fullmatch(text)
    if local:
        return _of_country(local, day_first)
    found = iso_time(text, "received_at")
    return found and found._replace(slack=0)


def _of_country(match: re.Match[str], day_first: bool | None) -> Reading | None:
    one, _, other, year, hour, minute, second, half = match.groups()
    hours = int(hour)
    if half:
        if not 1 <= hours <= _NOON:
            return None
        hours = hours % _NOON + (_NOON if half in "Pp" else 0)
    told = is_day_first(match.group())
    order = told if told is not None else day_first
    guess = order if order is not None else not half
    readings = [
        naive_time(int(year), int(month), int(day), hours, int(minute), int(second or 0))
        for day, month in ((one, other), (other, one))
    ]
    best, rest = readings if guess else reversed(readings)
    if best is None:
        return None
    at, slack = iso_time(f"{best.isoformat()}Z"), 0
    if order is None and rest is not None:
        slack = int(abs(best - rest).total_seconds())
    return at and Reading("received_at", at.at, slack)
