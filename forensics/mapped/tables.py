"""Rows of a table as text, in any usual dialect: delimiter, quotes, encoding, with or without a line that names its columns."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple

from forensics.csvlog import text_lines
from forensics.mapping import RECIPIENTS, Form, Layout
from forensics.syslog import Cut, decoded

__all__ = ["Row", "fits_table", "rows", "split_row"]

_DELIMITERS = (",", ";", "\t", "|")
_MOST_COLUMNS = 1_000
_MOST_LINES = 1_000  # of one record
_LONGEST = 1 << 20  # bytes of one record
_LATE = 20  # lines of a file in which its header line is sought: exports begin with a title, or with `sep=;`
_BLANKS = re.compile(r"\s+")
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UNFINISHED = "a quoted cell of a row does not end; the line may be cut"
_BEHIND = "a cell goes on behind its closing quote: the row was read as it stands"
_REPLACED = "characters that are no text in the file's encoding were replaced"
_UNEVEN = "a row has more or fewer cells than the table has columns; the line may be cut"
_NAMELESS = "no line before this row names the columns that the mapping asks for"
_Line = tuple[int, int, bytes]
_Cells = dict[str, tuple[str, ...]]


class Row(NamedTuple):
    """A row at its place, in bytes of the member: by the mapping's names for columns, the cells that are not empty.

    `absent` are columns that the table does not have. If `problem` is a sentence, the row cannot be read; `kind` "header" is a
    line that names the columns, "before" one that stands before it. `remark` is a sentence about a row that was read with doubt.
    """

    start: int
    end: int
    cells: _Cells
    absent: frozenset[str] = frozenset()
    problem: str = ""
    kind: str = "row"
    remark: str = ""


class _Dialect(NamedTuple):
    delimiter: str
    quote: str


class _Columns(NamedTuple):
    """What a header line says: how many columns, and the mapping's name for each that it asks for, by place."""

    dialect: _Dialect
    width: int
    wanted: tuple[tuple[int, str], ...]
    absent: frozenset[str]


@lru_cache(maxsize=64)
def _cell_pattern(dialect: _Dialect, *, loose: bool) -> re.Pattern[str]:
    """One cell and the delimiter behind it. A cell that begins with a quote ends with one; spaces around it are no part of it.

    `loose`: else quotes stand anywhere in it, in pairs, as in `"Doe, Ann" <ann@acme.example>` that nobody quoted again.
    """
    delimiter, quote = re.escape(dialect.delimiter), re.escape(dialect.quote)
    end = rf"(?:(?P<more>{delimiter})|\Z)"
    quoted = rf"[ ]*+{quote}(?P<quoted>(?:[^{quote}]++|{quote}{quote})*+){quote}[ ]*+(?={delimiter}|\Z)"
    plain = rf"(?:[^{delimiter}{quote}]++|{quote}[^{quote}]*+{quote})*+" if loose else rf"(?![ ]*+{quote})[^{delimiter}]*+"
    return re.compile(rf"(?:{quoted}|(?P<plain>{plain})){end}")


def split_row(text: str, delimiter: str, quote: str = '"', *, loose: bool = False) -> list[str] | None:
    """The cells of a row (RFC 4180, with any delimiter and quote); None if a quoted one does not end, or goes on behind its end.

    `loose` lets it go on, and leaves the quotes of such cells where they are.
    """
    if not quote or quote not in text:
        return text.split(delimiter)
    pattern = _cell_pattern(_Dialect(delimiter, quote), loose=loose)
    cells: list[str] = []
    at = 0
    while match := pattern.match(text, at):
        quoted = match["quoted"]
        cells.append(match["plain"] if quoted is None else quoted.replace(quote * 2, quote))
        at = match.end()
        if match["more"] is None:
            return cells
    return None


@lru_cache(maxsize=4_096)
def _plain(name: str) -> str:
    return _BLANKS.sub(" ", name.strip().strip("\ufeff\"'")).casefold()


def _columns_in(text: str, layout: Layout, needed: Sequence[str], asked: Sequence[str]) -> _Columns | None:
    """What a line says of columns, if it names those that the mapping needs; the delimiter is the first that shows them."""
    for delimiter in (layout.delimiter,) if layout.delimiter else _DELIMITERS:
        dialect = _Dialect(delimiter, layout.quote)
        names = split_row(text, *dialect) or []
        if len(names) <= _MOST_COLUMNS and {_plain(one) for one in names} >= {_plain(one) for one in needed}:
            return _columns(dialect, names, asked)
    return None


def _columns(dialect: _Dialect, names: Sequence[str], asked: Sequence[str]) -> _Columns:
    """A column that stands there twice is read twice; the mapping's names find their columns in any case."""
    plain = [_plain(one) for one in names]
    wanted = tuple((at, one) for one in asked for at, name in enumerate(plain) if name == _plain(one))
    return _Columns(dialect, len(names), wanted, frozenset(asked) - {one for _, one in wanted})


def _decoder(layout: Layout, *, wide: bool) -> Callable[[bytes], str]:
    """From a line's bytes to its text. UTF-16 has become UTF-8 before; "auto" is UTF-8, else Latin-1, line by line."""
    if layout.encoding == "auto" and not wide:
        return decoded
    encoding = "utf-8" if wide else layout.encoding
    return lambda line: line.decode(encoding, "replace")


def _opened(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    head = b""
    for block in blocks:
        head += block
        if len(head) > 1:
            break
    return head[:2], chain((head,), blocks)


def rows(blocks: Iterator[bytes], layout: Layout, form: Form, also: tuple[str, ...] = ()) -> Iterator[Row]:
    """Every line of a table that is not blank, as a row, as no row, or as a problem; for any bytes, in bounded memory.

    UTF-8, UTF-16 with its mark, or one of the encodings of `Layout`. A quote that does not end costs the line in which it begins
    and no more. Joined exports repeat their header line. `blocks` begin at the first byte of the member; `also` names columns
    that are needed besides those of the form.
    """
    first, blocks = _opened(blocks)
    decode = _decoder(layout, wide=first in _WIDE_MARKS)
    needed = (*form.needed, *also)
    asked = tuple(dict.fromkeys((*form.names(), *also)))
    columns = _columns(_Dialect(layout.delimiter, layout.quote), layout.header, asked) if layout.header else None
    fresh = text_lines(blocks)
    again: deque[_Line] = deque()
    before = 0
    mark = "" if layout.header else _plain(form.needed[0]).partition(" ")[0]
    while line := again.popleft() if again else next(fresh, None):
        start, end, raw = line
        if isinstance(raw, Cut):
            yield Row(start, end, {}, problem=raw.reason)
            continue
        if not raw.strip(b"\0 \t"):
            continue
        text = decode(raw)
        found = _columns_in(text, layout, needed, asked) if mark and mark in text.casefold() else None
        if found:
            columns = found
            yield Row(start, end, {}, kind="header")
        elif columns is None:
            before += 1
            yield Row(start, end, {}, kind="before") if before <= _LATE else Row(start, end, {}, problem=_NAMELESS)
        else:
            yield _row(line, text, columns, decode, fresh, again)


def _row(
    line: _Line, text: str, columns: _Columns, decode: Callable[[bytes], str], fresh: Iterator[_Line], again: deque[_Line]
) -> Row:
    """The row that begins with this line; lines that were read ahead and are not of it go to `again`."""
    start, end, raw = line
    quote = columns.dialect.quote
    cells = split_row(text, *columns.dialect)
    if cells is None and text.count(quote) % 2:
        more = _continued(raw, quote.encode(), fresh, again)
        longer = "\n".join((text, *(decode(one[2]) for one in more)))
        cells = split_row(longer, *columns.dialect) if more else None
        if cells is None or len(cells) != columns.width:
            again.extendleft(reversed(more))
            cells = None
        else:
            text, end = longer, more[-1][1]
    remark = _REPLACED if "\ufffd" in text else ""
    if cells is None:
        cells = split_row(text, *columns.dialect, loose=True)
        remark = _BEHIND
    if cells is None or (remark == _BEHIND and len(cells) != columns.width):
        return Row(start, end, {}, problem=_UNFINISHED)
    if len(cells) < columns.width or any(cells[columns.width :]):
        return Row(start, end, {}, problem=_UNEVEN)
    found: _Cells = {}
    for at, name in columns.wanted:
        cell = cells[at].strip()
        if cell and cell not in {"-", "null", "NULL", "\\N"}:  # what databases and logs write for nothing
            found[name] = (*found[name], cell) if name in found else (cell,)
    return Row(start, end, found, columns.absent, remark=remark)


def _continued(raw: bytes, quote: bytes, fresh: Iterator[_Line], again: deque[_Line]) -> list[_Line]:
    """The lines behind `raw` up to the one in which an open quote may end: none is gone over more than twice."""
    more: list[_Line] = []
    size = len(raw)
    while len(more) < _MOST_LINES and size <= _LONGEST:
        line = again.popleft() if again else next(fresh, None)
        if line is None:
            break
        more.append(line)
        size += len(line[2]) if not isinstance(line[2], Cut) else _LONGEST + 1
        if line[2].count(quote) % 2:
            break
    return more


def fits_table(head: bytes, layout: Layout, form: Form, also: tuple[str, ...] = ()) -> bool:
    """Whether the first lines of a file name the columns that the mapping needs.

    A table without a header line fits if its first row has as many cells as the mapping says, and an address where the mapping
    puts recipients.
    """
    if not layout.header:
        return any(row.kind == "header" for row in islice(rows(iter((head,)), layout, form, also), _LATE + 1))
    places = [name for noun, place in form.places if noun in RECIPIENTS for name in place.names]
    first = next(rows(iter((head,)), layout, form, also), None)
    return first is not None and any("@" in cell for name in places for cell in first.cells.get(name, ()))
