"""Every rule of a service says where its secret is revoked, what to check afterwards, and who says so."""

from __future__ import annotations

import re

import pytest

from forensics.leaks import load_rules
from forensics.leaks.ruleset import Rule

RULES = [rule for rule in load_rules().rules if rule.family == "credential"]
OF_SERVICES = [rule for rule in RULES if rule.service != "generic"]

REVOKE = re.compile(
    r"(?i)\b(?:revoke|delete|deactivate|disable|rotate|roll|regenerate|reset|replace|remove|change|new|create|cancel|end|log out|sign out|expire|"
    r"invalidate|reissue|withdraw|uninstall|disconnect|move|set|recreate|renew|make|enrol|generate)\b"
)
CHECK = re.compile(r"(?i)\b(?:review|check|look|audit|read|watch|search|compare|inspect|list|activity|see|verify)\b")
# a secret without a log that its owner could read: nothing tells afterwards who used it
WITHOUT_A_LOG = {
    "pkcs12-base64", "key-store-file", "meeting-password", "password-hash", "licence-key", "otpauth", "otp-seed", "recovery-codes",
    "wifi-code", "wifi-prose", "wifi-mot-de-passe", "wifi-bare",
    "wifi-near", "wifi-key-near", "wifi-network", "wifi-told",
}  # fmt: skip


@pytest.mark.parametrize("rule", OF_SERVICES, ids=lambda rule: rule.id)
def test_a_service_has_a_place_to_revoke_and_a_thing_to_check(rule: Rule) -> None:
    assert REVOKE.search(rule.rotate), "says not how to end the secret"
    assert CHECK.search(rule.rotate) or rule.id in WITHOUT_A_LOG, "says not what to check afterwards"
    assert re.match(r"https://[a-z0-9.-]+\.[a-z]{2,}(?:[/?#]|$)", rule.reference), "names nobody who says so"


def test_only_known_rules_of_no_service_say_nothing_of_checking() -> None:
    silent = {rule.id for rule in RULES if rule.service == "generic" and not CHECK.search(rule.rotate)}
    assert silent <= WITHOUT_A_LOG, "a new rule must say what to check, or stand here with its reason"
    assert [rule.id for rule in RULES if not rule.rotate or not rule.reference] == []


@pytest.mark.parametrize("text", ["Secret of the service.", "", "Settings, API keys."])
def test_advice_that_says_nothing_is_told(text: str) -> None:
    assert not REVOKE.search(text)
    assert not CHECK.search(text)
