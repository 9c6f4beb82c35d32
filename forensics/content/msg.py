"""Outlook messages (.msg): bodies, attachments, and the messages attached to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from forensics import mapi
from forensics.decoding import header_text, safe_name, strings
from forensics.mapi import Properties, Storage, Tag, Unreadable
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_PROPERTY_BYTES = 1 << 20  # of one recipient
_ELSEWHERE = {2, 3, 4, 7}  # PidTagAttachMethod: by reference, [MS-OXCMSG] section 2.2.2.9
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}")


@dataclass(frozen=True, slots=True)
class _Message:
    """A message of the file, and where its parts are filed."""

    storage: Storage
    kind: str  # as `mapi.properties_of` wants it
    prefix: str
    depth: int
    codec: str = ""


@dataclass(slots=True)
class _Budget:
    """What is left of the limits for the whole file: its streams may overlap."""

    left: int
    members: int

    def spend(self, read: Properties) -> Properties:
        self.left -= read.size
        return read


def _accepts(part: Part) -> bool:
    return mapi.is_message(part.data)


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    """Each message of the file, the outer one first. A work list instead of recursion: no nesting exhausts the stack."""
    try:
        top = mapi.message(part.data)
    except Unreadable as unreadable:
        yield Text(part.path, "strings", strings(part.data), guessed=True)
        yield Unread(part.path, f"{unreadable}: only strings were searched")
        return
    own = part.depth == 0 and part.path in {"", "message"}
    budget = _Budget(limits.total_bytes, limits.members)
    pending = [_Message(top, "", "" if own else f"{part.path}/", part.depth)]
    while pending:
        message = pending.pop()
        if message.depth > limits.depth:
            yield Unread(message.prefix.rstrip("/"), f"nested deeper than {limits.depth} levels")
            continue
        inner: list[_Message] = []
        yield from _message(message, part, limits, budget, inner)
        pending.extend(reversed(inner))


def _message(
    message: _Message, part: Part, limits: Limits, budget: _Budget, inner: list[_Message]
) -> Iterator[Text | Part | Unread]:
    own = message.prefix.rstrip("/") or part.path
    read = budget.spend(mapi.properties_of(message.storage, message.kind, budget.left, message.codec))
    for fault in read.faults:
        yield Unread(own, f"Outlook message: {fault}")
    codec = mapi.codec_of(read.number(Tag.MESSAGE_CODEPAGE)) or message.codec
    message = replace(message, codec=codec or mapi.codec_of(read.number(Tag.INTERNET_CODEPAGE)))
    if subject := read.text(Tag.SUBJECT):
        yield Text(f"{message.prefix}header:subject", "decoded", header_text(subject))
    if block := read.text(Tag.TRANSPORT_HEADERS):
        lines = re.sub(r"\r?\n(?=[ \t])", "", block).splitlines()
        yield Text(f"{message.prefix}headers", "decoded", "\n".join(map(header_text, lines)))
    yield from mapi.bodies(read, message.prefix, message.depth + 1, limits.member_bytes)
    spoken = [mapi.spoken(read)]
    for row in mapi.recipients_of(message.storage):
        recipient = mapi.properties_of(row, "entry", min(budget.left, _PROPERTY_BYTES), message.codec)
        budget.spend(recipient)
        spoken.append(mapi.spoken(recipient))
        if recipient.faults:
            yield Unread(own, f"a recipient of the Outlook message: {recipient.faults[0]}")
    for number, storage in enumerate(mapi.attachments_of(message.storage), 1):
        if budget.members <= 0:
            yield Unread(own, f"over the limit of {limits.members} members a message: the rest was not examined")
            break
        budget.members -= 1
        attachment = budget.spend(mapi.properties_of(storage, "entry", budget.left, message.codec))
        spoken.append(mapi.spoken(attachment))
        yield from _attachment(message, number, storage, attachment, inner, budget)
    if text := "\n".join(line for line in spoken if line):
        yield Text(f"{message.prefix}properties", "source", text)


def _attachment(
    message: _Message, number: int, storage: Storage, read: Properties, inner: list[_Message], budget: _Budget
) -> Iterator[Part | Unread]:
    name = mapi.name_of(read)
    path = f"{message.prefix}attachment:{safe_name(name, f'part-{number}')}"
    for fault in read.faults:
        yield Unread(path, f"attachment: {fault}")
    media = read.text(Tag.ATTACH_MIME_TAG).lower()
    media = media if _MEDIA_TYPE.fullmatch(media) else ""
    data = read.blob(Tag.ATTACH_OBJECT)
    embedded = next(storage.storages("__substg1.0_3701"), None)
    if data:
        yield Part(path, media, data, safe_name(name, ""), depth=message.depth + 1)
    elif embedded is not None:
        if any(stream.name.lower() == "__properties_version1.0" for stream in embedded.streams()):
            inner.append(_Message(embedded, "message", f"{path}/", message.depth + 1, message.codec))
        else:
            yield from _object(embedded, path, message.depth + 1, budget)
    elif read.number(Tag.ATTACH_METHOD) in _ELSEWHERE:
        yield Unread(path, "attachment by reference: lies elsewhere")
    elif not read.faults:
        yield Unread(path, "attachment without content")


def _object(storage: Storage, path: str, depth: int, budget: _Budget) -> Iterator[Part | Unread]:
    """An embedded OLE object: what its own streams hold."""
    yield Unread(path, "embedded object: not examined but for its streams")
    for stream in storage.streams():
        if budget.members <= 0:
            yield Unread(path, "over the limit of members: the rest was not examined")
            return
        budget.members -= 1
        data, fault = stream.read(budget.left)
        budget.left -= len(data)
        if fault:
            yield Unread(path, f"embedded object: {fault}")
        if data:
            yield Part(f"{path}/{safe_name(stream.name, 'stream')}", "", data, depth=depth)


READER = Reader("msg", "Outlook messages", _accepts, _read)
