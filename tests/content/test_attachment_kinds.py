"""Every kind of attachment that people send, each with a key in each place that people write to."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import quopri
import struct
import tarfile
import zipfile

import compound
import pytest
import zstandard
from documents import (
    KEY,
    LINE,
    TYPES,
    found_in,
    locked_zip,
    office,
    ole,
    read,
    reasons,
    sheet,
    tarred,
    word,
    zipped,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.content import opaque
from forensics.model import Limits, Text

HALVES = (KEY[:8], KEY[8:])
RUNS = "".join(f"<w:r><w:t>{piece}</w:t></w:r>" for piece in HALVES)
INSERTED = f'<w:ins w:author="a"><w:r><w:t>{HALVES[0]}</w:t></w:r></w:ins><w:r><w:t>{HALVES[1]}</w:t></w:r>'
BOX = f"<mc:AlternateContent><mc:Choice><w:txbxContent><w:p>{RUNS}</w:p></w:txbxContent></mc:Choice></mc:AlternateContent>"
CUSTOM = f'<Properties><property name="token"><vt:lpwstr>{KEY}</vt:lpwstr></property></Properties>'
THREAD = f'<ThreadedComments><threadedComment ref="A1" id="{{1}}"><text>{KEY}</text></threadedComment></ThreadedComments>'
JOINED = f'<f>"{KEY[:4]}" &amp; &quot;{KEY[4:9]}&quot;&amp;"{KEY[9:]}"</f>'
CONCAT = f'<f>CONCATENATE("{KEY[:4]}", "{KEY[4:9]}","{KEY[9:]}")</f>'
DATABASE = f'<connections><connection name="c"><dbPr connection="Server=a;Password={KEY};"/></connection></connections>'

OFFICE = {
    "docx footnote": office(word__document="<d/>", word__footnotes=f"<w:footnotes><w:footnote><w:p>{RUNS}</w:p></w:footnote></w:footnotes>"),
    "docx endnote": office(word__document="<d/>", word__endnotes=f"<w:endnotes><w:endnote><w:p>{RUNS}</w:p></w:endnote></w:endnotes>"),
    "docx footer": office(word__document="<d/>", word__footer2=f"<w:ftr><w:p>{RUNS}</w:p></w:ftr>"),
    "docx text box": word(f"<w:p><w:r>{BOX}</w:r></w:p>"),
    "docx tracked deletion": word(f'<w:p><w:del w:author="a"><w:r><w:delText>{KEY}</w:delText></w:r></w:del></w:p>'),
    "docx half inserted": word(f"<w:p>{INSERTED}</w:p>"),
    "docx custom property": office(word__document="<d/>", docProps__custom=CUSTOM),
    "docx field": word(f'<w:p><w:fldSimple w:instr=" HYPERLINK &quot;https://a.example/{KEY}&quot; "/></w:p>'),
    "docx field code": word(f"<w:p><w:r><w:instrText> DOCVARIABLE {KEY} </w:instrText></w:r></w:p>"),
    "docx variable": office(word__document="<d/>", word__settings=f'<w:docVars><w:docVar w:name="k" w:val="{KEY}"/></w:docVars>'),
    "docx control": word(f'<w:sdt><w:sdtPr><w:alias w:val="key {KEY}"/></w:sdtPr><w:sdtContent/></w:sdt>'),
    "docx custom xml": office(word__document="<d/>", customXml__item1=f"<order><token>{KEY}</token></order>"),
    "docx picture text": word(f'<w:drawing><wp:docPr id="1" name="a" descr="{KEY}"/></w:drawing>'),
    "docx chunk": zipped({"[Content_Types].xml": TYPES, "word/document.xml": "<d/>", "word/afchunk.htm": f"<html>{HALVES[0]}<b>{HALVES[1]}"}),
    "docx glossary": office(word__document="<d/>", word__glossary__document=f"<w:p>{RUNS}</w:p>"),
    "xlsx inline string": sheet(f'<row><c t="inlineStr"><is><r><t>{HALVES[0]}</t></r><r><t>{HALVES[1]}</t></r></is></c></row>'),
    "xlsx very hidden sheet": office(
        xl__workbook='<sheets><sheet name="s" state="veryHidden"/></sheets>', xl__worksheets__sheet9=f"<c><v>{KEY}</v></c>"
    ),
    "xlsx threaded comment": office(xl__threadedComments__threadedComment1=THREAD),
    "xlsx joined with blanks": sheet(f"<row><c>{JOINED}</c></row>"),
    "xlsx joined by function": sheet(f"<row><c>{CONCAT}</c></row>"),
    "xlsx joined in a name": office(xl__workbook=f'<definedName name="k">"{HALVES[0]}"&amp;"{HALVES[1]}"</definedName>'),
    "xlsx custom property": office(docProps__custom=CUSTOM),
    "xlsx app property": office(docProps__app=f"<Properties><Company>{KEY}</Company></Properties>"),
    "xlsx connection": office(xl__connections=DATABASE),
    "xlsx header": office(xl__worksheets__sheet1=f"<headerFooter><oddHeader>&amp;L{KEY}</oddHeader></headerFooter>"),
    "xlsx validation": office(xl__worksheets__sheet1=f'<dataValidation prompt="{KEY}"><formula1>"a,b"</formula1></dataValidation>'),
    "xlsx link": office(xl__worksheets__sheet1=f'<hyperlinks><hyperlink ref="A1" location="x" tooltip="{KEY}"/></hyperlinks>'),
    "xlsx pivot": office(xl__pivotCache__pivotCacheDefinition1=f'<sharedItems><s v="{KEY}"/></sharedItems>'),
    "xlsx external": office(xl__externalLinks__externalLink1=f"<cell r='A1' t='str'><v>{KEY}</v></cell>"),
    "pptx comment": office(ppt__comments__comment1=f'<p:cmLst><p:cm authorId="1"><p:text>{KEY}</p:text></p:cm></p:cmLst>'),
    "pptx hidden slide": office(ppt__slides__slide7=f'<p:sld show="0"><a:p><a:r><a:t>{KEY}</a:t></a:r></a:p></p:sld>'),
    "pptx master": office(ppt__slideMasters__slideMaster1=f"<a:p><a:r><a:t>{KEY}</a:t></a:r></a:p>"),
    "pptx tag": office(ppt__tags__tag1=f'<p:tagLst><p:tag name="K" val="{KEY}"/></p:tagLst>'),
}  # fmt: skip


def opened(kind: str, **members: str | bytes) -> bytes:
    """An OpenDocument file: its type comes first, without compression."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}", zipfile.ZIP_STORED)
        for name, data in members.items():
            made.writestr(name.replace("__", "/") + ".xml", data)
    return out.getvalue()


SPANS = f"<text:p>{HALVES[0]}<text:span>{HALVES[1]}</text:span></text:p>"
NOTE = f"<text:note-body>{SPANS}</text:note-body>"
OPEN = {
    "odt body": opened("text", content=SPANS),
    "odt header in styles": opened("text", content="<a/>", styles=f"<style:header>{SPANS}</style:header>"),
    "odt note": opened("text", content=f"<text:p>x<text:note>{NOTE}</text:note></text:p>"),
    "odt comment": opened("text", content=f"<office:annotation><dc:creator>a</dc:creator>{SPANS}</office:annotation>"),
    "odt tracked deletion": opened("text", content=f"<text:tracked-changes><text:deletion>{SPANS}</text:deletion></text:tracked-changes>"),
    "odt meta": opened("text", content="<a/>", meta=f'<meta:user-defined meta:name="k">{KEY}</meta:user-defined>'),
    "odt variable": opened("text", content=f'<text:variable-set text:name="k" office:string-value="{KEY}"/>'),
    "odt link": opened("text", content=f'<text:a xlink:href="https://a.example/{KEY}">x</text:a>'),
    "odt hidden text": opened("text", content=f'<text:hidden-text text:is-hidden="true" text:string-value="{KEY}"/>'),
    "ods cell": opened("spreadsheet", content=f'<table:table-cell office:value-type="string">{SPANS}</table:table-cell>'),
    "ods hidden sheet": opened("spreadsheet", content=f'<table:table table:style-name="hidden"><table:table-cell>{SPANS}</table:table-cell></table:table>'),
    "ods joined": opened("spreadsheet", content=f'<table:table-cell table:formula="of:=&quot;{HALVES[0]}&quot;&amp;&quot;{HALVES[1]}&quot;"/>'),
    "odp notes": opened("presentation", content=f"<presentation:notes>{SPANS}</presentation:notes>"),
    "flat": f'<?xml version="1.0"?><office:document><text:p>{KEY}</text:p></office:document>'.encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", OFFICE | OPEN)
def test_office_documents(name: str) -> None:
    found = read((OFFICE | OPEN)[name], "a.bin")
    assert found_in(found)
    assert not reasons(found)


@pytest.mark.parametrize(
    ("xml", "lines"),
    [
        ("<x:p><x:t><![CDATA[<a&b>]]></x:t></x:p>", ["<a&b>"]),  # a marked section is text
        ("<p><t><![CDATA[open</t></p>", ["open"]),
        ("<p>\n <r>\n  <t>one</t>\n </r>\n <r><t>two</t></r>\n</p>\n", ["onetwo"]),  # laid out by a machine: no blank is meant
        ("<p><t>one</t> <t>two</t></p>", ["one two"]),
        ("<ns0:p>one<ns0:br/>two<ns0:tab/>three</ns0:p>", ["one", "two\tthree"]),  # any prefix
        ("<pict>one</pict><pt>two</pt>", ["onetwo"]),  # names that begin like others
        ("<tbl><tr><tc>a</tc><tc/></tr><tr><tc>b</tc><tc>c</tc></tr></tbl>", ["a", "b: c"]),
        ("<p>a</p><tbl><tr><tc><p>b</p><p>c</p></tc><tc>d</tc></tr></tbl><p>e</p>", ["a", "b c: d", "e"]),
        ("<p>a\x1fb\x1ec</p>", ["abc"]),  # our own marks
        ("<p>&#65;&amp;&lt;</p>", ["A&<"]),
    ],
)
def test_what_stands_between_tags(xml: str, lines: list[str]) -> None:
    found = read(office(word__document=xml))
    assert [one.text.splitlines() for one in found if isinstance(one, Text) and one.view == "decoded"] == [lines]


@pytest.mark.parametrize("xml", [f"<a><!-- {KEY} --></a>", f'<!DOCTYPE d [<!ENTITY a "{KEY}">]><d/>'])
def test_remarks_and_definitions_are_kept_beside(xml: str) -> None:
    assert found_in(read(office(word__document=xml))) == {("attachment:a.bin", "source")}


def test_an_encrypted_open_document_is_told_as_such() -> None:
    manifest = '<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry>'
    found = read(opened("text", content=bytes(range(256)) * 4, META_INF__manifest="x"), "a.odt")
    found = read(
        zipped(
            {
                "mimetype": "application/vnd.oasis.opendocument.text",
                "META-INF/manifest.xml": manifest,
                "content.xml": bytes(range(256)) * 4,
            }
        )
    )
    assert reasons(found) == {"attachment:a.bin": "OpenDocument file locked with a password"}


def test_a_binary_workbook_is_read_in_part() -> None:
    found = read(zipped({"[Content_Types].xml": TYPES, "xl/sharedStrings.bin": b"\x13\x08" + KEY.encode("utf-16-le") + bytes(4)}))
    assert found_in(found) == {("attachment:a.bin/xl_sharedStrings.bin", "strings")}
    assert list(reasons(found).values()) == ["binary part of a workbook: only strings were searched"]


def test_a_thumbnail_is_an_image_and_printer_settings_are_strings() -> None:
    found = read(
        zipped(
            {
                "[Content_Types].xml": TYPES,
                "docProps/thumbnail.jpeg": b"\xff\xd8\xff\xe0",
                "xl/printerSettings/printerSettings1.bin": KEY.encode("utf-16-le") + bytes(90),
            }
        )
    )
    assert reasons(found) == {"attachment:a.bin/docProps_thumbnail.jpeg": "image: not examined"}
    assert found_in(found)


# ------------------------------------------------------------------------------------------- archives, compressed files


def encrypted_with_aes() -> bytes:
    """WinZip's AE-2: method 99 and the bit for encryption."""
    data = bytearray(locked_zip())
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", data, data.index(mark) + at, 99)
    return bytes(data)


def old_tar() -> bytes:
    """A tar from before POSIX: no magic, so that only its checksum tells."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as made:
        entry = tarfile.TarInfo("a.txt")
        entry.size = len(LINE)
        made.addfile(entry, io.BytesIO(LINE.encode()))
    data = bytearray(out.getvalue())
    data[257:345] = bytes(88)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


ZST = zstandard.ZstdCompressor().compress
PACKED = {
    "tar.gz in zip": (zipped({"logs.tar.gz": tarred(gzip.compress)}), "attachment:a.bin/logs.tar.gz/logs.tar/conf_a.txt"),
    "zip in zip in zip": (zipped({"b.zip": zipped({"c.zip": zipped({"d.txt": LINE})})}), "attachment:a.bin/b.zip/c.zip/d.txt"),
    "zst": (ZST(LINE.encode()), "attachment:a.bin/a.bin"),
    "tar.zst": (tarred(ZST), "attachment:a.bin/a.bin/conf_a.txt"),
    "zst of two frames": (ZST(b"Hello\n") + ZST(LINE.encode()), "attachment:a.bin/a.bin"),
    "lzma alone": (lzma.compress(LINE.encode(), lzma.FORMAT_ALONE), "attachment:a.bin/a.bin"),
    "bz2 in zip": (zipped({"a.log.bz2": bz2.compress(LINE.encode())}), "attachment:a.bin/a.log.bz2/a.log"),
    "gz with rubbish behind": (gzip.compress(LINE.encode()) + b"\x01\x02rubbish", "attachment:a.bin/a.bin"),
    "key behind a gz": (gzip.compress(b"x") + LINE.encode(), "attachment:a.bin"),
    "old tar": (old_tar(), "attachment:a.bin/a.txt"),
    "mail in zip": (zipped({"m.eml": f"From: a@a.example\nTo: b@b.example\nSubject: x\n\n{LINE}"}), "attachment:a.bin/m.eml/text/plain"),
    "Outlook mail in zip": (zipped({"m.msg": compound.compound(compound.outlook([(0x1000, compound.STRING, LINE)]))}), "attachment:a.bin/m.msg/text/plain"),
    "epub": (zipped({"mimetype": "application/epub+zip", "OEBPS/c1.xhtml": f"<html><p>{HALVES[0]}<i>{HALVES[1]}</i></p></html>"}), "attachment:a.bin/OEBPS_c1.xhtml"),
    "program that unpacks itself": (b"MZ\x90\x00" + bytes(400) + zipped({"a.txt": LINE}), "attachment:a.bin/a.txt"),
}  # fmt: skip


@pytest.mark.parametrize("name", PACKED)
def test_archives(name: str) -> None:
    data, part = PACKED[name]
    assert part in {place for place, _ in found_in(read(data))}


@pytest.mark.parametrize("locked", [locked_zip(), encrypted_with_aes()], ids=["ZipCrypto", "AES"])
def test_encrypted_archives_are_told_member_by_member_and_their_names_searched(locked: bytes) -> None:
    found = read(locked)
    assert reasons(found) == {"attachment:a.bin/passwords.txt": "encrypted archive member"}
    assert found_in(found, "passwords.txt") == {("attachment:a.bin", "names")}


@pytest.mark.parametrize("name", ["a.txt", "[Content_Types].xml"])
def test_members_are_found_without_their_directory(name: str) -> None:
    data = zipped({"first.txt": "x" * 99, name: f"<p>{LINE}</p>", "last.txt": "y"})
    found = read(data[: data.index(b"PK\x01\x02")])
    assert {part for part, _ in found_in(found)} == {f"attachment:a.bin/{name}"}
    assert reasons(found)["attachment:a.bin"] == "damaged archive: no directory of its members, which were searched for"
    assert found_in(read(data[: data.index(name.encode()) + len(name) + 16 + len(LINE)]), LINE[:9]), "cut inside a member"


@pytest.mark.parametrize(
    ("good", "reason"),
    [
        (zipped({"a.txt": LINE}), "damaged archive member: only what precedes the damage was read"),
        (zipped({"[Content_Types].xml": f"<p>{LINE}</p>"}), "damaged member: only what precedes the damage was read"),
    ],
)
def test_what_sizes_and_checksums_say_is_not_believed(good: bytes, reason: str) -> None:
    for at, lie in ((14, b"\1\2\3\4"), (22, b"\3\0\0\0")):  # checksum, size
        data = bytearray(good)
        for mark, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
            place = data.index(mark) + at + shift
            data[place : place + 4] = lie
        assert found_in(read(bytes(data)))
        assert list(reasons(read(bytes(data))).values()) == [reason]


def test_what_stands_behind_an_end_is_told() -> None:
    assert reasons(read(gzip.compress(b"x") + b"\x01\x02rubbish")) == {
        "attachment:a.bin/a.bin": "compressed file with something behind its end"
    }


# ----------------------------------------------------------------------------------------------------- text of any kind

FOLDED = f"BEGIN:VCALENDAR\r\nDESCRIPTION:Key {HALVES[0]}\r\n {HALVES[1]}\r\nEND:VCALENDAR\r\n"
CARD = f"BEGIN:VCARD\nVERSION:2.1\nNOTE;ENCODING=QUOTED-PRINTABLE:Key=3D{HALVES[0]}=\n{HALVES[1]}\nEND:VCARD\n"
PHOTO = f"BEGIN:VCARD\nPHOTO;ENCODING=b;TYPE=JPEG:{base64.b64encode(bytes(200)).decode()}\nNOTE:{KEY}\nEND:VCARD\n"
ARCHIVED = (
    "From: <Saved>\nSubject: page\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n"
    f"Content-Transfer-Encoding: quoted-printable\n\n{quopri.encodestring(f'<p>{HALVES[0]}<b>{HALVES[1]}</b>'.encode()).decode()}\n--b--\n"
)
TEXTS: dict[str, tuple[bytes, str]] = {
    "csv in utf-16": (f"name,key\nann,{KEY}\n".encode("utf-16"), "a.csv"),
    "tsv in utf-16 without mark": (f"name\tkey\nann\t{KEY}\n".encode("utf-16-be"), "a.tsv"),
    "ics, folded": (FOLDED.encode(), "a.ics"),
    "vcf, quoted-printable": (CARD.encode(), "a.vcf"),
    "vcf with a photo": (PHOTO.encode(), "a.vcf"),
    "mht": (ARCHIVED.encode(), "a.mht"),
    "svg": (f"<svg xmlns='http://www.w3.org/2000/svg'><text>{HALVES[0]}{HALVES[1]}</text></svg>".encode(), "a.svg"),
    "json": (f'{{"key": "{KEY}"}}'.encode(), "a.json"),
    "yaml": (f"key: {KEY}\n".encode(), "a.yaml"),
    "xml": (f"<?xml version='1.0'?><a key='{KEY}'/>".encode(), "a.xml"),
    "ini": (f"[a]\nkey={KEY}\n".encode(), "a.ini"),
    "py": (f"KEY = '{KEY}'\n".encode("latin-1"), "a.py"),
    "pem": (f"-----BEGIN X-----\n{KEY}\n-----END X-----\n".encode(), "a.pem"),
    "plist": (f"<plist><string>{KEY}</string></plist>".encode(), "a.plist"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_of_any_kind(name: str) -> None:
    data, called = TEXTS[name]
    for media in ("", "application/octet-stream", "image/svg+xml" if called == "a.svg" else "text/plain"):
        found = read(data, called, media)
        assert found_in(found), media
        assert not reasons(found)


# ------------------------------------------------------------------------------------------ what is read in part, or not


def pieces_of_word() -> bytes:
    """A Word document's text lies in pieces, one byte or two bytes a character."""
    return (
        ole("WordDocument")
        + b"\x00\x01"
        + f"Passwört: {KEY}\r".encode("cp1252")
        + b"\x00" * 8
        + f"Gehäuse Größe {KEY}\r".encode("utf-16-le")
    )


EXAMPLE = "012fb000236161616263646582660070616768696a013808616b6c00306d6e6f700671027004107273747576107778797a003c"


def test_macros_are_read_through_their_compression() -> None:
    assert opaque._decompressed(bytes.fromhex(EXAMPLE), 1, 999) == b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"
    source = f'Attribute VB_Name = "A"\nPassword = "{KEY}"\n'.encode()
    tokens = b"".join(b"\0" + source[at : at + 8] for at in range(0, len(source), 8))
    module = b"\x01" + struct.pack("<H", 0xB000 | len(tokens) - 1) + tokens
    macros = zipped({"[Content_Types].xml": TYPES, "xl/vbaProject.bin": ole("VBA") + module + bytes(99)})
    assert found_in(read(macros, "a.xlsm")) == {("attachment:a.xlsm/xl_vbaProject.bin", "macros")}
    assert set(reasons(read(macros))) == {"attachment:a.bin/xl_vbaProject.bin"}


@pytest.mark.property
@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_macro_raises(data: bytes) -> None:
    module = b"\x01\xff\xbf\0Attribut" + data
    assert not any("failed" in reason for reason in reasons(read(ole("VBA") + module * 3)).values())


def iwa(*blocks: bytes) -> bytes:
    return b"".join(b"\0" + len(block).to_bytes(3, "little") + block for block in blocks)


def test_iwork_texts_are_read_through_their_compression() -> None:
    repeated = KEY.encode() + b"abcd"
    literal = bytes([len(repeated)]) + bytes([len(repeated) - 1 << 2]) + repeated
    copies = b"\x1c" + b"\x0cK\xc3\xa9x" + bytes([(4 - 4) << 2 | 1, 4]) + bytes([20 - 1 << 2 | 2, 8, 0])
    long_literal = b"\x80\x01" + bytes([60 << 2, 99]) + b"y" * 80 + LINE.encode()[:20]
    pages = zipped({"Index/Document.iwa": iwa(literal, copies, long_literal), "preview.jpg": b"\xff\xd8\xff\xe0"})
    found = read(pages, "a.pages")
    assert found_in(found) == {("attachment:a.pages/Index_Document.iwa", "strings")}
    assert any("Kéx" * 2 in one.text.replace("\n", "") for one in found if isinstance(one, Text))
    assert set(reasons(found)) == {"attachment:a.pages/Index_Document.iwa", "attachment:a.pages/preview.jpg"}


def test_a_broken_iwork_archive_is_told() -> None:
    for broken, reason in (
        (iwa(b"\x10\x05\xff"), "damaged iWork archive: only what precedes the damage was read"),  # a copy of nothing
        (iwa(b"\x04\x0cabcd")[:-1], "iWork archive without its end"),
        (iwa(b"\x04\x0cabcd" + b"\xfe\x04\x00" * 400_000), "over the limit of 1 MB a member: the rest was not examined"),
    ):
        assert list(reasons(read(broken, "a.iwa", limits=Limits(member_bytes=1 << 20))).values()) == [reason]


@pytest.mark.property
@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_iwork_archive_raises(data: bytes) -> None:
    for whole in (b"\0" + data, iwa(data)):
        assert not any("failed" in reason for reason in reasons(read(whole, "a.iwa")).values())


def test_old_office_files_are_read_in_part() -> None:
    found = read(pieces_of_word())
    shown = "\n".join(one.text for one in found if isinstance(one, Text))
    assert f"Passwört: {KEY}" in shown
    assert f"Gehäuse Größe {KEY}" in shown
    assert reasons(found) == {"attachment:a.bin": "Word document before 2007: no reader, only strings were searched"}
    for stream in ("Workbook", "PowerPoint Document"):
        found = read(ole(stream) + b"\0" + KEY.encode("utf-16-le") + b"\0\0")
        assert found_in(found)
        assert "only strings were searched" in reasons(found)["attachment:a.bin"]


NOISE = bytes(range(256))
UNREAD: dict[str, tuple[bytes, str]] = {
    "jpeg": (b"\xff\xd8\xff\xe1\x00\x18Exif\x00\x00", "image: not examined"),
    "png": (b"\x89PNG\r\n\x1a\n", "image: not examined"),
    "gif": (b"GIF89a\x01\x00\x01\x00", "image: not examined"),
    "webp": (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image: not examined"),
    "heic": (b"\x00\x00\x00\x18ftypheic\x00\x00", "image: not examined"),
    "heic, other brand": (b"\x00\x00\x00\x18ftypmif1\x00\x00", "image: not examined"),
    "tiff": (b"II*\x00\x08\x00\x00\x00", "image: not examined"),
    "bmp": (b"BM\x36\x00\x00\x00\x00\x00\x00\x00", "image: not examined"),
    "emf": (b"\x01\x00\x00\x00\x6c\x00\x00\x00" + bytes(32) + b" EMF" + NOISE, "image: not examined"),
    "icon": (b"\x00\x00\x01\x00\x01\x00\x10\x10" + NOISE, "image: not examined"),
    "mov": (b"\x00\x00\x00\x14ftypqt  ", "video: not examined"),
    "webm": (b"\x1aE\xdf\xa3\x01\x00", "video: not examined"),
    "mp3 without a tag": (b"\xff\xfb\x90\x64\x00" + NOISE, "audio: not examined"),
    "wav": (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio: not examined"),
    "m4a": (b"\x00\x00\x00\x20ftypM4A \x00", "audio: not examined"),
    "class": (b"\xca\xfe\xba\xbe\x00\x00\x00\x34", "program: not examined"),
    "dex": (b"dex\n035\x00" + NOISE, "program: not examined"),
    "sqlite": (b"SQLite format 3\x00" + bytes(80), "SQLite database: no reader, only strings were searched"),
    "cab": (b"MSCF\x00\x00\x00\x00", "Cabinet archive: no reader"),
    "compress": (b"\x1f\x9d\x90" + NOISE, "compressed file (.Z): no reader"),
    "lzip": (b"LZIP\x01" + NOISE, "lzip file: no reader"),
    "arj": (b"\x60\xea\x2a\x00" + NOISE, "ARJ archive: no reader"),
    "lha": (b"\x21\x00-lh5-" + NOISE, "LHA archive: no reader"),
    "cpio": (b"070701" + NOISE, "cpio archive: no reader"),
    "deb": (b"!<arch>\ndebian-binary" + NOISE, "ar archive: no reader"),
    "rpm": (b"\xed\xab\xee\xdb\x03" + NOISE, "RPM package: no reader"),
    "iso": (bytes(32768) + b"\x01CD001\x01" + NOISE, "disk image: not examined"),
    "vmdk": (b"KDMV\x01\x00" + NOISE, "disk image: not examined"),
    "vhdx": (b"vhdxfile" + NOISE, "disk image: not examined"),
    "qcow": (b"QFI\xfb\x00\x00" + NOISE, "disk image: not examined"),
    "dmg": (NOISE + b"koly\x00\x00\x00\x04" + bytes(504), "disk image: not examined"),
    "boot sector": (b"\xeb\x3c\x90" + bytes(507) + b"\x55\xaa" + bytes(512), "disk image: not examined"),
    "access": (b"\x00\x01\x00\x00Standard ACE DB\x00" + NOISE, "Access database: no reader, only strings were searched"),
    "parquet": (b"PAR1\x15\x04" + NOISE + b"PAR1", "Parquet table: no reader, only strings were searched"),
    "evtx": (b"ElfFile\x00" + NOISE, "Windows event log: no reader, only strings were searched"),
    "registry": (b"regf\x01\x00" + NOISE, "Windows registry: no reader, only strings were searched"),
    "binary plist": (b"bplist00" + NOISE, "binary property list: no reader, only strings were searched"),
    "link": (b"L\x00\x00\x00\x01\x14\x02\x00" + NOISE, "Windows shortcut: no reader, only strings were searched"),
    "capture": (b"\xd4\xc3\xb2\xa1\x02\x00" + NOISE, "network capture: no reader, only strings were searched"),
    "next capture": (b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00" + NOISE, "network capture: no reader, only strings were searched"),
    "pickle": (b"\x80\x04\x95" + NOISE, "pickled Python objects: no reader, only strings were searched"),
    "font": (b"\x00\x01\x00\x00\x00\x0f\x00\x80" + NOISE, "font: not examined"),
    "bcfks": (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", "Java key store: locked"),
    "keychain": (b"kych\x00\x01" + NOISE, "macOS keychain: locked"),
    "luks": (b"LUKS\xba\xbe\x00\x01" + NOISE, "disk image: encrypted"),
    "openssl": (b"Salted__abcdefgh" + NOISE, "encrypted file"),
    "age": (b"age-encryption.org/v1\n-> X25519 abc\n" + NOISE, "encrypted file"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_read_is_named_once(name: str) -> None:
    data, reason = UNREAD[name]
    for media in ("", "application/octet-stream"):
        found = read(data, f"a.{name}", media)
        assert [one.reason for one in found if not isinstance(one, Text)] == [reason]


def test_strings_of_a_database_are_searched() -> None:
    assert found_in(read(b"SQLite format 3\x00" + bytes(80) + KEY.encode() + b"\x00"))
