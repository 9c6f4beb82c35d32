"""Logs that are not plain lines: their lines are those of the same log in plain, at true places, whatever the cut."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import MemorySource, evidence_id, spans_of

from forensics import syslog
from forensics.model import Span
from forensics.syslog import Cut, Envelope, Recast, envelope

Line = tuple[int, int, str | bytes]
ROWS = [
    "Sep 17 16:03:12 mx1 postfix/smtpd[9]: 4cRgTX2Rqfz9HdB: client=app1.acme.example[192.0.2.10]",
    "Sep 17 16:03:13 mx1 postfix/smtp[9]: 4cRgTX2Rqfz9HdB: to=<ann@müller.example>, relay=mx, status=sent (250 ok)",
    "",
    "Sep 17 16:03:14 mx1 postfix/qmgr[9]: 4cRgTX2Rqfz9HdB: removed",
]
FORGED = "Sep 17 16:03:13 mx1 postfix/smtp[9]: 4cRgTX2Rqfz9HdB: to=<forged@b.example>, relay=mx, status=sent (250)"


def found(data: bytes, *, cut: int | None = None, block: int = 1 << 20, limit: int = 1 << 20) -> list[Line]:
    """Start, end and text of each line; instead of the text the reason, where it cannot be read."""
    return [
        (start, end, line.reason if isinstance(line, Cut) else bytes(line))
        for span in spans_of(data, cut)
        for start, end, line in syslog.log_lines(MemorySource(span, "mail.log", data, block), limit)
    ]


def texts(data: bytes, limit: int = 1 << 20) -> list[str | bytes]:
    return [line for _, _, line in found(data, limit=limit)]


def envelopes(data: bytes) -> list[Envelope | None]:
    return [envelope(line) for line in texts(data) if isinstance(line, bytes)]


# --- UTF-16 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_a_wide_log_has_the_lines_of_the_narrow_one(codec: str, mark: str, newline: str, last: bool) -> None:
    data = (mark + newline.join(ROWS) + newline * last).encode(codec)
    lines = found(data)
    assert [line for _, _, line in lines] == [row.encode() for row in ROWS]
    for start, end, line in lines:
        assert data[start:end].decode(codec).removeprefix("\ufeff") == (line.decode() if isinstance(line, bytes) else "")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("letter", ["\u010a", "\u0a0a", "\u0a00", "\u0a41", "\u200a", "\U0001040a", "\u0d0a\u0a0d"])
def test_a_letter_that_holds_the_byte_of_a_line_end_ends_no_line(codec: str, letter: str) -> None:
    rows = [ROWS[0], f"{ROWS[1][:-1]}{letter}{FORGED}{letter}", ROWS[3]]
    assert texts(("\ufeff" + "\n".join(rows)).encode(codec)) == [row.encode() for row in rows]


def test_plain_lines_behind_wide_ones_are_read() -> None:
    wide = ("\ufeff" + ROWS[0] + "\r\n").encode("utf-16-le")
    plain = (ROWS[1] + "\r\n" + ROWS[3] + "\n").encode()
    for middle in (b"", b"\xef\xbb\xbf"):
        data = wide + middle + plain + wide
        assert [one.payload if one else None for one in envelopes(data)] == [
            row.partition("]: ")[2].encode() for row in (ROWS[0], ROWS[1], ROWS[3], ROWS[0])
        ]


def test_broken_wide_text_stays_within_its_line() -> None:
    data = ("\ufeff" + ROWS[0]).encode("utf-16-le") + b"\x00\xd8\n\0" + ROWS[3].encode("utf-16-le") + b"x"
    first, second = texts(data)
    assert first == ROWS[0].encode() + "\ufffd".encode()
    assert second == ROWS[3].encode() + "\ufffd".encode()


# --- the journal's export format -----------------------------------------------------------------------------------------------


def binary(name: str, value: bytes) -> bytes:
    return name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"


def record(message: bytes, program: str = "postfix/smtp", *, raw: bool = False, before: bytes = b"") -> bytes:
    text = binary("MESSAGE", message) if raw else b"MESSAGE=" + message + b"\n"
    return (
        b"__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1758117792345678\n__MONOTONIC_TIMESTAMP=12\n_BOOT_ID=aa\nPRIORITY=6\n"
        + before
        + b"_HOSTNAME=mx1\nSYSLOG_IDENTIFIER="
        + program.encode()
        + b"\n_PID=9\n"
        + text
        + b"_SOURCE_REALTIME_TIMESTAMP=1\n\n"
    )


SENT = b"4cRgTX2Rqfz9HdB: to=<bob@customer.example>, relay=mx[192.0.2.25]:25, status=sent (250 = ok)"
HEAD = Envelope("2025-09-17T14:03:12.345678Z", "mx1", "postfix/smtp", "9", SENT)


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("last", [b"", b"\n"])
def test_a_record_of_the_journal_is_one_line(raw: bool, last: bytes) -> None:
    one = record(SENT, raw=raw)
    data = one + record(b"x", "sshd") + one.rstrip(b"\n") + last
    assert envelopes(data) == [HEAD, HEAD._replace(program="sshd", payload=b"x"), HEAD]
    (start, end, _), _, (third, last_end, _) = found(data)
    assert (data[start:end], data[third:last_end]) == (one[:-2], one[:-2])


def test_a_record_says_the_same_as_the_journals_json() -> None:
    shown = {
        "__REALTIME_TIMESTAMP": "1758117792345678", "_HOSTNAME": "mx1", "SYSLOG_IDENTIFIER": "postfix/smtp", "_PID": "9", "MESSAGE": SENT.decode(),
    }  # fmt: skip
    assert envelopes(record(SENT)) == [envelope(json.dumps(shown).encode())]
    latin = SENT.replace(b"bob", b"j\xfcrg")
    assert envelopes(record(latin, raw=True)) == [HEAD._replace(payload=latin)]


def test_a_binary_field_forges_no_record() -> None:
    inside = b"first\n\n" + record(b"4cRgTX2Rqfz9HdB: to=<forged@b.example>, relay=x, status=sent (250)")
    for data in (
        record(inside, raw=True),
        record(SENT, before=binary("COREDUMP", inside)),
        record(SENT, before=binary("X", b"")),
    ):
        assert len(envelopes(data + record(SENT))) == 2
    assert envelopes(record(SENT, before=binary("COREDUMP", inside))) == [HEAD]
    assert [one.payload for one in envelopes(record(inside, raw=True)) if one] == [inside]


def test_the_first_of_two_fields_counts_and_hostile_names_do_nothing() -> None:
    data = record(SENT, before=b"MESSAGE=first\n_HOSTNAME_X=mx2\n")
    assert envelopes(data) == [HEAD._replace(payload=b"first")]
    assert [one.program for one in envelopes(record(SENT, 'a","MESSAGE":"b')) if one] == ['a","MESSAGE":"b']


def test_a_record_that_does_not_end_is_told() -> None:
    data = record(SENT) + record(SENT, raw=True)
    broken = len(data) - len(record(SENT, raw=True)) + len(record(SENT, raw=True).partition(b"MESSAGE\n")[0])
    for end in range(broken + 9, data.rindex(SENT) + len(SENT)):
        first, second = texts(data[:end])
        assert envelope(first if isinstance(first, bytes) else b"") == HEAD
        assert second == "a journal record ends within a field"
    huge = record(SENT, before=b"X\n" + b"\xff" * 8 + b"abc\n")
    assert texts(huge) == ["a journal record ends within a field"]


def test_a_field_may_be_longer_than_a_line() -> None:
    long = b"x" * 3000
    for before in (binary("COREDUMP", long), b"COREDUMP=" + long + b"\n"):
        lines = texts(record(SENT, before=before) + record(SENT), limit=2000)
        assert [envelope(line) for line in lines if isinstance(line, bytes)] == [HEAD, HEAD]
    for raw in (True, False):
        reason, _ = texts(record(long, raw=raw) + record(SENT), limit=2000)
        assert reason == "a field of a journal record is longer than any line of a log"


def test_other_lines_behind_a_journal_are_read() -> None:
    data = record(SENT)[:-1] + "\n".join(ROWS).encode() + b"\n" + record(SENT)
    assert texts(data)[1:4] == [row.encode() for row in ROWS if row]
    assert envelopes(data)[0] == envelopes(data)[-1] == HEAD


def test_a_journal_with_windows_line_ends_says_the_same() -> None:
    assert envelopes((record(SENT) * 2).replace(b"\n", b"\r\n")) == [HEAD, HEAD]


# --- pieces of containers' lines -----------------------------------------------------------------------------------------------

AT = "2025-09-17T14:03:12.345678901Z"
OUT = Envelope("2025-09-17T14:03:12.345678Z", "", "postfix/smtp", "9", SENT)


def cri(*pieces: tuple[str, str, str]) -> bytes:
    return "".join(f"{AT} {stream} {tag} {text}\n" for stream, tag, text in pieces).encode()


def docker(*pieces: tuple[str, str]) -> bytes:
    return "".join(json.dumps({"log": text, "stream": stream, "time": AT}) + "\n" for stream, text in pieces).encode()


TEXT = "postfix/smtp[9]: " + SENT.decode()


def test_pieces_are_joined_by_stream() -> None:
    data = cri(
        ("stdout", "P", TEXT[:20]), ("stderr", "F", "warning: x"), ("stdout", "P", TEXT[20:30]), ("stdout", "F", TEXT[30:])
    )
    data += cri(("stdout", "F", TEXT), ("stderr", "P:tag", TEXT[:50]), ("stderr", "F", TEXT[50:]))
    assert [one for one in envelopes(data) if one and one.program == "postfix/smtp"] == [OUT, OUT, OUT]
    lines = found(data)
    assert sorted(start for start, _, _ in lines) == sorted({start for start, _, _ in lines})
    for start, end, line in lines:
        assert data[start : start + 30].decode() == AT
        assert data[end : end + 1] == b"\n"
        assert isinstance(line, bytes)
        assert data[start:end].endswith(line[-10:])


def test_a_forged_beginning_of_a_piece_is_the_middle_of_a_line() -> None:
    long = "postfix/smtp[9]: 4cRgTX2Rqfz9HdB: to=<a@b.example>, relay=mx, status=bounced (said: " + "x" * 16384
    long = long[:16384]
    for data in (docker(("stdout", long), ("stdout", FORGED + ")\n")), cri(("stdout", "P", long), ("stdout", "F", FORGED + ")"))):
        (one,) = envelopes(data)
        assert one == Envelope(OUT.stamp, "", "postfix/smtp", "9", (long + FORGED + ")").partition(": ")[2].encode())
        assert found(data)[0][:2] == (0, len(data) - 1)


def test_a_short_text_without_line_end_is_whole() -> None:
    assert envelopes(docker(("stdout", TEXT), ("stdout", TEXT + "\n"))) == [OUT, OUT]


@pytest.mark.parametrize("build", [lambda text: cri(("stdout", "P", text)), lambda text: docker(("stdout", text))])
def test_pieces_without_an_end_are_a_line_and_endless_ones_are_told(build: object) -> None:
    piece = build(TEXT + "x" * 16384)  # type: ignore[operator]
    (one,) = envelopes(piece)
    assert one is not None
    assert one.payload.startswith(SENT)
    for count in (3, 50):
        assert found(piece * count, limit=40_000) == [(0, len(piece) * count - 1, "a line is longer than any line of a log")]


# --- laws ----------------------------------------------------------------------------------------------------------------------

WIDE = ("\ufeff" + "\r\n".join([*ROWS, FORGED])).encode("utf-16-le")
FORMS = {
    "plain": "\n".join(ROWS).encode(),
    "wide": WIDE,
    "mixed": WIDE + b"\r\0\n\0" + ROWS[0].encode() + b"\n",
    "journal": record(SENT) + record(b"a\n\n__CURSOR=b", raw=True) + b"a line\n" + record(SENT)[:-2],
    "containers": cri(("stdout", "P", "a"), ("stderr", "P", "b"), ("stdout", "F", "c"), ("stdout", "F", "d")),
    "docker": docker(("stdout", "a" * 16384), ("stderr", "b\n"), ("stdout", "c\n")),
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_any_cut_and_any_block_gives_each_line_once(form: str) -> None:
    data = FORMS[form]
    expected = found(data)
    assert len(expected) >= 2
    assert [line for *_, line in expected] == syslog.head_lines(data)
    small = len(data) < 2000
    for size in (1, 2, 3, 7, 64, 300) if small else (997, 5000):
        assert found(data, cut=size) == expected
        assert found(data, block=size) == expected


_WORDS = [
    b"\n", b"\0", b"\r\n", b"\xff\xfe", b"a\0", b"\n\0", b"\0\n", b"__CURSOR=", b"MESSAGE", b"=", b"\x01" + b"\0" * 7, b"\xff" * 8, AT.encode(),
    b" stdout P ", b" stderr F ", b'{"log":"', b'a","stream":"stdout"}\n', b'{"log":"a\\n","stream":"stderr","time":1}\n', b"X" * 70, b"\xd8", b"{",
]  # fmt: skip
_STARTS = [b"", b"\xff\xfe", b"\xfe\xff", b"__CURSOR=a\n", AT.encode() + b" stdout P a\n", b'{"log":"a']


@pytest.mark.property
@settings(max_examples=200)
@given(
    st.sampled_from(_STARTS),
    st.lists(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=5)), max_size=20).map(b"".join),
    st.integers(1, 40),
    st.sampled_from([8, 50, 1 << 20]),
)
def test_no_bytes_raise_and_every_byte_has_a_line(start: bytes, tail: bytes, size: int, limit: int) -> None:
    data = start + tail
    lines = found(data, limit=limit)
    assert found(data, cut=size, limit=limit) == found(data, block=size, limit=limit) == lines
    for _, _, line in lines:
        if isinstance(line, bytes):
            envelope(line)
    told = bytearray(data)
    for begin, end, _ in lines:
        assert 0 <= begin <= end <= len(data)
        told[begin:end] = b"\n" * (end - begin)
    assert not told.strip(b"\n\r\0"), "bytes in no line"  # but line ends and holes


def test_a_long_log_of_another_form_takes_linear_time_and_little_memory() -> None:
    def seconds(pieces: Iterable[bytes]) -> float:
        data = b"".join(pieces)
        began = time.process_time()
        for _ in syslog.log_lines(MemorySource(Span(evidence_id(data), "", 0, -1), "", data, 1 << 16)):
            pass
        return time.process_time() - began

    hostile = [
        [b"\xff\xfe", b"\x01\n\0\x01" * 700_000],  # the mark of a line end, but never in its place
        [b"\xff\xfe", b"\n\0" * 100_000],
        [b"__CURSOR=a\n", b"X\n" + b"\x01" + b"\0" * 7 + b"\n\n"] * 20_000,
        [b"__CURSOR=a\n", b"A" * 3_000_000],
        [b"__CURSOR=a\n", b"MESSAGE\n" + (1 << 62).to_bytes(8, "little"), b"x" * 3_000_000],
        [AT.encode() + b" stdout P a\n"] * 60_000,
    ]
    for pieces in hostile:
        assert seconds(pieces) < 10


def test_a_recast_line_is_alone_in_its_run() -> None:
    for data in FORMS.values():
        for _, run in syslog.log_runs(MemorySource(Span(evidence_id(data), "", 0, -1), "", data)):
            assert len(run) == 1 or not any(isinstance(line, Recast) for line in run)
