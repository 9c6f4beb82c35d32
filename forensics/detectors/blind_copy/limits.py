"""The smallest copying that would have stood out in this evidence: what silence about unknown recipients is worth."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from forensics.detectors.blind_copy.unit import (
    ALONE_SHARE,
    MIN_BASELINE,
    MIN_MESSAGES,
    MIN_SILENCE,
    MIN_THREADS,
    Unit,
)  # fmt: skip

__all__ = ["Sent", "limits", "sentences"]

_SENT = """
SELECT count(*) FILTER (m.in_window AND m.header_known) AS known, count(*) FILTER (m.in_window AND NOT m.header_known) AS unknown,
       count(*) FILTER (m.sent_at < $start::TIMESTAMPTZ) AS before, count(DISTINCT a.company) FILTER (a.others >= 2) AS several, count(DISTINCT a.company) AS sets
FROM messages m JOIN addressees a USING (msg) GROUP BY m.sid HAVING known + unknown > 0
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """One sender's mail: inside the window with and without headers, before it, and how many of its sets of addressees had several."""

    known: int
    unknown: int
    before: int
    several: int
    sets: int

    @property
    def least(self) -> int:
        """Messages without headers that an address must be on to be called probable, each beside another party: one more than there are, if all are too few."""
        return bisect_left(range(MIN_MESSAGES, self.unknown + 1), True, key=self._suffice) + MIN_MESSAGES

    def _suffice(self, count: int) -> bool:
        collector = Unit(
            uid=0, unit="", domain="", related=False, messages=count, threads=count, senders=1, main=count, known_blind=0, alias_only=False, first_inside=None,
            last_inside=None, first_use=None, ever_visible=False, wrote=False, before=self.before, during=self.unknown, accompanied=count, together=count, sole=count,
            partners=count, people=count, most=1, groups=count, sets=self.sets, several_sets=self.several, crowd=1.0,
        )  # fmt: skip
        return collector.is_collector(None)


def limits(connection: duckdb.DuckDBPyConnection, start: datetime | None) -> list[str]:
    """Sentences on what could have gone unnoticed. Wants the tables that `counting` has made."""
    return sentences([Sent(*row) for row in connection.execute(_SENT, {"start": start}).fetchall()], bounded=start is not None)


def sentences(senders: Sequence[Sent], *, bounded: bool = True) -> list[str]:
    """One sentence for each kind of evidence that the senders' mail leaves: with headers, without earlier mail, without headers.

    Where the window has no start (not `bounded`), each recipient is compared with the mail before its own first copy.
    """
    if not senders:
        return ["No mail of ours lies in the window: nothing can be said of unknown recipients."]
    shown = [one for one in senders if one.known]
    told = []
    if not bounded:
        told += _with_headers(
            shown,
            "",
            f"fewer than {MIN_MESSAGES} messages, or there from the first {MIN_BASELINE} messages on less than {ALONE_SHARE:.0%} of a sender's mail,",
        )
    else:
        compared = [one for one in shown if one.before >= MIN_BASELINE]
        uncompared = [one for one in shown if one.before < MIN_BASELINE]
        told += _with_headers(
            compared,
            " with earlier mail to compare",
            f"fewer than {MIN_MESSAGES} messages or {MIN_THREADS} conversations, or, in company that hardly varies, among fewer than {MIN_SILENCE} of one sender's,",
        )
        told += _with_headers(
            uncompared,
            " with next to no earlier mail",
            f"less than {ALONE_SHARE:.0%} of a sender's mail and from its first {MIN_BASELINE} messages on",
        )
    return told + _without_headers([one for one in senders if one.unknown])


def _with_headers(senders: Sequence[Sent], what: str, below: str) -> list[str]:
    if not senders:
        return []
    return [
        (
            f"{_messages(one.known for one in senders)} with headers, from {_senders(senders)}{what}: every unexpected blind recipient is listed; "
            f"one on {below} would not stand out as probable."
        )
    ]


def _without_headers(senders: Sequence[Sent]) -> list[str]:
    telling = [one for one in senders if one.unknown >= one.least]
    silent = [one for one in senders if one.unknown < one.least]
    told = []
    if telling:
        least = [one.least for one in telling]
        span = f"{min(least)}" if min(least) == max(least) else f"{min(least)} to {max(least)}, depending on the sender,"
        usual = sum(one.several for one in telling) / max(1, sum(one.sets for one in telling))
        told.append(
            f"{_messages(one.unknown for one in telling)} without headers, from {_senders(telling)}: an address on fewer than {span} of one sender's would not "
            f"stand out as probable, since {usual:.0%} of these senders' conversations have several addressees anyway; nor would one beside fewer than three other parties."
        )
    if silent:
        told.append(
            f"{_messages(one.unknown for one in silent)} without headers, from {_senders(silent)}: too few of each sender to call an address probable."
        )
    return told


def _messages(counts: Iterable[int]) -> str:
    total = sum(counts)
    return f"{total} message{'s' * (total != 1)}"


def _senders(senders: Sequence[Sent]) -> str:
    return f"{len(senders)} sender{'s' * (len(senders) != 1)}"
