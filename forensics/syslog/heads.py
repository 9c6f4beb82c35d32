"""Whether a file's first bytes are those of a log, for the sniffers of formats that have lines of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from forensics.syslog.containers import unwrapped
from forensics.syslog.envelopes import envelope
from forensics.syslog.forms import head_lines

__all__ = ["found_in_head"]

_T = TypeVar("_T")
_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,40}:[ \t])")
_ROWS = 2_000


def found_in_head(head: bytes, logged: Callable[[bytes], _T | None]) -> list[_T]:
    """What `logged` finds in the first lines of a file, if at least half of these are lines of a log; else nothing.

    A mail that quotes lines of a log is a mail. What begins with a tab goes on with the line before, and does not count.
    """
    rows = [row for row in head_lines(head)[:_ROWS] if row.strip(b"\0\r ") and not unwrapped(row)[1].startswith(b"\t")]
    if not rows or _HEADER.match(rows[0].lstrip(b"\xef\xbb\xbf\0\r\n")):
        return []
    found = [logged(row) for row in rows]
    timed = sum(one is not None or envelope(row) is not None for row, one in zip(rows, found, strict=True))
    return [one for one in found if one is not None] if 2 * timed >= len(rows) else []
