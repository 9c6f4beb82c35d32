"""What stands before an entry: Exim's own stamp, syslog's time, host and program, or what a container runtime puts there."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from forensics.syslog import Envelope, decoded, stamp
from forensics.syslog.stamps import nearer
from forensics.syslog.wrapped import loaded

__all__ = ["BY_SYSLOG", "NATIVE", "SHAPE", "Layout", "Wrapped", "believed", "is_docker", "native_time", "unwrapped"]

# specification, section "Log files": local time, on request with milliseconds and zone
NATIVE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? (?:[+-]\d{4} )?")
BY_SYSLOG = re.compile(rb"\S{1,255} exim[\w.+-]{0,64}(?:\[\d{1,10}\])?: ")  # behind a stamp that might be Exim's own
SHAPE = bytes(ord("0") if 48 <= value <= 57 else ord("+") if value == 45 else value for value in range(256))  # noqa: PLR2004  0 to 9, "-"
_HEADS = 4_096  # different hosts and programs remembered
_YEARLESS = 16  # characters of `Sep  7 10:00:02` and the blank behind
_WIDEST = 64
_SECOND = 19  # characters of a time up to its seconds
_ZONELESS = 23  # characters of a time with milliseconds
_STAMP_GOES_ON = re.compile(rb"(?:(?:19|20)\d\d|[Zz]|[+-]\d\d:?\d\d) ")  # a year or a zone, or a host of that name
# a byte order mark; the service of docker compose, the pod of kubectl; the time of docker or CRI, with the stream
_CONTAINER = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[\w.\-]{1,64} {0,64}\| ?|\[pod/[\w./\-]{1,256}\] )?"
    rb"(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:Z|[+-]\d\d:\d\d)) (?:(?:stdout|stderr) F(?::\S{1,64})? )?)?"
    rb"(?=\d{4}-\d\d-\d\d )"
)


_DOCKER = re.compile(rb'\{"log": ?"' + NATIVE.pattern)


class Layout:
    """The form of the lines met last: how wide stamps and ids are, and hosts and programs met before, by their bytes.

    What is found here is what `envelope` and `NATIVE` would find: a line means the same whatever was met before it.
    """

    __slots__ = ("hosts", "id_width", "shape", "syslog_width", "width")

    def __init__(self) -> None:
        self.width, self.shape = 20, b"0000+00+00 00:00:00 "  # of Exim's own stamp and the blank behind it
        self.id_width = 23
        self.syslog_width = _YEARLESS
        self.hosts: dict[bytes, str] = {}  # by host and program as written

    def learn(self, written: bytes) -> None:
        """The stamps that follow will look like this one."""
        self.width, self.shape = len(written), written.translate(SHAPE)

    def stamp(self, line: bytes) -> str:
        """The time of a line that begins with a stamp of syslog's common forms, from which its width is taken; else ""."""
        width = _YEARLESS if line[_YEARLESS - 1 : _YEARLESS] == b" " else line.find(b" ", 0, _WIDEST) + 1
        time = stamp(line[: width - 1]) if width else ""
        if time:
            self.syslog_width = width
        return time

    def learn_host(self, line: bytes, found: Envelope) -> None:
        """Remember what `envelope` found in a line, if that is all there is to its prefix."""
        if not found.host or not found.pid.isdigit() or not found.stamp or self.stamp(line) != found.stamp:
            return
        prefix, _, payload = line.partition(b": ")
        tag = prefix[self.syslog_width :]
        if payload != found.payload or decoded(tag) != f"{found.host} {found.program}[{found.pid}]" or _STAMP_GOES_ON.match(tag):
            return
        if len(self.hosts) >= _HEADS:
            self.hosts.clear()
        self.hosts[tag.partition(b"[")[0]] = found.host


@lru_cache(maxsize=64)
def native_time(written: bytes) -> str:
    """A stamp of Exim's as `dates.FileClock.resolve` reads it."""
    text = written.decode("ascii", "replace")
    return f"{text[:10]}T{text[11:].replace(' ', '')}"


@lru_cache(maxsize=64)
def believed(logged: str, own: str) -> str:
    """Of syslog's stamp and Exim's own the one that tells its zone, else Exim's, which has a year."""
    is_exact = logged.endswith("Z") or (len(own) <= _ZONELESS and ("+" in logged[_SECOND:] or "-" in logged[_SECOND:]))
    return logged if is_exact else own


def is_docker(line: bytes) -> bool:
    """Whether a line is docker's record of an entry of Exim's own log: then it has no other envelope."""
    own = _DOCKER.match(line)
    return own is not None and not BY_SYSLOG.match(line, own.end())


class Wrapped(NamedTuple):
    """An entry of Exim's own log in a container's log, or one that a log shipper sent on; `stamp` is the one to believe."""

    stamp: str
    text: bytes  # behind Exim's stamp


def unwrapped(line: bytes) -> Wrapped | None:
    """The entry in a line of docker, of Kubernetes, of their tools, or in a shipper's JSON; None if there is none."""
    if line.startswith(b"{"):
        record = loaded(line) or {}
        text = next((one for name in ("log", "message") if isinstance(one := record.get(name), str)), "").rstrip("\r\n")
        times = (one for name in ("time", "@timestamp") if isinstance(one := record.get(name), str))
        entry, outer = text.encode("utf-8", "replace"), next(times, "").encode("utf-8", "replace")
    else:
        before = _CONTAINER.match(line)
        if before is None:
            return None
        entry, outer = line[before.end() :], before["time"] or b""
    own = NATIVE.match(entry)
    return Wrapped(nearer(native_time(own[0]), stamp(outer)), entry[own.end() :]) if own else None
