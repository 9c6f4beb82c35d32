"""Calls and answers that lie apart: a log is rotated between them, and its next file begins with the answer.

Ids begin anew with every start of a server, and two machines count alike. So an answer is given to a call of another file only
if it has its server and id, came soon after it and not behind another start of that server, and no other call could be meant.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from math import inf

from forensics.dates import FileClock
from forensics.model import Fragment, Observation, Reading, Role
from forensics.parsers.mcp_log.ledger import APART, CALLED, GUESSED, IDENT, REFUSED, STARTED, answered, without_marks

__all__ = ["assemble"]

_MOST_PAIRS = 1_000  # of calls and answers of one id: where more could belong together, nobody can say which do
_LONGEST = timedelta(minutes=10)  # hosts wait one minute (the MCP SDK) to four for an answer


@dataclass(frozen=True, slots=True)
class _Piece:
    """A call without an answer at the end of a file, an answer without a call at the beginning of one, or a start of the server."""

    order: int  # oldest file first, as its rotation says
    one: Observation
    said: Mapping[str, str] = field(repr=False)
    named: frozenset[str]  # to whom the call writes, or the answer says that it wrote

    @classmethod
    def of(cls, order: int, one: Observation) -> _Piece:
        """The piece in this place of the order."""
        return cls(order, one, dict(one.facts), frozenset(who.address for who in one.recipients if who.role is Role.TO))

    @property
    def file(self) -> tuple[str, str]:
        return self.one.span[:2]

    @property
    def time(self) -> Reading | None:
        return self.one.readings[0] if self.one.readings else None


class _Starts:
    """When a server was started: by time, else by the age of its file."""

    def __init__(self, starts: Iterable[_Piece]) -> None:
        listed = list(starts)
        self._times = sorted(one.time.at for one in listed if one.time)
        self._undated = [one.order for one in listed if not one.time]
        self._orders = [one.order for one in listed]

    def between(self, call: _Piece, answer: _Piece) -> bool:
        """Whether the server was started after this call and before this answer."""
        if call.time is None or answer.time is None:
            return _next(self._orders, call.order) < answer.order
        late = bisect_left(self._times, call.time.at)
        is_between = late < len(self._times) and self._times[late] <= answer.time.at
        return is_between or _next(self._undated, call.order) < answer.order


def _next(orders: Sequence[int], order: int) -> float:
    at = bisect_left(orders, order)
    return orders[at] if at < len(orders) else inf


def assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:  # noqa: ARG001  its times need no clock
    """Whole records as they are; those that lie apart joined, server by server. What finds no partner stands alone."""
    for key, listed in groupby(fragments, key=lambda one: one.key):
        if key.startswith(APART):
            yield from _joined([one.observation for one in listed])
        else:
            yield from (one.observation for one in listed)


def _joined(listed: Sequence[Observation]) -> Iterator[Observation]:
    pieces = [_Piece.of(order, one) for order, one in enumerate(listed)]
    starts = _Starts(one for one in pieces if one.one.kind == STARTED)
    by_ident: dict[str, tuple[list[_Piece], list[_Piece]]] = {}
    for piece in pieces:
        if piece.one.kind != STARTED:
            calls, answers = by_ident.setdefault(piece.said.get(IDENT, ""), ([], []))
            (calls if CALLED in piece.said else answers).append(piece)
    for calls, answers in by_ident.values():
        meant = _meant(calls, answers, starts) if len(calls) * len(answers) <= _MOST_PAIRS else {}
        taken = {answer.order for answer in meant.values()}
        for call in calls:
            answer = meant.get(call.order)
            yield without_marks(call.one if answer is None else _settled(call, answer))
        yield from (without_marks(one.one) for one in answers if one.order not in taken and one.named)


def _meant(calls: Sequence[_Piece], answers: Sequence[_Piece], starts: _Starts) -> dict[int, _Piece]:
    """The answer of each call that has one, by the call's place. One call may stand in two logs of a host, and so may its answer."""
    fits: dict[int, list[_Piece]] = {}
    for answer in answers:
        near = [call for call in calls if _may_answer(call, answer, starts)]
        if near and all(_is_same(near[0], other) for other in near):
            for call in near:
                fits.setdefault(call.order, []).append(answer)
    return {order: found[0] for order, found in fits.items() if len({_words(one) for one in found}) == 1}


def _words(answer: _Piece) -> tuple[str, str]:
    return answer.one.message_id, answer.said.get(REFUSED, "")


def _is_same(one: _Piece, other: _Piece) -> bool:
    return one is other or not set(one.one.ids).isdisjoint(other.one.ids)


def _may_answer(call: _Piece, answer: _Piece, starts: _Starts) -> bool:
    if call.file == answer.file or (answer.named and not answer.named >= call.named):
        return False
    if not answer.named and (GUESSED in call.said or call.time is None):
        return False  # only its words could tell
    return _is_soon(call, answer) and not starts.between(call, answer)


def _is_soon(call: _Piece, answer: _Piece) -> bool:
    if call.time is None or answer.time is None:
        return call.time is answer.time and call.order < answer.order
    return call.time.slack == answer.time.slack and timedelta(0) <= answer.time.at - call.time.at <= _LONGEST


def _settled(call: _Piece, answer: _Piece) -> Observation:
    place = f"{answer.one.span.evidence}#{answer.one.span.start}"
    return answered(call.one, answer.one.message_id, refused=answer.said.get(REFUSED) == "true", place=place)
