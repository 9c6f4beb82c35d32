"""Single mails, one a file: .eml, Apple's .emlx, and the members of a Maildir."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from forensics import headers, mail
from forensics.mail import HEAD
from forensics.model import Body, Defect, Fragment, Reading, Span, Unread
from forensics.plugins import Parser, Record, Source
from forensics.records import replaced

__all__ = ["PARSER", "maildir"]

_NAME = "eml"
_TOP = 2 * HEAD + (64 << 10)  # bytes of a file that are kept: a header block in UTF-16, and what may stand above it
_TAIL = 256 << 10  # bytes of its end that are kept: Apple's property list
_SHOWN = 200  # lines of a header block that are looked at to know the format
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SAMPLE = 32  # bytes that show UTF-16 without a byte order mark: sixteen letters, each with a NUL beside it
_LEAD = re.compile(rb"(?:\xef\xbb\xbf)?+(?:[ \t]*+[\r\n])*+")
_FROM = re.compile(rb"(?:>?From [^\r\n]{0,1000}+(?:\r*+\n|\r))*+")
_COUNT = re.compile(rb"[ \t]*+(\d{1,12})[ \t]*+\r?\n")
_LINES = re.compile(rb"[^\r\n]*+(?:\r*+\n|\r|\Z)")
_FIELD = re.compile(rb"([A-Za-z][A-Za-z0-9_-]{0,99}+)[ \t]*+:[ \t]*+([^\r\n]*+)")
# what separates mails in an mbox: a From_ line, but no git patch's; ">From " lines; a header; a line that may follow one
_EOL = rb"(?>\r{0,2}+\n|\r)"
_SEPARATOR = re.compile(
    rb"[\r\n]From (?=(?!(?:[0-9a-f]{40}|[0-9a-f]{64}) Mon Sep 17 00:00:00 2001)[^\r\n]{0,1000}+" + _EOL +
    rb"(?:>From [^\r\n]{0,1000}+" + _EOL + rb"){0,4}+(?P<name>[!-9;-~]{1,200}+)[ \t]{0,9}+:[^\r\n]{0,1000}+"
    rb"(?:[^\r\n]|" + _EOL + rb"(?:[!-9;-~]{1,200}+[ \t]{0,9}+:|[ \t\r\n]|From |\Z)|\Z))"
)  # fmt: skip
_NEEDLES = (b"\nFrom ", b"\rFrom ")
_LOOK = 8192  # bytes that such a place takes at most
_TOLD = 100  # places told one by one
_ODD = 3  # lines that are no header and do not fold one, before a text is taken for something else

# names that only mail bears; with them count the ones that other protocols share
_MAIL_NAMES = frozenset((
    "from", "to", "cc", "bcc", "subject", "received", "return-path", "mime-version", "message-id", "delivered-to", "reply-to", "sender",
))  # fmt: skip
_SHARED = frozenset(("date", "content-type", "content-transfer-encoding"))
# no person writes these into a file of settings
_WRITTEN_BY_PROGRAMS = frozenset(("received", "return-path", "mime-version", "message-id", "delivered-to"))
_NOT_MAIL = frozenset((
    "host", "etag", "set-cookie", "cache-control", "transfer-encoding", "content-length-range", "cseq", "call-id", "metadata-version",
    "http", "last-modified", "accept-encoding", "connection",
))  # fmt: skip

# Apple's bits as people have worked them out; Apple documents none of them
_APPLE_FLAGS = (
    (0, "read"), (1, "deleted"), (2, "answered"), (3, "encrypted"), (4, "flagged"), (6, "draft"), (8, "forwarded"),
    (9, "redirected"), (23, "signed"), (24, "junk"),
)  # fmt: skip
_PLIST_TOP = 400  # bytes of XML declaration and document type above the list
_STRIPPED = re.compile(rb"[\r\n]X-Apple-Content-Length:")
_STRIPPED_NAME = b"X-Apple-Content-Length:"
_NUMBER = rb"</key>\s{0,20}<(?:integer|real|string)>\s{0,20}(\d{1,20})\s{0,20}<"
_APPLE_BITS = re.compile(rb"<key>flags" + _NUMBER)
_APPLE_RECEIVED = re.compile(rb"<key>date-received" + _NUMBER)
_ELSEWHERE = "attachments are not in this file: Apple Mail keeps them in a folder beside it"

# cr.yp.to/proto/maildir.html: time.unique.host, then ":2," and flags in ASCII order. Copies on Windows write another mark for
# ":": what a program chose, or the private character that a file server or Cygwin puts in its place
_MAILDIR = re.compile(r"(\d{9,10})\.([^/:;!]{1,200}?)(?:(?:[:;!_+\-\uf022\uf03a]|%3[Aa])2,([A-Za-z]{0,52}))?")
_MAILDIR_UNIQUE = re.compile(r"[A-Za-z0-9_]+\.[^.].*|[^.]*,S=\d+.*")
_NO_MAILDIR = re.compile(r"\.(?:emlx?|txt|msg|mbox|json|log|gz|html?|pdf|mime)$", re.IGNORECASE)
_PACKED = re.compile(r"\.(?:gz|bz2|xz|zst)\Z", re.IGNORECASE)  # of a mail that was compressed on its own
_EARLIEST, _LATEST = 788_918_400, 4_102_444_800  # 1995 and 2100: any other number is no time


class _Layout(NamedTuple):
    """Where things lie in a file's first bytes, here as UTF-8 or as they are: separator lines, header block, byte count."""

    text: bytes
    begin: int
    head: int
    announced: int  # bytes of mail, by the first line of an .emlx; else -1


def _layout(top: bytes) -> _Layout:
    """Byte order mark, blank lines, Apple's byte count and mbox separators may stand above the mail, in this order."""
    text = _narrow(top)
    lead = _LEAD.match(text)
    begin = lead.end() if lead else 0
    announced = _COUNT.match(text, begin) if text is top else None  # in UTF-16 it would count something else
    if announced:
        head = _behind_separators(text, announced.end())
        if _FIELD.match(text, head):
            return _Layout(text, announced.end(), head, int(announced[1]))
    return _Layout(text, begin, _behind_separators(text, begin), -1)


def _behind_separators(text: bytes, begin: int) -> int:
    lines = _FROM.match(text, begin)
    return lines.end() if lines else begin


def _narrow(raw: bytes) -> bytes:
    """UTF-16 as UTF-8, told by its byte order mark or by the NULs beside its first letters; anything else as it is."""
    codec = "utf-16" if raw.startswith(_UTF_16) else _unmarked(raw[:_SAMPLE])
    return raw.decode(codec, "replace").encode("utf-8", "replace") if codec else raw


def _unmarked(sample: bytes) -> str:
    if len(sample) < _SAMPLE or b"\0" not in sample:
        return ""
    even, odd = sample[::2], sample[1::2]
    if not odd.strip(b"\0") and b"\0" not in even:
        return "utf-16-le"
    return "utf-16-be" if not even.strip(b"\0") and b"\0" not in odd else ""


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  the file's name proves nothing
    """Whether `head` begins with the header block of a mail: at least two names that mail uses, one of them its own.

    A file that begins with a separator line is an archive, even of one mail, and so is one in which another mail begins. Names
    in lower case only, as settings and front matter have them, need one that no person writes, and somewhere there must be an
    address, a date or a trace.
    """
    layout = _layout(head)
    text, at = layout.text, layout.head
    if text.startswith(b"From ", layout.begin) and layout.announced < 0:
        return False
    names: list[bytes] = []
    speaks, odd = False, 0
    for number in range(_SHOWN):
        line = _LINES.match(text, at)
        if not line or line.end() == at or not line.group().strip(b" \t\r\n"):
            break
        found = _FIELD.match(text, at)
        if found:
            names.append(found[1])
            speaks = speaks or _speaks(found[1].lower(), found[2])
        elif number == 0:
            return False
        elif not text.startswith((b" ", b"\t"), at):
            odd += 1
        at = line.end()
    return speaks and odd <= _ODD and odd < len(names) and _are_of_mail(names) and not mail.goes_on(head)


def _speaks(name: bytes, value: bytes) -> bool:
    """Whether a header says what only a mail would: whom by address, when to the minute, by which way."""
    if name.decode("ascii") in _WRITTEN_BY_PROGRAMS:
        return True
    if name in {b"from", b"to", b"cc", b"bcc", b"sender", b"reply-to"}:
        return b"@" in value or b"=?" in value
    return name == b"date" and bool(re.search(rb"\d\d:\d\d", value))


def _are_of_mail(names: list[bytes]) -> bool:
    """Whether two names of headers or more are such as mail has, at least one of them no other protocol's, none another one's own."""
    known = {name.decode("ascii").lower() for name in names}
    own = known & _MAIL_NAMES
    if known & _NOT_MAIL or not own or len(own | known & _SHARED) + any(one.startswith("x-") for one in known) <= 1:
        return False
    return bool(own & _WRITTEN_BY_PROGRAMS) or any(
        name[:1].isupper() and name.decode("ascii").lower() in _MAIL_NAMES for name in names
    )


class _File(NamedTuple):
    """What is kept of one file of any size: its beginning, its end, its length, whether attachments were taken out of it, and
    where its first separator lines begin and end.
    """

    top: bytes
    tail: bytes
    size: int
    stripped: bool
    separators: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Separators:
    """Lines that would part mails in an archive, as many as are told and one more; the same for blocks of any size."""

    found: list[tuple[int, int]] = field(default_factory=list)
    ahead: bytes = b""  # what was not judged yet, because too little followed it
    base: int = 0

    def meet(self, block: bytes, *, last: bool = False) -> None:
        """Judge what has enough behind it now; after the `last` block all of it."""
        if not _may_part(block) and not _may_part(self.ahead + block[: len(_NEEDLES[0])]):
            ahead = block[-_LOOK:] if len(block) >= _LOOK else (self.ahead + block)[-_LOOK:]
            self.base += len(self.ahead) + len(block) - len(ahead)
            self.ahead = ahead
            return
        window = self.ahead + block
        limit = len(window) if last else max(len(window) - _LOOK, 0)
        for one in _SEPARATOR.finditer(window):
            if one.start() >= limit or len(self.found) > _TOLD:
                break
            line = _LINES.match(window, one.start() + 1)
            if line and mail.is_known(one["name"]):
                self.found.append((self.base + line.start(), self.base + line.end()))
        self.ahead, self.base = window[limit:], self.base + limit


def _may_part(text: bytes) -> bool:
    return _NEEDLES[0] in text or (b"\r" in text and _NEEDLES[1] in text)


def _is_stripped(block: bytes) -> bool:
    return _STRIPPED_NAME in block and bool(_STRIPPED.search(block))


def _gathered(blocks: Iterable[bytes]) -> _File:
    top: list[bytes] = []
    kept, tail, size, stripped = 0, b"", 0, False
    separators = _Separators()
    for block in blocks:
        separators.meet(block)
        size += len(block)
        if kept < _TOP:
            top.append(block[: _TOP - kept])
            kept += len(top[-1])
        stripped = stripped or _is_stripped(block) or _is_stripped(tail[-len(_STRIPPED_NAME) :] + block[: len(_STRIPPED_NAME)])
        tail = block if len(block) >= _TAIL else tail + block
        tail = tail[-_TAIL:] if len(tail) > 2 * _TAIL else tail
    separators.meet(b"", last=True)
    return _File(b"".join(top), tail[-_TAIL:], size, stripped, tuple(separators.found))


class _Apple(NamedTuple):
    """What surrounds a mail in an .emlx: where the mail ends, what the property list says, and what is wrong with both."""

    end: int
    readings: tuple[Reading, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    reason: str = ""


def _apple(file: _File, layout: _Layout) -> _Apple:
    """The byte count is not believed: the list must be the last thing in the file, or all of the file is mail."""
    if layout.announced < 0:
        return _Apple(file.size)
    opening = file.tail.rfind(b"<plist")
    if opening < 0 or not file.tail.rstrip().endswith(b"</plist>"):
        return _Apple(file.size, reason="the property list behind the mail is missing: flags and time of arrival are not known")
    start = opening
    for mark in (b"<!DOCTYPE plist", b"<?xml"):
        above = file.tail.rfind(mark, max(opening - _PLIST_TOP, 0), start)
        start = above if above >= 0 else start
    end = file.size - len(file.tail) + start
    announced = layout.begin + layout.announced
    agreed = announced <= end and not file.tail[max(announced - end + start, 0) : start].strip()
    listed = file.tail[start:]
    received = _APPLE_RECEIVED.search(listed)
    bits = _APPLE_BITS.search(listed)
    return _Apple(
        end if not agreed else announced,
        _archive(int(received[1])) if received else (),
        _apple_facts(int(bits[1])) if bits else (),
        "" if agreed else "the byte count above the mail does not lead to the property list behind it",
    )


def _archive(seconds: int) -> tuple[Reading, ...]:
    """A time that a mail store wrote down, Unix seconds: when it took the mail in, or when somebody copied it there."""
    if not _EARLIEST <= seconds < _LATEST:
        return ()
    return (Reading("archive", datetime.fromtimestamp(seconds, UTC)),)


def _apple_facts(bits: int) -> tuple[tuple[str, str], ...]:
    names = [name for bit, name in _APPLE_FLAGS if bits >> bit & 1]
    facts = [("apple_flags", ",".join(names))] if names else []
    facts += [("trashed", "true")] if "deleted" in names else []
    facts += [("draft", "true")] if "draft" in names else []
    return tuple(facts)


def maildir(name: str) -> tuple[tuple[Reading, ...], tuple[tuple[str, str], ...]]:
    """What the file name of a Maildir member says: the clock "archive" in UTC, and facts; nothing of any other name.

    `time.unique.host:2,FLAGS`: `maildir_flags` as they stand, `trashed` for T, `draft` for D. In `new/` there are no flags. A
    name is a hint: whoever copies a file may give it another.
    """
    match = _MAILDIR.fullmatch(name)
    if not match:
        return (), ()
    seconds, unique, flags = match.groups()
    if flags is None and (_NO_MAILDIR.search(name) or not _MAILDIR_UNIQUE.fullmatch(unique)):
        return (), ()
    facts = [("maildir_flags", flags)] if flags else []
    facts += [("trashed", "true")] if "T" in (flags or "") else []
    facts += [("draft", "true")] if "D" in (flags or "") else []
    return _archive(int(seconds)), tuple(facts)


def read(source: Source) -> Iterator[Record]:
    """The one mail of a file as one fragment; what is missing from it as defects. A huge mail is passed through, not held."""
    file = _gathered(source.blocks())
    if not file.size:
        return
    span = Span(source.span.evidence, source.span.member, source.span.start, source.span.start + file.size)
    name = _PACKED.sub("", source.name)
    layout = _layout(file.top)
    apple = _apple(file, layout)
    text, head = layout.text, layout.head
    stop = len(text) if layout.announced < 0 else min(apple.end, len(text))
    head_end = headers.header_end(text, head, min(stop, head + HEAD))
    block = text[head : head_end if head_end >= 0 else min(stop, head + HEAD)]
    if not headers.header_block(block):
        yield Defect(span, _NAME, "no mail header at the top of the file")
        return
    partial = layout.announced >= 0 and (file.stripped or name.lower().endswith(".partial.emlx"))
    reasons = [apple.reason, _ELSEWHERE if partial else ""]
    if head_end < 0:
        long = stop - head > HEAD
        reasons.append(
            "the header block is longer than 1 MiB; the rest of it was not read"
            if long
            else "the file ends inside the header block"
        )
    yield from (Defect(span, _NAME, reason) for reason in reasons if reason)
    yield from _doubts(span, [one for one in file.separators if one[0] >= head])
    readings, facts = maildir(name)
    observation = mail.observe(
        span,
        _NAME,
        block,
        size=file.size if text is not file.top else apple.end - head,  # in UTF-16 as it lies there
        archive=(*mail.separator_time(text[layout.begin : head]), *apple.readings, *readings),
        facts=(*apple.facts, *facts),
    )
    kind = "partial" if partial else "mail" if layout.announced < 0 else "emlx"
    yield Fragment(f"{span.evidence}/{span.member}#{span.start}", replaced(observation, kind=kind, header_known=head_end >= 0))


def _doubts(span: Span, separators: list[tuple[int, int]]) -> Iterator[Defect]:
    """An archive that lost its first line begins like a mail: a missed separator would hide a whole mail, so each is told."""
    for start, end in separators[:_TOLD]:
        place = Span(span.evidence, span.member, span.start + start, span.start + end)
        yield Defect(place, _NAME, "ambiguous separator: a mail of its own may begin here, but the file was read as one mail")
    for start, _ in separators[_TOLD:]:
        place = Span(span.evidence, span.member, span.start + start, span.end)
        yield Defect(place, _NAME, f"more than {_TOLD} ambiguous separators: those from here on are not listed")


def body(raw: bytes, kind: str) -> Body:
    """The mail without what its file has around it, as one part; the attachments that a partial .emlx lacks are told as unread."""
    text = _narrow(raw)
    layout = _layout(text)
    apple = _apple(_gathered((text,)), layout)
    return mail.content(
        text[layout.head : max(apple.end, layout.head)], (Unread("message", _ELSEWHERE),) if kind == "partial" else ()
    )


PARSER = Parser(
    name=_NAME,
    title="single mail (.eml, .emlx, Maildir)",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "content"}),
    body=body,
    version=2,
)
