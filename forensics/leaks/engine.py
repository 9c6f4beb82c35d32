"""Where each rule's pattern fits in a text: by the search engine, or without it; both find the same."""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import accumulate, chain
from typing import Any, Protocol

import regex

from forensics.leaks.database import LINK, Compiled, Expression, is_available, kept, opened, opened_alone, unpacked
from forensics.leaks.links import Link, links, links_at
from forensics.leaks.ruleset import Basis, Rule, Ruleset, fold
from forensics.leaks.syntax import ODD_LETTERS
from forensics.leaks.writing import NOTHING

__all__ = [
    "SECONDS",
    "Engine",
    "EveryRule",
    "Fits",
    "Indexed",
    "Keywords",
    "Searched",
    "Work",
    "best_engine",
    "may_fit",
    "prepare",
]

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
class Work:
    """What a search comes to: reports of the database, characters in which starts are looked for, places tried, and fits to be checked."""

    reports: int
    looked_at: int
    tried: int
    fits: int


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
        compiled = opened_alone(rules)
    elif not before:
        compiled = kept(rules)
    if compiled is None:
        return Keywords(rules)
    _ready[rules.version] = ready = Indexed(rules, compiled)
    return ready


def prepare(rules: Ruleset, size: int) -> None:
    """Compile and keep the database if `size` characters are worth it, so that processes that start afterwards find it kept."""
    if size > _WORTH_COMPILING and is_available():
        opened(rules)


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
    _shared: frozenset[tuple[str, int]] = field(init=False)  # leads of several rules
    _leads: dict[str, tuple[re.Pattern[str], int] | None] = field(init=False, default_factory=dict)
    _databases: dict[str, tuple[object, _Users]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_id = {rule.id: rule for rule in self.rules.rules}
        self._order = {rule.id: place for place, rule in enumerate(self.rules.rules)}
        self._users = _as_tuples(self.compiled.expressions)
        count = Counter((source, reach) for source, reach in self.compiled.leads.values())
        self._shared = frozenset(one for one, users in count.items() if users > 1)

    def search(self, texts: Sequence[str], about: str) -> Iterator[Searched | None]:
        """See `Engine.search`."""
        batch, everywhere = self._reported(texts, about)
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

    def _reported(self, texts: Sequence[str], about: str) -> tuple[_Batch, set[str]]:
        """Where the database says that rules may fit; and rules for which it cannot say it."""
        batch = _Batch([*texts, about] if about else texts)  # a word in the surroundings opens a gate, too
        let_in = batch.take(self._users, _reports(self.compiled.database, batch.data)) | self.compiled.always
        for rule in let_in:
            if (gated := self.compiled.gated.get(rule)) is not None:
                if rule not in self._databases:
                    self._databases[rule] = (unpacked(gated.packed), _as_tuples(gated.expressions))
                database, users = self._databases[rule]
                if reports := _reports(database, batch.data):  # mostly there are none
                    batch.take(users, reports)
        return batch, let_in & self.compiled.walked

    def count_work(self, text: str) -> Work:
        """What the search of one text comes to, on any machine and however busy it is."""
        batch, everywhere = self._reported([text], "")
        looked_at, tried, fits = len(everywhere) * len(text), 0, 0
        known: _Starts = {}
        for name, found in batch.windows.get(0, {}).items():
            rule, lead, windows = self._by_id[name], self._lead(self._by_id[name]), _merged(found)
            if lead is None:
                looked_at += len(text)
                continue
            looked_at += sum(high - low + 1 for low, high in windows)
            starts = [list(one) for one in _starts(lead, batch.plain[0], windows, known)]
            tried += sum(map(len, starts))
            fits += sum(1 for _ in _tried(rule, text, starts))
        return Work(batch.reports, looked_at, tried, fits)

    def _fits(self, text: str, plain: str, about: str, places: dict[str, list[tuple[int, int]]]) -> Iterator[tuple[Rule, Fits]]:
        folded = _Folded(text)
        known: _Starts = {}
        for name in sorted(places, key=self._order.__getitem__):
            rule = self._by_id[name]
            lead = self._lead(rule)
            if lead is None:
                found = walked(rule, text)
            else:
                shared = known if (lead[0].pattern, lead[1]) in self._shared else None
                found = _tried(rule, text, _starts(lead, plain, _merged(places[name]), shared))
            if not rule.shipped:  # its clock runs where its time is accounted for
                yield rule, self._allowed(rule, found, about, folded)
            elif (first := next(found, None)) is not None:  # most rules that may fit do not
                yield rule, self._allowed(rule, chain((first,), found), about, folded)

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


_User = tuple[
    tuple[str, ...], bool, int, int, bool
]  # an expression: its rules, whether it is a gate, least, most, whether it is solid
_Users = tuple[tuple[_User, ...], ...]
_Starts = dict[tuple[re.Pattern[str], int, int], list[int]]  # of one text, by lead and window: rules share both


def _as_tuples(expressions: Iterable[Iterable[Expression]]) -> _Users:
    """By number; rules for which a report says the same stand together."""
    users: list[tuple[_User, ...]] = []
    for listed in expressions:
        alike: dict[tuple[bool, int, int, bool], list[str]] = {}
        for one in listed:
            alike.setdefault((one.role == "gate", one.least, one.most, one.is_solid), []).append(one.rule)
        users.append(tuple((tuple(rules), *said) for said, rules in alike.items()))
    return tuple(users)


def _tried(rule: Rule, text: str, starts: Iterable[Iterable[int]]) -> Fits:
    """The fits that `walked` would give: wherever one may start, window by window, and no place is skipped, the pattern is tried."""
    attempt, limits = rule.pattern.match, clock(rule)
    done = count = 0
    ends = 0.0
    for window in starts:
        for at in window:
            if at < done:
                continue
            if limits:
                count += 1
                if not count % _LOOKS:
                    ends = ends or time.monotonic() + SECONDS
                    if time.monotonic() >= ends:
                        raise TimeoutError
                fit = attempt(text, at, **limits)
            else:
                fit = attempt(text, at)
            if fit is not None:
                yield fit
                done = max(fit.end(), at + 1)


def _starts(
    lead: tuple[re.Pattern[str], int], plain: str, windows: Iterable[tuple[int, int]], known: _Starts | None
) -> Iterator[Iterable[int]]:
    """Window by window the places at which the pattern may begin, in order; kept in `known` for other rules with this lead."""
    starts, reach = lead
    for low, high in windows:
        if high - low < _NARROW:
            yield range(low, high + 1)
        elif known is None or high - low > _KEPT:
            yield (at for one in starts.finditer(plain, low, high + reach) if (at := one.start()) <= high)
        else:
            key = (starts, low, high)
            if key not in known:
                known[key] = [at for one in starts.finditer(plain, low, high + reach) if (at := one.start()) <= high]
            yield known[key]


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
        self.data = b"".join(one + NOTHING.encode() for one in encoded)
        self._ends = list(accumulate(len(one) + 1 for one in encoded))
        self._wide = [len(one) != len(text) for one, text in zip(encoded, texts, strict=True)]
        self._seen = [(0, 0)] * len(texts)  # of each text, a byte and the characters before it
        self.windows: dict[int, dict[str, list[tuple[int, int]]]] = {}  # by place of the text, then by rule
        self.linked: dict[int, list[int]] = {}
        self.reports = 0

    def take(self, users: _Users, reports: Sequence[tuple[int, int]]) -> set[str]:
        """Keep where expressions fit: number, and the byte before which they end. Gives the rules whose gates are among them."""
        let_in: set[str] = set()
        low, high, place = 0, -1, 0
        plain, is_wide, windows = "", False, {}
        self.reports += len(reports)
        for number, end in reports:
            if not low < end <= high:
                place = bisect_left(self._ends, end)
                low, high = self._ends[place - 1] if place else 0, self._ends[place]
                plain, is_wide, windows = self.plain[place], self._wide[place], self.windows.setdefault(place, {})
            at = self._characters(place, end - low) if is_wide else end - low
            for rules, is_gate, least, most, is_solid in users[number]:
                if is_gate:
                    let_in.update(rules)
                    continue
                first = at - most if at > most else 0
                if is_solid and first < at - least:  # else a blank could only take away the one place that there is
                    if (blank := plain.rfind(" ", first, at)) >= 0:
                        first = blank + 1
                    if (line_end := plain.rfind("\n", first, at)) >= 0:
                        first = line_end + 1
                if first > at - least:
                    continue
                for rule in rules:
                    if rule == LINK:
                        self.linked.setdefault(place, []).append(at)
                    elif (known := windows.get(rule)) is None:
                        windows[rule] = [(first, at - least)]
                    elif known[-1][0] <= first <= known[-1][1] + 1 and known[-1][1] <= at - least:
                        known[-1] = (
                            known[-1][0],
                            at - least,
                        )  # it goes on from the one before: a long token is reported at every letter
                    else:
                        known.append((first, at - least))
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
