"""PDF: every place where people write, every cipher that an empty password opens; all of it read in a child."""

from __future__ import annotations

import pytest
from documents import KEY, LINE, drawn, found_in, read, reasons, rewritten

WRITTEN = drawn(f"BT /F1 12 Tf 50 700 Td ({LINE}) Tj ET")


SCRIPT = f"<< /S /JavaScript /JS (app.alert\\('{KEY}'\\)) >>"
META = f"<x:xmpmeta><rdf:li>{KEY}</rdf:li></x:xmpmeta>"
FILE = f"<< /Type /EmbeddedFile /Length {len(LINE)} >>\nstream\n{LINE}\nendstream"
PDF = {
    "form field": drawn("", "", f"/AcroForm << /Fields [<< /FT /Tx /T (token) /V ({KEY}) >>] >>"),
    "nested form field": drawn("", "", f"/AcroForm << /Fields [<< /T (a) /Kids [<< /FT /Tx /T (token) /DV ({KEY}) >>] >>] >>"),
    "form in XML": drawn("", "", "/AcroForm << /XFA 6 0 R >>", f"<< /Length {len(META)} >>\nstream\n{META}\nendstream"),
    "bookmark": drawn("", "", "/Outlines 6 0 R", "<< /First 7 0 R /Last 7 0 R >>", f"<< /Title (Key {KEY}) /Parent 6 0 R >>"),
    "script at opening": drawn("", "", f"/OpenAction {SCRIPT}"),
    "script by name": drawn("", "", f"/Names << /JavaScript << /Names [(a) {SCRIPT}] >> >>"),
    "metadata": drawn(
        "", "", "/Metadata 6 0 R", f"<< /Type /Metadata /Subtype /XML /Length {len(META)} >>\nstream\n{META}\nendstream"
    ),
    "attached to the page": drawn(
        "", "/Annots [<< /Subtype /FileAttachment /Rect [0 0 9 9] /FS << /F (a.txt) /EF << /F 6 0 R >> >> >>]", "", FILE
    ),
    "rich annotation": drawn("", f"/Annots [<< /Subtype /FreeText /Rect [0 0 9 9] /RC (<p>{KEY}</p>) >>]"),
    "invisible": drawn(f"BT 3 Tr /F1 12 Tf 50 700 Td ({KEY}) Tj ET"),
    "behind a greeting": b"\n\n" + WRITTEN,
}


@pytest.mark.parametrize("password", ["", "secret"])
@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
def test_a_pdf_that_anyone_may_open_is_read_and_one_with_a_password_is_told(algorithm: str, password: str) -> None:
    found = read(rewritten(lambda writer: writer.encrypt(password, "owner", algorithm=algorithm)), "a.pdf")
    assert bool(found_in(found)) is not bool(password)
    assert reasons(found) == ({"attachment:a.pdf": "PDF locked with a password"} if password else {})


@pytest.mark.parametrize("name", PDF)
def test_pdf(name: str) -> None:
    assert found_in(read(PDF[name], "a.pdf"))


def test_pictures_are_counted_once_and_told() -> None:
    picture = "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /Length 1 >>\nstream\nx\nendstream"
    shown = f"BT /F1 12 Tf 50 700 Td ({LINE}) Tj ET"
    resources = "/Resources << /Font << /F1 5 0 R >> /XObject << /A 6 0 R /B 6 0 R /C 7 0 R >> >>"
    found = read(
        drawn(shown, "", "", picture, picture).replace(b"/Resources << /Font << /F1 5 0 R >> >>", resources.encode()), "a.pdf"
    )
    assert found_in(found)
    assert reasons(found) == {"attachment:a.pdf": "2 picture(s) in the PDF: not examined"}
