"""Outlook messages (.msg): recipients with their types, the blind ones included, and the headers of the transport."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from forensics import mail, mapi
from forensics.mapi import Properties, Storage, Tag, Unreadable
from forensics.model import Body, Defect, Fragment, Observation, Part, Span
from forensics.plugins import Parser, Record, Source

__all__ = ["PARSER"]

_NAME = "msg"
_SNIFFED = 64 << 10  # bytes of a head; a shorter one is the whole file
_LARGEST = 256 << 20  # bytes of a file that is read
_READ = 16 << 20  # bytes of the message's own properties
_ROW = 256 << 10  # bytes of one recipient's or attachment's
_ROWS = 64 << 20  # of all: hostile rows may share one long stream
_RECIPIENTS = 50_000
_ATTACHMENTS = 2_000


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  the file's name proves nothing
    """Whether `head` begins a compound file whose directory is a message's, or lies beyond `head`."""
    return mapi.is_message(head, cut=len(head) >= _SNIFFED)


def read(source: Source) -> Iterator[Record]:
    """One observation a file, behind the defects: what could not be read of it, and recipients that have no mail address."""
    parts: list[bytes] = []
    size = 0
    for block in source.blocks():
        size += len(block)
        if size <= _LARGEST:
            parts.append(block)
    span = Span(source.span.evidence, source.span.member, 0, size)
    if size > _LARGEST:
        yield Defect(span, _NAME, f"an Outlook message longer than {_LARGEST >> 20} MiB: it was not read")
        return
    try:
        top = mapi.message(b"".join(parts))
    except Unreadable as unreadable:
        yield Defect(span, _NAME, str(unreadable))
        return
    message = mapi.properties_of(top, "", _READ, wanted=mapi.MESSAGE)
    faults: list[str] = []
    table = mapi.read_table(message, _rows(top, message, faults))
    table.faults += faults
    for reason in mapi.doubts(message, table):
        yield Defect(span, _NAME, reason)
    yield Fragment(f"{span.evidence}/{span.member}#0", _observed(span, message, table, _attachment_names(top, message)))


def _rows(top: Storage, message: Properties, faults: list[str]) -> Iterator[Properties]:
    """The rows of the recipient table, bounded; what is left out is told in `faults`."""
    codec, left = mapi.codec_in(message), _ROWS
    for count, storage in enumerate(mapi.recipients_of(top)):
        if count >= _RECIPIENTS or left <= 0:
            faults.append(f"more than {count} recipients: the rest was not read")
            return
        row = mapi.properties_of(storage, "entry", _ROW, codec, mapi.RECIPIENT)
        left -= row.size
        yield row


def _observed(span: Span, message: Properties, table: mapi.RecipientTable, attachments: tuple[str, ...]) -> Observation:
    """The message as its transport headers tell it, completed by its properties."""
    block = mapi.header_text(message)
    raw = block[: mail.HEAD].encode("utf-8", "replace")
    told = mail.observe(span, _NAME, raw, size=span.end, archive=mapi.clocks(message), facts=mapi.facts(message, table))
    return mapi.completed(replace(told, header_known=len(block) <= mail.HEAD), message, table, attachments)


def _attachment_names(top: Storage, message: Properties) -> tuple[str, ...]:
    """Names of the attachments, as many as pass two would read."""
    codec, left = mapi.codec_in(message), _ROWS
    names = []
    for count, row in enumerate(mapi.attachments_of(top)):
        if count >= _ATTACHMENTS or left <= 0:
            break
        found = mapi.properties_of(row, "entry", _ROW, codec, mapi.ATTACHMENT)
        left -= found.size
        names.append(mapi.name_of(found))
    return tuple(name for name in names if name)


def body(raw: bytes, kind: str) -> Body:  # noqa: ARG001  there is one kind
    """The whole file as one part; the subject as its property tells it."""
    try:
        subject = mapi.subject_of(mapi.properties_of(mapi.message(raw), "", _READ, wanted=frozenset((Tag.SUBJECT,))))
    except Unreadable:
        subject = ""
    return Body(subject=subject, parts=(Part("", "application/vnd.ms-outlook", raw),))


PARSER = Parser(
    name=_NAME,
    title="Outlook message",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "content"}),
    body=body,
)
