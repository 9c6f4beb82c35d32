"""Two cases compared: every row that differs is told, rows that only count anew are not, and causes are named where they can be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_evidence import KEY, audited, mailbox, plant, search_page
from typer.testing import CliRunner, Result

import forensics
from forensics.case import CONTRACT, Case, CaseError
from forensics.cli import app
from forensics.comparison import KEYS, ORDINALS, Comparison, _credential_names, _keyed, compare
from forensics.comparison.circumstances import Made
from forensics.pipeline.noting import note

RUN = CliRunner()
POLICY = forensics.Policy(domains=("acme.example",))


def call(*words: str | Path) -> Result:
    result = RUN.invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def whys(found: Comparison, table: str) -> set[str]:
    return {one.why for one in found.tables.get(table, ())}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cases `few` (a mailbox and a provider's page) and `more` (and a relay's log, and a longer mailbox) of one key."""
    folder = tmp_path_factory.mktemp("comparison")
    plant(folder / "ev")
    (folder / "few").mkdir()
    (folder / "few" / "box.mbox").write_text(mailbox(), encoding="utf-8")
    (folder / "few" / "page.json").write_text(search_page(), encoding="utf-8")
    audited(folder / "few", out=folder / "few-case")
    audited(folder / "ev", out=folder / "more-case")
    return folder


@pytest.fixture(scope="module")
def found(root: Path) -> Comparison:
    return compare(Case.open(root / "few-case"), Case.open(root / "more-case"))


# --- the same


def test_two_runs_over_the_same_evidence_do_not_differ(root: Path, tmp_path: Path) -> None:
    again = audited(root / "ev", out=tmp_path / "again")
    same = compare(Case.open(root / "more-case"), again)
    assert (same.same, same.made, same.tables, same.reports, same.remarks) == (True, (), {}, (), ())
    result = call("diff", root / "more-case", again.path, "--exit-code")
    assert result.exit_code == 0
    assert "No difference in tables and reports." in result.stdout


def test_another_key_changes_no_table_and_is_said(root: Path, tmp_path: Path) -> None:
    other = audited(root / "ev", out=tmp_path / "other", key=KEY.replace("5c", "6d"))
    same = compare(Case.open(root / "more-case"), other)
    assert (same.same, dict(same.tables)) == (True, {})
    assert any("case keys differ" in one for one in same.remarks)


def test_a_case_equals_itself(root: Path) -> None:
    case = Case.open(root / "more-case")
    assert compare(case, case).same


# --- more evidence


def test_new_evidence_is_named_as_the_cause_of_what_it_brought(found: Comparison) -> None:
    assert found.counts("exposed_messages") == {"added": 6, "removed": 0, "changed": 2}
    added = [one for one in found.tables["exposed_messages"] if one.change == "added"]
    assert {one.key for one in added} == {(f"m{n}@acme.example",) for n in range(6)}
    assert all("relay/mail.log" in one.why for one in added)
    assert Made("evidence", "ev/relay/mail.log", "", _sha(found, "ev/relay/mail.log")) in found.made
    assert {one.why for one in found.tables["copies"] if one.change == "changed"} == {
        "evidence has another name: few/page.json is ev/page.json"
    }
    assert all("relay/mail.log" in one.why for one in found.tables["copies"] if one.change == "added")
    assert all("6 of its messages" in why for why in whys(found, "unexpected_recipients"))


def _sha(found: Comparison, name: str) -> str:
    (digest,) = [one.after for one in found.made if one.what == name]
    assert len(digest) == 64
    return digest


def test_evidence_that_only_changed_its_name_is_the_same_evidence(found: Comparison) -> None:
    moved = [one for one in found.made if one.what.startswith("same bytes")]
    assert [(one.before, one.after) for one in moved] == [("few/box.mbox", "ev/box.mbox"), ("few/page.json", "ev/page.json")]
    assert not [one for one in found.made if one.what in {"few/box.mbox", "ev/box.mbox"}]


def test_backwards_what_was_added_is_removed(root: Path, found: Comparison) -> None:
    back = compare(Case.open(root / "more-case"), Case.open(root / "few-case"))
    assert set(back.tables) == set(found.tables)
    for table, changes in found.tables.items():
        counts, mirrored = found.counts(table), back.counts(table)
        assert (counts["added"], counts["removed"], counts["changed"]) == (
            mirrored["removed"],
            mirrored["added"],
            mirrored["changed"],
        )
        assert {one.key for one in changes} == {one.key for one in back.tables[table]}
    gone = [one.why for one in back.tables["exposed_messages"] if one.change == "removed"]
    assert all("evidence that is gone names it: ev/relay/mail.log" in why for why in gone)


def test_a_credential_comes_with_its_message(found: Comparison) -> None:
    (one,) = found.tables["credentials"]
    assert one.key[0].startswith("api_key stripe stripe-live-key sk_l")
    assert "6 of its messages" in one.why
    assert found.counts("people")["added"] == 7  # six customers and the sender


def test_changed_bytes_under_the_same_name_are_evidence_that_changed(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "ev", tmp_path / "ev")
    (tmp_path / "ev" / "page.json").write_text(search_page("other"), encoding="utf-8")
    changed = compare(Case.open(root / "more-case"), audited(tmp_path / "ev", out=tmp_path / "case"))
    (one,) = [one for one in changed.made if one.topic == "evidence"]
    assert one.what == "ev/page.json"
    assert len({one.before, one.after, ""}) == 3


# --- another judgement


def test_a_policy_that_excuses_somebody_is_named(root: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    shutil.copytree(root / "ev", tmp_path / "ev")
    for place in (tmp_path / "ev").rglob("*.*"):
        place.write_text(place.read_text().replace("phan@giftshop.club", "archive@mail.vault.example"))
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[organisation]\ndomains = ["acme.example"]\n[[expected]]\ndomain = "vault.example"\nreason = "contract"\n'
        '[[expected]]\ndomain = "t.example"\nreason = "excuses nobody"\n'
    )
    options = forensics.Options(workers=1, key_file=key, year=2025)
    cases = [
        forensics.audit(tmp_path / "ev", out=tmp_path / name, policy=chosen, options=options)
        for name, chosen in (("strict", POLICY), ("lenient", forensics.Policy.load(policy)))
    ]
    lenient = compare(*cases)
    assert lenient.counts("unexpected_recipients") == {"added": 0, "removed": 1, "changed": 0}
    judged = [one for name in ("exposed_messages", "possible_messages") for one in lenient.tables.get(name, ())]
    assert [one.change for one in judged] == ["removed"] * 8
    assert all("the policy excuses vault.example" in one.why for one in judged)
    strict = compare(*reversed(cases))
    assert all("the policy no longer excuses vault.example" in why for why in whys(strict, "unexpected_recipients"))


def test_a_message_that_goes_from_possible_to_exposed_is_told_so(cases: tuple[Case, Case]) -> None:
    rows = [{str(name): cell for name, cell in row.items()} for row in cases[0].read("exposed_messages").to_dict("records")]
    cases[0].write_contract("possible_messages", [{**rows[0], "verdict": "possible"}])
    cases[0].write_contract("exposed_messages", rows[1:])
    findings = cases[0].read("findings")
    cases[0].write_table("findings", findings[findings["detector"] != "indicator"])
    told = compare(*cases)
    (one,) = told.tables["exposed_messages"]
    assert (one.change, one.key) == ("added", (rows[0]["message_key"],))
    assert "the message went from possible_messages (possible) to exposed_messages (confirmed)" in one.why
    assert "the detector indicator says confirmed of phan@giftshop.club, and said nothing" in one.why


def test_decisions_are_compared_too(root: Path) -> None:
    copy = root / "noted-case"
    shutil.copytree(root / "more-case", copy)
    note(Case.open(copy), "seen", mark="reviewed", about=[("recipient", "phan@giftshop.club")])
    noted = compare(Case.open(root / "more-case"), Case.open(copy))
    assert list(noted.tables) == ["decisions"]
    assert noted.counts("decisions") == {"added": 1, "removed": 0, "changed": 0}
    assert noted.reports == ("decisions.csv: differs", "report.html: differs", "summary.txt: differs")


# --- what cannot be compared


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema_version = 2\n", "follows schema 2"),
        ("version = '1'\n", "follows schema None"),
        ("= broken", "cannot be read"),
        ("\0", "cannot be read"),
    ],
)
def test_a_case_of_another_schema_is_refused(root: Path, tmp_path: Path, text: str, words: str) -> None:
    shutil.copytree(root / "few-case", tmp_path / "case")
    (tmp_path / "case" / "case.toml").write_text(text)
    for pair in ((root / "few-case", tmp_path / "case"), (tmp_path / "case", root / "few-case")):
        with pytest.raises(CaseError, match=words):
            compare(*map(Case.open, pair))
    assert call("diff", root / "few-case", tmp_path / "case").exit_code == 2


def test_a_folder_that_is_no_case_is_refused(root: Path, tmp_path: Path) -> None:
    assert call("diff", root / "few-case", tmp_path).exit_code == 2


# --- names and keys


def test_every_table_of_the_contract_has_a_key_of_its_own_columns() -> None:
    assert set(KEYS) == {*CONTRACT, "decisions"}
    for table, columns in CONTRACT.items():
        assert set(KEYS[table]) <= set(columns)
        assert not set(KEYS[table]) & ORDINALS or "credential_id" in KEYS[table]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ({"C1": ["a"]}, {"C2": ["a"]}, True),  # counted anew
        ({"C1": ["a"]}, {"C1": ["b"]}, False),  # the same number for another secret
        ({"C1": ["b"]}, {"C2": ["a", "b"]}, True),  # an earlier place was found
        ({"C1": ["a", "b"]}, {"C2": ["b"]}, True),  # the earlier place is gone
        ({"C1": ["a", "c"], "C2": ["b", "c"]}, {"C3": ["c"]}, False),  # which of the two?
    ],
)
def test_credentials_are_paired_by_place_and_not_by_number(
    old: dict[str, list[str]], new: dict[str, list[str]], same: bool
) -> None:
    names = _credential_names(*({i: [(place, "m") for place in places] for i, places in one.items()} for one in (old, new)))
    assert (not set(names[1].values()).isdisjoint(names[0].values())) is same


@pytest.mark.property
@settings(max_examples=100)
@given(st.lists(st.fixed_dictionaries({column: st.sampled_from("ab") for column in KEYS["coverage"]}), max_size=12))
def test_no_row_is_lost_where_several_share_a_key(rows: list[dict[str, str]]) -> None:
    keyed = _keyed("coverage", rows)
    assert sorted(map(str, keyed.values())) == sorted(map(str, rows))


ROW = st.fixed_dictionaries(
    {
        "path": st.sampled_from("ab"),
        "start": st.sampled_from([0, 1]),
        "end": st.just(2),
        "parser": st.just("p"),
        "reason": st.sampled_from("xy"),
    }
)


@pytest.mark.property
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # each example writes both tables
@given(st.lists(ROW, max_size=6), st.lists(ROW, max_size=6))
def test_removed_and_added_rows_turn_one_table_into_the_other(
    cases: tuple[Case, Case], old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> None:
    for case, rows in zip(cases, (old, new), strict=True):
        case.write_contract("defects", rows)
    changes = compare(*cases).tables.get("defects", ())
    columns = CONTRACT["defects"]

    def texts(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
        return sorted(tuple(str(row[column]) for column in columns) for row in rows)

    taken = texts(old)
    for one in changes:
        if one.change == "removed":
            taken.remove(tuple(one.columns[column][0] for column in columns))
        elif one.change == "added":
            taken.append(tuple(one.columns[column][1] for column in columns))
        else:
            (path, start, end, parser), (was, now) = one.key[:4], one.columns["reason"]
            taken.remove((path, start, end, parser, was))
            taken.append((path, start, end, parser, now))
    assert sorted(taken) == texts(new)
    assert bool(changes) is (texts(old) != texts(new))


@pytest.fixture
def cases(root: Path, tmp_path: Path) -> tuple[Case, Case]:
    for name in ("old", "new"):
        shutil.copytree(root / "few-case", tmp_path / name)
    return Case.open(tmp_path / "old"), Case.open(tmp_path / "new")


# --- what is shown


def test_the_terminal_shows_twenty_rows_of_a_table_and_json_has_all(cases: tuple[Case, Case], tmp_path: Path) -> None:
    hostile = "a\x1b[2J\u202e.log"
    cases[1].write_contract(
        "defects", [{"path": f"{hostile}{n:02}", "start": 0, "end": 1, "parser": "p", "reason": "x" * 500} for n in range(23)]
    )
    told = call("diff", *(one.path for one in cases), "--out", tmp_path / "diff.json", "--exit-code")
    assert told.exit_code == 3
    assert told.stdout.count(".log") == 20
    assert "3 more: see --json" in told.stdout
    assert "\x1b" not in told.stdout + told.stderr
    assert "\u202e" not in told.stdout
    assert max(map(len, told.stdout.splitlines())) < 400
    stored = json.loads((tmp_path / "diff.json").read_text())
    assert stored == json.loads(call("diff", *(one.path for one in cases), "--json").stdout)
    assert (tmp_path / "diff.json").stat().st_mode & 0o777 == 0o600
    assert (stored["schema_version"], stored["same"]) == (1, False)
    assert len(stored["tables"]["defects"]["rows"]) == stored["tables"]["defects"]["added"] == 23
    assert hostile + "00" in stored["tables"]["defects"]["rows"][0]["key"]


def test_differences_are_no_failure_unless_asked(cases: tuple[Case, Case]) -> None:
    cases[1].write_contract("defects", [{"path": "a", "start": 0, "end": 1, "parser": "p", "reason": "r"}])
    assert call("diff", *(one.path for one in cases)).exit_code == 0


def test_a_column_that_an_older_version_did_not_write_counts_as_empty(cases: tuple[Case, Case]) -> None:
    frame = pd.DataFrame([{"path": "a", "start": 0, "end": 1, "reason": "r"}])
    cases[0].write_table("defects", frame)
    cases[1].write_contract("defects", [{"path": "a", "start": 0, "end": 1, "parser": "", "reason": "r"}])
    assert compare(*cases).tables == {}


def test_the_same_cases_give_the_same_words(root: Path) -> None:
    one, other = (json.dumps(compare(Case.open(root / "few-case"), Case.open(root / "more-case")).as_json()) for _ in range(2))
    assert one == other
