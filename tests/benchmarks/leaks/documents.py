"""Attachments made from nothing: Word, Excel, PDF and zip files that hold given lines or rows."""

from __future__ import annotations

import io
import textwrap
import zipfile
import zlib
from collections.abc import Sequence
from html import escape

from benchmarks.leaks.planted import File

__all__ = ["docx", "pdf", "text_file", "xlsx", "zipped"]

_STAMP = (2025, 9, 10, 6, 0, 0)  # of members: an archive is the same for the same seed
_SPACES = "http://schemas.openxmlformats.org"
_OOXML = "application/vnd.openxmlformats-officedocument"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_LINE = 95  # characters of a PDF's line; what is longer goes on below, a longer word too


def _archive(members: Sequence[tuple[str, str | bytes]]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED)
    return held.getvalue()


def text_file(name: str, text: str) -> File:
    """A plain text file."""
    return File("text/plain", name, text.encode())


def zipped(name: str, members: Sequence[tuple[str, bytes]]) -> File:
    """A zip archive."""
    return File("application/zip", name, _archive(list(members)))


def _frame(part: str, kind: str) -> list[tuple[str, str | bytes]]:
    rels = f'{_XML}<Relationships xmlns="{_SPACES}/package/2006/relationships"><Relationship Id="rId1" Type="{_SPACES}/officeDocument/2006/relationships/officeDocument" Target="{part}"/></Relationships>'
    default = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    shown = f'<Override PartName="/{part}" ContentType="{_OOXML}.{kind}.main+xml"/>'
    types = f'{_XML}<Types xmlns="{_SPACES}/package/2006/content-types">{default}{shown}</Types>'
    return [("[Content_Types].xml", types), ("_rels/.rels", rels)]


def docx(name: str, lines: Sequence[str]) -> File:
    """A Word file, a paragraph a line; words are runs of their own here and there, as Word's spelling marks leave them."""
    paragraphs = "".join(f"<w:p>{_runs(line)}</w:p>" for line in lines)
    body = f'{_XML}<w:document xmlns:w="{_SPACES}/wordprocessingml/2006/main"><w:body>{paragraphs}</w:body></w:document>'
    frame = _frame("word/document.xml", "wordprocessingml.document")
    return File(f"{_OOXML}.wordprocessingml.document", name, _archive([*frame, ("word/document.xml", body)]))


def _runs(line: str) -> str:
    pieces = [line] if len(line) < 8 else [line[: len(line) // 3], line[len(line) // 3 :]]
    return "".join(f'<w:r><w:t xml:space="preserve">{escape(piece)}</w:t></w:r>' for piece in pieces)


def xlsx(name: str, rows: Sequence[Sequence[str]]) -> File:
    """An Excel file of one sheet; texts lie in the shared table, as Excel writes them."""
    texts = list(dict.fromkeys(cell for row in rows for cell in row))
    places = {text: place for place, text in enumerate(texts)}
    shared = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in texts)
    cells = "".join(
        f'<row r="{line}">'
        + "".join(f'<c r="{chr(65 + column)}{line}" t="s"><v>{places[cell]}</v></c>' for column, cell in enumerate(row))
        + "</row>"
        for line, row in enumerate(rows, 1)
    )
    space, link = f"{_SPACES}/spreadsheetml/2006/main", f"{_SPACES}/officeDocument/2006/relationships"
    tie = f'<Relationship Id="rId{{}}" Type="{link}/{{}}" Target="{{}}.xml"/>'
    ties = tie.format(1, "worksheet", "worksheets/sheet1") + tie.format(2, "sharedStrings", "sharedStrings")
    return File(f"{_OOXML}.spreadsheetml.sheet", name, _archive([
        *_frame("xl/workbook.xml", "spreadsheetml.sheet"),
        ("xl/workbook.xml", f'{_XML}<workbook xmlns="{space}" xmlns:r="{link}"><sheets><sheet name="1" sheetId="1" r:id="rId1"/></sheets></workbook>'),
        ("xl/_rels/workbook.xml.rels", f'{_XML}<Relationships xmlns="{_SPACES}/package/2006/relationships">{ties}</Relationships>'),
        ("xl/worksheets/sheet1.xml", f'{_XML}<worksheet xmlns="{space}"><sheetData>{cells}</sheetData></worksheet>'),
        ("xl/sharedStrings.xml", f'{_XML}<sst xmlns="{space}" count="{len(texts)}" uniqueCount="{len(texts)}">{shared}</sst>'),
    ]))  # fmt: skip


def pdf(name: str, lines: Sequence[str]) -> File:
    """A PDF of one page (ISO 32000-1, section 7.5); text beyond Latin-1 in a composite font with a map to Unicode."""
    cut = [row for line in lines for row in textwrap.wrap(line, _LINE, break_on_hyphens=False) or [""]]
    if all(char < "\u0100" for line in cut for char in line):
        shown = [f"({_escaped(line)})".encode("latin-1") for line in cut]
        fonts = [b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"]
    else:
        shown = [f"<{line.encode('utf-16-be').hex()}>".encode() for line in cut]
        fonts = _composite_font()
    page = b"BT/F1 10 Tf 40 800 Td " + b"".join(one + b"Tj 0 -14 Td\n" for one in shown) + b"ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>",
        _stream(b"/Filter/FlateDecode", zlib.compress(page)),
        *fonts,
    ]
    return File("application/pdf", name, _numbered(objects))


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _composite_font() -> list[bytes]:
    """Codes are UTF-16; the map names each row of 256 (section 9.10.3 wants ranges that end within one)."""
    ranges = [f"<{row:02x}00><{row:02x}ff><{row:02x}00>" for row in range(256)]
    blocks = "".join(
        f"{len(ranges[at : at + 100])} beginbfrange\n{chr(10).join(ranges[at : at + 100])}\nendbfrange\n"
        for at in range(0, 256, 100)
    )
    cmap = f"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n1 begincodespacerange\n<0000><ffff>\nendcodespacerange\n{blocks}endcmap end end"
    descendant = (
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/Any/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>"
    )
    return [
        b"<</Type/Font/Subtype/Type0/BaseFont/Any/Encoding/Identity-H/DescendantFonts[6 0 R]/ToUnicode 7 0 R>>",
        descendant,
        _stream(b"", cmap.encode()),
    ]


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(data), data)


def _numbered(objects: Sequence[bytes]) -> bytes:
    written, places = bytearray(b"%PDF-1.4\n"), []
    for number, one in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    count = len(objects) + 1
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(written))
    return bytes(written) + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + trailer
