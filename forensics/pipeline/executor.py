"""Where work runs: here, or in a bounded pool of processes; results come back in order either way."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from multiprocessing.connection import wait
from typing import Protocol, Self, TypeVar

__all__ = ["Executor", "Lost", "Processes", "Serial", "default_executor", "rare_collections"]

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lost:
    """A task whose worker died twice (killed, out of memory): its evidence is unread, and the run goes on."""

    reason: str


class Executor(Protocol):
    """Runs a module-level function over picklable tasks."""

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result | Lost]:
        """Results in the order of the tasks; at most a few tasks ahead are drawn."""
        ...


class Serial:
    """Everything in this process, one after the other."""

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result | Lost]:
        """See `Executor.run`."""
        for task in tasks:
            yield function(task)


class Processes:
    """A pool of worker processes with a bounded window of tasks in flight.

    Workers are started fresh, not forked: forking a process that runs DuckDB's threads can hang. They end with the
    process that started them, however that ends; else with the run, or within a `with` block with the block: a worker
    needs two seconds to load the code and the rules.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._keeps = False
        self._idle: ProcessPoolExecutor | None = None  # of a run that is over

    def __enter__(self) -> Self:
        self._keeps = True
        return self

    def __exit__(self, *_: object) -> None:
        self._keeps = False
        if self._idle is not None:
            _end(self._idle)
            self._idle = None

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result | Lost]:
        """See `Executor.run`. A task that kills its worker is tried once more, alone, and then given up as `Lost`.

        What `function` raises is raised here. Ctrl-C, an error, or a caller that stops early ends the workers at once.
        """
        source = iter(tasks)
        waiting: deque[tuple[Task, Future[Result]]] = deque()
        pool, self._idle = self._idle or _pool(self.workers), None
        is_done = False
        try:
            while True:
                while len(waiting) < 2 * self.workers and (drawn := list(islice(source, 1))):
                    waiting.append((drawn[0], _submitted(pool, function, drawn[0])))
                if not waiting:
                    break
                task, future = waiting.popleft()
                try:
                    result: Result | Lost = future.result()
                except BrokenProcessPool:  # some task killed a worker, and every future in flight with it
                    _end(pool)
                    result = _alone(function, task)
                    pool = _pool(self.workers)
                    waiting = deque(
                        (pending, known if _is_settled(known) else _submitted(pool, function, pending))
                        for pending, known in waiting
                    )
                yield result
            is_done = True
        finally:
            if is_done and self._keeps:
                self._idle = pool
            else:
                _end(pool)


def _pool(workers: int) -> ProcessPoolExecutor:
    """Starts its workers as there is work for them."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin_worker)


def _begin_worker() -> None:
    """A worker does not outlive its parent: its queue would never tell it that nobody is left."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _end(pool: ProcessPoolExecutor) -> None:
    """Close a pool without waiting for what its workers are at: nobody asks for it any more, and a part is whole or absent."""
    workers = list((getattr(pool, "_processes", None) or {}).values())  # no public way before Python 3.14
    manager = getattr(pool, "_executor_manager_thread", None)  # which the pool forgets when it is shut down
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()
    pool.shutdown(wait=True)
    if manager is not None:  # else the interpreter, as it ends, may speak to it while it closes its pipe
        manager.join()


def _alone(function: Callable[[Task], Result], task: Task) -> Result | Lost:
    pool = _pool(1)
    try:
        return _submitted(pool, function, task).result()
    except BrokenProcessPool:
        return Lost("the process that read it died, twice (out of memory, or killed)")
    finally:
        _end(pool)


def _is_settled(future: Future[Result]) -> bool:
    return future.done() and not isinstance(future.exception(), BrokenProcessPool)


def _submitted(pool: ProcessPoolExecutor, function: Callable[[Task], Result], task: Task) -> Future[Result]:
    """A future, already failed where the pool broke before it could take the task."""
    try:
        with _main_left_out(function), _without_ctrl_c():
            return pool.submit(function, task)
    except BrokenProcessPool as error:
        failed: Future[Result] = Future()
        failed.set_exception(error)
        return failed


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Start workers that leave Ctrl-C to their parent, from their first moment on: they inherit what is blocked here."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _main_left_out(function: Callable[[Task], Result]) -> Iterator[None]:
    """Start workers that do not run the caller's script again.

    A fresh worker imports the main module. A script that calls `audit` without `if __name__ == "__main__"` would begin
    the audit anew in each of them; what runs in our workers needs none of it.
    """
    main = sys.modules["__main__"]
    kept = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    if function.__module__ == "__main__" or not kept:
        yield
        return
    try:
        main.__spec__ = None
        if "__file__" in kept:
            del main.__file__
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


_RUNS, _FULL_EVERY = count(1), 32


@contextmanager
def rare_collections() -> Iterator[None]:
    """Python's cycle collector, asked far less often: fragments by the ten thousand hold no cycles, and looking through
    them again and again cost a third of all time (measured on webhooks: 41 to 16 µs a record to encode).

    What is left at the end is cached and lives on: it joins the old objects without being looked through, but every so often,
    for the few cycles that may hide among it.
    """
    usual = gc.get_threshold()
    gc.set_threshold(500_000, 50, 1_000)
    try:
        yield
    finally:
        if next(_RUNS) % _FULL_EVERY == 0:
            gc.collect()
        elif not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        gc.set_threshold(*usual)


def default_executor(workers: int | None = None) -> Executor:
    """As many processes as this process may use processors, or as asked; one means no pool at all."""
    number = workers or len(os.sched_getaffinity(0))
    return Serial() if number <= 1 else Processes(number)
