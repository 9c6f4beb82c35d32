"""Bombs and broken readers: every limit holds, every loss is told, nothing raises."""

from __future__ import annotations

import base64
import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.content import archive, html, mime, ooxml, opaque, texts
from forensics.content import text as plain
from forensics.model import Body, Limits, Part, Text, Unread
from forensics.plugins import Reader

KEY = "Kx9fT2vLq8ZrW3nB"
READERS = [archive.READER, html.READER, mime.READER, ooxml.READER, opaque.READER, plain.READER]  # no child programs here
MAIL = b"From: a@a.example\r\nTo: b@b.example\r\nMIME-Version: 1.0\r\n"


def read(
    data: bytes, media: str = "message/rfc822", limits: Limits | None = None, readers: list[Reader] | None = None
) -> list[Text | Unread]:
    part = Part("message" if media == "message/rfc822" else "attachment:a", media, data)
    return list(texts(Body(parts=(part,)), readers or READERS, limits or Limits()))


def unread(found: list[Text | Unread]) -> list[str]:
    return [one.reason for one in found if isinstance(one, Unread)]


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


def gigabyte() -> bytes:
    """About one megabyte that inflates to one gigabyte."""
    import zlib

    made = zlib.compressobj(9, wbits=31)
    block = b"\x20" * (1 << 20)
    return b"".join(made.compress(block) for _ in range(1024)) + made.flush()


def test_gzip_bomb_costs_its_limit_and_no_more() -> None:
    bomb = gigabyte()
    limits = Limits(member_bytes=1 << 20)
    tracemalloc.start()
    try:
        found = read(bomb, "application/gzip", limits)
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()
    assert unread(found) == ["over the limit of 1 MB a member: the rest was not examined"]


@pytest.mark.parametrize("name", ["a.txt", "[Content_Types].xml"])
def test_zip_and_office_bombs_end_at_the_limit(name: str) -> None:
    bomb = zipped(**{name: b" " * (8 << 20)})
    found = read(bomb, "application/zip", Limits(member_bytes=1 << 20))
    assert max(len(one.text) for one in found if isinstance(one, Text)) <= 1 << 20
    assert unread(found) == ["over the limit of 1 MB a member: the rest was not examined"]


def test_total_is_bounded_over_members() -> None:
    bomb = zipped(**{f"{i}.txt": b"a" * 100_000 for i in range(50)})
    found = read(bomb, "application/zip", Limits(member_bytes=200_000, total_bytes=1_000_000))
    assert sum(len(one.text) for one in found if isinstance(one, Text) and one.view == "decoded") <= 1_000_000
    assert sum("in total" in reason for reason in unread(found)) >= 39


def test_nested_zips_end_at_the_depth() -> None:
    data = KEY.encode()
    for _ in range(12):
        data = zipped(a=data)
    assert unread(read(data, "application/zip")) == ["nested deeper than 8 levels"]
    data = KEY.encode()
    for _ in range(8):
        data = zipped(a=data)
    assert any(KEY in one.text for one in read(data, "application/zip") if isinstance(one, Text))


def test_members_are_bounded_and_the_rest_is_told() -> None:
    data = zipped(**{f"{i}": b"x" for i in range(40)})
    found = read(data, "application/zip", Limits(members=10))
    assert sum(isinstance(one, Text) and one.view == "decoded" for one in found) == 9
    assert len(unread(found)) == 2
    assert all("over the limit of 10 members a message" in reason for reason in unread(found))


def test_mail_above_the_total_is_searched_all_the_same() -> None:
    data = (
        MAIL
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + (b"--b\r\n\r\nhello" + b" " * 2_000 + b"\r\n") * 100
        + b"--b\r\n\r\n"
        + KEY.encode()
    )
    found = read(data, limits=Limits(total_bytes=len(data) - 1))
    assert any(KEY in one.text for one in found if isinstance(one, Text))
    assert unread(found) == []


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
@pytest.mark.parametrize("footer", [b"", b"\r\n_____\r\nfooter, " + KEY.encode()])
def test_big_attachment_is_never_held_decoded(encoding: str, footer: bytes) -> None:
    line = base64.b64encode(bytes(range(200, 255)) + b"\x00\x01") + b"\r\n"
    data = (
        MAIL
        + b"Content-Type: application/x-big\r\nContent-Transfer-Encoding: "
        + encoding.encode()
        + b"\r\n\r\n"
        + line * 400_000
    )
    tracemalloc.start()
    try:
        found = read(data + footer, limits=Limits(member_bytes=1 << 20))
        assert tracemalloc.get_traced_memory()[1] < len(data) + (10 << 20)  # `data + footer` is one copy
    finally:
        tracemalloc.stop()
    assert "over the limit of 1 MB a member" in unread(found)
    if encoding == "base64" and footer:
        assert any(KEY in one.text for one in found if isinstance(one, Text))


def test_time_is_bounded_and_the_rest_is_told() -> None:
    body = Body(parts=tuple(Part(f"attachment:{i}", "text/plain", b"x") for i in range(3)))
    assert unread(list(texts(body, READERS, Limits(seconds=-1)))) == ["over the limit of -1 seconds a message"] * 3


def test_ten_thousand_nested_multiparts() -> None:
    head = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (i, i) for i in range(10_000))
    found = read(MAIL + head + b"\r\n" + KEY.encode())
    assert any(KEY in one.text for one in found if isinstance(one, Text))
    assert len(unread(found)) == 1


def test_three_thousand_nested_messages() -> None:
    found = read((MAIL + b"Content-Type: message/rfc822\r\n\r\n") * 3_000 + KEY.encode())
    assert unread(found) == ["nested deeper than 8 levels"]


def test_many_base64_runs() -> None:
    run = base64.b64encode(b"the key is " + KEY.encode())
    found = read(b" ".join([run] * 200_000), "text/plain")
    assert len(unread(found)) == 1
    assert any(one.view == "base64" and KEY in one.text for one in found if isinstance(one, Text))


@pytest.mark.parametrize(
    "piece",
    [
        b"<",
        b"<a ",
        b"<!--",
        b"<!-- x>",
        b"<!--><script>",
        b"<style><",
        b"<a title='",
        b'<a b="',
        b"<script>",
        b"<td>",
        b"</",
        b"&#",
        b"<a =",
        b"data:,",
        b'<a b="c>',
        b"<p>1 ",
    ],
)
def test_html_that_repeats_itself(piece: bytes) -> None:
    found = read(piece * (1_000_000 // len(piece)) + KEY.encode(), "text/html")
    assert any(KEY in one.text for one in found if isinstance(one, Text))


@pytest.mark.parametrize(
    "piece",
    [
        b"> ",
        b"=\n",
        b"A" * 30 + b"\n",
        b"1 ",
        b" \n",
        b"begin 644 a\n",
        b"=?u?q?",
        b"a\t",
        b"--b\n",
        b"\r",
        b'<c t="s"',
        b"From: x\n",
    ],
)
def test_text_and_mail_that_repeat_themselves(piece: bytes) -> None:
    flood = piece * (500_000 // len(piece))
    for media in ("text/plain", "message/rfc822"):
        assert any(KEY in one.text for one in read(flood + b" " + KEY.encode(), media) if isinstance(one, Text))
    header = MAIL + b'Subject: x\nContent-Type: multipart/mixed; boundary="b' + flood.replace(b"\n", b"") + b"\n\n" + KEY.encode()
    assert any(KEY in one.text for one in read(header) if isinstance(one, Text))
    document = zipped(**{"[Content_Types].xml": b"<x/>", "word/document.xml": flood + b"<p>" + KEY.encode()})
    assert any(KEY in one.text for one in read(document, "") if isinstance(one, Text))


def raising(part: Part, _limits: Limits) -> Iterator[Text | Part | Unread]:
    yield Text(part.path, "decoded", "before")
    raise RuntimeError(KEY)


def test_reader_that_raises_costs_its_part_only() -> None:
    broken = Reader("broken", "", lambda part: part.media_type == "a/b", raising)
    body = Body(subject="s", parts=(Part("attachment:1", "a/b", b"x"), Part("attachment:2", "text/plain", b"y")))
    found = list(texts(body, [*READERS, broken], Limits()))
    assert [one.text for one in found if isinstance(one, Text)] == ["s", "before", "y"]
    assert unread(found) == ["reader broken failed: RuntimeError"]

    def unsure(part: Part) -> bool:
        raise ValueError(part.path)

    found = list(texts(body, [plain.READER, Reader("unsure", "", unsure, raising)], Limits()))
    assert unread(found) == ["reader unsure failed: ValueError"] * 2
    assert [one.text for one in found if isinstance(one, Text)] == ["s", "x", "y"]


def test_fallback_is_asked_only_where_no_definite_reader_accepts() -> None:
    asked: list[str] = []

    def noted(part: Part) -> bool:
        asked.append(part.path)
        return True

    body = Body(parts=(Part("message", "message/rfc822", MAIL + b"\r\nx"),))
    found = list(
        texts(body, [Reader("opaque", "", noted, raising), Reader("text", "", noted, plain.READER.read), mime.READER], Limits())
    )
    assert asked == ["text/plain"]
    assert [one.text for one in found if isinstance(one, Text)][-1] == "x"


def test_body_passes_its_subject_and_what_is_missing() -> None:
    body = Body("=?utf-8?Q?caf=C3=A9?=", (), (Unread("attachment:a.pdf", "bytes are not in this record"),))
    assert list(texts(body, READERS, Limits())) == [
        Text("header:subject", "decoded", "café"),
        Unread("attachment:a.pdf", "bytes are not in this record"),
    ]


def test_without_a_reader_a_part_is_unread() -> None:
    assert list(texts(Body(parts=(Part("attachment:a", "a/b", b"x"),)), [], Limits())) == [
        Unread("attachment:a", "no reader for a/b")
    ]


def test_big_part_of_a_mail_is_read_to_its_limit() -> None:
    data = MAIL + b'Content-Type: text/plain; name="a.log"\r\n\r\n' + KEY.encode() + b"\nx" * 1000
    found = read(data, limits=Limits(member_bytes=100))
    assert any(KEY in one.text for one in found if isinstance(one, Text))
    assert unread(found) == ["over the limit of 100 bytes a member"]


FRAGMENTS = [
    b"\r\n", b"\n", b"--b\n", b"--b--\n", b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Type: text/html\n", b"\n\n",
    b"Content-Transfer-Encoding: base64\n", b"Content-Type: message/rfc822\n", b"Content-Disposition: attachment; filename*0*=utf-8''%C3\n",
    b"=?utf-8?B?", b"?=", b"Subject: ", b"begin 644 x\n", b"<table><td>", b"<!--", b"PK\x03\x04", b"\x1f\x8b\x08", b"\xff\xfe", b"=\n", b"%PDF",
    b"Content-Transfer-Encoding: quoted-printable\n", b"\x00", b"QUJD" * 8, b"> ", b"&#x41;", b"Content-Type: text/plain; charset=utf-7\n",
]  # fmt: skip
HOSTILE = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=30)), max_size=40).map(b"".join)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    HOSTILE,
    st.sampled_from(["message/rfc822", "text/plain", "text/html", "application/octet-stream", "multipart/mixed", "", "\x00/\n"]),
)
def test_nothing_raises_and_nothing_vanishes(data: bytes, media: str) -> None:
    found = read(data, media)
    assert found
    assert not [reason for reason in unread(found) if "failed" in reason]


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_damaged_archives_never_raise(noise: bytes) -> None:
    good = zipped(a=b"hello " * 40, b=gzip.compress(b"x" * 300))
    at = len(noise) * 7 % len(good)
    for data in (
        good[:at] + noise + good[at:],
        good[:at] + noise,
        gzip.compress(good)[:at] + noise,
        b"ustar".rjust(262, b"a") + noise,
    ):
        found = read(data, "")
        assert found
        assert not [reason for reason in unread(found) if "failed" in reason]


LEAVES = st.tuples(
    st.sampled_from(["plain", "html"]),
    st.sampled_from(["utf-8", "iso-8859-1", "utf-16"]),
    st.sampled_from(["base64", "quoted-printable", "8bit"]),
)


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(st.lists(LEAVES, min_size=1, max_size=5), st.integers(0, 3))
def test_every_part_of_a_proper_mail_is_read(leaves: list[tuple[str, str, str]], nesting: int) -> None:
    message = EmailMessage()
    message["Subject"] = "s"
    message.set_content("first")
    for number, (kind, charset, encoding) in enumerate(leaves):
        text = f"<p>{KEY}{number:03}é</p>" if kind == "html" else f"{KEY}{number:03}é"
        message.add_attachment(
            text, subtype=kind, charset=charset, cte="base64" if charset == "utf-16" else encoding, filename=f"{number}.txt"
        )
    for _ in range(nesting):
        outer = EmailMessage()
        outer.set_content("outer")
        outer.add_attachment(message)
        message = outer
    found = read(message.as_bytes())
    for number in range(len(leaves)):
        assert any(f"{KEY}{number:03}é" in one.text for one in found if isinstance(one, Text))
    assert not unread(found)
