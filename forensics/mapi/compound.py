"""Outlook's compound files: storages, streams, and the properties that they hold."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from forensics.mapi.properties import (
    EXTRA_NEEDED,
    INTEGERS,
    MULTIPLE,
    TIME,
    Properties,
    Tag,
    Unreadable,
    Value,
    codec_of,
    value_of,
)

__all__ = ["MAGIC", "Storage", "Stream", "attachments_of", "is_message", "message", "properties_of", "recipients_of"]

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB] section 2.2

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
        if form & MULTIPLE and found[3] is None:
            continue  # the lengths of values that have streams of their own, or numbers
        raw, fault = stream.read(left)
        left -= len(raw)
        faults += [fault] if fault else []
        value = value_of(form & ~MULTIPLE, raw, codec)
        if form & MULTIPLE and isinstance(value, str):
            several.setdefault(tag, []).append(value)
        elif value is not None and value not in {"", b""}:
            values[tag] = value
    values.update((tag, "\n".join(texts)) for tag, texts in several.items())
    return Properties(values, tuple(dict.fromkeys(faults)), limit - left)


def _fixed(raw: bytes) -> Iterator[tuple[int, Value]]:
    """Numbers and times, which lie in the table itself."""
    for kind, tag, _, value in _FIXED.iter_unpack(raw[: len(raw) - len(raw) % _FIXED.size]):
        if kind in INTEGERS or kind == TIME:
            read = value_of(kind, value, "")
            if read is not None:
                yield tag, read
