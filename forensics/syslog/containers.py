"""The text that a container runtime wrapped: some servers write lines of their own form, which only their parser knows."""

from __future__ import annotations

import re

from forensics.syslog.prefixes import CONTAINER
from forensics.syslog.stamps import ISO, stamp, stamp_of
from forensics.syslog.wrapped import loaded

__all__ = ["unwrapped"]

_NEAR = 64  # bytes in which a runtime's own words stand
# the service that docker compose puts in front, in colour or not, and the pod that kubectl does
_SERVICE = re.compile(
    rb"(?:\x1b\[[0-9;]{0,16}m)?[\w.\-]{1,64} {1,64}(?:\x1b\[[0-9;]{0,16}m)?\| ?(?:\x1b\[[0-9;]{0,16}m)? ?|\[pod/[\w./\-]{1,256}\] "
)


def unwrapped(line: bytes) -> tuple[str, bytes]:
    """A runtime's time and the text that it wrapped; no time and the line itself, if it is no line of a container.

    Docker's json-file driver, the container runtimes of Kubernetes, and the prefixes of `docker compose logs` and
    `kubectl logs --prefix`. Pieces are joined before (`forms`).
    """
    if line.startswith((b'{"log":', b'{"log" :')):
        record = loaded(line) or {}
        text, time = record.get("log"), record.get("time")
        if isinstance(text, str) and "stream" in record:
            at = stamp(time.encode("utf-8", "replace")) if isinstance(time, str) else ""
            return at, text.rstrip("\r\n").encode("utf-8", "replace")
        return "", line
    if line.find(b" std", 0, _NEAR) >= 0 and (written := ISO.match(line)) and (behind := CONTAINER.match(line, written.end())):
        return stamp_of(written), line[behind.end() :]
    service = _SERVICE.match(line) if line.find(b" |", 0, _NEAR) >= 0 or line.startswith(b"[pod/") else None
    return ("", line[service.end() :]) if service else ("", line)
