"""OCSF events: the envelope apart from the header, every exposed message once, nothing that the schema refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case import CONTRACT, Case
from forensics.reporters import ocsf

# Email Activity in version 1.6.0: what it demands, and all that it and its object `email` know among what is written here
REQUIRED = {"activity_id", "category_uid", "class_uid", "direction_id", "email", "metadata", "severity_id", "time", "type_uid"}
KNOWN = REQUIRED | {
    "activity_name", "category_name", "class_name", "type_name", "severity", "direction", "status_id", "status", "status_detail", "message",
    "to", "unmapped",
}  # fmt: skip
OF_EMAIL = {"from", "to", "cc", "subject", "message_uid"}
EMAIL_T = re.compile(r"^[a-zA-Z0-9!#$%&'*+-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+$")


class Tables:
    """The tables of a case that lie in memory."""

    summary: ClassVar[dict[str, Any]] = {"run": {"version": "0.1.0"}}

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def read(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(self.rows if name == "exposed_messages" else [], columns=list(CONTRACT[name]))


def message(**changes: Any) -> dict[str, Any]:
    base = {
        "message_key": "m1@acme.example", "sent_at": "2025-09-18T10:01:02.331926Z", "in_window": "yes", "verdict": "confirmed",
        "proof": "delivered", "sender": "shop@acme.example", "to": "a@x.example; b@x.example", "unexpected_recipients": "phan@giftshop.club",
        "subject": "Order", "content": "none",
    }  # fmt: skip
    return dict.fromkeys(CONTRACT["exposed_messages"], "") | base | changes


def lines(folder: Path, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    (target,) = ocsf.write(cast("Case", Tables(list(rows))), folder)
    assert target.name == "email_activity.ocsf.jsonl"
    assert target.stat().st_mode & 0o777 == 0o600
    found = [json.loads(line) for line in target.read_text(encoding="ascii").splitlines()]
    for one in found:
        check(one)
    return found


def check(event: dict[str, Any]) -> None:
    assert set(event) >= REQUIRED
    assert set(event) <= KNOWN
    assert set(event["email"]) <= OF_EMAIL
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"] == 400_901
    assert type(event["time"]) is int
    email = event["email"]
    addresses = [*event.get("to", []), *email.get("to", []), *email.get("cc", []), *([email["from"]] if "from" in email else [])]
    assert all(EMAIL_T.match(one) for one in addresses)


def test_the_envelope_holds_the_blind_recipient_and_the_header_does_not(tmp_path: Path) -> None:
    (one,) = lines(tmp_path, message())
    assert one["to"] == ["phan@giftshop.club"]
    assert one["email"] == {
        "from": "shop@acme.example", "to": ["a@x.example", "b@x.example"], "subject": "Order", "message_uid": "m1@acme.example",
    }  # fmt: skip
    assert one["time"] == 1_758_189_662_332
    assert (one["severity_id"], one["status_id"], one["direction_id"]) == (4, 1, 2)
    assert one["metadata"] == {
        "version": "1.6.0", "product": {"name": "forensics", "version": "0.1.0"}, "log_name": "exposed_messages",
        "original_time": "2025-09-18T10:01:02.331926Z",
    }  # fmt: skip
    assert one["unmapped"]["credentials"] == ""  # nobody read it: not 0


def test_no_message_no_line(tmp_path: Path) -> None:
    assert lines(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"verdict": "probable"}, {"severity_id": 3}),
        ({"proof": "fetched"}, {"status_id": 1}),
        ({"proof": "accepted"}, {"status_id": 0}),  # it may have arrived
        ({"sent_at": ""}, {"time": 0}),
        ({"sent_at": "yesterday"}, {"time": 0}),
        ({"sent_at": "2025-09-18T10:01:02"}, {"time": 0}),  # no zone
        ({"sent_at": "1970-01-01T00:00:00Z"}, {"time": 0}),
    ],
)
def test_what_is_not_known_is_not_told_as_known(tmp_path: Path, changes: dict[str, str], found: dict[str, int]) -> None:
    (one,) = lines(tmp_path, message(**changes))
    assert {name: one[name] for name in found} == found
    is_known = changes.get("sent_at", "1970-01-01T00:00:00Z").endswith("Z")
    assert one["unmapped"]["time_known"] == ("yes" if is_known else "no")
    assert ("original_time" in one["metadata"]) == is_known


@pytest.mark.parametrize(
    "address",
    ["ünï@x.example", '"a b"@x.example', "a@localhost", "a@[192.0.2.1]", "\x1b[2J@x.example", "W" * 40_000 + "@x.example"],
)
def test_an_address_that_the_schema_refuses_stands_apart(tmp_path: Path, address: str) -> None:
    (one,) = lines(tmp_path, message(sender=address, cc=f"c@x.example; {address}", unexpected_recipients=address))
    assert "to" not in one
    assert "from" not in one["email"]
    assert one["email"]["cc"] == ["c@x.example"]
    assert [text[:20] for text in one["unmapped"]["other_addresses"]] == [address[:20]] * 3
    assert max(map(len, one["unmapped"]["other_addresses"])) < 9_000


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_every_exposed_message_is_one_event_whatever_it_says(values: list[str]) -> None:
    rows = [dict.fromkeys(CONTRACT["exposed_messages"], value) for value in values]
    found = list(ocsf.events(cast("Case", Tables(rows))))
    assert [one["unmapped"]["message_key"] for one in found] == values
    for one in found:
        check(one)
        assert len(json.dumps(one).splitlines()) == 1
