"""Outlook messages: who is named in which role, which way the message went, and what cannot be told."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import compound
import pytest
from compound import BCC, CC, LONG, STRING, STRING8, TIME, TO, Property, attachment, outlook, recipient
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, defects, observations, read

from forensics import mapi
from forensics.model import Defect, Direction, Observation, Role, Route, Span
from forensics.parsers.msg import PARSER

AT = datetime(2025, 9, 18, 9, 14, 3, tzinfo=UTC)
X = "phan@giftshop.club"
RECEIVED = (
    "Received: from a.example by b.example; Thu, 18 Sep 2025 11:20:01 +0200\r\nFrom: bob@partner.example\r\n"
    "To: ann@corp.example\r\nMessage-ID: <m1@partner.example>\r\n\r\n"
)
SENT = "From: ann@corp.example\r\nTo: bob@partner.example\r\nMessage-ID: <m2@corp.example>\r\n\r\n"
EXCHANGE = "/o=Corp/ou=Site/cn=Recipients/cn=carol"


def file(
    properties: Sequence[Property] = (),
    recipients: Sequence[Sequence[Property]] = (),
    attached: Sequence[Sequence[Property]] = (),
) -> bytes:
    return compound.compound(outlook(properties, recipients, attached))


def one(data: bytes) -> Observation:
    (found,) = observations(PARSER, data)
    return found


def roles(found: Observation) -> list[tuple[str, str]]:
    return [(r.role.value, r.address) for r in found.recipients]


def reasons(data: bytes) -> list[str]:
    return [d.reason for d in defects(PARSER, data)]


def headers(block: str) -> Property:
    return (0x007D, STRING, block)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([recipient(TO, "a@a.example"), recipient(CC, "b@a.example"), recipient(BCC, X)], [("to", "a@a.example"), ("cc", "b@a.example"), ("bcc", X)]),
        ([recipient(TO | 0x10000000, "a@a.example"), recipient(BCC | -0x80000000, X)], [("to", "a@a.example"), ("bcc", X)]),  # resend flags
        ([recipient(0, "ann@corp.example"), recipient(TO, "a@a.example")], [("to", "a@a.example")]),  # the originator is none
        ([recipient(9, "a@a.example")], [("envelope", "a@a.example")]),
        ([[(0x39FE, STRING, "a@a.example")]], [("envelope", "a@a.example")]),  # without a type
        ([[(0x0C15, LONG, TO), (0x3003, STRING, "A@A.example")]], [("to", "a@a.example")]),
        ([[(0x0C15, LONG, BCC), (0x3001, STRING, f"Phan <{X}>")]], [("bcc", X)]),  # in the display name alone
        ([[(0x0C15, LONG, BCC), (0x39FE, STRING8, X.encode())]], [("bcc", X)]),
        ([recipient(TO, "a@a.example"), recipient(BCC, "a@a.example")], [("to", "a@a.example"), ("bcc", "a@a.example")]),
        ([recipient(TO, "a@a.example"), recipient(TO, "A@a.example")], [("to", "a@a.example")]),
        ([recipient(TO, "carol@corp.example", exchange=EXCHANGE)], [("to", "carol@corp.example")]),
    ],
)  # fmt: skip
def test_the_table_names_recipients_with_their_types(rows: list[list[Property]], expected: list[tuple[str, str]]) -> None:
    data = file([(0x0037, STRING, "S")], rows)
    assert roles(one(data)) == expected
    assert reasons(data) == []


@pytest.mark.parametrize(
    ("properties", "rows", "direction"),
    [
        ([], [recipient(TO, "b@b.example")], Direction.SUBMITTED),  # never met a server
        ([], [], Direction.UNKNOWN),  # a contact, a note
        ([headers(RECEIVED)], [recipient(TO, "ann@corp.example")], Direction.RECEIVED),
        ([headers(RECEIVED)], [recipient(BCC, X)], Direction.SUBMITTED),
        ([headers(SENT)], [], Direction.SUBMITTED),
        ([], [recipient(TO, "", "Carol", exchange=EXCHANGE)], Direction.SUBMITTED),
        ([], [recipient(BCC, "", "Carol", exchange=EXCHANGE)], Direction.SUBMITTED),
        ([(0x0E07, LONG, 8)], [recipient(BCC, X)], Direction.UNKNOWN),  # a draft
        ([(0x0E07, LONG, 8), (0x0039, TIME, AT)], [recipient(BCC, X)], Direction.SUBMITTED),  # it was sent after all
        ([(0x0E07, LONG, 1)], [recipient(BCC, X)], Direction.SUBMITTED),
    ],
)
def test_direction(properties: list[Property], rows: list[list[Property]], direction: Direction) -> None:
    found = one(file(properties, rows))
    assert found.direction is direction
    assert (("draft", "true") in found.facts) is (properties == [(0x0E07, LONG, 8)])
    assert found.route is Route.MAILBOX


def test_headers_and_table_are_united() -> None:
    found = one(
        file(
            [headers(SENT.replace("\r\nTo:", "\r\nCc: c@c.example\r\nTo:")), (0x1035, STRING, "<other@corp.example>"), (0x0039, TIME, AT)],
            [recipient(TO, "bob@partner.example"), recipient(BCC, X)],
        )
    )  # fmt: skip
    assert sorted(roles(found)) == [("bcc", X), ("cc", "c@c.example"), ("to", "bob@partner.example")]
    assert (found.message_id, found.ids, found.sender) == ("m2@corp.example", ("mid:other@corp.example",), "ann@corp.example")
    assert [(r.clock, r.at) for r in found.readings] == [("client_submit", AT)]
    assert found.header_known


def test_without_headers_the_properties_tell_the_same() -> None:
    found = one(
        file(
            [
                (0x1035, STRING, "<m@corp.example>"), (0x1042, STRING, "<p@b.example>"), (0x1039, STRING, "<r@b.example> <p@b.example>"),
                (0x0C1F, STRING, EXCHANGE), (0x5D01, STRING, "Ann@Corp.example"), (0x0037, STRING, "\x01\x05RE: Hi"), (0x0E06, TIME, AT),
                (0x001A, STRING, "IPM.Schedule.Meeting.Request"),
            ],
            [recipient(TO, "b@b.example", "not.me@corp.example")],
            [attachment("a.txt", b"1"), attachment("b.txt", b"2")],
        )
    )  # fmt: skip
    assert (found.message_id, found.sender, found.subject) == ("m@corp.example", "ann@corp.example", "RE: Hi")
    assert found.attachments == ("a.txt", "b.txt")
    assert dict(found.facts) == {
        "in_reply_to": "p@b.example", "thread": "r@b.example", "address_in_name": "not.me@corp.example",
        "message_class": "ipm.schedule.meeting.request",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "rows", "reason", "known"),
    [
        (
            [],
            [recipient(TO, "", "Carol", exchange=EXCHANGE)],
            "recipients in To or Cc are named in Exchange's directory only",
            False,
        ),
        ([headers(SENT)], [recipient(TO, "", "Carol", exchange=EXCHANGE)], "", True),  # the headers have the address
        ([headers(SENT)], [recipient(BCC, "", "Carol", exchange=EXCHANGE)], "a blind recipient is named in Exchange's", True),
        ([(0x0E02, STRING, "Phan")], [], "a blind recipient is named without a mail address", True),
        ([(0x0E02, STRING, "")], [], "", True),
        ([(0x0E02, STRING, "Phan")], [recipient(BCC, X, "Phan")], "", True),
    ],
)
def test_recipients_without_an_address_are_told(
    properties: list[Property], rows: list[list[Property]], reason: str, known: bool
) -> None:
    data = file(properties, rows)
    assert [r for r in reasons(data) if not r.startswith(reason)] == []
    assert bool(reasons(data)) == bool(reason)
    assert one(data).header_known is known


def test_a_blind_recipient_that_only_the_display_names_is_found() -> None:
    assert roles(one(file([(0x0E02, STRING, f"Phan; {X}")]))) == [("bcc", X)]


def test_8_bit_strings_follow_the_code_page() -> None:
    found = one(file([(0x3FFD, LONG, 1251), (0x0037, STRING8, "Привет".encode("cp1251"))]))
    assert found.subject == "Привет"


def test_without_the_extra_a_defect_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "olefile", None)
    data = file([(0x0037, STRING, "S")])
    assert reasons(data) == ["Outlook files need the extra 'outlook': install forensics[outlook]"]
    assert observations(PARSER, data) == []
    assert PARSER.body is not None
    assert PARSER.body(data, "mail").subject == ""


def test_other_compound_files_are_not_ours() -> None:
    word = compound.compound({"WordDocument": b"", "ObjectPool": {"_1": outlook([])}}, bytes(16))
    assert not PARSER.sniff(word, "letter.msg")  # a name proves nothing
    assert PARSER.sniff(file(), "letter.doc")
    assert reasons(word) == ["a compound file that is no Outlook message"]


def test_the_body_is_the_whole_file() -> None:
    data = file([(0x0037, STRING, "\x01\x05RE: Hi")])
    assert PARSER.body is not None
    body = PARSER.body(data, "mail")
    assert (body.subject, [(p.path, p.media_type, p.data) for p in body.parts]) == (
        "RE: Hi", [("", "application/vnd.ms-outlook", data)]
    )  # fmt: skip


def test_a_damaged_message_is_a_defect_or_says_what_is_missing() -> None:
    data = file([(0x0037, STRING, "S"), (0x007D, STRING, RECEIVED * 60)], [recipient(TO, "ann@corp.example")])
    assert reasons(data[:1000]) == ["damaged compound file: its directory is missing"]
    at = data.index("__substg1.0_007D001F".encode("utf-16-le"))
    broken = data[: at + 116] + struct.pack("<I", 0xFFFFFFF0) + data[at + 120 :]  # its first sector
    assert reasons(broken) == ["a stream is cut short"]
    assert not one(broken).header_known  # To and Cc may have stood there
    assert one(data).header_known


def test_too_many_recipients_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.parsers.msg._RECIPIENTS", 2)
    data = file([], [recipient(TO, f"r{i}@corp.example") for i in range(3)])
    assert reasons(data) == ["more than 2 recipients: the rest was not read"]
    assert not one(data).header_known


def test_rows_are_bounded_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.parsers.msg._ROWS", 200)
    data = file([], [recipient(TO, f"r{i}@corp.example") for i in range(9)])
    assert [reason.partition(":")[2] for reason in reasons(data)] == [" the rest was not read"]


def test_a_file_over_the_limit_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.parsers.msg._LARGEST", 1000)
    (found,) = read(PARSER, file(), block=300)
    assert isinstance(found, Defect)
    assert found.span.end == len(file())
    assert observations(PARSER, file()) == []


def test_samples_come_from_the_writer() -> None:
    assert {place.name: place.read_bytes() for place in (FORMATS / "msg").iterdir()} == compound.samples()


def test_hundreds_of_recipients_are_read_in_order() -> None:
    rows = [recipient(BCC if i % 7 == 0 else TO, f"r{i}@corp.example") for i in range(700)]
    found = one(file([], rows))
    assert [(r.address, r.role) for r in found.recipients] == [
        (f"r{i}@corp.example", Role.BCC if i % 7 == 0 else Role.TO) for i in range(700)
    ]


GOOD = file([(0x0037, STRING, "S"), headers(RECEIVED)], [recipient(BCC, X)], [attachment("a", b"1")])


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=30), st.integers(0, 1 << 20))
def test_damage_never_raises_and_each_file_leaves_a_record(flips: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(GOOD)
    for at, value in flips:
        damaged[at % len(damaged)] = value
    for data in (bytes(damaged), bytes(damaged[: cut % len(damaged)])):
        PARSER.sniff(data, "a.msg")
        records = read(PARSER, data)
        assert records
        assert all(
            record.span == Span(record.span.evidence, "", 0, len(data)) for record in records if isinstance(record, Defect)
        )
        assert PARSER.body is not None
        PARSER.body(data, "mail")


@pytest.mark.property
@settings(max_examples=60)
@given(st.binary(max_size=1500))
def test_random_bytes_are_defects(tail: bytes) -> None:
    for data in (tail, mapi.MAGIC + tail):
        assert reasons(data)
