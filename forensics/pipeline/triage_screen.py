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

_ROWS, _NAMED = 30, 5  # rows of a table; names in a sentence
_ALIKE = 3  # files of one folder that are told one by one, at most
_BEFORE = {"yes": "yes", "no": "NEVER", "unknown": "cannot tell"}


def triage_screen(data: dict[str, Any]) -> RenderableType:
    """The answer of a triage as one Rich renderable, the answer first; nothing of the evidence is read as markup."""
    parts: list[RenderableType] = [_answer(data), _domain_answer(data), _frame(data)]
    if data["hits"]:
        parts.append(_hits(data["hits"]))
    if data["domains"]:
        parts.append(_domains(data))
    parts += [_rest(data), _limits(data)]
    return Group(*parts)


def _cell(value: object) -> Text:
    return Text(plain(value))


def _answer(data: dict[str, Any]) -> Text:
    """The first line: whether an indicator is named, in how many files, and when."""
    rows = data["hits"]
    files = len({row["path"] for row in rows})
    if not data["indicators"]:
        return Text("No indicator was named: only recipient domains were counted.", style="yellow")
    if not files:
        return Text(
            f"No file names an indicator ({data['streams']:,} searched). This is no proof that nothing was sent.", style="yellow"
        )
    first, last, _ = _when(rows)
    when = f", {first} to {last}" if first else ", at no time that is known"
    text = Text(f"{files:,} of {data['streams']:,} files name an indicator{when}.\n", style="bold red")
    for name in data["indicators"]:
        named = [row for row in rows if row["indicator"] == name]
        if named:
            places, where = sum(row["count"] for row in named), len({row["path"] for row in named})
            text.append(f"  {plain(name)}: {_many(places, 'place')} in {_many(where, 'file')}\n", style="not bold")
    text.append("Keep these files as they are and run `forensics audit` on all evidence.", style="default not bold")
    return text


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _domain_answer(data: dict[str, Any]) -> Text:
    """Whether recipient domains are new, as far as that can be told."""
    if not data["contexts_searched"]:
        return Text("Recipient domains were not counted.")
    if not data["compared_with_before_window"]:
        return Text("Which recipient domains are new cannot be told: no dated evidence is from before the window.")
    new = [row["domain"] for row in data["domains"] if row["before_window"] == "no" and not row["indicator"]]
    unknown = sum(row["before_window"] == "unknown" for row in data["domains"])
    text = Text("No other recipient domain is known to be new in the window")
    if new:
        named = ", ".join(map(plain, new[:_NAMED])) + (" ..." if len(new) > _NAMED else "")
        text = Text(f"Recipient domains never seen before the window: {len(new):,} ({named})", style="bold yellow")
    return text.append(f"; of {unknown:,} it cannot be told." if unknown else ".")


def _frame(data: dict[str, Any]) -> Text:
    start = data["window"]["start"] or "not named"
    return Text(
        f"{plain(data['incident']['title'])}; window starts: {start}; {data['bytes'] / 1e6:,.1f} MB searched", style="dim"
    )


def _when(rows: Sequence[dict[str, Any]]) -> tuple[str, str, str]:
    """First and last day, and how many places have no time that is known."""
    mark = " ±" if any(row["slack_seconds"] for row in rows) else ""
    firsts = sorted(row["first_seen"] for row in rows if row["first_seen"])
    lasts = sorted(row["last_seen"] for row in rows if row["last_seen"])
    undated = sum(row["undated"] for row in rows)
    return firsts[0][:10] + mark if firsts else "", lasts[-1][:10] + mark if lasts else "", f"{undated:,}" if undated else ""


def _table(title: str, columns: Sequence[str]) -> Table:
    """A table of which only the first column is folded where the terminal is narrow."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        numbers = name in {"places", "undated"}
        table.add_column(name, justify="right" if numbers else "left", overflow="fold", no_wrap=name != columns[0])
    return table


def _hits(rows: list[dict[str, Any]]) -> RenderableType:
    """One row for each file and indicator; for each folder where many files of one folder name it."""
    folders = Counter(path.rpartition("/")[0] for path in {row["path"] for row in rows})
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        folder = row["path"].rpartition("/")[0]
        place = f"{folder}/*" if folder and folders[folder] > _ALIKE else row["path"]
        name = row["indicator"] if row["form"] == "plain" else f"{row['indicator']} ({row['form']})"
        found.setdefault((place, name), []).append(row)
    files: dict[str, set[str]] = {}
    for (place, _), listed in found.items():
        files.setdefault(place, set()).update(row["path"] for row in listed)
    table = _table("\nWhere an indicator is named", ["file or folder", "indicator", "places", "first", "last", "undated"])
    before = ""
    for (place, name), listed in sorted(found.items(), key=lambda one: (-len(files[one[0][0]]), one[0]))[:_ROWS]:
        shown = f"{place} ({len(files[place]):,} files)" if len(files[place]) > 1 else place
        count = sum(row["count"] for row in listed)
        table.add_row(*map(_cell, ("" if place == before else shown, name, f"{count:,}", *_when(listed))))
        before = place
    return Group(table, _more(len(found)))


def _domains(data: dict[str, Any]) -> RenderableType:
    """Domains of indicators, new ones, and those of which it cannot be told; in one line what was in use before."""
    compared = data["compared_with_before_window"]
    rows = sorted(data["domains"], key=lambda row: (not row["indicator"], ("no", "unknown", "yes").index(row["before_window"])))
    shown = [row for row in rows if row["indicator"] or row["before_window"] != "yes"]
    title = "\nRecipient domains not known from before the window" if compared else "\nRecipient domains"
    table = _table(title, ["domain", "places", "first", "last", "undated", "used before"])
    for row in shown[:_ROWS]:
        style = "bold red" if row["indicator"] else "bold yellow" if row["before_window"] == "no" else ""
        name = Text(plain(row["domain"]), style=style)
        table.add_row(name, f"{row['count']:,}", *map(_cell, _when([row])), _BEFORE[row["before_window"]])
    parts: list[RenderableType] = [table, _more(len(shown))] if shown else []
    known = [row for row in rows if row["before_window"] == "yes" and not row["indicator"]]
    if known:
        named = ", ".join(f"{plain(row['domain'])} ({row['count']:,})" for row in known[:_NAMED])
        parts.append(Text(f"In use before the window: {len(known):,} domains: {named}{' ...' if len(known) > _NAMED else ''}"))
    return Group(*parts)


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
