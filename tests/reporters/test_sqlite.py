"""The SQLite file: every row once, typed, inert, the same bytes again, and views that keep `possible` apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forensics.case import BESIDE, CONTRACT, Case, CaseError
from forensics.csvform import csv_sha256
from forensics.people import PERSON_GROUPS
from forensics.reporters import sqlite

HOSTILE = [
    "'; DROP TABLE people; --", '"', "a\x00b", "\x1b[2J", "a\u202eb", "[x](javascript:alert(1))", "=1+1", "007", "1e5", "0x10", " 12 ", "NULL",
    "中文", "W" * 40_000,
]  # fmt: skip


class Tables:
    """A finished case that lies in memory."""

    def __init__(self, told: dict[str, Any] | None = None, **rows: list[dict[str, Any]]) -> None:
        self.rows, self.summary = rows, told or {}

    def read(self, name: str) -> pd.DataFrame:
        if name in BESIDE and name not in self.rows:
            raise CaseError(name)
        return pd.DataFrame(self.rows.get(name, []), columns=list(CONTRACT.get(name) or self.rows[name][0]))


def row(table: str, **values: Any) -> dict[str, Any]:
    return dict.fromkeys(CONTRACT[table], "") | values


@contextmanager
def database(folder: Path, told: dict[str, Any] | None = None, **rows: list[dict[str, Any]]) -> Iterator[sqlite3.Connection]:
    (target,) = sqlite.write(cast("Case", Tables(told, **rows)), folder)
    assert target.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(f"file:{target}?mode=ro&immutable=1", uri=True)) as connection:
        yield connection
    assert [place.name for place in folder.iterdir()] == ["case.sqlite"], "something was left beside it"


def test_a_case_without_rows_has_every_table_and_view(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        listed = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view', 'trigger')"))
        assert listed == {**dict.fromkeys([*CONTRACT, "metadata"], "table"), **dict.fromkeys(sqlite.VIEWS, "view")}
        for name in (*CONTRACT, *sqlite.VIEWS):
            assert connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() == (0,)
        for name, columns in CONTRACT.items():
            assert tuple(one[1] for one in connection.execute(f'PRAGMA table_info("{name}")')) == columns
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_numbers_are_numbers_and_what_is_unknown_stays_empty(tmp_path: Path) -> None:
    with database(
        tmp_path,
        exposed_messages=[row("exposed_messages", message_key="a", credentials="3"), row("exposed_messages", message_key="b")],
        unexpected_recipients=[row("unexpected_recipients", address="x@y.example", score="0.950", messages=96, rank=1)],
        copies=[row("copies", start=0, end=-1, reply="250")],
        timeline=[row("timeline", timestamp=1_758_189_662_000_001)],
    ) as connection:
        asked = "SELECT credentials, typeof(credentials) FROM exposed_messages ORDER BY message_key"
        assert connection.execute(asked).fetchall() == [(3, "integer"), ("", "text")]
        assert connection.execute("SELECT score, messages, rank FROM unexpected_recipients").fetchone() == (0.95, 96, 1)
        assert connection.execute('SELECT start, "end", reply FROM copies').fetchone() == (0, -1, "250")
        assert connection.execute("SELECT timestamp FROM timeline").fetchone() == (1_758_189_662_000_001,)


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_is_text(tmp_path: Path, value: str) -> None:
    text_columns = {"message_key": value, "subject": value, "sender": value, "evidence": value}
    with database(
        tmp_path,
        {"conclusion_text": value, "case": {"number": value}},
        exposed_messages=[row("exposed_messages", **text_columns)],
        people=[row("people", person=value, data_kinds=value, verdict="confirmed", relation=value)],
    ) as connection:
        found = connection.execute("SELECT subject, typeof(subject), message_key = sender FROM exposed_messages").fetchone()
        assert found[1:] == ("text", 1)
        assert found[0] == value or "[U+" in found[0]
        assert "\x1b" not in found[0]
        assert [one[0] for one in connection.execute("SELECT data_kind FROM persons_with_data_kind")] != []
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (1,)


def test_views_keep_possible_apart_and_read_lists(tmp_path: Path) -> None:
    credential = {"messages": 1, "kind": "api_key", "state": "live_until_rotated"}
    with database(
        tmp_path,
        credentials=[
            row("credentials", credential_id="C2", verdict="confirmed", **credential),
            row("credentials", credential_id="C1", verdict="probable", **credential),
            row("credentials", credential_id="C3", verdict="possible", **credential),
            row("credentials", credential_id="C4", verdict="confirmed", **(credential | {"state": "expires"})),
        ],
        people=[
            row("people", person="a@x.example", data_kinds="health; name", relation="correspondent", verdict="confirmed"),
            row("people", person="b@x.example", data_kinds="name", relation="correspondent", verdict="probable"),
            row("people", person="c@x.example", data_kinds="", relation="correspondent", verdict="confirmed"),
            row("people", person="d@x.example", data_kinds="name", relation="correspondent", verdict="possible"),
        ],
        unexpected_recipients=[
            row("unexpected_recipients", rank=1, address="phan@giftshop.club", verdict="confirmed"),
            row("unexpected_recipients", rank=2, address="book@ledger.example", verdict="possible"),
        ],
    ) as connection:

        def first(view: str) -> list[Any]:
            return [one[0] for one in connection.execute(f"SELECT * FROM {view}")]

        assert first("rotation_list") == ["C2", "C1"]  # most urgent first, as in the table
        assert first("sign_ins_to_review") == ["C4"]
        assert first("possible_credentials") == ["C3"]
        asked = "SELECT * FROM people_by_data_kind"
        assert connection.execute(asked).fetchall() == [("health", "correspondent", 1), ("name", "correspondent", 2)]
        assert first("collecting_recipients") == [1]
        assert first("possible_recipients") == [2]


def test_a_key_that_stands_twice_loses_no_row(tmp_path: Path) -> None:
    twice = [row("people", person="a\tb"), row("people", person="a b")]  # one text, once it is legible
    with database(tmp_path, people=twice) as connection:
        assert connection.execute("SELECT count(*) FROM people WHERE person = 'a b'").fetchone() == (2,)


def test_metadata_name_the_case_its_custody_and_the_hash_of_each_table(tmp_path: Path) -> None:
    told = {
        "run": {"custody_head": "ab" * 32, "version": "1"},
        "case": {"number": "ACME-1"},
        "window": {"start": None, "end": None},
    }
    rows = [row("people", person="a@x.example")]
    with database(tmp_path, told, people=rows) as connection:
        metadata = dict(connection.execute("SELECT name, value FROM metadata"))
    assert metadata["custody_head"] == "ab" * 32
    assert metadata["case_number"] == "ACME-1"
    assert metadata["window_start"] == ""
    assert metadata["sha256 people.csv"] == csv_sha256(pd.DataFrame(rows, columns=list(CONTRACT["people"])))
    assert {name for name in metadata if name.startswith("sha256 ")} == {f"sha256 {name}.csv" for name in CONTRACT}


def test_tables_beside_the_contracts_are_there_where_the_case_has_them(tmp_path: Path) -> None:
    sized = [{"message_key": "m1@acme.example", "name": name, "bytes": size} for name, size in (("a.pdf", "12"), ("b.pdf", ""))]
    with database(tmp_path, person_groups=[dict.fromkeys(PERSON_GROUPS, "x")], attachments=sized) as connection:
        assert connection.execute("SELECT count(*) FROM person_groups").fetchone() == (1,)
        assert connection.execute("SELECT name, bytes FROM attachments ORDER BY name").fetchall() == [
            ("a.pdf", 12),
            ("b.pdf", ""),
        ]
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'sign_ins'").fetchone() == (0,)


def test_a_failure_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    target = tmp_path / "case.sqlite"
    target.write_bytes(b"before")

    class Broken(Tables):
        def read(self, name: str) -> pd.DataFrame:
            if name == "timeline":
                raise CaseError(name)
            return super().read(name)

    with pytest.raises(CaseError):
        sqlite.write(cast("Case", Broken()), tmp_path)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.property
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=20), max_size=5))
def test_rows_are_as_many_and_bytes_the_same_again(tmp_path: Path, values: list[str]) -> None:
    rows: dict[str, Any] = {name: [dict.fromkeys(columns, value) for value in values] for name, columns in CONTRACT.items()}
    with database(tmp_path, **rows) as connection:
        for name in CONTRACT:
            assert connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() == (len(values),)
    first = (tmp_path / "case.sqlite").read_bytes()
    with database(tmp_path, **rows):
        assert (tmp_path / "case.sqlite").read_bytes() == first
