"""What a draft is made of: paragraphs, lists and tables with blanks that people must fill and sources that prove figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

__all__ = [
    "Blank",
    "Block",
    "Break",
    "Bullet",
    "Draft",
    "Grid",
    "Heading",
    "Line",
    "Notice",
    "Para",
    "Piece",
    "Source",
    "blanks",
    "mapped",
]


@dataclass(frozen=True, slots=True)
class Blank:
    """What a person must fill in before the draft may leave the house."""

    asks: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where the figure before it comes from: a table of the case, or `summary.json`."""

    file: str


Piece = str | Blank | Source
Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is a section."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph."""

    line: Line


@dataclass(frozen=True, slots=True)
class Bullet:
    """One point of a list."""

    line: Line


@dataclass(frozen=True, slots=True)
class Notice:
    """A paragraph for whoever completes the draft, set apart from its text."""

    line: Line


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with a header row; widths in centimetres."""

    head: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    widths: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Break:
    """A new page."""


Block = Heading | Para | Bullet | Notice | Grid | Break


@dataclass(frozen=True, slots=True)
class Draft:
    """A document: a first page for whoever completes it, then what is to be sent."""

    title: str
    subtitle: str
    number: str  # of the case, for the foot of each page
    cover: tuple[Block, ...]
    body: tuple[Block, ...]


def blanks(blocks: Sequence[Block]) -> list[tuple[str, str]]:
    """Every blank in reading order: the section that it stands in, and what it asks for."""
    found = []
    section = ""
    for block in blocks:
        if isinstance(block, Heading):
            section = block.text
        found += [(section, piece.asks) for line in _lines(block) for piece in line if isinstance(piece, Blank)]
    return found


def _lines(block: Block) -> Iterator[Line]:
    if isinstance(block, Para | Bullet | Notice):
        yield block.line
    elif isinstance(block, Grid):
        for row in block.rows:
            yield from row


def mapped(draft: Draft, change: Callable[[str], str]) -> Draft:
    """The draft with every text of it changed, titles and headings too."""
    return Draft(
        change(draft.title),
        change(draft.subtitle),
        change(draft.number),
        tuple(_changed(one, change) for one in draft.cover),
        tuple(_changed(one, change) for one in draft.body),
    )


def _changed(block: Block, change: Callable[[str], str]) -> Block:
    if isinstance(block, Heading):
        return replace(block, text=change(block.text))
    if isinstance(block, Grid):
        return replace(block, rows=tuple(tuple(_changed_line(line, change) for line in row) for row in block.rows))
    if isinstance(block, Break):
        return block
    return replace(block, line=_changed_line(block.line, change))


def _changed_line(line: Line, change: Callable[[str], str]) -> Line:
    return tuple(change(piece) if isinstance(piece, str) else piece for piece in line)
