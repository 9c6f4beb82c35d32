"""The timeline as JSON lines: Timesketch's rules, the same events as the CSV, and none without a time lost."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case import CONTRACT, NO_TIME, Case
from forensics.csvform import csv_blocks, rows_of
from forensics.model import EPOCH
from forensics.reporters import timesketch

KEY = "m1@acme.example"


class Tables:
    """The tables of a case that lie in memory."""

    def __init__(self, **rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def read(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(self.rows.get(name, []), columns=list(CONTRACT[name]))


def copy(**changes: Any) -> dict[str, Any]:
    base = dict.fromkeys(CONTRACT["copies"], "") | {
        "message_key": KEY, "recipient": "phan@giftshop.club", "role": "envelope", "verdict": "confirmed", "proof": "delivered",
        "outcome_at": "2025-09-18T10:01:02Z", "source": "postfix:queue", "start": 0, "end": 1,
    }  # fmt: skip
    return base | changes


def event(**changes: Any) -> dict[str, Any]:
    base = {
        "datetime": "2025-09-18T10:01:02Z", "timestamp": 1_758_189_662_000_000, "timestamp_desc": "Copy delivered",
        "message": "Copy delivered: phan@giftshop.club (confirmed)", "source": "postfix:queue", "message_key": KEY,
        "recipient": "phan@giftshop.club", "outcome": "delivered",
    }  # fmt: skip
    return base | changes


def lines(tmp_path: Path, **rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    (target,) = timesketch.write(cast("Case", Tables(**rows)), tmp_path)
    assert target.name == "timeline.jsonl"
    assert target.stat().st_mode & 0o777 == 0o600
    return [json.loads(line) for line in target.read_text(encoding="ascii").splitlines()]


def test_an_event_is_told_in_the_words_of_timesketch_and_ecs(tmp_path: Path) -> None:
    assert lines(tmp_path, timeline=[event()], copies=[copy()]) == [
        {
            "datetime": "2025-09-18T10:01:02.000000+00:00", "timestamp": 1_758_189_662_000_000, "timestamp_desc": "Copy delivered",
            "message": "Copy delivered: phan@giftshop.club (confirmed)", "source": "postfix:queue", "message_key": KEY,
            "recipient": "phan@giftshop.club", "outcome": "delivered", "tag": ["blind_copy", "confirmed"], "event.kind": "event",
            "event.category": ["email"], "event.action": "delivered", "event.outcome": "success", "event.dataset": "postfix:queue",
            "email.bcc.address": ["phan@giftshop.club"], "email.message_id": KEY,
        }
    ]  # fmt: skip


def test_no_event_no_line(tmp_path: Path) -> None:
    assert lines(tmp_path) == []


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("m1@acme.example", "email.message_id", "m1@acme.example"),
        ("a/b#c@acme.example", "email.message_id", "a/b#c@acme.example"),
        ("relay1/7A64E12D601", "email.local_id", "7A64E12D601"),
        ("relay1/7A64E12D601@1758189662", "email.local_id", "7A64E12D601"),
        ("relay1/1uyQ2k-000000004Xp-2aBC", "email.local_id", "1uyQ2k-000000004Xp-2aBC"),
        ("00f78d6f1ea9533c#1200", "", ""),  # a place in the evidence
        ("m1@acme.example~2", "", ""),  # two messages claim it
        ("", "", ""),
    ],
)
def test_a_key_is_a_message_id_a_queue_id_or_neither(tmp_path: Path, key: str, field: str, value: str) -> None:
    (one,) = lines(tmp_path, timeline=[event(message_key=key)])
    found = {name: text for name, text in one.items() if name in {"email.message_id", "email.local_id"}}
    assert found == ({field: value} if field else {})
    assert one["message_key"] == key


@pytest.mark.parametrize(
    ("roles", "tag", "fields"),
    [
        (["envelope", "event"], "blind_copy", {"email.bcc.address"}),
        (["bcc"], "blind_copy", {"email.bcc.address"}),
        (["envelope", "to"], "visible_copy", {"email.to.address"}),
        (["to", "cc"], "visible_copy", {"email.to.address", "email.cc.address"}),
    ],
)
def test_a_recipient_that_a_header_shows_is_no_blind_one(tmp_path: Path, roles: list[str], tag: str, fields: set[str]) -> None:
    (one,) = lines(tmp_path, timeline=[event()], copies=[copy(role=role) for role in roles])
    assert one["tag"][0] == tag
    assert {name for name in one if name.startswith("email.") and name.endswith(".address")} == fields


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("delivered", "success"), ("fetched", "success"), ("bounced", "failure"), ("rejected", "failure"), ("deferred", "unknown"),
        ("refused_after_data", "unknown"), ("accepted", "unknown"), ("", "unknown"),
    ],
)  # fmt: skip
def test_only_a_last_word_is_success_or_failure(tmp_path: Path, outcome: str, word: str) -> None:
    (one,) = lines(tmp_path, timeline=[event(outcome=outcome)])
    assert one["event.outcome"] == word


def message(key: str, sent_at: str) -> dict[str, Any]:
    return dict.fromkeys(CONTRACT["exposed_messages"], "") | {"message_key": key, "sent_at": sent_at}


def test_a_copy_without_any_time_stands_apart_as_not_a_time(tmp_path: Path) -> None:
    found = lines(
        tmp_path,
        timeline=[
            event(message_key="dated@acme.example"),
            event(message_key="undated@acme.example", datetime="1970-01-01T00:00:00Z", timestamp=0, timestamp_desc=NO_TIME),
        ],
        copies=[
            copy(message_key="dated@acme.example", outcome_at=""),  # the message has a time, and the event stands there
            copy(message_key="undated@acme.example", outcome_at="", role="bcc", proof="accepted"),
            copy(message_key="undated@acme.example", outcome_at="", role="envelope", proof="accepted"),  # told once
        ],
        exposed_messages=[message("dated@acme.example", "2025-09-18T10:01:02Z"), message("undated@acme.example", "")],
    )
    assert [one["message_key"] for one in found] == ["dated@acme.example", "undated@acme.example"]
    assert found[1]["timestamp_desc"] == NO_TIME
    assert found[1]["datetime"] == "1970-01-01T00:00:00.000000+00:00"
    assert found[1]["timestamp"] == 0
    assert found[1]["tag"] == ["blind_copy", "confirmed", "undated"]
    assert "undated" not in found[0]["tag"]


def test_the_csv_keeps_timesketchs_rules() -> None:
    rows = [event(), event(message="x" * 50)]
    frame = pd.DataFrame(rows, columns=list(CONTRACT["timeline"]))
    read = list(csv.DictReader(io.StringIO(b"".join(csv_blocks(frame.columns, rows_of(frame))).decode(), newline="")))
    assert {"message", "datetime", "timestamp_desc", "timestamp"} <= set(read[0])
    assert "_id" not in read[0]
    for row in read:
        assert EPOCH + timedelta(microseconds=int(row["timestamp"])) == datetime.fromisoformat(row["datetime"])


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(10**15), 4 * 10**15), st.text(max_size=40), st.text(max_size=40)),
        max_size=8,
    )
)
def test_every_row_of_the_csv_is_one_line_and_time_and_stamp_agree(rows: list[tuple[int, str, str]]) -> None:
    listed = [event(timestamp=at, message_key=key, recipient=who, message=who) for at, key, who in rows]
    found = list(timesketch.events(cast("Case", Tables(timeline=listed))))
    names = ("timestamp", "timestamp_desc", "message", "source", "message_key", "recipient", "outcome")
    assert [[one[name] for name in names] for one in found] == [[one[name] for name in names] for one in listed]
    for one in found:
        assert EPOCH + timedelta(microseconds=one["timestamp"]) == datetime.fromisoformat(one["datetime"])
        assert len(json.dumps(one).splitlines()) == 1
        assert "_id" not in one
        assert isinstance(one["tag"], list)


@pytest.mark.parametrize("text", ["W" * 40_000, "中" * 20_000, "\x1b[2J", "a\u202eb", "\u2028", '"}\n{"_id": 1'])
def test_no_field_is_too_long_for_an_index_and_no_line_breaks(tmp_path: Path, text: str) -> None:
    (one,) = lines(tmp_path, timeline=[event(message=text, recipient=text, message_key=text)])
    for value in one.values():
        for member in value if isinstance(value, list) else [value]:
            assert len(str(member).encode("utf-8", "replace")) < 32_766
    if len(text) < 1_000:
        assert one["message"] == text
    else:
        assert one["message"].endswith("more bytes]")
