"""TNEF (winmail.dat): what Outlook wraps when it writes rich text to strangers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics import mapi
from forensics.content import megabytes
from forensics.decoding import safe_name, signature
from forensics.mapi import Properties, Tag, tnef
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_OWN_PART = {Tag.BODY, Tag.HTML, Tag.SUBJECT, Tag.RTF_COMPRESSED}
_LINE = re.compile(rb"[\x20-\x7e\t]{6,4000}")


def _accepts(part: Part) -> bool:
    return signature(part.data) == "tnef"


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    """Subject, bodies in all forms, attachments as parts, and the texts of all other properties."""
    wrapped = tnef.wrapped(part.data)
    texts, faults = _told(wrapped)
    is_evidence = part.depth == 0 and part.path in {"", "message"}  # a file by itself, no part of a mail
    prefix, depth, read = "" if is_evidence else f"{part.path}/", part.depth + 1, wrapped.properties
    for subject in dict.fromkeys(text for text in (wrapped.subject, read.text(Tag.SUBJECT)) if text):
        yield Text(f"{prefix}header:subject", "decoded", subject)
    for body in dict.fromkeys(text for text in (wrapped.body, read.text(Tag.BODY)) if text):
        yield Part(f"{prefix}text/plain", "text/plain", body.encode("utf-8", "replace"), charset="utf-8", depth=depth)
    markup = read.blob(Tag.HTML) or read.text(Tag.HTML).encode("utf-8", "replace")
    if markup:
        charset = mapi.codec_of(read.number(Tag.INTERNET_CODEPAGE)) if read.blob(Tag.HTML) else "utf-8"
        yield Part(f"{prefix}text/html", "text/html", markup, charset=charset, depth=depth)
    if compressed := read.blob(Tag.RTF_COMPRESSED):
        rich, fault = mapi.decompressed(compressed, limits.member_bytes)
        if fault:
            limit = f" of {megabytes(limits.member_bytes)}" if "limit" in fault else ""
            yield Unread(f"{prefix}text/rtf", f"{fault}{limit}")
        if rich:
            yield Part(f"{prefix}text/rtf", "text/rtf", rich, depth=depth)
    for number, attachment in enumerate(wrapped.attachments, 1):
        texts += _spoken(attachment.properties)
        yield from _attachment(attachment, number, f"{prefix}attachment:" if is_evidence else prefix, depth)
    spoken = dict.fromkeys(text for text in (*texts, *_spoken(read)) if text)
    if spoken:
        yield Text(f"{prefix}properties", "source", "\n".join(spoken))
    yield from _losses(part, wrapped, faults)


def _told(wrapped: tnef.Wrapped) -> tuple[list[str], list[str]]:
    """The texts of other attributes and of the recipient tables, and what of the file could not be read."""
    texts, faults = list[str](), list(wrapped.faults)
    for one in wrapped.told:
        if isinstance(one, str):
            texts.append(one)
            continue
        for row, _ in one.read():
            texts += _spoken(row)
            faults += row.faults
    return texts, faults


def _losses(part: Part, wrapped: tnef.Wrapped, faults: list[str]) -> Iterator[Text | Unread]:
    if wrapped.broken:
        yield Unread(part.path, f"TNEF: {len(wrapped.broken)} broken checksum(s): what they cover was read, and may be damaged")
    for fault in dict.fromkeys(faults):
        yield Unread(part.path, f"TNEF: {fault}")
    if len(part.data) < tnef.SMALLEST:
        yield Unread(part.path, "TNEF: nothing is in it; it may be cut")
    if wrapped.rest:
        text = "\n".join(line[0].decode("ascii") for line in _LINE.finditer(wrapped.rest))
        yield Text(part.path, "strings", text, guessed=True)
        yield Unread(part.path, "damaged TNEF: behind the damage only strings were searched")


def _attachment(attachment: tnef.Attachment, number: int, prefix: str, depth: int) -> Iterator[Part | Unread]:
    name = attachment.name
    path = prefix + safe_name(name, f"part-{number}")
    inner = attachment.properties.blob(Tag.ATTACH_OBJECT)
    contents = [data for data in dict.fromkeys((attachment.data, inner)) if data]
    for data in contents:
        yield Part(path, "", data, safe_name(name, ""), depth=depth)
    if not contents:
        yield Unread(path, "attachment without content")


def _spoken(read: Properties) -> list[str]:
    """The texts among the properties that are no part of their own."""
    return [value for tag, value in read.values.items() if tag not in _OWN_PART and isinstance(value, str) and value]


READER = Reader("tnef", "TNEF (winmail.dat)", _accepts, _read)
