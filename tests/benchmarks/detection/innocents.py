"""Recipients that look like an attacker's and are not: archives, drop boxes, assistants, seeds, private mailboxes and more.

Each kind changes the traffic and says who it is. `counted` is False where nothing in the evidence tells it from an attack (an
unknown service that appears inside the window, or any that nothing from before can clear): what becomes of those is shown apart.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from benchmarks.detection.organisation import Mail
from benchmarks.detection.records import START
from benchmarks.detection.services import services
from benchmarks.detection.traffic import Traffic
from forensics.model import Window
from forensics.policy import Expected

__all__ = ["KINDS", "Innocent", "add_look_alikes"]

_EVER = -1e9
_BATCH = 45  # recipients of one mailing, below the limits of providers


@dataclass(frozen=True, slots=True)
class Innocent:
    """A look-alike: its kind, its addresses, whether blaming it counts as an error, and the policy's entry for it."""

    kind: str
    addresses: frozenset[str]
    counted: bool
    entry: Expected | None = None


def _beginning(traffic: Traffic, rng: random.Random, inside: float) -> tuple[float, bool]:
    """From when on something is in use, and whether that is inside the window although there is mail from before."""
    organisation = traffic.organisation
    if organisation.has_before and rng.random() < inside:
        return rng.uniform(0, organisation.end * 0.7), True
    return _EVER, False


def _blind(mail: Mail, *addresses: str) -> None:
    fresh = [one for one in addresses if one not in mail.to and one not in mail.cc and one not in mail.bcc]
    mail.bcc = (*mail.bcc, *fresh)


def _service(traffic: Traffic, rng: random.Random, kind: str, mails: list[Mail], share: float) -> Innocent:
    """A mailbox of somebody else's service that gets blind copies of some mail: archives, drop boxes, collectors."""
    organisation = traffic.organisation
    start, inside = _beginning(traffic, rng, 0.35)
    named = rng.random() < organisation.ranges.known
    address = f"{organisation.names.mailbox()}@{organisation.names.domain()}"
    for mail in mails:
        if mail.at >= start and rng.random() < share:
            _blind(mail, address)
    entry = None
    if named:
        since = Window(START + timedelta(days=start)) if inside and rng.random() < 0.7 else Window()
        entry = Expected(address=address, reason=kind, valid=since)
    counted = named or (organisation.has_before and not inside)
    return Innocent(kind if counted else f"unknown {kind}", frozenset({address}), counted, entry)


def _archive(traffic: Traffic, rng: random.Random) -> Innocent:
    own = [mail for mail in traffic.mails if mail.kind != "incoming"]
    server = rng.choice([mail.server for mail in own])
    mails = [mail for mail in own if mail.server == server] if rng.random() < 0.5 else own
    return _service(traffic, rng, "archive", mails, rng.choice((1.0, 1.0, 0.95, 0.8)))


def _drop_box(traffic: Traffic, rng: random.Random) -> Innocent | None:
    writers = traffic.writers(10)
    if not writers:
        return None
    sales = rng.sample(writers, min(len(writers), rng.randint(1, 8)))
    mails = [mail for one in sales for mail in traffic.by_sender[one]]
    return _service(traffic, rng, "crm", mails, rng.uniform(0.2, 0.98))


def _review(traffic: Traffic, rng: random.Random) -> Innocent | None:
    apps = traffic.writers(20, "transaction")
    return (
        _service(traffic, rng, "review collector", traffic.by_sender[rng.choice(apps)], rng.choice((1.0, 1.0, 0.6)))
        if apps
        else None
    )


def _known_service(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """A mailbox of a service that the detectors' own table names, introduced at any time and named by no policy."""
    listed, writers = services(), traffic.writers(10)
    if not listed or not writers:
        return None
    organisation = traffic.organisation
    kind, domain = rng.choice(listed)
    if kind in {"archive", "reviews", "alerting", "seeds", "lists"}:
        apps = [one.address for one in organisation.apps if one.address in traffic.by_sender]
        senders = rng.sample(apps, 1) if apps and kind != "archive" else list(traffic.by_sender)
        share = rng.choice((1.0, 1.0, 0.7))
    else:
        senders, share = rng.sample(writers, min(len(writers), rng.randint(1, 5))), rng.uniform(0.2, 0.95)
    start = rng.choice((_EVER, rng.uniform(0, organisation.end * 0.7)))
    own_part, account = rng.random() < 0.5, organisation.names.word()
    addresses: set[str] = set()
    for one in senders:
        local = rng.randrange(10**6, 10**8) if kind == "crm" else account
        address = f"{local}@{account}.{domain}" if own_part else f"{local}@{domain}"
        addresses.add(address)
        for mail in traffic.by_sender[one]:
            if mail.at >= start and rng.random() < share:
                _blind(mail, address)
    return Innocent("known service", frozenset(addresses), counted=True)


def _help_desk(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """A ticket system at another domain: written to openly and blindly, and it answers; sometimes one address a ticket."""
    writers = traffic.writers(10)
    if not writers:
        return None
    organisation = traffic.organisation
    start, inside = _beginning(traffic, rng, 0.3)
    domain, tickets = organisation.names.domain(), rng.random() < 0.5
    share = rng.uniform(0.05, 0.25)
    addresses: set[str] = set()
    for one in rng.sample(writers, min(len(writers), rng.randint(2, 5))):
        for number, mail in enumerate(traffic.by_sender[one]):
            if mail.at < start or rng.random() >= share:
                continue
            address = f"ticket-{len(addresses) * 1_000 + number}@{domain}" if tickets else f"support@{domain}"
            addresses.add(address)
            if rng.random() < 0.4:
                traffic.add(Mail(mail.at + 0.001, one, (address,), (), mail.subject, mail.server, mail.stream, "person"))
            else:
                _blind(mail, address)
            if organisation.logs:
                traffic.add(Mail(mail.at + 0.002, address, (one,), (), mail.subject, mail.server, mail.stream, "incoming"))
    counted = not inside or organisation.logs
    return Innocent("help desk" if counted else "unknown help desk", frozenset(addresses), counted)


def _list(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """A list at an own domain with members elsewhere; own servers log whom it was expanded to."""
    organisation = traffic.organisation
    if not organisation.logs:
        return None
    alias = f"{rng.choice(('team', 'board', 'project', 'all'))}@{organisation.domains[0]}"
    members = organisation.names.people(rng.randint(1, 6), organisation.names.domain())
    start, _ = _beginning(traffic, rng, 0.5)
    for writer in rng.sample(organisation.people, min(len(organisation.people), 6)):
        for mail in traffic.by_sender.get(writer, []):
            if mail.at >= start and rng.random() < 0.2:
                mail.cc = (*mail.cc, alias)
                mail.expanded = (*mail.expanded, *((one, alias) for one in members))
    return Innocent("list", frozenset(members), counted=True)


def _forwarding(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """Own people whose mailbox forwards to a private one: the log names the address that it stands for."""
    organisation = traffic.organisation
    if not organisation.logs:
        return None
    start, _ = _beginning(traffic, rng, 0.4)
    targets = {one: organisation.names.private() for one in rng.sample(organisation.people, min(3, len(organisation.people)))}
    for mail in traffic.mails:
        for one in (*mail.to, *mail.cc):
            if one in targets and mail.at >= start:
                mail.expanded = (*mail.expanded, (targets[one], one))
    return Innocent("forwarding", frozenset(targets.values()), counted=True)


def _new_customers(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """People who first appear inside the window, openly; now and then as one of a few blind recipients."""
    organisation, writers = traffic.organisation, traffic.writers(5)
    if not writers:
        return None
    found: set[str] = set()
    for _ in range(rng.randint(1, 6)):
        firm = organisation.names.people(rng.randint(1, 12), organisation.names.domain())
        found.update(firm)
        writer, at = rng.choice(writers), rng.uniform(max(organisation.begin, 0), organisation.end)
        host = traffic.by_sender[writer][0]
        for number in range(rng.randint(3, 25)):
            at += rng.expovariate(1.0)
            to = tuple(dict.fromkeys(rng.choices(firm, k=rng.choice((1, 1, 2)))))
            mail = Mail(at, writer, to, (), f"welcome {firm[0]} {number // 4}", host.server, host.stream, "person")
            if rng.random() < 0.15:
                mail.to = (writer,)
                mail.bcc = to + tuple(one for one in firm[:3] if one not in to)
            traffic.add(mail)
    return Innocent("new customer", frozenset(found), counted=True)


def _assistant(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """Somebody at another company who is blind-copied by one person, written to openly as well, and answers."""
    writers = traffic.writers(20)
    if not writers:
        return None
    organisation, boss = traffic.organisation, rng.choice(writers)
    start, _ = _beginning(traffic, rng, 0.4)
    address = f"{organisation.names.person()}@{organisation.names.domain()}"
    share = rng.uniform(0.3, 0.95)
    for mail in list(traffic.by_sender[boss]):
        if mail.at < start:
            continue
        if rng.random() < share:
            _blind(mail, address)
        if rng.random() < 0.15:
            traffic.add(
                Mail(mail.at + 0.01, boss, (address,), (), f"please {rng.getrandbits(20):x}", mail.server, mail.stream, "person")
            )
            if organisation.logs:
                traffic.add(Mail(mail.at + 0.03, address, (boss,), (), "done", mail.server, mail.stream, "incoming"))
    return Innocent("assistant", frozenset({address}), counted=True)


def _consultant(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """Somebody whom one person blind-copies in one matter with one customer, inside the window."""
    writers = traffic.writers(5)
    if not writers:
        return None
    organisation, writer = traffic.organisation, rng.choice(writers)
    address = f"{organisation.names.person()}@{organisation.names.domain()}"
    client = tuple(rng.sample(firm := rng.choice(organisation.customers), min(len(firm), rng.choice((1, 2)))))
    host, at = traffic.by_sender[writer][0], rng.uniform(max(organisation.begin, 0), organisation.end * 0.8)
    for number in range(rng.randint(5, 60)):
        at += rng.expovariate(3.0)
        mail = Mail(at, writer, client, (), f"project {address} {number // 9}", host.server, host.stream, "person")
        mail.bcc = (address,)
        traffic.add(mail)
        if number == 0 or rng.random() < 0.05:
            traffic.add(Mail(at + 0.01, writer, (address,), (), f"project {address}", host.server, host.stream, "person"))
    return Innocent("consultant", frozenset({address}), counted=True)


def _moved_partner(traffic: Traffic, rng: random.Random) -> Innocent:
    """A customer whose every address changes domain within a week."""
    organisation = traffic.organisation
    firm = max(rng.sample(organisation.customers, 3), key=len)
    domain, day = organisation.names.domain(), rng.uniform(max(organisation.begin, 0), organisation.end * 0.8)
    moved = {one: (f"{one.partition('@')[0]}@{domain}", day + rng.uniform(0, 7)) for one in firm}

    def now(address: str, at: float) -> str:
        new, when = moved.get(address, (address, at))
        return new if at >= when else address

    for mail in traffic.mails:
        mail.to = tuple(now(one, mail.at) for one in mail.to)
        mail.cc = tuple(now(one, mail.at) for one in mail.cc)
        mail.bcc = tuple(now(one, mail.at) for one in mail.bcc)
        if mail.kind == "incoming":
            mail.sender = now(mail.sender, mail.at)
    return Innocent("moved partner", frozenset(new for new, _ in moved.values()), counted=True)


def _moved_archive(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """An archive that has always been there and changes its address inside the window, machine by machine within a week."""
    organisation = traffic.organisation
    if not organisation.has_before:
        return None
    old, new = (f"{organisation.names.mailbox()}@{organisation.names.domain()}" for _ in range(2))
    day = rng.uniform(0, organisation.end * 0.8)
    when: dict[str, float] = {}
    for mail in traffic.mails:
        if mail.kind != "incoming":
            _blind(mail, new if mail.at >= when.setdefault(mail.server, day + rng.uniform(0, 7)) else old)
    return Innocent("moved archive", frozenset({old, new}), counted=True)


def _mailing(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """A person who writes to many customers at once, all of them blind; some mailings with seeds of a measuring service."""
    writers = traffic.writers(5)
    if not writers:
        return None
    organisation, writer = traffic.organisation, rng.choice(writers)
    people = [one for firm in organisation.customers for one in firm]
    readers = rng.sample(people, min(len(people), rng.randint(10, 300)))
    host = traffic.by_sender[writer][0]
    for number in range(rng.randint(1, 12)):
        at = organisation.rhythm.moment(rng, office=True)
        chosen = rng.sample(readers, max(1, round(len(readers) * rng.uniform(0.6, 1))))
        for first in range(0, len(chosen), _BATCH):
            mail = Mail(at, writer, (writer,), (), f"to all {number}", host.server, host.stream, "person")
            mail.bcc = tuple(chosen[first : first + _BATCH])
            traffic.add(mail)
    return Innocent("mailing", frozenset(readers), counted=True)


def _seeds(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """Addresses of a measuring service at many domains, blind in newsletters, all of them together."""
    apps = traffic.writers(20, "bulk")
    if not apps:
        return None
    organisation = traffic.organisation
    names = organisation.names
    seeds = tuple(
        names.private() if rng.random() < 0.2 else f"{names.mailbox()}@{names.domain()}" for _ in range(rng.randint(20, 60))
    )
    start, _ = _beginning(traffic, rng, 0.5)
    campaigns: dict[str, Mail] = {}
    for mail in traffic.by_sender[rng.choice(apps)]:
        if mail.at >= start:
            campaigns.setdefault(mail.subject, mail)
    for mail in campaigns.values():
        traffic.add(replace(mail, to=(mail.sender,), cc=(), bcc=seeds))
    return Innocent("seeds", frozenset(seeds), counted=True)


def _habit(traffic: Traffic, rng: random.Random) -> Innocent | None:
    """A person who now and then blind-copies a private mailbox."""
    writers = traffic.writers(15)
    if not writers:
        return None
    organisation, writer = traffic.organisation, rng.choice(writers)
    start, inside = _beginning(traffic, rng, 0.1)
    address, share = organisation.names.private(), rng.uniform(0.01, 0.2)
    mails = [mail for mail in traffic.by_sender[writer] if mail.at >= start]
    before = [mail for mail in mails if mail.at < 0]
    chosen = [mail for mail in mails if rng.random() < share]
    if before and not any(mail.at < 0 for mail in chosen):
        chosen.append(rng.choice(before))
    for mail in chosen:
        _blind(mail, address)
    counted = bool(before) and not inside
    return Innocent("private mailbox" if counted else "unknown private mailbox", frozenset({address}), counted)


KINDS: dict[str, tuple[float, Callable[[Traffic, random.Random], Innocent | None]]] = {
    "archive": (1.0, _archive), "crm": (1.2, _drop_box), "review collector": (0.7, _review), "known service": (1.0, _known_service),
    "help desk": (0.8, _help_desk), "list": (0.7, _list), "forwarding": (0.7, _forwarding), "new customer": (1.5, _new_customers),
    "assistant": (1.0, _assistant), "consultant": (1.0, _consultant), "moved partner": (0.8, _moved_partner),
    "moved archive": (0.4, _moved_archive), "mailing": (1.0, _mailing), "seeds": (0.6, _seeds), "private mailbox": (1.2, _habit),
}  # fmt: skip


def add_look_alikes(traffic: Traffic) -> list[Innocent]:
    """Several kinds of look-alikes, drawn for the organisation, added to its traffic."""
    rng = traffic.organisation.rng("look-alikes")
    wanted = rng.randint(*traffic.organisation.ranges.look_alikes)
    keys = sorted(KINDS, key=lambda kind: rng.random() ** (1 / KINDS[kind][0]), reverse=True)
    # what moves addresses comes last, so that it moves all of them
    chosen = sorted(keys[:wanted], key=lambda kind: kind == "moved partner")
    found = [KINDS[kind][1](traffic, traffic.organisation.rng(kind)) for kind in chosen]
    return [one for one in found if one is not None and one.addresses]
