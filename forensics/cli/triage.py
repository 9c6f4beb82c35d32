"""`forensics triage`: the first answer, in seconds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

import forensics
from forensics.cli.app import app
from forensics.cli.console import data, errors, watching_late

__all__ = ["triage"]


@app.command(epilog="Example: [bold]forensics triage exports/ mail/ logs/ --incident postmark-mcp --policy policy.toml[/bold]")
def triage(  # noqa: PLR0917  options of a command
    evidence: Annotated[list[Path], typer.Argument(help="Files and folders, of any format; packed ones too.")],
    incident: Annotated[
        str | None, typer.Option(help="A shipped incident or a TOML file; without one, only recipient domains are counted.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="What the organisation expects (TOML): own domains, window.", exists=True, dir_okay=False)
    ] = None,
    year: Annotated[
        int | None, typer.Option(help="Year of logs that write none, where no queue id tells it.", min=1995, max=2100)
    ] = None,
    histogram: Annotated[
        bool,
        typer.Option(
            "--histogram/--no-histogram", help="Count recipient domains too; without them it is two to ten times as fast."
        ),
    ] = True,
    workers: Annotated[int | None, typer.Option(help="Processes; default: as many as there are processors.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON on stdout.")] = False,
) -> None:
    """Search evidence for indicators and new recipient domains, in seconds; the audit comes after.

    With --json: schema_version (1), incident, window, indicators, forms_searched, contexts_searched, streams, bytes, hits (one for
    each path, indicator and form), compared_with_before_window, domains, own_domains, recipients_not_kept, unread, cannot_see.
    A hit or domain has count, undated, stamp, first_seen, last_seen (UTC), slack_seconds and before_window (yes, no, unknown);
    a hit the first offsets in bytes, a domain own, indicator and up to five names below it.
    """
    with errors(), watching_late() as watcher:
        found = forensics.triage(
            *evidence, incident=incident, policy=policy, year=year, recipients=histogram, workers=workers, watcher=watcher
        )
    if as_json:
        sys.stdout.write(json.dumps(found.data, indent=2) + "\n")  # ASCII: any locale can print it
    else:
        from forensics.pipeline.triage_screen import triage_screen  # noqa: PLC0415  --help must not wait for pandas

        data.print(triage_screen(found.data))
