"""What a text says besides what it shows: folded, closed up, joined over line ends, or decoded by guess."""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Iterable, Iterator

from forensics.decoding import decoded, readable, signature, unbase64
from forensics.model import Part, Text, Unread

__all__ = ["joined", "with_views"]

Item = Text | Part | Unread
_UNFOLDED = frozenset({"unfolded", "parts"})  # views of header blocks: their lines are whole
_INVISIBLE = re.compile(
    "[\x00\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]+"
)
_WIDE_FORMS = re.compile(
    "[\u00a0\u2000-\u200a\u202f\u2070-\u209c\u2460-\u24ea\u3000\uff01-\uff5e\U0001d400-\U0001d7ff\U0001f130-\U0001f169]+"
)
_FOLDED = re.compile(f"{_INVISIBLE.pattern}|{_WIDE_FORMS.pattern}")
_PLAIN = bytes(range(1, 128))
_SPACED = re.compile(r"(?<![^\s:=(])[0-9A-Za-z](?:[ \t\u00a0][0-9A-Za-z]){3,40}(?![^\s.,;)])")
_QUOTE = re.compile(r"\n[ \t]?(?:>[ \t]?){1,40}")
_SOFT_BREAK = re.compile(r"=(?:3D|20\r?\n|[0-9A-F]{2}(?:=[0-9A-F]{2}){2}|(?<=[^=\s]=)[ \t]{0,20}\r?\n)")
_RUN = re.compile(r"[A-Za-z0-9+/_-]{24,}(?:\r?\n[A-Za-z0-9+/_-]{24,})*(?:\r?\n[A-Za-z0-9+/_-]{1,23}(?=[=\s]|\Z))?={0,2}")
_RUNS = 50_000  # of one text
_SHORT_RUN = 4096
# header fields of RFC 6376 section 3.5, RFC 8617 section 4.1 and their forerunners
_SIGNATURES = (
    "DKIM-Signature:", "ARC-Seal:", "ARC-Message-Signature:", "X-Google-DKIM-Signature:", "DomainKey-Signature:",
)  # fmt: skip
_GAP = 3  # characters of blank between runs that are one
_PACKED = {"zip", "gzip", "pdf", "xz", "bzip2"}
_PIECE = re.compile(r"[0-9_+/=%&]|[a-z][A-Z]|[A-Z]{2}")
_CLOSING = ".,;:!?)>]}'\""
_LONG_LINE = 60
_SOLID = 40
_SHORTEST = 3  # characters of a piece
_NEAR = 200  # characters of a line that are looked at

_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
# Characters as classes: "a" for those of base64, " " for blanks. Two searches in it tell whether a slow pattern can fit at all.
_CLASSES = bytes(97 if bytes((c,)).isalnum() or c in b"+/_-" else 32 if c in b" \t" else 46 for c in range(256))
_RUN_CLASS, _SPACED_CLASS = b"a" * 24, re.compile(b" a a a")  # a pattern that begins with a rare byte outruns bytes.find
# Line ends where a value may run on: the line below begins with more than a plain word, the one above is full, flowed or continued;
# or the one above is one long token. `_is_cut` has the last word.
_UNPARTED = r"""[!#-+\--:=?-z~]"""  # printable, without what parts the cells of a row: `,` `;` `|` quotes, brackets of markup
_IS_UNPARTED = re.compile(_UNPARTED + "+")
_SIGNS = r"""[.,;:!?'"()<>*#-]*+"""
_CLOSED = r"""(?:(?<=[.,;:!?)>\]}'"]\n)|(?<=[.,;:!?)>\]}'"]\r\n))"""  # `_CLOSING` before the line end


def _next_line(above: str) -> re.Pattern[str]:
    return re.compile(
        rf"\n{above}(?=[^\S\n]*+{_SIGNS}[A-Z]?+[a-z]*+{_SIGNS}[!-~])"
        rf"(?:(?<=[^\n]{{{_LONG_LINE}}}\n)|(?<=[ =]\n)|(?<=[ =]\r\n))"
        rf"(?=[^\S\n]*+(?!--)(?=[!-~]{{{_SHORTEST}}})[!-~]*?(?:{_PIECE.pattern}))"
    )


_NEXT_LINE, _BEHIND_CLOSED = _next_line(f"(?!{_CLOSED})"), _next_line(_CLOSED)
_SOLID_LINE = re.compile(rf"\n[^\S\n]*+{_UNPARTED}{{{_SOLID},}}+[^\S\n]*+(?=\n)")


def with_views(text: Text, depth: int) -> Iterator[Item]:
    """A text, then what it says once folded, closed up, joined, or decoded by guess: only what differs."""
    yield text
    plain = _folded(text.text)
    if plain is not text.text and plain != text.text:
        yield Text(text.part, "folded", plain, text.guessed)
    classes = _classes(plain)
    if _SPACED_CLASS.search(classes):
        closed = _SPACED.sub(lambda run: re.sub(r"[ \t\u00a0]", "", run[0]), plain)
        if closed != plain:
            yield Text(text.part, "closed", closed, guessed=True)
    whole = plain if text.view in _UNFOLDED else joined(plain)
    if whole is not plain and whole != plain:
        yield Text(text.part, "joined", whole, guessed=True)
        classes = _classes(whole)
    if "=" in plain and _SOFT_BREAK.search(plain):
        unquoted = binascii.a2b_qp(re.sub(r"=[ \t]{1,20}(?=\r?\n)", "=", plain).encode("utf-8", "replace"))
        yield Text(text.part, "quoted-printable", decoded(unquoted)[0], guessed=True)
    if _RUN_CLASS in classes:
        signed = _SIGNATURES if text.view in _UNFOLDED else ()
        yield from _base64_views(text.part, whole, classes, depth, signed)


def _classes(text: str) -> bytes:
    return text.encode("ascii", "replace").translate(_CLASSES)


def _folded(text: str) -> str:
    """Without invisible characters; blanks, full-width and mathematical letters as plain ones (NFKC)."""
    if text.isascii() and "\x00" not in text:
        return text
    unusual = text.encode("utf-8", "surrogatepass").translate(None, _PLAIN).decode("utf-8", "surrogatepass")
    if not _FOLDED.search(unusual):
        return text
    return _WIDE_FORMS.sub(lambda run: unicodedata.normalize("NFKC", run[0]), _INVISIBLE.sub("", text))


def joined(text: str, *, everywhere: bool = False) -> str:
    """The text without quote prefixes, and with values joined that a line end cuts in two.

    Calendar and card files are unfolded (RFC 5545 section 3.1). Elsewhere two lines are joined only if both pieces look
    like pieces of a key or URL, and the first line is full, flowed (RFC 3676) or continued; `everywhere`: any line.
    """
    if ">" in text and (text.startswith((">", " >", "\t>")) or "\n>" in text or "\n >" in text or "\n\t>" in text):
        text = _QUOTE.sub("\n", "\n" + text)[1:]
    if "\n" not in text:
        return text
    if text[:400].lstrip()[:6].upper() == "BEGIN:":
        return re.sub(r"\r?\n[ \t]", "", text)
    out: list[str] = []
    at = 0
    for end in _line_ends(text, everywhere=everywhere):
        if _is_cut(text, end, everywhere=everywhere):
            out.append(text[at:end].strip() if at else text[:end].rstrip())
            at = end + 1
    return "".join([*out, text[at:].lstrip()]) if out else text


def _line_ends(text: str, *, everywhere: bool) -> Iterable[int]:
    """Offsets of the line ends where `_is_cut` can say yes, in order."""
    if everywhere:
        return (found.start() for found in re.finditer("\n", text))
    ends = {found.start() for found in _NEXT_LINE.finditer(text)}
    if "://" in text:  # only a link may run on behind a closing sign
        closed = (found.start() for found in _BEHIND_CLOSED.finditer(text))
        ends.update(end for end in closed if text.rfind("://", text.rfind("\n", 0, end) + 1, end) >= 0)
    ends.update(found.end() - 1 for found in _SOLID_LINE.finditer("\n" + text))
    return sorted(ends)


def _is_cut(text: str, end: int, *, everywhere: bool) -> bool:
    """Whether a value seems to run on over the line end at `end`."""
    start = text.rfind("\n", 0, end) + 1
    stop = end - text.endswith("\r", start, end)
    if not (everywhere or stop - start >= _LONG_LINE or text.endswith((" ", "="), start, stop)):
        return False
    last = text[max(start, stop - _NEAR) : stop].rsplit(None, 1)[-1:]
    first = text[end + 1 : end + 1 + _NEAR].partition("\n")[0].split(None, 1)[:1]
    if not last or not first:
        return False
    left, right = last[0], first[0]
    if (left[-1] in _CLOSING and "://" not in left) or left.startswith("--") or right.startswith("--"):
        return False
    both = left + right
    if not (both.isascii() and both.isprintable()) or len(left) < _SHORTEST or len(right) < _SHORTEST:
        return False
    if len(left) >= _SOLID and left == text[start:stop].strip() and _IS_UNPARTED.fullmatch(left):
        return True
    return bool(_PIECE.search(left) and _PIECE.search(right))


def _base64_views(part: str, text: str, classes: bytes, depth: int, signed: tuple[str, ...]) -> Iterator[Item]:
    """Base64-looking runs decoded once: text on lines of one view, formats that can be read as further parts.

    `classes` are those of the text: a run is looked for where they tell that one begins. Lines that begin with one of
    `signed` hold digests and signatures only.
    """
    found: list[str] = []
    inner: list[bytes] = []
    count = at = 0
    behind = -1  # where the last run ended, if that was no text
    while (at := classes.find(_RUN_CLASS, at)) >= 0 and (match := _RUN.match(text, at)):
        if signed and text.startswith(signed, text.rfind("\n", 0, at) + 1):
            at = text.find("\n", at) + 1 or len(text)
            continue
        if count >= _RUNS:
            yield Unread(part, f"more than {_RUNS} base64 runs: the rest was not decoded")
            break
        start, run, at, count = at, match[0], match.end(), count + 1
        if run.islower() or run.isdigit():
            continue
        piece = run.encode("ascii").translate(_STANDARD_ALPHABET, b"\r\n=")
        data = unbase64(piece)
        goes_on = 0 <= behind >= start - _GAP and text[behind:start].isspace()  # a signature or key over several runs
        if signature(data) in _PACKED:
            inner.append(data)
        elif said := _readable_run(piece, data, labelled=not goes_on and not text.startswith("=", start - 1)):
            found.append(said)
        else:
            behind = at
    if found:
        yield Text(part, "base64", "\n".join(found), guessed=True)
    for data in inner:
        yield Part(f"{part}/base64", "", data, depth=depth + 1)


def _readable_run(piece: bytes, data: bytes, *, labelled: bool) -> str:
    """What a run says; of a short one also without its first one, two or three letters, where a label may be glued on."""
    for shift in (0, 1, 2, 3) if labelled and len(piece) < _SHORT_RUN else (0,):
        data = unbase64(piece[shift:]) if shift else data
        text = data.decode("utf-8", "replace")
        # random bytes end here, by far the most
        is_open = 20 * text.count("\ufffd") <= 3 * len(text) or 4 * data.count(0, 0, 4096) + 8 > min(len(data), 4096)
        if is_open and (said := readable(data)):
            return said
    return ""
