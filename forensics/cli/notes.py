"""What people decide about a case: `note` puts it on record, `notes` lists it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

import forensics
from forensics.cli.app import app
from forensics.cli.console import EXIT_USAGE, data, errors, harmless, stop, talk
from forensics.cli.custody import SigningKey, signing

if TYPE_CHECKING:
    from forensics.decisions import Decision

__all__ = ["note", "notes"]

Names = list[str] | None


@app.command(epilog='Example: [bold]forensics note case "new key deployed" --credential C0007 --rotated[/bold]')
def note(  # noqa: PLR0913, PLR0917  each is an option of the command line
    case: Annotated[Path, typer.Argument(help="A finished case folder.")],
    text: Annotated[str, typer.Argument(help="The remark, or the reason of the mark.")] = "",
    credential: Annotated[Names, typer.Option(help="Credential id, such as C0007; may be repeated.")] = None,
    message: Annotated[Names, typer.Option(help="Message key; may be repeated.")] = None,
    recipient: Annotated[Names, typer.Option(help="Address of an unexpected recipient; may be repeated.")] = None,
    person: Annotated[Names, typer.Option(help="Address of an affected person; may be repeated.")] = None,
    rotated: Annotated[bool, typer.Option("--rotated", help="The credential was changed; --at says when.")] = False,
    at: Annotated[str, typer.Option("--at", help="When it was rotated: 2026-09-20, or 2026-09-20T10:00Z.")] = "",
    reviewed: Annotated[bool, typer.Option("--reviewed", help="Somebody looked at it.")] = False,
    rejected: Annotated[bool, typer.Option("--rejected", help="Not what it was taken for; needs a reason.")] = False,
    notify: Annotated[bool, typer.Option("--notify", help="The person, or all who are affected, will be told.")] = False,
    do_not_notify: Annotated[bool, typer.Option("--do-not-notify", help="Will not be told; needs a reason.")] = False,
    withdraw: Annotated[int | None, typer.Option(help="Withdraw the remark with this number; it stays on record.", min=1)] = None,
    by: Annotated[str, typer.Option("--by", help="Who decided, if not the account that runs this.")] = "",
    signing_key: SigningKey = None,
) -> None:
    """Put a remark or a decision on record: in the custody log, in the reports, and under a new seal. Nothing is ever deleted."""
    marks = {
        "rotated": rotated, "reviewed": reviewed, "rejected": rejected, "notify": notify, "do_not_notify": do_not_notify,
    }  # fmt: skip
    chosen = [word for word, given in marks.items() if given]
    named = {"credential": credential, "message": message, "recipient": recipient, "person": person}
    about = [(word, name) for word, names in named.items() for name in names or ()]
    if len(chosen) > 1:
        stop(f"one mark at a time, not {' and '.join(chosen)}", EXIT_USAGE)
    if withdraw is not None and (chosen or about or at):
        stop("--withdraw goes with a text and --by only", EXIT_USAGE)
    with errors():
        from forensics.pipeline.noting import withdraw as take_back  # noqa: PLC0415  --help must not wait for pandas

        opened, signer = forensics.Case.open(case), signing(signing_key)
        if withdraw is not None:
            noted = take_back(opened, withdraw, text, by=by, signing_key=signer)
        else:
            noted = forensics.note(opened, text, about=about, mark="".join(chosen), since=at, by=by, signing_key=signer)
    if noted.redacted:
        talk.print(
            f"{noted.redacted} value(s) in the text looked like a secret and were redacted before it was kept.", style="yellow"
        )
    for one in noted.decisions:
        sys.stdout.write(f"{harmless(_line(one))}\n")


def _line(one: Decision) -> str:
    """A decision as one line: `12: credential C0007 rotated`."""
    return f"{one.seq}: " + " ".join(word for word in (one.about, one.subject, one.marked or "remark") if word)


@app.command(epilog="Example: [bold]forensics notes case[/bold]")
def notes(
    case: Annotated[Path, typer.Argument(help="A finished case folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON on stdout.")] = False,
) -> None:
    """List remarks and decisions on record, and what became of each."""
    with errors():
        from forensics.decisions import decisions  # noqa: PLC0415  --help must not wait for pandas

        found = decisions(forensics.Case.open(case))
    if as_json:
        listed = [asdict(one) for one in found]
        sys.stdout.write(
            json.dumps({"schema_version": 1, "decisions": listed}, indent=2) + "\n"
        )  # ASCII: any locale can print it
    elif found:
        data.print(_listed(found))
    else:
        talk.print('Nobody has put anything on record: `forensics note CASE "text"` does.')


_STATUS = {
    "in_force": "in force", "replaced": "replaced by a later one", "withdrawn": "withdrawn", "withdrawal": "on record",
    "not_held": "about something this case no longer holds", "unreadable": "unreadable",
}  # fmt: skip


def _listed(found: list[Decision]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("no", "at (UTC)", "by", "about", "mark", "reason", "status"):
        table.add_column(name, overflow="fold", no_wrap=name in {"no", "at (UTC)"})
    for one in found:
        at = one.at[:16].replace("T", " ")
        about = f"{one.about} {one.subject}".strip()
        cells = (str(one.seq), at, one.by, about, one.marked.replace("_", " "), one.reason, _STATUS[one.status])
        table.add_row(*(Text(harmless(cell).replace("\n", " ")) for cell in cells))
    return table
