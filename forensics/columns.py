"""Objects to columns and back: the one place where fragments become Arrow batches, redacted on the way."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, timedelta
from functools import lru_cache
from itertools import chain, islice
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from forensics.model import (
    EPOCH,
    Defect,
    Direction,
    Fragment,
    Observation,
    Outcome,
    Reading,
    Recipient,
    Role,
    Route,
    Span,
    Statement,
)

__all__ = [
    "DEFECTS", "OBSERVATIONS", "STATEMENTS", "Encoder", "decode", "defect_table", "statement_table", "subject_hash", "timed",
]  # fmt: skip

TIME = pa.timestamp("us", tz="UTC")
_DISTANCE = pa.duration("us")
_READING = pa.struct([("clock", pa.string()), ("utc", TIME), ("slack", pa.int32())])
_RECIPIENT = pa.struct([
    ("address", pa.string()), ("role", pa.string()), ("outcome", pa.string()), ("written", pa.string()),
    ("original", pa.string()), ("reply", pa.string()), ("utc", TIME), ("stamp", pa.string()),
    ("start", pa.int64()), ("end", pa.int64()), ("seen", pa.string()),
])  # fmt: skip
_FACT = pa.struct([("name", pa.string()), ("value", pa.string())])
_PLACES = ("evidence", "member", "start", "end")
_PLACE = [("evidence", pa.string()), ("member", pa.string()), ("start", pa.int64()), ("end", pa.int64())]

# what one source says of one message; in fragment parts also the key and whether the piece begins and ends it
OBSERVATIONS = pa.schema([
    ("key", pa.string()), ("opens", pa.bool_()), ("closes", pa.bool_()), *_PLACE,
    ("source", pa.string()), ("kind", pa.string()), ("route", pa.string()), ("direction", pa.string()),
    ("server", pa.string()), ("stream", pa.string()), ("message_id", pa.string()), ("ids", pa.list_(pa.string())),
    ("sender", pa.string()), ("envelope_sender", pa.string()), ("subject_hash", pa.string()), ("size", pa.int64()),
    ("readings", pa.list_(_READING)), ("stamp", pa.string()), ("recipients", pa.list_(_RECIPIENT)),
    ("header_known", pa.bool_()), ("declared", pa.int32()), ("attachments", pa.list_(pa.string())),
    ("has_body", pa.bool_()), ("facts", pa.list_(_FACT)),
])  # fmt: skip
DEFECTS = pa.schema([*_PLACE, ("parser", pa.string()), ("reason", pa.string())])
STATEMENTS = pa.schema([
    *_PLACE, ("source", pa.string()), ("kind", pa.string()), ("scope", pa.string()), ("route", pa.string()),
    ("value", pa.int64()), ("rows", pa.int64()), ("utc", TIME), ("stamp", pa.string()), ("address", pa.string()),
    ("note", pa.string()),
])  # fmt: skip

_LIST_FIELDS = ("ids", "readings", "recipients", "attachments", "facts")
_SCALARS = [field.name for field in OBSERVATIONS if field.name not in _LIST_FIELDS]
_MICROSECOND = timedelta(microseconds=1)
_SLACK = 1 << 30  # seconds; more says nothing
_PREFIX = re.compile(r"^(?:(?:re|fwd?|aw|wg|sv|vs|antw|tr|rv)(?:\[\d{1,3}\])?\s*:\s*)+", re.IGNORECASE)


def normal_subject(subject: str) -> str:
    """A subject without reply prefixes, case and spacing: what the mails of one thread share."""
    text = subject[:1000]
    text = " ".join((text if text.isascii() else unicodedata.normalize("NFKC", text)).lower().split())
    prefix = _PREFIX.match(text)
    return text[prefix.end() :] if prefix else text


@lru_cache(maxsize=65_536)
def subject_hash(subject: str, key: bytes) -> str:
    """Keyed hash of the normalised subject, 16 hex digits; "" for an empty one. Subjects carry codes and are not stored."""
    text = normal_subject(subject)
    return hashlib.blake2b(text.encode("utf-8", "replace"), key=key, digest_size=8).hexdigest() if text else ""


def _shown(text: str) -> str:
    """Text that UTF-8 can hold: lone surrogates, which undecodable bytes leave behind, become a replacement character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _size(number: int, bits: int = 63) -> int:
    """A number that evidence states, -1 (unknown) where no column can hold it: hostile or cut digits."""
    return number if -1 <= number < 1 << bits else -1


def _place(span: Span) -> tuple[str, str, int, int]:
    return span.evidence, _shown(span.member), span.start, span.end


# The fields of a row that have no column of their own kind, each by one call in C for many records at a time
# (members of an enumeration as the plain text that they are: Arrow takes ten times as long for them)
_OF_FRAGMENT = {name: attrgetter(name) for name in ("key", "opens", "closes")}
_OF_OBSERVATION = {
    name: attrgetter(f"{name}._value_" if name in {"route", "direction"} else name)
    for name in _SCALARS
    if name not in {*_OF_FRAGMENT, *_PLACES, "subject_hash"}
}
_LISTED = {name: attrgetter(name) for name in _LIST_FIELDS}
_OF_RECIPIENT = [
    attrgetter(name)
    for name in (
        "address", "role._value_", "outcome._value_", "written", "original", "reply", "at", "stamp", "start", "end", "seen",
    )
]  # fmt: skip
_REPLY = 5  # position in a recipient
_AT_ONCE = 256  # fragments that are kept as objects: few, for each may hold a long subject


class Encoder:
    """Gathers fragments into one Arrow table. Subjects are hashed and remote replies redacted before they enter it."""

    def __init__(self, key: bytes, redact: Callable[[str], str]) -> None:
        self._key, self._redact = key, redact
        self._scalars: dict[str, list[Any]] = {name: [] for name in _SCALARS}
        self._lists: dict[str, tuple[list[Any], list[int]]] = {name: ([], [0]) for name in _LIST_FIELDS}
        self._fresh: list[Fragment] = []

    def __len__(self) -> int:
        return len(self._scalars["key"]) + len(self._fresh)

    def add(self, fragment: Fragment) -> None:
        """Take one fragment in."""
        self._fresh.append(fragment)
        if len(self._fresh) >= _AT_ONCE:
            self._gather()

    def _gather(self) -> None:
        """Part the fragments that came last into columns, a column at a time."""
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return
        seen = [one.observation for one in fresh]
        scalars, key = self._scalars, self._key
        for name, of_fragment in _OF_FRAGMENT.items():
            scalars[name].extend(map(of_fragment, fresh))
        for name, of_observation in _OF_OBSERVATION.items():
            scalars[name].extend(map(of_observation, seen))
        for name, values in zip(_PLACES, zip(*[one.span for one in seen], strict=True), strict=True):
            scalars[name].extend(values)
        scalars["subject_hash"].extend(
            [subject_hash(one.subject, key) if one.subject else one.subject_hash for one in seen],
        )
        for name, listed in _LISTED.items():
            lists = list(map(listed, seen))
            members, lengths = self._lists[name]
            members.extend(chain.from_iterable(lists))
            lengths.extend(map(len, lists))

    def table(self) -> pa.Table:
        """Everything taken in so far, in order."""
        self._gather()
        arrays = []
        for field in OBSERVATIONS:
            if field.name in _LIST_FIELDS:
                members, lengths = self._lists[field.name]
                values = self._values(field.name, members, field.type.value_type)
                arrays.append(pa.ListArray.from_arrays(pa.array(np.cumsum(lengths, dtype=np.int32)), values))
            elif field.name in {"size", "declared"}:  # what evidence states may be less than nothing
                arrays.append(_array([max(-1, number) for number in self._scalars[field.name]], field.type))
            else:
                arrays.append(_array(self._scalars[field.name], field.type))
        return pa.table(arrays, schema=OBSERVATIONS)

    def _values(self, name: str, values: list[Any], kind: pa.DataType) -> pa.Array:
        if not pa.types.is_struct(kind):
            return _array(values, kind)
        fields = [kind.field(i) for i in range(kind.num_fields)]
        if name == "recipients":
            columns: list[Sequence[Any]] = [list(map(each, values)) for each in _OF_RECIPIENT]
            shown = {reply: self._redact(_shown(reply)) if reply else "" for reply in set(columns[_REPLY])}
            columns[_REPLY] = [shown[reply] for reply in columns[_REPLY]]
        else:
            columns = list(zip(*values, strict=True)) if values else [()] * len(fields)
        arrays = [_array(column, field.type) for column, field in zip(columns, fields, strict=True)]
        return pa.StructArray.from_arrays(arrays, fields=fields)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values as they are; only where a column cannot hold one (a lone surrogate, a number without end) each is made to fit."""
    try:
        if len(values) > 1 and values[0] is not None and values.count(values[0]) == len(values):  # many say the same throughout
            return pa.repeat(pa.scalar(values[0], kind), len(values))
        if (
            kind == TIME
        ):  # as the distance from a beginning: Arrow asks the zone of each time itself, which takes five times as long
            return pa.array([at and at - EPOCH for at in values], _DISTANCE).view(TIME)
        return pa.array(values, kind)
    except (UnicodeEncodeError, OverflowError, pa.ArrowException):
        return pa.array([_fitting(value, kind) for value in values], kind)


def _fitting(value: object, kind: pa.DataType) -> object:
    if isinstance(value, str):
        return _shown(str(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return _size(value, kind.bit_width - 1)
    return value


_ROLES = {role.value: role for role in Role}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_ROUTES = {route.value: route for route in Route}
_DIRECTIONS = {direction.value: direction for direction in Direction}


def decode(batch: pa.RecordBatch) -> Iterator[Fragment]:
    """The fragments of a batch. Subjects are gone, their hashes stay."""
    scalars = [batch.column(name).to_pylist() for name in _SCALARS]
    ids, attachments = (_members(batch.column(name), lambda text: text) for name in ("ids", "attachments"))
    readings = _members(batch.column("readings"), Reading)
    facts = _members(batch.column("facts"), lambda name, value: (name, value))
    recipients = _members(batch.column("recipients"), _recipient)
    for row, *lists in zip(zip(*scalars, strict=True), ids, readings, recipients, attachments, facts, strict=True):
        key, opens, closes, evidence, member, start, end, source, kind, route, direction, server, stream, *rest = row
        message_id, sender, envelope_sender, hashed, size, stamp, header_known, declared, has_body = rest
        observation = Observation(
            Span(evidence, member, start, end), source, kind, _ROUTES[route], _DIRECTIONS[direction], server, stream, message_id,
            lists[0], sender, envelope_sender, "", hashed, size, lists[1], stamp, lists[2], header_known, declared, lists[3],
            has_body, lists[4],
        )  # fmt: skip
        yield Fragment(key, observation, opens, closes)


def _recipient(address: str, role: str, outcome: str, *rest: Any) -> Recipient:  # noqa: ANN401  the other columns, in order
    return Recipient(address, _ROLES[role], _OUTCOMES[outcome], *rest)


def _members(column: pa.ListArray, make: Callable[..., Any]) -> Iterator[tuple[Any, ...]]:
    """The lists of a column, each member made from its fields."""
    flat = column.flatten()
    fields = flat.flatten() if pa.types.is_struct(flat.type) else [flat]
    members = map(make, *(_plain(field) for field in fields))
    for length in column.value_lengths().to_pylist():
        yield tuple(islice(members, length)) if length else ()


def _plain(column: pa.Array) -> list[Any]:
    """Python values; times as aware UTC, by a shorter way than Arrow's own, which looks up the zone for each."""
    if not pa.types.is_timestamp(column.type):
        listed: list[Any] = column.to_pylist()
        return listed
    return [at and at.replace(tzinfo=UTC) for at in column.cast(pa.timestamp("us")).to_pylist()]


def timed(rows: pa.RecordBatch, resolve: Callable[[tuple[str, str], str], Reading | None]) -> pa.Table:
    """Fragments that hold a whole message, as observations: their stamps become times, as `syslog.joined` makes them.

    `resolve(place, stamp)` reads a stamp by the clock of the file at (evidence, member). The message's own time is the last of
    its readings; a recipient's replaces what was known of it.
    """
    place = _codes(rows.column("evidence"), rows.column("member"))
    codes, at_row = np.unique(place, return_index=True)
    files = {
        code: (rows.column("evidence")[row].as_py(), rows.column("member")[row].as_py())
        for code, row in zip(codes.tolist(), at_row.tolist(), strict=True)
    }

    def settled(stamps: pa.Array, code: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Whether each stamp is known, its time in microseconds, and by how many seconds it may be off."""
        stamps = stamps.dictionary_encode()
        listed = stamps.dictionary.to_pylist()
        which, each = np.unique(code * len(listed) + stamps.indices.to_numpy(zero_copy_only=False), return_inverse=True)
        found = [resolve(files[one // len(listed)], listed[one % len(listed)]) for one in which.tolist()]
        known = np.array([one is not None for one in found], bool)
        at = np.array([(one.at - EPOCH) // _MICROSECOND if one else 0 for one in found], np.int64)
        slack = np.array([one.slack if one else 0 for one in found], np.int32)
        return known[each], at[each], slack[each]

    columns = {field.name: rows.column(field.name) for field in OBSERVATIONS}
    count = rows.num_rows
    columns["key"] = pa.repeat(pa.scalar("", pa.string()), count)
    columns["readings"] = _with_last(columns["readings"], *settled(columns["stamp"], place))
    lengths = columns["recipients"].value_lengths().to_numpy(zero_copy_only=False)
    members = columns["recipients"].flatten()
    fields = dict(zip([field.name for field in _RECIPIENT], members.flatten(), strict=True))
    known, at, _ = settled(fields["stamp"], np.repeat(place, lengths))
    fields["utc"] = pc.if_else(pa.array(known), pa.array(at, TIME), fields["utc"])
    members = pa.StructArray.from_arrays(list(fields.values()), fields=list(_RECIPIENT))
    columns["recipients"] = pa.ListArray.from_arrays(_offsets(lengths), members)
    return pa.table([column.cast(OBSERVATIONS.field(name).type) for name, column in columns.items()], schema=OBSERVATIONS)


Numbers = npt.NDArray[Any]


def _codes(*columns: pa.Array) -> Numbers:
    """One number for each distinct row of some columns of text."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        coded = column.dictionary_encode()
        codes = codes * len(coded.dictionary) + coded.indices.to_numpy(zero_copy_only=False)
    return codes


def _offsets(lengths: Numbers) -> pa.Array:
    return pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32())


def _with_last(readings: pa.ListArray, known: Numbers, at: Numbers, slack: Numbers) -> pa.ListArray:
    """Lists of readings, each with the time of its syslog stamp as its last one where that is known."""
    lengths = readings.value_lengths().to_numpy(zero_copy_only=False)
    before = [one.cast(field.type) for one, field in zip(readings.flatten().flatten(), _READING, strict=True)]
    own = [pa.repeat("syslog", int(known.sum())), pa.array(at[known], TIME), pa.array(slack[known], pa.int32())]
    row = np.concatenate((np.repeat(np.arange(len(lengths)), lengths), np.flatnonzero(known)))
    order = pa.array(np.argsort(row, kind="stable"))  # those that were there come first
    fields = [pa.concat_arrays([one, other]).take(order) for one, other in zip(before, own, strict=True)]
    return pa.ListArray.from_arrays(_offsets(lengths + known), pa.StructArray.from_arrays(fields, fields=list(_READING)))


def defect_table(defects: Sequence[Defect]) -> pa.Table:
    """Defects as a table, in order."""
    rows = [
        {**dict(zip(_PLACES, _place(one.span), strict=True)), "parser": one.parser, "reason": _shown(one.reason)}
        for one in defects
    ]
    return pa.Table.from_pylist(rows, schema=DEFECTS)


def statement_table(statements: Sequence[Statement]) -> pa.Table:
    """Statements as a table, in order."""
    rows = [
        {
            **dict(zip(_PLACES, _place(one.span), strict=True)), "source": one.source, "kind": one.kind, "scope": _shown(one.scope), "route": one.route.value,
            "value": _size(one.value), "rows": _size(one.rows), "utc": one.at, "stamp": _shown(one.stamp), "address": _shown(one.address),
            "note": _shown(one.note),
        }
        for one in statements
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=STATEMENTS)
