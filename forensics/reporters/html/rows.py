"""Rows of a case's tables as the page shows them: cut to size, and never without saying what was left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forensics.legible import cut
from forensics.reporters.html.sifting import Sift

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CELL", "MOMENT", "Row", "Table", "apart", "counted", "groups", "kinds", "messages_table", "persons_table", "places", "sized", "table", "text",
]  # fmt: skip

Row = dict[str, Any]
CELL = 300  # characters of one cell; the CSV has all of it
MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}(?::\d{2})?)(?:\.\d{1,9})?Z")
# Columns that the page takes apart: cut before, they would be counted wrongly.
_LISTS = frozenset({
    "reasons", "to", "cc", "unexpected_recipients", "sources", "evidence", "attachments", "senders", "data_kinds", "roles",
})  # fmt: skip
_NAME = 200  # characters of an attachment's name
_RELATIONS = {"own_staff": "Own staff", "correspondent": "Correspondents", "mentioned": "Mentioned in the content"}


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table that fit on the page, and how many there are in all."""

    rows: list[Row]
    total: int
    file: str
    order: str = ""  # how the rows stand, in words; "" where nothing need be said
    sift: Sift | None = None

    @property
    def more(self) -> int:
        """Rows that only the CSV has."""
        return self.total - len(self.rows)


Sifting = Callable[[list[Row]], Sift | None]


def table(frame: pd.DataFrame, name: str, limit: int, order: str = "", sifting: Sifting | None = None) -> Table:
    """The first rows of a table, with what the reader may choose among them by."""
    rows = [_cells(row) for row in frame.head(limit).to_dict("records")]
    return Table(rows, len(frame), f"{name}.csv", order, sifting(rows) if sifting else None)


def _cells(row: Mapping[Hashable, Any]) -> Row:
    return {str(key): text(value) if key in _LISTS else cut(text(value), CELL) for key, value in row.items()}


def text(value: object) -> str:
    """A cell as text; a missing value, which pandas has several of, is empty."""
    return "" if value is None or value != value or str(value) == "<NA>" else str(value)  # noqa: PLR0124  NaN is the one value unequal to itself


def apart(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that stand on exposed mail, and rows that stand on `possible` mail only: they are never mixed."""
    is_possible = frame["verdict"].astype(str) == "possible"
    return frame[~is_possible], frame[is_possible]


def messages_table(frame: pd.DataFrame, name: str, limit: int, sifting: Sifting) -> Table:
    """Messages in reading order: confirmed first, then by time, undated ones last. Of more than fit, those that cost most, first."""
    rank = frame["verdict"].astype(str).map({"confirmed": 0, "probable": 1, "possible": 2}).fillna(3)
    when = frame["sent_at"].astype(str)
    keyed = frame.assign(_rank=rank, _undated=when == "", _when=when, _key=frame["message_key"].astype(str))
    by, order = ["_rank", "_undated", "_when", "_key"], "confirmed first, then by time"
    if len(frame) > limit:
        keyed = keyed.assign(_secrets=_weight(frame["credentials"]), _persons=_weight(frame["personal_data"]))
        by = ["_rank", "_secrets", "_persons", "_undated", "_when", "_key"]
        order = "confirmed first, then those with most credentials and personal data, then those not read"
    return table(frame.loc[keyed.sort_values(by, kind="stable").index], name, limit, order, sifting)


def _weight(counts: pd.Series[Any]) -> list[int]:
    """For sorting: the higher a count the lower; what nobody counted stands before what is known to be none."""
    return [-2 * int(one) if one.isdecimal() and one.isascii() and len(one) < 10 else -1 for one in map(text, counts.tolist())]  # noqa: PLR2004  digits of a count


def sized(tables: Iterable[Table], attachments: pd.DataFrame) -> None:
    """Put its size behind each attachment that the listed messages name; one without it says that it is not known."""
    listed = [row for one in tables for row in one.rows]
    keys = {row["message_key"] for row in listed}
    known = attachments[attachments["message_key"].isin(list(keys))]
    sizes = {
        (key, name): size
        for key, name, size in zip(*(known[one].tolist() for one in ("message_key", "name", "bytes")), strict=True)
    }
    for row in listed:
        names = [one for one in row["attachments"].split("; ") if one]
        row["attachments"] = "; ".join(
            f"{cut(name, _NAME)} ({_size(sizes.get((row['message_key'], name), ''))})" for name in names
        )


def _size(count: str) -> str:
    if not count.isdecimal():
        return "size not known"
    return f"{int(count):,} bytes" if len(count) < 5 else f"{int(count) / 1000:,.0f} kB"  # noqa: PLR2004  digits


def persons_table(frame: pd.DataFrame, limit: int, sifting: Sifting) -> Table:
    """People in the table's order; of more than fit, those with most credentials and kinds of data first."""
    if len(frame) <= limit:
        return table(frame, "people", limit, "as in the table", sifting)
    keyed = frame.assign(
        _secrets=_weight(frame["credentials"]),
        _kinds=[-len([one for one in text(cell).split("; ") if one]) for cell in frame["data_kinds"].tolist()],
        _messages=_weight(frame["messages"]),
    )
    chosen = frame.loc[keyed.sort_values(["_secrets", "_kinds", "_messages"], kind="stable").index]
    return table(chosen, "people", limit, "those with most credentials and kinds of data first", sifting)


def places(frame: pd.DataFrame, credentials: Iterable[Row], most: int = 3) -> dict[str, dict[str, Any]]:
    """Where each of the listed credentials stands: its first places, and how many more there are."""
    found: dict[str, dict[str, Any]] = {str(one["credential_id"]): {"rows": [], "more": 0} for one in credentials}
    listed = frame[frame["credential_id"].astype(str).isin(list(found))]
    for row in listed.to_dict("records"):
        place = found[str(row["credential_id"])]
        if len(place["rows"]) < most:
            place["rows"].append(_cells(row))
        else:
            place["more"] += 1
    return found


def kinds(frame: pd.DataFrame) -> list[Row]:
    """Personal data by kind: places and messages, the most frequent kind first."""
    pairs = list(zip(map(text, frame["kind"].tolist()), map(text, frame["message_key"].tolist()), strict=True))
    everywhere, messages = Counter(kind for kind, _ in pairs), Counter(kind for kind, _ in set(pairs))
    ordered = sorted(everywhere, key=lambda kind: (-messages[kind], kind))
    return [{"kind": cut(kind, CELL), "places": everywhere[kind], "messages": messages[kind]} for kind in ordered[:40]]


def groups(frame: pd.DataFrame, limit: int, sifting: Callable[[str], Sifting]) -> list[dict[str, Any]]:
    """People by their relation to the organisation, each group a table of its own; `sifting` gets a name for each."""
    relation = frame["relation"].astype(str)
    named = [(title, frame[relation == word]) for word, title in _RELATIONS.items()]
    parts = [*named, ("Relation not known", frame[~relation.isin(list(_RELATIONS))])]
    return [
        {"title": title, "table": persons_table(rows, limit, sifting(f"people-{number}"))}
        for number, (title, rows) in enumerate(parts)
        if len(rows)
    ]


def counted(values: pd.Series[Any], most: int = 20) -> list[tuple[str, int]]:
    """Values with their counts, the most frequent first; an empty value counts too. What does not fit is one last row."""
    found = Counter(map(text, values.tolist()))
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[most:])
    return [(cut(value, CELL), count) for value, count in ordered[:most]] + ([("all others", rest)] if rest else [])
