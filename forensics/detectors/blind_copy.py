"""Who got blind copies that nobody expects, and does the pattern look like a slipped-in collector?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from forensics.dates import readable, zulu
from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

# A collector shows in a handful of messages of unrelated threads; a colleague in copy stays in a thread or two.
MIN_MESSAGES = 5
MIN_THREADS = 4
# Below this many earlier messages of the same senders, "never seen before" means nothing.
MIN_BASELINE = 20
# Without earlier mail, or without knowing To and Cc, only near-complete coverage tells a collector from a customer.
ALONE_SHARE, HEADERLESS_SHARE = 0.8, 0.5

# Mailboxes that anybody can open: one owner's address says nothing of another's.
_SHARED = (
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "me.com", "aol.com",
    "gmx.de", "gmx.net", "web.de", "proton.me", "protonmail.com", "mail.ru", "yandex.ru", "qq.com", "163.com", "freemail.example",
)  # fmt: skip

_UNITS = f"""
CREATE OR REPLACE TEMP TABLE units AS
SELECT aid, address, CASE WHEN registrable IN ({", ".join(f"'{one}'" for one in _SHARED)}) OR registrable = '' THEN address
                     ELSE registrable END AS unit
FROM addresses
"""  # noqa: S608  constants of this module

# To whom a message openly went, else to whom at all: equal sets of addresses are one thread, as far as logs tell
_PARTIES = """
CREATE OR REPLACE TEMP TABLE parties AS
SELECT msg, coalesce(sum(hash(aid)) FILTER (visible), sum(hash(aid))) AS parties
FROM copied WHERE judged AND NOT trace_only GROUP BY msg
"""

_CANDIDATES = """
CREATE OR REPLACE TEMP TABLE candidates AS
SELECT c.msg, c.aid, u.unit, c.blind, c.alias, c.sent_at, c.in_window, c.sid, p.parties
FROM copied c JOIN addresses a USING (aid) JOIN units u USING (aid) JOIN parties p USING (msg)
WHERE c.judged AND NOT a.own AND a.indicator = '' AND c.entry IS NULL AND NOT c.trace_only AND c.blind != 'no'
"""

# Everything that is counted of one unit (a domain, or one address of a shared provider)
_FEATURES = """
WITH inside AS (
  SELECT unit, count(DISTINCT msg) AS messages, count(DISTINCT parties) AS threads, count(DISTINCT sid) AS senders,
         count(DISTINCT msg) FILTER (blind = 'yes') AS known_blind, bool_and(alias) AS alias_only,
         min(sent_at) AS first_inside, max(sent_at) AS last_inside
  FROM candidates WHERE in_window GROUP BY unit
),
ever AS (
  SELECT unit, min(sent_at) AS first_use, bool_or(visible) AS ever_visible
  FROM copied JOIN units USING (aid) WHERE judged AND NOT trace_only GROUP BY unit
),
wrote AS (SELECT DISTINCT unit FROM (SELECT DISTINCT sid FROM messages) m JOIN units u ON u.aid = m.sid),
answering AS (
  SELECT sid, sent_at FROM messages
  WHERE judged AND (list_contains(routes, 'api') OR list_contains(routes, 'smtp'))
),
senders AS (SELECT DISTINCT unit, sid FROM candidates WHERE in_window),
compared AS (
  SELECT i.unit,
         count(*) FILTER (a.sent_at < coalesce($start::TIMESTAMPTZ, i.first_inside)) AS before,
         count(*) FILTER (a.sent_at >= i.first_inside AND a.sent_at <= i.last_inside) AS during
  FROM inside i JOIN senders s USING (unit) JOIN answering a USING (sid) GROUP BY i.unit
)
SELECT i.unit, messages, threads, senders, known_blind, alias_only, first_inside, last_inside, first_use,
       coalesce(ever_visible, false) AS ever_visible, w.unit IS NOT NULL AS wrote,
       coalesce(before, 0) AS before, coalesce(during, 0) AS during
FROM inside i LEFT JOIN ever USING (unit) LEFT JOIN wrote w USING (unit) LEFT JOIN compared USING (unit)
ORDER BY i.unit
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """What the tables say of one unknown blind recipient; all of a domain's addresses together."""

    unit: str
    messages: int
    threads: int
    senders: int
    known_blind: int
    alias_only: bool
    first_inside: datetime | None
    last_inside: datetime | None
    first_use: datetime | None
    ever_visible: bool
    wrote: bool
    before: int
    during: int

    @property
    def share(self) -> float:
        """Part of its senders' mail, between its first and last copy, that it received."""
        return min(1.0, self.messages / self.during) if self.during else 0.0

    def was_in_use(self, start: datetime | None) -> bool:
        """Whether it received mail of ours before the window."""
        return start is not None and self.first_use is not None and self.first_use < start

    def is_collector(self, start: datetime | None) -> bool:
        """Whether it has the pattern of an exfiltration address."""
        if self.was_in_use(start) or self.alias_only or self.ever_visible or self.wrote:
            return False
        if self.messages < MIN_MESSAGES or self.threads < MIN_THREADS:
            return False
        if self.known_blind == 0 and self.share < HEADERLESS_SHARE:
            return False
        return self.before >= MIN_BASELINE or self.share >= ALONE_SHARE

    def score(self, start: datetime | None) -> float:
        """0 to 1: threads and share count 0.3 each, newness 0.2, never shown and never heard from 0.1 each."""
        total = 0.3 * min(1.0, self.threads / 8) + 0.3 * self.share
        total += 0.2 * (self.before >= MIN_BASELINE and not self.was_in_use(start))
        return round(total + 0.1 * (not self.ever_visible) + 0.1 * (not self.wrote), 3)


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:
    """One finding for each unexpected blind recipient inside the window: `probable` with the pattern, else `possible`."""
    start = scope.policy.window_for(scope.incident).start
    for statement in (_UNITS, _PARTIES, _CANDIDATES):
        connection.execute(statement)
    cursor = connection.execute(_FEATURES, {"start": start})
    names = [column[0] for column in cursor.description or ()]
    units = [Unit(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
    for unit in units:
        collector = unit.is_collector(start)
        if unit.known_blind == 0 and not collector:
            continue  # To and Cc are unknown and nothing stands out: any addressee would look like this
        if unit.alias_only and unit.was_in_use(start):
            continue  # a list or forward that was there before: whoever wrote to the alias addressed it
        addresses = connection.execute(
            "SELECT address FROM units SEMI JOIN (SELECT aid FROM candidates WHERE in_window) USING (aid) WHERE unit = $unit ORDER BY address",
            {"unit": unit.unit},
        ).fetchall()
        for (address,) in addresses:
            named = (
                address if len(addresses) == 1 else f"{address}, counted together with {len(addresses) - 1} more at {unit.unit},"
            )
            yield _finding(address, named, unit, start, collector=collector)


def _finding(address: str, named: str, unit: Unit, start: datetime | None, *, collector: bool) -> Finding:
    features: list[tuple[str, Any]] = [
        ("messages", unit.messages), ("threads", unit.threads), ("senders", unit.senders), ("share", f"{unit.share:.0%}"),
        ("messages of these senders in that time", unit.during), ("messages of these senders before", unit.before),
        ("first seen", zulu(unit.first_use)), ("ever in To or Cc", "yes" if unit.ever_visible else "no"),
        ("ever wrote to us", "yes" if unit.wrote else "no"),
    ]  # fmt: skip
    return Finding(
        detector="blind_copy",
        address=address,
        verdict=Verdict.PROBABLE if collector else Verdict.POSSIBLE,
        score=unit.score(start),
        reason=_sentence(named, unit, start, collector=collector),
        blind_only=True,
        features=tuple((name, str(value)) for name, value in features),
    )


def _sentence(named: str, unit: Unit, start: datetime | None, *, collector: bool) -> str:
    many = "s" * (unit.messages != 1)
    text = f"{named} received {unit.messages} message{many} in the window without standing in To or Cc"
    if unit.known_blind == 0:
        text += " as far as the logs tell (the headers of these messages are not in the evidence)"
    text += f". They went to {unit.threads} different sets of addressees and came from {unit.senders} sender{'s' * (unit.senders != 1)}"
    if unit.during:
        text += f", {unit.share:.0%} of the {unit.during} messages that these senders sent in that time"
    text += ". " + _history(unit, start)
    if unit.alias_only:
        text += " Each copy came about behind an alias of a genuine address."
    if not collector:
        text += " This is not the pattern of a collecting address."
    return text


def _history(unit: Unit, start: datetime | None) -> str:
    if unit.was_in_use(start):
        return f"It was in use before the window, since {readable(unit.first_use)} at the latest."
    facts = [
        "never stood in To or Cc" if not unit.ever_visible else "has also stood in To or Cc",
        "never wrote to us" if not unit.wrote else "has written to us",
    ]
    known = f"In the evidence it {' and '.join(facts)}."
    if unit.before >= MIN_BASELINE:
        return f"None of the {unit.before} earlier messages of the same senders went to it. {known}"
    return f"There was nothing to compare with: only {unit.before} earlier messages of these senders are in the evidence. {known}"


DETECTOR = Detector("blind_copy", "Who got blind copies that nobody expects?", detect)
