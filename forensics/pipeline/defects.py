"""What could not be read, as rows of the contract: of parsers, of whole files, and of plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from forensics.evidence import Item, Problem
from forensics.model import Defect
from forensics.pipeline.answers import Asked

__all__ = ["defect_rows", "unread_items"]


def defect_rows(
    connection: duckdb.DuckDBPyConnection,
    asked: Asked,
    planned: Sequence[Defect],
    problems: Sequence[Problem],
    failed: Sequence[str],
) -> list[dict[str, Any]]:
    """Rows of `defects.csv` from `raw_defects`, from what planning and finding met, and from sentences on plugins; sorted."""
    rows = [
        {"path": asked.path(evidence, member), "start": start, "end": end, "parser": parser, "reason": reason}
        for evidence, member, start, end, parser, reason in connection.execute(
            'SELECT evidence, member, start, "end", parser, reason FROM raw_defects'
        ).fetchall()
    ]
    rows += [
        {
            "path": asked.path(one.span.evidence, one.span.member),
            "start": one.span.start,
            "end": one.span.end,
            "parser": one.parser,
            "reason": one.reason,
        }
        for one in planned
    ]
    rows += [{"path": one.path, "start": one.start, "end": one.start, "parser": "", "reason": one.reason} for one in problems]
    rows += [{"path": "", "start": 0, "end": 0, "parser": "", "reason": reason} for reason in failed]
    return sorted(rows, key=lambda row: (row["path"], row["start"], row["end"], row["parser"], row["reason"]))


def unread_items(defects: Sequence[Mapping[str, Any]], items: Mapping[str, Item]) -> int:
    """How many files of evidence no parser took."""
    unknown = {row["path"] for row in defects if row["reason"].endswith(": not read") and not row["parser"]}
    return sum(item.path in unknown for item in items.values())
