"""Rows of a message trace in any of its forms, as fields by one name each."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from forensics.csvlog import continued, fields_of, text_lines
from forensics.plugins import Source
from forensics.syslog import Cut, decoded

__all__ = ["LISTS", "Row", "csv_rows", "header_of", "layout", "named", "plain"]

LISTS = ("value", "results")  # of a page: OData 4 and Graph; OData 2
_MOST_COLUMNS = 256
_LATE = 20  # lines of a file in which its header line is sought
_MARKS = re.compile(r"[^a-z0-9]")

# the forms, by the columns that they cannot do without
_EXTENDED = frozenset({"eventid", "recipientaddress", "senderaddress", "networkmessageid"})
_SUMMARY = frozenset({"recipientstatus", "senderaddress", "messageid"})
_TRACE = frozenset({"recipientaddress", "senderaddress", "status"})
_TRACE_IDS = frozenset({"messagetraceid", "messageid", "id"})
_TRACE_TIMES = frozenset({"received", "receiveddatetime", "receivedutc", "dateutc", "origintimestamputc", "startdate"})


class Row(NamedTuple):
    """One row of a table: its place, and its fields by plain name; or, if `problem` is a sentence, what cannot be read.

    `names` are those of the columns, in the line that names them.
    """

    start: int
    end: int
    fields: dict[str, Any]
    problem: str = ""
    names: tuple[str, ...] = ()

    @property
    def is_header(self) -> bool:
        """Whether this line names the columns."""
        return bool(self.names)


@lru_cache(maxsize=4_096)
def plain(name: str) -> str:
    """The name of a field without case and marks: `Sender address`, `sender_address` and `SenderAddress` are one."""
    return _MARKS.sub("", name.lower()[:64])


def named(value: dict[str, Any]) -> dict[str, Any]:
    """The fields of a JSON object by plain name; two of one plain name become a tuple, as repeated keys do."""
    found: dict[str, Any] = {}
    for key, one in value.items():
        name = plain(key)
        found[name] = (found[name], one) if name in found else one
    return found


def layout(names: Iterable[str]) -> str:
    """Which form has these fields: "extended", "summary", "trace", or "" for none of them."""
    known = frozenset(names)
    if known >= _EXTENDED:
        return "extended"
    if known >= _SUMMARY and "recipientaddress" not in known:
        return "summary"
    is_trace = known >= _TRACE and not known.isdisjoint(_TRACE_IDS) and not known.isdisjoint(_TRACE_TIMES)
    return "trace" if is_trace else ""


def csv_rows(source: Source) -> Iterator[Row]:
    """The rows of a table with a header line (RFC 4180), in UTF-8 or UTF-16, from the beginning of the member.

    A quote that does not end costs the line in which it begins and no more. Joined exports repeat their header line. Empty
    cells are left out.
    """
    columns: list[str] = []
    begins = b""  # how the line that names the columns begins
    fresh = text_lines(source.blocks(0))
    again: deque[tuple[int, int, bytes]] = deque()
    while line := again.popleft() if again else next(fresh, None):
        start, end, text = line
        if isinstance(text, Cut):
            yield Row(start, end, {}, text.reason)
            continue
        if not text.strip(b"\0 \t") or text.startswith(b"#TYPE "):  # of PowerShell 5, which names the type of its objects
            continue
        cells = fields_of(text)
        if cells is None and text.count(b'"') % 2:
            more = continued(text, fresh, again)
            cells = fields_of(b"\n".join((text, *(one[2] for one in more))))
            if cells is None or len(cells) != len(columns):
                again.extendleft(reversed(more))
                cells = None
            elif more:
                end = more[-1][1]
        header = _header(text, cells) if not columns or text.startswith(begins) else []
        if header:
            columns, begins = header, text.partition(b",")[0]
            yield Row(start, end, {}, names=tuple(columns))
        else:
            yield _row(start, end, columns, cells)


def _row(start: int, end: int, columns: list[str], cells: list[bytes] | None) -> Row:
    if cells is None:
        return Row(start, end, {}, "a quoted field of a row does not end; the line may be cut")
    if not columns:
        return Row(start, end, {}, "no line before this row names its columns")
    if len(cells) != len(columns):
        return Row(start, end, {}, "a row has more or fewer fields than columns are named; the line may be cut")
    found: dict[str, Any] = {}
    for name, cell in zip(columns, cells, strict=True):
        if cell:
            found.setdefault(name, decoded(cell))
    return Row(start, end, found)


def header_of(head: bytes) -> list[str]:
    """The columns that the first lines of a table name; none if it is no table of this kind."""
    for _, _, text in islice(text_lines(iter([head])), _LATE):
        if text.startswith(b"#TYPE ") or not text.strip(b"\0 \t"):
            continue
        return _header(text, fields_of(text))
    return []


def _header(text: bytes, cells: list[bytes] | None) -> list[str]:
    """The columns that a line names; none if it is no header line of ours: Exchange's own logs begin theirs with `#Fields:`."""
    names = [] if text.startswith(b"#") else [plain(decoded(one.strip())) for one in cells or ()]
    return names if layout(names) and len(names) <= _MOST_COLUMNS else []
