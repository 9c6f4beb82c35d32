"""What was in the mail: credentials and personal data, found by rules and redacted at birth."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from forensics.leaks.engine import best_engine, prepare
from forensics.leaks.expiry import expiry, stated_lifetime
from forensics.leaks.loading import RuleFile, load_rules, rule_files
from forensics.leaks.paragraphs import Paragraphs, unwrapped
from forensics.leaks.redaction import fingerprint, keyed, normalised, preview, redact
from forensics.leaks.ruleset import CREDENTIAL_KINDS, PERSONAL_KINDS, Rule, RuleError, Ruleset, fold
from forensics.leaks.search import CONFIDENCES, Hit, hits_of, line_starts
from forensics.model import Leak, Text, Unread

__all__ = [
    "CREDENTIAL_KINDS", "PERSONAL_KINDS", "Rule", "RuleError", "RuleFile", "Ruleset", "Scanned", "fingerprint", "load_rules",
    "prepare", "preview", "redact", "rule_files", "scan",
]  # fmt: skip

_ROWS = frozenset({"table", "rows", "cells"})  # views in which a line is a row
_FEW = 20  # findings for each of which lines are counted; for more, lines are looked up
_BESIDE = 5  # lines between an id and its secret
_REACH = 2_000  # characters between them
_COMPARED = 200  # longer values with which one is compared
_MARGIN = 100  # characters in which quote signs and blanks lead to a line end
_LINE_BEFORE = re.compile(r"\n[ \t>]*[!-~]{0,40}\Z")  # a piece of it may belong to no form: "abc.", and "defghijk" is found
_NEXT_LINE = re.compile(r"[ \t]*\r?\n[> \t]{0,40}(?P<word>[^\W\d_]{1,40})[.,;:!?]?[ \t]+\S")
_LINE_BEHIND = re.compile(r"[!-~]{0,40}[ \t]*\r?(?:\n|\Z)")
_WRAPPED = 8  # a value of so many characters inside a longer one of the same kind is a piece of it, not another secret


@dataclass(frozen=True, slots=True)
class Scanned:
    """The leaks of one message, and what was not searched, and why."""

    leaks: tuple[Leak, ...]
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sighting:
    """One hit with the view it was made in; lives only until the views of a part are united."""

    hit: Hit
    view: Text
    order: int
    normal: str

    @property
    def rank(self) -> tuple[int, int, bool, int, int]:
        """Best first: what the finding rests on, confidence, a view without guesses, the earlier view, the earlier place."""
        hit = self.hit
        return (-hit.basis, -CONFIDENCES.index(hit.confidence), self.view.guessed, self.order, hit.start)


def scan(texts: Sequence[Text], rules: Ruleset, key: bytes, sent_at: datetime | None) -> Scanned:
    """Leaks in all views of one message, by part and offset: the same value in several views or places of a part is one.

    `key` is the case's, for fingerprints. `sent_at` (aware) turns a lifetime into an expiry. Never raises on any text.
    """
    about = fold("\n".join(_surroundings(texts)))
    engine = best_engine(rules, sum(len(view.text) for view in texts))
    sightings: dict[str, list[_Sighting]] = {}
    unread: list[Unread] = []
    asked = [unwrapped(view.text) for view in texts]
    searched = hits_of([one.text for one in asked], rules, about=about, engine=engine) if texts else ()
    for order, (view, paragraphs, (hits, reasons)) in enumerate(zip(texts, asked, searched, strict=True)):
        unread.extend(Unread(view.part, reason) for reason in reasons)
        for hit in (_placed(one, paragraphs) for one in hits):
            sightings.setdefault(view.part, []).append(_Sighting(hit, view, order, normalised(hit.value, hit.rule.kind)))
    leaks = []
    starts: dict[int, list[int]] = {}
    prints: dict[str, str] = {}  # by normalised value: an address stands in many parts of a message
    for seen in sightings.values():
        one_with = _one_credential(seen)
        for sighting in _united(seen):
            if len(seen) > _FEW and sighting.order not in starts:
                starts[sighting.order] = line_starts(sighting.view.text)
            whole = one_with.get(sighting.normal, sighting)
            if whole.normal not in prints:
                prints[whole.normal] = keyed(whole.normal, key)
            leaks.append(_leak(sighting, starts.get(sighting.order, []), prints[whole.normal], sent_at))
    leaks.sort(key=lambda leak: (leak.part, leak.offset, leak.rule))
    return Scanned(tuple(leaks), tuple(sorted(set(unread), key=lambda one: (one.part, one.reason))))


def _placed(hit: Hit, paragraphs: Paragraphs) -> Hit:
    """A hit of the unwrapped text where it stands in the text as it was."""
    return hit._replace(start=paragraphs.place(hit.start), end=paragraphs.place(hit.end)) if paragraphs.ends else hit


def _surroundings(texts: Iterable[Text]) -> list[str]:
    """What is near every text of a message: its subject and the names of its parts."""
    named = {text.part for text in texts if text.part.startswith("attachment:")}
    subjects = [text.text[:998] for text in texts if text.part == "header:subject"]
    return [*sorted(named), *dict.fromkeys(subjects)]  # views of a subject mostly say the same


def _one_credential(seen: list[_Sighting]) -> dict[str, _Sighting]:
    """For the value of an id, the secret beside it: both are one credential, and the secret tells it from others."""
    found: dict[str, _Sighting] = {}
    for part in [one for one in seen if one.hit.rule.part_of][:_COMPARED]:
        beside = [
            one for one in seen if one.hit.rule.id == part.hit.rule.part_of and one.order == part.order and _is_beside(part, one)
        ]
        if beside:
            found.setdefault(part.normal, min(beside, key=lambda one: abs(one.hit.start - part.hit.start)))
    return found


def _is_beside(one: _Sighting, two: _Sighting) -> bool:
    low, high = sorted((one.hit.start, two.hit.start))
    return high - low <= _REACH and one.view.text.count("\n", low, high) <= _BESIDE


def _united(seen: list[_Sighting]) -> list[_Sighting]:
    """The best sighting of each value of one part; a piece of a longer value that another view shows whole is dropped."""
    best: dict[tuple[str, str], _Sighting] = {}
    for sighting in sorted(seen, key=lambda one: one.rank):
        best.setdefault((sighting.hit.rule.family, sighting.normal), sighting)
    kept: list[_Sighting] = []
    by_family: dict[str, list[_Sighting]] = {}
    glances: dict[str, str] = {}  # by family, the values compared with as one text: what is not in it is no piece of one
    for sighting in sorted(best.values(), key=lambda one: -len(one.normal)):
        family, normal = sighting.hit.rule.family, sighting.normal
        longer = by_family.setdefault(family, [])
        if normal in glances.get(family, ""):
            if (glued := next((one for one in longer[:_COMPARED] if _is_glued(one, sighting)), None)) is not None:
                longer.remove(glued)
                kept.remove(glued)
                glances[family] = "\n".join(one.normal for one in longer[:_COMPARED])
            if len(normal) >= _WRAPPED and any(_is_piece(sighting, one) for one in longer[:_COMPARED]):
                continue
        longer.append(sighting)
        kept.append(sighting)
        if len(longer) <= _COMPARED:
            glances[family] = f"{glances.get(family, '')}\n{normal}"
    return kept


def _is_glued(longer: _Sighting, short: _Sighting) -> bool:
    """Whether a view that joins lines took the first word of the next sentence for the end of a value."""
    if short.view.guessed or not longer.view.guessed or not longer.normal.startswith(short.normal):
        return False
    word = longer.normal[len(short.normal) :]
    if not word.isalpha() or not (word.islower() or word.istitle()):
        return False
    below = _NEXT_LINE.match(short.view.text, short.hit.end)
    return below is not None and below["word"] == word


def _is_piece(short: _Sighting, longer: _Sighting) -> bool:
    """Whether one value is what a line end left of another: its beginning, or a later piece, each cut where the line is.

    A beginning of the same kind is taken for one wherever it ends, and an end in a view made by guess: views part values in other ways, too.
    """
    if short.order == longer.order or short.normal == longer.normal or short.normal not in longer.normal:
        return False
    text, hit = short.view.text, short.hit
    is_first, is_last = longer.normal.startswith(short.normal), longer.normal.endswith(short.normal)
    if hit.rule.kind == longer.hit.rule.kind and (is_first or (is_last and short.view.guessed)):
        return True
    begins = is_first or _LINE_BEFORE.search(text[max(0, hit.start - _MARGIN) : hit.start])
    ends = is_last or _LINE_BEHIND.match(text[hit.end : hit.end + _MARGIN])
    return bool(begins and ends)


def _leak(sighting: _Sighting, lines: list[int], mark: str, sent_at: datetime | None) -> Leak:
    hit, rule, view = sighting.hit, sighting.hit.rule, sighting.view
    row = bisect_right(lines, hit.start) if lines else view.text.count("\n", 0, hit.start) + 1
    lifetime = rule.lifetime
    if rule.expiry == "stated" and (stated := stated_lifetime(view.text, hit.start, hit.end)) >= 0:
        lifetime = stated
    expires = expiry(rule.expiry, hit.value, hit.whole)
    if expires is None and lifetime >= 0 and sent_at is not None:
        expires = _after(sent_at, lifetime)
    return Leak(
        rule=rule.id,
        kind=rule.kind,
        family=rule.family,
        service=rule.service,
        preview=preview(hit.value),
        severity=rule.severity,
        confidence=hit.confidence,
        part=view.part,
        offset=hit.start,
        location=f"{'row' if view.view in _ROWS else 'line'} {row}",
        fingerprint=mark,
        state=rule.state,
        lifetime=lifetime,
        rotate=rule.rotate,
        reference=rule.reference,
        expires=expires,
    )


def _after(sent_at: datetime, seconds: int) -> datetime | None:
    try:
        return sent_at.astimezone(UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None
