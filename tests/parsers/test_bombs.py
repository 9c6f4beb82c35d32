"""Evidence made to exhaust whoever reads it: every reader of mail ends, holds little, and says what it left out."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from forensics.content import texts
from forensics.evidence import Item, Member, MemberSource, Problem, frames, hashed, members
from forensics.model import Defect, Fragment, Limits, Observation, Role, Span, Text, Unread
from forensics.parsers import eml, mbox, mmdf
from forensics.pipeline.first_pass import identify, parsers
from forensics.plugins import Parser, Reader, discover

X = "archive@collector.example"
BLIND = f"Bcc: {X}\n".encode()
HEAD = b"From: ann@corp.example\nTo: bob@partner.example\n"
FROM = b"From ann@corp.example Thu Sep 18 10:00:00 2025\n"
LINE = b"\x01\x01\x01\x01\n"
PARSERS = [mbox.PARSER, mmdf.PARSER, eml.PARSER]
ABOVE = {"mbox": FROM, "mmdf": LINE, "eml": b""}
BEHIND = {"mbox": FROM + HEAD + BLIND + b"\n", "mmdf": LINE + LINE + HEAD + BLIND + b"\nlast\n" + LINE, "eml": b""}
CUT = "the header block is longer than 1 MiB; the rest of it was not read"
HELD = 16 << 20  # bytes that reading may hold, whatever the evidence
named = pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)


@dataclass(frozen=True)
class Streamed:
    """Evidence that never lies in memory as a whole: pieces, each so many times over."""

    pieces: tuple[tuple[bytes, int], ...]
    span: Span = field(default_factory=lambda: Span("e" * 16, "", 0, -1))
    name: str = "sample"

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        skip = start or 0
        for piece, times in self.pieces:
            for _ in range(times):
                if skip < len(piece):
                    yield piece[skip:]
                skip = max(skip - len(piece), 0)


def streamed(*pieces: bytes | tuple[bytes, int]) -> Streamed:
    return Streamed(tuple((one, 1) if isinstance(one, bytes) else one for one in pieces))


def read(parser: Parser, *pieces: bytes | tuple[bytes, int]) -> tuple[list[Observation], list[Defect]]:
    """What is read of a stream."""
    records = list(parser.read(streamed(*pieces)))
    return [one.observation for one in records if isinstance(one, Fragment)], [one for one in records if isinstance(one, Defect)]


@contextmanager
def little_held(most: int = HELD) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
        assert peak < most, f"{peak:,} bytes held"
    finally:
        tracemalloc.stop()


def blind(one: Observation) -> list[str]:
    return [recipient.address for recipient in one.recipients if recipient.role == Role.BCC]


# --- one header block --------------------------------------------------------------------------------------------------------

RECIPIENTS = b"Cc: " + b",\n ".join(b"u%d@a.example" % number for number in range(200_000)) + b"\n"
BCCS = b"".join(b"Bcc: u%d@a.example\n" % number for number in range(200_000))


@named
@pytest.mark.parametrize("flood", [RECIPIENTS, BCCS], ids=["in one header", "in headers of their own"])
def test_200_000_recipients_are_read_to_the_bound_and_told(parser: Parser, flood: bytes) -> None:
    found, defects = read(parser, ABOVE[parser.name] + BLIND + HEAD + flood, b"\nbody\n" + BEHIND[parser.name])
    named_here = [one.address for one in found[0].recipients]
    assert {X, "bob@partner.example", "u0@a.example", "u40000@a.example"} <= set(named_here)
    assert 45_000 < len(named_here) == len(set(named_here)) < 60_000
    assert not found[0].header_known
    assert [one.reason for one in defects] == [CUT]
    assert [blind(one) for one in found[1:]] == ([] if parser is eml.PARSER else [[X]])


@named
@pytest.mark.parametrize(
    "flood", [((b"X-Pad: " + b"x" * 993 + b"\n") * 50, 1000), (b"x" * 100_000, 500)], ids=["50 MB of headers", "a line of 50 MB"]
)
def test_a_header_block_of_50_mb_is_passed_over_and_told(parser: Parser, flood: tuple[bytes, int]) -> None:
    top, late = ABOVE[parser.name] + BLIND + HEAD + b"X-Pad: ", b"\nCc: late@a.example\n\nbody\n"
    with little_held():
        found, defects = read(parser, top, flood, late + BEHIND[parser.name])
    assert (blind(found[0]), found[0].header_known) == ([X], False)
    assert "late@a.example" not in {one.address for one in found[0].recipients}
    assert [(one.reason, one.span) for one in defects] == [(CUT, found[0].span)]
    closing = len(LINE) if parser is mmdf.PARSER else 0
    assert found[0].span.end == len(top) + len(flood[0]) * flood[1] + len(late) + closing
    assert [blind(one) for one in found[1:]] == ([] if parser is eml.PARSER else [[X]])


@named
@pytest.mark.parametrize(
    "flood",
    [
        b"To: " + b" ".join([b"=?utf-8?q?a=40b?="] * 50_000) + b" <x@a.example>\n",
        b"Subject: " + b"\n ".join([b"=?utf-8?b?QUJD?="] * 50_000) + b"\n",
        b"Cc: " + b"(" * 200_000 + b"\n",
        b"Cc: " + b"<" * 200_000 + b"\n",
        b"Cc: " + b'"' * 199_999 + b"\n",
        b"Cc: " + b"," * 200_000 + b"\n",
        b"Cc: " + b"g:;" * 70_000 + b"\n",
        b"Cc: " + b"a@" * 100_000 + b"\n",
        b"Received: " + b" for <a" * 100_000 + b"\n",
        b"Received: from a by b for <a@a.example>; Thu, 18 Sep 2025 12:00:00 +0200\n" * 12_000,
        b"Date: " + b"(" * 900_000 + b"\n",
        b"Message-ID: <" + b"a" * 900_000 + b"@x>\n",
        b"X-Gmail-Labels: " + b"a," * 400_000 + b"\n",
        b"prose\n" * 150_000,
        b">From x\n" * 110_000,
        b"X: " + b"\r" * 900_000 + b"\n",
        b"X: " + b"\0" * 900_000 + b"\n",
    ],
    ids=[
        "50,000 words in To", "50,000 words in Subject", "200,000 (", "200,000 <", "199,999 quotes", "200,000 commas", "70,000 groups",
        "100,000 @", "100,000 for", "12,000 Received", "comments in Date", "a long Message-ID", "400,000 labels", "lines without colon",
        "quoted From_ lines", "CR", "NUL",
    ],
)  # fmt: skip
def test_a_hostile_header_hides_no_other(parser: Parser, flood: bytes) -> None:
    found, defects = read(parser, ABOVE[parser.name] + HEAD + flood, BLIND + b"\nbody\n" + BEHIND[parser.name])
    assert X in blind(found[0])
    assert found[0].sender == "ann@corp.example"
    assert found[0].header_known
    assert defects == []
    assert len(found[0].recipients) < 10


# --- separators --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_million_from_lines_without_headers_are_one_mail() -> None:
    top = FROM + HEAD + BLIND + b"\nbody\n"
    found, told = 0, Counter[str]()
    for record in mbox.PARSER.read(streamed(top, (FROM * 1000, 1000), b"\n" + FROM + HEAD + BLIND + b"\n")):
        if isinstance(record, Fragment):
            found += 1
            assert blind(record.observation) == [X]
        elif isinstance(record, Defect):
            told[record.reason] += 1
    assert found == 2
    assert sum(told.values()) == 101
    assert all("ambiguous separator" in reason for reason in told)


def test_separator_lines_of_mmdf_without_number_are_told_up_to_a_bound() -> None:
    for flood in (LINE * 1000, (LINE + b"prose\n") * 500):
        found, defects = read(
            mmdf.PARSER, LINE + HEAD + BLIND + b"\nbody\n", (flood, 100), LINE + LINE + HEAD + BLIND + b"\n" + LINE
        )
        assert [blind(one) for one in found] == [[X], [X]]
        assert len(defects) == 101


def test_a_million_separators_inside_one_mail_are_told_up_to_a_bound() -> None:
    for flood in (b"From x\nTo: x@a.example\n\n" * 1000, b"From x\n" * 1000):
        found, defects = read(eml.PARSER, HEAD + BLIND + b"\nbody\n", (flood, 1000))
        assert [blind(one) for one in found] == [[X]]
        assert len(defects) == (101 if b"To" in flood else 0)


def test_ten_million_control_characters_are_no_separators() -> None:
    found, _ = read(mmdf.PARSER, LINE + HEAD + BLIND + b"\nbody\n", (b"\x01" * 100_000, 100), b"\n" + LINE)
    assert [blind(one) for one in found] == [[X]]


# --- bodies ------------------------------------------------------------------------------------------------------------------


@named
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_a_body_of_200_mb_is_passed_through(parser: Parser, end: bytes) -> None:
    top = (ABOVE[parser.name] + HEAD + BLIND + b"\n").replace(b"\n", end)
    body = (b"QUJD" * 18 + end) * 2500
    with little_held():
        found, defects = read(parser, top, (body, 200_000_000 // len(body)), BEHIND[parser.name].replace(b"\n", end))
    assert blind(found[0]) == [X]
    assert found[0].size >= 199_000_000
    assert defects == []
    assert [blind(one) for one in found[1:]] == ([] if parser is eml.PARSER else [[X]])


def nested(levels: int, inside: bytes) -> bytes:
    head = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (level, level) for level in range(levels))
    return HEAD + BLIND + head + b"Content-Type: text/plain\n\n" + inside


@named
def test_ten_thousand_nested_multiparts_end_in_both_passes(parser: Parser) -> None:
    key = b"Kx9fT2vLq8ZrW3nB"
    data = ABOVE[parser.name] + nested(10_000, key) + b"\n"
    found, _ = read(parser, data)
    assert [blind(one) for one in found] == [[X]]
    assert parser.body is not None
    readers: list[Reader] = [one.plugin for one in discover("content") if one.plugin is not None and one.name != "pdf"]
    told = list(texts(parser.body(data, found[0].kind), readers, Limits()))
    assert any(key.decode() in one.text for one in told if isinstance(one, Text))
    assert [one.reason for one in told if isinstance(one, Unread)]


# --- packed ------------------------------------------------------------------------------------------------------------------


def opened(folder: Path, content: bytes) -> Item:
    place = folder / "evidence.bin"
    place.write_bytes(content)
    item = hashed(place.name, place)
    assert isinstance(item, Item)
    return item


def counted(item: Item) -> tuple[int, int, Counter[str]]:
    """Mails, bytes in them, and reasons of all defects by number, of whatever an item holds."""
    mails, size, reasons = 0, 0, Counter[str]()
    for member in members(item):
        if isinstance(member, Problem):
            reasons[member.reason] += 1
            continue
        source = MemberSource(Span(item.id, member.name, 0, -1), member)
        head = next(source.blocks(), b"")
        name, problem = identify(head[:65536], source.name)
        if problem:
            reasons[problem] += 1
            continue
        for record in parsers()[name].read(source):
            if isinstance(record, Fragment):
                mails, size = mails + 1, size + record.observation.size
            elif isinstance(record, Defect):
                reasons[record.reason] += 1
        reasons.update(reason for _, reason in dict.fromkeys(source.problems))
    return mails, size, reasons


def zipped(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def inflating(top: bytes, blocks: int) -> bytes:
    """Gzip of so many MiB in about a thousandth of that."""
    packer = zlib.compressobj(9, wbits=31)
    block = b"\n" * (1 << 20)
    return b"".join([packer.compress(top), *(packer.compress(block) for _ in range(blocks)), packer.flush()])


@pytest.mark.slow
def test_a_gigabyte_in_a_megabyte_is_read_and_one_more_block_is_not(tmp_path: Path) -> None:
    item = opened(tmp_path, inflating(FROM + HEAD + BLIND + b"\n", 1040))
    with little_held():
        mails, size, reasons = counted(item)
    assert item.size < 1_100_000
    assert mails == 1
    assert 1 << 30 <= size + len(FROM) <= (1 << 30) + (2 << 20)
    assert reasons == {"decompression stopped: more than 1000 times the size of the file": 1}


@named
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice packed"])
def test_a_gzip_bomb_ends_at_its_bound(parser: Parser, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_RATIO_FROM", 16 << 20)
    bomb = inflating(ABOVE[parser.name] + HEAD + BLIND + b"\n", 64)
    item = opened(tmp_path, bomb if times == 1 else gzip.compress(bomb))
    with little_held():
        mails, size, reasons = counted(item)
    assert mails == 1
    assert size <= max(16 << 20, 1000 * item.size) + (2 << 20)
    assert reasons["decompression stopped: more than 1000 times the size of the file"] == (size < 64 << 20)


def test_archives_that_multiply_end_at_the_bound_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_RATIO_FROM", 64 << 20)
    mail = FROM + HEAD + BLIND + b"\n" + b"\0" * (3 << 20)
    packed = zipped(*((str(number), mail) for number in range(16)))
    for _ in range(2):
        packed = zipped(*((str(number), packed) for number in range(16)))
    mails, size, reasons = counted(opened(tmp_path, packed))  # 4,096 x 3 MB, in some 20 kB
    assert 0 < mails <= 22
    assert size <= 64 << 20
    assert reasons["unpacking stopped: the members come to more than 1000 times the size of the file"] > 100


def test_a_zip_in_a_zip_in_a_zip_has_an_end(tmp_path: Path) -> None:
    packed = HEAD + BLIND + b"\n"
    for _ in range(40):
        packed = zipped(("a.zip", packed))
    assert counted(opened(tmp_path, packed)) == (0, 0, {"an archive nested more than 3 deep: not opened": 1})


def tarred(count: int, content: bytes) -> bytes:
    """Many members of one content, written by hand: tarfile takes a minute for them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("mail")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        one = out.getvalue()[: -(-(archive.offset) // 512) * 512]
    return one * count + b"\0" * 1024


@pytest.mark.slow
def test_a_tar_of_more_than_100_000_mails_is_read_up_to_that(tmp_path: Path) -> None:
    item = opened(tmp_path, gzip.compress(tarred(100_010, HEAD + BLIND + b"\n"), 1))
    found = Counter(type(one).__name__ if isinstance(one, Member) else one.reason for one in members(item))
    assert found == {"Member": 100_000, "more than 100000 members: the rest is not read": 1}


def test_a_tar_of_many_small_mails_keeps_them_all(tmp_path: Path) -> None:
    mails, _, reasons = counted(opened(tmp_path, tarred(3000, HEAD + BLIND + b"\n")))
    assert (mails, reasons) == (3000, {})
