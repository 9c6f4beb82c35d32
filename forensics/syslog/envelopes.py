"""The envelope of a line in any form."""

from __future__ import annotations

import re

from forensics.syslog.losses import LOGGERS, lost_messages, repeated
from forensics.syslog.prefixes import Envelope, in_text
from forensics.syslog.wrapped import in_json

__all__ = ["LOGGERS", "envelope", "lost_messages", "repeated"]

_COLOUR = rb"\x1b\[[0-9;]{0,16}m"
# a byte order mark, holes full of NULs, terminal colours, the service that docker compose or the pod that kubectl puts in front
_BEFORE = re.compile(
    rb"(?:\xef\xbb\xbf|\x00|" + _COLOUR + rb"){0,64}"
    rb"(?:[\w.\-]{1,64} {0,64}(?:" + _COLOUR + rb")?\| ?(?:" + _COLOUR + rb")? ?|\[pod/[\w./\-]{1,256}\] )?"
)


def envelope(line: bytes) -> Envelope | None:
    """The envelope of a line in any form that is met in mail logs; None if it has none.

    RFC 3164 with or without year, PRI, facility and host; RFC 3339 stamps; RFC 5424; lines of container runtimes, with
    docker's, compose's and kubectl's own prefixes; JSON of the journal, docker and log shippers (`wrapped`). Never raises.
    """
    before = _BEFORE.match(line)
    at = before.end() if before else 0
    return in_json(line[at:]) if line.startswith(b"{", at) else in_text(line, at)
