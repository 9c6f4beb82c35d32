"""How often something was seen, where first, and when: counts that add up in any order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from forensics.sweep.stamps import Stamp

__all__ = ["OFFSETS", "Sighting", "merged"]

OFFSETS = 5  # places that are named of each


@dataclass(slots=True)
class Sighting:
    """What is known of one thing in one stream or in all of them.

    `first` and `last` are the earliest and latest known times, UTC; `slack` is how much they may be off, in seconds.
    `undated` counts those without a time, `stamp` is what the first of them had instead ("" for nothing at all).
    """

    count: int = 0
    undated: int = 0
    stamp: str = ""
    first: datetime | None = None
    last: datetime | None = None
    slack: int = 0
    offsets: list[int] = field(default_factory=list)

    def add(self, first: Stamp, last: Stamp, count: int = 1) -> None:
        """`count` more of it, between two stamps."""
        self.count += count
        if first.at is None or last.at is None:
            self.undated += count
            self.stamp = self.stamp or first.text
            return
        low, high = (first.at, last.at) if first.at <= last.at else (last.at, first.at)
        if self.first is None or low < self.first:
            self.first = low
        if self.last is None or high > self.last:
            self.last = high
        self.slack = max(self.slack, first.slack, last.slack)

    def noted(self, offset: int) -> None:
        """A place, if there is room for it."""
        if len(self.offsets) < OFFSETS:
            self.offsets.append(offset)

    def before(self, start: datetime | None) -> str:
        """Whether it was seen before `start`: "yes", "no", or "unknown" where a time is missing or too uncertain."""
        if start is None:
            return "unknown"
        if self.first is not None and self.first + timedelta(seconds=self.slack) < start:
            return "yes"
        certain = self.first is not None and not self.undated and self.first - timedelta(seconds=self.slack) >= start
        return "no" if certain else "unknown"


def merged(sightings: Iterable[Sighting]) -> Sighting:
    """All of them as one, with the first places."""
    total = Sighting()
    for one in sightings:
        total.count += one.count
        total.undated += one.undated
        total.stamp = total.stamp or one.stamp
        total.slack = max(total.slack, one.slack)
        total.offsets += one.offsets[: OFFSETS - len(total.offsets)]
        if one.first is not None and (total.first is None or one.first < total.first):
            total.first = one.first
        if one.last is not None and (total.last is None or one.last > total.last):
            total.last = one.last
    return total
