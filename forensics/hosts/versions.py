"""Version numbers and ranges as npm means them: is this version bad, can this range have brought a bad one?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Interval", "Version", "can_meet", "contains", "intervals", "version"]

_LONGEST = 256  # characters of a range
_NUMBER = r"(?:0|[1-9][0-9]{0,15})"
# semver.org 2.0.0, section 9 and 10; a leading "v" or "=" is npm's own tolerance
_VERSION = re.compile(
    rf"[v=]{{0,2}}({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([0-9A-Za-z.-]{{1,128}}))?(?:\+[0-9A-Za-z.-]{{1,128}})?"
)
_PART = rf"(?:{_NUMBER}|[xX*])"
_COMPARATOR = re.compile(
    rf"(\^|~>?|>=|<=|>|<|=)?\s*v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?(?:-([0-9A-Za-z.-]{{1,128}}))?(?:\+[0-9A-Za-z.-]{{1,128}})?"
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")


class Version(NamedTuple):
    """A version in its order of precedence: a pre-release stands before its release."""

    major: int
    minor: int
    patch: int
    final: bool = True
    pre: tuple[tuple[int, int, str], ...] = ()  # numbers before words, numbers by value, words by text


class Interval(NamedTuple):
    """Versions from `low` to `high`; None is open."""

    low: Version | None = None
    high: Version | None = None
    with_low: bool = True
    with_high: bool = False


def version(text: str) -> Version | None:
    """An exact version, or None if the text is none (a range, a tag, an address)."""
    match = _VERSION.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    return None if match is None else _made(int(match[1]), int(match[2]), int(match[3]), match[4])


def _made(major: int, minor: int, patch: int, pre: str | None) -> Version:
    if not pre:
        return Version(major, minor, patch)
    parts = pre.split(".")[:16]
    order = tuple((0, int(one[:16]), "") if one.isascii() and one.isdigit() else (1, 0, one) for one in parts)
    return Version(major, minor, patch, final=False, pre=order)


@lru_cache(maxsize=1024)
def intervals(text: str) -> tuple[Interval, ...] | None:
    """The versions that a range allows: `||` between alternatives, blanks or commas within one. None: not a range (a tag)."""
    if len(text) > _LONGEST:
        return None
    allowed = []
    for alternative in text.split("||"):
        one = _alternative(alternative.strip())
        if one is None:
            return None
        if one.low is None or one.high is None or one.low <= one.high:
            allowed.append(one)
    return tuple(allowed)


def _alternative(text: str) -> Interval | None:
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen:
        text = f">={hyphen[1]} <={hyphen[2]}"
    whole, at = Interval(), 0
    text = text.replace(",", " ").strip()
    while at < len(text):
        match = _COMPARATOR.match(text, at)
        if match is None or (match.end() < len(text) and text[match.end()] not in " <>=^~"):
            return None
        whole = _narrowed(whole, _comparator(match))
        at = match.end()
        while at < len(text) and text[at] == " ":
            at += 1
    return whole


def _comparator(match: re.Match[str]) -> Interval:
    """One comparator with what its missing parts stand for (node-semver, "Advanced Range Syntax")."""
    operator, pre = match[1] or "", match[5]
    parts = [int(one) for one in _leading(match[2], match[3], match[4])]
    if not parts:
        return Interval() if operator not in {"<", ">"} else Interval(Version(0, 0, 0), Version(0, 0, 0), with_low=False)
    major, minor, patch = [*parts, 0, 0][:3]
    low = _made(major, minor, patch, pre)
    after = _next(parts)  # the first version beyond what the written parts name
    exact = len(parts) == len(("major", "minor", "patch"))
    if operator == ">=":
        return Interval(low)
    if operator == ">":
        return Interval(low, with_low=False) if exact else Interval(after)
    if operator == "<":
        return Interval(high=low)
    if operator == "<=":
        return Interval(high=low, with_high=True) if exact else Interval(high=after)
    if operator == "^":
        leading = next((i for i, one in enumerate(parts) if one), len(parts) - 1)
        return Interval(low, _next(parts[: leading + 1]))
    if operator.startswith("~"):
        return Interval(low, _next(parts[:2]))
    return Interval(low, low, with_high=True) if exact else Interval(low, after)


def _leading(*parts: str | None) -> Iterable[str]:
    """The numbers before the first part that is missing or a wildcard."""
    for one in parts:
        if one is None or one in {"x", "X", "*"}:
            return
        yield one


def _next(parts: list[int]) -> Version:
    bumped = [*parts[:-1], parts[-1] + 1, 0, 0]
    return Version(bumped[0], bumped[1], bumped[2])


def _narrowed(one: Interval, other: Interval) -> Interval:
    """What both allow. Where the ends cross, nothing is left and `low` > `high`."""
    low, with_low = max(
        ((i.low, i.with_low) for i in (one, other) if i.low is not None), key=lambda e: (e[0], not e[1]), default=(None, True)
    )
    high, with_high = min(((i.high, i.with_high) for i in (one, other) if i.high is not None), default=(None, False))
    return Interval(low, high, with_low, with_high)


def contains(allowed: Iterable[Interval], one: Version) -> bool:
    """Whether a version lies in one of the intervals."""
    return can_meet([Interval(one, one, with_high=True)], allowed)


def can_meet(some: Iterable[Interval], others: Iterable[Interval]) -> bool:
    """Whether a version can lie in an interval of both."""
    listed = list(others)
    for one in some:
        for other in listed:
            both = _narrowed(one, other)
            if both.low is None or both.high is None or both.low < both.high:
                return True
            if both.low == both.high and both.with_low and both.with_high:
                return True
    return False
