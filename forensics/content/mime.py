"""Messages: headers decoded, parts as declared and as they seem to be, nothing between the boundaries lost."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from forensics.content import decoded, header_text, is_text, safe_name, signature
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_LEVELS = 100  # of multiparts inside each other; real mail has four, hostile mail ten thousand
_SMALL = 256 << 10  # bytes of a doubtful part that are also shown undecoded
_TYPES = ("message/rfc822", "message/global", "message/news")
_SUFFIXES = (".eml", ".mht", ".mhtml")
_KNOWN = frozenset((
    "from", "to", "cc", "bcc", "subject", "date", "received", "mime-version", "message-id", "content-type",
    "return-path", "reply-to", "delivered-to",
))  # fmt: skip

_HEADER = re.compile(r"([\x21-\x39\x3b-\x7e]{1,100})[ \t]*:(.*)", re.DOTALL)
_FIRST_LINE = re.compile(rb"(?:>?From [^\n]{1,300}\n)?[\x21-\x39\x3b-\x7e]{1,100}[ \t]*:")
_NAMES = re.compile(rb"^([A-Za-z-]{2,40})[ \t]*:", re.MULTILINE)
_EMPTY_LINE = re.compile(rb"(?:\A|\n)\r?(?:\n|\Z)")
_PARAMETER = re.compile(r';\s{0,20}([^\s=;"]{1,60})\s{0,20}=\s{0,20}(?:"((?:[^"\\]|\\.){0,2000}+)"|([^;]{0,2000}))')
_CONTINUED = re.compile(r"([^*]{1,40})(?:\*([0-9]{1,4}))?(\*)?")
_GUESSED_BOUNDARY = re.compile(rb"(?:\A|\n)--([^\r\n]{1,200}?)[ \t]{0,80}\r?\n(?=[A-Za-z-]{1,60}:)")
_NOT_BASE64 = bytes(sorted(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")))
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/=]*[ \t\r]*")
_PREAMBLE = re.compile(rb"\s*This is a (?:multi-?part|cryptographically signed) message in MIME format\.?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Entity:
    """A header block and what follows it: a message, or a part of one."""

    headers: tuple[tuple[str, str], ...]  # name in lower case, value unfolded
    block: str = field(repr=False)  # the header block, decoded
    body: bytes = field(repr=False)
    level: int = 0
    default: str = "text/plain"

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]

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


def _read(part: Part, _limits: Limits) -> Iterator[Text | Part | Unread]:
    """The message's headers and its parts. A work list instead of recursion: no nesting exhausts the stack."""
    own = part.depth == 0 and part.path in {"", "message"}
    names = _Names("" if own else f"{part.path}/", part.depth + 1)
    top = _entity(_bytes_of(part), level=0, top=True)
    for subject in top.all("subject"):
        yield Text(f"{names.prefix}header:subject", "decoded", header_text(subject))
    yield Text(f"{names.prefix}headers", "decoded", _spelled(top))
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
            yield from _leaf(entity, names)
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


def _entity(data: bytes, *, level: int, default: str = "text/plain", top: bool = False) -> _Entity:
    """Headers up to the first empty line; a part that starts without any is all body."""
    if not top and not _FIRST_LINE.match(data) and not data.startswith((b"\n", b"\r\n")):
        return _Entity((), "", data, level, default)
    empty = _EMPTY_LINE.search(data)
    block, body = (data[: empty.start()], data[empty.end() :]) if empty else (data, b"")
    headers: list[tuple[str, str]] = []
    text = decoded(block)[0]
    for line in re.sub(r"\r?\n(?=[ \t])", "", text).split("\n"):
        found = _HEADER.match(line.rstrip("\r").lstrip(">"))
        if found is not None:
            headers.append((found[1].lower(), found[2].strip()))
    return _Entity(tuple(headers), text, body, level, default)


def _spelled(entity: _Entity) -> str:
    """The header block with encoded words decoded and file names put together, lines unfolded."""
    lines = [header_text(line.rstrip("\r")) for line in re.sub(r"\r?\n(?=[ \t])", "", entity.block).split("\n")]
    name = _file_name(entity)
    return "\n".join([*lines, *([f"filename: {name}"] if name else [])])


def _parameters(value: str) -> tuple[str, dict[str, str]]:
    """A structured value: its first word in lower case, and its parameters with RFC 2231 continuations put together."""
    value = value[:16384]
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        parsed = _CONTINUED.fullmatch(name.lower())
        if parsed is not None:
            text = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare.strip().strip("\"'") if not parsed[3] else bare.strip()
            pieces.setdefault(parsed[1], []).append((int(parsed[2] or 0), bool(parsed[3]), text))
    first = re.sub(r"\([^()]{0,100}\)", "", value.partition(";")[0]).strip(" \t\"'").lower()
    return first, {name: _put_together(sorted(found)) for name, found in pieces.items()}


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
    body = entity.body
    for attempt in (body, *(_undone(body, encoding)[0] for encoding in entity.encodings())):
        boundaries = [parameters["boundary"].encode("utf-8", "replace") for _, parameters in types if parameters.get("boundary")]
        guess = _GUESSED_BOUNDARY.search(attempt)
        for boundary in [*boundaries, *([guess[1]] if guess else [])]:
            default = "message/rfc822" if types[0][0] == "multipart/digest" else "text/plain"
            if found := _cut(attempt, boundary.strip(), entity.level + 1, default, names):
                return found
    return []


def _cut(body: bytes, boundary: bytes, level: int, default: str, names: _Names) -> list[_Entity | Part]:
    """The pieces between the lines of one boundary; empty if it never occurs. RFC 2046 section 5.1."""
    delimiter = re.compile(rb"(?:\A|\n)--" + re.escape(boundary) + rb"(--)?[ \t]{0,80}\r?(?=\n|\Z)")
    found: list[_Entity | Part] = []
    at, kind, seen = 0, "preamble", False
    for match in [*delimiter.finditer(body), None]:
        piece = body[at : match.start() if match else len(body)]
        if kind == "part":
            found.append(_entity(re.sub(rb"\A\r?\n", b"", piece, count=1), level=level, default=default))
        elif piece.strip() and not _PREAMBLE.fullmatch(piece):
            found.append(_loose(kind, piece, names))
        if match is not None:
            seen, at = True, match.end()
            kind = "epilogue" if match[1] else "part"
    return found if seen else []


def _loose(path: str, data: bytes, names: _Names) -> Part:
    return Part(f"{names.prefix}{path}", "text/plain", data, depth=names.depth)


# -------------------------------------------------------------------------------------------------------------- leaves


def _leaf(entity: _Entity, names: _Names) -> Iterator[Text | Part | Unread]:
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
        data, doubtful = _undone(entity.body, encoding)
        if encoding == "base64" and media.startswith("text/") and not signature(data):
            # text that was never base64 decodes as well, to bytes that are no text in its charset
            doubtful = doubtful or decoded(data, charset)[1] or not is_text(Part(path, "", data))
        yield Part(
            path, media if not media.startswith("multipart") else "text/plain", data, safe_name(name, ""), charset, names.depth
        )
        if doubtful and (left := _residue(entity.body)).strip():
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


def _undone(data: bytes, encoding: str) -> tuple[bytes, bool]:
    """The bytes without their transfer encoding, and whether something stood there that does not belong to it."""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(re.sub(rb"=[ \t]{1,80}(?=\r?\n)", b"=", data)), False
    if encoding == "base64":
        return _from_base64(data)
    return data, False


def _from_base64(data: bytes) -> tuple[bytes, bool]:
    """Base64 with junk, without padding, with data after padding: each piece between `=` is decoded on its own."""
    kept = data.translate(None, _NOT_BASE64)
    blanks = sum(data.count(blank) for blank in (b"\n", b"\r", b" ", b"\t"))
    out = bytearray()
    for piece in kept.split(b"="):
        whole = piece[:-1] if len(piece) % 4 == 1 else piece
        out += binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))
    return bytes(out), len(kept) + blanks != len(data)


def _residue(data: bytes) -> bytes:
    """What to show undecoded: all of a small part, of a big one the lines that are no base64."""
    if len(data) <= _SMALL:
        return data
    return b"\n".join(line for line in data.split(b"\n") if not _BASE64_LINE.fullmatch(line))


READER = Reader("mime", "Messages and their parts", _accepts, _read)
