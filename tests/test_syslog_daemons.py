"""The lines of one mail server's programs: the same in any form of a log, whatever stands before them, and for any cut."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import MemorySource, defects, observations, read, spans_of, statements

from forensics import syslog
from forensics.addresses import canonical
from forensics.model import Defect, Observation, Statement
from forensics.parsers import opensmtpd, sendmail
from forensics.plugins import Parser
from forensics.syslog import Addresses, Cut, Daemons, Ledger, daemon_lines, envelope, is_log_of

Q, S = "58HE3CaB004711", "1f2e3d4c5b6a7988"
TEXTS = {
    "sendmail": [
        f"{Q}: from=<app@acme.example>, size=909, class=0, nrcpts=2, msgid=<m1@acme.example>, proto=ESMTP, daemon=MTA, relay=app1 [192.0.2.10]",
        f"{Q}: to=<bob@customer.example>,<eve@b.example>, ctladdr=<app@acme.example> (1/1), delay=1, mailer=esmtp, relay=mx. [192.0.2.25], dsn=2.0.0, stat=Sent (ok)",
        f"{Q}: to=<zoë@müller.example>, delay=00:00:02, mailer=esmtp, relay=mx. [192.0.2.25], dsn=4.0.0, stat=Deferred: x",
        "starting daemon (8.17.1): SMTP",
    ],
    "opensmtpd": [
        f"{S} smtp connected address=192.0.2.10 host=app1.acme.example",
        f"{S} smtp message msgid=b7c8d9e0 size=1615 nrcpt=2 proto=ESMTP",
        f"{S} smtp envelope evpid=b7c8d9e011223344 from=<app@acme.example> to=<bob@customer.example>",
        f"{S} smtp envelope evpid=b7c8d9e055667788 from=<app@acme.example> to=<zoë@müller.example>",
        f"{S} smtp disconnected reason=quit",
        f'{S} mta delivery evpid=b7c8d9e011223344 from=<app@acme.example> to=<bob@customer.example> rcpt=<-> source="-" relay="192.0.2.25 (mx)" delay=2s result="Ok" stat="250 ok"',
    ],
}
PROGRAMS = {"sendmail": "sm-mta", "opensmtpd": "smtpd"}
PARSERS: dict[str, Parser] = {"sendmail": sendmail.PARSER, "opensmtpd": opensmtpd.PARSER}
AT = "2025-09-17T14:03:12.345678901Z"
MICRO = 1758117792345900


def rows(name: str) -> list[str]:
    return [f"Sep 17 16:03:12 mx1 {PROGRAMS[name]}[7]: {text}" for text in TEXTS[name]]


def exported(name: str, *, raw: bool = False) -> bytes:
    """The rows as `journalctl -o export` writes them."""
    out = b""
    for number, text in enumerate(TEXTS[name]):
        value = text.encode()
        message = b"MESSAGE\n" + len(value).to_bytes(8, "little") + value + b"\n" if raw else b"MESSAGE=" + value + b"\n"
        fields = (
            f"__CURSOR=s=1;i={number}\n__REALTIME_TIMESTAMP={MICRO}\n_HOSTNAME=mx1\nSYSLOG_IDENTIFIER={PROGRAMS[name]}\n_PID=7\n"
        )
        out += fields.encode() + message + b"_COMM=x\n\n"
    return out


def as_json(name: str, *, numbers: bool = False) -> bytes:
    """The rows as `journalctl -o json` writes them; `numbers` where the text is no UTF-8."""
    out = ""
    for text in TEXTS[name]:
        message: object = list(text.encode()) if numbers else text
        record = {
            "__REALTIME_TIMESTAMP": str(MICRO),
            "_HOSTNAME": "mx1",
            "SYSLOG_IDENTIFIER": PROGRAMS[name],
            "_PID": "7",
            "MESSAGE": message,
        }
        out += json.dumps(record) + "\n"
    return out.encode()


def form(kind: str, name: str) -> bytes:
    """The rows in another form of a log."""
    plain, program = "\n".join(rows(name)) + "\n", PROGRAMS[name]
    forms = {
        "plain": plain,
        "windows": plain.replace("\n", "\r\n"),
        "priority": "".join(f"<22>{row}\n" for row in rows(name)),
        "facility": plain.replace(" mx1 ", " <mail.info> mx1 "),
        "solaris": plain.replace("[7]: ", "[7]: [ID 100200 mail.notice] "),
        "year": plain.replace("16:03:12 ", "16:03:12 2025 "),
        "iso": plain.replace("Sep 17 16:03:12", "2025-09-17T16:03:12.345900+02:00"),
        "rfc5424": "".join(f"<22>1 {AT[:23]}Z mx1 {program} 7 - - {text}\n" for text in TEXTS[name]),
        "compose": "".join(f"mail-1  | {row}\n" for row in rows(name)),
        "pieces": "".join(f"{AT} stdout P {row[:50]}\n{AT} stdout F {row[50:]}\n" for row in rows(name)),
        "docker": "".join(json.dumps({"log": row + "\n", "stream": "stdout", "time": AT}) + "\n" for row in rows(name)),
    }
    if kind in forms:
        return forms[kind].encode()
    if kind.startswith("utf"):
        return ("\ufeff" + plain.replace("\n", "\r\n")).encode(kind)
    return {
        "no mark": lambda: plain.encode("utf-16-le"), "export": lambda: exported(name), "binary": lambda: exported(name, raw=True),
        "json": lambda: as_json(name), "numbers": lambda: as_json(name, numbers=True),
    }[kind]()  # fmt: skip


KINDS = [
    "plain", "windows", "priority", "facility", "solaris", "year", "iso", "rfc5424", "compose", "pieces", "docker",
    "utf-16-le", "utf-16-be", "no mark", "export", "binary", "json", "numbers",
]  # fmt: skip
BOTH = pytest.mark.parametrize("name", sorted(PARSERS))


def told(found: list[Observation]) -> list[object]:
    return [
        (one.server, [name.partition("@")[0] for name in one.ids], one.sender, one.size, one.declared, one.direction,
         [fact for fact in one.facts if fact[0] != "partial"], [(r.address, r.written, r.original, r.outcome, r.reply) for r in one.recipients])
        for one in found
    ]  # fmt: skip


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_any_form_and_any_cut_of_a_log_tells_the_same(name: str, kind: str) -> None:
    parser, data = PARSERS[name], form(kind, name)
    expected = observations(parser, data)
    assert told(expected) == told(observations(parser, form("plain", name)))
    assert sum(len(one.recipients) for one in expected) == len(TEXTS[name]) - 1 - (name == "opensmtpd") * 3
    assert parser.sniff(data[:65536], "mail.log")
    assert defects(parser, data) == []
    tally = statements(parser, data)[-1]
    assert (tally.value, tally.rows) == (len(TEXTS[name]), 1)
    for cut in (1, 7, 64, 333):
        assert told(observations(parser, data, cut=cut)) == told(expected)
        assert read(parser, data, block=cut) == read(parser, data)


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_a_place_holds_its_whole_line(name: str, kind: str) -> None:
    data = form(kind, name)
    codec = kind if kind.startswith("utf") else "utf-16-le" if kind == "no mark" else "utf-8"
    for one in observations(PARSERS[name], data):
        for recipient in one.recipients:
            place = data[recipient.start : recipient.end].decode(codec, "replace")  # a length is no text
            assert kind == "numbers" or recipient.address.partition("@")[0].partition("\u00eb")[0] in place
            assert place.count("\n") <= ("pieces" in kind) + 9 * (kind in {"export", "binary"})


@BOTH
def test_why_a_line_cannot_be_read_is_told(name: str) -> None:
    for data, reason in (
        (exported(name, raw=True)[:-30], "a journal record ends within a field"),
        (form("plain", name) + b"x" * (1 << 21), "a line is longer than any line of a log"),
    ):
        (defect,) = (one for one in read(PARSERS[name], data) if isinstance(one, Defect))
        assert defect.reason == reason
        assert defect.span.end <= len(data)


@BOTH
def test_wide_lines_behind_plain_ones_are_told(name: str) -> None:
    first, *others = rows(name)
    data = (first + "\n").encode() + ("\ufeff" + "\n".join(others)).encode("utf-16-le")
    assert len(defects(PARSERS[name], data)) == len(others)


@BOTH
def test_a_letter_a_field_or_a_piece_forges_no_line(name: str) -> None:
    (*_, last), forged = rows(name), rows(name)[1].replace("bob@", "forged@").replace("app@", "forged@")
    inner = b"x\n\n" + exported(name).replace(b"bob@", b"forged@")
    hostile = [
        ("\ufeff" + "\n".join([rows(name)[0], last + "\u0a41\u010a" + forged])).encode("utf-16-le"),
        exported(name).replace(b"_COMM=x\n", b"COREDUMP\n" + len(inner).to_bytes(8, "little") + inner + b"\n"),
        f"{AT} stdout F {rows(name)[0]}\n{AT} stdout P {last[:-1]}\n{AT} stdout F {forged}\n".encode(),
    ]
    for data in hostile:
        found = observations(PARSERS[name], data)
        assert found
        assert not [one for one in found if one.sender.startswith("forged")]
        assert not [r for one in found for r in one.recipients if r.address.startswith("forged")]


@BOTH
@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be"])
def test_mails_and_logs_of_others_are_none(name: str, codec: str) -> None:
    plain = "\n".join(rows(name) * 9)
    other = next(one for one in PARSERS if one != name)
    for text, expected in (
        (plain, True),
        ("Subject: our log\n\n" + plain, False),
        ("From ann@acme.example Wed Sep 17 16:03:12 2025\n\n" + plain, False),
        (plain + "\nSep 17 16:03:12 mx1 postfix/smtpd[7]: connect from a[192.0.2.1]\n", False),
        ("see:\n" * 99 + plain, False),
        ("\n".join(rows(other)), False),
        (plain.replace(" mx1 ", " mx1 x"), False),
    ):
        assert PARSERS[name].sniff(("\ufeff" * (codec != "utf-8") + text).encode(codec), "") is expected


# --- the memory of who wrote a line --------------------------------------------------------------------------------------------

OURS = Daemons("a line of ours", ("ours", "ours-2").__contains__, re.compile(rb"\bours\b"))
Said = tuple[int, int, str, str, bytes, bytes]


def fast(data: bytes, cut: int | None = None) -> tuple[list[Said], list[object], int, int]:
    """What was told of our lines, the records of others, and the account of all lines."""
    told: list[Said] = []
    records: list[object] = []
    total = ignored = 0

    def tell(book: Ledger, host: str, process: bytes, text: bytes) -> None:
        told.append((book.start, book.end, book.stamp, host, process, text))

    for span in spans_of(data, cut):
        book = Ledger(span, "ours")
        records += daemon_lines(MemorySource(span, "", data), OURS, book, tell)
        total += book.total
        ignored += book.ignored
    return told, records, total, ignored


def slow(data: bytes) -> tuple[list[Said], list[object], int, int]:
    """The same, line by line, without any memory."""
    (span,) = spans_of(data, None)
    book = Ledger(span, "ours")
    told: list[Said] = []
    for book.start, book.end, line in syslog.log_lines(MemorySource(span, "", data)):
        book.total += 1
        found = envelope(line)
        if isinstance(line, Cut):
            book.defect(line.reason)
        elif found is None and OURS.mentioned.search(line.replace(b"\0", b"")):
            book.defect("host, program or time of a line of ours cannot be read; the line may be cut")
        elif found and (lost := syslog.lost_messages(found.program, found.payload)):
            book.ready.append(Statement(book.here(), "ours", "lost", scope=found.host, value=lost, stamp=found.stamp))
        elif found and OURS.is_ours(found.program):
            told.append((book.start, book.end, found.stamp, found.host, found.pid.encode(), found.payload))
        else:
            book.ignored += 1
    return told, list(book.ready), book.total, book.ignored


_STAMPS = [
    "Sep 17 16:03:12 ", "Sep  7 16:03:12 ", "Sep 17 16:03:13 ", "Sep 17 16:99:12 ", "Sep 17 16:03:12 2025 ", "2025-09-17T16:03:12.345678Z ",
    "2025-09-17T16:03:12+02:00 ", "2025-09-17 16:03:12 ", "2025-09-17T16:03:12 +02:00 ", "<22>Sep 17 16:03:12 ", "",
]  # fmt: skip
_TAGS = [
    "mx1 ours[7]: ", "mx1 ours[8]: ", "mx2 ours[7]: ", "mx1 ours-2[7]: ", "mx1 ours: ", "mx1 ours[7]", "mx1 ours[7]:", "mx1 ours[7: ", "mx1  ours[7]: ",
    "mx1 cron[7]: ", "2025 ours[7]: ", "Z ours[7]: ", "ours[7]: ", "mx1 ours[12345678901]: ", "mx1 ours[x]: ", "<mail.info> mx1 ours[7]: ",
    "mx1 rsyslogd[7]: ", "mx1 ours[7]: [ID 1 mail.info] ", "mx1 cron[7]: [ID 1 mail.info] ", "xmx1 ours[7]: ", "mx1 x/ours[7]: ", "\0mx1 ours[7]: ",
]  # fmt: skip
_SAID = ["a: b", "", "12 messages lost", "message repeated 2 times: [ a]", "ours", "mx1 ours[7]: a"]
_LINES = st.tuples(st.sampled_from(_STAMPS), st.sampled_from(_TAGS), st.sampled_from(_SAID)).map("".join)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(_LINES, max_size=25), st.integers(1, 200))
def test_a_line_means_the_same_whatever_was_met_before_it(lines: list[str], cut: int) -> None:
    data = "\n".join(lines).encode()
    expected = slow(data)
    assert fast(data) == expected
    told, records, *counts = fast(data, cut)
    assert (told, counts) == (expected[0], [*expected[2:]])
    assert [(one.span, type(one)) for one in records if isinstance(one, Defect | Statement)] == [
        (one.span, type(one)) for one in expected[1] if isinstance(one, Defect | Statement)
    ]


def test_many_programs_and_processes_are_let_go() -> None:
    def lines() -> Iterator[str]:
        for number in range(20_000):
            yield f"Sep 17 16:03:12 mx{number % 5000} ours[{number}]: a: {number}"

    data = "\n".join([*lines(), *lines()]).encode()
    told, records, total, ignored = fast(data)
    assert (len(told), records, total, ignored) == (40_000, [], 40_000, 0)
    assert told[0][2:] == ("--09-17T16:03:12", "mx0", b"0", b"a: 0")
    assert told[39_999][2:] == ("--09-17T16:03:12", "mx4999", b"19999", b"a: 19999")


_PARTS = st.sampled_from(
    ["a", "B", "=", "+", ".", "_", "-", "<", ">", "@", '"', " ", ",", "(", ":", "ü", "mailto:", "customer", ".example", "\0"]
)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(_PARTS, max_size=9).map("".join), max_size=9))
def test_a_remembered_address_is_the_canonical_one(texts: list[str]) -> None:
    known = Addresses()
    for text in [*texts, *texts]:
        assert known[text.encode()] in {"", canonical(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"<Bob@Customer.example>", "bob@customer.example"),
        (b"bob@customer.example", "bob@customer.example"),
        (b"<bob@customer.example.>", ""),
        (b"<bob@customer.example", ""),
        (b"bob@customer.example>", ""),
        (b"<<bob@customer.example>>", ""),
        (b"<bob@x@customer.example>", ""),
        (b"<>", ""),
        (b"root", ""),
        (b"<" + b"a" * 400 + b"@b.example>", ""),
    ],
)
def test_addresses_of_common_form(text: bytes, expected: str) -> None:
    known = Addresses()
    assert (known[text], known[text]) == (expected, expected)
    assert len(known) == bool(expected)


def test_addresses_are_let_go() -> None:
    known = Addresses()
    for number in range(40_000):
        assert known[b"<a%d@b.example>" % number] == f"a{number}@b.example"
    assert len(known) <= 16_384


def test_a_log_is_known_by_its_words_where_programs_share_a_name() -> None:
    head = b"Sep 17 16:03:12 mx1 ours[7]: hello\n"
    for telling, expected in ((None, True), (re.compile(b"hell"), True), (re.compile(b"ello"), False), (re.compile(b"x"), False)):
        assert is_log_of(head, OURS, telling) is expected
    assert not is_log_of(head.replace(b"ours", b"yours"), OURS)
