"""The facts for a notification: complete, aggregate only, and the same words in JSON, CSV and page."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case import CONTRACT, Case, CaseError
from forensics.obligations import CAUTION, CAUTION_OF_ROW, COLUMNS
from forensics.people import PERSON_GROUPS
from forensics.pipeline import answers
from forensics.reporters import html, notification, obligations, tables

_FACTS = {
    "number": "N-1",
    "custodian": "",
    "role": "controller",
    "discovered_at": "2025-09-26T11:20:00Z",
    "aware_at": "2025-09-26T14:00:00Z",
    "contact": "privacy@acme.example",
}
_COUNTS = {
    "evidence_files": 3, "evidence_bytes": 900, "defects": 0, "not_delivered": 0, "judged_messages_in_window": 7, "messages": 9,
    "observations": 9, "judged_messages": 8,
}  # fmt: skip

KEPT = {**CONTRACT, **answers.BESIDE, "person_groups": PERSON_GROUPS}  # every table of a case, with its columns


@dataclass
class FakeCase:
    """A finished case that lies in memory."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    path: Path = Path("no-such-case")  # without a custody log

    def read(self, table: str) -> pd.DataFrame:
        columns = list(KEPT[table])
        rows = [{**dict.fromkeys(columns, ""), **row} for row in self.rows.get(table, [])]
        return pd.DataFrame(rows, columns=columns)

    @property
    def summary(self) -> dict[str, Any]:
        exposed = self.rows.get("exposed_messages", [])
        return {
            "incident": {"name": "t", "title": "copies to phan@giftshop.club", "references": [], "precautions": [],
                         "indicators": {"addresses": ["phan@giftshop.club"], "domains": ["giftshop.club"]}},
            "case": _FACTS, "window": {"start": None, "end": None, "basis": "all evidence"},
            "conclusion": "exposure_shown" if exposed else "cannot_tell", "ongoing": "unknown", "coverage_text": "Some.",
            "counts": _COUNTS, "verdicts": {"confirmed": len(exposed), "probable": 0, "possible": 0},
            "proofs": {"fetched": 0, "delivered": len(exposed), "accepted": 0, "attempted": 0, "inferred": 0},
            "next_steps": ["Contain first."], "run": {"custody_head": "ab" * 32, "version": "0"}, **self.changes,
        }  # fmt: skip


def _facts(case: FakeCase) -> dict[str, Any]:
    return notification.facts(case)


def _exposed(**changes: str) -> dict[str, Any]:
    return {
        "verdict": "confirmed", "content": "full", "in_window": "yes", "sent_at": "2025-09-18T00:00:00Z", "proof": "delivered", **changes,
    }  # fmt: skip


def test_every_field_that_is_asked_for_has_its_figure() -> None:
    case = FakeCase({
        "exposed_messages": [
            _exposed(attachments="pay.CSV; a.tar.gz; ann.lee; noending"), _exposed(content="none", attachments="", in_window="no"),
        ],
        "possible_messages": [{}],
        "people": [
            {"person": f"{name}@b.example", "relation": "correspondent", "verdict": "confirmed", "data_kinds": "health",
             "credentials": "1", "residency_hint": hint}
            for name, hint in (("a", "DE"), ("a+x", "DE"), ("c", "DE; FR"), ("info", ""))
        ] + [{"person": "z@b.example", "verdict": "possible"}],
        "person_groups": [
            {"person": "a@b.example", "group_id": "G0001", "mailbox": "person", "category": "customer"},
            {"person": "a+x@b.example", "group_id": "G0001", "mailbox": "person", "category": "customer"},
            {"person": "c@b.example", "mailbox": "person", "category": "other"},
            {"person": "info@b.example", "mailbox": "role", "category": "customer"},
        ],
        "personal_data": [{"kind": "health", "message_key": "m1", "verdict": "confirmed"}] * 2 + [{"kind": "salary", "verdict": "possible"}],
        "credentials": [
            {"kind": "password", "service": "generic", "state": "live_until_rotated", "verdict": "confirmed"},
            {"kind": "jwt", "service": "generic", "state": "expires 2025-10-01T00:00:00Z", "verdict": "probable"},
        ],
        "unexpected_recipients": [
            {"address": "x@giftshop.club", "domain": "giftshop.club", "indicator": "giftshop.club", "verdict": "confirmed"}
        ],
        "coverage": [{"source": "postfix", "scope": "mx1", "route": "smtp", "status": "gap"}] * 2,
    })  # fmt: skip
    told = _facts(case)
    assert told["messages"] | {"by_proof": 0} == {
        "exposed": 2, "confirmed": 2, "probable": 0, "by_proof": 0, "in_window": 1, "judged_in_window": 7, "content_not_available": 1,
        "content_partly_examined": 0, "with_attachments": 1, "not_delivered": 0,
    }  # fmt: skip
    assert told["attachments"] == {
        "named": 4, "by_type": {"csv": 1, "gz": 1, "other": 2}, "bytes": None, "messages_of_which_attachments_are_not_known": 1,
    }  # fmt: skip
    people = told["people"]
    assert people["approximate_number"] == 4
    assert people["range"] == {"low": 2, "high": 3, "role_and_service_mailboxes": 1}
    assert people["by_category"]["customer"] == {"low": 1, "high": 2, "role_and_service_mailboxes": 1}
    assert people["by_residency"]["contradictory"]["high"] == people["by_residency"]["DE"]["low"] == 1
    assert people["by_residency"]["unknown"] == {"low": 0, "high": 0, "role_and_service_mailboxes": 1}
    assert told["records"] == [{"kind": "health", "records": 2, "messages": 1, "category": 4}]
    assert [one["state"] for one in told["credentials"]] == ["expires", "live_until_rotated"]
    assert [one["of"] for one in told["likely_consequences"]] == [["health"], ["password"], ["jwt"]]
    assert told["severity"]["score"] == 3.75  # health, mail addresses only, one hidden mailbox
    assert told["nature"]["collecting_addresses"] == 1
    assert {one["id"]: one["due_at"] for one in told["clocks"]}["gdpr-33"] == "2025-09-29T14:00:00Z"
    assert told["coverage_stretches"] == [{"source": "postfix", "route": "smtp", "status": "gap", "stretches": 2}]
    assert told["evidence"]["custody_head"] == "ab" * 32
    assert told["record"] == {"phase": "initial", "version": "1", "supersedes": ""}
    assert told["contact"] == "privacy@acme.example"
    assert told["measures"] == {"proposed": ["Contain first."], "taken": []}
    assert CAUTION in told["limits"]


def test_the_phase_is_the_policys_and_older_cases_without_any_new_field_work() -> None:
    facts = {**_FACTS, "phase": "supplement", "version": "2", "supersedes": "N-1/1"}
    assert _facts(FakeCase({}, {"case": facts}))["record"] == {"phase": "supplement", "version": "2", "supersedes": "N-1/1"}
    told = _facts(FakeCase({}, {"run": {}}))
    assert told["evidence"]["custody_head"] == ""
    assert told["severity"]["score"] is None
    assert told["nature"]["malicious"] == "unknown"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Copied to phan@giftshop.club.", "Copied to phan@giftshop.club."),
        ("Copied to x@mx.giftshop.club.", "Copied to x@mx.giftshop.club."),
        ("No record of ann@b.example since May.", "No record of [address left out] since May."),
        ("x@notgiftshop.club and x@giftshop.club.evil.example", "[address left out] and [address left out]"),
    ],
)
def test_free_text_keeps_public_indicators_and_no_other_address(text: str, told: str) -> None:
    assert _facts(FakeCase({}, {"coverage_text": text}))["coverage"] == told


# every text of a person or message holds a mark that occurs nowhere else, so that any trace of it would be found
_marks = st.text(alphabet="0123456789abcdef", min_size=1, max_size=6).map(lambda text: f"zq{text}qz")
_dressed = st.tuples(
    st.sampled_from(["", "=", '"><script>', "\x1b[2J", "\u202e", "; ", "{{", "[/red]", "\n", "<", "confirmed; "]),
    _marks,
    st.sampled_from(
        ["", "@b.example", "@b.example; x", ".csv", ".zqffqz", "@giftshop.example", "\x00", " <a@b.de>", "@zq0qz.de"]
    ),
).map("".join)
_kinds = st.sampled_from(["health", "name", "email_address", "minor", "other", "confidential_marking"])
_verdicts = st.sampled_from(["confirmed", "probable", "possible"])


@st.composite
def _cases(draw: st.DrawFn) -> FakeCase:
    def some(**columns: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
        return draw(st.lists(st.fixed_dictionaries(dict(columns)), max_size=3))

    messages = dict.fromkeys(
        ("message_key", "sender", "to", "cc", "subject", "reasons", "evidence", "attachments", "sources"), _dressed
    )
    people = some(person=_dressed, domain=_dressed, relation=st.sampled_from(["own_staff", "mentioned"]), verdict=_verdicts,
                  data_kinds=_kinds, credentials=st.sampled_from(["0", "2"]), residency_hint=st.sampled_from(["", "DE", "US-CA; FR"]))  # fmt: skip
    credentials = some(credential_id=_dressed, kind=st.just("password"), service=st.just("generic"), preview=_dressed,
                       state=st.sampled_from(["live_until_rotated", "expires"]), rotate=_dressed, verdict=_verdicts)  # fmt: skip
    known = {
        "content": st.sampled_from(["full", "none"]),
        "in_window": st.just("yes"),
        "sent_at": st.sampled_from(["", "2025-09-18T00:00:00Z"]),
    }
    return FakeCase({
        "exposed_messages": some(**messages, **known, verdict=st.sampled_from(["confirmed", "probable"])),
        "possible_messages": some(**messages, **known, verdict=st.just("possible")),
        "people": people,
        "person_groups": [
            {"person": one["person"], "group_id": "G0001", "basis": "b", "category": "staff", "mailbox": "person"} for one in people[:2]
        ],
        "personal_data": some(kind=_kinds, message_key=_dressed, preview=_dressed, location=_dressed, part=_dressed, verdict=_verdicts),
        "credentials": credentials,
        "coverage": some(source=st.just("postfix"), scope=_dressed, route=st.just("smtp"), status=st.just("gap"), note=_dressed),
        "defects": some(path=_dressed, reason=_dressed, parser=st.just("postfix")),
    }, {"coverage_text": draw(_marks) + "@b.example has gaps", "next_steps": ["Look at " + draw(_marks) + "@b.example."]})  # fmt: skip


@pytest.mark.property
@given(_cases())
@settings(max_examples=50, deadline=None)
def test_nothing_of_any_person_or_message_stands_in_the_facts_or_the_obligations(case: FakeCase) -> None:
    told = json.dumps(_facts(case), ensure_ascii=False)
    assert "zq" not in told
    assert "b.example" not in told
    assert json.loads(told)["schema_version"] == 1
    counted = json.loads(told)["people"]["range"]
    assert counted["low"] <= counted["high"] <= json.loads(told)["people"]["approximate_number"]


def test_obligations_as_csv_say_of_themselves_that_they_are_no_advice(tmp_path: Path) -> None:
    (place,) = obligations.write(cast("Case", FakeCase({"exposed_messages": [_exposed()]})), tmp_path)
    raw = place.read_bytes()
    listed = list(csv.DictReader(raw.decode("utf-8").splitlines()))
    assert tuple(listed[0]) == COLUMNS
    assert raw.count(b"\r\n") == raw.count(b"\n") == len(listed) + 1
    assert all(row["note"].endswith(CAUTION_OF_ROW) for row in listed)
    assert place.stat().st_mode & 0o777 == 0o600
    first = place.read_bytes()
    obligations.write(cast("Case", FakeCase({"exposed_messages": [_exposed()]})), tmp_path)
    assert place.read_bytes() == first


def test_person_groups_as_csv_are_no_formula_and_an_older_case_has_none(tmp_path: Path) -> None:
    case = FakeCase(
        {
            "person_groups": [
                {"person": '=cmd("x")@b.example', "group_id": "", "category": "other"},
                {"person": "a\u202eb@b.example"},
            ]
        }
    )
    place = next(one for one in tables.write(cast("Case", case), tmp_path) if one.stem == "person_groups")
    listed = list(csv.DictReader(place.read_text(encoding="utf-8").splitlines()))
    assert [row["person"] for row in listed] == ['\'=cmd("x")@b.example', "a[U+202E]b@b.example"]
    assert tuple(listed[0]) == PERSON_GROUPS

    class Old(FakeCase):
        def read(self, table: str) -> pd.DataFrame:
            if table == "person_groups":
                raise CaseError(table)
            return super().read(table)

    assert "person_groups" not in {one.stem for one in tables.write(cast("Case", Old()), tmp_path)}


def _section(case: FakeCase) -> str:
    text = html.page(case)
    return text[text.index('<section id="notification"') : text.index('<section id="possible"')]


def test_the_page_shows_clocks_severity_and_ranges() -> None:
    case = FakeCase({
        "exposed_messages": [_exposed()],
        "people": [{"person": f"{name}@b.example", "verdict": "confirmed", "residency_hint": "DE"} for name in "ab"],
        "person_groups": [{"person": f"{name}@b.example", "group_id": "G0001", "mailbox": "person", "category": "staff"} for name in "ab"],
    }, {"case": {**_FACTS, "severity": {"dpc": 4, "reason": "<b>mail of a clinic"}}})  # fmt: skip
    text = _section(case)
    assert "1 to 2" in text
    assert "2025-09-29" in text
    assert "not legal advice" in text
    assert "4 very high" not in text
    assert "instead of 1.0" in text
    assert "&lt;b&gt;mail of a clinic" in text
    assert "@b.example" not in text


def test_without_exposure_the_page_counts_no_clock_and_does_not_say_that_nothing_is_to_be_done() -> None:
    text = _section(FakeCase())
    assert "2025-09-29" not in text
    assert "no finding that nothing has to be notified" in text
    unknown = {**_FACTS, "aware_at": "", "discovered_at": ""}
    assert "No deadline can be counted" in _section(FakeCase({"exposed_messages": [_exposed()]}, {"case": unknown}))
