"""JSON as people and tools write it: with comments, trailing commas and a byte order mark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

__all__ = ["Unreadable", "loads", "tables"]

_NODES = 500_000  # values that are looked at in one document
# strings are matched so that what looks like a comment inside them stays; each alternative also ends at the end
_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|//[^\n]*+|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TRAILING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|,(?=\s*+[}\]])', re.DOTALL)


class Unreadable(ValueError):  # noqa: N818  it names what a document is, not what went wrong here
    """A document that is no JSON, even leniently; the message says why and quotes nothing."""


def loads(content: bytes) -> object:
    """The value of a document, strict first, leniently next. Raises Unreadable and nothing else."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if wide else "utf-8-sig", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass  # no strict JSON: leniently below
    try:
        bare = _COMMENT.sub(lambda match: match[0] if match[0].startswith('"') else " ", text)
        return json.loads(_TRAILING.sub(lambda match: match[0] if match[0].startswith('"') else "", bare), strict=False)
    except json.JSONDecodeError as error:
        msg = f"not valid JSON from line {error.lineno} on"
        raise Unreadable(msg) from None
    except (ValueError, RecursionError):
        msg = "not valid JSON: nested too deeply, or a number too long"
        raise Unreadable(msg) from None


def tables(value: object) -> Iterator[tuple[tuple[str, ...], Mapping[str, object]]]:
    """Every object of a document with its path of keys, outer before inner; list places are left out of the path."""
    waiting: list[tuple[tuple[str, ...], object]] = [((), value)]
    left = _NODES
    while waiting and left:
        path, one = waiting.pop()
        left -= 1
        if isinstance(one, dict):
            yield path, one
            waiting += [((*path[-8:], str(key)), inner) for key, inner in reversed(one.items()) if isinstance(inner, dict | list)]
        elif isinstance(one, list):
            waiting += [(path, inner) for inner in reversed(one) if isinstance(inner, dict | list)]
