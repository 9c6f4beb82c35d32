"""Records made fast: frozen dataclasses with slots, filled as quickly as any other object.

A frozen dataclass sets each field through `object.__setattr__`, which for a record of twenty fields takes longer than to
read what it says. An open twin with the same slots is filled at the speed of any other object, and then told what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, make_dataclass
from operator import attrgetter
from typing import Any, TypeVar, cast

from forensics.model import Observation, Recipient

__all__ = ["constructor", "replaced"]

_T = TypeVar("_T")


def _twin(kind: type) -> Any:  # noqa: ANN401  a class made here has no name for mypy
    """A class with the slots of a frozen dataclass, which can be filled; Python lets an object change between the two."""
    return make_dataclass(kind.__name__, [(one.name, one.type) for one in fields(kind)], slots=True, eq=False, repr=False)


def constructor(kind: type[_T]) -> Callable[..., _T]:
    """What makes a frozen dataclass with slots out of *all* of its fields, by position: four times as fast as itself."""
    twin = _twin(kind)

    def made(*values: object) -> _T:
        one = twin(*values)
        one.__class__ = kind
        return one  # type: ignore[no-any-return]  # a cast is a call, and this is called for every record

    return made


_OPEN: dict[type, tuple[Any, Callable[[Any], tuple[object, ...]]]] = {
    kind: (_twin(kind), attrgetter(*(one.name for one in fields(kind)))) for kind in (Observation, Recipient)
}


def replaced(record: _T, **changes: object) -> _T:
    """A copy of an observation or a recipient with other values in some fields: `dataclasses.replace`, four times as fast."""
    kind = type(record)
    twin, values = _OPEN[kind]
    one = twin(*values(record))
    for name, value in changes.items():
        setattr(one, name, value)
    one.__class__ = kind
    return cast("_T", one)
