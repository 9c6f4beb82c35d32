"""One session, followed line by line: which reply answers which command, and what became of each transaction."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["QUEUED", "Dialogue", "Line", "Mail"]

QUEUED = re.compile(r"250 2\.6\.0 <([^<>\s]{1,998})> \[InternalId=(\d{1,20}), Hostname=([^\s,\[\]]{1,255})\]")


class Line(NamedTuple):
    """One event of a session at its place; `word` is a verb, a code of three digits (and `-` where more follows), or a remark."""

    number: int
    stamp: str
    place: tuple[str, str]
    start: int
    end: int
    word: str
    address: str
    value: str
    reply: str


@dataclass(slots=True, eq=False)
class Mail:
    """One transaction, as far as it was seen."""

    lines: list[Line]
    sender: str = ""
    message_id: str = ""
    user: str = ""
    opens: bool = True
    cut: bool = False  # what became of it lies beyond what was seen
    sent: bool = False  # content has left
    final: Line | None = None
    accepted: list[tuple[Line, Line]] = field(default_factory=list)
    refused: list[tuple[Line, Line]] = field(default_factory=list)
    unanswered: list[Line] = field(default_factory=list)


class Dialogue:
    """Follows one session, line by line; `mails` are its transactions."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.whole = False  # what came before the line at hand was seen
        self.number = -1
        self.mails: list[Mail] = []
        self.mail: Mail | None = None
        self.pending: deque[tuple[Line, Mail | None]] = deque()
        self.dashed = False
        self.user = self.announced = self.greeted = ""

    def take(self, line: Line) -> None:
        """The next line of the session."""
        if line.number == 0:
            self.whole = True
        elif line.number != self.number + 1:
            self.lose()
        self.number = line.number
        if line.word[:1].isdigit():
            self._answered(line)
        elif line.word == "user":
            self.user = line.value
        elif line.word == "id":
            self.announced = line.value
        elif line.word not in {"+", "-", "*"}:
            self._commanded(line)

    def lose(self) -> None:
        """Lines are missing here: which reply is whose, and whose transaction goes on, is not known any more."""
        self.whole, self.dashed = False, False
        for line, mail in self.pending:
            if mail is not None and line.word == "RCPT" and line.address:
                mail.unanswered.append(line)
        self.pending.clear()
        for mail in self.mails:
            mail.cut = mail.cut or mail is self.mail or (mail.final is None and mail.sent)
        self.mail = None

    def _begin(self, line: Line, *, opens: bool) -> Mail:
        self.mail = Mail([line], line.address if opens else "", self.announced, self.user, opens)
        self.announced = ""
        self.mails.append(self.mail)
        return self.mail

    def _commanded(self, line: Line) -> None:
        if self.pending and self.pending[0][0].word == "AUTH" and line.word == "OTHER":
            return  # what answers a challenge is no command
        if self.dashed and self.pending and self.pending[0][0].word == "EHLO":
            self.pending.popleft()  # a greeting on several lines may be logged as one
        self.dashed = False
        word = line.word
        if word == "MAIL":
            self._begin(line, opens=True)
        elif word in {"RSET", "EHLO"}:
            self.mail = None
            if self.side == "send" and line.value:
                self.greeted = line.value
        elif word in {"RCPT", "DATA", "BDAT", "LAST"} and self.mail is None and not self.whole:
            self._begin(line, opens=False)
        mail = self.mail if word in {"MAIL", "RCPT", "DATA", "BDAT", "LAST"} else None
        if mail is not None:
            mail.lines.append(line)
            mail.sent = mail.sent or word in {"BDAT", "LAST"}  # content follows at once: RFC 3030 section 2
        self.pending.append((line, mail))

    def _answered(self, line: Line) -> None:
        self.dashed = line.word.endswith("-")
        if self.dashed:
            return
        if not self.pending:
            if not self.whole and self.side == "receive" and QUEUED.match(line.reply):
                self._begin(line, opens=False).final = line  # recipients unknown
                self.mails[-1].sent = True
                self.mail = None
            return
        (command, mail), code = self.pending[0], line.word
        word = command.word
        if code[0] == "3" and word in {"AUTH", "DATA"}:
            if mail is not None and word == "DATA":
                mail.sent = True
            return
        self.pending.popleft()
        if mail is None:
            return
        mail.lines.append(line)
        if word == "RCPT" and command.address:
            (mail.accepted if code in {"250", "251"} else mail.refused).append((command, line))
        elif word in {"DATA", "BDAT", "LAST"}:
            if mail.final is None and (word != "BDAT" or code[0] != "2"):
                mail.final = line
            if mail is self.mail and mail.final is not None:
                self.mail = None
