"""TNEF (winmail.dat): what Outlook wraps when it writes rich text to strangers."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from forensics import mapi
from forensics.content import megabytes
from forensics.decoding import safe_name, signature
from forensics.mapi import Properties, Tag, Value
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_FIRST = 6  # offset of the first attribute: behind signature and key, [MS-OXTNEF] section 2.1.3.1
_ATTRIBUTE = struct.Struct("<BHHI")  # level, id, type, length
_PIECE = 256
_LEVELS = {1, 2}  # message, attachment
_STRINGS = {1, 2}  # types of attributes that hold text: atpString, atpText
_SUBJECT, _BODY, _DATA, _TITLE = 0x8004, 0x800C, 0x800F, 0x8010
_TRANSPORT_NAME, _RENDERING, _MESSAGE, _RECIPIENTS, _ATTACHMENT, _CODE_PAGE = 0x9001, 0x9002, 0x9003, 0x9004, 0x9005, 0x9007
_OWN_PART = {Tag.BODY, Tag.HTML, Tag.SUBJECT, Tag.RTF_COMPRESSED}
_LINE = re.compile(rb"[\x20-\x7e\t]{6,4000}")

# bytes of a property's value, padded to four; [MS-OXCDATA] section 2.11.1
_SIZES = {
    0x0000: 4, 0x0001: 4, 0x0002: 4, 0x0003: 4, 0x0004: 4, 0x000A: 4, 0x000B: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x0014: 8,
    0x0040: 8, 0x0048: 16,
}  # fmt: skip
_VARIABLE = {0x000D, 0x001E, 0x001F, 0x0102}
_OBJECT, _MULTIPLE, _NAMED = 0x000D, 0x1000, 0x8000
_INTERFACE = 16  # bytes of an interface id, before an object


@dataclass(slots=True)
class _Attachment:
    """An attachment, told by several attributes in a row."""

    title: str = ""
    data: bytes = field(default=b"", repr=False)
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True)
class _Wrapped:
    """A wrapped message as it is read."""

    codec: str = ""
    subject: str = ""
    body: str = ""
    properties: Properties = field(default_factory=Properties)
    attachments: list[_Attachment] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    broken: int = 0  # checksums
    rest: bytes = field(default=b"", repr=False)  # what lies behind a place that cannot be read

    def attribute(self, name: int, kind: int, data: bytes) -> None:
        if name == _CODE_PAGE and len(data) >= 4:  # noqa: PLR2004  bytes
            self.codec = mapi.codec_of(struct.unpack_from("<I", data)[0])
        elif name == _BODY:
            self.body = self.text(data)
        elif name == _SUBJECT:
            self.subject = self.text(data)
        elif name == _MESSAGE:
            self.properties = self.packed(data)
        elif name == _RECIPIENTS:
            self.recipients(data)
        elif name == _RENDERING:
            self.attachments.append(_Attachment())
        elif name in {_DATA, _TITLE, _TRANSPORT_NAME, _ATTACHMENT}:
            self.attached(name, data)
        elif kind in _STRINGS:
            self.spoken.append(self.text(data))

    def attached(self, name: int, data: bytes) -> None:
        if not self.attachments:
            self.attachments.append(_Attachment())
        last = self.attachments[-1]
        if name == _DATA:
            last.data = data
        elif name == _ATTACHMENT:
            last.properties = self.packed(data)
        else:
            last.title = last.title or self.text(data)

    def text(self, data: bytes) -> str:
        return data.decode(self.codec or "cp1252", "replace").rstrip("\0")

    def packed(self, data: bytes) -> Properties:
        found, _ = _packed(data, 0, self.codec)
        self.faults += found.faults
        return found

    def recipients(self, data: bytes) -> None:
        """The rows of the recipient table, for their names and addresses."""
        rows, at = struct.unpack_from("<I", data)[0] if len(data) >= 4 else 0, 4  # noqa: PLR2004  bytes
        for _ in range(min(rows, len(data) // 4)):
            row, at = _packed(data, at, self.codec)
            self.spoken += _spoken(row)
            if row.faults:
                self.faults += row.faults
                return


def _accepts(part: Part) -> bool:
    return signature(part.data) == "tnef"


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    """Subject, bodies in all forms, attachments as parts, and the texts of all other properties."""
    wrapped = _wrapped(part.data)
    prefix, depth, read = f"{part.path}/", part.depth + 1, wrapped.properties
    for subject in dict.fromkeys(text for text in (wrapped.subject, read.text(Tag.SUBJECT)) if text):
        yield Text(f"{prefix}header:subject", "decoded", subject)
    for body in dict.fromkeys(text for text in (wrapped.body, read.text(Tag.BODY)) if text):
        yield Part(f"{prefix}text/plain", "text/plain", body.encode("utf-8", "replace"), charset="utf-8", depth=depth)
    markup = read.blob(Tag.HTML) or read.text(Tag.HTML).encode("utf-8", "replace")
    if markup:
        charset = mapi.codec_of(read.number(Tag.INTERNET_CODEPAGE)) if read.blob(Tag.HTML) else "utf-8"
        yield Part(f"{prefix}text/html", "text/html", markup, charset=charset, depth=depth)
    if compressed := read.blob(Tag.RTF_COMPRESSED):
        rich, fault = mapi.decompressed(compressed, limits.member_bytes)
        if fault:
            limit = f" of {megabytes(limits.member_bytes)}" if "limit" in fault else ""
            yield Unread(f"{prefix}text/rtf", f"{fault}{limit}")
        if rich:
            yield Part(f"{prefix}text/rtf", "text/rtf", rich, depth=depth)
    for number, attachment in enumerate(wrapped.attachments, 1):
        wrapped.spoken += _spoken(attachment.properties)
        yield from _attachment(attachment, number, prefix, depth)
    spoken = dict.fromkeys(text for text in (*wrapped.spoken, *_spoken(read)) if text)
    if spoken:
        yield Text(f"{prefix}properties", "source", "\n".join(spoken))
    yield from _losses(part, wrapped)


def _losses(part: Part, wrapped: _Wrapped) -> Iterator[Text | Unread]:
    if wrapped.broken:
        yield Unread(part.path, f"TNEF: {wrapped.broken} broken checksum(s): what they cover was read, and may be damaged")
    for fault in dict.fromkeys(wrapped.faults):
        yield Unread(part.path, f"TNEF: {fault}")
    if len(part.data) < _FIRST + _ATTRIBUTE.size:
        yield Unread(part.path, "TNEF: nothing is in it; it may be cut")
    if wrapped.rest:
        text = "\n".join(line[0].decode("ascii") for line in _LINE.finditer(wrapped.rest))
        yield Text(part.path, "strings", text, guessed=True)
        yield Unread(part.path, "damaged TNEF: behind the damage only strings were searched")


def _wrapped(data: bytes) -> _Wrapped:
    """Every attribute in order. A broken checksum costs nothing; where an attribute cannot be, reading ends."""
    wrapped, at = _Wrapped(), _FIRST
    while at + _ATTRIBUTE.size <= len(data):
        level, name, kind, length = _ATTRIBUTE.unpack_from(data, at)
        begin = at + _ATTRIBUTE.size
        if level not in _LEVELS or begin + length > len(data):
            break
        value = data[begin : begin + length]
        at = begin + length + 2
        if data[at - 2 : at] != _checksum(value).to_bytes(2, "little"):
            wrapped.broken += 1
        wrapped.attribute(name, kind, value)
    wrapped.rest = data[at:].rstrip(b"\0\r\n")
    return wrapped


def _checksum(value: bytes) -> int:
    """Sum of the bytes modulo 65536. Of so short a piece Adler-32 (RFC 1950) is one more than the sum in its lower half."""
    view = memoryview(value)
    return sum((zlib.adler32(view[at : at + _PIECE]) & 0xFFFF) - 1 for at in range(0, len(view), _PIECE)) & 0xFFFF


def _attachment(attachment: _Attachment, number: int, prefix: str, depth: int) -> Iterator[Part | Unread]:
    read = attachment.properties
    name = read.text(Tag.ATTACH_LONG_FILENAME, Tag.ATTACH_FILENAME) or attachment.title or read.text(Tag.DISPLAY_NAME)
    path = prefix + safe_name(name, f"part-{number}")
    inner = read.blob(Tag.ATTACH_OBJECT)
    contents = [data for data in dict.fromkeys((attachment.data, inner)) if data]
    for data in contents:
        yield Part(path, "", data, safe_name(name, ""), depth=depth)
    if not contents:
        yield Unread(path, "attachment without content")


def _spoken(read: Properties) -> list[str]:
    """The texts among the properties that are no part of their own."""
    return [value for tag, value in read.values.items() if tag not in _OWN_PART and isinstance(value, str) and value]


# ---------------------------------------------------------------------------------------------------- packed properties


class _CutShortError(Exception):
    """The bytes end inside a property."""


def _packed(data: bytes, at: int, codec: str) -> tuple[Properties, int]:
    """Properties in a row ([MS-OXTNEF] section 2.1.3.4) and the offset behind them. Texts of several values are joined."""
    values: dict[int, Value] = {}
    try:
        count, at = _number(data, at)
        for _ in range(min(count, len(data) // 4)):
            both, at = _number(data, at)
            kind, tag = both & 0xFFFF, both >> 16
            if tag >= _NAMED:
                at = _behind_name(data, at)
            found, at = _values(data, at, kind)
            read = [value for raw in found if (value := mapi.value_of(kind & ~_MULTIPLE, raw, codec)) is not None]
            texts = [value for value in read if isinstance(value, str)]
            if read:
                values[tag] = "\n".join(texts) if len(texts) > 1 else read[0]
    except _CutShortError:
        return Properties(values, ("properties are cut short",)), len(data)
    return Properties(values), at


def _number(data: bytes, at: int) -> tuple[int, int]:
    if at + 4 > len(data):
        raise _CutShortError
    return int.from_bytes(data[at : at + 4], "little"), at + 4


def _bytes(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    """So many bytes, and the offset behind them and their padding to four."""
    if at + length > len(data):
        raise _CutShortError
    return data[at : at + length], at + length + -length % 4


def _behind_name(data: bytes, at: int) -> int:
    """A named property: GUID, kind, then a number or a name."""
    kind, at = _number(data, at + 16)
    number, at = _number(data, at)
    return _bytes(data, at, number)[1] if kind == 1 else at


def _values(data: bytes, at: int, kind: int) -> tuple[list[bytes], int]:
    single = kind & ~_MULTIPLE
    count = 1
    if kind & _MULTIPLE or single in _VARIABLE:
        count, at = _number(data, at)
    found = []
    for _ in range(min(count, len(data) // 4)):
        if single in _VARIABLE:
            length, at = _number(data, at)
        else:
            length = _SIZES.get(single, -1)
            if length < 0:
                raise _CutShortError  # without its size nothing behind it can be found
        raw, at = _bytes(data, at, length)
        found.append(raw[_INTERFACE:] if single == _OBJECT else raw)
    return found, at


READER = Reader("tnef", "TNEF (winmail.dat)", _accepts, _read)
