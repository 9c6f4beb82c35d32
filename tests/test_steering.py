"""What steers an audit from outside: STIX bundles, mappings, and a policy that a case suggests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

import forensics
from forensics.incident import IncidentError
from forensics.mapping import MappingError
from forensics.policy import Policy

ROWS = """message_id,sender,recipient,status,timestamp
m1@acme.example,app@acme.example,bob@customer.example,delivered,2025-09-18T10:00:00Z
m1@acme.example,app@acme.example,drop@thief.example,delivered,2025-09-18T10:00:00Z
"""


def bundle(place: Path) -> Path:
    pattern = "[email-addr:value = 'drop@thief.example']"
    indicator = {
        "type": "indicator", "spec_version": "2.1", "id": "indicator--11111111-1111-4111-8111-111111111111", "pattern": pattern,
        "pattern_type": "stix", "created": "2025-09-25T00:00:00Z", "modified": "2025-09-25T00:00:00Z", "valid_from": "2025-09-25T00:00:00Z",
    }  # fmt: skip
    path = place / "ioc.json"
    path.write_text(json.dumps({"type": "bundle", "id": "bundle--22222222-2222-4222-8222-222222222222", "objects": [indicator]}))
    return path


@pytest.mark.parametrize("workers", [1, 2])
def test_a_mapped_table_and_a_bundle_give_a_confirmed_copy(tmp_path: Path, workers: int) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "export.csv").write_text(ROWS)
    bundle(evidence)  # steers the audit, so it is no evidence
    options = forensics.Options(indicators=(evidence / "ioc.json",), mappings=("recipient-rows",), workers=workers)
    case = forensics.audit(evidence, out=tmp_path / "case", policy=Policy(domains=("acme.example",)), options=options)
    (row,) = case.read("exposed_messages").to_dict("records")
    assert (row["message_key"], row["verdict"], row["proof"]) == ("m1@acme.example", "confirmed", "delivered")
    assert row["sources"] == "mapped:recipient-rows"
    assert case.read("defects").empty
    assert "recipient-rows" in (case.path / "case.toml").read_text(encoding="utf-8")
    assert forensics.verify(case) == []


def test_without_the_mapping_the_table_is_told_as_unread(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "export.csv").write_text(ROWS)
    (evidence / "mail.eml").write_text("From: a@acme.example\nTo: b@customer.example\n\nhello\n")
    case = forensics.audit(evidence, out=tmp_path / "case")
    assert "no parser knows this format" in " ".join(case.read("defects")["reason"])


def test_a_bad_mapping_or_bundle_is_said_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(ROWS)
    with pytest.raises(MappingError):
        forensics.audit(tmp_path / "e.csv", out=tmp_path / "a", options=forensics.Options(mappings=("no-such-mapping",)))
    (tmp_path / "no.json").write_text("{}")
    with pytest.raises(IncidentError):
        forensics.audit(tmp_path / "e.csv", out=tmp_path / "b", options=forensics.Options(indicators=(tmp_path / "no.json",)))


@pytest.mark.slow
def test_a_case_suggests_a_policy_that_loads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "forensics"]
    sample = ROOT / "sample_logs" / "incident"
    subprocess.run(
        [*command, "audit", str(sample), "--incident", "postmark-mcp", "--own-domain", "acme.example", "--out", str(tmp_path / "case"), "-q"],
        check=True,
        timeout=300,
    )  # fmt: skip
    done = subprocess.run(
        [*command, "policy", "suggest", str(tmp_path / "case")], check=True, timeout=300, capture_output=True, text=True
    )
    draft = tmp_path / "policy.toml"
    draft.write_text(done.stdout, encoding="utf-8")
    policy = Policy.load(draft)
    assert any(one.address == "bookkeeping@ledger-partner.example" for one in policy.expected)
    assert not any("giftshop.club" in one.entry for one in policy.expected)
