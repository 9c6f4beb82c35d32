"""Collected folders among the evidence: their papers read, their answers held against custody, and told to coverage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from forensics.collect.checking import PAPERS, Papers, asked_of, read_papers
from forensics.coverage import Collected, Collection
from forensics.custody import file_sha256
from forensics.evidence import Item, Problem

__all__ = ["NONE_FOUND", "Found", "collected"]


@dataclass(frozen=True, slots=True)
class Found:
    """Collections for coverage, what is wrong with them, and the evidence ids of their own papers, which hold no mail."""

    collections: tuple[Collection, ...] = ()
    problems: tuple[Problem, ...] = ()
    papers: frozenset[str] = frozenset()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of them, in sentences."""
        return tuple(dict.fromkeys(one for collection in self.collections for one in collection.remarks))


NONE_FOUND = Found()


def collected(items: Iterable[Item]) -> Found:
    """Collections whose papers lie among the evidence; copies of a file count where they lie. Nothing is read but the papers."""
    by_place = {item.location.resolve(): item for item in items}
    folders = sorted({place.parent for place in by_place if place.name in PAPERS})
    collections, problems, papers = [], [], set()
    for home in folders:
        found = read_papers(home, lambda place: _sha256(by_place, place))
        if found is None:
            continue
        own = {place: item for place, item in by_place.items() if place.is_relative_to(home)}
        shown = _shown(own, home)
        papers |= {item.id for place, item in own.items() if place.parent == home and place.name in PAPERS}
        problems += [Problem(f"{shown}/{name}" if name else f"{shown}/{PAPERS[0]}", reason) for name, reason in found.faults]
        collections.append(_told(found, shown, own))
    return Found(tuple(collections), tuple(problems), frozenset(papers))


def _sha256(by_place: Mapping[Path, Item], place: Path) -> str:
    """From the hash that was taken of it as evidence; an empty file, or one that was not handed in, is hashed here."""
    item = by_place.get(place)
    with suppress(OSError, ValueError):
        return item.sha256 if item is not None else file_sha256(place)
    return ""


def _shown(own: Mapping[Path, Item], home: Path) -> str:
    """The folder's name as reports name it: that of a file in it, less the file's own place below the folder."""
    place, item = min(own.items())
    return item.path.removesuffix(place.relative_to(home).as_posix()).rstrip("/") or home.name


def _told(papers: Papers, shown: str, own: Mapping[Path, Item]) -> Collection:
    streams = [
        Collected(
            papers.provider, one.server, one.stream, papers.start, papers.end, papers.asked_at, one.total, one.rows, one.outside,
            one.oldest, one.expired_until, one.expired_sent, (*papers.doubts(one.server, one.stream), *one.troubles), one.asides,
        )
        for one in papers.streams
    ]  # fmt: skip
    files = {
        item.id: asked_of(place.relative_to(papers.home).as_posix()) or ("", "")
        for place, item in sorted(own.items())
        if place.parent != papers.home
    }
    return Collection(
        papers.provider,
        shown,
        papers.start,
        papers.end,
        papers.is_finished,
        tuple(streams),
        files,
        tuple(_remarks(papers, shown)),
    )


def _remarks(papers: Papers, shown: str) -> Sequence[str]:
    found = [f"Collection {shown}: {one}" for one in (*papers.notices, *papers.troubles)]
    if not papers.is_finished:
        found.append(f"Collection {shown}: it was not finished; what it was asked for is not shown to be in hand.")
    elif not papers.streams:
        found.append(f"Collection {shown}: its own papers do not hold, so nothing that they say counts as proof.")
    if papers.faults and papers.is_finished:
        found.append(f"Collection {shown}: {len(papers.faults)} of its files are not as they were received (defects.csv).")
    return found
