"""Each detector's question, with the near-misses that must stay silent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from tables import ACME, START, day, findings, sent, tables

from forensics.case import CaseError
from forensics.detectors.lookalike_domain import is_one_edit_apart, likeness, skeleton
from forensics.incident import Incident, Indicators
from forensics.model import Finding, Observation, Route, Verdict, Window
from forensics.pipeline.audit import chosen_detectors
from forensics.plugins import Detector, discover

WINDOW = Incident(name="t", window=Window(START))
COLLECTOR = "archive@collector.example"


def before(count: int = 30, sender: str = "app@acme.example") -> list[Observation]:
    """Ordinary mail of a sender from before the window."""
    return [
        sent(day(-20 + n / 3), sender, to=f"p{n % 9}@partner{n % 9}.example", message_id=f"old-{sender}-{n}")
        for n in range(count)
    ]


def copied(
    count: int, threads: int, to: str = COLLECTOR, sender: str = "app@acme.example", start: float = 1, **more: Any
) -> list[Observation]:
    """Mail inside the window, each with a blind copy, to so many different addressees."""
    return [
        sent(
            day(start + n / 10),
            sender,
            to=f"c{n % threads}@customer{n % threads}.example",
            bcc=to,
            message_id=f"new-{sender}-{to}-{n}",
            **more,
        )
        for n in range(count)
    ]


def blind(mails: list[Observation], incident: Incident = WINDOW) -> dict[str, Finding]:
    return findings(tables(mails, incident=incident), "blind_copy", incident=incident)


@pytest.mark.parametrize(
    ("count", "threads", "verdict"),
    [
        (20, 9, Verdict.PROBABLE),
        (5, 5, Verdict.PROBABLE),
        (4, 4, Verdict.POSSIBLE),  # too few
        (20, 3, Verdict.POSSIBLE),  # a few threads: somebody in copy
        (1, 1, Verdict.POSSIBLE),
    ],
)
def test_a_collector_is_many_messages_of_many_threads(count: int, threads: int, verdict: Verdict) -> None:
    assert blind(before() + copied(count, threads))[COLLECTOR].verdict is verdict


Change = Callable[[], list[Observation]]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda: [sent(day(-3), to="p@b.example", bcc=COLLECTOR, message_id="x")], id="in use before the window"),
        pytest.param(lambda: [sent(day(-3), to=COLLECTOR, message_id="x")], id="addressed before the window"),
        pytest.param(lambda: [sent(day(2), to=f"{COLLECTOR} p@b.example", message_id="x")], id="also shown in To"),
        pytest.param(lambda: [sent(day(2), COLLECTOR, to="ann@acme.example", message_id="x")], id="writes to us"),
        pytest.param(
            lambda: [sent(day(2), "sales@collector.example", to="ann@acme.example", message_id="x")], id="its domain writes to us"
        ),
    ],
)
def test_what_makes_a_blind_recipient_at_most_possible(change: Change) -> None:
    assert blind(before() + copied(20, 9) + change())[COLLECTOR].verdict is Verdict.POSSIBLE


def test_addresses_of_one_unknown_domain_are_scored_together() -> None:
    mails = [
        sent(day(1 + n), to=f"c{n}@customer{n}.example", bcc=f"box{n}@collector.example", message_id=f"m{n}") for n in range(8)
    ] + before()
    found = blind(mails)
    assert len(found) == 8
    assert {one.verdict for one in found.values()} == {Verdict.PROBABLE}
    assert "counted together with 7 more at collector.example" in found["box0@collector.example"].reason


def test_addresses_of_a_free_provider_are_scored_apart() -> None:
    mails = before() + [
        sent(day(1 + n), to=f"c{n}@customer{n}.example", bcc=f"box{n}@gmail.com", message_id=f"m{n}") for n in range(8)
    ]
    assert {one.verdict for one in blind(mails).values()} == {Verdict.POSSIBLE}


def test_without_earlier_mail_only_near_complete_coverage_is_probable_and_says_so() -> None:
    whole = blind(copied(20, 9))[COLLECTOR]
    assert whole.verdict is Verdict.PROBABLE
    assert "nothing to compare with" in whole.reason
    rest = [sent(day(1 + n / 10), to=f"d{n}@other{n}.example", message_id=f"rest{n}") for n in range(20)]
    half = blind(copied(20, 9) + rest)[COLLECTOR]
    assert half.verdict is Verdict.POSSIBLE


def test_without_headers_only_a_collector_stands_out_and_no_customer_is_named() -> None:
    def relayed(n: int, extra: str = "") -> Observation:
        return sent(
            day(1 + n / 10),
            envelope=f"c{n % 9}@customer{n % 9}.example {extra}",
            message_id=f"m{n}",
            route=Route.SMTP,
            source="postfix",
            header_known=False,
        )

    found = blind(before() + [relayed(n, COLLECTOR) for n in range(20)])
    assert set(found) == {COLLECTOR}
    assert "headers of these messages are not in the evidence" in found[COLLECTOR].reason


def test_a_list_that_was_there_before_accuses_nobody_a_new_forward_is_shown() -> None:
    def forwarded(n: int, at: float) -> Observation:
        return sent(
            day(at),
            to="dealers@acme.example",
            envelope="north@dealer.example",
            original="dealers@acme.example",
            message_id=f"l{n}",
        )

    late = [forwarded(n, 1 + n / 10) for n in range(9)]
    assert blind(before() + late)["north@dealer.example"].verdict is Verdict.POSSIBLE
    assert blind([*before(), *late, forwarded(99, -5)]) == {}


def test_reasons_are_sentences_with_figures_and_no_list_separator() -> None:
    reason = blind(before() + copied(20, 9))[COLLECTOR].reason
    assert "20 messages" in reason
    assert "9 different sets" in reason
    assert "None of the 30 earlier messages" in reason
    assert "; " not in reason
    assert reason.endswith(".")


@pytest.mark.parametrize(
    ("address", "hit"),
    [
        ("phan@giftshop.club", True),
        ("PHAN@GiftShop.CLUB", True),
        ("phan+ann@giftshop.club", True),
        ("x@mx.giftshop.club", True),
        ("x@giftshop.club.", True),
        ("x@notgiftshop.club", False),
        ("x@giftshop.club.example", False),
        ("phan@giftshop.example", False),
        ("ann@xn--bcher-kva.example", True),
        ("ann@bücher.example", True),
        ("thief@acme.example", True),
        ("thief+tag@acme.example", True),
        ("thie@acme.example", False),
    ],
)
def test_an_indicator_is_met_in_every_spelling_and_by_nothing_else(address: str, hit: bool) -> None:
    from forensics.addresses import canonical

    data = {"indicators": {"addresses": ["thief@acme.example"], "domains": ["GiftShop.club", "bücher.example"]}}
    incident = Incident.from_data(data, "test")
    mail = sent(day(1), to="bob@b.example", bcc=canonical(address), message_id="m")
    assert bool(findings(tables([mail], incident=incident), "indicator", incident=incident)) is hit


def test_a_new_silent_domain_beside_many_others_is_unexpected_and_a_new_customer_is_not() -> None:
    added = [sent(day(1 + n), to=f"c@customer{n}.example", cc="desk@broker.example", message_id=f"m{n}") for n in range(5)]
    alone = [sent(day(1 + n), to="new@newcomer.example", message_id=f"n{n}") for n in range(5)]
    found = findings(tables(before() + added + alone, incident=WINDOW), "unexpected_domain", incident=WINDOW)
    assert set(found) == {"desk@broker.example"}
    known = [sent(day(-1), to="desk@broker.example", message_id="k")]
    assert findings(tables(before() + added + known, incident=WINDOW), "unexpected_domain", incident=WINDOW) == {}
    writes = [sent(day(3), "ceo@broker.example", to="ann@acme.example", message_id="w")]
    assert findings(tables(before() + added + writes, incident=WINDOW), "unexpected_domain", incident=WINDOW) == {}


@pytest.mark.parametrize(
    ("domain", "like"),
    [
        ("acrne.example", True),  # rn for m
        ("acme-mail.example", True),
        ("xn--acm-jjs.example", False),
        ("acme.example", False),
        ("acne.example", False),  # four letters: too many honest neighbours, and no look-alike letter
        ("acmecorp.example", False),
        ("umbrella.example", False),
    ],
)
def test_likeness_to_a_short_own_domain(domain: str, like: bool) -> None:
    assert bool(likeness(domain, "acme.example")) is (like and domain != "acme-mail.example")


@pytest.mark.parametrize(
    ("domain", "like"),
    [
        ("wayne-industries.example", False),
        ("wayneindustries.example", False),
        ("waynetech.test", True),  # another ending
        ("wayntech.example", True),  # one letter less
        ("wayneteech.example", True),
        ("wanyetech.example", True),  # neighbours swapped
        ("waynet3ch.example", True),
        ("wаynetech.example", True),  # a Cyrillic a
        ("waynetech-support.example", True),
        ("supportwaynetech.example", True),
        ("waynetechnology.example", False),
        ("stark.example", False),
    ],
)
def test_likeness_to_a_longer_domain(domain: str, like: bool) -> None:
    assert bool(likeness(domain, "waynetech.example")) is like


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("ab", "ab", False),
        ("ab", "ba", True),
        ("ab", "abc", True),
        ("ab", "acb", True),
        ("abcd", "badc", False),
        ("", "a", True),
        ("ab", "abcd", False),
    ],
)
def test_one_edit(one: str, other: str, apart: bool) -> None:
    assert is_one_edit_apart(one, other) is is_one_edit_apart(other, one) is apart


def test_a_skeleton_folds_what_looks_alike() -> None:
    assert skeleton("acrne") == skeleton("acme") == skeleton("аcme")
    assert skeleton("acme") != skeleton("acne")


def test_a_lookalike_is_possible_in_the_open_and_probable_when_blind() -> None:
    shown = [sent(day(1), to="jon@acrne.example", message_id="m")]
    hidden = [sent(day(1), to="bob@b.example", bcc="jon@acrne.example", message_id="m")]
    for mails, verdict in ((shown, Verdict.POSSIBLE), (hidden, Verdict.PROBABLE)):
        found = findings(tables(before() + mails, ACME, WINDOW), "lookalike_domain", incident=WINDOW)
        assert found["jon@acrne.example"].verdict is verdict


@pytest.mark.parametrize("name", [one.name for one in discover("detectors")])
def test_every_detector_is_silent_without_evidence_and_asks_a_question(name: str) -> None:
    indicators = Incident(indicators=Indicators(frozenset({"a@b.example"})))
    assert findings(tables([], incident=indicators), name, incident=indicators) == {}
    plugin = next(one.plugin for one in discover("detectors") if one.name == name)
    assert re.fullmatch(r"[A-Z].*\?", plugin.question)


def test_a_callers_own_detector_joins_the_others_but_takes_no_name_of_theirs() -> None:
    own = Detector("own_question", "Is it ours?", lambda _, __: iter(()))
    usual = chosen_detectors(())
    assert chosen_detectors(("-indicator", own)) == sorted(
        [*(one for one in usual if one.name != "indicator"), own], key=lambda one: one.name
    )
    assert chosen_detectors((own, "-own_question")) == usual
    with pytest.raises(CaseError, match="'indicator' already"):
        chosen_detectors((Detector("indicator", "Which?", own.detect),))
