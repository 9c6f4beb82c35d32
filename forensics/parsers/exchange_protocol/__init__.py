"""Exchange SMTP protocol logs: the envelopes of every session, as the server received them or sent them on.

Columns and events: learn.microsoft.com/exchange/mail-flow/connectors/protocol-logging; commands and replies: RFC 5321, RFC 2920
(pipelining: replies come in order), RFC 3030 (BDAT). In a log of the receiving side `<` is a command and `>` the reply, in one
of the sending side the other way round. ORCPT is not read: whoever sends a hidden copy may write a genuine name there.
"""

from __future__ import annotations

from forensics.csvlog import header_in
from forensics.parsers.exchange_protocol.messages import assemble
from forensics.parsers.exchange_protocol.reading import COLUMNS, NAME, read
from forensics.plugins import Parser

__all__ = ["PARSER"]


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    return set(header_in(head).columns) >= set(COLUMNS[:8])


PARSER = Parser(
    name=NAME,
    title="Exchange SMTP protocol log (receive and send connectors)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
