"""A finished case is sealed again after every step that changes it, and only if it still holds as it was sealed before."""

from __future__ import annotations

import json
from pathlib import Path

from forensics.case import Case, CaseError
from forensics.custody import (
    LOG,
    MANIFEST,
    SIGNATURE,
    CustodyLog,
    Signer,
    check_end,
    check_log,
    check_seal,
    check_signature,
    file_sha256,
    find_signer,
    manifest_entries,
    read_log,
    seal,
)
from forensics.decisions import ACTION

__all__ = ["evidence_of", "refuse_changed", "refuse_foreign_log", "seal_again", "signer_of"]


def signer_of(chosen: Signer | Path | str | None) -> Signer:
    """Who signs: the value, the key in that file, or whoever the environment and the home folder name. Raises CustodyError."""
    return chosen if isinstance(chosen, Signer) else find_signer(Path(chosen) if chosen is not None else None)


def evidence_of(case: Case) -> dict[str, str]:
    """Files of evidence, as the manifest names them relative to the case, with their hashes: all that lies outside the case."""
    return {name: digest for name, digest in manifest_entries(case.path).items() if name.startswith("../")}


def refuse_changed(case: Case, *, but_reports: bool = False) -> None:
    """A new seal must not cover up what was changed under the old one. Raises CaseError; `but_reports` where they are written anew.

    Evidence is not read again: the seal keeps the hashes that were taken of it.
    """
    problems = [*check_log(case.path / LOG), *check_seal(case.path)]
    if not problems:
        entries = read_log(case.path / LOG)
        sealed = max(number for number, entry in enumerate(entries, 1) if "manifest" in entry)
        if (case.path / SIGNATURE).exists() or "signer" in entries[sealed - 1]:
            problems = check_signature(case.path, entries[:sealed])[0]
        if not but_reports:  # a remark is entered before the reports that show it are written, and sealed with them
            problems += check_end(entries)
    if not problems:
        known = manifest_entries(case.path)
        own = {place.relative_to(case.path).as_posix(): place for place in case.files()}
        free = f"{case.report.name}/" if but_reports else "../"
        problems = [f"{name}: added since the audit" for name in own if name not in known and not name.startswith(free)]
        problems += [
            f"{name}: missing or changed since the audit"
            for name, digest in known.items()
            if not name.startswith(("../", free)) and _sha256(case.path / name) != digest
        ]
    if problems:
        msg = f"the case does not hold as it was sealed ({problems[0]}): `forensics verify {case.path}` lists the differences; nothing was written"
        raise CaseError(msg)


def refuse_foreign_log(case: Case) -> None:
    """Another audit must not take over a log that belongs to another case, remarks and all. Raises CaseError, before anything is written.

    A log belongs here if it holds the head that this case's summary prints, or the seal of this case's manifest. One of an audit
    that never finished holds neither tables nor remarks to mistake.
    """
    try:
        entries = read_log(case.path / LOG)
    except (OSError, ValueError):
        return  # there is none yet, or whoever opens it next says what is wrong with it
    head = _printed_head(case)
    if not head and not any("manifest" in entry or entry.get("action") in {"tables written", ACTION} for entry in entries):
        return
    heads = {entry.get("hash") for entry in entries}
    manifests = {entry["manifest"] for entry in entries if "manifest" in entry}
    if head in heads or _sha256(case.path / MANIFEST) in manifests:
        return
    msg = (
        f"{case.path / LOG}: a log of another case, or what it sealed is gone: its remarks are not about this one. "
        "Put back the log that was here, or name another folder with --out; nothing was written"
    )
    raise CaseError(msg)


def _printed_head(case: Case) -> str:
    """The head of the log that this case's reports print, or ""."""
    try:
        return str(json.loads((case.tables / "summary.json").read_bytes())["run"]["custody_head"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def _sha256(place: Path) -> str:
    try:
        return file_sha256(place)
    except OSError:
        return ""


def seal_again(case: Case, action: str, signing_key: Signer | Path | str | None = None, **facts: object) -> str:
    """Hash the case's own files anew, log the action as the seal of them, sign, and return the log's head.

    Call `refuse_changed` before the step that the action names. Raises CustodyError on a key that cannot be used.
    """
    signer = signer_of(signing_key)
    evidence = {case.path / name: digest for name, digest in evidence_of(case).items()}
    return seal(CustodyLog(case.path / LOG), evidence, case.files, signer, action, **facts)
