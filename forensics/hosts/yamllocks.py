"""Lock files of yarn and pnpm: the regular form in which both tools write YAML, read line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.hosts.sightings import Event, Kind, Trace, Wanted, is_elsewhere

__all__ = ["Line", "pnpm", "yarn"]

Line = tuple[int, str]  # number from 1, text

_YARN_VERSION = re.compile(r'  version:? "?([^"\s]{1,256})"?\s*')
_YARN_SOURCE = re.compile(r'  (?:resolved|resolution):? "([^"]{1,4096})"\s*')
_NAME = r"@[^/@\s]+/[^/@\s]+|[^/@\s]+"
_YARN_KEY = re.compile(rf"({_NAME})@(\S*)")
_BEHIND = re.compile(rf"npm:({_NAME})@\S+")
_RESOLUTION = re.compile(rf"({_NAME})@(?:npm:)?(\S+)")
_QUOTES = "'\""
# a key of `packages:` and `snapshots:`: /name/1.0.0, /name@1.0.0, name@1.0.0, with peers as /peer@1, _peer@1 or (peer@1);
# up to version 6 the host of a registry that is not the default one may stand before the first slash
_PNPM_KEY = re.compile(
    rf"(?:[^/@\s]*[.+:][^/@\s]*/|/)?({_NAME})(?:@(?P<at>[^\s@(:/][^\s@(]*|[a-z+]+:[^(]*|https?:[^(]*)|/(?P<slash>[0-9][^\s(/]*)(?:/[^(]*)?)(?:\([^:]*)?",
)
_PEERS = re.compile(r"_[a-z@].*|_[0-9a-z]{20,}$")
_SECTIONS = {"packages", "snapshots"}


def yarn(lines: Iterator[Line], wanted: Wanted) -> Iterator[Trace | str]:
    """yarn.lock: a block begins at the margin with its patterns; `version` and `resolved` or `resolution` follow.

    Classic writes `version "1.0.0"`, berry `version: 1.0.0`. Behind an alias the pattern is `alias@npm:real@1.0.0`.
    """
    block: list[str] = []
    opened = 0
    for number, text in lines:
        if text[:1] in {" ", "", "#"}:
            if block and len(block) < 200:  # noqa: PLR2004  lines of a block; version and source come first
                block.append(text)
            continue
        yield from _block(block, opened, wanted)
        block, opened = [text], number
        if not text.rstrip().endswith(":"):
            yield f"line {number} opens no block, nor does what is indented below it belong to one"
    yield from _block(block, opened, wanted)


def _block(block: list[str], number: int, wanted: Wanted) -> Iterator[Trace]:
    if not block:
        return
    version = next((match[1] for line in block[1:] if (match := _YARN_VERSION.fullmatch(line))), "")
    source = next((match[1] for line in block[1:] if (match := _YARN_SOURCE.fullmatch(line))), "")
    told = set()
    for pattern in block[0].removesuffix(":").split(","):
        match = _YARN_KEY.fullmatch(pattern.strip(" \"'"))
        if match:
            behind = _BEHIND.fullmatch(match[2])
            told.add((behind[1] if behind else match[1], match[2]))
    resolved = _RESOLUTION.fullmatch(source)
    if resolved:  # berry says what it is in the end, whatever asked for it
        told = {(resolved[1], resolved[2])}
    for name in sorted({one for one, _ in told if one in wanted.packages}):
        asked = [pattern for one, pattern in told if one == name]
        elsewhere = is_elsewhere(source) or any(is_elsewhere(one.removeprefix("npm:")) for one in asked)
        yield Trace(name, version, Kind.LOCK, Event.STANDS, f"line {number}", elsewhere=elsewhere)


def pnpm(lines: Iterator[Line], wanted: Wanted) -> Iterator[Trace | str]:
    """pnpm-lock.yaml of lockfileVersion 5 to 9: keys of `packages:` and `snapshots:` name every package once.

    Only the form that pnpm writes is read: block style, a key on its own line. What is not of that form and names a
    wanted package is told by its line. Entries of importers only repeat what `packages` says, and are left.
    """
    section, told = "", set()
    indent = 0  # of a section's keys: two blanks as pnpm writes it, more where somebody formatted it anew
    for number, text in lines:
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        if text[0] != " ":
            section, indent = text.partition(":")[0].strip(_QUOTES), 0
            if section[:1] in {"{", "["} or text.partition(":")[2].strip()[:1] in {"{", "["}:
                yield from _not_read(number, text, wanted)
            continue
        if section not in _SECTIONS:
            continue
        indent = indent or len(text) - len(text.lstrip())
        if not text[indent - 1].isspace() or text[indent].isspace():
            continue
        found = _pnpm_key(text)
        if found is None:
            yield from _not_read(number, text, wanted)
            continue
        name, version, elsewhere = found
        if name in wanted.packages and (name, version) not in told:
            told.add((name, version))
            yield Trace(name, version, Kind.LOCK, Event.STANDS, f"line {number}", elsewhere=elsewhere)


def _not_read(number: int, text: str, wanted: Wanted) -> Iterator[str]:
    if any(re.search(rf"(?<![\w@/.-]){re.escape(one)}[@/]\d", text) for one in wanted.packages):
        yield f"line {number} names the package in a form that pnpm does not write: not read"


def _pnpm_key(text: str) -> tuple[str, str, bool] | None:
    """Name, version and whether it comes from elsewhere, of a key such as `  /name@1.0.0(peer@2.0.0):`."""
    stripped = text.strip()
    quote = stripped[0] if stripped[0] in _QUOTES else ""
    if quote:
        end = stripped.find(quote, 1)
        if end < 0:
            return None
        key, rest = stripped[1:end], stripped[end + 1 :]
    else:
        cut = re.search(r":(?=\s|$)", stripped)
        if cut is None:
            return None
        key, rest = stripped[: cut.start()], stripped[cut.start() :]
    match = _PNPM_KEY.fullmatch(key)
    if match is None or not rest.startswith(":"):
        return None
    version = match["at"] or match["slash"] or ""
    elsewhere = ":" in version
    return match[1], _PEERS.sub("", version), elsewhere
