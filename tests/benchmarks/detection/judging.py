"""One organisation judged: tables as an audit makes them, all default detectors, and the final verdict on each address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb

from forensics.columns import Encoder, statement_table
from forensics.envelopes import lay_out
from forensics.incident import NO_INCIDENT, Incident
from forensics.model import Fragment, Observation
from forensics.plugins import Detector, Scope, discover
from forensics.policy import Policy
from forensics.stitch import stitch
from forensics.verdicts import judge

__all__ = ["Judged", "broken_detectors", "counted", "default_detectors", "judgement", "laid_out"]

_BATCH = 20_000  # observations held as objects at a time

# As the table of unexpected recipients ranks them; the messages of an address by their verdict
_RANKED = """
SELECT address, arg_min(verdict, verdict_rank), max(score), count(DISTINCT message_key), array_to_string(list_sort(list_distinct(flatten(list(reasons)))), ' | ')
FROM copy_verdicts GROUP BY address ORDER BY min(verdict_rank), max(score) DESC, count(DISTINCT message_key) DESC, address
"""
# What a plain reader would do: count the blind copies of strangers that first appear inside the window and never openly
_COUNTED = """
SELECT address FROM copies WHERE judged AND NOT own AND NOT alias AND NOT trace_only GROUP BY address
HAVING NOT bool_or(visible) AND bool_and(in_window AND entry IS NULL AND blind != 'no') ORDER BY count(*) DESC, address
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the case says of one address; `rank` counts from 1."""

    rank: int
    address: str
    verdict: str
    score: float
    messages: int
    reason: str


def default_detectors() -> list[Detector]:
    """The detectors that an audit runs unasked, but for broken ones."""
    return [one.plugin for one in discover("detectors") if one.plugin is not None and one.plugin.default]


def broken_detectors() -> list[str]:
    """Detectors that fail to import, and why: figures without them are those of another program."""
    return [f"{one.name}: {one.error}" for one in discover("detectors") if one.plugin is None]


def _batches(observations: Iterable[Observation]) -> Iterator[Encoder]:
    encoder = Encoder(b"k" * 32, lambda text: text)
    for number, observation in enumerate(observations):
        encoder.add(Fragment(str(number), observation))
        if len(encoder) >= _BATCH:
            yield encoder
            encoder = Encoder(b"k" * 32, lambda text: text)
    yield encoder


def laid_out(observations: Iterable[Observation], policy: Policy, incident: Incident = NO_INCIDENT) -> duckdb.DuckDBPyConnection:
    """A database in memory with the tables that detectors see."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 2; SET enable_progress_bar = false")
    made = False
    for encoder in _batches(observations):
        connection.register("incoming", encoder.table())
        if not made:
            connection.execute("CREATE TABLE observed AS SELECT row_number() OVER () AS obs, * FROM incoming")
        else:
            connection.execute(
                "INSERT INTO observed SELECT (SELECT max(obs) FROM observed) + row_number() OVER (), * FROM incoming"
            )
        made = True
        connection.unregister("incoming")
    connection.register("statements_arrow", statement_table([]))
    connection.execute("CREATE TABLE statements AS SELECT * FROM statements_arrow")
    stitch(connection)
    lay_out(connection, incident, policy)
    return connection


def judgement(connection: duckdb.DuckDBPyConnection, policy: Policy, incident: Incident = NO_INCIDENT) -> list[Judged]:
    """Every unexpected recipient, in the order in which a case shows them."""
    scope = Scope(incident, policy)
    findings = [one for detector in default_detectors() for one in detector.detect(connection, scope)]
    judge(connection, findings, incident.cohort)
    rows = connection.execute(_RANKED).fetchall()
    return [Judged(rank, *row) for rank, row in enumerate(rows, 1)]


def counted(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Strangers by the number of their blind copies: a measure of how hard the exam is."""
    return [address for (address,) in connection.execute(_COUNTED).fetchall()]
