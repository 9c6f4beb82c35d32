"""A table's first row names the columns, or its first column names the values: either way the name stands beside the value."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from forensics.content import html, ooxml, rtf
from forensics.model import Limits, Part, Text
from forensics.plugins import Reader
from forensics.tabular import laid_out

ACCOUNTS = [["User", "Password", "Note"], ["ann", "Gr3en!xy7", ""], ["", "Blu3!zz9", "shared"], ["bob", "", "none"]]
NAMED = ["User\tPassword\tNote", "User: ann\tPassword: Gr3en!xy7", "Password: Blu3!zz9\tNote: shared", "User: bob\tNote: none"]


def shown(reader: Reader, data: bytes) -> list[str]:
    texts = [one for one in reader.read(Part("p", "", data), Limits()) if isinstance(one, Text)]
    return next(one.text for one in texts if one.view in {"html", "rtf", "decoded"}).split("\n")


def sheet(rows: Sequence[Sequence[str]], top: int = 1, left: int = 1) -> bytes:
    """A workbook in which empty cells are left out, as programs leave them out."""
    book, out = Workbook(), io.BytesIO()
    assert book.active is not None
    for at, row in enumerate(rows, top):
        for column, value in enumerate(row, left):
            if value:
                book.active.cell(at, column, value)
    book.save(out)
    return out.getvalue()


def table(rows: Sequence[Sequence[str]]) -> bytes:
    return (
        "Hello<table>" + "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows) + "</table>Bye"
    ).encode()


def rich(rows: Sequence[Sequence[str]]) -> bytes:
    lines = "".join("\\trowd " + "".join(cell + "\\cell " for cell in row) + "\\row" for row in rows)
    return ("{\\rtf1 Hello\\par " + lines + " Bye\\par}").encode()


def test_cells_of_a_web_page_are_named_by_the_first_row() -> None:
    assert shown(html.READER, table(ACCOUNTS)) == ["Hello", *NAMED, "Bye"]


def test_cells_of_rich_text_are_named_by_the_first_row() -> None:
    assert [line.strip() for line in shown(rtf.READER, rich(ACCOUNTS)) if line] == ["Hello", *NAMED, "Bye"]


@pytest.mark.parametrize(("top", "left"), [(1, 1), (4, 3), (2, 27)])
def test_cells_of_a_sheet_are_named_wherever_it_begins(top: int, left: int) -> None:
    assert shown(ooxml.READER, sheet(ACCOUNTS, top, left))[-4:] == NAMED


def test_a_sheet_may_have_a_title_above_its_heads() -> None:
    assert shown(ooxml.READER, sheet([["Accounts of 2025"], [], *ACCOUNTS]))[-5:] == ["Accounts of 2025", *NAMED]


def test_two_columns_under_heads_are_written_both_ways() -> None:
    assert laid_out([["User", "Password"], ["ann", "x1"]]) == "User: Password\nUser: ann\tPassword: x1\tann: x1"


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([["User", "ann"], ["Password", "x1"]], id="one of the two without a capital"),
        pytest.param([["User", "Ann"], ["Password:", "x1"]], id="a label with a colon"),
        pytest.param([["Name", "Anna Sample"], ["Job Title", "Engineer"], ["Order", "12"]], id="words below words"),
        pytest.param([["Your order 4711", "Total"], ["Cable", "12 EUR"]], id="a number in what should be a head"),
        pytest.param([["Berlin", "Berlin"], ["Cable", "12 EUR"]], id="twice the same"),
        pytest.param([["We will write to you as soon as we can", "Total"], ["Cable", "12 EUR"]], id="a sentence"),
    ],
)
def test_an_upright_list_is_read_as_one(rows: list[list[str]]) -> None:
    assert laid_out(rows) == "\n".join(f"{label.rstrip(':')}: {value}" for label, value in rows)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([["Ann", "Berlin", "Engineer"], ["Bob", "Paris", "Driver"]], id="nothing but words"),
        pytest.param([["Total", "12", "EUR"], ["Cable", "13", "EUR"]], id="a number among the heads"),
        pytest.param([["User", "Password", "Note"]], id="nothing below"),
    ],
)
def test_rows_without_heads_stay_as_they_are(rows: list[list[str]]) -> None:
    assert laid_out(rows) == "\n".join("\t".join(row) for row in rows)


def test_heads_end_with_their_table() -> None:
    rows = [["User", "Password", "Note"], ["ann", "x1", "new"], "And besides:", ["carl", "x3", "old"]]
    assert laid_out(rows).split("\n")[-1] == "carl\tx3\told"


def test_a_longer_row_is_not_under_the_heads() -> None:
    assert laid_out([["A", "B", "C"], ["1", "2", "3"], ["1", "2", "3", "4"]]).split("\n")[-1] == "1\t2\t3\t4"


cells = st.text(alphabet="Ab1 :\n", max_size=6).map(str.strip)


@given(st.lists(cells | st.lists(cells, min_size=1, max_size=4), max_size=8))
def test_no_word_is_lost(rows: list[str | list[str]]) -> None:
    written = laid_out(rows)
    for row in rows:
        for cell in [row] if isinstance(row, str) else row:
            for line in filter(None, cell.split("\n")):
                assert line in written


def test_a_cell_far_off_does_not_make_its_row_long() -> None:
    assert ooxml._placed('<row r="1"><c r="XFD1"><v>x1</v>\x1f') == '<row r="1"><c r="XFD1"><v>x1</v>\x1f'
    assert shown(ooxml.READER, sheet([["x1", *[""] * 16_000, "x2"]]))[-1] == "x1: x2"
