"""Rich text: what is shown, what is beside it, what stays unread; keys split by formatting are whole."""

from __future__ import annotations

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.content import html, opaque, rtf, texts
from forensics.content import text as plain
from forensics.model import Body, Limits, Part, Text, Unread

KEY = "AKIAIOSFODNN7EXAMPLE"
READERS = [html.READER, opaque.READER, plain.READER, rtf.READER]


def read(data: bytes, limits: Limits | None = None) -> list[Text | Part | Unread]:
    return list(rtf.READER.read(Part("attachment:a.rtf", "application/rtf", data), limits or Limits()))


def view(data: bytes, name: str = "rtf") -> str:
    return "".join(one.text for one in read(data) if isinstance(one, Text) and one.view == name)


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        (rb"{\rtf1 plain}", "plain"),
        (rb"{\rtf1 AKIA{\b IOSF}ODNN7\b0 EXAMPLE}", KEY),  # split by bold
        (b"{\\rtf1 AKIAIOSF\r\nODNN7EXAMPLE}", KEY),  # a line end of the file is none of the text
        (rb"{\rtf1 AKIA{\*\bkmkstart x}IOSF{\*\bkmkend x}ODNN7EXAMPLE}", KEY),
        (rb"{\rtf1 AKIA{\v IOSF}ODNN7{\deleted EXAMPLE}}", KEY),  # hidden and deleted text
        (rb"{\rtf1 AKIA\-IOSF\_ODNN}", "AKIAIOSF-ODNN"),
        (rb"{\rtf1 a\par b\line c\tab d}", "a\nb\nc\td"),
        (b"{\\rtf1 a\\\nb}", "a\nb"),
        (rb"{\rtf1 a\b  b}", "a b"),  # one blank belongs to the word, the second to the text
        (rb"{\rtf1 \{a\}\\b}", "{a}\\b"),
        (rb"{\rtf1\ansi\ansicpg1252 caf\'e9 \'80}", "café €"),
        (rb"{\rtf1\ansi\ansicpg1251 \'cf\'f0}", "Пр"),
        (rb"{\rtf1\mac \'8e}", "é"),
        (rb"{\rtf1\ansi\ansicpg932 \'83\'65\'83X}", "テス"),  # a second byte that is written plainly
        (rb"{\rtf1{\fonttbl{\f0 A;}{\f1\fcharset204 B;}}\f1\'cf\f0\'cf\f1\'cf\plain\'cf}", "ПÏПÏ"),
        (rb"{\rtf1\u8364?5}", "€5"),
        (rb"{\rtf1\u8364\'805}", "€5"),  # the replacement may be a code
        (rb"{\rtf1\uc0\u8364 5}", "€5"),
        (rb"{\rtf1\uc2\u8364 ??5{\uc0\u8364 6}\u8364 ??7}", "€5€6€7"),  # \uc ends with its group
        (rb"{\rtf1 {\u8364}5}", "€5"),  # and so does what is to be skipped
        (rb"{\rtf1\u-10179?\u-8704?}", "\U0001f600"),
        (rb"{\rtf1\u-10179?}", "\ufffd"),
        (rb"{\rtf1\uc30000\u65 AKIAIOSFODNN7EXAMPLE}", "AODNN7EXAMPLE"),  # no \uc hides more than eight characters
        (rb"{\rtf1{\fonttbl{\f0 Arial;}}{\colortbl;\red1;}{\stylesheet{Normal;}}{\*\generator X;}text}", "text"),
        (rb"{\rtf1{\pict\pngblip 89504e47}text}", "text"),
        (b"{\\rtf1 a{\\pict\\bin9 }}}\\par x}b}", "ab"),  # raw bytes that look like braces
        (rb"{\rtf1{\field{\*\fldinst HYPERLINK x}{\fldrslt click}} me}", "click me"),
        (rb"{\rtf1 AKIA{\footnote note}IOSF{\header top}ODNN}", "AKIAIOSFODNN\nnote\ntop"),  # a footnote cuts nothing
        (rb"{\rtf1{\*\shpinst{\sp{\sn a}{\sv b}}{\shptxt box}}}", "\nbox"),
        (rb"{\rtf1{\object{\*\objdata 0105}{\result shown}}}", "shown"),
        (rb"{\rtf1\trowd Password\cell s3cret\cell\row end}", "Password: s3cret\nend"),
        (rb"{\rtf1\trowd a\cell b\cell c\cell\row\trowd d\cell e\cell f\cell\row}", "a\tb\tc\nd\te\tf"),
        (rb"{\rtf1 a}b}c", "abc"),  # nothing hides behind the end
        (rb"{\rtf1 a{\b b", "ab"),
        (b"\xef\xbb\xbf\r\n{\\rtf1 a\\", "a"),
        (b"{\\rtf1 a\x00b\x1fc}", "abc"),
    ],
)
def test_what_a_person_reads(document: bytes, shown: str) -> None:
    assert view(document).strip("\r") == shown


@pytest.mark.parametrize(
    ("document", "beside"),
    [
        (
            rb'{\rtf1{\field{\*\fldinst {HYPERLINK "https://a.example/?t=}{1"}}{\fldrslt x}}}',
            'HYPERLINK "https://a.example/?t=1"',
        ),
        (rb"{\rtf1{\info{\title One}{\author Two}}}", "One\nTwo"),
        (rb"{\rtf1{\*\docvar {name}{value}}}", "namevalue"),
        (rb"{\rtf1{\*\unheard of}}", "of"),  # an ignorable destination that nobody knows hides nothing
        (rb"{\rtf1{\*\themedata 504b}{\*\datastore ff}{\stylesheet{\*\cs1 X;}}}", ""),
        (rb"{\rtf1{\*\htmltag64 <p>}x}", "<p>"),  # not one that wraps HTML
    ],
)
def test_what_stands_beside(document: bytes, beside: str) -> None:
    assert view(document, "source") == beside


def test_html_that_is_wrapped_in_comes_out_whole() -> None:
    document = (
        rb"{\rtf1\ansi\fromhtml1{\fonttbl{\f0 Arial;}}{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Hello "
        rb'{\*\htmltag84 <a href="https://a.example/?t=1">}\htmlrtf {\field{\*\fldinst{HYPERLINK "x"}}{\fldrslt\cf1\htmlrtf0 '
        rb"here{\*\htmltag92 </a>}\htmlrtf }\htmlrtf0\htmlrtf }\htmlrtf0 "
        rb"{\*\htmltag84 &nbsp;}\htmlrtf \'a0\htmlrtf0 caf\'e9{\*\mhtmltag84 no}{\*\htmltag72 </p>}\htmlrtf\par}\htmlrtf0}"
    )
    (part,) = [one for one in read(document) if isinstance(one, Part)]
    assert (part.path, part.media_type, part.depth) == ("attachment:a.rtf/text/html", "text/html", 1)
    assert part.data.decode(part.charset) == '<p>Hello <a href="https://a.example/?t=1">here</a>&nbsp;café</p>'
    assert "Hello here\xa0café" in view(document)
    walked = list(texts(Body(parts=(Part("a", "text/rtf", document),)), READERS, Limits()))
    assert any(isinstance(one, Text) and one.view == "source" and "https://a.example/?t=1" in one.text for one in walked)


def test_pictures_and_objects_are_told() -> None:
    document = (
        rb"{\rtf1{\*\shppict{\pict\pngblip 8950}}{\nonshppict{\pict 00}}{\object\objemb{\*\objclass Package}{\*\objdata "
        + b"0105".hex().encode() + b"\r\n" + b"PK\x03\x04rest".hex().encode() + rb"}{\result{\pict 00}}}}"
    )  # fmt: skip
    found = read(document)
    assert [(one.part, one.reason) for one in found if isinstance(one, Unread)] == [
        ("attachment:a.rtf", "2 embedded picture(s): not examined"),
        ("attachment:a.rtf/object-1", "embedded object: not examined"),
    ]
    assert [(one.path, one.data) for one in found if isinstance(one, Part)] == [("attachment:a.rtf/object-1", b"PK\x03\x04rest")]


def test_a_key_is_found_through_the_whole_walk() -> None:
    for media in ("application/rtf", "application/msword", "text/plain", ""):
        body = Body(parts=(Part("attachment:a", media, rb"{\rtf1 AKIA{\b IOSF}ODNN7EXAMPLE}"),))
        found = list(texts(body, READERS, Limits()))
        assert [one.text for one in found if isinstance(one, Text)] == [KEY], media


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (rb"{\rtf1 a}", True), (b"\xef\xbb\xbf {\\rtf", True), (b"{\\rt", True), (b"{\\r", False), (b"see {\\rtf1", False),
        (b"", False), (b"{rtf1}", False),
    ],
)  # fmt: skip
def test_only_rich_text_is_accepted(data: bytes, expected: bool) -> None:
    assert rtf.READER.accepts(Part("a.rtf", "application/rtf", data, "a.rtf")) is expected


def test_hostile_documents_are_linear() -> None:
    for hostile in (
        b"{" * 300_000,
        b"}" * 300_000,
        b"{\\*" * 100_000,
        b"\\u1" * 100_000,
        b"\\'" * 100_000,
        b"\\bin99999999999 x",
    ):
        with affordable(5):
            list(read(b"{\\rtf1" + hostile + b" end"))


def test_time_runs_out_in_the_open() -> None:
    found = read(b"{\\rtf1" + b"\\par" * 100_000, Limits(seconds=0))
    assert [one.reason for one in found if isinstance(one, Unread)] == [
        "over the limit of 0 seconds a message: the rest was not examined"
    ]


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*rb"{}\*;' 0a", *b"\r\n\xff\x00"]), max_size=200), st.binary(max_size=60))
def test_no_bytes_raise(tokens: list[int], tail: bytes) -> None:
    read(b"{\\rtf1" + bytes(tokens) + tail)
    read(b"{\\rtf1\\fromhtml1{\\*\\htmltag " + bytes(tokens) + tail)


@pytest.mark.property
@settings(max_examples=100)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60), st.data())
def test_whatever_is_written_is_read(text: str, data: st.DataObject) -> None:
    """Any text, each character escaped in one of the ways that there are, with formatting between."""
    out = "{\\rtf1\\ansi\\uc1 "
    for character in text:
        units = character.encode("utf-16-le")
        if character in "\\{}":
            out += "\\" + character
        elif character.isascii():
            out += data.draw(st.sampled_from([character, "{\\b " + character + "}", f"\\'{ord(character):02x}"]))
        else:
            for at in range(0, len(units), 2):
                out += f"\\u{int.from_bytes(units[at : at + 2], 'little', signed=True)}?"
    expected = text
    assert view((out + "}").encode("ascii")) == expected
