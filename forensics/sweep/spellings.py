"""How one indicator may be written, and the patterns that decide whether a place names it."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import idna

__all__ = ["FORMS", "Spelling", "form", "spellings"]

FORMS = {
    "plain": "as text, in upper and lower case; sub-domains; addresses with a plus-tag too; other letters than ASCII in UTF-8 or Latin-1, "
    "a domain with such letters also as xn--",
    "quoted-printable": "@, dot, plus and letters beyond ASCII as =40, =2E, =2B, =C3=B6, or cut by a soft line break",
    "percent": "@, dot, plus and letters beyond ASCII as %40, %2E, %2B, %C3%B6",
    "json": "@, dot, plus and letters beyond ASCII as \\u0040, \\u002E, \\u002B, \\u00F6",
    "html": "@, dot and letters beyond ASCII as numeric character references such as &#64;",
    "utf-16": "as UTF-16, both byte orders, in upper and lower case",
    "base64": "the domain in base64, lower case, at all three alignments, also across the line ends of a body; a local part beyond ASCII "
    "as an encoded word",
}
_ASCII = 0x80  # its end
_PROBE = 4  # bytes: shorter pieces of a name stand everywhere

_DOT = rb"(?:\.|[=%]2e|\\u002e|&#46;|&#x2e;)"
_AT = rb"(?:@|[=%]40|\\u0040|&#64;|&#x40;)"
_TAG = rb"(?:(?:\+|[=%]2b|\\u002b)[^\s@<>\"'\\=%&]{0,64}+)?"
_CODES = rb"(?:0[9ad]|2[0-9a-cef]|3[a-f]|40|5[b-e]|60|7[b-e])"  # of characters that may stand before a name
_ESCAPED = rb"(?<=[=%]" + _CODES + rb")|(?<=\\u00" + _CODES + rb")|(?<=\\[nrt])"
_RIGHT = rb"(?!-?[a-z0-9])(?!" + _DOT + rb"[a-z0-9])"  # a longer name is somebody else's
_WIDE_RIGHT = rb"(?!\x00(?:-\x00)?[a-z0-9])(?!\x00\.\x00[a-z0-9])"
_WIDE_TAGS = {"le": r"(?:\+\x00(?:[^\s@<>\"'\x00]\x00){0,64}+)?", "be": r"(?:\x00\+(?:\x00[^\s@<>\"'\x00]){0,64}+)?"}


@dataclass(frozen=True, slots=True)
class Spelling:
    """An indicator in one spelling: its domain as text, the pieces of which one is sought first, and the patterns that decide.

    `probes` and `wide_probes` stand in every place that a pattern matches, but for the case of their letters.
    """

    indicator: str
    domain: bytes
    probes: frozenset[bytes]
    wide_probes: frozenset[bytes]
    plain: re.Pattern[bytes]
    wide: re.Pattern[bytes]


def spellings(indicator: str) -> list[Spelling]:
    """An indicator in canonical form, and once more with the letters of its domain where that holds A-labels (RFC 5890)."""
    local, _, domain = indicator.rpartition("@")
    names = dict.fromkeys((domain, ".".join(map(_letters_of, domain.split(".")))))
    return [_spelling(indicator, local, name) for name in names]


def form(text: bytes) -> str:
    """The key of FORMS for what a plain pattern matched."""
    if b"?b?" in text.lower():
        return "base64"
    for mark, name in ((b"=", "quoted-printable"), (b"%", "percent"), (b"\\u", "json"), (b"&#", "html")):
        if mark in text:
            return name
    return "plain"


def _letters_of(label: str) -> str:
    try:
        return idna.ulabel(label) if label.startswith("xn--") else label
    except (UnicodeError, ValueError):
        return label


def _spelling(indicator: str, local: str, domain: str) -> Spelling:
    name = _dotted(domain)
    orders = (
        ("le",) if (local + domain).isascii() else ("le", "be")
    )  # of ASCII both are the same from the first letter to the last
    wide = "(?:" + "|".join(_wide_name(local, domain, order) for order in orders) + ")"
    if local:
        left, wide_left = rb"(?:(?<![a-z0-9._+-])|" + _ESCAPED + rb")", rb"(?<![a-z0-9._+-]\x00)"
        name = _local(local) + rb"(?:\\?\")?" + _AT + name
    else:
        left, wide_left = rb"(?:(?<![a-z0-9_-])|" + _ESCAPED + rb")", rb"(?<![a-z0-9_-]\x00)"
    runs = [run.encode() for run in re.findall(r"[a-z0-9-]+", domain)]
    longest = max((run for run in runs if domain.isascii() or len(run) >= _PROBE), key=len, default=b"")
    label = max(domain.split("."), key=len)
    return Spelling(
        indicator,
        domain.encode(),
        frozenset({longest} if longest else {one.encode() for one in _cases(label)}),
        frozenset(
            {_spread(longest)} if longest else {one.encode(f"utf-16-{order}") for one in _cases(label) for order in ("le", "be")}
        ),
        re.compile(left + name + _RIGHT, re.IGNORECASE),
        re.compile(wide_left + wide.encode("ascii") + _WIDE_RIGHT, re.IGNORECASE),
    )


def _spread(text: bytes) -> bytes:
    """ASCII with a NUL between any two bytes: what both byte orders of UTF-16 share."""
    return b"\0".join(bytes([one]) for one in text)


def _local(local: str) -> bytes:
    name = _dotted(local) + _TAG
    if local.isascii():
        return name
    word = re.escape(base64.b64encode(local.encode()))
    return rb"(?:" + name + rb"(?:\?=)?|=\?utf-8\?b\?(?-i:" + word + rb")\?=)"


def _dotted(text: str) -> bytes:
    return _DOT.join(b"".join(map(_letter, label)) for label in text.split("."))


def _cases(text: str) -> set[str]:
    """A text in small and capital letters, with composed and with separate accents."""
    return {unicodedata.normalize(how, one) for one in (text, text.lower(), text.upper()) for how in ("NFC", "NFD")}


def _letter(letter: str) -> bytes:
    """A pattern of one character in every plain form; ASCII has its case from the pattern's flag."""
    if letter.isascii():
        return re.escape(letter.encode())
    written = {one for text in _cases(letter) for one in _forms(text)}
    longest_first = sorted(written, key=lambda one: (-len(one), one))
    return b"(?:" + b"|".join(longest_first) + b")"


def _forms(text: str) -> Iterator[bytes]:
    for code in ("utf-8", "latin-1"):
        try:
            raw = text.encode(code)
        except UnicodeError:
            continue
        yield re.escape(raw)
        yield from (b"".join(_coded(one, mark) for one in raw) for mark in (b"=", b"%"))
    units = text.encode("utf-16-be")
    pairs = [units[at : at + 2] for at in range(0, len(units), 2)]
    yield b"".join(re.escape(pair[1:]) if pair < b"\0\x80" else rb"\\u" + pair.hex().encode() for pair in pairs)
    yield b"".join(re.escape(one.encode()) if one.isascii() else f"&#(?:{ord(one)}|x{ord(one):x});".encode() for one in text)


def _coded(octet: int, mark: bytes) -> bytes:
    return re.escape(bytes([octet])) if octet < _ASCII else mark + b"%02x" % octet


def _wide_name(local: str, domain: str, order: str) -> str:
    """A pattern of an address or domain in UTF-16, from the first letter to the last: the NUL beside an ASCII one is its neighbour's."""
    code = f"utf-16-{order}"
    pieces = [_wide_letter(letter, code) for letter in (f"{local}@{domain}" if local else domain)]
    if local:
        pieces.insert(len(local), _WIDE_TAGS[order])
    whole = "".join(pieces)
    return whole.removesuffix("\\x00") if order == "le" else whole.removeprefix("\\x00")


def _wide_letter(letter: str, code: str) -> str:
    texts = {letter} if letter.isascii() else _cases(letter)
    written = sorted("".join(f"\\x{one:02x}" for one in text.encode(code)) for text in texts)
    return written[0] if len(written) == 1 else f"(?:{'|'.join(written)})"
