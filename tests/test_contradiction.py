"""The provider's lists of recipients against each other: what disagrees is told, and blames nobody by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tables import ACME, START, day, judged, sent, tables

from forensics.detectors.contradiction import DETECTOR
from forensics.incident import Incident, Indicators
from forensics.model import Finding, Observation, Outcome, Recipient, Role, Verdict, Window
from forensics.plugins import Scope
from forensics.policy import Expected, Policy

WINDOW = Incident(name="t", window=Window(START))
TO, HIDDEN = "bob@customer.example", "x@collector.example"
ODD = [("contradiction", "recipients")]


def row(to: str = TO, bcc: str = "", envelope: str = "", kind: str = "search", **more: object) -> Observation:
    """One of the provider's answers about the same message."""
    found = sent(day(1), to=to, bcc=bcc, envelope=envelope, message_id="m", kind=kind, header_known=True)
    return replace(found, **more)  # type: ignore[arg-type]


def event(address: str = HIDDEN, *, unsigned: bool = False) -> Observation:
    found = sent(
        day(1), message_id="m", kind="webhook:Delivery" if unsigned else "open", facts=[("unsigned", "true")] if unsigned else ()
    )
    return replace(found, recipients=(Recipient(address, Role.EVENT, Outcome.DELIVERED),))


def detected(observations: Sequence[Observation], policy: Policy = ACME, incident: Incident = WINDOW) -> list[Finding]:
    return list(DETECTOR.detect(tables(observations, policy, incident), Scope(incident, policy)))


FULL = f"{TO} {HIDDEN}"


@pytest.mark.parametrize(
    ("observations", "words"),
    [
        ([row(bcc=HIDDEN, envelope=FULL)], ""),
        ([row(bcc=HIDDEN, envelope=FULL), row(bcc=HIDDEN, envelope=FULL, kind="details")], ""),
        ([row(bcc=HIDDEN, envelope=FULL), row(envelope=TO, kind="details")], "stands in 1 of the 2 lists"),
        ([row(bcc=HIDDEN, envelope=FULL), row(bcc=HIDDEN, envelope=FULL), row(envelope=TO)], "stands in 2 of the 3 lists"),
        ([row(bcc=HIDDEN, envelope=FULL), row(bcc=HIDDEN)], ""),  # the second gives no list
        ([row(bcc=HIDDEN, envelope=TO, facts=tuple(ODD))], "in only one of two places"),
        ([row(envelope=FULL, facts=tuple(ODD))], "in only one of two places"),
        ([row(envelope=FULL)], ""),  # no Bcc in that answer: the parser saw no contradiction
        ([row(envelope=TO), event()], "named by an event and does not stand in the provider's list"),
        ([row(envelope=TO), row(envelope=TO), event()], "any of the provider's 2 lists"),
        ([row(envelope=TO), event(unsigned=True)], "not signed"),
        ([row(envelope=TO), event(unsigned=True), event()], "named by an event"),
        ([row(envelope=FULL), event()], ""),
        ([row(envelope=TO), event(TO)], ""),
        ([row(), event()], ""),  # no list to disagree with
        ([row(envelope=TO, source="postfix", kind="queue"), event()], ""),  # a queue file need not name everybody
        ([row(envelope=TO), row(envelope=FULL, to=FULL, kind="details")], ""),  # shown in To: nothing hidden
        ([row(envelope=TO), event("ann@acme.example")], ""),  # our own
    ],
)
def test_what_disagrees_is_told(observations: list[Observation], words: str) -> None:
    found = detected(observations)
    assert [one.address for one in found] == ([HIDDEN] if words else [])
    for one in found:
        assert words in one.reason
        assert (one.verdict, one.message_key, one.blind_only) == (Verdict.POSSIBLE, "m", True)


def test_it_never_makes_more_than_possible_of_a_message() -> None:
    found = judged([row(bcc=HIDDEN, envelope=FULL), row(envelope=TO, kind="details")], incident=WINDOW)
    assert found == {"m": ("possible", "possible", "accepted")}


def test_what_is_expected_or_convicted_otherwise_is_left_out() -> None:
    observations = [row(bcc=HIDDEN, envelope=FULL), row(envelope=TO, kind="details")]
    expecting = Policy(domains=("acme.example",), expected=(Expected(address=HIDDEN, reason="archive"),))
    assert detected(observations, expecting) == []
    assert detected(observations, incident=replace(WINDOW, indicators=Indicators(domains=frozenset({"collector.example"})))) == []
    late = replace(WINDOW, window=Window(day(2)))
    assert detected(observations, incident=late) == []
