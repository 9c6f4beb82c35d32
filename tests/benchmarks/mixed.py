"""A whole audit of mixed evidence whose sources tell of the same messages, beside what a person would chain by hand."""

from __future__ import annotations

import os
import random
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.cases import ROOT, SEED
from benchmarks.corpus import INDICATOR, mixed_mbox, postfix_log, postmark_ndjson
from benchmarks.corpus.writing import START
from benchmarks.measuring import ChildError
from benchmarks.programs import at_hand

__all__ = ["CPU_SECONDS", "WORKER_MEMORY", "Evidence", "Hand", "Mixed", "disagreements", "mixed", "told", "write_mixed"]

CPU_SECONDS = 40.0  # a gigabyte, aimed at
WORKER_MEMORY = 600e6  # bytes, aimed at
_SHARES = {"mail": 0.6, "log": 0.3, "webhooks": 0.1}  # of all bytes
_SAMPLE = 15  # megabytes of mail that are enough for who is slow
_HEAD = re.compile(rb"^From (\S+) [^\n]*\n(?:[^\n]+\n)*?Message-ID: <([^>\n]+)>\n", re.MULTILINE)
_TOLD = 4  # one mail in so many was sent through the provider's API
_GLANCE = 0.5  # seconds between two looks at memory, which take time from what is measured; peaks are the kernel's own


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was written: the folder, its bytes, how many mails the mailbox holds, how many messages and hidden copies all sources tell of."""

    folder: Path
    size: int
    mails: int
    messages: int
    hidden: int


@dataclass(frozen=True, slots=True)
class Hand:
    """One program of the chain: CPU seconds for all the evidence that it is for, and for how many bytes it was measured."""

    name: str
    cpu: float
    measured: int


@dataclass(frozen=True, slots=True)
class Mixed:
    """One audit: evidence in bytes, workers, CPU (user and system) and wall seconds, peak resident bytes of the main process and of
    the greediest worker, bytes of the case, wall seconds of each step, what it found, and CPU seconds of the same audit in one process.
    """

    size: int
    workers: int
    cpu: float
    wall: float
    main_peak: int
    worker_peak: int
    case_size: int
    steps: dict[str, float]
    messages: int
    exposed: int
    credentials: int
    hidden: int
    load: float
    alone: float
    hand: tuple[Hand, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def by_hand(self) -> float:
        """CPU seconds of the chain."""
        return sum(one.cpu for one in self.hand)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "megabytes": round(self.size / 1e6),
            "workers": self.workers,
            "cpu_seconds": round(self.cpu, 2),
            "cpu_seconds_a_gigabyte": round(self.cpu / self.size * 1e9, 1),
            "cpu_seconds_in_one_process": round(self.alone, 2),
            "wall_seconds": round(self.wall, 2),
            "peak_bytes": {"main": self.main_peak, "worker": self.worker_peak},
            "case_bytes": self.case_size,
            "steps_wall_seconds": {name: round(seconds, 2) for name, seconds in self.steps.items()},
            "found": {"messages": self.messages, "exposed": self.exposed, "credentials": self.credentials},
            "load": self.load,
            "by_hand": [
                {"name": one.name, "cpu_seconds": round(one.cpu, 2), "measured_bytes": one.measured} for one in self.hand
            ],
            "not_run": list(self.missing),
        }


def write_mixed(folder: Path, megabytes: float) -> Evidence:
    """A mailbox, a relay's log and a provider's webhooks; the log and the webhooks begin with the mails of the mailbox."""
    (folder / "mail").mkdir(parents=True)
    (folder / "relay").mkdir()
    (folder / "provider").mkdir()
    mailbox = folder / "mail" / "archive.mbox"
    mails, _ = mixed_mbox(mailbox, megabytes * _SHARES["mail"], SEED, 5_000_000)
    rng = random.Random(SEED)
    own = hidden = 0
    with (folder / "relay" / "mail.log").open("w") as log, (folder / "provider" / "own.ndjson").open("w") as hooks:
        for number, (sender, key, is_hit) in enumerate(_heads(mailbox)):
            is_hidden = is_hit or number % 50 == 7  # one in fifty: enough content to count
            log.write(_lines(rng, number, sender, key, is_hidden=is_hidden))
            if number % _TOLD == 0:
                hooks.write(_hook(rng, number))
            own, hidden = own + 1, hidden + is_hidden
    spare = {
        name: megabytes * share - _megabytes(folder / place)
        for (name, share), place in zip(_SHARES.items(), ("mail", "relay", "provider"), strict=True)
    }
    others = [
        postfix_log(folder / "relay" / "others.log", max(spare["log"], 0.1), SEED),
        postmark_ndjson(folder / "provider" / "others.ndjson", max(spare["webhooks"], 0.1), SEED),
    ]
    size = sum(place.stat().st_size for place in folder.rglob("*") if place.is_file())
    assert own == mails.messages, "each mail has a Message-ID"
    return Evidence(folder, size, own, own + sum(one.messages for one in others), hidden + sum(one.hits for one in others))


def _megabytes(folder: Path) -> float:
    return sum(place.stat().st_size for place in folder.iterdir()) / 1e6


def _heads(mailbox: Path) -> Iterator[tuple[str, str, bool]]:
    """Sender and Message-ID of each mail, in order, and whether its own header names the indicator."""
    with mailbox.open("rb") as stream:
        head: list[bytes] = []
        for line in stream:
            if line.startswith(b"From ") or head:
                head.append(line)
                if line == b"\n":
                    found = _HEAD.match(b"".join(head))
                    if found:
                        yield found[1].decode(), found[2].decode(), f"Bcc: {INDICATOR}\n".encode() in head
                    head = []


def _lines(rng: random.Random, number: int, sender: str, key: str, *, is_hidden: bool) -> str:
    """How a relay logs one mail that an application hands in."""
    at = START + timedelta(seconds=number)
    head = f"{at:%b} {at.day:2d} {at:%H:%M:%S} mx2 postfix/"
    queue, pid = f"{number:010X}", rng.randrange(1000, 30000)
    to = [f"reader{number}@customer.example", *([INDICATOR] if is_hidden else [])]
    lines = [
        f"smtpd[{pid}]: {queue}: client=app1.acme.example[192.0.2.10], sasl_method=PLAIN, sasl_username=svc",
        f"cleanup[{pid + 1}]: {queue}: message-id=<{key}>",
        f"qmgr[811]: {queue}: from=<{sender}>, size={rng.randrange(900, 90000)}, nrcpt={len(to)} (queue active)",
        *(
            f"smtp[{pid + 2}]: {queue}: to=<{one}>, relay=mx.{one.partition('@')[2]}[192.0.2.25]:25, delay=0.9, delays=0.1/0.01/0.3/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {rng.getrandbits(40):010X})"
            for one in to
        ),
        f"qmgr[811]: {queue}: removed",
    ]
    return "".join(f"{head}{line}\n" for line in lines)


def _hook(rng: random.Random, number: int) -> str:
    """The provider's word on a mail of an own stream; it has no Message-ID of ours, as in life."""
    at = START + timedelta(seconds=number)
    return (
        f'{{"RecordType":"Delivery","ServerID":4711001,"MessageStream":"outbound","MessageID":"{rng.getrandbits(32):08x}-0000-4000-8000-{number:012x}",'
        f'"Recipient":"reader{number}@customer.example","Tag":"","DeliveredAt":"{at:%Y-%m-%dT%H:%M:%S}.0000000Z",'
        f'"Details":"smtp;250 2.0.0 OK queued as {rng.getrandbits(40):010X}","Metadata":{{}}}}\n'
    )


# --- the audit -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Memory:
    """Peaks of a program and of everything below it, looked at now and then."""

    program: int
    peaks: dict[int, int] = field(default_factory=dict)

    def look(self) -> None:
        parents: dict[int, int] = {}
        for place in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, ValueError, IndexError):
                parents[int(place.parent.name)] = int(place.read_text(errors="replace").rpartition(")")[2].split()[1])
        below = {self.program}
        while more := {one for one, parent in parents.items() if parent in below} - below:
            below |= more
        for one in below:
            with suppress(OSError, StopIteration, ValueError):
                status = Path(f"/proc/{one}/status").read_text(errors="replace")
                self.peaks[one] = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))


def _audited(evidence: Evidence, out: Path, workers: int) -> Mixed:
    """One run of the command, watched from outside. Raises ChildError."""
    command = [
        sys.executable, "-m", "forensics", "audit", str(evidence.folder), "--incident", "postmark-mcp", "--own-domain", "acme.example",
        "--year", "2025", "--workers", str(workers), "--out", str(out),
    ]  # fmt: skip
    load, begun = os.getloadavg()[0], time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    memory, steps, said = _Memory(child.pid), {"start": begun}, []
    assert child.stderr is not None

    def listen(lines: Any) -> None:
        for line in lines:
            said.append(line)
            if line.rstrip().endswith("..."):
                steps[line.rstrip(" .\n")] = time.perf_counter()

    listener = threading.Thread(target=listen, args=(child.stderr,))
    listener.start()
    while True:
        ended, status, usage = os.wait4(child.pid, os.WNOHANG)
        if ended:
            break
        memory.look()
        time.sleep(_GLANCE)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    listener.join()
    child.stderr.close()
    if child.returncode:
        msg = f"mixed: the audit ended with {child.returncode}: {(said or ['no word'])[-1].strip()}"
        raise ChildError(msg)
    names, starts = list(steps), [*steps.values(), begun + wall]
    return Mixed(
        evidence.size, workers, usage.ru_utime + usage.ru_stime, wall, memory.peaks.pop(child.pid, 0), max(memory.peaks.values(), default=0),
        sum(place.stat().st_size for place in out.rglob("*") if place.is_file()),
        {name: starts[place + 1] - starts[place] for place, name in enumerate(names)}, *_found(out), evidence.hidden, round(load, 2), usage.ru_utime + usage.ru_stime,
    )  # fmt: skip


def _found(out: Path) -> tuple[int, int, int]:
    from forensics.case import Case

    counts = Case.open(out).summary["counts"]
    return counts["messages"], counts["exposed_messages"], counts["credentials"]


# --- by hand -------------------------------------------------------------------------------------------------------------


def _by_hand(
    evidence: Evidence, temporary: Path, note: Callable[[str], object], *, install: bool
) -> tuple[list[Hand], list[str]]:
    """What a person would chain: a parser over the mailbox, a summary of the log, a scanner over every mail as a file of its own."""
    from benchmarks.leaks import peers as scanners
    from benchmarks.peers import PEERS

    done, missing = [], []
    mailbox = evidence.folder / "mail" / "archive.mbox"
    sample = temporary / "sample.mbox"
    mails = _first_mails(mailbox, sample)
    scale = mailbox.stat().st_size / sample.stat().st_size
    note("mixed: by hand, mail-parser")
    done.append(
        Hand(
            "mail-parser over the mailbox",
            _cpu_of(lambda: PEERS["mail-parser"](sample, INDICATOR)) * scale,
            sample.stat().st_size,
        )
    )
    logs = sorted((evidence.folder / "relay").iterdir())
    if at_hand("pflogsumm", "pflogsumm", install=install):
        note("mixed: by hand, pflogsumm")
        cpu = sum(_cpu_of(lambda one=one: PEERS["pflogsumm"](one, "")) for one in logs)  # type: ignore[misc]
        done.append(Hand("pflogsumm over the log", cpu, sum(one.stat().st_size for one in logs)))
    else:
        missing.append("pflogsumm is not installed")
    cache = ROOT / "build" / "bench-leaks"
    scanner = next(one for one in scanners.PEERS if one.program == "kingfisher")
    reason = (
        scanners.installed(cache, note)[scanner.program]
        if install or (cache / "peers").exists()
        else "kingfisher is not installed"
    )
    if not reason:
        note("mixed: by hand, kingfisher")
        scanners.write_mails(temporary / "mails", mails)
        run = scanners.peer_run(scanner, cache, temporary / "mails", len(mails))
        reason = run.error
        if not reason:
            done.append(Hand("kingfisher over each mail as a file", run.cpu * scale, sample.stat().st_size))
    return done, missing + ([reason] if reason else [])


def _first_mails(mailbox: Path, sample: Path) -> list[bytes]:
    """The first mails of the mailbox, also written to `sample`."""
    with mailbox.open("rb") as stream:
        data = stream.read(_SAMPLE * 1_000_000)
    starts = [match.start() for match in re.finditer(rb"^From \S+ \w{3} \w{3} ", data, re.MULTILINE)]
    whole = data[: starts[-1]] if len(starts) > 1 and len(data) == _SAMPLE * 1_000_000 else data
    sample.write_bytes(whole)
    ends = [*(one for one in starts[1:] if one <= len(whole)), len(whole)]
    return [whole[start:end] for start, end in zip(starts, ends, strict=False)]


def _cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of some work, programs that it runs included."""

    def spent() -> float:
        return sum(
            one.ru_utime + one.ru_stime for one in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )

    before = spent()
    work()
    return spent() - before


# --- both ----------------------------------------------------------------------------------------------------------------


def mixed(megabytes: float, temporary: Path, note: Callable[[str], object], *, install: bool = False, workers: int = 0) -> Mixed:
    """Evidence of so many megabytes (10^6), audited once, and the chain beside it. Raises ChildError, OSError."""
    note(f"mixed: writing {megabytes:g} MB")
    evidence = write_mixed(temporary / "evidence", megabytes)
    workers = workers or len(os.sched_getaffinity(0))
    note("mixed: the audit")
    found = _audited(evidence, temporary / "case", workers)
    if workers > 1:  # two threads of one core cost more together than apart: the programs beside run alone too
        note("mixed: the audit in one process")
        found = replace(found, alone=_audited(evidence, temporary / "alone", 1).cpu)
    hand, missing = _by_hand(evidence, temporary, note, install=install)
    return replace(found, hand=tuple(hand), missing=tuple(missing))


def told(one: Mixed) -> list[str]:
    """Sentences for people."""
    gigabytes = one.size / 1e9
    lines = [
        f"mixed, {gigabytes:.2f} GB, {one.messages:,} messages, {one.exposed:,} of them exposed, {one.workers} workers, load before: {one.load}",
        f"{one.cpu:.1f} CPU s, {one.cpu / gigabytes:.1f} a GB (target {CPU_SECONDS:g}); {one.wall:.1f} s by the clock; in one process, as the programs below, {one.alone:.1f} CPU s",
        f"peak: main process {one.main_peak / 1e6:.0f} MB, worker {one.worker_peak / 1e6:.0f} MB (target {WORKER_MEMORY / 1e6:.0f}); the case takes {one.case_size / 1e6:.0f} MB",
        "steps by the clock: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in one.steps.items()),
    ]
    if one.hand:
        chain = " + ".join(f"{part.name} {part.cpu:.1f}" for part in one.hand)
        lines.append(
            f"by hand: {chain} = {one.by_hand:.1f} CPU s; the audit takes x {one.alone / one.by_hand:.2f} of that in one process, x {one.cpu / one.by_hand:.2f} in {one.workers}"
        )
    return [*lines, *one.missing]


def disagreements(one: Mixed) -> list[str]:
    """What does not fit: an audit that did not find what was planted."""
    return (
        []
        if one.exposed == one.hidden
        else [f"mixed: {one.exposed} messages are exposed; {one.hidden} hidden copies were planted"]
    )
