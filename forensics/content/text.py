"""Plain text of any kind: prose, tables, configuration, source code, and the files that lie coded in it."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from forensics.decoding import decoded, is_text, safe_name
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader
from forensics.tabular import under_heads

__all__ = ["READER"]

_CODED = re.compile(rb"\n(?:=y)?begin[ -]")  # where a coded file may begin
# POSIX uuencode: "begin mode name", then lines that start with their length
_BEGIN = re.compile(rb"begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,200})\r?\n")
_ENCRYPTED = "-----BEGIN PGP MESSAGE-----"
# yEnc 1.3 (yenc.org, draft): every byte plus 42; "=" before a critical one, which is then 64 more
_YBEGIN = re.compile(rb"=ybegin [^\r\n]{0,200}? name=([^\r\n]{1,200})\r?\n(?:=ypart [^\r\n]{0,200}\r?\n)?")
_YESCAPED = re.compile(rb"=(.)", re.DOTALL)
_MINUS_42 = bytes((byte - 42) & 255 for byte in range(256))
_MINUS_64 = bytes((byte - 64) & 255 for byte in range(256))
_ENRICHED = ("text/enriched", "text/richtext")
_COMMAND = re.compile(r"<(?:/?[A-Za-z][A-Za-z-]{0,60}>|(<))|\n(\n*)")  # RFC 1896
_PARAM = re.compile(r"<param>[^<]{0,2000}</param>", re.IGNORECASE)


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    text, guessed = decoded(part.data, part.charset)
    yield Text(part.path, "decoded", text, guessed)
    rows, is_whole = under_heads(text)
    if rows:
        yield Text(part.path, "rows", rows, guessed=True)
    if not is_whole:
        yield Unread(part.path, "a table too wide to be read under its heads to the end: its lines were searched as they stand")
    if text.startswith(_ENCRYPTED) or f"\n{_ENCRYPTED}" in text:
        yield Unread(part.path, "PGP: encrypted")
    if part.media_type == "message/partial":
        yield Unread(part.path, "message/partial: one piece of a message that was sent in pieces")
    if part.media_type in _ENRICHED:
        plain = _COMMAND.sub(_without_command, _PARAM.sub("", text.replace("\r\n", "\n")))
        yield Text(part.path, "enriched", plain, guessed)
    if part.data.startswith((b"begin", b"=ybegin")) or _CODED.search(part.data):
        yield from _uuencoded(part, limits)
        yield from _yencoded(part)


def _without_command(found: re.Match[str]) -> str:
    """A command is nothing, "<<" is "<", one line end is a blank, further ones are line ends."""
    return (found[2] or " ") if found[0].startswith("\n") else found[1] or ""


def _uuencoded(part: Part, limits: Limits) -> Iterator[Part]:
    """Files that lie uuencoded in the text, each as a part."""
    at = 0
    while (at := part.data.find(b"begin", at)) >= 0:
        begin = _BEGIN.match(part.data, at) if part.data[at - 1 : at] in {b"", b"\n"} else None
        if begin is None:
            at += len(b"begin")
            continue
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


def _yencoded(part: Part) -> Iterator[Part]:
    """Files that lie yEncoded in the text, each as a part; a piece of a file that was posted in pieces is one, too."""
    at = 0
    while (at := part.data.find(b"=ybegin ", at)) >= 0:
        begin = _YBEGIN.match(part.data, at) if part.data[at - 1 : at] in {b"", b"\n"} else None
        at = begin.end() if begin else at + 1
        if begin is not None:
            end = part.data.find(b"\n=yend", at - 1)
            end = end if end >= 0 else len(part.data)
            coded = part.data[at:end].translate(None, b"\r\n")
            name = safe_name(decoded(begin[1].strip(), part.charset)[0], "yencoded")
            data = _YESCAPED.sub(lambda byte: byte[1].translate(_MINUS_64), coded).translate(_MINUS_42)
            yield Part(f"{part.path}/{name}", "", data, name, depth=part.depth + 1)
            at = max(at, end)


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
