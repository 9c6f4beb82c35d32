"""Child programs with limits: evidence goes in by stdin, a result comes out, nothing else passes."""

from __future__ import annotations

import math
import os
import re
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

__all__ = ["Result", "python_program", "run_limited"]

_BLOCK = 64 << 10
_ERROR_BYTES = 16 << 10
_OPEN_FILES = 64
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w{0,60}\.){0,6}([A-Za-z_]\w{0,80})(?::.*)?")


@dataclass(frozen=True, slots=True)
class Result:
    """What a child program said: `output` may be incomplete unless `ok`; `error` names a class or a limit, no evidence."""

    ok: bool
    output: bytes = field(repr=False)
    error: str = ""


def python_program(path: Path) -> tuple[str, ...]:
    """The command that runs a Python file alone: no user site, no environment, no byte code written."""
    return (sys.executable, "-I", "-B", "-X", "utf8", str(path))


def run_limited(command: Sequence[str], data: bytes, *, memory: int, seconds: float, output: int = 64 << 20) -> Result:
    """Run a command (its program as absolute path) on `data` and return at most `output` bytes of what it writes.

    The child has `memory` bytes of address space, `seconds` of processor and wall time, an empty environment, no files
    of ours, may write none, and runs in a session of its own that is killed at the end, grandchildren included. The
    limits are set by this module's own file as a launcher, not between fork and exec: our process may have threads.
    Never raises for what the child does; OSError if no process can be started at all.
    """
    launcher = (sys.executable, "-I", "-S", "-B", str(Path(__file__).resolve()), str(memory), str(math.ceil(seconds) + 1))
    with _nameless_file() as source:  # a file, not a pipe: a child that never reads cannot block us
        source.write(data)
        source.seek(0)
        child = subprocess.Popen(  # noqa: S603  a fixed program, no shell
            [*launcher, *command], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={}, cwd="/", close_fds=True, start_new_session=True,
        )  # fmt: skip
        try:
            said, errors, limit = _listen(child, seconds, output)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            code = child.wait()
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()
    if limit:
        return Result(ok=False, output=said, error=limit)
    if code != 0:
        return Result(ok=False, output=said, error=_reason(code, errors))
    return Result(ok=True, output=said)


def _nameless_file() -> IO[bytes]:
    """A file without a name; in memory where the system can, so that evidence does not touch the disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("evidence"), "w+b")
    return tempfile.TemporaryFile()


def _listen(child: subprocess.Popen[bytes], seconds: float, output: int) -> tuple[bytes, bytes, str]:
    """Output and errors of the child until it closes both, and the limit that it hit, or ""."""
    assert child.stdout is not None
    assert child.stderr is not None
    said, errors = bytearray(), bytearray()
    ends = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        selector.register(child.stderr, selectors.EVENT_READ)
        while selector.get_map():
            left = ends - time.monotonic()
            if left <= 0:
                return bytes(said), bytes(errors), f"over the limit of {seconds:g} seconds"
            for key, _ in selector.select(left):
                block = os.read(key.fd, _BLOCK)
                if not block:
                    selector.unregister(key.fileobj)
                elif key.fileobj is child.stdout:
                    said += block
                else:
                    errors += block[: _ERROR_BYTES - len(errors)]
            if len(said) > output:
                return bytes(said[:output]), bytes(errors), f"over the limit of {output} bytes of output"
    with suppress(subprocess.TimeoutExpired):
        child.wait(max(ends - time.monotonic(), 0))
    if child.poll() is None:
        return bytes(said), bytes(errors), f"over the limit of {seconds:g} seconds"
    return bytes(said), bytes(errors), ""


def _reason(code: int, errors: bytes) -> str:
    """The class name below a traceback's frames, or how the child ended; never its message, which may quote evidence."""
    if code < 0:
        return "over the limit of processor time" if -code in {signal.SIGXCPU, signal.SIGKILL} else f"ended by signal {-code}"
    _, traceback, frames = errors.decode("utf-8", "replace").partition("Traceback (most recent call last):\n")
    # frames are indented; the first line that is not has the class, and a message of several lines comes after it
    line = next((line for line in frames.splitlines() if not line.startswith(" ")), "") if traceback else ""
    named = _EXCEPTION.fullmatch(line)
    return named[1] if named else f"exit code {code}"


def _launch(memory: int, seconds: int, command: list[str]) -> None:
    """Give this process its limits and become the command. Runs in the child only."""
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # a lower limit is set already, or the system does not know this one
            resource.setrlimit(kind, (value, value))
    os.execve(command[0], command, {})  # noqa: S606  no shell on purpose


if __name__ == "__main__":
    _launch(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
