"""Everything else that Postmark writes: lists of events, raw copies, inbound mail, counts, and webhooks in request logs."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import support
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.addresses import canonical, mailboxes
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Role, Route, Span, Statement
from forensics.parsers.postmark import PARSER, body, reading, sniff, values
from forensics.parsers.postmark.raw import id_in_name
from forensics.plugins import Record

ID, OTHER_ID = "3f2b8c1e-5c1e-4a77-9d10-4b6f0c2e0001", "3f2b8c1e-5c1e-4a77-9d10-4b6f0c2e0002"
TO, HIDDEN = "bob@customer.example", "archive@collector.example"
SAMPLES = sorted((support.FORMATS / "postmark").iterdir())


def raw(value: Any, **options: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, **options).encode()


def read(data: bytes, *, name: str = "sample", member: str = "") -> list[Record]:
    source = support.MemorySource(Span(support.evidence_id(data), member, 0, -1), name, data)
    return list(PARSER.read(source))


def observed(data: bytes, **place: str) -> list[Observation]:
    return [one.observation for one in read(data, **place) if isinstance(one, Fragment)]


def reasons(data: bytes) -> list[str]:
    return [one.reason for one in read(data) if isinstance(one, Defect)]


def tally(data: bytes) -> tuple[int, int]:
    last = read(data)[-1]
    assert isinstance(last, Statement)
    return last.value, last.rows


def rows_of(value: Any) -> list[tuple[str, str, Outcome]]:
    return [(one.kind, each.address, each.outcome) for one in observed(raw(value)) for each in one.recipients]


# --- the API's lists of events

OPEN = {"MessageID": ID, "MessageStream": "outbound", "Recipient": HIDDEN, "ReceivedAt": "2025-09-18T14:02:11.0000000-04:00", "UserAgent": "x", "Geo": {}}  # fmt: skip
CLICK = OPEN | {"OriginalLink": "https://app.acme.example/reset?token=s3cr3t", "ClickLocation": "HTML"}
BOUNCE = {"ID": 7, "Type": "HardBounce", "TypeCode": 1, "MessageID": ID, "Email": HIDDEN, "BouncedAt": "2025-09-18T09:15:20-04:00", "Content": "Subject: s\r\n\r\nx"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "row", "kind", "outcome"),
    [
        ("Opens", OPEN, "open", Outcome.FETCHED),
        ("Opens", OPEN | {"RecordType": "Open"}, "open", Outcome.FETCHED),
        ("Clicks", CLICK, "click", Outcome.FETCHED),
        ("Clicks", CLICK | {"RecordType": "Click"}, "click", Outcome.FETCHED),
        ("Bounces", BOUNCE, "bounce", Outcome.BOUNCED),
        ("Bounces", BOUNCE | {"RecordType": "Bounce", "ID": "7"}, "bounce", Outcome.BOUNCED),
        ("Bounces", BOUNCE | {"Type": "SpamComplaint", "TypeCode": 512}, "bounce", Outcome.DELIVERED),
        ("Bounces", BOUNCE | {"Type": "SpamComplaint", "TypeCode": 100001}, "bounce", Outcome.DELIVERED),
        ("Bounces", BOUNCE | {"Details": "552 (in reply to end of DATA command)"}, "bounce", Outcome.REFUSED_AFTER_DATA),
    ],
)
def test_rows_of_a_list_are_the_apis_own_words(name: str, row: dict[str, Any], kind: str, outcome: Outcome) -> None:
    data = raw({"TotalCount": 1, name: [row]})
    assert rows_of({"TotalCount": 1, name: [row]}) == [(kind, HIDDEN, outcome)]
    (found,) = observed(data)
    assert "unsigned" not in dict(found.facts)
    assert sniff(data, "x")
    assert reasons(data) == []
    alone = observed(raw(row))  # outside of the list nothing tells it from a webhook, which anybody can send
    assert [dict(one.facts)["unsigned"] for one in alone] == ["true"]
    assert [(r.address, r.outcome) for one in alone for r in one.recipients] == [(r.address, r.outcome) for r in found.recipients]
    assert sniff(raw(row), "x")


def test_a_link_is_never_a_fact() -> None:
    assert "s3cr3t" not in repr(read(raw({"TotalCount": 1, "Clicks": [CLICK]})))


def test_a_list_of_events_counts_no_messages_and_its_emptiness_means_nothing() -> None:
    for name, row in (("Opens", OPEN), ("Clicks", CLICK), ("Bounces", BOUNCE)):
        for page in ({"TotalCount": 5, name: [row]}, {"TotalCount": 0, name: []}):
            assert {one.kind for one in read(raw(page)) if isinstance(one, Statement)} == {"tally"}


def test_the_returned_message_of_a_listed_bounce_is_content() -> None:
    (found,) = observed(raw({"Bounces": [BOUNCE], "TotalCount": 1}))
    assert found.has_body
    content = body(raw(BOUNCE), found.kind)
    assert [part.data for part in content.parts] == [b"Subject: s\r\n\r\nx"]
    assert [one.reason for one in content.unread] == ["a returned message may lack parts of what was sent"]


@pytest.mark.parametrize(
    ("reason", "suppress", "outcome"),
    [
        ("HardBounce", True, Outcome.BOUNCED), ("SpamComplaint", True, Outcome.DELIVERED), ("ManualSuppression", True, Outcome.NONE),
        ("HardBounce", False, Outcome.NONE), (None, True, Outcome.NONE),
    ],
)  # fmt: skip
def test_a_suppression_that_names_its_message_tells_what_brought_it_about(
    reason: str | None, suppress: bool, outcome: Outcome
) -> None:
    change = {"RecordType": "SubscriptionChange", "MessageID": ID, "Recipient": HIDDEN, "SuppressSending": suppress, "SuppressionReason": reason}  # fmt: skip
    assert rows_of(change) == [("webhook:SubscriptionChange", HIDDEN, outcome)]


def test_retries_stay_records_and_recipients_are_part_of_the_key() -> None:
    events = [{"RecordType": "Open", **OPEN}] * 2 + [{"RecordType": "Open", **OPEN, "Recipient": TO}]
    assert [address for _, address, _ in rows_of(events)] == [HIDDEN, HIDDEN, TO]


# --- raw copies


def rcpt(address: str) -> str:
    return "|" + base64.b64encode(f"m0|101|202|{address}".encode()).decode() + "|"


def mail(**more: str) -> str:
    fields = {"From": "billing@acme.example", "To": TO, "Subject": "s", "Message-Id": f"<{ID}@mtasv.net>"} | more
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value) + "\r\ntext"


def test_a_raw_copy_names_its_own_envelope_recipient() -> None:
    text = mail(**{"X-PM-RCPT": rcpt(HIDDEN), "X-PM-Message-Id": ID, "Feedback-ID": "s202-_x:s202:a101:postmark"})
    (found,) = observed(raw({"Body": text}))
    assert (found.kind, found.route, found.direction, found.server) == ("dump", Route.MAILBOX, Direction.SUBMITTED, "202")
    assert (found.message_id, found.header_known, found.has_body, found.size) == (f"{ID}@mtasv.net", True, True, len(text))
    assert [(r.address, r.role, r.outcome) for r in found.recipients] == [
        (TO, Role.TO, Outcome.NONE),
        (HIDDEN, Role.ENVELOPE, Outcome.ACCEPTED),
    ]


@pytest.mark.parametrize("bcc", ["", HIDDEN])
def test_a_bcc_in_a_raw_copy_is_believed_and_none_proves_nothing(bcc: str) -> None:
    (found,) = observed(raw({"Body": mail(Bcc=bcc)}))
    assert [r.address for r in found.recipients if r.role is Role.BCC] == ([bcc] if bcc else [])
    assert not any(r.role is Role.ENVELOPE for r in found.recipients)


@pytest.mark.parametrize(
    ("text", "name", "expected", "facts"),
    [
        (mail(), "x.json", f"{ID}@mtasv.net", {}),
        (mail(), f"{ID}.json", f"{ID}@mtasv.net", {}),
        (mail(), f"{OTHER_ID}.json", f"{ID}@mtasv.net", {"id_contradiction": "name"}),
        (mail(**{"Message-Id": "<own@acme.example>", "X-PM-Tag": "x"}), "x.json", "own@acme.example", {}),
        (mail(**{"Message-Id": "<own@acme.example>", "X-PM-Tag": "x"}), f"{ID}.json", f"{ID}@mtasv.net", {"id_from": "name"}),
        (mail(**{"Message-Id": "<own@acme.example>", "X-PM-Message-Id": ID}), "x.json", f"{ID}@mtasv.net", {}),
        ("", f"{ID.upper()}.json", f"{ID}@mtasv.net", {"id_from": "name"}),
        ("", "x.json", "", {}),
    ],
)
def test_the_id_of_a_raw_copy(text: str, name: str, expected: str, facts: dict[str, str]) -> None:
    data = raw({"Body": text})
    (found,) = observed(data, name=name)
    assert (found.message_id, dict(found.facts)) == (expected, facts)
    assert sniff(data, name)
    if "own@" in text and expected.startswith(ID):
        assert "mid:own@acme.example" in found.ids


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((f"{ID}.json",), ID),
        ((f"dump-{ID}.json",), ID),
        (("dump.json", f"dumps/{ID}/dump.json"), ID),
        (("dump.json", f"dumps\\{ID}\\dump.json"), ID),
        ((f"{OTHER_ID}.json", f"{ID}/{OTHER_ID}.json"), OTHER_ID),
        ((f"{ID}-{OTHER_ID}.json",), ""),
        ((f"{ID}a.json",), ""),
        ((f"a{ID}.json",), ""),
        (("dump.json", ""), ""),
        ((ID.replace("-", "") + ".json",), ""),
    ],
)
def test_an_id_in_a_name(names: tuple[str, ...], expected: str) -> None:
    assert id_in_name(*names) == (f"{expected}@mtasv.net" if expected else "")


def test_a_cut_copy_is_read_as_mail_and_said_to_be_cut() -> None:
    content = body(raw({"Body": mail(Subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=") + " [Message Truncated]"}), "dump")
    assert (content.subject, [part.media_type for part in content.parts]) == ("Grüße", ["message/rfc822"])
    assert [one.reason for one in content.unread] == ["cut by the provider"]
    head = raw({"Body": "From: a@acme.example\r\nTo: b@customer.example\r\nX-PM-Tag: x"})
    assert [one.header_known for one in observed(head)] == [False]
    assert "ends before its header" in " ".join(reasons(head))


@pytest.mark.parametrize(
    ("value", "claimed"),
    [
        ({"Body": mail()}, True),
        ({"Body": mail() + "x" * 100_000}, True),
        ({"Body": mail(**{"Message-Id": "<own@acme.example>", "X-PM-Tag": "x"}) + "x" * 100_000}, True),
        ({"Body": mail(**{"Message-Id": "<own@acme.example>"}) + "x" * 100_000}, False),
        ({"Body": mail(**{"Message-Id": "<own@acme.example>"})}, False),
        ({"Body": "x" * 100_000}, False),
        ({"Body": "we use mtasv.net"}, False),
        ({"Body": mail(), "more": 1}, False),
        ({"Body": ""}, True),
        ({"Body": None}, False),
    ],
)
def test_a_raw_copy_is_known_by_postmarks_headers(value: Any, claimed: bool) -> None:
    assert sniff(raw(value)[:65_536], "x") is claimed


def test_an_empty_copy_is_told() -> None:
    assert reasons(raw({"Body": ""})) == [
        "nothing says which message this raw copy is of",
        "the provider keeps no raw copy of this message",
    ]
    assert [one.has_body for one in observed(raw({"Body": ""}))] == [False]


# --- inbound mail

INBOUND: dict[str, Any] = {
    "From": "ann@customer.example", "FromFull": {"Email": "ann@customer.example", "Name": "Ann"}, "To": '"S, T" <support@acme.example>',
    "ToFull": [{"Email": "support@acme.example", "Name": "S, T", "MailboxHash": ""}], "Cc": "", "CcFull": [], "MessageID": ID,
    "OriginalRecipient": "0abc@inbound.example", "Date": "Thu, 18 Sep 2025 14:40:01 +0200", "TextBody": "x",
    "Headers": [{"Name": "Message-ID", "Value": "<frage@customer.example>"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("support@acme.example", Role.TO), ("0abc@inbound.example", Role.TRACE)]),
        ({"ToFull": None}, [("support@acme.example", Role.TO), ("0abc@inbound.example", Role.TRACE)]),
        ({"OriginalRecipient": ""}, [("support@acme.example", Role.TO)]),
        ({"CcFull": [{"Email": TO}], "OriginalRecipient": None}, [("support@acme.example", Role.TO), (TO, Role.CC)]),
        ({"Cc": f"Bob <{TO}>, c@b.example", "OriginalRecipient": None},
         [("support@acme.example", Role.TO), (TO, Role.CC), ("c@b.example", Role.CC)]),
        ({"BccFull": [{"Email": "0ABC@inbound.example"}]}, [("support@acme.example", Role.TO), ("0abc@inbound.example", Role.TRACE)]),
        ({"Bcc": HIDDEN, "OriginalRecipient": None}, [("support@acme.example", Role.TO), (HIDDEN, Role.BCC)]),
    ],
)  # fmt: skip
def test_inbound_mail_is_a_stored_copy(changes: dict[str, Any], expected: list[tuple[str, Role]]) -> None:
    (found,) = observed(raw(INBOUND | changes))
    assert (found.kind, found.route, found.direction) == ("inbound", Route.MAILBOX, Direction.RECEIVED)
    assert (found.message_id, found.sender, found.has_body) == ("frage@customer.example", "ann@customer.example", True)
    assert found.ids == (f"postmark-inbound:{ID}",)  # never as <uuid>@mtasv.net, which is an outbound message's
    assert support.plain(found.readings) == ["date 2025-09-18T12:40:01Z"]
    assert [(r.address, r.role) for r in found.recipients] == expected
    assert reasons(raw(INBOUND | changes)) == []


def test_inbound_rows_and_webhooks_are_known_without_a_record_type() -> None:
    row = {key: INBOUND[key] for key in ("From", "FromFull", "To", "ToFull", "MessageID")}
    data = raw({"TotalCount": 1, "InboundMessages": [row]})
    assert sniff(data, "x")
    assert sniff(raw(INBOUND), "x")
    assert [one.kind for one in observed(data + raw(INBOUND) + raw({"RecordType": "Inbound", "To": TO}))] == ["inbound"] * 3
    assert tally(data) == (1, 0)


def test_attachments_of_inbound_mail_are_read() -> None:
    files = [
        {"Name": "a.txt", "Content": base64.b64encode(b"secret").decode(), "ContentType": 'Text/Plain; charset="utf-8"'},
        {"Name": "b.bin", "Data": "AAEC\r\nAwQ=", "ContentType": "application/octet-stream"},
        {"Name": "c.bin", "Content": "not base64!"},
        {"Name": "d.bin"},
        "e.bin",
        5,
    ]
    content = body(raw(INBOUND | {"Attachments": files}), "inbound")
    assert [(one.path, one.media_type, one.data, one.charset) for one in content.parts] == [
        ("text/plain", "text/plain", b"x", "utf-8"),
        ("attachment:a.txt", "text/plain", b"secret", "utf-8"),
        ("attachment:b.bin", "application/octet-stream", b"\0\1\2\3\4", ""),
    ]
    assert [one.part for one in content.unread] == ["attachment:c.bin", "attachment:d.bin", "attachment:e.bin", "attachment:"]


# --- counts and accounts


@pytest.mark.parametrize(
    ("value", "expected", "claimed"),
    [
        ({"Days": [{"Date": "2025-09-17", "Sent": 5}], "Sent": 5}, [("daily", "", 5, "2025-09-17")], True),
        ({"Days": [{"Date": "2025-09-17", "Sent": "5"}]}, [("daily", "", 5, "2025-09-17")], True),
        ({"Days": [{"Date": "2025-09-17", "HardBounce": 5}]}, [], True),
        ({"Days": [], "Sent": 0}, [], True),
        ({"Days": [], "rows": 0}, [], False),
        ({"Days": [{"Date": "2025-09-17", "Steps": 5}]}, [], False),
        ({"Sent": 1, "Bounced": 2, "SMTPApiErrors": 0, "Opens": 0}, [], True),
        ({"Sent": 1, "Bounced": 2}, [], False),
        ({"TotalCount": 1, "Servers": [{"ID": 202, "Name": "n", "ApiTokens": ["tok-3n"]}]}, [("listed_server", "202", 0, "")], True),
        ({"ID": 202, "Name": "n", "ApiTokens": ["tok-3n"], "InboundHash": "x"}, [("listed_server", "202", 0, "")], True),
        ({"TotalCount": 1, "MessageStreams": [{"ID": "outbound", "ServerID": 202, "MessageStreamType": "Transactional"}]},
         [("listed_stream", "outbound", 0, "202")], True),
        ({"TotalCount": 1, "Servers": [{"ID": "x", "Hostname": "n"}]}, [("listed_server", "x", 0, "")], False),
    ],
)  # fmt: skip
def test_answers_that_name_no_message(value: Any, expected: list[tuple[str, str, int, str]], claimed: bool) -> None:
    *told, _ = [one for one in read(raw(value)) if isinstance(one, Statement)]
    assert [(one.kind, one.scope, one.value, one.note) for one in told] == expected
    assert sniff(raw(value), "x") is claimed
    assert observed(raw(value)) == []
    assert "tok-3n" not in repr(read(raw(value)))


# --- webhooks in request logs

HOOK = {
    "RecordType": "Delivery",
    "MessageID": ID,
    "Recipient": HIDDEN,
    "DeliveredAt": "2025-09-18T13:15:17Z",
    "Details": 'Grüße "x"',
}


@pytest.mark.parametrize(
    "line",
    [
        {"path": "/hooks", "body": json.dumps(HOOK)},
        {"path": "/hooks", "body": json.dumps(HOOK, indent=2, ensure_ascii=False) + "\n"},
        {"path": "/hooks", "body": json.dumps([HOOK])},
        {"path": "/hooks", "body": HOOK},
        {"request": {"headers": {}, "body": json.dumps(HOOK)}},
        {"a": {"b": {"c": {"body": json.dumps(HOOK)}}}},
        {"body": base64.b64encode(json.dumps(HOOK).encode()).decode(), "isBase64Encoded": True},
        {"log": json.dumps(HOOK) + "\n", "stream": "stdout"},
        {"Type": "Notification", "MessageId": ID, "Message": json.dumps(HOOK)},
    ],
)
def test_a_webhook_in_a_request_log(line: dict[str, Any]) -> None:
    data = raw({"path": "/health", "status": 200}) + b"\n" + raw(line) + b"\n" + raw({"path": "/health", "status": 200})
    assert sniff(data, "requests.log")
    (found,) = observed(data)
    alone = observed(raw(HOOK))[0]
    assert dataclasses.replace(found, span=alone.span) == alone
    assert data[found.span.start : found.span.end] == raw(line)
    assert dict(found.facts)["unsigned"] == "true"
    assert reasons(data) == []
    assert tally(data) == (3, 2)


@pytest.mark.parametrize(
    "line",
    [
        {"body": json.dumps(HOOK | {"RecordType": "order"})},
        {"body": "we got " + json.dumps(HOOK)},
        {"body": json.dumps({"RecordType": "Delivery", "MessageID": ID})},
        {"body": json.dumps({"RecordType": "Delivery", "Recipient": HIDDEN})},
        {"body": json.dumps({"inner": HOOK})},
        {"body": [HOOK]},
        {"a": {"b": {"c": {"d": {"body": json.dumps(HOOK)}}}}},
        {"note": "RecordType MessageID Recipient Delivery"},
        {"body": "eyJ" + "!" * 60},
    ],
)
def test_what_merely_speaks_of_a_webhook_is_none(line: dict[str, Any]) -> None:
    assert not sniff(raw(line), "requests.log")
    assert observed(raw(line)) == []


CUT = "a webhook in this record is cut off, broken or one too many"


def test_a_bounce_without_an_address_is_kept_in_a_log_too() -> None:
    data = raw({"body": json.dumps({"RecordType": "Bounce", "TypeCode": 1, "MessageID": ID})})
    assert [one.message_id for one in observed(data)] == [f"{ID}@mtasv.net"]
    assert reasons(data) == ["Email names no recipient"]


def test_what_a_log_holds_beyond_the_limits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    body_of = json.dumps(HOOK)
    assert reasons(raw({"body": json.dumps([HOOK] * 1_001)})) == [CUT]
    assert reasons(raw({"body": json.dumps([HOOK] * 999)})) == []
    assert CUT in reasons(raw({**{str(number): "x" for number in range(300)}, "body": body_of}))
    monkeypatch.setattr("forensics.parsers.postmark.carriers._LONGEST", 50)
    assert CUT in reasons(raw({"body": body_of}))


def test_a_cut_webhook_in_a_log_is_told() -> None:
    data = raw({"body": json.dumps(HOOK)}) + b"\n" + raw({"body": json.dumps(HOOK)[:90]})
    assert len(observed(data)) == 1
    assert reasons(data) == [CUT]


def test_content_in_a_log_is_found_again_unless_it_is_not_alone() -> None:
    hook = {"RecordType": "Bounce", **BOUNCE}
    alone, both = raw({"body": json.dumps(hook)}), raw({"body": json.dumps([hook, HOOK])})
    (found,) = observed(alone)
    assert found.has_body
    assert [part.data for part in body(alone, found.kind).parts] == [b"Subject: s\r\n\r\nx"]
    assert [one.has_body for one in observed(both)] == [False, False]
    assert "is not read" in reasons(both)[0]


def test_a_record_of_another_kind_is_a_defect_where_no_log_is() -> None:
    data = raw(HOOK) + b"\n" + raw({"path": "/health"})
    assert reasons(data) == ["no record of Postmark that this version reads"]


@pytest.mark.parametrize(
    "inner",
    ['{"RecordType": "Delivery", ' * 20_000, '{"RecordType"' + "{" * 300_000, '{"RecordType":"' + '\\"":' * 100_000, "eyJ" + "A" * 400_001,
     "[" + json.dumps(HOOK) + "," * 300_000, "{" + "@a." * 100_000 + "RecordType"],
)  # fmt: skip
def test_hostile_bodies_cost_no_more_than_their_length(inner: str) -> None:
    with affordable(5):
        for data in (raw({"body": inner}), raw({"Body": "A: b\n" + inner}), raw({str(n): inner[:2_000] for n in range(300)})):
            assert read(data)
            sniff(data[:65_536], "x")


# --- the short way


def slowly(data: bytes) -> list[Record]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "swift", lambda *_: None)
        return read(data)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples_are_read_alike_by_the_short_way(path: Path) -> None:
    assert read(path.read_bytes()) == slowly(path.read_bytes())


DELIVERY = HOOK | {"ServerID": 23, "MessageStream": "outbound", "Tag": "invoice", "Metadata": {}}
ROW: dict[str, Any] = {
    "Tag": None, "MessageID": ID, "MessageStream": "outbound", "To": [{"Email": TO, "Name": "Bob"}], "Cc": [],
    "Bcc": [{"Email": HIDDEN, "Name": None}], "Recipients": [TO, HIDDEN], "ReceivedAt": "2025-09-17T10:03:12.8054242-04:00",
    "From": '"Acme, Billing" <Billing@acme.example>', "Subject": "s", "Attachments": ["a.pdf"], "Status": "Sent", "TrackOpens": True,
    "TrackLinks": "HtmlAndText", "Metadata": {}, "Sandboxed": False,
}  # fmt: skip


OPENED: dict[str, Any] = {
    "RecordType": "Open",
    **OPEN,
    "Tag": "t",
    "Metadata": {},
    "FirstOpen": True,
    "Platform": "WebMail",
    "Geo": {"IP": "192.0.2.1"},
}
CLICKED: dict[str, Any] = {"RecordType": "Click", **CLICK, "Tag": None, "Metadata": {"a": "b"}}


@pytest.mark.parametrize("usual", [DELIVERY, OPENED, CLICKED, ROW, {key: value for key, value in ROW.items() if key != "Tag"}])
def test_the_short_way_is_taken(usual: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = slowly(raw(usual))

    def never(*_: Any, **__: Any) -> None:
        pytest.fail("the long way was taken")

    monkeypatch.setattr(reading, "_said", never)
    assert read(raw(usual)) == expected


odd = st.sampled_from([
    None, "", 0, 7, True, False, [], {}, "x", "null", [None], [5], [""], [TO], [{"Email": TO}], [{"Email": ""}], [{"Email": None}],
    [{"Email": f"{TO}, {HIDDEN}"}], [{"Email": "BOB@Customer.Example"}], TO, f"Bob <{TO}>", "undisclosed", {"a": "b"}, "Blocked", "true",
    "00000000-0000-0000-0000-000000000000", ID.upper(), f"<{ID}@mtasv.net>", "2025-09-17T14:03:12Z", "2025-09-17T14:03:12.1", "2025-09-17",
    "2025-09-17-04:00", "2025-09-17 10:03:12-04:00", "2025-09-17T10:03:12+14:00", "2025-09-17T10:03:12+14:01", "0001-01-01T00:00:00+05:00",
    "2025-09-17T10:03:12-0400", "20250917T100312-04:00", "9999-12-31T23:00:00-04:00", "T-04:00", "x" * 3_000, "\ud83d", "a" * 400 + "@b.example",
])  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([DELIVERY, ROW, OPENED, CLICKED]),
    st.dictionaries(
        st.sampled_from(sorted({*DELIVERY, *ROW, *OPENED, *CLICKED, "ServerId", "MessageEvents", "TextBody", "Content", "more"})),
        odd,
        max_size=3,
    ),
    st.lists(st.sampled_from(sorted({*DELIVERY, *ROW, *OPENED, *CLICKED})), max_size=2),
    st.booleans(),
)
def test_the_short_way_says_what_the_long_one_says(
    usual: dict[str, Any], changes: dict[str, Any], dropped: list[str], paged: bool
) -> None:
    record = {key: value for key, value in (usual | changes).items() if key not in dropped}
    data = json.dumps({"TotalCount": 2, "Messages": [record, usual]} if paged else [record, usual]).encode()
    assert read(data) == slowly(data)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="abz09.-_+@ <>:,AZü", max_size=30) | st.from_regex(values._CANONICAL, fullmatch=True))
def test_what_passes_for_canonical_is(text: str) -> None:
    if values.is_canonical(text):
        assert (canonical(text), [box.address for box in mailboxes(text)]) == (text, [text])


@pytest.mark.parametrize("text", ["A@b.example", "a@b", "a@b.example.", "a b@c.example", '"a"@b.example', "a.@b.example", "ü@b.example", "mailto:a@b.example", "<a@b.example>", "a" * 120 + "@b.example", ""])  # fmt: skip
def test_what_needs_a_closer_look_is_not_taken_for_canonical(text: str) -> None:
    assert not values.is_canonical(text)
