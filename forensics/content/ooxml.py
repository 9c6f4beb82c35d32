"""Office documents that are zips of XML: Word, Excel, PowerPoint, OpenDocument."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from html import unescape

from forensics.content import decoded, is_office, megabytes, safe_name, signature, spelled
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_CHUNK = 64 << 10
_ENTRIES = 20_000
_ENCRYPTED = 1  # general purpose bit 0, APPNOTE.TXT section 4.4.4
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, KeyError, NotImplementedError)
_XML = (".xml", ".rels", ".vml", ".rdf")

_PREFIX = re.compile(r"<(/?)[A-Za-z0-9_.-]{1,40}:")
_TAG = re.compile(r"<[^<>]*+>")
_CELL_END = re.compile(r"</(?:tc|c|table-cell|covered-table-cell)>|<c [^<>]*+/>")
_ROW_EDGE = re.compile(r"</(?:tr|row|table-row)>|<(?:tr|row|table-row)\b[^<>]*+>")
_LINE_END = re.compile(
    r"</(?:p|h|si|comment|definedName|annotation|Relationship|table|txbxContent)>|<(?:br|cr|line-break|Relationship)\b[^<>]*+>"
)
_GAP = re.compile(r"<(?:tab|s|ptab)\b[^<>]*+/>")
_SHARED_ITEM = re.compile(r"<si\b[^<>]*+>")
_SHARED_CELL = re.compile(r"<c\b[^<>]{0,200}\bt=\"s\"[^<>]*+>\s*<v>(\d{1,9})</v>")
_SPOKEN = re.compile(
    r"\b(?:Target|descr|title|name|instr|href|alt|placeholder|comment|string-value|value|formula|prompt|error)=\"([^\"<]{3,4000})\""
)
_CONCATENATION = re.compile(r"\"\s*&\s*\"")
_LABEL = 60  # characters of a label, at most


def _accepts(part: Part) -> bool:
    return signature(part.data) == "zip" and is_office(part.data)


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    """One text of everything written in the document, one of names, links and alternative texts, other members as parts."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(part.data))
    except _DAMAGE:
        yield Unread(part.path, "damaged office document: no directory of its members")
        return
    members = archive.infolist()
    if len(members) > min(_ENTRIES, limits.members):
        yield Unread(
            part.path, f"office document with more than {min(_ENTRIES, limits.members)} members: the rest was not examined"
        )
        members = members[: limits.members]
    yield Text(
        part.path, "names", spelled([*(member.orig_filename for member in members), archive.comment.decode("utf-8", "replace")])
    )
    shown: list[str] = []
    beside: list[str] = []
    shared: list[str] = []
    left = limits.total_bytes
    for member in sorted(members, key=_reading_order):
        path = f"{part.path}/{safe_name(member.filename, 'member')}"
        if member.filename.endswith("/") and not member.file_size:
            continue
        data, reason = _content(archive, member, min(left, limits.member_bytes))
        left -= len(data)
        if reason:
            yield Unread(path, reason)
        if not data:
            continue
        if not member.filename.lower().endswith(_XML):
            yield Part(path, "", data, safe_name(member.filename.rpartition("/")[2], ""), depth=part.depth + 1)
            continue
        xml = _PREFIX.sub(r"<\1", decoded(data)[0])
        if member.filename.lower().endswith("sharedstrings.xml"):
            shared = [_plain(item).strip() for item in _SHARED_ITEM.split(xml)[1:]]
        shown.append(_laid_out(_with_shared(xml, shared)))
        beside.extend(unescape(value) for value in _SPOKEN.findall(xml))
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
        return bytes(out[:limit]), "damaged member: only what precedes the damage was read"
    if len(out) > limit:
        return bytes(out[:limit]), f"over the limit of {megabytes(limit)} a member: the rest was not examined"
    return bytes(out), ""


def _with_shared(xml: str, shared: list[str]) -> str:
    """Cells that refer to a shared string hold it instead (ECMA-376 part 1, section 18.4)."""
    if not shared or "<sheetData" not in xml:
        return xml

    def said(cell: re.Match[str]) -> str:
        number = int(cell[1])
        return shared[number].replace("<", "&lt;") if number < len(shared) else cell[1]

    return _SHARED_CELL.sub(said, xml)


def _plain(xml: str) -> str:
    """Text of the XML: tags vanish without a blank, so that a value in several runs is whole. No entity that
    the document defines is expanded, only those of XML and HTML, and numbers.
    """
    return unescape(_TAG.sub("", xml))


def _laid_out(xml: str) -> str:
    """Paragraphs and rows on lines of their own; a row of two cells as "label: value", others with tabs."""
    xml = xml.translate({0x1E: None, 0x1F: None})
    xml = _GAP.sub("\t", _LINE_END.sub("\n", _ROW_EDGE.sub("\x1e", _CELL_END.sub("\x1f", xml))))
    rows: list[str] = []
    for row in _plain(xml).split("\x1e"):
        cells = [
            " ".join(lines)
            for cell in row.split("\x1f")
            if (lines := [line.strip() for line in cell.split("\n") if line.strip()])
        ]
        if "\x1f" not in row:
            rows.append(row)
        elif len(cells) == 2 and len(cells[0]) <= _LABEL:  # noqa: PLR2004  label and value
            rows.append(f"{cells[0]}{'' if cells[0].endswith(':') else ':'} {cells[1]}")
        else:
            rows.append("\t".join(cells))
    text = "\n".join(line.strip(" ") for row in rows for line in row.split("\n") if line.strip())
    whole = _CONCATENATION.sub("", text)
    return text if whole == text else f"{text}\n{whole}"


READER = Reader("ooxml", "Office documents", _accepts, _read)
