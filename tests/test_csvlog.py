"""Comma-separated logs: what was written is what is read, wherever a span is cut, and damage costs its own line."""

from __future__ import annotations

import csv
import io
from itertools import pairwise

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from support import MemorySource, spans_of

from forensics.csvlog import Record, header_in, records
from forensics.model import Span

FIELDS = "#Fields: date-time,a,b\n"
STAMP = "2025-09-17T14:03:12.345Z"


def read(data: bytes, cut: int | None = None, block: int = 1 << 20) -> list[Record]:
    return [one for span in spans_of(data, cut) for one in records(MemorySource(span, "x", data, block))]


def written(rows: list[tuple[str, str]], end: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows([(STAMP, *row) for row in rows])
    return FIELDS + out.getvalue()


def texts(found: list[Record]) -> list[tuple[str, str]]:
    return [(one.fields[1].decode(), one.fields[2].decode()) for one in found if one.fields]


_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0\ufeff"), max_size=8),
    st.lists(
        st.sampled_from(["\n", '"', ",", f"{STAMP},x,y", "#Fields: date-time,x", "#", "Ċ", "ਜੀ", "😀", " ", '",', ',"']),
        max_size=7,
    ).map("".join),
)
_ROWS = st.lists(st.tuples(_TEXT, _TEXT), max_size=6)


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(
    _ROWS, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"]), st.integers(1, 90)
)
def test_what_was_written_is_what_is_read(rows: list[tuple[str, str]], end: str, codec: str, cut: int) -> None:
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(codec, b"")
    data = mark + written(rows, end).encode(codec)
    found = read(data)
    assert texts(found) == rows
    assert [one.problem for one in found if one.problem] == []
    assert read(data, cut=cut) == found == read(data, block=cut)
    for one in found[1:]:  # places are true
        assert data[one.start : one.end].decode(codec).startswith(STAMP)
        assert next(csv.reader([data[one.start : one.end].decode(codec)]))[0] == STAMP


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_ROWS, st.integers(0, 400), st.binary(max_size=6), st.integers(1, 60))
def test_damage_anywhere_is_told_and_any_cut_reads_the_same(rows: list[tuple[str, str]], at: int, noise: bytes, cut: int) -> None:
    data = written(rows, "\n").encode()
    data = data[:at] + noise + data[at + 3 :]
    found = read(data)
    assert read(data, cut=cut) == found
    assert all(one.end <= other.start for one, other in pairwise(found))


def test_an_open_quote_costs_its_own_line() -> None:
    good = f"{STAMP},x,y\n"
    data = f'{FIELDS}{STAMP},"open,y\n{good}{good}{STAMP},"two\nlines",y\n{good}'.encode()
    found = read(data)
    assert texts(found) == [("x", "y"), ("x", "y"), ("two\nlines", "y"), ("x", "y")]
    assert [one.problem for one in found if one.problem] == ["a quoted field of a record does not end; the line may be cut"]


def test_a_quote_that_ends_in_a_record_of_other_columns_costs_its_own_line() -> None:
    found = read(f'{FIELDS}{STAMP},"open,y\n{STAMP},x,y\n{STAMP},x,"\n'.encode())
    assert texts(found) == [("x", "y")]
    assert [bool(one.problem) for one in found] == [False, True, False, True]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f"{STAMP},x", "more or fewer"),
        (f"{STAMP},x,y,z", "more or fewer"),
        ("17/09/2025,x,y", "does not begin with a time"),
        (f'{STAMP},"x"y,z', "does not end"),
        (f'{STAMP},"x,z', "does not end"),
        (f"{STAMP},{'x' * (1 << 20)},z", "longer than any line"),
        (f'{STAMP},x"y,z', ""),  # a quote inside a bare field
        (f'{STAMP},"","', "does not end"),
        (f'{STAMP},"",', ""),
    ],
)
def test_a_line_that_cannot_be_read_is_told(line: str, problem: str) -> None:
    (found,) = read((FIELDS + line + "\n").encode())[1:]
    assert problem in found.problem
    assert bool(found.fields) == (not problem)


def test_records_before_any_header_are_told_and_a_new_header_holds_from_there() -> None:
    data = f"{STAMP},x,y\n#Software: S\n#Log-type: One\n{FIELDS}{STAMP},x,y\n#Fields: date-time,b\n{STAMP},z\n#Fields: nothing\n{STAMP},z\n"
    found = read(data.encode())
    assert [one.header.columns for one in found if one.fields] == [
        ("date-time", "a", "b"),
        ("date-time", "b"),
        ("date-time", "b"),
    ]
    assert [one.problem for one in found if one.problem] == ["no line before this record names its columns"]
    assert found[-1].header.log_type == "one"


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        (FIELDS.encode(), ("date-time", "a", "b")),
        (b"\xef\xbb\xbf#Software: x\r\n" + FIELDS.encode(), ("date-time", "a", "b")),
        (b"\xff\xfe" + FIELDS.encode("utf-16-le"), ("date-time", "a", "b")),
        (f"{STAMP},cut\n{FIELDS}".encode(), ("date-time", "a", "b")),
        (f"From: a@b.example\n\n{FIELDS}".encode(), ()),
        (f"> {FIELDS}".encode(), ()),
        (b"#Fields: date time cs-method\n", ()),
        (b"#Fields:" + b"date-time," * 10_000, ()),
        (b"", ()),
    ],
)
def test_the_columns_that_a_head_names(head: bytes, columns: tuple[str, ...]) -> None:
    assert header_in(head).columns == columns


@pytest.mark.parametrize(
    "piece", [b'2025-09-17T14:03:12Z,"x\n', b'"\n', b'""', b',"', b"\n", b"#Fields: date-time\n", b"\0", b'a"b\n\n\n']
)
def test_hostile_text_takes_linear_time(piece: bytes) -> None:
    data = FIELDS.encode() + piece * (2_000_000 // len(piece))
    with affordable(30):
        assert sum(1 for _ in records(MemorySource(Span("x", "", 0, -1), "x", data))) >= 1
