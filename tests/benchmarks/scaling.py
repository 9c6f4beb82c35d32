"""What a second worker gains in pass one, beside what the machine gives a second copy of a bare loop."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import corpus
from benchmarks.cases import SEED, TWO_WORKERS_MEGABYTES
from benchmarks.results import Scaling
from forensics.evidence import SPAN, Item, hashed
from forensics.model import Defect
from forensics.pipeline.executor import Processes
from forensics.pipeline.first_pass import Receipt, parse_batch, plan

__all__ = ["scaling"]

_FILES = 3
# Integers of one machine word and nothing else: no memory, no system calls; so long that an interpreter's start is no matter.
_LOOP = "x = 1\nfor _ in range({turns}):\n    x = (x * 1103515245 + 12345) & 0x7fffffff\n"
_TURNS = 40_000_000


def scaling(megabytes: float, rounds: int, temporary: Path) -> Scaling:
    """Measure: an archive of some files of list mail, which pass one cuts into spans and gives to its pool of processes.

    The start of the workers is part of what is measured, hashing is not: an audit hashes before it starts them.
    """
    items = []
    for number in range(_FILES):
        path = temporary / f"list-{number}"
        corpus.list_mbox(path, megabytes / _FILES, SEED + number)
        item = hashed(path.name, path)
        assert isinstance(item, Item)
        items.append(item)
    turns = max(int(_TURNS * min(megabytes / TWO_WORKERS_MEGABYTES, 1)), 1)
    loop, passes, others = [], [], []
    for _ in range(rounds):
        busy, own = _busy(), _own()
        one = _loop(1, turns)
        others.append(max(_busy() - busy - (_own() - own), 0.0) / one)
        loop.append((one, _loop(2, turns)))
        passes.append((_pass_one(items, 1, temporary), _pass_one(items, 2, temporary)))
    return Scaling(sum(item.size for item in items), tuple(loop), tuple(passes), tuple(others))


def _busy() -> float:
    """Seconds that all processors have worked since the machine started, as Linux counts them (proc(5)); 0 elsewhere."""
    try:
        ticks = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0
    return (sum(map(int, ticks)) - int(ticks[3]) - int(ticks[4])) / os.sysconf("SC_CLK_TCK")  # but for idle and iowait


def _own() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _loop(copies: int, turns: int) -> float:
    begun = time.monotonic()
    running = [subprocess.Popen([sys.executable, "-S", "-c", _LOOP.format(turns=turns)]) for _ in range(copies)]
    codes = [one.wait() for one in running]
    assert not any(codes)
    return time.monotonic() - begun


def _pass_one(items: Sequence[Item], workers: int, temporary: Path) -> float:
    with tempfile.TemporaryDirectory(dir=temporary) as scratch:
        batches = [one for one in plan(Path(scratch), b"k" * 32, items, SPAN) if not isinstance(one, Defect)]
        begun = time.monotonic()
        receipts = list(Processes(workers).run(parse_batch, batches))
        taken = time.monotonic() - begun
    assert all(isinstance(one, Receipt) and one.fragments for one in receipts)
    return taken
