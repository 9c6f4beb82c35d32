"""MAPI properties: Outlook's compound files, typed values, code pages and compressed rich text."""

from __future__ import annotations

import codecs
import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = [
    "EXTRA_NEEDED", "MAGIC", "Properties", "Storage", "Stream", "Tag", "Unreadable", "Value", "attachments_of", "codec_of",
    "decompressed", "file_time", "is_message", "message", "properties_of", "recipients_of", "value_of",
]  # fmt: skip

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB] section 2.2
EXTRA_NEEDED = "Outlook files need the extra 'outlook': install forensics[outlook]"
Value = str | int | bytes | datetime


class Tag(IntEnum):
    """Property ids that mail is read from, [MS-OXPROPS]."""

    MESSAGE_CLASS = 0x001A
    SUBJECT = 0x0037
    CLIENT_SUBMIT_TIME = 0x0039
    REPRESENTING_EMAIL = 0x0065
    TRANSPORT_HEADERS = 0x007D
    RECIPIENT_TYPE = 0x0C15
    SENDER_EMAIL = 0x0C1F
    DISPLAY_BCC = 0x0E02
    DELIVERY_TIME = 0x0E06
    MESSAGE_FLAGS = 0x0E07
    BODY = 0x1000
    RTF_COMPRESSED = 0x1009
    HTML = 0x1013
    MESSAGE_ID = 0x1035
    REFERENCES = 0x1039
    IN_REPLY_TO = 0x1042
    DISPLAY_NAME = 0x3001
    ADDRESS_TYPE = 0x3002
    EMAIL = 0x3003
    ATTACH_OBJECT = 0x3701
    ATTACH_FILENAME = 0x3704
    ATTACH_METHOD = 0x3705
    ATTACH_LONG_FILENAME = 0x3707
    ATTACH_MIME_TAG = 0x370E
    ATTACH_TRANSPORT_NAME = 0x370C
    SMTP_ADDRESS = 0x39FE
    INTERNET_CODEPAGE = 0x3FDE
    MESSAGE_CODEPAGE = 0x3FFD
    SENDER_SMTP = 0x5D01
    REPRESENTING_SMTP = 0x5D02


class Unreadable(Exception):  # noqa: N818  a result more than an error: the reason becomes a Defect or an Unread
    """Why a file is not read, as a sentence without evidence content in it."""


# -------------------------------------------------------------------------------------------------------------- values

_INTEGERS = {0x0002: "<h", 0x0003: "<i", 0x000A: "<I", 0x000B: "<H", 0x0014: "<q"}  # [MS-OXCDATA] section 2.11.1
_TIME, _STRING8, _STRING, _OBJECT, _BINARY, _MULTIPLE = 0x0040, 0x001E, 0x001F, 0x000D, 0x0102, 0x1000
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = 4500  # Outlook's "no date" is the first day of 4501
_CODE_PAGES = {
    932: "cp932", 936: "gb18030", 949: "cp949", 950: "cp950", 1200: "utf-16-le", 1201: "utf-16-be", 1361: "johab",
    10000: "mac_roman", 20127: "ascii", 20866: "koi8_r", 21866: "koi8_u", 50220: "iso2022_jp", 50221: "iso2022_jp",
    50222: "iso2022_jp", 50225: "iso2022_kr", 51932: "euc_jp", 51949: "euc_kr", 52936: "hz", 54936: "gb18030", 65000: "utf-7",
    65001: "utf-8",
}  # fmt: skip


@lru_cache(maxsize=256)
def codec_of(number: int) -> str:
    """Python's name of a Windows code page, "" if it has none."""
    if number in _CODE_PAGES:
        return _CODE_PAGES[number]
    name = f"iso8859_{number - 28590}" if 28591 <= number <= 28606 else f"cp{number}" if 0 < number < 10_000 else ""  # noqa: PLR2004
    try:
        return codecs.lookup(name).name if name else ""
    except LookupError:
        return ""


def file_time(ticks: int) -> datetime | None:
    """A FILETIME (100 ns since 1601, UTC) as aware UTC, cut to microseconds; None for 0 and for Outlook's "no date"."""
    try:
        at = _EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None
    return at if ticks > 0 and at.year < _NEVER else None


def value_of(kind: int, raw: bytes, codec: str) -> Value | None:
    """A property's bytes as its type says: text without its final NUL, whole numbers, UTC times, bytes.

    `codec` reads 8-bit strings; "" is Windows-1252. None for a type that holds neither text nor a number, or too few bytes.
    """
    if kind == _STRING:
        return raw[: len(raw) & ~1].decode("utf-16-le", "replace").rstrip("\0")
    if kind == _STRING8:
        return raw.decode(codec or "cp1252", "replace").rstrip("\0")
    if kind in {_BINARY, _OBJECT}:
        return raw
    if kind == _TIME:
        return file_time(struct.unpack_from("<q", raw)[0]) if len(raw) >= 8 else None  # noqa: PLR2004  bytes
    layout = _INTEGERS.get(kind, "")
    return int(struct.unpack_from(layout, raw)[0]) if layout and len(raw) >= struct.calcsize(layout) else None


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of a message, recipient or attachment by id, what of them could not be read, and the bytes that were."""

    values: dict[int, Value] = field(default_factory=dict, repr=False)
    faults: tuple[str, ...] = ()
    size: int = 0

    def text(self, *ids: int) -> str:
        """The first of these that is a text and not empty, else ""."""
        return next((value for one in ids if isinstance(value := self.values.get(one), str) and value), "")

    def number(self, one: int) -> int:
        """A whole number, 0 if there is none."""
        value = self.values.get(one)
        return value if isinstance(value, int) else 0

    def blob(self, one: int) -> bytes:
        """Bytes, b"" if there are none."""
        value = self.values.get(one)
        return value if isinstance(value, bytes) else b""

    def time(self, one: int) -> datetime | None:
        """A time in UTC, or None."""
        value = self.values.get(one)
        return value if isinstance(value, datetime) else None


# ------------------------------------------------------------------------------------------------------ compound files

_NAMES = ("__properties_version1.0", "__substg1.0_", "__nameid_version1.0", "__recip_version1.0_", "__attach_version1.0_")
_NEEDLE = _NAMES[0].encode("utf-16-le")
_MESSAGE_CLASS_ID = bytes.fromhex("0b0d020000000000c000000000000046")  # CLSID of a message's root, [MS-OXMSG] section 2.4
_HEADER, _ENTRY = 512, 128
_STORAGE, _STREAM = 1, 2


class _Layout(NamedTuple):
    """What a compound file's header says of the tables behind it, [MS-CFB] section 2.2."""

    sector: int  # bytes
    directory: int  # offset of the first directory sector
    tables: int  # sectors of the longest allocation table


def _layout(data: bytes) -> _Layout | None:
    """None where a size differs from the only ones that the specification allows."""
    if len(data) < _HEADER or not data.startswith(MAGIC):
        return None
    order, shift, mini = struct.unpack_from("<HHH", data, 28)
    fat, first, _, cutoff, _, mini_fat, _, difat = struct.unpack_from("<8I", data, 44)
    if order != 0xFFFE or shift not in {9, 12} or mini != 6 or cutoff != 4096:  # noqa: PLR2004  the only values that are allowed
        return None
    return _Layout(1 << shift, (first + 1) << shift, max(fat, mini_fat, difat))


def is_message(data: bytes, *, cut: bool = False) -> bool:
    """Whether a compound file is an Outlook message: by its root's class, or by the names in it that Outlook alone gives.

    A Word document with a message embedded is none. `cut`: `data` is the beginning of a longer file, and a directory that
    lies beyond it may be a message's: yes. In a whole file without its directory, the names anywhere count.
    """
    if not data.startswith(MAGIC):
        return False
    layout = _layout(data)
    sector = data[layout.directory : layout.directory + layout.sector] if layout else b""
    if len(sector) < _ENTRY:
        return (cut and layout is not None) or _NEEDLE in data
    if sector[80:96] == _MESSAGE_CLASS_ID:
        return True
    entries = [sector[at : at + _ENTRY] for at in range(0, len(sector), _ENTRY)]
    child = int.from_bytes(entries[0][76:80], "little")
    seen = [entries[child]] if 0 < child < len(entries) else [entry for entry in entries[1:] if entry[66:67] != b"\0"]
    return bool(seen) and all(entry[:64].decode("utf-16-le", "replace").lower().startswith(_NAMES) for entry in seen)


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A stream of a compound file: its name, its size as declared, in bytes, and where it lies."""

    name: str
    size: int
    _file: Any = field(repr=False)
    _first: int = field(repr=False)
    _room: int = field(repr=False)

    def read(self, limit: int) -> tuple[bytes, str]:
        """Its bytes, and "" or why they are not all: longer than `limit` (nothing is read then), or damaged."""
        if self.size > self._room:
            return b"", "a stream is longer than its file"
        if self.size > limit:
            return b"", "a stream is over the limit"
        try:
            # the public call by name would search the directory anew for each of a thousand recipients
            data = self._file._open(self._first, self.size).read()  # noqa: SLF001  see above
        except Exception:  # noqa: BLE001  a damaged chain may fail in any way; it costs this stream only
            return b"", "a stream is damaged"
        return data, "" if len(data) == self.size else "a stream is cut short"


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """A storage of a compound file: a message, a recipient, an attachment, or anything that was embedded."""

    name: str
    _file: Any = field(repr=False)
    _entry: Any = field(repr=False)
    _room: int = field(repr=False)

    def storages(self, prefix: str = "") -> Iterator[Storage]:
        """The storages in it whose names begin with `prefix` (lower case), in order of name."""
        for kid in self._entry.kids:
            if kid.entry_type == _STORAGE and kid.name.lower().startswith(prefix):
                yield Storage(kid.name, self._file, kid, self._room)

    def streams(self) -> Iterator[Stream]:
        """The streams in it, in order of name."""
        for kid in self._entry.kids:
            if kid.entry_type == _STREAM:
                yield Stream(kid.name, kid.size, self._file, kid.isectStart, self._room)


def message(data: bytes) -> Storage:
    """The top storage of an Outlook message. `Unreadable` if it is none, is damaged, or the reader is not installed."""
    layout = _layout(data)
    if layout is not None and layout.directory >= len(data):
        msg = "damaged compound file: its directory is missing"
        raise Unreadable(msg)
    if not is_message(data):
        msg = "a compound file that is no Outlook message"
        raise Unreadable(msg)
    if layout is None or layout.tables > len(data) // layout.sector + 1:
        msg = "damaged compound file: its header contradicts its size or the format"
        raise Unreadable(msg)
    try:
        import olefile  # type: ignore[import-untyped]  # noqa: PLC0415  an extra, which ships no types
    except ImportError as error:
        raise Unreadable(EXTRA_NEEDED) from error
    try:
        file = olefile.OleFileIO()
        # it compares each stream with all before it, which takes hours for a hostile directory; sizes are bounded here instead
        file._check_duplicate_stream = lambda *_, **__: None  # noqa: SLF001  see above
        file.open(io.BytesIO(data))
    except Exception as error:
        msg = "damaged compound file: its directory cannot be read"
        raise Unreadable(msg) from error
    if file.root.size > len(data):
        msg = "damaged compound file: its small streams are longer than the file"
        raise Unreadable(msg)
    return Storage("", file, file.root, len(data))


# ---------------------------------------------------------------------------------------- properties of a storage

_VALUE_STREAM = re.compile(r"__substg1\.0_([0-9a-f]{4})([0-9a-f]{4})(?:-([0-9a-f]{8}))?", re.IGNORECASE)
_HEADERS = {"": 32, "message": 24, "entry": 8}  # bytes before the first entry, [MS-OXMSG] section 2.4.1
_FIXED = struct.Struct("<HHI8s")


def recipients_of(storage: Storage) -> Iterator[Storage]:
    """The rows of a message's recipient table."""
    return storage.storages("__recip_version1.0_")


def attachments_of(storage: Storage) -> Iterator[Storage]:
    """The attachments of a message."""
    return storage.storages("__attach_version1.0_")


def properties_of(storage: Storage, kind: str, limit: int, codec: str = "", wanted: frozenset[int] | None = None) -> Properties:
    """The properties of a storage: `kind` is "" for the file's message, "message" for an embedded one, "entry" for the rest.

    At most `limit` bytes are read in all; what is not read, or damaged, is told in `faults`. `wanted` are the ids to read,
    None is all. `codec` reads 8-bit strings where the storage names no code page of its own. Texts of several values are
    joined by line feeds.
    """
    streams = {one.name.lower(): one for one in storage.streams()}
    values: dict[int, Value] = {}
    several: dict[int, list[str]] = {}
    faults: list[str] = []
    left = limit
    if (table := streams.get(_NAMES[0])) is not None:
        raw, fault = table.read(left)
        faults += [fault] if fault else []
        values.update(_fixed(raw[_HEADERS[kind] :]))
        left -= len(raw)
    else:
        faults.append("the table of properties is missing")
    own = Properties(values)
    codec = codec_of(own.number(Tag.MESSAGE_CODEPAGE)) or codec or codec_of(own.number(Tag.INTERNET_CODEPAGE))
    for name, stream in streams.items():
        found = _VALUE_STREAM.fullmatch(name)
        if found is None or (wanted is not None and int(found[1], 16) not in wanted):
            continue
        tag, form = int(found[1], 16), int(found[2], 16)
        if form & _MULTIPLE and found[3] is None:
            continue  # the lengths of values that have streams of their own, or numbers
        raw, fault = stream.read(left)
        left -= len(raw)
        faults += [fault] if fault else []
        value = value_of(form & ~_MULTIPLE, raw, codec)
        if form & _MULTIPLE and isinstance(value, str):
            several.setdefault(tag, []).append(value)
        elif value is not None and value not in {"", b""}:
            values[tag] = value
    values.update((tag, "\n".join(texts)) for tag, texts in several.items())
    return Properties(values, tuple(dict.fromkeys(faults)), limit - left)


def _fixed(raw: bytes) -> Iterator[tuple[int, Value]]:
    """Numbers and times, which lie in the table itself."""
    for kind, tag, _, value in _FIXED.iter_unpack(raw[: len(raw) - len(raw) % _FIXED.size]):
        if kind in _INTEGERS or kind == _TIME:
            read = value_of(kind, value, "")
            if read is not None:
                yield tag, read


# ------------------------------------------------------------------------------------------------ compressed rich text

_COMPRESSED, _PLAIN = 0x75465A4C, 0x414C454D
_WINDOW = 4096
# what the window holds before the first byte, [MS-OXRTFCP] section 2.1.2.1
_PRELOADED = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbol"
    b"ArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def decompressed(data: bytes, limit: int) -> tuple[bytes, str]:
    """PR_RTF_COMPRESSED as rich text ([MS-OXRTFCP]), at most `limit` bytes, and "" or a sentence on what is wrong with it.

    What can be read of a damaged stream is returned. The sizes that it declares are not believed.
    """
    if len(data) < 16:  # noqa: PLR2004  bytes of its header
        return b"", "compressed rich text is cut short"
    size, _, kind, checksum = struct.unpack_from("<4I", data)
    payload = data[16 : 4 + size]  # the size counts from behind itself
    if kind == _PLAIN:
        return payload[:limit], "rich text is over the limit" if len(payload) > limit else ""
    if kind != _COMPRESSED:
        return b"", "compressed rich text of an unknown kind"
    text, whole = _expanded(payload, limit)
    if len(text) > limit:
        return text[:limit], "rich text is over the limit"
    if not whole:
        return text, "compressed rich text is cut short"
    if zlib.crc32(payload, 0xFFFFFFFF) ^ 0xFFFFFFFF != checksum:  # the polynomial of zlib, but begun and ended with 0
        return text, "the checksum of compressed rich text does not match"
    return text, ""


def _expanded(payload: bytes, limit: int) -> tuple[bytes, bool]:
    """The text, and whether its end mark was met: a reference to the place that is written next."""
    out = bytearray(_PRELOADED)
    at, end, bound = 0, len(payload), limit + len(_PRELOADED)
    while at < end and len(out) <= bound:
        control = payload[at]
        at += 1
        for bit in range(8):
            if not control >> bit & 1:
                if at >= end:
                    break
                out.append(payload[at])
                at += 1
                continue
            if at + 1 >= end:
                return bytes(out[len(_PRELOADED) :]), False
            reference = payload[at] << 8 | payload[at + 1]
            at += 2
            distance = (len(out) - (reference >> 4)) % _WINDOW
            if not distance:
                return bytes(out[len(_PRELOADED) :]), True
            _copy(out, distance, (reference & 15) + 2)
    return bytes(out[len(_PRELOADED) :]), False


def _copy(out: bytearray, distance: int, length: int) -> None:
    """Repeat what lies `distance` bytes back; the copy may run into itself. Before the first byte the window holds zeros."""
    start = len(out) - distance
    piece = out[start : start + length] if start >= 0 else (bytes(-start) + out)[:length]
    out += (piece * (length // distance + 1))[:length]
