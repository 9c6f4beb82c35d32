"""Runs that are killed, interrupted, crowded out or out of space: the next one goes on, and nobody can tell from the case."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import KEY, audited, comparable, log, mailbox, plant, search_page

import forensics
from forensics.case import Case, CaseError, FullDiskError, aside, full_disk_told, write_file
from forensics.cli.console import Course, watching
from forensics.model import Defect, Limits, Span
from forensics.pipeline import first_pass, second_pass
from forensics.pipeline.audit import NoEvidenceError

SEED = 20250918
_LONG = 300  # seconds: a loaded machine is slow, and a run that hangs must not hang the tests

# Runs the command, and strikes right before the n-th change of a file: where a file is opened for writing, renamed or removed.
_STRUCK = """
import os, signal, sys
number, at, case = int(sys.argv[1]), int(sys.argv[2]), os.path.abspath(sys.argv[3])
changes = 0
def watch(event, arguments):
    global changes
    if event == "open":
        changed = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    else:
        changed = event in {"os.rename", "os.remove", "os.truncate", "os.mkdir"}
    if changed and isinstance(arguments[0], (str, os.PathLike)) and os.path.abspath(arguments[0]).startswith(case):
        changes += 1
        if changes == at:
            os.kill(os.getpid(), number)
sys.addaudithook(watch)
sys.argv[1:4] = []
from forensics.cli import run
try:
    run()
finally:
    print(changes, file=sys.stderr)
"""


def evidence(folder: Path) -> Path:
    """The small evidence in more pieces, so that there is something to do between two kills."""
    plant(folder)
    for number in range(1, 5):
        (folder / f"log{number}").write_text(log(range(10 * number, 10 * number + 4)), encoding="utf-8")
        (folder / f"box{number}.mbox").write_text(mailbox(range(10 * number, 10 * number + 4)), encoding="utf-8")
        (folder / f"page{number}.json").write_text(search_page(f"row of {number}"), encoding="utf-8")
    return folder


def command(root: Path, out: Path, *more: str) -> list[str]:
    """Arguments of an audit of the evidence at `root`/ev with a fixed key."""
    key = root / "key"
    key.write_text(KEY, encoding="ascii")
    return [
        "audit", str(root / "ev"), "--incident", "postmark-mcp", "--own-domain", "acme.example", "--year", "2025",
        "--case-key", str(key), "--out", str(out), "-q", *more,
    ]  # fmt: skip


def undisturbed(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "forensics", *arguments], capture_output=True, text=True, timeout=_LONG, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def struck(arguments: list[str], out: Path, number: signal.Signals, at: int) -> subprocess.CompletedProcess[str]:
    """A run to which a signal comes right before its `at`-th change of the case folder."""
    return subprocess.run(
        [sys.executable, "-c", _STRUCK, str(int(number)), str(at), str(out), *arguments],
        capture_output=True, text=True, timeout=_LONG, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted")
    evidence(folder / "ev")
    return folder


@pytest.fixture(scope="module")
def whole(root: Path) -> Case:
    """The case of a run that nobody disturbed."""
    undisturbed(command(root, root / "whole", "--workers", "1"))
    return Case(root / "whole")


@pytest.fixture(scope="module")
def changes(root: Path, whole: Case) -> int:
    """How often a run changes a file of its case folder."""
    assert whole.path.exists()
    out = root / "counted"
    done = struck(command(root, out, "--workers", "1"), out, signal.SIGKILL, -1)
    shutil.rmtree(out)
    assert done.returncode == 0
    return int(done.stderr.split()[-1])


def finished_parts(case: Path) -> dict[str, tuple[int, int]]:
    """Receipts and parts of pass one: who they are, and when they were written."""
    return {
        place.relative_to(case).as_posix(): (place.stat().st_ino, place.stat().st_mtime_ns)
        for folder in ("receipts", "fragments", "raw_defects", "raw_statements", "raw_members")
        for place in (case / "tables" / folder).glob("*")
        if not place.name.endswith(".new")
    }


def receipts(case: Path) -> int:
    return len(list((case / "tables" / "receipts").glob("*.json")))


def assert_same(found: Case, expected: Case) -> None:
    of_expected, of_found = comparable(expected), comparable(found)
    assert sorted(of_found) == sorted(of_expected)
    assert [name for name in of_expected if of_found[name] != of_expected[name]] == []
    assert forensics.verify(found) == []
    assert [place.name for place in found.path.rglob("*.new")] == []


# --- killed, and gone on


@pytest.mark.slow
def test_a_case_changes_its_folder_often_enough_to_be_struck_anywhere(changes: int) -> None:
    assert changes > 100


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_struck_at_any_change_of_a_file_is_gone_on_with(
    root: Path, whole: Case, changes: int, number: signal.Signals, tmp_path: Path
) -> None:
    points = sorted(random.Random(SEED + number).sample(range(1, changes + 1), int(os.environ.get("STRIKES", "4"))))
    arguments = command(root, tmp_path / "case", "--workers", "1")
    for at in points:
        done = struck(arguments, tmp_path / "case", number, at)
        if done.returncode == 0 and int(done.stderr.split()[-1]) < at:  # little was left to do
            continue
        assert done.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 130), (at, done.stderr)
        before = finished_parts(tmp_path / "case") if receipts(tmp_path / "case") else {}
        if number is signal.SIGINT:
            assert "run the same command again to go on" in " ".join(done.stderr.split())
            assert not list(tmp_path.rglob("*.new"))
        if (tmp_path / "case" / "tables").exists() and at % 2:  # else the next strike meets what this one left
            undisturbed(arguments)
            after = finished_parts(tmp_path / "case")
            done_before = {name: known for name, known in before.items() if name.startswith("tables/receipts/")}
            assert {name: after.get(name) for name in done_before} == done_before
            assert_same(Case(tmp_path / "case"), whole)
            shutil.rmtree(tmp_path / "case")
    undisturbed(arguments)
    assert_same(Case(tmp_path / "case"), whole)


def after_receipts(wanted: int) -> Callable[[Path], bool]:
    return lambda case: receipts(case) >= wanted


def after(name: str) -> Callable[[Path], bool]:
    return lambda case: (case / name).exists()


def at_once(case: Path) -> bool:
    return case.exists()


MOMENTS: list[Callable[[Path], bool]] = [
    at_once, after("custody.jsonl"), after_receipts(1), after("tables/messages"), after("report/summary.json"), after("custody.head"),
]  # fmt: skip


@pytest.mark.slow
def test_a_run_of_several_processes_struck_at_any_moment_is_gone_on_with(root: Path, whole: Case, tmp_path: Path) -> None:
    arguments = command(root, tmp_path / "case", "--workers", "2")
    for turn, moment in enumerate(MOMENTS):
        number = (signal.SIGKILL, signal.SIGINT)[turn % 2]
        run = subprocess.Popen([sys.executable, "-m", "forensics", *arguments], stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + _LONG
        while run.poll() is None and not moment(tmp_path / "case") and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(random.Random(SEED + turn).random() / 10)
        run.send_signal(number)
        _, said = run.communicate(timeout=_LONG)
        assert run.returncode in {-number, 130, 0}, said  # 0: it was done a moment before
    undisturbed(arguments)
    assert_same(Case(tmp_path / "case"), whole)


# --- one at a time


_HOLDER = """
import sys, time
from pathlib import Path
from forensics.case import Case
with Case.create(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A case folder that another process has, and that process."""
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path / "case")], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield tmp_path / "case", holder
        holder.kill()


def test_a_second_audit_of_a_case_folder_is_refused_at_once_and_free_when_the_first_was_killed(
    held: tuple[Path, subprocess.Popen[str]], tmp_path: Path
) -> None:
    out, holder = held
    before = sorted(out.rglob("*"))
    arguments = command(tmp_path, out)
    plant(tmp_path / "ev")
    done = subprocess.run(
        [sys.executable, "-m", "forensics", *arguments], capture_output=True, text=True, timeout=_LONG, check=False
    )
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert f"is in use by process {holder.pid} on " in said
    assert "wait until that has ended" in said
    assert sorted(out.rglob("*")) == before
    holder.kill()
    holder.wait()
    with Case(out).locked():  # the lock died with who held it, though the file is still there
        assert (out / "case.lock").exists()


def test_a_thread_may_ask_again_and_another_thread_may_not(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "case")
    refused: list[CaseError] = []

    def ask() -> None:
        try:
            with case.locked():
                pass
        except CaseError as error:
            refused.append(error)

    def elsewhere() -> None:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()

    with case.locked(), Case(tmp_path / "case").locked():
        elsewhere()
    assert len(refused) == 1
    assert f"process {os.getpid()} on " in str(refused[0])
    with pytest.raises(KeyError), case.locked():
        raise KeyError
    elsewhere()
    assert len(refused) == 1
    assert (tmp_path / "case" / "case.lock").read_bytes() == b""


def test_reports_wait_for_nobody_either_and_the_lock_is_in_no_manifest(tmp_path: Path) -> None:
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    assert "case.lock" not in (case.path / "manifest-sha256.txt").read_text()
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(case.path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(CaseError, match=f"in use by process {holder.pid}"):
            forensics.report(case)
        holder.kill()
    assert forensics.report(case)
    assert forensics.verify(case) == []


def test_a_file_system_without_locks_is_told_and_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("forensics.case.fcntl.flock", refuse)
    with pytest.raises(CaseError, match="gives no locks"):
        Case.create(tmp_path / "case")


@pytest.mark.parametrize(
    ("left", "usable"),
    [
        ([], True),
        (["case.lock"], True),
        (["case.lock", "case.key.0a1b2c3d.new"], True),
        (["case.lock", "thesis.txt"], False),
        (["case.key.bak"], False),
        (["notes.new"], False),
    ],
)
def test_what_a_run_leaves_that_was_killed_before_it_had_a_key_is_no_strange_folder(
    tmp_path: Path, left: list[str], usable: bool
) -> None:
    (tmp_path / "case").mkdir()
    for name in left:
        (tmp_path / "case" / name).write_text("")
    if not usable:
        with pytest.raises(CaseError, match="is no case folder"):
            Case.create(tmp_path / "case")
        return
    assert len(Case.create(tmp_path / "case").key) == 32
    assert not list((tmp_path / "case").glob("*.new"))


def test_what_was_half_written_goes_and_nothing_else(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "case")
    write_file(case.tables / "summary.json", "{}")
    for name in ("tables/summary.json.12345678.new", "report/report.html.new", "tables/x/part-0.parquet.00000000.new"):
        (case.path / name).parent.mkdir(exist_ok=True)
        (case.path / name).write_text("half")
    (case.path / "tables" / "news").write_text("kept")
    (case.path / "tables" / "a.new").mkdir()
    with case.locked():
        assert sorted(p.name for p in case.path.rglob("*") if p.is_file()) == ["case.key", "case.lock", "news", "summary.json"]


# --- no space left


def limited(size: int) -> Callable[[], None]:
    """What a child does first: from there on no file of its, or of its children, grows beyond so many bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.slow
@pytest.mark.parametrize(("size", "workers"), [(1_500, "1"), (9_000, "2"), (30_000, "1")])
def test_a_full_disk_stops_the_run_and_costs_nothing(root: Path, whole: Case, tmp_path: Path, size: int, workers: str) -> None:
    arguments = command(root, tmp_path / "case", "--workers", workers)
    done = subprocess.run(
        [sys.executable, "-m", "forensics", *arguments],
        capture_output=True, text=True, timeout=_LONG, check=False, preexec_fn=limited(size),
    )  # fmt: skip
    said = " ".join(done.stderr.split())
    assert done.returncode == 1, said
    assert "Make room, and run the same command again to go on: what was read is kept" in said
    assert "Unexpected" not in said
    assert not (tmp_path / "case" / "case.toml").exists()
    if workers == "1":  # else others are stopped at what they write; the next run sweeps that away
        assert not list((tmp_path / "case" / "tables").rglob("*.new"))
    undisturbed(arguments)
    assert_same(Case(tmp_path / "case"), whole)


def _failing(number: int) -> Callable[[Any], Iterator[Any]]:
    def read(source: Any) -> Iterator[Any]:
        yield Defect(source.span, "foreign", "one that was read")
        raise OSError(number, os.strerror(number))

    return read


@pytest.mark.parametrize(
    ("number", "is_ours"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EFBIG, True), (errno.EIO, False)]
)
def test_a_full_disk_is_no_defect_of_evidence_and_a_broken_one_is(number: int, is_ours: bool) -> None:
    parser: Any = SimpleNamespace(name="foreign", read=_failing(number))
    source: Any = SimpleNamespace(span=Span("0" * 16, "", 0, -1))
    records = first_pass._read(parser, source)
    if is_ours:
        with pytest.raises(OSError, match=os.strerror(number)):
            list(records)
    else:
        assert [one.reason for one in records if isinstance(one, Defect)][1].startswith("the parser failed (OSError)")


@pytest.mark.parametrize(("number", "is_ours"), [(errno.ENOSPC, True), (errno.EIO, False)])
def test_a_full_disk_does_not_make_content_unread(monkeypatch: pytest.MonkeyPatch, number: int, is_ours: bool) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(second_pass, "texts", fail)
    wanted = second_pass.Wanted("k", Span("0" * 16, "", 0, 10), "mbox", "mail", has_body=True, sent_at=None)
    batch = second_pass.ContentBatch(None, (wanted,), b"k" * 32, Limits())  # type: ignore[arg-type]  # not opened here
    if is_ours:
        with pytest.raises(OSError, match=os.strerror(number)):
            second_pass._read(wanted, [b"Subject: x\n\nhello\n"], batch)
    else:
        (unread,) = second_pass._read(wanted, [b"Subject: x\n\nhello\n"], batch).unread
        assert unread.reason == "reading failed (OSError)"


def test_a_part_that_cannot_be_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("forensics.pipeline.first_pass.pq.ParquetWriter.write_table", fail)
    with pytest.raises(FullDiskError, match="No space left on device"):
        audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    assert receipts(tmp_path / "case") == 0
    assert list((tmp_path / "case" / "tables").rglob("*.*")) == []


def test_a_spill_that_finds_no_room_is_a_full_disk_and_a_wrong_query_is_not(tmp_path: Path) -> None:
    with duckdb.connect(config={"memory_limit": "20MB", "threads": 1}) as connection:
        connection.execute("SET temp_directory = $place", {"place": str(tmp_path / "spill")})
        connection.execute("SET max_temp_directory_size = '1MB'")
        with pytest.raises(FullDiskError, match="Make room"), full_disk_told(tmp_path):
            connection.execute("CREATE TABLE t AS SELECT hash(i) AS x, repeat('y', 50) AS y FROM range(2000000) r(i) ORDER BY x")
        with pytest.raises(duckdb.Error), full_disk_told(tmp_path):
            connection.execute("SELECT nonsense")


def test_a_place_that_an_error_names_is_told(tmp_path: Path) -> None:
    with pytest.raises(FullDiskError, match=r"^/elsewhere: No space left on device"), full_disk_told(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/elsewhere/file")
    with pytest.raises(PermissionError), full_disk_told(tmp_path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/elsewhere/file")


def test_two_who_write_one_file_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "part"
    with aside(target) as one, aside(target) as other:
        one.write_text("one")
        other.write_text("other")
    assert target.read_text() == "one"  # who is done last
    assert [place.name for place in tmp_path.iterdir()] == ["part"]


class Listener:
    """A watcher that remembers what it was warned of."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def step(self, title: str, total: int | None = None) -> None: ...

    def advance(self, amount: int) -> None: ...

    def warn(self, text: str) -> None:
        self.warned.append(text)


@pytest.mark.parametrize(
    ("free", "evidence_size", "lacks"),
    [
        (10_000_000_000, 1_000, False),
        (199_000_000, 1_000, True),
        (1_000_000_000, 1_000_000_000, False),
        (500_000_000, 1_000_000_000, True),
    ],
)
def test_room_is_asked_for_by_the_size_of_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, evidence_size: int, lacks: bool
) -> None:
    case = Case.create(tmp_path / "case")
    monkeypatch.setattr("forensics.case.shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert (case.short_of(evidence_size) > 0) == lacks


@pytest.mark.parametrize("free", [10_000_000_000, 150_000_000])
def test_too_small_a_disk_is_told_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    watcher = Listener()
    monkeypatch.setattr("forensics.case.shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    (tmp_path / "ev").mkdir()
    (tmp_path / "ev" / "notes").write_bytes(b"\0\1\2 nothing")
    with pytest.raises(NoEvidenceError):
        forensics.audit(tmp_path / "ev", out=tmp_path / "case", watcher=watcher, options=forensics.Options(workers=1))
    assert [bool("lacks 50 MB" in one) for one in watcher.warned] == ([] if free > 1_000_000_000 else [True])


# --- how long it will take


@given(
    st.lists(st.floats(0.05, 1), min_size=1, max_size=6),
    st.floats(1, 10_000),
    st.floats(0.2, 0.99),
    st.integers(0, 5),
)
@settings(max_examples=100, deadline=None)
@pytest.mark.property
def test_an_estimate_is_true_where_every_step_takes_its_usual_share(
    parts: list[float], seconds: float, fraction: float, step: int
) -> None:
    shares = [one / sum(parts) for one in parts]
    step %= len(shares)
    now = [0.0]
    course = Course(shares, clock=lambda: now[0])
    for number in range(step + 1):
        now[0] = sum(shares[:number]) * seconds
        course.enter(10_000)
    course.done = round(fraction * 10_000)
    now[0] += shares[step] * course.done / 10_000 * seconds
    left = course.left()
    if left is not None:
        assert left == pytest.approx(seconds - now[0], rel=0.01, abs=seconds / 1_000)


@pytest.mark.parametrize(
    ("entered", "at", "done", "left"),
    [
        ([(0, 100)], 0, 0, None),  # nothing is over yet
        ([(0, 100)], 1, 1, None),  # too early: one hundredth of a quarter
        ([(0, 100)], 10, 50, 10 + 60),  # half of the first quarter in 10 s: 80 s in all
        ([(0, 100)], 20, 100, 60),
        ([(0, 100), (20, None)], 30, 0, 10 + 40),  # of unknown size: half of its usual time is over
        ([(0, 100), (20, None)], 90, 0, None),  # long over its time: never nothing, see below
        ([(0, 100), (20, 100), (40, 100), (60, 100)], 80, 100, 0),
        ([(0, 100), (20, 100), (40, 100), (60, 100), (80, 100)], 90, 50, None),  # more steps than were told
    ],
)
def test_an_estimate_goes_by_what_is_over(entered: list[tuple[int, int | None]], at: int, done: int, left: float | None) -> None:
    now = [0.0]
    course = Course((0.25, 0.25, 0.25, 0.25), clock=lambda: now[0])
    for moment, total in entered:
        now[0] = moment
        course.enter(total)
    now[0], course.done = at, done
    if entered[-1][1] is None and at == 90:
        assert (course.left() or 0) > 0
    else:
        assert course.left() == (None if left is None else pytest.approx(left))


def test_where_stderr_is_no_terminal_there_is_a_plain_line_a_step_and_no_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(quiet=False, shares=(0.5, 0.5)) as bars:
        bars.step("Hashing evidence", 10)
        bars.advance(10)
        bars.warn("this disk may be too [small]")
        bars.step("Writing the case")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Hashing evidence ...\nthis disk may be too [small]\nWriting the case ...\n")
    with watching(quiet=True, shares=(0.5, 0.5)) as bars:
        bars.step("Hashing evidence", 10)
        bars.warn("this disk may be too small")
    assert capsys.readouterr() == ("", "")
