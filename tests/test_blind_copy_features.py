"""Every feature of a hidden recipient from both sides of its line: what is called probable, and the near-miss that is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.detectors.blind_copy.limits import Sent, sentences
from forensics.detectors.blind_copy.unit import Unit

START = datetime(2025, 9, 17, tzinfo=UTC)
DOCUMENT = Path(__file__).parent.parent / "docs" / "near-misses.md"

# A collector whose every copy is known to be blind, with earlier mail to compare, all of it
SHOWN = Unit(
    uid=1, unit="drop.example", domain="drop.example", related=False, messages=12, threads=10, senders=2, main=6, known_blind=12, alias_only=False,
    first_inside=START + timedelta(days=1), last_inside=START + timedelta(days=9), first_use=START + timedelta(days=1), ever_visible=False,
    wrote=False, before=200, during=16, accompanied=12, alone=0, sole=12, partners=10, people=12, most=2, together=12, groups=10, sets=300, several_sets=60, crowd=1.2,
)  # fmt: skip
# The same where nobody knows To and Cc
UNSEEN = replace(
    SHOWN,
    known_blind=0,
    messages=20,
    main=10,
    accompanied=20,
    together=20,
    sole=20,
    threads=16,
    groups=16,
    during=100,
    several_sets=30,
)


class Row(NamedTuple):
    """A feature in words, the collector it is tried on, the figures that just pass, and those that just do not."""

    feature: str
    headers: str
    passes: dict[str, Any]
    misses: dict[str, Any]


_BY_HEADERS = {"known": SHOWN, "unknown": UNSEEN}
ROWS = (
    Row("messages", "known", dict.fromkeys(("messages", "known_blind", "sole", "accompanied", "together", "threads", "groups"), 5) | {"main": 2, "crowd": 1.0}, dict.fromkeys(("messages", "known_blind", "sole", "accompanied", "together", "threads", "groups"), 4) | {"main": 1, "crowd": 1.0}),
    Row("messages in which it is known to be blind, where mail has several addressees anyway", "known", {"known_blind": 3, "several_sets": 290}, {"known_blind": 2, "several_sets": 290}),
    Row("different conversations", "known", {"threads": 4}, {"threads": 3}),
    Row("different company", "known", {"groups": 3}, {"groups": 2}),
    Row("different company, where there is no earlier mail", "known", {"before": 0, "during": 12, "groups": 5}, {"before": 0, "during": 12, "groups": 4}),
    Row("outside parties beside it", "known", {"partners": 3, "people": 3}, {"partners": 2, "people": 5}),
    Row("people beside it, where the parties are few", "known", {"partners": 1, "people": 6}, {"partners": 1, "people": 5}),
    Row("other addressees of a message", "known", {"groups": 5, "crowd": 2.6}, {"groups": 5, "crowd": 2.7}),
    Row("other addressees, in very different company", "known", {"groups": 30, "crowd": 6.0}, {"groups": 30, "crowd": 6.1}),
    Row("messages in which it is the only stranger", "known", {"sole": 6}, {"sole": 5}),
    Row("messages of other senders than the one it has most of, over a short time", "known", {"groups": 6, "main": 9}, {"groups": 6, "main": 10}),
    Row("one sender's recipient: that sender's messages in that time", "known", {"main": 12, "groups": 5, "during": 19}, {"main": 12, "groups": 5, "during": 18}),
    Row("one sender's recipient, over a short time: different company", "known", {"main": 12, "during": 15, "groups": 7}, {"main": 12, "during": 15, "groups": 6}),
    Row("the same, where half of its messages name no sender: mail of the one that is named", "known", {"groups": 5, "during": 100, "signed": 6, "signed_main": 6, "signed_during": 19}, {"groups": 5, "during": 100, "signed": 6, "signed_main": 6, "signed_during": 18}),
    Row("one sender's recipient, over a short time: all its mail", "known", {"main": 12, "groups": 5, "during": 12}, {"main": 12, "groups": 5, "during": 13}),
    Row("one sender's recipient, all its mail: messages before", "known", {"main": 12, "groups": 5, "during": 12, "before": 20}, {"main": 12, "groups": 5, "during": 12, "before": 19}),
    Row("earlier mail of the same senders", "known", {"before": 20}, {"before": 19}),
    Row("earlier mail of the same senders, inside the window only", "known", {"before": 0, "ahead": 20}, {"before": 0, "ahead": 19}),
    Row("new senders, in older evidence: mail before its first copy", "known", {"before": 0, "during": 12, "reaches_back": True, "ahead": 2}, {"before": 0, "during": 12, "reaches_back": True, "ahead": 1}),
    Row("new senders, in older evidence: missing from the first by chance", "known", {"before": 0, "during": 14, "reaches_back": True, "ahead": 2}, {"before": 0, "during": 15, "reaches_back": True, "ahead": 1}),
    Row("share of its senders' mail, where there is no earlier mail", "known", {"before": 0, "during": 15}, {"before": 0, "during": 16}),
    Row("first use", "known", {"first_use": START}, {"first_use": START - timedelta(microseconds=1)}),
    Row("ever in To or Cc", "known", {"ever_visible": False}, {"ever_visible": True}),
    Row("ever wrote to us", "known", {"wrote": False}, {"wrote": True}),
    Row("domain known from other mail", "known", {"related": False}, {"related": True}),
    Row("behind an alias", "known", {"alias_only": False}, {"alias_only": True}),
    Row("a service that is blind-copied on purpose", "known", {"service": ""}, {"service": "a CRM drop box"}),
    Row("messages, hardly two of them to the same address of its domain", "known", dict.fromkeys(("messages", "known_blind", "sole", "accompanied", "together", "threads", "groups"), 8) | {"main": 4, "addresses": 6}, dict.fromkeys(("messages", "known_blind", "sole", "accompanied", "together", "threads", "groups"), 7) | {"main": 4, "addresses": 6}),
    Row("addresses of its domain, of few messages", "known", dict.fromkeys(("messages", "known_blind", "sole", "accompanied", "together", "threads", "groups"), 6) | {"main": 3, "addresses": 4}, dict.fromkeys(("messages", "known_blind", "sole", "accompanied", "together", "threads", "groups"), 6) | {"main": 3, "addresses": 5}),
    Row("took the place of another", "known", {"follows": ""}, {"follows": "keep@old.example"}),
    Row("took turns, with two messages each", "known", {"threads": 1, "rotation": 4, "rotated": 8}, {"threads": 1, "rotation": 4, "rotated": 7}),
    Row("messages that had another addressee", "unknown", {"accompanied": 10}, {"accompanied": 9}),
    Row("messages in which it is the only stranger", "unknown", {"sole": 5}, {"sole": 4}),
    Row("messages to nobody else", "unknown", {"alone": 22}, {"alone": 23}),
    Row("messages beside its most frequent companion", "unknown", {"partners": 3, "accompanied": 16, "several_sets": 100, "most": 9}, {"partners": 3, "accompanied": 16, "several_sets": 100, "most": 10}),
    Row("surprise that it is never alone: sets of several addressees of 300", "unknown", {"several_sets": 194}, {"several_sets": 195}),
    Row("the same, where there is no earlier mail", "unknown", {"before": 0, "several_sets": 81}, {"before": 0, "several_sets": 82}),
    Row("parties beside it, where there is no earlier mail", "unknown", {"before": 0, "partners": 6}, {"before": 0, "partners": 5}),
    Row("covers its senders' mail, which has several addressees anyway", "unknown", {"several_sets": 290, "during": 25}, {"several_sets": 290, "during": 26}),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.feature for row in ROWS])
def test_each_feature_has_a_line_and_both_its_sides_are_kept(row: Row) -> None:
    collector = _BY_HEADERS[row.headers]
    assert collector.is_collector(START)
    assert replace(collector, **row.passes).is_collector(START)
    assert not replace(collector, **row.misses).is_collector(START)


@pytest.mark.parametrize("row", ROWS, ids=[row.feature for row in ROWS])
def test_a_near_miss_scores_no_higher(row: Row) -> None:
    collector = _BY_HEADERS[row.headers]
    if row.feature not in {"earlier mail of the same senders", "first use"}:  # which need not change the figures that are summed
        assert replace(collector, **row.misses).score(START) <= replace(collector, **row.passes).score(START)


@pytest.mark.parametrize("explained", [{"service": "a CRM drop box"}, {"follows": "keep@old.example"}])
def test_what_is_explained_ranks_behind_what_is_not(explained: dict[str, Any]) -> None:
    weak = replace(
        UNSEEN, messages=5, partners=2, groups=2, sole=0, accompanied=4, together=5, crowd=2.0, several_sets=200, most=3
    )
    busy = replace(
        UNSEEN, messages=500, during=500, groups=200, partners=200, accompanied=500, together=500, sole=500, threads=300
    )
    assert busy.score(START) > weak.score(START) > replace(busy, **explained).score(START) > 0


def test_the_document_lists_them() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def document() -> str:
    """The table for people; `python tests/test_blind_copy_features.py` writes it anew."""
    lines = [
        "# Near-misses: what makes an unknown recipient probable, and what just does not",
        "",
        "Each line changes nothing but the figures it names, on a recipient that is otherwise a clear case. Headers are known where To and Cc of its",
        "messages are in the evidence. The table is written from the tests, which try every line.",
        "",
        "| feature | headers | still `probable` | `possible` at most |",
        "|---|---|---|---|",
        *(f"| {row.feature} | {row.headers} | {_figures(row.passes)} | {_figures(row.misses)} |" for row in ROWS),
        "",
    ]
    return "\n".join(lines)


def _figures(changes: dict[str, Any]) -> str:
    shown = {
        name: f"{value:%Y-%m-%d %H:%M:%S.%f}"
        if isinstance(value, datetime)
        else {True: "yes", False: "no", "": "none"}.get(value, str(value))
        if isinstance(value, bool | str)
        else str(value)
        for name, value in changes.items()
    }
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())


def test_an_address_beside_each_of_many_parties_is_shown_though_mail_has_several_addressees_anyway() -> None:
    usual = replace(
        UNSEEN,
        several_sets=290,
        during=400,
        messages=6,
        accompanied=6,
        together=6,
        sole=6,
        threads=6,
        groups=6,
        partners=6,
        most=5,
    )
    assert usual.surprise < 1
    assert usual.stands_out(START)
    assert not usual.is_collector(START)
    for change in (
        {"together": 4},
        {"alone": 2},
        {"accompanied": 2, "partners": 1},
        {"crowd": 12.0},
        {"messages": 4, "threads": 4},
        {"wrote": True},
    ):
        assert not replace(usual, **change).stands_out(START), change


def test_points_are_the_sum_of_what_they_are_given_for_and_the_score_grows_with_them() -> None:
    for unit in (SHOWN, UNSEEN, replace(UNSEEN, known_blind=2), replace(SHOWN, rotation=4)):
        weights = unit.weights(START)
        assert all(weights.values())
        assert unit.points(START) == pytest.approx(-9.5 + sum(weights.values()))
    assert replace(UNSEEN, known_blind=2).points(START) == pytest.approx(UNSEEN.points(START) + 1.0)
    scores = [replace(SHOWN, groups=count).score(START) for count in range(1, 31)]
    assert scores == sorted(scores)
    assert 0 < scores[0] < scores[-1] <= 1


@pytest.mark.property
@settings(max_examples=100)
@given(st.data())
def test_any_figures_give_a_score_and_a_surprise(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 10_000))
    part = st.integers(0, count)
    sets = data.draw(st.integers(0, 10_000))
    unit = replace(
        SHOWN, messages=count, known_blind=data.draw(part), accompanied=data.draw(part), together=data.draw(part), sole=data.draw(part), most=data.draw(part),
        groups=data.draw(st.integers(0, count)), alone=data.draw(st.integers(0, 100)), partners=data.draw(st.integers(0, 500)), during=data.draw(st.integers(0, 20_000)),
        before=data.draw(st.integers(0, 100)), ahead=data.draw(st.integers(0, 100)), reaches_back=data.draw(st.booleans()),
        sets=sets, several_sets=data.draw(st.integers(0, sets)), crowd=data.draw(st.floats(0, 50)),
    )  # fmt: skip
    assert unit.surprise >= 0
    assert 0 <= unit.score(START) <= 1
    assert not unit.is_collector(START) or unit.score(START) > 0.7


def test_one_that_takes_a_turn_is_the_only_stranger_and_hidden_for_sure_or_in_all_its_senders_mail() -> None:
    assert SHOWN.takes_a_turn
    assert not replace(SHOWN, known_blind=11).takes_a_turn
    assert not replace(SHOWN, sole=11).takes_a_turn
    assert not UNSEEN.takes_a_turn
    assert replace(UNSEEN, during=22).takes_a_turn
    assert not replace(UNSEEN, during=23).takes_a_turn


def test_limits_are_told_for_each_kind_of_evidence() -> None:
    told = sentences(
        [
            Sent(100, 0, 50, 10, 150),
            Sent(30, 0, 3, 1, 33),
            Sent(0, 200, 20, 20, 200),
            Sent(0, 400, 40, 320, 400),
            Sent(0, 4, 0, 0, 4),
        ]
    )
    assert len(told) == 4
    assert "100 messages with headers, from 1 sender with earlier mail" in told[0]
    assert (
        "fewer than 5 messages or 4 conversations, or, in company that hardly varies, among fewer than 25 of one sender's,"
        in told[0]
    )
    assert "less than 80% of a sender's mail and from its first 20 messages on" in told[1]
    assert (
        "600 messages without headers, from 2 senders: an address on fewer than 5 to 31, depending on the sender, of one sender's"
        in told[2]
    )
    assert told[3] == "4 messages without headers, from 1 sender: too few of each sender to call an address probable."
    assert sentences([]) == ["No mail of ours lies in the window: nothing can be said of unknown recipients."]


def test_without_a_window_each_recipient_is_compared_with_the_mail_before_it() -> None:
    (told,) = sentences([Sent(100, 0, 0, 10, 150)], bounded=False)
    assert "fewer than 5 messages, or there from the first 20 messages on less than 80% of a sender's mail" in told


@pytest.mark.parametrize(
    ("unknown", "before", "several", "sets", "least"),
    [
        (100, 50, 0, 100, 5),
        (100, 50, 20, 100, 5),
        (100, 50, 80, 100, 31),
        (100, 50, 100, 100, 80),
        (4, 50, 80, 100, 5),
        (4, 50, 0, 100, 5),
    ],
)
def test_the_more_company_is_usual_the_more_messages_it_takes(
    unknown: int, before: int, several: int, sets: int, least: int
) -> None:
    assert Sent(0, unknown, before, several, sets).least == least


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
