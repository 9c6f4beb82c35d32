"""A cluster of several processes: the same results, the same case, also where workers die; and who may not join, with the reason."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from distributed import KilledWorker
from small_evidence import audited, comparable, log, mailbox, search_page
from typer.testing import CliRunner

import forensics
from forensics.case import ATTEMPTS
from forensics.cli import app
from forensics.evidence import Problem, hashed
from forensics.pipeline import cluster as cluster_module
from forensics.pipeline.cluster import (
    Asked,
    Cluster,
    ClusterError,
    ClusterLostError,
    Seen,
    Surroundings,
    _differences,
    seen,
    surroundings,
)
from forensics.pipeline.executor import Lost, Serial

pytestmark = pytest.mark.slow

# a process of its own: its event loop and its children are not pytest's
_CLUSTER = """
import json, sys
from distributed import LocalCluster
if __name__ == "__main__":
    workers, threads, place = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    cluster = LocalCluster(
        processes=True, n_workers=workers, threads_per_worker=threads, dashboard_address=None, local_directory=place
    )
    print(json.dumps(cluster.scheduler_address), flush=True)
    sys.stdin.read()
    cluster.close()
"""
_LONG = 120  # seconds: a loaded machine with one processor starts a worker slowly


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the rule for all tests: these talk to this machine itself, and to nothing else."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if address[0] not in {"127.0.0.1", "::1"}:
            pytest.fail("a test tried to open a network connection")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


@contextmanager
def running(place: Path, workers: int, threads: int = 1) -> Iterator[str]:
    """The address of a cluster that runs as long as the block."""
    place.mkdir()
    (place / "cluster.py").write_text(_CLUSTER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "DASK_CONFIG": str(place / "no-configuration")}
    with (place / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, str(place / "cluster.py"), str(workers), str(threads), str(place)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=environment,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (place / "said").read_text(errors="replace")
            yield json.loads(line)
        finally:
            process.stdin.close()
            try:
                process.wait(_LONG)
            except subprocess.TimeoutExpired:
                process.kill()
            process.stdout.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster of two worker processes, which a keeper starts again when they die."""
    with running(tmp_path_factory.mktemp("dask") / "two", 2) as found:
        yield found


@pytest.fixture
def cluster(address: str, tmp_path: Path) -> Cluster:
    """That cluster, when both workers are there: the test before may have killed one."""
    found = Cluster(address, tmp_path)
    until = time.monotonic() + _LONG
    while len(found.check([]).workers) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    return found


# --- what workers do; they import this module


def squared(number: int) -> int:
    return number * number


def slow_first(number: int) -> int:
    time.sleep(0.3 if number == 0 else 0)
    return number


def refusing(number: int) -> int:
    if number == 2:
        msg = "no twos"
        raise ValueError(msg)
    return number


def deadly(task: tuple[int, str]) -> int:
    number, log_of_deaths = task
    if number == 3:
        with Path(log_of_deaths).open("a") as stream:
            stream.write(f"{os.getpid()}\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def deadly_once(place: str) -> str:
    if place and not Path(place).exists():
        Path(place).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return place


def noting(place: str) -> str:
    with Path(place).open("a") as stream:
        stream.write("x")
    time.sleep(0.5)
    return place


def process_of_worker(_: int) -> int:
    time.sleep(0.2)
    return os.getpid()


def drawn(numbers: range, seen_so_far: list[int]) -> Iterator[int]:
    for number in numbers:
        seen_so_far.append(number)
        yield number


# --- the executor


def test_results_are_those_of_one_process_in_the_same_order(cluster: Cluster, tmp_path: Path) -> None:
    assert list(cluster.run(squared, range(20))) == list(Serial().run(squared, range(20)))
    assert list(cluster.run(slow_first, range(5))) == list(range(5))
    assert list(cluster.run(squared, [])) == []
    assert not (tmp_path / ATTEMPTS).exists()


def test_the_work_is_shared(cluster: Cluster) -> None:
    assert len(set(cluster.run(process_of_worker, range(8)))) == 2


def test_tasks_are_drawn_a_few_ahead_and_never_all(cluster: Cluster) -> None:
    numbers: list[int] = []
    results = cluster.run(squared, drawn(range(100), numbers))
    assert numbers == []
    for done in range(8):
        next(results)
        assert len(numbers) <= done + 1 + 2 * 3
    results.close()  # type: ignore[attr-defined]  # a generator
    assert len(numbers) < 20


def test_what_a_task_raises_is_raised_in_its_place(cluster: Cluster) -> None:
    results = cluster.run(refusing, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="no twos"):
        next(results)


def test_who_stops_early_withdraws_what_is_waiting(cluster: Cluster, tmp_path: Path) -> None:
    place = tmp_path / "begun"
    results = cluster.run(noting, [str(place)] * 50)
    next(results)
    results.close()  # type: ignore[attr-defined]  # a generator
    time.sleep(2)
    begun = len(place.read_text())
    assert 1 <= begun <= 5
    time.sleep(1)
    assert len(place.read_text()) == begun


def test_a_worker_that_dies_once_costs_nothing(cluster: Cluster, tmp_path: Path) -> None:
    places = ["", str(tmp_path / "mark"), ""]
    assert list(cluster.run(deadly_once, places)) == places


def test_a_task_that_kills_its_workers_twice_is_lost_and_no_third_one_dies(cluster: Cluster, tmp_path: Path) -> None:
    deaths = tmp_path / "deaths"
    results = list(cluster.run(deadly, [(number, str(deaths)) for number in range(6)]))
    assert [one for one in results if not isinstance(one, Lost)] == [0, 1, 2, 4, 5]
    assert isinstance(results[3], Lost)
    assert "twice" in results[3].reason
    assert len(set(deaths.read_text().split())) == 2


class Told:
    """A future whose results are known beforehand."""

    def __init__(self, *answers: Any, has_failed: bool = False) -> None:
        self.answers, self.has_failed = list(answers), has_failed

    def result(self, timeout: float) -> Any:  # noqa: ARG002  as Dask names it
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def status(self) -> str:
        return "error" if len(self.answers) == 1 and self.has_failed else "finished"


class Client:
    """A client that gives such futures, one after the other."""

    def __init__(self, *futures: Told, workers: int = 1) -> None:
        self.futures, self.workers, self.withdrawn = list(futures), workers, 0

    def submit(self, *_: Any, **__: Any) -> Told:
        return self.futures.pop(0)

    def nthreads(self) -> dict[str, int]:
        return {f"tcp://192.0.2.{number}:1": 1 for number in range(self.workers)}

    def run(self, *_: Any, on_error: str) -> dict[str, list[str]]:
        assert on_error == "return"
        return {}

    def cancel(self, futures: list[Told], *, force: bool) -> None:
        assert force
        self.withdrawn += len(futures)


def test_a_cluster_without_any_worker_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_PATIENCE", 0)
    client = Client(Told(TimeoutError()), Told(2), workers=0)
    flight = cluster_module._Flight(client, "tcp://192.0.2.1:8786", tmp_path)
    with pytest.raises(ClusterLostError, match=r"no worker is left at tcp://192\.0\.2\.1:8786.*what was read is kept"):
        list(flight.results(squared, [1, 2]))
    assert client.withdrawn == 2


def test_a_slow_task_is_waited_for_as_long_as_there_are_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_PATIENCE", 0)
    flight = cluster_module._Flight(Client(Told(TimeoutError(), TimeoutError(), 4)), "tcp://192.0.2.1:8786", tmp_path)
    assert list(flight.results(squared, [2])) == [4]


def test_a_time_out_of_the_task_itself_is_raised(tmp_path: Path) -> None:
    flight = cluster_module._Flight(Client(Told(TimeoutError("its own"), has_failed=True)), "tcp://192.0.2.1:8786", tmp_path)
    with pytest.raises(TimeoutError, match="its own"):
        list(flight.results(squared, [2]))


def test_a_task_that_the_scheduler_blames_is_given_to_another_worker(tmp_path: Path) -> None:
    blamed = KilledWorker("task", cast("Any", SimpleNamespace(address="tcp://192.0.2.9:1")), 0)
    flight = cluster_module._Flight(Client(Told(blamed), Told(4)), "tcp://192.0.2.1:8786", tmp_path)
    assert list(flight.results(squared, [2])) == [4]


def test_a_connection_that_is_lost_is_told_as_that(tmp_path: Path) -> None:
    flight = cluster_module._Flight(Client(Told(CancelledError())), "tcp://192.0.2.1:8786", tmp_path)
    with pytest.raises(ClusterLostError, match="the connection was lost"):
        list(flight.results(squared, [2]))


def test_workers_hash_as_we_do_and_say_what_they_cannot_read(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(b"x" * 3_000_000)
    (tmp_path / "empty").touch()
    found = [(name, tmp_path / name) for name in ("full", "empty", "absent")]
    told: list[int] = []
    items = list(cluster.hashed(found, told.append))
    assert items == [hashed(*one) for one in found]
    assert [isinstance(one, Problem) for one in items] == [False, True, True]
    assert told == [3_000_000]


@pytest.mark.parametrize("count", [0, 3, 999, 1_000, 1_001, 5_000])
def test_of_very_many_files_a_thousand_are_looked_at_and_the_biggest_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    asked_for: list[Path] = []
    sizes = {tmp_path.resolve() / str(number): number for number in range(count)}
    monkeypatch.setattr(cluster_module, "_size", sizes.__getitem__)
    monkeypatch.setattr(cluster_module, "seen", asked_for.append)
    monkeypatch.setattr(Cluster, "_client", lambda _: nullcontext(Client()))
    Cluster("tcp://192.0.2.1:8786", tmp_path).check(sizes)
    assert min(count, 500) <= len(asked_for) <= 1_000 or len(asked_for) == count
    assert set(asked_for) >= set(sorted(sizes, key=sizes.__getitem__)[-500:])


# --- the case


def evidence(folder: Path) -> Path:
    """A relay's log in many packed pieces, so that there is much to share out, a mailbox and a provider's page."""
    folder.mkdir()
    for number in range(12):
        with gzip.GzipFile(folder / f"mail.log.{number}.gz", "wb", mtime=0) as stream:
            stream.write(log(range(5 * number, 5 * number + 5)).encode())
    (folder / "box.mbox").write_text(mailbox(), encoding="utf-8")
    (folder / "page.json").write_text(search_page(), encoding="utf-8")
    return folder


def kill_a_worker(pids: list[int], receipts: Path, killed: list[int]) -> None:
    """SIGKILL one of them as soon as three pieces of work are done."""
    until = time.monotonic() + _LONG
    while time.monotonic() < until:
        if receipts.is_dir() and len(list(receipts.glob("*.json"))) >= 3:
            os.kill(pids[0], signal.SIGKILL)
            killed.append(pids[0])
            return
        time.sleep(0.005)


def test_the_case_is_that_of_one_machine_also_when_a_worker_dies(cluster: Cluster, tmp_path: Path) -> None:
    address = cluster.address
    folder = evidence(tmp_path / "ev")
    alone = audited(folder, out=tmp_path / "alone")
    options = forensics.Options(scheduler=address)
    whole = audited(folder, out=tmp_path / "whole", options=options)
    pids = sorted(set(cluster.run(process_of_worker, range(8))))  # type: ignore[type-var]  # no Lost here
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(pids, tmp_path / "hurt" / "tables" / "receipts", killed), daemon=True)
    killer.start()
    hurt = audited(folder, out=tmp_path / "hurt", options=options)
    killer.join()
    assert killed
    expected = comparable(alone)
    for case in (whole, hurt):
        found = comparable(case)
        assert sorted(found) == sorted(expected)
        assert [name for name in expected if found[name] != expected[name]] == []
        assert forensics.verify(case) == []
        assert not (case.path / ATTEMPTS).exists()
        (joined,) = [
            entry
            for line in (case.path / "custody.jsonl").read_text().splitlines()
            if (entry := json.loads(line))["action"] == "cluster joined"
        ]
        assert joined["scheduler"] == address
        assert joined["workers"]
    assert (whole.path / "case.toml").read_bytes() == (alone.path / "case.toml").read_bytes()


def test_ctrl_c_leaves_a_case_that_goes_on_here_or_there(cluster: Cluster, tmp_path: Path) -> None:
    folder = evidence(tmp_path / "ev")
    case = tmp_path / "case"
    arguments = [sys.executable, "-m", "forensics", "audit", str(folder), "--out", str(case), "--scheduler", cluster.address]
    run = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + _LONG
    while run.poll() is None and not list((case / "tables" / "receipts").glob("*.json")) and time.monotonic() < until:
        time.sleep(0.005)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=_LONG)
    assert run.returncode == 130, said
    assert "run the same command again to go on" in " ".join(said.split())
    assert "Traceback" not in said
    assert not (case / ATTEMPTS).exists()
    finished = forensics.audit(folder, out=case, options=forensics.Options(workers=1))
    assert forensics.verify(finished) == []


# --- who may join


@pytest.mark.parametrize(
    ("words", "usable"),
    [
        ("tcp://10.0.0.1:8786", True),
        ("tls://scheduler.example:8786", True),
        ("tcp://[2001:db8::1]:8786/", True),
        ("10.0.0.1:8786", False),
        ("tcp://scheduler.example", False),
        ("http://scheduler.example:8787", False),
        ("inproc://127.0.0.1/1/1", False),
        ("tcp://a b:1", False),
        ("", False),
    ],
)
def test_an_address_says_how_and_where(tmp_path: Path, words: str, usable: bool) -> None:
    if usable:
        assert Cluster(words, tmp_path).address == words.rstrip("/")
    else:
        with pytest.raises(ClusterError, match="tcp://host:port"):
            Cluster(words, tmp_path)


def asked(tmp_path: Path, **changed: Any) -> Asked:
    """What a worker on this machine, in this process, would find to be as it should."""
    folder = tmp_path / "case" / ATTEMPTS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text("token")
    place = tmp_path / "mail.log"
    place.write_text("one line\n")
    return dataclasses.replace(Asked(surroundings(), folder, "token", ((place, seen(place)),)), **changed)


def other(name: str, version: str) -> Surroundings:
    return Surroundings(tuple(sorted({**dict(surroundings().versions), name: version}.items())))


def gone(question: Asked) -> None:
    question.places[0][0].unlink()


def same_size(question: Asked) -> None:
    question.places[0][0].write_text("two line\n")


def no_case(question: Asked) -> None:
    shutil.rmtree(question.folder)


@pytest.mark.parametrize(
    ("change", "spoil", "words"),
    [
        ({}, None, []),
        ({"here": other("Python", "3.99.1")}, None, ["Python is ", " there and 3.99.1 here"]),
        ({"here": other("forensics", "99")}, None, ["forensics is ", "and 99 here: install the same version"]),
        ({"here": other("parsers/home-made", "3")}, None, ["parsers/home-made is absent there and 3 here"]),
        ({}, gone, ["cannot read ", "mail.log", "No such file", "mount the evidence"]),
        ({}, same_size, ["sees another file at ", "mail.log"]),
        ({}, no_case, ["does not see the case folder", "mount it there"]),
    ],
)
def test_a_worker_that_reads_otherwise_says_what_differs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    spoil: Callable[[Asked], None] | None,
    words: list[str],
) -> None:
    monkeypatch.setattr(cluster_module, "_GLANCE", 0.1)
    question = asked(tmp_path, **change)
    if spoil:
        spoil(question)
    told = _differences(question)
    assert len(told) == bool(words)
    assert all(word in told[0] for word in words)


def test_a_difference_names_the_worker_before_anything_is_read(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "mail.log"
    place.write_text(log())
    joined = cluster.check([place])
    assert len(joined.workers) == 2
    monkeypatch.setattr(cluster_module, "seen", lambda _: Seen(1, "another"))
    with pytest.raises(ClusterError, match="mount the evidence") as refused:
        cluster.check([place])
    assert all(f"worker {worker}: sees another file" in str(refused.value) for worker in joined.workers)
    assert not (tmp_path / ATTEMPTS).exists()


def test_a_worker_that_joins_later_with_other_versions_is_stopped(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "surroundings", lambda: Surroundings((("forensics", "99"),)))
    with pytest.raises(ClusterError, match=r"worker tcp://127\.0\.0\.1:\d+, which joined later, has other versions"):
        list(cluster.run(squared, range(3)))


def test_workers_with_several_threads_are_refused_with_the_command_to_start_them(tmp_path: Path) -> None:
    with running(tmp_path / "dask", 1, threads=2) as found, pytest.raises(ClusterError) as refused:
        Cluster(found, tmp_path).check([])
    assert "runs 2 threads" in str(refused.value)
    assert f"dask worker {found} --nthreads 1" in str(refused.value)


def test_a_cluster_without_workers_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_CONNECT", 3)
    with running(tmp_path / "dask", 0) as found, pytest.raises(ClusterError, match=f"has no worker: start `dask worker {found}"):
        list(Cluster(found, tmp_path).run(squared, [1]))


def test_where_no_scheduler_answers_the_address_is_doubted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_CONNECT", 1)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ClusterError, match="no Dask scheduler answers"):
            list(Cluster(nobody, tmp_path).run(squared, [1]))


def test_without_the_extra_the_command_to_install_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r'pip install "forensics\[cluster\]"'):
        list(Cluster("tcp://127.0.0.1:8786", tmp_path).run(squared, [1]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scheduler", "127.0.0.1:8786"], "tcp://host:port"),
        (["--scheduler", "tcp://127.0.0.1:8786", "--workers", "2"], "leave out --workers or --scheduler"),
    ],
)
def test_the_command_refuses_what_does_not_fit(tmp_path: Path, options: list[str], words: str) -> None:
    (tmp_path / "mail.log").write_text(log())
    done = CliRunner().invoke(app, ["audit", str(tmp_path / "mail.log"), "--out", str(tmp_path / "case"), *options])
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())
