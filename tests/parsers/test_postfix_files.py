"""Rotated logs of several hosts: however they were cut, packed, named and handed in, they tell the same messages."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import audited
from support import assembled, clocks_of, read

from forensics.case import Case
from forensics.columns import decode
from forensics.dates import FileClock
from forensics.model import Fragment, Observation
from forensics.parsers.postfix import PARSER

LONG = ["4cRgTX2Rqfz9HdB", "4cRgTY2Rqfz9HdC", "4cRgTZ2Rqfz9HdD", "4cRgTb2Rqfz9HdF"]
SHORT = "5464E12D687"


def message(queue_id: str, number: int, second: int, host: str) -> list[str]:
    texts = [
        ("smtpd", f"{queue_id}: client=app1.acme.example[192.0.2.10], sasl_method=PLAIN, sasl_username=svc"),
        ("cleanup", f"{queue_id}: message-id=<m{number}.{host}@acme.example>"),
        ("qmgr", f"{queue_id}: from=<app@acme.example>, size={900 + number}, nrcpt=2 (queue active)"),
        (
            "smtp",
            f"{queue_id}: to=<bob{number}@customer.example>, relay=mx[192.0.2.25]:25, dsn=2.0.0, status=sent (250 ok {host})",
        ),
        ("smtp", f"{queue_id}: to=<phan@giftshop.club>, relay=none, dsn=4.4.1, status=deferred (timed out)"),
        ("smtp", f"{queue_id}: to=<phan@giftshop.club>, relay=mx[192.0.2.66]:25, dsn=2.0.0, status=sent (250 ok)"),
        ("qmgr", f"{queue_id}: removed"),
    ]
    return [f"Sep 17 16:03:{second:02d} {host} postfix/{daemon}[7]: {text}\n" for daemon, text in texts]


# each host hands out the same ids, and one short id three times
ROWS = [
    row
    for number, queue_id in enumerate([LONG[0], SHORT, LONG[1], SHORT, LONG[2], SHORT, LONG[3]])
    for pair in zip(*(message(queue_id, number, 12 + number, host) for host in ("mx1", "mx2")), strict=True)
    for row in pair
]


def told(found: list[Observation], *, timed: bool = True) -> list[str]:
    """What observations say, without the places, which name a file; times need three ids of one file that agree on its zone."""
    return sorted(
        repr((one.server, one.ids, one.message_id, one.sender, one.direction, one.declared, one.size, one.facts))
        + repr([at for at in one.readings if timed or at.clock == "queue_id"])
        + repr(sorted((r.address, r.outcome.value, r.reply, r.at if timed else None) for r in one.recipients))
        for one in found
    )


CUTS = st.lists(st.integers(1, len(ROWS) - 1), max_size=4, unique=True).map(sorted)


def cut_at(cuts: list[int]) -> list[bytes]:
    return ["".join(ROWS[a:b]).encode() for a, b in zip([0, *cuts], [*cuts, len(ROWS)], strict=True)]


def whole() -> tuple[list[Fragment], FileClock]:
    found = [one for one in read(PARSER, "".join(ROWS).encode()) if isinstance(one, Fragment)]
    (clock,) = clocks_of(found).values()
    return found, clock


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(CUTS, st.sampled_from([None, 100, 777]))
def test_files_cut_at_any_line_are_one_log(cuts: list[int], span: int | None) -> None:
    expected, clock = whole()
    pieces = [one for data in cut_at(cuts) for one in read(PARSER, data, cut=span) if isinstance(one, Fragment)]
    clocks = {one.observation.span[:2]: clock for one in [*pieces, *expected]}
    found = assembled(PARSER, pieces, clocks)
    assert told(found) == told(assembled(PARSER, expected, clocks))
    assert len(found) == 14


def test_hosts_with_equal_ids_and_ids_used_again_are_all_told() -> None:
    found = assembled(PARSER, whole()[0])
    assert sorted(one.message_id for one in found) == sorted(
        f"m{n}.{host}@acme.example" for n in range(7) for host in ("mx1", "mx2")
    )
    assert [one.facts for one in found if "partial" in dict(one.facts)] == []
    assert all({r.outcome.value for r in one.recipients} == {"delivered"} for one in found)


def gathered(case: Case) -> list[str]:
    """What the observations of a case say."""
    table = pq.read_table(case.tables / "observations" / "assembled.parquet")
    return told([one.observation for batch in table.to_batches() for one in decode(batch)], timed=False)


_PACKED: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def laid_out(folder: Path, cuts: list[int], names: list[str]) -> Path:
    """The parts in a folder, oldest first, under these names, packed as these say."""
    folder.mkdir()
    for name, data in zip(names, cut_at(cuts), strict=True):
        (folder / name).write_bytes(_PACKED.get(name.rpartition(".")[2], bytes)(data))
    return folder


ROTATED = ["mail.log.2", "mail.log.1", "mail.log"]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("whole")
    return gathered(audited(laid_out(root / "ev", [], ["mail.log"]), out=root / "case"))


def test_the_whole_log_tells_fourteen_messages(expected: list[str]) -> None:
    assert len(set(expected)) == len(expected) == 14


@pytest.mark.parametrize(
    ("cuts", "names"),
    [
        ([30, 61], ROTATED),
        ([33, 35], ROTATED),  # the middle file holds no id with a time
        ([17, 45], ["mail.log.2.gz", "mail.log.1.gz", "mail.log.0.gz"]),
        ([18, 46], ["mail.log.2.bz2", "mail.log.1.xz", "mail.log"]),
        ([19, 47], ["z.xz", "y.xz", "x.xz"]),  # only the stamps tell the order, also where the user gave the year
        ([20, 48], ["maillog.20250917-160312", "maillog.20250917-160313", "maillog"]),
        ([20, 48], ["maillog-20250914", "maillog-20250921", "maillog"]),
    ],
)  # fmt: skip
def test_an_audit_of_rotated_files_tells_what_the_whole_log_does(
    expected: list[str], cuts: list[int], names: list[str], tmp_path: Path
) -> None:
    assert gathered(audited(laid_out(tmp_path / "ev", cuts, names), out=tmp_path / "case")) == expected
