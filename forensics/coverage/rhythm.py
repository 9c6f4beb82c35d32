"""Whether a silence says anything: compared with the same hours of other days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from forensics.model import EPOCH

__all__ = ["Habits", "Silence", "micros", "moment"]

_MICROSECOND = timedelta(microseconds=1)
_HOUR, _DAY = 3_600_000_000, 86_400_000_000  # microseconds
_WEEK = 7
_THURSDAY = 3  # days since Monday of 1 January 1970
_REACH = 8 * _WEEK
_COMPARED = np.array([day for day in range(-_REACH, _REACH + 1) if day])  # days before and behind
_SHORTEST = timedelta(minutes=15)  # a mail server that starts again is silent for as long
_ENOUGH = 20  # records that the same hours must hold elsewhere; that none comes by chance is one in 500 million, at random times
_SURPRISE = 40  # bits: that records at random times all lie outside of the silence
_DAYS = 3  # days to compare with
_LONG_WEEKEND = timedelta(hours=96)
# Whatever the time zone of the people, these hours in UTC belong to Monday to Friday
_WORK = (12 * _HOUR, 4 * _DAY + 10 * _HOUR)  # from Monday noon to Friday 10:00, since Monday began


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence that is no habit; times in UTC. `days` others were compared, whose same hours held `median` records, 0 days: none."""

    start: datetime
    end: datetime
    days: int
    median: int

    def told(self) -> str:
        """The figures that make it a gap, for a person to check."""
        hours = (self.end - self.start).total_seconds() / 3600
        length = f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"
        if self.days:
            return f"no record for {length}, while the same hours of {self.days} other days held {self.median:,} (median)"
        return f"no record for {length}, in which about {self.median:,} were to be expected at the log's mean rate"


@dataclass(frozen=True, slots=True)
class Habits:
    """When a source has records: `times` in microseconds since 1970 in UTC, sorted."""

    times: npt.NDArray[np.int64]

    def silences(self) -> list[Silence]:
        """The silences between records that are improbable, in order of time."""
        long = np.flatnonzero(np.diff(self.times) >= _SHORTEST // _MICROSECOND)
        pairs = ((moment(self.times[at]), moment(self.times[at + 1])) for at in long)
        return [found for start, end in pairs if (found := self.improbable(start, end))]

    def improbable(self, start: datetime, end: datetime, enough: int = _ENOUGH) -> Silence | None:
        """The silence from `start` to `end`, if the source's own habits speak against it; else None.

        It is laid over the same hours of other days: those a whole number of weeks away and, if it lies within the working
        week of every time zone, those of other working days, up to 8 weeks before and behind. It is a gap if there are at
        least three such days, and three of four of them held at least `enough` records; of those whole weeks away three of
        four, too. So a night, a weekend, or an hourly batch is none: it is as silent on other days. With fewer days to
        compare, a silence counts from 96 hours on (a long weekend), if the mean rate makes it `enough` records; the log must
        tell that rate from as long a time as the silence, and by so many records that chance would not leave them all outside.
        """
        begin, finish = micros(start), micros(end)
        held, weekly = self._elsewhere(begin, finish)
        if len(held) >= _DAYS:
            if _mostly(held, enough) and _mostly(weekly, enough):
                return Silence(start, end, len(held), int(np.median(held)))
            return None
        if not len(self.times) or end - start < _LONG_WEEKEND:
            return None
        around = max(int(self.times[-1]), finish) - min(int(self.times[0]), begin) - (finish - begin)
        expected = len(self.times) * (finish - begin) // around if around >= finish - begin else 0
        surprise = len(self.times) * math.log2(1 + (finish - begin) / around) if expected else 0.0
        return Silence(start, end, 0, expected) if expected >= enough and surprise >= _SURPRISE else None

    def _elsewhere(self, begin: int, finish: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """How many records the same hours of other days held; and of those among them that are whole weeks away."""
        days = _COMPARED[np.abs(_COMPARED) * _DAY >= finish - begin]
        starts, ends = begin + days * _DAY, finish + days * _DAY
        ours = np.array([begin]), np.array([finish])
        known = (days % _WEEK == 0) | (_is_work(starts, ends) & _is_work(*ours)[0])
        if len(self.times):
            known &= (starts >= self.times[0]) & (ends <= self.times[-1])
        days, starts, ends = days[known], starts[known], ends[known]
        held = np.searchsorted(self.times, ends, "left") - np.searchsorted(self.times, starts, "right")
        return held, held[days % _WEEK == 0]


def _mostly(held: npt.NDArray[np.int64], enough: int) -> bool:
    return int((held >= enough).sum()) * 4 >= 3 * len(held)


def _is_work(starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each interval lies between Monday noon and Friday 10:00 UTC of one week."""
    since_monday = (starts + _THURSDAY * _DAY) % (_WEEK * _DAY)
    return (since_monday >= _WORK[0]) & (since_monday + (ends - starts) <= _WORK[1])


def moment(micro: int) -> datetime:
    """Microseconds since 1970 as a time in UTC."""
    return EPOCH + timedelta(microseconds=int(micro))


def micros(at: datetime) -> int:
    """A time as microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND
