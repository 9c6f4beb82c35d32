"""Which domain appears, in the open, as one more addressee beside many different partners?"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

MIN_MESSAGES = 3
MIN_PARTNERS = 3  # a new customer is alone with us; a collector stands beside many

_ADDED = """
WITH shown AS (
  SELECT DISTINCT msg, registrable, in_window
  FROM copied JOIN addresses USING (aid) WHERE judged AND visible AND NOT own AND indicator = '' AND entry IS NULL
),
beside AS (
  SELECT s.registrable, s.msg, min(o.registrable) AS partner
  FROM shown s JOIN shown o ON o.msg = s.msg AND o.registrable != s.registrable
  WHERE s.in_window GROUP BY ALL
),
counted AS (
  SELECT registrable, count(DISTINCT msg) AS messages, count(DISTINCT partner) AS partners FROM beside GROUP BY ALL
),
used AS (
  SELECT registrable, min(sent_at) AS first_use, count(DISTINCT msg) AS total
  FROM copied JOIN addresses USING (aid) WHERE judged AND NOT trace_only GROUP BY registrable
),
wrote AS (SELECT DISTINCT a.registrable FROM (SELECT DISTINCT sid FROM messages) m JOIN addresses a ON a.aid = m.sid)
SELECT c.registrable, c.messages, c.partners, u.total, u.first_use
FROM counted c JOIN used u USING (registrable)
WHERE c.messages >= $messages AND c.partners >= $partners AND ($start::TIMESTAMPTZ IS NULL OR u.first_use IS NULL OR u.first_use >= $start::TIMESTAMPTZ)
  AND c.messages * 2 > u.total AND c.registrable NOT IN (SELECT registrable FROM wrote)
ORDER BY c.registrable
"""


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:
    """One finding for each address of a domain that is new, silent, and mostly shown beside addressees of other domains."""
    start = scope.policy.window_for(scope.incident).start
    bounds = {"start": start, "messages": MIN_MESSAGES, "partners": MIN_PARTNERS}
    for domain, messages, partners, total, _ in connection.execute(_ADDED, bounds).fetchall():
        addresses = connection.execute(
            "SELECT DISTINCT address FROM copies WHERE judged AND visible AND in_window AND registrable = $domain ORDER BY address",
            {"domain": domain},
        ).fetchall()
        for (address,) in addresses:
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
