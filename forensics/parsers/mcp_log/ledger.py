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

__all__ = ["NAME", "Call", "Server", "observation", "opened"]

NAME = "mcp_log"
PENDING = 1_000  # calls of one server held open; beyond it the oldest is let go without an answer
OTHERS = 2_000  # requests of other kinds whose answers are passed over
_SETTLED = 100
_LABEL = 64  # characters of a name
_HALF = timedelta(milliseconds=500)


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
        self.others, self.last = {}, -1
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
        for one in (*self.pending.values(), *self.printed):
            yield self.settle(one)
        self.pending, self.printed = {}, []

    def make_room(self) -> Iterator[Fragment]:
        """Let the oldest go where too many wait."""
        while len(self.pending) > PENDING:
            yield self.settle(self.pending.pop(next(iter(self.pending))))
        while len(self.printed) > PENDING:
            yield self.settle(self.printed.pop(0))

    def settle(self, call: Call, answer: Answer | None = None, at: int = -1) -> Fragment:
        """The call as far as its answer, at offset `at`, tells what became of it."""
        one = call.observation
        found = (answer.message_id if answer else "") or call.printed_id  # the server's word stands where its host gave up
        refused = answer is not None and answer.refused and not found
        outcome = Outcome.SUPPRESSED if refused else Outcome.ACCEPTED if found else Outcome.NONE
        if found:
            self.settled.append(found)
        more = {"mcp_refused": str(refused).lower()}
        if answer is not None and at >= 0:
            more["answer_at"] = str(at)
        recipients = tuple(replaced(r, outcome=outcome) for r in one.recipients)
        facts = tuple(sorted({**dict(one.facts), **self.facts(), **more}.items()))
        one = replaced(one, message_id=found, recipients=recipients, facts=facts)
        return Fragment(f"{one.span.evidence}/{one.span.member}#{one.span.start}/{one.kind}", one)

    def facts(self) -> dict[str, str]:
        """What is known of the program behind the name."""
        found = {"mcp_server": label(self.name), "mcp_server_info": self.title, "mcp_build": self.build}
        return {name: value for name, value in found.items() if value}


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
