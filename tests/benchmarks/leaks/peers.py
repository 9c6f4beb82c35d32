"""Other scanners on the same mails, in a virtual environment of their own; one that cannot be installed is shown as not run."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.leaks.planted import Secret

__all__ = ["PEERS", "Peer", "PeerRun", "finds", "installed", "peer_run", "write_mails"]

_WAIT = 3600  # seconds that a peer may take
_PIECE = 8  # characters that a finding and a secret must share
_PINNED = {
    "credsweeper": "credsweeper==1.19.5",
    "detect-secrets": "detect-secrets==1.5.0",
    "kingfisher": "kingfisher-bin==2.14.0",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A program: its arguments for a folder of mails and a file for its answer, and path and text of each finding in that answer."""

    name: str
    program: str
    arguments: Callable[[str, str], list[str]]
    findings: Callable[[Any, Path], Iterator[tuple[str, str]]]
    to_stdout: bool = False


@dataclass(frozen=True, slots=True)
class PeerRun:
    """Texts found, mail by mail, CPU and wall seconds; `error` says why a peer was not run, or what stopped it."""

    name: str
    findings: tuple[tuple[str, ...], ...] = ()
    cpu: float = 0.0
    wall: float = 0.0
    error: str = ""


def _credsweeper(*more: str) -> Callable[[str, str], list[str]]:
    return lambda mails, answer: ["--path", mails, "--save-json", answer, "--no-stdout", "--jobs", "2", "--log", "error", *more]


def _of_credsweeper(answer: Any, _folder: Path) -> Iterator[tuple[str, str]]:
    for one in answer:
        yield from ((line["path"], line["value"] or line["line"]) for line in one["line_data_list"])


def _of_kingfisher(answer: Any, _folder: Path) -> Iterator[tuple[str, str]]:
    yield from ((one["finding"]["path"], one["finding"]["snippet"]) for one in answer["findings"])


def _of_detect_secrets(answer: Any, folder: Path) -> Iterator[tuple[str, str]]:
    """It tells the line only: the whole line stands for the finding, which is generous."""
    for path, found in answer["results"].items():
        lines = (folder / Path(path).name).read_text(encoding="utf-8", errors="replace").split("\n")
        yield from ((path, lines[one["line_number"] - 1]) for one in found)


def _kingfisher(mails: str, answer: str) -> list[str]:
    cache = str(Path(mails).parent / "kingfisher-rules")
    return [
        "scan", mails, "--no-validate", "--no-update-check", "--no-dedup", "--jobs", "1", "--format", "json", "--output", answer, "--rule-cache-dir", cache,
    ]  # fmt: skip


PEERS = (
    Peer("CredSweeper", "credsweeper", _credsweeper(), _of_credsweeper),
    Peer("CredSweeper --depth 3", "credsweeper", _credsweeper("--depth", "3"), _of_credsweeper),
    Peer(
        "detect-secrets", "detect-secrets", lambda mails, _: ["scan", "--all-files", "--no-verify", mails], _of_detect_secrets, to_stdout=True
    ),
    Peer("kingfisher", "kingfisher", _kingfisher, _of_kingfisher),
)  # fmt: skip


def installed(cache: Path, note: Callable[[str], object]) -> dict[str, str]:
    """Why a program cannot be run, "" if it can. Missing ones are installed, each apart: one failure costs one peer."""
    folder = cache / "peers"
    told: dict[str, str] = {}
    for program, pinned in _PINNED.items():
        told[program] = ""
        mark = folder / f".{pinned}"
        if mark.exists() and (folder / "bin" / program).exists():
            continue
        note(f"installing {pinned}")
        try:
            if not (folder / "bin" / "pip").exists():
                subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True, timeout=_WAIT)
            command = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", pinned]
            subprocess.run(command, check=True, capture_output=True, timeout=_WAIT)
            mark.touch()
        except (subprocess.SubprocessError, OSError) as error:
            told[program] = f"{pinned} could not be installed ({type(error).__name__})"
    return told


def write_mails(folder: Path, mails: Sequence[bytes]) -> None:
    """Each mail a file, named by its number."""
    folder.mkdir(parents=True)
    for number, raw in enumerate(mails):
        (folder / f"{number:06d}.eml").write_bytes(raw)


def peer_run(peer: Peer, cache: Path, mails: Path, count: int) -> PeerRun:
    """One peer over a folder of `count` mails."""
    answer = mails.parent / f"{peer.name.replace(' ', '')}.json"
    command = [str(cache / "peers" / "bin" / peer.program), *peer.arguments(str(mails), str(answer))]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    found: dict[int, list[str]] = defaultdict(list)
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_WAIT, check=False, cwd=mails.parent, env={**os.environ, "NO_COLOR": "1"}
        )
        wall = time.perf_counter() - started
        for path, text in peer.findings(json.loads(done.stdout if peer.to_stdout else answer.read_bytes()), mails):
            found[int(Path(path).name[:6])].append(text)
    except (OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError) as error:
        return PeerRun(peer.name, error=f"failed ({type(error).__name__})")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return PeerRun(peer.name, tuple(tuple(found[number]) for number in range(count)), cpu, wall)


def finds(texts: Iterable[str], secret: Secret) -> bool:
    """Whether any of these texts shares eight characters with the secret, or all of a shorter one. Quoted-printable is no obstacle."""
    wanted = {"".join(one.split()) for one in (secret.value, secret.written, *secret.also)}
    pieces = {one[at : at + _PIECE] for one in wanted for at in range(max(len(one) - _PIECE, 0) + 1)}
    return any(piece in text for text in map(_plain, texts) for piece in pieces)


def _plain(text: str) -> str:
    return "".join(text.replace("=3D", "=").split())
