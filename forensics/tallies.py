"""What a case counts towards a notification: persons from low to high, residence by hints, severity, and clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from forensics.case import Case, CaseError
from forensics.obligations import CAUTION_OF_ROW, Count, Obligation, load_obligations, rows
from forensics.severity import Override, Seen, Severity, SeverityError, assess

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MERGE_RULE", "Headcount", "Person", "Readable", "Tally", "tallied", "tally"]

MERGE_RULE = (
    "high: one mail address is one person. low: addresses count once where they differ only by a tag behind a plus sign, or where "
    "the only personal display name seen with each (two parts or more, no name of an office) is the same and they lie at one "
    "registrable domain that hosts no mailboxes for the public, or at own domains with the same local part. Mailboxes of offices and "
    "programs, beside which no person's name was seen, are in neither number and counted apart."
)


class Readable(Protocol):
    """What is asked of a case: its summary, and its tables by name."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """The case as `summary.json` tells it."""
        ...

    def read(self, table: str) -> pd.DataFrame:
        """One table, times ISO 8601 in UTC, "" for what is empty."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """One address of `people` with what `person_groups` says of it."""

    address: str
    relation: str
    category: str  # "staff", "customer" or "other"
    mailbox: str  # "person", "role" or "service"
    group: str  # of addresses that may be one person; "" where it stands alone
    kinds: frozenset[str]
    has_credentials: bool
    hints: tuple[str, ...]  # countries, and states of the United States


@dataclass(frozen=True, slots=True)
class Headcount:
    """How many persons addresses stand for: `high` one each, `low` after merging; mailboxes of offices and programs apart."""

    low: int
    high: int
    mailboxes: int  # of roles and services, in neither number

    @classmethod
    def of(cls, persons: Iterable[Person]) -> Headcount:
        """The count over some addresses; a group counts once, however many of its members are among them."""
        listed = list(persons)
        people = [one for one in listed if one.mailbox == "person"]
        merged = len({one.group for one in people if one.group})
        return cls(merged + sum(not one.group for one in people), len(people), len(listed) - len(people))

    def as_data(self) -> dict[str, int]:
        """For JSON."""
        return {"low": self.low, "high": self.high, "role_and_service_mailboxes": self.mailboxes}


@dataclass(frozen=True, slots=True)
class _Alike:
    """Persons of one case who do not differ in what an obligation asks: of a hundred thousand there are some hundred such sets."""

    kinds: frozenset[str]
    has_credentials: bool
    hints: tuple[str, ...]
    groups: frozenset[str]  # of addresses that may be one person
    alone: int  # addresses that are in no group
    size: int  # addresses

    @classmethod
    def of(cls, persons: Iterable[Person]) -> tuple[_Alike, ...]:
        """Persons so parted; mailboxes of offices and programs are nobody."""
        found: dict[tuple[frozenset[str], bool, tuple[str, ...]], list[str]] = {}
        for one in persons:
            if one.mailbox == "person":
                found.setdefault((one.kinds, one.has_credentials, one.hints), []).append(one.group)
        return tuple(cls(*sort, frozenset(filter(None, groups)), groups.count(""), len(groups)) for sort, groups in found.items())


@dataclass(frozen=True, slots=True)
class Tally:
    """The figures of one case. Persons, data and credentials are those of exposed mail; `possible` is counted nowhere."""

    persons: tuple[Person, ...]
    alike: tuple[_Alike, ...]
    severity: Severity
    case: Mapping[str, Any]  # the policy's word on the case: role, discovered_at, aware_at, ...
    is_complete: bool  # all exposed content was read, the window is covered, and no record is defect

    def by_category(self) -> dict[str, Headcount]:
        """Persons by staff, customer, other; a category without anybody is left out."""
        names = sorted({one.category for one in self.persons})
        return {name: Headcount.of(one for one in self.persons if one.category == name) for name in names}

    def by_residency(self) -> dict[str, Headcount]:
        """Persons by hint; under "contradictory" those whom hints place in two countries, under "unknown" those without any."""
        found: dict[str, list[Person]] = {}
        for one in self.persons:
            word = "unknown" if not one.hints else one.hints[0] if len(one.hints) == 1 else "contradictory"
            found.setdefault(word, []).append(one)
        last = ("contradictory", "unknown")
        return {word: Headcount.of(found[word]) for word in sorted(found, key=lambda one: (one in last, one))}

    def count(self, one: Obligation) -> Count:
        """How many persons this case counts against an obligation.

        With `elements` nobody can tell whose data they are: at least somebody's, at most those of everybody in these messages.
        """
        chosen = [some for some in self.alike if _has(some, one.elements)]
        sure = [some for some in chosen if _lives_in(some, one.place) == "yes"] if one.place else chosen
        open_ones = [some for some in chosen if _lives_in(some, one.place) == "unknown"] if one.place else []
        low = sum(some.alone for some in sure) + len(frozenset[str]().union(*(some.groups for some in sure)))
        if one.elements:
            low = int(bool(chosen) and len(sure) == len(chosen))
        unknown = sum(some.size for some in open_ones)
        return Count(low, sum(some.size for some in sure) + unknown, unknown, self.is_complete, bool(one.place))

    def obligations(self, known: Sequence[Obligation] | None = None) -> list[dict[str, str]]:
        """Rows as `obligations.rows` makes them, of the obligations that come with the tool unless others are given."""
        listed = load_obligations() if known is None else known
        return rows(listed, {one.id: self.count(one) for one in listed}, self.case)

    def outline(self) -> dict[str, Any]:
        """For a page: clocks in order of their end, obligations without one, persons as ranges, and the severity with its inputs.

        Rows that say the same of several places are one, with all of them in its `jurisdiction`.
        """
        listed = _together(self.obligations())
        return {
            "clocks": sorted((row for row in listed if row["due_at"]), key=lambda row: (row["due_at"], row["id"])),
            "others": [row for row in listed if not row["due_at"]],
            "persons": Headcount.of(self.persons),
            "categories": self.by_category(),
            "residency": self.by_residency(),
            "rule": MERGE_RULE,
            "severity": self.severity.as_data(),
        }


def _together(listed: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Rows that differ only by the place that they are about, as one; the words that stand in each are left to the page."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for row in listed:
        one = dict(row, note=row["note"].removesuffix(CAUTION_OF_ROW).strip())
        number, place, _ = row["threshold"].partition(" residents of ")
        key = (number, place, *(value for name, value in one.items() if name not in {"id", "jurisdiction", "threshold"}))
        if key not in found or not place:
            found[key if place else (one["id"],)] = one
        else:
            found[key]["jurisdiction"] += f", {one['jurisdiction']}"
            found[key]["threshold"] = f"{number} residents of each place"
    return list(found.values())


def _has(person: _Alike, elements: Sequence[str]) -> bool:
    if not elements:
        return True
    return not person.kinds.isdisjoint(elements) or (person.has_credentials and "credentials" in elements)


def _lives_in(person: _Alike, place: str) -> str:
    """yes, no or unknown, by hints: a country says nothing sure about its states, and of two that contradict none decides."""
    inside = [one == place or one.startswith(f"{place}-") for one in person.hints]
    if inside and all(inside):
        return "yes"
    around = any(place.startswith(f"{one}-") for one in person.hints)
    return "unknown" if not inside or any(inside) or around else "no"


def tally(case: Readable) -> Tally:
    """The figures of a case. A case that an older version made has no groups: nobody is merged, and everybody is "other".

    Several reporters ask for them, one after the other: those of the last case are kept for as long as its files stay as they are.
    """
    return _kept(case.path, case.stamps()) if isinstance(case, Case) else _tallied(case)


@lru_cache(maxsize=1)
def _kept(path: Path, stamps: object) -> Tally:  # noqa: ARG001  what they stand for is part of the question
    return _tallied(Case(path))


def _tallied(case: Readable) -> Tally:
    summary = case.summary
    facts = summary.get("case") or {}
    persons = tuple(_persons(case))
    exposed, personal, credentials, blamed = (
        _of_exposed(case.read(name)) for name in ("exposed_messages", "personal_data", "credentials", "unexpected_recipients")
    )
    count = Headcount.of(persons)
    seen = Seen(
        exposed=len(exposed),
        kinds=frozenset(map(str, personal["kind"])),
        credentials=frozenset(zip(map(str, credentials["kind"]), map(str, credentials["service"]), strict=True)),
        persons_low=count.low,
        persons_high=count.high,
        collectors=len(blamed),
        confirmed=int((exposed["verdict"] == "confirmed").sum()),
        unread=int((exposed["content"] != "full").sum()),
    )
    try:
        override = Override.from_data(facts.get("severity") or {})
    except SeverityError:  # a summary that another version wrote, or somebody's hand
        override = Override()
    return Tally(persons, _Alike.of(persons), assess(seen, override), facts, _is_complete(case, seen))


def _is_complete(case: Readable, seen: Seen) -> bool:
    coverage = case.read("coverage")
    routed = coverage[coverage["route"] != "mailbox"]
    return not seen.unread and len(routed) > 0 and bool((routed["status"] == "covered").all()) and not len(case.read("defects"))


def _of_exposed(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the rows that only possible messages gave: over-notification is a harm too."""
    return frame[frame["verdict"].astype(str) != "possible"]


def _persons(case: Readable) -> Iterable[Person]:
    grouped = {str(person): known for person, *known in _groups(case)}
    stranger = ("other", "person", "")
    # a group of which one address is left in exposed mail merges nothing, and counts the same
    named = ("person", "relation", "data_kinds", "credentials", "residency_hint")
    for address, relation, kinds, credentials, hints in _rows(_of_exposed(case.read("people")), named):
        category, mailbox, group = grouped.get(str(address), stranger)
        yield Person(
            str(address),
            str(relation),
            str(category or "other"),
            str(mailbox or "person"),
            str(group or ""),
            frozenset(_listed(kinds)),
            str(credentials) not in {"", "0"},
            tuple(_listed(hints)),
        )


def _groups(case: Readable) -> Iterable[tuple[object, ...]]:
    try:
        return _rows(case.read("person_groups"), ("person", "category", "mailbox", "group_id"))
    except (CaseError, FileNotFoundError):
        return ()


def _rows(frame: pd.DataFrame, names: Sequence[str]) -> Iterable[tuple[object, ...]]:
    return zip(*(frame[name].tolist() for name in names), strict=True)


def _listed(cell: object) -> list[str]:
    return [one for one in str(cell).split("; ") if one]


def tallied(values: Iterable[object]) -> dict[str, int]:
    """How often each value occurs, sorted by value."""
    return dict(sorted(Counter(map(str, values)).items()))
