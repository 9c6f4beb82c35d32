"""The timeline: each record of a copy at its time, and a copy that nobody can date at the end instead of nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case import CONTRACT, NO_TIME
from forensics.pipeline.timeline import timeline_rows

AT = datetime(2025, 9, 18, 10, 1, 2, 345678, tzinfo=UTC)


def record(**changes: Any) -> dict[str, Any]:
    base = {
        "utc": AT, "sent_at": AT - timedelta(seconds=2), "outcome": "delivered", "proof": "delivered", "address": "phan@giftshop.club",
        "verdict": "confirmed", "source": "postfix", "kind": "queue", "message_key": "m1@acme.example",
    }  # fmt: skip
    return base | changes


def test_a_record_stands_at_its_own_time_or_at_its_messages() -> None:
    rows = timeline_rows([record(), record(utc=None, outcome="", proof="accepted")])
    assert [(row["datetime"], row["timestamp_desc"], row["outcome"]) for row in rows] == [
        ("2025-09-18T10:01:00.345678Z", "Copy named in a header", "accepted"),
        ("2025-09-18T10:01:02.345678Z", "Copy delivered", "delivered"),
    ]
    assert all(tuple(row) == CONTRACT["timeline"] for row in rows)
    assert all(row["message"] == f"{row['timestamp_desc']}: phan@giftshop.club (confirmed)" for row in rows)


def test_a_copy_that_nobody_can_date_stands_at_the_end_as_not_a_time() -> None:
    before_1970 = record(utc=datetime(1969, 1, 1, tzinfo=UTC), message_key="old@acme.example")
    rows = timeline_rows(
        [record(utc=None, sent_at=None), record(utc=None, sent_at=None, outcome="", proof="accepted"), record(), before_1970]
    )
    assert [row["datetime"] for row in rows] == [
        "1969-01-01T00:00:00Z",
        "2025-09-18T10:01:02.345678Z",
        *["1970-01-01T00:00:00Z"] * 2,
    ]
    assert [row["timestamp_desc"] == NO_TIME for row in rows] == [False, False, True, True]
    assert [row["outcome"] for row in rows[2:]] == ["accepted", "delivered"]
    assert {row["message"] for row in rows[2:]} == {"Copy without a known time: phan@giftshop.club (confirmed)"}


def test_a_copy_of_1970_itself_is_a_dated_one() -> None:
    (row,) = timeline_rows([record(utc=datetime(1970, 1, 1, tzinfo=UTC))])
    assert row["timestamp_desc"] == "Copy delivered"


@pytest.mark.property
@settings(max_examples=60)
@given(
    st.lists(
        st.builds(
            record,
            utc=st.none() | st.datetimes(datetime(1960, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  hypothesis adds the zone
            sent_at=st.none() | st.just(AT),
            outcome=st.sampled_from(["delivered", "bounced", "", "fetched"]),
            message_key=st.sampled_from(["a@acme.example", "b@acme.example"]),
        ),
        max_size=12,
    )
)
def test_no_copy_vanishes_and_the_order_of_records_does_not_matter(records: list[dict[str, Any]]) -> None:
    rows = timeline_rows(records)
    assert rows == timeline_rows(records[::-1])
    assert {row["message_key"] for row in rows} == {one["message_key"] for one in records}
    told = {
        (at := one["utc"] or one["sent_at"], one["outcome"] or (not at and one["proof"]), one["message_key"]) for one in records
    }
    assert len(rows) == len(told)
    undated = [row["timestamp_desc"] == NO_TIME for row in rows]
    assert undated == sorted(undated)
