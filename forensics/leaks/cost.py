"""What each rule costs on given texts, so that a dear one is seen before it is shipped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from forensics.leaks.database import compile_rules
from forensics.leaks.engine import Indexed
from forensics.leaks.ruleset import Rule, Ruleset, indexed
from forensics.leaks.search import hits_of

__all__ = ["RuleCost", "rule_costs"]


@dataclass(frozen=True, slots=True)
class RuleCost:
    """One rule on a corpus: processor seconds of its search and of its trials, places that were tried, and findings."""

    rule: str
    search: float
    trial: float
    places: int
    findings: int


def rule_costs(rules: Ruleset, texts: Sequence[str]) -> list[RuleCost]:
    """Each rule alone on these texts, dearest first. Needs the search engine.

    The sum is more than all rules together cost: the engine shares what they have in common.
    """
    costs = [_cost(rule, texts) for rule in rules.rules]
    return sorted(costs, key=lambda one: (-one.search - one.trial, one.rule))


def _cost(rule: Rule, texts: Sequence[str]) -> RuleCost:
    alone = indexed((rule,), "")
    engine = Indexed(alone, compile_rules(alone))
    started = time.process_time()
    places = sum(engine.count_work(text).reports for text in texts)
    search = time.process_time() - started
    findings = sum(len(hits) for hits, _ in hits_of(texts, alone, engine=engine))
    trial = max(0.0, time.process_time() - started - 2 * search)  # `hits_of` searches again
    return RuleCost(rule.id, search, trial, places, findings)
