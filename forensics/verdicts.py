"""Findings and outcomes to verdict and proof, per copy and per message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pandas as pd

from forensics.model import Finding, Proof, Verdict

__all__ = ["COHORT_REASON", "judge"]

VERDICT_RANK = {verdict.value: rank for rank, verdict in enumerate(Verdict)}
PROOF_RANK = {proof.value: rank for rank, proof in enumerate(Proof)}

COHORT_REASON = (
    "No record in the evidence names the recipients of this message, and it went the way that the incident compromised, "
    "inside the window: a hidden copy can be neither shown nor excluded."
)

# An indicator convicts at any date and is never excused; behaviour speaks of unexcused copies inside the window only. Of mail
# that nothing shows to be ours only an indicator says anything, and it does not convict.
_COPY_VERDICTS = """
CREATE OR REPLACE TABLE copy_verdicts AS
SELECT c.message_key, c.address, c.proof, c.outcome, c.in_window, c.sent_at,
       min(f.verdict_rank) AS verdict_rank, arg_min(f.verdict, f.verdict_rank) AS verdict,
       max(f.score) AS score, list_sort(list_distinct(list(f.reason))) AS reasons
FROM copies c JOIN findings f ON f.address = c.address AND (f.message_key = '' OR f.message_key = c.message_key)
WHERE (c.judged AND (f.detector = 'indicator' OR (
  c.in_window AND NOT c.own AND c.indicator = '' AND c.entry IS NULL AND NOT c.trace_only AND (NOT f.blind_only OR c.blind != 'no'))))
  OR (NOT c.judged AND c.indicator != '' AND f.detector = 'indicator_elsewhere')
GROUP BY ALL ORDER BY c.message_key, c.address
"""

# A copy that certainly never left exposes nothing; the message is judged by the others.
_MESSAGE_VERDICTS = """
CREATE OR REPLACE TABLE message_verdicts AS
WITH ranked AS (SELECT *, {proof_rank} AS proof_rank FROM copy_verdicts),
folded AS (
  SELECT message_key,
         arg_min(verdict, verdict_rank) FILTER (proof != 'attempted') AS arrived, arg_min(verdict, verdict_rank) AS strongest,
         arg_min(proof, proof_rank) AS proof
  FROM ranked GROUP BY message_key
)
SELECT message_key, coalesce(arrived, strongest) AS verdict, proof,
       CASE WHEN arrived IS NULL THEN 'not_delivered' WHEN arrived = 'possible' THEN 'possible' ELSE 'exposed' END AS place
FROM folded
UNION ALL
SELECT message_key, 'possible', 'inferred', 'possible' FROM cohort WHERE message_key NOT IN (SELECT message_key FROM folded)
ORDER BY message_key
"""

# Mail of ours inside the window for which no envelope, event or Bcc is on record
_SILENT = """
WITH silent AS (
  SELECT msg, message_key FROM messages ANTI JOIN (
    SELECT msg FROM copies WHERE list_has_any(roles, ['envelope', 'event', 'bcc'])) USING (msg)
  WHERE judged AND in_window
)
SELECT s.message_key, list(DISTINCT f.name || '=' || f.value) AS facts
FROM silent s JOIN joined USING (msg) LEFT JOIN (SELECT obs, unnest(facts) AS f FROM observed) USING (obs)
GROUP BY s.message_key ORDER BY s.message_key
"""


def judge(connection: duckdb.DuckDBPyConnection, findings: Sequence[Finding], cohort: Mapping[str, str]) -> None:
    """Make tables `findings`, `copy_verdicts` and `message_verdicts` (place: exposed, possible or not_delivered)."""
    frame = pd.DataFrame(
        [
            {
                "detector": one.detector, "address": one.address, "verdict": one.verdict.value,
                "verdict_rank": VERDICT_RANK[one.verdict.value], "score": one.score, "reason": one.reason,
                "message_key": one.message_key, "blind_only": one.blind_only,
                "features": "; ".join(f"{name}: {value}" for name, value in one.features),
            }
            for one in findings
        ],
        columns=["detector", "address", "verdict", "verdict_rank", "score", "reason", "message_key", "blind_only", "features"],
    ).astype({"score": "float64", "verdict_rank": "int64", "blind_only": "bool"})  # fmt: skip
    text = ["detector", "address", "verdict", "reason", "message_key", "features"]
    frame[text] = frame[text].astype("string")
    connection.register("incoming", frame)
    connection.execute("CREATE OR REPLACE TABLE findings AS SELECT * FROM incoming ORDER BY detector, address, message_key")
    connection.unregister("incoming")
    connection.execute(_COPY_VERDICTS)
    silent = connection.execute(_SILENT).fetchall()
    keys = [key for key, facts in silent if is_of_cohort(key, [one for one in facts or [] if one], cohort)]
    connection.register("incoming", pd.DataFrame({"message_key": pd.array(keys, "string")}))
    connection.execute("CREATE OR REPLACE TEMP TABLE cohort AS SELECT * FROM incoming")
    connection.unregister("incoming")
    ranks = " ".join(f"WHEN '{proof}' THEN {rank}" for proof, rank in PROOF_RANK.items())
    connection.execute(_MESSAGE_VERDICTS.format(proof_rank=f"CASE proof {ranks} END"))


def is_of_cohort(message_key: str, facts: Sequence[str], cohort: Mapping[str, str]) -> bool:
    """Whether a message went the compromised way, as far as can be told: something speaks for it and nothing against it.

    `facts` are "name=value" of its observations; `cohort` is the incident's fingerprint, in which `message_id_suffix`
    stands for the end of the Message-ID that the way leaves. A fact that no source tells does not speak against it.
    """
    known = dict(one.partition("=")[::2] for one in facts)
    suffix = cohort.get("message_id_suffix", "")
    told = {name: known[name] == value for name, value in cohort.items() if name in known}
    if suffix and "@" in message_key:  # a message without a known id is called by its place, which speaks neither way
        told["message_id_suffix"] = message_key.endswith(suffix)
    return bool(told) and all(told.values())
