"""Amazon SES: what each event says of its copies, through every envelope, and fields of any type."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, defects, observations, read, statements

import forensics
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Role, Route
from forensics.parsers.ses import PARSER
from forensics.plugins import discover

SAMPLES = sorted((FORMATS / "ses").iterdir())
EXFIL = "phan@giftshop.club"
OWN = "0102018f2c3d4e51-5c1e4a77-000000"
MAIL: dict[str, Any] = {
    "timestamp": "2025-09-18T09:11:44.066Z", "source": "shop@acme.example", "sendingAccountId": "123456789012", "messageId": OWN,
    "sourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/acme.example", "destination": ["ann@customer.example", EXFIL],
    "headersTruncated": False,
    "headers": [
        {"name": "From", "value": "Shop <shop@acme.example>"}, {"name": "To", "value": "Ann <ann@customer.example>"},
        {"name": "Message-ID", "value": "<order1@app.acme.example>"},
    ],
    "commonHeaders": {
        "from": ["Shop <shop@acme.example>"], "to": ["Ann <ann@customer.example>"], "messageId": OWN, "subject": "Order 1",
    },
    "tags": {"ses:configuration-set": ["shop"], "customer": ["planted-secret"]},
}  # fmt: skip
DELIVERY = {"timestamp": "2025-09-18T09:11:47.500Z", "recipients": [EXFIL], "smtpResponse": "250 ok"}
_PARTS = {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}


def event(kind: str = "Delivery", body: Any = None, **mail: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "mail": {**copy.deepcopy(MAIL), **mail},
        _PARTS.get(kind, kind.lower()): DELIVERY if body is None else body,
    }


def data_of(*records: Any) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in records).encode()


def only(record: dict[str, Any]) -> Observation:
    (one,) = observations(PARSER, data_of(record))
    return one


def said(one: Observation, role: Role = Role.EVENT) -> list[tuple[str, str]]:
    return [(r.address, r.outcome.value) for r in one.recipients if r.role is role]


def reasons(*records: Any) -> list[str]:
    return [one.reason for one in defects(PARSER, data_of(*records))]


# --- events


def bounce(kind: str, subtype: str = "General", said: str = "smtp; 550 5.1.1 unknown", **more: Any) -> dict[str, Any]:
    entry = {"emailAddress": EXFIL, "status": "5.1.1", "diagnosticCode": said}
    return {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [entry],
        "timestamp": "2025-09-18T09:12:00Z",
        **more,
    }


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (bounce("Permanent"), "bounced"),
        (bounce("Permanent", "Suppressed"), "suppressed"),
        (bounce("Permanent", "OnAccountSuppressionList"), "suppressed"),
        (bounce("Permanent", said="smtp; 554 refused (in reply to end of DATA command)"), "refused_after_data"),
        (bounce("Transient"), "deferred"),
        (bounce("Transient", "MailboxFull"), "deferred"),
        (bounce("Transient", "ContentRejected"), "refused_after_data"),
        (bounce("Transient", "AttachmentRejected"), "refused_after_data"),
        (bounce("Undetermined", "Undetermined"), "accepted"),
        (bounce("SomethingNew"), "accepted"),
        # a report that the receiving side's own server made: it had taken the mail
        (bounce("Permanent", reportingMTA="dns; mx.giftshop.club"), "refused_after_data"),
        (bounce("Permanent", reportingMTA="dns; mx.giftshop.club", remoteMtaIp="192.0.2.99"), "bounced"),
        (bounce("Permanent", reportingMTA="dsn; a8-50.smtp-out.amazonses.com"), "bounced"),
        (bounce("Permanent", reportingMTA="dns; evilamazonses.com"), "refused_after_data"),
    ],
)
def test_what_a_bounce_says(body: dict[str, Any], outcome: str) -> None:
    one = only(event("Bounce", body))
    assert said(one) == [(EXFIL, outcome)]
    assert dict(one.facts)["bounce_type"] == body["bounceType"]


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("Send", {}, []),
        ("Delivery", DELIVERY, [(EXFIL, "delivered")]),
        ("DeliveryDelay", {"delayType": "X", "delayedRecipients": [{"emailAddress": EXFIL}]}, [(EXFIL, "deferred")]),
        ("Complaint", {"complainedRecipients": [{"emailAddress": EXFIL}]}, [(EXFIL, "delivered")]),
        (
            "Complaint",
            {"complainedRecipients": [{"emailAddress": EXFIL}, {"emailAddress": "x@giftshop.club"}]},
            [(EXFIL, "accepted"), ("x@giftshop.club", "accepted")],
        ),
        (
            "Complaint",
            {"complaintSubType": "OnAccountSuppressionList", "complainedRecipients": [{"emailAddress": EXFIL}]},
            [(EXFIL, "suppressed")],
        ),
        ("Open", {"ipAddress": "192.0.2.7"}, []),
        ("Click", {"link": "https://acme.example/reset?t=planted-secret"}, []),
        ("Subscription", {}, []),
    ],
)
def test_what_an_event_says_of_its_recipients(kind: str, body: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    one = only(event(kind, body))
    assert said(one) == expected
    assert said(one, Role.ENVELOPE) == [("ann@customer.example", "accepted"), (EXFIL, "accepted")]
    assert (one.kind, reasons(event(kind, body))) == (f"event:{kind}", [])
    assert "planted" not in repr(one.facts)


@pytest.mark.parametrize("kind", ["Reject", "Rendering Failure"])
def test_what_was_never_sent(kind: str) -> None:
    one = only(event(kind, {"reason": "Bad content", "errorMessage": "planted-secret"}))
    assert {outcome for _, outcome in said(one, Role.ENVELOPE)} == {"suppressed"}
    assert "planted" not in repr(one.facts)


@pytest.mark.parametrize(
    ("destination", "fetched", "fact"),
    [([EXFIL], [(EXFIL, "fetched")], None), ([EXFIL, "ann@customer.example"], [], "unknown"), ([], [], "unknown")],
)
def test_a_fetch_is_known_by_recipient_only_where_there_is_one(
    destination: list[str], fetched: list[Any], fact: str | None
) -> None:
    one = only(event("Open", {"timestamp": "2025-10-02T11:00:00Z", "ipAddress": "192.0.2.7"}, destination=destination))
    assert (said(one), dict(one.facts).get("fetched_by")) == (fetched, fact)
    # weeks later: the open is no clock of the message
    assert [(r.clock, r.at.day) for r in one.readings] == [("received_at", 18)]


# --- header and envelope


@pytest.mark.parametrize(
    ("mail", "known", "visible"),
    [
        ({}, True, ["ann@customer.example"]),
        ({"headersTruncated": True}, False, ["ann@customer.example"]),
        ({"headersTruncated": "maybe"}, False, ["ann@customer.example"]),
        ({"headers": None}, True, ["ann@customer.example"]),
        ({"headers": None, "commonHeaders": None}, False, []),
        ({"headers": [], "commonHeaders": {"subject": "x"}}, False, []),
        ({"headers": [{"name": "Subject", "value": "x"}], "commonHeaders": {"subject": "x"}}, True, []),  # all of them blind
        ({"headers": [{"name": "To", "value": 7}]}, False, ["ann@customer.example"]),
        ({"headers": "To: x@y.example"}, False, ["ann@customer.example"]),
        ({"headers": None, "commonHeaders": {"to": ["A <a@b.example>, c@d.example", "e@f.example"]}}, True, ["a@b.example", "c@d.example", "e@f.example"]),
        ({"headers": None, "commonHeaders": {"to": ["a@b.example"], "cc": ["x@y.example"]}}, True, ["a@b.example", "x@y.example"]),
        ({"headers": None, "commonHeaders": {"to": ["a@b.example"], "cc": [7]}}, False, ["a@b.example"]),
        ({"headers": None, "commonHeaders": {"to": ["broken@"]}}, False, []),
        ({"headers": [{"name": "CC", "value": "x@y.example"}]}, True, ["ann@customer.example", "x@y.example"]),
    ],
)  # fmt: skip
def test_when_the_header_is_known(mail: dict[str, Any], known: bool, visible: list[str]) -> None:
    one = only(event(**mail))
    assert one.header_known is known
    assert [r.address for r in one.recipients if r.role in {Role.TO, Role.CC}] == visible


def test_a_header_that_names_a_blind_copy_is_told() -> None:
    one = only(event(commonHeaders={**MAIL["commonHeaders"], "bcc": [EXFIL]}))
    assert said(one, Role.BCC) == [(EXFIL, "")]


def test_no_encoded_name_makes_a_recipient_visible() -> None:
    name = "=?utf-8?q?=3Cphan=40giftshop=2Eclub=3E?= <ann@customer.example>"
    one = only(event(headers=None, commonHeaders={"to": [name]}))
    assert [r.address for r in one.recipients if r.role is Role.TO] == ["ann@customer.example"]


@pytest.mark.parametrize(
    ("mail", "message_id", "ids"),
    [
        ({}, "order1@app.acme.example", (f"ses:{OWN}", f"mid:{OWN}@eu-west-1.amazonses.com")),
        ({"headers": None}, f"{OWN}@eu-west-1.amazonses.com", (f"ses:{OWN}", f"mid:{OWN}@eu-west-1.amazonses.com")),
        ({"headers": None, "commonHeaders": {"messageId": "<a@b.example>"}}, "a@b.example", (f"ses:{OWN}", f"mid:{OWN}@eu-west-1.amazonses.com")),
        ({"headers": None, "sourceArn": "arn:aws:ses:us-east-1:1:identity/x"}, f"{OWN}@email.amazonses.com", (f"ses:{OWN}", f"mid:{OWN}@email.amazonses.com")),
        ({"headers": None, "sourceArn": None}, "", (f"ses:{OWN}",)),
        ({"headers": None, "sourceArn": "arn:aws:sns:eu-west-1:1:x"}, "", (f"ses:{OWN}",)),
        ({"messageId": "a b\n"}, "order1@app.acme.example", ()),
    ],
)  # fmt: skip
def test_identities(mail: dict[str, Any], message_id: str, ids: tuple[str, ...]) -> None:
    one = only(event(**mail))
    assert (one.message_id, one.ids) == (message_id, ids)


def test_who_sent_by_which_way() -> None:
    one = only(event())
    assert (one.route, one.direction, one.server, one.stream) == (Route.API, Direction.SUBMITTED, "123456789012", "shop")
    assert (one.sender, one.envelope_sender) == ("shop@acme.example", "shop@acme.example")
    assert "planted" not in repr(one)  # tags of the sender are kept nowhere


def test_events_of_one_message_are_all_kept() -> None:
    first, second = event(), event(body={**DELIVERY, "recipients": ["ann@customer.example"]})
    found = observations(PARSER, data_of(first, second, first))
    assert [said(one) for one in found] == [
        [(EXFIL, "delivered")],
        [("ann@customer.example", "delivered")],
        [(EXFIL, "delivered")],
    ]


# --- envelopes around events


def sns(record: Any) -> dict[str, Any]:
    text = record if isinstance(record, str) else json.dumps(record)
    return {
        "Type": "Notification",
        "MessageId": "m1",
        "TopicArn": "arn:aws:sns:eu-west-1:1:t",
        "Message": text,
        "Timestamp": "2025-09-18T09:20:00Z",
    }


def sqs(record: Any) -> dict[str, Any]:
    return {"MessageId": "q1", "ReceiptHandle": "h", "Body": json.dumps(record)}


def bridge(record: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e",
        "detail-type": "Email Delivered",
        "source": "aws.ses",
        "region": "eu-west-1",
        "detail": record,
    }


@pytest.mark.parametrize(
    ("wrap", "around"),
    [
        (lambda one: one, ""),
        (sns, "sns"),
        (bridge, "eventbridge"),
        (lambda one: {"Messages": [sqs(one)]}, "sqs"),
        (lambda one: {"Messages": [sqs(sns(one))]}, "sqs/sns"),
        (lambda one: {"Messages": [sqs(sns(bridge(one)))]}, "sqs/sns/eventbridge"),
        (lambda one: {"Records": [{"EventSource": "aws:sns", "Sns": sns(one)}]}, "lambda/sns"),
        (lambda one: {"Records": [{"messageId": "q", "body": json.dumps(one)}]}, "sqs"),
        (lambda one: {"events": [{"timestamp": 1, "message": json.dumps(one)}]}, "cloudwatch"),
        (lambda one: {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": json.dumps(one)}]}, "cloudwatch"),
        (lambda one: [one], ""),
        (lambda one: [sns(one)], "sns"),
    ],
)
def test_envelopes(wrap: Any, around: str) -> None:
    data = json.dumps(wrap(event())).encode()
    (one,) = observations(PARSER, data)
    facts = dict(one.facts)
    assert (said(one), facts.get("wrapped_in", "")) == ([(EXFIL, "delivered")], around)
    assert PARSER.sniff(data, "")
    assert PARSER.sniff(data[:300], "") or len(around) > 12 or data.startswith(b"[")
    assert defects(PARSER, data) == []


def test_the_region_of_an_envelope_names_the_message() -> None:
    assert only(bridge(event(sourceArn=None, headers=None))).message_id == f"{OWN}@eu-west-1.amazonses.com"


def test_envelopes_that_go_on_end() -> None:
    record: Any = event()
    for _ in range(8):
        record = sns(record)
    assert observations(PARSER, data_of(record)) == []
    assert reasons(record) == ["the text in an envelope cannot be read as JSON; it may be cut"]


@pytest.mark.parametrize(
    "record",
    [
        {"Type": "SubscriptionConfirmation", "Token": "t", "TopicArn": "arn:aws:sns:x", "Message": "You have chosen"},
        sns("Successfully validated SNS topic for Amazon SES event publishing."),
        sns({"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have successfully subscribed"}),
        {"notificationType": "Received", "mail": {"destination": ["a@acme.example"]}, "receipt": {}},
    ],
)
def test_records_that_tell_of_no_mail_are_counted(record: dict[str, Any]) -> None:
    data = data_of(record, event())
    assert (len(observations(PARSER, data)), defects(PARSER, data)) == (1, [])
    assert (statements(PARSER, data)[-1].value, statements(PARSER, data)[-1].rows) == (2, 1)
    assert PARSER.sniff(data, "") is True


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (sns(json.dumps(event())[:200]), "the text in an envelope cannot be read as JSON; it may be cut"),
        ({"hello": 1}, "no record of Amazon SES that this version reads"),
        (event("Teleport", {}), "an event is of a type that this version does not know"),
        (event(destination=None), "mail.destination names no recipient"),
        (event(body={"recipients": []}), "an event of type Delivery names no recipient"),
        (
            event(body={"recipients": [7]}),
            "fields of an unexpected form, read as far as possible: delivery.recipients.emailAddress",
        ),
        (event(timestamp="soon"), "fields of an unexpected form, read as far as possible: mail.timestamp"),
        (
            event(destination=["ann@customer.example", 7]),
            "fields of an unexpected form, read as far as possible: mail.destination",
        ),
    ],
)
def test_what_cannot_be_read_is_told(record: dict[str, Any], reason: str) -> None:
    assert reason in reasons(record)


def test_an_unknown_type_still_names_its_recipients() -> None:
    assert said(only(event("Teleport", {})), Role.ENVELOPE) == [("ann@customer.example", "accepted"), (EXFIL, "accepted")]


# --- laws

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.sampled_from([EXFIL, "{", "{}", "[]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["emailAddress", "name", "value", "mail", "Message", "to"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_BASES: list[dict[str, Any]] = [
    {"notificationType": "AmazonSnsSubscriptionSucceeded"},
    event(),
    event("Bounce", bounce("Permanent")),
    sns(event()),
    bridge(event("Open", {"ipAddress": "192.0.2.7"})),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(_BASES), st.data(), _JSON)
def test_any_value_in_any_field_raises_nothing_and_is_told(base: dict[str, Any], draw: st.DataObject, value: Any) -> None:
    record = copy.deepcopy(base)
    path = draw.draw(st.sampled_from([one for one in places(record) if one]))
    holder = record
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    data = data_of(record, event())
    found = read(PARSER, data)
    assert any(isinstance(one, Fragment) and one.observation.span.start > 0 for one in found)  # the next record is whole
    assert all(EXFIL not in one.reason for one in found if isinstance(one, Defect))
    PARSER.sniff(data, "")


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([data_of(event()), b"{", b'{"Messages":[', b"]}"]), max_size=6))
def test_no_bytes_raise(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert read(PARSER, data)[-1] == statements(PARSER, data)[-1]
    PARSER.sniff(data, "")


@pytest.mark.parametrize("shape", ["lines", "array", "sqs"])
def test_a_cut_file_keeps_every_whole_record_before_the_cut(shape: str) -> None:
    records = [event(), event("Bounce", bounce("Permanent")), event("Send", {})]
    if shape == "sqs":
        data = json.dumps({"Messages": [sqs(one) for one in records]}).encode()
    else:
        data = data_of(*records) if shape == "lines" else json.dumps(records).encode()
    whole = observations(PARSER, data)
    for cut in range(0, len(data), 7):
        kept = observations(PARSER, data[:cut])
        assert kept == [] or [(one.kind, one.span.start) for one in kept] == [
            (one.kind, one.span.start) for one in whole[: len(kept)]
        ]
        assert len(kept) == sum(one.span.end <= cut for one in whole)
        told = [one for one in read(PARSER, data[:cut]) if isinstance(one, Defect)]
        assert told or not data[:cut].strip() or (shape == "lines" and data[cut - 1 : cut] in b"}\n")


@pytest.mark.parametrize("place", SAMPLES, ids=lambda place: place.name)
def test_a_sample_in_utf16_says_the_same(place: Path) -> None:
    plain = [one for one in read(PARSER, place.read_bytes()) if isinstance(one, Fragment)]
    data = place.read_text(encoding="utf-8").encode("utf-16")
    wide = [one for one in read(PARSER, data) if isinstance(one, Fragment)]
    assert [one.observation.recipients for one in wide] == [one.observation.recipients for one in plain]
    assert PARSER.sniff(data[:65536], "") is True


def test_a_cut_head_is_recognised() -> None:
    long = event(headers=[{"name": "X", "value": "x" * 90_000}])
    for record in (long, sns(long), {"Messages": [sqs(sns(long))]}):
        assert PARSER.sniff(json.dumps(record).encode()[:65536], "") is True
    assert PARSER.sniff(json.dumps({"text": json.dumps(long)}).encode()[:65536], "") is False


@pytest.mark.parametrize(
    "record",
    [
        {}, {"mail": {}}, {"eventType": "Delivery"}, {"eventType": "Delivery", "mail": {}}, {"eventType": "Delivery", "mail": "x"},
        {"Messages": []}, {"message": "a log line"}, {"text": json.dumps(event())}, {"MessageID": "x", "Body": "raw mail"},
    ],
)  # fmt: skip
def test_what_is_none_of_ours(record: dict[str, Any]) -> None:
    assert PARSER.sniff(json.dumps(record).encode(), "ses-events.json") is False


def test_a_broken_first_record_hides_no_format() -> None:
    record = data_of(event())
    assert PARSER.sniff(b'{"a": nonsense}\n' + record, "") is True
    assert PARSER.sniff(b'{"a": nonsense}\n{"b": 1}\n' + record, "") is False


def test_no_other_parser_claims_our_samples_nor_we_theirs() -> None:
    parsers = [one.plugin for one in discover("parsers") if one.plugin is not None]
    for place in SAMPLES:
        assert [one.name for one in parsers if one.sniff(place.read_bytes()[:65536], place.name)] == ["ses"]
    for place in FORMATS.glob("*/*"):
        if place.parent.name != "ses":
            assert not PARSER.sniff(place.read_bytes()[:65536], place.name), place


# --- end to end


@pytest.mark.slow
def test_an_audit_finds_the_indicator_with_its_proof(tmp_path: Path) -> None:
    evidence, policy = tmp_path / "evidence", tmp_path / "policy.toml"
    evidence.mkdir()
    policy.write_text('[organisation]\ndomains = ["acme.example"]\n', encoding="utf-8")
    failed = event("Bounce", bounce("Permanent"), messageId="0102-b", headers=None)
    (evidence / "events.ndjson").write_bytes(data_of(event("Send", {}), event(), event("Click", {}), failed))
    mail = f"From: shop@acme.example\nTo: ann@customer.example\nSubject: Order 1\nMessage-ID: <{OWN}@eu-west-1.amazonses.com>\n\nhello\n"
    (evidence / "received.eml").write_text(mail, encoding="utf-8")
    options = forensics.Options(workers=1)
    case = forensics.audit(evidence, out=tmp_path / "case", incident="postmark-mcp", policy=policy, options=options)
    (exposed,) = case.read("exposed_messages").to_dict("records")
    assert (exposed["verdict"], exposed["proof"], exposed["unexpected_recipients"]) == ("confirmed", "delivered", EXFIL)
    assert exposed["content"] == "full"  # of the copy that a recipient kept: SES's own Message-ID joins it
    (address,) = case.read("unexpected_recipients").to_dict("records")
    assert int(address["blind"]) == 2
    (lost,) = case.read("not_delivered").to_dict("records")
    assert (lost["message_key"], lost["proof"]) == ("0102-b@eu-west-1.amazonses.com", "attempted")
    (covered,) = (row for row in case.read("coverage").to_dict("records") if row["source"] == "ses")
    assert (covered["route"], covered["status"], covered["scope"]) == ("api", "partial", "123456789012/shop")
    assert "planted" not in repr([case.read(name).to_dict("records") for name in ("copies", "exposed_messages", "defects")])
    assert Outcome.DELIVERED.value in set(case.read("copies")["proof"])
