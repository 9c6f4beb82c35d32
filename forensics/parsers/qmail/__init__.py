"""Logs of qmail-send (qmail, netqmail, notqmail): who was sent each message, and what became of each copy.

Message numbers are inodes and used again, delivery numbers begin at 1 with the daemon, and a result names nothing but its
delivery. So a log can only be read in order: what is whole within a span is one fragment, every other line goes out by
itself, and `assemble` reads these on in the order of files and places. Where lines name no host, `servers` tells which files
are of one server.

Sources: qmail-send.c, qsutil.c and splogger.c of netqmail and notqmail; https://cr.yp.to/libtai/tai64.html,
https://cr.yp.to/daemontools/tai64nlocal.html. qsutil's `logsafe` writes `_` for blanks, so a blank ends every field.
"""

from __future__ import annotations

from forensics.parsers.qmail.lines import WORDS, logged, parsed
from forensics.parsers.qmail.reading import assemble, read
from forensics.plugins import Parser
from forensics.syslog import found_in_head

__all__ = ["PARSER"]


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, and one of them says what qmail-send says."""
    bare = head.replace(b"\0", b"")
    if b"delivery " not in bare and b"msg " not in bare:
        return False
    return any(_says(text) for _, _, text in found_in_head(head, logged))


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
