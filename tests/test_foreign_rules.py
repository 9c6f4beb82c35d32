"""Rule files of gitleaks, Kingfisher and Nosey Parker: what is taken over, what is left out, and that it is said."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

import forensics
from forensics.leaks import RuleError, load_rules, rule_files, scan
from forensics.leaks.dialects import DialectError, translated
from forensics.leaks.foreign import foreign_rules
from forensics.leaks.search import rule_hits
from forensics.model import Text

GITLEAKS = r"""
title = "ours"
[extend]
useDefault = true
[allowlist]
regexes = ["^SHOP-0{4}"]
[[rules]]
id = "shop-token"
description = "Shop token"
regex = '''(?i)(shop|store)[_ ]token\s*[:=]\s*([a-z0-9]{12})\b'''
secretGroup = 2
entropy = 2.5
keywords = ["Shop", "STORE"]
[[rules.allowlists]]
stopwords = ["sample"]
regexes = ['''test$''']
[[rules]]
id = "shop-bare"
regex = '''SHOP-[0-9]{4} #[a-z]'''
[[rules]]
id = "key-file"
path = '''\.pem$'''
[[rules]]
id = "odd"
regex = '''[a-z&&[^q]]{9}'''
[[rules]]
id = "shop-bare"
regex = '''x1'''
"""

KINGFISHER = r"""
rules:
  - name: Shop API key
    id: kingfisher.shop.1
    pattern: |
      (?xi)
      \b shop
      (?:.|[\n\r]){0,16}?   # near
      (?P<TOKEN> sk_ [a-z 0-9]{12} )
      \b
    min_entropy: 2.0
    confidence: high
    pattern_requirements: {min_digits: 2, ignore_if_contains: [dummy]}
    examples: ["shop key sk_ab12cd34ef56", "no key at all"]
  - name: Helper
    id: kingfisher.shop.2
    pattern: (shop[0-9]{3})
    visible: false
  - name: Webhook
    id: np.shop.3
    pattern: '(https://hooks\.shop\.example/[\x{61}-z0-9]{8})'
  - name: Recursive
    id: np.shop.4
    pattern: '(?R)'
"""


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def values(text: str, path: Path) -> list[tuple[str, str]]:
    rules, _ = foreign_rules(path.name, path.read_bytes())
    return [(rule.id, hit.value) for rule in rules for hit in rule_hits(rule, text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("shop token = a1b2c3d4e5f6", ["a1b2c3d4e5f6"]),
        ("STORE_TOKEN: A1B2C3D4E5F6.", ["A1B2C3D4E5F6"]),
        ("shop token = aaaaaaaaaaaa", []),  # entropy
        ("shop token = a1b2csample1", []),  # stop word
        ("shop token = a1b2c3d4test", []),  # allow list
        ("shop token = a1b2c3d4e5f", []),
        ("SHOP-1234 #a", ["SHOP-1234 #a"]),
        ("SHOP-1234#a", []),
        ("SHOP-0000 #a", []),  # the file's own allow list
    ],
)
def test_a_gitleaks_rule_finds_its_group_and_minds_entropy_words_and_allow_lists(
    text: str, found: list[str], tmp_path: Path
) -> None:
    assert [value for _, value in values(text, written(tmp_path, "leaks.toml", GITLEAKS))] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the Shop key is SK_ab12cd34ef56", ["SK_ab12cd34ef56"]),
        ("the Shop key\n is sk_ab12cd34ef56", ["sk_ab12cd34ef56"]),
        ("the Shop key is sk_abcdefghijkl", []),  # two digits are required
        ("the Shop key is sk_dummy12cd34e", []),
        ("the workshop key is sk_ab12cd34ef56", []),
        ("https://hooks.shop.example/ab12cd34", ["https://hooks.shop.example/ab12cd34"]),
    ],
)
def test_a_kingfisher_rule_finds_its_token_and_minds_its_requirements(text: str, found: list[str], tmp_path: Path) -> None:
    assert [value for _, value in values(text, written(tmp_path, "kingfisher.yml", KINGFISHER))] == found


def test_what_is_not_taken_over_is_said_and_the_rest_runs(tmp_path: Path) -> None:
    rules = load_rules(written(tmp_path, "leaks.toml", GITLEAKS), written(tmp_path, "kingfisher.yml", KINGFISHER))
    assert {rule.id for rule in rules.rules if not rule.shipped} == {
        "gitleaks.shop-token", "gitleaks.shop-bare", "kingfisher.shop.1", "np.shop.3",
    }  # fmt: skip
    told = "\n".join(rules.remarks)
    for part in (
        "leaks.toml: the files that it extends are not read",
        "leaks.toml: rule key-file: not taken over: it looks at file names only",
        "leaks.toml: rule odd: not taken over: it calculates with sets",
        "leaks.toml: rule gitleaks.shop-bare: not taken over: the id is taken",
        "kingfisher.yml: rule kingfisher.shop.2: not taken over: it only helps other rules",
        "kingfisher.yml: rule np.shop.4: not taken over:",
        "kingfisher.yml: rule kingfisher.shop.1: taken over, but its example 2 is not found",
    ):
        assert part in told
    (leak,) = scan([Text("text/plain", "decoded", "shop token = a1b2c3d4e5f6")], rules, b"k", None).leaks
    assert (leak.rule, leak.service, leak.kind, leak.state) == (
        "gitleaks.shop-token",
        "shop",
        "access_token",
        "live_until_rotated",
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.yml", "rules: 1"), ("a.yml", "{"), ("a.yml", "- a"), ("a.yaml", ""), ("a.yml", "rules: [{id: x}]"), ("a.yml", "\x00"),
        ("a.toml", "[[rules]]\nid = 1"), ("a.toml", "[[rules]]\nregex = '('\nid='x'"), ("a.toml", "[[rules]]\nx ="),
        ("a.toml", "[[rules]]\nid='x'\nregex='a*'"), ("a.toml", "[[rules]]\nregex='abc'"),
    ],
)  # fmt: skip
def test_a_file_in_which_nothing_can_be_used_is_an_error(name: str, content: str, tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=name):
        load_rules(written(tmp_path, name, content))


def test_without_the_yaml_library_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    assert foreign_rules("a.yml", b"rules: []") == ([], ["a.yml: YAML needs PyYAML: install the extra `rules`"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"none\.toml: cannot be read"):
        rule_files([tmp_path / "none.toml"])


@pytest.mark.parametrize(
    ("source", "text", "secret"),
    [
        (r"\bkey\z", "a key", "key"),
        (r"\Qa.b\E[0-9]", "axb1 a.b2", "a.b2"),
        (r"(?P<id>[0-9]+)-(?P<TOKEN>[a-z]+)", "12-ab", "ab"),
        (r"(?<x>a)(b)", "ab", "a"),
        ("a b#c", "a b#c", "a b#c"),
        (r"(?x) a \  b # and so on", "a b", "a b"),
        (r"(?x)[a b]{2}", "a b ab", "ab"),
        (r"(?-u:\xFF)?\x{41}", "A", "A"),
        (r"(?s)a.b", "a\nb", "a\nb"),
        (r"\d{2}", "\u0663\u0664 12", "12"),
        (r"[[:alpha:]]{2}", "1é ab", "ab"),
        (r"(?i:a)b", "Ab", "Ab"),
        (r"\<word\>", "swords word", "word"),
    ],
)
def test_a_pattern_says_the_same_in_our_form(source: str, text: str, secret: str) -> None:
    fit = regex.compile(translated(source), regex.VERBOSE).search(text)
    assert fit is not None
    assert fit.group("secret") == secret


@pytest.mark.parametrize("source", ["(?U)a", "a(?-i)b", "[a--b]", "[a[b]]", "x" * 20_000])
def test_what_cannot_be_said_is_refused(source: str) -> None:
    with pytest.raises(DialectError):
        translated(source)


def test_a_group_that_is_not_there_is_refused() -> None:
    with pytest.raises(DialectError, match="no group 2"):
        translated("(a)", group=2)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_no_file_of_another_scanner_raises(content: bytes) -> None:
    for name in ("a.yml", "a.toml"):
        rules, told = foreign_rules(name, content)
        assert rules or told or b"rules" in content


def test_an_audit_looks_for_what_a_users_rules_say_and_records_them(tmp_path: Path) -> None:
    box = tmp_path / "mail.eml"
    box.write_bytes(
        b"From: ann@shop.example\r\nTo: bob@kunde.example\r\nBcc: phan@giftshop.club\r\nDate: Wed, 1 Oct 2025 12:00:00 +0000\r\n"
        b"Message-ID: <a1@shop.example>\r\nSubject: hello\r\n\r\nhere: shop token = a1b2c3d4e5f6 as agreed\r\n"
    )
    rules = written(tmp_path, "leaks.toml", GITLEAKS)
    options = dataclasses.replace(forensics.Options(content="all", workers=1), rules=(rules,))
    case = forensics.audit(box, out=tmp_path / "case", incident="postmark-mcp", options=options)
    listed = (case.path / "report" / "credentials.csv").read_text(encoding="utf-8")
    assert "gitleaks.shop-token" in listed
    assert "a1b2c3d4e5f6" not in listed
    assert 'source = "leaks.toml"' in (case.path / "case.toml").read_text(encoding="utf-8")
