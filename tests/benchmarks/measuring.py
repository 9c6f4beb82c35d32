"""One run of one contestant in a process of its own: CPU seconds, peak memory, and what it found."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES, OURS, ROOT

__all__ = ["ChildError", "Measured", "child", "in_process", "measure", "measured", "peak_memory"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: CPU seconds, peak resident memory and evidence in bytes, and what was found; `hits` is -1 for who does not look."""

    cpu: float
    peak: int
    size: int
    messages: int
    hits: int
    defects: int


class ChildError(RuntimeError):
    """A contestant's process failed; the message ends with what it said last."""


def _cpu() -> float:
    """User and system seconds of this process and of its children, ended or not: one that reads PDFs is kept for the next."""
    ended = sum(
        usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    return ended + _cpu_of_living()


def _cpu_of_living() -> float:
    """The same of all programs below this one, as Linux counts them (proc(5)); 0 elsewhere."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            fields = place.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents[int(place.parent.name)], ticks[int(place.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    below = {os.getpid()}
    while more := {one for one, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(ticks[one] for one in below - {os.getpid()}) / os.sysconf("SC_CLK_TCK")


def peak_memory() -> int:
    """Peak resident bytes of this program alone: Linux's ru_maxrss also holds that of the process which started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak << 10


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in ([path] if path.is_file() else path.rglob("*")) if one.is_file())


def measured(work: Callable[[], Callable[[], tuple[int, int, int]]], path: Path) -> Measured:
    """Do the work here. What it returns counts what it found, unmeasured."""
    before = _cpu()
    count = work()
    cpu, peak = _cpu() - before, peak_memory()
    return Measured(cpu, peak, _size(path), *count())


def child(name: str, contestant: str, path: Path, scratch: Path) -> Measured:
    """Do one contestant's work in this process; `scratch` is an empty folder for what it writes."""
    case = next(one for one in CASES if one.name == name)
    chosen = case.contestant(contestant)
    if contestant in OURS:
        from benchmarks.ours import OUR_WORK

        return measured(OUR_WORK[contestant](case, path, scratch, chosen.wanted), path)
    from benchmarks.peers import PEERS

    def work() -> Callable[[], tuple[int, int, int]]:
        counted = PEERS[contestant](path, chosen.wanted)
        return lambda: (counted.messages, counted.hits, 0)

    return measured(work, path)


def measure(name: str, contestant: str, path: Path, temporary: Path) -> Measured:
    """One run in a fresh process with a scratch folder below `temporary`. Raises ChildError."""
    with tempfile.TemporaryDirectory(dir=temporary) as scratch:
        return Measured(**in_process(f"{name}, {contestant}", ["--child", name, contestant, str(path), scratch], temporary))


def in_process(title: str, arguments: list[str], temporary: Path) -> Any:
    """What `run.py` prints as JSON when it is started with these arguments. Raises ChildError."""
    command = [sys.executable, str(Path(__file__).resolve().with_name("run.py")), *arguments]
    environment = os.environ | {"PYTHONHASHSEED": "0", "TMPDIR": str(temporary)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        msg = f"{title}: exit code {done.returncode}: {last}"
        raise ChildError(msg)
    return json.loads(done.stdout)
