"""What lines of Sendmail are made of: queue ids, which hold a time, and lists of addresses."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from forensics.syslog import Addresses

__all__ = ["Controllers", "bare", "clock_in", "listed", "time_in"]

_CLOCK = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
_VALUES = bytes(max(_CLOCK.find(value), 0) for value in range(256))
_DIGITS = rb"[0-9A-Za-x][0-9AB][1-9A-V][0-9A-N][0-9A-Za-x]{2}"  # year, month, day, hour, minute, second
_MOMENT = re.compile(_DIGITS)
_PROCESS = 6  # digits of its number, mostly
# the time, a sequence (one character before 8.12, then two), and a process (five digits, then six)
_ID = re.compile(rb"(" + _DIGITS + rb")(?:[0-9A-Za-x]{2}([0-9]{6,10})|[0-9A-Za-x]([0-9]{5,6}))")
_FIRST_YEAR = 95  # since 1900: years repeat after 60, and 1995 to 2054 are meant

_NUMBERED = re.compile(rb"(<[^<>()\"]{1,256}>) \([0-9]{1,10}/[0-9]{1,10}\)")
# quoted text, comment, address in brackets, plain text, or one character that is none of them; bounded, for none may end
_QUOTED = rb'"(?:[^"\\]|\\.){0,128}+"'
_TOKEN = re.compile(
    _QUOTED + rb'|\((?:[^()\\]|\\.){0,256}+\)|<(?:[^<>"\\]++|\\.|' + _QUOTED + rb'){0,16}+>|[^",<(]++|.', re.DOTALL
)
_BEHIND = (
    b" [more]", b" ctladdr=", b" delay=", b" xdelay=", b" mailer=", b" pri=", b" relay=", b" dsn=", b" stat=", b" quarantine=",
    b" reject=", b" arg2=", b" discard",
)  # fmt: skip


def time_in(queue_id: bytes) -> datetime | None:
    """The time in UTC that a queue id holds; None if it is no id."""
    clock = clock_in(queue_id)
    return clock[0] if clock else None


def clock_in(queue_id: bytes) -> tuple[datetime, int] | None:
    """When a queue id was made, in UTC, and by which process; None if it is no id."""
    process = queue_id[8:]
    if len(process) == _PROCESS and process.isdigit() and not queue_id[6:8].translate(None, _CLOCK):
        at = _moment(queue_id[:6])
        return (at, int(process)) if at else None
    match = _ID.fullmatch(queue_id)
    at = _moment(match[1]) if match else None
    return (at, int(match[2] or match[3])) if match and at else None


@lru_cache(maxsize=4096)
def _moment(digits: bytes) -> datetime | None:
    if not _MOMENT.fullmatch(digits):
        return None
    year, month, day, hour, minute, second = digits.translate(_VALUES)
    try:
        return datetime(1900 + _FIRST_YEAR + (year - _FIRST_YEAR) % 60, month + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


class Controllers(Addresses):
    """Controlling users of common form as written, `<c>` or `<c> (1001/1001)`, and their canonical form; "" for any others."""

    def __missing__(self, text: bytes) -> str:
        """A user that was not met before."""
        match = _NUMBERED.fullmatch(text)
        if match is None:
            return super().__missing__(text)
        found = super().__missing__(match[1])
        if found:
            self[text] = found
        return found


def listed(text: bytes, at: int) -> tuple[list[bytes], int]:
    """The items of an address list from `at`, and where the field behind it begins (at its comma); -1 if none does.

    A comma parts two addresses where it stands outside quotes, comments and brackets, and no name of a field follows.
    Without a field behind it the line may be cut: only what is closed by its bracket is an address then.
    """
    found, begin = [], at
    for token in _TOKEN.finditer(text, at):
        if token[0] != b",":
            continue
        found.append(text[begin : token.start()])
        begin = token.end()
        if text.startswith(_BEHIND, begin):
            return [one.strip() for one in found if one.strip()], token.start()
    return [one.strip() for one in (*found, text[begin:]) if one.endswith(b">")], -1


def bare(item: bytes) -> bytes:
    """An address without comments and the name in front of it: what its last pair of brackets holds."""
    tokens = [token for token in _TOKEN.findall(item) if len(token) == 1 or token[:1] != b"("]
    inside = [token for token in tokens if token[:1] == b"<" and len(token) > 1]
    return inside[-1][1:-1] if inside else b"".join(tokens).strip()
