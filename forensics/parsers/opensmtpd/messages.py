"""The open messages and sessions of a span: what has been read of each, and how one becomes a fragment."""

from __future__ import annotations

from dataclasses import dataclass, field

from forensics.addresses import canonical
from forensics.model import Direction, Fragment, Observation, Outcome, Recipient, Route, Span
from forensics.records import constructor
from forensics.syslog import Addresses, Ledger, strongest

__all__ = ["Book", "Fact", "Message"]

OPEN_LIMIT = 100_000  # messages held open, and sessions
PIECE_LIMIT = 2_000  # records of recipients held for one message
_FEW = 8  # recipients among which one that comes again is sought at once
_SMTP, _UNSAID, _ACCEPTED = (
    Route.SMTP,
    Direction.UNKNOWN,
    Outcome.ACCEPTED,
)  # members of an enumeration take their time to look up
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
class Session:
    """What has been read so far of one session."""

    start: int
    end: int
    stamp: str
    facts: tuple[Fact, ...] = ()  # of its client, in order
    has_begun: bool = False  # in this span


@dataclass(slots=True, eq=False)
class Book(Ledger):
    """One span while it is being read, with its open messages and sessions."""

    again: bool = False  # the line says "message repeated": it begins nothing
    open: dict[tuple[str, bytes], Message] = field(default_factory=dict)  # by host and message
    sessions: dict[tuple[str, bytes], Session] = field(default_factory=dict)  # by host and session
    addresses: Addresses = field(default_factory=Addresses)

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
        recipients = message.recipients
        for place, one in enumerate(recipients) if len(recipients) < _FEW else ():
            if (
                one.outcome is _ACCEPTED
                and not one.reply
                and one.address == recipient.address
                and one.original == recipient.original
            ):
                del recipients[place]  # it was named only; `strongest` would let it go as well
                break
        recipients.append(recipient)
        if len(recipients) >= PIECE_LIMIT:
            self.let_go((host, name))

    def let_go(self, name: tuple[str, bytes]) -> None:
        """Give what is known of a message as a piece."""
        message = self.open.pop(name)
        text = f"{name[0]}/{name[1].decode()}"
        self.ready.append(_fragment(f"2message/{text}", self.seen(name[0], message, "queue"), message.opens, True))

    def seen(self, host: str, message: Message, kind: str) -> Observation:
        """What the span says of one message; who sent it in is told by its session, which `assembly` knows."""
        recipients = message.recipients
        if len({(one.address, one.original) for one in recipients}) < len(recipients):
            recipients = [one for _, one in strongest((0, one) for one in recipients)]
        sender = canonical(message.sender)
        return _observation(
            Span(self.span.evidence, self.span.member, message.start, message.end), "opensmtpd", kind, _SMTP, _UNSAID, host, "", "",
            (), sender, sender, "", "", message.size, (), message.stamp, tuple(recipients), False, message.declared, (), False, message.origin,
        )  # fmt: skip

    def begin_session(self, host: str, name: bytes, facts: tuple[Fact, ...]) -> None:
        """A session begins in this span: what it says of its client, in order."""
        known = self.sessions.get((host, name))
        if known is None:
            known = self.note_session(host, name)
        known.facts = tuple(sorted({*known.facts, *facts})) if known.facts else facts
        known.has_begun = True

    def note_session(self, host: str, name: bytes, *facts: Fact) -> Session:
        """Keep what a session says of its client until it ends."""
        known = self.sessions.get((host, name))
        if known is None:
            if len(self.sessions) >= OPEN_LIMIT:
                self.let_sessions_go()
            known = self.sessions[host, name] = Session(self.start, self.end, self.stamp)
        if facts:
            known.facts = tuple(sorted({*known.facts, *facts}))
        return known

    def came_by(self, host: str, session: bytes, message: Message) -> None:
        """Note how a message came in: what its session says, if that began in this span; else which session it was."""
        if not message.origin and session:
            seen = self.sessions.get((host, session))
            message.origin = seen.facts if seen and seen.has_begun else (("session", session.decode()),)

    def end_session(self, host: str, name: bytes) -> None:
        """A session that began in this span has told all its messages; what is left of another is given as a piece."""
        seen = self.sessions.pop((host, name), None)
        if seen is not None and not seen.has_begun:
            self._give(host, name, seen, closes=True)

    def let_sessions_go(self) -> None:
        """Give every open session as a piece."""
        for (host, name), seen in self.sessions.items():
            self._give(host, name, seen, closes=False)
        self.sessions.clear()

    def _give(self, host: str, name: bytes, seen: Session, *, closes: bool) -> None:
        place = Span(self.span.evidence, self.span.member, seen.start, seen.end)
        told = Observation(place, "opensmtpd", "session", Route.SMTP, server=host, stamp=seen.stamp, facts=seen.facts)
        self.ready.append(Fragment(f"1session/{host}/{name.decode()}", told, opens=False, closes=closes))
