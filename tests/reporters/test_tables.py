"""CSV, JSON and terminal: what evidence may and may not do to their readers."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from forensics import csvform
from forensics.case import BESIDE, CONTRACT, Case, stamp_of
from forensics.csvform import csv_blocks, csv_sha256
from forensics.people import PERSON_GROUPS
from forensics.reporters import notification, tables, terminal

HOSTILE = [
    '=HYPERLINK("http://evil.example")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "[/red] boom", "[bold]x", "\x1b[2Jgone",
    "a\u202egpj.exe", "a\x00b", "a\u200bb", "line\r\nbreak", "\ud800", "'quoted", '"; x', "<script>alert(1)</script>", "{{7*7}}", "%s",
    "[x](javascript:alert(1))", "\x9b31m",
]  # fmt: skip


@dataclass
class FakeCase:
    """A finished case that lies in memory."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    path: Path = Path("no-such-case")  # without a custody log: nobody decided anything
    report: Path = Path("case/report")

    def read(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(self.rows.get(name, []), columns=list(CONTRACT.get(name, PERSON_GROUPS)))

    @property
    def summary(self) -> dict[str, Any]:
        return self.told


def row(name: str, value: str, **numbers: int) -> dict[str, Any]:
    return {column: numbers.get(column, value) for column in CONTRACT[name]}


def summary(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "incident": {"name": "t", "title": "T", "indicators": {"addresses": [], "domains": []}},
        "case": {"number": "", "custodian": "", "role": "", "discovered_at": "", "aware_at": "", "contact": ""},
        "window": {"start": None, "end": None, "basis": "all evidence"},
        "conclusion": "cannot_tell", "conclusion_text": "It cannot be told.", "ongoing": "unknown", "ongoing_text": "Unknown.",
        "coverage": [], "coverage_text": "No record.", "counts": dict.fromkeys(
            ("exposed_messages", "possible_messages", "not_delivered", "people", "credentials", "defects", "evidence_files"), 0),
        "verdicts": {"confirmed": 0, "probable": 0, "possible": 0},
        "proofs": {"fetched": 0, "delivered": 0, "accepted": 0, "attempted": 0, "inferred": 0},
        "excused": [], "unread": {"messages_without_content": 0, "messages_partial": 0}, "next_steps": ["Contain first."],
    }  # fmt: skip
    return {**base, **changes}


def on_screen(case: FakeCase, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system="truecolor", force_terminal=True, legacy_windows=False)
    console.print(terminal.screen(cast("Case", case)))
    return cast("io.StringIO", console.file).getvalue()


@pytest.mark.parametrize("value", HOSTILE)
def test_no_cell_is_a_formula_or_breaks_its_line(value: str) -> None:
    cell = tables.neutral(value)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
    assert all(char.isprintable() or char == " " for char in cell)


@pytest.mark.parametrize(
    ("value", "cell"),
    [("ann@a.example", "ann@a.example"), (-3, "-3"), (2.5, "2.5"), ("", ""), ("Re: x - y", "Re: x - y"), ("grüße", "grüße")],
)
def test_an_ordinary_cell_stays_as_it_is(value: object, cell: str) -> None:
    assert tables.neutral(value) == cell


@pytest.mark.property
@given(st.text(max_size=50))
def test_neutral_text_is_never_live_and_stable(value: str) -> None:
    cell = tables.neutral(value)
    assert tables.neutral(cell) == cell
    assert not cell.startswith(("=", "+", "-", "@"))


def test_csv_has_every_row_once_and_rfc_4180_line_ends(tmp_path: Path) -> None:
    values = [value for value in HOSTILE if value != "\ud800"]
    case = FakeCase({name: [row(name, value) for value in values] for name in CONTRACT})
    written = tables.write(cast("Case", case), tmp_path)
    assert [place.stem for place in written] == [*CONTRACT, *BESIDE]
    for place in written[: len(CONTRACT)]:
        raw = place.read_bytes()
        assert raw.count(b"\r\n") == len(values) + 1 == raw.count(b"\n")
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8"), newline="")))
        assert tuple(rows[0]) == CONTRACT[place.stem]
        assert len(rows) == len(values) + 1
        assert place.stat().st_mode & 0o777 == 0o600


def test_a_table_is_hashed_once_for_all_reporters_until_it_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case.create(tmp_path / "case")
    for name in CONTRACT:
        case.write_contract(name, [])
    tables.write(case, case.report)
    place = case.report / "defects.csv"
    first = hashlib.sha256(place.read_bytes()).hexdigest()
    asked: list[str] = []

    def counted(columns: Iterable[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
        asked.append("x")
        return csv_blocks(columns, rows)

    monkeypatch.setattr(csvform, "csv_blocks", counted)

    def digest() -> str:
        return csv_sha256(case.read("defects"), stamp_of(case, "defects"))

    place.write_bytes(b"changed by somebody")  # the page tells the hash of the table, not of what lies there
    assert (digest(), asked) == (first, [])
    case.write_contract("defects", [row("defects", "x", start=0, end=1)])
    second = digest()
    assert (second != first, asked) == (True, ["x"])
    assert digest() == second == csv_sha256(case.read("defects"))
    assert asked == ["x", "x"]  # without a stamp it is computed each time
    assert stamp_of(FakeCase(), "defects") == ()


@pytest.mark.parametrize("value", [value for value in HOSTILE if value != "\ud800"])  # no table can hold a lone surrogate
def test_evidence_is_no_markup_and_no_control_sequence_on_the_terminal(value: str) -> None:
    case = FakeCase(
        {
            "unexpected_recipients": [row("unexpected_recipients", value, messages=1, delivered=1)],
            "credentials": [
                row("credentials", value, messages=1)
                | {"state": "expires", "kind": "other", "severity": "low", "service": "x", "credential_id": "C1"}
            ],
            "people": [row("people", value) | {"relation": "mentioned"}],
        },
        summary(
            excused=[{"entry": value, "reason": value, "messages": 1, "first_use": "2025", "review": True}],
            next_steps=[value],
            coverage=[{"source": value, "scope": value, "route": "api", "from": "", "to": "", "records": 1, "status": "gap"}],
        ),
    )
    shown = on_screen(case)
    stripped = Console(file=io.StringIO(), width=100, color_system=None)
    stripped.print(terminal.screen(cast("Case", case)))
    text = cast("io.StringIO", stripped.file).getvalue()
    assert "\x1b[2J" not in shown
    assert not [char for char in text if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs"}]


@pytest.mark.parametrize("word", ["exposure_shown", "compromised_extent_unknown", "cannot_tell", "none_seen_covered"])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_conclusion_has_its_screen_without_any_row(word: str, width: int) -> None:
    shown = on_screen(FakeCase({}, summary(conclusion=word)), width)
    assert terminal._TITLES[word].split(",")[0].split(" ")[0] in shown
    assert "Contain first." in shown


def test_long_tables_say_how_much_they_leave_out() -> None:
    many = [row("unexpected_recipients", f"a{n}@b.example", messages=1, delivered=0) for n in range(30)]
    assert "22 more in unexpected_recipients.csv" in on_screen(FakeCase({"unexpected_recipients": many}, summary()))


def test_a_notification_names_nobody_and_keeps_possible_apart(tmp_path: Path) -> None:
    exposed = row("exposed_messages", "") | {
        "sent_at": "2025-09-18T00:00:00Z",
        "to": "victim@customer.example",
        "content": "none",
    }
    case = FakeCase(
        {
            "exposed_messages": [exposed, exposed],
            "possible_messages": [row("possible_messages", "someone@else.example")],
            "people": [
                row("people", "victim@customer.example")
                | {"relation": "correspondent", "residency_hint": "", "verdict": "confirmed"},
                row("people", "onlooker@customer.example") | {"verdict": "possible"},
            ],
            "personal_data": [row("personal_data", "x") | {"kind": "health"}],
            "credentials": [row("credentials", "x") | {"kind": "password"}],
            "unexpected_recipients": [
                row("unexpected_recipients", "")
                | {
                    "verdict": "confirmed",
                    "domain": "giftshop.club",
                    "indicator": "phan@giftshop.club",
                    "address": "x@giftshop.club",
                },
                row("unexpected_recipients", "")
                | {"verdict": "possible", "domain": "else.example", "address": "someone@else.example"},
            ],
        },
        summary(verdicts={"confirmed": 2, "probable": 0, "possible": 1}),
    )
    (target,) = notification.write(cast("Case", case), tmp_path)
    text = target.read_text(encoding="utf-8")
    assert "victim" not in text
    assert "else.example" not in text
    facts = json.loads(text)
    assert facts["schema_version"] == 1
    assert facts["messages"]["exposed"] == 2
    assert facts["messages"]["content_not_available"] == 2
    assert facts["possible_messages_not_counted_above"] == 1
    assert {name: facts["people"][name] for name in list(facts["people"])[:5]} == {
        "approximate_number": 1, "merge_rule": "one mail address is one person", "by_relation": {"correspondent": 1},
        "by_residency_hint": {}, "residency_unknown": 1,
    }  # fmt: skip
    assert facts["records_by_kind"] == {"health": 1}
    assert facts["credentials_by_kind"] == {"password": 1}
    assert facts["nature"]["collecting_domains"] == ["giftshop.club"]
