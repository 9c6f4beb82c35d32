"""Wrong recipients: one put into a few mails inside the window, drawn as slips happen, from what was known at that moment.

The literature on misdirected mail draws a wrong recipient from the sender's address book, with or without the same first letters as a
right one, or from elsewhere (Carvalho and Cohen, SDM 2007); mistyped addresses are added here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.detection.organisation import Mail, Organisation
from benchmarks.detection.records import key_of

__all__ = ["Stray", "injected"]

SHARE = 0.04  # of people's mails inside the window that get a wrong recipient: so few that it cannot be learnt from them
_WAYS = (("namesake", 3), ("own correspondent", 3), ("correspondent of others", 2), ("mistyped", 1), ("wrong provider", 1))
_LETTERS = 3  # that a namesake shares with a right recipient: what a mail program completes


@dataclass(frozen=True, slots=True)
class Stray:
    """How a wrong recipient was chosen, how many mails its sender had written to outsiders, and whether a right one is of its company."""

    way: str
    written: int
    same_company: bool


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
    for number, mail in enumerate(mails):
        right = [one for one in (*mail.to, *mail.cc) if one.rpartition("@")[2] not in organisation.domains]
        if mail.at >= 0 and mail.kind == "person" and right and rng.random() < SHARE:
            way = rng.choices([name for name, _ in _WAYS], [weight for _, weight in _WAYS])[0]
            address = _stray(organisation, rng, way, rng.choice(right), mail.sender, known)
            if address and address not in (*mail.to, *mail.cc):
                in_to = rng.random() < 0.5
                mail.to, mail.cc = (*mail.to, address) if in_to else mail.to, mail.cc if in_to else (*mail.cc, address)
                domain = address.rpartition("@")[2]
                same = domain not in organisation.names.freemail and any(one.endswith(f"@{domain}") for one in right)
                truth[key_of(organisation.shape, number, mail)] = address, Stray(way, known.written.get(mail.sender, 0), same)
        known.learn(mail, right)
    return truth


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
