"""Mail archives in mbox form: every mail's header block, from mboxo, mboxrd, mboxcl, Takeout, Thunderbird or patch series."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from forensics import addresses, dates, headers
from forensics.model import Body, Defect, Direction, Fragment, Observation, Part, Reading, Recipient, Role, Route, Span
from forensics.plugins import Parser, Record, Source

__all__ = ["PARSER"]

_NAME = "mbox"
_NEEDLE = b"\nFrom "
_WINDOW = 64 << 10  # bytes looked at to judge a separator: fixed, so that no cut or block size changes the answer
_HEAD = 1 << 20  # bytes of a header block that are read
_REFILL = 256 << 10
_SECOND = 64 << 10  # bytes of a head that mail-parser is given
_LONGEST_FACT = 300  # characters
_LONGEST_ID = 1000  # characters; a line has 998, RFC 5322 section 2.1.1
_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?+[ \t\r\n]*+")

# A line ends in LF, CRLF, CR CR LF, or in a CR alone. The From_ line; `>From ` lines that some store put behind it; a header
# line; then another header, a continuation, an empty line, the next separator or the end.
_EOL = rb"(?:\r*+\n|\r)"
_LINE = re.compile(rb"[^\r\n]*+(?:\r*+\n|\r|\Z)")
_SEPARATOR = re.compile(
    rb"From [^\r\n]*+" + _EOL + rb"(?:>From [^\r\n]*+" + _EOL + rb")*+(?:\xef\xbb\xbf)?(?P<name>[!-9;-~]++)[ \t]*+:[^\r\n]*+"
    rb"(?:" + _EOL + rb"(?:[!-9;-~]++[ \t]*+:|[ \t\r\n]|From |\Z)|\Z)"
)  # fmt: skip
_PATCH = re.compile(rb"From (?:[0-9a-f]{40}|[0-9a-f]{64}) Mon Sep 17 00:00:00 2001[ \t\r]*+$", re.MULTILINE)
_KNOWN = frozenset(
    b"received return-path from to cc bcc subject date message-id sender reply-to in-reply-to references mime-version "
    b"delivered-to errors-to precedence priority importance sensitivity organization user-agent status mail-followup-to "
    b"disposition-notification-to authentication-results dkim-signature domainkey-signature dkim-filter received-spf "
    b"envelope-to apparently-to auto-submitted comments keywords encrypted lines sent thread-topic thread-index newsgroups "
    b"path xref approved feedback-id autocrypt delivery-date posted-date mailing-list old-return-path".split()
)
_FAMILIES = (b"x-", b"arc-", b"list-", b"resent-", b"content-")
# what a From_ line looks like when a program wrote it: a sender or "-", then a date, or nothing behind "- "
_WRITTEN = re.compile(rb"From (?:-[ \t\r]*+$|.{0,400}?\d\d:\d\d)", re.MULTILINE)
_FROM_DATE = re.compile(r"\b[A-Z][a-z]{2}\s+[A-Z][a-z]{2}\s+\d{1,2}\s+\d\d:\d\d.{0,40}$")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def _is_known(name: bytes) -> bool:
    name = name.lower()
    return name in _KNOWN or name.startswith(_FAMILIES)


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  the file's name proves nothing
    """Whether `head` begins, after a byte order mark and blank lines, with a From_ line and a header behind it."""
    lead = _BLANK.match(head)
    head = head[lead.end() if lead else 0 :]
    if not head.startswith(b"From "):
        return False
    match = _SEPARATOR.match(head)
    if match:
        return _is_known(match["name"]) or bool(_WRITTEN.match(head))
    line = _LINE.match(head)
    if not line or not _WRITTEN.match(head):
        return False
    return any(_is_known(name.encode()) for name, _ in headers.header_block(head[line.end() :])[:1])


class _Mark(NamedTuple):
    """A line that begins with "From ": where it lies, and why it is no sure separator ("" = it is one)."""

    start: int
    end: int
    doubt: str


@dataclass(slots=True)
class _Window:
    """The part of a member that is in memory: it slides forward, and keeps the head of the mail that is being read."""

    blocks: Iterator[bytes]
    base: int  # offset of `buffer` in the member
    buffer: bytes = b""
    done: bool = False
    mail: int = -1  # offset of the open mail
    head: bytes = field(default=b"", repr=False)  # its first bytes, once the window has left them behind

    @property
    def end(self) -> int:
        return self.base + len(self.buffer)

    def slide(self, keep: int) -> None:
        """Read on. Bytes before `keep` are given up, but for the open mail's head."""
        low = keep
        if self.mail >= 0 and not self.head:
            if keep - self.mail > _HEAD + _WINDOW:
                self.head = self.buffer[self.mail - self.base :][: _HEAD + _WINDOW]
            else:
                low = min(keep, self.mail)
        parts = [self.buffer[low - self.base :]]
        fresh = 0
        for block in self.blocks:
            parts.append(block)
            fresh += len(block)
            if fresh >= _REFILL:
                break
        else:
            self.done = True
        self.buffer, self.base = b"".join(parts), low

    def reach(self, offset: int, keep: int) -> None:
        """Read on until `offset` is in memory, or the member ends."""
        while self.end < offset and not self.done:
            self.slide(keep)

    def open(self, mail: int) -> None:
        self.mail, self.head = mail, b""

    def head_of_mail(self, end: int) -> tuple[bytes, int, int]:
        """(bytes, low, high): the first 1 MiB or less of the open mail, which ends at `end`, is `bytes[low:high]`."""
        if self.head:
            return self.head, 0, min(len(self.head), end - self.mail)
        low = self.mail - self.base
        return self.buffer, low, min(low + _HEAD + _WINDOW, end - self.base)


def _marks(window: _Window, start: int, *, series: bool) -> Iterator[_Mark]:
    """Every line from `start` on that begins with "From ", in order; the window must begin before `start` or at 0.

    Neither a blank line before nor a date behind `From ` is asked for: programs leave out both.
    """
    if start == 0:
        window.reach(_WINDOW + len(_BOM), 0)
        first = len(_BOM) if window.buffer.startswith(_BOM) else 0
        if window.buffer.startswith(b"From ", first):
            yield _judged(window, first, series=series)
        scan = first
    else:
        scan = start - 1
    while True:
        found = window.buffer.find(_NEEDLE, scan - window.base)
        if found < 0:
            scan = max(scan, window.end - len(_NEEDLE) + 1)
            if window.done:
                return
            window.slide(scan)
            continue
        scan = window.base + found + 1
        if window.end < scan + _WINDOW and not window.done:
            window.reach(scan + _WINDOW, scan)
        yield _judged(window, scan, series=series)


def _judged(window: _Window, start: int, *, series: bool) -> _Mark:
    low = start - window.base
    high = min(low + _WINDOW, len(window.buffer))
    line = window.buffer.find(b"\n", low, high) + 1 or high
    end = window.base + line
    if not series and _PATCH.match(window.buffer, low, line):
        return _Mark(start, end, "ambiguous separator: the head of a git patch inside a mail")
    match = _SEPARATOR.match(window.buffer, low, high)
    if not match:
        return _Mark(start, end, "ambiguous separator: no header follows")
    if not _is_known(match["name"]):
        return _Mark(start, end, "ambiguous separator: the header that follows is not a known one")
    return _Mark(start, end, "")


def read(source: Source) -> Iterator[Record]:
    """Mails whose separator lies in the span, each with its header's say; doubtful separators as defects.

    The first line of a member is taken for a separator even if it is doubtful. A doubtful line is told by whoever reads the
    mail that it lies in. What precedes the first separator is a defect of its own.
    """
    span = source.span
    series = _is_series(source)
    window = _Window(source.blocks(max(0, span.start - 1)), max(0, span.start - 1))
    here = _Place(span.evidence, span.member)
    opened = False
    top = b""
    if span.start == 0:
        window.reach(_WINDOW, 0)
        top = window.buffer[:_WINDOW]
    for mark in _marks(window, span.start, series=series):
        leads = span.start == 0 and (mark.start == 0 or (mark.start == len(_BOM) and top.startswith(_BOM)))
        inside = leads or span.end < 0 or mark.start < span.end
        if not inside and not opened and span.start > 0:
            return
        if mark.doubt and (opened or span.start == 0):
            yield here.defect(mark.start, mark.end, mark.doubt)
        if mark.doubt and not leads:
            continue
        if opened:
            yield from _mail(here, window, mark.start)
        elif span.start == 0 and mark.start > 0:
            yield _preamble(here, top, mark.start)
        if not inside:
            return
        window.open(mark.start)
        opened = True
    if opened:
        yield from _mail(here, window, window.end, last=True)
    elif span.start == 0 and window.end > 0:
        yield here.defect(0, window.end, "no separator line in the whole file")


def _is_series(source: Source) -> bool:
    """Whether the member begins as a series of git patches: only then do their constant heads separate mails."""
    head = b""
    for block in source.blocks(0):
        head += block
        if len(head) >= 4096:  # noqa: PLR2004  bytes: a mark, some blank lines and one line
            break
    lead = _BLANK.match(head)
    return bool(_PATCH.match(head, lead.end() if lead else 0))


@dataclass(frozen=True, slots=True)
class _Place:
    evidence: str
    member: str

    def span(self, start: int, end: int) -> Span:
        return Span(self.evidence, self.member, start, end)

    def defect(self, start: int, end: int, reason: str) -> Defect:
        return Defect(self.span(start, end), _NAME, reason)


def _preamble(here: _Place, top: bytes, end: int) -> Defect:
    blank = end <= len(top) and _BLANK.fullmatch(top, 0, end)
    reason = "blank lines or a byte order mark" if blank else "text that belongs to no mail"
    return here.defect(0, end, f"{reason} before the first separator line")


def _mail(here: _Place, window: _Window, end: int, *, last: bool = False) -> Iterator[Record]:
    """The open mail as a fragment, behind its defects."""
    start = window.mail
    data, low, high = window.head_of_mail(end)
    body = _behind_separator(data, low, high)
    head_end = headers.header_end(data, body, min(high, body + _HEAD))
    whole = head_end >= 0 or not (last or end - start - (body - low) > _HEAD)
    if head_end < 0 and end - start - (body - low) > _HEAD:
        yield here.defect(start, end, "the header block is longer than 1 MiB; the rest of it was not read")
    elif last and (head_end < 0 or not window.buffer.endswith((b"\n", b"\r"))):
        yield here.defect(start, end, "the file ends inside a message")
    block = data[body : head_end if head_end >= 0 else min(high, body + _HEAD)]
    observation = _observed(here.span(start, end), data[low:body], block, size=end - start - (body - low))
    if not whole:
        observation = replace(observation, header_known=False)
    yield Fragment(f"{here.evidence}/{here.member}#{start}", observation)


def _behind_separator(data: bytes, low: int, high: int) -> int:
    line = _LINE.match(data, low, high)
    return line.end() if line and data.startswith(b"From ", low) else low


def _observed(span: Span, separator: bytes, block: bytes, *, size: int) -> Observation:
    """What one mail's separator line and header block say."""
    found = headers.header_block(block)
    fields: dict[str, list[bytes]] = {}
    for name, value in found:
        if name in fields:
            fields[name].append(value)
        else:
            fields[name] = [value]
    recipients, in_passing = headers.addressees(found)
    facts = _facts(fields)
    facts += [("address_in_name", address) for address in in_passing]
    if not recipients and _SPEAKING.isdisjoint(fields) and _ADDRESS_LIKE.search(block):
        second = _second_opinion(block)
        recipients += second
        facts += [("second_opinion", "mail-parser")] if second else []
    message_id, others = _identities(fields)
    subject = fields.get("subject")
    return Observation(
        span=span,
        source=_NAME,
        kind="mail",
        route=Route.MAILBOX,
        direction=_direction(fields),
        message_id=message_id,
        ids=others,
        sender=_first_address(fields.get("from", ())) or _first_address(fields.get("sender", ())),
        envelope_sender=_first_address(fields.get("return-path", ())),
        subject=headers.decode_words(subject[0]) if subject else "",
        size=size,
        readings=_readings(fields, separator),
        recipients=recipients,
        header_known=True,
        has_body=True,
        facts=tuple(sorted(facts)),
    )


_SPEAKING = {"from", "to", "date"}
_ADDRESS_LIKE = re.compile(rb"\b(?:to|cc|bcc)\b[^\n]{0,400}@", re.IGNORECASE)  # else mail-parser is not worth its milliseconds
_TRANSPORT = {"received", "delivered-to", "return-path"}
_ADDRESSED = {"to", "cc", "bcc", "resent-bcc"}


def _direction(fields: dict[str, list[bytes]]) -> Direction:
    """A Sent copy has met no server; a blind copy is written only into the sender's own copy, or was told by one's own host.

    A mail without traces of transport and without recipients (some list archives) tells nothing.
    """
    blind = "bcc" in fields or "resent-bcc" in fields
    if blind and "delivered-to" not in fields:
        return Direction.SUBMITTED
    if not _TRANSPORT.isdisjoint(fields):
        return Direction.RECEIVED
    return Direction.SUBMITTED if fields.keys() & _ADDRESSED else Direction.UNKNOWN


def _first_address(values: list[bytes] | tuple[()]) -> str:
    for value in values:
        address = _cached_first(value) if len(value) <= _LONGEST_FACT else _first(value)
        if address:
            return address
    return ""


def _first(value: bytes) -> str:
    found = headers.address_list(value).mailboxes
    return found[0].address if found else ""


_cached_first = lru_cache(maxsize=16_384)(_first)


def _identity(value: bytes) -> str:
    return addresses.canonical_message_id(headers.text_of(value[: 2 * _LONGEST_ID]))[:_LONGEST_ID]


def _identities(fields: dict[str, list[bytes]]) -> tuple[str, tuple[str, ...]]:
    """The message's id, Postmark's own first, and every other id that it bears, as "mid:..."."""
    ids = [one for one in map(_identity, fields.get("message-id", ())) if one]
    for value in fields.get("x-pm-message-id", ()):
        uuid = _UUID.search(headers.text_of(value[:_LONGEST_FACT]).lower())
        if uuid:
            ids.insert(0, f"{uuid.group()}@mtasv.net")
    ids = list(dict.fromkeys(ids))
    return (ids[0] if ids else ""), tuple(f"mid:{one}" for one in ids[1:])


def _readings(fields: dict[str, list[bytes]], separator: bytes) -> tuple[Reading, ...]:
    """Every clock of the mail: Date, last and first hop, Resent-Date, then the archive's own From_ line."""
    received = fields.get("received", [])
    clocks = [
        *(("date", headers.text_of(value)) for value in fields.get("date", ())[:4]),
        *(("received_last", _hop_time(value)) for value in received[:1]),
        *(("received_first", _hop_time(value)) for value in received[1:][-1:]),
        *(("resent_date", headers.text_of(value)) for value in fields.get("resent-date", ())[:1]),
    ]
    found = [reading for clock, text in clocks if (reading := dates.mail_time(text, clock))]
    if len(separator) > len(b"From - ") and not _PATCH.match(separator):  # a patch's date is a constant
        line = _FROM_DATE.search(separator[-200:].decode("latin-1").rstrip())
        reading = dates.mail_time(line.group(), "from_line") if line else None
        if reading:
            found.append(reading)
    return tuple(found)


def _hop_time(value: bytes) -> str:
    return headers.text_of(value[-200:].rpartition(b";")[2])


def _facts(fields: dict[str, list[bytes]]) -> list[tuple[str, str]]:
    """List, thread and state of a mail, as far as its headers tell: name and value, values bounded."""
    facts = []
    if "list-id" in fields:
        text = headers.text_of(fields["list-id"][0])
        inner = text[text.rfind("<") + 1 :].partition(">")[0]
        facts.append(("list_id", inner.strip().lower()[:_LONGEST_FACT]))
    if "in-reply-to" in fields and (parent := _identity(fields["in-reply-to"][0])):
        facts.append(("in_reply_to", parent))
    if "references" in fields and (root := _identity(fields["references"][0])):
        facts.append(("thread", root))
    flags = fields.get("x-mozilla-status", [b""])[0].strip()
    if re.fullmatch(rb"[0-9A-Fa-f]{1,8}", flags) and int(flags, 16) & 0x8:  # deleted, not yet compacted
        facts.append(("mozilla_deleted", "true"))
    if _is_automatic(fields):
        facts.append(("auto", "true"))
    return facts


def _is_automatic(fields: dict[str, list[bytes]]) -> bool:
    """Whether a program sent the mail: Auto-Submitted (RFC 3834) other than "no", or an old bulk Precedence."""
    if any(not re.match(rb"\s*no\b|\s*$", value, re.IGNORECASE) for value in fields.get("auto-submitted", ())):
        return True
    return any(value.strip().lower() in {b"bulk", b"junk", b"auto_reply"} for value in fields.get("precedence", ()))


def _second_opinion(block: bytes) -> tuple[Recipient, ...]:
    """Recipients that mail-parser finds in a head in which we saw nobody, no From and no Date."""
    import mailparser  # noqa: PLC0415  slow to import, and seldom needed

    found: list[tuple[Role, str]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mail = mailparser.parse_from_bytes(block[:_SECOND] + b"\n\n")
            for role in (Role.TO, Role.CC, Role.BCC):
                found += [(role, str(address)) for _, address in getattr(mail, role.value) or ()]
    except Exception:  # noqa: BLE001  it raises many kinds on damaged mail; it is asked only for what it may add
        return ()
    new = dict.fromkeys((role, addresses.canonical(address)) for role, address in found if "@" in address)
    return tuple(Recipient(address, role) for role, address in new)


def body(raw: bytes, kind: str) -> Body:  # noqa: ARG001  there is one kind
    """The mail at an observation's span, without its From_ line, as one part. mboxrd quoting stays: it is undone for display."""
    lead = _BLANK.match(raw)
    start = lead.end() if lead and raw.startswith(b"From ", lead.end()) else 0
    start = _behind_separator(raw, start, len(raw))
    mail = raw[start:]
    head = headers.header_block(mail[: _HEAD if headers.header_end(mail, 0, _HEAD) < 0 else None])
    subject = next((headers.decode_words(value) for name, value in head if name == "subject"), "")
    return Body(subject=subject, parts=(Part("", "message/rfc822", mail),))


PARSER = Parser(
    name=_NAME,
    title="mbox mail archive",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "content"}),
    body=body,
    divisible=True,
)
