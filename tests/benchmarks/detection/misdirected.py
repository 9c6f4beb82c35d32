"""One wrong recipient in a message: chosen by chance, put in openly, and ranked by the detector `misdirected` among the right ones.

The detector is asked for one finding for each suspicious (message, recipient), with a score; what it is silent of scores 0.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.detection.figures import Share, table
from benchmarks.detection.judging import laid_out
from benchmarks.detection.organisation import Mail, Organisation, Ranges, found
from benchmarks.detection.records import START, key_of, observations
from benchmarks.detection.traffic import ordinary
from forensics.incident import Incident
from forensics.model import Window
from forensics.plugins import Detector, Scope, discover
from forensics.policy import Policy

__all__ = ["Misdirected", "Wrong", "detector", "misdirected", "plain_misdirected", "told_of_misdirected"]

NAME = "misdirected"
ALLOWED = 0.005  # of right recipients that may be flagged
# of the messages after the split, by how many right recipients they have: so few get a wrong one that it cannot be learnt, and
# about as many with one right recipient as with several
_SHARES = (0.0, 0.02, 0.1, 0.1)
_SHAPES = ("search", "archive")  # To and Cc must be known
_WAYS = (("own correspondent", 4), ("namesake", 3), ("correspondent of others", 2), ("mistyped domain", 1))


@dataclass(frozen=True, slots=True)
class Wrong:
    """A recipient that was put in: how it was chosen, beside how many right ones, its score, and whether that alone is the highest."""

    way: str
    beside: int
    sender: str
    score: float
    is_first: bool


@dataclass(frozen=True, slots=True)
class Misdirected:
    """One organisation: wrong recipients, how many right ones there were after the split, and the scores above 0 of those."""

    seed: int
    messages: int
    wrong: tuple[Wrong, ...]
    right: int
    right_scores: tuple[float, ...]


def detector() -> Detector | None:
    """The detector, if there is one."""
    return next((one.plugin for one in discover("detectors") if one.name == NAME and one.plugin is not None), None)


def misdirected(seed: int, ranges: Ranges, asked: Detector, messages: int = 0) -> Misdirected:
    """An organisation without look-alikes, split at the window's start: mail from before is history, mail inside is the exam."""
    history = tuple(one for one in ranges.before if one > 0)
    organisation = found(seed, replace(ranges, before=history, messages=(2_000, 20_000), skew=1), messages)
    organisation.shape = _SHAPES[seed // 2 % len(_SHAPES)]  # every other seed serves to settle the threshold
    mails = sorted(ordinary(organisation).mails, key=lambda mail: mail.at)
    truth = injected(organisation, mails)
    policy, incident = Policy(domains=organisation.domains), Incident(title="a split in time", window=Window(START))
    connection = laid_out(observations(organisation, mails), policy, incident)
    scores: dict[str, dict[str, float]] = {}
    for one in asked.detect(connection, Scope(incident, policy)):
        known = scores.setdefault(one.message_key, {})
        known[one.address] = max(known.get(one.address, 0.0), one.score)
    # only the exam: mail of ours whose To and Cc are on record
    rows = connection.execute(
        "SELECT message_key, list(address), any_value(sender) FROM copies WHERE visible AND judged AND in_window AND NOT own GROUP BY message_key"
    ).fetchall()
    connection.close()
    return _compared(seed, len(mails), truth, scores, rows)


def injected(organisation: Organisation, mails: Sequence[Mail]) -> dict[str, tuple[str, str]]:
    """Put a wrong recipient into a few mails inside the window: message key -> (address, how it was chosen). Mails are in order of time."""
    rng = organisation.rng("misdirected")
    met: dict[str, dict[str, None]] = {}
    everybody: dict[str, None] = {}
    truth: dict[str, tuple[str, str]] = {}
    own = organisation.domains
    for number, mail in enumerate(mails):
        right = [one for one in (*mail.to, *mail.cc) if one.rpartition("@")[2] not in own]
        if mail.at >= 0 and mail.kind == "person" and right and rng.random() < _SHARES[min(len(right), 3)]:
            way = rng.choices([name for name, _ in _WAYS], [weight for _, weight in _WAYS])[0]
            address = _stray(organisation, rng, way, right, list(met.get(mail.sender, ())), list(everybody))
            if address and address not in (*mail.to, *mail.cc):
                if rng.random() < 0.5:
                    mail.to = (*mail.to, address)
                else:
                    mail.cc = (*mail.cc, address)
                truth[key_of(organisation.shape, number, mail)] = address, way
        met.setdefault(mail.sender, {}).update(dict.fromkeys(right))
        everybody.update(dict.fromkeys(right))
    return truth


def _stray(
    organisation: Organisation, rng: random.Random, way: str, right: list[str], met: list[str], everybody: list[str]
) -> str:
    """An address that does not belong to the mail, at a domain that is not among the right ones; "" if chance finds none."""
    local, _, domain = rng.choice(right).partition("@")
    if way == "mistyped domain":
        return f"{local}@{organisation.names.resembling(domain)}"
    choice = met if way == "own correspondent" else everybody
    if way == "namesake":
        choice = [one for one in everybody if one[:3] == local[:3]]
    elif way == "correspondent of others":
        known = set(met)
        choice = [one for one in everybody if one not in known]
    domains = {one.rpartition("@")[2] for one in right}
    strangers = [one for one in choice if one.rpartition("@")[2] not in domains]
    return rng.choice(strangers) if strangers else ""


def _compared(
    seed: int,
    messages: int,
    truth: Mapping[str, tuple[str, str]],
    scores: Mapping[str, Mapping[str, float]],
    rows: Sequence[tuple[Any, ...]],
) -> Misdirected:
    wrong, right, right_scores = [], 0, []
    for key, addresses, sender in rows:
        said = scores.get(key, {})
        address, way = truth.get(key, ("", ""))
        others = [said.get(one, 0.0) for one in addresses if one != address]
        right += len(others)
        right_scores += [one for one in others if one > 0]
        if address:
            score = said.get(address, 0.0)
            wrong.append(Wrong(way, len(others), sender, score, score > max(others, default=0.0)))
    return Misdirected(seed, messages, tuple(wrong), right, tuple(sorted(right_scores, reverse=True)))


def threshold(done: Sequence[Misdirected]) -> float:
    """The score above which at most the allowed share of right recipients lies."""
    scores = sorted((score for one in done for score in one.right_scores), reverse=True)
    allowed = int(ALLOWED * sum(one.right for one in done))
    return scores[allowed] if len(scores) > allowed else 0.0


def _shares(done: Sequence[Misdirected]) -> tuple[Share, Share, Share]:
    """Ranked first; found and wrongly flagged in one half of the organisations, above a threshold taken from the other half."""
    settle, test = done[::2], done[1::2] or done
    least = threshold(settle)
    wrong = [each for one in test for each in one.wrong]
    flagged = sum(score > least for one in test for score in one.right_scores)
    every = [each for one in done for each in one.wrong]
    return (
        Share(sum(one.is_first for one in every), len(every)),
        Share(sum(one.score > least for one in wrong), len(wrong)),
        Share(flagged, sum(one.right for one in test)),
    )


def plain_misdirected(done: Sequence[Misdirected]) -> dict[str, Any]:
    """The figures as JSON holds them."""
    first, caught, flagged = _shares(done)
    return {
        "organisations": len(done),
        "messages": sum(one.messages for one in done),
        "ranked_first": first.plain(),
        "found": caught.plain(),
        "right_flagged": flagged.plain(),
        "by": {f"{name}: {value}": share.plain() for name, value, share in _breakdown(done)},
    }


def _breakdown(done: Sequence[Misdirected]) -> list[tuple[str, str, Share]]:
    groups: dict[tuple[str, str], list[bool]] = {}
    senders: dict[tuple[int, str], list[bool]] = {}
    for one in done:
        for each in one.wrong:
            groups.setdefault(("wrong recipient", each.way), []).append(each.is_first)
            groups.setdefault(("right recipients", "3 and more" if each.beside > 2 else str(each.beside)), []).append(
                each.is_first
            )
            senders.setdefault((one.seed, each.sender), []).append(each.is_first)
    shares = [(name, value, Share(sum(hits), len(hits))) for (name, value), hits in sorted(groups.items())]
    return [*shares, ("senders", "all of theirs first", Share(sum(map(all, senders.values())), len(senders)))]


def told_of_misdirected(done: Sequence[Misdirected]) -> str:
    """The figures as people read them."""
    first, caught, flagged = _shares(done)
    lines = [
        f"Misdirected mail: {len(done)} organisations, {sum(one.messages for one in done):,} messages",
        f"  wrong recipient ranked first  {first.told()}   target above 82 %",
        f"  found                         {caught.told()}   target 87 %",
        f"  right recipients flagged      {flagged.told()}   at most 0.5 %",
        "",
        table(("ranked first, by", "", ""), [(name, value, share.told()) for name, value, share in _breakdown(done)]),
    ]
    return "\n".join(lines)
