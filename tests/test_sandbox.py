"""Child programs: limits hold, evidence does not leak into errors, no program outlives its time."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from forensics.sandbox import Result, python_program, run_limited

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
    found = run(tmp_path, program, seconds=1)
    pid = int(found.output)
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return  # dead, and not yet collected by init
        time.sleep(0.05)
    pytest.fail("the grandchild is still alive")


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
