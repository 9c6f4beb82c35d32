"""The open messages and sessions of a span: what has been read of each, and how one becomes a fragment."""

from __future__ import annotations

from dataclasses import dataclass, field

from forensics.addresses import canonical
from forensics.model import Defect, Direction, Fragment, Observation, Recipient, Route, Span
from forensics.plugins import Record
from forensics.records import constructor, replaced
from forensics.syslog import strongest

__all__ = ["OPEN_LIMIT", "PIECE_LIMIT", "Book", "Fact", "Message"]

OPEN_LIMIT = 100_000  # messages held open, and sessions
PIECE_LIMIT = 2_000  # records of recipients held for one message
_observation, _fragment = constructor(Observation), constructor(Fragment)
Fact = tuple[str, str]


@dataclass(slots=True, eq=False)
class Message:
    """What has been read so far of one message; offsets in bytes, `stamp` as `syslog.stamp` gives it."""

    start: int
    stamp: str
    end: int
    opens: bool = False
    origin: tuple[Fact, ...] = ()  # what its session says of the client; the session's id where that is not known here
    sender: str = ""
    size: int = -1
    declared: int = -1
    recipients: list[Recipient] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Book:
    """One span while it is being read: its open messages and sessions, the line at hand, and what is ready to go."""

    evidence: str
    member: str
    start: int = 0
    end: int = 0
    stamp: str = ""
    again: bool = False  # the line says "message repeated": it begins nothing
    hosts: dict[bytes, str | None] = field(default_factory=dict)  # by host and program as written; None: of another program
    open: dict[tuple[str, bytes], Message] = field(default_factory=dict)  # by host and message
    sessions: dict[tuple[str, bytes], Observation] = field(default_factory=dict)
    ignored: int = 0
    ready: list[Record] = field(default_factory=list)

    def defect(self, reason: str) -> None:
        """The line at hand cannot be read, or not all of it."""
        self.ready.append(Defect(Span(self.evidence, self.member, self.start, self.end), "opensmtpd", reason))

    def message(self, host: str, name: bytes) -> Message:
        """The open message of this id, new if there is none."""
        found = self.open.get((host, name))
        if found is None:
            if len(self.open) >= OPEN_LIMIT:
                self.let_go(next(iter(self.open)))
            found = self.open[host, name] = Message(self.start, self.stamp, self.end)
        found.end = self.end
        return found

    def enter(self, host: str, name: bytes, message: Message, recipient: Recipient) -> None:
        """Add one recipient's record to an open message."""
        message.recipients.append(recipient)
        if len(message.recipients) >= PIECE_LIMIT:
            self.let_go((host, name))

    def let_go(self, name: tuple[str, bytes]) -> None:
        """Give what is known of a message as a piece."""
        message = self.open.pop(name)
        text = f"{name[0]}/{name[1].decode()}"
        self.ready.append(_fragment(f"2message/{text}", self.seen(name[0], message, "queue"), message.opens, True))

    def seen(self, host: str, message: Message, kind: str) -> Observation:
        """What the span says of one message; who sent it in is told by its session, which `assembly` knows."""
        recipients = message.recipients
        if len(recipients) > 1:
            recipients = [one for _, one in strongest((0, one) for one in recipients)]
        sender = canonical(message.sender)
        return _observation(
            Span(self.evidence, self.member, message.start, message.end), "opensmtpd", kind, Route.SMTP, Direction.UNKNOWN, host, "", "",
            (), sender, sender, "", "", message.size, (), message.stamp, tuple(recipients), False, message.declared, (), False, message.origin,
        )  # fmt: skip

    def note_session(self, host: str, name: bytes, facts: tuple[Fact, ...]) -> None:
        """Keep what a session says of its client until it ends."""
        known = self.sessions.get((host, name))
        if known is None and len(self.sessions) >= OPEN_LIMIT:
            self.let_sessions_go()
        if known is None:
            place = Span(self.evidence, self.member, self.start, self.end)
            known = Observation(place, "opensmtpd", "session", Route.SMTP, server=host, stamp=self.stamp)
        self.sessions[host, name] = replaced(known, facts=tuple(sorted({*known.facts, *facts})))

    def came_by(self, host: str, session: bytes, message: Message) -> None:
        """Note how a message came in: what its session says, if that began in this span; else which session it was."""
        seen = self.sessions.get((host, session))
        if not message.origin and session:
            message.origin = seen.facts if seen and _has_begun(seen) else (("session", session.decode()),)

    def end_session(self, host: str, name: bytes) -> None:
        """A session that began in this span has told all its messages; what is left of another is given as a piece."""
        seen = self.sessions.pop((host, name), None)
        if seen is not None and not _has_begun(seen):
            self.ready.append(Fragment(f"1session/{host}/{name.decode()}", seen, opens=False, closes=True))

    def let_sessions_go(self) -> None:
        """Give every open session as a piece."""
        for (host, name), seen in self.sessions.items():
            self.ready.append(Fragment(f"1session/{host}/{name.decode()}", seen, opens=False, closes=False))
        self.sessions.clear()


def _has_begun(session: Observation) -> bool:
    return any(name == "origin" for name, _ in session.facts)
