"""A stream, or a part of a large one, in overlapping blocks whose own parts tile it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from forensics.sweep.memory import octets
from forensics.sweep.needles import AHEAD, BACK

__all__ = ["LEAD", "WHOLE", "Block", "Part", "character", "narrowed", "overlapping", "wide_order"]

LEAD = 65_536  # bytes before a part that are read for what stands before its first line: a time, a list that goes on
_BORDER = AHEAD  # bytes before the nominal border of two parts in which a line end is sought
_ASCII, _OTHER = 0x80, 0xFF  # the end of ASCII, and what stands for a character beyond it
_MARK = 0xFEFF  # stands before the first line, which is to begin as all others do
_MANY, _FEW = 0.6, 0.05  # of bytes at even or odd places that are NUL in UTF-16, and in what is none
_ENOUGH = 64  # bytes of which that can be told
_MARKS = {b"\xff\xfe": "le", b"\xfe\xff": "be"}


class Block(NamedTuple):
    """Bytes at offset `base` of a stream, of which those from `low` to `high` are this block's own."""

    data: bytes
    base: int
    low: int
    high: int


class Part(NamedTuple):
    """A stretch of a stream, `stop` -1 for its end; borders are nominal, the lines nearest before them are the real ones.

    `wide`: byte order of a stream that is UTF-16 as a whole ("le", "be"), "" for any other.
    """

    start: int = 0
    stop: int = -1
    wide: str = ""

    @property
    def begin(self) -> int:
        """The offset from which bytes are needed."""
        return max(self.start - LEAD, 0)


WHOLE = Part()


def overlapping(blocks: Iterable[bytes], size: int, part: Part = WHOLE) -> Iterator[Block]:
    """Blocks with what precedes and follows them; their own part ends before a line end where there is one.

    A line end is put before the first line of a stream, so that it begins as all others do. `blocks` begin at `part.begin`.
    """
    held, base, low, fresh = ([b"\n"], -1, 0, 0) if part.start == 0 else ([], part.begin, -1, 0)
    for block in blocks:
        held.append(block)
        fresh += len(block)
        if fresh < max(size, 2 * AHEAD) or (low < 0 and fresh < LEAD + 2 * AHEAD):
            continue
        data, fresh = b"".join(held), 0
        low = _border(data, part.start - base) if low < 0 else low
        if 0 <= part.stop <= base + len(data) - AHEAD:
            held = [data]
            break
        limit = len(data) - AHEAD if part.stop < 0 else min(len(data), part.stop - base) - AHEAD
        if limit <= low:
            held = [data]
            continue
        high = data.rfind(b"\n", low + 1, limit)
        high = high if high > low else limit
        yield Block(data, base, low, high)
        keep = max(high - BACK, 0)
        held, base, low = [data[keep:]], base + keep, high - keep
    data = b"".join(held)
    low = _border(data, part.start - base) if low < 0 else low
    high = _border(data, part.stop - base) if 0 <= part.stop <= base + len(data) else len(data)
    yield Block(data[: high + AHEAD], base, low, max(high, low))


def _border(data: bytes, nominal: int) -> int:
    """Where two parts meet: the last line end shortly before the nominal border. Both find it in the same bytes."""
    found = data.rfind(b"\n", max(nominal - _BORDER, 0), nominal)
    return found if found >= 0 else min(nominal, len(data))


def wide_order(head: bytes) -> str:
    """The byte order of text that is UTF-16 from its beginning, "le" or "be", "" where it is not."""
    if head[:2] in _MARKS:
        return _MARKS[head[:2]]
    if len(head) < _ENOUGH:
        return ""
    even, odd = (float(np.mean(octets(head)[first::2] == 0)) for first in (0, 1))
    return "le" if odd > _MANY and even < _FEW else "be" if even > _MANY and odd < _FEW else ""


def narrowed(block: Block, order: str) -> Block:
    """A block of UTF-16 with one byte for each two, so that fields and times are found in it as in any other text."""
    data, base, low, high = block
    skipped = base % 2 if base >= 0 else 1  # the line end that was put before the stream, or half a character
    units = np.frombuffer(data, "<u2" if order == "le" else ">u2", (len(data) - skipped) // 2, skipped)
    text = np.where(units < _ASCII, units, np.where(units == _MARK, ord("\n"), _OTHER)).astype(np.uint8).tobytes()
    begin = character(base)
    return Block((data[:1] if base < 0 else b"") + text, begin, character(base + low) - begin, character(base + high) - begin)


def character(at: int) -> int:
    """Which character of a stream of UTF-16 begins at this byte or after it; the line end before the stream keeps its place."""
    return at if at < 0 else (at + 1) // 2
