"""The content in one record: the texts of a details answer, a raw copy, a returned message, an inbound mail."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from forensics.jsonstream import Fields, load
from forensics.mail import content as mail_content
from forensics.model import Body, Part, Unread
from forensics.parsers.postmark.answers import without_chunk_marks
from forensics.parsers.postmark.carriers import carried
from forensics.parsers.postmark.raw import CUT_BY_PROVIDER, mail_bytes

__all__ = ["body"]

_MEDIA = {"TextBody": "text/plain", "HtmlBody": "text/html", "Body": "message/rfc822", "Content": "message/rfc822"}
_FILES = 2_000  # attachments of one inbound mail
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)


def body(raw: bytes, kind: str) -> Body:
    """The content in the bytes of one record: subject, text, HTML, else the raw message (of a bounce the returned one)."""
    record = _loaded(raw)
    if record is None:
        return Body(unread=(Unread("", "the record cannot be read again"),))
    if kind == "inbound":
        return _inbound(Fields(record))
    if kind.startswith("webhook:") and "RecordType" not in record:
        inner = carried(record).events
        record = inner[0].value if len(inner) == 1 else record
    returned = kind == "bounce" or kind.startswith("webhook:")
    fields = Fields(record)
    keys = [] if returned else [key for key in ("TextBody", "HtmlBody") if record.get(key)]
    parts, unread = _texts(fields, keys or ["Content" if returned else "Body"], whole=not keys)
    if returned and parts:
        unread += (Unread("", "a returned message may lack parts of what was sent"),)
    if kind == "dump" and parts:
        found = mail_content(parts[0].data)
        return Body(found.subject, parts, unread)
    whole = b"" if keys else b"".join(part.data for part in parts)
    names = [name for name in fields.texts("Attachments", "Name") if name.encode("utf-8", "replace") not in whole]
    unread += tuple(Unread(f"attachment:{name}", "bytes are never in a Postmark export") for name in names)
    return Body(fields.text("Subject"), parts, unread)


def _loaded(raw: bytes) -> dict[str, Any] | None:
    """The record, which may lie in several chunks of an HTTP answer; where that is not sure, its texts are those of both readings."""
    record, whole = load(raw), without_chunk_marks(raw)
    joined = load(whole) if whole is not raw else None
    if record is None or joined is None:
        return joined if record is None else record
    both = {key: (joined[key], record[key]) for key in _MEDIA if key in joined and key in record and joined[key] != record[key]}
    return joined | both


def _texts(fields: Fields, keys: list[str], *, whole: bool) -> tuple[tuple[Part, ...], tuple[Unread, ...]]:
    """The texts under `keys`; `whole` for one that is the mail as such, which has no path of its own."""
    parts: list[Part] = []
    unread: list[Unread] = []
    for key in keys:
        path = "" if whole else _MEDIA[key]
        found = fields.value.get(key)
        for one in found if type(found) is tuple else [found]:  # a repeated key: all its values
            if type(one) is str and one:
                parts.append(Part(path, _MEDIA[key], mail_bytes(one), charset="utf-8"))
                if CUT_BY_PROVIDER in one:
                    unread.append(Unread(path, "cut by the provider"))
            elif one:
                unread.append(Unread(path, f"{key} is no text"))
    return tuple(parts), tuple(unread)


def _inbound(fields: Fields) -> Body:
    """An inbound mail: its texts, or its raw form, and its attachments, which are here with their bytes."""
    raw = fields.value.get("RawEmail")
    if type(raw) is str and raw:
        return Body(fields.text("Subject"), (Part("", "message/rfc822", mail_bytes(raw), charset="utf-8"),))
    keys = [key for key in ("TextBody", "HtmlBody") if fields.value.get(key)]
    parts, unread = _texts(fields, keys, whole=False)
    listed = fields.value.get("Attachments")
    entries = listed if type(listed) is list else []
    for entry in entries[:_FILES]:
        found = _file(Fields(entry if type(entry) is dict else {"Name": entry}))
        if isinstance(found, Part):
            parts += (found,)
        else:
            unread += (found,)
    if len(entries) > _FILES:
        unread += (Unread("attachment:", f"more than {_FILES} attachments"),)
    return Body(fields.text("Subject"), parts, unread)


def _file(fields: Fields) -> Part | Unread:
    """An attachment {Name, Content or Data, ContentType}, whose content is in base64."""
    name, declared = fields.text("Name"), fields.text("ContentType")
    path = f"attachment:{name}"
    text = fields.text("Content") or fields.text("Data")
    if not text:
        return Unread(path, "its bytes are not in this record")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return Unread(path, "its base64 is broken")
    charset = _CHARSET.search(declared)
    return Part(path, declared.partition(";")[0].strip().lower(), data, name, charset[1] if charset else "")
