"""Rules run over one text: bounded in time and number, overlaps resolved."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import unquote

from forensics.leaks.checks import Candidate, Judgement
from forensics.leaks.engine import SECONDS, Engine, Fits, Keywords, Searched, clock, walked
from forensics.leaks.links import Link, links
from forensics.leaks.mnemonics import seed_phrase
from forensics.leaks.prose import is_machine_line, is_within_url, trimmed
from forensics.leaks.ruleset import Basis, Nearness, Rule, Ruleset

__all__ = ["CONFIDENCES", "Hit", "hits_in", "hits_of", "line_starts", "most_specific", "rule_hits"]

_TRIMS = {"prose": trimmed, "seed_phrase": seed_phrase}
CONFIDENCES = ("low", "medium", "high")

_BLOCK = 4 << 20  # characters searched at once
_OVERLAP = 64 << 10  # the longest thing that a rule can fit: a private key
_MOST = 10_000  # findings per rule and block: more are no longer a mail
_REDACTED = "[redacted"  # our own mark: what is redacted twice stays as it is
_LINE = 300  # characters of one line that count as near


class Hit(NamedTuple):
    """A rule that fits at a place of a text and passed its checks; `claim_*` is what no weaker rule may find things in."""

    rule: Rule
    start: int
    end: int
    claim_start: int
    claim_end: int
    value: str
    whole: str
    basis: Basis
    confidence: str

    def __repr__(self) -> str:
        """Rule and place only: a value is never shown."""
        return f"Hit({self.rule.id}, {self.start}, {self.end})"

    @property
    def rank(self) -> tuple[int, int, int, bool, bool, int, str]:
        """Most specific first: checksum, prefix, link, nearness, shape; then sure before unsure, long before short, a service before none."""
        rule = self.rule
        sure = -CONFIDENCES.index(self.confidence)
        return (-self.basis, sure, self.start - self.end, rule.service == "generic", rule.near is None, self.start, rule.id)


def hits_in(
    text: str, rules: Ruleset, *, about: str = "", redacting: bool = False, engine: Engine | None = None
) -> tuple[list[Hit], list[str]]:
    """Hits of one text by offset, and why parts of it stayed unsearched; see `hits_of`."""
    return next(hits_of([text], rules, about=about, redacting=redacting, engine=engine))


def hits_of(
    texts: Sequence[str], rules: Ruleset, *, about: str = "", redacting: bool = False, engine: Engine | None = None
) -> Iterator[tuple[list[Hit], list[str]]]:
    """For each text its hits by offset, and why parts of it stayed unsearched.

    `about` is folded text on the same message (subject, part path) in which a near word may stand, too. `redacting`
    leaves out rules whose findings need no redaction. Any `engine` finds the same; by default the one that needs no database.
    """
    engine = engine or Keywords(rules)
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and size + len(text) > _BLOCK:
            yield from _batch_hits(batch, rules, engine, about, redacting)
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    yield from _batch_hits(batch, rules, engine, about, redacting)


def _batch_hits(
    texts: list[str], rules: Ruleset, engine: Engine, about: str, redacting: bool
) -> Iterator[tuple[list[Hit], list[str]]]:
    """Texts that are searched together; a single one may be longer than a block, and is searched in several."""
    if len(texts) == 1 and len(texts[0]) > _BLOCK:
        yield _long_hits(texts[0], rules, engine, about, redacting)
        return
    for text, searched in zip(texts, engine.search(texts, about), strict=True):
        if searched is None:
            yield [], []
            continue
        unread: list[str] = []
        found: dict[tuple[str, int, int], Hit] = {}
        for hit in _block_hits(text, rules, engine, searched, about, redacting, unread):
            found.setdefault((hit.rule.id, hit.start, hit.end), hit)
        yield (most_specific(found.values()) if found else []), sorted(set(unread))


def _long_hits(text: str, rules: Ruleset, engine: Engine, about: str, redacting: bool) -> tuple[list[Hit], list[str]]:
    hits: dict[tuple[str, int, int], Hit] = {}
    unread: list[str] = []
    for base in range(0, len(text), _BLOCK - _OVERLAP):
        block = text[base : base + _BLOCK]
        (searched,) = engine.search([block], about)
        if searched is None:
            continue
        for hit in _block_hits(block, rules, engine, searched, about, redacting, unread):
            moved = _moved(hit, base)
            hits.setdefault((moved.rule.id, moved.start, moved.end), moved)
        if base + _BLOCK >= len(text):
            break
    return most_specific(hits.values()), sorted(set(unread))


def _moved(hit: Hit, base: int) -> Hit:
    return Hit(
        hit.rule, hit.start + base, hit.end + base, hit.claim_start + base, hit.claim_end + base,
        hit.value, hit.whole, hit.basis, hit.confidence,
    )  # fmt: skip


def _block_hits(  # noqa: PLR0917  what every search needs, once
    block: str, rules: Ruleset, engine: Engine, searched: Searched, about: str, redacting: bool, unread: list[str]
) -> Iterator[Hit]:
    for rule, fits in searched.fits:
        if not redacting or rule.redacts:
            yield from _counted(rule, _rule_hits(rule, block, about, fits), unread)
    if not (found := searched.links()):
        return
    if worth := [link for link in found if _has_words(link, rules)]:
        for rule in rules.url_rules:
            if not redacting or rule.redacts:
                yield from _counted(rule, _url_hits(rule, block, worth), unread)
    for link in found:
        yield from _reading_hits(link, engine, block, about, redacting, unread)


def _counted(rule: Rule, hits: Iterator[Hit], unread: list[str]) -> list[Hit]:
    """Hits up to the bound; a rule that took too long or found too much is reported, what it found so far is kept."""
    found: list[Hit] = []
    try:
        for hit in hits:
            if len(found) == _MOST:
                unread.append(f"rule {rule.id} found more than {_MOST} values; the rest is not listed")
                break
            found.append(hit)
    except TimeoutError:
        unread.append(f"rule {rule.id} took longer than {SECONDS:g} s; the rest was not searched with it")
    return found


def rule_hits(rule: Rule, text: str, about: str = "") -> list[Hit]:
    """What one rule alone finds in a short text, by offset; no keyword is asked for. Raises TimeoutError."""
    if rule.basis is Basis.URL:
        return sorted(_url_hits(rule, text, list(links(text))), key=lambda hit: hit.start)
    return list(_rule_hits(rule, text, about, walked(rule, text)))


def _rule_hits(rule: Rule, text: str, about: str, fits: Fits) -> Iterator[Hit]:
    near, basis, trims = rule.near, rule.basis, _TRIMS.get(rule.trim)
    doubts, is_weak = 0, basis <= Basis.NEAR
    if near is not None:
        is_known = _is_about(near, about)
        if not is_known and rule.shipped and not near.may_be_in(text):
            return
    for match in fits:
        start, end = match.span("secret")
        if trims:
            left, right = trims(text[start:end])
            start, end = start + left, start + right
        if start >= end:
            continue
        if is_weak and (is_machine_line(text, start) or is_within_url(text, start)):
            continue
        if near is not None:
            doubts = int(not _is_near(near, text, start, end))
            if doubts and not is_known:
                continue
        candidate = Candidate(start, end, text[start:end], text, match.group())
        claim = match.span() if basis >= Basis.PREFIX else (start, end)
        if (hit := _judged(rule, candidate, claim, doubts)) is not None:
            yield hit


def _url_hits(rule: Rule, text: str, found: list[Link]) -> Iterator[Hit]:
    for link in found:
        fits: list[tuple[str, str]] = []  # value and the reading it stands in, the most decoded last
        for reading in link.readings:
            folded = reading.lower()
            if rule.keywords and not _any_word(rule.keywords).search(folded):
                continue
            if (match := rule.pattern.search(reading, **clock(rule))) is not None:
                fits.append((match.group("secret"), reading))
        if not fits:
            continue
        value, reading = fits[-1]
        start, end = _place(text, link, value, [one for one, _ in fits])
        if (hit := _judged(rule, Candidate(start, end, value, text, reading), (start, end), 0)) is not None:
            yield hit


def _has_words(link: Link, rules: Ruleset) -> bool:
    """Whether a rule on links can fit: most links lead to pages that nobody needs to hide."""
    return any(rules.url_words.search(reading.lower()) for reading in link.readings)


@lru_cache(maxsize=64)
def _any_word(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, words)))


def _reading_hits(link: Link, engine: Engine, block: str, about: str, redacting: bool, unread: list[str]) -> Iterator[Hit]:
    """What the other rules find in a link only once it is unwrapped and percent-decoded, at the link's place in the text."""
    written = block[link.start : link.end]
    for reading in link.readings:
        if reading in written:
            continue
        searched = next(engine.search([reading], about))
        for rule, fits in searched.fits if searched else ():
            if not redacting or rule.redacts:
                for hit in _counted(rule, _rule_hits(rule, reading, about, fits), unread):
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
    if _REDACTED in candidate.value:
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
    return near.is_in(left) or near.is_in(right)


@lru_cache(maxsize=256)
def _is_about(near: Nearness, about: str) -> bool:
    """Whether a word stands in what surrounds the texts: asked for every text and rule of a message."""
    return near.is_in(about)


def most_specific(hits: Collection[Hit]) -> list[Hit]:
    """Hits that do not overlap, by offset: the most specific of those that claim the same characters."""
    in_order = sorted(hits, key=_place_of)
    if all(one.claim_end <= two.claim_start and one.end <= two.start for one, two in pairwise(in_order)):
        return in_order
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
    return sorted(kept, key=_place_of)


def _place_of(hit: Hit) -> tuple[int, int, str]:
    return hit.start, hit.end, hit.rule.id


def line_starts(text: str) -> list[int]:
    """Offsets at which the lines of a text begin."""
    return [0, *(match.end() for match in re.finditer("\n", text))]
