"""Envelope minus header: per message who received a copy, who was shown as receiving one, and what became of each copy.

The tables that detectors see (DETECTOR TABLES), all in UTC:

`messages`  message_key, sent_at, clock (which of its clocks that is: the most exact, then the most trusted), in_window,
            clocks_disagree (some of them lie in the window, others do not: it counts as inside), archive_clock_only, judged,
            header_known, attempt (refused at RCPT, no message came about), sender, sender_domain, servers, streams, routes,
            sources, receivers (distinct addresses that got a copy), subject_hash
`copies`    message_key, address, visible, blind (yes, no, unknown), alias, trace_only, roles, seen (headers that name it),
            proof, outcome, first_record, records, entry (number of the policy entry that excuses it, else NULL); with the message's sent_at, in_window,
            judged, sender, and the address's domain, registrable, own, indicator
`addresses` address, domain, registrable, own, indicator
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pandas as pd

from forensics.addresses import domain_of, is_within, registrable
from forensics.incident import Incident
from forensics.model import Window
from forensics.policy import Policy

__all__ = ["infer_own_domains", "lay_out"]

_RECEIVED = """
CREATE OR REPLACE TEMP TABLE named_recipients AS
SELECT l.message_key, l.obs, o.source, o.kind, o.route, o.evidence, o.member, o.start AS obs_start, o."end" AS obs_end,
       r.address, r.role, r.seen, r.outcome, r.original, r.reply, r.utc, r.start, r."end"
FROM (SELECT obs, source, kind, route, evidence, member, start, "end", unnest(recipients) AS r FROM observed) o
JOIN links l USING (obs)
WHERE r.address != ''
"""

_SUBMITTERS = """
SELECT split_part(sender, '@', -1) AS domain, count(DISTINCT message_key) AS messages
FROM observed JOIN links USING (obs)
WHERE direction = 'submitted' AND contains(sender, '@') GROUP BY ALL ORDER BY messages DESC, domain
"""

# Exact clocks decide; a clock that may be hours off counts only where there is no exact one, an archive's only if alone.
_MESSAGES = """
CREATE OR REPLACE TABLE messages AS
WITH clocks AS (
  SELECT message_key, clock, utc, slack, rank, o.server,
         min(slack) OVER (PARTITION BY message_key, clock IN ('from_line', 'archive')) AS least,
         bool_or(clock NOT IN ('from_line', 'archive')) OVER (PARTITION BY message_key) AS better
  FROM timed JOIN links USING (obs) JOIN (SELECT obs, server FROM observed) o USING (obs)
),
counting AS (
  SELECT *, {inside} AS inside FROM clocks WHERE slack = least AND (clock NOT IN ('from_line', 'archive') OR NOT better)
),
dated AS (
  SELECT message_key, arg_min(utc, (slack, rank, utc)) AS sent_at, arg_min(clock, (slack, rank, utc)) AS clock,
         bool_or(inside) AS inside, bool_or(inside) AND NOT bool_and(inside) AS clocks_disagree, NOT bool_or(better) AS archive_clock_only
  FROM counting GROUP BY message_key
),
said AS (
  SELECT message_key,
         bool_or(o.direction = 'submitted' OR coalesce(s.own, false) OR coalesce(e.own, false)) AS judged,
         bool_or(header_known) AS header_known, bool_and(o.kind = 'reject') AS attempt,
         coalesce(min(o.sender) FILTER (o.sender != '' AND header_known), min(o.sender) FILTER (o.sender != ''), '') AS sender,
         coalesce(list_sort(list_distinct(list(o.server) FILTER (o.server != ''))), []) AS servers,
         coalesce(list_sort(list_distinct(list(o.stream) FILTER (o.stream != ''))), []) AS streams,
         list_sort(list_distinct(list(o.route))) AS routes,
         list_sort(list_distinct(list(o.source))) AS sources,
         max(o.subject_hash) AS subject_hash
  FROM observed o JOIN links USING (obs)
  LEFT JOIN addresses s ON s.address = o.sender LEFT JOIN addresses e ON e.address = o.envelope_sender
  GROUP BY message_key
),
counted AS (
  SELECT message_key, count(DISTINCT address) FILTER (role NOT IN ('trace', 'suppression')) AS receivers
  FROM named_recipients GROUP BY message_key
)
SELECT message_key, sent_at, coalesce(dated.clock, '') AS clock, coalesce(inside, true) AS in_window,
       coalesce(clocks_disagree, false) AS clocks_disagree, coalesce(archive_clock_only, false) AS archive_clock_only,
       judged, header_known, attempt, sender, coalesce(a.domain, '') AS sender_domain, servers, streams, routes, sources,
       coalesce(receivers, 0) AS receivers, subject_hash
FROM said LEFT JOIN dated USING (message_key) LEFT JOIN counted USING (message_key) LEFT JOIN addresses a ON a.address = sender
ORDER BY message_key
"""

# The best that any record says of a copy: an open beats a delivery, a delivery any later bounce, and a refusal that
# came after the content had left is no refusal.
_COPIES = """
CREATE OR REPLACE TABLE copies AS
WITH folded AS (
  SELECT message_key, address,
         bool_or(role IN ('to', 'cc')) AS visible, bool_or(role = 'bcc') AS named_blind,
         bool_and(role = 'trace') AS trace_only, bool_or(original != '') AS alias,
         list_sort(list_distinct(list(role))) AS roles,
         coalesce(list_sort(list_distinct(list(seen) FILTER (seen != ''))), []) AS seen,
         CASE WHEN bool_or(outcome = 'fetched') THEN 'fetched'
              WHEN bool_or(outcome = 'delivered') THEN 'delivered'
              WHEN bool_or(outcome = 'refused_after_data') THEN 'accepted'
              WHEN bool_or(outcome IN ('bounced', 'rejected', 'suppressed', 'sandboxed')) THEN 'attempted'
              ELSE 'accepted' END AS proof,
         coalesce(min(outcome) FILTER (outcome IN ('bounced', 'rejected', 'suppressed', 'sandboxed')), '') AS refusal,
         min(utc) AS first_record, count(*) AS records
  FROM named_recipients WHERE role != 'suppression' GROUP BY message_key, address
)
SELECT f.message_key, f.address, f.visible,
       CASE WHEN f.named_blind AND NOT f.visible THEN 'yes' WHEN f.visible THEN 'no' WHEN m.header_known THEN 'yes'
            WHEN m.receivers <= 1 THEN 'no' ELSE 'unknown' END AS blind,
       f.alias, f.trace_only, f.roles, f.seen, f.proof, CASE WHEN f.proof = 'attempted' THEN f.refusal ELSE f.proof END AS outcome,
       f.first_record, f.records, m.sent_at, m.in_window, m.judged, m.sender, a.domain, a.registrable, a.own, a.indicator
FROM folded f JOIN messages m USING (message_key) JOIN addresses a USING (address)
ORDER BY f.message_key, f.address
"""

_EXCUSED = """
CREATE OR REPLACE TABLE copies AS
SELECT c.*, e.entry
FROM copies c LEFT JOIN (
  SELECT c.message_key, c.address, min(p.entry) AS entry
  FROM copies c JOIN policy_entries p USING (address)
  WHERE c.judged AND c.indicator = '' AND (p.any_role OR c.blind != 'no')
    AND (p.unbounded OR (c.sent_at IS NOT NULL AND (p.since IS NULL OR c.sent_at >= p.since) AND (p.until IS NULL OR c.sent_at < p.until)))
  GROUP BY ALL
) e USING (message_key, address)
ORDER BY message_key, address
"""


def lay_out(connection: duckdb.DuckDBPyConnection, incident: Incident, policy: Policy) -> None:
    """Make the detector tables from `observed`, `timed` and `links` of `stitch`."""
    connection.execute(_RECEIVED)
    _classify(connection, incident, policy)
    connection.execute(_MESSAGES.format(inside=_inside(incident, policy)))
    connection.execute(_COPIES)
    _excuse(connection, policy)


def infer_own_domains(connection: duckdb.DuckDBPyConnection, incident: Incident) -> tuple[str, ...]:
    """Domains from which submissions were made, most used first; never a domain of an indicator."""
    rows = connection.execute(_SUBMITTERS).fetchall()
    return tuple(domain for domain, _ in rows if not incident.indicators.match(f"x@{domain}"))


def _classify(connection: duckdb.DuckDBPyConnection, incident: Incident, policy: Policy) -> None:
    """Table `addresses`: each distinct address, judged once."""
    found = connection.execute("""
        SELECT address FROM (
          SELECT address FROM named_recipients UNION SELECT sender FROM observed UNION SELECT envelope_sender FROM observed
        ) WHERE address != '' ORDER BY address
    """).fetchall()
    listed = [address for (address,) in found]
    domains = [domain_of(address) for address in listed]
    frame = pd.DataFrame(
        {
            "address": pd.array(listed, "string"),
            "domain": pd.array(domains, "string"),
            "registrable": pd.array([registrable(domain) for domain in domains], "string"),
            "own": pd.array([policy.is_own(address) for address in listed], "bool"),
            "indicator": pd.array([incident.indicators.match(address) for address in listed], "string"),
        }
    )
    connection.register("incoming", frame)
    connection.execute("CREATE OR REPLACE TABLE addresses AS SELECT * FROM incoming ORDER BY address")
    connection.unregister("incoming")


def _inside(incident: Incident, policy: Policy) -> str:
    """SQL: may a clock (`at`, `slack`, `server`) lie in the window? Host windows narrow it for messages of that host."""
    whole = policy.window_for(incident)
    base = _overlaps(whole)
    hosts: dict[str, list[str]] = {}
    for one in policy.host_windows:
        try:
            hosts.setdefault(one.host, []).append(_overlaps(whole.narrowed(one.window)))
        except ValueError:  # the host was exposed outside the case's window only
            hosts.setdefault(one.host, []).append("false")
    cases = " ".join(f"WHEN {_text(host)} THEN ({' OR '.join(tests)})" for host, tests in sorted(hosts.items()))
    return f"CASE lower(server) {cases} ELSE {base} END" if cases else base


def _overlaps(window: Window) -> str:
    tests = []
    if window.start is not None:
        tests.append(f"utc + to_seconds(slack) >= TIMESTAMPTZ '{window.start.isoformat()}'")
    if window.end is not None:
        tests.append(f"utc - to_seconds(slack) < TIMESTAMPTZ '{window.end.isoformat()}'")
    return f"({' AND '.join(tests)})" if tests else "true"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _excuse(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    found = connection.execute("SELECT address, domain FROM addresses ORDER BY address").fetchall()
    rows = list(_entries(found, policy))
    names = ("address", "entry", "any_role", "unbounded", "since", "until")
    frame = pd.DataFrame({name: [row[i] for row in rows] for i, name in enumerate(names)})
    frame = frame.astype({"address": "string", "entry": "int64", "any_role": "bool", "unbounded": "bool"})
    for edge in ("since", "until"):
        frame[edge] = pd.to_datetime(frame[edge], utc=True)
    connection.register("policy_entries", frame)
    connection.execute(_EXCUSED)
    connection.unregister("policy_entries")


def _entries(found: list[tuple[str, str]], policy: Policy) -> Iterator[tuple[object, ...]]:
    for number, one in enumerate(policy.expected):
        bounded = one.valid.start is not None or one.valid.end is not None
        for address, domain in found:
            if address == one.address or is_within(domain, one.domain):
                yield address, number, one.role == "any", not bounded, one.valid.start, one.valid.end
