"""Mailgun: events of the API and of both generations of webhooks, the header's part in the arithmetic, and stored messages."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from provider_records import HIDDEN, MAKE, TO, lines
from support import defects, observations, plain

from forensics.model import Direction, Observation, Role, Route
from forensics.parsers.mailgun import PARSER

FLAT = {
    "event": "delivered", "recipient": HIDDEN, "domain": "mg.acme.example", "Message-Id": "<m1@mg.acme.example>", "timestamp": "1758200002",
    "token": "planted", "signature": "planted",
}  # fmt: skip
STORED: dict[str, Any] = {
    "recipients": f"{TO}, {HIDDEN}", "sender": "app@acme.example", "body-plain": "Hello\n", "body-html": "<p>Hello</p>",
    "message-headers": [["Message-Id", "<m1@mg.acme.example>"], ["From", "app@acme.example"], ["To", f"Bob <{TO}>"], ["Subject", "Hi"]],
}  # fmt: skip


def event(headers: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    found = MAKE["mailgun"](HIDDEN, 1, **changes)
    if headers is not None:
        found["message"]["headers"].update(headers)
    return {name: one for name, one in found.items() if one is not ...}


def hook(record: Any) -> dict[str, Any]:
    return {"signature": {"token": "planted", "timestamp": "1", "signature": "planted"}, "event-data": record}


def one(record: dict[str, Any]) -> Observation:
    (found,) = observations(PARSER, lines(record))
    return found


def reasons(record: dict[str, Any]) -> list[str]:
    return [each.reason for each in defects(PARSER, lines(record))]


def outcome(record: dict[str, Any]) -> str:
    return one(record).recipients[0].outcome.value


def test_an_event_names_its_recipient_the_envelope_and_the_headers_to() -> None:
    found = one(event())
    assert (found.kind, found.route, found.direction, found.message_id) == (
        "event:delivered",
        Route.API,
        Direction.SUBMITTED,
        "m1@mg.acme.example",
    )
    assert [(each.address, each.role, each.seen) for each in found.recipients] == [
        (HIDDEN, Role.EVENT, ""), (HIDDEN, Role.ENVELOPE, ""), (TO, Role.TO, "to"),
    ]  # fmt: skip
    assert (found.sender, found.envelope_sender, found.subject) == ("app@acme.example", "app@acme.example", "Hi")
    assert plain(found.readings) == ["delivered_at 2025-09-18T12:53:21.500000Z"]
    assert found.facts == ()


def test_a_webhook_wraps_the_same_event_and_may_be_forged() -> None:
    found = one(hook(event(domain={"name": "MG.acme.example"})))
    assert (found.kind, found.server, ("unsigned", "true") in found.facts) == ("webhook:delivered", "mg.acme.example", True)
    assert found.recipients == one(event()).recipients
    assert "planted" not in repr(found)


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({}, False),  # a recipient that is not in To may stand in a Cc that the event does not tell
        ({"cc": ""}, True), ({"cc": None}, True), ({"cc": "Carl <c@customer.example>"}, True), ({"cc": "Carl <c@customer.example>, x@"}, False),
        ({"cc": 7}, False), ({"to": None, "cc": ""}, False), ({"to": "undisclosed-recipients:;", "cc": ""}, False), ({"to": [TO], "cc": ""}, False),
    ],
)  # fmt: skip
def test_the_header_is_known_only_with_its_cc(headers: dict[str, Any], known: bool) -> None:
    assert one(event(headers)).header_known is known


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"event": "accepted"}, "accepted"), ({"event": "delivered"}, "delivered"), ({"event": "opened"}, "fetched"), ({"event": "clicked"}, "fetched"),
        ({"event": "complained"}, "delivered"), ({"event": "unsubscribed"}, ""), ({"event": "rejected"}, "suppressed"),
        ({"event": "failed", "severity": "permanent"}, "bounced"), ({"event": "failed", "severity": "temporary"}, "deferred"), ({"event": "failed"}, "bounced"),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-bounce"}, "suppressed"),
        ({"event": "failed", "severity": "permanent", "reason": "bounce"}, "bounced"),
        ({"event": "failed", "severity": "permanent", "delivery-status": {"code": 605}}, "suppressed"),
        ({"event": "failed", "severity": "temporary", "reason": "suppress-bounce"}, "deferred"),
        ({"event": "failed", "severity": "permanent", "delivery-status": {"message": "554 in reply to end of DATA"}}, "refused_after_data"),
        ({"event": "failed", "severity": "permanent", "flags": {"is-delayed-bounce": True}}, "refused_after_data"),
        ({"event": "failed", "severity": "permanent", "delivery-status": None}, "bounced"),
        ({"event": "delivered", "flags": {"is-test-mode": True}}, "sandboxed"), ({"event": "failed", "flags": {"is-test-mode": True}}, "sandboxed"),
        ({"event": "unsubscribed", "flags": {"is-test-mode": True}}, ""),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(changes: dict[str, Any], expected: str) -> None:
    assert outcome(event(**changes)) == expected
    assert outcome(hook(event(**changes))) == expected


@pytest.mark.parametrize(
    ("name", "clock"),
    [("accepted", "received_at"), ("delivered", "delivered_at"), ("failed", "bounced_at"), ("opened", ""), ("complained", "")],
)
def test_only_events_near_the_sending_are_clocks(name: str, clock: str) -> None:
    assert [each.clock for each in one(event(event=name)).readings] == ([clock] if clock else [])


def test_a_refused_request_without_recipient_speaks_of_those_of_the_header() -> None:
    record = event(event="rejected", recipient=..., envelope=...)
    assert [(each.address, each.role, each.outcome.value) for each in one(record).recipients] == [(TO, Role.TO, "suppressed")]
    assert reasons(record) == ["the event names no recipient but those of the header"]


@pytest.mark.parametrize(
    ("changes", "direction"),
    [({}, Direction.SUBMITTED), ({"flags": {"is-routed": True}}, Direction.UNKNOWN), ({"event": "stored"}, Direction.UNKNOWN)],
)
def test_what_a_route_passed_on_is_not_ours_for_that(changes: dict[str, Any], direction: Direction) -> None:
    assert one(event(**changes)).direction is direction


def test_a_stored_event_names_all_of_its_envelope() -> None:
    record = event(event="stored", recipient=..., envelope=...)
    record["message"]["recipients"] = [TO, HIDDEN]
    assert [(each.address, each.role) for each in one(record).recipients][:2] == [(TO, Role.ENVELOPE), (HIDDEN, Role.ENVELOPE)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "delivered"), ({"event": "bounced", "error": "550 no"}, "bounced"), ({"event": "dropped", "reason": "hardfail", "code": "550"}, "bounced"),
        ({"event": "dropped", "reason": "hardfail", "code": "605"}, "suppressed"), ({"event": "dropped", "reason": "old"}, "bounced"),
        ({"event": "dropped"}, "suppressed"), ({"event": "opened"}, "fetched"), ({"event": "bounced", "error": "refused at end of data"}, "refused_after_data"),
    ],
)  # fmt: skip
def test_older_webhooks_as_form_and_as_json(changes: dict[str, str], expected: str) -> None:
    form = urlencode(FLAT | changes).encode()
    assert PARSER.sniff(form, "x")
    for data in (
        form,
        lines(FLAT | changes),
        lines({"method": "POST", "body": form.decode()}),
        lines({"url": "/", "body": FLAT | changes}),
    ):
        (found,) = observations(PARSER, data)
        assert (found.kind, found.message_id, found.server) == (
            f"webhook:{(FLAT | changes)['event']}",
            "m1@mg.acme.example",
            "mg.acme.example",
        )
        assert [(each.address, each.outcome.value) for each in found.recipients] == [(HIDDEN, expected)]
        assert "planted" not in repr(found)


def test_a_variable_of_the_application_cannot_take_the_recipients_place() -> None:
    data = urlencode([*FLAT.items(), ("recipient", "x@customer.example"), ("event", "opened")]).encode()
    (found,) = observations(PARSER, data)
    assert [(each.address, each.outcome.value) for each in found.recipients] == [(HIDDEN, "delivered")]


def test_a_stored_message_shows_who_was_hidden() -> None:
    found = one(STORED)
    assert (found.kind, found.message_id, found.header_known, found.has_body, found.direction) == (
        "stored",
        "m1@mg.acme.example",
        True,
        True,
        Direction.UNKNOWN,
    )
    assert {each.address for each in found.recipients if each.role is Role.ENVELOPE} - {
        each.address for each in found.recipients if each.role is Role.TO
    } == {HIDDEN}
    content = PARSER.body(json.dumps(STORED).encode(), "stored") if PARSER.body else None
    assert content is not None
    assert [(part.path, part.data) for part in content.parts] == [("text/plain", b"Hello\n"), ("text/html", b"<p>Hello</p>")]


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ([["To", TO], ["Cc", "c@customer.example"]], True), ([["To", TO], ["To", "d@customer.example"]], True), ([["Cc", TO]], False), ([["To", TO], ["Cc"]], False),
        ([["To", TO], 7], False), (None, False), ({"To": TO}, False), ([], False),
    ],
)  # fmt: skip
def test_half_a_header_is_none(headers: Any, known: bool) -> None:
    assert one(STORED | {"message-headers": headers}).header_known is known


def test_a_second_header_of_one_name_counts_too() -> None:
    found = one(STORED | {"message-headers": [["To", TO], ["To", HIDDEN]]})
    assert [each.address for each in found.recipients if each.role is Role.TO] == [TO, HIDDEN]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (event(recipient=..., envelope=..., message={"headers": {}}), "the event names no recipient"), (hook([]), "no record of Mailgun that this version reads"),
        (hook(event(event="teleported")), "no record of Mailgun that this version reads"), (event(timestamp="soon"), "fields of an unexpected form, read as far as possible: timestamp"),
        (event() | {"delivery-status": "broken"}, "fields of an unexpected form, read as far as possible: delivery-status"),
        (event({"message-id": 7}), "fields of an unexpected form, read as far as possible: message.headers.message-id"),
        (event(flags={"is-test-mode": 7}), "fields of an unexpected form, read as far as possible: flags.is-test-mode"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(record: dict[str, Any], reason: str) -> None:
    assert reason in reasons(record)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (lines(event()), True), (lines(hook(event())), True), (lines(FLAT), True), (lines(STORED), True), (lines({"items": [event()]}), True), (lines(hook({})), False),
        (lines({name: FLAT[name] for name in ("event", "recipient", "timestamp")}), False), (b"event=delivered&recipient=a%40b.example&timestamp=1", False),
        (lines({"recipients": TO, "message-headers": []}), False), (lines(event(event="teleported")), False),
    ],
)  # fmt: skip
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "x") is expected
