"""Rules tried on their own examples."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from forensics.leaks.ruleset import Basis, Rule, Ruleset, fold
from forensics.leaks.search import rule_hits

__all__ = ["disproofs"]


def disproofs(rules: Ruleset) -> list[str]:
    """Every example that a rule does not find exactly, and every counter-example in which it finds something; empty is good.

    Shows rule ids and the number of the example, no text: a user's examples may be real.
    """
    return [f"rule {rule.id}: {problem}" for rule in rules.rules for problem in _rule_disproofs(rule)]


def _rule_disproofs(rule: Rule) -> Iterator[str]:
    try:
        groups = rule.pattern.groupindex
    except regex.error as error:
        yield f"pattern: {error.msg} at {error.pos}"
        return
    if "secret" not in groups:
        yield "pattern has no group named secret"
        return
    for number, example in enumerate(rule.examples, 1):
        if tuple(example.text[hit.start : hit.end] for hit in rule_hits(rule, example.text)) != example.secrets:
            yield f"example {number} is not found as marked"
        if not _is_let_through(rule, fold(example.text)):
            yield f"example {number} has none of the keywords"
    for number, example in enumerate(rule.counter_examples, 1):
        if rule_hits(rule, example.text):
            yield f"counter-example {number} is found"


def _is_let_through(rule: Rule, folded: str) -> bool:
    """Whether the prefilter lets the rule see this text; links are decoded first, their keywords may be hidden."""
    if rule.basis is Basis.URL:
        return "://" in folded or "www." in folded
    return any(keyword in folded for keyword in rule.keywords) or bool(rule.gate and regex.search(rule.gate, folded))
