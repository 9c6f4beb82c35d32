"""Prose whose lines a mail program cut, for the search on one line again."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from typing import NamedTuple

__all__ = ["Paragraphs", "unwrapped"]

# RFC 5322 section 2.1.1 advises at most 78 characters a line, RFC 3676 section 4.2 66 to 72; PDF writers fill a page's width.
_SHORTEST, _LONGEST = 50, 100
_ABOVE = re.compile(r"[^\t|]{49,99}[^\s:：;=|{}>\\]")
_BELOW = re.compile(
    r"(?![\w.\-]{4,40}[ ]?[:=]|[A-ZÀ-ÞΑ-ΩА-Я][\w\-]*(?:[ ][\w\-]+){0,2}[ ]?[:=]|\d{1,2}[.)][ ]"  # a label, an item of a list
    r"|\d{4}-\d\d-\d\d|[A-Z][a-z]{2}[ ][ \d]\d[ ]\d\d:|[^\n]{0,120}[\t|])"  # a line of a log, a row of a table
    r"(?P<word>[\w(\"'“„«¿¡€$£+][^\s|]{0,60})(?P<more>[ ][^\s|])?"
)
_ENDS_SENTENCE = re.compile(r"[.!?…。)\]\"'”»]\Z")
_BY_CHANCE = 0.2  # of lines of any length between those two, how many agree on one width: a word is some ten characters of fifty


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """A text with its wrapped lines joined by one blank, and where: `ends` are the offsets behind the joints that are shorter than
    the line end was, `missing` how many characters are missing up to there.
    """

    text: str
    ends: Sequence[int] = ()
    missing: Sequence[int] = ()

    def place(self, offset: int) -> int:
        """Where a character of this text stands in the text as it was."""
        number = bisect_right(self.ends, offset)
        return offset + (self.missing[number - 1] if number else 0)


class _LineEnd(NamedTuple):
    """Where two lines of prose meet. A program that cuts at a width from `least` up to `most`, exclusive, would cut just here."""

    start: int
    end: int
    least: int
    most: int
    is_within: bool  # a sentence, as the line above ends
    is_continued: bool  # as the line below begins


def unwrapped(text: str) -> Paragraphs:
    """A text as people wrote it, before a program made lines of 50 to 100 characters of its paragraphs. Never raises.

    A line end is joined where lines are cut at one width (the next word would have gone beyond it), else only within a sentence.
    """
    line_ends = list(_line_ends(text))
    joints = list(_joints(line_ends)) if line_ends else []
    if not joints:
        return Paragraphs(text)
    starts, ends = [0, *(one.end for one in joints)], [*(one.start for one in joints), len(text)]
    joined = " ".join(text[start:end] for start, end in zip(starts, ends, strict=True))
    gaps = [one.end - one.start - 1 for one in joints]
    shorter = [(one.end - lost, lost) for one, gap, lost in zip(joints, gaps, accumulate(gaps), strict=True) if gap]
    return Paragraphs(joined, [end for end, _ in shorter], [lost for _, lost in shorter])


def _line_ends(text: str) -> Iterator[_LineEnd]:
    start, end = 0, text.find("\n")
    while end >= 0:
        if _SHORTEST <= end - start <= _LONGEST + len(" \r"):
            above = text[start:end].removesuffix("\r").removesuffix(" ")  # "format=flowed" leaves a blank, RFC 3676 section 4.1
            below = _BELOW.match(text, end + 1) if _ABOVE.fullmatch(above) else None
            if below:
                yield _LineEnd(
                    start + len(above), end + 1, len(above), len(above) + 1 + len(below["word"]),
                    not _ENDS_SENTENCE.search(above), bool(below["more"]) and below["word"][0].islower(),
                )  # fmt: skip
        start, end = end + 1, text.find("\n", end + 1)


def _joints(line_ends: Sequence[_LineEnd]) -> Iterator[_LineEnd]:
    width, agreeing = _agreed(line_ends)
    is_certain = agreeing >= _BY_CHANCE * len(line_ends) + 3 * sqrt(_BY_CHANCE * (1 - _BY_CHANCE) * len(line_ends))
    is_likely = 1 < agreeing == len(line_ends)
    for one in line_ends:
        is_cut = one.least <= width < one.most
        if (is_certain and is_cut) or (one.is_within and (one.is_continued or (is_likely and is_cut))):
            yield one


def _agreed(line_ends: Sequence[_LineEnd]) -> tuple[int, int]:
    """The width that most line ends agree with, and how many do."""
    changes = [0] * (_LONGEST + 64)
    for one in line_ends:
        changes[one.least] += 1
        changes[one.most] -= 1
    counts = list(accumulate(changes))
    most_agreeing = max(counts)
    return counts.index(most_agreeing), most_agreeing
