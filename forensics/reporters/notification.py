"""Facts for a notification: aggregates only, no personal data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.addresses import addresses_in, canonical, domain_of, is_within
from forensics.case import Case, CaseError, write_file
from forensics.obligations import CAUTION
from forensics.plugins import Reporter
from forensics.severity import category_of
from forensics.tallies import MERGE_RULE, Headcount, Readable, Tally, tallied, tally

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["REPORTER", "facts"]

_LIMITS = (
    "Figures are counts of what the evidence shows; people are told apart by mail address alone, so their number is approximate. "
    "These are facts for a decision, not legal advice."
)
_CLOCK = ("id", "jurisdiction", "instrument", "who", "threshold", "low", "high", "status", "clock", "clock_start", "started_at", "due_at",
          "confidence", "checked_on", "note")  # fmt: skip
# Types of attachments that are named; what else a hostile name ends in is "other"
_TYPES = frozenset({
    "7z", "bmp", "bz2", "cfg", "conf", "crt", "csv", "doc", "docm", "docx", "dwg", "eml", "env", "gif", "gpg", "gz", "heic", "htm", "html",
    "ics", "ini", "jpeg", "jpg", "json", "kdbx", "key", "log", "md", "mp3", "mp4", "msg", "ods", "odt", "p12", "pages", "pdf", "pem", "pfx",
    "png", "pps", "ppt", "pptx", "ps", "pst", "py", "rar", "rtf", "sh", "sql", "sqlite", "svg", "tar", "tgz", "tif", "tiff", "toml", "txt",
    "vcf", "wav", "webp", "xls", "xlsm", "xlsx", "xml", "xz", "yaml", "yml", "zip", "zst",
})  # fmt: skip
# What may come of it, by kind of personal data; kinds that share a sentence share it here
_CONSEQUENCES: Mapping[tuple[str, ...], str] = {
    ("name", "email_address", "phone", "postal_address"): "unwanted or deceptive mail, calls and letters that know a real exchange",
    ("birth_date", "national_id", "tax_id", "passport", "driving_licence"): "somebody poses as the person towards authorities, banks or shops",
    ("payment_card", "bank_account"): "payments or direct debits that the person did not order",
    ("salary",): "embarrassment, a weaker position in negotiations, deception that knows the person's means",
    ("health", "special_category", "criminal"): "discrimination, loss of reputation, extortion",
    ("minor",): "contact with a child, or deception of its parents, by somebody who knows about it",
    ("confidential_marking",): "loss of business secrets; no consequence for a person by itself",
    ("other",): "depends on what it is; look at personal_data.csv",
}  # fmt: skip
_OPENED = "somebody signs in, reads, changes or deletes what the credential opens, or acts in the name of its owner"
_EXPIRED = "it runs out by itself, or has already; until then whoever got the copy could use it: past sign-ins are to be reviewed"
_TO_FILL = (
    "who discovered it and who became aware, and why at that moment",
    "measures taken, each with its time and owner",
    "whether it was decided to notify, by whom, when and for what reasons (custody log, decisions.csv)",
    "whether each law of the clocks applies to the organisation at all",
)


def facts(case: Readable) -> dict[str, Any]:
    """What authorities ask for (GDPR Art. 33(3) and alike) as far as mail evidence tells it; `possible` stands apart.

    Addresses of affected people are not in it; those of the incident's public indicators are.
    """
    summary, counted = case.summary, tally(case)
    exposed = case.read("exposed_messages")
    personal, credentials, blamed = (
        _of_exposed(case.read(name)) for name in ("personal_data", "credentials", "unexpected_recipients")
    )
    sent = [at for at in exposed["sent_at"] if at]
    told = _Told(summary["incident"].get("indicators", {}))
    return {
        "schema_version": 1,
        "incident": {"name": summary["incident"]["name"], "title": told.text(summary["incident"]["title"])},
        "case": summary["case"],
        "record": {name: summary["case"].get(name) or default for name, default in _PHASE.items()},
        "window": {name: told.text(value) if isinstance(value, str) else value for name, value in summary["window"].items()},
        "conclusion": summary["conclusion"],
        "ongoing": summary["ongoing"],
        "nature": _nature(blamed, counted),
        "first_exposed": min(sent, default=""),
        "last_exposed": max(sent, default=""),
        "discovered_at": summary["case"].get("discovered_at", ""),
        "aware_at": summary["case"].get("aware_at", ""),
        "clocks": [{name: row[name] for name in _CLOCK} for row in counted.obligations() if row["clock"]],
        "messages": _messages(exposed, summary),
        "possible_messages_not_counted_above": len(case.read("possible_messages")),
        "attachments": _attachments(exposed, case),
        "people": _people(_of_exposed(case.read("people")), counted),
        "records_by_kind": tallied(personal["kind"]),
        "records": _records(personal),
        "identifiability": _identifiability(counted, exposed),
        "credentials_by_kind": tallied(credentials["kind"]),
        "credentials": _credentials(credentials),
        "likely_consequences": _consequences(personal, credentials),
        "measures": {"proposed": [told.text(one) for one in _measures(summary)], "taken": []},
        "contact": summary["case"].get("contact", ""),
        "severity": counted.severity.as_data(),
        "coverage": told.text(summary["coverage_text"]),
        "coverage_stretches": _coverage(case.read("coverage")),
        "evidence_files": summary["counts"]["evidence_files"],
        "evidence": _evidence(summary),
        "defects": summary["counts"]["defects"],
        "to_fill": list(_TO_FILL),
        "limits": f"{_LIMITS} {CAUTION}",
    }  # fmt: skip


_PHASE = {"phase": "initial", "version": "1", "supersedes": ""}


class _Told:
    """Free text of the summary, without any mail address that is no public indicator."""

    def __init__(self, indicators: Mapping[str, Any]) -> None:
        self.addresses = frozenset(canonical(str(one)) for one in indicators.get("addresses", ()))
        self.domains = tuple(str(one) for one in indicators.get("domains", ()))

    def text(self, text: str) -> str:
        """The text; an address of anybody else is left out, visibly."""
        for found in sorted(set(addresses_in(text)), key=len, reverse=True):
            one = canonical(found)
            if one not in self.addresses and not any(is_within(domain_of(one), domain) for domain in self.domains):
                text = text.replace(found, "[address left out]")
        return text


def _of_exposed(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the rows that only possible messages gave: over-notification is a harm too."""
    return frame[frame["verdict"] != "possible"]


def _nature(blamed: pd.DataFrame, counted: Tally) -> dict[str, Any]:
    intent = next((one for one in counted.severity.inputs if one.name == "cb_malicious"), None)
    return {
        "breach_of": ["confidentiality"],
        "integrity_and_availability": "nothing was looked for: evidence of mail does not show changes or losses elsewhere",
        "method": "blind copies of outgoing mail to addresses outside the organisation",
        "malicious": "unknown" if intent is None else "yes" if intent.value else "no",
        "malicious_basis": intent.basis if intent else "",
        "collecting_addresses": len(blamed),
        "collecting_domains": sorted({str(domain) for domain in blamed["domain"]}),
        "indicators_met": sorted({str(one) for one in blamed["indicator"] if one}),
    }


def _messages(exposed: pd.DataFrame, summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "exposed": len(exposed),
        "confirmed": summary["verdicts"]["confirmed"],
        "probable": summary["verdicts"]["probable"],
        "by_proof": {name: count for name, count in summary["proofs"].items() if name not in {"attempted", "inferred"}},
        "in_window": int((exposed["in_window"] == "yes").sum()),
        "judged_in_window": summary["counts"].get("judged_messages_in_window"),
        "content_not_available": int((exposed["content"] == "none").sum()),
        "content_partly_examined": int((exposed["content"] == "partial").sum()),
        "with_attachments": int((exposed["attachments"] != "").sum()),
        "not_delivered": summary["counts"]["not_delivered"],
    }


def _attachments(exposed: pd.DataFrame, case: Readable) -> dict[str, Any]:
    """Names of attachments, counted by what they end in, and their bytes; null, not 0, where one of them is not known."""
    names = [name for cell in exposed["attachments"] for name in str(cell).split("; ") if name]
    return {
        "named": len(names),
        "by_type": tallied(_type(name) for name in names),
        "bytes": _bytes(exposed, names, case),
        "messages_of_which_attachments_are_not_known": int((exposed["content"] == "none").sum()),
    }


def _bytes(exposed: pd.DataFrame, names: list[str], case: Readable) -> int | None:
    """Of all attachments, without the members of archives among them a second time; None unless each of them is known."""
    try:
        frame = case.read("attachments")[["message_key", "name", "bytes"]]
    except (CaseError, KeyError, OSError):  # a case of an older version
        return None
    listed = frame[frame["message_key"].isin(exposed["message_key"])]
    outer = listed["bytes"][~listed["name"].str.contains("/", regex=False)].tolist()
    is_known = len(listed) == len(names) and all(outer) and not (exposed["content"] == "none").any()
    return sum(map(int, outer)) if is_known else None


def _type(name: str) -> str:
    ending = name.rpartition(".")[2].strip().lower()
    return ending if ending in _TYPES else "other"


def _people(people: pd.DataFrame, counted: Tally) -> dict[str, Any]:
    return {
        "approximate_number": len(people),
        "merge_rule": "one mail address is one person",
        "by_relation": tallied(people["relation"]),
        "by_residency_hint": tallied(people.loc[people["residency_hint"] != "", "residency_hint"]),
        "residency_unknown": int((people["residency_hint"] == "").sum()),
        "range": Headcount.of(counted.persons).as_data(),
        "range_rule": MERGE_RULE,
        "by_category": {name: count.as_data() for name, count in counted.by_category().items()},
        "customers_named_in_policy": bool(counted.case.get("customers_named")),
        "by_residency": {name: count.as_data() for name, count in counted.by_residency().items()},
        "residency_rule": "Hints, never facts: country-code domains; phone numbers, postcodes and countries written beside the mail address.",
    }


def _records(personal: pd.DataFrame) -> list[dict[str, Any]]:
    """Per data element: places, messages, and the category of the severity method (0: none)."""
    pairs = list(zip(map(str, personal["kind"]), map(str, personal["message_key"]), strict=True))
    places, messages = Counter(kind for kind, _ in pairs), Counter(kind for kind, _ in set(pairs))
    return [
        {"kind": kind, "records": places[kind], "messages": messages[kind], "category": category_of(kind)}
        for kind in sorted(places)
    ]


def _identifiability(counted: Tally, exposed: pd.DataFrame) -> dict[str, Any]:
    ease = next((one for one in counted.severity.inputs if one.name == "ei"), None)
    return {
        "ease_of_identification": ease.value if ease else None,
        "basis": ease.basis if ease else "",
        "unintelligible": counted.severity.flags.get("unintelligible", ""),
        "messages_not_examined_in_full": int((exposed["content"] != "full").sum()),
    }


def _credentials(credentials: pd.DataFrame) -> list[dict[str, Any]]:
    """Distinct credentials by kind, service and state, the state without its time."""
    states = (str(state).split(" ")[0] for state in credentials["state"])
    counted = Counter(zip(map(str, credentials["kind"]), map(str, credentials["service"]), states, strict=True))
    return [
        {"kind": kind, "service": service, "state": state, "number": number}
        for (kind, service, state), number in sorted(counted.items())
    ]


def _consequences(personal: pd.DataFrame, credentials: pd.DataFrame) -> list[dict[str, Any]]:
    """By rule, in our words: a start for whoever knows the persons and the data."""
    found = set(map(str, personal["kind"]))
    listed = [
        {"of": sorted(found & set(kinds)), "consequence": text} for kinds, text in _CONSEQUENCES.items() if found & set(kinds)
    ]
    live = credentials["state"] == "live_until_rotated"
    for rows, text in ((credentials[live], _OPENED), (credentials[~live], _EXPIRED)):
        if len(rows):
            listed.append({"of": sorted(set(map(str, rows["kind"]))), "consequence": text})
    return listed


def _measures(summary: Mapping[str, Any]) -> Iterable[str]:
    """What the terminal proposes; what was read on request only is no measure, and would change this file with what was read."""
    return (one for one in summary.get("next_steps", ()) if not one.startswith("Read on request"))


def _coverage(coverage: pd.DataFrame) -> list[dict[str, Any]]:
    """Stretches by source, route and status; of which server or host is in coverage.csv."""
    columns = (map(str, coverage[name]) for name in ("source", "route", "status"))
    counted = Counter(zip(*columns, strict=True))
    return [
        {"source": source, "route": route, "status": status, "stretches": number}
        for (source, route, status), number in sorted(counted.items())
    ]


def _evidence(summary: Mapping[str, Any]) -> dict[str, Any]:
    counts, run = summary["counts"], summary.get("run", {})
    return {
        "files": counts["evidence_files"],
        "bytes": counts.get("evidence_bytes"),
        "custody_head": run.get("custody_head", ""),
        "tool_version": run.get("version", ""),
        "manifest": "manifest-sha256.txt, which is written after this file and lists its hash",
    }


def write(case: Case, folder: Path) -> list[Path]:
    """`notification.json`, schema version 1."""
    target = folder / "notification.json"
    write_file(target, json.dumps(facts(case), indent=2, ensure_ascii=False) + "\n")
    return [target]


REPORTER = Reporter("notification", "Aggregate facts for a notification, without personal data", write)
