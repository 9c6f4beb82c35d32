"""What a person reads about an outsider that looks misplaced: every figure that counted, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Outsider", "features", "sentence"]


@dataclass(frozen=True, slots=True)
class Outsider:
    """One outsider beside others, as `counting.outsiders_in_company` describes it."""

    message_key: str
    address: str
    sender: str
    best: str
    twin: str
    usual: str
    outsiders: int
    seen: int
    met: int
    days: int
    beside: int
    same_firm: bool
    firms_met: bool
    best_met: int
    usual_met: int
    written: int
    written_new: int
    in_thread: int
    thread: int
    without: int
    later: int
    later_beside: int
    later_best: int
    later_in_it: int
    later_thread: int
    later_without: int


def features(one: Outsider) -> tuple[tuple[str, str], ...]:
    """The figures by name, as a person can check them."""
    shown: list[tuple[str, object]] = [
        ("outsiders in To and Cc", one.outsiders), ("earlier messages of the thread", one.thread), ("with it", one.in_thread),
        ("earlier messages beside one of the others", one.beside), ("its company is addressed too", _yes(one.same_firm)),
        ("companies met before", _yes(one.firms_met)), ("earlier messages with this sender", one.met), ("days since the last", one.days if one.met else "-"),
        ("this sender's with the best known of the others", one.best_met), ("earlier messages with anybody", one.seen),
        ("this sender's earlier addressings of outsiders", one.written), ("of these, of somebody new", one.written_new),
        ("this sender's earlier messages to exactly the others", one.without), ("later ones", one.later_without),
        ("later messages of the thread", one.later_thread), ("later of them with it", one.later_in_it),
        ("later messages of other threads beside one of the others", one.later_beside), ("with this sender", one.later),
        ("this sender's with the best known of the others, later", one.later_best),
    ]  # fmt: skip
    if one.twin or one.usual:
        shown.append(("resembles", one.twin or one.usual))
    return tuple((name, str(value)) for name, value in shown)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _messages(count: int) -> str:
    return f"{count} message{'s' * (count != 1)}"


def sentence(one: Outsider, as_odd: int, compared: int) -> str:
    """Why it is shown, and how many of the outsiders that were compared are as odd."""
    others = one.outsiders - 1
    text = f"{one.address} stands in To or Cc beside {others} other outsider{'s' * (others != 1)}"
    text += ". " + " ".join(filter(None, (_thread(one), _beside(one), _sender(one), _afterwards(one), _name(one))))
    return (
        f"{text} Of {compared} recipients in the window that stand beside another outsider, {as_odd} look{'s' * (as_odd == 1)} as misplaced. "
        "It may have been meant all the same, as with somebody newly introduced: ask the sender."
    )


def _thread(one: Outsider) -> str:
    if not one.thread or one.in_thread:
        return ""
    return f"Others exchanged {_messages(one.thread)} under this subject before, none with it."


def _beside(one: Outsider) -> str:
    if one.beside:
        return f"It shared at most {_messages(one.beside)} with any of them before."
    if one.same_firm:
        return "It never shared a message with any of them before, though one is of its company."
    if one.firms_met:
        return "It never shared a message with any of them before, though others of its company did."
    return "Neither it nor anybody of its company ever shared a message with them before."


def _sender(one: Outsider) -> str:
    rate = (
        f"; {one.written_new} of its {one.written} earlier addressings of outsiders were of somebody new" if one.written else ""
    )
    best = f"with {one.best} it had {_messages(one.best_met) if one.best_met else 'none'}"
    if not one.met:
        others = f" (others did, in {_messages(one.seen)})" if one.seen else ", and no earlier mail in the evidence names it"
        return f"The sender {one.sender} had no tie to it before{others}{rate}; {best}."
    last = "the same day" if not one.days else f"{one.days} day{'s' * (one.days != 1)} before"
    return f"The sender {one.sender} had {_messages(one.met)} with it before, the last {last}; {best}."


def _afterwards(one: Outsider) -> str:
    if one.later_beside:
        return f"Later it shared {_messages(one.later_beside)} of other threads with one of them."
    if one.later_thread and not one.later_in_it:
        return f"The thread went on in {_messages(one.later_thread)}, none with it."
    went_on = max(one.later_best, one.later_without)
    return (
        f"Later the sender had {_messages(went_on)} with one of the others, and no other thread brought them together."
        if went_on
        else ""
    )


def _name(one: Outsider) -> str:
    if one.twin:
        return f"Its address resembles that of {one.twin}, who is addressed too."
    if one.usual:
        return (
            f"Its address resembles that of {one.usual}, who is missing here and had {_messages(one.usual_met)} with this sender."
        )
    return ""
