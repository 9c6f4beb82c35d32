"""The benchmark of joining and judging: its observations are always the same, and what they say of messages is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from benchmarks import run
from benchmarks.growth import Growth, Step, child_of_growth, disagreements, growth, told
from benchmarks.observed import observed_view, write_observations

COUNT = 3_200  # observations of 2,000 messages


def rows(parts: list[str], query: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        observed_view(connection, parts)
        found: list[tuple[object, ...]] = connection.execute(query).fetchall()
        return found


def test_the_observations_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    one, again, other = (write_observations(tmp_path / name, COUNT, seed) for name, seed in (("a", 7), ("b", 7), ("c", 8)))
    assert [Path(part).read_bytes() for part in one] == [Path(part).read_bytes() for part in again]
    assert [Path(part).read_bytes() for part in one] != [Path(part).read_bytes() for part in other]


def test_there_are_as_many_as_were_asked_for_with_three_recipients_each(tmp_path: Path) -> None:
    parts = write_observations(tmp_path, COUNT, 7)
    ((count, recipients, places, sources),) = rows(
        parts, "SELECT count(*), avg(len(recipients)), count(DISTINCT (evidence, start)), count(DISTINCT source) FROM observed"
    )
    assert (count, places, sources) == (COUNT, COUNT, 4)
    assert isinstance(recipients, float)
    assert 2.5 < recipients < 4


def test_joining_and_judging_finds_the_messages_that_were_written(tmp_path: Path) -> None:
    write_observations(tmp_path / "parts", COUNT, 7)
    (tmp_path / "scratch").mkdir()
    found = child_of_growth([str(COUNT), str(tmp_path / "parts"), str(tmp_path / "scratch")])
    steps = tuple(Step(**one) for one in found["steps"])
    assert [one.name for one in steps][:2] == ["join", "lay out"]
    assert steps[-1].name == "verdicts"
    assert 1_990 <= found["messages"] <= 2_000  # one mail in 500 repeats the id of another
    assert disagreements([Growth(**found | {"steps": steps})]) == []


ONE = Growth(100_000, 62_500, 180_000, 900, (Step("join", 0.5, 200_000_000), Step("verdicts", 0.5, 250_000_000)))
TEN = Growth(1_000_000, 625_000, 1_800_000, 9_000, (Step("join", 9.0, 700_000_000), Step("verdicts", 5.0, 800_000_000)))


def test_costs_stand_beside_what_was_aimed_at() -> None:
    lines = told([ONE, TEN])
    assert lines[0] == "| step, CPU s | 100,000 observations | 1,000,000 observations |"
    assert "| join | 0.5 | 9.0 |" in lines
    assert "| a million | 10.0 | 14.0 |" in lines
    assert "| peak, GB | 0.25 | 0.80 |" in lines
    assert lines[-2].endswith("14.0 CPU s a million (target 20), 0.80 GB (target 2)")
    assert "x 1.40 " in lines[-1]


@pytest.mark.parametrize("change", [{"messages": 0}, {"messages": 100_000}, {"exposed": 0}, {"copies": 10}])
def test_an_archive_that_nothing_was_made_of_is_told(change: dict[str, int]) -> None:
    assert disagreements([ONE, TEN]) == []
    assert len(disagreements([replace(ONE, **change), TEN])) == 1  # type: ignore[arg-type]


def test_each_archive_is_measured_in_a_process_of_its_own_and_removed(tmp_path: Path) -> None:
    (found,) = growth([COUNT], tmp_path, lambda _: None)
    assert found.observations == COUNT
    assert found.peak > 50_000_000
    assert not list(tmp_path.rglob("*.parquet"))


def test_figures_are_kept_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "bench.json"
    target.write_text('{"results": [1]}', encoding="utf-8")
    monkeypatch.setattr(run, "growth", lambda *_: iter([ONE, TEN]))
    assert run.main(["--scaling", "1000000", "--json", str(target)]) == 0
    kept = json.loads(target.read_text(encoding="utf-8"))
    assert kept["results"] == [1]
    assert [one["observations"] for one in kept["growth"]] == [100_000, 1_000_000]
