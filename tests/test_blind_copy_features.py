"""Every feature of a hidden recipient from both sides of its line: what is called probable, and the near-miss that is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from forensics.detectors.blind_copy.limits import Sent, sentences
from forensics.detectors.blind_copy.unit import Unit

START = datetime(2025, 9, 17, tzinfo=UTC)
DOCUMENT = Path(__file__).parent.parent / "docs" / "near-misses.md"

# A collector whose every copy is known to be blind, with earlier mail to compare, all of it
SHOWN = Unit(
    uid=1, unit="drop.example", domain="drop.example", related=False, messages=12, threads=10, senders=2, known_blind=12, alias_only=False,
    first_inside=START + timedelta(days=1), last_inside=START + timedelta(days=9), first_use=START + timedelta(days=1), ever_visible=False,
    wrote=False, before=200, during=16, accompanied=12, alone=0, sole=12, partners=10, people=12, most=2, rest=300, several=60, crowd=1.2,
)  # fmt: skip
# The same where nobody knows To and Cc
UNSEEN = replace(SHOWN, known_blind=0, messages=20, accompanied=20, sole=20, threads=16, during=100, several=30)


class Row(NamedTuple):
    """A feature in words, the collector it is tried on, the figures that just pass, and those that just do not."""

    feature: str
    headers: str
    passes: dict[str, Any]
    misses: dict[str, Any]


_BY_HEADERS = {"known": SHOWN, "unknown": UNSEEN}
ROWS = (
    Row("messages", "known", {"messages": 5, "known_blind": 5, "sole": 5, "accompanied": 5, "threads": 5}, {"messages": 4, "known_blind": 4, "sole": 4, "accompanied": 4, "threads": 4}),
    Row("messages in which it is known to be blind", "known", {"known_blind": 4}, {"known_blind": 3}),
    Row("different conversations", "known", {"threads": 4}, {"threads": 3}),
    Row("outside parties beside it", "known", {"partners": 3, "people": 3}, {"partners": 2, "people": 5}),
    Row("people beside it, where the parties are few", "known", {"partners": 1, "people": 6}, {"partners": 1, "people": 5}),
    Row("messages beside its most frequent companion", "known", {"most": 8}, {"most": 9}),
    Row("other addressees of a message, on average", "known", {"crowd": 6.0}, {"crowd": 6.1}),
    Row("messages in which it is the only stranger", "known", {"sole": 6}, {"sole": 5}),
    Row("earlier mail of the same senders", "known", {"before": 20}, {"before": 19}),
    Row("new senders, in older evidence: mail before its first copy", "known", {"before": 0, "during": 12, "reaches_back": True, "ahead": 2}, {"before": 0, "during": 12, "reaches_back": True, "ahead": 1}),
    Row("share of its senders' mail, where there is no earlier mail", "known", {"before": 0, "during": 15}, {"before": 0, "during": 16}),
    Row("first use", "known", {"first_use": START}, {"first_use": START - timedelta(microseconds=1)}),
    Row("ever in To or Cc", "known", {"ever_visible": False}, {"ever_visible": True}),
    Row("ever wrote to us", "known", {"wrote": False}, {"wrote": True}),
    Row("domain known from other mail", "known", {"related": False}, {"related": True}),
    Row("behind an alias", "known", {"alias_only": False}, {"alias_only": True}),
    Row("a service that is blind-copied on purpose", "known", {"service": ""}, {"service": "a CRM drop box"}),
    Row("took the place of another", "known", {"follows": ""}, {"follows": "keep@old.example"}),
    Row("took turns, with two messages each", "known", {"threads": 1, "rotation": 4, "rotated": 8}, {"threads": 1, "rotation": 4, "rotated": 7}),
    Row("messages that had another addressee", "unknown", {"accompanied": 20, "alone": 5}, {"accompanied": 20, "alone": 6}),
    Row("surprise that it is never alone, in bits", "unknown", {"several": 105}, {"several": 107}),
    Row("surprise, where there is no earlier mail", "unknown", {"before": 0, "several": 36}, {"before": 0, "several": 38}),
    Row("parties beside it, where there is no earlier mail", "unknown", {"before": 0, "partners": 6}, {"before": 0, "partners": 5}),
    Row("covers its senders' mail, which has several addressees anyway", "unknown", {"several": 290, "during": 22}, {"several": 290, "during": 23}),
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
    usual = replace(UNSEEN, several=290, during=400, messages=6, accompanied=6, sole=6, threads=6, partners=6, most=5)
    assert usual.surprise < 1
    assert usual.stands_out(START)
    assert not usual.is_collector(START)
    for change in (
        {"threads": 4},
        {"partners": 2, "people": 4},
        {"sole": 2},
        {"alone": 2},
        {"crowd": 7.0},
        {"messages": 4, "threads": 4},
    ):
        assert not replace(usual, **change).stands_out(START), change


def test_one_that_takes_a_turn_is_the_only_stranger_and_hidden_for_sure_or_in_all_its_senders_mail() -> None:
    assert SHOWN.takes_a_turn
    assert not replace(SHOWN, known_blind=11).takes_a_turn
    assert not replace(SHOWN, sole=11).takes_a_turn
    assert not UNSEEN.takes_a_turn
    assert replace(UNSEEN, during=22).takes_a_turn
    assert not replace(UNSEEN, during=23).takes_a_turn


def test_limits_are_told_for_each_kind_of_evidence() -> None:
    told = sentences(
        [Sent(100, 0, 50, 10, 150), Sent(30, 0, 3, 1, 33), Sent(0, 200, 0, 20, 200), Sent(0, 40, 0, 36, 40), Sent(0, 4, 0, 0, 4)]
    )
    assert len(told) == 4
    assert "100 messages with headers, from 1 sender with earlier mail" in told[0]
    assert "fewer than 5 messages or 4 conversations" in told[0]
    assert "less than 80% of a sender's mail" in told[1]
    assert (
        "240 messages without headers, from 2 senders: an address on fewer than 5 to 28, depending on the sender, of them"
        in told[2]
    )
    assert told[3] == "4 messages without headers, from 1 sender: too few of each sender to tell anything."
    assert sentences([]) == ["No mail of ours lies in the window: nothing can be said of unknown recipients."]


def test_without_a_window_each_recipient_is_compared_with_the_mail_before_it() -> None:
    (told,) = sentences([Sent(100, 0, 0, 10, 150)], bounded=False)
    assert "fewer than 5 messages, or there from the first days on less than 80% of a sender's mail" in told


@pytest.mark.parametrize(("several", "sent", "least"), [(0, 100, 5), (50, 100, 5), (80, 100, 16), (100, 100, 90)])
def test_the_more_company_is_usual_the_more_messages_it_takes(several: int, sent: int, least: int) -> None:
    assert Sent(0, 100, 0, several, sent).least == least


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
