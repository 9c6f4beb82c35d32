"""Compressed rich text, as Outlook stores a body's RTF."""

from __future__ import annotations

import struct
import zlib

__all__ = ["decompressed"]

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
