"""What people decided, as CSV: every remark on record, with what became of it."""

from __future__ import annotations

from pathlib import Path

from forensics.case import Case, aside
from forensics.csvform import csv_blocks
from forensics.decisions import decisions
from forensics.legible import shown
from forensics.plugins import Reporter

__all__ = ["COLUMNS", "REPORTER"]

COLUMNS = ("seq", "at", "by", "about", "subject", "mark", "reason", "status")


def write(case: Case, folder: Path) -> list[Path]:
    """`decisions.csv` in the form of the contract's tables, in the order of the custody log; only a header where nobody decided."""
    target = folder / "decisions.csv"
    rows = (
        (one.seq, *map(shown, (one.at, one.by, one.about, one.subject, one.marked, one.reason, one.status)))
        for one in decisions(case)
    )
    with aside(target) as place, place.open("wb") as stream:
        stream.writelines(csv_blocks(COLUMNS, rows))
    return [target]


REPORTER = Reporter("decisions", "Remarks and decisions on record as CSV", write)
