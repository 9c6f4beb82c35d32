"""Tables in plain text: separated values, Markdown, what databases and shells print. Each cell behind the head of its column."""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, takewhile

from forensics.tabular.rows import LOOKED_AT, could_name, names_columns, under

__all__ = ["under_heads"]

_GROWTH, _ROOM = 4, 1 << 16  # the rows take at most so many times the characters of the text, and some
_TRIED = 4  # first lines of a run of lines that are tried as heads: a title may stand above them
_OPENING = re.compile(r"[\n:]\r?\n")  # behind which separated values may begin, beside the start of a text
_CELL = r'[> ]{0,4}+(?:"[^\W\d_][^"\n]{0,39}+"|[^\W\d_][^",;\r\n]{0,39}+)'
_SEPARATED = re.compile(rf"{_CELL}([,;])(?:{_CELL}\1){{0,98}}{_CELL}\r?(?:\n|\Z)")
_RULE = re.compile(r"[ \t>]*+(?=[-=+|: \t]*[-=]{3})[-=+|:][-=+|: \t]*+\r?\n?")
_QUOTED = re.compile(r"[ \t]?>(?:[ \t]?>){0,20}[ \t]?")
_ALIGNED = re.compile(r"\S+(?: \S+)*+")

_Rows = Iterator[Sequence[str]]  # one a line, empty for a line that only rules


def under_heads(text: str) -> tuple[str, bool]:
    """The rows of all tables whose first row names the columns, each on its own line of the text, and whether that is all of them.

    Empty if there is no such table. Linear in the text.
    """
    out: list[str] = []
    line = seen = 0
    room = _GROWTH * len(text) + _ROOM
    for start, rows in sorted(_tables(text), key=lambda table: table[0]):
        line += text.count("\n", seen, start)
        seen = start
        heads, below = (next(rows, ()), list(islice(rows, LOOKED_AT))) if line >= len(out) else ((), [])
        if not names_columns(heads, list(filter(None, below))):
            continue
        out += [""] * (line + 1 - len(out))
        for row in takewhile(lambda row: len(row) <= len(heads), chain(below, rows)):  # noqa: B023  used up at once
            out.append(under(heads, row))
            room -= len(out[-1])
            if room < 0:
                return "\n".join(out), False
    return "\n".join(out), True


def _tables(text: str) -> Iterator[tuple[int, _Rows]]:
    """What may be a table: the offset of the line that may be its heads, and this row and those below it."""
    for at in chain([int(text.startswith("\ufeff"))], (opening.end() for opening in _OPENING.finditer(text))):
        if head := _SEPARATED.match(text, at):
            yield at, _separated(text, at, head[1])
    for mark, cells in _PARTED.items():
        for start, end in _runs(text, mark):
            at = start
            for _ in range(_TRIED):
                if at < end and could_name(cells(_line(text, at), ())):
                    yield at, _parted(text, at, end, cells)
                at = _behind_line(text, at)


def _separated(text: str, start: int, separator: str) -> _Rows:
    """Records to the first line that is none. A record over several lines is one row (RFC 4180, section 2.6)."""
    lines = (f"{_line(text, at)}\n" for at in _line_starts(text, start, len(text)))
    try:
        for record in csv.reader(lines, delimiter=separator, skipinitialspace=True):
            if len(record) < 2:  # noqa: PLR2004  a blank line, or prose
                return
            yield [cell.strip() for cell in record]
    except csv.Error:
        return  # a quote that never ends: what it swallowed is searched as it stands


def _parted(text: str, start: int, end: int, cells: Callable[[str, Sequence[int]], list[str]]) -> _Rows:
    columns = [found.start() for found in _ALIGNED.finditer(_line(text, start))]
    for at in _line_starts(text, start, end):
        yield () if _RULE.fullmatch(text, at, _behind_line(text, at)) else cells(_line(text, at), columns)


def _runs(text: str, mark: str) -> Iterator[tuple[int, int]]:
    """Start and end of each run of lines that all hold the mark, but for rules between them."""
    end = 0
    at = text.find(mark)
    while at >= 0:
        start = text.rfind("\n", end, at) + 1 or end
        end = _behind_line(text, at)
        lines = 1
        while end < len(text):
            behind = _behind_line(text, end)
            if text.find(mark, end, behind) < 0 and not _RULE.fullmatch(text, end, behind):
                break
            end = behind
            lines += 1
        if lines > 1:
            yield start, end
        at = text.find(mark, end)


def _line_starts(text: str, start: int, end: int) -> Iterator[int]:
    while start < end:
        yield start
        start = _behind_line(text, start)


def _line(text: str, start: int) -> str:
    """The line that begins here, without the marks of a reply."""
    line = text[start : _behind_line(text, start)].rstrip()
    quoted = _QUOTED.match(line)
    return line[quoted.end() :] if quoted else line


def _behind_line(text: str, at: int) -> int:
    return text.find("\n", at) + 1 or len(text)


def _by_tabs(line: str, _: Sequence[int]) -> list[str]:
    return [cell.strip() for cell in line.split("\t")]


def _by_bars(line: str, _: Sequence[int]) -> list[str]:
    line = line.strip()
    return [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]


def _by_blanks(line: str, columns: Sequence[int]) -> list[str]:
    """Cells parted by two blanks or more; where some are empty, each stands in the column in which or behind which it begins."""
    found = list(_ALIGNED.finditer(line.replace("\t", "  ")))
    if len(found) >= len(columns):
        return [cell[0] for cell in found]
    row = [""] * len(columns)
    for cell in found:
        row[max(bisect_right(columns, cell.start()) - 1, 0)] = cell[0]
    return row


_PARTED: dict[str, Callable[[str, Sequence[int]], list[str]]] = {"\t": _by_tabs, "|": _by_bars, "  ": _by_blanks}
