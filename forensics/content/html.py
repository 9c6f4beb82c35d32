"""HTML as a person reads it, and beside it what a person does not see."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from forensics.decoding import Remembered, decoded, is_text, unescaped
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader
from forensics.tabular import laid_out

__all__ = ["READER"]


_START = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,200}-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE
)
_TYPES = {"text/html", "text/x-amp-html", "application/xhtml+xml", "text/x-html"}
_SUFFIXES = (".html", ".htm", ".xhtml", ".shtml")

_TAG = re.compile("<([^>]*+)>")
_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9:-]{0,30})")
_QUOTES = re.compile("=\\s{0,20}([\"'])|[\"']")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]{1,80})\s{0,20}=\s{0,20}(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""")
_PLAIN = re.compile(r"""(/?)([A-Za-z][A-Za-z0-9:-]{0,30})((?: [^\s"'<>/=&]{1,80}+="[^"]*+")*+)\s*+/?""")
_EMPTY = re.compile(r""" [^\s"'<>/=&]{1,80}+="\"""")  # of a plain tag: no value holds a quote
_CHARSET = re.compile(rb"""<meta[^>]{1,200}charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_DATA_URI = re.compile(r"data:([a-z]{1,20}/[a-z0-9.+-]{1,80})?((?:;[^,;]{0,60}){0,4}),", re.IGNORECASE)
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "details", "dir", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr",
    "html", "li", "main", "nav", "ol", "option", "p", "section", "select", "summary", "table", "tbody", "tfoot", "thead",
    "title", "ul",
))  # fmt: skip
_INLINE_ELEMENTS = frozenset((
    "a", "abbr", "acronym", "applet", "area", "audio", "b", "base", "basefont", "bdi", "bdo", "big", "blink", "button", "canvas",
    "caption", "circle", "cite", "code", "col", "colgroup", "data", "datalist", "defs", "del", "dfn", "dialog", "ellipse", "em",
    "embed", "font", "frame", "frameset", "g", "hgroup", "i", "iframe", "image", "img", "input", "ins", "isindex", "kbd",
    "label", "legend", "line", "link", "map", "mark", "marquee", "math", "menu", "meta", "meter", "nobr", "noembed",
    "noframes", "noscript", "object", "optgroup", "output", "param", "path", "picture", "polygon", "polyline", "progress",
    "q", "rect", "rp", "rt", "ruby", "s", "samp", "search", "slot", "small", "source", "span", "strike", "strong", "sub",
    "sup", "svg", "symbol", "td", "template", "text", "th", "time", "track", "tspan", "tt", "u", "use", "var", "video",
    "wbr", "xml",
))  # fmt: skip
_FLAGS = frozenset((
    "/", "allowfullscreen", "amp4email", "async", "autofocus", "autoplay", "checked", "compact", "controls", "defer", "disabled",
    "hidden", "inert", "ismap", "loop", "multiple", "muted", "nohref", "noresize", "noshade", "nowrap", "open", "readonly",
    "required", "reversed", "selected", "⚡4email",
))  # fmt: skip
_INVISIBLE = "\u00ad\u034f\u180e\u200b\u200c\u200d\u2060\ufeff"
_EXTENSIONS = 20  # of a tag past a `>` that seems to stand inside quotes
_DATA_URIS = 200

# What stands for a tag among the text that is shown, until that is laid out: a line's, a cell's, a row's end, or nothing.
_LINE, _INLINE, _CELL, _ROW = "\x1c", "\x1d", "\x1f", "\x1e"
_VERBATIM, _FOLDED = "\x00\x1d", "\x00\x1c"  # line ends, from which on blanks count, or no longer do
_OPENING = {
    **dict.fromkeys(_INLINE_ELEMENTS, _INLINE),
    **dict.fromkeys(_BLOCKS, _LINE),
    "tr": _ROW,
    "pre": _VERBATIM,
    "textarea": _VERBATIM,
    "script": "",
    "style": "",
}
_CLOSING = {**_OPENING, "td": _CELL, "th": _CELL, "pre": _FOLDED, "textarea": _FOLDED, "script": _INLINE, "style": _INLINE}
_ODD = ("", "")  # no mark: cannot be read by itself, as it does not end here or as what follows belongs to it
_MARKS = "\x00\x1c\x1d\x1e\x1f"
_UNMARKED = str.maketrans(dict.fromkeys(_MARKS, "\u200b"))  # what the evidence has of them is invisible as well
_GAP = re.compile("([ \t\r\f\x1c-\x1f](?:(?<! )|[ \t\r\f\x1c-\x1f])[ \t\r\f\x1c-\x1f]*+)")  # all but a single blank


def _accepts(part: Part) -> bool:
    if part.media_type.startswith(("message/", "multipart/")) or not is_text(part):
        return False
    return (
        part.media_type in _TYPES
        or part.name.lower().endswith(_SUFFIXES)
        or bool(_START.match(part.data[:1024].lstrip(b"\xef\xbb\xbf")))
    )


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    declared = None if part.charset else _CHARSET.search(part.data[:4096])
    markup, guessed = decoded(part.data, declared[1].decode("ascii") if declared else part.charset)
    shown, source = _split(markup)
    yield Text(part.path, "html", _laid_out(shown), guessed)
    embedded: list[Part | Unread] = []
    text = "\n".join(source)
    if b"data:" in text.encode("utf-8", "surrogatepass").lower():
        text = "\n".join(_without_data_uris(line, part, limits, embedded) for line in source)
    if text:
        yield Text(part.path, "source", text, guessed)
    yield from embedded


# ---------------------------------------------------------------------------------------------------------------- tags


def _split(markup: str) -> tuple[str, list[str]]:
    """What is shown, with marks in place of tags, and what is not, in lines: attributes, comments, scripts, styles.

    Nearly every tag ends at its first `>` and can be read by itself: those are looked up all at once, the odd ones are read
    one after the other. Linear in the length: an end that was searched for once and not found is not searched for again.
    """
    plain = markup.translate(_UNMARKED) if any(map(markup.__contains__, _MARKS)) else markup
    last = markup.rfind(">") + 1  # no tag ends behind it
    pieces = _TAG.split(markup[:last])  # text, tag, text, ..., text
    texts = pieces if plain is markup else _TAG.split(plain[:last])
    marks, lines = zip(*map(_TAGS.__getitem__, pieces[1::2]), _ODD, strict=True)
    shown, source, endless = [texts[0]], list[str](), set[str]()
    at, here = 0, len(pieces[0])  # number and offset of a tag
    start = here
    while start < last:
        while here < start:
            here += len(pieces[2 * at + 1]) + len(pieces[2 * at + 2]) + len("<>")
            at += 1
        if here == start and marks[at]:
            odd = marks.index("", at)
            run = texts[2 * at + 1 : 2 * odd + 1]
            start += sum(map(len, run)) + len(run)  # two brackets for a tag and its text
            run[::2] = marks[at:odd]
            shown += run
            source += lines[at:odd]
            at, here = odd, start
        else:
            mark, hidden, end = _odd(markup, start, endless)
            start = markup.find("<", end)
            start = len(markup) if start < 0 else start
            shown += (mark, plain[end:start])
            source += hidden
    shown.append(plain[start:])
    return "".join(shown), list(filter(None, source))


def _by_itself(tag: str) -> tuple[str, str]:
    """Mark and hidden line of what stands between `<` and the next `>`; no mark if that is not the whole of it."""
    plain = None if "&#" in tag else _PLAIN.fullmatch(tag)  # a number may stand for nothing at all
    if plain and (plain[3] or plain[2].lower() in _OPENING):  # `_whole` says the same of these, slowly
        closes, word, line = plain.groups()
        if '=""' in line:
            line = _EMPTY.sub("", line)
        return (_CLOSING if closes else _OPENING).get(word.lower(), _INLINE), unescaped(line[1:])
    if tag.startswith("!--"):
        return (_INLINE, tag[3:-2].strip()) if tag.endswith("--") and len(tag) >= len("!----") else _ODD
    name = _NAME.match(f"<{tag}")
    if (name is None and not tag.startswith(("!", "?"))) or _quote(tag, 0, len(tag), ""):
        return _ODD
    return _whole(f"<{tag}>", name[1].lower() if name else "")


def _odd(markup: str, start: int, endless: set[str]) -> tuple[str, list[str], int]:
    """Mark, hidden lines and end of what begins at a `<` before some `>`: tag, comment, script, style, or just a character."""
    name = _NAME.match(markup, start)
    if name is None and not markup.startswith(("<!", "<?"), start):
        return "<", [], start + 1
    if markup.startswith("<!--", start) and "-->" not in endless:
        end = markup.find("-->", start + 4)
        if end >= 0:
            return _INLINE, [markup[start + 4 : end].strip()], end + 3
        endless.add("-->")
    end = _tag_end(markup, start)
    word = name[1].lower() if name else ""
    mark, line = _whole(markup[start:end], word)
    if mark or word in endless:
        return mark or _INLINE, [line], end
    close = _close(markup, end, word)
    if close < 0:
        endless.add(word)  # never closed: shown, so that nothing hides behind it
        return _INLINE, [line], end
    return _INLINE, [line, markup[end:close].strip()], close


def _tag_end(markup: str, start: int) -> int:
    """Offset after the tag's `>`; there is one. A `>` inside quotes does not count, if the quotes end soon enough."""
    end = first = markup.find(">", start) + 1
    quote, at = "", start
    for _ in range(_EXTENSIONS):
        quote = _quote(markup, at, end, quote)
        if not quote:
            return end
        at, end = end, markup.find(">", end) + 1
        if not end:
            break
    return first


def _quote(markup: str, start: int, end: int, quote: str) -> str:
    """The quote that is open at the end of a piece of a tag, or ""; `quote` was open at its start."""
    for mark in _QUOTES.finditer(markup, start, end):
        if not quote:
            quote = mark[1] or ""  # only behind `=`: an apostrophe elsewhere opens nothing
        elif mark[0][-1] == quote:
            quote = ""
    return quote


def _close(markup: str, start: int, word: str) -> int:
    """Offset of the next `</script` or `</style`, or -1."""
    at = markup.find("</", start)
    while at >= 0 and markup[at + 2 : at + 2 + len(word)].lower() != word:
        at = markup.find("</", at + 2)
    return at


def _whole(tag: str, word: str) -> tuple[str, str]:
    """Mark and hidden line of a tag whose end is known. What a quote without end swallowed is kept as it stands."""
    closes = tag.startswith("</")
    line = ""
    if ">" in tag[:-1]:
        line = tag
    elif not word or _is_no_markup(word, tag[1 + closes + len(word) : -1]):
        line = unescaped(tag[1:-1]).strip()
    elif "=" in tag:
        line = _attributes(tag, word)
    return (_CLOSING if closes else _OPENING).get(word, _INLINE), line


def _is_no_markup(word: str, rest: str) -> bool:
    """Whether a tag holds what somebody wrote between angle brackets, `<https://app.example/x>`, `<hunter2>`: no browser shows it."""
    if rest.strip("/ ") and not rest[0].isspace():
        return True
    if "=" not in rest and ":" not in word and not word.startswith("amp-") and word not in _OPENING:
        return True
    return not _FLAGS.issuperset(_ATTRIBUTE.sub(" ", rest).lower().split())


def _attributes(tag: str, word: str) -> str:
    """A tag's attributes on one line, so that a field's name stays near its value."""
    found = _ATTRIBUTE.findall(tag, len(word) + 1)
    return " ".join([f'{name}="{value}"' for name, *values in found if (value := unescaped("".join(values)))])


# -------------------------------------------------------------------------------------------------------------- layout


def _laid_out(marked: str) -> str:
    """Rows on lines of their own, with what names their cells."""
    return laid_out([row.split(_CELL) if _CELL in row else row for row in _spaced(marked).split(_ROW)])


def _spaced(marked: str) -> str:
    """The text with blanks as a person sees them: one at most, none at the ends of lines, cells and rows, no empty line."""
    text = unescaped(marked)  # marks end a reference, so that tags cut it as they should
    if not text.isascii():
        for character in _INVISIBLE:
            text = text.replace(character, "")
        text = text.replace("\u00a0", " ")
    pieces = _GAP.split(_breaking(text))
    pieces[1::2] = map(_GAPS.__getitem__, pieces[1::2])
    return "".join(pieces).strip(f" \t\r\f\n{_CELL}{_ROW}")


def _breaking(text: str) -> str:
    """The text with line ends as blanks; inside `pre` and `textarea` they break the line."""
    sections = text.split("\x00")
    depth = 0
    for number, section in enumerate(sections):
        if number:
            depth = max(depth + (1 if section[0] == _VERBATIM[1] else -1), 0)
        if depth:
            sections[number] = section.replace("\n", _LINE)
        else:
            sections[number] = section.replace("\n", " ").replace("\t", " ").replace("\r", " ").replace("\f", " ")
    return _LINE.join(sections)


def _gap(gap: str) -> str:
    """The strongest of the marks and blanks between two words."""
    row = gap.rfind(_ROW)
    if row >= 0:
        return _ROW + _CELL * gap.count(_CELL, row)  # cells that are empty keep their place
    if _CELL in gap:
        return _CELL * gap.count(_CELL)
    return "\n" if _LINE in gap else re.sub("  +", " ", gap.replace(_INLINE, ""))


# ------------------------------------------------------------------------------------------------------------ data URIs


def _without_data_uris(line: str, part: Part, limits: Limits, embedded: list[Part | Unread]) -> str:
    """The line with each `data:` URI (RFC 2397) cut out and kept as a part."""
    if "data:" not in line[: limits.member_bytes].lower():
        return line
    out, at = [], 0
    for uri in _DATA_URI.finditer(line):
        if uri.start() < at:
            continue
        ending = re.compile(r"[\s\"'<>)]").search(line, uri.end())
        end = ending.start() if ending else len(line)
        out.append(line[at : uri.end()])
        at = end
        if len(embedded) > _DATA_URIS:
            continue
        if len(embedded) == _DATA_URIS:
            embedded.append(Unread(part.path, f"more than {_DATA_URIS} data URIs: the rest was not examined"))
            continue
        data = unquote_to_bytes(line[uri.end() : end])
        if ";base64" in uri[2].lower():
            data = _from_base64(data)
        embedded.append(
            Part(f"{part.path}/data-{len(embedded) + 1}", (uri[1] or "text/plain").lower(), data, depth=part.depth + 1)
        )
    return "".join([*out, line[at:]])


def _from_base64(data: bytes) -> bytes:
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    kept = kept[:-1] if len(kept) % 4 == 1 else kept
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


_TAGS = Remembered(_by_itself)
_GAPS = Remembered(_gap)

READER = Reader("html", "HTML, with what it hides", _accepts, _read)
