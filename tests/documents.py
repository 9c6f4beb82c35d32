"""Small documents and archives with a key planted in them, and the readers run over them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable

import pypdf

from forensics.content import texts
from forensics.model import Body, Limits, Part, Text, Unread
from forensics.plugins import discover

KEY = "Kx9fT2vLq8ZrW3nB"
READERS = [one.plugin for one in discover("content") if one.plugin is not None]
TYPES = '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
LINE = f"Your key is {KEY}."


def read(data: bytes, name: str = "a.bin", media: str = "", limits: Limits | None = None) -> list[Text | Unread]:
    return list(texts(Body(parts=(Part(f"attachment:{name}", media, data, name),)), READERS, limits or Limits()))


def found_in(found: list[Text | Unread], key: str = KEY) -> set[tuple[str, str]]:
    return {(one.part, one.view) for one in found if isinstance(one, Text) and key in one.text}


def reasons(found: list[Text | Unread]) -> dict[str, str]:
    return {one.part: one.reason for one in found if isinstance(one, Unread)}


def zipped(members: dict[str, str | bytes], comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.comment = comment
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


def office(**members: str | bytes) -> bytes:
    return zipped({"[Content_Types].xml": TYPES, **{name.replace("__", "/") + ".xml": data for name, data in members.items()}})


def word(body: str) -> bytes:
    return office(word__document=f'<w:document xmlns:w="urn:w"><w:body>{body}</w:body></w:document>')


def sheet(rows: str, **more: str | bytes) -> bytes:
    return office(xl__worksheets__sheet1=f"<worksheet><sheetData>{rows}</sheetData></worksheet>", **more)


def drawn(stream: str, more: str = "", root: str = "", *others: str) -> bytes:
    """A PDF of one page, written by hand; other objects are numbered from 6."""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {root} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> {more} >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        *others,
    ]
    out = b"%PDF-1.4\n"
    places = []
    for number, thing in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{thing}\nendobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    return (
        out
        + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode()
    )


def rewritten(change: Callable[[pypdf.PdfWriter], object]) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(drawn(f"BT /F1 12 Tf 50 700 Td ({LINE}) Tj ET")))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def tarred(pack: Callable[[bytes], bytes] = bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        entry = tarfile.TarInfo("conf/a.txt")
        entry.size = len(LINE)
        made.addfile(entry, io.BytesIO(LINE.encode()))
    return pack(out.getvalue())


def locked_zip() -> bytes:
    data = bytearray(zipped({"passwords.txt": LINE}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


def damaged_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a.txt", LINE)
    return out.getvalue().replace(LINE.encode(), LINE.replace("Your", "your").encode())


def ole(*names: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 64 + b"".join(name.encode("utf-16-le") for name in names)
