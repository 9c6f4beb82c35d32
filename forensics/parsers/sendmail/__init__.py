"""Sendmail logs: who was sent each queue id's message, and what became of each copy.

Grammar: the format strings of sendmail 8.17, and the Sendmail Installation and Operation Guide, section 2.1 (the log).
"""

from __future__ import annotations

from forensics.parsers.sendmail.assembly import assemble
from forensics.parsers.sendmail.reading import DAEMONS, read
from forensics.plugins import Parser
from forensics.syslog import is_log_of

__all__ = ["PARSER"]


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, one is Sendmail's and none is Postfix's."""
    return is_log_of(head, DAEMONS)


PARSER = Parser(
    name="sendmail",
    title="Sendmail log (syslog, journal)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
    version=2,
)
