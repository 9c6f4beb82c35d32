"""What a person reads about a recipient that may be blind: sentences and figures, the same for all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from forensics.dates import readable, zulu
from forensics.detectors.blind_copy.unit import MIN_BASELINE, Unit

__all__ = ["features", "sentence"]


def features(unit: Unit, start: datetime | None) -> tuple[tuple[str, str], ...]:
    """Every figure that counted, by name, as a person can check it."""
    shown: list[tuple[str, Any]] = [
        ("messages", unit.messages), ("known to be blind", unit.known_blind), ("threads", unit.threads), ("senders", unit.senders),
        ("share", f"{unit.share:.0%}"), ("messages of these senders in that time", unit.of_sent[1]),
        ("messages of these senders before the window", unit.before), ("and in it before the first copy", unit.ahead),
        ("messages of its most frequent sender", unit.main), ("first seen", zulu(unit.first_use)),
        ("ever in To or Cc", "yes" if unit.ever_visible else "no"), ("ever wrote to us", "yes" if unit.wrote else "no"),
        ("messages with other addressees", unit.accompanied), ("messages to it alone", unit.alone), ("the only stranger in", unit.sole), ("external parties beside it", unit.partners),
        ("messages with its most frequent companion", unit.most),
        ("messages that anybody else received", unit.together), ("different company", unit.groups),
        ("of these senders' sets of addressees with several", f"{unit.several_sets} of {unit.sets}"),
    ]  # fmt: skip
    if unit.addresses > 1:
        shown.append(("addresses of its domain", unit.addresses))
    if unit.rotation:
        shown.append(("recipients that took turns", unit.rotation))
    shown.append(
        (
            "points",
            f"{unit.points(start):+.1f} of {unit.wanted:+.1f} wanted: "
            + ", ".join(f"{name} {value:+.1f}" for name, value in unit.weights(start).items()),
        )
    )
    return tuple((name, str(value)) for name, value in shown)


def sentence(named: str, unit: Unit, start: datetime | None, *, collector: bool) -> str:
    """Why this recipient is shown, with the figures and what they were compared with."""
    many = "s" * (unit.messages != 1)
    text = f"{named} received {unit.messages} message{many} in the window without standing in To or Cc"
    if unit.known_blind == 0:
        text += " as far as the logs tell (the headers of these messages are not in the evidence)"
    text += f". They went to {unit.threads} different sets of addressees and came from {unit.senders} sender{'s' * (unit.senders != 1)}"
    if unit.signed < unit.messages and unit.signed:
        text += f" ({unit.messages - unit.signed} of them name no sender)"
    _, sent = unit.of_sent
    if sent:
        text += f", {unit.share:.0%} of the {sent} messages that these senders sent in that time"
    text += ". " + _history(unit, start) + _beside(unit)
    if unit.alias_only:
        text += " Each copy came about behind an alias of a genuine address."
    if unit.rotation:
        text += (
            f" It is one of {unit.rotation} such recipients that took turns, none used before and hardly two at the same time."
        )
    if unit.related:
        text += " Other addresses of its domain are known from other mail."
    if unit.follows:
        text += f" It began when {unit.follows} ended, which had received {unit.followed} of these earlier messages: ask whether one replaced the other."
    if unit.came_with_its_senders:
        text += " It was there since the first mail of these senders, which is younger than the evidence: ask whether it was set up with them."
    if unit.service:
        text += f" It belongs to {unit.service}."
    if unit.is_stranger(start) and unit.may_be_somebodys and unit.points(start) < unit.wanted:
        text += " All but a few came from one sender, over too few messages, in company that hardly varies, to tell it from somebody who helps that sender."
    if not collector:
        text += " This is not the pattern of a collecting address."
    return text


def _history(unit: Unit, start: datetime | None) -> str:
    if unit.was_in_use(start):
        return f"It was in use before the window, since {readable(unit.first_use)} at the latest."
    facts = [
        "never stood in To or Cc" if not unit.ever_visible else "has also stood in To or Cc",
        "never wrote to us" if not unit.wrote else "has written to us",
    ]
    known = f"In the evidence it {' and '.join(facts)}."
    if unit.before >= MIN_BASELINE:
        return f"None of the {unit.compared} earlier messages of the same senders went to it. {known}"
    if unit.compared >= MIN_BASELINE:
        return (
            f"Next to nothing of these senders from before the window is in the evidence ({unit.before}), but none of the {unit.ahead} messages that "
            f"they sent in it before its first copy went to it. {known}"
        )
    return (
        f"There was nothing to compare with: only {unit.compared} earlier messages of these senders are in the evidence. {known}"
    )


def _beside(unit: Unit) -> str:
    if not unit.accompanied:
        return ""
    text = f" Beside it stood {unit.partners} other external part{'y' if unit.partners == 1 else 'ies'}"
    if unit.known_blind:
        return f"{text}, and in {unit.sole} of its messages it was the only blind stranger."
    alone = (
        f"it received {unit.alone} message{'s' * (unit.alone != 1)} alone" if unit.alone else "it never received a message alone"
    )
    return f"{text}; {alone}, while {unit.several_sets} of the {unit.sets} sets of addressees of these senders' mail have more than one."
