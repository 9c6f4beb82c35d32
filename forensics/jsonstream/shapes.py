"""Records that are written like one before: a pattern made from that one, which reads each of the others in one step."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from forensics.jsonstream.decoding import SCAN

__all__ = ["ANY_TEXT", "PLAIN_TEXT", "Plan", "Shapes", "unescaped"]

T = TypeVar("T")

# What stands between a text's quotes: ASCII without escapes; and any text without control characters and surrogates, of which
# `frames` tells. Every repetition is possessive: a record is gone over once, whatever is in it.
PLAIN_TEXT = r"[ !#-\[\]-~]*+"
ANY_TEXT = r'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u(?:[0-9A-CE-Fa-ce-f][0-9A-Fa-f]{3}|[Dd][0-7][0-9A-Fa-f]{2}))*+'
_INTEGER = r"0|-?[1-9][0-9]{0,14}+"
_GAP = r"[ \t\r\n]*+"
_SCALAR = rf'(?:"{ANY_TEXT}"|-?(?:0|[1-9][0-9]{{0,14}}+)(?:\.[0-9]{{1,15}}+)?+|true|false|null)'
_MEMBER = rf'"{PLAIN_TEXT}"{_GAP}:{_GAP}{_SCALAR}{_GAP}'
_FLAT = rf"\{{{_GAP}(?:{_MEMBER}(?:,{_GAP}{_MEMBER})*+)?+\}}"
_ENTRY = rf"(?:{_SCALAR}|{_FLAT}){_GAP}"
_LIST = rf"\[{_GAP}(?:{_ENTRY}(?:,{_GAP}{_ENTRY})*+)?+\]"
_KEY = re.compile(rf'({_GAP},?+{_GAP})"({PLAIN_TEXT})"{_GAP}:{_GAP}')
_MOST = 8  # patterns in use: each may be tried for a record
_MOST_KINDS, _MOST_ASKED = 64, 8  # kinds of records of which some are looked at, and how many: one may be the odd one
_LONGEST = 20_000  # characters of a record that becomes a pattern
_MOST_KEYS = 60
_SHORT = 320  # characters of a text that is kept once it is decoded
_TRIAL, _WORTH = 1_000, 2  # so many records may fit no pattern, and so many times those that did, before it is given up


class Plan(NamedTuple, Generic[T]):
    """How to read the records that are written like one: the fields that are wanted (two or more), and what is made of them.

    `make(start, end, texts)`: `texts` are those of `wanted`, in order: a text as it stands between its quotes, a number, true
    or false as written, a list or an object of scalars as JSON, None for null or no such field. It may give None: then the
    record is read in the usual way. `forms`: by field, what its text is like; `PLAIN_TEXT` for those not named.
    """

    wanted: tuple[str, ...]
    forms: Mapping[str, str]
    make: Callable[[int, int, tuple[str | None, ...]], T | None]


class _Shape(NamedTuple, Generic[T]):
    within: str
    fits: Callable[[str, int], re.Match[str] | None]
    groups: tuple[int, ...]
    make: Callable[[int, int, tuple[str | None, ...]], T | None]


class Shapes(Generic[T]):
    """The patterns of one member's records. `learn(value, within)` is asked for each kind of record that is met: None for no plan.

    A kind is told by its keys, their order and the types of their values; a pattern by its white space too. What fits a pattern
    is a whole object with these keys, each once, without anything of which `frames` would tell more than its value. Inside
    of lists and objects a key may be there twice: whoever reads one of these has to look (`plain_object` does).
    """

    def __init__(self, learn: Callable[[dict[str, Any], str], Plan[T] | None]) -> None:
        self._learn = learn
        self._known: list[_Shape[T]] = []
        self._asked: Counter[tuple[object, ...]] = Counter()
        self._missed = self._met = 0

    def read(self, text: str, at: int, base: int, within: str) -> tuple[T, int] | None:
        """What is made of the record at `at`, and its end in `text`; None if it fits no pattern. `base`: the place of text[0]."""
        for shape in self._known:
            match = shape.fits(text, at)
            if match is None or shape.within != within:
                continue
            if not (text.isascii() or _is_unicode(match[0])):
                break
            end = match.end()
            made = shape.make(base + at, base + end, match.group(*shape.groups))
            if made is None:
                break
            self._met += 1
            if shape is not self._known[0]:  # the one that fitted last is tried first
                self._known.remove(shape)
                self._known.insert(0, shape)
            return made, end
        self._missed += 1
        return None

    def consider(self, text: str, value: dict[str, Any], within: str) -> None:
        """Look at a record that fitted none: it may become a pattern. `text` is the record, `value` what it says, each key once."""
        if self._missed > _TRIAL + _WORTH * self._met:
            self._known.clear()
            return
        kind = (within, *value, *map(type, value.values())) if len(value) <= _MOST_KEYS and len(text) <= _LONGEST else ()
        if not kind or self._asked[kind] >= _MOST_ASKED or (kind not in self._asked and len(self._asked) >= _MOST_KINDS):
            return
        self._asked[kind] += 1
        if any(shape.within == within and shape.fits(text, 0) for shape in self._known):
            return  # its plan has declined it
        plan = self._learn(value, within)
        shape = _shape(text, value, within, plan) if plan is not None else None
        if shape is not None:
            self._known = [shape, *self._known[: _MOST - 1]]


def _is_unicode(text: str) -> bool:
    try:
        text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return False
    return True


def _shape(text: str, value: Mapping[str, Any], within: str, plan: Plan[T]) -> _Shape[T] | None:
    """The pattern of a record; None if it has values of other forms, or keys with escapes."""
    if len(plan.wanted) < 2:  # noqa: PLR2004  of one group, a match gives no tuple
        return None
    pieces, at = [r"\{"], 1
    places: dict[str, int] = {}
    for name, one in value.items():
        key = _KEY.match(text, at)
        if key is None or key[2] != name:
            return None
        form = _form(one, plan.forms.get(name, PLAIN_TEXT), captured=name in plan.wanted)
        if form is None:
            return None
        pieces += [re.escape(key.group()), form]
        if name in plan.wanted and one is not None:
            places[name] = len(places) + 1
        at = SCAN(text, key.end())[1]
    pieces += [re.escape(text[at:-1]), r"\}", "((?!))?+"]  # the last group stands for what is not there
    pattern = re.compile("".join(pieces))
    match = pattern.match(text)
    if match is None or match.end() != len(text):
        return None
    nothing = len(places) + 1
    return _Shape(within, pattern.match, tuple(places.get(name, nothing) for name in plan.wanted), plan.make)


def _form(value: object, form: str, *, captured: bool) -> str | None:
    """The pattern of a value of the same type; None for a type that has none."""
    if value is None:
        return "null"
    begin = "(" if captured else "(?:"
    if type(value) is str:
        return f'"{begin}{form})"'
    known = {int: _INTEGER, bool: "true|false", dict: _FLAT, list: _LIST}.get(type(value))
    return None if known is None else f"{begin}{known})"


def unescaped(raw: str) -> str | None:
    """What a text of the form `ANY_TEXT` says, as it stands between its quotes, one character a byte; None if that is no Unicode."""
    if "\\" not in raw and raw.isascii():
        return raw
    return _known_text(raw) if len(raw) <= _SHORT else _read_text(raw)


def _read_text(raw: str) -> str | None:
    try:
        found: str = SCAN('"' + raw.encode("latin-1").decode() + '"', 0)[0]
    except (UnicodeError, ValueError, StopIteration):
        return None
    return found


_known_text = lru_cache(maxsize=16_384)(_read_text)
