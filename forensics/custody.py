"""What was done to which bytes: a manifest of hashes, and a log in which every entry seals the one before."""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from forensics import __version__
from forensics.dates import zulu
from forensics.evidence import open_read_only

__all__ = [
    "HEAD", "LOG", "MANIFEST", "CustodyError", "CustodyLog", "check_log", "check_manifest", "check_seal", "file_sha256",
    "write_manifest",
]  # fmt: skip

LOG = "custody.jsonl"
MANIFEST = "manifest-sha256.txt"
HEAD = "custody.head"  # the log's head when the manifest was written: the manifest lists it, and so holds the log's length
_SEALS = frozenset({"audit finished", "reports written"})
_FIRST = "0" * 64


class CustodyError(ValueError):
    """A custody log that cannot be continued; the message says what to do."""


def file_sha256(place: Path) -> str:
    """SHA-256 of a file in hex, read in blocks, opened read-only."""
    digest = hashlib.sha256()
    with open_read_only(place) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sealed(entry: Mapping[str, Any]) -> str:
    """SHA-256 over the entry without its own hash, as canonical JSON: sorted keys, no blanks, ASCII."""
    bare = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(bare, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def _written(entry: Mapping[str, Any]) -> bytes:
    """The one line that an entry may have. ASCII: file names need not be valid UTF-8, JSON escapes can hold them."""
    return json.dumps(entry, sort_keys=True).encode("ascii") + b"\n"


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
        torn = b""
        with suppress(FileNotFoundError), open_read_only(path) as raw, io.BufferedReader(cast("io.RawIOBase", raw)) as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    torn = line
                    break
                entry = _entry(line)
                if entry is None:
                    msg = f"{path}: the custody log is damaged after entry {self.seq}: keep this folder, and name another one with --out"
                    raise CustodyError(msg)
                self.head, self.seq = str(entry.get("hash", "")), self.seq + 1
        if torn:  # a run was killed while it wrote; what it wrote of the entry is kept inside the next one
            os.truncate(path, path.stat().st_size - len(torn))
            self.append("unfinished entry set aside", text=torn.decode("utf-8", "replace"))

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
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as stream:
            stream.write(_written(entry))
        return self.head


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def read_log(path: Path) -> list[dict[str, Any]]:
    """All entries, oldest first. Raises ValueError on a line that is no JSON object, OSError where there is no log."""
    entries: list[dict[str, Any]] = []
    for line in path.read_bytes().splitlines():
        entry = _entry(line)
        if entry is None:
            msg = f"entry {len(entries) + 1} is no object"
            raise ValueError(msg)
        entries.append(entry)
    return entries


def check_log(path: Path) -> list[str]:
    """What is wrong with a custody log, in sentences; empty if every byte is as it was written and the chain holds.

    That the last entries are still there is `check_seal`'s question: a chain cannot tell where it ended.
    """
    problems, head, seq = [], _FIRST, 0
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                seq += 1
                entry = _entry(line)
                if entry is None:
                    problems.append(f"{LOG}: line {number} is no entry")
                    head = ""
                    continue
                if entry.get("seq") != seq:
                    problems.append(f"{LOG}: entry {seq} is missing or out of order")
                if entry.get("prev") != head:
                    problems.append(f"{LOG}: the entry in line {number} does not follow the one before it")
                if entry.get("hash") != _sealed(entry) or line != _written(entry):
                    problems.append(f"{LOG}: the entry in line {number} was changed after it was written")
                head = str(entry.get("hash"))
                seq = entry["seq"] if type(entry.get("seq")) is int else seq
    except FileNotFoundError:
        return [f"{LOG} is missing"]
    except OSError as error:
        problems.append(f"{LOG}: cannot be read: {error.strerror}")
    return problems if seq or problems else [f"{LOG} is empty"]


def check_seal(case: Path) -> list[str]:
    """Whether manifest and log still belong together: the log's last seal names the manifest, the manifest the log before it."""
    try:
        seals = [entry for entry in read_log(case / LOG) if entry.get("action") in _SEALS]
        if not seals:
            return [f"{LOG}: the audit was never finished"]
        if seals[-1].get("manifest") != file_sha256(case / MANIFEST):
            return [f"{MANIFEST}: not the one that the last seal in the custody log names"]
        if seals[-1].get("prev") != (case / HEAD).read_text(encoding="ascii").strip():
            return [f"{LOG}: entries are missing: the manifest was written after later ones"]
    except (OSError, ValueError) as error:
        return [f"{LOG}, {HEAD} and {MANIFEST} cannot be compared: {type(error).__name__}"]
    return []


def write_manifest(case: Path, evidence: Mapping[Path, str], files: list[Path]) -> Path:
    """`manifest-sha256.txt` in the form of sha256sum: run `sha256sum -c` inside the case folder.

    `evidence` maps locations to hashes taken before reading; `files` are the case's own. Paths are relative to the case.
    A name with a line break or backslash is escaped as coreutils does.
    """
    head = case / HEAD
    _write(head, f"{CustodyLog(case / LOG).head}\n".encode("ascii"))
    home = case.resolve()  # a relative path must climb from where the folder really lies
    lines = {os.path.relpath(place.parent.resolve() / place.name, home): digest for place, digest in evidence.items()}
    lines |= {place.relative_to(case).as_posix(): file_sha256(place) for place in {*files, head}}
    target = case / MANIFEST
    text = "".join(_line(name, digest) for name, digest in sorted(lines.items()))
    _write(target, text.encode("utf-8", "surrogateescape"))
    return target


def _write(target: Path, content: bytes) -> None:
    aside = target.with_name(target.name + ".new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
    aside.replace(target)


def _line(name: str, digest: str) -> str:
    if "\\" in name or "\n" in name or "\r" in name:
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        return f"\\{digest}  {escaped}\n"
    return f"{digest}  {name}\n"


def manifest_entries(case: Path) -> dict[str, str]:
    """Paths and hashes of a manifest, names unescaped. Raises OSError where it is missing."""
    entries = {}
    text = (case / MANIFEST).read_bytes().decode("utf-8", "surrogateescape")  # as bytes: line ends are not to be translated
    for line in text.split("\n"):
        digest, gap, name = line.removeprefix("\\").partition("  ")
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
        except (OSError, ValueError) as error:
            problems.append(f"{name}: cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}")
    known = set(entries)
    problems += [
        f"{place.relative_to(case).as_posix()}: added since the audit"
        for place in present
        if place.relative_to(case).as_posix() not in known
    ]
    return problems
