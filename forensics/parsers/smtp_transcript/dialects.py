"""How each program writes an SMTP session down: one line of a transcript to who said what, and in which session.

Sources: swaks(1), TRANSACTION OUTPUT; nodemailer 10.6, `shared/index.js`, `smtp-connection/index.js` and
`smtp-transport/index.js`; CPython 3.11, `smtplib.py` (`_print_debug`); PHPMailer 6, `SMTP::edebug`.
"""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, NamedTuple

from forensics.addresses import items, mailboxes_in
from forensics.dates import iso_time
from forensics.model import EPOCH
from forensics.syslog import decoded

__all__ = ["Handed", "Line", "Side", "handed", "line_of"]

_TEXT_LIMIT = 65_536  # characters of a list of recipients


class Side(Enum):
    """Who said a line."""

    CLIENT = auto()
    SERVER = auto()
    CONTENT = auto()  # the mail itself, if the session is at that
    OPENED = auto()  # a connection was made; the text names the server
    HANDED = auto()  # the program says to whom it sends
    SILENT = auto()  # of the transcript, but no part of a session


class Line(NamedTuple):
    """One line of a transcript as it was said, without marks and line ends.

    `raw` is the text that it is if it belongs to the mail: nodemailer marks commands and replies by a prefix that a mail may
    hold too. None where the mark is no text of the mail's.
    """

    session: str
    side: Side
    texts: tuple[bytes, ...] = ()
    at: datetime | None = None
    raw: bytes | None = None
    is_cut: bool = False  # the line does not end as such lines do
    clock: str = ""  # a time of day without its date


class Handed(NamedTuple):
    """What nodemailer says before it sends: the Message-ID as written, the recipients as written, how many there are."""

    message_id: str
    recipients: tuple[str, ...]
    total: int


_SWAKS = {
    b" ->": Side.CLIENT, b" ~>": Side.CLIENT, b"**>": Side.CLIENT, b"*~>": Side.CLIENT,
    b"<- ": Side.SERVER, b"<~ ": Side.SERVER, b"<**": Side.SERVER, b"<~*": Side.SERVER, b"<-": Side.SERVER, b"<~": Side.SERVER,
    b"===": Side.SILENT, b"***": Side.SILENT,
}  # fmt: skip
_CONNECTED = b"=== Connected to "
_NODEMAILER = re.compile(
    rb"\[(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\] (TRACE|DEBUG|INFO|WARN|ERROR|FATAL) {1,2}(?:\[#[^\]\s]{1,64}\] )?(?:\[([^\]\s]{1,64})\] ?)?"
)
_SIDES = {b"C: ": Side.CLIENT, b"S: ": Side.SERVER, b"C:": Side.CLIENT, b"S:": Side.SERVER}
_SMTPLIB = re.compile(rb"(?:(\d\d:\d\d:\d\d(?:\.\d{1,6})?) )?(send|reply|data|connect): ?")
_TO = re.compile(rb"to \(b?'([^'\\]{1,255})', (\d{1,5})\)")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\\'\"nrtabfv0]))")
_PLAIN_ESCAPES = {
    b"\\": b"\\", b"'": b"'", b'"': b'"', b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f",
    b"v": b"\v", b"0": b"\0",
}  # fmt: skip
_PHPMAILER = re.compile(
    rb"(?:(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)[ \t]{1,4})?(CLIENT -(?:>|&gt;) SERVER|SERVER -(?:>|&gt;) CLIENT|Connection: open(?:ing|ed))(?:: ?|\b)"
)
_PHPMAILER_GOES_ON = re.compile(rb" {19}\t {18}")
_BREAK = re.compile(rb"<br ?/?>\Z")
_SENDING = re.compile(r"Sending message (.{0,1000}?)(?: using #[^\s<>]{1,40})?$", re.DOTALL)
_LINE_BREAKS = re.compile(r" using <(?:CR><)?LF> line breaks$")
_MORE = re.compile(r"\.\.\.and (\d{1,9}) more")
_ESTABLISHED = re.compile(rb"(?:Connection|Secure connection) established to (\S{1,300})\Z")
_ENCODED = re.compile(rb"<\d{1,20} bytes encoded mime message ")
_JSON_SIDES = {"client": Side.CLIENT, "server": Side.SERVER, "message": Side.CONTENT, "network": Side.SILENT}
_YEAR_5138 = 10**14  # milliseconds


def line_of(line: bytes) -> Line | None:
    """What one line of a file tells of a session; None if it is of no transcript. Never raises."""
    side = _SWAKS.get(line[:3])
    if side is not None and line[3:4] in {b" ", b""}:
        if line.startswith(_CONNECTED):
            return Line("swaks", Side.OPENED, (line[len(_CONNECTED) :].rstrip(b". "),))
        return Line("swaks", side, (line[4:],))
    if line.startswith(b"["):
        return _nodemailer(line)
    if line.startswith(b"{"):
        return _json(line)
    match = _SMTPLIB.match(line)
    return _smtplib(line, match) if match else _phpmailer(line)


def _nodemailer(line: bytes) -> Line | None:
    """`[2025-09-17 14:03:12] DEBUG [sid] C: text`, in UTC; at DEBUG without C: or S: it is the mail."""
    match = _NODEMAILER.match(line)
    if match is None:
        return None
    day, time, level, sid = match.groups()
    text = line[match.end() :]
    at = _utc(f"{day.decode()}T{time.decode()}Z")
    if level == b"INFO":
        opened = _ESTABLISHED.match(text)
        if opened and sid:
            return Line(f"nodemailer {decoded(sid)}", Side.OPENED, (opened[1],))
        return Line("", Side.HANDED if text.startswith(b"Sending message ") else Side.SILENT, (text,), at)
    if sid is None or level != b"DEBUG":
        return Line("", Side.SILENT)
    name = f"nodemailer {decoded(sid)}"
    side = _SIDES.get(text[:3])
    content = _bytes_behind(text)
    return Line(name, side, (text[3:],), at, content) if side else Line(name, Side.CONTENT, (content,), at, content)


def _bytes_behind(text: bytes) -> bytes:
    """The mail's bytes, which nodemailer logs as if each were a character."""
    if text.isascii():
        return text
    try:
        return text.decode().encode("latin-1")
    except UnicodeError:
        return text


def _json(line: bytes) -> Line | None:
    """The same records through pino or bunyan: `tnx` tells the side, `msg` holds the text."""
    if b'"tnx"' not in line:
        return None
    try:
        record = json.loads(decoded(line))
    except (ValueError, RecursionError):
        return Line("", Side.SILENT, is_cut=True)
    tnx = record.get("tnx")
    text = record.get("msg", record.get("message"))
    if not isinstance(tnx, str) or not isinstance(text, str):
        return Line("", Side.SILENT)
    at, sid = _json_time(record), record.get("sid")
    raw = text.encode("utf-8", "replace")
    if tnx == "send":
        return Line("", Side.HANDED if text.startswith("Sending message ") else Side.SILENT, (raw,), at)
    if tnx not in _JSON_SIDES or not isinstance(sid, str) or (tnx == "message" and _ENCODED.match(raw)):
        return Line("", Side.SILENT)
    if opened := _ESTABLISHED.match(raw) if tnx == "network" else None:
        return Line(f"json {sid}", Side.OPENED, (opened[1],))
    side = _JSON_SIDES[tnx]
    raw = _bytes_behind(raw) if side is Side.CONTENT else raw
    return Line(f"json {sid}", side, tuple(raw.replace(b"\r\n", b"\n").split(b"\n")), at)


def _json_time(record: dict[str, Any]) -> datetime | None:
    time = record.get("time", record.get("timestamp"))
    if isinstance(time, (int, float)) and 0 <= time < _YEAR_5138:
        return EPOCH + timedelta(milliseconds=int(time))
    return _utc(time) if isinstance(time, str) else None


def _utc(text: str) -> datetime | None:
    reading = iso_time(text)
    return reading.at.astimezone(UTC) if reading and not reading.slack else None


def _smtplib(line: bytes, match: re.Match[bytes]) -> Line:
    r"""`send: 'rcpt TO:<a@b>\r\n'`, `reply: b'250 ok\r\n'`: texts as Python writes them; a `retcode` line says it again."""
    word, clock = match[2], (match[1] or b"").decode()
    text = line[match.end() :]
    if word == b"connect":
        to = _TO.match(text)
        return Line("smtplib", Side.OPENED, (to[1] + b":" + to[2],)) if to else Line("smtplib", Side.SILENT)
    is_bytes = text.startswith(b"b")
    quote = text[is_bytes : is_bytes + 1]
    if word == b"data" or quote not in {b"'", b'"'}:
        return Line("smtplib", Side.SILENT)
    inner = text[is_bytes + 1 :]
    is_cut = not inner.endswith(quote)
    inner = _unescaped(inner if is_cut else inner[:-1], is_bytes=is_bytes)
    return Line("smtplib", Side.CLIENT if word == b"send" else Side.SERVER, _lines(inner), None, None, is_cut, clock)


def _unescaped(text: bytes, *, is_bytes: bool) -> bytes:
    """What the inside of a Python string or bytes literal stands for, in UTF-8; an escape that repr never writes stays."""

    def one(match: re.Match[bytes]) -> bytes:
        if match[4]:
            return _PLAIN_ESCAPES[match[4]]
        value = int(match[1] or match[2] or match[3], 16)
        if match[1] and is_bytes:
            return bytes((value,))
        return chr(value).encode("utf-8", "replace") if value <= 0x10FFFF else match[0]  # noqa: PLR2004  the last character

    return _ESCAPE.sub(one, text) if b"\\" in text else text


def _lines(text: bytes) -> tuple[bytes, ...]:
    """Lines without their ends; a last one that is ended begins no other."""
    rows = text.replace(b"\r\n", b"\n").split(b"\n")
    return tuple(rows if rows[-1] else rows[:-1])


def _phpmailer(line: bytes) -> Line | None:
    """`2025-09-17 14:03:12 CLIENT -> SERVER: text`, in UTC; as HTML with entities and `<br>`. A long reply goes on indented."""
    match = _PHPMAILER.match(line)
    if match is None:
        more = _PHPMAILER_GOES_ON.match(line)
        return Line("phpmailer", Side.SERVER, (line[more.end() :],)) if more else None
    day, time, mark = match.groups()
    text = line[match.end() :]
    at = _utc(f"{day.decode()}T{time.decode()}Z") if day else None
    if mark.startswith(b"Connection"):
        return Line("phpmailer", Side.OPENED if mark.endswith(b"opened") else Side.SILENT)
    if b"&gt;" in mark:
        text = html.unescape(decoded(_BREAK.sub(b"", text))).encode("utf-8", "replace")
        if mark.startswith(b"SERVER") and text[3:4] == b"-":  # as HTML, the lines of a long reply are glued to one
            text = text[:3] + b" " + text[4:]
    return Line("phpmailer", Side.CLIENT if mark.startswith(b"CLIENT") else Side.SERVER, (text,), at)


def handed(text: bytes) -> Handed | None:
    """The envelope in nodemailer's `Sending message <id> to <a, b>`, of which more than three recipients are only counted; None if cut.

    The last ` to <` parts the two: nodemailer lets no angle bracket into an envelope's address.
    """
    said = _LINE_BREAKS.sub("", decoded(text[:_TEXT_LIMIT]))
    before, mark, rest = said.rpartition(" to <")
    match = _SENDING.match(before)
    if not mark or match is None or not rest.endswith(">"):
        return None
    found: list[str] = []
    hidden = 0
    for item in items(rest[:-1]):
        more = _MORE.fullmatch(item.outside.strip())
        if more:
            hidden = int(more[1])
        else:
            found += [box.written for box in mailboxes_in(item)] or [item.outside.strip()]
    return Handed(match[1].strip(), tuple(one for one in found if one), len(found) + hidden)
