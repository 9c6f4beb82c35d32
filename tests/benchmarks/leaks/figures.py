"""What the runs add up to: recall by kind, wrapping and language, false findings by family, as JSON and as tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.detection.figures import Share, wilson
from benchmarks.leaks.generating import SPOKEN
from benchmarks.leaks.planted import WRAPPINGS, Mail
from benchmarks.leaks.scanning import Found, Seen
from forensics.leaks import CREDENTIAL_KINDS

__all__ = ["HARMLESS", "Errors", "Recall", "Whole", "false_findings", "false_of", "per_thousand", "recall_of", "whole_of"]

TARGET = 0.95
BOUNDS = {"high": 1 / 1_000, "medium": 1 / 100}  # findings a mail at this confidence or above
HARMLESS = frozenset({"name", "email_address", "phone", "postal_address"})  # ordinary mail bears them rightly


@dataclass(slots=True)
class _Tally:
    """Planted, found with the right kind; of these at medium confidence or above, with the very value, of a known service and so named; noticed at all."""

    total: int = 0
    right: int = 0
    sure: int = 0
    exact: int = 0
    named: int = 0
    service: int = 0
    noticed: int = 0

    def add(self, mail: Mail, seen: Seen) -> bool:
        secret = mail.secrets[0]
        best = seen.right(secret)
        self.total += 1
        self.right += best is not None
        self.noticed += best is not None or seen.is_noticed
        if best is not None:
            self.sure += best.confidence != "low"
            self.exact += best.exact
            if secret.service not in {"", "generic"}:
                self.named += 1
                self.service += best.service == secret.service
        return best is not None

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        counts = {name: getattr(self, name) for name in ("sure", "exact", "named", "service", "noticed")}
        return {**Share(self.right, self.total).plain(), **counts}


@dataclass(slots=True)
class Recall:
    """Planted secrets found, by kind and wrapping, language, service; and the misses."""

    cells: defaultdict[tuple[str, str], _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    languages: defaultdict[tuple[str, str], _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    services: defaultdict[tuple[str, str], _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    topics: defaultdict[tuple[str, str], _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    misses: list[tuple[Mail, Seen]] = field(default_factory=list)

    def add(self, mail: Mail, seen: Seen) -> None:
        """One mail with one secret."""
        secret = mail.secrets[0]
        if not self.cells[secret.kind, mail.wrapping].add(mail, seen):
            self.misses.append((mail, seen))
        self.topics[secret.kind, secret.topic].add(mail, seen)
        if secret.kind in SPOKEN and secret.topic in {"password", "code"}:
            self.languages[secret.kind, mail.language].add(mail, seen)
        if secret.kind in {"api_key", "access_token"}:
            self.services[secret.topic, secret.service].add(mail, seen)

    def over(self, fits: Callable[[str, str], bool]) -> _Tally:
        """All cells whose kind and wrapping fit."""
        one = _Tally()
        for (kind, wrapping), cell in self.cells.items():
            if fits(kind, wrapping):
                for name in ("total", "right", "sure", "exact", "named", "service", "noticed"):
                    setattr(one, name, getattr(one, name) + getattr(cell, name))
        return one

    def kinds(self) -> list[str]:
        """Those that occur, in order."""
        return list(dict.fromkeys(kind for kind, _ in self.cells))

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "by_kind": {kind: self.over(lambda one, _, kind=kind: one == kind).plain() for kind in self.kinds()},  # type: ignore[misc]
            "by_wrapping": {name: self.over(lambda _, one, name=name: one == name).plain() for name in WRAPPINGS},  # type: ignore[misc]
            "by_kind_and_wrapping": _nested(self.cells),
            "by_language": _nested(self.languages),
            "by_service": _nested(self.services),
            "by_topic": _nested(self.topics),
            "cells_below_target": sum(cell.right < TARGET * cell.total for cell in self.cells.values()),
            "cells": len(self.cells),
        }

    def shown(self) -> Iterator[list[str]]:
        """Rows of the table: kind, all wrappings, one wrapping each."""
        for kind in self.kinds():
            whole = self.over(lambda one, _, kind=kind: one == kind)  # type: ignore[misc]
            yield [kind, Share(whole.right, whole.total).told(), *(self._cell(kind, name) for name in WRAPPINGS)]
        whole = self.over(lambda _kind, _wrapping: True)
        columns = [self.over(lambda _, one, name=name: one == name) for name in WRAPPINGS]  # type: ignore[misc]
        yield ["all", Share(whole.right, whole.total).told(), *(_percent(one) for one in columns)]

    def _cell(self, kind: str, wrapping: str) -> str:
        return _percent(self.cells[kind, wrapping]) if (kind, wrapping) in self.cells else ""


def _percent(one: _Tally) -> str:
    return f"{100 * one.right / one.total:.0f}" if one.total else ""


def _nested(tallies: dict[tuple[str, str], _Tally]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (outer, inner), one in sorted(tallies.items()):
        nested.setdefault(outer, {})[inner] = {"hits": one.right, "total": one.total}
    return nested


def recall_of(pairs: Iterable[tuple[Mail, Seen]]) -> Recall:
    """Recall over mails with one secret each."""
    recall = Recall()
    for mail, seen in pairs:
        recall.add(mail, seen)
    return recall


def false_findings(seen: Seen) -> list[Found]:
    """What was found in an ordinary mail that should not have been."""
    return [one for one in seen.found if one.kind not in HARMLESS]


@dataclass(slots=True)
class Errors:
    """False findings by family, confidence and rule; mails with at least one."""

    mails: Counter[str] = field(default_factory=Counter)
    findings: Counter[tuple[str, str]] = field(default_factory=Counter)  # family, confidence
    flagged: Counter[tuple[str, str]] = field(default_factory=Counter)  # mails by family, and by the highest confidence in them
    rules: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)  # family, rule, kind, confidence
    credentials: Counter[str] = field(default_factory=Counter)  # by confidence
    examples: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def add(self, mail: Mail, seen: Seen) -> None:
        """One ordinary mail."""
        wrong = false_findings(seen)
        self.mails[mail.family] += 1
        for one in wrong:
            self.findings[mail.family, one.confidence] += 1
            self.rules[mail.family, one.rule, one.kind, one.confidence] += 1
            self.credentials[one.confidence] += one.kind in CREDENTIAL_KINDS
            self.examples.setdefault((mail.family, one.rule), mail.raw)
        if wrong:
            self.flagged[mail.family, min((one.confidence for one in wrong), key=("high", "medium", "low").index)] += 1

    def at(self, confidence: str, families: Iterable[str]) -> tuple[int, int, int]:
        """Findings at this confidence or above, mails that have one, mails."""
        levels = ("high", "medium", "low")[: ("high", "medium", "low").index(confidence) + 1]
        names = list(families)
        found, flagged = (sum(kept[name, level] for name in names for level in levels) for kept in (self.findings, self.flagged))
        return found, flagged, sum(self.mails[name] for name in names)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        families = sorted(self.mails)
        levels = ("high", "medium", "low")
        return {
            "mails": self.mails.total(),
            "at": {level: _rate(self.at(level, families)) for level in levels},
            "by_family": {name: {level: _rate(self.at(level, [name])) for level in levels} for name in families},
            "by_rule": [{"family": family, "rule": rule, "kind": kind, "confidence": level, "findings": count} for (family, rule, kind, level), count in self.rules.most_common()],
            "of_credentials": dict(sorted(self.credentials.items())),
        }  # fmt: skip

    def shown(self) -> Iterator[list[str]]:
        """Rows of the table: family, mails, findings and flagged mails at high and at medium."""
        for name in [*sorted(self.mails), "all"]:
            names = sorted(self.mails) if name == "all" else [name]
            high, medium, low = (self.at(level, names) for level in ("high", "medium", "low"))
            yield [
                name, f"{high[2]:,}", str(high[0]), per_thousand(high), str(medium[0]), per_thousand(medium), str(low[0]),
            ]  # fmt: skip


def per_thousand(counts: tuple[int, int, int]) -> str:
    """Mails with a finding per 1,000, with their interval."""
    _, flagged, mails = counts
    low, high = wilson(flagged, mails)
    return f"{1000 * flagged / max(mails, 1):.2f} ({1000 * low:.2f} - {1000 * high:.2f})"


def _rate(counts: tuple[int, int, int]) -> dict[str, Any]:
    findings, flagged, mails = counts
    return {"findings": findings, "mails_flagged": Share(flagged, mails).plain()}


def false_of(pairs: Iterable[tuple[Mail, Seen]]) -> Errors:
    """False findings over ordinary mails."""
    errors = Errors()
    for mail, seen in pairs:
        errors.add(mail, seen)
    return errors


@dataclass(frozen=True, slots=True)
class Whole:
    """Correspondences in which secrets recur: secrets found with right kind and service, and distinct credentials counted rightly."""

    bundles: int
    counted_right: int
    counted: int
    distinct: int
    found: int
    serviced: int
    united: int

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "correspondences": self.bundles, "distinct_count_right": Share(self.counted_right, self.bundles).plain(), "credentials_counted": self.counted,
            "credentials_planted": self.distinct, "found_somewhere": Share(self.found, self.distinct).plain(),
            "found_with_kind_and_service": Share(self.serviced, self.distinct).plain(), "one_fingerprint_in_all_mails": Share(self.united, self.distinct).plain(),
        }  # fmt: skip

    def told(self) -> str:
        """As one line."""
        return (
            f"{self.distinct} credentials in {self.bundles} correspondences: right kind and service {Share(self.serviced, self.distinct).told()}; "
            f"one fingerprint in all their mails {Share(self.united, self.distinct).told()}; distinct count right {Share(self.counted_right, self.bundles).told()} "
            f"({self.counted} counted, {self.distinct} planted)"
        )


def whole_of(bundles: Sequence[tuple[Sequence[Mail], Sequence[Seen]]]) -> Whole:
    """The row for the whole. A credential of medium confidence or above counts; a service is right where one planted it."""
    right = counted = distinct = found = serviced = united = 0
    for mails, seens in bundles:
        secrets = list(dict.fromkeys(mail.secrets[0] for mail in mails))
        prints = {
            one.fingerprint for seen in seens for one in seen.found if one.family == "credential" and one.confidence != "low"
        }
        right += len(prints) == len(secrets)
        counted += len(prints)
        distinct += len(secrets)
        for secret in secrets:
            best = [seen.right(secret) for mail, seen in zip(mails, seens, strict=True) if mail.secrets[0] == secret]
            hits = [one for one in best if one is not None]
            found += bool(hits)
            serviced += any(one.service == secret.service for one in hits)
            united += len(hits) == len(best) and len({one.fingerprint for one in hits}) == 1
    return Whole(len(bundles), right, counted, distinct, found, serviced, united)
