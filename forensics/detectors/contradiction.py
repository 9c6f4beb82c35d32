"""Do the provider's own answers disagree about who received a message?"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

SCORE = 0.3  # below what behaviour scores: a disagreement says where to look, not who did what

_ASKED = """
CREATE OR REPLACE TEMP TABLE asked AS
SELECT msg, aid, address FROM copied JOIN addresses USING (aid)
WHERE judged AND in_window AND NOT own AND indicator = '' AND entry IS NULL AND NOT trace_only AND blind != 'no'
"""

# A search row and a details answer each list all recipients of a message (Recipients, and To, Cc, Bcc). Whoever is in one
# of these lists and not in another, or has an event and is in none, is what they disagree about. Logs of mail servers list
# recipients by queue file and are no such lists.
_DISAGREED = """
CREATE OR REPLACE TEMP TABLE disagreed AS
WITH lists AS (
  SELECT j.msg, o.recipients, len(list_filter(o.facts, lambda f: f.name = 'contradiction' AND f.value = 'recipients')) > 0 AS odd
  FROM observed o JOIN (SELECT obs, msg FROM joined SEMI JOIN asked USING (msg)) j USING (obs)
  WHERE o.source = 'postmark' AND o.kind IN ('search', 'details') AND len(list_filter(o.recipients, lambda r: r.role = 'envelope')) > 0
), compared AS (
  SELECT a.msg, a.aid, a.address, l.odd, len(list_filter(l.recipients, lambda r: r.role = 'envelope' AND r.address = a.address)) > 0 AS listed,
         len(list_filter(l.recipients, lambda r: r.role IN ('to', 'cc', 'bcc') AND r.address = a.address)) > 0 AS addressed
  FROM lists l JOIN asked a USING (msg)
)
SELECT msg, aid, any_value(address) AS address, count(*) AS lists, count(*) FILTER (listed OR addressed) AS naming,
       count(*) FILTER (odd AND listed != addressed) AS halves
FROM compared GROUP BY msg, aid HAVING naming < lists OR halves > 0
"""

# Whom no list names, an event may name; whether that came signed matters
_TOLD = """
WITH told AS (
  SELECT msg, r.address, bool_and(unsigned) AS unsigned FROM (
    SELECT j.msg, unnest(o.recipients) AS r, len(list_filter(o.facts, lambda f: f.name = 'unsigned')) > 0 AS unsigned
    FROM observed o JOIN (SELECT obs, msg FROM joined SEMI JOIN (SELECT msg FROM disagreed WHERE naming = 0) USING (msg)) j USING (obs)
  ) WHERE r.role = 'event' GROUP BY ALL
)
SELECT m.message_key, d.address, d.lists, d.naming, d.halves, t.unsigned
FROM disagreed d JOIN messages m USING (msg) LEFT JOIN told t ON t.msg = d.msg AND t.address = d.address
ORDER BY m.message_key, d.address
"""


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a detector's signature
    """One finding for each blind copy in question, in one message: never more than `possible`, for lists can be cut or changed.

    An export that was edited, a second export of another time, a field that a program dropped, or a sending that the
    provider added to: all look like this, and each is worth a look.
    """
    connection.execute(_ASKED)
    connection.execute(_DISAGREED)
    ((count,),) = connection.execute("SELECT count(*) FROM disagreed").fetchall()
    rows = connection.execute(_TOLD).fetchall() if count else []  # it reads every recipient of every record
    connection.execute("DROP TABLE asked; DROP TABLE disagreed")
    for message_key, address, lists, naming, halves, unsigned in rows:
        yield Finding(
            detector="contradiction",
            address=address,
            verdict=Verdict.POSSIBLE,
            score=SCORE,
            reason=_sentence(address, lists, naming, halves, unsigned),
            message_key=message_key,
            blind_only=True,
            features=(("recipient lists", str(lists)), ("naming it", str(naming)), ("with half of it", str(halves))),
        )


def _sentence(address: str, lists: int, naming: int, halves: int, unsigned: bool | None) -> str:
    if naming == 0:
        by = (
            "an event"
            if unsigned is False
            else "a webhook, which is not signed and may be forged,"
            if unsigned
            else "another record"
        )
        every = "the provider's list" if lists == 1 else f"any of the provider's {lists} lists"
        return f"{address} is named by {by} and does not stand in {every} of recipients of the same message."
    if naming < lists:
        return (
            f"{address} stands in {naming} of the {lists} lists of recipients that the provider gave for the same message, "
            f"and not in the other{'s' * (lists - naming != 1)}."
        )
    where = "the same answer" if halves == 1 else f"{halves} answers"
    return f"{address} stands in only one of two places that should agree in {where} of the provider: Recipients, and To, Cc and Bcc."


DETECTOR = Detector("contradiction", "Do the provider's own answers disagree about who received a message?", detect)
