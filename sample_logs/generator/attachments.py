"""Files that hang on a mail: archives, office documents, PDF, a picture."""

from __future__ import annotations

import html
import io
import struct
import zipfile
import zlib

from .encoding import zlib_stored

PNG, ZIP, CSV = "image/png", "application/zip", "text/csv"
OFFICE = "application/vnd.openxmlformats-officedocument."


def attached(path: str, words: str) -> tuple[str, str, bytes]:
    """A file with `words` in it: (name, media type, bytes). `path` may name a member of an archive."""
    name, _, member = path.partition("/")
    if member:
        return name, ZIP, zipped({member: words.encode()})
    if name.endswith(".docx"):
        return name, OFFICE + "wordprocessingml.document", docx(words)
    if name.endswith(".xlsx"):
        return name, OFFICE + "spreadsheetml.sheet", xlsx(words)
    if name.endswith(".pdf"):
        return name, "application/pdf", pdf(words)
    return name, "application/octet-stream", words.encode()


def zipped(members: dict[str, bytes], *, locked: bool = False) -> bytes:
    """A zip archive, stored; `locked` sets the mark of encryption, and noise stands for what cannot be read."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(
                zipfile.ZipInfo(name, (2025, 9, 1, 8, 0, 0)), bytes(b ^ 0xA5 for b in content) if locked else content
            )
    raw = bytearray(buffer.getvalue())
    if locked:
        raw[6] |= 1
        raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def parts_of_office(main: str, media: str, pieces: dict[str, str]) -> bytes:
    """An Office Open XML package (ECMA-376): `pieces`, path to XML, with content types and the relation to `main`."""
    kinds = "".join(f'<Override PartName="/{name}" ContentType="application/xml"/>' for name in pieces if name != main)
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{kinds}'
        f'<Override PartName="/{main}" ContentType="{OFFICE}{media}.main+xml"/></Types>'
    )
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    rels = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{relation}" Target="{main}"/></Relationships>'
    )
    every = {"[Content_Types].xml": types, "_rels/.rels": rels, **pieces}
    return zipped({name: content.encode() for name, content in every.items()})


def docx(words: str) -> bytes:
    """A document with a table of two columns; the value is split into runs, as an editor leaves it."""
    cells = ""
    for row in words.split("|"):
        label, _, value = row.partition(": ")
        runs = "".join(f"<w:r><w:t>{html.escape(piece)}</w:t></w:r>" for piece in (value[:5], value[5:]))
        cells += f"<w:tr><w:tc><w:p><w:r><w:t>{label}</w:t></w:r></w:p></w:tc><w:tc><w:p>{runs}</w:p></w:tc></w:tr>"
    body = f"<w:body><w:p><w:r><w:t>Handover</w:t></w:r></w:p><w:tbl>{cells}</w:tbl></w:body>"
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    document = f'<?xml version="1.0"?><w:document xmlns:w="{space}">{body}</w:document>'
    return parts_of_office("word/document.xml", "wordprocessingml.document", {"word/document.xml": document})


def xlsx(words: str) -> bytes:
    """A sheet with one row of shared strings."""
    space, cells = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", words.split("|")
    strings = "".join(f"<si><t>{html.escape(cell)}</t></si>" for cell in cells)
    row = "".join(f'<c r="{"AB"[i]}1" t="s"><v>{i}</v></c>' for i in range(len(cells)))
    related = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = "".join(
        f'<Relationship Id="rId{i}" Type="{related}/{kind}" Target="{target}"/>'
        for i, (kind, target) in enumerate((("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml")), 1)
    )
    sheets = f'<sheets><sheet name="Access" sheetId="1" r:id="rId1" xmlns:r="{related}"/></sheets>'
    pieces = {
        "xl/workbook.xml": f'<?xml version="1.0"?><workbook xmlns="{space}">{sheets}</workbook>',
        "xl/_rels/workbook.xml.rels": '<?xml version="1.0"?><Relationships '
        f'xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}</Relationships>',
        "xl/worksheets/sheet1.xml": f'<?xml version="1.0"?><worksheet xmlns="{space}"><sheetData><row r="1">{row}</row></sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<?xml version="1.0"?><sst xmlns="{space}">{strings}</sst>',
    }
    return parts_of_office("xl/workbook.xml", "spreadsheetml.sheet", pieces)


def png() -> bytes:
    """A picture of 16 x 16 pixels in grey."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    pixels = zlib_stored(b"".join(b"\0" + bytes((x * y) % 256 for x in range(16)) for y in range(16)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def pdf(words: str) -> bytes:
    """One page, its text in a Flate stream."""
    escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    stream = zlib_stored(f"BT /F1 12 Tf 72 720 Td ({escaped}) Tj ET".encode("latin-1"))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(stream) + stream + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return bytes(out) + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer
