from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import support
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forensics.dates import UNKNOWN_ZONE
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Role, Route, Span, Statement
from forensics.parsers.mbox import PARSER
from forensics.plugins import Record

X = "archive@collector.example"
SAMPLES = sorted((support.FORMATS / "mbox").glob("*.mbox"))
FROM = b"From ann@corp.example Thu Sep 18 10:00:00 2025\n"
HEAD = b"From: ann@corp.example\nTo: bob@partner.example\nDate: Thu, 18 Sep 2025 12:00:00 +0200\n"
PATCH = b"From " + b"a1" * 20 + b" Mon Sep 17 00:00:00 2001\n"


def sample(name: str) -> bytes:
    return (support.FORMATS / "mbox" / f"{name}.mbox").read_bytes()


def records(data: bytes, *, cut: int | None = None, block: int = 1 << 20) -> list[Record]:
    return support.read(PARSER, data, cut=cut, block=block)


def mails(data: bytes) -> list[Observation]:
    return support.observations(PARSER, data)


def people(mail: Observation, role: Role) -> list[str]:
    return [one.address for one in mail.recipients if one.role == role]


def place(record: Record) -> Span:
    return record.observation.span if isinstance(record, Fragment) else record.span


def test_there_are_samples_and_every_one_is_recognised() -> None:
    assert len(SAMPLES) >= 6
    assert all(PARSER.sniff(path.read_bytes()[:65536], path.name) for path in SAMPLES)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_any_cut_and_any_block_size_read_the_same(path: Path) -> None:
    data = path.read_bytes()
    whole = records(data)
    assert any(isinstance(one, Fragment) for one in whole)
    for cut in (1, 2, 3, 4, 5, 7, 48, 49, 100, 333, 1000):
        assert records(data, cut=cut) == whole, cut
    for block in (1, 5, 6, 7, 64, 1000):
        assert records(data, block=block) == whole, block


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_lines_in_crlf_tell_the_same(path: Path) -> None:
    data = path.read_bytes().replace(b"\r\n", b"\n")
    assert [told(one) for one in mails(data)] == [told(one) for one in mails(data.replace(b"\n", b"\r\n"))]


def told(mail: Observation) -> tuple[object, ...]:
    """What a mail says, without where it lies and how long its lines are."""
    return (mail.message_id, mail.ids, mail.sender, mail.subject, mail.readings, mail.recipients, mail.facts, mail.direction)


def assert_tiled(data: bytes, found: list[Record]) -> None:
    """Fragments, and defects that are no part of one, follow each other from the first byte to the last."""
    fragments = [place(one) for one in found if isinstance(one, Fragment)]
    defects = [place(one) for one in found if isinstance(one, Defect)]
    apart = [one for one in defects if not any(f.start <= one.start and one.end <= f.end for f in fragments)]
    top = [one for one in apart if not any(one != other and other.start <= one.start and one.end <= other.end for other in apart)]
    tiles = sorted({(one.start, one.end) for one in [*fragments, *top]})
    assert [start for start, _ in tiles[:1]] == ([0] if data else [])
    assert all(before[1] == after[0] for before, after in pairwise(tiles))
    assert not data or tiles[-1][1] == len(data)


LINES = [
    FROM, FROM.replace(b"\n", b"\r\n"), b"From - \n", PATCH, b">From x\n", b"From now on\n", FROM.replace(b"\n", b"\r"), HEAD.replace(b"\n", b"\r"), b"Received: by x; Thu, 18 Sep 2025 10:00:00 +0000\n",
    b"https: x\n", b"Bcc: archive@collector.example\n", b"\n", b"\r\n", b"prose\n", b"\tfolded\n", b"From", b"\xef\xbb\xbf", b"\r", b"\0", b"Subject: a",
]  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=25).map(b"".join), st.integers(1, 90), st.integers(1, 40))
@example(b"\xef\xbb\xbf" + FROM + HEAD, 2, 1)
@example(FROM + b"\nBcc: x@a.example\n\n" + FROM + HEAD + b"\n", 1, 1)
def test_parts_equal_the_whole_and_tile_it(data: bytes, cut: int, block: int) -> None:
    whole = records(data)
    assert_tiled(data, whole)
    assert records(data, cut=cut, block=block) == whole


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise(data: bytes, started: bool) -> None:
    data = FROM + HEAD + data if started else data
    found = records(data)
    assert_tiled(data, found)
    PARSER.sniff(data, "x")
    assert PARSER.body is not None
    for one in found:
        if isinstance(one, Fragment):
            assert PARSER.body(data[place(one).start : place(one).end], "mail").parts


@pytest.mark.parametrize(
    ("line", "separates"),
    [
        (b"From ann@corp.example Thu Sep 18 10:00:00 2025\nReceived: x\n\n", True),
        (b"From - \nX-Mozilla-Status: 0001\n\n", True),
        (b"From x\nSubject:\n\n", True),  # neither a date nor a blank line before is asked for
        (b"From x\n>From y\n>From z\nFrom: a@b.example\n\n", True),
        (b"From x\nDKIM-Signature: " + b"x" * 3000 + b"\n\ty\n\n", True),
        (b"From x\nRECEIVED : x\nTo: y\n\n", True),
        (b"From x\nX-Whatever: x\n\n", True),
        (b"From x\r\nReceived: x\r\n\r\n", True),
        (b"From x\nSubject: the end", True),
        (b"From now on we ship on Fridays.\nBest regards\n", False),
        (b"From the links\nhttps: they said\n\n", False),
        (b"From the kernel\n4.14.231): a line\n\n", False),
        (b"From x\nSubject: a\nprose follows\n\n", False),
        (b"From x\n\nReceived: x\n\n", False),
        (b"From x\n", False),
        (PATCH + b"From: m@else.example\nSubject: [PATCH] x\n\n", False),
        (b"From " + b"0123456789abcdef" * 4 + b" Mon Sep 17 00:00:00 2001\nFrom: m@else.example\nSubject: x\n\n", False),
        (b"From:  x\nSubject: a\n\n", False),
        (b">From x\nSubject: a\n\n", False),
        (b" From x\nSubject: a\n\n", False),
    ],
)
def test_what_separates_mails(line: bytes, separates: bool) -> None:
    before = FROM + HEAD + b"\nbody text\n"
    found = records(before + line)
    starts = [place(one).start for one in found if isinstance(one, Fragment)]
    assert starts == ([0, len(before)] if separates else [0])
    doubted = [place(one) for one in found if isinstance(one, Defect) and one.reason.startswith("ambiguous separator")]
    if not separates and line.startswith(b"From "):
        assert [(one.start, one.end) for one in doubted] == [(len(before), len(before) + line.index(b"\n") + 1)]
    else:
        assert not doubted


def test_a_patch_series_is_an_archive_and_its_constant_date_is_no_clock() -> None:
    found = mails(sample("git-patch-series"))
    assert [one.message_id for one in found] == ["patch-1@corp.example", "patch-2@corp.example"]
    assert {reading.clock for one in found for reading in one.readings} == {"date"}
    inside = mails(sample("git-patch-inside"))
    assert [one.sender for one in inside] == ["ann@corp.example"]


LATER = b"Bcc: archive@collector.example\nMessage-ID: <later@corp.example>\n"


@pytest.mark.parametrize(
    ("top", "rest", "count"),
    [
        (FROM.replace(b"\n", b"\r"), b"\r", 2),
        (b"\xef\xbb\xbf\r\r" + FROM.replace(b"\n", b"\r"), b"\r", 2),
        (FROM.replace(b"\n", b"\r"), b"\n", 2),  # a file of two systems
        (FROM.replace(b"\n", b"\r"), b"\r\n", 2),
        (FROM.replace(b"\n", b"\r\n"), b"\r\n", 2),
        (FROM.replace(b"\n", b"\r\r\n"), b"\n", 2),
        (FROM, b"\n", 2),
        (FROM, b"\r", 2),  # the line before the separator ends in LF
    ],
)
def test_lines_that_end_in_cr_alone(top: bytes, rest: bytes, count: int) -> None:
    end = b"\r" if top.endswith(b"\r") else b"\n"
    data = top + (HEAD + b"\nbody\n\n").replace(b"\n", end) + (FROM + HEAD + LATER + b"\nbody\n").replace(b"\n", rest)
    found = mails(data)
    assert len(found) == count
    if count == 2:
        assert [people(one, Role.BCC) for one in found] == [[], [X]]
        assert found[1].message_id == "later@corp.example"
    whole = records(data)
    for cut, block in ((1, 1), (2, 3), (60, 7), (100, 1000)):
        assert records(data, cut=cut, block=block) == whole, (cut, block)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_cr_ends_no_line_where_the_first_ends_in_lf(end: bytes) -> None:
    pasted = b"pasted text\r" + (FROM + HEAD).replace(b"\n", b"\r") + b"\n"
    assert len(mails((FROM + HEAD).replace(b"\n", end) + end + pasted)) == 1


def test_an_archive_in_cr_tells_the_same_as_in_lf() -> None:
    for path in SAMPLES:
        data = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        assert [told(one) for one in mails(data.replace(b"\n", b"\r"))] == [told(one) for one in mails(data)], path.name
        ends = [(one.reason, one.span.start, one.span.end) for one in support.defects(PARSER, data)]
        assert [(one.reason, *one.span[2:]) for one in support.defects(PARSER, data.replace(b"\n", b"\r"))] == ends


def test_the_dialect_does_not_hang_on_where_the_first_kilobytes_end() -> None:
    for pad in range(4080, 4100):
        top = b"From " + b"x" * (pad - 5)
        for end in (b"\r\n", b"\n"):
            data = (top + b"\n" + HEAD + b"\n\rFrom x\rTo: y@a.example\r\r").replace(b"\n", end)
            assert len(mails(data)) == 1
            assert records(data, block=1) == records(data)


def test_takeout_says_who_sent_and_which_conversation() -> None:
    sent, answer, chat, forged = mails(sample("takeout-labels"))
    assert (sent.direction, people(sent, Role.BCC)) == (Direction.SUBMITTED, ["phan@giftshop.club"])
    assert dict(sent.facts) == {"gmail_labels": "Messages envoyés,Important,Projets/Été", "thread": "1845000000000000011"}
    assert (answer.direction, dict(answer.facts)["thread"]) == (Direction.RECEIVED, "offer-1@corp.example")
    assert dict(chat.facts)["chat"] == "true"
    assert (forged.direction, forged.facts) == (Direction.RECEIVED, ())


def test_content_length_is_never_trusted() -> None:
    data = FROM + HEAD + b"Content-Length: 9999\n\nshort\n\n" + FROM + HEAD + b"Content-Length: 1\n\nlonger than that\n"
    assert len(mails(data)) == 2


def test_both_bcc_headers_and_the_deleted_mail_are_seen() -> None:
    first, second = mails(sample("sent-copy-second-bcc"))
    assert people(first, Role.BCC) == ["chief@corp.example", "phan@giftshop.club"]
    assert first.direction == second.direction == Direction.SUBMITTED
    assert ("mozilla_deleted", "true") in second.facts
    assert ("mozilla_deleted", "true") not in first.facts
    assert [one.outcome for one in first.recipients] == [Outcome.NONE] * 3
    assert first.header_known
    assert first.has_body


def test_a_postmark_copy_bears_the_apis_id_and_its_envelope() -> None:
    (mail,) = mails(sample("postmark-received-copy"))
    assert mail.message_id == "0a1b2c3d-0000-4000-8000-00000000abcd@mtasv.net"
    assert mail.ids == ("mid:offer-1@corp.example",)
    assert [(one.address, one.outcome) for one in mail.recipients if one.role == Role.TRACE] == [
        (X, Outcome.DELIVERED),
        (X, Outcome.NONE),
    ]
    assert (mail.sender, mail.envelope_sender) == ("ann@corp.example", "pm_bounces@pm-bounces.corp.example")
    assert mail.direction == Direction.RECEIVED
    assert mail.route == Route.MAILBOX
    assert mail.server == ""


def test_every_clock_is_kept_in_order() -> None:
    (mail,) = mails(sample("postmark-received-copy"))
    assert [(one.clock, one.at, one.slack) for one in mail.readings] == [
        ("date", datetime(2025, 9, 18, 10, tzinfo=UTC), 0),
        ("received_last", datetime(2025, 9, 18, 10, 0, 3, tzinfo=UTC), 0),
        ("received_first", datetime(2025, 9, 18, 10, 0, 1, tzinfo=UTC), 0),
        ("from_line", datetime(2025, 9, 18, 10, 0, 3, tzinfo=UTC), UNKNOWN_ZONE),
    ]
    takeout, undated = mails(sample("takeout"))
    assert ("from_line", datetime(2025, 9, 18, 10, tzinfo=UTC), 0) in takeout.readings
    assert [(one.clock, one.slack) for one in undated.readings] == [("date", UNKNOWN_ZONE), ("received_last", 0)]


def test_odd_heads_hide_nobody() -> None:
    first, second = mails(sample("odd-heads"))
    assert people(first, Role.BCC) == [X]
    assert people(second, Role.BCC) == ["bob@partner.example", X]


def test_threads_lists_and_automatic_mail() -> None:
    head = b"List-Id: A list <Team.lists.example>\nReferences: <root@a.example>\n <mid@a.example>\nIn-Reply-To: <mid@a.example>\n"
    assert mails(FROM + HEAD + head + b"Auto-Submitted: auto-replied\n\nx\n")[0].facts == (
        ("auto", "true"),
        ("in_reply_to", "mid@a.example"),
        ("list_id", "team.lists.example"),
        ("thread", "root@a.example"),
    )
    assert mails(FROM + HEAD + b"Auto-Submitted: no\nPrecedence: first-class\n\nx\n")[0].facts == ()
    assert mails(FROM + HEAD + b"Precedence: bulk\n\nx\n")[0].facts == (("auto", "true"),)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"To: a@a.example\n", Direction.SUBMITTED),
        (b"To: a@a.example\nBcc: b@a.example\nReceived: x\n", Direction.SUBMITTED),
        (b"To: a@a.example\nBcc: b@a.example\nReceived: x\nDelivered-To: b@a.example\n", Direction.RECEIVED),
        (b"To: a@a.example\nReceived: x\n", Direction.RECEIVED),
        (b"To: a@a.example\nDelivered-To: a@a.example\n", Direction.RECEIVED),
        (b"Return-Path: <>\nTo: a@a.example\n", Direction.RECEIVED),
        (b"From: list@a.example\nSubject: an archive without recipients\n", Direction.UNKNOWN),
    ],
)
def test_who_submitted(head: bytes, expected: Direction) -> None:
    assert mails(FROM + head + b"\nx\n")[0].direction == expected


@pytest.mark.parametrize(
    ("data", "cut_short"),
    [
        (FROM + HEAD + b"\nbody\n", False),
        (FROM + HEAD + b"\n", False),
        (FROM + HEAD + b"\nbody", True),
        (FROM + HEAD, True),
        (FROM + HEAD[:30], True),
        (FROM + HEAD + FROM + HEAD + b"\n", False),  # a mail without a body, but with another behind it
    ],
)
def test_a_file_that_ends_inside_a_mail(data: bytes, cut_short: bool) -> None:
    reasons = [one.reason for one in support.defects(PARSER, data)]
    assert reasons == (["the file ends inside a message"] if cut_short else [])
    assert mails(data)[-1].header_known is (b"\n\n" in data)


def test_what_precedes_the_first_mail_is_told() -> None:
    rest = FROM + HEAD + b"\nx\n"
    assert [one.reason for one in support.defects(PARSER, b"\n\n" + rest)] == [
        "blank lines or a byte order mark before the first separator line"
    ]
    stray = support.defects(PARSER, b"stray text\n" + rest)
    assert [(one.span.start, one.span.end, one.reason) for one in stray] == [
        (0, 11, "text that belongs to no mail before the first separator line")
    ]
    assert [one.reason for one in support.defects(PARSER, b"no mail at all\n")] == ["no separator line in the whole file"]
    assert support.statements(PARSER, rest) == []


def test_a_header_block_without_end_is_bounded_and_told() -> None:
    data = (
        FROM
        + b"Bcc: archive@collector.example\n"
        + b"X-Pad: "
        + b"x" * (3 << 20)
        + b"\nBcc: late@a.example\n\nbody\n"
        + FROM
        + HEAD
        + b"\n"
    )
    first, second = mails(data)
    assert people(first, Role.BCC) == [X]
    assert not first.header_known
    assert second.header_known
    assert first.span.end == second.span.start == data.rindex(FROM)
    assert [one.reason for one in support.defects(PARSER, data)] == [
        "the header block is longer than 1 MiB; the rest of it was not read"
    ]
    assert records(data, cut=1 << 20, block=70_001) == records(data)


def test_a_mail_larger_than_memory_keeps_its_head() -> None:
    data = FROM + HEAD + b"Bcc: archive@collector.example\n\n" + b"QUJD\n" * (1 << 20) + FROM + HEAD + b"\n"
    first, second = mails(data)
    assert people(first, Role.BCC) == [X]
    assert (first.span.start, first.span.end) == (0, second.span.start)
    assert first.size == second.span.start - len(FROM)
    assert records(data, cut=3_000_000, block=99_999) == records(data)


def test_a_head_that_names_nobody_gets_a_second_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def answer(head: bytes) -> SimpleNamespace:
        asked.append(head)
        return SimpleNamespace(to=[], cc=[], bcc=[("", "Archive@Collector.example"), ("", "no address")])

    monkeypatch.setattr("mailparser.parse_from_bytes", answer)
    odd = FROM + b"Subject: x\nX-Odd: Bcc archive@collector.example\n\nbody\n"
    (mail,) = mails(odd)
    assert people(mail, Role.BCC) == [X]
    assert mail.facts == (("second_opinion", "mail-parser"),)
    assert mails(FROM + HEAD + b"\n")[0].facts == ()  # a plain mail is not worth it
    assert len(asked) == 1

    def fail(head: bytes) -> SimpleNamespace:
        raise AttributeError(head)

    monkeypatch.setattr("mailparser.parse_from_bytes", fail)
    assert mails(odd)[0].recipients == ()


@pytest.mark.parametrize(
    "head",
    [
        b"X-Odd: Bcc a@\xff\x00\n",
        b"X: to \xed\xa0\x80@\nreceived: from [\n",
        b"X: cc @\nContent-Type: multipart/mixed; boundary\n",
    ],
)
def test_mail_parser_itself_fails_softly(head: bytes) -> None:
    assert mails(FROM + b"Subject: x\n" + head + b"\nbody\n")


def test_an_address_in_a_display_name_is_a_fact() -> None:
    (mail,) = mails(FROM + HEAD + b"Bcc: =?utf-8?q?archive=40collector.example?= <good@a.example>\n\n")
    assert people(mail, Role.BCC) == ["good@a.example"]
    assert mail.facts == (("address_in_name", X),)


def test_the_subject_is_decoded() -> None:
    assert mails(FROM + HEAD + b"Subject: =?utf-8?q?caf=C3=A9?=\n =?utf-8?q?_au_lait?=\n\n")[0].subject == "café au lait"


def test_a_body_is_the_mail_without_its_separator_and_with_its_quotes() -> None:
    assert PARSER.body is not None
    data = sample("quoted-and-unquoted-from")
    for mail in mails(data):
        body = PARSER.body(data[mail.span.start : mail.span.end], "mail")
        assert body.subject == mail.subject
        (part,) = body.parts
        assert (part.path, part.media_type) == ("", "message/rfc822")
        assert data[mail.span.start : mail.span.end].endswith(part.data)
        assert part.data.startswith((b"From: ", b"Received: "))
    assert b">From here on" in PARSER.body(data, "mail").parts[0].data


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (FROM + HEAD, True),
        (b"\xef\xbb\xbf\n\n" + FROM + HEAD, True),
        (FROM.replace(b"\n", b"\r\n") + b"Received: x\r\n", True),
        (b"From - \nX-Mozilla-Status: 0001\n", True),
        (b"From - Thu Sep 18 10:00:00 2025\nunusual: x\nTo: a@a.example\n", True),
        (FROM + b"\nReceived: blank line first\n", True),
        (PATCH + b"From: a@b.example\nDate: x\n", True),
        (b"From 1845000000000000001@xxx\nX-GM-THRID: 1\n", True),
        (b"", False),
        (b"From here on it is prose.\nAnd more of it.\n", False),
        (b"From here on: prose\nnote: a text with colons\nso: it is\n", False),
        (b"From: ann@corp.example\nTo: bob@partner.example\n\n", False),  # a single mail
        (b">From x Thu Sep 18 10:00:00 2025\nReceived: x\n", False),
        (b"Sep 18 10:00:00 host postfix/smtp[1]: x\n", False),
        (b'{"From": "x"}', False),
        (b"From,To\na@a.example,b@b.example\n", False),
    ],
)
def test_sniffing(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "anything") is expected


def test_this_parser_makes_no_statements() -> None:
    assert not any(isinstance(one, Statement) for path in SAMPLES for one in records(path.read_bytes()))


def test_crlf_is_one_line_end_when_a_separator_is_judged() -> None:
    data = (FROM + HEAD + b"\nbody\nFrom x\nSubject: a\nprose follows\n\n").replace(b"\n", b"\r\n")
    assert len(mails(data)) == 1


HEADLESS = HEAD + b"\none\n\n" + FROM + HEAD + b"Bcc: archive@collector.example\n\ntwo\n"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_an_archive_that_lost_its_first_line_is_one(end: bytes) -> None:
    data = HEADLESS.replace(b"\n", end)
    assert PARSER.sniff(data, "x")
    assert [people(one, Role.BCC) for one in mails(data)] == [[], [X]]
    assert [one.reason for one in support.defects(PARSER, data)] == [
        "the first separator line is missing: the first mail was read all the same"
    ]
    whole = records(data)
    assert_tiled(data, [one for one in whole if isinstance(one, Fragment)])
    for cut, block in ((1, 1), (60, 7), (100, 1000)):
        assert records(data, cut=cut, block=block) == whole
    assert PARSER.body is not None
    assert PARSER.body(data[: mails(data)[0].span.end], "mail").parts[0].data == data[: mails(data)[0].span.end]


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"\none\n" + FROM + HEAD,  # no empty line before: one mail may quote it
        HEAD + b"\none\n\nFrom x\n" + HEAD,  # nothing that a program wrote
        HEAD + b"\none\n\n>" + FROM + HEAD,
        HEAD + b"\none\n\n" + FROM + b"\n" + HEAD,
        HEAD + b"\none\n\n" + PATCH + HEAD,
        HEAD + b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\n' + FROM + HEAD + b"\n--b--\n",  # an attachment
        HEAD + b"\none\n",
        b"prose\n\n" + FROM + HEAD,
        b"\x01\x01\x01\x01\n" + HEADLESS,
    ],
)
def test_what_is_no_archive_without_its_first_line(data: bytes) -> None:
    assert not PARSER.sniff(data, "x")


def test_doubtful_lines_are_told_up_to_a_bound_for_each_mail() -> None:
    data = (FROM + HEAD + b"\n" + b"From x\n" * 3000) * 2
    found = records(data)
    assert [one.span for one in mails(data)] == [place(one) for one in found if isinstance(one, Fragment)]
    told = [one for one in found if isinstance(one, Defect)]
    assert len(told) == 202
    assert [one.span.end for one in told if one.reason.startswith("more than 100")] == [len(data) // 2, len(data)]
    for cut, block in ((777, 4096), (5000, 99), (len(data) // 2, 1 << 20)):
        assert records(data, cut=cut, block=block) == found
