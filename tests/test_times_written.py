"""Times that leave the case: ISO 8601 in UTC with "Z", whatever the zone of record, machine or database."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_evidence import audited, comparable, plant

from forensics.case import CONTRACT, Case

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z)?")
_COLUMNS = {
    "sent_at", "outcome_at", "first_seen", "last_seen", "first_exposed", "last_exposed", "from", "to", "datetime", "usable_from", "usable_to",
}  # fmt: skip
_NOT_TIMES = {("exposed_messages", "to"), ("possible_messages", "to"), ("not_delivered", "to")}


@pytest.fixture(params=["UTC", "America/St_Johns", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The zone of this machine."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A case of records with offset, without one, and without a year."""
    folder = tmp_path_factory.mktemp("times")
    return audited(plant(folder / "ev"), out=folder / "case")


def test_every_time_of_the_contract_has_a_zone_and_no_machine_moves_it(zone: str, reference: Case, tmp_path: Path) -> None:
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    seen = 0
    for name, columns in CONTRACT.items():
        frame = case.read(name)
        for column in _COLUMNS & set(columns):
            if (name, column) in _NOT_TIMES:
                continue
            wrong = [text for text in map(str, frame[column]) if not _TIME.fullmatch(text)]
            assert wrong == [], f"{name}.{column} on a machine in {zone}"
            seen += int((frame[column].astype(str) != "").sum())
    assert seen > 20
    assert any(str(text) for text in case.read("copies")["outcome_at"])
    written, expected = (
        {name: raw for name, raw in comparable(one).items() if name.endswith(".csv")} for one in (case, reference)
    )
    assert written == expected
