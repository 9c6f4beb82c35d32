"""Exim logs: who was sent each message, and what became of each copy.

Grammar: exim specification 4.9x, chapter "Log files" (fields, flags, syslog), and exim `receive.c`, `deliver.c`, `log.c`.
Entries stand in Exim's own mainlog and rejectlog, or under syslog in any form that `syslog.envelope` reads.
"""

from __future__ import annotations

import re

from forensics.parsers.exim.assembly import assemble
from forensics.parsers.exim.prefixes import NATIVE, unwrapped
from forensics.parsers.exim.queue_ids import QUEUE_ID, time_in
from forensics.parsers.exim.reading import PROOF, is_exim, read
from forensics.parsers.exim.refusals import DUMPED
from forensics.plugins import Parser
from forensics.syslog import envelope, head_lines

__all__ = ["PARSER"]

_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,40}:[ \t])")
_ENTRY = re.compile(
    rb"(?:\[\d{1,10}\] )?(?:("
    + QUEUE_ID
    + rb") (?:[<(=-][=>] |>> |\*[*>] |== |Completed|\S+ by |H=.{0,2048} rejected )|(?:H=|U=|F=).{0,2048} rejected )"
)


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, and one of them is Exim's, no other mail server's. A mail that quotes such lines is a mail."""
    bare = head.replace(b"\0", b"")  # of UTF-16
    if _HEADER.match(head.lstrip(b"\xef\xbb\xbf\0\r\n")) or (
        b"exim" not in bare and b" rejected " not in bare and not PROOF.search(bare)
    ):
        return False
    rows = [row[:65536].strip(b"\0\r") for row in head_lines(head)[:2000]]
    rows = [row for row in rows if row and not DUMPED.match(row)]
    native = [text for row in rows if (text := _native(row))]
    if any(map(_is_entry, native)):
        return 2 * len(native) >= len(rows)
    found = [one for row in rows if (one := envelope(row)) is not None]
    programs = {one.program for one in found}
    return (
        any(map(is_exim, programs))
        and not any("postfix" in one or one in _OTHERS for one in programs)
        and 2 * len(found) >= len(rows)
    )


def _native(row: bytes) -> bytes:
    """What stands behind Exim's own stamp, in a container's log too; "" if there is none."""
    match = NATIVE.match(row)
    if match:
        return row[match.end() :]
    inner = unwrapped(row)
    return inner.text if inner else b""


def _is_entry(text: bytes) -> bool:
    match = _ENTRY.match(text)
    return match is not None and (match[1] is None or time_in(match[1]) is not None)


_OTHERS = frozenset(("sendmail", "sm-mta", "sm-msp-queue", "MSP", "smtpd", "qmail", "qmail-send"))

PARSER = Parser(
    name="exim",
    title="Exim log (mainlog, rejectlog, syslog)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    undecided=frozenset(),
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
    version=2,
)
