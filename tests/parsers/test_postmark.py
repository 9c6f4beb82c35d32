"""Postmark exports: who got a copy and what became of it, whatever the file looks like."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import support
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.jsonstream import Broken, Page, frames
from forensics.jsonstream import Record as JsonRecord
from forensics.model import Body, Defect, Fragment, Observation, Outcome, Role, Route, Span, Statement
from forensics.parsers.postmark import PARSER, body, sniff

LISTS = ["Messages", "Suppressions"]
ID = "3f2b8c1e-5c1e-4a77-9d10-4b6f0c2e0001"
TO, HIDDEN = "bob@customer.example", "archive@collector.example"
SAMPLES = sorted((support.FORMATS / "postmark").iterdir())


def row(**changes: Any) -> dict[str, Any]:
    """A search row with one hidden recipient; a change to `...` leaves the field out."""
    fields: dict[str, Any] = {
        "Tag": "invoice",
        "MessageID": ID,
        "MessageStream": "outbound",
        "To": [{"Email": TO, "Name": "Bob"}],
        "Cc": [],
        "Bcc": [{"Email": HIDDEN, "Name": None}],
        "Recipients": [TO, HIDDEN],
        "ReceivedAt": "2025-09-17T10:03:12.8054242-04:00",
        "From": '"Acme, Billing" <Billing@acme.example>',
        "Subject": 'Grüße {[\\"',
        "Attachments": ["a.pdf"],
        "Status": "Sent",
        "TrackOpens": True,
        "TrackLinks": "HtmlAndText",
        "Metadata": {},
        "Sandboxed": False,
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def event(recipient: str, kind: str, reply: str = "", at: str = "2025-09-17T14:03:15Z") -> dict[str, Any]:
    return {"Recipient": recipient, "Type": kind, "ReceivedAt": at, "Details": {"DeliveryMessage": reply}}


def page(*rows: dict[str, Any], total: Any = None) -> dict[str, Any]:
    return {"TotalCount": len(rows) if total is None else total, "Messages": list(rows)}


def raw(value: Any, **options: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, **options).encode()


def one(value: Any) -> Observation:
    (found,) = support.observations(PARSER, raw(value))
    return found


def outcomes(value: Any, role: Role) -> dict[str, Outcome]:
    return {recipient.address: recipient.outcome for recipient in one(value).recipients if recipient.role is role}


def reasons(data: bytes) -> list[str]:
    return [defect.reason for defect in support.defects(PARSER, data)]


def placeless(found: list[Observation]) -> list[Observation]:
    return [dataclasses.replace(each, span=Span("", "", 0, 0)) for each in found]


# --- what a search row says


def test_search_row_tells_envelope_and_header() -> None:
    found = one(page(row()))
    assert (found.kind, found.route, found.message_id) == ("search", Route.API, f"{ID}@mtasv.net")
    assert (found.sender, found.stream, found.server) == ("billing@acme.example", "outbound", "")
    assert (found.subject, found.attachments, found.header_known, found.has_body) == ('Grüße {[\\"', ("a.pdf",), True, False)
    assert [(r.address, r.role, r.outcome) for r in found.recipients] == [
        (TO, Role.TO, Outcome.ACCEPTED),
        (HIDDEN, Role.BCC, Outcome.ACCEPTED),
        (TO, Role.ENVELOPE, Outcome.ACCEPTED),
        (HIDDEN, Role.ENVELOPE, Outcome.ACCEPTED),
    ]
    assert support.plain(found.readings) == ["received_at 2025-09-17T14:03:12.805424Z"]
    assert dict(found.facts) == {
        "metadata": "{}", "sandboxed": "false", "status": "Sent", "tag": "invoice", "track_links": "HtmlAndText", "track_opens": "true",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2025-09-17T10:03:12.8054242-04:00", ["received_at 2025-09-17T14:03:12.805424Z"]),
        ("2025-09-17T10:03:12.805424-04:00", ["received_at 2025-09-17T14:03:12.805424Z"]),
        ("2025-09-17T14:03:12.0000000Z", ["received_at 2025-09-17T14:03:12Z"]),
        ("2025-09-17T14:03:12Z", ["received_at 2025-09-17T14:03:12Z"]),
        ("2025-09-17T14:03:12", ["received_at 2025-09-17T18:03:12Z +-18000s"]),
        ("2025-09-17T14:03:12.8054242", ["received_at 2025-09-17T18:03:12.805424Z +-18000s"]),
        ("2025-09-17T14:03:12+23:00", ["received_at 2025-09-17T14:03:12Z +-50400s"]),
        ("0001-01-01T00:00:00+05:00", []),
        ("yesterday", []),
        ("", []),
    ],
)
def test_times(stamp: str, expected: list[str]) -> None:
    assert support.plain(one(row(ReceivedAt=stamp)).readings) == expected


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, True),
        ({"Cc": None}, True),
        ({"To": []}, True),
        ({"To": None}, False),
        ({"To": ...}, False),
        ({"To": [{"Email": None}]}, False),  # half a header would turn the other half into blind recipients
        ({"To": [{"Email": TO}, 5]}, False),
        ({"Cc": 5}, False),
        ({"Cc": ...}, True),  # nobody is left who could be a Cc
        ({"Cc": ..., "Bcc": ...}, False),
        ({"Cc": ..., "Recipients": ...}, False),
    ],
)
def test_header_is_known_only_when_complete(changes: dict[str, Any], *, known: bool) -> None:
    assert one(row(**changes)).header_known is known


@pytest.mark.parametrize(
    ("changes", "contradicts"),
    [
        ({}, False),
        ({"Recipients": [TO.upper(), HIDDEN]}, False),
        ({"Recipients": [TO]}, True),
        ({"Recipients": [TO, HIDDEN, "third@collector.example"]}, True),
        ({"Bcc": []}, True),
        ({"Bcc": None}, False),
        ({"Bcc": ...}, False),
        ({"Recipients": ...}, False),
    ],
)
def test_contradiction_is_shown_and_the_union_kept(changes: dict[str, Any], *, contradicts: bool) -> None:
    found = one(row(**changes))
    assert (("contradiction", "recipients") in found.facts) is contradicts
    named = {box["Email"] for box in [*row(**changes)["To"], *(row(**changes).get("Bcc") or [])]}
    assert {r.address for r in found.recipients} == named | {a.lower() for a in row(**changes).get("Recipients", [])}


def test_display_name_is_no_recipient() -> None:
    found = one(row(To=[{"Email": TO, "Name": "boss@acme.example"}]))
    assert {r.address for r in found.recipients} == {TO, HIDDEN}


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        (TO, [TO]),
        (f"Bob <{TO}>", [TO]),
        ("BOB@Customer.Example", [TO]),
        (f"{TO}, {HIDDEN}", [TO, HIDDEN]),
        ('"archive@collector.example x"@corp.example', ['"archive@collector.example x"@corp.example']),
        ("bob@bücher.example", ["bob@xn--bcher-kva.example"]),
        ("undisclosed", []),
    ],
)
@pytest.mark.parametrize("shape", ["object in list", "text in list", "object", "text"])
def test_every_shape_of_a_recipient_list(shape: str, written: str, addresses: list[str]) -> None:
    value = {"object in list": [{"Email": written}], "text in list": [written], "object": {"Email": written}, "text": written}[
        shape
    ]
    found = one(row(To=value, Bcc=[], Recipients=[]))
    assert [r.address for r in found.recipients if r.role is Role.TO] == addresses
    assert bool(reasons(raw(row(To=value)))) is (not addresses)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ID, f"{ID}@mtasv.net"), (ID.upper(), f"{ID}@mtasv.net"), (f" {ID} ", f"{ID}@mtasv.net"), (f"<{ID}@mtasv.net>", f"{ID}@mtasv.net"),
        ("00000000-0000-0000-0000-000000000000", ""), (None, ""), ("", ""), (7, ""), (["x"], ""), ("two words", ""),
    ],
)  # fmt: skip
def test_message_id(value: Any, expected: str) -> None:
    data = raw(page(row(MessageID=value)))
    assert support.observations(PARSER, data)[0].message_id == expected
    assert bool(reasons(data)) is (not expected)


def test_metadata_is_never_shown() -> None:
    found = one(row(Metadata={"reset": "s3cr3t"}))
    assert dict(found.facts)["metadata"] == "{...}"
    assert "s3cr3t" not in repr(found)


# --- outcomes


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.ACCEPTED),
        ({"Status": "Failed"}, Outcome.ACCEPTED),
        ({"Status": "Queued"}, Outcome.ACCEPTED),
        ({"Sandboxed": True}, Outcome.SANDBOXED),
        ({"Sandboxed": "true"}, Outcome.SANDBOXED),
        ({"Sandboxed": "false"}, Outcome.ACCEPTED),
        ({"Sandboxed": 1}, Outcome.ACCEPTED),
        ({"Sandboxed": None}, Outcome.ACCEPTED),
        ({"Status": "Blocked"}, Outcome.SUPPRESSED),
    ],
)
def test_listed_recipients(changes: dict[str, Any], outcome: Outcome) -> None:
    assert {r.outcome for r in one(row(**changes)).recipients} == {outcome}


@pytest.mark.parametrize(
    ("kind", "reply", "outcome"),
    [
        ("Delivered", "smtp;250 2.0.0 OK", Outcome.DELIVERED),
        ("Transient", "451 try later", Outcome.DEFERRED),
        ("Transient", "451 (in reply to end of DATA command)", Outcome.DEFERRED),
        ("Opened", "", Outcome.FETCHED),
        ("LinkClicked", "", Outcome.FETCHED),
        ("Bounced", "550 5.1.1 unknown", Outcome.BOUNCED),
        ("Bounced", "550 (in reply to RCPT TO command)", Outcome.BOUNCED),
        ("Bounced", "550 (in reply to DATA command)", Outcome.BOUNCED),
        ("Bounced", "552 (in reply to end of DATA command)", Outcome.REFUSED_AFTER_DATA),
        ("SubscriptionChanged", "", Outcome.NONE),
        ("Suppressed", "", Outcome.SUPPRESSED),
        ("SomethingNew", "", Outcome.ACCEPTED),
    ],
)
def test_events_of_details(kind: str, reply: str, outcome: Outcome) -> None:
    details = row(TextBody="x", MessageEvents=[event("third@collector.example", kind, reply)])
    assert outcomes(details, Role.EVENT) == {"third@collector.example": outcome}
    assert outcomes(details, Role.BCC) == {HIDDEN: Outcome.ACCEPTED}
    assert bool(reasons(raw(details))) is (kind == "SomethingNew")


def test_a_sandbox_plays_its_events() -> None:
    details = row(Sandboxed=True, MessageEvents=[event(HIDDEN, "Delivered"), event(HIDDEN, "Opened")])
    assert {r.outcome for r in one(details).recipients} == {Outcome.SANDBOXED}


def test_event_times_without_a_known_zone_keep_what_is_written() -> None:
    stamps = ["2025-09-17T14:03:15Z", "2025-09-17T14:03:15.1234567", "2025-09-17T14:03:15+23:00", "later"]
    details = row(MessageEvents=[event(HIDDEN, "Delivered", at=stamp) for stamp in stamps])
    told = [(support.plain(r.at), r.stamp) for r in one(details).recipients if r.role is Role.EVENT]
    assert told == [
        ("2025-09-17T14:03:15Z", ""),
        ("2025-09-17T18:03:15.123456Z", "2025-09-17T14:03:15.123456"),
        (None, "2025-09-17T14:03:15"),
        (None, ""),
    ]


@pytest.mark.parametrize(
    "events", [None, [], "text", 7, {}, [None], [[]], [{"Recipient": None}], [{"Details": 5, "Recipient": {}}]]
)
def test_events_of_any_type(events: Any) -> None:
    found = one(row(MessageEvents=events))
    assert len(found.recipients) == 4
    assert bool(reasons(raw(row(MessageEvents=events)))) is (events not in (None, []))


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"RecordType": "Delivery", "Recipient": HIDDEN, "DeliveredAt": "2025-09-17T14:03:15Z"}, Outcome.DELIVERED),
        ({"RecordType": "Open", "Recipient": HIDDEN, "ReceivedAt": "2025-09-17T14:03:15Z"}, Outcome.FETCHED),
        ({"RecordType": "Click", "Recipient": HIDDEN, "ReceivedAt": "2025-09-17T14:03:15Z"}, Outcome.FETCHED),
        ({"RecordType": "SpamComplaint", "Email": HIDDEN, "BouncedAt": "2025-09-17T14:03:15Z"}, Outcome.DELIVERED),
        ({"RecordType": "SubscriptionChange", "Recipient": HIDDEN, "ChangedAt": "2025-09-17T14:03:15Z"}, Outcome.NONE),
        *(
            ({"RecordType": "Bounce", "Type": kind, "Email": HIDDEN, "BouncedAt": "2025-09-17T14:03:15Z"}, outcome)
            for kind, outcome in (
                ("HardBounce", Outcome.BOUNCED),
                ("SoftBounce", Outcome.DEFERRED),
                ("Transient", Outcome.DEFERRED),
                ("AutoResponder", Outcome.DELIVERED),
                ("Blocked", Outcome.BOUNCED),
                ("ManuallyDeactivated", Outcome.SUPPRESSED),
                (None, Outcome.BOUNCED),
            )
        ),
        (
            {"RecordType": "Bounce", "Type": "HardBounce", "Email": HIDDEN, "Details": "552 (in reply to end of DATA command)"},
            Outcome.REFUSED_AFTER_DATA,
        ),
    ],
)
def test_webhooks(fields: dict[str, Any], outcome: Outcome) -> None:
    found = one({"MessageID": ID, "ServerID": "23", **fields})
    assert found.kind == f"webhook:{fields['RecordType']}"
    assert (found.message_id, found.server, found.header_known) == (f"{ID}@mtasv.net", "23", False)
    assert [(r.address, r.role, r.outcome) for r in found.recipients] == [(HIDDEN, Role.EVENT, outcome)]
    assert ("unsigned", "true") in found.facts
    if "Details" not in fields:
        assert support.plain(found.recipients[0].at) == "2025-09-17T14:03:15Z"


def test_equal_message_ids_of_several_recipients_are_all_kept() -> None:
    events = [{"RecordType": "Delivery", "MessageID": ID, "Recipient": to} for to in (TO, HIDDEN, HIDDEN)]
    assert [o.recipients[0].address for o in support.observations(PARSER, raw(events))] == [TO, HIDDEN, HIDDEN]


def test_old_name_of_the_server() -> None:
    assert one({"RecordType": "Delivery", "MessageID": ID, "Recipient": TO, "ServerId": 23}).server == "23"


def test_a_late_event_does_not_date_the_message() -> None:
    opened = {"RecordType": "Open", "MessageID": ID, "Recipient": TO, "ReceivedAt": "2025-11-01T00:00:00Z"}
    assert one(opened).readings == ()


# --- statements


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (page(row(), row()), [("total", 2, 2, "outbound")]),
        (page(row(), total="712"), [("total", 712, 1, "outbound")]),
        (page(row(), row(MessageStream="other")), [("total", 2, 2, "")]),
        (page(row(MessageStream=..., ServerID=23)), [("total", 1, 1, "23")]),
        (page(), [("total", 0, 0, ""), ("empty", 0, 0, "")]),
        (page(total="712"), [("total", 712, 0, ""), ("empty", 0, 0, "")]),
        (page(row(), total="many"), []),
        (page(row(), total=-1), []),
        ({"Messages": [], "TotalCount": 0}, [("total", 0, 0, ""), ("empty", 0, 0, "")]),
        ({"Messages": [row(), 5], "TotalCount": 2}, [("total", 2, 1, "outbound")]),
        ({"Suppressions": []}, [("empty", 0, 0, "")]),
    ],
)
def test_pages_state_their_completeness(value: Any, expected: list[tuple[str, int, int, str]]) -> None:
    *found, tally = support.statements(PARSER, raw(value))
    assert [(s.kind, s.value, s.rows, s.scope) for s in found] == expected
    assert {s.route for s in [*found, tally]} == {Route.API}
    assert tally.kind == "tally"


def test_scopes_of_two_pages_stay_apart() -> None:
    data = raw([page(row()), page(row(MessageStream="broadcast"))])
    assert [s.scope for s in support.statements(PARSER, data) if s.kind == "total"] == ["outbound", "broadcast"]


@pytest.mark.parametrize(
    ("value", "address", "note"),
    [
        (
            {"Suppressions": [{"EmailAddress": "X@Collector.example", "SuppressionReason": "HardBounce", "Origin": "Recipient"}]},
            "x@collector.example",
            "HardBounce/Recipient",
        ),
        (
            {"EmailAddress": "x@collector.example", "SuppressionReason": "ManualSuppression"},
            "x@collector.example",
            "ManualSuppression",
        ),
        (
            {
                "RecordType": "SubscriptionChange",
                "MessageID": None,
                "Recipient": HIDDEN,
                "SuppressSending": True,
                "Origin": "Admin",
            },
            HIDDEN,
            "Admin/unsigned",
        ),
        (
            {"RecordType": "SubscriptionChange", "Recipient": HIDDEN, "SuppressSending": False, "ServerID": 1},
            HIDDEN,
            "reactivated/unsigned",
        ),
    ],
)
def test_suppressions_name_no_message(value: Any, address: str, note: str) -> None:
    data = raw(value)
    assert support.observations(PARSER, data) == []
    assert [(s.address, s.note) for s in support.statements(PARSER, data) if s.kind == "suppression"] == [(address, note)]


# --- broken and odd files


@pytest.mark.parametrize("field", ["Tag", "From", "Subject", "MessageStream", "Status", "TrackLinks", "ReceivedAt"])
@pytest.mark.parametrize("value", [7, 7.5, True, ["x"], {"a": "b"}, {}, float("nan"), 10**400])
def test_wrong_type_drops_the_field_and_keeps_the_record(field: str, value: Any) -> None:
    data = raw(page(row(**{field: value})))
    (found,) = support.observations(PARSER, data)
    assert {r.address for r in found.recipients} == {TO, HIDDEN}
    assert [field in reason for reason in reasons(data)] == [True]


def test_nulls_everywhere_are_no_fault() -> None:
    data = raw(page(dict.fromkeys(row(), None) | {"MessageID": ID}))
    assert reasons(data) == []
    assert len(support.observations(PARSER, data)) == 1


@pytest.mark.parametrize("written", [('"Bcc": []', '"Bcc": [{"Email": "%s"}]'), ('"Bcc": [{"Email": "%s"}]', '"Bcc": []')])
def test_a_repeated_key_hides_nobody(written: tuple[str, str]) -> None:
    text = f'{{"MessageID": "{ID}", "To": [{{"Email": "{TO}"}}], "Cc": [], ' + ", ".join(written).replace("%s", HIDDEN) + "}"
    data = b'{"TotalCount": 1, "Messages": [' + text.encode() + b"]}"
    (found,) = support.observations(PARSER, data)
    assert HIDDEN in {r.address for r in found.recipients}
    assert "Bcc" in reasons(data)[0]


def test_escaped_key_is_the_same_key() -> None:
    data = raw(page(row())).replace(b'"Bcc"', b'"\\u0042cc"')
    assert HIDDEN in {r.address for r in support.observations(PARSER, data)[0].recipients if r.role is Role.BCC}


def test_invalid_utf8_keeps_the_record_and_says_so() -> None:
    data = raw(page(row(Subject="a")))
    data = data.replace(b'"Subject": "a"', b'"Subject": "\xff\xe2"')
    (found,) = support.observations(PARSER, data)
    assert (found.subject, reasons(data)) == ("\ufffd\ufffd", ["characters that are no Unicode were replaced"])


@pytest.mark.parametrize(
    ("escaped", "subject", "faults"), [("\\ud83d\\ude00", "😀", 0), ("\\ud83d", "\ufffd", 1), ("\\\\ud83d", "\\ud83d", 0)]
)
def test_surrogates(escaped: str, subject: str, faults: int) -> None:
    data = raw(row(Subject="@@")).replace(b"@@", escaped.encode())
    (found,) = support.observations(PARSER, data)
    assert (found.subject, len(reasons(data))) == (subject, faults)
    found.subject.encode()


@pytest.mark.parametrize(
    ("data", "kept", "faults"),
    [
        (raw(row())[:40] + b"\n" + raw(row()) + b"\n" + raw(row()), 2, 1),  # a writer that died, and went on
        (raw(row())[:40].replace(b'"', b"'") + b"\n" + raw(row()), 1, 1),
        (raw(row())[:-2] + b"\n" + raw(row()), 1, 1),
        (raw(page(row(), row()), indent=2).replace(b'"Cc": []', b'"Cc": [', 1), 1, 1),
        (raw(page(row(), row())).replace(b'"Cc": []', b'"Cc": [', 1), 1, 1),
        (raw(page(row(), row())).replace(b'"Cc": []', b'"Cc": [}', 1), 1, 1),
        (raw(page(row(), row()))[:700] + b"\n" + raw(page(row())), 2, 1),  # the next page keeps its own count
        (b"prose\n" + raw(row()), 1, 1),
        (raw(row()) + b"\0\0\0\0", 1, 1),
        (b"\x1e" + raw(row()) + b"\n\x1e" + raw(row()), 2, 0),
        (b"[" + raw(row()) + b",\n" + raw(row()) + b",]", 2, 0),
        (raw([[row()], [row()]]), 2, 0),
        (raw({"ErrorCode": 10, "Message": "Bad or missing API token."}), 0, 1),
        (raw({"some": "other"}), 0, 1),
        (b"{" * 100_000, 0, 1),
        (b"[" * 100_000, 0, 1),
        (b'{"To":' * 100_000, 0, 1),
        (raw(row(Metadata=json.loads("[" * 90 + "]" * 90))), 1, 1),
        (raw(row(Metadata=json.loads("[" * 101 + "]" * 101))), 0, 1),
        (b"", 0, 0),
        (b" \r\n\t\n", 0, 0),
        (b"\xef\xbb\xbf", 0, 0),
    ],
)
def test_damage_costs_only_what_is_damaged(data: bytes, kept: int, faults: int) -> None:
    assert len(support.observations(PARSER, data)) == kept
    assert len(reasons(data)) == faults


def test_a_cut_page_does_not_swallow_the_total_of_the_next() -> None:
    data = raw(page(row(), row(), total=9))[:700] + b"\n" + raw(page(row(), total=7))
    assert [(s.value, s.rows) for s in support.statements(PARSER, data) if s.kind == "total"] == [(9, 1), (7, 1)]


def test_a_record_over_the_limit_is_one_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.jsonstream.framing.MAX_RECORD", 200_000)
    huge = row(Subject="x" * 900_000)
    for options in ({}, {"indent": 2}):
        data = raw(page(row(), huge, row()), **options)
        records = support.read(PARSER, data, block=5_000)
        assert sum(isinstance(record, Fragment) for record in records) == 2
        assert [record.reason for record in records if isinstance(record, Defect)] == ["larger than 64 MiB"]


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
@pytest.mark.parametrize("block", [999, 70_000, 1 << 20])
def test_big_broken_records_cost_no_neighbour(codec: str, block: int) -> None:
    lines = [row(Subject=str(number)) for number in range(300)]
    text = "\n".join(json.dumps(line) for line in lines)
    text = "\n".join([text, '{"a" ' * 100_000, text, "{" * 300_000, text, '{"a": "' + "x" * 400_000, text])
    data = text.encode(codec)
    records = support.read(PARSER, data, block=block)
    found = [record.observation for record in records if isinstance(record, Fragment)]
    assert [each.subject for each in found] == [str(number) for number in range(300)] * 4
    assert sum(isinstance(record, Defect) for record in records) == 3
    for each in found[::50]:
        assert body(data[each.span.start : each.span.end], "search").subject == each.subject


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_line_ends(codec: str, newline: str) -> None:
    text = json.dumps(page(row(Subject="Grüße 😀"), row()), indent=2, ensure_ascii=False).replace("\n", newline)
    data = (b"\xfe\xff" if codec == "utf-16-be" else b"") + text.encode(codec)
    found = support.observations(PARSER, data)
    assert placeless(found) == placeless(support.observations(PARSER, text.encode()))
    assert sniff(data, "")
    for each in found:
        again = body(data[each.span.start : each.span.end], each.kind)
        assert again.subject == each.subject


# --- content


def parts(content: Body) -> list[tuple[str, str, bytes]]:
    return [(part.path, part.media_type, part.data) for part in content.parts]


@pytest.mark.parametrize(
    ("changes", "expected", "unread", "has_body"),
    [
        ({"TextBody": "ä", "HtmlBody": "<b>"}, [("text/plain", "text/plain", "ä".encode()), ("text/html", "text/html", b"<b>")], ["attachment:a.pdf"], True),
        ({"TextBody": None, "HtmlBody": "<b>", "Body": "raw"}, [("text/html", "text/html", b"<b>")], ["attachment:a.pdf"], True),
        ({"TextBody": "", "HtmlBody": None, "Body": "To: x\r\n\r\nhi"}, [("", "message/rfc822", b"To: x\r\n\r\nhi")], ["attachment:a.pdf"], True),
        ({"Body": "filename=a.pdf"}, [("", "message/rfc822", b"filename=a.pdf")], [], True),
        ({"TextBody": "x [Message Truncated]"}, [("text/plain", "text/plain", b"x [Message Truncated]")], ["text/plain", "attachment:a.pdf"], True),
        ({"TextBody": "", "Body": None}, [], ["attachment:a.pdf"], False),
        ({"TextBody": ["x"], "Attachments": []}, [], ["text/plain"], True),
        ({}, [], ["attachment:a.pdf"], False),
    ],
)  # fmt: skip
def test_bodies(changes: dict[str, Any], expected: list[tuple[str, str, bytes]], unread: list[str], *, has_body: bool) -> None:
    found = one(row(**changes))
    content = body(raw(row(**changes)), found.kind)
    assert (content.subject, parts(content), [each.part for each in content.unread]) == (found.subject, expected, unread)
    assert found.has_body is has_body


def test_both_values_of_a_repeated_body_are_read() -> None:
    content = body(b'{"MessageID": "x", "TextBody": "harmless", "TextBody": "key"}', "details")
    assert [part.data for part in content.parts] == [b"harmless", b"key"]


def test_a_record_with_an_empty_key_is_read_again() -> None:
    assert body(b'{"": [{}], "MessageID": "x", "Subject": "s"}', "search").subject == "s"


@pytest.mark.parametrize(
    "data",
    [
        b'{"next": {}, "TotalCount": 1, "Messages": [' + raw(row()) + b'], "after": [1]}',
        b'{"TotalCount": 1, "Messages": [' + raw(row()) + b'], "after" ',
        b'{"TotalCount": 1, "Messages": [' + raw(row()) + b"], 5}\n" + raw({"Suppressions": []}),
        b'{"TotalCount": 1, "Messages": [' + raw(row()) + b'], "after": tru}\n' + raw({"Suppressions": []}),
        b'{"TotalCount": 1, "Messages": [' + raw(row()) + b'], "after" x',
    ],
)
def test_members_around_the_rows(data: bytes) -> None:
    for block in (1, 1 << 20):
        records = support.read(PARSER, data, block=block)
        assert sum(isinstance(record, Fragment) for record in records) == 1
        assert sum(isinstance(record, Defect) for record in records) == (b"[1]" not in data)
        assert ("total", 1, 1) in [(s.kind, s.value, s.rows) for s in records if isinstance(s, Statement)]


def test_returned_message_of_a_bounce_is_content() -> None:
    bounce = {"RecordType": "Bounce", "MessageID": ID, "Email": HIDDEN, "Subject": "s", "Content": "Subject: s\r\n\r\nx"}
    assert one(bounce).has_body
    assert parts(body(raw(bounce), "webhook:Bounce")) == [("", "message/rfc822", b"Subject: s\r\n\r\nx")]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{" * 10_000, b"{\0", b"\0{", b"7"])
def test_body_of_anything(data: bytes) -> None:
    assert body(data, "details").unread


# --- recognition


@pytest.mark.parametrize(
    ("value", "claimed"),
    [
        (page(row()), True),
        (page(), True),
        ({"Messages": [], "TotalCount": "0"}, True),
        (row(), True),
        ([row()], True),
        ([page(row())], True),
        (row(MessageStream=..., Metadata=..., Sandboxed=..., Tag=..., TrackOpens=...), True),
        (row(TextBody="x" * 100_000), True),
        ({"TextBody": "x" * 100_000} | row(), True),
        (page(row(Subject="x" * 100_000)), True),
        ({"RecordType": "Delivery", "MessageID": ID, "Recipient": TO}, True),
        ({"RecordType": "Bounce", "ServerID": 23, "Content": "x" * 100_000}, True),
        ({"Suppressions": [{"EmailAddress": TO, "SuppressionReason": "HardBounce"}]}, True),
        ({"Suppressions": []}, True),
        ({}, False),
        ([], False),
        ({"Messages": []}, False),
        ({"TotalCount": 1, "Messages": [{"id": 1}]}, False),
        ({"TotalCount": 1, "Messages": [{"MessageID": 1, "Status": "x"}]}, False),
        ({"RecordType": "Delivery", "id": 5}, False),
        ({"RecordType": "A", "MessageID": ID}, False),
        ({"MessageID": ID, "Message": "x"}, False),
        ({"MessageID": ID, "Metadata": {}}, False),
        ({"MessageID": ID, "To": TO, "SubmittedAt": "2025-09-17T14:03:15Z", "ErrorCode": 0, "Message": "OK"}, False),
        ({"Suppressions": [{"email": TO}]}, False),
        ([{"email": TO, "event": "delivered", "sg_message_id": "x", "timestamp": 1}], False),
        ({"eventType": "Delivery", "mail": {"messageId": ID, "destination": [TO]}}, False),
        ({"Type": "Notification", "MessageId": ID, "Message": json.dumps(page(row()))}, False),
        ({"event-data": {"event": "delivered", "recipient": TO}}, False),
        ({"Messages": [{"Status": "success", "To": [{"Email": TO, "MessageID": 1}]}]}, False),
        ({"From": TO, "To": TO, "Subject": "x", "TextBody": "x" * 100_000}, False),
        ({"text": json.dumps(page(row()))}, False),
        ({"a": {"TotalCount": 0, "Messages": []}}, False),
        ({"log": [{"RecordType": "Delivery", "MessageID": ID}], "MessageID": 5}, False),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_sniff(value: Any, indent: int | None, *, claimed: bool) -> None:
    assert sniff(raw(value, indent=indent)[:65_536], "x.json") is claimed


@pytest.mark.parametrize(
    "data",
    [
        b"Hello, the answer was " + raw(page()),
        b"From: a@acme.example\r\n\r\n" + raw(page(row())),
        b"Sep 17 10:00:00 mx postfix: " + raw(row()),
        b'"TotalCount" "Messages"',
        b"[INFO] answer: " + raw(page()),
        b"[2025-09-17] " + raw(row()),
        b"",
        b"\xff\xfe",
        b"{" * 65_536,
        b"[" * 65_536,
        b'{"TotalCount"',
    ],
)
def test_sniff_refuses(data: bytes) -> None:
    assert not sniff(data, "search.json")


def test_sniff_knows_every_sample() -> None:
    assert SAMPLES
    assert [path.name for path in SAMPLES if not sniff(path.read_bytes()[:65_536], path.name)] == []


# --- laws

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
rows = st.fixed_dictionaries(
    {"MessageID": st.uuids().map(str), "To": st.just([{"Email": TO}]), "Recipients": st.just([TO, HIDDEN])},
    optional={
        "Subject": texts,
        "Cc": st.just([]),
        "Tag": texts | st.none(),
        "Metadata": st.dictionaries(texts, texts, max_size=2),
    },
)
layouts = st.sampled_from([{}, {"indent": 1}, {"indent": 4}, {"separators": (",", ":")}])
forms = st.sampled_from(["page", "array", "ndjson", "pages"])


def written(values: list[dict[str, Any]], form: str, layout: dict[str, Any], *, ascii_only: bool = False) -> bytes:
    options = {"ensure_ascii": ascii_only, **layout}
    if form == "ndjson":
        return "\n".join(json.dumps(value, **options) for value in values).encode()
    if form == "pages":
        return "\n".join(json.dumps(page(value), **options) for value in values).encode()
    return json.dumps(page(*values) if form == "page" else values, **options).encode()


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(rows, max_size=4), layouts, st.booleans())
def test_every_form_says_the_same(values: list[dict[str, Any]], layout: dict[str, Any], ascii_only: bool) -> None:
    said = [
        placeless(support.observations(PARSER, written(values, form, layout, ascii_only=ascii_only)))
        for form in ("page", "array", "ndjson", "pages")
    ]
    assert said[0] == said[1] == said[2] == said[3]
    assert [o.message_id for o in said[0]] == [f"{value['MessageID']}@mtasv.net" for value in values]


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(st.lists(rows, max_size=3), forms, layouts, st.data())
def test_a_cut_loses_only_what_it_touches(
    values: list[dict[str, Any]], form: str, layout: dict[str, Any], data: st.DataObject
) -> None:
    whole = written(values, form, layout)
    cut = data.draw(st.integers(0, len(whole)))
    before = [f for f in support.read(PARSER, whole) if isinstance(f, Fragment)]
    after = support.read(PARSER, whole[:cut])
    kept = [f.observation for f in after if isinstance(f, Fragment)]
    assert placeless(kept) == placeless([f.observation for f in before if f.observation.span.end <= cut])
    lost = [record for record in after if isinstance(record, Defect)]
    is_whole = form in {"ndjson", "pages"} and not any(isinstance(f, Broken) for f in frames([whole[:cut]], LISTS))
    assert len(lost) == (0 if is_whole or cut in {0, len(whole)} else 1)
    if lost:
        assert lost[0].span.end == cut
        assert lost[0].span.start >= max((each.span.end for each in kept), default=0)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(rows, max_size=3), forms, layouts, st.sampled_from(["utf-8", "utf-16"]), st.integers(1, 300), st.integers(0, 400))
def test_block_size_never_matters(  # a law over all its dimensions
    values: list[dict[str, Any]], form: str, layout: dict[str, Any], codec: str, block: int, cut: int
) -> None:
    data = written(values, form, layout).decode().encode(codec)
    data = data[: max(len(data) - cut, 0)]
    assert support.read(PARSER, data, block=block) == support.read(PARSER, data)


soup = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\n", b" ", b"1", b"null", b'"Messages":[', b'"MessageID":"x"', b'{"To":5}', b"\xff", raw(row())]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | soup, st.sampled_from([b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"]))
def test_any_bytes_are_read_or_told(data: bytes, mark: bytes) -> None:
    data = mark + data
    sniff(data, "x")
    body(data, "details")
    records = support.read(PARSER, data, block=7)
    assert records == support.read(PARSER, data)
    assert isinstance(records[-1], Statement)
    places = [frame for frame in frames([data], LISTS) if not isinstance(frame, Page)]
    end = 0
    for frame in places:  # in order, without overlap; what lies between them is framing
        assert end <= frame.start <= frame.end <= len(data)
        end = frame.end
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")) and not any(isinstance(f, Page) for f in frames([data], LISTS)):
        between = bytearray(data)
        for frame in reversed(places):
            del between[frame.start : frame.end]
        assert not bytes(between).removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n,\x1e[]")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples_tile(path: Any) -> None:
    data = path.read_bytes()
    for record in support.read(PARSER, data):
        span = record.observation.span if isinstance(record, Fragment) else record.span
        assert 0 <= span.start <= span.end <= len(data)
        if isinstance(record, Fragment):
            unit = data[span.start : span.end].replace(b"\0", b"")
            assert (unit[:1], unit[-1:]) == (b"{", b"}")


def test_time_of_hostile_files_is_linear() -> None:
    for data in (
        b'{x"\n' * 30_000,
        b'{"a":\n' * 30_000,
        b"{a}" * 30_000,
        b'"x{ ' * 30_000,
        b'{"Messages":[' * 30_000,
        b"{}" * 30_000,
    ):
        with affordable(10):
            support.read(PARSER, data)


def test_memory_stays_bounded() -> None:
    import tracemalloc

    many = b'{"TotalCount":9,"Messages":[' + b",".join([raw(row())] * 20_000) + b"]}"
    source = support.MemorySource(Span("e", "", 0, -1), "x", many)
    tracemalloc.start()
    count = sum(isinstance(record, Fragment) for record in PARSER.read(source))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < len(many) / 2


def test_frames_are_shared_and_know_no_postmark() -> None:
    found = list(frames([b'{"next": null, "rows": [{"a": 1}, {"a": 2}], "n": 2}'], ["rows"]))
    assert [(f.value, f.within) for f in found if isinstance(f, JsonRecord)] == [({"a": 1}, "rows"), ({"a": 2}, "rows")]
    assert [(f.name, f.fields, f.rows, f.complete) for f in found if isinstance(f, Page)] == [
        ("rows", {"next": None, "n": 2}, 2, True)
    ]


@pytest.mark.parametrize(
    ("rows", "more", "told"),
    [(499, {}, 0), (500, {}, 1), (500, {"TotalCount": 500}, 0), (500, {"TotalCount": 900}, 0), (501, {}, 0), (0, {}, 0)],
)
def test_a_full_page_that_tells_no_total_may_go_on_elsewhere(rows: int, more: dict[str, int], told: int) -> None:
    data = json.dumps({"Messages": [row() for _ in range(rows)]} | more).encode()
    assert len([one for one in support.defects(PARSER, data) if "no TotalCount" in one.reason]) == told
