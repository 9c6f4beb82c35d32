"""The workbook for counsel: every table of the contract as a sheet, one row a person first, and nothing live in any cell."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from forensics.case import Case, aside
from forensics.plugins import Reporter
from forensics.reporters.xlsx.book import Book
from forensics.reporters.xlsx.front import front_rows
from forensics.reporters.xlsx.sheets import Tables, sheets_of

__all__ = ["REPORTER", "write"]

_SPILL = ".xlsx-"


def write(case: Case, folder: Path) -> list[Path]:
    """Write `case.xlsx`, mode 0600, whole or not at all; the same tables give the same bytes.

    Memory is that of the largest tables, not that of the workbook. Raises CaseError where a row or cell could not be written, or a
    table's rows are not all in its sheets; OSError where the file cannot be.
    """
    target = folder / "case.xlsx"
    tables = Tables(case)
    summary = case.summary
    for left in folder.glob(f"{_SPILL}*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    # rows wait in files of their own before they are packed: beside the report, where only the case's owner may look
    with TemporaryDirectory(dir=folder, prefix=_SPILL) as spill, aside(target) as place, place.open("wb") as stream:
        book = Book(stream, spill, str(summary.get("case", {}).get("number", "")))
        try:
            _fill(book, tables, summary)
        except BaseException:
            book.abandon()
            raise
    return [target]


def _fill(book: Book, tables: Tables, summary: Mapping[str, Any]) -> None:
    front = book.front()
    for sheet in sheets_of(tables):
        book.add(sheet)
    book.write_front(front, front_rows(summary, book.index))
    book.refuse_lost(tables.totals)
    book.close()


REPORTER = Reporter(
    "xlsx", "Workbook for counsel: people by kind of data, rotation list, every table as a sheet", write, default=False
)
