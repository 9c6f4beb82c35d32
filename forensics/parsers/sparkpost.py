"""SparkPost: webhooks and the events of its Events API.

Each event is of one recipient. SparkPost is one of the few that label a copy: `rcpt_type` is `bcc`, `cc` or `archive` where a recipient
stood in that header or list of the request. A recipient without label is none of these *by the header*: mail that came to SparkPost by
SMTP has no labels, and a request may give a blind recipient as one more of To's (`header_to`). So a label proves, its absence does
not. Recipients of one request share `transmission_id`, which may also be a mailing to thousands; `message_id` is of one copy.

Shapes: developers.sparkpost.com, "Webhooks", "Events", "Transmissions".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forensics.jsonstream import Fields, Page
from forensics.model import Direction, Observation, Outcome, Recipient, Role, Route, Span
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
    moment,
    named,
    reader,
    reading,
    sniffer,
    word,
)

__all__ = ["PARSER"]

_NAME = "sparkpost"
_OUTCOMES = {
    "injection": Outcome.ACCEPTED, "delivery": Outcome.DELIVERED, "delay": Outcome.DEFERRED, "bounce": Outcome.BOUNCED,
    "out_of_band": Outcome.REFUSED_AFTER_DATA,  # a bounce that came later, as a mail
    "policy_rejection": Outcome.SUPPRESSED, "generation_failure": Outcome.SUPPRESSED, "generation_rejection": Outcome.SUPPRESSED,
    "spam_complaint": Outcome.DELIVERED, "open": Outcome.FETCHED, "initial_open": Outcome.FETCHED, "click": Outcome.FETCHED,
    "amp_open": Outcome.FETCHED, "amp_initial_open": Outcome.FETCHED, "amp_click": Outcome.FETCHED, "list_unsubscribe": Outcome.NONE,
    "link_unsubscribe": Outcome.NONE,
}  # fmt: skip
_CLOCKS = {
    "injection": ("received_at", 0), "policy_rejection": ("received_at", 0), "generation_failure": ("received_at", 0),
    "generation_rejection": ("received_at", 0), "delivery": ("delivered_at", 0), "delay": ("bounced_at", BOUNCE_LATENESS),
    "bounce": ("bounced_at", BOUNCE_LATENESS), "out_of_band": ("bounced_at", BOUNCE_LATENESS),
}  # fmt: skip
_REPLIES = frozenset({"60", "80", "90", "100"})  # bounce classes of answers by people and programs that got the mail
_ROLES = {"cc": Role.CC, "bcc": Role.BCC, "archive": Role.BCC, "to": Role.EVENT, "": Role.EVENT}
_CLASSES = ("message_event", "track_event", "gen_event", "unsubscribe_event")
_OF_NO_MAIL = frozenset({"relay_event", "relay_message", "ab_test_event", "ingest_event"})
_OWN = frozenset({"rcpt_to", "raw_rcpt_to"})
_BESIDE = frozenset({"transmission_id", "message_id", "customer_id", "subaccount_id", "event_id", "msg_from", "friendly_from"})


def _event_of(record: Mapping[str, Any]) -> tuple[str, object]:
    """The class and the event in a webhook's envelope; an empty one tests the connection."""
    inner = record.get("msys")
    if not isinstance(inner, dict):
        return "", record
    return next(((name, inner[name]) for name in (*_CLASSES, *sorted(_OF_NO_MAIL)) if name in inner), ("", None if inner else {}))


def _kind(record: Mapping[str, Any], within: str) -> str:
    if "msys" in record:
        name, event = _event_of(record)
        if name in _OF_NO_MAIL or event == {}:
            return OTHER
        of_type = word(event, "type") if isinstance(event, dict) else ""
        return f"webhook:{of_type}" if of_type in _OUTCOMES else ""
    of_type = word(record, "type")
    told = of_type in _OUTCOMES and not _OWN.isdisjoint(record) and not _BESIDE.isdisjoint(record)
    return f"event:{of_type}" if told and within in {"", "results"} else ""


def _people(fields: Fields, outcome: Outcome) -> tuple[Recipient, ...]:
    """The recipient, in the role that its label gives; both forms of the address where they differ in more than case."""
    labelled = word(fields.value, "rcpt_type")
    if labelled not in _ROLES or (fields.value.get("rcpt_type") is not None and not isinstance(fields.value["rcpt_type"], str)):
        fields.wrong.add("rcpt_type")
    role = _ROLES.get(labelled, Role.EVENT)
    folded = named(fields, "rcpt_to", role, outcome)
    known = {one.address for one in folded}
    return (*folded, *(one for one in named(fields, "raw_rcpt_to", role, outcome) if one.address not in known))


def _event(fields: Fields, span: Span, kind: str) -> Observation:
    """One event of one recipient."""
    event = kind.partition(":")[2]
    said = fields.text("raw_reason") or fields.text("reason")
    outcome = after_data(_OUTCOMES[event], said)
    if event in {"bounce", "out_of_band"} and label(fields, "bounce_class") in _REPLIES:
        outcome = Outcome.DELIVERED
    people = _people(fields, outcome)
    if not people:
        fields.remarks.append("rcpt_to names no recipient")
    clock, slack = _CLOCKS.get(event, ("", 0))
    at = reading(fields, "timestamp", clock or "event")
    late = at._replace(slack=max(at.slack, slack)) if at and clock else None
    sent = reading(fields, "injection_time", "received_at")
    ids = dict.fromkeys(label(fields, name) for name in ("transmission_id", "message_id"))
    return Observation(
        span, _NAME, kind, Route.API, Direction.SUBMITTED, server=label(fields, "subaccount_id"),
        ids=tuple(sorted(f"sparkpost:{one}" for one in ids if one and one != "0")),
        sender=author(fields, "friendly_from") or author(fields, "msg_from"), envelope_sender=author(fields, "msg_from"),
        subject=fields.text("subject"), size=_size(fields), readings=tuple(dict.fromkeys(one for one in (sent, late) if one)),
        recipients=moment(people, at, said),
        facts=facts(
            UNSIGNED if kind.startswith("webhook:") else ("", ""), ("account", label(fields, "customer_id")),
            ("archive", "true" if word(fields.value, "rcpt_type") == "archive" else ""), ("bounce_class", label(fields, "bounce_class")),
            ("origin", fields.text("recv_method")), ("tag", label(fields, "campaign_id")), ("template", label(fields, "template_id")),
            ("ip", label(fields, "ip_address") if outcome is Outcome.FETCHED else ""), ("user_agent", fields.text("user_agent")),
        ),
    )  # fmt: skip


def _size(fields: Fields) -> int:
    size = fields.count("msg_size")
    return -1 if size is None else size


def _observe(fields: Fields, span: Span, kind: str) -> Observation | None:
    _, event = _event_of(fields.value)
    inner = Fields(event if isinstance(event, dict) else {}, fields.wrong, fields.remarks)
    return _event(inner, span, kind)


_PROVIDER = Provider(_NAME, "SparkPost", _kind, _observe, frozenset({"results"}))


def _is_empty_page(page: Page, head: bytes) -> bool:
    return page.name == "results" and "total_count" in page.fields and b'"links"' in head


PARSER = Parser(
    name=_NAME,
    title="SparkPost: webhooks, Events API",
    sniff=sniffer(_PROVIDER, _is_empty_page),
    read=reader(_PROVIDER),
    shows=frozenset({"recipients", "outcome", "blind"}),
)
