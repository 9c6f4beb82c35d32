"""Rows of a sheet as the XML that spreadsheets read: text inline and escaped, numbers as numbers, nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from forensics.case import CaseError
from forensics.reporters.xlsx import cells

__all__ = ["Rows", "inner"]

_LINE = 15  # points, the height of a row that does not say its own
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # which a spreadsheet would read as one character, ECMA-376 part 1, 22.9.2.19
_CODES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


def inner(content: str | float, style: int) -> str:
    """What stands in `<c r="A1"` behind the reference: style, type and value of one cell. Text has passed `cells.text`."""
    if not isinstance(content, str):
        return f' s="{style}"><v>{content:.16G}</v></c>'
    if not content:
        return f' s="{style}"/>'
    escaped = _ESCAPED.sub(r"_x005F_x\1_", content) if "_x" in content else content
    kept = ' xml:space="preserve"' if content != content.strip() else ""
    return f' s="{style}" t="inlineStr"><is><t{kept}>{escaped.translate(_CODES)}</t></is></c>'


class Rows:
    """The rows of one worksheet, from the first on, each written as it comes.

    They go past the library's way for single cells, for two reasons: that writes a text from `<r>` to `</r>` as markup where it
    keeps no strings in memory (XlsxWriter 3.2.9, `Worksheet._write_cell`), and it takes four times as long.
    """

    def __init__(self, sheet: Any, name: str) -> None:  # noqa: ANN401  a worksheet of a library without types
        self._sheet = sheet
        self._name = name
        self._letters: list[str] = []
        self.count = 0
        sheet._check_dimensions(0, 0)  # noqa: SLF001  as below: the library notes where the sheet begins

    def add(self, inside: Sequence[str], height: float = _LINE) -> None:
        """Write the next row: the `inner` of each of its cells, and its height in points. Raises CaseError beyond the last row."""
        if len(self._letters) < len(inside):
            self._letters = [cells.letters(place) for place in range(len(inside))]
        row = self.count + 1
        answer = self._sheet._check_dimensions(self.count, len(inside) - 1)  # noqa: SLF001  the library has no public way to write a row
        if answer:
            msg = f"case.xlsx: row {row} of the sheet {self._name!r} could not be written (answer {answer} of the writer)"
            raise CaseError(msg)
        tall = "" if height == _LINE else f' ht="{height:g}" customHeight="1"'
        body = "".join([f'<c r="{letter}{row}"{one}' for letter, one in zip(self._letters, inside, strict=False)])
        self._sheet.fh.write(f'<row r="{row}"{tall}>{body}</row>')
        self.count = row
