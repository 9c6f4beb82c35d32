"""Every table as CSV that a spreadsheet may open: those of the contract, and those that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from forensics.case import CONTRACT, Case, aside, beside, stamp_of
from forensics.csvform import csv_hashed, neutral
from forensics.legible import legible
from forensics.plugins import Reporter

__all__ = ["REPORTER", "neutral"]


def write(case: Case, folder: Path) -> list[Path]:
    """One CSV a table, mode 0600, whole or not at all: UTF-8, RFC 4180 line ends and quoting, header row, rows in the table's order.

    A table beside the contract's is left out where the case has none, being of an older version.
    """
    written = []
    for name in CONTRACT:
        frame = case.read(name)
        written.append(_csv(folder / f"{name}.csv", csv_hashed(frame, stamp_of(case, name))))
    for name, frame in beside(case).items():
        written.append(_csv(folder / f"{name}.csv", csv_hashed(legible(frame), stamp_of(case, name))))
    return written


def _csv(target: Path, blocks: Iterable[bytes]) -> Path:
    with aside(target) as place, place.open("wb") as stream:
        stream.writelines(blocks)
    return target


REPORTER = Reporter("csv", "All tables as CSV", write)
