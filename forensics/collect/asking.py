"""What a provider is asked for, and how far the answers have come."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from forensics.dates import readable, zulu

__all__ = ["KINDS", "POSTMARK", "Asked", "Collected", "Progress", "StreamRead", "Tally"]

POSTMARK = "https://api.postmarkapp.com"
KINDS = ("details", "dumps", "opens", "clicks", "bounces", "suppressions", "stats")
_DEFAULT_RETENTION, _LONGEST_RETENTION = 45, 365  # days: postmarkapp.com/support/article/838 and /1289


@dataclass(frozen=True, slots=True)
class Asked:
    """An interval and what is wanted of it; the search itself always is. Times are aware, `start` <= mail < `end`.

    `retention_days` is what the server's plan keeps: 45, or up to 365 with the retention add-on. `rate` is in requests a
    second. Raises ValueError for what cannot be meant.
    """

    start: datetime
    end: datetime
    kinds: frozenset[str] = frozenset(KINDS)
    retention_days: int = _DEFAULT_RETENTION
    rate: float = 10.0
    base_url: str = POSTMARK

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError("both ends of the interval need an offset from UTC")
        if self.start >= self.end:
            raise ValueError("the interval must start before it ends")
        if unknown := self.kinds - set(KINDS):
            raise ValueError(f"unknown kinds of answers: {', '.join(sorted(unknown))}; known are {', '.join(KINDS)}")
        if not 1 <= self.retention_days <= _LONGEST_RETENTION:
            raise ValueError(f"Postmark keeps messages for 1 to {_LONGEST_RETENTION} days")

    def plan(self, started_at: datetime) -> dict[str, Any]:
        """What makes this collection this one, as JSON; the rate may change when it is resumed."""
        return {
            "provider": "postmark", "base_url": self.base_url.rstrip("/"), "from": zulu(self.start), "to": zulu(self.end),
            "kinds": sorted(self.kinds), "retention_days": self.retention_days, "started_at": zulu(started_at),
            "read_until": zulu(min(self.end, started_at)),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a collection has come. The totals are estimates that grow as lists are counted."""

    doing: str
    requests: int  # answered, those of earlier runs included
    requests_total: int
    rows: int  # different messages in hand
    rows_total: int
    seconds_left: float | None  # None where nothing can be said yet


class Progress(Protocol):
    """Who watches a collection."""

    def say(self, sentence: str) -> None:
        """Something that a person should know before the answers come: retention, a proxy."""
        ...

    def tell(self, tally: Tally) -> None:
        """One more answer is in hand."""
        ...


@dataclass(slots=True)
class Meter:
    """Counts for `progress`, told after each answer."""

    progress: Progress | None = None
    doing: str = ""
    requests: int = 0
    asked: int = 0  # of them, in this run
    remaining: int = 0
    rows: int = 0
    rows_total: int = 0
    began: float = field(default_factory=time.monotonic)

    def answered(self, *, anew: bool) -> None:
        """One more answer is in hand, `anew` if it was asked for in this run."""
        self.requests += 1
        self.asked += anew
        self.remaining = max(self.remaining - 1, 0)
        self.tell()

    def say(self, sentence: str) -> None:
        """Pass a sentence on to who watches."""
        if self.progress is not None:
            self.progress.say(sentence)

    def tell(self) -> None:
        """Tell the progress as it is."""
        if self.progress is None:
            return
        pace = self.asked / max(time.monotonic() - self.began, 0.001)
        left = self.remaining / pace if self.asked else None
        self.progress.tell(Tally(self.doing, self.requests, self.requests + self.remaining, self.rows, self.rows_total, left))


@dataclass(slots=True)
class StreamRead:
    """What was read of one stream of one server; times in UTC, days are US Eastern."""

    server: str
    stream: str
    total: int = 0  # messages, by the API's own count
    rows: int = 0  # different messages in hand
    outside: int = 0  # of them, not in the interval that was asked for
    oldest: datetime | None = None
    newest: datetime | None = None
    expired_until: datetime | None = None  # what the interval holds before this time has been deleted, as far as can be told
    expired_days: tuple[tuple[str, int], ...] = ()  # days that have a count of sent mail and not one message: day, sent
    details: int = 0
    dumps: int = 0
    gone: int = 0  # details or dumps that the API no longer has
    troubles: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether all that the API counts in the interval is in hand, and nothing of the interval has been deleted."""
        return not self.troubles and self.expired_until is None and self.rows >= self.total

    def sentence(self) -> str:
        """The same for a person."""
        told = [f"{self.rows:,} of {self.total:,} messages"]
        if self.expired_until is not None:
            told.append(f"what was sent before {readable(self.expired_until)} has expired")
        if self.expired_days:
            sent = sum(count for _, count in self.expired_days)
            told.append(f"{sent:,} messages of {len(self.expired_days)} days are counted and gone")
        if self.outside:
            told.append(f"{self.outside:,} of them lie outside the interval")
        if self.gone:
            told.append(f"{self.gone:,} contents were gone when they were asked for")
        told += self.troubles or ([] if self.expired_until else ["complete"])
        return f"server {self.server}, stream {self.stream}: " + "; ".join(told)

    def shown(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "server": self.server, "stream": self.stream, "complete": self.is_whole, "total": self.total, "rows": self.rows,
            "outside": self.outside, "oldest": zulu(self.oldest), "newest": zulu(self.newest),
            "expired_until": zulu(self.expired_until),
            "expired_days": [{"day": day, "sent": sent} for day, sent in self.expired_days],
            "details": self.details, "dumps": self.dumps, "gone": self.gone, "troubles": self.troubles,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Collected:
    """A finished collection: what was read of each stream, and what is missing, in sentences."""

    folder: str
    streams: tuple[StreamRead, ...]
    troubles: tuple[str, ...]  # of servers and of the account; those of streams are with them
    notices: tuple[str, ...]  # what a person should know before relying on it: retention, a proxy
    requests: int

    def sentences(self) -> list[str]:
        """The result for a person, a line each."""
        last = "Everything that the API counts is in hand." if self.is_whole else "Not everything of the interval is in hand."
        return [*self.notices, *(one.sentence() for one in self.streams), *self.troubles, last]

    @property
    def is_whole(self) -> bool:
        """Whether every stream is, and nothing else was in the way."""
        return not self.troubles and bool(self.streams) and all(one.is_whole for one in self.streams)


def now() -> datetime:
    """This moment in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
