"""Fields of a JSON record that may be missing, null, doubled or of any type: what can be read is, what cannot is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = ["Fields", "first_level"]

T = TypeVar("T")
_COUNT = re.compile(
    r"[ \t\r\n]{0,9}([0-9]{1,15})[ \t\r\n]{0,9}"
)  # no other white space: a control character is no part of a count


@dataclass(slots=True)
class Fields:
    """The fields of one record by name.

    `wrong` gathers the names of those that were not of the expected form, `remarks` sentences about the whole; neither
    holds evidence. A missing field and null are the same and no fault; a repeated key (a tuple) is one.
    """

    value: dict[str, Any]
    wrong: set[str] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A text; "" if there is none."""
        found = self.value.get(name)
        if type(found) is str:
            return found
        if found is not None:
            self.wrong.add(name)
        return ""

    def label(self, name: str) -> str:
        """A text that some exports write as a number."""
        found = self.value.get(name)
        return str(found) if type(found) is int else self.text(name)

    def count(self, name: str) -> int | None:
        """A number from 0 on, as number or as digits in a text."""
        found = self.value.get(name)
        if type(found) is str and (digits := _COUNT.fullmatch(found)):
            return int(digits[1])
        if type(found) is int and 0 <= found < 10**15:
            return found
        if found is not None:
            self.wrong.add(name)
        return None

    def flag(self, name: str) -> bool | None:
        """True or false, as such or as text."""
        found = self.value.get(name)
        if type(found) is bool:
            return found
        if type(found) is str and found.lower() in {"true", "false"}:
            return found.lower() == "true"
        if found is not None:
            self.wrong.add(name)
        return None

    def parsed(self, name: str, parse: Callable[[str], T | None]) -> T | None:
        """What `parse` makes of a text; None if there is no text, or if it makes nothing of it."""
        text = self.text(name)
        found = parse(text) if text else None
        if text and found is None:
            self.wrong.add(name)
        return found

    def mapping(self, name: str) -> dict[str, Any]:
        """An object; {} if there is none."""
        found = self.value.get(name)
        if type(found) is dict:
            return found
        if found is not None:
            self.wrong.add(name)
        return {}

    def texts(self, name: str, key: str) -> list[str]:
        """The texts of a list, or those under `key` of its objects; empty ones are left out.

        One of them alone is read too: PowerShell makes that of a list of one. A repeated key gives the texts of all its
        values, for the one that other readers drop may be the one that matters.
        """
        found = self.value.get(name)
        texts: list[str] = []
        for entry in found if type(found) is list else self._unrolled(name, found):
            text = entry.get(key) if type(entry) is dict else entry
            if type(text) is str:
                if text:
                    texts.append(text)
                continue
            self.wrong.add(name)
            if type(text) is tuple:
                texts.extend(one for one in text if type(one) is str and one)
        return texts

    def _unrolled(self, name: str, found: object) -> list[Any]:
        if found is None:
            return []
        if isinstance(found, tuple):
            self.wrong.add(name)
            return [one for part in found for one in (part if type(part) is list else [part])]
        return [found]


_SHALLOW = re.compile(r'"(?P<key>[A-Za-z]{1,40})"\s{0,16}:|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]"]', re.DOTALL)


def first_level(text: str) -> list[str]:
    """The keys of an object's own level, in order, as far as the text goes: what a cut record still tells of its kind."""
    keys: list[str] = []
    depth = 0
    for match in _SHALLOW.finditer(text):
        if match.group() == '"':  # a string without an end: what follows is in it
            break
        if match["key"] and depth == 1:
            keys.append(match["key"])
        depth += (match.group() in "{[") - (match.group() in "}]")
        if depth <= 0:
            break
    return keys
