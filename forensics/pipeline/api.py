"""The smaller questions of the public API: which plugins are there, and does a case still hold."""

from __future__ import annotations

from collections.abc import Callable

from forensics.case import Case
from forensics.custody import LOG, MANIFEST, check_log, check_manifest, file_sha256, read_log
from forensics.plugins import ROOMS, Found, discover

__all__ = ["plugins", "verify"]


def plugins() -> dict[str, list[Found]]:
    """All plugins by room, broken ones too, with where each came from."""
    return {room: discover(room) for room in ROOMS}


def verify(case: Case, progress: Callable[[int], None] = lambda _: None) -> list[str]:
    """What no longer holds of a case, in sentences: evidence, tables, reports, manifest and custody log; empty if all does."""
    problems = check_log(case.path / LOG)
    problems += check_manifest(case.path, case.files(), progress)
    if not problems:
        finished = [entry for entry in read_log(case.path / LOG) if entry.get("action") in {"audit finished", "reports written"}]
        if not finished:
            problems.append(f"{LOG}: the audit was never finished")
        elif finished[-1].get("manifest") != file_sha256(case.path / MANIFEST):
            problems.append(f"{MANIFEST}: not the one that the custody log sealed")
    return problems
