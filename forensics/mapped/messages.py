"""What one record says of a message, by a mapping: identities, sender, recipients, outcome and time."""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, TypeVar

from forensics.addresses import canonical, canonical_message_id, items, mailboxes, mailboxes_in, plain_mailboxes
from forensics.dates import UNKNOWN_ZONE
from forensics.headers import decode_words
from forensics.mapped.times import time_in
from forensics.mapping import Form, Mapping, Place
from forensics.model import Direction, Observation, Outcome, Reading, Recipient, Role, Route, Span

__all__ = ["Record", "observed"]

_T = TypeVar("_T")
_MOST_ADDRESSES = 65_536  # characters of one text that names recipients
_MOST_RECIPIENTS = 10_000
_MOST_REPLY, _MOST_FACT, _MOST_LABEL = 2_000, 200, 998  # characters
_MOST_IDS = 64
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")  # RFC 9562: case does not count
_EVENT_LATENESS = 432_000  # seconds: queues give up after five days
_HEADER = {"to": Role.TO, "cc": Role.CC}
_NO_RECIPIENT = "the record names no recipient"
_APART = "addresses and roles of a record are not equal in number: which role is whose is not known"


@dataclass(slots=True)
class Record:
    """What one record holds, by the mapping's columns or paths.

    `absent` are columns that the file does not have. `wrong` gathers the fields that are not of the expected form, `remarks`
    sentences about the whole, `unknown` the values that no value table of the mapping knows, each with the name of its table. Only
    the last holds evidence.
    """

    texts: Table[str, tuple[str, ...]]
    absent: frozenset[str] = frozenset()
    wrong: set[str] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)

    def all(self, place: Place | None) -> Sequence[str]:
        """Every text at a place, lists taken apart; none of them is empty."""
        if place is None:
            return ()
        if not place.separator and len(place.names) == 1:
            return self.texts.get(place.names[0], ())
        found = [text for name in place.names for text in self.texts.get(name, ())]
        if place.separator:
            found = [one.strip() for text in found for one in text.split(place.separator, _MOST_RECIPIENTS)]
        return [one for one in found if one]

    def one(self, places: Table[str, Place], noun: str) -> str:
        """The one text of a field: of the first of its names that has any. Several that differ make the field wrong."""
        place = places.get(noun)
        for name in place.names if place else ():
            found = self.texts.get(name, ())
            if found:
                if len(found) > 1 and len(set(found)) > 1:
                    self.wrong.add(noun)
                return found[0]
        return ""


class _Named(NamedTuple):
    """Addresses in canonical form, and as written where that differs in more than case; and whether there is no other in the text."""

    people: tuple[tuple[str, str], ...]
    is_all: bool


@lru_cache(maxsize=65_536)
def _named(text: str) -> _Named:
    """The addresses of a text. Databases put a list in braces, and some exports part it by bars, which no header does."""
    if text[:1] == "{" and text[-1:] == "}":
        text = text[1:-1]
    pieces = text.split("|") if text.count("@") > 1 else [text]
    boxes = [box for piece in pieces for box in mailboxes(piece)]
    people = tuple((one.address, "" if one.written.lower() == one.address else one.written) for one in boxes)
    return _Named(people, bool(people) and all(plain_mailboxes(piece) is not None or _is_all_read(piece) for piece in pieces))


def _is_all_read(text: str) -> bool:
    """Whether each item of a list has an address; one without may be the first half of the next one's name, `Doe, Ann <a@b.example>`."""
    open_name = False
    for item in items(text):
        if mailboxes_in(item):
            if open_name and not item.inside:
                return False
            open_name = False
        elif item.outside.strip() or item.inside:
            open_name = True
    return not open_name


def _addresses(record: Record, place: Place | None, noun: str) -> list[tuple[str, str]]:
    """The addresses of a field; a text without one, or with more than can be read, makes the field wrong."""
    found: list[tuple[str, str]] = []
    for text in record.all(place):
        people, is_all = _named(text) if len(text) <= _MOST_LABEL else _named.__wrapped__(text[:_MOST_ADDRESSES])
        if not is_all or len(text) > _MOST_ADDRESSES:
            record.wrong.add(noun)
        found.extend(people)
    if len(found) > _MOST_RECIPIENTS:
        record.wrong.add(noun)
    return found[:_MOST_RECIPIENTS]


def _meaning(record: Record, text: str, known: tuple[tuple[str, _T], ...], noun: str, otherwise: _T) -> _T:
    found = dict(known).get(text.strip().lower())
    if found is None:
        record.unknown.append((noun, text[:_MOST_LABEL]))
        return otherwise
    return found


def _moment(at: Reading | None) -> tuple[datetime | None, str]:
    """The time of a recipient's event, or as a stamp if its zone is unknown."""
    if at is None:
        return None, ""
    return (None, at.at.replace(tzinfo=None).isoformat()) if at.slack >= UNKNOWN_ZONE else (at.at, "")


def _time(record: Record, places: Table[str, Place], noun: str, clock: str) -> Reading | None:
    text = record.one(places, noun)
    found = time_in(text, places[noun], clock) if text else None
    if text and found is None:
        record.wrong.add(noun)
    return found


def _outcome(record: Record, mapping: Mapping, places: Table[str, Place]) -> Outcome | None:
    """What the record says became of its copies; None if it says nothing."""
    text = record.one(places, "outcome")
    constant = dict(mapping.constants).get("outcome")
    if text:
        return _meaning(record, text, mapping.outcomes, "outcome", Outcome.ACCEPTED)
    return None if constant is None else Outcome("" if constant == "none" else constant)


def _recipients(record: Record, mapping: Mapping, places: Table[str, Place], event: Reading | None) -> tuple[Recipient, ...]:
    """Everybody whom the record names, each once in each role.

    Outcome, reply and time of the event are those of `envelope` and `recipient`, and of To, Cc and Bcc only where the mapping has
    neither. Who is named as a copy was at least handed over; in a stored mail (route "mailbox") a list tells of no copy at all.
    """
    base = Outcome.NONE if mapping.route is Route.MAILBOX else Outcome.ACCEPTED
    told = _outcome(record, mapping, places)
    copy = base if told is None else told
    apart = not {"envelope", "recipient"}.isdisjoint(places)
    at, stamp = _moment(event)
    reply = _cut("\n".join(record.all(places.get("reply"))), _MOST_REPLY)

    def of_event(address: str, written: str, role: Role, *, original: str = "", seen: str = "") -> Recipient:
        return Recipient(address, role, copy, written, original, reply, at, stamp, seen=seen)

    found: list[Recipient] = []
    for noun, role in _HEADER.items():
        seen = noun if mapping.header_known else ""
        for address, written in _addresses(record, places.get(noun), noun):
            listed = Recipient(address, role, written=written, seen=seen)
            found.append(listed if apart else of_event(address, written, role, seen=seen))
    for address, written in _addresses(record, places.get("bcc"), "bcc"):
        found.append(Recipient(address, Role.BCC, base, written) if apart else of_event(address, written, Role.BCC))
    found += (of_event(*one, Role.ENVELOPE) for one in _addresses(record, places.get("envelope"), "envelope"))
    original = next((one for one, _ in _addresses(record, places.get("original"), "original")), "")
    for (address, written), role in _with_roles(record, mapping, places):
        found.append(of_event(address, written, role, original="" if original == address else original))
    return tuple(dict.fromkeys(found))


def _with_roles(record: Record, mapping: Mapping, places: Table[str, Place]) -> list[tuple[tuple[str, str], Role]]:
    """Each `recipient` with its role: one role for all, or one for each in the same order."""
    people = _addresses(record, places.get("recipient"), "recipient")
    words = record.all(places.get("role"))
    roles = [_meaning(record, one, mapping.roles, "role", mapping.recipient_role) for one in words] or [mapping.recipient_role]
    if len(roles) not in {1, len(people)}:
        record.remarks.append(_APART)
        roles = [mapping.recipient_role]
    return list(zip(people, roles * len(people) if len(roles) == 1 else roles, strict=True))


def _header_known(record: Record, mapping: Mapping, form: Form, recipients: tuple[Recipient, ...]) -> bool:
    """Whether To and Cc are here in full: the mapping says so, the file has both, and all of both could be read.

    A record that names nobody in either may simply not carry its header.
    """
    if (
        not mapping.header_known
        or not record.wrong.isdisjoint(_HEADER)
        or not any(one.role in _HEADER.values() for one in recipients)
    ):
        return False
    return not any(noun in _HEADER and not record.absent.isdisjoint(place.names) for noun, place in form.places)


def _lower(match: re.Match[str]) -> str:
    return match.group().lower()


def _identities(record: Record, mapping: Mapping, places: Table[str, Place]) -> tuple[str, tuple[str, ...]]:
    """Message-ID, and what else the message is called."""
    text = record.one(places, "message_id")[:_MOST_LABEL]
    if text and mapping.message_id_domain and "@" not in text:
        text = f"{text.strip('<> ')}@{mapping.message_id_domain}"
    ids = (one[:_MOST_LABEL].strip() for one in record.all(places.get("provider_id"))[:_MOST_IDS])
    return canonical_message_id(text) if text else "", tuple(
        sorted({f"{mapping.id_prefix}{_GUID.sub(_lower, one)}" for one in ids})
    )


def _size(record: Record, places: Table[str, Place]) -> int:
    text = record.one(places, "size").strip()
    digits = text.removesuffix(".0")
    if digits.isascii() and digits.isdigit() and len(digits) <= 15:  # noqa: PLR2004  a petabyte
        return int(digits)
    if text:
        record.wrong.add("size")
    return -1


def _cut(text: str, most: int) -> str:
    """A text of so many characters at most, without the word that it would break off in: no rule knows half a secret."""
    return text if len(text) <= most else (f"{text[:most].rpartition(' ')[0]} ..." if " " in text[:most] else "...")


def _facts(record: Record, form: Form, further: Table[str, str]) -> tuple[tuple[str, str], ...]:
    found = {name: _cut("; ".join(record.all(place)), _MOST_FACT) for name, place in form.facts}
    return tuple(sorted((name, value) for name, value in {**found, **further}.items() if value))


def observed(record: Record, mapping: Mapping, form: Form, span: Span) -> Observation | None:
    """What a record says of one message; None if it names no recipient and, of a mapping by message, no message either.

    What is wrong with it is noted in the record.
    """
    places = dict(form.places)
    constants = dict(mapping.constants)
    at, event = _time(record, places, "time", constants.get("clock", "received_at")), _time(record, places, "event_time", "event")
    message_id, ids = _identities(record, mapping, places)
    recipients = _recipients(record, mapping, places, event)
    if not recipients:
        record.remarks.append(_NO_RECIPIENT)
        if mapping.grain == "recipient" or not (message_id or ids):
            return None
    senders = _addresses(record, places.get("sender"), "sender")[:1]
    envelope_sender = canonical(record.one(places, "envelope_sender")[:_MOST_LABEL]).removeprefix("<>")
    direction = constants.get("direction", "unknown")
    word = record.one(places, "direction")
    late = event._replace(slack=max(event.slack, _EVENT_LATENESS)) if event and not at else None
    return Observation(
        span, f"mapped:{mapping.name}", mapping.grain, mapping.route,
        _meaning(record, word, mapping.directions, "direction", Direction.UNKNOWN) if word else Direction(direction),
        server=_cut((record.one(places, "server") or constants.get("server", "")).strip(), _MOST_LABEL),
        stream=_cut((record.one(places, "stream") or constants.get("stream", "")).strip(), _MOST_LABEL),
        message_id=message_id, ids=ids, sender=senders[0][0] if senders else envelope_sender, envelope_sender=envelope_sender,
        subject=decode_words(record.one(places, "subject")), size=_size(record, places),
        readings=tuple(one for one in (at, late) if one), recipients=recipients,
        header_known=_header_known(record, mapping, form, recipients),
        attachments=tuple(_cut(one, _MOST_LABEL) for one in record.all(places.get("attachments"))),
        facts=_facts(record, form, {} if recipients else {"recipients_unknown": "true"}),
    )  # fmt: skip
