"""What a parser promises of fragments that hold a whole message: columns make of them what its `assemble` would."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from support import FORMATS, assembled, clocks_of, read

from forensics.columns import Encoder, timed
from forensics.dates import FileClock
from forensics.model import Fragment, Observation
from forensics.plugins import discover

PROMISING = {one.name: one.plugin for one in discover("parsers") if one.plugin is not None and one.plugin.undecided is not None}
SAMPLES = [
    (name, place)
    for name in sorted(PROMISING)
    for place in sorted(FORMATS.glob(f"{name}/*"))
    if place.is_file() and place.suffix not in {".py", ".gz", ".zst"}
]


def table(fragments: list[Fragment]) -> pa.Table:
    encoder = Encoder(b"k" * 32, lambda text: text)
    for one in fragments:
        encoder.add(one)
    return encoder.table()


def stored(observations: list[Observation]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = table([Fragment("", one) for one in observations]).to_pylist()
    return rows


def test_some_parsers_promise_it() -> None:
    assert {"exim", "postfix"} <= set(PROMISING)
    assert len(SAMPLES) >= 20


@pytest.mark.parametrize(("name", "place"), SAMPLES, ids=[f"{name}-{place.name}" for name, place in SAMPLES])
@pytest.mark.parametrize("cut", [None, 700])
def test_columns_make_of_whole_fragments_what_assembling_makes(name: str, place: Path, cut: int | None) -> None:
    parser = PROMISING[name]
    fragments = [one for one in read(parser, place.read_bytes(), cut=cut) if isinstance(one, Fragment)]
    clocks = clocks_of(fragments)
    times_met = Counter(one.key for one in fragments)
    sessions = [one.observation for one in fragments if one.observation.kind == "session"]
    awaited = {(*one.span[:2], int(value.split(" ")[0])) for one in sessions for name, value in one.facts if name == "taken"}
    whole = [
        one
        for one in fragments
        if times_met[one.key] == 1
        and one.opens
        and one.closes
        and one.observation.kind != "session"
        and one.observation.span[:3] not in awaited
        and parser.undecided.isdisjoint(fact for fact, _ in one.observation.facts)
    ]
    slow = {one.key: stored(assembled(parser, [one], clocks)) for one in whole}
    unknown = FileClock()
    fast = [
        row
        for batch in table(whole).to_batches()
        for row in timed(batch, lambda at, stamp: clocks.get(at, unknown).resolve(stamp, "syslog")).to_pylist()
    ]
    assert [[row] for row in fast] == [slow[one.key] for one in whole]
