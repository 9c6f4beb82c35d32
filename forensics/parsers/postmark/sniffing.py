"""Is this file one of Postmark's? Told by its first record or page, or by the webhooks that a request log carries."""

from __future__ import annotations

import re
from itertools import islice

from forensics.jsonstream import Frame, Page, Record, first_level, frames
from forensics.model import Span
from forensics.parsers.postmark.answers import Answers, begins_with_head
from forensics.parsers.postmark.carriers import carried
from forensics.parsers.postmark.har import is_har
from forensics.parsers.postmark.shapes import BODY_KEYS, FIGURES, LISTS, is_claimed, kind_of

__all__ = ["is_request_log", "sniff"]

_MARK = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]{0,4096}[\[{]")
_HEADER = re.compile(r"@(?:[a-z0-9-]{1,63}\.)?mtasv\.net|\\nX-PM-", re.IGNORECASE)  # in JSON, so line ends are escapes
_HINT = re.compile(rb'RecordType|"(?:eyJ|ew|W3si)')  # in plain or, as `carriers` reads it, in base64
_HOST = re.compile(rb"^host:[ \t]{0,9}api\.postmarkapp\.com[ \t]{0,9}\r?$", re.IGNORECASE | re.MULTILINE)
_CUT_HEAD = 32_768
_MOST_REQUESTS = 400  # records at the head of a log among which one carries a webhook


def sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name is no proof of a format
    """Whether this is JSON whose first record or page has the keys of one of Postmark's, in that place.

    An empty page is one. Keys inside texts, in later records or under prose prove nothing, but for a log of requests:
    there a whole webhook in a field of one of the first records does.
    """
    if begins_with_head(head):
        return _is_answer(head)
    if is_har(head):
        return True
    first = next(frames([head] if _MARK.match(head) else [], LISTS), None)
    return first is not None and (_is_postmark(first, head) or _carries_webhooks(head))


def _is_answer(head: bytes) -> bool:
    """Whether the first JSON under the HTTP heads is Postmark's; of a compressed body only the host that was asked tells."""
    answers = Answers([head], Span("", "", 0, -1))
    body = b"".join(answers.blocks())
    first = next(frames([body], LISTS), None)
    while first is not None and isinstance(first, Record) and kind_of(first.value, "") == "" and first.end < len(body):
        body = body[first.end :]  # what was asked, or the answer to something else
        first = next(frames([body], LISTS), None)
    return _is_postmark(first, body) if first is not None else bool(answers.unread) and _HOST.search(head) is not None


def is_request_log(head: bytes) -> bool:
    """Whether this is JSON of another kind, one object after the other, with a whole webhook in a field of one of the first."""
    first = next(frames([head] if _MARK.match(head) else [], LISTS), None)
    return first is not None and not _is_postmark(first, head) and _carries_webhooks(head)


def _carries_webhooks(head: bytes) -> bool:
    if not _HINT.search(head.replace(b"\0", b"")):
        return False
    records = islice(frames([head], LISTS), _MOST_REQUESTS)
    return any(isinstance(one, Record) and not one.within and bool(carried(one.value).events) for one in records)


def _is_postmark(frame: Frame, head: bytes) -> bool:
    if isinstance(frame, Page):
        if frame.name == "Days":
            return frame.elements == 0 and bool(frame.fields) and frame.fields.keys() <= FIGURES
        is_empty_dump = frame.name == "Suppressions" and not frame.fields
        return frame.elements == 0 and ("TotalCount" in frame.fields or is_empty_dump)
    if isinstance(frame, Record):
        return is_claimed(frame.value, frame.within)
    raw = head[frame.start : frame.end]
    text = raw.replace(b"\0", b"").decode("latin-1")  # UTF-16 too: keys are ASCII
    keys = first_level(text) if text.startswith("{") else []  # of a record that the head cuts off
    if len(raw) >= _CUT_HEAD and keys and keys[0] in BODY_KEYS and BODY_KEYS.issuperset(keys):
        # details begin with their bodies, a request to send begins otherwise; a raw copy has Postmark's own headers
        return keys != ["Body"] or _HEADER.search(text) is not None
    value = dict.fromkeys(keys)
    of_type = re.search(r'"RecordType"\s{0,16}:\s{0,16}"(\w{1,20})"', text)
    if of_type and "RecordType" in value:
        return is_claimed({**value, "RecordType": of_type[1]}, frame.within)
    return is_claimed(value, frame.within)
