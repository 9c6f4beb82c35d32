"""Logs of qmail-send (qmail, netqmail, notqmail): who was sent each message, and what became of each copy.

Message numbers are inodes and used again, delivery numbers begin at 1 with the daemon, and a result names nothing but its
delivery. So a log can only be read in order: what is whole within a span is one fragment, every other line goes out by
itself, and `assemble` reads these on in the order of files and places.

Sources: qmail-send.c, qsutil.c and splogger.c of netqmail and notqmail; https://cr.yp.to/libtai/tai64.html,
https://cr.yp.to/daemontools/tai64nlocal.html. qsutil's `logsafe` writes `_` for blanks, so a blank ends every field.
"""

from __future__ import annotations

import re

from forensics.parsers.qmail.lines import WORDS, logged, parsed
from forensics.parsers.qmail.reading import assemble, read
from forensics.plugins import Parser
from forensics.syslog import envelope

__all__ = ["PARSER"]

_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,40}:[ \t])")


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines bear a time, and one of them says what qmail-send says. A mail that quotes such lines is a mail."""
    if _HEADER.match(head.lstrip(b"\xef\xbb\xbf\0\r\n")) or (b"delivery " not in head and b"msg " not in head):
        return False
    rows = [row.lstrip(b"\0").rstrip(b"\r") for row in head.split(b"\n")[:2000] if row.strip(b"\0\r ")]
    found = [logged(row[:65536]) for row in rows]
    timed = sum(one is not None or envelope(row[:65536]) is not None for row, one in zip(rows, found, strict=True))
    return 2 * timed >= len(rows) and any(one and _says(one[2]) for one in found)


def _says(text: bytes) -> bool:
    return text.startswith(WORDS) and parsed(text, (0, 0, "")) is not None


PARSER = Parser(
    name="qmail",
    title="qmail log (multilog, tai64nlocal, splogger)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
