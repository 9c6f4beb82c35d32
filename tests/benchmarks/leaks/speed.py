"""How fast single mails are searched: ours, reading and scanning apart, beside kingfisher over the same files."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.leaks.peers import PEERS, peer_run, write_mails
from benchmarks.leaks.planted import Mail
from benchmarks.leaks.scanning import decoded, seen
from forensics.leaks import load_rules
from forensics.leaks.cost import rule_costs

__all__ = ["dearest_rules", "speed", "told_of_speed"]

_ROUNDS = 3
_DEAREST = 15  # rules that are named


def speed(mails: Sequence[Mail], cache: Path, *, peer: bool) -> dict[str, Any]:
    """MB (10^6 bytes of mail) per CPU second of one process, median of three rounds; kingfisher's start, over one mail, is taken off."""
    size = sum(len(one.raw) for one in mails) / 1e6
    seen(mails[0])  # rules are compiled once
    rounds = []
    for _ in range(_ROUNDS):
        done = [seen(one) for one in mails]
        rounds.append((sum(one.reading for one in done), sum(one.scanning for one in done), sum(one.characters for one in done)))
    reading, scanning = (statistics.median(one[place] for one in rounds) for place in (0, 1))
    told: dict[str, Any] = {
        "mails": len(mails), "megabytes": round(size, 3), "views_megabytes": round(rounds[0][2] / 1e6, 3),
        "ours_scan": round(size / scanning, 2), "ours_scan_of_views": round(rounds[0][2] / 1e6 / scanning, 2), "ours_read_and_scan": round(size / (reading + scanning), 2),
    }  # fmt: skip
    if peer and (fast := _kingfisher(mails, cache, size)):
        told |= {
            "kingfisher": round(fast, 2),
            "ratio_scan": round(told["ours_scan"] / fast, 3),
            "ratio_read_and_scan": round(told["ours_read_and_scan"] / fast, 3),
        }
    return told


def _kingfisher(mails: Sequence[Mail], cache: Path, size: float) -> float:
    """Its speed, or 0 if it cannot be told."""
    one = next(peer for peer in PEERS if peer.name == "kingfisher")
    taken = []
    for _ in range(_ROUNDS):
        with tempfile.TemporaryDirectory(prefix="forensics-leaks-") as folder:
            write_mails(Path(folder) / "one", [mails[0].raw])
            write_mails(Path(folder) / "all", [mail.raw for mail in mails])
            peer_run(one, cache, Path(folder) / "one", 1)  # compiles its rules into the folder's cache
            start, whole = (peer_run(one, cache, Path(folder) / name, count) for name, count in (("one", 1), ("all", len(mails))))
        if not whole.error:
            taken.append(whole.cpu - start.cpu)
    return size / max(statistics.median(taken), 1e-3) if taken else 0.0


def dearest_rules(mails: Sequence[Mail]) -> list[dict[str, Any]]:
    """The rules that cost most CPU time, each alone on the texts of these mails; none where the search engine is missing."""
    texts = [one.text for mail in mails for one in decoded(mail.raw)]
    size = sum(map(len, texts)) / 1e6
    try:
        costs = rule_costs(load_rules(), texts)
    except ImportError:
        return []
    return [
        {
            "rule": one.rule,
            "ms_per_megabyte": round(1e3 * (one.search + one.trial) / size, 2),
            "places": one.places,
            "findings": one.findings,
        }
        for one in costs[:_DEAREST]
    ]


def told_of_speed(told: dict[str, Any]) -> str:
    """As one line."""
    line = f"{told['mails']:,} single mails, {told['megabytes']:g} MB, MB per CPU second: scan {told['ours_scan']:g} (of all views {told['ours_scan_of_views']:g}), read and scan {told['ours_read_and_scan']:g}"
    if "kingfisher" in told:
        line += f"; kingfisher {told['kingfisher']:g}: scan is {told['ratio_scan']:g} times, read and scan {told['ratio_read_and_scan']:g} times as fast"
    return line
