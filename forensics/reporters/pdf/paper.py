"""The blocks of a printed report: headings, paragraphs, lists and tables, all of them data and none of them markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forensics.reporters.pdf.letters import set_text

__all__ = ["Block", "banner", "facts", "heading", "items", "note", "para", "sheet", "wide"]

Block = dict[str, Any]
_SENTENCE = 1_500  # characters
_CELL = 160  # of one cell; the CSV has all of it


def heading(text: str, level: int = 1) -> Block:
    """A heading of the page; level 1 is a section."""
    return {"kind": "heading", "level": level, "text": set_text(text, _SENTENCE)}


def para(text: object) -> Block:
    """A paragraph."""
    return {"kind": "para", "text": set_text(text, _SENTENCE)}


def note(text: object) -> Block:
    """A paragraph in small grey letters."""
    return {"kind": "note", "text": set_text(text, _SENTENCE)}


def banner(tone: str, title: str, texts: Iterable[object]) -> Block:
    """The conclusion in a frame: tone "shown", "unclear" or "calm"."""
    return {"kind": "banner", "tone": tone, "title": title, "texts": [set_text(one, _SENTENCE) for one in texts if str(one)]}


def facts(rows: Mapping[str, object]) -> Block:
    """Names and values, one a line."""
    return {"kind": "facts", "rows": [[name, set_text(value, _SENTENCE)] for name, value in rows.items()]}


def items(texts: Sequence[object], *, most: int, numbered: bool = False, rest: str = "summary.json") -> list[Block]:
    """A list, and a line that says how many more there are and where."""
    listed = {"kind": "items", "numbered": numbered, "texts": [set_text(one, _SENTENCE) for one in texts[:most]]}
    return [listed, *([note(f"{len(texts) - most:,} more in {rest}.")] if len(texts) > most else [])]


def sheet(columns: Sequence[tuple[str, str, str]], rows: Iterable[Sequence[object]], *, limit: int = _CELL) -> Block:
    """A table. A column is its title, its width ("2fr", "3.1cm", "auto") and its look ("", "mono", "num", "strong")."""
    return {
        "kind": "table",
        "columns": [{"title": title, "width": _width(width), "look": look} for title, width, look in columns],
        "rows": [
            [_number(one) if look == "num" else set_text(one, limit) for one, (_, _, look) in _pairs(row, columns)]
            for row in rows
        ],
    }


def wide(blocks: Iterable[Block]) -> Block:
    """Blocks on sheets of their own, on their long side."""
    return {"kind": "wide", "blocks": list(blocks)}


def _pairs(row: Sequence[object], columns: Sequence[tuple[str, str, str]]) -> Iterable[tuple[object, tuple[str, str, str]]]:
    return zip(row, columns, strict=True)


def _width(text: str) -> dict[str, Any]:
    for unit in ("fr", "cm"):
        if text.endswith(unit):
            return {"unit": unit, "size": float(text.removesuffix(unit))}
    return {"unit": "auto", "size": 0}


def _number(value: object) -> str:
    text = str(value)
    return f"{int(text):,}" if text.isascii() and text.isdigit() and len(text) < 19 else set_text(text, 40)  # noqa: PLR2004  64 bits
