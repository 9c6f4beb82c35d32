"""SMTP as its client wrote it down: transcripts of swaks, nodemailer, smtplib and PHPMailer.

A client knows its own blind copies: the envelope is in the commands, To and Cc in the mail behind DATA. Recipients count as
accepted only by the reply that is theirs, and nothing inside the mail is a command.
"""

from __future__ import annotations

import re

from forensics.parsers.smtp_transcript.dialects import Line, Side, line_of
from forensics.parsers.smtp_transcript.reading import body, read
from forensics.plugins import Parser
from forensics.syslog import as_plain

__all__ = ["PARSER"]

_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,40}:[ \t])")
_ROWS = 2_000
_SPOKEN = re.compile(
    rb"(?:EHLO|HELO|LHLO|MAIL FROM|RCPT TO|DATA|QUIT|RSET|AUTH|STARTTLS)\b|\d{3}[ -]|Sending message .* to <", re.IGNORECASE
)


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether a quarter of the lines or more are of a transcript, and one of them is a command, a reply or an envelope."""
    head = as_plain(head).lstrip(b"\xef\xbb\xbf\0\r\n")
    if _HEADER.match(head) and not head.startswith((b"send: ", b"reply: ", b"connect: ", b"data: ")):
        return False
    rows = [row.rstrip(b"\r") for row in head.split(b"\n")[:_ROWS] if row.strip(b"\0\r ")]
    found = [said for row in rows if (said := line_of(row)) is not None]
    return 4 * len(found) >= len(rows) and any(map(_is_spoken, found))


def _is_spoken(line: Line) -> bool:
    sides = {Side.CLIENT, Side.SERVER, Side.HANDED}
    return line.side in sides and bool(line.texts) and _SPOKEN.match(line.texts[0]) is not None


PARSER = Parser(
    name="smtp_transcript",
    title="SMTP transcript (swaks, nodemailer, smtplib, PHPMailer)",
    sniff=_sniff,
    read=read,
    shows=frozenset({"recipients", "header", "outcome", "content", "blind"}),
    body=body,
)
