"""Laws that hold for every mail provider's records: kept whole at a cut, told the same in any wrapping, claimed by one, convicted on."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_records import AT, HIDDEN, MAKE, TO, lines, raw
from support import FORMATS, defects, observations, read, statements

import forensics
from forensics.jsonstream import Fields
from forensics.model import Defect, Fragment, Observation, Outcome, Role, Span
from forensics.parsers import brevo, mailgun, mandrill, resend, sendgrid, sparkpost
from forensics.plugins import Parser, discover
from forensics.provider_events import after_data, message_id, named, posted_form, reading

PARSERS: dict[str, Parser] = {one.PARSER.name: one.PARSER for one in (brevo, mailgun, mandrill, resend, sendgrid, sparkpost)}
SAMPLES = sorted(place for name in PARSERS for place in (FORMATS / name).iterdir())


NAMES = sorted(MAKE)
PAGES = {"brevo": "events", "mailgun": "items", "resend": "data", "sendgrid": "messages", "sparkpost": "results"}


def three(name: str) -> list[dict[str, Any]]:
    return [MAKE[name](to, number) for number, to in enumerate((TO, HIDDEN, "Grüße <c@customer.example>"), start=1)]


def placeless(found: list[Observation]) -> list[Observation]:
    return [dataclasses.replace(one, span=Span("", "", 0, 0), has_body=False) for one in found]


# --- cut, wrapped, encoded


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["array", "lines", "page"])
def test_a_cut_keeps_every_whole_record_before_it_and_says_so(name: str, form: str) -> None:
    records = three(name)
    if form == "page" and name not in PAGES:
        return  # Mandrill's lists have no page around them
    data = lines(*records) if form == "lines" else raw(records if form == "array" else {"count": 3, PAGES[name]: records})
    whole = observations(PARSERS[name], data)
    assert len(whole) == 3
    for cut in range(len(data)):
        found = read(PARSERS[name], data[:cut])
        kept = [one.observation for one in found if isinstance(one, Fragment)]
        complete = [one for one in whole if one.span.end <= cut]
        assert placeless(kept) == placeless(complete), cut
        ends = [0, *(one.span.end for one in whole)]
        is_clean = not data[max(end for end in ends if end <= cut) : cut].strip(b", \n")  # nothing was begun
        assert any(isinstance(one, Defect) for one in found) or is_clean, cut


def wrappings(records: list[dict[str, Any]]) -> dict[str, bytes]:
    body = json.dumps(records)
    return {
        "array": raw(records),
        "indented": json.dumps(records, indent=2).encode(),
        "lines": lines(*records),
        "crlf": lines(*records).replace(b"\n", b"\r\n"),
        "mark": b"\xef\xbb\xbf" + raw(records),
        "utf-16": json.dumps(records, ensure_ascii=False).encode("utf-16"),
        "body as text": lines({"method": "POST", "headers": {"x": "1"}, "body": body}),
        "body as text, one each": lines(*({"path": "/hook", "rawBody": json.dumps(one)} for one in records)),
        "body as array": raw([{"url": "/hook", "payload": records}]),
        "body as object": lines(*({"url": "/hook", "body": one} for one in records)),
        "base64": lines({"isBase64Encoded": True, "body": base64.b64encode(raw(records)).decode()}),
        "after empty requests": lines({"method": "GET", "body": ""}, {"method": "HEAD", "body": None}, {"body": body}),
    }


@pytest.mark.parametrize("name", NAMES)
def test_any_wrapping_tells_the_same(name: str) -> None:
    records = three(name)
    expected = placeless(observations(PARSERS[name], raw(records)))
    assert [one.recipients for one in expected]
    for form, data in wrappings(records).items():
        assert PARSERS[name].sniff(data[:65536], "x"), form
        assert placeless(observations(PARSERS[name], data)) == expected, form


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_request_places_its_records_where_it_lies(name: str) -> None:
    data = lines({"body": "[]"}, {"body": json.dumps(three(name))})
    found = observations(PARSERS[name], data)
    assert {data[one.span.start : one.span.end] for one in found} == {data.splitlines()[1]}
    assert not any(one.has_body for one in found)
    assert statements(PARSERS[name], data)[-1].value == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_large_first_request_is_recognised_by_what_can_be_seen_of_it(name: str) -> None:
    many = [MAKE[name](f"u{number}@customer.example", number) for number in range(400)]
    for data in (raw({"method": "POST", "body": json.dumps(many)}), raw([{"method": "POST", "body": json.dumps(many)}])):
        assert len(data) > 70_000
        assert [one.name for one in PARSERS.values() if one.sniff(data[:65536], "x")] == [name]


@pytest.mark.parametrize("name", ["resend"])
def test_a_large_first_record_is_recognised_by_its_keys(name: str) -> None:
    data = raw(MAKE[name](HIDDEN, 1, html="<p>x</p>" * 20_000))
    assert [one.name for one in PARSERS.values() if one.sniff(data[:65536], "x")] == [name]
    (found,) = observations(PARSERS[name], data)
    assert found.has_body


# --- who claims what


@pytest.mark.parametrize("name", NAMES)
def test_one_parser_of_all_claims_each_form(name: str) -> None:
    everyone = [one.plugin for one in discover("parsers") if one.plugin is not None]
    for form, data in wrappings(three(name)).items():
        assert [one.name for one in everyone if one.sniff(data[:65536], "x")] == [name], form


@pytest.mark.parametrize(
    "head",
    [
        b"", b"[]", b"{}", b"[{}]", b'{"data":[]}', b'{"items":[]}', b'{"results":[]}', b'{"events":[]}', b'{"messages":[]}',
        b'{"events":[{"name":"load","time":1}]}', b'{"event":"delivered","email":"a@b.example"}', b'{"event":"delivered","timestamp":1,"email":"a@b.example"}',
        b'{"type":"delivery","rcpt_to":"a@b.example"}', b'{"type":"email.sent"}', b'{"object":"email"}', b'{"id":1,"to":[],"from":"x"}',
        b'{"_id":"1","ts":1}', b'{"event":"send","ts":1,"msg":"x","_id":"1"}', b'{"event":"delivered","recipient":"a@b.example","timestamp":1}',
        b'{"body":"{\\"event\\":\\"delivered\\"}"}', b'{"body":{"event":["delivered"],"email":1}}', b'{"event":["delivered"],"email":1,"message-id":2}',
        b"event=delivered&recipient=a@b.example", b"mandrill_events=", b"mandrill_events=%5B%5D", b"mandrill_events=" * 2_000, b'{"body":"' + b"[" * 9_000,
        b'{"msys":5}', b'{"msys":{"message_event":[]}}', b'{"from_email":"a@b.example","to_email":"c@d.example"}', b'prose {"msys":{}}',
        b'{"email":"a@b.example","date":"x","messageId":"1"}', b'{"count":0,"items":[],"paging":{}}',
    ],
)  # fmt: skip
def test_what_is_no_record_of_theirs_is_claimed_by_none(head: bytes) -> None:
    assert [one.name for one in PARSERS.values() if one.sniff(head, "webhook.json")] == []


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ({"items": [], "paging": {"next": "https://api.mailgun.net/v3/mg.acme.example/events/x"}}, "mailgun"),
        ({"results": [], "total_count": 0, "links": {}}, "sparkpost"),
        ({"count": 0, "transactionalEmails": []}, "brevo"),
    ],
)
def test_an_empty_page_is_told_and_is_no_message(page: dict[str, Any], name: str) -> None:
    assert [one.name for one in PARSERS.values() if one.sniff(raw(page), "x")] == [name]
    assert [one.kind for one in statements(PARSERS[name], raw(page))] == ["empty", "tally"]
    assert observations(PARSERS[name], raw(page)) == []


# --- evidence is hostile

_JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9),
        st.sampled_from([TO, "delivered", "bounce", "hard_bounce", "[", '{"event":"delivered"}', "a=b", "1e999", str(AT)]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["email", "event", "headers", "to", "cc", "targets", "type", "ts", "msg", "name", "value", "body"]), inner, max_size=3
        ),
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.mark.property
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=100, deadline=None)
@given(data=st.data(), tail=st.binary(max_size=12))
def test_any_value_in_any_field_is_told_or_a_defect(name: str, data: st.DataObject, tail: bytes) -> None:
    record = MAKE[name](HIDDEN, 1)
    inner = record["msys"]["message_event"] if name == "sparkpost" else record.get("msg", record)
    keys = st.sampled_from([*inner, *record, "events", "smtp_events", "body"])
    for target in (inner, record):
        target.update(data.draw(st.dictionaries(keys, _JSON, max_size=3)))
    content = lines(record, MAKE[name](TO, 2)) + tail
    PARSERS[name].sniff(content, "")
    found = read(PARSERS[name], content)
    tally = statements(PARSERS[name], content)[-1]
    told = {
        one.span.start if isinstance(one, Defect) else one.observation.span.start
        for one in found
        if isinstance(one, (Defect, Fragment))
    }
    assert tally.value >= 2
    assert len(told) + tally.rows >= 2
    if PARSERS[name].body is not None:
        for one in found:
            if isinstance(one, Fragment):
                PARSERS[name].body(content[one.observation.span.start : one.observation.span.end], one.observation.kind)  # type: ignore[misc]


@pytest.mark.property
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=100, deadline=None)
@given(
    content=st.binary(max_size=200),
    prefix=st.sampled_from([b"", b"[", b'{"msys":', b"mandrill_events=", b"event=delivered&", b'{"body":"']),
)
def test_any_bytes_are_read_without_complaint(name: str, content: bytes, prefix: bytes) -> None:
    PARSERS[name].sniff(prefix + content, "")
    assert statements(PARSERS[name], prefix + content)[-1].kind == "tally"


def test_a_mail_with_an_empty_list_and_an_unreadable_address_is_no_empty_page() -> None:
    record = MAKE["brevo"](TO, 1) | {"event": None, "email": [], "events": []}
    (defect,) = defects(PARSERS["brevo"], lines(record))
    assert "no record of Brevo" in defect.reason
    assert [one.kind for one in statements(PARSERS["brevo"], lines(record))] == ["tally"]


@pytest.mark.parametrize(
    ("name", "field"), [("brevo", "email"), ("mailgun", "recipient"), ("sendgrid", "email"), ("resend", "bcc")]
)
def test_a_repeated_field_hides_nobody(name: str, field: str) -> None:
    text = json.dumps(MAKE[name](TO, 1)).replace(f'"{field}":', f'"{field}": "{HIDDEN}", "{field}":', 1).encode()
    (found,) = observations(PARSERS[name], text)
    assert {TO, HIDDEN} <= {one.address for one in found.recipients}
    assert field in defects(PARSERS[name], text)[0].reason


@pytest.mark.parametrize("place", SAMPLES, ids=lambda place: f"{place.parent.name}/{place.name}")
def test_nothing_of_the_applications_own_is_kept(place: Path) -> None:
    assert "planted" not in repr(read(PARSERS[place.parent.name], place.read_bytes()))


@pytest.mark.parametrize("name", NAMES)
def test_hostile_records_take_linear_time(name: str) -> None:
    with affordable(20):
        hostile = [
            lines({"body": "[" * 100_000}), lines({"body": '{"body":' * 100_000}), b"mandrill_events=" * 100_000, b"a=b&" * 200_000, b"&" * 100_000 + b"=",
            lines(MAKE[name]("<" * 100_000, 1)), lines(MAKE[name]("," * 100_000, 1)), b"[" * 100_000, b'{"body":"' + b"\\" * 100_000, b"%" * 100_000 + b"=",
            lines({"body": '{"event":"x",' * 50_000}),
        ]  # fmt: skip
        for content in hostile:
            PARSERS[name].sniff(content[:65536], "x")
            assert statements(PARSERS[name], content)[-1].kind == "tally"


def test_a_request_whose_body_is_no_base64_is_a_defect() -> None:
    data = lines({"isBase64Encoded": True, "body": "%%%"})
    assert [one.reason for one in defects(PARSERS["sendgrid"], data)] == ["no record of SendGrid that this version reads"]


def test_a_message_of_endless_events_is_read_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.provider_events.files._MOST_PARTS", 3)
    steps = [{"name": "opened", "time": "2025-09-18T12:53:20Z"}] * 5
    data = raw({"email": TO, "subject": "Hi", "date": "2025-09-18T12:53:20Z", "events": steps})
    (found,) = observations(PARSERS["brevo"], data)
    assert len(found.recipients) == 4
    assert [one.reason for one in defects(PARSERS["brevo"], data)] == ["the message has more events than are read"] * 2


def test_a_line_beyond_any_form_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.provider_events.files._LONGEST_FORM", 40)
    form = b"mandrill_events=%5B%5D"
    data = form + b"x" * 50 + b"\n" + form + b"\n"
    assert [one.reason for one in defects(PARSERS["mandrill"], data)] == [
        "a line is longer than any posted form",
        "the line holds no record that this version reads",
    ]


# --- shared reading


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (AT, "2025-09-18T12:53:20+00:00"), (float(AT) + 0.25, "2025-09-18T12:53:20.250000+00:00"), (str(AT), "2025-09-18T12:53:20+00:00"),
        (AT * 1000 + 125, "2025-09-18T12:53:20.125000+00:00"), ("2025-09-18 14:53:20+02", "2025-09-18T12:53:20+00:00"),
        ("2025-09-18T12:53:20Z", "2025-09-18T12:53:20+00:00"), (5, ""), (-AT, ""), (True, ""), (float("nan"), ""), (float("inf"), ""), (10**40, ""),
        ("soon", ""), ([], ""), ({}, ""), ("1" * 400, ""),
    ],
)  # fmt: skip
def test_times(value: object, expected: str) -> None:
    fields = Fields({"at": value})
    found = reading(fields, "at", "event")
    assert (found.at.isoformat() if found else "") == expected
    assert ("at" in fields.wrong) is (not expected)


@pytest.mark.parametrize(
    ("value", "zoned", "slack"),
    [("2025-09-18 14:53:20", True, 50_400), (AT, True, 0), (AT, False, 50_400), ("2025-09-18T14:53:20Z", True, 0)],
)
def test_a_time_without_a_zone_says_how_far_it_may_be_off(value: object, zoned: bool, slack: int) -> None:
    found = reading(Fields({"at": value}), "at", "event", zoned=zoned)
    assert found is not None
    assert found.slack == slack


@pytest.mark.parametrize(
    ("value", "addresses", "is_wrong"),
    [
        ("a@b.example", ["a@b.example"], False), ("A <a@b.example>, c@d.example", ["a@b.example", "c@d.example"], False),
        (["a@b.example", None], ["a@b.example"], False), ([None], [], False), (None, [], False), ("", [], False),
        ([{"email": "a@b.example"}], ["a@b.example"], False), ([{"email": 5}], [], True), (["nobody"], [], True), (7, [], True),
        (["a@b.example", 7], ["a@b.example"], True), (("a@b.example", "c@d.example"), ["a@b.example", "c@d.example"], True),
    ],
)  # fmt: skip
def test_recipients(value: object, addresses: list[str], is_wrong: bool) -> None:
    fields = Fields({"to": value})
    assert [one.address for one in named(fields, "to", Role.TO)] == addresses
    assert bool(fields.wrong) is is_wrong


@pytest.mark.parametrize(
    ("outcome", "text", "expected"),
    [
        (Outcome.BOUNCED, "554 refused (in reply to end of DATA command)", Outcome.REFUSED_AFTER_DATA),
        (Outcome.BOUNCED, "554 5.7.1 end-of-data", Outcome.REFUSED_AFTER_DATA), (Outcome.BOUNCED, "554 in reply to DATA command", Outcome.BOUNCED),
        (Outcome.BOUNCED, "", Outcome.BOUNCED), (Outcome.DELIVERED, "end of data", Outcome.DELIVERED), (Outcome.DEFERRED, "end of data", Outcome.DEFERRED),
    ],
)  # fmt: skip
def test_a_refusal_after_the_content_is_no_refusal(outcome: Outcome, text: str, expected: Outcome) -> None:
    assert after_data(outcome, "", text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1&b=%2B+x", {"a": "1", "b": "+ x"}), ("a=1&a=2", {"a": ("1", "2")}), ("a", {}), ("", {}), ("a=&b", {"a": "", "b": ""}),
        ("&".join(f"a{n}=1" for n in range(20_000)), {}), ("a=%ff", {"a": "�"}),
    ],
)  # fmt: skip
def test_posted_forms(text: str, expected: dict[str, Any]) -> None:
    assert posted_form(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("<M1@acme.example>", "M1@acme.example"), ("m1@acme.example", "m1@acme.example"), (" ", ""), ("", "")]
)
def test_message_ids(text: str, expected: str) -> None:
    assert message_id(text) == expected


# --- from a folder to a verdict


def evidence_of(name: str, to: str) -> list[dict[str, Any]]:
    """A mail that went to somebody, and a blind copy of it."""
    if name == "resend":
        return [MAKE[name](to, 1)]
    return [MAKE[name](TO, 1, **({"rcpt_type": None} if name == "sparkpost" else {})), MAKE[name](to, 2)]


def audited(folder: Path, name: str, content: bytes) -> forensics.Case:
    evidence = folder / "evidence"
    evidence.mkdir()
    (evidence / "export").write_bytes(content)
    policy = forensics.Policy(domains=("acme.example",))
    case = forensics.audit(
        evidence, out=folder / "case", incident="postmark-mcp", policy=policy, options=forensics.Options(workers=1)
    )
    assert set(case.read("coverage")["source"]) == {name}
    assert list(case.read("defects")["reason"]) == []
    return case


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_indicator_is_found_with_its_proof_and_nobody_else(name: str, tmp_path: Path) -> None:
    records = evidence_of(name, HIDDEN)
    content = lines(*records) if name == "resend" else lines({"method": "POST", "body": json.dumps(records)})
    case = audited(tmp_path, name, content)
    (row,) = case.read("exposed_messages").to_dict("records")
    proof = {"resend": "accepted"}.get(name, "delivered")  # its last event is of the message, not of one of two recipients
    assert (row["verdict"], row["proof"], row["in_window"], row["unexpected_recipients"]) == ("confirmed", proof, "yes", HIDDEN)
    shown = "" if name in {"brevo", "mandrill", "sendgrid", "sparkpost"} else TO  # the others never tell To
    assert row["to"] == shown
    (found,) = case.read("unexpected_recipients").to_dict("records")
    assert found["blind"] == (1 if name in {"resend", "sparkpost"} else 0)  # known as blind where the provider says so


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_same_mail_to_a_customer_accuses_nobody(name: str, tmp_path: Path) -> None:
    records = evidence_of(name, "carol@customer.example") if name != "resend" else [MAKE[name]("x", 1, bcc=None)]
    if name == "sparkpost":
        records = [MAKE[name](TO, 1, rcpt_type=None), MAKE[name]("carol@customer.example", 2, rcpt_type="cc")]
    case = audited(tmp_path, name, lines(*records))
    assert len(case.read("exposed_messages")) == len(case.read("possible_messages")) == 0


@pytest.mark.slow
def test_a_posted_form_is_evidence_too(tmp_path: Path) -> None:
    case = audited(tmp_path, "mandrill", b"mandrill_events=" + quote_plus(json.dumps(evidence_of("mandrill", HIDDEN))).encode())
    (row,) = case.read("exposed_messages").to_dict("records")
    assert (row["verdict"], row["proof"]) == ("confirmed", "delivered")
