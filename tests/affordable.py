"""A bound on work that hostile input may cause, in units of this machine's own speed at this moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

_YARDSTICK_SECONDS = 0.027  # what the yardstick costs where the bounds were set


def _yardstick() -> float:
    """CPU seconds of a fixed amount of plain Python: it grows as the code under test does on a slow or busy machine."""
    started = time.process_time()
    counted: dict[str, int] = {}
    for number in range(200_000):
        counted[str(number % 997)] = number
    return time.process_time() - started


@contextmanager
def affordable(units: float) -> Iterator[None]:
    """Fails if the block costs more than `units`: one is about a CPU second of the machine that the bounds were set on.

    A bound here is ten or more times the usual cost, and far below what a quadratic search would take on the same input: it tells
    runaways from work, never fast from less fast (that is what the benchmarks are for). Warm up what is compiled on first use before.
    """
    before = _yardstick()
    started = time.process_time()
    yield
    spent = time.process_time() - started
    slowness = max(1.0, before / _YARDSTICK_SECONDS, _yardstick() / _YARDSTICK_SECONDS)
    assert spent < units * slowness, f"{spent:.1f} CPU seconds on a machine {slowness:.1f} times slower than the yardstick's"
