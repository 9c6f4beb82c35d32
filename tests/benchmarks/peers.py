"""Readers that somebody would write in an afternoon: what ours are measured against.

Each reads one file as its author would, keeps what it finds of each message, and returns how many messages there are and
how many of them name the address asked for. They cover the plain case only: no cut files, no hostile bytes, no defects.
"""

from __future__ import annotations

import email
import json
import mailbox
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import Any

import mailparser

__all__ = ["PEERS", "Counted"]

_LINE = re.compile(r"(\w{3} [ \d]\d [\d:]{8}) (\S+) postfix/(\w+)\[\d+\]: (\w+): (.*)")
_CLIENT = re.compile(r"client=(\S+?)\[([^\]]+)\]")
_MESSAGE_ID = re.compile(r"message-id=<(.*)>")
_SENDER = re.compile(r"from=<([^>]*)>, size=(\d+), nrcpt=(\d+)")
_RECIPIENT = re.compile(r"to=<([^>]*)>.*, relay=(\S+),.*, dsn=(\S+), status=(\w+) \((.*)\)")


@dataclass(frozen=True, slots=True)
class Counted:
    """What a reader met: messages, and those among them that were addressed to the address asked for; -1 where it does not count."""

    messages: int
    hits: int


@dataclass(slots=True)
class _Mail:
    """What a plain reader keeps of one message."""

    message_id: str = ""
    sender: str = ""
    at: object = None
    recipients: list[str] = field(default_factory=list)
    outcomes: list[tuple[str, str, str]] = field(default_factory=list)


def _counted(mails: Iterable[_Mail], wanted: str) -> Counted:
    messages = hits = 0
    for mail in mails:
        messages += 1
        hits += wanted in mail.recipients
    return Counted(messages, hits)


def postfix(path: Path, wanted: str) -> Counted:
    """Line by line as text, five regular expressions, a dict of messages that grows with the file."""
    mails: dict[str, _Mail] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if (whole := _LINE.match(line)) is None:
                continue
            stamp, _, _, queue_id, text = whole.groups()
            mail = mails.setdefault(queue_id, _Mail(at=stamp))
            if found := _RECIPIENT.match(text):
                mail.recipients.append(found[1].lower())
                mail.outcomes.append((found[2], found[4], found[5]))
            elif found := _SENDER.match(text):
                mail.sender = found[1]
            elif found := _MESSAGE_ID.match(text):
                mail.message_id = found[1]
            elif found := _CLIENT.match(text):
                mail.outcomes.append((found[2], "client", ""))
    # the pattern of an id also fits "connect from ..." with a colon in it: only what has a sender is a message
    return _counted((mail for mail in mails.values() if mail.sender), wanted)


def mailbox_headers(path: Path, wanted: str) -> Counted:
    """The standard library's `mailbox`, with its parser of headers only: what is measured in ours is headers, too."""
    parser = BytesHeaderParser()

    def headers(file: Any) -> Any:
        return parser.parse(file)

    return _box(mailbox.mbox(path, factory=headers, create=False), wanted)


def mailbox_whole(path: Path, wanted: str) -> Counted:
    """`mailbox` as it comes: each mail parsed with all its parts."""
    return _box(mailbox.mbox(path, create=False), wanted)


def _box(box: mailbox.mbox, wanted: str) -> Counted:
    try:
        return _counted((_mail(message) for message in box), wanted)
    finally:
        box.close()


def _mail(message: Message) -> _Mail:
    named = [str(value) for name in ("To", "Cc", "Bcc") for value in message.get_all(name, [])]
    return _Mail(
        message_id=str(message["Message-ID"]),
        sender=str(message["From"]),
        at=parsedate_to_datetime(str(message["Date"])),
        recipients=[address.lower() for _, address in getaddresses(named)],
    )


def _split(path: Path) -> Iterator[bytes]:
    """Mails of an archive in which every line that begins with "From " is a separator."""
    data = path.read_bytes()
    start = 0
    while (end := data.find(b"\nFrom ", start)) >= 0:
        yield data[start : end + 1]
        start = end + 1
    yield data[start:]


def mail_parser(path: Path, wanted: str) -> Counted:
    """mail-parser's account of each mail: all of it is parsed, whatever is asked for."""

    def mails() -> Iterator[_Mail]:
        for raw in _split(path):
            mail = mailparser.parse_from_bytes(raw)
            named = [address.lower() for field in (mail.to, mail.cc, mail.bcc) for _, address in field]
            yield _Mail(mail.message_id, mail.from_[0][1], mail.date, named)

    return _counted(mails(), wanted)


def compat32(path: Path, wanted: str) -> Counted:
    """The standard library's way to what is in a mail: every part decoded, text as its charset says. HTML stays as it is,
    and what is attached stays closed. `wanted` is looked for in text.
    """
    messages = hits = 0
    for raw in _split(path):
        texts = list(_texts(email.message_from_bytes(raw, policy=policy.compat32)))
        messages += 1
        hits += any(wanted in text for text in texts)
    return Counted(messages, hits)


def _texts(message: Message) -> Iterator[str]:
    for part in message.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        if part.get_content_maintype() == "text" and isinstance(content, bytes):
            yield content.decode(part.get_content_charset("utf-8"), "replace")


def _delivery(row: Mapping[str, Any]) -> _Mail:
    at = datetime.fromisoformat(row["DeliveredAt"])
    return _Mail(row["MessageID"], "", at, [row["Recipient"].lower()], [("", row["RecordType"], row["Details"])])


def _row(row: Mapping[str, Any]) -> _Mail:
    at = datetime.fromisoformat(row["ReceivedAt"])
    return _Mail(row["MessageID"], row["From"], at, [one.lower() for one in row["Recipients"]])


def ndjson(path: Path, wanted: str) -> Counted:
    """`json.loads` of each line: one webhook, one message."""

    def mails() -> Iterator[_Mail]:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield _delivery(json.loads(line))

    return _counted(mails(), wanted)


def document(path: Path, wanted: str) -> Counted:
    """`json.load` of the whole document."""
    with path.open(encoding="utf-8") as file:
        answer = json.load(file)
    return _counted([_row(row) for row in answer["Messages"]], wanted)


def pflogsumm(path: Path, wanted: str) -> Counted:  # noqa: ARG001  it tells totals only
    """The program of that name. It rounds large totals to thousands, and names no recipient of a message."""
    said = subprocess.run(["pflogsumm", "--no-no-msg-size", str(path)], capture_output=True, text=True, check=True).stdout
    received = re.search(r"^\s+(\d+)(k?)\s+received$", said, re.MULTILINE)
    assert received, "pflogsumm says nothing of messages received"
    return Counted(-1 if received[2] else int(received[1]), -1)


def exigrep(path: Path, wanted: str) -> Counted:
    """Exim's own: all lines of the messages that name one address. It does not say how many others there are."""
    said = subprocess.run(["exigrep", "-l", wanted, str(path)], capture_output=True, text=True, check=True).stdout
    return Counted(-1, sum(" Completed" in line[:80] for line in said.splitlines()))


PEERS: Mapping[str, Callable[[Path, str], Counted]] = {
    "exigrep": exigrep,
    "pflogsumm": pflogsumm,
    "lines": postfix,
    "mailbox+email": mailbox_headers,
    "mailbox-whole": mailbox_whole,
    "mail-parser": mail_parser,
    "compat32": compat32,
    "json-lines": ndjson,
    "json-document": document,
}
