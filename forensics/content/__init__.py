"""A body to its texts: every part is offered to the readers, everything is bounded, nothing is dropped in silence."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from forensics.decoding import header_text, is_text
from forensics.model import Body, Limits, Part, Text, Unread
from forensics.plugins import Reader
from forensics.views import with_views

__all__ = ["megabytes", "texts"]

Item = Text | Part | Unread

_FALLBACKS = ("text", "opaque")  # asked in this order, once no reader of a definite format says yes
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}")

# ---------------------------------------------------------------------------------------------------------------- walk


@dataclass(slots=True)
class _Budget:
    """What is left of one message's limits."""

    ends: float
    left: int
    members: int

    def late(self, limits: Limits) -> str:
        """Why nothing more of this message is read; "" while there is time left."""
        return f"over the limit of {limits.seconds:g} seconds a message" if time.monotonic() > self.ends else ""

    def refusal(self, part: Part, limits: Limits) -> str:
        """Why this one part is not read, or "". A parser's own parts (depth 0) were bounded when they were read."""
        if self.members <= 0:
            return f"over the limit of {limits.members} members a message"
        if part.depth > limits.depth:
            return f"nested deeper than {limits.depth} levels"
        if part.depth > 0 and len(part.data) > self.left:
            return f"over the limit of {megabytes(limits.total_bytes)} in total"
        return ""

    def rest(self, limits: Limits) -> Limits:
        seconds = max(self.ends - time.monotonic(), 0.1)
        return Limits(limits.member_bytes, self.left, self.members, limits.depth, seconds, limits.child_memory)


def texts(body: Body, readers: Sequence[Reader], limits: Limits, sizes: dict[str, int] | None = None) -> Iterator[Text | Unread]:
    """Everything that can be searched in one message, and a list of what could not be read, depth first, in order.

    Each path occurs for one part only (a second one gets `~2`). A reader of a definite format comes before those of
    plain text and of the unreadable; where two definite ones accept a part (a polyglot), both read it. A reader that
    raises costs its part, never the message. The memory held is that of one part a level, not of the whole message.
    `sizes` takes in the bytes of each attachment, by path, whether it could be read or not.
    """
    budget = _Budget(time.monotonic() + limits.seconds, limits.total_bytes, limits.members)
    paths: dict[str, int] = {}
    ordered = _most_specific_first(readers)
    stack: list[tuple[str, Iterator[Item]]] = [("", _opening(body))]
    while stack:
        path, items = stack[-1]
        if path and (late := budget.late(limits)):
            stack.pop()
            yield Unread(path, f"{late}: the rest was not examined")
            continue
        item = next(items, None)
        if item is None:
            stack.pop()
        elif not isinstance(item, Part):
            yield item
        else:
            part = _with_own_path(item, paths)
            if sizes is not None and part.path.startswith("attachment:"):
                sizes[part.path] = len(part.data)
            if reason := budget.late(limits) or budget.refusal(part, limits):
                yield Unread(part.path, reason)
                if path and budget.members <= 0:
                    stack.pop()  # a million members need no million lines
                    yield Unread(path, f"{reason}: the rest was not examined")
                continue
            if part.depth > 0 and len(part.data) > limits.member_bytes:
                yield Unread(part.path, f"over the limit of {megabytes(limits.member_bytes)} a member")
                if not is_text(part):
                    continue
                part = replace(part, data=part.data[: limits.member_bytes])
            if part.depth > 0:  # a mail is not counted and then its parts again
                budget.left -= len(part.data)
            budget.members -= 1
            stack.append((part.path, _reading(part, ordered, budget.rest(limits))))


def _opening(body: Body) -> Iterator[Item]:
    if body.subject:
        yield from with_views(Text("header:subject", "decoded", header_text(body.subject)), 0)
    yield from body.unread
    yield from body.parts


def _with_own_path(part: Part, paths: dict[str, int]) -> Part:
    wanted = part.path or "message"
    path, count = wanted, paths.get(wanted, 0)
    while path in paths:
        count += 1
        path = f"{wanted}~{count + 1}"
    paths[wanted] = count
    paths.setdefault(path, 0)
    return part if path == part.path else Part(path, part.media_type, part.data, part.name, part.charset, part.depth)


def _reading(part: Part, readers: Sequence[Reader], limits: Limits) -> Iterator[Item]:
    chosen: list[Reader] = []
    for reader in readers:
        if chosen and reader.name in _FALLBACKS:
            break
        try:
            if reader.accepts(part):
                chosen.append(reader)
        except Exception as error:  # noqa: BLE001  a foreign reader may fail in any way; it must not cost the message
            yield Unread(part.path, f"reader {reader.name} failed: {type(error).__name__}")
    if not chosen:
        yield Unread(part.path, f"no reader for {part.media_type if _MEDIA_TYPE.fullmatch(part.media_type) else 'this type'}")
    is_silent = bool(chosen)
    for reader in chosen:
        try:
            for item in reader.read(part, limits):
                is_silent = False
                if isinstance(item, Text):
                    yield from with_views(item, part.depth)
                else:
                    yield item
        except Exception as error:  # noqa: BLE001  as above: the part becomes unread, the message goes on
            is_silent = False
            yield Unread(part.path, f"reader {reader.name} failed: {type(error).__name__}")
    if is_silent and part.data.strip():
        yield Unread(part.path, "nothing that could be read is in it")


def _most_specific_first(readers: Sequence[Reader]) -> list[Reader]:
    """Those of a definite format as they come, then the fallbacks."""
    definite = [reader for reader in readers if reader.name not in _FALLBACKS]
    return definite + [reader for name in _FALLBACKS for reader in readers if reader.name == name]


def megabytes(size: int) -> str:
    """A limit in words: "20 MB"; in bytes below one megabyte."""
    return f"{size >> 20} MB" if size >= 1 << 20 else f"{size} bytes"
