"""Webhooks inside other records: a log of requests that holds each body as a text, an object, or in base64."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from forensics.jsonstream import Broken, Record, frames, plain_object
from forensics.parsers.postmark.events import EVENTS

__all__ = ["Carried", "carried"]

_DEPTH = 4  # levels of a log's record: {"request": {"body": "..."}} has two
_FIELDS = 200  # of one record that are looked at
_EVENTS = 1_000  # of one body
_LONGEST = 16 << 20  # characters of a body
_SHORTEST = 40
_TYPED = "RecordType"
_BEGUN = re.compile(rb'"RecordType"\s{0,16}:\s{0,16}"(?:' + "|".join(EVENTS).encode() + rb')"')
_PLACED = frozenset({"MessageID", "ServerID", "ServerId"})
_TELLING = frozenset({"Recipient", "Email", "TypeCode"})  # a bounce may lack its address


class Carried(NamedTuple):
    """The webhooks that a record of another kind holds, and whether there may be more: cut, broken or beyond the limits."""

    events: list[Record]
    is_cut: bool


def carried(value: Mapping[str, Any]) -> Carried:
    """The webhooks that lie in the fields of a record of another kind, in order; a body may hold one or a list of them.

    Only whole events count (type, message or server, and recipient or kind of bounce): a text that merely speaks of one is
    none. Their places are those inside the body.
    """
    found: list[Record] = []
    is_cut = False
    ahead: list[tuple[object, int]] = [(value, 0)]
    for looked_at in range(_FIELDS):
        if looked_at >= len(ahead) or len(found) >= _EVENTS:
            break
        one, depth = ahead[looked_at]
        if type(one) is dict:
            if depth and _is_event(one):
                found.append(Record(0, 0, one))
            elif depth < _DEPTH:
                ahead.extend((inner, depth + 1) for inner in _unfolded(one.values()))
        elif type(one) is str and (raw := _body(one)):
            plain = plain_object(one)
            if plain is not None:
                found.extend([Record(0, 0, plain)] if _is_event(plain) else [])
                continue
            told = list(islice(frames([raw], ()), _EVENTS - len(found)))
            found.extend(frame for frame in told if isinstance(frame, Record) and _is_event(frame.value))
            is_cut = is_cut or any(isinstance(frame, Broken) and _BEGUN.search(raw, *frame[:2]) for frame in told)
        elif type(one) is str and len(one) > _LONGEST and _TYPED in one:
            is_cut = True
    unseen = any(type(one) is str and _TYPED in one for one, _ in ahead[_FIELDS:])
    return Carried(found, is_cut or unseen or len(found) >= _EVENTS)


def _unfolded(values: Iterable[object]) -> Iterator[object]:
    """The values that can hold a body; of a repeated key all of them."""
    for value in values:
        if type(value) is tuple:
            yield from _unfolded(value)
        elif type(value) in (dict, str):
            yield value


def _is_event(value: Mapping[str, Any]) -> bool:
    of_type, keys = value.get(_TYPED), value.keys()
    is_ours = isinstance(of_type, str) and of_type in EVENTS
    return is_ours and not keys.isdisjoint(_PLACED) and not keys.isdisjoint(_TELLING)


def _body(text: str) -> bytes:
    """A text as the bytes of JSON that may hold events, plain or in base64; else nothing."""
    if not _SHORTEST <= len(text) <= _LONGEST:
        return b""
    if text.lstrip()[:1] in {"{", "["}:
        return text.encode("utf-8", "replace") if _TYPED in text else b""
    if not text.startswith(("eyJ", "ew", "W3si")) or not text.isascii():  # `{"`, `{` and white space, `[{"` in base64
        return b""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if _TYPED.encode() in raw else b""
