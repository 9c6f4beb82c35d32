"""Pages, Numbers and Keynote: the texts in the archives (.iwa) that their zip holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.content import megabytes
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_HEADER = 4  # bytes before a block: a zero and the length, little endian
# Texts lie in protocol buffers as they are, in UTF-8; between them is what this reader does not understand.
_TEXT = re.compile(
    rb"(?:[\x20-\x7e\t\n]++|[\xc2-\xdf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}){1,}+(?<=.{4})",
    re.DOTALL,
)
_LITERAL, _SHORT, _MIDDLE = 0, 1, 2
_LONG_LITERAL = 59  # from here on the length stands behind the tag


def _accepts(part: Part) -> bool:
    return part.name.lower().endswith(".iwa") and part.data[:1] == b"\0"


def _read(part: Part, limits: Limits) -> Iterator[Text | Unread]:
    out, reason = _unpacked(part.data, limits.member_bytes)
    yield Text(part.path, "strings", "\n".join(run[0].decode("utf-8", "replace").strip() for run in _TEXT.finditer(out)))
    if reason:
        yield Unread(part.path, reason)
    elif part.name.lower() == "document.iwa":
        yield Unread(part.path, "iWork document: texts were searched, numbers and dates in tables were not")


def _unpacked(data: bytes, limit: int) -> tuple[bytes, str]:
    """The blocks of an archive without their compression, and why it is not all."""
    out, at = bytearray(), 0
    while at + _HEADER <= len(data):
        length = int.from_bytes(data[at + 1 : at + _HEADER], "little")
        block = data[at + _HEADER : at + _HEADER + length]
        at += _HEADER + length
        try:
            out += _decompressed(block, limit - len(out))
        except (IndexError, ValueError):
            return bytes(out), "damaged iWork archive: only what precedes the damage was read"
        if len(out) >= limit:
            return bytes(out[:limit]), f"over the limit of {megabytes(limit)} a member: the rest was not examined"
    return bytes(out), "" if at == len(data) else "iWork archive without its end"


def _decompressed(block: bytes, limit: int) -> bytearray:
    """A block in Snappy's raw format: its length, then literals and copies of what was written before.

    At most about `limit` bytes. ValueError, IndexError: the block is damaged.
    """
    out, at = bytearray(), 0
    while block[at] & 0x80:  # the length, as a varint; what comes out counts
        at += 1
    at += 1
    while at < len(block) and len(out) < limit:
        tag = block[at]
        kind, size = tag & 3, tag >> 2
        at += 1
        if kind == _LITERAL:
            if size > _LONG_LITERAL:
                behind = size - _LONG_LITERAL
                size = int.from_bytes(block[at : at + behind], "little")
                at += behind
            out += block[at : at + size + 1]
            at += size + 1
            continue
        if kind == _SHORT:
            length, offset = (size & 7) + 4, (tag >> 5) << 8 | block[at]
            at += 1
        else:
            width = 2 if kind == _MIDDLE else 4
            length, offset = size + 1, int.from_bytes(block[at : at + width], "little")
            at += width
        if not 0 < offset <= len(out):
            raise ValueError("a copy from before the beginning")
        begin = len(out) - offset
        piece = out[begin : begin + length]
        out += (piece * (length // offset + 1))[:length] if offset < length else piece
    return out


READER = Reader("iwork", "Pages, Numbers and Keynote", _accepts, _read)
