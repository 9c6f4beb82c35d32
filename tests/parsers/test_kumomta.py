"""KumoMTA: what each kind of record says of its copies, batches, and fields of any type."""

from __future__ import annotations

import json
from typing import Any

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from log_forms import outcomes
from support import FORMATS, defects, observations, read, statements

from forensics.model import Defect, Direction, Observation, Role
from forensics.parsers.kumomta import PARSER

BASE: dict[str, Any] = {
    "type": "Delivery", "id": "d7ef132b5d7711eea8c8000c29330001", "sender": "app@acme.example", "recipient": "bob@customer.example",
    "queue": "customer.example", "size": 9, "response": {"code": 250, "content": "ok", "command": None}, "timestamp": 1758117792,
    "peer_address": {"name": "mx.customer.example", "addr": "192.0.2.25"}, "meta": {"token": "planted-secret"}, "headers": {},
    "reception_protocol": "ESMTP", "nodeid": "n1",
}  # fmt: skip
SAMPLES = sorted((FORMATS / "kumomta").glob("*.jsonl"))


def log(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(BASE | one) + "\n" for one in records).encode()


def only(data: bytes) -> Observation:
    (one,) = observations(PARSER, data)
    return one


def named(data: bytes) -> list[tuple[str, str]]:
    return outcomes(PARSER, data)


@pytest.mark.parametrize(
    ("kind", "command", "expected"),
    [
        ("Reception", None, "accepted"), ("Delivery", None, "delivered"), ("TransientFailure", None, "deferred"),
        ("TransientFailure", ".", "refused_after_data"), ("Bounce", "RCPT TO:<bob@customer.example>", "bounced"), ("Bounce", "DATA", "bounced"),
        ("Bounce", ".\r\n", "refused_after_data"), ("Expiration", ".", "bounced"), ("AdminBounce", None, "bounced"),
        ("XferIn", None, "accepted"), ("XferOut", None, "accepted"), ("Rejection", None, "rejected"), ("Delivery", ".", "delivered"),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(kind: str, command: str | None, expected: str) -> None:
    data = log({"type": kind, "response": {"code": 250, "content": "ok", "command": command}})
    assert named(data) == [("bob@customer.example", expected)]
    assert only(data).kind == ("reject" if kind == "Rejection" else "queue")


@pytest.mark.parametrize("kind", ["OOB", "Feedback", "AdminRebind", "DeferredInjectionRebind", "Delayed"])
def test_reports_of_other_messages_are_counted(kind: str) -> None:
    data = log({"type": kind})
    assert (named(data), defects(PARSER, data), statements(PARSER, data)[-1].rows) == ([], [], 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"type": "Teleport"}, "a record is of no kind that this version reads"),
        ({"type": 7}, "a record is of no kind that this version reads"),
        ({"recipient": None}, "a record names no recipient that can be read"),
        ({"recipient": [""]}, "a record names no recipient that can be read"),
        ({"timestamp": "soon"}, "the time of a record cannot be read"),
        ({"timestamp": True}, "the time of a record cannot be read"),
        ({"timestamp": 1e30}, "the time of a record cannot be read"),
        ({"recipient": ["bob@customer.example", 7]}, "fields of an unexpected form, read as far as possible: recipient"),
        ({"response": "250"}, "fields of an unexpected form, read as far as possible: response"),
    ],
)
def test_what_cannot_be_read_is_told(record: dict[str, Any], reason: str) -> None:
    assert [one.reason for one in defects(PARSER, log(record))] == [reason]


def test_a_batch_names_all_of_its_recipients() -> None:
    data = log({"recipient": ["a@customer.example", "X@Collector.example"]})
    assert named(data) == [("a@customer.example", "delivered"), ("x@collector.example", "delivered")]


def test_records_of_one_id_are_one_message_and_the_last_word_counts() -> None:
    records = [
        {"type": "Reception", "timestamp": 1758117792, "peer_address": {"name": "app1", "addr": "192.0.2.10"}},
        {"type": "TransientFailure", "timestamp": 1758117793},
        {"type": "Bounce", "timestamp": 1758117794},
    ]
    one = only(log(*records))
    assert [(r.address, r.outcome.value) for r in one.recipients] == [("bob@customer.example", "bounced")]
    assert one.ids == ("queue:kumomta/d7ef132b5d7711eea8c8000c29330001",)
    assert dict(one.facts) == {"client": "app1 192.0.2.10", "origin": "esmtp", "relay": "mx.customer.example 192.0.2.25"}


def test_a_message_whose_beginning_or_end_is_missing_says_so() -> None:
    for kind, expected in (("Delivery", "start"), ("Reception", "end")):
        assert dict(only(log({"type": kind})).facts)["partial"] == expected


def test_files_in_any_order_tell_the_same() -> None:
    records: list[dict[str, Any]] = [
        {"type": "Reception"},
        {"type": "TransientFailure", "timestamp": 1758117793},
        {"timestamp": 1758117799},
    ]
    files = [log(one) for one in records]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        (one,) = observations(PARSER, *(files[at] for at in order))
        assert [(r.address, r.outcome.value) for r in one.recipients] == [("bob@customer.example", "delivered")]
        assert one.readings[0].at.timestamp() == 1758117792


@pytest.mark.parametrize(
    ("headers", "known", "to"),
    [
        ({"To": "Bob <bob@customer.example>", "Cc": ""}, True, ["bob@customer.example"]),
        ({"to": "bob@customer.example", "CC": "c@customer.example"}, True, ["bob@customer.example", "c@customer.example"]),
        ({"To": "bob@customer.example"}, False, ["bob@customer.example"]),
        ({"To": ["bob@customer.example", "other@customer.example"], "Cc": ""}, False, ["bob@customer.example"]),
        ({"To": "bob@customer.example, x@", "Cc": ""}, False, ["bob@customer.example"]),
        ({"To": 7, "Cc": ""}, False, []),
        ({}, False, []),
    ],
)
def test_the_header_is_known_where_all_of_it_was_logged(headers: dict[str, Any], known: bool, to: list[str]) -> None:
    one = only(log({"headers": headers}))
    assert one.header_known is known
    assert [r.address for r in one.recipients if r.role is not Role.ENVELOPE] == to


def test_a_logged_header_names_message_and_author() -> None:
    one = only(
        log({"headers": {"Message-Id": "<m1@acme.example>", "From": "Ann <ann@acme.example>", "Subject": "=?utf-8?q?a?="}})
    )
    assert (one.message_id, one.sender, one.envelope_sender, one.subject) == (
        "m1@acme.example", "ann@acme.example", "app@acme.example", "a",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "kind", "submitted"), [("HTTP", "Reception", True), ("ESMTP", "Reception", False), ("HTTP", "Delivery", False)]
)
def test_the_injection_api_is_our_side(protocol: str, kind: str, submitted: bool) -> None:
    one = only(log({"reception_protocol": protocol, "type": kind}))
    assert one.direction is (Direction.SUBMITTED if submitted else Direction.UNKNOWN)


def test_nothing_of_the_operators_own_fields_is_kept() -> None:
    assert "planted-secret" not in repr(read(PARSER, log({}, {"type": "Reception"}, {"headers": {"X-Token": "planted-secret"}})))


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_any_encoding_tells_the_same(codec: str) -> None:
    plain = log({"recipient": "ann@müller.example"}, {"id": "2"})
    data = (b"\xfe\xff" if codec == "utf-16-be" else b"") + plain.decode().encode(codec)
    assert PARSER.sniff(data, "log")
    assert named(data) == named(plain) == [("ann@xn--mller-kva.example", "delivered"), ("bob@customer.example", "delivered")]
    for cut in (1, 50, 333):
        assert observations(PARSER, data, cut=cut) == observations(PARSER, data)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (log({}), True), (b"\n\n" + log({"type": "OOB"}), True), (log({"type": "Teleport"}), False), (log({"type": ["Delivery"]}), False),
        (b'{"type":"Delivery","id":"1","sender":"a@b.example"}\n', False), (b'["type"]', False), (b"", False), (log({})[:-5], False),
    ],
)  # fmt: skip
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "log") is expected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_log_split_into_files_tells_the_same_recipients(path: Any) -> None:
    rows = path.read_bytes().splitlines(keepends=True)
    for at in range(1, len(rows)):
        assert outcomes(PARSER, b"".join(rows[:at]), b"".join(rows[at:])) == named(b"".join(rows))


_JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.sampled_from(["Delivery", "a@b.example"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*BASE, "code", "to"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(list(BASE)), _JSON, max_size=4), max_size=4),
    st.binary(max_size=20),
    st.integers(1, 300),
)
def test_no_record_raises_and_every_line_counts(records: list[dict[str, Any]], tail: bytes, cut: int) -> None:
    data = log(*records) + tail
    PARSER.sniff(data, "")
    whole = read(PARSER, data)
    tally = statements(PARSER, data)[-1]
    told = {one.span.start if isinstance(one, Defect) else one.observation.span.start for one in whole[:-1]}  # type: ignore[union-attr]
    assert tally.value == tally.rows + len(told)
    assert observations(PARSER, data, cut=cut) == observations(PARSER, data)


def test_hostile_records_take_linear_time() -> None:
    with affordable(10):
        for record in (
            {"recipient": ["x" * 9] * 90_000},
            {"sender": "<" * 900_000},
            {"headers": {"To": "<" * 900_000, "Cc": "," * 90_000}},
        ):
            assert statements(PARSER, log(record))[-1].value == 1
        assert statements(PARSER, b"[" * 900_000 + b"\n" + b'{"a":' * 100_000)[-1].value == 2
