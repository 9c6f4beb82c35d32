"""The summary for a tired person: conclusion and coverage, how many and to whom, what to do next."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from forensics.case import Case, write_file
from forensics.decisions import decisions, standing
from forensics.plugins import Reporter

__all__ = ["REPORTER", "plain", "screen"]

_TONES = {
    "exposure_shown": "bold white on red",
    "compromised_extent_unknown": "bold black on yellow",
    "cannot_tell": "bold black on yellow",
    "none_seen_covered": "bold white on blue",
}
_TITLES = {
    "exposure_shown": "EXPOSURE SHOWN",
    "compromised_extent_unknown": "COMPROMISED, EXTENT UNKNOWN",
    "cannot_tell": "CANNOT TELL",
    "none_seen_covered": "NONE SEEN, WINDOW COVERED",
}
_STATUS = {"covered": "green", "partial": "yellow", "gap": "red", "expired": "red", "unknown": "red"}
_ROWS = 8


def plain(value: object) -> str:
    """Evidence as one line of harmless text: control, format and bidi characters show as �, line breaks as blanks."""
    return "".join(
        " " if char in "\r\n\t" else "�" if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"} else char
        for char in str(value)
    )


def cell(value: object) -> Text:
    """A table's cell: evidence as plain text, never read as markup."""
    return Text(plain(value))


def screen(case: Case) -> RenderableType:
    """The whole summary as one Rich renderable; nothing of the evidence is read as markup."""
    summary = case.summary
    parts: list[RenderableType] = [_head(summary), _coverage(summary), _figures(summary)]
    if (recipients := case.read("unexpected_recipients")).shape[0]:
        parts.append(_recipients(recipients))
    if (credentials := _of_exposed(case.read("credentials"))).shape[0]:
        parts.append(_credentials(credentials))
    if decided := _decided(case, credentials):
        parts.append(decided)
    if (people := _of_exposed(case.read("people"))).shape[0]:
        parts.append(_people(people))
    if limits := summary.get("detection_limits"):
        parts.append(_limits(limits))
    if review := [one for one in summary["excused"] if one["review"]]:
        parts.append(_review(review))
    parts += [_steps(summary), _files(case)]
    return Group(*parts)


def _of_exposed(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the rows that only possible messages gave."""
    return frame[frame["verdict"] != "possible"]


def _head(summary: dict[str, Any]) -> RenderableType:
    window = summary["window"]
    text = Text()
    text.append(f" {_TITLES[summary['conclusion']]} ", style=_TONES[summary["conclusion"]])
    text.append(f"  {summary['conclusion_text']}\n", style="bold")
    text.append(f"{summary['ongoing_text']}\n")
    text.append(f"Window: {window['start'] or 'the beginning'} to {window['end'] or 'open'} ({window['basis']})", style="dim")
    return Panel(text, title=Text(plain(summary["incident"]["title"])), title_align="left")


def _coverage(summary: dict[str, Any]) -> RenderableType:
    table = Table(title="What the records account for", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("source", "server / stream", "from", "to", "records", "status"):
        table.add_column(
            name, justify="right" if name == "records" else "left", overflow="fold", no_wrap=name in {"from", "to", "status"}
        )
    rows = summary["coverage"]
    for row in rows[: 2 * _ROWS]:
        status = Text(row["status"], style=_STATUS[row["status"]])
        edges = (row["from"][:16].replace("T", " "), row["to"][:16].replace("T", " "))
        table.add_row(
            cell(f"{row['source']} {row['route']}"), cell(row["scope"] or "-"), *map(cell, (*edges, row["records"])), status
        )
    more = f"\n{len(rows) - 2 * _ROWS} more in coverage.csv" if len(rows) > 2 * _ROWS else ""
    return Group(Text(f"\n{plain(summary['coverage_text'])}{more}", style="bold"), table, *_coverage_remarks(summary))


def _coverage_remarks(summary: dict[str, Any]) -> list[Text]:
    """What one source has and another lacks, and what a collection says of itself; a case of an older version has none."""
    remarks = summary.get("coverage_remarks", [])
    lines = [Text(f"- {plain(one)}", style="yellow") for one in remarks[:_ROWS]]
    return [*lines, Text(f"{len(remarks) - _ROWS} more in summary.json", style="dim")] if len(remarks) > _ROWS else lines


def _limits(sentences: list[str]) -> RenderableType:
    text = Text("\nWhat would not stand out among unknown recipients\n", style="bold")
    text.append("\n".join(f"• {plain(one)}" for one in sentences), style="not bold dim")
    return text


def _at_most(counts: dict[str, int]) -> list[tuple[int, str]]:
    """The bound beside what is shown, where mail went the compromised way without a record of its recipients."""
    if not counts.get("cohort_messages") or "exposed_at_most" not in counts:  # a case of an older version has no such figure
        return []
    words = "at most exposed: these, and all that went the compromised way in the window without a record of its recipients"
    return [(counts["exposed_at_most"], words)]


def _figures(summary: dict[str, Any]) -> RenderableType:
    counts, verdicts, proofs = summary["counts"], summary["verdicts"], summary["proofs"]
    text = Text("\nExposed mail\n", style="bold")
    lines = [
        (counts["exposed_messages"], f"messages exposed: {verdicts['confirmed']} confirmed, {verdicts['probable']} probable"),
        (
            proofs["delivered"] + proofs["fetched"],
            f"of them shown as delivered to the collector ({proofs['fetched']} of these also opened or clicked); {proofs['accepted']} handed over, outcome unknown",
        ),
        (counts["not_delivered"], "whose unexpected copies all failed (not_delivered.csv)"),
        (counts["possible_messages"], "possible, kept apart and not counted as exposed"),
        *_at_most(counts),
        (counts["credentials"], "distinct credentials in exposed mail"),
        (counts["people"], "people in or named by exposed mail"),
        (summary["unread"]["messages_without_content"], "exposed messages whose content is nowhere in the evidence"),
        (summary["unread"]["messages_partial"], "exposed messages whose content could be read in part only"),
        (counts["defects"], "records or files that could not be read (defects.csv)"),
    ]
    for number, words in lines:
        text.append(f"{number:>7,}", style="bold cyan")
        text.append(f"  {words}\n", style="")
    return text


def _table(title: str, names: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in names:
        number = name in {"mails", "delivered"}
        table.add_column(
            name,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=name in {"first seen", "last seen", "verdict", "id"},
        )
    return table


def _recipients(frame: pd.DataFrame) -> RenderableType:
    table = _table("Copied to", ("recipient", "verdict", "mails", "delivered", "first seen", "last seen"))
    for row in frame.head(_ROWS).to_dict("records"):
        days = (str(row["first_seen"])[:10], str(row["last_seen"])[:10])
        table.add_row(*map(cell, (row["address"], row["verdict"], row["messages"], row["delivered"], *days)))
    return _with_rest(table, len(frame), "unexpected_recipients.csv")


def _credentials(frame: pd.DataFrame) -> RenderableType:
    table = _table("\nRotate, most urgent first", ("id", "severity", "kind", "service", "preview", "mails", "state"))
    for row in frame.head(_ROWS).to_dict("records"):
        state = str(row["state"]).replace("_", " ")
        names = ("credential_id", "severity", "kind", "service", "preview", "messages")
        table.add_row(*map(cell, (*(row[name] for name in names), state)))
    return _with_rest(table, len(frame), "credentials.csv")


_OF_CASE = {"reviewed": "the case as a whole reviewed", "notify": "decided to notify", "do_not_notify": "decided not to notify"}
_MARKED = {
    "rejected": "rejected, and still listed",
    "reviewed": "reviewed",
    "notify": "to be notified",
    "do_not_notify": "not to be notified",
}


def _decided(case: Case, credentials: pd.DataFrame) -> Text | None:
    """How much of it somebody has dealt with, by the record; None where nobody put a decision on record."""
    stands = [one for ones in standing(decisions(case)).values() for one in ones]
    if not stands:
        return None
    live = {row["credential_id"] for row in credentials.to_dict("records") if row["state"] == "live_until_rotated"}
    rotated = {one.subject for one in stands if one.mark == "rotated"}
    lines = [f"{len(rotated & live)} of {len(live)} credentials that work until rotated marked as rotated"] if live else []
    apart = _possible(case)
    kinds = (("possible " if (one.about, one.subject) in apart else "") + one.about for one in stands)
    counts = Counter((kind, one.mark) for kind, one in zip(kinds, stands, strict=True) if one.about != "case")
    ordered = sorted(counts.items(), key=lambda item: (item[0][0].startswith("possible"), item[0]))
    for mark, words in _MARKED.items():
        told = [f"{count:,} {about}{'' if count == 1 else 's'}" for (about, word), count in ordered if word == mark]
        lines += [f"{', '.join(told).replace('persons', 'people')} {words}"] if told else []
    lines += [_OF_CASE[one.mark] for one in stands if one.about == "case" and one.mark in _OF_CASE]
    text = Text("\nOn record: ", style="bold")
    return text.append(f"{'; '.join(lines) or 'remarks only'} (decisions.csv)", style="not bold")


_WHERE = (
    ("credential", "credentials", "credential_id"), ("message", "possible_messages", "message_key"),
    ("recipient", "unexpected_recipients", "address"), ("person", "people", "person"),
)  # fmt: skip


def _possible(case: Case) -> set[tuple[str, str]]:
    """What is only possible, by what it is and its name: decisions on it are counted apart."""
    frames = ((about, case.read(table), column) for about, table, column in _WHERE)
    return {(about, str(name)) for about, frame, column in frames for name in frame[frame["verdict"] == "possible"][column]}


def _people(frame: pd.DataFrame) -> RenderableType:
    words = {"own_staff": "own staff", "correspondent": "correspondents", "mentioned": "only mentioned"}
    counts = Counter(str(one) for one in frame["relation"])
    text = Text("\nPeople affected: ", style="bold")
    text.append(
        ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key]) + " (people.csv)", style="not bold"
    )
    return text


def _review(rows: list[dict[str, Any]]) -> RenderableType:
    text = Text("\nExpected by the policy, but first used inside the window: please check\n", style="bold yellow")
    for row in rows:
        text.append(
            f"  {plain(row['entry'])}: {row['messages']} messages since {str(row['first_use'])[:10]} ({plain(row['reason'])})\n",
            style="not bold default",
        )
    return text


def _with_rest(table: Table, total: int, name: str) -> RenderableType:
    return Group(table, Text(f"{total - _ROWS} more in {name}", style="dim")) if total > _ROWS else table


def _steps(summary: dict[str, Any]) -> RenderableType:
    table = Table(
        title="\nWhat to do now, in this order",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        show_header=False,
    )
    table.add_column(justify="right", style="bold cyan")
    table.add_column(overflow="fold")
    for number, step in enumerate(summary["next_steps"], 1):
        table.add_row(f"{number}.", Text(plain(step)))
    return table


def _files(case: Case) -> RenderableType:
    text = Text("\nReport: ", style="bold")
    text.append(str(case.report / "report.html"), style="underline")
    if head := case.summary.get("run", {}).get("custody_head"):  # a case of an older version has none
        text.append(f"\nCustody log head: {plain(head)}", style="dim")
    text.append("\nNothing found is no proof that nothing happened: see coverage. Facts, not legal advice.", style="dim")
    return Group(text, Rule(style="dim"))


def write(case: Case, folder: Path) -> list[Path]:
    """`summary.txt`: the same words without colour, 110 columns wide."""
    console = Console(file=io.StringIO(), width=110, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(screen(case))
    text = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    target = folder / "summary.txt"
    write_file(target, "\n".join(line.rstrip() for line in text.replace(str(case.report), "report").split("\n")))
    return [target]


REPORTER = Reporter("text", "The summary as plain text", write)
