from __future__ import annotations

import base64

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.headers import (
    address_list,
    addressees,
    decode_words,
    header_block,
    header_end,
    received_for,
    recipients_of,
    subject_of,
    text_of,
)
from forensics.model import Outcome, Role

X = "archive@collector.example"
XB = X.encode()
TOP = b"From: Ann <ann@corp.example>\nTo: bob@partner.example\nSubject: Offer\n"
END = b"Date: Thu, 18 Sep 2025 10:00:00 +0000\n\nHello\nBcc: body@a.example\n"
Q = b"=?utf-8?q?archive=40collector.example?="
MANY = b",\n ".join(b"r%d@a.example" % i for i in range(5_000))

# Every way in which a hidden recipient was written in the facts' 38 cases, in bytes of our own: (name, mail)
FOUND: list[tuple[str, bytes]] = [
    ("one plain line", TOP + b"Bcc: " + XB + b"\n" + END),
    ("address on the folded second line", TOP + b"Bcc:\n\t" + XB + b"\n" + END),
    ("CRLF", (TOP + b"Bcc: " + XB + b"\n" + END).replace(b"\n", b"\r\n")),
    ("From_ line on top", b"From ann@corp.example Thu Sep 18 10:00:00 2025\n" + TOP + b"Bcc: " + XB + b"\n" + END),
    ("line of blanks among the headers", TOP + b"   \nBcc: " + XB + b"\n" + END),
    ("byte 0x85 in another header", TOP + b"X-Note: a\x85b\nBcc: " + XB + b"\n" + END),
    ("VT, FF, FS before a fake", TOP + b"X-Note: a\x0b\x0c\x1cBcc: no@no.example\nBcc: " + XB + b"\n" + END),
    ("name is a quoted good address", TOP + b'Bcc: "good@a.example" <' + XB + b">\n" + END),
    ("raw Latin-1 name", TOP + b"Bcc: J\xf6rg <" + XB + b">\n" + END),
    ("raw UTF-8 name", TOP + b"Bcc: J\xc3\xb6rg <" + XB + b">\n" + END),
    ("5,000 folded recipients", TOP + b"Bcc: " + MANY + b",\n " + XB + b"\n" + END),
    ("second Bcc header", TOP + b"Bcc: good@a.example\nX-A: b\nBcc: " + XB + b"\n" + END),
    ("group", TOP + b"Bcc: undisclosed: " + XB + b";\n" + END),
    ("group with quoted name and two members", TOP + b'Bcc: "our, list" : good@a.example , ' + XB + b" ;\n" + END),
    ("an address as name", TOP + b"Bcc: good@a.example <" + XB + b">\n" + END),
    ("the same after a good address", TOP + b"Bcc: ok@a.example, good@a.example <" + XB + b">\n" + END),
    ("semicolon", TOP + b"Bcc: good@a.example; " + XB + b"\n" + END),
    ("unquoted comma in the name", TOP + b"Bcc: Doe, John <" + XB + b">\n" + END),
    ("a bad recipient first", TOP + b"Bcc: just some words, " + XB + b"\n" + END),
    ("angle never closed", TOP + b"Bcc: Name <" + XB + b"\n" + END),
    ("doubled angles", TOP + b"Bcc: <<" + XB + b">>\n" + END),
    ("empty items", TOP + b"Bcc: ,," + XB + b",,\n" + END),
    ("comment inside", TOP + b"Bcc: archive(c)@collector.example\n" + END),
    ("local part in quotes", TOP + b'Bcc: "archive"@collector.example\n' + END),
    ("source route", TOP + b"Bcc: <@relay.example:" + XB + b">\n" + END),
    ("fold behind the @", TOP + b"Bcc: archive@\n collector.example\n" + END),
    ("encoded word is the address", TOP + b"Bcc: " + Q + b"\n" + END),
    ("encoded word holds a mailbox", TOP + b"Bcc: =?utf-8?q?Ann_=3Carchive=40collector.example=3E?=\n" + END),
    ("NUL behind it", TOP + b"Bcc: " + XB + b"\x00\n" + END),
    ("open quote", TOP + b'Bcc: "Bob <bob@a.example>, ' + XB + b"\n" + END),
    ("CR line ends only", (TOP + b"Bcc: " + XB + b"\n" + END).replace(b"\n", b"\r")),
    ("Resent-Bcc", TOP + b"Resent-Bcc: " + XB + b"\n" + END),
    ("blank before the colon", TOP + b"BCC : " + XB + b"\n" + END),
    ("line without colon before", TOP + b"this line has none\nBcc: " + XB + b"\n" + END),
    (">From line before", TOP + b">From ann Thu Sep 18 10:00:00 2025\nBcc: " + XB + b"\n" + END),
    ("byte order mark first", b"\xef\xbb\xbf" + b"Bcc: " + XB + b"\n" + TOP + END),
    ("blank line first", b"\n" + b"Bcc: " + XB + b"\n" + TOP + END),
    # further ones, beyond the 38
    ("CR CR LF", (TOP + b"Bcc: " + XB + b"\n" + END).replace(b"\n", b"\r\r\n")),
    ("an empty CR line in an LF mail", TOP + b"X-Note: a\r\rb\nBcc: " + XB + b"\n" + END),
    ("quoted header name", TOP + b">Bcc: " + XB + b"\n" + END),
    ("NUL inside the name", TOP + b"B\x00cc: " + XB + b"\n" + END),
    ("address part encoded", TOP + b"Bcc: =?utf-8?q?archive?=@collector.example\n" + END),
    ("encoded inside angles", TOP + b"Bcc: A <" + Q + b">\n" + END),
    ("list inside one encoded word", TOP + b"Bcc: =?utf-8?q?good=40a.example=2C_archive=40collector.example?=\n" + END),
    ("bare comma inside an encoded word", TOP + b"Bcc: =?utf-8?q?good@a.example,_archive@collector.example?=\n" + END),
    ("base64 word cut in two", TOP + b"Bcc: =?utf-8?b?YXJjaGl2ZQ==?=\n =?utf-8?b?QGNvbGxlY3Rvci5leGFtcGxl?=\n" + END),
    ("single quotes", TOP + b"Bcc: '" + XB + b"'\n" + END),
]


def blind(mail: bytes) -> list[str]:
    return [one.address for one in recipients_of(header_block(mail)) if one.role == Role.BCC]


@pytest.mark.parametrize(("name", "mail"), FOUND, ids=[name for name, _ in FOUND])
def test_the_hidden_recipient_is_found_however_it_is_written(name: str, mail: bytes) -> None:
    found = blind(mail)
    assert X in found, name
    assert set(found) - {X} <= {"bob@a.example", "good@a.example", "ok@a.example"} | {f"r{i}@a.example" for i in range(5_000)}
    visible = [one.address for one in recipients_of(header_block(mail)) if one.role == Role.TO]
    assert visible == ["bob@partner.example"]  # no odd line hides To


# ... and what must not be taken for one
@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        (TOP + b"X-Note: a\x0bBcc: no@no.example\n" + END, []),
        (TOP + b"X-Note: a\x0cBcc: no@no.example\n" + END, []),
        (TOP + b"X-Note: a\x1cBcc: no@no.example\n" + END, []),
        (TOP + b"X-Note: a\x85Bcc: no@no.example\n" + END, []),
        (TOP + "X-Note: a\u2028Bcc: no@no.example\n".encode() + END, []),
        (TOP + b"X-Note: a\n Bcc: no@no.example\n" + END, []),
        (TOP + b"X-Bcc: no@no.example\n" + END, []),
        (TOP + b"Subject: =?utf-8?q?a=0ABcc=3A_no=40no.example?=\n" + END, []),
        (TOP + b"\nBcc: no@no.example\n" + END, []),
        (TOP + b'Bcc: "archive@collector.example x"@corp.example\n' + END, ['"archive@collector.example x"@corp.example']),
        (TOP + b"Bcc: ann@notcollector.example\n" + END, ["ann@notcollector.example"]),
        (TOP + b"Bcc: undisclosed-recipients:;\n" + END, []),
    ],
)
def test_what_is_no_hidden_recipient(mail: bytes, expected: list[str]) -> None:
    assert blind(mail) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"=?utf-8?q?Doe=2C_archive=40collector.example?= <good@a.example>",
        b"archive@collector.example <good@a.example>",
        b'"archive@collector.example" <good@a.example>',
        b"good@a.example (archive@collector.example)",
        b"=?utf-8?q?archive=40collector.example?= <good@a.example>",
    ],
)
def test_an_address_in_a_display_name_is_told_but_addresses_nobody(value: bytes) -> None:
    recipients, in_passing = addressees([("bcc", value)])
    assert [one.address for one in recipients] == ["good@a.example"]
    assert in_passing == (X,)


@pytest.mark.parametrize(
    "value", [b'"good@a.example" <good@a.example>', b"=?utf-8?q?good=40a.example?= <good@a.example>", b"a@a.example"]
)
def test_ones_own_address_as_name_is_nothing_to_tell(value: bytes) -> None:
    assert addressees([("to", value)])[1] == ()


def test_every_place_that_names_a_recipient() -> None:
    rcpt = base64.b64encode(b"m0|101|202|pm@corp.example").rstrip(b"=")
    mail = (
        b"Delivered-To: dt@corp.example\nReceived: from a by b (Postfix) with ESMTP id 1\n\tfor <top@corp.example>; Thu, 18 Sep 2025\n"
        b"Received: from c by d for <low@corp.example>; Thu\nX-Original-To: xo@corp.example\nEnvelope-To: et@corp.example\n"
        b"X-Envelope-To: <xe@corp.example>\nX-Forwarded-To: xf@corp.example\nX-PM-RCPT: |" + rcpt + b"|\n"
        b"To: Ann@corp.example\nTo: second@corp.example, ann@corp.example\nCc: c@a.example\nCC: c2@a.example\nResent-To: rt@a.example\n"
        b"Resent-Cc: rc@a.example\nApparently-To: at@a.example\nBcc: b@a.example, ann@corp.example\nResent-Bcc: rb@a.example\n\n"
    )
    found = [(one.address.split("@")[0], one.role.value, one.outcome) for one in recipients_of(header_block(mail))]
    delivered, nothing = Outcome.DELIVERED, Outcome.NONE
    assert found == [
        ("dt", "trace", delivered), ("top", "trace", nothing), ("low", "trace", nothing), ("xo", "trace", nothing), ("et", "trace", delivered),
        ("xe", "trace", delivered), ("xf", "trace", nothing), ("pm", "trace", delivered),
        ("ann", "to", nothing), ("second", "to", nothing), ("c", "cc", nothing), ("c2", "cc", nothing), ("rt", "to", nothing),
        ("rc", "cc", nothing), ("at", "to", nothing), ("b", "bcc", nothing), ("ann", "bcc", nothing), ("rb", "bcc", nothing),
    ]  # fmt: skip
    seen = [one.seen for one in recipients_of(header_block(mail))]
    assert seen == [
        "delivered-to", "received", "received-below", "x-original-to", "envelope-to", "x-envelope-to", "x-forwarded-to", "x-pm-rcpt",
        "to", "to", "cc", "cc", "resent-to", "resent-cc", "apparently-to", "bcc", "bcc", "resent-bcc",
    ]  # fmt: skip


def test_written_differs_only_in_more_than_case() -> None:
    found = recipients_of([("to", b"Ann@Corp.Example, M@M\xc3\x9cNCHEN.example")])
    assert [one.written for one in found] == ["", "M@MÜNCHEN.example"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"from a by b for <x@y.example>; Thu", b"x@y.example"),
        (b"from a by b with SMTP id 1\n\tfor x@y.example;\n\tThu", b"x@y.example"),
        (b"from a by b for multiple recipients; Thu", b""),
        (b"from waiting-for.example (x@y.example) by b; Thu", b""),
        (b"from a for", b""),
    ],
)
def test_the_for_clause(value: bytes, expected: bytes) -> None:
    assert received_for(value) == expected


@pytest.mark.parametrize(
    "value", [b"", b"||", b"|!!!|", b"|" + base64.b64encode(b"m0|1|2") + b"|", b"|" + base64.b64encode(b"\xff" * 9) + b"|"]
)
def test_a_damaged_postmark_recipient_names_nobody(value: bytes) -> None:
    assert recipients_of([("x-pm-rcpt", value)]) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?caf=C3=A9_a?=", "café a"),
        ("=?UTF-8?B?Y2Fmw6k=?= now", "café now"),
        ("=?utf-8?b?Y2Fmw6k?=", "café"),  # padding missing
        ("=?utf-8?q?caf=C3?=\n =?utf-8?q?=A9?=", "café"),  # cut inside a character
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"),
        ("=?utf-8?q?a?= =?latin-1?q?=E9?=", "aé"),
        ("=?iso-8859-1*de?q?=FC?=", "ü"),
        ("=?utf-8?q?is_it_ok??=", "is it ok?"),
        ("=?x-unknown?q?caf=C3=A9?=", "café"),
        ("=?cp-850?q?=81?=", "ü"),
        ("=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?zlib?b?eJwDAAAAAAE=?=", b"x\x9c\x03\x00\x00\x00\x00\x01".decode("cp1252")),  # no charset: never decompressed
        ("=?idna?q?xn--a?=", "xn--a"),
        ("=?../../etc?q?a?=", "a"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?open", "=?utf-8?q?open"),
        ("a =? b ?= c", "a =? b ?= c"),
    ],
)
def test_encoded_words(text: str, expected: str) -> None:
    assert decode_words(text) == expected


def test_raw_bytes_of_any_charset_are_text() -> None:
    assert text_of(b"caf\xc3\xa9\n now") == "café now"
    assert text_of(b"caf\xe9") == "café"
    assert text_of(b"\x81\x8d") == "\x81\x8d"
    assert decode_words(b"J\xf6rg =?utf-8?q?=C3=B6?=") == "Jörg ö"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", []),
        (b"\n\nbody: x", [("body", b"x")]),  # blank lines on top are no end
        (b"A: 1\nA: 2\n\nB: 3\n", [("a", b"1"), ("a", b"2")]),
        (b"A: 1\n  folded\n\tagain\nB:2", [("a", b"1\n  folded\n\tagain"), ("b", b"2")]),
        (b"A:\n", [("a", b"")]),
        (b": no name\nA: 1\n", [("a", b"1")]),
        (b"no colon\n : continued\nA: 1\n", [("a", b"1")]),
        (b"Sp ace: x\nA: 1\n", [("a", b"1")]),
    ],
)
def test_header_blocks(raw: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert header_block(raw) == expected


@pytest.mark.parametrize(
    ("raw", "end"),
    [
        (b"A: 1\n\nb", 6),
        (b"A: 1\r\n\r\nb", 8),
        (b"A: 1\r\rb", 6),
        (b"A: 1\r\r\n\r\r\nb", 10),
        (b"A: 1\n", -1),
        (b"", -1),
        (b"A: 1\n \n\nb", 8),
    ],
)
def test_where_the_body_begins(raw: bytes, end: int) -> None:
    assert header_end(raw) == end


@pytest.mark.parametrize(
    "value",
    [
        b"=?utf-8?q?a?= " * 50_000 + XB,
        b"=?utf-8?q?" * 50_000 + b" " + XB,
        b"=?" * 100_000 + b" " + XB,
        b"=?a?q?" + b"?" * 200_000 + b" " + XB,
        b", ".join(b"n%d@a.example" % i for i in range(200_000)) + b", " + XB,
        b"(" * 200_000 + XB,
        b"\0\r\n" * 100_000 + b" " + XB,
    ],
    ids=["words", "open words", "marks", "questions", "recipients", "comments", "folds"],
)
def test_hostile_values_cost_linear_time(value: bytes) -> None:
    with affordable(8):
        assert X in [box.address for box in address_list(value).mailboxes]
        header_block(b"Bcc: " + value + b"\n\n")


@pytest.mark.parametrize(
    "raw", [b"\r" * 500_000, b"\n " * 250_000, b"a" * 1_000_000, b"a:" * 500_000, b" \t" * 500_000 + b"x", b"\r\r\na" * 200_000]
)
def test_hostile_blocks_cost_linear_time(raw: bytes) -> None:
    with affordable(4):
        header_block(raw)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet=st.sampled_from("Bc:@ab.<>,\r\n \t=?q\0"), max_size=80).map(str.encode))
def test_no_bytes_raise(raw: bytes) -> None:
    for name, value in header_block(raw):
        assert name == name.lower()
        decode_words(value)
    addressees([*header_block(raw), ("bcc", raw), ("received", raw), ("x-pm-rcpt", raw)])


_LINES = [
    b"Subject: a",
    b">subject : b",
    b"SUBJECT:",
    b" c",
    b"\td",
    b"",
    b"\r",
    b"\0Subject: e",
    b"X: f",
    b">>Subject: g",
    b"no header",
    b"\xef\xbb\xbfSubject:h",
]


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_LINES), max_size=6), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_the_subject_is_that_of_the_block(lines: list[bytes], end: bytes) -> None:
    raw = end.join([*lines, b"", b"Subject: of the body"])
    expected = next((decode_words(value) for name, value in header_block(raw) if name == "subject"), "")
    end_of_block = header_end(raw)
    assert subject_of(raw[:end_of_block] if end_of_block >= 0 else raw) == expected


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), st.sampled_from(["q", "b"]))
def test_any_text_survives_encoding(text: str, encoding: str) -> None:
    raw = text.encode()
    payload = base64.b64encode(raw).decode() if encoding == "b" else "".join(f"={byte:02X}" for byte in raw)
    assert decode_words(f"=?utf-8?{encoding}?{payload}?=") == text


@pytest.mark.property
@settings(max_examples=50, deadline=None)
@given(st.sampled_from([mail for _, mail in FOUND if b"\r" not in mail and len(mail) < 5000]))
def test_line_ends_change_nothing(mail: bytes) -> None:
    expected = recipients_of(header_block(mail))
    assert recipients_of(header_block(mail.replace(b"\n", b"\r\n"))) == expected
    assert recipients_of(header_block(mail.replace(b"\n", b"\r"))) == expected
