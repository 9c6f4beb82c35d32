"""npm's cache: when a package was downloaded, by the index of its content, and what the folders of npx are named after."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from forensics.hosts.sightings import Event, Kind, Trace, Wanted
from forensics.model import EPOCH

__all__ = ["archive_named", "dlx_time", "npx_folder", "npx_folders", "read_bucket"]

_KEY = "make-fetch-happen:request-cache:"
_TARBALL = re.compile(r"/(?:(@[^/\s]{1,214})(?:/|%2[fF]))?([^/\s@%]{1,214})/-/\2-([^/\s]{1,128})\.tgz(?:[?#].*)?")
_PACKUMENT = re.compile(r"(?:[^/]*//)?.*/((?:@[^/\s]{1,214}(?:/|%2[fF]))?[^/\s@%]{1,214})", re.DOTALL)
_FIRST = datetime(2009, 1, 1, tzinfo=UTC)  # npm is younger
_LAST = datetime(2100, 1, 1, tzinfo=UTC)
_TIMED = re.compile(r"([0-9a-f]{11})-[0-9a-f]{1,8}")
_YARN_ZIP = re.compile(r"((?:@[^-]{1,214}-)?.{1,214}?)-npm-(\d.{0,127}?)-[0-9a-f]{8,32}-[0-9a-z]{4,64}\.zip")


def read_bucket(content: bytes, wanted: Wanted) -> Iterator[Trace | str]:
    """One file of the index (cacache, index-v5): lines of SHA-1, tab, JSON; each says when its content was stored.

    A tarball's entry tells a download of that version, a packument's only that npm asked for the package. The key's host
    does not matter. An entry whose SHA-1 does not fit is told as damaged. Never raises. Headers are not kept.
    """
    if not wanted.is_named(content):
        return
    for number, line in enumerate(content.split(b"\n"), 1):
        if not wanted.is_named(line):
            continue
        digest, _, text = line.rstrip(b"\r").partition(b"\t")
        if hashlib.sha1(text, usedforsecurity=False).hexdigest().encode() != digest:
            yield f"line {number}: an entry of npm's cache that does not fit its own checksum: not read"
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError):
            yield f"line {number}: an entry of npm's cache that is no JSON"
            continue
        if isinstance(entry, dict):
            yield from _entry(entry, number, wanted)


def _entry(entry: Mapping[str, object], number: int, wanted: Wanted) -> Iterator[Trace | str]:
    key = entry.get("key")
    if not isinstance(key, str) or not key.startswith(_KEY) or entry.get("integrity") is None:  # None: a deletion
        return
    url, at = key.removeprefix(_KEY), _time(entry.get("time"))
    tarball = _TARBALL.search(url)
    name, version = "", ""
    if tarball:
        name, version = (f"{tarball[1]}/{tarball[2]}" if tarball[1] else tarball[2]), tarball[3]
    elif match := _PACKUMENT.fullmatch(url):
        name = match[1].replace("%2f", "/").replace("%2F", "/")
    if name not in wanted.packages:
        return
    clock = "npm cache, time of the entry" if at else ""
    if at is None:
        yield f"line {number}: an entry of npm's cache without a usable time"
    if version:
        yield Trace(
            name, version, Kind.NPM_CACHE, Event.ARRIVED, f"line {number}", at=at, clock=clock, note="its tarball was downloaded"
        )
    else:
        note = "its list of versions was asked for"
        yield Trace(name, "", Kind.NPM_CACHE, Event.NAMED, f"line {number}", exact=False, at=at, clock=clock, note=note)


def _time(millis: object) -> datetime | None:
    if not isinstance(millis, int | float) or isinstance(millis, bool) or not 0 < millis < 1e13:  # noqa: PLR2004  beyond any date
        return None
    at = EPOCH + timedelta(milliseconds=int(millis))
    return at if _FIRST < at < _LAST else None


def npx_folder(packages: Iterable[str]) -> str:
    """The name of the folder in which npx installs these packages, each as it was typed.

    It is the start of the SHA-512 of all of them, sorted and joined by line ends (npm's libnpmexec, seen in npm 11).
    """
    return hashlib.sha512("\n".join(sorted(packages)).encode()).hexdigest()[:16]


def npx_folders(wanted: Wanted, versions: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, str]]:
    """Folder name -> (package, what was typed after the @) for what people type: nothing, `latest`, and exact versions."""
    found = {}
    for name in wanted.packages:
        for spec in ("", "latest", "*", "next", *versions.get(name, ())):
            found[npx_folder([f"{name}@{spec}" if spec else name])] = (name, spec)
    return found


def dlx_time(folder: str) -> datetime | None:
    """When pnpm made a folder of `pnpm dlx`: its name begins with the time in milliseconds, in hexadecimal."""
    match = _TIMED.fullmatch(folder)
    return _time(int(match[1], 16)) if match else None


def archive_named(name: str, wanted: Wanted) -> tuple[str, str] | None:
    """Package and version of a packed copy by its file name: npm's name-1.0.0.tgz, yarn's name-npm-1.0.0-hash-key.zip."""
    zipped = _YARN_ZIP.fullmatch(name)
    for one in wanted.packages:
        flat = one.removeprefix("@").replace("/", "-")
        if zipped:
            if zipped[1] == one.replace("/", "-"):
                return one, zipped[2]
        elif name.endswith(".tgz") and name.startswith(f"{flat}-") and name[len(flat) + 1 : len(flat) + 2].isdigit():
            return one, name[len(flat) + 1 : -len(".tgz")]
    return None
