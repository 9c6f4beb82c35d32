"""`forensics audit`: evidence in, a case out."""

from __future__ import annotations

import json
import sys
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

import typer

import forensics
from forensics.cli.app import app
from forensics.cli.console import (
    EXIT_DEFECTS,
    EXIT_FINDINGS,
    EXIT_USAGE,
    data,
    errors,
    harmless,
    one_of,
    stop,
    talk,
    watching,
    zone_of,
)  # fmt: skip
from forensics.cli.custody import SigningKey, signing

__all__ = ["audit", "exit_code"]

# of an audit's time: hashing, pass one, joining, detectors, content, writing; between those measured on 300 MB and on 1 GB of mixed evidence
_SHARES = (0.03, 0.37, 0.13, 0.06, 0.20, 0.21)


RuleFiles = Annotated[
    list[Path] | None,
    typer.Option(
        help="More rules on credentials: our TOML, gitleaks TOML, Kingfisher or Nosey Parker YAML; repeatable.",
        exists=True,
        dir_okay=False,
    ),
]

Mappings = Annotated[
    list[str] | None, typer.Option(help="How to read other CSV or JSON: a shipped mapping's name or a TOML file; repeatable.")
]
Content = Annotated[
    str,
    typer.Option(
        help="Whose content is read: exposed messages; possible ones, too; or all mail there is.",
        callback=one_of("exposed", "possible", "all"),
    ),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        help="Exit 3 if there is such a message or a graver one: confirmed, probable, possible.",
        callback=one_of("confirmed", "probable", "possible"),
    ),
]
CaseKey = Annotated[Path | None, typer.Option(help="File with 64 hex digits: runs with the same key can be compared.")]


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
        list[Path] | None, typer.Option(help="What we expect (TOML); several are joined.", exists=True, dir_okay=False)
    ] = None,
    indicators: Annotated[
        list[Path] | None, typer.Option(help="A STIX 2 bundle with more indicators; repeatable.", exists=True, dir_okay=False)
    ] = None,
    mapping: Mappings = None,
    rules: RuleFiles = None,
    own_domain: Annotated[list[str] | None, typer.Option(help="A domain of ours; may be repeated. Wins over the policy.")] = None,
    content: Content = "exposed",
    detectors: Annotated[str, typer.Option(help="Comma list: +name adds a detector, -name leaves one out.")] = "",
    year: Annotated[
        int | None, typer.Option(help="Year of logs that write none, if nothing in the evidence tells it.", min=1995, max=2100)
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of logs that write none, such as +02:00.")] = None,
    case_key: CaseKey = None,
    signing_key: SigningKey = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: as many as there are processors.", min=1)] = None,
    scheduler: Annotated[
        str,
        typer.Option(
            help="A Dask cluster that reads instead: tcp://host:port, or tls://. Its workers must see evidence and case folder.",
            metavar="ADDRESS",
        ),
    ] = "",
    fail_on: FailOn = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 11 if there are defects, or if it cannot be told.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
) -> None:
    """Read evidence, find unexpected copies and what was in them, and write a case."""
    zone = zone_of(timezone)
    if scheduler and workers:
        stop(
            "--workers is for this machine; a cluster has as many as were started: leave out --workers or --scheduler", EXIT_USAGE
        )
    with errors(), watching(quiet=quiet, shares=_SHARES) as watcher:
        expected = reduce(forensics.Policy.joined, map(forensics.Policy.load, policy or []), forensics.Policy())
        if own_domain:
            expected = expected.with_own_domains(tuple(own_domain))
        options = forensics.Options(
            content=content, workers=workers, scheduler=scheduler, year=year, zone=zone, key_file=case_key, not_evidence=tuple(policy or []),
            indicators=tuple(indicators or []), mappings=tuple(mapping or []), rules=tuple(rules or []),
            detectors=tuple(name.strip() for name in detectors.split(",") if name.strip()), signing_key=signing(signing_key),
        )  # fmt: skip
        case = forensics.audit(*evidence, out=out, incident=incident, policy=expected, options=options, watcher=watcher)
    _tell(case, rules or [], as_json=as_json, quiet=quiet)
    raise typer.Exit(exit_code(case.summary, fail_on, strict=strict))


def _tell(case: forensics.Case, rules: list[Path], *, as_json: bool, quiet: bool) -> None:
    summary = case.summary
    if not quiet:
        _tell_of_rules(rules)
        for remark in summary["incident"]["remarks"]:
            talk.print(harmless(f"Indicators: {remark}"), style="yellow", markup=False)
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")  # ASCII: any locale can print it
    elif not quiet:
        from forensics.reporters.terminal import screen  # noqa: PLC0415

        data.print(screen(case))


def _tell_of_rules(files: list[Path]) -> None:
    """Another scanner's rules that could not be taken over: their credentials were not looked for."""
    if not files:
        return
    from forensics.leaks import load_rules, rule_files  # noqa: PLC0415

    for remark in load_rules(*rule_files(files)).remarks:
        talk.print(harmless(f"Rules: {remark}"), style="yellow", markup=False)


def exit_code(summary: dict[str, Any], fail_on: str | None, *, strict: bool) -> int:
    """What a finished audit exits with."""
    grave = ("confirmed", "probable", "possible")
    if fail_on is not None and any(summary["verdicts"][word] for word in grave[: grave.index(fail_on) + 1]):
        return EXIT_FINDINGS
    if strict and (summary["defects"]["total"] or summary["conclusion"] == "cannot_tell"):
        return EXIT_DEFECTS
    return 0
