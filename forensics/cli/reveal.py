"""What `forensics report --reveal` asks before it writes credentials in full."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import forensics
from forensics.cli.console import EXIT_USAGE, harmless, stop, talk

if TYPE_CHECKING:
    from forensics.custody import Signer

__all__ = ["reveal"]

_WORD = "reveal"


def _asked(question: str) -> str:
    """One line from stdin; the question goes to stderr, for stdout is data. "" where stdin has ended."""
    talk.print(question, end=" ", markup=False)
    return sys.stdin.readline().strip()


def reveal(
    case: forensics.Case,
    names: Sequence[str] | None,
    reason: str,
    by: str,
    *,
    rules: Sequence[Path],
    sure: bool,
    signing_key: Signer | Path | None,
) -> None:
    """Ask, reveal, and say where the values are. The paths of file and reports go to stdout, a value never does."""
    number = str(case.summary.get("case", {}).get("number", ""))
    if sure and not reason.strip():
        stop("--yes asks nothing, so --reason must say why the values are needed: it is put on record", EXIT_USAGE)
    if not sure:
        talk.print(
            "Every credential of the case will be written in full to one file. That you asked for it, and why, goes into the custody log first.",
            style="yellow",
        )
        words = f"the case number ({harmless(number)}) or {_WORD}" if number else _WORD
        if _asked(f"Type {words} to go on:") not in {_WORD, number} - {""}:
            stop("not confirmed: nothing was revealed", EXIT_USAGE)
        reason = reason or _asked("Why are the values needed?")
    found = forensics.reveal(case, reason=reason, by=by, formats=names, rules=rules, signing_key=signing_key)
    sys.stdout.write(f"{harmless(str(found.path))}\n")
    for path in found.reports:
        sys.stdout.write(f"{harmless(str(path))}\n")
    talk.print(
        f"{found.credentials} credential(s) in full. The file is in no manifest and no export: delete it when all are rotated.",
        style="yellow",
    )
    for identity, why in found.missing.items():
        talk.print(f"{identity}: {why}", style="yellow", markup=False)
