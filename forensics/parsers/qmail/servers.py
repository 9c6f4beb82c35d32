"""Logs that name no host: which files one server wrote, one after the other.

Message numbers are inodes of a disk, so the rest of a message may only be sought in files of the same server. Of multilog's
files nothing says whose they are, not even a name: but one server's do not overlap in time, and each begins to count its
deliveries where the one before ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, groupby, islice

from forensics.dates import FileClock
from forensics.model import Fragment, Observation, Reading
from forensics.parsers.qmail.lines import Place
from forensics.parsers.qmail.queue import Queue

__all__ = ["by_server"]

_AHEAD = 10_000  # fragments in which the first delivery of a file is sought
# by how much the next file of a server may seem to begin before the last one ends: clocks are set, local time is put back
_UTC, _LOCAL = timedelta(minutes=-1), timedelta(hours=-1)
_MOST = 64  # servers whose logs may go on


@dataclass(slots=True, eq=False)
class _Log:
    """The files of one server, as far as they were read."""

    queue: Queue
    end: Reading | None = None  # None: not known


def by_server(
    host: str, fragments: Iterable[Fragment], clock_of: Callable[[Place], FileClock]
) -> Iterator[tuple[Queue, Fragment | None]]:
    """Each fragment with the queue of which it tells, in order; and each queue with None, when nothing more comes of it.

    Fragments come by file, the oldest first, and then by place. A file goes on with the log that ends before it and whose last
    delivery is the one before its first. If there is none such, or more than one: with the only log there is, and the queue
    notes that this is not sure (`eras`); among several logs it is taken for another server's (`is_alone`).
    """
    if host:
        queue = Queue(host)
        yield from ((queue, fragment) for fragment in fragments)
        yield queue, None
        return
    logs: list[_Log] = []
    for place, group in groupby(fragments, key=lambda one: one.observation.span[:2]):
        head, first = _head(group)
        log = _log_for(logs, place, first, _time(head[0].observation, clock_of))
        if len(logs) > _MOST:
            yield logs.pop(0).queue, None
        last = head[-1]
        for last in chain(head, group):
            yield log.queue, last
        log.end = _time(last.observation, clock_of) or log.end
    for log in logs:
        yield log.queue, None


def _head(group: Iterator[Fragment]) -> tuple[list[Fragment], int]:
    """The first fragments of a file, up to the one that tells its first delivery; and that delivery, -1 if there is none."""
    head: list[Fragment] = []
    for one in islice(group, _AHEAD):
        head.append(one)
        if one.observation.kind == "restart":
            return head, int(dict(one.observation.facts)["#delivery"])
    return head, -1


def _time(one: Observation, clock_of: Callable[[Place], FileClock]) -> Reading | None:
    return clock_of(one.span[:2]).resolve(one.stamp)


def _is_before(end: Reading | None, begin: Reading | None) -> bool:
    """Whether a file that ends at one time may go on in one that begins at the other."""
    if end is None or begin is None:
        return True
    return begin.at - end.at >= (_LOCAL if end.slack or begin.slack else _UTC)


def _log_for(logs: list[_Log], place: Place, first: int, begin: Reading | None) -> _Log:
    """The log with which a file goes on, or a new one."""
    before = [log for log in logs if _is_before(log.end, begin)]
    sure = [log for log in before if log.queue.last + 1 == first]
    if len(sure) == 1 or (len(logs) == 1 and before):
        log = (sure or before)[0]
        log.queue.eras[place] = max(log.queue.eras.values(), default=0) + (not sure)
        logs.remove(log)  # the one that went on last stands last
    else:
        log = _Log(Queue("", eras={place: 0}))
    logs.append(log)
    if len(logs) > 1:
        for one in logs:
            one.queue.is_alone = False
    return log
