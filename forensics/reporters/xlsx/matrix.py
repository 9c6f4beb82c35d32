"""Who is affected by which kind of data: one row a person, a column for each kind that occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

__all__ = ["matrix"]


class Readable(Protocol):
    """What the matrix needs of a case: tables by name."""

    def read(self, name: str) -> pd.DataFrame:
        """A table of the contract."""
        ...

    def groups(self) -> pd.DataFrame:
        """Who may be one person."""
        ...


@dataclass(slots=True)
class _Part:
    """The messages in which one address is sender or addressee, as far as the tables of messages tell."""

    exposed: list[str] = field(default_factory=list)  # message keys
    possible: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Held:
    """What was found in each message, by its key."""

    unread: frozenset[str]  # messages not examined in full
    data: Mapping[str, set[str]]  # kinds of personal data
    credentials: Mapping[str, set[str]]  # ids
    kind_of: Mapping[str, str]  # credential id -> kind


@dataclass(frozen=True, slots=True)
class _Facts:
    """What can be told of one person: kinds found, and whether a kind that was not found is surely absent."""

    data: frozenset[str]
    credentials: frozenset[str]
    unread: int | str  # of the person's messages; "" where they cannot be told
    known: bool
    all_credentials: bool


def matrix(people: pd.DataFrame, tables: Readable, *, possible: bool) -> tuple[pd.DataFrame, frozenset[str]]:
    """Rows of `people` with a column for each kind of personal data and of credential that occurs, and the names of those columns.

    Y: found in a message that the person is part of. N: not found, and all of those messages were examined in full. ?: not found, but
    not all were examined, or the person only stands in a message's content, so that the tables do not tell in which. A kind counts for
    every party of its message: whose datum it is, a reader must decide. `possible`: people of possible messages only.
    """
    parts, held = _parts(tables), _held(tables)
    facts = [_facts(row, parts.get(str(row["person"]), _Part()), held, possible=possible) for row in people.to_dict("records")]
    data = sorted(_kinds(tables.read("personal_data"), possible=possible).union(*(one.data for one in facts)))
    credentials = sorted(_kinds(tables.read("credentials"), possible=possible))
    columns = {f"data: {kind}": [_mark(kind in one.data, known=one.known) for one in facts] for kind in data} | {
        f"credential: {kind}": [_mark(kind in one.credentials, known=one.known and one.all_credentials) for one in facts]
        for kind in credentials
    }
    unread = pd.Series([one.unread for one in facts], index=people.index, dtype=object)
    made = people.assign(**{"messages not examined in full": unread}, **columns)
    known = made.merge(_groups(tables.groups()), on="person", how="left").fillna("")
    return _ordered(known, list(columns)), frozenset(columns)


def _facts(row: Mapping[Any, Any], part: _Part, held: _Held, *, possible: bool) -> _Facts:
    """People of exposed mail are told by exposed mail: what only possible mail holds changes nothing about them."""
    keys = part.possible if possible else part.exposed
    whole = row["messages"] in {len(keys), len(part.exposed) + len(part.possible)}
    data = set().union(*(held.data.get(key, ()) for key in keys))
    if not whole:  # part of further messages that the tables do not name: by a mention in their content
        data |= set(_listed(row["data_kinds"]))
    ids = set().union(*(held.credentials.get(key, ()) for key in keys))
    unread = sum(key in held.unread for key in keys)
    kinds = frozenset(held.kind_of[one] for one in ids if one in held.kind_of)
    return _Facts(frozenset(data), kinds, unread if whole else "", whole and not unread, whole or len(ids) == row["credentials"])


def _mark(found: bool, *, known: bool) -> str:
    return "Y" if found else "N" if known else "?"


def _listed(cell: object) -> list[str]:
    return [one for one in str(cell).split("; ") if one] if isinstance(cell, str) else []


def _kinds(frame: pd.DataFrame, *, possible: bool) -> set[str]:
    """Kinds that stand on possible messages only, or all others."""
    weak = frame["verdict"].astype(str) == "possible"
    return {str(one) for one in frame[weak if possible else ~weak]["kind"]}


def _parts(tables: Readable) -> dict[str, _Part]:
    """By address: its messages as sender or addressee."""
    found: dict[str, _Part] = {}
    for table in ("exposed_messages", "possible_messages"):
        frame = tables.read(table)
        for key, sender, to, cc in zip(*(frame[name] for name in ("message_key", "sender", "to", "cc")), strict=True):
            for address in {sender, *_listed(to), *_listed(cc)}:
                part = found.setdefault(address, _Part())
                (part.exposed if table == "exposed_messages" else part.possible).append(key)
    return found


def _held(tables: Readable) -> _Held:
    unread: set[str] = set()
    for table in ("exposed_messages", "possible_messages"):
        frame = tables.read(table)
        unread.update(frame[frame["content"] != "full"]["message_key"])
    personal, places, credentials = (tables.read(name) for name in ("personal_data", "credential_occurrences", "credentials"))
    return _Held(
        frozenset(unread),
        _by_message(personal, "kind"),
        _by_message(places, "credential_id"),
        dict(zip(credentials["credential_id"], credentials["kind"], strict=True)),
    )


def _by_message(frame: pd.DataFrame, column: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, value in zip(frame["message_key"], frame[column], strict=True):
        found.setdefault(key, set()).add(value)
    return found


def _groups(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a person: category, sort of mailbox, and the group of addresses that may be the same person."""
    named = frame[["person", "category", "mailbox", "group_id", "basis"]].drop_duplicates("person")
    return named.rename(columns={"group_id": "may be same person", "basis": "same person because"})


_FIRST = ("person", "relation", "category", "mailbox", "roles", "messages", "messages not examined in full", "credentials")


def _ordered(frame: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """The person first, then the kinds, then the rest; the columns of kinds stand for `data_kinds`."""
    rest = [str(one) for one in frame.columns if one not in {*_FIRST, *kinds, "data_kinds"}]
    return frame[[one for one in (*_FIRST, *kinds, *rest) if one in frame.columns]]
