"""The application itself: what all commands have in common on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import forensics

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # a traceback with local variables would show mail
    help="Find out, and prove, which mails were secretly copied out, what was in them, and who must be told.",
    epilog="Exit codes: 0 ran · 1 unexpected error · 2 usage · 3 findings (--fail-on) · 10 no readable evidence · "
    "11 defects or cannot tell (--strict) · 12 verification failed · 130 interrupted (run again to resume)",
)


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"forensics {forensics.__version__}\n")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Find out, and prove, which mails were secretly copied out."""
