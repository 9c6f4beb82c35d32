"""What an organisation sends on ordinary days: conversations, invoices, alerts, newsletters, and what it receives."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import accumulate

from benchmarks.detection.organisation import App, Mail, Organisation

__all__ = ["Traffic", "ordinary"]

_STREAM = "outbound"


@dataclass(slots=True)
class Traffic:
    """All mail of an organisation, and the places from which look-alikes and attackers pick."""

    organisation: Organisation
    mails: list[Mail]
    by_sender: dict[str, list[Mail]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for mail in self.mails:
            if mail.kind != "incoming":
                self.by_sender.setdefault(mail.sender, []).append(mail)

    def writers(self, least: int, kind: str = "person") -> list[str]:
        """Senders of one kind of mail who wrote at least so many."""
        return [one for one, mails in self.by_sender.items() if len(mails) >= least and mails[0].kind == kind]

    def add(self, mail: Mail) -> None:
        """One more mail, such as an innocent's answer."""
        self.mails.append(mail)


@dataclass(slots=True)
class _Parties:
    """Customers and staff, some busier than others; who looks after whom, and which customers work together."""

    organisation: Organisation
    staff: list[float] = field(init=False)
    firms: list[float] = field(init=False)
    teams: list[list[str]] = field(init=False)
    allies: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        rng, count = self.organisation.rng("parties"), len(self.organisation.customers)
        self.staff = list(accumulate(rng.paretovariate(1.1) for _ in self.organisation.people))
        self.firms = list(accumulate(min(rng.paretovariate(0.9), 200) for _ in range(count)))
        self.teams = [[self.writer(rng) for _ in range(rng.choice((1, 1, 2, 4)))] for _ in range(count)]
        self.allies = [[rng.randrange(count) for _ in range(rng.choice((1, 1, 2)))] for _ in range(count)]

    def writer(self, rng: random.Random) -> str:
        return rng.choices(self.organisation.people, cum_weights=self.staff)[0]

    def number(self, rng: random.Random, at: float) -> int:
        """A customer of that day, by number."""
        numbers = range(len(self.organisation.customers))
        for _ in range(8):
            number = rng.choices(numbers, cum_weights=self.firms)[0]
            if self.organisation.joined[number] <= at:
                return number
        return 0

    def firm(self, rng: random.Random, at: float) -> list[str]:
        """The people of a customer of that day."""
        return self.organisation.customers[self.number(rng, at)]

    def owner(self, rng: random.Random, number: int) -> str:
        """Who writes to a customer: mostly those who look after it."""
        return rng.choice(self.teams[number]) if rng.random() < 0.8 else self.writer(rng)

    def third(self, rng: random.Random, number: int, at: float) -> str:
        """Somebody of another company who is copied: mostly one that the customer works with."""
        ally = rng.choice(self.allies[number])
        known = rng.random() < 0.85 and self.organisation.joined[ally] <= at
        return rng.choice(self.organisation.customers[ally] if known else self.firm(rng, at))


def ordinary(organisation: Organisation) -> Traffic:
    """The mail of an organisation without look-alikes and without an attack, in no order."""
    rng, parties = organisation.rng("traffic"), _Parties(organisation)
    wanted = {kind: round(organisation.messages * share) for kind, share in organisation.mixture.items()}
    mails: list[Mail] = []
    while len(mails) < wanted["person"]:
        mails += _conversation(organisation, parties, rng)
    for kind in ("transaction", "alert", "bulk"):
        apps = [one for one in organisation.apps if one.kind == kind]
        total = sum(one.weight for one in apps)
        for app in apps:
            mails += _program(organisation, parties, rng, app, round(wanted[kind] * app.weight / total))
    return Traffic(organisation, [mail for mail in mails if organisation.begin <= mail.at < organisation.end])


def _conversation(organisation: Organisation, parties: _Parties, rng: random.Random) -> list[Mail]:
    """One thread as our side sends it, with a stable set of parties, and the answers where own logs would show them."""
    at = organisation.rhythm.moment(rng, office=True)
    number = parties.number(rng, at)
    firm, owner = organisation.customers[number], parties.owner(rng, number)
    if rng.random() < 0.12:  # among colleagues
        to: tuple[str, ...] = (parties.writer(rng),)
    else:
        to = tuple(dict.fromkeys(rng.choices(firm, k=min(len(firm), rng.choice((1, 1, 1, 2, 3))))))
    copied = [parties.writer(rng) for _ in range(rng.choice((0, 0, 0, 1, 1, 2)))]
    if rng.random() < 0.08:
        copied.append(parties.third(rng, number, at))
    cc = tuple(dict.fromkeys(one for one in copied if one not in to))
    subject = f"matter {rng.getrandbits(40):x}"
    server, stream = organisation.hosts[hash_of(owner) % len(organisation.hosts)], _STREAM
    mails = []
    for _ in range(1 + min(int(rng.expovariate(0.45)), 14)):
        writer = (
            owner if rng.random() < 0.85 or not cc else next((one for one in cc if one in parties.organisation.people), owner)
        )
        mails.append(Mail(at, writer, to, cc, subject, server, stream, "person"))
        at += rng.expovariate(1.2) + 0.01
        if at >= organisation.end:
            break
        if organisation.logs and rng.random() < 0.6:
            mails.append(Mail(at - 0.005, to[0], (owner,), cc, subject, server, stream, "incoming"))
        if rng.random() < 0.04:  # somebody new is drawn in
            cc = (*cc, rng.choice(firm))
        if rng.random() < 0.03:  # forwarded
            mails.append(Mail(at, owner, (rng.choice(parties.firm(rng, at)),), (), subject, server, stream, "person"))
    return [one for one in mails if one.kind != "incoming" or one.sender not in organisation.people]


def hash_of(text: str) -> int:
    """A number that does not change from run to run, as Python's own hash does."""
    return sum(ord(letter) * place for place, letter in enumerate(text, 1))


def _program(organisation: Organisation, parties: _Parties, rng: random.Random, app: App, count: int) -> list[Mail]:
    if app.kind == "bulk":
        return _campaigns(organisation, rng, app, count)
    mails = []
    watchers = [parties.writer(rng) for _ in range(rng.randint(1, 4))]
    office = rng.random() < 0.5
    for number in range(count):
        at = organisation.rhythm.moment(rng, office=office)
        if app.kind == "alert":
            to = tuple(dict.fromkeys(watchers)) if rng.random() < 0.8 else (rng.choice(parties.firm(rng, at)),)
        else:
            to = (rng.choice(parties.firm(rng, at)),)
        subject = f"{app.address} {number if rng.random() < 0.5 else 'notice'}"
        cc = (watchers[0],) if rng.random() < 0.03 and watchers[0] not in to else ()
        mails.append(Mail(at, app.address, to, cc, subject, app.server, app.stream, app.kind))
    return mails


def _campaigns(organisation: Organisation, rng: random.Random, app: App, count: int) -> list[Mail]:
    """Newsletters: one mail a reader, all within some hours."""
    people = [one for firm in organisation.customers for one in firm]
    readers = rng.sample(people, max(1, round(len(people) * rng.uniform(0.1, 0.9))))
    mails: list[Mail] = []
    while len(mails) < count:
        at, length = organisation.rhythm.moment(rng, office=True), rng.uniform(0.02, 0.3)
        subject = f"news {rng.getrandbits(32):x}"
        mails += [
            Mail(at + rng.random() * length, app.address, (reader,), (), subject, app.server, app.stream, "bulk")
            for reader in readers[: count - len(mails)]
        ]
    return mails
