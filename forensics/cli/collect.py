"""`forensics collect`: what a provider still knows, into a folder of evidence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from forensics.cli.app import app
from forensics.cli.console import EXIT_DEFECTS, EXIT_ERROR, EXIT_USAGE, data, errors, harmless, stop, talk

if TYPE_CHECKING:
    from forensics.collect import Asked, Tally

__all__ = ["collect_app", "postmark"]

_A_DAY = len("2025-09-17")

collect_app = typer.Typer(no_args_is_help=True, help="Fetch what a provider still knows into a folder of evidence.")
app.add_typer(collect_app, name="collect")


@collect_app.command(epilog="Example: [bold]forensics collect postmark --from 2025-09-17 --to 2025-10-01 --out postmark[/bold]")
def postmark(  # noqa: PLR0913, PLR0917  options of a command
    start: Annotated[str, typer.Option("--from", help="First moment: a day (UTC), or a time with its offset.")],
    end: Annotated[str, typer.Option("--to", help="First moment that is wanted no more; at the latest the present.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the answers; a broken-off collection goes on.")],
    account: Annotated[bool, typer.Option("--account", help="Every server of the account, with POSTMARK_ACCOUNT_TOKEN.")] = False,
    skip: Annotated[
        str, typer.Option(help="Comma list of what is not wanted: details, dumps, opens, clicks, bounces, suppressions, stats.")
    ] = "",
    retention_days: Annotated[
        int, typer.Option(help="What the server's plan keeps; more than 45 with the add-on.", min=1, max=365)
    ] = 45,
    rate: Annotated[float, typer.Option(help="Requests a second at most.", min=0.01, max=100)] = 10.0,
    base_url: Annotated[
        str, typer.Option(help="Another API of the same kind; https, or http on this machine.", hidden=True)
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Exit 11 if anything is missing or has expired.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
) -> None:
    """Fetch all that Postmark still knows of an interval; the folder is evidence for audit.

    The token comes from POSTMARK_SERVER_TOKEN (or POSTMARK_ACCOUNT_TOKEN), else from a prompt; never from an argument.
    """
    from forensics import collect  # noqa: PLC0415  --help must not wait for it

    kind = collect.AccountToken if account else collect.ServerToken
    skipped = {one.strip() for one in skip.split(",") if one.strip()}
    try:
        asked = _asked(start, end, skipped, retention_days, rate, base_url)
        token = kind.from_environment(kind.variable) or kind.asked(f"{kind.variable}: ")
    except ValueError as error:
        stop(str(error), EXIT_USAGE)
    with errors(), _watching(quiet=quiet) as watcher:
        try:
            found = collect.postmark(out, asked, token, progress=watcher)
        except (collect.RefusalError, ValueError) as error:
            stop(str(error), EXIT_USAGE)
        except collect.CollectError as error:
            stop(str(error), EXIT_ERROR)
    if as_json:
        sys.stdout.write((out / collect.RESULT).read_text(encoding="ascii"))
    elif not quiet:
        for line in found.sentences():
            data.print(Text(harmless(line)), soft_wrap=True)
    raise typer.Exit(EXIT_DEFECTS if strict and not found.is_whole else 0)


def _asked(start: str, end: str, skipped: set[str], retention_days: int, rate: float, base_url: str) -> Asked:
    from forensics import collect  # noqa: PLC0415  --help must not wait for it

    if unknown := skipped - set(collect.KINDS):
        msg = f"--skip {', '.join(sorted(unknown))}: known are {', '.join(collect.KINDS)}"
        raise ValueError(msg)
    kinds = frozenset(collect.KINDS) - skipped
    return collect.Asked(_moment(start), _moment(end), kinds, retention_days, rate, base_url or collect.POSTMARK)


def _moment(text: str) -> datetime:
    """A time with its offset from UTC, or a day, which begins at 00:00 UTC. Raises ValueError."""
    text = text.strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or (at.tzinfo is None and len(text) > _A_DAY):
        msg = f"{text!r}: write a day (2025-09-17, in UTC), or a time with its offset (2025-09-17T00:00:00Z, ...+02:00)"
        raise ValueError(msg)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


class _Bar:
    """One bar of requests, whose total grows while lists are counted; sentences above it."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("Asking", total=None, messages="")

    def say(self, sentence: str) -> None:
        """A sentence that belongs before the answers."""
        self.progress.console.print(Text(harmless(sentence), style="yellow"), soft_wrap=True)

    def tell(self, tally: Tally) -> None:
        """One more answer."""
        messages = f"{tally.rows:,} messages"
        self.progress.update(
            self.task, description=harmless(tally.doing), completed=tally.requests, total=tally.requests_total, messages=messages
        )


@contextmanager
def _watching(*, quiet: bool) -> Iterator[_Bar | None]:
    if quiet:
        yield None
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[messages]}"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=talk) as progress:
        yield _Bar(progress)
