"""Shares with their Wilson intervals, in tables for people and as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.detection.attacks import LEAST
from benchmarks.detection.trial import Trial

__all__ = ["Share", "by_behaviour", "table", "told_by_behaviour", "wilson"]

_Z = 1.959963984540054  # two-sided 95 %
MILLION = 1_000_000


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share after Wilson (1927); (0, 1) where nothing was tried."""
    if not total:
        return 0.0, 1.0
    share, square = hits / total, _Z * _Z
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total * total)) / (1 + square / total)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    hits: int
    total: int

    def told(self) -> str:
        """As tables show it: count, per cent, interval."""
        if not self.total:
            return "none"
        low, high = wilson(self.hits, self.total)
        return f"{self.hits}/{self.total} = {self.hits / self.total:.1%} ({low:.1%} - {high:.1%})"

    def per_million(self) -> str:
        """As a rate."""
        low, high = wilson(self.hits, self.total)
        return f"{self.hits} in {self.total:,} = {self.hits / max(self.total, 1) * MILLION:.2f} ({low * MILLION:.2f} - {high * MILLION:.2f}) per million"

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"hits": self.hits, "total": self.total, "wilson_95": [round(edge, 9) for edge in wilson(self.hits, self.total)]}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns of text, aligned."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _copies(trial: Trial) -> str:
    copied = trial.attack.busiest if trial.attack else 0
    for low, high in ((LEAST, 9), (10, 29), (30, 99), (100, 999)):
        if copied <= high:
            return f"{low}-{high}"
    return "1000 and more"


def _share(trial: Trial) -> str:
    share = trial.attack.share if trial.attack else 0
    return "all" if share == 1 else f"{share:.0%}"


def _before(trial: Trial) -> str:
    if trial.windowless:
        return "no window"
    return "evidence begins in the window" if trial.before < 0 else f"{trial.before} days before"


BREAKDOWNS: dict[str, Callable[[Trial], str]] = {
    "evidence": lambda trial: trial.shape,
    "compared with": _before,
    "copies to one domain": _copies,
    "share": _share,
    "addresses": lambda trial: trial.attack.style if trial.attack else "",
    "shown to be blind": lambda trial: "some copies" if trial.hidden else "none",
    "scope": lambda trial: trial.attack.scope if trial.attack else "",
    "picked": lambda trial: trial.attack.picked if trial.attack else "",
    "size": lambda trial: f"10^{int(math.log10(max(trial.messages, 1)))} messages",
    "decidable": lambda trial: trial.undecidable or "yes",
}


def by_behaviour(trials: Sequence[Trial]) -> dict[str, Any]:
    """The figures of unknown blind recipients, as JSON holds them."""
    attacked = [one for one in trials if one.attack is not None]
    quiet = [one for one in trials if one.attack is None]
    messages = sum(one.messages for one in trials)
    wrong = Counter(blamed.kind for one in trials for blamed in one.wrong)
    return {
        "organisations": len(trials),
        "messages": messages,
        "ranked_first": _first(attacked).plain(),
        "ranked_first_where_decidable": _first([one for one in attacked if not one.undecidable]).plain(),
        "ranked_first_of_all": Share(sum(one.rank_of_all == 1 for one in attacked), len(attacked)).plain(),
        "ranked_first_by_plain_count": Share(sum(one.plain_rank == 1 for one in attacked), len(attacked)).plain(),
        "accused": _accused(attacked).plain(),
        "addresses_accused": _addresses(attacked).plain(),
        "messages_exposed": _exposed(attacked).plain(),
        "wrongly_accused": {**Share(wrong.total(), messages).plain(), "by_kind": dict(sorted(wrong.items()))},
        "quiet_organisations_with_wrong": Share(sum(bool(one.wrong) for one in quiet), len(quiet)).plain(),
        "possible_addresses": Share(sum(one.possible for one in trials), messages).plain(),
        "breakdowns": {
            name: {
                value: {"first": _first(group).plain(), "accused": _accused(group).plain()}
                for value, group in _grouped(attacked, of).items()
            }
            for name, of in BREAKDOWNS.items()
        },
        "look_alikes": _look_alikes(trials),
    }


def _first(trials: Sequence[Trial]) -> Share:
    return Share(sum(one.rank == 1 for one in trials), len(trials))


def _accused(trials: Sequence[Trial]) -> Share:
    return Share(sum(one.accused > 0 for one in trials), len(trials))


def _addresses(trials: Sequence[Trial]) -> Share:
    return Share(sum(one.accused for one in trials), sum(len(one.attack.addresses) for one in trials if one.attack))


def _exposed(trials: Sequence[Trial]) -> Share:
    return Share(sum(one.exposed for one in trials), sum(one.attack.copied for one in trials if one.attack))


def _grouped(trials: Sequence[Trial], of: Callable[[Trial], str]) -> dict[str, list[Trial]]:
    groups: dict[str, list[Trial]] = {}
    for one in trials:
        groups.setdefault(of(one), []).append(one)
    return dict(sorted(groups.items()))


def _look_alikes(trials: Sequence[Trial]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in (seen for trial in trials for seen in trial.look_alikes):
        row = found.setdefault(
            one.kind, {"counted": one.counted, "groups": 0, "addresses": 0, "accused": 0, "verdicts": Counter(), "first": 0}
        )
        row["groups"] += 1
        row["addresses"] += one.addresses
        row["accused"] += one.accused
        row["verdicts"][one.verdict or "not shown"] += 1
        row["first"] += one.rank == 1
    return {kind: {**row, "verdicts": dict(sorted(row["verdicts"].items()))} for kind, row in sorted(found.items())}


def told_by_behaviour(trials: Sequence[Trial]) -> str:
    """The figures of unknown blind recipients, as people read them."""
    attacked = [one for one in trials if one.attack is not None]
    quiet = [one for one in trials if one.attack is None]
    messages = sum(one.messages for one in trials)
    wrong = Counter(blamed.kind for one in trials for blamed in one.wrong)
    lines = [
        f"Unknown blind recipients: {len(trials)} organisations, {messages:,} messages, {len(attacked)} attacks",
        f"  attacker ranked first              {_first(attacked).told()}   target 99 %",
        f"    where the evidence can decide    {_first([one for one in attacked if not one.undecidable]).told()}",
        f"    undecidable look-alikes included {Share(sum(one.rank_of_all == 1 for one in attacked), len(attacked)).told()}",
        f"    by a plain count of blind copies {Share(sum(one.plain_rank == 1 for one in attacked), len(attacked)).told()}",
        f"  attacker called probable           {_accused(attacked).told()}",
        f"    of the attackers' addresses      {_addresses(attacked).told()}",
        f"    of the copied messages           {_exposed(attacked).told()}",
        f"  wrongly called probable            {Share(wrong.total(), messages).per_million()}   target 4",
        f"    organisations without an attack  {Share(sum(bool(one.wrong) for one in quiet), len(quiet)).told()}   target none",
        f"    by kind                          {', '.join(f'{kind} {count}' for kind, count in wrong.most_common()) or 'none'}",
        f"  shown as possible                  {Share(sum(one.possible for one in trials), messages).per_million()}",
        "",
    ]
    rows = [
        (name if not place else "", value, _first(group).told(), _accused(group).told())
        for name, of in BREAKDOWNS.items()
        for place, (value, group) in enumerate(_grouped(attacked, of).items())
    ]
    lines += [table(("attacks by", "", "ranked first", "called probable"), rows), ""]
    looks = [
        (
            kind, str(row["groups"]), str(row["addresses"]), str(row["accused"]), str(row["first"]),
            ", ".join(f"{verdict} {count}" for verdict, count in row["verdicts"].items()), "" if row["counted"] else "left out of the metric",
        )
        for kind, row in _look_alikes(trials).items()
    ]  # fmt: skip
    lines.append(table(("look-alike", "groups", "addresses", "probable", "on rank 1", "strongest verdict", ""), looks))
    return "\n".join(lines)
