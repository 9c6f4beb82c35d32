"""Laws of decoding: what a short cut finds is what the plain definition finds, on any text."""

from __future__ import annotations

import base64
import quopri
import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forensics import decoding
from forensics.content import mime, opaque, texts
from forensics.content import text as plain
from forensics.decoding import signature
from forensics.model import Body, Limits, Part, Text, Unread
from forensics.views import joined

KEY = "Kx9fT2vLq8ZrW3nB"
READERS = [mime.READER, opaque.READER, plain.READER]
TOP = b"From: a@a.example\nMIME-Version: 1.0\n"

PIECES = [
    "\n", "\r\n", "\n\n", " \n", "=\n", "\t\n", "\u00a0\n", " ", "> ", ">", ">\t", "\n>", "\n> > ", "\n >", "abc", "aB", "a1", "Hello,", "word", "--", "-- ", "x=",
    "A1b2" * 12, "*" * 70, "https://app.example/" + "a" * 50, "ends.", "é", "\u2003", "\x1c", "\x0b", "\x85", "\x00", "BEGIN:", "lorem ipsum dolor sit " * 4,
]  # fmt: skip
PROSE = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def read(data: bytes, media: str = "message/rfc822") -> list[Text | Unread]:
    path = "message" if media == "message/rfc822" else "attachment:a"
    return list(texts(Body(parts=(Part(path, media, data),)), READERS, Limits()))


def views(text: str, view: str) -> list[str]:
    return [one.text for one in read(text.encode("utf-8", "replace"), "text/plain") if isinstance(one, Text) and one.view == view]


def joined_line_by_line(text: str, *, everywhere: bool) -> str:
    """What `joined` promises, read off line after line."""
    text = re.sub(r"(?m)^[ \t]?(?:>[ \t]?){1,40}", "", text) if ">" in text else text
    if text[:400].lstrip()[:6].upper() == "BEGIN:":
        return re.sub(r"\r?\n[ \t]", "", text)
    lines = text.split("\n")
    out = [lines[0]]
    for above, below in pairwise(lines):
        if runs_on(above.removesuffix("\r"), below, everywhere=everywhere):
            out[-1] = out[-1].rstrip() + below.lstrip()
        else:
            out.append(below)
    return "\n".join(out)


def runs_on(above: str, below: str, *, everywhere: bool) -> bool:
    if not (everywhere or len(above) >= 60 or above.endswith((" ", "="))):
        return False
    tokens = [*above[-200:].split()[-1:], *below[:200].split()[:1]]
    if len(tokens) < 2 or any(not re.fullmatch(r"[!-~]{3,}", one) or one.startswith("--") for one in tokens):
        return False
    left, right = tokens
    if left[-1] in ".,;:!?)>]}'\"" and "://" not in left:
        return False
    looks = re.compile(r"[0-9_+/=%&]|[a-z][A-Z]|[A-Z]{2}")
    solid = len(left) >= 40 and left == above.strip() and not re.search(r'[",;|<>{}]', left)  # a row of cells is no key
    return solid or bool(looks.search(left) and looks.search(right))


@pytest.mark.property
@settings(max_examples=600, deadline=None)
@given(PROSE, st.booleans())
@example("*" * 70 + "\nfoo bar", False)
@example("A1b2" * 12 + "  \r\nword", False)
@example(">\t> " + "a1 " * 30 + "\n> > b2", False)
def test_joined_is_what_a_look_at_every_line_end_gives(text: str, everywhere: bool) -> None:
    assert joined(text, everywhere=everywhere) == joined_line_by_line(text, everywhere=everywhere)


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(PROSE)
def test_closed_is_what_the_pattern_gives(text: str) -> None:
    spaced = re.compile(r"(?<![^\s:=(])[0-9A-Za-z](?:[ \t\u00a0][0-9A-Za-z]){3,40}(?![^\s.,;)])")
    text += " k 1\t2 3 4\u00a05 "
    folded = [*views(text, "folded"), text][0]
    assert views(text, "closed")[0].split() == spaced.sub(lambda run: re.sub(r"[ \t\u00a0]", "", run[0]), folded).split()


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(PROSE, st.sampled_from([": ", ", ", "('", "é"]), st.text("abcXYZ123 .,:", min_size=20, max_size=300), st.integers(0, 3))
def test_base64_is_found_wherever_it_stands(text: str, before: str, hidden: str, label: int) -> None:
    if text[:400].lstrip()[:6].upper() == "BEGIN:":
        return  # unfolded, as calendars are
    run = base64.b64encode(f"{KEY} {hidden}".encode()).decode().rstrip("=")
    shown = views(f"{text}{before}{'/' * label}{run}. And so on.", "base64")
    assert KEY in "".join(shown)


@pytest.mark.parametrize("near_miss", ["a" * 400, "1" * 400, "QUJD" * 5 + "QUJ", " ".join(["QUJDQUJDQUJDQUJD"] * 9)])
def test_what_is_no_base64_is_not_decoded(near_miss: str) -> None:
    assert views(near_miss, "base64") == []


@pytest.mark.parametrize("text", ["a=3 b=20 c=30", "x=41=42", "?a=41&b=42=43", "1==2 ==", "=\n=\n"])
def test_what_is_no_quoted_printable_is_not_decoded(text: str) -> None:
    assert views(text, "quoted-printable") == []


def leaf(data: bytes, width: int, ends: bytes, *, padded: bool = True) -> bytes:
    coded = base64.b64encode(data)
    coded = coded if padded else coded.rstrip(b"=")
    return ends.join(coded[i : i + width] for i in range(0, len(coded), width)) + ends


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=400), st.integers(1, 100), st.sampled_from([b"\n", b"\r\n", b" \n", b"\t\r\n"]), st.booleans(), st.integers(1, 40)
)  # fmt: skip
def test_base64_is_undone_on_any_lines_in_any_pieces(data: bytes, width: int, ends: bytes, padded: bool, chunk: int) -> None:
    coded = leaf(data, width, ends, padded=padded)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mime, "_CHUNK", chunk)
        assert mime._undone(coded, 0, len(coded), "base64", len(coded)) == (data, False)


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([b"QUJD", b"Q", b"=", b"==", b"\n", b"\r", b" ", b"*", b"\xe9", b"-_"]), max_size=20).map(b"".join),
    st.integers(1, 30),
)
@example(b"*", 1)
def test_broken_base64_reads_the_same_in_pieces_as_in_one(coded: bytes, chunk: int) -> None:
    whole = mime._undone(coded, 0, len(coded), "base64", len(coded))
    assert whole[1] == bool(coded.strip(b"") and re.search(rb"[^A-Za-z0-9+/=\s]", coded))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mime, "_CHUNK", chunk)
        assert mime._undone(coded, 0, len(coded), "base64", len(coded)) == whole


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 60))
def test_quoted_printable_reads_the_same_in_pieces(data: bytes, chunk: int) -> None:
    coded = quopri.encodestring(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mime, "_CHUNK", chunk)
        assert mime._undone(coded, 0, len(coded), "quoted-printable", len(coded)) == (quopri.decodestring(coded), False)


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"a: b", b"\n", b"\r\n", b"\r", b" c"]), max_size=12).map(b"".join))
@example(b"F")
def test_header_ends_at_the_first_empty_line(data: bytes) -> None:
    empty = re.search(rb"(?:\A|\n)\r?(?:\n|\Z)", data)
    assert mime._header_end(data, 0, len(data)) == ((empty.start(), empty.end()) if empty else (len(data), len(data)))


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"--b", b"--b--", b"\n", b"\r\n", b" ", b"\t", b"x", b"-"]), max_size=14).map(b"".join))
def test_boundary_is_a_line_of_its_own(data: bytes) -> None:
    lines = re.finditer(rb"(?:\A|\n)--b(--)?[ \t]{0,80}\r?(?=\n|\Z)", data)
    found = mime._boundary_lines(data, 0, len(data), b"--b")
    assert found == [(line.start(), line.end(), bool(line[1])) for line in lines]


@pytest.mark.parametrize(("at", "magic", "family"), decoding._MAGIC)
def test_every_signature_is_known(at: int, magic: bytes, family: str) -> None:
    assert signature(b"a" * at + magic + b"\x00" * 300) == family
    assert not signature(b"ab" + b"a" * at + magic + b"a" * 300)


@pytest.mark.parametrize(
    ("data", "family"),
    [(b"MZ\x00", "executable"), (b"BM\x00", "image"), (b"MZ in prose", ""), (b"", ""), (b"x" * 9 + b"%PDF-1", "pdf")],
)
def test_signatures_that_need_a_second_look(data: bytes, family: str) -> None:
    assert signature(data) == family


def test_unfolded_headers_keep_every_field_in_order() -> None:
    data = b"Subject: a\r\n\tb\r\nX-One: 1\r\n  2\r\n>content-type: text/html\r\nSUBJECT : c\r\n\r\nx"
    found = {(one.part, one.text) for one in read(data) if isinstance(one, Text) and one.view in {"decoded", "unfolded"}}
    assert ("header:subject", "a\tb") in found
    assert ("headers", "Subject: a\tb\nX-One: 1  2\n>content-type: text/html\nSUBJECT : c") in found
    assert ("header:subject", "c") in found
    assert any(part == "text/html" for part, _ in found)


def test_long_base64_run_may_begin_in_wide_letters() -> None:
    hidden = (KEY * 200).encode("utf-16-le") + b"\x00a" * 20_000
    assert KEY in "".join(views(base64.b64encode(hidden).decode(), "base64"))
