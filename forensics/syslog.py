"""The lines of a mail log: how one begins and ends, and how those of one message come together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol, Self

from forensics.model import EPOCH, Direction, Fragment, Observation, Outcome, Reading, Recipient, Span
from forensics.records import replaced

__all__ = [
    "AFTER_DATA", "LOGGERS", "Clock", "Cut", "Envelope", "address_end", "better_sender", "decoded", "envelope",
    "joined", "line_runs", "lines", "lost_messages", "repeated", "stamp", "strongest",
]  # fmt: skip

LINE_LIMIT = 1 << 20
_STAMP_LIMIT = 64  # bytes: no form is as long, and what is remembered must be small

_MONTHS = {
    name: f"{number:02d}"
    for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}  # fmt: skip
_TIME = rb"(?P<time>[0-2]\d:[0-5]\d:[0-6]\d)(?:[.,](?P<fraction>\d{1,12}))?"
# RFC 3164 section 4.1.2; a year before the month, before the time (routers) or after it is met as well
_RFC3164 = re.compile(
    rb"(?:(?P<y1>\d{4}) )?(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) (?:(?P<y2>\d{4}) )?"
    + _TIME
    + rb"(?: (?P<y3>(?:19|20)\d\d))?(?= |$)"
)
_ISO = re.compile(rb"(?P<date>\d{4}-\d\d-\d\d)[T ]" + _TIME + rb"(?: ?(?P<zone>[Zz]|[+-]\d\d:?\d\d))?(?= |$)")
_EXACT = re.compile(rb"\d{4}-\d\d-\d\dT[0-2]\d:[0-5]\d:[0-6]\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?")
_COMMON = re.compile(rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-3]\d [0-2]\d:[0-5]\d:[0-6]\d")
_TAG = re.compile(
    rb" {1,8}(?:<[a-z0-9.]{1,32}> )?"  # BSD syslogd -vv: facility and level
    rb"(?:(?P<host>[^\s]{0,254}[^\s:]) {1,8})?"
    rb"(?P<program>[^\s\[\]:]{1,128})(?:\[(?P<pid>[^\]\s]{0,32})\])?:(?: |$)"
    rb"(?:\[ID \d{1,10} [a-z0-9.]{1,32}\] )?"  # Solaris message id
)
_RFC5424 = re.compile(
    rb"<\d{1,3}>\d{1,2} (?P<stamp>\S{1,64}) (?P<host>\S{1,255}) (?P<program>\S{1,128}) (?P<pid>\S{1,128}) \S{1,64} "
)
_PARAMETER = rb'[^\s=\]"]{1,64}="(?:[^"\\]|\\.){0,4096}"'
_STRUCTURE = re.compile(rb"-|(?:\[[^\s=\]\"]{1,64}(?: " + _PARAMETER + rb"){0,64}\]){1,64}")
# a byte order mark, holes full of NULs, terminal colours, the service name that docker compose puts in front, PRI
_BEFORE = re.compile(
    rb"(?:\xef\xbb\xbf|\x00|\x1b\[[0-9;]{0,16}m){0,64}(?:[\w.\-]{1,64} {0,64}(?:\x1b\[[0-9;]{0,16}m)?\| ?(?:\x1b\[[0-9;]{0,16}m)? ?)?"
)
_PRI = re.compile(rb"<\d{1,3}>")
_REPEATED = re.compile(rb"message repeated \d{1,9} times?: \[ ?")
_LOST = re.compile(
    r"\b(?P<a>\d{1,12}) messages? lost\b|\blost (?P<b>\d{1,12}) messages?\b|\bSuppressed (?P<c>\d{1,12}) messages?\b(?: from (?P<unit>\S{1,256}))?"
)
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.){0,1024}"')
AFTER_DATA = b"(in reply to end of DATA command)"
_AFTER = AFTER_DATA.decode()
LOGGERS = ("rsyslogd", "systemd-journal", "journal", "syslogd", "syslog-ng", "imjournal", "imuxsock")


class Clock(Protocol):
    """The year and zone of one file: `dates.FileClock`."""

    def resolve(self, stamp: str, clock: str = ...) -> Reading | None:
        """A stamp as UTC; None if that is not known."""
        ...


class Cut(bytes):
    """Stands for a line longer than the limit: empty text, and the `length` that the line has in bytes."""

    length: int

    def __new__(cls, length: int) -> Self:
        """An empty text that knows how long the line was."""
        self = super().__new__(cls)
        self.length = length
        return self


class Envelope(NamedTuple):
    """What stands around the text of one line; `stamp` is as `dates.FileClock.resolve` reads it, "" if there is none."""

    stamp: str
    host: str
    program: str
    pid: str
    payload: bytes


def lines(blocks: Iterable[bytes], start: int, end: int, limit: int = LINE_LIMIT) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of every line that `line_runs` gives."""
    for offset, run in line_runs(blocks, start, end, limit):
        at = offset
        for line in run:
            yield at, line
            at += len(line) + 1


def line_runs(blocks: Iterable[bytes], start: int, end: int, limit: int = LINE_LIMIT) -> Iterator[tuple[int, list[bytes]]]:
    r"""The lines, without line end, whose first byte lies in [start, end), in order; `end` = -1 is the end of all.

    They come in runs: the offset of the first line, and lines of which each begins one byte behind the last, so that
    readers in a hurry go through most of a block in one loop. `blocks` are the bytes from offset `start - 1` on (from 0 if
    `start` is 0): the byte before tells whether a line begins at `start`. Lines end at "\n"; one "\r" before it goes too.
    NULs before a line are a hole that a crash left: the line is owned by where the hole begins, its offset is where its
    text begins. A line of more than `limit` bytes comes as `Cut`; no more than that and one block is held in memory.
    """
    offset = max(start - 1, 0)  # of the line that is being read
    position = offset  # of the block's first byte
    nuls = gone = size = 0
    held: list[bytes] = []
    for block in blocks:
        if 0 <= end <= offset:
            return
        rows = block.split(b"\n")
        tail = rows.pop()
        if rows:
            first = rows.pop(0)
            if offset >= start:
                yield _tidied(b"".join((*held, first)), offset, nuls, gone, limit)
            offset = position + len(first) + 1
            position += len(block)
            if len(block) <= limit and (end < 0 or position <= end) and b"\r" not in block and b"\0" not in block:
                if rows:
                    yield offset, rows
            else:
                yield from _one_by_one(rows, offset, end, limit)
            offset = position - len(tail)
            nuls = gone = size = 0
            held = []
        else:
            position += len(block)
        if not size and not gone:
            bare = tail.lstrip(b"\0")
            nuls += len(tail) - len(bare)
            tail = bare
        held.append(tail)
        size += len(tail)
        if size > limit:
            gone += size
            held, size = [], 0
    if start <= offset < (end if end >= 0 else offset + 1) and (size or gone or nuls):
        yield _tidied(b"".join(held), offset, nuls, gone, limit)


def _one_by_one(rows: Iterable[bytes], offset: int, end: int, limit: int) -> Iterator[tuple[int, list[bytes]]]:
    """Finished lines that are not all plain, as runs of one."""
    for line in rows:
        if 0 <= end <= offset:
            return
        yield _tidied(line, offset, 0, 0, limit)
        offset += len(line) + 1


def _tidied(line: bytes, offset: int, nuls: int, gone: int, limit: int) -> tuple[int, list[bytes]]:
    """A finished line as a run; `nuls` before it and `gone` bytes of it have been let go already."""
    if not gone:
        bare = line.lstrip(b"\0")
        nuls += len(line) - len(bare)
        line = bare
    if gone or len(line) > limit:
        return offset + nuls, [Cut(gone + len(line))]
    return offset + nuls, [line.removesuffix(b"\r")]


def decoded(text: bytes) -> str:
    """Text of a log: UTF-8, else Latin-1, which never fails and keeps different bytes different."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def stamp(text: bytes) -> str:
    """A time of RFC 3164 or RFC 3339 form as `dates.FileClock.resolve` reads it; "" if it is none.

    With an offset: full ISO 8601. Without: `2025-09-17T16:03:12`. Without year: `--09-17T16:03:12`.
    """
    if _EXACT.fullmatch(text):
        return text.decode()
    return _stamp(text) if len(text) <= _STAMP_LIMIT else ""


@lru_cache(maxsize=1024)
def _stamp(text: bytes) -> str:
    if _COMMON.fullmatch(text):
        return f"--{_MONTHS[text[:3].lower()]}-{text[4:6].replace(b' ', b'0').decode()}T{text[7:].decode()}"
    match = _ISO.fullmatch(text) or _RFC3164.fullmatch(text)
    return _stamp_of(match) if match else ""


def _stamp_of(match: re.Match[bytes]) -> str:
    fields = match.groupdict()
    time = (fields["time"] + (b"." + fields["fraction"][:6] if fields["fraction"] else b"")).decode()
    if "date" in fields:
        return f"{fields['date'].decode()}T{time}{(fields['zone'] or b'').decode().upper()}"
    month = _MONTHS.get(fields["month"].lower())
    year = (fields["y1"] or fields["y2"] or fields["y3"] or b"-").decode()
    return f"{year}-{month}-{int(fields['day']):02d}T{time}" if month else ""


def envelope(line: bytes) -> Envelope | None:
    """The envelope of a line in any form that is met in mail logs; None if it has none.

    RFC 3164 with or without year, PRI, facility and host; RFC 3339 stamps; RFC 5424; the journal's JSON and that of
    docker's json-file driver; a `service | ` prefix of docker compose. Never raises.
    """
    before = _BEFORE.match(line)
    at = before.end() if before else 0
    if line.startswith(b"{", at):
        return _from_json(line[at:])
    pri = _PRI.match(line, at)
    if pri:
        modern = _RFC5424.match(line, at)
        if modern:
            return _modern(line, modern)
        at = pri.end()
    match = _ISO.match(line, at) or _RFC3164.match(line, at)
    if match is None:
        return None
    time = _stamp_of(match)
    tag = _TAG.match(line, match.end())
    if tag is None or not time:
        return None
    host, program, pid = (decoded(tag[name] or b"") for name in ("host", "program", "pid"))
    return Envelope(time, host, program, pid, line[tag.end() :])


def _modern(line: bytes, head: re.Match[bytes]) -> Envelope | None:
    """RFC 5424 section 6: header, structured data, then the text, which may begin with a byte order mark."""
    structure = _STRUCTURE.match(line, head.end())
    if structure is None:
        return None
    host, program, pid = (decoded(b"" if head[name] == b"-" else head[name]) for name in ("host", "program", "pid"))
    payload = line[structure.end() :].removeprefix(b" ").removeprefix(b"\xef\xbb\xbf")
    return Envelope(stamp(head["stamp"]), host, program, pid, payload)


def _from_json(line: bytes) -> Envelope | None:
    """One record of `journalctl -o json` (systemd.io/JOURNAL_EXPORT_FORMATS) or of docker's json-file driver."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    inner = record.get("log")
    if isinstance(inner, str) and "MESSAGE" not in record:
        if inner.lstrip().startswith("{"):
            return None
        found = envelope(inner.rstrip("\r\n").encode("utf-8", "replace"))
        time = stamp(str(record.get("time", "")).encode("utf-8", "replace"))
        return found._replace(stamp=time or found.stamp) if found else None
    program = record.get("SYSLOG_IDENTIFIER")
    if not isinstance(program, str):
        return None
    names = (record.get("_HOSTNAME"), program, record.get("_PID"))
    host, program, pid = (one.encode("utf-8", "replace").decode() if isinstance(one, str) else "" for one in names)
    return Envelope(_journal_stamp(record.get("__REALTIME_TIMESTAMP")), host, program, pid, _journal_text(record.get("MESSAGE")))


def _journal_stamp(micro: object) -> str:
    """Microseconds since 1970 in UTC, a number in a string, as ISO 8601."""
    if not isinstance(micro, str) or not micro.isascii() or not micro.isdigit() or len(micro) > 17:  # noqa: PLR2004  year 5138
        return ""
    return (EPOCH + timedelta(microseconds=int(micro))).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _journal_text(message: object) -> bytes:
    """MESSAGE is text, a list of byte values (text that is no UTF-8), a list of those (a repeated field), or null (too long)."""
    if isinstance(message, str):
        return message.encode("utf-8", "replace")
    if isinstance(message, list):
        if message and all(isinstance(one, int) and 0 <= one < 256 for one in message):  # noqa: PLR2004  a byte
            return bytes(message)
        return next((one.encode("utf-8", "replace") for one in message if isinstance(one, str)), b"")
    return b""


def repeated(payload: bytes) -> bytes | None:
    """The text inside rsyslog's `message repeated N times: [ ... ]`; None if the payload is no such thing."""
    match = _REPEATED.match(payload)
    return payload[match.end() :].removesuffix(b"]") if match else None


def lost_messages(program: str, payload: bytes) -> int:
    """How many messages the logger itself says that it dropped (rate limits of rsyslog and journald); 0 if it says no such thing.

    A suppression that names the service of another program is none of ours.
    """
    if not program.startswith(LOGGERS):
        return 0
    match = _LOST.search(decoded(payload[:4096]))
    if match is None:
        return 0
    unit = (match["unit"] or "").lower()
    if unit.endswith(".service") and not any(word in unit for word in ("postfix", "mail", "syslog")):
        return 0
    return int(match["a"] or match["b"] or match["c"])


# --- addresses and records on several lines ----------------------------------------------------------------------------


def address_end(line: bytes, at: int, followers: tuple[bytes, ...], *, may_end: bool = False) -> int:
    """Where the `>` stands that ends an address written as `key=<address>`; -1 if there is none.

    An address may hold `>` and `, `: in a quoted local part, or bare in logs of Postfix before 3.5. Its end is therefore
    the first `>` outside quotes that one of `followers` follows (or the end of the line, with `may_end`).
    """
    quoted = _QUOTED.match(line, at) if line.startswith(b'"', at) else None
    stop = line.find(b">", quoted.end() if quoted else at)
    while stop >= 0 and not line.startswith(followers, stop + 1) and not (may_end and stop + 1 == len(line)):
        stop = line.find(b">", stop + 1)
    return stop


def better_sender(one: str, other: str) -> str:
    """Of two forms of one envelope sender the first with a domain: a mail program writes `www-data`, the queue completes it."""
    return one if "@" in one or not other else other


def strongest(found: Iterable[tuple[int, Recipient]]) -> list[tuple[int, Recipient]]:
    """One record for each recipient, out of pairs of (number of the file, record); in order of file and place.

    The first delivery decides: no later bounce undoes it. Then the last refusal after DATA: content had left, whatever
    came later. Then the last word.
    """
    best: dict[tuple[str, str, str], tuple[tuple[int, int, int], int, Recipient]] = {}
    for file, one in found:
        key = (one.role.value, one.address, one.original)
        if one.outcome is Outcome.DELIVERED:
            rank = (2, -file, -one.start)
        else:
            rank = (int(one.outcome is Outcome.REFUSED_AFTER_DATA or one.reply.endswith(_AFTER)), file, one.start)
        if key not in best or rank > best[key][0]:
            best[key] = (rank, file, one)
    return sorted(((file, one) for _, file, one in best.values()), key=lambda pair: (pair[0], pair[1].start))


def joined(pieces: Sequence[Fragment], clock_of: Callable[[tuple[str, str]], Clock]) -> Observation:
    """One message from its fragments, which come in order of file and place; stamps become times by each file's clock.

    The observation's span lies in the file of its first recipient's record. A recipient whose record lies in another
    file keeps its time, but no place (-1): a span names one file only.
    """
    if len(pieces) == 1:
        base = pieces[0].observation
        clock = clock_of(base.span[:2])
        recipients = [_timed(one, clock) for one in base.recipients]
        if len(recipients) > 1:
            recipients = [one for _, one in strongest((0, one) for one in recipients)]
        logged = clock.resolve(base.stamp, "syslog")
        return replaced(base, readings=(*base.readings, logged) if logged else base.readings, recipients=tuple(recipients))
    files: dict[tuple[str, str], int] = {}
    found = []
    for piece in pieces:
        one = piece.observation
        clock = clock_of(one.span[:2])
        file = files.setdefault(one.span[:2], len(files))
        found += [(file, _timed(recipient, clock)) for recipient in one.recipients]
    if len(found) > 1:
        found = strongest(found)
    home = found[0][0] if found else 0
    spans = [piece.observation.span for piece in pieces if files[piece.observation.span[:2]] == home]
    base = pieces[0].observation
    for piece in pieces[1:]:
        base = _filled(base, piece.observation)
    logged = clock_of(pieces[0].observation.span[:2]).resolve(base.stamp, "syslog")
    return replaced(
        base,
        span=Span(*spans[0][:2], min(span.start for span in spans), max(span.end for span in spans)),
        readings=(*base.readings, logged) if logged else base.readings,
        recipients=tuple(one if file == home else replaced(one, start=-1, end=-1) for file, one in found),
    )


def _timed(recipient: Recipient, clock: Clock) -> Recipient:
    at = clock.resolve(recipient.stamp, "syslog")
    return replaced(recipient, at=at.at) if at else recipient


def _filled(base: Observation, other: Observation) -> Observation:
    """What is said first stands; what was not said is filled in."""
    sender = better_sender(base.sender, other.sender)
    return replaced(
        base,
        direction=base.direction if base.direction is not Direction.UNKNOWN else other.direction,
        message_id=base.message_id or other.message_id,
        ids=tuple(dict.fromkeys((*base.ids, *other.ids))),
        sender=sender,
        envelope_sender=sender,
        size=base.size if base.declared >= 0 else other.size,
        declared=base.declared if base.declared >= 0 else other.declared,
        facts=tuple(sorted({*base.facts, *other.facts})),
    )
