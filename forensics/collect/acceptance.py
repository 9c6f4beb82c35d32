"""Whether a collected folder still is what was received: its custody chain, and every answer against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from forensics.collect.ledger import JOURNAL, KEPT
from forensics.custody import LOG, check_log, file_sha256, read_log

__all__ = ["ANSWERS", "FINISHED", "RESULT", "UNFINISHED", "check", "faults"]

RESULT = "collected.json"
ANSWERS = "answers"  # the folder of everything that was received
FINISHED = "collection finished"
UNFINISHED = "the collection was not finished: run it again to go on"


def check(folder: Path | str) -> list[str]:
    """What no longer holds of a collected folder, in sentences without evidence content; empty if all does.

    A collection that was broken off is no fault of its answers, but is said. Never raises on whatever the folder holds.
    """
    home = Path(folder)
    return [f"{name}: {reason}" if name else reason for name, reason in faults(home)]


def faults(home: Path, digest: Callable[[Path], str] | None = None) -> list[tuple[str, str]]:
    """The same as the name of a file below the folder ("" for the custody log's own chain) and what is wrong with it.

    `digest` gives a file's SHA-256 in hex, "" for none, where somebody has hashed it already.
    """
    hashed = digest or _digest
    found = [("", problem) for problem in check_log(home / LOG)]
    try:
        entries = read_log(home / LOG)
    except (OSError, ValueError):
        return found
    kept = {str(one["file"]): str(one.get("sha256")) for one in entries if one.get("action") == KEPT and one.get("file")}
    return [*found, *_files(home, kept, hashed), *_end(home, entries, hashed)]


def _files(home: Path, kept: dict[str, str], digest: Callable[[Path], str]) -> Iterator[tuple[str, str]]:
    for name, expected in sorted(kept.items()):
        if digest(home / name) != expected:
            yield name, "missing, or changed since it was received"
    for place in sorted((home / ANSWERS).rglob("*")):
        name = place.relative_to(home).as_posix()
        if not place.is_dir() and name not in kept:
            yield name, "custody knows of no such answer"


def _end(home: Path, entries: list[dict[str, Any]], digest: Callable[[Path], str]) -> Iterator[tuple[str, str]]:
    """Whether the folder is as its last run left it: the log ends with the seal that names journal and result."""
    last = entries[-1] if entries else {}
    if last.get("action") != FINISHED:
        yield LOG, UNFINISHED
        return
    for name, key in ((JOURNAL, "journal_sha256"), (RESULT, "result_sha256")):
        if digest(home / name) != last.get(key):
            yield name, "missing, or changed since the collection was finished"


def _digest(place: Path) -> str:
    try:
        return file_sha256(place)
    except (OSError, ValueError):
        return ""
