"""The smaller questions of the public API: which plugins are there, and does a case still hold."""

from __future__ import annotations

from collections.abc import Callable

from forensics.case import Case
from forensics.custody import LOG, check_log, check_manifest, check_seal
from forensics.plugins import ROOMS, Found, discover

__all__ = ["installed", "verify"]


def installed() -> dict[str, list[Found]]:
    """All plugins by room, broken ones too, with where each came from."""
    return {room: discover(room) for room in ROOMS}


def verify(case: Case, progress: Callable[[int], None] = lambda _: None) -> list[str]:
    """What no longer holds of a case, in sentences: evidence, tables, reports, manifest and custody log; empty if all does."""
    problems = check_log(case.path / LOG)
    problems += check_manifest(case.path, case.files(), progress)
    problems += check_seal(case.path)
    return problems
