"""The custody record: each file of evidence with where it lay, who took it in and when, how it was acquired, and whose clock it keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from forensics import __version__
from forensics.case import Case
from forensics.coverage import Collection
from forensics.custody import actor, file_sha256, tables_sha256
from forensics.dates import FileClock
from forensics.evidence import Item
from forensics.pipeline.first_pass import MEMBERS, Receipt, parts_of
from forensics.policy import Policy

__all__ = ["Taken", "hashes_of_tables", "store_custody", "store_members"]

_SOURCES = "SELECT DISTINCT evidence, source, server, stream FROM observed ORDER BY ALL"
_MOST_SOURCES = 20  # source systems named of one file
_HANDED_IN = "handed in as a file"
_EVIDENCE = ("evidence", "path", "size", "sha256", "acquired", "source_system", "source_clock")
_CUSTODY = (*_EVIDENCE, "location", "taken_at", "taken_by", "tool", "custodian", "role", "case_number")


@dataclass(frozen=True, slots=True)
class Taken:
    """A file of evidence and when it was taken in, UTC with Z."""

    item: Item
    at: str


def store_custody(
    connection: duckdb.DuckDBPyConnection,
    case: Case,
    taken: Sequence[Taken],
    policy: Policy,
    collections: Iterable[Collection],
    clocks: Mapping[tuple[str, str], FileClock],
) -> None:
    """Write `tables/evidence`, one row per content, and `tables/custody`, one row per file as it lay.

    The first holds nothing that two runs over the same evidence would say differently; who, when and from where stand in the
    second. `source_clock` is the zone and year of a source's stamps, as settled.
    """
    systems, found, settled = _systems(connection), _acquired(collections), _clocks(clocks)
    rows = []
    for one in sorted(taken, key=lambda known: (known.item.path, known.item.sha256, str(known.item.location))):
        item = one.item
        rows.append({
            "evidence": item.id, "path": item.path, "size": item.size, "sha256": item.sha256, "acquired": found.get(item.id, _HANDED_IN),
            "source_system": systems.get(item.id, ""),
            "source_clock": settled.get(item.id) or ("as each record states it" if item.id in systems else ""),
            "location": str(item.location), "taken_at": one.at, "taken_by": actor(), "tool": f"forensics {__version__}",
            "custodian": policy.case.custodian, "role": policy.case.role, "case_number": policy.case.number,
        })  # fmt: skip
    case.write_rows("custody", rows, _CUSTODY)
    first = {row["evidence"]: row for row in reversed(rows)}  # of copies the first path stands for the content
    kept = sorted(first.values(), key=lambda row: str(row["path"]))
    case.write_rows("evidence", [{name: row[name] for name in _EVIDENCE} for row in kept], _EVIDENCE)


def store_members(case: Case, receipts: Sequence[Receipt]) -> None:
    """Write `tables/members`: streams inside packed evidence, each with the size and SHA-256 of what it decodes to.

    A damaged one has no hash. `member` is "" for the stream of a file that is merely compressed.
    """
    parts = [pq.ParquetFile(part).read() for part in parts_of(receipts, "members", case.tables)]
    rows = pa.concat_tables([MEMBERS.empty_table(), *parts])
    case.write_table("members", rows.sort_by([("evidence", "ascending"), ("member", "ascending")]))


def hashes_of_tables(case: Case) -> tuple[int, str]:
    """How many Parquet files the case has, and one SHA-256 over all of them; see `custody.tables_sha256`."""
    parts = sorted(case.tables.glob("*/*.parquet"))
    return tables_sha256({place.relative_to(case.path).as_posix(): file_sha256(place) for place in parts})


def _systems(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What wrote the records of each file: kind of source, server and stream where records name them."""
    told: dict[str, list[str]] = {}
    for evidence, source, server, stream in connection.execute(_SOURCES).fetchall():
        words = [source, *(f"{kind} {name}" for kind, name in (("server", server), ("stream", stream)) if name)]
        told.setdefault(evidence, []).append(" ".join(words).replace("; ", ", "))
    return {
        evidence: "; ".join(
            [*names[:_MOST_SOURCES], *([f"and {len(names) - _MOST_SOURCES} more"] if len(names) > _MOST_SOURCES else [])]
        )
        for evidence, names in told.items()
    }


def _acquired(collections: Iterable[Collection]) -> dict[str, str]:
    """How the files of collected folders were got; all else was handed in."""
    return {
        evidence: " ".join([
            f"collected from {one.provider} by `forensics collect` (folder {one.folder})",
            *([f"server {server}"] if server else []),
            *([f"stream {stream}"] if stream else []),
            *([] if one.is_finished else ["(the collection was not finished)"]),
        ])
        for one in collections
        for evidence, (server, stream) in one.files.items()
    }  # fmt: skip


def _clocks(clocks: Mapping[tuple[str, str], FileClock]) -> dict[str, str]:
    told: dict[str, set[str]] = {}
    for (evidence, _), clock in clocks.items():
        told.setdefault(evidence, set()).add(clock.basis)
    return {evidence: "; ".join(sorted(bases)[:_MOST_SOURCES]) for evidence, bases in told.items()}
