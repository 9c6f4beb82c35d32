"""Text for a page whose fonts know few scripts: what they cannot show is written out, and long words may break."""

from __future__ import annotations

import re

from forensics.legible import shown

__all__ = ["BREAK", "plain", "set_text"]

BREAK = "\x1f"  # where a long word may break: no evidence brings it, for `shown` makes controls visible
_RUN = 6  # characters of one run without a letter that are written out
_WORD = 14  # characters of a word that need no place to break
_PIECE = 10

# Left-to-right letters of Latin, Greek and Cyrillic with signs, all of which the embedded fonts have: a test sets every one of them.
# Right-to-left letters are written out too: between others they would change the order in which an address is read.
_LETTERS = (
    "\x1f -~¡-¬®-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u0482\u048a-\u04ff\u1e00-\u1eff\u2010-\u2012\u2013-\u2027"
    "\u2030-\u203e\u20a0-\u20bf\u2116\u2122\u2190-\u2193\u2212\u2260\u2264\u2265\ufb00-\ufb06"
)
_FOREIGN = re.compile(f"[^{_LETTERS}]+")
_NOT_ASCII = re.compile("[^\x1f-~]+")
_LONG = re.compile(rf"\S{{{_WORD + 1},}}")
_JOINT = re.compile(rf"[^@./_\-:=~\]]{{0,{_PIECE}}}[@./_\-:=~\]]*")


def set_text(value: object, limit: int) -> str:
    """A value as it stands on the page: at most `limit` characters of it, all of them visible, with places to break."""
    return _LONG.sub(_breakable, _FOREIGN.sub(_written_out, shown(str(value), limit)))


def plain(text: str) -> str:
    """The same with ASCII only, for fonts that know less than those that this was made for."""
    return _NOT_ASCII.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    """A run of characters without a letter: the first ones by their code points, the rest counted."""
    codes = "".join(f"[U+{ord(char):04X}]" for char in found[0][:_RUN])
    return codes + (f"[and {len(found[0]) - _RUN:,} more]" if len(found[0]) > _RUN else "")


def _breakable(found: re.Match[str]) -> str:
    return BREAK.join(piece for piece in _JOINT.findall(found[0]) if piece)
