"""Where an indicator stands in raw bytes: plain, escaped, in UTF-16, in base64, across soft line breaks."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from forensics.incident import Indicators
from forensics.sweep.memory import Octets, folded, octets, places
from forensics.sweep.spellings import Spelling, form, spellings

__all__ = ["AHEAD", "BACK", "Hit", "Needles"]

BACK, AHEAD = 4096, 16_384  # bytes around a place that decide whether it is a hit
_ESCAPES, _LETTERS = 6, 14  # bytes of the longest escape of an ASCII character, and of any other
_TAGGED = 96  # bytes of a tag and of what may stand at the edges
_RUN = 1024  # characters of base64 decoded on either side of a hit

_SOFT = re.compile(rb"\n(?:(?<==\n)|(?<==\r\n))")
_LINE_END = re.compile(rb"\n(?=[A-Za-z0-9+/])(?:(?<=[A-Za-z0-9+/]{40}\n)|(?<=[A-Za-z0-9+/]{40}\r\n))")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*+")
_LAST_RUN = re.compile(rb"[A-Za-z0-9+/]*+\Z")
_Window = tuple[int, int]


class Hit(NamedTuple):
    """An indicator in a buffer: where its text begins, and in which form (a key of FORMS)."""

    start: int
    indicator: str
    form: str


class Needles:
    """All indicators of an incident, made ready for search."""

    def __init__(self, indicators: Indicators) -> None:
        self._spelt = [one for name in sorted(indicators.addresses | indicators.domains) for one in spellings(name)]
        self._by_probe = _by_probe((_alike(probe), one) for one in self._spelt for probe in one.probes)
        self._by_wide = _by_probe((_alike(probe), one) for one in self._spelt for probe in one.wide_probes)
        self._reach = _TAGGED + max((_length(one.indicator) for one in self._spelt), default=0)
        self._cores = sorted({core for one in self._spelt for core in _cores(one.domain)})

    def search(self, data: bytes, alike: Octets | None = None) -> list[Hit]:
        """Every hit in `data`, sorted; `alike` is the same `folded`, if it is at hand. Time grows with the length alone."""
        if not self._spelt:
            return []
        alike = folded(octets(data)) if alike is None else alike
        hits = {Hit(start, name, form(text)) for start, _, name, text in self._matches(data, alike)}
        if b"\0" in data:
            hits.update(self._in_wide(data, alike))
        hits.update(self._across_soft_breaks(data, alike))
        hits.update(self._in_base64(data))
        return sorted(hits)

    def _matches(self, data: bytes, alike: Octets) -> Iterator[tuple[int, int, str, bytes]]:
        for probe, spelt in self._by_probe.items():
            for low, high in _windows(places(alike, probe), len(probe), self._reach):
                for one in spelt:
                    for match in one.plain.finditer(data, low, high):
                        yield match.start(), match.end(), one.indicator, match.group()

    def _in_wide(self, data: bytes, alike: Octets) -> Iterator[Hit]:
        for probe, spelt in self._by_wide.items():
            for low, high in _windows(places(alike, probe), len(probe), self._reach):
                for one in spelt:
                    for match in one.wide.finditer(data, low, high):
                        yield Hit(match.start(), one.indicator, "utf-16")

    def _across_soft_breaks(self, data: bytes, alike: Octets) -> Iterator[Hit]:
        whole = _without_soft_breaks(octets(data), alike)
        if whole is None or not any(places(whole, probe) for probe in self._by_probe):
            return
        soft = _Joined(data, _SOFT, b"=")
        for start, end, name, _ in self._matches(soft.data, folded(octets(soft.data))):
            if soft.place(end - 1) - soft.place(start) > end - 1 - start:
                yield Hit(soft.place(start), name, "quoted-printable")

    def _in_base64(self, data: bytes) -> Iterator[Hit]:
        # Without any line ends first: that is quick, and whatever stands in the bytes or across lines of base64 stands there too.
        unbroken = octets(data.translate(None, b"\r\n") if b"\r" in data else data.replace(b"\n", b""))
        cores = [one for one in self._cores if places(unbroken, one[0])]
        if not cores:
            return
        joined = _Joined(data, _LINE_END, b"")
        for core, skipped in cores:
            for at in places(octets(joined.data), core):
                begin = at - skipped  # where a group of four begins
                for name in self._decoded(joined.data, begin, len(core) + skipped) if begin >= 0 else ():
                    yield Hit(joined.place(at), name, "base64")

    def _decoded(self, text: bytes, begin: int, length: int) -> Iterator[str]:
        """Indicators in the base64 around a core that decode to text across that core."""
        run = _LAST_RUN.search(text, max(begin - _RUN, 0), begin)
        before = len(run.group()) // 4 * 4 if run else 0
        match = _BASE64.match(text, begin - before, begin + length + _RUN)
        held = match.group() if match else b""
        held = held[:-1] if len(held) % 4 == 1 else held
        plain = binascii.a2b_base64(held + b"=" * (-len(held) % 4))
        middle = before // 4 * 3 + 3  # the core's second group always holds text
        for one in self._spelt:
            for found in one.plain.finditer(plain):
                if found.start() <= middle < found.end():
                    yield one.indicator


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


def _length(indicator: str) -> int:
    """Bytes of an indicator with all its letters escaped."""
    return sum(_ESCAPES if letter.isascii() else _LETTERS for letter in indicator)


def _alike(text: bytes) -> bytes:
    """A piece as it stands in folded bytes."""
    return folded(octets(text)).tobytes()


def _by_probe(pairs: Iterable[tuple[bytes, Spelling]]) -> dict[bytes, list[Spelling]]:
    found: dict[bytes, list[Spelling]] = {}
    for probe, one in pairs:
        found.setdefault(probe, []).append(one)
    return found


def _without_soft_breaks(text: Octets, alike: Octets) -> Octets | None:
    """`alike`, which is the text folded, without equals signs at line ends and these; None if there are none.

    Bytes 8 to 15 count as line ends, LF and CR in one comparison, and empty lines go too: this is only to know where to look.
    """
    ends = np.equal(text[:-1], ord("="))
    if not np.logical_and(ends, (text[1:] >> 3) == 1, out=ends).any():
        return None
    gone = np.append(ends, np.False_)
    gone[1:] |= ends
    gone[2:] |= ends[:-1] & (text[2:] == ord("\n"))
    kept: Octets = alike[~gone]
    return kept


def _cores(text: bytes) -> list[tuple[bytes, int]]:
    """What base64 makes of the text alone at each alignment, and the characters of its first group that come before."""
    cores = []
    for shift in range(3):
        whole = (shift + len(text)) * 8 // 6
        skipped = -(-shift * 8 // 6)
        cores.append((base64.b64encode(b"\0" * shift + text + b"\0\0\0")[skipped:whole], skipped))
    return cores


def _windows(found: Iterable[int], size: int, reach: int) -> list[_Window]:
    """Stretches around every occurrence of a probe of `size` bytes, merged where they touch."""
    stretches: list[_Window] = []
    for at in found:
        low, high = max(at - reach, 0), at + size + reach
        if stretches and low <= stretches[-1][1]:
            low = stretches.pop()[0]
        stretches.append((low, high))
    return stretches
