"""Brevo (formerly Sendinblue): webhooks, and events, lists and details of its API for transactional mail.

Each record is of one recipient. All recipients of a mail, in To, Cc and Bcc alike, share its Message-ID, and no record says which of
the three they were: who was blind shows only against the mail itself, or by habit. The `id` in a webhook is the webhook's own.
Only `ts_epoch` counts in UTC: `ts`, `ts_event` and `date` follow a zone that somebody chose in the account's settings.

Shapes: developers.brevo.com, "Transactional webhooks", "smtp/statistics/events", "smtp/emails".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from forensics.jsonstream import Fields, Page, load
from forensics.model import Body, Direction, Observation, Outcome, Reading, Recipient, Route, Span, Unread
from forensics.plugins import Parser
from forensics.provider_events import (
    BOUNCE_LATENESS,
    GONE,
    OTHER,
    PART,
    UNSIGNED,
    Provider,
    after_data,
    author,
    facts,
    kept_texts,
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

_NAME = "brevo"
# Names as webhooks and the API write them, without what parts their words
_OUTCOMES = {
    "request": Outcome.ACCEPTED, "requests": Outcome.ACCEPTED, "sent": Outcome.ACCEPTED, "delivered": Outcome.DELIVERED,
    "deferred": Outcome.DEFERRED, "softbounce": Outcome.DEFERRED, "softbounces": Outcome.DEFERRED, "hardbounce": Outcome.BOUNCED,
    "hardbounces": Outcome.BOUNCED, "bounces": Outcome.BOUNCED, "blocked": Outcome.SUPPRESSED, "invalid": Outcome.SUPPRESSED,
    "invalidemail": Outcome.SUPPRESSED, "error": Outcome.SUPPRESSED, "spam": Outcome.DELIVERED, "complaint": Outcome.DELIVERED,
    "opened": Outcome.FETCHED, "uniqueopened": Outcome.FETCHED, "firstopening": Outcome.FETCHED, "proxyopen": Outcome.FETCHED,
    "uniqueproxyopen": Outcome.FETCHED, "loadedbyproxy": Outcome.FETCHED, "click": Outcome.FETCHED, "clicks": Outcome.FETCHED,
    "unsubscribe": Outcome.NONE, "unsubscribed": Outcome.NONE,
}  # fmt: skip
_AT_ONCE = frozenset({"request", "requests", "sent", "blocked", "invalid", "invalidemail", "error"})
_LATE = frozenset({"deferred", "softbounce", "softbounces", "hardbounce", "hardbounces", "bounces"})
_OF_NO_MAIL = frozenset({"listaddition", "contactupdated", "contactdeleted", "inboundemailprocessed"})
_HOOK = frozenset({"message-id", "ts_epoch", "ts_event", "sending_ip", "template_id"})
_ROW = frozenset({"email", "date", "messageId"})
_DETAILS = frozenset({"email", "date", "events"})


def _event_name(text: str) -> str:
    return re.sub(r"[^a-z]", "", text[:64].lower())


def _kind(record: Mapping[str, Any], within: str) -> str:
    event = _event_name(word(record, "event"))
    if event in _OF_NO_MAIL and "email" in record:
        return OTHER
    if event in _OUTCOMES and "email" in record:
        if "messageId" in record:
            return f"event:{event}"
        is_hook = "message-id" in record or len(_HOOK & record.keys()) >= 2  # noqa: PLR2004  one may be a chance
        return f"webhook:{event}" if is_hook and "sg_event_id" not in record else ""
    if within == "events" and record.keys() >= {"name", "time"}:
        return PART
    if record.keys() >= _ROW and "event" not in record and not record.keys().isdisjoint({"uuid", "templateId"}):
        return "row"
    if record.keys() >= _DETAILS and "subject" in record and isinstance(record["events"], list):
        return "details"
    return ""


def _clock(event: str) -> tuple[str, int]:
    if event in _AT_ONCE:
        return "received_at", 0
    return ("bounced_at", BOUNCE_LATENESS) if event in _LATE else ("delivered_at", 0) if event == "delivered" else ("", 0)


def _time(fields: Fields, clock: str) -> Reading | None:
    """When it happened; what counts in an unnamed zone may be off by 14 hours."""
    exact = reading(fields, "ts_epoch", clock)
    if exact:
        return exact
    dated = reading(fields, "date", clock)
    found = [dated, *(reading(fields, name, clock, zoned=False) for name in ("ts_event", "ts"))]
    return min((one for one in found if one), key=lambda one: one.slack, default=None)


def _ids(fields: Fields) -> tuple[str, ...]:
    own = label(fields, "uuid").lower()
    return (f"brevo:{own}",) if own else ()


def _event(fields: Fields, span: Span, kind: str) -> Observation:
    """An event of one recipient, of the API or a webhook."""
    form, _, event = kind.partition(":")
    said = fields.text("reason")
    people = named(fields, "email", outcome=after_data(_OUTCOMES[event], said))
    if not people:
        fields.remarks.append("email names no recipient")
    clock, slack = _clock(event)
    at = _time(fields, clock or "event")
    own = at._replace(slack=max(at.slack, slack)) if at and clock else None
    return Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED, message_id=_message_id(fields), ids=_ids(fields),
        sender=author(fields, "from") or author(fields, "sender_email"), subject=fields.text("subject"),
        readings=(own,) if own else (), recipients=moment(people, at, said),
        facts=facts(
            UNSIGNED if form == "webhook" else ("", ""), ("ip", label(fields, "ip")), ("template", label(fields, "template_id")),
            ("user_agent", fields.text("user_agent")),
        ),
    )  # fmt: skip


def _message_id(fields: Fields) -> str:
    return message_id(fields.text("message-id") or fields.text("messageId"))


def _row(fields: Fields, span: Span, kind: str) -> Observation:
    """A row of the list, or details: one recipient's copy, in details with what became of it."""
    people = named(fields, "email", outcome=Outcome.ACCEPTED)
    if not people:
        fields.remarks.append("email names no recipient")
    sent = reading(fields, "date", "received_at")
    copies = [*people, *(_steps(fields, people) if kind == "details" else ())]
    return Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED, message_id=_message_id(fields), ids=_ids(fields), sender=author(fields, "from"),
        subject=fields.text("subject"), readings=(sent,) if sent else (), recipients=tuple(copies), has_body=bool(fields.value.get("body")),
        facts=facts(("template", label(fields, "templateId"))),
    )  # fmt: skip


def _steps(fields: Fields, people: tuple[Recipient, ...]) -> Iterator[Recipient]:
    found = fields.value.get("events")
    for one in found if type(found) is list else []:
        step = Fields(one if type(one) is dict else {})
        outcome = _OUTCOMES.get(_event_name(step.text("name")))
        if outcome is None:
            fields.wrong.add("events")
            continue
        known = tuple(Recipient(each.address, each.role, outcome, each.written) for each in people)
        yield from moment(known, reading(step, "time", "event"))
        fields.wrong.update(f"events.{name}" for name in step.wrong)


def _observe(fields: Fields, span: Span, kind: str) -> Observation | None:
    return _row(fields, span, kind) if kind in {"row", "details"} else _event(fields, span, kind) if ":" in kind else None


def body(raw: bytes, kind: str) -> Body:
    """The content in details: HTML; attachments are told by number only."""
    record = load(raw)
    if record is None or kind != "details":
        return GONE
    fields = Fields(record)
    parts, unread = kept_texts(fields, html="body")
    if fields.count("attachmentCount"):
        unread.append(Unread("attachment", "attachments are counted in this answer, and not in it"))
    return Body(fields.text("subject"), tuple(parts), tuple(unread))


_PROVIDER = Provider(_NAME, "Brevo", _kind, _observe, frozenset({"events", "transactionalEmails"}))


def _is_empty_page(page: Page, head: bytes) -> bool:  # noqa: ARG001  the key of its list is enough
    return page.name == "transactionalEmails" or page.fields.keys() >= {"email", "subject", "date"}


PARSER = Parser(
    name=_NAME,
    title="Brevo (Sendinblue): webhooks, API events, lists and details",
    sniff=sniffer(_PROVIDER, _is_empty_page),
    read=reader(_PROVIDER),
    shows=frozenset({"recipients", "outcome", "content"}),
    body=body,
)
