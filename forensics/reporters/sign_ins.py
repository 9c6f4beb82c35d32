"""Sign-ins to review as CSV: for each service and account, when a code or link that was copied out could be used."""

from __future__ import annotations

from pathlib import Path

from forensics.case import Case, CaseError, aside
from forensics.csvform import csv_blocks
from forensics.legible import shown
from forensics.plugins import Reporter

__all__ = ["REPORTER"]


def write(case: Case, folder: Path) -> list[Path]:
    """`sign_ins.csv` in the form of the contract's tables, in the table's order; no file for a case of an older version."""
    target = folder / "sign_ins.csv"
    try:
        frame = case.read("sign_ins")
    except CaseError:
        return []
    rows = ([shown(str(cell)) for cell in row] for row in frame.itertuples(index=False))
    with aside(target) as place, place.open("wb") as stream:
        stream.writelines(csv_blocks([str(one) for one in frame.columns], rows))
    return [target]


REPORTER = Reporter("sign_ins", "Sign-ins to review, by service, account and time", write)
