"""What commands share: where they print, how they show progress, and how they end."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta, timezone
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

__all__ = [
    "EXIT_BROKEN", "EXIT_DEFECTS", "EXIT_ERROR", "EXIT_FINDINGS", "EXIT_INTERRUPTED", "EXIT_NOTHING", "EXIT_USAGE", "Bars", "Quiet",
    "data", "errors", "harmless", "one_of", "stop", "talk", "watching", "watching_late", "zone_of",
]  # fmt: skip

EXIT_ERROR, EXIT_USAGE, EXIT_FINDINGS, EXIT_NOTHING, EXIT_DEFECTS, EXIT_BROKEN, EXIT_INTERRUPTED = 1, 2, 3, 10, 11, 12, 130

talk = Console(stderr=True, highlight=False)
data = Console(highlight=False)


class Bars:
    """Progress on stderr; a plain line a step where stderr is no terminal."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task: TaskID | None = None

    def step(self, title: str, total: int | None = None) -> None:
        """A new bar; the one before is complete."""
        self._finish()
        if self.progress.console.is_terminal:
            self.task = self.progress.add_task(title, total=total)
        else:
            self.progress.console.print(f"{title} ...")

    def advance(self, amount: int) -> None:
        """So much more of the current step."""
        if self.task is not None:
            self.progress.advance(self.task, amount)

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


@contextmanager
def watching(*, quiet: bool) -> Iterator[Bars | Quiet]:
    """Progress bars for a command that takes a while."""
    if quiet:
        yield Quiet()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=talk, transient=False) as progress:
        bars = Bars(progress)
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
    from forensics.case import CaseError  # noqa: PLC0415  --help must not wait for pandas
    from forensics.custody import CustodyError  # noqa: PLC0415
    from forensics.incident import IncidentError  # noqa: PLC0415
    from forensics.leaks import RuleError  # noqa: PLC0415
    from forensics.mapping import MappingError  # noqa: PLC0415
    from forensics.pipeline.audit import NoEvidenceError  # noqa: PLC0415

    try:
        yield
    except (CaseError, CustodyError, IncidentError, MappingError, RuleError) as error:
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
