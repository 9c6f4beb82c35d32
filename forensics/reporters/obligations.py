"""Obligations to notify as CSV: each law's threshold beside what the case counts, and its clock. Facts, not legal advice."""

from __future__ import annotations

from pathlib import Path

from forensics.case import Case, aside
from forensics.csvform import csv_blocks
from forensics.obligations import COLUMNS
from forensics.plugins import Reporter
from forensics.tallies import tally

__all__ = ["REPORTER"]


def write(case: Case, folder: Path) -> list[Path]:
    """`obligations.csv`, one row for each obligation; due times in UTC. Every cell is of our own words, or a time and number."""
    target = folder / "obligations.csv"
    rows = ([row[name] for name in COLUMNS] for row in tally(case).obligations())
    with aside(target) as place, place.open("wb") as stream:
        stream.writelines(csv_blocks(COLUMNS, rows))
    return [target]


REPORTER = Reporter("obligations", "Obligations to notify: thresholds, what the case counts, and clocks", write)
