"""Microsoft 365 message trace: each form, each status, times of any country, and cells of any kind."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, defects, observations, read, statements

import forensics
from forensics.model import Defect, Direction, Fragment, Observation, Route, Span, Statement
from forensics.parsers.m365_trace import PARSER
from forensics.parsers.m365_trace.times import is_day_first, trace_time
from forensics.plugins import discover

SAMPLES = sorted((FORMATS / "m365_trace").iterdir())
EXFIL = "phan@giftshop.club"
TRACE = "11111111-2222-3333-4444-08ddf5a1b2c1"
BASE: dict[str, Any] = {
    "MessageTraceId": TRACE, "MessageId": "<m1@acme.example>", "Received": "2025-09-18T09:11:44.0664242", "SenderAddress": "app@acme.example",
    "RecipientAddress": EXFIL, "Subject": "Order 1", "Status": "Delivered", "FromIP": "192.0.2.10", "ToIP": None, "Size": 12345,
}  # fmt: skip
SUMMARY: dict[str, Any] = {
    "origin_timestamp_utc": "2025-09-18T09:11:44.0660000Z", "sender_address": "app@acme.example", "recipient_status": f"{EXFIL}##Receive, Send",
    "message_subject": "Order 1", "total_bytes": "20480", "message_id": "<m1@acme.example>", "network_message_id": TRACE, "directionality": "2",
}  # fmt: skip
EXTENDED: dict[str, Any] = {
    "date_time_utc": "2025-09-18T09:11:44.500Z", "source": "SMTP", "event_id": "RECEIVE", "message_id": "<m1@acme.example>",
    "network_message_id": TRACE, "recipient_address": EXFIL, "recipient_status": "", "related_recipient_address": "",
    "sender_address": "app@acme.example", "directionality": "Originating",
}  # fmt: skip


def table(*rows: dict[str, Any], base: dict[str, Any] | None = None, encoding: str = "utf-8", end: str = "\r\n") -> bytes:
    base = BASE if base is None else base
    out = io.StringIO()
    writer = csv.DictWriter(out, list(base), lineterminator=end)
    writer.writeheader()
    for row in rows:
        writer.writerow(base | row)
    return out.getvalue().encode(encoding)


def page(*rows: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"@odata.context": "x#MessageTrace", "value": [BASE | row for row in rows], **fields}).encode()


def copies(data: bytes) -> list[tuple[str, str]]:
    return [(r.address, r.outcome.value) for one in observations(PARSER, data) for r in one.recipients]


def reasons(data: bytes) -> list[str]:
    return [one.reason for one in defects(PARSER, data)]


def only(data: bytes) -> Observation:
    (one,) = observations(PARSER, data)
    return one


# --- outcomes


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("Delivered", "delivered"), ("delivered", "delivered"), ("Failed", "bounced"), ("Pending", "deferred"), ("Quarantined", "deferred"),
        ("Expanded", "accepted"), ("Resolved", "accepted"), ("FilteredAsSpam", "accepted"), ("Filtered as spam", "accepted"),
        ("GettingStatus", "accepted"), ("Getting status", "accepted"), ("None", "accepted"),
    ],
)  # fmt: skip
def test_what_a_status_says(status: str, outcome: str) -> None:
    for data in (table({"Status": status}), page({"Status": status})):
        assert copies(data) == [(EXFIL, outcome)]
        assert defects(PARSER, data) == []


@pytest.mark.parametrize("status", ["Undelivered", "Delivered?", "Zugestellt"])
def test_an_unknown_status_is_told_and_proves_no_failure(status: str) -> None:
    data = table({"Status": status})
    assert copies(data) == [(EXFIL, "accepted")]
    assert reasons(data) == ["a status is one that this version does not know"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (f"a@b.example##Receive, Send;{EXFIL}##Receive, Deliver", [("a@b.example", "delivered"), (EXFIL, "delivered")]),
        (f"{EXFIL}##Receive, Fail", [(EXFIL, "bounced")]),
        (f"{EXFIL}##Receive, Fail, Deliver", [(EXFIL, "delivered")]),
        (f"{EXFIL}##Receive, Deliver, Fail", [(EXFIL, "delivered")]),
        (f"{EXFIL}##Receive, Fail, Defer", [(EXFIL, "deferred")]),
        (f"{EXFIL}##Receive", [(EXFIL, "accepted")]),
        (f"{EXFIL}##", [(EXFIL, "accepted")]),
        (f" {EXFIL} ## receive,send ;", [(EXFIL, "delivered")]),
        ("g_p.example#EXT#@acme.example##Receive, Deliver", [("g_p.example#ext#@acme.example", "delivered")]),
        ('"x;y"@b.example##Receive, Send;c@d.example##Receive', [('"x;y"@b.example', "delivered"), ("c@d.example", "accepted")]),
    ],
)
def test_recipients_of_a_summary(cell: str, expected: list[tuple[str, str]]) -> None:
    data = table({"recipient_status": cell}, base=SUMMARY)
    assert copies(data) == expected
    assert defects(PARSER, data) == []


@pytest.mark.parametrize(
    ("cell", "reason", "kept"),
    [
        (EXFIL, "a recipient of a row has no status", 1),
        ("##Receive, Send", "a status of a row has no recipient", 0),
        (f"{EXFIL}##Teleport", "a status is one that this version does not know", 1),
        (f'"{EXFIL}##Receive;a@b.example##Send', "", 2),  # a quote that stays open parts at all semicolons
    ],
)
def test_odd_recipients_of_a_summary(cell: str, reason: str, kept: int) -> None:
    data = table({"recipient_status": cell}, base=SUMMARY)
    assert (reasons(data), len(copies(data))) == ([reason] if reason else [], kept)


@pytest.mark.parametrize(
    ("row", "expected", "original"),
    [
        ({}, [(EXFIL, "accepted")], ""),
        ({"event_id": "SENDEXTERNAL"}, [(EXFIL, "delivered")], ""),
        ({"event_id": "DELIVER"}, [(EXFIL, "delivered")], ""),
        ({"event_id": "FAIL"}, [(EXFIL, "bounced")], ""),
        ({"event_id": "DEFER"}, [(EXFIL, "deferred")], ""),
        ({"event_id": "HARECEIVE"}, [], ""),
        ({"event_id": "AGENTINFO", "recipient_address": ""}, [], ""),
        ({"event_id": "EXPAND", "related_recipient_address": "All@acme.example"}, [(EXFIL, "accepted")], "all@acme.example"),
        ({"event_id": "REDIRECT", "related_recipient_address": "bob@acme.example"}, [(EXFIL, "accepted")], "bob@acme.example"),
        ({"event_id": "SEND", "related_recipient_address": "bob@acme.example"}, [(EXFIL, "delivered")], ""),
    ],
)  # fmt: skip
def test_events_of_an_extended_report(row: dict[str, Any], expected: list[tuple[str, str]], original: str) -> None:
    data = table(row, base=EXTENDED)
    assert copies(data) == expected
    assert {r.original for one in observations(PARSER, data) for r in one.recipients} <= {original}
    forwarded = [dict(one.facts).get("forwarded") for one in observations(PARSER, data)]
    assert forwarded == ([("redirect" if row.get("event_id") == "REDIRECT" else None)] if expected else [])


def test_replies_go_to_the_recipient_they_are_about_or_to_none() -> None:
    two = {"event_id": "SENDEXTERNAL", "recipient_address": f"a@b.example;{EXFIL}"}
    for status, replies in (("250 one;250 two", ["250 one", "250 two"]), ("250 one; and;250 two", ["", ""])):
        one = only(table(two | {"recipient_status": status}, base=EXTENDED))
        assert [r.reply for r in one.recipients] == replies


def test_a_late_event_is_told_as_late_and_stands_at_its_copy() -> None:
    one = only(table({"event_id": "FAIL", "date_time_utc": "2025-09-20T00:00:00Z"}, base=EXTENDED))
    assert [(r.clock, r.slack) for r in one.readings] == [("syslog", 432_000)]
    assert one.recipients[0].at == datetime(2025, 9, 20, tzinfo=UTC)


# --- messages


def test_rows_of_one_message_join_and_none_is_dropped() -> None:
    data = table({}, {"RecipientAddress": "ann@customer.example"}, {})
    found = observations(PARSER, data)
    assert [one.ids for one in found] == [(f"queue:exchange/{TRACE}",)] * 3
    assert copies(data) == [(EXFIL, "delivered"), ("ann@customer.example", "delivered"), (EXFIL, "delivered")]


@pytest.mark.parametrize(
    ("value", "ids"),
    [("{" + TRACE.upper() + "}", (f"queue:exchange/{TRACE}",)), ("00000000-0000-0000-0000-000000000000", ()), ("", ())],
)
def test_trace_ids(value: str, ids: tuple[str, ...]) -> None:
    assert only(table({"MessageTraceId": value})).ids == ids


@pytest.mark.parametrize(
    ("fields", "direction"),
    [
        ({}, Direction.UNKNOWN),
        ({"Organization": "ACME.example"}, Direction.SUBMITTED),
        ({"Organization": "acme.onmicrosoft.example"}, Direction.UNKNOWN),
        ({"Organization": "acme.example", "SenderAddress": "x@notacme.example"}, Direction.UNKNOWN),
        ({"directionality": "1", "Organization": "acme.example"}, Direction.RECEIVED),
        ({"directionality": 2}, Direction.SUBMITTED),
        ({"directionality": "3"}, Direction.UNKNOWN),
    ],
)
def test_who_submitted(fields: dict[str, Any], direction: Direction) -> None:
    one = only(page(fields))
    assert (one.direction, one.route, one.header_known, one.server) == (direction, Route.SMTP, False, "exchange-online")


def test_the_null_sender_is_none() -> None:
    assert only(table({"SenderAddress": "<>"})).sender == ""


def test_a_subject_that_a_summary_cuts_is_not_taken_for_one() -> None:
    assert only(table({"message_subject": "x" * 255}, base=SUMMARY)).subject == "x" * 255
    assert only(table({"message_subject": "x" * 256}, base=SUMMARY)).subject == ""


@pytest.mark.parametrize(("text", "size"), [("20480", 20_480), ("2 KB", -1), ("1234\x1d", -1), ("-5", -1), ("", -1)])
def test_sizes_and_addresses_as_found(text: str, size: int) -> None:
    one = only(table({"Size": text, "RecipientAddress": "P\u00e4ul@B\u00fccher.example"}))
    assert one.size == size
    assert [(r.address, r.written) for r in one.recipients] == [
        ("p\u00e4ul@xn--bcher-kva.example", "P\u00e4ul@B\u00fccher.example")
    ]


# --- times


@pytest.mark.parametrize(
    ("text", "order", "expected", "slack"),
    [
        ("2025-09-18T09:11:44.0664242", None, "2025-09-18T09:11:44.066424", 0),
        ("2025-09-18T09:11:44Z", None, "2025-09-18T09:11:44", 0),
        ("2025-09-18T11:11:44+02:00", None, "2025-09-18T09:11:44", 0),
        ("2025-09-18 09:11:44", None, "2025-09-18T09:11:44", 0),
        ("9/18/2025 2:11:44 PM", None, "2025-09-18T14:11:44", 0),
        ("9/18/2025 12:11:44 AM", None, "2025-09-18T00:11:44", 0),
        ("18/09/2025 14:11:44", None, "2025-09-18T14:11:44", 0),
        ("18.09.2025 14:11:44", None, "2025-09-18T14:11:44", 0),
        ("08.09.2025 14:11:44", None, "2025-09-08T14:11:44", 0),
        ("08-09-2025 14:11", None, "2025-09-08T14:11:00", 0),
        ("9/8/2025 2:11:44 PM", None, "2025-09-08T14:11:44", 30 * 86_400),
        ("8/9/2025 14:11:44", None, "2025-09-08T14:11:44", 30 * 86_400),
        ("8/9/2025 14:11:44", False, "2025-08-09T14:11:44", 0),
        ("9/8/2025 2:11:44 PM", True, "2025-08-09T14:11:44", 0),
        ("9/9/2025 2:11:44 PM", None, "2025-09-09T14:11:44", 0),
        ("/Date(1758186704066)/", None, "2025-09-18T09:11:44.066000", 14 * 3600),
        ("\\/Date(1758186704066+0000)\\/", None, "2025-09-18T09:11:44.066000", 14 * 3600),
    ],
)
def test_times(text: str, order: bool | None, expected: str, slack: int) -> None:
    found = trace_time(text, day_first=order)
    assert found is not None
    assert (found.at, found.slack, found.clock) == (datetime.fromisoformat(expected + "+00:00"), slack, "received_at")


@pytest.mark.parametrize(
    "text", ["", "soon", "9/18/25 2:11 PM", "31/31/2025 10:00:00", "9/18/2025 13:11:44 PM", "0/9/2025 1:00 PM", "/Date(99999999999999999)/", "18.09/2025 10:00:00"]
)  # fmt: skip
def test_no_times(text: str) -> None:
    assert trace_time(text) is None


def test_the_web_service_s_own_epoch_is_exact() -> None:
    data = json.dumps({"d": {"results": [{"__metadata": {}, **BASE, "Received": "/Date(1758186704066)/"}]}}).encode()
    assert [(r.at.second, r.slack) for r in only(data).readings] == [(44, 0)]
    assert [r.slack for r in only(page({"Received": "/Date(1758186704066)/"})).readings] == [14 * 3600]


def test_one_date_of_a_file_tells_the_order_of_all() -> None:
    rows = [{"Received": "9/8/2025 14:11:44"}, {"Received": "9/18/2025 14:11:44"}]
    for written in (rows, rows[::-1]):
        days = {(r.at.month, r.at.day, r.slack) for one in observations(PARSER, table(*written)) for r in one.readings}
        assert days == {(9, 8, 0), (9, 18, 0)}
    ((alone,),) = [one.readings for one in observations(PARSER, table(rows[0]))]
    assert alone.slack > 0
    assert is_day_first("9/8/2025 14:11:44") is None


# --- pages and tables


@pytest.mark.parametrize(
    ("fields", "cut"),
    [({"@odata.nextLink": "https://graph.example/?$skiptoken=1"}, 1), ({"odata.nextLink": "x"}, 1), ({"@odata.nextLink": ""}, 0), ({"@odata.nextLink": None}, 0), ({}, 0)],
)  # fmt: skip
def test_an_answer_that_names_a_further_page_says_so(fields: dict[str, Any], cut: int) -> None:
    found = [one for one in statements(PARSER, page({}, {}, **fields)) if one.kind == "cut"]
    assert [(one.scope, one.value, one.rows) for one in found] == [("exchange-online", 1, 2)] * cut


def test_only_the_last_page_of_a_file_can_lack_a_next_one() -> None:
    first, last = page({}, **{"@odata.nextLink": "x"}), page({})
    assert [one.kind for one in statements(PARSER, first + b"\n" + last)] == ["tally"]
    assert [one.kind for one in statements(PARSER, last + b"\n" + first)] == ["cut", "tally"]


@pytest.mark.parametrize(("rows", "told"), [(1, False), (999, False), (1_000, True), (1_001, False), (5_000, True)])
def test_a_full_export_may_be_cut(rows: int, told: bool) -> None:
    full = "the export ends at a full number of rows: further rows may have been cut off"
    assert reasons(table(*[{}] * rows)) == [full] * told
    assert reasons(json.dumps([BASE] * rows).encode()) == [full] * told
    assert reasons(page(*[{}] * rows)) == []  # a page would name the next one


def test_an_empty_answer_is_no_absence() -> None:
    data = json.dumps(
        {"@odata.context": "https://graph.example/$metadata#admin/exchange/tracing/messageTraces", "value": []}
    ).encode()
    assert PARSER.sniff(data, "")
    assert next((one.kind, one.note) for one in statements(PARSER, data)) == ("empty", "value")
    assert not PARSER.sniff(json.dumps({"@odata.context": "https://graph.example/$metadata#users", "value": []}).encode(), "")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(encoding: str, end: str) -> None:
    data = table({"message_subject": 'Grüße, "zwei"\nZeilen'}, {}, base=SUMMARY, encoding=encoding, end=end)
    assert PARSER.sniff(data, "") is True
    assert [one.subject for one in observations(PARSER, data)] == ['Grüße, "zwei"\nZeilen', "Order 1"]
    assert defects(PARSER, data) == []


def test_a_powershell_type_line_and_repeated_headers_are_passed() -> None:
    data = b"#TYPE Selected.MessageTrace\r\n" + table({}) + table({"RecipientAddress": "a@b.example"})
    assert PARSER.sniff(data, "") is True
    assert [address for address, _ in copies(data)] == [EXFIL, "a@b.example"]
    assert statements(PARSER, data)[-1].value == 2


_HOSTILE = [
    f'"\r\n{TRACE},<x@y.example>,2025-09-18T09:11:44,a@b.example,forged@collector.example,s,Delivered,,,1',
    '","forged@collector.example',
    "\r\nMessageTraceId,MessageId,Received",
    '"',
    "\0\x1b[31m",
]


@pytest.mark.parametrize("text", _HOSTILE)
@pytest.mark.parametrize("place", ["Subject", "MessageId", "FromIP", "SenderAddress"])
def test_text_of_strangers_names_no_recipient_and_hides_none(place: str, text: str) -> None:
    data = table({place: text}, {"RecipientAddress": "ann@customer.example"})
    assert [address for address, _ in copies(data)] == [EXFIL, "ann@customer.example"]


def test_a_quote_that_does_not_end_costs_one_line() -> None:
    good = table({}, {"RecipientAddress": "ann@customer.example"})
    lines = good.split(b"\r\n")
    data = b"\r\n".join([lines[0], lines[1], b'x,"open,2025', lines[2], b""])
    assert [address for address, _ in copies(data)] == [EXFIL, "ann@customer.example"]
    assert reasons(data) == ["a quoted field of a row does not end; the line may be cut"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"Received": "soon"}, "the time of a row cannot be read"),
        ({"Received": None}, "the time of a row cannot be read"),
        ({"RecipientAddress": ""}, "a row names no recipient"),
        ({"Size": "many"}, "fields of an unexpected form, read as far as possible: size"),
        ({"Status": 7}, "fields of an unexpected form, read as far as possible: status"),
    ],
)
def test_what_cannot_be_read_is_told(row: dict[str, Any], reason: str) -> None:
    assert reason in reasons(page(row))


# --- laws


@pytest.mark.parametrize("kind", ["csv", "json", "odata2", "utf16"])
def test_a_cut_file_keeps_every_whole_record_before_the_cut(kind: str) -> None:
    rows = [{}, {"RecipientAddress": "ann@customer.example"}, {"Status": "Failed"}]
    if kind == "json":
        data = page(*rows)
    elif kind == "odata2":
        data = json.dumps({"d": {"results": [{"__metadata": {"uri": "x"}, **BASE, **row} for row in rows]}}).encode()
    else:
        data = table(*rows, encoding="utf-16" if kind == "utf16" else "utf-8")
    whole = observations(PARSER, data)
    assert (len(whole), defects(PARSER, data)) == (3, [])
    for cut in range(0, len(data), 2 if kind == "utf16" else 1):  # half a letter is a letter of its own
        kept = observations(PARSER, data[:cut])
        spans = [(one.span.start, one.span.end) for one in whole if one.span.end <= cut]
        assert [(one.span.start, one.span.end) for one in kept][: len(spans)] == spans
        assert len(kept) <= len(spans) + (kind in {"csv", "utf16"})  # the last cell of a row may be cut within
        said = read(PARSER, data[:cut])
        assert said[-1].kind == "tally" if isinstance(said[-1], Statement) else False


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.sampled_from([EXFIL, "/Date(1)/", "##"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.sampled_from([BASE, SUMMARY, EXTENDED]), st.data(), _JSON)
def test_any_value_in_any_field_raises_nothing(base: dict[str, Any], draw: st.DataObject, value: Any) -> None:
    name = draw.draw(st.sampled_from(sorted(base)))
    data = json.dumps([base | {name: value}, BASE]).encode()
    found = read(PARSER, data)
    assert any(isinstance(one, Fragment) and one.observation.span.start > 100 for one in found)
    assert all(EXFIL not in one.reason for one in found if isinstance(one, Defect))
    PARSER.sniff(data, "")


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"Subject": st.text(max_size=30), "RecipientAddress": st.sampled_from([EXFIL, '"x;y"@b.example', "a@b.example", ""])}
        ),
        max_size=8,
    )
)
def test_every_row_is_an_observation_or_a_defect(rows: list[dict[str, Any]]) -> None:
    clean = [
        row | {"Subject": row["Subject"].replace("\r", " ").replace("\0", "").encode("utf-8", "replace").decode()} for row in rows
    ]
    data = table(*clean)
    named = [row["RecipientAddress"] for row in clean if row["RecipientAddress"]]
    assert [address for address, _ in copies(data)] == named
    assert reasons(data) == ["a row names no recipient"] * (len(rows) - len(named))
    assert statements(PARSER, data)[-1].value == len(rows)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([table({}), page({}), b'"', b"\n", b"{", b'{"d":']), max_size=6))
def test_no_bytes_raise(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert statements(PARSER, data)[-1].kind == "tally"
    PARSER.sniff(data, "")


# --- recognition


@pytest.mark.parametrize(
    ("head", "ours"),
    [
        (table({}), True), (table({}, base=SUMMARY), True), (table({}, base=EXTENDED), True), (page({}), True),
        (json.dumps(BASE).encode(), True), (json.dumps([BASE]).encode(), True), (json.dumps(SUMMARY).encode(), True),
        (b"", False), (b"SenderAddress,RecipientAddress\n", False), (b"SenderAddress,RecipientAddress,Status\n", False),
        (b"Sender address,Recipient address,Status,Message ID,Received (UTC)\n", True),
        (b"#Fields: date-time,event-id,recipient-address,sender-address,network-message-id\n", False),
        (json.dumps({"senderAddress": "a", "recipientAddress": "b"}).encode(), False), (json.dumps({"value": [{"id": 1}]}).encode(), False),
    ],
)  # fmt: skip
def test_what_is_ours(head: bytes, ours: bool) -> None:
    assert PARSER.sniff(head, "MTSummary.csv") is ours


def test_a_broken_first_record_hides_no_format() -> None:
    record = json.dumps(BASE).encode() + b"\n"
    assert PARSER.sniff(b'{"a": nonsense}\n' + record, "") is True
    assert PARSER.sniff(b'{"a": nonsense}\n{"b": 1}\n' + record, "") is False


def test_no_other_parser_claims_our_samples_nor_we_theirs() -> None:
    parsers = [one.plugin for one in discover("parsers") if one.plugin is not None]
    for place in SAMPLES:
        assert [one.name for one in parsers if one.sniff(place.read_bytes()[:65536], place.name)] == ["m365_trace"]
    for place in FORMATS.glob("*/*"):
        if place.parent.name != "m365_trace":
            assert not PARSER.sniff(place.read_bytes()[:65536], place.name), place


# --- end to end


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "csv", "summary"])
def test_an_audit_finds_the_indicator_with_its_proof(tmp_path: Path, form: str) -> None:
    evidence, policy = tmp_path / "evidence", tmp_path / "policy.toml"
    evidence.mkdir()
    policy.write_text('[organisation]\ndomains = ["acme.example"]\n', encoding="utf-8")
    other = TRACE.replace("1", "7")
    rows = [
        {},
        {"RecipientAddress": "ann@customer.example"},
        {"MessageTraceId": other, "MessageId": "<m2@acme.example>", "Status": "Failed"},
    ]
    if form == "summary":
        failed = {"recipient_status": f"{EXFIL}##Receive, Fail", "message_id": "<m2@acme.example>", "network_message_id": other}
        both = {"recipient_status": f"ann@customer.example##Receive, Send;{EXFIL}##Receive, Send"}
        (evidence / "summary.csv").write_bytes(table(both, failed, base=SUMMARY, encoding="utf-16"))
    else:
        data = page(*rows, **{"@odata.nextLink": "x"}) if form == "json" else table(*rows)
        (evidence / f"trace.{form}").write_bytes(data)
    mail = "From: app@acme.example\nTo: ann@customer.example\nSubject: Order 1\nMessage-ID: <m1@acme.example>\n\nhello\n"
    (evidence / "sent.eml").write_text(mail, encoding="utf-8")
    options = forensics.Options(workers=1)
    case = forensics.audit(evidence, out=tmp_path / "case", incident="postmark-mcp", policy=policy, options=options)
    (exposed,) = case.read("exposed_messages").to_dict("records")
    assert (exposed["message_key"], exposed["verdict"], exposed["proof"]) == ("m1@acme.example", "confirmed", "delivered")
    (lost,) = case.read("not_delivered").to_dict("records")
    assert (lost["message_key"], lost["proof"]) == ("m2@acme.example", "attempted")
    (address,) = case.read("unexpected_recipients").to_dict("records")
    assert (address["address"], int(address["blind"])) == (EXFIL, 1)  # the mail itself tells the header of the first
    rows_told = [row for row in case.read("coverage").to_dict("records") if row["source"] == "m365_trace"]
    assert "covered" not in {row["status"] for row in rows_told}
    assert any("the export continues on a page that is not here" in row["note"] for row in rows_told) is (form == "json")


def test_offsets_are_those_of_the_file() -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        data = table({}, {"RecipientAddress": "ann@customer.example"}, encoding=encoding)
        spans: list[Span] = [one.span for one in observations(PARSER, data)]
        assert all(
            "192.0.2.10" in data[one.start : one.end].decode("utf-16-le" if encoding == "utf-16" else "utf-8") for one in spans
        )
