"""The benchmark runs end to end on little evidence, its contestants agree, and it cannot measure a reader that reads nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks import corpus, measuring, run
from benchmarks.cases import CASES, OURS, Case, Contestant
from benchmarks.corpus import INDICATOR, MARK, Written
from benchmarks.large import large
from benchmarks.measuring import ChildError, Measured, child, measure
from benchmarks.mixed import Mixed
from benchmarks.mixed import disagreements as mixed_disagreements
from benchmarks.peers import PEERS
from benchmarks.programs import at_hand
from benchmarks.results import Ratio, Result, Scaling, compared, disagreements
from benchmarks.scaling import scaling

GENERATED = [case for case in CASES if case.corpus]
PROGRAMS = {one.name for case in CASES for one in case.contestants if one.package}  # which need not be there
READING = [(case, one.name) for case in GENERATED for one in case.contestants if one.name not in PROGRAMS | {"audit"}]
MAIL = ("list_mbox", "attachment_mbox", "pdf_mbox")


def named(one: Any) -> str:
    return str(getattr(one, "name", one))


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(Path(run.__file__)), *arguments]


@pytest.mark.slow
def test_it_runs_end_to_end_and_leaves_nothing(tmp_path: Path) -> None:
    place, temporary = tmp_path / "figures" / "bench.json", tmp_path / "tmp"
    temporary.mkdir()
    small = command("--megabytes", "1", "--rounds", "1", "--warm-ups", "0", "--json", str(place))
    done = subprocess.run(small, capture_output=True, text=True, env=os.environ | {"TMPDIR": str(temporary)}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "found the messages that were written" in done.stdout
    figures = json.loads(place.read_text())
    assert (figures["schema_version"], figures["rounds"], figures["disagreements"]) == (2, 1, [])
    assert figures["machine"]["python"]
    assert [(one["case"], one["contestant"]) for one in figures["results"]] == [
        (case.name, one.name) for case in CASES for one in case.contestants if not one.package or shutil.which(one.name)
    ]
    assert len(figures["missing"]) == sum(shutil.which(name) is None for name in PROGRAMS)
    for one in figures["results"]:
        assert one["messages"] > 0 or one["contestant"] in PROGRAMS
        assert one["hits"] > 0 or one["contestant"] in PROGRAMS | {"split"}
        assert one["peak_bytes"] > 5 << 20
        assert all(ratio["times"] > 0 for ratio in one["ratios"])
    assert figures["scaling"]["loop_gain"] > 0
    assert "target 90%" in done.stdout
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_mixed_evidence_is_audited_whole_and_its_figures_stand_beside_those_of_other_sizes(tmp_path: Path) -> None:
    place, temporary = tmp_path / "figures" / "bench.json", tmp_path / "tmp"
    temporary.mkdir()
    for megabytes in ("3", "2"):
        done = subprocess.run(
            command("--mixed", megabytes, "--json", str(place)),
            capture_output=True, text=True, env=os.environ | {"TMPDIR": str(temporary)}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    less, more = json.loads(place.read_text())["mixed"]
    assert less["megabytes"] < more["megabytes"]
    assert all(0 < one["found"]["exposed"] < one["found"]["messages"] for one in (less, more))
    assert min(more["peak_bytes"].values()) > 0
    assert more["cpu_seconds"] > 0 < more["cpu_seconds_in_one_process"]
    assert {"Reading headers and envelopes", "Writing the case"} <= more["steps_wall_seconds"].keys()
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


def test_an_audit_that_misses_a_planted_copy_disagrees() -> None:
    one = Mixed(10, 1, 1.0, 1.0, 1, 1, 1, {}, 9, 4, 0, hidden=5, load=0.0, alone=1.0)
    assert mixed_disagreements(one) == ["mixed: 4 messages are exposed; 5 hidden copies were planted"]
    assert mixed_disagreements(replace(one, exposed=5)) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--megabytes", "0"],
        ["--rounds", "0"],
        ["--warm-ups", "-1"],
        ["--only", "nothing"],
        ["--megabytes", "x"],
        ["--large", "0"],
        ["--mixed", "0"],
    ],
)
def test_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize(("case", "contestant"), READING, ids=named)
def test_each_contestant_finds_what_was_written(case: Case, contestant: str, tmp_path: Path) -> None:
    path, scratch = tmp_path / "evidence", tmp_path / "scratch"
    scratch.mkdir()
    written = getattr(corpus, case.corpus)(path, 0.3, 7)
    found = child(case.name, contestant, path, scratch)
    assert 0 < written.hits < written.messages
    assert (found.messages, found.defects, found.size) == (written.messages, 0, path.stat().st_size)
    assert found.hits == (-1 if contestant == "split" else written.hits)


@pytest.mark.parametrize("peer", sorted(PEERS.keys() - PROGRAMS))
def test_a_peer_finds_nobody_else(peer: str, tmp_path: Path) -> None:
    case = next(case for case in GENERATED if peer in {one.name for one in case.contestants})
    path = tmp_path / "evidence"
    getattr(corpus, case.corpus)(path, 0.3, 7)
    assert PEERS[peer](path, "nobody@acme.example").hits == 0


@pytest.mark.parametrize(
    ("program", "says", "counted"),
    [
        ("pflogsumm", "Grand Totals\n\n      12   received\n      14   delivered\n", (12, -1)),
        ("pflogsumm", "    1234k  received\n", (-1, -1)),
        (
            "exigrep",
            "2025-09-17 16:03:12 1uyska-0001Dz-B9 => a@b.example\n2025-09-17 16:03:12 1uyska-0001Dz-B9 Completed QT=1s\n\n",
            (-1, 1),
        ),
        ("exigrep", "", (-1, 0)),
    ],
)
def test_what_a_program_says_is_read(
    program: str, says: str, counted: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / program
    fake.write_text(f"#!/bin/sh\ncat <<'END'\n{says}END\n", encoding="ascii")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = PEERS[program](tmp_path / "log", "a@b.example")
    assert (found.messages, found.hits) == counted
    assert at_hand(program, "", install=False)


def test_a_program_that_is_not_there_is_told_and_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    case, told = run._without_missing(next(case for case in CASES if case.name == "postfix-log"), install=False)
    assert "pflogsumm" not in {one.name for one in case.contestants}
    assert all("pflogsumm" not in one.beside for one in case.contestants)
    assert len(told) == 1
    assert "pflogsumm" in told[0]


def test_who_is_compared_is_there() -> None:
    for case in CASES:
        names = [one.name for one in case.contestants]
        assert len(set(names)) == len(names)
        assert set(names) <= OURS | PEERS.keys()
        for one in case.contestants:
            assert set(one.beside) <= PEERS.keys() & set(names)
            assert {case.contestant(peer).wanted for peer in one.beside} <= {one.wanted}


@pytest.mark.parametrize("maker", MAIL)
def test_a_smaller_archive_is_the_beginning_of_a_larger_one(maker: str, tmp_path: Path) -> None:
    small, large_one, again = (tmp_path / name for name in ("small", "large", "again"))
    first, second = (getattr(corpus, maker)(path, size, 7) for path, size in ((small, 0.3), (large_one, 1.5)))
    assert large_one.read_bytes().startswith(small.read_bytes())
    assert first.messages < second.messages
    getattr(corpus, maker)(again, 0.3, 8)
    assert again.read_bytes() != small.read_bytes()


@pytest.mark.parametrize(
    ("maker", "octets"), [("list_mbox", (7_000, 15_000)), ("attachment_mbox", (40_000, 130_000)), ("pdf_mbox", (40_000, 110_000))]
)
def test_mails_are_as_large_as_real_ones_and_all_different(maker: str, octets: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "evidence"
    written = getattr(corpus, maker)(path, 8, 7)
    mails = [one for one in path.read_bytes().split(b"\nFrom ") if one]
    heads = [one.partition(b"\n\n")[0] for one in mails]
    assert len(mails) == written.messages  # no line of a body looks like a separator
    assert octets[0] < path.stat().st_size / len(mails) < octets[1]
    assert 2_500 < sum(map(len, heads)) / len(heads) < 4_000
    assert len({one.partition(b"\nMessage-ID: ")[2].partition(b"\n")[0] for one in heads}) == len(mails)
    assert len({one.partition(b"MIME-Version")[2] for one in mails}) > min(len(mails), 300) * 0.6


@pytest.mark.parametrize("maker", MAIL)
def test_the_mark_is_met_only_by_who_decodes(maker: str, tmp_path: Path) -> None:
    path = tmp_path / "evidence"
    written = getattr(corpus, maker)(path, 0.3, 7)
    raw = path.read_bytes()
    assert raw.count(INDICATOR.encode()) == written.hits
    assert MARK.encode() not in raw
    assert PEERS["compat32"](path, MARK).hits == (0 if maker == "pdf_mbox" else written.hits)  # it opens no attachment


def test_a_sample_is_compared_with_what_the_sample_holds(tmp_path: Path) -> None:
    both = (Contestant("read", beside={"mail-parser": 10}), Contestant("mail-parser", sample=0.2))
    paths, holds = run.written(Case("list-mbox", "list_mbox", "mbox", 1, both), 1, tmp_path)
    assert holds["mail-parser"].messages < holds["read"].messages
    assert paths["read"].read_bytes().startswith(paths["mail-parser"].read_bytes())
    assert sorted(one.stat().st_size > 900_000 for one in tmp_path.iterdir()) == [False, True]
    _, small = run.written(Case("list-mbox", "list_mbox", "mbox", 1, both), 0.1, tmp_path)
    assert small["mail-parser"] == small["read"]


def result(**changes: Any) -> Result:
    return replace(Result("postfix-log", "read", 1_000_000, 100, 3, 0, (0.1,), 1 << 20), **changes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, ""),
        ({"messages": 99}, "99 messages; 100 were written"),
        ({"messages": 0, "hits": 0}, "reads nothing"),
        ({"hits": 0}, "reads nothing"),
        ({"hits": 2}, "2 hits; 3 were written"),
        ({"hits": -1}, ""),
        ({"hits": -1, "messages": 101}, "101 messages"),
        ({"defects": 1}, "1 defects"),
        ({"contestant": "audit", "defects": 1, "messages": 5}, ""),
        ({"contestant": "audit", "messages": 0}, "reads nothing"),
        ({"cpu": (9.0,), "peak": 1}, ""),
    ],
)
def test_disagreements(changes: dict[str, Any], complaint: str) -> None:
    told = disagreements(
        [result(), result(**{"contestant": "peer", **changes})], {"read": Written(100, 3), "peer": Written(100, 3)}
    )
    assert len(told) == bool(complaint)
    assert not complaint or complaint in told[0]


def test_all_contestants_may_err_together() -> None:
    holds = {"read": Written(101, 3), "peer": Written(101, 3)}
    assert len(disagreements([result(), result(contestant="peer")], holds)) == 2


BOTH = Case("list-mbox", "list_mbox", "mbox", 1, (Contestant("read", target=8, beside={"lines": 3}), Contestant("lines")))


def test_contestants_take_turns_and_a_warm_up_does_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seconds = {"read": iter([7.0, 1.0, 2.0, 4.0]), "lines": iter([7.0, 2.0, 4.0, 8.0])}
    order: list[str] = []

    def measured(_case: str, contestant: str, _path: Path, _temporary: Path) -> Measured:
        order.append(contestant)
        return Measured(next(seconds[contestant]), 1 << 20, 2_000_000, 10, 1, 0)

    monkeypatch.setattr(run, "measure", measured)
    ours, peer = run.rounds(BOTH, {"read": tmp_path, "lines": tmp_path}, run.Size(2, 3, 1), tmp_path, lambda _: None)
    assert order == ["read", "lines"] * 4
    assert (ours.ratios, peer.ratios) == ((Ratio("lines", 2.0, 3),), ())
    assert ours.speeds == (1.0, 0.5, 2.0)
    assert ours.told() == "list-mbox, read: 1.0 MB per CPU s (target 8); x lines 2.00 (target 3)"
    assert peer.told() == ""


def test_a_ratio_is_of_seconds_a_byte_and_taken_round_by_round() -> None:
    ours = [Measured(seconds, 0, 4_000_000, 1, 1, 0) for seconds in (4.0, 4.0, 8.0)]
    peer = [Measured(seconds, 0, 1_000_000, 1, 1, 0) for seconds in (2.0, 3.0, 2.0)]
    assert compared(BOTH, {"read": ours, "lines": peer})[0].ratios[0].times == 2.0  # of 2, 3 and 1


def test_two_workers_are_held_against_two_loops(tmp_path: Path) -> None:
    told = Scaling(1_000_000, ((2.0, 2.5), (2.0, 2.5)), ((3.0, 2.0), (3.0, 2.5)), (0.0, 0.04))
    assert told.loop_gain == 1.6  # two copies did twice the work in 2.5 s for 2
    assert told.pass_gain == pytest.approx((1.5 + 1.2) / 2)
    assert told.told().endswith("share 84% (target 90%)")
    assert "other programs kept 1.2 processors busy" in replace(told, others=(1.2, 1.2)).told()
    found = scaling(0.5, 1, tmp_path)
    assert found.size > 500_000
    assert found.loop_gain > 0
    assert found.pass_gain > 0


def test_time_in_a_child_that_lives_on_counts() -> None:
    before = measuring._cpu()
    busy = "import sys, time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as kept:
        assert kept.stdout is not None
        kept.stdout.readline()
        alive = measuring._cpu() - before
        assert kept.poll() is None
        kept.kill()
    assert alive >= 0.4
    assert measuring._cpu() - before >= 0.4  # ended, it is counted once, as a child that ended
    assert measuring._cpu() - before < 2 * alive


def test_an_archive_with_a_giant_mail_is_read(tmp_path: Path) -> None:
    told, wrong = large(3, tmp_path, lambda _: None, giant=2_000_000)
    assert wrong == []
    assert "peak" in told[1]
    assert "peak" in told[2]
    assert "one of 2 MB" in told[0]


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="GB are free"):
        large(1e12, tmp_path, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_contestant_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"postfix-log, lines: exit code 1: FileNotFoundError"):
        measure("postfix-log", "lines", tmp_path / "missing", tmp_path)
