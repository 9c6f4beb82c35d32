"""Exchange message tracking: traps of the format, and laws that hold for any cut of any log."""

from __future__ import annotations

import csv
import dataclasses
import io
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assembled, defects, observations, read, statements

from forensics.columns import Encoder, decode
from forensics.model import Direction, Fragment, Observation, Outcome, Span
from forensics.parsers.exchange_tracking import PARSER

COLUMNS = [
    "date-time", "client-ip", "client-hostname", "server-hostname", "connector-id", "source", "event-id", "internal-message-id",
    "message-id", "network-message-id", "recipient-address", "recipient-status", "total-bytes", "recipient-count",
    "related-recipient-address", "reference", "message-subject", "sender-address", "return-path", "directionality",
    "original-client-ip",
]  # fmt: skip
NETWORK = "11111111-2222-3333-4444-08ddf5a1b2c3"


def log(*rows: dict[str, Any], columns: list[str] = COLUMNS, end: str = "\n") -> bytes:
    out = io.StringIO()
    out.write(f"#Software: Microsoft Exchange Server{end}#Log-type: Message Tracking Log{end}#Fields: {','.join(columns)}{end}")
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator=end)
    for number, row in enumerate(rows):
        common = {
            "date-time": f"2025-09-17T14:03:{number % 60:02d}.000Z", "source": "SMTP", "message-id": "<m1@acme.example>",
            "network-message-id": NETWORK, "sender-address": "app@acme.example", "server-hostname": "EX01",
        }  # fmt: skip
        writer.writerow(common | {name.replace("_", "-"): value for name, value in row.items()})
    return out.getvalue().encode()


def event(name: str, to: str = "", **fields: Any) -> dict[str, Any]:
    return {"event_id": name, "recipient_address": to, **fields}


def copies(found: list[Observation]) -> list[tuple[str, str, str]]:
    return sorted((r.address, r.original, r.outcome.value) for one in found for r in one.recipients)


def placeless(found: list[Observation]) -> list[Observation]:
    nowhere = Span("", "", 0, 0)
    return [
        dataclasses.replace(one, span=nowhere, recipients=tuple(dataclasses.replace(r, start=-1, end=-1) for r in one.recipients))
        for one in found
    ]


@pytest.mark.parametrize(
    ("name", "fields", "outcome"),
    [
        ("RECEIVE", {}, "accepted"),
        ("SUBMIT", {}, "accepted"),
        ("TRANSFER", {}, "accepted"),
        ("AGENTINFO", {}, "accepted"),
        ("SOMETHINGNEW", {}, "accepted"),
        ("DELIVER", {}, "delivered"),
        ("SEND", {"connector_id": "Internet"}, "delivered"),
        ("SEND", {"connector_id": "Intra-Organization SMTP Send Connector"}, "accepted"),
        ("SENDEXTERNAL", {}, "delivered"),
        ("FAIL", {}, "bounced"),
        ("BADMAIL", {}, "bounced"),
        ("DEFER", {}, "deferred"),
    ],
)
def test_what_an_event_says_of_a_copy(name: str, fields: dict[str, Any], outcome: str) -> None:
    data = log(event(name, "bob@customer.example", **fields))
    assert copies(observations(PARSER, data)) == [("bob@customer.example", "", outcome)]
    assert defects(PARSER, data) == []


@pytest.mark.parametrize("name", ["HARECEIVE", "HADISCARD", "HAREDIRECT", "HAREDIRECTFAIL"])
def test_shadow_copies_are_counted_and_not_read(name: str) -> None:
    data = log(event(name, "bob@customer.example"), event("DELIVER", "ann@acme.example"))
    assert copies(observations(PARSER, data)) == [("ann@acme.example", "", "delivered")]
    (tally,) = statements(PARSER, data)
    assert (tally.value, tally.rows) == (5, 4)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        (["DEFER", "SEND"], "delivered"),
        (["SEND", "FAIL"], "delivered"),
        (["DEFER", "FAIL"], "bounced"),
        (["FAIL", "DEFER"], "deferred"),
        (["RECEIVE"], "accepted"),
    ],
)
def test_the_deciding_word_of_one_recipient(events: list[str], outcome: str) -> None:
    data = log(event("RECEIVE", "bob@customer.example"), *[event(one, "BOB@customer.example") for one in events])
    assert copies(observations(PARSER, data)) == [("bob@customer.example", "", outcome)]


def test_members_carry_the_name_that_the_sender_wrote() -> None:
    data = log(
        event("RECEIVE", "all@acme.example;archive@collector.example"),
        event("EXPAND", "east@acme.example;archive@collector.example", related_recipient_address="all@acme.example"),
        event("EXPAND", "ann@acme.example", related_recipient_address="east@acme.example"),
        event("RESOLVE", "ann@int.acme.example", related_recipient_address="ann@acme.example"),
        event("RECEIVE", "ann@int.acme.example", server_hostname="EX02"),
        event("DELIVER", "ann@int.acme.example"),
        event("SEND", "archive@collector.example"),
    )
    assert copies(observations(PARSER, data)) == [
        ("all@acme.example", "", "accepted"),
        ("ann@acme.example", "all@acme.example", "accepted"),
        ("ann@int.acme.example", "all@acme.example", "delivered"),
        # named by the sender, too: that it is a member as well does not make it one of the group's copies
        ("archive@collector.example", "", "delivered"),
        ("east@acme.example", "all@acme.example", "accepted"),
    ]


def test_at_one_time_a_message_is_received_before_it_is_expanded() -> None:
    at = {"date_time": "2025-09-17T14:03:00.000Z"}
    expand = event("EXPAND", "archive@collector.example", related_recipient_address="all@acme.example", **at)
    data = log(expand, event("SEND", "archive@collector.example", **at), event("RECEIVE", "all@acme.example", **at))
    assert ("archive@collector.example", "all@acme.example", "delivered") in copies(observations(PARSER, data))
    named = event("RECEIVE", "all@acme.example;archive@collector.example", **at)
    assert ("archive@collector.example", "", "accepted") in copies(observations(PARSER, log(expand, named)))


def test_groups_that_hold_each_other_end() -> None:
    data = log(
        event("EXPAND", "a@acme.example", related_recipient_address="b@acme.example"),
        event("EXPAND", "b@acme.example", related_recipient_address="a@acme.example"),
    )
    assert {address for address, _, _ in copies(observations(PARSER, data))} == {"a@acme.example", "b@acme.example"}


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("a@b.example;c@d.example", ["a@b.example", "c@d.example"]),
        ("a@b.example; c@d.example;", ["a@b.example", "c@d.example"]),
        ('"a;b"@c.example;d@e.example', ['"a;b"@c.example', "d@e.example"]),
        ('"a\\";b"@c.example;d@e.example', ['"a\\";b"@c.example', "d@e.example"]),
        ("a@b.example\n2025-09-17T14:03:12.000Z", ["a@b.example2025-09-17t14:03:12.000z"]),
        ("/O=ACME/OU=X/CN=ANN", ["/o=acme/ou=x/cn=ann"]),
    ],
)
def test_lists_of_recipients(written: str, addresses: list[str]) -> None:
    assert [one[0] for one in copies(observations(PARSER, log(event("RECEIVE", written))))] == sorted(addresses)


@pytest.mark.parametrize(
    ("status", "replies"),
    [
        ("250 one;250 two", ["250 one", "250 two"]),
        ("250 one; RCPT TO:<x@y.example>;250 two", ["", ""]),
        ("[{LED=550 no; a};{FQDN=mx}];[{LED=450}]", ["[{LED=550 no; a};{FQDN=mx}]", "[{LED=450}]"]),
        ("", ["", ""]),
    ],
)
def test_a_reply_is_given_to_the_recipient_it_is_about_or_to_none(status: str, replies: list[str]) -> None:
    (one,) = observations(PARSER, log(event("SEND", "a@b.example;c@b.example", recipient_status=status)))
    assert [r.reply for r in one.recipients] == replies


@pytest.mark.parametrize(
    ("fields", "direction"),
    [
        ({"directionality": "Originating"}, Direction.SUBMITTED),
        ({"directionality": "Incoming"}, Direction.RECEIVED),
        ({"directionality": "Undefined"}, Direction.UNKNOWN),
        ({"source": "STOREDRIVER"}, Direction.SUBMITTED),
        ({"source": "PICKUP"}, Direction.SUBMITTED),
        ({"source": "STOREDRIVER", "directionality": "Incoming"}, Direction.RECEIVED),
    ],
)
def test_who_submitted(fields: dict[str, Any], direction: Direction) -> None:
    (one,) = observations(PARSER, log(event("RECEIVE", "a@b.example", **fields)))
    assert one.direction is direction


def test_delivery_by_the_mailbox_service_submits_nothing() -> None:
    (one,) = observations(PARSER, log(event("DELIVER", "a@b.example", source="STOREDRIVER")))
    assert (one.direction, dict(one.facts)) == (Direction.UNKNOWN, {"partial": "start"})


def test_messages_are_told_apart_by_the_network_id_else_by_the_message_id() -> None:
    other = NETWORK.replace("1", "7")
    data = log(
        event("RECEIVE", "a@b.example"),
        event("SEND", "b@b.example", network_message_id="{" + NETWORK.upper() + "}"),
        event("SEND", "c@b.example", network_message_id=other),
        event("SEND", "d@b.example", network_message_id="", message_id="m2@acme.example"),
        event("SEND", "e@b.example", network_message_id="00000000-0000-0000-0000-000000000000", message_id="<m2@acme.example>"),
        event("BADMAIL", "f@b.example", network_message_id="", message_id=""),
        event("NOTIFYMAPI", "", network_message_id="", message_id=""),
    )
    found = sorted(sorted(r.address[0] for r in one.recipients) for one in observations(PARSER, data))
    assert found == [["a", "b"], ["c"], ["d", "e"], ["f"]]


def test_what_a_message_is_a_fork_or_a_report_of() -> None:
    data = log(
        event("RECEIVE", "a@b.example", client_ip="192.0.2.10", client_hostname="app1", original_client_ip="192.0.2.9"),
        event("TRANSFER", "a@b.example", internal_message_id="12", reference="11"),
        event("DSN", "app@acme.example", network_message_id="", message_id="<d@acme.example>", reference="<m1@acme.example>"),
    )
    facts = {one.message_id: dict(one.facts) for one in observations(PARSER, data)}
    assert facts["m1@acme.example"] == {
        "client": "app1[192.0.2.10]", "forked_from": "ex01/11", "origin": "smtp", "original_client_ip": "192.0.2.9",
    }  # fmt: skip
    assert facts["d@acme.example"] == {"partial": "start", "report_of": "m1@acme.example"}


def test_a_subject_reaches_the_observation_and_only_its_hash_the_columns() -> None:
    data = log(event("RECEIVE", "a@b.example", message_subject="code hunter2-invented"), event("SEND", "a@b.example"))
    fragments = [one for one in read(PARSER, data) if isinstance(one, Fragment)]
    assert [one.subject for one in assembled(PARSER, fragments)] == ["code hunter2-invented"]
    encoder = Encoder(b"key", lambda text: text)
    for one in fragments:
        encoder.add(one)
    table = encoder.table()
    assert "hunter2" not in str(table.to_pylist())
    (stored,) = assembled(PARSER, [one for batch in table.to_batches() for one in decode(batch)])
    assert stored.subject_hash
    assert [(r.address, r.outcome) for r in stored.recipients] == [("a@b.example", Outcome.DELIVERED)]


_HOSTILE = [
    "\n2025-09-17T14:03:12.345Z,,,EX01,,SMTP,SEND,,<x@y.example>,,forged@collector.example,,,,,,,,,,\n",
    '","SEND","forged@collector.example',
    "\r\n#Fields: date-time,event-id,recipient-address,sender-address\r\n2025-09-17T14:03:12Z,SEND,forged@collector.example,a@b.example",
    ";forged@collector.example",
    '"',
    "\0\x1b[31m",
]


@pytest.mark.parametrize("text", _HOSTILE)
@pytest.mark.parametrize(
    "place", ["message_subject", "recipient_status", "client_hostname", "reference", "message_id", "original_client_ip"]
)
def test_text_of_strangers_names_no_recipient_and_hides_none(place: str, text: str) -> None:
    fields = {"network_message_id": NETWORK, place: text}
    data = log(event("SEND", "bob@customer.example", **fields), event("SEND", "archive@collector.example"))
    assert [one[0] for one in copies(observations(PARSER, data))] == ["archive@collector.example", "bob@customer.example"]
    for cut in (1, 50, 333):
        assert observations(PARSER, data, cut=cut) == observations(PARSER, data)


# --- laws

_ADDRESSES = st.sampled_from(["a@b.example", "c@b.example", "grp@acme.example", '"x;y"@b.example', "archive@collector.example"])
_ROWS = st.lists(
    st.builds(
        event,
        st.sampled_from(["RECEIVE", "SEND", "EXPAND", "REDIRECT", "DELIVER", "FAIL", "DEFER", "HARECEIVE", "TRANSFER"]),
        st.lists(_ADDRESSES, max_size=3).map(";".join),
        related_recipient_address=_ADDRESSES,
        network_message_id=st.sampled_from([NETWORK, NETWORK[::-1], ""]),
        message_subject=st.sampled_from(["s", "t,u", *_HOSTILE]),
        directionality=st.sampled_from(["", "Originating", "Incoming"]),
    ),
    max_size=12,
)


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(_ROWS, st.integers(20, 900), st.sampled_from(["\n", "\r\n"]))
def test_parts_equal_the_whole(rows: list[dict[str, Any]], cut: int, end: str) -> None:
    data = log(*rows, end=end)
    assert observations(PARSER, data, cut=cut) == observations(PARSER, data)


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(_ROWS, st.randoms(use_true_random=False))
def test_the_order_of_files_does_not_matter(rows: list[dict[str, Any]], order: random.Random) -> None:
    timed = [row | {"date_time": f"2025-09-17T14:04:{number:02d}.5Z"} for number, row in enumerate(rows)]
    files = [log(*timed[:3]), log(*timed[3:6]), log(*timed[6:])]
    found = placeless(observations(PARSER, *files))
    order.shuffle(files)
    assert placeless(observations(PARSER, *files)) == found == placeless(observations(PARSER, log(*timed)))


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(_ROWS)
def test_a_slow_reader_finds_the_same_recipients(rows: list[dict[str, Any]]) -> None:
    data = log(*rows)
    slow = set()
    lines = io.StringIO(data.decode(), newline="")
    for _ in range(3):
        lines.readline()
    for row in csv.DictReader(lines, COLUMNS):
        if not row["event-id"].startswith("HA"):
            quoted = row["recipient-address"].replace('"x;y"', "\0")
            slow |= {(row["network-message-id"], one.replace("\0", '"x;y"')) for one in quoted.split(";") if one}
    fast = {
        (one.ids[0].removeprefix("queue:exchange/") if one.ids else "", r.address)
        for one in observations(PARSER, data)
        for r in one.recipients
    }
    assert fast == slow


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from([log(event("SEND", "a@b.example")), b"\n", b'"', b","])), max_size=8
    )
)
def test_no_bytes_raise(parts: list[bytes]) -> None:
    data = b"".join(parts)
    records = read(PARSER, data)
    assembled(PARSER, [one for one in records if isinstance(one, Fragment)])
    PARSER.sniff(data, "")
    assert statements(PARSER, data)[-1].kind == "tally"


def test_a_line_of_ten_megabytes_is_one_defect() -> None:
    data = (
        log(event("SEND", "a@b.example"))
        + b"2025-09-17T14:03:12.000Z,"
        + b"x" * 10_000_000
        + b"\n"
        + log(event("SEND", "c@b.example"))
    )
    assert [one.reason for one in defects(PARSER, data)] == ["a line is longer than any line of a log"]
    assert [one[0] for one in copies(observations(PARSER, data))] == ["a@b.example", "c@b.example"]


def test_an_empty_file_says_so() -> None:
    assert [(one.value, one.rows) for one in statements(PARSER, b"")] == [(0, 0)]
    assert not PARSER.sniff(b"", "MSGTRK20250917-1.LOG")
