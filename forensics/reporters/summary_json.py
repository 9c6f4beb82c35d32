"""The summary of the case as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from forensics.case import Case, write_file
from forensics.plugins import Reporter

__all__ = ["REPORTER"]


def write(case: Case, folder: Path) -> list[Path]:
    """`summary.json`, schema version 1."""
    target = folder / "summary.json"
    write_file(target, json.dumps(case.summary, indent=2, ensure_ascii=False) + "\n")
    return [target]


REPORTER = Reporter("json", "The summary of the case", write)
