"""A drafted policy: what was usual is proposed, what is new is for review, and no evidence can write into it."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import audited, plant
from tables import START, day

import forensics
from forensics.addresses import canonical
from forensics.incident import NO_INCIDENT, Incident, Indicators
from forensics.policy import Policy
from forensics.suggestion import Habit, Usage, draft, suggest

USUAL = Habit(
    "acme@archive.example", 40, 60, 20, day(-30), day(5), 2, ["a@acme.example", "b@acme.example"], known=False, verdict=""
)
EMPTY = Usage((), "policy", (), (), (), None, None, Indicators())
ACME = replace(EMPTY, own=("acme.example",), start=START)
COLLECTOR = Indicators(frozenset({"phan@giftshop.club"}), frozenset({"giftshop.club"}))


def policy(text: str) -> Policy:
    return Policy.from_data(tomllib.loads(text), "draft")


def expected(text: str) -> list[str]:
    return [one.entry for one in policy(text).expected]


def commented(text: str) -> list[str]:
    """The entries for review, as they would count if somebody took their # away."""
    lines = [
        line.removeprefix("# ") for line in text.split("\n") if line.startswith(("# [[expected]]", "# address = ", "# reason = "))
    ]
    return [one["address"] for one in tomllib.loads("\n".join(lines)).get("expected", [])]


@pytest.mark.parametrize(
    ("habit", "usual"),
    [
        (USUAL, True),
        (replace(USUAL, before=3, days=2), True),
        (replace(USUAL, before=2, days=2), False),  # too seldom
        (replace(USUAL, before=30, days=1), False),  # one day is no habit
        (replace(USUAL, before=0, days=0, first=day(0)), False),  # since inside the window
        (replace(USUAL, before=0, days=0, first=None, last=None), False),
        (replace(USUAL, verdict="possible"), True),
        (replace(USUAL, verdict="probable"), False),
        (replace(USUAL, verdict="confirmed"), False),
    ],
)
def test_only_what_was_usual_before_the_window_is_expected(habit: Habit, usual: bool) -> None:
    text = draft(replace(ACME, habits=[habit]))
    assert expected(text) == ([habit.address] if usual else [])
    assert commented(text) == ([] if usual else [habit.address])


@pytest.mark.parametrize("address", ["phan@giftshop.club", "phan+x@giftshop.club", "x@giftshop.club", "x@mail.giftshop.club"])
def test_an_indicator_stands_nowhere(address: str) -> None:
    for habit in (replace(USUAL, address=address), replace(USUAL, address=address, before=0)):
        usage = replace(
            ACME, habits=[habit], indicators=COLLECTOR, own=("acme.example", "giftshop.club"), submitting=[("giftshop.club", 3)]
        )
        assert "giftshop" not in draft(usage)


def test_an_entry_has_its_figures_and_a_reason() -> None:
    text = draft(replace(ACME, habits=[USUAL]))
    assert "# 60 blind copies, 40 of them before the window; 2025-08-18T00:00:00Z to 2025-09-22T00:00:00Z" in text
    assert "# 2 senders: a@acme.example, b@acme.example\n[[expected]]" in text
    (entry,) = policy(text).expected
    assert entry.role == "blind"
    assert entry.reason == "Usual before the window: say what it is"


def test_a_known_service_is_named() -> None:
    (entry,) = policy(draft(replace(ACME, habits=[replace(USUAL, address="1@bcc.hubspot.com")]))).expected
    assert entry.reason == "A CRM drop box of HubSpot: check that the account is yours"


def test_the_window_and_the_servers_come_along() -> None:
    usage = replace(ACME, end=day(9), servers=[("postfix", "mx1", ()), ("postmark", "4711001", ("broadcast", "outbound"))])
    found = policy(draft(usage))
    assert (found.window.start, found.window.end) == (START, day(9))
    assert [(one.provider, one.server, one.streams) for one in found.servers] == [
        ("postfix", "mx1", ()), ("postmark", "4711001", ("broadcast", "outbound")),
    ]  # fmt: skip
    assert found.domains == ("acme.example",)


def test_without_a_window_nothing_is_usual() -> None:
    text = draft(replace(ACME, start=None, habits=[replace(USUAL, before=0, days=0)]))
    assert expected(text) == []
    assert "No window is known" in text


def test_domains_that_also_sent_are_for_review() -> None:
    text = draft(replace(ACME, submitting=[("acme.example", 9), ("mail.acme.example", 2), ("acme-shop.example", 1)]))
    assert "# from acme.example: 11 messages" in text
    assert "# from acme-shop.example: 1 message\n" in text
    assert policy(text).domains == ("acme.example",)


def test_more_than_a_person_reads_is_counted() -> None:
    text = draft(replace(ACME, habits=[replace(USUAL, address=f"u{n}@archive.example") for n in range(512)]))
    assert len(expected(text)) == 500
    assert "... and 12 more" in text


HOSTILE = ['x"]\n[organisation]\ndomains = ["evil.example"]#@x.example', "a'''@x.example", "a\u2028b@x.example", "a\x00b\r\n# c@x.example",
           "\\u0000@x.example", "[[expected]]@x.example", "a\u202eb@x.example", "#@x.example", "\x85@x.example"]  # fmt: skip


@pytest.mark.property
@settings(max_examples=100)
@given(
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=30), min_size=1, max_size=4),
    st.booleans(),
    st.text(max_size=20) | st.sampled_from(HOSTILE),
)
def test_no_evidence_breaks_out_of_its_place(addresses: list[str], usual: bool, other: str) -> None:
    stored = [address for one in addresses if (address := canonical(one.encode("utf-8", "replace").decode()))]
    habits = [
        replace(USUAL, address=one, before=40 * usual, days=20 * usual, named=[other.encode("utf-8", "replace").decode()])
        for one in stored
    ]
    name = other.encode("utf-8", "replace").decode()
    text = draft(replace(ACME, own_basis=name, habits=habits, servers=[(name, name, (name,))], submitting=[(name, 1)]))
    found = policy(text)
    assert found.domains == ("acme.example",)
    assert [one.address for one in found.expected] == (stored if usual else [])
    assert len(found.servers) == 1
    assert commented(text) == ([] if usual else stored)


def test_nothing_at_all_is_a_policy_too() -> None:
    assert policy(draft(EMPTY)) == replace(policy(""), source="draft")


LINE = (
    "{at} mx1 postfix/cleanup[2]: {q}: message-id=<{q}@acme.example>\n"
    "{at} mx1 postfix/qmgr[3]: {q}: from=<shop@acme.example>, size=900, nrcpt=2 (queue active)\n"
    "{at} mx1 postfix/smtp[4]: {q}: to=<c{n}@customer.example>, relay=mx.example[192.0.2.5]:25, delay=1, dsn=2.0.0, status=sent (250 ok)\n"
    "{at} mx1 postfix/smtp[4]: {q}: to=<{bcc}>, relay=mx.example[192.0.2.5]:25, delay=1, dsn=2.0.0, status=sent (250 ok)\n"
    "{at} mx1 postfix/qmgr[3]: {q}: removed\n"
)
MAIL = (
    "From shop@acme.example {day:%a %b %d %H:%M:%S %Y}\nFrom: shop@acme.example\nTo: c{n}@customer.example\nSubject: s\n"
    "Date: {day:%a, %d %b %Y %H:%M:%S} +0000\nMessage-ID: <{q}@acme.example>\n\nx\n\n"
)


def usual_and_new(folder: Path) -> Path:
    """A relay's log and the archive beside it: an archive copy of old, a second one since inside the window."""
    log, box = [], []
    for n in range(-12, 12):
        when = datetime(2025, 9, 17, 12, tzinfo=UTC) + timedelta(days=n)
        for which, bcc in enumerate(["acme@archive.example"] + ["new@drop.example"] * (n > 0)):
            queue = f"7A64E1{which}D{n + 20:03}"
            log.append((when, LINE.format(at=when.strftime("%b %d %H:%M:%S"), q=queue, n=n, bcc=bcc)))
            box.append(MAIL.format(day=when, n=n, q=queue))
    folder.mkdir()
    (folder / "mail.log").write_text("".join(text for _, text in sorted(log)), encoding="utf-8")
    (folder / "sent.mbox").write_text("".join(box), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_a_case_suggests_its_policy_and_the_policy_holds(tmp_path: Path) -> None:
    case = audited(plant(tmp_path / "small"), usual_and_new(tmp_path / "more"), out=tmp_path / "case")
    text = suggest(case)
    place = tmp_path / "policy.toml"
    place.write_text(text, encoding="utf-8")
    found = Policy.load(place)
    assert found.domains == ("acme.example",)
    assert found.window.start == START
    assert [one.entry for one in found.expected] == ["acme@archive.example"]
    assert commented(text) == ["new@drop.example"]
    assert "giftshop" not in text
    assert "sk_live" not in text
    assert {(one.provider, one.server) for one in found.servers} >= {("postfix", "mx1")}
    again = forensics.audit(
        tmp_path / "small", tmp_path / "more", out=tmp_path / "again", incident="postmark-mcp", policy=found,
        options=forensics.Options(workers=1, year=2025),
    )  # fmt: skip
    assert [row["entry"] for row in again.summary["excused"]] == ["acme@archive.example"]
    assert expected(suggest(again)) == ["acme@archive.example"]


def test_incidents_without_indicators_need_no_care() -> None:
    assert expected(draft(replace(ACME, habits=[USUAL], indicators=NO_INCIDENT.indicators))) == [USUAL.address]
    assert Incident().indicators.match(USUAL.address) == ""
