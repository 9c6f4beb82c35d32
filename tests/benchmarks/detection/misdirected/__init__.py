"""One wrong recipient in a message: drawn as slips happen, put in openly, and sought by the detector `misdirected` among the right ones.

The order is that of time: what lies before the window is history, mail of people inside it is the exam. It is judged twice: as the literature
does, from earlier mail alone, and as the detector does, which comes after the fact and knows what followed. A recipient is found, or wrongly
flagged, if the detector reports it, or if the same threshold would; ranks are by score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from benchmarks.detection.figures import Share, table
from benchmarks.detection.judging import laid_out
from benchmarks.detection.misdirected.communities import community_mail
from benchmarks.detection.misdirected.injection import Stray, injected
from benchmarks.detection.organisation import Ranges, found
from benchmarks.detection.records import START, key_of, observations
from forensics.detectors.misdirected.weighing import THRESHOLD
from forensics.incident import Incident
from forensics.model import Finding, Verdict, Window
from forensics.plugins import Detector, Scope, discover
from forensics.policy import Policy

__all__ = [
    "Misdirected",
    "Wrong",
    "detector",
    "foreseeing",
    "injected",
    "misdirected",
    "plain_misdirected",
    "threshold",
    "told_of_misdirected",
]

NAME = "misdirected"
ALLOWED = 0.005  # of right recipients that may be flagged
_SHAPES = ("search", "archive")  # To and Cc must be known
_WRITTEN = ((0, "none"), (1, "1 to 9"), (10, "10 to 49"), (50, "50 and more"))

Ranking = Callable[[duckdb.DuckDBPyConnection, Scope], Iterable[tuple[str, str, float]]]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong recipient: how it came there, beside how many right ones, its score, whether that alone is the highest, whether it is found."""

    stray: Stray
    beside: int
    sender: str
    score: float
    is_first: bool
    is_found: bool


@dataclass(frozen=True, slots=True)
class Misdirected:
    """One organisation: wrong recipients, how many right ones there were, the scores above 0 of those, and how many were flagged.

    `accompanied` counts the right ones that had another outsider beside them; `days` of mail lie before the window.
    """

    seed: int
    messages: int
    wrong: tuple[Wrong, ...]
    right: int
    right_scores: tuple[float, ...]
    flagged: int = 0
    accompanied: int = 0
    days: int = 0


def detector() -> Detector | None:
    """The detector, if there is one."""
    return next((one.plugin for one in discover("detectors") if one.name == NAME and one.plugin is not None), None)


def foreseeing(ranking: Ranking) -> Detector:
    """What the detector would report if it knew earlier mail only: `ranking` is its own without hindsight."""

    def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:
        for key, address, score in ranking(connection, scope):
            if score >= THRESHOLD:
                yield Finding(NAME, address, Verdict.POSSIBLE, score, "by earlier mail alone", message_key=key)

    return Detector(NAME, "Who would look misplaced before a message is sent?", detect)


def _by_findings(asked: Detector) -> Ranking:
    """A ranking by what a detector reports, where it offers no other; what it is silent of scores 0."""
    return lambda connection, scope: ((one.message_key, one.address, one.score) for one in asked.detect(connection, scope))


def misdirected(seed: int, ranges: Ranges, asked: Detector, messages: int = 0, ranking: Ranking | None = None) -> Misdirected:
    """An organisation without look-alikes, split at the window's start. `ranking` gives the scores of all recipients, flagged or not."""
    history = tuple(one for one in ranges.before if one > 0)
    organisation = found(seed, replace(ranges, before=history, messages=(2_000, 20_000), skew=1), messages)
    organisation.shape = _SHAPES[seed % len(_SHAPES)]
    mails = community_mail(organisation)
    people = {key_of(organisation.shape, number, mail) for number, mail in enumerate(mails) if mail.kind == "person"}
    truth = injected(organisation, mails)
    policy, incident = Policy(domains=organisation.domains), Incident(title="a split in time", window=Window(START))
    connection, scope = laid_out(observations(organisation, mails), policy, incident), Scope(incident, policy)
    scores: dict[str, dict[str, float]] = {}
    for key, address, score in (ranking or _by_findings(asked))(connection, scope):
        scores.setdefault(key, {})[address] = score
    reported = {(one.message_key, one.address) for one in asked.detect(connection, scope)}
    # only the exam: mail of ours whose To and Cc are on record
    rows = connection.execute(
        "SELECT message_key, list_sort(list(address)), any_value(sender) FROM copies WHERE visible AND judged AND in_window AND NOT own GROUP BY message_key"
    ).fetchall()
    connection.close()
    exam = sorted(row for row in rows if row[0] in people)
    return replace(_compared(seed, truth, scores, exam, reported), messages=len(mails), days=organisation.before)


def _compared(
    seed: int,
    truth: Mapping[str, tuple[str, Stray]],
    scores: Mapping[str, Mapping[str, float]],
    rows: Sequence[tuple[Any, ...]],
    reported: set[tuple[str, str]],
) -> Misdirected:
    wrong, right, accompanied, flagged = [], 0, 0, 0
    right_scores: list[float] = []
    for key, addresses, sender in rows:
        said = scores.get(key, {})
        address, stray = truth.get(key, ("", None))
        rest = [one for one in addresses if one != address]
        others = [said.get(one, 0.0) for one in rest]
        right += len(others)
        accompanied += len(others) if len(addresses) > 1 else 0
        flagged += sum((key, one) in reported for one in rest)
        right_scores += [one for one in others if one > 0]
        if stray and not stray.is_carried:
            score = said.get(address, 0.0)
            is_first = score > max(others, default=0.0)
            wrong.append(Wrong(stray, len(others), sender, score, is_first, (key, address) in reported))
    return Misdirected(seed, 0, tuple(wrong), right, tuple(sorted(right_scores, reverse=True)), flagged, accompanied)


def threshold(done: Sequence[Misdirected]) -> float:
    """The score above which at most the allowed share of right recipients lies: how the detector's own was chosen."""
    scores = sorted((score for one in done for score in one.right_scores), reverse=True)
    allowed = int(ALLOWED * sum(one.right for one in done))
    return scores[allowed] if len(scores) > allowed else 0.0


def _shares(done: Sequence[Misdirected]) -> dict[str, Share]:
    wrong, flagged = [each for one in done for each in one.wrong], sum(one.flagged for one in done)
    return {
        "ranked_first": Share(sum(one.is_first for one in wrong), len(wrong)),
        "found": Share(sum(one.is_found for one in wrong), len(wrong)),
        "right_flagged": Share(flagged, sum(one.right for one in done)),
        "right_flagged_of_accompanied": Share(flagged, sum(one.accompanied for one in done)),
    }


def plain_misdirected(done: Sequence[Misdirected]) -> dict[str, Any]:
    """The figures as JSON holds them."""
    return {
        "organisations": len(done),
        "messages": sum(one.messages for one in done),
        "threshold_of_these": threshold(done),
        **{name: share.plain() for name, share in _shares(done).items()},
        "by": {
            f"{name}: {value}": {"first": first.plain(), "found": caught.plain()}
            for name, value, first, caught in _breakdown(done)
        },
    }


def _traits(done: Misdirected, each: Wrong) -> dict[str, str]:
    """By what wrong recipients are told apart in tables."""
    return {
        "wrong recipient": each.stray.way,
        "of the company of a right one": "yes" if each.stray.same_company else "no",
        "right recipients": "3 and more" if each.beside > 2 else str(each.beside),
        "its sender's earlier mails": next(words for least, words in reversed(_WRITTEN) if each.stray.written >= least),
        "days before the window": str(done.days),
        "evidence": _SHAPES[done.seed % len(_SHAPES)],
    }


def _breakdown(done: Sequence[Misdirected]) -> list[tuple[str, str, Share, Share]]:
    groups: dict[tuple[str, str], list[Wrong]] = {}
    for one in done:
        for each in one.wrong:
            for trait in _traits(one, each).items():
                groups.setdefault(trait, []).append(each)
    return [
        (
            name,
            value,
            Share(sum(one.is_first for one in group), len(group)),
            Share(sum(one.is_found for one in group), len(group)),
        )
        for (name, value), group in sorted(groups.items())
    ]


def told_of_misdirected(done: Sequence[Misdirected], judged: str) -> str:
    """The figures as people read them; `judged` says from what."""
    shares = _shares(done)
    lines = [
        f"Misdirected mail, judged {judged}: {len(done)} organisations, {sum(one.messages for one in done):,} messages",
        f"  wrong recipient ranked first  {shares['ranked_first'].told()}   target above 82 %",
        f"  found                         {shares['found'].told()}   target 87 %",
        f"  right recipients flagged      {shares['right_flagged'].told()}   at most 0.5 %",
        f"    of those beside an outsider {shares['right_flagged_of_accompanied'].told()}",
        f"  these organisations would put the threshold at {threshold(done):.3f}",
        "",
    ]
    rows = [(name, value, first.told(), caught.told()) for name, value, first, caught in _breakdown(done)]
    return "\n".join(lines) + table(("by", "", "ranked first", "found"), rows)
