"""Sendmail logs: who was sent each queue id's message, and what became of each copy.

Grammar: the format strings of sendmail 8.17, and the Sendmail Installation and Operation Guide, section 2.1 (the log).
"""

from __future__ import annotations

import re

from forensics.parsers.sendmail.assembly import assemble
from forensics.parsers.sendmail.reading import OURS, read
from forensics.plugins import Parser
from forensics.syslog import envelope

__all__ = ["PARSER"]

_NAMED = re.compile(rb"sendmail|\bsm-[a-z]|\bMSP\b|send-mail")
_POSTFIX = re.compile(rb"(?<![\w/.-])postfix[\w.-]{0,64}/[\w.-]")
_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,40}:[ \t])")


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, one is Sendmail's and none is Postfix's. A mail that quotes such lines is a mail."""
    if _HEADER.match(head.lstrip(b"\xef\xbb\xbf\0\r\n")) or not _NAMED.search(head) or _POSTFIX.search(head):
        return False
    rows = [row for row in head.split(b"\n")[:2000] if row.strip(b"\0\r ")]
    found = [one for row in rows if (one := envelope(row[:65536].rstrip(b"\r"))) is not None]
    return 2 * len(found) >= len(rows) and any(OURS.fullmatch(one.program) for one in found)


PARSER = Parser(
    name="sendmail",
    title="Sendmail log (syslog, journal)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
