"""Executors: the same results in the same order, a bounded way ahead, and no end of a worker that ends the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_evidence import KEY, plant

from forensics.pipeline.executor import Lost, Processes, Serial, default_executor


def squared(number: int) -> int:
    return number * number


def slow_first(number: int) -> int:
    time.sleep(0.3 if number == 0 else 0)
    return number


def deadly(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def deadly_once(place: str) -> str:
    if place and not Path(place).exists():
        Path(place).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return place


def refusing(number: int) -> int:
    if number == 2:
        msg = "no twos"
        raise ValueError(msg)
    return number


def noting(place: str) -> int:
    with Path(place).open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    time.sleep(30)
    return 0


def tasks(count: int, drawn: list[int]) -> Iterator[int]:
    for number in range(count):
        drawn.append(number)
        yield number


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def gone_within(seconds: float, processes: list[int]) -> bool:
    until = time.monotonic() + seconds
    while any(map(is_alive, processes)):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_both_give_the_same_results_in_the_same_order() -> None:
    expected = [n * n for n in range(20)]
    assert list(Serial().run(squared, range(20))) == expected
    assert list(Processes(2).run(squared, range(20))) == expected
    assert list(Processes(2).run(slow_first, range(6))) == list(range(6))
    assert list(Processes(2).run(squared, [])) == list(Serial().run(squared, [])) == []


def test_tasks_are_drawn_a_few_ahead_and_never_all() -> None:
    drawn: list[int] = []
    results = Processes(2).run(squared, tasks(100, drawn))
    assert drawn == []
    for done in range(10):
        next(results)
        assert len(drawn) <= done + 1 + 2 * 2
    results.close()  # type: ignore[attr-defined]  # a generator
    assert len(drawn) < 20


def test_a_worker_that_dies_costs_its_task_only() -> None:
    results = list(Processes(2).run(deadly, range(8)))
    assert [one for one in results if not isinstance(one, Lost)] == [0, 1, 2, 4, 5, 6, 7]
    assert isinstance(results[3], Lost)
    assert "died" in results[3].reason


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    places = ["", str(tmp_path / "mark"), ""]
    assert list(Processes(2).run(deadly_once, places)) == places


@pytest.mark.parametrize("executor", [Serial(), Processes(2)])
def test_what_a_task_raises_is_raised_in_its_place(executor: Serial | Processes) -> None:
    results = executor.run(refusing, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="no twos"):
        next(results)


def test_ctrl_c_leaves_no_worker(tmp_path: Path) -> None:
    log = tmp_path / "workers"
    results = Processes(2).run(noting, [str(log)] * 4)
    with pytest.raises(KeyboardInterrupt):
        interrupt(results, log)
    workers = [int(line) for line in log.read_text().split()]
    assert workers
    assert gone_within(5, workers)


def interrupt(results: Iterator[int | Lost], log: Path) -> None:
    """Ctrl-C as soon as a worker is at work."""

    def ring(*_: object) -> None:
        if log.exists() and log.read_text():
            raise KeyboardInterrupt
        signal.setitimer(signal.ITIMER_REAL, 0.1)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        next(results)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "workers"
    script = f"import test_executor as t; list(t.Processes(1).run(t.noting, [{str(log)!r}]))"
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parent, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while not (log.exists() and log.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    workers = [int(line) for line in log.read_text().split()]
    assert len(workers) == 1
    assert gone_within(5, workers)


SCRIPT = """
import forensics
case = forensics.audit("ev", out="case", incident="postmark-mcp", options=forensics.Options(workers=2, key_file="key"))
print(case.summary["counts"]["exposed_messages"], case.summary["defects"]["total"], flush=True)
"""


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    plant(tmp_path / "ev")
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "script.py").write_text(SCRIPT.replace('"key"', '__import__("pathlib").Path("key")'))
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("8 0\n", "", 0)
    assert (tmp_path / "case" / "custody.jsonl").read_text().count("audit begun") == 1


def test_one_worker_is_no_pool() -> None:
    assert isinstance(default_executor(1), Serial)
    four = default_executor(4)
    assert isinstance(four, Processes)
    assert four.workers == 4
    usual = default_executor()
    assert isinstance(usual, Serial) == (len(os.sched_getaffinity(0)) == 1)


def identity(_: object) -> int:
    time.sleep(0.05)
    return os.getpid()


def workers_of(executor: Processes) -> set[int]:
    return {one for one in executor.run(identity, range(8)) if not isinstance(one, Lost)}


def test_workers_live_on_within_a_block_only() -> None:
    with Processes(2) as executor:
        first, second = (workers_of(executor) for _ in range(2))
        results = executor.run(refusing, range(5))
        with pytest.raises(ValueError, match="no twos"):
            list(results)
        third = workers_of(executor)
    assert first == second
    assert third.isdisjoint(first)  # what failed has left nothing at work
    assert gone_within(5, [*first, *third])
    assert workers_of(executor).isdisjoint(third)


def test_a_worker_that_dies_between_two_runs_costs_nothing() -> None:
    with Processes(2) as executor:
        for worker in workers_of(executor):
            os.kill(worker, signal.SIGKILL)
        assert list(executor.run(squared, range(4))) == [0, 1, 4, 9]
