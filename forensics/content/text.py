"""Plain text of any kind: prose, tables, configuration, source code."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from forensics.content import decoded, is_text, safe_name
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

# POSIX uuencode: "begin mode name", then lines that start with their length
_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,200})\r?\n", re.MULTILINE)
_ENCRYPTED = re.compile(r"^-----BEGIN PGP MESSAGE-----", re.MULTILINE)


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    text, guessed = decoded(part.data, part.charset)
    yield Text(part.path, "decoded", text, guessed)
    if _ENCRYPTED.search(text):
        yield Unread(part.path, "PGP: encrypted")
    if part.media_type == "message/partial":
        yield Unread(part.path, "message/partial: one piece of a message that was sent in pieces")
    yield from _uuencoded(part, limits)


def _uuencoded(part: Part, limits: Limits) -> Iterator[Part]:
    """Files that lie uuencoded in the text, each as a part."""
    at = 0
    while (begin := _BEGIN.search(part.data, at)) is not None:
        out = bytearray()
        at = begin.end()
        while at < len(part.data) and len(out) <= limits.member_bytes:
            line_end = part.data.find(b"\n", at)
            line_end = len(part.data) if line_end < 0 else line_end
            line = part.data[at:line_end].rstrip(b"\r\n")
            piece = _uu_line(line)
            if piece is None:
                break
            out += piece
            at = line_end + 1
        if out:
            name = safe_name(decoded(begin[1], part.charset)[0], "uuencoded")
            yield Part(f"{part.path}/{name}", "", bytes(out), name, depth=part.depth + 1)


def _uu_line(line: bytes) -> bytes | None:
    """One line decoded; None at the end of the block."""
    if not line or line.strip() in {b"end", b"`", b"===="} or len(line) > 90:  # noqa: PLR2004  61 and some tolerance
        return None
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # encoders that pad wrongly: take as many groups as the first character promises
        try:
            return binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])
        except binascii.Error:
            return None


READER = Reader("text", "Plain text of any kind", is_text, _read)
