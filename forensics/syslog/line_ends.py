"""The lines of a log: where each begins and ends, for any cut and blocks of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

__all__ = ["LINE_LIMIT", "Cut", "Recast", "decoded", "line_runs", "lines"]

LINE_LIMIT = 1 << 20


class Recast(bytes):
    """A line that the evidence holds in another form (UTF-16, a record of the journal, pieces); `length` is its bytes there."""

    length: int

    def __new__(cls, text: bytes, length: int) -> Self:
        """The text as a plain log would hold it, and how many bytes of evidence it stands for."""
        self = super().__new__(cls, text)
        self.length = length
        return self


class Cut(Recast):
    """Stands for a line that cannot be held or does not end: empty text; `reason` is the sentence for its defect."""

    reason: str

    def __new__(cls, length: int, reason: str = "a line is longer than any line of a log") -> Self:
        """An empty text that knows how long the line was."""
        self = super().__new__(cls, b"", length)
        self.reason = reason
        return self


def lines(blocks: Iterable[bytes], start: int, end: int, limit: int = LINE_LIMIT) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of every line that `line_runs` gives."""
    for offset, run in line_runs(blocks, start, end, limit):
        at = offset
        for line in run:
            yield at, line
            at += len(line) + 1


def line_runs(blocks: Iterable[bytes], start: int, end: int, limit: int = LINE_LIMIT) -> Iterator[tuple[int, list[bytes]]]:
    r"""The lines, without line end, whose first byte lies in [start, end), in order; `end` = -1 is the end of all.

    They come in runs: the offset of the first line, and lines of which each begins one byte behind the last, so that
    readers in a hurry go through most of a block in one loop. `blocks` are the bytes from offset `start - 1` on (from 0 if
    `start` is 0): the byte before tells whether a line begins at `start`. Lines end at "\n"; one "\r" before it goes too.
    NULs before a line are a hole that a crash left: the line is owned by where the hole begins, its offset is where its
    text begins. A line of more than `limit` bytes comes as `Cut`; no more than that and one block is held in memory.
    """
    offset = max(start - 1, 0)  # of the line that is being read
    position = offset  # of the block's first byte
    nuls = gone = size = 0
    held: list[bytes] = []
    for block in blocks:
        if 0 <= end <= offset:
            return
        rows = block.split(b"\n")
        tail = rows.pop()
        if rows:
            first = rows.pop(0)
            if offset >= start:
                yield _tidied(b"".join((*held, first)), offset, nuls, gone, limit)
            offset = position + len(first) + 1
            position += len(block)
            if len(block) <= limit and (end < 0 or position <= end) and b"\r" not in block and b"\0" not in block:
                if rows:
                    yield offset, rows
            else:
                yield from _one_by_one(rows, offset, end, limit)
            offset = position - len(tail)
            nuls = gone = size = 0
            held = []
        else:
            position += len(block)
        if not size and not gone:
            bare = tail.lstrip(b"\0")
            nuls += len(tail) - len(bare)
            tail = bare
        held.append(tail)
        size += len(tail)
        if size > limit:
            gone += size
            held, size = [], 0
    if start <= offset < (end if end >= 0 else offset + 1) and (size or gone or nuls):
        yield _tidied(b"".join(held), offset, nuls, gone, limit)


def _one_by_one(rows: Iterable[bytes], offset: int, end: int, limit: int) -> Iterator[tuple[int, list[bytes]]]:
    """Finished lines that are not all plain, as runs of one."""
    for line in rows:
        if 0 <= end <= offset:
            return
        yield _tidied(line, offset, 0, 0, limit)
        offset += len(line) + 1


def _tidied(line: bytes, offset: int, nuls: int, gone: int, limit: int) -> tuple[int, list[bytes]]:
    """A finished line as a run; `nuls` before it and `gone` bytes of it have been let go already."""
    if not gone:
        bare = line.lstrip(b"\0")
        nuls += len(line) - len(bare)
        line = bare
    if gone or len(line) > limit:
        return offset + nuls, [Cut(gone + len(line))]
    return offset + nuls, [line.removesuffix(b"\r")]


def decoded(text: bytes) -> str:
    """Text of a log: UTF-8, else Latin-1, which never fails and keeps different bytes different."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
