"""Lock files: which version of a package an installation resolved, in the forms of npm, yarn, pnpm, bun and deno."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from forensics.hosts.jsonc import Unreadable, loads
from forensics.hosts.sightings import Event, Kind, Trace, Wanted, is_elsewhere
from forensics.hosts.yamllocks import Line, pnpm, yarn

__all__ = ["LOCKS", "read_lock"]

_Reader = Callable[[bytes, Wanted], Iterator[Trace | str]]

_DEEPEST = 200  # levels of dependencies within dependencies in a lock file of version 1
_LINE = 1 << 16  # bytes of one line that are read; none of a package's own lines is longer
_SPEC = re.compile(r"(@[^/@\s]+/[^@\s]+|[^@\s/][^@\s]*)@(\S+)")


def _traced(name: str, version: str, place: str, source: str = "") -> Trace:
    return Trace(name, version, Kind.LOCK, Event.STANDS, place, elsewhere=is_elsewhere(source) or is_elsewhere(version))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _alias(name: str, written: str) -> tuple[str, str]:
    """Name and version behind an alias such as `npm:real@1.0.0`, else as they are."""
    match = _SPEC.fullmatch(written.removeprefix("npm:")) if written.startswith("npm:") else None
    return (match[1], match[2]) if match else (name, written)


def _npm(document: object, wanted: Wanted) -> Iterator[Trace]:
    """package-lock.json and its kin: `packages` since version 2, nested `dependencies` in 1 (npm docs, package-lock-json)."""
    if not isinstance(document, dict):
        raise Unreadable("not a lock file: no object")
    packages = document.get("packages")
    if isinstance(packages, dict):
        for key, entry in packages.items():
            if not isinstance(entry, dict) or not key:
                continue
            inside = key.rpartition("node_modules/")
            name = _text(entry.get("name")) or inside[2]
            if name in wanted.packages:
                local = entry.get("link") is True or not inside[1]  # a workspace or a linked folder
                source = "link:" if local else _text(entry.get("resolved"))
                yield _traced(name, _text(entry.get("version")), f"packages {key}", source)
        return
    yield from _nested(document.get("dependencies"), wanted)


def _nested(dependencies: object, wanted: Wanted) -> Iterator[Trace]:
    waiting: list[tuple[object, str, int]] = [(dependencies, "dependencies", 0)]
    while waiting:
        table, path, depth = waiting.pop()
        if not isinstance(table, dict):
            continue
        if depth > _DEEPEST:
            raise Unreadable("dependencies nested too deeply: not read further")
        for key, entry in table.items():
            if not isinstance(entry, dict):
                continue
            name, version = _alias(key, _text(entry.get("version")))
            if name in wanted.packages:
                yield _traced(name, version, f"{path} {key}", _text(entry.get("resolved")))
            if "dependencies" in entry:
                waiting.append((entry["dependencies"], f"{path} {key}"[-500:], depth + 1))


def _bun(document: object, wanted: Wanted) -> Iterator[Trace]:
    """bun.lock: `packages` maps a key to a list that begins with name@version (bun docs, lockfile)."""
    packages = document.get("packages") if isinstance(document, dict) else None
    if not isinstance(packages, dict):
        raise Unreadable("not a lock file of bun: no packages")
    for key, entry in packages.items():
        match = _SPEC.fullmatch(_text(entry[0])) if isinstance(entry, list) and entry else None
        if match and match[1] in wanted.packages:
            yield _traced(match[1], match[2], f"packages {key}")


def _deno(document: object, wanted: Wanted) -> Iterator[Trace]:
    """deno.lock: `npm` maps name@version, at top level since version 4 and under `packages` in 3."""
    tops = [document, document.get("packages")] if isinstance(document, dict) else []
    for top in tops:
        table = top.get("npm") if isinstance(top, Mapping) else None
        for key in table if isinstance(table, dict) else ():
            match = _SPEC.fullmatch(key)
            if match and match[1] in wanted.packages:
                yield _traced(match[1], match[2].partition("_")[0], f"npm {key}")


def _of_lines(read: Callable[[Iterator[Line], Wanted], Iterator[Trace | str]]) -> _Reader:
    def reader(content: bytes, wanted: Wanted) -> Iterator[Trace | str]:
        return read(_lines(content), wanted)

    return reader


def _of_json(read: Callable[[object, Wanted], Iterator[Trace]]) -> _Reader:
    def reader(content: bytes, wanted: Wanted) -> Iterator[Trace | str]:
        yield from read(loads(content), wanted)

    return reader


def _lines(content: bytes) -> Iterator[Line]:
    """Lines with their numbers from 1, without their ends, one at a time: the whole is never split."""
    start, number = 0, 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        number += 1
        yield number, content[start : min(end, start + _LINE)].decode("utf-8", "replace").rstrip("\r")
        start = end + 1


LOCKS: Mapping[str, _Reader] = {
    "package-lock.json": _of_json(_npm),
    "npm-shrinkwrap.json": _of_json(_npm),
    ".package-lock.json": _of_json(_npm),
    "bun.lock": _of_json(_bun),
    "deno.lock": _of_json(_deno),
    "yarn.lock": _of_lines(yarn),
    "pnpm-lock.yaml": _of_lines(pnpm),
    "lock.yaml": _of_lines(pnpm),  # pnpm's own, in node_modules/.pnpm
}


def read_lock(name: str, content: bytes, wanted: Wanted) -> Iterator[Trace | str]:
    """Every entry of a lock file that names a wanted package; a text is the reason why the rest could not be read.

    `name` is the file's base name, one of `LOCKS`. Never raises.
    """
    if not wanted.is_named(content):
        return
    try:
        yield from LOCKS[name](content, wanted)
    except Unreadable as error:
        yield f"{error}; it may name the package"
