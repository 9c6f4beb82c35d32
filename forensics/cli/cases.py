"""What is asked of a finished case, and of this installation: `report`, `show`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

import forensics
from forensics.cli.app import app
from forensics.cli.console import EXIT_USAGE, data, errors, harmless, stop
from forensics.cli.custody import SigningKey, signing
from forensics.cli.reveal import reveal

__all__ = ["report", "show"]


@app.command(epilog="Example: [bold]forensics report case --as html,csv[/bold]")
def report(  # noqa: PLR0913, PLR0917  options of a command
    case: Annotated[Path, typer.Argument(help="A finished case folder.")],
    formats: Annotated[str | None, typer.Option("--as", help="Comma list of reporters, or all; default: the usual ones.")] = None,
    revealing: Annotated[
        bool, typer.Option("--reveal", help="Also write every credential in full, to a file of its own; asks first.")
    ] = False,
    reason: Annotated[str, typer.Option(help="With --reveal: why the values are needed; goes on record.")] = "",
    by: Annotated[str, typer.Option("--by", help="With --reveal: who asks, if not the account that runs this.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="With --reveal: do not ask.")] = False,
    rules: Annotated[
        list[Path] | None, typer.Option("--rules", help="With --reveal: rules that the audit had; repeatable.")
    ] = None,
    signing_key: SigningKey = None,
) -> None:
    """Write a case's reports again."""
    with errors():
        names = [name.strip() for name in formats.split(",") if name.strip()] if formats else None
        if revealing:
            reveal(forensics.Case.open(case), names, reason, by, rules=rules or [], sure=yes, signing_key=signing(signing_key))
            return
        if reason or by or yes or rules:
            stop("--reason, --by, --rules and --yes go with --reveal", EXIT_USAGE)
        for path in forensics.report(forensics.Case.open(case), names, signing_key=signing(signing_key)):
            sys.stdout.write(f"{harmless(str(path))}\n")


@app.command(epilog="Example: [bold]forensics show parsers[/bold]")
def show(what: Annotated[str, typer.Argument(help="parsers, detectors, content, rules, reporters or incidents.")]) -> None:
    """List what this installation can read, ask, find and write."""
    with errors():
        table = Table(box=None, pad_edge=False)
        rows = list(_shown(what))
        for name in rows[0]:
            table.add_column(name, overflow="fold")
        for row in rows[1:]:
            table.add_row(*(escape(cell) for cell in row))
        data.print(table)


def _shown(what: str) -> Iterator[tuple[str, ...]]:
    if what == "incidents":
        yield ("name", "window starts", "title")
        for name in forensics.Incident.shipped():
            one = forensics.Incident.load(name)
            yield name, one.window.start.isoformat() if one.window.start else "", one.title
    elif what == "rules":
        from forensics.leaks import load_rules  # noqa: PLC0415

        yield ("rule", "kind", "service", "severity", "confidence")
        for rule in load_rules().rules:
            yield rule.id, rule.kind, rule.service, rule.severity, rule.confidence
    elif what in (rooms := forensics.installed()):
        yield ("name", "version", "origin", "what it does")
        for found in rooms[what]:
            words = getattr(found.plugin, "title", "") or getattr(found.plugin, "question", "")
            yield found.name, str(getattr(found.plugin, "version", "-")), found.origin, found.error or words
    else:
        stop(f"{what!r}: show knows {', '.join([*rooms, 'rules', 'incidents'])}", EXIT_USAGE)
