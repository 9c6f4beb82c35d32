"""A body to its texts: every part is offered to the readers, everything is bounded, nothing is dropped in silence."""

from __future__ import annotations

import binascii
import codecs
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from forensics.model import Body, Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = [
    "decoded",
    "header_text",
    "is_office",
    "is_text",
    "joined",
    "megabytes",
    "safe_name",
    "signature",
    "spelled",
    "strings",
    "texts",
]

Item = Text | Part | Unread

_NARROW_STRING = re.compile(rb"[\x20-\x7e\t]{6,4000}")
_WIDE_STRING = re.compile(rb"(?:[\x20-\x7e\t]\x00){6,4000}")
_STRINGS = 200_000  # runs that are looked at
_FALLBACKS = ("text", "opaque")  # asked in this order, once no reader of a definite format says yes
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}")

# ---------------------------------------------------------------------------------------------------------------- walk


@dataclass(slots=True)
class _Budget:
    """What is left of one message's limits."""

    ends: float
    left: int
    members: int

    def late(self, limits: Limits) -> str:
        """Why nothing more of this message is read; "" while there is time left."""
        return f"over the limit of {limits.seconds:g} seconds a message" if time.monotonic() > self.ends else ""

    def refusal(self, part: Part, limits: Limits) -> str:
        """Why this one part is not read, or "". A parser's own parts (depth 0) are bounded by the total alone."""
        if self.members <= 0:
            return f"over the limit of {limits.members} members a message"
        if part.depth > limits.depth:
            return f"nested deeper than {limits.depth} levels"
        if len(part.data) > self.left:
            return f"over the limit of {megabytes(limits.total_bytes)} in total"
        return ""

    def rest(self, limits: Limits) -> Limits:
        seconds = max(self.ends - time.monotonic(), 0.1)
        return replace(limits, total_bytes=self.left, members=self.members, seconds=seconds)


def texts(body: Body, readers: Sequence[Reader], limits: Limits) -> Iterator[Text | Unread]:
    """Everything that can be searched in one message, and a list of what could not be read, depth first, in order.

    Each path occurs for one part only (a second one gets `~2`). A reader of a definite format comes before those of
    plain text and of the unreadable; where two definite ones accept a part (a polyglot), both read it. A reader that
    raises costs its part, never the message. The memory held is that of one part a level, not of the whole message.
    """
    budget = _Budget(time.monotonic() + limits.seconds, limits.total_bytes, limits.members)
    paths: dict[str, int] = {}
    stack: list[tuple[str, Iterator[Item]]] = [("", _opening(body))]
    while stack:
        path, items = stack[-1]
        if path and (late := budget.late(limits)):
            stack.pop()
            yield Unread(path, f"{late}: the rest was not examined")
            continue
        item = next(items, None)
        if item is None:
            stack.pop()
        elif not isinstance(item, Part):
            yield item
        else:
            part = _with_own_path(item, paths)
            if reason := budget.late(limits) or budget.refusal(part, limits):
                yield Unread(part.path, reason)
                if path and budget.members <= 0:
                    stack.pop()  # a million members need no million lines
                    yield Unread(path, f"{reason}: the rest was not examined")
                continue
            if part.depth > 0 and len(part.data) > limits.member_bytes:
                yield Unread(part.path, f"over the limit of {megabytes(limits.member_bytes)} a member")
                if not is_text(part):
                    continue
                part = replace(part, data=part.data[: limits.member_bytes])
            budget.left -= len(part.data)
            budget.members -= 1
            stack.append((part.path, _reading(part, readers, budget.rest(limits))))


def _opening(body: Body) -> Iterator[Item]:
    if body.subject:
        yield from _with_views(Text("header:subject", "decoded", header_text(body.subject)), 0)
    yield from body.unread
    yield from body.parts


def _with_own_path(part: Part, paths: dict[str, int]) -> Part:
    wanted = part.path or "message"
    path, count = wanted, paths.get(wanted, 0)
    while path in paths:
        count += 1
        path = f"{wanted}~{count + 1}"
    paths[wanted] = count
    paths.setdefault(path, 0)
    return part if path == part.path else replace(part, path=path)


def _reading(part: Part, readers: Sequence[Reader], limits: Limits) -> Iterator[Item]:
    chosen: list[Reader] = []
    for reader in readers:
        try:
            if reader.accepts(part):
                chosen.append(reader)
        except Exception as error:  # noqa: BLE001  a foreign reader may fail in any way; it must not cost the message
            yield Unread(part.path, f"reader {reader.name} failed: {type(error).__name__}")
    if not chosen:
        yield Unread(part.path, f"no reader for {part.media_type if _MEDIA_TYPE.fullmatch(part.media_type) else 'this type'}")
    for reader in _most_specific(chosen):
        try:
            for item in reader.read(part, limits):
                if isinstance(item, Text):
                    yield from _with_views(item, part.depth)
                else:
                    yield item
        except Exception as error:  # noqa: BLE001  as above: the part becomes unread, the message goes on
            yield Unread(part.path, f"reader {reader.name} failed: {type(error).__name__}")


def _most_specific(chosen: list[Reader]) -> list[Reader]:
    definite = [reader for reader in chosen if reader.name not in _FALLBACKS]
    return definite or sorted(chosen, key=lambda reader: _FALLBACKS.index(reader.name))[:1]


def megabytes(size: int) -> str:
    """A limit in words: "20 MB"; in bytes below one megabyte."""
    return f"{size >> 20} MB" if size >= 1 << 20 else f"{size} bytes"


# --------------------------------------------------------------------------------------------------------------- views

_INVISIBLE = re.compile(
    "[\x00\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]+"
)
_WIDE_FORMS = re.compile(
    "[\u00a0\u2000-\u200a\u202f\u2070-\u209c\u2460-\u24ea\u3000\uff01-\uff5e\U0001d400-\U0001d7ff\U0001f130-\U0001f169]+"
)
_SPACED = re.compile(r"(?<![^\s:=(])[0-9A-Za-z](?:[ \t\u00a0][0-9A-Za-z]){3,40}(?![^\s.,;)])")
_QUOTE = re.compile(r"^[ \t]?(?:>[ \t]?){1,40}", re.MULTILINE)
_SOFT_BREAK = re.compile(r"[^=\s]=[ \t]{0,20}\r?\n|=3D|=20\r?\n")
_RUN = re.compile(r"[A-Za-z0-9+/_-]{24,}(?:\r?\n[A-Za-z0-9+/_-]{24,})*(?:\r?\n[A-Za-z0-9+/_-]{1,23}(?=[=\s]|\Z))?={0,2}")
_RUNS = 50_000  # of one text
_TOKEN = re.compile(r"[\x21-\x7e]{3,}")
_PIECE = re.compile(r"[0-9_+/=%&]|[a-z][A-Z]|[A-Z]{2}")
_CLOSING = ".,;:!?)>]}'\""
_LONG_LINE = 60
_SOLID = 40


def _with_views(text: Text, depth: int) -> Iterator[Item]:
    """A text, then what it says once folded, closed up, joined, or decoded by guess: only what differs."""
    yield text
    plain = _folded(text.text)
    if plain != text.text:
        yield Text(text.part, "folded", plain, text.guessed)
    closed = _SPACED.sub(lambda run: re.sub(r"[ \t\u00a0]", "", run[0]), plain)
    if closed != plain:
        yield Text(text.part, "closed", closed, guessed=True)
    whole = joined(plain)
    if whole != plain:
        yield Text(text.part, "joined", whole, guessed=True)
    if _SOFT_BREAK.search(plain):
        unquoted = binascii.a2b_qp(re.sub(r"=[ \t]{1,20}(?=\r?\n)", "=", plain).encode("utf-8", "replace"))
        yield Text(text.part, "quoted-printable", decoded(unquoted)[0], guessed=True)
    yield from _base64_views(text.part, whole, depth)


def _folded(text: str) -> str:
    """Without invisible characters; blanks, full-width and mathematical letters as plain ones (NFKC)."""
    if text.isascii() and "\x00" not in text:
        return text
    return _WIDE_FORMS.sub(lambda run: unicodedata.normalize("NFKC", run[0]), _INVISIBLE.sub("", text))


def joined(text: str, *, everywhere: bool = False) -> str:
    """The text without quote prefixes, and with values joined that a line end cuts in two.

    Calendar and card files are unfolded (RFC 5545 section 3.1). Elsewhere two lines are joined only if both pieces look
    like pieces of a key or URL, and the first line is full, flowed (RFC 3676) or continued; `everywhere`: any line.
    """
    if ">" in text:
        text = _QUOTE.sub("", text)
    if text[:400].lstrip()[:6].upper() == "BEGIN:":
        return re.sub(r"\r?\n[ \t]", "", text)
    lines = text.split("\n")
    out = [lines[0]]
    for i in range(1, len(lines)):
        above, line = lines[i - 1], lines[i]
        if line and above and _is_cut(above.removesuffix("\r"), line, everywhere=everywhere):
            out[-1] = out[-1].rstrip()
            out.append(line.lstrip())
        else:
            out.extend(("\n", line))
    return "".join(out) if len(out) > 1 else out[0]


def _is_cut(above: str, line: str, *, everywhere: bool) -> bool:
    """Whether a value seems to run on from one line to the next."""
    if not (everywhere or len(above) >= _LONG_LINE or above[-1:] in {" ", "="}):
        return False
    last, first = above[-200:].split()[-1:], line[:200].split(None, 1)[:1]
    if not last or not first:
        return False
    left, right = last[0], first[0]
    if not (_TOKEN.fullmatch(left) and _TOKEN.fullmatch(right)) or left.startswith("--") or right.startswith("--"):
        return False
    if left[-1] in _CLOSING and "://" not in left:
        return False
    if len(left) >= _SOLID and left == above.strip():
        return True
    return bool(_PIECE.search(left) and _PIECE.search(right))


def _base64_views(part: str, text: str, depth: int) -> Iterator[Item]:
    """Base64-looking runs decoded once: text on lines of one view, formats that can be read as further parts."""
    found: list[str] = []
    inner: list[bytes] = []
    for count, run in enumerate(_RUN.finditer(text)):
        if count >= _RUNS:
            yield Unread(part, f"more than {_RUNS} base64 runs: the rest was not decoded")
            break
        if run[0].islower() or run[0].isdigit():
            continue
        piece = re.sub(r"[\s=]", "", run[0]).translate({45: 43, 95: 47})
        data = _unbase64(piece)
        if signature(data) in {"zip", "gzip", "pdf", "xz", "bzip2"}:
            inner.append(data)
            continue
        readable = _readable(data)
        for shift in (1, 2, 3) if not readable and len(piece) < 4096 else ():  # noqa: PLR2004  a label may be glued on
            readable = readable or _readable(_unbase64(piece[shift:]))
        if readable:
            found.append(readable)
    if found:
        yield Text(part, "base64", "\n".join(found), guessed=True)
    for data in inner:
        yield Part(f"{part}/base64", "", data, depth=depth + 1)


def _unbase64(piece: str) -> bytes:
    piece = piece[:-1] if len(piece) % 4 == 1 else piece
    return binascii.a2b_base64(piece + "=" * (-len(piece) % 4))


def _readable(data: bytes) -> str:
    """The text that the bytes are, or "" if they are mostly not text."""
    text = data.decode(_wide(data) or "utf-8", "replace")
    good = sum(character.isprintable() or character in "\t\r\n" for character in text) - text.count("\ufffd")
    return text if len(text) > 8 and good >= 0.85 * len(text) else ""  # noqa: PLR2004  random bytes reach 0.4


# ------------------------------------------------------------------------------------------- what the readers share

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "iso8859-1": "cp1252", "ascii": "utf-8"}
_SHIFTING = ("utf-7", "hz", "iso2022")  # ASCII bytes in these may stand for something else
_SLOW_OR_ODD = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "palmos", "utf-8-sig"}
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\r\n]{0,20000})\?=")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")

# published magic numbers; (offset, bytes, family)
_MAGIC = (
    (0, b"PK\x03\x04", "zip"), (0, b"PK\x05\x06", "zip"), (0, b"PK\x07\x08PK", "zip"), (0, b"\x1f\x8b\x08", "gzip"),
    (4, b"1AY&SY", "bzip2"), (0, b"\xfd7zXZ\x00", "xz"), (257, b"ustar", "tar"), (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"), (0, b"MSCF\x00", "cab"), (0, b"(\xb5/\xfd", "zstd"), (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (0, b"\x89PNG", "image"), (0, b"\xff\xd8\xff", "image"), (0, b"GIF8", "image"), (0, b"II*\x00", "image"), (0, b"MM\x00*", "image"),
    (8, b"WEBP", "image"), (4, b"ftypheic", "image"), (4, b"ftypavif", "image"), (4, b"ftyp", "video"), (8, b"AVI ", "video"),
    (0, b"\x1aE\xdf\xa3", "video"), (8, b"WAVE", "audio"), (0, b"ID3", "audio"), (0, b"OggS", "audio"), (0, b"fLaC", "audio"),
    (0, b"#!AMR", "audio"), (0, b"\x7fELF", "executable"), (0, b"\xca\xfe\xba\xbe", "executable"), (0, b"\xcf\xfa\xed\xfe", "executable"),
    (0, b"\x00asm", "executable"), (0, b"\x03\xd9\xa2\x9a", "kdbx"), (0, b"\xfe\xed\xfe\xed", "jks"), (0, b"\xce\xce\xce\xce", "jks"),
    (0, b'x\x9f>"', "tnef"), (0, b"SQLite format 3\x00", "sqlite"), (0, b"!BDN", "pst"),
)  # fmt: skip


def signature(data: bytes) -> str:
    """The family that the first bytes prove ("zip", "pdf", "image", ...), or ""."""
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data[:2] in {b"MZ", b"BM"} and b"\x00" in data[:64]:
        return "executable" if data[:2] == b"MZ" else "image"
    return next((family for at, magic, family in _MAGIC if data.startswith(magic, at)), "")


def is_office(data: bytes) -> bool:
    """Whether a zip holds an office document: Open Packaging Conventions, or OpenDocument's first member."""
    return b"[Content_Types].xml" in data or data[30:38] == b"mimetype"


def is_text(part: Part) -> bool:
    """Whether the part is text: no binary format's signature, and declared as text or looking like it."""
    if signature(part.data):
        return False
    return part.media_type.startswith("text/") or _looks_like_text(part.data)


def _looks_like_text(data: bytes) -> bool:
    head = data[:65536]
    if not head or head.startswith(tuple(bom for bom, _ in _BOMS)) or _wide(head):
        return True
    control = len(head) - len(head.translate(None, bytes(range(7)) + bytes(range(14, 27)) + b"\x0b\x1c\x1d\x1e\x1f\x7f"))
    high = sum(map((127).__lt__, head[:4096]))
    if 4 * high > len(head[:4096]) and codecs.getincrementaldecoder("utf-8")("replace").decode(head[:4096]).count("\ufffd") > 4:  # noqa: PLR2004
        return False  # legacy 8-bit scripts must be declared as text to be believed
    return 50 * control <= len(head)


def _wide(data: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, known by where the NUL bytes stand; "" for all else."""
    head = data[: 4096 & ~3]
    if len(head) < 8 or b"\x00" not in head:  # noqa: PLR2004  too short to tell
        return ""
    quarter = len(head) // 4
    zeros = [head[at::4].count(0) for at in range(4)]
    if zeros[1] + zeros[2] > 1.9 * quarter and max(zeros[0], zeros[3]) > 0.9 * quarter:
        return "utf-32-le" if zeros[3] > zeros[0] else "utf-32-be"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    if odd > quarter and even < quarter / 5:
        return "utf-16-le"
    return "utf-16-be" if even > quarter and odd < quarter / 5 else ""


def _codec(charset: str) -> str:
    name = re.sub(r"[^a-z0-9_.:-]", "", charset.lower())[:40]
    for candidate in (name, name.replace("cp-", "cp"), name.replace("windows", "windows-").replace("--", "-")):
        try:
            found = codecs.lookup(candidate)
        except (LookupError, ValueError):
            continue  # the next spelling of the name
        is_for_text = getattr(found, "_is_text_encoding", True)
        return _WIDER.get(found.name, found.name) if is_for_text and found.name not in _SLOW_OR_ODD else ""
    return ""


def decoded(data: bytes, charset: str = "") -> tuple[str, bool]:
    """Bytes as text, and whether that took a guess: byte order mark, wide characters, the declared charset, UTF-8, CP1252."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(name, "replace"), False
    codec = _codec(charset)
    if wide := _wide(data):
        return data.decode(wide, "replace"), not codec.startswith(wide[:6])
    if data.isascii() and not codec.startswith(_SHIFTING):
        return data.decode("ascii"), False
    for name in filter(None, (codec, "utf-8")):
        try:
            return data.decode(name), name != (codec or "utf-8")
        except (ValueError, LookupError):
            continue  # the next charset, at last one that takes every byte
    return data.decode(codec if codec and codec != "utf-8" else "cp1252", "replace"), True


def header_text(value: str) -> str:
    """A header's value with its encoded words (RFC 2047) decoded; words that were cut apart are one again."""
    out: list[str] = []
    pending, charset, at = b"", "", 0
    for word in _WORD.finditer(value):
        gap = value[at : word.start()]
        if gap.strip() or word[1].lower() != charset:
            out.append(decoded(pending, charset)[0])
            pending = b""
        if gap.strip() or not at:
            out.append(gap)
        coded = word[3].encode("utf-8", "replace")
        if word[2] in "bB":
            pending += _unbase64(re.sub(r"[^A-Za-z0-9+/]", "", word[3]))
        else:
            pending += binascii.a2b_qp(coded, header=True)
        charset, at = word[1].lower().partition("*")[0], word.end()
    return "".join([*out, decoded(pending, charset)[0], value[at:]])


def safe_name(name: str, instead: str) -> str:
    """A file name as one step of a part's path: no control characters, no slashes, at most 200 characters."""
    kept = _CONTROL.sub("", name).replace("/", "_").replace("\\", "_").strip()
    return kept[:200] or instead


def spelled(names: Iterable[str]) -> str:
    """File names as lines of text: a name can hold a key as well."""
    return "\n".join(_CONTROL.sub("", name) for name in names)


def strings(data: bytes) -> str:
    """Runs of printable characters, one byte or two bytes each, in order of place."""
    found: list[tuple[int, str]] = []
    for pattern, codec in ((_NARROW_STRING, "ascii"), (_WIDE_STRING, "utf-16-le")):
        for count, run in enumerate(pattern.finditer(data)):
            if count >= _STRINGS:
                break
            found.append((run.start(), run[0].decode(codec)))
    return "\n".join(text for _, text in sorted(found))
