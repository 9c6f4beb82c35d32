"""Postmark stamps without an offset: read as US Eastern, give or take five hours, and every record that has one says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
import support

from forensics.model import Observation, Statement
from forensics.parsers.postmark import PARSER

ID = "3f2b8c1e-5c1e-4a77-9d10-4b6f0c2e0001"
TO = "bob@customer.example"
ASSUMED = ("zone", "assumed_us_eastern")
ROW: dict[str, Any] = {
    "MessageID": ID, "To": [{"Email": TO, "Name": None}], "Cc": [], "Bcc": [], "Recipients": [TO], "From": "billing@acme.example",
    "Subject": "s", "MessageStream": "outbound", "Status": "Sent", "TrackLinks": "None", "Tag": None, "Metadata": {}, "TrackOpens": True,
    "Sandboxed": False, "Attachments": [],
}  # fmt: skip
DELIVERY = {
    "RecordType": "Delivery", "ServerID": 23, "MessageStream": "outbound", "MessageID": ID, "Recipient": TO, "Tag": "", "Details": "250 ok",
    "Metadata": {},
}  # fmt: skip
FETCH: dict[str, Any] = {
    "MessageID": ID, "Recipient": TO, "MessageStream": "outbound", "Tag": None, "Metadata": {}, "Geo": {}, "Client": {}, "OS": {},
    "UserAgent": "x", "Platform": "Desktop", "FirstOpen": True,
}  # fmt: skip
BOUNCE = {"MessageID": ID, "Email": TO, "Type": "HardBounce", "MessageStream": "outbound", "ServerID": 23}


def records(value: Any) -> list[Any]:
    return support.read(PARSER, json.dumps(value).encode())


def observed(value: Any) -> Observation:
    (found,) = support.observations(PARSER, json.dumps(value).encode())
    return found


@pytest.mark.parametrize(
    ("stamp", "at", "slack"),
    [
        ("2025-09-17T10:03:12", "2025-09-17T14:03:12Z", 18_000),  # summer
        ("2025-12-17T10:03:12", "2025-12-17T15:03:12Z", 18_000),  # winter
        ("2025-09-17T10:03:12.0000000", "2025-09-17T14:03:12Z", 18_000),
        ("2025-09-17T10:03:12.805424", "2025-09-17T14:03:12.805424Z", 18_000),
        ("2025-09-17T10:03:12.8054249", "2025-09-17T14:03:12.805424Z", 18_000),
        ("2025-09-17 10:03:12", "2025-09-17T14:03:12Z", 18_000),
        ("2025-09-17T10:03", "2025-09-17T14:03:00Z", 18_000),
        (" 2025-09-17T10:03:12 ", "2025-09-17T14:03:12Z", 18_000),
        ("2025-11-02T00:59:59", "2025-11-02T04:59:59Z", 18_000),
        ("2025-11-02T01:30:00", "2025-11-02T05:30:00Z", 18_000),  # there twice: the earlier one
        ("2025-11-02T02:00:00", "2025-11-02T07:00:00Z", 18_000),
        ("2025-03-09T01:59:59", "2025-03-09T06:59:59Z", 18_000),
        ("2025-03-09T02:30:00", "2025-03-09T06:30:00Z", 18_000),  # there is no such time in that zone
        ("2025-03-09T03:00:00", "2025-03-09T07:00:00Z", 18_000),
        ("2025-09-17T10:03:12Z", "2025-09-17T10:03:12Z", 0),
        ("2025-09-17T10:03:12.0000000Z", "2025-09-17T10:03:12Z", 0),
        ("2025-09-17T10:03:12+00:00", "2025-09-17T10:03:12Z", 0),
        ("2025-09-17T10:03:12-04:00", "2025-09-17T14:03:12Z", 0),
        ("2025-09-17T10:03:12.8054242-05:00", "2025-09-17T15:03:12.805424Z", 0),
        ("2025-09-17T10:03:12+0200", "2025-09-17T08:03:12Z", 0),
        ("2025-09-17T10:03:12+23:00", "2025-09-17T10:03:12Z", 50_400),  # an offset that nobody has: the zone stays unknown
    ],
)
def test_a_stamp_of_a_row(stamp: str, at: str, slack: int) -> None:
    found = observed({**ROW, "ReceivedAt": stamp})
    (reading,) = found.readings
    assert (support.plain(reading.at), reading.slack) == (at, slack)
    assert (ASSUMED in found.facts) is (slack == 18_000)
    assert support.defects(PARSER, json.dumps({**ROW, "ReceivedAt": stamp}).encode()) == []


@pytest.mark.parametrize(
    "stamp", ["2025-09-17", "10:03:12", "2025-13-17T10:03:12", "2025-09-17T10:03:12 Uhr", "x" * 70_000, "0" * 70_000]
)
def test_what_is_no_time_is_told(stamp: str) -> None:
    found = observed({**ROW, "ReceivedAt": stamp})
    assert (found.readings, ASSUMED in found.facts) == ((), False)
    (told,) = support.defects(PARSER, json.dumps({**ROW, "ReceivedAt": stamp}).encode())
    assert "ReceivedAt" in told.reason


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_the_ends_of_the_calendar_do_no_harm(stamp: str) -> None:
    assert len(records({**ROW, "ReceivedAt": stamp})) >= 2


KINDS: dict[str, Any] = {
    "search": {**ROW, "ReceivedAt": "@"},
    "details": {**ROW, "ReceivedAt": "@", "TextBody": "x"},
    "webhook:Delivery": {**DELIVERY, "DeliveredAt": "@"},
    "webhook:Bounce": {**BOUNCE, "RecordType": "Bounce", "BouncedAt": "@"},
    "webhook:SpamComplaint": {**BOUNCE, "RecordType": "SpamComplaint", "BouncedAt": "@"},
    "webhook:Open": {**FETCH, "RecordType": "Open", "ReceivedAt": "@"},
    "webhook:Click": {**FETCH, "RecordType": "Click", "ReceivedAt": "@", "ClickLocation": "HTML"},
    "webhook:SubscriptionChange": {
        "RecordType": "SubscriptionChange", "MessageID": ID, "Recipient": TO, "SuppressSending": True, "SuppressionReason": "HardBounce",
        "ChangedAt": "@", "ServerID": 23,
    },
    "open": {"Opens": [{**FETCH, "ReceivedAt": "@"}], "TotalCount": 1},
    "click": {"Clicks": [{**FETCH, "ReceivedAt": "@", "OriginalLink": "https://acme.example/"}], "TotalCount": 1},
    "bounce": {"Bounces": [{**BOUNCE, "BouncedAt": "@"}], "TotalCount": 1},
}  # fmt: skip


def dated(value: Any, stamp: str) -> Any:
    return json.loads(json.dumps(value).replace('"@"', json.dumps(stamp)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("stamp", "at", "assumed"),
    [
        ("2025-09-17T10:03:12.8054242", "2025-09-17T14:03:12.805424Z", True),
        ("2025-09-17T10:03:12", "2025-09-17T14:03:12Z", True),
        ("2025-09-17T10:03:12.8054242-04:00", "2025-09-17T14:03:12.805424Z", False),
        ("2025-09-17T14:03:12Z", "2025-09-17T14:03:12Z", False),
    ],
)
def test_every_kind_of_record_says_that_its_zone_is_assumed(kind: str, stamp: str, at: str, assumed: bool) -> None:
    found = observed(dated(KINDS[kind], stamp))
    assert found.kind == kind
    assert (ASSUMED in found.facts) is assumed
    events = [one for one in found.recipients if one.at is not None]
    times = [support.plain(one.at) for one in events] + [support.plain(one.at) for one in found.readings]
    assert times
    assert set(times) == {at}
    assert all(bool(one.stamp) is assumed for one in events)
    least = 18_000 if assumed else 0
    assert all(one.slack >= least for one in found.readings)


def test_an_event_without_a_zone_is_told_where_the_row_has_one() -> None:
    events = [{"Recipient": TO, "Type": "Delivered", "ReceivedAt": "2025-09-17T10:03:15", "Details": {}}]
    found = observed({**ROW, "ReceivedAt": "2025-09-17T10:03:12-04:00", "MessageEvents": events})
    assert (found.readings[0].slack, ASSUMED in found.facts) == (0, True)
    exact = [{**events[0], "ReceivedAt": "2025-09-17T10:03:15-04:00"}]
    assert ASSUMED not in observed({**ROW, "ReceivedAt": "2025-09-17T10:03:12-04:00", "MessageEvents": exact}).facts


@pytest.mark.parametrize(
    ("created", "at", "stamp", "note"),
    [
        ("2025-09-17T10:03:12-04:00", "2025-09-17T14:03:12Z", "", "HardBounce/Recipient"),
        ("2025-09-17T10:03:12", "2025-09-17T14:03:12Z", "2025-09-17T10:03:12", "HardBounce/Recipient/time assumed US Eastern"),
        ("2025-03-09T02:30:00", "2025-03-09T06:30:00Z", "2025-03-09T02:30:00", "HardBounce/Recipient/time assumed US Eastern"),
    ],
)
def test_a_suppression_says_it_too(created: str, at: str, stamp: str, note: str) -> None:
    entry = {"EmailAddress": TO, "SuppressionReason": "HardBounce", "Origin": "Recipient", "CreatedAt": created}
    (told,) = [one for one in records({"Suppressions": [entry]}) if isinstance(one, Statement) and one.kind == "suppression"]
    assert (support.plain(told.at), told.stamp, told.note) == (at, stamp, note)


def test_a_change_by_hand_says_it_before_it_says_that_it_is_unsigned() -> None:
    change = {
        "RecordType": "SubscriptionChange",
        "Recipient": TO,
        "SuppressSending": False,
        "ServerID": 1,
        "ChangedAt": "2025-09-17T10:03:12",
    }
    (told,) = [one for one in records(change) if isinstance(one, Statement) and one.kind == "suppression"]
    assert told.note == "reactivated/time assumed US Eastern/unsigned"


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Wed, 17 Sep 2025 10:03:12 -0400", ["date 2025-09-17T14:03:12Z"]),
        ("Wed, 17 Sep 2025 10:03:12", ["date 2025-09-17T10:03:12Z +-50400s"]),  # the sender's clock is not Postmark's
        ("2025-09-17T10:03:12", ["date 2025-09-17T10:03:12Z +-50400s"]),
    ],
)
def test_the_date_of_an_inbound_mail_is_the_senders(date: str, expected: list[str]) -> None:
    found = observed({"FromFull": {"Email": TO}, "ToFull": [{"Email": "in@acme.example"}], "MessageID": ID, "Date": date})
    assert (found.kind, support.plain(found.readings), ASSUMED in found.facts) == ("inbound", expected, False)
