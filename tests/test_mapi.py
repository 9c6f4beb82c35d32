"""Compound files, typed values and compressed rich text: the specification's own examples, near-misses, hostile bytes."""

from __future__ import annotations

import io
import struct
import sys
from datetime import UTC, datetime

import compound
import olefile  # type: ignore[import-untyped]
import pytest
from affordable import affordable
from compound import LONG, STRING, STRING8, TIME, outlook, recipient
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics import mapi
from forensics.mapi import Storage, Tag, Unreadable

# [MS-OXRTFCP] sections 4.1 and 4.2
SIMPLE = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)  # fmt: skip
CROSSING = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (SIMPLE, (b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n", "")),
        (CROSSING, (b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}", "")),
        (CROSSING[:12] + b"\0\0\0\0" + CROSSING[16:], (b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}", "checksum")),
        (CROSSING[:-2], (b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}", "cut short")),
        (struct.pack("<4I", 17, 5, 0x414C454D, 0) + b"{\\rtf", (b"{\\rtf", "")),
        (struct.pack("<4I", 17, 5, 0x12345678, 0) + b"{\\rtf", (b"", "unknown kind")),
        (b"\0" * 15, (b"", "cut short")),
        (b"", (b"", "cut short")),
    ],
)
def test_rich_text_is_decompressed_as_specified(data: bytes, expected: tuple[bytes, str]) -> None:
    text, fault = mapi.decompressed(data, 1000)
    assert text == expected[0]
    assert expected[1] in fault
    assert bool(fault) == bool(expected[1])


def test_rich_text_stops_at_the_limit_and_says_so() -> None:
    assert mapi.decompressed(CROSSING, 10) == (b"{\\rtf1 WXY", "rich text is over the limit")
    assert mapi.decompressed(CROSSING, 28)[1] == ""
    bomb = b"\xff" + b"\x00\x1f" * 8  # each reference repeats 17 bytes
    data = struct.pack("<4I", 12 + 100_000 * len(bomb), 1, 0x75465A4C, 0) + bomb * 100_000
    assert len(mapi.decompressed(data, 5000)[0]) == 5000


@pytest.mark.property
@settings(max_examples=60)
@given(st.binary(max_size=9000))
def test_what_is_compressed_comes_back(rich: bytes) -> None:
    assert mapi.decompressed(compound.compressed(rich), 10_000) == (rich, "")


@pytest.mark.property
@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_decompression_never_raises_and_never_exceeds_its_limit(data: bytes) -> None:
    for raw in (data, SIMPLE[:16] + data):
        assert len(mapi.decompressed(raw, 64)[0]) <= 64


@pytest.mark.parametrize(
    ("number", "codec"),
    [
        (1252, "cp1252"), (65001, "utf-8"), (20127, "ascii"), (28592, "iso8859-2"), (932, "cp932"), (936, "gb18030"),
        (1200, "utf-16-le"), (0, ""), (-1, ""), (9999, ""), (28590, ""), (28602, ""), (99_999, ""),
    ],
)  # fmt: skip
def test_code_pages(number: int, codec: str) -> None:
    assert mapi.codec_of(number) == codec


@pytest.mark.parametrize(
    ("ticks", "at"),
    [
        (compound.file_time(datetime(2025, 9, 18, 9, 14, 3, 500, tzinfo=UTC)), datetime(2025, 9, 18, 9, 14, 3, 500, tzinfo=UTC)),
        (0, None), (-5, None), (0x7FFFFFFFFFFFFFFF, None), (0x0CB34557A3DD4000, None),  # the last: 1 January 4501
    ],
)  # fmt: skip
def test_file_times(ticks: int, at: datetime | None) -> None:
    assert mapi.file_time(ticks) == at


@pytest.mark.parametrize(
    ("kind", "raw", "codec", "expected"),
    [
        (STRING, "Zoë\0".encode("utf-16-le"), "", "Zoë"),
        (STRING, "ab".encode("utf-16-le") + b"c", "", "ab"),
        (STRING8, b"Zo\xeb\0", "", "Zoë"),
        (STRING8, b"\xcf\xf0", "cp1251", "Пр"),
        (LONG, b"\xff\xff\xff\xff\0\0\0\0", "", -1),
        (LONG, b"\xff\xff", "", None),
        (TIME, b"\x01", "", None),
        (0x0048, bytes(16), "", None),
    ],
)
def test_values_are_read_by_their_type(kind: int, raw: bytes, codec: str, expected: mapi.Value | None) -> None:
    assert mapi.value_of(kind, raw, codec) == expected


# ------------------------------------------------------------------------------------------------------ compound files

SMALL = outlook([(0x0037, STRING, "Subject"), (0x0E07, LONG, 1)], [recipient(3, "x@collector.example")])
BIG = outlook([(0x1000, STRING, "body " * 60_000)], [recipient(1, f"r{i}@corp.example") for i in range(40)])
WORD: compound.Tree = {"WordDocument": b"text", "1Table": b"", "ObjectPool": {"_1": SMALL}}


HUGE = outlook([(0x0037, STRING, "S")], [], [compound.attachment("a", bytes(range(256)) * 100_000)])  # two sectors of DIFAT


def test_our_writer_is_understood_by_another_reader() -> None:
    for tree in (SMALL, BIG, WORD, HUGE):
        file = olefile.OleFileIO(io.BytesIO(compound.compound(tree)), raise_defects=olefile.DEFECT_INCORRECT)
        assert file.parsing_issues == []
        names = {"/".join(path): file.openstream(path).read() for path in file.listdir()}
        assert names == dict(_leaves(tree, ""))


def _leaves(tree: compound.Tree, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for name, child in tree.items():
        found += [(prefix + name, child)] if isinstance(child, bytes) else _leaves(child, f"{prefix}{name}/")
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (compound.compound(SMALL), True),
        (compound.compound(SMALL, bytes(16)), True),  # by the names alone
        (compound.compound(BIG), True),
        (compound.compound(WORD, bytes(16)), False),  # a document with a message embedded
        (compound.compound({"Workbook": b"x"}, bytes(16)), False),
        (compound.MAGIC, False),
        (compound.MAGIC + "__properties_version1.0".encode("utf-16-le"), True),  # all that is left of one
        ("__properties_version1.0".encode("utf-16-le"), False),
        (b"", False),
    ],
)
def test_a_message_is_told_from_other_compound_files(data: bytes, expected: bool) -> None:
    assert mapi.is_message(data) is expected


def test_the_head_of_a_long_file_may_be_a_message() -> None:
    whole = compound.compound({"WordDocument": bytes(5000)}, bytes(16))
    assert mapi.is_message(whole[:600], cut=True)
    assert not mapi.is_message(whole[:600])
    assert not mapi.is_message(whole, cut=True)
    assert not mapi.is_message(b"\0" + whole[:600], cut=True)


def test_properties_of_message_recipient_and_attachment() -> None:
    at = datetime(2025, 9, 18, 9, 14, 3, tzinfo=UTC)
    tree = outlook(
        [(0x0037, STRING, "S"), (0x0039, TIME, at), (0x3FFD, LONG, 1251), (0x1000, STRING8, b"\xcf\xf0")],
        [recipient(3, "x@collector.example", "X")],
        [compound.attachment("a.txt", b"content")],
    )
    top = mapi.message(compound.compound(tree))
    read = mapi.properties_of(top, "", 1 << 20)
    assert (read.text(Tag.SUBJECT), read.time(Tag.CLIENT_SUBMIT_TIME), read.text(Tag.BODY), read.faults) == ("S", at, "Пр", ())
    (row,) = mapi.recipients_of(top)
    assert mapi.properties_of(row, "entry", 1 << 20).number(Tag.RECIPIENT_TYPE) == 3
    (part,) = mapi.attachments_of(top)
    assert mapi.properties_of(part, "entry", 1 << 20).blob(Tag.ATTACH_OBJECT) == b"content"
    only = mapi.properties_of(part, "entry", 1 << 20, wanted=frozenset((Tag.ATTACH_LONG_FILENAME,)))
    assert only.blob(Tag.ATTACH_OBJECT) == b""
    assert only.text(Tag.ATTACH_LONG_FILENAME) == "a.txt"


def test_an_attachment_of_25_megabytes_is_read_whole() -> None:
    (part,) = mapi.attachments_of(mapi.message(compound.compound(HUGE)))
    assert mapi.properties_of(part, "entry", 1 << 25).blob(Tag.ATTACH_OBJECT) == bytes(range(256)) * 100_000


def test_texts_of_several_values_are_joined() -> None:
    tree = outlook([(0x0037, STRING, "S")])
    tree |= {
        "__substg1.0_9000101F": bytes(16),
        "__substg1.0_9000101F-00000000": "one".encode("utf-16-le"),
        "__substg1.0_9000101F-00000001": "two".encode("utf-16-le"),
    }
    assert mapi.properties_of(mapi.message(compound.compound(tree)), "", 1 << 20).text(0x9000) == "one\ntwo"


def test_limits_on_properties_are_told() -> None:
    read = mapi.properties_of(mapi.message(compound.compound(BIG)), "", 1000)
    assert read.text(Tag.BODY) == ""
    assert read.faults == ("a stream is over the limit",)


def test_without_the_extra_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "olefile", None)
    with pytest.raises(Unreadable, match="Outlook files need the extra 'outlook': install forensics\\[outlook\\]"):
        mapi.message(compound.compound(SMALL))


def _patched(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + struct.pack("<I", value) + data[at + 4 :]


@pytest.mark.parametrize("at", [44, 64, 72], ids=["FAT", "mini FAT", "DIFAT"])
def test_counts_larger_than_the_file_are_refused_at_once(at: int) -> None:
    hostile = _patched(compound.compound(SMALL), at, 0xFFFFFF00)
    with affordable(1), pytest.raises(Unreadable, match="header contradicts"):
        mapi.message(hostile)


def test_loops_end() -> None:
    whole = bytearray(compound.compound(BIG))
    fat = struct.unpack_from("<128I", whole, 512)
    for sector in range(128):  # every chain runs into itself
        if fat[sector] < 0xFFFFFFF0:
            struct.pack_into("<I", whole, 512 + 4 * sector, sector)
    assert _exhausted(bytes(whole)) is not None


def test_a_stream_that_claims_gigabytes_is_not_read() -> None:
    whole = compound.compound(BIG)
    at = whole.index("__substg1.0_1000001F".encode("utf-16-le"))
    read = mapi.properties_of(mapi.message(_patched(whole, at + 120, 0x7FFFFFF0)), "", 1 << 40)
    assert "a stream is longer than its file" in read.faults


def _exhausted(data: bytes) -> str:
    """Read everything that can be; "" or why nothing can."""
    try:
        top = mapi.message(data)
    except Unreadable as unreadable:
        return str(unreadable)
    pending: list[Storage] = [top]
    for _ in range(1000):
        if not pending:
            break
        storage = pending.pop()
        mapi.properties_of(storage, "entry", 1 << 22)
        pending += storage.storages()
    return ""


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2000), st.booleans())
def test_random_bytes_never_raise_anything_else(data: bytes, magic: bool) -> None:
    data = compound.MAGIC + data if magic else data
    mapi.is_message(data)
    mapi.is_message(data, cut=True)
    _exhausted(data)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=40), st.integers(0, 1 << 20))
def test_damaged_messages_never_raise_anything_else(flips: list[tuple[int, int]], cut: int) -> None:
    whole = bytearray(SMALL_FILE)
    for at, value in flips:
        whole[at % len(whole)] = value
    _exhausted(bytes(whole))
    _exhausted(bytes(whole[: cut % len(whole)]))


SMALL_FILE = compound.compound(SMALL)


def test_what_was_read_is_counted() -> None:
    read = mapi.properties_of(mapi.message(compound.compound(SMALL)), "", 1 << 20)
    assert read.size == 32 + 2 * 16 + 2 * len("Subject")
