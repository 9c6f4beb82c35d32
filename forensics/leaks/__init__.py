"""What was in the mail: credentials and personal data, found by rules and redacted at birth."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from forensics.leaks.engine import best_engine
from forensics.leaks.expiry import expiry, stated_lifetime
from forensics.leaks.loading import RuleFile, load_rules, rule_files
from forensics.leaks.redaction import fingerprint, normalised, preview, redact
from forensics.leaks.ruleset import CREDENTIAL_KINDS, PERSONAL_KINDS, Rule, RuleError, Ruleset, fold
from forensics.leaks.search import CONFIDENCES, Hit, hits_of, line_starts
from forensics.model import Leak, Text, Unread

__all__ = [
    "CREDENTIAL_KINDS", "PERSONAL_KINDS", "Rule", "RuleError", "RuleFile", "Ruleset", "Scanned", "fingerprint", "load_rules",
    "preview", "redact", "rule_files", "scan",
]  # fmt: skip

_ROWS = frozenset({"table", "rows", "cells"})  # views in which a line is a row
_FEW = 20  # findings for each of which lines are counted; for more, lines are looked up
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
    searched = hits_of([view.text for view in texts], rules, about=about, engine=engine) if texts else ()
    for order, (view, (hits, reasons)) in enumerate(zip(texts, searched, strict=True)):
        unread.extend(Unread(view.part, reason) for reason in reasons)
        for hit in hits:
            sightings.setdefault(view.part, []).append(_Sighting(hit, view, order, normalised(hit.value, hit.rule.kind)))
    leaks = []
    starts: dict[int, list[int]] = {}
    for seen in sightings.values():
        for sighting in _united(seen):
            if len(seen) > _FEW and sighting.order not in starts:
                starts[sighting.order] = line_starts(sighting.view.text)
            leaks.append(_leak(sighting, starts.get(sighting.order, []), key, sent_at))
    leaks.sort(key=lambda leak: (leak.part, leak.offset, leak.rule))
    return Scanned(tuple(leaks), tuple(sorted(set(unread), key=lambda one: (one.part, one.reason))))


def _surroundings(texts: Iterable[Text]) -> list[str]:
    """What is near every text of a message: its subject and the names of its parts."""
    named = {text.part for text in texts if text.part.startswith("attachment:")}
    subjects = [text.text[:998] for text in texts if text.part == "header:subject"]
    return [*sorted(named), *subjects]


def _united(seen: list[_Sighting]) -> list[_Sighting]:
    """The best sighting of each value of one part; a piece of a longer value that another view shows whole is dropped."""
    best: dict[tuple[str, str], _Sighting] = {}
    for sighting in sorted(seen, key=lambda one: one.rank):
        best.setdefault((sighting.hit.rule.family, sighting.normal), sighting)
    kept: list[_Sighting] = []
    by_kind: dict[tuple[str, str], list[_Sighting]] = {}
    for sighting in sorted(best.values(), key=lambda one: -len(one.normal)):
        same = by_kind.setdefault((sighting.hit.rule.family, sighting.hit.rule.kind), [])
        if len(sighting.normal) >= _WRAPPED and any(_is_piece(sighting, longer) for longer in same[:200]):
            continue
        same.append(sighting)
        kept.append(sighting)
    return kept


def _is_piece(short: _Sighting, longer: _Sighting) -> bool:
    return short.order != longer.order and short.normal != longer.normal and longer.normal.startswith(short.normal)


def _leak(sighting: _Sighting, lines: list[int], key: bytes, sent_at: datetime | None) -> Leak:
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
        fingerprint=fingerprint(hit.value, rule.kind, key),
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
