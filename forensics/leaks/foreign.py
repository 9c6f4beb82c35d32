"""Rule files of other scanners read as rules of ours: gitleaks (TOML), Kingfisher and Nosey Parker (YAML)."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import regex

from forensics.leaks.checks import Candidate, Check, Judgement, check_named
from forensics.leaks.dialects import DialectError, translated
from forensics.leaks.ruleset import Basis, Rule, compiled, fold

__all__ = ["foreign_rules", "is_foreign"]

_SECONDS = 1.0  # for one pattern on one example or value
_KINDS = (  # a word of the id or name, and what such a rule finds
    ("private-key private.key privatekey", "private_key"),
    ("jwt", "jwt"),
    ("webhook", "webhook_url"),
    ("password passwd", "password"),
    ("connection.string uri jdbc odbc", "connection_string"),
    ("session cookie", "session_id"),
    ("token oauth", "access_token"),
)
_SLUG = regex.compile(r"[a-z0-9]+")


class _RefusedError(ValueError):
    """A rule that has no like here; the message says why."""


def is_foreign(name: str, content: bytes) -> bool:
    """Whether a rule file is another scanner's: YAML, or TOML with `[[rules]]` instead of `[[rule]]`."""
    return name.lower().endswith((".yml", ".yaml")) or regex.search(rb"(?m)^[ \t]*\[\[[ \t]*rules[ \t]*\]\]", content) is not None


def foreign_rules(name: str, content: bytes) -> tuple[list[Rule], list[str]]:
    """The rules of another scanner's file, and what of it could not be taken over, and why. Never raises."""
    told: list[str] = []
    try:
        entries, make = _entries(name, content, told)
    except _RefusedError as error:
        return [], [f"{name}: {error}"]
    rules = []
    for number, entry in enumerate(entries, 1):
        where = f"{name}: rule {_text(entry, 'id') or f'number {number}'}"
        try:
            rules.append(make(entry))
        except (_RefusedError, DialectError) as error:
            told.append(f"{where}: not taken over: {error}")
            continue
        told += [f"{where}: {problem}" for problem in _example_problems(rules[-1], entry)]
    return rules, told


def _entries(name: str, content: bytes, told: list[str]) -> tuple[list[Mapping[str, Any]], Callable[[Mapping[str, Any]], Rule]]:
    if name.lower().endswith((".yml", ".yaml")):
        tree, make = _yaml(content), _from_yaml
    else:
        tree = _toml(content)
        if "extend" in tree:
            told.append(f"{name}: the files that it extends are not read")
        make = partial(_from_gitleaks, shared=tuple(_allowances(tree)))
    listed = tree.get("rules")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise _RefusedError("no list of rules in it")
    return listed, make


def _toml(content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _RefusedError(f"not valid TOML: {type(error).__name__}") from None


def _yaml(content: bytes) -> dict[str, Any]:
    try:
        yaml = importlib.import_module("yaml")  # an optional dependency
    except ImportError:
        raise _RefusedError("YAML needs PyYAML: install the extra `rules`") from None
    try:
        tree = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _RefusedError(f"not valid YAML: {type(error).__name__}") from None
    return tree if isinstance(tree, dict) else {}


# ----------------------------------------------------------------------------------------------------- the two formats


def _from_gitleaks(entry: Mapping[str, Any], shared: tuple[Check, ...]) -> Rule:
    """A `[[rules]]` table of gitleaks, https://github.com/gitleaks/gitleaks#configuration."""
    source = _text(entry, "regex")
    if not source:
        raise _RefusedError("it looks at file names only")
    if not _text(entry, "id"):
        raise _RefusedError("it has no id")
    group = entry.get("secretGroup", 0)
    checks = [*_entropy(entry.get("entropy")), *shared, *_allowances(entry)]
    keywords = tuple(sorted({fold(word) for word in _texts(entry, "keywords") if word}))
    pattern = translated(source, group=group if isinstance(group, int) else 0)
    return _rule(f"gitleaks.{_text(entry, 'id')}", pattern, keywords, tuple(checks), "medium")


def _from_yaml(entry: Mapping[str, Any]) -> Rule:
    """A rule as in https://github.com/mongodb/kingfisher/blob/main/docs/RULES.md; Nosey Parker's have fewer keys."""
    if entry.get("visible") is False:
        raise _RefusedError("it only helps other rules")
    source = _text(entry, "pattern")
    if not source:
        raise _RefusedError("it has no pattern")
    sure = _text(entry, "confidence").lower()
    checks = [*_entropy(entry.get("min_entropy"))]
    if isinstance(wanted := entry.get("pattern_requirements"), dict):
        checks.append(partial(_has_required, wanted))
    name = _text(entry, "id") or _text(entry, "name")
    return _rule(name, translated(source), (), tuple(checks), sure if sure in {"low", "medium", "high"} else "medium")


def _rule(name: str, source: str, keywords: tuple[str, ...], checks: tuple[Check, ...], confidence: str) -> Rule:
    words = _SLUG.findall(name.lower())
    if not words:
        raise _RefusedError("it has no id")
    try:
        fits_nothing = compiled(source).search("", timeout=_SECONDS) is None
    except (regex.error, TimeoutError) as error:
        raise _RefusedError(f"its pattern is not understood: {getattr(error, 'msg', 'too slow')}") from None
    if not fits_nothing:
        raise _RefusedError("its pattern fits an empty text")
    family = "gitleaks", "kingfisher", "np"
    return Rule(
        id=name.lower(),
        service=next((word for word in words if word not in family), "generic"),
        kind=next((kind for tokens, kind in _KINDS if any(token in name.lower() for token in tokens.split())), "api_key"),
        family="credential",
        keywords=keywords,
        gate="",
        source=source,
        anchors=(),
        basis=Basis.PREFIX,
        near=None,
        checks=(check_named("not_placeholder"), *checks),
        trim="",
        expiry="",
        severity="high",
        confidence=confidence,
        state="live_until_rotated",
        lifetime=-1,
        rotate="Revoke it where it was issued; then read the access log from the send time on.",
        reference="",
        examples=(),
        counter_examples=(),
        shipped=False,
    )


# -------------------------------------------------------------------------------------------------------------- checks


def _entropy(floor: object) -> Iterator[Check]:
    if isinstance(floor, int | float) and floor > 0:
        yield check_named(f"entropy:{floor}")


def _allowances(table: Mapping[str, Any]) -> Iterator[Check]:
    """What a gitleaks allow list lets pass: words and patterns; paths and commits mean nothing here."""
    given = table.get("allowlists", table.get("allowlist", []))
    for one in given if isinstance(given, list) else [given]:
        if not isinstance(one, dict) or one.get("targetRules") or _text(one, "condition").upper() == "AND":
            continue
        if words := frozenset(word.lower() for word in _texts(one, "stopwords") if word):
            yield partial(_has_no_stop_word, words)
        try:
            patterns = [compiled(translated(source)) for source in _texts(one, "regexes")]
        except (DialectError, regex.error):
            raise _RefusedError("its allow list is not understood") from None
        if patterns:
            yield partial(_is_not_allowed, tuple(patterns), _text(one, "regexTarget") or "secret")


def _has_no_stop_word(words: frozenset[str], found: Candidate) -> Judgement:
    value = found.value.lower()
    return Judgement.REJECTS if any(word in value for word in words) else Judgement.FITS


def _is_not_allowed(patterns: tuple[regex.Pattern[str], ...], target: str, found: Candidate) -> Judgement:
    seen = found.value
    if target == "match":
        seen = found.whole
    elif target == "line":
        begins = found.text.rfind("\n", 0, found.start) + 1
        seen = found.text[max(begins, found.start - 1000) : found.end + 1000].partition("\n")[0]
    return Judgement.REJECTS if any(one.search(seen, timeout=_SECONDS) for one in patterns) else Judgement.FITS


def _has_required(wanted: Mapping[str, Any], found: Candidate) -> Judgement:
    """Kingfisher's `pattern_requirements`: so many of each class of character, and words that the value must not hold."""
    special = wanted.get("special_chars")
    counts = {
        "min_digits": sum(char.isdigit() for char in found.value),
        "min_uppercase": sum(char.isupper() for char in found.value),
        "min_lowercase": sum(char.islower() for char in found.value),
        "min_special_chars": sum(char in special if isinstance(special, str) else not char.isalnum() for char in found.value),
    }
    for key, count in counts.items():
        if isinstance(least := wanted.get(key), int) and count < least:
            return Judgement.REJECTS
    value = found.value.lower()
    is_ignored = any(word.lower() in value for word in _texts(wanted, "ignore_if_contains") if word)
    return Judgement.REJECTS if is_ignored else Judgement.FITS


def _example_problems(rule: Rule, entry: Mapping[str, Any]) -> Iterator[str]:
    """Its own examples that a rule taken over no longer finds: a sign that the engines differ."""
    for number, text in enumerate(_texts(entry, "examples"), 1):
        try:
            fit = rule.pattern.search(text[:100_000], timeout=_SECONDS)
        except TimeoutError:
            fit = None
        if fit is None:
            yield f"taken over, but its example {number} is not found"


def _text(table: Mapping[str, Any], key: str) -> str:
    found = table.get(key)
    return found if isinstance(found, str) else ""


def _texts(table: Mapping[str, Any], key: str) -> list[str]:
    found = table.get(key)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
