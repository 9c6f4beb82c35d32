"""HTML as a person reads it, and beside it what a person does not see."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote_to_bytes

from forensics.content import decoded, is_text
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_START = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,200}-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE
)
_TYPES = {"text/html", "text/x-amp-html", "application/xhtml+xml", "text/x-html"}
_SUFFIXES = (".html", ".htm", ".xhtml", ".shtml")

_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9:-]{0,30})")
_QUOTES = re.compile("=\\s{0,20}([\"'])|[\"']")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]{1,80})\s{0,20}=\s{0,20}(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""")
_CHARSET = re.compile(rb"""<meta[^>]{1,200}charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_DATA_URI = re.compile(r"data:([a-z]{1,20}/[a-z0-9.+-]{1,80})?((?:;[^,;]{0,60}){0,4}),", re.IGNORECASE)
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "details", "dir", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr",
    "html", "li", "main", "nav", "ol", "option", "p", "pre", "section", "select", "summary", "table", "tbody",
    "textarea", "tfoot", "thead", "title", "ul",
))  # fmt: skip
_INVISIBLE = str.maketrans("", "", "\u00ad\u034f\u180e\u200b\u200c\u200d\u2060\ufeff\x00\x1c\x1d\x1e\x1f")
_CELL, _ROW = "\x1f", "\x1e"  # taken out of the evidence's text before they are used here
_EXTENSIONS = 20  # of a tag past a `>` that seems to stand inside quotes
_DATA_URIS = 200
_LABEL = 60  # characters of a label, at most


def _accepts(part: Part) -> bool:
    if not is_text(part) or part.media_type.startswith(("message/", "multipart/")):
        return False
    return (
        part.media_type in _TYPES
        or part.name.lower().endswith(_SUFFIXES)
        or bool(_START.match(part.data[:1024].lstrip(b"\xef\xbb\xbf")))
    )


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    declared = _CHARSET.search(part.data[:4096])
    charset = part.charset or (declared[1].decode("ascii") if declared else "")
    markup, guessed = decoded(part.data, charset)
    shown, source = _split(markup)
    yield Text(part.path, "html", _laid_out("".join(shown)), guessed)
    embedded: list[Part | Unread] = []
    text = "\n".join(_without_data_uris(line, part, limits, embedded) for line in source)
    if text:
        yield Text(part.path, "source", text, guessed)
    yield from embedded


def _split(markup: str) -> tuple[list[str], list[str]]:
    """What is shown, with cells and rows marked, and what is not: attributes, comments, scripts, styles.

    Linear in the length: an end that was searched for once and not found is not searched for again.
    """
    shown: list[str] = []
    source: list[str] = []
    at, verbatim, endless = 0, 0, set[str]()
    while (start := markup.find("<", at)) >= 0:
        shown.append(_inline(markup[at:start], verbatim=verbatim > 0))
        if markup.startswith("<!--", start) and "-->" not in endless:
            end = markup.find("-->", start + 4)
            if end >= 0:
                source.append(markup[start + 4 : end].strip())
                at = end + 3
                continue
            endless.add("-->")
        name = _NAME.match(markup, start)
        end = _tag_end(markup, start)
        if end < 0:
            at = start
            break  # no `>` in all the rest
        if name is None and markup[start + 1 : start + 2] not in {"!", "?"}:
            shown.append("<")
            at = start + 1
            continue
        tag, word = markup[start:end], name[1].lower() if name else ""
        at = end
        if ">" in tag[:-1]:
            source.append(tag)  # whatever a quote without end swallowed is kept as it stands
        elif "=" in tag or not word:
            source.append(_attributes(tag, word))
        if word in {"script", "style"} - endless and not tag.startswith("</"):
            close = re.compile(f"</{word}", re.IGNORECASE).search(markup, at)
            if close is not None:
                source.append(markup[at : close.start()].strip())
                at = close.start()
            else:
                endless.add(word)  # never closed: shown, so that nothing hides behind it
            continue
        if word in {"pre", "textarea"}:
            verbatim = max(verbatim + (-1 if tag.startswith("</") else 1), 0)
        shown.append(_break(word, closes=tag.startswith("</")))
    shown.append(_inline(markup[at:], verbatim=verbatim > 0))
    return shown, [line for line in source if line]


def _tag_end(markup: str, start: int) -> int:
    """Offset after the tag's `>`, or -1. A `>` inside quotes does not count, if the quotes end soon enough."""
    end = first = markup.find(">", start) + 1
    if not first:
        return -1
    quote, at = "", start
    for _ in range(_EXTENSIONS):
        for mark in _QUOTES.finditer(markup, at, end):
            if not quote:
                quote = mark[1] or ""  # only behind `=`: an apostrophe elsewhere opens nothing
            elif mark[0][-1] == quote:
                quote = ""
        if not quote:
            return end
        at, end = end, markup.find(">", end) + 1
        if not end:
            break
    return first


def _inline(text: str, *, verbatim: bool) -> str:
    if not text:
        return ""
    plain = (unescape(text) if "&" in text else text).translate(_INVISIBLE).replace("\u00a0", " ")
    return plain if verbatim else re.sub(r"[ \t\r\n\f]+", " ", plain)


def _break(word: str, *, closes: bool) -> str:
    if word in {"td", "th"}:
        return _CELL if closes else ""
    if word == "tr":
        return _ROW
    return "\n" if word in _BLOCKS else ""


def _attributes(tag: str, word: str) -> str:
    """A tag's attributes on one line, so that a field's name stays near its value."""
    if not word:
        return unescape(tag[1:-1]).strip()
    found = [(m[1], unescape(m[2] or m[3] or m[4] or "")) for m in _ATTRIBUTE.finditer(tag, len(word) + 1)]
    return " ".join(f'{name}="{value}"' for name, value in found if value)


def _laid_out(text: str) -> str:
    """Rows on lines of their own, a row of two cells as "label: value", other cells with tabs between them."""
    rows: list[str] = []
    for row in text.split(_ROW):
        cells = [tidy for cell in row.split(_CELL) if (tidy := _tidied(cell))]
        columns = [cell.split("\n") for cell in cells]
        if len(cells) > 1 and len({len(lines) for lines in columns}) == 1:
            rows.extend(_in_one_line(line) for line in zip(*columns, strict=True))
        else:
            rows.extend(cells)
    return "\n".join(rows)


def _in_one_line(cells: tuple[str, ...]) -> str:
    if len(cells) == 2 and 0 < len(cells[0]) <= _LABEL:  # noqa: PLR2004  label and value
        return f"{cells[0]}{'' if cells[0].endswith((':', '：')) else ':'} {cells[1]}"
    return "\t".join(cells)


def _tidied(cell: str) -> str:
    lines = (re.sub("  +", " ", line.strip(" \t\r\f")) for line in cell.split("\n"))
    return "\n".join(line for line in lines if line)


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


READER = Reader("html", "HTML, with what it hides", _accepts, _read)
