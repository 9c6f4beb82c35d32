"""What OpenSMTPD says of a session, a message and a recipient: one function for each event."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from forensics.addresses import canonical
from forensics.model import Fragment, Outcome, Recipient, Role
from forensics.parsers.opensmtpd.messages import Book, Fact, Message
from forensics.records import constructor
from forensics.syslog import address_end, better_sender, decoded

__all__ = ["EVENTS", "Event", "before_64"]

_TEXT_LIMIT = 4_096  # bytes of an address or a reply
_HEX = b"0123456789abcdef"
_SESSION, _MESSAGE = 16, 8  # digits
_DIGITS = 19  # of a size; fewer are meant, and half as many of a count
_MSGID = re.compile(rb"msgid=([0-9a-f]{8}) ")
_COUNT = re.compile(rb",? size=([0-9]{1,18}),? (?:nrcpt|ndest)=([0-9]{1,9})\b")
_HERE = re.compile(rb' relay="?(?:127\.[0-9.]{1,11}|\[?(?:IPv6:)?::1\]?)[ ",]')
_OLD_MESSAGE = re.compile(rb"smtp-in: Accepted message ([0-9a-f]{8}) on session ([0-9a-f]{16})(?:: |$)")
_OLD_SESSION = re.compile(rb"smtp-in: New session ([0-9a-f]{16}) from host (.{1,1024})")
_OLD_USER = re.compile(rb"smtp-in: Accepted authentication for user (.{1,256}) on session ([0-9a-f]{16})")
_OLD_DELIVERY = re.compile(rb"(?:relay|delivery|bounce): ([A-Z][A-Za-z]{1,16}) for ([0-9a-f]{16}): ")
_OLD_END = re.compile(rb"smtp-in: (?:Closing|Received disconnect from) session ([0-9a-f]{16})")
_RCPT = re.compile(rb"RCPT TO: ?(?=<)", re.IGNORECASE)
_ADDRESS = re.compile(rb'<((?:[^<>"\\]|\\.|"(?:[^"\\]|\\.)*+")*+)>')
_AFTER_TO = (
    b" rcpt=<",
    b" source=",
    b" user=",
    b" relay=",
    b" delay=",
    b", rcpt=<",
    b", source=",
    b", user=",
    b", delay=",
    b", size=",
    b" size=",
)
_OUTCOMES = {
    b"Ok": Outcome.DELIVERED, b"TempFail": Outcome.DEFERRED, b"PermFail": Outcome.BOUNCED, b"Expire": Outcome.BOUNCED,
    b"Loop": Outcome.BOUNCED, b"Remove": Outcome.BOUNCED,
}  # fmt: skip
_MAY_BE_HERE = (
    b' relay="127.',
    b" relay=127.",
    b' relay="[',
    b" relay=[",
    b' relay="::1',
    b" relay=::1",
    b' relay="IPv6:',
    b" relay=IPv6:",
)
_ENVELOPE, _DELIVERED, _ACCEPTED, _REJECTED = Role.ENVELOPE, Outcome.DELIVERED, Outcome.ACCEPTED, Outcome.REJECTED
_record, _fragment = constructor(Recipient), constructor(Fragment)


def _recipient(book: Book, outcome: Outcome, to: bytes, original: bytes = b"", reply: bytes = b"") -> Recipient:
    address, written = book.addresses[to], ""
    if not address:
        text = decoded(to[:_TEXT_LIMIT])
        address = canonical(text)
        written = "" if text.lower() == address else text
    before = ""
    if original not in {b"", b"-", to}:
        before = book.addresses[original] or canonical(decoded(original[:_TEXT_LIMIT]))
    said = decoded(reply[:_TEXT_LIMIT]) if reply else ""
    return _record(
        address, _ENVELOPE, outcome, written, "" if before == address else before, said, None, book.stamp, book.start, book.end, "",
    )  # fmt: skip


def _between(
    text: bytes, key: bytes, at: int, followers: tuple[bytes, ...], *, may_end: bool = False
) -> tuple[bytes | None, int]:
    """The address written as `key<...>` at or behind `at`, and where its `>` stands; None if it does not end."""
    begin = text.find(key, at)
    end = address_end(text, begin + len(key), followers, may_end=may_end) if begin >= 0 else -1
    return (text[begin + len(key) : end], end) if end >= 0 else (None, at)


# --- what the lines say ---------------------------------------------------------------------------------------------------


def _accepted(book: Book, host: str, session: bytes, text: bytes) -> None:
    """`smtp message msgid=b7c8d9e0 size=1615 nrcpt=2 proto=ESMTP`."""
    name, (size, between, rest) = text[6:14], text[20:].partition(b" nrcpt=")
    count = rest.partition(b" ")[0]
    is_common = between and size.isdigit() and count.isdigit() and len(size) < _DIGITS and len(count) < _DIGITS // 2
    if is_common and text.startswith(b" size=", 14) and text.startswith(b"msgid=") and not name.translate(None, _HEX):
        message = book.message(host, name)
        message.opens = message.opens or not book.again
        message.size, message.declared = int(size), int(count)
        book.came_by(host, session, message)
    else:
        _accepted_before_64(book, host, session, text)


def _accepted_before_64(book: Book, host: str, session: bytes, text: bytes) -> None:
    """`smtp event=message address=... msgid=b7c8d9e0 from=<s> to=<t> size=700 ndest=1 proto=ESMTP`, or a line that is cut."""
    at = text.find(b"msgid=")
    name = _MSGID.match(text, at) if at >= 0 else None
    if name is None:
        book.defect("the id of a message cannot be read; the line may be cut")
        return
    message = book.message(host, name[1])
    message.opens = message.opens or not book.again
    _counted(book, message, text, name.end())
    book.came_by(host, session, message)
    _enveloped(book, host, name[1], message, text, at)


def _counted(book: Book, message: Message, text: bytes, at: int) -> None:
    """Size and number of recipients: `size=1615 nrcpt=2`, behind sender and recipient if these are there."""
    if text.startswith(b"from=<", at):
        at = _behind_addresses(text, at) + 2
    match = _COUNT.match(text, at - 1)
    if match:
        message.size, message.declared = int(match[1]), int(match[2])
    else:
        book.defect("size and number of recipients cannot be read; the line may be cut")


def _enveloped(book: Book, host: str, name: bytes, message: Message, text: bytes, at: int) -> None:
    """`from=<s> to=<t>` behind `at`, if there: a recipient that was accepted."""
    sender, end = _between(text, b"from=<", at, (b" to=<", b", to=<"))
    if sender is None:
        return
    message.sender = better_sender(message.sender, decoded(sender[:_TEXT_LIMIT]))
    to, _ = _between(text, b"to=<", end, _AFTER_TO, may_end=True)
    if to:
        book.enter(host, name, message, _recipient(book, _ACCEPTED, to))


def _envelope(book: Book, host: str, session: bytes, text: bytes) -> None:
    """`smtp envelope evpid=b7c8d9e011223344 from=<s> to=<t>`, one for each recipient that was accepted."""
    name = _evpid(text)
    sender, _, to = text[23:].partition(b"> to=<")
    known = book.addresses
    if name and sender.startswith(b"from=<") and known[sender[6:]] and to.endswith(b">") and known[to[:-1]]:
        message = book.message(host, name)
        book.came_by(host, session, message)
        message.sender = better_sender(message.sender, known[sender[6:]])
        book.enter(host, name, message, _recipient(book, _ACCEPTED, to[:-1]))
    elif name and _between(text, b" to=<", 0, (), may_end=True)[0] is not None:
        message = book.message(host, name)
        book.came_by(host, session, message)
        _enveloped(book, host, name, message, text, 22)
    else:
        book.defect("an accepted recipient cannot be read; the line may be cut")


def _evpid(text: bytes) -> bytes:
    """The message's part of `evpid=`; "" if it is none."""
    digits = text[6:22]
    is_id = text.startswith(b"evpid=") and len(digits) == _SESSION and not digits.translate(None, _HEX) and text[22:23] == b" "
    return digits[:_MESSAGE] if is_id else b""


def _delivery(book: Book, host: str, session: bytes, text: bytes) -> None:  # noqa: ARG001  the session is that of the delivery
    """`mta delivery evpid=... from=<s> to=<t> rcpt=<o> source="..." relay="..." delay=1s result="Ok" stat="250 ..."`, and mda's.

    What stands in `stat` is the remote host's: each field is sought from the left, behind the last.
    """
    name = _evpid(text)
    sender, _, rest = text[23:].partition(b"> to=<")
    to, _, rest = rest.partition(b"> rcpt=<")
    original, _, rest = rest.partition(b"> source=")
    known = book.addresses
    if name and sender.startswith(b"from=<") and known[sender[6:]] and known[to] and (original == b"-" or known[original]):
        result, _, said = rest.partition(b" result=")[2].partition(b" stat=")
        _became(book, host, name, (sender[6:], to, original), (rest, result.strip(b'"'), said))
    else:
        at = text.find(b" result=", _behind_addresses(text, 22)) if name else -1
        result, _, said = text[at + 8 :].partition(b" stat=") if at >= 0 else (b"", b"", b"")
        _delivered(book, host, name, text, result.strip(b'"'), said)


def _behind_addresses(text: bytes, at: int) -> int:
    """Where the last address of a delivery ends."""
    _, end = _between(text, b"from=<", at, (b" to=<", b", to=<"))
    _, end = _between(text, b"to=<", end, _AFTER_TO)
    if text.startswith((b" rcpt=<", b", rcpt=<"), end + 1):
        _, end = _between(text, b"rcpt=<", end, _AFTER_TO)
    return end


def _delivered(book: Book, host: str, name: bytes, text: bytes, result: bytes, said: bytes) -> None:
    sender, end = _between(text, b"from=<", 0, (b" to=<", b", to=<"))
    to, end = _between(text, b"to=<", end, _AFTER_TO)
    if not name or to is None or sender is None or not to:
        book.defect("the recipient of a delivery cannot be read; the line may be cut")
        return
    original: bytes | None = b""
    if text.startswith((b" rcpt=<", b", rcpt=<"), end + 1):
        original, end = _between(text, b"rcpt=<", end, _AFTER_TO)
    _became(book, host, name, (sender, to, original or b""), (text[end:], result, said))


def _became(book: Book, host: str, name: bytes, who: tuple[bytes, bytes, bytes], how: tuple[bytes, bytes, bytes]) -> None:
    """A delivery: sender, recipient, and that before expansion; what stands behind them, with the relay; result; reply."""
    (sender, to, original), (rest, result, said) = who, how
    outcome = _OUTCOMES.get(result)
    if outcome is _DELIVERED and rest.startswith(_MAY_BE_HERE, at := rest.find(b" relay=")) and _HERE.match(rest, at):
        outcome = _ACCEPTED  # by a filter or server on this host
    elif outcome is None:
        book.defect("what became of a delivery cannot be read; the line may be cut")
        outcome = _ACCEPTED
    message = book.message(host, name)
    message.sender = better_sender(message.sender, decoded(sender[:_TEXT_LIMIT]))
    reply = said[1:].removesuffix(b'"') if said.startswith(b'"') else said
    book.enter(host, name, message, _recipient(book, outcome, to, original, reply))


def _connected(book: Book, host: str, session: bytes, text: bytes) -> None:
    """`smtp connected address=192.0.2.10 host=app1.acme.example`; `address=local` is a process of this host."""
    book.begin_session(host, session, _client_of(text[: 2 * _TEXT_LIMIT]))


@lru_cache(maxsize=1024)
def _client_of(text: bytes) -> tuple[Fact, Fact]:
    address, _, name = text.partition(b" host=")
    address = address.removeprefix(b"address=")
    client = f"{decoded(name.strip()[:_TEXT_LIMIT])}[{decoded(address[:_TEXT_LIMIT])}]"
    return ("client", client), ("origin", "local" if address == b"local" else "smtp")


def _signed_in(book: Book, host: str, session: bytes, text: bytes) -> None:
    if text.startswith(b"user=") and text.endswith(b" result=ok"):
        user = text[5:-10].partition(b" address=")[0]
        book.note_session(host, session, ("sasl_username", decoded(user[:_TEXT_LIMIT])))
    else:
        book.ignored += 1


def _failed(book: Book, host: str, session: bytes, text: bytes) -> None:
    """`smtp failed-command command="RCPT TO:<t>" result="550 ..."`: the command is the client's, and may hold all of this."""
    begin = text.find(b'"') + 1
    rcpt = _RCPT.match(text, begin) if 0 < begin <= 10 else None  # noqa: PLR2004  `command=`
    if rcpt is None:
        book.ignored += 1
        return
    address = _ADDRESS.match(text, rcpt.end())
    mark = max(text.rfind(b'" result="'), text.rfind(b'" => '))
    if address is None or not address[1] or mark < address.end():
        book.defect("a rejected recipient cannot be read; the line may be cut")
        return
    reply = text[mark:].removeprefix(b'" result="').removeprefix(b'" => ').removesuffix(b'"')
    one = _recipient(book, _REJECTED, address[1], b"", reply)
    alone = Message(book.start, book.stamp, book.end, recipients=[one])
    book.came_by(host, session, alone)
    key = f"3reject/{book.span.evidence}/{book.span.member}/{book.start}"
    book.ready.append(_fragment(key, book.seen(host, alone, "reject"), True, True))


def _ended(book: Book, host: str, session: bytes, text: bytes) -> None:  # noqa: ARG001  the reason is not needed
    book.end_session(host, session)
    book.ignored += 1


def before_64(book: Book, host: str, text: bytes) -> None:
    """The words of releases before 6.0."""
    message, delivery = _OLD_MESSAGE.match(text), _OLD_DELIVERY.match(text)
    opened, user = _OLD_SESSION.fullmatch(text), _OLD_USER.fullmatch(text)
    if message:
        one = book.message(host, message[1])
        one.opens = one.opens or not book.again
        book.came_by(host, message[2], one)
        _counted(book, one, text, message.end())
        _enveloped(book, host, message[1], one, text, message.end())
    elif delivery:
        at = text.find(b", stat=", _behind_addresses(text, delivery.end()))
        _delivered(book, host, delivery[2][:_MESSAGE], text, delivery[1], text[at + 7 :] if at >= 0 else b"")
    elif opened:
        client = decoded(opened[2])
        book.begin_session(host, opened[1], (("client", client), ("origin", "local" if client.endswith("[local]") else "smtp")))
    elif user:
        book.note_session(host, user[2], ("sasl_username", decoded(user[1])))
    elif text.startswith(b"smtp-in: Failed command on session "):
        _failed(book, host, text[35:51] if not text[35:51].translate(None, _HEX) else b"", b"command=" + text[53:])
    else:
        book.ignored += 1


Event = Callable[[Book, str, bytes, bytes], None]
EVENTS: Mapping[bytes, Event] = {
    b"smtp connected": _connected,
    b"smtp authentication": _signed_in,
    b"smtp message": _accepted,
    b"smtp envelope": _envelope,
    b"smtp failed-command": _failed,
    b"smtp disconnected": _ended,
    b"smtp closed": _ended,
    b"mta delivery": _delivery,
    b"mda delivery": _delivery,
}
