"""Child programs: limits hold, evidence does not leak into errors, no program outlives its time."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forensics import sandbox
from forensics.pipeline.executor import Processes
from forensics.sandbox import Result, python_program, read_limited, run_limited

MEMORY = 256 << 20


def run(
    tmp_path: Path, program: str, data: bytes = b"", *, seconds: float = 20, memory: int = MEMORY, output: int = 1 << 20
) -> Result:
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    return run_limited(python_program(path), data, memory=memory, seconds=seconds, output=output)


def test_output_comes_back(tmp_path: Path) -> None:
    echo = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"
    assert run(tmp_path, echo, b"abc") == Result(ok=True, output=b"cba")


def test_much_input_and_much_output_do_not_block_each_other(tmp_path: Path) -> None:
    echo = "import sys\nwhile b := sys.stdin.buffer.read(999): sys.stdout.buffer.write(b)"
    data = bytes(range(256)) * 40_000
    assert run(tmp_path, echo, data, output=len(data)) == Result(ok=True, output=data)


def test_program_that_never_reads_is_no_deadlock(tmp_path: Path) -> None:
    assert run(tmp_path, "print('x')", b"a" * (8 << 20)).ok


def test_output_is_bounded(tmp_path: Path) -> None:
    found = run(tmp_path, "import sys\nwhile True: sys.stdout.write('a' * 65536)", output=100_000)
    assert (found.ok, len(found.output), found.error) == (False, 100_000, "over the limit of 100000 bytes of output")


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("raise ValueError('Kx9fT2vLq8ZrW3nB')", "ValueError"),
        ("class Odd(Exception): pass\nraise Odd('a\\nb: Kx9fT2vLq8ZrW3nB')", "Odd"),
        ("import json; json.loads('Kx9fT2vLq8ZrW3nB')", "JSONDecodeError"),
        ("import sys; sys.stderr.write('ValueError: Kx9fT2vLq8ZrW3nB'); sys.exit(7)", "exit code 7"),
        ("import sys; sys.exit('Kx9fT2vLq8ZrW3nB')", "exit code 1"),
        ("import os; os.kill(os.getpid(), 6)", "ended by signal 6"),
        ("a = bytearray(1 << 30)", "MemoryError"),
        ("import tempfile; tempfile.TemporaryFile(buffering=0, dir='/dev/shm').write(b'x' * 100)", "OSError"),
        ("fs = [open('/dev/null') for _ in range(500)]", "OSError"),
    ],
)
def test_failure_is_told_by_class_without_its_words(tmp_path: Path, program: str, error: str) -> None:
    found = run(tmp_path, program)
    assert not found.ok
    assert found.error == error


def test_time_is_bounded_for_sleepers_and_for_workers(tmp_path: Path) -> None:
    assert run(tmp_path, "import time; time.sleep(60)", seconds=0.5).error == "over the limit of 0.5 seconds"
    assert run(tmp_path, "while True: pass", seconds=0.5).error == "over the limit of 0.5 seconds"
    closes = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    assert run(tmp_path, closes, seconds=0.5).error == "over the limit of 0.5 seconds"


def test_grandchildren_die_too(tmp_path: Path) -> None:
    program = "import os, sys, time\npid = os.fork()\nif pid: print(pid); sys.stdout.flush()\nelse: time.sleep(600)"
    assert ends(int(run(tmp_path, program, seconds=1).output))


def ends(pid: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True  # dead, and not yet collected by init
        time.sleep(0.05)
    return False


def test_child_inherits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORENSICS_TOKEN", "Kx9fT2vLq8ZrW3nB")
    handle = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(handle, True)
    try:
        program = f"""
import os, resource, sys
assert "FORENSICS_TOKEN" not in os.environ
assert resource.getrlimit(resource.RLIMIT_AS)[0] == {MEMORY}
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert os.getsid(0) == os.getpid() != {os.getsid(0)}
try:
    os.fstat({handle})
except OSError:
    print("closed")
"""
        assert run(tmp_path, program) == Result(ok=True, output=b"closed\n")
    finally:
        os.close(handle)


def test_other_programs_run_as_well() -> None:
    cat = next(path for path in ("/bin/cat", "/usr/bin/cat") if Path(path).exists())
    assert run_limited([cat], b"abc", memory=MEMORY, seconds=10) == Result(ok=True, output=b"abc")
    missing = run_limited(["/nonexistent/program"], b"", memory=MEMORY, seconds=10)
    assert (missing.ok, missing.error) == (False, "FileNotFoundError")


def test_the_command_is_isolated() -> None:
    assert python_program(Path("a.py"))[:2] == (sys.executable, "-I")


# ------------------------------------------------------------------------------------------------------- kept children

Ask = Callable[..., Result]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Documents that are programs themselves: the kept child does what each one says."""
    path = tmp_path / "kept.py"
    path.write_text(
        "import os, sys, time\nseen = []\ndef read(data):\n    said = {}\n    exec(data, globals(), said)\n    return said['out']",
        encoding="utf-8",
    )

    def asked(program: str, *, seconds: float = 20, output: int = 1 << 20) -> Result:
        return read_limited(path, program.encode(), memory=MEMORY, seconds=seconds, output=output)

    yield asked
    if path in sandbox._CHILDREN.running:
        sandbox._CHILDREN.end(path)


def kept() -> int:
    (child,) = sandbox._CHILDREN.running.values()
    return child.pid


@pytest.fixture(autouse=True)
def _no_other_children() -> None:
    sandbox._CHILDREN.end_all()


def test_one_child_reads_many_documents_and_none_sees_another(ask: Ask) -> None:
    remembers = "seen.append(1); out = b'%d %d' % (len(seen), os.getppid())"
    assert {ask(remembers).output for _ in range(5)} == {b"1 %d" % kept()}
    assert len({ask("out = b'%d' % os.getpid()").output for _ in range(3)}) == 3


def test_long_requests_and_answers_pass_whole(ask: Ask) -> None:
    whole = ask(f"out = data = b'{'x' * 3_000_000}'", output=3_000_000)
    assert whole == Result(ok=True, output=b"x" * 3_000_000)
    assert ask("out = b''") == Result(ok=True, output=b"")
    cut = ask("out = bytes(200_000)", output=100_000)
    assert (cut.ok, cut.output, cut.error) == (False, bytes(100_000), "over the limit of 100000 bytes of output")


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("raise ValueError('Kx9fT2vLq8ZrW3nB')", "ValueError"),
        ("raise SystemExit('Kx9fT2vLq8ZrW3nB')", "SystemExit"),
        ("os.abort()", "ended by signal 6"),
        ("os.kill(os.getpid(), 9)", "over the limit of processor time"),
        ("os._exit(7)", "exit code 7"),
        ("out = bytearray(1 << 30)", "MemoryError"),
        ("open('/dev/shm/x', 'wb', 0).write(b'x')", "OSError"),
        ("fs = [open('/dev/null') for _ in range(500)]", "OSError"),
        ("time.sleep(60)", "over the limit of 0.5 seconds"),
        ("while True: pass", "over the limit of 0.5 seconds"),
        ("os.close(1); os.close(2); time.sleep(60)", "over the limit of 0.5 seconds"),
        ("os.kill(os.getppid(), 9); time.sleep(60)", "its process ended"),
        ("os.write(1, b'Kx9fT2vLq8ZrW3nB'); os.kill(os.getppid(), 9)", "its process ended"),
    ],
)
def test_what_one_document_does_costs_that_document_only(ask: Ask, program: str, error: str) -> None:
    found = ask(program, seconds=0.5)
    assert (found.ok, found.error) == (False, error)
    assert ask("out = b'next'") == Result(ok=True, output=b"next")


def test_a_child_that_died_meanwhile_is_replaced_in_silence(ask: Ask) -> None:
    ask("out = b''")
    os.kill(kept(), signal.SIGKILL)
    time.sleep(0.2)
    assert ask("out = b'next'").output == b"next"


def test_a_child_that_stands_still_is_given_up(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    ask("out = b''")
    monkeypatch.setattr(sandbox, "_START", 0.2)
    stopped = kept()
    os.kill(stopped, signal.SIGSTOP)
    assert ask("out = b''", seconds=0.2).error == "its process ended"
    assert ends(stopped)
    monkeypatch.undo()
    assert ask("out = b'next'").output == b"next"


def test_a_program_that_cannot_start_is_told(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("raise ImportError('Kx9fT2vLq8ZrW3nB')", encoding="utf-8")
    assert read_limited(path, b"x", memory=MEMORY, seconds=5).error == "its process ended"
    assert not sandbox._CHILDREN.running


def test_a_document_sees_two_pipes_and_nothing_of_ours(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORENSICS_TOKEN", "Kx9fT2vLq8ZrW3nB")
    handle = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(handle, True)
    try:
        links = ask("out = ' '.join(map(os.readlink, map('/proc/self/fd/{}'.format, range(3)))).encode()").output.split()
        assert [one[:6] for one in links] == [b"/dev/n", b"pipe:[", b"pipe:["]
        assert ask("out = ' '.join(os.listdir('/proc/self/fd')).encode()").output == b"0 1 2 3"  # the last one lists
        assert ask("out = repr('FORENSICS_TOKEN' in os.environ).encode()").output == b"False"
        limits = (
            "import resource as r; out = repr([*map(r.getrlimit, (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_CORE))])"
        )
        assert ask(f"{limits}.encode()").output == repr([(MEMORY, MEMORY), (21, 21), (0, 0), (0, 0)]).encode()
        assert ask("out = b'%d' % os.getsid(0)").output == b"%d" % kept()
    finally:
        os.close(handle)


def test_no_file_stays_open_however_it_ends(ask: Ask) -> None:
    ask("out = b''")
    ours = len(list(Path("/proc/self/fd").iterdir()))
    theirs = len(list(Path(f"/proc/{kept()}/fd").iterdir()))
    for program in ("out = b''", "1 / 0", "os._exit(1)", "out = bytes(2 << 20)"):
        ask(program)
    assert len(list(Path(f"/proc/{kept()}/fd").iterdir())) == theirs == 3
    ask("os.kill(os.getppid(), 9)")
    ask("out = b''")
    assert len(list(Path("/proc/self/fd").iterdir())) == ours


def test_what_a_document_starts_dies_with_it(ask: Ask) -> None:
    found = ask("pid = os.fork()\nif not pid: time.sleep(600)\nout = b'%d' % pid", seconds=1)
    assert ends(int(found.output))


def test_a_document_that_kills_its_keeper_ends_in_its_time(ask: Ask, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    os.mkfifo(note)  # a document may write no file
    reads = os.open(note, os.O_RDONLY | os.O_NONBLOCK)
    program = f"f = os.open({str(note)!r}, 1); os.write(f, b'%d' % os.getpid()); os.kill(os.getppid(), 9); time.sleep(60)"
    assert ask(program, seconds=0.5).error == "its process ended"
    assert ends(int(os.read(reads, 99)))
    os.close(reads)


def test_a_fork_of_ours_neither_uses_nor_keeps_the_child(ask: Ask) -> None:
    ask("out = b''")
    before = kept()
    inside, outside = os.pipe()
    child = os.fork()
    if not child:
        os.write(outside, ask("out = b'%d' % os.getppid()").output)
        sandbox._CHILDREN.end_all()
        os._exit(0)
    os.close(outside)
    os.waitpid(child, 0)
    assert int(os.read(inside, 99)) != before
    os.close(inside)
    assert ask("out = b'%d' % os.getppid()").output == b"%d" % before


OWNER = """
import os, sys, time
from pathlib import Path
from forensics import sandbox
path = Path(sys.argv[1])
sandbox.read_limited(path, b"", memory=1 << 28, seconds=20)
(child,) = sandbox._CHILDREN.running.values()
print(child.pid, flush=True)
if sys.argv[2] == "forks" and not os.fork():
    time.sleep(2)
    os._exit(0)
if sys.argv[2] == "reads":
    sandbox.read_limited(path, b"sleep", memory=1 << 28, seconds=60)
if sys.argv[2] == "waits":
    time.sleep(60)
os._exit(0) if sys.argv[2] == "breaks off" else None
"""


def test_each_worker_of_a_pool_keeps_a_child_and_takes_it_along(tmp_path: Path) -> None:
    path = tmp_path / "kept.py"
    path.write_text("import os\ndef read(data):\n    return b'%d' % os.getppid()", encoding="utf-8")
    reading = functools.partial(read_limited, path, memory=MEMORY, seconds=20)
    found = list(Processes(2).run(reading, [b""] * 12))
    keepers = {int(one.output) for one in found if isinstance(one, Result) and one.ok}
    assert len(found) == 12
    assert 1 <= len(keepers) <= 2
    assert all(map(ends, keepers))
    assert not sandbox._CHILDREN.running


@pytest.mark.parametrize("way", ["ends", "breaks off", "forks", "waits", "reads"])
def test_no_child_outlives_its_owner(tmp_path: Path, way: str) -> None:
    path = tmp_path / "kept.py"
    path.write_text("import time\ndef read(data):\n    time.sleep(60 if data else 0)\n    return b''", encoding="utf-8")
    with subprocess.Popen([sys.executable, "-c", OWNER, str(path), way], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        if way in {"waits", "reads"}:
            time.sleep(0.3)
            owner.kill()
        assert ends(pid)
