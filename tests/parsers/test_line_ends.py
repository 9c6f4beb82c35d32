"""Every sample of a mail container tells the same with its lines ended in LF, in CRLF, and in CR."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import support

from forensics.model import Defect, Observation, Text, Unread
from forensics.parsers import eml, mbox, mmdf
from forensics.plugins import Parser

PARSERS: dict[str, Parser] = {one.name: one for one in (eml.PARSER, mbox.PARSER, mmdf.PARSER)}
SAMPLES = sorted(place for folder in PARSERS for place in (support.FORMATS / folder).iterdir() if place.is_file())
WIDE = {"wide.eml": "utf-16-le", "wide-without-mark.eml": "utf-16-be"}
ENDS = [b"\n", b"\r\n", b"\r"]


def with_ends(place: Path, end: bytes) -> bytes:
    """The sample with all its lines ended so; the byte count of an .emlx follows its mail."""
    data = place.read_bytes()
    if codec := WIDE.get(place.name):
        return ended(data.decode(codec).encode(), end).decode().encode(codec)
    count = re.match(rb"(\d+)( *)\n", data)
    if not count:
        return ended(data, end)
    text, behind = data[count.end() :][: int(count[1])], data[count.end() :][int(count[1]) :]
    longer = len(ended(text, end)) - len(text)
    return b"%d%s\n" % (int(count[1]) + longer, count[2]) + ended(text, end) + behind


def ended(data: bytes, end: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", end)


def bare(one: Observation) -> tuple[Any, ...]:
    """What an observation says, without its place and its size."""
    return (
        one.kind, one.message_id, one.ids, one.sender, one.envelope_sender, one.subject, one.readings, one.direction, one.header_known,
        one.facts, one.recipients,
    )  # fmt: skip


def told(parser: Parser, data: bytes) -> tuple[list[tuple[Any, ...]], list[str]]:
    return [bare(one) for one in support.observations(parser, data)], [one.reason for one in support.defects(parser, data)]


def bodies(parser: Parser, data: bytes) -> list[tuple[str, bytes, tuple[Text | Unread, ...]]]:
    """Subject, text and losses of every mail's body, its lines in LF."""
    assert parser.body is not None
    read = [
        parser.body(data[one.span.start : len(data) if one.span.end < 0 else one.span.end], one.kind)
        for one in support.observations(parser, data)
    ]
    return [(one.subject, ended(one.parts[0].data, b"\n"), one.unread) for one in read]


def test_there_are_samples_of_every_container() -> None:
    assert {place.parent.name for place in SAMPLES} == set(PARSERS)
    assert len(SAMPLES) >= 25


@pytest.mark.parametrize("end", ENDS, ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("place", SAMPLES, ids=lambda place: f"{place.parent.name}/{place.name}")
def test_a_sample_tells_the_same_however_its_lines_end(place: Path, end: bytes) -> None:
    parser, plain, data = PARSERS[place.parent.name], with_ends(place, b"\n"), with_ends(place, end)
    assert parser.sniff(data[:65536], place.name)
    assert told(parser, data) == told(parser, plain)
    assert told(parser, data)[0] or told(parser, data)[1]
    assert bodies(parser, data) == bodies(parser, plain)


@pytest.mark.parametrize("place", SAMPLES, ids=lambda place: f"{place.parent.name}/{place.name}")
def test_the_golden_is_of_one_of_these(place: Path) -> None:
    parser, data = PARSERS[place.parent.name], place.read_bytes()
    assert told(parser, data) == told(parser, with_ends(place, b"\n"))


@pytest.mark.parametrize("place", SAMPLES, ids=lambda place: f"{place.parent.name}/{place.name}")
def test_every_byte_of_a_sample_is_in_a_record(place: Path) -> None:
    parser, data = PARSERS[place.parent.name], place.read_bytes()
    covered = bytearray(len(data))
    for record in support.read(parser, data):
        span = record.span if isinstance(record, Defect) else record.observation.span  # type: ignore[union-attr]  # no statements
        covered[span.start : span.end] = b"\1" * (span.end - span.start)
    assert covered.count(0) == 0
