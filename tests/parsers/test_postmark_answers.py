"""Answers of Postmark's API kept with their HTTP heads: the JSON in them is read, in its place, whatever the heads claim."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
from typing import Any

import pytest
import support
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.model import Defect, Fragment, Observation, Span, Statement
from forensics.parsers.postmark import PARSER, body, sniff
from forensics.pipeline.first_pass import identify

TO = "bob@customer.example"


def uuid(number: int) -> str:
    return f"3f2b8c1e-5c1e-4a77-9d10-{number:012x}"


def details(number: int, text: str = "hello") -> dict[str, Any]:
    return {
        "TextBody": text, "MessageID": uuid(number), "To": [{"Email": TO, "Name": None}], "Cc": [], "Bcc": [], "Recipients": [TO],
        "ReceivedAt": "2025-09-17T10:03:12.8054242-04:00", "Subject": f"s{number}", "MessageStream": "outbound", "Status": "Sent",
    }  # fmt: skip


def page(*numbers: int) -> dict[str, Any]:
    rows = [{name: value for name, value in details(number).items() if name != "TextBody"} for number in numbers]
    return {"TotalCount": len(rows), "Messages": rows}


def raw(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def head(*fields: str, first: str = "HTTP/1.1 200 OK", end: str = "\r\n") -> bytes:
    return end.join([first, "Content-Type: application/json; charset=utf-8", *fields, "", ""]).encode()


def chunked(data: bytes, size: int, extension: bytes = b"") -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces) + b"0\r\n\r\n"


CHUNKS = "Transfer-Encoding: chunked"


def placeless(found: list[Observation]) -> list[Observation]:
    return [dataclasses.replace(each, span=Span("", "", 0, 0)) for each in found]


def plainly(*values: Any) -> list[Observation]:
    return placeless(support.observations(PARSER, b"\n".join(map(raw, values))))


@pytest.mark.parametrize(
    "data",
    [
        head() + raw(details(1)),
        head(end="\n") + raw(details(1)),
        head(first="HTTP/2 200") + raw(details(1)),
        head(first="HTTP/1.1 200 ") + raw(details(1)),
        b"\r\n" + head() + b"\r\n\r\n" + raw(details(1)) + b"\r\n",
        b"\xef\xbb\xbf" + head() + raw(details(1)),
        head('NEL: {"report_to":"cf","max_age":604800}', 'Report-To: {"endpoints":[{"url":"https://a.example/"}]}') + raw(details(1)),
        head("Content-Length: 5") + raw(details(1)),
        head("Content-Length: 99999999") + raw(details(1)),
        head("Content-Length: -1", "Content-Length: 0") + raw(details(1)),
        head(CHUNKS) + raw(details(1)),  # decoded already, as `curl -i` writes it
        head(CHUNKS) + chunked(raw(details(1)), 1 << 20),
        head(CHUNKS) + chunked(raw(details(1)), 7),
        head(CHUNKS) + chunked(raw(details(1)), 1),
        head("transfer-encoding: gzip, Chunked") + chunked(raw(details(1)), 50, b";name=value"),
        head(CHUNKS) + chunked(raw(details(1)), 40)[:-5],  # the last mark is cut off
        head(CHUNKS) + b"fffffff\r\n" + raw(details(1)),
        head("Content-Encoding: identity") + raw(details(1)),
        head(first="HTTP/1.1 100 Continue") + head() + raw(details(1)),
        head("X-Postmark-Server-Token: t0ken", "Host: api.postmarkapp.com", first="GET /messages/outbound/x/details HTTP/1.1") + head() + raw(details(1)),
    ],
)  # fmt: skip
def test_an_answer_is_read_like_the_json_in_it(data: bytes) -> None:
    assert sniff(data, "answer.txt")
    assert identify(data, "answer.txt") == ("postmark", "")
    for block in (1, 13, 1 << 20):
        assert placeless(support.observations(PARSER, data)) == plainly(details(1))
        records = support.read(PARSER, data, block=block)
        assert records == support.read(PARSER, data)
        assert [one for one in records if isinstance(one, Defect)] == []
        assert "t0ken" not in repr(records)
    (found,) = support.observations(PARSER, data)
    content = body(data[found.span.start : found.span.end], found.kind)
    assert (content.subject, [part.data for part in content.parts]) == ("s1", [b"hello"])
    if b"hunked" not in data:
        assert data[found.span.start : found.span.end] == raw(details(1))


def test_several_answers_keep_their_counts_and_places() -> None:
    second = head(CHUNKS) + chunked(raw(page(3, 4, 5)), 33)
    data = (
        head() + raw(page(1, 2)) + second + b"\n" + head("Content-Length: 3", end="\n") + raw(details(6)) + head() + raw(page())
    )
    found = support.observations(PARSER, data)
    assert [one.subject for one in found] == ["s1", "s2", "s3", "s4", "s5", "s6"]
    assert [one.span.start for one in found] == sorted({one.span.start for one in found})
    for one in found:
        assert body(data[one.span.start : one.span.end], one.kind).subject == one.subject
    told = [(one.kind, one.value, one.rows) for one in support.statements(PARSER, data)]
    assert told == [("total", 2, 2), ("total", 3, 3), ("total", 0, 0), ("empty", 0, 0), ("tally", 6, 0)]


def test_a_compressed_body_names_its_remedy_and_costs_no_neighbour() -> None:
    packed = head("Content-Encoding: gzip", "Host: api.postmarkapp.com") + gzip.compress(raw(page(9)))
    data = head() + raw(details(1)) + b"\n" + packed + b"\r\n" + head() + raw(details(2))
    records = support.read(PARSER, data)
    assert [one.observation.subject for one in records if isinstance(one, Fragment)] == ["s1", "s2"]
    (told,) = [one for one in records if isinstance(one, Defect)]
    assert "curl --compressed" in told.reason
    assert data[told.span.start : told.span.end].startswith(b"HTTP/1.1 200 OK")
    assert data[told.span.end :].startswith(b"HTTP/1.1 200 OK")
    assert sniff(packed, "x")
    (alone,) = [one for one in support.read(PARSER, packed) if isinstance(one, Defect)]
    assert alone.span[2:] == (0, len(packed))


def test_an_answer_of_an_error_is_one_defect() -> None:
    data = head(first="HTTP/1.1 401 Unauthorized") + raw({"ErrorCode": 10, "Message": "no"}) + head() + raw(page(1))
    assert [one.reason for one in support.defects(PARSER, data)] == ["the API's answer is an error"]
    assert len(support.observations(PARSER, data)) == 1


@pytest.mark.parametrize(
    "data",
    [
        head() + b"<html>",
        head(),
        head() + raw({"some": "other"}),
        head() + raw({"event": "delivered", "email": TO}),
        head("Content-Encoding: gzip") + gzip.compress(raw(page(1))),  # nothing says whose it is
        b"HTTP/1.1 200 OK, said the log\n" + b"x",
        b"Subject: HTTP/1.1 200 OK\r\n\r\n" + raw(page(1)),
        b"HTTP/1.1 2000 OK\r\n\r\n" + raw(page(1)),
        b"GET out\r\n\r\n" + raw(page(1)),
        b"> HTTP/1.1 200 OK\r\n\r\n" + raw(page(1)),
    ],
)
def test_what_is_no_answer_of_postmarks(data: bytes) -> None:
    assert not sniff(data, "answer.txt")


@pytest.mark.parametrize("text", ["HTTP/1.1 200 OK", "HTTP/1.1 200 OK\n\n", "GET /x HTTP/1.1\r\nA: b\r\n\r\n{}", "\r\n5\r\n"])
def test_a_head_inside_of_a_text_is_none(text: str) -> None:
    for data in (head() + raw(details(1, text)), head(CHUNKS) + chunked(raw(details(1, text)), 9)):
        (found,) = support.observations(PARSER, data)
        assert [part.data.decode() for part in body(data[found.span.start : found.span.end], "details").parts] == [text]


answers = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 5, 64, 5000]), st.sampled_from(["\r\n", "\n"]), st.booleans()), max_size=4
)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(
    answers,
    st.integers(1, 400),
    st.lists(st.sampled_from(["Content-Length: 7", "Content-Length: 7777777", "X: {[", CHUNKS]), max_size=2),
)
def test_any_row_of_answers_is_read_in_any_blocks(told: list[tuple[int, int, str, bool]], block: int, fields: list[str]) -> None:
    data, number = b"", 0
    for rows, size, end, spaced in told:
        value = raw(page(*range(number, number + rows)))
        number += rows
        data += (
            head(*fields, *([CHUNKS] if size else []), end=end)
            + (chunked(value, size) if size else value)
            + (b"\n" if spaced else b"")
        )
    records = support.read(PARSER, data, block=block)
    found = [one.observation for one in records if isinstance(one, Fragment)]
    assert [one.subject for one in found] == [f"s{one}" for one in range(number)]
    assert [one for one in records if isinstance(one, Defect)] == []
    for one in found:
        assert body(data[one.span.start : one.span.end], one.kind).subject == one.subject


soup = st.lists(
    st.sampled_from(
        [head(), head(CHUNKS), head("Content-Encoding: br"), raw(details(1)), b"5\r\n", b"0\r\n\r\n", b"ffffffff\r\n", b"\r\n", b"HTTP/1.1 ", b"{", b"\xff", b"GET /", b"A: b\r\n"]
    ),
    max_size=20,
).map(b"".join)  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(soup | st.binary(max_size=100), st.integers(1, 50))
def test_any_bytes_under_a_head_are_read_or_told(data: bytes, block: int) -> None:
    data = head() + data
    sniff(data, "x")
    records = support.read(PARSER, data, block=block)
    assert isinstance(records[-1], Statement)
    for one in records:
        span = one.observation.span if isinstance(one, Fragment) else one.span
        assert 0 <= span.start <= span.end <= len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200\n" * 60_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: HTTP/1.1 200 \r\n" * 60_000,
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 2_000_000,
        head(CHUNKS) + b"1\r\n{\r\n" * 100_000,
        head() + b"GET " + b"/" * 2_000_000,
        head() + b"GET /" * 200_000,
    ],
)
def test_hostile_heads_take_no_time(data: bytes) -> None:
    with affordable(10):
        support.read(PARSER, data, block=1 << 16)
        sniff(data[:65_536], "x")


def test_chunks_without_number_end_in_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.parsers.postmark.answers._MOST_PIECES", 50)
    data = head(CHUNKS) + chunked(b"\n".join(raw(details(number)) for number in range(50)), 10)
    records = support.read(PARSER, data, block=100)
    assert any("more chunks" in one.reason for one in records if isinstance(one, Defect))


@pytest.mark.parametrize("code", ["493817", "5", "fff"])
def test_a_line_that_looks_like_the_size_of_a_chunk_stays_in_the_text(code: str) -> None:
    text = f"your code:\r\n{code}\r\nis good for an hour"
    content = body(raw(details(1, "@")).replace(b"@", text.encode()), "details")  # line ends as such: no JSON, but met
    assert text.encode() in [part.data for part in content.parts]


# --- HAR files


def entry(value: Any, url: str = "https://api.postmarkapp.com/messages/outbound", **content: Any) -> dict[str, Any]:
    text = value if isinstance(value, str) else json.dumps(value)
    return {
        "request": {"method": "GET", "url": url, "headers": []},
        "response": {"status": 200, "content": {"text": text, **content}},
    }


def har(*entries: Any) -> bytes:
    return raw({"log": {"version": "1.2", "entries": list(entries)}})


def test_answers_in_a_har_file_are_read() -> None:
    packed = base64.b64encode(raw(page(3))).decode()
    data = har(entry(page(1, 2)), entry({"x": page(8)}, "https://acme.example/"), entry(packed, encoding="base64"), entry(page()))
    assert sniff(data, "x.har")
    assert identify(data, "x.har") == ("postmark", "")
    assert placeless(support.observations(PARSER, data)) == plainly(page(1, 2), page(3))
    assert support.defects(PARSER, data) == []
    told = [(one.kind, one.value, one.rows, one.scope) for one in support.statements(PARSER, data)]
    assert told == [
        ("total", 2, 2, "outbound"),
        ("total", 1, 1, "outbound"),
        ("total", 0, 0, ""),
        ("empty", 0, 0, ""),
        ("tally", 1, 0, ""),
    ]
    assert {one.span[2:] for one in support.observations(PARSER, data)} == {(0, len(data))}


@pytest.mark.parametrize(
    ("entries", "kept", "reason"),
    [
        ([entry(details(1))], 1, "save this answer by itself"),  # its text has no place of its own
        ([entry("{cut")], 0, "the file ends before its JSON does"),
        ([entry({"ErrorCode": 10, "Message": "no"})], 0, "no record of Postmark"),
        ([entry("***", encoding="base64")], 0, "no JSON"),
        ([entry(page(1)), entry(7), entry("")], 1, "no JSON object"),
        ([{**entry(page(1)), "response": {"content": {"size": 9}}}], 0, "with the content of responses"),
        (
            [entry(page(1), "https://api.postmarkapp.com/x"), {"request": 5}, None, {"request": {"url": ["x"]}, "response": []}],
            1,
            "",
        ),
    ],
)
def test_what_a_har_file_does_not_tell_is_told(entries: list[Any], kept: int, reason: str) -> None:
    data = har(*entries)
    assert sniff(data, "x.har")
    assert len(support.observations(PARSER, data)) == kept
    told = [one.reason for one in support.defects(PARSER, data)]
    assert all(reason in one for one in told)
    assert bool(told) is bool(reason)


@pytest.mark.parametrize(
    "data",
    [
        har(),
        har(entry(page(1), "https://api.postmarkapp.com.acme.example/")),
        har(entry(page(1), "https://acme.example/?https://api.postmarkapp.com/")),
    ],
)
def test_a_har_file_of_others_is_not_ours(data: bytes) -> None:
    assert not sniff(data, "x.har")


def test_a_log_of_requests_may_call_its_record_log() -> None:
    event = {
        "RecordType": "Delivery",
        "MessageID": uuid(1),
        "Recipient": TO,
        "ServerID": 1,
        "DeliveredAt": "2025-09-17T14:03:15Z",
    }
    for inside in ({"body": json.dumps(event)}, {"body": event, "entries": 5}):
        assert len(support.observations(PARSER, raw({"log": inside}))) == 1
