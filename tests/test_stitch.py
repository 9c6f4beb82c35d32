"""What shares an identity is one message, unless it plainly is not."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import day, sent, tables

from forensics.model import Observation, Route
from forensics.stitch import Mails, components


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


def nameless(
    evidence: str = "a",
    *,
    second: float = 0,
    slack: int = 0,
    size: int = 5_120,
    to: str = "bob@b.example eve@c.example",
    **more: Any,
) -> Observation:
    """A mail without any id in a file of its own, so many seconds later."""
    at = datetime.fromtimestamp(day(1).timestamp() + second, tz=day(1).tzinfo)
    found = sent(at, source="mbox", kind="mail", route=Route.MAILBOX, clock="date", slack=slack, to=to, **more)
    return replace(found, size=size, span=found.span._replace(evidence=evidence * 16))


ALONE = nameless()


@pytest.mark.parametrize(
    ("others", "messages"),
    [
        ([nameless("b")], 1),
        ([nameless("b"), nameless("c")], 1),  # the same mail in three archives
        ([nameless("b", to="eve@c.example", envelope="bob@b.example")], 1),  # whatever the role
        ([nameless("b", trace="list@b.example")], 1),  # where it was delivered is no recipient
        ([nameless("b", second=1)], 1),
        ([nameless("b", second=2)], 2),
        ([nameless("b", second=3_600, slack=3_600)], 1),
        ([nameless("b", second=3_700, slack=3_600)], 2),
        ([nameless("b", size=5_121)], 2),
        ([nameless("b", sender="other@acme.example")], 2),
        ([nameless("b", to="bob@b.example")], 2),
        ([nameless("b", bcc="x@collector.example")], 2),
        ([nameless("b", subject="Offer")], 1),
        ([nameless("b", subject="Offer"), nameless("c", subject="Other")], 3),
        ([nameless()], 2),  # one file does not hold a mail twice by chance
        ([nameless("b"), nameless("b")], 3),  # either could be meant
        ([nameless("b"), nameless("c", second=1), nameless("d", second=2)], 4),  # the clocks of the first and the last disagree
        ([nameless("b", message_id="m1@acme.example")], 1),
        ([nameless("b", message_id="m1@acme.example"), nameless("c", message_id="m1@acme.example")], 1),
        ([nameless("b", message_id="m1@acme.example"), nameless("c", message_id="m2@acme.example")], 3),
        ([nameless("a", message_id="m1@acme.example")], 2),
        ([nameless("b", ids=["queue:mx1/AAA"])], 1),
        ([replace(nameless("b"), readings=())], 2),
    ],
)
def test_a_record_without_an_id_is_joined_only_where_nothing_else_can_be_meant(others: list[Observation], messages: int) -> None:
    told = [ALONE, *others]
    assert len(set(keys(told))) == messages
    basis = (
        tables(told).execute("SELECT basis, message_key FROM links WHERE start = $start", {"start": ALONE.span.start}).fetchall()
    )
    assert basis[0][0] == ("likeness" if messages < len(told) and keys(told).count(basis[0][1]) > 1 else "identity")


def test_what_is_joined_by_likeness_is_called_by_the_id_that_is_known() -> None:
    assert keys([ALONE, nameless("b", message_id="m1@acme.example")]) == ["m1@acme.example"] * 2


@pytest.mark.parametrize("change", [{"size": -1}, {"recipients": ()}, {"sender": ""}])
def test_without_size_recipients_or_sender_nothing_is_alike(change: dict[str, Any]) -> None:
    assert len(set(keys([replace(nameless(), **change), replace(nameless("b"), **change)]))) == 2


def test_records_that_have_ids_are_never_joined_by_likeness() -> None:
    assert len(set(keys([nameless(message_id="m1@acme.example"), nameless("b", ids=["queue:mx1/AAA"])]))) == 2


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


def groups(observations: list[Observation]) -> set[frozenset[int]]:
    """Which observations are one message, by their place in the list."""
    found = defaultdict(set)
    for number, key in enumerate(keys(observations)):
        found[key].add(number)
    return {frozenset(one) for one in found.values()}


def test_split_or_repeated_evidence_holds_the_same_messages() -> None:
    mails = [
        *(sent(day(2 * n), to="p@b.example", message_id=f"m{n % 8}@acme.example", subject=f"s{n}") for n in range(20)),
        *(sent(day(2 * n), envelope="p@b.example", message_id=f"m{n}@acme.example", ids=[f"queue:h/{n}"]) for n in range(8)),
        *(sent(day(n), envelope="p@b.example", ids=[f"queue:h/{n}", f"queue:h/{n + 100}"]) for n in range(4, 12)),
        *(nameless(second=10 * n) for n in range(5)),
    ]
    whole = groups(mails)
    assert max(map(len, whole)) == 3
    assert len(whole) == 20 + 4 + 5
    apart = [replace(one, span=one.span._replace(evidence=f"{n % 3:016x}")) for n, one in enumerate(mails)]
    assert groups(apart) == whole
    again = [replace(one, span=one.span._replace(evidence="f" * 16, start=one.span.start + 1)) for one in mails]
    assert groups([*mails, *again]) == {one | {n + len(mails) for n in one} for one in whole}


def parts_of(mails: list[tuple[str, str, int | None]]) -> list[int]:
    """As `Mails` counts parts, every pair compared."""
    known: list[tuple[str, str, int | None]] = []
    found = []
    for sender, subject, at in mails:
        same = (
            n
            for n, one in enumerate(known)
            if one[1] == subject or (one[0] == sender and (at is None or one[2] is None or abs(at - one[2]) <= DAY))
        )
        part = next(same, len(known))
        if part == len(known):
            known.append((sender, subject, at))
        found.append(part)
    return found


DAY = 86_400_000_000


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("stuvwx"), st.none() | st.integers(0, 9).map(lambda n: n * DAY // 3)),
        max_size=30,
    )
)
def test_mails_of_one_id_are_told_apart_as_if_each_were_compared_with_all(mails: list[tuple[str, str, int | None]]) -> None:
    ordered = sorted(mails, key=lambda one: (one[2] is None, one[2] or 0))
    known = Mails()
    assert [known.part(*one) for one in ordered] == parts_of(ordered)


def test_one_id_on_all_mail_of_a_program_is_told_apart_in_time() -> None:
    known = Mails()
    assert [known.part("app@acme.example", f"s{n}", n * 2 * DAY) for n in range(100_000)] == list(range(100_000))


def test_a_long_chain_of_hops_is_one_message() -> None:
    hops = np.arange(200_000, dtype=np.int64)
    order = np.random.default_rng(7).permutation(len(hops))
    ends = np.concatenate((order[:-1], order[1:]))
    codes = np.concatenate((hops[:-1], hops[:-1]))
    assert not components(len(hops), ends, codes).any()


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
