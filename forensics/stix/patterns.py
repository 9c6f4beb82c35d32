"""STIX patterns: which addresses, domains and files a pattern accuses, read from its grammar."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

__all__ = ["Accusation", "accusations", "is_single"]

_LENGTH = 65_536  # characters of one pattern
_NESTING = 64  # parentheses within parentheses

# One comparison and nothing else, as nearly all feeds write it: needs no grammar
_SINGLE = re.compile(r"\s*\[\s*([a-z][\w-]{0,60}:[\w.'\[\]*-]{1,120})\s*(=)\s*('(?:[^'\\]|\\.){0,2000}')\s*\]\s*")
# Every literal is closed, and of bounded length: the grammar's lexer takes the square of what is left open
_CLOSED = re.compile(r"(?:[^']++|'(?:[^'\\]|\\.){0,2000}+')*+", re.DOTALL)
_PATH = re.compile(
    r"email-addr:(?P<address>value)|domain-name:(?P<domain>value)|file:hashes\.(?P<hash>'?SHA-?256'?)"
    r"|email-message:(?:(?P<hidden>bcc_refs)|(?P<shown>to_refs|cc_refs)|(?P<sender>from_ref|sender_ref))(?:\[(?:\*|\d+)\])?\.value"
)
_JOINTS = {"ObservationExpressionsContext", "ObservationExpressionAndContext", "ComparisonExpressionAndContext"}


class Accusation(NamedTuple):
    """What a pattern or an observation names: kind "address", "domain" or "hash", and the value as written."""

    kind: str
    value: str


class _Comparison(NamedTuple):
    """One comparison: the path's text, its operator ("=", "IN", "LIKE", ...), literals, and the conjunction that it is part of."""

    path: str
    operator: str
    negated: bool
    values: tuple[str, ...]
    joined: int  # -1: it accuses by itself

    @property
    def role(self) -> str:
        """What the path speaks of: address, domain, hash, hidden, shown, sender; "" for what names no recipient."""
        found = _PATH.fullmatch(self.path)
        return next((name for name, text in found.groupdict().items() if text), "") if found else ""


def is_single(pattern: str) -> bool:
    """Whether a pattern is one comparison, which costs next to nothing; all others go through the grammar, at 40 s for a megabyte."""
    return len(pattern) <= _LENGTH and _SINGLE.fullmatch(pattern) is not None


def accusations(pattern: str, remarks: Counter[str]) -> list[Accusation]:
    """What a pattern accuses; a remark is counted for everything in it that was not used. Never raises.

    Alternatives (OR) accuse each by itself. Of what AND and FOLLOWEDBY join each part is taken by itself, which is broader and
    remarked; but of one mail's correspondents only the hidden recipient accuses, because sender and addressees may be victims.
    STIX 2.1, section 9.
    """
    comparisons = _comparisons(pattern, remarks)
    dropped = _victims(comparisons, remarks)
    found: list[Accusation] = []
    for at, one in enumerate(comparisons):
        if at in dropped:
            continue
        if one.negated:
            remarks["comparisons are negated, which accuses nobody"] += 1
        elif not one.role:
            kind = one.path.partition(":")[0]
            remarks[f"comparisons of {kind} name no recipient" if len(kind) <= 40 else "comparisons name no recipient"] += 1  # noqa: PLR2004  as long as names of kinds are
        else:
            found += _accused(one, remarks)
    if found and any(one.joined >= 0 for one in comparisons):
        remarks["patterns join conditions (AND, FOLLOWEDBY): each was taken by itself, which is broader"] += 1
    return found


def _victims(comparisons: Sequence[_Comparison], remarks: Counter[str]) -> set[int]:
    """Places of comparisons that name a mail's visible correspondents in a conjunction that does not say who is guilty."""
    dropped: set[int] = set()
    for group in {one.joined for one in comparisons if one.joined >= 0}:
        roles = {one.role for one in comparisons if one.joined == group and not one.negated}
        if "hidden" in roles or {"shown", "sender"} <= roles:
            dropped |= {at for at, one in enumerate(comparisons) if one.joined == group and one.role in {"shown", "sender"}}
    if dropped:
        remarks["senders and addressees in one pattern with other recipients may be victims, and were not taken"] += len(dropped)
    return dropped


def _accused(one: _Comparison, remarks: Counter[str]) -> Iterator[Accusation]:
    kind = one.role if one.role in {"domain", "hash"} else "address"
    if one.operator in {"=", "IN"}:
        yield from (Accusation(kind, value) for value in one.values)
    elif one.operator == "LIKE" and kind != "hash":
        for value in one.values:
            domain = re.fullmatch(r"%(?:@|\.)([^%_]{1,255})", value)
            if domain:
                yield Accusation("domain", domain[1])
            elif "%" in value or "_" in value:
                remarks["comparisons with LIKE have wildcards elsewhere than before a domain"] += 1
            else:
                yield Accusation(kind, value)
    else:
        remarks["comparisons use an operator other than =, IN and LIKE"] += 1


def _comparisons(pattern: str, remarks: Counter[str]) -> list[_Comparison]:
    single = _SINGLE.fullmatch(pattern) if len(pattern) <= _LENGTH else None
    if single:
        path, operator, literal = single.groups()
        return [_Comparison(path, operator, negated=False, values=(_literal(literal),), joined=-1)]
    if len(pattern) > _LENGTH or pattern.count("(") > _NESTING + pattern.count(" IN"):
        remarks["patterns are too long or too deeply nested"] += 1
        return []
    if not _CLOSED.fullmatch(pattern):
        remarks["patterns have a literal that is not closed, or too long"] += 1
        return []
    try:
        tree = importlib.import_module("stix2patterns.v21.pattern").Pattern(pattern).visit(_Whole())
        return list(_walk(tree))
    except ImportError:
        remarks["patterns need the package stix2-patterns, which is not installed: install forensics[stix]"] += 1
    except Exception:  # noqa: BLE001  the grammar's own errors, and whatever a hostile pattern makes of it
        remarks["patterns do not follow the grammar of STIX 2.1"] += 1
    return []


class _Whole:
    """A visitor that takes the parse tree as it is: stix2's own object model forgets NOT."""

    def visit(self, tree: Any) -> Any:  # noqa: ANN401  the library has no types
        """The tree."""
        return tree


def _walk(tree: Any) -> Iterator[_Comparison]:  # noqa: ANN401  the library has no types
    """Comparisons in their order. A work list instead of recursion: a chain of OR is as deep as it is long."""
    pending, groups = [(tree, -1)], 0
    while pending:
        node, joined = pending.pop()
        children = getattr(node, "children", None) or []
        name = type(node).__name__
        if name in _JOINTS and len(children) > 1 and joined < 0:
            joined, groups = groups, groups + 1
        if name.startswith("PropTest") and name != "PropTestParenContext":
            yield _comparison(children, joined)
        else:
            pending += [(child, joined) for child in reversed(children)]


def _comparison(children: Sequence[Any], joined: int) -> _Comparison:
    if not hasattr(children[0], "getText") or len(children) < 3:  # noqa: PLR2004  path, operator, value
        return _Comparison("", "", negated=True, values=(), joined=joined)
    words = [child.getText() for child in children[1:-1]]
    last = children[-1]
    listed = (
        [one for one in last.getChildren() if one.getText() not in {"(", ",", ")"}] if "Set" in type(last).__name__ else [last]
    )
    operator = "=" if words[-1] == "==" else words[-1]
    return _Comparison(
        path=children[0].getText(),
        operator="=" if operator in {"!=", "<>"} else operator,
        negated="NOT" in words or operator in {"!=", "<>"},
        values=tuple(_literal(one.getText()) for one in listed),
        joined=joined,
    )


def _literal(text: str) -> str:
    """A literal without its quotes and escapes (section 9.4)."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if len(text) > 1 and text[0] == text[-1] == "'" else text
