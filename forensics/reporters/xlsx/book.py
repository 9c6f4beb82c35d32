"""The writing edge of the workbook: sheets that roll over, and return values that somebody looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import IO, Any

import pandas as pd

from forensics.case import CaseError
from forensics.legible import cut, shown
from forensics.reporters.xlsx import cells
from forensics.reporters.xlsx.rows import Rows, inner

__all__ = ["MOST_ROWS", "Book", "Front", "Sheet"]

MOST_ROWS = 1_048_575  # below the header row of a sheet, "Excel specifications and limits"
_LINE = 15  # points
_MOST_LINES = 8  # of a row's height: the cell has all of its text
_TALL = itemgetter(1)
_REMEMBERED = 4_096  # texts of one column: verdicts, kinds and files stand in most rows
_NARROW, _FILLED, _WIDE, _PERSON, _PROSE = 9, 18, 34, 44, 60  # characters
_UNCOUNTED = frozenset({"evidence"})  # lists of places: they would make every row as high as the page
_SENTENCES = frozenset({"reasons", "note", "reason", "rotate", "reply", "message", "decided", "evidence", "reference"})
_PERSONS = frozenset({"person", "address", "recipient"})
_PAGE = 190  # characters that one A4 page holds side by side at a size that can be read
_FIXED = datetime(1980, 1, 1, tzinfo=UTC)  # of the document: the same tables give the same bytes
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "use_zip64": True,
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows that belong on one sheet, and how it looks."""

    name: str  # at most 24 characters: " (2)" and so on comes behind it
    table: str  # of the contract, from which the rows are
    says: str  # what one row is, for the first page
    frame: pd.DataFrame
    apart: bool = False  # `possible`: not counted as exposed
    to_fill: frozenset[str] = frozenset()  # columns that people fill in
    marks: frozenset[str] = frozenset()  # columns of Y, N and ?
    derived: bool = False  # made from several tables: none of its rows is a row of `table`


@dataclass(frozen=True, slots=True)
class Front:
    """A row of the first page: a word for what it is, its text, and how it looks ("title", "head", "row", "caution")."""

    name: str
    text: str = ""
    look: str = "row"


class Book:
    """A workbook under way. A row that cannot be written raises CaseError: none is ever missing in silence."""

    def __init__(self, stream: IO[bytes], spill: str, number: str) -> None:
        import xlsxwriter  # noqa: PLC0415  50 ms that no other report needs

        self._book: Any = xlsxwriter.Workbook(stream, {**_OPTIONS, "tmpdir": spill})
        self._book.set_properties({
            "title": "Case workbook", "subject": cut(shown(number), 200), "author": "forensics", "created": _FIXED,
            "comments": "Facts found in evidence; not legal advice.",
        })  # fmt: skip
        self._number = number
        self._formats: dict[tuple[str, ...], Any] = {}
        self.index: list[tuple[Sheet, str, int]] = []  # sheet, name on the tab, rows written
        self._written: dict[str, int] = {}

    def front(self) -> Any:  # noqa: ANN401  a worksheet of a library without types
        """The first sheet, to be filled when the others are known."""
        return self._book.add_worksheet("Read me")

    def add(self, sheet: Sheet) -> None:
        """Write a sheet, and as many more as its rows need."""
        total = len(sheet.frame)
        for part, start in enumerate(range(0, max(1, total), MOST_ROWS), 1):
            name = sheet.name if part == 1 else f"{sheet.name} ({part})"
            rows = sheet.frame.iloc[start : start + MOST_ROWS]
            self._write(sheet, name, rows)
            self.index.append((sheet, name, len(rows)))

    def refuse_lost(self, totals: Mapping[str, int]) -> None:
        """Raise CaseError unless each table's rows are all in the workbook, each once."""
        for table, total in totals.items():
            if self._written.get(table, 0) != total:
                msg = f"case.xlsx: {self._written.get(table, 0):,} of {total:,} rows of {table} were written: the CSV has all of them"
                raise CaseError(msg)

    def close(self) -> None:
        """Pack the workbook into its stream."""
        self._book.close()

    def abandon(self) -> None:
        """Let go of what the sheets hold open, where the workbook will not be finished."""
        for page in self._book.worksheets():
            if page.row_data_fh is not None:
                page.row_data_fh.close()

    def _format(self, *traits: str) -> Any:  # noqa: ANN401  a format of a library without types
        if traits not in self._formats:
            made = {"valign": "top", "font_size": 10}
            for trait in traits:
                made |= _TRAITS[trait]
            self._formats[traits] = self._book.add_format(made)
        return self._formats[traits]

    def _style(self, *traits: str) -> int:
        return int(self._format(*traits)._get_xf_index())  # noqa: SLF001  the library has no public way to write a row

    def _write(self, sheet: Sheet, name: str, rows: pd.DataFrame) -> None:
        page = self._book.add_worksheet(name)
        listed = [rows[one].tolist() for one in rows.columns]  # numbers as numbers of Python
        columns = [_column(str(one), values, sheet) for one, values in zip(rows.columns, listed, strict=True)]
        self._lay_out(page, sheet, [one.width for one in columns], len(rows))
        writing = Rows(page, name)
        heads = ("fill_head" if one.kind == "fill" else "apart_head" if sheet.apart else "head" for one in columns)
        writing.add(
            [inner(one.title, self._style(head)) for one, head in zip(columns, heads, strict=True)],
            _LINE * max([2, *(cells.lines(len(one.title) + 3, one.width) for one in columns)]),
        )
        base, file = ("apart",) if sheet.apart else (), f"{sheet.table}.csv"
        makers = [self._maker(one, base, file) for one in columns]
        for values in zip(*listed, strict=True):
            made = [make(value) for make, value in zip(makers, values, strict=True)]
            writing.add([one for one, _ in made], _LINE * min(max(made, key=_TALL)[1], _MOST_LINES))
        if not sheet.derived:
            self._written[sheet.table] = self._written.get(sheet.table, 0) + writing.count - 1

    def _maker(self, column: _Column, base: tuple[str, ...], file: str) -> Callable[[object], tuple[str, int]]:
        """What makes the inside of a column's cells, and the lines that each takes; it remembers what is said again."""
        known: dict[str, tuple[str, int]] = {}

        def make(value: object) -> tuple[str, int]:
            if isinstance(value, str) and (again := known.get(value)):
                return again
            content = cells.content(column.name, value, file)
            lines = cells.lines(len(content), column.width) if column.counts and isinstance(content, str) else 1
            made = inner(content, self._style(*_traits(column.kind, content, base))), lines
            if isinstance(value, str) and len(known) < _REMEMBERED:
                known[value] = made
            return made

        return make

    def _lay_out(self, page: Any, sheet: Sheet, widths: Sequence[int], rows: int) -> None:  # noqa: ANN401  as above
        for place, width in enumerate(widths):
            page.set_column(place, place, width)
        page.freeze_panes(1, 1)
        page.autofilter(0, 0, max(rows, 1), len(widths) - 1)
        page.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        page.set_tab_color("#E0A100" if sheet.apart else "#1F3864")
        page.repeat_rows(0)
        pages = max(1, -(-sum(widths) // _PAGE))
        if pages > 1:
            page.repeat_columns(0)
            pages = max(1, -(-(sum(widths) - widths[0]) // (_PAGE - widths[0])))
        self._print_setup(page, pages, "Possible only: not counted as exposed" if sheet.apart else "")

    def _print_setup(self, page: Any, pages: int, remark: str) -> None:  # noqa: ANN401  as above
        number = cut(shown(self._number), 80).replace("&", "&&")
        page.set_landscape()
        page.set_paper(9)  # A4
        page.set_margins(left=0.4, right=0.4, top=0.7, bottom=0.6)
        page.fit_to_pages(pages, 0)
        page.set_header(f"&L&8{number}&C&8{remark}&R&8&A")
        page.set_footer("&L&8Facts found in evidence, not legal advice&R&8Page &P of &N")

    def write_front(self, page: Any, rows: Sequence[Front]) -> None:  # noqa: ANN401  as above
        """Fill the first sheet."""
        page.set_column(0, 0, 30)
        page.set_column(1, 1, 110)
        page.hide_gridlines(2)
        page.set_tab_color("#548235")
        self._print_setup(page, 1, "")
        writing = Rows(page, "Read me")
        for one in rows:
            name, words = cells.text(one.name, "summary.json"), cells.text(one.text, "summary.json")
            height = {"title": 26, "head": 22}.get(one.look, _LINE * min(cells.lines(len(words), 110), 20) + 3)
            looks = self._style(f"front_{one.look}_name"), self._style(f"front_{one.look}")
            writing.add([inner(text, look) for text, look in zip((name, words), looks, strict=True)], height)
        page.activate()


@dataclass(frozen=True, slots=True)
class _Column:
    """How one column looks. `counts`: its text may make a row higher."""

    name: str
    title: str
    width: int  # characters
    kind: str
    counts: bool


def _column(name: str, values: Sequence[object], sheet: Sheet) -> _Column:
    """A column as wide as its longest text, within bounds."""
    title = cells.text(cells.label(name), "")
    width = max(_NARROW, max(len(word) for word in title.split(" ")) + 3)  # the filter's arrow hides some
    if name not in sheet.marks:
        longest = max(map(len, map(str, values)), default=0)
        most = _PROSE if name in _SENTENCES else _PERSON if name in _PERSONS else _WIDE
        least = _FILLED if name in sheet.to_fill else width
        width = max(width, least, min(longest + 1, most))
    kind = "fill" if name in sheet.to_fill else "mark" if name in sheet.marks else "text"
    return _Column(name, title, width, kind, name not in _UNCOUNTED)


def _traits(kind: str, content: str | float, base: tuple[str, ...]) -> tuple[str, ...]:
    """How a cell looks: by its column, and by what stands in it."""
    if not isinstance(content, str):
        return "score" if isinstance(content, float) else "count", *base
    if content.lstrip().startswith(cells.FORMULA):
        return kind, *base, "quoted"
    return kind, *base, *(_TONES.get(content, ()) if kind == "mark" else ())


_TONES = {"Y": ("yes",), "?": ("unknown",), "N": ("no",)}
_WHITE_ON = {
    "bold": True,
    "font_color": "#FFFFFF",
    "text_wrap": True,
    "valign": "vcenter",
    "border": 1,
    "border_color": "#FFFFFF",
}
_RULED = {"bottom": 1, "bottom_color": "#D9D9D9"}
_TRAITS: Mapping[str, Mapping[str, Any]] = {
    "head": {**_WHITE_ON, "bg_color": "#1F3864"},
    "apart_head": {**_WHITE_ON, "bg_color": "#9C6500"},
    "fill_head": {**_WHITE_ON, "bg_color": "#548235"},
    "text": {"text_wrap": True, **_RULED},
    "count": {**_RULED, "num_format": "#,##0", "align": "right", "indent": 1},
    "score": {**_RULED, "num_format": "0.000", "align": "right", "indent": 1},
    "mark": {"align": "center", **_RULED},
    "fill": {"text_wrap": True, "bg_color": "#E2EFDA", "border": 1, "border_color": "#A9D08E"},
    "apart": {"bg_color": "#FFF2CC", "border": 1, "border_color": "#E6D9A8"},
    "quoted": {"quote_prefix": True},
    "yes": {"bold": True, "font_color": "#9C0006"},
    "unknown": {"font_color": "#7F6000"},
    "no": {"font_color": "#808080"},
    "front_title_name": {"bold": True, "font_size": 16},
    "front_title": {"font_size": 12, "text_wrap": True, "valign": "vcenter"},
    "front_head_name": {"bold": True, "font_size": 12, "font_color": "#1F3864", "valign": "bottom"},
    "front_head": {"text_wrap": True, "valign": "bottom"},
    "front_row_name": {"text_wrap": True, "font_color": "#404040"},
    "front_row": {"text_wrap": True},
    "front_caution_name": {"bold": True, "bg_color": "#FFF2CC", "text_wrap": True},
    "front_caution": {"bg_color": "#FFF2CC", "text_wrap": True},
}
