"""Findings and outcomes to verdict and proof, per copy and per message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pandas as pd
import pyarrow as pa

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
WITH said AS (SELECT f.*, a.aid, a.own, a.indicator FROM findings f JOIN addresses a USING (address)),
told AS (
  SELECT c.msg, c.judged, c.in_window, c.blind, c.entry, c.trace_only, c.proof, c.outcome, c.sent_at, f.* FROM copied c
  JOIN said f ON f.aid = c.aid WHERE f.message_key = ''
  UNION ALL
  SELECT c.msg, c.judged, c.in_window, c.blind, c.entry, c.trace_only, c.proof, c.outcome, c.sent_at, f.* EXCLUDE (number) FROM copied c
  JOIN (SELECT s.*, k.msg AS number FROM said s JOIN keys k USING (message_key)) f ON f.aid = c.aid AND f.number = c.msg
),
judged AS (
  SELECT msg, address, any_value(proof) AS proof, any_value(outcome) AS outcome, any_value(in_window) AS in_window, any_value(sent_at) AS sent_at,
         min(verdict_rank) AS verdict_rank, arg_min(verdict, verdict_rank) AS verdict, max(score) AS score, list_sort(list(DISTINCT reason)) AS reasons
  FROM told
  WHERE (judged AND (detector = 'indicator' OR (
    in_window AND NOT own AND indicator = '' AND entry IS NULL AND NOT trace_only AND (NOT blind_only OR blind != 'no'))))
    OR (NOT judged AND indicator != '' AND detector = 'indicator_elsewhere')
  GROUP BY msg, address
)
SELECT k.message_key, j.address, j.proof::VARCHAR AS proof, j.outcome::VARCHAR AS outcome, j.in_window, j.sent_at, j.verdict_rank, j.verdict, j.score, j.reasons
FROM judged j JOIN keys k USING (msg) ORDER BY k.message_key, j.address
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

# Mail of ours inside the window for which no envelope, event or Bcc is on record, with what was told of it that the cohort asks for
_SILENT = """
CREATE OR REPLACE TEMP TABLE silent AS
WITH named AS (
  SELECT msg FROM copied WHERE roles IN (SELECT bits FROM role_sets WHERE list_has_any(roles, ['envelope', 'event', 'bcc']))
),
quiet AS (SELECT msg, message_key FROM messages ANTI JOIN named USING (msg) WHERE judged AND in_window),
told AS (
  SELECT q.msg, list(DISTINCT f.name || '=' || f.value) AS facts
  FROM (SELECT j.msg, unnest(o.facts) AS f FROM observed o JOIN (SELECT obs, msg FROM joined SEMI JOIN quiet USING (msg)) j USING (obs)) q
  WHERE list_contains($names, f.name) GROUP BY q.msg
)
SELECT row_number() OVER () AS number, message_key, coalesce(facts, []) AS facts FROM quiet LEFT JOIN told USING (msg)
"""
_ROWS = 50_000  # silent messages looked at in one go


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
    _find_cohort(connection, cohort)
    ranks = " ".join(f"WHEN '{proof}' THEN {rank}" for proof, rank in PROOF_RANK.items())
    connection.execute(_MESSAGE_VERDICTS.format(proof_rank=f"CASE proof {ranks} END"))


def _find_cohort(connection: duckdb.DuckDBPyConnection, cohort: Mapping[str, str]) -> None:
    """Table `cohort`: the silent messages that went the compromised way."""
    connection.execute("CREATE OR REPLACE TEMP TABLE cohort (message_key VARCHAR)")
    if not cohort:
        return
    connection.execute(_SILENT, {"names": sorted(cohort)})
    ((count,),) = connection.execute("SELECT count(*) FROM silent").fetchall()
    for first in range(1, count + 1, _ROWS):
        query = "SELECT message_key, facts FROM silent WHERE number >= $first AND number < $first + $rows"
        rows = connection.execute(query, {"first": first, "rows": _ROWS}).fetchall()
        keys = [key for key, facts in rows if is_of_cohort(key, facts, cohort)]
        connection.register("incoming", pa.table({"message_key": pa.array(keys, pa.string())}))
        connection.execute("INSERT INTO cohort SELECT message_key FROM incoming")
        connection.unregister("incoming")
    connection.execute("DROP TABLE silent")


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
