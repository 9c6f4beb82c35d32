"""What an indicator looks like in raw bytes: plain, escaped, in UTF-16, in base64, across soft line breaks."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from forensics.incident import Indicators

__all__ = ["AHEAD", "BACK", "FORMS", "Hit", "Needles"]

FORMS = {
    "plain": "as text, in upper and lower case; sub-domains; addresses with a plus-tag too",
    "quoted-printable": "@, dot and plus as =40, =2E, =2B, or cut by a soft line break",
    "percent": "@, dot and plus as %40, %2E, %2B",
    "json": "@, dot and plus as \\u0040, \\u002E, \\u002B",
    "html": "@ and dot as numeric character references such as &#64;",
    "utf-16": "as UTF-16, both byte orders, in upper and lower case",
    "base64": "the domain in base64, lower case, at all three alignments, also across the line ends of a body",
}
BACK, AHEAD = 4096, 16_384  # bytes around a place that decide whether it is a hit
_ESCAPES, _TAGGED = 6, 96  # bytes of the longest escape of one character; of a tag and of what may stand at the edges
_RUN = 1024  # characters of base64 decoded on either side of a hit

_DOT = rb"(?:\.|[=%]2e|\\u002e|&#46;|&#x2e;)"
_AT = rb"(?:@|[=%]40|\\u0040|&#64;|&#x40;)"
_TAG = rb"(?:(?:\+|[=%]2b|\\u002b)[^\s@<>\"'\\=%&]{0,64}+)?"
_CODES = rb"(?:0[9ad]|2[0-9a-cef]|3[a-f]|40|5[b-e]|60|7[b-e])"  # of characters that may stand before a name
_ESCAPED = rb"(?<=[=%]" + _CODES + rb")|(?<=\\u00" + _CODES + rb")|(?<=\\[nrt])"
_RIGHT = rb"(?!-?[a-z0-9])(?!" + _DOT + rb"[a-z0-9])"  # a longer name is somebody else's
_WIDE_RIGHT = rb"(?!\x00(?:-\x00)?[a-z0-9])(?!\x00\.\x00[a-z0-9])"
# All begin with a plain byte on purpose, the line end: the search then runs nearly as fast as memory.
_SOFT = re.compile(rb"\n(?:(?<==\n)|(?<==\r\n))")
_LINE_END = re.compile(rb"\n(?=[A-Za-z0-9+/])(?:(?<=[A-Za-z0-9+/]{40}\n)|(?<=[A-Za-z0-9+/]{40}\r\n))")
_CUT = re.compile(rb"\n(?:(?<==\n)|(?<==\r\n)|(?<=[A-Za-z0-9+/]{40}\n)|(?<=[A-Za-z0-9+/]{40}\r\n))")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*+")
_LAST_RUN = re.compile(rb"[A-Za-z0-9+/]*+\Z")


class Hit(NamedTuple):
    """An indicator in a buffer: where its text begins, and in which form (a key of FORMS)."""

    start: int
    indicator: str
    form: str


@dataclass(frozen=True, slots=True)
class _Needle:
    """One indicator: the piece that is sought first, lower case, and the patterns that decide."""

    indicator: str
    domain: bytes
    probe: bytes
    plain: re.Pattern[bytes]
    wide: re.Pattern[bytes]


class Needles:
    """All indicators of an incident, made ready for search."""

    def __init__(self, indicators: Indicators) -> None:
        self._needles = [_needle(one) for one in sorted(indicators.addresses | indicators.domains) if one.isascii()]
        self._probes = sorted({one.probe for one in self._needles})
        self._wide = sorted({_wide(one.probe) for one in self._needles})
        self._reach = _TAGGED + _ESCAPES * max((len(one.indicator) for one in self._needles), default=0)
        self._cores = sorted({core for one in self._needles for core in _cores(one.domain)})

    def search(self, data: bytes, lowered: bytes, *, flat: bool = False) -> list[Hit]:
        """Every hit in `data`, sorted; `lowered` is the same in lower case. Time grows with the length alone.

        `flat` says that no line of it goes on in the next one, neither of base64 nor of quoted-printable.
        """
        if not self._needles:
            return []
        hits = set(self._in_text(data, lowered))
        if b"\0" in data:
            hits.update(self._in_wide(data, lowered))
        joined: _Joined | None = None
        if not flat and _CUT.search(data):
            soft = _Joined(data, _SOFT, b"=")
            hits.update(
                Hit(soft.place(start), name, "quoted-printable")
                for start, end, name, _ in self._matches(soft.data, soft.data.lower())
                if soft.place(end - 1) - soft.place(start) > end - 1 - start
            )
            joined = _Joined(data, _LINE_END, b"")
        hits.update(self._in_base64(data, joined))
        return sorted(hits)

    def _matches(self, data: bytes, lowered: bytes) -> Iterator[tuple[int, int, str, bytes]]:
        for probe in self._probes:
            for low, high in _windows(lowered, probe, self._reach):
                for needle in self._needles:
                    if needle.probe == probe:
                        for match in needle.plain.finditer(data, low, high):
                            yield match.start(), match.end(), needle.indicator, match.group()

    def _in_text(self, data: bytes, lowered: bytes) -> Iterator[Hit]:
        for start, _, name, text in self._matches(data, lowered):
            yield Hit(start, name, _form(text))

    def _in_wide(self, data: bytes, lowered: bytes) -> Iterator[Hit]:
        for probe in self._wide:
            for low, high in _windows(lowered, probe, self._reach):
                for needle in self._needles:
                    if _wide(needle.probe) == probe:
                        for match in needle.wide.finditer(data, low, high):
                            yield Hit(match.start(), needle.indicator, "utf-16")

    def _in_base64(self, data: bytes, joined: _Joined | None) -> Iterator[Hit]:
        text = joined.data if joined else data
        for core, skipped in self._cores:
            at = text.find(core)
            while at >= 0:
                begin = at - skipped  # where a group of four begins
                for name in self._decoded(text, begin, len(core) + skipped) if begin >= 0 else ():
                    yield Hit(joined.place(at) if joined else at, name, "base64")
                at = text.find(core, at + 1)

    def _decoded(self, text: bytes, begin: int, length: int) -> Iterator[str]:
        """Indicators in the base64 around a core that decode to text across that core."""
        run = _LAST_RUN.search(text, max(begin - _RUN, 0), begin)
        before = len(run.group()) // 4 * 4 if run else 0
        match = _BASE64.match(text, begin - before, begin + length + _RUN)
        held = match.group() if match else b""
        held = held[:-1] if len(held) % 4 == 1 else held
        plain = binascii.a2b_base64(held + b"=" * (-len(held) % 4))
        middle = before // 4 * 3 + 3  # the core's second group always holds text
        for needle in self._needles:
            for found in needle.plain.finditer(plain):
                if found.start() <= middle < found.end():
                    yield needle.indicator


class _Joined:
    """A buffer without the line ends that a pattern matches and what belongs to them, and the way back to its places."""

    def __init__(self, data: bytes, cut: re.Pattern[bytes], mark: bytes) -> None:
        ends = [match.end() for match in cut.finditer(data)]
        spans = [(end - (2 if data[end - 2 : end - 1] == b"\r" else 1) - len(mark), end) for end in ends]
        edges = [0, *(edge for span in spans for edge in span), len(data)]
        self.data = b"".join(data[low:high] for low, high in zip(edges[::2], edges[1::2], strict=True))
        self._gone = [0, *accumulate(end - start for start, end in spans)]
        self._starts = [start - gone for (start, _), gone in zip(spans, self._gone, strict=False)]

    def place(self, at: int) -> int:
        """Where byte `at` of the joined data stands in the buffer."""
        return at + self._gone[bisect_right(self._starts, at)]


def _needle(indicator: str) -> _Needle:
    local, _, domain = indicator.rpartition("@")
    labels = domain.encode().split(b".")
    name = _DOT.join(map(re.escape, labels))
    wide_name = rb"\x00\.\x00".join(_spread(label) for label in labels)
    if local:
        left, wide_left = rb"(?:(?<![a-z0-9._+-])|" + _ESCAPED + rb")", rb"(?<![a-z0-9._+-]\x00)"
        name = _DOT.join(map(re.escape, local.encode().split(b"."))) + _TAG + rb"(?:\\?\")?" + _AT + name
        wide_tag = rb"(?:\+\x00(?:[^\s@<>\"'\x00]\x00){0,64}+)?"
        wide_name = _spread(local.encode()) + rb"\x00" + wide_tag + rb"@\x00" + wide_name
    else:
        left, wide_left = rb"(?:(?<![a-z0-9_-])|" + _ESCAPED + rb")", rb"(?<![a-z0-9_-]\x00)"
    return _Needle(
        indicator,
        domain.encode(),
        max(labels, key=len),
        re.compile(left + name + _RIGHT, re.IGNORECASE),
        re.compile(wide_left + wide_name + _WIDE_RIGHT, re.IGNORECASE),
    )


def _spread(text: bytes) -> bytes:
    """A pattern of the text with a NUL between any two bytes: what both byte orders of UTF-16 share."""
    return rb"\x00".join(re.escape(bytes([one])) for one in text)


def _wide(text: bytes) -> bytes:
    return b"\0".join(bytes([one]) for one in text)


def _cores(text: bytes) -> list[tuple[bytes, int]]:
    """What base64 makes of the text alone at each alignment, and the characters of its first group that come before."""
    cores = []
    for shift in range(3):
        whole = (shift + len(text)) * 8 // 6
        skipped = -(-shift * 8 // 6)
        cores.append((base64.b64encode(b"\0" * shift + text + b"\0\0\0")[skipped:whole], skipped))
    return cores


def _windows(lowered: bytes, probe: bytes, reach: int) -> Iterator[tuple[int, int]]:
    """Stretches around every occurrence of the probe, merged where they touch."""
    at = lowered.find(probe)
    while at >= 0:
        low, high = max(at - reach, 0), at + len(probe) + reach
        following = lowered.find(probe, at + 1)
        while 0 <= following <= high + reach:
            high = following + len(probe) + reach
            following = lowered.find(probe, following + 1)
        yield low, high
        at = following


def _form(text: bytes) -> str:
    for mark, form in ((b"=", "quoted-printable"), (b"%", "percent"), (b"\\u", "json"), (b"&#", "html")):
        if mark in text:
            return form
    return "plain"
