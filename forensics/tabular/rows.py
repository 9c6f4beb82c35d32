"""Tables as text: a row on a line, and each value behind the word that names it, beside it or at the head of its column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

__all__ = ["LOOKED_AT", "Row", "could_name", "laid_out", "names_columns", "under"]

Row = str | Sequence[str]
"""Text that stands outside of any table, or the cells of a row in their places; a cell may have several lines, or none."""

_LABEL = 60  # characters of a label, at most
_PAIR = 2  # cells of a row: a label and its value, or two columns
LOOKED_AT = 20  # rows below a head
_HEAD = re.compile(r"[^\W\d_](?:[\w()/.&'’#*\-]|[ ](?=\S)){0,39}")  # what names a column
_WORDS, _DIGITS = 4, 2  # of a head, at most
_COLONS = (":", "：")
_VALUE = re.compile(r"[\d@]|[^\w\s'’().,-]")  # what no label has


def laid_out(rows: Sequence[Row]) -> str:
    """Rows on lines of their own: a row of two cells as "label: value", other cells with tabs between them.

    Where the first row of a table names its columns, the cells below say so: "head: value", with tabs between them. A row of two
    cells below two heads is written both ways, since an upright list of labels and values looks like one.
    """
    rows = [row if isinstance(row, str) else _trimmed(row) for row in rows if row]
    out: list[str] = []
    heads: Sequence[str] = ()
    above: Row = ""
    for at, row in enumerate(rows):
        if isinstance(row, str):
            heads = ()
            out.append(row)
        elif heads and len(row) <= len(heads):
            out.append(_both_ways(heads, row))
        else:
            goes_on = len(row) == _PAIR and not isinstance(above, str) and len(above) == _PAIR  # an upright list
            heads = row if not goes_on and names_columns(row, rows[at + 1 : at + 1 + LOOKED_AT]) else ()
            out.extend(_lines(row))
        above = row
    return "\n".join(filter(None, out))


def _trimmed(row: Sequence[str]) -> Sequence[str]:
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return row[:end]


def _lines(row: Sequence[str]) -> list[str]:
    """A row whose cells have the same number of lines is that many rows; other cells with several lines stand one after another."""
    cells = [cell for cell in row if cell]
    columns = [cell.split("\n") for cell in cells]
    if len(cells) > 1 and len({len(lines) for lines in columns}) == 1:
        return [_in_one_line(line) for line in zip(*columns, strict=True)]
    return cells


def _in_one_line(cells: Sequence[str]) -> str:
    if len(cells) == _PAIR and 0 < len(cells[0]) <= _LABEL:
        return _labelled(*cells)
    return "\t".join(cells)


def _labelled(label: str, value: str) -> str:
    return f"{label}{'' if label.endswith(_COLONS) else ':'} {value}"


def under(heads: Sequence[str], row: Sequence[str]) -> str:
    """The cells of a row behind the heads of their columns, with tabs between them."""
    return "\t".join(_named(heads, [" ".join(cell.split("\n")) for cell in row]))


def _named(heads: Sequence[str], cells: Sequence[str]) -> list[str]:
    return [_labelled(head, cell) if head else cell for head, cell in zip(heads, cells, strict=False) if cell]


def _both_ways(heads: Sequence[str], row: Sequence[str]) -> str:
    cells = [cell for cell in row if cell]
    is_pair = len(cells) == _PAIR == sum(map(bool, heads))
    return "\t".join([under(heads, row), *([_in_one_line(cells)] if is_pair else ())])


def could_name(row: Sequence[str]) -> bool:
    """Whether a row consists of short words that differ; the first columns may be empty, where a table does not begin in them."""
    heads = row[next((at for at, cell in enumerate(row) if cell), 0) :]
    return len(heads) >= _PAIR and all(map(_is_head, heads)) and len({head.casefold() for head in heads}) == len(heads)


def names_columns(row: Sequence[str], below: Sequence[Row]) -> bool:
    """Whether a row's cells name what stands below them: they could, and in some column each cell is more than words.

    Two cells may as well be the first label and value of an upright list, "User | ann" over "Password | x1". That they are is taken for
    sure where a label ends in a colon or only one of the two is written with a capital.
    """
    if not could_name(row):
        return False
    start = next(at for at, cell in enumerate(row) if cell)
    heads = row[start:]
    table = list(takewhile(lambda one: not isinstance(one, str) and len(one) <= len(row), below))
    valued = [
        _is_valued([one[at].rstrip("".join(_COLONS)) for one in table if one[at:] and one[at]]) for at in range(start, len(row))
    ]
    if len(heads) == _PAIR and not valued[0]:
        is_upright = heads[0][0].isupper() != heads[1][0].isupper() or any(
            one[start].endswith(_COLONS) for one in table if len(one) > start
        )
        return valued[1] and not is_upright
    return any(valued)


def _is_head(cell: str) -> bool:
    return bool(_HEAD.fullmatch(cell)) and cell.count(" ") < _WORDS and sum(map(str.isdigit, cell)) <= _DIGITS


def _is_valued(column: Sequence[str]) -> bool:
    return bool(column) and all(map(_VALUE.search, column))
