"""The sample incident, from the command's API to the files, against its truth."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from support import ROOT

import forensics
from forensics.case import CONTRACT

pytestmark = pytest.mark.slow

INCIDENT = ROOT / "sample_logs" / "incident"
TRUTH: dict[str, Any] = json.loads((INCIDENT / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> forensics.Case:
    out = tmp_path_factory.mktemp("case") / "case"
    options = forensics.Options(workers=1)
    return forensics.audit(INCIDENT, out=out, incident="postmark-mcp", policy=INCIDENT / "policy.toml", options=options)


def by_key(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    rows = {str(row["message_key"]): {str(name): value for name, value in row.items()} for row in frame.to_dict("records")}
    assert len(rows) == len(frame), "one row per message"
    return rows


def expected(name: str) -> dict[str, dict[str, Any]]:
    return {row["message_key"]: row for row in TRUTH[name]}


def test_no_exposed_message_is_missed_and_none_is_invented(case: forensics.Case) -> None:
    assert set(by_key(case.read("exposed_messages"))) == set(expected("exposed"))


@pytest.mark.parametrize("column", ["verdict", "proof", "in_window", "content"])
def test_every_exposed_message_is_judged_as_in_the_truth(case: forensics.Case, column: str) -> None:
    rows, truth = by_key(case.read("exposed_messages")), expected("exposed")
    assert {key: rows[key][column] for key in truth} == {key: row[column] for key, row in truth.items()}


@pytest.mark.parametrize(("table", "name"), [("exposed_messages", "exposed"), ("not_delivered", "not_delivered")])
def test_unexpected_recipients_are_those_of_the_truth(case: forensics.Case, table: str, name: str) -> None:
    rows, truth = by_key(case.read(table)), expected(name)
    assert {key: rows[key]["unexpected_recipients"].split("; ") for key in truth} == {
        key: sorted(row["unexpected"]) for key, row in truth.items()
    }


def test_copies_that_all_failed_stand_apart(case: forensics.Case) -> None:
    assert set(by_key(case.read("not_delivered"))) == set(expected("not_delivered"))


def test_possible_holds_what_it_must_and_nothing_beyond_what_it_may(case: forensics.Case) -> None:
    found = set(by_key(case.read("possible_messages")))
    truth = expected("possible")
    assert {key for key, row in truth.items() if row["required"]} <= found <= set(truth)


def occurrences(case: forensics.Case) -> dict[tuple[str, str], list[dict[str, Any]]]:
    credentials = case.read("credentials").set_index("credential_id")
    found = defaultdict(list)
    for row in case.read("credential_occurrences").to_dict("records"):
        kind = str(credentials.loc[row["credential_id"], "kind"])
        found[str(row["message_key"]), kind].append({str(name): value for name, value in row.items()})
    return found


def test_every_planted_credential_of_exposed_mail_is_found_where_it_stands(case: forensics.Case) -> None:
    found = occurrences(case)
    missing = [
        (planted["kind"], planted["service"], key)
        for planted in TRUTH["credentials"]
        if planted["exposed"]
        for key in planted["message_keys"]
        if not any(row["part"].startswith(tuple(planted["parts"])) for row in found[key, planted["kind"]])
    ]
    assert missing == []


def test_nothing_is_reported_as_a_credential_that_was_not_planted(case: forensics.Case) -> None:
    planted = {
        (key, kind)
        for one in TRUTH["credentials"]
        if one["exposed"]
        for key in one["message_keys"]
        for kind in {one["kind"], *(also.get("kind", one["kind"]) for also in one.get("also", []) if isinstance(also, dict))}
    }
    assert set(occurrences(case)) - planted == set()


def test_a_credential_quoted_again_is_one_credential(case: forensics.Case) -> None:
    found = occurrences(case)
    for planted in TRUTH["credentials"]:
        if planted["exposed"] and len(planted["message_keys"]) > 1:
            ids = [{row["credential_id"] for row in found[key, planted["kind"]]} for key in planted["message_keys"]]
            assert set.intersection(*ids), planted["kind"]


def test_every_planted_datum_is_found(case: forensics.Case) -> None:
    found = {(row["message_key"], row["kind"]) for row in case.read("personal_data").to_dict("records")}
    assert {(one["message_key"], one["kind"]) for one in TRUTH["personal_data"]} - found == set()


def test_exactly_the_affected_people_are_listed(case: forensics.Case) -> None:
    found = {row["person"]: (row["relation"], row["roles"]) for row in case.read("people").to_dict("records")}
    order = ("sender", "to", "cc", "mentioned")
    truth = {
        one["person"]: (one["relation"], "; ".join(role for role in order if role in one["roles"])) for one in TRUTH["people"]
    }
    assert found == truth


def test_the_conclusion_is_that_of_the_truth(case: forensics.Case) -> None:
    summary = case.summary
    assert summary["conclusion"] == TRUTH["conclusion"]
    assert summary["ongoing"] == ("yes" if TRUTH["ongoing"] else "no")
    assert summary["counts"]["messages"] == TRUTH["messages"]
    assert summary["own_domains"]["domains"] == TRUTH["own_domains"]
    assert summary["window"]["start"] == TRUTH["window"]["start"]
    assert summary["window"]["end"] == TRUTH["window"]["end"]


def test_no_planted_secret_stands_anywhere_in_the_case(case: forensics.Case) -> None:
    secrets = [one["secret"] for one in TRUTH["credentials"]]
    # quoted and wrapped forms of a secret as well: its first dozen characters are enough to recognise it
    needles = {secret[:12].encode() for secret in secrets if len(secret) >= 16} | {s.encode() for s in secrets if len(s) >= 7}
    leaked = []
    for place in sorted(case.path.rglob("*")):
        if place.is_file():
            content = place.read_bytes()
            if place.suffix == ".parquet":  # compressed: look at the values
                content += repr(pq.ParquetFile(place).read().to_pylist()).encode()
            leaked += [(place.name, needle) for needle in needles if needle in content]
    assert leaked == []


def test_every_table_of_the_contract_lies_in_the_report(case: forensics.Case) -> None:
    for name, columns in CONTRACT.items():
        with (case.report / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        assert tuple(rows[0]) == columns
        assert len(rows) - 1 == len(case.read(name))


def test_relays_without_year_or_zone_are_dated_and_say_how(case: forensics.Case) -> None:
    bases = {clock["path"]: clock["basis"] for clock in case.summary["clocks"]}
    relays = {path: basis for path, basis in bases.items() if "/relay/" in path}
    assert relays
    assert all(re.match(r"year and zone \(UTC[+-]\d\d:\d\d\) from ", basis) for basis in relays.values()), relays
    assert any("same messages in dated sources" in basis for path, basis in relays.items() if "relay3" in path)


def test_the_case_verifies(case: forensics.Case) -> None:
    assert forensics.verify(case) == []


def test_an_expected_entry_that_began_inside_the_window_is_shown_for_review(case: forensics.Case) -> None:
    review = {one["entry"]: one["review"] for one in case.summary["excused"]}
    assert sum(review.values()) == 1
    assert len(review) >= 3


def test_a_server_that_nobody_has_records_of_is_unknown(case: forensics.Case) -> None:
    coverage = case.read("coverage")
    assert set(coverage[coverage["status"] == "unknown"]["scope"]) == {"4711002"}
    mailbox = coverage[coverage["route"] == "mailbox"]
    assert not mailbox["shows"].str.contains("recipients").any()
    assert set(mailbox["status"]) == {"partial"}


def test_without_policy_the_own_domain_is_inferred_and_said_so(tmp_path: Path) -> None:
    case = forensics.audit(INCIDENT, out=tmp_path / "case", incident="postmark-mcp", options=forensics.Options(workers=1))
    own = case.summary["own_domains"]
    assert own["domains"] == ["acme.example"]
    assert "inferred" in own["basis"]
    confirmed = case.read("exposed_messages").query("verdict == 'confirmed'")
    assert set(confirmed["message_key"]) == {row["message_key"] for row in TRUTH["exposed"] if row["verdict"] == "confirmed"}


def test_without_an_incident_the_collectors_still_stand_out(tmp_path: Path) -> None:
    case = forensics.audit(INCIDENT, out=tmp_path / "case", policy=INCIDENT / "policy.toml", options=forensics.Options(workers=1))
    recipients = case.read("unexpected_recipients").set_index("address")
    assert (recipients["verdict"] != "confirmed").all()
    collectors = ["phan@giftshop.club", "mail-archive@collector.example"]
    assert set(recipients.loc[collectors, "verdict"]) == {"probable"}
    # an old habit cannot be told from a collector without mail from before, and the reason must say so
    beside = recipients[(recipients["verdict"] == "probable") & ~recipients.index.isin([*collectors, "x@mx.giftshop.club"])]
    assert beside["reasons"].str.contains("nothing to compare with").all()
    assert recipients.loc[collectors, "rank"].max() < beside["rank"].min()


def _notified(case: forensics.Case) -> str:
    """notification.json without the head of the custody log, which is each run's own."""
    text = (case.report / "notification.json").read_text(encoding="utf-8")
    return text.replace(case.summary["run"]["custody_head"], "")


def test_reading_possible_mail_too_changes_no_figure_of_exposed_mail(case: forensics.Case, tmp_path: Path) -> None:
    wider = forensics.audit(
        INCIDENT,
        out=tmp_path / "case",
        incident="postmark-mcp",
        policy=INCIDENT / "policy.toml",
        options=forensics.Options(workers=1, content="possible"),
    )
    assert (wider.read("possible_messages")["content"] != "none").any()
    assert (case.read("possible_messages")["content"] == "none").all()
    assert (case.read("possible_messages")["credentials"] == "").all()
    assert _notified(wider) == _notified(case)
    kept = {name: count for name, count in wider.summary["counts"].items() if not name.endswith("_of_possible")}
    assert kept == {name: count for name, count in case.summary["counts"].items() if not name.endswith("_of_possible")}
    assert len(wider.read("people")) > len(case.read("people"))


def test_reading_all_mail_keeps_apart_what_no_finding_asks_for(case: forensics.Case, tmp_path: Path) -> None:
    options = forensics.Options(workers=1, content="all")
    everything = forensics.audit(
        INCIDENT, out=tmp_path / "case", incident="postmark-mcp", policy=INCIDENT / "policy.toml", options=options
    )
    assert _notified(everything) == _notified(case)
    pd.testing.assert_frame_equal(everything.read("exposed_messages"), case.read("exposed_messages"))
    read, leaks = everything.read("unflagged_content"), everything.read("unflagged_leaks")
    flagged = set(everything.read("message_verdicts")["message_key"])
    links = everything.read("links")
    stored = set(links.loc[links["source"].isin(["mbox", "mmdf", "eml", "msg", "tnef"]), "message_key"]) - flagged
    assert stored <= set(read["message_key"])
    assert not flagged & set(read["message_key"])
    assert set(leaks["message_key"]) <= set(read["message_key"])
    assert (leaks["family"] == "credential").sum() == read["credentials"].sum() > 0
    assert len(case.read("unflagged_content")) == len(case.read("unflagged_leaks")) == 0
    told = str(leaks.to_dict("records"))
    assert not [one["secret"] for one in TRUTH["credentials"] if one["secret"] in told]
