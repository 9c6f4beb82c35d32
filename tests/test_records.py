"""Records made fast are the records that their classes make."""

from __future__ import annotations

import dataclasses
import pickle
from datetime import UTC, datetime

import pytest

from forensics.model import Observation, Outcome, Recipient, Role, Route, Span
from forensics.records import constructor, replaced


def full(address: str) -> Recipient:
    return Recipient(
        address, Role.BCC, Outcome.DELIVERED, "W", "o", "r", datetime(2025, 9, 7, tzinfo=UTC), "--09-07T10:00:02", 1, 2
    )


def test_a_record_made_fast_is_the_record() -> None:
    made = constructor(Recipient)
    values = [getattr(full("a@b.example"), one.name) for one in dataclasses.fields(Recipient)]
    one = made(*values)
    assert type(one) is Recipient
    assert (one, hash(one), repr(one)) == (full("a@b.example"), hash(full("a@b.example")), repr(full("a@b.example")))
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.address = "x"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(one)) == one
    for wrong in (values[:-1], [*values, 0]):
        with pytest.raises(TypeError):
            made(*wrong)


def test_a_replaced_record_differs_where_it_should() -> None:
    one = full("a@b.example")
    other = replaced(one, stamp="", start=-1)
    assert other == dataclasses.replace(one, stamp="", start=-1)
    assert type(other) is Recipient
    assert one == full("a@b.example")
    seen = Observation(Span("e", "", 0, 9), "mbox", "mail", Route.MAILBOX)
    assert replaced(seen, facts=(("a", "b"),)) == dataclasses.replace(seen, facts=(("a", "b"),))
    with pytest.raises(AttributeError):
        replaced(one, nonsense=1)
