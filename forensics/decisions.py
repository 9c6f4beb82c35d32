"""What people decided about a case: the remarks in its custody log, matched with what it holds now, and which of them stand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from forensics.addresses import canonical, canonical_message_id
from forensics.case import Case, CaseError
from forensics.custody import LOG
from forensics.legible import shown

__all__ = [
    "ABOUT", "ACTION", "LONGEST_REMARK", "MARKS", "REASONED", "STATUSES", "Decision", "Subject", "decisions", "standing", "subject_of",
]  # fmt: skip

ACTION = "remark"  # of the custody log's entries
LONGEST_REMARK = 2_000  # characters
ABOUT = ("case", "credential", "message", "recipient", "person")
# mark -> the question that it answers, and what it may be about: of two marks that answer one question, the later one stands
MARKS: Mapping[str, tuple[str, frozenset[str]]] = {
    "rotated": ("rotation", frozenset({"credential"})),
    "reviewed": ("finding", frozenset(ABOUT)),
    "rejected": ("finding", frozenset({"credential", "message", "recipient", "person"})),
    "notify": ("notification", frozenset({"case", "person"})),
    "do_not_notify": ("notification", frozenset({"case", "person"})),
}
REASONED = frozenset({"rejected", "do_not_notify"})  # not without a reason
STATUSES = ("in_force", "replaced", "withdrawn", "withdrawal", "not_held", "unreadable")

_LINE = 1 << 20  # bytes of one entry: a longer one is none that we wrote
_NAMES = 5_000  # names in which near matches are sought
_DISTINCTIVE = "…"  # in the preview of a secret that shows four characters at either end: its look alone tells it from others


@dataclass(frozen=True, slots=True)
class Subject:
    """What a remark is about: by name as the case has it, and by facts by which another audit's case knows it again."""

    about: str  # a word of ABOUT
    name: str = ""  # credential id, message key or canonical address; "" for the case as a whole
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """One remark of the custody log, seen from the case as it is now. Times are ISO 8601 in UTC with "Z"."""

    seq: int  # number of the log's entry, by which it can be withdrawn
    at: str  # when it was written
    by: str
    about: str
    subject: str  # as this case names it now; as it was named then where the case no longer holds it
    mark: str  # a word of MARKS, "" for a remark only
    since: str  # when a credential was rotated, as the analyst states it: a time or a day; "" where nothing was stated
    reason: str  # the analyst's words, redacted; may hold any character
    status: str  # a word of STATUSES
    withdraws: int = 0  # the entry that this one withdraws

    @property
    def marked(self) -> str:
        """The mark with its time, if one was stated: `rotated 2026-09-20T10:00:00Z`; `withdraws 12` for a withdrawal."""
        return f"withdraws {self.withdraws}" if self.withdraws else f"{self.mark} {self.since}".strip()


def decisions(case: Case) -> list[Decision]:
    """All remarks of a case, oldest first, each matched anew with what the case holds now. Raises OSError where the log cannot be read.

    A withdrawn one stays in the list. An entry whose fields cannot be read is there too, with status `unreadable`.
    """
    read = [_read(entry) for entry in _entries(case.path / LOG)]
    if not read:
        return []
    held = _Held(case)
    withdrawn = {one.withdraws for one, _ in read if one.withdraws}
    found: list[Decision] = []
    last: dict[tuple[str, str, str], int] = {}
    for one, facts in read:
        name = held.now(Subject(one.about, one.subject, facts)) if one.status == "in_force" else None
        if one.status != "in_force":
            found.append(one)
        elif one.seq in withdrawn:
            found.append(replace(one, subject=one.subject if name is None else name, status="withdrawn"))
        elif name is None:
            found.append(replace(one, status="not_held"))
        else:
            if one.mark:
                key = (one.about, name, MARKS[one.mark][0])
                if key in last:
                    found[last[key]] = replace(found[last[key]], status="replaced")
                last[key] = len(found)
            found.append(replace(one, subject=name))
    return found


def standing(found: Case | Iterable[Decision]) -> dict[tuple[str, str], tuple[Decision, ...]]:
    """What is in force now, by (about, subject), oldest first; at most one decision for each question of MARKS.

    Takes a case, or what `decisions` returned for it.
    """
    stands: dict[tuple[str, str], tuple[Decision, ...]] = {}
    for one in decisions(found) if isinstance(found, Case) else found:
        if one.status == "in_force":
            stands[one.about, one.subject] = (*stands.get((one.about, one.subject), ()), one)
    return stands


def subject_of(case: Case, about: str, text: str) -> Subject:
    """What a person names, as the case names it, with its facts. Raises CaseError with near matches where the case has no such thing."""
    held = _Held(case)
    name = _normal(about, text)
    if about == "case":
        return Subject("case")
    if about == "credential" and name in held.credentials:
        return Subject(about, name, held.facts(name))
    if about == "message" and held.has_message(name):
        return Subject(about, name)
    if about in {"recipient", "person"} and name in held.names(about):
        return Subject(about, name)
    near = get_close_matches(name, held.names(about)[:_NAMES], n=3, cutoff=0.5)
    advice = f"; near to it: {', '.join(shown(one, 200) for one in near)}" if near else f"; see {_LISTED[about]}"
    msg = f"{shown(text, 200)!r}: the case has no such {about}{advice}"
    raise CaseError(msg)


_LISTED = {
    "credential": "credentials.csv", "message": "exposed_messages.csv and its neighbours",
    "recipient": "unexpected_recipients.csv", "person": "people.csv",
}  # fmt: skip


def _normal(about: str, text: str) -> str:
    """The name as the case would write it: `c7` is C0007, an address is canonical, a Message-ID has no brackets."""
    text = text.strip()
    if about == "credential":
        number = text[1:] if text[:1] in {"C", "c"} else text
        return f"C{int(number):04d}" if number.isascii() and number.isdigit() and len(number) < 10 else text  # noqa: PLR2004  no case has so many
    return canonical_message_id(text) if about == "message" else canonical(text)


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    """Remarks among the entries of a custody log, oldest first. What is no entry is `verify`'s business."""
    with suppress(FileNotFoundError), log.open("rb") as stream:
        for line in iter(lambda: stream.readline(_LINE), b""):
            if b'"remark"' not in line:
                continue
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue  # no entry: `verify` names it
            if isinstance(entry, dict) and entry.get("action") == ACTION:
                yield entry


def _read(entry: Mapping[str, Any]) -> tuple[Decision, Mapping[str, Any]]:
    """An entry as a decision that is not yet matched, and the facts of its subject."""
    texts = {name: entry.get(name, "") for name in ("utc", "actor", "by", "about", "subject", "mark", "since", "reason")}
    seq, withdraws, facts = entry.get("seq", 0), entry.get("withdraws", 0), entry.get("facts", {})
    sound = (
        all(isinstance(one, str) for one in texts.values())
        and texts["about"] in ABOUT
        and (not texts["mark"] or texts["mark"] in MARKS)
        and type(seq) is int
        and type(withdraws) is int
        and isinstance(facts, dict)
    )
    if not sound:
        at = texts["utc"] if isinstance(texts["utc"], str) else ""
        return Decision(seq if type(seq) is int else 0, at, "", "case", "", "", "", "", "unreadable"), {}
    status = "withdrawal" if withdraws else "in_force"
    return Decision(
        seq, texts["utc"], texts["by"] or texts["actor"], texts["about"], texts["subject"], texts["mark"], texts["since"], texts["reason"], status, withdraws
    ), facts  # fmt: skip


_Place = tuple[str, str, str]  # message key, part, location
_Look = tuple[str, str, str, str]


class _Held:
    """What a case holds that a remark can be about; each table is read when it is first asked for."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def now(self, subject: Subject) -> str | None:
        """How this case names the subject; None where it no longer holds it, or cannot tell it from others."""
        name = subject.name
        if subject.about == "case":
            return ""
        if subject.about == "credential":
            return self._known_again(subject.facts)
        found = self.has_message(name) if subject.about == "message" else name in self.names(subject.about)
        return name if found else None

    @cached_property
    def credentials(self) -> dict[str, _Look]:
        """Kind, service, rule and preview by id."""
        frame = self.case.read("credentials")
        looks = zip(frame["kind"], frame["service"], frame["rule"], frame["preview"], strict=True)
        return dict(zip(map(str, frame["credential_id"]), looks, strict=True))

    @cached_property
    def _places(self) -> dict[str, list[_Place]]:
        """Where each credential stands, the first place first."""
        frame = self.case.read("credential_occurrences")
        frame = frame.assign(sent_at=frame["sent_at"].replace("", "~"))  # an unknown time comes last, as where ids are given
        frame = frame.sort_values(["credential_id", "sent_at", "message_key", "part", "location"])
        places: dict[str, list[_Place]] = {}
        columns = (frame[name] for name in ("credential_id", "message_key", "part", "location"))
        for identity, *place in zip(*columns, strict=True):
            places.setdefault(identity, []).append((place[0], place[1], place[2]))
        return places

    def _alike(self, look: _Look) -> list[str]:
        return sorted((one for one, other in self.credentials.items() if other == look), key=lambda one: (len(one), one))

    def facts(self, identity: str) -> dict[str, Any]:
        """How a credential looks, where it stands first, and which one it is of those that look the same there."""
        look, places = self.credentials[identity], self._places.get(identity, [])
        first = places[0] if places else ("", "", "")
        twins = [one for one in self._alike(look) if first in self._places.get(one, ())]
        names = ("kind", "service", "rule", "preview", "message_key", "part", "location")
        return {
            **dict(zip(names, (*look, *first), strict=True)),
            "twin": twins.index(identity) if places else 0,
            "twins": len(twins),
        }

    def _known_again(self, facts: Mapping[str, Any]) -> str | None:
        """The id that a credential has now, by its look and place: ids are ordinals, and more evidence counts anew."""
        kind, service, rule, preview, key, part, location = (
            str(facts.get(name, "")) for name in ("kind", "service", "rule", "preview", "message_key", "part", "location")
        )
        alike = self._alike((kind, service, rule, preview))
        there = [one for one in alike if (key, part, location) in self._places.get(one, ())]
        twin, twins = facts.get("twin", 0), facts.get("twins", 1)
        if there:
            return there[twin] if len(there) == twins and type(twin) is int and 0 <= twin < len(there) else None
        near = [one for one in alike if any(place[:2] == (key, part) for place in self._places.get(one, ()))]
        left = near or (alike if _DISTINCTIVE in preview else [])
        return left[0] if len(left) == 1 else None

    def names(self, about: str) -> list[str]:
        """All names of that sort in the order of their tables; of messages, those with a verdict."""
        return self._names[about]

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        def column(table: str, name: str) -> list[str]:
            return [str(one) for one in self.case.read(table)[name]]

        messages = [
            key for table in ("exposed_messages", "possible_messages", "not_delivered") for key in column(table, "message_key")
        ]
        return {
            "credential": list(self.credentials),
            "message": messages,
            "recipient": column("unexpected_recipients", "address"),
            "person": column("people", "person"),
        }

    def has_message(self, key: str) -> bool:
        """Whether the evidence names such a message, with a verdict or without."""
        return key in self._messages

    @cached_property
    def _messages(self) -> frozenset[str]:
        parts = sorted((self.case.tables / "messages").glob("*.parquet"))
        return frozenset(key for part in parts for key in pq.read_table(part, columns=["message_key"])["message_key"].to_pylist())
