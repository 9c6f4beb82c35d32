"""Rules run over one text: bounded in time and number, overlaps resolved."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

import regex

from forensics.leaks.checks import Candidate, Judgement
from forensics.leaks.links import Link, links
from forensics.leaks.prose import is_machine_line, is_within_url, trimmed
from forensics.leaks.ruleset import Basis, Nearness, Rule, Ruleset, fold

__all__ = ["CONFIDENCES", "Hit", "hits_in", "line_starts", "most_specific", "rule_hits"]

CONFIDENCES = ("low", "medium", "high")

_BLOCK = 4 << 20  # characters searched at once
_OVERLAP = 64 << 10  # the longest thing that a rule can fit: a private key
_SECONDS = 2.0  # per rule and block; real mail takes milliseconds
_MOST = 10_000  # findings per rule and block: more are no longer a mail
_REDACTED = regex.compile(r"\[redacted\b")  # our own mark: what is redacted twice stays as it is
_LINE = 300  # characters of one line that count as near


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that fits at a place of a text and passed its checks; `claim_*` is what no weaker rule may find things in."""

    rule: Rule
    start: int
    end: int
    claim_start: int
    claim_end: int
    value: str = field(repr=False)
    whole: str = field(repr=False)
    basis: Basis
    confidence: str

    @property
    def rank(self) -> tuple[int, int, int, int, str]:
        """Most specific first: checksum, prefix, link, nearness, shape; then sure before unsure, long before short."""
        return (-self.basis, -CONFIDENCES.index(self.confidence), self.start - self.end, self.start, self.rule.id)


def hits_in(text: str, rules: Ruleset, *, about: str = "", redacting: bool = False) -> tuple[list[Hit], list[str]]:
    """Hits of one text by offset, and why parts of it stayed unsearched.

    `about` is folded text on the same message (subject, part path) in which a near word may stand, too. `redacting`
    leaves out rules whose findings need no redaction.
    """
    hits: dict[tuple[str, int, int], Hit] = {}
    unread: list[str] = []
    for base in range(0, max(len(text), 1), _BLOCK - _OVERLAP):
        block = text[base : base + _BLOCK]
        for hit in _block_hits(block, rules, about, redacting, unread):
            moved = hit if not base else _moved(hit, base)
            hits.setdefault((moved.rule.id, moved.start, moved.end), moved)
        if base + _BLOCK >= len(text):
            break
    return most_specific(hits.values()), sorted(set(unread))


def _moved(hit: Hit, base: int) -> Hit:
    return Hit(
        hit.rule, hit.start + base, hit.end + base, hit.claim_start + base, hit.claim_end + base,
        hit.value, hit.whole, hit.basis, hit.confidence,
    )  # fmt: skip


def _block_hits(block: str, rules: Ruleset, about: str, redacting: bool, unread: list[str]) -> Iterator[Hit]:
    folded = fold(block)
    for rule in rules.triggered(folded, about):
        if not redacting or rule.redacts:
            yield from _counted(rule, _rule_hits(rule, block, about), unread)
    if "://" not in block and "www." not in folded:
        return
    try:
        found = list(links(block))
    except TimeoutError:
        unread.append("links took too long to find")
        return
    for rule in rules.url_rules:
        if not redacting or rule.redacts:
            yield from _counted(rule, _url_hits(rule, block, found), unread)
    for link in found:
        yield from _reading_hits(link, rules, block, about, redacting, unread)


def _counted(rule: Rule, hits: Iterator[Hit], unread: list[str]) -> Iterator[Hit]:
    """Hits up to the bound; a rule that took too long or found too much is reported, what it found so far is kept."""
    count = 0
    try:
        for hit in hits:
            count += 1
            if count > _MOST:
                unread.append(f"rule {rule.id} found more than {_MOST} values; the rest is not listed")
                return
            yield hit
    except TimeoutError:
        unread.append(f"rule {rule.id} took longer than {_SECONDS:g} s; the rest was not searched with it")


def rule_hits(rule: Rule, text: str, about: str = "") -> list[Hit]:
    """What one rule alone finds in a short text, by offset; no keyword is asked for. Raises TimeoutError."""
    if rule.basis is Basis.URL:
        return sorted(_url_hits(rule, text, list(links(text))), key=lambda hit: hit.start)
    return list(_rule_hits(rule, text, about))


def _rule_hits(rule: Rule, text: str, about: str) -> Iterator[Hit]:
    for match in rule.pattern.finditer(text, timeout=_SECONDS):
        start, end = match.span("secret")
        if rule.trim:
            left, right = trimmed(text[start:end])
            start, end = start + left, start + right
        if start >= end:
            continue
        if rule.basis <= Basis.NEAR and (is_machine_line(text, start) or is_within_url(text, start)):
            continue
        doubts = 0
        if rule.near is not None and not _is_near(rule.near, text, start, end):
            if not rule.near.pattern.search(about):
                continue
            doubts = 1
        candidate = Candidate(start, end, text[start:end], text, match.group())
        basis = rule.basis
        claim = match.span() if basis >= Basis.PREFIX else (start, end)
        if (hit := _judged(rule, candidate, claim, doubts)) is not None:
            yield hit


def _url_hits(rule: Rule, text: str, found: list[Link]) -> Iterator[Hit]:
    for link in found:
        fits: list[tuple[str, str]] = []  # value and the reading it stands in, the most decoded last
        for reading in link.readings:
            folded = reading.lower()
            if rule.keywords and not any(keyword in folded for keyword in rule.keywords):
                continue
            if (match := rule.pattern.search(reading, timeout=_SECONDS)) is not None:
                fits.append((match.group("secret"), reading))
        if not fits:
            continue
        value, reading = fits[-1]
        start, end = _place(text, link, value, [one for one, _ in fits])
        if (hit := _judged(rule, Candidate(start, end, value, text, reading), (start, end), 0)) is not None:
            yield hit


def _reading_hits(link: Link, rules: Ruleset, block: str, about: str, redacting: bool, unread: list[str]) -> Iterator[Hit]:
    """What the other rules find in a link only once it is unwrapped and percent-decoded, at the link's place in the text."""
    written = block[link.start : link.end]
    for reading in link.readings:
        if reading in written:
            continue
        for rule in rules.triggered(fold(reading), about):
            if not redacting or rule.redacts:
                for hit in _counted(rule, _rule_hits(rule, reading, about), unread):
                    start, end = _place(block, link, hit.value, [hit.value])
                    yield Hit(rule, start, end, start, end, hit.value, hit.whole, hit.basis, hit.confidence)


def _place(text: str, link: Link, value: str, spellings: list[str]) -> tuple[int, int]:
    """Where a value stands in the text in one of its spellings; the whole link if it does not stand there as such."""
    for spelling in spellings:
        at = text.rfind(spelling, link.start, link.end)
        if at >= 0 and value in {spelling, unquote(spelling), unquote(unquote(spelling))}:
            return at, at + len(spelling)
    return link.start, link.end


def _judged(rule: Rule, candidate: Candidate, claim: tuple[int, int], doubts: int) -> Hit | None:
    if _REDACTED.search(candidate.value):
        return None
    basis = rule.basis
    for check in rule.checks:
        judgement = check(candidate)
        if judgement is Judgement.REJECTS:
            return None
        if judgement is Judgement.PROVES:
            basis = Basis.CHECKSUM
        doubts += judgement is Judgement.DOUBTS
    sure = "high" if basis is Basis.CHECKSUM else CONFIDENCES[max(0, CONFIDENCES.index(rule.confidence) - doubts)]
    return Hit(rule, candidate.start, candidate.end, *claim, candidate.value, candidate.whole, basis, sure)


def _is_near(near: Nearness, text: str, start: int, end: int) -> bool:
    """Whether a word stands near on this side of a signature's "-- "."""
    before, after = (
        text[max(0, start - max(near.within, _LINE * (near.lines + 1))) : start],
        text[end : end + max(near.within, _LINE)],
    )
    before, after = before.rpartition("\n-- \n")[2], after.partition("\n-- \n")[0]
    lines_above = "\n".join(before.split("\n")[-near.lines - 1 :])
    left = before[-near.within :] if near.within > len(lines_above) else lines_above
    right = max(after[: near.within], after.partition("\n")[0], key=len)
    return bool(near.pattern.search(left) or near.pattern.search(right))


def most_specific(hits: Iterable[Hit]) -> list[Hit]:
    """Hits that do not overlap, by offset: the most specific of those that claim the same characters."""
    kept: list[Hit] = []
    starts: list[int] = []  # claims that were granted, disjoint, sorted
    ends: list[int] = []
    for hit in sorted(hits, key=lambda one: one.rank):
        position = bisect_left(ends, hit.start + 1)
        if position < len(starts) and starts[position] < hit.end:
            continue
        low, high = hit.claim_start, hit.claim_end
        position = bisect_left(ends, low + 1)
        if position < len(starts) and starts[position] < high:  # a claim yields to one granted before, the finding stays
            low, high = hit.start, hit.end
            position = bisect_left(ends, low + 1)
        starts.insert(position, low)
        ends.insert(position, high)
        kept.append(hit)
    return sorted(kept, key=lambda one: (one.start, one.end, one.rule.id))


def line_starts(text: str) -> list[int]:
    """Offsets at which the lines of a text begin."""
    return [0, *(match.end() for match in regex.finditer(r"\n", text))]
