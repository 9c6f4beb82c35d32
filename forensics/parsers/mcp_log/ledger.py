"""Calls that wait for their answers: paired by JSON-RPC id within one start of a server, and never on a doubt."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from forensics.model import EPOCH, Direction, Fragment, Observation, Outcome, Reading, Route, Span
from forensics.parsers.mcp_log.answers import Answer
from forensics.parsers.mcp_log.calls import Asked
from forensics.records import replaced

__all__ = [
    "APART", "CALLED", "GUESSED", "IDENT", "NAME", "REFUSED", "STARTED", "Call", "Server", "answered", "apart", "observation", "opened",
    "without_marks",
]  # fmt: skip

NAME = "mcp_log"
PENDING = 1_000  # calls of one server held open; beyond it the oldest is let go without an answer
OTHERS = 2_000  # requests of other kinds whose answers are passed over
_SETTLED = 100
_LABEL = 64  # characters of a name
_HALF = timedelta(milliseconds=500)
REFUSED = "mcp_refused"
# what a piece needs to be joined with one of another file, and loses there; keys of such pieces begin with APART
APART = " apart/"
STARTED = "start"  # kind of the piece that tells of a server's first start in a file
IDENT, CALLED, GUESSED = "~ident", "~called", "~guessed"


@dataclass(slots=True, eq=False)
class Call:
    """A call of a mail tool whose answer is awaited, or a printed sending for which no call is in the log."""

    observation: Observation
    is_template: bool
    is_guess: bool = False  # the id was cut off, and is taken to be the next one
    is_printed: bool = False  # the server's own line about this sending was met
    printed_id: str = ""


@dataclass(slots=True, eq=False)
class Server:
    """One server of a host, from its start to the next. `pending` and `others` by JSON-RPC id, oldest first."""

    name: str
    pending: dict[str, Call] = field(default_factory=dict)
    printed: list[Call] = field(default_factory=list)
    others: dict[str, None] = field(default_factory=dict)
    last: int = -1  # the last whole id of a request; hosts count
    title: str = ""
    build: str = ""
    only_to: frozenset[str] = frozenset()  # tools that have no argument for Cc or Bcc
    settled: deque[str] = field(default_factory=lambda: deque(maxlen=_SETTLED))
    first: int = -1  # the first whole id of a request in this file
    has_begun: bool = False  # the file holds a start of it, or lost its calls: no answer is to a call of an earlier file
    early: int = 0  # answers that may be to a call of an earlier file

    def may_answer_earlier(self, ident: str) -> bool:
        """Whether an answer to no call of this file may be to one of the file before it."""
        is_later = self.first >= 0 and ident.isdecimal() and int(ident) >= self.first
        return bool(ident) and not self.has_begun and not is_later and self.early < PENDING

    def waiting(self) -> list[Call]:
        """Sendings of which nobody has named a Message-ID yet."""
        return [one for one in (*self.pending.values(), *self.printed) if not one.printed_id]

    def pass_over(self, ident: str) -> None:
        """Remember a request whose answer says nothing of a mail."""
        self.others[ident] = None
        if len(self.others) > OTHERS:
            del self.others[next(iter(self.others))]

    def restart(self) -> Iterator[Fragment]:
        """Let everything go: ids begin anew, and it may be another program."""
        yield from self.let_go()
        self.others, self.last, self.has_begun = {}, -1, True
        self.title, self.build, self.only_to = "", "", frozenset()

    @property
    def weight(self) -> int:
        """How much is held open: calls and the recipients and attachments that they name."""
        return sum(
            1 + len(one.observation.recipients) + len(one.observation.attachments)
            for one in (*self.pending.values(), *self.printed)
        )

    def let_go(self) -> Iterator[Fragment]:
        """Let everything go that waits, within one start."""
        self.has_begun = True
        for one in (*self.pending.values(), *self.printed):
            yield self.settle(one)
        self.pending, self.printed = {}, []

    def make_room(self) -> Iterator[Fragment]:
        """Let the oldest go where too many wait."""
        self.has_begun = self.has_begun or len(self.pending) > PENDING
        while len(self.pending) > PENDING:
            yield self.settle(self.pending.pop(next(iter(self.pending))))
        while len(self.printed) > PENDING:
            yield self.settle(self.printed.pop(0))

    def settle(self, call: Call, answer: Answer | None = None, at: int = -1) -> Fragment:
        """The call as far as its answer, at offset `at`, tells what became of it."""
        one = replaced(call.observation, message_id=call.printed_id)
        one = replaced(one, facts=tuple(sorted({**dict(one.facts), **self.facts()}.items())))
        place = str(at) if answer is not None and at >= 0 else ""
        one = answered(one, answer.message_id if answer else "", refused=answer is not None and answer.refused, place=place)
        if one.message_id:
            self.settled.append(one.message_id)
        return Fragment(f"{one.span.evidence}/{one.span.member}#{one.span.start:012}/{one.kind}", one)

    def leave_open(self) -> Iterator[Fragment]:
        """What waits at the end of the file: the answer to a call may be in the next one."""
        for ident, call in self.pending.items():
            marks = {IDENT: ident, CALLED: "true", **({GUESSED: "true"} if call.is_guess else {})}
            yield self.settle(call) if ident.startswith("#") else apart(self.name, self.settle(call).observation, marks)
        yield from map(self.settle, self.printed)

    def facts(self) -> dict[str, str]:
        """What is known of the program behind the name."""
        found = {"mcp_server": label(self.name), "mcp_server_info": self.title, "mcp_build": self.build}
        return {name: value for name, value in found.items() if value}


def answered(one: Observation, message_id: str, *, refused: bool, place: str) -> Observation:
    """A call with what its answer, at `place`, tells of it. The server's own word stands where its host gave up."""
    found = message_id or one.message_id
    refused = refused and not found
    outcome = Outcome.SUPPRESSED if refused else Outcome.ACCEPTED if found else Outcome.NONE
    facts = {**dict(one.facts), REFUSED: str(refused).lower(), **({"answer_at": place} if place else {})}
    recipients = tuple(replaced(r, outcome=outcome) for r in one.recipients)
    return replaced(one, message_id=found, recipients=recipients, facts=tuple(sorted(facts.items())))


def apart(server: str, one: Observation, marks: dict[str, str]) -> Fragment:
    """A piece whose other half may lie in another file; all of one server are joined together."""
    facts = tuple(sorted({**dict(one.facts), **marks}.items()))
    return Fragment(APART + label(server), replaced(one, facts=facts), opens=CALLED in marks, closes=CALLED not in marks)


def without_marks(one: Observation) -> Observation:
    """The observation without what was needed to join it."""
    facts = tuple((name, value) for name, value in one.facts if name not in {IDENT, CALLED, GUESSED})
    return replaced(one, facts=facts)


def label(text: str) -> str:
    """A name in evidence as a fact: short and printable."""
    text = text[:_LABEL].strip()
    return text if text.isprintable() else ""


def observation(span: Span, kind: str, tool: str, asked: Asked, reading: Reading | None) -> Observation:
    """What a record says of one message that an agent asked for."""
    return Observation(
        span=span,
        source=NAME,
        kind=kind,
        route=Route.API,
        direction=Direction.SUBMITTED,
        sender=asked.sender,
        subject=asked.subject,
        readings=(reading,) if reading else (),
        recipients=asked.recipients,
        header_known=asked.whole,
        attachments=asked.attachments,
        has_body=asked.has_body,
        facts=tuple(one for one in (("mcp_tool", label(tool)),) if one[1]),
    )


def opened(server: Server, one: Observation, ident: str, size: int) -> Observation:
    """The observation with identities that the same call has in the host's other file, whose clock may be half a second off.

    Two half-open seconds, half a second apart: times closer than that share one of them. Facts, recipients and the arguments'
    `size` belong to the identity, for two windows of a host may count alike; text does not: a digest of it could be guessed at.
    """
    if not one.readings or one.readings[0].slack or not ident:
        return one
    who = sorted((r.role.value, r.address) for r in one.recipients)
    digest = hashlib.sha256(repr((one.facts, who, size)).encode("utf-8", "replace")).hexdigest()[:12]
    since = one.readings[0].at - EPOCH
    seconds = (int(since.total_seconds()), int((since + _HALF).total_seconds()))
    marks = (
        f"mcp:{label(server.name)}/{ident}@{second}{half}/{digest}" for second, half in zip(seconds, ("", ".5"), strict=True)
    )
    return replaced(one, ids=tuple(marks))
