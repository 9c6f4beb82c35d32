"""The manifest: every file of evidence and of the case with its SHA-256, in the form of sha256sum."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from forensics.custody.hashing import file_sha256, read_whole, replace_file
from forensics.custody.log import LOG, CustodyLog

__all__ = ["HEAD", "MANIFEST", "check_manifest", "manifest_entries", "sum_lines", "tables_sha256", "write_manifest"]

MANIFEST = "manifest-sha256.txt"
HEAD = "custody.head"  # the log's head when the manifest was written: the manifest lists it, and so holds the log's length


def write_manifest(case: Path, evidence: Mapping[Path, str], files: Iterable[Path]) -> Path:
    """`manifest-sha256.txt` in the form of sha256sum: run `sha256sum -c` inside the case folder.

    `evidence` maps locations to hashes taken before reading; `files` are the case's own. Paths are relative to the case.
    A name with a line break or backslash is escaped as coreutils does.
    """
    home = case.resolve()  # a relative path must climb from where the folder really lies
    lines = {os.path.relpath(place.parent.resolve() / place.name, home): digest for place, digest in evidence.items()}
    lines |= {place.relative_to(case).as_posix(): file_sha256(place) for place in files if place != case / HEAD}
    head = f"{CustodyLog(case / LOG).head}\n".encode("ascii")
    lines[HEAD] = hashlib.sha256(head).hexdigest()
    # all hashes are taken: from here on it is a moment, in which a kill would leave head and manifest without their seal
    replace_file(case / HEAD, head)
    replace_file(case / MANIFEST, sum_lines(lines))
    return case / MANIFEST


def sum_lines(hashes: Mapping[str, str]) -> bytes:
    """Names and hashes as sha256sum writes them, sorted by name."""
    return "".join(_line(name, digest) for name, digest in sorted(hashes.items())).encode("utf-8", "surrogateescape")


def tables_sha256(hashes: Mapping[str, str]) -> tuple[int, str]:
    r"""How many Parquet files below `tables/` are among these names, and one SHA-256 over their lines as sha256sum writes them.

    A stranger gets the same from `grep '  tables/.*\.parquet$' manifest-sha256.txt | sha256sum`.
    """
    listed = {name: digest for name, digest in hashes.items() if name.startswith("tables/") and name.endswith(".parquet")}
    return len(listed), hashlib.sha256(sum_lines(listed)).hexdigest()


def _line(name: str, digest: str) -> str:
    if "\\" in name or "\n" in name or "\r" in name:
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        return f"\\{digest}  {escaped}\n"
    return f"{digest}  {name}\n"


def manifest_entries(case: Path) -> dict[str, str]:
    """Paths and hashes of a manifest, names unescaped. Raises OSError where it is missing."""
    entries = {}
    text = read_whole(case / MANIFEST).decode("utf-8", "surrogateescape")  # as bytes: line ends are not to be translated
    for line in text.split("\n"):
        digest, gap, name = line.removeprefix("\\").partition("  ")
        if gap:
            entries[_unescaped(name) if line.startswith("\\") else name] = digest
    return entries


def _unescaped(name: str) -> str:
    return name.replace("\\\\", "\0").replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")


def check_manifest(
    case: Path,
    present: Iterable[Path],
    progress: Callable[[int], None] = lambda _: None,
    *,
    evidence: Path | None = None,
) -> list[str]:
    """What differs from the manifest: changed, missing or added files, in sentences. `present` are the case's own files.

    `evidence` is a folder in which evidence lies named by its hashes, as in a bag; without one it lies where it lay.
    """
    try:
        entries = manifest_entries(case)
    except OSError as error:
        return [f"{MANIFEST} cannot be read: {error.strerror}"]
    problems = []
    for name, digest in entries.items():
        progress(1)
        try:
            if file_sha256(evidence / digest if evidence and name.startswith("../") else case / name) != digest:
                problems.append(f"{name}: changed since the audit")
        except FileNotFoundError:
            problems.append(f"{name}: missing")
        except (OSError, ValueError) as error:
            problems.append(f"{name}: cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}")
    names = (place.relative_to(case).as_posix() for place in present)
    return [*problems, *(f"{name}: added since the audit" for name in names if name not in entries)]
