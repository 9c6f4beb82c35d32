"""Coverage-guided fuzzing of every reader, each in a process of its own, for as many seconds as asked.

A finding is an input that makes a reader raise or break one of its laws, that takes more than 5 seconds, or more than 1 GiB
of memory. It is written to `findings/` beside this file, with the reason beside it. To see one again, without atheris:
`run.py --again TARGET FILE`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
FINDINGS = HERE / "findings"
INTERRUPTED = 130
SECONDS_AN_INPUT = 5
MEMORY = 1024  # MiB
INPUT = 16_384  # bytes: more makes slow inputs, not other ones
GRACE = 90  # seconds a child may take beyond its time: start, seeds, the last input
DISTINCT = 10  # findings kept of one target
ABSENT = """atheris, the fuzzing engine, is not installed here. `make fuzz` installs it (requirements-fuzz.lock) and runs this.
It exists for Python 3.11 to 3.13; the tests in tests/test_fuzz.py run the same targets without it."""
_RUNS = re.compile(r"^stat::number_of_executed_units: +(\d+)", re.MULTILINE)
_RESIDENT = re.compile(r"^stat::peak_rss_mb: +(\d+)", re.MULTILINE)
_ENGINE_SAYS = re.compile(r"ERROR: libFuzzer: ([a-z -]+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target: inputs tried (-1 unknown), peak memory in MiB (-1 unknown), and its findings."""

    target: str
    runs: int
    peak: int
    findings: tuple[Path, ...]
    trouble: str = ""  # why the run itself failed, or was cut short


# --- in the child ------------------------------------------------------------------------------------------------------------


def signature(error: BaseException) -> str:
    """What tells one defect from another: the kind of error, the place that raised it, and of a broken law its sentence."""
    frames = traceback.extract_tb(error.__traceback__)
    place = frames[-1] if frames else None
    law = re.sub(r"\d+", "N", str(error)[:200]) if isinstance(error, AssertionError) else ""
    return " ".join(filter(None, (type(error).__name__, place and f"{Path(place.filename).name}: {place.line}", law)))


def noting(name: str, check: Callable[[bytes], None], folder: Path) -> Callable[[bytes], None]:
    """A check that writes a finding down, once for each kind, instead of raising: one defect must not hide the next."""
    seen: set[str] = set()

    def one_input(data: bytes) -> None:
        try:
            check(data)
        except Exception as error:  # noqa: BLE001  whatever it is, it is a finding
            kind = signature(error)
            if kind in seen or len(seen) >= DISTINCT:
                return
            seen.add(kind)
            place = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}"
            place.write_bytes(data)
            place.with_suffix(".txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="replace")

    return one_input


def fuzz(name: str, found: Path, options: Sequence[str]) -> None:
    """Run one target under the engine until its time is over, findings into `found`; never returns."""
    import atheris

    with atheris.instrument_imports(include=["forensics"]):
        from fuzz.targets import TARGETS
    target = TARGETS[name]
    atheris.Setup(["run.py", *options], noting(name, target.check, found))
    atheris.Fuzz()


# --- in the parent -----------------------------------------------------------------------------------------------------------


def _dictionary(words: Sequence[bytes]) -> str:
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in words)


def run(name: str, seconds: int, seed: int, temporary: Path) -> Outcome:
    """Fuzz one target in a child process."""
    from fuzz.targets import TARGETS

    target = TARGETS[name]
    grown, caught = temporary / name, temporary / f"{name}.found"
    words, log = temporary / f"{name}.dict", temporary / f"{name}.log"
    grown.mkdir()
    caught.mkdir()
    words.write_text(_dictionary(target.words), encoding="ascii")
    options = [
        f"-max_total_time={seconds}", f"-timeout={SECONDS_AN_INPUT}", f"-rss_limit_mb={MEMORY}", f"-max_len={INPUT}",
        f"-artifact_prefix={caught}/{name}-", f"-seed={seed}", "-print_final_stats=1", f"-dict={words}", str(grown),
        *(str(folder) for folder in target.folders if folder.is_dir()),
    ]  # fmt: skip
    command = [sys.executable, str(Path(__file__).resolve()), "--child", name, str(caught), *options]
    with log.open("wb") as stream:
        trouble = _ended(command, stream, temporary, seconds + GRACE)
    said = log.read_text(encoding="utf-8", errors="replace")
    found = [Path(shutil.copy(path, FINDINGS)) for path in sorted(caught.iterdir())]
    if trouble and (reason := _ENGINE_SAYS.search(said)):
        trouble = f"ended early: {reason[1].strip()}"
    elif trouble:
        trouble += f": {(said.strip().splitlines() or ['no word'])[-1][:200]}"
    return Outcome(
        name, _number(_RUNS, said), _number(_RESIDENT, said), tuple(path for path in found if path.suffix != ".txt"), trouble
    )


def _ended(command: Sequence[str], stream: IO[bytes], temporary: Path, limit: int) -> str:
    """Run a child to its end; "" if it ended well. Nothing of it is left running, whatever happens here."""
    environment = os.environ | {"PYTHONHASHSEED": "0", "TMPDIR": str(temporary)}
    child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment, cwd=HERE)
    try:
        code = child.wait(limit)
    except subprocess.TimeoutExpired:
        return f"did not end within {limit} seconds"
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    return f"exit code {code}" if code else ""


def _number(pattern: re.Pattern[str], said: str) -> int:
    found = pattern.search(said)
    return int(found[1]) if found else -1


def again(name: str, path: Path) -> int:
    """Give one input to a target and let it raise."""
    from fuzz.targets import TARGETS

    TARGETS[name].check(path.read_bytes())
    sys.stdout.write(f"{name} takes {path.name} without complaint.\n")
    return 0


def show(outcomes: Sequence[Outcome]) -> None:
    """The summary, and the findings by name."""
    from rich.console import Console
    from rich.table import Table

    table = Table("target", title="Fuzzing")
    for name in ("inputs", "peak MiB", "findings"):
        table.add_column(name, justify="right")
    table.add_column("trouble")
    for one in outcomes:
        known = [f"{number:,}" if number >= 0 else "?" for number in (one.runs, one.peak)]
        table.add_row(one.target, *known, str(len(one.findings)), one.trouble)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(table)
    for path in (path for one in outcomes for path in one.findings):
        console.print(f"{path.relative_to(HERE.parents[1])}: {_why(path)}", markup=False, highlight=False)


def _why(path: Path) -> str:
    beside = path.with_suffix(".txt")
    if not beside.exists():
        return "too slow, too much memory, or a crash of the interpreter: see its name"
    lines = beside.read_text(encoding="utf-8").strip().splitlines()
    return next((line for line in reversed(lines) if not line.startswith(" ")), "")[:300]


@contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: Sequence[str]) -> int:
    """Exit codes: 0 nothing found, 1 a finding or a target that did not run, 2 usage or no atheris, 130 interrupted."""
    if arguments[:1] == ["--child"]:
        fuzz(arguments[1], Path(arguments[2]), arguments[3:])
    from fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description="Coverage-guided fuzzing of every reader.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--only", action="append", choices=sorted(TARGETS), help="this target; may be repeated")
    parser.add_argument("--seed", type=int, default=1, help="of the engine's random numbers")
    parser.add_argument("--again", nargs=2, metavar=("TARGET", "FILE"), help="give one input to one target, and fuzz nothing")
    chosen = parser.parse_args(arguments)
    if chosen.again:
        if chosen.again[0] not in TARGETS:
            parser.error(f"no such target; there are {', '.join(sorted(TARGETS))}")
        return again(chosen.again[0], Path(chosen.again[1]))
    if chosen.seconds < 1 or chosen.seed < 1:
        parser.error("--seconds and --seed must be at least 1")
    if find_spec("atheris") is None:
        sys.stderr.write(ABSENT + "\n")
        return 2
    outcomes: list[Outcome] = []
    code = 0
    try:
        with _terminated_is_interrupted(), tempfile.TemporaryDirectory(prefix="forensics-fuzz-") as temporary:
            for name in chosen.only or TARGETS:
                sys.stderr.write(f"{name}: {chosen.seconds} s\n")
                outcomes.append(run(name, chosen.seconds, chosen.seed, Path(temporary)))
    except KeyboardInterrupt:
        code = INTERRUPTED
    show(outcomes)
    return code or int(any(one.findings or one.trouble for one in outcomes))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))  # a script finds only its own folder; tests find `fuzz` through pyproject.toml
    sys.exit(main(sys.argv[1:]))
