"""Verdict, proof and place of a message: the tables of the design, from both sides."""

from __future__ import annotations

import pytest
from tables import ACME, START, day, judged, sent, tables

from forensics.incident import Incident, Indicators
from forensics.model import Direction, Observation, Outcome, Role, Route, Window
from forensics.policy import Expected, HostWindow, Policy
from forensics.verdicts import is_of_cohort

THIEF = "phan@giftshop.club"
INCIDENT = Incident(name="t", window=Window(START), indicators=Indicators(frozenset({THIEF}), frozenset({"giftshop.club"})))
UNTIL = Policy(domains=("acme.example",), window=Window(None, day(10)))
BOB = "bob@customer.example"


@pytest.mark.parametrize(
    ("outcome", "place", "proof"),
    [
        (Outcome.FETCHED, "exposed", "fetched"),
        (Outcome.DELIVERED, "exposed", "delivered"),
        (Outcome.ACCEPTED, "exposed", "accepted"),
        (Outcome.DEFERRED, "exposed", "accepted"),
        (Outcome.REFUSED_AFTER_DATA, "exposed", "accepted"),
        (Outcome.NONE, "exposed", "accepted"),
        (Outcome.BOUNCED, "not_delivered", "attempted"),
        (Outcome.REJECTED, "not_delivered", "attempted"),
        (Outcome.SUPPRESSED, "not_delivered", "attempted"),
        (Outcome.SANDBOXED, "not_delivered", "attempted"),
    ],
)
def test_proof_follows_from_the_outcome(outcome: Outcome, place: str, proof: str) -> None:
    found = judged([sent(day(1), to=BOB, bcc=THIEF, message_id="m", outcome=outcome)], incident=INCIDENT)
    assert found == {"m": (place, "confirmed", proof)}


def test_a_later_bounce_does_not_undo_a_delivery() -> None:
    mails = [
        sent(day(1), to=BOB, bcc=THIEF, message_id="m"),
        sent(day(1), envelope=THIEF, message_id="m", outcome=Outcome.DELIVERED, kind="webhook:Delivery"),
        sent(day(2), envelope=THIEF, message_id="m", outcome=Outcome.BOUNCED, kind="webhook:Bounce"),
    ]
    assert judged(mails, incident=INCIDENT) == {"m": ("exposed", "confirmed", "delivered")}
    assert judged(mails[::2], incident=INCIDENT) == {"m": ("not_delivered", "confirmed", "attempted")}


def test_one_copy_that_arrived_exposes_whatever_became_of_the_others() -> None:
    mails = [
        sent(day(1), to=BOB, bcc=THIEF, message_id="m", outcome=Outcome.BOUNCED),
        sent(day(1), envelope="x@mx.giftshop.club", message_id="m", outcome=Outcome.DELIVERED),
    ]
    assert judged(mails, incident=INCIDENT) == {"m": ("exposed", "confirmed", "delivered")}


def test_a_failed_indicator_and_an_arrived_unknown_is_possible_not_exposed() -> None:
    mails = [
        sent(day(1), to=BOB, bcc=THIEF, message_id="m", outcome=Outcome.BOUNCED),
        sent(day(1), envelope="who@knows.example", message_id="m", outcome=Outcome.DELIVERED),
    ]
    assert judged(mails, incident=INCIDENT)["m"][:2] == ("possible", "possible")


@pytest.mark.parametrize("at", [day(-300), day(-0.001), day(0), day(9.9), day(10), day(500), None])
def test_an_indicator_convicts_at_any_date_and_says_whether_inside(at: object) -> None:
    mail = sent(at, to=BOB, bcc=THIEF, message_id="m")  # type: ignore[arg-type]
    assert judged([mail], UNTIL, INCIDENT)["m"][:2] == ("exposed", "confirmed")
    inside = tables([mail], UNTIL, INCIDENT).execute("SELECT in_window FROM messages").fetchall() == [(True,)]
    assert inside == (at in {day(0), day(9.9), None})


@pytest.mark.parametrize(("at", "flagged"), [(day(-1), False), (day(1), True), (day(10), False), (None, True)])
def test_behaviour_counts_inside_the_window_only_and_an_undated_message_is_inside(at: object, flagged: bool) -> None:
    mail = sent(at, to=BOB, bcc="who@knows.example", message_id="m")  # type: ignore[arg-type]
    assert bool(judged([mail], UNTIL, INCIDENT)) is flagged


@pytest.mark.parametrize(
    ("mail", "flagged"),
    [
        (sent(day(1), to=BOB, bcc="copy@acme.example", message_id="m"), False),  # own domain
        (sent(day(1), to=BOB, bcc="copy@eu.acme.example", message_id="m"), False),  # own sub-domain
        (sent(day(1), to=BOB, bcc="copy@notacme.example", message_id="m"), True),
        (sent(day(1), to=BOB, bcc=BOB, message_id="m"), False),  # shown in To as well
        (sent(day(1), to=BOB, message_id="m"), False),
        (sent(day(1), "eve@evil.example", to="ann@acme.example", bcc="who@knows.example", message_id="m"), False),  # not ours
        (sent(day(1), "", envelope="a@b.example who@knows.example", message_id="m"), False),  # nobody says that it is ours
        (sent(day(1), to=BOB, trace="list@lists.example", message_id="m"), False),  # a trace alone accuses nobody
        (sent(day(1), envelope="who@knows.example", message_id="m"), False),  # the only receiver: the addressee
    ],
)
def test_near_misses_of_an_unexpected_copy(mail: Observation, flagged: bool) -> None:
    assert bool(judged([mail], incident=INCIDENT)) is flagged


def test_a_trace_of_an_indicator_does_convict() -> None:
    mail = sent(day(1), to=BOB, trace=THIEF, message_id="m", source="mbox", route=Route.MAILBOX)
    assert judged([mail], incident=INCIDENT)["m"][1] == "confirmed"


def test_mail_that_a_provider_says_we_submitted_is_judged_whatever_its_sender() -> None:
    mail = sent(day(1), "", to=BOB, bcc="who@knows.example", message_id="m", direction=Direction.SUBMITTED)
    assert judged([mail], incident=INCIDENT)["m"][1] == "possible"


def test_policy_excuses_blind_copies_by_address_domain_role_and_time() -> None:
    def flagged(entry: Expected, mail: Observation | None = None) -> bool:
        seen = mail or sent(day(1), to=BOB, bcc="box@crm.example", message_id="m")
        return bool(judged([seen], Policy(domains=("acme.example",), expected=(entry,)), INCIDENT))

    assert not flagged(Expected(address="box@crm.example"))
    assert not flagged(Expected(domain="crm.example"))
    assert flagged(Expected(address="other@crm.example"))
    assert flagged(Expected(domain="m.example"))
    assert not flagged(Expected(domain="crm.example", valid=Window(day(0), day(2))))
    assert flagged(Expected(domain="crm.example", valid=Window(day(2), None)))
    undated = sent(None, to=BOB, bcc="box@crm.example", message_id="m")
    assert flagged(Expected(domain="crm.example", valid=Window(day(0), None)), undated)
    assert not flagged(Expected(domain="crm.example"), undated)


def test_an_indicator_is_never_excused_nor_hidden_as_an_own_address() -> None:
    policy = Policy(
        domains=("acme.example", "giftshop.club"),
        expected=(Expected(address=THIEF), Expected(domain="giftshop.club", role="any")),
    )
    mail = sent(day(1), to=BOB, bcc=THIEF, message_id="m")
    assert judged([mail], policy, INCIDENT)["m"][1] == "confirmed"
    assert tables([mail], policy, INCIDENT).execute("SELECT count(entry) FROM copies WHERE indicator != ''").fetchall() == [(0,)]


def test_a_visible_indicator_convicts_too() -> None:
    assert judged([sent(day(1), to=f"{BOB} {THIEF}", message_id="m")], incident=INCIDENT)["m"][1] == "confirmed"


def test_to_and_cc_are_the_union_over_all_sources_of_a_message() -> None:
    mails = [
        sent(day(1), to=BOB, envelope=f"{BOB} who@knows.example", message_id="m"),
        sent(day(1), to=BOB, cc="who@knows.example", message_id="m", source="mbox", route=Route.MAILBOX),
    ]
    assert judged(mails, incident=INCIDENT) == {}
    assert judged(mails[:1], incident=INCIDENT)["m"][1] == "possible"


def test_a_host_window_narrows_only_messages_of_that_host() -> None:
    policy = Policy(domains=("acme.example",), host_windows=(HostWindow("relay1", Window(day(5), day(6))),))
    early = {"to": BOB, "bcc": "who@knows.example", "source": "postfix", "route": Route.SMTP}
    assert judged([sent(day(1), message_id="m", server="relay1", **early)], policy, INCIDENT) == {}  # type: ignore[arg-type]
    assert judged([sent(day(5.5), message_id="m", server="relay1", **early)], policy, INCIDENT)  # type: ignore[arg-type]
    assert judged([sent(day(1), message_id="m", server="relay2", **early)], policy, INCIDENT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("clock", "slack", "at", "inside"),
    [
        ("syslog", 50_400, day(-0.5), True),  # 12 h before, zone unknown
        ("syslog", 50_400, day(-0.6), False),  # 14.4 h before
        ("syslog", 0, day(-0.5), False),
    ],
)
def test_an_unknown_zone_widens_a_clock_by_fourteen_hours(clock: str, slack: int, at: object, inside: bool) -> None:
    mail = sent(at, to=BOB, message_id="m", clock=clock, slack=slack)  # type: ignore[arg-type]
    assert tables([mail], incident=INCIDENT).execute("SELECT in_window FROM messages").fetchall() == [(inside,)]


@pytest.mark.parametrize("archive_clock", ["from_line", "archive"])
def test_an_exact_clock_beats_a_vague_one_and_disagreeing_exact_clocks_count_as_inside(archive_clock: str) -> None:
    vague = sent(day(-0.5), to=BOB, message_id="m", clock="syslog", slack=50_400)
    exact = sent(day(-0.5), to=BOB, message_id="m", clock="queue_id")
    other = sent(day(0.5), to=BOB, message_id="m", clock="date")
    archive = sent(day(0.5), to=BOB, message_id="m", clock=archive_clock)

    def judged(*mails: Observation) -> tuple[object, ...]:
        query = "SELECT in_window, clock, clocks_disagree, archive_clock_only FROM messages"
        (row,) = tables(mails, incident=INCIDENT).execute(query).fetchall()
        return tuple(row)

    assert judged(vague, exact) == (False, "queue_id", False, False)
    assert judged(exact, other) == (True, "queue_id", True, False)
    assert judged(exact, archive) == (False, "queue_id", False, False)
    assert judged(archive) == (True, archive_clock, False, True)


@pytest.mark.parametrize(
    ("key", "facts", "of_it"),
    [
        ("u@mtasv.net", [], True),
        ("u@mtasv.net", ["track_opens=true", "tag=x"], True),
        ("u@mtasv.net", ["track_opens=false"], False),
        ("m@acme.example", [], False),
        ("m@acme.example", ["track_opens=true"], False),
        ("0123456789abcdef#120", ["track_opens=true"], True),  # called by its place: that speaks neither way
        ("0123456789abcdef#120", [], False),
    ],
)
def test_the_cohort_is_what_nothing_speaks_against(key: str, facts: list[str], of_it: bool) -> None:
    assert is_of_cohort(key, facts, {"message_id_suffix": "@mtasv.net", "track_opens": "true"}) is of_it
    assert not is_of_cohort(key, facts, {})


def test_a_silent_message_of_the_compromised_way_is_possible_and_inferred() -> None:
    incident = Incident(window=Window(START), cohort={"message_id_suffix": "@mtasv.net"})
    copy = {"to": BOB, "source": "mbox", "route": Route.MAILBOX, "clock": "date"}
    stored = sent(day(1), message_id="u@mtasv.net", **copy)  # type: ignore[arg-type]
    assert judged([stored], incident=incident) == {"u@mtasv.net": ("possible", "possible", "inferred")}
    early = sent(day(-1), message_id="u@mtasv.net", **copy)  # type: ignore[arg-type]
    assert judged([early], incident=incident) == {}
    told = sent(day(1), envelope=BOB, message_id="u@mtasv.net")
    assert judged([stored, told], incident=incident) == {}
    theirs = sent(day(1), "eve@evil.example", message_id="u@mtasv.net", **copy)  # type: ignore[arg-type]
    assert judged([theirs], incident=incident) == {}


def test_no_evidence_is_no_verdict() -> None:
    assert judged([], incident=INCIDENT) == {}
    assert Role.SUPPRESSION not in {Role.TO, Role.CC}
    assert ACME.is_own("x@acme.example")
