"""What the rounds say: speeds, ratios beside what was aimed at, and whether everybody found what was written."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.cases import Case, Contestant
from benchmarks.corpus import Written
from benchmarks.measuring import Measured

__all__ = ["Ratio", "Result", "Scaling", "compared", "disagreements"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A peer's CPU time for a byte by our own, median of the rounds, and the ratio aimed at; 0 for none."""

    peer: str
    times: float
    target: float

    def told(self) -> str:
        """As the report says it."""
        return f"x {self.peer} {self.times:.2f}" + (f" (target {self.target:g})" if self.target else "")


@dataclass(frozen=True, slots=True)
class Result:
    """All counted rounds of one contestant over one file of `size` bytes; `target` in megabytes a CPU second, 0 for none."""

    case: str
    contestant: str
    size: int
    messages: int
    hits: int
    defects: int
    cpu: tuple[float, ...]
    peak: int
    target: float = 0
    ratios: tuple[Ratio, ...] = ()

    @property
    def speeds(self) -> tuple[float, float, float]:
        """Megabytes (10^6) a CPU second: median, least, most."""
        speeds = [self.size / 1e6 / max(seconds, 1e-3) for seconds in self.cpu]
        return statistics.median(speeds), min(speeds), max(speeds)

    @property
    def rate(self) -> float:
        """Messages a CPU second, median."""
        return self.messages / max(statistics.median(self.cpu), 1e-3)

    def told(self) -> str:
        """Speed and ratios beside their targets in one line; "" where nothing is aimed at and nobody stands beside."""
        if not self.target and not self.ratios:
            return ""
        speed = f"{self.speeds[0]:.1f} MB per CPU s" + (f" (target {self.target:g})" if self.target else "")
        return f"{self.case}, {self.contestant}: {'; '.join([speed, *(one.told() for one in self.ratios)])}"

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        median, least, most = self.speeds
        return {
            "case": self.case,
            "contestant": self.contestant,
            "bytes": self.size,
            "messages": self.messages,
            "hits": self.hits,
            "defects": self.defects,
            "cpu_seconds": [round(one, 4) for one in self.cpu],
            "peak_bytes": self.peak,
            "megabytes_per_cpu_second": {"median": round(median, 2), "min": round(least, 2), "max": round(most, 2)},
            "messages_per_cpu_second": round(self.rate, 1),
            "target_megabytes_per_cpu_second": self.target or None,
            "ratios": [{"peer": one.peer, "times": round(one.times, 2), "target": one.target or None} for one in self.ratios],
        }


@dataclass(frozen=True, slots=True)
class Scaling:
    """What a second process gains: of a bare loop, and of pass one over an archive; wall seconds, one value a round.

    `loop` and `passes`: (of one process, of two). A loop is done once by each process, pass one shares the same work.
    `others`: processors that other programs kept busy during the first loop of a round.
    """

    size: int
    loop: tuple[tuple[float, float], ...]
    passes: tuple[tuple[float, float], ...]
    others: tuple[float, ...]

    TARGET = 0.9
    QUIET = 0.1  # processors: with more than this in other hands the gains say nothing about ours

    @property
    def loop_gain(self) -> float:
        """How much more two copies of a loop do in the same time: 2 on two cores, less where they share one."""
        return statistics.median(2 * one / two for one, two in self.loop)

    @property
    def pass_gain(self) -> float:
        """How much sooner two workers are done than one."""
        return statistics.median(one / two for one, two in self.passes)

    def told(self) -> str:
        """As the report says it."""
        one, two = (statistics.median(times) for times in zip(*self.passes, strict=True))
        busy = statistics.median(self.others)
        doubt = f"; other programs kept {busy:.1f} processors busy: measure again alone" if busy > self.QUIET else ""
        return (
            f"two-workers, {self.size / 1e6:.0f} MB of list mail: pass one gains x {self.pass_gain:.2f} ({one:.1f} s with one worker, {two:.1f} s "
            f"with two), a bare loop x {self.loop_gain:.2f}; share {self.pass_gain / self.loop_gain:.0%} (target {self.TARGET:.0%}){doubt}"
        )

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "bytes": self.size,
            "loop_wall_seconds": [list(one) for one in self.loop],
            "pass_one_wall_seconds": [list(one) for one in self.passes],
            "processors_of_others": [round(one, 2) for one in self.others],
            "loop_gain": round(self.loop_gain, 3),
            "pass_one_gain": round(self.pass_gain, 3),
            "share": round(self.pass_gain / self.loop_gain, 3),
            "target": self.TARGET,
        }


def compared(case: Case, runs: Mapping[str, Sequence[Measured]]) -> list[Result]:
    """Results in the order of the case's contestants. A ratio is taken round by round, of CPU seconds a byte."""
    return [_result(case, case.contestant(name), done, runs) for name, done in runs.items()]


def _result(case: Case, contestant: Contestant, done: Sequence[Measured], runs: Mapping[str, Sequence[Measured]]) -> Result:
    ratios = []
    for peer, target in contestant.beside.items():
        pairs = zip(done, runs[peer], strict=True)
        times = statistics.median(_cost(theirs) / _cost(ours) for ours, theirs in pairs)
        ratios.append(Ratio(peer, times, target))
    last = done[-1]
    cpu, peak = tuple(run.cpu for run in done), max(run.peak for run in done)
    return Result(
        case.name, contestant.name, last.size, last.messages, last.hits, last.defects, cpu, peak, contestant.target, tuple(ratios)
    )


def _cost(one: Measured) -> float:
    """CPU seconds a byte."""
    return max(one.cpu, 1e-3) / max(one.size, 1)


def disagreements(results: Sequence[Result], written: Mapping[str, Written]) -> list[str]:
    """What does not fit in one case, in sentences. `written`: what each contestant's file holds; who is not named may find anything."""
    told = []
    for one in results:
        who = f"{one.case}: {one.contestant}"
        if one.messages == 0 or one.hits == 0:
            told.append(f"{who} found {one.messages} messages, {one.hits} hits: it reads nothing")
        elif (holds := written.get(one.contestant)) is None:
            continue
        elif one.messages not in {holds.messages, -1}:
            told.append(f"{who} found {one.messages} messages; {holds.messages} were written")
        elif one.hits not in {holds.hits, -1}:
            told.append(f"{who} found {one.hits} hits; {holds.hits} were written")
        if one.defects and one.contestant in written:
            told.append(f"{who} reports {one.defects} defects in evidence that has none")
    return told
