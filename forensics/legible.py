"""Text from evidence as it may stand before a reader: every invisible or steering character made visible, and cut."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd  # a worker makes text visible without it

__all__ = ["LONGEST", "cut", "legible", "shown"]

LONGEST = 4_000  # characters of one piece of text on the page; cells are cut far below that
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # printable by the tables, blank on the screen: look-alike addresses
# A pile of combining marks paints over its neighbours.
_MARKS = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{5,1000}")


def shown(text: str, limit: int = LONGEST) -> str:
    """Text from evidence as it may stand on a page: no control, bidi or invisible character stays, all become visible.

    C0 and C1 controls, bidi controls, zero-width characters, lone surrogates and private-use characters turn into
    `[U+202E]`; line ends, tabs and unusual spaces into one space. Cut after `limit` characters, and says so. Markup is
    not escaped here: that is the template's part.
    """
    text = _MARKS.sub(lambda found: f"[{len(found[0])} combining marks]", cut(text, limit))
    if text.isprintable() and _BLANK.isdisjoint(text):
        return text
    return "".join(map(_visible, text))


def legible(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose cells are text as `shown` writes it."""
    return frame.astype(object).map(lambda cell: shown(str(cell)))


def _visible(char: str) -> str:
    if char.isprintable() and char not in _BLANK:
        return char
    if char in "\t\n\r" or unicodedata.category(char) == "Zs":
        return " "
    return f"[U+{ord(char):04X}]"


def cut(value: object, limit: int) -> str:
    """A value as text of at most `limit` characters; what was left out is counted at its end."""
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]} … [{len(text) - limit:,} more characters]"
