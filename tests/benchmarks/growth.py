"""What joining and judging cost as observations grow: CPU seconds and peak memory of each step, for archives of several sizes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.cases import SEED
from benchmarks.measuring import in_process, peak_memory
from benchmarks.observed import observed_view, write_observations

__all__ = ["SIZES", "Growth", "Step", "child_of_growth", "disagreements", "growth", "told"]

SIZES = (100_000, 1_000_000, 10_000_000)  # observations
_SECONDS = 20.0  # CPU seconds a million observations, aimed at
_LIMITS = {1_000_000: 2e9, 10_000_000: 4e9}  # bytes of memory, aimed at
_LINEAR = 1.5  # how much more an observation may cost than one of the next smaller archive


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, CPU seconds (user and system), and the peak memory of the process so far, in bytes."""

    name: str
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True)
class Growth:
    """One archive: how many observations, messages and copies it has, how many messages are exposed, and what each step cost."""

    observations: int
    messages: int
    copies: int
    exposed: int
    steps: tuple[Step, ...]

    @property
    def cpu(self) -> float:
        """CPU seconds of all steps."""
        return sum(one.cpu for one in self.steps)

    @property
    def peak(self) -> int:
        """Peak memory of the process, in bytes: interpreter and libraries included."""
        return max(one.peak for one in self.steps)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "observations": self.observations,
            "messages": self.messages,
            "copies": self.copies,
            "exposed": self.exposed,
            "cpu_seconds": round(self.cpu, 2),
            "peak_bytes": self.peak,
            "steps": [{"step": one.name, "cpu_seconds": round(one.cpu, 2), "peak_bytes": one.peak} for one in self.steps],
        }


def child_of_growth(arguments: Sequence[str]) -> dict[str, Any]:
    """Joining and judging in this process; `arguments`: how many observations, where they lie, an empty folder to spill into."""
    from forensics.engine import engine
    from forensics.envelopes import infer_own_domains, lay_out
    from forensics.incident import Incident
    from forensics.model import Finding
    from forensics.pipeline.audit import chosen_detectors
    from forensics.plugins import Scope
    from forensics.policy import NO_POLICY
    from forensics.stitch import stitch
    from forensics.verdicts import judge

    count, folder, scratch = int(arguments[0]), Path(arguments[1]), Path(arguments[2])
    incident = Incident.load("postmark-mcp")
    connection = engine(scratch, rows=count)
    observed_view(connection, sorted(map(str, folder.glob("*.parquet"))))
    steps: list[Step] = []

    def timed(name: str, work: Callable[[], object]) -> None:
        before = time.process_time()
        work()
        steps.append(Step(name, time.process_time() - before, peak_memory()))

    timed("join", lambda: stitch(connection))
    policy = NO_POLICY.with_own_domains(infer_own_domains(connection, incident))
    timed("lay out", lambda: lay_out(connection, incident, policy))
    findings: list[Finding] = []
    for one in chosen_detectors(()):
        timed(one.name, lambda found=one.detect: findings.extend(found(connection, Scope(incident, policy))))  # type: ignore[misc]
    timed("verdicts", lambda: judge(connection, findings, incident.cohort))
    observations, messages, copies, exposed = (
        _count(connection, query)
        for query in ("observed", "messages", "copied", "message_verdicts WHERE place = 'exposed' AND verdict = 'confirmed'")
    )
    return asdict(Growth(observations, messages, copies, exposed, tuple(steps)))


def _count(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    ((count,),) = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()
    return int(count)


def growth(sizes: Sequence[int], temporary: Path, note: Callable[[str], object]) -> Iterator[Growth]:
    """Archives of so many observations, each made, measured once in a process of its own, and removed. Raises ChildError."""
    for count in sizes:
        folder, scratch = temporary / f"observed-{count}", temporary / f"scratch-{count}"
        note(f"scaling: writing {count:,} observations")
        parts = write_observations(folder, count, SEED)
        scratch.mkdir()
        note("scaling: joining and judging")
        found = in_process(f"scaling, {count}", ["--growth-child", str(count), str(folder), str(scratch)], temporary)
        yield Growth(**found | {"steps": tuple(Step(**one) for one in found["steps"])})
        for part in parts:
            Path(part).unlink()


def told(found: Sequence[Growth]) -> list[str]:
    """A table in Markdown, a row for each step and a column for each archive, and what was aimed at."""
    heads = [f"{one.observations:,} observations" for one in found]
    lines = ["| step, CPU s | " + " | ".join(heads) + " |", "|---" * (len(found) + 1) + "|"]
    lines += [
        f"| {rows[0].name} | " + " | ".join(f"{row.cpu:.1f}" for row in rows) + " |"
        for rows in zip(*(one.steps for one in found), strict=True)
    ]
    lines.append("| all | " + " | ".join(f"**{one.cpu:.1f}**" for one in found) + " |")
    lines.append("| a million | " + " | ".join(f"{one.cpu * 1e6 / max(one.observations, 1):.1f}" for one in found) + " |")
    lines.append("| peak, GB | " + " | ".join(f"{one.peak / 1e9:.2f}" for one in found) + " |")
    return [*lines, *_aims(found)]


def _aims(found: Sequence[Growth]) -> Iterator[str]:
    for one in found:
        size = f"scaling, {one.observations:,} observations"
        if one.observations in _LIMITS:
            yield f"{size}: {one.cpu * 1e6 / one.observations:.1f} CPU s a million (target {_SECONDS:g}), {one.peak / 1e9:.2f} GB (target {_LIMITS[one.observations] / 1e9:g})"
    for small, large in pairwise(found):
        factor = (large.cpu / large.observations) / max(small.cpu / small.observations, 1e-12)
        yield f"scaling: an observation of {large.observations:,} costs x {factor:.2f} one of {small.observations:,} (target {_LINEAR:g})"


def disagreements(found: Sequence[Growth]) -> list[str]:
    """What does not fit: an archive in which nothing was joined or found."""
    return [
        f"scaling: {one.observations:,} observations gave {one.messages:,} messages, {one.exposed:,} of them exposed"
        for one in found
        if not (0 < one.messages < one.observations < one.copies * 2 and 0 < one.exposed < one.messages)
    ]
