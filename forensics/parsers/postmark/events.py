"""Events of single recipients: stored webhooks, and the API's lists of opens, clicks and bounces."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from forensics.jsonstream import Fields
from forensics.model import Observation, Outcome, Span
from forensics.parsers.postmark.values import after_data, facts, moment, named, observation, time_of, zone_told
from forensics.records import replaced

__all__ = ["EVENTS", "LISTED", "event"]

_MOST_REPLY, _MOST_FACT, _MOST_IP = 2_000, 200, 64  # characters
_BOUNCE_LATENESS = 432_000  # seconds: queues give up after five days
# `Type` of a bounce, postmarkapp.com/developer/api/bounce-api; what is not here is a final failure. Answers and complaints
# come of mail that came, notifications of mail that was read. TypeCode is never used: its published tables contradict.
_BOUNCES = {
    "transient": Outcome.DEFERRED, "softbounce": Outcome.DEFERRED, "dnserror": Outcome.DEFERRED,
    "autoresponder": Outcome.DELIVERED, "addresschange": Outcome.DELIVERED, "challengeverification": Outcome.DELIVERED,
    "subscribe": Outcome.DELIVERED, "unsubscribe": Outcome.DELIVERED, "spamcomplaint": Outcome.DELIVERED,
    "spamnotification": Outcome.REFUSED_AFTER_DATA, "virusnotification": Outcome.REFUSED_AFTER_DATA,
    "unknown": Outcome.ACCEPTED, "manuallydeactivated": Outcome.SUPPRESSED, "smtpapierror": Outcome.SUPPRESSED,
    "templaterenderingfailed": Outcome.SUPPRESSED,
}  # fmt: skip
# `SuppressionReason` of a change that names its message: the bounce or complaint that brought it about
_CHANGES = {"hardbounce": Outcome.BOUNCED, "spamcomplaint": Outcome.DELIVERED}


class _Shape(NamedTuple):
    """How a record type tells its recipient, its time and its outcome."""

    recipient: str
    time: str
    outcome: Callable[[Fields], Outcome]
    clock: str = ""  # the time is close to that of the message; "" where it may be weeks later
    slack: int = 0
    facts: tuple[tuple[str, str], ...] = ()  # name and field


def _bounce(fields: Fields) -> Outcome:
    outcome = _BOUNCES.get(fields.text("Type").lower(), Outcome.BOUNCED)
    return after_data(outcome, fields.text("Details"), fields.text("Description"))


def _change(fields: Fields) -> Outcome:
    if fields.flag("SuppressSending") is not True:
        return Outcome.NONE
    return _CHANGES.get(fields.text("SuppressionReason").lower(), Outcome.NONE)


_SEEN = (("platform", "Platform"), ("click_location", "ClickLocation"), ("user_agent", "UserAgent"))  # never the link itself
_FETCH = _Shape("Recipient", "ReceivedAt", lambda _: Outcome.FETCHED, facts=_SEEN)
EVENTS = {
    "Delivery": _Shape("Recipient", "DeliveredAt", lambda _: Outcome.DELIVERED, "delivered_at"),
    "Bounce": _Shape("Email", "BouncedAt", _bounce, "bounced_at", _BOUNCE_LATENESS, (("bounce_type", "Type"),)),
    "SpamComplaint": _Shape("Email", "BouncedAt", lambda _: Outcome.DELIVERED, facts=(("bounce_type", "Type"),)),
    "Open": _FETCH,
    "Click": _FETCH,
    "SubscriptionChange": _Shape("Recipient", "ChangedAt", _change, facts=(("origin", "Origin"),)),
}
# key of a page's list, the kind of its rows, and the record type whose shape they have
LISTED = {"Opens": ("open", "Open"), "Clicks": ("click", "Click"), "Bounces": ("bounce", "Bounce")}


def event(fields: Fields, span: Span, kind: str, record_type: str, *, unsigned: bool) -> Observation:
    """One event of one recipient; source: developer/webhooks, .../api/messages-api, .../api/bounce-api.

    Postmark signs no webhook, so a stored one may be forged: it bears the fact ("unsigned", "true"). An event outside the
    list of an API's answer cannot be told from one.
    """
    shape = EVENTS[record_type]
    reading = time_of(fields, shape.time, shape.clock or "event")
    found = named(fields, shape.recipient, outcome=shape.outcome(fields))
    if not found:
        fields.remarks.append(f"{shape.recipient} names no recipient")
    fetched = shape is _FETCH
    reply = "" if fetched else fields.text("Details") or fields.text("Description")
    more = [(name, fields.text(key)[:_MOST_FACT]) for name, key in shape.facts]
    if fetched:
        first = fields.flag("FirstOpen")
        ip = Fields(fields.mapping("Geo")).text("IP")[:_MOST_IP]
        more += [("first_open", "" if first is None else str(first).lower()), ("ip", ip)]
    at = moment(fields, shape.time, reading)
    return replaced(
        observation(fields, span, kind),
        readings=(reading._replace(slack=max(reading.slack, shape.slack)),) if reading and shape.clock else (),
        recipients=tuple(replaced(one, reply=reply[:_MOST_REPLY], **at) for one in found),
        has_body=bool(fields.text("Content")),
        facts=facts(fields, ("unsigned", "true" if unsigned else ""), zone_told(reading), *more),
    )
