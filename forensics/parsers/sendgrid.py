"""SendGrid: stored event webhooks, and rows and details of its Email Activity and Email Logs.

Each event is of one recipient, and of no header: SendGrid never says who stood in To, Cc or Bcc, and nothing here can. Recipients of
one request share the first part of `sg_message_id`; who among them was blind shows only against the mail itself, or by habit. An
event may therefore never be dropped for having a message id that was met before. A webhook also holds the application's own
arguments, at its first level and under any name: only SendGrid's own fields are read.

Shapes: twilio.com/docs/sendgrid, "Event Webhook Reference", "Email Activity Feed", "Email Logs".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from forensics.jsonstream import Fields
from forensics.model import Direction, Observation, Outcome, Reading, Recipient, Route, Span
from forensics.plugins import Parser
from forensics.provider_events import (
    BOUNCE_LATENESS,
    OTHER,
    UNSIGNED,
    Provider,
    after_data,
    author,
    facts,
    label,
    message_id,
    moment,
    named,
    reader,
    reading,
    sniffer,
    word,
)  # fmt: skip

__all__ = ["PARSER"]

_NAME = "sendgrid"
_OUTCOMES = {
    "processed": Outcome.ACCEPTED, "dropped": Outcome.SUPPRESSED, "deferred": Outcome.DEFERRED, "delivered": Outcome.DELIVERED,
    "bounce": Outcome.BOUNCED, "blocked": Outcome.BOUNCED, "open": Outcome.FETCHED, "click": Outcome.FETCHED,
    "spamreport": Outcome.DELIVERED, "unsubscribe": Outcome.NONE, "group_unsubscribe": Outcome.NONE, "group_resubscribe": Outcome.NONE,
}  # fmt: skip
# Which events are close to the sending; an open or a complaint may be weeks later, and a queue gives up after days
_CLOCKS = {
    "processed": ("received_at", 0), "dropped": ("received_at", 0), "delivered": ("delivered_at", 0),
    "deferred": ("bounced_at", BOUNCE_LATENESS), "bounce": ("bounced_at", BOUNCE_LATENESS), "blocked": ("bounced_at", BOUNCE_LATENESS),
}  # fmt: skip
_STATES = {  # of a row; "not delivered" is a drop, a block or a bounce
    "processed": Outcome.ACCEPTED, "processing": Outcome.ACCEPTED, "delivered": Outcome.DELIVERED, "deferred": Outcome.DEFERRED,
    "not_delivered": Outcome.BOUNCED, "bounced": Outcome.BOUNCED, "bounce": Outcome.BOUNCED, "blocked": Outcome.BOUNCED,
    "dropped": Outcome.SUPPRESSED,
}  # fmt: skip
_ACCOUNT_EVENTS = frozenset({"account_status_change"})
_OWN = frozenset({"sg_event_id", "sg_message_id", "smtp-id"})
_ROW = frozenset({"from_email", "to_email", "status"})
_IDS = ("msg_id", "sg_message_id")
_SHARED = re.compile(r"(.{1,200}?)\.(?:filter|recv)")  # before the name of the machine that took the request


def _kind(record: Mapping[str, Any], within: str) -> str:  # noqa: ARG001  a row outside its page is one too
    event = word(record, "event")
    if event in _OUTCOMES and "email" in record and not _OWN.isdisjoint(record):
        return f"webhook:{event}"
    if event in _ACCOUNT_EVENTS and not _OWN.isdisjoint(record):
        return OTHER
    if record.keys() >= _ROW and any(name in record for name in _IDS):
        return "details" if "events" in record else "activity"
    return ""


def _ids(text: str) -> tuple[str, ...]:
    """What all recipients of one request share; older ids have dots in it."""
    shared = _SHARED.match(text)
    own = shared[1] if shared else text.partition(".")[0]
    return (f"sendgrid:{own}",) if own else ()


def _event(fields: Fields, span: Span, kind: str) -> Observation | None:
    """A webhook: one event of one recipient."""
    event = kind.partition(":")[2]
    said = fields.text("response") or fields.text("reason")
    outcome = after_data(_OUTCOMES[event], said)
    clock, slack = _CLOCKS.get(event, ("", 0))
    at = reading(fields, "timestamp", clock or "event")
    own = at._replace(slack=max(at.slack, slack)) if at and clock else None
    recipients = named(fields, "email", outcome=outcome)
    if not recipients:
        fields.remarks.append("email names no recipient")
    return Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED,
        message_id=message_id(fields.text("smtp-id")), ids=_ids(label(fields, "sg_message_id")),
        readings=(own,) if own else (), recipients=moment(recipients, at, said),
        facts=facts(
            UNSIGNED, ("bounce_type", fields.text("type") if event == "bounce" else ""), ("ip", label(fields, "ip") if outcome is Outcome.FETCHED else ""),
            ("user_agent", fields.text("useragent")),
        ),
    )  # fmt: skip


def _row(fields: Fields, span: Span, kind: str) -> Observation | None:
    """A row of the activity feed or the logs: one recipient's copy, and in details its events."""
    state = word(fields.value, "status").replace(" ", "_")
    outcome = _STATES.get(state)
    if outcome is None:
        fields.remarks.append("the status is none that this version knows")
    opened = (fields.count("opens_count") or 0) + (fields.count("clicks_count") or 0) > 0
    outcome = after_data(Outcome.FETCHED if opened else outcome or Outcome.ACCEPTED, fields.text("reason"))
    recipients = named(fields, "to_email", outcome=outcome)
    if not recipients:
        fields.remarks.append("to_email names no recipient")
    clocks = [] if opened else [reading(fields, "last_event_time", "delivered_at", BOUNCE_LATENESS)]
    clocks.insert(0, reading(fields, "sg_message_id_created_at", "received_at"))
    steps = list(_steps(fields)) if kind == "details" else []
    clocks += [at for event, at, _, _ in steps if at and event == "processed"]
    copies = [*moment(recipients, None, fields.text("reason"))]
    for _, at, known, said in steps:
        copies += moment(tuple(_of(recipients, known)), at, said)
    return Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED, ids=next((_ids(one) for name in _IDS if (one := label(fields, name))), ()),
        sender=author(fields, "from_email"), subject=fields.text("subject"), readings=tuple(one for one in clocks if one),
        recipients=tuple(copies), facts=facts(("status", state), ("template", label(fields, "template_id"))),
    )  # fmt: skip


def _of(recipients: tuple[Recipient, ...], outcome: Outcome) -> Iterator[Recipient]:
    return (Recipient(one.address, one.role, outcome, one.written) for one in recipients)


def _steps(fields: Fields) -> Iterator[tuple[str, Reading | None, Outcome, str]]:
    """Name, time, outcome and words of each event in details."""
    found = fields.value.get("events")
    for one in found if type(found) is list else [found]:
        inner = Fields(one if type(one) is dict else {})
        event = word(inner.value, "event_name")
        if event not in _OUTCOMES:
            fields.wrong.add("events")
            continue
        at = reading(inner, "processed", "received_at" if event == "processed" else "event")
        said = inner.text("reason")
        yield event, at, after_data(_OUTCOMES[event], said), said
        fields.wrong.update(f"events.{name}" for name in inner.wrong)


def _observe(fields: Fields, span: Span, kind: str) -> Observation | None:
    return _event(fields, span, kind) if kind.startswith("webhook:") else _row(fields, span, kind)


_PROVIDER = Provider(_NAME, "SendGrid", _kind, _observe, frozenset({"messages"}))


PARSER = Parser(
    name=_NAME,
    title="SendGrid: event webhooks, Email Activity and Email Logs",
    sniff=sniffer(_PROVIDER),
    read=reader(_PROVIDER),
    shows=frozenset({"recipients", "outcome"}),
)
