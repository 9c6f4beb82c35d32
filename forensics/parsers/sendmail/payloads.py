"""What Sendmail says of a message: one function for each kind of text behind the queue id."""

from __future__ import annotations

import re
from functools import lru_cache

from forensics.addresses import canonical, canonical_message_id
from forensics.model import Direction, Fragment, Observation, Outcome, Role, Route
from forensics.parsers.sendmail.fields import bare, listed, time_in
from forensics.parsers.sendmail.messages import QUEUED, Book, Fact, Message
from forensics.records import constructor
from forensics.syslog import address_end, better_sender, decoded

__all__ = ["came", "delivery", "further", "session"]

_TEXT_LIMIT = 4_096  # bytes of an address, an identifier or a reply
_FIRST, _LONGEST_ID = 12, 18  # bytes of the first word of a text, and of a queue id
_SHORTENED = 190  # bytes: `shortenstring` puts "..." into the middle of what is longer than 203

_LOOPBACK = rb"\[(?:127\.[0-9.]{1,11}|(?:IPv6:)?(?:::1|0:0:0:0:0:0:0:1))\]"
_HERE = re.compile(rb"(?:[\w.:\[\]-]{1,255} )?" + _LOOPBACK)
_SPEAKS_SMTP = re.compile(rb", mailer=(?:e?smtp|smtp8|dsmtp|relay),")
_ACCEPTANCE = b" Message accepted for delivery"
_TAKEN = re.compile(rb"(?:[0-9]{3} )?(?:[0-9]\.[0-9]{1,3}\.[0-9]{1,3} )?([0-9A-Za-x]{12,18})" + _ACCEPTANCE)
_OWN_USER = re.compile(rb"[^\s@\[\],]{1,64}@localhost")
_SIGNED_IN = re.compile(rb"AUTH=server, relay=(.{1,1024}), authid=(.{1,256}), mech=[\w-]{1,32}, bits=[0-9]{1,5}")
_OWN_AUTH = re.compile(rb", authid=([^\s,]{1,128})")
_ADDED = re.compile(rb"Milter (?:\([^()]{1,128}\) )?add: rcpt: ")
_OWNED = re.compile(rb"([0-9A-Za-x]{12,18}): clone: owner=|clone:? ([0-9A-Za-x]{12,18}), owner=")
_BOUNCE = re.compile(rb"([0-9A-Za-x]{12,18}): (?:DSN|postmaster notify|return to sender|sender notify|return receipt): ")
_ID_LIST = re.compile(rb"[0-9A-Za-x]{12,18}(?![0-9A-Za-z])")
# members of an enumeration take their time to look up
_ENVELOPE, _DELIVERED, _DEFERRED = Role.ENVELOPE, Outcome.DELIVERED, Outcome.DEFERRED
_BOUNCED, _ACCEPTED, _REJECTED = Outcome.BOUNCED, Outcome.ACCEPTED, Outcome.REJECTED
_UNSAID, _SMTP = Direction.UNKNOWN, Route.SMTP
_observation, _fragment = constructor(Observation), constructor(Fragment)
_BY_CODE = {b"2": _DELIVERED, b"4": _DEFERRED, b"5": _BOUNCED}


# --- where a message comes from -------------------------------------------------------------------------------------------


def came(book: Book, host: str, queue_id: bytes, message: Message, text: bytes) -> None:  # noqa: ARG001  one shape for all facts
    """`from=<s>, size=909, class=0, nrcpts=3, msgid=<m>, proto=ESMTP, daemon=MTA, relay=app1 [192.0.2.10]`.

    The Message-ID is the sender's text: what follows it is sought from the right, the client last of all.
    """
    message.opens = message.opens or not book.again
    end = text.find(b", size=")
    sender = book.addresses[text[5:end]] if end > 0 else ""
    if not sender:
        end = address_end(text, 6, (b", size=",)) + 1 if text.startswith(b"<", 5) else end
        if end <= 0:
            book.defect("the sender of a message cannot be read; the line may be cut")
            return
        sender = decoded(bare(text[5:end])[:_TEXT_LIMIT])
    message.sender = better_sender(message.sender, sender)
    size, _, rest = text[end + 7 :].partition(b", class=")
    count, comma, rest = rest.partition(b", nrcpts=")[2].partition(b",")
    if not (comma and size.isdigit() and count.isdigit()) or len(size) > 18 or len(count) > 9:  # noqa: PLR2004  64, 32 bit
        book.defect("size and number of recipients cannot be read; the line may be cut")
        return
    if message.declared < 0:
        message.size, message.declared = int(size), int(count)
    if int(count) == 0:  # a session in which nobody was accepted
        book.ignored += 1
    if rest.startswith(b" msgid="):
        _named(message, rest[7:])
    _client(book, message, rest)


def _named(message: Message, rest: bytes) -> None:
    """The Message-ID, unless it was shortened."""
    name = (rest[1:].partition(b">")[0] if rest.startswith(b"<") else rest.partition(b",")[0])[:_TEXT_LIMIT]
    if name and not (len(name) > _SHORTENED and b"..." in name):
        message.message_id = message.message_id or canonical_message_id(decoded(b"<" + name + b">"))


def _client(book: Book, message: Message, rest: bytes) -> None:
    at = rest.rfind(b", relay=")
    client = rest[at + 8 :]
    if at < 0 or not client:
        book.defect("the client of a message cannot be read; the line may be cut")
        return
    facts, local = _told_of(client[:_TEXT_LIMIT])
    message.facts.update(facts)
    message.submitted = message.submitted or local
    daemon = rest.rfind(b", daemon=", 0, at) if b", authid=" in rest else -1
    user = _OWN_AUTH.search(rest, daemon, at) if daemon >= 0 else None
    if user:
        _signed_in(message, user[1])


@lru_cache(maxsize=1024)
def _told_of(client: bytes) -> tuple[tuple[Fact, Fact], bool]:
    """Facts of a client, and whether it is a user of this host."""
    local = _OWN_USER.fullmatch(client) is not None
    return (("client", decoded(client)), ("origin", "local" if local else "smtp")), local


def _signed_in(message: Message, user: bytes) -> None:
    message.submitted = True
    message.facts.add(("sasl_username", decoded(user)))


def session(book: Book, host: str, process: bytes, text: bytes) -> bool:
    """`AUTH=server, relay=..., authid=svc, ...` without an id: told of the process, whose messages hold its number."""
    match = _SIGNED_IN.fullmatch(text) if text.startswith(b"AUTH=server, ") and process.isdigit() else None
    if match is None:
        return False
    facts = (("client", decoded(match[1])), ("sasl_username", decoded(match[2])))
    seen = _observation(
        book.here(), "sendmail", "session", _SMTP, _UNSAID, host, "", "", (), "", "", "", "", -1, (), book.stamp, (), False, -1, (), False, facts,
    )  # fmt: skip
    book.ready.append(_fragment(f"{host}/{int(process)}", seen, False, False))
    return True


# --- what became of each copy ---------------------------------------------------------------------------------------------


def delivery(book: Book, host: str, queue_id: bytes, message: Message, text: bytes) -> None:
    """`to=<t>,<u>, ctladdr=<c> (1/1), delay=..., mailer=esmtp, relay=host [address], dsn=2.0.0, stat=Sent (remote text)`.

    The common line has addresses of common form only. A long list goes on in further lines, after `[more]`.
    """
    to, mark, rest = text[3:].partition(b", delay=")
    listing, _, user = to.partition(b", ctladdr=")
    known = book.addresses
    addresses = [known[one] for one in listing.removesuffix(b", [more]").split(b",")]
    original = book.controllers[user] if user else ""
    if mark and "" not in addresses and (original or not user):
        outcome, reply = _became(message, host, rest)
        if outcome is not None:
            book.enter(host, queue_id, message, book.plain_recipients(addresses, outcome, original, reply))
            return
    items, original, rest = _addressed(text)
    outcome, reply = _became(message, host, rest)
    if outcome is None:
        book.defect("what became of a delivery cannot be read; the line may be cut")
        outcome = _ACCEPTED
    if not items:
        book.defect("the recipients of a delivery cannot be read; the line may be cut")
        return
    book.enter(host, queue_id, message, [book.recipient(_ENVELOPE, outcome, one, original, reply) for one in items])


def _addressed(text: bytes) -> tuple[list[bytes], str, bytes]:
    """Recipients, the controlling user, and what stands behind the delay."""
    items, end = listed(text, 3)
    if end < 0:
        return items, "", b""
    if text.startswith(b", [more]", end):
        end += len(b", [more]")
    user: list[bytes] = []
    if text.startswith(b", ctladdr=", end):
        user, after = listed(text, end + 10)
        end = after if after >= 0 else end
    controller = bare(user[0])[:_TEXT_LIMIT] if user else b""
    return items, canonical(decoded(controller)), text[end:].partition(b", delay=")[2]


def _became(message: Message, host: str, rest: bytes) -> tuple[Outcome | None, bytes]:
    """Outcome and reply from what stands behind the delay; None where nothing tells.

    What follows `reply=` and `stat=` is the remote host's, and may hold both again. Sendmail's own code stands before them.
    """
    before, mark, status = rest.partition(b", stat=")
    at = before.find(b", reply=")
    if at >= 0:
        before, said = before[:at], before[at + 8 :][:_TEXT_LIMIT]
        outcome = _coded(before)
    elif not mark or not status:
        return None, b""
    else:
        outcome, said = _said(before, status[:_TEXT_LIMIT])
    return (_handed_on(message, host, before, said) if outcome is _DELIVERED else outcome), said


def _said(before: bytes, status: bytes) -> tuple[Outcome, bytes]:
    word, _, said = status.partition(b" (")
    if word == b"Sent":
        return _DELIVERED, said.removesuffix(b")")
    if word in QUEUED:
        return _ACCEPTED, status
    if status.startswith(b"Deferred"):
        return _DEFERRED, status[8:].removeprefix(b": ")
    expired = status.startswith(b"Cannot send message")
    return (_BOUNCED if expired else _coded(before) or _BOUNCED), status


def _coded(before: bytes) -> Outcome | None:
    at = before.rfind(b", dsn=")
    return _BY_CODE.get(before[at + 6 : at + 7]) if at >= 0 else None


def _handed_on(message: Message, host: str, before: bytes, said: bytes) -> Outcome:
    """What "Sent" means: thrown away, taken by a server on this host under an id of its own, or by somebody else."""
    if b", mailer=discard," in before:
        return _REJECTED
    if b"[127." not in before and b":1]" not in before and _ACCEPTANCE not in said:
        return _DELIVERED
    at = before.find(b", relay=")
    relay = before[at + 8 :].partition(b", ")[0] if at >= 0 else b""
    taken = _TAKEN.match(said)
    name = taken[1].decode() if taken and time_in(taken[1]) else ""
    if _HERE.fullmatch(relay) and _SPEAKS_SMTP.search(before):
        if name:
            message.links.append(f"queue:{host}/{name}")
        return _ACCEPTED
    if name and relay:  # that host has another name in its own log: for people, not an identity
        message.facts.add(("handed_to", f"{decoded(relay[:256])}/{name}"))
    return _DELIVERED


# --- recipients that are refused or added ---------------------------------------------------------------------------------


def _is_refusal(text: bytes) -> bool:
    """Whether this names a recipient that was refused; `<-- ` begins what the client said, which may be anything."""
    return text.startswith((b"ruleset=check_rcpt,", b"ruleset=check_compat,", b"Milter: to=")) or (
        text.startswith(b"<") and not text.startswith(b"<-- ") and b">... User unknown" in text[:_TEXT_LIMIT]
    )


def _refused(book: Book, host: str, queue_id: bytes, text: bytes) -> None:
    """`ruleset=check_rcpt, arg1=<t>, relay=..., reject=550 ...`, `Milter: to=<t>, reject=...`, `<t>... User unknown`."""
    if text.startswith(b"<"):
        end = address_end(text, 1, (b"... User unknown",)) + 1
        items, reply = [text[:end]] if end else [], text[end:].removeprefix(b"... ")
    else:
        key = b", arg2=" if text.startswith(b"ruleset=check_compat") else b", arg1=" if text.startswith(b"rule") else b": to="
        begin = text.find(key, 0, _TEXT_LIMIT)
        items, end = listed(text, begin + len(key)) if begin >= 0 else ([], -1)
        _, mark, reply = text[end:].partition(b", reject=") if end >= 0 else (b"", b"", b"")
        if not mark and end >= 0:  # discarded or quarantined: its delivery is told elsewhere
            book.ignored += 1
            return
        items = items if mark else []
    message = book.message(host, queue_id)
    if not items:
        book.defect("a rejected recipient cannot be read; the line may be cut")
    elif message is not None:
        book.enter(host, queue_id, message, [book.recipient(_ENVELOPE, _REJECTED, items[0], "", reply[:_TEXT_LIMIT])])


def further(book: Book, host: str, queue_id: bytes, text: bytes) -> None:
    """What else is said of a message: who signed in, who was refused, whom a milter adds, other ids, bounces, the end."""
    if _is_refusal(text):
        _refused(book, host, queue_id, text)
        return
    first = text[:_FIRST]
    auth = _SIGNED_IN.fullmatch(text) if first.startswith(b"AUTH=") else None
    added = _ADDED.match(text) if first.startswith(b"Milter ") else None
    done = first == b"done; delay="
    others = _others(text) if first.startswith((b"split: ", b"clone")) or text.find(b": ", _FIRST, _LONGEST_ID + 2) >= 0 else []
    bounce = _BOUNCE.match(text) if not (others or auth or added or done) else None
    message = book.message(host, bounce[1] if bounce else queue_id) if bounce or others or auth or added or done else None
    if message is None:
        book.ignored += 1
    elif bounce:
        message.facts |= {("came_from", f"{host}/{queue_id.decode()}"), ("origin", "bounce")}
    elif others:
        message.links += [f"queue:{host}/{one.decode()}" for one in others]
    elif auth:
        _signed_in(message, auth[2])
    elif added:
        _copied(book, host, queue_id, message, text[added.end() :])
    else:
        message.closes = not book.again
        book.let_go(host, queue_id)


def _copied(book: Book, host: str, queue_id: bytes, message: Message, item: bytes) -> None:
    """A copy that this server adds."""
    if not item.strip() or len(item) > _TEXT_LIMIT or (item.startswith(b"<") and not item.endswith(b">")):
        book.defect("the address of a copy that the server adds cannot be read; the line may be cut")
        return
    message.facts.add(("server_bcc", "true"))
    book.enter(host, queue_id, message, [book.recipient(Role.BCC, _ACCEPTED, item.strip())])


def _others(text: bytes) -> list[bytes]:
    """Ids under which the message goes on as well: copies for the owner of a list, parts of a long envelope."""
    found = [one for match in (_OWNED.match(text),) if match for one in match.groups() if one]
    if text.startswith(b"split: "):
        found = _ID_LIST.findall(text[:_TEXT_LIMIT].partition(b", id")[2])
    return [one for one in found if time_in(one)]
