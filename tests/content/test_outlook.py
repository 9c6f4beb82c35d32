"""Outlook's containers: every body, attachment and attached message is read, every loss told."""

from __future__ import annotations

import struct
import sys

import compound
import pytest
from compound import BINARY, LONG, OBJECT, STRING, STRING8, Property, attachment, attribute, outlook, packed, recipient, tnef
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forensics.content import archive, html, mime, msg, ooxml, opaque, rtf, texts
from forensics.content import text as plain
from forensics.content import tnef as winmail
from forensics.model import Body, Limits, Part, Text, Unread

READERS = [
    archive.READER,
    html.READER,
    mime.READER,
    msg.READER,
    ooxml.READER,
    opaque.READER,
    plain.READER,
    rtf.READER,
    winmail.READER,
]
KEY = "AKIAIOSFODNN7EXAMPLE"
RICH = rb"{\rtf1\ansi AKIA{\b IOSF}ODNN7EXAMPLE}"


def walked(data: bytes, path: str = "", limits: Limits | None = None) -> list[Text | Unread]:
    return list(texts(Body(parts=(Part(path, "", data),)), READERS, limits or Limits()))


def shown(found: list[Text | Unread]) -> list[tuple[str, str]]:
    return [(one.part, one.text) for one in found if isinstance(one, Text)]


def unread(found: list[Text | Unread]) -> list[tuple[str, str]]:
    return [(one.part, one.reason) for one in found if isinstance(one, Unread)]


def message(properties: list[Property], attached: list[list[Property]] | None = None) -> bytes:
    return compound.compound(outlook(properties, [recipient(3, "phan@giftshop.club", "Phan")], attached or []))


@pytest.mark.parametrize(
    ("properties", "part"),
    [
        ([(0x1000, STRING, f"é {KEY}")], "text/plain"),
        ([(0x1000, STRING8, f"é {KEY}".encode("cp1252"))], "text/plain"),
        ([(0x3FDE, LONG, 65001), (0x1013, BINARY, f"<p>é AKIA<b>IOSF</b>ODNN7EXAMPLE</p>".encode())], "text/html"),  # noqa: F541  tags only
        ([(0x3FDE, LONG, 28591), (0x1013, BINARY, "<p>é AKIAIOSFODNN7EXAMPLE</p>".encode("latin-1"))], "text/html"),
        ([(0x1013, STRING, "<p>é AKIAIOSFODNN7EXAMPLE")], "text/html"),
        ([(0x1009, BINARY, compound.compressed(RICH.replace(b"AKIA", b"\\'e9 AKIA")))], "text/rtf"),
    ],
)
def test_every_form_of_the_body_is_read(properties: list[Property], part: str) -> None:
    found = walked(message(properties))
    assert [text for path, text in shown(found) if path == part] == [f"é {KEY}"]
    assert unread(found) == []


def test_headers_subject_names_and_properties_are_texts() -> None:
    block = "Subject: =?utf-8?q?C=C3=A9?=\r\nX-Note: one\r\n two\r\n\r\n"
    found = walked(
        message([(0x0037, STRING, "Cé"), (0x007D, STRING, block), (0x8001, STRING, "custom")], [attachment("key.txt", b"x")])
    )
    texts_of = dict(shown(found))
    assert texts_of["header:subject"] == "Cé"
    assert texts_of["headers"].splitlines()[:2] == ["Subject: Cé", "X-Note: one two"]
    assert texts_of["properties"].splitlines() == ["custom", "Phan", "SMTP", "phan@giftshop.club", "key.txt"]


def test_attachments_are_parts_and_absent_ones_are_told() -> None:
    found = walked(
        message(
            [],
            [
                attachment("conf.txt", KEY.encode()), attachment("a.rtf", RICH), attachment("../x\0.png", b"\x89PNG\r\n"),
                [(0x3705, LONG, 7), (0x3707, STRING, "cloud.docx"), (0x370D, STRING, "https://files.example/cloud.docx")],
                [(0x3705, LONG, 1), (0x3707, STRING, "gone.txt")],
                [(0x3705, LONG, 6), (0x3707, STRING, "sheet"), (0x3701, OBJECT, {"CONTENTS": KEY.encode(), "\x01Ole": b"\0\1"})],
            ],
        )
    )  # fmt: skip
    assert [path for path, text in shown(found) if text == KEY] == [
        "attachment:conf.txt", "attachment:a.rtf", "attachment:sheet/CONTENTS"
    ]  # fmt: skip
    assert unread(found) == [
        ("attachment:.._x.png", "image: not examined"),
        ("attachment:cloud.docx", "attachment by reference: lies elsewhere"),
        ("attachment:gone.txt", "attachment without content"),
        ("attachment:sheet", "embedded object: not examined but for its streams"),
        ("attachment:sheet/Ole", "no reader for this type"),
    ]
    assert "https://files.example/cloud.docx" in dict(shown(found))["properties"]


def nested(levels: int) -> compound.Tree:
    tree = outlook([(0x1000, STRING, KEY)], embedded=True)
    for _ in range(levels - 1):
        tree = outlook([(0x0037, STRING, "S")], [], [[(0x3001, STRING, "inner"), (0x3701, OBJECT, tree)]], embedded=True)
    return tree


def test_attached_messages_are_read_to_the_limit() -> None:
    data = message([], [[(0x3705, LONG, 5), (0x3001, STRING, "inner"), (0x3701, OBJECT, nested(3))]])
    found = walked(data)
    assert [path for path, text in shown(found) if text == KEY] == ["/".join(["attachment:inner"] * 3 + ["text/plain"])]
    assert unread(found) == []
    cut = walked(data, limits=Limits(depth=2))
    assert [path for path, text in shown(cut) if text == KEY] == []
    assert unread(cut) == [("/".join(["attachment:inner"] * 3), "nested deeper than 2 levels")]


def test_a_message_attached_to_mail_keeps_its_place() -> None:
    found = walked(message([(0x1000, STRING, KEY)], [attachment("a.txt", b"text")]), "attachment:fwd.msg")
    assert ("attachment:fwd.msg/text/plain", KEY) in shown(found)
    assert ("attachment:fwd.msg/attachment:a.txt", "text") in shown(found)


def test_too_many_attachments_are_told() -> None:
    found = walked(message([], [attachment(f"{i}.txt", b"text") for i in range(9)]), limits=Limits(members=5))
    assert any("over the limit of" in reason for _, reason in unread(found))


def test_damaged_rich_text_is_read_and_told() -> None:
    raw = bytearray(compound.compressed(RICH))
    raw[12] ^= 1
    found = walked(message([(0x1009, BINARY, bytes(raw))]))
    assert ("text/rtf", KEY) in shown(found)
    assert unread(found) == [("text/rtf", "the checksum of compressed rich text does not match")]


def test_without_the_extra_strings_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "olefile", None)
    found = walked(message([(0x1000, STRING, KEY)]))
    assert unread(found) == [
        ("message", "Outlook files need the extra 'outlook': install forensics[outlook]: only strings were searched")
    ]
    assert KEY in dict(shown(found))["message"]


@pytest.mark.parametrize("name", ["WordDocument", "Workbook", "PowerPoint Document", "EncryptedPackage"])
def test_other_compound_files_stay_with_their_reader(name: str) -> None:
    data = compound.compound({name: b"text", "zz": {"inner": outlook([])}}, bytes(16))
    assert not msg.READER.accepts(Part("a.msg", "application/vnd.ms-outlook", data, "a.msg"))
    (path, reason), *rest = unread(walked(data, "attachment:a"))
    assert (path, rest) == ("attachment:a", [])
    assert "damaged" not in reason


# ---------------------------------------------------------------------------------------------------------------- TNEF

WRAPPED = tnef(
    attribute(0x00069007, struct.pack("<II", 1252, 0)),
    attribute(0x00018004, b"Subj\xe9ct\0"),
    attribute(0x0002800C, b"plain body\0"),
    attribute(0x00069003, packed([
        (0x1009, BINARY, compound.compressed(RICH)), (0x1013, BINARY, b"<p>html body"), (0x0E1F, LONG, 1), (0x8001, STRING, "custom"),
        (0x0C1F, STRING8, b"ann@corp.example"),
    ])),
    attribute(0x00069004, struct.pack("<I", 1) + packed([(0x3003, STRING, "bob@partner.example")])),
    attribute(0x00069002, bytes(14), level=2),
    attribute(0x00018010, b"LONGNA~1.TXT\0", level=2),
    attribute(0x0006800F, KEY.encode(), level=2),
    attribute(0x00069005, packed([(0x3707, STRING, "long name.txt")]), level=2),
    attribute(0x00069002, bytes(14), level=2),
    attribute(0x00069005, packed([
        (0x3701, OBJECT, tnef(attribute(0x0002800C, b"inner body"))), (0x3001, STRING, "fwd"),
    ]), level=2),
)  # fmt: skip


def test_all_of_a_winmail_dat_is_read() -> None:
    found = walked(WRAPPED, "attachment:winmail.dat")
    prefix = "attachment:winmail.dat"
    assert shown(found) == [
        (f"{prefix}/header:subject", "Subjéct"),
        (f"{prefix}/text/plain", "plain body"),
        (f"{prefix}/text/html", "html body"),
        (f"{prefix}/text/rtf", KEY),
        (f"{prefix}/long name.txt", KEY),
        (f"{prefix}/fwd/text/plain", "inner body"),
        (f"{prefix}/properties", "bob@partner.example\nlong name.txt\nfwd\ncustom\nann@corp.example"),
    ]
    assert unread(found) == []


def test_a_broken_checksum_costs_nothing_and_is_told() -> None:
    found = walked(tnef(attribute(0x0002800C, KEY.encode(), checksum=1), attribute(0x00018004, b"S")), "a")
    assert ("a/text/plain", KEY) in shown(found)
    assert ("a/header:subject", "S") in shown(found)
    assert unread(found) == [("a", "TNEF: 1 broken checksum(s): what they cover was read, and may be damaged")]


@pytest.mark.parametrize(
    "damaged",
    [
        tnef(attribute(0x0002800C, b"body"), b"\x07" + KEY.encode()),  # no level
        tnef(attribute(0x0002800C, b"body"), struct.pack("<BII", 2, 0x0006800F, 9999) + KEY.encode()),  # longer than the file
    ],
)
def test_behind_damage_strings_are_searched(damaged: bytes) -> None:
    found = walked(damaged, "a")
    assert ("a/text/plain", "body") in shown(found)
    assert any(KEY in text for path, text in shown(found) if path == "a")
    assert ("a", "damaged TNEF: behind the damage only strings were searched") in unread(found)


def test_properties_that_are_cut_short_are_told() -> None:
    whole = packed([(0x0C1F, STRING, "ann@corp.example"), (0x1000, STRING, "body")])
    found = walked(tnef(attribute(0x00069003, whole[:-6])), "a")
    assert ("a/properties", "ann@corp.example") in shown(found)
    assert ("a", "TNEF: properties are cut short") in unread(found)


def test_nested_tnef_stops_at_the_limit() -> None:
    data = tnef(attribute(0x0002800C, KEY.encode()))
    for _ in range(12):
        data = tnef(attribute(0x0006800F, data, level=2))
    assert any("nested deeper" in reason for _, reason in unread(walked(data, "a")))


def test_only_tnef_is_accepted_as_such() -> None:
    assert winmail.READER.accepts(Part("a", "", WRAPPED))
    assert not winmail.READER.accepts(Part("winmail.dat", "application/ms-tnef", b"text" + WRAPPED, "winmail.dat"))


# ------------------------------------------------------------------------------------------------------------- hostile

GOOD = message(
    [(0x1000, STRING, "body"), (0x1009, BINARY, compound.compressed(RICH))],
    [attachment("a.txt", b"x"), [(0x3701, OBJECT, nested(2))]],
)
FLIPS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=30)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(FLIPS, st.integers(0, 1 << 20), st.sampled_from([GOOD, WRAPPED]))
@example([], 4, WRAPPED)
def test_damaged_containers_never_raise_nor_pass_in_silence(flips: list[tuple[int, int]], cut: int, good: bytes) -> None:
    damaged = bytearray(good)
    for at, value in flips:
        damaged[at % len(damaged)] = value
    for data in (bytes(damaged), bytes(damaged[: cut % len(damaged)])):
        found = walked(data, "a")
        assert found
        assert not any("failed:" in reason for _, reason in unread(found))  # a reader that raised


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=600))
def test_random_containers_never_raise(tail: bytes) -> None:
    for data in (b'x\x9f>"\0\0' + tail, tnef(attribute(0x00069003, tail), attribute(0x00069004, tail)), compound.MAGIC + tail):
        assert not any("failed:" in reason for _, reason in unread(walked(data, "a")))
