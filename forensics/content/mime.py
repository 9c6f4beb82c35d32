"""Messages: headers decoded, parts as declared and as they seem to be, nothing between the boundaries lost."""

from __future__ import annotations

import binascii
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from forensics.decoding import decoded, header_text, is_text, safe_name, signature, unbase64
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_LEVELS = 100  # of multiparts inside each other; real mail has four, hostile mail ten thousand
_CHUNK = 1 << 20  # bytes decoded at once: a big part is never held coded and decoded
_COMMON = 500  # characters of a field that is worth remembering
_SMALL = 256 << 10  # bytes of a doubtful part that are also shown undecoded
_TYPES = ("message/rfc822", "message/global", "message/news")
_SUFFIXES = (".eml", ".mht", ".mhtml")
_KNOWN = frozenset((
    "from", "to", "cc", "bcc", "subject", "date", "received", "mime-version", "message-id", "content-type",
    "return-path", "reply-to", "delivered-to",
))  # fmt: skip

# the fields that say what a part is, in an unfolded block behind a line feed; `>` before a name: a store quoted the line
_FIELD = re.compile(r"\n>*(content-(?:type|transfer-encoding|disposition)|subject)[ \t]*:([^\n]*)", re.IGNORECASE | re.ASCII)
_FOLD, _FOLD_CRLF = re.compile(r"\n(?=[ \t])"), re.compile(r"\r\n(?=[ \t])")
_EMPTY_LF, _EMPTY_CRLF = re.compile(b"\n\n"), re.compile(b"\n\r\n")
_EMPTY = re.compile(rb"\r?(?:\n|\Z)")
_FIRST_LINE = re.compile(rb"(?:>?From [^\n]{1,300}\n)?[\x21-\x39\x3b-\x7e]{1,100}[ \t]*:")
_NAMES = re.compile(rb"^([A-Za-z-]{2,40})[ \t]*:", re.MULTILINE)
_DELIMITED = re.compile(rb"(--)?[ \t]{0,80}\r?(?=\n|\Z)")
_PARAMETER = re.compile(r';\s{0,20}([^\s=;"]{1,60})\s{0,20}=\s{0,20}(?:"((?:[^"\\]|\\.){0,2000}+)"|([^;]{0,2000}))')
_CONTINUED = re.compile(r"([^*]{1,40})(?:\*([0-9]{1,4}))?(\*)?")
_GUESSED_BOUNDARY = re.compile(rb"--([^\r\n]{1,200}?)[ \t]{0,80}\r?\n(?=[A-Za-z-]{1,60}:)")
_BASE64_AND_LINE_ENDS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n"
_NOT_BASE64 = bytes(sorted(set(range(256)) - set(_BASE64_AND_LINE_ENDS[:-2])))
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/=]*[ \t\r]*")
_PREAMBLE = re.compile(rb"\s*This is a (?:multi-?part|cryptographically signed) message in MIME format\.?\s*", re.IGNORECASE)


@dataclass(slots=True)
class _Entity:
    """A header block and what follows it: a message, or a part of one. `data` is the whole that it is cut from."""

    data: bytes = field(repr=False)
    start: int  # of the body
    end: int
    block: str = field(default="", repr=False)  # the header block, decoded, lines unfolded
    fields: dict[str, list[str]] = field(default_factory=dict, repr=False)  # of `_FIELD`, every occurrence
    level: int = 0
    default: str = "text/plain"

    @property
    def body(self) -> bytes:
        return self.data[self.start : self.end]

    def all(self, name: str) -> list[str]:
        return self.fields.get(name, [])

    def types(self) -> list[tuple[str, dict[str, str]]]:
        """Every Content-Type: a second header may be the one that counts."""
        return [_parameters(value) for value in self.all("content-type")] or [(self.default, {})]

    def encodings(self) -> list[str]:
        values = [re.sub(r"\([^()]{0,100}\)|[\s\"';]", "", value).lower() for value in self.all("content-transfer-encoding")]
        return list(dict.fromkeys(value for value in values if value in {"base64", "quoted-printable"}))


@dataclass(slots=True)
class _Names:
    """Where the parts of one message are filed."""

    prefix: str
    depth: int
    leaves: int = 0
    messages: int = 0
    headers: list[str] = field(default_factory=list)


def _accepts(part: Part) -> bool:
    if signature(part.data):
        return False
    if part.media_type in _TYPES or part.media_type.startswith("multipart/") or part.name.lower().endswith(_SUFFIXES):
        return True
    return not part.media_type.startswith("text/") and is_text(part) and _looks_like_mail(part.data)


def _looks_like_mail(data: bytes) -> bool:
    head = data[:8192].lstrip(b"\xef\xbb\xbf\r\n")
    if not _FIRST_LINE.match(head):
        return False
    block = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    return len(_KNOWN & {name.decode("ascii").lower() for name in _NAMES.findall(block)}) > 2  # noqa: PLR2004  prose has one


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    """The message's headers and its parts. A work list instead of recursion: no nesting exhausts the stack."""
    own = part.depth == 0 and part.path in {"", "message"}
    names = _Names("" if own else f"{part.path}/", part.depth + 1)
    data = _bytes_of(part)
    top = _entity(data, 0, len(data), level=0, top=True)
    for subject in top.all("subject"):
        yield Text(f"{names.prefix}header:subject", "decoded", header_text(subject))
    yield Text(f"{names.prefix}headers", "unfolded", _spelled(top))
    pending: list[_Entity | Part] = [top]
    while pending:
        entity = pending.pop()
        if isinstance(entity, Part):
            yield entity
            continue
        if entity is not top and entity.block.strip():
            names.headers.append(_spelled(entity))
        inner = _inner(entity, names)
        if inner and entity.level >= _LEVELS:
            yield Unread(part.path, f"multiparts nested deeper than {_LEVELS} levels: the rest is searched undecoded")
            yield _loose("text/plain", entity.body, names)
        elif inner:
            pending.extend(reversed(inner))
        else:
            yield from _leaf(entity, names, limits.member_bytes)
    if names.headers:
        yield Text(f"{names.prefix}headers", "parts", "\n".join(names.headers))


def _bytes_of(part: Part) -> bytes:
    """The message as ASCII-based text with line feeds, from its first header on."""
    data = part.data
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        data = decoded(data)[0].encode("utf-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data.lstrip(b"\r\n") if _FIRST_LINE.match(data[:4096].lstrip(b"\r\n")) else data


# ------------------------------------------------------------------------------------------------------------- headers


def _entity(data: bytes, start: int, end: int, *, level: int, default: str = "text/plain", top: bool = False) -> _Entity:
    """Headers up to the first empty line; a part that starts without any is all body."""
    if not top and not _FIRST_LINE.match(data, start, end) and not data.startswith((b"\n", b"\r\n"), start, end):
        return _Entity(data, start, end, level=level, default=default)
    block_end, body = _header_end(data, start, end)
    block = _unfolded(decoded(data[start:block_end])[0])
    fields: dict[str, list[str]] = {}
    for found in _FIELD.finditer("\n" + block):
        fields.setdefault(found[1].lower(), []).append(found[2].strip())
    return _Entity(data, body, end, block, fields, level, default)


def _header_end(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the header block ends, and where what follows the first empty line begins."""
    if empty := _EMPTY.match(data, start, end):
        return start, empty.end()
    # the line end of the first line is tried first: the other one is then sought in the header alone, not in the whole mail
    returns = data.endswith(b"\r", start, max(data.find(b"\n", start, end), start))
    first: re.Match[bytes] | None = None
    for mark in (_EMPTY_CRLF, _EMPTY_LF) if returns else (_EMPTY_LF, _EMPTY_CRLF):
        if first is None or returns or data.find(b"\r", start, first.start()) >= 0:
            first = mark.search(data, start, first.start() + 1 if first else end) or first
    if first:
        return first.span()
    return end - next((len(ending) for ending in (b"\n", b"\n\r") if data.endswith(ending, start, end)), 0), end


def _unfolded(block: str) -> str:
    if "\r" in block:
        if "\n\r\n" in block:
            return re.sub(r"\r?\n(?=[ \t])", "", block)
        block = _FOLD_CRLF.sub("", block)  # each pattern begins with a fixed letter: searched for several times as fast
    return _FOLD.sub("", block)


def _spelled(entity: _Entity) -> str:
    """The header block with encoded words decoded and file names put together, lines unfolded."""
    spelled = entity.block
    if "\r" in spelled:
        spelled = "\n".join(line.rstrip("\r") for line in spelled.split("\n"))
    if "=?" in spelled:
        spelled = "\n".join([header_text(line) if "=?" in line else line for line in spelled.split("\n")])
    name = _file_name(entity)
    return f"{spelled}\nfilename: {name}" if name else spelled


def _parameters(value: str) -> tuple[str, dict[str, str]]:
    """A structured value: its first word in lower case, and its parameters with RFC 2231 continuations put together."""
    return _cached_parameters(value) if len(value) <= _COMMON else _parsed(value[:16384])


def _parsed(value: str) -> tuple[str, dict[str, str]]:
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        parsed = _CONTINUED.fullmatch(name.lower())
        if parsed is not None:
            text = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare.strip().strip("\"'") if not parsed[3] else bare.strip()
            pieces.setdefault(parsed[1], []).append((int(parsed[2] or 0), bool(parsed[3]), text))
    first = re.sub(r"\([^()]{0,100}\)", "", value.partition(";")[0]).strip(" \t\"'").lower()
    return first, {name: _put_together(sorted(found)) for name, found in pieces.items()}


_cached_parameters = lru_cache(maxsize=1024)(_parsed)  # most mail is of few kinds


def _put_together(pieces: list[tuple[int, bool, str]]) -> str:
    if not any(extended for _, extended, _ in pieces):
        return (
            header_text("".join(text for _, _, text in pieces))
            if len({at for at, _, _ in pieces}) == len(pieces)
            else header_text(pieces[0][2])
        )
    charset, out = "", b""
    for position, (_, extended, text) in enumerate(pieces):
        if position == 0 and extended and text.count("'") >= 2:  # noqa: PLR2004  charset'language'value
            charset, _, text = text.split("'", 2)  # noqa: PLW2901  the rest of the same value
        raw = text.encode("utf-8", "replace")
        out += unquote_to_bytes(raw) if extended else raw
    return decoded(out, charset)[0]


def _file_name(entity: _Entity) -> str:
    for header, key in (("content-disposition", "filename"), ("content-type", "name"), ("content-disposition", "name")):
        for value in entity.all(header):
            if name := _parameters(value)[1].get(key, ""):
                return name
    return ""


# ----------------------------------------------------------------------------------------------------------- structure


def _inner(entity: _Entity, names: _Names) -> list[_Entity | Part]:
    """A multipart's parts, with what stands before, between and after them; empty for a leaf."""
    types = [one for one in entity.types() if one[0].startswith("multipart")]
    if not types:
        return []
    boundaries = [
        parameters["boundary"].encode("utf-8", "replace").strip() for _, parameters in types if parameters.get("boundary")
    ]
    default = "message/rfc822" if types[0][0] == "multipart/digest" else "text/plain"
    for data, start, end in _attempts(entity):
        for boundary in (*boundaries, None):
            known = _guessed(data, start, end) if boundary is None else boundary
            if known is not None and (found := _cut(data, start, end, known, entity.level + 1, default, names)):
                return found
    return []


def _attempts(entity: _Entity) -> Iterator[tuple[bytes, int, int]]:
    """The body as it stands, then without the encodings that no multipart should have."""
    yield entity.data, entity.start, entity.end
    for encoding in entity.encodings():
        undone, _ = _undone(entity.data, entity.start, entity.end, encoding, entity.end)
        yield undone, 0, len(undone)


def _guessed(data: bytes, start: int, end: int) -> bytes | None:
    """The first line that looks like a boundary with a header behind it."""
    found = _GUESSED_BOUNDARY.match(data, start, end)
    at = start
    while not found and (at := data.find(b"\n--", at, end) + 1):
        found = _GUESSED_BOUNDARY.match(data, at, end)
    return found[1].strip() if found else None


def _cut(data: bytes, start: int, end: int, boundary: bytes, level: int, default: str, names: _Names) -> list[_Entity | Part]:  # noqa: PLR0917
    """The pieces between the lines of one boundary; empty if it never occurs. RFC 2046 section 5.1."""
    lines = _boundary_lines(data, start, end, b"--" + boundary)
    found: list[_Entity | Part] = []
    at, kind = start, "preamble"
    for line_start, line_end, closes in (*lines, (end, end, False)) if lines else ():
        if kind == "part":
            at += 2 if data.startswith(b"\r\n", at, line_start) else data.startswith(b"\n", at, line_start)
            found.append(_entity(data, at, line_start, level=level, default=default))
        elif (piece := data[at:line_start]).strip() and not _PREAMBLE.fullmatch(piece):
            found.append(_loose(kind, piece, names))
        at, kind = line_end, "epilogue" if closes else "part"
    return found


def _boundary_lines(data: bytes, start: int, end: int, mark: bytes) -> list[tuple[int, int, bool]]:
    """Start (of the line feed before it), end and "is the last one" of every line that is the mark and no more."""
    lines: list[tuple[int, int, bool]] = []
    if data.startswith(mark, start, end) and (found := _DELIMITED.match(data, start + len(mark), end)):
        lines.append((start, found.end(), bool(found[1])))
    mark = b"\n" + mark
    at = data.find(mark, lines[0][1] if lines else start, end)
    while at >= 0:
        found = _DELIMITED.match(data, at + len(mark), end)
        if found:
            lines.append((at, found.end(), bool(found[1])))
        at = data.find(mark, found.end() if found else at + 1, end)
    return lines


def _loose(path: str, data: bytes, names: _Names) -> Part:
    return Part(f"{names.prefix}{path}", "text/plain", data, depth=names.depth)


# -------------------------------------------------------------------------------------------------------------- leaves


def _leaf(entity: _Entity, names: _Names, limit: int) -> Iterator[Text | Part | Unread]:
    """One part, decoded as declared; undecoded as well where the declaration does not fit."""
    names.leaves += 1
    media, parameters = entity.types()[0]
    media = media if "/" in media else "text/plain" if not media or media == "text" else ""
    name = _file_name(entity)
    path = names.prefix + _path(entity, media, name, names)
    if media == "message/external-body":
        yield Unread(path, "external body: lies elsewhere")
    encodings = entity.encodings()
    charset = parameters.get("charset", "")
    for encoding in encodings or [""]:
        data, doubtful = _undone(entity.data, entity.start, entity.end, encoding, limit)
        if encoding == "base64" and not doubtful and media.startswith("text/") and not signature(data):
            # text that was never base64 decodes as well, to bytes that are no text in its charset
            doubtful = decoded(data, charset)[1] or not is_text(Part(path, "", data))
        yield Part(
            path, media if not media.startswith("multipart") else "text/plain", data, safe_name(name, ""), charset, names.depth
        )
        if doubtful and (left := _residue(entity.data, entity.start, entity.end)).strip():
            yield Text(path, "raw", decoded(left, charset)[0], guessed=True)


def _path(entity: _Entity, media: str, name: str, names: _Names) -> str:
    attached = any(value.strip().lower().startswith("attachment") for value in entity.all("content-disposition"))
    if name or attached:
        return f"attachment:{safe_name(name, f'part-{names.leaves}')}"
    if media in _TYPES:
        names.messages += 1
        return f"message~{names.messages}"
    if re.fullmatch(r"text/[a-z0-9.+-]{1,60}", media):
        return media
    return "text/plain" if media.startswith("multipart") else f"attachment:part-{names.leaves}"


def _undone(data: bytes, start: int, end: int, encoding: str, limit: int) -> tuple[bytes, bool]:
    """The bytes without their transfer encoding, and whether something stood there that does not belong to it.

    All bytes, or more than `limit` of them: enough to tell that there are too many.
    """
    if encoding == "base64":
        return _from_base64(data, start, end, limit)
    if encoding == "quoted-printable":
        return _from_quoted_printable(data, start, end, limit), False
    return data[start : min(end, start + limit + 1)], False


def _from_quoted_printable(data: bytes, start: int, end: int, limit: int) -> bytes:
    out = io.BytesIO()
    for coded in _line_pieces(data, start, end):  # no soft line break is cut in two
        if b"= " in coded or b"=\t" in coded:
            coded = re.sub(rb"=[ \t]{1,80}(?=\r?\n)", b"=", coded)  # noqa: PLW2901  the same line, without what transport added
        out.write(binascii.a2b_qp(coded))
        if out.tell() > limit:
            break
    return out.getvalue()


def _from_base64(data: bytes, start: int, end: int, limit: int) -> tuple[bytes, bool]:
    """Base64 with junk, without padding, with data after padding: each piece between `=` is decoded on its own."""
    out = io.BytesIO()
    rest, odd = b"", False
    for at in range(start, end, _CHUNK):
        coded = rest + data[at : min(at + _CHUNK, end)]
        plain, rest = _clean_base64(coded)
        if plain is None:
            kept, is_odd = _kept(coded)
            odd = odd or is_odd
            *pieces, rest = kept.split(b"=")
            groups = len(rest) & ~3
            plain = b"".join([*map(unbase64, pieces), binascii.a2b_base64(rest[:groups])])
            rest = rest[groups:]
        if out.tell() <= limit:
            out.write(plain)
    kept, is_odd = _kept(rest)
    out.write(unbase64(kept))
    return out.getvalue(), odd or is_odd


def _kept(coded: bytes) -> tuple[bytes, bool]:
    """What belongs to base64, and whether there was more than that and blanks."""
    kept = coded.translate(None, _NOT_BASE64)
    return kept, len(kept) + sum(map(coded.count, (b"\n", b"\r", b" ", b"\t"))) != len(coded)


def _clean_base64(coded: bytes) -> tuple[bytes | None, bytes]:
    """The usual case in one go, whole groups on lines, padded at the end if at all; and what is over. None: it is not that."""
    solid = coded.replace(b"\n", b"").replace(b"\r", b"")
    padding = solid.find(b"=")
    if padding < 0:
        groups = len(solid) & ~3
        solid, rest, size = solid[:groups], solid[groups:], groups * 3 // 4
    elif len(solid) % 4 == 0 and len(solid) - padding <= 2 and solid.endswith(b"="):  # noqa: PLR2004  what one group can lack
        rest, size = b"", padding * 3 // 4
    else:
        return None, b""
    try:
        plain = binascii.a2b_base64(solid)
    except binascii.Error:
        return None, b""
    # a character that does not belong there is skipped, and missing from the length
    return (plain, rest) if len(plain) == size else (None, b"")


def _residue(data: bytes, start: int, end: int) -> bytes:
    """What to show undecoded: all of a small part, of a big one the lines that are no base64."""
    if end - start <= _SMALL:
        return data[start:end]
    lines: list[bytes] = []
    for piece in _line_pieces(data, start, end):
        if piece.translate(None, _BASE64_AND_LINE_ENDS):
            lines.extend(line for line in piece.removesuffix(b"\n").split(b"\n") if not _BASE64_LINE.fullmatch(line))
    return b"\n".join(lines)


def _line_pieces(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """The bytes in pieces of about a megabyte that end with a line."""
    while start < end:
        stop = data.find(b"\n", min(start + _CHUNK, end), end) + 1 or end
        yield data[start:stop]
        start = stop


READER = Reader("mime", "Messages and their parts", _accepts, _read)
