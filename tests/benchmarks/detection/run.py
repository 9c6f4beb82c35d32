"""The detection benchmark: `python tests/benchmarks/detection/run.py --quick` for a first impression, `--final` for the last word.

Three exams: known indicators through the whole tool, unknown blind recipients by behaviour, and one wrong recipient in a message.
The final organisations have seeds, and intervals of parameters, from which nothing was developed. A target that is missed is
shown, and is no failure.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # a script finds only its own folder; tests find `benchmarks` through pyproject.toml
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.detection import misdirected as astray
from benchmarks.detection.figures import by_behaviour, told_by_behaviour
from benchmarks.detection.indicators import audited, plain_indicators, told_of_indicators
from benchmarks.detection.judging import broken_detectors, default_detectors
from benchmarks.detection.organisation import DEVELOPMENT, FINAL, Ranges
from benchmarks.detection.trial import Trial, as_rows, tried
from forensics.detectors.misdirected import ranking

SCHEMA_VERSION = 1
MODES = ("indicator", "behaviour", "misdirected")


def trials(ranges: Ranges, seeds: Sequence[int], workers: int) -> Iterator[Trial]:
    """The organisations of some seeds, judged one after the other or side by side, in order of seeds."""
    one = partial(tried, ranges=ranges)
    if workers < 2:
        yield from map(one, seeds)
        return
    # started fresh: a fork of a process that runs DuckDB's threads can hang
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(one, seeds)


def by_indicator(ranges: Ranges, asked: argparse.Namespace) -> dict[str, Any]:
    """Known indicators, in several folders that differ in order, dates and codings."""
    done = [audited(ranges.seeds + number, ordinary=100) for number in range(1 if asked.quick else 3)]
    _say(told_of_indicators(done))
    return plain_indicators(done)


def by_blind_copies(ranges: Ranges, asked: argparse.Namespace) -> dict[str, Any]:
    """Unknown blind recipients."""
    done = []
    for one in trials(ranges, range(ranges.seeds + asked.first, ranges.seeds + asked.first + asked.organisations), asked.workers):
        done.append(one)
        if asked.verbose:
            _say(*_troubles(one))
    _say(told_by_behaviour(done))
    return {**by_behaviour(done), "trials": as_rows(done)}


def by_wrong_recipient(ranges: Ranges, asked: argparse.Namespace) -> dict[str, Any]:
    """Misdirected mail, if there is a detector for it."""
    detector = astray.detector()
    if detector is None:
        _say(f"Misdirected mail: skipped, there is no detector {astray.NAME!r}")
        return {"skipped": f"no detector {astray.NAME!r}"}
    seeds = range(ranges.seeds, ranges.seeds + (8 if asked.quick else 48))
    after = [astray.misdirected(seed, ranges, detector, ranking=ranking) for seed in seeds]
    _say(astray.told_of_misdirected(after, "after the fact"))
    early = partial(ranking, hindsight=False)
    before = [astray.misdirected(seed, ranges, astray.foreseeing(early), ranking=early) for seed in seeds]
    _say(astray.told_of_misdirected(before, "from earlier mail alone"))
    return {**astray.plain_misdirected(after), "from_earlier_mail_alone": astray.plain_misdirected(before)}


def _troubles(one: Trial) -> Iterator[str]:
    """What went wrong in one organisation, so that its seed can be tried again."""
    place = f"seed {one.seed} ({one.shape}, {one.before} days before)"
    if one.attack and one.rank != 1:
        attack = one.attack
        yield (
            f"{place}: attacker on rank {one.rank} ({one.verdict or 'not shown'}): {attack.style}, {attack.scope}, {attack.share:.0%} {attack.picked}, "
            f"{attack.copied} copies, {one.hidden} known to be blind, {attack.apparent} parties. {one.undecidable}"
        )
    for blamed in one.wrong[:3]:
        yield f"{place}: wrongly accused {blamed.kind} {blamed.address}: {blamed.reason}"


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _keep(path: Path, name: str, figures: dict[str, Any]) -> None:
    """Put the figures into a file beside those of the other seeds, and of the exams that were not run now."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {"schema_version": SCHEMA_VERSION, name: {**known.get(name, {}), **figures}}
    path.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    """Run the exams asked for, print tables, keep the raw figures."""
    asked = _arguments()
    ranges = asked.ranges
    exams: dict[str, Callable[[Ranges, argparse.Namespace], dict[str, Any]]] = dict(
        zip(MODES, (by_indicator, by_blind_copies, by_wrong_recipient), strict=True)
    )
    started = time.perf_counter()
    figures: dict[str, Any] = {
        "parameters": asdict(ranges),
        "detectors": [f"{one.name} {one.version}" for one in default_detectors()],
        "broken_detectors": broken_detectors(),
    }
    for broken in figures["broken_detectors"]:
        _say(f"LEFT OUT, so that these are no figures of the tool: {broken}")
    for mode in MODES:
        if mode in asked.mode:
            figures[mode] = exams[mode](ranges, asked)
            _say("")
    figures["seconds"] = round(time.perf_counter() - started)
    _say(f"{ranges.name} organisations, {figures['seconds']} s")
    if asked.out:
        _keep(asked.out, ranges.name, figures)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mode", action="append", choices=MODES, help="only this exam; may be repeated")
    parser.add_argument("--organisations", type=int, help="how many organisations are judged by behaviour")
    parser.add_argument(
        "--first", type=int, default=0, help="pass over so many seeds: `--first 23 --organisations 1` tries one again"
    )
    parser.add_argument("--quick", action="store_true", help="40 organisations of at most 20,000 messages")
    parser.add_argument("--final", action="store_true", help="the final seeds and parameters, not those for development")
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    parser.add_argument("--verbose", action="store_true", help="tell of every organisation in which something went wrong")
    parser.add_argument("--out", type=Path, help="where the raw figures go, as JSON")
    asked = parser.parse_args()
    asked.mode = asked.mode or MODES
    asked.organisations = asked.organisations or (40 if asked.quick else 400)
    asked.ranges = FINAL if asked.final else DEVELOPMENT
    if asked.quick:
        asked.ranges = asked.ranges.at_most(20_000)
    return asked


if __name__ == "__main__":
    sys.exit(main())
