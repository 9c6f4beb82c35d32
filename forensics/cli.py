"""The command line: parse, call one function of the API, print, exit."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta, timezone
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

import forensics

__all__ = ["app", "run"]

EXIT_ERROR, EXIT_USAGE, EXIT_FINDINGS, EXIT_NOTHING, EXIT_DEFECTS, EXIT_BROKEN, EXIT_INTERRUPTED = 1, 2, 3, 10, 11, 12, 130

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # a traceback with local variables would show mail
    help="Find out, and prove, which mails were secretly copied out, what was in them, and who must be told.",
    epilog="Exit codes: 0 ran · 1 unexpected error · 2 usage · 3 findings (--fail-on) · 10 no readable evidence · "
    "11 defects or cannot tell (--strict) · 12 verification failed · 130 interrupted (run again to resume)",
)

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
def _watching(*, quiet: bool) -> Iterator[Bars | Quiet]:
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


def _harmless(text: str) -> str:
    """Text that may hold names from evidence, for a terminal or pipe: no control or bidi character but line breaks, valid UTF-8."""
    from forensics.reporters.terminal import plain  # noqa: PLC0415  --help must not wait for pandas

    return "\n".join(plain(line) for line in text.split("\n"))


def _stop(message: str, code: int) -> NoReturn:
    talk.print(Text(_harmless(message), style="bold red"), soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def _errors() -> Iterator[None]:
    """What the API raises, as a message and an exit code."""
    from forensics.case import CaseError  # noqa: PLC0415  --help must not wait for pandas
    from forensics.custody import CustodyError  # noqa: PLC0415
    from forensics.incident import IncidentError  # noqa: PLC0415
    from forensics.pipeline.audit import NoEvidenceError  # noqa: PLC0415

    try:
        yield
    except (CaseError, CustodyError, IncidentError) as error:
        _stop(str(error), EXIT_USAGE)
    except NoEvidenceError as error:
        _stop(str(error), EXIT_NOTHING)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _stop(f"{place}{error.strerror or type(error).__name__}", EXIT_ERROR)
    except KeyboardInterrupt:
        talk.print("Interrupted. What was read is kept: run the same command again to go on.", style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _zone(text: str | None) -> timezone | None:
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


def _one_of(*words: str) -> Any:  # noqa: ANN401  a click callback
    def check(value: str | None) -> str | None:
        if value is not None and value not in words:
            msg = f"{value!r} is none of {', '.join(words)}"
            raise typer.BadParameter(msg)
        return value

    return check


@app.command(
    epilog="Example: [bold]forensics audit exports/ mail/ logs/ --incident postmark-mcp --policy policy.toml --out case[/bold]"
)
def audit(  # noqa: PLR0913, PLR0917  options of a command
    evidence: Annotated[
        list[Path], typer.Argument(help="Files and folders: provider exports, mail archives, SMTP logs; packed ones too.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The case folder to write; an interrupted one is resumed.")],
    incident: Annotated[
        str | None, typer.Option(help="A shipped incident or a TOML file; without one, behaviour alone is judged.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="What the organisation expects (TOML).", exists=True, dir_okay=False)
    ] = None,
    own_domain: Annotated[list[str] | None, typer.Option(help="A domain of ours; may be repeated. Wins over the policy.")] = None,
    content: Annotated[
        str,
        typer.Option(
            help="Whose content is read: exposed messages; possible ones, too; or all mail there is.",
            callback=_one_of("exposed", "possible", "all"),
        ),
    ] = "exposed",
    detectors: Annotated[str, typer.Option(help="Comma list: +name adds a detector, -name leaves one out.")] = "",
    year: Annotated[
        int | None, typer.Option(help="Year of logs that write none, if nothing in the evidence tells it.", min=1995, max=2100)
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of logs that write none, such as +02:00.")] = None,
    case_key: Annotated[
        Path | None, typer.Option(help="File with 64 hex digits: runs with the same key can be compared.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: as many as there are processors.", min=1)] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="Exit 3 if there is such a message or a graver one: confirmed, probable, possible.",
            callback=_one_of("confirmed", "probable", "possible"),
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 11 if there are defects, or if it cannot be told.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
) -> None:
    """Read evidence, find unexpected copies and what was in them, and write a case."""
    zone = _zone(timezone)
    with _errors(), _watching(quiet=quiet) as watcher:
        rules = forensics.Policy.load(policy) if policy else forensics.Policy()
        if own_domain:
            rules = rules.with_own_domains(tuple(own_domain))
        options = forensics.Options(
            content=content, workers=workers, year=year, zone=zone, key_file=case_key, policy_file=policy,
            detectors=tuple(name.strip() for name in detectors.split(",") if name.strip()),
        )  # fmt: skip
        case = forensics.audit(*evidence, out=out, incident=incident, policy=rules, options=options, watcher=watcher)
    summary = case.summary
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")  # ASCII: any locale can print it
    elif not quiet:
        from forensics.reporters.terminal import screen  # noqa: PLC0415

        data.print(screen(case))
    raise typer.Exit(_exit_code(summary, fail_on, strict=strict))


def _exit_code(summary: dict[str, Any], fail_on: str | None, *, strict: bool) -> int:
    grave = ("confirmed", "probable", "possible")
    if fail_on is not None and any(summary["verdicts"][word] for word in grave[: grave.index(fail_on) + 1]):
        return EXIT_FINDINGS
    if strict and (summary["defects"]["total"] or summary["conclusion"] == "cannot_tell"):
        return EXIT_DEFECTS
    return 0


@contextmanager
def _watching_late() -> Iterator[Bars | Quiet]:
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
    with _errors(), _watching_late() as watcher:
        found = forensics.triage(
            *evidence, incident=incident, policy=policy, year=year, recipients=histogram, workers=workers, watcher=watcher
        )
    if as_json:
        sys.stdout.write(json.dumps(found.data, indent=2) + "\n")  # ASCII: any locale can print it
    else:
        from forensics.pipeline.triage_screen import triage_screen  # noqa: PLC0415  --help must not wait for pandas

        data.print(triage_screen(found.data))


@app.command(epilog="Example: [bold]forensics report case --as html,csv[/bold]")
def report(
    case: Annotated[Path, typer.Argument(help="A finished case folder.")],
    formats: Annotated[str | None, typer.Option("--as", help="Comma list of reporters; default: all usual ones.")] = None,
) -> None:
    """Write a case's reports again."""
    with _errors():
        names = [name.strip() for name in formats.split(",") if name.strip()] if formats else None
        for path in forensics.report(forensics.Case.open(case), names):
            sys.stdout.write(f"{_harmless(str(path))}\n")


@app.command(epilog="Example: [bold]forensics verify case[/bold]")
def verify(case: Annotated[Path, typer.Argument(help="A finished case folder.")]) -> None:
    """Hash evidence, tables and reports again and check the custody log; exit 12 if anything differs."""
    with _errors(), talk.status("Hashing ..."):
        problems = forensics.verify(forensics.Case.open(case))
    for problem in problems:
        sys.stdout.write(_harmless(problem.replace("\n", " ")) + "\n")
    if problems:
        _stop(f"{len(problems)} difference(s): the case does not hold as it was written", EXIT_BROKEN)
    talk.print("Evidence, tables, reports and custody log are as the audit left them.", style="green")


@app.command(epilog="Example: [bold]forensics show parsers[/bold]")
def show(what: Annotated[str, typer.Argument(help="parsers, detectors, content, rules, reporters or incidents.")]) -> None:
    """List what this installation can read, ask, find and write."""
    with _errors():
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
        _stop(f"{what!r}: show knows {', '.join([*rooms, 'rules', 'incidents'])}", EXIT_USAGE)


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"forensics {forensics.__version__}\n")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Find out, and prove, which mails were secretly copied out."""


def run() -> None:
    """Entry point of the command; Ctrl-C ends with 130, an unexpected error with 1 and no mail in its words."""
    try:
        app()
    except KeyboardInterrupt:
        talk.print("Interrupted. What was read is kept: run the same command again to go on.", style="yellow")
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001  the last line of defence: a traceback's values may hold mail
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
            trace = trace.tb_next
        talk.print(
            Text(
                f"Unexpected {type(error).__name__} at {' > '.join(frames[-4:])}. Please report it; what was read is kept.",
                style="bold red",
            )
        )
        sys.exit(EXIT_ERROR)
