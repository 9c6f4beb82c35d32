"""Obligations to notify as CSV: each law's threshold beside what the case counts, and its clock. Facts, not legal advice."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from forensics.case import Case
from forensics.obligations import COLUMNS
from forensics.plugins import Reporter
from forensics.tallies import tally

__all__ = ["REPORTER"]


def write(case: Case, folder: Path) -> list[Path]:
    """`obligations.csv`, one row for each obligation; due times in UTC. Every cell is of our own words, or a time and number."""
    target = folder / "obligations.csv"
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for row in tally(case).obligations():
            writer.writerow([row[name] for name in COLUMNS])
    return [target]


REPORTER = Reporter("obligations", "Obligations to notify: thresholds, what the case counts, and clocks", write)
