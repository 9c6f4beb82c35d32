"""PowerMTA accounting files: columns by name, rows of one message, and what a file cannot tell."""

from __future__ import annotations

import csv
import io

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from log_forms import outcomes
from support import defects, observations, read, statements

from forensics.model import Direction, Observation
from forensics.parsers.powermta import PARSER

COLUMNS = ["type", "timeLogged", "timeQueued", "orig", "rcpt", "orcpt", "dsnAction", "dsnDiag", "srcType", "jobId", "envId"]
BASE = {
    "type": "d", "timeLogged": "2025-09-17 14:03:14+0000", "timeQueued": "2025-09-17 14:03:12+0000", "orig": "app@acme.example",
    "rcpt": "bob@customer.example", "orcpt": "rfc822;genuine@customer.example", "dsnDiag": "smtp;250 ok", "srcType": "smtp",
}  # fmt: skip


def accounting(*rows: dict[str, str], columns: list[str] | None = None) -> bytes:
    out = io.StringIO()
    names = columns or COLUMNS
    writer = csv.DictWriter(out, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(BASE | row for row in rows)
    return out.getvalue().encode()


def only(data: bytes) -> Observation:
    (one,) = observations(PARSER, data)
    return one


def named(data: bytes) -> list[tuple[str, str]]:
    return outcomes(PARSER, data)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"type": "d"}, "delivered"), ({"type": "b"}, "bounced"), ({"type": "rb"}, "bounced"), ({"type": "t"}, "deferred"),
        ({"type": "r"}, "accepted"), ({"type": "D"}, "delivered"), ({"type": "rs", "dsnAction": "Failed"}, "bounced"),
        ({"type": "rs", "dsnAction": "relayed"}, "delivered"), ({"type": "rs"}, "deferred"),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(row: dict[str, str], expected: str) -> None:
    assert named(accounting(row)) == [("bob@customer.example", expected)]


@pytest.mark.parametrize("kind", ["tq", "f", "p"])
def test_rows_of_no_copy_are_counted(kind: str) -> None:
    data = accounting({"type": kind})
    assert (named(data), defects(PARSER, data), statements(PARSER, data)[-1].rows) == ([], [], 2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"type": "x"}, "a row is of no kind that this version reads"),
        ({"type": ""}, "a row is of no kind that this version reads"),
        ({"rcpt": ""}, "an address is empty, or longer than any address"),
        ({"rcpt": "x" * 5000}, "an address is empty, or longer than any address"),
        ({"timeLogged": "soon"}, "the time of a row cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(row: dict[str, str], reason: str) -> None:
    assert [one.reason for one in defects(PARSER, accounting(row))] == [reason]


@pytest.mark.parametrize("line", [b'd,"open', b'd,"a"b,c', b"d,1", b"d" + b"," * 20])
def test_a_broken_row_is_a_defect_of_its_own_line(line: bytes) -> None:
    good = accounting({})
    data = good + line + b"\n" + good.partition(b"\n")[2]
    (one,) = defects(PARSER, data)
    assert data[one.span.start : one.span.end] == line
    assert named(data) == [("bob@customer.example", "delivered")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1758117794", "2025-09-17T14:03:14Z"), ("2025-09-17 14:03:14+0000", "2025-09-17T14:03:14+00:00"),
        ("2025-09-17 16:03:14+0200", "2025-09-17T14:03:14Z"), ("2025-09-17T14:03:14Z", "2025-09-17T14:03:14Z"),
        ("17/09/2025", ""), ("99", ""), ("2025-13-17 14:03:14+0000", ""),
    ],
)  # fmt: skip
def test_times(text: str, expected: str) -> None:
    at = only(accounting({"timeLogged": text})).recipients[0].at
    assert ("" if at is None else at.isoformat()) == expected.replace("Z", "+00:00")


def test_rows_with_a_message_id_are_one_message() -> None:
    columns = [*COLUMNS, "header_Message-Id"]
    rows = [
        {"rcpt": "a@customer.example", "header_Message-Id": "<m1@acme.example>"},
        {"rcpt": "x@collector.example", "header_Message-Id": "<m1@acme.example>", "timeLogged": "2025-09-17 15:03:14+0000"},
        {"rcpt": "c@customer.example", "header_Message-Id": "<M1@acme.example>"},
    ]
    found = observations(PARSER, accounting(*rows, columns=columns))
    assert sorted((one.message_id, len(one.recipients)) for one in found) == [("M1@acme.example", 1), ("m1@acme.example", 2)]
    assert not any("recipients_apart" in dict(one.facts) for one in found)


@pytest.mark.parametrize(
    ("change", "count"),
    [({}, 1), ({"timeQueued": "2025-09-17 14:03:13+0000"}, 2), ({"envId": "e2"}, 2), ({"orig": "b@acme.example"}, 2), ({"timeQueued": ""}, 2)],
)  # fmt: skip
def test_an_envelope_id_joins_what_was_queued_at_one_time(change: dict[str, str], count: int) -> None:
    data = accounting({"envId": "e1"}, {"envId": "e1", "rcpt": "x@collector.example"} | change)
    assert len(observations(PARSER, data)) == count


def test_without_an_id_copies_stand_alone_and_say_so() -> None:
    rows = [{"type": "t"}, {"timeLogged": "2025-09-17 15:03:14+0000"}, {"rcpt": "x@collector.example"}]
    found = observations(PARSER, accounting(*rows))
    assert sorted([(r.address, r.outcome.value) for r in one.recipients] for one in found) == [
        [("bob@customer.example", "delivered")], [("x@collector.example", "delivered")],
    ]  # fmt: skip
    assert [dict(one.facts)["recipients_apart"] for one in found] == ["neither Message-ID nor envelope id"] * 2


def test_a_genuine_name_in_orcpt_hides_nobody() -> None:
    (recipient,) = only(accounting({"rcpt": "x@collector.example"})).recipients
    assert (recipient.address, recipient.original) == ("x@collector.example", "")


@pytest.mark.parametrize(
    ("to", "cc", "known"),
    [
        ("Bob <bob@customer.example>", "", True),
        ("bob@customer.example", "c@customer.example, d@customer.example", True),
        ("", "c@customer.example", False),
        ("Bob <bob@customer.exa", "", True),
        ("Bob <bob@", "", False),
    ],
)
def test_the_header_is_known_where_all_of_it_was_logged(to: str, cc: str, known: bool) -> None:
    row = {"header_To": to, "header_Cc": cc}
    assert only(accounting(row, columns=[*COLUMNS, "header_To", "header_Cc"])).header_known is known
    assert not only(accounting(row, columns=[*COLUMNS, "header_To"])).header_known


@pytest.mark.parametrize("way", ["api", "pickup", "smtp", ""])
def test_only_this_machine_submits(way: str) -> None:
    submitted = way in {"api", "pickup"}
    assert only(accounting({"srcType": way})).direction is (Direction.SUBMITTED if submitted else Direction.UNKNOWN)


def test_columns_may_come_in_any_order_and_change() -> None:
    data = accounting({}) + accounting({"rcpt": "c@customer.example"}, columns=["type", "rcpt", "dsnStatus"])
    assert named(data) == [("bob@customer.example", "delivered"), ("c@customer.example", "delivered")]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_encoding_tells_the_same(codec: str, newline: str) -> None:
    plain = accounting({"rcpt": "ann@müller.example"}, {"dsnDiag": 'smtp;550 "a, b"', "type": "b"})
    mark = b"\xfe\xff" if codec == "utf-16-be" else b""
    data = mark + plain.decode().replace("\n", newline).encode(codec)
    assert PARSER.sniff(data, "acct.csv")
    assert named(data) == named(plain) == [("ann@xn--mller-kva.example", "delivered"), ("bob@customer.example", "bounced")]
    assert [r.reply for one in observations(PARSER, data) for r in one.recipients] == ["smtp;250 ok", 'smtp;550 "a, b"']


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"type,timeLogged,rcpt\n", True), (b"\r\n\r\nType,TimeLogged,RCPT\r\n", True), (b'"type","timeLogged","rcpt"\n', True),
        (b"type,rcpt\n", False), (b"timeLogged,type,rcpt\n", False), (b"type,timeLogged,orig\n", False), (b"d,1758117794,a@b.example\n", False),
        (b"", False), (b'type,"rcpt', False), (b"type" + b",x" * 300 + b",rcpt,orig\n", False),
    ],
)  # fmt: skip
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "acct.csv") is expected


def test_rows_before_any_columns_are_told() -> None:
    assert [one.reason for one in defects(PARSER, b"d,1,2\n")] == ["no line before this row names its columns"]


def test_two_files_of_one_log_join() -> None:
    first = accounting({"type": "t", "envId": "e1"})
    second = accounting({"envId": "e1", "timeLogged": "2025-09-18 14:03:14+0000"})
    (one,) = observations(PARSER, first, second)
    assert [(r.address, r.outcome.value) for r in one.recipients] == [("bob@customer.example", "delivered")]


_CELLS = st.one_of(
    st.sampled_from(["d", "t", "type", "rcpt", "a@b.example", "1758117794", '"', '""', '"a,b"', "\r", "é"]), st.text(max_size=6)
)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(_CELLS, max_size=12).map(",".join), max_size=10), st.booleans(), st.binary(max_size=30))
def test_no_bytes_raise_and_every_line_counts(lines: list[str], with_head: bool, tail: bytes) -> None:
    data = (accounting({}) if with_head else b"") + "\n".join(lines).encode("utf-8", "replace") + tail
    PARSER.sniff(data, "")
    observations(PARSER, data)
    tally = statements(PARSER, data)[-1]
    told = {one.span.start for one in defects(PARSER, data)} | {
        r.start for one in observations(PARSER, data) for r in one.recipients if r.start >= 0
    }
    assert len(told) + tally.rows <= tally.value
    assert read(PARSER, data, block=3) == read(PARSER, data)


@pytest.mark.property
@settings(max_examples=100)
@given(st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20), min_size=3, max_size=3))
def test_quoted_cells_move_no_value(cells: list[str]) -> None:
    row = dict(zip(("dsnDiag", "envId", "jobId"), cells, strict=True))
    one = only(accounting(row))
    assert [r.address for r in one.recipients] == ["bob@customer.example"]
    assert one.recipients[0].reply == cells[0]
    assert (dict(one.facts).get("envelope_id", ""), dict(one.facts).get("job", "")) == (cells[1], cells[2])


def test_hostile_rows_take_linear_time() -> None:
    with affordable(10):
        for line in (b'"' * 900_000, b"," * 900_000, b'd,"' + b'""' * 400_000 + b'",x', b"d," + b"<" * 900_000):
            assert statements(PARSER, accounting({}) + line + b"\n")[-1].value == 3
