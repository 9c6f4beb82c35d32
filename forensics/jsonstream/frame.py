"""What large JSON is cut into: records, the pages around them, and what is neither."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Broken", "Frame", "Page", "Record"]


class Record(NamedTuple):
    """One JSON object. Offsets are in bytes of the member, end exclusive; a repeated key holds a tuple of its values."""

    start: int
    end: int
    value: dict[str, Any]
    within: str = ""  # key of the page's list in which it stands; "" elsewhere
    replaced: bool = False  # characters that are no Unicode were replaced


class Page(NamedTuple):
    """An object around a list of records, told after them; `fields` are its short scalars."""

    start: int
    end: int
    name: str  # key of the list
    fields: dict[str, Any]
    rows: int  # whole records met in the list
    elements: int  # anything met in it
    complete: bool  # its closing brace was met


class Broken(NamedTuple):
    """Bytes that are no readable record, and why."""

    start: int
    end: int
    reason: str
    within: str = ""


Frame = Record | Page | Broken
