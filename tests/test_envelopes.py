"""Envelope minus header: what is kept as numbers and sets of bits says the same as the words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tables import START, day, sent, tables

from forensics.envelopes import lay_out
from forensics.incident import NO_INCIDENT
from forensics.model import Outcome, Recipient, Role, Window
from forensics.policy import Expected, Policy


@pytest.mark.parametrize("headers", [1, 3, 62, 63, 200])
def test_every_header_that_names_a_recipient_is_told_however_many_there_are(headers: int) -> None:
    names = [f"x-to-{n:03}" for n in range(headers)]
    mail = replace(sent(day(1)), recipients=tuple(Recipient("bob@b.example", Role.TO, seen=name) for name in names))
    other = sent(day(1), to="eve@c.example")
    rows = dict(tables([mail, other]).execute("SELECT address, seen FROM copies").fetchall())
    assert rows == {"bob@b.example": names, "eve@c.example": []}


def test_what_several_records_say_of_a_message_is_told_as_sorted_words() -> None:
    first = sent(day(1), to="bob@b.example", message_id="m", server="s2", stream="broadcast")
    second = sent(day(1), to="bob@b.example", message_id="m", server="s1", stream="outbound", source="mbox")
    third = sent(day(1), to="bob@b.example", message_id="n", server="", stream="")
    query = "SELECT message_key, servers, streams, routes, sources, sender, sender_domain FROM messages"
    rows = {key: rest for key, *rest in tables([first, second, third]).execute(query).fetchall()}
    assert rows["m"] == [
        ["s1", "s2"],
        ["broadcast", "outbound"],
        ["api"],
        ["mbox", "postmark"],
        "app@acme.example",
        "acme.example",
    ]
    assert rows["n"] == [[], [], ["api"], ["postmark"], "app@acme.example", "acme.example"]


def test_a_message_without_a_sender_has_none() -> None:
    rows = tables([sent(day(1), sender="", envelope="bob@b.example")]).execute("SELECT sender, sender_domain, sid FROM messages")
    assert rows.fetchall() == [("", "", -1)]


def test_the_words_of_a_copy() -> None:
    mails = [
        sent(day(1), to="bob@b.example", bcc="eve@c.example", message_id="m", outcome=Outcome.BOUNCED),
        sent(day(1), envelope="bob@b.example", message_id="m", outcome=Outcome.DELIVERED),
    ]
    policy = Policy(domains=("acme.example",), expected=(Expected(address="eve@c.example", reason="archive"),))
    connection = tables(mails, policy)
    query = "SELECT address, roles, blind, proof, outcome, records, entry FROM copies ORDER BY address"
    assert connection.execute(query).fetchall() == [
        ("bob@b.example", ["envelope", "to"], "no", "delivered", "delivered", 2, None),
        ("eve@c.example", ["bcc"], "yes", "attempted", "bounced", 1, 0),
    ]
    types = {name: kind for name, kind, *_ in connection.execute("DESCRIBE copies").fetchall()}
    assert {types[name] for name in ("blind", "proof", "outcome", "address", "sender")} == {"VARCHAR"}


@pytest.mark.parametrize(
    ("entry", "excused"),
    [
        (Expected(address="eve@c.example"), ["eve@c.example"]),
        (Expected(domain="c.example"), ["eve@c.example", "joe@mail.c.example"]),
        (Expected(domain="mail.c.example"), ["joe@mail.c.example"]),
        (Expected(domain="example.org"), []),
        (Expected(domain="c.example", role="any"), ["ann@c.example", "eve@c.example", "joe@mail.c.example"]),
        (Expected(domain="c.example", valid=Window(START)), ["eve@c.example", "joe@mail.c.example"]),
        (Expected(domain="c.example", valid=Window(None, START)), []),
        (Expected(domain="c.example", valid=Window(None, day(2))), ["eve@c.example", "joe@mail.c.example"]),
        (Expected(domain="c.example", valid=Window(day(1))), ["eve@c.example", "joe@mail.c.example"]),
        (Expected(domain="c.example", valid=Window(None, day(1))), []),
    ],
)
def test_an_entry_of_the_policy_excuses_whom_it_means(entry: Expected, excused: list[str]) -> None:
    mail = sent(day(1), to="ann@c.example", bcc="eve@c.example joe@mail.c.example eve@notc.example", message_id="m")
    policy = Policy(domains=("acme.example",), expected=(entry,))
    rows = tables([mail], policy).execute("SELECT address FROM copies WHERE entry = 0 ORDER BY address").fetchall()
    assert [address for (address,) in rows] == excused


def test_the_first_of_several_entries_counts() -> None:
    mail = sent(day(1), to="ann@b.example", bcc="eve@c.example", message_id="m")
    policy = Policy(
        domains=("acme.example",),
        expected=(Expected(domain="x.example"), Expected(domain="c.example"), Expected("eve@c.example")),
    )
    assert tables([mail], policy).execute("SELECT entry FROM copies WHERE blind = 'yes'").fetchall() == [(1,)]


def test_laid_out_again_it_is_the_same_but_for_the_policy() -> None:
    connection = tables([sent(day(1), to="ann@b.example", bcc="eve@c.example", message_id="m")])
    query = "SELECT * EXCLUDE (entry) FROM copies ORDER BY ALL"
    before = connection.execute(query).fetchall()
    lay_out(connection, NO_INCIDENT, Policy(domains=("acme.example",), expected=(Expected(domain="c.example"),)))
    assert connection.execute(query).fetchall() == before
    assert connection.execute("SELECT address FROM copies WHERE entry = 0").fetchall() == [("eve@c.example",)]
    assert connection.execute("SELECT message_key FROM links").fetchall() == [("m",)]


def test_no_observation_is_a_case_too() -> None:
    connection = tables([])
    assert connection.execute("SELECT * FROM messages").fetchall() == []
    assert connection.execute("SELECT * FROM copies").fetchall() == []


def test_addresses_are_numbered_in_their_order() -> None:
    mails = [sent(day(1), sender=f"s{n}@acme.example", to=f"p{n * 7919 % 1000}@b.example") for n in range(300)]
    connection = tables(mails)
    rows = connection.execute("SELECT address FROM addresses ORDER BY aid").fetchall()
    assert rows == sorted(rows)
    assert connection.execute("SELECT min(aid), max(aid) FROM addresses").fetchall() == [(0, len(rows) - 1)]
