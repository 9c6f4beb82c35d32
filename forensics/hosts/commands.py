"""Command lines: does this one start or install a package through npm's tools, and which version does it ask for?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Asked", "asked", "secret_names", "verb_of"]

_WORDS = re.compile(r"[^\s\"'`;|&()<>]+|[;|&]+")
_TOKENS = 4_000  # words of one command that are looked at
_RUN_AT_ONCE = {"npx", "pnpx", "bunx", "nypx"}
_BY_VERB = {"npm", "pnpm", "yarn", "yarnpkg", "bun", "deno"}
_RUN = {"exec", "x", "dlx"}
_INSTALL = {"i", "in", "ins", "install", "add", "ci", "install-test", "it", "update", "up", "upgrade", "link"}
_REMOVE = {"uninstall", "un", "unlink", "remove", "rm", "r"}
# options whose value is a word of its own (npm docs, config); a package given by option leaves the rest to its program
_WITH_VALUE = {
    "--registry", "--prefix", "--cache", "--userconfig", "--globalconfig", "--loglevel", "--node-options", "--shell", "-c", "--call",
    "-w", "--workspace", "-C", "--dir", "--cwd", "--script-shell", "--before", "--tag", "--filter", "-F",
}  # fmt: skip
_PACKAGE = {"-p", "--package"}
_SECRET_WORD = re.compile(r"TOKEN|KEY|SECRET|PASS|PWD|CREDENTIAL|AUTH", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_ASSIGNED = re.compile(r"(?:--?e(?:nv)?=)?([A-Za-z_][A-Za-z0-9_]{0,63})=(.+)", re.ASCII | re.DOTALL)
_OPTION = re.compile(r"(--[A-Za-z][A-Za-z0-9-]{0,63})(?:=(.*))?", re.ASCII | re.DOTALL)
# a value that stands elsewhere: ${VAR}, $VAR, %VAR%, {{var}}, <your token>, or nothing
_REFERENCE = re.compile(r"\s*|\$\{[^}]*\}|\$\w+|%\w+%|\{\{.*\}\}|<[^<>]*>|\{env:\w+\}", re.DOTALL)


class Asked(NamedTuple):
    """A package that a command names: the version, range or tag as written ("" for none), and what is done with it."""

    name: str
    spec: str
    how: str  # "run", "install", "remove", "path"


def asked(command: Sequence[str], names: Collection[str]) -> Iterator[Asked]:
    """The wanted packages that a command runs or installs. Words of a shell's line count like the command's own.

    A package counts after npm's kind of tool, as the command itself (a global installation), or as a path into an
    installed tree. After any other program (docker, python) the word is another thing's name.
    """
    words = [word for token in command for word in _WORDS.findall(token)][:_TOKENS]
    for place, word in enumerate(words):
        name = _in_tree(word, names)
        if name:
            yield Asked(name, "", "path")
        if place == 0 and _program(word) in names:
            yield Asked(_program(word), "", "run")
    at = 0
    while at < len(words):
        program, at = _program(words[at]), at + 1
        if program in _RUN_AT_ONCE:
            yield from _packages(words, at, names, "run")
        elif program in _BY_VERB:
            verb, after = _verb(words, at)
            if verb in names and program != "npm":  # yarn, pnpm and bun take an installed program's name for a command
                yield Asked(verb, "", "run")
            elif verb == "run" and program == "deno":
                yield from _packages([one for one in words if "npm:" in one], 0, names, "run")
            elif how := _how(verb):
                yield from _packages(words, after, names, how)


def verb_of(words: Sequence[str]) -> str:
    """What an npm command does, from its words after `npm`: "run", "install", "remove" or ""."""
    return _how(_verb(words, 0)[0])


def _how(verb: str) -> str:
    return "run" if verb in _RUN else "install" if verb in _INSTALL else "remove" if verb in _REMOVE else ""


def _program(word: str) -> str:
    return re.sub(r"\.(?:cmd|exe|ps1|bat)$", "", word.replace("\\", "/").rpartition("/")[2].lower())


def _verb(words: Sequence[str], at: int) -> tuple[str, int]:
    while at < len(words):
        word, at = words[at], at + 1
        if word in _WITH_VALUE:
            at += 1
        elif word == "global":  # yarn global add
            continue
        elif not word.startswith("-"):
            return word, at
    return "", at


def _packages(words: Sequence[str], at: int, names: Collection[str], how: str) -> Iterator[Asked]:
    """Packages of one npm command: given by option, else its first word, else (when installing) all of its words."""
    by_option, positional = [], []
    while at < len(words) and words[at][0] not in ";|&":
        word, at = words[at], at + 1
        if word in _PACKAGE and at < len(words):
            by_option.append(words[at])
            at += 1
        elif word.startswith(("--package=", "-p=")):
            by_option.append(word.partition("=")[2])
        elif word in _WITH_VALUE:
            at += 1
        elif not word.startswith("-"):
            positional.append(word)
    chosen = by_option or (positional[:1] if how == "run" else positional)
    for word in chosen:
        found = _spec(word, names)
        if found:
            yield Asked(*found, how)


def _spec(word: str, names: Collection[str]) -> tuple[str, str] | None:
    """Name and version of a package as npm's tools take it: name, name@version, alias@npm:name@version, npm:name@version."""
    bare = word.rpartition("npm:")[2]
    name, _, version = bare[1:].partition("@") if bare.startswith("@") else bare.partition("@")
    name = f"@{name}" if bare.startswith("@") else name
    return (name, version) if name in names else None


def _in_tree(word: str, names: Collection[str]) -> str:
    parts = word.replace("\\", "/").split("/")
    for before, first, second in zip(parts, parts[1:], [*parts[2:], ""], strict=False):
        if before == "node_modules":
            name = f"{first}/{second}" if first.startswith("@") else first
            if name in names:
                return name
    return ""


def secret_names(environment: object, arguments: Sequence[str] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of variables and options that hold a secret here, and of those that only refer to one kept elsewhere.

    A name counts if it says so (token, key, secret ...). No value is looked at but to tell a reference from a secret.
    """
    pairs = [(key, value) for key, value in environment.items() if isinstance(key, str)] if isinstance(environment, dict) else []
    for place, word in enumerate(arguments):
        assigned, option = _ASSIGNED.fullmatch(word), _OPTION.fullmatch(word)
        if assigned:
            pairs.append((assigned[1], assigned[2]))
        elif option:
            following = arguments[place + 1] if place + 1 < len(arguments) else ""
            pairs.append((option[1], option[2] if option[2] is not None else "" if following.startswith("-") else following))
    held: set[str] = set()
    referred: set[str] = set()
    for key, value in pairs:
        if _SECRET_WORD.search(key) and _NAME.fullmatch(key.lstrip("-").replace("-", "_")):
            (referred if not isinstance(value, str) or _REFERENCE.fullmatch(value) else held).add(key)
    return tuple(sorted(held)), tuple(sorted(referred - held))
