"""Mail as evidence of it: provider searches, delivery events, server logs, archives of sent mail, or a mixture."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.detection.organisation import Mail, Organisation
from forensics.model import Direction, Observation, Outcome, Reading, Recipient, Role, Route, Span

__all__ = ["START", "key_of", "observations"]

START = datetime(2025, 9, 17, tzinfo=UTC)
_EVIDENCE = "e" * 16


def observations(organisation: Organisation, mails: list[Mail]) -> Iterator[Observation]:
    """What the evidence of an organisation's shape says of its mail, in order of time."""
    rng = organisation.rng("records")
    sparse, known = rng.random() < 0.5, rng.uniform(*organisation.ranges.headers)
    api = rng.choice(("search", "events"))
    filed: dict[str, bool] = {}
    for number, mail in enumerate(mails):
        shape = organisation.shape
        if shape == "mixed":  # programs by the provider, people by own servers
            shape = api if mail.kind in {"transaction", "alert", "bulk"} else "archive"
        if sparse:
            has_header = rng.random() < known
        else:  # some mailboxes were collected, others were not
            has_header = filed.setdefault(mail.sender, rng.random() < known)
        yield from _SHAPES[shape](_Record(number, mail, has_header, rng))


class _Record:
    """One mail, its number, and whether its headers are on record."""

    __slots__ = ("at", "has_header", "mail", "place", "rng")

    def __init__(self, number: int, mail: Mail, has_header: bool, rng: random.Random) -> None:
        self.mail, self.has_header, self.rng = mail, has_header, rng
        self.place = number * 1_000
        self.at = START + timedelta(days=mail.at)

    def span(self, part: int = 0) -> Span:
        return Span(_EVIDENCE, "", self.place + part, self.place + part + 1)

    def shown(self, role: str = "") -> tuple[Recipient, ...]:
        """Recipients as the headers name them."""
        seen = ("to", "cc") if role else ("", "")
        return (
            *(Recipient(one, Role.TO, seen=seen[0]) for one in self.mail.to),
            *(Recipient(one, Role.CC, seen=seen[1]) for one in self.mail.cc),
        )

    def receivers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.mail.to, *self.mail.cc, *self.mail.bcc)))

    def fate(self) -> Outcome:
        """What became of a copy: now and then it did not arrive."""
        lot = self.rng.random()
        if lot < 0.97:
            return Outcome.DELIVERED
        return Outcome.BOUNCED if lot < 0.99 else Outcome.DEFERRED

    def provider_id(self) -> str:
        return f"00000000-0000-4000-8000-{self.place:012x}@mtasv.net"

    def message_id(self) -> str:
        return f"{self.place:x}@{self.mail.sender.rpartition('@')[2]}"


def key_of(shape: str, number: int, mail: Mail) -> str:
    """The message key of a mail by its number; a shape of which all mail goes one way."""
    record = _Record(number, mail, has_header=False, rng=random.Random(0))
    return record.provider_id() if shape in {"search", "events"} else record.message_id()


def _search(record: _Record) -> Iterator[Observation]:
    mail = record.mail
    if mail.kind == "incoming":
        return
    recipients = (
        *(Recipient(one, Role.TO, Outcome.ACCEPTED) for one in mail.to),
        *(Recipient(one, Role.CC, Outcome.ACCEPTED) for one in mail.cc),
        *(Recipient(one, Role.BCC, Outcome.ACCEPTED) for one in mail.bcc),
        *(Recipient(one, Role.ENVELOPE, Outcome.ACCEPTED) for one in record.receivers()),
    )
    yield Observation(
        record.span(), "postmark", "search", Route.API, Direction.SUBMITTED, "", mail.stream, record.provider_id(), (), mail.sender,
        subject=mail.subject, readings=(Reading("received_at", record.at),), recipients=recipients, header_known=True,
    )  # fmt: skip


def _events(record: _Record) -> Iterator[Observation]:
    """One delivery event for each recipient; the mail itself only where the sender's own copy was kept."""
    mail = record.mail
    if mail.kind == "incoming":
        return
    for part, address in enumerate(record.receivers()):
        at = record.at + timedelta(seconds=record.rng.uniform(1, 90))
        outcome = record.fate()
        kind = "webhook:Bounce" if outcome is Outcome.BOUNCED else "webhook:Delivery"
        outcome = Outcome.DELIVERED if outcome is Outcome.DEFERRED else outcome
        yield Observation(
            record.span(part), "postmark", kind, Route.API, Direction.SUBMITTED, mail.server, mail.stream, record.provider_id(),
            sender=mail.sender if kind == "webhook:Bounce" else "", readings=(Reading("delivered_at", at),),
            recipients=(Recipient(address, Role.EVENT, outcome, at=at),), facts=(("unsigned", "true"),),
        )  # fmt: skip
    if record.has_header:
        yield _sent_copy(record, record.provider_id(), 900)


def _sent_copy(record: _Record, message_id: str, part: int) -> Observation:
    """The mail in the sender's folder of sent mail, without its blind recipients."""
    mail = record.mail
    return Observation(
        record.span(part), "mbox", "mail", Route.MAILBOX, Direction.SUBMITTED, message_id=message_id, sender=mail.sender, subject=mail.subject,
        readings=(Reading("date", record.at.replace(microsecond=0)),), recipients=record.shown("header"), header_known=True, has_body=True,
    )  # fmt: skip


def _received_copy(record: _Record, message_id: str) -> Observation:
    mail = record.mail
    at = record.at + timedelta(seconds=20)
    trace = tuple(Recipient(one, Role.TRACE, Outcome.DELIVERED, seen="delivered-to") for one in mail.to[:1])
    return Observation(
        record.span(900), "mbox", "mail", Route.MAILBOX, Direction.RECEIVED, message_id=message_id, sender=mail.sender,
        envelope_sender=mail.sender, subject=mail.subject, readings=(Reading("date", record.at), Reading("received_last", at)),
        recipients=(*trace, *record.shown("header")), header_known=True, has_body=True,
    )  # fmt: skip


def _queue(record: _Record, message_id: str) -> Observation:
    """The lines of one queue id: every recipient of the envelope, those of aliases with the alias."""
    mail = record.mail
    at = record.at + timedelta(seconds=2)
    expanded = dict(mail.expanded)
    aliases = set(expanded.values())
    own = [Recipient(one, Role.ENVELOPE, record.fate(), at=at) for one in record.receivers() if one not in aliases]
    made = [Recipient(one, Role.ENVELOPE, record.fate(), original=alias, at=at) for one, alias in expanded.items()]
    return Observation(
        record.span(), "postfix", "queue", Route.SMTP, Direction.UNKNOWN, mail.server, message_id=message_id,
        ids=(f"queue:{mail.server}/{record.place:x}",), sender=mail.sender, envelope_sender=mail.sender, size=900 + record.place % 50_000,
        readings=(Reading("queue_id", at), Reading("syslog", at)), recipients=(*own, *made), declared=len(own) + len(made),
        facts=(("origin", "smtpd"),),
    )  # fmt: skip


def _envelopes(record: _Record) -> Iterator[Observation]:
    yield _queue(record, record.message_id())


def _archive(record: _Record) -> Iterator[Observation]:
    """Server logs, and the mail itself where its mailbox was kept."""
    message_id = record.message_id()
    yield _queue(record, message_id)
    if record.has_header:
        yield _received_copy(record, message_id) if record.mail.kind == "incoming" else _sent_copy(record, message_id, 900)


_SHAPES = {"search": _search, "events": _events, "envelopes": _envelopes, "archive": _archive}
