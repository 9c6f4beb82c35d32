"""The first answer: every listed form of an indicator is found, its neighbours are not, and block borders change nothing."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import itertools
import json
import os
import quopri
import random
import re
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

import forensics
from forensics.cli import app, console
from forensics.incident import Incident, Indicators
from forensics.pipeline.audit import NoEvidenceError
from forensics.policy import Policy
from forensics.sweep import CONTEXTS, FORMS, Needles, Part, Search, Stream, Wish, answer, cut, examine, memory, scan
from forensics.sweep.blocks import overlapping
from forensics.sweep.scanning import BLOCK, together

RUN = CliRunner()
ADDRESS, DOMAIN = "phan@giftshop.club", "giftshop.club"
NEEDLES = Needles(Indicators(frozenset({ADDRESS}), frozenset({DOMAIN})))
LINE = "Sep 18 10:00:{s:02} mx1 postfix/smtp[9]: {q}: to=<{to}>, relay=none, delay=1, dsn=2.0.0, status=sent (250 ok)\n"
DATED = "2025-09-{d:02}T10:00:00+00:00 mx1 postfix/smtp[9]: 7A64E12D601: to=<{to}>, relay=none, dsn=2.0.0, status=sent (250 ok)\n"
SMALL = 40_000  # bytes of a block that makes many of a small stream


def searched(data: bytes, *, size: int = BLOCK, **wish: Any) -> Stream:
    return scan([data], NEEDLES, Wish(**wish), size=size)


def forms(data: bytes) -> dict[tuple[str, str], int]:
    return {key: one.count for key, one in searched(data).hits.items()}


def domains(data: bytes) -> dict[str, int]:
    return {name: one.count for name, one in searched(data).domains.items()}


def wide(text: str, order: str) -> bytes:
    return text.encode(f"utf-16-{order}")


# --- forms of an indicator


@pytest.mark.parametrize(
    ("data", "form", "names"),
    [
        (b"to=<phan@giftshop.club>,", "plain", {ADDRESS, DOMAIN}),
        (b"PHAN@GiftShop.CLUB", "plain", {ADDRESS, DOMAIN}),
        (b'"phan"@giftshop.club', "plain", {DOMAIN, ADDRESS} - {ADDRESS}),
        (b"phan+x.1@giftshop.club", "plain", {ADDRESS, DOMAIN}),
        (b"relay=mx.giftshop.club[192.0.2.9]:25", "plain", {DOMAIN}),
        (b"other@giftshop.club", "plain", {DOMAIN}),
        (b"xphan@giftshop.club", "plain", {DOMAIN}),
        (b"phan@mail.giftshop.club", "plain", {DOMAIN}),
        (b"write to giftshop.club.", "plain", {DOMAIN}),
        (b"phan=40giftshop=2Eclub", "quoted-printable", {ADDRESS, DOMAIN}),
        (b"=3Cphan=40giftshop.club=3E", "plain", {DOMAIN}),
        (b"phan@gift=\r\nshop.club", "quoted-printable", {ADDRESS, DOMAIN}),
        (b"ph=\nan@giftshop.club", "quoted-printable", {ADDRESS}),
        (b"?to=phan%40giftshop%2eclub&x", "percent", {ADDRESS, DOMAIN}),
        (b'"phan\\u0040giftshop\\u002Eclub"', "json", {ADDRESS, DOMAIN}),
        (b"text\\ngiftshop.club\\n", "plain", {DOMAIN}),
        (b"phan&#64;giftshop&#46;club", "html", {ADDRESS, DOMAIN}),
        (b"phan&#x40;giftshop.club", "html", {ADDRESS}),
        (wide("<Phan@GIFTSHOP.club>", "le"), "utf-16", {ADDRESS, DOMAIN}),
        (wide("<phan+a@giftshop.club>", "be"), "utf-16", {ADDRESS, DOMAIN}),
    ],
)
def test_every_form_is_found(data: bytes, form: str, names: set[str]) -> None:
    found = forms(b"before " + data + b" after\n")
    assert {name for name, how in found if how == form} >= names
    assert set(found.values()) == {1}
    if ADDRESS not in names and b"=40" not in data and b'"' not in data:
        assert not any(name == ADDRESS for name, _ in found)


def test_a_listed_form_is_one_that_the_table_above_proves() -> None:
    proven = {"plain", "quoted-printable", "percent", "json", "html", "utf-16", "base64"}
    assert set(FORMS) == proven


@pytest.mark.parametrize(
    "data",
    [
        b"notgiftshop.club",
        b"gift-giftshop.club",
        b"giftshop.clubs",
        b"giftshop.club-house",
        b"giftshop.club.example",
        b"giftshop.club=2Eexample",
        b"giftshopXclub",
        b"giftshop club",
        b"phan@giftshop",
        wide("notgiftshop.club", "le"),
        wide("giftshop.club.example", "be"),
        wide("giftshop.clubs", "be"),
        base64.b64encode(b"my notgiftshop.club is"),
        base64.b64encode(b"a giftshop.clubs b"),
        base64.b64encode(b"giftshop.club.example"),
    ],
)
def test_a_neighbour_is_no_hit(data: bytes) -> None:
    assert forms(b"before " + data + b" after\n") == {}


@pytest.mark.parametrize("shift", range(6))
@pytest.mark.parametrize("tail", ["", ">", ", and more of it than fits\n" * 9])
def test_base64_at_every_alignment(shift: int, tail: str) -> None:
    text = " " * shift + f"<{ADDRESS}{tail}"
    found = forms(b'"Content": "' + base64.b64encode(text.encode()) + b'"')
    assert found == {(ADDRESS, "base64"): 1, (DOMAIN, "base64"): 1}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("before", range(20, 80))
def test_base64_across_the_line_ends_of_a_body(before: int, end: bytes) -> None:
    text = "x" * (before - 1) + f" {ADDRESS} " + "y" * 100
    body = base64.encodebytes(text.encode()).replace(b"\n", end)
    assert forms(b"Subject: a" + end + end + body) == {(ADDRESS, "base64"): 1, (DOMAIN, "base64"): 1}


def test_a_word_on_the_line_before_does_not_hide_base64() -> None:
    assert forms(b"Note\n" + base64.b64encode(DOMAIN.encode())) == {(DOMAIN, "base64"): 1}


def test_what_cannot_be_seen_is_not_seen_and_is_said() -> None:
    assert forms(quopri.encodestring(b"x").replace(b"x", b"=67iftshop.club")) == {}
    assert forms(base64.b64encode(b"a GIFTSHOP.CLUB b")) == {}
    said = " ".join(forensics.triage(Path(__file__)).data["cannot_see"])
    assert "upper case" in said
    assert "one by one" in said


def test_offsets_are_those_of_the_stream() -> None:
    data = b"a" * 50_000 + b"\n<phan@giftshop.club> " + b"phan@gift=\nshop.club " + b"b" * 50_000
    hits = searched(data, size=SMALL).hits
    assert hits[ADDRESS, "plain"].offsets == [data.index(b"phan@")]
    assert hits[DOMAIN, "plain"].offsets == [data.index(b"giftshop")]
    assert hits[ADDRESS, "quoted-printable"].offsets == [data.index(b"phan@gift=")]


ODD, ODD_DOMAIN = "jörg@xn--bcher-kva.example", "xn--bcher-kva.example"  # the domain is that of bücher.example
ODD_NEEDLES = Needles(Indicators(frozenset({ODD}), frozenset({ODD_DOMAIN})))


@pytest.mark.parametrize(
    ("data", "form", "names"),
    [
        ("jörg@bücher.example".encode(), "plain", {ODD, ODD_DOMAIN}),
        ("JÖRG@BÜCHER.example".encode(), "plain", {ODD, ODD_DOMAIN}),
        ("jo\u0308rg@bücher.example".encode(), "plain", {ODD, ODD_DOMAIN}),
        ("jörg@bücher.example".encode("latin-1"), "plain", {ODD, ODD_DOMAIN}),
        ("jörg+x@xn--bcher-kva.example".encode(), "plain", {ODD, ODD_DOMAIN}),
        (b"j=C3=B6rg@b=C3=BCcher.example", "quoted-printable", {ODD, ODD_DOMAIN}),
        (b"=?utf-8?q?j=c3=b6rg=40b=c3=bccher=2Eexample?=", "quoted-printable", {ODD, ODD_DOMAIN}),
        (b"=?UTF-8?Q?j=C3=B6rg?=@xn--bcher-kva.example", "quoted-printable", {ODD}),
        (b"j=F6rg@xn--bcher-kva.example", "quoted-printable", {ODD}),
        (b"=?UTF-8?B?asO2cmc=?=@xn--bcher-kva.example", "base64", {ODD}),
        (b"j%C3%B6rg%40b%c3%bccher.example", "percent", {ODD, ODD_DOMAIN}),
        (b'"j\\u00f6rg@b\\u00FCcher.example"', "json", {ODD, ODD_DOMAIN}),
        (b"j&#246;rg@xn--bcher-kva.example", "html", {ODD}),
        (b"j=C3=\n=B6rg@xn--bcher-kva.example", "quoted-printable", {ODD}),
        (base64.b64encode("  <jörg@bücher.example>  ".encode()), "base64", {ODD, ODD_DOMAIN}),
        (base64.b64encode("  <jörg@xn--bcher-kva.example>  ".encode()), "base64", {ODD, ODD_DOMAIN}),
        (wide("<JÖRG@bücher.example>", "le"), "utf-16", {ODD, ODD_DOMAIN}),
        (wide("<jörg+a@xn--bcher-kva.example>", "be"), "utf-16", {ODD, ODD_DOMAIN}),
        ("xjörg@bücher.example".encode(), "plain", {ODD_DOMAIN}),
        (b"jorg@xn--bcher-kva.example", "plain", {ODD_DOMAIN}),
        (b"jrg@bcher.example", "", set()),
        ("jörg@bücher.example.test".encode(), "", set()),
        ("jörg@kochbücher.example".encode(), "", set()),
    ],
)
def test_letters_beyond_ascii_are_searched(data: bytes, form: str, names: set[str]) -> None:
    found = scan([b"before " + data + b" after\n"], ODD_NEEDLES).hits
    assert {name for name, how in found if how == form} == names
    assert ODD in names or not any(name == ODD for name, _ in found)


@pytest.mark.parametrize("code", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_name_without_any_ascii_letter_is_found_as_text(code: str) -> None:
    needles = Needles(Indicators(frozenset({"иван@xn--80a1acny.xn--p1ai"})))
    assert len(scan(["до ИВАН@почта.рф после\n".encode(code)], needles).hits) == 1
    assert scan(["до ИВАН@почта.р после\n".encode(code)], needles).hits == {}


# --- pieces in memory


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([b"ab", b"a", b"b", b"\0", b"abab"]), max_size=30),
    st.sampled_from([b"a", b"ab", b"aba", b"abab\0", b"\0"]),
)
def test_places_are_those_that_a_naive_search_finds(pieces: list[bytes], piece: bytes) -> None:
    data = b"".join(pieces)
    naive = [at for at in range(len(data)) if data.startswith(piece, at)]
    assert memory.places(memory.octets(data), piece) == naive
    assert memory._found_by_python(data, piece) == naive


def test_without_a_c_library_the_same_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    data = LINE.format(s=1, q="7A", to=ADDRESS).encode() * 3 + base64.b64encode(b"<phan@giftshop.club>")
    before = plain_result(searched(data))
    monkeypatch.setattr(memory, "_c_search", lambda: None)
    assert plain_result(searched(data)) == before


# --- block borders


PIECES = [
    b"to=<phan@giftshop.club>, ", b"phan=40giftshop=2Eclub", b"gift=\r\nshop.club ", b"giftshop", b".club", b"\n", b" ",
    wide("phan@giftshop.club", "le"), base64.b64encode(b"<phan@giftshop.club>"), base64.encodebytes(b"q" * 50 + b" giftshop.club " + b"z" * 70),
    b'"Recipients": ["a@one.example", "b@two.example"], ', b"\nTo: x@three.example,\n\ty@four.example\n", b"\nRCPT TO:<z@five.example>\n",
    b"2025-09-18 10:00:00 1uyska-000000001Dz-1RvS => e@six.example R=dns\n", b" orig_to=<o@seven.example>", b"x" * 3_000, b"-" * 17_000,
]  # fmt: skip
NUMBERS = st.lists(st.integers(0, len(PIECES) - 1), max_size=40)  # the pieces themselves are too long to be shown


def plain_result(stream: Stream) -> Any:
    hits = {key: (one.count, one.undated, one.offsets) for key, one in stream.hits.items()}
    return hits, {name: one.count for name, one in stream.domains.items()}, stream.size


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.integers(1, 60_000), st.integers(1, 50_000))
def test_blocks_of_any_size_give_the_same(pieces: list[int], size: int, read: int) -> None:
    data = b"".join(PIECES[one] for one in pieces)
    whole = scan([data], NEEDLES, size=len(data) + 1)
    cut = scan((data[at : at + read] for at in range(0, len(data), read)), NEEDLES, size=size)
    assert plain_result(cut) == plain_result(whole)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["phan@giftshop.club", "a@giftshop.club", "GIFTSHOP.club", "b@one.example", "to=<c@two.example>", "xgiftshop.club", "\n", " ", "x" * 9_000]), max_size=60))  # fmt: skip
def test_a_naive_scan_finds_the_same(pieces: list[str]) -> None:
    text = " ".join(pieces)
    found = scan([text.encode()], NEEDLES, size=SMALL)
    naive = [match.start() for match in re.finditer(r"(?<![\w.-])(?:\S+@)?(giftshop\.club)(?![\w.-])", text, re.IGNORECASE)]
    assert sum(one.count for (name, _), one in found.hits.items() if name == DOMAIN) == len(naive)
    assert sum(one.count for (name, _), one in found.hits.items() if name == ADDRESS) == text.count("phan@giftshop.club")
    assert sum(one.count for one in found.domains.values()) == text.count("to=<c@two.example>")


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=500), st.integers(1, 90))
def test_any_bytes_are_searched_to_the_end(data: bytes, times: int) -> None:
    stream = scan([data] * times, NEEDLES, size=SMALL)
    assert stream.size == len(data) * times


def test_the_own_parts_of_blocks_tile_the_stream() -> None:
    data = b"line\n" * 60_000 + b"x" * 200_000
    at = -1
    for block in overlapping([data[i : i + 7_000] for i in range(0, len(data), 7_000)], SMALL):
        assert block.base + block.low == at
        assert block.data[block.low :] == (b"\n" + data)[at + 1 : block.base + 1 + len(block.data)]
        at = block.base + block.high
    assert at == len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"giftshop" * 200_000,
        b"giftshop.club" * 100_000,
        b"to=<" * 300_000,
        b"to=<@@@@" * 150_000,
        b'"To":[' * 200_000,
        b'"To": ["' + b"\\" * 1_000_000,
        b"\nTo:" * 300_000,
        b"\nTo: " + b"a@b.example, " * 100_000,
        b"=\n" * 500_000,
        b"Z2lmdHNob3AuY2x1" * 80_000,
        wide("giftshop.club", "le") * 50_000,
        b"\nSep 18 10:00:00 " * 70_000,
        b"a" * 1_300_000,
    ],
)
def test_hostile_input_takes_linear_time(data: bytes) -> None:

    with affordable(20):
        searched(data)


def test_domains_past_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.sweep.scanning._NAMES", 3)
    stream = searched("".join(LINE.format(s=1, q="7A", to=f"x@d{n}.example") for n in range(10)).encode())
    assert len(stream.domains) == 3
    assert stream.dropped == 7


def test_recipients_put_by_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.sweep.scanning._MEMORY", 3)
    rows = [DATED.format(d=1 + n // 1_000, to=f"x@d{n % 7}.example") for n in range(3_000)]
    stream = searched("".join(rows).encode(), size=SMALL)
    assert sum(one.count for one in stream.domains.values()) == 3_000
    assert {one.first for one in stream.domains.values()} == {datetime(2025, 9, 1, 10, tzinfo=UTC)}


# --- parts of a large file


def shared_out(data: bytes, step: int, **options: Any) -> Stream:
    borders = [*range(0, max(len(data) - step // 4, 1), step), -1]
    parts = [Part(start, stop) for start, stop in itertools.pairwise(borders)]
    return together([scan([data[part.begin :]], NEEDLES, part=part, **options) for part in parts])


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.integers(40_000, 150_000), st.integers(1, 60_000))
def test_parts_come_to_the_whole(pieces: list[int], step: int, size: int) -> None:
    data = b"".join(PIECES[one] * 3 for one in pieces)
    whole, parts = (
        ({key: (hit.count, hit.offsets) for key, hit in one.hits.items()}, plain_result(one)[1:])
        for one in (searched(data), shared_out(data, step, size=size))
    )
    assert parts == whole


@pytest.mark.parametrize("step", [50_000, 65_536, 100_001])
def test_a_log_in_parts_has_the_same_first_times(step: int) -> None:
    rows = [DATED.format(d=1 + n // 200, to=f"x@d{n % 90}.example" if n % 50 else ADDRESS) for n in range(5_000)]
    data = "".join(rows).encode()
    whole, parts = searched(data), shared_out(data, step)
    assert plain_result(parts) == plain_result(whole)
    assert {name: one.first for name, one in parts.domains.items()} == {name: one.first for name, one in whole.domains.items()}
    assert parts.hits == whole.hits
    assert (parts.first, parts.last) == (whole.first, whole.last)


def test_a_list_that_a_border_cuts_is_counted_once() -> None:
    entry = '{"Email": "a@one.example",\n "Name": "x"},\n'
    data = ('{"n": 1}\n' * 5_000 + '"To": [\n' + entry * 100 + "]\n" + '{"n": 1}\n' * 9_000).encode()
    at = data.index(b'"To"')
    for border in range(at + 100, at + 2_000, 300):
        parts = [Part(0, border), Part(border, -1)]
        found = together([scan([data[part.begin :]], NEEDLES, part=part) for part in parts])
        assert found.domains["one.example"].count == searched(data).domains["one.example"].count == 100


def test_only_a_large_plain_file_is_cut(tmp_path: Path) -> None:
    rows = "".join(DATED.format(d=1 + n // 200, to=f"x@d{n % 90}.example" if n % 50 else ADDRESS) for n in range(5_000))
    files = {
        "plain.log": rows.encode(),
        "wide.log": rows.encode("utf-16"),
        "packed.gz": gzip.compress(random.Random(1).randbytes(300_000)),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    known = Incident(indicators=Indicators(frozenset({ADDRESS})))
    wishes = {name: Search(name, tmp_path / name, len(data), known.indicators) for name, data in files.items()}
    cuts = {name: cut(one, 100_000) for name, one in wishes.items()}
    assert [len(one) > 4 for one in cuts.values()] == [True, True, False]
    assert cuts["packed.gz"] == [wishes["packed.gz"]]
    assert all(sum(part.extent for part in cuts[name]) == len(data) for name, data in files.items())
    for name, one in wishes.items():
        whole = answer([examine(one)], known, Policy()).data
        assert answer(map(examine, cuts[name]), known, Policy()).data == whole
        assert whole["streams"] == 1
    assert cut(Search("gone", tmp_path / "gone", 10**9, known.indicators)) == [
        Search("gone", tmp_path / "gone", 10**9, known.indicators)
    ]


# --- recipient domains


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ("to=<a@one.example>, relay=x", ["one.example"]),
        ('to=<"a b"@one.example>,', ["one.example"]),
        ('to=<"a@odd"@one.example>,', ["one.example"]),
        ("to=<a@one.example>,<b@two.example>, ctladdr=x", ["one.example", "two.example"]),
        ("to=<A@ONE.Example>,", ["one.example"]),
        ("x orig_to=<a@one.example>", []),
        ("to=<root>, relay=local", []),
        ("from=<a@one.example>", []),
        ("C: RCPT TO:<a@one.example> NOTIFY=NEVER", ["one.example"]),
        ("rcpt to: <a@one.example>", ["one.example"]),
        ("To: Ann <a@one.example>, b@two.example", ["one.example", "two.example"]),
        ("Cc: a@one.example,\n b@two.example\nX: c@three.example", ["one.example", "two.example"]),
        ("Delivered-To: a@one.example", ["one.example"]),
        ("From: a@one.example\nReply-To: b@two.example", []),
        ('{"Recipient":"a@one.example"}', ["one.example"]),
        ('{"Email" : "a\\u0040one.example"}', ["one.example"]),
        ('{"To": [{"Email": "a@one.example", "Name": "b]"}], "From": "c@three.example"}', ["one.example"]),
        ('{"To": "a@one.example, Bob <b@two.example>", "Cc": "", "Bcc": []}', ["one.example", "two.example"]),
        ('{"Recipients": ["a@one.example", "b@two.example"]}', ["one.example", "two.example"]),
        ('{"Subject": "\\"To\\": \\"a@one.example\\""}', []),
        ("2025-09-18 10:00:00 1uyska-000000001Dz-1RvS => a@one.example R=dnslookup T=smtp", ["one.example"]),
        ("2025-09-18 10:00:00 1uyska-000000001Dz-1RvS -> a <b@two.example> R=dnslookup F=<c@three.example>", ["two.example"]),
        ("2025-09-18 10:00:00 1uyska-000000001Dz-1RvS <= a@one.example H=x", []),
    ],
)
def test_recipients_are_told_by_what_stands_before_them(data: str, names: list[str]) -> None:
    assert sorted(domains(data.encode())) == names
    assert sorted(domains(b"other line\n" + data.encode() + b"\n")) == names
    assert set(domains(data.encode()).values()) <= {1}


@pytest.mark.parametrize("code", ["utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("size", [SMALL, BLOCK])
def test_recipients_and_times_in_utf_16_are_those_of_the_text(code: str, size: int) -> None:
    log = "".join(DATED.format(d=1 + n // 200, to=f"x@d{n % 90}.example" if n % 50 else ADDRESS) for n in range(3_000))
    text = f"To: a@one.example,\n b@two.example\n{log}" + '{"Recipients": ["c@three.example"]}\n'
    plain, found = searched(text.encode()), searched(text.encode(code), size=size)
    assert {name: (one.count, one.first) for name, one in found.domains.items()} == {
        name: (one.count, one.first) for name, one in plain.domains.items()
    }
    hit, known = found.hits[ADDRESS, "utf-16"], plain.hits[ADDRESS, "plain"]
    assert (hit.count, hit.first, hit.last) == (known.count, known.first, known.last)
    assert found.size == len(text.encode(code))


def test_nuls_alone_make_no_utf_16() -> None:
    assert domains(b"\0" * 500 + b"\nTo: a@one.example\n" + b"\0\0" * 500) == {"one.example": 1}
    assert domains("To: a@bücher.example\n".encode("utf-16")) == {"b\ufffdcher.example": 1}


def test_without_recipients_the_hits_are_the_same() -> None:
    data = "".join(DATED.format(d=1 + n, to=ADDRESS if n % 3 else "a@one.example") for n in range(20)).encode()
    alone, both = searched(data, recipients=False), searched(data)
    assert (alone.hits, alone.size, alone.domains) == (both.hits, both.size, {})


def test_every_context_is_listed() -> None:
    assert set(CONTEXTS) == {"log", "rcpt", "exim", "header", "json"}


# --- times


def test_first_and_last_time_come_from_the_lines() -> None:
    rows = [
        DATED.format(d=day, to=to)
        for day, to in ((1, "a@old.example"), (5, ADDRESS), (9, "a@old.example"), (20, "b@new.example"))
    ]
    stream = searched("".join(rows).encode())
    assert stream.hits[ADDRESS, "plain"].first == stream.hits[ADDRESS, "plain"].last == datetime(2025, 9, 5, 10, tzinfo=UTC)
    assert stream.domains["new.example"].first == datetime(2025, 9, 20, 10, tzinfo=UTC)
    assert stream.domains["old.example"].first == datetime(2025, 9, 1, 10, tzinfo=UTC)


def test_a_log_that_runs_backwards_is_dated_all_the_same() -> None:
    rows = [DATED.format(d=day, to=f"x@d{day}.example") * 300 for day in range(28, 0, -1)]
    for name, one in searched("".join(rows).encode(), size=SMALL).domains.items():
        assert one.first == one.last == datetime(2025, 9, int(name[1:-8]), 10, tzinfo=UTC)


def test_long_queue_ids_tell_year_and_zone() -> None:
    ids = [f"4cRgTX{n}RqfzGHdB" for n in range(5)]  # 2025-09-17T14:03:12Z
    opening = "".join(f"Sep 17 16:03:12 mx1 postfix/smtpd[1]: {one}: client=app.acme.example[192.0.2.1]\n" for one in ids)
    line = "Sep 18 10:00:00 mx1 postfix/smtp[9]: X: to=<phan@giftshop.club>, status=sent\n"
    assert searched((opening + line).encode()).hits[ADDRESS, "plain"].first == datetime(2025, 9, 18, 8, tzinfo=UTC)


def test_a_long_queue_id_far_from_the_start_tells_it_too() -> None:
    line = "Sep 17 16:03:{:02} mx1 postfix/smtp[9]: 7A64E12D601: to=<a@one.example>, status=sent\n"
    opening = "Sep 17 16:03:12 mx1 postfix/smtpd[1]: 4cRgTX{}RqfzGHdB: client=app.acme.example[192.0.2.1]\n"
    told_by = "".join(opening.format(n) for n in range(5))
    found = searched(("".join(line.format(n % 60) for n in range(500)) + told_by + line.format(7) * 9).encode())
    assert (found.domains["one.example"].count, found.domains["one.example"].undated) == (509, 0)
    assert found.domains["one.example"].first == datetime(2025, 9, 17, 14, 3, tzinfo=UTC)


def test_a_log_without_years_is_undated_unless_told() -> None:
    data = LINE.format(s=7, q="7A64E12D601", to=ADDRESS).encode()
    unknown = searched(data).hits[ADDRESS, "plain"]
    assert (unknown.count, unknown.undated, unknown.stamp, unknown.first) == (1, 1, "Sep 18 10:00:07", None)
    told = searched(data, year=2025).hits[ADDRESS, "plain"]
    assert (told.undated, told.first, told.slack) == (0, datetime(2025, 9, 18, 10, 0, 7, tzinfo=UTC), 14 * 3600)


@pytest.mark.parametrize(
    "before",
    [
        "From x@a.example Thu Sep 18 10:00:00 2025\nSubject: a\n\n",
        "Date: Thu, 18 Sep 2025 12:00:00 +0200\n\n",
        '{"ReceivedAt": "2025-09-18T06:00:00.0000000-04:00", "x": "',
        '{"__REALTIME_TIMESTAMP":"1758189600000000","MESSAGE":"',
        "@4000000068cbd82a00000000 info msg 1: ",
    ],
)
def test_many_kinds_of_stamp_are_read(before: str) -> None:
    found = searched((before + " phan@giftshop.club").encode()).hits[ADDRESS, "plain"]
    assert found.first == datetime(2025, 9, 18, 10, tzinfo=UTC)


def test_a_record_that_ends_with_its_time_has_one() -> None:
    data = b'{"To": "phan@giftshop.club", "ReceivedAt": "2025-09-18T10:00:00Z"}'
    assert searched(data).hits[ADDRESS, "plain"].first == datetime(2025, 9, 18, 10, tzinfo=UTC)


# --- the whole answer


def told(folder: Path, **options: Any) -> dict[str, Any]:
    found = forensics.triage(folder, incident="postmark-mcp", workers=1, **options)
    assert isinstance(found.data, dict)
    return found.data


def row(data: dict[str, Any], domain: str, room: str = "domains") -> dict[str, Any]:
    (found,) = [one for one in data[room] if one["domain"] == domain]
    assert isinstance(found, dict)
    return found


def test_domains_never_seen_before_the_window_are_told_from_others(tmp_path: Path) -> None:
    rows = [
        DATED.format(d=1, to="a@mail.old.example"),
        DATED.format(d=18, to="b@old.example"),
        DATED.format(d=18, to="c@new.example"),
    ]
    (tmp_path / "mail.log").write_text("".join(rows) + DATED.format(d=19, to="d@mail.acme.example"))
    data = told(tmp_path, policy=Policy(domains=("acme.example",)))
    assert data["compared_with_before_window"]
    assert (row(data, "old.example")["count"], row(data, "old.example")["before_window"]) == (2, "yes")
    assert row(data, "new.example")["before_window"] == "no"
    assert row(data, "acme.example", "own_domains")["own"]
    assert [one["domain"] for one in data["domains"] if one["own"]] == []


def test_an_undated_use_is_no_proof_of_being_new(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(DATED.format(d=1, to="a@old.example") + DATED.format(d=18, to="c@new.example"))
    (tmp_path / "b.log").write_text(LINE.format(s=1, q="7A64E12D601", to="c@new.example"))
    found = row(told(tmp_path), "new.example")
    assert (found["before_window"], found["undated"]) == ("unknown", 1)


def test_without_older_evidence_nothing_is_called_new(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(DATED.format(d=20, to="c@new.example"))
    data = told(tmp_path)
    assert not data["compared_with_before_window"]
    assert row(data, "new.example")["before_window"] == "unknown"


def test_an_indicator_below_a_shared_domain_stands_apart(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(DATED.format(d=18, to="x@drop.shared.example") + DATED.format(d=18, to="y@shared.example"))
    incident = Incident(indicators=Indicators(domains=frozenset({"drop.shared.example"})))
    data = forensics.triage(tmp_path, incident=incident, workers=1).data
    assert [(one["domain"], one["indicator"]) for one in data["domains"]] == [
        ("drop.shared.example", True),
        ("shared.example", False),
    ]


def test_packed_evidence_is_searched_and_damage_is_said(tmp_path: Path) -> None:
    text = LINE.format(s=1, q="7A64E12D601", to=ADDRESS).encode()
    packed = gzip.compress(text)
    (tmp_path / "mail.log.1.gz").write_bytes(packed)
    (tmp_path / "mail.log.2.bz2").write_bytes(bz2.compress(text))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(text + bytes(range(256)) * 90)[:-20])
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("in/mail.log.gz", packed)
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        entry = tarfile.TarInfo("box/mail.log")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    (tmp_path / "all.tgz").write_bytes(held.getvalue())
    (tmp_path / "empty.log").write_bytes(b"")
    data = told(tmp_path)
    base = tmp_path.name
    paths = {one["path"].removeprefix(f"{base}/") for one in data["hits"] if one["indicator"] == ADDRESS}
    assert paths == {"mail.log.1.gz", "mail.log.2.bz2", "cut.gz", "all.zip/in/mail.log.gz", "all.tgz/box/mail.log"}
    assert {one["path"].removeprefix(f"{base}/") for one in data["unread"]} == {"cut.gz", "empty.log"}


def test_any_number_of_workers_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (tmp_path / f"{number}.log").write_text(DATED.format(d=number + 1, to=ADDRESS) * (number + 1))
    alone = told(tmp_path)
    monkeypatch.setattr("forensics.pipeline.api._ALONE", 0)
    assert forensics.triage(tmp_path, incident="postmark-mcp", workers=2).data == alone


def test_a_large_file_is_shared_out_and_the_answer_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [DATED.format(d=1 + n // 200, to=f"x@d{n % 90}.example" if n % 50 else ADDRESS) for n in range(5_000)]
    (tmp_path / "mail.log").write_text("".join(rows))
    whole = told(tmp_path)
    monkeypatch.setattr("forensics.pipeline.api.cut", lambda one: cut(one, 100_000))
    monkeypatch.setattr("forensics.pipeline.api._ALONE", 0)
    for workers in (1, 2):
        assert forensics.triage(tmp_path, incident="postmark-mcp", workers=workers).data == whole


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(NoEvidenceError, match="0 bytes"):
        forensics.triage(tmp_path)


def test_without_an_incident_only_domains_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(DATED.format(d=20, to=ADDRESS))
    found = forensics.triage(tmp_path)
    assert (found.hits, found.data["indicators"]) == (0, [])
    assert row(found.data, DOMAIN)["count"] == 1


# --- the command


def test_json_is_all_of_stdout(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(DATED.format(d=20, to=ADDRESS))
    result = RUN.invoke(app, ["triage", str(tmp_path), "--incident", "postmark-mcp", "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    data = json.loads(result.stdout)
    assert data["schema_version"] == 1
    assert {one["count"] for one in data["hits"]} == {1}
    assert result.stdout.isascii()


def test_without_the_histogram_only_indicators_are_sought(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(DATED.format(d=20, to=ADDRESS) + DATED.format(d=20, to="a@new.example"))
    words = ["triage", str(tmp_path), "--incident", "postmark-mcp"]
    alone, both = (json.loads(RUN.invoke(app, [*words, *more]).stdout) for more in (["--no-histogram", "--json"], ["--json"]))
    assert alone["hits"] == both["hits"]
    assert (alone["domains"], alone["contexts_searched"], list(alone)) == ([], {}, list(both))
    assert "Recipient domains were not counted." in RUN.invoke(app, [*words, "--no-histogram"]).stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [(["{}/nowhere"], 10), (["{}", "--incident", "no-such"], 2), (["{}", "--workers", "0"], 2), (["{}"], 0)],
)
def test_the_exit_code_says_how_it_went(words: list[str], code: int, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(DATED.format(d=20, to=ADDRESS))
    assert RUN.invoke(app, ["triage", *(word.format(tmp_path) for word in words)]).exit_code == code


def shown(*words: str, width: int = 80) -> list[str]:
    result = RUN.invoke(app, ["triage", *words], env={"COLUMNS": str(width)})
    assert result.exit_code == 0
    return result.stdout.splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_the_first_line_is_the_answer(tmp_path: Path, width: int) -> None:
    log = tmp_path / "log"
    log.mkdir()
    (log / "mail.log").write_text(DATED.format(d=1, to="a@old.example") + DATED.format(d=18, to=ADDRESS) * 2)
    (log / "mail.log.1").write_text(DATED.format(d=19, to="b@new.example"))
    lines = shown(str(log), "--incident", "postmark-mcp", width=width)
    assert lines[0] == "1 of 2 files name an indicator, 2025-09-18 to 2025-09-18."
    assert lines[1:3] == ["  giftshop.club: 2 places in 1 file", "  phan@giftshop.club: 2 places in 1 file"]
    assert "never seen before the window: 1 (new.example)" in " ".join(lines)
    assert any(line.startswith("new.example ") and line.rstrip().endswith("NEVER") for line in lines)
    assert any(line.startswith("In use before the window: 1 domains: old.example (1)") for line in lines)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(
    ("text", "incident", "first", "second"),
    [
        (
            DATED.format(d=18, to="b@x.example"),
            True,
            "No file names an indicator (1 searched). This is no proof",
            "Which recipient",
        ),
        (DATED.format(d=18, to=ADDRESS), False, "No indicator was named", "Which recipient"),
        (
            LINE.format(s=1, q="7A", to=ADDRESS),
            True,
            "1 of 1 files name an indicator, at no time that is known.",
            "  giftshop.club",
        ),
    ],
)
def test_what_is_not_known_is_said_first(text: str, incident: bool, first: str, second: str, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(text)
    lines = shown(str(tmp_path), *(("--incident", "postmark-mcp") if incident else ()))
    assert lines[0].startswith(first)
    assert lines[1].startswith(second)


def test_the_form_of_the_json_is_documented_and_stable(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(DATED.format(d=1, to="a@old.example") + DATED.format(d=18, to=ADDRESS))
    data = json.loads(RUN.invoke(app, ["triage", str(tmp_path), "--incident", "postmark-mcp", "--json"]).stdout)
    told_of = " ".join(RUN.invoke(app, ["triage", "--help"], env={"COLUMNS": "200"}).stdout.split())
    assert list(data) == [
        "schema_version", "incident", "window", "indicators", "forms_searched", "contexts_searched", "streams", "bytes", "hits",
        "compared_with_before_window", "domains", "own_domains", "recipients_not_kept", "unread", "cannot_see",
    ]  # fmt: skip
    seen = ["count", "undated", "stamp", "first_seen", "last_seen", "slack_seconds", "before_window"]
    assert list(data["hits"][0]) == ["path", "indicator", "form", *seen, "offsets"]
    assert list(data["domains"][0]) == ["domain", *seen, "own", "indicator", "names"]
    assert [key for key in (*data, *data["hits"][0], *data["domains"][0]) if key not in told_of] == []


def test_there_is_no_bar_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "talk", Console(file=io.StringIO(), stderr=False, force_terminal=False))
    with console.watching_late() as watcher:
        assert isinstance(watcher, console.Quiet)


BAR = """
import sys, time
from forensics.cli import console
with console.watching_late() as watcher:
    watcher.step("Searching evidence", 10)
    watcher.advance(5)
    time.sleep(float(sys.argv[1]))
print("end")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize(("seconds", "is_shown"), [("0.2", False), ("3", True)])
def test_a_bar_comes_after_two_seconds_on_a_terminal(seconds: str, is_shown: bool) -> None:
    mine, theirs = os.openpty()
    with os.fdopen(mine, "rb", buffering=0) as screen:
        command = [sys.executable, "-c", BAR, seconds]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, env=os.environ | {"TERM": "xterm"}, check=True)
        os.set_blocking(mine, False)
        seen = screen.read() or b""
        os.close(theirs)
    assert done.stdout == b"end\n"
    assert (b"Searching evidence" in seen and b"50%" in seen) == is_shown


def test_the_screen_is_harmless_and_says_what_was_not_seen(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31m[bold]odd.log").write_text(DATED.format(d=20, to="x@\u202egnp.[red]evil.example") + ADDRESS)
    result = RUN.invoke(app, ["triage", str(tmp_path), "--incident", "postmark-mcp"])
    assert result.exit_code == 0
    assert "\x1b[31m" not in result.stdout
    assert "\u202e" not in result.stdout
    assert "What such a search cannot see" in result.stdout
    assert "1 of 1 files" in result.stdout


def test_silence_is_not_called_innocence(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(DATED.format(d=20, to="x@one.example"))
    assert "no proof" in RUN.invoke(app, ["triage", str(tmp_path), "--incident", "postmark-mcp"]).stdout
