"""Secrets that the attack could read where it ran, as CSV: what to revoke though no mail shows it."""

from __future__ import annotations

from pathlib import Path

from forensics.case import Case, CaseError, aside
from forensics.csvform import csv_blocks
from forensics.legible import shown
from forensics.plugins import Reporter

__all__ = ["REPORTER"]


def write(case: Case, folder: Path) -> list[Path]:
    """`precautions.csv` in the form of the contract's tables, in the table's order; no file for a case of an older version."""
    target = folder / "precautions.csv"
    try:
        frame = case.read("precautions")
    except CaseError:
        return []
    rows = ([shown(str(cell)) for cell in row] for row in frame.itertuples(index=False))
    with aside(target) as place, place.open("wb") as stream:
        stream.writelines(csv_blocks([str(one) for one in frame.columns], rows))
    return [target]


REPORTER = Reporter("precautions", "Secrets to revoke though no mail shows them, by server", write)
