"""What parsers of lines of their own share: texts out of containers, heads of logs, and the ledger of pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import MemorySource, evidence_id

from forensics.addresses import canonical
from forensics.model import Defect, Fragment, Outcome, Span, Statement
from forensics.syslog import Piece, PieceLedger, envelope, found_in_head, unwrapped, whole_number

AT = "2025-09-17T14:03:12.345678Z"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"2025-09-17T14:03:12.345678Z stdout F text", (AT, b"text")),
        (b"2025-09-17T14:03:12.345678901Z stderr P:tag text  here", (AT, b"text  here")),
        (b"2025-09-17T14:03:12.345678Z stdout F \ttext", (AT, b"\ttext")),
        (b"2025-09-17T14:03:12.345678Z stdout X text", None),
        (b"2025-09-17T14:03:12.345678Z stdoutF text", None),
        (b"text stdout F 2025-09-17T14:03:12Z", None),
        (b'{"log":"text\\n","stream":"stdout","time":"2025-09-17T14:03:12.345678Z"}', (AT, b"text")),
        (b'{"log":"text","stream":"stdout","time":7}', ("", b"text")),
        (b'{"log":"text"}', None),
        (b'{"log":7,"stream":"stdout"}', None),
        (b'{"log":"text","stream":"stdout"', None),
        (b"mail-1  | text", ("", b"text")),
        (b"\x1b[36mmail-1  |\x1b[0m text", ("", b"text")),
        (b"mail-1| text", None),
        (b"1758117792.345|text | more", None),
        (b"mail 1 | text", None),
        (b"[pod/mail-0/mta] text", ("", b"text")),
        (b"[pod text", None),
        (b"", None),
    ],
)
def test_what_a_runtime_wrapped(line: bytes, expected: tuple[str, bytes] | None) -> None:
    assert unwrapped(line) == (expected or ("", line))


@pytest.mark.property
@given(st.one_of(st.binary(max_size=80), st.binary(max_size=40).map(lambda tail: b'{"log":' + tail)))
def test_any_other_line_is_as_it_is(line: bytes) -> None:
    assert unwrapped(line) == ("", line) or any(mark in line for mark in (b'"stream"', b" std", b" |", b"[pod/"))


@pytest.mark.parametrize(
    ("head", "count"),
    [
        (b"our a\nour b\n", 2),
        (b"our a\n\tgoes on\n\tand on\n\tand on\n", 1),
        (b"our a\nSep 17 16:03:12 mx1 sshd[7]: x\nx\ny\n", 1),
        (b"our a\nx\ny\n", 0),
        (b"Subject: log\n\nour a\nour b\nour c\nour d\n", 0),
        ("\ufeffSubject: log\n\nour a\nour b\nour c\nour d\n".encode("utf-16-le"), 0),
        ("\ufeffour a\nour b\n".encode("utf-16-le"), 2),
        (b"", 0),
    ],
)
def test_half_of_a_logs_head_is_lines_of_a_log(head: bytes, count: int) -> None:
    assert len(found_in_head(head, lambda row: row if row.startswith(b"our ") else None)) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7), ("0", 0), ("", -1), ("-1", -1), ("7 ", -1), ("٣", -1), ("9" * 18, int("9" * 18)), ("9" * 19, -1)],
)
def test_whole_numbers(text: str, expected: int) -> None:
    assert whole_number(text) == expected


def ledger(data: bytes) -> tuple[PieceLedger, MemorySource]:
    span = Span(evidence_id(data), "", 0, -1)
    return PieceLedger(span, "haraka", canonical=canonical), MemorySource(span, "log", data)


def test_a_ledger_accounts_for_every_line() -> None:
    data = b"one\n" + b"x" * (1 << 21) + b"\nSep 17 16:03:12 mx1 rsyslogd: imuxsock lost 7 messages from pid 9\nlast"
    book, source = ledger(data)
    for line in book.lines(source):
        book.odd(envelope(line), "is cut" if line == b"last" else "")
    records = [*book.told(), book.tally()]
    assert [(type(one), one.span.start) for one in records if not isinstance(one, Fragment)] == [
        (Defect, 4), (Statement, data.index(b"Sep")), (Defect, len(data) - 4), (Statement, 0),
    ]  # fmt: skip
    assert (book.total, book.ignored, book.told()) == (4, 1, [])


def test_a_piece_goes_out_with_its_recipients_and_their_places() -> None:
    book, source = ledger(b"one\ntwo")
    piece = Piece(0, 3, "s", sender="s@acme.example", submitted=True)
    for _ in book.lines(source):
        book.name(piece, "Ann@Müller.example", Outcome.DELIVERED, "x" * 9_000)
    book.name(piece, "", Outcome.DELIVERED, "")
    book.name(piece, "x" * 5_000, Outcome.DELIVERED, "")
    book.let_go(piece, key="k", kind="queue", host="mx1", facts=[("b", "2")])
    *broken, fragment = book.told()
    assert [one.reason for one in broken if isinstance(one, Defect)] == ["an address is empty, or longer than any address"] * 2
    assert isinstance(fragment, Fragment)
    assert [(r.address, r.written, len(r.reply), r.start, r.end) for r in fragment.observation.recipients] == [
        ("ann@xn--mller-kva.example", "Ann@Müller.example", 4096, 0, 3), ("ann@xn--mller-kva.example", "Ann@Müller.example", 4096, 4, 7),
    ]  # fmt: skip
    assert (fragment.observation.server, fragment.observation.facts) == ("mx1", (("b", "2"),))
