"""What Exim says of a message: one function for each flag behind the message id.

Same letters, other meaning: on `<=` T is the subject, P the protocol, R the bounced message; on deliveries T is the transport,
P the return path, R the router. Subject, sender, client's name and all words of other hosts are hostile; Exim puts a
backslash before the quotes in what it quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache, partial

from forensics.addresses import canonical, canonical_message_id
from forensics.model import Outcome, Recipient, Role
from forensics.parsers.exim.messages import FULL, PIECE_LIMIT, Act, Book, Fact, Message
from forensics.parsers.exim.queue_ids import QUEUE_ID
from forensics.parsers.exim.targets import BEGINNINGS, CACHED, TEXT_LIMIT, Target, address_in, masked, target_in
from forensics.records import constructor
from forensics.syslog import address_end, better_sender, decoded

__all__ = ["ACTS", "client_in", "list_recipients", "origin_of", "unread"]

_PLAIN_ID = re.compile(rb"[!#-'*-;=?-~]{1,1000}")
_CLIENT = re.compile(rb"(?:^| )H=(?:([^\s(\[]\S*) )?(?:\(\S*\) )?\[([0-9A-Fa-f.:]{2,45})\](?::\d{1,5})?(?= |$)")
_BOUNCE_OF = re.compile(rb"(?:^| )R=(" + QUEUE_ID + rb")(?= |$)")
_NEXT = re.compile(rb"(?:id=(" + QUEUE_ID + rb")|queued as ([0-9A-Za-z]{6,40}))(?![0-9A-Za-z-])")
_WORDS = re.compile(rb'(?:[^"\\]|\\.)*+')
_ESCAPED = re.compile(r"\\(.)")
# Exim's own words before those of the other host; the first of them decides
_FAILED = re.compile(rb"(?:SMTP|LMTP) (?:error|timeout)|[Rr]emote host closed")
_AFTER_DATA = re.compile(
    rb"(?:SMTP|LMTP) (?:error|timeout)(?: from remote mail(?:er| server)| while connected to \S{1,255} \[\S{1,45}\])? (?:after|in response to) (?:pipelined )?end of data"
    rb"|[Rr]emote host closed connection (?:after|in response to) (?:pipelined )?end of data"
)
_HERE = (b"127.", b"::1")
# members of an enumeration take their time to look up
_ENVELOPE, _DELIVERED, _DEFERRED = Role.ENVELOPE, Outcome.DELIVERED, Outcome.DEFERRED
_BOUNCED, _ACCEPTED = Outcome.BOUNCED, Outcome.ACCEPTED
_record = constructor(Recipient)


def unread(book: Book, text: bytes) -> None:
    """Account for a text that is no fact of mail, unless it is the beginning of one that was cut."""
    if len(text) < 9 and any(fact.startswith(text) for fact in (b"<= ", b"=> ", b"-> ", b"** ", b"== ", b"Completed")):  # noqa: PLR2004
        book.defect("an Exim line ends within its first word")
    else:
        book.ignored += 1


# --- arrivals ------------------------------------------------------------------------------------------------------------


def _arrival(book: Book, message: Message, text: bytes) -> None:
    """`<= sender H=name (helo) [ip] U=user P=protocol A=auth:user S=size id=message-id T="subject" from <s> for t1 t2`."""
    if message.named:  # told once more
        book.let_go(message, closes=False)
        message = book.message(message.queue, message.queue_id)
    message.opens = True
    text, shape = _without_subject(text)
    end, size_at = shape.find(b" "), shape.rfind(b" S=")
    if size_at < end or end < 0:
        book.defect("the origin and the size of an arrival cannot be read; the line may be cut")
        return
    sender = text[:end]
    message.sender = better_sender(message.sender, "" if sender == b"<>" else canonical(decoded(sender[:TEXT_LIMIT])))
    origin = text[end:size_at]
    facts, submitted = origin_of(origin)
    message.facts += facts
    message.submitted = message.submitted or submitted
    digits = shape[size_at + 3 :].partition(b" ")[0]
    if message.size < 0 and digits.isdigit() and len(digits) <= 18:  # noqa: PLR2004  64 bit
        message.size = int(digits)
    if not message.message_id:
        message.message_id = _message_id(text, shape, size_at)
    named = shape.find(b" for ", size_at)
    if named >= 0:
        list_recipients(book, message, text[named + 5 :], shape[named + 5 :])
    elif shape[-1:] == b"_" and shape != text and text[-1:] != b'"':
        book.defect("a quoted text of an arrival does not end; the line may be cut")


def _without_subject(text: bytes) -> tuple[bytes, bytes]:
    """An arrival, where that is simple without its subject, and the same with all that is quoted made unreadable."""
    head, mark, tail = text.partition(b' T="')
    if mark and b'"' not in head:
        words, mark, tail = tail.partition(b'"')
        if mark and words[-1:] != b"\\" and b'"' not in tail:
            head += tail
            return head, head
    return text, masked(text)


def _message_id(text: bytes, shape: bytes, size_at: int) -> str:
    """`id=`, or `id*=` where Exim made it itself."""
    for mark in (b" id=", b" id*="):
        at = shape.find(mark, size_at)
        if at >= 0:
            at += len(mark)
            end = shape.find(b" ", at)
            name = text[at : end if end >= 0 else len(text)]
            if _PLAIN_ID.fullmatch(name) and name[-9:].lower() != b"mtasv.net":  # the common case of `canonical_message_id`
                return name.decode()
            return canonical_message_id(decoded(name[:TEXT_LIMIT]))
    return ""


def _origin_in(text: bytes) -> tuple[tuple[Fact, ...], bool]:
    """Who handed a message in, by the fields before its size, and whether that was a user or a program of our side.

    P stands behind what a client may word, A behind P.
    """
    shape = masked(text)
    protocol = shape.rfind(b" P=")
    who = shape[:protocol] if protocol >= 0 else shape
    client, bounced = client_in(who), _BOUNCE_OF.search(who)
    facts: tuple[Fact, ...] = (("bounce_of", bounced[1].decode()),) if bounced else ()
    if client:
        facts += (client, ("origin", "smtp"))
    login = shape.find(b" A=", protocol) if protocol >= 0 else -1
    if login >= 0:
        end = shape.find(b" ", login + 1)
        user = text[login + 3 : end if end >= 0 else len(text)].partition(b":")[2]
        return (*facts, ("sasl_username", decoded(user[:TEXT_LIMIT]))) if user else facts, True
    if client:
        return facts, False
    user = who.rpartition(b" U=")[2].partition(b" ")[0] if b" U=" in who else b""
    if user:
        facts += (("local_user", decoded(user[:TEXT_LIMIT])),)
    return (*facts, ("origin", "local")), not bounced and shape.startswith(b" P=local", protocol)


_known_origin = lru_cache(maxsize=4096)(_origin_in)


def origin_of(text: bytes) -> tuple[tuple[Fact, ...], bool]:
    """What the fields between the sender and the size tell: facts, and whether our side submitted the message."""
    return _known_origin(text) if len(text) <= CACHED else _origin_in(text)


def client_in(who: bytes) -> Fact | None:
    """The client of a text in which quotes are masked. Of `H=` only the last bracket is to be trusted; a name in parentheses is the client's own word."""
    match = _CLIENT.search(who)
    return ("client", decoded(b"%b[%b]" % (match[1] or b"unknown", match[2]))) if match else None


def list_recipients(book: Book, message: Message, text: bytes, shape: bytes) -> None:
    """The list behind `for`: all that were accepted, not yet rewritten, in full if the line had room for it."""
    if b'"' not in text:
        written = text.split()
    else:
        written = [text[match.start() : match.end()] for match in re.finditer(rb"[^ ]+", shape)]
    for at in range(0, len(written), PIECE_LIMIT):  # a list may be longer than a piece
        if message.named:
            book.let_go(message, closes=False)
            message = book.message(message.queue, message.queue_id)
        found = [_known_address(book, one) for one in written[at : at + PIECE_LIMIT]]
        message.named = [address for address, _ in found]
        message.spelled = dict(reversed(found)) if any(spelled for _, spelled in found) else None
        message.listed = book.stamp, book.start, book.end
        if message.declared < 0 and book.end - book.start < FULL:
            message.declared = len(written)


def _known_address(book: Book, written: bytes) -> tuple[str, str]:
    address = book.address(written)
    return address_in(written[:TEXT_LIMIT]) if address is None else (address, "")


# --- what became of each copy --------------------------------------------------------------------------------------------


def _delivery(outcome: Outcome, book: Book, message: Message, text: bytes) -> None:
    """`=> final (between) <original> F=<s> R=router T=transport H=host [ip] C="reply"`; for failures `: words` at the end."""
    to, _, fields = text.partition(b" ")
    address = book.address(to)
    if address is not None and fields[:2] in BEGINNINGS:
        written = original = ""
    else:
        found = target_in(text)
        if found is None:
            book.defect("the recipient of a delivery cannot be read; the line may be cut")
            return
        (address, written, original, *_), end = found
        book.note_target(text[:end], found[0])
        fields = text[end:].lstrip(b" ")
        outcome = _of_odd_target(found[0], outcome)
    if fields[:2] == b"F=" or fields[:2] == b"P=":
        fields = _without_sender(message, fields)
    if outcome is _DELIVERED:
        reply = _reply(fields)
        if b"id=" in reply or b"queued as " in reply or b" [127." in fields or b" [::1]" in fields:
            outcome = _handed_on(message, fields, reply)
    elif outcome is _DEFERRED or outcome is _BOUNCED:
        outcome, reply = _refusal(outcome, fields)
    else:
        reply = b""
    one = _record(
        address, _ENVELOPE, outcome, written, original, decoded(reply[:TEXT_LIMIT]), None, book.stamp, book.start, book.end, ""
    )
    book.enter(message, one)


def _of_odd_target(target: Target, outcome: Outcome) -> Outcome:
    """A copy that is dropped never left; where a filter answered instead, the mail was accepted and no more."""
    if outcome is not _DELIVERED:
        return outcome
    if target.dropped:
        return Outcome.REJECTED
    return _ACCEPTED if target.answered else outcome


def _without_sender(message: Message, fields: bytes) -> bytes:
    """The fields behind `F=<s>`, from which the sender is taken, and `P=<return path>`."""
    for name in (b"F=<", b"P=<"):
        if fields.startswith(name):
            end = address_end(fields, 3, (b" ", b":"), may_end=True)
            if end < 0:
                return b""
            if name == b"F=<":
                message.sender = better_sender(message.sender, canonical(decoded(fields[3:end][:TEXT_LIMIT])))
            fields = fields[end + 1 :].lstrip(b" ")
    return fields


def _reply(fields: bytes) -> bytes:
    """The words in `C="..."`: within them each quote has a backslash before it."""
    at = fields.rfind(b' C="')
    if at < 0:
        return b""
    words, _, _ = fields[at + 4 :].partition(b'"')
    if b"\\" in words:
        match = _WORDS.match(fields, at + 4)
        words = _ESCAPED.sub(r"\1", decoded(match[0])).encode() if match else words
    return words


def _handed_on(message: Message, fields: bytes, reply: bytes) -> Outcome:
    """Delivered, or handed to a program on this host that tells the rest; the id at the next hop is noted."""
    name, _, rest = fields.partition(b" H=")[2].partition(b" [")
    address, closing, _ = rest.partition(b"]")
    if not closing:
        return _DELIVERED
    here, following = address.startswith(_HERE), _NEXT.search(reply)
    if following:
        hop = message.queue.host if here else decoded(b"%b[%b]" % (name[:TEXT_LIMIT], address[:CACHED]))
        message.facts += (("handed_to", f"{hop}/{following[following.lastindex or 0].decode()}"),)
    return _ACCEPTED if here and (following or b"Saved" not in reply) else _DELIVERED


def _refusal(outcome: Outcome, fields: bytes) -> tuple[Outcome, bytes]:
    """Outcome and words of a failure. What was refused after the data had left has left, for now or for good."""
    before, mark, words = fields.partition(b": ")
    first = _FAILED.search(fields)
    if first and _AFTER_DATA.match(fields, first.start()):
        outcome = Outcome.REFUSED_AFTER_DATA
    return outcome, words if mark else before.removeprefix(b":").strip()


def _completed(book: Book, message: Message, text: bytes) -> None:
    """`Completed`, `Completed QT=2s`: the message has left the queue."""
    if text == b"pleted" or text.startswith(b"pleted "):
        book.let_go(message, closes=True)
    else:
        unread(book, b"Com" + text)


def _removed(book: Book, message: Message, text: bytes) -> None:
    """`removed by user`: an administrator threw it away."""
    if text.startswith(b"oved by "):
        message.facts += (("removed", "true"),)
        book.let_go(message, closes=True)
    else:
        unread(book, b"rem" + text)


def _stopped(word: str, rest: tuple[bytes, ...], book: Book, message: Message, text: bytes) -> None:
    """`Frozen (...)`, `frozen by user`, `cancelled by user`: kept as a fact, for the message may still go out."""
    if text.startswith(rest):
        message.facts += ((word, "true"),)
    else:
        unread(book, b"..." + text)


# what is a fact, by its first three bytes; `(=` is an arrival of which the client was told the contrary
ACTS: Mapping[bytes, Act] = {
    b"<= ": _arrival, b"(= ": _arrival,
    **dict.fromkeys((b"=> ", b"-> ", b">> "), partial(_delivery, _DELIVERED)),
    b"*> ": partial(_delivery, Outcome.SUPPRESSED),
    b"** ": partial(_delivery, _BOUNCED),
    b"== ": partial(_delivery, _DEFERRED),
    b"Com": _completed,
    b"rem": _removed,
    b"can": partial(_stopped, "cancelled", (b"celled by ",)),
    **dict.fromkeys((b"Fro", b"fro"), partial(_stopped, "frozen", (b"zen",))),
}  # fmt: skip
