"""Compressed streams, decoded a bounded piece at a time, with every byte that came before a break."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, Protocol, cast

import zstandard

from forensics.evidence.items import BLOCK, Member

__all__ = ["BombError", "Stream", "bound", "decompressed"]

RATIO, _RATIO_FROM = 1000, 1 << 30  # what grew a thousandfold past 1 GiB is a bomb, not a log
_XZ_MEMORY = 1 << 30
_FEED = 64 * 1024  # packed bytes given to a decompressor at a time
_ZSTD_FEED = 2 * 1024  # one that cannot be told how much to give back: at most some 64 MiB from so little


def bound(size: int) -> int:
    """The most bytes that a file of this size may decode to."""
    return max(_RATIO_FROM, RATIO * size)


class Closable(Protocol):
    """Whatever has to be closed: archives and streams share no base class."""

    def close(self) -> None:
        """Let go of it."""
        ...


class Stream(io.RawIOBase):
    """A stream over a function that gives some bytes, and whatever has to be closed with it.

    Short reads on purpose: what was decoded before a break is handed over, and the error comes with the next read.
    """

    def __init__(self, some: Callable[[int], bytes], *owned: Closable) -> None:
        super().__init__()
        self._some, self._owned = some, owned

    def read(self, size: int = -1) -> bytes:
        """Some bytes, at most `size`; none at the end."""
        return self._some(size if size >= 0 else BLOCK)

    def close(self) -> None:
        """Close what lies below, innermost first."""
        if not self.closed:
            for one in self._owned:
                one.close()
        super().close()


class _Frame(Protocol):
    """One compressed frame, as bz2 and lzma decompress it."""

    eof: bool
    needs_input: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Some output."""
        ...


class _Narrow:
    """zlib and zstd in the manner of bz2 and lzma: a bounded amount out, the rest of the input kept."""

    def __init__(self, frame: object, *, feed: int) -> None:
        self._frame = cast("Any", frame)
        self._feed, self._held = feed, b""

    @property
    def eof(self) -> bool:
        """Whether the frame is complete."""
        return bool(self._frame.eof)

    @property
    def needs_input(self) -> bool:
        """Whether nothing is held back."""
        return not self._held

    @property
    def unused_data(self) -> bytes:
        """What follows the frame."""
        return bytes(self._frame.unused_data) + (self._held if self.eof else b"")

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Some output; input that was not used yet is kept."""
        self._held += data
        now, self._held = self._held[: self._feed], self._held[self._feed :]
        if self._feed == _ZSTD_FEED:
            return bytes(self._frame.decompress(now))
        out: bytes = self._frame.decompress(now, max_length)
        if not self._frame.eof:  # at the end zlib leaves what follows the frame here too: it would be read twice
            self._held = self._frame.unconsumed_tail + self._held
        return out


_MAGIC: tuple[tuple[bytes, Callable[[], object]], ...] = (
    (b"\x1f\x8b", lambda: _Narrow(zlib.decompressobj(31), feed=_FEED)),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)),
    (b"\x28\xb5\x2f\xfd", lambda: _Narrow(zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(), feed=_ZSTD_FEED)),
)


class BombError(ValueError):
    """More came out than a log or mailbox of that size can hold."""


def decompressed(member: Member, head: bytes) -> Member | None:
    """The stream inside a compressed one, told by its first bytes; None for anything else."""
    for magic, fresh in _MAGIC:
        if head.startswith(magic):
            return Member(member.item, member.name, partial(_opened, cast("Callable[[], _Frame]", fresh), member))
    return None


def _opened(fresh: Callable[[], _Frame], outer: Member) -> BinaryIO:
    raw = outer.open()
    blocks = _frames(fresh, raw, bound(outer.item.size))
    held = bytearray()

    def some(size: int) -> bytes:
        if not held:
            held.extend(next(blocks, b""))
        out = bytes(held[:size])
        del held[:size]
        return out

    return cast("BinaryIO", Stream(some, raw))


def _frames(fresh: Callable[[], _Frame], raw: BinaryIO, bound: int) -> Iterator[bytes]:
    """What all frames of a stream decode to, none of it empty. Raises EOFError in the middle of a frame, BombError past `bound`."""
    frame, rest, total = fresh(), raw.read(_FEED), 0
    while True:
        block = frame.decompress(rest, BLOCK)
        total += len(block)
        if block:
            yield block
        if total > bound:
            raise BombError
        rest = b""
        if frame.eof:
            rest = frame.unused_data.lstrip(b"\0")  # padding between and after frames
            while not rest and (more := raw.read(_FEED)):
                rest = more.lstrip(b"\0")
            if not rest:
                return
            frame = fresh()
        elif frame.needs_input:
            rest = raw.read(_FEED)
            if not rest and not block:
                raise EOFError
