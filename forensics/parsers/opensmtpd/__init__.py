"""OpenSMTPD logs: who was sent each message, and what became of each copy.

Grammar: the format strings of OpenSMTPD 6.8 (`smtp_session.c`, `mta.c`, `mda.c`, `queue.c`); the forms before 6.4
(`smtp event=message ...`, and `smtp-in: Accepted message ...`, `relay: Ok for ...`) by their documents. A message is the
first eight hex digits of an envelope's id: random, no clock. The Message-ID header is not logged.
"""

from __future__ import annotations

import re

from forensics.parsers.opensmtpd.assembly import assemble
from forensics.parsers.opensmtpd.reading import DAEMONS, read
from forensics.plugins import Parser
from forensics.syslog import is_log_of

__all__ = ["PARSER"]

_WORDS = re.compile(
    rb"(?:[0-9a-f]{16} (?:smtp|mta|mda) (?:event=)?[a-z]|smtp-in: |(?:relay|delivery): [A-Z][A-Za-z]{1,16} for [0-9a-f]{16}:|info: OpenSMTPD)"
)


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, one is OpenSMTPD's by its words, and none is Postfix's: that has an smtpd too."""
    return is_log_of(head, DAEMONS, _WORDS)


PARSER = Parser(
    name="opensmtpd",
    title="OpenSMTPD log (syslog, journal)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
    version=2,
)
