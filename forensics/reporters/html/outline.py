"""What a table that does not fit on the page comes to: counts by day and sender, by recipient, by mailbox, and by what was found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import TYPE_CHECKING, Any

from forensics.legible import cut
from forensics.reporters.html.rows import CELL, text
from forensics.reporters.html.sifting import grain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Outline", "of_credentials", "of_messages", "of_people"]

_DAYS, _SENDERS, _ROWS = 45, 5, 20  # of one outline; all others share a last row or column
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ENDING = re.compile(r"\.([a-z0-9]{1,8})")  # of a file's name
_STEP = {10: "day", 7: "month", 4: "year"}
_OTHERS = "all others"


@dataclass(frozen=True, slots=True)
class Outline:
    """A small table of counts: what its rows are, and the heads of its columns."""

    title: str
    first: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


def of_messages(frame: pd.DataFrame) -> list[Outline]:
    """By day and sender, by unexpected recipient, by mailbox written to, and attachments by type: all rows of a table of messages."""
    holds = [text(one) not in {"", "0"} for one in frame["credentials"].tolist()]
    unread = [text(one) != "full" for one in frame["content"].tolist()]
    written_to = [_members(to) + _members(cc) for to, cc in zip(frame["to"].tolist(), frame["cc"].tolist(), strict=True)]
    counts = Counter(_ending(name) for cell in frame["attachments"].tolist() for name in _members(cell))
    attachments = _most(counts, {one: (count,) for one, count in counts.items()})
    found = [
        _by_day_and_sender(frame),
        _by_member(
            "By unexpected recipient",
            "Recipient",
            [_members(one) for one in frame["unexpected_recipients"].tolist()],
            holds,
            unread,
        ),
        _by_member("By mailbox that it was written to", "To or Cc", written_to, holds, unread),
        Outline("Attachments, by what their names end in", "Type", ("Attachments",), attachments),
    ]
    return [one for one in found if one.rows]


def of_credentials(frame: pd.DataFrame, occurrences: pd.DataFrame) -> list[Outline]:
    """By service and kind: how many credentials, how many of them stay usable until rotated, and in how many places they stand."""
    ids, services, kinds, states = (frame[name].tolist() for name in ("credential_id", "service", "kind", "state"))
    named = {
        str(one): f"{text(service)} {text(kind)}".replace("_", " ").removeprefix("generic ")
        for one, service, kind in zip(ids, services, kinds, strict=True)
    }
    live = Counter(named[str(one)] for one, state in zip(ids, states, strict=True) if text(state) == "live_until_rotated")
    places = Counter(named[str(one)] for one in occurrences["credential_id"].tolist() if str(one) in named)
    counts = Counter(named[str(one)] for one in ids)
    cells = {one: (count, live[one], places[one]) for one, count in counts.items()}
    return [
        Outline(
            "All credentials, by service and kind",
            "Credential",
            ("Credentials", "Live until rotated", "Places"),
            _most(counts, cells),
        )
    ]


def of_people(frame: pd.DataFrame) -> list[Outline]:
    """By domain: how many people, and how many of them are parties of mail with credentials."""
    domains = [text(one) or "unknown" for one in frame["domain"].tolist()]
    touched = Counter(
        one for one, count in zip(domains, frame["credentials"].tolist(), strict=True) if text(count) not in {"", "0"}
    )
    counts = Counter(domains)
    cells = {one: (count, touched[one]) for one, count in counts.items()}
    return [Outline("All people, by domain", "Domain", ("People", "In mail with credentials"), _most(counts, cells))]


def _by_day_and_sender(frame: pd.DataFrame) -> Outline:
    days = [_day(text(one)) for one in frame["sent_at"].tolist()]
    size = grain([one for one in days if one[:1].isdigit()], _DAYS)
    days = [one[:size] if one[:1].isdigit() else one for one in days]
    senders = [text(one) or "unknown sender" for one in frame["sender"].tolist()]
    columns = [one for one, _ in _ranked(Counter(senders))[:_SENDERS]]
    known = set(columns)
    both = Counter((day, sender if sender in known else _OTHERS) for day, sender in zip(days, senders, strict=True))
    some_others = any(sender == _OTHERS for _, sender in both)
    columns += [_OTHERS] if some_others else []
    counts = Counter(days)
    cells = {day: (count, *(both[day, one] for one in columns)) for day, count in counts.items()}
    rows = sorted(_most(counts, cells, _DAYS), key=lambda row: (row[0] not in counts, not row[0][:1].isdigit(), row[0]))
    return Outline(
        f"By {_STEP[size]} and sender",
        f"{_STEP[size].capitalize()} (UTC)",
        ("All", *(cut(one, CELL) for one in columns)),
        tuple(rows),
    )


def _by_member(
    title: str, first: str, members: Sequence[Sequence[str]], holds: Sequence[bool], unread: Sequence[bool]
) -> Outline:
    """Messages by address. One counts for each of its addresses, so that the rows may come to more than all messages."""
    each = [tuple(dict.fromkeys(some)) for some in members]
    counts = Counter(chain.from_iterable(each))
    secret, open_ones = (Counter(chain.from_iterable(compress(each, chosen))) for chosen in (holds, unread))
    cells = {one: (count, secret[one], open_ones[one]) for one, count in counts.items()}
    return Outline(
        f"{title}; a message with several counts for each",
        first,
        ("Messages", "With credentials", "Not read in full"),
        _most(counts, cells),
    )


def _most(
    counts: Counter[str], cells: Mapping[str, tuple[int, ...]], most: int = _ROWS
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The rows with the highest counts, and the sum of the rest."""
    ordered = [one for one, _ in _ranked(counts)]
    rest = [cells[one] for one in ordered[most:]]
    summed = [(f"{len(rest):,} others", tuple(map(sum, zip(*rest, strict=True))))] if rest else []
    return (*((cut(one, CELL), cells[one]) for one in ordered[:most]), *summed)


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _day(time: str) -> str:
    return time[:10] if _DAY.match(time) else "undated"


def _ending(name: str) -> str:
    found = _ENDING.fullmatch(name[name.rfind(".") :].lower()) if "." in name else None
    return found[1] if found else "without a type"


def _members(cell: Any) -> list[str]:  # noqa: ANN401  a cell of pandas
    return [one for one in text(cell).split("; ") if one]
