"""What a pattern can fit: the syntax of `regex` read into a small tree, wider than the pattern where it must be.

Look-arounds, conditions and possessiveness only ever forbid; leaving them out gives a tree that fits whatever the pattern fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import regex

__all__ = [
    "ANY", "ODD_LETTERS", "Boundary", "Chars", "Choice", "Node", "Repetition", "Sequence", "UnreadablePatternError", "longest", "parsed",
    "shortest", "widest",
]  # fmt: skip

# Letters beyond ASCII that are the same as an ASCII one where case is ignored. They are replaced before the search, one for one.
ODD_LETTERS = {"\u0131": "i", "\u0130": "i", "\u017f": "s", "\u212a": "k"}

_MOST_NESTED = 60
_SAMPLED = 0x3000  # of a sort with few characters up to here, all are looked for
_FEW = 600
_ASCII = [chr(code) for code in range(128)]


class UnreadablePatternError(ValueError):
    """A pattern uses something that has no wider form here, such as recursion."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character: of these ASCII ones, of these others, or, if `wide`, any other."""

    ascii: frozenset[str]
    others: frozenset[str] = frozenset()
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Boundary:
    """No character: what stands before is the text's start, one of these ASCII characters, or, if `wide`, any other."""

    before: frozenset[str]
    wide: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other; an empty one fits nothing's length."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any of these."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repetition:
    """So many times in a row; `most` None is without end."""

    item: Node
    least: int
    most: int | None


Node = Chars | Boundary | Sequence | Choice | Repetition

ANY = Chars(frozenset(_ASCII), wide=True)


def widest(*sets: Chars) -> Chars:
    """One set for any of these characters."""
    return Chars(
        frozenset().union(*(one.ascii for one in sets)),
        frozenset().union(*(one.others for one in sets)),
        any(one.wide for one in sets),
    )


def parsed(source: str) -> Node:
    """The tree of a verbose pattern. Raises UnreadablePatternError; a pattern that `regex` refuses gives anything."""
    flags = "".join(found.group(1) for found in regex.finditer(r"\(\?([imsxa]+)\)", source))
    reader = _Reader(source, frozenset(flags) | {"x"})
    node = reader.choice(0)
    if reader.at < len(source):
        raise UnreadablePatternError("a bracket too many")
    return node


@lru_cache(maxsize=1)
def _case_variants() -> dict[str, str]:
    """Per letter the others that some case mapping of Unicode ties to it, straight or through a third one."""
    ties: dict[str, set[str]] = {}
    for code in range(0x1E944):
        char = chr(code)
        for other in {char.lower(), char.upper(), char.title(), char.casefold()} - {char}:
            for letter in other:  # "İ".lower() has two
                ties.setdefault(letter, set()).add(char)
                ties.setdefault(char, set()).add(letter)
    return {char: "".join(near | {far for one in near for far in ties.get(one, ())}) for char, near in ties.items()}


@lru_cache(maxsize=4096)
def _members(token: str, ignore_case: bool, explicit: str) -> Chars:
    """The characters that one token of a pattern fits, as `regex` itself says."""
    try:
        one = regex.compile(token, regex.IGNORECASE if ignore_case else 0)
    except regex.error as error:
        raise UnreadablePatternError(str(error)) from None
    others = {char for char in explicit if ord(char) > 127}  # noqa: PLR2004  the end of ASCII
    if ignore_case:
        variants = _case_variants()
        seen = set(explicit) | {char for char in _ASCII if char.isalpha() and one.fullmatch(char)}
        others |= {other for char in seen for other in variants.get(char, "") if ord(other) > 127}  # noqa: PLR2004  as above
    return _straightened(one, frozenset(char for char in others if one.fullmatch(char)), wide=False)


def _straightened(one: regex.Pattern[str], others: frozenset[str], *, wide: bool) -> Chars:
    """The set with its odd letters as the ASCII ones that stand for them in what is searched."""
    plain = {char for char in _ASCII if one.fullmatch(char)} | {like for odd, like in ODD_LETTERS.items() if one.fullmatch(odd)}
    return Chars(frozenset(plain), others - set(ODD_LETTERS), wide)


@lru_cache(maxsize=1024)
def _open_members(token: str, ignore_case: bool) -> Chars:
    """As `_members`, for a token that names characters by their sort: each of them where they are few, else `wide`."""
    try:
        one = regex.compile(token, regex.IGNORECASE if ignore_case else 0)
    except regex.error as error:
        raise UnreadablePatternError(str(error)) from None
    if len(one.findall(_beyond_ascii(_SAMPLED))) > _FEW:
        return _straightened(one, frozenset(), wide=True)
    return _straightened(one, frozenset(one.findall(_beyond_ascii(0x110000))), wide=False)


@lru_cache(maxsize=2)
def _beyond_ascii(end: int) -> str:
    return "".join(map(chr, range(128, end)))


_SIMPLE = {"n", "r", "t", "f", "v", "a", "0"}
_CLASSES = "dDwWsSh"
_ZERO_WIDTH = "bBmMAZz"
_COUNT = regex.compile(r"\{(\d{0,6})(,?)(\d{0,6})\}")
_GROUP = regex.compile(
    r"\(\?(?:P?<(?![=!])[^>]{1,64}>|P=(?P<back>\w+)\)|(?P<flags>[imsxau]*(?:-[imsx]+)?)(?P<end>[:)])|(?P<look><?[=!])|>|\|)"
)
_LONG_ESCAPE = regex.compile(
    r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[pP](?:\{[^}]{1,40}\}|\w)|N\{[^}]{1,80}\}|x\{[0-9A-Fa-f]{1,6}\})"
)


class _Reader:
    """One walk over a pattern; `at` is the next character, `flags` those in force."""

    def __init__(self, source: str, flags: frozenset[str]) -> None:
        self.source = source
        self.flags = flags
        self.at = 0

    def choice(self, depth: int) -> Node:
        """Branches up to the closing bracket or the end."""
        if depth > _MOST_NESTED:
            raise UnreadablePatternError("nested too deeply")
        branches = [self.sequence(depth)]
        while self.source.startswith("|", self.at):
            self.at += 1
            branches.append(self.sequence(depth))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def sequence(self, depth: int) -> Node:
        items: list[Node] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            if self._skipped():
                continue
            items.append(self._repeated(self._atom(depth)))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _skipped(self) -> bool:
        char = self.source[self.at]
        if "x" in self.flags and char.isspace():
            self.at += 1
            return True
        if "x" in self.flags and char == "#":
            self.at = self.source.find("\n", self.at) + 1 or len(self.source)
            return True
        if self.source.startswith("(?#", self.at):
            self.at = self.source.find(")", self.at) + 1 or len(self.source)
            return True
        return False

    def _repeated(self, node: Node) -> Node:
        while self.at < len(self.source):
            char = self.source[self.at]
            if "x" in self.flags and char.isspace():
                self.at += 1
                continue
            least, most = 1, None
            if char in "*+?":
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
                self.at += 1
            elif char == "{" and (count := _COUNT.match(self.source, self.at)) and count.group() not in {"{}", "{,}"}:
                least = int(count.group(1) or 0)
                most = least if not count.group(2) else int(count.group(3)) if count.group(3) else None
                self.at = count.end()
            else:
                break
            if self.source[self.at : self.at + 1] in {"?", "+"}:
                self.at += 1  # lazy or possessive: the same lengths, or fewer
            node = Repetition(node, least, most)
        return node

    def _atom(self, depth: int) -> Node:
        char = self.source[self.at]
        if char == "(":
            return self._group(depth)
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        self.at += 1
        if char == ".":
            return Chars(frozenset(_ASCII) - ({"\n"} if "s" not in self.flags else set()), wide=True)
        if char == "^":
            return Boundary(frozenset("\n" if "m" in self.flags else ""), wide=False)
        if char == "$":
            return Sequence(())
        return _members(regex.escape(char), "i" in self.flags, char)

    def _group(self, depth: int) -> Node:
        kept = self.flags
        opened = _GROUP.match(self.source, self.at)
        if opened is None:
            if self.source.startswith("(?", self.at):
                raise UnreadablePatternError("a group of an unknown sort")
            self.at += 1
            return self._closed(self.choice(depth + 1), kept)
        self.at = opened.end()
        if opened.group("back"):
            return Repetition(ANY, 0, None)
        if opened.group("end"):
            on, _, off = opened.group("flags").partition("-")
            self.flags = (self.flags | frozenset(on)) - frozenset(off)
            if opened.group("end") == ")":
                return Sequence(())
        inner = self._closed(self.choice(depth + 1), kept)
        if not opened.group("look"):
            return inner
        return _boundary(inner) if opened.group("look") == "<!" else Sequence(())

    def _closed(self, node: Node, flags: frozenset[str]) -> Node:
        if not self.source.startswith(")", self.at):
            raise UnreadablePatternError("a bracket is not closed")
        self.at += 1
        self.flags = flags
        return node

    def _class(self) -> Node:
        start = self.at
        self.at += 1 + self.source.startswith("^", self.at + 1)
        negated = self.at - start > 1
        explicit, wide, is_first = [], negated, True
        while self.at < len(self.source) and (is_first or self.source[self.at] != "]"):
            is_first = False
            if self.source[self.at] == "\\":
                long = _LONG_ESCAPE.match(self.source, self.at)
                wide |= self.source[self.at + 1 : self.at + 2] in set(_CLASSES + "pPNuUx")
                self.at = long.end() if long else self.at + 2
                continue
            if self.source.startswith("[:", self.at) and (close := self.source.find(":]", self.at)) > 0:
                wide, self.at = True, close + 2
                continue
            char = self.source[self.at]
            wide |= char == "-" and not self.source[self.at + 1 : self.at + 2].isascii()  # a range that ends beyond ASCII
            explicit.append(char)
            self.at += 1
        if self.at >= len(self.source):
            raise UnreadablePatternError("a set is not closed")
        self.at += 1
        token = self.source[start : self.at]
        return _open_members(token, "i" in self.flags) if wide else _members(token, "i" in self.flags, "".join(explicit))

    def _escape(self) -> Node:
        if long := _LONG_ESCAPE.match(self.source, self.at):
            self.at = long.end()
            return _open_members(long.group(), "i" in self.flags)
        char = self.source[self.at + 1 : self.at + 2]
        self.at += 2
        if char in _ZERO_WIDTH and char:
            return Sequence(())
        if char in _CLASSES and char:
            return _open_members(f"\\{char}", "i" in self.flags)
        if char.isdigit() and char != "0":
            return Repetition(ANY, 0, None)  # what a group took before
        if not char or (char.isascii() and char.isalpha() and char not in _SIMPLE):
            raise UnreadablePatternError("an escape of an unknown sort")
        return _members(f"\\{char}", "i" in self.flags, char)


def _boundary(inner: Node) -> Node:
    """What a negative look-behind on single characters leaves before; one on more says nothing here."""
    sets = list(_single_characters(inner))
    if not sets or any(one is None for one in sets):
        return Sequence(())
    # an ASCII letter that may stand for an odd one is allowed: the odd one may be
    forbidden = widest(*(one for one in sets if one is not None)).ascii - set(ODD_LETTERS.values())
    return Boundary(frozenset(_ASCII) - forbidden, wide=True)


def _single_characters(node: Node) -> Iterator[Chars | None]:
    if isinstance(node, Choice):
        for branch in node.branches:
            yield from _single_characters(branch)
    else:
        yield node if isinstance(node, Chars) else None


def shortest(node: Node) -> int:
    """Characters of the shortest fit."""
    if isinstance(node, Chars):
        return 1
    if isinstance(node, Boundary):
        return 0
    if isinstance(node, Sequence):
        return sum(map(shortest, node.items))
    if isinstance(node, Choice):
        return min(map(shortest, node.branches))
    return node.least * shortest(node.item)


def longest(node: Node) -> int | None:
    """Characters of the longest fit; None is without end."""
    if isinstance(node, Chars):
        return 1
    if isinstance(node, Boundary):
        return 0
    if isinstance(node, Repetition):
        item = longest(node.item)
        return 0 if item == 0 else None if item is None or node.most is None else node.most * item
    parts = [longest(one) for one in (node.items if isinstance(node, Sequence) else node.branches)]
    known = [one for one in parts if one is not None]
    if len(known) < len(parts):
        return None
    return sum(known) if isinstance(node, Sequence) else max(known, default=0)
