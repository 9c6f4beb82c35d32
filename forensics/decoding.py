"""Bytes to text: what they are, in which characters, and how they were coded for transport."""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from html import unescape
from typing import TypeVar

from forensics.model import Part

__all__ = [
    "Remembered", "decoded", "header_text", "is_office", "is_text", "readable", "safe_name", "signature", "spelled", "strings",
    "unbase64", "unescaped",
]  # fmt: skip

_Answer = TypeVar("_Answer")
_REFERENCE = re.compile(r"(&(?:#[0-9]++;?|#[xX][0-9a-fA-F]++;?|[^\t\n\f <&#;]{1,32}+;?))")  # all that `unescape` looks at
_DECIMALS = 4000  # digits that Python reads as a number, at most
_KEPT = 4096  # answers of a function that are kept for the next mail
_KEPT_LENGTH = 1000
_NARROW_STRING = re.compile(rb"[\x20-\x7e\t]{6,4000}")
_WIDE_STRING = re.compile(rb"(?:[\x20-\x7e\t]\x00){6,4000}")
_STRINGS = 200_000  # runs that are looked at
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_MARKS = tuple(bom for bom, _ in _BOMS)
_CONTROLS = bytes(range(7)) + bytes(range(14, 27)) + b"\x0b\x1c\x1d\x1e\x1f\x7f"
_ASCII = bytes(range(128))
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
# the first bytes of these, to tell in the usual case that there is none
_AT_0, _AT_4, _AT_8 = (
    {magic[:size] for at, magic, _ in _MAGIC if at == place} | more
    for place, size, more in ((0, 2, {b"MZ", b"BM"}), (4, 4, set()), (8, 4, set()))
)


def signature(data: bytes) -> str:
    """The family that the first bytes prove ("zip", "pdf", "image", ...), or ""."""
    if data.find(b"%", 0, 1024) >= 0 and data.find(b"%PDF-", 0, 1024) >= 0:
        return "pdf"
    if data[:2] not in _AT_0 and data[4:8] not in _AT_4 and data[8:12] not in _AT_8 and data[257:262] != b"ustar":
        return ""
    if data.startswith((b"MZ", b"BM")) and data.find(b"\x00", 0, 64) >= 0:
        return "executable" if data.startswith(b"MZ") else "image"
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
    if not head or head.startswith(_MARKS) or _wide(head):
        return True
    for size in {min(len(head), 4 * 4096), len(head)}:  # of binary data the first piece is enough
        if 50 * (size - len(head[:size].translate(None, _CONTROLS))) > len(head):
            return False
    start = head[:4096]
    high = 0 if start.isascii() else len(start.translate(None, _ASCII))
    # legacy 8-bit scripts must be declared as text to be believed
    return 4 * high <= len(start) or codecs.getincrementaldecoder("utf-8")("replace").decode(start).count("\ufffd") <= 4  # noqa: PLR2004


def _wide(data: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, known by where the NUL bytes stand; "" for all else."""
    if data.find(b"\x00", 0, 4096) < 0 or len(data) < 8:  # noqa: PLR2004  too short to tell
        return ""
    head = data[: 4096 & ~3]
    quarter = len(head) // 4
    if head.count(0) <= quarter:
        return ""
    zeros = [head[at::4].count(0) for at in range(4)]
    rare, common = sorted((zeros[0], zeros[3]))
    if zeros[1] + zeros[2] > 1.9 * quarter and common > 0.9 * quarter and rare < 0.5 * quarter:
        return "utf-32-le" if zeros[3] > zeros[0] else "utf-32-be"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    if odd > quarter and even < quarter / 5:
        return "utf-16-le"
    return "utf-16-be" if even > quarter and odd < quarter / 5 else ""


@lru_cache(maxsize=256)
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
    codec = _codec(charset[:200]) if charset else ""
    is_ascii = data.isascii()
    if not is_ascii and data.startswith(_MARKS):
        bom, name = next((bom, name) for bom, name in _BOMS if data.startswith(bom))
        return data[len(bom) :].decode(name, "replace"), False
    if wide := _wide(data):
        return data.decode(wide, "replace"), not codec.startswith(wide[:6])
    if is_ascii and not codec.startswith(_SHIFTING):
        return data.decode("ascii"), False
    for name in filter(None, (codec, "utf-8")):
        try:
            return data.decode(name), name != (codec or "utf-8")
        except (ValueError, LookupError):
            continue  # the next charset, at last one that takes every byte
    return data.decode(codec if codec and codec != "utf-8" else "cp1252", "replace"), True


def unbase64(piece: bytes) -> bytes:
    """Base64 without padding, letters only; a last character that says nothing is left out."""
    return binascii.a2b_base64((piece[:-1] if len(piece) % 4 == 1 else piece) + b"==")


def header_text(value: str) -> str:
    """A header's value with its encoded words (RFC 2047) decoded; words that were cut apart are one again."""
    if "=?" not in value:
        return value
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
            pending += unbase64(re.sub(rb"[^A-Za-z0-9+/]", b"", coded))
        else:
            pending += binascii.a2b_qp(coded, header=True)
        charset, at = word[1].lower().partition("*")[0], word.end()
    return "".join([*out, decoded(pending, charset)[0], value[at:]])


def safe_name(name: str, instead: str) -> str:
    """A file name as one step of a part's path: no control characters, no slashes, at most 200 characters."""
    kept = name if name.isascii() and name.isprintable() else _CONTROL.sub("", name)
    kept = kept.replace("/", "_").replace("\\", "_").strip()
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


def readable(data: bytes) -> str:
    """The text that the bytes are, or "" if they are mostly not text."""
    text = data.decode((b"\x00" in data and _wide(data)) or "utf-8", "replace")
    size, bad = len(text), text.count("\ufffd")
    if size <= 8 or size - bad < 0.85 * size:  # noqa: PLR2004  random bytes reach 0.4
        return ""
    if not text.isprintable():
        bad += size - sum(map(str.isprintable, text)) - sum(map(text.count, "\t\r\n"))
    return text if size - bad >= 0.85 * size else ""


class Remembered(dict[str, _Answer]):
    """Answers of a pure function of a text: mail repeats the same tag a hundred times. Bounded in number and length."""

    def __init__(self, answer: Callable[[str], _Answer]) -> None:
        super().__init__()
        self._answer = answer

    def __missing__(self, text: str) -> _Answer:
        found = self._answer(text)
        if len(text) <= _KEPT_LENGTH:
            if len(self) >= _KEPT:
                self.clear()
            self[text] = found
        return found


def unescaped(text: str) -> str:
    """Text of HTML or XML with its character references resolved, whatever they are. Never raises, unlike `html.unescape`."""
    if "&" not in text:
        return text
    pieces = _REFERENCE.split(text)
    pieces[1::2] = map(_CHARACTERS.__getitem__, pieces[1::2])
    return "".join(pieces)


def _character(reference: str) -> str:
    """What a character reference stands for. More digits than Python reads as a number are no character."""
    if len(reference) > _DECIMALS and reference[2] not in "xX":
        reference = f"&#0{reference[2:].rstrip(';').lstrip('0')}"
    return unescape(reference) if len(reference) <= _DECIMALS or reference[2] in "xX" else "\ufffd"


_CHARACTERS = Remembered(_character)
