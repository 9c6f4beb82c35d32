"""Archives and compressed files: their members as parts, read in small pieces, whatever sizes they declare."""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

from forensics.content import is_office, megabytes, safe_name, signature, spelled
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_CHUNK = 64 << 10
_ENTRIES = 20_000  # of a zip's directory: each costs memory before the first is read
_LZMA_MEMORY = 128 << 20
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
)
_SINGLE = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz"}
_ENCRYPTED = 1  # general purpose bit 0, APPNOTE.TXT section 4.4.4


def _accepts(part: Part) -> bool:
    family = signature(part.data)
    return (family == "zip" and not is_office(part.data)) or family == "tar" or family in _SINGLE


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    family = signature(part.data)
    if family == "zip":
        yield from _zip(part, limits)
    elif family == "tar":
        yield from _tar(part, limits)
    else:
        yield from _single(part, family, limits)


def _zip(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    if part.data.count(b"PK\x01\x02") > _ENTRIES:
        yield Unread(part.path, f"archive with more than {_ENTRIES} members: not examined")
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(part.data))
    except (*_DAMAGE, NotImplementedError):
        yield Unread(part.path, "damaged archive: no directory of its members")
        return
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
            data, reasons = _content(partial(archive.open, member), min(left, limits.member_bytes))
            left -= len(data)
            yield from _member(part, path, member.filename, data, reasons)


def _tar(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    names: list[str] = []
    left = limits.total_bytes
    try:
        with tarfile.open(fileobj=io.BytesIO(part.data), mode="r:") as archive:
            for number, member in enumerate(archive, 1):
                if number > limits.members:
                    yield Unread(part.path, f"archive with more than {limits.members} members: the rest was not examined")
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
        return bytes(out[:limit]), ["damaged archive member: only what precedes the damage was read"]
    if len(out) > limit:
        return bytes(out[:limit]), [f"over the limit of {megabytes(limit)} a member: the rest was not examined"]
    return bytes(out), []


def _single(part: Part, family: str, limits: Limits) -> Iterator[Text | Part | Unread]:
    """A compressed file: one member; several streams behind each other are one file."""
    out, reason = bytearray(), ""
    limit = min(limits.member_bytes, limits.total_bytes)
    rest = part.data
    while rest and not reason:
        stream = _decompressor(family)
        try:
            while not stream.eof and len(out) <= limit:
                produced = stream.decompress(rest, limit + 1 - len(out))
                rest = stream.unconsumed_tail if family == "gzip" else b""
                if not produced and not rest and (family == "gzip" or stream.needs_input):
                    break
                out += produced
        except _DAMAGE:
            reason = "damaged compressed file: only what precedes the damage was read"
            break
        if len(out) > limit:
            reason = f"over the limit of {megabytes(limit)} a member: the rest was not examined"
        elif not stream.eof:
            reason = "compressed file without its end"
        else:
            rest = stream.unused_data.lstrip(b"\x00")
            if rest and signature(rest) != family:
                reason = "compressed file with something behind its end"
    name = part.name.removesuffix(_SINGLE[family]).replace(".tgz", ".tar") or "content"
    yield from _member(part, f"{part.path}/{safe_name(name, 'content')}", name, bytes(out[:limit]), [reason] if reason else [])


def _decompressor(family: str) -> Any:  # noqa: ANN401  three types without a common one
    if family == "gzip":
        return zlib.decompressobj(wbits=31)
    return bz2.BZ2Decompressor() if family == "bzip2" else lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)


READER = Reader("archive", "Archives and compressed files", _accepts, _read)
