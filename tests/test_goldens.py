"""Every sample of every format against its golden file, whole and cut anyhow, with LF and CRLF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import FORMATS, GOLDEN, assembled, golden_text, read

from forensics.model import Defect, Fragment, Observation
from forensics.plugins import Parser, discover

PARSERS: dict[str, Parser] = {one.name: one.plugin for one in discover("parsers")}
SAMPLES = sorted(place for folder in FORMATS.iterdir() for place in folder.iterdir() if place.is_file())
DIVISIBLE = [place for place in SAMPLES if PARSERS[place.parent.name].divisible]


def name(place: Path) -> str:
    return f"{place.parent.name}/{place.name}"


def bare(observation: Observation) -> tuple[Any, ...]:
    """What an observation says, without its place: line ends and cuts move offsets."""
    return (
        observation.kind, observation.server, observation.message_id, observation.sender, observation.envelope_sender, observation.subject,
        observation.readings, observation.direction, observation.header_known, observation.facts, observation.declared,
        tuple((one.address, one.role, one.outcome, one.original, one.reply, one.at) for one in observation.recipients),
    )  # fmt: skip


def test_every_parser_has_samples_and_every_sample_a_parser() -> None:
    assert {place.parent.name for place in SAMPLES} == set(PARSERS)
    assert len(SAMPLES) > 15


def test_no_golden_is_an_orphan() -> None:
    goldens = {
        place.relative_to(GOLDEN / "parsers").as_posix().removesuffix(".json") for place in (GOLDEN / "parsers").rglob("*.json")
    }
    assert goldens == {name(place) for place in SAMPLES}


@pytest.mark.golden
@pytest.mark.parametrize("place", SAMPLES, ids=name)
def test_a_sample_is_read_as_its_golden_says(place: Path, matches_golden: Any) -> None:
    actual = golden_text(PARSERS[place.parent.name], place.read_bytes())
    assert '"observations": []' not in actual or '"defects": []' not in actual or '"statements": []' not in actual
    matches_golden(actual, GOLDEN / "parsers" / place.parent.name / f"{place.name}.json")


@pytest.mark.parametrize("place", SAMPLES, ids=name)
def test_only_its_own_parser_claims_a_sample(place: Path) -> None:
    head = place.read_bytes()[:65536]
    assert [parser.name for parser in PARSERS.values() if parser.sniff(head, place.name)] == [place.parent.name]


@pytest.mark.parametrize("cut", [1, 7, 64, 333, 4096])
@pytest.mark.parametrize("place", DIVISIBLE, ids=name)
def test_parts_equal_the_whole_for_any_cut(place: Path, cut: int) -> None:
    parser, content = PARSERS[place.parent.name], place.read_bytes()

    def all_of(size: int | None) -> tuple[list[Any], list[Any]]:
        records = read(parser, content, cut=size)
        found = assembled(parser, [one for one in records if isinstance(one, Fragment)])
        return sorted(map(bare, found), key=repr), sorted((one.span, one.reason) for one in records if isinstance(one, Defect))

    assert all_of(cut) == all_of(None)


@pytest.mark.parametrize("block", [1, 2, 13, 100])
@pytest.mark.parametrize("place", SAMPLES, ids=name)
def test_the_size_of_blocks_does_not_matter(place: Path, block: int) -> None:
    parser, content = PARSERS[place.parent.name], place.read_bytes()
    assert read(parser, content, block=block) == read(parser, content)
