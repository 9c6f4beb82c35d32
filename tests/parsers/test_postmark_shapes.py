"""Usual records of Postmark are read by the pattern of one before: what that says is what the long way says."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from typing import Any

import pytest
import support
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.jsonstream import Record, frames
from forensics.model import Defect, Fragment, Span
from forensics.parsers.postmark import PARSER, reading, swift
from forensics.parsers.postmark.shapes import LISTS
from forensics.plugins import Record as Said

ADDRESSES = ["bob@customer.example", "Ann.Lee@Corp.example", "bo+x@customer.example", "archive@collector.example"]


def carefully(data: bytes) -> list[Said]:
    """What is said without any short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "swift", lambda *_: None)
        patch.setattr(reading, "plan", lambda *_: None)
        return support.read(PARSER, data)


def by_pattern(data: bytes) -> int:
    """How many records were told by a pattern."""
    count = 0
    sent, fetched, delivered = swift._planned_row, swift._planned_fetch, swift._planned_delivery

    def counted(make: Any) -> Any:
        def made(*given: Any) -> Any:
            nonlocal count
            found = make(*given)
            count += found is not None
            return found

        return made

    with pytest.MonkeyPatch.context() as patch:
        for name, make in (("_planned_row", sent), ("_planned_fetch", fetched), ("_planned_delivery", delivered)):
            patch.setattr(swift, name, counted(make))
        support.read(PARSER, data)
    return count


uuids = st.uuids().map(str)
addresses = st.sampled_from(ADDRESSES)
stamps = st.sampled_from(
    ["2025-09-17T10:03:12.8054242-04:00", "2025-09-17T10:03:12.0000000-04:00", "2025-09-17T14:03:12Z", "2025-09-17T14:03:12", "later", "2025-09-17T10:03:12.805424-05:00"]
)  # fmt: skip
texts = st.text(max_size=8) | st.sampled_from(["smtp;250 OK", '250 "x" \\ <b>', "Grüße 😀", "\ud83d", "in reply to end of DATA"])
tags = st.none() | st.just("") | st.text(max_size=4)
metadata = st.sampled_from([{}, {"a": "b"}, {"a": 1, "b": None}, {"é": "\u2028"}])
deliveries = st.fixed_dictionaries({
    "RecordType": st.just("Delivery"), "ServerID": st.integers(0, 10**9), "MessageStream": st.sampled_from(["outbound", "x"]), "MessageID": uuids | st.just(swift._NULL),
    "Recipient": addresses | st.just("two@a.example, three@b.example"), "Tag": tags, "DeliveredAt": stamps, "Details": texts, "Metadata": metadata,
})  # fmt: skip
fetches = st.fixed_dictionaries({
    "RecordType": st.sampled_from(["Open", "Click"]), "MessageStream": st.just("outbound"), "MessageID": uuids, "Recipient": addresses, "Tag": tags, "ReceivedAt": stamps,
    "FirstOpen": st.booleans() | st.none(), "Platform": st.sampled_from(["Desktop", "WebMail", None]), "UserAgent": texts, "ClickLocation": st.just("HTML") | st.none(),
    "Geo": st.sampled_from([{}, {"IP": "192.0.2.1"}, {"IP": None, "City": "Köln"}, {"IP": 7}]), "Client": st.just({"Name": "x"}), "Metadata": metadata,
})  # fmt: skip
boxes = st.lists(st.fixed_dictionaries({"Email": addresses, "Name": texts | st.none()}), max_size=2)
files = st.lists(st.sampled_from(["a.pdf", "ü.txt", ""]), max_size=2)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    to, cc, bcc = draw(boxes), draw(boxes), draw(boxes)
    listed = [one["Email"] for one in [*to, *cc, *bcc]]
    return {
        "MessageID": draw(uuids), "MessageStream": draw(st.sampled_from(["outbound", "other"])), "To": to, "Cc": cc, "Bcc": bcc,
        "Recipients": draw(st.sampled_from([listed, listed, listed, listed[1:], [*listed, ADDRESSES[0]]])), "ReceivedAt": draw(stamps),
        "From": draw(st.sampled_from(['"Acme, Ltd" <billing@acme.example>', "billing@acme.example", "nobody"])), "Subject": draw(texts), "Attachments": draw(files),
        "Status": draw(st.sampled_from(["Sent", "Blocked"])), "TrackOpens": draw(st.booleans()), "TrackLinks": "None", "Metadata": draw(metadata), "Tag": draw(tags),
        "Sandboxed": draw(st.booleans()),
    }  # fmt: skip


def written(values: list[dict[str, Any]], form: str, layout: dict[str, Any], *, ascii_only: bool) -> bytes:
    pieces = [json.dumps(one, ensure_ascii=ascii_only, **layout) for one in values]
    if form == "ndjson":
        return "\n".join(pieces).encode("utf-8", "surrogatepass")
    joined = ",\n".join(pieces)
    return (f'{{"TotalCount":{len(values)},"Messages":[{joined}]}}' if form == "page" else f"[{joined}]").encode(
        "utf-8", "surrogatepass"
    )


layouts = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 2}])


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(deliveries | fetches | rows(), max_size=12),
    st.sampled_from(["ndjson", "page", "array"]),
    layouts,
    st.booleans(),
    st.data(),
)
def test_all_ways_say_the_same(
    values: list[dict[str, Any]], form: str, layout: dict[str, Any], ascii_only: bool, data: st.DataObject
) -> None:
    whole = written(values, form, layout, ascii_only=ascii_only)
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, max(len(changed) - 1, 0)))
        changed[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(
                [
                    b"",
                    b'"',
                    b":",
                    b" ",
                    b"{",
                    b"}",
                    b"\\",
                    b",",
                    b"\xff",
                    b"\xc3\xa4",
                    b'"Tag":"x",',
                    b"\n",
                    b"0",
                    b"-",
                    b"\x1d",
                    b"\0",
                    b'"IP":"192.0.2.9",',
                ]
            )
        )
    for one in (whole, bytes(changed)):
        assert support.read(PARSER, one, block=data.draw(st.integers(1, 2_000))) == carefully(one)


DELIVERY = {
    "RecordType": "Delivery", "ServerID": 23, "MessageStream": "outbound", "MessageID": "@", "Recipient": "bob@customer.example", "Tag": "",
    "DeliveredAt": "2025-09-17T10:03:12.8054242-04:00", "Details": "250 ok", "Metadata": {},
}  # fmt: skip
OPEN = {
    "RecordType": "Open", "MessageStream": "outbound", "MessageID": "@", "Recipient": "bob@customer.example", "Tag": None, "ReceivedAt": "2025-09-17T10:03:12-04:00",
    "FirstOpen": True, "Platform": "Desktop", "UserAgent": "x/1 (y)", "Geo": {"IP": "192.0.2.1"}, "Client": {"Name": "z"}, "Metadata": {},
}  # fmt: skip
ROW: dict[str, Any] = {
    "MessageID": "@", "To": [{"Email": "bob@customer.example", "Name": "Bob"}], "Cc": [], "Bcc": [], "Recipients": ["bob@customer.example"], "Tag": None,
    "ReceivedAt": "2025-09-17T10:03:12.8054242-04:00", "From": '"Acme" <billing@acme.example>', "Subject": "Grüße", "MessageStream": "outbound", "Status": "Sent",
    "TrackOpens": True, "TrackLinks": "None", "Metadata": {}, "Sandboxed": False, "Attachments": ["a.pdf"],
}  # fmt: skip


def identity(number: int) -> str:
    return f"3f2b8c1e-5c1e-4a77-9d10-{number:012x}"


def many(example: dict[str, Any], count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{**example, "MessageID": identity(number)} for number in range(first, first + count)]


@pytest.mark.parametrize(
    "example",
    [DELIVERY, OPEN, {**OPEN, "RecordType": "Click", "ClickLocation": "HTML"}, ROW],
    ids=lambda one: one.get("RecordType", "row"),
)
@pytest.mark.parametrize("layout", [{}, {"separators": (",", ":")}, {"indent": 2}])
def test_nearly_all_go_by_the_pattern(example: dict[str, Any], layout: dict[str, Any]) -> None:
    data = written(many(example, 200), "ndjson", layout, ascii_only=False)
    assert by_pattern(data) >= 190
    assert support.read(PARSER, data) == carefully(data)


def test_kinds_that_take_turns_all_go_by_their_pattern() -> None:
    mixed = [one for turn in zip(many(DELIVERY, 100), many(OPEN, 100), many(ROW, 100), strict=True) for one in turn]
    data = written(mixed, "ndjson", {}, ascii_only=True)
    assert by_pattern(data) >= 290
    assert support.read(PARSER, data) == carefully(data)


def test_one_odd_record_at_the_head_does_not_make_all_slow() -> None:
    odd = [{**ROW, "MessageID": identity(0), "Recipients": ["else@customer.example"]}]
    assert by_pattern(written([*odd, *many(ROW, 200, 1)], "page", {}, ascii_only=False)) >= 190


def test_streams_of_a_page_are_counted_by_the_pattern_too() -> None:
    for streams, scope in ((["outbound"], "outbound"), (["outbound", "other"], "")):
        values = [{**one, "MessageStream": streams[number % len(streams)]} for number, one in enumerate(many(ROW, 50))]
        (total, *_) = support.statements(PARSER, written(values, "page", {}, ascii_only=False))
        assert (total.kind, total.value, total.rows, total.scope) == ("total", 50, 50, scope)


def test_hostile_lists_fill_no_cache() -> None:
    long = [{"Email": f"a{number}@customer.example", "Name": "x" * 300} for number in range(40)]
    values = [
        {
            **one,
            "To": [{**each, "Email": f"{number}.{each['Email']}"} for each in long],
            "Recipients": [f"{number}.{each['Email']}" for each in long],
        }
        for number, one in enumerate(many(ROW, 400))
    ]
    data = written(values, "ndjson", {}, ascii_only=False)
    tracemalloc.start()
    count = sum(isinstance(one, Fragment) for one in PARSER.read(support.MemorySource(Span("e", "", 0, -1), "x", data)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, len(data) > 6_000_000) == (400, True)
    assert peak < 16_000_000


def test_long_runs_of_one_character_take_no_time() -> None:
    good = written(many(ROW, 5), "ndjson", {}, ascii_only=False)
    with affordable(10):
        for junk in (
            b'{"MessageID":"' + b"a" * 300_000,
            b'{"MessageID": "' + identity(1).encode() + b'", "To": [' + b'{"Email":"a"},' * 30_000,
            b"[" * 90_000,
        ):
            support.read(PARSER, good + b"\n" + junk + b"\n" + good)


# --- control characters, NULs and lone surrogates: every record is found, or there is a defect in its place

CONTROLS = [
    b"\x1d",
    b"\x1c",
    b"\0",
    b"\x1e",
    b"\x0b",
    b"\x7f",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xed\xa0\xbd",
    b"\\ud83d",
    b"\\u0000",
    b"\x1a\r\n",
    b"\xef\xbb\xbf",
]


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([DELIVERY, OPEN, ROW]), min_size=1, max_size=8),
    st.sampled_from(["ndjson", "array", "page"]),
    st.booleans(),
    st.data(),
)
def test_no_control_character_loses_a_record(
    kinds: list[dict[str, Any]], form: str, ascii_only: bool, data: st.DataObject
) -> None:
    values = [{**one, "MessageID": identity(number)} for number, one in enumerate(kinds)]
    whole = bytearray(written(values, form, {}, ascii_only=ascii_only))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole)))
        whole[at:at] = data.draw(st.sampled_from(CONTROLS))
    mangled = bytes(whole)
    records = support.read(PARSER, mangled)
    assert records == carefully(mangled)
    found = [one.observation for one in records if isinstance(one, Fragment)]
    lost = [one.span for one in records if isinstance(one, Defect)]
    assert len(found) <= len(values)
    starts = [mangled.find(identity(number).encode()) for number in range(len(values))]
    for number, start in enumerate(starts):
        is_found = f"{identity(number)}@mtasv.net" in [one.message_id for one in found]
        assert is_found or lost, number
        if start >= 0 and not is_found:
            assert any(one.start <= start < one.end or one.end == len(mangled) for one in lost)
    tally = records[-1]
    assert not isinstance(tally, (Fragment, Defect))
    met = [one for one in frames([mangled], LISTS) if isinstance(one, Record) or hasattr(one, "reason")]
    assert tally.value == len(met)


@pytest.mark.parametrize("between", CONTROLS)
@pytest.mark.parametrize("count", [1, 40])
def test_characters_between_records_cost_none(between: bytes, count: int) -> None:
    pieces = [json.dumps(one).encode() for one in many(DELIVERY, count)]
    data = (b"\n" + between + b"\n").join([*pieces, b""])
    records = support.read(PARSER, data)
    assert sum(isinstance(one, Fragment) for one in records) == count
    is_blank = not between.strip(b" \t\r\n,\x1e")
    assert sum(isinstance(one, Defect) for one in records) == (0 if is_blank else count)


@pytest.mark.parametrize("inside", ["\x1d", "\0", "\x1e", "\x7f", "\x85", "\u2028"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_characters_inside_of_a_text_are_part_of_it(inside: str, ascii_only: bool) -> None:
    values = [{**one, "Subject": f"a{inside}b"} for one in many(ROW, 20)]
    raw = written(values, "page", {}, ascii_only=ascii_only)
    for data in (raw, raw.replace(json.dumps(inside).encode()[1:-1], inside.encode())):
        assert [one.subject for one in support.observations(PARSER, data)] == [f"a{inside}b"] * 20
        assert support.defects(PARSER, data) == []


def test_records_of_the_pattern_are_values_like_others() -> None:
    quick = support.observations(PARSER, written(many(ROW, 9), "ndjson", {}, ascii_only=False))
    assert dataclasses.replace(quick[-1], subject="x") != quick[-1]
    assert hash(quick[-1]) == hash(dataclasses.replace(quick[-1]))
