"""Packages as they lie on a disk: what their package.json says, whether their bytes are known, what their code names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from forensics.evidence import open_read_only
from forensics.hosts.commands import asked
from forensics.hosts.jsonc import Unreadable, loads
from forensics.hosts.sightings import Event, Kind, Trace, Wanted, is_elsewhere, short_spec

__all__ = ["read_manifest", "read_npx_packages", "read_package"]

_CODE = (".js", ".mjs", ".cjs", ".ts")
_FILES = 400  # of one package that are hashed
_BYTES = 4 << 20  # of one file
_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides", "resolutions")


def read_package(folder: str, wanted: Wanted, *, in_tree: bool) -> Iterator[Trace | str]:
    """The package in a folder that bears a wanted name: by version, by known bytes, by an indicator in its code.

    Only what lies in an installed tree is judged by version: a checkout of that name may be the genuine project or a
    fork with numbers of its own, and is accused by its bytes alone. A text is the reason why something was not read.
    """
    manifest = _read(Path(folder, "package.json"))
    own = _object(manifest)
    name = own.get("name")
    cached = "@" in folder.rpartition("/")[2]
    if own and name not in wanted.packages:
        return
    package = name if isinstance(name, str) else _named_like(folder, wanted)
    if not package:
        return
    if not own:
        yield "package.json is no JSON object, or too large: the version is not known"
    known, unread = _known_bytes(folder, wanted)
    if unread:
        yield f"{unread} file(s) of the package were not examined: unreadable, too large or too many"
    version = own.get("version")
    text = short_spec(version) if isinstance(version, str) else ""
    asked_for = own.get("_resolved") or own.get("_from")  # npm 6 and older wrote where it came from
    elsewhere = isinstance(asked_for, str) and is_elsewhere(asked_for)
    installed = in_tree or cached
    notes = [*known]
    if not installed:
        notes.append(
            "a folder that no package manager installed: judged by its bytes only, since the genuine project and forks bear the name"
        )
    kind = Kind.INSTALLED if installed else Kind.CHECKOUT
    event = Event.NAMED if cached and not in_tree else Event.STANDS
    yield Trace(
        package, text, kind, event, "package.json version", bool(own), elsewhere, note="; ".join(notes), proven=bool(known)
    )


def _named_like(folder: str, wanted: Wanted) -> str:
    """The wanted package whose folder this is, by its path."""
    plain = folder.partition("@@")[0]
    return next((one for one in sorted(wanted.packages) if plain.endswith(f"/{one}") or f"/{one}@" in folder), "")


def _known_bytes(folder: str, wanted: Wanted) -> tuple[list[str], int]:
    """What is damning in a package's own files, and how many were not examined."""
    notes, unread, seen = [], 0, 0
    for base, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(one for one in folders if one != "node_modules")
        for name in sorted(files):
            if not name.endswith(_CODE) and name != "package.json":
                continue
            seen += 1
            content = _read(Path(base, name)) if seen <= _FILES else None
            if content is None:
                unread += 1
                continue
            digest = hashlib.sha256(content).hexdigest()
            if digest in wanted.hashes:
                notes.append(f"SHA-256 {digest[:16]}... is known: {wanted.hashes[digest]}")
            if name != "package.json" and any(one in content for one in wanted.indicators):
                notes.append("its code names an indicator of the incident")
    return list(dict.fromkeys(notes)), unread


def _read(place: Path) -> bytes | None:
    """A file's bytes; None where it cannot be read or is too large."""
    try:
        with open_read_only(place) as stream:
            content = stream.read(_BYTES + 1)
    except OSError:
        return None
    return content if len(content) <= _BYTES else None


def _object(content: bytes | None) -> Mapping[str, object]:
    try:
        document = loads(content or b"")
    except Unreadable:
        return {}
    return document if isinstance(document, dict) else {}


def read_manifest(content: bytes, wanted: Wanted) -> Iterator[Trace | str]:
    """What a project's own package.json asks for: a range that could bring a bad version, or a script that runs it."""
    if not wanted.is_named(content):
        return
    own = _object(content)
    if not own:
        yield "package.json that names the package is no JSON object"
        return
    for section in _DEPENDENCIES:
        table = own.get(section)
        for key, value in table.items() if isinstance(table, dict) else ():
            text = value if isinstance(value, str) else ""
            name, text = _behind(key, text)
            if name in wanted.packages:
                source = text if ":" in text or "/" in text else ""
                kept = "" if source else short_spec(text)
                yield Trace(
                    name, kept, Kind.MANIFEST, Event.STANDS, section, exact=False, elsewhere=bool(source), note=_resolves(own)
                )
    scripts = own.get("scripts")
    for key, value in scripts.items() if isinstance(scripts, dict) else ():
        for one in dict.fromkeys(asked([value], wanted.packages)) if isinstance(value, str) else ():
            event = Event.NAMED if one.how == "remove" else Event.STANDS
            yield Trace(
                one.name, short_spec(one.spec), Kind.MANIFEST, event, f"scripts {key[:40]}", exact=False, note="a script names it"
            )


def _behind(key: str, text: str) -> tuple[str, str]:
    """Name and range behind an alias such as `npm:real@^1.0.0`, else as they are."""
    if not text.startswith("npm:"):
        return key, text
    bare = text.removeprefix("npm:")
    name, _, spec = bare[1:].partition("@") if bare.startswith("@") else bare.partition("@")
    return (f"@{name}" if bare.startswith("@") else name), spec


def _resolves(own: Mapping[str, object]) -> str:
    return "npx made this folder" if "_npx" in own else "a project asks for it"


def read_npx_packages(content: bytes) -> tuple[str, ...]:
    """What was typed after npx, as the package.json of npx's folder keeps it; nothing if it does not."""
    kept = _object(content).get("_npx")
    listed = kept.get("packages") if isinstance(kept, dict) else None
    return tuple(one for one in listed if isinstance(one, str))[:50] if isinstance(listed, list) else ()
