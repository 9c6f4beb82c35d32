"""A member as parsers and the second pass read it: from any place on, in spans, and in given ranges."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from forensics.evidence.frames import RATIO, BombError
from forensics.evidence.items import BLOCK, HEAD, Member
from forensics.model import Span

__all__ = ["SPAN", "MemberSource", "first_bytes", "head_of", "read_ranges", "skip", "spans"]

SPAN = 64 << 20  # bytes of a plain file that one worker takes
_LEAP = 16 << 20  # bytes between two wanted ranges of a plain file from which seeking beats reading on


def first_bytes(member: Member) -> tuple[bytes, str]:
    """The first 64 KiB decoded, and what broke while reading them."""
    source = MemberSource(Span(member.item.id, member.name, 0, -1), member)
    head = bytearray()
    for block in source.blocks():
        head += block
        if len(head) >= HEAD:
            break
    return bytes(head[:HEAD]), source.problems[0][1] if source.problems else ""


def head_of(member: Member) -> bytes:
    """The first 64 KiB decoded; shorter, or empty, where the stream breaks."""
    return first_bytes(member)[0]


def spans(member: Member, *, divisible: bool, size: int = SPAN) -> list[Span]:
    """Cuts of a member for workers: a plain file in pieces of about `size` bytes, a packed one whole, because it is read in order."""
    if not divisible or not _is_plain(member) or member.size <= size:
        return [Span(member.item.id, member.name, 0, -1)]
    return [Span(member.item.id, "", at, min(at + size, member.size)) for at in range(0, member.size, size)]


class MemberSource:
    """A span of a member as parsers read it (`plugins.Source`). What broke while reading lies in `problems` afterwards.

    With `hashing`, what is read of a packed member is hashed on the way, and its rest is read where a parser stops early.
    """

    def __init__(self, span: Span, member: Member, *, hashing: bool = False) -> None:
        self.span = span
        self.member = member
        self.problems: list[tuple[int, str]] = []
        self._hashing = hashing and not _is_plain(member)  # the hash of a plain file is that of the item
        self._whole: tuple[int, str] | None = None

    @property
    def name(self) -> str:
        """Base name of the file or member."""
        return (self.member.name or self.member.item.path).rpartition("/")[2]

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        """Decoded bytes from `start` to the end of the member. Never raises.

        A plain file ends where it ended when it was hashed: what a live log gained since then is in no hash.
        """
        begin = self.span.start if start is None else start
        known = self.member.size if _is_plain(self.member) else -1
        digest = hashlib.sha256() if self._hashing and not begin and self._whole is None else None
        at = 0
        try:
            with self.member.open() as stream:
                at = skip(stream, begin)
                try:
                    while block := stream.read(BLOCK if known < 0 else min(BLOCK, max(known - at, 0))):
                        at += len(block)
                        if digest is not None:
                            digest.update(block)
                        yield block
                except GeneratorExit:
                    if digest is not None:  # the reader has enough; the stream stands here now, and nowhere else so cheaply
                        self._whole = _rest(stream, at, digest)
                    raise
        except Exception as error:  # noqa: BLE001  hostile bytes make decoders fail in every way there is
            self.problems.append((at, _why(error)))
            return
        if digest is not None:
            self._whole = at, digest.hexdigest()
        if at < known:
            self.problems.append((at, "the file is shorter than when it was hashed: it was changed during the run"))

    def hashed(self) -> tuple[int, str] | None:
        """Size and SHA-256 of a packed member, all of it; (bytes that could be read, "") where it is damaged, None for a plain file.

        Costs a reading only where none has begun at its start.
        """
        if not self._hashing:
            return None
        if self._whole is None and not self.problems:
            for _ in self.blocks(0):
                pass
        return self._whole or (max((at for at, _ in self.problems), default=0), "")


def _rest(stream: BinaryIO, at: int, digest: hashlib._Hash) -> tuple[int, str]:
    """Size and hash of a stream of which `at` bytes are in the hash; the hash is "" where it breaks."""
    try:
        while block := stream.read(BLOCK):
            at += len(block)
            digest.update(block)
    except Exception:  # noqa: BLE001  hostile bytes make decoders fail in every way there is
        return at, ""
    return at, digest.hexdigest()


def _is_plain(member: Member) -> bool:
    return not member.name and member.size == member.item.size


def skip(stream: BinaryIO, begin: int) -> int:
    """Go forward to offset `begin` of a stream that stands at its start; returns the offset reached."""
    if isinstance(stream, io.FileIO):
        return stream.seek(begin)
    at = 0
    while at < begin and (block := stream.read(min(BLOCK, begin - at))):
        at += len(block)
    return at


def _why(error: BaseException) -> str:
    if isinstance(error, BombError):
        return f"decompression stopped: more than {RATIO} times the size of the file"
    if isinstance(error, EOFError):
        return "the compressed stream ends early: the file is truncated"
    if isinstance(error, OSError) and error.strerror:
        return f"reading failed: {error.strerror}"
    return f"the compressed stream is damaged ({type(error).__name__})"


def read_ranges(member: Member, ranges: Iterable[tuple[int, int]], *, limit: int) -> Iterator[tuple[tuple[int, int], bytes]]:
    """The bytes of each (start, end), in one pass over the member; ranges must be sorted. At most `limit` bytes of each.

    A range that the stream no longer reaches comes back short or empty. End -1 is the end of the member.
    """
    source = MemberSource(Span(member.item.id, member.name, 0, -1), member)
    wanted = list(ranges)
    if not wanted:
        return
    base = wanted[0][0]
    stream = source.blocks(base)
    held = bytearray()
    for number, (start, end) in enumerate(wanted, 1):
        stop = max(start, min(end, start + limit) if end >= 0 else start + limit)
        if _is_plain(member) and start - base - len(held) > _LEAP:
            stream, base = source.blocks(start), start
            held.clear()
        while base + len(held) < stop and (block := next(stream, b"")):
            if base + len(held) + len(block) <= start:
                base += len(held) + len(block)
                held.clear()
            else:
                held += block
        if start > base:
            del held[: start - base]
            base = start
        given = [bytes(memoryview(held)[: stop - base])]
        size = len(given[0])
        if number == len(wanted) or wanted[number][0] >= base + size:  # a big one is not held here while it is looked at
            del held[:size]
            base += size
        yield (start, end), given.pop()
