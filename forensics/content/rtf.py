"""Rich Text Format: what a person reads, what stands beside it, and the HTML that Outlook wraps in it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from forensics.decoding import signature
from forensics.mapi import codec_of
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader
from forensics.tabular import laid_out

__all__ = ["READER"]

_START = re.compile(rb"(?:\xef\xbb\xbf)?[\s\x00]{0,64}\{\\rt")
_LEVELS = 5_000  # of groups; deeper ones are read in the state of their parent
_FONTS = 10_000
_FALLBACK = 8  # characters that may stand for one \u: a larger \uc would hide text
_TOKENS_A_LOOK = 4_096  # between two looks at the clock
_CELL, _ROW = "\x1f", "\x1e"  # taken out of the evidence's text before they are used here
_CONTROLS = dict.fromkeys((0, 0x1E, 0x1F))

_WRITTEN = {
    "par": "\n", "line": "\n", "sect": "\n", "page": "\n", "column": "\n", "softline": "\n", "lbr": "\n", "tab": "\t",
    "cell": _CELL, "nestcell": _CELL, "row": _ROW, "nestrow": _ROW, "trowd": _ROW,
    "emdash": "\u2014", "endash": "\u2013", "bullet": "\u2022", "lquote": "\u2018", "rquote": "\u2019", "ldblquote": "\u201c",
    "rdblquote": "\u201d", "emspace": " ", "enspace": " ", "qmspace": " ",
}  # fmt: skip
_SYMBOLS = {"~": " ", "_": "-", "\n": "\n", "\r": "\n", "\t": "\t", "\\": "\\", "{": "{", "}": "}"}
_CHARACTER_SETS = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
# \fcharsetN of the font table to a code page
_FONT_CODES = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
# Where the text of a destination goes. An ignorable one that is not listed goes beside the text: programs hide much in them.
_SHOWN, _APART, _BESIDE, _HTML, _FONT_TABLE, _OBJECT, _GONE = "shown", "apart", "beside", "html", "fonts", "object", "gone"
_PLACES = {
    **dict.fromkeys(
        ("colortbl", "stylesheet", "listtable", "listoverridetable", "rsidtbl", "themedata", "colorschememapping",
         "latentstyles", "datastore", "generator", "xmlnstbl", "mmathPr", "pnseclvl", "panose", "falt", "blipuid", "nonshppict",
         "pict", "mhtmltag", "pgptbl", "wgrffmtfilter", "objclass", "passwordhash"),
        _GONE,
    ),
    **dict.fromkeys(
        ("fldinst", "info", "title", "subject", "author", "manager", "company", "operator", "category", "keywords", "comment",
         "doccomm", "hlinkbase", "propname", "staticval", "sn", "sv", "bkmkstart", "filetbl", "revtbl", "datafield"),
        _BESIDE,
    ),
    **dict.fromkeys(
        ("shptxt", "annotation", "footnote", "header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf",
         "ftnsep", "ud"),
        _APART,
    ),
    "fonttbl": _FONT_TABLE, "objdata": _OBJECT, "htmltag": _HTML,
}  # fmt: skip
_UNREAD = {_GONE, _FONT_TABLE}
# stay in the line of their surroundings although they are ignorable
_INLINE = {"shppict", "result", "fldrslt", "listtext", "pntext", "nesttableprops"}
_READING = {"uc", "u", "f", "plain", "fcharset", "cpg", "ansicpg", "htmlrtf", "fromhtml", "bin", *_CHARACTER_SETS}


def _alternatives(words: Iterable[str]) -> str:
    """A pattern for any of the words, by first letter: most words that are looked up are none of them."""
    letters = groupby(sorted(words), key=lambda word: word[0])
    return "|".join(f"{letter}(?:{'|'.join(word[1:] for word in some)})" for letter, some in letters)


# Rich Text Format 1.9.1, "RTF syntax": control word with its one delimiting blank, \'hh, control symbol, brace, text.
# Words that only change how text looks are half of a file: any number of them is one token.
_WORD = r"[A-Za-z]{1,32}+(?:-?[0-9]{1,10}+)?+[ ]?+"
_KNOWN = _alternatives({*_WRITTEN, *_PLACES, *_INLINE, *_READING})
_TOKEN = re.compile(
    rf"([^\\{{}}\r\n]+)|((?:\\(?!(?:{_KNOWN})(?![A-Za-z])){_WORD})+)|\\([A-Za-z]{{1,32}}+)(-?[0-9]{{1,10}}+)?[ ]?"
    rf"|\{{[\r\n]*+(?:\\\*[\r\n]*+)++\\([A-Za-z]{{1,32}}+)(-?[0-9]{{1,10}}+)?[ ]?|([{{}}])|\\'([0-9A-Fa-f]{{2}})|\\(.)|[\r\n]+|\\",
    re.DOTALL,
)
_RUN, _LOOKS, _ANY_WORD, _NUMBER, _IGNORABLE, _ITS_NUMBER, _BRACE, _CODE, _SYMBOL = range(1, 10)


class _State(NamedTuple):
    """What a group inherits and gives back at its end."""

    place: str = _SHOWN
    fallback: int = 1  # \uc: characters that follow a \u for old readers
    codec: str = ""  # of the font; "" is the document's
    rtf_only: bool = False  # \htmlrtf: not part of the HTML that is wrapped in


@dataclass(slots=True)
class _Document:
    """A document as it is read: its texts so far, and the state of the open groups."""

    shown: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)  # what would cut the text in two: footnotes, boxes, headers and footers
    beside: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    objects: list[list[str]] = field(default_factory=list)  # hexadecimal digits
    pictures: int = 0
    state: _State = field(default_factory=_State)
    groups: list[_State] = field(default_factory=list)
    deeper: int = 0  # open groups past the bound
    codec: str = "cp1252"
    fonts: dict[int, str] = field(default_factory=dict)
    font: int = -1  # of the font table, the one that is described
    wraps_html: bool = False
    pending: bytearray = field(default_factory=bytearray)  # bytes of one charset: a character may take two tokens
    skipping: int = 0
    opens: bool = False  # the next word is a group's first

    def brace(self, brace: str) -> None:
        if self.pending:
            self.flush()
        self.skipping = 0
        self.opens = brace == "{"
        if brace == "{" and len(self.groups) < _LEVELS:
            self.groups.append(self.state)
        elif brace == "{":
            self.deeper += 1
        elif self.deeper:
            self.deeper -= 1
        elif self.groups:
            self.state = self.groups.pop()

    def run(self, text: str) -> None:
        if self.skipping:
            skipped = min(self.skipping, len(text))
            self.skipping -= skipped
            text = text[skipped:]
        self.opens = False
        place = self.state.place
        if place == _OBJECT:
            self.objects[-1].append(text)
        elif place not in _UNREAD:
            if not self.pending and text.isascii() and (self.state.codec or self.codec).startswith("cp12"):
                self.write(text if text.isprintable() else text.translate(_CONTROLS))  # the same, sooner
            else:
                self.pending += text.encode("latin-1")

    def code(self, digits: str) -> None:
        self.opens = False
        if self.skipping:
            self.skipping -= 1
        elif self.state.place not in {_GONE, _FONT_TABLE, _OBJECT}:
            self.pending.append(int(digits, 16))

    def symbol(self, symbol: str) -> None:
        self.opens = False
        if self.skipping:
            self.skipping -= 1
        elif symbol in "\\{}":
            self.run(symbol)
        else:
            self.flush()
            if symbol in _SYMBOLS:
                self.write(_SYMBOLS[symbol])

    def looks(self, words: str) -> None:
        """Words that change only how text looks."""
        self.opens = False
        if self.pending:
            self.flush()
        if self.skipping:
            self.skipping = max(self.skipping - words.count("\\"), 0)

    def word(self, word: str, number: int | None, *, ignorable: bool = False) -> int:
        """Follow a control word; how many raw bytes come behind it, which only `bin` says."""
        opens, self.opens = self.opens, False
        if self.pending:
            self.flush()
        if word == "bin":
            return max(number or 0, 0)
        if self.skipping:
            self.skipping -= 1
        elif opens and (ignorable or word in _PLACES) and word not in _INLINE:
            self.enter(word)
        elif word in _WRITTEN:
            self.write(_WRITTEN[word])
        elif word == "u" and number is not None:
            self.unicode(number)
        else:
            self.format(word, number)
        return 0

    def enter(self, word: str) -> None:
        """Open a destination. What lies in one that is not read is not read either."""
        if self.state.place in {_GONE, _OBJECT}:
            return
        place = _PLACES.get(word, _BESIDE)
        if place == _HTML and not self.wraps_html:
            place = _BESIDE
        if word == "pict":
            self.pictures += 1
        elif place == _OBJECT:
            self.objects.append([])
        elif place == _BESIDE:
            self.beside.append("\n")
        elif place == _APART:
            self.apart.append("\n")
        _, fallback, codec, rtf_only = self.state
        self.state = _State(place, fallback, codec, rtf_only)

    def format(self, word: str, number: int | None) -> None:
        """Words that change how the bytes behind them are read; all others only change how text looks."""
        if word == "uc":
            self.state = self.state._replace(fallback=min(max(number or 0, 0), _FALLBACK))
        elif word == "f" and number is not None:
            self.font = number
            self.encode(self.fonts.get(number, ""))
        elif word == "plain":
            self.encode("")
        elif word in {"fcharset", "cpg"} and self.state.place == _FONT_TABLE and number is not None:
            known = _FONT_CODES.get(number, "") if word == "fcharset" else codec_of(number)
            if known and len(self.fonts) < _FONTS:
                self.fonts[self.font] = known
        elif word == "ansicpg":
            self.codec = codec_of(number or 0) or self.codec
        elif word in _CHARACTER_SETS:
            self.codec = _CHARACTER_SETS[word]
        elif word == "htmlrtf" and self.state.rtf_only is (number == 0):
            place, fallback, codec, _ = self.state
            self.state = _State(place, fallback, codec, number != 0)
        elif word == "fromhtml":
            self.wraps_html = number != 0

    def encode(self, codec: str) -> None:
        if codec != self.state.codec:
            self.state = self.state._replace(codec=codec)

    def unicode(self, number: int) -> None:
        """One UTF-16 unit, written as a signed number of 16 bits."""
        number += 0x10000 if number < 0 else 0
        if 0 <= number <= 0x10FFFF:  # noqa: PLR2004  the last code point
            self.write(chr(number))
        self.skipping = self.state.fallback

    def flush(self) -> None:
        if self.pending:
            text = self.pending.decode(self.state.codec or self.codec, "replace")
            self.pending.clear()
            self.write(text if text.isprintable() else text.translate(_CONTROLS))

    def write(self, text: str) -> None:
        place = self.state.place
        if place == _SHOWN:
            self.shown.append(text)
            if self.wraps_html and not self.state.rtf_only and text not in {_CELL, _ROW}:
                self.html.append(text)
        elif place == _APART:
            self.apart.append(text)
        elif place == _BESIDE:
            self.beside.append(text)
        elif place == _HTML:
            self.html.append(text)


def _accepts(part: Part) -> bool:
    return bool(_START.match(part.data[:128]))


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    """The text, field instructions and properties beside it, wrapped HTML as a part, and what is embedded."""
    document, whole = _walked(part.data, time.monotonic() + limits.seconds)
    yield Text(part.path, "rtf", "".join(_laid_out(_united(pieces)) for pieces in (document.shown, document.apart)))
    beside = "\n".join(line for line in _united(document.beside).split("\n") if line.strip(" ;"))
    if beside:
        yield Text(part.path, "source", beside)
    if document.html:
        markup = _united(document.html).encode("utf-8", "replace")
        yield Part(f"{part.path}/text/html", "text/html", markup, charset="utf-8", depth=part.depth + 1)
    if document.pictures:
        yield Unread(part.path, f"{document.pictures} embedded picture(s): not examined")
    for number, digits in enumerate(document.objects, 1):
        yield from _embedded(part, number, "".join(digits))
    if not whole:
        yield Unread(part.path, f"over the limit of {limits.seconds:g} seconds a message: the rest was not examined")


def _walked(data: bytes, ends: float) -> tuple[_Document, bool]:
    """The document, and whether there was time to read all of it. Linear; ill-nested groups are followed as they stand."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    document, at, count, behind = _Document(), 0, 0, 1
    while behind:  # raw bytes, over which reading goes on
        behind = 0
        for token in _TOKEN.finditer(text, at):
            at, kind = token.end(), token.lastindex
            if kind == _RUN:
                document.run(token[_RUN])
            elif kind == _LOOKS:
                document.looks(token[_LOOKS])
            elif kind == _BRACE:
                document.brace(token[_BRACE])
            elif kind in (_ANY_WORD, _NUMBER):
                behind = document.word(token[_ANY_WORD], int(token[_NUMBER]) if kind == _NUMBER else None)
            elif kind == _CODE:
                document.code(token[_CODE])
            elif kind in (_IGNORABLE, _ITS_NUMBER):
                document.brace("{")
                number = int(token[_ITS_NUMBER]) if kind == _ITS_NUMBER else None
                behind = document.word(token[_IGNORABLE], number, ignorable=True)
            elif kind == _SYMBOL:
                document.symbol(token[_SYMBOL])
            count += 1
            if behind or (count % _TOKENS_A_LOOK == 0 and time.monotonic() > ends):
                break
        at += behind
    document.flush()
    return document, at >= len(text)


def _united(pieces: list[str]) -> str:
    """One text; two halves of a character beyond the first plane become one."""
    text = "".join(pieces)
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _laid_out(text: str) -> str:
    """Rows on lines of their own, with what names their cells."""
    if _CELL not in text and _ROW not in text:
        return text
    rows = [[cell.strip(" \t\n") for cell in row.split(_CELL)] for row in text.split(_ROW)]
    return laid_out([row if len(row) > 1 else row[0] for row in rows])


def _embedded(part: Part, number: int, digits: str) -> Iterator[Part | Unread]:
    """An OLE object: told as unread, and read as far as a known format lies in it ([MS-OLEDS] puts a header before it)."""
    path = f"{part.path}/object-{number}"
    yield Unread(path, "embedded object: not examined")
    digits = re.sub(r"[^0-9A-Fa-f]+", "", digits)
    data = bytes.fromhex(digits[: len(digits) & ~1])
    found = [at for magic in _MAGIC if (at := data.find(magic)) >= 0]
    if found and signature(data[min(found) :]):
        yield Part(path, "", data[min(found) :], depth=part.depth + 1)


_MAGIC = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04", b"%PDF-")

READER = Reader("rtf", "Rich text", _accepts, _read)
