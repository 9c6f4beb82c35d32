"""A winmail.dat by itself: whom it names, what it cannot know, and that no damage hides a recipient in silence."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from compound import BCC, BINARY, CC, LONG, STRING, STRING8, TIME, TO, Property, attribute, packed, recipient, tnef
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, defects, observations, read

from forensics.content import opaque, texts
from forensics.content import text as plain_text
from forensics.content import tnef as winmail
from forensics.mapi import tnef as structure
from forensics.model import Body, Defect, Direction, Fragment, Limits, Observation, Part, Route, Span, Text
from forensics.parsers.tnef import PARSER

AT = datetime(2025, 9, 18, 9, 14, 3, tzinfo=UTC)
X = "phan@giftshop.club"
EXCHANGE = "/o=Corp/ou=Site/cn=Recipients/cn=carol"
RECEIVED = (
    "Received: from a.example by b.example; Thu, 18 Sep 2025 11:20:01 +0200\r\nFrom: bob@partner.example\r\n"
    "To: ann@corp.example\r\nMessage-ID: <m1@partner.example>\r\n\r\n"
)
NAMELESS = "a TNEF file that names no recipients: they stand in the mail that it was attached to"
COUNT = "the recipient table is longer or shorter than its number of rows"
BEHIND = "damaged TNEF: what lies behind the damage was not read"
MISMATCH = "a checksum of the recipients or of the message's properties does not match: what was read may be wrong"


def table(*rows: Sequence[Property], count: int | None = None, tail: bytes = b"") -> bytes:
    """The bytes of a recipient table that declares `count` rows."""
    return struct.pack("<I", len(rows) if count is None else count) + b"".join(map(packed, rows)) + tail


def recipients(*rows: Sequence[Property]) -> bytes:
    return attribute(0x00069004, table(*rows))


def properties(*some: Property) -> bytes:
    return attribute(0x00069003, packed(some))


def attached(name: bytes, data: bytes, *some: Property) -> bytes:
    whole = attribute(0x00069002, bytes(14), level=2) + attribute(0x00018010, name + b"\0", level=2)
    return whole + attribute(0x0006800F, data, level=2) + (attribute(0x00069005, packed(some), level=2) if some else b"")


def triple(name: bytes, address: bytes) -> bytes:
    """The value of attFrom."""
    name, address = (one + bytes(-len(one) % 4 or 4) for one in (name, address))
    return struct.pack("<4H", 4, 8 + len(name) + len(address), len(name), len(address)) + name + address


def date(*parts: int) -> bytes:
    return struct.pack("<7H", *parts, 0)


def one(data: bytes) -> Observation:
    (found,) = observations(PARSER, data)
    return found


def roles(found: Observation) -> list[tuple[str, str]]:
    return [(r.role.value, r.address) for r in found.recipients]


def reasons(data: bytes) -> list[str]:
    return [d.reason for d in defects(PARSER, data)]


# --------------------------------------------------------------------------------------------------------------- samples


def samples() -> dict[str, bytes]:
    """The files under sample_logs/formats/tnef, by name."""
    sent = tnef(
        attribute(0x00069007, struct.pack("<II", 1252, 0)),
        attribute(0x00078008, b"IPM.Note\0"),
        attribute(0x00018004, "Zugang für das Testsystem\0".encode("cp1252")),
        properties(
            (0x0039, TIME, AT), (0x1035, STRING, "<sent-2@mail.corp.example>"), (0x5D01, STRING, "Ann.Bauer@corp.example"),
            (0x1000, STRING, "Hello Bob,\r\nthe account is ready.\r\n"),
        ),
        recipients(recipient(TO, "bob@partner.example", "Bob"), recipient(CC, "carol@corp.example", "Carol"), recipient(BCC, X)),
        attached(b"CONF~1.TXT", b"user = ann\n", (0x3707, STRING, "conf.txt")),
    )  # fmt: skip
    received = tnef(
        attribute(0x00069007, struct.pack("<II", 1251, 0)),
        attribute(0x00008000, triple(b"Bob", b"SMTP:Bob@partner.example")),
        attribute(0x00018004, "Привет\0".encode("cp1251")),
        attribute(0x00038005, date(2025, 9, 18, 11, 19, 58)),
        attribute(0x00018009, b"00112233445566778899AABBCCDDEEFF\0"),
        attribute(0x0002800C, b"Thanks.\r\n\0"),
    )
    return {"sent-with-blind-copy.dat": sent, "received-without-recipients.dat": received, "damaged.dat": sent[:-40]}


def test_samples_are_as_written_here() -> None:
    assert {place.name: place.read_bytes() for place in (FORMATS / "tnef").iterdir()} == samples()


# ------------------------------------------------------------------------------------------------------------ recipients


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([recipient(TO, "a@a.example"), recipient(CC, "b@a.example"), recipient(BCC, X)], [("to", "a@a.example"), ("cc", "b@a.example"), ("bcc", X)]),
        ([recipient(0, "ann@corp.example"), recipient(TO, "a@a.example")], [("to", "a@a.example")]),  # the originator is none
        ([[(0x0C15, LONG, TO), (0x3003, STRING8, b"A@A.example\0")]], [("to", "a@a.example")]),
        ([[(0x0C15, LONG, BCC), (0x3001, STRING, f"Phan <{X}>")]], [("bcc", X)]),  # in the display name alone
        ([recipient(BCC, X)], [("bcc", X)]),
    ],
)  # fmt: skip
def test_the_table_names_recipients_with_their_types(rows: list[list[Property]], expected: list[tuple[str, str]]) -> None:
    data = tnef(recipients(*rows))
    found = one(data)
    assert roles(found) == expected
    assert {r.seen for r in found.recipients} == {"recipient table"}
    assert found.header_known
    assert found.route is Route.MAILBOX
    assert reasons(data) == []


@pytest.mark.parametrize(
    "data",
    [
        tnef(attribute(0x0002800C, b"body")),  # no table
        tnef(recipients(), properties((0x0037, STRING, "S"))),  # an empty one
        tnef(recipients(recipient(0, "ann@corp.example"))),  # the originator alone
        tnef(properties((0x0E02, STRING, X))),  # displayed as Bcc: says nothing of To and Cc
    ],
)
def test_who_is_not_named_is_not_known(data: bytes) -> None:
    assert reasons(data) == [NAMELESS]
    assert not one(data).header_known


def test_headers_of_a_transport_name_them_too() -> None:
    data = tnef(properties((0x007D, STRING, RECEIVED)))
    found = one(data)
    assert (roles(found), found.direction, found.header_known) == ([("to", "ann@corp.example")], Direction.RECEIVED, True)
    assert (found.message_id, found.sender) == ("m1@partner.example", "bob@partner.example")
    assert reasons(data) == []


def test_recipients_without_an_address_are_told() -> None:
    data = tnef(recipients(recipient(TO, "", "Carol", exchange=EXCHANGE), recipient(BCC, X)))
    assert [reason.partition(":")[0] for reason in reasons(data)] == [
        "recipients in To or Cc are named in Exchange's directory only"
    ]
    assert not one(data).header_known


@pytest.mark.parametrize(
    ("data", "direction"),
    [
        (tnef(recipients(recipient(TO, "b@b.example"), recipient(BCC, X))), Direction.SUBMITTED),
        (tnef(recipients(recipient(TO, "b@b.example"))), Direction.UNKNOWN),  # it may lie in mail from a stranger
        (tnef(recipients(recipient(BCC, "", "Carol", exchange=EXCHANGE))), Direction.SUBMITTED),
        (tnef(properties((0x0E07, LONG, 8)), recipients(recipient(BCC, X))), Direction.UNKNOWN),  # a draft
        (tnef(properties((0x007D, STRING, RECEIVED)), recipients(recipient(TO, "b@b.example"))), Direction.RECEIVED),
        (tnef(properties((0x007D, STRING, "To: b@b.example\r\n\r\n"))), Direction.SUBMITTED),
        (tnef(attribute(0x00018004, b"S\0")), Direction.UNKNOWN),
    ],
)
def test_direction(data: bytes, direction: Direction) -> None:
    assert one(data).direction is direction


# ------------------------------------------------------------------------------------------------- identity, sender, dates


def test_properties_come_before_older_attributes() -> None:
    found = one(
        tnef(
            attribute(0x00008000, triple(b"Old", b"SMTP:old@corp.example")), attribute(0x00018004, b"old\0"),
            attribute(0x00018009, b"<old@corp.example>\0"), attribute(0x00038005, date(2020, 1, 1, 0, 0, 0)),
            attribute(0x00078008, b"IPM.Old\0"),
            properties(
                (0x0037, STRING, "\x01\x05RE: Hi"), (0x0C1F, STRING, "Ann@corp.example"), (0x1035, STRING, "<new@corp.example>"),
                (0x0039, TIME, AT), (0x0E06, TIME, AT), (0x1042, STRING, "<p@b.example>"), (0x001A, STRING, "IPM.Note"),
            ),
        )
    )  # fmt: skip
    assert (found.subject, found.sender, found.message_id, found.ids) == ("RE: Hi", "ann@corp.example", "new@corp.example", ())
    assert [(r.clock, r.at, r.slack) for r in found.readings] == [("client_submit", AT, 0), ("message_delivery", AT, 0)]
    assert dict(found.facts) == {"in_reply_to": "p@b.example"}


def test_older_attributes_tell_what_properties_lack() -> None:
    found = one(
        tnef(
            attribute(0x00008000, triple(b"Ann Bauer", b"SMTP:Ann@corp.example")), attribute(0x00018004, b"S\xe9\0"),
            attribute(0x00018009, b"<m@corp.example>\0"), attribute(0x00078008, b"IPM.Schedule.Meeting.Request\0"),
            attribute(0x00038005, date(2025, 9, 18, 9, 14, 3)), attribute(0x00038006, date(2025, 9, 18, 9, 20, 1)),
            properties((0x0C1F, STRING, EXCHANGE)),
        )
    )  # fmt: skip
    assert (found.subject, found.sender, found.message_id) == ("Sé", "ann@corp.example", "m@corp.example")
    # nobody says in which zone
    assert [(r.clock, r.at, r.slack) for r in found.readings] == [
        ("client_submit", AT, 50_400), ("message_delivery", AT.replace(minute=20, second=1), 50_400)
    ]  # fmt: skip
    assert dict(found.facts) == {"message_class": "ipm.schedule.meeting.request"}


def test_an_older_date_makes_no_draft() -> None:
    data = tnef(properties((0x0E07, LONG, 8)), attribute(0x00038005, date(2025, 9, 18, 9, 14, 3)), recipients(recipient(BCC, X)))
    assert one(data).direction is Direction.SUBMITTED


@pytest.mark.parametrize(
    "value",
    [
        triple(b"Ann", b"EX:" + EXCHANGE.encode()), triple(b"SMTP:x@a.example", b""), triple(b"Ann", b"ann@corp.example"),
        struct.pack("<4H", 4, 8, 65535, 65535), b"\4\0", b"",
    ],
)  # fmt: skip
def test_no_address_is_taken_from_an_older_sender_that_is_none(value: bytes) -> None:
    assert one(tnef(attribute(0x00008000, value))).sender == ""


@pytest.mark.parametrize("value", [b"00112233445566778899AABBCCDDEEFF\0", b"two words@a.example\0", b"@\0", b"a@" + b"b" * 5000])
def test_a_search_key_is_no_message_id(value: bytes) -> None:
    assert one(tnef(attribute(0x00018009, value))).message_id == ""


@pytest.mark.parametrize(
    "parts", [(0,) * 6, (2025, 13, 1, 0, 0, 0), (2025, 2, 30, 0, 0, 0), (1, 1, 1, 0, 0, 0), (9999, 12, 31, 23, 0, 0)]
)
def test_a_date_that_is_none_is_no_reading(parts: tuple[int, ...]) -> None:
    assert one(tnef(attribute(0x00038005, date(*parts)))).readings == ()
    assert one(tnef(attribute(0x00038005, b"\xe9\7"))).readings == ()


def test_attachments_are_named() -> None:
    data = tnef(attached(b"A~1.TXT", b"1", (0x3707, STRING, "a long name.txt")), attached(b"b.txt", b"2"), attached(b"", b"3"))
    assert one(data).attachments == ("a long name.txt", "b.txt")


# ----------------------------------------------------------------------------------------------------------------- content


def test_the_body_is_the_whole_file_and_the_reader_of_content_reads_it() -> None:
    data = tnef(attribute(0x00018004, b"Hi\0"), attribute(0x0002800C, b"plain body"), attached(b"a.txt", b"attached text"))
    assert PARSER.body is not None
    body = PARSER.body(data, "mail")
    assert (body.subject, [(p.path, p.media_type, p.data) for p in body.parts]) == ("Hi", [("", "application/ms-tnef", data)])
    readers = [opaque.READER, plain_text.READER, winmail.READER]
    found = [(item.part, item.text) for item in texts(body, readers, Limits()) if isinstance(item, Text)]
    assert found == [
        ("header:subject", "Hi"), ("header:subject", "Hi"), ("text/plain", "plain body"), ("attachment:a.txt", "attached text"),
    ]  # fmt: skip


def test_a_wrapped_message_within_keeps_its_place() -> None:
    inner = tnef(attribute(0x0002800C, b"inner body"), attached(b"a.txt", b"attached text"))
    found = texts(Body(parts=(Part("", "", tnef(attached(b"inner.dat", inner))),)), [plain_text.READER, winmail.READER], Limits())
    assert [item.part for item in found] == ["attachment:inner.dat/text/plain", "attachment:inner.dat/a.txt"]


# ------------------------------------------------------------------------------------------------------------------ damage


def test_only_the_signature_makes_it_ours() -> None:
    assert PARSER.sniff(b'x\x9f>"', "anything")
    assert not PARSER.sniff(b"x\x9f>", "winmail.dat")
    assert not PARSER.sniff(b' x\x9f>"', "winmail.dat")
    assert reasons(b"text") == ["no TNEF: its signature is missing"]


@pytest.mark.parametrize("data", [b'x\x9f>"', b'x\x9f>"\1\0', tnef(b"\7" * 40), tnef(attribute(0x0002800C, b"body"))[:-8]])
def test_a_file_of_which_nothing_can_be_read_is_a_defect_alone(data: bytes) -> None:
    assert reasons(data) == ["damaged TNEF: no attribute of it can be read"]
    assert observations(PARSER, data) == []


GOOD = recipients(recipient(TO, "b@b.example"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tnef(GOOD, b"\7 damage"), BEHIND),  # no level
        (tnef(GOOD, recipients(recipient(BCC, X))[:-30]), BEHIND),  # a table that the file does not hold
        (tnef(attribute(0x00069004, table(recipient(TO, "b@b.example"), tail=packed(recipient(BCC, X)), count=1))), COUNT),
        (tnef(attribute(0x00069004, table(recipient(BCC, X), count=0)), GOOD), COUNT),
        (tnef(attribute(0x00069004, b"\1"), GOOD), COUNT),
        (tnef(attribute(0x00069004, table(recipient(TO, "b@b.example"), count=2))), "a recipient: properties are cut short"),
        (tnef(attribute(0x00069004, table(recipient(TO, "b@b.example"), []))), "a recipient: neither role nor address"),
        (tnef(attribute(0x00069004, table(recipient(TO, "b@b.example")), checksum=1)), MISMATCH),
        (tnef(attribute(0x00069003, packed([(0x1035, STRING, "<m@a.example>")])[:-9]), GOOD), "properties are cut short"),
    ],
)
def test_damage_in_which_a_recipient_may_lie_is_told_and_to_and_cc_are_not_known(data: bytes, reason: str) -> None:
    assert reasons(data) == [reason]
    found = one(data)
    assert ("to", "b@b.example") in roles(found)
    assert not found.header_known
    assert found.direction is (Direction.SUBMITTED if ("bcc", X) in roles(found) else Direction.UNKNOWN)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tnef(GOOD, bytes(9)), []),  # padding
        (tnef(attribute(0x00069004, table(recipient(TO, "b@b.example"), tail=bytes(4)))), []),
        (tnef(GOOD, attribute(0x0002800C, b"body", checksum=1)), ["a checksum does not match: what it covers was read, and may be wrong"]),
        (tnef(GOOD, attribute(0x00069005, packed([(0x3707, STRING, "a")])[:-2], level=2)), ["properties are cut short"]),
    ],
)  # fmt: skip
def test_damage_elsewhere_leaves_recipients_known(data: bytes, expected: list[str]) -> None:
    assert reasons(data) == expected
    assert one(data).header_known


def test_a_second_table_and_second_properties_hide_nothing_of_the_first() -> None:
    data = tnef(
        properties((0x1035, STRING, "<m@a.example>")), properties((0x0037, STRING, "S")), GOOD, recipients(recipient(BCC, X))
    )
    found = one(data)
    assert roles(found) == [("to", "b@b.example"), ("bcc", X)]
    assert (found.message_id, found.subject) == ("m@a.example", "S")


def test_too_many_recipients_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.parsers.tnef._RECIPIENTS", 2)
    rows = [recipient(TO, f"r{i}@corp.example") for i in range(3)]
    assert reasons(tnef(recipients(*rows[:2]))) == []
    data = tnef(recipients(*rows))
    assert reasons(data) == ["more than 2 recipients: the rest was not read"]
    assert not one(data).header_known


def test_too_many_attributes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.mapi.tnef._MOST", 2)
    assert reasons(tnef(attribute(0x0002800C, b"body"), GOOD)) == []
    data = tnef(*[attribute(0x0002800C, b"body")] * 2, GOOD)
    assert reasons(data) == [BEHIND, "more than 2 attributes: the rest was not read", NAMELESS]
    assert not one(data).header_known


def test_a_file_over_the_limit_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.parsers.tnef._LARGEST", 1 << 20)
    data = tnef(GOOD, attribute(0x0002800C, bytes(1 << 20)))
    assert reasons(data) == ["a TNEF file longer than 1 MiB: it was not read"]
    assert observations(PARSER, data) == []


@pytest.mark.parametrize(
    "data",
    [
        tnef(recipients(recipient(TO, "b@b.example"), [*recipient(BCC, X), (0x3001, STRING8, b"a@" * 200_000)])),
        tnef(recipients(recipient(TO, "b@b.example"), recipient(BCC, X)), properties((0x0E02, STRING8, b"a@" * 200_000))),
    ],
)
def test_a_text_without_end_is_told_and_hides_no_recipient(data: bytes) -> None:
    assert [reason.removeprefix("a recipient: ") for reason in reasons(data)] == [
        "a property is longer than 262144 characters: the rest was not read"
    ]
    assert roles(one(data)) == [("to", "b@b.example"), ("bcc", X)]
    assert not one(data).header_known


def test_counts_that_lie_cost_no_time() -> None:
    endless = struct.pack("<III", 0xFFFFFFFF, 0x1000101E, 0xFFFFFFFF)
    data = tnef(attribute(0x00069003, endless), attribute(0x00069004, struct.pack("<I", 0xFFFFFFFF) + bytes(4 << 16)))
    assert "more than 50000 recipients: the rest was not read" in reasons(data)


# -------------------------------------------------------------------------------------------------------------------- laws

WHOLE = samples()["sent-with-blind-copy.dat"]


@pytest.mark.property
@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([TO, CC, BCC]), st.integers(0, 40)), min_size=1, max_size=30))
def test_every_row_is_a_recipient_once(rows: list[tuple[int, int]]) -> None:
    found = one(tnef(recipients(*(recipient(kind, f"r{number}@corp.example") for kind, number in rows))))
    names = {TO: "to", CC: "cc", BCC: "bcc"}
    assert roles(found) == list(dict.fromkeys((names[kind], f"r{number}@corp.example") for kind, number in rows))


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_of_a_recipient_is_told(at: int, change: int) -> None:
    """One changed byte changes a sum: whoever is missing then, or new, some defect stands beside."""
    damaged = bytearray(WHOLE)
    damaged[at] ^= change
    records = read(PARSER, bytes(damaged))
    seen = [record.observation for record in records if isinstance(record, Fragment)]
    if not any(isinstance(record, Defect) for record in records):
        assert [roles(found) for found in seen] == [roles(one(WHOLE))]


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_cut_that_costs_a_recipient_is_told(end: int) -> None:
    found = observations(PARSER, WHOLE[:end]) if PARSER.sniff(WHOLE[:end], "") else []
    if not found or roles(found[0]) != roles(one(WHOLE)):
        assert reasons(WHOLE[:end])
        assert not any(one.header_known for one in found)


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=30), st.binary(max_size=600))
def test_damage_never_raises_and_each_file_leaves_a_record(flips: list[tuple[int, int]], noise: bytes) -> None:
    damaged = bytearray(WHOLE)
    for at, value in flips:
        damaged[at % len(damaged)] = value
    some = (
        bytes(damaged),
        tnef(noise),
        tnef(attribute(0x00069003, noise), attribute(0x00069004, noise), attribute(0x00008000, noise)),
    )
    for data in some:
        records = read(PARSER, data)
        assert records
        for record in records:
            span = record.observation.span if isinstance(record, Fragment) else record.span
            assert span == Span(span.evidence, "", 0, len(data))
        assert PARSER.body is not None
        PARSER.body(data, "mail")


@pytest.mark.property
@given(st.binary(max_size=2000), st.integers(1, 5))
def test_the_checksum_is_the_sum_of_bytes(data: bytes, times: int) -> None:
    for value in (data * times, b"\xff" * len(data) * times):
        assert structure.checksum(value) == sum(value) % 65536


def test_a_binary_value_is_no_text() -> None:
    assert one(tnef(properties((0x0037, BINARY, b"S"), (0x5D01, BINARY, X.encode())), GOOD)).sender == ""


if __name__ == "__main__":
    folder = FORMATS / "tnef"
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, content in samples().items():
        (folder / file_name).write_bytes(content)
