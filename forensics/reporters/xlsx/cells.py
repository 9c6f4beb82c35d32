"""What may stand in a cell: text that no spreadsheet runs or hides, numbers that keep all their digits."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

from forensics.legible import shown

__all__ = ["FORMULA", "LONGEST_CELL", "content", "label", "letters", "lines", "number", "text"]

LONGEST_CELL = 32_767  # UTF-16 units, "Excel specifications and limits"
_REPEATED = 400  # characters up to which a text is likely to stand in many cells
_DIGITS = 15  # that a spreadsheet keeps of a number
_KEPT = (32_000, 16_000, 8_000, 4_000, 2_000)  # characters kept of a longer text; one may become ten when it is made visible
# what a spreadsheet takes for a formula when somebody edits the cell: it is told that this one is text
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "'")
# numbers that tables keep as text: they may be unknown, or are rounded
_COUNTED = frozenset({"score", "credentials", "personal_data", "bytes"})


def content(column: str, value: object, file: str) -> str | int | float:
    """What stands in a cell of a column: a number, or text as `text` makes it."""
    count = number(column, value)
    return text(value, file) if count is None else count


def text(value: object, file: str) -> str:
    """A value as text of at most `LONGEST_CELL` units, every invisible character made visible; "" for a missing one.

    What does not fit is cut, and the cell says how much was, and that `file` has all of it.
    """
    if value is None or value != value:  # noqa: PLR0124  NaN is the one value unequal to itself
        return ""
    raw = str(value)
    return _legible(raw, file) if len(raw) > _REPEATED else _legible_again(raw, file)


def _legible(raw: str, file: str) -> str:
    if len(raw) <= LONGEST_CELL:
        whole = shown(raw, LONGEST_CELL)
        if _units(whole) <= LONGEST_CELL:
            return whole
    parts = (f"{shown(raw, keep)} [all of it in {file}]" for keep in _KEPT)
    return next(part for part in parts if _units(part) <= LONGEST_CELL)


_legible_again = lru_cache(maxsize=4096)(_legible)  # verdicts, kinds, addresses: most cells say what others say


def _units(value: str) -> int:
    """Length as spreadsheets count it: a character beyond the first 65,536 of Unicode counts twice."""
    return len(value) if value.isascii() else len(value) + sum(char > "\uffff" for char in value)


def number(column: str, value: object) -> int | float | None:
    """A count or score of a column as a number; None where it is no number, or has more digits than a spreadsheet keeps."""
    if isinstance(value, str) and column not in _COUNTED:
        return None
    native = value.item() if hasattr(value, "item") else value
    if isinstance(native, bool) or not isinstance(native, int | float | str):
        return None
    written = str(native)
    digits = written.removeprefix("-")
    whole, _, rest = digits.partition(".")
    if not (digits.isascii() and (whole + rest).isdigit() and whole and len(whole + rest) <= _DIGITS):
        return None
    return float(written) if rest else int(written) if "." not in written else None


def label(column: str) -> str:
    """A column's name as people write it."""
    return column[:1].upper() + column[1:].replace("_", " ")


def lines(length: int, width: int) -> int:
    """Lines that a text of that many characters takes in a wrapped cell of that width, roughly."""
    return max(1, ceil(length / width))


def letters(place: int) -> str:
    """The name of a column, counted from 0: A to Z, AA to ZZ and so on."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
