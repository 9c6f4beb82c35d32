"""Values of JSON by path, read without trust in any shape."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["MOST_VALUES", "exists", "holds_list", "objects_at", "texts_at"]

MOST_VALUES = 10_000  # of one path in one record
_MOST_STEPS = 16
_Ways = tuple[tuple[str, bool, Any], ...]  # a key, whether its value is a list, and the ways on from there; () at the end


@lru_cache(maxsize=1_024)
def _ways(path: str) -> _Ways:
    """The ways along a path. `to[].address`: the key "to", every entry of its list, the key "address".

    A key that holds dots is one too, as programs write that make records flat: `{"email.from": ...}`. Steps beyond the sixteenth
    are one key.
    """
    steps = path.split(".", _MOST_STEPS - 1)
    ways: _Ways = ()
    behind: list[_Ways] = [()]  # the ways on from each step, the last first
    for first in range(len(steps) - 1, -1, -1):
        found, key = [], ""
        for last in range(first, len(steps)):
            key = f"{key}.{steps[last]}" if key else steps[last]
            found.append((key.removesuffix("[]"), key.endswith("[]"), behind[len(steps) - 1 - last]))
            if key.endswith("[]"):
                break
        ways = tuple(found)
        behind.append(ways)
    return ways


def _reach(value: Any, ways: _Ways, found: list[Any]) -> bool:  # noqa: ANN401  any JSON value
    """Gathers what lies at the end of the ways; False if a list, or another shape, lies where the path has none."""
    if not ways:
        found.append(value)
        return True
    if type(value) is not dict:
        return value is None
    fine = True
    for key, is_list, rest in ways:
        if key in value:
            fine = _entries(value[key], is_list, rest, found) and fine
    return fine


def _entries(value: Any, is_list: bool, ways: _Ways, found: list[Any]) -> bool:  # noqa: ANN401  any JSON value
    if type(value) is tuple:  # a repeated key: the value that other readers drop may be the one that matters
        for one in value:
            _entries(one, is_list, ways, found)
        return False
    if type(value) is list:
        fine = is_list
        for one in value[:MOST_VALUES]:
            fine = _reach(one, ways, found) and fine
        return fine and len(value) <= MOST_VALUES
    return _reach(value, ways, found)  # PowerShell and others write a list of one as the one


def texts_at(value: dict[str, Any], path: str) -> tuple[tuple[str, ...], bool]:
    """The texts, numbers and truth values at a path, as text, and whether all of it is of the shape that the path expects.

    Nothing and null are the same, and no fault. At most `MOST_VALUES`.
    """
    found: list[Any] = []
    fine = _reach(value, _ways(path), found)
    if not found:
        return (), fine
    texts = []
    for one in found:
        if type(one) is str:
            if one and not one.isspace():
                texts.append(one)
        elif type(one) is bool:
            texts.append("true" if one else "false")
        elif type(one) in {int, float}:
            texts.append(str(one))
        elif one is not None:
            fine = False
    return tuple(texts[:MOST_VALUES]), fine and len(texts) <= MOST_VALUES


def exists(value: dict[str, Any], path: str) -> bool:
    """Whether anything but null lies at a path."""
    found: list[Any] = []
    _reach(value, _ways(path), found)
    return any(one is not None for one in found)


def objects_at(value: dict[str, Any], path: str) -> tuple[list[dict[str, Any]], bool]:
    """The objects at a path, and whether there is nothing else."""
    found: list[Any] = []
    fine = _reach(value, _ways(path), found)
    objects = [one for one in found if type(one) is dict]
    return objects, fine and len(objects) == len(found)


def holds_list(value: dict[str, Any], path: str) -> bool:
    """Whether a list, if only an empty one, lies at the end of a path that ends in one."""
    return _list_at_end(value, _ways(path))


def _list_at_end(value: Any, ways: _Ways) -> bool:  # noqa: ANN401  any JSON value
    if type(value) is not dict:
        return False
    return any(
        _list_at_end(value[key], rest) if rest else is_list and type(value[key]) is list
        for key, is_list, rest in ways
        if key in value
    )
