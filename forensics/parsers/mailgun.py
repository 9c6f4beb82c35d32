"""Mailgun: events of its API and webhooks of both generations, and stored messages.

Every event but `stored` is of one recipient. It repeats the header's To, so a recipient that is not there had a blind copy, or stood in
a Cc that the event does not tell: only where `cc` is among the event's headers are both known, and only then does arithmetic prove.
`envelope.targets` names whom the message went to by this event. A stored message names its whole envelope, and has the content.
Webhooks of before 2018 are flat, often posted as forms, and mix the application's own variables in: nothing but Mailgun's fields is
read. The signature in a webhook is made with a key that the evidence does not hold, so it proves nothing here.

Shapes: documentation.mailgun.com, "Events", "Webhooks", "Storing and Retrieving Messages".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from forensics.jsonstream import Fields, Page, load
from forensics.model import Body, Direction, Observation, Outcome, Recipient, Role, Route, Span, Unread
from forensics.plugins import Parser
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

_NAME = "mailgun"
_OUTCOMES = {
    "accepted": Outcome.ACCEPTED, "rejected": Outcome.SUPPRESSED, "delivered": Outcome.DELIVERED, "failed": Outcome.BOUNCED,
    "opened": Outcome.FETCHED, "clicked": Outcome.FETCHED, "complained": Outcome.DELIVERED, "unsubscribed": Outcome.NONE,
    "stored": Outcome.ACCEPTED,
    "bounced": Outcome.BOUNCED, "dropped": Outcome.SUPPRESSED,  # of the older webhooks
}  # fmt: skip
_CLOCKS = {
    "accepted": ("received_at", 0), "rejected": ("received_at", 0), "stored": ("received_at", 0), "delivered": ("delivered_at", 0),
    "failed": ("bounced_at", BOUNCE_LATENESS), "bounced": ("bounced_at", BOUNCE_LATENESS), "dropped": ("bounced_at", BOUNCE_LATENESS),
}  # fmt: skip
_NOT_SENT = frozenset({"suppress-bounce", "suppress-complaint", "suppress-unsubscribe"})
_NOT_SENT_CODES = frozenset({"605", "606", "607"})  # Mailgun's own: bounced, unsubscribed or complained before
_OF_NO_MAIL = frozenset({"list_member_uploaded", "list_member_upload_error", "list_uploaded"})
_API = frozenset({"message", "envelope", "flags", "log-level", "delivery-status", "recipient-domain", "storage", "client-info"})
_FLAT = frozenset({"token", "signature", "domain", "Message-Id", "message-headers", "body-plain", "X-Mailgun-Sid"})
_STORED = frozenset({"recipients", "message-headers"})
_TEMPORARY = "temporary"


def _kind(record: Mapping[str, Any], within: str) -> str:  # noqa: ARG001  an event outside its page is one too
    inner = record.get("event-data")
    if isinstance(inner, dict):
        event = word(inner, "event")
        return f"webhook:{event}" if event in _OUTCOMES else OTHER if event in _OF_NO_MAIL else ""
    event = word(record, "event")
    if event in _OUTCOMES and "timestamp" in record:
        if len(_API & record.keys()) >= 2 or ("recipient" in record and "message" in record):  # noqa: PLR2004  one may be a chance
            return f"event:{event}"
        if "recipient" in record and len(_FLAT & record.keys()) >= 2:  # noqa: PLR2004
            return f"webhook:{event}"
    if record.keys() >= _STORED and not record.keys().isdisjoint({"body-plain", "body-html", "stripped-text"}):
        return "stored"
    return OTHER if event in _OF_NO_MAIL else ""


class _Told(NamedTuple):
    """What an event holds in other objects, or flat."""

    message: Fields
    headers: Fields
    envelope: Fields
    status: Fields
    flags: Fields


def _parts(fields: Fields) -> _Told:
    """The objects of an event; those of an older webhook lie flat, and only its Message-Id is a header's."""
    if "message" not in fields.value:
        name = "Message-Id" if "Message-Id" in fields.value else "message-id"
        said = next((one for key in ("error", "notification", "description") if (one := fields.value.get(key))), None)
        status = Fields({"code": fields.value.get("code"), "message": said})
        return _Told(Fields({}), Fields({"message-id": fields.value.get(name)}), Fields({}), status, Fields({}))
    message = Fields(fields.mapping("message"))
    return _Told(
        message, Fields(message.mapping("headers")), Fields(fields.mapping("envelope")), Fields(fields.mapping("delivery-status")),
        Fields(fields.mapping("flags")),
    )  # fmt: skip


def _outcome(fields: Fields, event: str, told: _Told, said: str) -> Outcome:
    """What an event says of its copy. A bounce that came in later, as a mail, is of a copy that had arrived somewhere."""
    outcome = _OUTCOMES[event]
    if event == "failed" and word(fields.value, "severity") == _TEMPORARY:
        outcome = Outcome.DEFERRED
    elif event == "failed" and (word(fields.value, "reason") in _NOT_SENT or _code(told.status) in _NOT_SENT_CODES):
        outcome = Outcome.SUPPRESSED
    elif event == "dropped" and word(fields.value, "reason") in {"hardfail", "old"} and _code(told.status) not in _NOT_SENT_CODES:
        outcome = Outcome.BOUNCED  # the older webhook's word for what was tried in vain too
    if outcome is Outcome.BOUNCED and told.flags.flag("is-delayed-bounce"):
        outcome = Outcome.REFUSED_AFTER_DATA
    if told.flags.flag("is-test-mode") and outcome is not Outcome.NONE:
        return Outcome.SANDBOXED
    return after_data(outcome, said)


def _code(status: Fields) -> str:
    found = status.value.get("code")
    return str(found).strip() if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _event(fields: Fields, span: Span, kind: str) -> Observation | None:
    """One event, of the API or a webhook."""
    event = kind.partition(":")[2]
    told = _parts(fields)
    said = told.status.text("message") or told.status.text("description")
    outcome = _outcome(fields, event, told, said)
    clock, slack = _CLOCKS.get(event, ("", 0))
    at = reading(fields, "timestamp", clock or "event")
    own = at._replace(slack=max(at.slack, slack)) if at and clock else None
    recipients = moment(named(fields, "recipient", outcome=outcome), at, said)
    listed = moment(named(told.message, "recipients", Role.ENVELOPE, outcome), at) if event == "stored" else ()
    unless_tested = Outcome.SANDBOXED if outcome is Outcome.SANDBOXED else Outcome.NONE
    targets = named(told.envelope, "targets", Role.ENVELOPE, outcome if not recipients else unless_tested)
    nobody = not (recipients or listed or targets)
    header, known = _header(told.headers, outcome if nobody and event == "rejected" else Outcome.NONE)
    if nobody and not header:
        fields.remarks.append("the event names no recipient")
    elif nobody:
        fields.remarks.append("the event names no recipient but those of the header")
    size, attachments = told.message.count("size"), tuple(texts(told.message, "attachments", "filename"))
    ours = event != "stored" and told.flags.value.get("is-routed") is not True  # a route passes on what came in
    observation = Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED if ours else Direction.UNKNOWN, server=_domain(fields),
        message_id=message_id(told.headers.text("message-id")), sender=_sender(told), envelope_sender=author(told.envelope, "sender"),
        subject=told.headers.text("subject"), size=-1 if size is None else size, readings=(own,) if own else (),
        recipients=(*recipients, *listed, *targets, *header), header_known=known, attachments=attachments,
        facts=facts(
            UNSIGNED if kind.startswith("webhook:") else ("", ""), ("severity", fields.text("severity")), ("reason", word(fields.value, "reason")),
            ("ip", label(fields, "ip")), ("user_agent", Fields(fields.mapping("client-info")).text("user-agent")),
            ("origin", label(fields, "method")),
        ),
    )  # fmt: skip
    for one, name in zip(told, ("message", "message.headers", "envelope", "delivery-status", "flags"), strict=True):
        fields.wrong.update(f"{name}.{wrong}" for wrong in one.wrong)
    return observation


def _sender(told: _Told) -> str:
    return author(told.headers, "from") or author(told.envelope, "sender")


def _domain(fields: Fields) -> str:
    """The sending domain, by which Mailgun keeps its servers; older exports write it as a text."""
    found = fields.value.get("domain")
    return label(Fields(found), "name").lower() if type(found) is dict else label(fields, "domain").lower()


def _header(headers: Fields, outcome: Outcome = Outcome.NONE) -> tuple[tuple[Recipient, ...], bool]:
    """Whom the header's To and Cc name, and whether both are told completely: half a header would make blind recipients of the rest."""
    found = [
        one
        for name, role in (("to", Role.TO), ("cc", Role.CC), ("bcc", Role.BCC))
        for one in named(headers, name, role, outcome, name)
    ]
    whole = type(headers.value.get("to")) is str and "cc" in headers.value and headers.wrong.isdisjoint({"to", "cc"})
    counted = sum(str(headers.value.get(name) or "").count("@") for name in ("to", "cc"))
    return tuple(found), whole and counted == sum(one.role is not Role.BCC for one in found)


def _stored(fields: Fields, span: Span, kind: str) -> Observation:
    """A message that Mailgun keeps: envelope, header and content."""
    headers: dict[str, list[str]] = {}
    found = fields.value.get("message-headers")
    for pair in found if type(found) is list else ():
        if type(pair) is list and len(pair) == 2 and all(type(one) is str for one in pair):  # noqa: PLR2004  name and value
            headers.setdefault(pair[0].lower(), []).append(pair[1])
        else:
            fields.wrong.add("message-headers")
    if type(found) is not list:
        fields.wrong.add("message-headers")
    lists: dict[str, Any] = {name: ", ".join(headers[name]) if name in headers else None for name in ("to", "cc", "bcc")}
    header = Fields(lists | {name: headers[name][0] for name in ("from", "subject", "message-id") if name in headers})
    people, known = _header(header)
    recipients = named(fields, "recipients", Role.ENVELOPE, Outcome.ACCEPTED)
    if not recipients:
        fields.remarks.append("recipients names nobody")
    return Observation(
        span, _NAME, kind, Route.API, Direction.UNKNOWN, message_id=message_id(header.text("message-id")),
        sender=author(header, "from") or author(fields, "sender"), envelope_sender=author(fields, "sender"), subject=header.text("subject"),
        recipients=(*recipients, *people), header_known=known and "message-headers" not in fields.wrong,
        attachments=tuple(texts(fields, "attachments", "name")), has_body=True,
    )  # fmt: skip


def _observe(fields: Fields, span: Span, kind: str) -> Observation | None:
    if kind == "stored":
        return _stored(fields, span, kind)
    inner = fields.value.get("event-data")
    if not isinstance(inner, dict):
        return _event(fields, span, kind)
    event = Fields(inner, fields.wrong, fields.remarks)
    return _event(event, span, kind)


def _form(text: str) -> list[Any]:
    """An older webhook as it was posted. Mailgun merges the application's variables in behind its own: the first value counts."""
    fields = {name: one[0] if isinstance(one, tuple) else one for name, one in posted_form(text).items()}
    return [fields] if fields else []


def body(raw: bytes, kind: str) -> Body:
    """The content of a stored message: text and HTML; attachments lie elsewhere, at addresses that have expired."""
    record = load(raw)
    if record is None or kind != "stored":
        return GONE
    fields = Fields(record)
    parts, wrong = kept_texts(fields, plain="body-plain", html="body-html")
    unread = [Unread(f"attachment:{name}", "its bytes are not in the export") for name in texts(fields, "attachments", "name")]
    return Body(fields.text("subject"), tuple(parts), (*unread, *wrong))


_PROVIDER = Provider(_NAME, "Mailgun", _kind, _observe, frozenset({"items"}), _form)


def _is_empty_page(page: Page, head: bytes) -> bool:
    return page.name == "items" and b'"paging"' in head and b".mailgun.net/" in head


PARSER = Parser(
    name=_NAME,
    title="Mailgun: API events, webhooks, stored messages",
    sniff=sniffer(_PROVIDER, _is_empty_page),
    read=reader(_PROVIDER),
    shows=frozenset({"recipients", "header", "outcome", "content"}),
    body=body,
)
