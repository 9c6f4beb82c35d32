"""Mail bodies as they occur and as they should not: a planted key must be found by a plain search in some text."""

from __future__ import annotations

import base64
import gzip
import io
import quopri
import zipfile

import pytest

from forensics.content import archive, html, mime, ooxml, opaque, pdf, texts
from forensics.content import text as plain
from forensics.model import Body, Limits, Part, Text, Unread

KEY = "Kx9fT2vLq8ZrW3nB"
READERS = [archive.READER, html.READER, mime.READER, ooxml.READER, opaque.READER, pdf.READER, plain.READER]
TOP = b"From: Ann <ann@shop.example>\r\nTo: bob@customer.example\r\nSubject: Access\r\nDate: Thu, 18 Sep 2025 10:00:00 +0000\r\n"
MIME = TOP + b"MIME-Version: 1.0\r\n"
LINE = f"Your key is {KEY} until Monday.".encode()


def read(data: bytes) -> list[Text | Unread]:
    return list(texts(Body(parts=(Part("message", "message/rfc822", data),)), READERS, Limits()))


def b64(data: bytes, width: int = 76) -> bytes:
    coded = base64.b64encode(data)
    return b"\r\n".join(coded[i : i + width] for i in range(0, len(coded), width))


def leaf(body: bytes, content_type: str = "text/plain; charset=utf-8", encoding: str = "", more: str = "") -> bytes:
    head = f"Content-Type: {content_type}\r\n" + (f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else "") + more
    return MIME + head.encode() + b"\r\n" + body


def multi(
    *parts: bytes, kind: str = "mixed", boundary: str = "b1", close: bool = True, parameter: str = '; boundary="b1"'
) -> bytes:
    out = MIME + f"Content-Type: multipart/{kind}{parameter}\r\n\r\n".encode()
    for part in parts:
        out += f"--{boundary}\r\n".encode() + part + b"\r\n"
    return out + (f"--{boundary}--\r\n".encode() if close else b"")


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name.replace("__", "."), data)
    return out.getvalue()


def deep(levels: int) -> bytes:
    inner = b"Content-Type: text/plain\r\n\r\n" + LINE
    for level in range(levels):
        mark = f"x{level}y".encode()
        inner = (
            b'Content-Type: multipart/mixed; boundary="'
            + mark
            + b'"\r\n\r\n--'
            + mark
            + b"\r\n"
            + inner
            + b"\r\n--"
            + mark
            + b"--\r\n"
        )
    return MIME + inner


def uu(data: bytes) -> bytes:
    import binascii

    lines = [binascii.b2a_uu(data[i : i + 45]) for i in range(0, len(data), 45)]
    return b"begin 644 key.txt\n" + b"".join(lines) + b"`\nend\n"


def yenc(data: bytes, behind: bytes = b"") -> bytes:
    out = bytearray()
    for byte in data:
        coded = (byte + 42) & 255
        out += bytes((61, (coded + 64) & 255)) if coded in {0, 10, 13, 61} else bytes((coded,))
    lines = b"\r\n".join(out[i : i + 128] for i in range(0, len(out), 128))
    return b"=ybegin line=128 size=%d name=key.txt\r\n" % len(data) + behind + lines + b"\r\n=yend size=%d\r\n" % len(data)


PAGE = f"<html><body><p>{KEY}</p></body></html>".encode()
TEXT = b"Content-Type: text/plain\r\n\r\nHello\r\n"
WITH = b"Content-Type: text/plain\r\n\r\n" + LINE
FULL_QP = b"".join(b"=%02X" % byte for byte in LINE)
NESTED = TOP + b"\r\n" + LINE
SPLIT = f"key {KEY[:8]}"

# the 56 bodies; the names say what is odd
CASES: dict[str, bytes] = {
    "7bit": leaf(LINE),
    "named inline text part": multi(b'Content-Type: text/plain; name="n.txt"\r\nContent-Disposition: inline\r\n\r\n' + LINE),
    "charset with a semicolon inside": leaf(LINE, 'text/plain; charset="utf-8;"'),
    "html text": leaf(PAGE, "text/html"),
    "html href only": leaf(f'<p><a href="https://app.example/r?t={KEY}">reset</a></p>'.encode(), "text/html"),
    "html comment only": leaf(f"<p>Hi</p><!-- {KEY} -->".encode(), "text/html"),
    "custom header": MIME + f"X-Token: {KEY}\r\nContent-Type: text/plain\r\n\r\nHello".encode(),
    "text/calendar": leaf(f"BEGIN:VCALENDAR\r\nDESCRIPTION:{KEY}\r\nEND:VCALENDAR".encode(), "text/calendar"),
    "text/x-amp-html": leaf(PAGE, "text/x-amp-html"),
    "application/json without name": leaf(f'{{"key": "{KEY}"}}'.encode(), "application/json"),
    "message/rfc822 inline": multi(b"Content-Type: message/rfc822\r\n\r\n" + NESTED),
    "message/rfc822 attached": multi(b"Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=a.eml\r\n\r\n" + NESTED),
    "closing boundary missing": multi(WITH, close=False),
    "60 levels deep": deep(60),
    "binary with NUL": leaf(b"\x00\x01 " + LINE + b" \x00", encoding="binary"),
    "quoted-printable soft break": leaf(SPLIT.encode() + b"=\r\n" + KEY[8:].encode(), encoding="quoted-printable"),
    "every letter as =XX": leaf(FULL_QP, encoding="quoted-printable"),
    "base64": leaf(b64(LINE), encoding="base64"),
    "subject as encoded word": TOP.replace(b"Access", b"=?utf-8?B?" + base64.b64encode(LINE) + b"?=") + b"\r\nHello",
    "subject cut into two words": TOP.replace(
        b"Access", b"=?utf-8?Q?key_" + KEY[:8].encode() + b"?=\r\n =?utf-8?Q?" + KEY[8:].encode() + b"?="
    ) + b"\r\nHello",
    "file name by RFC 2231 continuation": multi(
        f"Content-Type: application/octet-stream\r\nContent-Disposition: attachment;\r\n filename*0*=utf-8''{KEY[:5]};\r\n "
        f"filename*1={KEY[5:]};\r\n filename*2=.bin\r\n\r\nx".encode()
    ),
    "base64 attachment text/plain": multi(
        b"Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(LINE)
    ),
    "base64 attachment octet-stream": multi(
        b"Content-Type: application/octet-stream; name=a.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(LINE)
    ),
    "eml as octet-stream": multi(
        b"Content-Type: application/octet-stream; name=mail.eml\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b64(leaf(b64(LINE), encoding="base64"))
    ),
    "quoted-printable attachment .env": multi(
        b"Content-Type: application/octet-stream; name=.env\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nTOKEN=3D"
        + KEY[:6].encode() + b"=\r\n" + KEY[6:].encode()
    ),
    "content type only `text`": leaf(b64(LINE), "text", "base64"),
    "base64 without padding": leaf(b64(LINE).rstrip(b"="), encoding="base64"),
    "base64 with junk": leaf(b"*".join(base64.b64encode(LINE)[i : i + 9] for i in (0, 9, 18, 27, 36, 45, 54)), encoding="base64"),
    "base64 with a list footer": leaf(
        b64(LINE) + b"\r\n_______________\r\nusers mailing list\r\nhttps://lists.example/users\r\n", encoding="base64"
    ),
    "two base64 blocks": leaf(b64(b"Hello there, ") .rstrip(b"=") + b"==\r\n" + b64(LINE), encoding="base64"),
    "base64 message/rfc822": multi(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(NESTED)),
    "encoding with a trailing blank": leaf(b64(LINE), encoding="base64 "),
    "encoding twice": leaf(b64(LINE), encoding="7bit", more="Content-Transfer-Encoding: base64\r\n"),
    "utf-16 text attachment": multi(
        b"Content-Type: text/plain; name=a.txt\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(LINE.decode().encode("utf-16"))
    ),
    "x-uuencode": leaf(uu(LINE), encoding="x-uuencode"),
    "charset utf-16": leaf(b64(LINE.decode().encode("utf-16-be")), "text/plain; charset=utf-16", "base64"),
    "charset utf-7": leaf(b"+" + base64.b64encode(KEY.encode("utf-16-be")).rstrip(b"=") + b"- is it", "text/plain; charset=utf-7"),
    "charset cp-850": leaf(b"Schl\x81ssel " + LINE, "text/plain; charset=cp-850"),
    "charset unknown": leaf(b"\xe4 " + LINE, "text/plain; charset=x-none"),
    "multipart without boundary": multi(b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(LINE), parameter=""),
    "boundary that ends in a blank": multi(
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(LINE), parameter='; boundary="b1 "'
    ),
    "multipart in base64": MIME + b'Content-Type: multipart/mixed; boundary="b1"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    + b64(b"--b1\r\n" + WITH + b"\r\n--b1--\r\n"),
    "8 bit without content type": TOP + b"\r\nGr\xfc\xdfe " + LINE,
    "preamble": multi(TEXT).replace(b"\r\n\r\n--b1", b"\r\n\r\n" + LINE + b"\r\n--b1", 1),
    "epilogue": multi(TEXT) + LINE,
    "quoted-printable declared 7bit": leaf(b"caf=C3=A9 " + SPLIT.encode() + b"=\r\n" + KEY[8:].encode(), encoding="7bit"),
    "encoding in quotes": leaf(b64(LINE), encoding='"base64"'),
    "inline uuencode": leaf(b"See below.\n\n" + uu(LINE) + b"\nBye"),
    "format=flowed delsp": leaf(
        f"Your key is {KEY[:8]} \r\n{KEY[8:]} until Monday.".encode(), "text/plain; format=flowed; delsp=yes"
    ),
    "tag inside the key": leaf(f"<p>{KEY[:4]}<b>{KEY[4:9]}</b><span>{KEY[9:]}</span></p>".encode(), "text/html"),
    "numeric entities": leaf("".join(f"&#{ord(c)};" if i % 2 else f"&#x{ord(c):x};" for i, c in enumerate(KEY)).encode(), "text/html"),
    "wbr and zero width": leaf(f"<p>{KEY[:4]}<wbr>{KEY[4:8]}&#8203;{KEY[8:]}&shy;</p>".replace("ZrW", "Zr\u200bW").encode(), "text/html"),
    "folded text/calendar": leaf(
        f"BEGIN:VCALENDAR\r\nDESCRIPTION:the key {KEY[:3]}\r\n {KEY[3:]}\r\nEND:VCALENDAR".encode(), "text/calendar"
    ),
    "second content type is the multipart": MIME + b'Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary="b1"\r\n\r\n'
    + b"--b1\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(LINE) + b"\r\n--b1--\r\n",
    "zip": multi(b"Content-Type: application/zip; name=c.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(zipped(a__txt=LINE))),
    "gzip": multi(b"Content-Type: application/gzip; name=c.gz\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(gzip.compress(LINE, mtime=0))),
}  # fmt: skip

# further ones that the tables of the field do not have
MORE: dict[str, bytes] = {
    "CR line ends only": leaf(LINE).replace(b"\r\n", b"\r"),
    "byte order mark on top": b"\xef\xbb\xbf" + leaf(b64(LINE), encoding="base64"),
    "blank line on top": b"\r\n" + leaf(b64(LINE), encoding="base64"),
    "From_ line on top": b"From ann@shop.example Thu Sep 18 10:00:00 2025\n" + leaf(b64(LINE), encoding="base64"),
    "odd line among the headers": TOP + b"this is no header\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(LINE),
    "blanks-only line among the headers": TOP + b"X-A: b\r\n \t\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(LINE),
    "part without blank line": multi(LINE),
    "part without headers": multi(b"\r\n" + LINE),
    "mail that is all headers": TOP + b"X-Note: " + LINE,
    "mail without headers": LINE,
    "empty boundary": multi(WITH, parameter='; boundary=""', boundary=""),
    "plain text declared base64": leaf(LINE + b" (see above)", encoding="base64"),
    "key alone declared base64": leaf(KEY.encode(), encoding="base64"),
    "ASCII declared utf-16": leaf(LINE, "text/plain; charset=utf-16"),
    "ASCII declared EBCDIC": leaf(LINE, "text/plain; charset=cp037"),
    "quoted-printable with blanks behind the soft break": leaf(SPLIT.encode() + b"= \t\r\n" + KEY[8:].encode(), encoding="quoted-printable"),
    "base64 in the middle of prose": leaf(b"Use this: " + base64.b64encode(LINE) + b" and be well"),
    "base64 with url alphabet": leaf(b"Use this: " + base64.urlsafe_b64encode(b"\xc3\xbf\xc3\xbe " + LINE) + b" and be well"),
    "base64 run in quoted lines": leaf(b"> " + b64(LINE * 3).replace(b"\r\n", b"\r\n> ")),
    "base64 with a label glued on": leaf(b"a/" + base64.b64encode(LINE)),
    "gzip as base64 in the text": leaf(base64.b64encode(gzip.compress(LINE * 2, mtime=0))),
    "letters in full width": leaf("".join(chr(ord(c) + 0xFEE0) for c in KEY).encode()),
    "wrapped after 76 characters": leaf(b"The address is https://app.example/invite/accept/2025/september/x?t=" + KEY[:8].encode() + b"\r\n" + KEY[8:].encode()),
    "key wrapped in a quoted reply": leaf(
        b"> > The address is https://app.example/invite/accept/2025/september/x?t=" + KEY[:8].encode() + b"\r\n> > " + KEY[8:].encode()
    ),
    "html in plain text's clothes": leaf(f"<!DOCTYPE html><p>{KEY[:3]}<i>{KEY[3:]}</i>".encode()),
    "html table": leaf(f"<table><tr><td>Key</td><td>{KEY}</td></tr></table>".encode(), "text/html"),
    "html script": leaf(f"<script>var k='{KEY}'</script>".encode(), "text/html"),
    "html that never closes a comment": leaf(f"<p>a</p><!-- {KEY}".encode(), "text/html"),
    "html that never closes a tag": leaf(f"<p>a</p><a title='{KEY}".encode(), "text/html"),
    "html attribute with > inside": leaf(f'<a title="a > b {KEY}">x</a>'.encode(), "text/html"),
    "html with a stray quote": leaf(f"<p title=it's>{KEY}</p><p>don't</p>".encode(), "text/html"),
    "html quote without end": leaf(f"<p title='it>{KEY}</p><p>don't</p>".encode(), "text/html"),
    "html data URI": leaf(b'<a href="data:text/plain;base64,' + base64.b64encode(LINE) + b'">x</a>', "text/html"),
    "html in utf-16": leaf(PAGE.decode().encode("utf-16"), "text/html", "binary"),
    "message/delivery-status": multi(b"Content-Type: message/delivery-status\r\n\r\nDiagnostic-Code: smtp; " + LINE, kind="report"),
    "digest": multi(b"\r\n" + NESTED, kind="digest"),
    "two parts after the end": multi(TEXT) + b"--b1\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(LINE),
    "utf-16 mail": b"\xff\xfe" + (TOP + b"\r\n" + LINE).decode().encode("utf-16-le"),
    "quopri of the stdlib": leaf(quopri.encodestring(b"\xc3\xa9" * 30 + LINE), encoding="Quoted-Printable (sic)"),
    "uuencoded zip": leaf(uu(zipped(a__txt=LINE))),
    "yEnc": leaf(b"See below.\r\n" + yenc(LINE * 9 + b"\xd6\xe0\xe3\x13")),
    "yEnc, one piece of two": leaf(yenc(LINE, b"=ypart begin=1 end=42\r\n")),
    "yEnc without its end": leaf(yenc(LINE).partition(b"=yend")[0]),
    "text/enriched, commands inside the key": leaf(
        f"<bold>{KEY[:4]}</bold><color><param>red</param>{KEY[4:9]}</color>{KEY[9:]}".encode(), "text/enriched"
    ),
    "every letter as =XX, declared 7bit": leaf(FULL_QP, encoding="7bit"),
    "every letter as =XX, declared base64": leaf(FULL_QP, encoding="base64"),
    "soft hyphen and zero width": leaf(f"{KEY[:5]}\u00ad{KEY[5:9]}\u200b{KEY[9:]}".encode()),
    "folded text/vcard": leaf(f"BEGIN:VCARD\r\nNOTE:the key {KEY[:6]}\r\n {KEY[6:]}\r\nEND:VCARD".encode(), "text/vcard"),
    "PGP clear-signed": leaf(b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA512\r\n\r\n" + LINE + b"\r\n-----BEGIN PGP SIGNATURE-----"),
    "message/partial": leaf(LINE, "message/partial; id=x; number=2; total=3"),
    "AMP": leaf(f"<html amp4email><body><p>{KEY[:4]}<b>{KEY[4:]}</b></p></body></html>".encode(), "text/x-amp-html"),
}  # fmt: skip


def test_the_table_has_all_cases() -> None:
    assert len(CASES) == 56


@pytest.mark.parametrize("name", [*CASES, *MORE])
def test_key_is_found(name: str) -> None:
    found = read({**CASES, **MORE}[name])
    assert [one.part for one in found if isinstance(one, Text) and KEY in one.text], [
        one for one in found if isinstance(one, Unread)
    ]


@pytest.mark.parametrize("name", [*CASES, *MORE])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_line_ends_make_no_difference(name: str, ends: bytes) -> None:
    if name in {"html in utf-16", "utf-16 mail", "CR line ends only"}:
        pytest.skip("its line ends are what the case is about")
    data = {**CASES, **MORE}[name].replace(b"\r\n", b"\n").replace(b"\n", ends)
    assert any(KEY in one.text for one in read(data) if isinstance(one, Text))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("7bit", "text/plain"),
        ("html text", "text/html"),
        ("text/calendar", "text/calendar"),
        ("custom header", "headers"),
        ("subject cut into two words", "header:subject"),
        ("named inline text part", "attachment:n.txt"),
        ("message/rfc822 inline", "message~1/text/plain"),
        ("message/rfc822 attached", "attachment:a.eml/text/plain"),
        ("eml as octet-stream", "attachment:mail.eml/text/plain"),
        ("application/json without name", "attachment:part-1"),
        ("zip", "attachment:c.zip/a.txt"),
        ("gzip", "attachment:c.gz/c"),
        ("preamble", "preamble"),
        ("epilogue", "epilogue"),
        ("inline uuencode", "text/plain/key.txt"),
    ],
)
def test_part_says_where_it_lies(name: str, part: str) -> None:
    assert part in {one.part for one in read(CASES[name]) if isinstance(one, Text) and KEY in one.text}


def test_pem_block_in_a_quoted_reply_is_whole_again() -> None:
    body = [base64.b64encode(bytes(range(i, i + 48))).decode() for i in range(0, 144, 48)]
    quoted = "\r\n".join(f"> > {line}" for line in ["-----BEGIN PRIVATE KEY-----", *body, "-----END PRIVATE KEY-----"])
    whole = [one.text.splitlines() for one in read(leaf(quoted.encode())) if isinstance(one, Text) and one.view == "joined"]
    assert whole == [["-----BEGIN PRIVATE KEY-----", "".join(body), "-----END PRIVATE KEY-----"]]


@pytest.mark.parametrize(
    "prose",
    [
        "Password: hunter2-Spring\nRegards",
        "one abc123DEF\ntwo xyz789GHI",
        "The meeting of 2025-09-17 was long and nobody said what it was good for 2025-09-17\nThen we left for lunch 12 of us",
        "A long enough line that ends in a label and a colon, as people write it, Password1:\nabc123DEF",
        "-- \nAnn 0555",
    ],
)
def test_lines_of_prose_stay_apart(prose: str) -> None:
    assert not [one for one in read(leaf(prose.encode())) if isinstance(one, Text) and one.view == "joined"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<tr><td>User</td><td>ann</td></tr><tr><td>Password:</td><td>x1</td></tr>", "User: ann\nPassword: x1"),
        ("<tr><td>a</td><td>b</td><td>c</td></tr>", "a\tb\tc"),
        ("<tr><td>User<br>Password</td><td>ann<br>x1</td></tr>", "User: ann\nPassword: x1"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("a<b>b</b>c <i> d</i>", "abc d"),
        ("a&nbsp;b &amp; &lt;c&gt;", "a b & <c>"),
        ("5 < 6 and <3", "5 < 6 and <3"),
        ("<pre>a\n  b</pre>", "a\nb"),
        ("<style>p{}</style>x<script>y</script>", "x"),
        ("x<script>never closed", "xnever closed"),
        ("x<!-- never closed", "x<!-- never closed"),
    ],
)
def test_html_is_laid_out_as_read(written: str, shown: str) -> None:
    views = {
        one.view: one.text
        for one in read(leaf(written.encode(), "text/html"))
        if isinstance(one, Text) and one.part == "text/html"
    }
    assert views["html"].strip() == shown


@pytest.mark.parametrize(
    ("written", "closed"),
    [
        ("<p>Code: 1 2 3 4 5 6</p>", "Code: 123456"),
        ("<p>I am 1 of 2</p>", ""),
        ("<td>1</td><td>2</td><td>3</td><td>4</td>", "1234"),
    ],
)
def test_letter_spacing_is_closed(written: str, closed: str) -> None:
    found = [one.text for one in read(leaf(written.encode(), "text/html")) if isinstance(one, Text) and one.view == "closed"]
    assert [text.strip() for text in found] == ([closed] if closed else [])


def test_code_of_plain_text_is_closed_too() -> None:
    assert "Your code: 493817" in {one.text for one in read(leaf(b"Your code: 4 9 3 8 1 7")) if isinstance(one, Text)}


@pytest.mark.parametrize(
    ("disposition", "part"),
    [
        ('attachment; filename="../../etc/passwd"', "attachment:.._.._etc_passwd"),
        ('attachment; filename="a\x07b\u202ecod.txt"', "attachment:abcod.txt"),
        ("attachment", "attachment:part-1"),
        ('attachment; filename=""', "attachment:part-1"),
        ('attachment; filename="=?utf-8?Q?a=2Fb=C3=A9.txt?="', "attachment:a_bé.txt"),
        ("attachment; filename*=iso-8859-1'de'Schl%FCssel.txt", "attachment:Schlüssel.txt"),
        ('attachment; filename*1="b.txt"; filename*0="a"', "attachment:ab.txt"),
        (f'attachment; filename="{"n" * 500}"', "attachment:" + "n" * 200),
    ],
)
def test_hostile_names_are_one_harmless_step(disposition: str, part: str) -> None:
    found = read(leaf(LINE, more=f"Content-Disposition: {disposition}\r\n"))
    assert part in {one.part for one in found}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (leaf(b64(bytes.fromhex("3082010006092a864886f70d010703a081") + b"\x00\x80\x90" * 90), "application/pkcs7-mime", "base64"), "S/MIME: encrypted"),
        (leaf(b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMAw==\r\n-----END PGP MESSAGE-----"), "PGP: encrypted"),
        (leaf(LINE, "message/partial; id=x; number=2; total=3"), "message/partial: one piece of a message that was sent in pieces"),
        (leaf(b"", "message/external-body; access-type=URL"), "external body: lies elsewhere"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_once(data: bytes, reason: str) -> None:
    assert [one.reason for one in read(data) if isinstance(one, Unread)] == [reason]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<bold>a</bold>b<<c", "ab<c"),
        ("one\nline\n\nnext", "one line\nnext"),
        ("1 < 2 and <3", "1 < 2 and <3"),
    ],
)
def test_enriched_text_is_laid_out(written: str, shown: str) -> None:
    found = read(leaf(written.encode(), "text/enriched"))
    assert [one.text for one in found if isinstance(one, Text) and one.view == "enriched"] == [shown]


def test_words_that_only_look_like_the_head_of_a_coded_file_are_text() -> None:
    found = read(leaf(b"we say =ybegin line=128 size=3 name=a.txt\r\nand begin 644 b.txt\r\nM"))
    assert {one.part for one in found} == {"header:subject", "headers", "text/plain"}


def test_second_part_of_a_kind_has_its_own_path() -> None:
    parts = {
        one.part: one.text.strip()
        for one in read(multi(TEXT, WITH, TEXT))
        if isinstance(one, Text) and one.part.startswith("text/")
    }
    assert list(parts) == ["text/plain", "text/plain~2", "text/plain~3"]
    assert parts["text/plain~2"] == LINE.decode()
