"""A survey as others read it: windows for a policy, JSON, tables, and words for a terminal."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from forensics.dates import zulu
from forensics.hosts.sightings import Sighting, State
from forensics.hosts.surveying import CANNOT_SEE, Survey
from forensics.hosts.windows import Exposure

__all__ = ["as_json", "policy_text", "tables", "told"]

_EXECUTED = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes a cell for a formula by
_WINDOW_COLUMNS = (
    "host", "package", "certainty", "versions", "start", "start_basis", "earliest", "end", "end_basis", "is_live", "last_seen",
    "secrets", "hint", "sightings",
)  # fmt: skip
_SIGHTING_COLUMNS = (
    "host",
    "package",
    "version",
    "state",
    "event",
    "kind",
    "at",
    "clock",
    "path",
    "place",
    "note",
    "secrets",
    "hint",
)


def as_json(survey: Survey) -> dict[str, Any]:
    """Everything, as plain values: times ISO 8601 in UTC with Z, "" for none."""
    return {
        "schema_version": 1,
        "incident": survey.incident,
        "publication": zulu(survey.publication),
        "hosts": [dataclasses.asdict(one) for one in survey.hosts],
        "windows": [_row(one, _WINDOW_COLUMNS) for one in survey.exposures],
        "without_sighting": list(survey.hosts_without_sighting),
        "sightings": [_row(one, _SIGHTING_COLUMNS) for one in survey.sightings],
        "unread": [{"path": one.path, "offset": one.start, "reason": one.reason} for one in survey.problems],
        "notes": list(survey.notes),
        "cannot_see": list(CANNOT_SEE),
    }


def _row(one: Exposure | Sighting, columns: Sequence[str]) -> dict[str, Any]:
    return {name: _value(getattr(one, name)) for name in columns}


def _value(value: object) -> object:
    if value is None or isinstance(value, datetime):
        return zulu(value)
    return list(value) if isinstance(value, tuple) else value


def tables(survey: Survey) -> dict[str, str]:
    """File name -> CSV (UTF-8, RFC 4180): windows, sightings, and what was not read. Cells that a spreadsheet would run start with '."""
    rows = as_json(survey)
    return {
        "host_windows.csv": _csv(_WINDOW_COLUMNS, rows["windows"]),
        "host_sightings.csv": _csv(_SIGHTING_COLUMNS, rows["sightings"]),
        "host_unread.csv": _csv(("path", "offset", "reason"), rows["unread"]),
    }


def _csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return out.getvalue()


def _cell(value: object) -> object:
    text = "; ".join(map(str, value)) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_EXECUTED) else text


def policy_text(survey: Survey) -> str:
    """`[[host_window]]` tables for a policy file, with the basis of each edge as comments. For a person to check.

    The start is the earliest time that the evidence cannot exclude; an end stands only where a removal is told. A host
    without a sighting gets no window, and so is not narrowed at all. Logs that name no host (those of MCP clients) are of the
    host in whose folder they lie; `folders` names these where they are not called as the host is.
    """
    disks = {one.name: one.disks for one in survey.hosts}
    parts = [
        "# When each machine may have run the bad version. Check each before use: a window that is too narrow hides exposure."
    ]
    for one in survey.exposures:
        window = one.window
        parts.append("")
        parts.append(f"# {one.package}, {one.certainty}. Start: {one.start_basis}.")
        if one.start != window.start and one.start is not None:
            parts.append(f"# First seen {zulu(one.start)}.")
        parts.append(f"# End: {one.end_basis}.")
        parts.append("[[host_window]]")
        parts.append(f"host = {json.dumps(one.host)}")
        if disks.get(one.host, ()) != (one.host,):
            parts.append(f"folders = {json.dumps(list(disks.get(one.host, ())))}")
        parts += [f"{name} = {zulu(edge)}" for name, edge in (("start", window.start), ("end", window.end)) if edge is not None]
    if not survey.exposures:
        parts.append("# No host showed one: no window is narrowed.")
    return "\n".join(parts) + "\n"


def told(survey: Survey) -> str:
    """The survey in words and lines for a person; every text of a disk is harmless already."""
    lines = []
    for one in survey.exposures:
        versions = ", ".join(one.versions) or "version unknown"
        lines.append(f"{one.host}: {one.package} {versions}: {'BAD VERSION SHOWN' if one.certainty == 'shown' else 'POSSIBLE'}")
        lines.append(f"  from {zulu(one.start) or 'unknown'}  {one.start_basis}")
        lines.append(f"  to   {zulu(one.end) or ('LIVE' if one.is_live else 'open')}  {one.end_basis}")
        if one.last_seen:
            lines.append(f"  last dated sighting {zulu(one.last_seen)}")
        if one.secrets:
            lines.append(f"  a secret lay in its configuration, to be rotated: {', '.join(one.secrets)}")
        if one.hint:
            lines.append(f"  hint only, a file's own time: {zulu(one.hint)}")
        lines += [f"    {_line(seen)}" for seen in survey.sightings if (seen.host, seen.package) == (one.host, one.package)]
    shown = {(one.host, one.package) for one in survey.exposures}
    others = [one for one in survey.sightings if (one.host, one.package) not in shown]
    if others:
        lines.append("Named, and not accused:")
        lines += [f"    {one.host}: {_line(one)}" for one in others]
    if survey.hosts_without_sighting:
        lines.append(f"No sighting, which shows nothing: {', '.join(survey.hosts_without_sighting)}")
    for host in survey.hosts:
        lines.append(f"{host.name}: {host.files} files in {host.folders} folders walked, {host.problems} not read")
    lines += [f"  not read: {one.path}: {one.reason}" for one in survey.problems]
    return "\n".join([*lines, *survey.notes, *CANNOT_SEE]) + "\n"


def _line(one: Sighting) -> str:
    words = {State.BAD: "BAD", State.UNKNOWN: "untold", State.OTHER: "other"}[one.state]
    when = zulu(one.at) or "undated"
    return f"{when}  {words} {one.version or '-'}  {one.event} {one.kind}  {one.path} {one.place}{f'  ({one.note})' if one.note else ''}"
