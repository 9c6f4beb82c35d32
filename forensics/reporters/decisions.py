"""What people decided, as CSV: every remark on record, with what became of it."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from forensics.case import Case
from forensics.decisions import decisions
from forensics.legible import shown
from forensics.plugins import Reporter

__all__ = ["COLUMNS", "REPORTER"]

COLUMNS = ("seq", "at", "by", "about", "subject", "mark", "reason", "status")
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
    """`decisions.csv` in the form of the contract's tables, in the order of the custody log; only a header where nobody decided."""
    target = folder / "decisions.csv"
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for one in decisions(case):
            words = (one.at, one.by, one.about, one.subject, one.marked, one.reason, one.status)
            writer.writerow([one.seq, *(_cell(word) for word in words)])
    return [target]


def _cell(text: str) -> str:
    """Text that no spreadsheet executes and no terminal obeys."""
    legible = shown(text)
    return f"'{legible}" if legible.lstrip().startswith(_FORMULA) else legible


REPORTER = Reporter("decisions", "Remarks and decisions on record as CSV", write)
