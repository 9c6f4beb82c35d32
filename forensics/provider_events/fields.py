"""Fields of providers' records, read without trust in any type: recipients, times, words of other servers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from forensics.addresses import canonical, canonical_message_id, mailboxes
from forensics.dates import UNKNOWN_ZONE, iso_time
from forensics.jsonstream import Fields
from forensics.model import EPOCH, Outcome, Reading, Recipient, Role

__all__ = [
    "BOUNCE_LATENESS",
    "UNSIGNED",
    "after_data",
    "author",
    "facts",
    "label",
    "message_id",
    "moment",
    "named",
    "posted_form",
    "reading",
    "texts",
    "word",
]

UNSIGNED = ("unsigned", "true")  # the fact of a webhook: whoever can write the store can write such a record
BOUNCE_LATENESS = 432_000  # seconds: queues give up after five days

_MOST_ADDRESSES = 65_536  # characters of one text that names recipients
_CACHED = 320  # characters: longer texts are lists or hostile, and would fill a cache without being met again
_MOST_FIELDS = 10_000  # of a posted form
_MOST_REPLY, _MOST_FACT, _MOST_LABEL = 2_000, 200, 998  # characters
_YEAR_2001, _YEAR_5138 = 10**9, 10**11  # seconds; no provider is older, and numbers above are milliseconds
_PLAIN_ADDRESS = re.compile(r"[^\s\"(),:;<>@\[\]\\]{1,128}@[^\s\"(),:;<>@\[\]\\]{1,253}")
_DIGITS = re.compile(r"[0-9]{9,14}(?:\.[0-9]{1,9})?")
_AFTER_DATA = re.compile(r"end[ -]of[ -](?:the[ -])?data", re.IGNORECASE)  # words for a refusal once the content had left


def word(value: Mapping[str, Any], name: str) -> str:
    """A field's text in lower case; "" for any other type."""
    found = value.get(name)
    return found.strip().lower() if isinstance(found, str) else ""


def label(fields: Fields, name: str) -> str:
    """A short text that names something; some exports write a number."""
    return fields.label(name).strip()[:_MOST_LABEL]


def _recipients(text: str, role: Role, outcome: Outcome, seen: str) -> tuple[Recipient, ...]:
    make = _cached_recipients if len(text) <= _CACHED else _parsed_recipients
    return make(text, role, outcome, seen)


def _parsed_recipients(text: str, role: Role, outcome: Outcome, seen: str) -> tuple[Recipient, ...]:
    if _PLAIN_ADDRESS.fullmatch(text):
        found = [(canonical(text), text)]
    else:
        found = [(box.address, box.written) for box in mailboxes(text)]
    return tuple(Recipient(one, role, outcome, "" if as_is.lower() == one else as_is, seen=seen) for one, as_is in found)


_cached_recipients = lru_cache(maxsize=65_536)(_parsed_recipients)


def texts(fields: Fields, name: str, key: str = "email") -> list[str]:
    """The texts of a field: one, a list of them, or those under `key` of its objects. Null is nothing, also in a list."""
    found = fields.value.get(name)
    if type(found) is not list:
        return fields.texts(name, key)
    inner = Fields({name: [one for one in found if one is not None]})
    found = inner.texts(name, key)
    fields.wrong |= inner.wrong
    return found


def named(
    fields: Fields, name: str, role: Role = Role.EVENT, outcome: Outcome = Outcome.NONE, seen: str = "", key: str = "email"
) -> tuple[Recipient, ...]:
    """The recipients that a field names; entries without an address make it one of the wrong."""
    recipients: list[Recipient] = []
    for text in texts(fields, name, key):
        found = _recipients(text[:_MOST_ADDRESSES], role, outcome, seen)
        recipients.extend(found)
        if not found or len(text) > _MOST_ADDRESSES:
            fields.wrong.add(name)
    return tuple(recipients)


def reading(fields: Fields, name: str, clock: str, slack: int = 0, *, zoned: bool = True) -> Reading | None:
    """A time that is written as seconds or milliseconds since 1970, number or digits, or in ISO 8601.

    Without an offset, and for `zoned=False` (numbers that a provider counts in a zone it does not name), it may be off by 14 hours.
    """
    found = fields.value.get(name)
    if found is None or found == "":
        return None
    if isinstance(found, str):
        text = found.strip()[:64]
        told = _since_1970(float(text), clock) if _DIGITS.fullmatch(text) else iso_time(text, clock)
    else:
        told = _since_1970(found, clock) if isinstance(found, int | float) and not isinstance(found, bool) else None
    if told is None:
        fields.wrong.add(name)
        return None
    return told._replace(slack=max(told.slack, slack, 0 if zoned else UNKNOWN_ZONE))


def _since_1970(number: float, clock: str) -> Reading | None:
    seconds = number if number < _YEAR_5138 else number / 1000
    if not _YEAR_2001 <= seconds < _YEAR_5138:
        return None
    return Reading(clock, EPOCH + timedelta(seconds=seconds))


def author(fields: Fields, name: str) -> str:
    """The canonical address of whom a field names as author; "" if it names nobody."""
    found = named(fields, name)
    return found[0].address if found else ""


def message_id(text: str) -> str:
    """A canonical Message-ID from a text of any length; "" where there is none."""
    return canonical_message_id(text[:_MOST_LABEL]) if text.strip() else ""


def moment(recipients: Iterable[Recipient], at: Reading | None, reply: str = "") -> tuple[Recipient, ...]:
    """Recipients with the time of their event, and the other server's words; a time of unknown zone stays a stamp."""
    stamp = at.at.replace(tzinfo=None).isoformat() if at and at.slack else ""
    exact = at.at if at and not at.slack else None
    return tuple(replace(one, at=exact, stamp=stamp, reply=reply[:_MOST_REPLY]) for one in recipients)


def after_data(outcome: Outcome, *texts: str) -> Outcome:
    """A bounce, or a refusal that is known to have come when the content had left."""
    late = outcome is Outcome.BOUNCED and any(_AFTER_DATA.search(text[:_MOST_REPLY]) for text in texts)
    return Outcome.REFUSED_AFTER_DATA if late else outcome


def facts(*found: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Those facts that say something, short, sorted by name."""
    return tuple(sorted((name, value[:_MOST_FACT]) for name, value in found if value))


def posted_form(text: str) -> dict[str, Any]:
    """The fields of a form as it is posted (application/x-www-form-urlencoded); a repeated one holds a tuple of its values.

    {} for anything else, and for forms of more fields than a person or a provider makes.
    """
    if "=" not in text:
        return {}
    try:
        pairs = parse_qsl(text.strip(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="replace")
    except ValueError:
        return {}
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else tuple(values) for name, values in found.items()}
