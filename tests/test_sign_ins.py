"""Sign-ins to review: whose, at which service, from when to when, and never more than is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.model import Leak
from forensics.pipeline.sign_ins import SIGN_INS, Copied, sign_in_rows

SENT = datetime(2025, 9, 18, 10, tzinfo=UTC)
LIFETIMES = {"one-time-code": 3600}


def leak(kind: str = "one_time_code", **values: Any) -> Leak:
    given_values: dict[str, Any] = {
        "rule": "one-time-code", "kind": kind, "family": "credential", "service": "generic", "preview": "6 characters: digits",
        "severity": "high", "confidence": "high", "part": "text/plain", "offset": 7, "location": "line 1", "fingerprint": "f1",
        "state": "expired_by_nature",
    }  # fmt: skip
    return Leak(**(given_values | values))


def timed(seconds: int, at: datetime = SENT, **values: Any) -> Leak:
    return leak(lifetime=seconds, expires=at + timedelta(seconds=seconds), **values)


def copied(one: Leak, **values: Any) -> Copied:
    given_values: dict[str, Any] = {
        "message_key": "m1@acme.example", "sent_at": SENT, "arrived": None, "sender": "login@mail.acme.example",
        "accounts": ("ann@customer.example",), "credential_id": "C0001", "verdict": "confirmed", "leak": one,
    }  # fmt: skip
    return Copied(**(given_values | values))


def rows(*ones: Copied) -> list[dict[str, Any]]:
    found = sign_in_rows(ones, LIFETIMES)
    assert all(tuple(row) == SIGN_INS for row in found)
    return found


@pytest.mark.parametrize(
    ("one", "until", "basis"),
    [
        (timed(3600), "2025-09-18T11:00:00Z", "usual for its kind: 1 hour after sending"),
        (timed(600), "2025-09-18T10:10:00Z", "the mail states it: 10 minutes after sending"),
        (leak(expires=SENT + timedelta(days=2)), "2025-09-20T10:00:00Z", "the value itself says so"),
        (leak(lifetime=3600, expires=SENT + timedelta(days=2)), "2025-09-20T10:00:00Z", "the value itself says so"),
        (leak(), "2025-09-19T10:00:00Z", "not stated; 1 day after sending is assumed"),
        (leak("reset_link"), "2025-09-25T10:00:00Z", "not stated; 7 days after sending is assumed"),
        (leak("access_token"), "2025-10-18T10:00:00Z", "not stated; 30 days after sending is assumed"),
    ],
)
def test_the_end_is_computed_stated_or_assumed_and_says_which(one: Leak, until: str, basis: str) -> None:
    (row,) = rows(copied(one))
    assert (row["from"], row["until"], row["until_basis"]) == ("2025-09-18T10:00:00Z", until, basis)


@pytest.mark.parametrize(
    ("arrived", "opens"),
    [(None, SENT), (SENT + timedelta(minutes=3), SENT + timedelta(minutes=3)), (SENT + timedelta(hours=2), SENT)],
)
def test_it_opens_when_the_copy_arrived_unless_a_clock_says_nonsense(arrived: datetime | None, opens: datetime) -> None:
    (row,) = rows(copied(timed(3600), arrived=arrived))
    assert row["from"] == opens.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("one", "sender", "service", "basis"),
    [
        (timed(60), "login@mail.acme.example", "acme.example", "sender of the mail"),
        (timed(60, service="github"), "login@mail.acme.example", "github", "form of the credential"),
        (timed(60), "", "unknown", "neither credential nor sender tells"),
    ],
)
def test_the_service_is_named_by_the_credential_else_by_the_sender(one: Leak, sender: str, service: str, basis: str) -> None:
    (row,) = rows(copied(one, sender=sender))
    assert (row["service"], row["service_basis"]) == (service, basis)


def test_what_stays_until_it_is_rotated_and_what_is_no_credential_is_not_here() -> None:
    assert rows(copied(leak("api_key", state="live_until_rotated")), copied(leak("phone", family="personal", state=""))) == []


def later(minutes: int, key: str, **values: Any) -> Copied:
    at = SENT + timedelta(minutes=minutes)
    return copied(timed(3600, at), sent_at=at, message_key=key, credential_id=f"C{key}", **values)


def test_windows_that_overlap_or_meet_are_one_and_others_stand_alone() -> None:
    found = rows(later(0, "a"), later(30, "b"), later(90, "c"), later(151, "d"))
    assert [(row["from"][11:16], row["until"][11:16], row["messages"]) for row in found] == [
        ("10:00", "12:30", "a; b; c"),
        ("12:31", "13:31", "d"),
    ]


def test_a_short_window_inside_a_long_one_does_not_end_it() -> None:
    long = copied(timed(7200), message_key="long")
    inside = copied(timed(60, SENT + timedelta(minutes=1)), sent_at=SENT + timedelta(minutes=1), message_key="short")
    (row,) = rows(long, inside, later(100, "c"))
    assert (row["until"], row["messages"]) == ("2025-09-18T12:40:00Z", "c; long; short")


def test_accounts_services_and_possible_messages_are_never_merged() -> None:
    other = {"accounts": ("ben@customer.example",)}
    found = rows(
        later(0, "a"), later(1, "b", **other), later(2, "c", sender="x@other.example"), later(3, "d", verdict="possible")
    )
    assert [(row["service"], row["account"], row["messages"], row["verdict"]) for row in found] == [
        ("acme.example", "ann@customer.example", "a", "confirmed"),
        ("acme.example", "ben@customer.example", "b", "confirmed"),
        ("other.example", "ann@customer.example", "c", "confirmed"),
        ("acme.example", "ann@customer.example", "d", "possible"),
    ]


def test_a_mail_to_several_says_so_and_one_to_a_crowd_names_nobody() -> None:
    two = rows(copied(timed(60), accounts=("ann@customer.example", "ben@customer.example")))
    assert [row["account"] for row in two] == ["ann@customer.example", "ben@customer.example"]
    (crowd,) = rows(copied(timed(60), accounts=tuple(f"u{n}@customer.example" for n in range(21))))
    assert crowd["account"] == ""
    assert all("several people" in row["look_for"] for row in (*two, crowd))
    assert "several people" not in rows(copied(timed(60)))[0]["look_for"]


def test_an_undated_mail_has_no_window_and_says_how_long_to_look() -> None:
    (row,) = rows(copied(leak(), sent_at=None))
    assert (row["from"], row["until"]) == ("", "")
    assert row["until_basis"] == "no time is known; look 1 day from when the mail was sent"


def test_times_at_the_end_of_the_calendar_fail_nobody() -> None:
    (row,) = rows(copied(leak("session_id"), sent_at=datetime(9999, 12, 31, tzinfo=UTC)))
    assert row["until_basis"] == "no end could be computed"


def test_long_cells_are_cut_and_say_how_much_is_missing() -> None:
    (row,) = rows(*(later(n, f"m{n:03}") for n in range(40)))
    assert row["messages"].endswith("and 28 more")
    assert row["places"].count("; ") == 12


@pytest.mark.property
@given(st.lists(st.tuples(st.integers(0, 600), st.sampled_from(["confirmed", "possible"])), max_size=12), st.randoms())
@settings(max_examples=80)
def test_order_changes_nothing_and_every_moment_stays_covered(drawn: list[tuple[int, str]], random: Any) -> None:
    ones = [later(minutes, f"m{n:02}", verdict=verdict) for n, (minutes, verdict) in enumerate(drawn)]
    shuffled = list(ones)
    random.shuffle(shuffled)
    found = rows(*ones)
    assert found == rows(*shuffled)
    for one in ones:
        at = f"{one.sent_at:%Y-%m-%dT%H:%M:%SZ}"
        holding = [row for row in found if row["from"] <= at < row["until"] and one.message_key in row["messages"].split("; ")]
        assert len(holding) == 1
        assert holding[0]["verdict"] == one.verdict
