"""The smaller questions of the public API: which plugins are there, does a case still hold, and what is the first answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from forensics.case import Case
from forensics.evidence import Problem, find
from forensics.incident import NO_INCIDENT, Incident
from forensics.pipeline.audit import NoEvidenceError
from forensics.pipeline.executor import Lost, Serial, default_executor
from forensics.pipeline.verification import verification
from forensics.pipeline.watcher import Silence, Watcher
from forensics.plugins import ROOMS, Found, discover
from forensics.policy import NO_POLICY, Policy
from forensics.sweep import Examined, Search, Triage, answer, cut, examine

__all__ = ["installed", "triage", "verify"]

_ALONE = 256 << 20  # bytes that are searched before a pool of processes has started


def installed() -> dict[str, list[Found]]:
    """All plugins by room, broken ones too, with where each came from."""
    return {room: discover(room) for room in ROOMS}


def verify(case: Case, progress: Callable[[int], None] = lambda _: None, *, signer: str | Path | None = None) -> list[str]:
    """What no longer holds of a case, in sentences; empty if all does: evidence, tables, reports, manifest, log and signature.

    `signer` demands that signer: a fingerprint, or a file with a public key. Without it any key's signature will do, so that the
    answer proves that nothing was changed since somebody signed, but not who: see `verification`.
    """
    return list(verification(case, signer=signer, progress=progress).problems)


def triage(
    *evidence: Path | str,
    incident: Incident | str | Path | None = None,
    policy: Policy | str | Path | None = None,
    year: int | None = None,
    recipients: bool = True,
    workers: int | None = None,
    watcher: Watcher | None = None,
) -> Triage:
    """A first answer in seconds, by searching text: files that name an indicator, and recipient domains with their first use.

    No case is written and nothing is hashed. `year` dates logs that write none, where no queue id does; without `recipients`
    only indicators are sought, two to ten times as fast. Large plain files are shared out among the workers in fixed parts, so
    that their number changes nothing. Raises NoEvidenceError, IncidentError.
    """
    known = incident if isinstance(incident, Incident) else Incident.load(incident) if incident else NO_INCIDENT
    rules = policy if isinstance(policy, Policy) else Policy.load(policy) if policy else NO_POLICY
    steering = (policy, () if incident in Incident.shipped() else incident)
    skip = frozenset(Path(one).resolve() for one in steering if isinstance(one, str | Path))
    files, problems = _searches([Path(one) for one in evidence], skip, known, (year, recipients))
    searches = [part for one in files for part in cut(one)]
    size = sum(one.extent for one in searches)
    executor = Serial() if size <= _ALONE else default_executor(workers)
    told = watcher or Silence()
    told.step("Searching evidence", size)
    done = [Examined((), tuple(problems))]
    for search, result in zip(searches, executor.run(examine, searches), strict=True):
        done.append(
            Examined((), (Problem(search.path, result.reason, search.part.start),)) if isinstance(result, Lost) else result
        )
        told.advance(search.extent)
    if not any(stream.size for one in done for _, stream in one.streams):
        raise NoEvidenceError("\n".join(["nothing of the evidence could be read:", *_reasons(done)]))
    return answer(done, known, rules, recipients=recipients)


def _searches(
    roots: list[Path], skip: frozenset[Path], incident: Incident, wish: tuple[int | None, bool]
) -> tuple[list[Search], list[Problem]]:
    searches, problems = [], []
    for one in find(roots, skip=skip):
        if isinstance(one, Problem):
            problems.append(one)
            continue
        try:
            searches.append(Search(one[0], one[1], one[1].lstat().st_size, incident.indicators, *wish))
        except OSError as error:
            problems.append(Problem(one[0], f"cannot be examined: {error.strerror}"))
    return searches, problems


def _reasons(done: list[Examined]) -> Iterator[str]:
    for problem in [problem for one in done for problem in one.problems][:20]:
        yield f"  {problem.path}: {problem.reason}"
