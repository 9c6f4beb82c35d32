"""Requests that were kept whole: the records that their bodies hold, as JSON, as text, or as a posted form."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from forensics.jsonstream import Broken, Fields, Record, frames
from forensics.model import Observation, Span

__all__ = ["BODIES", "Held", "Provider", "held_in", "is_empty", "opened"]

# What keeps requests (gateways, functions, catchers of hooks) calls the body it was sent
BODIES = ("body", "rawBody", "raw_body", "payload", "content", "postData", "mandrill_events")
_JSON_TEXT = re.compile(r"\s{0,64}[\[{]")


def _no_form(_: str) -> list[Any]:
    return []


@dataclass(frozen=True, slots=True)
class Provider:
    """How one provider's records are read.

    `kind(record, within)`: what kind of record this is by its keys, "" if it is none of this provider's; `within` is the key of
      the page's list in which it stands. "-" (`OTHER`) for one that tells nothing of outbound mail; "+" (`PART`) for an entry of the
      page that itself tells of one message.
    `observe(fields, span, kind)`: what it says of one message; None if that is nothing, with a remark on `fields` if it ought to.
    `lists`: keys of the lists that the API's pages hold.
    `form(text)`: JSON values that a posted form of this provider holds.
    """

    name: str
    title: str
    kind: Callable[[Mapping[str, Any], str], str]
    observe: Callable[[Fields, Span, str], Observation | None]
    lists: frozenset[str] = frozenset()
    form: Callable[[str], list[Any]] = _no_form


class Held(NamedTuple):
    """A record, in itself or inside a request that was kept; or why there is none."""

    value: dict[str, Any] | None
    within: str = ""
    reason: str = ""


def held_in(text: str, provider: Provider) -> Iterator[Held]:
    """The records of a body that was kept as text."""
    if _JSON_TEXT.match(text):
        yield from _in_json(text, provider)
        return
    for value in provider.form(text):
        if isinstance(value, str):
            yield from _in_json(value, provider)
        else:
            yield Held(value)


def _in_json(text: str, provider: Provider) -> Iterator[Held]:
    for frame in frames([text.encode("utf-8", "replace")], provider.lists):
        if isinstance(frame, Record):
            yield Held(frame.value, frame.within)
        elif isinstance(frame, Broken):
            yield Held(None, frame.within, frame.reason)


def opened(value: Mapping[str, Any], provider: Provider, depth: int = 0) -> list[Held]:
    """The records that a kept request holds in its body; none if it holds no record of this provider's."""
    for name in BODIES:
        for found in value[name] if isinstance(value.get(name), tuple) else [value.get(name)]:
            inside = list(_in_body(found, provider, depth, is_base64=value.get("isBase64Encoded") is True))
            if any(one.value is not None and provider.kind(one.value, one.within) for one in inside):
                return inside
    return []


def _in_body(found: object, provider: Provider, depth: int, *, is_base64: bool) -> Iterator[Held]:
    if isinstance(found, str) and is_base64:
        try:
            found = base64.b64decode(found).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return
    if isinstance(found, str):
        yield from held_in(found, provider)
    elif isinstance(found, dict):  # which some programs make of a JSON body, and of a form
        is_form = depth == 0 and not provider.kind(found, "")
        yield from (is_form and opened(found, provider, 1)) or [Held(found)]
    elif isinstance(found, list):
        yield from (Held(one) if isinstance(one, dict) else Held(None, reason="no JSON object") for one in found)


def is_empty(value: Mapping[str, Any]) -> bool:
    """Whether this is a kept request without a body, as a test of the connection is."""
    found = [value[name] for name in BODIES if name in value]
    return bool(found) and not any(found)
