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
from forensics.cli.console import EXIT_DEFECTS, EXIT_FINDINGS, data, errors, harmless, one_of, talk, watching, zone_of

__all__ = ["audit", "exit_code"]


RuleFiles = Annotated[
    list[Path] | None,
    typer.Option(
        help="More rules on credentials: our TOML, gitleaks TOML, Kingfisher or Nosey Parker YAML; repeatable.",
        exists=True,
        dir_okay=False,
    ),
]


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
    mapping: Annotated[
        list[str] | None, typer.Option(help="How to read other CSV or JSON: a shipped mapping's name or a TOML file; repeatable.")
    ] = None,
    rules: RuleFiles = None,
    own_domain: Annotated[list[str] | None, typer.Option(help="A domain of ours; may be repeated. Wins over the policy.")] = None,
    content: Annotated[
        str,
        typer.Option(
            help="Whose content is read: exposed messages; possible ones, too; or all mail there is.",
            callback=one_of("exposed", "possible", "all"),
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
            callback=one_of("confirmed", "probable", "possible"),
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 11 if there are defects, or if it cannot be told.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
) -> None:
    """Read evidence, find unexpected copies and what was in them, and write a case."""
    zone = zone_of(timezone)
    with errors(), watching(quiet=quiet) as watcher:
        expected = reduce(forensics.Policy.joined, map(forensics.Policy.load, policy or []), forensics.Policy())
        if own_domain:
            expected = expected.with_own_domains(tuple(own_domain))
        options = forensics.Options(
            content=content, workers=workers, year=year, zone=zone, key_file=case_key, not_evidence=tuple(policy or []),
            indicators=tuple(indicators or []), mappings=tuple(mapping or []), rules=tuple(rules or []),
            detectors=tuple(name.strip() for name in detectors.split(",") if name.strip()),
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
