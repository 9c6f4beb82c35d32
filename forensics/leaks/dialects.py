"""Patterns of RE2 and of Rust's regex as `regex` reads them."""

from __future__ import annotations

import re

import regex

__all__ = ["DialectError", "translated"]

_LONGEST = 16_000
_TOKENS = regex.compile(
    r"""(?xs)
    (?P<quoted> \\Q (?P<literal>.*?) (?:\\E|\Z) )
  | (?P<hex> \\[xu] \{ (?P<code>[0-9A-Fa-f]{1,6}) \} )
  | (?P<escape> \\. )
  | (?P<comment> \(\?\# [^)]* \) )
  | (?P<named> \(\?P?<(?![=!]) (?P<name>[^>]{1,64}) > )
  | (?P<flags> \(\? (?P<on>[a-zA-Z]*) (?: - (?P<off>[a-zA-Z]+) )? (?P<end>[:)]) )
  | (?P<special> \(\? )
  | (?P<group> \( )
  | (?P<set> \[ \^? \]? (?: \\. | \[:\^?[a-z]+:\] | [^\]\\] )* \] )
  | (?P<char> . )
    """
)
_COMMENT = regex.compile(r"(?s)(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\#[^\n]*")  # outside of sets
# escapes with another meaning or none in `regex`
_ESCAPES = {"\\z": r"\Z", "\\<": r"\m", "\\>": r"\M", "\\C": "", "\\a": r"\x07"}
_KNOWN_FLAGS = frozenset("imsx")


class DialectError(ValueError):
    """A pattern says something that cannot be said here; the message tells what."""


def translated(source: str, *, group: int = 0) -> str:
    """The pattern in the form of a rule: verbose, with what is wanted in a group named `secret`.

    That is group number `group`; 0: the one named TOKEN, else the first, else the whole. Classes and cases are those of ASCII, as in
    both engines when they read bytes. Raises DialectError.
    """
    if len(source) > _LONGEST:
        raise DialectError("the pattern is too long")
    verbose = any(one["flags"] and "x" in one["on"] for one in _TOKENS.finditer(source))
    tokens = list(_TOKENS.finditer(_COMMENT.sub(lambda one: one[1] or "", source) if verbose else source))
    wanted = group or next((number for number, one in enumerate(_groups(tokens), 1) if (one["name"] or "").upper() == "TOKEN"), 1)
    flags, out, count = {"a"}, [], 0
    for one in tokens:
        if one["named"] or one["group"]:
            count += 1
            out.append("(?P<secret>" if count == wanted else "(")
        elif one["flags"]:
            out.append(_flag_group(one, flags))
        else:
            out.append(_written(one, verbose=verbose))
    if group > count:
        raise DialectError(f"it has no group {group}")
    body = "".join(out)
    return f"(?{''.join(sorted(flags))})" + (body if count else f"(?P<secret>{body})")


def _groups(tokens: list[regex.Match[str]]) -> list[regex.Match[str]]:
    return [one for one in tokens if one["named"] or one["group"]]


def _flag_group(one: regex.Match[str], flags: set[str]) -> str:
    """A flag for the rest is one for the whole: patterns set them at the start. `u` goes, the rest must be known."""
    on, off = set(one["on"]) - {"u", "x"}, set(one["off"] or "") - {"u", "x"}
    if (on | off) - _KNOWN_FLAGS:
        raise DialectError("it sets a flag that is unknown here")
    if one["end"] == ")":
        if off:
            raise DialectError("it ends a flag in the middle")
        flags |= on
        return ""
    if not on and not off:
        return "(?:"
    return f"(?{''.join(sorted(on))}{'-' + ''.join(sorted(off)) if off else ''}:"


def _written(one: regex.Match[str], *, verbose: bool) -> str:
    text: str = one.group()
    if one["quoted"]:
        return re.escape(str(one["literal"]))
    if one["hex"]:
        return f"\\U{int(one['code'], 16):08x}"
    if one["escape"]:
        return _ESCAPES.get(text, text)
    if one["comment"]:
        return ""
    if one["set"]:
        if "&&" in text or "--" in text.strip("[]-") or "~~" in text or regex.search(r"(?<!\\)\[(?!:)", text[1:]):
            raise DialectError("it calculates with sets")
        text = regex.sub(r"\\x\{([0-9A-Fa-f]{1,6})\}", lambda code: f"\\U{int(code[1], 16):08x}", text)
        return re.sub(r"(?<!\\)[ \t\r\n]", "", text) if verbose else text
    if one["char"] and not verbose and (text.isspace() or text == "#"):
        return f"\\x{ord(text):02x}" if text.isascii() else f"\\u{ord(text):04x}"
    return text
