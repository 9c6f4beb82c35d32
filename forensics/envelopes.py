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
`copied` is `copies` with these two in place of everything that `messages` and `addresses` say already. They are dear to keep, too: `messages` and
`copies` are views over `mails` and `copied`, which hold numbers and sets of bits for what few rows differ in (`scope_sets`, `role_sets`, `header_sets`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import duckdb
import pyarrow as pa

from forensics.addresses import domain_of, registrable
from forensics.engine import as_written
from forensics.incident import Incident
from forensics.model import Outcome, Role, Window
from forensics.policy import Policy

__all__ = ["RECEIVED", "infer_own_domains", "lay_out"]

# Every recipient that a record names; `observed` is all observations, or as many as somebody asks for
RECEIVED = """
SELECT k.message_key, o.obs, o.source, o.kind, o.route, o.evidence, o.member, o.start AS obs_start, o."end" AS obs_end,
       r.address, r.role, r.seen, r.outcome, r.original, r.reply, r.utc, r.start, r."end"
FROM (SELECT obs, source, kind, route, evidence, member, start, "end", unnest(recipients) AS r FROM {observed}) o
JOIN joined USING (obs) JOIN keys k USING (msg)
WHERE r.address != ''
"""

_SUBMITTERS = """
SELECT split_part(sender, '@', -1) AS domain, count(DISTINCT msg) AS messages
FROM observed JOIN joined USING (obs)
WHERE direction = 'submitted' AND contains(sender, '@') GROUP BY ALL ORDER BY messages DESC, domain
"""

# Everybody who is named, and the headers that name recipients: what is read of each recipient is read once for both
_NAMED = """
CREATE OR REPLACE TEMP TABLE named AS
SELECT DISTINCT r.address, r.seen FROM (SELECT unnest(recipients) AS r FROM observed) WHERE r.address != ''
UNION SELECT DISTINCT sender, '' FROM observed WHERE sender != ''
UNION SELECT DISTINCT envelope_sender, '' FROM observed WHERE envelope_sender != ''
"""

_LISTED = """
CREATE OR REPLACE TEMP TABLE listed AS
SELECT address, (row_number() OVER (ORDER BY address) - 1)::INTEGER AS aid FROM (SELECT DISTINCT address FROM named)
"""
_ADDRESSES = pa.schema([
    ("address", pa.string()), ("domain", pa.string()), ("registrable", pa.string()), ("own", pa.bool_()), ("indicator", pa.string()),
    ("aid", pa.int32()),
])  # fmt: skip

# Which server, stream and route a source tells of a message: few differ in it
_SCOPES = """
CREATE OR REPLACE TEMP TABLE scopes AS
SELECT *, (row_number() OVER (ORDER BY server, stream, route, source))::INTEGER AS scope FROM (SELECT DISTINCT server, stream, route, source FROM observed)
"""

_ROLES = {role.value: 1 << place for place, role in enumerate(Role)}
_OUTCOMES = {outcome.value: 1 << place for place, outcome in enumerate(one for one in Outcome if one)}
_REFUSALS = sorted(("bounced", "rejected", "suppressed", "sandboxed"))


def _words(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_PROOFS = _words(("fetched", "delivered", "accepted", "attempted"))


def _bits(column: str, codes: Mapping[str, int]) -> str:
    cases = " ".join(f"WHEN '{name}' THEN {code}" for name, code in codes.items())
    return f"CASE {column} {cases} ELSE 0 END"


# Who is named with a message, and all that its records say of the copy: roles, outcomes and headers as sets of bits
_FOLDED = f"""
CREATE OR REPLACE TEMP TABLE folded AS
SELECT o.msg, a.aid, bit_or({_bits("r.role", _ROLES)})::UTINYINT AS roles, bit_or({_bits("r.outcome", _OUTCOMES)})::USMALLINT AS outcomes,
       bool_or(r.original != '') AS alias, min(r.utc) AS first_record, count(*)::INTEGER AS records, bit_or(h.bits) AS headers
FROM (SELECT j.msg, unnest(o.recipients) AS r FROM observed o JOIN joined j USING (obs)) o
JOIN addresses a ON a.address = r.address JOIN headers h ON h.name = r.seen
WHERE r.role != 'suppression' GROUP BY o.msg, a.aid
"""  # noqa: S608  constants of this module

_HEADER_SETS = """
CREATE OR REPLACE TEMP TABLE header_sets AS
SELECT s.bits, coalesce(list_sort(list(h.name) FILTER (h.name != '' AND s.bits & h.bits = h.bits)), []) AS seen
FROM (SELECT DISTINCT headers AS bits FROM folded) s CROSS JOIN headers h GROUP BY s.bits
"""

# A clock's weight: an archive's own, then how far it may be off, then trust, then time. The least is the message's time.
_WEIGHT = (
    "CASE WHEN clock IN ('from_line', 'archive') THEN 1 ELSE 0 END::HUGEINT * 1267650600228229401496703205376 + slack::HUGEINT * 37778931862957161709568"
    " + rank::HUGEINT * 147573952589676412928 + (epoch_us(utc) + 4611686018427387904)"
)

# Which of the policy's hosts a message is tied to by a log that names none: its client wrote it on that host's disk
_TIED = """
CREATE OR REPLACE TEMP TABLE tied AS
SELECT j.msg, min(h.host) AS host FROM observed o JOIN joined j USING (obs) JOIN disks h USING (evidence, member)
WHERE list_contains($local, o.source) GROUP BY j.msg HAVING count(DISTINCT h.host) = 1 AND min(h.host) != ''
"""
_LOCAL = ("mcp_log", "smtp_transcript")

# Exact clocks decide; a clock that may be hours off counts only where there is no exact one, an archive's only if alone.
_DATED = """
CREATE OR REPLACE TEMP TABLE dated AS
WITH weighed AS (
  SELECT j.msg, utc, clock, {weight} AS weight,
         CASE WHEN clock IN ('from_line', 'archive') THEN 2147483648 ELSE 0 END::BIGINT + slack AS grade, {inside} AS inside
  FROM timed JOIN joined j USING (obs) LEFT JOIN tied t ON t.msg = j.msg
)
SELECT msg, arg_min(utc, weight) AS sent_at, arg_min(clock, weight) AS clock,
       min(grade * 2 + (NOT inside)::INTEGER) % 2 = 0 AS inside, min(grade * 2 + inside::INTEGER) % 2 = 1 AS all_inside,
       min(grade) >= 2147483648 AS archive_clock_only
FROM weighed GROUP BY msg
"""

# What the observations say of a message: most messages have one only. Addresses are numbered in their order, so that the
# least number is the least address.
_SAID = """
CREATE OR REPLACE TEMP TABLE said AS
WITH known AS (
  SELECT o.obs, m.msg, o.direction = 'submitted' OR coalesce(s.own, false) OR coalesce(e.own, false) AS judged, header_known, kind = 'reject' AS attempt,
         coalesce(s.aid, -1)::INTEGER AS sid, c.scope, subject_hash
  FROM (SELECT obs, direction, header_known, kind, sender, envelope_sender, server, stream, route, source, subject_hash FROM observed) o
  LEFT JOIN merged m USING (obs) JOIN scopes c USING (server, stream, route, source)
  LEFT JOIN addresses s ON s.address = o.sender LEFT JOIN addresses e ON e.address = o.envelope_sender
)
SELECT obs AS msg, judged, header_known, attempt, sid, [scope] AS scopes, subject_hash FROM known WHERE msg IS NULL
UNION ALL
SELECT msg, bool_or(judged), bool_or(header_known), bool_and(attempt),
       coalesce(min(sid) FILTER (sid >= 0 AND header_known), min(sid) FILTER (sid >= 0), -1), list_sort(list(DISTINCT scope)), max(subject_hash)
FROM known WHERE msg IS NOT NULL GROUP BY msg
"""

_SCOPE_SETS = """
CREATE OR REPLACE TEMP TABLE scope_sets AS
WITH sets AS (SELECT scopes, (row_number() OVER (ORDER BY scopes))::INTEGER AS scope_set FROM (SELECT DISTINCT scopes FROM said))
SELECT scope_set, any_value(scopes) AS scopes, coalesce(list_sort(list(DISTINCT server) FILTER (server != '')), []) AS servers,
       coalesce(list_sort(list(DISTINCT stream) FILTER (stream != '')), []) AS streams,
       list_sort(list(DISTINCT route)) AS routes, list_sort(list(DISTINCT source)) AS sources
FROM (SELECT scope_set, scopes, unnest(scopes) AS scope FROM sets) JOIN scopes USING (scope) GROUP BY scope_set
"""

_MAILS = f"""
CREATE OR REPLACE TABLE mails AS
SELECT s.msg, k.message_key, sent_at, coalesce(d.clock, '') AS clock, coalesce(inside, true) AS in_window,
       coalesce(inside AND NOT all_inside, false) AS clocks_disagree, coalesce(archive_clock_only, false) AS archive_clock_only,
       judged, header_known, attempt, sid, scope_set, coalesce(receivers, 0)::INTEGER AS receivers, subject_hash
FROM said s JOIN scope_sets USING (scopes) JOIN keys k USING (msg) LEFT JOIN dated d USING (msg)
LEFT JOIN (SELECT msg, count(*) AS receivers FROM folded WHERE roles != {_ROLES["trace"]} GROUP BY msg) USING (msg)
"""  # noqa: S608  constants of this module

_MESSAGES = """
CREATE OR REPLACE VIEW messages AS
SELECT m.message_key, m.sent_at, m.clock, m.in_window, m.clocks_disagree, m.archive_clock_only, m.judged, m.header_known, m.attempt,
       coalesce(a.address, '') AS sender, coalesce(a.domain, '') AS sender_domain, s.servers, s.streams, s.routes, s.sources,
       m.receivers::BIGINT AS receivers, m.subject_hash, m.msg, m.sid
FROM mails m JOIN scope_sets s USING (scope_set) LEFT JOIN addresses a ON a.aid = m.sid
"""

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
       (CASE WHEN t.visible THEN 'no' WHEN (t.roles & {_ROLES["bcc"]}) != 0 OR m.header_known THEN 'yes'
             WHEN m.receivers <= 1 THEN 'no' ELSE 'unknown' END)::ENUM ('no', 'unknown', 'yes') AS blind,
       t.alias, t.roles = {_ROLES["trace"]} AS trace_only, t.roles, t.headers, t.proof::ENUM ({_PROOFS}) AS proof,
       (CASE WHEN t.proof != 'attempted' THEN t.proof
             {" ".join(f"WHEN (t.outcomes & {_OUTCOMES[one]}) != 0 THEN '{one}'" for one in _REFUSALS)} END)::ENUM ({_PROOFS}, {_words(_REFUSALS)}) AS outcome,
       t.first_record, t.records, m.sent_at, m.in_window, m.judged, m.sid, NULL::INTEGER AS entry
FROM told t JOIN mails m USING (msg)
"""  # noqa: S608  constants of this module

_COPIES = """
CREATE OR REPLACE VIEW copies AS
SELECT m.message_key, a.address, c.visible, c.blind::VARCHAR AS blind, c.alias, c.trace_only, s.roles, h.seen, c.proof::VARCHAR AS proof,
       c.outcome::VARCHAR AS outcome, c.first_record, c.records::BIGINT AS records, c.sent_at, c.in_window, c.judged, coalesce(f.address, '') AS sender,
       a.domain, a.registrable, a.own, a.indicator, c.entry::BIGINT AS entry, c.msg, c.aid
FROM copied c JOIN mails m USING (msg) JOIN addresses a USING (aid) JOIN role_sets s ON s.bits = c.roles JOIN header_sets h ON h.bits = c.headers
LEFT JOIN addresses f ON f.aid = c.sid
"""

# Which addresses an entry means, and the copies to them that it excuses; of several entries the first
_EXCUSED = """
UPDATE copied SET entry = e.entry FROM (
  WITH meant AS (
    SELECT a.aid, p.* FROM addresses a JOIN policy_entries p ON p.address = a.address WHERE a.indicator = ''
    UNION ALL
    SELECT a.aid, p.* FROM addresses a JOIN policy_entries p
    ON p.domain != '' AND (a.domain = p.domain OR ends_with(a.domain, '.' || p.domain)) WHERE a.indicator = ''
  )
  SELECT c.msg, c.aid, min(p.entry) AS entry FROM copied c JOIN meant p USING (aid)
  WHERE c.judged AND (p.any_role OR c.blind != 'no')
    AND (p.unbounded OR (c.sent_at IS NOT NULL AND (p.since IS NULL OR c.sent_at >= p.since) AND (p.until IS NULL OR c.sent_at < p.until)))
  GROUP BY ALL
) e WHERE copied.msg = e.msg AND copied.aid = e.aid
"""


def lay_out(
    connection: duckdb.DuckDBPyConnection, incident: Incident, policy: Policy, places: Mapping[str, Collection[str]] = {}
) -> None:
    """Make the detector tables from `observed` and what `stitch` made; `places` are the paths at which each evidence lies."""
    connection.execute(_NAMED)
    _classify(connection, incident, policy)
    _enter_headers(connection)
    connection.execute("DROP TABLE named")
    as_written(connection, _FOLDED)
    connection.execute(_HEADER_SETS)
    _tie(connection, policy, places)
    connection.execute(_DATED.format(weight=_WEIGHT, inside=_inside(incident, policy)))
    for statement in (_SCOPES, _SAID, _SCOPE_SETS, _MAILS):
        connection.execute(statement)
    connection.execute("CREATE OR REPLACE TEMP VIEW keys AS SELECT msg, message_key FROM mails")  # once is enough to keep them
    connection.execute("DROP TABLE said; DROP TABLE dated; DROP TABLE scopes; DROP TABLE headers; DROP TABLE IF EXISTS labels")
    connection.execute(_COPIED)
    connection.execute("DROP TABLE folded")
    _excuse(connection, policy)
    sets = [(bits, sorted(name for name, bit in _ROLES.items() if bits & bit)) for bits in range(2 * max(_ROLES.values()))]
    _enter(
        connection,
        "role_sets",
        pa.table({"bits": pa.array([bits for bits, _ in sets], pa.uint8()), "roles": [names for _, names in sets]}),
    )
    connection.execute(_MESSAGES)
    connection.execute(_COPIES)


_ROWS = 50_000  # addresses judged at a time
_LONG = 62  # names of headers that a number has bits for; evidence may bring more


def _enter_headers(connection: duckdb.DuckDBPyConnection) -> None:
    """Table `headers`: each name with its bit: in a number, or in a string of bits where a number has not enough of them."""
    names = [name for (name,) in connection.execute("SELECT DISTINCT seen FROM named WHERE seen != '' ORDER BY seen").fetchall()]
    if len(names) <= _LONG:
        bits = pa.array([0, *(1 << place for place in range(len(names)))], pa.int64())
        _enter(connection, "headers", pa.table({"name": pa.array(["", *names], pa.string()), "bits": bits}))
        return
    none = "0" * len(names)
    rows = [none, *(none[:place] + "1" + none[place + 1 :] for place in range(len(names)))]
    _enter(connection, "headers", pa.table({"name": pa.array(["", *names], pa.string()), "bits": pa.array(rows, pa.string())}))
    connection.execute("ALTER TABLE headers ALTER bits TYPE BIT")


def infer_own_domains(connection: duckdb.DuckDBPyConnection, incident: Incident) -> tuple[str, ...]:
    """Domains from which submissions were made, most used first; never a domain of an indicator."""
    rows = connection.execute(_SUBMITTERS).fetchall()
    return tuple(domain for domain, _ in rows if not incident.indicators.match(f"x@{domain}"))


def _classify(connection: duckdb.DuckDBPyConnection, incident: Incident, policy: Policy) -> None:
    """Table `addresses`: each distinct address, judged once; `aid` is its number in their order."""
    _enter(connection, "addresses", _ADDRESSES.empty_table())
    connection.execute(_LISTED)
    ((count,),) = connection.execute("SELECT count(*) FROM listed").fetchall()
    for first in range(0, count, _ROWS):
        query = "SELECT aid, address FROM listed WHERE aid >= $first AND aid < $first + $rows"
        aids, listed = connection.sql(query, params={"first": first, "rows": _ROWS}).to_arrow_table().columns
        addresses = listed.to_pylist()
        domains = [domain_of(address) for address in addresses]
        columns = [
            listed.combine_chunks(), pa.array(domains, pa.string()), pa.array(map(registrable, domains), pa.string()),
            pa.array(map(policy.is_own, addresses), pa.bool_()), pa.array(map(incident.indicators.match, addresses), pa.string()),
            aids.combine_chunks(),
        ]  # fmt: skip
        connection.register("incoming", pa.table(columns, schema=_ADDRESSES))
        connection.execute("INSERT INTO addresses SELECT * FROM incoming")
        connection.unregister("incoming")
    connection.execute("DROP TABLE listed")


def _enter(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("incoming", table)
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608  names are ours
    connection.unregister("incoming")


def _tie(connection: duckdb.DuckDBPyConnection, policy: Policy, places: Mapping[str, Collection[str]]) -> None:
    """Table `tied`: messages whose log lies in the folder of one of the policy's hosts. Evidence that lies with two is of neither."""
    query = "SELECT DISTINCT evidence, member FROM observed WHERE list_contains($local, source) ORDER BY ALL"
    found = connection.execute(query, {"local": list(_LOCAL)}).fetchall() if policy.host_windows else []
    rows = []
    for evidence, member in found:
        hosts = {policy.host_of(f"{path}/{member}" if member else path) for path in places.get(evidence, ())}
        rows.append((evidence, member, hosts.pop() if len(hosts) == 1 else ""))
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    names = ("evidence", "member", "host")
    _enter(
        connection, "disks", pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})
    )
    connection.execute(_TIED, {"local": list(_LOCAL)})
    connection.execute("DROP TABLE disks")


def _inside(incident: Incident, policy: Policy) -> str:
    """SQL: may a clock (`at`, `slack`, `server`) lie in the window? Host windows narrow it for messages of that host.

    The host is the server that a log names, if it is one of these, else the one to which the message is tied.
    """
    whole = policy.window_for(incident)
    base = _overlaps(whole)
    hosts: dict[str, list[str]] = {}
    for one in policy.host_windows:
        try:
            hosts.setdefault(one.host, []).append(_overlaps(whole.narrowed(one.window)))
        except ValueError:  # the host was exposed outside the case's window only
            hosts.setdefault(one.host, []).append("false")
    cases = " ".join(f"WHEN {_text(host)} THEN ({' OR '.join(tests)})" for host, tests in sorted(hosts.items()))
    named = ", ".join(map(_text, sorted(hosts)))
    return (
        f"CASE CASE WHEN lower(server) IN ({named}) THEN lower(server) ELSE t.host END {cases} ELSE {base} END" if cases else base
    )


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
    bounds = [(one.valid.start, one.valid.end) for one in policy.expected]
    time = pa.timestamp("us", tz="UTC")
    entries = pa.table({
        "entry": pa.array(range(len(bounds)), pa.int32()),
        "address": pa.array([one.address for one in policy.expected], pa.string()),
        "domain": pa.array([one.domain for one in policy.expected], pa.string()),
        "any_role": pa.array([one.role == "any" for one in policy.expected], pa.bool_()),
        "unbounded": pa.array([start is None and end is None for start, end in bounds], pa.bool_()),
        "since": pa.array([start for start, _ in bounds], time),
        "until": pa.array([end for _, end in bounds], time),
    })  # fmt: skip
    connection.register("policy_entries", entries)
    connection.execute(_EXCUSED)
    connection.unregister("policy_entries")
