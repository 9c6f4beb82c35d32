"""Raw messages: what an answer of .../dump says, whose one field holds a whole mail."""

from __future__ import annotations

import re

from forensics import headers
from forensics.jsonstream import Fields
from forensics.mail import HEAD, observe
from forensics.model import Direction, Observation, Outcome, Recipient, Role, Route, Span
from forensics.parsers.postmark.values import NAME
from forensics.records import replaced

__all__ = ["CUT_BY_PROVIDER", "dump", "id_in_name", "is_raw_mail", "mail_bytes"]

CUT_BY_PROVIDER = "[Message Truncated]"
_UUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])")
_FIRST_HEADER = re.compile(r"[\s\ufeff]{0,64}[!-9;-~]{1,200}[ \t]{0,9}:")
_OURS = re.compile(r"@(?:[a-z0-9-]{1,63}\.)?mtasv\.net|^X-PM-[A-Za-z-]{1,40}:|postmarkapp\.com", re.IGNORECASE | re.MULTILINE)
_SERVER = re.compile(r":s([0-9]{1,18}):a[0-9]{1,18}:postmark\s*\Z")
_PEEK = 65_536  # characters in which a raw mail shows that it came through Postmark


def mail_bytes(text: str) -> bytes:
    """The mail in a JSON text. Its 8-bit characters were UTF-8 for the API; what was no text it had replaced already."""
    return text.encode("utf-8", "replace")


def is_raw_mail(text: str) -> bool:
    """Whether a text is a mail that went through Postmark: a header on top, and a mark of Postmark's in the first of it."""
    head = text[:_PEEK]
    return _FIRST_HEADER.match(head) is not None and _OURS.search(head) is not None


def id_in_name(*names: str) -> str:
    """The one uuid in the name of a file, else of its folders, as a Message-ID; "" for none, or for more than one in a part."""
    for name in names:
        for part in reversed(re.split(r"[/\\]", name[-4_096:])):
            found = set(_UUID.findall(part.lower()))
            if found:
                return f"{found.pop()}@mtasv.net" if len(found) == 1 else ""
    return ""


def dump(fields: Fields, span: Span, by_name: str) -> Observation:
    """An answer of GET /messages/outbound/{id}/dump: a stored copy, which may lack its end, or everything.

    The copy's own X-PM-RCPT names an envelope recipient. A Bcc header is believed where there is one; its absence, like that
    of the other recipients, tells nothing. `by_name` is the Message-ID that the file's name tells, for a copy that has none.
    """
    text = fields.text("Body")
    raw = mail_bytes(text)
    end = headers.header_end(raw, 0, HEAD)
    block = raw[: end if end >= 0 else HEAD]
    seen = observe(span, NAME, block, size=len(raw))
    own = seen.message_id if seen.message_id.endswith(("@mtasv.net", ".mtasv.net")) else ""
    identity = own or by_name or seen.message_id
    more = [("id_from", "name")] if by_name and not own else []
    if own and by_name and own != by_name:
        more.append(("id_contradiction", "name"))
    if identity != seen.message_id and seen.message_id:
        seen = replaced(seen, ids=tuple(sorted({*seen.ids, f"mid:{seen.message_id}"})))
    if not identity:
        fields.remarks.append("nothing says which message this raw copy is of")
    if not raw:
        fields.remarks.append("the provider keeps no raw copy of this message")
    elif end < 0:
        fields.remarks.append("the raw copy ends before its header does")
    return replaced(
        seen,
        kind="dump",
        route=Route.MAILBOX,  # like any stored copy it is silent on who else got one
        direction=Direction.SUBMITTED,
        server=_server(block),
        message_id=identity,
        recipients=tuple(_of_provider(one) for one in seen.recipients),
        header_known=end >= 0 and any(one.role is Role.TO for one in seen.recipients),
        has_body=bool(raw),
        facts=tuple(sorted({*seen.facts, *more})),
    )


def _of_provider(one: Recipient) -> Recipient:
    """The recipient whom Postmark made this copy for: in a mailbox a trace of delivery, here an envelope."""
    return replaced(one, role=Role.ENVELOPE, outcome=Outcome.ACCEPTED) if one.seen == "x-pm-rcpt" else one


def _server(block: bytes) -> str:
    for name, value in headers.fields_of(block):
        found = _SERVER.search(headers.text_of(value[:1_000])) if name == "feedback-id" else None
        if found:
            return found[1]
    return ""
