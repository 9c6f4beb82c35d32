"""What the records of a flagged message say beside its recipients: who named them, and how far the records can be trusted."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

__all__ = ["remarks"]

# What the records of flagged messages say beside their recipients, taken once
_FLAGGED_FACTS = """
CREATE OR REPLACE TEMP TABLE flagged_facts AS
SELECT obs, message_key, facts FROM (SELECT obs, facts FROM observed WHERE len(facts) > 0)
JOIN joined USING (obs) JOIN (SELECT msg, message_key FROM message_verdicts JOIN messages USING (message_key)) USING (msg)
"""
# How many recipients the SMTP server accepted from the client, how many of those in the queue the client did not name
_NAMED_BY = """
SELECT DISTINCT v.message_key, facts['session_messages'][1] AS messages, facts['session_recipients'][1] AS accepted, facts['unnamed_by_client'][1] AS unnamed
FROM (
  SELECT message_key, map_from_entries(list_filter(facts, lambda one: one.name IN ('session_messages', 'session_recipients', 'unnamed_by_client'))) AS facts
  FROM flagged_facts WHERE list_has_any([one.name for one in facts], ['unnamed_by_client'])
) v ORDER BY ALL
"""

# Messages of which every record of an unexpected copy can have been written by anybody
_UNSIGNED = """
SELECT v.message_key FROM copy_verdicts v JOIN flagged_recipients r USING (message_key, address)
LEFT JOIN (SELECT obs, list_contains([one.name for one in facts], 'unsigned') AS unsigned FROM flagged_facts) USING (obs)
WHERE r.role != 'trace' GROUP BY v.message_key HAVING bool_and(coalesce(unsigned, false)) ORDER BY v.message_key
"""

_CONTRADICTED = """
SELECT DISTINCT message_key FROM flagged_facts
WHERE list_contains([one.value for one in facts if one.name = 'contradiction'], 'recipients') ORDER BY message_key
"""


# Messages of which a record was dated by a zone that it does not name
_ASSUMED = """
SELECT DISTINCT message_key FROM flagged_facts
WHERE list_contains([one.value for one in facts if one.name = 'zone'], 'assumed_us_eastern') ORDER BY message_key
"""


def remarks(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Sentences by message key, for flagged messages only; no list separator and no raw evidence in them. Needs `flagged_recipients`."""
    connection.execute(_FLAGGED_FACTS)
    found: dict[str, list[str]] = {}
    for key, text in _all(connection):
        found.setdefault(key, []).append(text)
    return found


def _all(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    for key, messages, accepted, unnamed in connection.execute(_NAMED_BY).fetchall():
        yield key, _named_by(int(messages), int(accepted), int(unnamed))
    for (key,) in connection.execute(_UNSIGNED).fetchall():
        yield key, "All records of the copy are stored webhooks, which nobody signs: they prove no more than their storage does."
    for (key,) in connection.execute(_CONTRADICTED).fetchall():
        yield key, "A record contradicts itself: its list of recipients is not that of To, Cc and Bcc together."
    for (key,) in connection.execute(_ASSUMED).fetchall():
        yield key, "A record of it names no zone: its times were read as US Eastern, and may be four or five hours earlier."


def _named_by(messages: int, accepted: int, unnamed: int) -> str:
    many = f"{accepted} recipient{'s' * (accepted != 1)}"
    if messages == 1 and not unnamed:
        return f"The SMTP server accepted {many} from the client, as many as it queued: the client named them all."
    if messages == 1:
        return f"The SMTP server accepted {many} from the client and queued {unnamed} more: the server added them."
    return (
        f"The SMTP server accepted {many} from the client for {messages} messages together, {unnamed} fewer than it queued for this one alone: "
        "the server added at least so many."
    )
