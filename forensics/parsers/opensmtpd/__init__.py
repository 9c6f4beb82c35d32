"""OpenSMTPD logs: who was sent each message, and what became of each copy.

Grammar: the format strings of OpenSMTPD 6.8 (`smtp_session.c`, `mta.c`, `mda.c`, `queue.c`); the forms before 6.4
(`smtp event=message ...`, and `smtp-in: Accepted message ...`, `relay: Ok for ...`) by their documents. A message is the
first eight hex digits of an envelope's id: random, no clock. The Message-ID header is not logged.
"""

from __future__ import annotations

import re

from forensics.parsers.opensmtpd.assembly import assemble
from forensics.parsers.opensmtpd.reading import PROGRAMS, read
from forensics.plugins import Parser
from forensics.syslog import envelope

__all__ = ["PARSER"]

_WORDS = re.compile(
    rb"(?:[0-9a-f]{16} (?:smtp|mta|mda) (?:event=)?[a-z]|smtp-in: |(?:relay|delivery): [A-Z][A-Za-z]{1,16} for [0-9a-f]{16}:|info: OpenSMTPD)"
)
_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,40}:[ \t])")
_POSTFIX = re.compile(rb"(?<![\w/.-])postfix[\w.-]{0,64}/[\w.-]")


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, one is OpenSMTPD's and none is Postfix's. A mail that quotes such lines is a mail."""
    if _HEADER.match(head.lstrip(b"\xef\xbb\xbf\0\r\n")) or not _WORDS.search(head) or _POSTFIX.search(head):
        return False
    rows = [row for row in head.split(b"\n")[:2000] if row.strip(b"\0\r ")]
    found = [one for row in rows if (one := envelope(row[:65536].rstrip(b"\r"))) is not None]
    return 2 * len(found) >= len(rows) and any(one.program in PROGRAMS and _WORDS.match(one.payload) for one in found)


PARSER = Parser(
    name="opensmtpd",
    title="OpenSMTPD log (syslog, journal)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
