"""Work on many machines: the workers of a Dask cluster, who see the same files under the same paths.

Nothing of the evidence travels over the network: a task is a path and a place in it, a result is a receipt or what pass two keeps.
The case's key does travel, and so do redacted subjects and addresses: `tls://` encrypts them, as Dask's own configuration says.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from itertools import count, islice
from pathlib import Path
from typing import Any, TypeVar

from forensics import __version__
from forensics.case import ATTEMPTS
from forensics.evidence import Item, Problem, hashed
from forensics.pipeline.executor import Lost
from forensics.plugins import discover

__all__ = ["Cluster", "ClusterError", "ClusterLostError", "Joined"]

Task = TypeVar("Task")
Result = TypeVar("Result")

_ADDRESS = re.compile(r"(?:tcp|tls)://[^\s/]+:\d{1,5}/?", re.ASCII)
_START = "dask worker {address} --nthreads 1 --nworkers N"
_AHEAD = 3  # tasks in flight for each worker: the first of them may be slow, and results come in order
_CONNECT, _PATIENCE = (
    20,
    60,
)  # seconds that scheduler and workers have to answer; seconds that a cluster may be without any worker
_GLANCE = 5  # seconds after which workers are counted again
_LOOKED_AT, _EDGE = 1_000, 1 << 16  # files of evidence that each worker looks at when it joins, and bytes at either end of them
_ATTEMPTS = 2
_TALKERS = ("distributed", "distributed.client")  # loggers that have a level of their own
_LISTED = 12  # differences told in one message
# what decides how evidence is read: the libraries of the core, and those of extras that bring readers or rules
_OF_READING = re.compile(r"extra == .(?:outlook|rules).")


class ClusterError(Exception):
    """A cluster that cannot be used; the message names the worker and what to do."""


class ClusterLostError(ClusterError):
    """A cluster that went away in the middle: what was read is kept."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What two processes must have in common to read evidence alike: versions of Python, libraries and plugins, by name."""

    versions: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """One word for all of it."""
        return hashlib.sha256(repr(self.versions).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as one machine sees it: its size in bytes, and a hash over both ends of it; size -1 and the reason where it cannot be read."""

    size: int
    edges: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What each worker is asked when it joins: to compare its surroundings, and what it sees at these places."""

    here: Surroundings
    folder: Path
    token: str
    places: tuple[tuple[Path, Seen], ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """Who will do the work: the scheduler's address, and the workers' addresses, sorted."""

    scheduler: str
    workers: tuple[str, ...]


class Cluster:
    """An executor over a running Dask cluster whose workers share a file system with us.

    A task whose worker dies is done again by another one; one that took two workers with it is `Lost`. We open no dashboard and
    start nothing: scheduler and workers are the user's. One task at a time in each worker process. `case` is where marks of
    attempts lie while a run is under way.
    """

    def __init__(self, address: str, case: Path) -> None:
        """Raises ClusterError on an address that is none."""
        if not _ADDRESS.fullmatch(address):
            msg = f"{address!r} is no scheduler's address: write tcp://host:port, or tls://host:port"
            raise ClusterError(msg)
        self.address = address.rstrip("/")
        self.case = case.resolve()

    def check(self, places: Iterable[Path]) -> Joined:
        """Ask every worker whether it reads as we do, and sees evidence and case folder. Raises ClusterError that names all who do not.

        Of more than a thousand files it looks at a thousand, the biggest among them.
        """
        by_size = sorted({place.resolve() for place in places}, key=lambda place: (-_size(place), place))
        half = _LOOKED_AT // 2
        spread = by_size[:half] + by_size[half :: max(1, -(-(len(by_size) - half) // half))]
        token = secrets.token_hex(16)
        folder = self.case / ATTEMPTS
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / token).write_text(token, encoding="ascii")
        asked = Asked(surroundings(), folder, token, tuple((place, seen(place)) for place in sorted(set(spread))))
        try:
            with self._client() as client:
                threads = dict(client.nthreads())
                told = {address: _many_threads(number, self.address) for address, number in threads.items()}
                for address, answer in client.run(_differences, asked, on_error="return").items():
                    told.setdefault(address, []).extend(_as_differences(answer))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        wrong = [f"  worker {address}: {one}" for address in sorted(told) for one in told[address]]
        if wrong:
            more = [f"  ... and {len(wrong) - _LISTED} more"] if len(wrong) > _LISTED else []
            msg = "\n".join(
                [f"the cluster at {self.address} cannot do this audit as this machine would:", *wrong[:_LISTED], *more]
            )
            raise ClusterError(msg)
        return Joined(self.address, tuple(sorted(threads)))

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result | Lost]:
        """See `Executor.run`. Ctrl-C, an error, or a caller that stops early withdraws what is waiting.

        A worker that is at a task then ends it, and what it writes is whole or not there. Raises ClusterLostError when scheduler or
        workers are gone for a minute.
        """
        folder = self.case / ATTEMPTS / secrets.token_hex(8)
        folder.mkdir(mode=0o700, parents=True)
        try:
            with self._client() as client:
                yield from _Flight(client, self.address, folder).results(function, tasks)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # another run's marks may lie beside
                folder.parent.rmdir()

    def hashed(self, found: Sequence[tuple[str, Path]], progress: Callable[[int], None]) -> Iterator[Item | Problem]:
        """Each file with its hash, in order, taken by a worker in one sequential read; `progress` is told the bytes of each file."""
        for (shown, _), result in zip(found, self.run(_hashed, found), strict=True):
            if isinstance(result, Lost):
                yield Problem(shown, result.reason)
                continue
            if isinstance(result, Item):
                progress(result.size)
            yield result

    @contextmanager
    def _client(self) -> Iterator[Any]:
        try:
            from distributed import Client  # noqa: PLC0415  an extra, and slow to import
        except ImportError:
            msg = 'the extra "cluster" is not installed here: pip install "forensics[cluster]"'
            raise ClusterError(msg) from None
        connect: Any = Client  # it has no types
        levels = {name: logging.getLogger(name).level for name in _TALKERS}
        for name in levels:  # what goes wrong is told in our words, once; a traceback helps nobody
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            yield from self._connected(connect)
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)

    def _connected(self, connect: Callable[..., Any]) -> Iterator[Any]:
        try:
            client = connect(self.address, timeout=_CONNECT, set_as_default=False, name="forensics")
        except (OSError, TimeoutError) as error:
            msg = f"no Dask scheduler answers at {self.address} ({type(error).__name__}): start `dask scheduler`, and check the address"
            raise ClusterError(msg) from None
        try:
            with suppress(TimeoutError):
                client.wait_for_workers(1, timeout=_CONNECT)
            if not client.nthreads():
                msg = f"the scheduler at {self.address} has no worker: start `{_START.format(address=self.address)}` on a machine that sees evidence and case folder"
                raise ClusterError(msg)
            yield client
        finally:
            client.close(timeout=_GLANCE)


class _Flight:
    """One run's tasks on their way through a cluster, in order, never more than a few ahead."""

    def __init__(self, client: Any, address: str, folder: Path) -> None:  # noqa: ANN401  Dask has no types
        self.client, self.address, self.folder = client, address, folder
        self.digest = surroundings().digest
        self.numbers = count()
        self.window, self.counted = 0, -float(_GLANCE)

    def results(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result | Lost]:
        """See `Executor.run`."""
        source = iter(tasks)
        waiting: deque[tuple[Task, Path, Any]] = deque()
        try:
            while True:
                while len(waiting) < self._ahead() and (drawn := list(islice(source, 1))):
                    mark = self.folder / str(next(self.numbers))
                    waiting.append((drawn[0], mark, self._submitted(function, drawn[0], mark)))
                if not waiting:
                    return
                yield self._result(function, *waiting[0])
                waiting.popleft()
        finally:
            if waiting:  # nobody asks for these any more
                with suppress(Exception):  # the scheduler may be what is gone
                    self.client.cancel([future for _, _, future in waiting], force=True)

    def _ahead(self) -> int:
        """How many tasks may be in flight: workers come and go."""
        if time.monotonic() - self.counted >= _GLANCE:
            self.window, self.counted = _AHEAD * max(1, len(self._workers())), time.monotonic()
        return self.window

    def _workers(self) -> dict[str, int]:
        try:
            return dict(self.client.nthreads())
        except Exception:  # noqa: BLE001  the connection broke in one of many ways; whoever waits for a result is told
            return {}

    def _submitted(self, function: Callable[[Task], Result], task: Task, mark: Path) -> Any:  # noqa: ANN401  Dask has no types
        key = f"forensics-{self.folder.name}-{mark.name}-{secrets.token_hex(4)}"
        return self.client.submit(_attempted, function, task, mark, self.digest, key=key, pure=False)

    def _result(self, function: Callable[[Task], Result], task: Task, mark: Path, future: Any) -> Result | Lost:  # noqa: ANN401
        from distributed import KilledWorker  # noqa: PLC0415  an extra, and slow to import

        alone_since = time.monotonic()
        while True:
            had_failed = future.status == "error"  # a result that is there may go again, with the worker that holds it
            try:
                result: Result | Lost = future.result(timeout=_GLANCE)
            except TimeoutError:
                if had_failed:  # then it is the task that raised it
                    raise
                if self._workers():
                    alone_since = time.monotonic()
                elif time.monotonic() - alone_since > _PATIENCE:
                    raise ClusterLostError(self._gone("no worker is left")) from None
            except KilledWorker:  # by the scheduler's own count, which also blames tasks that only waited there
                future = self._submitted(function, task, mark)
            except CancelledError:
                raise ClusterLostError(self._gone("the connection was lost")) from None
            else:
                return result

    def _gone(self, what: str) -> str:
        return f"{what} at {self.address}: start it again, or leave --scheduler out, and run the same command again to go on; what was read is kept"


# --- on a worker ---------------------------------------------------------------------------------------------------------


_ONE_AT_A_TIME = threading.Lock()  # readers keep caches, and set the garbage collector, for the whole process


def _attempted(function: Callable[[Task], Result], task: Task, mark: Path, digest: str) -> Result | Lost:
    """One attempt at a task; the third one is not made. Marks lie on the shared disk, so that they outlive who made them."""
    with _ONE_AT_A_TIME:
        if surroundings().digest != digest:
            msg = f"worker {_own_address()}, which joined later, has other versions of Python, of forensics or of what it uses: stop it, and run the same command again to go on"
            raise ClusterError(msg)
        made: Path | None = None
        for number in range(_ATTEMPTS):
            made = mark.with_name(f"{mark.name}.{number}")
            try:
                os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                break
            except FileExistsError:
                made = None
        if made is None:
            return Lost("the worker that read it died, twice (out of memory, or killed)")
        try:
            return function(task)
        finally:
            for number in range(_ATTEMPTS):
                mark.with_name(f"{mark.name}.{number}").unlink(missing_ok=True)


def _hashed(one: tuple[str, Path]) -> Item | Problem:
    return hashed(*one)


def _own_address() -> str:
    from distributed import get_worker  # noqa: PLC0415  an extra, and slow to import

    return str(get_worker().address)


@lru_cache(maxsize=1)
def surroundings() -> Surroundings:
    """Those of this process."""
    versions = [("Python", platform.python_version()), ("forensics", __version__)]
    for line in metadata.requires("forensics") or ():
        if "extra ==" not in line or _OF_READING.search(line):
            name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
            with suppress(metadata.PackageNotFoundError):
                versions.append((name, metadata.version(name)))
    for room in ("parsers", "content"):
        versions += [(f"{room}/{one.name}", str(getattr(one.plugin, "version", "broken"))) for one in discover(room)]
    return Surroundings(tuple(versions))


def _size(place: Path) -> int:
    """Bytes of a file, -1 where it cannot be asked."""
    try:
        return place.stat().st_size
    except OSError:
        return -1


def seen(place: Path) -> Seen:
    """A file as this machine sees it. Never raises."""
    try:
        with place.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            digest = hashlib.sha256(stream.read(_EDGE))
            stream.seek(max(0, size - _EDGE))
            digest.update(stream.read(_EDGE))
    except OSError as error:
        return Seen(-1, error.strerror or type(error).__name__)
    return Seen(size, digest.hexdigest())


def _differences(asked: Asked) -> list[str]:
    """What this worker has or sees otherwise than whoever asks, in sentences with a remedy."""
    told = list(_other_versions(dict(asked.here.versions), dict(surroundings().versions)))
    if not _sees(asked.folder / asked.token, asked.token):
        told.append(
            f"does not see the case folder {asked.folder.parent}: mount it there, for this user, or put the case on a shared disk"
        )
        return told
    try:
        trial = asked.folder / f"{asked.token}.{os.getpid()}"
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        trial.unlink()
    except OSError as error:
        told.append(
            f"cannot write into the case folder {asked.folder.parent} ({error.strerror}): run the worker as the user who owns it"
        )
    wrong = [(place, one) for place, known in asked.places if (one := seen(place)) != known]
    if wrong:
        place, one = wrong[0]
        what = f"cannot read {place} ({one.edges})" if one.size < 0 else f"sees another file at {place}"
        others = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        told.append(f"{what}{others}: mount the evidence there under the same path, readable for this user")
    return told


def _other_versions(asked: dict[str, str], own: dict[str, str]) -> Iterator[str]:
    for name in sorted(asked.keys() | own.keys(), key=str.lower):
        if asked.get(name) != own.get(name):
            there, here = own.get(name, "absent"), asked.get(name, "absent")
            yield f"{name} is {there} there and {here} here: install the same version on both"


def _sees(place: Path, content: str) -> bool:
    """Whether a file that was just written is there; a network file system may take seconds to show it."""
    until = time.monotonic() + _GLANCE
    while True:
        with suppress(OSError):
            if place.read_text(encoding="ascii") == content:
                return True
        if time.monotonic() > until:
            return False
        time.sleep(0.2)


def _as_differences(answer: object) -> Sequence[str]:
    if isinstance(answer, list):
        return answer
    if isinstance(answer, ImportError):
        return ["forensics is not installed there, or in another version: install the same one as here"]
    return [f"does not answer as it should ({type(answer).__name__}): look at what it logged"]


def _many_threads(number: int, address: str) -> list[str]:
    if number == 1:
        return []
    start = _START.format(address=address)
    return [f"runs {number} threads in one process, of which only one could work: start it as `{start}`, N for its processors"]
