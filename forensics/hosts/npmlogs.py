"""npm's debug logs: when a package was installed, run by npx or removed, by the stamp that npm gives a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from forensics.dates import iso_time
from forensics.hosts.commands import Asked, asked, verb_of
from forensics.hosts.sightings import Event, Kind, Trace, Wanted, short_spec

__all__ = ["read_npm_log"]

_LINE = 1 << 14  # characters of a line that are read
_LOGGED = re.compile(r"(\d{1,9}) (\w{1,16}) (.*)", re.DOTALL)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d_\d\d_\d\d_\d{3}Z)-(?:debug|\s*$)")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*+)\"|'((?:[^'\\]|\\.)*+)'")
_NAME = r"@[^/@\s]+/[^/@\s]+|[^/@\s]+"
_PLACED = re.compile(rf"placeDep \S+ ({_NAME})@(\S+) (?:OK|REPLACE|KEEP|CONFLICT)\b.* want: (\S+)")
_BEHIND = re.compile(rf"npm:({_NAME})@\S+")
_TARBALL = re.compile(r"/(?:(@[^/\s]{1,214})(?:/|%2[fF]))?([^/\s@%]{1,214})/-/\2-([^/\s]{1,128})\.tgz")
_CHANGED = re.compile(rf"(ADD|REMOVE|CHANGE) (\S*?)node_modules/({_NAME})\s*$")


@dataclass(slots=True)
class _Run:
    """What the lines of one run have told so far."""

    stamp: str = ""
    words: list[str] = field(default_factory=list)
    title: list[str] = field(default_factory=list)
    versions: dict[str, dict[str, int]] = field(default_factory=dict)  # package -> version -> first line
    removed: dict[str, int] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    failed: bool = False
    finished: bool = False  # npm wrote that it ended well


def read_npm_log(name: str, content: bytes, wanted: Wanted) -> Iterator[Trace | str]:
    """What one run of npm did with wanted packages; a text says what could not be told. Never raises.

    The time is the run's start in UTC as npm wrote it into the log, else the one in the file's name: npm sets both, a
    copy changes neither. npm keeps the last ten runs by default (npm docs, logging).
    """
    if not wanted.is_named(content):
        return
    run = _Run()
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
        _take(run, number, line[:_LINE].rstrip("\r"), wanted)
    inside, outside = _time(run.stamp), _time_in(name)
    at = inside or outside
    clock = "npm log, stamp inside" if inside else "npm log, stamp of its name" if outside else ""
    traces = list(_told(run, wanted))
    if traces and at is None:
        yield "a run of npm without its stamp: not dated"
    for one in traces:
        yield Trace(one.package, one.text, one.kind, one.event, one.place, one.exact, at=at, clock=clock, note=one.note)


def _time_in(text: str) -> datetime | None:
    match = _STAMP.search(text)
    return _time(match[1]) if match else None


def _time(stamp: str) -> datetime | None:
    """2025-09-18T09_12_40_939Z as aware UTC."""
    if not stamp:
        return None
    day, _, clock = stamp.partition("T")
    hour, minute, second, millis = clock.rstrip("Z").split("_")
    reading = iso_time(f"{day}T{hour}:{minute}:{second}.{millis}Z")
    return reading.at if reading else None


def _take(run: _Run, number: int, line: str, wanted: Wanted) -> None:
    match = _LOGGED.fullmatch(line)
    if match is None:
        return
    text = match[3]
    if text.startswith("logfile ") and not run.stamp:
        stamp = _STAMP.search(text)
        run.stamp = stamp[1] if stamp else ""
    elif text.startswith("argv "):
        run.words = [first or second for first, second in _QUOTED.findall(text)]
    elif text.startswith("cli ") and not run.words:  # npm 7 and older: a list in Node's notation, over lines
        run.title += [first or second for first, second in _QUOTED.findall(text)]
    elif text.startswith("title npm "):
        run.title = ["npm", *text.split()[2:]]
    elif match[2] == "verbose" and text.startswith("exit "):
        run.finished = text.strip() == "exit 0"
        run.failed = not run.finished
    if wanted.is_named(text.encode()):
        _take_named(run, number, text, wanted)


def _take_named(run: _Run, number: int, text: str, wanted: Wanted) -> None:
    placed, changed = _PLACED.search(text), _CHANGED.search(text)
    if placed:
        behind = _BEHIND.fullmatch(placed[3])
        _note(run, behind[1] if behind else placed[1], placed[2], number, wanted)
    elif changed and changed[3] in wanted.packages:
        whole = changed[1] == "REMOVE" and "node_modules/" not in changed[2]  # of a copy below another package the rest may stay
        (run.removed if whole else run.named).setdefault(changed[3], number)
    for scope, package, version in _TARBALL.findall(text):
        _note(run, f"{scope}/{package}" if scope else package, version, number, wanted)


def _note(run: _Run, package: str, version: str, number: int, wanted: Wanted) -> None:
    if package in wanted.packages:
        run.versions.setdefault(package, {}).setdefault(version, number)


def _command(run: _Run) -> list[str]:
    """The command as words beginning with npm. The title comes without options before the verb, argv with them."""
    if run.title[:1] == ["npm"] and verb_of(run.title[1:]):
        return ["npm", *(run.words if verb_of(run.words) else run.title[1:])]
    return ["npm", *run.words] if run.words else run.title[1:]


def _told(run: _Run, wanted: Wanted) -> Iterator[Trace]:
    """One trace for each package, and for each version of it that the run touched."""
    command = _command(run)
    requests = {one.name: one for one in asked(command, wanted.packages)}
    ran = any(one.how == "run" for one in requests.values())
    for package in sorted({*run.versions, *run.removed, *requests, *run.named}):
        request = requests.get(package)
        moved = package in run.versions or package in run.named  # removed at one place, put at another
        if not moved and (package in run.removed or (request and request.how == "remove")):
            note = "npm removed it" if run.finished else "npm was to remove it, and did not say that it did"
            event = Event.REMOVED if run.finished else Event.NAMED
            yield _trace(package, "", event, run.removed.get(package, 0), note, exact=False)
        elif package in run.versions:
            event = Event.RAN if ran and request else Event.ARRIVED
            for version, number in run.versions[package].items():
                yield _trace(package, short_spec(version), event, number, _note_of(request, failed=run.failed), exact=True)
        elif request and request.how != "remove":
            event = Event.RAN if request.how == "run" else Event.NAMED
            yield _trace(package, short_spec(request.spec), event, 0, _note_of(request, failed=run.failed), exact=False)
        else:
            yield _trace(package, "", Event.NAMED, run.named.get(package, 0), "a run of npm changed it", exact=False)


def _note_of(request: Asked | None, *, failed: bool) -> str:
    words = {"run": "npx or npm exec ran it", "install": "npm installed it"}
    how = words.get(request.how, "") if request else "npm installed it with other packages"
    return f"{how}; the run ended with an error" if failed else how


def _trace(package: str, text: str, event: Event, number: int, note: str, *, exact: bool) -> Trace:
    return Trace(package, text, Kind.NPM_LOG, event, f"line {number}" if number else "", exact, note=note)
