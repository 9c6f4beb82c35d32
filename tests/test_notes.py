"""`forensics note` and `forensics notes`: one mark at a time, plain words, and no secret on the screen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_evidence import SECRET, audited, plant
from typer.testing import CliRunner, Result

import forensics
from forensics.cli import app
from forensics.decisions import STATUSES

RUN = CliRunner()
COLLECTOR = "phan@giftshop.club"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notes")
    audited(plant(folder / "ev"), out=folder / "pristine")
    return folder


@pytest.fixture
def case(root: Path) -> Iterator[Path]:
    place = root / "copy"
    shutil.copytree(root / "pristine", place)
    yield place
    shutil.rmtree(place)


def call(*words: str | Path) -> Result:
    result = RUN.invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def listed(case: Path) -> list[dict[str, object]]:
    told = json.loads(call("notes", case, "--json").stdout)
    assert told["schema_version"] == 1
    found: list[dict[str, object]] = told["decisions"]
    return found


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["seen"], "case remark"),
        (["--credential", "1", "--rotated"], "credential C0001 rotated"),
        (["--credential", "C0001", "--rotated", "--at", "2025-09-20"], "credential C0001 rotated 2025-09-20"),
        (["our archive", "--recipient", COLLECTOR, "--rejected"], f"recipient {COLLECTOR} rejected"),
        (["--message", "m1@acme.example", "--reviewed"], "message m1@acme.example reviewed"),
        (["--person", "customer1@customer.example", "--notify"], "person customer1@customer.example notify"),
        (["counsel", "--do-not-notify", "--by", "Ann"], "case do_not_notify"),
    ],
)
def test_what_was_put_on_record_is_one_line_with_its_number(case: Path, words: list[str], line: str) -> None:
    result = call("note", case, *words)
    assert result.exit_code == 0, result.stderr
    (one,) = listed(case)
    assert result.stdout == f"{one['seq']}: {line}\n"
    assert one["status"] == "in_force"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["x", "--rotated", "--reviewed", "--credential", "C0001"],
        ["x", "--rotated"],
        ["--rejected", "--recipient", COLLECTOR],
        ["x", "--credential", "C0002"],
        ["x", "--at", "2025-09-20", "--credential", "C0001"],
        ["--withdraw", "1"],
        ["--withdraw", "1", "--reviewed"],
        ["--withdraw", "1", "--recipient", COLLECTOR],
    ],
)
def test_what_does_not_fit_is_a_mistake_in_usage_and_leaves_no_trace(case: Path, words: list[str]) -> None:
    before = (case / "custody.jsonl").read_bytes()
    result = call("note", case, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
    assert (case / "custody.jsonl").read_bytes() == before


def test_several_credentials_are_marked_by_one_call(case: Path) -> None:
    result = call("note", case, "--recipient", COLLECTOR, "--person", "customer1@customer.example", "--reviewed")
    assert len(result.stdout.splitlines()) == 2


def test_a_secret_in_the_words_is_said_to_be_redacted_and_is_never_shown(case: Path) -> None:
    result = call("note", case, f"was {SECRET}")
    assert "1 value(s) in the text looked like a secret" in " ".join(result.stderr.split())
    shown = call("notes", case)
    assert "[redacted api_key]" in shown.stdout
    assert SECRET not in result.stdout + result.stderr + shown.stdout


def test_withdrawing_keeps_both_on_record(case: Path) -> None:
    number = call("note", case, "x", "--recipient", COLLECTOR, "--rejected").stdout.split(":")[0]
    result = call("note", case, "a mistake", "--withdraw", number)
    assert f"withdraws {number}" in result.stdout
    assert [one["status"] for one in listed(case)] == ["withdrawn", "withdrawal"]
    table = call("notes", case).stdout
    assert "withdrawn" in table
    assert "on record" in table


def test_the_list_is_plain_text_whatever_the_words_are(case: Path) -> None:
    call("note", case, "[bold]x[/bold] [link=https://x.example]y\u202e\x1b[2J", "--by", "[/red]")
    table = call("notes", case).stdout
    assert "[bold]x[/bold]" in table
    assert "[/red]" in table
    assert "\x1b" not in table
    assert "\u202e" not in table


def test_where_nobody_noted_anything_the_list_is_empty(case: Path) -> None:
    result = call("notes", case)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nobody has put anything on record" in " ".join(result.stderr.split())
    assert listed(case) == []


def test_every_status_has_its_words() -> None:
    from forensics.cli.notes import _STATUS

    assert set(_STATUS) == set(STATUSES)


def test_the_command_does_what_the_api_does(case: Path) -> None:
    noted = forensics.note(forensics.open_case(str(case)), "seen", about=[("recipient", COLLECTOR)], mark="reviewed")
    assert [one["seq"] for one in listed(case)] == [one.seq for one in noted.decisions]
