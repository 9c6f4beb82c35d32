"""Office documents that are zips of XML: Word, Excel, PowerPoint, OpenDocument."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

from forensics.content import megabytes
from forensics.decoding import decoded, is_office, safe_name, signature, spelled, strings, unescaped
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader
from forensics.tabular import laid_out

__all__ = ["READER"]

_CHUNK = 64 << 10
_ENTRIES = 20_000
_ENCRYPTED = 1  # general purpose bit 0, APPNOTE.TXT section 4.4.4
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, KeyError, NotImplementedError)
_DAMAGED = "damaged member: only what precedes the damage was read"
_HEADER = 30  # bytes, before the name
_SIZES = struct.Struct("<26x2H")  # in a member's own header: bytes of name and extra field, APPNOTE.TXT section 4.3.7
_XML = (".xml", ".rels", ".vml", ".rdf")

_LOCKED = "encryption-data"  # in the manifest of an OpenDocument file, part 2 section 3.4
_DIRECTORY_END, _DIRECTORY_TAIL = b"PK\x05\x06", 22 + 0xFFFF
_BINARY = re.compile(r"xl/(?!vbaproject|embeddings/)[a-z0-9_/]{1,100}\.bin$")  # [MS-XLSB]
_PRINTER = re.compile(r"printersettings[0-9]{0,4}\.bin$")

_CELL, _ROW = "\x1f", "\x1e"  # taken out of the evidence's text before they are used here
_CONTROLS = dict.fromkeys((0x1E, 0x1F))
_CLOSES = re.compile(r"</([^<>\s]{1,80}+)>")
_MARKS = {
    **dict.fromkeys(("tc", "c", "table-cell", "covered-table-cell"), _CELL),
    **dict.fromkeys(("tr", "row", "table-row"), _ROW),
    **dict.fromkeys(
        ("p", "h", "si", "comment", "text", "definedName", "annotation", "Relationship", "table", "txbxContent"), "\n"
    ),
}
_PREFIX = r"<(?:[A-Za-z0-9_.-]{1,40}+:)?+"
_TABLE = re.compile(_PREFIX + r"(?:tbl|table|sheetData)(?=[\s>])[^<>]*+>")
_BREAK = re.compile(_PREFIX + r"(?:br|cr|line-break|Relationship)(?=[\s/>])[^<>]*+>")
_GAP = re.compile(_PREFIX + r"(?:tab|s|ptab)(?=[\s/])[^<>]*+>(?<=/>)")
_REFERENCE = re.compile(r' r="([A-Z]{1,3})\d{1,7}"')
_COLUMNS = 200  # up to which the cells that a row leaves out are counted
_TAG = re.compile(r"(?:<[^<>]*+>)++")
_LAID_OUT = re.compile(r">[ \t\r]*+\n\s*+<")  # by whoever wrote the XML: no part of the text
_SHARED_ITEM = re.compile(r"<(?:[A-Za-z0-9_.-]{1,40}+:)?+si\b[^<>]*+>")
_SHARED_CELL = re.compile(r" t=\"s\"[^<>]*+>\s*+<(?:[A-Za-z0-9_.-]{1,40}+:)?+v>(\d{1,9})<")
_SPOKEN = re.compile(
    r"[\s:](?:Target|descr|title|name|instr|href|alt|placeholder|comment|string-value|value|formula|prompt|error|connection|command"
    r"|tooltip|location|url|uri|(?:val|v)(?==\"[^\"<]{8}))=\"([^\"<]{3,4000})\""
)
_REMARK = re.compile(r"<!(?:--|ENTITY)([^<>]{1,4000})")
_CONCATENATION = re.compile(r"\"\s*&\s*\"")
_CALL = re.compile(r"\bCONCAT(?:ENATE)?\((?:\s*\"[^\"]*+\"\s*[,;)])++")
_COMMA = re.compile(r"\"\s*[,;]\s*\"")
_MANIFEST_BYTES = 1 << 20


def _accepts(part: Part) -> bool:
    return signature(part.data) == "zip" and is_office(part.data) and _DIRECTORY_END in part.data[-_DIRECTORY_TAIL:]


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    """One text of everything written in the document, one of names, links and alternative texts, other members as parts."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(part.data))
    except _DAMAGE:
        yield Unread(part.path, "damaged office document: no directory of its members")
        return
    members = archive.infolist()
    if len(members) > min(_ENTRIES, limits.members):
        yield Unread(part.path, "over the limit of members a message: the rest was not examined")
        members = members[: min(_ENTRIES, limits.members)]
    yield Text(
        part.path, "names", spelled([*(member.orig_filename for member in members), archive.comment.decode("utf-8", "replace")])
    )
    if _is_locked(archive):
        yield Unread(part.path, "OpenDocument file locked with a password")
        return
    shown: list[str] = []
    beside: list[str] = []
    shared: list[str] = []
    left = limits.total_bytes
    for member in sorted(members, key=_reading_order):
        path = f"{part.path}/{safe_name(member.filename, 'member')}"
        if member.filename.endswith("/") and not member.file_size:
            continue
        limit = min(left, limits.member_bytes)
        data, reason = _content(archive, member, limit)
        if reason == _DAMAGED:
            data = max(data, _raw(part.data, member, limit), key=len)
        left -= len(data)
        if reason:
            yield Unread(path, reason)
        if not data:
            continue
        name = member.filename.lower()
        if _PRINTER.search(name):
            beside.append(strings(data))
            continue
        if _BINARY.match(name):
            yield Text(path, "strings", strings(data), guessed=True)
            yield Unread(path, "binary part of a workbook: only strings were searched")
            continue
        if not name.endswith(_XML):
            yield Part(path, "", data, safe_name(member.filename.rpartition("/")[2], ""), depth=part.depth + 1)
            continue
        xml = _tidied(decoded(data)[0])
        if name.endswith("sharedstrings.xml"):
            shared = [_plain(item).strip() for item in _SHARED_ITEM.split(xml)[1:]]
        shown.append(_laid_out(_with_shared(xml, shared)))
        beside.extend(_spoken(xml))
    yield Text(part.path, "decoded", "\n\n".join(text for text in shown if text))
    if beside:
        yield Text(part.path, "source", "\n".join(dict.fromkeys(beside)))


def _reading_order(member: zipfile.ZipInfo) -> tuple[bool, bool, str]:
    """Shared strings first, since sheets refer to them; then documents, sheets and slides in order; relations last."""
    name = member.filename.lower()
    number = re.sub(r"[0-9]{1,9}", lambda digits: digits[0].zfill(9), name)
    return (not name.endswith("sharedstrings.xml"), name.endswith(".rels"), number)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> tuple[bytes, str]:
    if member.flag_bits & _ENCRYPTED:
        return b"", "encrypted archive member"
    if limit <= 0:
        return b"", "over the limit in total"
    out = bytearray()
    try:
        with archive.open(member) as stream:
            while len(out) <= limit and (chunk := stream.read(min(_CHUNK, limit + 1 - len(out)))):
                out += chunk
    except _DAMAGE:
        return bytes(out[:limit]), _DAMAGED
    if len(out) > limit:
        return bytes(out[:limit]), f"over the limit of {megabytes(limit)} a member: the rest was not examined"
    return bytes(out), ""


def _raw(data: bytes, member: zipfile.ZipInfo, limit: int) -> bytes:
    """A deflated member whatever its checksum and its sizes say; nothing if its bytes are damaged themselves."""
    try:
        begin = member.header_offset + _HEADER + sum(_SIZES.unpack_from(data, member.header_offset))
        return zlib.decompressobj(-15).decompress(data[begin:], limit) if member.compress_type == zipfile.ZIP_DEFLATED else b""
    except (struct.error, zlib.error):
        return b""


def _is_locked(archive: zipfile.ZipFile) -> bool:
    try:
        manifest = archive.getinfo("META-INF/manifest.xml")
    except KeyError:
        return False
    return _LOCKED.encode() in _content(archive, manifest, _MANIFEST_BYTES)[0]


def _tidied(xml: str) -> str:
    """The XML without our own marks and without line ends between tags; marked sections (CDATA) are text like any other."""
    xml = xml.translate(_CONTROLS) if "\x1e" in xml or "\x1f" in xml else xml
    if "\n" in xml:
        xml = _LAID_OUT.sub("><", xml)
    if "[" not in xml:
        return xml
    first, *others = xml.split("<![CDATA[")
    out = [first]
    for piece in others:
        said, end, rest = piece.partition("]]>")
        out.append(said.replace("&", "&amp;").replace("<", "&lt;") + rest if end else piece)
    return "".join(out)


def _with_shared(xml: str, shared: list[str]) -> str:
    """Cells that refer to a shared string hold it instead (ECMA-376 part 1, section 18.4)."""
    if not shared or "sheetData" not in xml:
        return xml
    pieces = _SHARED_CELL.split(xml.replace(" t='s'", ' t="s"'))
    written = {str(at): f">{string.replace('&', '&amp;').replace('<', '&lt;')}<" for at, string in enumerate(shared)}
    pieces[1::2] = [written.get(one) or f">{one}<" for one in pieces[1::2]]
    return "".join(pieces)


def _plain(xml: str) -> str:
    """Text of the XML: tags vanish without a blank, so that a value in several runs is whole. No entity that
    the document defines is expanded, only those of XML and HTML, and numbers.
    """
    text = _TAG.sub("", xml)
    return unescaped(text)


def _spoken(xml: str) -> Iterator[str]:
    """What attributes, remarks and definitions say. Those of a sheet's cells only tell place and format."""
    start = xml.find("<sheetData")
    end = xml.rfind("</sheetData>", start)
    around = xml if start < 0 or end < 0 else xml[:start] + xml[end:]
    yield from (_whole(unescaped(value)) for value in dict.fromkeys(_SPOKEN.findall(around)))
    if "!" in xml:
        yield from (unescaped(remark).removesuffix("--") for remark in _REMARK.findall(xml))


def _laid_out(xml: str) -> str:
    """Paragraphs and rows on lines of their own, rows with what names their cells."""
    of_cells = "<sheetData" in xml  # no paragraphs, line breaks or tabs
    for name in {"c", "row"} if of_cells else set(_CLOSES.findall(xml)):
        if mark := _MARKS.get(name.rpartition(":")[2]):
            xml = xml.replace(f"</{name}>", mark)
    if of_cells:
        xml = _ROW.join(map(_placed, xml.replace("<sheetData", _ROW + "<sheetData", 1).split(_ROW)))
    else:
        xml = _GAP.sub("\t", _BREAK.sub("\n", _TABLE.sub(_ROW, xml)))
    rows = laid_out([_cells(row) if _CELL in row else row for row in _plain(xml).split(_ROW)])
    return _whole("\n".join(line.strip(" ") for line in rows.split("\n") if line and not line.isspace()))


def _placed(row: str) -> str:
    """A sheet's row with a mark for each cell that is left out: a reference tells the column (ECMA-376 part 1, section 18.3.1.4)."""
    if not row.count(_CELL) < _column(row, row.rfind(' r="')) <= _COLUMNS:
        return row
    out, column = [], 0
    for cell in row.split(_CELL):
        at = max(_column(cell, cell.rfind(' r="')), column + 1)
        out += [""] * (at - column - 1) + [cell]
        column = at
    return _CELL.join(out)


def _column(xml: str, at: int) -> int:
    """The column, from 1, of the reference that begins here; 0 if there is none."""
    reference = _REFERENCE.match(xml, at) if at >= 0 else None
    column = 0
    for letter in reference[1] if reference else "":
        column = column * 26 + ord(letter) - 64
    return column


def _cells(row: str) -> list[str]:
    """The cells of a row in their places, each on one line."""
    cells = [cell.strip() for cell in row.split(_CELL)]
    if "\n" in row:
        cells = [" ".join(line.strip() for line in cell.split("\n") if line.strip()) for cell in cells]
    return cells


def _whole(text: str) -> str:
    """The text, and once more with the strings whole that its formulas join."""
    if '"' not in text:
        return text
    whole = _CONCATENATION.sub("", text)
    if "CONCAT" in whole:
        whole = _CALL.sub(lambda call: _COMMA.sub("", call[0]), whole)
    return text if whole == text else f"{text}\n{whole}"


READER = Reader("ooxml", "Office documents", _accepts, _read)
