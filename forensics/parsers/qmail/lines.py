"""What one line of qmail-send says: its time, its host, and the event in its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from forensics.addresses import canonical
from forensics.model import Outcome, Recipient, Role
from forensics.records import constructor
from forensics.syslog import decoded, envelope, repeated, stamp, unwrapped

__all__ = ["WORDS", "Event", "Fact", "Place", "logged", "parsed"]

_PROGRAMS = ("qmail", "qmail-send")
WORDS = (
    b"new msg ", b"info msg ", b"starting delivery ", b"delivery ", b"end msg ", b"bounce msg ", b"triple bounce: ", b"double bounce: ",
)  # fmt: skip
_TAI = 0x4000_0000_0000_000A  # the label of 1970, as loggers without a table of leap seconds write it
_OLDEST, _YOUNGEST = 788_918_400, 4_102_444_800  # 1995 and 2100
_ADDRESS_LIMIT, _REPLY_LIMIT = 4_096, 4_096  # bytes
_HEX = re.compile(rb"[0-9a-f]{8,16}")
_LOCAL_TIME = re.compile(rb"\d{4}-\d\d-\d\d [0-2]\d:[0-5]\d:[0-6]\d(?:\.\d{1,9})? ")
_EPOCH_TIME = re.compile(rb"(\d{9,10})(?:\.(\d{1,9}))? ")
_SENT_ON = re.compile(rb"did_0\+[1-9]\d{0,8}\+0/(?:qp_(\d{1,10})/)?")
_AFTER_DATA = b"_after_I_sent_the_message"
_OUTCOMES = {b"success": Outcome.DELIVERED, b"failure": Outcome.BOUNCED, b"deferral": Outcome.DEFERRED}
_record = constructor(Recipient)
Fact = tuple[str, str]
Place = tuple[str, str]


@dataclass(slots=True, eq=False)
class Event:
    """One line of the log that says something of a message; `number` is the message's, `delivery` the delivery's, or ""."""

    kind: str  # "new", "info", "start", "result", "end", "bounce"; "restart", "count": the first and last delivery of a count
    start: int
    end: int
    stamp: str
    number: str = ""
    delivery: str = ""
    sender: str = ""
    size: int = -1
    recipient: Recipient | None = None
    facts: tuple[Fact, ...] = ()
    place: Place = ("", "")


def _number(text: bytes) -> str:
    """A number of a message or delivery as text; "" if it is none."""
    return text.decode() if text.isdigit() and len(text) <= 20 else ""  # noqa: PLR2004  digits of 64 bits


def parsed(text: bytes, place: tuple[int, int, str]) -> Event | None:
    """A line's text as an event; None if it is not as qmail-send writes it. `place`: start, end and time of the line."""
    words = text.split(b" ", 12)
    match words:
        case [b"new" | b"end" as kind, b"msg", number] if name := _number(number):
            return Event(kind.decode(), *place, name)
        case [b"info", b"msg", number, b"bytes", size, b"from", sender, b"qp", process, b"uid", user]:
            name = _number(number[:-1]) if number[-1:] == b":" and sender[:1] == b"<" and sender[-1:] == b">" else ""
            if name and size.isdigit() and len(size) < 19 and process.isdigit() and user.isdigit():  # noqa: PLR2004  64 bits
                facts = (("qp", _short(process)), ("uid", _short(user)))
                address = canonical(decoded(sender[1:-1][:_ADDRESS_LIMIT]))
                return Event("info", *place, name, sender=address, size=int(size), facts=facts)
        case [b"starting", b"delivery", delivery, b"msg", number, b"to", b"local" | b"remote" as channel, address]:
            name, count = _number(number), _number(delivery[:-1])
            if name and count and delivery[-1:] == b":" and 0 < len(address) <= _ADDRESS_LIMIT:
                return Event("start", *place, name, count, recipient=_begun(place, address, channel == b"local"))
        case [b"delivery", delivery, *_] if delivery.endswith(b":") and (count := _number(delivery[:-1])):
            return _result(place, count, text[10 + len(delivery) :])
        case [b"bounce", b"msg", number, b"qp", process] if process.isdigit() and (name := _number(number)):
            return Event("bounce", *place, name, facts=(("bounced_as", f"qp {_short(process)}"),))
        case [b"triple" | b"double" as how, b"bounce:", b"discarding", number] if name := _number(number[7:]):
            return Event("bounce", *place, name, facts=(("bounce", f"{how.decode()}, discarded"),))
    return None


def _short(text: bytes) -> str:
    return text[:20].decode("latin-1")


def _begun(place: tuple[int, int, str], text: bytes, local: bool) -> Recipient:
    """A recipient whose delivery begins; `domain-user@domain` is how a virtual domain writes `user@domain`."""
    address, written = _address(text)
    user, _, domain = address.rpartition("@")
    before = f"{user[len(domain) + 1 :]}@{domain}" if local and domain and user.startswith(domain + "-") else ""
    return _record(address, Role.ENVELOPE, Outcome.ACCEPTED, written, before, "", None, place[2], place[0], place[1], "")


@lru_cache(maxsize=4096)
def _address(text: bytes) -> tuple[str, str]:
    """Canonical form, and the text as found where it differs in more than case."""
    written = decoded(text)
    address = canonical(written)
    return address, "" if written.lower() == address else written


def _result(place: tuple[int, int, str], delivery: str, text: bytes) -> Event | None:
    """`success: text/`; the text is the remote host's, blanks are `_` and line ends `/`.

    A refusal after the message was sent, for good or not, says that content had left. What local(8) forwards goes on under
    another number: its fate is told there.
    """
    word, colon, reply = text.partition(b": ")
    outcome = _OUTCOMES.get(word) if colon else None
    facts: tuple[Fact, ...] = ()
    if text == b"report mangled, will defer":
        outcome, reply = Outcome.DEFERRED, text
    if outcome is None:
        return None
    if outcome is Outcome.DELIVERED:
        match = _SENT_ON.fullmatch(reply)
        if match:
            outcome = Outcome.ACCEPTED
            facts = (("handed_to", f"qp {match[1].decode()}"),) if match[1] else ()
    elif _AFTER_DATA in reply.partition(b"/")[0]:
        outcome = Outcome.REFUSED_AFTER_DATA
    one = _record("", Role.ENVELOPE, outcome, "", "", decoded(reply[:_REPLY_LIMIT]), None, place[2], place[0], place[1], "")
    return Event("result", *place, delivery=delivery, recipient=one, facts=facts)


# --- times ---------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    if not _OLDEST <= seconds < _YOUNGEST:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=1024)
def _tai64(label: bytes) -> str:
    """`@` and 16 hex digits, seconds since 1970 + 2^62 + 10, as ISO 8601 without zone; "" if it is none."""
    return _second(int(label[1:], 16) - _TAI) if _HEX.fullmatch(label, 1) else ""


def _tai64n(label: bytes) -> str:
    """The same with 8 hex digits of nanoseconds behind it, in UTC."""
    time = _tai64(label[:17])
    nano = int(label[17:], 16) if time and _HEX.fullmatch(label, 17) else 10**9
    return f"{time}.{nano // 1000:06d}Z" if nano < 10**9 else ""


def _timed(line: bytes) -> tuple[str, bytes] | None:
    """Time and text of a line that multilog, tai64nlocal or splogger's epoch stands before; None if none does."""
    if line[:1] == b"@":
        time = _tai64n(line[:25]) if line[25:26] == b" " else ""
        return (time, line[26:]) if time else None
    if line[4:5] == b"-":
        local = _LOCAL_TIME.match(line)
        time = stamp(line[: local.end() - 1]) if local else ""
        return (time, line[local.end() :]) if local and time else None
    epoch = _EPOCH_TIME.match(line)
    time = _second(int(epoch[1])) if epoch else ""
    if not epoch or not time:
        return None
    return f"{time}.{(epoch[2] or b'')[:6].ljust(6, b'0').decode()}Z", line[epoch.end() :]


@lru_cache(maxsize=1024)
def _prefix(text: bytes) -> tuple[str, str] | None:
    """Time and host of what stands before splogger's text; None if that is another program's."""
    found = envelope(text + b"x")
    return (found.stamp, found.host) if found and found.program == "qmail" and found.payload == b"x" else None


def logged(line: bytes) -> tuple[str, str, bytes] | None:
    """Time, host and text of a line in any form; None if it is not one of qmail's."""
    outer, inner = unwrapped(line)
    timed = _timed(inner)
    if timed is not None:
        return timed[0], "", timed[1]
    if outer and inner.startswith(WORDS):  # qmail-send alone in its container
        return outer, "", inner
    at = line.find(b" qmail: ", 0, 320)
    known = _prefix(line[: at + 8]) if at >= 0 and line[:1] != b"{" else None
    if known is not None:
        time, host, text = *known, line[at + 8 :]
    else:
        found = envelope(line)
        if found is None or found.program not in _PROGRAMS:
            return None
        time, host, text = found.stamp, found.host, found.payload
        text = repeated(text) or text
    exact = _timed(text)
    return (exact[0], host, exact[1]) if exact else (time, host, text)
