"""The form of a record: its head, and keys with quoted, listed or bare values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from forensics.syslog import envelope, repeated, stamp, unwrapped

__all__ = ["Event", "Fields", "Value", "Written", "event_in", "one_of", "several_of", "values", "written"]

_COLOUR = re.compile(rb"\x1b\[[0-9;]{0,16}m")
_HEAD = re.compile(
    rb"(?:([0-9]{4}-\S{1,40}) {1,4})?(TRACE|DEBUG|INFO|WARN|ERROR) {1,4}[^()\n]{0,256}\(([a-z0-9-]{1,64}\.[a-z0-9.-]{1,64})\)"
)
_STRING = r'"(?:[^"\\]++|\\.)*+"'
_ITEM = rf'(?:{_STRING}|[^\s,"\[\](){{}}]++)'
_FIELD = re.compile(
    r"[,\s]*+(?P<key>[A-Za-z][\w.-]{0,63}) ?[=:] ?"
    rf"(?:(?P<string>{_STRING})|\[(?P<list>\s*+(?:{_ITEM}(?:\s*+,\s*+{_ITEM})*+)?+\s*+)\]|(?P<bare>{_ITEM}))(?=[,\n]|\Z)",
    re.DOTALL,
)
_ITEMS = re.compile(_ITEM, re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
Value = str | list[str]
Fields = Mapping[str, list[Value]]


def _plain(text: str) -> str:
    """A string without its quotes and escapes; anything else as it is."""
    if not text.startswith('"'):
        return text
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text[1:-1]) if "\\" in text else text[1:-1]


def values(text: str) -> Fields:
    """Every value of every key, in order, as far as the text can be read: what is quoted invents no key."""
    found: dict[str, list[Value]] = {}
    at = 0
    while field := _FIELD.match(text, at):
        key, string, listed, bare = field.groups()
        value = [_plain(one) for one in _ITEMS.findall(listed)] if listed is not None else _plain(string or bare)
        found.setdefault(key, []).append(value)
        at = field.end()
    return found


def one_of(fields: Fields, key: str) -> str:
    """The event's own value: the last that is no list; "" if there is none."""
    return next((one for one in reversed(fields.get(key, ())) if isinstance(one, str)), "")


def several_of(fields: Fields, key: str) -> list[str] | None:
    """The last list, or a single value as one; None if there is neither."""
    found = fields.get(key, ())
    listed = next((one for one in reversed(found) if isinstance(one, list)), None)
    return listed if listed is not None else [str(one) for one in found[-1:]] or None


class Written(NamedTuple):
    """A line without what others put around it: their time, its host, "" where there is none, and the text."""

    stamp: str
    host: str
    text: bytes


class Event(NamedTuple):
    """The first line of a record: time and host, "" where it writes none; the event, and the text behind it."""

    stamp: str
    host: str
    name: str
    text: bytes


def written(line: bytes) -> Written:
    """What Stalwart wrote of a line that a logger or a container runtime may have wrapped; another program's as it is."""
    time, text = unwrapped(line)
    host = ""
    if not _HEAD.match(text) and not text.startswith((b"\t", b"\x1b")):
        found = envelope(line)
        if found is not None and found.program.lower().startswith("stalwart"):
            time, host, text = found.stamp, found.host, repeated(found.payload) or found.payload
    return Written(time, host, _COLOUR.sub(b"", text) if b"\x1b" in text else text)


def event_in(said: Written) -> Event | None:
    """What a record's first line says; None if it is no such line."""
    head = _HEAD.match(said.text)
    if head is None:
        return None
    own = stamp(head[1]) if head[1] else ""
    return Event(own or said.stamp, said.host, head[3].decode(), said.text[head.end() :])
