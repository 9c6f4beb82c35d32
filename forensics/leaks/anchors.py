"""What every fit of a pattern begins with: an expression for the search engine, and where the fit then starts.

An anchor is wider than its pattern, never narrower: each fit that starts at `s` holds a fit of the expression that ends, in
characters, between `s + least` and `s + most`. Bytes are UTF-8; a character beyond ASCII is any run of high bytes where a set
is open, so that the expression needs no notion of Unicode.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from forensics.leaks.syntax import (
    Boundary,
    Chars,
    Choice,
    Node,
    Repetition,
    Sequence,
    UnreadablePatternError,
    longest,
    parsed,
    shortest,
    widest,
)
from forensics.leaks.writing import in_bytes, in_text

__all__ = ["Anchor", "anchored", "lead", "link_expression", "word_expression"]

_ENOUGH = (64.0, 44.0, 30.0)  # bits that an expression should tell apart; less where the engine finds it too large
_WEAK = 12.0  # bits under which an anchor would be met on every line
_LEAD = 11.0  # bits of the pattern that say where a fit may start
_SAID = 18.0  # bits after which a long open part ends the head
_LIST = 12  # words to choose from: what follows them makes the engine slow, and rejects little
_WORD = 16.0  # bits of three letters in any case
_STRETCH = 300  # characters that are long
_OPEN = 1.5  # bits under which a part fits nearly anything
_RUN = 24  # characters of a run that are asked for; longer ones say little more
_RARE = 3  # characters of a literal that the engine likes
_SAME = 4  # characters that may stand at one place of a literal: cases and accents
_WAYS = 12
_VAGUE = 3  # places at which a fit may begin, seen from one end, that are worth more expressions
_MOST_LEVELS = 30  # expressions of one beginning
_SWELLING = 1.5  # times the size that they may take together
_LONGEST = 15_000  # characters of an expression; the engine takes a few more
_FARTHEST = 4096  # characters between start and end of what an anchor fits; beyond, whole texts are walked


@dataclass(frozen=True, slots=True)
class Anchor:
    """An expression on bytes, and the distance of its end from the start of a fit, in characters."""

    expression: bytes
    least: int
    most: int
    literal: int  # characters of the literal in it; without one the engine is slow
    is_solid: bool = False  # no blank and no line end stands between the start of a fit and this end


def anchored(source: str, effort: int = 0, *, given: bool = False) -> tuple[Anchor, ...]:
    """The anchors of a verbose pattern: each fit begins as one of them says. Empty if it has nothing rare to search for.

    Higher `effort` gives shorter expressions. `given`: a person wrote it to be searched for, however little it says.
    """
    try:
        tree = parsed(source)
    except UnreadablePatternError:
        return ()
    found = []
    pending = _ways(tree)
    while pending:
        way = pending.pop(0)
        made: list[Anchor] = []
        dropped, rest = _from_literal(way)
        whole = _cut(_head(rest, _ENOUGH[effort], is_given=given))
        if _bits(whole) < _WEAK and not given:
            return ()
        before = _last(dropped)
        for head in _levels(whole):
            most = longest(Sequence((dropped, head)))
            if most is None or most > _FARTHEST:
                return ()
            least = shortest(Sequence((dropped, _without_last_open(head))))
            expression = in_bytes(Sequence((before, head)) if before else head, opens=before is None)
            if len(expression) > _LONGEST and (halves := _halved(way)):
                pending = halves + pending
                break
            made.append(Anchor(expression, least, most, _literal(head), _is_solid(Sequence((dropped, head)))))
        else:
            found += made
    return tuple(found)


def lead(source: str) -> tuple[str, int]:
    """For `re`: a pattern without length for every place where a verbose pattern may begin to fit, and how far it looks."""
    try:
        tree = parsed(source)
    except UnreadablePatternError:
        return "", 0
    taken: list[Node] = []
    reach = 0
    for item in _flat(_head(tree, _LEAD)):
        size = longest(item)
        if size is None or reach + size > _STRETCH:
            taken.append(_first(item))
            return f"(?={in_text(Sequence(tuple(taken)), opens=True)})", reach + 1
        taken.append(item)
        reach += size
    return f"(?={in_text(Sequence(tuple(taken)), opens=True)})", reach


def word_expression(words: Iterable[str]) -> bytes:
    """Any of these words as `ruleset.fold` sees them, in every case of every letter."""
    return in_bytes(parsed("(?i)" + _any_of(words)), opens=False)


def link_expression(words: Iterable[str]) -> bytes:
    """A link with one of these words, or one that does not read as it is written: see `links.readings`."""
    inside = rf"(?:://|www\.)[^\s<>\"]*(?:%|https?:|pstmrk\.it|urldefense|{_any_of(words)})"
    return in_bytes(parsed(f"(?i)(?:{inside}|hxxp)"), opens=False)


def _any_of(words: Iterable[str]) -> str:
    # a dotted capital I that was typed as two characters is folded to a plain one, too
    return "|".join(re.escape(word).replace("i", "(?:i\u0307?)") for word in sorted(words))


# --------------------------------------------------------------------------------------------------------- beginnings


def _ways(tree: Node) -> list[Node]:
    """The tree; or, branch by branch, what its first choice leaves, if that gives most of them a literal to begin with."""
    pending: list[Node] = [tree]
    done: list[Node] = []
    while pending:
        items = _flat(pending.pop())
        choices = [place for place, one in enumerate(items) if not isinstance(one, Boundary)][:1]
        if choices and isinstance(first := items[choices[0]], Choice) and _literal(first) < _RARE:
            branches = [Sequence((*items[: choices[0]], one, *items[choices[0] + 1 :])) for one in first.branches]
            if len(branches) + len(pending) + len(done) <= _WAYS:
                pending += reversed(branches)
                continue
        done.append(Sequence(tuple(items)))
    with_literal = sum(_literal(_from_literal(way)[1]) >= _RARE for way in done)
    return done if 2 * with_literal > len(done) else [tree]


def _levels(head: Node) -> list[Node]:
    """The same as several whose ends say better where they begin: choices between things of unlike length are parted by length.

    Only where little has to be written twice for it: what the engine compiles must not swell.
    """
    pending: list[Node] = [head]
    done: list[Node] = []
    while pending:
        one = pending.pop()
        most = longest(one)
        is_vague = most is None or most - shortest(one) >= _VAGUE
        parts = _by_length(one) if is_vague and len(pending) + len(done) < _MOST_LEVELS else []
        if parts:
            pending += reversed(parts)
        else:
            done.append(one)
    is_lean = sum(map(_size, done)) <= _SWELLING * _size(head)
    return done if is_lean else [head]


def _size(node: Node) -> int:
    return len(in_bytes(node, opens=False))


def _by_length(head: Node) -> list[Node]:
    """One for each length of its first choice between unlike ones; empty if it has none."""
    items = _flat(head)
    for place, one in enumerate(items):
        if isinstance(one, Choice):
            alike: dict[tuple[int, int | None], list[Node]] = {}
            for branch in _branches(one):
                alike.setdefault((shortest(branch), longest(branch)), []).append(branch)
            if len(alike) > 1:
                chosen = [same[0] if len(same) == 1 else Choice(tuple(same)) for same in alike.values()]
                return [Sequence((*items[:place], same, *items[place + 1 :])) for same in chosen]
    return []


def _branches(choice: Choice) -> Iterator[Node]:
    """Its branches, and in place of one that is a choice itself, those of that."""
    for branch in choice.branches:
        match _flat(branch):
            case [Choice() as inner]:
                yield from _branches(inner)
            case _:
                yield branch


def _halved(way: Node) -> list[Node]:
    """The same as two: one with each half of its first choice; empty if it has none."""
    items = _flat(way)
    for place, one in enumerate(items):
        if isinstance(one, Choice) and len(one.branches) > 1:
            middle = len(one.branches) // 2
            halves = [half[0] if len(half) == 1 else Choice(half) for half in (one.branches[:middle], one.branches[middle:])]
            return [Sequence((*items[:place], half, *items[place + 1 :])) for half in halves]
    return []


def _from_literal(way: Node) -> tuple[Node, Node]:
    """What stands before the first literal, and the rest: the engine is fast on what begins with one.

    Where there is none, at least what fits nearly anything is left out at the start.
    """
    items = _flat(way)
    for rare, enough in ((_RARE, _SAID), (0, _SAID), (0, _WEAK)):
        for place in range(len(items)):
            rest = Sequence(tuple(items[place:]))
            is_start = _opening_literal(rest) >= rare if rare else _bits(items[place]) >= _OPEN
            if is_start and _bits(_head(rest, _ENOUGH[0])) >= enough:
                while not rare and place and isinstance(items[place - 1], Boundary):
                    place -= 1  # noqa: PLW2901  a boundary right before it costs the engine little
                return Sequence(tuple(items[:place])), Sequence(tuple(items[place:]))
    return Sequence(()), Sequence(tuple(items))


def _literal(node: Node) -> int:
    """Characters of the longest literal that each fit holds, about."""
    if isinstance(node, Chars):
        return int(_is_letter(node))
    if isinstance(node, Boundary):
        return 0
    if isinstance(node, Choice):
        return min(map(_literal, node.branches))
    if isinstance(node, Repetition):
        return (
            0 if node.least == 0 else node.least if _literal(node.item) and isinstance(node.item, Chars) else _literal(node.item)
        )
    best = run = 0
    for item in _flat(node):
        run = run + 1 if isinstance(item, Chars) and _is_letter(item) else 0
        best = max(best, run, _literal(item))
    return best


def _opening_literal(node: Node) -> int:
    """As `_literal`, of the very beginning."""
    if not isinstance(node, Sequence):
        return _literal(node)
    run = 0
    for item in _flat(node):
        if isinstance(item, Boundary):
            continue
        if not (isinstance(item, Chars) and _is_letter(item)):
            return max(run, _literal(item)) if not run else run + (_literal(item) if isinstance(item, Choice) else 0)
        run += 1
    return run


def _is_letter(one: Chars) -> bool:
    return len(one.ascii) + len(one.others) <= _SAME and not one.wide


def _is_solid(node: Node) -> bool:
    """Whether no fit holds a blank or a line end."""
    if isinstance(node, Chars):
        return not node.ascii & {" ", "\n"}
    if isinstance(node, Boundary):
        return True
    if isinstance(node, Repetition):
        return node.most == 0 or _is_solid(node.item)
    return all(_is_solid(one) for one in (node.items if isinstance(node, Sequence) else node.branches))


def _last(node: Node) -> Chars | None:
    """The characters with which a fit may end, as one set; None if it may be empty."""
    if isinstance(node, Chars):
        return node
    if isinstance(node, Boundary):
        return None
    if isinstance(node, Repetition):
        return _last(node.item) if node.least else None
    if isinstance(node, Choice):
        sets = [_last(branch) for branch in node.branches]
        return None if None in sets else widest(*(one for one in sets if one is not None))
    seen: list[Chars] = []
    for item in reversed(node.items):
        own = _last(item)
        if own is not None:
            return widest(own, *seen)
        if not isinstance(item, Boundary):
            inner = _last(item.item) if isinstance(item, Repetition) else None
            if inner is None:
                return None
            seen.append(inner)
    return None


# ------------------------------------------------------------------------------------------------------------ measures


def _bits(node: Node) -> float:
    """How much a fit says at the least: chance would need 2 to the power of it characters."""
    if isinstance(node, Chars):
        shown = sum(char.isprintable() for char in node.ascii) + min(len(node.others), 5) + (60 if node.wide else 0)
        return max(0.0, math.log2(100 / max(shown, 1)))
    if isinstance(node, Boundary):
        return 0.0
    if isinstance(node, Sequence):
        return sum(map(_bits, node.items))
    if isinstance(node, Choice):
        return min(map(_bits, node.branches))
    return node.least * _bits(node.item)


# --------------------------------------------------------------------------------------------------------------- heads


def _flat(node: Node) -> list[Node]:
    if not isinstance(node, Sequence):
        return [node]
    return [inner for one in node.items for inner in _flat(one)]


def _head(node: Node, enough: float, *, is_given: bool = False) -> Node:
    """The beginning that tells enough apart: whatever the pattern fits begins with a fit of it."""
    return _shortened(node, enough, is_given=is_given)[0]


def _shortened(node: Node, enough: float, *, is_given: bool) -> tuple[Node, bool]:
    """As `_head`, and whether something was left out, so that nothing may follow."""
    taken: list[Node] = []
    said = 0.0
    for one in _flat(node):
        if said >= enough:
            return Sequence(tuple(taken)), True
        left = enough - said
        if isinstance(one, Choice):
            if _bits(one) >= left:  # else something is to follow: all branches stay whole
                taken.append(Choice(tuple(_head(branch, left) for branch in one.branches)))
                return Sequence(tuple(taken)), True
            taken.append(one)
            if not is_given and len(one.branches) >= _LIST and said + _bits(one) >= _WORD:
                return Sequence(tuple(taken)), True
        elif isinstance(one, Repetition) and (least := _enough_of(one, left, is_last=said >= _SAID)) is not None:
            if least:
                taken.append(Repetition(one.item, least, least))
            return Sequence(tuple(taken)), True
        else:
            taken.append(one)
        said += _bits(one)
    return Sequence(tuple(taken)), False


def _enough_of(one: Repetition, left: float, *, is_last: bool) -> int | None:
    """How often to ask for it at the end of a head; None if it is to be taken whole and more after it."""
    each = _bits(one.item)
    if one.least > 1 and (each * one.least > left > 0 or one.least > _RUN):
        return min(one.least, _RUN, math.ceil(left / each) if each else _RUN)
    if is_last and ((most := longest(one)) is None or most > _STRETCH):
        return one.least
    return None


def _cut(node: Node) -> Node:
    """Without what may be left out at the end: the engine reports every end, and one is enough."""
    if isinstance(node, Chars | Boundary):
        return node
    if isinstance(node, Repetition):
        if node.least == 0:
            return Sequence(())
        last = _cut(node.item)
        return last if node.least == 1 else Sequence((Repetition(node.item, node.least - 1, node.least - 1), last))
    if isinstance(node, Choice):
        cut = tuple(_cut(branch) for branch in node.branches)
        return Sequence(()) if any(longest(branch) == 0 for branch in cut) else Choice(cut)
    items = list(node.items)
    while items:
        last = _cut(items.pop())
        if longest(last) != 0:
            return Sequence((*items, last))
    return Sequence(())


def _without_last_open(node: Node) -> Node:
    """Without the last part if its characters may have several bytes: the engine may report one before its end."""
    items = _flat(node)
    while items and _is_open(items[-1]):
        items.pop()
    return Sequence(tuple(items))


def _is_open(node: Node) -> bool:
    if isinstance(node, Chars):
        return node.wide
    if isinstance(node, Boundary):
        return False
    if isinstance(node, Repetition):
        return _is_open(node.item)
    return any(_is_open(one) for one in (node.items if isinstance(node, Sequence) else node.branches))


def _first(node: Node) -> Node:
    """The characters with which a fit may begin, as one set."""
    found, is_empty = _firsts(node)
    return Sequence(()) if is_empty or not found else widest(*found)


def _firsts(node: Node) -> tuple[list[Chars], bool]:
    """Sets of possible first characters, and whether a fit may be empty."""
    if isinstance(node, Chars):
        return [node], False
    if isinstance(node, Boundary):
        return [], True
    if isinstance(node, Repetition):
        found, is_empty = _firsts(node.item)
        return found, is_empty or node.least == 0
    if isinstance(node, Choice):
        each = [_firsts(branch) for branch in node.branches]
        return [one for found, _ in each for one in found], any(is_empty for _, is_empty in each)
    sets: list[Chars] = []
    for item in node.items:
        found, is_empty = _firsts(item)
        sets += found
        if not is_empty:
            return sets, False
    return sets, True
