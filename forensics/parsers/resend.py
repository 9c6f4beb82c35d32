"""Resend: messages of its API, alone or in lists, and stored webhooks.

The API names To, Cc and Bcc of a message, so its answer is the whole arithmetic: who stands in `bcc` was copied blind. What became of
each copy it does not say; `last_event` is of the message, and of one recipient only where there is but one.

A webhook names only To, and perhaps a Cc among the headers: **never the Bcc, so it shows no absence of one**. Worse, there is an event
for each recipient, the blind ones too, and none says whose it is: a `delivered` under the To of a mail may be of its blind copy. So
no outcome is taken from a webhook. More events of a kind than visible recipients are a sign of others.

Shapes: resend.com/docs, "Retrieve Email", "List Emails", "Webhooks: event types".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from forensics.jsonstream import Fields, load
from forensics.model import Body, Direction, Observation, Outcome, Recipient, Role, Route, Span, Unread
from forensics.plugins import Parser
from forensics.provider_events import (
    GONE,
    OTHER,
    UNSIGNED,
    Provider,
    author,
    facts,
    kept_texts,
    label,
    message_id,
    named,
    reader,
    reading,
    sniffer,
    texts,
    word,
)

__all__ = ["PARSER"]

_NAME = "resend"
_SINGLE = {  # what the last event of a message says of its only recipient
    "delivered": Outcome.DELIVERED, "opened": Outcome.FETCHED, "clicked": Outcome.FETCHED, "complained": Outcome.DELIVERED,
    "bounced": Outcome.BOUNCED, "delivery_delayed": Outcome.DEFERRED, "suppressed": Outcome.SUPPRESSED, "failed": Outcome.SUPPRESSED,
}  # fmt: skip
_NEVER_SENT = "canceled"  # before the time for which it was scheduled
_EVENTS = frozenset({
    "email.sent", "email.scheduled", "email.delivered", "email.delivery_delayed", "email.complained", "email.bounced", "email.opened",
    "email.clicked", "email.failed", "email.suppressed", "email.canceled",
})  # fmt: skip
_OPENED = {"email.opened": "open", "email.clicked": "click"}
_OF_NO_MAIL = ("email.received", "contact.", "domain.")
_MESSAGE = frozenset({"id", "to", "from"})
_ROW = _MESSAGE | {"created_at", "last_event"}
_ROLES = (("to", Role.TO), ("cc", Role.CC), ("bcc", Role.BCC))


def _kind(record: Mapping[str, Any], within: str) -> str:
    of_type = word(record, "type")
    if isinstance(record.get("data"), dict):
        if of_type in _EVENTS:
            return f"webhook:{of_type}"
        return OTHER if of_type.startswith(_OF_NO_MAIL) and "created_at" in record else ""
    if record.keys() >= _MESSAGE and word(record, "object") == "email":
        return "email"
    return "row" if record.keys() >= _ROW and within in {"", "data"} else ""


def _ids(fields: Fields, name: str) -> tuple[str, ...]:
    own = label(fields, name).lower()
    return (f"resend:{own}",) if own else ()


def _message(fields: Fields, span: Span, kind: str) -> Observation:
    """A message as the API tells it."""
    last = word(fields.value, "last_event").removeprefix("email.")
    people = [one for name, role in _ROLES for one in named(fields, name, role, Outcome.ACCEPTED)]
    whole = "bcc" in fields.value and fields.wrong.isdisjoint({"to", "cc", "bcc"})
    if last == _NEVER_SENT:
        people = [replace(one, outcome=Outcome.SUPPRESSED) for one in people]
    elif whole and len({one.address for one in people}) == 1:
        people = [replace(one, outcome=_SINGLE.get(last, one.outcome)) for one in people]
    if not people:
        fields.remarks.append("the message names no recipient")
    sent = reading(fields, "created_at", "received_at")
    return Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED, message_id=message_id(fields.text("message_id")), ids=_ids(fields, "id"),
        sender=author(fields, "from"), subject=fields.text("subject"), readings=(sent,) if sent else (), recipients=tuple(people),
        header_known=fields.value.get("to") is not None and "cc" in fields.value and fields.wrong.isdisjoint({"to", "cc"}),
        attachments=tuple(texts(fields, "attachments", "filename")), has_body=any(bool(fields.value.get(name)) for name in ("html", "text")),
        facts=facts(("status", last), ("scheduled", label(fields, "scheduled_at"))),
    )  # fmt: skip


def _headers(fields: Fields) -> tuple[tuple[Recipient, ...], bool]:
    """Those whom a Cc among a webhook's headers names, and whether there is such a header."""
    found = fields.value.get("headers")
    people: list[Recipient] = []
    is_told = False
    for one in [] if found is None else found if type(found) is list else [found]:
        if type(one) is not dict:
            fields.wrong.add("headers")
        elif word(one, "name") == "cc":
            is_told = True
            header = Fields(one)
            people += named(header, "value", Role.CC, Outcome.ACCEPTED, "cc")
            fields.wrong.update(f"headers.{name}" for name in header.wrong)
    return tuple(people), is_told


def _event(fields: Fields, span: Span, kind: str) -> Observation:
    """A webhook: an event of some recipient of this message."""
    event = kind.partition(":")[2]
    message = Fields(fields.mapping("data"))
    people = [one for name, role in _ROLES for one in named(message, name, role, Outcome.ACCEPTED)]
    copied, is_told = _headers(message)
    if not people:
        fields.remarks.append("data.to names no recipient")
    sent = reading(message, "created_at", "received_at")
    if sent is None and event == "email.sent":
        sent = reading(fields, "created_at", "received_at")
    bounce = Fields(message.mapping("bounce"))
    opened = _OPENED.get(event)
    seen = Fields(message.mapping(opened) if opened else {})
    wrong = message.wrong | {f"bounce.{name}" for name in bounce.wrong}
    observation = Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED, message_id=message_id(message.text("message_id")),
        ids=_ids(message, "email_id"), sender=author(message, "from"), subject=message.text("subject"), readings=(sent,) if sent else (),
        recipients=(*people, *copied), header_known=is_told and bool(people) and wrong.isdisjoint({"to", "headers", "headers.value"}),
        facts=facts(
            UNSIGNED, ("event", event), ("event_at", label(fields, "created_at")), ("bounce_type", bounce.text("type")),
            ("ip", seen.text("ipAddress")), ("user_agent", seen.text("userAgent")),
        ),
    )  # fmt: skip
    fields.wrong.update(f"data.{name}" for name in message.wrong | {f"bounce.{name}" for name in bounce.wrong})
    return observation


def _observe(fields: Fields, span: Span, kind: str) -> Observation | None:
    return _event(fields, span, kind) if kind.startswith("webhook:") else _message(fields, span, kind)


def body(raw: bytes, kind: str) -> Body:
    """The content of a message: text and HTML; attachments are in another answer of the API."""
    record = load(raw)
    if record is None or kind.startswith("webhook:"):
        return GONE
    fields = Fields(record)
    parts, unread = kept_texts(fields, plain="text", html="html")
    unread += [
        Unread(f"attachment:{name}", "its bytes are not in this answer") for name in texts(fields, "attachments", "filename")
    ]
    return Body(fields.text("subject"), tuple(parts), tuple(unread))


_PROVIDER = Provider(_NAME, "Resend", _kind, _observe, frozenset({"data"}))


PARSER = Parser(
    name=_NAME,
    title="Resend: API messages, webhooks",
    sniff=sniffer(_PROVIDER),
    read=reader(_PROVIDER),
    shows=frozenset({"recipients", "header", "content", "blind"}),
    body=body,
)
