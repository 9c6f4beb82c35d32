"""The fuzz targets without the fuzzing engine: seeds and seeded mutations pass, and a broken law is noticed."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fuzz import run
from fuzz.targets import CORPUS, TARGETS, Target, seeds

from forensics.model import Fragment
from forensics.parsers import mbox, postfix, postmark
from forensics.plugins import Parser, Record, Source

MUTATIONS = 2000
LONGEST = 1500  # bytes of a mutated input: short ones reach more places in the same time
NAMES = sorted(TARGETS)
ODD = [
    b"",
    b"\0",
    b"\xff",
    b"\n",
    b"\r\n",
    b"\n\n",
    b" " * 200,
    b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
    b"\xfe\xff",
    b"(" * 60,
    b"[" * 60,
    b"9" * 40,
    b"-1",
]


def mutations(target: Target, count: int) -> Iterator[bytes]:
    """`count` inputs made from the seeds, the same in every run."""
    rng = random.Random(target.name)
    grown = [path.read_bytes() for path in seeds(target)]
    for _ in range(count):
        data = bytearray(rng.choice(grown))
        if len(data) > LONGEST:
            start = rng.choice((0, rng.randrange(len(data) - LONGEST)))
            data = data[start : start + LONGEST]
        for _ in range(rng.choice((1, 1, 2, 3, 6))):
            mutate(data, rng, target.words, grown)
        yield bytes(data[: 2 * LONGEST])


def mutate(data: bytearray, rng: random.Random, words: tuple[bytes, ...], grown: list[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((1, 1, 2, 4, 16, 100)))
    kind = rng.randrange(7)
    if kind == 0:
        data[at:end] = b""
    elif kind == 1:
        data[at:at] = data[at:end] * rng.choice((1, 1, 2, 8))
    elif kind == 2:
        data[at:at] = rng.choice(words) if words else rng.choice(ODD)
    elif kind == 3:
        data[at:end] = rng.choice(ODD)
    elif kind == 4:
        data[at:end] = rng.randbytes(end - at)
    elif kind == 5 and at < len(data):
        data[at] ^= 1 << rng.randrange(8)
    else:
        other = rng.choice(grown)
        start = rng.randrange(len(other) + 1)
        data[at:] = other[start : start + LONGEST]


@pytest.mark.parametrize("name", NAMES)
def test_a_target_takes_its_seeds(name: str) -> None:
    found = seeds(TARGETS[name])
    assert found, "a target without seeds begins at nothing"
    for path in found:
        TARGETS[name].check(path.read_bytes())
    TARGETS[name].check(b"")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_target_takes_mutations_of_its_seeds(name: str) -> None:
    for number, data in enumerate(mutations(TARGETS[name], MUTATIONS)):
        try:
            TARGETS[name].check(data)
        except Exception as error:  # noqa: BLE001  whatever it is, it is a finding
            pytest.fail(f"{name}, mutation {number}: {run.signature(error)}: {error}\n{data[:300]!r}")


def test_mutations_are_the_same_in_every_run_and_differ() -> None:
    once = list(mutations(TARGETS["mbox"], 200))
    assert once == list(mutations(TARGETS["mbox"], 200))
    assert len(set(once)) > 190


def test_the_corpus_is_small_and_belongs_to_targets() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000
    assert {path.relative_to(CORPUS).parts[0] for path in files} <= set(NAMES)


# --- would a silent fault be noticed? ----------------------------------------------------------------------------------------


def forgetful(parser: Parser) -> Callable[[Source], Iterator[Record]]:
    """A parser's read that loses the first message of every span but the first."""

    def read(source: Source) -> Iterator[Record]:
        lost = source.span.start == 0
        for record in parser.read(source):
            if lost or not isinstance(record, Fragment):
                yield record
            lost = lost or isinstance(record, Fragment)

    return read


@pytest.mark.parametrize("parser", [mbox.PARSER, postfix.PARSER], ids=lambda parser: parser.name)
def test_a_message_lost_at_a_cut_is_noticed(parser: Parser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"forensics.parsers.{parser.name}.PARSER", dataclasses.replace(parser, read=forgetful(parser)))
    target = TARGETS[parser.name]
    complaints = 0
    for path in seeds(target):
        try:
            target.check(path.read_bytes())
        except AssertionError:
            complaints += 1
    assert complaints >= 3


def test_a_parser_that_minds_the_size_of_blocks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = postmark.PARSER

    def read(source: Source) -> Iterator[Record]:
        if len(list(source.blocks())) == 1:
            yield from parser.read(source)

    monkeypatch.setattr(postmark, "PARSER", dataclasses.replace(parser, read=read))
    with pytest.raises(AssertionError, match="another story"):
        TARGETS["postmark"].check(b'{"TotalCount":0,"Messages":[]}\n' * 9)


def test_a_failed_reader_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> None:
        raise KeyError

    monkeypatch.setattr("forensics.content.html._split", fail)
    with pytest.raises(AssertionError, match="KeyError"):
        TARGETS["html"].check(b"<html><p>pin 4711</p></html>")


# --- the runner ----------------------------------------------------------------------------------------------------------------


def test_a_finding_is_written_once_for_each_kind_and_hides_no_other(tmp_path: Path) -> None:
    def check(data: bytes) -> None:
        if data.startswith(b"a"):
            raise ValueError(data)
        if data.startswith(b"b"):
            raise KeyError(data)

    noted = run.noting("target", check, tmp_path)
    for data in (b"fine", b"a1", b"a2", b"b1", b"fine"):
        noted(data)
    found = {path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".txt"}
    assert found == {b"a1", b"b1"}
    assert "ValueError" in "".join(path.read_text() for path in tmp_path.glob("*.txt"))


def test_without_the_engine_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run, "find_spec", lambda _: None)
    assert run.main(["--seconds", "1"]) == 2
    assert "make fuzz" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--only", "nothing"], ["--again", "nothing", "x"], ["--seed", "-1"]])
def test_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2


def test_one_input_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"Wed, 17 Sep 2025 16:03:12 +0200")
    assert run.main(["--again", "dates", str(path)]) == 0
    assert "without complaint" in capsys.readouterr().out
