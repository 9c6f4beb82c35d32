"""Between the passes: file clocks, and fragments of all files assembled into observations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timezone
from pathlib import Path

import duckdb

from forensics.case import Case
from forensics.columns import DEFECTS, OBSERVATIONS, STATEMENTS, decode, timed
from forensics.dates import FileClock, infer_clock
from forensics.engine import view
from forensics.model import Fragment
from forensics.pipeline.first_pass import PartWriter, Receipt, parsers, parts_of

__all__ = ["assemble", "file_clocks"]

_ROWS = 50_000  # whole messages turned at a time

# Of a large file every so many pairs, from its first to its last: some thousands tell year, zone and where the zone changed
_PAIRS = """
SELECT evidence, member, stamp, list_filter(readings, lambda r: r.clock = 'queue_id')[1].utc AS utc
FROM fragments
WHERE opens AND stamp != '' AND len(list_filter(readings, lambda r: r.clock = 'queue_id')) > 0
QUALIFY (row_number() OVER (PARTITION BY evidence, member ORDER BY start) - 1) % (1 + count(*) OVER (PARTITION BY evidence, member) // 10_000) = 0
ORDER BY evidence, member, start
"""

# The same message in a dated source tells the year and zone of a log that has neither queue-id clocks nor dates. The
# Message-ID may stand in a later piece than the one that opens the message, but not behind the next opening of its key.
_BORROWED = """
WITH opened AS (
  SELECT evidence, member, key, stamp, start, lead(start) OVER (PARTITION BY evidence, member, key ORDER BY start) AS next
  FROM fragments WHERE opens AND stamp != ''
),
named AS (
  SELECT o.evidence, o.member, o.stamp, o.start, arg_min(f.message_id, f.start) AS message_id
  FROM opened o JOIN fragments f USING (evidence, member, key)
  WHERE f.message_id != '' AND f.start >= o.start AND (o.next IS NULL OR f.start < o.next)
  GROUP BY o.evidence, o.member, o.key, o.stamp, o.start
),
dated AS (
  SELECT message_id, arg_min(r.utc, (r.slack, r.clock != 'received_last', r.clock, r.utc)) AS utc
  FROM (SELECT message_id, unnest(readings) AS r FROM observations WHERE message_id != '') WHERE r.slack = 0 GROUP BY message_id
)
SELECT evidence, member, stamp, utc FROM named JOIN dated USING (message_id) ORDER BY evidence, member, start
"""

# Most messages lie whole in one fragment, and are observations as they stand but for their stamps
_ALONE = """
CREATE OR REPLACE TEMP TABLE alone AS
WITH awaited AS (
  SELECT DISTINCT evidence, member, try_cast(split_part(fact.value, ' ', 1) AS BIGINT) AS start, true AS told
  FROM (SELECT evidence, member, unnest(facts) AS fact FROM fragments WHERE source = $source AND kind = 'session') WHERE fact.name = 'taken'
)
SELECT key FROM fragments f LEFT JOIN awaited a USING (evidence, member, start) WHERE source = $source
GROUP BY key
HAVING count(*) = 1 AND bool_and(a.told IS NULL AND opens AND closes AND kind != 'session' AND NOT list_has_any([fact.name for fact in facts], $undecided))
"""
_WHOLE = "SELECT f.* FROM fragments f SEMI JOIN alone USING (key) WHERE f.source = $source"
_PIECES = """
SELECT f.* FROM fragments f JOIN file_order o USING (evidence, member) ANTI JOIN alone ON alone.key = f.key
WHERE f.source = $source ORDER BY f.key, o.position, f.start, f."end"
"""


def register_parts(connection: duckdb.DuckDBPyConnection, receipts: Sequence[Receipt], tables: Path) -> list[str]:
    """Views `observations` (whole ones), `fragments` (pieces), `raw_defects` and `raw_statements` over this run's parts.

    Returns the parts of whole observations.
    """
    pieces = {f"fragments/{name}-" for name, parser in parsers().items() if parser.assemble is not None}
    listed = parts_of(receipts, "fragments", tables)
    apart = [part for part in listed if any(f"/{prefix}" in part for prefix in pieces)]
    whole = [part for part in listed if part not in apart]
    for name, parts, schema in (
        ("observations", whole, OBSERVATIONS),
        ("fragments", apart, OBSERVATIONS),
        ("raw_defects", parts_of(receipts, "defects", tables), DEFECTS),
        ("raw_statements", parts_of(receipts, "statements", tables), STATEMENTS),
    ):
        if parts:
            view(connection, name, parts)
        else:
            connection.register(f"no_{name}", schema.empty_table())
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM no_{name}")  # noqa: S608  names are ours
    return whole


def file_clocks(
    connection: duckdb.DuckDBPyConnection, paths: Mapping[str, str], *, year: int | None, zone: timezone | None
) -> dict[tuple[str, str], FileClock]:
    """The clock of every file whose stamps lack a zone, by (evidence, member); `paths` names each evidence id.

    Known from queue ids, else from the same messages in dated sources, else from the user's `year` and `zone`.
    """
    rows = connection.execute(
        r"SELECT DISTINCT evidence, member FROM fragments WHERE stamp != '' AND NOT regexp_matches(stamp, '(Z|[+-]\d\d:?\d\d)$') ORDER BY ALL"
    ).fetchall()
    own = _pairs(connection, _PAIRS)
    clocks = {place: infer_clock(own.get(place, ()), zone=zone, year=year) for place in rows}
    lacking = [place for place, clock in clocks.items() if clock.around is None or not clock.anchors]
    borrowed = _pairs(connection, _BORROWED) if lacking else {}
    for place in lacking:
        if clocks[place].around is None or borrowed.get(place):
            clocks[place] = infer_clock(
                borrowed.get(place, ()), zone=zone, year=year, source="the same messages in dated sources"
            )
        if clocks[place].around is None and (named := _year_in(paths.get(place[0], ""), place[1])):
            clocks[place] = infer_clock((), zone=zone, year=named, source="")
    return clocks


def _pairs(connection: duckdb.DuckDBPyConnection, query: str) -> dict[tuple[str, str], list[tuple[str, datetime]]]:
    found: dict[tuple[str, str], list[tuple[str, datetime]]] = {}
    cursor = connection.execute(query)
    while rows := cursor.fetchmany(50_000):
        for evidence, member, stamp, at in rows:
            found.setdefault((evidence, member), []).append((stamp, at.astimezone(UTC)))
    return found


def _year_in(path: str, member: str) -> int | None:
    """A year that the file's own name states as a date: `mail.log-20250921`, `maillog.2025-09-21.gz`."""
    match = re.search(r"(?<!\d)(20\d\d)-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])(?!\d)", (member or path).rpartition("/")[2])
    return int(match.group(1)) if match else None


def assemble(
    connection: duckdb.DuckDBPyConnection,
    case: Case,
    clocks: Mapping[tuple[str, str], FileClock],
    paths: Mapping[str, str],
    whole: list[str],
) -> None:
    """Write the part of observations that come from fragments, and make view `observed` of these and the `whole` ones."""
    _order_files(connection, clocks, paths)
    target = case.tables / "observations" / "assembled.parquet"
    unknown = FileClock()
    writer = PartWriter(target, case.key, lambda text: text)  # replies were redacted when the fragments were written
    for parser in sorted(parsers().values(), key=lambda one: one.name):
        if parser.assemble is None:
            continue
        connection.execute("CREATE OR REPLACE TEMP TABLE alone (key VARCHAR)")
        source = {"source": parser.name}
        if parser.undecided is not None:
            connection.execute(_ALONE, {**source, "undecided": sorted(parser.undecided)})
            for rows in connection.sql(_WHOLE, params=source).to_arrow_reader(_ROWS):
                writer.add_rows(timed(rows, lambda place, stamp: clocks.get(place, unknown).resolve(stamp, "syslog")))
        for observation in parser.assemble(_decoded(connection.sql(_PIECES, params=source)), clocks):
            writer.add(Fragment("", observation))
    writer.close()
    _number(connection, [*whole, str(target)])


def _number(connection: duckdb.DuckDBPyConnection, parts: list[str]) -> None:
    """View `observed`: all observations where they lie, each with a number of its own (`obs`), that of its file and row."""
    listed = ", ".join("'" + part.replace("'", "''") + "'" for part in parts)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW observed AS SELECT file_index::BIGINT * 1099511627776 + file_row_number AS obs, * FROM read_parquet([{listed}])"  # noqa: S608  names are ours
    )


def _decoded(result: duckdb.DuckDBPyRelation) -> Iterator[Fragment]:
    for batch in result.to_arrow_reader(10_000):
        yield from decode(batch)


def _order_files(
    connection: duckdb.DuckDBPyConnection, clocks: Mapping[tuple[str, str], FileClock], paths: Mapping[str, str]
) -> None:
    """Table `file_order`: oldest file first, by its first stamp if the year is known, else by what rotation named it."""
    found = connection.execute(
        "SELECT evidence, member, coalesce(arg_min(stamp, start) FILTER (stamp != ''), '') FROM fragments GROUP BY ALL"
    ).fetchall()
    stamps = {(str(evidence), str(member)): str(stamp) for evidence, member, stamp in found}

    def age(place: tuple[str, str]) -> tuple[bool, datetime, tuple[bool, int, str], tuple[str, str]]:
        first = clocks.get(place, FileClock()).local(stamps[place])
        rotated = _rotated((place[1] or paths.get(place[0], "")).rpartition("/")[2])
        return first is None, first or datetime.max, rotated, place  # noqa: DTZ901  naive: compared with its like only

    connection.execute("CREATE OR REPLACE TEMP TABLE file_order (evidence VARCHAR, member VARCHAR, position INTEGER)")
    for position, place in enumerate(sorted(stamps, key=age)):
        connection.execute(
            "INSERT INTO file_order VALUES ($evidence, $member, $position)",
            {"evidence": place[0], "member": place[1], "position": position},
        )


_NUMBERED = re.compile(r"\.(\d{1,4})(?:\.[a-z0-9]{2,4})?$")
_DATED = re.compile(r"[.-](20\d\d-?\d\d-?\d\d(?:[-T_]?\d{1,6})?)(?:\.[a-z0-9]{2,4})?$")


def _rotated(name: str) -> tuple[bool, int, str]:
    """The place of a file among those of its log, the oldest first: by number, by date, and last the one still written to."""
    number, date = _NUMBERED.search(name), _DATED.search(name)
    return number is None and date is None, -int(number[1]) if number else 0, date[1] if date else name


def settle_stamps(connection: duckdb.DuckDBPyConnection, clocks: Mapping[tuple[str, str], FileClock]) -> None:
    """Table `statements`: what sources say of themselves, their stamps resolved by their file's clock."""
    connection.execute("CREATE OR REPLACE TABLE statements AS SELECT * FROM raw_statements ORDER BY ALL")
    stamped = connection.execute(
        "SELECT DISTINCT evidence, member, stamp FROM statements WHERE stamp != '' AND utc IS NULL"
    ).fetchall()
    for evidence, member, stamp in stamped:
        reading = clocks.get((evidence, member), FileClock()).resolve(stamp)
        if reading is not None and not reading.slack:
            connection.execute(
                "UPDATE statements SET utc = $at WHERE evidence = $evidence AND member = $member AND stamp = $stamp",
                {"at": reading.at, "evidence": evidence, "member": member, "stamp": stamp},
            )
