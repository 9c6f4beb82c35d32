"""The envelope of a line in any form, and what loggers say about lines they repeat or lose."""

from __future__ import annotations

import re

from forensics.syslog.line_ends import decoded
from forensics.syslog.prefixes import Envelope, in_text
from forensics.syslog.wrapped import in_json

__all__ = ["LOGGERS", "envelope", "lost_messages", "repeated"]

_COLOUR = rb"\x1b\[[0-9;]{0,16}m"
# a byte order mark, holes full of NULs, terminal colours, the service that docker compose or the pod that kubectl puts in front
_BEFORE = re.compile(
    rb"(?:\xef\xbb\xbf|\x00|" + _COLOUR + rb"){0,64}"
    rb"(?:[\w.\-]{1,64} {0,64}(?:" + _COLOUR + rb")?\| ?(?:" + _COLOUR + rb")? ?|\[pod/[\w./\-]{1,256}\] )?"
)
_REPEATED = re.compile(rb"message repeated \d{1,9} times?: \[ ?")
LOGGERS = ("rsyslogd", "systemd-journal", "journal", "syslogd", "syslog-ng", "imjournal", "imuxsock")
_LOST = re.compile(
    r"\b(?P<a>\d{1,12}) messages? lost\b|\b(?:lost|missed) (?P<b>\d{1,12}) messages?\b"
    r"|\bSuppressed (?P<c>\d{1,12}) messages?\b(?: from (?P<unit>\S{1,256}))?"
    r"|\b(?:begin to drop|dropping) messages?\b|\bdropped='[^'\n]{1,512}=0{0,11}[1-9]"
)
_MAIL_UNITS = (
    "postfix",
    "exim",
    "mail",
    "smtp",
    "haraka",
    "stalwart",
    "kumo",
    "pmta",
    "syslog",
    "docker",
    "containerd",
    "podman",
)


def envelope(line: bytes) -> Envelope | None:
    """The envelope of a line in any form that is met in mail logs; None if it has none.

    RFC 3164 with or without year, PRI, facility and host; RFC 3339 stamps; RFC 5424; lines of container runtimes, with
    docker's, compose's and kubectl's own prefixes; JSON of the journal, docker and log shippers (`wrapped`). Never raises.
    """
    before = _BEFORE.match(line)
    at = before.end() if before else 0
    return in_json(line[at:]) if line.startswith(b"{", at) else in_text(line, at)


def repeated(payload: bytes) -> bytes | None:
    """The text inside rsyslog's `message repeated N times: [ ... ]`; None if the payload is no such thing."""
    match = _REPEATED.match(payload)
    return payload[match.end() :].removesuffix(b"]") if match else None


def lost_messages(program: str, payload: bytes) -> int:
    """How many messages the logger itself says that it dropped; 1 if it does not say how many, 0 if it says no such thing.

    Rate limits of rsyslog, its journal reader and journald; full queues of syslog-ng, whose statistics count from its start.
    A suppression that names the service of another program is none of ours.
    """
    if not program.startswith(LOGGERS):
        return 0
    match = _LOST.search(decoded(payload[:4096]))
    if match is None:
        return 0
    unit = (match["unit"] or "").lower()
    if unit.endswith(".service") and not any(word in unit for word in _MAIL_UNITS):
        return 0
    count = match["a"] or match["b"] or match["c"]
    return int(count) if count else 1
