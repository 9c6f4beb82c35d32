"""Child programs with limits: evidence goes in by a file or pipe, a result comes out, nothing else passes."""

from __future__ import annotations

import atexit
import gc
import math
import os
import re
import resource
import runpy
import selectors
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

__all__ = ["Result", "python_program", "read_limited", "run_limited"]

_BLOCK = 64 << 10
_ERROR_BYTES = 16 << 10
_OPEN_FILES = 64
_START = 30.0  # seconds beyond a document's own that a kept child may take: it imports its program for the first one
_REQUEST = struct.Struct("!QdQQ")  # bytes of memory, seconds, bytes of output, bytes of the document, which follows
_ANSWER = struct.Struct("!?QQ")  # whether it went well, bytes of output, bytes of the error; both follow
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
        assert child.stdout is not None
        assert child.stderr is not None
        with child.stdout, child.stderr:
            try:
                said, errors, limit = _listen(child.stdout.fileno(), child.stderr.fileno(), child.poll, seconds, output)
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
                code = child.wait()
    return _result(said, errors, limit, code)


def _nameless_file() -> IO[bytes]:
    """A file without a name; in memory where the system can, so that evidence does not touch the disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("evidence"), "w+b")
    return tempfile.TemporaryFile()


def _listen(
    said_end: int, error_end: int, poll: Callable[[], int | None], seconds: float, output: int, caller: int | None = None
) -> tuple[bytes, bytes, str]:
    """Output and errors of a child until it closes both and ends, and the limit that it hit, or "".

    Where the file number `caller` becomes readable, whoever asked is gone.
    """
    said, errors = bytearray(), bytearray()
    ends = time.monotonic() + seconds
    late = f"over the limit of {seconds:g} seconds"
    with selectors.DefaultSelector() as selector:
        for number in (said_end, error_end):
            selector.register(number, selectors.EVENT_READ)
        if caller is not None:
            selector.register(caller, selectors.EVENT_READ)
        while said_end in selector.get_map() or error_end in selector.get_map():
            left = ends - time.monotonic()
            if left <= 0:
                return bytes(said), bytes(errors), late
            for key, _ in selector.select(left):
                if key.fd == caller:
                    return b"", b"", "nobody asks any more"
                block = os.read(key.fd, _BLOCK)
                if not block:
                    selector.unregister(key.fd)
                elif key.fd == said_end:
                    said += block
                else:
                    errors += block[: _ERROR_BYTES - len(errors)]
            if len(said) > output:
                return bytes(said[:output]), bytes(errors), f"over the limit of {output} bytes of output"
    pause = 0.0001
    while poll() is None:
        if time.monotonic() > ends:
            return bytes(said), bytes(errors), late
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return bytes(said), bytes(errors), ""


def _result(said: bytes, errors: bytes, limit: str, code: int) -> Result:
    if limit or code != 0:
        return Result(ok=False, output=said, error=limit or _reason(code, errors))
    return Result(ok=True, output=said)


def _reason(code: int, errors: bytes) -> str:
    """The class name below a traceback's frames, or how the child ended; never its message, which may quote evidence."""
    if code < 0:
        return "over the limit of processor time" if -code in {signal.SIGXCPU, signal.SIGKILL} else f"ended by signal {-code}"
    _, traceback, frames = errors.decode("utf-8", "replace").partition("Traceback (most recent call last):\n")
    # frames are indented; the first line that is not has the class, and a message of several lines comes after it
    line = next((line for line in frames.splitlines() if not line.startswith(" ")), "") if traceback else ""
    named = _EXCEPTION.fullmatch(line)
    return named[1] if named else f"exit code {code}"


def _limit(memory: int, seconds: int) -> None:
    """Give this process its limits, for good. Runs in a child only."""
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # a lower limit is set already, or the system does not know this one
            resource.setrlimit(kind, (value, value))


# ------------------------------------------------------------------------------------------------------- kept children


def read_limited(program: Path, data: bytes, *, memory: int, seconds: float, output: int = 64 << 20) -> Result:
    """What the function `read(data: bytes) -> bytes` of a Python file says of one document; at most `output` bytes of it.

    A child that is kept has imported the file, and forks for every document: start and import are paid for once, yet
    each document is read in a fresh process with limits as of `run_limited`, and nothing of one passes to the next. The
    child ends with this process, however that ends. If it dies, that costs the document at hand; the next one gets a
    new child. One document at a time; threads wait for each other. Never raises for what the child does.
    """
    return _CHILDREN.read(program, (_REQUEST.pack(memory, seconds, output, len(data)), data), seconds)


@dataclass(slots=True)
class _Children:
    """The children that this process keeps, by their program."""

    running: dict[Path, subprocess.Popen[bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, program: Path, request: tuple[bytes, bytes], seconds: float) -> Result:
        with self.lock:
            child = self.running.get(program)
            if child is not None and child.poll() is not None:
                self.end(program)
                child = None
            if child is None:
                child = self.running[program] = _kept(program)
            answer: Result | None = None
            try:
                answer = _asked(child, request, time.monotonic() + seconds + _START)
            finally:
                if answer is None:  # out of step, or dead
                    self.end(program)
        return answer or Result(ok=False, output=b"", error="its process ended")

    def end(self, program: Path) -> None:
        """Close a child's input, which ends it and the document that it reads; kill it where it does not."""
        child = self.running.pop(program)
        assert child.stdin is not None
        assert child.stdout is not None
        with child.stdin, child.stdout:
            pass
        with suppress(subprocess.TimeoutExpired):
            child.wait(1)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def end_all(self) -> None:
        for program in list(self.running):
            self.end(program)

    def forget(self) -> None:
        """After a fork the children are the parent's: they may neither be used here nor kept alive by our copies of their pipes."""
        for child in self.running.values():
            child.returncode = 0
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    stream.close()
        self.running.clear()
        self.lock = threading.Lock()


_CHILDREN = _Children()
atexit.register(_CHILDREN.end_all)
os.register_at_fork(after_in_child=_CHILDREN.forget)


def _kept(program: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(  # noqa: S603  our own program, no shell
        [*python_program(Path(__file__).resolve()), "serve", str(program)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
        env={}, cwd="/", close_fds=True, start_new_session=True,
    )  # fmt: skip
    assert child.stdin is not None
    os.set_blocking(child.stdin.fileno(), False)
    return child


def _asked(child: subprocess.Popen[bytes], request: tuple[bytes, bytes], ends: float) -> Result | None:
    """Write the request, read the answer, both as fast as the child takes and gives; None if it ends or is late."""
    assert child.stdin is not None
    assert child.stdout is not None
    pending, said, wanted = [memoryview(piece) for piece in request], bytearray(), _ANSWER.size
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdin, selectors.EVENT_WRITE)
        selector.register(child.stdout, selectors.EVENT_READ)
        while len(said) < wanted:
            events = selector.select(ends - time.monotonic())
            if not events:
                return None
            for key, _ in events:
                if key.fileobj is child.stdout:
                    if not (block := os.read(key.fd, _BLOCK)):
                        return None
                    said += block
                elif not _written(key.fd, pending):
                    return None
                elif not pending:
                    selector.unregister(child.stdin)
            if wanted == _ANSWER.size <= len(said):
                wanted += sum(_ANSWER.unpack_from(said)[1:])
    ok, length, _ = _ANSWER.unpack_from(said)
    error = said[_ANSWER.size + length :].decode("utf-8", "replace")
    return Result(ok=ok, output=bytes(said[_ANSWER.size : _ANSWER.size + length]), error=error)


def _written(number: int, pending: list[memoryview]) -> bool:
    """Write a piece of what is pending; whether the reader is still there."""
    try:
        pending[0] = pending[0][os.write(number, pending[0]) :]
    except BlockingIOError:
        return True
    except OSError:
        return False
    while pending and not pending[0]:
        pending.pop(0)
    return True


# What follows runs in the kept child only.


def _serve(program: str) -> None:
    """Answer requests until nobody asks any more. This process never looks into a document."""
    read: Callable[[bytes], bytes] = runpy.run_path(program)["read"]
    gc.freeze()  # the collector of a fork need not touch what all forks share
    while len(head := _taken(_REQUEST.size)) == _REQUEST.size:
        memory, seconds, output, length = _REQUEST.unpack(head)
        document = _taken(length)
        if len(document) < length:
            return
        result = _forked(read, document, memory, seconds, output)
        error = result.error.encode()
        for piece in (_ANSWER.pack(result.ok, len(result.output), len(error)), result.output, error):
            _give(1, piece)


def _taken(length: int) -> bytes:
    """So many bytes of the input, or what there is until its end."""
    taken = bytearray()
    while len(taken) < length and (block := os.read(0, min(length - len(taken), 1 << 20))):
        taken += block
    return bytes(taken)


def _give(number: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(number, left) :]


def _forked(read: Callable[[bytes], bytes], document: bytes, memory: int, seconds: float, output: int) -> Result:
    """Read a document in a process of its own, which is killed at the end with all that it started."""
    (said, says), (errors, errs) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        _read_alone(read, document, (says, errs), memory, seconds)
    with suppress(OSError):
        os.setpgid(child, child)  # here and there: whoever comes first
    os.close(says)
    os.close(errs)
    code: list[int] = []

    def poll() -> int | None:
        if not code and (status := os.waitpid(child, os.WNOHANG))[0]:
            code.append(os.waitstatus_to_exitcode(status[1]))
        return code[0] if code else None

    try:
        heard = _listen(said, errors, poll, seconds, output, caller=0)
    finally:
        os.close(said)
        os.close(errors)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        if not code:
            code.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return _result(*heard, code[0])


def _read_alone(read: Callable[[bytes], bytes], document: bytes, ends: tuple[int, int], memory: int, seconds: float) -> None:
    """Become the process of one document: no way to the caller but the two pipes, and limits. Never returns."""
    code = 1
    try:
        with suppress(OSError):
            os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        for number, end in enumerate(ends, 1):
            os.dup2(end, number)
        os.closerange(3, _OPEN_FILES)
        _limit(memory, math.ceil(seconds) + 1)
        signal.alarm(math.ceil(seconds) + 1)  # its end even where whoever should kill it was killed first
        _give(1, read(document))
        code = 0
    except BaseException:  # noqa: BLE001  told by its class, whatever it is
        traceback.print_exc(limit=-1, chain=False)
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__" and sys.argv[1] == "serve":
    _serve(sys.argv[2])
elif __name__ == "__main__":
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    os.execve(sys.argv[3], sys.argv[3:], {})  # noqa: S606  no shell on purpose
