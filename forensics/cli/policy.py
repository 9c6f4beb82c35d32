"""`forensics policy suggest`: a draft of what was usual before the window, for a person to check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import forensics
from forensics.cli.app import app
from forensics.cli.console import errors

__all__ = ["policy"]

policy = typer.Typer(no_args_is_help=True, help="What the organisation expects: a draft from a finished case.")
app.add_typer(policy, name="policy")


@policy.command(epilog="Example: [bold]forensics policy suggest case > policy.toml[/bold]")
def suggest(case: Annotated[Path, typer.Argument(help="A finished case folder.")]) -> None:
    """Draft a policy from what was usual before the window: expected blind recipients with figures. Check each line."""
    from forensics.suggestion import suggest as drafted  # noqa: PLC0415  --help must not wait for pandas

    with errors():
        sys.stdout.write(drafted(forensics.Case.open(case)))
