"""One row per affected person, which is one address, with every hint of where it may live."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from forensics.addresses import canonical, domain_of
from forensics.dates import zulu
from forensics.model import Text
from forensics.people.clues import MENTION, NO_CLUES, Clues
from forensics.policy import Policy

__all__ = ["Affected", "affected_people", "mentioned"]

_NO_PERSON = re.compile(r"^(?:no-?reply|do-?not-?reply|mailer-daemon|postmaster|bounces?)(?:[+-].*)?$")
_ROLES = ("sender", "to", "cc", "mentioned")
_VERDICTS = ("confirmed", "probable", "possible")

# country-code top-level domains that say nothing about where somebody lives
_GENERIC_CC = frozenset({"io", "ai", "co", "me", "tv", "cc", "fm", "to", "ly", "gg", "sh", "ws", "vc", "la", "eu"})
_ISO = {"uk": "GB"}  # endings that are no ISO 3166 code


@dataclass(frozen=True, slots=True)
class Affected:
    """One message by which people are affected. Addresses in canonical form, times in UTC."""

    message_key: str
    sent_at: datetime | None
    verdict: str
    parties: Mapping[str, frozenset[str]]  # role -> addresses
    kinds: frozenset[str]  # of personal data in it
    credentials: frozenset[str]  # ids
    clues: Clues = NO_CLUES


@dataclass(slots=True)
class _Person:
    roles: set[str] = field(default_factory=set)
    messages: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    credentials: set[str] = field(default_factory=set)
    times: list[datetime] = field(default_factory=list)
    verdicts: set[str] = field(default_factory=set)


def mentioned(texts: Iterable[Text]) -> frozenset[str]:
    """Mail addresses that stand in the texts of a message, canonical; transport headers and guesses are left out."""
    found: set[str] = set()
    for text in texts:
        if text.part != "headers" and not text.guessed and "@" in text.text:
            found.update(canonical(match.group().strip(".'")) for match in MENTION.finditer(text.text))
    return frozenset(one for one in found if not one.endswith("@mtasv.net"))


def affected_people(messages: Iterable[Affected], policy: Policy, collectors: frozenset[str]) -> list[dict[str, Any]]:
    """Rows of `people.csv`, sorted by relation and address; `collectors` (unexpected recipients) are no affected persons.

    People are told apart by address alone and never merged by name; who may be one person is told by `person_groups`. Data
    kinds and credentials are those of all messages in which the person takes part: whose they are, a reader must decide.
    """
    people: dict[str, _Person] = {}
    hints: dict[str, dict[str, set[tuple[str, str]]]] = {"exposed": {}, "possible": {}}
    for message in messages:
        where = hints["possible" if message.verdict == "possible" else "exposed"]
        for address, country, basis in message.clues.countries:
            where.setdefault(address, set()).add((country, basis))
        for role, addresses in message.parties.items():
            for address in addresses:
                if address in collectors or "@" not in address or _NO_PERSON.match(address.partition("@")[0]):
                    continue
                person = people.setdefault(address, _Person())
                person.roles.add(role)
                person.messages.add(message.message_key)
                person.kinds |= message.kinds
                person.credentials |= message.credentials
                person.verdicts.add(message.verdict)
                if message.sent_at is not None:
                    person.times.append(message.sent_at)
    rows = []
    for address in sorted(people, key=lambda one: (_relation(one, people[one], policy), one)):
        person = people[address]
        # what only possible mail says changes nothing about somebody who is in exposed mail
        told = hints["possible" if person.verdicts == {"possible"} else "exposed"].get(address, set())
        rows.append(_row(address, person, policy, told))
    return rows


def _relation(address: str, person: _Person, policy: Policy) -> str:
    if policy.is_own(address):
        return "own_staff"
    return "mentioned" if person.roles == {"mentioned"} else "correspondent"


def _row(address: str, person: _Person, policy: Policy, told: set[tuple[str, str]]) -> dict[str, Any]:
    countries, bases = _residency(address, told)
    return {
        "person": address,
        "domain": domain_of(address),
        "relation": _relation(address, person, policy),
        "roles": "; ".join(role for role in _ROLES if role in person.roles),
        "messages": len(person.messages),
        "data_kinds": "; ".join(sorted(person.kinds)),
        "credentials": len(person.credentials),
        "first_exposed": zulu(min(person.times, default=None)),
        "last_exposed": zulu(max(person.times, default=None)),
        "residency_hint": "; ".join(countries),
        "residency_basis": "; ".join(bases),
        "verdict": min(person.verdicts, key=_VERDICTS.index),
    }


def _residency(address: str, told: set[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Countries hinted at and the bases. Hints that contradict each other all stand, each basis then names its country."""
    ending = address.rpartition(".")[2]
    found = set(told)
    if len(ending) == 2 and ending.isalpha() and ending not in _GENERIC_CC:  # noqa: PLR2004  ISO 3166 codes
        found.add((_ISO.get(ending, ending.upper()), "country-code domain"))
    countries = sorted({country for country, _ in found})
    # a state stands for its country: "US" beside "US-CA" is no further place
    countries = [one for one in countries if not any(other.startswith(f"{one}-") for other in countries)]
    if len(countries) < 2:  # noqa: PLR2004  nothing to contradict
        return countries, sorted({basis for _, basis in found})
    return countries, sorted(f"{basis}: {country}" for country, basis in found)
