"""Which addresses may be one person, as CSV: every address with its group, the basis of it, category and kind of mailbox."""

from __future__ import annotations

from pathlib import Path

from forensics.case import Case, CaseError, aside
from forensics.csvform import csv_blocks
from forensics.legible import shown
from forensics.plugins import Reporter

__all__ = ["COLUMNS", "REPORTER"]

COLUMNS = ("person", "group_id", "basis", "category", "mailbox", "verdict")


def write(case: Case, folder: Path) -> list[Path]:
    """`person_groups.csv`, grouped addresses first, in the form of the contract's tables; no file for a case of an older version."""
    target = folder / "person_groups.csv"
    try:
        frame = case.read("person_groups")
    except CaseError:
        return []
    rows = ([shown(str(row[name])) for name in COLUMNS] for row in frame.to_dict("records"))
    with aside(target) as place, place.open("wb") as stream:
        stream.writelines(csv_blocks(COLUMNS, rows))
    return [target]


REPORTER = Reporter("person_groups", "Which addresses may be one person, and by which rule", write)
