"""How fast the readers are and how much memory they take, beside plain readers of the same file.

Every measurement is a process of its own, so that peak memory is its own; contestants alternate, after one round that is not
counted. CPU seconds (user and system) are those of the work alone: the start of the interpreter and imports do not count.
What each one found is compared with what was written, so that no figure is that of a reader that reads nothing. A target that
is missed is shown, and is no failure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # a script finds only its own folder; tests find `benchmarks` through pyproject.toml
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import corpus
from benchmarks.cases import CASES, ROOT, SAMPLE, SEED, TRIAGE, TWO_WORKERS, TWO_WORKERS_MEGABYTES, Case
from benchmarks.corpus import Written
from benchmarks.first_answer import Race, child_of_triage, races
from benchmarks.first_answer import disagreements as race_disagreements
from benchmarks.growth import SIZES, Growth, child_of_growth, growth
from benchmarks.growth import disagreements as growth_disagreements
from benchmarks.growth import told as growth_told
from benchmarks.large import child_of_large, large
from benchmarks.measuring import ChildError, Measured, child, measure
from benchmarks.mixed import disagreements as mixed_disagreements
from benchmarks.mixed import mixed
from benchmarks.mixed import told as mixed_told
from benchmarks.programs import at_hand
from benchmarks.results import Result, Scaling, compared, disagreements

SCHEMA_VERSION = 2
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: megabytes (10^6 bytes) of each kind of evidence, None for each case's own; rounds that count, and rounds
    before that do not; whether programs to compare with are installed.
    """

    megabytes: float | None
    rounds: int
    warm_ups: int
    install: bool = False


@dataclass(slots=True)
class Figures:
    """What a whole run found out; `told` is what does not fit, `missing` who could not take part."""

    results: list[Result] = field(default_factory=list)
    scaling: Scaling | None = None
    races: list[Race] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "disagreements": self.told,
            "missing": self.missing,
            "results": [one.plain() for one in self.results],
            "scaling": self.scaling and self.scaling.plain(),
            "triage": [one.plain() for one in self.races],
        }


def written(case: Case, megabytes: float, folder: Path) -> tuple[dict[str, Path], dict[str, Written]]:
    """The evidence of a case: each contestant's file, and what it holds. Samples are the beginning of the whole."""
    if not case.corpus:
        return {one.name: SAMPLE for one in case.contestants}, {}
    paths: dict[str, Path] = {}
    holds: dict[str, Written] = {}
    made: dict[float, Written] = {}
    for one in case.contestants:
        size = min(one.sample or megabytes, megabytes)
        path = folder / f"evidence-{size:g}"
        if size not in made:
            made[size] = getattr(corpus, case.corpus)(path, size, SEED)
        paths[one.name], holds[one.name] = path, made[size]
    return paths, holds


def rounds(case: Case, paths: Mapping[str, Path], size: Size, temporary: Path, note: Callable[[str], object]) -> list[Result]:
    """Warm-ups, then rounds of all contestants in turn: whatever else the machine does strikes each of them alike."""
    runs: dict[str, list[Measured]] = {one.name: [] for one in case.contestants}
    for number in range(1 - size.warm_ups, size.rounds + 1):
        for one, done in runs.items():
            note(f"{case.name}: {one}, {f'round {number} of {size.rounds}' if number > 0 else 'warm-up'}")
            run = measure(case.name, one, paths[one], temporary)
            if number > 0:
                done.append(run)
    return compared(case, runs)


def _without_missing(case: Case, *, install: bool) -> tuple[Case, list[str]]:
    """The case without the programs that are not there, and which those are."""
    gone = {one.name for one in case.contestants if one.package and not at_hand(one.name, one.package, install=install)}
    kept = [
        replace(one, beside={peer: target for peer, target in one.beside.items() if peer not in gone})
        for one in case.contestants
        if one.name not in gone
    ]
    told = [f"{case.name}: {name} is not installed, so that nothing was compared with it" for name in sorted(gone)]
    return (replace(case, contestants=tuple(kept)) if gone else case), told


def bench(names: Sequence[str], size: Size, note: Callable[[str], object]) -> Iterator[Figures]:
    """Figures of each case, all if none is named; its evidence is made before and removed after it."""
    for whole in CASES:
        if names and whole.name not in names:
            continue
        case, missing = _without_missing(whole, install=size.install)
        with tempfile.TemporaryDirectory(prefix="forensics-bench-") as folder:
            megabytes = case.megabytes if size.megabytes is None else size.megabytes
            if case.corpus:
                note(f"{case.name}: writing {megabytes:g} MB")
            paths, holds = written(case, megabytes, Path(folder))
            results = rounds(case, paths, size, Path(folder), note)
        yield Figures(results, told=disagreements(results, holds), missing=missing)
    if not names or TRIAGE in names:
        grep = at_hand("grep", "grep", install=size.install)
        with tempfile.TemporaryDirectory(prefix="forensics-bench-") as folder:
            done = races(size.megabytes, size.rounds, Path(folder), note, grep=grep)
        missing = [] if grep else ["triage: grep is not installed, so that nothing was compared with it"]
        yield Figures(races=done, told=race_disagreements(done), missing=missing)
    if not names or TWO_WORKERS in names:
        with tempfile.TemporaryDirectory(prefix="forensics-bench-") as folder:
            megabytes = TWO_WORKERS_MEGABYTES if size.megabytes is None else size.megabytes
            note(f"{TWO_WORKERS}: {megabytes:g} MB")
            from benchmarks.scaling import scaling

            yield Figures([], scaling(megabytes, size.rounds, Path(folder)))


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


def show(figures: Figures, line: Mapping[str, Any]) -> None:
    """The table on stdout, ratios and speeds beside what was aimed at, and whether everybody found what was written."""
    from rich.console import Console
    from rich.table import Table

    table = Table("case", "contestant", title="Read: MB per CPU second, median (least to most)")
    for name in ("MB", "messages", "CPU s", "messages/CPU s", "MB/CPU s", "peak MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    last = {one.case: one for one in figures.results}
    for one in figures.results:
        median, least, most = one.speeds
        table.add_row(
            one.case, one.contestant, f"{one.size / 1e6:.1f}", f"{one.messages:,}" if one.messages >= 0 else "",
            f"{statistics.median(one.cpu):.2f}", f"{one.rate:,.0f}" if one.messages >= 0 else "", f"{median:.1f} ({least:.1f} to {most:.1f})", f"{one.peak / (1 << 20):.0f}", end_section=one is last[one.case],
        )  # fmt: skip
    wide = Console() if sys.stdout.isatty() else Console(width=130)
    if figures.results:
        wide.print(table)
    told = [sentence for one in figures.results if (sentence := one.told())]
    told += [one.told() for one in figures.races]
    told += [figures.scaling.told()] if figures.scaling else []
    told.append(f"Machine: {', '.join(f'{name} {value}' for name, value in line.items())}")
    told.append("Who reads fewer MB than others of its case reads the beginning of the same file; ratios are of time a byte.")
    for sentence in [
        *told,
        *figures.missing,
        *(figures.told or ["All contestants of a case found the messages that were written, and the hits."]),
    ]:
        wide.print(sentence, markup=False, highlight=False)


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


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Speed and memory of the readers, beside plain readers of the same file.")
    names = [*(case.name for case in CASES), TRIAGE, TWO_WORKERS]
    parser.add_argument("--megabytes", type=float, help="size of each kind of evidence, in 10^6 bytes; default: each case's own")
    parser.add_argument("--only", action="append", choices=names, help="this case; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument("--warm-ups", type=int, default=1, help="rounds before those that count")
    parser.add_argument("--install", action="store_true", help="install missing programs to compare with (Debian, as root)")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json", help="where the figures go")
    parser.add_argument(
        "--scaling", type=int, metavar="OBSERVATIONS", help="instead: cost of joining and judging, up to so many observations"
    )
    parser.add_argument("--large", type=float, metavar="MEGABYTES", help="instead: memory over one archive of this size")
    parser.add_argument("--mixed", type=float, metavar="MEGABYTES", help="instead: a whole audit of mixed evidence of this size")
    chosen = parser.parse_args(arguments)
    sizes = [one for one in (chosen.megabytes, chosen.large, chosen.scaling, chosen.mixed) if one is not None]
    if any(one <= 0 for one in sizes) or chosen.rounds < 1 or chosen.warm_ups < 0:
        parser.error("sizes must be more than 0, --rounds at least 1, and --warm-ups not negative")
    return chosen


def _run_scaling(most: int, target: Path) -> int:
    """Cost of joining and judging as the archive grows; figures go into the same file as all others, under `growth`."""
    found: list[Growth] = []
    code = 0
    try:
        with _terminated_is_interrupted(), tempfile.TemporaryDirectory(prefix="forensics-bench-") as folder:
            found.extend(growth([*(size for size in SIZES if size < most), most], Path(folder), _note))
        wrong = growth_disagreements(found)
    except (ChildError, OSError) as error:
        wrong = [str(error)]
    except KeyboardInterrupt:
        wrong, code = ["Interrupted: what is not in the table was not measured."], INTERRUPTED
    sys.stdout.write("".join(f"{sentence}\n" for sentence in [*(growth_told(found) if found else []), *wrong]))
    if not wrong:
        before = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
        _write(target, {**before, "machine": machine(), "growth": [one.plain() for one in found]})
    return code or (1 if wrong else 0)


def _run_mixed(megabytes: float, target: Path, *, install: bool) -> int:
    """A whole audit of mixed evidence; figures go into the same file as all others, under `mixed`, one entry a size."""
    try:
        with _terminated_is_interrupted(), tempfile.TemporaryDirectory(prefix="forensics-bench-") as folder:
            found = mixed(megabytes, Path(folder), _note, install=install)
        told, wrong = mixed_told(found), mixed_disagreements(found)
    except (ChildError, OSError) as error:
        told, wrong = [], [str(error)]
    except KeyboardInterrupt:
        return INTERRUPTED
    sys.stdout.write("".join(f"{sentence}\n" for sentence in [*told, *wrong]))
    if not wrong:
        before = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
        others = [one for one in before.get("mixed", []) if one["megabytes"] != found.plain()["megabytes"]]
        entries = sorted([*others, found.plain()], key=lambda one: one["megabytes"])
        _write(target, {**before, "machine": machine(), "mixed": entries})
    return 1 if wrong else 0


def _run_large(megabytes: float) -> int:
    try:
        with _terminated_is_interrupted(), tempfile.TemporaryDirectory(prefix="forensics-bench-") as folder:
            told, wrong = large(megabytes, Path(folder), _note)
    except (ChildError, OSError) as error:
        told, wrong = [], [str(error)]
    except KeyboardInterrupt:
        return INTERRUPTED
    sys.stdout.write("".join(f"{sentence}\n" for sentence in [*told, *wrong]))
    return 1 if wrong else 0


def main(arguments: Sequence[str]) -> int:
    """Exit codes: 0 all measured, 1 a contestant failed or they disagree, 2 usage, 130 interrupted."""
    if arguments[:1] == ["--child"]:
        name, contestant, path, scratch = arguments[1:]
        sys.stdout.write(json.dumps(asdict(child(name, contestant, Path(path), Path(scratch)))) + "\n")
        return 0
    if arguments[:1] == ["--triage-child"]:
        sys.stdout.write(json.dumps(child_of_triage(arguments[1], Path(arguments[2]))) + "\n")
        return 0
    if arguments[:1] == ["--large-child"]:
        sys.stdout.write(json.dumps(child_of_large(list(arguments[1:]))) + "\n")
        return 0
    if arguments[:1] == ["--growth-child"]:
        sys.stdout.write(json.dumps(child_of_growth(arguments[1:])) + "\n")
        return 0
    chosen = _arguments(arguments)
    if chosen.scaling is not None:
        return _run_scaling(chosen.scaling, chosen.json)
    if chosen.large is not None:
        return _run_large(chosen.large)
    if chosen.mixed is not None:
        return _run_mixed(chosen.mixed, chosen.json, install=chosen.install)
    size = Size(chosen.megabytes, chosen.rounds, chosen.warm_ups, chosen.install)
    line = machine()
    all_of_it = Figures()
    code = 0
    try:
        with _terminated_is_interrupted():
            for found in bench(chosen.only or (), size, _note):
                all_of_it.results += found.results
                all_of_it.told += found.told
                all_of_it.missing += found.missing
                all_of_it.races += found.races
                all_of_it.scaling = found.scaling or all_of_it.scaling
    except ChildError as error:
        all_of_it.told.append(str(error))
    except KeyboardInterrupt:
        all_of_it.told.append("Interrupted: what is not in the table was not measured.")
        code = INTERRUPTED
    show(all_of_it, line)
    if code == 0:
        _write(chosen.json, {"machine": line, **asdict(size), **all_of_it.plain()})
    return code or (1 if all_of_it.told else 0)


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _write(path: Path, figures: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema_version": SCHEMA_VERSION, **figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
