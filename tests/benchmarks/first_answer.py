"""How fast the first answer is beside grep, which only searches for one address: both over the same file, in turn."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.cases import SEED
from benchmarks.corpus import INDICATOR
from benchmarks.measuring import in_process

__all__ = ["Race", "child_of_triage", "disagreements", "races"]

_BOTH, _ALONE, _GREP, _ANY_CASE = "triage", "indicators alone", "grep -F", "grep -iF"
_RATIO = 1 / 3  # of grep's speed, aimed at for indicators alone
# evidence, megabytes, and what is aimed at with recipients in megabytes a CPU second
_FILES = (("postfix_log", 300, 250), ("list_mbox", 150, 0), ("postmark_ndjson", 100, 0))


@dataclass(frozen=True, slots=True)
class Race:
    """All rounds over one file of `size` bytes: CPU seconds of each contestant, one a round; hits that it found, and that were written.

    Grep's seconds hold its start, ours do not hold that of Python.
    """

    evidence: str
    size: int
    written: int
    cpu: Mapping[str, tuple[float, ...]]
    hits: Mapping[str, int]
    target: float = 0

    def speed(self, contestant: str) -> float:
        """Megabytes (10^6) a CPU second, median."""
        return self.size / 1e6 / max(statistics.median(self.cpu[contestant]), 1e-3)

    def share(self, contestant: str, peer: str) -> float:
        """Speed as a share of the peer's, median of the rounds."""
        return statistics.median(
            theirs / max(ours, 1e-3) for ours, theirs in zip(self.cpu[contestant], self.cpu[peer], strict=True)
        )

    def told(self) -> str:
        """As the report says it."""
        aims = {_BOTH: self.target, _ALONE: 0.0}
        ours = []
        for one, aim in aims.items():
            beside = [f"x {peer} {self.share(one, peer):.2f}" for peer in (_GREP, _ANY_CASE) if peer in self.cpu]
            beside[:1] = [f"{first} (target {_RATIO:.2f})" if one == _ALONE else first for first in beside[:1]]
            ours.append("; ".join([f"{one} {self.speed(one):.0f} MB per CPU s" + (f" (target {aim:g})" if aim else ""), *beside]))
        return f"{self.evidence}, {self.size / 1e6:.0f} MB: " + " | ".join(ours)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "evidence": self.evidence,
            "bytes": self.size,
            "hits": dict(self.hits),
            "cpu_seconds": {name: [round(one, 4) for one in seconds] for name, seconds in self.cpu.items()},
            "megabytes_per_cpu_second": {name: round(self.speed(name), 1) for name in self.cpu},
            "share_of_grep": {name: round(self.share(name, _GREP), 3) for name in (_BOTH, _ALONE)} if _GREP in self.cpu else {},
        }


def races(megabytes: float | None, rounds: int, temporary: Path, note: Callable[[str], object], *, grep: bool) -> list[Race]:
    """Measure: each kind of evidence, one warm-up and then rounds of all contestants in turn; `megabytes` of each, None for its own size."""
    done = []
    for evidence, usual, target in _FILES:
        path = temporary / evidence
        written = getattr(corpus, evidence)(path, usual if megabytes is None else megabytes, SEED)
        runs: dict[str, list[tuple[float, int]]] = {name: [] for name in (_BOTH, _ALONE, *((_GREP, _ANY_CASE) if grep else ()))}
        for number in range(rounds + 1):
            note(f"triage: {evidence}, {f'round {number} of {rounds}' if number else 'warm-up'}")
            for name, listed in runs.items():
                run = _grep(name, path) if name.startswith("grep") else _ours(name, path, temporary)
                if number:
                    listed.append(run)
        done.append(
            Race(
                evidence, path.stat().st_size, written.hits,
                {name: tuple(cpu for cpu, _ in listed) for name, listed in runs.items()},
                {name: listed[-1][1] for name, listed in runs.items()}, target,
            )
        )  # fmt: skip
        path.unlink()
    return done


def disagreements(done: Sequence[Race]) -> list[str]:
    """Who did not find what was written, in sentences."""
    return [
        f"{race.evidence}: {name} found {found} hits; {race.written} were written"
        for race in done
        for name, found in race.hits.items()
        if found != race.written
    ]


def _ours(name: str, path: Path, temporary: Path) -> tuple[float, int]:
    cpu, hits = in_process(f"{path.name}, {name}", ["--triage-child", name, str(path)], temporary)
    return float(cpu), int(hits)


def child_of_triage(name: str, path: Path) -> tuple[float, int]:
    """One search in this process: CPU seconds, and places that name the indicator."""
    from forensics.incident import Incident
    from forensics.policy import NO_POLICY
    from forensics.sweep import Search, answer, cut, examine

    incident, recipients = Incident.load("postmark-mcp"), name == _BOTH
    before = time.process_time()
    search = Search(path.name, path, path.stat().st_size, incident.indicators, None, recipients)
    found = answer(map(examine, cut(search)), incident, NO_POLICY, recipients=recipients)
    cpu = time.process_time() - before
    return cpu, sum(row["count"] for row in found.data["hits"] if row["indicator"] == INDICATOR)


def _grep(name: str, path: Path) -> tuple[float, int]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["grep", "-o", name.removeprefix("grep "), INDICATOR, str(path)]
    found = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, found.stdout.count(b"\n")
