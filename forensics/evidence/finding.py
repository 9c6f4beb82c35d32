"""Which files were handed in: a sorted walk over folders that follows no link and skips nothing in silence."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from forensics.evidence.items import Names, Problem, named

__all__ = ["find"]


def find(roots: Iterable[Path], *, skip: frozenset[Path] = frozenset()) -> Iterator[tuple[str, Path] | Problem]:
    """Regular files below the roots as (shown path, location), sorted; links, devices and locked folders as problems.

    Links are not followed: what they point to is either below the roots and met anyway, or was not handed in. A root
    that is a link itself is. `skip` holds resolved paths that the caller reads otherwise (the policy). The order in
    which roots are given changes nothing, and a file that lies below two of them comes once.
    """
    bases: set[Path] = set()
    for root in roots:
        base = _resolved(root)
        if isinstance(base, Problem):
            yield base
        else:
            bases.add(base)
    nested = any(bases.intersection(base.parents) for base in bases)
    seen: set[Path] = set()
    for base, shown in _root_names(sorted(bases)):
        for one in _below(base, shown, skip) if base.is_dir() else _one(base, shown, skip):
            if nested and not isinstance(one, Problem):
                if one[1] in seen:
                    continue
                seen.add(one[1])
            yield one


def _resolved(root: Path) -> Path | Problem:
    try:
        base = root.resolve()
        base.lstat()
    except FileNotFoundError:
        return Problem(named(str(root)), "there is no such file or folder; check the path")
    except RuntimeError:  # what pathlib raises for links that lead in a circle
        return Problem(named(str(root)), "a symbolic link that leads back to itself: not read")
    except (OSError, ValueError) as error:
        return Problem(named(str(root)), f"cannot be examined: {getattr(error, 'strerror', '') or type(error).__name__}")
    return base


def _root_names(bases: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Each root with the name under which reports show it: its own, numbered in order of place where two share it."""
    names = Names()
    for base in bases:
        yield base, names.unique(named(base.name) or "evidence")


def _below(base: Path, shown: str, skip: frozenset[Path]) -> Iterator[tuple[str, Path] | Problem]:
    """A walk with a stack of its own: hostile evidence may nest folders deeper than Python recurses."""
    waiting = [(base, shown)]
    while waiting:
        folder, name = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted((one.name, one.is_dir(follow_symlinks=False)) for one in listing)
        except OSError as error:
            yield Problem(name, f"the folder cannot be opened: {error.strerror}; check its permissions")
            continue
        waiting += [(folder / inner, f"{name}/{named(inner)}") for inner, is_folder in reversed(entries) if is_folder]
        for inner, is_folder in entries:
            if not is_folder:
                yield from _one(folder / inner, f"{name}/{named(inner)}", skip)


def _one(place: Path, shown: str, skip: frozenset[Path]) -> Iterator[tuple[str, Path] | Problem]:
    if place in skip:
        return
    try:
        mode = place.lstat().st_mode
    except OSError as error:
        yield Problem(shown, f"cannot be examined: {error.strerror}")
        return
    if stat.S_ISLNK(mode):
        yield Problem(shown, "a symbolic link: not followed; hand in what it points to")
    elif not stat.S_ISREG(mode):
        yield Problem(shown, "neither a file nor a folder (device, pipe or socket): not read")
    else:
        yield (shown, place)
