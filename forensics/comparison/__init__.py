"""What changed between two cases: how each was made, every row of the contract's tables, and why, where that can be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forensics.case import CONTRACT, Case
from forensics.comparison.causes import Causes
from forensics.comparison.circumstances import SCHEMA, Made, differences, metadata, part, summary_of
from forensics.custody import file_sha256
from forensics.decisions import Decision, decisions
from forensics.engine import engine, view

__all__ = ["SCHEMA", "Change", "Comparison", "Made", "compare"]

Key = tuple[str, ...]
Row = Mapping[str, str]

# What tells a row from the others of its table. Where several rows share it they are numbered in the table's order.
KEYS: Mapping[str, tuple[str, ...]] = {
    "exposed_messages": ("message_key",),
    "possible_messages": ("message_key",),
    "not_delivered": ("message_key",),
    "copies": ("message_key", "recipient", "role", "source", "sha256", "start", "end"),
    "unexpected_recipients": ("address",),
    "credentials": ("credential_id",),
    "credential_occurrences": ("credential_id", "message_key", "part", "location"),
    "personal_data": ("message_key", "part", "location", "kind", "rule"),
    "people": ("person",),
    "coverage": ("source", "scope", "route", "from", "to"),
    "defects": ("path", "start", "end", "parser"),
    "timeline": ("message_key", "recipient", "datetime", "timestamp_desc", "source"),
    "decisions": ("at", "by", "about", "subject", "mark"),
}
ORDINALS = frozenset({"rank", "credential_id", "seq"})  # count anew with every row before them: never compared


@dataclass(frozen=True, slots=True)
class Change:
    """One row that differs. `columns` maps a column to its text before and after; of an added or removed row, all that are not empty."""

    change: str  # "added", "removed" or "changed"
    key: Key
    columns: Mapping[str, tuple[str, str]]
    why: str = ""  # "" where it cannot be told


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences of two cases. Tables without any are left out; order depends on the cases alone."""

    made: tuple[Made, ...]
    tables: Mapping[str, tuple[Change, ...]]
    reports: tuple[str, ...]  # names of report files that differ or that one case has only
    remarks: tuple[str, ...] = field(default=())  # what cannot be compared

    @property
    def same(self) -> bool:
        """Whether tables and reports are equal; how they were made may differ all the same."""
        return not self.tables and not self.reports

    def counts(self, table: str) -> dict[str, int]:
        """How many rows of a table were added, removed and changed."""
        found = Counter(one.change for one in self.tables.get(table, ()))
        return {word: found[word] for word in ("added", "removed", "changed")}

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {
            "schema_version": SCHEMA,
            "same": self.same,
            "made_differently": [{"topic": one.topic, "what": one.what, "before": one.before, "after": one.after} for one in self.made],
            "tables": {
                name: {
                    **self.counts(name),
                    "rows": [
                        {
                            "change": one.change, "key": list(one.key), "why": one.why,
                            "columns": {column: {"before": pair[0], "after": pair[1]} for column, pair in one.columns.items()},
                        }
                        for one in changes
                    ],
                }
                for name, changes in self.tables.items()
            },
            "reports": list(self.reports),
            "not_compared": list(self.remarks),
        }  # fmt: skip


def compare(before: Case, after: Case) -> Comparison:
    """What changed from one finished case to another. Pure but for reading; raises CaseError for a case that cannot be compared."""
    made = tuple(differences(before, after, metadata(before), metadata(after)))
    sightings = _sightings(before), _sightings(after)
    names = _credential_names(*sightings)
    causes = Causes(before, after, made, _messages_of(sightings, names))
    tables: dict[str, tuple[Change, ...]] = {}
    for name in (*CONTRACT, "decisions"):
        rows = _rows((before, after), name, names)
        if rows[0] or rows[1]:
            tables[name] = tuple(_changes(name, rows[0], rows[1], causes))
    reports = list(_reports(before, after))
    told = (f"{name}: {how}" for name, how in reports if how != "unknown")
    packed = [name for name, how in reports if how == "unknown"]
    remarks = (*_not_compared(before, after, made, alike=not tables), *(f"{name} {_HEADED}" for name in packed))
    return Comparison(made, tables, tuple(told), remarks)


_HEADED = "is a packed file and may print the head of its run's custody log: whether it differs in more than that cannot be told."


_Sighting = tuple[str, str]  # how a credential looks and where it stands, as one text; and the message's key
_Sightings = Mapping[str, list[_Sighting]]  # by credential id, the first place first


def _sightings(case: Case) -> dict[str, list[_Sighting]]:
    """Looks and places of each credential; twins of one look and place are numbered."""
    looks = {
        str(row["credential_id"]): " ".join(str(row[name]) for name in ("kind", "service", "rule", "preview"))
        for row in case.read("credentials").to_dict("records")
    }
    columns = ("sent_at", "message_key", "part", "location", "credential_id")
    rows = [tuple(str(row[name]) for name in columns) for row in case.read("credential_occurrences").to_dict("records")]
    found: dict[str, list[_Sighting]] = {identity: [] for identity in looks}
    twins: Counter[str] = Counter()
    for _, key, where, location, identity in sorted(rows, key=lambda row: (row[0] or "~", *row[1:4], len(row[4]), row[4])):
        place = f"{looks.get(identity, '')} in {key} {where} {location}"
        twins[place] += 1
        found.setdefault(identity, []).append((place if twins[place] == 1 else f"{place} (no. {twins[place]})", key))
    return found


def _credential_names(old: _Sightings, new: _Sightings) -> tuple[dict[str, str], dict[str, str]]:
    """For each case, a name of each credential that both cases share: kind, service, rule, preview and first place.

    Where more evidence moved the first place, a credential that looks the same and shares any place is the same one.
    """
    names = [{identity: places[0][0] if places else identity for identity, places in one.items()} for one in (old, new)]
    known, given = set(names[0].values()), set(names[1].values())
    for identity, places in new.items():
        if names[1][identity] in known:
            continue
        here = {place for place, _ in places}
        fits = [
            other for other, there in old.items() if names[0][other] not in given and any(place in here for place, _ in there)
        ]
        if len(fits) == 1:
            names[1][identity] = names[0][fits[0]]
            given.add(names[1][identity])
    return names[0], names[1]


def _messages_of(
    sightings: tuple[_Sightings, _Sightings], names: tuple[Mapping[str, str], Mapping[str, str]]
) -> dict[str, frozenset[str]]:
    """Keys of the messages that hold a credential in either case, by the name that both cases share."""
    found: dict[str, frozenset[str]] = {}
    for one, named in zip(sightings, names, strict=True):
        for identity, places in one.items():
            found[named[identity]] = found.get(named[identity], frozenset()) | {key for _, key in places}
    return found


def _rows(cases: Sequence[Case], table: str, names: Sequence[Mapping[str, str]]) -> list[dict[Key, Row]]:
    """Of each case the rows that the other lacks in just this form, by key. Of large tables only these come into memory."""
    if table == "decisions":
        listed = [[_decided(one) for one in decisions(case)] for case in cases]
    elif "credential_id" in CONTRACT[table]:
        frames = (case.read(table).astype(str).to_dict("records") for case in cases)
        listed = [
            [
                {str(column): str(cell) for column, cell in {**row, "credential_id": named.get(row["credential_id"], "")}.items()}
                for row in rows
            ]
            for rows, named in zip(frames, names, strict=True)
        ]
    else:
        listed = _apart(cases, table)
    keyed = [_keyed(table, rows) for rows in listed]
    common = {key for key, row in keyed[0].items() if keyed[1].get(key) == row}
    return [{key: row for key, row in one.items() if key not in common} for one in keyed]


def _apart(cases: Sequence[Case], table: str) -> list[list[dict[str, str]]]:
    """Of each case the rows that the other lacks, cells as text; a column that an older version did not write is empty."""
    chosen = []
    connection = engine(cases[1].path)
    for name, case in zip(("before", "after"), cases, strict=True):
        view(connection, name, sorted(map(str, (case.tables / table).glob("*.parquet"))))
        present = {row[0] for row in connection.execute(f'DESCRIBE "{name}"').fetchall()}
        wanted = [column for column in CONTRACT[table] if column not in ORDINALS]
        cells = (f'CAST("{column}" AS VARCHAR)' if column in present else "''" for column in wanted)
        listed = ", ".join(f'{cell} AS "{column}"' for cell, column in zip(cells, wanted, strict=True))
        chosen.append(f'SELECT {listed} FROM "{name}"')  # noqa: S608  names are ours
    found = []
    for one, other in (chosen, chosen[::-1]):
        cursor = connection.execute(f"{one} EXCEPT ALL {other} ORDER BY ALL")
        columns = [column[0] for column in cursor.description or ()]
        found.append([dict(zip(columns, (str(cell or "") for cell in row), strict=True)) for row in cursor.fetchall()])
    connection.close()
    return found


def _keyed(table: str, rows: Iterable[dict[str, str]]) -> dict[Key, Row]:
    """Rows by the key of their table; rows that share one are numbered."""
    found: dict[Key, Row] = {}
    counts: Counter[Key] = Counter()
    for row in rows:
        key = tuple(row.get(column, "") for column in KEYS[table])
        counts[key] += 1
        full = key if counts[key] == 1 else (*key, f"no. {counts[key]}")
        found[full] = {column: value for column, value in row.items() if column not in ORDINALS}
    return found


def _decided(one: Decision) -> dict[str, str]:
    return {
        "at": one.at, "by": one.by, "about": one.about, "subject": one.subject, "mark": one.marked, "reason": one.reason,
        "status": one.status,
    }  # fmt: skip


def _changes(table: str, old: Mapping[Key, Row], new: Mapping[Key, Row], causes: Causes) -> Iterator[Change]:
    """Removed rows, added rows, changed rows, each in the order of their table."""
    named = KEYS[table].index("credential_id") if table == "credentials" else None
    for key, row in [*old.items(), *new.items()]:
        if key in old and key in new:
            continue
        change = "removed" if key in old else "added"
        pairs = {name: (value, "") if key in old else ("", value) for name, value in row.items() if value}
        credential = "" if named is None else key[named]
        yield Change(change, key, pairs, causes.why(table, change, old.get(key, {}), new.get(key, {}), credential))
    for key, row in new.items():
        if key in old and old[key] != row:
            pairs = {name: (old[key].get(name, ""), value) for name, value in row.items()}
            differing = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
            credential = "" if named is None else key[named]
            yield Change("changed", key, differing, causes.why(table, "changed", old[key], row, credential))


_PACKED = frozenset({".docx", ".pdf", ".xlsx", ".zip"})  # what they print cannot be seen in their bytes
_WHOLE = 64 << 20  # bytes of a report that is read at once; tables as CSV, which may be larger, print no custody head


def _reports(before: Case, after: Case) -> Iterator[tuple[str, str]]:
    """Report files that differ, and how. A run's own times, and the head of its custody log, which reports print, do not count."""
    found = [
        {place.relative_to(case.report).as_posix(): place for place in case.report.rglob("*") if place.is_file()}
        for case in (before, after)
    ]
    summaries = [summary_of(case) for case in (before, after)]
    heads = [str(part(one, "run").get("custody_head", "")).encode() for one in summaries]
    for name in sorted({*found[0], *found[1]}):
        places = [one.get(name) for one in found]
        if places[0] is None or places[1] is None:
            yield name, f"only the {'first' if places[1] is None else 'second'} case has it"
        elif name == "summary.json":
            if _without_run(summaries[0]) != _without_run(summaries[1]):
                yield name, "differs"
        elif file_sha256(places[0]) != file_sha256(places[1]) and not _equal_but_for(heads, [places[0], places[1]]):
            yield name, "unknown" if places[0].suffix in _PACKED and heads[0] != heads[1] else "differs"


def _equal_but_for(heads: Sequence[bytes], places: Sequence[Path]) -> bool:
    sizes = [place.stat().st_size for place in places]
    if not all(heads) or sizes[0] != sizes[1] or sizes[0] > _WHOLE:
        return False
    one, other = (place.read_bytes().replace(head, b"") for place, head in zip(places, heads, strict=True))
    return one == other


def _without_run(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if name != "run"}


def _not_compared(before: Case, after: Case, made: Sequence[Made], *, alike: bool) -> Iterator[str]:
    try:
        same_key = before.key == after.key
    except (OSError, ValueError):
        yield "A case key is missing: whether subjects that only exist as keyed hashes are equal cannot be told."
    else:
        if not same_key:
            yield (
                "The case keys differ: keyed hashes of subjects (threads, in tables/messages) cannot be compared. The contract's tables "
                "hold none, so all of these are; --case-key FILE gives two audits the same key."
            )
    if any(one.topic == "plugins" or one.what == "version" for one in made):
        yield "A plugin or the version differs: what a rule finds may have changed with it; rules are not listed one by one in a case."
    if not alike:
        yield "A policy is known by its own domains, its window and the entries that excused something; an entry without effect leaves no trace."
