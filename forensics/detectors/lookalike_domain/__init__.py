"""Which recipient's domain imitates our own domain, a partner's or a provider's?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import duckdb
import pyarrow as pa

from forensics.detectors.lookalike_domain.confusables import skeleton
from forensics.detectors.lookalike_domain.likeness import Genuine, Kind, is_one_edit_apart, likeness, resemblance
from forensics.known_services import known_service, providers
from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

__all__ = ["DETECTOR", "is_one_edit_apart", "likeness", "skeleton"]

MIN_PARTNER_MESSAGES = 10
BUSIER = 5  # a partner has at least so many times the messages of what imitates it

_DOMAINS = """
WITH parties AS (SELECT aid, own, indicator, domain, registrable, dense_rank() OVER (ORDER BY registrable) AS rid FROM addresses WHERE registrable != ''),
each AS (
  SELECT aid, count(*) AS messages, count(*) FILTER (in_window AND entry IS NULL) AS inside,
         bool_or(blind = 'yes' AND in_window AND entry IS NULL) AS blind, min(sent_at) AS first_use
  FROM copied WHERE judged AND NOT trace_only GROUP BY aid
),
domains AS (
  SELECT rid, sum(messages) AS messages, sum(inside) FILTER (indicator = '') AS inside, bool_or(blind AND indicator = '') AS blind,
         min(first_use) AS first_use, count(*) AS mailboxes FROM each JOIN parties USING (aid) GROUP BY rid
),
-- a message to several mailboxes of a domain counts once
shared AS (
  SELECT p.rid, count(DISTINCT c.msg) AS messages, count(DISTINCT c.msg) FILTER (c.in_window AND c.entry IS NULL AND p.indicator = '') AS inside
  FROM copied c JOIN (SELECT aid, rid, indicator FROM parties SEMI JOIN (SELECT rid FROM domains WHERE mailboxes > 1) USING (rid)) p USING (aid)
  WHERE c.judged AND NOT c.trace_only GROUP BY p.rid
),
counted AS (
  SELECT rid, coalesce(s.messages, d.messages)::BIGINT AS messages, coalesce(s.inside, d.inside, 0)::BIGINT AS inside, blind, first_use
  FROM domains d LEFT JOIN shared s USING (rid)
),
named AS (
  SELECT rid, any_value(registrable) AS registrable, bool_or(own) AS own, list_sort(list(DISTINCT domain)) AS domains
  FROM parties SEMI JOIN (SELECT aid FROM copied WHERE judged AND NOT trace_only) USING (aid) GROUP BY rid
)
SELECT registrable, own, messages, inside, blind, first_use, domains FROM counted JOIN named USING (rid) ORDER BY registrable
"""

_ADDRESSES = """
SELECT address, domain, count(DISTINCT msg) AS messages
FROM copied JOIN addresses USING (aid) SEMI JOIN imitating USING (domain)
WHERE judged AND NOT trace_only AND in_window AND entry IS NULL AND indicator = '' GROUP BY address, domain ORDER BY address
"""

# Mail from before the window, to tell what is new in it
_BEGIN = "SELECT min(sent_at) FROM messages WHERE judged"


class Standing(IntEnum):
    """Whose domain is imitated, the most telling first."""

    OWN = 0
    PARTNER = 1
    PROVIDER = 2


@dataclass(frozen=True, slots=True)
class _Domain:
    """One registrable domain of recipients, with what was sent to it."""

    name: str
    own: bool
    messages: int
    inside: int
    blind: bool
    first_use: datetime | None
    domains: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Likeness:
    """What a domain imitates, and how."""

    genuine: str
    standing: Standing
    kind: Kind
    words: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A domain that imitates another: in use before the window, or new in it; neither is known where there is nothing to compare."""

    match: _Likeness
    one: _Domain
    known: bool
    new: bool


@dataclass(frozen=True, slots=True)
class _Genuine:
    """All genuine domains, filed for comparison, with what is known of each partner."""

    filed: Genuine
    own: frozenset[str]
    partners: Mapping[str, _Domain]

    def standing(self, genuine: str, one: _Domain) -> Standing | None:
        """Whose domain it is, None if it does not outrank what resembles it: a partner must be busier and no younger."""
        if genuine in self.own:
            return Standing.OWN
        partner = self.partners.get(genuine)
        if partner and partner.messages >= BUSIER * one.messages and not _is_before(one.first_use, partner.first_use):
            return Standing.PARTNER
        return Standing.PROVIDER if genuine in providers() else None


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:
    """One finding for each address at a domain that imitates an own domain, that of a busier partner, or a provider.

    A copy in the open may be a typing error: `possible`. A blind one is `probable` where no honest name comes so near, or where
    the name came up inside the window only; see `_verdict`.
    """
    domains = [_Domain(*row) for row in connection.execute(_DOMAINS).fetchall()]
    own = frozenset({one.name for one in domains if one.own} | set(scope.policy.domains))
    partners = {one.name: one for one in domains if not one.own and one.messages >= MIN_PARTNER_MESSAGES}
    genuine = _Genuine(Genuine(own, [*partners, *providers()]), own, partners)
    start = scope.policy.window_for(scope.incident).start
    ((begin,),) = connection.execute(_BEGIN).fetchall()
    compared = start is not None and _is_before(begin, start)
    found: dict[str, _Found] = {}
    for one in domains:
        if one.own or not one.inside or one.name in providers() or known_service(one.name):
            continue
        known = start is not None and _is_before(one.first_use, start)
        for domain in one.domains:
            match = _match(domain, one, genuine)
            if match and not known_service(domain) and _tells(match, one, known=known):
                found[domain] = _Found(match, one, known=known, new=compared and not known)
    yield from _findings(connection, found)


def _is_before(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other


def _match(domain: str, one: _Domain, genuine: _Genuine) -> _Likeness | None:
    """The most telling likeness of a domain, None if it resembles none."""
    best: _Likeness | None = None
    for name in sorted(genuine.filed.near(domain)):
        standing = genuine.standing(name, one)
        like = resemblance(domain, name) if standing is not None else None
        if standing is not None and like is not None:
            other = _Likeness(name, standing, *like)
            if best is None or (other.kind, other.standing) < (best.kind, best.standing):
                best = other
    return best


def _tells(match: _Likeness, one: _Domain, *, known: bool) -> bool:
    """Whether a likeness is worth a word. Honest names lie near one another: of a partner's and a provider's neighbours few count.

    A neighbour with whom mail was exchanged before the window is who it says; an imitation in print is worth a word even then.
    """
    if match.kind <= Kind.CARRIED:
        return one.blind or match.standing is not Standing.PROVIDER
    if known:
        return False
    if match.standing is Standing.OWN:
        return True
    return one.blind and (match.standing is Standing.PARTNER or match.kind is Kind.EDIT)  # customers misspell gmail.com every day


def _verdict(found: _Found) -> tuple[Verdict, float]:
    """`probable` needs a blind copy, for which no typing error accounts, and a domain that was not in use before the window."""
    kind = found.match.kind
    if not found.one.blind:
        return Verdict.POSSIBLE, 0.4
    if found.known:
        return Verdict.POSSIBLE, 0.5
    if kind <= Kind.CARRIED:
        return Verdict.PROBABLE, 0.9
    if found.match.standing is Standing.OWN and (kind is Kind.EDIT or (kind is Kind.PARTS and found.new)):
        return Verdict.PROBABLE, 0.8
    return Verdict.POSSIBLE, 0.5


_WHOSE = {Standing.OWN: "an own domain", Standing.PARTNER: "a partner's domain", Standing.PROVIDER: "a provider's domain"}


def _findings(connection: duckdb.DuckDBPyConnection, found: Mapping[str, _Found]) -> Iterator[Finding]:
    if not found:
        return
    connection.register("imitating", pa.table({"domain": pa.array(sorted(found), pa.string())}))
    rows = connection.execute(_ADDRESSES).fetchall()
    connection.unregister("imitating")
    for address, domain, messages in rows:
        match, one = found[domain].match, found[domain].one
        verdict, score = _verdict(found[domain])
        where = " and stood in neither To nor Cc, which no typing error explains" if one.blind else ", perhaps by a typing error"
        yield Finding(
            detector="lookalike_domain",
            address=address,
            verdict=verdict,
            score=score,
            reason=f"{address}: the domain {domain} {match.words} ({_WHOSE[match.standing]}), and it received {messages} "
            f"message{'s' * (messages != 1)} in the window{where}.",
            features=(("imitates", match.genuine), ("how", match.kind.name.lower()), ("messages", str(messages))),
        )


DETECTOR = Detector(
    "lookalike_domain", "Which recipient's domain imitates our own, a partner's or a provider's?", detect, version=2
)
