r"""Stalwart logs: the whole recipient list of each queued message in one record, and what became of each copy.

A record is `TIME LEVEL text (event.name) key = value, key = value`; with `multiline` each key stands on a line of its own
behind a tab. Strings are quoted and escaped, lists stand in brackets; the keys of the session or delivery come before those
of the event, so that of two `to` the last is the event's own.

Sources: crates/trc/src/ipc and crates/common/src/telemetry/tracers/log.rs of Stalwart;
https://stalw.art/docs/telemetry/events.
"""

from __future__ import annotations

from forensics.parsers.stalwart.reading import assemble, read
from forensics.parsers.stalwart.records import event_in, written
from forensics.plugins import Parser
from forensics.syslog import found_in_head

__all__ = ["PARSER"]

_FAMILIES = ("queue.", "delivery.", "smtp.", "message-ingest.", "mail-auth.", "dkim.", "dmarc.", "spf.", "housekeeper.")


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, and one of them is an event of Stalwart's."""
    if b"(" not in head:
        return False
    return any(one.name.startswith(_FAMILIES) for one in found_in_head(head, lambda line: event_in(written(line))))


PARSER = Parser(
    name="stalwart",
    title="Stalwart log (single line, multi-line, journal)",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
