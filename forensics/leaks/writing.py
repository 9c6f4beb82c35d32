"""A pattern's tree written down again: on bytes for the search engine, and on text for `re`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from forensics.leaks.syntax import ANY, Boundary, Chars, Choice, Node, Repetition, Sequence, longest

__all__ = ["NOTHING", "in_bytes", "in_text"]

NOTHING = "\0"  # stands between texts that are searched together: each begins behind one
_COUNTED = 12  # repeats up to here are counted, longer ones are open: a loop costs the engine nothing
_LONGEST = 200  # characters that a repeat is asked for at the least
_LISTED = 16  # characters beyond ASCII that a set for `re` names one by one


def _set(chars: Iterable[str], more: str = "") -> str:
    """The inside of a character set."""
    return _byte_runs(map(ord, chars)) + more


_HIGH = r"\x80-\xff"
_ONE_HIGH = r"[\xc2-\xf4][\x80-\xbf]{1,3}"


def in_bytes(node: Node, *, opens: bool) -> bytes:
    """A byte expression that fits whatever the tree fits; `opens`: nothing stands before it, so that boundaries can be kept."""
    return _byte_form(node, opens=opens).encode("ascii")


def _byte_form(node: Node, *, opens: bool) -> str:
    if isinstance(node, Chars):
        return _byte_char(node)
    if isinstance(node, Boundary):
        if not opens:
            return ""
        return f"(?:^|[{_set(node.before | {NOTHING}, _HIGH if node.wide else '')}])"
    if isinstance(node, Sequence):
        out = []
        for item in node.items:
            out.append(_byte_form(item, opens=opens))
            opens = opens and longest(item) == 0 and not isinstance(item, Boundary)
        return "".join(out)
    if isinstance(node, Choice):
        return "(?:" + "|".join(dict.fromkeys(_byte_form(branch, opens=opens) for branch in node.branches)) + ")"
    return _byte_repetition(node)


@lru_cache(maxsize=4096)
def _byte_char(one: Chars) -> str:
    plain = f"[{_set(one.ascii)}]" if len(one.ascii) != 1 else _byte(ord(min(one.ascii)))
    plain = plain if one.ascii else ""
    if one.wide:
        return f"(?:{plain}|{_ONE_HIGH})" if plain else f"(?:{_ONE_HIGH})"
    written = _byte_strings(one.others)
    branches = [plain, *written] if plain else written
    if not branches:
        return r"[^\x00-\xff]"  # nothing fits
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _byte_strings(chars: frozenset[str]) -> list[str]:
    """Characters as one alternative for each number of bytes, set by set: a few more than asked for fit."""
    encoded = [char.encode("utf-8", "surrogatepass") for char in chars]
    return [
        "".join(f"[{_byte_runs(set(column))}]" for column in zip(*same, strict=True))
        for length in (2, 3, 4)
        if (same := [one for one in encoded if len(one) == length])
    ]


def _byte_runs(codes: Iterable[int]) -> str:
    runs: list[list[int]] = []
    for code in sorted(codes):
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(_byte(low) if low == high else f"{_byte(low)}-{_byte(high)}" for low, high in runs)


def _byte(code: int) -> str:
    return chr(code) if chr(code).isascii() and chr(code).isalnum() else f"\\x{code:02x}"


def _byte_repetition(node: Repetition) -> str:
    item = node.item
    least, most = min(node.least, _LONGEST), node.most
    if isinstance(item, Chars) and item.wide:
        inside = "[" + _set(item.ascii, _HIGH) + "]"
        most = None if most is None else 4 * most
    else:
        inside = f"(?:{_byte_form(item, opens=False)})"
    if inside == "(?:)" or most == 0:
        return ""
    if most is not None and most > max(_COUNTED, least):
        most = None
    if (least, most) == (1, 1):
        return inside
    count = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, most))
    return inside + (count or (f"{{{least}}}" if least == most else f"{{{least},{'' if most is None else most}}}"))


def in_text(node: Node, *, opens: bool) -> str:
    """The same for `re` on text, boundaries as look-behinds."""
    if isinstance(node, Chars):
        is_wide = node.wide or len(node.others) > _LISTED
        more = r"\x80-\U0010ffff" if is_wide else "".join(f"\\U{ord(char):08x}" for char in sorted(node.others))
        inside = _set(node.ascii, more)
        return f"[{inside}]" if inside else "(?!)"
    if isinstance(node, Boundary):
        after = _set(frozenset(ANY.ascii) - node.before, "" if node.wide else r"\x80-\U0010ffff")
        return f"(?<![{after}])" if opens and after else ""
    if isinstance(node, Sequence):
        out = []
        for item in node.items:
            out.append(in_text(item, opens=opens))
            opens = opens and longest(item) == 0
        return "".join(out)
    if isinstance(node, Choice):
        return "(?:" + "|".join(dict.fromkeys(in_text(branch, opens=opens) for branch in node.branches)) + ")"
    inner = in_text(node.item, opens=False)
    return f"{inner if isinstance(node.item, Chars) else f'(?:{inner})'}{{{node.least},{'' if node.most is None else node.most}}}"
