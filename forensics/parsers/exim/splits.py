r"""Lines that Exim cut for syslog: `[1/5] text`, `[2\18] text`, joined again.

Exim specification, section "Logging to syslog": the mark is a backslash where the piece ended with a line, a slash where it
ended for its length. The first line is the entry, those behind it are headers in a rejectlog. Pieces lie apart where
processes write at the same time, but not far: one that begins more than `REACH` bytes behind the first is not of it.
So any span finds its entries whole if it looks back and ahead as far.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from forensics.syslog import Envelope

__all__ = ["REACH", "Entry", "Splits"]

REACH = 1 << 16
_OPEN_LIMIT = 256  # entries held open before those out of reach are let go
_MARK = re.compile(rb"\[([1-9]\d{0,3})([/\\])([1-9]\d{0,3})\] ?")


class Entry(NamedTuple):
    """An entry that is whole (`text`), or will not become so (None); offsets in bytes, from its first piece to its last."""

    start: int
    end: int
    stamp: str
    host: str
    text: bytes | None


@dataclass(slots=True, eq=False)
class _Open:
    start: int
    end: int
    stamp: str
    number: int
    total: int
    texts: list[bytes] = field(default_factory=list)
    headers: bool = False  # the entry is done, what follows is a dump of headers


Key = tuple[str, str, str]


@dataclass(slots=True, eq=False)
class Splits:
    """The entries of which pieces are still to come, by host, program and process; `done` holds those that begin in the span."""

    since: int = 0
    until: int = -1
    open: dict[Key, _Open] = field(default_factory=dict)
    done: list[Entry] = field(default_factory=list)

    def take(self, found: Envelope, start: int, end: int) -> str:
        """Take a piece: "" if the payload is none, else "first", "more", "header", or "orphan" for one without beginning."""
        match = _MARK.match(found.payload)
        if match is None:
            return ""
        number, total = int(match[1]), int(match[3])
        key, text, ends_line = (found.host, found.program, found.pid), found.payload[match.end() :], match[2] == b"\\"
        if number > total:
            return ""
        if number == 1:
            self._drop(key)
            if len(self.open) >= _OPEN_LIMIT:
                self.expire(start)
            one = self.open[key] = _Open(start, end, found.stamp, 1, total)
        else:
            known = self.open.get(key)
            if known is None or known.number + 1 != number or known.total != total or start - known.start >= REACH:
                return "orphan"
            one = known
        one.number, one.end = number, end
        is_header = one.headers
        if not is_header:
            one.texts.append(text)
            if ends_line or number == total:
                self._finish(Entry(one.start, end, one.stamp, found.host, b"".join(one.texts)))
                one.headers, one.texts = True, []
        if number == total:
            del self.open[key]
        return "header" if is_header else "first" if number == 1 else "more"

    def _drop(self, key: Key) -> None:
        one = self.open.pop(key, None)
        if one is not None and not one.headers:
            self._finish(Entry(one.start, one.end, one.stamp, key[0], None))

    def _finish(self, one: Entry) -> None:
        if self.since <= one.start and (self.until < 0 or one.start < self.until):
            self.done.append(one)

    def expire(self, position: int) -> None:
        """Let go of entries whose pieces can no longer come, `position` being reached."""
        for key in [key for key, one in self.open.items() if position - one.start >= REACH]:
            self._drop(key)

    def drop_all(self) -> None:
        """Nothing follows."""
        for key in tuple(self.open):
            self._drop(key)

    def is_waiting(self) -> bool:
        """Whether an entry is not whole yet."""
        return any(
            not one.headers and self.since <= one.start and (self.until < 0 or one.start < self.until)
            for one in self.open.values()
        )
