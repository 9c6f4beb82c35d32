"""Postfix logs: who was sent each queue id's message, and what became of each copy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import groupby

from forensics.addresses import canonical, canonical_message_id
from forensics.dates import FileClock, postfix_long_id_time
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Reading, Recipient, Role, Route, Span, Statement
from forensics.plugins import Parser, Record, Source
from forensics.syslog import (
    AFTER_DATA,
    LOGGERS,
    Cut,
    Envelope,
    address_end,
    better_sender,
    decoded,
    envelope,
    joined,
    lines,
    lost_messages,
    repeated,
    stamp,
    strongest,
)  # fmt: skip

_OPEN_LIMIT = 100_000  # messages held open; beyond it all are let go as pieces, which `_assemble` joins again
_PIECE_LIMIT = 2_000  # delivery lines held for one message
_HEAD_LIMIT = 4_096  # different hosts and programs remembered
_TEXT_LIMIT = 4_096  # bytes of an address, an identifier or a reply

_HEX = b"0123456789ABCDEF"
_BASE52 = b"0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_VALUES = bytes(max(_BASE52.find(value), 0) for value in range(256))
_NO_IDS = frozenset((b"NOQUEUE", b"warning", b"fatal", b"error", b"panic", b"statistics", b"info"))
_FACTS = (b"client=", b"uid=", b"message-id=", b"from=<", b"to=<", b"removed")
_POSTFIX = re.compile(rb"(?<![\w/.-])postfix[\w.-]{0,64}/[\w.-]")
_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,40}:[ \t])")
_QUEUED = re.compile(rb"\bqueued as ([0-9A-Za-z]{6,40})\)?\s*$")
_FORWARDED = re.compile(rb"forwarded as ([0-9A-Za-z]{6,40})\b")
_HERE = re.compile(rb"[^\[\]\s]{0,255}\[(?:127\.[0-9.]{1,11}|::1)\]|(?:localhost|127\.0\.0\.1)(?::\d{1,5})?$")
_SPEAKS_SMTP = frozenset(("smtp", "lmtp", "relay"))
_PLAIN_ADDRESS = re.compile(rb"[A-Za-z0-9._+=-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,20}")
_PLAIN_ID = re.compile(rb"<[!-;=?-~]{1,1000}>")
# members of an enumeration take their time to look up
_ENVELOPE, _SMTP, _SUBMITTED, _UNSAID = Role.ENVELOPE, Route.SMTP, Direction.SUBMITTED, Direction.UNKNOWN
_DELIVERED, _DEFERRED, _BOUNCED, _ACCEPTED = Outcome.DELIVERED, Outcome.DEFERRED, Outcome.BOUNCED, Outcome.ACCEPTED
_FURTHER = re.compile(rb", (?:sasl_sender|orig_queue_id|orig_client)=")
_SECOND = re.compile(rb"Recipient address triggers BCC (\S{1,1024}); from=<")


@dataclass(slots=True, eq=False)
class _Piece:
    """What has been read so far of one message."""

    start: int
    stamp: bytes | str
    at: datetime | None = None  # the time in a long queue id
    opens: bool = False
    end: int = 0
    message_id: str = ""
    sender: str = ""
    submitted: bool = False
    size: int = -1
    declared: int = -1
    recipients: list[Recipient] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)  # queue ids of hops before and after, on the same host


@dataclass(slots=True, eq=False)
class _Head:
    """What a line's host and program decide: which texts are facts, and which queue they are about."""

    actions: Mapping[bytes, Callable[[_Book, _Head, bytes, bytes, int], None]]
    daemon: str
    host: str
    instance: str
    open: dict[bytes, _Piece]


@dataclass(slots=True, eq=False)
class _Book:
    """One span while it is being read: its open messages, the line at hand, and what is ready to go."""

    evidence: str
    member: str
    start: int = 0
    end: int = 0
    stamp: bytes | str = b""
    again: bool = False  # the line says "message repeated": it begins nothing
    heads: dict[bytes, _Head | None] = field(default_factory=dict)
    queues: dict[tuple[str, str], dict[bytes, _Piece]] = field(default_factory=dict)
    opened: int = 0
    ignored: int = 0
    ready: list[Record] = field(default_factory=list)

    def defect(self, reason: str) -> None:
        self.ready.append(Defect(Span(self.evidence, self.member, self.start, self.end), "postfix", reason))


# --- queue ids ---------------------------------------------------------------------------------------------------------


def _is_queue_id(text: bytes) -> bool:
    """Whether this may be a queue id: 5 hex digits of microseconds and an inode (upper case), or a long id (`mail_queue.h`)."""
    return 6 <= len(text) <= 32 and (not text.translate(None, _HEX) or _time_in(text) is not None)  # noqa: PLR2004  see above


def _time_in(queue_id: bytes) -> datetime | None:
    """The time in a long queue id, as `dates.postfix_long_id_time` reads it; None for a short one."""
    cut = queue_id.rfind(b"z")
    if cut < 10 or cut + 1 == len(queue_id) or queue_id.translate(None, _BASE52):  # noqa: PLR2004  6 for seconds, 4 for the rest
        return None
    second = _second(queue_id[: cut - 4])
    a, b, c, d = queue_id[cut - 4 : cut].translate(_VALUES)
    micro = ((a * 52 + b) * 52 + c) * 52 + d
    return second.replace(microsecond=micro) if second and micro < 1_000_000 else None  # noqa: PLR2004


@lru_cache(maxsize=4096)
def _second(digits: bytes) -> datetime | None:
    return postfix_long_id_time(digits.decode() + "0000z0")


def _piece(book: _Book, head: _Head, queue_id: bytes) -> _Piece | None:
    """The open message of this id, new if there is none; None, and the line is accounted for, if it is no id."""
    piece = head.open.get(queue_id)
    if piece is None:
        at = _time_in(queue_id)
        if at is None and not _is_queue_id(queue_id):
            if queue_id in _NO_IDS or (b" " in queue_id and not queue_id.startswith(b"[ID ")):
                book.ignored += 1
            else:
                book.defect("the queue id of a Postfix line cannot be read")
            return None
        if book.opened >= _OPEN_LIMIT:
            _let_all_go(book)
        piece = head.open[queue_id] = _Piece(book.start, book.stamp, at)
        book.opened += 1
    piece.end = book.end
    return piece


def _let_go(book: _Book, head: _Head, queue_id: bytes, *, closes: bool) -> None:
    piece = head.open.pop(queue_id)
    book.opened -= 1
    book.ready.append(_fragment(book, head.host, head.instance, queue_id.decode(), piece, closes=closes))


def _link(piece: _Piece, host: str, queue_id: str, fact: str) -> None:
    """Note the same message's id at the hop before or after. Short ids are re-used: a fact for people, not an identity."""
    text = queue_id.encode()
    if _is_queue_id(text):
        if _time_in(text):
            piece.links.append(f"queue:{host}/{queue_id}")
        else:
            piece.facts.append((fact, f"{host}/{queue_id}"))


def _unread(book: _Book, line: bytes, at: int) -> None:
    """Account for a text of a mail daemon that is no fact of mail, unless it is the beginning of one that was cut."""
    rest = line[at:]
    if len(rest) < 12 and any(fact.startswith(rest) for fact in _FACTS):  # noqa: PLR2004  no fact's name is as long
        book.defect("a Postfix line ends within its first word")
    else:
        book.ignored += 1


# --- lines of one message ------------------------------------------------------------------------------------------------


def _begin(book: _Book, head: _Head, queue_id: bytes) -> _Piece | None:
    """The piece of a message that begins here: an older one of the same id has ended without a word."""
    if queue_id in head.open and not book.again:
        _let_go(book, head, queue_id, closes=False)
    piece = _piece(book, head, queue_id)
    if piece is not None and not book.again:
        piece.opens = True
    return piece


def _client(book: _Book, head: _Head, queue_id: bytes, line: bytes, at: int) -> None:
    """smtpd: `client=host[address], sasl_method=..., sasl_username=..., orig_queue_id=..., orig_client=...`."""
    if not line.startswith(b"client=", at):
        _unread(book, line, at)
        return
    piece = _begin(book, head, queue_id)
    if piece is None:
        return
    piece.facts.append(("origin", "smtpd"))
    end = line.find(b", ", at)
    client = line[at + 7 : end if end >= 0 else len(line)]
    if b"]" not in client:
        book.defect("the client of a message cannot be read; the line may be cut")
        return
    piece.facts.append(("client", decoded(client[:_TEXT_LIMIT])))
    if end < 0:
        return
    before = line.rfind(b", orig_queue_id=", end)
    if before >= 0 and _HERE.match(client):
        _link(piece, head.host, line[before + 16 :].split(b",", 1)[0].decode("latin-1"), "came_from")
    user = line.find(b", sasl_username=", end)
    if user >= 0:
        name = line[user + 16 :]
        if b", " in name:
            name = _FURTHER.split(name, maxsplit=1)[0]
        piece.facts.append(("sasl_username", decoded(name[:_TEXT_LIMIT])))
        piece.submitted = True


def _pickup(book: _Book, head: _Head, queue_id: bytes, line: bytes, at: int) -> None:
    """pickup: `uid=33 from=<www-data>`; with `orig_id=` the message was put back by postsuper -r: nobody submitted it now."""
    piece = _begin(book, head, queue_id)
    if piece is None:
        return
    piece.facts.append(("origin", "pickup"))
    start = line.find(b" from=<", at)
    end = address_end(line, start + 7, (b" orig_id=",), may_end=True) if start >= 0 else -1
    if end < 0:
        book.defect("the sender of a message from pickup cannot be read; the line may be cut")
        return
    piece.sender = piece.sender or decoded(line[start + 7 : end][:_TEXT_LIMIT])
    before = line[end + 10 :] if line.startswith(b" orig_id=", end + 1) else b""
    if before:
        _link(piece, head.host, before.decode("latin-1").strip(), "came_from")
    else:
        piece.submitted = True


def _message_id(book: _Book, head: _Head, queue_id: bytes, line: bytes, at: int) -> None:
    """cleanup: `message-id=<...>`, also empty, or without brackets where the client sent none."""
    if not line.startswith(b"message-id=", at):
        _unread(book, line, at)
        return
    piece = _piece(book, head, queue_id)
    if piece is None or piece.message_id:
        return
    text = line[at + 11 :]
    if _PLAIN_ID.fullmatch(text) and text[-10:-1].lower() != b"mtasv.net":
        piece.message_id = text[1:-1].decode()
    elif len(text) > _TEXT_LIMIT or (text[:1] == b"<" and b">" not in text):
        book.defect("a Message-ID does not end; the line may be cut")
    else:
        piece.message_id = canonical_message_id(decoded(text))


def _sender(book: _Book, head: _Head, queue_id: bytes, line: bytes, at: int) -> None:
    """qmgr: `from=<s>, size=1234, nrcpt=2 (queue active)`; `nrcpt` counts what is left, so only the first one is whole."""
    if not line.startswith(b"from=<", at):
        _unread(book, line, at)
        return
    piece = _piece(book, head, queue_id)
    if piece is None:
        return
    end = address_end(line, at + 6, (b", size=", b", status="))
    if end < 0:
        book.defect("the sender of a message cannot be read; the line may be cut")
        return
    piece.sender = better_sender(piece.sender, decoded(line[at + 6 : end][:_TEXT_LIMIT]))
    if not line.startswith(b", size=", end + 1):
        return
    comma = line.find(b", nrcpt=", end + 8)
    space = line.find(b" ", comma + 8)
    size, count = line[end + 8 : comma], line[comma + 8 : space]
    if comma < 0 or space < 0 or not (size.isdigit() and count.isdigit()) or len(size) > 18 or len(count) > 9:  # noqa: PLR2004  64, 32 bit
        book.defect("size and number of recipients cannot be read; the line may be cut")
    elif piece.declared < 0:
        piece.size, piece.declared = int(size), int(count)


def _delivery(book: _Book, head: _Head, queue_id: bytes, line: bytes, at: int) -> None:
    """A delivery agent: `to=<t>, orig_to=<o>, relay=..., ..., status=sent (remote text)`.

    The text in parentheses is the remote host's: everything is sought from the left, each field behind the last.
    """
    piece = _piece(book, head, queue_id)
    if piece is None:
        return
    original = b""
    stop = end = address_end(line, at + 4, (b", relay=", b", orig_to=<"))
    if end >= 0 and line.startswith(b", orig_to=<", end + 1):
        stop = address_end(line, end + 12, (b", relay=",))
        original = line[end + 12 : stop] if stop >= 0 else b""
    if end < 0:  # the recipient may still be whole
        end = line.find(b">", at)
    if end < 0 or end - at > _TEXT_LIMIT or len(original) > _TEXT_LIMIT:
        book.defect("the recipient of a delivery cannot be read; the line may be cut")
        return
    comma = line.find(b",", stop + 9) if stop >= 0 else -1
    mark = line.find(b" status=", comma) if comma >= 0 else -1
    relay = line[stop + 9 : comma] if comma >= 0 else b""
    text = line.find(b" (", mark + 8)
    status = line[mark + 8 : text if text >= 0 else len(line)] if mark >= 0 else b""
    reply = line[text + 2 : text + 2 + _TEXT_LIMIT].removesuffix(b")") if text >= 0 and mark >= 0 else b""
    if status in _PROBES:
        piece.facts.append(("probe", "true"))
        book.ignored += 1
        return
    outcome = _STATUS.get(status)
    if outcome is None:
        book.defect("what became of a delivery cannot be read; the line may be cut")
        outcome = _ACCEPTED
    if outcome is not _DEFERRED:
        outcome = _last_word(piece, head, outcome, relay, reply)
    _enter(book, head, queue_id, piece, _recipient(book, _ENVELOPE, outcome, line[at + 4 : end], original, reply))


def _last_word(piece: _Piece, head: _Head, outcome: Outcome, relay: bytes, reply: bytes) -> Outcome:
    """What became of a copy that is no longer in this queue; where it goes on under another id, that is noted.

    Sent to a filter on this host, or forwarded by local(8), is handed on: its fate is told under the next id. discard(8)
    says "sent", but the copy never left: rejected. "Sent" to anybody else is delivered.
    """
    if outcome is _BOUNCED:
        return Outcome.REFUSED_AFTER_DATA if reply.endswith(AFTER_DATA) else outcome
    if outcome is not _DELIVERED:
        return outcome
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
    _link(piece, head.host, match[1].decode(), "handed_to")
    return _ACCEPTED


def _recipient(book: _Book, role: Role, outcome: Outcome, text: bytes, original: bytes = b"", reply: bytes = b"") -> Recipient:
    address, written = _address(text)
    before = _address(original)[0] if original else ""
    time = book.stamp if isinstance(book.stamp, str) else stamp(book.stamp)
    if before == address:
        before = ""
    return Recipient(address, role, outcome, written, before, decoded(reply), None, time, book.start, book.end)


def _address(text: bytes) -> tuple[str, str]:
    """Canonical form, and the text as found where it differs in more than case."""
    if _PLAIN_ADDRESS.fullmatch(text):  # the common case of `canonical`
        return text.lower().decode(), ""
    written = decoded(text)
    address = canonical(written)
    return address, "" if written.lower() == address else written


def _enter(book: _Book, head: _Head, queue_id: bytes, piece: _Piece, one: Recipient) -> None:
    piece.recipients.append(one)
    if len(piece.recipients) >= _PIECE_LIMIT:
        _let_go(book, head, queue_id, closes=False)


def _removed(book: _Book, head: _Head, queue_id: bytes, line: bytes, at: int) -> None:
    """qmgr, postsuper or cleanup: the message has left the queue."""
    if not line.startswith(b"removed", at):
        _unread(book, line, at)
    elif _piece(book, head, queue_id) is not None:
        _let_go(book, head, queue_id, closes=True)


# --- recipients that smtpd and cleanup name ------------------------------------------------------------------------------


def _reject(book: _Book, head: _Head, queue_id: bytes, line: bytes, at: int) -> None:
    """smtpd, postscreen: `reject: RCPT from h[ip]: 554 5.7.1 <t@d>: text; from=<s> to=<t> proto=ESMTP helo=<h>`.

    helo comes last and is the client's: from the left again. Rejects at other stages name no recipient.
    """
    kind = line.find(b"reject: RCPT from ", at, at + 32)
    if kind < 0:
        book.ignored += 1
        return
    code = line.find(b": ", kind + 18) + 2
    quoted = line.find(b" <", code, code + 16)
    after = max(address_end(line, quoted + 2, (b": ",)), code) if quoted >= 0 else code
    start = line.find(b"; from=<", after) + 8
    middle = address_end(line, start, (b" to=<", b", to=<"))
    begin = line.find(b"to=<", middle) + 4
    end = address_end(line, begin, (b" proto=", b", proto="), may_end=True)
    if code < 2 or start < 8 or middle < 0 or end < 0 or end - begin > _TEXT_LIMIT:  # noqa: PLR2004  not found
        book.defect("a rejected recipient cannot be read; the line may be cut")
        return
    client, reply = line[kind + 18 : code - 2], line[code : start - 8][:_TEXT_LIMIT]
    one = _recipient(book, _ENVELOPE, Outcome.REJECTED, line[begin:end], b"", reply)
    facts = [("client", decoded(client[:_TEXT_LIMIT])), ("origin", "smtpd")] if queue_id == b"NOQUEUE" else []
    _named(book, head, queue_id, one, decoded(line[start:middle][:_TEXT_LIMIT]), facts)


def _bcc(book: _Book, head: _Head, queue_id: bytes, line: bytes, at: int) -> None:
    """A copy that this server adds: action BCC of access(5) in smtpd, of header_checks(5) in cleanup."""
    if head.daemon == "cleanup":
        begin = line.rfind(b">: ", at) + 3
        address = line[begin:] if begin > 2 else b""  # noqa: PLR2004  not found
    else:
        match = _SECOND.search(line, at)
        address = match[1] if match else b""
    if not 0 < len(address) <= _TEXT_LIMIT:
        book.defect("the address of a copy that the server adds cannot be read; the line may be cut")
        return
    start = line.find(b"; from=<", at) + 8
    end = address_end(line, start, (b" to=<", b" proto="))
    sender = decoded(line[start:end][:_TEXT_LIMIT]) if end >= 0 and start >= 8 else ""  # noqa: PLR2004  not found
    _named(book, head, queue_id, _recipient(book, Role.BCC, _ACCEPTED, address), sender, [("server_bcc", "true")])


def _named(book: _Book, head: _Head, queue_id: bytes, one: Recipient, sender: str, facts: list[tuple[str, str]]) -> None:
    """Enter a recipient with its queue id; without one it is a record of its own."""
    if queue_id != b"NOQUEUE":
        piece = _piece(book, head, queue_id)
        if piece is not None:
            piece.facts.extend(facts)
            _enter(book, head, queue_id, piece, one)
        return
    kind = "reject" if one.role is _ENVELOPE else "bcc"
    piece = _Piece(book.start, book.stamp, opens=True, end=book.end, sender=sender, recipients=[one], facts=facts)
    found = _fragment(book, head.host, head.instance, "", piece, closes=True)
    key = f"{kind}/{book.evidence}/{book.member}/{book.start}"
    book.ready.append(replace(found, key=key, observation=replace(found.observation, kind=kind)))


_UNKNOWN = _Head({}, "", "", "", {})
_Act = Callable[[_Book, _Head, bytes, bytes, int], None]
_DELIVERS: dict[bytes, _Act] = {b"to=<": _delivery}
_SMTPD: dict[bytes, _Act] = {b"clie": _client, b"reje": _reject, b"milt": _reject, b"bcc:": _bcc}
_QUEUE: dict[bytes, _Act] = {b"from": _sender, b"remo": _removed}
_DAEMONS: dict[str, dict[bytes, _Act]] = {
    "smtpd": _SMTPD,
    "postscreen": {b"reje": _reject},
    "cleanup": {b"mess": _message_id, b"bcc:": _bcc, b"remo": _removed},
    "pickup": {b"uid=": _pickup},
    "qmgr": _QUEUE, "oqmgr": _QUEUE, "nqmgr": _QUEUE,
    "postsuper": {b"remo": _removed},
    **dict.fromkeys(("smtp", "lmtp", "local", "virtual", "pipe", "error", "retry", "relay", "discard"), _DELIVERS),
}  # fmt: skip
_PROBES = (b"deliverable", b"undeliverable")
_STATUS = {b"sent": _DELIVERED, b"deferred": _DEFERRED, b"SOFTBOUNCE": _DEFERRED, b"bounced": _BOUNCED}


# --- from pieces to fragments --------------------------------------------------------------------------------------------


def _fragment(book: _Book, host: str, instance: str, queue_id: str, piece: _Piece, *, closes: bool) -> Fragment:
    """What the span says of one message. The key of a long id, which is unique, leaves out the instance: master.cf may
    give each service another `syslog_name`.
    """
    recipients, facts, at = piece.recipients, piece.facts, piece.at
    if len(recipients) > 1 and len({(one.address, one.original) for one in recipients}) < len(recipients):
        recipients = [one for _, one in strongest((0, one) for one in recipients)]
    sender = _address(piece.sender.encode())[0] if piece.sender else ""
    observation = Observation(
        span=Span(book.evidence, book.member, piece.start, piece.end),
        source="postfix",
        kind="queue",
        route=_SMTP,
        direction=_SUBMITTED if piece.submitted else _UNSAID,
        server=host if instance == "postfix" else f"{host}/{instance}",
        message_id=piece.message_id,
        ids=(f"queue:{host}/{queue_id}",) if at else (),
        sender=sender,
        envelope_sender=sender,
        size=piece.size,
        readings=(Reading("queue_id", at),) if at else (),
        stamp=piece.stamp if isinstance(piece.stamp, str) else stamp(piece.stamp),
        recipients=tuple(recipients),
        declared=piece.declared,
        facts=tuple(sorted(set(facts))) if len(facts) > 1 else tuple(facts),
    )
    if piece.links:
        observation = replace(observation, ids=tuple(dict.fromkeys((*observation.ids, *piece.links))))
    return Fragment(f"{host}/{queue_id}" if at else f"{host}/{instance}/{queue_id}", observation, piece.opens, closes)


# --- reading a span ------------------------------------------------------------------------------------------------------


def _read(source: Source) -> Iterator[Record]:
    """Fragments, defects and losses of one span, and a tally of its lines. No regular expression on the common way."""
    span = source.span
    book = _Book(span.evidence, span.member)
    heads = book.heads
    total = 0
    for start, line in lines(source.blocks(max(span.start - 1, 0)), span.start, span.end):
        total += 1
        after = 0
        if len(line) > 15:  # noqa: PLR2004  a time
            if line[3] == 32 and line[15] == 32 and line[9] == 58:  # noqa: PLR2004  Sep  7 10:00:02
                after = 16
            elif line[10] == 84 and line[4] == 45:  # noqa: PLR2004  2025-09-17T16:03:12.345900+02:00
                after = line.find(b" ") + 1
        bracket = line.find(b"[", after)
        text = line.find(b"]: ", bracket) + 3
        head = heads.get(line[after:bracket], _UNKNOWN) if after and text > 2 and bracket > 0 else _UNKNOWN  # noqa: PLR2004  -1 + 3
        if head is None:
            book.ignored += 1
            continue
        book.start = start
        book.end = start + len(line)
        if head is _UNKNOWN:
            _odd(book, line, after, bracket, text)
        else:
            at = line.find(b": ", text) + 2
            act = head.actions.get(line[at : at + 4])
            if act is not None and at > 1:
                book.stamp = line[: after - 1]
                act(book, head, line[text : at - 2], line, at)
            elif at < 2 or len(line) - at < 12 or line.startswith(b"message rep", text):  # noqa: PLR2004  -1 + 2; the longest fact
                _rest(book, head, line[text:], line[: after - 1])
            else:
                book.ignored += 1
        if book.ready:
            yield from book.ready
            book.ready.clear()
    _let_all_go(book)
    yield from book.ready
    yield Statement(span, "postfix", "tally", value=total, rows=book.ignored)


def _odd(book: _Book, line: bytes, after: int, bracket: int, text: int) -> None:
    """A line of a host and program not met before, or of a form that the common way does not read."""
    if isinstance(line, Cut):
        book.end = book.start + line.length
        book.defect("a line is longer than any line of a log")
        return
    found = envelope(line)
    if found is None:
        if _POSTFIX.search(line[:512]):
            book.defect("host, program or time of a Postfix line cannot be read; the line may be cut")
        else:
            book.ignored += 1
        return
    lost = lost_messages(found.program, found.payload)
    if lost:
        span = Span(book.evidence, book.member, book.start, book.end)
        book.ready.append(Statement(span, "postfix", "lost", scope=found.host, value=lost, stamp=found.stamp))
    head = _head_of(book, found)
    usual = after and line[text:] == found.payload and decoded(line[after:bracket]).endswith(found.program)
    if usual and not found.program.startswith(LOGGERS):
        if len(book.heads) >= _HEAD_LIMIT:
            book.heads.clear()
        book.heads[line[after:bracket]] = head
    if head is not None:
        _rest(book, head, found.payload, found.stamp)
    elif not lost:
        book.ignored += 1


def _head_of(book: _Book, found: Envelope) -> _Head | None:
    """The head of a mail daemon's line: the first element of the program is the instance, the last the daemon."""
    instance, *_, daemon = found.program.split("/") if "/" in found.program else ("", "")
    if not instance.startswith("postfix") or daemon not in _DAEMONS:
        return None
    if len(book.queues) >= _HEAD_LIMIT:
        _let_all_go(book)
        book.queues.clear()
        book.heads.clear()
    pieces = book.queues.setdefault((found.host, instance), {})
    return _Head(_DAEMONS[daemon], daemon, found.host, instance, pieces)


def _rest(book: _Book, head: _Head, payload: bytes, time: bytes | str) -> None:
    """A mail daemon's text off the common way; `message repeated` counts once, and begins nothing."""
    inner = repeated(payload)
    book.again = inner is not None
    payload = payload if inner is None else inner
    at = payload.find(b": ") + 2
    act = head.actions.get(payload[at : at + 4]) if at > 1 else None
    if act is not None:
        book.stamp = time
        act(book, head, payload[: at - 2], payload, at)
    elif at < 2 and b" " not in payload and not payload.rstrip(b":").translate(None, _BASE52 + _HEX):  # noqa: PLR2004  -1 + 2
        book.defect("a Postfix line ends within its queue id")
    elif at > 1 and _is_queue_id(payload[: at - 2]):
        _unread(book, payload, at)
    else:
        book.ignored += 1
    book.again = False


def _let_all_go(book: _Book) -> None:
    for (host, instance), pieces in book.queues.items():
        for queue_id, piece in pieces.items():
            book.ready.append(_fragment(book, host, instance, queue_id.decode(), piece, closes=False))
        pieces.clear()
    book.opened = 0


# --- over all files ------------------------------------------------------------------------------------------------------


def _assemble(fragments: Iterable[Fragment], clocks: Mapping[tuple[str, str], FileClock]) -> Iterator[Observation]:
    """Messages from fragments that come by key, then file (the oldest first), then place."""
    unknown = FileClock()

    def clock_of(place: tuple[str, str]) -> FileClock:
        return clocks.get(place, unknown)

    for key, group in groupby(fragments, key=lambda one: one.key):
        unique = postfix_long_id_time(key.rpartition("/")[2]) is not None
        message: list[Fragment] = []
        for piece in group:
            if message and not unique and (piece.opens or message[-1].closes):  # a short id, used again
                yield from _message(message, clock_of)
                message = []
            message.append(piece)
        yield from _message(message, clock_of)


def _message(pieces: list[Fragment], clock_of: Callable[[tuple[str, str]], FileClock]) -> Iterator[Observation]:
    """One message; none where Postfix only probed an address: a probe is no mail (ADDRESS_VERIFICATION_README)."""
    one = joined(pieces, clock_of)
    if one.kind != "queue":
        yield one
        return
    opened, closed = any(piece.opens for piece in pieces), any(piece.closes for piece in pieces)
    facts = dict(one.facts)
    if "probe" in facts and not one.recipients:
        return
    more = {("partial", word) for word, known in (("start", opened), ("end", closed)) if not known}
    if not closed and not any(recipient.role is Role.ENVELOPE for recipient in one.recipients):
        more.add(("recipients_unknown", "true"))
    key = pieces[0].key
    if not one.readings or one.readings[0].clock != "queue_id":  # a short id names a message only together with its time
        host, queue_id = one.server.partition("/")[0], key.rpartition("/")[2]
        one = replace(one, ids=(f"queue:{host}/{queue_id}@{one.stamp}", *one.ids))
    yield replace(one, facts=tuple(sorted({*one.facts, *more}))) if more else one


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether most lines are those of a log, and one of them is Postfix's. A mail that quotes such lines is a mail."""
    if _HEADER.match(head.lstrip(b"\xef\xbb\xbf\0\r\n")):
        return False
    rows = [row for row in head.split(b"\n")[:2000] if row.strip(b"\0\r ")]
    if not _POSTFIX.search(head):
        return False
    found = [one for row in rows if (one := envelope(row[:65536].rstrip(b"\r"))) is not None]
    ours = [one for one in found if one.program.startswith("postfix") and "/" in one.program]
    return bool(ours) and 2 * len(found) >= len(rows)


PARSER = Parser(
    name="postfix",
    title="Postfix log (syslog, journal, maillog_file)",
    sniff=_sniff,
    read=_read,
    assemble=_assemble,
    shows=frozenset({"recipients", "outcome"}),
    divisible=True,
)
