"""The reading edge: find evidence, hash it, open it read-only whatever its compression, and cut it into spans."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from forensics.model import Span

__all__ = ["HEAD", "Item", "Member", "MemberSource", "Problem", "find", "members", "read_ranges", "spans"]

HEAD = 64 * 1024  # bytes that a parser may sniff at
BLOCK = 1 << 20
SPAN = 64 << 20  # bytes of a plain file that one worker takes
_RATIO, _RATIO_FROM = 1000, 1 << 30  # a stream that grew a thousandfold past 1 GiB is a bomb, not a log
_MEMBERS, _NESTING = 100_000, 3

_BROKEN = (
    OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError, tarfile.TarError,
    zipfile.BadZipFile, NotImplementedError, RuntimeError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One file of evidence. `path` is how reports name it, `location` where it lies now; `sha256` of the whole file."""

    path: str
    location: Path
    size: int
    sha256: str

    @property
    def id(self) -> str:
        """The first 16 hex digits of the hash: the same content has the same id wherever it lies."""
        return self.sha256[:16]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read as evidence, and why."""

    path: str
    reason: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A readable stream of an item: the file itself, or one member of an archive. `size` is -1 where only reading tells."""

    item: Item
    name: str
    open: Callable[[], BinaryIO] = field(repr=False)
    size: int = -1

    @property
    def path(self) -> str:
        """How reports name the member."""
        return f"{self.item.path}/{self.name}" if self.name else self.item.path


def find(roots: Iterable[Path], *, skip: frozenset[Path] = frozenset()) -> Iterator[tuple[str, Path] | Problem]:
    """Regular files below the roots as (shown path, location), sorted; links, devices and locked folders as problems.

    Links are not followed: what they point to is either below the roots and met anyway, or was not handed in. A root
    that is a link itself is. `skip` holds resolved paths that the caller reads otherwise (the policy).
    """
    taken: dict[str, int] = {}
    for root in roots:
        base = root.resolve()
        shown = _unique(base.name or "evidence", taken)
        if not base.exists():
            yield Problem(str(root), "there is no such file or folder; check the path")
        elif base.is_dir():
            yield from _below(base, shown, skip)
        elif base not in skip:
            yield from _one(base, shown)


def _unique(name: str, taken: dict[str, int]) -> str:
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name}~{taken[name]}"


def _below(base: Path, shown: str, skip: frozenset[Path]) -> Iterator[tuple[str, Path] | Problem]:
    failed: list[Problem] = []

    def note(error: OSError) -> None:
        place = os.path.relpath(error.filename, base) if error.filename else "."
        failed.append(Problem(f"{shown}/{place}", f"the folder cannot be opened: {error.strerror}; check its permissions"))

    for folder, names, files in os.walk(base, onerror=note, followlinks=False):
        names.sort()
        here = Path(folder)
        for name in sorted([*files, *(one for one in names if (here / one).is_symlink())]):
            place = here / name
            if place not in skip:
                yield from _one(place, f"{shown}/{place.relative_to(base).as_posix()}")
    yield from failed


def _one(place: Path, shown: str) -> Iterator[tuple[str, Path] | Problem]:
    try:
        mode = place.lstat().st_mode
    except OSError as error:
        yield Problem(shown, f"cannot be examined: {error.strerror}")
        return
    if stat.S_ISLNK(mode):
        yield Problem(shown, "a symbolic link: not followed; hand in what it points to")
    elif not stat.S_ISREG(mode):
        yield Problem(shown, "neither a file nor a folder (device, pipe or socket): not read")
    else:
        yield (shown, place)


def open_read_only(place: Path) -> BinaryIO:
    """A file opened for reading without following a link and, where the system lets us, without touching its access time."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(place, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # O_NOATIME is the owner's right only
        handle = os.open(place, flags)
    return os.fdopen(handle, "rb", buffering=0)


def hashed(shown: str, place: Path, progress: Callable[[int], None] = lambda _: None) -> Item | Problem:
    """An item with its SHA-256, from one sequential read; `progress` is told the bytes of each block."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_read_only(place) as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
                size += len(block)
                progress(len(block))
    except OSError as error:
        return Problem(shown, f"cannot be read: {error.strerror or type(error).__name__}", size)
    if size == 0:
        return Problem(shown, "the file is empty (0 bytes)")
    return Item(shown, place, size, digest.hexdigest())


def members(item: Item) -> Iterator[Member | Problem]:
    """The readable streams of an item, archives opened by content, not by name; a broken container is a problem."""
    plain = Member(item, "", lambda: open_read_only(item.location), item.size)
    yield from _unpacked(plain, 0)


def _unpacked(member: Member, depth: int) -> Iterator[Member | Problem]:
    head, problem = _head(member)
    if problem:
        yield problem
        return
    inner = _decompressed(member, head)
    if inner is not None:
        if depth >= _NESTING:
            yield Problem(member.path, f"compressed more than {_NESTING} times over: not opened")
        else:
            yield from _unpacked(inner, depth + 1)
    elif head[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        yield from _archive(member, depth, _zip_members)
    elif head[257:262] == b"ustar":
        yield from _archive(member, depth, _tar_members)
    else:
        yield member


def _head(member: Member) -> tuple[bytes, Problem | None]:
    source = MemberSource(Span(member.item.id, member.name, 0, -1), member)
    head = bytearray()
    for block in source.blocks():
        head += block
        if len(head) >= HEAD:
            break
    if not head and source.problems:
        return b"", Problem(member.path, source.problems[0][1])
    return bytes(head[:HEAD]), None


def head_of(member: Member) -> bytes:
    """The first 64 KiB decoded; shorter, or empty, where the stream breaks."""
    return _head(member)[0]


def _zstd(raw: BinaryIO) -> BinaryIO:
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    return cast("BinaryIO", unpacker.stream_reader(raw, read_across_frames=True))


_MAGIC: tuple[tuple[bytes, Callable[[BinaryIO], object]], ...] = (
    (b"\x1f\x8b", lambda raw: gzip.GzipFile(fileobj=raw)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"\x28\xb5\x2f\xfd", _zstd),
)


def _decompressed(member: Member, head: bytes) -> Member | None:
    for magic, unpack in _MAGIC:
        if head.startswith(magic):
            return Member(member.item, member.name, partial(_opened, unpack, member.open))
    return None


def _opened(unpack: Callable[[BinaryIO], object], outer: Callable[[], BinaryIO]) -> BinaryIO:
    return cast("BinaryIO", unpack(outer()))


def _archive(member: Member, depth: int, walk: Callable[[Member], Iterator[Member | Problem]]) -> Iterator[Member | Problem]:
    if depth >= _NESTING:
        yield Problem(member.path, f"an archive nested more than {_NESTING} deep: not opened")
        return
    try:
        for count, inner in enumerate(walk(member)):
            if count >= _MEMBERS:
                yield Problem(member.path, f"more than {_MEMBERS} members: the rest is not read")
                return
            if isinstance(inner, Problem):
                yield inner
            else:
                yield from _unpacked(inner, depth + 1)
    except _BROKEN as error:
        yield Problem(member.path, f"the archive is damaged ({type(error).__name__}); its remaining members are not read")


def _below_name(member: Member, name: str) -> str:
    return f"{member.name}/{name}" if member.name else name


def _zip_members(member: Member) -> Iterator[Member | Problem]:
    with _seekable(member) as stream, zipfile.ZipFile(stream) as archive:
        for position, entry in enumerate(archive.infolist()):
            if entry.is_dir():
                continue
            name = _below_name(member, entry.filename)
            if entry.flag_bits & 0x1:
                yield Problem(f"{member.item.path}/{name}", "an encrypted member: unpack it with its password and hand it in")
            else:
                yield Member(member.item, name, _zip_opener(member, position), entry.file_size)


def _zip_opener(member: Member, position: int) -> Callable[[], BinaryIO]:
    def opener() -> BinaryIO:
        archive = zipfile.ZipFile(_seekable(member))
        return cast("BinaryIO", archive.open(archive.infolist()[position]))

    return opener


def _tar_members(member: Member) -> Iterator[Member | Problem]:
    with member.open() as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for position, entry in enumerate(archive):
            name = _below_name(member, entry.name)
            if entry.isreg():
                yield Member(member.item, name, _tar_opener(member, position), entry.size)
            elif not entry.isdir():
                yield Problem(f"{member.item.path}/{name}", "a link or device inside an archive: not followed")


def _tar_opener(member: Member, position: int) -> Callable[[], BinaryIO]:
    def opener() -> BinaryIO:
        archive = tarfile.open(fileobj=member.open(), mode="r|")  # noqa: SIM115  lives as long as the returned stream
        for count, entry in enumerate(archive):
            if count == position and (stream := archive.extractfile(entry)) is not None:
                return cast("BinaryIO", stream)
        raise EOFError

    return opener


def _seekable(member: Member) -> BinaryIO:
    """A zip needs its end first: a plain file is sought, a packed one is unpacked into memory up to 256 MiB."""
    stream = member.open()
    if isinstance(stream, io.FileIO):
        return cast("BinaryIO", stream)
    limit = 256 << 20
    data = stream.read(limit + 1)
    if len(data) > limit:
        msg = "a packed zip over 256 MiB"
        raise ValueError(msg)
    return io.BytesIO(data)


def spans(member: Member, *, divisible: bool, size: int = SPAN) -> list[Span]:
    """Cuts of a member for workers: a plain file in pieces of about `size` bytes, a packed one whole, because it is read in order."""
    whole = not divisible or member.name or member.size != member.item.size or member.size <= size
    if whole:
        return [Span(member.item.id, member.name, 0, -1)]
    return [Span(member.item.id, "", at, min(at + size, member.size)) for at in range(0, member.size, size)]


class MemberSource:
    """A span of a member as parsers read it (`plugins.Source`). What broke while reading lies in `problems` afterwards."""

    def __init__(self, span: Span, member: Member) -> None:
        self.span = span
        self.member = member
        self.problems: list[tuple[int, str]] = []

    @property
    def name(self) -> str:
        """Base name of the file or member."""
        return (self.member.name or self.member.item.path).rpartition("/")[2]

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        """Decoded bytes from `start` to the end of the member. Never raises."""
        begin = self.span.start if start is None else start
        at = 0
        try:
            with self.member.open() as stream:
                at = _skip(stream, begin)
                while block := stream.read(BLOCK):
                    at += len(block)
                    if at > _RATIO_FROM and at > _RATIO * self.member.item.size:
                        self.problems.append((at, f"decompression stopped: more than {_RATIO} times the size of the file"))
                        return
                    yield block
        except _BROKEN as error:
            self.problems.append((at, _why(error)))


def _skip(stream: BinaryIO, begin: int) -> int:
    if isinstance(stream, io.FileIO):
        return stream.seek(begin)
    at = 0
    while at < begin and (block := stream.read(min(BLOCK, begin - at))):
        at += len(block)
    return at


def _why(error: BaseException) -> str:
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
    for start, end in wanted:
        stop = min(end, start + limit) if end >= 0 else start + limit
        while base + len(held) < stop and (block := next(stream, b"")):
            if base + len(held) + len(block) <= start:
                base += len(held) + len(block)
                held.clear()
            else:
                held += block
        if start > base:
            del held[: start - base]
            base = start
        yield (start, end), bytes(held[: stop - base])
