"""Every shipped rule against its own proof, and rule files that people get wrong."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import pytest
from affordable import affordable

from forensics.leaks import CREDENTIAL_KINDS, PERSONAL_KINDS, RuleError, load_rules, scan
from forensics.leaks.checks import CHECKS, Candidate, Judgement, check_named
from forensics.leaks.proof import disproofs
from forensics.leaks.ruleset import Basis, Rule, fold
from forensics.leaks.search import rule_hits
from forensics.model import Text

RULES = load_rules()


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is measured and patched here is the plain search; test_leaks_engine.py shows that the database finds the same."""
    monkeypatch.setattr("forensics.leaks.engine.is_available", lambda: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


FOLDER = Path(__file__).resolve().parent.parent / "forensics" / "rules"

# What lies in wait in mail of 100 KB: each would hang a pattern that backtracks, or one that looks back at every place.
HOSTILE = (
    " ", "1", "1 ", "A", "a.", "0123abcd", "password ", "password: ", "Passwort ist ", "your code is ", "Dear Anna ", "Name: Anna ",
    "https://a.example/reset?token=", "https://", "%25", "-----BEGIN RSA PRIVATE KEY-----\n", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n",
    "Server=x;", "backup codes: ab12 ", "seed phrase: lamp ", "curl -u ", "eyJabcdefghi.", "MII", "MIIKQQIBAzC", "Musterstraße ", "{{",
    "a@b.", "@", "tel 12 34 ", "my child ", "PuTTY-User-Key-File-2:", "jdbc:mysql:x", "\n", "\t", "> ", '"', "postgres://a:", "密码", "WIFI:T:",
)  # fmt: skip


def test_every_rule_finds_its_examples_exactly_and_none_of_its_counter_examples() -> None:
    assert disproofs(RULES) == []


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_a_rule_brings_what_a_person_needs(rule: Rule) -> None:
    assert rule.examples
    assert rule.counter_examples, "a near-miss belongs to every rule"
    assert rule.reference.startswith("https://")
    if rule.family == "credential":
        assert rule.rotate
        assert rule.state
    assert all(keyword == fold(keyword) for keyword in rule.keywords)


def test_every_kind_of_the_contract_has_a_rule() -> None:
    assert {rule.kind for rule in RULES.rules if rule.family == "credential"} == CREDENTIAL_KINDS
    assert {rule.kind for rule in RULES.rules if rule.family == "personal"} == PERSONAL_KINDS


def test_ids_are_unique_and_say_one_thing() -> None:
    ids = [rule.id for rule in RULES.rules]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 40


def test_every_example_is_found_when_all_rules_run_together() -> None:
    for rule in RULES.rules:
        for example in rule.examples:
            leaks = scan([Text("text/plain", "decoded", example.text)], RULES, b"key", None).leaks
            assert any(leak.family == rule.family for leak in leaks), (rule.id, example.text)


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_rule_is_slow_on_hostile_text(unit: str) -> None:
    text = (unit * (100_000 // len(unit) + 1))[:100_000]
    with affordable(10):
        scanned = scan([Text("text/plain", "decoded", text)], RULES, b"key", None)
        assert scanned.unread == ()


def test_work_grows_no_faster_than_the_text() -> None:
    def seconds(size: int) -> float:
        text = ("password: and user 12 https://a.example/x?y=z " * size)[: size * 40]
        started = time.process_time()
        scan([Text("text/plain", "decoded", text)], RULES, b"key", None)
        return time.process_time() - started

    seconds(100)
    assert seconds(4_000) < 16 * max(seconds(500), 0.02)  # 8 times the text; quadratic work would be 64


def test_the_version_changes_with_the_rules(tmp_path: Path) -> None:
    extra = tmp_path / "own.toml"
    extra.write_text(OWN, encoding="utf-8")
    assert load_rules(extra).version != RULES.version
    assert load_rules().version == RULES.version
    assert len(RULES.version) == 16


OWN = """
[[rule]]
id = "shop-ticket"
service = "shop"
kind = "other"
keywords = ["shop-"]
basis = "prefix"
pattern = '''(?P<secret>SHOP-[0-9]{8})'''
examples = ["see ⟦SHOP-12345678⟧"]
counter_examples = ["SHOP-1234"]
"""


def test_a_users_rule_runs_beside_the_shipped_ones(tmp_path: Path) -> None:
    extra = tmp_path / "own.toml"
    extra.write_text(OWN, encoding="utf-8")
    rules = load_rules(extra)
    assert disproofs(rules) == []
    (leak,) = scan([Text("text/plain", "decoded", "take SHOP-87654321")], rules, b"key", None).leaks
    assert (leak.rule, leak.service) == ("shop-ticket", "shop")


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    first, second, third = tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "missing.toml"
    first.write_text(
        OWN.replace('kind = "other"', 'kind = "sweets"')
        .replace("[0-9]{8}", "[0-9{8}")
        .replace("basis", "checks = ['nope']\nbasis"),
        encoding="utf-8",
    )
    second.write_text(
        OWN.replace('"prefix"', '"hope"').replace("⟦", "").replace("(?P<secret>", "(").replace("keywords", "keyword"),
        encoding="utf-8",
    )
    with pytest.raises(RuleError) as caught:
        load_rules(first, second, third)
    told = "\n".join(caught.value.problems)
    for part in (
        "a.toml: rule shop-ticket: kind: 'sweets'", "a.toml: rule shop-ticket: checks: 'nope'", "a.toml: rule shop-ticket: pattern:",
        "b.toml: rule shop-ticket: basis", "b.toml: rule shop-ticket: examples", "b.toml: rule shop-ticket: pattern: has no group",
        "b.toml: rule shop-ticket: keyword: unknown key", "missing.toml: cannot be read",
    ):  # fmt: skip
        assert part in told


@pytest.mark.parametrize("content", ["", "rule = 1", "[[rule]]", "not toml [", "[[rule]]\nid = 3", "\udcff"])
def test_no_rule_file_ends_in_another_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RuleError, match=r"x\.toml"):
        load_rules(path)


def test_an_id_used_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(OWN + OWN, encoding="utf-8")
    with pytest.raises(RuleError, match="used twice"):
        load_rules(path)


def test_a_rule_proves_its_counter_examples_too(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        OWN.replace('"SHOP-1234"', '"SHOP-12345678"').replace("see ⟦SHOP-12345678⟧", "see SHOP-1234567⟦8⟧"), encoding="utf-8"
    )
    assert disproofs(load_rules(path)) == [
        "rule shop-ticket: example 1 is not found as marked",
        "rule shop-ticket: counter-example 1 is found",
    ]


def test_no_rule_file_holds_a_key_that_looks_alive() -> None:
    """Each example joins its parts when it is loaded, so that scanners of this repository find nothing."""
    written = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.toml"))
    for rule in RULES.rules:
        if rule.basis is Basis.PREFIX and rule.kind in {"api_key", "access_token"}:
            assert not [secret for example in rule.examples for secret in example.secrets if secret in written], rule.id


def candidate(value: str) -> Candidate:
    return Candidate(0, len(value), value, value, value)


CHECKED = [
    ("luhn", "4111 1111 1111 1111", Judgement.FITS),
    ("luhn", "4111 1111 1111 1112", Judgement.REJECTS),
    ("luhn", "0000 0000 0000 0000", Judgement.REJECTS),
    ("card_network", "9999999999999995", Judgement.REJECTS),
    ("card_network", "378282246310005", Judgement.FITS),
    ("card_network", "37828224631000", Judgement.REJECTS),
    ("card_network", "30569309025904", Judgement.FITS),
    ("card_network", "3056930902590", Judgement.REJECTS),
    ("card_network", "30699999999999", Judgement.REJECTS),
    ("card_network", "2221000000000009", Judgement.FITS),
    ("card_network", "2220990000000009", Judgement.REJECTS),
    ("iban", "DE89 3704 0044 0532 0130 00", Judgement.PROVES),
    ("iban", "DE89 3704 0044 0532 0130 0", Judgement.REJECTS),
    ("iban", "XX89 3704 0044 0532 0130 00", Judgement.REJECTS),
    ("nhs", "943 476 5919", Judgement.FITS),
    ("nhs", "943 476 5918", Judgement.REJECTS),
    ("bsn", "111222333", Judgement.FITS),
    ("bsn", "111222334", Judgement.REJECTS),
    ("cpf", "111.111.111-11", Judgement.REJECTS),
    ("dni", "12345678Z", Judgement.FITS),
    ("dni", "12345678A", Judgement.REJECTS),
    ("nir", "2 55 08 14 168 025 38", Judgement.FITS),
    ("nir", "2 55 08 14 168 025 37", Judgement.REJECTS),
    ("idnr", "86 095 742 719", Judgement.FITS),
    ("idnr", "86 095 742 718", Judgement.REJECTS),
    ("pesel", "44051401359", Judgement.FITS),
    ("pesel", "44051401358", Judgement.REJECTS),
    ("base64_pair", "YW5uOnNlY3JldA==", Judgement.FITS),
    ("base64_pair", "requirements", Judgement.REJECTS),
    ("base32", "JBSWY3DPEHPK3PXQ", Judgement.FITS),
    ("base32", "JBSWY3DPEHPK3PX1", Judgement.REJECTS),
    ("jwt", "eyJhbGciOiJub25lIn0.e30.", Judgement.PROVES),
    ("jwt", "eyJoZWxsbyI6MX0.e30.", Judgement.REJECTS),
    ("crc32_base62", "ghp_" + "a" * 36, Judgement.DOUBTS),
    ("entropy:3.0", "aaaaaaaabbbb", Judgement.REJECTS),
    ("entropy:3.0", "q7XkmPz9Lw2v", Judgement.FITS),
    ("length:5", "abcd", Judgement.REJECTS),
    ("not_year", "2025", Judgement.REJECTS),
    ("not_year", "2125", Judgement.FITS),
]


@pytest.mark.parametrize(("name", "value", "expected"), CHECKED)
def test_a_check_judges_from_both_sides(name: str, value: str, expected: Judgement) -> None:
    assert check_named(name)(candidate(value)) is expected


@pytest.mark.parametrize("name", sorted(CHECKS))
@pytest.mark.parametrize(
    "value", ["", "\x00", "\udcff\ud800", "٣٤٥٦٧٨٩٠١٢٣", "=", "e" * 5000, "²²²²", "1" * 3000, "eyJ.eyJ.eyJ", "[" * 2000]
)
def test_no_check_raises_on_any_value(name: str, value: str) -> None:
    assert isinstance(CHECKS[name](candidate(value)), Judgement)


def test_a_checksum_that_fails_doubts_and_never_drops() -> None:
    (rule,) = (rule for rule in RULES.rules if rule.id == "github-token")
    good = rule.examples[0].secrets[0]
    bad = good[:-1] + ("a" if good[-1] != "a" else "b")
    assert [hit.confidence for hit in rule_hits(rule, good)] == ["high"]
    assert [hit.basis for hit in rule_hits(rule, good)] == [Basis.CHECKSUM]
    assert [(hit.confidence, hit.basis) for hit in rule_hits(rule, bad)] == [("medium", Basis.PREFIX)]


def test_the_prefilter_hides_nothing() -> None:
    """With every keyword test switched off, the same examples give the same findings."""
    everything = frozenset(rule.id for rule in RULES.rules if rule.basis is not Basis.URL)
    unfiltered = dataclasses.replace(RULES, index={"": everything})
    for rule in RULES.rules:
        for example in rule.examples:
            text = [Text("text/plain", "decoded", example.text)]
            assert scan(text, RULES, b"k", None) == scan(text, unfiltered, b"k", None), rule.id


def test_rules_load_without_the_working_folder(tmp_path: Path) -> None:
    code = "from forensics.leaks import load_rules; print(len(load_rules().rules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(RULES.rules)
