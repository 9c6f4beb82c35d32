"""What a provider was asked for and how far it answered, as a collection's own papers say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from forensics.dates import readable

__all__ = ["Asked", "Collected", "Collection", "overlaid"]

_RANK = ("covered", "partial", "gap", "expired")  # of two answers for the same time the better one counts


@dataclass(frozen=True, slots=True)
class Asked:
    """A part of the time that was asked for, and what came of it. Times in UTC, end exclusive."""

    start: datetime
    end: datetime
    status: str
    note: str


@dataclass(frozen=True, slots=True)
class Collected:
    """One stream of one server, asked for from `start` to `end` (UTC, exclusive) on `asked_at`."""

    provider: str  # the source that its records have
    server: str
    stream: str
    start: datetime
    end: datetime
    asked_at: datetime
    total: int  # messages, by the provider's own count
    rows: int  # different messages that were received
    outside: int = 0  # of them, not in the interval
    oldest: datetime | None = None  # the list is read from the newest to the oldest
    expired_until: datetime | None = None
    expired_sent: int = 0  # messages that the provider's daily counts tell of, and that are gone
    doubts: tuple[str, ...] = ()  # why the list is not shown to be whole, or no longer is what was received
    asides: tuple[str, ...] = ()  # what else could not be had, and takes nothing from the list

    def parts(self, listed: int, pause_from: datetime | None = None) -> Iterator[Asked]:
        """The interval in parts; `listed` messages of it are in hand now. What is missing may lie before `pause_from`."""
        start = self.start
        if self.expired_until is not None and self.expired_until > start:
            until = min(self.expired_until, self.end)
            yield Asked(start, until, "expired", self._expired())
            start = until
        if start >= self.end:
            return
        wanted = self.total - self.outside
        doubts = list(self.doubts)
        if listed < wanted:
            doubts.insert(0, f"incomplete: the source counted {self.total} messages, {listed + self.outside} are in hand")
        if not doubts:
            yield Asked(start, self.end, "covered", "; ".join((self._whole(), *self.asides)))
            return
        note = f"collected {readable(self.asked_at)}, not shown to be whole: {'; '.join([*doubts, *self.asides])}"
        if pause_from is not None and start < pause_from < self.end and self.rows < self.total:
            yield Asked(
                start, pause_from, "gap", f"the list was read from the newest message to the oldest, and not further; {note}"
            )
            start = pause_from
        yield Asked(start, self.end, "partial", note)

    def _whole(self) -> str:
        many = (
            f"all {self.total:,} messages that the provider counts are"
            if self.total > 1
            else "the one message that the provider counts is"
        )
        told = f"{many} in hand" if self.total else "the provider counts no message"
        return f"collected {readable(self.asked_at)}: {told}, and every answer is as it was received"

    def _expired(self) -> str:
        sent = f" ({self.expired_sent:,} messages are still counted by day)" if self.expired_sent else ""
        return (
            f"retention had passed when this was asked for on {readable(self.asked_at)}: what was sent is deleted{sent}, and an empty answer is no "
            "proof of absence"
        )


@dataclass(frozen=True, slots=True)
class Collection:
    """A collected folder as far as it can be trusted: streams of a finished one, and which answer is whose.

    `files` maps the evidence id of each answer to its server and stream, "" where it is of all of them.
    """

    provider: str
    folder: str
    start: datetime
    end: datetime
    is_finished: bool
    streams: tuple[Collected, ...] = ()
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def overlaid(parts: Sequence[Asked]) -> list[Asked]:
    """Parts that may overlap as a row without overlap, in order of time: the better status wins, then the later collection."""
    edges = sorted({edge for one in parts for edge in (one.start, one.end)})
    found: list[Asked] = []
    for start, end in pairwise(edges):
        over = [one for one in parts if one.start <= start and end <= one.end]
        if not over:
            continue
        best = min(over, key=lambda one: (_RANK.index(one.status), one.note))
        if found and found[-1].end == start and (found[-1].status, found[-1].note) == (best.status, best.note):
            found[-1] = Asked(found[-1].start, end, best.status, best.note)
        else:
            found.append(Asked(start, end, best.status, best.note))
    return found
