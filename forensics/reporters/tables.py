"""Every table of the contract as CSV that a spreadsheet may open."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from forensics.case import CONTRACT, Case
from forensics.plugins import Reporter

__all__ = ["REPORTER", "neutral"]

# What makes a spreadsheet take a cell for a formula (OWASP, CSV injection)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(value: object) -> str:
    """A cell that no spreadsheet executes: text that begins like a formula gets an apostrophe; control characters go.

    Numbers stay as they are, negative ones too.
    """
    if isinstance(value, int | float):
        return str(value)
    text = "".join(char if char.isprintable() or char == " " else " " for char in str(value))
    return f"'{text}" if str(value).startswith(_FORMULA) or text.startswith(_FORMULA) else text


def write(case: Case, folder: Path) -> list[Path]:
    """One CSV a table: UTF-8, RFC 4180 line ends and quoting, header row, rows in the table's order."""
    written = []
    for name in CONTRACT:
        target = folder / f"{name}.csv"
        frame = case.read(name)
        with os.fdopen(
            os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline=""
        ) as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            writer.writerow(frame.columns)
            for row in frame.itertuples(index=False):
                writer.writerow([neutral(_native(value)) for value in row])
        written.append(target)
    return written


def _native(value: object) -> object:
    """A number of numpy as one of Python."""
    return value.item() if hasattr(value, "item") else value


REPORTER = Reporter("csv", "All tables as CSV", write)
