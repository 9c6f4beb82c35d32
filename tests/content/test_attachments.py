"""Attachments: a planted key is found wherever the format lets people write, and what cannot be read says why."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile

import pytest
from documents import (
    KEY,
    LINE,
    READERS,
    TYPES,
    damaged_zip,
    drawn,
    found_in,
    locked_zip,
    office,
    ole,
    read,
    reasons,
    rewritten,
    sheet,
    tarred,
    word,
    zipped,
)

from forensics.model import Part, Text
from forensics.plugins import discover

SPLIT = "".join(f"<w:r><w:rPr><w:b/></w:rPr><w:t>{piece}</w:t></w:r>" for piece in (KEY[:3], KEY[3:9], KEY[9:]))
STRINGS = f"<sst><si><t>Key</t></si><si><r><t>{KEY[:5]}</t></r><r><t>{KEY[5:]}</t></r></si></sst>"

OFFICE: dict[str, bytes] = {
    "docx body": word(f"<w:p><w:r><w:t>{LINE}</w:t></w:r></w:p>"),
    "docx split runs": word(f"<w:p>{SPLIT}</w:p>"),
    "docx table": word(f"<w:tbl><w:tr><w:tc><w:p>Key</w:p></w:tc><w:tc><w:p>{SPLIT}</w:p></w:tc></w:tr></w:tbl>"),
    "docx header": office(word__document="<d/>", word__header1=f"<w:hdr><w:p>{SPLIT}</w:p></w:hdr>"),
    "docx property": office(word__document="<d/>", docProps__core=f"<cp:p><dc:title>{KEY}</dc:title></cp:p>"),
    "docx hidden text": word(f"<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>{KEY}</w:t></w:r></w:p>"),
    "docx comment": office(
        word__document="<d/>", word__comments=f"<w:comments><w:comment><w:p>{SPLIT}</w:p></w:comment></w:comments>"
    ),
    "docx link": zipped(
        {
            "[Content_Types].xml": TYPES,
            "word/_rels/document.xml.rels": f'<R><Relationship Target="https://a.example/?t={KEY}"/></R>',
        }
    ),
    "docx in utf-16": office(word__document=f"<w:p>{SPLIT}</w:p>".encode("utf-16")),
    "xlsx cell": sheet(f'<row><c t="inlineStr"><is><t>{KEY}</t></is></c></row>'),
    "xlsx shared string": sheet('<row><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>', xl__sharedStrings=STRINGS),
    "xlsx hidden sheet": office(
        xl__workbook='<sheet state="hidden"/>', xl__worksheets__sheet2=f"<sheetData><row><c><v>{KEY}</v></c></row></sheetData>"
    ),
    "xlsx comment": office(xl__comments1=f"<comments><comment><text><t>{KEY}</t></text></comment></comments>"),
    "xlsx whole in a formula": sheet(f'<row><c><f>CONCAT("{KEY}",A1)</f></c></row>'),
    "xlsx joined by & in a formula": sheet(f'<row><c><f>"{KEY[:8]}"&amp;"{KEY[8:]}"</f></c></row>'),
    "xlsx defined name": office(xl__workbook=f'<definedNames><definedName name="k">"{KEY}"</definedName></definedNames>'),
    "xlsx sheet name": office(xl__workbook=f'<sheets><sheet name="{KEY}" sheetId="1"/></sheets>'),
    "pptx title": office(
        ppt__slides__slide1=f"<p:sp><a:p><a:r><a:t>{KEY[:7]}</a:t></a:r><a:r><a:t>{KEY[7:]}</a:t></a:r></a:p></p:sp>"
    ),
    "pptx notes": office(ppt__notesSlides__notesSlide1=f"<a:p><a:r><a:t>{KEY}</a:t></a:r></a:p>"),
    "odt": zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f"<text:p>{KEY[:4]}<text:span>{KEY[4:]}</text:span></text:p>",
        }
    ),
    "embedded file": zipped({"[Content_Types].xml": TYPES, "word/embeddings/a.txt": LINE}),
    "file name": zipped({"[Content_Types].xml": TYPES, f"{KEY}.xml": "<a/>"}),
    "zip comment": zipped({"[Content_Types].xml": TYPES}, KEY.encode()),
}


@pytest.mark.parametrize("name", OFFICE)
def test_office_documents(name: str) -> None:
    found = read(OFFICE[name], "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
    assert found_in(found)
    assert not reasons(found)


def test_label_and_value_stand_on_one_line() -> None:
    for name in ("docx table", "xlsx shared string"):
        assert f"Key: {KEY}" in {line for one in read(OFFICE[name]) if isinstance(one, Text) for line in one.text.splitlines()}


def test_rows_and_paragraphs_are_not_glued() -> None:
    shown = [
        one.text
        for one in read(sheet("<row><c><v>1</v></c><c><v>2</v></c><c><v>3</v></c></row><row><c><v>4</v></c></row>"))
        if isinstance(one, Text)
    ]
    assert "1\t2\t3\n4" in shown
    assert "one\ntwo" in {one.text for one in read(word("<w:p>one</w:p><w:p>two</w:p>")) if isinstance(one, Text)}


def test_no_entity_of_the_document_is_expanded() -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><w:p>&b; &lt;x&gt; &#65;</w:p>'
    assert any("&b; <x> A" in one.text for one in read(office(word__document=bomb)) if isinstance(one, Text))


PDF = {
    "plain": drawn(f"BT /F1 12 Tf 50 700 Td ({LINE}) Tj ET"),
    "kerned": drawn(f"BT /F1 12 Tf 50 700 Td [({KEY[:4]}) -20 ({KEY[4:9]}) 15 ({KEY[9:]})] TJ ET"),
    "white": drawn(f"BT 1 1 1 rg /F1 12 Tf 50 700 Td ({KEY}) Tj ET"),
    "over two lines": drawn(f"BT /F1 12 Tf 50 700 Td (Key: {KEY[:8]}) Tj 0 -14 Td ({KEY[8:]}) Tj ET"),
    "annotation": drawn("", f"/Annots [<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /Contents ({KEY}) >>]"),
    "link": drawn("", f"/Annots [<< /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI (https://a.example/{KEY}) >> >>]"),
    "compressed": rewritten(lambda writer: writer.pages[0].compress_content_streams()),
    "property": rewritten(lambda writer: writer.add_metadata({"/Title": KEY})),
    "empty user password": rewritten(lambda writer: writer.encrypt("", "owner", algorithm="RC4-128")),
    "embedded file": rewritten(lambda writer: writer.add_attachment("a.txt", LINE.encode())),
}


@pytest.mark.parametrize("name", PDF)
def test_pdf(name: str) -> None:
    assert found_in(read(PDF[name], "a.pdf"))


def test_embedded_file_has_its_own_path() -> None:
    assert ("attachment:a.pdf/a.txt", "decoded") in found_in(read(PDF["embedded file"], "a.pdf"))


def test_pdf_that_cannot_be_read_says_why() -> None:
    locked = rewritten(lambda writer: writer.encrypt("secret", "owner", algorithm="RC4-128"))
    assert reasons(read(locked)) == {"attachment:a.bin": "PDF locked with a password"}
    assert list(reasons(read(b"%PDF-1.7 " + KEY.encode()))) == ["attachment:a.bin"]
    assert KEY not in str(reasons(read(b"%PDF-1.7 " + KEY.encode())))
    assert reasons(read(drawn(""))) == {"attachment:a.bin": "PDF without text on its pages: images are not examined"}


ARCHIVES = {
    "zip": (zipped({"conf/settings.ini": LINE}), "attachment:a.bin/conf_settings.ini"),
    "zip in zip": (zipped({"b.zip": zipped({"c.txt": LINE})}), "attachment:a.bin/b.zip/c.txt"),
    "docx in zip": (zipped({"b.docx": OFFICE["docx split runs"]}), "attachment:a.bin/b.docx"),
    "tar": (tarred(), "attachment:a.bin/conf_a.txt"),
    "tar.gz": (tarred(gzip.compress), "attachment:a.bin/a.bin/conf_a.txt"),
    "tar.bz2": (tarred(bz2.compress), "attachment:a.bin/a.bin/conf_a.txt"),
    "tar.xz": (tarred(lzma.compress), "attachment:a.bin/a.bin/conf_a.txt"),
    "gzip of two streams": (gzip.compress(b"Hello\n") + gzip.compress(LINE.encode()), "attachment:a.bin/a.bin"),
    "bzip2": (bz2.compress(LINE.encode()), "attachment:a.bin/a.bin"),
    "xz": (lzma.compress(LINE.encode()), "attachment:a.bin/a.bin"),
    "mail in zip": (
        zipped({"m.dat": f"From: a@a.example\nTo: b@b.example\nSubject: x\n\n{LINE}"}),
        "attachment:a.bin/m.dat/text/plain",
    ),
    "text that begins like a program": (b"MZ is how programs begin. " + LINE.encode(), "attachment:a.bin"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(name: str) -> None:
    data, part = ARCHIVES[name]
    assert part in {place for place, _ in found_in(read(data))}


def test_two_members_of_one_name_are_both_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a.txt", "first")
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr("a.txt", LINE)
    found = read(out.getvalue())
    assert {one.part: one.text for one in found if isinstance(one, Text) and one.view == "decoded"} == {
        "attachment:a.bin/a.txt": "first",
        "attachment:a.bin/a.txt~2": LINE,
    }


OPAQUE: dict[str, tuple[bytes, str, str]] = {
    "png": (b"\x89PNG\r\n\x1a\n\x00", "image/png", "image: not examined"),
    "image by type only": (bytes(range(256)), "image/x-odd", "image: not examined"),
    "text type, image bytes": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "text/plain", "image: not examined"),
    "mp4": (b"\x00\x00\x00\x18ftypisom", "video/mp4", "video: not examined"),
    "mp3": (b"ID3\x04\x00", "audio/mpeg", "audio: not examined"),
    "exe": (b"MZ\x90\x00\x03\x00", "", "program: not examined"),
    "elf": (b"\x7fELF\x02\x01", "", "program: not examined"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00", "", "7-Zip archive: no reader"),
    "rar": (b"Rar!\x1a\x07\x01\x00", "", "RAR archive: no reader"),
    "kdbx": (b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", "", "KeePass database: locked"),
    "jks": (b"\xfe\xed\xfe\xed\x00\x00", "", "Java key store: locked"),
    "pkcs12": (b"\x30\x82\x09\x00\x02\x01\x03\x30\x82\x00\x00", "", "PKCS#12 key store: locked"),
    "smime": (
        b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010703") + b"\x00\x80",
        "application/pkcs7-mime",
        "S/MIME: encrypted",
    ),
    "pgp": (b"\x85\x01\x0c\x03abcdefgh\x00\xff\x01\x02\x03", "application/octet-stream", "PGP: encrypted"),
    "locked docx": (ole("EncryptedPackage"), "", "Office document locked with a password"),
    "msg": (
        ole("__properties_version1.0"),
        "",
        "damaged compound file: its header contradicts its size or the format: only strings were searched",
    ),
    "tnef": (b'x\x9f>"\x00\x01\x02', "application/ms-tnef", "damaged TNEF: behind the damage only strings were searched"),
    "unknown": (bytes(range(256)), "application/x-foo", "no reader for application/x-foo"),
    "unknown, hostile type": (bytes(range(256)), "application/x foo\n", "no reader for this type"),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_opaque_parts_say_why(name: str) -> None:
    data, media, reason = OPAQUE[name]
    assert reasons(read(data, media=media)) == {"attachment:a.bin": reason}


def test_pgp_in_text_is_unread_but_its_surroundings_are_searched() -> None:
    found = read(f"{LINE}\n-----BEGIN PGP MESSAGE-----\nabc\n-----END PGP MESSAGE-----\n".encode(), media="text/plain")
    assert found_in(found)
    assert reasons(found) == {"attachment:a.bin": "PGP: encrypted"}


def test_strings_of_old_office_files_are_searched() -> None:
    assert found_in(read(ole("WordDocument", LINE))) == {("attachment:a.bin", "strings")}
    assert found_in(read(ole("WordDocument") + b"\x00\x01" + LINE.encode())) == {("attachment:a.bin", "strings")}


def test_locked_and_damaged_members_are_unread_but_named() -> None:
    found = read(locked_zip())
    assert reasons(found) == {"attachment:a.bin/passwords.txt": "encrypted archive member"}
    assert found_in(found, "passwords.txt") == {("attachment:a.bin", "names")}
    assert list(reasons(read(damaged_zip()))) == ["attachment:a.bin/a.txt"]
    assert list(reasons(read(zipped({"a.txt": LINE})[:20]))) == ["attachment:a.bin"]


def test_what_precedes_the_damage_is_read() -> None:
    cut = gzip.compress(b"".join(b"%d %s\n" % (i * i, LINE.encode()) for i in range(5000)))[:-200]
    found = read(cut)
    assert found_in(found)
    assert list(reasons(found)) == ["attachment:a.bin/a.bin"]


def test_every_reader_of_the_room_is_found_and_they_agree_who_reads_what() -> None:
    assert [one.error for one in discover("content")] == [""] * len(READERS)
    samples = [
        *OFFICE.values(),
        *PDF.values(),
        *(data for data, _ in ARCHIVES.values()),
        *(data for data, _, _ in OPAQUE.values()),
    ]
    samples += [
        b"",
        b"<html><p>x",
        b"From: a@a.example\nTo: b\nDate: c\n\nx",
        LINE.encode(),
        "größer".encode("utf-16"),
        bytes(range(256)),
    ]
    medias = [
        "",
        "text/plain",
        "text/html",
        "message/rfc822",
        "application/octet-stream",
        "application/pdf",
        "application/zip",
        "image/png",
    ]
    for data in samples:
        for media in medias:
            who = [
                reader.name
                for reader in READERS
                if reader.accepts(Part("p", media, data)) and reader.name not in {"text", "opaque"}
            ]
            assert len(who) <= 1
            general = [
                reader.name for reader in READERS if reader.accepts(Part("p", media, data)) and reader.name in {"text", "opaque"}
            ]
            assert len(who) + len(general) >= 1
            assert len(general) <= 1
