"""Google Workspace: Email Log Search and Gmail logs of BigQuery, what each event says, and cells of any kind."""

from __future__ import annotations

import copy
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
from forensics.model import Defect, Direction, Fragment, Observation, Route
from forensics.parsers.google_log import PARSER
from forensics.plugins import discover

SAMPLES = sorted((FORMATS / "google_log").iterdir())
EXFIL = "phan@giftshop.club"
BASE: dict[str, Any] = {
    "Message ID": "<g1@acme.example>", "Start date": "2025-09-18 09:11:44 UTC", "End date": "2025-09-18 09:11:50 UTC",
    "Sender": "ann@acme.example", "Message size": "20480", "Subject": "Order 1", "Direction": "Outgoing", "Recipient address": EXFIL,
    "Event target": "SMTP_OUT", "Event date": "2025-09-18 09:11:47 UTC", "Event status": "Delivered", "Event SMTP reply code": "250",
    "Event description": "2.0.0 OK",
}  # fmt: skip
LOGGED: dict[str, Any] = {
    "event_info": {"timestamp_usec": "1758186704000000", "success": True, "mail_event_type": "2"},
    "message_info": {
        "rfc2822_message_id": "<g1@acme.example>", "subject": "Order 1", "source": {"address": "b+1@acme.example", "from_header_address": "ann@acme.example"},
        "destination": [{"address": EXFIL, "service": "smtp-outbound"}, {"address": "bob@customer.example"}],
        "connection_info": {"smtp_out_connect_ip": "192.0.2.99", "smtp_reply_code": "250", "smtp_response_reason": "OK"},
    },
}  # fmt: skip


def table(*rows: dict[str, Any], without: tuple[str, ...] = (), encoding: str = "utf-8", end: str = "\n") -> bytes:
    columns = [name for name in BASE if name not in without]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator=end)
    writer.writeheader()
    for row in rows:
        writer.writerow(BASE | row)
    return out.getvalue().encode(encoding)


def logged(event: dict[str, Any] | None = None, **message: Any) -> dict[str, Any]:
    found = copy.deepcopy(LOGGED)
    found["event_info"] |= event or {}
    found["message_info"] |= message
    return found


def lines(*records: Any) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in records).encode()


def only(data: bytes) -> Observation:
    (one,) = observations(PARSER, data)
    return one


def copies(data: bytes) -> list[tuple[str, str]]:
    return [(r.address, r.outcome.value) for one in observations(PARSER, data) for r in one.recipients]


def reasons(data: bytes) -> list[str]:
    return [one.reason for one in defects(PARSER, data)]


# --- Email Log Search


@pytest.mark.parametrize(
    ("target", "status", "code", "outcome"),
    [
        ("SMTP_OUT", "Delivered", "250", "delivered"),
        ("SMTP_OUT", "Delivered", "", "delivered"),
        ("GMAIL_INBOX", "Delivered", "", "delivered"),
        ("SMTP_IN", "Delivered", "250", "accepted"),  # Google took it: no more
        ("smtp_in", "Delivered", "", "accepted"),
        ("", "Delivered", "", "accepted"),  # nothing tells by whom
        ("SMTP_OUT", "", "250", "delivered"),
        ("SMTP_OUT", "", "451", "deferred"),
        ("SMTP_OUT", "", "550", "bounced"),
        ("SMTP_IN", "", "550", "rejected"),
        ("SMTP_OUT", "", "", "accepted"),
        ("SMTP_OUT", "", "250 ok", "accepted"),
        ("SMTP_OUT", "Bounced", "550", "bounced"),
        ("SMTP_IN", "Rejected", "550", "rejected"),
        ("SMTP_OUT", "Transient error", "451", "deferred"),
        ("GMAIL_INBOX", "Quarantined", "", "deferred"),
        ("GMAIL_INBOX", "Dropped", "", "suppressed"),
    ],
)
def test_what_a_row_says(target: str, status: str, code: str, outcome: str) -> None:
    data = table({"Event target": target, "Event status": status, "Event SMTP reply code": code})
    assert copies(data) == [(EXFIL, outcome)]
    assert defects(PARSER, data) == []


@pytest.mark.parametrize("status", ["Undelivered", "Not delivered", "Zugestellt"])
def test_an_unknown_status_is_told(status: str) -> None:
    data = table({"Event status": status, "Event SMTP reply code": ""})
    assert copies(data) == [(EXFIL, "accepted")]
    assert reasons(data) == ["a status is one that this version does not know"]


@pytest.mark.parametrize(
    ("text", "slack"),
    [
        ("2025-09-18 09:11:44 UTC", 0), ("2025-09-18T09:11:44Z", 0), ("2025/09/18 09:11:44 UTC", 0), ("2025/09/18 09:11:44 GMT", 0),
        ("2025-09-18 11:11:44 +0200", 0), ("2025-09-18T02:11:44-07:00", 0), ("2025-09-18 09:11:44", 14 * 3600),
        ("2025/09/18 09:11:44", 14 * 3600), ("Thu, 18 Sep 2025 09:11:44 +0000", 0),
    ],
)  # fmt: skip
def test_times(text: str, slack: int) -> None:
    one = only(table({"Start date": text}))
    assert [(r.clock, r.at, r.slack) for r in one.readings] == [
        ("received_at", datetime(2025, 9, 18, 9, 11, 44, tzinfo=UTC), slack)
    ]
    assert one.recipients[0].at == datetime(2025, 9, 18, 9, 11, 47, tzinfo=UTC)


@pytest.mark.parametrize("text", ["soon", "09/10/2025 09:11:44", ""])
def test_a_time_that_cannot_be_read_is_told(text: str) -> None:
    data = table({"Start date": text})
    assert "the time of a message is not known" in reasons(data)
    assert only(data).readings == ()


@pytest.mark.parametrize(
    ("fields", "direction", "forwarded"),
    [
        ({}, Direction.SUBMITTED, None),
        ({"Direction": "INCOMING"}, Direction.RECEIVED, None),
        ({"Direction": "Internal"}, Direction.SUBMITTED, None),
        ({"Direction": "?"}, Direction.UNKNOWN, None),
        ({"Direction": "Incoming", "Event description": "Forwarded by user setting"}, Direction.RECEIVED, "described"),
    ],
)
def test_who_submitted_and_what_was_forwarded(fields: dict[str, str], direction: Direction, forwarded: str | None) -> None:
    one = only(table(fields))
    assert (one.direction, dict(one.facts).get("forwarded"), one.header_known) == (direction, forwarded, False)
    assert (one.route, one.message_id, one.sender) == (Route.SMTP, "g1@acme.example", "ann@acme.example")


@pytest.mark.parametrize(
    ("without", "told"),
    [
        ((), []),
        (("Message size", "Event description", "Event SMTP reply code"), []),
        (("Sender", "Start date"), ["the table lacks columns, or names them in another language: Sender, Start date"]),
        (
            ("Event date", "Event target"),
            ["the table lacks columns, or names them in another language: Event date, Event target"],
        ),
    ],
)
def test_missing_columns_are_named_once(without: tuple[str, ...], told: list[str]) -> None:
    data = table({}, {}, without=without)
    assert (reasons(data), len(copies(data))) == (told, 2)


def test_rows_of_one_message_join_and_none_is_dropped() -> None:
    data = table({}, {"Recipient address": "bob@customer.example"}, {})
    assert copies(data) == [(EXFIL, "delivered"), ("bob@customer.example", "delivered"), (EXFIL, "delivered")]
    assert {one.message_id for one in observations(PARSER, data)} == {"g1@acme.example"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(encoding: str, end: str) -> None:
    data = table({"Subject": 'Grüße, "zwei"\nZeilen'}, {}, encoding=encoding, end=end)
    assert PARSER.sniff(data, "") is True
    assert [one.subject for one in observations(PARSER, data)] == ['Grüße, "zwei"\nZeilen', "Order 1"]
    assert defects(PARSER, data) == []


_HOSTILE = [
    '"\n<x@y.example>,2025-09-18 09:11:44 UTC,,a@b.example,1,s,Outgoing,forged@collector.example,SMTP_OUT,,Delivered,250,',
    '","forged@collector.example',
    "\nMessage ID,Recipient address,Event status\n",
    '"',
    "\0\x1b[31m",
]


@pytest.mark.parametrize("text", _HOSTILE)
@pytest.mark.parametrize("place", ["Subject", "Message ID", "Event description", "Sender"])
def test_text_of_strangers_names_no_recipient_and_hides_none(place: str, text: str) -> None:
    data = table({place: text}, {"Recipient address": "bob@customer.example"})
    assert [address for address, _ in copies(data)] == [EXFIL, "bob@customer.example"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'x,"open', "a quoted field of a row does not end; the line may be cut"),
        (b"a,b,c", "a row has more or fewer fields than columns are named; the line may be cut"),
        (b"x" * (2 << 20), "a line is longer than any line of a log"),
    ],
)
def test_a_broken_line_costs_itself(line: bytes, reason: str) -> None:
    rows = table({}, {"Recipient address": "bob@customer.example"}).split(b"\n")
    data = b"\n".join([rows[0], rows[1], line, rows[2], b""])
    assert [address for address, _ in copies(data)] == [EXFIL, "bob@customer.example"]
    assert reasons(data) == [reason]


def test_a_row_without_a_recipient_is_told() -> None:
    data = table({"Recipient address": ""}, {})
    assert (reasons(data), len(copies(data))) == (["a row names no recipient"], 1)


@pytest.mark.parametrize(("text", "size"), [("20480", 20_480), ("20 KB", -1), ("\u00b2", -1), ("1234\x1d", -1), ("", -1)])
def test_sizes_and_addresses_as_found(text: str, size: int) -> None:
    one = only(table({"Message size": text, "Recipient address": "P\u00e4ul@B\u00fccher.example"}))
    assert one.size == size
    assert [(r.address, r.written) for r in one.recipients] == [
        ("p\u00e4ul@xn--bcher-kva.example", "P\u00e4ul@B\u00fccher.example")
    ]


# --- BigQuery


@pytest.mark.parametrize(
    ("connection", "outcome"),
    [
        ({"smtp_out_connect_ip": "192.0.2.9", "smtp_reply_code": 250}, "delivered"),
        ({"smtp_in_connect_ip": "192.0.2.9", "smtp_reply_code": "250"}, "accepted"),
        ({"smtp_out_connect_ip": "192.0.2.9", "smtp_reply_code": "451"}, "deferred"),
        ({"smtp_out_connect_ip": "192.0.2.9", "smtp_reply_code": "550"}, "bounced"),
        ({"smtp_in_connect_ip": "192.0.2.9", "smtp_reply_code": "550"}, "rejected"),
        ({"smtp_out_connect_ip": "192.0.2.9", "smtp_reply_code": "0"}, "accepted"),
        ({"smtp_out_connect_ip": "192.0.2.9"}, "accepted"),
        ({}, "accepted"),
        (None, "accepted"),
    ],
)
def test_what_an_answer_says_of_all_copies(connection: Any, outcome: str) -> None:
    data = lines(logged(connection_info=connection))
    assert copies(data) == [(EXFIL, outcome), ("bob@customer.example", outcome)]
    assert defects(PARSER, data) == []


@pytest.mark.parametrize(
    ("code", "outcome"), [(550, "rejected"), ("450", "deferred"), (250, "delivered"), (0, "delivered"), (None, "delivered")]
)
def test_a_refused_recipient_is_refused_alone(code: Any, outcome: str) -> None:
    data = lines(logged(destination=[{"address": EXFIL, "rcpt_response": code}, {"address": "bob@customer.example"}]))
    assert copies(data) == [(EXFIL, outcome), ("bob@customer.example", "delivered")]


@pytest.mark.parametrize(
    ("kind", "forwarded"),
    [(10, "forwarded"), ("10", "forwarded"), (11, "auto-forwarded by account setting"), (1, None), (12, None), (None, None)],
)
def test_forwards_are_marked_and_are_our_side_s_doing(kind: Any, forwarded: str | None) -> None:
    one = only(lines(logged({"mail_event_type": kind})))
    facts = dict(one.facts)
    assert facts.get("forwarded") == forwarded
    assert (one.direction is Direction.SUBMITTED) is (forwarded is not None)
    # who wrote the mail is no sender of ours: the domain would be taken for one of the organisation's own
    expected = ("", "ann@acme.example") if forwarded else ("ann@acme.example", None)
    assert (one.sender, facts.get("original_sender")) == expected


def test_both_layouts_and_who_sent() -> None:
    for record in (logged(), {"event_type": "mail", "time_usec": "1", "gmail": logged()}):
        one = only(lines(record))
        assert (one.sender, one.envelope_sender, one.message_id) == ("ann@acme.example", "b+1@acme.example", "g1@acme.example")
        assert [(r.clock, r.slack) for r in one.readings] == [("syslog", 432_000)]  # an answer may come days later
        assert one.recipients[0].at == datetime(2025, 9, 18, 9, 11, 44, tzinfo=UTC)
        assert one.header_known is False


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"hello": 1}, "no record of a Gmail log that this version reads"),
        ({"message_info": 7, "event_info": {}}, "no record of a Gmail log that this version reads"),
        (logged(destination=[]), "message_info.destination names no recipient"),
        (logged(destination=[7]), "fields of an unexpected form, read as far as possible: message_info.destination"),
        (logged({"timestamp_usec": "soon"}), "fields of an unexpected form, read as far as possible: event_info.timestamp_usec"),
        (logged({"timestamp_usec": None}), "the time of an event cannot be read"),
        (logged({"timestamp_usec": 10**30}), "the time of an event cannot be read"),
        (logged({"timestamp_usec": True}), "the time of an event cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(record: dict[str, Any], reason: str) -> None:
    assert reason in reasons(lines(record))


def test_activities_of_other_products_are_counted() -> None:
    other = {"event_type": "login", "time_usec": "1", "gmail": None}
    data = lines(other, {"event_type": "mail", "time_usec": "1", "gmail": logged()})
    assert PARSER.sniff(data, "") is True
    assert (len(observations(PARSER, data)), defects(PARSER, data)) == (1, [])
    assert (statements(PARSER, data)[-1].value, statements(PARSER, data)[-1].rows) == (2, 1)


# --- laws


@pytest.mark.parametrize("kind", ["csv", "ndjson", "array"])
def test_a_cut_file_keeps_every_whole_record_before_the_cut(kind: str) -> None:
    if kind == "csv":
        data = table({}, {"Recipient address": "bob@customer.example"}, {"Event status": "Bounced"})
    else:
        records = [logged(), logged(subject="x"), logged()]
        data = lines(*records) if kind == "ndjson" else json.dumps(records, indent=1).encode()
    whole = observations(PARSER, data)
    assert (len(whole), defects(PARSER, data)) == (3, [])
    for cut in range(len(data)):
        kept = [one.span[2:] for one in observations(PARSER, data[:cut])]
        expected = [one.span[2:] for one in whole if one.span.end <= cut]
        assert kept[: len(expected)] == expected
        assert len(kept) <= len(expected) + (kind == "csv")  # the last cell of a row may be cut within


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.sampled_from([EXFIL, "11", "550"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["address", "smtp_reply_code", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_PLACES = [
    ("event_info",), ("message_info",), *(("event_info", key) for key in LOGGED["event_info"]), *(("message_info", key) for key in LOGGED["message_info"]),
    *(("message_info", "source", key) for key in LOGGED["message_info"]["source"]), ("message_info", "destination", 0),
    *(("message_info", "connection_info", key) for key in LOGGED["message_info"]["connection_info"]),
    ("message_info", "destination", 0, "address"), ("message_info", "destination", 0, "rcpt_response"), ("message_info", "attachment"),
    ("message_info", "payload_size"),
]  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(_PLACES), _JSON)
def test_any_value_in_any_field_raises_nothing(path: tuple[Any, ...], value: Any) -> None:
    record = copy.deepcopy(LOGGED)
    holder: Any = record
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    data = lines(record, LOGGED)
    found = read(PARSER, data)
    assert any(isinstance(one, Fragment) and one.observation.span.start > 0 for one in found)
    assert all(EXFIL not in one.reason for one in found if isinstance(one, Defect))
    PARSER.sniff(data, "")


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([table({}), lines(LOGGED), b'"', b"\n", b"{"]), max_size=6))
def test_no_bytes_raise(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert statements(PARSER, data)[-1].kind == "tally"
    PARSER.sniff(data, "")


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), st.sampled_from([EXFIL, '"x;y"@b.example', "a@b.example", ""])), max_size=8))
def test_every_row_is_an_observation_or_a_defect(rows: list[tuple[str, str]]) -> None:
    clean = [(text.replace("\r", " ").replace("\0", "").encode("utf-8", "replace").decode(), address) for text, address in rows]
    data = table(*({"Subject": text, "Recipient address": address} for text, address in clean))
    named = [address for _, address in clean if address]
    assert [address for address, _ in copies(data)] == named
    assert reasons(data) == ["a row names no recipient"] * (len(rows) - len(named))
    assert statements(PARSER, data)[-1].value == len(rows)


# --- recognition


@pytest.mark.parametrize(
    ("head", "ours"),
    [
        (table({}), True), (lines(LOGGED), True), (json.dumps([LOGGED]).encode(), True),
        (b"Message ID,Start date (UTC),Recipient address,Event status\n", True), (b"Message ID,Recipient address\n", False),
        (b"Message ID,Sender address,Recipient address,Event status\n", False),
        (b"Nachrichten-ID,Startdatum,Empf\xc3\xa4ngeradresse\n", False), (b"", False), (b"{}", False),
        (lines({"message_info": {}}), False), (lines({"message_info": "x", "event_info": "y"}), False),
        (lines(logged(subject="x" * 90_000))[:65536], True), (lines({"x": "message_info event_info" * 9_000})[:65536], False),
        (lines({"event_type": "login", "time_usec": "1"}), False),
    ],
)  # fmt: skip
def test_what_is_ours(head: bytes, ours: bool) -> None:
    assert PARSER.sniff(head, "EmailLogSearch.csv") is ours


def test_a_broken_first_record_hides_no_format() -> None:
    record = lines(LOGGED)
    assert PARSER.sniff(b'{"a": nonsense}\n' + record, "") is True
    assert PARSER.sniff(b'{"a": nonsense}\n{"b": 1}\n' + record, "") is False


def test_no_other_parser_claims_our_samples_nor_we_theirs() -> None:
    parsers = [one.plugin for one in discover("parsers") if one.plugin is not None]
    for place in SAMPLES:
        assert [one.name for one in parsers if one.sniff(place.read_bytes()[:65536], place.name)] == ["google_log"]
    for place in FORMATS.glob("*/*"):
        if place.parent.name != "google_log":
            assert not PARSER.sniff(place.read_bytes()[:65536], place.name), place


# --- end to end


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_audit_finds_the_indicator_with_its_proof(tmp_path: Path, form: str) -> None:
    evidence, policy = tmp_path / "evidence", tmp_path / "policy.toml"
    evidence.mkdir()
    policy.write_text('[organisation]\ndomains = ["acme.example"]\n', encoding="utf-8")
    if form == "csv":
        failed = {"Message ID": "<g2@acme.example>", "Event status": "Bounced", "Event SMTP reply code": "550"}
        data = table({}, {"Recipient address": "bob@customer.example"}, failed)
    else:
        refused = {"smtp_out_connect_ip": "192.0.2.99", "smtp_reply_code": "550"}
        only_one = [{"address": EXFIL}]
        data = lines(LOGGED, logged(rfc2822_message_id="<g2@acme.example>", connection_info=refused, destination=only_one))
    (evidence / f"log.{form}").write_bytes(data)
    mail = "From: ann@acme.example\nTo: bob@customer.example\nSubject: Order 1\nMessage-ID: <g1@acme.example>\n\nhello\n"
    (evidence / "sent.eml").write_text(mail, encoding="utf-8")
    options = forensics.Options(workers=1)
    case = forensics.audit(evidence, out=tmp_path / "case", incident="postmark-mcp", policy=policy, options=options)
    (exposed,) = case.read("exposed_messages").to_dict("records")
    assert (exposed["message_key"], exposed["verdict"], exposed["proof"]) == ("g1@acme.example", "confirmed", "delivered")
    (lost,) = case.read("not_delivered").to_dict("records")
    assert (lost["message_key"], lost["proof"]) == ("g2@acme.example", "attempted")
    (address,) = case.read("unexpected_recipients").to_dict("records")
    assert (address["address"], int(address["blind"])) == (EXFIL, 1)  # the mail itself tells the header of the first
    assert {row["status"] for row in case.read("coverage").to_dict("records") if row["source"] == "google_log"} <= {
        "partial",
        "gap",
    }


@pytest.mark.slow
def test_foreign_mail_that_an_account_forwards_to_an_indicator_is_exposed(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    source, to = {"address": "eve@partner.example"}, [{"address": EXFIL}]
    came = logged(source=source, destination=[{"address": "ann@acme.example"}], connection_info={})
    went = logged({"mail_event_type": 11}, source=source, destination=to)
    (evidence / "log.ndjson").write_bytes(lines(came, went))
    policy = tmp_path / "policy.toml"
    policy.write_text('[organisation]\ndomains = ["acme.example"]\n', encoding="utf-8")
    options = forensics.Options(workers=1)
    case = forensics.audit(evidence, out=tmp_path / "case", incident="postmark-mcp", policy=policy, options=options)
    (exposed,) = case.read("exposed_messages").to_dict("records")
    assert (exposed["verdict"], exposed["proof"], exposed["sender"]) == ("confirmed", "delivered", "eve@partner.example")
