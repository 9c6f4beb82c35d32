"""`forensics hosts`: when a bad package version was on machines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

import forensics
from forensics.cli.app import app
from forensics.cli.console import EXIT_NOTHING, EXIT_USAGE, errors, harmless, stop, talk

__all__ = ["hosts"]


@app.command(epilog="Example: [bold]forensics hosts disks/web1 --host ci=/mnt/ci --policy hosts.toml[/bold]")
def hosts(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="A machine's disk or a copy of it; its base name is the host's.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="NAME=PATH: a disk whose host is named by hand; may be repeated.")
    ] = None,
    incident: Annotated[str, typer.Option(help="A shipped incident or a TOML file: it names the package.")] = "postmark-mcp",
    policy: Annotated[
        Path | None, typer.Option(help="Write host windows (TOML) that `audit --policy` reads.", dir_okay=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder for the tables (CSV).", file_okay=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON on stdout.")] = False,
) -> None:
    """Tell from machines' disks when a bad package version was on them: windows, sightings, and what was not read."""
    from forensics import hosts as machines  # noqa: PLC0415  --help must not wait for it

    roots = [machines.host_root(text) for text in [*(str(path) for path in paths or []), *(host or [])]]
    if not roots:
        stop("name at least one disk, or a folder that is a copy of one", EXIT_USAGE)
    missing = [str(one.path) for one in roots if not one.path.exists()]
    if missing:
        stop(f"no such folder: {', '.join(missing)}", EXIT_NOTHING)
    with errors(), talk.status("Walking disks ...") as status:
        found = machines.survey(
            roots,
            forensics.Incident.load(incident),
            progress=lambda name, files: status.update(f"{harmless(name)}: {files:,} files"),
        )
        if policy is not None:
            policy.write_text(machines.policy_text(found), encoding="utf-8")
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            for name, text in machines.tables(found).items():
                (out / name).write_text(text, encoding="utf-8", newline="")
    if as_json:
        sys.stdout.write(json.dumps(machines.as_json(found), indent=2) + "\n")  # ASCII: any locale can print it
    else:
        sys.stdout.write(harmless(machines.told(found)))
