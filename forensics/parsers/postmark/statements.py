"""What answers say that name no message: suppressions, daily counts, servers, streams, and how many rows a page should have."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.jsonstream import Fields, Page
from forensics.model import Defect, Role, Route, Span, Statement
from forensics.parsers.postmark.values import NAME, moment, named, time_of, zone_told

__all__ = ["daily_count", "page_said", "server", "stream", "suppression"]

_MOST_FACT = 200  # characters
_EMPTY_TELLS = frozenset({"Messages", "Suppressions"})  # no opens, clicks or bounces is what most mail has
_COUNTED = frozenset({"Messages"})
_MOST_ROWS = 500  # of one page, whatever `count` asks for: developer/api/messages-api
_CUT_OFF = f"the page ends at exactly the {_MOST_ROWS} rows that a page of Postmark has at most, and tells no TotalCount: further rows may be missing"


def suppression(fields: Fields, span: Span) -> Statement | None:
    """An entry of a suppression dump, or a SubscriptionChange; it outlives the messages, and names none.

    A webhook is not signed: its note ends in "/unsigned". Source: developer/api/suppressions-api.
    """
    change = "EmailAddress" not in fields.value
    found = named(fields, "Recipient" if change else "EmailAddress", Role.SUPPRESSION)
    time = "ChangedAt" if change else "CreatedAt"
    reading = time_of(fields, time)
    reason = fields.text("SuppressionReason")
    if change and fields.flag("SuppressSending") is not True:
        reason = "reactivated"
    if not found:
        fields.remarks.append("the suppression names no address")
        return None
    assumed = "time assumed US Eastern" if zone_told(reading)[1] else ""
    words = (reason, fields.text("Origin"), assumed, "unsigned" if change else "")
    note = "/".join(one[:_MOST_FACT] for one in words if one)
    scope, address = fields.text("MessageStream"), found[0].address
    return Statement(span, NAME, "suppression", scope, Route.API, address=address, note=note, **moment(fields, time, reading))


def daily_count(fields: Fields, span: Span) -> Statement | None:
    """A day of /stats/outbound or .../sends, kept for ever: how many were sent, on a day of US Eastern time.

    The answer names no stream, and nobody has shown whether a blind copy counts for itself: weak evidence at most, so it
    says how much mail there was and nothing of recipients. Days of other figures (opens, bounces) are no statement.
    """
    day, sent = fields.text("Date")[:10], fields.count("Sent")
    if sent is None:
        return None
    return Statement(span, NAME, "daily", route=Route.API, value=sent, note=day)


def server(fields: Fields, span: Span) -> Statement | None:
    """A server of the account, by its id; its tokens and its name are not read."""
    identity = fields.label("ID")
    return Statement(span, NAME, "listed_server", identity, Route.API) if identity else None


def stream(fields: Fields, span: Span) -> Statement | None:
    """A message stream of a server, by its id; the note is its server's."""
    identity = fields.label("ID")
    if fields.text("MessageStreamType") == "Inbound":
        return None  # what a server receives needs no export of what it sent
    return Statement(span, NAME, "listed_stream", identity, Route.API, note=fields.label("ServerID")) if identity else None


def page_said(page: Page, place: Span, scope: str) -> Iterator[Statement | Defect]:
    """The page's own count of rows; without one, that it is full; and that it has none where that may mean that they are gone."""
    span = Span(place.evidence, place.member, page.start, page.end)
    fields = Fields(page.fields)
    total = fields.count("TotalCount")
    if fields.wrong:
        yield Defect(span, NAME, "TotalCount is no count")
    if page.name in _COUNTED and total is not None:
        yield Statement(span, NAME, "total", scope, Route.API, value=total, rows=page.rows)
    elif page.name in _COUNTED and page.rows == _MOST_ROWS:
        yield Defect(span, NAME, _CUT_OFF)
    if page.complete and not page.elements and page.name in _EMPTY_TELLS:
        yield Statement(span, NAME, "empty", scope, Route.API, note=page.name)
