"""Sources held against each other: what one names and another lacks, and above all when nothing may be said."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import ACME, START, day, sent, tables

import forensics
from forensics.coverage import Beside, Seen, Stretch, conclude, held_against, survey
from forensics.dates import readable
from forensics.incident import Incident
from forensics.model import Direction, Observation, Route, Span, Statement, Window
from forensics.policy import Policy

WINDOW = Incident(window=Window(START, day(10)))
SHOWS = {
    "postmark": frozenset({"recipients", "outcome"}), "postfix": frozenset({"recipients"}), "mbox": frozenset({"content"}),
    "mcp_log": frozenset({"header"}),
}  # fmt: skip
PLACE = Span("e" * 16, "", 0, 1)
HOURS = 240


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000@mtasv.net"


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def exported(
    hours: Sequence[int], stream: str = "outbound", server: str = "1", sender: str = "app@acme.example"
) -> list[Observation]:
    """A row of the provider's export for each hour, a little after the full one."""
    return [sent(at(n + 0.2), sender, "b@b.example", message_id=uuid(n), stream=stream, server=server) for n in hours]


def archived(
    hours: Sequence[int],
    late: float = 0.01,
    name: Callable[[int], str] = uuid,
    sender: str = "app@acme.example",
    to: str = "b@b.example",
) -> list[Observation]:
    """The same mail in an archive, its clock `late` hours behind the provider's."""
    return [
        sent(at(n + 0.2 + late), sender, to, message_id=name(n), source="mbox", kind="mail", route=Route.MAILBOX, clock="date") for n in hours
    ]  # fmt: skip


def logged(
    hours: Sequence[int], host: str = "mx1", name: Callable[[int], str] = lambda n: f"m{n}@app.acme.example"
) -> list[Observation]:
    return [
        sent(at(n + 0.2), "app@acme.example", envelope="b@b.example", message_id=name(n), source="postfix", kind="queue", route=Route.SMTP, server=host)
        for n in hours
    ]  # fmt: skip


def plain(number: int) -> str:
    return f"m{number}@app.acme.example"


def asked(mails: Sequence[Observation], *statements: Statement) -> tuple[Beside, list[Stretch]]:
    connection = tables(mails, ACME, WINDOW, statements)
    beside = held_against(connection, SHOWS, WINDOW, ACME)
    return beside, survey(connection, SHOWS, WINDOW, ACME, beside=beside)


def told(mails: Sequence[Observation], *statements: Statement) -> list[str]:
    return [one.sentence() for one in asked(mails, *statements)[0].lacks]


def of(found: Sequence[Stretch], source: str) -> list[tuple[str, str, int]]:
    return [(one.status, f"{one.start:%d %H:%M}-{one.end:%d %H:%M}", one.records) for one in found if one.source == source]


def total(value: int) -> Statement:
    return Statement(PLACE, "postmark", "total", "outbound", Route.API, value=value, rows=1)


ALL = range(HOURS)
HOLED = [n for n in ALL if not 80 <= n < 120]


def test_what_the_archive_has_and_the_export_lacks_is_a_gap_with_its_interval() -> None:
    beside, found = asked(exported(HOLED) + archived(ALL), total(len(HOLED)))
    (lack,) = beside.lacks
    when = f"from {readable(at(80.21))} to {readable(at(119.21))}"
    assert lack.sentence() == f"The mbox archive has 40 messages that the postmark export of 1/outbound lacks, {when}."
    assert of(found, "postmark") == [
        ("partial", "17 00:00-20 08:00", 80), ("gap", "20 08:00-22 00:00", 0), ("partial", "22 00:00-27 00:00", 120),
    ]  # fmt: skip
    rows = [one for one in found if one.source == "postmark"]
    assert rows[1].note == "40 messages of this time are in the mbox archive and not here"
    assert rows[0].note.startswith("not complete: 40 messages that the mbox archive has are not in it (")
    assert "equals the messages in hand" not in rows[0].note


def test_one_message_is_enough_to_take_the_proof_away_and_none_leaves_it() -> None:
    for missing, status in (([], "covered"), ([100], "partial")):
        mails = [n for n in ALL if n not in missing]
        beside, found = asked(exported(mails) + archived(ALL), total(len(mails)))
        assert sum(one.messages for one in beside.lacks) == len(missing)
        assert {one.status for one in found if one.source == "postmark"} - {"gap"} == {status}
        word = conclude(found, Seen()).word
        assert word == ("cannot_tell" if missing else "none_seen_covered")


def minutely(minutes: Sequence[int], source: str = "postmark") -> list[Observation]:
    export = source == "postmark"
    return [
        sent(
            at(n / 60), to="b@b.example", message_id=uuid(n), source=source, kind="search" if export else "mail", server="1" if export else "",
            stream="outbound" if export else "", route=Route.API if export else Route.MAILBOX, clock="received_at" if export else "date",
        )
        for n in minutes
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("missing", "gap"), [(range(301, 302), ""), (range(301, 325), ""), (range(301, 340), "17 05:00-17 05:40")]
)
def test_hours_that_mostly_are_there_are_no_gap(missing: range, gap: str) -> None:
    kept = [n for n in range(600) if n not in missing]
    _, found = asked(minutely(kept) + minutely(range(600), "mbox"), total(len(kept)))
    rows = [one for one in found if one.source == "postmark"]
    many = f"{len(missing)} message{'s' * (len(missing) > 1)}"
    assert rows[0].status == "partial"
    assert rows[0].note.startswith(f"not complete: {many} that the mbox archive has {'are' if len(missing) > 1 else 'is'} not in")
    assert [f"{one.start:%d %H:%M}-{one.end:%d %H:%M}" for one in rows if "and not here" in one.note] == ([gap] if gap else [])


NOTHING: dict[str, list[Observation]] = {
    "a clock that goes ahead, at both edges": exported(range(50, 200)) + archived(range(50, 200), late=-0.4),
    "a clock that goes behind, at both edges": exported(range(50, 200)) + archived(range(50, 201), late=0.9),
    "mail from before the export's reach": exported(range(100, HOURS)) + archived(range(-600, HOURS)),
    "mail outside of the window": exported([*range(-90, -60), *range(-30, HOURS)]) + archived(range(-90, HOURS)),
    "mail that never was the provider's": exported(ALL) + archived(range(20, 220), name=plain),
    "mail in another server's export": exported(HOLED) + exported(range(80, 120), server="2") + archived(ALL),
    "mail in another stream's export": exported(HOLED) + exported(range(80, 120), stream="news") + archived(ALL),
    "received mail": exported(ALL) + archived(range(300, 500), late=-250, sender="shop@elsewhere.example"),
    "mail without an id": exported(HOLED) + archived(ALL, name=lambda _: ""),
    "an archive that lacks what the export has": exported(ALL) + archived(HOLED),
    "mail of an unknown zone": exported(HOLED)
    + [sent(at(n), to="b@b.example", message_id=uuid(n), source="mbox", kind="mail", route=Route.MAILBOX, slack=50_400) for n in ALL],
    "an archive that dates only itself": exported(HOLED)
    + [sent(at(n), to="b@b.example", message_id=uuid(n), source="mbox", kind="mail", route=Route.MAILBOX, clock="from_line") for n in ALL],
    "inbound mail of the provider": exported(HOLED)
    + [sent(at(n), to="b@b.example", message_id=uuid(n), stream="outbound", server="1", kind="inbound") for n in ALL],
    "an archive alone": archived(ALL),
    "a log alone": logged(ALL),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_said_where_nothing_is_lacking(name: str) -> None:
    assert told(NOTHING[name]) == []


def test_mail_of_a_sender_that_no_export_knows_is_of_a_server_that_is_not_known() -> None:
    other = archived(range(300, 340), late=-220, sender="billing@acme.example")
    mails = exported(ALL) + archived(ALL) + other
    beside, found = asked(mails, total(HOURS))
    (lack,) = beside.lacks
    assert lack.holder is None
    assert "40 messages that went through postmark" in lack.sentence()
    assert {(one.scope, one.status) for one in found if one.source == "postmark"} == {
        ("1/outbound", "covered"), ("postmark server not known", "unknown"),
    }  # fmt: skip
    conclusion = conclude(found, Seen())
    assert conclusion.word == "cannot_tell"
    assert "no record at all of postmark server not known" in conclusion.coverage_text


def test_an_export_that_is_short_by_its_own_count_needs_no_other_server_to_explain_it() -> None:
    mails = exported(ALL) + archived(ALL) + archived(range(300, 340), late=-220, sender="billing@acme.example")
    for count, unknown in ((HOURS + 40, False), (HOURS + 39, True)):
        beside, found = asked(mails, total(count))
        assert [one.holder for one in beside.lacks] == [None]
        assert ("unknown" in {one.status for one in found}) is unknown
        assert conclude(found, Seen()).word == "cannot_tell"


def test_a_sender_of_two_servers_with_one_export_blames_no_export() -> None:
    half = [n for n in ALL if n % 2]
    beside, found = asked(exported(half) + archived(ALL), total(len(half)))
    assert [one.holder for one in beside.lacks] == [None]
    assert ("1/outbound", "covered") in {(one.scope, one.status) for one in found}


# --- the provider's own events ------------------------------------------------------------------------------------------


def event(hour: float, number: int, stream: str = "outbound") -> Observation:
    return sent(
        at(hour), "", message_id=uuid(number), stream=stream, server="1", kind="webhook:Delivery", clock="message_delivery",
        direction=Direction.SUBMITTED,
    )  # fmt: skip


def test_an_event_names_stream_and_server_so_each_message_of_it_counts() -> None:
    mails = exported([n for n in ALL if n % 2])
    events = [event(n + 0.21, n) for n in range(100, 110)]
    (sentence,) = told(mails + events)
    assert sentence.startswith("The postmark event list of 1/outbound has 5 messages that its export lacks, from")
    assert told(exported(ALL) + events) == []
    assert told(mails + [event(n + 0.21, n, "news") for n in range(100, 110)]) == [], "an export of another stream"


def test_an_event_that_came_hours_after_its_message_is_no_sign_at_the_beginning_of_an_export() -> None:
    late = [event(100 + n, 50 + n) for n in range(5)]  # of mail from before the export
    assert told(exported(range(100, HOURS)) + late) == []
    assert len(told([*exported([n for n in range(100, HOURS) if n != 150]), event(150.3, 150)])) == 1


def test_the_agents_log_names_what_went_through_the_provider() -> None:
    calls = [
        sent(at(n + 0.2), to="b@b.example", message_id=uuid(n), source="mcp_log", kind="call", route=Route.API, stream="") for n in ALL
    ]  # fmt: skip
    (sentence,) = told(exported(HOLED) + calls)
    assert "The mcp_log log has 40 messages that the postmark export of 1/outbound lacks" in sentence
    assert told(exported(ALL) + calls[:100]) == []


# --- mail servers' logs -----------------------------------------------------------------------------------------------------


def test_a_log_lacks_a_stretch_of_what_else_always_passes_it() -> None:
    mails = logged(HOLED) + archived(ALL, name=plain)
    beside, found = asked(mails)
    (lack,) = beside.lacks
    assert lack.messages == 40
    assert [one[0] for one in of(found, "postfix")] == ["partial", "gap", "partial"]
    assert of(found, "postfix")[1][1] == "20 08:00-22 00:00"


LIKE = [n for n in ALL if n % 2]
NO_STRETCH: dict[str, list[Observation]] = {
    "half of it goes another way": logged(LIKE) + archived(ALL, name=plain),
    "every tenth goes another way": logged([n for n in ALL if n % 10]) + archived(ALL, name=plain),
    "four in a row": logged([n for n in ALL if not 80 <= n < 84]) + archived(ALL, name=plain),
    "it moved to another server for good": logged(range(100)) + logged(range(100, HOURS), name=lambda n: f"x{n}@other.example")
    + archived(ALL, name=plain),
    "it went through another server meanwhile": logged(HOLED) + logged(range(80, 120), "mx2") + archived(ALL, name=plain),
    "it went through a provider meanwhile": logged(HOLED) + archived(ALL, name=plain)
    + [sent(at(n + 0.2), to="b@b.example", message_id=plain(n), stream="outbound", server="1") for n in range(80, 120)],
    "mail within the house, which passes no relay": logged(ALL)
    + archived(ALL, name=plain) + archived(range(80, 120), name=lambda n: f"i{n}@app.acme.example", to="eva@acme.example"),
    "another program of the same sender": logged(ALL) + archived(ALL, name=plain)
    + archived(range(80, 120), name=lambda n: f"i{n}@crm.acme.example"),
    "the log has them, without their ids": logged(HOLED) + logged(range(80, 120), name=lambda _: "") + archived(ALL, name=plain),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_STRETCH)
def test_a_log_is_not_blamed(name: str) -> None:
    assert told(NO_STRETCH[name]) == []


def test_five_in_a_row_are_a_stretch() -> None:
    assert len(told(logged([n for n in ALL if not 80 <= n < 85]) + archived(ALL, name=plain))) == 1


def test_one_relay_is_held_against_the_next() -> None:
    (sentence,) = told(logged(ALL, "mx1") + logged(HOLED, "mx2"))
    assert sentence.startswith("The postfix log of mx1 has 40 messages that the postfix log of mx2 lacks")


# --- from files to reports ------------------------------------------------------------------------------------------------


def row(number: int) -> dict[str, object]:
    return {
        "MessageID": uuid(number).partition("@")[0], "MessageStream": "outbound", "ReceivedAt": at(number + 0.2).isoformat(), "Cc": [], "Bcc": [],
        "To": [{"Email": "b@b.example", "Name": None}], "Recipients": ["b@b.example"], "From": "app@acme.example", "Subject": "Order",
        "Status": "Sent", "Attachments": [],
    }  # fmt: skip


def mail(number: int) -> str:
    date = format_datetime(at(number + 0.21))
    identity = f"X-PM-Message-Id: {uuid(number).partition('@')[0]}\nMessage-ID: <{number}@app.acme.example>\n"
    return f"From app@acme.example Wed Sep 17 00:00:00 2025\nFrom: app@acme.example\nTo: b@b.example\nSubject: Order\nDate: {date}\n{identity}\nGood day\n\n"


def test_an_audit_tells_of_it_in_table_summary_and_reports(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    page = {"TotalCount": len(HOLED), "Messages": [row(n) for n in HOLED]}
    (evidence / "search.json").write_text(json.dumps(page), encoding="utf-8")
    (evidence / "journal.mbox").write_text("".join(map(mail, ALL)), encoding="utf-8")
    case = forensics.audit(
        evidence, out=tmp_path / "case", incident=WINDOW, policy=Policy(domains=("acme.example",)), options=forensics.Options(workers=1)
    )  # fmt: skip
    words = "The mbox archive has 40 messages that the postmark export of outbound lacks"
    assert [one.startswith(words) for one in case.summary["coverage_remarks"]] == [True]
    rows = [one for one in case.read("coverage").to_dict("records") if one["source"] == "postmark"]
    assert [(one["status"], one["from"], one["to"]) for one in rows] == [
        ("partial", "2025-09-17T00:00:00Z", "2025-09-20T08:00:00Z"), ("gap", "2025-09-20T08:00:00Z", "2025-09-22T00:00:00Z"),
        ("partial", "2025-09-22T00:00:00Z", "2025-09-27T00:00:00Z"),
    ]  # fmt: skip
    assert "1 gap" in case.summary["coverage_text"]
    for report in ("report.html", "summary.txt"):
        assert words in " ".join((case.report / report).read_text(encoding="utf-8").split())


# --- laws -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.property
@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 59)), st.sets(st.integers(0, 59)), st.integers(0, 1_000))
def test_what_is_told_is_what_is_missing_and_the_order_of_rows_says_nothing(has: set[int], kept: set[int], seed: int) -> None:
    mails = exported(sorted(has)) + archived(sorted(kept))
    beside, _ = asked(mails)
    missing = kept - has
    assert sum(one.messages for one in beside.lacks) <= len(missing)
    for lack in beside.lacks:
        assert lack.first >= at(min(missing))
        assert lack.last <= at(max(missing) + 1)
    shuffled = list(mails)
    random.Random(seed).shuffle(shuffled)
    assert [one.sentence() for one in asked(shuffled)[0].lacks] == [one.sentence() for one in beside.lacks]


@pytest.mark.property
@settings(max_examples=15, deadline=None)
@given(st.integers(20, 150), st.integers(1, 60))
def test_every_message_of_a_hole_is_counted(first: int, length: int) -> None:
    mails = [n for n in ALL if not first <= n < first + length]
    beside, found = asked(exported(mails) + archived(ALL), total(len(mails)))
    assert sum(one.messages for one in beside.lacks) == length
    assert "covered" not in {one.status for one in found if one.source == "postmark"}
