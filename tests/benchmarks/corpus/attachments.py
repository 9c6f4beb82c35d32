"""Files as people attach them, a few dozen to a few hundred kilobytes each: pictures, office files, archives, tables, invitations."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.corpus.writing import WORDS, person, prose

__all__ = ["Attachment", "attachment"]

_STAMP = (2025, 9, 10, 6, 0, 0)  # of members: an archive is the same for the same seed
_OOXML = "application/vnd.openxmlformats-officedocument"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SPACES = "http://schemas.openxmlformats.org"


class Attachment(NamedTuple):
    """A file: its media type, name and bytes."""

    media_type: str
    name: str
    data: bytes


def attachment(rng: random.Random) -> Attachment:
    """One file of 15 to 300 kB, most of them small: in base64 a third more. PDFs have an archive of their own."""
    size = round(min(max(rng.lognormvariate(10.1, 0.8), 15_000), 300_000))
    kind = rng.choices((_picture, _document, _sheet, _archive, _table, _invitation, _noise), weights=(40, 15, 10, 8, 10, 4, 13))[
        0
    ]
    maker: Callable[[random.Random, int, str], Attachment] = kind
    return maker(rng, size, f"{rng.choice(WORDS)}-{rng.randrange(10**4)}")


def _picture(rng: random.Random, size: int, name: str) -> Attachment:
    if rng.random() < 0.7:
        head = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
        return Attachment("image/jpeg", f"{name}.jpg", head + rng.randbytes(size) + b"\xff\xd9")
    return Attachment("image/png", f"{name}.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + rng.randbytes(size))


def _noise(rng: random.Random, size: int, name: str) -> Attachment:
    return Attachment("application/octet-stream", f"{name}.bin", b"\x93\x01" + rng.randbytes(size))


def _zip(members: list[tuple[str, str | bytes]]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED)
    return held.getvalue()


def _types(part: str, kind: str) -> tuple[str, str]:
    default = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    shown = f'<Override PartName="/{part}" ContentType="{_OOXML}.{kind}.main+xml"/>'
    return "[Content_Types].xml", f'{_XML}<Types xmlns="{_SPACES}/package/2006/content-types">{default}{shown}</Types>'


def _relation(part: str) -> tuple[str, str]:
    one = f'<Relationship Id="rId1" Type="{_SPACES}/officeDocument/2006/relationships/officeDocument" Target="{part}"/>'
    return "_rels/.rels", f'{_XML}<Relationships xmlns="{_SPACES}/package/2006/relationships">{one}</Relationships>'


def _document(rng: random.Random, size: int, name: str) -> Attachment:
    """Some pages of text, and a picture that makes up the rest of the size."""
    runs = "".join(
        f'<w:p><w:pPr><w:spacing w:after="120"/></w:pPr><w:r><w:rPr><w:sz w:val="22"/></w:rPr><w:t>{line}</w:t></w:r></w:p>'
        for line in prose(rng, rng.randrange(4_000, 40_000)).splitlines()
    )
    body = f'{_XML}<w:document xmlns:w="{_SPACES}/wordprocessingml/2006/main"><w:body>{runs}</w:body></w:document>'
    picture = _picture(rng, max(size - len(body) // 4, 2_000), "image1")
    members = [
        _types("word/document.xml", "wordprocessingml.document"),
        _relation("word/document.xml"),
        ("word/document.xml", body),
    ]
    data = _zip([*members, (f"word/media/{picture.name}", picture.data)])
    return Attachment(f"{_OOXML}.wordprocessingml.document", f"{name}.docx", data)


def _sheet(rng: random.Random, size: int, name: str) -> Attachment:
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>{person(rng)}</t></is></c><c r="B{row}"><v>{rng.randrange(10**6)}</v></c>'
        f'<c r="C{row}"><v>{rng.random():.6f}</v></c><c r="D{row}" t="inlineStr"><is><t>{rng.choice(WORDS)} {rng.choice(WORDS)}</t></is></c></row>'
        for row in range(1, size // 45)
    )
    space, link = f"{_SPACES}/spreadsheetml/2006/main", f"{_SPACES}/officeDocument/2006/relationships"
    book = f'{_XML}<workbook xmlns="{space}" xmlns:r="{link}"><sheets><sheet name="one" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ties = f'{_XML}<Relationships xmlns="{_SPACES}/package/2006/relationships"><Relationship Id="rId1" Type="{link}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    data = _zip([
        _types("xl/workbook.xml", "spreadsheetml.sheet"), _relation("xl/workbook.xml"), ("xl/workbook.xml", book), ("xl/_rels/workbook.xml.rels", ties),
        ("xl/worksheets/sheet1.xml", f'{_XML}<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'),
    ])  # fmt: skip
    return Attachment(f"{_OOXML}.spreadsheetml.sheet", f"{name}.xlsx", data)


def _lines(rng: random.Random, size: int) -> str:
    lines = (
        f"{row};{person(rng)};{rng.choice(WORDS)};{rng.randrange(10**6)};{rng.random():.4f}\n"
        for row in range(max(size // 50, 1))
    )
    return "id;contact;item;amount;share\n" + "".join(lines)


def _archive(rng: random.Random, size: int, name: str) -> Attachment:
    members: list[tuple[str, str | bytes]] = [
        (f"export/{name}-{place}.csv", _lines(rng, size)) for place in range(rng.randrange(1, 4))
    ]
    return Attachment("application/zip", f"{name}.zip", _zip(members))


def _table(rng: random.Random, size: int, name: str) -> Attachment:
    return Attachment("text/csv", f"{name}.csv", _lines(rng, size).encode())


def _invitation(rng: random.Random, size: int, name: str) -> Attachment:
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{rng.getrandbits(96):024x}@acme.example\r\nDTSTART:202509{rng.randrange(10, 30)}T080000Z\r\nDURATION:PT1H\r\n"
        f"SUMMARY:{rng.choice(WORDS)} {rng.choice(WORDS)}\r\nATTENDEE;CN={rng.choice(WORDS)}:mailto:{person(rng)}\r\nEND:VEVENT\r\n"
        for _ in range(max(size // 190, 1))
    )
    return Attachment("text/calendar", f"{name}.ics", f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n".encode())
