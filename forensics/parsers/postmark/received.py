"""Inbound mail: what Postmark received for an address of ours and handed on, as a stored copy of somebody's message."""

from __future__ import annotations

from forensics.addresses import canonical_message_id
from forensics.dates import mail_time
from forensics.jsonstream import Fields
from forensics.model import Direction, Observation, Outcome, Recipient, Role, Route, Span
from forensics.parsers.postmark.values import NAME, named, recipients
from forensics.records import replaced

__all__ = ["inbound"]

_MOST_ID = 998  # characters, RFC 5322 section 2.1.1
_MOST_FACT = 200
_HEADERS = (("To", Role.TO), ("Cc", Role.CC), ("Bcc", Role.BCC))


def inbound(fields: Fields, span: Span) -> Observation:
    """A row of GET /messages/inbound, its details, or an Inbound webhook; source: developer/webhooks/inbound-webhook.

    It tells nothing of our outbound log, but may be the stored copy of a mail that our side sent elsewhere: so it is joined
    by the Message-ID among its headers, never by Postmark's own uuid. `OriginalRecipient`, and a Bcc that is no more than
    that, are the address by which it came in: a trace, not somebody's blind copy.
    """
    came_by = named(fields, "OriginalRecipient", Role.TRACE)
    original = {one.address for one in came_by}
    found: list[Recipient] = []
    for name, role in _HEADERS:
        full = named(fields, f"{name}Full", role)
        plain = [] if full else named(fields, name, role)  # older answers; the same addresses in one text
        own = [one for one in full or plain if role is not Role.BCC or one.address not in original]
        found += [replaced(one, seen=name.lower()) for one in own]
    found += came_by
    sender = fields.parsed("From", lambda text: recipients(text[:_MOST_ID], Role.EVENT, Outcome.NONE) or None)
    if not sender:
        sender = tuple(named(fields, "FromFull"))
    date = fields.parsed("Date", lambda text: mail_time(text, "date"))  # by the sender's clock, whose zone is not Postmark's
    uuid = fields.text("MessageID").strip().lower()[:_MOST_FACT]
    return Observation(
        span=span,
        source=NAME,
        kind="inbound",
        route=Route.MAILBOX,
        direction=Direction.RECEIVED,
        stream=fields.text("MessageStream"),
        message_id=_header_id(fields),
        ids=(f"postmark-inbound:{uuid}",) if uuid else (),
        sender=sender[0].address if sender else "",
        subject=fields.text("Subject"),
        readings=(date,) if date else (),
        recipients=tuple(found),
        header_known=any(one.role is Role.TO for one in found) and fields.wrong.isdisjoint({"ToFull", "CcFull", "To", "Cc"}),
        attachments=tuple(fields.texts("Attachments", "Name")),
        has_body=any(bool(fields.value.get(key)) for key in ("TextBody", "HtmlBody", "RawEmail", "StrippedTextReply")),
        facts=tuple(sorted(_facts(fields))),
    )


def _header_id(fields: Fields) -> str:
    """The Message-ID among `Headers`, a list of {Name, Value}."""
    listed = fields.value.get("Headers")
    for entry in listed if type(listed) is list else ():
        if type(entry) is dict and str(entry.get("Name")).lower() == "message-id" and type(entry.get("Value")) is str:
            return canonical_message_id(entry["Value"][: 2 * _MOST_ID])[:_MOST_ID]
    return ""


def _facts(fields: Fields) -> list[tuple[str, str]]:
    found = [
        (name, fields.text(key)[:_MOST_FACT])
        for name, key in (("status", "Status"), ("blocked", "BlockedReason"), ("tag", "Tag"))
    ]
    return [one for one in found if one[1]]
