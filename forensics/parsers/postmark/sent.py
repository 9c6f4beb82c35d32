"""Sent mail as the API lists it: rows of a search, and the details of one message with its events."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.jsonstream import Fields
from forensics.model import Observation, Outcome, Recipient, Role, Span
from forensics.parsers.postmark.values import after_data, facts, moment, named, observation, time_of, zone_told
from forensics.records import replaced

__all__ = ["sent"]

_MOST_REPLY = 2_000  # characters
_ROLES = {"To": Role.TO, "Cc": Role.CC, "Bcc": Role.BCC, "Recipients": Role.ENVELOPE}
# `Type` of an entry of MessageEvents
_EVENTS = {
    "delivered": Outcome.DELIVERED, "transient": Outcome.DEFERRED, "opened": Outcome.FETCHED, "linkclicked": Outcome.FETCHED,
    "bounced": Outcome.BOUNCED, "spamcomplaint": Outcome.DELIVERED, "subscriptionchanged": Outcome.NONE,
    "suppressed": Outcome.SUPPRESSED, "blocked": Outcome.SUPPRESSED,
}  # fmt: skip


def sent(fields: Fields, span: Span, kind: str) -> Observation:
    """A row of GET /messages/outbound ("search"), or an answer of .../details; source: developer/api/messages-api."""
    value = fields.value
    unless_sandboxed = Outcome.SUPPRESSED if value.get("Status") == "Blocked" else Outcome.ACCEPTED  # "Sent" says no more
    listed = Outcome.SANDBOXED if fields.flag("Sandboxed") else unless_sandboxed
    by_field = {key: named(fields, key, role, listed) for key, role in _ROLES.items()}
    recipients = [one for found in by_field.values() for one in found]
    if value.get("MessageEvents") is not None:
        recipients.extend(_events(fields, listed))
    reading = time_of(fields, "ReceivedAt", "received_at")
    header_known, contradiction = _header(fields, by_field)
    return replaced(
        observation(fields, span, kind),
        readings=(reading,) if reading else (),
        recipients=tuple(recipients),
        header_known=header_known,
        attachments=tuple(fields.texts("Attachments", "Name")),
        has_body=kind == "details" and any(bool(value.get(key)) for key in ("TextBody", "HtmlBody", "Body")),
        facts=facts(fields, ("contradiction", contradiction), zone_told(reading, recipients)),
    )


def _header(fields: Fields, by_field: dict[str, list[Recipient]]) -> tuple[bool, str]:
    """Whether To and Cc are here in full, and "recipients" where Recipients is not their union with Bcc.

    Half a header would make blind recipients of its other half; so would a Cc that the record does not tell.
    """
    value, wrong = fields.value, fields.wrong
    if value.get("To") is None or (wrong and not wrong.isdisjoint({"To", "Cc"})):
        return False, ""
    told = {one.address for key in ("To", "Cc", "Bcc") for one in by_field[key]}
    listed = {one.address for one in by_field["Recipients"]}
    whole = value.get("Bcc") is not None and value.get("Recipients") is not None and wrong.isdisjoint({"Bcc", "Recipients"})
    no_cc_left = value.get("Recipients") is not None and listed <= told
    return "Cc" in value or no_cc_left, "recipients" if whole and listed != told else ""


def _events(fields: Fields, listed: Outcome) -> Iterator[Recipient]:
    """One recipient for each entry of MessageEvents; it may be one that no other field names."""
    events = fields.value["MessageEvents"]
    for entry in events if type(events) is list else [events]:
        if type(entry) is not dict:
            fields.wrong.add("MessageEvents")
            continue
        event = Fields(entry)
        said = Fields(entry["Details"] if type(entry.get("Details")) is dict else {"Summary": entry.get("Details")})
        reply = said.text("DeliveryMessage") or said.text("Summary")
        outcome = _EVENTS.get(event.text("Type").lower())
        if outcome is None:
            fields.remarks.append("an entry of MessageEvents is of a type that this version does not know")
            outcome = Outcome.ACCEPTED
        outcome = after_data(outcome, reply)
        if listed is Outcome.SANDBOXED and outcome is not Outcome.NONE:  # a sandbox plays its events
            outcome = listed
        at = moment(event, "ReceivedAt", time_of(event, "ReceivedAt"))
        found = named(event, "Recipient", outcome=outcome)
        if not found:
            fields.remarks.append("an entry of MessageEvents names no recipient")
        yield from (replaced(one, reply=reply[:_MOST_REPLY], **at) for one in found)
        fields.wrong.update(f"MessageEvents.{name}" for name in event.wrong)
        fields.wrong.update(f"MessageEvents.Details.{name}" for name in said.wrong)
