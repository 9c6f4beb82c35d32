"""Attackers who have mail copied to themselves: to which addresses, of whose mail, how much of it, and for how long."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from benchmarks.detection.organisation import Mail, Organisation
from benchmarks.detection.traffic import Traffic

__all__ = ["LEAST", "STYLES", "Attack", "add_attack"]

LEAST = 5  # messages that go to one domain of an attacker's at least
STYLES = ("constant", "constant", "several", "rotating", "look-alike", "freemail")
_FEW = 12  # messages after which a short attack ends


@dataclass(frozen=True, slots=True)
class Attack:
    """What an attacker did. `scope` is "sender", "server" or "organisation"; `copied` counts the messages that went out to them."""

    style: str
    scope: str
    share: float
    picked: str  # "all", "random", or "targeted": mail with certain recipients
    addresses: frozenset[str]
    copied: int
    start: float
    stop: float
    apparent: int  # distinct parties to which the copied mail was addressed: companies, consumers, or groups of own staff
    busiest: int  # messages that went to the domain that got most of them


@dataclass(frozen=True, slots=True)
class _Plan:
    style: str
    scope: str
    share: float
    picked: str
    start: float
    stop: float
    most: int


def add_attack(traffic: Traffic) -> Attack | None:
    """An attack on some of the mail, drawn for the organisation; None if it has too little mail inside the window."""
    organisation, rng = traffic.organisation, traffic.organisation.rng("attack")
    for attempt in range(60):
        plan = _plan(organisation, rng, attempt)
        mails = _chosen(traffic, rng, plan)
        busiest = max(Counter(_week(plan, mail) for mail in mails).values(), default=0)
        if busiest >= LEAST:
            addresses = _copy(organisation, rng, plan, mails)
            parties = {_party(organisation, mail) for mail in mails}
            return Attack(
                plan.style,
                plan.scope,
                plan.share,
                plan.picked,
                addresses,
                len(mails),
                plan.start,
                plan.stop,
                len(parties),
                busiest,
            )
    return None


def _party(organisation: Organisation, mail: Mail) -> frozenset[str]:
    """To whom a mail is addressed, as companies; consumers are each their own."""
    domains = {one: one.rpartition("@")[2] for one in mail.to}
    outside = {
        one if domain in organisation.names.freemail else domain
        for one, domain in domains.items()
        if domain not in organisation.domains
    }
    return frozenset(outside or mail.to)


def _week(plan: _Plan, mail: Mail) -> int:
    """Which of an attacker's domains is in use: the first, unless there is a new one each week."""
    return int((mail.at - plan.start) // 7) if plan.style == "rotating" else 0


def _plan(organisation: Organisation, rng: random.Random, attempt: int) -> _Plan:
    share = rng.choice(organisation.ranges.shares)
    scope = "sender" if share < 0.2 else rng.choice(("sender", "server", "organisation"))
    picked = "all" if share == 1 else rng.choice(("random", "random", "targeted"))
    if attempt > 40:
        share, scope, picked = 1.0, "organisation", "all"
    first = max(organisation.begin, 0.0)
    start = first + (organisation.end - first) * rng.random() * 0.6
    stop = start + rng.uniform(1, 10) if rng.random() < 0.35 and attempt < 20 else organisation.end
    most = rng.randint(LEAST, _FEW) if rng.random() < 0.25 else 10**9
    return _Plan(rng.choice(STYLES), scope, share, picked, start, stop, most)


def _chosen(traffic: Traffic, rng: random.Random, plan: _Plan) -> list[Mail]:
    """The mail that is copied, in order of time."""
    if plan.scope == "sender":
        senders = [one for one, mails in traffic.by_sender.items() if len(mails) * plan.share >= LEAST]
        if not senders:
            return []
        mails = traffic.by_sender[rng.choice(senders)]
    else:
        mails = [mail for mail in traffic.mails if mail.kind != "incoming"]
        if plan.scope == "server":
            server = rng.choice(mails).server
            mails = [mail for mail in mails if mail.server == server]
    mails = sorted((mail for mail in mails if plan.start <= mail.at < plan.stop), key=lambda mail: mail.at)
    if plan.picked == "targeted":
        return _targeted(rng, mails, traffic.organisation.domains, round(len(mails) * plan.share))[: plan.most]
    return [mail for mail in mails if rng.random() < plan.share][: plan.most]


def _targeted(rng: random.Random, mails: list[Mail], own: tuple[str, ...], wanted: int) -> list[Mail]:
    """Mail to some domains elsewhere, drawn until enough of it is found; a domain that has far more than that is passed over."""
    by_domain: dict[str, list[int]] = {}
    for place, mail in enumerate(mails):
        for domain in dict.fromkeys(one.rpartition("@")[2] for one in (*mail.to, *mail.cc)):
            by_domain.setdefault(domain, []).append(place)
    domains = [one for one in by_domain if one not in own]
    rng.shuffle(domains)
    wanted = max(wanted, LEAST)
    places: set[int] = set()
    for domain in domains:
        if len(places) < wanted and len(by_domain[domain]) <= 2 * wanted:
            places.update(by_domain[domain])
    return [mails[place] for place in sorted(places)]


def _copy(organisation: Organisation, rng: random.Random, plan: _Plan, mails: list[Mail]) -> frozenset[str]:
    addresses = _addresses(organisation, rng, plan)
    used = set()
    for mail in mails:
        if plan.style == "rotating":
            address = addresses[_week(plan, mail)]
        else:
            address = rng.choice(addresses)
        used.add(address)
        mail.bcc = (*mail.bcc, address)
    return frozenset(used)


def _addresses(organisation: Organisation, rng: random.Random, plan: _Plan) -> list[str]:
    names = organisation.names
    if plan.style == "freemail":
        return [names.private()]
    if plan.style == "rotating":
        weeks = int((plan.stop - plan.start) // 7) + 1
        return [f"{names.mailbox()}@{names.domain()}" for _ in range(weeks)]
    if plan.style == "look-alike":
        firms = [one[0].rpartition("@")[2] for one in organisation.customers if len(one) > 1]
        copied = rng.choice((organisation.domains[0], rng.choice(firms or organisation.domains)))
        return [f"{names.mailbox()}@{names.resembling(copied)}"]
    domain = names.domain()
    return [f"{names.mailbox()}{number or ''}@{domain}" for number in range(rng.randint(3, 6) if plan.style == "several" else 1)]
