"""A keyword of a rule stands in every text that its pattern fits, else the rule sleeps where it should speak."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from forensics.leaks import load_rules
from forensics.leaks.ruleset import Basis, Rule, fold
from forensics.leaks.syntax import Boundary, Chars, Choice, Node, Repetition, Sequence, UnreadablePatternError, parsed

_FEW = 2_000  # spellings that are written out
_ALIKE = 8  # characters that may stand at one place
RULES = [rule for rule in load_rules().rules if rule.keywords and not rule.near and rule.basis is not Basis.URL]
# What cannot be shown of these by writing spellings out, or is left asleep where a word is too frequent to wake a rule ("St.", "ring at")
UNPROVEN = frozenset({
    "account-and-sort-code", "birth-date", "confidential-phrase", "confidential-words", "criminal", "criminal-said",
    "discord-bot-token", "door-code-told", "driving-licence", "health-field", "health-said", "keyed-connection-string",
    "minor", "name-called", "name-doing", "name-greeting", "name-role", "name-title", "nats-seed", "one-time-code",
    "one-time-code-ahead", "one-time-code-bare", "one-time-code-behind", "one-time-code-close", "one-time-code-first",
    "one-time-code-leads-east", "one-time-code-named", "one-time-code-short", "one-time-code-use", "one-time-code-yours", "oracle-connect",
    "passport-mrz", "password-bare", "password-behind", "password-column", "password-labelled", "password-said",
    "password-soon", "password-tag", "password-told", "password-value-first", "pay-of-person", "phone-near",
    "pin-or-door-code", "pkcs12-base64", "postal-address", "salary", "sign-in-with", "special-member", "special-said",
    "twilio-sid-and-token", "user-and-password", "wallet-key", "wifi-bare", "wifi-network",
})  # fmt: skip


def spellings(node: Node) -> set[str] | None:
    """Every text that a pattern fits, folded; None if they are many."""
    if isinstance(node, Boundary):
        return {""}
    if isinstance(node, Chars):
        letters = {_plain(one) for one in (*node.ascii, *node.others)}
        return None if node.wide or len(letters) > _ALIKE else letters
    if isinstance(node, Choice):
        every = [spellings(one) for one in node.branches]
        found = None if None in every else set().union(*(one or () for one in every))
        return found if found is not None and len(found) <= _FEW else None
    if isinstance(node, Sequence):
        return _joined([spellings(one) for one in node.items])
    inner = spellings(node.item)
    if inner is None or node.most is None or node.most > 2:
        return None
    return set().union(*(_joined([inner] * times) or () for times in range(node.least, node.most + 1)))


def _plain(letter: str) -> str:
    """As people write it, of letters that differ by case only: no long s, no Kelvin sign, no rounded Cyrillic."""
    capital = letter.upper()
    return fold(capital if len(capital) == 1 and letter != "ı" else letter)


def _joined(parts: list[set[str] | None]) -> set[str] | None:
    texts = {""}
    for part in parts:
        if part is None or len(texts) * len(part) > _FEW:
            return None
        texts = {before + after for before, after in product(texts, part)}
    return texts


def is_woken(node: Node, holds: Callable[[str], bool]) -> bool:
    """Whether every text that fits a pattern holds a keyword, as far as spellings tell."""
    if isinstance(node, Choice):
        return all(is_woken(one, holds) for one in node.branches)
    if isinstance(node, Repetition):
        return node.least > 0 and is_woken(node.item, holds)
    if not isinstance(node, Sequence):
        return all(map(holds, spellings(node) or {""}))
    return any(is_woken(one, holds) for one in node.items) or _is_said_in_a_row(node, holds)


def _is_said_in_a_row(node: Sequence, holds: Callable[[str], bool]) -> bool:
    row: set[str] = {""}
    for part in [*map(spellings, node.items), None]:
        longer = _joined([row, part])
        if longer is None:
            if all(map(holds, row)):
                return True
            longer = part if part is not None else {""}
        row = longer
    return False


def _sleeps(rule: Rule) -> bool:
    try:
        return not is_woken(parsed(rule.source), lambda text: any(word in text for word in rule.keywords))
    except UnreadablePatternError:
        return True


def test_every_word_of_a_pattern_wakes_its_rule() -> None:
    assert {rule.id for rule in RULES if _sleeps(rule)} == UNPROVEN


@pytest.mark.parametrize(
    ("source", "woken"),
    [
        ("(?i)(?:alarm|door)[ -]code", True), ("(?i)(?:alarm|door)[ -]?code", True), ("(?i)(?:alarm|gate)[ ]code", False), ("(?i)(?:door)?[ ]code", False),
        (r"(?i)\p{L}{1,9}[ ]door", True), ("(?i)(?:door){0,3}", False), ("(?i)(?:al){2}im", False), ("(?i)(?:al){2}arm", True), ("(?i)doo(?=r)r", True),
    ],
)  # fmt: skip
def test_what_wakes_a_rule_is_told(source: str, woken: bool) -> None:
    assert is_woken(parsed(source), lambda text: "alarm" in text or "door" in text) is woken
