"""Where each rule's pattern fits in a text: by the search engine, or without it; both find the same."""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any, Protocol

import regex

from forensics.leaks.database import LINK, Compiled, Expression, is_available, kept, opened, unpacked
from forensics.leaks.links import Link, links, links_at
from forensics.leaks.ruleset import Basis, Rule, Ruleset, fold
from forensics.leaks.syntax import ODD_LETTERS
from forensics.leaks.writing import NOTHING

__all__ = ["SECONDS", "Engine", "EveryRule", "Fits", "Indexed", "Keywords", "Searched", "best_engine", "may_fit"]

SECONDS = 10.0  # per rule and text; real mail takes microseconds, and hostile mail of the shipped rules less than one second
_NARROW = 3  # places at each of which the pattern is tried without further ado
_LOOKS = 256  # attempts between two looks at the clock
_WORTH_COMPILING = 4 << 20  # characters that take longer to walk than the database takes to compile
_FOLLOWING = bytes(range(0x80, 0xC0))  # bytes of UTF-8 that do not begin a character

Fits = Iterator[regex.Match[str]]


class Engine(Protocol):
    """Finds out where rules fit in texts that belong together. `about` is folded text on the message that surrounds them."""

    def search(self, texts: Sequence[str], about: str) -> Iterator[Searched | None]:
        """For each text, in order, the rules that may fit, and the links worth reading; None if there is nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Searched:
    """Rules that may fit in a text, each with its fits, in the order of the ruleset; and its links. Both raise TimeoutError."""

    fits: Iterator[tuple[Rule, Fits]]
    links: Callable[[], list[Link]]


@dataclass(frozen=True, slots=True)
class EveryRule:
    """Each rule on the whole of each text: slow, and the measure of the other engines."""

    rules: Ruleset

    def search(self, texts: Sequence[str], about: str) -> Iterator[Searched | None]:
        """See `Engine.search`."""
        for text in texts:
            folded = fold(text)
            wanted = [rule for rule in self.rules.rules if rule.basis is not Basis.URL and may_fit(rule, folded, about)]
            yield _walking(wanted, text)


@dataclass(frozen=True, slots=True)
class Keywords:
    """Rules whose keywords a text holds, on the whole of it: for texts too short or machines too odd for the search engine."""

    rules: Ruleset

    def search(self, texts: Sequence[str], about: str) -> Iterator[Searched | None]:
        """See `Engine.search`."""
        for text in texts:
            yield _walking(self.rules.triggered(fold(text), about), text)


def _walking(rules: Iterable[Rule], text: str) -> Searched:
    return Searched(((rule, walked(rule, text)) for rule in rules), lambda: list(links(text)))


_ready: dict[str, Indexed] = {}
_read: dict[str, int] = {}  # characters searched in this process while there was no database, by version of the rules


def best_engine(rules: Ruleset, size: int) -> Engine:
    """The engine for `size` more characters: the database if it is kept, or once so much is read that compiling it pays."""
    ready = _ready.get(rules.version)
    if ready is not None and ready.rules is rules:
        return ready
    if not is_available():
        return Keywords(rules)
    before = _read.get(rules.version, 0)
    _read[rules.version] = before + size
    compiled = None
    if before + size > _WORTH_COMPILING:
        compiled = opened(rules)
    elif not before:
        compiled = kept(rules)
    if compiled is None:
        return Keywords(rules)
    _ready[rules.version] = ready = Indexed(rules, compiled)
    return ready


def clock(rule: Rule) -> dict[str, float]:
    """The time limit of one attempt. The shipped patterns are bounded, and a look at the clock costs more than they do."""
    return {} if rule.shipped else {"timeout": SECONDS}


def may_fit(rule: Rule, folded: str, about: str) -> bool:
    """Whether a rule's keywords, or its gate, allow it in a folded text about which more is known."""
    if not rule.keywords:
        return not rule.gate or _gate(rule.gate).search(folded) is not None
    for word in rule.keywords:  # noqa: SIM110  a generator costs more than the search
        if word in folded or word in about:
            return True
    return False


@lru_cache(maxsize=256)
def _gate(source: str) -> re.Pattern[str]:
    return re.compile(source)


def walked(rule: Rule, text: str) -> Fits:
    """The fits of a rule's pattern in the whole text, in order, without overlap."""
    fits: Fits = rule.pattern.finditer(text, timeout=SECONDS)
    return fits


# ------------------------------------------------------------------------------------------------------ the search engine


@dataclass(slots=True)
class Indexed:
    """Rules searched for at once by the database; a pattern is tried only where the database says that it may begin."""

    rules: Ruleset
    compiled: Compiled
    _about: tuple[str, frozenset[str]] = ("", frozenset())  # the last surroundings, and the rules that they let through
    _by_id: dict[str, Rule] = field(init=False)
    _order: dict[str, int] = field(init=False)
    _leads: dict[str, tuple[re.Pattern[str], int] | None] = field(init=False, default_factory=dict)

    _databases: dict[str, object] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_id = {rule.id: rule for rule in self.rules.rules}
        self._order = {rule.id: place for place, rule in enumerate(self.rules.rules)}

    def search(self, texts: Sequence[str], about: str) -> Iterator[Searched | None]:
        """See `Engine.search`."""
        batch = _Batch(texts)
        let_in: set[str] = set(self.compiled.always)
        for number, end in _reports(self.compiled.database, batch.data):
            one = self.compiled.expressions[number]
            if one.role == "gate":
                let_in.add(one.rule)
            else:
                batch.note(one, end)
        if about:
            let_in |= self._let_in(about)
        for rule in let_in:
            if (gated := self.compiled.gated.get(rule)) is not None:
                for number, end in _reports(self._own(rule, gated.packed), batch.data):
                    batch.note(gated.expressions[number], end)
        everywhere = let_in & self.compiled.walked
        for place, text in enumerate(texts):
            windows, linked = batch.windows.get(place, {}), batch.linked.get(place)
            if everywhere:
                windows.update((rule, [(0, len(text))]) for rule in everywhere)
            if not windows and not linked:
                yield None
                continue
            yield Searched(
                self._fits(text, batch.plain[place], about, windows) if windows else iter(()),
                partial(links_at, text, linked) if linked else list,
            )

    def count_places(self, texts: Sequence[str]) -> int:
        """How often the database reports something in these texts."""
        return sum(len(_reports(self.compiled.database, _straightened(text).encode("utf-8", "surrogatepass"))) for text in texts)

    def _let_in(self, about: str) -> frozenset[str]:
        """The rules whose words stand in the surroundings."""
        if self._about[0] != about:
            reports = _reports(self.compiled.database, _straightened(about).encode("utf-8", "surrogatepass"))
            gates = (self.compiled.expressions[number] for number, _ in reports)
            self._about = (about, frozenset(one.rule for one in gates if one.role == "gate"))
        return self._about[1]

    def _fits(self, text: str, plain: str, about: str, places: dict[str, list[tuple[int, int]]]) -> Iterator[tuple[Rule, Fits]]:
        folded = _Folded(text)
        for name in sorted(places, key=self._order.__getitem__):
            if places[name]:
                rule = self._by_id[name]
                yield rule, self._tried(rule, text, plain, about, places[name], folded)

    def _tried(self, rule: Rule, text: str, plain: str, about: str, places: list[tuple[int, int]], folded: _Folded) -> Fits:
        """The fits that `walked` would give: wherever one may start, and no place is skipped, the pattern is tried."""
        lead = self._lead(rule)
        if lead is None:
            found: Fits = walked(rule, text)
        else:
            found = _tried(rule, lead, text, plain, _merged(places))
        is_let_in = False
        for fit in found:
            if not is_let_in:
                is_let_in = may_fit(rule, fold(fit.group()), "") or may_fit(
                    rule, folded.text, about
                )  # mostly, it holds one itself
                if not is_let_in:
                    return
            yield fit

    def _own(self, rule: str, packed: bytes) -> object:
        if rule not in self._databases:
            self._databases[rule] = unpacked(packed)
        return self._databases[rule]

    def _lead(self, rule: Rule) -> tuple[re.Pattern[str], int] | None:
        if rule.id not in self._leads:
            source, reach = self.compiled.leads.get(rule.id, ("", 0))
            self._leads[rule.id] = (re.compile(source), reach) if source else None
        return self._leads[rule.id]


def _tried(rule: Rule, lead: tuple[re.Pattern[str], int], text: str, plain: str, windows: Iterable[tuple[int, int]]) -> Fits:
    attempt, limits = rule.pattern.match, clock(rule)
    done = count = 0
    ends = 0.0
    for low, high in windows:
        for at in _starts(lead, plain, max(low, done), high):
            if at < done:
                continue
            count += 1
            if not count % _LOOKS:
                ends = ends or time.monotonic() + SECONDS
                if time.monotonic() >= ends:
                    raise TimeoutError
            if (fit := attempt(text, at, **limits)) is not None:
                yield fit
                done = max(fit.end(), at + 1)


def _starts(lead: tuple[re.Pattern[str], int], plain: str, low: int, high: int) -> Iterable[int]:
    """Places from `low` to `high` at which the pattern may begin, in order."""
    if high - low < _NARROW:
        return range(low, high + 1)
    starts, reach = lead
    return [at for at in [one.start() for one in starts.finditer(plain, low, high + reach)] if at <= high]


class _Folded:
    """A text folded when it is first asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._folded: str | None = None

    @property
    def text(self) -> str:
        if self._folded is None:
            self._folded = fold(self._text)
        return self._folded


class _Batch:
    """Texts side by side as the database searches them, and what it reports, text by text, in characters."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.plain = [text if text.isascii() else _straightened(text) for text in texts]
        encoded = [text.encode("utf-8", "surrogatepass") for text in self.plain]
        self.data = NOTHING.encode().join(encoded)
        self._ends = list(accumulate(len(one) + 1 for one in encoded))
        self._wide = [len(one) != len(text) for one, text in zip(encoded, texts, strict=True)]
        self._seen = [(0, 0)] * len(texts)  # of each text, a byte and the characters before it
        self.windows: dict[int, dict[str, list[tuple[int, int]]]] = {}  # by place of the text, then by rule
        self.linked: dict[int, list[int]] = {}

    def note(self, one: Expression, end: int) -> None:
        """Keep that an expression fits and ends before this byte."""
        place = bisect_left(self._ends, end)
        at = end - (self._ends[place - 1] if place else 0)
        if self._wide[place]:
            at = self._characters(place, at)
        if one.rule == LINK:
            self.linked.setdefault(place, []).append(at)
        else:
            windows = self.windows.setdefault(place, {})
            windows.setdefault(one.rule, []).append((at - one.most, at - one.least))

    def _characters(self, place: int, at: int) -> int:
        """Characters before a byte of a text; cheap where the bytes asked for ascend."""
        base = self._ends[place - 1] if place else 0
        byte, character = self._seen[place]
        if at < byte:
            character -= len(self.data[base + at : base + byte].translate(None, _FOLLOWING))
        else:
            character += len(self.data[base + byte : base + at].translate(None, _FOLLOWING))
        self._seen[place] = (at, character)
        return character


def _straightened(text: str) -> str:
    """The text as the database is meant for, character for character."""
    for odd, like in ODD_LETTERS.items():
        if odd in text:
            text = text.replace(odd, like)
    return text


def _reports(database: Any, data: bytes) -> list[tuple[int, int]]:  # noqa: ANN401  its type is optional, too
    """Number and end, in bytes, of everything that the database finds; ascending per number."""
    found: list[tuple[int, int]] = []

    def note(number: int, _start: int, end: int, _flags: int, _given: object) -> None:
        found.append((number, end))

    database.scan(data, match_event_handler=note)
    return found


def _merged(windows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """First and last characters of windows that do not touch, in order."""
    if len(windows) == 1:
        return [(max(windows[0][0], 0), windows[0][1])]
    merged: list[tuple[int, int]] = []
    for low, high in sorted(windows):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((max(low, 0), high))
    return merged
