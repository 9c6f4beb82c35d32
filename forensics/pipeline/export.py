"""Handing a case on: a BagIt bag of it, with or without the evidence, or its hashes as hashdeep writes them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from forensics import __version__
from forensics.case import Case, CaseError
from forensics.custody import (
    LOG,
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    CustodyError,
    CustodyLog,
    Signer,
    file_sha256,
    manifest_entries,
    sum_lines,
)
from forensics.evidence import open_read_only
from forensics.legible import shown
from forensics.pipeline.sealing import evidence_of, refuse_changed, seal_again, signer_of

__all__ = ["FORMS", "export"]

FORMS = ("bagit", "hashdeep")
_CASE, _EVIDENCE, _INDEX = "case", "evidence", "evidence-index.jsonl"
_BLOCK = 1 << 20


def export(
    case: Case, out: Path | str, *, form: str = "bagit", with_evidence: bool = False, signing_key: Signer | Path | None = None
) -> Path:
    """Write a case to `out`: a new folder that is a BagIt bag, or a new file in the form of hashdeep 1.0. Returns its path.

    The secret case key, revealed credentials and scratch files never go with it. `with_evidence` (bags only) adds every file of
    evidence once, named by its hash, and an index with the names under which it lay. The export is entered in the custody log and
    sealed before it is made, so that it holds its own record. Raises CaseError where the case does not hold, `out` exists or
    evidence changed, CustodyError without the extra `custody`.
    """
    target = Path(out)
    _refuse(case, target, form, with_evidence=with_evidence)
    signer = signer_of(signing_key)
    with case.locked():
        refuse_changed(case)
        head = seal_again(case, "case exported", signer, form=form, out=str(target.absolute()), with_evidence=with_evidence)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))  # 0700; beside its place: a rename suffices
        try:
            _make(case, aside / "made", form, head, with_evidence=with_evidence)
            (aside / "made").rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return target


def _make(case: Case, made: Path, form: str, head: str, *, with_evidence: bool) -> None:
    if form == "hashdeep":
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.writelines(_hashdeep(case))
    else:
        made.mkdir(mode=0o700)
        _copy(case, made, with_evidence=with_evidence)
        _bag(case, made, head)


def _refuse(case: Case, target: Path, form: str, *, with_evidence: bool) -> None:
    """Everything that can be known to fail before something is entered in the log."""
    if form not in FORMS:
        msg = f"there is no form {form!r}; there are {', '.join(FORMS)}"
    elif target.exists() or target.is_symlink():
        msg = f"{target} exists: name another place with --out"
    elif not target.parent.is_dir():
        msg = f"{target.parent} is no folder: make it first"
    elif target.parent.resolve().is_relative_to(case.path.resolve()):
        msg = f"{target} lies inside the case: name a place outside with --out"
    elif form == "hashdeep" and with_evidence:
        msg = "a hashdeep file holds hashes only, of evidence too: leave --with-evidence out"
    else:
        if form == "bagit":
            _bagit()
        return
    raise CaseError(msg)


def _bagit() -> Any:  # noqa: ANN401  a module without types
    try:
        import bagit  # noqa: PLC0415  an extra
    except ImportError:
        msg = 'bags need the extra `custody`: pip install "forensics[custody]"'
        raise CustodyError(msg) from None
    return bagit


def _papers(case: Case) -> list[Path]:
    """What of a case is handed on: all that is sealed, and what seals it."""
    seals = [case.path / name for name in (LOG, MANIFEST, SIGNATURE)]
    return sorted([*case.files(), *(place for place in seals if place.exists())])


def _copy(case: Case, made: Path, *, with_evidence: bool) -> None:
    for place in _papers(case):
        target = made / _CASE / place.relative_to(case.path)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copied(place, target, place.relative_to(case.path).as_posix(), "")
    if with_evidence:
        (made / _EVIDENCE).mkdir(mode=0o700)
        rows = list(_evidence(case))
        for row in rows:
            _copied(case.path / row["manifest_names"][0], made / row["file"], row["paths"][0], row["sha256"])
    else:
        rows = [{**row, "file": ""} for row in _evidence(case)]
    lines = (json.dumps(row, sort_keys=True) + "\n" for row in rows)  # ASCII: names of evidence are hostile and need not be text
    with os.fdopen(os.open(made / _INDEX, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as stream:
        stream.writelines(lines)


def _evidence(case: Case) -> Iterator[dict[str, Any]]:
    """Each content of evidence once: its hash and size, its file in the bag, how reports and the manifest name where it lay."""
    table = case.read("custody")
    known: dict[str, tuple[int, list[str]]] = {}
    for path, size, sha256 in zip(table["path"], table["size"], table["sha256"], strict=True):
        known.setdefault(sha256, (int(size), []))[1].append(path)
    places: dict[str, list[str]] = {}
    for name, sha256 in sorted(evidence_of(case).items()):
        places.setdefault(sha256, []).append(name)
    for sha256, names in sorted(places.items()):
        size, paths = known.get(sha256, (-1, names))
        yield {
            "file": f"{_EVIDENCE}/{sha256}", "sha256": sha256, "size": size, "paths": sorted(set(paths)), "manifest_names": names,
        }  # fmt: skip


def _copied(place: Path, target: Path, name: str, sha256: str) -> None:
    """Copy a file, 0600, and hold it against its hash. Raises CaseError where evidence is not as it was taken in."""
    digest = hashlib.sha256()
    try:
        with (
            open_read_only(place) as source,
            os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream,
        ):
            while block := source.read(_BLOCK):
                digest.update(block)
                stream.write(block)
    except OSError as error:
        msg = f"{shown(name)}: cannot be copied: {error.strerror or type(error).__name__}"
        raise CaseError(msg) from None
    if sha256 and digest.hexdigest() != sha256:
        msg = f"{shown(name)}: changed since the audit; nothing was exported"
        raise CaseError(msg)


def _bag(case: Case, made: Path, head: str) -> None:
    """Turn the copy into a bag, SHA-256; bagit writes version 0.97 and moves the payload below `data/`."""
    facts = case.summary.get("case", {})
    told: Mapping[str, str] = {
        "External-Identifier": facts.get("number", ""),
        "Contact-Name": facts.get("custodian", ""),
        "Internal-Sender-Description": "A forensics case: reports, tables and custody records"
        + (", with its evidence" if (made / _EVIDENCE).is_dir() else ", without its evidence"),
        "Bag-Software-Agent": f"forensics {__version__}, bagit {_bagit().VERSION}",
        "Custody-Log-Head": head,
        "Case-Manifest-SHA256": file_sha256(case.path / MANIFEST),
        "Signed-By": _signed_by(case),
    }
    entries = {name: shown(value)[:500] for name, value in told.items() if value}
    _bagit().make_bag(str(made.resolve()), entries, checksums=["sha256"])
    for place in made.rglob("*"):  # bagit writes its own files as the umask says
        place.chmod(0o700 if place.is_dir() else 0o600)


def _signed_by(case: Case) -> str:
    if not (case.path / SIGNATURE).exists():
        return "nobody"
    return f"Ed25519 key {json.loads((case.path / SIGNATURE).read_bytes())['fingerprint']} ({PUBLIC_KEY})"


def _hashdeep(case: Case) -> Iterator[bytes]:
    r"""Lines of a hashdeep 1.0 file, evidence and case, by name relative to the case folder.

    The form quotes nothing and knows no escape, so that control characters and backslashes of a name are written as in the
    manifest (`\n`, `\\`): such a name matches by its hash only.
    """
    yield b"%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n"
    yield f"## forensics {__version__}; names are relative to the case folder\n".encode("ascii")
    log = CustodyLog(case.path / LOG)
    yield f"## custody log head: {log.head}\n## sha256 of {MANIFEST}: {file_sha256(case.path / MANIFEST)}\n##\n".encode("ascii")
    sizes = dict(zip((table := case.read("custody"))["sha256"], table["size"], strict=True))
    hashes = manifest_entries(case.path)
    hashes |= {place.relative_to(case.path).as_posix(): file_sha256(place) for place in _papers(case)}
    for name, sha256 in sorted(hashes.items()):
        size = sizes.get(sha256, -1) if name.startswith("../") else (case.path / name).stat().st_size
        line = sum_lines({name: sha256}).removeprefix(b"\\")
        yield f"{size},{sha256},".encode("ascii") + line[len(sha256) + 2 :]
