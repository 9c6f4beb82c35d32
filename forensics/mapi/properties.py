"""MAPI properties: ids, typed values, times and code pages."""

from __future__ import annotations

import codecs
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache

__all__ = [
    "EXTRA_NEEDED", "INTEGERS", "MULTIPLE", "TIME", "Properties", "Tag", "Unreadable", "Value", "codec_of", "file_time", "value_of",
]  # fmt: skip

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
    DISPLAY_CC = 0x0E03
    DISPLAY_TO = 0x0E04
    DELIVERY_TIME = 0x0E06
    MESSAGE_FLAGS = 0x0E07
    MESSAGE_SIZE = 0x0E08
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


INTEGERS = {0x0002: "<h", 0x0003: "<i", 0x000A: "<I", 0x000B: "<H", 0x0014: "<q"}  # [MS-OXCDATA] section 2.11.1
TIME, _STRING8, _STRING, _OBJECT, _BINARY, MULTIPLE = 0x0040, 0x001E, 0x001F, 0x000D, 0x0102, 0x1000
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
    if kind == TIME:
        return file_time(struct.unpack_from("<q", raw)[0]) if len(raw) >= 8 else None  # noqa: PLR2004  bytes
    layout = INTEGERS.get(kind, "")
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
