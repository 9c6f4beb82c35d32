"""What could not be read, as rows of the contract: of parsers, of whole files, and of plugins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import duckdb

from forensics.collect.checking import PAPERS
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
    found = connection.execute('SELECT evidence, member, start, "end", parser, reason FROM raw_defects').fetchall()
    packed = _packed_collections({(evidence, member) for evidence, member, _, _, parser, _ in found if member and not parser})
    rows = [
        {"path": asked.path(evidence, member), "start": start, "end": end, "parser": parser, "reason": reason}
        for evidence, member, start, end, parser, reason in found
        if parser or (evidence, PurePosixPath(member).parent.as_posix()) not in packed or PurePosixPath(member).name not in PAPERS
    ]
    rows += [
        {"path": asked.path(evidence, folder if folder != "." else ""), "start": 0, "end": -1, "parser": "", "reason": _PACKED}
        for evidence, folder in packed
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


_PACKED = (
    "a folder of `forensics collect` in packed form: its mail is read, but nothing that its own papers say of completeness counts; "
    "unpack it and hand in the folder"
)


def _packed_collections(members: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Evidence id and folder of collections inside archives, known by two of their papers: one name alone may be anybody's."""
    places = [(evidence, PurePosixPath(member)) for evidence, member in members]
    papers = Counter((evidence, place.parent.as_posix()) for evidence, place in places if place.name in PAPERS)
    return {folder for folder, count in papers.items() if count > 1}


def unread_items(defects: Sequence[Mapping[str, Any]], items: Mapping[str, Item]) -> int:
    """How many files of evidence no parser took."""
    unknown = {row["path"] for row in defects if row["reason"].endswith(": not read") and not row["parser"]}
    return sum(item.path in unknown for item in items.values())
