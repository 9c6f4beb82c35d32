"""Objects to columns and back: the one place where fragments become Arrow batches, redacted on the way."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Reading, Recipient, Role, Route, Span, Statement

__all__ = ["DEFECTS", "OBSERVATIONS", "STATEMENTS", "Encoder", "decode", "defect_table", "statement_table", "subject_hash"]

TIME = pa.timestamp("us", tz="UTC")
_READING = pa.struct([("clock", pa.string()), ("utc", TIME), ("slack", pa.int32())])
_RECIPIENT = pa.struct([
    ("address", pa.string()), ("role", pa.string()), ("outcome", pa.string()), ("written", pa.string()),
    ("original", pa.string()), ("reply", pa.string()), ("utc", TIME), ("stamp", pa.string()),
    ("start", pa.int64()), ("end", pa.int64()),
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

_LIST_FIELDS = {"ids", "readings", "recipients", "attachments", "facts"}
_SCALARS = [field.name for field in OBSERVATIONS if field.name not in _LIST_FIELDS]
_SLACK = 1 << 30  # seconds; more says nothing
_PREFIX = re.compile(r"^(?:(?:re|fwd?|aw|wg|sv|vs|antw|tr|rv)(?:\[\d{1,3}\])?\s*:\s*)+", re.IGNORECASE)


def normal_subject(subject: str) -> str:
    """A subject without reply prefixes, case and spacing: what the mails of one thread share."""
    text = " ".join(unicodedata.normalize("NFKC", subject[:1000]).lower().split())
    return _PREFIX.sub("", text)


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


class Encoder:
    """Gathers fragments into one Arrow table. Subjects are hashed and remote replies redacted before they enter it."""

    def __init__(self, key: bytes, redact: Callable[[str], str]) -> None:
        self._key, self._redact = key, redact
        self._scalars: dict[str, list[Any]] = {name: [] for name in _SCALARS}
        self._lists: dict[str, list[Any]] = {name: [] for name in _LIST_FIELDS}
        self._offsets: dict[str, list[int]] = {name: [0] for name in _LIST_FIELDS}
        self._rows: list[tuple[Any, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, fragment: Fragment) -> None:
        """Take one fragment in."""
        seen = fragment.observation
        self._rows.append((
            _shown(fragment.key), fragment.opens, fragment.closes, *_place(seen.span),
            seen.source, _shown(seen.kind), seen.route.value, seen.direction.value, _shown(seen.server), _shown(seen.stream),
            _shown(seen.message_id), _shown(seen.sender), _shown(seen.envelope_sender),
            subject_hash(seen.subject, self._key) if seen.subject else seen.subject_hash, _size(seen.size), _shown(seen.stamp),
            seen.header_known, _size(seen.declared, 31), seen.has_body,
        ))  # fmt: skip
        lists = self._lists
        lists["ids"].extend(map(_shown, seen.ids))
        lists["attachments"].extend(map(_shown, seen.attachments))
        lists["readings"].extend((_shown(one.clock), one.at, min(one.slack, _SLACK)) for one in seen.readings)
        lists["facts"].extend((_shown(name), _shown(value)) for name, value in seen.facts)
        redact = self._redact
        lists["recipients"].extend(
            (
                _shown(one.address), one.role.value, one.outcome.value, _shown(one.written), _shown(one.original),
                _shown(redact(_shown(one.reply))) if one.reply else "", one.at, _shown(one.stamp), one.start, one.end,
            )
            for one in seen.recipients
        )  # fmt: skip
        for name, offsets in self._offsets.items():
            offsets.append(len(lists[name]))

    def table(self) -> pa.Table:
        """Everything taken in so far, in order."""
        scalars = dict(zip(_SCALARS, zip(*self._rows, strict=True), strict=True)) if self._rows else dict.fromkeys(_SCALARS, ())
        columns = []
        for field in OBSERVATIONS:
            if field.name in _LIST_FIELDS:
                values = _array(self._lists[field.name], field.type.value_type)
                columns.append(pa.ListArray.from_arrays(pa.array(self._offsets[field.name], pa.int32()), values))
            else:
                columns.append(pa.array(scalars[field.name], field.type))
        return pa.table(columns, schema=OBSERVATIONS)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_struct(kind):
        return pa.array(values, kind)
    fields = [kind.field(i) for i in range(kind.num_fields)]
    columns = list(zip(*values, strict=True)) if values else [()] * len(fields)
    return pa.StructArray.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)], fields=fields
    )


def _recipient(row: dict[str, Any]) -> Recipient:
    row = {**row, "role": Role(row["role"]), "outcome": Outcome(row["outcome"]), "at": row["utc"]}
    del row["utc"]
    return Recipient(**row)


def decode(batch: pa.RecordBatch) -> Iterator[Fragment]:
    """The fragments of a batch. Subjects are gone, their hashes stay."""
    for row in batch.to_pylist():
        span = Span(row["evidence"], row["member"], row["start"], row["end"])
        recipients = tuple(_recipient(one) for one in row["recipients"])
        observation = Observation(
            span=span, source=row["source"], kind=row["kind"], route=Route(row["route"]), direction=Direction(row["direction"]),
            server=row["server"], stream=row["stream"], message_id=row["message_id"], ids=tuple(row["ids"]),
            sender=row["sender"], envelope_sender=row["envelope_sender"], subject_hash=row["subject_hash"], size=row["size"],
            readings=tuple(Reading(one["clock"], one["utc"], one["slack"]) for one in row["readings"]), stamp=row["stamp"], recipients=recipients,
            header_known=row["header_known"], declared=row["declared"], attachments=tuple(row["attachments"]),
            has_body=row["has_body"], facts=tuple((one["name"], one["value"]) for one in row["facts"]),
        )  # fmt: skip
        yield Fragment(row["key"], observation, row["opens"], row["closes"])


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
