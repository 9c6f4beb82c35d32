"""TNEF (winmail.dat): its attributes, and the properties that are packed in them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from forensics.mapi.properties import MULTIPLE, Properties, Tag, Value, codec_of, value_of

__all__ = ["MAGIC", "SMALLEST", "Attachment", "Attribute", "Rows", "Wrapped", "checksum", "wrapped"]

MAGIC = b'x\x9f>"'
_FIRST = 6  # offset of the first attribute: behind signature and key, [MS-OXTNEF] section 2.1.3.1
_ATTRIBUTE = struct.Struct("<BHHI")  # level, id, type, length
SMALLEST = _FIRST + _ATTRIBUTE.size  # bytes of a file in which anything is
_MOST = 100_000  # attributes; a message has some twenty, and five for each attachment
_PIECE = 256
_LEVELS = {1, 2}  # message, attachment
_STRINGS = {1, 2}  # types of attributes that hold text: atpString, atpText

# bytes of a property's value, padded to four; [MS-OXCDATA] section 2.11.1
_SIZES = {
    0x0000: 4, 0x0001: 4, 0x0002: 4, 0x0003: 4, 0x0004: 4, 0x000A: 4, 0x000B: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x0014: 8,
    0x0040: 8, 0x0048: 16,
}  # fmt: skip
_VARIABLE = {0x000D, 0x001E, 0x001F, 0x0102}
_OBJECT, _NAMED = 0x000D, 0x8000
_INTERFACE = 16  # bytes of an interface id, before an object


class Attribute(IntEnum):
    """Ids of the attributes that are understood, [MS-OXTNEF]."""

    FROM = 0x8000
    SUBJECT = 0x8004
    DATE_SENT = 0x8005
    DATE_RECEIVED = 0x8006
    MESSAGE_CLASS = 0x8008
    MESSAGE_ID = 0x8009
    BODY = 0x800C
    DATA = 0x800F
    TITLE = 0x8010
    TRANSPORT_NAME = 0x9001
    RENDERING = 0x9002
    PROPERTIES = 0x9003
    RECIPIENTS = 0x9004
    ATTACHMENT = 0x9005
    CODE_PAGE = 0x9007


_ATTACHED = {Attribute.DATA, Attribute.TITLE, Attribute.TRANSPORT_NAME, Attribute.ATTACHMENT}


class Rows(NamedTuple):
    """A recipient table as it lies in the file, not yet read: hostile ones hold millions of rows."""

    data: bytes
    codec: str

    def read(self) -> Iterator[tuple[Properties, int]]:
        """Each row, and the offset behind it in `data`; none behind one that is cut short."""
        rows, at = struct.unpack_from("<I", self.data)[0] if len(self.data) >= 4 else 0, 4  # noqa: PLR2004  bytes
        for _ in range(min(rows, len(self.data) // 4)):
            row, at = _packed(self.data, at, self.codec, None)
            yield row, at
            if row.faults:
                return


@dataclass(slots=True)
class Attachment:
    """An attachment, told by several attributes in a row."""

    title: str = ""
    data: bytes = field(default=b"", repr=False)
    properties: Properties = field(default_factory=Properties)

    @property
    def name(self) -> str:
        """Its name as written, "" if it has none: hostile text."""
        read = self.properties
        return read.text(Tag.ATTACH_LONG_FILENAME, Tag.ATTACH_FILENAME) or self.title or read.text(Tag.DISPLAY_NAME)


@dataclass(slots=True)
class Wrapped:
    """A wrapped message as it is read."""

    wanted: frozenset[int] | None = None
    attributes: int = 0  # that were read
    codec: str = ""
    subject: str = ""
    body: str = field(default="", repr=False)
    properties: Properties = field(default_factory=Properties)
    attachments: list[Attachment] = field(default_factory=list)
    told: list[str | Rows] = field(default_factory=list, repr=False)  # recipient tables and all other texts, in order
    raw: dict[int, bytes] = field(default_factory=dict, repr=False)  # of the message's own attributes, by id
    faults: list[str] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)  # ids of attributes whose checksum does not match
    rest: bytes = field(default=b"", repr=False)  # what lies behind a place that cannot be read

    def text(self, data: bytes) -> str:
        """8-bit text in the file's code page, without its final NUL."""
        return data.decode(self.codec or "cp1252", "replace").rstrip("\0")

    def add(self, name: int, kind: int, data: bytes) -> None:
        """One more attribute: its id, type and value."""
        if name == Attribute.CODE_PAGE and len(data) >= 4:  # noqa: PLR2004  bytes
            self.codec = codec_of(struct.unpack_from("<I", data)[0])
        elif name == Attribute.BODY:
            self.body = self.text(data)
        elif name == Attribute.SUBJECT:
            self.subject = self.text(data)
        elif name == Attribute.PROPERTIES:
            earlier, found = self.properties, self._packed(data)  # a second one must not hide the first
            self.properties = Properties({**earlier.values, **found.values}, earlier.faults + found.faults)
        elif name == Attribute.RECIPIENTS:
            self.told.append(Rows(data, self.codec))
        elif name == Attribute.RENDERING:
            self.attachments.append(Attachment())
        elif name in _ATTACHED:
            self._attach(name, data)
        elif kind in _STRINGS:
            self.told.append(self.text(data))

    def _attach(self, name: int, data: bytes) -> None:
        if not self.attachments:
            self.attachments.append(Attachment())
        last = self.attachments[-1]
        if name == Attribute.DATA:
            last.data = data
        elif name == Attribute.ATTACHMENT:
            last.properties = self._packed(data)
        else:
            last.title = last.title or self.text(data)

    def _packed(self, data: bytes) -> Properties:
        found, _ = _packed(data, 0, self.codec, self.wanted)
        self.faults += found.faults
        return found


def wrapped(data: bytes, wanted: frozenset[int] | None = None) -> Wrapped:
    """Every attribute in order. A broken checksum costs nothing; where an attribute cannot be, reading ends. Never raises.

    `wanted` are the ids of properties to keep of the message and its attachments, None is all.
    """
    found, at = Wrapped(wanted), _FIRST
    while at + _ATTRIBUTE.size <= len(data):
        level, name, kind, length = _ATTRIBUTE.unpack_from(data, at)
        begin = at + _ATTRIBUTE.size
        if level not in _LEVELS or begin + length > len(data):
            break
        if found.attributes >= _MOST:
            found.faults.append(f"more than {_MOST} attributes: the rest was not read")
            break
        found.attributes += 1
        value = data[begin : begin + length]
        at = begin + length + 2
        if data[at - 2 : at] != checksum(value).to_bytes(2, "little"):
            found.broken.append(name)
        if level == 1:
            found.raw.setdefault(name, value)
        found.add(name, kind, value)
    found.rest = data[at:].rstrip(b"\0\r\n")
    return found


def checksum(value: bytes) -> int:
    """Sum of the bytes modulo 65536. Of so short a piece Adler-32 (RFC 1950) is one more than the sum in its lower half."""
    view = memoryview(value)
    return sum((zlib.adler32(view[at : at + _PIECE]) & 0xFFFF) - 1 for at in range(0, len(view), _PIECE)) & 0xFFFF


# ---------------------------------------------------------------------------------------------------- packed properties


class _CutShortError(Exception):
    """The bytes end inside a property."""


def _packed(data: bytes, at: int, codec: str, wanted: frozenset[int] | None) -> tuple[Properties, int]:
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
            if wanted is not None and tag not in wanted:
                continue
            read = [value for raw in found if (value := value_of(kind & ~MULTIPLE, raw, codec)) is not None]
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
    single = kind & ~MULTIPLE
    count = 1
    if kind & MULTIPLE or single in _VARIABLE:
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
