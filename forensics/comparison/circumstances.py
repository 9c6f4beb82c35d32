"""How two cases were made: versions, policy, incident, evidence, options and plugins, and in what they differ."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forensics.case import Case, CaseError

__all__ = ["SAME_BYTES", "SCHEMA", "Made", "differences", "listed", "metadata", "part", "summary_of"]

SCHEMA = 1  # of the cases that can be compared
SAME_BYTES = "same bytes under another name: "


@dataclass(frozen=True, slots=True)
class Made:
    """One thing in which two cases were made differently: `what` it is, and its value before and after, "" for none."""

    topic: str  # "version", "policy", "incident", "window", "evidence", "options", "plugins"
    what: str
    before: str
    after: str


def metadata(case: Case) -> dict[str, Any]:
    """`case.toml`. Raises CaseError where it cannot be read or follows another schema."""
    try:
        told = tomllib.loads((case.path / "case.toml").read_text(encoding="utf-8", errors="replace"))
    except (OSError, tomllib.TOMLDecodeError, RecursionError) as error:
        msg = f"{case.path}: case.toml cannot be read ({type(error).__name__}): audit the evidence again"
        raise CaseError(msg) from None
    if told.get("schema_version") != SCHEMA:
        msg = (
            f"{case.path} follows schema {told.get('schema_version')!r}, and this version compares cases of schema {SCHEMA} only: "
            "audit its evidence again with this version"
        )
        raise CaseError(msg)
    return told


def differences(before: Case, after: Case, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Made]:
    """In what two cases were made differently; `old` and `new` are their metadata. A file that was only renamed is told once."""
    for word in ("version", "python"):
        yield from _differing("version", {word: old.get(word)}, {word: new.get(word)})
    for word in ("incident", "policy", "options"):
        yield from _differing(word, _flat(old.get(word, {})), _flat(new.get(word, {})))
    summaries = (summary_of(before), summary_of(after))
    yield from _differing("incident", *(_flat(part(one, "incident", "indicators")) for one in summaries))
    yield from _differing("window", *(_flat(part(one, "window")) for one in summaries))
    yield from _differing("policy", *({f"expected {entry}": reason for entry, reason in _expected(one)} for one in summaries))
    yield from _differing(
        "plugins", *({f"{p.get('room')}/{p.get('name')}": _plugin(p) for p in listed(one, "plugins")} for one in (old, new))
    )
    files = [{str(e.get("path")): str(e.get("sha256")) for e in listed(one, "evidence")} for one in (old, new)]
    moved = _moved(*files)
    for one in _differing("evidence", *files):
        if one.what not in moved:
            yield one
    for path, other in sorted(moved.items()):
        if path in files[0]:
            yield Made("evidence", f"{SAME_BYTES}{path}", path, other)


def _moved(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Files that only changed their name, both names, each with the other."""
    gone = {digest: path for path, digest in sorted(old.items(), reverse=True) if path not in new}
    come = {digest: path for path, digest in sorted(new.items(), reverse=True) if path not in old}
    pairs = [(gone[digest], come[digest]) for digest in gone.keys() & come.keys()]
    return {**dict(pairs), **{new_path: old_path for old_path, new_path in pairs}}


def listed(told: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The tables of a list of tables; whatever else stands there is left out."""
    return [one for one in told.get(name) or [] if isinstance(one, Mapping)]


def _plugin(told: Mapping[str, Any]) -> str:
    broken = f", broken: {told.get('error')}" if told.get("error") else ""
    return f"version {told.get('version')} of {told.get('origin')}{broken}"


def summary_of(case: Case) -> Mapping[str, Any]:
    """What the case was judged by; empty where it cannot be read: the tables speak for themselves."""
    try:
        return case.summary
    except (OSError, ValueError, RecursionError):
        return {}


def part(told: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """A table inside a table, by the names that lead to it; empty where there is none."""
    for name in names:
        inner = told.get(name)
        told = inner if isinstance(inner, Mapping) else {}
    return told


def _expected(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Policy entries that excused something, with their reasons: entries that excused nothing leave no trace in a case."""
    return [(str(one.get("entry")), str(one.get("reason"))) for one in listed(summary, "excused")]


def _flat(told: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str) for name, value in told.items()
    }


def _differing(topic: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Made]:
    for name in sorted({*old, *new}):
        pair = [str(one.get(name, "")) for one in (old, new)]
        if pair[0] != pair[1]:
            yield Made(topic, name, pair[0], pair[1])
