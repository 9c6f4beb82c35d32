"""Choosing and sorting rows without a script: radio buttons, and what each row answers to them.

The style sheet does the work with `:has(:checked)`: a button and the rows that it keeps share a class, and a row says its rank in
each order in a custom property. Class names and ranks are made here, never from evidence; printed, all rows are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from forensics.legible import cut

__all__ = [
    "CHOICES",
    "ORDERS",
    "Choice",
    "Facet",
    "Order",
    "Sift",
    "grain",
    "sift_credentials",
    "sift_messages",
    "sift_people",
]

ORDERS = 5  # of one table
CHOICES = {
    "a": 32,
    "b": 12,
    "c": 12,
    "d": 12,
}  # buttons of each facet, the last of which may be "all others"; a month has 31 days
_FEWEST = 8  # rows below which nobody needs to choose among them
_LABEL = 60  # characters on a button

Row = Mapping[str, Any]
Answers = Callable[[Row], Sequence[str]]  # what a row answers to one question; several recipients are several answers
Ranks = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: its number within the facet, its label, and how many rows it keeps."""

    number: int
    label: str
    rows: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One question that rows answer, with a button for each answer."""

    letter: str
    title: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One way to sort rows."""

    number: int
    title: str


@dataclass(frozen=True, slots=True)
class Sift:
    """What the reader may choose among the rows of one table by."""

    name: str  # of the buttons, one table's apart from another's
    facets: tuple[Facet, ...]
    orders: tuple[Order, ...]
    marks: tuple[Markup, ...]  # attributes of each row


def grain(days: Sequence[str], most: int) -> int:
    """How many characters of `2025-09-18` to tell days apart by, so that at most so many differ: day, month, or year."""
    return next((size for size in (10, 7) if len({day[:size] for day in days}) <= most), 4)


def _sift(
    name: str,
    rows: Sequence[Row],
    questions: Sequence[tuple[str, Answers]],
    orders: Sequence[tuple[str, Ranks]],
    by_name: frozenset[str] = frozenset(),
) -> Sift | None:
    if len(rows) < _FEWEST:
        return None
    classes: list[list[str]] = [[] for _ in rows]
    facets = []
    for letter, (title, answers) in zip(CHOICES, questions, strict=False):
        choices = _ask(letter, [tuple(dict.fromkeys(answers(row))) for row in rows], classes, is_sorted=title in by_name)
        if len(choices) > 1:
            facets.append(Facet(letter, title, choices))
    ranked = [_ranks([key(row) for row in rows]) for _, key in orders]
    kept = {facet.letter for facet in facets}
    marks = [
        Markup(' class="{}" style="{}"').format(
            " ".join(one for one in classes[place] if one[0] in kept),
            ";".join(f"--o{number}:{ranks[place]}" for number, ranks in enumerate(ranked, 1)),
        )
        for place in range(len(rows))
    ]
    return Sift(name, tuple(facets), tuple(Order(number, title) for number, (title, _) in enumerate(orders, 1)), tuple(marks))


def _ask(letter: str, answered: Sequence[tuple[str, ...]], classes: list[list[str]], *, is_sorted: bool) -> tuple[Choice, ...]:
    """Buttons for the most frequent answers, and the classes of rows that answer so; all other answers share the last button."""
    counts = Counter(one for answers in answered for one in answers)
    last = CHOICES[letter]
    listed = sorted(counts, key=lambda one: (-counts[one], one))
    named = listed if len(listed) <= last else listed[: last - 1]
    named = sorted(named, key=lambda one: (not one[:1].isdigit(), one)) if is_sorted else named
    number = {one: place for place, one in enumerate(named, 1)}
    found: Counter[int] = Counter()
    for answers, into in zip(answered, classes, strict=True):
        numbers = sorted({number.get(one, last) for one in answers})
        found.update(numbers)
        into.extend(f"{letter}{one}" for one in numbers)
    others = [Choice(last, f"{len(listed) - len(named):,} others", found[last])] if len(named) < len(listed) else []
    return (*(Choice(place, cut(one, _LABEL), found[place]) for one, place in number.items()), *others)


def _ranks(keys: Sequence[Any]) -> list[int]:
    """The rank of each key, equal ones alike: rows of one rank keep their places."""
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return [places[key] for key in keys]


def _members(cell: str) -> list[str]:
    return [one for one in cell.split("; ") if one]


def _days(rows: Sequence[Row], column: str, letter: str) -> Answers:
    """The day of a row, or its month or year where there are too many of them."""
    size = grain([str(row[column])[:10] for row in rows if row[column]], CHOICES[letter] - 1)
    return lambda row: (str(row[column])[:size] or "undated",)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1  # noqa: PLR2004  digits of a count


def _held(row: Row) -> tuple[str, ...]:
    """What a message is known to hold; one that was not examined in full says that as well."""
    found = [
        word for word, column in (("credentials", "credentials"), ("personal data", "personal_data")) if _number(row[column]) > 0
    ]
    found += [] if row["content"] == "full" else ["not read in full"]
    return tuple(found) or ("neither found",)


def sift_messages(name: str) -> Callable[[Sequence[Row]], Sift | None]:
    """For tables of messages: by day, recipient, content and verdict; sorted by time either way, sender, recipient, and what they hold."""
    return lambda rows: _sift(
        name,
        rows,
        [
            ("Day (UTC)", _days(rows, "sent_at", "a")),
            ("Unexpected recipient", lambda row: _members(row["unexpected_recipients"]) or ("none named",)),
            ("Holds", _held),
            ("Verdict", lambda row: (row["verdict"] or "not stated",)),
        ],
        [
            ("earliest first", lambda row: (not row["sent_at"], row["sent_at"])),
            ("latest first", lambda row: _latest(row["sent_at"])),
            ("sender", lambda row: row["sender"]),
            ("recipient", lambda row: row["unexpected_recipients"]),
            ("most credentials", lambda row: (-_number(row["credentials"]), -_number(row["personal_data"]))),
        ],
        frozenset({"Day (UTC)"}),
    )


def _latest(time: str) -> tuple[bool, tuple[int, ...]]:
    """A key that sorts later times before earlier ones, and what has none behind them all."""
    return not time, tuple(-ord(char) for char in time)


def sift_credentials(name: str) -> Callable[[Sequence[Row]], Sift | None]:
    """For tables of credentials: by kind, service, severity and confidence; sorted by service, time and number of messages."""
    return lambda rows: _sift(
        name,
        rows,
        [
            ("Kind", lambda row: (str(row["kind"]).replace("_", " ") or "not stated",)),
            ("Service", lambda row: (row["service"] or "not stated",)),
            ("Severity", lambda row: (row["severity"] or "not stated",)),
            ("Confidence", lambda row: (row["confidence"] or "not stated",)),
        ],
        [
            ("service", lambda row: (row["service"], row["kind"])),
            ("first exposed", lambda row: (not row["first_exposed"], row["first_exposed"])),
            ("most messages", lambda row: -_number(row["messages"])),
        ],
    )


def sift_people(name: str) -> Callable[[Sequence[Row]], Sift | None]:
    """For tables of people: by day, kind of data, residency hint and verdict; sorted by address, time, messages and credentials."""
    return lambda rows: _sift(
        name,
        rows,
        [
            ("First exposed (UTC)", _days(rows, "first_exposed", "a")),
            ("Kind of data", lambda row: [one.replace("_", " ") for one in _members(row["data_kinds"])] or ("none known",)),
            ("Residency hint", lambda row: _members(row["residency_hint"]) or ("unknown",)),
            ("Verdict", lambda row: (row["verdict"] or "not stated",)),
        ],
        [
            ("domain, address", lambda row: (row["domain"], row["person"])),
            ("first exposed", lambda row: (not row["first_exposed"], row["first_exposed"])),
            ("most messages", lambda row: -_number(row["messages"])),
            ("most credentials", lambda row: -_number(row["credentials"])),
        ],
        frozenset({"First exposed (UTC)"}),
    )
