"""The history of lock files and clients' configuration: which commits brought or removed a package, by git at arm's length."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from forensics.evidence import open_read_only
from forensics.hosts.clients import read_client
from forensics.hosts.locks import LOCKS, read_lock
from forensics.hosts.sightings import Event, Kind, State, Trace, Wanted, harmless
from forensics.sandbox import Result, run_limited

__all__ = ["Commit", "GitLimits", "InHistory", "commits_of", "is_repository", "read_history"]

_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REFS = 20_000  # refs of one repository
_REF_BYTES = 16 << 20
_REFLOG = 1 << 20  # bytes at the end of HEAD's reflog: commits that no branch holds any more
_EVENTS = 500  # of one repository
_BATCH = 24 << 20  # bytes of lock files that are held at once
_ARGUMENTS = 1_000  # objects of one command
_EARLIER = timedelta(days=30)  # before publication: committers' clocks are wrong by less
# what is committed: lock files, and projects' own configuration of MCP clients
_NAMES = (*sorted(name for name in LOCKS if name not in {".package-lock.json", "lock.yaml"}), ".mcp.json", "mcp.json")


@dataclass(frozen=True, slots=True)
class GitLimits:
    """Bounds on one repository: seconds in all, bytes of address space, bytes of git's answer, bytes of one lock file."""

    seconds: float = 60.0
    memory: int = 2 << 30
    output: int = 64 << 20
    lock: int = 16 << 20


class Change(NamedTuple):
    """One file in one commit: the objects that it was in each parent, and the one that it became ("" if none)."""

    path: str
    before: tuple[str, ...]
    after: str


class Commit(NamedTuple):
    """A commit that touched a lock file; times as author and committer claim, in seconds since 1970."""

    name: str
    authored: int
    committed: int
    changes: tuple[Change, ...]


class InHistory(NamedTuple):
    """A trace with the path that it has inside the repository."""

    path: str
    trace: Trace


def is_repository(files: Sequence[str], folders: Sequence[str]) -> bool:
    """Whether a folder with these entries is a repository's own (`.git`, a bare one, a submodule's)."""
    return "HEAD" in files and "objects" in folders and ("refs" in folders or "packed-refs" in files)


def read_history(folder: str, wanted: Wanted, limits: GitLimits = GitLimits()) -> Iterator[InHistory | str]:
    """Commits that brought or removed a wanted package's version; a text is the reason why something was not read.

    Nothing of the repository but its objects reaches git: git works in an empty repository of our own, whose object folder
    is the evidence's. So no configuration, hook, attribute, alias or remote of a hostile repository is ever read; refs
    are read here. A missing object (partial clone) is an error, never a fetch. Never raises.
    """
    program, env = shutil.which("git"), shutil.which("env")
    if program is None or env is None:
        yield "git is not installed here: the history was not read"
        return
    try:
        tips = _tips(Path(folder))
        if not tips:
            return
        with tempfile.TemporaryDirectory(prefix="forensics-git-") as own:
            shallow = _names_in(Path(folder, "shallow"))
            _make_repository(Path(own), Path(folder), shallow)
            asking = _Git(
                (env, *_environment(own, folder), program, *_OPTIONS), limits, time.monotonic() + limits.seconds, wanted
            )
            yield from _read(asking, tips, frozenset(shallow))
    except OSError as error:
        yield f"the history was not read: {error.strerror or type(error).__name__}"
    except _GitError as error:
        yield str(error)


class _GitError(Exception):
    """What git could not answer; the message quotes no evidence."""


_OPTIONS = (
    "--no-pager", "--no-replace-objects", "-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*",
    "-c", "core.commitGraph=false", "-c", "core.packedGitWindowSize=32m", "-c", "core.packedGitLimit=256m",
    "-c", "core.deltaBaseCacheLimit=64m", "-c", "grep.threads=1", "-c", "pack.threads=1", "-c", "protocol.allow=never",
)  # fmt: skip


def _environment(own: str, folder: str) -> tuple[str, ...]:
    return (
        f"GIT_DIR={own}", f"GIT_OBJECT_DIRECTORY={Path(folder).resolve()}/objects", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_ATTR_NOSYSTEM=1", "GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
        f"HOME={own}", "LC_ALL=C", "PATH=/nonexistent",
    )  # fmt: skip


@dataclass(slots=True)
class _Git:
    """Questions to git about one repository, within its time."""

    command: tuple[str, ...]
    limits: GitLimits
    ends: float
    wanted: Wanted
    blobs: dict[str, Mapping[tuple[str, str], Trace]] = field(default_factory=dict)  # object -> (package, version) -> trace
    unread: set[str] = field(default_factory=set)  # objects that name a package and were not read, or not wholly

    def ask(self, *words: str, data: bytes = b"", may_fail: bool = False) -> bytes:
        """What git answers. Raises _GitError where it fails or runs into a limit."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise _GitError(f"the history was not read to its end: over the limit of {self.limits.seconds:g} seconds")
        result: Result = run_limited(
            [*self.command, *words], data, memory=self.limits.memory, seconds=left, output=self.limits.output
        )
        if not result.ok and not (may_fail and result.error == "exit code 1"):  # git grep: nothing found
            raise _GitError(f"the history was not read to its end: git {words[0]}: {result.error}")
        return result.output


def _make_repository(own: Path, folder: Path, shallow: Sequence[str]) -> None:
    (own / "objects").mkdir()
    (own / "refs").mkdir()
    (own / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
    wide = any(len(one) > 40 for one in shallow) or _is_sha256(folder)  # noqa: PLR2004  digits of a SHA-1
    version = "1\n[extensions]\n\tobjectformat = sha256\n" if wide else "0\n"
    (own / "config").write_text(f"[core]\n\tbare = true\n\trepositoryformatversion = {version}", encoding="ascii")
    if shallow:
        (own / "shallow").write_text("".join(f"{one}\n" for one in shallow), encoding="ascii")


def _is_sha256(folder: Path) -> bool:
    return re.search(rb"(?im)^\s*objectformat\s*=\s*sha256\s*$", _bytes(folder / "config", 1 << 20)) is not None


def _bytes(place: Path, limit: int, *, from_end: bool = False) -> bytes:
    """At most `limit` bytes of a regular file; nothing where there is none."""
    try:
        with open_read_only(place) as stream:
            if from_end:
                stream.seek(max(0, stream.seek(0, os.SEEK_END) - limit))
            return stream.read(limit)
    except OSError:
        return b""


def _names_in(place: Path) -> list[str]:
    """Object names at the beginnings of a file's lines."""
    lines = _bytes(place, _REF_BYTES).decode("ascii", "replace").splitlines()
    return [word for line in lines if _OBJECT.fullmatch(word := line.partition(" ")[0])]


def _tips(folder: Path) -> dict[str, str]:
    """Object name -> a ref that holds it: loose and packed refs, HEAD, and what HEAD's reflog remembers."""
    tips: dict[str, str] = {}
    for line in _bytes(folder / "logs" / "HEAD", _REFLOG, from_end=True).decode("utf-8", "replace").splitlines():
        for word in line.split(" ", 2)[:2]:
            if _OBJECT.fullmatch(word) and word.strip("0"):
                tips[word] = ""
    for line in _bytes(folder / "packed-refs", _REF_BYTES).decode("utf-8", "replace").splitlines():
        word, _, ref = line.partition(" ")
        if _OBJECT.fullmatch(word):
            tips[word] = ref
    for base, folders, files in os.walk(folder / "refs", followlinks=False):
        folders.sort()
        for name in sorted(files):
            word = _bytes(Path(base, name), 128).decode("ascii", "replace").strip()
            if _OBJECT.fullmatch(word):
                tips[word] = f"{Path(base, name).relative_to(folder)}"
            if len(tips) >= _REFS:
                return tips
    head = _bytes(folder / "HEAD", 1024).decode("ascii", "replace").strip()
    if _OBJECT.fullmatch(head):
        tips.setdefault(head, "HEAD")
    return tips


def _read(git: _Git, tips: Mapping[str, str], shallow: frozenset[str]) -> Iterator[InHistory | str]:
    start = git.wanted.start
    since = () if start is None else (f"--since={int((start - _EARLIER).timestamp())}",)
    said = git.ask(
        "log", "--ignore-missing", "--stdin", "--topo-order", "--full-history", "-c", "--raw", "--no-abbrev", "-z", "--no-renames",
        "--no-color", "--no-ext-diff", "--no-textconv", "--no-notes", "--no-show-signature", "--format=tformat:%x01%H %at %ct", *since,
        data="".join(f"{one}\n" for one in [*tips, "--", *(f":(glob)**/{name}" for name in _NAMES)]).encode(),
    )  # fmt: skip
    commits = list(commits_of(said))
    yield from _read_objects(git, commits)
    count = 0
    for commit in commits:
        for one in _events(git, commit, shallow):
            count += 1
            if count > _EVENTS:
                yield f"more than {_EVENTS} changes of the version in one history: not told further"
                return
            yield one
    yield from _at_tips(git, commits, tips)


def commits_of(said: bytes) -> Iterator[Commit]:
    """The commits in what `git log --raw -z` says, newest first. A path comes after its objects, so it may hold anything."""
    words = iter(said.split(b"\0"))
    head, changes = b"", []
    for word in words:
        bare = word.lstrip(b"\n")
        if bare.startswith(b":"):
            fields, path = bare.split(b" "), os.fsdecode(next(words, b""))
            parents = len(fields[0]) - len(fields[0].lstrip(b":"))
            objects = [one.decode("ascii", "replace") for one in fields[parents + 1 : 2 * parents + 2]]
            named = [one if one.strip("0") and _OBJECT.fullmatch(one) else "" for one in objects]
            changes.append(Change(path, tuple(named[:-1]), named[-1] if named else ""))
        elif bare.startswith(b"\x01"):
            if head:
                yield _commit(head, changes)
            head, changes = bare[1:], []
    if head:
        yield _commit(head, changes)


def _commit(head: bytes, changes: Sequence[Change]) -> Commit:
    name, authored, committed = (*head.decode("ascii", "replace").split(" "), "", "")[:3]
    return Commit(name, _seconds(authored), _seconds(committed), tuple(changes))


def _seconds(text: str) -> int:
    return int(text) if re.fullmatch(r"-?[0-9]{1,11}", text) else 0


def _read_objects(git: _Git, commits: Sequence[Commit]) -> Iterator[str]:
    """Read every file's object once; texts say what could not be read."""
    names: dict[str, str] = {}  # object -> a path that it has
    for commit in commits:
        for change in commit.changes:
            for one in (*change.before, change.after):
                if one:
                    names.setdefault(one, change.path)
    objects = list(names)
    named: list[str] = []
    patterns = [word for package in git.wanted.packages for word in ("-e", package)]
    for start in range(0, len(objects), _ARGUMENTS):
        said = git.ask("grep", "-l", "-F", "--no-textconv", *patterns, *objects[start : start + _ARGUMENTS], may_fail=True)
        named += [one for one in said.decode("ascii", "replace").split() if one in names]
    sizes = _sizes(git, named)
    git.unread |= {one for one in named if sizes.get(one, git.limits.lock + 1) > git.limits.lock}
    if git.unread:
        yield f"{len(git.unread)} version(s) of a file are over the limit of {git.limits.lock} bytes: not read"
    for batch in _batches([one for one in named if one not in git.unread], sizes):
        for one, content in _contents(git.ask("cat-file", "--batch", data="".join(f"{name}\n" for name in batch).encode())):
            yield from _read_object(git, one, names.get(one, ""), content)


def _read_object(git: _Git, name: str, path: str, content: bytes) -> Iterator[str]:
    above, _, base = path.rpartition("/")
    if base in LOCKS:
        found = read_lock(base, content, git.wanted)
    else:
        found = read_client(base, above.rpartition("/")[2], content, git.wanted)
    told: dict[tuple[str, str], Trace] = {}
    for one in found:
        if isinstance(one, str):
            git.unread.add(name)
            yield f"a file in the history: {one}"
        else:
            told[one.package, one.text] = one
    git.blobs[name] = told


def _sizes(git: _Git, objects: Sequence[str]) -> dict[str, int]:
    if not objects:
        return {}
    said = git.ask("cat-file", "--batch-check", data="".join(f"{one}\n" for one in objects).encode()).decode("ascii", "replace")
    rows = [line.split(" ") for line in said.splitlines()]
    return {row[0]: int(row[2]) for row in rows if len(row) == 3 and row[2].isdigit()}  # noqa: PLR2004  name, type, size


def _batches(objects: Sequence[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for one in objects:
        if batch and size + sizes.get(one, 0) > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += sizes.get(one, 0)
    if batch:
        yield batch


def _contents(said: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each object in what `git cat-file --batch` says."""
    at = 0
    while (end := said.find(b"\n", at)) >= 0:
        words = said[at:end].decode("ascii", "replace").split(" ")
        if len(words) != 3 or not words[2].isdigit():  # noqa: PLR2004  name, type, size; "missing" has two words
            at = end + 1
            continue
        size = int(words[2])
        yield words[0], said[end + 1 : end + 1 + size]
        at = end + size + 2


def _events(git: _Git, commit: Commit, shallow: frozenset[str]) -> Iterator[InHistory]:
    """What a commit brought that no parent had, and what it left out where nothing bad or untold remains.

    Author and committer may name different times: an arrival takes the earlier, a removal the later. What was not read
    removes nothing.
    """
    early, late = (_time(pick(commit.authored, commit.committed)) for pick in (min, max))
    place = f"commit {commit.name[:12]}"
    for change in commit.changes:
        after = git.blobs.get(change.after, {})
        before = {key: trace for one in change.before for key, trace in git.blobs.get(one, {}).items()}
        cut_off = commit.name in shallow
        for key in sorted(after.keys() - before.keys()):
            note = "the copied history begins here" if cut_off else "a commit brought it"
            yield _event(change.path, after[key], Event.NAMED if cut_off else Event.ARRIVED, place, early, note)
        if change.after in git.unread or any(_accuses(git, one) for one in after.values()):
            continue
        for key in sorted(key for key, trace in before.items() if _accuses(git, trace)):
            yield _event(change.path, before[key], Event.REMOVED, place, late, "a commit removed it")


def _accuses(git: _Git, trace: Trace) -> bool:
    return git.wanted.judge(trace) is not State.OTHER


def _event(path: str, trace: Trace, event: Event, place: str, at: datetime | None, note: str) -> InHistory:
    words = f"{note}; {trace.note}" if trace.note else note
    return InHistory(
        path, replace(trace, kind=Kind.COMMIT, event=event, place=place, at=at, clock="git commit" if at else "", note=words)
    )


def _time(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _at_tips(git: _Git, commits: Sequence[Commit], tips: Mapping[str, str]) -> Iterator[InHistory]:
    """Branches and tags that hold a bad version still: not the working tree, but what it can be built from."""
    bad = {one for one, told in git.blobs.items() if any(_accuses(git, trace) for trace in told.values())}
    paths = sorted(
        {change.path for commit in commits for change in commit.changes if change.after in bad and "\n" not in change.path}
    )
    named = [(tip, ref) for tip, ref in sorted(tips.items(), key=lambda one: one[1]) if ref][:_ARGUMENTS]
    if not paths or not named:
        return
    asked = [(ref, path, f"{tip}:{path}") for tip, ref in named for path in paths[:100]]
    question = "".join(f"{one}\n" for *_, one in asked).encode("utf-8", "surrogateescape")
    said = git.ask("cat-file", "--batch-check=%(objectname)", data=question).decode("ascii", "replace")
    for (ref, path, _), line in zip(asked, said.splitlines(), strict=False):
        for _, trace in sorted(git.blobs.get(line.strip(), {}).items()):
            if _accuses(git, trace):
                yield _event(path, trace, Event.NAMED, harmless(ref), None, "a branch or tag holds it still")
