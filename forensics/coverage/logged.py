"""One server's log as far as it accounts for the window: what its files, its silences and its own words say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from forensics.coverage.logs import Hole, Log
from forensics.coverage.rhythm import moment
from forensics.coverage.scopes import Lane
from forensics.dates import readable

__all__ = ["STORED", "UNPROVEN", "hours", "log_holes", "log_notes", "usual_pause", "whole_log"]

# A silence counts as a gap if it is twice as long as this source's usual long pauses, at least and at most:
_SHORTEST, _LONGEST = timedelta(hours=6), timedelta(hours=72)
_FEW = 10  # records; fewer show no habit

STORED = "stored copies carry no Bcc: they show what was in a mail, not who else received it"
UNPROVEN = "nothing in it proves that it is complete"


def hours(pause: timedelta) -> str:
    """A pause as a sentence names it."""
    hours = pause.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"  # noqa: PLR2004  hours


def usual_pause(times: npt.NDArray[np.int64]) -> timedelta:
    """The longest silence that says nothing: twice the 99th percentile of the pauses, between 6 and 72 hours.

    `times` in microseconds, sorted.
    """
    if len(times) < _FEW:
        return _LONGEST
    usual = timedelta(microseconds=2 * float(np.quantile(np.diff(times), 0.99)))
    return min(max(usual, _SHORTEST), _LONGEST)


def log_holes(lane: Lane, start: datetime, end: datetime) -> Iterator[Hole]:
    """What is missing between the files of the largest log, and other silences that are improbable."""
    missing = list(lane.logs[0].holes(lane.habits)) if lane.logs else []
    yield from missing
    for silence in lane.habits.silences():
        if not any(silence.start < hole.end and hole.start < silence.end for hole in missing):
            yield Hole(silence.start, silence.end, silence.told())
    yield from _edges(lane, start, end)


def _edges(lane: Lane, start: datetime, end: datetime) -> Iterator[Hole]:
    """The window before a log's first record and behind its last, if that is longer than any pause in it, or improbable."""
    first, last = moment(lane.times[0]), moment(lane.times[-1])
    longest = timedelta(microseconds=int(np.diff(lane.times).max())) if len(lane.times) >= _FEW else _LONGEST
    for one, other, what in (
        (start, first, f"the log begins at {readable(first)}"),
        (last, end, f"the log ends at {readable(last)}"),
    ):
        quiet = lane.habits.improbable(one, other) if one < other else None
        if quiet:
            yield Hole(one, other, f"{what}: {quiet.told()}")
        elif other - one > longest:
            yield Hole(one, other, f"{what}, and has no pause of more than {hours(longest)}")


def whole_log(lane: Lane, start: datetime, end: datetime) -> Log | None:
    """The log that is shown to be complete as far as it reaches into this time; all of that name are, for machines may share theirs."""
    sound = [log for log in lane.logs if (within := log.within(start, end)) and not log.doubts(*within)]
    for log in sound:
        if all(other in sound for other in lane.logs if other.name == log.name):
            return log
    return None


def log_notes(
    lane: Lane, start: datetime | None = None, end: datetime | None = None, *, is_broken: bool = False
) -> Iterator[str]:
    """What is to be said of a log that is not shown to be complete, and how its times are known."""
    if lane.route != "smtp":
        yield lane.cut
        yield STORED if lane.route == "mailbox" else UNPROVEN
        return
    lost = lane.lost.within(start, end) if start and end else lane.lost
    yield lost.told()
    yield lane.cut
    if not lane.logs:
        yield UNPROVEN
        return
    log = lane.logs[0]
    doubts = _doubts(log, start, end)
    if not doubts:
        others = [_doubts(other, start, end) for other in lane.logs[1:] if other.name == log.name]
        doubts = next(([f"of another log of the name {log.name}: {', '.join(one)}"] for one in others if one), [])
    if is_broken:
        doubts.append("there are gaps in it")
    if doubts:
        yield f"not shown to be complete: {', '.join(doubts)}"
    yield log.clocks()


def _doubts(log: Log, start: datetime | None, end: datetime | None) -> list[str]:
    within = log.within(start, end) if start and end else None
    return log.doubts(*within) if within else log.unknown()
