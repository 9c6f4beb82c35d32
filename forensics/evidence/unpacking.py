"""The streams inside a file: archives and compressed files opened by content, to any depth that is honest."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, cast

from forensics.evidence.frames import RATIO, BombError, Stream, bound, decompressed
from forensics.evidence.items import BLOCK, Item, Member, Names, Problem, open_read_only
from forensics.evidence.items import named as readable
from forensics.evidence.reading import first_bytes, skip

__all__ = ["members"]

_MEMBERS, _NESTING = 100_000, 3
_PACKED_ZIP = 256 << 20  # bytes of a zip inside something packed, which has to be held in memory
_TAR_EXTRA = 1 << 20  # bytes of one extended tar header, which tarfile reads into memory
_STEP = 4096  # bytes of a tar read at a time: where a packed one breaks off, what was read of a step is lost


def members(item: Item) -> Iterator[Member | Problem]:
    """The readable streams of an item, archives opened by content, not by name; a broken container is a problem.

    Names are unique within an item. Read a member before you ask for the next one: then a packed archive is unpacked once.
    Later it can be opened too, at the price of unpacking the archive again up to it.
    """
    plain = Member(item, "", lambda: open_read_only(item.location), item.size)
    yield from _unpacked(plain, 0, _Walk(item.size))


class _Walk:
    """What one walk over an item has met, and what its archives may still declare: bombs multiply over nesting."""

    def __init__(self, size: int) -> None:
        self.names = Names()
        self.members = 0
        self.left = bound(size)

    def named(self, outer: Member, name: str) -> str:
        """The name of a member inside another one."""
        self.members += 1
        inner = readable(name) or "(no name)"
        return self.names.unique(f"{outer.name}/{inner}" if outer.name else inner)

    def grants(self, size: int) -> bool:
        """Whether a member that declares so many bytes may be unpacked."""
        if size > self.left:
            return False
        self.left -= size
        return True


def _unpacked(member: Member, depth: int, walk: _Walk) -> Iterator[Member | Problem]:
    head, problem = first_bytes(member)
    if not head:
        yield Problem(member.path, problem or "nothing is in it (0 bytes)")
        return
    inner = decompressed(member, head)
    if inner is not None:
        if depth >= _NESTING:
            yield Problem(member.path, f"compressed more than {_NESTING} times over: not opened")
        else:
            yield from _unpacked(inner, depth + 1, walk)
    elif head[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        yield from _archive(member, depth, walk, _zip_members)
    elif head[257:262] == b"ustar":
        yield from _archive(member, depth, walk, _tar_members)
    else:
        yield member


def _archive(
    member: Member, depth: int, walk: _Walk, entries: Callable[[Member, _Walk], Iterator[Member | Problem]]
) -> Iterator[Member | Problem]:
    if depth >= _NESTING:
        yield Problem(member.path, f"an archive nested more than {_NESTING} deep: not opened")
        return
    try:
        for inner in entries(member, walk):
            if walk.members > _MEMBERS:
                yield Problem(member.path, f"more than {_MEMBERS} members: the rest is not read")
                return
            if isinstance(inner, Problem):
                yield inner
            elif inner.size >= 0 and not walk.grants(inner.size):
                yield Problem(inner.path, f"unpacking stopped: the members come to more than {RATIO} times the size of the file")
            else:
                yield from _unpacked(inner, depth + 1, walk)
    except Exception as error:  # noqa: BLE001  hostile bytes make archive readers fail in every way there is
        yield Problem(member.path, f"the archive is damaged ({type(error).__name__}); its remaining members are not read")


def _zip_members(member: Member, walk: _Walk) -> Iterator[Member | Problem]:
    with _seekable(member) as stream, zipfile.ZipFile(stream) as archive:
        for position, entry in enumerate(archive.infolist()):
            if entry.filename.endswith("/"):
                continue
            inner = Member(
                member.item, walk.named(member, entry.filename), _zip_opener(member, archive, position), entry.file_size
            )
            if entry.flag_bits & 0x1:
                yield Problem(inner.path, "an encrypted member: unpack it with its password and hand it in")
            else:
                yield inner


def _zip_opener(member: Member, walked: zipfile.ZipFile, position: int) -> Callable[[], BinaryIO]:
    def opener() -> BinaryIO:
        if walked.fp is not None:  # the walk is still there: no need to read the directory again
            found: Any = walked.open(walked.infolist()[position])
            return cast("BinaryIO", Stream(found.read1, found))
        stream = _seekable(member)
        archive = zipfile.ZipFile(stream)
        found = archive.open(archive.infolist()[position])
        return cast("BinaryIO", Stream(found.read1, found, archive, stream))

    return opener


class _SmallHeaders(tarfile.TarInfo):
    """A tar header that may not ask for more memory than a name takes."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _SmallHeaders:
        """See `tarfile.TarInfo.frombuf`."""
        found = super().frombuf(buf, encoding, errors)
        extra = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        if found.type in extra and found.size > _TAR_EXTRA:
            raise BombError
        return found


def _tar(stream: BinaryIO) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="r|", tarinfo=_SmallHeaders)


def _tar_members(member: Member, walk: _Walk) -> Iterator[Member | Problem]:
    with member.open() as stream, _tar(stream) as archive:
        for position, entry in enumerate(archive):
            cast("Any", archive).members = []  # tarfile keeps every header; a walk needs none of them again
            if entry.isdir():
                continue
            name = walk.named(member, entry.name)
            if not entry.isreg():
                yield Problem(f"{member.item.path}/{name}", "a link or device inside an archive: not followed")
                continue
            passing = _Passing(_tar_reader(archive, entry), partial(_tar_again, member, position))
            yield Member(member.item, name, passing.open, entry.size)
            passing.leave()


def _tar_again(member: Member, position: int) -> BinaryIO:
    """A member of a tar that a walk has passed: the archive from its start, up to there."""
    stream = member.open()
    archive = _tar(stream)
    for count, entry in enumerate(archive):
        if count == position:
            return cast("BinaryIO", Stream(_tar_reader(archive, entry), archive, stream))
    raise EOFError


def _tar_reader(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Callable[[int], bytes]:
    """A function that reads on in the member on which an archive stands. Only a sparse one needs tarfile for it: tarfile gives
    nothing of a piece that a cut archive holds in part.
    """
    if entry.issparse():
        found: Any = archive.extractfile(entry)
        return cast("Callable[[int], bytes]", found.read1)
    left = entry.size

    def some(size: int) -> bytes:
        nonlocal left
        out: bytes = cast("Any", archive).fileobj.read(min(size, left, _STEP))
        left -= len(out)
        if left and not out:
            raise EOFError
        return out

    return some


class _Passing:
    """A member that a walk stands on: sniffed as often as one likes and read once in the same pass, by unpacking again later."""

    def __init__(self, some: Callable[[int], bytes], again: Callable[[], BinaryIO]) -> None:
        self.some, self.again = some, again
        self.head = bytearray()  # what was read so far, as long as that is little
        self.reader: _Replay | None = None  # who read on past the head
        self.gone = False

    def open(self) -> BinaryIO:
        """The member from its start."""
        return cast("BinaryIO", _Replay(self))

    def leave(self) -> None:
        """The walk goes on: whoever still reads has to unpack the archive for himself."""
        self.gone = True
        self.head = bytearray()


class _Replay(io.RawIOBase):
    """One reading of a passing member."""

    def __init__(self, passing: _Passing) -> None:
        super().__init__()
        self._passing = passing
        self._at = 0
        self._own: BinaryIO | None = None

    def read(self, size: int = -1) -> bytes:
        """Some bytes, at most `size`; none at the end."""
        out = self._next(size if size >= 0 else BLOCK)
        self._at += len(out)
        return out

    def _next(self, size: int) -> bytes:
        one = self._passing
        if self._own is None and not one.gone and self._at < len(one.head):
            return bytes(one.head[self._at : self._at + size])
        if self._own is None and not one.gone and one.reader in {None, self}:
            out = one.some(size)
            if len(one.head) + len(out) > 2 * BLOCK:
                one.reader = self
            elif one.reader is None:
                one.head += out
            return out
        if self._own is None:
            self._own = one.again()
            skip(self._own, self._at)
        return self._own.read(size)

    def close(self) -> None:
        """Close what was opened for this reading alone."""
        if self._own is not None:
            self._own.close()
        super().close()


def _seekable(member: Member) -> BinaryIO:
    """A zip needs its end first: a plain file is sought, a packed one is unpacked into memory up to 256 MiB."""
    stream = member.open()
    if isinstance(stream, io.FileIO):
        return cast("BinaryIO", stream)
    held = bytearray()
    with stream:
        while block := stream.read(BLOCK):
            held += block
            if len(held) > _PACKED_ZIP:
                raise BombError
    return io.BytesIO(held)
