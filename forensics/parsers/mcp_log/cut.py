"""JSON that breaks off: closed where it ends, with the place at which it was cut, so that what came before can be read."""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

__all__ = ["Completed", "completed"]

_MARK = "chars truncated"
_CUT_MARK = re.compile(r"\.\.\.\[\d{1,12} chars truncated")
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]|"|[^\s"{}\[\]:,]++', re.DOTALL)
_HALF_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*+)\\(?:u[0-9A-Fa-f]{0,3})?\Z")
_HALF_PAIR = re.compile(r"\\u[dD][89abAB][0-9A-Fa-f]{2}\Z")
_DEEPEST = 100
_MOST_WORDS = 500_000  # brackets, commas, strings: a mail's arguments have some dozens


class Completed(NamedTuple):
    """JSON text with its brackets closed; `path` are the keys that lead to where it was cut ("" for a list's element)."""

    text: str
    path: tuple[str, ...]


def completed(text: str) -> Completed | None:
    """What is left of an object that breaks off, at a host's own mark (`...[5120 chars truncated`) or at the end of `text`.

    The value in which it breaks off stays as far as it goes if it is a string, and goes else. None if nothing can be made of
    it. Linear in the length of `text`.
    """
    if _MARK in text[-200:]:  # the host's mark ends what it cuts; the same words inside a body do not
        marks = list(_CUT_MARK.finditer(text, max(len(text) - 200, 0)))
        text = text[: marks[-1].start()] if marks else text
    stack: list[str] = []  # closing brackets to come
    keys: list[str] = []  # the key last met on each level
    kept, is_value = 0, True
    for match in islice(_TOKEN.finditer(text), _MOST_WORDS):
        word = match.group()
        if word == '"':
            return _within_string(text, match.start(), stack, keys) if is_value and stack else _closed(text[:kept], stack, keys)
        if word in "{[":
            stack.append("}" if word == "{" else "]")
            keys.append("")
            is_value, kept = word == "[", match.end()
            if len(stack) > _DEEPEST:
                return None
        elif word in "}]":
            if not stack or stack.pop() != word:
                return None
            keys.pop()
            _done(keys)
            kept = match.end()
        elif word == ":":
            is_value = True
        elif word == ",":
            is_value = bool(stack) and stack[-1] == "]"
        elif is_value and (word[0] == '"' or match.end() < len(text)):  # a bare word at the end may go on
            kept = match.end()
            _done(keys)
        elif keys and word[0] == '"':
            keys[-1] = word[1:-1]
        if not stack:
            break
    return _closed(text[:kept], stack, keys) if stack else None


def _done(keys: list[str]) -> None:
    """The member that was being read is whole: a cut from here on lies behind it."""
    if keys:
        keys[-1] = ""


def _within_string(text: str, start: int, stack: list[str], keys: list[str]) -> Completed:
    rest = _HALF_PAIR.sub("", _HALF_ESCAPE.sub(r"\1", text[start:]))
    return _closed(text[:start] + rest + '"', stack, keys)


def _closed(text: str, stack: list[str], keys: list[str]) -> Completed:
    return Completed(text.rstrip().rstrip(",") + "".join(reversed(stack)), tuple(keys))
