"""Servers and streams that somebody names and that have no record: the policy, the provider's own lists, and empty answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import duckdb

from forensics.coverage.collected import Collection
from forensics.coverage.compared import Lack
from forensics.coverage.scopes import Beside, Lane, Stretch
from forensics.policy import Policy

__all__ = ["expired", "unheard", "unnamed"]

_EMPTY = """
SELECT s.source, s.scope, s.route, coalesce(t.server, ''), coalesce(t.stream, ''), count(*) AS answers
FROM statements s LEFT JOIN tracked t USING (evidence) WHERE kind = 'empty' AND NOT list_contains($papers, s.evidence) GROUP BY ALL ORDER BY ALL
"""
# A stream's note is its server; an inbound stream sends nothing
_LISTED = """
SELECT DISTINCT s.source, s.kind, s.scope, CASE WHEN s.kind = 'listed_stream' THEN coalesce(nullif(s.note, ''), t.server, '') ELSE '' END AS server, s.evidence
FROM statements s LEFT JOIN tracked t USING (evidence)
WHERE s.kind IN ('listed_server', 'listed_stream') AND s.scope != '' AND NOT (s.kind = 'listed_stream' AND s.scope = 'inbound') ORDER BY ALL
"""
_NONE = "and no record in the evidence comes from it"

Bounded = tuple[datetime | None, datetime | None]


def unheard(
    connection: duckdb.DuckDBPyConnection,
    lanes: Sequence[Lane],
    shows: Mapping[str, frozenset[str]],
    policy: Policy,
    beside: Beside,
    bounded: Bounded,
) -> Iterator[Stretch]:
    """A row for every server and stream that ought to have records and has none; each once, the policy's word first."""
    told: set[tuple[str, str]] = set()
    for one in (
        *_of_policy(lanes, policy, bounded),
        *_of_lists(connection, lanes, shows, beside.collections, bounded),
        *_of_nobody(lanes, beside.lacks, shows, bounded),
    ):
        if (one.source, one.scope) not in told:
            told.add((one.source, one.scope))
            yield one


def _of_policy(lanes: Sequence[Lane], policy: Policy, bounded: Bounded) -> Iterator[Stretch]:
    known, routes = {lane.name for lane in lanes}, {lane.source: lane.route for lane in lanes}
    for server in policy.servers:
        for stream in server.streams or ("",):
            name = "/".join(part for part in (server.server, stream) if part)
            if name in known or (not stream and any(one.startswith(name + "/") for one in known)):
                continue
            nameless = [
                lane for lane in lanes if lane.source == server.provider and not lane.server and stream in ("", lane.stream)
            ]
            peers = [one for one in policy.servers if one.provider == server.provider and one.server != server.server]
            if nameless and not peers:
                continue  # the export names no server, and there is no other that it could be of
            note = f"the policy names it, {_NONE}"
            if nameless:
                note += ", unless records that name no server are its own"
            yield Stretch(server.provider, name, routes.get(server.provider, "api"), "", *bounded, 0, "unknown", note)


def _of_lists(
    connection: duckdb.DuckDBPyConnection,
    lanes: Sequence[Lane],
    shows: Mapping[str, frozenset[str]],
    collections: Sequence[Collection],
    bounded: Bounded,
) -> Iterator[Stretch]:
    """Servers and streams of a provider's own lists. Of a server that was collected, the streams are those that it was asked for."""
    listed = connection.execute(_LISTED).fetchall()
    servers = {(source, scope) for source, kind, scope, _, _ in listed if kind == "listed_server"}
    for source, kind, scope, server, evidence in listed:
        own = [lane for lane in lanes if lane.source == source and lane.route == "api"]
        asked = {one.server for lane in own for one in lane.collected}
        collection = next((one for one in collections if evidence in one.files and one.is_finished), None)
        nameless = [lane for lane in own if not lane.server]
        alone = sum(one == source for one, _ in servers) <= 1
        if kind == "listed_server":
            if any(lane.server == scope for lane in own) or (nameless and alone):
                continue
            name, note = scope, f"the provider's own list names it, {_NONE}"
        else:
            streams = {lane.stream for lane in own if lane.server == server or (alone and not (lane.server and server))}
            if scope in streams or (server in asked and collection is not None):
                continue
            name = "/".join(part for part in (server, scope) if part)
            note = f"the provider's own list of streams names it, {_NONE}"
        if nameless and not alone:
            note += ", unless records that name no server are its own"
        start, end, status = *bounded, "unknown"
        if collection is not None and start is not None and end is not None:
            start, end, status = max(collection.start, start), min(collection.end, end), "gap"
            note = f"the collection met it in the provider's list, and has no answer of it: {note}"
            if start >= end:
                start, end, status = *bounded, "unknown"
        yield Stretch(source, name, "api", "; ".join(sorted(shows.get(source, frozenset()))), start, end, 0, status, note)


def _of_nobody(
    lanes: Sequence[Lane], lacks: Sequence[Lack], shows: Mapping[str, frozenset[str]], bounded: Bounded
) -> Iterator[Stretch]:
    """Mail that went through a provider and is in none of its records: another server, another account, or less than all was exported.

    Where an export lacks as many by its own count, and says so in its own row, that is where they are.
    """
    for provider in sorted({one.provider for one in lacks if one.holder is None}):
        nowhere = sum(one.messages for one in lacks if one.holder is None and one.provider == provider)
        if nowhere <= sum(max(lane.total - lane.in_hand, 0) for lane in lanes if lane.source == provider):
            continue
        told = "; ".join(one.sentence().rstrip(".") for one in lacks if one.holder is None and one.provider == provider)
        note = (
            f"{told}: a server or stream that nobody exported, a service that sends in your name, or an export that is not whole"
        )
        shown = "; ".join(sorted(shows.get(provider, frozenset())))
        yield Stretch(provider, f"{provider} server not known", "api", shown, *bounded, 0, "unknown", note)


def expired(
    connection: duckdb.DuckDBPyConnection,
    shows: Mapping[str, frozenset[str]],
    collections: Sequence[Collection],
    bounded: Bounded,
) -> Iterator[Stretch]:
    """Answers without a row, but those of a finished collection, whose papers say what they mean."""
    papers = sorted({evidence for one in collections if one.streams for evidence in one.files})
    for source, scope, route, server, stream, answers in connection.execute(_EMPTY, {"papers": papers}).fetchall():
        many = "1 answer" if answers == 1 else f"{answers:,} answers"
        note = f"{many} of the provider held no row: retention has passed or nothing was asked; this is no proof of absence"
        name = "/".join(dict.fromkeys(part for part in (server, stream, scope) if part))
        yield Stretch(source, name, route, "; ".join(sorted(shows.get(source, frozenset()))), *bounded, 0, "expired", note)


def unnamed(found: Sequence[Stretch], policy: Policy, bounded: Bounded) -> Iterator[Stretch]:
    """Where mail servers' logs account for all of the window, and nobody has said which servers there are: the others."""
    answering = [one for one in found if one.answers]
    if answering and not policy.servers and all(one.status == "covered" and one.route == "smtp" for one in answering):
        note = "no policy names the servers ([[servers]]): a mail server's log says nothing of mail that went through a provider's API or another host"
        yield Stretch("", "servers that no policy names", "api", "", *bounded, 0, "unknown", note)
