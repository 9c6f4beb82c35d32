"""SparkPost: labels that prove and labels whose absence does not, what became of each copy, webhooks and API alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from provider_records import AT, HIDDEN, MAKE, TO, lines
from support import defects, observations, plain, statements

from forensics.model import Observation, Role
from forensics.parsers.sparkpost import PARSER


def hook(within: str = "message_event", **changes: Any) -> dict[str, Any]:
    event = MAKE["sparkpost"](HIDDEN, 1, **changes)["msys"]["message_event"]
    return {"msys": {within: {name: one for name, one in event.items() if one is not ...}}}


def row(**changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = hook(**{"timestamp": "2025-09-18T12:53:21.000Z"} | changes)["msys"]["message_event"]
    return event


def one(record: dict[str, Any]) -> Observation:
    (found,) = observations(PARSER, lines(record))
    return found


def outcome(record: dict[str, Any]) -> str:
    return one(record).recipients[0].outcome.value


def reasons(record: dict[str, Any]) -> list[str]:
    return [each.reason for each in defects(PARSER, lines(record))]


def test_an_event_is_one_recipients() -> None:
    found = one(hook(subaccount_id="101", customer_id=7))
    assert (found.kind, found.server, found.message_id, found.header_known) == ("webhook:delivery", "101", "", False)
    assert found.ids == ("sparkpost:001", "sparkpost:65832150921904138")
    assert (found.sender, found.envelope_sender, found.subject, found.size) == (
        "app@acme.example",
        "bounces@acme.example",
        "Hi",
        9,
    )
    assert plain(found.readings) == ["received_at 2025-09-18T12:53:20Z", "delivered_at 2025-09-18T12:53:21Z"]
    assert dict(found.facts) == {"account": "7", "unsigned": "true"}
    assert "planted" not in repr(found)


def test_the_events_api_tells_the_same_and_is_no_webhook() -> None:
    found = one(row())
    assert (found.kind, found.recipients, found.readings) == ("event:delivery", one(hook()).recipients, one(hook()).readings)
    assert ("unsigned", "true") not in found.facts


@pytest.mark.parametrize(
    ("label", "role", "is_wrong"),
    [
        ("bcc", Role.BCC, False), ("BCC", Role.BCC, False), ("archive", Role.BCC, False), ("cc", Role.CC, False),
        (None, Role.EVENT, False), ("", Role.EVENT, False), ("to", Role.EVENT, False),  # mail by SMTP has no labels: their absence proves nothing
        ("teleported", Role.EVENT, True), (7, Role.EVENT, True), (["bcc"], Role.EVENT, True),
    ],
)  # fmt: skip
def test_a_label_proves_and_its_absence_does_not(label: Any, role: Role, is_wrong: bool) -> None:
    for record in (hook(rcpt_type=label), row(rcpt_type=label)):
        assert [each.role for each in one(record).recipients] == [role]
        assert bool(reasons(record)) is is_wrong


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "injection"}, "accepted"), ({"type": "delivery"}, "delivered"), ({"type": "delay"}, "deferred"), ({"type": "bounce", "bounce_class": "10"}, "bounced"),
        ({"type": "bounce", "raw_reason": "554 in reply to end of DATA"}, "refused_after_data"), ({"type": "out_of_band", "bounce_class": 10}, "refused_after_data"),
        ({"type": "bounce", "bounce_class": "60"}, "delivered"), ({"type": "out_of_band", "bounce_class": 100}, "delivered"), ({"type": "policy_rejection"}, "suppressed"),
        ({"type": "policy_rejection", "bounce_class": "60"}, "suppressed"), ({"type": "generation_failure"}, "suppressed"), ({"type": "generation_rejection"}, "suppressed"),
        ({"type": "spam_complaint"}, "delivered"), ({"type": "open"}, "fetched"), ({"type": "initial_open"}, "fetched"), ({"type": "click"}, "fetched"), ({"type": "amp_open"}, "fetched"),
        ({"type": "list_unsubscribe"}, ""), ({"type": "link_unsubscribe"}, ""),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(changes: dict[str, Any], expected: str) -> None:
    for within in ("message_event", "track_event", "gen_event", "unsubscribe_event"):
        assert outcome(hook(within, **changes)) == expected
    assert outcome(row(**changes)) == expected


@pytest.mark.parametrize(
    ("of_type", "expected"),
    [
        ("injection", ["received_at 2025-09-18T12:53:21Z"]), ("delivery", ["delivered_at 2025-09-18T12:53:21Z"]), ("bounce", ["bounced_at 2025-09-18T12:53:21Z +-432000s"]),
        ("open", []), ("click", []), ("spam_complaint", []), ("list_unsubscribe", []),
    ],
)  # fmt: skip
def test_only_events_near_the_sending_are_clocks(of_type: str, expected: list[str]) -> None:
    assert plain(one(hook(type=of_type, injection_time=...)).readings) == expected
    assert plain(one(hook(type=of_type)).readings)[0] in {"received_at 2025-09-18T12:53:20Z", "received_at 2025-09-18T12:53:21Z"}


@pytest.mark.parametrize("stamp", [str(AT), AT, "2025-09-18T12:53:20.000Z", "2025-09-18T14:53:20.000+02:00"])
def test_stamps(stamp: Any) -> None:
    assert plain(one(hook(timestamp=stamp)).recipients[0].at) == "2025-09-18T12:53:20Z"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rcpt_to": "bob@customer.example", "raw_rcpt_to": "Bob@Customer.example"}, [TO]), ({"rcpt_to": None}, [HIDDEN]), ({"raw_rcpt_to": None}, [HIDDEN]),
        ({"rcpt_to": TO, "raw_rcpt_to": HIDDEN}, [TO, HIDDEN]), ({"rcpt_to": None, "raw_rcpt_to": None}, []),
    ],
)  # fmt: skip
def test_both_forms_of_the_address(changes: dict[str, Any], expected: list[str]) -> None:
    assert [each.address for each in one(hook(**changes)).recipients] == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("sparkpost:001", "sparkpost:65832150921904138")), ({"transmission_id": None}, ("sparkpost:001",)), ({"transmission_id": 7, "message_id": 7}, ("sparkpost:7",)),
        ({"transmission_id": "0", "message_id": ""}, ()),
    ],
)  # fmt: skip
def test_ids(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert one(hook(**changes)).ids == expected


@pytest.mark.parametrize(
    "record", [{"msys": {}}, {"msys": {"relay_message": {"rcpt_to": TO}}}, {"msys": {"ingest_event": {"type": "success"}}}]
)
def test_what_tells_of_no_mail_of_ours_is_counted(record: dict[str, Any]) -> None:
    assert (observations(PARSER, lines(record)), reasons(record), statements(PARSER, lines(record))[-1].rows) == ([], [], 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (hook(rcpt_to=..., raw_rcpt_to=...), "rcpt_to names no recipient"), (hook(type="teleported"), "no record of SparkPost that this version reads"),
        (hook(type=["delivery"]), "no record of SparkPost that this version reads"), ({"msys": 7}, "no record of SparkPost that this version reads"),
        ({"msys": {"message_event": [1]}}, "no record of SparkPost that this version reads"), (hook(timestamp="soon"), "fields of an unexpected form, read as far as possible: timestamp"),
        (row(msg_size={}), "fields of an unexpected form, read as far as possible: msg_size"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(record: dict[str, Any], reason: str) -> None:
    assert reason in reasons(record)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (lines(hook()), True), (json.dumps([hook()]).encode(), True), (lines({"msys": {}}), True), (json.dumps({"results": [row()], "total_count": 1}).encode(), True), (lines(row()), True),
        (lines({"type": "delivery", "rcpt_to": TO}), False), (lines(hook(type="teleported")), False), (lines({"results": [], "total_count": 0}), False), (lines({"msys": []}), False),
        (lines({"results": [{"type": "delivery", "recipient": TO, "message_id": "1"}]}), False),
    ],
)  # fmt: skip
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "x") is expected
