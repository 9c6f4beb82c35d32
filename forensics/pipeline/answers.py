"""The tables of the output contract, made from verdicts, envelopes and what pass two kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from forensics.dates import readable, zulu
from forensics.envelopes import RECEIVED
from forensics.evidence import Item
from forensics.incident import Incident
from forensics.model import Leak
from forensics.people import Affected, Clues, affected_people, person_groups
from forensics.pipeline.attachments import ATTACHMENTS, attachment_rows
from forensics.pipeline.locked import LOCKED_ATTACHMENTS, locked_attachments
from forensics.pipeline.precautions import PRECAUTIONS, precaution_rows
from forensics.pipeline.remarks import remarks
from forensics.pipeline.second_pass import Content
from forensics.pipeline.sign_ins import SIGN_INS, Copied, sign_in_rows
from forensics.pipeline.timeline import timeline_rows
from forensics.policy import Policy
from forensics.verdicts import COHORT_REASON

__all__ = ["BESIDE", "Answers", "Asked", "answer"]

# tables beside those of the contract: what follows from them
BESIDE: Mapping[str, tuple[str, ...]] = {
    "sign_ins": SIGN_INS, "locked_attachments": LOCKED_ATTACHMENTS, "precautions": PRECAUTIONS, "attachments": ATTACHMENTS,
}  # fmt: skip

_SEVERITIES = ("critical", "high", "medium", "low")
_STATES = ("live_until_rotated", "expires", "expired_by_nature")
_CONFIDENCES = ("high", "medium", "low")
_VERDICTS = ("confirmed", "probable", "possible")
_PLACES = 12  # of evidence named in one cell; copies.csv has them all

# What the records say of flagged messages, taken once: of all messages there may be millions
_FLAGGED_RECORDS = "SELECT obs FROM joined JOIN messages USING (msg) SEMI JOIN message_verdicts USING (message_key)"
_FLAGGED_RECIPIENTS = f"""
CREATE OR REPLACE TEMP TABLE flagged_recipients AS
{RECEIVED.format(observed=f"observed SEMI JOIN ({_FLAGGED_RECORDS}) USING (obs)")}
"""
_FLAGGED = """
SELECT v.message_key, v.place, v.verdict, v.proof, m.sent_at, m.in_window, m.clocks_disagree, m.archive_clock_only, m.sender, m.sources, m.header_known
FROM message_verdicts v JOIN messages m USING (message_key) ORDER BY v.message_key
"""
# Where To and Cc are unknown, whoever received a copy is taken for a party, but for mailboxes that only ever get blind copies
_PARTIES = """
SELECT message_key, CASE WHEN bool_or(role = 'to') THEN 'to' WHEN bool_or(role = 'cc') THEN 'cc' ELSE 'other' END AS role, address
FROM flagged_recipients
LEFT JOIN (SELECT address, bool_or(blind = 'yes') AND NOT bool_or(visible) AS archive FROM copies GROUP BY address) USING (address)
WHERE role NOT IN ('trace', 'suppression') GROUP BY message_key, address, archive
HAVING NOT coalesce(archive, false) ORDER BY message_key, address
"""
_UNEXPECTED = "SELECT message_key, address, reasons FROM copy_verdicts ORDER BY message_key, address"
_EVIDENCE = """
SELECT message_key, l.evidence, l.member, l.start, l."end" FROM links l JOIN message_verdicts USING (message_key) ORDER BY ALL
"""
# Every record of every unexpected copy; equal records of equal files (a webhook sent again) once
_COPIES = """
SELECT DISTINCT v.message_key, v.address, r.role, v.verdict, v.proof, r.outcome, r.utc, r.reply, r.source, r.kind,
       r.evidence, r.member, CASE WHEN r.start >= 0 THEN r.start ELSE r.obs_start END AS start,
       CASE WHEN r.start >= 0 THEN r."end" ELSE r.obs_end END AS "end", v.sent_at
FROM copy_verdicts v JOIN flagged_recipients r USING (message_key, address)
ORDER BY v.message_key, v.address, r.evidence, r.member, start, "end", r.role, r.outcome
"""
_RECIPIENTS = """
SELECT v.address, a.domain, a.indicator, arg_min(v.verdict, v.verdict_rank) AS verdict, max(v.score) AS score,
       count(DISTINCT v.message_key) AS messages, count(*) FILTER (v.proof IN ('delivered', 'fetched')) AS delivered,
       count(*) FILTER (v.proof = 'attempted') AS bounced, count(*) FILTER (c.blind = 'yes') AS blind,
       count(DISTINCT c.sender) FILTER (c.sender != '') AS senders,
       min(v.sent_at) AS first_seen, max(v.sent_at) AS last_seen, list_sort(list_distinct(flatten(list(v.reasons)))) AS reasons
FROM copy_verdicts v JOIN addresses a USING (address) JOIN copies c USING (message_key, address)
GROUP BY v.address, a.domain, a.indicator
ORDER BY min(v.verdict_rank), max(v.score) DESC, count(DISTINCT v.message_key) DESC, v.address
"""
_SUPPRESSED = "SELECT address, min(utc) AS utc, string_agg(DISTINCT note, ', ' ORDER BY note) AS notes FROM statements WHERE kind = 'suppression' GROUP BY address ORDER BY address"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the answers are made for: whose case, what was read, and which verdicts count for leaks and people."""

    incident: Incident
    policy: Policy
    items: Mapping[str, Item]
    contents: Sequence[Content]
    places: tuple[str, ...]  # of messages whose content counts: ("exposed",), with "possible" on request
    others: Sequence[Content] = ()  # of messages without a finding, where everything was asked for

    def path(self, evidence: str, member: str = "") -> str:
        """How reports name a file or member."""
        item = self.items.get(evidence)
        base = item.path if item else evidence
        return f"{base}/{member}" if member else base


@dataclass(frozen=True, slots=True)
class Answers:
    """Rows by contract table, and counts that the summary needs."""

    tables: dict[str, list[dict[str, Any]]]
    suppressed_indicators: int


def answer(connection: duckdb.DuckDBPyConnection, asked: Asked) -> Answers:
    """All rows of the contract's tables but coverage and defects, sorted."""
    connection.execute(_FLAGGED_RECIPIENTS)
    facts = _Facts.gather(connection, asked)
    tables: dict[str, list[dict[str, Any]]] = {"exposed_messages": [], "possible_messages": [], "not_delivered": []}
    target = {"exposed": "exposed_messages", "possible": "possible_messages", "not_delivered": "not_delivered"}
    for flagged in facts.flagged:
        tables[target[flagged["place"]]].append(_message_row(flagged, facts))
    for rows in tables.values():
        rows.sort(key=lambda row: (row["sent_at"], row["message_key"]))
    tables |= _leak_tables(facts, asked.places)
    copies = _rows(connection, _COPIES)
    tables["copies"] = [_copy_row(row, asked) for row in copies]
    tables["unexpected_recipients"], hints = _recipient_rows(connection, asked)
    tables["timeline"] = timeline_rows(copies)
    collectors = frozenset(row["address"] for row in tables["unexpected_recipients"] if row["verdict"] != "possible")
    affected = _affected(facts, asked)
    tables["people"] = affected_people(affected, asked.policy, collectors)
    tables["person_groups"] = person_groups(tables["people"], affected, asked.policy)
    tables["sign_ins"] = sign_in_rows(_copied(facts, copies, asked.places), _lifetimes(asked.contents))
    flagged = {row["message_key"]: row for row in facts.flagged}
    tables["locked_attachments"] = locked_attachments(connection, [*asked.contents, *asked.others], flagged, asked.places)
    tables["attachments"] = attachment_rows(asked.contents, flagged, asked.places)
    tables["precautions"] = precaution_rows(connection, asked.incident, asked.policy)
    return Answers(tables, hints)


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [{name: _utc(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]


def _utc(value: Any) -> Any:  # noqa: ANN401  any cell of a query
    return value.astimezone(UTC) if isinstance(value, datetime) else value


@dataclass(frozen=True, slots=True)
class _Facts:
    """Everything known of flagged messages, by message key."""

    flagged: list[dict[str, Any]]
    parties: dict[str, dict[str, list[str]]]
    unexpected: dict[str, list[str]]
    reasons: dict[str, list[str]]
    evidence: dict[str, list[str]]
    contents: dict[str, list[Content]]
    leaks: dict[str, list[Leak]]
    ids: dict[str, str]  # fingerprint -> credential id
    remarks: dict[str, list[str]]

    @classmethod
    def gather(cls, connection: duckdb.DuckDBPyConnection, asked: Asked) -> _Facts:
        flagged = _rows(connection, _FLAGGED)
        parties: dict[str, dict[str, list[str]]] = {}
        for row in _rows(connection, _PARTIES):
            parties.setdefault(row["message_key"], {}).setdefault(row["role"], []).append(row["address"])
        unexpected: dict[str, list[str]] = {}
        reasons: dict[str, list[str]] = {}
        for row in _rows(connection, _UNEXPECTED):
            unexpected.setdefault(row["message_key"], []).append(row["address"])
            reasons.setdefault(row["message_key"], []).extend(row["reasons"])
        evidence: dict[str, list[str]] = {}
        for row in _rows(connection, _EVIDENCE):
            place = f"{asked.path(row['evidence'], row['member'])}:{row['start']}-{row['end']}"
            evidence.setdefault(row["message_key"], []).append(place)
        contents: dict[str, list[Content]] = {}
        for one in asked.contents:
            contents.setdefault(one.message_key, []).append(one)
        leaks = {key: _distinct(read) for key, read in contents.items()}
        times = {row["message_key"]: row["sent_at"] for row in flagged}
        counted = {row["message_key"] for row in flagged if row["place"] in asked.places}
        ids = _credential_ids(leaks, times, counted)
        return cls(flagged, parties, unexpected, reasons, evidence, contents, leaks, ids, remarks(connection))


def _distinct(contents: Iterable[Content]) -> list[Leak]:
    """The leaks of one message over its stored copies: the same value in the same part once, the surest sighting of it."""
    best: dict[tuple[str, str, str], Leak] = {}
    for content in contents:
        for leak in content.leaks:
            key = (leak.fingerprint, leak.kind, leak.part)
            if key not in best or _CONFIDENCES.index(leak.confidence) < _CONFIDENCES.index(best[key].confidence):
                best[key] = leak
    return sorted(best.values(), key=lambda one: (one.part, one.offset, one.rule))


def _when(at: datetime | None) -> str:
    """A sort key for times: an unknown one comes last."""
    return zulu(at) or "~"


def _credential_ids(leaks: Mapping[str, list[Leak]], times: Mapping[str, datetime | None], counted: set[str]) -> dict[str, str]:
    seen = [
        ((_when(times.get(key)), key, leak.part, leak.offset), leak.fingerprint)
        for key in counted
        for leak in leaks.get(key, ())
        if leak.family == "credential"
    ]
    ordered = dict.fromkeys(fingerprint for _, fingerprint in sorted(seen))
    return {fingerprint: f"C{number:04d}" for number, fingerprint in enumerate(ordered, 1)}


def content_state(contents: Sequence[Content]) -> str:
    """full, partial or none: the best of a message's stored copies; one that held no body read nothing."""
    bodies = [one for one in contents if one.has_body]
    if not bodies:
        return "none"
    return "full" if any(not one.unread for one in bodies) else "partial"


def _message_row(flagged: Mapping[str, Any], facts: _Facts) -> dict[str, Any]:
    key = flagged["message_key"]
    parties = facts.parties.get(key, {})
    contents = facts.contents.get(key, [])
    state = content_state(contents)
    leaks = facts.leaks.get(key, [])
    read = state != "none"
    places = facts.evidence.get(key, [])
    reasons = facts.reasons.get(key) or ([COHORT_REASON] if flagged["proof"] == "inferred" else [])
    reasons = [*reasons, *facts.remarks.get(key, ())]
    if flagged["archive_clock_only"]:
        reasons = [*reasons, "Only the archive's own clock dates this message."]
    if flagged["clocks_disagree"]:
        reasons = [*reasons, "The clocks of this message disagree: some lie in the window, others do not; it counts as inside."]
    return {
        "message_key": key,
        "sent_at": zulu(flagged["sent_at"]),
        "in_window": "yes" if flagged["in_window"] else "no",
        "verdict": flagged["verdict"],
        "proof": flagged["proof"],
        "sender": flagged["sender"],
        "to": "; ".join(parties.get("to", ())),
        "cc": "; ".join(parties.get("cc", ())),
        "unexpected_recipients": "; ".join(facts.unexpected.get(key, ())),
        "subject": next((one.subject for one in contents if one.subject), ""),
        "reasons": "; ".join(dict.fromkeys(reasons)),
        "sources": "; ".join(flagged["sources"]),
        "content": state,
        "attachments": "; ".join(sorted({name for one in contents for name in one.attachments})),
        "credentials": str(len({one.fingerprint for one in leaks if one.family == "credential"})) if read else "",
        "personal_data": str(sum(one.family == "personal" for one in leaks)) if read else "",
        "evidence": "; ".join(places[:_PLACES]) + (f"; and {len(places) - _PLACES} more" if len(places) > _PLACES else ""),
    }


def _leak_tables(facts: _Facts, places: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    occurrences, personal = [], []
    grouped: dict[str, list[tuple[Mapping[str, Any], Leak]]] = {}
    for flagged in facts.flagged:
        for leak in facts.leaks.get(flagged["message_key"], ()) if flagged["place"] in places else ():
            where = {
                "message_key": flagged["message_key"], "sent_at": zulu(flagged["sent_at"]), "part": leak.part,
                "location": leak.location, "preview": leak.preview, "verdict": flagged["verdict"],
            }  # fmt: skip
            if leak.family == "credential" and leak.fingerprint in facts.ids:
                grouped.setdefault(leak.fingerprint, []).append((flagged, leak))
                occurrences.append({"credential_id": facts.ids[leak.fingerprint], **where})
            elif leak.family == "personal":
                personal.append({"kind": leak.kind, "rule": leak.rule, "confidence": leak.confidence, **where})
    credentials = [_credential_row(facts.ids[fingerprint], seen) for fingerprint, seen in grouped.items()]
    credentials.sort(key=_urgency)
    occurrences.sort(key=lambda row: (row["credential_id"], row["sent_at"], row["message_key"], row["part"]))
    personal.sort(key=lambda row: (row["sent_at"], row["message_key"], row["part"], row["location"], row["kind"], row["rule"]))
    return {"credentials": credentials, "credential_occurrences": occurrences, "personal_data": personal}


def _urgency(row: Mapping[str, Any]) -> tuple[int, int, int, str]:
    return (
        _SEVERITIES.index(row["severity"]), _STATES.index(row["state"].split(" ")[0]),
        _CONFIDENCES.index(row["confidence"]), row["credential_id"],
    )  # fmt: skip


def _credential_row(identity: str, seen: Sequence[tuple[Mapping[str, Any], Leak]]) -> dict[str, Any]:
    leak = min(
        (one for _, one in seen), key=lambda one: (_CONFIDENCES.index(one.confidence), _SEVERITIES.index(one.severity), one.rule)
    )
    times = sorted(at for flagged, _ in seen if (at := flagged["sent_at"]) is not None)
    state = leak.state
    if state == "expires" and leak.expires is not None:
        state = f"expires {zulu(leak.expires)}"
    return {
        "credential_id": identity,
        "kind": leak.kind,
        "service": leak.service,
        "rule": leak.rule,
        "preview": leak.preview,
        "severity": leak.severity,
        "confidence": leak.confidence,
        "messages": len({flagged["message_key"] for flagged, _ in seen}),
        "first_exposed": zulu(times[0] if times else None),
        "last_exposed": zulu(times[-1] if times else None),
        "state": state,
        "rotate": _advice(leak, times),
        "reference": leak.reference,
        "verdict": min((flagged["verdict"] for flagged, _ in seen), key=_VERDICTS.index),
    }


def _advice(leak: Leak, times: Sequence[datetime]) -> str:
    """What to do; for what has run out by itself, from when to when it could be used by who got the copy."""
    if leak.state == "live_until_rotated" or not times:
        return leak.rotate
    until = readable(leak.expires) if leak.expires is not None else ""
    window = f"from {readable(times[0])}" + (f" to {until}" if until else " on, and when it ran out is not known")
    return f"{leak.rotate} It could be used {window}: review sign-ins and use in that time.".strip()


def _copied(facts: _Facts, copies: Iterable[Mapping[str, Any]], places: tuple[str, ...]) -> list[Copied]:
    """Every credential of every message whose content counts, with the first record of a copy that arrived."""
    arrivals: dict[str, datetime] = {}
    for row in copies:
        if row["utc"] is not None and row["outcome"] in {"delivered", "fetched"}:
            arrivals[row["message_key"]] = min(row["utc"], arrivals.get(row["message_key"], row["utc"]))
    return [
        Copied(
            key, flagged["sent_at"], arrivals.get(key), flagged["sender"], tuple(facts.parties.get(key, {}).get("to", ())),
            facts.ids[leak.fingerprint], flagged["verdict"], leak,
        )
        for flagged in facts.flagged
        for key in [flagged["message_key"]]
        for leak in (facts.leaks.get(key, ()) if flagged["place"] in places else ())
        if leak.family == "credential" and leak.fingerprint in facts.ids
    ]  # fmt: skip


def _lifetimes(contents: Iterable[Content]) -> dict[str, int]:
    return dict(sorted(pair for content in contents for pair in content.lifetimes))


def _copy_row(row: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    item = asked.items.get(row["evidence"])
    return {
        "message_key": row["message_key"], "recipient": row["address"], "role": row["role"], "verdict": row["verdict"],
        "proof": row["proof"], "outcome_at": zulu(row["utc"]), "reply": row["reply"], "source": f"{row['source']}:{row['kind']}",
        "path": asked.path(row["evidence"], row["member"]), "start": row["start"], "end": row["end"],
        "sha256": item.sha256 if item else "",
    }  # fmt: skip


def _recipient_rows(connection: duckdb.DuckDBPyConnection, asked: Asked) -> tuple[list[dict[str, Any]], int]:
    """Rows of unexpected recipients, and how many suppressions show that an indicator was sent to."""
    rows = _rows(connection, _RECIPIENTS)
    hints = 0
    for suppressed in _rows(connection, _SUPPRESSED):
        indicator = asked.incident.indicators.match(suppressed["address"])
        if not indicator:
            continue
        hints += is_trace(suppressed["notes"])
        known = next((row for row in rows if row["address"] == suppressed["address"]), None)
        reason = _suppression_sentence(suppressed)
        if known is not None:
            known["reasons"] = [*known["reasons"], reason]
            continue
        rows.append({
            "address": suppressed["address"], "domain": suppressed["address"].rpartition("@")[2], "indicator": indicator,
            "verdict": "possible", "score": 0.0, "messages": 0, "delivered": 0, "bounced": 0, "blind": 0, "senders": 0,
            "first_seen": suppressed["utc"], "last_seen": suppressed["utc"], "reasons": [reason],
        })  # fmt: skip
    return [
        {
            **{name: row[name] for name in ("address", "domain", "verdict", "messages", "delivered", "bounced", "blind", "indicator")},
            "rank": rank, "score": f"{row['score']:.3f}", "senders": row["senders"], "first_seen": zulu(row["first_seen"]),
            "last_seen": zulu(row["last_seen"]), "reasons": "; ".join(row["reasons"]),
        }
        for rank, row in enumerate(rows, 1)
    ], hints  # fmt: skip


def _suppression_sentence(suppressed: Mapping[str, Any]) -> str:
    since = f" since {readable(suppressed['utc'])}" if suppressed["utc"] is not None else ""
    told = f"The provider's suppression list holds {suppressed['address']}{since} ({suppressed['notes']})"
    if is_trace(suppressed["notes"]):
        return f"{told}, which shows at least one attempt to send to it."
    return f"{told}, an entry made by hand, perhaps by whoever cleaned up: by itself it shows no sending."


def is_trace(notes: str) -> bool:
    """Whether a suppression came about by mail that was sent: a hard bounce or a complaint, not an entry by hand."""
    return "HardBounce" in notes or "SpamComplaint" in notes


def _affected(facts: _Facts, asked: Asked) -> list[Affected]:
    affected = []
    for flagged in facts.flagged:
        key = flagged["message_key"]
        if flagged["place"] not in asked.places:
            continue
        named = facts.parties.get(key, {})
        visible = named.get("to", []) + ([] if flagged["header_known"] else named.get("other", []))
        leaks = facts.leaks.get(key, ())
        affected.append(
            Affected(
                message_key=key,
                sent_at=flagged["sent_at"],
                verdict=flagged["verdict"],
                parties={
                    "sender": frozenset({flagged["sender"]} if flagged["sender"] else ()),
                    "to": frozenset(visible),
                    "cc": frozenset(named.get("cc", ())),
                    "mentioned": frozenset(one for content in facts.contents.get(key, ()) for one in content.mentions),
                },
                kinds=frozenset(leak.kind for leak in leaks if leak.family == "personal"),
                credentials=frozenset(facts.ids[leak.fingerprint] for leak in leaks if leak.fingerprint in facts.ids),
                clues=_clues(facts.contents.get(key, ())),
            )
        )
    return affected


def _clues(contents: Iterable[Content]) -> Clues:
    """What all stored copies of one message tell of the people in it."""
    read = [content.clues for content in contents]
    return Clues(
        frozenset(one for clues in read for one in clues.names), frozenset(one for clues in read for one in clues.countries)
    )
