"""Invented names: people, companies and mailboxes, all on the reserved domain `example`.

Attackers and innocents draw from the same lists: no name may give away who is who. The one exception to `example` are mailbox
providers that the detectors' own table names: half of the private mailboxes lie there.
"""

from __future__ import annotations

import random

from benchmarks.detection.services import mailbox_providers

__all__ = ["Namer"]

_BEGINNINGS = (
    "al", "bar", "ber", "bro", "cal", "cor", "dal", "del", "don", "el", "far", "fen", "gar", "gil", "hal", "har", "in", "jor", "kal", "ken",
    "lan", "lin", "mar", "mel", "nor", "ol", "par", "pel", "quin", "ran", "ros", "sal", "sol", "tar", "tol", "ul", "van", "vel", "wal", "yor", "zan",
)  # fmt: skip
_MIDDLES = ("", "a", "e", "i", "o", "u", "an", "en", "is", "or", "ai", "eth", "ri", "lo", "ma", "ne", "ta", "vi")
_ENDINGS = ("co", "dale", "den", "ford", "ham", "ix", "land", "ley", "line", "mont", "nia", "ra", "ric", "sen", "son", "stad", "ton", "vik", "well", "wick")  # fmt: skip
_TRADES = (
    "",
    "",
    "",
    "-group",
    "-trade",
    "-works",
    "-labs",
    "-mail",
    "-cloud",
    "-shop",
    "-systems",
    "-desk",
    "-care",
    "-logistics",
)
_FIRST = (
    "ada", "alan", "amir", "anja", "ben", "carla", "chen", "dana", "david", "elif", "emma", "erik", "fatima", "georg", "hana", "ivan", "jana", "jonas",
    "karl", "lea", "lena", "luis", "maria", "mats", "mia", "nadia", "nils", "olga", "omar", "paul", "petra", "priya", "rosa", "sam", "sara", "sven",
    "tim", "ute", "vera", "yuki",
)  # fmt: skip
_BOXES = (
    "archive", "inbox", "copy", "records", "mail", "store", "drop", "collect", "backup", "in", "intake", "log", "sync", "box", "report", "service",
)  # fmt: skip
FREEMAIL = ("freemail.example", "postfach.example", "webpost.example", "mailbox.example")


class Namer:
    """Names that do not repeat within one organisation; the same seed gives the same names."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        known, own = mailbox_providers(), random.Random(rng.random())  # so that a longer table moves no other name
        self.freemail = (*FREEMAIL, *own.sample(known, min(len(known), len(FREEMAIL))))
        self._taken = set(self.freemail)

    def word(self) -> str:
        """A word that could be a family or a company."""
        choice = self._rng.choice
        return choice(_BEGINNINGS) + choice(_MIDDLES) + choice(_ENDINGS)

    def domain(self) -> str:
        """A company's domain, new."""
        for attempt in range(1_000):
            name = self.word() + self._rng.choice(_TRADES) + (str(attempt) if attempt > 20 else "")
            if f"{name}.example" not in self._taken:
                self._taken.add(f"{name}.example")
                return f"{name}.example"
        raise AssertionError

    def person(self) -> str:
        """The local part of a person's mailbox."""
        first, last = self._rng.choice(_FIRST), self.word()
        return self._rng.choice(
            (f"{first}.{last}", f"{first[0]}.{last}", f"{first}{last}", first, f"{last}{self._rng.randrange(1, 99)}")
        )

    def people(self, count: int, domain: str) -> list[str]:
        """Mailboxes of different people at one domain."""
        found: dict[str, None] = {}
        while len(found) < count:
            local = self.person()
            found[f"{local}@{domain}" if f"{local}@{domain}" not in found else f"{local}.{len(found)}@{domain}"] = None
        return list(found)

    def mailbox(self) -> str:
        """A local part that might be a machine's or a person's: what archives, services and attackers use alike."""
        rng = self._rng
        if rng.random() < 0.4:
            return self.person()
        if rng.random() < 0.3:
            return "".join(rng.choices("abcdefghijkmnpqrstuvwxyz23456789", k=rng.randint(6, 14)))
        return rng.choice(_BOXES) + rng.choice(("", "", str(rng.randrange(1, 999)), "-" + rng.choice(_BOXES)))

    def private(self) -> str:
        """A private mailbox at a freemail provider, new."""
        while True:
            local = self.person() if self._rng.random() < 0.7 else self.mailbox()
            address = f"{local}{self._rng.randrange(10, 9999)}@{self._rng.choice(self.freemail)}"
            if address not in self._taken:
                self._taken.add(address)
                return address

    def resembling(self, domain: str) -> str:
        """A domain that differs from another one by a letter or a hyphenated word."""
        rng = self._rng
        label = domain.partition(".")[0]
        for _ in range(100):
            place = rng.randrange(1, len(label))
            changed = rng.choice((
                label[:place] + label[place - 1] + label[place:],  # a letter doubled
                label[:place] + label[place + 1 :],  # left out
                label[: place - 1] + label[place] + label[place - 1] + label[place + 1 :] if place < len(label) else label,  # swapped
                label + rng.choice(("-mail", "-online", "-support")),
                label.replace("l", "1", 1).replace("o", "0", 1),
            ))  # fmt: skip
            if changed != label and not changed.startswith("-") and f"{changed}.example" not in self._taken:
                self._taken.add(f"{changed}.example")
                return f"{changed}.example"
        return self.domain()
