"""Whether a case still is what was sealed: every byte of it, its log, its signature and its time stamps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forensics.case import REVEALED, Case
from forensics.custody import (
    LOG,
    MANIFEST,
    check_end,
    check_key,
    check_log,
    check_manifest,
    check_seal,
    check_signature,
    check_stamps,
    manifest_entries,
    read_certificates,
    read_log,
    tables_sha256,
)

__all__ = ["Verification", "verification"]

# What nothing here vouches for, said to whoever reads the result
NOT_COVERED = (
    "Not covered: owners, modes and times of files; folders without a file in them; `case.lock`, `.spill` and `.attempts`, which runs leave behind and "
    "nothing reads; and `revealed`, which is never sealed."
)


@dataclass(frozen=True, slots=True)
class Verification:
    """What no longer holds, and what a person should know of what does: who signed, what is stamped, what is not covered."""

    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def verification(
    case: Case,
    *,
    signer: str | Path | None = None,
    tsa_certificate: Path | None = None,
    evidence: Path | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Hash everything again and check log, seal, signature, key and time stamps against each other.

    `signer` demands that signer: a fingerprint, or a file with a public key. `tsa_certificate` holds an authority's certificates,
    `evidence` is the folder of a bag in which evidence lies named by its hashes. Raises CustodyError where one of these cannot be read.
    """
    certificates = read_certificates(tsa_certificate) if tsa_certificate is not None else []
    log = check_log(case.path / LOG)
    try:
        entries: Sequence[Mapping[str, Any]] = read_log(case.path / LOG)
    except (OSError, ValueError):
        entries = []
    signed, who = check_signature(case.path, entries, signer)
    keyed, handed_on = check_key(case.path / "case.key", entries)
    stamped, when = check_stamps(case.path, entries, certificates)
    problems = [
        *log,
        *check_manifest(case.path, case.files(), progress, evidence=evidence),
        *check_seal(case.path),
        *(check_end(entries) if not log else []),
        *signed,
        *_head_of_tables(case, entries),
        *keyed,
        *stamped,
    ]
    return Verification(tuple(problems), (*who, *when, *handed_on, *_revealed(case, entries), NOT_COVERED))


def _revealed(case: Case, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a person should know of credentials that lie beside the case in full: that they do, and whether they are of its present state."""
    folder = case.path / REVEALED
    if not folder.is_symlink() and not (folder.is_dir() and any(folder.iterdir())):
        return []
    told: Mapping[str, Any] = {}
    is_stale = False
    for entry in entries:
        if entry.get("action") == "credentials revealed":
            told, is_stale = entry, False
        elif entry.get("action") == "tables written":
            is_stale = bool(told)
    if not told:
        return [f"{REVEALED}: {LOG} does not know of it: it was not written for this case."]
    advice = "delete the folder once nobody needs it."
    if is_stale:
        advice = f"before the last audit, and ids there may mean other credentials now. Reveal them anew, or {advice}"
    return [f"{REVEALED}: credentials in full, of {told.get('utc')}: {advice}"]


def _head_of_tables(case: Case, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Whether the head that every report prints is the one under which these tables were entered in the log."""
    try:
        printed = str(json.loads((case.tables / "summary.json").read_bytes())["run"]["custody_head"])
        present = tables_sha256(manifest_entries(case.path))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return [f"tables/summary.json: no head of {LOG} can be read from it ({type(error).__name__})"]
    written: Mapping[str, Any] = next((entry for entry in reversed(entries) if entry.get("action") == "tables written"), {})
    if printed != written.get("hash"):
        return [f"tables/summary.json: the head that reports print is not the one under which {LOG} has these tables"]
    if present != (written.get("tables"), written.get("sha256")):
        return [f"{MANIFEST}: its tables are not those that {LOG} has under the head that reports print"]
    return []
