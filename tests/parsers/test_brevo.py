"""Brevo: events under all their names, a zone that only one of four clocks tells, lists and details."""

from __future__ import annotations

import json
from typing import Any

import pytest
from provider_records import AT, HIDDEN, MAKE, TO, lines
from support import defects, observations, plain, statements

from forensics.model import Observation, Role
from forensics.parsers.brevo import PARSER

LISTED: dict[str, Any] = {
    "email": HIDDEN, "subject": "Hi", "templateId": 22, "messageId": "<m1@relay.acme.example>", "uuid": "5A78C-1", "date": "2025-09-18T14:53:20.125+02:00", "from": "app@acme.example",
}  # fmt: skip
DETAILS: dict[str, Any] = {
    "email": HIDDEN, "subject": "Hi", "templateId": 22, "date": "2025-09-18T14:53:20+02:00",
    "events": [{"name": "sent", "time": "2025-09-18T14:53:20+02:00"}, {"name": "delivered", "time": "2025-09-18T14:53:22+02:00"}],
    "body": "<p>Hello</p>", "attachmentCount": 1,
}  # fmt: skip


def hook(**changes: Any) -> dict[str, Any]:
    return {name: one for name, one in MAKE["brevo"](HIDDEN, 1, **changes).items() if one is not ...}


def row(**changes: Any) -> dict[str, Any]:
    fields = {
        "email": HIDDEN,
        "date": "2025-09-18T14:53:21+02:00",
        "subject": "Hi",
        "messageId": "<m1@relay.acme.example>",
        "event": "delivered",
        "from": "app@acme.example",
    }
    return fields | changes


def one(record: dict[str, Any]) -> Observation:
    (found,) = observations(PARSER, lines(record))
    return found


def reasons(record: dict[str, Any]) -> list[str]:
    return [each.reason for each in defects(PARSER, lines(record))]


def test_an_event_is_one_recipients_of_a_mail_that_its_message_id_names() -> None:
    found = one(hook())
    assert (found.kind, found.message_id, found.ids, found.subject, found.header_known) == (
        "webhook:delivered",
        "m1@relay.acme.example",
        (),
        "Hi",
        False,
    )
    assert [(each.address, each.role, each.outcome.value, plain(each.at)) for each in found.recipients] == [
        (HIDDEN, Role.EVENT, "delivered", "2025-09-18T12:53:21Z")
    ]
    assert "planted" not in repr(found)
    assert ("unsigned", "true") in found.facts
    assert (one(row()).message_id, ("unsigned", "true") in one(row()).facts) == (found.message_id, False)


def test_the_id_of_a_webhook_is_the_webhooks_own_and_joins_nothing() -> None:
    assert one(hook(id=26224, **{"message-id": ...})).ids == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("request", "accepted"), ("requests", "accepted"), ("sent", "accepted"), ("delivered", "delivered"), ("deferred", "deferred"), ("soft_bounce", "deferred"), ("softBounces", "deferred"),
        ("hard_bounce", "bounced"), ("hardBounces", "bounced"), ("blocked", "suppressed"), ("invalid_email", "suppressed"), ("invalid", "suppressed"), ("error", "suppressed"),
        ("spam", "delivered"), ("complaint", "delivered"), ("opened", "fetched"), ("unique_opened", "fetched"), ("unique_proxy_open", "fetched"), ("proxy_open", "fetched"),
        ("loadedByProxy", "fetched"), ("click", "fetched"), ("clicks", "fetched"), ("unsubscribed", ""),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(name: str, expected: str) -> None:
    for record in (hook(event=name), row(event=name)):
        assert [each.outcome.value for each in one(record).recipients] == [expected]


def test_a_refusal_after_the_content_is_none() -> None:
    (copy,) = one(hook(event="hard_bounce", reason="554 refused in reply to end of DATA")).recipients
    assert (copy.outcome.value, copy.reply) == ("refused_after_data", "554 refused in reply to end of DATA")


@pytest.mark.parametrize(
    ("changes", "expected", "is_exact"),
    [
        ({}, "delivered_at 2025-09-18T12:53:21Z", True), ({"ts_epoch": None}, "delivered_at 2025-09-18T14:53:20Z +-50400s", False),
        ({"ts_epoch": ..., "date": ...}, "delivered_at 2025-09-18T14:53:20Z +-50400s", False), ({"ts_epoch": ..., "date": ..., "ts_event": ..., "ts": AT}, "delivered_at 2025-09-18T12:53:20Z +-50400s", False),
        ({"ts_epoch": ..., "date": "2025-09-18T14:53:20+02:00"}, "delivered_at 2025-09-18T12:53:20Z", True), ({"ts_epoch": ..., "date": ..., "ts_event": ...}, "", False),
    ],
)  # fmt: skip
def test_only_one_clock_is_known_to_count_in_utc(changes: dict[str, Any], expected: str, is_exact: bool) -> None:
    found = one(hook(**changes))
    assert plain(found.readings) == ([expected] if expected else [])
    assert (found.recipients[0].at is not None) is is_exact


@pytest.mark.parametrize(
    ("name", "clock"),
    [
        ("request", "received_at"),
        ("blocked", "received_at"),
        ("delivered", "delivered_at"),
        ("hard_bounce", "bounced_at"),
        ("opened", ""),
        ("click", ""),
        ("spam", ""),
    ],
)
def test_only_events_near_the_sending_are_clocks(name: str, clock: str) -> None:
    assert [each.clock for each in one(hook(event=name)).readings] == ([clock] if clock else [])


def test_rows_of_a_list() -> None:
    found = one(LISTED)
    assert (found.kind, found.message_id, found.ids, found.sender) == (
        "row",
        "m1@relay.acme.example",
        ("brevo:5a78c-1",),
        "app@acme.example",
    )
    assert plain(found.readings) == ["received_at 2025-09-18T12:53:20.125000Z"]
    page = json.dumps({"count": 2, "transactionalEmails": [LISTED, LISTED | {"email": TO}]}).encode()
    assert [each.recipients[0].address for each in observations(PARSER, page)] == [HIDDEN, TO]


@pytest.mark.parametrize("indent", [None, 2])
def test_details_tell_each_step_and_the_content(indent: int | None) -> None:
    data = json.dumps(DETAILS, indent=indent).encode()
    (found,) = observations(PARSER, data)
    assert (found.kind, found.has_body) == ("details", True)
    assert [(each.outcome.value, plain(each.at)) for each in found.recipients] == [
        ("accepted", None), ("accepted", "2025-09-18T12:53:20Z"), ("delivered", "2025-09-18T12:53:22Z"),
    ]  # fmt: skip
    assert PARSER.body is not None
    content = PARSER.body(data[found.span.start : found.span.end], found.kind)
    assert ([part.data for part in content.parts], len(content.unread)) == ([b"<p>Hello</p>"], 1)
    assert statements(PARSER, data)[-1].value == 1


def test_details_without_events_are_no_empty_page() -> None:
    data = json.dumps(DETAILS | {"events": []}).encode()
    assert [each.kind for each in statements(PARSER, data)] == ["tally"]
    assert [each.outcome.value for each in observations(PARSER, data)[0].recipients] == ["accepted"]


def test_details_that_are_cut_tell_what_they_told_before() -> None:
    data = json.dumps(DETAILS).encode()
    (found,) = observations(PARSER, data[: data.index(b'"delivered"') + 12])
    assert [each.outcome.value for each in found.recipients] == ["accepted", "accepted"]
    assert defects(PARSER, data[: data.index(b'"delivered"')])


def test_content_that_cannot_be_read_says_so() -> None:
    assert PARSER.body is not None
    assert PARSER.body(b"{", "details").unread
    assert PARSER.body(json.dumps(LISTED).encode(), "row").unread
    assert PARSER.body(json.dumps(DETAILS | {"body": 5}).encode(), "details").unread[0].reason == "is no text"


def test_changes_of_a_contact_tell_of_no_mail() -> None:
    data = lines({"event": "list_addition", "email": [HIDDEN], "id": 1})
    assert (observations(PARSER, data), defects(PARSER, data), statements(PARSER, data)[-1].rows) == ([], [], 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (hook(email=None), "email names no recipient"), (hook(event="teleported"), "no record of Brevo that this version reads"), (hook(event=["delivered"]), "no record of Brevo that this version reads"),
        (hook(ts_epoch="soon", date=...), "fields of an unexpected form, read as far as possible: ts_epoch"), (hook(reason=7), "fields of an unexpected form, read as far as possible: reason"),
        (LISTED | {"email": 7}, "email names no recipient"), (LISTED | {"date": []}, "fields of an unexpected form, read as far as possible: date"),
        (hook() | {"message-id": []}, "fields of an unexpected form, read as far as possible: message-id"),
        (DETAILS | {"events": [{"name": "teleported", "time": "x"}]}, "fields of an unexpected form, read as far as possible: events"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(record: dict[str, Any], reason: str) -> None:
    assert reason in reasons(record)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (lines(hook()), True), (lines(row()), True), (lines(LISTED), True), (lines(DETAILS), True), (json.dumps(DETAILS, indent=1).encode(), True), (lines({"events": [row()]}), True),
        (lines(DETAILS | {"body": "x" * 90_000})[:65536], True), (lines({"events": [{"name": "load", "time": 1}]}), False), (lines({"events": [{"name": "load", "time": 1}], "email": 1}), False),
        (lines({"event": "delivered", "email": TO}), False), (lines(hook(sg_event_id="x", **{"message-id": ...})), False), (lines({"events": []}), False),
        (lines(hook(**{"message-id": ..., "ts_event": ..., "sending_ip": ...})), False),
    ],
)  # fmt: skip
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "x") is expected
