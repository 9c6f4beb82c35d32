"""What each daemon of Postfix says of a message: one function for each kind of text behind the queue id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from forensics.addresses import canonical, canonical_message_id
from forensics.model import Outcome, Recipient, Role
from forensics.parsers.postfix.messages import PIECE_LIMIT, Act, Book, Head, Message
from forensics.parsers.postfix.sessions import Fact, Taken
from forensics.records import constructor
from forensics.syslog import AFTER_DATA, address_end, better_sender, decoded

__all__ = ["DAEMONS", "HAND_ON", "unread"]

_TEXT_LIMIT = 4_096  # bytes of an address, an identifier or a reply
_CACHED = 320  # bytes: longer texts are hostile, and would fill a cache without being met again

_FACTS = (b"client=", b"uid=", b"message-id=", b"from=<", b"to=<", b"removed")
_QUEUED = re.compile(rb"\bqueued as ([0-9A-Za-z]{6,40})\)?\s*$")
_FORWARDED = re.compile(rb"forwarded as ([0-9A-Za-z]{6,40})\b")
_HERE = re.compile(rb"[^\[\]\s]{0,255}\[(?:127\.[0-9.]{1,11}|::1)\]|(?:localhost|127\.0\.0\.1)(?::\d{1,5})?$")
_HERE_BEGINS = frozenset((b"127.", b"::1]", b""))  # behind the bracket; "" where there is none
HAND_ON = frozenset(("discard", "local"))  # daemons whose "sent" may be something else
_SPEAKS_SMTP = frozenset(("smtp", "lmtp", "relay"))
_PLAIN_ADDRESS = re.compile(rb"[A-Za-z0-9._+=-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,20}")
_PLAIN_ID = re.compile(rb"message-id=<([!-;=?-~]{1,1000})(?<!(?i:mtasv\.net))>")  # Postmark's own have a canonical form
_CLOSES, _QUOTES = b'>"'
_SIZES = (b">, size=", b", size=")
_DIGITS = 18  # of a number of 64 bits
_COUNTS = {b"%d (queue active)" % number: number for number in range(100)}
_FURTHER = re.compile(rb", (?:sasl_sender|orig_queue_id|orig_client)=")
_SECOND = re.compile(rb"Recipient address triggers BCC (\S{1,1024}); from=<")
# members of an enumeration take their time to look up
_ENVELOPE, _DELIVERED, _DEFERRED = Role.ENVELOPE, Outcome.DELIVERED, Outcome.DEFERRED
_BOUNCED, _ACCEPTED = Outcome.BOUNCED, Outcome.ACCEPTED
_record, _taken = constructor(Recipient), tuple.__new__


def unread(book: Book, text: bytes) -> None:
    """Account for a text of a mail daemon that is no fact of mail, unless it is the beginning of one that was cut."""
    if len(text) < 12 and any(fact.startswith(text) for fact in _FACTS):  # noqa: PLR2004  no fact's name is as long
        book.defect("a Postfix line ends within its first word")
    else:
        book.ignored += 1


# --- where a message comes from ------------------------------------------------------------------------------------------


def _client(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """smtpd: `client=host[address], sasl_method=..., sasl_username=..., orig_queue_id=..., orig_client=...`."""
    found = _known_client(text) if len(text) <= _CACHED else _client_in(text)
    if found is None:
        unread(book, text)
        return
    origin, before, client = found
    message = book.begun(head.queue, queue_id, message)
    session = head.session
    if session is not None and not book.again:
        taken = _taken(Taken, (book.start, book.stamp, queue_id if message else b"", client))
        if session.taken:
            session.take_more(taken)
        else:
            session.taken = (taken,)
    if message is None:
        return
    if message.origin:
        message.facts += origin
    else:
        message.origin = origin
    if len(origin) == 1:
        book.defect("the client of a message cannot be read; the line may be cut")
    elif len(origin) > 2:  # noqa: PLR2004  with the user's name
        message.submitted = True
    if before:
        message.link(head.queue.host, before, "came_from")


def _client_in(text: bytes) -> tuple[tuple[Fact, ...], bytes, bytes] | None:
    """What `client=...` tells: client, "smtpd" and user, as far as they are there; the queue id before a filter on this host; the client.

    None for any other text.
    """
    if not text.startswith(b"client="):
        return None
    end = text.find(b", ")
    client = text[7 : end if end >= 0 else len(text)][:_TEXT_LIMIT]
    if b"]" not in client:
        return (("origin", "smtpd"),), b"", b""
    origin: tuple[Fact, ...] = (("client", decoded(client)), ("origin", "smtpd"))
    if end < 0:
        return origin, b"", client
    before = text.rfind(b", orig_queue_id=", end)
    user = text.find(b", sasl_username=", end)
    if user >= 0:
        name = text[user + 16 :]
        if b", " in name:
            name = _FURTHER.split(name, maxsplit=1)[0]
        origin += (("sasl_username", decoded(name[:_TEXT_LIMIT])),)
    return origin, text[before + 16 :].split(b",", 1)[0] if before >= 0 and _HERE.match(client) else b"", client


_known_client = lru_cache(maxsize=4096)(_client_in)


def _pickup(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """pickup: `uid=33 from=<www-data>`; with `orig_id=` the message was put back by postsuper -r: nobody submitted it now."""
    message = book.begun(head.queue, queue_id, message)
    if message is None:
        return
    message.came((("origin", "pickup"),))
    start = text.find(b" from=<")
    end = address_end(text, start + 7, (b" orig_id=",), may_end=True) if start >= 0 else -1
    if end < 0:
        book.defect("the sender of a message from pickup cannot be read; the line may be cut")
        return
    message.sender = message.sender or decoded(text[start + 7 : end][:_TEXT_LIMIT])
    before = text[end + 10 :] if text.startswith(b" orig_id=", end + 1) else b""
    if before:
        message.link(head.queue.host, before.strip(), "came_from")
    else:
        message.submitted = True


def _message_id(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """cleanup: `message-id=<...>`, also empty, or without brackets where the client sent none."""
    plain = _PLAIN_ID.fullmatch(text)
    if plain is None and not text.startswith(b"message-id="):
        unread(book, text)
        return
    if message is None and (message := book.new(head.queue, queue_id)) is None:
        return
    message.end = book.end
    if plain:
        name = plain[1]
        if not message.message_id:
            message.message_id = name.decode()
        return
    name = text[11:]
    if len(name) > _TEXT_LIMIT or (name[:1] == b"<" and b">" not in name):
        # told of a message whose id is known, too: a cut between the two lines must not change what is told
        book.defect("a Message-ID does not end; the line may be cut")
    else:
        message.message_id = message.message_id or canonical_message_id(decoded(name))


def _sender(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """qmgr: `from=<s>, size=1234, nrcpt=2 (queue active)`; `nrcpt` counts what is left, so only the first one is whole."""
    begin, _, rest = text.partition(b">, size=")
    sender = book.senders.get(begin)
    size, _, active = rest.partition(b", nrcpt=")
    count = _COUNTS.get(active)
    if message is None or sender is None or count is None or not size.isdigit() or len(size) > _DIGITS:
        _other_sender(book, head, queue_id, text, message)
        return
    message.end = book.end
    message.sender = better_sender(message.sender, sender) if message.sender else sender
    if message.declared < 0:
        message.size, message.declared = int(size), count


def _other_sender(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """Any line of the queue manager that begins like one with a sender; a plain sender is remembered."""
    if not text.startswith(b"from=<"):
        unread(book, text)
        return
    if message is None and (message := book.new(head.queue, queue_id)) is None:
        return
    message.end = book.end
    begin, mark, rest = text.partition(b">, size=")
    sender = begin[6:]
    if not mark or _CLOSES in sender or _QUOTES in sender:
        end = address_end(text, 6, (b", size=", b", status="))
        if end < 0:
            book.defect("the sender of a message cannot be read; the line may be cut")
            return
        sender, mark, rest = text[6:end], text[end + 1 : end + 8], text[end + 8 :]
    elif len(begin) <= _CACHED:
        book.note_sender(begin, decoded(sender))
    message.sender = better_sender(message.sender, decoded(sender[:_TEXT_LIMIT]))
    if mark not in _SIZES:
        return
    size, _, rest = rest.partition(b", nrcpt=")
    count, space, _ = rest.partition(b" ")
    if not (space and size.isdigit() and count.isdigit()) or len(size) > _DIGITS or len(count) > 9:  # noqa: PLR2004  32 bit
        book.defect("size and number of recipients cannot be read; the line may be cut")
        return
    if message.declared < 0:
        message.size, message.declared = int(size), int(count)


def _removed(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """qmgr, postsuper or cleanup: the message has left the queue."""
    if not text.startswith(b"removed"):
        unread(book, text)
    elif message is not None or (message := book.new(head.queue, queue_id)) is not None:
        message.end = book.end
        book.let_go(head.queue, queue_id, closes=True)


# --- what became of each copy --------------------------------------------------------------------------------------------


def _delivery(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """A delivery agent: `to=<t>, orig_to=<o>, relay=..., ..., status=sent (remote text)`.

    The common line has a plain address, and a relay that is not on this host; all others are read by `_other_delivery`.
    """
    to, _, rest = text.partition(b">, relay=")
    address = book.addresses.get(to)
    if message is None or address is None or len(text) > _TEXT_LIMIT:
        _other_delivery(book, head, queue_id, text, message)
        return
    relay, _, rest = rest.partition(b",")
    after = rest.partition(b" status=")[2]
    if after[:6] == b"sent (":
        outcome, reply = _DELIVERED, after[6:]
        sure = head.is_last_word and relay.partition(b"[")[2][:4] not in _HERE_BEGINS
    else:
        outcome, reply, sure = _DEFERRED, after[10:], after[:10] == b"deferred ("
    if not sure:
        _other_delivery(book, head, queue_id, text, message)
        return
    message.end = book.end
    said = decoded(reply.removesuffix(b")"))
    message.recipients.append(_record(address, _ENVELOPE, outcome, "", "", said, None, book.stamp, book.start, book.end, ""))
    if len(message.recipients) >= PIECE_LIMIT:
        book.let_go(head.queue, queue_id, closes=False)


def _other_delivery(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """Any line of a delivery agent. Its last text is the remote host's: each field is sought from the left, behind the last."""
    if message is None and (message := book.new(head.queue, queue_id)) is None:
        return
    message.end = book.end
    fields = _delivery_in(text)
    if fields is None:
        book.defect("the recipient of a delivery cannot be read; the line may be cut")
        return
    to, original, relay, status, reply = fields
    if not original and _PLAIN_ADDRESS.fullmatch(to):
        book.note_address(text[: 4 + len(to)], to.lower().decode())
    if status in _PROBES:
        message.facts += (("probe", "true"),)
        book.ignored += 1
        return
    outcome = _STATUS.get(status)
    if outcome is None:
        book.defect("what became of a delivery cannot be read; the line may be cut")
        outcome = _ACCEPTED
    else:
        outcome = _last_word(message, head, outcome, relay, reply)
    book.enter(head.queue, queue_id, message, _recipient(book, _ENVELOPE, outcome, to, original, reply))


def _delivery_in(text: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes] | None:
    """Recipient, original recipient, relay, status and reply of a delivery, "" for what is not there; None without recipient."""
    original = b""
    stop = end = address_end(text, 4, (b", relay=", b", orig_to=<"))
    if end >= 0 and text.startswith(b", orig_to=<", end + 1):
        stop = address_end(text, end + 12, (b", relay=",))
        original = text[end + 12 : stop] if stop >= 0 else b""
    if end < 0:  # the recipient may still be whole
        end = text.find(b">")
    if end < 0 or end > _TEXT_LIMIT or len(original) > _TEXT_LIMIT:
        return None
    comma = text.find(b",", stop + 9) if stop >= 0 else -1
    mark = text.find(b" status=", comma) if comma >= 0 else -1
    status, _, reply = text[mark + 8 :].partition(b" (") if mark >= 0 else (b"", b"", b"")
    return text[4:end], original, text[stop + 9 : comma] if comma >= 0 else b"", status, reply[:_TEXT_LIMIT].removesuffix(b")")


def _last_word(message: Message, head: Head, outcome: Outcome, relay: bytes, reply: bytes) -> Outcome:
    """What became of a copy that is no longer in this queue; where it goes on under another id, that is noted.

    Sent to a filter on this host, or forwarded by local(8), is handed on: its fate is told under the next id. discard(8)
    says "sent", but the copy never left: rejected. "Sent" to anybody else is delivered.
    """
    if outcome is _DEFERRED:
        return outcome
    if outcome is _BOUNCED:
        return Outcome.REFUSED_AFTER_DATA if reply.endswith(AFTER_DATA) else outcome
    if head.daemon == "discard":
        return Outcome.REJECTED
    match = None
    if head.daemon == "local":
        match = _FORWARDED.match(reply)
    elif head.daemon in _SPEAKS_SMTP and _HERE.match(relay):
        match = _QUEUED.search(reply)
        if match is None and (head.daemon != "lmtp" or b"discarded" in reply):
            return _ACCEPTED
    if match is None:
        return outcome
    message.link(head.queue.host, match[1], "handed_to")
    return _ACCEPTED


def _recipient(book: Book, role: Role, outcome: Outcome, text: bytes, original: bytes = b"", reply: bytes = b"") -> Recipient:
    address, written = _address_in(text)
    before = _address_in(original)[0] if original else ""
    if before == address:
        before = ""
    return _record(address, role, outcome, written, before, decoded(reply), None, book.stamp, book.start, book.end, "")


def _address_in(text: bytes) -> tuple[str, str]:
    """Canonical form, and the text as found where it differs in more than case."""
    if _PLAIN_ADDRESS.fullmatch(text):  # the common case of `canonical`
        return text.lower().decode(), ""
    written = decoded(text)
    address = canonical(written)
    return address, "" if written.lower() == address else written


# --- recipients that smtpd and cleanup name ------------------------------------------------------------------------------


def _reject(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """smtpd, postscreen: `reject: RCPT from h[ip]: 554 5.7.1 <t@d>: text; from=<s> to=<t> proto=ESMTP helo=<h>`.

    helo comes last and is the client's: from the left again. Rejects at other stages name no recipient.
    """
    kind = text.find(b"reject: RCPT from ", 0, 32)
    if kind < 0 or head.daemon == "cleanup":
        _refused(book, head, queue_id, text, message)
        return
    code = text.find(b": ", kind + 18) + 2
    quoted = text.find(b" <", code, code + 16)
    after = max(address_end(text, quoted + 2, (b": ",)), code) if quoted >= 0 else code
    start = text.find(b"; from=<", after) + 8
    middle = address_end(text, start, (b" to=<", b", to=<"))
    begin = text.find(b"to=<", middle) + 4
    end = address_end(text, begin, (b" proto=", b", proto="), may_end=True)
    if code < 2 or start < 8 or middle < 0 or end < 0 or end - begin > _TEXT_LIMIT:  # noqa: PLR2004  not found
        book.defect("a rejected recipient cannot be read; the line may be cut")
        return
    client, reply = text[kind + 18 : code - 2], text[code : start - 8][:_TEXT_LIMIT]
    one = _recipient(book, _ENVELOPE, Outcome.REJECTED, text[begin:end], b"", reply)
    facts: tuple[Fact, ...] = ()
    if queue_id == b"NOQUEUE":
        facts = (("client", decoded(client[:_TEXT_LIMIT])), ("origin", "smtpd"))
    _named(book, head, queue_id, one, text[start:middle], facts)


def _refused(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:
    """smtpd, cleanup: `milter-reject: END-OF-MESSAGE from ...`, `reject: header ...`: the whole message never entered the queue.

    At any other stage before the message, nobody is named.
    """
    whole = head.daemon == "cleanup" or text.find(b"reject: END-OF-MESSAGE from ", 0, 48) >= 0
    if not whole or queue_id == b"NOQUEUE":
        message = None
    elif message is None:
        message = book.new(head.queue, queue_id)
    if message is None:
        book.ignored += 1
    else:
        message.end = book.end
        message.facts += (("refused", "true"),)
        book.let_go(head.queue, queue_id, closes=True)


def _bcc(book: Book, head: Head, queue_id: bytes, text: bytes, message: Message | None) -> None:  # noqa: ARG001  sought again where it is needed
    """A copy that this server adds: action BCC of access(5) in smtpd, of header_checks(5) in cleanup."""
    if head.daemon == "cleanup":
        begin = text.rfind(b">: ") + 3
        address = text[begin:] if begin > 2 else b""  # noqa: PLR2004  not found
    else:
        match = _SECOND.search(text)
        address = match[1] if match else b""
    if not 0 < len(address) <= _TEXT_LIMIT:
        book.defect("the address of a copy that the server adds cannot be read; the line may be cut")
        return
    start = text.find(b"; from=<") + 8
    end = address_end(text, start, (b" to=<", b" proto="))
    sender = text[start:end] if end >= 0 and start >= 8 else b""  # noqa: PLR2004  not found
    _named(book, head, queue_id, _recipient(book, Role.BCC, _ACCEPTED, address), sender, (("server_bcc", "true"),))


def _named(book: Book, head: Head, queue_id: bytes, one: Recipient, sender: bytes, facts: tuple[Fact, ...]) -> None:
    """Enter a recipient with its queue id; without one it is a record of its own."""
    if queue_id != b"NOQUEUE":
        message = head.open.get(queue_id) or book.new(head.queue, queue_id)
        if message is not None:
            message.end = book.end
            message.facts += facts
            book.enter(head.queue, queue_id, message, one)
        return
    alone = Message(book.start, book.stamp, book.end, sender=decoded(sender[:_TEXT_LIMIT]), recipients=[one], facts=facts)
    book.let_alone(head.queue, alone, "reject" if one.role is _ENVELOPE else "bcc")


_PROBES = (b"deliverable", b"undeliverable")
_STATUS = {b"sent": _DELIVERED, b"deferred": _DEFERRED, b"SOFTBOUNCE": _DEFERRED, b"bounced": _BOUNCED}
_DELIVERS: dict[bytes, Act] = {b"to=<": _delivery}
_SMTPD: dict[bytes, Act] = {b"clie": _client, b"reje": _reject, b"milt": _reject, b"bcc:": _bcc}
_QUEUE: dict[bytes, Act] = {b"from": _sender, b"remo": _removed}
# which texts of a daemon are facts of mail, by their first four bytes
DAEMONS: Mapping[str, Mapping[bytes, Act]] = {
    "smtpd": _SMTPD,
    "postscreen": {b"reje": _reject},
    "cleanup": {b"mess": _message_id, b"bcc:": _bcc, b"remo": _removed, b"reje": _reject, b"milt": _reject},
    "pickup": {b"uid=": _pickup},
    "qmgr": _QUEUE, "oqmgr": _QUEUE, "nqmgr": _QUEUE,
    "postsuper": {b"remo": _removed},
    **dict.fromkeys(("smtp", "lmtp", "local", "virtual", "pipe", "error", "retry", "relay", "discard"), _DELIVERS),
}  # fmt: skip
