"""The first answer for a tired person: hits, new domains, and what such a search cannot see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forensics.reporters.terminal import plain

__all__ = ["triage_screen"]

_ROWS = 30
_ALIKE = 3  # files of one folder that are told one by one, at most
_BEFORE = {"yes": "yes", "no": "NEVER", "unknown": "cannot tell"}


def triage_screen(data: dict[str, Any]) -> RenderableType:
    """The answer of a triage as one Rich renderable; nothing of the evidence is read as markup."""
    parts: list[RenderableType] = [_head(data)]
    if data["hits"]:
        parts.append(_hits(data["hits"]))
    if data["domains"]:
        parts.append(_domains(data))
    parts += [_rest(data), _limits(data)]
    return Group(*parts)


def _cell(value: object) -> Text:
    return Text(plain(value))


def _head(data: dict[str, Any]) -> Text:
    files = len({row["path"] for row in data["hits"]})
    text = Text(f"{plain(data['incident']['title'])}\n", style="bold")
    if not data["indicators"]:
        text.append("No indicator was named: only recipient domains were counted.", style="yellow")
    elif files:
        text.append(f"{files} of {data['streams']} files and members name an indicator. ", style="bold red")
        text.append("Keep them as they are and run `forensics audit` on them.")
    else:
        text.append(
            f"No indicator in {data['streams']} files and members. This is no proof that nothing was sent.", style="yellow"
        )
    text.append(f"\nWindow starts: {data['window']['start'] or 'not named'}; {data['bytes'] / 1e6:,.1f} MB searched", style="dim")
    return text


def _when(rows: Sequence[dict[str, Any]]) -> tuple[str, str, str]:
    """First and last day, and how many places have no time that is known."""
    mark = " ±" if any(row["slack_seconds"] for row in rows) else ""
    firsts = sorted(row["first_seen"] for row in rows if row["first_seen"])
    lasts = sorted(row["last_seen"] for row in rows if row["last_seen"])
    undated = sum(row["undated"] for row in rows)
    return firsts[0][:10] + mark if firsts else "", lasts[-1][:10] + mark if lasts else "", f"{undated:,}" if undated else ""


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        numbers = name in {"files", "places", "undated"}
        table.add_column(name, justify="right" if numbers else "left", overflow="fold", no_wrap=numbers)
    return table


def _hits(rows: list[dict[str, Any]]) -> RenderableType:
    """One row for each file; for each folder where many files of one folder name an indicator."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["path"], []).append(row)
    folders = Counter(path.rpartition("/")[0] for path in found)
    places: dict[str, list[list[dict[str, Any]]]] = {}
    for path, here in found.items():
        folder = path.rpartition("/")[0]
        places.setdefault(f"{folder}/*" if folder and folders[folder] > _ALIKE else path, []).append(here)
    table = _table("\nWhere an indicator is named", ["file or folder", "files", "indicator: places", "first", "last", "undated"])
    for place, files in sorted(places.items(), key=lambda one: (-len(one[1]), one[0]))[:_ROWS]:
        counts: Counter[str] = Counter()
        for row in (row for here in files for row in here):
            counts[row["indicator"] if row["form"] == "plain" else f"{row['indicator']} ({row['form']})"] += row["count"]
        told = ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))
        table.add_row(*map(_cell, (place, f"{len(files):,}", told, *_when([row for here in files for row in here]))))
    return Group(table, _more(len(places)))


def _domains(data: dict[str, Any]) -> RenderableType:
    title = "\nRecipient domains, those never seen before the window first"
    if not data["compared_with_before_window"]:
        title = "\nRecipient domains (no dated evidence from before the window: nothing to compare with)"
    table = _table(title, ["domain", "places", "first", "last", "undated", "before the window"])
    rows = sorted(data["domains"], key=lambda row: (not row["indicator"], ("no", "unknown", "yes").index(row["before_window"])))
    for row in rows[:_ROWS]:
        style = "bold red" if row["indicator"] else "bold yellow" if row["before_window"] == "no" else ""
        name = Text(plain(row["domain"]), style=style)
        table.add_row(name, f"{row['count']:,}", *map(_cell, _when([row])), _BEFORE[row["before_window"]])
    return Group(table, _more(len(rows)))


def _more(count: int) -> Text:
    return Text(f"{count - _ROWS} more with --json" if count > _ROWS else "", style="dim")


def _rest(data: dict[str, Any]) -> Text:
    text = Text()
    if data["own_domains"]:
        own = ", ".join(f"{plain(row['domain'])} ({row['count']:,})" for row in data["own_domains"][:_ROWS])
        text.append(f"Own domains, counted apart: {own}\n")
    if any(row["undated"] and row["stamp"] for row in (*data["hits"], *data["domains"])):
        text.append("Some logs write no year: where you know it, --year dates them.\n", style="yellow")
    if data["recipients_not_kept"]:
        text.append(f"{data['recipients_not_kept']:,} recipients at further domains were not kept apart\n", style="yellow")
    for one in data["unread"][:_ROWS]:
        text.append(f"Not read: {plain(one['path'])}: {plain(one['reason'])}\n", style="yellow")
    if len(data["unread"]) > _ROWS:
        text.append(f"{len(data['unread']) - _ROWS} more not read\n", style="yellow")
    return text


def _limits(data: dict[str, Any]) -> Text:
    text = Text("Searched forms: " + ", ".join(data["forms_searched"]) + "\n", style="dim")
    text.append("What such a search cannot see\n", style="bold")
    for sentence in data["cannot_see"]:
        text.append(f"- {sentence}\n")
    return text
