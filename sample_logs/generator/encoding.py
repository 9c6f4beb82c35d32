"""Streams and JSON whose bytes are the same from every library and version."""

from __future__ import annotations

import json
import struct
import zlib


def stored(content: bytes) -> bytes:
    """A deflate stream (RFC 1951) of stored blocks only: the same bytes from every library and version."""
    pieces = [content[at : at + 65535] for at in range(0, len(content), 65535)] or [b""]
    marks = [b"\0"] * (len(pieces) - 1) + [b"\x01"]
    return b"".join(m + struct.pack("<HH", len(one), 0xFFFF ^ len(one)) + one for m, one in zip(marks, pieces, strict=True))


def zlib_stored(content: bytes) -> bytes:
    """A zlib stream (RFC 1950), stored."""
    return b"\x78\x01" + stored(content) + struct.pack(">I", zlib.adler32(content))


def gzip_stored(content: bytes) -> bytes:
    """A gzip member (RFC 1952), stored, without name or time."""
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + stored(content) + struct.pack("<II", zlib.crc32(content), len(content))


def as_json(value: object) -> bytes:
    """Indented JSON in UTF-8, with a final newline."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
