"""Messages from the pieces of sessions, whatever file each lies in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter, itemgetter

from forensics.addresses import canonical_message_id
from forensics.dates import FileClock
from forensics.model import Direction, Fragment, Observation, Outcome, Recipient, Role, Route, Span
from forensics.parsers.exchange_protocol.dialogue import QUEUED, Dialogue, Line, Mail
from forensics.parsers.exchange_protocol.reading import NAME
from forensics.records import constructor
from forensics.syslog import strongest

__all__ = ["assemble"]

_QUEUED_AS = re.compile(r"\bqueued as ([0-9A-Za-z]{6,40})\b")
# send connectors that hand mail to another server or service of the same organisation
_INSIDE = ("intra-organization", "intra-org", "inbound proxy internal", "client proxy")
_observation = constructor(Observation)


def assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from pieces of sessions, which come by key, whatever file each lies in."""
    unknown = FileClock()
    for _, group in groupby(fragments, key=attrgetter("key")):
        pieces = [piece.observation for piece in group]
        facts: dict[str, str] = {}
        for piece in sorted(pieces, key=lambda one: (one.stamp, one.span)):
            facts = dict(piece.facts) | facts
        for session in _sessions(pieces):
            dialogue = Dialogue(facts["side"])
            for line in session:
                dialogue.take(line)
            if session[-1].word != "-":
                dialogue.lose()
            for mail in dialogue.mails:
                one = _message(mail, facts, dialogue.greeted, lambda place: clocks.get(place, unknown))
                if one is not None:
                    yield one


def _sessions(pieces: Iterable[Observation]) -> Iterator[list[Line]]:
    """The lines of each session in order of their numbers, each once: a file may be there twice, an id be used again."""
    lines = {
        (one.stamp, int(one.seen), one.written, one.address, one.original, one.reply): Line(
            int(one.seen), one.stamp, piece.span[:2], one.start, one.end, one.written, one.address, one.original, one.reply
        )
        for piece in sorted(pieces, key=attrgetter("span"), reverse=True)
        for one in piece.recipients
    }
    session: list[Line] = []
    for line in sorted(lines.values(), key=lambda one: (one.stamp, one.number, one.place, one.start)):
        if session and line.number == 0:
            yield sorted(session, key=itemgetter(0))
            session = []
        session.append(line)
    if session:
        yield sorted(session, key=itemgetter(0))


def _verdicts(mail: Mail, side: str, *, inside: bool) -> list[tuple[Line, Outcome, str]]:
    """Each recipient's command, what became of it, and the words of the server that decided."""
    sends, final = side == "send", mail.final
    found = []
    for command, reply in mail.refused:
        later = sends and reply.word[0] == "4"
        found.append((command, Outcome.DEFERRED if later else Outcome.REJECTED, reply.reply))
    if final is not None and final.word[0] == "2":
        outcome: Outcome | None = Outcome.DELIVERED if sends and not inside else Outcome.ACCEPTED
    elif final is not None and mail.sent:
        outcome = Outcome.REFUSED_AFTER_DATA if final.word[0] == "5" else Outcome.DEFERRED
    elif final is not None:
        outcome = (Outcome.BOUNCED if final.word[0] == "5" else Outcome.DEFERRED) if sends else Outcome.REJECTED
    elif mail.cut:
        outcome = Outcome.ACCEPTED
    elif mail.sent:  # the connection broke before the last word
        outcome = Outcome.DEFERRED if sends else Outcome.REJECTED
    else:  # given up before any content: no mail
        outcome = None
    if outcome is not None:
        words = final.reply if final is not None else ""
        found += [(command, outcome, words or reply.reply) for command, reply in mail.accepted]
        found += [(command, Outcome.NONE, "") for command in mail.unanswered]
    return found


def _message(
    mail: Mail, facts: Mapping[str, str], greeted: str, clock_of: Callable[[tuple[str, str]], FileClock]
) -> Observation | None:
    """One message, or attempt that was refused; None where there was neither."""
    side, connector = facts["side"], facts["connector"]
    verdicts = _verdicts(mail, side, inside=connector.lower().startswith(_INSIDE))
    queued = mail.final is not None and mail.final.word[0] == "2"
    if not verdicts and not queued:
        return None
    match = QUEUED.match(mail.final.reply) if mail.final is not None and side == "receive" else None
    server = (connector.partition("\\")[0] if "\\" in connector else match[3] if match else greeted).lower()
    first = mail.lines[0]
    home = verdicts[0][0].place if verdicts else first.place
    spoken = [line for line in mail.lines if line.place == home]
    refused_first = sorted(verdicts, key=lambda one: one[1] is not Outcome.REJECTED)  # of two answers the yes counts
    recipients = strongest((number, _named(*one, home, clock_of)) for number, one in enumerate(refused_first))
    at = clock_of(first.place).resolve(first.stamp, "syslog")
    taken = {one.outcome for _, one in recipients} - {Outcome.REJECTED}
    person = bool(mail.user) and not mail.user.endswith("$") and not mail.user.upper().startswith("NT AUTHORITY\\")
    return _observation(
        Span(*home, min(line.start for line in spoken), max(line.end for line in spoken)), NAME,
        "queue" if taken or queued or side == "send" else "reject", Route.SMTP,
        Direction.SUBMITTED if person else Direction.UNKNOWN, server, "",
        canonical_message_id(match[1]) if match else mail.message_id if side == "send" else "",
        (f"queue:{server}/{facts['session']}@{first.stamp}",), mail.sender, mail.sender, "", "", -1, (at,) if at else (), first.stamp,
        tuple(one for _, one in recipients), False, -1, (), False, _facts(mail, facts, match, recipients=bool(recipients)),
    )  # fmt: skip


def _named(
    command: Line, outcome: Outcome, reply: str, home: tuple[str, str], clock_of: Callable[[tuple[str, str]], FileClock]
) -> Recipient:
    at = clock_of(command.place).resolve(command.stamp, "syslog")
    start, end = (command.start, command.end) if command.place == home else (-1, -1)
    return Recipient(command.address, Role.ENVELOPE, outcome, "", "", reply, at.at if at else None, command.stamp, start, end)


def _facts(mail: Mail, facts: Mapping[str, str], match: re.Match[str] | None, *, recipients: bool) -> tuple[tuple[str, str], ...]:
    side = facts["side"]
    remote = facts.get("remote", "")
    found = {"connector": facts["connector"], "client" if side == "receive" else "relay": remote, "origin": f"smtp {side}"}
    if mail.user:
        found["sasl_username"] = mail.user
    if match:
        found["internal_id"] = f"{match[3].lower()}/{match[2]}"
    elif mail.final is not None and side == "send" and (handed := _QUEUED_AS.search(mail.final.reply)):
        found["handed_to"] = f"{remote}/{handed[1]}"
    if mail.cut or not mail.opens:
        found["partial"] = "end" if mail.opens else "start"
    if not recipients:
        found["recipients_unknown"] = "true"
    return tuple(sorted(one for one in found.items() if one[1]))
