"""The provider has forgotten everything: what machines, MCP hosts and suppressions still say, and how sure that is."""

from __future__ import annotations

import json
from typing import Any

import pytest

import forensics
from forensics import hosts
from forensics.incident import Incident
from forensics.policy import Policy

UUID = "7e570033-5c1e-4a77-9d10-4b6f0c2e00"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # the example that its vendor's documentation shows


def call(stamp: str, number: int, tool: str, **arguments: str) -> str:
    asked = {"method": "tools/call", "params": {"name": tool, "arguments": arguments}, "jsonrpc": "2.0", "id": number}
    answer = {
        "jsonrpc": "2.0",
        "id": number,
        "result": {"content": [{"type": "text", "text": f"Email sent successfully!\nMessageID: {UUID}{number:02x}"}]},
    }
    return (
        f"{stamp} [postmark] [info] Message from client: {json.dumps(asked)} {{ metadata: undefined }}\n"
        f"{stamp} [postmark] [info] Message from server: {json.dumps(answer)} {{ metadata: undefined }}\n"
    )


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> forensics.Case:
    place = tmp_path_factory.mktemp("expired")
    evidence, disk = place / "evidence", place / "disks" / "laptop-ana"
    evidence.mkdir()
    (evidence / "mcp-server-postmark.log").write_text(
        call("2025-09-16T09:00:00.000Z", 1, "sendEmail", to="bob@customer.example", subject="Before", textBody="nothing")
        + call("2025-09-19T09:00:00.000Z", 2, "sendEmail", to="bob@customer.example", subject="Keys", textBody=f"AWS secret access key: {SECRET}")
        + call("2025-09-19T10:00:00.000Z", 3, "sendEmailWithTemplate", to="eve@customer.example", templateId="7")
    )  # fmt: skip
    (evidence / "search.json").write_text('{"TotalCount": 0, "Messages": []}')
    suppressed = {"EmailAddress": "phan@giftshop.club", "SuppressionReason": "HardBounce", "Origin": "Recipient"}
    (evidence / "suppressions.json").write_text(
        json.dumps({"Suppressions": [{**suppressed, "CreatedAt": "2025-09-26T08:00:00-04:00"}]})
    )
    lock = disk / "srv" / "agent" / "package-lock.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"lockfileVersion": 3, "packages": {"": {}, "node_modules/postmark-mcp": {"version": "1.0.16"}}}))
    found = hosts.survey([hosts.host_root(str(disk))], Incident.load("postmark-mcp"))
    windows = place / "hosts.toml"
    windows.write_text(hosts.policy_text(found), encoding="utf-8")
    return forensics.audit(
        evidence,
        out=place / "case",
        incident="postmark-mcp",
        policy=Policy(domains=("acme.example",)).joined(Policy.load(windows)),
        options=forensics.Options(content="possible", workers=1),
    )


def rows(case: forensics.Case, name: str) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in case.read(name).to_dict("records")]


def test_nothing_is_called_exposed_and_nothing_clean(case: forensics.Case) -> None:
    assert case.summary["conclusion"] == "compromised_extent_unknown"
    assert rows(case, "exposed_messages") == []


def test_what_went_the_compromised_way_in_the_window_is_possible_and_inferred(case: forensics.Case) -> None:
    possible = {row["message_key"]: row for row in rows(case, "possible_messages")}
    assert set(possible) == {f"{UUID}02@mtasv.net"}  # not the one from before, and not the clean template tool's
    (one,) = possible.values()
    assert (one["proof"], one["content"], one["to"]) == ("inferred", "full", "bob@customer.example")


def test_the_text_survives_where_the_agent_wrote_it(case: forensics.Case) -> None:
    credentials = rows(case, "credentials")
    assert [row["service"] for row in credentials] == ["aws"]
    for table in case.path.rglob("*"):
        if table.is_file():
            assert SECRET.encode() not in table.read_bytes()


def test_the_suppression_proves_an_attempt_and_the_empty_answer_nothing(case: forensics.Case) -> None:
    (thief,) = [row for row in rows(case, "unexpected_recipients") if row["address"] == "phan@giftshop.club"]
    assert int(thief["messages"]) == 0
    assert "at least one attempt" in thief["reasons"]
    assert "expired" in {row["status"] for row in rows(case, "coverage")}
    assert "covered" not in {row["status"] for row in rows(case, "coverage")}


def test_the_machines_window_stands_in_the_policy(case: forensics.Case) -> None:
    assert "hosts.toml" in (case.path / "case.toml").read_text(encoding="utf-8")
