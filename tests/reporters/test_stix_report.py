"""The STIX bundle: what our own loader makes of it, nobody's personal data, `possible` nowhere, the same again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
import stix2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forensics.case import CONTRACT, NO_TIME, Case, CaseError
from forensics.csvform import csv_sha256
from forensics.reporters import stix
from forensics.stix import load_indicators

PHAN, OTHER = "phan@giftshop.club", "archive@collector.example"


class Tables:
    """A finished case that lies in memory."""

    def __init__(self, told: dict[str, Any] | None = None, **rows: list[dict[str, Any]]) -> None:
        self.rows, self.summary = rows, SUMMARY | (told or {})

    def read(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(self.rows.get(name, []), columns=list(CONTRACT[name]))


SUMMARY: dict[str, Any] = {
    "incident": {
        "name": "postmark-mcp", "title": "Hidden blind copy", "references": ["OSV MAL-2025-47604"],
        "indicators": {"addresses": [PHAN], "domains": ["giftshop.club"]},
    },
    "case": {"number": "ACME-2025-017", "custodian": "Eva Lund", "contact": "eva.lund@acme.example"},
    "own_domains": {"domains": ["acme.example"], "basis": "policy"},
    "window": {"start": "2025-09-17T00:00:00Z", "end": "2025-09-26T12:00:00Z"},
    "conclusion": "exposure_shown", "conclusion_text": "2 messages went out.", "coverage_text": "Not all of the window.",
}  # fmt: skip


def recipient(address: str, verdict: str = "confirmed", **changes: Any) -> dict[str, Any]:
    base = dict.fromkeys(CONTRACT["unexpected_recipients"], "") | {
        "rank": 1, "address": address, "verdict": verdict, "messages": 2, "first_seen": "2025-09-18T10:01:02.5Z",
        "last_seen": "2025-09-19T10:01:02Z", "reasons": f"{address} was a blind copy of mail by anna.berg@acme.example.",
    }  # fmt: skip
    return base | changes


def message(key: str = "m1@acme.example", sent_at: str = "2025-09-18T10:01:02Z") -> dict[str, Any]:
    return dict.fromkeys(CONTRACT["exposed_messages"], "") | {
        "message_key": key, "sent_at": sent_at, "sender": "anna.berg@acme.example", "to": "victim@customer.example",
        "subject": "secret plan",
    }  # fmt: skip


def copy(key: str = "m1@acme.example", to: str = PHAN, role: str = "envelope") -> dict[str, Any]:
    return dict.fromkeys(CONTRACT["copies"], "") | {"message_key": key, "recipient": to, "role": role, "start": 0, "end": 1}


def written(
    tmp_path: Path, told: dict[str, Any] | None = None, **rows: list[dict[str, Any]]
) -> tuple[Path, dict[str, list[Any]]]:
    """The file, and its objects by type, as the library reads them."""
    (target,) = stix.write(cast("Case", Tables(told, **rows)), tmp_path)
    assert target.name == "case.stix.json"
    assert target.stat().st_mode & 0o777 == 0o600
    found: dict[str, list[Any]] = {}
    for one in stix2.parse(target.read_text(encoding="ascii")).objects:
        found.setdefault(one.type, []).append(one)
    return target, found


def full() -> dict[str, Any]:
    return {
        "unexpected_recipients": [recipient(PHAN), recipient(OTHER, "probable"), recipient("desk@partner.example", "possible")],
        "exposed_messages": [message(), message("m2@acme.example")],
        "copies": [
            copy(),
            copy(role="event"),
            copy("m2@acme.example", OTHER, "bcc"),
            copy("m2@acme.example", "desk@partner.example"),
        ],
        "possible_messages": [message("p1@acme.example")],
        "timeline": [dict.fromkeys(CONTRACT["timeline"], "") | {"datetime": "2025-09-19T10:01:02.123456Z", "timestamp": 0}],
    }


def test_our_own_loader_gives_the_same_indicators_back(tmp_path: Path) -> None:
    target, _ = written(tmp_path, **full())
    indicators, remarks = load_indicators(target)
    assert indicators.addresses == {PHAN, OTHER}
    assert indicators.domains == {"giftshop.club"}
    assert remarks == ()


def test_the_organisations_own_mail_accuses_nobody_of_it(tmp_path: Path) -> None:
    target, _ = written(tmp_path, **full())
    assert load_indicators(target, own=["acme.example"]) == load_indicators(target)


def test_a_case_without_rows_has_the_incidents_indicators(tmp_path: Path) -> None:
    target, found = written(tmp_path)
    assert load_indicators(target)[0].addresses == {PHAN}
    assert {"sighting", "observed-data", "email-message", "email-addr"}.isdisjoint(found)
    assert found["report"][0].published.year == 2025  # the end of the window
    empty = {"incident": {}, "window": {"start": None, "end": None}, "own_domains": {}, "case": {}, "conclusion": "cannot_tell"}
    target, found = written(tmp_path, empty)
    assert load_indicators(target)[0].addresses == frozenset()
    assert found["identity"][0].name == "Organisation not named"


def test_an_undated_copy_does_not_date_the_case(tmp_path: Path) -> None:
    undated = dict.fromkeys(CONTRACT["timeline"], "") | {
        "datetime": "1970-01-01T00:00:00Z",
        "timestamp": 0,
        "timestamp_desc": NO_TIME,
    }
    _, alone = written(tmp_path, **(full() | {"timeline": [undated]}))
    _, without = written(tmp_path, **(full() | {"timeline": []}))
    assert alone["report"][0].published == without["report"][0].published
    assert alone["report"][0].published.year == 2025


def test_each_pattern_is_one_comparison(tmp_path: Path) -> None:
    _, found = written(tmp_path, **full())
    assert {one.pattern for one in found["indicator"]} == {
        f"[email-message:bcc_refs[*].value = '{PHAN}']", f"[email-addr:value = '{PHAN}']",
        f"[email-message:bcc_refs[*].value = '{OTHER}']", f"[email-addr:value = '{OTHER}']",
        "[domain-name:value = 'giftshop.club']",
    }  # fmt: skip


def test_no_personal_data_and_nothing_possible_is_in_it(tmp_path: Path) -> None:
    target, found = written(tmp_path, **full())
    text = target.read_text(encoding="ascii")
    for word in ("victim", "anna.berg", "Eva", "eva.lund", "secret plan", "desk@partner", "p1@acme"):
        assert word not in text, word
    assert "1 messages and 1 recipients" in found["note"][0].content
    for one in found["email-message"]:
        assert set(one) <= {"defanged", "type", "spec_version", "id", "is_multipart", "date", "message_id", "bcc_refs"}


def test_a_message_names_its_accused_recipient_where_it_stood(tmp_path: Path) -> None:
    rows = full() | {"copies": [copy(), copy("m2@acme.example", OTHER, "to"), copy("m2@acme.example", OTHER, "envelope")]}
    target, found = written(tmp_path, **rows)
    addresses = {one.id: one.value for one in found["email-addr"]}
    fields = {
        one.message_id: {name: [addresses[ref] for ref in one[name]] for name in ("bcc_refs", "to_refs") if name in one}
        for one in found["email-message"]
    }
    assert fields == {"<m1@acme.example>": {"bcc_refs": [PHAN]}, "<m2@acme.example>": {"to_refs": [OTHER]}}
    assert load_indicators(target)[0].addresses == {PHAN, OTHER}


@pytest.mark.parametrize(
    ("key", "written_as"),
    [
        ("m1@acme.example", "<m1@acme.example>"),
        ("relay1/7A64E12D601", None),
        ("relay1/7A64E12D601@1758189662", None),
        ("00f78d6f1ea9533c#1200", None),
        ("m1@acme.example~2", None),
        ("a\x1b[2J@acme.example", None),
    ],
)
def test_only_a_message_id_is_told_as_one(tmp_path: Path, key: str, written_as: str | None) -> None:
    _, found = written(tmp_path, unexpected_recipients=[recipient(PHAN)], exposed_messages=[message(key)], copies=[copy(key)])
    (one,) = found["email-message"]
    assert one.get("message_id") == written_as


def test_everything_that_is_referred_to_is_in_the_bundle(tmp_path: Path) -> None:
    _, found = written(tmp_path, **full())
    listed = [one for ones in found.values() for one in ones]
    ids = {one.id for one in listed}
    assert len(ids) == len(listed)
    for one in listed:
        refs = [one[name] for name in one if name.endswith("_ref")] + [
            ref for name in one if name.endswith("_refs") for ref in one[name]
        ]
        assert set(map(str, refs)) <= ids, one.type
    (amber,) = found["marking-definition"]
    assert amber.definition.tlp == "amber"
    marked = [one for one in listed if one.type not in {"marking-definition", "email-addr", "email-message"}]
    assert all(amber.id in map(str, one.object_marking_refs) for one in marked)
    assert found["sighting"][0]["count"] == 2


def test_times_are_the_cases_and_the_text_is_the_same_again(tmp_path: Path) -> None:
    target, _ = written(tmp_path, **full())
    text = target.read_text(encoding="ascii")
    objects = json.loads(text)["objects"]
    assert {one["created"] for one in objects if "created" in one} == {"2025-09-19T10:01:02.123Z", "2017-01-20T00:00:00.000Z"}
    assert stix.bundle(cast("Case", Tables(**full()))) == text
    rerun = SUMMARY | {"run": {"custody_head": "ff" * 32, "started": "2026-01-01T00:00:00Z"}}
    assert stix.bundle(cast("Case", Tables(rerun, **full()))) == text
    other = {
        one["id"] for one in json.loads(stix.bundle(cast("Case", Tables({"case": {"number": "OTHER-1"}}, **full()))))["objects"]
    }
    shared = {one["id"].partition("--")[0] for one in objects if one["id"] in other}
    assert shared == {"marking-definition", "email-addr"}  # two cases tell of one address, each in its own words


def test_more_messages_than_fit_are_counted_and_their_table_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stix, "MOST_MESSAGES", 3)
    rows = [message(f"m{n}@acme.example") for n in range(5)]
    _, found = written(
        tmp_path,
        unexpected_recipients=[recipient(PHAN)],
        exposed_messages=rows,
        copies=[copy(f"m{n}@acme.example") for n in range(5)],
    )
    assert len(found["email-message"]) == 3
    content = found["note"][0].content
    assert "3 of 5" in content
    assert csv_sha256(pd.DataFrame(rows, columns=list(CONTRACT["exposed_messages"]))) in content


@pytest.mark.parametrize(
    "changes", [{"first_seen": "", "last_seen": ""}, {"first_seen": "0001-01-01T00:00:00Z"}, {"messages": 0}]
)
def test_a_recipient_without_date_or_message_is_still_accused(tmp_path: Path, changes: dict[str, Any]) -> None:
    target, _ = written(tmp_path, unexpected_recipients=[recipient(OTHER, **changes)])
    assert OTHER in load_indicators(target)[0].addresses


@pytest.mark.parametrize(
    "address", ["a\x1b[2J@x.example", "a\u202eb@x.example", "a\nb@x.example", "x" * 400 + "@x.example", " a@x.example"]
)
def test_an_address_that_steers_its_reader_is_left_out_and_counted(tmp_path: Path, address: str) -> None:
    target, found = written(tmp_path, unexpected_recipients=[recipient(address), recipient(OTHER)])
    assert load_indicators(target)[0].addresses == {PHAN, OTHER}
    assert "1 recipients have addresses with invisible" in found["note"][0].content


@pytest.mark.parametrize("text", ["'] OR [domain-name:value = 'acme.example", "\\", "'", "]\n", '"x y"', "\x1b[2J", "</script>"])
def test_text_from_evidence_ends_no_pattern(tmp_path: Path, text: str) -> None:
    told = {"conclusion_text": text, "coverage_text": text, "own_domains": {"domains": [text]}}
    target, found = written(
        tmp_path, told, unexpected_recipients=[recipient(f"{text}@x.example", reasons=text)], exposed_messages=[message(text)]
    )
    indicators, _ = load_indicators(target)
    assert indicators.domains == {"giftshop.club"}
    assert "\x1b" not in json.dumps(
        [json.loads(one.serialize()) for one in found["identity"] + found["note"]], ensure_ascii=False
    )


@pytest.mark.property
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}@[a-z]{1,10}\.example", fullmatch=True), max_size=5))
def test_any_address_comes_back_through_its_pattern(tmp_path: Path, addresses: set[str]) -> None:
    from forensics.addresses import canonical

    known = {canonical(one) for one in addresses}
    rows = [recipient(one) for one in sorted(known) if one]
    target, found = written(tmp_path, {"incident": {}}, unexpected_recipients=rows)
    assert load_indicators(target)[0].addresses == {str(one.value) for one in found.get("email-addr", [])}
    assert len(found.get("email-addr", [])) == len(rows)


def test_without_the_library_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stix2", None)
    with pytest.raises(CaseError, match=r'pip install "forensics\[reports\]"'):
        stix.write(cast("Case", Tables()), tmp_path)
    assert list(tmp_path.iterdir()) == []
