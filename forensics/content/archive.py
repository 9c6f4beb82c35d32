"""Archives and compressed files: their members as parts, read in small pieces, whatever sizes they declare."""

from __future__ import annotations

import bz2
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

import zstandard

from forensics.content import megabytes
from forensics.decoding import decoded, is_office, safe_name, signature, spelled, strings
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_CHUNK = 64 << 10
_FIRST_CHUNK = 512
_ENTRIES = 20_000  # of a zip's directory: each costs memory before the first is read
_WINDOW = 128 << 20  # bytes of memory that a decompressor may want for itself
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
)
_SINGLE = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "lzma": ".lzma", "zstd": ".zst"}
_LZMA = re.compile(rb"\x5d\x00\x00.[\x00-\x08](?:\xff{8}|.{5}\x00{3})\x00", re.DOTALL)  # the header of .lzma
_OLD_TAR = re.compile(
    rb"[^\0][^\n]{99}(?:[ 0-7]{6,7}[ \0]{1,2}){3}[^\n]{24}[ \0]{0,4}([0-7]{3,7})[ \0]{1,4}[\x000125]", re.DOTALL
)
_PADDING = re.compile(rb"\x00*+")
_STREAMS = 100_000  # behind each other in one compressed file
_DIRECTORY_END = b"PK\x05\x06"
_DIRECTORY_TAIL = 22 + 0xFFFF  # bytes of the directory's end with its longest comment
_LOCAL = struct.Struct("<4s5H3I2H")  # header of a member, APPNOTE.TXT section 4.3.7
_STORED, _DEFLATED = 0, 8
_SIZE_BEHIND = 8  # general purpose bit 3: sizes stand behind the member
_LOOKED_AT = 4  # times its size that is decompressed to find members of an archive without directory
_DAMAGED = "damaged archive member: only what precedes the damage was read"
_ENCRYPTED = 1  # general purpose bit 0, APPNOTE.TXT section 4.4.4


def _accepts(part: Part) -> bool:
    return bool(_family(part))


def _family(part: Part) -> str:
    """The format that this reader reads, or ""; some have no signature of their own."""
    data = part.data
    family = signature(data)
    if family == "zip":
        return "" if is_office(data) and _has_directory(data) else "zip"
    if family in _SINGLE or family == "tar":
        return family
    if family == "executable":
        return "zip" if _has_directory(data) and zipfile.is_zipfile(io.BytesIO(data)) else ""
    if not family and _LZMA.match(data):
        return "lzma"
    return "tar" if not family and _is_old_tar(data) else ""


def _has_directory(data: bytes) -> bool:
    return _DIRECTORY_END in data[-_DIRECTORY_TAIL:]


def _is_old_tar(data: bytes) -> bool:
    """Whether the first block has the checksum of a tar's member: before POSIX there was no other sign."""
    found = _OLD_TAR.match(data)
    if found is None or len(data) < tarfile.BLOCKSIZE:
        return False
    return int(found[1], 8) == sum(data[:148]) + 8 * ord(" ") + sum(data[156:512])


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    family = _family(part)
    if family == "zip":
        yield from _zip(part, limits)
    elif family == "tar":
        yield from _tar(part, limits)
    else:
        yield from _single(part, family, limits)


# ----------------------------------------------------------------------------------------------------------------- zip


def _zip(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    if part.data.count(b"PK\x01\x02") > _ENTRIES:
        yield Unread(part.path, f"archive with more than {_ENTRIES} members: not examined")
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(part.data))
    except (*_DAMAGE, NotImplementedError):
        yield from _salvaged(part, limits)
        return
    if signature(part.data) == "executable":
        yield Unread(part.path, "program: only the archive in it was examined")
    members = archive.infolist()
    names = [member.orig_filename for member in members]
    yield Text(part.path, "names", spelled([*names, archive.comment.decode("utf-8", "replace")]))
    left = limits.total_bytes
    for number, member in enumerate(members, 1):
        path = f"{part.path}/{safe_name(member.filename, f'member-{number}')}"
        if member.filename.endswith("/") and not member.file_size:
            continue
        if member.flag_bits & _ENCRYPTED:
            yield Unread(path, "encrypted archive member")
        elif left <= 0:
            yield Unread(path, f"over the limit of {megabytes(limits.total_bytes)} in total")
        else:
            limit = min(left, limits.member_bytes)
            data, reasons = _content(partial(archive.open, member), limit)
            if reasons == [_DAMAGED]:
                data = max(data, _raw(part.data, member, limit), key=len)
            left -= len(data)
            yield from _member(part, path, member.filename, data, reasons)


def _raw(data: bytes, member: zipfile.ZipInfo, limit: int) -> bytes:
    """What a damaged member holds, whatever its checksum and its sizes say."""
    try:
        name, extra = _LOCAL.unpack_from(data, member.header_offset)[-2:]
    except struct.error:
        return b""
    begin = member.header_offset + _LOCAL.size + name + extra
    if member.compress_type == _DEFLATED:
        return _inflated(data, begin, limit)[0]
    return data[begin : begin + min(member.compress_size, limit)] if member.compress_type == _STORED else b""


def _inflated(data: bytes, begin: int, limit: int) -> tuple[bytes, int]:
    """What deflated bytes hold, up to their damage, and how many there are."""
    stream, out, at = zlib.decompressobj(-15), bytearray(), begin
    while at < len(data) and not stream.eof and len(out) <= limit:
        chunk = stream.unconsumed_tail or data[at : at + _CHUNK]
        at += 0 if stream.unconsumed_tail else len(chunk)
        try:
            out += stream.decompress(chunk, limit + 1 - len(out))
        except zlib.error:
            break
    return bytes(out[:limit]), at - len(stream.unused_data) - begin


def _salvaged(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    """The members of an archive that has lost its directory, each by its own header."""
    data, names = part.data, list[str]()
    left, work = limits.total_bytes, _LOOKED_AT * len(data)
    at = data.find(b"PK\x03\x04")
    while at >= 0 and at + _LOCAL.size <= len(data) and left > 0 and work > 0 and len(names) < limits.members:
        _, _, flags, method, _, _, _, size, _, name_size, extra = _LOCAL.unpack_from(data, at)
        begin = at + _LOCAL.size + name_size + extra
        name = decoded(data[at + _LOCAL.size : begin - extra])[0]
        path = f"{part.path}/{safe_name(name, f'member-{len(names) + 1}')}"
        names.append(name)
        found, taken = b"", 0
        if flags & _ENCRYPTED:
            yield Unread(path, "encrypted archive member")
        elif method == _DEFLATED:
            found, taken = _inflated(data, begin, min(left, limits.member_bytes))
        elif method == _STORED and not flags & _SIZE_BEHIND:
            found = data[begin : begin + min(size, left, limits.member_bytes)]
            taken = len(found)
        if found:
            yield from _member(part, path, name, found, ["damaged archive: the member may be incomplete"])
        left, work = left - len(found), work - taken - 1
        at = data.find(b"PK\x03\x04", max(at + 4, begin + taken if found else 0))
    yield Text(part.path, "names", spelled(names))
    yield Unread(part.path, "damaged archive: no directory of its members, which were searched for")


# ----------------------------------------------------------------------------------------------- tar and single streams


def _tar(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    names: list[str] = []
    left = limits.total_bytes
    try:
        with tarfile.open(fileobj=io.BytesIO(part.data), mode="r:") as archive:
            for number, member in enumerate(archive, 1):
                if number > limits.members:
                    yield Unread(part.path, "over the limit of members a message: the rest was not examined")
                    break
                names.append(member.name)
                names.append(member.linkname)
                if not member.isreg():
                    continue
                path = f"{part.path}/{safe_name(member.name, f'member-{number}')}"
                if left <= 0:
                    yield Unread(path, f"over the limit of {megabytes(limits.total_bytes)} in total")
                    continue
                data, reasons = _content(partial(archive.extractfile, member), min(left, limits.member_bytes))
                left -= len(data)
                yield from _member(part, path, member.name, data, reasons)
    except _DAMAGE:
        yield Unread(part.path, "damaged archive: what follows the damage was not read")
    yield Text(part.path, "names", spelled(name for name in names if name))


def _member(part: Part, path: str, name: str, data: bytes, reasons: list[str]) -> Iterator[Part | Unread]:
    if data or not reasons:
        yield Part(path, "", data, safe_name(name.rpartition("/")[2], ""), depth=part.depth + 1)
    for reason in reasons:
        yield Unread(path, reason)


def _content(opened: Callable[[], IO[bytes] | None], limit: int) -> tuple[bytes, list[str]]:
    """At most `limit` bytes of a member, and what is missing of it."""
    out = bytearray()
    try:
        stream = opened()
        if stream is None:
            return b"", ["archive member without content"]
        with stream:
            while len(out) <= limit and (chunk := stream.read(min(_CHUNK, limit + 1 - len(out)))):
                out += chunk
    except NotImplementedError:
        return b"", ["archive member with a compression that is not supported"]
    except _DAMAGE:
        return bytes(out[:limit]), [_DAMAGED]
    if len(out) > limit:
        return bytes(out[:limit]), [f"over the limit of {megabytes(limit)} a member: the rest was not examined"]
    return bytes(out), []


def _single(part: Part, family: str, limits: Limits) -> Iterator[Text | Part | Unread]:
    """A compressed file: one member; several streams behind each other are one file."""
    limit = min(limits.member_bytes, limits.total_bytes)
    if family == "zstd":
        reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader
        data, reasons = _content(partial(reader, io.BytesIO(part.data), read_across_frames=True), limit)
        reason, rest = reasons[0] if reasons else "", b""
    else:
        data, reason, rest = _unpacked(part.data, family, limit)
    name = part.name.removesuffix(_SINGLE[family]).replace(".tgz", ".tar") or "content"
    yield from _member(part, f"{part.path}/{safe_name(name, 'content')}", name, data, [reason] if reason else [])
    if text := strings(rest):
        yield Text(part.path, "strings", text, guessed=True)


def _unpacked(data: bytes, family: str, limit: int) -> tuple[bytes, str, bytes]:
    """What the streams hold, why it is not all, and what lies behind them."""
    out, at = bytearray(), 0
    for _ in range(_STREAMS):
        stream, size = _decompressor(family), _FIRST_CHUNK
        try:
            while not stream.eof and len(out) <= limit:
                chunk = getattr(stream, "unconsumed_tail", b"")
                if not chunk and getattr(stream, "needs_input", True):
                    chunk = data[at : at + size]
                    if not chunk:
                        return bytes(out), "compressed file without its end", b""
                    at, size = at + len(chunk), min(2 * size, _CHUNK)  # small first: a file may be many small streams
                out += stream.decompress(chunk, limit + 1 - len(out))
        except _DAMAGE:
            return bytes(out[:limit]), "damaged compressed file: only what precedes the damage was read", b""
        if len(out) > limit:
            return bytes(out[:limit]), f"over the limit of {megabytes(limit)} a member: the rest was not examined", b""
        at = _padding_end(data, at - len(stream.unused_data))
        if at >= len(data):
            return bytes(out), "", b""
        if family == "lzma" or signature(data[at : at + _FIRST_CHUNK]) != family:
            return bytes(out), "compressed file with something behind its end", data[at:]
    return bytes(out), f"compressed file of more than {_STREAMS} streams: the rest was not examined", b""


def _padding_end(data: bytes, at: int) -> int:
    found = _PADDING.match(data, at)
    return found.end() if found else at


def _decompressor(family: str) -> Any:  # noqa: ANN401  three types without a common one
    if family == "gzip":
        return zlib.decompressobj(wbits=31)
    return bz2.BZ2Decompressor() if family == "bzip2" else lzma.LZMADecompressor(memlimit=_WINDOW)


READER = Reader("archive", "Archives and compressed files", _accepts, _read)
