"""Bombs: whatever a small attachment claims to hold, what is read and held stays within the limits, and the rest is told."""

from __future__ import annotations

import gzip
import io
import math
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import compound
import pytest
import zstandard
from documents import KEY, drawn, found_in, office, read, reasons, word, zipped

from forensics.content import rtf
from forensics.model import Limits, Text, Unread

MB = 1 << 20
TIGHT = Limits(member_bytes=MB, total_bytes=8 * MB, members=200)


def held(bomb: bytes, limits: Limits = TIGHT) -> tuple[list[Text | Unread], int]:
    """What is read, and the most memory that was in use meanwhile."""
    tracemalloc.start()
    try:
        found = read(bomb, limits=limits)
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def said(found: list[Text | Unread]) -> int:
    return sum(len(one.text) for one in found if isinstance(one, Text) and one.view not in {"names", "source"})


def blank_gigabyte() -> bytes:
    """About one megabyte, deflated."""
    made = zlib.compressobj(9, wbits=-15)
    return (made.compress(bytes(MB)) + made.flush(zlib.Z_FULL_FLUSH)) * 1024 + made.flush()


def gigabyte_zip() -> bytes:
    """One megabyte of deflated bytes under a header that promises four."""
    packed = blank_gigabyte()
    name = b"a.txt"
    common = struct.pack("<5H3I2H", 20, 0, 8, 0, 0, 0, len(packed), 4, len(name), 0)
    local = b"PK\x03\x04" + common + name + packed
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<3H2I", 0, 0, 0, 0, 0) + name
    return local + entry + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, len(entry), len(local), 0)


def zips_in_zips(size: int) -> bytes:
    data = zipped({"0.txt": bytes(size)})
    for _ in range(6):
        data = zipped({f"{number}.zip": data for number in range(8)})
    return data  # a quarter of a million members


def overlapping() -> bytes:
    """A thousand entries for one and the same megabyte."""
    data = zipped({"a.txt": bytes(MB)})
    begin, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entries = data[begin:end] * 1000
    return data[:begin] + entries + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1000, 1000, len(entries), begin, 0)


def many_members() -> bytes:
    return tarfile.TarInfo("a").tobuf() * 100_000


def sheet_of_empty_cells() -> bytes:
    row = b"<row>" + b'<c r="A1"/>' * 16_000 + b"</row>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f"<worksheet><sheetData><row><c><v>{KEY}</v></c></row>".encode())
            for _ in range(1000):
                sheet.write(row)
    return out.getvalue()


def lying_tnef() -> bytes:
    return compound.tnef(compound.attribute(0x0002800C, KEY.encode()), struct.pack("<BII", 1, 0x00069003, 0x7FFFFFFF) + bytes(99))


def counted_tnef() -> bytes:
    """A property list that promises four thousand million properties of as many values."""
    return compound.tnef(compound.attribute(0x00069003, struct.pack("<III", 0xFFFFFFFF, 0x1000101E, 0xFFFFFFFF)))


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "zip of a gigabyte": (gigabyte_zip, "damaged archive member: only what precedes the damage was read"),
    "gzip of a gigabyte": (
        lambda: b"\x1f\x8b\x08" + bytes(7) + blank_gigabyte(),
        "over the limit of 1 MB a member: the rest was not examined",
    ),
    "zst of a gigabyte": (
        lambda: zstandard.ZstdCompressor().compress(bytes(256 * MB)),
        "over the limit of 1 MB a member: the rest was not examined",
    ),
    "a terabyte of zips in zips": (lambda: zips_in_zips(4 * MB), "over the limit of 8 MB in total"),
    "small zips in zips": (lambda: zips_in_zips(4), "over the limit of 200 members a message"),
    "overlapping members": (overlapping, "over the limit of 8 MB in total"),
    "tar of empty members": (
        lambda: gzip.compress(many_members(), 1),
        "over the limit of 1 MB a member: the rest was not examined",
    ),
    "empty cells": (sheet_of_empty_cells, "over the limit of 1 MB a member: the rest was not examined"),
    "long words": (lambda: word("<w:t>" + "x" * (64 * MB)), "over the limit of 1 MB a member: the rest was not examined"),
    "TNEF that lies": (lying_tnef, "damaged TNEF: behind the damage only strings were searched"),
    "TNEF that counts": (counted_tnef, "TNEF: properties are cut short"),
    "zst of a wide window": (
        lambda: b"(\xb5/\xfd\x00\xa8" + bytes(64),  # 2**31 bytes of memory, if one believes it
        "damaged archive member: only what precedes the damage was read",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_its_limits_and_no_more(name: str) -> None:
    make, reason = BOMBS[name]
    found, peak = held(make())
    assert reason in reasons(found).values()
    assert said(found) <= TIGHT.total_bytes
    assert peak < 64 * MB


def test_a_tar_of_many_members_ends_at_their_limit() -> None:
    found, peak = held(many_members(), Limits())
    assert "over the limit of members a message: the rest was not examined" in reasons(found).values()
    assert peak < 32 * MB


def test_a_chain_of_gzips_ends_at_the_depth() -> None:
    data = KEY.encode()
    for _ in range(2000):
        data = gzip.compress(data, 1, mtime=0)
    assert list(reasons(read(data)).values()) == ["nested deeper than 8 levels"]


def test_a_file_of_many_streams_is_read_in_one_go_up_to_their_limit() -> None:
    tiny = gzip.compress(b"", mtime=0)
    assert found_in(read(tiny * 20_000 + gzip.compress(KEY.encode())))
    reason = reasons(read(tiny * 100_001))["attachment:a.bin/a.bin"]
    assert reason == "compressed file of more than 100000 streams: the rest was not examined"


def test_headers_without_a_directory_are_looked_for_in_bounded_work() -> None:
    endless = b"PK\x03\x04" + struct.pack("<5H3I2H", 20, 0, 8, 0, 0, 0, 0, 0, 0, 0) + b"\0\0\0\xff\xff" * 5_000 + b"\xff"
    found, peak = held(endless * 40, Limits())
    assert len(reasons(found)) == 1
    assert peak < 64 * MB


def test_laughs_are_not_multiplied() -> None:
    found, peak = held(word(f'<!DOCTYPE x [<!ENTITY a0 "ha">{LAUGHS}]><w:p>&a9; {KEY}</w:p>'))
    assert found_in(found)
    assert said(found) < 10_000
    assert peak < 4 * MB


@pytest.mark.parametrize("piece", ["<a>", "<w:p>", "<w:tbl><w:tr><w:tc>", "<text:span>"])
def test_depth_of_elements_costs_nothing(piece: str) -> None:
    found, peak = held(office(word__document=piece * 100_000 + KEY), Limits())
    assert found_in(found)
    assert peak < 64 * MB


@pytest.mark.parametrize("piece", [b"{", b"{\\b ", b"{\\*\\x ", b"{\\field"])
def test_open_groups_are_followed_to_a_bound(piece: bytes) -> None:
    count = 1_000_000 // len(piece)
    bomb = b"{\\rtf1 " + piece * count
    assert found_in(read(bomb + b"}" * count + KEY.encode()))
    assert len(rtf._walked(bomb, math.inf)[0].groups) <= 5_000


# ------------------------------------------------------------------------------------------------- PDF, in a child


def flate_bomb() -> bytes:
    packed = (b"\x78\xda" + blank_gigabyte()).hex() + ">"
    return drawn(
        "",
        "",
        "/Metadata 6 0 R",
        f"<< /Type /Metadata /Filter [/ASCIIHexDecode /FlateDecode] /Length {len(packed)} >>\nstream\n{packed}\nendstream",
    )


def page_bomb() -> bytes:
    packed = (b"\x78\xda" + blank_gigabyte()).hex() + ">"
    return drawn("x").replace(
        b"<< /Length 1 >>\nstream\nx\nendstream",
        f"<< /Filter [/ASCIIHexDecode /FlateDecode] /Length {len(packed)} >>\nstream\n{packed}\nendstream".encode(),
    )


def circle(count: int) -> bytes:
    return drawn("BT ET").replace(b"/Kids [3 0 R] /Count 1", f"/Kids [2 0 R] /Count {count}".encode())


PDFS: dict[str, Callable[[], bytes]] = {
    "Flate bomb beside the pages": flate_bomb,
    "Flate bomb on a page": page_bomb,
    "circular page tree": lambda: circle(1),
    "circular page tree of a million pages": lambda: circle(1_000_000),
    "circular bookmarks and forms": lambda: drawn(
        "", "", "/Outlines 6 0 R /AcroForm << /Fields [7 0 R] >>",
        "<< /First 6 0 R /Next 6 0 R >>", "<< /T (a) /Kids [7 0 R 7 0 R] /Parent 7 0 R >>",
    ),
    "arrays in arrays": lambda: drawn("", f"/Annots {'[' * 20_000}"),
    "a million objects": lambda: drawn("", f"/Annots [{'<< /Contents (x) >> ' * 60_000}]"),
}  # fmt: skip


@pytest.mark.parametrize("name", PDFS)
def test_a_pdf_that_will_not_end_is_told_and_the_next_one_read(name: str) -> None:
    found = read(PDFS[name](), "a.pdf", limits=Limits(seconds=3, child_memory=512 * MB))
    assert reasons(found)
    assert said(found) < 4 * MB
    assert found_in(read(drawn(f"BT /F1 12 Tf 50 700 Td ({KEY}) Tj ET"), "a.pdf"))
