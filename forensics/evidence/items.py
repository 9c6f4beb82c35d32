"""What is read: files with their hashes, the streams inside them, and what could not be opened."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

__all__ = ["BLOCK", "HEAD", "Item", "Member", "Names", "Problem", "hashed", "named", "open_read_only"]

HEAD = 64 * 1024  # bytes that a parser may sniff at
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """One file of evidence. `path` is how reports name it, `location` where it lies now; `sha256` of the whole file."""

    path: str
    location: Path
    size: int
    sha256: str

    @property
    def id(self) -> str:
        """The first 16 hex digits of the hash: the same content has the same id wherever it lies."""
        return self.sha256[:16]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read as evidence, and why."""

    path: str
    reason: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A readable stream of an item: the file itself, or one member of an archive. `size` is -1 where only reading tells."""

    item: Item
    name: str
    open: Callable[[], BinaryIO] = field(repr=False)
    size: int = -1

    @property
    def path(self) -> str:
        """How reports name the member."""
        return f"{self.item.path}/{self.name}" if self.name else self.item.path


def open_read_only(place: Path) -> BinaryIO:
    """A file opened for reading without following a link and, where the system lets us, without touching its access time."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(place, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # O_NOATIME is the owner's right only
        handle = os.open(place, flags)
    return os.fdopen(handle, "rb", buffering=0)


def hashed(shown: str, place: Path, progress: Callable[[int], None] = lambda _: None) -> Item | Problem:
    """An item with its SHA-256, from one sequential read; `progress` is told the bytes of each block."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_read_only(place) as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
                size += len(block)
                progress(len(block))
    except OSError as error:
        return Problem(shown, f"cannot be read: {error.strerror or type(error).__name__}", size)
    if size == 0:
        return Problem(shown, "the file is empty (0 bytes)")
    return Item(shown, place, size, digest.hexdigest())


class Names:
    """Names given so far; the second of the same gets `~2`."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._counts: Counter[str] = Counter()

    def unique(self, name: str) -> str:
        """The name, or the first numbered form of it that nobody has."""
        self._counts[name] += 1
        free = name
        while free in self._given:
            free = f"{name}~{self._counts[name]}"
            self._counts[name] += free in self._given
        self._given.add(free)
        return free


def named(name: str) -> str:
    r"""A file's name as text that UTF-8 can hold: bytes that are none show as `\xNN`."""
    return name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
