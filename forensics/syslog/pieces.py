"""Messages of which a log tells bit by bit: what is known of each so far, and how it goes out as a piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Recipient, Role, Route, Span, Statement
from forensics.syslog.daemons import Ledger
from forensics.syslog.envelopes import lost_messages
from forensics.syslog.forms import Log, log_runs
from forensics.syslog.line_ends import Cut, Recast
from forensics.syslog.prefixes import Envelope

__all__ = ["Piece", "PieceLedger", "whole_number"]

_LIMIT = 4_096  # characters of an address or an answer
_DIGITS = 18  # of 64 bits


@dataclass(slots=True, eq=False)
class Piece:
    """What has been read so far of one message, transaction or session."""

    start: int
    end: int
    stamp: str
    opens: bool = False
    closes: bool = False
    submitted: bool = False
    message_id: str = ""
    sender: str = ""
    size: int = -1
    declared: int = -1
    recipients: list[Recipient] = field(default_factory=list)
    facts: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class PieceLedger(Ledger):
    """A ledger for logs of which the parser itself knows the lines, and which tell of a message bit by bit."""

    canonical: Callable[[str], str] = str.lower  # the form in which addresses are compared: `addresses.canonical`

    def lines(self, log: Log) -> Iterator[bytes]:
        """The lines of the span in any form; one that cannot be held is a defect and is passed over."""
        for offset, run in log_runs(log):
            self.total += len(run)
            end = offset - 1
            for line in run:
                self.start = end + 1
                self.end = end = self.start + (line.length if isinstance(line, Recast) else len(line))
                if isinstance(line, Cut):
                    self.defect(line.reason)
                else:
                    yield line

    def odd(self, found: Envelope | None, reason: str, lines: int = 1) -> None:
        """Account for a line that is none of the format's: a logger's own loss, a defect if there is a `reason`, or nothing."""
        lost = lost_messages(found.program, found.payload) if found else 0
        if found and lost:
            self.ready.append(Statement(self.here(), self.parser, "lost", scope=found.host, value=lost, stamp=found.stamp))
        elif reason:
            self.defect(reason)
        else:
            self.ignored += lines

    def told(self) -> list[Fragment | Defect | Statement]:
        """What is ready to go; it is let go."""
        ready, self.ready = self.ready, []
        return ready

    def address(self, text: str) -> tuple[str, str]:
        """An address in canonical form, and as found where that differs in more than case; texts of any length are cut."""
        found = self.canonical(text[:_LIMIT])
        return found, "" if text.lower() == found else text[:_LIMIT]

    def name(self, piece: Piece, text: str, outcome: Outcome, reply: str) -> None:
        """The record at hand names a recipient of a piece."""
        if not text or len(text) > _LIMIT:
            self.defect("an address is empty, or longer than any address")
            return
        address, written = self.address(text)
        piece.recipients.append(
            Recipient(
                address, Role.ENVELOPE, outcome, written, reply=reply[:_LIMIT], stamp=self.stamp, start=self.start, end=self.end
            )
        )

    def let_go(
        self, piece: Piece, *, key: str, kind: str, host: str, ids: tuple[str, ...] = (), facts: Iterable[tuple[str, str]] = ()
    ) -> None:
        """A piece goes out; `facts` are those beside its own."""
        seen = Observation(
            Span(self.span.evidence, self.span.member, piece.start, piece.end), self.parser, kind, Route.SMTP,
            Direction.SUBMITTED if piece.submitted else Direction.UNKNOWN, host, message_id=piece.message_id, ids=ids,
            sender=piece.sender, envelope_sender=piece.sender, size=piece.size, stamp=piece.stamp,
            recipients=tuple(piece.recipients), declared=piece.declared, facts=tuple(sorted({*piece.facts, *facts})),
        )  # fmt: skip
        self.ready.append(Fragment(key, seen, piece.opens, piece.closes))


def whole_number(text: str) -> int:
    """A number of digits as written, of 64 bits at the most; -1 for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else -1
