"""What was done to which bytes: a manifest of hashes, and a log in which every entry seals the one before."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forensics import __version__
from forensics.dates import zulu
from forensics.evidence import open_read_only

__all__ = ["LOG", "MANIFEST", "CustodyLog", "check_log", "check_manifest", "file_sha256", "write_manifest"]

LOG = "custody.jsonl"
MANIFEST = "manifest-sha256.txt"
_FIRST = "0" * 64


def file_sha256(place: Path) -> str:
    """SHA-256 of a file in hex, read in blocks, opened read-only."""
    digest = hashlib.sha256()
    with open_read_only(place) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sealed(entry: Mapping[str, Any]) -> str:
    """SHA-256 over the entry without its own hash, as canonical JSON: sorted keys, no blanks, UTF-8."""
    bare = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _actor() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no password entry, as in a container
        return f"uid {os.getuid()}"


class CustodyLog:
    """An append-only JSON Lines file; each entry holds the hash of the one before. Times are UTC.

    A chain shows a changed, dropped or re-ordered entry. It does not stop somebody from writing the whole log anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head, self.seq = _FIRST, 0
        if path.exists():
            for entry in _entries(path):
                self.head, self.seq = str(entry.get("hash", "")), int(entry.get("seq", 0))

    def append(self, action: str, **facts: object) -> str:
        """Write one entry and return its hash. `facts` must be JSON and free of secrets and mail content."""
        self.seq += 1
        entry = {
            "seq": self.seq,
            "utc": zulu(datetime.now(UTC)),
            "actor": _actor(),
            "tool": f"forensics {__version__}",
            "action": action,
            **facts,
            "prev": self.head,
        }
        entry["hash"] = self.head = _sealed(entry)
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n")
        return self.head


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            entry = json.loads(line)
            if not isinstance(entry, dict):
                msg = "an entry is no object"
                raise ValueError(msg)  # noqa: TRY004  callers treat every unreadable line alike
            yield entry


def read_log(path: Path) -> list[dict[str, Any]]:
    """All entries, oldest first. Raises ValueError on a line that is no JSON object."""
    return list(_entries(path))


def check_log(path: Path) -> list[str]:
    """What is wrong with a custody log, in sentences; empty if the chain holds."""
    problems, head, seq = [], _FIRST, 0
    try:
        for entry in _entries(path):
            seq += 1
            if entry.get("seq") != seq:
                problems.append(f"{LOG}: entry {seq} is missing or out of order")
            if entry.get("prev") != head:
                problems.append(f"{LOG}: entry {seq} does not follow the one before it")
            if entry.get("hash") != _sealed(entry):
                problems.append(f"{LOG}: entry {seq} was changed after it was written")
            head = str(entry.get("hash"))
    except FileNotFoundError:
        return [f"{LOG} is missing"]
    except (ValueError, OSError) as error:
        problems.append(f"{LOG}: cannot be read after entry {seq}: {type(error).__name__}")
    return problems


def write_manifest(case: Path, evidence: Mapping[Path, str], files: list[Path]) -> Path:
    """`manifest-sha256.txt` in the form of sha256sum: run `sha256sum -c` inside the case folder.

    `evidence` maps locations to hashes taken before reading; `files` are the case's own. Paths are relative to the case.
    A name with a line break or backslash is escaped as coreutils does.
    """
    lines = [(os.path.relpath(place, case), digest) for place, digest in evidence.items()]
    lines += [(place.relative_to(case).as_posix(), file_sha256(place)) for place in files]
    target = case / MANIFEST
    text = "".join(_line(name, digest) for name, digest in sorted(lines))
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))
    return target


def _line(name: str, digest: str) -> str:
    if "\\" in name or "\n" in name or "\r" in name:
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        return f"\\{digest}  {escaped}\n"
    return f"{digest}  {name}\n"


def manifest_entries(case: Path) -> dict[str, str]:
    """Paths and hashes of a manifest, names unescaped. Raises OSError where it is missing."""
    entries = {}
    for line in (case / MANIFEST).read_text(encoding="utf-8", errors="surrogateescape").split("\n"):
        digest, gap, name = line.lstrip("\\").partition("  ")
        if gap:
            entries[_unescaped(name) if line.startswith("\\") else name] = digest
    return entries


def _unescaped(name: str) -> str:
    return name.replace("\\\\", "\0").replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")


def check_manifest(case: Path, present: list[Path], progress: Callable[[int], None] = lambda _: None) -> list[str]:
    """What differs from the manifest: changed, missing or added files, in sentences. `present` are the case's own files."""
    try:
        entries = manifest_entries(case)
    except OSError as error:
        return [f"{MANIFEST} cannot be read: {error.strerror}"]
    problems = []
    for name, digest in entries.items():
        place = case / name
        progress(1)
        try:
            if file_sha256(place) != digest:
                problems.append(f"{name}: changed since the audit")
        except OSError as error:
            problems.append(f"{name}: cannot be read: {error.strerror}")
    known = set(entries)
    problems += [
        f"{place.relative_to(case).as_posix()}: added since the audit"
        for place in present
        if place.relative_to(case).as_posix() not in known
    ]
    return problems
