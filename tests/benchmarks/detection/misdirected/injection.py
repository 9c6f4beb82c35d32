"""Wrong recipients: one put into a few mails inside the window, drawn as slips happen, from what was known at that moment.

The literature on misdirected mail draws a wrong recipient from the sender's address book, with or without the same first letters as a
right one, or from elsewhere (Carvalho and Cohen, SDM 2007); mistyped addresses are added here. Where a thread goes on, answers to all
carry the wrong one on until somebody notices: those mails are no exam of their own, nor is it a right recipient of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from benchmarks.detection.organisation import Mail, Organisation
from benchmarks.detection.records import key_of

__all__ = ["Stray", "injected"]

SHARE = 0.04  # of people's mails inside the window that get a wrong recipient: so few that it cannot be learnt from them
_WAYS = (("namesake", 3), ("own correspondent", 3), ("correspondent of others", 2), ("mistyped", 1), ("wrong provider", 1))
_CARRIED = 0.5  # of the next mails of the thread, each time
_THREAD_DAYS = 30
_LETTERS = 3  # that a namesake shares with a right recipient: what a mail program completes


@dataclass(frozen=True, slots=True)
class Stray:
    """How a wrong recipient was chosen, how many mails its sender had written to outsiders, and whether a right one is of its company.

    `is_carried`: it stands there because an answer went to all.
    """

    way: str
    written: int
    same_company: bool
    is_carried: bool = False


@dataclass(frozen=True, slots=True)
class _Slip:
    """A wrong recipient in a thread that may go on among these right ones."""

    at: float
    address: str
    stray: Stray
    right: frozenset[str]


@dataclass(slots=True)
class _Known:
    """What is known when a mail is written: each sender's address book and count of mails, and everybody's."""

    books: dict[str, dict[str, None]] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    everybody: dict[str, None] = field(default_factory=dict)

    def learn(self, mail: Mail, outside: Sequence[str]) -> None:
        """Take in a mail that was sent."""
        self.books.setdefault(mail.sender, {}).update(dict.fromkeys(outside))
        self.written[mail.sender] = self.written.get(mail.sender, 0) + bool(outside)
        self.everybody.update(dict.fromkeys(outside))


def injected(organisation: Organisation, mails: Sequence[Mail]) -> dict[str, tuple[str, Stray]]:
    """Put a wrong recipient openly into some mails, which are in order of time: message key -> (address, how it came there)."""
    rng, known = organisation.rng("misdirected"), _Known()
    truth: dict[str, tuple[str, Stray]] = {}
    slips: dict[str, _Slip] = {}  # by subject
    for number, mail in enumerate(mails):
        right = [one for one in (*mail.to, *mail.cc) if one.rpartition("@")[2] not in organisation.domains]
        slip = slips.pop(mail.subject, None)
        if slip and _goes_on(slip, mail) and rng.random() < _CARRIED:
            mail.cc = (*mail.cc, slip.address)
            truth[key_of(organisation.shape, number, mail)] = slip.address, replace(slip.stray, is_carried=True)
            slips[mail.subject] = slip
        elif mail.at >= 0 and mail.kind == "person" and right and rng.random() < SHARE:
            way = rng.choices([name for name, _ in _WAYS], [weight for _, weight in _WAYS])[0]
            address = _stray(organisation, rng, way, rng.choice(right), mail.sender, known)
            if address and address not in (*mail.to, *mail.cc):
                in_to = rng.random() < 0.5
                mail.to, mail.cc = (*mail.to, address) if in_to else mail.to, mail.cc if in_to else (*mail.cc, address)
                domain = address.rpartition("@")[2]
                same = domain not in organisation.names.freemail and any(one.endswith(f"@{domain}") for one in right)
                stray = Stray(way, known.written.get(mail.sender, 0), same)
                truth[key_of(organisation.shape, number, mail)] = address, stray
                slips[mail.subject] = _Slip(mail.at, address, stray, frozenset(right))
        known.learn(mail, right)
    return truth


def _goes_on(slip: _Slip, mail: Mail) -> bool:
    """Whether a mail of the same subject belongs to the thread, so that an answer to all could carry the wrong recipient on."""
    parties = {mail.sender, *mail.to, *mail.cc}
    return (
        mail.kind in {"person", "incoming"}
        and mail.at - slip.at < _THREAD_DAYS
        and slip.address not in parties
        and not slip.right.isdisjoint(parties)
    )


def _stray(organisation: Organisation, rng: random.Random, way: str, near: str, sender: str, known: _Known) -> str:
    """An address that does not belong to a mail in which `near` is right; "" if chance finds none."""
    local, _, domain = near.partition("@")
    if way == "mistyped":
        return f"{_slipped(rng, local)}@{domain}" if rng.random() < 0.4 else f"{local}@{organisation.names.resembling(domain)}"
    if way == "wrong provider":  # the private mailbox of somebody who has the same name
        return f"{local}@{rng.choice(organisation.names.freemail)}"
    book = known.books.get(sender, {})
    choice = list(book)
    if way == "namesake":
        choice = [one for one in book if one[:_LETTERS] == local[:_LETTERS] and one != near]
        choice = choice or [one for one in known.everybody if one[:_LETTERS] == local[:_LETTERS] and one != near]
    elif way == "correspondent of others":
        choice = [one for one in known.everybody if one not in book]
    return rng.choice(choice) if choice else ""


def _slipped(rng: random.Random, local: str) -> str:
    """A local part with one slip of a finger: a letter left out, doubled or swapped with its neighbour."""
    if len(local) < 4:
        return local + local[-1]
    place = rng.randrange(1, len(local) - 1)
    way = rng.randrange(3)
    if way == 0:
        return local[:place] + local[place + 1 :]
    if way == 1:
        return local[:place] + local[place] + local[place:]
    return local[:place] + local[place + 1] + local[place] + local[place + 2 :]
