"""Outlook archives (.pst, .ost): every message of every folder, deleted and orphaned ones too, with its recipient table."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import re
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from forensics import mail, mapi
from forensics.evidence import MemberSource
from forensics.mapi import Properties, Tag, Unreadable, Value
from forensics.model import Body, Defect, Fragment, Observation, Part, Route, Span, Statement, Unread
from forensics.plugins import Parser, Record, Source
from forensics.sandbox import python_program, run_limited

__all__ = ["PARSER"]

_NAME = "pst"
_MAGIC = b"!BDN"  # [MS-PST] section 2.2.2.6
_PROGRAM = Path(__file__).with_name("_pst_program.py")
_PACKED = 512 << 20  # bytes of an archive inside something packed, which has to be held in memory
_MEMORY = 2 << 30  # bytes of the child's address space
_SECONDS = 900.0  # of one stretch, which ends itself far earlier: opening tens of gigabytes is slow
_STRETCH = {"seconds": 60.0, "bytes": 16 << 20}
_OUTPUT = 400 << 20  # bytes that a stretch may write: one item may be long
_CRASHES = 20
_RICH = 20 << 20  # bytes of expanded rich text
_LONGEST_FACT = 300  # characters
_ASSOCIATED = 8  # the type of a node that belongs to its folder's own settings, [MS-PST] section 2.2.2.1
_MAIL = ("ipm.note", "report.", "ipm.schedule.")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}")
_STRINGS = {0x101E: 0x1E, 0x101F: 0x1F}  # types of several texts, [MS-OXCDATA] section 2.11.1
_ELSEWHERE = {2, 3, 4, 7}  # PidTagAttachMethod, [MS-OXCMSG] section 2.2.2.9
_EMBEDDED, _OBJECT = 5, 0xD  # the method of a message in a message; the type of what is a node of its own

_MISSING = {
    "item": "an item of a folder that cannot be read",
    "folder": "a folder whose items cannot be listed",
    "deep": "folders nested too deep: what lies below is not read",
    "properties": "some properties cannot be read",
    "long": "over the limit of 200 MB an item: not all of it was read",
    "old": "the installed libpff gives no recipient tables: install a newer one",
    "class": "an item of a class that libpff does not know: its recipient table is not read",
    "many": "more than 50000 recipients: the rest was not read",
    "recipients": "the recipient table cannot be read",
    "attachments": "attachments that cannot be read",
}
_TABLE, _HEADER = {"old", "class", "many", "recipients"}, {"properties", "long"}  # what costs recipients, what headers
# what pass one asks of every item; pass two asks for everything of some
_HEADS: dict[str, list[int]] = {
    "message": [*mapi.MESSAGE, Tag.DISPLAY_TO, Tag.DISPLAY_CC, Tag.MESSAGE_SIZE],
    "recipient": [*mapi.RECIPIENT],
    "attachment": [*mapi.ATTACHMENT],
}
_NOTHING: dict[str, list[int]] = {part: [] for part in _HEADS}
_NONSENSE = "libpff's process gave an answer that makes no sense: the rest is not read"

Values = tuple[tuple[int, int, bytes], ...]  # id, type and bytes of properties


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of an archive as the child tells it; what it could not read is in `faults`, by word."""

    node: int
    folders: tuple[str, ...]
    deleted: bool
    orphan: bool
    values: Values = field(repr=False)
    rows: tuple[Values, ...] = field(repr=False)
    attachments: tuple[Values, ...] = field(repr=False)
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where the child is in the tree of items ("at"), where it wants to go on ("next"), or that nothing is left ("end")."""

    word: str
    place: list[int]


@dataclass(frozen=True, slots=True)
class _Lost:
    """What of the archive itself could not be read, and at which node; -1 where no node is known."""

    reason: str
    node: int = -1


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  the file's name proves nothing
    """Whether `head` begins an Outlook archive, of whatever version."""
    return head.startswith(_MAGIC)


def read(source: Source) -> Iterator[Record]:
    """An observation for each mail behind its defects, in order of folders; at the end a tally of all items.

    Items have no place in bytes: a span is their node id ([MS-PST] section 2.2.2.1), which an archive has once.
    """
    place = mail.Place(source.span.evidence, source.span.member, _NAME)
    size = hashed = max(source.member.size, 0) if isinstance(source, MemberSource) else 0
    seen: set[int] = set()
    silent = 0
    try:
        with _opened(source) as (path, size):
            if hashed and size != hashed:
                yield place.defect(0, size, "the file is not as long as when it was hashed: it was changed during the run")
            for found in _walk(path, _HEADS, None):
                if isinstance(found, _Lost):
                    start, end = (found.node, found.node + 1) if found.node >= 0 else (0, size)
                    yield place.defect(start, end, found.reason)
                    continue
                if found.node in seen:
                    yield place.defect(found.node, found.node + 1, "an id that two items bear: the second one is not read")
                    continue
                seen.add(found.node)
                records = list(_records(place, found))
                silent += not records
                yield from records
    except Unreadable as unreadable:
        yield place.defect(0, size, str(unreadable))
        return
    yield Statement(place.span(0, size), _NAME, "tally", route=Route.MAILBOX, value=len(seen), rows=silent)


# ------------------------------------------------------------------------------------------------------------- the child


@contextmanager
def _opened(source: Source) -> Iterator[tuple[str, int]]:
    """A path under which a child finds the archive, and its size in bytes. `Unreadable` says why there is none.

    A plain file is read where it lies, however large. What is packed is held in memory, never on disk.
    """
    if importlib.util.find_spec("pypff") is None:
        raise Unreadable(mapi.EXTRA_NEEDED)
    try:
        plain = source.member.open() if isinstance(source, MemberSource) else None
    except OSError as error:
        raise Unreadable("the file can no longer be opened") from error
    if isinstance(plain, io.FileIO):
        stream = plain
    else:
        stream = io.FileIO(os.memfd_create("archive"), "r+")
        for block in source.blocks(0):
            stream.write(block)
            if stream.tell() > _PACKED:
                stream.close()
                raise Unreadable(
                    f"an Outlook archive of more than {_PACKED >> 20} MiB inside something packed: unpack it and hand it in"
                )
    with stream:
        yield f"/proc/{os.getpid()}/fd/{stream.fileno()}", os.fstat(stream.fileno()).st_size


def _walk(path: str, tags: Mapping[str, list[int]], wanted: Collection[int] | None) -> Iterator[_Item | _Lost]:
    """What the child says of each item, stretch by stretch. One that stops the library is lost, and the walk goes on behind it.

    `wanted` are the ids that are still asked for, whole; None is `tags` of all items.
    """
    place, crashes = [0], 0
    while True:
        ids = None if wanted is None else sorted(wanted)
        asked = json.dumps({**tags, **_STRETCH, "wanted": ids, "from": place}).encode()
        try:
            result = run_limited((*python_program(_PROGRAM), path), asked, memory=_MEMORY, seconds=_SECONDS, output=_OUTPUT)
        except OSError as error:
            raise Unreadable("no process could be started to read an Outlook archive") from error
        at: list[int] = []
        following: list[int] = []
        for found in _lines(result.output):
            if not isinstance(found, _Mark):
                yield found
            elif found.word == "end":
                return
            elif found.word == "next":
                following = found.place
            else:
                at = found.place
        if not at:
            raise Unreadable(f"a damaged or unknown Outlook archive: libpff cannot go through it ({result.error or 'no answer'})")
        if not following:
            crashes += 1
            yield _Lost(f"an item or folder that stops libpff ({result.error or 'no answer'}): it is not read")
            following = [*at[:-1], at[-1] + 1]
        if crashes > _CRASHES:
            raise Unreadable(f"more than {_CRASHES} items stop libpff: the rest of the archive is not read")
        if following <= place:
            raise Unreadable("the walk through the archive does not come to an end: the rest is not read")
        place = following


def _lines(output: bytes) -> Iterator[_Item | _Lost | _Mark]:
    """What the child wrote, line by line; `Unreadable` where a whole line is none of its own."""
    for raw in output[: output.rfind(b"\n") + 1].splitlines():
        try:
            found = _line(json.loads(raw))
        except (ValueError, TypeError, KeyError) as error:
            raise Unreadable(_NONSENSE) from error
        yield found


def _line(line: Mapping[str, Any]) -> _Item | _Lost | _Mark:
    for word in ("at", "next", "end"):
        if word in line:
            return _Mark(word, [int(index) for index in line[word]] if word != "end" else [])
    if "fault" in line:
        return _Lost(_MISSING.get(line["fault"], "something that cannot be read"), _node(line["node"]))
    rows, attachments = (tuple(_values(row) for row in line[part]) for part in ("rows", "attachments"))
    return _Item(
        _node(line["id"]), tuple(map(str, line["folders"])), bool(line["deleted"]), bool(line["orphan"]), _values(line["values"]),
        rows, attachments, tuple(map(str, line["faults"])),
    )  # fmt: skip


def _node(written: int) -> int:
    if not 0 <= int(written) < 1 << 32:
        raise ValueError
    return int(written)


def _values(listed: Iterable[tuple[int, int, str]]) -> Values:
    return tuple((int(tag), int(kind), base64.b64decode(packed)) for tag, kind, packed in listed)


# ------------------------------------------------------------------------------------------------------------- messages


def _records(place: mail.Place, item: _Item) -> Iterator[Record]:
    """The observation of one item behind its defects; nothing of an item that is no mail and has no recipients."""
    span = place.span(item.node, item.node + 1)
    codec = mapi.codec_in(_properties(item.values, ""))
    message = replace(_properties(item.values, codec), faults=_faults(item, _HEADER))
    table = mapi.read_table(message, (_properties(row, codec) for row in item.rows))
    table.faults += _faults(item, _TABLE)
    if not _is_mail(item, message, table):
        return
    names = tuple(name for row in item.attachments if (name := mapi.name_of(_properties(row, codec))))
    for reason in (*mapi.doubts(message, table), *_faults(item, {*item.faults} - _TABLE - _HEADER)):
        yield Defect(span, _NAME, reason)
    yield Fragment(f"{span.evidence}/{span.member}#{span.start}", _observed(span, item, message, table, names))


def _faults(item: _Item, words: AbstractSet[str]) -> tuple[str, ...]:
    """Those of an item's faults that are among these words, as sentences."""
    return tuple(_MISSING.get(word, "something of it cannot be read") for word in item.faults if word in words)


def _is_mail(item: _Item, message: Properties, table: mapi.RecipientTable) -> bool:
    """Whether an item is mail by its class, or was addressed to anybody. Not a contact, a note, or a setting of its folder."""
    named = message.text(Tag.TRANSPORT_HEADERS, Tag.DISPLAY_TO, Tag.DISPLAY_CC, Tag.DISPLAY_BCC).strip()
    if item.rows or named:
        return True
    if item.node & 0x1F == _ASSOCIATED:
        return False
    return bool(table.faults) or message.text(Tag.MESSAGE_CLASS).lower().startswith(_MAIL)


def _observed(span: Span, item: _Item, message: Properties, table: mapi.RecipientTable, names: tuple[str, ...]) -> Observation:
    block = mapi.header_text(message)
    facts = mapi.facts(message, table)
    facts += [("folder", folder)] if (folder := "/".join(item.folders)[:_LONGEST_FACT]) else []
    facts += [(name, "true") for name, holds in (("trashed", item.deleted), ("orphan", item.orphan)) if holds]
    told = mail.observe(
        span, _NAME, block[: mail.HEAD].encode("utf-8", "replace"),
        size=message.number(Tag.MESSAGE_SIZE) or -1, archive=mapi.clocks(message), facts=facts,
    )  # fmt: skip
    return mapi.completed(replace(told, header_known=len(block) <= mail.HEAD), message, table, names)


def _properties(values: Values, codec: str) -> Properties:
    found: dict[int, Value] = {}
    for tag, kind, raw in values:
        value = _texts(raw, _STRINGS[kind], codec) if kind in _STRINGS else mapi.value_of(kind, raw, codec)
        if value is not None and value not in {"", b""}:
            found[tag] = value
    return Properties(found)


def _texts(raw: bytes, kind: int, codec: str) -> str:
    """Several texts, joined by line feeds: their number, their offsets, and they ([MS-PST] section 2.3.3.4.2)."""
    count = min(int.from_bytes(raw[:4], "little"), (len(raw) - 4) // 4)
    if count <= 0:
        return ""
    starts = struct.unpack_from(f"<{count}I", raw, 4)
    pieces = [raw[start:end] for start, end in zip(starts, (*starts[1:], len(raw)), strict=True)]
    return "\n".join(text for piece in pieces if isinstance(text := mapi.value_of(kind, piece, codec), str))


# -------------------------------------------------------------------------------------------------------------- content


def bodies(source: Source, spans: Sequence[Span]) -> Iterator[tuple[Span, Body]]:
    """The content of the messages at these spans, in order of folders: all forms of the body, headers, attachments."""
    wanted = {span.start: span for span in spans}
    try:
        with _opened(source) as (path, _):
            for found in _walk(path, _NOTHING, wanted):  # which forgets what was found
                if isinstance(found, _Item) and (span := wanted.pop(found.node, None)) is not None:
                    yield span, _body(found)
    except Unreadable as unreadable:
        for span in wanted.values():
            yield span, Body(unread=(Unread("message", str(unreadable)),))


def _body(item: _Item) -> Body:
    codec = mapi.codec_in(_properties(item.values, ""))
    message = _properties(item.values, codec)
    found: list[Part | Unread] = [Unread("message", reason) for reason in _faults(item, {*item.faults})]
    if block := message.text(Tag.TRANSPORT_HEADERS):
        found.append(_text("headers", block))
    found += mapi.bodies(message, "", 1, _RICH)
    lines = [mapi.spoken(message)] + [mapi.spoken(_properties(row, codec)) for row in item.rows]
    for number, row in enumerate(item.attachments, 1):
        attachment = _properties(row, codec)
        lines.append(mapi.spoken(attachment))
        is_node = any(tag == Tag.ATTACH_OBJECT and kind == _OBJECT for tag, kind, _ in row)
        found.append(_attachment(number, attachment, embedded=is_node))
    if spoken := "\n".join(filter(None, lines)):
        found.append(_text("properties", spoken))
    parts = tuple(one for one in found if isinstance(one, Part))
    return Body(mapi.subject_of(message), parts, tuple(one for one in found if isinstance(one, Unread)))


def _text(path: str, text: str) -> Part:
    return Part(path, "text/plain", text.encode("utf-8", "replace"), charset="utf-8", depth=1)


def _attachment(number: int, read: Properties, *, embedded: bool) -> Part | Unread:
    """An attachment's bytes. libpff's Python interface does not give messages and objects inside a message."""
    name = _UNSAFE.sub("_", mapi.name_of(read))[:200]
    path = f"attachment:{name or f'part-{number}'}"
    method = read.number(Tag.ATTACH_METHOD)
    if method == _EMBEDDED or embedded:
        return Unread(path, "a message or object inside a message: libpff does not give it")
    if data := read.blob(Tag.ATTACH_OBJECT):
        media = read.text(Tag.ATTACH_MIME_TAG).lower()
        return Part(path, media if _MEDIA_TYPE.fullmatch(media) else "", data, name, depth=1)
    return Unread(path, "attachment by reference: lies elsewhere" if method in _ELSEWHERE else "attachment without content")


PARSER = Parser(
    name=_NAME,
    title="Outlook archive",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "content"}),
    bodies=bodies,
)
