"""How fast the readers are and how much memory they take, beside a plain reader of the same file.

Every measurement is a process of its own, so that peak memory is its own; contestants alternate, after one round that is not
counted. CPU seconds (user and system) are those of the work alone: the start of the interpreter and imports do not count.
What each one found is compared, so that no figure is that of a reader that reads nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INDICATOR = "phan@giftshop.club"
SAMPLE = ROOT / "sample_logs" / "incident"
SCHEMA_VERSION = 1
SEED = 20250917
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of evidence: the generator in `corpus`, the parser that reads it, and the peer beside it; "" for none."""

    name: str
    corpus: str
    parser: str
    peer: str


CASES = (
    Case("postfix-log", "postfix_log", "postfix", "postfix"),
    Case("list-mbox", "list_mbox", "mbox", "mbox"),
    Case("attachment-mbox", "attachment_mbox", "mbox", "mbox"),
    Case("postmark-ndjson", "postmark_ndjson", "postmark", "ndjson"),
    Case("postmark-search", "postmark_search", "postmark", "document"),
    Case("sample-incident", "", "", ""),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run in its own process: CPU seconds, peak resident memory in bytes, and what was found."""

    cpu: float
    peak: int
    messages: int
    hits: int
    defects: int


# --- in the child: the work ------------------------------------------------------------------------------------------------

Found = tuple[int, int, int]  # messages, those addressed to the indicator, defects
Work = Callable[[], Callable[[], Found]]  # what is measured gives what is not: the count of what it left behind


def _reading(case: Case, path: Path) -> Work:
    """Our parser alone: every record is made and let go."""
    from forensics.evidence import Item, Member, MemberSource, open_read_only
    from forensics.model import Defect, Fragment, Span
    from forensics.pipeline.first_pass import parsers

    parser = parsers()[case.parser]
    item = Item(path.name, path, path.stat().st_size, "0" * 64)
    source = MemberSource(Span(item.id, "", 0, -1), Member(item, "", lambda: open_read_only(path), item.size))

    def work() -> Callable[[], Found]:
        messages = hits = defects = 0
        for record in parser.read(source):
            if isinstance(record, Fragment):
                messages += 1
                hits += any(one.address == INDICATOR for one in record.observation.recipients)
            elif isinstance(record, Defect):
                defects += 1
        return lambda: (messages, hits, defects + len(source.problems))

    return work


def _tables(case: Case, path: Path, scratch: Path) -> Work:
    """What pass one of an audit does with the file: hash, sniff, cut into spans, parse, redact, write Parquet parts."""
    import pyarrow.parquet as pq

    from forensics.evidence import SPAN, Item, hashed
    from forensics.model import Defect
    from forensics.pipeline.first_pass import parse_batch, parsers, plan

    in_pieces = parsers()[case.parser].assemble is not None  # pieces of a message that a span's end cut share its key

    def work() -> Callable[[], Found]:
        item = hashed(path.name, path)
        if not isinstance(item, Item):
            return lambda: (0, 0, 1)
        batches = list(plan(scratch, b"k" * 32, [item], SPAN))
        receipts = [parse_batch(batch) for batch in batches if not isinstance(batch, Defect)]

        def count() -> Found:
            messages, hits = set(), set()
            for part in sorted(scratch.glob("fragments/*.parquet")):
                for rows in pq.ParquetFile(part).iter_batches(columns=["key", "start", "recipients"]):
                    for row in rows.to_pylist():
                        identity = row["key"] if in_pieces else row["start"]
                        messages.add(identity)
                        if any(one["address"] == INDICATOR for one in row["recipients"]):
                            hits.add(identity)
            return len(messages), len(hits), sum(receipt.defects for receipt in receipts) + len(batches) - len(receipts)

        return count

    return work


def _peer(case: Case, path: Path) -> Work:
    from benchmarks.peers import PEERS

    reader = PEERS[case.peer]

    def work() -> Callable[[], Found]:
        counted = reader(path, INDICATOR)
        return lambda: (counted.messages, counted.hits, 0)

    return work


def _audit(path: Path, scratch: Path) -> Work:
    """The whole audit of a folder, in one process: evidence to reports."""
    import forensics
    from forensics.pipeline.executor import Serial

    def work() -> Callable[[], Found]:
        case = forensics.audit(
            path, out=scratch / "case", incident="postmark-mcp", policy=path / "policy.toml", executor=Serial()
        )

        def count() -> Found:
            exposed = case.read("exposed_messages")
            confirmed = int((exposed["verdict"] == "confirmed").sum())
            return len(exposed), confirmed, len(case.read("defects"))

        return count

    return work


def _cpu() -> float:
    """User and system seconds of this process and of its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _peak() -> int:
    """Peak resident bytes of this program alone: Linux's ru_maxrss also holds that of the process which started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak << 10


def child(name: str, contestant: str, path: Path, scratch: Path) -> Measured:
    """Do one contestant's work here and measure it; `scratch` is an empty folder for what it writes."""
    case = next(one for one in CASES if one.name == name)
    makers: Mapping[str, Callable[[], Work]] = {
        "read": lambda: _reading(case, path), "tables": lambda: _tables(case, path, scratch),
        "peer": lambda: _peer(case, path), "audit": lambda: _audit(path, scratch),
    }  # fmt: skip
    work = makers[contestant]()
    before = _cpu()
    count = work()
    cpu, peak = _cpu() - before, _peak()
    return Measured(cpu, peak, *count())


# --- in the parent: rounds -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """All counted rounds of one contestant over one file; `ratio` is the peer's CPU time by its own, round by round."""

    case: str
    contestant: str
    size: int
    messages: int
    hits: int
    defects: int
    cpu: tuple[float, ...]
    peak: int
    ratio: float | None

    @property
    def speeds(self) -> tuple[float, float, float]:
        """Megabytes (10^6) a CPU second: median, least, most."""
        speeds = [self.size / 1e6 / max(seconds, 1e-3) for seconds in self.cpu]
        return statistics.median(speeds), min(speeds), max(speeds)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        median, least, most = self.speeds
        shown = asdict(self) | {"cpu_seconds": [round(one, 4) for one in self.cpu], "peak_bytes": self.peak, "bytes": self.size}
        shown["megabytes_per_cpu_second"] = {"median": round(median, 2), "min": round(least, 2), "max": round(most, 2)}
        shown["ratio"] = None if self.ratio is None else round(self.ratio, 2)
        return {name: value for name, value in shown.items() if name not in {"cpu", "peak", "size"}}


class ChildError(RuntimeError):
    """A contestant's process failed; the message ends with what it said last."""


def measure(case: Case, contestant: str, path: Path, temporary: Path) -> Measured:
    """One run in a fresh process with a scratch folder below `temporary`. Raises ChildError."""
    with tempfile.TemporaryDirectory(dir=temporary) as scratch:
        command = [sys.executable, str(Path(__file__).resolve()), "--child", case.name, contestant, str(path), scratch]
        environment = os.environ | {"PYTHONHASHSEED": "0", "TMPDIR": str(temporary)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        msg = f"{case.name}, {contestant}: exit code {done.returncode}: {last}"
        raise ChildError(msg)
    return Measured(**json.loads(done.stdout))


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: megabytes (10^6 bytes) of each kind of evidence, rounds that count, and rounds before that do not."""

    megabytes: float
    rounds: int
    warm_ups: int


def rounds(case: Case, path: Path, size: Size, temporary: Path, note: Callable[[str], object]) -> list[Result]:
    """Warm-ups, then rounds of all contestants in turn: whatever else the machine does strikes each of them alike."""
    contestants = ("read", "tables", "peer") if case.corpus else ("audit",)
    runs: dict[str, list[Measured]] = {one: [] for one in contestants}
    for number in range(1 - size.warm_ups, size.rounds + 1):
        for one in contestants:
            note(f"{case.name}: {one}, {f'round {number} of {size.rounds}' if number > 0 else 'warm-up'}")
            run = measure(case, one, path, temporary)
            if number > 0:
                runs[one].append(run)
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    read = sum(one.stat().st_size for one in files)
    return [_result(case, one, read, done, runs.get("peer")) for one, done in runs.items()]


def _result(case: Case, contestant: str, size: int, runs: Sequence[Measured], peer: Sequence[Measured] | None) -> Result:
    ratio = None
    if peer and contestant != "peer":
        ratio = statistics.median(theirs.cpu / max(ours.cpu, 1e-3) for ours, theirs in zip(runs, peer, strict=True))
    last = runs[-1]
    cpu, peak = tuple(run.cpu for run in runs), max(run.peak for run in runs)
    return Result(case.name, contestant, size, last.messages, last.hits, last.defects, cpu, peak, ratio)


def disagreements(results: Sequence[Result], written: int) -> list[str]:
    """What does not fit together in one case, in sentences: contestants, and the number of messages that were `written` (-1: any)."""
    told = []
    for one in results:
        if one.messages <= 0 or one.hits <= 0:
            told.append(
                f"{one.case}: {one.contestant} found {one.messages} messages, {one.hits} to the indicator: it reads nothing"
            )
        elif (one.messages, one.hits) != (results[0].messages, results[0].hits):
            told.append(
                f"{one.case}: {one.contestant} found {one.messages} messages, {one.hits} to the indicator; "
                f"{results[0].contestant} found {results[0].messages} and {results[0].hits}"
            )
        elif written >= 0 and one.messages != written:
            told.append(f"{one.case}: {one.contestant} found {one.messages} messages; {written} were written")
        if one.defects and one.case != "sample-incident":
            told.append(f"{one.case}: {one.contestant} reports {one.defects} defects in evidence that has none")
    return told


# --- the report ------------------------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """What the figures belong to."""
    import forensics

    model = platform.processor() or platform.machine()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {
        "cpu": model, "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}", "python": platform.python_version(),
        "forensics": forensics.__version__, "load": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def show(results: Sequence[Result], told: Sequence[str], line: Mapping[str, Any]) -> None:
    """The table on stdout, and whether the contestants agree."""
    from rich.console import Console
    from rich.table import Table

    table = Table("case", "contestant", title="Read: MB per CPU second, median (least to most)")
    for name in ("MB", "messages", "CPU s", "MB/CPU s", "x peer", "peak MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in results:
        median, least, most = one.speeds
        table.add_row(
            one.case, one.contestant, f"{one.size / 1e6:.1f}", f"{one.messages:,}", f"{statistics.median(one.cpu):.2f}",
            f"{median:.1f} ({least:.1f} to {most:.1f})", "" if one.ratio is None else f"{one.ratio:.2f}", f"{one.peak / (1 << 20):.0f}",
            end_section=one.contestant in {"peer", "audit"},
        )  # fmt: skip
    wide = Console() if sys.stdout.isatty() else Console(width=130)
    wide.print(table)
    wide.print(f"Machine: {', '.join(f'{name} {value}' for name, value in line.items())}", markup=False)
    for sentence in told or ["All contestants of a case found the same messages, and as many to the indicator."]:
        wide.print(sentence, markup=False)


@contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """SIGTERM ends the run like Ctrl-C, so that temporary files go either way."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def bench(cases: Sequence[Case], size: Size, note: Callable[[str], object]) -> Iterator[tuple[list[Result], list[str]]]:
    """Results and disagreements of each case; its evidence is made before and removed after it."""
    from benchmarks import corpus

    for case in cases:
        with tempfile.TemporaryDirectory(prefix="forensics-bench-") as folder:
            path, written = SAMPLE, -1
            if case.corpus:
                note(f"{case.name}: writing {size.megabytes:g} MB")
                path = Path(folder) / "evidence"
                written = getattr(corpus, case.corpus)(path, size.megabytes, SEED)
            results = rounds(case, path, size, Path(folder), note)
        yield results, disagreements(results, written)


def main(arguments: Sequence[str]) -> int:
    """Exit codes: 0 all measured, 1 a contestant failed or they disagree, 2 usage, 130 interrupted."""
    if arguments[:1] == ["--child"]:
        name, contestant, path, scratch = arguments[1:]
        sys.stdout.write(json.dumps(asdict(child(name, contestant, Path(path), Path(scratch)))) + "\n")
        return 0
    parser = argparse.ArgumentParser(description="Speed and memory of the readers, beside a plain reader of the same file.")
    parser.add_argument("--megabytes", type=float, default=100, help="size of each kind of evidence, in 10^6 bytes")
    parser.add_argument("--only", action="append", choices=[case.name for case in CASES], help="this case; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument("--warm-ups", type=int, default=1, help="rounds before those that count")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json", help="where the figures go")
    chosen = parser.parse_args(arguments)
    if chosen.megabytes <= 0 or chosen.rounds < 1 or chosen.warm_ups < 0:
        parser.error("--megabytes must be more than 0, --rounds at least 1, and --warm-ups not negative")
    size = Size(chosen.megabytes, chosen.rounds, chosen.warm_ups)
    line = machine()
    results: list[Result] = []
    told: list[str] = []
    code = 0
    try:
        with _terminated_is_interrupted():
            cases = [case for case in CASES if not chosen.only or case.name in chosen.only]
            for found, sentences in bench(cases, size, _note):
                results += found
                told += sentences
    except ChildError as error:
        told.append(str(error))
    except KeyboardInterrupt:
        told.append("Interrupted: what is not in the table was not measured.")
        code = INTERRUPTED
    show(results, told, line)
    if code == 0:
        _write(chosen.json, {"machine": line, **asdict(size), "disagreements": told, "results": [one.plain() for one in results]})
    return code or (1 if told else 0)


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _write(path: Path, figures: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema_version": SCHEMA_VERSION, **figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))  # a script finds only its own folder; tests find `benchmarks` through pyproject.toml
    sys.exit(main(sys.argv[1:]))
