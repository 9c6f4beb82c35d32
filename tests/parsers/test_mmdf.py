from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import support
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forensics.model import Defect, Fragment, Observation, Role, Span
from forensics.parsers.mmdf import PARSER
from forensics.plugins import Record

X = "archive@collector.example"
SAMPLES = sorted((support.FORMATS / "mmdf").glob("*.mmdf"))
LINE = b"\x01\x01\x01\x01\n"
HEAD = b"From: ann@corp.example\nTo: bob@partner.example\nDate: Thu, 18 Sep 2025 12:00:00 +0200\n"
BLIND = b"Bcc: archive@collector.example\n"


def records(data: bytes, *, cut: int | None = None, block: int = 1 << 20) -> list[Record]:
    return support.read(PARSER, data, cut=cut, block=block)


def mails(data: bytes) -> list[Observation]:
    return support.observations(PARSER, data)


def reasons(data: bytes) -> list[str]:
    return [one.reason for one in support.defects(PARSER, data)]


def place(record: Record) -> Span:
    return record.observation.span if isinstance(record, Fragment) else record.span


def blind(mail: Observation) -> list[str]:
    return [one.address for one in mail.recipients if one.role == Role.BCC]


def test_there_are_samples_and_every_one_is_recognised() -> None:
    assert len(SAMPLES) >= 3
    assert all(PARSER.sniff(path.read_bytes()[:65536], path.name) for path in SAMPLES)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_any_cut_and_any_block_size_read_the_same(path: Path) -> None:
    data = path.read_bytes()
    whole = records(data)
    assert_tiled(data, whole)
    for cut in (1, 2, 3, 4, 5, 6, 7, 48, 49, 100, 333):
        assert records(data, cut=cut) == whole, cut
    for block in (1, 4, 5, 6, 64):
        assert records(data, block=block) == whole, block


def in_cr(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_lines_that_end_in_cr_alone_tell_the_same(path: Path) -> None:
    plain = path.read_bytes().replace(b"\r\n", b"\n")
    data = in_cr(plain)
    assert PARSER.sniff(data, "x")
    assert [told(one) for one in mails(data)] == [told(one) for one in mails(plain)]
    whole = records(data)
    assert [(place(one).start, place(one).end) for one in whole] == [(place(one).start, place(one).end) for one in records(plain)]
    for cut, block in ((1, 1), (5, 3), (48, 7), (333, 1000)):
        assert records(data, cut=cut, block=block) == whole, (cut, block)
    assert PARSER.body is not None
    for one, other in zip(mails(data), mails(plain), strict=True):
        (part,) = PARSER.body(data[one.span.start : one.span.end], "mail").parts
        (same,) = PARSER.body(plain[other.span.start : other.span.end], "mail").parts
        assert part.data == in_cr(same.data)


def told(mail: Observation) -> tuple[object, ...]:
    """What a mail says, without where it lies."""
    return (mail.message_id, mail.ids, mail.sender, mail.subject, mail.readings, mail.recipients, mail.facts, mail.size)


@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\r\r", b"\xef\xbb\xbf\r \r"])
def test_what_stands_above_an_archive_in_cr_hides_nobody(lead: bytes) -> None:
    data = lead + in_cr(LINE + BLIND + HEAD + b"\none\n" + LINE + LINE + HEAD + b"\ntwo\n" + LINE)
    assert [blind(one) for one in mails(data)] == [[X], []]
    assert_tiled(data, records(data))


def test_cr_parts_nothing_where_the_first_line_ends_in_lf() -> None:
    pasted = b"pasted\r\x01\x01\x01\x01\r\x01\x01\x01\x01\r" + in_cr(HEAD) + b"\n"
    assert len(mails(LINE + HEAD + b"\n" + pasted + LINE)) == 1


def test_how_lines_end_does_not_hang_on_where_the_first_kilobytes_end() -> None:
    for pad in range(4085, 4100):
        data = b"\r" * pad + in_cr(LINE + HEAD + b"\none\n" + LINE * 2 + HEAD + b"\ntwo\n" + LINE)
        assert records(data, block=1) == records(data, block=4096) == records(data)


def test_the_first_header_is_not_eaten() -> None:
    (mail,) = mails(LINE + BLIND + HEAD + b"\nx\n" + LINE)
    assert blind(mail) == [X]
    (mail,) = mails(LINE + b"From x Thu Sep 18 10:00:00 2025\n" + BLIND + HEAD + b"\nx\n" + LINE)
    assert blind(mail) == [X]
    assert [one.clock for one in mail.readings] == ["date", "from_line"]


@pytest.mark.parametrize(
    ("between", "count", "doubts"),
    [
        (LINE + LINE, 2, 0),
        (LINE, 2, 0),  # one line for both
        (LINE + b"\n" + LINE, 2, 0),
        (LINE + LINE + LINE, 2, 1),
        (LINE.replace(b"\n", b"\r\n") * 2, 2, 0),
        (b"\x01\x01\x01\x01 \n" + LINE, 2, 0),
        (LINE + b"prose\n" + LINE, 2, 1),  # the first line is text of the mail before
        (b"\x01\x01\x01\n\x01\x01\x01\n", 1, 0),
        (b"\x01\x01\x01\x01\x01\n", 1, 0),
        (b"\x01\x01\x01\x01text\n", 1, 0),
        (b" \x01\x01\x01\x01\n", 1, 0),
        (b"text\x01\x01\x01\x01\n", 1, 0),
    ],
)
def test_what_separates_mails(between: bytes, count: int, doubts: int) -> None:
    data = LINE + HEAD + b"\none\n" + between + HEAD + BLIND + b"\ntwo\n" + LINE
    found = mails(data)
    assert len(found) == count
    assert len(reasons(data)) == doubts
    if count == 2:
        assert [blind(one) for one in found] == [[], [X]]
        assert found[0].span.end == found[1].span.start
        assert data[found[1].span.start :].lstrip(b"\x01 \r\n").startswith(HEAD + BLIND)
        assert data[found[1].span.start : found[1].span.start + 4] == LINE[:4]


def test_a_line_before_an_unknown_header_is_text_unless_one_closed_before() -> None:
    odd = b"https: they said\nTo: x@a.example\n\n"
    assert len(mails(LINE + HEAD + b"\none\n" + LINE + odd + LINE)) == 1
    assert len(mails(LINE + HEAD + b"\none\n" + LINE + LINE + odd + LINE)) == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LINE + HEAD + b"\nx\n" + LINE, []),
        (LINE + HEAD + LINE, []),  # a mail without a body
        (LINE + HEAD + b"\nx\n" + LINE[:-1], []),
        (LINE + HEAD + b"\nx\n" + LINE + b"\n\n", []),
        (LINE + HEAD + b"\nx\n", ["the file ends inside a message"]),
        (LINE + HEAD[:30], ["the file ends inside a message"]),
        (LINE + HEAD + b"\nx\n\x01\x01\x01", ["the file ends inside a message"]),
        (LINE, ["separator lines without a mail between them"]),
        (LINE + LINE, ["separator lines without a mail between them"]),
        (LINE * 3 + HEAD + b"\n" + LINE, ["separator lines without a mail between them"]),
        (LINE * 5 + HEAD + b"\n" + LINE, ["separator lines without a mail between them"] * 3),
        (b"no mail\n", ["no separator line in the whole file"]),
        (b"\n\n" + LINE + HEAD + b"\n" + LINE, ["blank lines or a byte order mark before the first separator line"]),
        (b"stray\n" + LINE + HEAD + b"\n" + LINE, ["text that belongs to no mail before the first separator line"]),
        (LINE + b"prose only\n" + LINE, ["a mail without a header"]),
    ],
)
def test_what_is_told_of_odd_files(data: bytes, expected: list[str]) -> None:
    assert reasons(data) == expected
    assert_tiled(data, records(data))


@pytest.mark.parametrize(
    ("rest", "known"), [(b"\nx\n" + LINE, True), (LINE, True), (b"\nx\n", True), (b"", False), (b"Cc: a@a.exam", False)]
)
def test_a_header_is_known_only_as_far_as_it_was_read(rest: bytes, known: bool) -> None:
    assert mails(LINE + HEAD + rest)[0].header_known is known


@pytest.mark.parametrize("odd", [LINE, LINE + b"prose\n"])
def test_odd_lines_are_told_up_to_a_bound(odd: bytes) -> None:
    data = LINE + HEAD + b"\none\n" + odd * 5000 + LINE + LINE + HEAD + BLIND + b"\ntwo\n" + LINE
    found = records(data)
    assert [blind(one) for one in mails(data)] == [[], [X]]
    told = [one for one in found if isinstance(one, Defect)]
    assert len(told) == 101
    assert told[-1].reason == "more than 100 odd separator lines: those from here on are not listed"
    assert told[-1].span.end == mails(data)[0].span.end
    assert told[-1].span.start == told[-2].span.start + len(odd)
    assert_tiled(data, found)
    for cut, block in ((777, 4096), (5000, 99)):
        assert records(data, cut=cut, block=block) == found


def test_a_header_block_without_end_is_bounded_and_told() -> None:
    data = LINE + BLIND + b"X-Pad: " + b"x" * (3 << 20) + b"\nTo: late@a.example\n\nbody\n" + LINE + LINE + HEAD + b"\n" + LINE
    first, second = mails(data)
    assert (blind(first), first.header_known, second.header_known) == ([X], False, True)
    assert reasons(data) == ["the header block is longer than 1 MiB; the rest of it was not read"]
    assert records(data, cut=1 << 20, block=70_001) == records(data)


def test_a_mail_larger_than_memory_keeps_its_head() -> None:
    data = LINE + HEAD + BLIND + b"\n" + b"QUJD\n" * (1 << 20) + LINE + LINE + HEAD + b"\n" + LINE
    first, second = mails(data)
    assert (blind(first), first.span.end) == ([X], second.span.start)
    assert first.size == second.span.start - 2 * len(LINE)
    assert records(data, cut=3_000_000, block=99_999) == records(data)


def test_a_body_is_the_mail_alone() -> None:
    assert PARSER.body is not None
    text = HEAD + b"Subject: Offer\n\nbody with \x01\x01\x01\x01 in it\n\n"
    for top, end in [(LINE, LINE), (LINE + b"From x\n", LINE), (LINE, b""), (LINE.replace(b"\n", b"\r\n"), LINE + b"\r\n")]:
        data = top + text + end
        (mail,) = mails(data)
        body = PARSER.body(data[mail.span.start : mail.span.end], "mail")
        assert body.subject == "Offer"
        assert [part.data for part in body.parts] == [text]
        assert mail.size == len(text)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (LINE + HEAD, True),
        (b"\xef\xbb\xbf\n" + LINE + LINE + HEAD, True),
        (LINE.replace(b"\n", b"\r\n") + b"From x\r\nReceived: x\r\n", True),
        (LINE, False),
        (LINE + b"prose\n", False),
        (b"\x01\x01\x01\n" + HEAD, False),
        (b"\x01\x01\x01\x01\x01\n" + HEAD, False),
        (HEAD, False),
        (b"\0\0" + LINE + HEAD, False),
        (b"", False),
    ],
)
def test_sniffing(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "anything") is expected


def assert_tiled(data: bytes, found: list[Record]) -> None:
    """Fragments, and defects that are no part of one, follow each other from the first byte to the last."""
    mails_at = [place(one) for one in found if isinstance(one, Fragment)]
    told = [place(one) for one in found if isinstance(one, Defect)]
    apart = [one for one in told if not any(f.start <= one.start and one.end <= f.end for f in mails_at)]
    top = [one for one in apart if not any(one != other and other.start <= one.start and one.end <= other.end for other in apart)]
    tiles = sorted({(one.start, one.end) for one in [*mails_at, *top]})
    assert [start for start, _ in tiles[:1]] == ([0] if data else [])
    assert all(before[1] == after[0] for before, after in pairwise(tiles))
    assert not data or tiles[-1][1] == len(data)


PIECES = [
    LINE, LINE, LINE[:-1], b"\x01\x01\x01\x01\r\n", b"\n", b"\r", HEAD, BLIND, b"prose\n", b"From x\n", b"https: x\n", b"\xef\xbb\xbf", b"\x01", b"\n" * 9,
    b" ", b"\0", b"Subject: a",
]  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join), st.integers(1, 90), st.integers(1, 40))
@example(b"\xef\xbb\xbf" + LINE + LINE + b"prose\n", 2, 1)
@example(LINE + LINE + b"\n" * 15 + LINE + b"prose", 1, 1)
def test_parts_equal_the_whole_and_tile_it(data: bytes, cut: int, block: int) -> None:
    whole = records(data)
    assert_tiled(data, whole)
    assert records(data, cut=cut, block=block) == whole
    assert PARSER.body is not None
    for one in whole:
        if isinstance(one, Fragment):
            assert PARSER.body(data[place(one).start : place(one).end], "mail").parts


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise(data: bytes, started: bool) -> None:
    data = LINE + HEAD + data if started else data
    PARSER.sniff(data, "x")
    assert_tiled(data, records(data))
