"""Resend: the API's whole arithmetic, and webhooks that say less than they seem to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from provider_records import HIDDEN, MAKE, TO, lines
from support import defects, observations, plain, statements

from forensics.model import Observation, Role
from forensics.parsers.resend import PARSER

ID = "4ef9a417-02e9-4d39-ad75-9611e0fcc301"


def mail(**changes: Any) -> dict[str, Any]:
    return {name: one for name, one in MAKE["resend"](HIDDEN, 1, **changes).items() if one is not ...}


def hook(of_type: str = "email.delivered", **changes: Any) -> dict[str, Any]:
    message = {
        "email_id": ID,
        "to": [TO],
        "from": "App <app@acme.example>",
        "subject": "Hi",
        "created_at": "2025-09-18T12:53:20.000Z",
    }
    return {
        "type": of_type,
        "created_at": "2025-09-30T00:00:00.000Z",
        "data": {k: v for k, v in (message | changes).items() if v is not ...},
    }


def one(record: dict[str, Any]) -> Observation:
    (found,) = observations(PARSER, lines(record))
    return found


def outcomes(record: dict[str, Any]) -> dict[str, str]:
    return {each.address: each.outcome.value for each in one(record).recipients}


def reasons(record: dict[str, Any]) -> list[str]:
    return [each.reason for each in defects(PARSER, lines(record))]


def test_the_api_names_who_was_copied_blind() -> None:
    found = one(mail(cc=["Carl <c@customer.example>", None]))
    assert (found.kind, found.ids, found.sender, found.header_known, found.has_body) == (
        "email",
        (f"resend:{ID}",),
        "app@acme.example",
        True,
        True,
    )
    assert [(each.address, each.role) for each in found.recipients] == [
        (TO, Role.TO),
        ("c@customer.example", Role.CC),
        (HIDDEN, Role.BCC),
    ]
    assert plain(found.readings) == ["received_at 2025-09-18T12:53:20.100000Z"]


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, True),
        ({"cc": [None]}, True),
        ({"cc": ...}, False),
        ({"to": None}, False),
        ({"to": [TO, 5]}, False),
        ({"cc": 5}, False),
        ({"bcc": 5}, True),
    ],
)
def test_the_header_is_known_only_when_it_is_whole(changes: dict[str, Any], known: bool) -> None:
    assert one(mail(**changes)).header_known is known


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "accepted"),  # delivered, but to which of the two?
        ({"bcc": None, "to": HIDDEN}, "delivered"), ({"bcc": [None], "to": [HIDDEN], "last_event": "clicked"}, "fetched"), ({"bcc": [], "to": [HIDDEN], "last_event": "bounced"}, "bounced"),
        ({"bcc": [], "to": [HIDDEN], "last_event": "suppressed"}, "suppressed"), ({"bcc": [], "to": [HIDDEN], "last_event": "sent"}, "accepted"),
        ({"bcc": ..., "to": [HIDDEN]}, "accepted"),  # a blind copy may have been left out
        ({"bcc": 5, "to": [HIDDEN]}, "accepted"), ({"bcc": [HIDDEN], "to": [HIDDEN]}, "delivered"), ({"last_event": "bounced"}, "accepted"),
        ({"last_event": "failed"}, "accepted"), ({"last_event": "canceled"}, "suppressed"), ({"last_event": "scheduled"}, "accepted"), ({"last_event": None}, "accepted"),
    ],
)  # fmt: skip
def test_the_last_event_is_of_a_recipient_only_where_there_is_but_one(changes: dict[str, Any], expected: str) -> None:
    assert outcomes(mail(**changes))[HIDDEN] == expected


@pytest.mark.parametrize(
    "name",
    [
        "sent",
        "delivered",
        "bounced",
        "opened",
        "clicked",
        "complained",
        "failed",
        "suppressed",
        "delivery_delayed",
        "canceled",
        "scheduled",
    ],
)
def test_no_webhook_says_whose_event_it_is(name: str) -> None:
    found = one(hook(f"email.{name}"))
    assert [(each.address, each.role, each.outcome.value, each.at) for each in found.recipients] == [
        (TO, Role.TO, "accepted", None)
    ]
    assert dict(found.facts) == {"event": f"email.{name}", "event_at": "2025-09-30T00:00:00.000Z", "unsigned": "true"}
    assert (found.ids, found.header_known) == ((f"resend:{ID}",), False)  # no Bcc in it is no proof of its absence
    assert plain(found.readings) == ["received_at 2025-09-18T12:53:20Z"]


def test_every_event_of_a_message_stays_for_the_blind_ones_are_among_them() -> None:
    assert len(observations(PARSER, lines(hook(), hook(), hook()))) == 3


@pytest.mark.parametrize(
    ("headers", "copied", "known"),
    [
        ([{"name": "Cc", "value": "Carl <c@customer.example>, d@customer.example"}], ["c@customer.example", "d@customer.example"], True), ([{"name": "CC", "value": ""}], [], True),
        ([{"name": "X-Cc", "value": HIDDEN}], [], False), ([], [], False), (None, [], False), ("Cc: x", [], False), ([{"name": "Cc", "value": 5}], [], False), ([7], [], False),
    ],
)  # fmt: skip
def test_a_cc_among_the_headers(headers: Any, copied: list[str], known: bool) -> None:
    found = one(hook(headers=headers))
    assert [each.address for each in found.recipients if each.role is Role.CC] == copied
    assert found.header_known is known


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2025-09-17T14:03:12.000Z", "received_at 2025-09-17T14:03:12Z"), ("2025-09-17T14:03:12+00:00", "received_at 2025-09-17T14:03:12Z"),
        ("2025-09-17 14:03:12+00", "received_at 2025-09-17T14:03:12Z"), ("2025-09-17 14:03:12.123456+00", "received_at 2025-09-17T14:03:12.123456Z"),
        ("2025-09-17 14:03:12", "received_at 2025-09-17T14:03:12Z +-50400s"),
    ],
)  # fmt: skip
def test_stamps(stamp: str, expected: str) -> None:
    assert plain(one(mail(created_at=stamp)).readings) == [expected]
    assert plain(one(hook(created_at=stamp)).readings) == [expected]


def test_an_event_dates_its_message_only_when_it_is_the_sending() -> None:
    assert plain(one(hook("email.sent", created_at=...)).readings) == ["received_at 2025-09-30T00:00:00Z"]
    assert one(hook("email.opened", created_at=...)).readings == ()


def test_who_opened_is_kept_and_no_link_is() -> None:
    record = hook(
        "email.clicked", click={"ipAddress": "192.0.2.1", "userAgent": "Mail/1", "link": "https://acme.example/?t=planted"}
    )
    assert dict(one(record).facts) | {"ip": "192.0.2.1", "user_agent": "Mail/1"} == dict(one(record).facts)
    assert "planted" not in repr(one(record))


def test_lists_are_read_row_by_row() -> None:
    rows = [
        {name: one for name, one in MAKE["resend"](HIDDEN, n).items() if name not in {"object", "html", "text"}} for n in range(3)
    ]
    data = json.dumps({"object": "list", "has_more": False, "data": rows}).encode()
    assert PARSER.sniff(data, "x")
    assert [(each.kind, each.has_body) for each in observations(PARSER, data)] == [("row", False)] * 3


def test_content() -> None:
    assert PARSER.body is not None
    content = PARSER.body(json.dumps(mail(text="Hi", attachments=[{"filename": "a.pdf"}])).encode(), "email")
    assert ([part.data for part in content.parts], [each.part for each in content.unread]) == (
        [b"Hi", b"<p>Hi</p>"],
        ["attachment:a.pdf"],
    )
    assert [each.part for each in PARSER.body(json.dumps(mail(html=5)).encode(), "email").unread] == ["text/html"]
    assert PARSER.body(b"", "email").unread
    assert PARSER.body(json.dumps(hook()).encode(), "webhook:email.sent").unread


@pytest.mark.parametrize("of_type", ["email.received", "contact.created", "domain.updated"])
def test_what_tells_of_no_mail_of_ours_is_counted(of_type: str) -> None:
    data = lines(hook(of_type))
    assert (observations(PARSER, data), defects(PARSER, data), statements(PARSER, data)[-1].rows) == ([], [], 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (mail(to=None, bcc=None), "the message names no recipient"), (hook(to=[]), "data.to names no recipient"), (hook("email.teleported"), "no record of Resend that this version reads"),
        (mail(created_at=7), "fields of an unexpected form, read as far as possible: created_at"), (hook(headers=7), "fields of an unexpected form, read as far as possible: data.headers"),
        (hook(bounce={"type": 7}), "fields of an unexpected form, read as far as possible: data.bounce.type"), ({"type": "email.sent", "data": 7}, "no record of Resend that this version reads"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(record: dict[str, Any], reason: str) -> None:
    assert reason in reasons(record)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (lines(mail()), True), (lines(hook()), True), (lines(mail(object="domain")), True), (lines(mail(object="domain", last_event=...)), False), (lines(hook("invoice.paid")), False),
        (lines({"object": "list", "data": []}), False), (lines({"type": "email.sent", "data": []}), False), (lines({"id": 1, "to": [], "from": ""}), False),
    ],
)  # fmt: skip
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "x") is expected
