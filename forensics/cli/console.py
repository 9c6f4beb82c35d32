"""What commands share: where they print, how they show progress, and how they end."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta, timezone
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = [
    "EXIT_BROKEN", "EXIT_DEFECTS", "EXIT_ERROR", "EXIT_FINDINGS", "EXIT_INTERRUPTED", "EXIT_NOTHING", "EXIT_USAGE", "Bars", "Quiet",
    "data", "errors", "harmless", "one_of", "stop", "talk", "watching", "watching_late", "zone_of",
]  # fmt: skip

EXIT_ERROR, EXIT_USAGE, EXIT_FINDINGS, EXIT_NOTHING, EXIT_DEFECTS, EXIT_BROKEN, EXIT_INTERRUPTED = 1, 2, 3, 10, 11, 12, 130

_ALMOST = 0.95  # how far a step may be at most whose size nobody knows
_TOO_EARLY = 0.02  # of the whole, below which an estimate is a guess
_SETTLED = 0.05  # of a step, from which on its own pace tells more than what came before

talk = Console(stderr=True, highlight=False)
data = Console(highlight=False)


class Course:
    """How long a run of several steps will still take, by what it took so far and by the usual share of each step.

    `shares` add up to 1, one for each step, in order. A step whose size nobody knows is taken for as far as the usual time of it
    is over, short of its end.
    """

    def __init__(self, shares: Sequence[float], clock: Callable[[], float] = time.monotonic) -> None:
        self.shares, self.clock = shares, clock
        self.step, self.total, self.done = -1, 0, 0
        self.begun = self.entered = clock()

    def enter(self, total: int | None) -> None:
        """The next step begins; `total` is its size, if known."""
        self.step, self.total, self.done, self.entered = self.step + 1, total or 0, 0, self.clock()
        if not self.step:  # what it took to start says nothing
            self.begun = self.entered

    def left(self) -> float | None:
        """Seconds to the end of the last step; None where it is too early to tell, or there are more steps than were told."""
        if not 0 <= self.step < len(self.shares):
            return None
        now, before, share = self.clock(), sum(self.shares[: self.step]), self.shares[self.step]
        if self.total:
            fraction = min(self.done / self.total, 1.0)
        elif before and self.entered > self.begun:
            usual = (self.entered - self.begun) * share / before
            fraction = min((now - self.entered) / usual, _ALMOST)
        else:
            return None
        over = before + fraction * share
        if over < _TOO_EARLY:
            return None
        # the steps to come keep to their shares of what is over; this one to its own pace, as soon as it has one
        pace = (now - self.begun) / over
        own = (
            (now - self.entered) * (1 - fraction) / fraction
            if self.total and fraction > _SETTLED
            else pace * share * (1 - fraction)
        )
        return own + pace * sum(self.shares[self.step + 1 :])


class _Left(ProgressColumn):
    """What is left of the whole run, beside the step that is under way."""

    def __init__(self, course: Course) -> None:
        super().__init__()
        self.course = course

    def render(self, task: Task) -> Text:
        """`0:03:10 left in all`, or nothing."""
        left = self.course.left() if not task.finished else None
        return Text("" if left is None else f"about {timedelta(seconds=round(left))} left in all", style="progress.remaining")


class Bars:
    """Progress on stderr; a plain line a step where stderr is no terminal."""

    def __init__(self, progress: Progress, course: Course | None = None) -> None:
        self.progress = progress
        self.course = course
        self.task: TaskID | None = None

    def step(self, title: str, total: int | None = None) -> None:
        """A new bar; the one before is complete."""
        self._finish()
        if self.course:
            self.course.enter(total)
        if self.progress.console.is_terminal:
            self.task = self.progress.add_task(title, total=total)
        else:
            self.progress.console.print(f"{title} ...")

    def advance(self, amount: int) -> None:
        """So much more of the current step."""
        if self.course:
            self.course.done += amount
        if self.task is not None:
            self.progress.advance(self.task, amount)

    def warn(self, text: str) -> None:
        """A line that stays, above the bars."""
        self.progress.console.print(Text(harmless(text), style="yellow"), soft_wrap=True)

    def _finish(self) -> None:
        if self.task is not None:
            total = self.progress.tasks[-1].total or 1
            self.progress.update(self.task, total=total, completed=total)


class Quiet:
    """No progress at all."""

    def step(self, title: str, total: int | None = None) -> None:
        """See `Bars.step`."""

    def advance(self, amount: int) -> None:
        """See `Bars.advance`."""

    def warn(self, text: str) -> None:
        """See `Bars.warn`."""


@contextmanager
def watching(*, quiet: bool, shares: Sequence[float] = ()) -> Iterator[Bars | Quiet]:
    """Progress bars for a command that takes a while; with `shares` of its steps an estimate of the whole (see `Course`)."""
    if quiet:
        yield Quiet()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        _Left(course) if (course := Course(shares) if shares else None) else TimeRemainingColumn(),
    )
    with Progress(*columns, console=talk, transient=False, disable=not talk.is_terminal) as progress:
        bars = Bars(progress, course)
        yield bars
        bars._finish()  # noqa: SLF001  the last step has no successor to close it


@contextmanager
def watching_late() -> Iterator[Bars | Quiet]:
    """Progress for what is mostly over before anybody looks: a bar on a terminal, from the third second on."""
    if not talk.is_terminal:
        yield Quiet()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    progress = Progress(*columns, console=talk, transient=True)
    timer = threading.Timer(2, progress.start)
    timer.daemon = True
    timer.start()
    try:
        yield Bars(progress)
    finally:
        timer.cancel()
        timer.join()
        progress.stop()


def harmless(text: str) -> str:
    """Text that may hold names from evidence, for a terminal or pipe: no control or bidi character but line breaks, valid UTF-8."""
    from forensics.reporters.terminal import plain  # noqa: PLC0415  --help must not wait for pandas

    return "\n".join(plain(line) for line in text.split("\n"))


def stop(message: str, code: int) -> NoReturn:
    """End the command with a message and an exit code."""
    talk.print(Text(harmless(message), style="bold red"), soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def errors() -> Iterator[None]:
    """What the API raises, as a message and an exit code."""
    from forensics.case import CaseError, FullDiskError  # noqa: PLC0415  --help must not wait for pandas
    from forensics.custody import CustodyError  # noqa: PLC0415
    from forensics.incident import IncidentError  # noqa: PLC0415
    from forensics.leaks import RuleError  # noqa: PLC0415
    from forensics.mapping import MappingError  # noqa: PLC0415
    from forensics.pipeline.audit import NoEvidenceError  # noqa: PLC0415
    from forensics.pipeline.cluster import ClusterError, ClusterLostError  # noqa: PLC0415

    try:
        yield
    except (FullDiskError, ClusterLostError) as error:  # the command was right; it can be run again
        stop(str(error), EXIT_ERROR)
    except (CaseError, ClusterError, CustodyError, IncidentError, MappingError, RuleError) as error:
        stop(str(error), EXIT_USAGE)
    except NoEvidenceError as error:
        stop(str(error), EXIT_NOTHING)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        stop(f"{place}{error.strerror or type(error).__name__}", EXIT_ERROR)
    except KeyboardInterrupt:
        talk.print("Interrupted. What was read is kept: run the same command again to go on.", style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def zone_of(text: str | None) -> timezone | None:
    """An offset from UTC as people write it. Raises typer.BadParameter."""
    if text is None:
        return None
    match = re.fullmatch(r"(?:UTC)?([+-])(\d{1,2})(?::?([0-5]\d))?|Z|UTC", text.strip(), re.IGNORECASE | re.ASCII)
    if not match:
        msg = f"{text!r} is no offset from UTC; write +02:00, -04:00 or UTC"
        raise typer.BadParameter(msg)
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if offset > timedelta(hours=14):
        msg = f"{text!r}: no zone is further than 14 hours from UTC"
        raise typer.BadParameter(msg)
    return timezone(-offset if sign == "-" else offset)


def one_of(*words: str) -> Any:  # noqa: ANN401  a click callback
    """A check that an option is one of these words."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in words:
            msg = f"{value!r} is none of {', '.join(words)}"
            raise typer.BadParameter(msg)
        return value

    return check
