"""A JSON text decoded: no key lost, no number too long, and its characters put together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json.scanner import make_scanner
from typing import Any

__all__ = ["DECODER", "SCAN", "balanced", "has_each_key_once", "in_unicode", "plain_object"]

_OBJECT = re.compile(r"[ \t\r\n]{0,64}\{")
_LOOSE = re.compile(r"[ \t\r\n]:")
_SHALLOW = 100  # brackets of an object that cannot be nested too deeply
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]|"', re.DOTALL)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # a repeated key would hide its first value from every usual reader
        for key in found:
            values = tuple(value for name, value in pairs if name == key)
            if len(values) > 1:
                found[key] = values
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 32 else float(digits)  # noqa: PLR2004  int() of thousands of digits raises


DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_integer, strict=False)
_PLAIN = json.JSONDecoder(parse_int=_integer, strict=False)  # nine times as fast without a hook, but blind to repeated keys
SCAN: Callable[[str, int], tuple[Any, int]] = make_scanner(_PLAIN)  # type: ignore[arg-type]  # typeshed mistakes the decoder
_NESTED = frozenset({dict, list})


def has_each_key_once(text: str, value: Any) -> bool:  # noqa: ANN401  any JSON value
    """Whether decoding `text` to `value` dropped no repeated key; False also where that is not plain to see.

    Every key ends in a quote and a colon. Other such pairs are in strings only, behind a backslash; and where no backslash
    stands behind another, none of those that do ends a key. White space before a colon is the caller's to look for.
    """
    pairs, keys = text.count('":'), _keys(value)
    return pairs == keys or ("\\\\" not in text and pairs - text.count('\\":') == keys)


def plain_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, as `frames` would tell it; None if there is anything unusual about it."""
    begin = _OBJECT.match(text)
    if not begin or text.count("{") + text.count("[") > _SHALLOW or "\\ud" in text or "\\uD" in text or _LOOSE.search(text):
        return None
    try:
        value, end = SCAN(text, begin.end() - 1)
        if not text.isascii():
            text.encode()
    except (StopIteration, ValueError, RecursionError):
        return None
    if type(value) is not dict or text[end:].strip(" \t\r\n") or not has_each_key_once(text, value):
        return None
    return value


def _keys(value: Any) -> int:  # noqa: ANN401  any JSON value
    """How many keys the objects in a value have."""
    if type(value) is dict:
        found = len(value)
        for one in value.values():
            if one and type(one) in _NESTED:
                found += _keys(one)
        return found
    return sum([_keys(one) for one in value if type(one) in _NESTED])


def balanced(text: str, start: int, stop: int) -> tuple[int, int]:
    """The end of the bracket that opens at `start`, -1 if it does not close before `stop`; and the depth inside."""
    depth = deepest = 0
    for match in _TOKEN.finditer(text, start, stop):
        char = text[match.start()]
        if char in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "}]":
            depth -= 1
            if depth <= 0:
                return match.end(), deepest
        elif match.end() - match.start() == 1:
            return -1, deepest
    return -1, deepest


def in_unicode(text: str, value: dict[str, Any], *, wide: bool) -> tuple[dict[str, Any], bool]:
    """The record with its characters put together: from UTF-8 bytes, from pairs of UTF-16 surrogates, from escapes."""
    replaced = False
    if not wide and not text.isascii():
        raw = text.encode("latin-1")
        try:
            decoded = raw.decode()
        except UnicodeDecodeError:
            decoded, replaced = raw.decode("utf-8", "replace"), True
        value = DECODER.raw_decode(decoded)[0]  # bytes above 7F stand inside strings only: it is valid as before
    if wide or "\\ud" in text or "\\uD" in text:
        before = value
        value = _paired(before)
        replaced = replaced or str(value).count("\ufffd") > str(before).count("\ufffd")
    return value, replaced


def _paired(value: Any) -> Any:  # noqa: ANN401  any JSON value
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_paired(key): _paired(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_paired(one) for one in value)
    return value
