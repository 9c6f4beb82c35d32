"""Where work runs: here, or in a bounded pool of processes; results come back in order either way."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

__all__ = ["Executor", "Lost", "Processes", "Serial", "default_executor"]

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

    Workers are started fresh, not forked: forking a process that runs DuckDB's threads can hang.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result | Lost]:
        """See `Executor.run`. A task that kills its worker is tried once more, alone, and then given up as `Lost`."""
        source = iter(tasks)
        waiting: deque[tuple[Task, Future[Result]]] = deque()
        pool = self._pool(self.workers)
        try:
            while True:
                while len(waiting) < 2 * self.workers and (drawn := list(islice(source, 1))):
                    waiting.append((drawn[0], _submitted(pool, function, drawn[0])))
                if not waiting:
                    return
                task, future = waiting.popleft()
                try:
                    yield future.result()
                except BrokenProcessPool:  # some task killed a worker, and every future in flight with it
                    pool.shutdown(wait=False, cancel_futures=True)
                    yield self._alone(function, task)
                    pool = self._pool(self.workers)
                    waiting = deque((pending, _submitted(pool, function, pending)) for pending, _ in waiting)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _pool(workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))

    def _alone(self, function: Callable[[Task], Result], task: Task) -> Result | Lost:
        with self._pool(1) as pool:
            try:
                return pool.submit(function, task).result()
            except BrokenProcessPool:
                return Lost("the process that read it died, twice (out of memory, or killed)")


def _submitted(pool: ProcessPoolExecutor, function: Callable[[Task], Result], task: Task) -> Future[Result]:
    """A future, already failed where the pool broke before it could take the task."""
    try:
        return pool.submit(function, task)
    except BrokenProcessPool as error:
        failed: Future[Result] = Future()
        failed.set_exception(error)
        return failed


def default_executor(workers: int | None = None) -> Executor:
    """As many processes as this process may use processors, or as asked; one means no pool at all."""
    count = workers or len(os.sched_getaffinity(0))
    return Serial() if count <= 1 else Processes(count)
