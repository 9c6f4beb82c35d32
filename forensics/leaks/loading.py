"""The rules of a run: the shipped ones, and those of a user's files, in our form or in another scanner's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from forensics.leaks.foreign import foreign_rules, is_foreign
from forensics.leaks.ruleset import Rule, RuleError, Ruleset, file_rules, indexed

__all__ = ["RuleFile", "load_rules", "rule_files"]


class RuleFile(NamedTuple):
    """A user's rule file as it was read: workers on other machines need not find it."""

    name: str
    content: bytes


def rule_files(paths: Iterable[Path]) -> tuple[RuleFile, ...]:
    """Read rule files. Raises RuleError, which names each one that cannot be read."""
    files, problems = [], []
    for path in paths:
        try:
            files.append(RuleFile(path.name, path.read_bytes()))
        except OSError as error:
            problems.append(f"{path.name}: cannot be read: {error.strerror}")
    if problems:
        raise RuleError(problems)
    return tuple(files)


def load_rules(*extra: Path | RuleFile) -> Ruleset:
    """The shipped rules and those of further files: TOML of ours or of gitleaks, YAML of Kingfisher or Nosey Parker.

    Raises RuleError, which names every problem of every file of ours, and each other file in which nothing can be used. A
    rule of another scanner that has no like here is left out, and named in the `remarks` of the ruleset.
    """
    return _loaded(tuple(extra))


@lru_cache(maxsize=16)
def _loaded(extra: tuple[Path | RuleFile, ...]) -> Ruleset:
    problems: list[str] = []
    given: list[RuleFile] = []
    for one in extra:
        try:
            given += [one] if isinstance(one, RuleFile) else rule_files([one])
        except RuleError as error:
            problems += error.problems
    shipped = [RuleFile(path.name, path.read_bytes()) for path in _shipped()]
    rules = [rule for name, content in shipped for rule in file_rules(name, content, problems, compile_now=False)]
    remarks: list[str] = []
    for name, content in given:
        if is_foreign(name, content):
            rules += _taken_over(name, content, {rule.id for rule in rules}, problems, remarks)
        else:
            rules.extend(file_rules(name, content, problems, compile_now=True))
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            problems.append(f"rule {rule.id}: id: used twice")
        seen.add(rule.id)
    if problems:
        raise RuleError(problems)
    digest = hashlib.sha256(b"\0".join(content for _, content in (*shipped, *given))).hexdigest()
    return indexed(tuple(rules), digest[:16], tuple(remarks))


def _taken_over(name: str, content: bytes, known: set[str], problems: list[str], remarks: list[str]) -> list[Rule]:
    """Another scanner's rules but for those whose id is taken; a file without a usable one is a problem."""
    found, told = foreign_rules(name, content)
    rules = []
    for rule in found:
        if rule.id in known:
            told.append(f"{name}: rule {rule.id}: not taken over: the id is taken")
            continue
        known.add(rule.id)
        rules.append(rule)
    if rules:
        remarks += told
    else:
        problems += told or [f"{name}: no rule in it"]
    return rules


def _shipped() -> list[Path]:
    folder = Path(str(resources.files("forensics"))) / "rules"
    return sorted(folder.glob("*.toml"))
