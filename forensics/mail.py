"""One stored mail: what its header block says, whichever container it lies in."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from forensics import addresses, dates, headers
from forensics.model import Body, Defect, Direction, Observation, Part, Reading, Recipient, Role, Route, Span, Unread
from forensics.records import constructor

__all__ = ["HEAD", "PEEK", "MailStream", "Place", "content", "goes_on", "is_known", "observe", "separator_time"]

HEAD = 1 << 20  # bytes of a header block that are read
PEEK = 64 << 10  # bytes looked at to judge a separator: fixed, so that no cut or block size changes the answer
_REFILL = 256 << 10
_SECOND = 64 << 10  # bytes of a head that mail-parser is given
_LONGEST_FACT = 300  # characters
_LONGEST_ID = 1000  # characters; a line has 998, RFC 5322 section 2.1.1
_KNOWN = frozenset(
    b"received return-path from to cc bcc subject date message-id sender reply-to in-reply-to references mime-version "
    b"delivered-to errors-to precedence priority importance sensitivity organization user-agent status mail-followup-to "
    b"disposition-notification-to authentication-results dkim-signature domainkey-signature dkim-filter received-spf "
    b"envelope-to apparently-to auto-submitted comments keywords encrypted lines sent thread-topic thread-index newsgroups "
    b"path xref approved feedback-id autocrypt delivery-date posted-date mailing-list old-return-path".split()
)
_FAMILIES = (b"x-", b"arc-", b"list-", b"resent-", b"content-")
_FROM_DATE = re.compile(r"\b[A-Z][a-z]{2}\s+[A-Z][a-z]{2}\s+\d{1,2}\s+\d\d:\d\d.{0,40}$")
# behind an empty line, a From_ line as a program writes it (a date, or nothing behind "- ") and a header; no git patch's
_BETWEEN = re.compile(
    rb"(?:\n\r{0,2}+\n|\r\r)From (?![0-9a-f]{40,64} Mon Sep 17 00:00:00 2001)(?:-[ \t]{0,4}+|[^\r\n]{0,400}?\d\d:\d\d[^\r\n]{0,60}+)"
    rb"(?>\r{0,2}+\n|\r)(?P<name>[!-9;-~]{1,200}+)[ \t]{0,9}+:"
)  # fmt: skip
_BOUNDARY = re.compile(rb"boundary[ \t]{0,9}=[ \t]{0,9}\"?([^\"\s;]{1,70})", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_SPEAKING = {"from", "to", "date"}
_ADDRESS_LIKE = re.compile(rb"\b(?:to|cc|bcc)\b[^\n]{0,400}@", re.IGNORECASE)  # else mail-parser is not worth its milliseconds
_TRANSPORT = {"received", "delivered-to", "return-path"}
_ADDRESSED = {"to", "cc", "bcc", "resent-bcc"}
# Takeout writes its own two headers above all others; a server that takes a mail in writes its trace above whatever came with it
_TAKEOUT_LINES = 3
# How Gmail calls its folders: the name is of the account's language, the ASCII one of older exports.
_SENT = frozenset((
    "sent", "sent mail", "gesendet", "messages envoyés", "enviados", "enviadas", "e-mails enviados", "inviati", "posta inviata",
    "verzonden", "verzonden berichten", "skickat", "skickade mail", "sendt", "sendt post", "lähetetyt", "wysłane", "odeslaná pošta",
    "отправленные", "надіслані", "gönderilmiş postalar", "gönderilenler", "trimise", "elküldött levelek", "απεσταλμένα",
    "送信済み", "送信済みメール", "已发送", "已发邮件", "寄件備份", "보낸편지함",
))  # fmt: skip
_DRAFTS = frozenset((
    "draft", "drafts", "entwürfe", "entwurf", "brouillons", "borradores", "bozze", "rascunhos", "concepten", "utkast", "kladder",
    "luonnokset", "wersje robocze", "koncepty", "черновики", "чернетки", "taslaklar", "下書き", "草稿", "임시보관함",
))  # fmt: skip
_CHATS = frozenset(("chat", "chats", "hangouts"))

_observation = constructor(Observation)

Fact = tuple[str, str]
Fields = dict[str, list[bytes]]


def is_known(name: bytes) -> bool:
    """Whether mail programs write a header of this name (any case): RFC 5322, the registered ones in use, `X-` and its like."""
    name = name.lower()
    return name in _KNOWN or name.startswith(_FAMILIES)


def goes_on(head: bytes) -> bool:
    """Whether `head` begins with a mail's own header and another mail begins in it: an archive that lost its first line.

    A separator before the end of the first mail's multipart counts for nothing: it lies in an attachment.
    """
    block = headers.header_block(head)
    if not block or not is_known(block[0][0].encode()) or head.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith((b"From ", b"\x01")):
        return False
    declared = next((_BOUNDARY.search(value) for name, value in block if name == "content-type"), None)
    start = head.find(b"--" + declared[1] + b"--") if declared else 0
    return start >= 0 and any(is_known(one["name"]) for one in _BETWEEN.finditer(head, start))


@dataclass(frozen=True, slots=True)
class Place:
    """One member of the evidence as a parser names places in it; offsets in bytes, end exclusive."""

    evidence: str
    member: str
    parser: str

    def span(self, start: int, end: int) -> Span:
        """The place from `start` to `end`."""
        return Span(self.evidence, self.member, start, end)

    def defect(self, start: int, end: int, reason: str) -> Defect:
        """What could not be read there, and why."""
        return Defect(self.span(start, end), self.parser, reason)


@dataclass(slots=True)
class MailStream:
    """The part of a member that is in memory: it slides forward, and keeps the head of the mail that is being read.

    `base` is the offset of `buffer` in the member, `mail` that of the open mail, -1 if none is open. At most about 2.5 MiB are
    held, however large the mail.
    """

    blocks: Iterator[bytes]
    base: int
    buffer: bytes = b""
    done: bool = False
    mail: int = -1
    head: bytes = field(default=b"", repr=False)  # the open mail's first bytes, once the buffer has left them behind

    @property
    def end(self) -> int:
        """Offset in the member behind the last byte in memory."""
        return self.base + len(self.buffer)

    def slide(self, keep: int) -> None:
        """Read on. Bytes before `keep` are given up, but for the open mail's head."""
        low = keep
        if self.mail >= 0 and not self.head:
            if keep - self.mail > HEAD + PEEK:
                self.head = self.buffer[self.mail - self.base :][: HEAD + PEEK]
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
        """From here on the head of the mail at offset `mail` is kept."""
        self.mail, self.head = mail, b""

    def head_of_mail(self, end: int) -> tuple[bytes, int, int]:
        """(bytes, low, high): the first 1 MiB or less of the open mail, which ends at `end`, is `bytes[low:high]`."""
        if self.head:
            return self.head, 0, min(len(self.head), end - self.mail)
        low = self.mail - self.base
        return self.buffer, low, min(low + HEAD + PEEK, end - self.base)


def observe(
    span: Span, source: str, block: bytes, *, size: int, archive: tuple[Reading, ...] = (), facts: Iterable[Fact] = ()
) -> Observation:
    """What a mail's header block says, as an observation of kind "mail" by the parser `source`.

    `block` is the header block, or what is left of it, in an encoding that is ASCII at its base; `size` that of the mail in
    bytes without its container's lines. `archive` are clocks of the container (separator line, file name, index), all in
    UTC; they come last. `facts` join those of the headers. Never raises; a cut block is told by the caller, who takes
    `header_known` back.
    """
    found = headers.fields_of(block)
    fields: Fields = {}
    for name, value in found:
        if name in fields:
            fields[name].append(value)
        else:
            fields[name] = [value]
    recipients, in_passing = headers.addressees(found)
    told = [*facts, *_facts(fields)]
    told += [("address_in_name", address) for address in in_passing]
    direction = _direction(fields)
    if "x-gmail-labels" in fields:
        labels = _gmail_labels(found[:_TAKEOUT_LINES])
        told += _gmail_facts(labels)
        direction = direction if _SENT.isdisjoint(map(str.casefold, labels)) else Direction.SUBMITTED
    if not recipients and _SPEAKING.isdisjoint(fields) and _ADDRESS_LIKE.search(block):
        second = _second_opinion(block)
        recipients += second
        told += [("second_opinion", "mail-parser")] if second else []
    message_id, others = _identities(fields)
    subject = fields.get("subject")
    sender = _first_address(fields.get("from", ())) or _first_address(fields.get("sender", ()))
    bounces_to = _first_address(fields.get("return-path", ()))
    line = headers.decode_words(subject[0]) if subject else ""
    readings = _readings(fields) + archive
    known = tuple(sorted({*told})) if told else ()
    return _observation(
        span, source, "mail", Route.MAILBOX, direction, "", "", message_id, others, sender, bounces_to, line, "", size, readings,
        "", recipients, True, -1, (), True, known,
    )  # fmt: skip


def content(mail: bytes, unread: tuple[Unread, ...] = ()) -> Body:
    """A whole mail as one part to be read, with its subject decoded. What the container knows to be missing is in `unread`."""
    end = headers.header_end(mail, 0, HEAD)
    return Body(
        subject=headers.subject_of(mail[: end if end >= 0 else HEAD]), parts=(Part("", "message/rfc822", mail),), unread=unread
    )


def separator_time(line: bytes) -> tuple[Reading, ...]:
    """The date at the end of a From_ line, as the clock "from_line": no more than when somebody wrote the archive. Or nothing."""
    if len(line) <= len(b"From - "):
        return ()
    date = _FROM_DATE.search(line[-200:].decode("latin-1").rstrip())
    reading = dates.mail_time(date.group(), "from_line") if date else None
    return (reading,) if reading else ()


def _direction(fields: Fields) -> Direction:
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


def _identities(fields: Fields) -> tuple[str, tuple[str, ...]]:
    """The message's id, Postmark's own first, and every other id that it bears, as "mid:..."."""
    ids = [one for one in map(_identity, fields.get("message-id", ())) if one]
    for value in fields.get("x-pm-message-id", ()):
        uuid = _UUID.search(headers.text_of(value[:_LONGEST_FACT]).lower())
        if uuid:
            ids.insert(0, f"{uuid.group()}@mtasv.net")
    ids = list(dict.fromkeys(ids))
    return (ids[0] if ids else ""), tuple(f"mid:{one}" for one in ids[1:])


def _readings(fields: Fields) -> tuple[Reading, ...]:
    """Every clock that the headers hold: Date, last and first hop, Resent-Date."""
    clocks = [("date", headers.text_of(value)) for value in fields.get("date", ())[:4]]
    if received := fields.get("received"):
        clocks.append(("received_last", _hop_time(received[0])))
        if len(received) > 1:
            clocks.append(("received_first", _hop_time(received[-1])))
    if "resent-date" in fields:
        clocks.append(("resent_date", headers.text_of(fields["resent-date"][0])))
    return tuple([reading for clock, text in clocks if (reading := dates.mail_time(text, clock))])


def _hop_time(value: bytes) -> str:
    return headers.text_of(value[-200:].rpartition(b";")[2])


def _facts(fields: Fields) -> list[Fact]:
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
    elif "x-gm-thrid" in fields and re.fullmatch(rb"\d{1,20}", number := fields["x-gm-thrid"][0].strip()):
        facts.append(("thread", number.decode()))
    if "x-mozilla-status" in fields:
        flags = fields["x-mozilla-status"][0].strip()
        if re.fullmatch(rb"[0-9A-Fa-f]{1,8}", flags) and int(flags, 16) & 0x8:  # deleted, not yet compacted
            facts.append(("mozilla_deleted", "true"))
    if _is_automatic(fields):
        facts.append(("auto", "true"))
    return facts


def _is_automatic(fields: Fields) -> bool:
    """Whether a program sent the mail: Auto-Submitted (RFC 3834) other than "no", or an old bulk Precedence."""
    for value in fields.get("auto-submitted", ()):
        if not re.match(rb"\s*no\b|\s*$", value, re.IGNORECASE):
            return True
    return any(value.strip().lower() in {b"bulk", b"junk", b"auto_reply"} for value in fields.get("precedence", ()))


def _gmail_labels(top: list[tuple[str, bytes]]) -> list[str]:
    """The labels of a mail from Gmail's Takeout; none where the header came with the mail from outside.

    They may be one encoded word that holds the commas, so they are decoded before they are split.
    """
    names = [name for name, _ in top]
    at = names.index("x-gmail-labels") if "x-gmail-labels" in names else -1
    if at < 0 or not _TRANSPORT.isdisjoint(names[:at]):
        return []
    text = headers.decode_words(top[at][1])
    return [label for one in text.split(",") if (label := " ".join(one.replace('"', "").split()))]


def _gmail_facts(labels: list[str]) -> list[Fact]:
    """Labels joined by commas, as many whole ones as fit; and what two of them mean."""
    kept, left = [], _LONGEST_FACT
    for label in labels:
        left -= len(label) + 1
        if left < 0:
            break
        kept.append(label)
    facts = [("gmail_labels", ",".join(kept))] if kept else []
    names = {label.casefold() for label in labels}
    facts += [("chat", "true")] if names & _CHATS else []
    facts += [("draft", "true")] if names & _DRAFTS else []
    return facts


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
    return tuple(Recipient(address, role, seen="mail-parser") for role, address in new)
