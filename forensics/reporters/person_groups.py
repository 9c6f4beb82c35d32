"""Which addresses may be one person, as CSV: every address with its group, the basis of it, category and kind of mailbox."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from forensics.case import Case, CaseError
from forensics.legible import shown
from forensics.plugins import Reporter

__all__ = ["COLUMNS", "REPORTER"]

COLUMNS = ("person", "group_id", "basis", "category", "mailbox", "verdict")
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "＝",
    "＋",
    "－",
    "＠",
)  # what makes a spreadsheet take a cell for a formula (OWASP, CSV injection)


def write(case: Case, folder: Path) -> list[Path]:
    """`person_groups.csv`, grouped addresses first, in the form of the contract's tables; no file for a case of an older version."""
    target = folder / "person_groups.csv"
    try:
        frame = case.read("person_groups")
    except CaseError:
        return []
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for row in frame.to_dict("records"):
            writer.writerow([_cell(str(row[name])) for name in COLUMNS])
    return [target]


def _cell(text: str) -> str:
    """Text that no spreadsheet executes and no terminal obeys."""
    legible = shown(text)
    return f"'{legible}" if legible.lstrip().startswith(_FORMULA) else legible


REPORTER = Reporter("person_groups", "Which addresses may be one person, and by which rule", write)
