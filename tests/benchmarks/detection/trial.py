"""One organisation from its seed to its figures: drawn, attacked or not, judged, and compared with the truth."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from benchmarks.detection.attacks import Attack, add_attack
from benchmarks.detection.innocents import Innocent, add_look_alikes
from benchmarks.detection.judging import Judged, counted, judgement, laid_out
from benchmarks.detection.organisation import Mail, Organisation, Ranges, found
from benchmarks.detection.records import START, observations
from benchmarks.detection.traffic import Traffic, ordinary
from forensics.incident import NO_INCIDENT, Incident
from forensics.model import Window
from forensics.policy import Policy

__all__ = ["Blamed", "Seen", "Told", "Trial", "World", "as_rows", "compared", "drawn", "tried"]

ACCUSED = frozenset({"probable", "confirmed"})


@dataclass(frozen=True, slots=True)
class World:
    """An organisation with all its mail in order of time, and the truth about it."""

    organisation: Organisation
    mails: list[Mail]
    innocents: list[Innocent]
    attack: Attack | None
    policy: Policy
    incident: Incident


@dataclass(frozen=True, slots=True)
class Blamed:
    """An address that was accused though it is no attacker's; `kind` says what it is."""

    kind: str
    address: str
    rank: int
    score: float
    messages: int
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one look-alike: its strongest verdict ("" for none) and best rank (0 for none)."""

    kind: str
    addresses: int
    counted: bool
    named: bool
    verdict: str
    rank: int
    accused: int


@dataclass(frozen=True, slots=True)
class Trial:
    """The figures of one organisation. Ranks are 0 where the attacker is not shown at all.

    `rank` passes over look-alikes that nothing tells from an attack, `rank_of_all` does not; `plain_rank` is
    `rank` by a plain count of blind copies. `undecidable` says why no reader
    of this evidence could tell the attacker from an innocent, "" if one could.
    """

    seed: int
    shape: str
    before: int
    windowless: bool
    days: int
    messages: int
    people: int
    look_alikes: tuple[Seen, ...]
    attack: Attack | None
    rank: int
    rank_of_all: int
    plain_rank: int
    verdict: str
    accused: int  # of the attacker's addresses
    exposed: int  # copied messages that go with an accused address of the attacker's
    hidden: int  # copies to the attacker that the evidence shows to be blind
    undecidable: str
    wrong: tuple[Blamed, ...]
    possible: int  # addresses shown as possible
    seconds: float
    generated: float  # seconds of them that drawing the organisation took


_COLUMNS = (
    "seed", "shape", "before", "windowless", "days", "messages", "people", "rank", "rank_of_all", "plain_rank", "verdict", "accused", "exposed", "hidden", "undecidable",
    "possible", "seconds", "generated",
)  # fmt: skip
_OF_ATTACK = ("style", "scope", "share", "picked", "copied", "busiest", "apparent")


def as_rows(trials: Iterable[Trial]) -> dict[str, Any]:
    """Trials for JSON: names of columns, and one line of text for each; columns of an attack are empty where there was none."""
    rows = [
        "; ".join(
            str(value)
            for value in (
                *(getattr(one, name) for name in _COLUMNS),
                *(getattr(one.attack, name) if one.attack else "" for name in _OF_ATTACK),
                ", ".join(blamed.kind for blamed in one.wrong),
            )
        )
        for one in trials
    ]
    return {"columns": "; ".join((*_COLUMNS, *_OF_ATTACK, "wrong")), "rows": rows}


def drawn(seed: int, ranges: Ranges, messages: int = 0) -> World:
    """The organisation of a seed with its look-alikes, and with an attack if its lot says so."""
    organisation = found(seed, ranges, messages)
    traffic = ordinary(organisation)
    innocents = add_look_alikes(traffic)
    lot = organisation.rng("lot")
    traffic = Traffic(organisation, [mail for mail in traffic.mails if organisation.begin <= mail.at < organisation.end])
    attack = add_attack(traffic) if lot.random() < organisation.ranges.attacked else None
    policy = Policy(domains=organisation.domains, expected=tuple(one.entry for one in innocents if one.entry is not None))
    windowless = organisation.begin > 0 and lot.random() < 0.5
    incident = NO_INCIDENT if windowless else Incident(title="an invented incident", window=Window(START))
    mails = sorted(traffic.mails, key=lambda mail: mail.at)
    return World(organisation, mails, innocents, attack, policy, incident)


def tried(seed: int, ranges: Ranges, messages: int = 0) -> Trial:
    """The organisation of a seed, judged by the default detectors."""
    started = time.perf_counter()
    world = drawn(seed, ranges, messages)
    generated = time.perf_counter() - started
    connection = laid_out(observations(world.organisation, world.mails), world.policy, world.incident)
    ranked = judgement(connection, world.policy, world.incident)
    told = Told(ranked, counted(connection), _hidden(connection, world.attack))
    connection.close()
    return compared(world, told, (round(time.perf_counter() - started, 2), round(generated, 2)))


def _hidden(connection: duckdb.DuckDBPyConnection, attack: Attack | None) -> int:
    """How many copies the evidence shows to be blind, of those that went to the attacker."""
    if attack is None:
        return 0
    query = "SELECT count(*) FROM copies WHERE blind = 'yes' AND list_contains(?, address)"
    (count,) = connection.execute(query, [sorted(attack.addresses)]).fetchall()[0]
    return int(count)


@dataclass(frozen=True, slots=True)
class Told:
    """What the tables of a case say: recipients as ranked, strangers as counted, and copies known to be blind."""

    ranked: list[Judged]
    counted: list[str] = field(default_factory=list)
    hidden: int = 0


def compared(world: World, told: Told, seconds: tuple[float, float] = (0, 0)) -> Trial:
    """What was judged beside the truth. `seconds`: in all, and of them for drawing the organisation."""
    organisation, attack, ranked = world.organisation, world.attack, told.ranked
    attackers = attack.addresses if attack else frozenset()
    kinds = {address: one for one in world.innocents for address in one.addresses}
    apart = {address for address, one in kinds.items() if not one.counted}
    shown = [one for one in ranked if one.address in attackers]
    accused = [one for one in shown if one.verdict in ACCUSED]
    wrong = tuple(
        Blamed(
            kinds[one.address].kind if one.address in kinds else "correspondent",
            one.address,
            one.rank,
            one.score,
            one.messages,
            one.reason,
        )
        for one in ranked
        if one.verdict in ACCUSED and one.address not in attackers and one.address not in apart
    )
    return Trial(
        seed=organisation.seed,
        shape=organisation.shape,
        before=organisation.before,
        windowless=world.incident is NO_INCIDENT,
        days=round(organisation.end - organisation.begin),
        messages=len(world.mails),
        people=len(organisation.people),
        look_alikes=tuple(_seen(one, ranked) for one in world.innocents),
        attack=attack,
        rank=_rank([one.address for one in ranked if one.address not in apart], attackers),
        rank_of_all=shown[0].rank if shown else 0,
        plain_rank=_rank([one for one in told.counted if one not in apart], attackers),
        verdict=shown[0].verdict if shown else "",
        accused=len(accused),
        exposed=sum(one.messages for one in accused),
        hidden=told.hidden,
        undecidable=undecidable(attack, told.hidden) if attack else "",
        wrong=wrong,
        possible=sum(one.verdict == "possible" for one in ranked),
        seconds=seconds[0],
        generated=seconds[1],
    )


def _rank(addresses: list[str], wanted: frozenset[str]) -> int:
    return next((rank for rank, address in enumerate(addresses, 1) if address in wanted), 0)


def _seen(innocent: Innocent, ranked: list[Judged]) -> Seen:
    found_ = [one for one in ranked if one.address in innocent.addresses]
    return Seen(
        innocent.kind, len(innocent.addresses), innocent.counted, innocent.entry is not None, found_[0].verdict if found_ else "",
        found_[0].rank if found_ else 0, sum(one.verdict in ACCUSED for one in found_),
    )  # fmt: skip


def undecidable(attack: Attack, hidden: int) -> str:
    """Why nothing in the evidence of an attack tells it from innocent mail, "" if something does.

    Without headers one more recipient of mail to one party looks like one more person of it, and one of mail to two parties like
    the consultant or project lead who works for both: the innocent look-alikes of the exam include such people.
    """
    if hidden or attack.apparent > 2:
        return ""
    return "no headers, and one party" if attack.apparent == 1 else "no headers, and two parties"
