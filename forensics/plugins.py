"""Plugins as values: a parser, detector, content reader or reporter is one frozen dataclass in one file of its folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from forensics.model import Body, Defect, Finding, Fragment, Limits, Observation, Part, Span, Statement, Text, Unread

if TYPE_CHECKING:
    import duckdb

    from forensics.case import Case
    from forensics.dates import FileClock
    from forensics.incident import Incident
    from forensics.policy import Policy

__all__ = ["Detector", "Found", "Parser", "Plugin", "Reader", "Reporter", "Scope", "Source", "discover"]

Record = Fragment | Defect | Statement


class Source(Protocol):
    """One span of evidence, opened read-only, for a parser.

    A record belongs to the span in which its first byte lies. A parser therefore skips the tail of a record that
    began before `span.start` and reads on past `span.end` to finish its last one.
    """

    @property
    def span(self) -> Span:
        """The part of the member whose records are wanted; `end` = -1 is the member's end."""
        ...

    @property
    def name(self) -> str:
        """Base name of the file or member; a hint for people, hostile text, never proof of a format or a date."""
        ...

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        """Decoded bytes from `start` (default: `span.start`) to the end of the *member*, in order, each once.

        A damaged stream ends early; the caller's pipeline records why. Never raises.
        """
        ...


@dataclass(frozen=True, slots=True)
class Parser:
    """Reads one format. The functions are pure but for reading their `Source`, and never raise on any bytes.

    `sniff(head, name)`: is this my format? `head` is the first 64 KiB decoded. Two parsers that both say yes are an error.
    `read(source)`: fragments, defects and statements of one span, in file order.
    `assemble(fragments, clocks)`: fragments of all files, in order of key, then of time and place; None if each
      fragment already is an observation. `clocks` maps (evidence, member) to the file's year and zone.
    `undecided`: with `assemble`, promises that a fragment which opens and closes and has its key for itself is an observation as
      it stands, its recipients each once and in order, but for its stamps: `assemble` would change nothing else. The
      exceptions are fragments with one of these facts, and those of which a fragment of kind "session" in the same file says
      more: it names where they begin as the first word of a fact "taken". None promises nothing.
    `body(raw, observation_kind)`: content at an observation's span, from the bytes of that span.
    `bodies(source, spans)`: instead of `body`, where a record has no bytes of its own and its span is an id: the content at
      these spans of one member, in any order, each at most once.
    `divisible`: a big member may be cut anywhere and its spans read apart.
    """

    name: str
    title: str
    sniff: Callable[[bytes, str], bool]
    read: Callable[[Source], Iterator[Record]]
    shows: frozenset[str]  # of "recipients", "header", "outcome", "content", "blind"
    assemble: Callable[[Iterable[Fragment], Mapping[tuple[str, str], FileClock]], Iterator[Observation]] | None = None
    undecided: frozenset[str] | None = None
    body: Callable[[bytes, str], Body] | None = None
    bodies: Callable[[Source, Sequence[Span]], Iterator[tuple[Span, Body]]] | None = None
    divisible: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns parts of one media family into texts to search, further parts, and a list of what stayed unread.

    `accepts(part)`: may I read this? by content first, then by declared type or name.
    `read(part, limits)`: never raises; children carry `depth + 1` and a path below the part's.
    """

    name: str
    title: str
    accepts: Callable[[Part], bool]
    read: Callable[[Part, Limits], Iterator[Text | Part | Unread]]
    version: int = 1


@dataclass(frozen=True, slots=True)
class Scope:
    """What a detector may ask besides the tables: the incident, the policy, and the window that both leave."""

    incident: Incident
    policy: Policy


@dataclass(frozen=True, slots=True)
class Detector:
    """Answers one question about recipients over the tables of a case; see DETECTOR TABLES in `envelopes`.

    `limits`: asked after `detect` on the same connection, says in sentences what in this evidence could have gone unnoticed.
    """

    name: str
    question: str
    detect: Callable[[duckdb.DuckDBPyConnection, Scope], Iterator[Finding]]
    limits: Callable[[duckdb.DuckDBPyConnection, Scope], list[str]] | None = None
    default: bool = True
    version: int = 1


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes one output from a finished case into its report folder and returns the paths written."""

    name: str
    title: str
    write: Callable[[Case, Path], list[Path]]
    default: bool = True
    version: int = 1


Plugin = Parser | Reader | Detector | Reporter

# room -> the name under which a module of that folder exports its value
ROOMS = {"parsers": "PARSER", "detectors": "DETECTOR", "content": "READER", "reporters": "REPORTER"}


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin as discovered, with where it came from; `plugin` is None if it failed to import, and `error` says why."""

    room: str
    name: str
    origin: str
    plugin: Any
    error: str = ""


def discover(room: str) -> list[Found]:
    """All plugins of a room, own ones and those of installed packages, by name. A broken one is reported, not raised."""
    found: dict[str, Found] = {}
    refused = []
    for one in [*_from_folder(room), *_from_entry_points(room)]:
        if one.name in found:  # order of registration is no policy: a second plugin of one name is an error
            refused.append(Found(room, one.name, one.origin, None, f"the name is taken by {found[one.name].origin}"))
        else:
            found[one.name] = one
    return sorted([*found.values(), *refused], key=lambda one: (one.name, one.plugin is None))


def _from_folder(room: str) -> Iterator[Found]:
    package = importlib.import_module(f"forensics.{room}")
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            yield _load(room, info.name, "forensics", partial(_attribute, room, info.name))


def _attribute(room: str, name: str) -> object:
    return getattr(importlib.import_module(f"forensics.{room}.{name}"), ROOMS[room])


def _from_entry_points(room: str) -> Iterator[Found]:
    for entry in metadata.entry_points(group=f"forensics.{room}"):
        dist = entry.dist
        origin = f"{dist.name} {dist.version}" if dist else "unknown package"
        yield _load(room, entry.name, origin, entry.load)


def _load(room: str, name: str, origin: str, load: Callable[[], object]) -> Found:
    kind = {"parsers": Parser, "detectors": Detector, "content": Reader, "reporters": Reporter}[room]
    try:
        plugin = load()
    except Exception as error:  # noqa: BLE001  a foreign plugin may fail in any way; it must not end the run
        return Found(room, name, origin, None, f"{type(error).__name__}: {error}")
    if not isinstance(plugin, kind):
        return Found(room, name, origin, None, f"is no {kind.__name__}")
    return Found(room, str(getattr(plugin, "name", name)), origin, plugin)
