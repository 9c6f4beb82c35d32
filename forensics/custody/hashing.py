"""Hashes of files, and files that are replaced whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from forensics.evidence import open_read_only

__all__ = ["file_sha256", "read_whole", "replace_file"]

_BLOCK = 1 << 20


def file_sha256(place: Path) -> str:
    """SHA-256 of a file in hex, read in blocks, opened read-only without following a link. Raises OSError, for a device or pipe too."""
    digest = hashlib.sha256()
    with open_read_only(place) as stream:
        _expect_file(stream, place)
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _expect_file(stream: BinaryIO, place: Path) -> None:
    """A manifest that somebody else wrote may name a device, which never ends."""
    mode = os.fstat(stream.fileno()).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # reading a folder fails by itself
        raise OSError(errno.EINVAL, "neither a file nor a folder", str(place))


def read_whole(place: Path, most: int = -1) -> bytes:
    """The bytes of a file of the case, a link not followed and a pipe not waited for; at most `most`. Raises OSError."""
    with open_read_only(place) as stream:
        _expect_file(stream, place)
        held = bytearray()
        while (most < 0 or len(held) <= most) and (block := stream.read(_BLOCK)):
            held += block
    return bytes(held[:most] if most >= 0 else held)


def replace_file(target: Path, content: bytes) -> None:
    """Write a file of the case, mode 0600, aside first and then under its name. Raises OSError."""
    aside = target.with_name(target.name + ".new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
    aside.replace(target)
