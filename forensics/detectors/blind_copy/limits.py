"""The smallest copying that would have stood out in this evidence: what silence about unknown recipients is worth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from forensics.detectors.blind_copy.unit import (
    ALONE_SHARE,
    COVERED_SHARE,
    MIN_BASELINE,
    MIN_COVERED,
    MIN_MESSAGES,
    MIN_THREADS,
    WORTH_A_LOOK,
)  # fmt: skip

__all__ = ["Sent", "limits", "sentences"]

_SENT = """
SELECT count(*) FILTER (m.in_window AND m.header_known) AS known, count(*) FILTER (m.in_window AND NOT m.header_known) AS unknown,
       count(*) FILTER (m.sent_at < $start::TIMESTAMPTZ) AS before, count(*) FILTER (a.others >= 2) AS several, count(*) AS sent
FROM messages m JOIN addressees a USING (msg) GROUP BY m.sid HAVING known + unknown > 0
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """One sender's mail: inside the window with and without headers, before it, and how much of all of it had several addressees."""

    known: int
    unknown: int
    before: int
    several: int
    sent: int

    @property
    def least(self) -> int:
        """Messages without headers that an address must be on, always beside somebody else, to stand out among this sender's."""
        usual = (self.several + 1) / (self.sent + 2)
        by_chance = math.ceil(WORTH_A_LOOK / -math.log2(usual))
        covering = max(MIN_COVERED, math.ceil(COVERED_SHARE * self.unknown))
        return max(MIN_MESSAGES, min(by_chance, covering))


def limits(connection: duckdb.DuckDBPyConnection, start: datetime | None) -> list[str]:
    """Sentences on what could have gone unnoticed. Wants the tables that `counting` has made."""
    return sentences([Sent(*row) for row in connection.execute(_SENT, {"start": start}).fetchall()])


def sentences(senders: Sequence[Sent]) -> list[str]:
    """One sentence for each kind of evidence that the senders' mail leaves: with headers, without earlier mail, without headers."""
    if not senders:
        return ["No mail of ours lies in the window: nothing can be said of unknown recipients."]
    compared = [one for one in senders if one.known and one.before >= MIN_BASELINE]
    uncompared = [one for one in senders if one.known and one.before < MIN_BASELINE]
    blind = [one for one in senders if one.unknown]
    told = []
    if compared:
        told.append(
            f"{_messages(one.known for one in compared)} with headers, from {_senders(compared)} with earlier mail to compare: every unexpected blind recipient "
            f"is listed; one on fewer than {MIN_MESSAGES} messages or {MIN_THREADS} conversations would not stand out as probable."
        )
    if uncompared:
        told.append(
            f"{_messages(one.known for one in uncompared)} with headers, from {_senders(uncompared)} with next to no earlier mail: every unexpected blind recipient "
            f"is listed; one on less than {ALONE_SHARE:.0%} of a sender's mail would not stand out as probable."
        )
    if blind:
        told.append(_without_headers(blind))
    return told


def _without_headers(senders: Sequence[Sent]) -> str:
    total, least = sum(one.unknown for one in senders), [one.least for one in senders]
    several, sent = sum(one.several for one in senders), sum(one.sent for one in senders)
    hidden = sum(one.unknown for one in senders if one.unknown < one.least)
    span = f"{min(least)}" if min(least) == max(least) else f"{min(least)} to {max(least)}, depending on the sender,"
    text = (
        f"{_messages(one.unknown for one in senders)} without headers, from {_senders(senders)}: an address on fewer than {span} of these {total} messages "
        f"would not stand out, since {several / sent:.0%} of these senders' mail has several addressees anyway; nor would one beside fewer than two other parties."
    )
    if hidden:
        text += f" {hidden} of these messages come from senders with too few to tell anything."
    return text


def _messages(counts: Iterable[int]) -> str:
    total = sum(counts)
    return f"{total} message{'s' * (total != 1)}"


def _senders(senders: Sequence[Sent]) -> str:
    return f"{len(senders)} sender{'s' * (len(senders) != 1)}"
