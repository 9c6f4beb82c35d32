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

SECONDS = 10.0  # per text and rule of a user; the shipped ones are bounded in themselves
_NARROW = 3  # places at each of which the pattern is tried without further ado
_KEPT = 4096  # characters of a window whose places are kept for other rules
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
    """Rules that may fit in a text, each with its fits, in the order of the ruleset; and its links. Fits of a user's rule may raise TimeoutError."""

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
    """The time limit of a pattern that is not ours. What the shipped ones find must not hang on how busy the machine is."""
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
    fits: Fits = rule.pattern.finditer(text, **clock(rule))
    return fits


# ------------------------------------------------------------------------------------------------------ the search engine


@dataclass(slots=True)
class Indexed:
    """Rules searched for at once by the database; a pattern is tried only where the database says that it may begin."""

    rules: Ruleset
    compiled: Compiled
    _by_id: dict[str, Rule] = field(init=False)
    _order: dict[str, int] = field(init=False)
    _users: _Users = field(init=False)
    _leads: dict[str, tuple[re.Pattern[str], int] | None] = field(init=False, default_factory=dict)
    _databases: dict[str, tuple[object, _Users]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_id = {rule.id: rule for rule in self.rules.rules}
        self._order = {rule.id: place for place, rule in enumerate(self.rules.rules)}
        self._users = _as_tuples(self.compiled.expressions)

    def search(self, texts: Sequence[str], about: str) -> Iterator[Searched | None]:
        """See `Engine.search`."""
        batch = _Batch([*texts, about] if about else texts)  # a word in the surroundings opens a gate, too
        let_in = batch.take(self._users, _reports(self.compiled.database, batch.data)) | self.compiled.always
        for rule in let_in:
            if (gated := self.compiled.gated.get(rule)) is not None:
                if rule not in self._databases:
                    self._databases[rule] = (unpacked(gated.packed), _as_tuples(gated.expressions))
                database, users = self._databases[rule]
                batch.take(users, _reports(database, batch.data))
        everywhere = let_in & self.compiled.walked
        for place, text in enumerate(texts):
            windows, linked = batch.windows.get(place), batch.linked.get(place)
            if everywhere:
                windows = (windows or {}) | {rule: [(0, len(text))] for rule in everywhere}
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

    def _fits(self, text: str, plain: str, about: str, places: dict[str, list[tuple[int, int]]]) -> Iterator[tuple[Rule, Fits]]:
        folded = _Folded(text)
        known: _Starts = {}
        for name in sorted(places, key=self._order.__getitem__):
            rule = self._by_id[name]
            lead = self._lead(rule)
            if lead is None:
                yield rule, self._allowed(rule, walked(rule, text), about, folded)
            else:
                starts = _starts(lead, plain, _merged(places[name]), known)
                yield rule, self._allowed(rule, _tried(rule, text, starts), about, folded)

    def _allowed(self, rule: Rule, found: Fits, about: str, folded: _Folded) -> Fits:
        """All of these fits if the rule has one of its words; mostly, the first one holds it itself."""
        for first in found:
            if may_fit(rule, fold(first.group()), "") or may_fit(rule, folded.text, about):
                yield first
                yield from found

    def _lead(self, rule: Rule) -> tuple[re.Pattern[str], int] | None:
        if rule.id not in self._leads:
            source, reach = self.compiled.leads.get(rule.id, ("", 0))
            self._leads[rule.id] = (re.compile(source), reach) if source else None
        return self._leads[rule.id]


_User = tuple[str, bool, int, int, bool]  # an expression: its rule, whether it is a gate, least, most, whether it is solid
_Users = tuple[tuple[_User, ...], ...]
_Starts = dict[tuple[re.Pattern[str], int, int], list[int]]  # of one text, by lead and window: rules share both


def _as_tuples(expressions: Iterable[Iterable[Expression]]) -> _Users:
    return tuple(
        tuple((one.rule, one.role == "gate", one.least, one.most, one.is_solid) for one in listed) for listed in expressions
    )


def _tried(rule: Rule, text: str, starts: Iterable[int]) -> Fits:
    """The fits that `walked` would give: wherever one may start, and no place is skipped, the pattern is tried."""
    attempt, limits = rule.pattern.match, clock(rule)
    done = count = 0
    ends = 0.0
    for at in starts:
        if at < done:
            continue
        if limits:
            count += 1
            if not count % _LOOKS:
                ends = ends or time.monotonic() + SECONDS
                if time.monotonic() >= ends:
                    raise TimeoutError
        if (fit := attempt(text, at, **limits)) is not None:
            yield fit
            done = max(fit.end(), at + 1)


def _starts(lead: tuple[re.Pattern[str], int], plain: str, windows: Iterable[tuple[int, int]], known: _Starts) -> Iterator[int]:
    """Places in these windows at which the pattern may begin, in order."""
    starts, reach = lead
    for low, high in windows:
        if high - low < _NARROW:
            yield from range(low, high + 1)
        elif high - low > _KEPT:
            yield from (at for one in starts.finditer(plain, low, high + reach) if (at := one.start()) <= high)
        else:
            key = (starts, low, high)
            if key not in known:
                known[key] = [at for one in starts.finditer(plain, low, high + reach) if (at := one.start()) <= high]
            yield from known[key]


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

    def take(self, users: _Users, reports: Iterable[tuple[int, int]]) -> set[str]:
        """Keep where expressions fit: number, and the byte before which they end. Gives the rules whose gates are among them."""
        let_in: set[str] = set()
        low, high, place = 0, -1, 0
        plain, is_wide, windows = "", False, {}
        for number, end in reports:
            if not low < end <= high:
                place = bisect_left(self._ends, end)
                low, high = self._ends[place - 1] if place else 0, self._ends[place]
                plain, is_wide, windows = self.plain[place], self._wide[place], self.windows.setdefault(place, {})
            at = self._characters(place, end - low) if is_wide else end - low
            for rule, is_gate, least, most, is_solid in users[number]:
                if is_gate:
                    let_in.add(rule)
                elif rule == LINK:
                    self.linked.setdefault(place, []).append(at)
                else:
                    first = max(at - most, 0)
                    if is_solid:
                        first = max(first, plain.rfind(" ", first, at) + 1, plain.rfind("\n", first, at) + 1)
                    if first <= at - least:
                        windows.setdefault(rule, []).append((first, at - least))
        return let_in

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
        return windows
    merged: list[tuple[int, int]] = []
    for low, high in sorted(windows):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged
