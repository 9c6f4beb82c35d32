"""What follows from the credentials, as people read it: sign-ins, locked attachments and secrets that no mail shows."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import openpyxl
import pandas as pd
import pytest

from forensics.case import BESIDE as NAMES
from forensics.case import CONTRACT, Case, CaseError
from forensics.pipeline.answers import BESIDE
from forensics.reporters import tables, xlsx
from forensics.reporters.html import page

HOSTILE = ('=HYPERLINK("http://evil.example")', "<script>alert(1)</script>", "a\x1b[2Jb\u202ec", "{{7*7}}", "W" * 40_000)


@dataclass(frozen=True)
class FakeCase:
    """A case in memory; `is_old`: made before there were these tables."""

    tables: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    is_old: bool = False
    summary: dict[str, Any] = field(default_factory=dict)
    path: Path = Path("no-such-case")

    def read(self, table: str) -> pd.DataFrame:
        columns = CONTRACT.get(table) or BESIDE.get(table)
        if columns is None or (self.is_old and table in BESIDE):
            raise CaseError(table)
        rows = [{**dict.fromkeys(columns, ""), **row} for row in self.tables.get(table, [])]
        return pd.DataFrame(rows, columns=list(columns))


def full(text: str) -> FakeCase:
    """Every cell of every table is this text, twice: in exposed and in possible mail."""
    return FakeCase({
        name: [
            {**dict.fromkeys(columns, text), **({"verdict": verdict} if "verdict" in columns else {})} for verdict in ("confirmed", "possible")
        ]
        for name, columns in BESIDE.items()
    })  # fmt: skip


def written(case: FakeCase, folder: Path) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    return {place.stem: place for place in tables.write(cast("Case", case), folder)}


def test_every_table_beside_the_contracts_is_known_to_the_reporters() -> None:
    assert {*BESIDE, "person_groups"} == set(NAMES)


@pytest.mark.parametrize("name", sorted(BESIDE))
@pytest.mark.parametrize("text", HOSTILE)
def test_the_csv_has_every_row_and_no_formula(tmp_path: Path, name: str, text: str) -> None:
    place = written(full(text), tmp_path)[name]
    assert place.name == f"{name}.csv"
    assert place.stat().st_mode & 0o777 == 0o600
    with place.open(encoding="utf-8", newline="") as stream:
        listed = list(csv.reader(stream))
    assert tuple(listed[0]) == BESIDE[name]
    assert len(listed) == 3
    assert [cell for row in listed for cell in row if cell.startswith(("=", "\x1b")) or "\u202e" in cell] == []


@pytest.mark.parametrize("name", sorted(BESIDE))
def test_an_empty_table_is_a_file_with_its_header_and_an_older_case_has_none(tmp_path: Path, name: str) -> None:
    place = written(FakeCase(), tmp_path)[name]
    assert place.read_bytes().decode() == ",".join(BESIDE[name]) + "\r\n"
    assert written(FakeCase(is_old=True), tmp_path / "old").keys() == CONTRACT.keys()


def test_the_page_shows_them_and_keeps_possible_ones_apart() -> None:
    case = FakeCase({
        "sign_ins": [
            {"service": "sure.example", "account": "ann@customer.example", "from": "2025-09-18T10:00:00Z", "verdict": "confirmed"},
            {"service": "perhaps.example", "verdict": "possible"},
        ],
        "locked_attachments": [{"part": "attachment:plans.zip", "opened": "taken_as_opened", "verdict": "confirmed"}],
        "precautions": [{"secret": "Server token", "server": "4711"}],
    })  # fmt: skip
    text = page(case)
    sure, _, perhaps = text[text.index('id="review"') : text.index('id="exposed"')].partition("From possible messages only")
    assert "sure.example" in sure
    assert "perhaps.example" not in sure
    assert "perhaps.example" in perhaps
    for word in ("attachment:plans.zip", "taken as opened", "No password was tried", "Server token", "4711"):
        assert word in text
    assert "2025-09-18 10:00:00" in sure


@pytest.mark.parametrize("is_old", [False, True])
def test_the_page_says_nothing_where_there_is_nothing(is_old: bool) -> None:
    assert 'id="review"' not in page(FakeCase(is_old=is_old))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_escapes_on_the_page(text: str) -> None:
    shown = page(full(text))
    assert "<script" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "W" * 10_000 not in shown


def test_the_workbook_has_a_sheet_of_each_and_possible_ones_on_their_own(tmp_path: Path) -> None:
    (place,) = xlsx.REPORTER.write(cast("Case", full("=1+1")), tmp_path)
    book = openpyxl.load_workbook(place)
    for name, both in (("Sign-ins", True), ("Locked attachments", True), ("Attachments", True), ("Precautions", False)):
        assert book[name].max_row == (2 if both else 3)
        assert (f"{name}, possible" in book.sheetnames) == both
        assert {cell.data_type for row in book[name].iter_rows(min_row=2) for cell in row} <= {"s", "n", "inlineStr"}
