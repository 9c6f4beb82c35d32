"""What a collected folder says of itself, read back for an audit and held against its custody log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from forensics.collect.acceptance import ANSWERS, RESULT, UNFINISHED, faults
from forensics.collect.ledger import JOURNAL
from forensics.custody import LOG
from forensics.dates import iso_time

__all__ = ["PAPERS", "Papers", "StreamTold", "asked_of", "read_papers"]

PAPERS = (LOG, JOURNAL, RESULT)  # what a collection writes of itself: no evidence of mail
_MOST_PAPER = 64 << 20  # bytes of collected.json: many thousands of streams
_FIRST_LINE = 1 << 20
_MOST_STREAMS = 5_000
_MOST_SENTENCES, _LONGEST = 50, 500  # of an account's troubles; characters of one
_PLACE = re.compile(
    rf"{ANSWERS}/server-(?P<server>[0-9]{{1,18}})/(?:(?P<kind>[a-z]+)/(?P<stream>[0-9A-Za-z][0-9A-Za-z_.-]{{0,63}}))?"
)
_BY_STREAM = frozenset(
    {"search", "bounces", "opens", "clicks", "suppressions", "stats"}
)  # folders, or files, named after a stream
_OF_A_MESSAGE = re.compile(r"^(details|dumps) of message ")
_ASIDE = re.compile(r"^(bounces|opens|clicks|suppressions): ")  # lists that accompany the search
_MOST_TROUBLES = 3  # told in full


@dataclass(frozen=True, slots=True)
class StreamTold:
    """What the result says of one stream; times in UTC, None unknown."""

    server: str
    stream: str
    total: int
    rows: int
    outside: int
    oldest: datetime | None
    expired_until: datetime | None
    expired_sent: int
    troubles: tuple[str, ...]  # why the list of messages is not whole
    asides: tuple[str, ...]  # what else could not be had: bounces, opens, contents


@dataclass(frozen=True, slots=True)
class Papers:
    """A collected folder: what was asked for, how far it came, and what no longer is as it was received.

    `start` and `end` (exclusive) are the interval that was asked for, `end` no later than `asked_at`. `faults` are names below the
    folder ("" is the custody log's chain) and what is wrong. `streams` is empty unless the collection was finished and its
    result is the one that custody sealed.
    """

    home: Path
    provider: str
    start: datetime
    end: datetime
    asked_at: datetime
    is_finished: bool
    streams: tuple[StreamTold, ...] = ()
    troubles: tuple[str, ...] = ()  # of servers and of the account
    notices: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()

    def doubts(self, server: str, stream: str) -> tuple[str, ...]:
        """What is wrong with the folder as far as it concerns one stream: its own answers, and what seals them all."""
        sealing = [reason for name, reason in self.faults if name in ("", *PAPERS)]
        own = [name for name, _ in self.faults if (place := asked_of(name)) and place[0] == server and place[1] in ("", stream)]
        found = [f"the collection's own papers do not hold ({len(sealing)} fault{'s' * (len(sealing) != 1)})"] if sealing else []
        if own:
            found.append(f"{len(own):,} answer{'s are' if len(own) > 1 else ' is'} not as received")
        return tuple(found)


def read_papers(folder: Path, digest: Callable[[Path], str] | None = None) -> Papers | None:
    """What a collected folder says of itself; None if it is none, or its plan cannot be read. Never raises.

    `digest` gives the SHA-256 of a file in the folder where it is known already, "" where there is none.
    """
    plan = _plan(folder) if (folder / LOG).is_file() else {}
    times = [iso_time(str(plan.get(name, "")), "asked") for name in ("from", "read_until", "started_at")]
    if not plan or any(one is None or one.slack for one in times):
        return None
    start, end, asked_at = (one.at for one in times if one is not None)
    if start >= end:
        return None
    wrong = tuple(faults(folder, digest))
    finished = not any(name == LOG and reason == UNFINISHED for name, reason in wrong)
    result: dict[str, Any] = {}
    if finished and not any(name in ("", RESULT) for name, _ in wrong):
        result = _json(folder / RESULT)
    return Papers(
        folder, str(plan.get("provider", ""))[:64], start, end, asked_at, finished,
        tuple(one for row in _list(result, "streams")[:_MOST_STREAMS] if isinstance(row, Mapping) and (one := _stream(row)) is not None),
        _sentences(result, "troubles"), _sentences(result, "notices"), wrong,
    )  # fmt: skip


def asked_of(name: str) -> tuple[str, str] | None:
    """The server and stream that an answer's place below the folder names; "" for no stream, None for no server."""
    match = _PLACE.match(name)
    if match is None:
        return None
    stream = (match["stream"] or "").removesuffix(".json") if match["kind"] in _BY_STREAM else ""
    return match["server"], stream


def _plan(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError), (folder / JOURNAL).open("rb") as lines:
        first = json.loads(lines.readline(_FIRST_LINE))
        if isinstance(first, dict) and isinstance(first.get("plan"), dict):
            return dict(first["plan"])
    return {}


def _json(place: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        if place.stat().st_size <= _MOST_PAPER:
            value = json.loads(place.read_bytes())
            return value if isinstance(value, dict) else {}
    return {}


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _sentences(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(one[:_LONGEST] for one in _list(value, name) if isinstance(one, str))[:_MOST_SENTENCES]


def _count(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    return value if type(value) is int and value >= 0 else 0


def _time(row: Mapping[str, Any], name: str) -> datetime | None:
    found = iso_time(str(row.get(name) or ""), "asked")
    return found.at if found is not None and not found.slack else None


def _stream(row: Mapping[str, Any]) -> StreamTold | None:
    server, stream = row.get("server"), row.get("stream")
    if not isinstance(server, str) or not isinstance(stream, str):
        return None
    days = [one for one in _list(row, "expired_days") if isinstance(one, Mapping)]
    return StreamTold(
        server[:64], stream[:64], _count(row, "total"), _count(row, "rows"), _count(row, "outside"), _time(row, "oldest"), _time(row, "expired_until"),
        sum(_count(one, "sent") for one in days), *_apart([one[:_LONGEST] for one in _list(row, "troubles") if isinstance(one, str)]),
    )  # fmt: skip


def _apart(listed: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Troubles of the list of messages, and of what else was asked for; those of single messages as their number."""
    single = sum(bool(_OF_A_MESSAGE.match(one)) for one in listed)
    asides = [one for one in listed if _ASIDE.match(one)]
    own = [one for one in listed if not _OF_A_MESSAGE.match(one) and not _ASIDE.match(one)]
    if single:
        asides.append(f"details or raw copies of {single:,} message{'s' * (single != 1)} could not be had")
    return tuple(own[:_MOST_TROUBLES]) + (("and more troubles",) if len(own) > _MOST_TROUBLES else ()), tuple(
        asides[:_MOST_TROUBLES]
    )
