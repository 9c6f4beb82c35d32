"""One pass over the disks of all hosts: walk, read what may tell, judge it, and sum it up."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from forensics.evidence import Problem, open_read_only
from forensics.hosts.clients import read_client
from forensics.hosts.githistory import GitLimits, InHistory, read_history
from forensics.hosts.installed import read_manifest, read_npx_packages, read_package
from forensics.hosts.locks import read_lock
from forensics.hosts.npmcache import archive_named, dlx_time, npx_folders, read_bucket
from forensics.hosts.npmlogs import read_npm_log
from forensics.hosts.sightings import Event, Kind, Sighting, State, Trace, Wanted, harmless, short_spec, wanted_from
from forensics.hosts.walking import Locked, Met, Tally, Thing, Watch, walk
from forensics.hosts.windows import Exposure, exposures
from forensics.incident import Incident

__all__ = ["CANNOT_SEE", "HostLimits", "HostRoot", "HostSeen", "Survey", "host_root", "survey"]

CANNOT_SEE = (
    "What starts it elsewhere (units, scripts, containers) is not looked for; only lock files, npm's traces and MCP clients' configuration.",
    "Copies bundled into other files, in container images, archives or virtual disks, or in pnpm's store alone, are not seen.",
    "A machine without a sighting is not shown to be clean: caches are emptied, npm keeps ten logs, and disks are taken after the fact.",
    "Times are those that files hold inside (logs, npm's cache, commits); a file's own time is a hint only, since copies rewrite it.",
    "A removal is told by a commit or by npm's log; whether the process ended then is not seen. Configurations are read as they stand now.",
    "What the code of 1.0.16 did is known from copies of its code; of other versions, and of what a host sent meanwhile, the disk says nothing.",
)
_PROBLEMS = 1_000  # of one host that are kept; all are counted
_VERSIONS = 200  # patch numbers after a bad version's first whose npx folder is looked for by name


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Bytes of one file of each kind, and the bounds of git. What is over a limit is told."""

    lock: int = 32 << 20
    text_lock: int = 128 << 20
    small: int = 32 << 20  # configuration (some clients keep their history there), package.json, cache index
    log: int = 32 << 20
    git: GitLimits = field(default_factory=GitLimits)
    git_total: float = 1800.0  # seconds for all repositories of one disk


@dataclass(frozen=True, slots=True)
class HostRoot:
    """A machine by name, and the folder in which its disk or a copy of it lies."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class HostSeen:
    """What was walked of one host; `problems` counts all, also those beyond the number that is kept.

    `disks` are the names of the folders that were handed in for it: evidence that lies in such a folder is of this host. A name
    that was handed in for two hosts tells nothing, and is left out.
    """

    name: str
    files: int
    folders: int
    links: int
    problems: int
    disks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that the disks tell: hosts, windows, every sighting, what could not be read, and notes."""

    hosts: tuple[HostSeen, ...]
    exposures: tuple[Exposure, ...]
    sightings: tuple[Sighting, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    incident: str = ""
    publication: datetime | None = None

    @property
    def hosts_without_sighting(self) -> tuple[str, ...]:
        """Hosts on which no bad or untold version was met; not a word on their being clean."""
        met = {one.host for one in self.exposures}
        return tuple(one.name for one in self.hosts if one.name not in met)


def host_root(text: str) -> HostRoot:
    """A host as the command line names it: `NAME=PATH`, else a path whose base name is the host's. Names in lower case."""
    name, equals, path = text.partition("=")
    if equals and name and "/" not in name and os.sep not in name:
        return HostRoot(harmless(name.lower()), Path(path))
    place = Path(text).resolve()
    return HostRoot(harmless(place.name.lower()) or platform.node().lower() or "this-machine", Path(text))


def survey(
    paths: Iterable[str | os.PathLike[str] | HostRoot],
    incident: Incident,
    *,
    limits: HostLimits = HostLimits(),
    with_git: bool = True,
    progress: Callable[[str, int], None] = lambda _host, _files: None,
) -> Survey:
    """Walk hosts' disks, or copies of them, read-only, and tell when a bad version of the incident's packages was there.

    Each path is one host's top folder (`host_root` says how it is named); two paths of one name given as `HostRoot` are
    two disks of one host, two folders of one base name are two hosts, the second with `~2`. `progress` is told host and
    files so far. Never raises for what lies on a disk: it comes out as a problem.
    """
    wanted, notes = wanted_from(incident)
    if not wanted.packages:
        notes = (*notes, "The incident names no npm package: nothing was looked for.")
    watch, folders = Watch.of(wanted), npx_folders(wanted, _exact_versions(incident))
    sightings: list[Sighting] = []
    problems: list[Problem] = []
    tallies: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    roots = list(_roots(paths))
    for root in roots:
        reader = _Reader(root, wanted, folders, limits, with_git=with_git)
        counted = tallies[root.name]
        tally, unread = Tally(tell=partial(progress, root.name)), 0
        for found in reader.read(watch, tally):
            if isinstance(found, Sighting):
                sightings.append(found)
                continue
            unread += 1
            if unread <= _PROBLEMS:
                problems.append(found)
        for place, value in enumerate((tally.files, tally.folders, tally.links, unread)):
            counted[place] += value
        if root.path == Path("/"):
            notes = (*notes, "Of the running machine, /proc, /sys and /dev were left out: the kernel's, and no files.")
    kept = _without_repetition(_with_origin(sightings))
    return Survey(
        hosts=tuple(
            HostSeen(name, files, folders_met, links, unread, _disks(name, roots))
            for name, (files, folders_met, links, unread) in sorted(tallies.items())
        ),
        exposures=exposures(kept, wanted.start),
        sightings=kept,
        problems=tuple(sorted(problems, key=lambda one: (one.path, one.start, one.reason))),
        notes=notes,
        incident=incident.name,
        publication=wanted.start,
    )


def _roots(paths: Iterable[str | os.PathLike[str] | HostRoot]) -> Iterator[HostRoot]:
    """Each disk once, with a name of its own unless the name was given."""
    seen: set[tuple[str, Path]] = set()
    taken: set[str] = set()
    for one in paths:
        named = isinstance(one, HostRoot) or "=" in os.fspath(one)
        root = one if isinstance(one, HostRoot) else host_root(os.fspath(one))
        place = root.path.resolve()
        if (root.name, place) in seen:
            continue
        name = root.name
        count = 1
        while not named and name in taken:
            count += 1
            name = f"{root.name}~{count}"
        seen |= {(root.name, place), (name, place)}
        taken.add(name)
        yield HostRoot(name, place)


def _disks(host: str, roots: Iterable[HostRoot]) -> tuple[str, ...]:
    """The names, in lower case, of the folders that were handed in for this host and for no other."""
    hosts: dict[str, set[str]] = defaultdict(set)
    for one in roots:
        hosts[harmless(one.path.name.lower())].add(one.name)
    return tuple(sorted(folder for folder, names in hosts.items() if folder and names == {host}))


def _exact_versions(incident: Incident) -> dict[str, list[str]]:
    """Versions that people may have typed after npx: each that a specifier names, and some that follow it."""
    found: dict[str, list[str]] = {}
    for package in incident.packages:
        for text in package.bad_versions:
            bare = text.lstrip("<>=^~ ")
            stem, _, patch = bare.rpartition(".")
            if patch.isascii() and patch.isdigit() and len(patch) < 6 and stem:  # noqa: PLR2004  a patch number of sense
                found.setdefault(package.name, []).extend(f"{stem}.{int(patch) + more}" for more in range(_VERSIONS))
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads what the walk over one host's disk meets."""

    root: HostRoot
    wanted: Wanted
    npx: Mapping[str, tuple[str, str]]
    limits: HostLimits
    with_git: bool
    spent: list[float] = field(default_factory=lambda: [0.0])  # seconds on git so far

    def read(self, watch: Watch, tally: Tally) -> Iterator[Sighting | Problem]:
        """Sightings and problems of the whole disk."""
        top = str(self.root.path)
        if not self.root.path.exists():
            yield Problem(self.root.name, "there is no such folder; check the path")
            return
        if self.root.path.is_file():
            yield Problem(self.root.name, "a file: hand in the folder that it lies in")
            return
        for met in walk(top, watch, tally):
            if isinstance(met, Locked):
                yield Problem(self._shown(met.path), met.reason)
                continue
            for found in self._traces(met):
                if isinstance(found, str):
                    yield Problem(self._shown(met.path), found)
                elif isinstance(found, InHistory):
                    yield self._sighting(f"{met.path}:{found.path}", found.trace, None)
                else:
                    yield self._sighting(met.path, found, met.path)

    def _shown(self, path: str) -> str:
        return f"{self.root.name}/{self._below(path)}".rstrip("/")

    def _below(self, path: str) -> str:
        return harmless(path.removeprefix(str(self.root.path)).lstrip("/"))

    def _sighting(self, path: str, trace: Trace, location: str | None) -> Sighting:
        hint = _mtime(location) if trace.at is None and location is not None else None
        return Sighting(
            self.root.name, self._below(path), trace.package, short_spec(trace.text), trace.kind, self.wanted.judge(trace), trace.event,
            harmless(trace.place), trace.at, trace.clock, harmless(trace.note), trace.secrets, hint,
        )  # fmt: skip

    def _traces(self, met: Met) -> Iterator[Trace | InHistory | str]:
        wanted = self.wanted
        if met.thing is Thing.REPOSITORY:
            if self.with_git:
                yield from self._history(met.folder)
        elif met.thing is Thing.PACKAGE:
            yield from read_package(met.folder, wanted, in_tree=met.in_tree)
        elif met.thing is Thing.NPX_FOLDER:
            yield from self._npx_folder(met.folder)
        elif met.thing is Thing.ARCHIVE:
            if found := archive_named(met.name, wanted):
                event = Event.STANDS if met.name.endswith(".zip") else Event.NAMED  # yarn runs programs out of its zips
                yield Trace(found[0], short_spec(found[1]), Kind.ARCHIVE, event, "file name", note="a packed copy, not opened")
        elif met.thing is Thing.LINK:
            if not Path(met.path).resolve().is_relative_to(self.root.path):
                yield "a symbolic link that leads out of what was handed in: not followed"
        else:
            yield from self._content(met)

    def _history(self, folder: str) -> Iterator[InHistory | str]:
        if self.spent[0] > self.limits.git_total:
            yield f"its history was not read: over the limit of {self.limits.git_total:g} seconds for all of a disk"
            return
        started = time.monotonic()
        yield from read_history(folder, self.wanted, self.limits.git)
        self.spent[0] += time.monotonic() - started

    def _content(self, met: Met) -> Iterator[Trace | str]:
        """What the bytes of one file tell."""
        limit = self._limit(met)
        content = _bytes(met.path, limit)
        if isinstance(content, str):
            yield content
        elif len(content) > limit:
            named = self.wanted.is_named(content) or _names_later(met.path, limit, self.wanted)
            if named:
                yield f"over the limit of {limit} bytes, and it names the package: not read"
        elif met.thing is Thing.LOCK:
            yield from _dated_by_folder(read_lock(met.name, content, self.wanted), met.folder)
        elif met.thing is Thing.MANIFEST:
            yield from read_manifest(content, self.wanted)
        elif met.thing is Thing.CLIENT:
            yield from read_client(met.name, met.folder.rpartition("/")[2], content, self.wanted)
        elif met.thing is Thing.NPM_LOG:
            yield from read_npm_log(met.name, content, self.wanted)
        elif met.thing is Thing.BUCKET:
            yield from read_bucket(content, self.wanted)
        elif any(one in content for one in self.wanted.words):  # bun.lockb
            yield "a binary lock file that names the package: not read; let bun write it as text"

    def _limit(self, met: Met) -> int:
        if met.thing is Thing.LOCK:
            return self.limits.text_lock if met.name in {"yarn.lock", "pnpm-lock.yaml", "lock.yaml"} else self.limits.lock
        return self.limits.log if met.thing in {Thing.NPM_LOG, Thing.BINARY_LOCK} else self.limits.small

    def _npx_folder(self, folder: str) -> Iterator[Trace]:
        """A folder of npx by its name alone: it stays where its contents were deleted."""
        known = self.npx.get(folder.rpartition("/")[2])
        if known is None:
            return
        manifest = _bytes(f"{folder}/package.json", self.limits.small)
        typed = read_npx_packages(manifest) if isinstance(manifest, bytes) else ()
        words = (
            "its package.json says the same"
            if any(known[0] in one for one in typed)
            else "its name is the hash of what was typed"
        )
        yield Trace(
            known[0], known[1], Kind.NPX, Event.STANDS, "folder name", exact=False, note=f"npx installed it to run it; {words}"
        )


def _dated_by_folder(found: Iterable[Trace | str], folder: str) -> Iterator[Trace | str]:
    """Traces of a lock file, dated where it lies in a folder of `pnpm dlx`, whose name holds its time."""
    for one in found:
        at = dlx_time(folder.rpartition("/")[2]) if isinstance(one, Trace) else None
        if isinstance(one, Trace) and at is not None:
            yield replace(one, at=at, clock="pnpm dlx, folder name", note="pnpm dlx installed it to run it")
        else:
            yield one


def _bytes(path: str, limit: int) -> bytes | str:
    """A regular file's first `limit` + 1 bytes, else why there are none."""
    try:
        with open_read_only(Path(path)) as stream:
            size = os.fstat(stream.fileno()).st_size
            pieces, left = [], limit + 1  # mostly one piece: a large file is not held twice
            while left > 0 and (piece := stream.read(min(left, max(size, 1 << 16)))):
                pieces.append(piece)
                left -= len(piece)
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', '') or type(error).__name__}"


def _names_later(path: str, start: int, wanted: Wanted) -> bool:
    """Whether a large file names a package beyond what was held, read in blocks that overlap."""
    try:
        with open_read_only(Path(path)) as stream:
            stream.seek(max(0, start - 512))
            tail = b""
            while block := stream.read(1 << 20):
                if wanted.is_named(tail + block):
                    return True
                tail = block[-512:]
    except OSError:
        return True  # unread to its end: it may
    return False


def _mtime(path: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(os.lstat(path).st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return None


def _with_origin(sightings: Sequence[Sighting]) -> Iterator[Sighting]:
    """Installed copies that their tree's lock file says to come from git or a folder are not the registry's package."""
    others = {
        (one.host, one.path.rpartition("/")[0], one.package, one.version)
        for one in sightings
        if one.kind is Kind.LOCK and one.state is State.OTHER and one.path.endswith("node_modules/.package-lock.json")
    }
    for one in sightings:
        tree = one.path.rpartition(f"/{one.package}/package.json")[0]
        if one.kind is Kind.INSTALLED and not one.note and (one.host, tree, one.package, one.version) in others:
            yield replace(
                one, state=State.OTHER, note="its lock file says that it came from git or a folder, not from the registry"
            )
        else:
            yield one


def _without_repetition(sightings: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Sightings in order of host, time and place; what a project asks for is left where its lock file says what it got."""
    listed = list(sightings)
    locked = {(one.host, one.path.rpartition("/")[0], one.package) for one in listed if one.kind in {Kind.LOCK, Kind.ARCHIVE}}
    kept = [
        one
        for one in listed
        if not (
            one.kind is Kind.MANIFEST
            and (one.host, one.path.rpartition("/")[0], one.package) in locked
            and one.place[:7] != "scripts"
        )
    ]
    late = datetime.max.replace(tzinfo=UTC)
    return tuple(
        sorted(dict.fromkeys(kept), key=lambda one: (one.host, one.at or late, one.path, one.place, one.version, one.kind))
    )
