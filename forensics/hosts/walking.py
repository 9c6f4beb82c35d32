"""The walk over a machine's disk: every folder, no link, and only those files that can tell of a package."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from forensics.hosts.clients import CLIENTS
from forensics.hosts.githistory import is_repository
from forensics.hosts.locks import LOCKS
from forensics.hosts.sightings import Wanted

__all__ = ["Locked", "Met", "Tally", "Thing", "Watch", "walk"]

_IN_TREE, _LOGS, _INDEX, _NPX = 1, 2, 4, 8  # what the folder at hand lies in, as bits
_SPECIAL = {"_logs": _LOGS, "_npx": _NPX, "node_modules": _IN_TREE}
_BEAT = 500  # folders
_KERNEL = ("/proc", "/sys", "/dev")  # of a running machine: no files


class Thing(Enum):
    """What a path that was met is, and so which reader it is for."""

    LOCK = auto()
    BINARY_LOCK = auto()  # bun.lockb
    PACKAGE = auto()  # package.json in a folder that bears the package's name
    MANIFEST = auto()  # package.json of a project
    CLIENT = auto()
    NPM_LOG = auto()
    BUCKET = auto()  # a file of the npm cache's index
    NPX_FOLDER = auto()
    ARCHIVE = auto()
    REPOSITORY = auto()
    LINK = auto()  # a symbolic link of a watched name


class Met(NamedTuple):
    """A path that may tell something. `in_tree`: below a node_modules."""

    thing: Thing
    folder: str
    name: str
    in_tree: bool = False

    @property
    def path(self) -> str:
        """The whole path."""
        return f"{self.folder}/{self.name}" if self.name else self.folder


class Locked(NamedTuple):
    """A folder that could not be listed, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class Tally:
    """What a walk has counted so far; `tell` is called with the files now and then."""

    files: int = 0
    folders: int = 0
    links: int = 0
    tell: Callable[[int], None] = lambda _files: None


@dataclass(frozen=True, slots=True)
class Watch:
    """Names that make a path worth reading, made once for all hosts."""

    folders: frozenset[str]  # base names of the wanted packages' folders
    trees: tuple[str, ...]  # the ends of the paths at which an installed copy lies
    archives: tuple[str, ...]  # what the name of a packed copy begins with
    files: frozenset[str] = field(default_factory=lambda: frozenset([*LOCKS, *CLIENTS, "package.json", "bun.lockb", "HEAD"]))

    @classmethod
    def of(cls, wanted: Wanted) -> Watch:
        """What to watch for the sake of these packages."""
        bases = frozenset(name.rpartition("/")[2] for name in wanted.packages)
        archives = (
            form for name in wanted.packages for form in (name.removeprefix("@").replace("/", "-"), name.replace("/", "-"))
        )
        trees = tuple(sorted(f"/node_modules/{name}" for name in wanted.packages))
        return cls(bases, trees, tuple(sorted(set(archives))))


def walk(root: str, watch: Watch, tally: Tally) -> Iterator[Met | Locked]:
    """Everything below `root` that may tell of a package, in order of path. Links are not followed, so no loop is possible.

    The stack is its own, since hostile folders may nest deeper than Python recurses. Only names are read, no file is
    examined: on most file systems a folder's listing says what each entry is.
    """
    waiting: list[tuple[str, int]] = [(root, 0)]
    skipped = _KERNEL if root == "/" else ()
    while waiting:
        folder, within = waiting.pop()
        folders: list[str] = []
        hits: list[tuple[str, bool]] = []
        everything = within & (_LOGS | _INDEX)
        try:
            with os.scandir(folder) as listing:
                for entry in listing:
                    name = entry.name
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(name)
                    elif everything or name in watch.files or name.endswith((".tgz", ".zip", ".code-workspace")):
                        hits.append((name, entry.is_symlink()))
                        tally.files += 1
                    else:
                        tally.files += 1
        except (OSError, ValueError) as error:
            yield Locked(folder, f"the folder cannot be read: {getattr(error, 'strerror', '') or type(error).__name__}")
        tally.folders += 1
        if tally.folders % _BEAT == 0:
            tally.tell(tally.files)
        base = folder.rpartition("/")[2]
        hits.sort()
        folders.sort(reverse=True)
        yield from _met(folder, base, within, hits, folders, watch, tally)
        stem = folder.rstrip("/")
        for name in folders:
            place = f"{stem}/{name}"
            if place not in skipped:
                waiting.append((place, _within(name, base, within)))


def _within(name: str, parent: str, within: int) -> int:
    inside = within & (_IN_TREE | _INDEX) | _SPECIAL.get(name, 0)
    return inside | _INDEX if name.startswith("index-v") and parent == "_cacache" else inside


def _met(  # noqa: PLR0917  the state of one step of the walk
    folder: str, base: str, within: int, hits: list[tuple[str, bool]], folders: list[str], watch: Watch, tally: Tally
) -> Iterator[Met]:
    in_tree = bool(within & _IN_TREE)
    if within & _NPX:
        yield from (Met(Thing.NPX_FOLDER, f"{folder}/{name}", "") for name in reversed(folders))
    if in_tree and folder.endswith(watch.trees) and ("package.json", False) not in hits:
        yield Met(Thing.PACKAGE, folder, "", in_tree)  # a copy whose package.json is gone
    for name, is_link in hits:
        thing = _thing(name, base, within, watch)
        if thing is None or (name == "HEAD" and not is_repository([one for one, _ in hits], folders)):
            continue
        if is_link:
            tally.links += 1
            thing = Thing.LINK
        yield Met(thing, folder, "" if thing is Thing.REPOSITORY else name, in_tree)


def _thing(name: str, base: str, within: int, watch: Watch) -> Thing | None:
    if within & _INDEX:
        return Thing.BUCKET
    if within & _LOGS and "debug" in name:
        return Thing.NPM_LOG
    if name == "package.json":
        named = base.partition("@")[0] in watch.folders
        return Thing.PACKAGE if named else None if within & _IN_TREE else Thing.MANIFEST
    if name in LOCKS:
        return Thing.LOCK if name != "lock.yaml" or base == ".pnpm" else None
    if name == "bun.lockb":
        return Thing.BINARY_LOCK
    if name == "HEAD":
        return Thing.REPOSITORY
    if name in CLIENTS or name.endswith(".code-workspace"):
        return None if within & _IN_TREE or (name == "config.toml" and base != ".codex") else Thing.CLIENT
    return Thing.ARCHIVE if name.startswith(watch.archives) else None
