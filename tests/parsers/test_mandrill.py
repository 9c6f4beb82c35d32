"""Mandrill: events, posted forms, rows, answers and kept content; and that two ids are never one mail."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from provider_records import AT, HIDDEN, MAKE, TO, lines
from support import defects, observations, plain, statements

from forensics.model import Observation, Role, Unread
from forensics.parsers.mandrill import PARSER

ROW: dict[str, Any] = {
    "ts": AT,
    "_id": "c1",
    "sender": "app@acme.example",
    "subject": "Hi",
    "email": HIDDEN,
    "state": "sent",
    "opens": 0,
    "clicks": 0,
}
KEPT: dict[str, Any] = {
    "ts": AT, "_id": "c1", "from_email": "app@acme.example", "subject": "Hi", "to": {"email": HIDDEN, "name": None}, "headers": {"To": f"Bob <{TO}>"},
    "text": "Hello", "html": "<p>Hello</p>", "attachments": [{"name": "a.txt", "type": "Text/Plain", "content": "aGVsbG8="}],
}  # fmt: skip


def event(name: str = "delivered", **message: Any) -> dict[str, Any]:
    record = MAKE["mandrill"](HIDDEN, 1, event=name)
    record["msg"].update(message)
    return record


def one(record: dict[str, Any]) -> Observation:
    (found,) = observations(PARSER, lines(record))
    return found


def outcomes(record: dict[str, Any]) -> list[str]:
    return [each.outcome.value for each in one(record).recipients]


def reasons(data: bytes) -> list[str]:
    return [each.reason for each in defects(PARSER, data)]


def form(*records: dict[str, Any]) -> bytes:
    return b"mandrill_events=" + quote_plus(json.dumps(records)).encode()


def test_an_event_is_of_one_recipients_own_message() -> None:
    found = one(event(subaccount="shop"))
    assert (found.kind, found.ids, found.message_id, found.server) == ("webhook:delivered", ("mandrill:c1",), "", "shop")
    assert (found.sender, found.subject, found.header_known) == ("app@acme.example", "Hi", False)
    assert plain(found.readings) == ["received_at 2025-09-18T12:53:20Z"]  # of the message, whenever the event was
    (copy,) = found.recipients
    assert (copy.address, copy.role, copy.reply, plain(copy.at)) == (HIDDEN, Role.EVENT, "250 ok", "2025-09-18T12:53:21Z")
    assert ("unsigned", "true") in found.facts


def test_rows_of_one_mail_have_nothing_in_common_that_could_join_them() -> None:
    first, second = observations(PARSER, lines(MAKE["mandrill"](TO, 1), MAKE["mandrill"](HIDDEN, 2)))
    assert not {first.message_id, *first.ids} & {*second.ids}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("send", "accepted"), ("delivered", "delivered"), ("deferral", "deferred"), ("hard_bounce", "bounced"), ("soft_bounce", "deferred"),
        ("open", "fetched"), ("click", "fetched"), ("spam", "delivered"), ("unsub", ""), ("reject", "suppressed"),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(name: str, expected: str) -> None:
    assert outcomes(event(name)) == [expected]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([{"type": "sent", "diag": "250 2.0.0 Ok"}], ["delivered"]), ([{"type": "sent", "diag": ""}], ["accepted"]), ([{"type": "sent"}], ["accepted"]),
        ([{"type": "sent", "diag": "452 later"}], ["accepted"]), ([{"type": "deferred", "diag": "452 later"}], ["deferred"]),
        ([{"type": "bounced", "diag": "550 no"}], ["bounced"]), ([{"type": "bounced", "diag": "554 in reply to end of DATA"}], ["refused_after_data"]),
        ([{"type": "deferred"}, {"type": "sent", "diag": "250"}], ["deferred", "delivered"]), ([{"type": "teleported"}], [""]), ([], []), (None, []),
    ],
)  # fmt: skip
def test_sent_means_delivered_only_with_the_words_of_the_server_that_took_it(steps: Any, expected: list[str]) -> None:
    assert outcomes(event("send", smtp_events=steps)) == ["accepted", *expected]


def test_a_bounce_dates_the_message_only_where_nothing_else_does() -> None:
    assert plain(one(event("hard_bounce", ts=None)).readings) == ["bounced_at 2025-09-18T12:53:21Z +-432000s"]
    assert one(event("open", ts=None)).readings == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "accepted"), ({"state": "bounced"}, "bounced"), ({"state": "rejected"}, "suppressed"), ({"state": "soft-bounced"}, "deferred"), ({"opens": 2}, "fetched"),
        ({"clicks": 1}, "fetched"), ({"state": "spam"}, "delivered"), ({"state": "teleported"}, "accepted"), ({"state": "bounced", "diag": "refused at end of data"}, "refused_after_data"),
    ],
)  # fmt: skip
def test_rows_of_a_search(changes: dict[str, Any], expected: str) -> None:
    assert outcomes(ROW | changes) == [expected]
    assert (one(ROW).kind, ("unsigned", "true") in one(ROW).facts) == ("search", False)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("sent", "accepted"),
        ("queued", "accepted"),
        ("scheduled", "accepted"),
        ("rejected", "suppressed"),
        ("invalid", "suppressed"),
    ],
)
def test_answers_to_sending(status: str, expected: str) -> None:
    record = {"email": HIDDEN, "status": status, "reject_reason": None, "_id": "c1"}
    assert outcomes(record) == [expected]
    assert one(record).ids == one(event()).ids


def test_kept_content_shows_whom_the_copy_names_and_whom_it_went_to() -> None:
    found = one(KEPT | {"headers": {"To": TO, "Cc": "", "Message-Id": "<m1@acme.example>"}})
    assert [(each.address, each.role) for each in found.recipients] == [(HIDDEN, Role.ENVELOPE), (TO, Role.TO)]
    assert (found.header_known, found.message_id, found.attachments, found.has_body) == (
        True,
        "m1@acme.example",
        ("a.txt",),
        True,
    )
    assert not one(KEPT).header_known  # a Cc may have been left out


def test_kept_content_is_read_with_its_attachments() -> None:
    assert PARSER.body is not None
    content = PARSER.body(json.dumps(KEPT).encode(), "content")
    assert [(part.path, part.media_type, part.data) for part in content.parts] == [
        ("text/plain", "text/plain", b"Hello"), ("text/html", "text/html", b"<p>Hello</p>"), ("attachment:a.txt", "text/plain", b"hello"),
    ]  # fmt: skip
    broken = PARSER.body(json.dumps(KEPT | {"text": 5, "attachments": [{"name": "b.bin", "content": "x"}]}).encode(), "content")
    assert broken.unread == (Unread("text/plain", "is no text"), Unread("attachment:b.bin", "its base64 is broken"))
    assert PARSER.body(b"{", "content").unread
    assert PARSER.body(json.dumps(KEPT).encode(), "search").unread


def test_posted_forms_one_on_each_line_whatever_stands_around_them() -> None:
    data = (
        form(event()) + b"\r\n\r\n2025-09-18T12:53:21Z POST /hook " + form(event("open"), event("click")) + b" 200\nGET /health\n"
    )
    found = observations(PARSER, data)
    assert [each.kind for each in found] == ["webhook:delivered", "webhook:open", "webhook:click"]
    assert {data[each.span.start : each.span.end].count(b"mandrill_events=") for each in found} == {1}
    assert reasons(data) == ["the line holds no record that this version reads"]
    assert statements(PARSER, data)[-1].value == 4


def test_a_cut_form_keeps_every_whole_event_before_the_cut() -> None:
    data = form(*(MAKE["mandrill"](f"u{n}@customer.example", n) for n in range(3)))
    ends = [len(form(*(MAKE["mandrill"](f"u{n}@customer.example", n) for n in range(count)))) for count in range(4)]
    for cut in range(len(b"mandrill_events=%5B"), len(data)):
        whole = sum(cut >= end - 3 for end in ends[1:])  # without the bracket that closes the list
        assert len(observations(PARSER, data[:cut])) == whole, cut
        assert reasons(data[:cut]), cut


@pytest.mark.parametrize(
    "record",
    [
        {"type": "blacklist", "action": "add", "reject": {"email": HIDDEN}},
        {"type": "whitelist", "action": "remove", "entry": {"email": HIDDEN}},
        {"event": "inbound", "ts": AT, "msg": {"email": HIDDEN}},
    ],
)
def test_what_tells_of_no_mail_of_ours_is_counted(record: dict[str, Any]) -> None:
    data = form(record)
    assert (observations(PARSER, data), reasons(data), statements(PARSER, data)[-1].rows) == ([], [], 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (event(email=None), "msg.email names no recipient"), (event("teleported"), "no record of Mandrill that this version reads"),
        (event(ts="soon"), "fields of an unexpected form, read as far as possible: msg.ts"), (event(smtp_events=[7]), "fields of an unexpected form, read as far as possible: msg.smtp_events"),
        (ROW | {"state": []}, "the state is none that this version knows"), (ROW | {"email": ""}, "email names no recipient"), (KEPT | {"to": None}, "to names no recipient"),
        (KEPT | {"headers": 7}, "fields of an unexpected form, read as far as possible: headers"), (event() | {"msg": 7}, "no record of Mandrill that this version reads"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(record: dict[str, Any], reason: str) -> None:
    assert reason in reasons(lines(record))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (form(event()), True), (b"\n\n" + form(event()), True), (lines(event()), True), (lines(ROW), True), (lines(KEPT), True), (lines({"mandrill_events": json.dumps([event()])}), True),
        (lines({"email": TO, "status": "sent", "_id": "1"}), True), (lines({"email": TO, "status": "active", "_id": "1"}), False), (form({"a": 1}), False), (b"GET /\n" + form(event()), False),
        (lines({"ts": AT, "_id": "1", "email": TO}), False), (b"mandrill_events=x", False), (form(event())[:70_000], True),
    ],
)  # fmt: skip
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "x") is expected


@pytest.mark.parametrize(("rows", "told"), [(999, 0), (1_000, 1), (1_001, 0), (0, 0)])
def test_a_search_that_ends_where_answers_end_may_be_cut_off(rows: int, told: int) -> None:
    data = json.dumps([ROW | {"_id": f"c{number}"} for number in range(rows)]).encode()
    assert len(observations(PARSER, data)) == rows
    assert [one.span.end for one in defects(PARSER, data) if "cut off" in one.reason] == [len(data) - 1] * told


def test_a_thousand_events_are_no_search() -> None:
    assert reasons(lines(*[event() for _ in range(1_000)])) == []
