"""A folder that remembers every answer: files written aside and renamed, a journal, and a custody log.

The order makes a kill at any moment harmless: the answer lies aside whole, then the journal names it, then it gets its
name, then custody seals it. What a kill interrupts is finished when the folder is opened again.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from forensics.collect.wire import Answer, CollectError, Request
from forensics.custody import LOG, CustodyLog
from forensics.dates import zulu

__all__ = ["JOURNAL", "KEPT", "Kept", "Ledger"]

JOURNAL = "requests.jsonl"
_ASIDE = ".unfinished"
KEPT = "answer kept"
_OF_THE_START = frozenset({"started_at", "read_until"})  # a resumed run keeps those of the first one


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer in the folder: HTTP status and the bytes as stored."""

    status: int
    body: bytes = field(repr=False)

    @property
    def value(self) -> dict[str, Any]:
        """The JSON object in it; empty where there is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the journal says of one answer; `inline` holds the bytes of one that has no file."""

    number: int
    status: int
    sha256: str
    inline: bytes | None


class Ledger:
    """The state of a collection in its folder; a context manager that holds the folder for one run alone.

    Every answer has a place, its name below the folder; the same place is never asked for twice once its answer is whole.
    Raises CollectError for a folder that is in use, of another collection, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._journal = os.open(folder / JOURNAL, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.custody = CustodyLog(folder / LOG)
            self.plan: dict[str, Any] = {}
            self._entries: dict[str, _Entry] = {}
            self._number = 0
            self._open()
        except BlockingIOError:
            self.close()
            raise CollectError(f"{folder}: another collection is writing here; let it finish, or name another folder") from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the folder go."""
        if self._journal >= 0:
            os.close(self._journal)
        self._journal = -1

    def __len__(self) -> int:
        return len(self._entries)

    def _open(self) -> None:
        sealed = self._last_sealed()
        for line in self._lines():
            if "plan" in line:
                self.plan = line["plan"]
                continue
            self._remember(line)
            if line["n"] > sealed:
                self._finish(line)
        (self.folder / _ASIDE).unlink(missing_ok=True)

    def _finish(self, line: dict[str, Any]) -> None:
        """Do what a kill left undone behind a journal entry: the file's name, and the custody entry."""
        aside = self.folder / _ASIDE
        if line.get("file") and aside.exists() and _sha256(aside.read_bytes()) == line["sha256"]:
            self._name(aside, line["file"])
        self._seal(line)

    def _lines(self) -> Iterator[dict[str, Any]]:
        """The journal's lines. A torn last one is cut off: its answer is asked for again."""
        place = self.folder / JOURNAL
        good = 0
        with place.open("rb") as stream:
            for raw in stream:
                line = _line(raw)
                if line is None and raw.endswith(b"\n"):
                    raise CollectError(f"{place}: damaged after {good} bytes: keep this folder, and name another one with --out")
                if line is None:
                    break
                good += len(raw)
                yield line
        if good < place.stat().st_size:
            os.truncate(place, good)
            self.custody.append("unfinished journal entry removed", bytes_kept=good)

    def _last_sealed(self) -> int:
        """The number of the last answer in the custody log: answers are sealed in order."""
        last = 0
        with suppress(FileNotFoundError), (self.folder / LOG).open("rb") as lines:
            for raw in lines:
                entry = json.loads(raw)  # the log's own reader has been over it
                number = entry.get("request") if entry.get("action") == KEPT else None
                last = max(last, number) if type(number) is int else last
        return last

    def _remember(self, line: Mapping[str, Any]) -> None:
        inline = None if line["file"] else base64.b64decode(line["answer"])
        self._number = line["n"]
        self._entries[line["place"]] = _Entry(line["n"], line["status"], line["sha256"], inline)

    def begin(self, plan: Mapping[str, Any]) -> bool:
        """Write down what this collection is; True if the folder was new. Raises CollectError if it holds another one."""
        fixed = {key: value for key, value in plan.items() if key not in _OF_THE_START}
        if self.plan:
            held = {key: value for key, value in self.plan.items() if key not in _OF_THE_START}
            if fixed != held:
                differing = ", ".join(sorted(key for key in fixed.keys() | held.keys() if fixed.get(key) != held.get(key)))
                raise CollectError(f"{self.folder} holds another collection ({differing} differ): name another folder with --out")
            return False
        if any(one.name not in {JOURNAL, LOG} for one in self.folder.iterdir()):
            raise CollectError(f"{self.folder} is neither empty nor a collection: name another folder with --out")
        self.plan = dict(plan)
        self._write({"plan": self.plan})
        return True

    def kept(self, place: str) -> Kept | None:
        """The answer at a place; None if there is none, or if its file is not what the journal says."""
        entry = self._entries.get(place)
        if entry is None:
            return None
        if entry.inline is not None:
            return Kept(entry.status, entry.inline)
        body = b""
        with suppress(OSError):
            body = (self.folder / place).read_bytes()
        if _sha256(body) == entry.sha256:
            return Kept(entry.status, body)
        self.custody.append("answer damaged, asked again", file=place, sha256=entry.sha256, found=_sha256(body))
        del self._entries[place]
        return None

    def status(self, place: str) -> int | None:
        """The HTTP status of the answer at a place, by the journal alone; None if there is none."""
        entry = self._entries.get(place)
        return entry.status if entry is not None else None

    def forget(self, place: str) -> None:
        """Let a place be asked for again; what the journal says of it stays."""
        self._entries.pop(place, None)

    def keep(self, place: str, request: Request, answer: Answer, body: bytes, *, alone: bool = True, note: str = "") -> Kept:
        """Store `body`: `alone` in a file, else in the journal's own line. `note` says how it differs from what was received."""
        self._number += 1
        line = {
            "n": self._number, "place": place, "method": "GET", "path": request.path, "query": dict(request.query),
            "status": answer.status, "asked_at": zulu(answer.asked_at), "answered_at": zulu(answer.answered_at),
            "attempts": answer.attempts, "bytes": len(body), "sha256": _sha256(body), "file": place if alone else "",
            **({"altered": note} if note else {}), **({} if alone else {"answer": base64.b64encode(body).decode("ascii")}),
        }  # fmt: skip
        aside = self.folder / _ASIDE
        if alone:
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(body)
        self._write(line)
        if alone:
            self._name(aside, place)
        self._seal(line)
        self._remember(line)
        return Kept(answer.status, body)

    def _write(self, line: Mapping[str, Any]) -> None:
        raw = json.dumps(line, sort_keys=True).encode("ascii") + b"\n"
        while raw:
            raw = raw[os.write(self._journal, raw) :]

    def _name(self, aside: Path, place: str) -> None:
        target = self.folder / place
        for above in reversed(target.relative_to(self.folder).parents):  # mkdir's mode is for the last folder alone
            (self.folder / above).mkdir(mode=0o700, exist_ok=True)
        aside.replace(target)

    def _seal(self, line: Mapping[str, Any]) -> None:
        left_out = {"n", "place", "answer", "attempts"}
        self.custody.append(KEPT, request=line["n"], **{key: value for key, value in line.items() if key not in left_out})


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


_FIELDS = {"n": int, "place": str, "status": int, "sha256": str, "file": str}


def _line(raw: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(raw) if raw.endswith(b"\n") else None
        if not isinstance(line, dict):
            return None
        if isinstance(line.get("plan"), dict):
            return line
        if line.get("file") == "":
            base64.b64decode(line["answer"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return line if all(type(line.get(key)) is kind for key, kind in _FIELDS.items()) else None
