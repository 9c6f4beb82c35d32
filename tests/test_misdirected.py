"""Who stands misplaced beside other outsiders: each feature from both sides, laws, and hostile input."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import ACME, START, day, judged, sent, tables

from forensics.detectors.misdirected import DETECTOR, ranking
from forensics.detectors.misdirected.counting import CROWD, outsiders_in_company
from forensics.detectors.misdirected.weighing import THRESHOLD, points, scores
from forensics.incident import Incident, Indicators
from forensics.known_services import providers
from forensics.model import Direction, Finding, Observation, Verdict, Window
from forensics.pipeline.audit import chosen_detectors
from forensics.plugins import Scope
from forensics.policy import Expected, Policy

WINDOW = Incident(name="t", window=Window(START))
ANN, RIGHT, COLLEAGUE, STRAY = "ann@acme.example", "rita@right.example", "carl@right.example", "sam@stray.example"


def history(count: int = 12, sender: str = ANN, to: str = f"{RIGHT} {COLLEAGUE}", start: float = -30) -> list[Observation]:
    """Mail from before the window, one every second day."""
    return [
        sent(day(start + 2 * n), sender, to=to, message_id=f"old-{start}-{n}@{sender}", subject=f"old {n}") for n in range(count)
    ]


def stray(to: str = f"{RIGHT} {STRAY}", at: float = 1, **more: Any) -> Observation:
    return sent(day(at), more.pop("sender", ANN), to=to, message_id=more.pop("message_id", "asked@acme.example"), **more)


def found(mails: list[Observation], policy: Policy = ACME, incident: Incident = WINDOW) -> dict[tuple[str, str], Finding]:
    connection = tables(mails, policy, incident)
    return {(one.message_key, one.address): one for one in DETECTOR.detect(connection, Scope(incident, policy))}


def blamed(mails: list[Observation], policy: Policy = ACME, incident: Incident = WINDOW) -> set[str]:
    return {address for _, address in found(mails, policy, incident)}


def told(mails: list[Observation]) -> dict[str, dict[str, int]]:
    """What is counted of each outsider of the message that is asked about."""
    connection = tables(mails, ACME, WINDOW)
    columns = outsiders_in_company(connection, providers())
    names = dict(connection.execute("SELECT aid, address FROM addresses").fetchall())
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*(column.tolist() for column in columns.values()), strict=True)]
    last = max((row["turn"] for row in rows), default=0)
    return {names[row["aid"]]: row for row in rows if row["turn"] == last}


# The question


def test_a_stranger_beside_a_well_known_recipient_is_shown_as_possible() -> None:
    ((place, one),) = found([*history(), stray()]).items()
    assert place == ("asked@acme.example", STRAY)
    assert one.verdict is Verdict.POSSIBLE
    assert THRESHOLD <= one.score <= 1
    assert not one.blind_only
    assert "beside 1 other outsider. Neither it nor anybody of its company ever shared a message with them before." in one.reason
    assert f"The sender {ANN} had no tie to it before" in one.reason
    assert f"with {RIGHT} it had 12 messages" in one.reason
    assert "Of 2 recipients in the window that stand beside another outsider, 1 looks as misplaced." in one.reason
    assert dict(one.features)["this sender's with the best known of the others"] == "12"


@pytest.mark.parametrize(
    "mails",
    [
        pytest.param([], id="nothing"),
        pytest.param([stray()], id="one message"),
        pytest.param([*history(), stray(RIGHT)], id="a lone outsider"),
        pytest.param([*history(), stray(STRAY)], id="a lone stranger"),
        pytest.param([*history(), stray(f"{RIGHT} bob@acme.example")], id="one of ours beside an outsider"),
        pytest.param([*history(), stray(f"{RIGHT} {COLLEAGUE}")], id="those who belong together"),
        pytest.param([*history(), stray(f"{RIGHT} new@right.example")], id="somebody new of the same company"),
        pytest.param([*history(), *history(2, to=f"{RIGHT} {STRAY}", start=-4), stray()], id="stood beside it before"),
        pytest.param([*history(), stray(at=-0.5)], id="before the window"),
        pytest.param([*history(), stray(RIGHT, bcc=STRAY)], id="a hidden copy is another question"),
        pytest.param([*history(), sent(None, ANN, to=f"{RIGHT} {STRAY}", message_id="u@acme.example")], id="undated"),
        pytest.param([*history(), stray(sender="x@away.example", direction=Direction.RECEIVED)], id="mail of others"),
        pytest.param([*history(), stray(" ".join([RIGHT, *(f"p{n}@f{n}.example" for n in range(CROWD))]))], id="a mailing"),
        pytest.param([*history(), stray(f"{RIGHT} {ANN} ann@right.example")], id="a copy to oneself"),
    ],
)
def test_nobody_is_blamed_where_nobody_can_be_odd(mails: list[Observation]) -> None:
    assert blamed(mails) == set()


@pytest.mark.parametrize(
    ("policy", "incident"),
    [
        (Policy(domains=("acme.example", "stray.example")), WINDOW),
        (ACME, Incident(name="t", window=Window(START), indicators=Indicators(addresses=frozenset({STRAY})))),
        (Policy(domains=("acme.example",), expected=(Expected(domain="stray.example", reason="partner", role="any"),)), WINDOW),
    ],
)
def test_own_addresses_indicators_and_what_is_expected_are_left_to_others(policy: Policy, incident: Incident) -> None:
    assert blamed([*history(), stray()], policy, incident) == set()


def test_an_entry_for_blind_copies_excuses_no_open_one() -> None:
    policy = Policy(domains=("acme.example",), expected=(Expected(domain="stray.example", reason="archive"),))
    assert blamed([*history(), stray()], policy) == {STRAY}


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert not DETECTOR.default
    assert DETECTOR not in chosen_detectors(())
    assert DETECTOR in chosen_detectors(("+misdirected",))


def test_the_case_calls_such_a_message_possible_and_no_more() -> None:
    assert judged([*history(), stray()], ACME, WINDOW, ["+misdirected"])["asked@acme.example"] == (
        "possible",
        "possible",
        "accepted",
    )


# What is counted


def test_without_hindsight_what_comes_later_changes_nothing() -> None:
    later = history(9, to=f"{RIGHT} {STRAY}", start=3)
    scope = Scope(WINDOW, ACME)
    before, after = (
        {(key, address): score for key, address, score in ranking(tables(mails, ACME, WINDOW), scope, hindsight=False)}
        for mails in ([*history(), stray()], [*history(), stray(), *later])
    )
    asked = [one for one in before if one[0] == "asked@acme.example"]
    assert asked
    assert all(before[one] == after[one] for one in asked)


@pytest.mark.parametrize(
    ("later", "counts"),
    [
        ([], (0, 0, 0, 0, 0, 0)),
        ([(f"{RIGHT} {STRAY}", "matter 9")], (1, 1, 1, 0, 0, 0)),
        ([(STRAY, "matter 9")], (1, 0, 0, 0, 0, 0)),
        ([(RIGHT, "matter 9"), (RIGHT, "")], (0, 0, 1, 0, 0, 2)),  # what has no subject may be of the same thread
        ([(f"{RIGHT} {STRAY}", "Re: matter 7")], (0, 0, 0, 1, 1, 0)),  # answers to all carry a slip on: no tie of its own
        ([(RIGHT, "Re: matter 7"), (RIGHT, "matter 7")], (0, 0, 0, 0, 2, 2)),
        ([(f"{RIGHT} {COLLEAGUE}", "matter 9")], (0, 0, 1, 0, 0, 0)),
    ],
)
def test_what_followed_is_counted_apart(later: list[tuple[str, str]], counts: tuple[int, ...]) -> None:
    mails = [
        sent(day(2 + n), ANN, to=to, subject=subject, message_id=f"l{n}@acme.example") for n, (to, subject) in enumerate(later)
    ]
    connection = tables([*history(), stray(subject="matter 7"), *mails], ACME, WINDOW)
    columns = outsiders_in_company(connection, providers())
    aid = connection.execute("SELECT aid FROM addresses WHERE address = ?", [STRAY]).fetchone()
    assert aid is not None
    row = min(np.flatnonzero(columns["aid"] == aid[0]), key=lambda place: columns["turn"][place])
    names = ("later", "later_beside", "later_best", "later_in_it", "later_thread", "later_without")
    assert tuple(int(columns[name][row]) for name in names) == counts


def test_messages_to_exactly_the_others_are_those_of_this_sender() -> None:
    mails = [*history(3, to=RIGHT, start=-20), *history(2, "bob@acme.example", RIGHT, start=-10), *history(4, start=-9), stray()]
    assert told(mails)[STRAY]["without"] == 3
    assert told(mails)[RIGHT]["without"] == 0


def test_somebody_newly_introduced_who_stays_is_not_blamed_for_its_first_mail() -> None:
    stays = [
        sent(day(3 + n), ANN, to=f"{RIGHT} {STRAY}", subject=f"other {n}", message_id=f"l{n}@acme.example") for n in range(6)
    ]
    assert "asked@acme.example" not in {key for key, _ in found([*history(), stray(subject="matter 7"), *stays])}
    assert "asked@acme.example" in {
        key for key, _ in found([*history(), stray(subject="matter 7"), *history(6, start=3, to=RIGHT)])
    }


def test_what_followed_is_told() -> None:
    gone_on = [sent(day(2 + n), ANN, to=RIGHT, subject="matter 7", message_id=f"l{n}@acme.example") for n in range(2)]
    ((_, one),) = found([*history(), stray(subject="matter 7"), *gone_on]).items()
    assert "The thread went on in 2 messages, none with it." in one.reason
    assert dict(one.features)["later messages of the thread"] == "2"
    elsewhere = [sent(day(2 + n), ANN, to=RIGHT, subject=f"other {n}", message_id=f"l{n}@acme.example") for n in range(3)]
    ((_, other),) = found([*history(), stray(subject="matter 7"), *elsewhere]).items()
    assert "Later the sender had 3 messages with one of the others, and no other thread brought them together." in other.reason


@pytest.mark.parametrize(
    ("subject", "earlier", "thread", "inside"),
    [
        ("Re: matter 7", [f"{RIGHT}"], 1, 0),
        ("matter 7", [f"{RIGHT}", f"{RIGHT}"], 2, 0),
        ("matter 7", [f"{RIGHT}", f"{STRAY}"], 1, 1),
        ("matter 8", [f"{RIGHT}"], 0, 0),
        ("", [f"{RIGHT}"], 0, 0),
        ("matter 7", ["else@where.example"], 0, 0),  # the same words among others are another thread
    ],
)
def test_a_thread_is_a_subject_and_somebody_who_shares_it(subject: str, earlier: list[str], thread: int, inside: int) -> None:
    sender = "bob@acme.example" if "else@where.example" in earlier else ANN
    mails = [
        sent(day(-3 + n / 9), sender, to=to, subject="matter 7", message_id=f"t{n}@acme.example") for n, to in enumerate(earlier)
    ]
    row = told([*mails, stray(subject=subject)])[STRAY]
    assert (row["thread"], row["in_thread"]) == (thread, inside)


def test_an_answer_of_the_outsider_makes_it_a_party_of_the_thread() -> None:
    answer = sent(day(-1), STRAY, to=ANN, subject="Re: matter 7", message_id="a@stray.example", direction=Direction.RECEIVED)
    row = told(
        [sent(day(-2), ANN, to=RIGHT, subject="matter 7", message_id="t@acme.example"), answer, stray(subject="matter 7")]
    )[STRAY]
    assert (row["in_thread"], row["met"], row["seen"], row["days"]) == (1, 1, 1, 2)


def test_history_is_counted_with_its_age_and_for_everybody() -> None:
    mails = [*history(3, to=STRAY, start=-20), *history(4, "bob@acme.example", STRAY, start=-10), stray()]
    row = told(mails)[STRAY]
    assert (row["met"], row["days"], row["seen"], row["best_met"], row["beside"]) == (3, 17, 7, 0, 0)


def test_a_copy_known_to_be_hidden_makes_nobody_belong() -> None:
    hidden = [sent(day(-9 + n), ANN, to=RIGHT, bcc=STRAY, message_id=f"h{n}@acme.example") for n in range(5)]
    row = told([*hidden, stray()])[STRAY]
    assert (row["seen"], row["met"], row["beside"]) == (0, 0, 0)


def test_addresses_of_a_public_provider_are_no_company() -> None:
    domain = min(providers())
    mails = [*history(to=f"{RIGHT} one@{domain}"), stray(f"{RIGHT} two@{domain}")]
    row = told(mails)[f"two@{domain}"]
    assert not row["same_firm"]
    assert not row["firms_met"]


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        ("rita@right2.example", True),  # the same name elsewhere
        ("rtia@right.example", True),  # swapped
        ("ritta@right.example", True),  # doubled
        ("rit@right.example", False),  # too short to tell
        ("rita1@right.example", False),  # a number: a series
        ("rosa@right.example", False),
        ("rtia@stray.example", False),  # two differences
    ],
)
def test_names_that_a_hand_confuses(other: str, alike: bool) -> None:
    assert (told([*history(), stray(f"{RIGHT} {other}")])[other]["twin"] >= 0) is alike


def test_a_name_that_many_companies_have_likens_nobody() -> None:
    shared = [sent(day(-8), ANN, to=f"info@c{n}.example", message_id=f"i{n}@acme.example") for n in range(3)]
    mails = [*history(to="info@right.example"), *shared, stray("info@right.example info@new.example")]
    assert told(mails)["info@new.example"]["twin"] == -1
    assert told([mails[0], stray("info@right.example info@new.example")])["info@new.example"]["twin"] >= 0


def test_a_usual_recipient_that_is_missing_is_named() -> None:
    mails = [*history(), stray(f"{COLLEAGUE} rita@fright.example")]
    one = found(mails)["asked@acme.example", "rita@fright.example"]
    assert f"Its address resembles that of {RIGHT}, who is missing here and had 12 messages with this sender." in one.reason
    assert told([*history(2), mails[-1]])["rita@fright.example"]["usual"] == -1  # not usual after two


def test_the_lesser_known_of_two_alike_is_the_odd_one() -> None:
    slip = "rita@rihgt.example"
    assert blamed([*history(), stray(f"{RIGHT} {slip}")]) == {slip}


def test_who_writes_to_strangers_every_day_may_do_so() -> None:
    """A shop that copies its carrier to each new customer."""
    carrier = "desk@carrier.example"
    shop = [sent(day(-30 + n), ANN, to=f"c{n}@home{n}.example", cc=carrier, message_id=f"s{n}@acme.example") for n in range(30)]
    assert blamed([*shop, stray("new@customer.example", cc=carrier)]) == set()
    settled = history(30, to=f"c1@home1.example {carrier}", start=-61)
    assert blamed([*settled, stray("new@customer.example", cc=carrier)]) == {"new@customer.example"}


def test_a_circular_blames_nobody() -> None:
    mails = [one for n in range(6) for one in history(4, to=f"p{n}@f{n}.example", start=-30 + n / 9)]
    assert blamed([*mails, stray(" ".join(f"p{n}@f{n}.example" for n in range(6)))]) == set()


# How it is weighed

_ROW: dict[str, Any] = {
    "turn": 1, "outsiders": 2, "seen": 3, "met": 0, "days": 0, "beside": 0, "same_firm": False, "firms_met": False, "best_met": 7, "mixing": 0.5,
    "written": 10, "written_new": 2, "twin": -1, "twin_met": 0, "usual": -1, "in_thread": 0, "thread": 0,
    "without": 0, "later": 0, "later_beside": 0, "later_best": 0, "later_in_it": 0, "later_thread": 0, "later_without": 0,
}  # fmt: skip


def bits(**changed: Any) -> float:
    return float(points({name: np.array([value]) for name, value in (_ROW | changed).items()})[0])


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"thread": 3}, {"thread": 3, "in_thread": 1}),
        ({"thread": 3}, {}),
        ({"thread": 3}, {"thread": 3, "same_firm": True}),
        ({"thread": 3}, {"thread": 3, "mixing": 0.97}),
        ({}, {"beside": 1}),
        ({"beside": 1}, {"beside": 5}),
        ({}, {"firms_met": True}),
        ({}, {"same_firm": True}),
        ({}, {"written_new": 9}),
        ({}, {"mixing": 0.9}),
        ({"met": 2, "days": 90}, {"met": 2, "days": 1}),
        ({"best_met": 20}, {"best_met": 2}),
        ({"seen": 1}, {"seen": 50}),
        ({"twin": 5, "twin_met": 4}, {"twin": 5, "twin_met": 0}),
        ({"twin": 5}, {}),
        ({"usual": 5}, {}),
        ({}, {"outsiders": 6}),
        ({"without": 5}, {}),
        ({"later_without": 5}, {}),
        ({}, {"later_beside": 1}),
        ({"later_beside": 1}, {"later_beside": 6}),
        ({}, {"later": 2}),
        ({"later_best": 9}, {}),
        ({"later_thread": 2}, {}),
        ({}, {"later_thread": 2, "later_in_it": 1}),
        ({"later_thread": 2, "later_in_it": 1}, {"later_thread": 2, "later_in_it": 1, "later_beside": 3}),
    ],
)
def test_each_figure_speaks_for_or_against(more: dict[str, Any], less: dict[str, Any]) -> None:
    assert bits(**more) > bits(**less)


def test_what_followed_weighs_nothing_without_hindsight() -> None:
    columns = {name: np.array([value]) for name, value in _ROW.items()}
    later = columns | {name: np.array([7]) for name in _ROW if name.startswith("later")}
    assert points(columns, hindsight=False) == points(later, hindsight=False)
    assert points(columns) != points(later)


@pytest.mark.property
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-20, 20)), max_size=30))
@settings(max_examples=100)
def test_explanations_of_a_message_weigh_at_most_one_together(rows: list[tuple[int, float]]) -> None:
    message: npt.NDArray[np.int64] = np.array([one for one, _ in rows], np.int64)
    weighed = np.array([one for _, one in rows], np.float64)
    share = scores(weighed, message)
    assert ((share >= 0) & (share <= 1)).all()
    for one in set(message.tolist()):
        assert share[message == one].sum() <= 1.02  # rounded to three places
        order = np.argsort(weighed[message == one], kind="stable")
        assert (np.diff(share[message == one][order]) >= 0).all()


# Laws and hostile input


def world(seed: int, count: int = 60) -> list[Observation]:
    rng = random.Random(seed)
    firms = [f"{name}@f{number}.example" for number in range(6) for name in ("ada", "ben", "carla")]
    return [
        sent(
            day(rng.choice((-9, -5, -1, 1, 2, 3)) + rng.choice((0, rng.random()))), rng.choice((ANN, "bob@acme.example")),
            to=" ".join(rng.sample(firms, rng.choice((1, 2, 2, 3)))), subject=rng.choice(("", "hello", "matter")), message_id=f"w{n}@acme.example",
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.mark.property
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    mails = world(seed)
    mixed = list(mails)
    random.Random(seed).shuffle(mixed)
    one, other = (tables(each, ACME, WINDOW) for each in (mails, mixed))
    scope = Scope(WINDOW, ACME)
    assert list(DETECTOR.detect(one, scope)) == list(DETECTOR.detect(other, scope))
    assert list(ranking(one, scope)) == list(ranking(other, scope))


@pytest.mark.property
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_what_is_reported_is_what_ranks_above_the_threshold(seed: int) -> None:
    connection, scope = tables(world(seed), ACME, WINDOW), Scope(WINDOW, ACME)
    ranked = list(ranking(connection, scope))
    assert len({(key, address) for key, address, _ in ranked}) == len(ranked)
    shown = {(one.message_key, one.address, one.score) for one in DETECTOR.detect(connection, scope)}
    assert shown == {one for one in ranked if one[2] >= THRESHOLD}


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE messages; --", "Re: " * 500, "\x00\ud800", "%s {subject}", "=?utf-8?q?" + "=41" * 90 + "?="]
)
def test_a_hostile_subject_or_address_is_neither_run_nor_shown(text: str) -> None:
    odd = f'"{"x" * 300}\'; --"@stray.example'
    mails = [dataclasses.replace(one, subject=text) for one in [*history(), stray()]]
    mails.append(sent(day(2), ANN, to=RIGHT, message_id="odd@acme.example"))
    recipients = mails[-1].recipients
    mails[-1] = dataclasses.replace(mails[-1], recipients=(*recipients, dataclasses.replace(recipients[0], address=odd)))
    shown = found(mails)
    assert {address for _, address in shown} == {STRAY, odd}
    assert all(text not in one.reason and text not in str(one.features) for one in shown.values() if len(text) > 8)


def test_no_tables_of_its_own_are_left_behind() -> None:
    connection = tables([*history(), stray()], ACME, WINDOW)
    before = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    assert list(DETECTOR.detect(connection, Scope(WINDOW, ACME)))
    assert connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall() == before
