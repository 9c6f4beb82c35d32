"""What stands before the text of a plain line: time, host, program and process, and what containers put before these."""

from __future__ import annotations

import re
from typing import NamedTuple

from forensics.syslog.line_ends import decoded
from forensics.syslog.stamps import ISO, RFC3164, nearer, stamp, stamp_of

__all__ = ["CONTAINER", "Envelope", "in_text", "in_wrapper"]

_TAG = re.compile(
    rb" {1,8}(?:<[a-z0-9.]{1,32}> )?"  # BSD syslogd -vv: facility and level
    rb"(?:(?P<host>[^\s]{0,254}[^\s:]) {1,8})?"
    rb"(?P<program>[^\s\[\]:]{1,128})(?:\[(?P<pid>[^\]\s]{0,32})\])?:(?: |$)"
    rb"(?:\[ID \d{1,10} [a-z0-9.]{1,32}\] )?"  # Solaris message id
)
_RFC5424 = re.compile(
    rb"<\d{1,3}>\d{1,2} (?P<stamp>\S{1,64}) (?P<host>\S{1,255}) (?P<program>\S{1,128}) (?P<pid>\S{1,128}) \S{1,64} "
)
_PARAMETER = rb'[^\s=\]"]{1,64}="(?:[^"\\]|\\.){0,4096}"'
_STRUCTURE = re.compile(rb"-|(?:\[[^\s=\]\"]{1,64}(?: " + _PARAMETER + rb"){0,64}\]){1,64}")
_PRI = re.compile(rb"<\d{1,3}>")
CONTAINER = re.compile(rb" (?P<stream>stdout|stderr) (?P<tag>[FP])(?::\S{1,64})?(?: |$)")
"""Behind the stamp in logs of Kubernetes' container runtimes: stream, and P for a piece or F for the last one.

The format is of kubernetes/design-proposals, "CRI: Dockershim, log format".
"""


class Envelope(NamedTuple):
    """What stands around the text of one line; `stamp` is as `dates.FileClock.resolve` reads it, "" if there is none."""

    stamp: str
    host: str
    program: str
    pid: str
    payload: bytes


def in_text(line: bytes, at: int, *, wrapped: bool = False) -> Envelope | None:
    """The envelope of a plain line from `at` on; `wrapped` ones may hold no further line."""
    pri = _PRI.match(line, at)
    if pri:
        modern = _RFC5424.match(line, at)
        if modern:
            return _modern(line, modern)
        at = pri.end()
    match = ISO.match(line, at) or RFC3164.match(line, at)
    time = stamp_of(match) if match else ""
    if match is None or not time:
        return None
    tag = _TAG.match(line, match.end())
    if tag:
        host, program, pid = (decoded(tag[name] or b"") for name in ("host", "program", "pid"))
        return Envelope(time, host, program, pid, line[tag.end() :])
    if wrapped or match.re is not ISO:
        return None
    container = CONTAINER.match(line, match.end())
    if container:
        return in_wrapper(line[container.end() :], time)
    return _under(in_text(line, match.end() + 1, wrapped=True), time)  # `docker logs -t`


def in_wrapper(text: bytes, time: str) -> Envelope | None:
    """The envelope of a text that another logger wrapped: a whole line, or just `program[process]: text`."""
    found = in_text(text, 0, wrapped=True)
    if found:
        return _under(found, time)
    tag = None if text.startswith(b"{") else _TAG.match(b" " + text)
    if tag is None:
        return None
    host, program, pid = (decoded(tag[name] or b"") for name in ("host", "program", "pid"))
    return Envelope(time, host, program, pid, text[tag.end() - 1 :])


def _under(found: Envelope | None, time: str) -> Envelope | None:
    return found._replace(stamp=nearer(found.stamp, time)) if found else None


def _modern(line: bytes, head: re.Match[bytes]) -> Envelope | None:
    """RFC 5424 section 6: header, structured data, then the text, which may begin with a byte order mark."""
    structure = _STRUCTURE.match(line, head.end())
    if structure is None:
        return None
    host, program, pid = (decoded(b"" if head[name] == b"-" else head[name]) for name in ("host", "program", "pid"))
    payload = line[structure.end() :].removeprefix(b" ").removeprefix(b"\xef\xbb\xbf")
    return Envelope(stamp(head["stamp"]), host, program, pid, payload)
