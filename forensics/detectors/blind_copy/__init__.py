"""Who got blind copies that nobody expects, and does the pattern look like a slipped-in collector?"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from heapq import nlargest
from itertools import pairwise

import duckdb

from forensics.detectors.blind_copy.counting import addresses_of, company, passing, predecessors, units_inside
from forensics.detectors.blind_copy.limits import limits
from forensics.detectors.blind_copy.unit import MIN_MESSAGES, MIN_THREADS, Unit
from forensics.detectors.blind_copy.words import features, sentence
from forensics.known_services import known_service, providers
from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

MIN_TURNS = 3  # recipients that take turns
MAX_OVERLAPS = 0.25  # part of them that may begin before their predecessor has ended
_NEVER = datetime.max.replace(tzinfo=UTC)
HEIR = 0.5  # of the messages of the one that received most since
AS_NEAR, AS_NEAR_SHARE = 5, 0.1  # messages, and part of its own
# Of the messages of its domain's busiest address: where nobody knows To and Cc, whoever got fewer may have nothing to do with that one
PASSING = 0.1
RARE = 20  # bits: one in a million
# Where nobody knows To and Cc, so many strangers are shown though none of them stands out: if one was slipped in, it is most likely one of these
STRONGEST = 3


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:
    """One finding for each unexpected blind recipient inside the window: `probable` with the pattern, else `possible`."""
    start = scope.policy.window_for(scope.incident).start
    rows = units_inside(connection, start, providers())
    addresses = addresses_of(connection)
    units = {row["uid"]: Unit(**row, addresses=len(addresses[row["uid"]]), service=_service(row["domain"])) for row in rows}
    for uid, figures in company(connection).items():
        units[uid] = replace(units[uid], **figures)
    strangers = [uid for uid, unit in units.items() if unit.is_stranger(start)]
    if start is not None:
        for uid, count, messages in _taking_turns([units[uid] for uid in strangers], lambda: passing(connection, start)):
            units[uid] = replace(units[uid], rotation=count, rotated=messages)
    for uid, (follows, followed) in _successors(connection, units.values(), start).items():
        units[uid] = replace(units[uid], follows=follows, followed=followed)
    for unit in _shown(units.values(), start):
        yield from _findings(unit, addresses[unit.uid], start)


def _shown(units: Collection[Unit], start: datetime | None) -> Iterator[Unit]:
    """Units that are worth a finding. Where nobody knows To and Cc any addressee looks like a blind one: only what stands out is, and the strongest of the rest."""
    perhaps = [unit for unit in units if not unit.known_blind and unit.may_stand_out(start)]
    strongest = {unit.uid for unit in nlargest(STRONGEST, perhaps, key=lambda unit: (unit.score(start), unit.points(start)))}
    for unit in units:
        if unit.alias_only and unit.was_in_use(start):
            continue  # a list or forward that was there before: whoever wrote to the alias addressed it
        if unit.known_blind or unit.uid in strongest or unit.stands_out(start) or unit.is_collector(start):
            yield unit


def _successors(
    connection: duckdb.DuckDBPyConnection, units: Collection[Unit], start: datetime | None
) -> dict[int, tuple[str, int]]:
    """Collectors that took the place of a blind recipient that ended, and which.

    Each ended one has one heir: of those that received about as much as any, the one with the fewest messages to neither while senders turned
    from the one to the other; two that hardly differ in that are both asked about.
    """
    pairs = [
        (gap, unit.uid, name, earlier)
        for unit in units
        if unit.may_be_an_heir(start)
        for gap, name, earlier in predecessors(connection, unit, start)
    ]
    messages = {unit.uid: unit.messages for unit in units}
    most = {name: max(messages[uid] for _, uid, other, _ in pairs if other == name) for _, _, name, _ in pairs}
    heirs: dict[int, tuple[str, int]] = {}
    taken: dict[str, int] = {}
    for gap, uid, name, earlier in sorted(pairs):
        if (
            uid not in heirs
            and messages[uid] >= HEIR * most[name]
            and gap <= taken.get(name, gap) + max(AS_NEAR, AS_NEAR_SHARE * messages[uid])
        ):
            heirs[uid] = (name, earlier)
            taken.setdefault(name, gap)
    return heirs


def _findings(unit: Unit, addresses: Mapping[str, int], start: datetime | None) -> Iterator[Finding]:
    collector = unit.is_collector(start)
    most = max(addresses.values())
    for address, messages in addresses.items():
        others = len(addresses) - 1
        named = f"{address}, counted together with {others} more at {unit.unit}," if others else address
        accused = collector and (unit.known_blind > 0 or messages >= PASSING * most)
        yield Finding(
            detector="blind_copy",
            address=address,
            verdict=Verdict.PROBABLE if accused else Verdict.POSSIBLE,
            score=unit.score(start),
            reason=sentence(named, unit, start, collector=collector)
            + ("" if accused or not collector else _passing_by(address, messages)),
            blind_only=True,
            features=features(unit, start),
        )


def _passing_by(address: str, messages: int) -> str:
    many = "s" * (messages != 1)
    return f" Only {messages} message{many} went to {address} itself: where many people have mailboxes at that domain, it may be somebody else's."


def _service(domain: str) -> str:
    found = known_service(domain)
    return found.words if found else ""


def _taking_turns(
    strangers: Iterable[Unit], habits: Callable[[], Mapping[int, tuple[int, int, int]]]
) -> Iterator[tuple[int, int, int]]:
    """Units that take turns as the one blind stranger of a sender's mail, how many they are, and with how many messages.

    `habits`, asked only where some do: for each sender, its messages before the window, those among them with a blind recipient that soon went,
    and its messages inside.
    """
    turns: dict[tuple[int, bool], list[Unit]] = {}
    for unit in strangers:
        if unit.first_inside is not None and len(unit.sids) == 1 and unit.takes_a_turn:
            turns.setdefault((unit.sids[0], bool(unit.known_blind)), []).append(unit)
    turns = {key: found for key, found in turns.items() if len(found) >= MIN_TURNS}
    before = habits() if turns else {}
    for (sid, known), found in turns.items():
        chain = sorted(found, key=lambda unit: (_begin(unit), unit.uid))
        messages, threads = sum(unit.messages for unit in chain), sum(unit.threads for unit in chain)
        overlaps = sum(_begin(later) < _end(earlier) for earlier, later in pairwise(chain))
        beside = sum(unit.accompanied for unit in chain)
        sent, passed, inside = before.get(sid, (0, 0, 0))
        usual = (passed + 1) / (sent + 2) * inside
        if threads < MIN_THREADS or overlaps > MAX_OVERLAPS * len(chain):
            continue
        if beside >= MIN_MESSAGES and (not known or _rarity(messages, usual) >= RARE):
            yield from ((unit.uid, len(chain), messages) for unit in chain)


def _begin(unit: Unit) -> datetime:
    return unit.first_inside or _NEVER


def _end(unit: Unit) -> datetime:
    return unit.last_inside or _NEVER


def _rarity(count: int, usual: float) -> float:
    """Bits: how rare so many are where so many are usual, by the bound that Chernoff gives for a Poisson count."""
    if count <= usual:
        return 0.0
    return (count * math.log(count / usual) - count + usual) / math.log(2)


def _limits(connection: duckdb.DuckDBPyConnection, scope: Scope) -> list[str]:
    return limits(connection, scope.policy.window_for(scope.incident).start)


DETECTOR = Detector("blind_copy", "Who got blind copies that nobody expects?", detect, limits=_limits, version=6)
