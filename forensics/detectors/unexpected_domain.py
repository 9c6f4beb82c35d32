"""Which domain appears, in the open, as one more addressee beside many different partners?"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

MIN_MESSAGES = 3
MIN_PARTNERS = 3  # a new customer is alone with us; a collector stands beside many

# Domains are numbered in their order; only of those that are new and silent it is asked who stands beside them
_ADDED = """
WITH parties AS (SELECT aid, own, indicator, registrable, dense_rank() OVER (ORDER BY registrable) AS rid FROM addresses),
wrote AS (SELECT DISTINCT rid FROM parties SEMI JOIN (SELECT sid AS aid FROM messages) USING (aid)),
used AS (
  SELECT rid, min(first_use) AS first_use, any_value(registrable) AS registrable
  FROM parties JOIN (SELECT aid, min(sent_at) AS first_use FROM copied WHERE judged AND NOT trace_only GROUP BY aid) USING (aid) GROUP BY rid
),
fresh AS (
  SELECT * FROM used ANTI JOIN wrote USING (rid)
  WHERE $start::TIMESTAMPTZ IS NULL OR first_use IS NULL OR first_use >= $start::TIMESTAMPTZ
),
sent AS MATERIALIZED (
  SELECT DISTINCT c.msg, p.rid, c.in_window AND c.visible AND NOT p.own AND p.indicator = '' AND c.entry IS NULL AS shown
  FROM copied c JOIN (SELECT * FROM parties SEMI JOIN fresh USING (rid)) p USING (aid) WHERE c.judged AND NOT c.trace_only
),
others AS (
  SELECT DISTINCT c.msg, p.rid FROM copied c JOIN parties p USING (aid) SEMI JOIN (SELECT msg FROM sent WHERE shown) s USING (msg)
  WHERE c.judged AND c.visible AND NOT p.own AND p.indicator = '' AND c.entry IS NULL
),
beside AS (
  SELECT s.rid, s.msg, min(o.rid) AS partner FROM sent s JOIN others o ON o.msg = s.msg AND o.rid != s.rid WHERE s.shown GROUP BY ALL
),
counted AS (SELECT rid, count(*) AS messages, count(DISTINCT partner) AS partners FROM beside GROUP BY rid),
totals AS (SELECT rid, count(DISTINCT msg) AS total FROM sent GROUP BY rid)
SELECT f.registrable, c.messages, c.partners, t.total
FROM counted c JOIN totals t USING (rid) JOIN fresh f USING (rid)
WHERE c.messages >= $messages AND c.partners >= $partners AND c.messages * 2 > t.total
ORDER BY f.registrable
"""

_ADDRESSES = """
SELECT registrable, address FROM addresses SEMI JOIN (SELECT aid FROM copied WHERE judged AND visible AND in_window) USING (aid)
WHERE list_contains($domains, registrable) ORDER BY address
"""


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:
    """One finding for each address of a domain that is new, silent, and mostly shown beside addressees of other domains."""
    start = scope.policy.window_for(scope.incident).start
    bounds = {"start": start, "messages": MIN_MESSAGES, "partners": MIN_PARTNERS}
    added = connection.execute(_ADDED, bounds).fetchall()
    addresses: dict[str, list[str]] = {}
    for domain, address in connection.execute(_ADDRESSES, {"domains": [row[0] for row in added]}).fetchall() if added else ():
        addresses.setdefault(domain, []).append(address)
    for domain, messages, partners, total in added:
        for address in addresses[domain]:
            yield Finding(
                detector="unexpected_domain",
                address=address,
                verdict=Verdict.POSSIBLE,
                score=round(min(1.0, partners / 10), 3),
                reason=(
                    f"{address}: the domain {domain} was addressed for the first time inside the window, in To or Cc of {total} messages, "
                    f"{messages} of them beside addressees of {partners} other domains, and nobody there has written to us."
                ),
                features=(("messages", str(total)), ("beside others", str(messages)), ("other domains", str(partners))),
            )


DETECTOR = Detector("unexpected_domain", "Which new domain stands in the open beside many different partners?", detect)
