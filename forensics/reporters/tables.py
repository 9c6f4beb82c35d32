"""Every table of the contract as CSV that a spreadsheet may open."""

from __future__ import annotations

from pathlib import Path

from forensics.case import CONTRACT, Case, aside
from forensics.csvform import csv_blocks, neutral, rows_of
from forensics.plugins import Reporter

__all__ = ["REPORTER", "neutral"]


def write(case: Case, folder: Path) -> list[Path]:
    """One CSV a table, mode 0600, whole or not at all: UTF-8, RFC 4180 line ends and quoting, header row, rows in the table's order."""
    written = []
    for name in CONTRACT:
        target = folder / f"{name}.csv"
        frame = case.read(name)
        with aside(target) as place, place.open("wb") as stream:
            stream.writelines(csv_blocks(frame.columns, rows_of(frame)))
        written.append(target)
    return written


REPORTER = Reporter("csv", "All tables as CSV", write)
