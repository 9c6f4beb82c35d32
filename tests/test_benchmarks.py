"""The benchmark runs end to end on little evidence, its contestants agree, and it cannot measure a reader that reads nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks import corpus, run
from benchmarks.peers import PEERS
from benchmarks.run import CASES, Case, Measured, Result, disagreements

GENERATED = [case for case in CASES if case.corpus]


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(Path(run.__file__)), *arguments]


@pytest.mark.slow
def test_it_runs_end_to_end_and_leaves_nothing(tmp_path: Path) -> None:
    place, temporary = tmp_path / "figures" / "bench.json", tmp_path / "tmp"
    temporary.mkdir()
    small = command("--megabytes", "1", "--rounds", "1", "--warm-ups", "0", "--json", str(place))
    done = subprocess.run(small, capture_output=True, text=True, env=os.environ | {"TMPDIR": str(temporary)}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "found the same messages" in done.stdout
    figures = json.loads(place.read_text())
    assert (figures["schema_version"], figures["rounds"], figures["disagreements"]) == (1, 1, [])
    assert figures["machine"]["python"]
    expected = [(case.name, one) for case in GENERATED for one in ("read", "tables", "peer")] + [("sample-incident", "audit")]
    assert [(one["case"], one["contestant"]) for one in figures["results"]] == expected
    for one in figures["results"]:
        assert one["messages"] > 0
        assert one["hits"] > 0
        assert one["peak_bytes"] > 5 << 20
        assert (one["ratio"] is None) == (one["contestant"] in {"peer", "audit"})
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    place = tmp_path / "bench.json"
    long = command("--megabytes", "20", "--only", "postfix-log", "--json", str(place))
    bench = subprocess.Popen(
        long, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(temporary)}
    )
    assert bench.stderr is not None
    for line in bench.stderr:
        if "warm-up" in line:
            break
    time.sleep(0.3)  # into a child's work
    bench.send_signal(number)
    shown, _ = bench.communicate(timeout=60)
    assert bench.returncode == 130
    assert "Interrupted" in shown
    assert list(temporary.iterdir()) == []
    assert not place.exists()


@pytest.mark.parametrize(
    "arguments", [["--megabytes", "0"], ["--rounds", "0"], ["--warm-ups", "-1"], ["--only", "nothing"], ["--megabytes", "x"]]
)
def test_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("case", GENERATED, ids=lambda case: case.name)
def test_a_peer_finds_what_was_written(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "evidence"
    written = getattr(corpus, case.corpus)(path, 0.3, 7)
    counted = PEERS[case.peer](path, run.INDICATOR)
    assert counted.messages == written
    assert 0 < counted.hits < written
    assert PEERS[case.peer](path, "nobody@acme.example").hits == 0


@pytest.mark.parametrize("case", GENERATED, ids=lambda case: case.name)
@pytest.mark.parametrize("contestant", ["read", "tables"])
def test_ours_count_what_the_peer_counts(case: Case, contestant: str, tmp_path: Path) -> None:
    path, scratch = tmp_path / "evidence", tmp_path / "scratch"
    scratch.mkdir()
    written = getattr(corpus, case.corpus)(path, 0.3, 7)
    ours = run.child(case.name, contestant, path, scratch)
    counted = PEERS[case.peer](path, run.INDICATOR)
    assert (ours.messages, ours.hits, ours.defects) == (written, counted.hits, 0)


def result(**changes: Any) -> Result:
    return replace(Result("postfix-log", "read", 1_000_000, 100, 3, 0, (0.1,), 1 << 20, None), **changes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, ""),
        ({"messages": 99}, "99 messages"),
        ({"messages": 0, "hits": 0}, "reads nothing"),
        ({"hits": 0}, "reads nothing"),
        ({"hits": 2}, "2 to the indicator"),
        ({"defects": 1}, "1 defects"),
        ({"case": "sample-incident", "defects": 1}, ""),
        ({"cpu": (9.0,), "peak": 1}, ""),
    ],
)
def test_disagreements(changes: dict[str, Any], complaint: str) -> None:
    told = disagreements([result(), result(contestant="peer", **changes)], 100)
    assert (complaint in told[0]) if complaint else told == []


@pytest.mark.parametrize(("written", "complaints"), [(100, 0), (101, 2), (-1, 0)])
def test_all_contestants_may_err_together(written: int, complaints: int) -> None:
    assert len(disagreements([result(), result(contestant="peer")], written)) == complaints


def test_a_ratio_is_taken_round_by_round(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "evidence"
    path.write_bytes(b"x" * 2_000_000)
    seconds = {"read": iter([7.0, 1.0, 2.0, 4.0]), "tables": iter([7.0, 2.0, 2.0, 2.0]), "peer": iter([7.0, 2.0, 4.0, 8.0])}
    order: list[str] = []

    def measure(_case: Case, contestant: str, _path: Path, _temporary: Path) -> Measured:
        order.append(contestant)
        return Measured(next(seconds[contestant]), 1 << 20, 10, 1, 0)

    monkeypatch.setattr(run, "measure", measure)
    ours, tables, peer = run.rounds(CASES[0], path, run.Size(2, 3, 1), tmp_path, lambda _: None)
    assert order == ["read", "tables", "peer"] * 4
    assert (ours.ratio, tables.ratio, peer.ratio) == (2.0, 2.0, None)  # the warm-up's 7 seconds are in none of them
    assert ours.speeds == (1.0, 0.5, 2.0)


def test_a_contestant_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(run.ChildError, match=r"postfix-log, peer: exit code 1: FileNotFoundError"):
        run.measure(CASES[0], "peer", tmp_path / "missing", tmp_path)
