"""SendGrid: what each event and row says of its copy, what joins them, and what is never read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from provider_records import AT, HIDDEN, MAKE, TO, lines
from support import defects, observations, plain

from forensics.model import Direction, Observation, Role, Route
from forensics.parsers.sendgrid import PARSER


def event(**changes: Any) -> dict[str, Any]:
    """A delivery to `TO`; a change to `...` leaves the field out."""
    return {name: one for name, one in MAKE["sendgrid"](TO, 1, **changes).items() if one is not ...}


def row(**changes: Any) -> dict[str, Any]:
    fields = {
        "from_email": "App <app@acme.example>", "msg_id": "abc.recvd-1-2", "subject": "Hi", "to_email": TO, "status": "delivered",
        "opens_count": 0, "clicks_count": 0, "last_event_time": "2025-09-18T12:53:21Z",
    }  # fmt: skip
    return fields | changes


def one(record: dict[str, Any]) -> Observation:
    (found,) = observations(PARSER, lines(record))
    return found


def outcomes(record: dict[str, Any]) -> list[str]:
    return [recipient.outcome.value for recipient in one(record).recipients]


def test_an_event_is_one_recipients_of_a_message_that_we_sent() -> None:
    found = one(event())
    assert (found.source, found.kind, found.route, found.direction) == (
        "sendgrid",
        "webhook:delivered",
        Route.API,
        Direction.SUBMITTED,
    )
    assert (found.message_id, found.ids, found.header_known) == ("m1@geopod-1", ("sendgrid:abc",), False)
    (copy,) = found.recipients
    assert (copy.address, copy.role, copy.outcome.value, copy.reply) == (TO, Role.EVENT, "delivered", "250 ok")
    assert plain(copy.at) == "2025-09-18T12:53:21Z"
    assert ("unsigned", "true") in found.facts


@pytest.mark.parametrize(
    ("changes", "expected", "clock"),
    [
        ({"event": "processed"}, "accepted", "received_at 2025-09-18T12:53:21Z"),
        ({"event": "dropped", "reason": "Bounced Address"}, "suppressed", "received_at 2025-09-18T12:53:21Z"),
        ({"event": "delivered"}, "delivered", "delivered_at 2025-09-18T12:53:21Z"),
        ({"event": "deferred"}, "deferred", "bounced_at 2025-09-18T12:53:21Z +-432000s"),
        ({"event": "bounce", "type": "bounce", "response": None, "reason": "550 no such user"}, "bounced", "bounced_at 2025-09-18T12:53:21Z +-432000s"),
        ({"event": "bounce", "type": "blocked", "response": "554 (in reply to end of DATA command)"}, "refused_after_data", "bounced_at 2025-09-18T12:53:21Z +-432000s"),
        ({"event": "open"}, "fetched", ""), ({"event": "click", "url": "https://acme.example/reset?t=secret"}, "fetched", ""),
        ({"event": "spamreport"}, "delivered", ""), ({"event": "unsubscribe"}, "", ""), ({"event": "group_unsubscribe"}, "", ""),
        ({"event": "group_resubscribe"}, "", ""), ({"event": "Delivered"}, "delivered", "delivered_at 2025-09-18T12:53:21Z"),
    ],
)  # fmt: skip
def test_what_became_of_a_copy_and_which_clock_is_the_messages(changes: dict[str, Any], expected: str, clock: str) -> None:
    assert outcomes(event(**changes)) == [expected]
    assert plain(one(event(**changes)).readings) == ([clock] if clock else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kWj0qfXvRy-6Wnp7.recvd-canary-65b6f9c9b8-7kxq2-1-6436B4D2-2B.0", ("sendgrid:kWj0qfXvRy-6Wnp7",)),
        ("14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0", ("sendgrid:14c5d75ce93.dfd.64b469",)),
        ("kWj0qfXvRy.filterdrecv-p3las1-559bd7b968-z5dwg-17-5DFB0C7F-7C.0", ("sendgrid:kWj0qfXvRy",)),
        ("abc", ("sendgrid:abc",)), ("abc.1", ("sendgrid:abc",)), ("", ()), (None, ()), (".x", ()),
    ],
)  # fmt: skip
def test_what_the_recipients_of_one_request_share(text: str | None, expected: tuple[str, ...]) -> None:
    assert one(event(sg_message_id=text)).ids == expected


def test_the_recipient_is_part_of_the_key_so_no_copy_is_taken_for_a_repetition() -> None:
    data = lines(event(), event(email=HIDDEN), event(email=HIDDEN))
    found = observations(PARSER, data)
    assert [each.recipients[0].address for each in found] == [TO, HIDDEN, HIDDEN]
    assert len({each.message_id for each in found}) == 1


def test_arguments_of_the_application_cannot_pass_for_fields() -> None:
    found = one(
        event() | {"to": [HIDDEN], "Recipient": HIDDEN, "cc": HIDDEN, "unique_args": {"email": HIDDEN}, "token": "planted"}
    )
    assert [copy.address for copy in found.recipients] == [TO]
    assert "planted" not in repr(found)
    assert HIDDEN not in repr(found)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["delivered"]), ({"opens_count": 1}, ["fetched"]), ({"clicks_count": "2"}, ["fetched"]), ({"status": "not_delivered"}, ["bounced"]),
        ({"status": "not delivered"}, ["bounced"]), ({"status": "processing"}, ["accepted"]), ({"status": "dropped"}, ["suppressed"]),
        ({"status": "teleported"}, ["accepted"]), ({"status": "bounced", "reason": "refused at end of data"}, ["refused_after_data"]),
        ({"msg_id": ..., "sg_message_id": "abc.recvd-1"}, ["delivered"]),
    ],
)  # fmt: skip
def test_a_row_tells_the_last_state_of_one_copy(changes: dict[str, Any], expected: list[str]) -> None:
    record = {name: value for name, value in row(**changes).items() if value is not ...}
    found = one(record)
    assert outcomes(record) == expected
    assert (found.kind, found.sender, found.subject, found.ids) == ("activity", "app@acme.example", "Hi", ("sendgrid:abc",))
    assert ("unsigned", "true") not in found.facts


def test_the_last_event_of_an_opened_mail_is_no_clock_of_it() -> None:
    assert plain(one(row()).readings) == ["delivered_at 2025-09-18T12:53:21Z +-432000s"]
    assert one(row(opens_count=1)).readings == ()
    assert plain(one(row(opens_count=1, sg_message_id_created_at="2025-09-18T12:53:20Z")).readings) == [
        "received_at 2025-09-18T12:53:20Z"
    ]


def test_details_tell_every_step_and_name_those_they_do_not_know() -> None:
    steps = [
        {"event_name": "processed", "processed": "2025-09-18T12:53:20Z"}, {"event_name": "delivered", "processed": "2025-09-18T12:53:22Z", "reason": "250 ok"},
        {"event_name": "open", "processed": "2025-09-30T12:53:22Z"}, {"event_name": "teleported"}, 7,
    ]  # fmt: skip
    found = one(row(events=steps))
    assert [(copy.outcome.value, plain(copy.at)) for copy in found.recipients] == [
        ("delivered", None), ("accepted", "2025-09-18T12:53:20Z"), ("delivered", "2025-09-18T12:53:22Z"), ("fetched", "2025-09-30T12:53:22Z"),
    ]  # fmt: skip
    assert "received_at 2025-09-18T12:53:20Z" in plain(found.readings)
    assert [each.reason for each in defects(PARSER, lines(row(events=steps)))] == [
        "fields of an unexpected form, read as far as possible: events"
    ]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (event(email=None), "email names no recipient"), (event(email="nobody"), "email names no recipient"), (event(event="teleported"), "no record of SendGrid that this version reads"),
        (event(timestamp="soon"), "fields of an unexpected form, read as far as possible: timestamp"), (event(event=["delivered"]), "no record of SendGrid that this version reads"),
        (row(to_email=""), "to_email names no recipient"), (row(status=None), "the status is none that this version knows"),
        (event(sg_event_id=..., sg_message_id=..., **{"smtp-id": ...}), "no record of SendGrid that this version reads"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(record: dict[str, Any], reason: str) -> None:
    assert reason in [each.reason for each in defects(PARSER, lines(record))]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (lines(event()), True), (json.dumps([event()]).encode(), True), (json.dumps({"messages": [row()]}).encode(), True), (lines(row()), True),
        (lines(event(sg_event_id=..., sg_message_id=..., **{"smtp-id": ...})), False), (lines(event(event="teleported")), False), (lines({"messages": []}), False),
        (lines(event(email=...)), False), (lines({"from_email": "a@b.example", "to_email": TO, "status": "x"}), False), (b"x" + lines(event()), False),
    ],
)  # fmt: skip
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "x") is expected


def test_milliseconds_and_digits_are_times_too() -> None:
    for stamp in (AT, str(AT), AT * 1000):
        assert plain(one(event(timestamp=stamp)).readings) == ["delivered_at 2025-09-18T12:53:20Z"]


def test_a_late_event_without_a_zone_is_not_exact() -> None:
    found = one(event(event="bounce", timestamp="2025-09-18 12:53:20"))
    assert plain(found.readings) == ["bounced_at 2025-09-18T12:53:20Z +-432000s"]
    assert (found.recipients[0].at, found.recipients[0].stamp) == (None, "2025-09-18T12:53:20")
