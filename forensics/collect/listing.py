"""A list that is longer than its pages, read to the end and proven whole.

Postmark shows at most 10,000 rows of a query (`count` + `offset`), newest first. A longer list is read in slices: the next
one ends at the time of the oldest row of the one before, that second included, so that slices overlap and none is empty.
The first query spans the whole interval, and its TotalCount is the proof: so many different rows must be in hand. Pages
shift while mail arrives, so a slice is read again until all its pages tell one TotalCount and hold as many different rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from forensics.collect.eastern import moment, wall_clock_from, wall_clock_to
from forensics.collect.wire import Request

__all__ = ["CAP", "PAGE", "Listing", "Reading", "count_in", "identity", "read_listing"]

PAGE, CAP = 500, 10_000  # rows
_MOST_PAGES = 200  # of one reading: 20 are usual, more come where the API gives shorter pages than it was asked for
_PASSES = 6  # of one slice; mail that arrives faster than that is not waited for
_ROUNDS = 4  # over all slices, until the count of the whole interval is in hand
_MOST_SLICES = 99_999
Row = Mapping[str, Any]
Ask = Callable[[str, Request], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Listing:
    """A paged list of the API."""

    path: str
    name: str  # key of the rows in a page
    key: Callable[[Row], str]  # what makes a row this row
    clock: str  # the field by which rows are ordered, newest first
    dated: bool = True  # it understands fromdate and todate


@dataclass(slots=True)
class Reading:
    """How far a list was read: different rows in hand, what the API counted, and why it is not whole ("" if it is)."""

    total: int = 0  # TotalCount of the whole interval, as last told
    rows: dict[str, datetime | None] = field(default_factory=dict)  # key of each row and its time in UTC, newest first
    slices: int = 0
    trouble: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the API's own count says that nothing is missing."""
        return not self.trouble and len(self.rows) >= self.total


@dataclass(slots=True)
class _Pass:
    """One reading of all pages of a slice."""

    totals: set[int] = field(default_factory=set)
    rows: dict[str, datetime | None] = field(default_factory=dict)
    trouble: str = ""

    @property
    def total(self) -> int:
        return max(self.totals, default=0)

    @property
    def is_stable(self) -> bool:
        return len(self.totals) == 1 and len(self.rows) >= min(self.total, CAP)

    @property
    def reaches_the_end(self) -> bool:
        return self.total <= len(self.rows) < CAP


def identity(row: Row) -> str:
    """MessageID with a hash of its recipients: what makes a row of the search this row, in few bytes."""
    listed = row.get("Recipients")
    text = json.dumps(listed if isinstance(listed, list) else []).encode("ascii")
    return f"{row.get('MessageID', '')}|{hashlib.sha256(text).hexdigest()[:16]}"


def count_in(page: Mapping[str, Any]) -> int | None:
    """TotalCount, which comes as a number or as text; None if it is neither."""
    count = page.get("TotalCount")
    if isinstance(count, str) and count.isascii() and count.isdigit() and len(count) <= 12:  # noqa: PLR2004  digits of a count
        return int(count)
    return count if type(count) is int and count >= 0 else None


def read_listing(
    ask: Ask,
    listing: Listing,
    place: str,
    query: Mapping[str, str],
    interval: tuple[datetime, datetime],
    watch: Callable[[Reading], object] = lambda _: None,
) -> Reading:
    """Read a list to its end, whole or as far as it goes. Times of `interval` are aware; `watch` is called after each slice.

    `ask(place, request)` gives a page, from the folder if it is there. The same answers lead to the same requests.
    """
    reading = Reading()
    dates = {"fromdate": wall_clock_from(interval[0]), "todate": wall_clock_to(interval[1])} if listing.dated else {}
    whole = {**query, **dates}
    for number in range(1, _ROUNDS + 1):
        begun = reading.slices
        for _ in _round(ask, listing, f"{place}/{number}", whole, reading):
            watch(reading)
        if reading.trouble or reading.slices == begun + 1:  # the pages of one slice prove each other
            break
        first = Request(listing.path, (("count", "1"), ("offset", "0"), *whole.items()))
        reading.total = count_in(ask(f"{place}/{number}-check.json", first)) or 0
        if len(reading.rows) >= reading.total:
            break
    if not reading.trouble and len(reading.rows) < reading.total:
        reading.trouble = f"the API counts {reading.total} rows, {len(reading.rows)} are in hand"
    return reading


def _round(ask: Ask, listing: Listing, place: str, query: Mapping[str, str], reading: Reading) -> Iterator[None]:
    """Read all slices from the newest to the oldest into `reading`, one a step."""
    for number in range(1, _MOST_SLICES + 1):
        reading.slices += 1
        one = _slice(ask, listing, f"{place}/{number:05}", query)
        reading.total = one.total if number == 1 else reading.total
        reading.rows |= {key: at for key, at in one.rows.items() if key not in reading.rows}
        reading.trouble = one.trouble
        yield
        if one.reaches_the_end or one.trouble:
            return
        oldest = min((at for at in one.rows.values() if at is not None), default=None)
        following = _earlier(query["todate"], oldest) if listing.dated else ""
        if not following:
            break
        query = {**query, "todate": following}
    reading.trouble = f"the API shows {len(reading.rows)} of {reading.total} rows, and no query reaches the others"


def _earlier(until: str, oldest: datetime | None) -> str:
    """The end of the next slice; "" where it would be no earlier than the one before."""
    following = wall_clock_to(oldest) if oldest is not None else ""
    return following if following < until else ""


def _slice(ask: Ask, listing: Listing, place: str, query: Mapping[str, str]) -> _Pass:
    """All pages of one query, read until they fit together; rows of every pass count."""
    met: dict[str, datetime | None] = {}
    for number in range(1, _PASSES + 1):
        one = _pass(ask, listing, f"{place}/{number}", query)
        stable = one.is_stable
        met |= {key: at for key, at in one.rows.items() if key not in met}
        if stable or one.trouble:
            break
    else:
        one.trouble = "the pages did not fit together: the list changed at every reading"
    one.rows = met
    return one


def _pass(ask: Ask, listing: Listing, place: str, query: Mapping[str, str]) -> _Pass:
    one = _Pass()
    offset = 0
    for _ in range(_MOST_PAGES):
        count = min(PAGE, CAP - offset)
        page = ask(
            f"{place}/{offset:05}.json", Request(listing.path, (("count", str(count)), ("offset", str(offset)), *query.items()))
        )
        rows, total = page.get(listing.name), count_in(page)
        if total is None or not isinstance(rows, list):
            one.trouble = "an answer without TotalCount or without its list"
            return one
        one.totals.add(total)
        one.rows |= {listing.key(row): moment(row.get(listing.clock)) for row in rows if isinstance(row, dict)}
        offset += len(rows)
        if not rows or offset >= min(total, CAP):
            break
    return one
