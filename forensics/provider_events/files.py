"""Files of providers' records: every record told, every broken one a defect, and how a file is recognised."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any, Protocol

from forensics.jsonstream import Broken, Fields, Page, Record, frames
from forensics.model import Defect, Fragment, Route, Span, Statement
from forensics.provider_events.posts import BODIES, Held, Provider, held_in, is_empty, opened
from forensics.syslog import Cut, lines

__all__ = ["OTHER", "PART", "reader", "sniffer"]

OTHER = "-"  # the kind of a record that the provider is known to make and that tells nothing of outbound mail
PART = "+"  # the kind of an entry in a page's list that belongs to the message which the page itself tells of

_MOST_PARTS = 10_000
_OF_A_MAIL = frozenset({"email", "message-id", "messageId", "subject"})  # no page around a list has these
_MOST_EMPTY = 20  # requests without a body, before the first with one
_LONGEST_FORM = 64 << 20  # bytes
_CUT_HEAD = 32_768
_MARK_LENGTH = 4
_JSON_HEAD = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]{0,4096}[\[{]")
_BODY_TEXT = re.compile(rf'"(?:{"|".join(BODIES)})"\s{{0,16}}:\s{{0,16}}"(?P<text>[^"\\]*+(?:\\.[^"\\]*+)*+)', re.DOTALL)
_CUT_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{0,3}$")
_SHALLOW = re.compile(
    r'"(?P<key>[\w.-]{1,60})"\s{0,16}:\s{0,16}(?:"(?P<text>[^"\\]{0,200})"|(?P<open>[{\[]))?|"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\]]',
    re.DOTALL,
)

Said = Fragment | Defect | Statement


class Evidence(Protocol):
    """What is read here of a `plugins.Source`."""

    @property
    def span(self) -> Span:
        """The part of the member whose records are wanted."""
        ...

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        """Decoded bytes from `start` to the end of the member."""
        ...


def _lined(blocks: Iterable[bytes], start: int) -> Iterator[tuple[int, int, str | None]]:
    for offset, line in lines(blocks, start, -1, _LONGEST_FORM):
        if isinstance(line, Cut):
            yield offset, offset + line.length, None
        elif line.strip(b"\0 \t"):
            yield offset, offset + len(line), line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def _begun(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Enough of the beginning to see whether it is JSON, and all blocks."""
    head = b""
    for block in blocks:
        head += block
        if len(head.strip()) >= _MARK_LENGTH or len(head) > _CUT_HEAD:
            break
    return head, chain((head,), blocks)


@dataclass(slots=True)
class _Count:
    met: int = 0
    silent: int = 0
    end: int = 0


def reader(provider: Provider) -> Callable[[Evidence], Iterator[Said]]:
    """What reads the provider's records: `read` of its parser."""
    return partial(_read, provider=provider)


def _read(source: Evidence, provider: Provider) -> Iterator[Said]:
    """Fragments, defects and statements of one member, in file order; for any bytes, in bounded memory.

    A page without rows gives a statement "empty"; the last record is "tally": records met, and those among them that tell
    nothing of outbound mail.
    """
    place = source.span
    count = _Count(end=place.start)
    head, blocks = _begun(source.blocks())
    yield from (
        _from_json(blocks, place, provider, count) if _JSON_HEAD.match(head) else _from_forms(blocks, place, provider, count)
    )
    span = Span(place.evidence, place.member, place.start, count.end)
    yield Statement(span, provider.name, "tally", route=Route.API, value=count.met, rows=count.silent)


def _from_json(blocks: Iterable[bytes], place: Span, provider: Provider, count: _Count) -> Iterator[Said]:
    parts: list[Any] = []
    for frame in frames(blocks, provider.lists, place.start):
        count.end = max(count.end, frame.end)
        span = Span(place.evidence, place.member, frame.start, frame.end)
        if isinstance(frame, Record):
            if provider.kind(frame.value, frame.within) == PART:
                if len(parts) < _MOST_PARTS:
                    parts.append(frame.value)
                else:
                    yield Defect(span, provider.name, "the message has more events than are read")
            else:
                yield from _tell(Held(frame.value, frame.within), span, provider, count, replaced=frame.replaced)
        elif isinstance(frame, Broken):
            yield from _tell(Held(None, frame.within, frame.reason), span, provider, count)
        else:
            whole: dict[str, Any] = {**frame.fields, frame.name: parts}
            is_mail = not frame.elements and not _OF_A_MAIL.isdisjoint(whole)
            if parts or is_mail or provider.kind(whole, ""):
                yield from _tell(Held(whole), span, provider, count)
            elif frame.complete and not frame.elements:
                yield Statement(span, provider.name, "empty", route=Route.API, note=frame.name)
            parts = []


def _from_forms(blocks: Iterable[bytes], place: Span, provider: Provider, count: _Count) -> Iterator[Said]:
    for start, end, text in _lined(blocks, place.start):
        count.end = max(count.end, end)
        span = Span(place.evidence, place.member, start, end)
        inside = list(held_in(text, provider)) if text is not None else []
        reason = (
            "the line holds no record that this version reads" if text is not None else "a line is longer than any posted form"
        )
        for one in inside or [Held(None, reason=reason)]:
            yield from _tell(one, span, provider, count)


def _tell(
    held: Held, span: Span, provider: Provider, count: _Count, *, replaced: bool = False, inner: bool = False
) -> Iterator[Said]:
    """What one record says; a request that was kept is opened, and all of its records lie where it lies."""
    kind = provider.kind(held.value, held.within).removeprefix(PART) if held.value is not None else ""
    inside = opened(held.value, provider) if held.value is not None and not kind and not inner else []
    if inside:
        for one in inside:
            yield from _tell(one, span, provider, count, replaced=replaced, inner=True)
        return
    count.met += 1
    if held.value is None:
        yield Defect(span, provider.name, held.reason)
        return
    if kind == OTHER or (not kind and is_empty(held.value)):
        count.silent += 1
        return
    fields = Fields(held.value)
    observation = provider.observe(fields, span, kind) if kind else None
    if observation is not None and observation.has_body and inner:
        observation = replace(observation, has_body=False)
        fields.remarks.append("content inside a kept request is not read")
    if not kind:
        fields.remarks.append(f"no record of {provider.title} that this version reads")
    if observation is not None:
        yield Fragment(observation.message_id or (observation.ids or (f"{span.evidence}#{span.start}",))[0], observation)
    if fields.wrong:
        fields.remarks.append(f"fields of an unexpected form, read as far as possible: {', '.join(sorted(fields.wrong))}")
    if replaced:
        fields.remarks.append("characters that are no Unicode were replaced")
    for reason in dict.fromkeys(fields.remarks):
        yield Defect(span, provider.name, reason)
    count.silent += observation is None and not fields.remarks


def _is_none(page: Page, head: bytes) -> bool:  # noqa: ARG001  an empty page of most providers could be anybody's
    return False


def sniffer(provider: Provider, is_empty_page: Callable[[Page, bytes], bool] = _is_none) -> Callable[[bytes, str], bool]:
    """What knows the provider's files by their first record: `sniff` of its parser; see `_claims`. A name proves nothing."""
    return lambda head, _name: _claims(head, provider, is_empty_page)


def _claims(head: bytes, provider: Provider, is_empty_page: Callable[[Page, bytes], bool] = _is_none) -> bool:
    """Whether the first record of a file, plain, inside a request or in a form, is one of this provider's.

    `head` is the first 64 KiB; requests without a body are passed over. Keys inside texts, in later records or under prose prove nothing. `is_empty_page(page, head)`: may
    a page without rows be claimed?
    """
    if not _JSON_HEAD.match(head):
        line = next((one for one in head.split(b"\n")[:9] if one.strip()), b"").removeprefix(b"\xef\xbb\xbf")
        first = next(held_in(line.decode("utf-8", "replace"), provider), None) if b"=" in line else None
        return first is not None and first.value is not None and bool(provider.kind(first.value, first.within))
    found = islice(frames([head], provider.lists), _MOST_EMPTY)
    frame = next((one for one in found if not (isinstance(one, Record) and _is_empty_request(one, provider))), None)
    if isinstance(frame, Page):
        return frame.elements == 0 and is_empty_page(frame, head)
    if isinstance(frame, Record):
        kind = provider.kind(frame.value, frame.within)
        if kind == PART:  # too little to tell by: the page around it must be known
            kind = provider.kind(_skeleton(head.decode("latin-1").lstrip("\xef\xbb\xbf \t\r\n")), "")
        return bool(kind or opened(frame.value, provider))
    return frame is not None and _claims_cut(head[frame.start : frame.end], frame.within, provider)


def _is_empty_request(record: Record, provider: Provider) -> bool:
    return is_empty(record.value) and not provider.kind(record.value, record.within)


def _claims_cut(raw: bytes, within: str, provider: Provider) -> bool:
    """As `_claims`, of a record that the head cuts off: by the keys that can still be seen, or the first record in its body."""
    text = raw.replace(b"\0", b"").decode("latin-1")  # UTF-16 too: keys are ASCII
    if len(raw) < _CUT_HEAD or not text.startswith("{"):
        return False
    value = _skeleton(text)
    if provider.kind(value, within):
        return True
    body = _BODY_TEXT.search(text)
    if body is None:
        return False
    try:
        inner = json.loads('"' + _CUT_ESCAPE.sub("", body["text"]) + '"', strict=False)
    except ValueError:
        return False
    first = next(held_in(inner, provider), None)
    return first is not None and first.value is not None and bool(provider.kind(first.value, first.within))


def _skeleton(text: str) -> dict[str, Any]:
    """The fields of an object's own level as far as the text goes: short texts, and of anything nested an empty shape."""
    found: dict[str, Any] = {}
    depth = 0
    for match in _SHALLOW.finditer(text):
        if match["key"]:
            if depth == 1:
                shape: Any = [] if match["open"] == "[" else {}
                found[match["key"]] = match["text"] if match["text"] is not None else shape if match["open"] else ""
            depth += match["open"] is not None
            continue
        depth += (match.group() in {"{", "["}) - (match.group() in {"}", "]"})
        if depth <= 0:
            break
    return found
