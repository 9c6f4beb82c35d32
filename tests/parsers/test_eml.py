from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import support
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forensics.model import Defect, Direction, Fragment, Observation, Reading, Role
from forensics.parsers.eml import PARSER, maildir
from forensics.plugins import Record, discover

X = "archive@collector.example"
SAMPLES = sorted(path for path in (support.FORMATS / "eml").iterdir() if path.is_file())
HEAD = b"From: ann@corp.example\nTo: bob@partner.example\nDate: Thu, 18 Sep 2025 12:00:00 +0200\n"
BLIND = b"Bcc: archive@collector.example\n"
MAIL = HEAD + BLIND + b"Subject: Offer\n\nHello.\n"
ELSEWHERE = "attachments are not in this file: Apple Mail keeps them in a folder beside it"
COUNT = "the byte count above the mail does not lead to the property list behind it"
NO_LIST = "the property list behind the mail is missing: flags and time of arrival are not known"
CUT = "the file ends inside the header block"


def records(data: bytes, *, name: str = "sample", block: int = 1 << 20) -> list[Record]:
    return support.read(PARSER, data, name=name, block=block)


def mail(data: bytes, name: str = "sample") -> Observation:
    (found,) = [one.observation for one in records(data, name=name) if isinstance(one, Fragment)]
    return found


def reasons(data: bytes, name: str = "sample") -> list[str]:
    return [one.reason for one in records(data, name=name) if isinstance(one, Defect)]


def blind(found: Observation) -> list[str]:
    return [one.address for one in found.recipients if one.role == Role.BCC]


def clocks(found: Observation) -> list[str]:
    return [one.clock for one in found.readings]


def apple(text: bytes, *, flags: str = "1", received: str = "1758117792", count: int | None = None, top: str = '<?xml version="1.0"?>\n') -> bytes:  # fmt: skip
    listed = f"{top}<plist><dict><key>date-received</key><integer>{received}</integer>\n<key>flags</key>\n\t<integer>{flags}</integer></dict></plist>\n"
    return f"{len(text) if count is None else count:<10}\n".encode() + text + listed.encode()


def test_there_are_samples_and_every_one_is_recognised() -> None:
    assert len(SAMPLES) >= 8
    assert all(PARSER.sniff(path.read_bytes()[:65536], path.name) for path in SAMPLES)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_file_is_one_mail_and_all_of_it(path: Path) -> None:
    data = path.read_bytes()
    found = records(data)
    assert sum(isinstance(one, Fragment) for one in found) == 1
    assert_whole(data, found)
    for block in (1, 7, 100):
        assert records(data, block=block) == found


def assert_whole(data: bytes, found: list[Record]) -> None:
    """Every record is of the whole file, but for the places of doubtful separators."""
    for one in found:
        span = one.observation.span if isinstance(one, Fragment) else one.span
        if isinstance(one, Defect) and "ambiguous separator" in one.reason:
            assert 0 < span.start < span.end <= len(data)
        else:
            assert span[2:] == (0, len(data))


@pytest.mark.parametrize(
    ("above", "archive_clocks"),
    [
        (b"", []), (b"\xef\xbb\xbf", []), (b"\n", []), (b"\r\n\r\n", []), (b"\xef\xbb\xbf\n \n", []),
        (b">From ann@corp.example Thu Sep 18 10:00:00 2025\n", ["from_line"]),
        (b"From ann@corp.example Thu Sep 18 10:00:00 2025\n>From x\n", []),
        (b"\xef\xbb\xbf\n>From x\n", []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_what_stands_above_a_mail_hides_nobody(above: bytes, archive_clocks: list[str], end: bytes) -> None:
    data = (above.replace(b"\r\n", b"\n") + MAIL).replace(b"\n", end)
    found = mail(data)
    assert (blind(found), found.sender, found.subject, found.header_known) == ([X], "ann@corp.example", "Offer", True)
    assert clocks(found) == ["date", *archive_clocks]
    assert found.direction == Direction.SUBMITTED
    assert reasons(data) == []
    assert PARSER.body is not None
    body = PARSER.body(data, found.kind)
    assert (body.subject, body.unread) == ("Offer", ())
    assert body.parts[0].data == MAIL.replace(b"\n", end)
    assert found.size == len(body.parts[0].data)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be"])
def test_utf_16(codec: str) -> None:
    data = (b"\xfe\xff" if codec == "utf-16-be" else b"") + MAIL.replace(b"Offer", "Größe".encode()).decode().encode(codec)
    assert PARSER.sniff(data, "x")
    found = mail(data)
    assert (blind(found), found.subject, found.size, found.header_known) == ([X], "Größe", len(data), True)
    assert PARSER.body is not None
    assert PARSER.body(data, "mail").parts[0].data == MAIL.replace(b"Offer", "Größe".encode())
    assert mail(data[:-1]).header_known


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark(codec: str) -> None:
    text = MAIL.replace(b"Offer", "Größe".encode())
    data = text.decode().encode(codec)
    assert PARSER.sniff(data, "x")
    found = mail(data)
    assert (blind(found), found.subject, found.size, found.header_known) == ([X], "Größe", len(data), True)
    assert reasons(data) == []
    assert PARSER.body is not None
    assert PARSER.body(data, "mail").parts[0].data == text


@pytest.mark.parametrize(
    "data",
    [
        MAIL[:20].decode().encode("utf-16-le")[:30],  # too little to be sure
        b"F\0" * 3 + MAIL,
        b"\0" * 40,
        "Fröm: ἀ@a.example".encode("utf-16-le"),
    ],
)
def test_a_few_nuls_make_no_utf_16(data: bytes) -> None:
    assert not PARSER.sniff(data, "x")


@pytest.mark.parametrize(
    ("data", "expected", "known"),
    [
        (MAIL, [], True),
        (MAIL[:-1], [], True),  # many writers leave the last line open
        (HEAD + b"\n", [], True),
        (HEAD, [CUT], False),
        (HEAD[:40], [CUT], False),
    ],
)
def test_a_cut_file(data: bytes, expected: list[str], known: bool) -> None:
    assert reasons(data) == expected
    assert mail(data).header_known is known


@pytest.mark.parametrize("data", [b"prose\n", b"\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"12\n", b"\0" * 100])
def test_what_is_no_mail_is_told(data: bytes) -> None:
    assert [(type(one), one.reason) for one in records(data) if isinstance(one, Defect)] == [
        (Defect, "no mail header at the top of the file")
    ]
    assert len(records(data)) == 1


def test_an_empty_file_says_nothing() -> None:
    assert records(b"") == []


# --- Apple's .emlx -----------------------------------------------------------------------------------------------------------


def test_the_property_list_of_apple() -> None:
    data = apple(MAIL, flags=str(1 | 2 | 64 | 1 << 10))
    found = mail(data)
    assert PARSER.sniff(data, "1.emlx")
    assert found.readings[-1] == Reading("archive", datetime(2025, 9, 17, 14, 3, 12, tzinfo=UTC))
    assert found.facts == (("apple_flags", "read,deleted,draft"), ("draft", "true"), ("trashed", "true"))
    assert (found.kind, found.size, blind(found)) == ("emlx", len(MAIL), [X])
    assert reasons(data) == []
    assert PARSER.body is not None
    assert PARSER.body(data, "emlx").parts[0].data == MAIL


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (apple(MAIL, count=len(MAIL) + 1), [COUNT]),
        (apple(MAIL, count=3), [COUNT]),
        (apple(MAIL, count=10**11), [COUNT]),
        (apple(MAIL + b"\n", count=len(MAIL)), []),  # blank lines before the list
        (apple(MAIL, top=""), []),
        (apple(MAIL, top='<?xml version="1.0"?>\n<!DOCTYPE plist PUBLIC "x" "y">\n'), []),
        (b"%d\n" % len(MAIL) + MAIL, [NO_LIST]),
        (apple(MAIL)[:-10], [NO_LIST]),
        (apple(MAIL) + b"and more text", [NO_LIST]),
    ],
)
def test_the_byte_count_is_not_believed(data: bytes, expected: list[str]) -> None:
    assert reasons(data) == expected
    assert (blind(mail(data)), mail(data).subject) == ([X], "Offer")
    assert PARSER.body is not None
    text = PARSER.body(data, "emlx").parts[0].data
    assert text.startswith(MAIL)
    assert (b"<plist>" in text) is (b"<plist>" in data and expected == [NO_LIST])


def test_a_list_inside_the_text_ends_no_mail() -> None:
    inner = HEAD + b"\n<?xml version='1.0'?><plist><dict><key>flags</key><integer>2</integer></dict></plist>\nsecret 4711\n"
    for data in (apple(inner), apple(inner, count=len(HEAD) + 1)):  # a count that leads to the wrong list
        assert PARSER.body is not None
        assert PARSER.body(data, "emlx").parts[0].data == inner
        assert dict(mail(data).facts) == {"apple_flags": "read"}
    assert reasons(apple(inner, count=len(HEAD) + 1)) == [COUNT]


@pytest.mark.parametrize("received", ["0", "99999999999999999999", "780000000", "-1", "x", "4102444800"])
def test_a_time_that_is_none_is_no_clock(received: str) -> None:
    assert clocks(mail(apple(MAIL, received=received))) == ["date"]


@pytest.mark.parametrize("flags", ["0", "x", "-3", "99999999999999999999999"])
def test_flags_that_say_nothing(flags: str) -> None:
    assert mail(apple(MAIL, flags=flags)).facts == ()


def test_attachments_that_lie_elsewhere_are_told() -> None:
    stripped = apple(HEAD + b'Content-Type: multipart/mixed; boundary="b"\n\n--b\nX-Apple-Content-Length: 48213\n\n--b--\n')
    assert reasons(stripped) == [ELSEWHERE]
    assert reasons(apple(MAIL), "7.partial.emlx") == reasons(apple(MAIL), "7.PARTIAL.EMLX") == [ELSEWHERE]
    assert reasons(apple(MAIL), "7.partial.emlx.gz") == [ELSEWHERE]
    assert reasons(apple(MAIL), "7.emlx") == reasons(apple(MAIL), "partial.emlx") == []
    assert reasons(HEAD + b"\nX-Apple-Content-Length: 1\n") == []  # no .emlx
    assert reasons(apple(HEAD + b"\nnot at the start of a line X-Apple-Content-Length: 1\n")) == []
    assert PARSER.body is not None
    assert mail(stripped).kind == "partial"
    assert [one.reason for one in PARSER.body(stripped, "partial").unread] == [ELSEWHERE]
    for block in (1, 2, 23, 24, 25):
        assert records(stripped, block=block) == records(stripped)


# --- Maildir -----------------------------------------------------------------------------------------------------------------

AT = Reading("archive", datetime(2025, 9, 17, 14, 3, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "clocked", "facts"),
    [
        ("1758117792.M1P2.host:2,ST", True, {"maildir_flags": "ST", "trashed": "true"}),
        ("1758117792.M1P2.host:2,", True, {}),
        ("1758117792.M1P2.host:2,S", True, {"maildir_flags": "S"}),
        ("1758117792.M1P2.host:2,DS", True, {"maildir_flags": "DS", "draft": "true"}),
        ("1758117792.M1P2.host:2,St", True, {"maildir_flags": "St"}),  # lower case letters are keywords
        ("1758117792.M1P2.host,S=4711,W=4800:2,S", True, {"maildir_flags": "S"}),
        ("1758117792.M1P2.host!2,T", True, {"maildir_flags": "T", "trashed": "true"}),
        ("1758117792.M1P2.host;2,T", True, {"maildir_flags": "T", "trashed": "true"}),
        ("1758117792.M1P2.host_2,T", True, {"maildir_flags": "T", "trashed": "true"}),
        ("1758117792.M1P2.host-2,S", True, {"maildir_flags": "S"}),
        ("1758117792.M1P2.host%3A2,S", True, {"maildir_flags": "S"}),
        ("1758117792.M1P2.host\uf0222,S", True, {"maildir_flags": "S"}),  # as file servers write ":" for Windows
        ("1758117792.M1P2.host\uf03a2,S", True, {"maildir_flags": "S"}),  # as Cygwin does
        ("1758117792.4711_2.host,S=99", True, {}),  # no flags: "_2" is of the unique name
        ("1758117792.M1P2.host", True, {}),  # in new/
        ("1758117792.4711_3.mail.corp.example", True, {}),
        ("1758117792.host:2,S", True, {"maildir_flags": "S"}),
        ("1758117792.eml", False, {}),
        ("1758117792.4711.eml", False, {}),
        ("1758117792.host", False, {}),
        ("1758117792", False, {}),
        ("175811779.M1P2.host:2,S", False, {"maildir_flags": "S"}),  # 1975
        ("9999999999.M1P2.host:2,S", False, {"maildir_flags": "S"}),
        ("17581177922.M1P2.host:2,S", False, {}),
        ("mail.1758117792.M1P2.host:2,S", False, {}),
        ("1758117792.M1P2.host:2,S/T", False, {}),
        ("1758117792.M1P2.host:2,S\n", False, {}),
        ("", False, {}),
    ],
)
def test_the_name_of_a_maildir_member(name: str, clocked: bool, facts: dict[str, str]) -> None:
    readings, told = maildir(name)
    assert readings == ((AT,) if clocked else ())
    assert dict(told) == facts
    found = mail(MAIL, name)
    assert found.readings[1:] == readings
    assert dict(found.facts) == facts


# --- an archive that lost its first line -----------------------------------------------------------------------------------

SEPARATOR = b"From ann@corp.example Thu Sep 18 10:00:00 2025\n"
DOUBT = "ambiguous separator: a mail of its own may begin here, but the file was read as one mail"


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        (SEPARATOR + HEAD, True),
        (b"From - \n" + HEAD, True),
        (b"From x\nSubject: neither a date nor a blank line is asked for\n\n", True),
        (SEPARATOR + b">From y\n>From z\nReceived: x\n\n", True),
        (SEPARATOR + b"RECEIVED : x\n\tfolded\n\n", True),
        (SEPARATOR + b"DKIM-Signature: " + b"x" * 5000 + b"\n\n", True),
        (SEPARATOR + b"Subject: the end", True),
        (SEPARATOR + b"Subject: the end\n", True),
        (b">" + SEPARATOR + HEAD, False),
        (b"> " + SEPARATOR + HEAD, False),
        (b" " + SEPARATOR + HEAD, False),
        (SEPARATOR + b"\n" + HEAD, False),
        (SEPARATOR + b"Subject: a\nprose follows\n\n", False),
        (b"From the links\nhttps: they said\n\n", False),
        (b"From now on we ship on Fridays.\nBest regards\n", False),
        (b"From " + b"a1" * 20 + b" Mon Sep 17 00:00:00 2001\nFrom: m@else.example\nSubject: [PATCH] x\n\n", False),
        (b"From " + b"x" * 1200 + b"\n" + HEAD, False),
        (b"From x\n", False),
        (SEPARATOR[:-1], False),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_that_would_part_mails_is_told(inside: bytes, told: bool, end: bytes) -> None:
    before = (MAIL + b"\n").replace(b"\n", end)
    data = before + inside.replace(b"\n", end)
    found = [(one.span.start, one.span.end, one.reason) for one in records(data) if isinstance(one, Defect)]
    first = data.find(end, len(before)) + len(end)
    assert found == ([(len(before), first, DOUBT)] if told else [])
    assert (blind(mail(data)), mail(data).span[2:]) == ([X], (0, len(data)))
    for block in (1, 2, 7, 64):
        assert records(data, block=block) == records(data)


def test_mails_that_have_no_body_are_told_too() -> None:
    assert reasons(HEAD + SEPARATOR + HEAD + b"\n") == [DOUBT]


def test_what_stands_above_the_mail_is_no_doubt() -> None:
    assert reasons(b"\n>" + SEPARATOR + SEPARATOR + MAIL) == []
    assert reasons(apple(SEPARATOR + MAIL)) == []


def test_many_separators_are_told_up_to_a_bound() -> None:
    many = MAIL + b"\n" + (SEPARATOR + HEAD + b"\n") * 5000
    found = [one for one in records(many) if isinstance(one, Defect)]
    assert [one.reason for one in found[:100]] == [DOUBT] * 100
    assert [(one.reason, one.span.end) for one in found[100:]] == [
        ("more than 100 ambiguous separators: those from here on are not listed", len(many))
    ]
    assert many[found[100].span.start :].startswith(SEPARATOR)
    assert records(many, block=8191) == records(many, block=8193) == records(many)


def test_a_separator_far_down_is_told_wherever_blocks_end() -> None:
    for pad in range(8150, 8250, 3):
        data = MAIL + b"x" * pad + b"\n" + SEPARATOR + HEAD + b"\nx" + b"y" * 9000
        assert reasons(data) == [DOUBT]
        for block in (pad, 4096, 8192, 1 << 14):
            assert records(data, block=block) == records(data)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst", ".GZ"])
def test_a_mail_that_was_compressed_on_its_own_keeps_its_name(suffix: str) -> None:
    assert mail(MAIL, f"1758117792.M1P2.host:2,ST{suffix}") == mail(MAIL, "1758117792.M1P2.host:2,ST")
    assert mail(MAIL, f"1758117792.eml{suffix}").facts == mail(MAIL, f"1758117792.M1P2.host:2,ST.txt{suffix}").facts == ()


def test_a_name_decides_nothing_about_the_format() -> None:
    for name in ("1758117792.M1P2.host:2,S", "x.eml", "", "x.json"):
        assert PARSER.sniff(MAIL, name)
        assert not PARSER.sniff(b"prose\n", name)


# --- size --------------------------------------------------------------------------------------------------------------------


def test_a_header_block_without_end_is_bounded_and_told() -> None:
    data = BLIND + b"X-Pad: " + b"x" * (4 << 20) + b"\nTo: late@a.example\n\nbody\n"
    found = mail(data)
    assert (blind(found), found.header_known, found.span.end) == ([X], False, len(data))
    assert [one.address for one in found.recipients] == [X]
    assert reasons(data) == ["the header block is longer than 1 MiB; the rest of it was not read"]
    assert records(data, block=70_001) == records(data)


def test_a_huge_mail_is_passed_through() -> None:
    text = HEAD + BLIND + b"\n" + b"QUJD\n" * (1 << 20)
    data = apple(text)
    found = mail(data)
    assert (blind(found), found.size, found.span.end) == ([X], len(text), len(data))
    assert clocks(found) == ["date", "archive"]
    assert records(data, block=99_999) == records(data)
    assert PARSER.body is not None
    assert PARSER.body(data, "emlx").parts[0].data == text


# --- recognition -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (MAIL, True),
        (MAIL.replace(b"\n", b"\r\n"), True),
        (MAIL.replace(b"\n", b"\r"), True),
        (HEAD[:50], True),
        (b"Return-Path: <a@a.example>\nX-Spam: no\nFrom: x\n", True),
        (b"X-Mozilla-Status: 0001\nX-Mozilla-Keys:\nFrom: a@a.example\nSubject: x\n\n", True),
        (b"from: a@a.example\nto: b@b.example\nmessage-id: <1@a.example>\n\n", True),
        (b"BCC : archive@\n collector.example\nFROM: a@a.example\n\n", True),
        (b"From: a@a.example\nthis line has no colon\nSubject: x\nTo: y\n\n", True),
        (b"MIME-Version: 1.0\nContent-Type: text/plain\nSubject: x\n\n", True),
        (b"182\n" + MAIL, True),
        (b"From ann@corp.example Thu Sep 18 10:00:00 2025\n" + MAIL, False),  # an archive of one mail
        (b"\xef\xbb\xbf\nFrom x\n" + MAIL, False),
        (b"\x01\x01\x01\x01\n" + MAIL, False),
        (b"", False),
        (b"Subject: a lone line\n", False),
        (b"Subject: minutes\nTo: everybody\n\nprose\n", False),  # nobody is addressed
        (b"Dear Bob,\nFrom: me\nTo: you@a.example\nSubject: x\n", False),
        (b"From: Berlin to Paris\nDate: tomorrow\nprose\nmore prose\nand more\nand more\n", False),
        (b"HTTP/1.1 200 OK\nDate: Thu, 18 Sep 2025 10:00:00 GMT\nServer: x\nX-Powered-By: y\n\n", False),
        (b"Date: Thu, 18 Sep 2025 10:00:00 GMT\nServer: x\nX-Powered-By: y\nContent-Type: text/html\n\n", False),
        (b"GET / HTTP/1.1\nHost: a.example\nFrom: bot@a.example\nDate: x\n\n", False),
        (b"Host: a.example\nFrom: bot@a.example\nDate: Thu, 18 Sep 2025 10:00:00 GMT\n\n", False),
        (b'{"From": "a@a.example", "To": "b@b.example", "Subject": "x"}\n', False),
        (b'{\n"From": "a@a.example",\n"To": "b@b.example"\n}\n', False),
        (b"From,To,Subject\na@a.example,b@b.example,x\n", False),
        (b"From;To\na@a.example;b@b.example\n", False),
        (b"[mail]\nfrom: a@a.example\nto: b@b.example\n", False),
        (b"[mail]\nFrom = a@a.example\nTo = b@b.example\n", False),
        (b"From = 'a@a.example'\nTo = 'b@b.example'\n", False),
        (b"from: a@a.example\nto: b@b.example\nsubject: x\ndate: 2025-09-18 10:00\n", False),  # YAML
        (b"---\nFrom: a@a.example\nTo: b@b.example\n", False),
        (b"mail:\n  from: a@a.example\n  to: b@b.example\n", False),
        (b"- From: a@a.example\n  To: b@b.example\n", False),
        (b"Sep 18 10:00:00 mx1 postfix/smtp[7]: 4cV: to=<a@a.example>, From: x\n" * 3, False),
        (b"2025-09-18T10:00:00Z mx1 From: a@a.example\n2025-09-18T10:00:01Z mx1 To: b@b.example\n", False),
        (b"import smtplib\nFrom: str\nTo: str\n", False),
        (b"def mail(\n    From: str,\n    To: str = 'a@a.example',\n): ...\n", False),
        (b"Package: x\nVersion: 1\nMaintainer: A <a@a.example>\n\n", False),
        (b"Metadata-Version: 2.1\nName: x\nAuthor-email: a@a.example\nMIME-Version: 1.0\n\n", False),
        (b"commit 0123\nAuthor: A <a@a.example>\nDate: Thu Sep 18 10:00:00 2025\n", False),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + MAIL, False),
        (b"\0" + MAIL, False),
    ],
)
def test_sniffing(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "anything.eml") is expected


def test_no_other_parser_claims_a_mail_and_this_one_no_other_sample() -> None:
    others = [one.plugin for one in discover("parsers") if one.plugin is not None and one.name != "eml"]
    assert not any(one.sniff(MAIL, "mail.eml") for one in others)
    places = [path for path in support.FORMATS.rglob("*") if path.is_file() and path.parent.name != "eml"]
    assert len(places) > 15
    assert [path.name for path in places if PARSER.sniff(path.read_bytes()[:65536], path.name)] == []


def test_a_mail_written_as_json_is_none() -> None:
    assert not PARSER.sniff(json.dumps({"Headers": MAIL.decode()}, indent=0).encode(), "mail.json")


PIECES = [
    HEAD, BLIND, MAIL, b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b">From x\n", b"From x\n", b"12\n", b"<?xml", b"<plist>", b"</plist>", b"\0",
    b"<key>flags</key><integer>2</integer>", b"<key>date-received</key><integer>1758117792</integer>", b"\nX-Apple-Content-Length: 1", b" ", b"prose",
]  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join), st.integers(1, 40), st.sampled_from(["x", "1758117792.M1P2.host:2,ST", "7.partial.emlx.gz"]))  # fmt: skip
@example(b"0\n" + MAIL + b"<plist></plist>", 1, "x")
@example(b"\xff\xfe" + MAIL, 3, "x")
def test_any_pieces_are_told_whole(data: bytes, block: int, name: str) -> None:
    PARSER.sniff(data, name)
    found = records(data, name=name)
    assert records(data, name=name, block=block) == found
    assert bool(found) is bool(data)
    assert PARSER.body is not None
    assert_whole(data, found)
    for one in found:
        if isinstance(one, Fragment):
            assert PARSER.body(data, one.observation.kind).parts
            assert one.observation.size >= 0


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_bytes_and_no_name_raise(data: bytes, name: str) -> None:
    PARSER.sniff(data, name)
    maildir(name)
    for kind in ("mail", "emlx", "partial", "anything"):
        assert PARSER.body is not None
        PARSER.body(data, kind)
    assert bool(records(data, name=name)) is bool(data)
