"""What shares an identity is one message, unless it plainly is not."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import day, sent, tables

from forensics.model import Observation, Route
from forensics.stitch import components


def keys(observations: list[Observation]) -> list[str]:
    """The message key of each observation, in the order given."""
    rows = dict(tables(observations).execute("SELECT start, message_key FROM links").fetchall())
    return [rows[one.span.start] for one in observations]


def test_a_provider_row_and_a_stored_copy_of_one_id_are_one_message() -> None:
    uuid = "0aa1-22@mtasv.net"
    assert keys([
        sent(day(1), to="bob@b.example", message_id=uuid),
        sent(day(1), to="bob@b.example", message_id=uuid, source="mbox", route=Route.MAILBOX, clock="date"),
        sent(day(2), sender="", envelope="bob@b.example", message_id=uuid, kind="webhook:Delivery"),
    ]) == [uuid] * 3  # fmt: skip


def test_the_providers_id_names_a_message_that_has_two() -> None:
    assert keys([
        sent(day(1), message_id="m1@app.example", ids=["mid:0aa1-22@mtasv.net"]),
        sent(day(1), message_id="0aa1-22@mtasv.net"),
    ]) == ["0aa1-22@mtasv.net"] * 2  # fmt: skip


def test_hops_join_over_queue_ids() -> None:
    first = sent(day(1), ids=["queue:mx1/AAA", "queue:mx1/BBB"], source="postfix", route=Route.SMTP)
    second = sent(day(1), ids=["queue:mx1/BBB", "queue:mx1/CCC"], source="postfix", route=Route.SMTP)
    third = sent(day(1), ids=["queue:mx1/CCC"], source="postfix", route=Route.SMTP)
    elsewhere = sent(day(1), ids=["queue:mx2/AAA"], source="postfix", route=Route.SMTP)
    assert keys([third, elsewhere, first, second]) == ["mx1/AAA", "mx2/AAA", "mx1/AAA", "mx1/AAA"]


def test_a_message_without_any_id_is_named_by_its_place() -> None:
    one = sent(day(1))
    assert keys([one]) == [f"{'e' * 16}#{one.span.start}"]


@pytest.mark.parametrize(
    ("sender", "subject", "days", "apart"),
    [
        ("app@acme.example", "Offer", 0, False),
        ("app@acme.example", "[list] Offer", 0, False),  # a list rewrote the subject
        ("app@acme.example", "Re: offer", 30, False),  # the same subject, whatever its prefix
        ("eve@evil.example", "Offer", 0, False),
        ("eve@evil.example", "Pay now", 0, True),  # a forged id
        ("app@acme.example", "Invoice", 3, True),  # an application that repeats its id
        ("app@acme.example", "", 3, False),  # an event knows no subject: it cannot be told apart
        ("", "Invoice", 3, False),
    ],
)
def test_one_message_id_holds_two_mails_apart_only_if_they_differ_plainly(
    sender: str, subject: str, days: int, apart: bool
) -> None:
    first = sent(day(1), subject="Offer", message_id="m1@acme.example")
    second = sent(day(1 + days), sender=sender, subject=subject, message_id="m1@acme.example", source="mbox")
    assert keys([first, second]) == ["m1@acme.example", "m1@acme.example~2" if apart else "m1@acme.example"]


def test_the_order_of_evidence_changes_nothing() -> None:
    mails = [
        sent(
            day(n % 5),
            to=f"p{n % 7}@b.example",
            message_id=f"m{n % 9}@acme.example",
            subject=f"s{n % 4}",
            ids=[f"queue:h/{n % 6}"],
        )
        for n in range(40)
    ]
    expected = dict(zip([one.span for one in mails], keys(mails), strict=True))
    for seed in range(3):
        shuffled = random.Random(seed).sample(mails, len(mails))
        assert dict(zip([one.span for one in shuffled], keys(shuffled), strict=True)) == expected


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 19)), max_size=60))
def test_components_are_those_of_a_plain_graph_search(edges: list[tuple[int, int]]) -> None:
    total = 30
    obs, code = (np.array([edge[i] for edge in edges], np.int64) for i in (0, 1))
    labels = components(total, obs, code)
    neighbours = defaultdict(set)
    for one, identity in edges:
        neighbours["o", one].add(("i", identity))
        neighbours["i", identity].add(("o", one))
    for start in range(total):
        seen, queue = {("o", start)}, [("o", start)]
        while queue:
            for near in neighbours[queue.pop()] - seen:
                seen.add(near)
                queue.append(near)
        assert labels[start] == min(number for kind, number in seen if kind == "o")
