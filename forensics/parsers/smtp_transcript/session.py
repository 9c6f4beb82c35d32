"""One SMTP session as a client's transcript tells it: commands, their replies in order, and the mail between them (RFC 5321, 2920)."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from forensics.addresses import canonical
from forensics.syslog import address_end, decoded

__all__ = ["Named", "Place", "Session", "Transaction"]

_ADDRESS_LIMIT = 4_096  # bytes
_REPLY_LIMIT = 2_000  # bytes
_MOST_RECIPIENTS = 50_000  # of one transaction
_MOST_PENDING = 100_000  # commands without a reply
_MOST_MAILS = 16  # handed over without a reply
_REPLY = re.compile(rb"(\d{3})([ -]|$)")
_VERB = re.compile(rb"[A-Za-z]{4,8}")
_PATH = re.compile(rb"(?:RCPT[ \t]{1,8}TO|MAIL[ \t]{1,8}FROM)[ \t]{0,8}:[ \t]{0,8}", re.IGNORECASE)
_SIZE = re.compile(rb"(?<![^\s])SIZE=(\d{1,18})(?![^\s])", re.IGNORECASE)
_ORIGINAL = re.compile(rb"(?<![^\s])ORCPT=rfc822;(\S{1,1024})", re.IGNORECASE)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461 section 4
_MECHANISM = re.compile(rb"AUTH[ \t]{1,8}([A-Za-z0-9_-]{1,20})", re.IGNORECASE)
_WAITED_FOR = frozenset((b"EHLO", b"HELO", b"LHLO", b"AUTH", b"STARTTLS"))  # no client goes on before their replies
_HIDDEN = re.compile(rb"\d{1,9} lines sent")  # swaks --suppress-data


class Place(Enum):
    """Where a session is: what the client's next line is."""

    COMMAND = auto()
    DATA = auto()  # the mail, up to a lone dot
    SECRET = auto()  # credentials, or a chunk: nothing that is read, until the server speaks


@dataclass(slots=True, eq=False)
class Named:
    """A recipient that a RCPT names; offsets of its line. `code` is b"" until its own reply came."""

    address: str
    written: str
    original: str
    start: int
    end: int
    code: bytes = b""
    reply: str = ""
    at: datetime | None = None


@dataclass(slots=True, eq=False)
class Transaction:
    """MAIL, RCPT and DATA of one message, as far as they were told; offsets in bytes."""

    start: int
    end: int
    sender: str
    size: int
    at: datetime | None
    left: int  # bytes of the mail still to be kept
    whole: bool  # keep the body too
    clock: str = ""
    refused: bool = False  # MAIL was
    named: list[Named] = field(default_factory=list)
    waiting: int = 0  # commands without a reply
    over: bool = False  # the client says no more of it
    asked: bool = False  # DATA
    open: bool = False  # 354
    sent: bool = False  # the mail was handed over, up to its end
    stopped: tuple[bytes, str] | None = None  # the refusal of DATA
    final: list[tuple[bytes, str]] = field(default_factory=list)  # replies to the mail: one, with LMTP one for each recipient
    lines: list[bytes] = field(default_factory=list, repr=False)  # of the mail, without dot-stuffing
    header_ended: bool = False
    begun: bool = False  # a line of the mail was met
    is_cut: bool = False  # the transcript of it is
    remarks: set[str] = field(default_factory=set)
    facts: tuple[tuple[str, str], ...] = ()
    by_nodemailer: bool = False
    is_last_hop: bool = False  # LMTP: a 250 puts it into a mailbox

    def take(self, line: bytes) -> None:
        """A line of the mail."""
        self.begun = True
        if self.header_ended and not self.whole:
            return
        if len(line) + 2 > self.left:
            self.left = 0
            return
        self.left -= len(line) + 2
        self.header_ended = self.header_ended or not line.strip()
        self.lines.append(line)

    @property
    def shows_mail(self) -> bool:
        """Whether the mail's own lines are here, not only their number."""
        return bool(self.lines) and not (len(self.lines) == 1 and _HIDDEN.fullmatch(self.lines[0].strip()))


@dataclass(slots=True, eq=False)
class Session:
    """A connection: what was asked and not answered, and the transaction that is open. `ready` are those of which all is told."""

    keep: int  # bytes of a mail's head that are kept; of the whole mail with `whole`
    whole: bool = False
    by_nodemailer: bool = False
    relay: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    lmtp: bool = False
    place: Place = Place.COMMAND
    current: Transaction | None = None
    pending: deque[tuple[bytes, Transaction | None, Named | None]] = field(default_factory=deque)
    reply: bytes = b""
    is_astray: bool = False  # a RCPT stood outside of any transaction
    mails: int = 0  # handed over, without a reply
    ready: list[Transaction] = field(default_factory=list)
    start: int = 0  # of the line at hand
    end: int = 0
    at: datetime | None = None
    clock: str = ""

    def client(self, text: bytes) -> None:
        """A line that the client sent."""
        if self.place is Place.DATA:
            self.content(text)
        elif self.place is Place.COMMAND and text.strip():
            self._command(text)

    def content(self, text: bytes) -> None:
        """A line of the mail: a lone dot ends it, one dot at its beginning is not part of it (RFC 5321 section 4.5.2)."""
        transaction = self.current
        if self.place is not Place.DATA or transaction is None:
            return
        transaction.end = self.end
        if text.rstrip(b"\r") == b".":
            self._sent(transaction)
        else:
            transaction.take(text[1:] if text.startswith(b".") else text)

    def _sent(self, transaction: Transaction) -> None:
        """The mail is over: the server owes one reply, with LMTP one for each recipient that it took (RFC 2033)."""
        transaction.sent = transaction.over = True
        self.current, self.place = None, Place.COMMAND
        self.mails += 1
        owed = sum(one.code.startswith(b"2") for one in transaction.named) if self.lmtp else 1
        for _ in range(max(owed, 1)):
            self._ask(b"END", transaction)

    def _ask(self, verb: bytes, transaction: Transaction | None = None, named: Named | None = None) -> None:
        if len(self.pending) >= _MOST_PENDING:
            self._answered(self.pending.popleft()[1])
        self.pending.append((verb, transaction, named))
        if transaction is not None:
            transaction.waiting += 1

    def _command(self, text: bytes) -> None:
        if self.pending and self.pending[-1][0] in _WAITED_FOR:  # its reply is missing, and must not shift the others
            while self.pending:
                self._answered(self.pending.popleft()[1])
        found = _VERB.match(text)
        verb = found[0].upper() if found else b""
        if verb in {b"EHLO", b"HELO", b"LHLO"}:
            self.close()
            self.lmtp = verb == b"LHLO"
            self._ask(verb)
        elif verb == b"MAIL":
            self._abandon()
            if self.mails >= _MOST_MAILS:
                self.close()
            self._mail(text)
        elif verb == b"RCPT":
            self._rcpt(text)
        elif verb in {b"DATA", b"BDAT"} and self.current is not None:
            self.current.asked, self.current.end = True, self.end
            self._ask(verb, self.current)
            self.place = Place.DATA if verb == b"DATA" else Place.SECRET
            self.current.sent = self.current.over = verb == b"BDAT" and text.upper().rstrip().endswith(b"LAST")
        elif verb == b"AUTH":
            self.place = Place.SECRET
            match = _MECHANISM.match(text)
            self.facts = (("auth", decoded(match[1]).upper()),) if match else (("auth", ""),)
            self._ask(verb)
        else:
            if verb in {b"RSET", b"QUIT"}:
                self._abandon()
            self._ask(verb)

    def _mail(self, text: bytes) -> None:
        path, rest = _path(text)
        size = _SIZE.search(rest)
        found = Transaction(
            self.start,
            self.end,
            "",
            int(size[1]) if size else -1,
            self.at,
            self.keep,
            self.whole,
            self.clock,
            facts=self._known(),
        )
        if path is None:
            found.remarks.add("the sender of a MAIL command cannot be read; the line may be cut")
        else:
            found.sender = canonical(decoded(path))
        found.is_last_hop, found.by_nodemailer = self.lmtp, self.by_nodemailer
        self.current = found
        self._ask(b"MAIL", found)

    def _known(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((*self.facts, *((("relay", self.relay),) if self.relay else ()))))

    def _rcpt(self, text: bytes) -> None:
        transaction = self.current
        if transaction is None:
            self.is_astray = True
            self._ask(b"RCPT")
            return
        transaction.end = self.end
        path, rest = _path(text)
        if not path or len(transaction.named) >= _MOST_RECIPIENTS:
            many = "a message names more recipients than are read"
            transaction.remarks.add(many if path else "the recipient of a RCPT command cannot be read; the line may be cut")
            self._ask(b"RCPT", transaction)
            return
        written = decoded(path)
        address = canonical(written)
        before = _ORIGINAL.search(rest)
        original = canonical(_XTEXT.sub(lambda one: chr(int(one[1], 16)), decoded(before[1]))) if before else ""
        named = Named(
            address, "" if written.lower() == address else written, "" if original == address else original, self.start, self.end
        )
        transaction.named.append(named)
        self._ask(b"RCPT", transaction, named)

    def server(self, text: bytes) -> None:
        """A line of a reply; the last one of a reply answers the oldest command."""
        match = _REPLY.match(text)
        if match is None:
            return
        if len(self.reply) < _REPLY_LIMIT:
            self.reply = b" ".join(one for one in (self.reply, text[:_REPLY_LIMIT].strip()) if one)
        if match[2] == b"-":
            return
        reply, self.reply = decoded(self.reply[:_REPLY_LIMIT]), b""
        code = match[1]
        if code == b"354" and not self._pass_to_data():
            return
        is_mail_over = self.place is Place.DATA and self.current is not None and self.current.open
        if is_mail_over and self.current is not None:  # the mail was not logged, or not up to its dot
            self._sent(self.current)
        while self.pending and self.pending[0][0] == b"DATA" and code.startswith(b"2"):  # no answer to DATA: its own is missing
            transaction = self.pending[0][1]
            if transaction is None or not transaction.sent:
                return
            self._answered(self.pending.popleft()[1])
        if self.pending:
            self._answer(code, reply)

    def _pass_to_data(self) -> bool:
        """354 answers DATA and nothing else: replies before it are missing. Whether there is a DATA to be answered."""
        if not self.pending or self.pending[-1][0] != b"DATA":
            return False
        while self.pending[0][0] != b"DATA":
            self._answered(self.pending.popleft()[1])
        return True

    def _answer(self, code: bytes, reply: str) -> None:
        verb, transaction, named = self.pending.popleft()
        if verb == b"AUTH":
            if code == b"334":
                self.pending.appendleft((verb, transaction, named))
            else:
                self.place = Place.COMMAND
            return
        if transaction is None:
            return
        transaction.end = max(transaction.end, self.end)
        if named is not None:
            named.code, named.reply, named.at = code, reply, self.at
        elif verb == b"MAIL":
            transaction.refused = not code.startswith(b"2")
        elif verb == b"END" or (verb == b"BDAT" and transaction.sent):
            transaction.final.append((code, reply))
            transaction.at = self.at or transaction.at
        elif verb == b"DATA" and code.startswith(b"3"):
            transaction.open = True
        elif verb in {b"DATA", b"BDAT"} and not code.startswith(b"2"):
            transaction.stopped, transaction.over = (code, reply), True
            if self.current is transaction:
                self.current = None
        if verb == b"BDAT" or transaction.stopped:
            self.place = Place.COMMAND
        self._answered(transaction)

    def _answered(self, transaction: Transaction | None) -> None:
        if transaction is not None:
            transaction.waiting -= 1
            if transaction.over and transaction.waiting <= 0:
                self.mails = max(self.mails - transaction.sent, 0)
                self.ready.append(transaction)
                if self.current is transaction:
                    self.current = None

    def _abandon(self) -> None:
        """MAIL, RSET or QUIT: an open transaction comes to nothing."""
        transaction, self.current = self.current, None
        if transaction is not None:
            transaction.over = True
            if transaction.waiting <= 0:
                self.ready.append(transaction)

    def close(self) -> None:
        """The session is over, or its transcript: what is open is told as far as it came."""
        found = [one for _, one, _ in self.pending if one is not None]
        found += [self.current] if self.current is not None else []
        for one in dict.fromkeys(found):
            one.is_cut = True
            self.ready.append(one)
        self.pending.clear()
        self.mails = 0
        self.current, self.place, self.reply = None, Place.COMMAND, b""


def _path(text: bytes) -> tuple[bytes | None, bytes]:
    """The address of `MAIL FROM:<a@b> SIZE=1` and the parameters; None if it cannot be read. Brackets may be missing."""
    match = _PATH.match(text)
    if match is None:
        return None, b""
    start = match.end()
    if text.startswith(b"<", start):
        end = address_end(text, start + 1, (b" ", b"\t"), may_end=True)
        path, rest = text[start + 1 : end], text[end + 1 :]
        return (path, rest) if end >= 0 and len(path) <= _ADDRESS_LIMIT else (None, b"")
    path, _, rest = text[start:].rstrip().partition(b" ")
    return (path, rest) if path and b"<" not in path and len(path) <= _ADDRESS_LIMIT else (None, b"")
