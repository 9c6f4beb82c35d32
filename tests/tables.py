"""Tiny cases for the rooms that work on tables: observations in a readable notation, and DuckDB over them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import duckdb

from forensics.columns import Encoder, statement_table
from forensics.envelopes import lay_out
from forensics.incident import NO_INCIDENT, Incident
from forensics.model import Direction, Finding, Fragment, Observation, Outcome, Reading, Recipient, Role, Route, Span, Statement
from forensics.pipeline.audit import chosen_detectors
from forensics.plugins import Scope, discover
from forensics.policy import Policy
from forensics.stitch import stitch
from forensics.verdicts import judge

ACME = Policy(domains=("acme.example",))
START = datetime(2025, 9, 17, tzinfo=UTC)

_places = itertools.count(0, 100)


def day(number: float) -> datetime:
    """A time so many days after the window's start; negative is before."""
    return START + timedelta(days=number)


def sent(
    at: datetime | None,
    sender: str = "app@acme.example",
    to: str = "",
    cc: str = "",
    bcc: str = "",
    envelope: str = "",
    *,
    outcome: Outcome = Outcome.ACCEPTED,
    message_id: str = "",
    ids: Sequence[str] = (),
    source: str = "postmark",
    kind: str = "search",
    route: Route = Route.API,
    subject: str = "",
    clock: str = "received_at",
    slack: int = 0,
    header_known: bool | None = None,
    trace: str = "",
    server: str = "",
    stream: str = "",
    original: str = "",
    facts: Sequence[tuple[str, str]] = (),
    direction: Direction = Direction.UNKNOWN,
) -> Observation:
    """One observation; recipients as words parted by blanks. `outcome` is that of Bcc and envelope recipients."""
    place = next(_places)
    recipients = [
        *(Recipient(one, Role.TO) for one in to.split()),
        *(Recipient(one, Role.CC) for one in cc.split()),
        *(Recipient(one, Role.BCC, outcome) for one in bcc.split()),
        *(Recipient(one, Role.ENVELOPE, outcome, original=original, at=at) for one in envelope.split()),
        *(Recipient(one, Role.TRACE) for one in trace.split()),
    ]
    return Observation(
        span=Span("e" * 16, "", place, place + 100), source=source, kind=kind, route=route, direction=direction, server=server,
        stream=stream, message_id=message_id, ids=tuple(ids), sender=sender, subject=subject,
        readings=(Reading(clock, at, slack),) if at else (), recipients=tuple(recipients),
        header_known=bool(to or cc) if header_known is None else header_known, facts=tuple(facts),
    )  # fmt: skip


def tables(
    observations: Iterable[Observation],
    policy: Policy = ACME,
    incident: Incident = NO_INCIDENT,
    statements: Sequence[Statement] = (),
) -> duckdb.DuckDBPyConnection:
    """Stitched and laid out, ready for detectors."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    encoder = Encoder(b"k" * 32, lambda text: text)
    for number, observation in enumerate(observations):
        encoder.add(Fragment(str(number), observation))
    connection.register("observations_arrow", encoder.table())
    connection.execute("CREATE TABLE observed AS SELECT 7 * row_number() OVER () AS obs, * FROM observations_arrow")
    connection.register("statements_arrow", statement_table(statements))
    connection.execute("CREATE TABLE statements AS SELECT * FROM statements_arrow")
    stitch(connection)
    lay_out(connection, incident, policy)
    return connection


def findings(
    connection: duckdb.DuckDBPyConnection, detector: str, policy: Policy = ACME, incident: Incident = NO_INCIDENT
) -> dict[str, Finding]:
    """What one detector says, by address."""
    plugin = next(one.plugin for one in discover("detectors") if one.name == detector)
    found = list(plugin.detect(connection, Scope(incident, policy)))
    assert len({one.address for one in found}) == len(found)
    return {one.address: one for one in found}


def judged(
    observations: Iterable[Observation], policy: Policy = ACME, incident: Incident = NO_INCIDENT, detectors: Sequence[str] = ()
) -> dict[str, tuple[str, str, str]]:
    """message_key -> (place, verdict, proof), by the default detectors and those that are asked for."""
    connection = tables(observations, policy, incident)
    found = [one for detector in chosen_detectors(detectors) for one in detector.detect(connection, Scope(incident, policy))]
    judge(connection, found, incident.cohort)
    rows = connection.execute("SELECT message_key, place, verdict, proof FROM message_verdicts ORDER BY 1").fetchall()
    return {key: (place, verdict, proof) for key, place, verdict, proof in rows}
