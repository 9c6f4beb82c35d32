"""`forensics diff`: what changed between two cases, and why, where that can be told."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

import forensics
from forensics.cli.app import app
from forensics.cli.console import EXIT_FINDINGS, data, errors, harmless, talk

if TYPE_CHECKING:
    from forensics.comparison import Change, Comparison, Made

__all__ = ["diff"]

_ROWS = 20  # of each table on the terminal; --json and --out have all
_CAUSES = 6  # of each table, the most frequent first
_CELL = 120  # characters of a value on the terminal


@app.command(epilog="Example: [bold]forensics diff case-monday case-tuesday[/bold]")
def diff(
    before: Annotated[Path, typer.Argument(help="A finished case folder, the earlier one.")],
    after: Annotated[Path, typer.Argument(help="Another one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON on stdout.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write everything as JSON to this file, mode 0600.")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 3 if tables or reports differ; else always 0.")] = False,
) -> None:
    """Say what changed between two cases: how they were made, rows added, removed and changed, and why."""
    with errors():
        from forensics.case import write_file  # noqa: PLC0415  --help must not wait for pandas

        found = forensics.compare(forensics.Case.open(before), forensics.Case.open(after))
        if out is not None:
            write_file(out, json.dumps(found.as_json(), indent=2) + "\n")
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + "\n")  # ASCII: any locale can print it
    else:
        _tell(found)
    raise typer.Exit(EXIT_FINDINGS if exit_code and not found.same else 0)


def _plain(text: str) -> str:
    from forensics.legible import cut  # noqa: PLC0415

    return harmless(cut(text.replace("\n", " "), _CELL))


def _tell(found: Comparison) -> None:
    if found.made:
        data.print(_circumstances(found.made))
    else:
        data.print("Both cases were made in the same way from the same evidence.")
    for name, changes in found.tables.items():
        counts = ", ".join(f"{count:,} {word}" for word, count in found.counts(name).items() if count)
        data.print(Text(f"\n{name}: {counts}", style="bold"))
        for why, count in Counter(one.why for one in changes if one.why).most_common(_CAUSES):
            data.print(Text(f"  {count:,} because: {harmless(why)}"), soft_wrap=True)
        for one in changes[:_ROWS]:
            data.print(_line(one), soft_wrap=True)
        if len(changes) > _ROWS:
            data.print(Text(f"  {len(changes) - _ROWS:,} more: see --json", style="dim"))
    if found.reports:
        data.print(Text("\nReports", style="bold"))
        for line in found.reports[:_ROWS]:
            data.print(Text(f"  {_plain(line)}"), soft_wrap=True)
    if found.same:
        data.print("No difference in tables and reports.")
    for remark in found.remarks:
        talk.print(Text(remark, style="yellow"))


def _circumstances(made: tuple[Made, ...]) -> Table:
    table = Table(title="Made differently", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("", "what", "before", "after"):
        table.add_column(name, overflow="fold")
    for one in made[:_ROWS]:
        table.add_row(*(Text(_plain(cell)) for cell in (one.topic, one.what, one.before or "-", one.after or "-")))
    if len(made) > _ROWS:
        table.add_row("", Text(f"{len(made) - _ROWS:,} more: see --json", style="dim"))
    return table


_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


def _line(one: Change) -> Text:
    """One change: its sign and key, what changed in it, and why."""
    sign, style = _SIGNS[one.change]
    text = Text(f"{sign} {_plain(' | '.join(part for part in one.key if part))}", style=style)
    if one.change == "changed":
        for column, (old, new) in one.columns.items():
            text.append(f"\n    {column}: {_plain(old) or '(empty)'} -> {_plain(new) or '(empty)'}", style="default")
    elif "verdict" in one.columns:
        text.append(f" ({_plain(''.join(one.columns['verdict']))})", style="default")
    return text
