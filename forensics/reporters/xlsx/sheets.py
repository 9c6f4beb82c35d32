"""Which sheets the workbook has, in which order, and what only `possible` messages gave, on sheets of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from forensics.case import BESIDE, Case, CaseError
from forensics.decisions import Decision, decisions, standing
from forensics.reporters.xlsx.appearances import appearances
from forensics.reporters.xlsx.book import Sheet
from forensics.reporters.xlsx.matrix import matrix

__all__ = ["Tables", "sheets_of"]

Stands = Mapping[tuple[str, str], tuple[Decision, ...]]

_SAYS = {
    "people": "One person, which is one mail address; Y, N or ? for each kind of data and of credential in mail that the person is part of",
    "exposed_messages": "One message that went to somebody who should not have received it",
    "possible_messages": "One message that may have; not counted as exposed",
    "not_delivered": "One message of which all unexpected copies failed",
    "copies": "One record of one unexpected copy: the proof, with its place in the evidence and the file's SHA-256",
    "unexpected_recipients": "One address that received what it should not have, and why it is taken for that",
    "credentials": "One credential to rotate, most urgent first; fill in when it was rotated, and by whom",
    "credential_occurrences": "One place where a credential stood",
    "personal_data": "One place where a personal datum stood",
    "coverage": "One source of records, and which part of the window it accounts for",
    "defects": "One record or file that could not be read",
    "timeline": "One event of an unexpected copy",
    "sign_ins": "One account and one stretch of time in which its codes or links could be used: what to look for in that service's sign-in log",
    "locked_attachments": "One locked attachment, and whether its password was copied out as well; no password was tried",
    "attachments": "One attachment that was copied out, of a message whose content was read; without a size where its bytes are not in the evidence",
    "precautions": "One secret that no mail shows and the attack could read where it ran: where to revoke it, and what to check",
}
_BY_MESSAGE = "One person in one message: as sender, in To or in Cc, with the kinds of data and credentials found in it; ? where it was not examined in full"
_APART = "From possible messages only: not counted as exposed"
_NAMES = {
    "people": "People", "exposed_messages": "Exposed", "possible_messages": "Possible", "not_delivered": "Not delivered",
    "unexpected_recipients": "Recipients", "copies": "Copies", "credentials": "Credentials",
    "credential_occurrences": "Credential places", "personal_data": "Personal data", "coverage": "Coverage", "defects": "Defects",
    "timeline": "Timeline", "sign_ins": "Sign-ins", "locked_attachments": "Locked attachments", "precautions": "Precautions",
    "attachments": "Attachments",
}  # fmt: skip
_WHOLE = frozenset(
    {"exposed_messages", "possible_messages", "not_delivered", "coverage", "defects", "precautions"}
)  # never split by verdict
_SUBJECTS = {  # table -> what a decision on one of its rows is about, and the column that names it
    "people": ("person", "person"),
    "exposed_messages": ("message", "message_key"),
    "possible_messages": ("message", "message_key"),
    "not_delivered": ("message", "message_key"),
    "unexpected_recipients": ("recipient", "address"),
    "credentials": ("credential", "credential_id"),
}
_ROTATED = ("rotated at", "rotated by")
_NOTIFY = ("notify?", "decided by, and why")
_WORDS = {"reviewed": "reviewed", "rejected": "rejected", "notify": "yes", "do_not_notify": "no"}


class Tables:
    """The case's tables as they are asked for, and how many rows each had."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.totals: dict[str, int] = {}

    def read(self, name: str) -> pd.DataFrame:
        """A table of the contract."""
        frame = self._case.read(name)
        self.totals[name] = len(frame)
        return frame

    def groups(self) -> pd.DataFrame:
        """Who may be one person: columns `person, group_id, basis, category, mailbox, verdict`; no rows in a case without that table."""
        try:
            return self._case.read("person_groups")
        except (CaseError, KeyError, OSError):
            return pd.DataFrame(columns=["person", "group_id", "basis", "category", "mailbox", "verdict"])

    def beside(self, name: str) -> pd.DataFrame | None:
        """A table that follows from those of the contract; None in a case without it."""
        try:
            return self.read(name)
        except (CaseError, KeyError, OSError):
            return None

    def stands(self) -> Stands:
        """The decisions in force, by what they are about."""
        return standing(decisions(self._case))


def sheets_of(tables: Tables) -> Iterator[Sheet]:
    """All sheets but the first page, in their order. What stands on `possible` messages only comes behind the rest."""
    stands = tables.stands()
    later: list[Sheet] = []
    for table in _NAMES:
        frame = tables.beside(table) if table in BESIDE else tables.read(table)
        if frame is None:
            continue
        if table in _WHOLE:
            yield _sheet(table, frame, stands, apart=table == "possible_messages")
            continue
        is_possible = _possible(table, frame, tables)
        strong, weak = frame[~is_possible], frame[is_possible]
        yield _sheet(table, strong, stands, tables=tables)
        if len(weak):
            later.append(_sheet(table, weak, stands, tables=tables, apart=True))
        if table == "people":
            yield _by_message(strong, tables, apart=False)
            later += [_by_message(weak, tables, apart=True)] if len(weak) else []
    yield from later


def _possible(table: str, frame: pd.DataFrame, tables: Tables) -> pd.Series[bool]:
    """Which rows stand on `possible` alone. An event has no verdict of its own: it is that of its copy."""
    if table != "timeline":
        return frame["verdict"].astype(str) == "possible"
    copies = tables.read("copies")
    weak = copies[copies["verdict"].astype(str) == "possible"]
    pairs = set(zip(weak["message_key"].astype(str), weak["recipient"].astype(str), strict=True))
    found = [pair in pairs for pair in zip(frame["message_key"].astype(str), frame["recipient"].astype(str), strict=True)]
    return pd.Series(found, index=frame.index, dtype=bool)


def _sheet(table: str, frame: pd.DataFrame, stands: Stands, *, tables: Tables | None = None, apart: bool = False) -> Sheet:
    name, to_fill, marks = _NAMES[table], frozenset[str](), frozenset[str]()
    says = _SAYS[table]
    if apart and table != "possible_messages":
        name, says = f"{name}, possible", f"{says}. {_APART}"
    if table == "people" and tables is not None:
        frame, marks = matrix(frame, tables, possible=apart)
        frame, to_fill = _to_decide(frame, stands), frozenset(_NOTIFY)
    elif table == "credentials":
        frame, to_fill = _to_rotate(frame, stands), frozenset(_ROTATED)
    return Sheet(name, table, says, _decided(table, frame, stands), apart, to_fill, marks)


def _by_message(people: pd.DataFrame, tables: Tables, *, apart: bool) -> Sheet:
    """The sheet that says in which message each person stands; its rows are no table's own."""
    name, says = ("People by mail, possible", f"{_BY_MESSAGE}. {_APART}") if apart else ("People by mail", _BY_MESSAGE)
    return Sheet(name, "people", says, appearances(people, tables, possible=apart), apart, derived=True)


def _decided(table: str, frame: pd.DataFrame, stands: Stands) -> pd.DataFrame:
    """With a column of what people decided on its rows, if they did on any; rotations and notifications have their own."""
    if table not in _SUBJECTS:
        return frame
    about, key = _SUBJECTS[table]
    said = [_remarks(stands.get((about, str(one)), ())) for one in frame[key]]
    return frame.assign(decided=said) if any(said) else frame


def _remarks(ones: tuple[Decision, ...]) -> str:
    found = [one for one in ones if one.mark not in {"rotated", "notify", "do_not_notify"}]
    return "; ".join(f"{_WORDS.get(one.mark, 'remark')} by {one.by}" + (f": {one.reason}" if one.reason else "") for one in found)


def _answers(frame: pd.DataFrame, column: str, about: str, marks: frozenset[str], stands: Stands) -> list[Decision | None]:
    """The decision in force that has one of these marks, for each row."""
    return [next((one for one in stands.get((about, str(name)), ()) if one.mark in marks), None) for name in frame[column]]


def _to_rotate(frame: pd.DataFrame, stands: Stands) -> pd.DataFrame:
    """With columns to fill in, and in them what is on record already."""
    found = _answers(frame, "credential_id", "credential", frozenset({"rotated"}), stands)
    when = [(one.since or f"recorded {one.at}") if one else "" for one in found]
    return frame.assign(**dict(zip(_ROTATED, (when, [one.by if one else "" for one in found]), strict=True)))


def _to_decide(frame: pd.DataFrame, stands: Stands) -> pd.DataFrame:
    found = _answers(frame, "person", "person", frozenset({"notify", "do_not_notify"}), stands)
    words = [_WORDS[one.mark] if one else "" for one in found]
    why = ["; ".join(filter(None, (one.by, one.reason))) if one else "" for one in found]
    return frame.assign(**dict(zip(_NOTIFY, (words, why), strict=True)))
