"""The custody log: what was done, by whom and when, each entry sealing the one before."""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from forensics import __version__
from forensics.custody.hashing import read_whole
from forensics.dates import zulu
from forensics.evidence import open_read_only

__all__ = ["LOG", "CustodyError", "CustodyLog", "actor", "check_log", "read_log"]

LOG = "custody.jsonl"
_FIRST = "0" * 64
_LONGEST = 16 << 20  # bytes of an entry; a collected folder comes from outside, and its log with it


class CustodyError(ValueError):
    """A custody log, key or stamp that cannot be used; the message says what to do."""


def _sealed(entry: Mapping[str, Any]) -> str:
    """SHA-256 over the entry without its own hash, as canonical JSON: sorted keys, no blanks, ASCII."""
    bare = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(bare, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def _written(entry: Mapping[str, Any]) -> bytes:
    """The one line that an entry may have. ASCII: file names need not be valid UTF-8, JSON escapes can hold them."""
    return json.dumps(entry, sort_keys=True).encode("ascii") + b"\n"


def actor() -> str:
    """The account that runs this."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no password entry, as in a container
        return f"uid {os.getuid()}"


class CustodyLog:
    """An append-only JSON Lines file; each entry holds the hash of the one before. Times are UTC.

    A chain shows a changed, dropped or re-ordered entry. It does not stop somebody from writing the whole log anew: the
    signature over its head does.
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
            "actor": actor(),
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
    for line in read_whole(path).splitlines():
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
        with open_read_only(path) as raw, io.BufferedReader(cast("io.RawIOBase", raw)) as lines:
            for number, line in enumerate(iter(lambda: lines.readline(_LONGEST), b""), 1):
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
