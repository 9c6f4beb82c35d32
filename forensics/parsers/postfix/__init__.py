"""Postfix logs: who was sent each queue id's message, and what became of each copy."""

from __future__ import annotations

import re

from forensics.parsers.postfix.assembly import assemble
from forensics.parsers.postfix.reading import POSTFIX, read
from forensics.plugins import Parser
from forensics.syslog import envelope, head_lines

__all__ = ["PARSER"]

_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,40}:[ \t])")


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, and one of them is Postfix's. A mail that quotes such lines is a mail."""
    if _HEADER.match(head.lstrip(b"\xef\xbb\xbf\0\r\n")):
        return False
    if not POSTFIX.search(head.replace(b"\0", b"")):
        return False
    rows = [row for row in head_lines(head)[:2000] if row.strip()]
    found = [one for row in rows if (one := envelope(row)) is not None]
    ours = [one for one in found if one.program.startswith("postfix") and "/" in one.program]
    return bool(ours) and 2 * len(found) >= len(rows)


PARSER = Parser(
    name="postfix",
    title="Postfix log (syslog, journal, maillog_file)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    undecided=frozenset({"probe"}),
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
    version=2,
)
