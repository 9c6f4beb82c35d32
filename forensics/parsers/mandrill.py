"""Mandrill (Mailchimp Transactional): webhooks, also as posted forms, rows of its search, answers to sending, and stored content.

Mandrill makes a message with an id of its own for each recipient, and no record says that two of them are of one mail, nor who stood in
To, Cc or Bcc of it. So a record shows that a copy went to somebody, and nothing shows a copy as blind: a collecting address stands
out by its own rows, of mail that was written to others. Content that Mandrill kept tells the header's To and Cc of one copy.
"Sent" says that Mandrill sent it on; that a server took it is said by an SMTP event with its answer, or by `delivered`.

Shapes: mailchimp.com/developer/transactional, "Webhooks", "messages/search", "messages/info", "messages/content", "messages/send".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from forensics.jsonstream import Fields, load
from forensics.model import (
    Body,
    Defect,
    Direction,
    Fragment,
    Observation,
    Outcome,
    Part,
    Recipient,
    Role,
    Route,
    Span,
    Statement,
    Unread,
)
from forensics.plugins import Parser, Source
from forensics.provider_events import (
    BOUNCE_LATENESS,
    GONE,
    OTHER,
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
    posted_form,
    reader,
    reading,
    sniffer,
    texts,
    word,
)  # fmt: skip

__all__ = ["PARSER"]

_NAME = "mandrill"
_OUTCOMES = {
    "send": Outcome.ACCEPTED, "delivered": Outcome.DELIVERED, "deferral": Outcome.DEFERRED, "hard_bounce": Outcome.BOUNCED,
    "soft_bounce": Outcome.DEFERRED, "open": Outcome.FETCHED, "click": Outcome.FETCHED, "spam": Outcome.DELIVERED,
    "unsub": Outcome.NONE, "reject": Outcome.SUPPRESSED,
}  # fmt: skip
_STATES = {
    "sent": Outcome.ACCEPTED, "queued": Outcome.ACCEPTED, "scheduled": Outcome.ACCEPTED, "delivered": Outcome.DELIVERED,
    "deferred": Outcome.DEFERRED, "bounced": Outcome.BOUNCED, "hard-bounced": Outcome.BOUNCED, "soft-bounced": Outcome.DEFERRED,
    "rejected": Outcome.SUPPRESSED, "invalid": Outcome.SUPPRESSED, "spam": Outcome.DELIVERED, "unsub": Outcome.DELIVERED,
}  # fmt: skip
_STEPS = {
    "sent": Outcome.DELIVERED, "delivered": Outcome.DELIVERED, "deferred": Outcome.DEFERRED, "deferral": Outcome.DEFERRED,
    "bounced": Outcome.BOUNCED, "bounce": Outcome.BOUNCED, "hard_bounce": Outcome.BOUNCED, "soft_bounce": Outcome.DEFERRED,
}  # fmt: skip
_OF_NO_MAIL = frozenset({"inbound", "whitelist", "blacklist", "allowlist", "denylist"})
_MESSAGE = frozenset({"_id", "ts", "email"})
_ANSWER = frozenset({"_id", "email", "status"})
_ANSWERED = frozenset({"sent", "queued", "scheduled", "rejected", "invalid"})
_MOST_ROWS = 1_000  # of one search, of the last seven days: "messages/search", `limit`
_CUT_OFF = f"the search ends at exactly the {_MOST_ROWS:,} rows that Mandrill gives at most: further rows may have been cut off"
_TAKEN = "2"  # what the answer of a server that took the mail begins with


def _kind(record: Mapping[str, Any], within: str) -> str:  # noqa: ARG001  Mandrill's lists have no key
    event, of_type = word(record, "event"), word(record, "type")
    if (event == "inbound" and "msg" in record) or (of_type in _OF_NO_MAIL and "action" in record):
        return OTHER
    if event in _OUTCOMES and "_id" in record and "ts" in record and isinstance(record.get("msg"), dict):
        return f"webhook:{event}"
    if record.keys() >= _MESSAGE and "state" in record:
        return "search"
    if "_id" in record and "from_email" in record and not record.keys().isdisjoint({"html", "text"}):
        return "content"
    if record.keys() >= _ANSWER and word(record, "status") in _ANSWERED:
        return "answer"
    return ""


def _ids(fields: Fields) -> tuple[str, ...]:
    own = label(fields, "_id")
    return (f"mandrill:{own}",) if own else ()


def _steps(fields: Fields, people: tuple[Recipient, ...]) -> Iterator[Recipient]:
    """What each SMTP event says of the copy. "Sent" means delivery only with the words of a server that took it."""
    found = fields.value.get("smtp_events")
    for one in [] if found is None else found if type(found) is list else [found]:
        if type(one) is not dict:
            fields.wrong.add("smtp_events")
            continue
        step = Fields(one)
        said = step.text("diag")
        outcome = _STEPS.get(word(one, "type"), Outcome.NONE)
        if outcome is Outcome.DELIVERED and not said.strip().startswith(_TAKEN):
            outcome = Outcome.ACCEPTED
        outcome = after_data(outcome, said)
        known = tuple(Recipient(each.address, each.role, outcome, each.written) for each in people)
        yield from moment(known, reading(step, "ts", "event"), said)
        fields.wrong.update(f"smtp_events.{name}" for name in step.wrong)


def _event(fields: Fields, span: Span, kind: str) -> Observation:
    """A webhook: an event of one recipient's message, and the message as it was then."""
    event = kind.partition(":")[2]
    message = Fields(fields.mapping("msg"))
    said = message.text("diag")
    people = named(message, "email", outcome=after_data(_OUTCOMES[event], said))
    at = reading(fields, "ts", "bounced_at" if event.endswith("bounce") else "event")
    sent = reading(message, "ts", "received_at")
    late = at._replace(slack=max(at.slack, BOUNCE_LATENESS)) if at and at.clock == "bounced_at" and sent is None else None
    copies = (*moment(people, at, said), *_steps(message, people))
    if not people:
        fields.remarks.append("msg.email names no recipient")
    seen = Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED, server=label(message, "subaccount"), ids=_ids(message) or _ids(fields),
        sender=author(message, "sender"), subject=message.text("subject"), readings=tuple(one for one in (sent, late) if one), recipients=copies,
        facts=facts(
            UNSIGNED, ("state", message.text("state")), ("template", label(message, "template")), ("ip", label(fields, "ip")),
            ("user_agent", fields.text("user_agent")), ("bounce_type", message.text("bounce_description")),
        ),
    )  # fmt: skip
    fields.wrong.update(f"msg.{name}" for name in message.wrong)
    return seen


def _row(fields: Fields, span: Span, kind: str) -> Observation:
    """A row of a search, or what Mandrill answers when it is told to send."""
    state = word(fields.value, "state" if kind == "search" else "status")
    outcome = _STATES.get(state)
    if outcome is None:
        fields.remarks.append("the state is none that this version knows")
    opened = any((fields.count(name) or 0) > 0 for name in ("opens", "clicks"))
    said = fields.text("diag") or fields.text("reject_reason")
    people = named(fields, "email", outcome=after_data(Outcome.FETCHED if opened else outcome or Outcome.ACCEPTED, said))
    if not people:
        fields.remarks.append("email names no recipient")
    sent = reading(fields, "ts", "received_at")
    return Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED, server=label(fields, "subaccount"), ids=_ids(fields),
        sender=author(fields, "sender"), subject=fields.text("subject"), readings=(sent,) if sent else (),
        recipients=(*moment(people, None, said), *_steps(fields, people)),
        facts=facts(("state", state), ("template", label(fields, "template"))),
    )  # fmt: skip


def _content(fields: Fields, span: Span, kind: str) -> Observation:
    """One recipient's message as it was sent; its `to` is whom this copy went to, its headers are what the copy shows.

    Whether these are all headers of the copy is not told: without a Cc among them, one may have been left out.
    """
    headers = Fields({name.lower(): one for name, one in fields.mapping("headers").items()})
    people = named(fields, "to", Role.ENVELOPE, Outcome.ACCEPTED)
    shown = {name: named(headers, name, role, seen=name) for name, role in (("to", Role.TO), ("cc", Role.CC), ("bcc", Role.BCC))}
    if not people:
        fields.remarks.append("to names no recipient")
    sent = reading(fields, "ts", "received_at")
    own_id = message_id(headers.text("message-id"))
    counted = sum(text.count("@") for name in ("to", "cc") for text in texts(headers, name))
    fields.wrong.update(f"headers.{name}" for name in headers.wrong)
    return Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED, message_id=own_id, ids=_ids(fields), sender=author(fields, "from_email"),
        subject=fields.text("subject"), readings=(sent,) if sent else (),
        recipients=(*people, *(one for found in shown.values() for one in found)),
        header_known=bool(shown["to"]) and "cc" in headers.value and headers.wrong.isdisjoint(shown) and counted == _counted(shown),
        attachments=tuple(texts(fields, "attachments", "name")), has_body=True,
    )  # fmt: skip


def _counted(shown: Mapping[str, tuple[Recipient, ...]]) -> int:
    return len(shown["to"]) + len(shown["cc"])


def _observe(fields: Fields, span: Span, kind: str) -> Observation | None:
    if kind.startswith("webhook:"):
        return _event(fields, span, kind)
    return _content(fields, span, kind) if kind == "content" else _row(fields, span, kind)


def _form(text: str) -> list[Any]:
    """The events of a posted form, whatever stands around it on its line."""
    name = "mandrill_events="
    found = posted_form(text[text.find(name) :].split(" ", 1)[0]).get("mandrill_events") if name in text else None
    return [one for one in (found if isinstance(found, tuple) else (found,)) if isinstance(one, str) and one]


def _attached(fields: Fields) -> Iterator[Part | Unread]:
    found = fields.value.get("attachments")
    for one in found if type(found) is list else []:
        inner = Fields(one if type(one) is dict else {})
        name = inner.text("name")
        path = f"attachment:{name}"
        try:
            yield Part(path, inner.text("type").lower(), base64.b64decode(inner.text("content")), name)
        except (binascii.Error, ValueError):
            yield Unread(path, "its base64 is broken")


def body(raw: bytes, kind: str) -> Body:
    """The content of one recipient's message: text, HTML and attachments."""
    record = load(raw)
    if record is None or kind != "content":
        return GONE
    fields = Fields(record)
    parts, unread = kept_texts(fields, plain="text", html="html")
    for one in _attached(fields):
        if isinstance(one, Part):
            parts.append(one)
        else:
            unread.append(one)
    return Body(fields.text("subject"), tuple(parts), tuple(unread))


_PROVIDER = Provider(_NAME, "Mandrill", _kind, _observe, form=_form)
_records = reader(_PROVIDER)


def _read(source: Source) -> Iterator[Fragment | Defect | Statement]:
    """The records of a member; and that a search stops where Mandrill's answers do, for it counts nowhere what it leaves out."""
    searched = False
    for said in _records(source):
        searched = searched or (isinstance(said, Fragment) and said.observation.kind == "search")
        if searched and isinstance(said, Statement) and said.kind == "tally" and said.value == _MOST_ROWS:
            yield Defect(said.span, _NAME, _CUT_OFF)
        yield said


PARSER = Parser(
    name=_NAME,
    title="Mandrill: webhooks and posted forms, search, content, answers to sending",
    sniff=sniffer(_PROVIDER),
    read=_read,
    shows=frozenset({"recipients", "outcome", "content"}),
    body=body,
)
