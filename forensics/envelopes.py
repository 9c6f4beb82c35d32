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

Strings are dear to join by: `messages` has a number for each message too (`msg`) and that of its sender (`sid`), `addresses` one for each (`aid`), and
`copied` is `copies` with these two in place of everything that `messages` and `addresses` say already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb
import pyarrow as pa

from forensics.addresses import domain_of, is_within, registrable
from forensics.incident import Incident
from forensics.model import Outcome, Role, Window
from forensics.policy import Policy

__all__ = ["infer_own_domains", "lay_out"]

_RECEIVED = """
CREATE OR REPLACE TEMP VIEW named_recipients AS
SELECT k.message_key, o.obs, o.source, o.kind, o.route, o.evidence, o.member, o.start AS obs_start, o."end" AS obs_end,
       r.address, r.role, r.seen, r.outcome, r.original, r.reply, r.utc, r.start, r."end"
FROM (SELECT obs, source, kind, route, evidence, member, start, "end", unnest(recipients) AS r FROM observed) o
JOIN joined USING (obs) JOIN keys k USING (msg)
WHERE r.address != ''
"""

_SUBMITTERS = """
SELECT split_part(sender, '@', -1) AS domain, count(DISTINCT msg) AS messages
FROM observed JOIN joined USING (obs)
WHERE direction = 'submitted' AND contains(sender, '@') GROUP BY ALL ORDER BY messages DESC, domain
"""

_ADDRESSES = """
SELECT address FROM (
  SELECT unnest(recipients).address AS address FROM observed UNION SELECT sender FROM observed UNION SELECT envelope_sender FROM observed
) WHERE address != '' ORDER BY address
"""

_ROLES = {role.value: 1 << place for place, role in enumerate(Role)}
_OUTCOMES = {outcome.value: 1 << place for place, outcome in enumerate(one for one in Outcome if one)}
_REFUSALS = sorted(("bounced", "rejected", "suppressed", "sandboxed"))


def _bits(column: str, codes: Mapping[str, int]) -> str:
    cases = " ".join(f"WHEN '{name}' THEN {code}" for name, code in codes.items())
    return f"CASE {column} {cases} ELSE 0 END"


# Who is named with a message, and all that its records say of the copy: roles and outcomes as sets of bits
_FOLDED = f"""
CREATE OR REPLACE TEMP TABLE folded AS
SELECT j.msg, a.aid, bit_or({_bits("r.role", _ROLES)}) AS roles, bit_or({_bits("r.outcome", _OUTCOMES)}) AS outcomes,
       bool_or(r.original != '') AS alias, min(r.utc) AS first_record, count(*) AS records, min(r.seen) FILTER (r.seen != '') AS seen,
       max(r.seen) AS also
FROM (SELECT obs, unnest(recipients) AS r FROM observed) o JOIN joined j USING (obs) JOIN addresses a ON a.address = r.address
WHERE r.role != 'suppression' GROUP BY j.msg, a.aid
"""  # noqa: S608  constants of this module

# Where more than one header names a recipient
_HEADERS = """
CREATE OR REPLACE TEMP TABLE headers AS
SELECT j.msg, a.aid, list_sort(list(DISTINCT r.seen)) AS listed
FROM (SELECT obs, unnest(recipients) AS r FROM observed) o JOIN joined j USING (obs) JOIN addresses a ON a.address = r.address
SEMI JOIN (SELECT msg, aid FROM folded WHERE seen != also) f ON f.msg = j.msg AND f.aid = a.aid
WHERE r.seen != '' AND r.role != 'suppression' GROUP BY j.msg, a.aid
"""

# A clock's weight: an archive's own, then how far it may be off, then trust, then time. The least is the message's time.
_WEIGHT = (
    "CASE WHEN clock IN ('from_line', 'archive') THEN 1 ELSE 0 END::HUGEINT * 1267650600228229401496703205376 + slack::HUGEINT * 37778931862957161709568"
    " + rank::HUGEINT * 147573952589676412928 + (epoch_us(utc) + 4611686018427387904)"
)

# Exact clocks decide; a clock that may be hours off counts only where there is no exact one, an archive's only if alone.
_DATED = """
CREATE OR REPLACE TEMP TABLE dated AS
WITH weighed AS (
  SELECT j.msg, utc, clock, {weight} AS weight,
         CASE WHEN clock IN ('from_line', 'archive') THEN 2147483648 ELSE 0 END::BIGINT + slack AS grade, {inside} AS inside
  FROM timed JOIN joined j USING (obs)
)
SELECT msg, arg_min(utc, weight) AS sent_at, arg_min(clock, weight) AS clock,
       min(grade * 2 + (NOT inside)::INTEGER) % 2 = 0 AS inside, min(grade * 2 + inside::INTEGER) % 2 = 1 AS all_inside,
       min(grade) >= 2147483648 AS archive_clock_only
FROM weighed GROUP BY msg
"""

# What the observations say of a message: most messages have one only
_SAID = """
CREATE OR REPLACE TEMP TABLE said AS
WITH known AS (
  SELECT o.*, o.direction = 'submitted' OR coalesce(s.own, false) OR coalesce(e.own, false) AS judged
  FROM (SELECT obs, direction, header_known, kind, sender, envelope_sender, server, stream, route, source, subject_hash FROM observed) o
  LEFT JOIN addresses s ON s.address = o.sender LEFT JOIN addresses e ON e.address = o.envelope_sender
)
SELECT obs AS msg, judged, header_known, kind = 'reject' AS attempt, sender,
       CASE WHEN server = '' THEN []::VARCHAR[] ELSE [server] END AS servers,
       CASE WHEN stream = '' THEN []::VARCHAR[] ELSE [stream] END AS streams, [route] AS routes, [source] AS sources, subject_hash
FROM known ANTI JOIN merged USING (obs)
UNION ALL
SELECT msg, bool_or(judged), bool_or(header_known), bool_and(kind = 'reject'),
       coalesce(min(sender) FILTER (sender != '' AND header_known), min(sender) FILTER (sender != ''), ''),
       coalesce(list_sort(list(DISTINCT server) FILTER (server != '')), []), coalesce(list_sort(list(DISTINCT stream) FILTER (stream != '')), []),
       list_sort(list(DISTINCT route)), list_sort(list(DISTINCT source)), max(subject_hash)
FROM known JOIN merged USING (obs) GROUP BY msg
"""

_MESSAGES = f"""
CREATE OR REPLACE TABLE messages AS
SELECT k.message_key, sent_at, coalesce(d.clock, '') AS clock, coalesce(inside, true) AS in_window,
       coalesce(inside AND NOT all_inside, false) AS clocks_disagree, coalesce(archive_clock_only, false) AS archive_clock_only,
       judged, header_known, attempt, sender, coalesce(a.domain, '') AS sender_domain, servers, streams, routes, sources,
       coalesce(receivers, 0) AS receivers, subject_hash, s.msg, coalesce(a.aid, -1) AS sid
FROM said s JOIN keys k USING (msg) LEFT JOIN dated d USING (msg) LEFT JOIN addresses a ON a.address = s.sender
LEFT JOIN (SELECT msg, count(*) AS receivers FROM folded WHERE roles != {_ROLES["trace"]} GROUP BY msg) USING (msg)
"""  # noqa: S608  constants of this module

# The best that any record says of a copy: an open beats a delivery, a delivery any later bounce, and a refusal that
# came after the content had left is no refusal.
_COPIED = f"""
CREATE OR REPLACE TEMP TABLE copied AS
WITH told AS (
  SELECT *, (roles & {_ROLES["to"] | _ROLES["cc"]}) != 0 AS visible,
         CASE WHEN (outcomes & {_OUTCOMES["fetched"]}) != 0 THEN 'fetched' WHEN (outcomes & {_OUTCOMES["delivered"]}) != 0 THEN 'delivered'
              WHEN (outcomes & {_OUTCOMES["refused_after_data"]}) != 0 THEN 'accepted'
              WHEN (outcomes & {sum(_OUTCOMES[one] for one in _REFUSALS)}) != 0 THEN 'attempted' ELSE 'accepted' END AS proof
  FROM folded
)
SELECT t.msg, t.aid, t.visible,
       CASE WHEN t.visible THEN 'no' WHEN (t.roles & {_ROLES["bcc"]}) != 0 OR m.header_known THEN 'yes'
            WHEN m.receivers <= 1 THEN 'no' ELSE 'unknown' END AS blind,
       t.alias, t.roles = {_ROLES["trace"]} AS trace_only, t.roles, coalesce(h.listed, CASE WHEN t.seen IS NULL THEN [] ELSE [t.seen] END) AS seen, t.proof,
       CASE WHEN t.proof != 'attempted' THEN t.proof
            {" ".join(f"WHEN (t.outcomes & {_OUTCOMES[one]}) != 0 THEN '{one}'" for one in _REFUSALS)} END AS outcome,
       t.first_record, t.records, m.sent_at, m.in_window, m.judged, m.sid, NULL::BIGINT AS entry
FROM told t JOIN messages m USING (msg) LEFT JOIN headers h ON h.msg = t.msg AND h.aid = t.aid
"""  # noqa: S608  constants of this module

_COPIES = """
CREATE OR REPLACE VIEW copies AS
SELECT m.message_key, a.address, c.visible, c.blind, c.alias, c.trace_only, s.roles, c.seen, c.proof, c.outcome, c.first_record, c.records,
       c.sent_at, c.in_window, c.judged, m.sender, a.domain, a.registrable, a.own, a.indicator, c.entry, c.msg, c.aid
FROM copied c JOIN messages m USING (msg) JOIN addresses a USING (aid) JOIN role_sets s ON s.bits = c.roles
"""

_EXCUSED = """
UPDATE copied SET entry = e.entry FROM (
  SELECT c.msg, c.aid, min(p.entry) AS entry
  FROM copied c JOIN addresses a USING (aid) JOIN policy_entries p USING (address)
  WHERE c.judged AND a.indicator = '' AND (p.any_role OR c.blind != 'no')
    AND (p.unbounded OR (c.sent_at IS NOT NULL AND (p.since IS NULL OR c.sent_at >= p.since) AND (p.until IS NULL OR c.sent_at < p.until)))
  GROUP BY ALL
) e WHERE copied.msg = e.msg AND copied.aid = e.aid
"""


def lay_out(connection: duckdb.DuckDBPyConnection, incident: Incident, policy: Policy) -> None:
    """Make the detector tables from `observed` and what `stitch` made."""
    connection.execute(_RECEIVED)
    _classify(connection, incident, policy)
    connection.execute(_FOLDED)
    connection.execute(_HEADERS)
    connection.execute(_DATED.format(weight=_WEIGHT, inside=_inside(incident, policy)))
    connection.execute(_SAID)
    connection.execute(_MESSAGES)
    connection.execute("DROP TABLE said; DROP TABLE dated")
    connection.execute(_COPIED)
    connection.execute("DROP TABLE folded; DROP TABLE headers")
    _excuse(connection, policy)
    sets = [(bits, sorted(name for name, bit in _ROLES.items() if bits & bit)) for bits in range(2 * max(_ROLES.values()))]
    _enter(connection, "role_sets", pa.table({"bits": [bits for bits, _ in sets], "roles": [names for _, names in sets]}))
    connection.execute(_COPIES)


def infer_own_domains(connection: duckdb.DuckDBPyConnection, incident: Incident) -> tuple[str, ...]:
    """Domains from which submissions were made, most used first; never a domain of an indicator."""
    rows = connection.execute(_SUBMITTERS).fetchall()
    return tuple(domain for domain, _ in rows if not incident.indicators.match(f"x@{domain}"))


def _classify(connection: duckdb.DuckDBPyConnection, incident: Incident, policy: Policy) -> None:
    """Table `addresses`: each distinct address, judged once; `aid` is its number in their order."""
    listed = [address for (address,) in connection.execute(_ADDRESSES).fetchall()]
    domains = [domain_of(address) for address in listed]
    columns = {
        "address": pa.array(listed, pa.string()),
        "domain": pa.array(domains, pa.string()),
        "registrable": pa.array([registrable(domain) for domain in domains], pa.string()),
        "own": pa.array([policy.is_own(address) for address in listed], pa.bool_()),
        "indicator": pa.array([incident.indicators.match(address) for address in listed], pa.string()),
        "aid": pa.array(range(len(listed)), pa.int64()),
    }
    _enter(connection, "addresses", pa.table(columns))


def _enter(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("incoming", table)
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608  names are ours
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
    if not policy.expected:
        return
    found = connection.execute("SELECT address, domain FROM addresses ORDER BY address").fetchall()
    rows = list(_entries(found, policy))
    schema = pa.schema([
        ("address", pa.string()), ("entry", pa.int64()), ("any_role", pa.bool_()), ("unbounded", pa.bool_()),
        ("since", pa.timestamp("us", tz="UTC")), ("until", pa.timestamp("us", tz="UTC")),
    ])  # fmt: skip
    columns = [pa.array([row[i] for row in rows], field.type) for i, field in enumerate(schema)]
    connection.register("policy_entries", pa.table(columns, schema=schema))
    connection.execute(_EXCUSED)
    connection.unregister("policy_entries")


def _entries(found: list[tuple[str, str]], policy: Policy) -> Iterator[tuple[object, ...]]:
    for number, one in enumerate(policy.expected):
        bounded = one.valid.start is not None or one.valid.end is not None
        for address, domain in found:
            if address == one.address or is_within(domain, one.domain):
                yield address, number, one.role == "any", not bounded, one.valid.start, one.valid.end
