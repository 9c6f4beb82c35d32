"""The severity formula: the sheet's own examples, every input from both sides, and nothing set without a reason."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.incident import IncidentError
from forensics.policy import Policy
from forensics.severity import KEYS, NO_OVERRIDE, Override, Seen, SeverityError, assess, category_of


def _inputs(seen: Seen, override: Override = NO_OVERRIDE) -> dict[str, float]:
    return {one.name: one.value for one in assess(seen, override).inputs}


@pytest.mark.parametrize(
    ("kinds", "score", "level"),
    [
        ({"name", "postal_address"}, 1.75, "low"),
        ({"name", "bank_account"}, 3.75, "high"),
        ({"name", "health"}, 4.75, "very high"),
        ({"name", "passport"}, 2.75, "medium"),
    ],
)
def test_a_hidden_copy_to_one_mailbox_scores_as_the_method_says(kinds: set[str], score: float, level: str) -> None:
    found = assess(Seen(1, kinds, persons_low=1, persons_high=1, collectors=1, confirmed=1))
    assert (found.score, found.level) == (score, level)


@pytest.mark.parametrize(
    ("dpc", "ei", "level"),
    [(1, 0.25, "low"), (1, 1, "low"), (2, 0.5, "low"), (2, 0.75, "medium"), (3, 0.75, "high"), (4, 0.5, "medium"), (3, 1, "high"), (4, 0.75, "high"), (4, 1, "very high")],
)  # fmt: skip
def test_a_bound_belongs_to_the_level_above_it(dpc: float, ei: float, level: str) -> None:
    override = Override(dpc=dpc, ei=ei, cb_confidentiality=0.25, malicious=True, reason="r")
    assert assess(Seen(1), override).level == level


@pytest.mark.parametrize(("extra", "level"), [(0.0, "medium"), (0.25, "medium"), (0.5, "medium")])
def test_exactly_two_is_medium(extra: float, level: str) -> None:
    override = Override(dpc=2, ei=1, cb_confidentiality=extra, malicious=False, reason="r")
    assert assess(Seen(1), override).level == level


def test_without_an_exposed_message_there_is_nothing_to_assess() -> None:
    found = assess(Seen(0, {"health"}), Override(dpc=4, reason="r"))
    assert found.score is None
    assert found.inputs == ()
    assert "not assessed" in found.level


@pytest.mark.parametrize(
    ("kinds", "credentials", "dpc"),
    [
        (set(), set(), 1),
        ({"email_address"}, set(), 1),
        ({"confidential_marking"}, set(), 1),
        ({"something_new"}, set(), 1),
        ({"email_address", "salary"}, set(), 3),
        ({"minor"}, set(), 2),
        ({"email_address"}, {("password", "generic")}, 2),
        ({"email_address"}, {("api_key", "stripe")}, 3),
        ({"email_address"}, {("crypto_wallet", "generic")}, 3),
        ({"health"}, {("api_key", "stripe")}, 4),  # the highest stands
    ],
)
def test_credentials_inherit_what_they_open_and_the_highest_category_stands(
    kinds: set[str], credentials: set[tuple[str, str]], dpc: float
) -> None:
    seen = Seen(1, kinds, credentials, 1, 1, 1, 1)
    assert _inputs(seen)["dpc"] == dpc
    basis = next(one.basis for one in assess(seen).inputs if one.name == "dpc")
    assert ("Credentials count as what they open" in basis) == bool(credentials)


@pytest.mark.parametrize(
    ("kinds", "persons", "ei"), [({"name"}, 1, 1), ({"health", "email_address"}, 1, 0.75), (set(), 1, 0.75), (set(), 0, 0.25)]
)
def test_a_name_identifies_and_a_role_mailbox_hardly(kinds: set[str], persons: int, ei: float) -> None:
    assert _inputs(Seen(1, kinds, (), persons, persons, 1, 1))["ei"] == ei


@pytest.mark.parametrize(
    ("low", "high", "unread", "flag"),
    [(101, 101, 0, "yes"), (100, 100, 0, "no"), (100, 101, 0, "cannot tell"), (5, 5, 1, "cannot tell"), (101, 200, 1, "yes")],
)
def test_the_flag_of_many_persons_says_no_only_where_nothing_is_open(low: int, high: int, unread: int, flag: str) -> None:
    assert assess(Seen(9, (), (), low, high, 1, 1, unread)).flags["more_than_100_persons"] == flag


def test_an_override_shows_what_it_replaced_and_why() -> None:
    found = assess(Seen(1, {"name"}, (), 1, 1, 1, 0), Override(malicious=False, reason="a slip of the keyboard"))
    (one,) = [one for one in found.inputs if one.origin == "policy"]
    assert (one.name, one.value, one.derived, one.basis) == ("cb_malicious", 0.0, 0.5, "a slip of the keyboard")
    assert found.score == 1.25


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"dcp": 3, "reason": "r"}, "unknown key 'dcp'"),
        ({"dpc": 5, "reason": "r"}, "must be 1, 2, 3, 4"),
        ({"dpc": True, "reason": "r"}, "must be 1, 2, 3, 4"),
        ({"dpc": "3", "reason": "r"}, "must be 1, 2, 3, 4"),
        ({"ei": 0.3, "reason": "r"}, "must be 0.25, 0.5, 0.75, 1"),
        ({"ei": float("nan"), "reason": "r"}, "must be"),
        ({"cb_integrity": [0.5], "reason": "r"}, "must be"),
        ({"malicious": 1, "reason": "r"}, "must be true or false"),
        ({"dpc": 3}, "without a reason"),
        ({"dpc": 3, "reason": "  "}, "without a reason"),
        ({"malicious": False}, "without a reason"),
        ({"reason": 7}, "must be a text"),
    ],
)
def test_a_wrong_override_is_refused_with_key_and_remedy(data: dict[str, Any], said: str) -> None:
    with pytest.raises(SeverityError, match=said):
        Override.from_data(data)
    with pytest.raises(IncidentError, match=r"policy\.toml: \[severity\]"):
        Policy.from_data({"severity": data}, "policy.toml")


def test_a_policy_keeps_its_override_when_it_is_joined_with_one_that_has_none() -> None:
    one = Policy.from_data({"severity": {"dpc": 3, "reason": "r"}, "organisation": {"customers": ["B.example"]}}, "a")
    assert one.joined(Policy()).severity == one.severity == Policy().joined(one).severity
    assert one.joined(Policy(customers=("c.example",))).customers == ("b.example", "c.example")


@pytest.mark.parametrize("phase", ["draft", 1, ["initial"]])
def test_a_phase_is_one_of_three(phase: object) -> None:
    with pytest.raises(IncidentError, match="must be initial, supplement, final"):
        Policy.from_data({"case": {"phase": phase}}, "policy.toml")


def test_every_value_that_the_method_knows_is_taken_and_comes_back() -> None:
    for key, value in itertools.chain.from_iterable([(key, value) for value in values] for key, values in KEYS.items()):
        override = Override.from_data({key: value, "reason": "r"})
        assert Override.from_data(override.as_data()) == override


@pytest.mark.property
@given(
    st.sets(st.sampled_from(["name", "health", "salary", "passport", "email_address", "?"])),
    st.sets(st.sampled_from(["name", "health", "salary", "passport", "email_address", "?"])),
    st.integers(1, 500),
    st.booleans(),
)
@settings(max_examples=100)
def test_more_data_never_lowers_the_severity(some: set[str], more: set[str], persons: int, confirmed: bool) -> None:
    def scored(kinds: set[str]) -> float:
        found = assess(Seen(1, kinds, (), persons, persons, 1, int(confirmed)))
        assert found.score is not None
        assert found.score == found.inputs[0].value * found.inputs[1].value + sum(one.value for one in found.inputs[2:])
        return found.score

    assert scored(some) <= scored(some | more)


def test_a_kind_that_nobody_knows_is_in_no_category() -> None:
    assert category_of("nothing") == 0
