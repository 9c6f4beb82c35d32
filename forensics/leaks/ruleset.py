"""Rules as data: read from TOML, checked whole, indexed by keyword."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Any

import regex

from forensics.leaks.checks import Check, check_named
from forensics.leaks.prose import words

__all__ = [
    "CREDENTIAL_KINDS",
    "PERSONAL_KINDS",
    "Basis",
    "Example",
    "Nearness",
    "Rule",
    "RuleError",
    "Ruleset",
    "evened",
    "file_rules",
    "fold",
    "indexed",
    "trie_pattern",
]

CREDENTIAL_KINDS = words(
    "api_key access_token jwt private_key password connection_string signed_url webhook_url reset_link magic_link one_time_code "
    "recovery_code session_id otp_seed certificate_bundle wifi crypto_wallet other"
)
PERSONAL_KINDS = words(
    "name email_address phone postal_address payment_card bank_account national_id tax_id passport driving_licence birth_date salary "
    "health special_category criminal minor confidential_marking other"
)
_WORDS = {
    "family": ("credential", "personal"),
    "severity": ("critical", "high", "medium", "low"),
    "confidence": ("high", "medium", "low"),
    "state": ("live_until_rotated", "expires", "expired_by_nature", ""),
    "trim": ("", "prose", "seed_phrase"),
    "expiry": ("", "jwt", "aws_v4", "aws_v2", "azure_se", "goog_v4", "stated"),
}
_DEFAULTS = {
    "family": "credential",
    "service": "generic",
    "severity": "high",
    "confidence": "medium",
    "state": "live_until_rotated",
}
_KEYS = words(
    "id service kind family keywords gate anchor pattern basis near checks trim expiry severity confidence state lifetime rotate reference part_of "
    "examples counter_examples"
)


class RuleError(ValueError):
    """Rule files that cannot be used; names file, rule and key of every problem at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class Basis(IntEnum):
    """What a rule rests on: where findings overlap, the higher one wins. A checksum that holds lifts a finding to the top."""

    SHAPE = 1
    NEAR = 2
    URL = 3
    PREFIX = 4
    CHECKSUM = 5


@dataclass(frozen=True, slots=True)
class Nearness:
    """Words of which one must stand close: within so many characters, or on the same line or so many lines above."""

    words: tuple[str, ...]  # "*" at an end: more letters may follow there
    within: int = 64
    lines: int = 1

    @property
    def pattern(self) -> regex.Pattern[str]:
        """The words as one pattern, whole words unless a "*" says otherwise; scripts without blanks have no whole words."""
        return _near_pattern(self.words)

    def is_in(self, text: str) -> bool:
        """Whether the pattern fits somewhere in a text: what `pattern.search` says, at a fiftieth of its cost.

        The pattern is tried only where one of its words stands without regard to case.
        """
        whole, even = _near_words(self.words, are_whole=True), evened(text)
        if whole is None or len(even) != len(text):
            return self.pattern.search(text) is not None
        pattern: regex.Pattern[str] | None = None
        for place in whole.finditer(even):
            pattern = pattern or self.pattern
            if pattern.match(text, place.start()):
                return True
        return False

    def may_be_in(self, text: str) -> bool:
        """False only where `is_in` is false for the text and for every piece of it; quicker still."""
        bare, even = _near_words(self.words, are_whole=False), evened(text)
        return bare is None or len(even) != len(text) or bare.search(even) is not None


# What `regex` takes for the same letter without regard to case, and lower case leaves apart.
_EVENED = str.maketrans(
    "\u0131\u017f\u00b5\u03c2\u03d0\u03d1\u03d5\u03d6\u03f0\u03f1\u03f5\u1fbe\u0345\u1fd3\u1fe3\u1c80\u1c81\u1c82\u1c83\u1c84\u1c85\u1c86\U0001df95",
    "is\u03bc\u03c3\u03b2\u03b8\u03c6\u03c0\u03ba\u03c1\u03b5\u03b9\u03b9\u0390\u03b0\u0432\u0434\u043e\u0441\u0442\u0442\u044a\u00df",
)
_KNOWN_LETTERS = regex.compile(r"[\x00-\x7f\u00df-\u017f\u0219\u021b\u1ea0-\u1ef9\u0390-\u03ce\u0430-\u045f]")


def evened(text: str) -> str:
    """A text with its letters as small ones, one for one where its length stays: letters that patterns take for the same are the same."""
    lowered = text.lower()
    return lowered if lowered.isascii() else lowered.translate(_EVENED)


@lru_cache(maxsize=4096)
def _near_words(words: tuple[str, ...], *, are_whole: bool) -> re.Pattern[str] | None:
    """Where one of the words begins in evened text, whatever is around it or, `are_whole`, where `_near_pattern` lets it stand.

    None where a letter is of a script whose cases are not known to be even.
    """
    bare = {word.strip("*") for word in words}
    if any(not (_KNOWN_LETTERS.match(char) or char.lower() == char == char.upper()) for word in bare for char in word.lower()):
        return None
    if not are_whole:
        return re.compile(f"(?={trie_pattern({evened(word) for word in bare})})")
    sides: dict[tuple[bool, bool], set[str]] = {}
    for word in words:
        sides.setdefault(_bounds(word), set()).add(evened(word.strip("*")))
    left, right = r"(?<![^\W_])", r"(?![^\W_])"
    alternatives = (
        f"{left if bounds[0] else ''}{trie_pattern(alike, right if bounds[1] else '')}" for bounds, alike in sorted(sides.items())
    )
    return re.compile(f"(?={'|'.join(alternatives)})")


def _bounds(word: str) -> tuple[bool, bool]:
    """Whether a near word is whole on its left and on its right; scripts without blanks have no whole words."""
    bare = word.strip("*")
    bounded = bare.isascii() or bool(regex.match(r"[\p{Latin}\p{Cyrillic}\p{Greek}]", bare))
    return bounded and not word.startswith("*"), bounded and not word.endswith("*")


@lru_cache(maxsize=4096)
def _near_pattern(words: tuple[str, ...]) -> regex.Pattern[str]:
    alternatives = []
    for word in words:
        is_whole_left, is_whole_right = _bounds(word)
        left, right = r"(?<![\p{L}\p{N}])" if is_whole_left else "", r"(?![\p{L}\p{N}])" if is_whole_right else ""
        alternatives.append(f"{left}{regex.escape(word.strip('*'))}{right}")
    return regex.compile("(?i)" + "|".join(alternatives))


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the values that a rule must find in it, in order; none for a counter-example."""

    text: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """What one credential or personal datum looks like, what it must stand up to, and what to do about it."""

    id: str
    service: str
    kind: str
    family: str
    keywords: tuple[str, ...]  # lower case; one of them is in every text that the pattern can fit
    gate: str = field(repr=False)  # where no word can be a keyword: a cheap pattern on lower case that must fit somewhere
    source: str = field(repr=False)
    anchors: tuple[str, ...] = field(repr=False)  # patterns for the search engine: each fit of the pattern begins like one
    basis: Basis
    near: Nearness | None
    checks: tuple[Check, ...] = field(repr=False)
    trim: str
    expiry: str
    severity: str
    confidence: str
    state: str
    lifetime: int
    rotate: str
    reference: str
    examples: tuple[Example, ...] = field(repr=False)
    counter_examples: tuple[Example, ...] = field(repr=False)
    part_of: str = ""  # the rule with whose finding close by this one is one credential: an access key's id with its secret
    shipped: bool = True  # its pattern is known to be quick on any text; others are stopped by the clock

    @property
    def pattern(self) -> regex.Pattern[str]:
        """The pattern, compiled at first use: a run meets the keywords of few rules."""
        return compiled(self.source)

    @property
    def redacts(self) -> bool:
        """Whether its findings vanish from subjects and replies: credentials, and numbers that are as good as one."""
        return self.family == "credential" or self.kind in {"payment_card", "bank_account", "national_id"}


@lru_cache(maxsize=4096)
def compiled(source: str) -> regex.Pattern[str]:
    """A rule's pattern: verbose, Unicode. Raises regex.error."""
    return regex.compile(source, regex.VERBOSE)


@dataclass(frozen=True)
class Ruleset:
    """All rules of a run, their index by keyword, and the hash that a case records."""

    rules: tuple[Rule, ...]
    version: str
    index: Mapping[str, frozenset[str]] = field(repr=False)  # keyword -> ids of the rules with this keyword or its beginning
    gated: tuple[tuple[re.Pattern[str], Rule], ...] = field(repr=False)  # rules without keywords
    url_rules: tuple[Rule, ...]
    url_words: re.Pattern[str] = field(repr=False)  # fits any folded link in which a rule on links could find something
    remarks: tuple[str, ...] = field(repr=False)  # rules of the user that could not be taken over, and why
    gate: re.Pattern[str] = field(repr=False)  # fits any folded text in which some rule could have something to redact

    @cached_property
    def finder(self) -> re.Pattern[str]:
        """Fits at every place of a folded text, with the longest keyword that begins there; only who has no search engine needs it."""
        return re.compile(f"(?=({trie_pattern(set(self.index))}))")

    def triggered(self, folded: str, about: str = "") -> list[Rule]:
        """Rules whose keywords a folded text, or what is known about it, contains; in the order of the ruleset."""
        met = {match.group(1) for seen in (folded, about) for match in self.finder.finditer(seen)}
        hit = {rule for keyword in met for rule in self.index[keyword]}
        hit.update(rule.id for gate, rule in self.gated if gate.search(folded))
        return [rule for rule in self.rules if rule.id in hit]


def fold(text: str) -> str:
    """Lower case for keyword search only (offsets may shift): the Turkish dotted capital becomes a plain "i"."""
    lowered = text.lower()
    return lowered if lowered.isascii() else lowered.replace("i\u0307", "i")


def indexed(rules: tuple[Rule, ...], version: str, remarks: tuple[str, ...] = ()) -> Ruleset:
    """A ruleset with its index by keyword."""
    users: dict[str, set[str]] = {}
    for rule in rules:
        for keyword in rule.keywords if rule.basis is not Basis.URL else ():
            users.setdefault(keyword, set()).add(rule.id)
    index = {
        keyword: frozenset().union(*(users[keyword[:end]] for end in range(1, len(keyword) + 1) if keyword[:end] in users))
        for keyword in users
    }
    redacting = [rule for rule in rules if rule.redacts and rule.basis is not Basis.URL]
    # a link is looked into only where there is one, so that "://" stands for the keywords of all rules on links
    words = {keyword for rule in redacting for keyword in rule.keywords} | {"://", "www."}
    shortest = {word for word in words if not any(piece in words for piece in _pieces(word))}
    gates = [rule.gate for rule in redacting if not rule.keywords]
    return Ruleset(
        rules=rules,
        version=version,
        remarks=remarks,
        index=index,
        gated=tuple((re.compile(rule.gate), rule) for rule in rules if not rule.keywords),
        url_rules=tuple(rule for rule in rules if rule.basis is Basis.URL),
        url_words=re.compile(
            "|".join(re.escape(word) for rule in rules if rule.basis is Basis.URL for word in rule.keywords or ("",))
        ),
        gate=re.compile("|".join([trie_pattern(shortest), *gates])),
    )


def _pieces(word: str) -> Iterator[str]:
    """Everything that stands in a word, but for itself."""
    for length in range(1, len(word)):
        for start in range(len(word) - length + 1):
            yield word[start : start + length]


def trie_pattern(words: set[str], after: str = "") -> str:
    """One pattern for many words, each with `after` behind it, that tries each first letter once, and takes the longest word."""
    trie: dict[str, Any] = {}
    for word in words:
        node = trie
        for char in word:
            node = node.setdefault(char, {})
        node[""] = {}

    def written(node: dict[str, Any]) -> str:
        branches = [re.escape(char) + written(child) for char, child in sorted(node.items()) if char]
        if not branches:
            return after
        if "" in node and after:
            branches.append(after)
        joined = branches[0] if len(branches) == 1 else "(?:" + "|".join(branches) + ")"
        return f"(?:{joined})?" if "" in node and not after else joined

    return written(trie)


def file_rules(name: str, content: bytes, problems: list[str], *, compile_now: bool) -> Iterator[Rule]:
    """The rules of one file of ours; everything that is wrong with others is added to `problems`."""
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{name}: not valid TOML: {error}")
        return
    defines = table.pop("define", {})
    entries = table.pop("rule", [])
    if not isinstance(entries, list) or not entries or not isinstance(defines, dict):
        problems.append(f"{name}: no [[rule]]")
        return
    problems.extend(f"{name}: {key}: unknown key" for key in table if key not in _KEYS)
    for number, entry in enumerate(entries, 1):
        where = f"{name}: rule {entry.get('id', f'number {number}') if isinstance(entry, dict) else number}"
        merged = {**_DEFAULTS, **table, **entry} if isinstance(entry, dict) else {}
        found = [f"{where}: {problem}" for problem in _problems(merged, defines, compile_now=compile_now)]
        problems.extend(found)
        if not found:
            yield _rule(merged, defines, shipped=not compile_now)


def _problems(entry: Mapping[str, Any], defines: Mapping[str, str], *, compile_now: bool) -> Iterator[str]:
    """Everything that is wrong with one entry, as `key: problem`."""
    yield from (f"{key}: unknown key" for key in entry if key not in _KEYS)
    yield from (f"{key}: missing" for key in ("id", "kind", "pattern", "basis", "examples") if not entry.get(key))
    kinds = PERSONAL_KINDS if entry.get("family") == "personal" else CREDENTIAL_KINDS
    if "kind" in entry and entry["kind"] not in kinds:
        yield f"kind: {entry['kind']!r} is no kind of this family"
    for key, allowed in _WORDS.items():
        if entry.get(key, allowed[0]) not in allowed:
            yield f"{key}: {entry[key]!r} is none of {', '.join(word for word in allowed if word)}"
    if entry.get("basis") not in {"shape", "near", "url", "prefix"}:
        yield "basis: is none of prefix, url, near, shape"
    yield from _keyword_problems(entry)
    if not isinstance(entry.get("lifetime", -1), int):
        yield "lifetime: must be a number of seconds"
    near = entry.get("near", {})
    if near and (not isinstance(near, dict) or not near.get("words") or set(near) - {"words", "within", "lines"}):
        yield "near: wants words, and may have within and lines"
    anchors = entry.get("anchor", [])
    if not isinstance(anchors, str) and not (isinstance(anchors, list) and all(isinstance(one, str) for one in anchors)):
        yield "anchor: must be a pattern, or a list of them"
    yield from _example_problems(entry)
    if compile_now and isinstance(entry.get("pattern"), str):
        yield from _pattern_problems(_defined(entry["pattern"], defines))


def _keyword_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    keywords = entry.get("keywords", [])
    if any(not isinstance(word, str) or not word or word != fold(word) for word in keywords):
        yield "keywords: must be lower-case text"
    if not keywords and not entry.get("gate"):
        yield "keywords: missing, and no gate in their place"
    for check in entry.get("checks", []):
        try:
            check_named(check)
        except (KeyError, ValueError):
            yield f"checks: {check!r} is unknown"


def _example_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    for key in ("examples", "counter_examples"):
        for text in entry.get(key, []):
            marks = _joined(text)
            if marks.count("⟦") != marks.count("⟧") or (key == "examples") != ("⟦" in marks):
                yield f"{key}: mark the secret of an example with ⟦ ⟧, and none of a counter-example"


def _pattern_problems(source: str) -> Iterator[str]:
    try:
        groups = compiled(source).groupindex
    except regex.error as error:
        yield f"pattern: {error.msg} at {error.pos}"
        return
    if "secret" not in groups:
        yield "pattern: has no group named secret"


def _defined(pattern: str, defines: Mapping[str, str]) -> str:
    for _ in range(3):  # a definition may use others, two levels deep
        for name, text in defines.items():
            pattern = pattern.replace("{{" + name + "}}", f"(?:{text})")
    return pattern


def _rule(entry: Mapping[str, Any], defines: Mapping[str, str], *, shipped: bool) -> Rule:
    near = entry.get("near")
    return Rule(
        id=entry["id"],
        service=entry["service"],
        kind=entry["kind"],
        family=entry["family"],
        keywords=tuple(entry.get("keywords", ())),
        gate=entry.get("gate", ""),
        source=_defined(entry["pattern"], defines),
        anchors=tuple(_defined(one, defines) for one in _listed(entry.get("anchor", []))),
        basis=Basis[entry["basis"].upper()],
        near=Nearness(tuple(near["words"]), near.get("within", 64), near.get("lines", 1)) if near else None,
        checks=tuple(check_named(name) for name in entry.get("checks", ())),
        trim=entry.get("trim", ""),
        expiry=entry.get("expiry", ""),
        severity=entry["severity"],
        confidence=entry["confidence"],
        state="" if entry["family"] == "personal" else entry["state"],
        lifetime=entry.get("lifetime", -1),
        rotate=entry.get("rotate", ""),
        reference=entry.get("reference", ""),
        part_of=entry.get("part_of", ""),
        examples=tuple(_example(text) for text in entry["examples"]),
        counter_examples=tuple(_example(text) for text in entry.get("counter_examples", ())),
        shipped=shipped,
    )


def _listed(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _example(text: str | list[str]) -> Example:
    """An example without its marks; a list is joined, so that no file holds a key that looks alive."""
    marked = _joined(text)
    secrets = tuple(regex.findall(r"⟦([^⟧]*)⟧", marked))
    return Example(marked.replace("⟦", "").replace("⟧", ""), secrets)
