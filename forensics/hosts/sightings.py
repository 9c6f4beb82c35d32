"""What a machine's disk tells of a package: where it was met, in which state, and by which clock."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from forensics.hosts.versions import Interval, can_meet, contains, intervals, version
from forensics.incident import Incident

__all__ = ["Event", "Kind", "Sighting", "State", "Trace", "Wanted", "harmless", "is_elsewhere", "short_spec", "wanted_from"]

_LONGEST = 2_000  # characters of a path or place as shown
_LONGEST_SPEC = 40
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # byte order marks
_TAGS = {"", "latest", "next", "beta", "alpha", "canary", "rc", "dev", "stable"}


class Kind(StrEnum):
    """The kind of thing in which a package was met."""

    INSTALLED = "installed"  # its own folder in an installed tree
    CHECKOUT = "checkout"  # a folder of that name which no package manager installed
    LOCK = "lock"  # a lock file names it
    MANIFEST = "manifest"  # a project's package.json asks for it
    NPX = "npx"  # a folder of npx whose name is the hash of what was asked for
    ARCHIVE = "archive"  # a packed copy, told by its file name
    NPM_LOG = "npm-log"
    NPM_CACHE = "npm-cache"
    COMMIT = "git-commit"
    CONFIG = "mcp-config"  # a client's configuration starts it


class State(StrEnum):
    """What a sighting says of the version."""

    BAD = "bad"  # a bad version, or bytes that are known as bad
    UNKNOWN = "unknown"  # no version is told: any that could be had since publication
    OTHER = "other"  # another version, or another project of the same name: named, not accused


class Event(StrEnum):
    """What happened, or is so, at the time of a sighting."""

    STANDS = "stands"  # lies on the disk as it was handed in
    ARRIVED = "arrived"  # was downloaded, installed or committed at that time
    RAN = "ran"
    NAMED = "named"  # was asked for or is kept: neither installed by that nor run
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Trace:
    """What one reader found in one file: `text` is the version, range or tag as written, `exact` that it is what was resolved."""

    package: str
    text: str
    kind: Kind
    event: Event
    place: str = ""  # line, key or entry within the file
    exact: bool = True
    elsewhere: bool = False  # came from git, a folder or an address of its own: not the registry's package
    at: datetime | None = None  # aware UTC, from inside the file
    clock: str = ""  # which clock gave `at`
    note: str = ""
    secrets: tuple[str, ...] = ()  # names of variables that hold a secret, never a value
    proven: bool = False  # known bytes: bad whatever the version says


@dataclass(frozen=True, slots=True)
class Sighting:
    """A trace with host and path, judged. `hint` is a file's mtime: copies rewrite it, so it bounds nothing."""

    host: str
    path: str  # below the host's top folder, harmless to show
    package: str
    version: str
    kind: Kind
    state: State
    event: Event
    place: str = ""
    at: datetime | None = None
    clock: str = ""
    note: str = ""
    secrets: tuple[str, ...] = ()
    hint: datetime | None = None


class Bad(NamedTuple):
    """The bad versions of one package, as intervals and, where a specifier is no range, as texts."""

    ranges: tuple[Interval, ...]
    texts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: npm packages by name with their bad versions, bytes by SHA-256, and indicators in code."""

    packages: Mapping[str, Bad]
    hashes: Mapping[str, str] = field(default_factory=dict)
    indicators: tuple[bytes, ...] = ()
    start: datetime | None = None  # since when a bad version could be had
    words: tuple[bytes, ...] = ()  # the packages' names without scope: whatever names one holds one of these

    def judge(self, trace: Trace) -> State:
        """The state that a trace comes to."""
        bad = self.packages[trace.package]
        if trace.proven or (trace.text in bad.texts and not trace.elsewhere):
            return State.BAD
        if trace.elsewhere or trace.kind is Kind.CHECKOUT:
            return State.OTHER
        exact = version(trace.text)
        if exact is not None:
            return State.BAD if contains(bad.ranges, exact) else State.OTHER
        allowed = intervals(trace.text)
        if allowed is None:  # a tag, or a text that no reader knows
            return State.UNKNOWN
        return State.UNKNOWN if can_meet(allowed, bad.ranges) else State.OTHER

    def is_named(self, content: bytes) -> bool:
        """Whether bytes can name a wanted package: as written, with JSON's escapes, or in UTF-16, which is not searched."""
        return b"\\u" in content or content[:2] in _WIDE or any(one in content for one in self.words)


def wanted_from(incident: Incident) -> tuple[Wanted, tuple[str, ...]]:
    """What an incident's packages make one look for, and notes on those that cannot be looked for."""
    packages: dict[str, Bad] = {}
    hashes: dict[str, str] = {}
    notes: list[str] = []
    for one in incident.packages:
        if one.ecosystem != "npm":
            notes.append("A package of another ecosystem than npm was not looked for.")
            continue
        read = {text: intervals(text) for text in one.bad_versions}
        ranges = tuple(part for parts in read.values() if parts is not None for part in parts)
        if not one.bad_versions:
            ranges = (Interval(),)  # no version is known to be good
        packages[one.name] = Bad(ranges, frozenset(text for text, parts in read.items() if parts is None))
        hashes.update(one.hashes)
    indicators = tuple(one.encode() for one in sorted(incident.indicators.addresses | incident.indicators.domains))
    words = tuple(sorted({name.rpartition("/")[2].encode() for name in packages}))
    return Wanted(packages, hashes, indicators, incident.window.start, words), tuple(dict.fromkeys(notes))


def is_elsewhere(source: str) -> bool:
    """Whether a source as lock files write it is no registry's: git, a folder, a link, a code host's short form."""
    lowered = source.lower()
    return (
        lowered.startswith(("git", "file:", "link:", "portal:", "workspace:", "bitbucket:", "ssh:"))
        or ".git#" in lowered
        or "codeload." in lowered
    )


def short_spec(text: str) -> str:
    """A version, a range or a usual tag, fit to be stored: anything else could be anything, an address with a password too."""
    if text in _TAGS:
        return text
    return text if len(text) <= _LONGEST_SPEC and intervals(text) is not None else "(not a version)"


def harmless(text: str) -> str:
    r"""Text of the evidence as one line: control, format and surrogate characters show as `\xNN` or `\uNNNN`."""
    if text.isascii() and text.isprintable():
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    shown = text[:_LONGEST].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(_escaped(one) for one in shown) + ("..." if len(text) > _LONGEST else "")


def _escaped(one: str) -> str:
    if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return f"\\x{ord(one):02x}" if ord(one) < 0x100 else f"\\u{ord(one):04x}"  # noqa: PLR2004  where \x ends
    return one
