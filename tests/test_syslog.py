"""Lines and their envelopes: any cut, any block, any form, hostile bytes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics import syslog
from forensics.dates import FileClock, infer_clock
from forensics.dates.moments import iso_moment, other_iso
from forensics.model import Direction, Fragment, Observation, Outcome, Recipient, Role, Route, Span
from forensics.syslog import Cut, Envelope, envelope
from forensics.syslog.stamps import nearer


def blocks(data: bytes, start: int, size: int) -> Iterator[bytes]:
    begin = max(start - 1, 0)
    for at in range(begin, len(data), size):
        yield data[at : at + size]


def whole(data: bytes, limit: int = 1 << 20) -> list[tuple[int, bytes | int]]:
    return plain(syslog.lines([data], 0, -1, limit))


def plain(found: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes | int]]:
    return [(at, line.length if isinstance(line, Cut) else line) for at, line in found]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n", [(0, b"")]),
        (b"a\nb\n", [(0, b"a"), (2, b"b")]),
        (b"a\nb", [(0, b"a"), (2, b"b")]),
        (b"a\r\nb\r\n", [(0, b"a"), (3, b"b")]),
        (b"a\rb\n", [(0, b"a\rb")]),
        (b"a\r\r\n", [(0, b"a\r")]),
        (b"\0\0a\nb\n", [(2, b"a"), (4, b"b")]),
        (b"a\0b\n", [(0, b"a\0b")]),
        (b"a\n\0\0\0", [(0, b"a"), (5, b"")]),
        (b"12345678\nb\n", [(0, b"12345678"), (9, b"b")]),
        (b"123456789\nb\n", [(0, 9), (10, b"b")]),
        (b"1234567890123456789012345\nb", [(0, 25), (26, b"b")]),
        (b"\0\0\0\0\0\0\0\0\0\0\0\0abc\n", [(12, b"abc")]),  # a hole longer than the limit hides no line
        (b"\xef\xbb\xbfa\n", [(0, b"\xef\xbb\xbfa")]),
    ],
)
def test_lines_end_where_they_end(data: bytes, expected: list[tuple[int, bytes | int]]) -> None:
    assert whole(data, 8) == expected
    for size in range(1, 12):
        assert plain(syslog.lines(blocks(data, 0, size), 0, -1, 8)) == expected


@pytest.mark.property
@settings(max_examples=100)
@given(
    st.lists(st.sampled_from([b"\n", b"\r\n", b"\0", b"ab", b"0123456789", b"\r", b"\n\n"]), max_size=25).map(b"".join),
    st.integers(1, 30),
    st.integers(1, 30),
)
def test_any_cut_gives_each_line_once(data: bytes, cut: int, size: int) -> None:
    parts = [
        one
        for start in range(0, max(len(data), 1), cut)
        for one in plain(syslog.lines(blocks(data, start, size), start, min(start + cut, len(data)), 8))
    ]
    assert parts == whole(data, 8)
    assert len(parts) == data.count(b"\n") + bool(data and not data.endswith(b"\n"))


def test_a_long_line_is_not_held_in_memory() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(4000):
            yield b"x" * 65536
        yield b"\nnext\n"

    assert plain(syslog.lines(endless(), 0, -1)) == [(0, 4000 * 65536), (4000 * 65536 + 1, b"next")]


@pytest.mark.property
@settings(max_examples=100)
@given(
    st.lists(st.sampled_from([b"\n", b"\r\n", b"\0", b"ab", b"0123456789", b"\n\n"]), max_size=25).map(b"".join),
    st.integers(1, 30),
)
def test_runs_are_lines_one_behind_the_other(data: bytes, size: int) -> None:
    for offset, run in syslog.line_runs(blocks(data, 0, size), 0, -1, 8):
        assert run
        at = offset
        for line in run:
            assert isinstance(line, Cut) or data[at : at + len(line)] == line
            at += len(line) + 1


TEXT = b"5464E12D687: removed"
UTC_STAMP = Envelope("2025-09-07T10:00:02.123456Z", "mx1", "postfix/qmgr", "42", TEXT)
SEPTEMBER = Envelope("--09-07T10:00:02", "mx1", "postfix/qmgr", "42", TEXT)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"Sep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER),
        (b"Sep 07 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER),
        (b"Sep 7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER),
        (b"<22>Sep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER),
        (b"\xef\xbb\xbfSep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER),
        (b"Sep  7 10:00:02 <mail.info> mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER),
        (b"Sep  7 10:00:02 mx1 postfix/qmgr[42]: [ID 100200 mail.notice] " + TEXT, SEPTEMBER),
        (b"postfix-1  | Sep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER),
        (b"\x1b[36mpostfix-1  |\x1b[0m Sep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER),
        (b"Sep  7 10:00:02 mx1 postfix/qmgr: " + TEXT, SEPTEMBER._replace(pid="")),
        (b"Sep  7 10:00:02 postfix/qmgr[42]: " + TEXT, SEPTEMBER._replace(host="")),
        (b"Sep  7 10:00:02 2001:db8::1 postfix/qmgr[42]: " + TEXT, SEPTEMBER._replace(host="2001:db8::1")),
        (b"Sep  7 2025 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER._replace(stamp="2025-09-07T10:00:02")),
        (b"2025 Sep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER._replace(stamp="2025-09-07T10:00:02")),
        (b"Sep  7 10:00:02 2025 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER._replace(stamp="2025-09-07T10:00:02")),
        (
            b"2025-09-17T16:03:12.345900+02:00 mx1 postfix/qmgr[42]: " + TEXT,
            SEPTEMBER._replace(stamp="2025-09-17T16:03:12.345900+02:00"),
        ),
        (b"2025-09-17T16:03:12 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER._replace(stamp="2025-09-17T16:03:12")),
        (
            b"2025-09-17 16:03:12.123456789 mx1 postfix/qmgr[42]: " + TEXT,
            SEPTEMBER._replace(stamp="2025-09-17T16:03:12.123456"),
        ),
        (
            b"<22>1 2025-09-17T14:03:12.345Z mx1 postfix/qmgr 42 - - " + TEXT,
            SEPTEMBER._replace(stamp="2025-09-17T14:03:12.345Z"),
        ),
        (
            b'<22>1 2025-09-17T14:03:12.345Z mx1 postfix/qmgr 42 ID7 [x@1 a="]\\"b"][y c="d"] \xef\xbb\xbf' + TEXT,
            SEPTEMBER._replace(stamp="2025-09-17T14:03:12.345Z"),
        ),
        (b"<22>1 - - postfix/qmgr - - - " + TEXT, Envelope("", "", "postfix/qmgr", "", TEXT)),
        (
            b'{"__REALTIME_TIMESTAMP":"1758117792345678","SYSLOG_IDENTIFIER":"postfix/qmgr","_PID":"42","_HOSTNAME":"mx1","MESSAGE":"%s"}'
            % TEXT,
            SEPTEMBER._replace(stamp="2025-09-17T14:03:12.345678Z"),
        ),
        (
            b'{"SYSLOG_IDENTIFIER":"postfix/qmgr","MESSAGE":[53,255]}',
            Envelope("", "", "postfix/qmgr", "", b"5\xff"),
        ),
        (
            b'{"SYSLOG_IDENTIFIER":"postfix/qmgr","MESSAGE":["one","two"]}',
            Envelope("", "", "postfix/qmgr", "", b"one"),
        ),
        (b'{"SYSLOG_IDENTIFIER":"postfix/qmgr","MESSAGE":null}', Envelope("", "", "postfix/qmgr", "", b"")),
        (b'{"SYSLOG_IDENTIFIER":["a","b"],"MESSAGE":"x"}', None),
        (b'{"log":"{\\"log\\":1}","time":"2025-09-07T08:00:02Z"}', None),
        (
            b'{"log":"Sep 07 10:00:02 mx1 postfix/qmgr[42]: 5464E12D687: removed\\n","time":"2025-09-07T08:00:02.123456789Z"}',
            SEPTEMBER._replace(stamp="2025-09-07T08:00:02.123456Z"),
        ),
        (b"2025-09-07T10:00:02.123456789Z stdout F postfix/qmgr[42]: " + TEXT, UTC_STAMP._replace(host="")),
        (b"2025-09-07T10:00:02.123456789Z stderr F Sep  7 12:00:02 mx1 postfix/qmgr[42]: " + TEXT, UTC_STAMP),
        (b"2025-09-07T10:00:02.123456789Z stdout P:tag <22>Sep  7 12:00:02 mx1 postfix/qmgr[42]: " + TEXT, UTC_STAMP),
        (b"2025-09-07T10:00:02.123456789Z stdout X postfix/qmgr[42]: " + TEXT, None),
        (b"2025-09-07T10:00:02.123456789Z Sep  7 12:00:02 mx1 postfix/qmgr[42]: " + TEXT, UTC_STAMP),  # docker logs -t
        (b"mail-1  | 2025-09-07T10:00:02.123456789Z Sep  7 12:00:02 mx1 postfix/qmgr[42]: " + TEXT, UTC_STAMP),
        (b"[pod/mail-0/postfix] Sep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, SEPTEMBER),
        (b"Sep  7 10:00:02 Sep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, None),
        (b"Sep  7 10:00:02 mx1 last message repeated 3 times", None),
        (b"Foo  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, None),
        (b"Sep  7 10:70:02 mx1 postfix/qmgr[42]: " + TEXT, None),
        (b"Sep  7 10:00:02 mx1 postfix/qm", None),
        (b"> Sep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT, None),
        (b"From ann@acme.example Wed Sep 17 16:03:12 2025", None),
        (b"", None),
        (b"{" * 100_000, None),
        (b"[" * 10, None),
    ],
)
def test_envelopes(line: bytes, expected: Envelope | None) -> None:
    assert envelope(line) == expected


LINE = "Sep  7 10:00:02 mx1 postfix/qmgr[42]: " + TEXT.decode()
DOCKER = UTC_STAMP._replace(stamp="2025-09-07T08:00:02Z")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"log": LINE + "\n", "stream": "stdout", "time": "2025-09-07T08:00:02Z"}, DOCKER),
        ({"date": 1757232002.5, "log": LINE}, DOCKER._replace(stamp="2025-09-07T08:00:02.500000Z")),  # Fluent Bit
        ({"@timestamp": "2025-09-07T08:00:02Z", "message": LINE, "log": {"file": {"path": "/var/log/x"}}}, DOCKER),
        ({"@timestamp": "2025-09-19T08:00:02Z", "message": LINE}, SEPTEMBER),  # shipped long after it was written
        ({"_index": "x", "_source": {"@timestamp": "2025-09-07T08:00:02Z", "message": LINE}}, DOCKER),
        (
            {
                "@timestamp": "2025-09-07T08:00:02Z",
                "message": TEXT.decode(),
                "host": {"hostname": "mx1"},
                "process": {"name": "postfix/qmgr", "pid": 42},
            },
            DOCKER,
        ),
        (
            {
                "@timestamp": "2025-09-07T08:00:02Z",
                "message": TEXT.decode(),
                "host.name": "mx1",
                "process.name": "postfix/qmgr",
                "process.pid": 42,
            },
            DOCKER,
        ),
        (
            {
                "version": "1.1", "host": "mx1", "short_message": TEXT.decode(), "timestamp": 1757232002, "_program": "postfix/qmgr", "_pid": "42",
            },
            DOCKER._replace(stamp="2025-09-07T08:00:02.000000Z"),
        ),
        ({"version": "1.1", "host": "mx9", "short_message": "Sep 7", "full_message": LINE}, SEPTEMBER),
        ({"timestamp": 1757232002000, "message": LINE, "program": "postfix/qmgr"}, DOCKER._replace(stamp="2025-09-07T08:00:02.000000Z")),
        ({"message": TEXT.decode(), "hostname": "mx1", "appname": "postfix/qmgr", "procid": 42, "timestamp": "2025-09-07T08:00:02Z"}, DOCKER),
        ({"host": "mx1", "ident": "postfix/qmgr", "pid": "42", "message": TEXT.decode()}, SEPTEMBER._replace(stamp="")),
        ({"program": "app", "message": LINE, "timestamp": "2025-09-07T08:00:02Z"}, Envelope("2025-09-07T08:00:02Z", "", "app", "", LINE.encode())),
        ({"SYSLOG_IDENTIFIER": "c0ffee", "MESSAGE": LINE, "_TRANSPORT": "stdout"}, SEPTEMBER),
        ({"SYSLOG_IDENTIFIER": "c0ffee", "MESSAGE": LINE, "CONTAINER_NAME": "mail"}, SEPTEMBER),
        ({"SYSLOG_IDENTIFIER": "app", "MESSAGE": LINE, "_TRANSPORT": "syslog"}, Envelope("", "", "app", "", LINE.encode())),
        ({"SYSLOG_IDENTIFIER": "app", "MESSAGE": [[97, 255], [98]]}, Envelope("", "", "app", "", b"a\xff")),
        ({"SYSLOG_IDENTIFIER": "app", "MESSAGE": [[["x"]]]}, Envelope("", "", "app", "", b"")),
        ({"message": LINE, "time": float("nan"), "timestamp": True, "date": 1e300}, SEPTEMBER),
        ({"message": ["x"], "log": {"x": 1}}, None),
        ({"MessageID": "x", "Recipients": []}, None),
        ({"message": '{"message": 1}'}, None),
    ],
)  # fmt: skip
def test_lines_that_shippers_wrap(record: object, expected: Envelope | None) -> None:
    assert envelope(json.dumps(record).encode()) == expected


@pytest.mark.parametrize(
    ("inner", "outer", "believed"),
    [
        ("--09-07T10:00:02", "2025-09-07T08:00:03Z", "outer"),
        ("--01-01T01:00:00", "2025-12-31T23:00:00Z", "outer"),
        ("--12-31T23:00:00", "2026-01-01T01:00:00Z", "outer"),
        ("--02-29T23:59:59", "2024-03-01T00:00:01Z", "outer"),
        ("2025-09-07T10:00:02", "2025-09-07T08:00:03+02:00", "outer"),
        ("2024-09-07T10:00:02", "2025-09-07T08:00:03Z", "inner"),
        ("2025-09-07T10:00:02Z", "2025-09-07T10:00:03Z", "inner"),
        ("--09-07T10:00:02", "2025-09-08T10:00:03Z", "inner"),
        ("--09-07T00:00:02", "2025-09-07T20:00:03Z", "inner"),
        ("--09-07T10:00:02", "2025-09-07T10:00:03", "inner"),
        ("--09-31T10:00:02", "2025-09-07T10:00:03Z", "inner"),
        ("--09-07T10:00:02", "0001-01-01T00:00:00+02:00", "inner"),
        ("", "2025-09-07T10:00:03Z", "outer"),
        ("--09-07T10:00:02", "", "inner"),
    ],
)
def test_which_of_two_stamps_is_believed(inner: str, outer: str, believed: str) -> None:
    assert nearer(inner, outer) == {"inner": inner, "outer": outer}[believed]


@pytest.mark.property
@settings(max_examples=100)
@given(st.binary(max_size=80), st.sampled_from([b"", b"Sep  7 10:00:02 ", b"<22>1 ", b'{"log":', b'{"MESSAGE":', b"\0", b"a | "]))
def test_no_bytes_raise(tail: bytes, head: bytes) -> None:
    envelope(head + tail)
    syslog.stamp(head + tail)
    syslog.address_end(head + tail, 0, (b",",), may_end=True)
    assert syslog.lost_messages("rsyslogd", head + tail) == 0


def test_stamps_are_what_a_file_clock_reads() -> None:
    at = FileClock().resolve(syslog.stamp(b"2025-09-17T16:03:12.345900+02:00"))
    assert at is not None
    assert at.slack == 0
    clock = infer_clock([(syslog.stamp(b"Sep 17 16:03:12"), at.at)] * 3)
    again = clock.resolve(syslog.stamp(b"Sep  7 10:00:02"))
    assert again is not None
    assert again.at.isoformat() == "2025-09-07T08:00:02+00:00"


@pytest.mark.parametrize(
    ("program", "payload", "expected"),
    [
        ("rsyslogd", b"imjournal: 52011 messages lost due to rate-limit", 52011),
        ("rsyslogd-2177", b"imuxsock lost 512 messages from pid 42 due to rate-limiting", 512),
        ("systemd-journald", b"Suppressed 812 messages from system.slice/system-postfix.slice", 812),
        ("systemd-journald", b"Suppressed 812 messages from postfix.service", 812),
        ("systemd-journald", b"Suppressed 812 messages from nginx.service", 0),
        ("systemd-journald", b"Suppressed 812 messages from exim4.service", 812),
        ("systemd-journald", b"Suppressed 812 messages from docker.service", 812),
        ("systemd-journald", b"Forwarding to syslog missed 5 messages.", 5),
        ("rsyslogd", b"imjournal: begin to drop messages due to rate-limiting", 1),
        ("rsyslogd", b"imuxsock[pid: 42]: 43 messages lost due to rate-limiting (500 allowed within 5 seconds)", 43),
        ("syslog-ng", b"Destination queue full, dropping message; queue_len='10000'", 1),
        ("syslog-ng", b"Log statistics; processed='center(queued)=50', dropped='dst.file(d_mail)=10'", 1),
        ("syslog-ng", b"Log statistics; processed='center(queued)=50', dropped='dst.file(d_mail)=0'", 0),
        ("systemd-journald", b"Missed 12 kernel messages", 0),
        ("systemd-journald", b"System Journal is 8.0M, max 512.0M", 0),
        ("postfix/smtp", b"imjournal: 52011 messages lost due to rate-limit", 0),  # a remote host may say anything
    ],
)
def test_only_the_logger_says_what_it_lost(program: str, payload: bytes, expected: int) -> None:
    assert syslog.lost_messages(program, payload) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"message repeated 2 times: [ a: [b]]", b"a: [b]"),
        (b"message repeated 2 times: [a]", b"a"),
        (b"a message repeated 2 times: [ x]", None),
        (b"last message repeated 3 times", None),
    ],
)
def test_repeated(payload: bytes, expected: bytes | None) -> None:
    assert syslog.repeated(payload) == expected


@pytest.mark.parametrize(
    ("line", "end"),
    [
        (b"a@b>, relay=x", 3),
        (b"a>, b@c>, relay=x", 7),
        (b'"a>, relay=b"@c>, relay=x', 15),
        (b'"a\\"b>, relay=b"@c>, relay=x', 18),
        (b'"a>, relay=x', 2),  # an open quote is an ordinary character
        (b"a@b>", -1),
        (b"a@b", -1),
    ],
)
def test_an_address_ends_before_its_follower(line: bytes, end: int) -> None:
    assert syslog.address_end(line, 0, (b", relay=",)) == end


def piece(outcomes: str, file: str = "f") -> Fragment:
    """Recipients of one message: d delivered, b bounced, t deferred, a deferred after DATA."""
    kinds = {"d": Outcome.DELIVERED, "b": Outcome.BOUNCED, "t": Outcome.DEFERRED, "a": Outcome.DEFERRED}
    found = tuple(
        Recipient(
            "x@y.example", Role.ENVELOPE, kinds[one], reply="(in reply to end of DATA command)" if one == "a" else "", start=at
        )
        for at, one in enumerate(outcomes)
    )
    return Fragment("k", Observation(Span(file, "", 0, 9), "s", "queue", Route.SMTP, Direction.UNKNOWN, recipients=found))


@pytest.mark.parametrize(
    ("outcomes", "start"),
    [("tb", 1), ("td", 1), ("db", 0), ("dd", 0), ("bt", 1), ("ab", 0), ("aat", 1), ("abd", 2), ("tbtb", 3)],
)
def test_which_record_decides(outcomes: str, start: int) -> None:
    one = syslog.joined([piece(outcomes)], lambda _: FileClock())
    assert [recipient.start for recipient in one.recipients] == [start]


def test_a_record_of_another_file_has_no_place_but_a_word() -> None:
    one = syslog.joined([piece("t", "old"), piece("d", "new")], lambda _: FileClock())
    assert one.span.evidence == "new"
    assert [(recipient.outcome, recipient.start) for recipient in one.recipients] == [(Outcome.DELIVERED, 0)]


@pytest.mark.property
@settings(max_examples=100)
@given(st.lists(st.sampled_from(list("tdba")), max_size=6), st.booleans())
def test_one_piece_is_joined_as_any_number_are(outcomes: list[str], known: bool) -> None:
    clock = FileClock((), (datetime(2025, 9, 1), datetime(2025, 9, 9))) if known else FileClock()  # noqa: DTZ001  naive by definition
    alone = piece("".join(outcomes))
    empty = dataclasses.replace(alone, observation=dataclasses.replace(alone.observation, recipients=()))
    assert syslog.joined([alone], lambda _: clock) == syslog.joined([alone, empty], lambda _: clock)


_ANCHORS = st.lists(st.tuples(st.integers(0, 370 * 86_400), st.sampled_from([0, 3600, 7200])), max_size=4)
_FIRST = datetime(2024, 12, 30)  # noqa: DTZ001  naive as all anchors


@pytest.mark.property
@settings(max_examples=100)
@given(_ANCHORS, st.lists(st.integers(-90_000, 90_000), min_size=1, max_size=6), st.booleans(), st.data())
def test_a_clock_that_remembers_a_day_reads_its_stamps_as_one_that_does_not(
    found: list[tuple[int, int]], seconds: list[int], yearless: bool, draw: st.DataObject
) -> None:
    anchors = sorted((_FIRST + timedelta(seconds=at), offset) for at, offset in found)
    times = [at for at, _ in anchors] or [_FIRST]
    clock = FileClock(tuple(anchors), (times[0], times[-1]))
    for number in seconds:
        days = draw.draw(st.sampled_from([0, 31, -31, 183]))  # where a zone or a year may cease to be the nearest
        at = draw.draw(st.sampled_from(times)) + timedelta(days=days, seconds=number)
        text = at.isoformat()
        text = "-" + text[4:] if yearless else text
        naive = clock._dated(text) if yearless else at
        assert clock.resolve(text) == clock._placed(naive, "syslog")


@pytest.mark.parametrize(
    "text",
    [
        "2025-09-17T16:03:12Z", "2025-09-17T16:03:12.5+02:00", "2025-09-17T16:03:12.123456789-0330", "2025-09-17T23:59:60Z", "2025-09-17T24:00:00Z",
        "2025-09-17T16:03:12+14:00", "2025-09-17T16:03:12+13:59", "2025-09-17T16:03:12+15:00", "2025-09-17T16:03:12+13:60", "2025-02-30T16:03:12Z",
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2025-09-17T16:03:12", "2025-09-17T16:03:12z", "2025-09-17T16:03Z", "٢025-09-17T16:03:12Z",
    ],
)  # fmt: skip
def test_the_short_way_to_an_iso_time_is_the_long_one(text: str) -> None:
    assert iso_moment(text) == other_iso(text)


def test_a_day_in_which_trust_in_a_zone_ends_is_not_read_as_one() -> None:
    clock = FileClock(((datetime(2025, 9, 7, 12), 7200),), (datetime(2025, 9, 7), datetime(2025, 9, 8)))  # noqa: DTZ001  naive as all anchors
    slacks = [at.slack for text in ("--10-08T11:59:59", "--10-08T12:00:01") if (at := clock.resolve(text))]
    assert slacks == [0, 3600]
