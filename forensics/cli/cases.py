"""What is asked of a finished case, and of this installation: `report`, `verify`, `show`."""

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
from forensics.cli.console import EXIT_BROKEN, EXIT_USAGE, data, errors, harmless, stop, talk

__all__ = ["report", "show", "verify"]


@app.command(epilog="Example: [bold]forensics report case --as html,csv[/bold]")
def report(
    case: Annotated[Path, typer.Argument(help="A finished case folder.")],
    formats: Annotated[str | None, typer.Option("--as", help="Comma list of reporters; default: all usual ones.")] = None,
) -> None:
    """Write a case's reports again."""
    with errors():
        names = [name.strip() for name in formats.split(",") if name.strip()] if formats else None
        for path in forensics.report(forensics.Case.open(case), names):
            sys.stdout.write(f"{harmless(str(path))}\n")


@app.command(epilog="Example: [bold]forensics verify case[/bold]")
def verify(case: Annotated[Path, typer.Argument(help="A finished case folder.")]) -> None:
    """Hash evidence, tables and reports again and check the custody log; exit 12 if anything differs."""
    with errors(), talk.status("Hashing ..."):
        problems = forensics.verify(forensics.Case.open(case))
    for problem in problems:
        sys.stdout.write(harmless(problem.replace("\n", " ")) + "\n")
    if problems:
        stop(f"{len(problems)} difference(s): the case does not hold as it was written", EXIT_BROKEN)
    talk.print("Evidence, tables, reports and custody log are as the audit left them.", style="green")


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
