"""Unknown blind recipients: each feature from both sides."""

from __future__ import annotations

import pytest
from tables import ACME, START, day, findings, sent, tables

from forensics.detectors.blind_copy import STRONGEST
from forensics.incident import Incident
from forensics.model import Direction, Finding, Observation, Route, Verdict, Window
from forensics.policy import Expected, Policy

WINDOW = Incident(name="t", window=Window(START))
APP = "app@acme.example"


def before(count: int = 60, *, copy: str = "") -> list[Observation]:
    return [
        sent(day(-30 + n / 2), APP, to=f"p{n % 30}@partner{n % 30}.example", bcc=copy, message_id=f"old{n}") for n in range(count)
    ]


def inside(count: int, bcc: str, *, start: float = 1, name: str = "new", extra: str = "") -> list[Observation]:
    return [
        sent(
            day(start + n / 4), APP, to=f"c{n}@customer{n}.example {extra}", bcc=bcc.format(n=n), message_id=f"{name}{start}-{n}"
        )
        for n in range(count)
    ]


def relayed(count: int, extra: str = "", *, start: float = 1, name: str = "log", alone: bool = False) -> list[Observation]:
    """Mail in a relay's log: the envelope, and nobody knows To and Cc."""
    return [
        sent(
            day(start + n / 20), APP, envelope=extra if alone else f"c{n}@customer{n}.example {extra}", message_id=f"{name}{start}-{n}",
            route=Route.SMTP, source="postfix", header_known=False,
        )
        for n in range(count)
    ]  # fmt: skip


def blind(mails: list[Observation]) -> dict[str, Finding]:
    return findings(tables(mails, policy=ACME, incident=WINDOW), "blind_copy", incident=WINDOW)


def test_recipients_that_take_turns_are_told_together() -> None:
    weeks = [mail for week in range(4) for mail in inside(3, f"x@drop{week}.example", start=1 + 7 * week)]
    found = blind(before() + weeks)
    assert {one.verdict for one in found.values()} == {Verdict.PROBABLE}
    assert all("one of 4 such recipients that took turns" in one.reason for one in found.values())


def test_a_habit_of_passing_blind_recipients_accuses_nobody() -> None:
    habit = [mail for n in range(30) for mail in inside(1, f"friend@home{n}.example", start=-29 + n)]
    weeks = [mail for week in range(4) for mail in inside(3, f"x@drop{week}.example", start=1 + 7 * week)]
    assert {one.verdict for one in blind(habit + weeks).values()} == {Verdict.POSSIBLE}


def test_who_began_when_an_archive_ended_is_asked_about_and_not_accused() -> None:
    moved = before(copy="keep@oldvault.example") + inside(20, "keep@newvault.example")
    one = blind(moved)["keep@newvault.example"]
    assert one.verdict is Verdict.POSSIBLE
    assert "It began when keep@oldvault.example ended" in one.reason
    stays = moved + inside(20, "keep@oldvault.example", start=10, name="on")
    assert blind(stays)["keep@newvault.example"].verdict is Verdict.PROBABLE  # the other goes on: nothing was replaced


def test_a_service_that_is_blind_copied_on_purpose_is_named_and_not_accused() -> None:
    one = blind(before() + inside(20, "12345@bcc.hubspot.com"))["12345@bcc.hubspot.com"]
    assert one.verdict is Verdict.POSSIBLE
    assert "a CRM drop box of HubSpot: check that the account is yours" in one.reason
    assert blind(before() + inside(20, "12345@bcc-hubspot.example"))["12345@bcc-hubspot.example"].verdict is Verdict.PROBABLE


def test_a_mailing_to_many_strangers_accuses_none_of_them() -> None:
    crowd = " ".join(f"s{n}@seed{n}.example" for n in range(12))
    mailings = [sent(day(1 + n), APP, to=f"list{n}@customer{n}.example", bcc=crowd, message_id=f"mass{n}") for n in range(8)]
    assert {one.verdict for one in blind(before() + mailings).values()} == {Verdict.POSSIBLE}


@pytest.mark.parametrize(
    ("mails", "shown"),
    [
        pytest.param(relayed(7, "x@drop.example") + relayed(7, "x@drop.example", start=2.5), True, id="beside fourteen customers, where mail has one addressee"),
        pytest.param(relayed(4, "x@drop.example"), False, id="too few"),
        pytest.param(relayed(14, "x@drop.example", alone=True), False, id="alone: a customer"),
        pytest.param(relayed(7, "x@drop.example") + relayed(7, "x@drop.example", start=3, alone=True), False, id="half of it alone"),
    ],
)  # fmt: skip
def test_without_headers_the_company_tells(mails: list[Observation], shown: bool) -> None:
    usual = relayed(60, start=-20, name="usual") + relayed(60, start=0.2, name="more")
    found = blind(usual + mails)
    assert ("x@drop.example" in found) is shown
    if shown:
        assert found["x@drop.example"].verdict is Verdict.PROBABLE
        assert "it never received a message alone" in found["x@drop.example"].reason


@pytest.mark.parametrize(
    ("beside", "customers", "verdict"),
    [
        pytest.param(4, 5, Verdict.POSSIBLE, id="a short while, hardly varied company: perhaps somebody who helps"),
        pytest.param(4, 10, Verdict.PROBABLE, id="as short, but all sorts of company"),
        pytest.param(20, 5, Verdict.PROBABLE, id="longer without one open message"),
    ],
)
def test_a_short_while_of_one_sender_needs_the_more_company(beside: int, customers: int, verdict: Verdict) -> None:
    copied = [
        sent(
            day(1 + n), APP, to=f"c{n % customers}@customer{n % customers}.example", bcc="x@drop.example", message_id=f"copied{n}"
        )
        for n in range(10)
    ]
    rest = [sent(day(1.5 + n * 8 / beside), APP, to=f"o{n}@other{n}.example", message_id=f"rest{n}") for n in range(beside)]
    found = blind(before() + copied + rest)["x@drop.example"]
    assert found.verdict is verdict
    helps = "over too few messages, in company that hardly varies, to tell it from somebody who helps that sender"
    assert (helps in found.reason) is (verdict is Verdict.POSSIBLE)


def test_mail_that_names_no_sender_is_not_mail_of_a_second_sender() -> None:
    # the provider's events name none, the kept half of the sent mail does
    def events(name: str, count: int, extra: str, *, start: float) -> list[Observation]:
        return [
            sent(
                day(start + n / 4), APP if n % 2 else "", envelope=f"{name}{n % 6}@customer{n % 6}.example {extra}", message_id=f"{name}{n}",
                route=Route.API, source="postmark", kind="webhook:Delivery", header_known=False, direction=Direction.SUBMITTED,
            )
            for n in range(count)
        ]  # fmt: skip

    found = blind(before() + events("a", 40, "", start=-10) + events("c", 14, "x@drop.example", start=2))
    assert "7 of them name no sender" in found["x@drop.example"].reason
    assert "100% of the 7 messages that these senders sent" in found["x@drop.example"].reason


def test_conversations_among_many_small_numbers_are_all_told_apart() -> None:
    # sums of 32-bit hashes would be equal by chance for a few of these
    mails = [
        sent(day(1 + n / 4000), APP, to=f"c{n % 97}@customer{n % 97}.example d{n}@other{n}.example e{n % 89}@more{n % 89}.example", bcc="x@drop.example", message_id=f"m{n}")
        for n in range(600)
    ]  # fmt: skip
    found = dict(blind(before() + mails)["x@drop.example"].features)
    assert found["threads"] == found["different company"] == "600"


def test_a_mailbox_that_got_hardly_any_of_its_domains_mail_is_not_accused_with_it_unless_it_is_known_to_be_blind() -> None:
    usual = relayed(60, start=-20, name="usual") + relayed(60, start=0.2, name="more")
    stray = sent(
        day(2.1), APP, envelope="c90@customer90.example somebody@drop.example", message_id="stray", route=Route.SMTP, source="postfix", header_known=False
    )  # fmt: skip
    found = blind([*usual, *relayed(20, "x@drop.example"), stray])
    assert found["x@drop.example"].verdict is Verdict.PROBABLE
    assert found["somebody@drop.example"].verdict is Verdict.POSSIBLE
    assert "Only 1 message went to somebody@drop.example itself" in found["somebody@drop.example"].reason
    hidden = sent(day(2.1), APP, to="c90@customer90.example", bcc="somebody@drop.example", message_id="stray")
    assert {one.verdict for one in blind([*before(), *inside(20, "x@drop.example"), hidden]).values()} == {Verdict.PROBABLE}
    several = [mail for number in range(4) for mail in relayed(5, f"x{number}@drop.example", start=1 + number)]
    assert {one.verdict for one in blind(usual + several).values()} == {Verdict.PROBABLE}


def test_an_archive_that_moved_is_found_though_some_mail_never_passed_it() -> None:
    old = [
        sent(day(-20 + n / 4), APP, to=f"o{n}@customer{n % 30}.example", bcc="keep@oldvault.example", message_id=f"o{n}")
        for n in range(84)
    ]
    new = [
        sent(day(1 + n / 4), APP, to=f"n{n}@customer{n % 30}.example", bcc="keep@newvault.example", message_id=f"n{n}")
        for n in range(40)
    ]
    other = [sent(day(1.1 + n / 2), APP, to=f"p{n}@customer{n}.example", message_id=f"p{n}") for n in range(18)]
    found = blind(old + new + other)["keep@newvault.example"]
    assert found.verdict is Verdict.POSSIBLE
    assert "It began when keep@oldvault.example ended" in found.reason
    most = [sent(day(1.05 + n / 12), APP, to=f"q{n}@customer{n}.example", message_id=f"q{n}") for n in range(110)]
    assert blind(old + new + most)["keep@newvault.example"].verdict is Verdict.PROBABLE  # far less than the earlier one had


def test_of_two_that_came_when_an_archive_ended_the_heir_is_the_one_that_left_no_mail_between() -> None:
    # the machine of one sender moves a week after the other's; a collector starts on the day on which the archive ends, some mail later
    def sender(name: str, first: float, count: int, bcc: str) -> list[Observation]:
        return [
            sent(day(first + n / 12), f"{name}@acme.example", to=f"{name}{n}@customer{n % 40}.example", bcc=bcc, message_id=f"{name}{first}-{n}")
            for n in range(count)
        ]  # fmt: skip

    old = sender("ann", -20, 252, "keep@oldvault.example") + sender("bob", -20, 336, "keep@oldvault.example")
    moved = sender("ann", 1, 120, "keep@newvault.example") + sender("bob", 8, 10, "keep@newvault.example")
    both = sender("bob", 9, 100, "keep@newvault.example x@drop.example") + sender(
        "ann", 11, 80, "keep@newvault.example x@drop.example"
    )
    found = blind(old + moved + both)
    assert found["keep@newvault.example"].verdict is Verdict.POSSIBLE
    assert "It began when keep@oldvault.example ended" in found["keep@newvault.example"].reason
    assert found["x@drop.example"].verdict is Verdict.PROBABLE


def test_where_mail_has_several_addressees_anyway_company_says_nothing() -> None:
    usual = [
        one
        for start in (-20, 0.2)
        for agency in range(5)
        for one in relayed(12, f"desk@agency{agency}.example", start=start + agency / 10, name=f"usual{agency}")
    ]
    found = blind(usual + relayed(6, "x@drop.example desk@agency1.example", name="new"))
    assert "desk@agency1.example" not in found
    assert found.get("x@drop.example") is None or found["x@drop.example"].verdict is Verdict.POSSIBLE


def test_what_goes_along_with_all_mail_is_no_company() -> None:
    usual = [one for start in (-20, 0.2) for one in relayed(60, "desk@agency.example", start=start, name="usual")]
    copied = relayed(10, "x@drop.example desk@agency.example", start=0.9, name="new")
    found = blind(usual + copied[:5] + relayed(10, "x@drop.example desk@agency.example", start=2.6, name="new")[5:])
    assert "desk@agency.example" not in found
    assert found["x@drop.example"].verdict is Verdict.PROBABLE  # nobody else ever stood beside a customer


def test_an_archive_that_a_policy_excuses_is_no_companion() -> None:
    policy = Policy(domains=ACME.domains, expected=(Expected(address="keep@vault.example", reason="archive"),))
    mails = [
        sent(day(1 + n / 4), APP, to=f"c{n}@customer{n}.example", bcc="keep@vault.example x@drop.example", message_id=f"m{n}")
        for n in range(20)
    ]
    found = findings(tables(before() + mails, policy=policy, incident=WINDOW), "blind_copy", policy, WINDOW)
    assert dict(found["x@drop.example"].features)["messages with its most frequent companion"] == "1"
    assert found["x@drop.example"].verdict is Verdict.PROBABLE


def test_an_archive_that_moved_in_the_midst_of_the_window_hides_nobody() -> None:
    # neither of its addresses is on most mail of all the evidence, each is on all mail as long as it is there
    old = [
        sent(day(-10 + n / 4), APP, to=f"o{n}@customer{n % 30}.example", bcc="keep@old.example", message_id=f"o{n}")
        for n in range(80)
    ]
    new = [
        sent(day(10 + n / 4), APP, to=f"n{n}@customer{n % 30}.example", bcc="keep@new.example", message_id=f"n{n}")
        for n in range(80)
    ]
    for n in range(44, 80):
        old[n] = sent(
            day(-10 + n / 4), APP, to=f"o{n}@customer{n % 30}.example", bcc="keep@old.example x@drop.example", message_id=f"o{n}"
        )
    found = blind(old + new)
    assert dict(found["x@drop.example"].features)["messages with its most frequent companion"] == "1"
    assert found["x@drop.example"].verdict is Verdict.PROBABLE


def test_who_stood_beside_the_old_archive_did_not_take_its_place() -> None:
    moved = before(copy="keep@oldvault.example") + inside(20, "keep@newvault.example")
    assert "ask whether one replaced the other" in blind(moved)["keep@newvault.example"].reason
    beside = (
        before(copy="keep@oldvault.example")
        + inside(4, "x@drop.example keep@oldvault.example")
        + inside(20, "x@drop.example", start=3, name="on")
    )
    one = blind(beside)["x@drop.example"]
    assert "replaced" not in one.reason
    assert one.verdict is Verdict.PROBABLE


def test_an_archive_that_moves_server_by_server_may_still_be_moving_where_the_evidence_ends() -> None:
    moves = {APP: 10, "shop@acme.example": 12.4}
    mails = [
        sent(
            day(n / 4), sender, to=f"c{n}@customer{n % 40}.example", message_id=f"{sender}{n}",
            bcc="keep@new.example" if n / 4 >= move else "keep@old.example",
        )
        for sender, move in moves.items()
        for n in range(-80, 50)
    ]  # fmt: skip
    one = blind(mails)["keep@new.example"]
    assert one.verdict is Verdict.POSSIBLE
    assert "It began when keep@old.example ended" in one.reason


def test_a_domain_of_which_no_two_addresses_meet_is_a_provider_of_mailboxes() -> None:
    homes = [sent(day(-20 + n / 2), APP, to=f"u{n % 8}@postbox.example", message_id=f"h{n}") for n in range(30)]
    assert blind(before() + homes + inside(20, "x77@postbox.example"))["x77@postbox.example"].verdict is Verdict.PROBABLE
    pair = [sent(day(-5), APP, to="u1@postbox.example u2@postbox.example", message_id="pair")]
    company = blind(before() + homes + pair + inside(20, "x77@postbox.example"))["x77@postbox.example"]
    assert company.verdict is Verdict.POSSIBLE
    assert "Other addresses of its domain are known" in company.reason


def test_where_nobody_knows_to_and_cc_the_strongest_three_are_shown_though_none_stands_out() -> None:
    usual = [
        one for n in range(40) for one in relayed(1, f"colleague{n}@customer{n}.example", start=-30 + n / 2, name=f"usual{n}-")
    ]
    groups = [one for n in range(6) for one in _in_one_thread(5 + n, " ".join(f"{who}{n}@{who}{n}.example" for who in "abcdef"))]
    found = blind(usual + groups)
    assert len(found) == STRONGEST
    assert {one.verdict for one in found.values()} == {Verdict.POSSIBLE}


def _in_one_thread(count: int, envelope: str) -> list[Observation]:
    return [
        sent(
            day(1 + n),
            APP,
            envelope=envelope,
            message_id=f"{envelope[:2]}{n}",
            route=Route.SMTP,
            source="postfix",
            header_known=False,
        )
        for n in range(count)
    ]


def test_a_help_desk_with_an_address_for_each_ticket_is_not_accused() -> None:
    tickets = inside(7, "ticket-{n}@desk.example")
    assert {one.verdict for one in blind(before() + tickets).values()} == {Verdict.POSSIBLE}
    assert blind(before() + inside(7, "box@drop.example"))["box@drop.example"].verdict is Verdict.PROBABLE
