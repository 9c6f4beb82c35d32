r"""Stalwart logs: the whole recipient list of each queued message in one record, and what became of each copy.

A record is `TIME LEVEL text (event.name) key = value, key = value`; with `multiline` each key stands on a line of its own
behind a tab. Strings are quoted and escaped, lists stand in brackets; the keys of the session or delivery come before those
of the event, so that of two `to` the last is the event's own.

Sources: crates/trc/src/ipc and crates/common/src/telemetry/tracers/log.rs of Stalwart;
https://stalw.art/docs/telemetry/events.
"""

from __future__ import annotations

import re

from forensics.parsers.stalwart.reading import assemble, read
from forensics.parsers.stalwart.records import COLOUR, logged
from forensics.plugins import Parser
from forensics.syslog import envelope

__all__ = ["PARSER"]

_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,40}:[ \t])")
_FAMILIES = ("queue.", "delivery.", "smtp.", "message-ingest.", "mail-auth.", "dkim.", "dmarc.", "spf.", "housekeeper.")


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are Stalwart's. A mail that quotes such lines is a mail."""
    if _HEADER.match(head.lstrip(b"\xef\xbb\xbf\0\r\n")) or b"." not in head:
        return False
    rows = [row.lstrip(b"\0").rstrip(b"\r") for row in head.split(b"\n")[:500] if row.strip(b"\0\r ") and row[:1] != b"\t"]
    found = [logged(COLOUR.sub(b"", row[:65536])) for row in rows]
    ours = sum(one is not None for one in found)
    others = sum(one is None and envelope(row[:65536]) is not None for row, one in zip(rows, found, strict=True))
    return any(one and one[2].startswith(_FAMILIES) for one in found) and 2 * (ours + others) >= len(rows)


PARSER = Parser(
    name="stalwart",
    title="Stalwart log (single line, multi-line, journal)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
