"""Credentials in full: in one file, after a reason is on record, and nowhere else."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from compound import BCC, STRING, TIME, TO, attachment, recipient
from hypothesis import given, settings
from hypothesis import strategies as st
from pst_writer import Folder, Item, mail, pst
from small_evidence import SECOND, SECRET, audited, mailbox, plant
from small_evidence import log as relay_log
from support import ROOT
from typer.testing import CliRunner, Result

import forensics
from forensics.case import Case, CaseError
from forensics.cli import app
from forensics.pipeline import revealing
from forensics.pipeline.revealing import COLUMNS, _cell, _matched, _records, _reveal, _Sought, _Task, _Value, reveal

RUN = CliRunner()
INCIDENT = ROOT / "sample_logs" / "incident"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("revealing")
    audited(plant(folder / "ev"), out=folder / "pristine")
    return folder


@pytest.fixture
def case(root: Path, request: pytest.FixtureRequest) -> Iterator[Case]:
    """A copy beside the first one, so that its manifest still finds the evidence."""
    place = root / f"copy-{abs(hash(request.node.nodeid))}"
    shutil.copytree(root / "pristine", place)
    yield Case.open(place)
    shutil.rmtree(place)


@pytest.fixture
def alone(tmp_path: Path) -> Case:
    """A case with evidence of its own, to be spoilt."""
    return audited(plant(tmp_path / "ev"), out=tmp_path / "case")


def call(*words: str | Path, answers: str = "") -> Result:
    result = RUN.invoke(app, [str(word) for word in words], input=answers)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def rows(case: Case) -> list[dict[str, str]]:
    with (case.path / "revealed" / "credentials.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def log(case: Case) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (case.path / "custody.jsonl").read_text().splitlines()]


def held(place: Path) -> bytes:
    """Everything that a file says, packed or not: its bytes, the values of its columns, what it inflates to."""
    content = place.read_bytes()
    if place.suffix == ".parquet":
        content += json.dumps(pq.read_table(place).to_pylist(), default=str, ensure_ascii=False).encode()
    if place.suffix == ".gz":
        content += gzip.decompress(content)
    at = content.find(b"\x78\x9c")
    if at >= 0:
        content += zlib.decompressobj().decompress(content[at:], 1 << 20) if place.suffix == ".pdf" else b""
    return content


# --- where values go, and where they do not


def test_a_value_stands_in_that_file_and_nowhere_else(case: Case) -> None:
    told = reveal(case, reason="the vault has no copy", by="Ann")
    assert (told.credentials, told.missing) == (1, {})
    (row,) = rows(case)
    assert tuple(row) == COLUMNS
    assert (row["credential_id"], row["value"], row["note"]) == ("C0001", SECRET, "")
    assert (row["message_key"], row["part"], row["location"]) == ("m0@acme.example", "text/plain", "line 1")
    holding = {place for place in case.path.rglob("*") if place.is_file() and SECRET.encode() in held(place)}
    assert holding == {case.path / "revealed" / "credentials.csv"}
    assert SECRET not in repr(told)


def test_the_file_is_for_its_owner_only_and_leaves_nothing_beside_it(case: Case) -> None:
    reveal(case, reason="x")
    folder = case.path / "revealed"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [(place.name, place.stat().st_mode & 0o777) for place in folder.iterdir()] == [("credentials.csv", 0o600)]


def test_the_case_verifies_with_the_file_and_without_it(case: Case) -> None:
    reveal(case, reason="x")
    assert forensics.verify(case) == []
    assert "revealed" not in (case.path / "manifest-sha256.txt").read_text()
    assert not [place for place in case.files() if "revealed" in place.parts]
    shutil.rmtree(case.path / "revealed")
    assert forensics.verify(case) == []


def test_who_asked_and_why_is_on_record_before_anything_is_read(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_: _Task) -> dict[str, str]:
        last = log(case)[-1]
        assert (last["action"], last["reason"], last["by"]) == ("reveal asked", "needed for [redacted api_key]", "Ann")
        assert not (case.path / "revealed" / "credentials.csv").exists()
        return {}

    monkeypatch.setattr(revealing, "_done", look)
    reveal(case, reason=f"needed for {SECRET}", by="Ann")
    assert [one["action"] for one in log(case)][-3:] == ["reveal asked", "credentials revealed", "reports written"]


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2_001])
def test_without_a_reason_nothing_happens(case: Case, reason: str) -> None:
    before = (case.path / "custody.jsonl").read_bytes()
    with pytest.raises(CaseError, match="why the values are needed"):
        reveal(case, reason=reason)
    assert (case.path / "custody.jsonl").read_bytes() == before
    assert not (case.path / "revealed").exists()


def test_a_misspelt_report_is_said_before_anything_is_revealed(case: Case) -> None:
    with pytest.raises(CaseError, match="no reporter is named 'htlm'"):
        reveal(case, reason="x", formats=["htlm"])
    assert not (case.path / "revealed").exists()
    assert log(case)[-1]["action"] == "audit finished"


def test_no_export_takes_the_file_along(case: Case, tmp_path: Path) -> None:
    pytest.importorskip("bagit")
    reveal(case, reason="x")
    bag = forensics.export(case, tmp_path / "bag", with_evidence=False)
    assert not [place for place in bag.rglob("*") if "revealed" in place.name]
    assert not [place for place in bag.rglob("*") if place.is_file() and SECRET.encode() in held(place)]


def test_another_signing_key_signs_what_revealing_wrote(case: Case, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
    signer = call("report", case.path, "--as", "text", "--signing-key", key)
    assert signer.exit_code == 0, signer.stderr
    named = log(case)[-1]["signer"]
    forensics.report(case)
    assert log(case)[-1].get("signer") != named
    reveal(case, reason="x", signing_key=key)
    assert log(case)[-1]["signer"] == named
    forensics.note(case, "x", signing_key=key)
    assert log(case)[-1]["signer"] == named
    assert forensics.verify(case) == []


def test_values_in_archives_and_in_stores_whose_messages_have_ids_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "ev"
    folder.mkdir()
    with tarfile.open(folder / "all.tar.gz", "w:gz") as packed:
        packed.add(plant(tmp_path / "plain") / "box.mbox", arcname="ev/box.mbox")
    (folder / "mail.log").write_text(relay_log(), encoding="utf-8")
    properties = mail("Order", (0x0039, TIME, datetime(2025, 9, 18, 9, tzinfo=UTC)), (0x1035, STRING, "<m9@acme.example>"))
    content = attachment("conf.txt", f"import = {SECOND}\n".encode())
    people = [recipient(TO, "bob@partner.example"), recipient(BCC, "phan@giftshop.club")]
    sent = Folder("Sent", [Item([*properties, (0x5D01, STRING, "shop@acme.example")], people, [content])])
    (folder / "box.pst").write_bytes(pst(Folder("Deleted Items"), sent))
    case = audited(folder, out=tmp_path / "case")
    told = reveal(case, reason="x")
    assert told.missing == {}
    assert {row["value"] for row in rows(case)} == {SECRET, SECOND}


_CORPORATE = """
service = "acme"
rotate = "Ask the desk."
[[rule]]
id = "acme-ticket"
kind = "access_token"
keywords = ["acmetk_"]
basis = "prefix"
severity = "high"
confidence = "high"
pattern = '''(?<![A-Za-z0-9])(?P<secret>acmetk_[0-9a-f]{12})(?![A-Za-z0-9])'''
examples = ["⟦acmetk_0f3b9a7c2d1e⟧ is yours"]
counter_examples = ["acmetk_0f3b9a7c2d1e9 is another"]
"""


def _written(folder: Path, secret: str) -> Path:
    plant(folder)
    (folder / "box.mbox").write_text(mailbox(range(1)).replace(SECRET, secret), encoding="utf-8")
    return folder


def test_what_rules_of_ones_own_found_is_revealed_with_them_and_refused_without(tmp_path: Path) -> None:
    own, other = tmp_path / "own.toml", tmp_path / "other.toml"
    own.write_text(_CORPORATE, encoding="utf-8")
    other.write_text(_CORPORATE.replace("acme-ticket", "acme-other"), encoding="utf-8")
    case = audited(
        _written(tmp_path / "ev", "acmetk_0f3b9a7c2d1e"),
        out=tmp_path / "case",
        options=forensics.Options(workers=1, rules=(own,)),
    )
    for chosen, why in (((), r"own\.toml is not among the rules given"), ((own, other), r"the audit did not have other\.toml")):
        with pytest.raises(CaseError, match=why):
            reveal(case, reason="x", rules=chosen)
        assert not (case.path / "revealed").exists()
        assert log(case)[-1]["action"] == "audit finished"
    done = call("report", case.path, "--reveal", "--yes", "--reason", "x", "--rules", own)
    assert done.exit_code == 0, done.stderr
    assert [row["value"] for row in rows(case)] == ["acmetk_0f3b9a7c2d1e"]
    assert call("report", case.path, "--rules", own).exit_code == 2


def test_the_secret_of_an_access_key_comes_with_its_id(tmp_path: Path) -> None:
    name, secret = "AKI" + "AR66NAM5WA5YYDX5S", "I+fyvetSB2vfwGSB6Ydj" + "tM03fkoa9LvlPLKIm/h9"
    case = audited(
        _written(tmp_path / "ev", f"aws_access_key_id = {name}\naws_secret_access_key = {secret}\n"), out=tmp_path / "case"
    )
    reveal(case, reason="x")
    assert [(row["value"], row["note"]) for row in rows(case)] == [(secret, f"its id is {name}")]


# --- evidence that is not what it was


def test_evidence_that_changed_is_refused_by_name_and_the_refusal_is_sealed(alone: Case) -> None:
    place = alone.path.parent / "ev" / "box.mbox"
    place.write_text(place.read_text().replace("Monday", "Sunday"))
    with pytest.raises(CaseError, match=r"ev/box\.mbox: it changed since the audit; no credential was revealed"):
        reveal(alone, reason="x")
    assert not (alone.path / "revealed" / "credentials.csv").exists()
    assert [one["action"] for one in log(alone)][-3:] == ["reveal asked", "reveal refused", "reports written"]
    assert [one for one in forensics.verify(alone) if "box.mbox" not in one] == []


def test_evidence_that_is_gone_is_refused_by_name(alone: Case) -> None:
    (alone.path.parent / "ev" / "box.mbox").unlink()
    with pytest.raises(CaseError, match=r"ev/box\.mbox: it cannot be read"):
        reveal(alone, reason="x")


def test_evidence_that_holds_no_credential_may_be_gone(alone: Case) -> None:
    (alone.path.parent / "ev" / "relay" / "mail.log").unlink()
    (alone.path.parent / "ev" / "page.json").unlink()
    assert reveal(alone, reason="x").credentials == 1


def test_a_case_that_was_changed_reveals_nothing(alone: Case) -> None:
    (table,) = (alone.tables / "credentials").glob("*.parquet")
    table.write_bytes(table.read_bytes() + b" ")
    with pytest.raises(CaseError, match="does not hold as it was sealed"):
        reveal(alone, reason="x")
    assert not (alone.path / "revealed").exists()


def test_a_link_in_place_of_the_folder_is_not_followed(case: Case, tmp_path: Path) -> None:
    (case.path / "revealed").symlink_to(tmp_path)
    with pytest.raises(CaseError, match="is no folder of the case"):
        reveal(case, reason="x")
    assert list(tmp_path.iterdir()) == []


def test_a_case_without_credentials_says_so(tmp_path: Path) -> None:
    plant(tmp_path / "ev")
    (tmp_path / "ev" / "box.mbox").unlink()
    bare = audited(tmp_path / "ev", out=tmp_path / "case")
    with pytest.raises(CaseError, match="no credentials to reveal"):
        reveal(bare, reason="x")


# --- the worker


def task(case: Case) -> _Task:
    sought = revealing._sought(case)
    (case.path / "revealed").mkdir()
    keys = {place[0] for one in sought for place in one.places}
    return _Task(case.path / "revealed" / "credentials.csv", case.key, tuple(_records(case, keys)), sought)


def test_what_goes_wrong_in_the_worker_comes_out_as_a_class_name_only(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def spill(*_: object) -> None:
        raise ValueError(SECRET)

    work = task(case)
    monkeypatch.setattr(revealing, "_write", spill)
    assert _reveal(work) == "ValueError"


def test_a_file_that_cannot_be_written_leaves_no_piece_of_it(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "no space", SECRET)

    work = task(case)
    monkeypatch.setattr(Path, "replace", fail)
    assert _reveal(work) == "OSError"
    assert list((case.path / "revealed").iterdir()) == []


def test_a_parser_that_fails_costs_the_value_and_says_so(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    work = task(case)
    monkeypatch.setattr(revealing, "texts", fail)
    assert list(_reveal(work)) == ["C0001"]
    (row,) = rows(case)
    assert row["value"] == ""
    assert row["note"].startswith("not found again")


def test_neither_task_nor_value_shows_itself(case: Case) -> None:
    assert SECRET not in repr(_Value(SECRET))
    assert case.key.hex() not in repr(task(case))
    assert repr(case.key) not in repr(task_of(case))


def task_of(case: Case) -> _Task:
    return _Task(case.path, case.key, (), ())


def sought(identity: str, *places: str) -> _Sought:
    return _Sought({"credential_id": identity}, tuple(("m", "text/plain", place, "6 characters: digits") for place in places))


def value(text: str, **places: int) -> _Value:
    return _Value(text, {("m", "text/plain", place, "6 characters: digits"): offset for place, offset in places.items()})


@pytest.mark.parametrize(
    ("asked", "found", "values"),
    [
        ([sought("C1", "a")], [value("x", a=3)], {"C1": "x"}),
        ([sought("C1", "a"), sought("C2", "a")], [value("y", a=9), value("x", a=3)], {"C1": "x", "C2": "y"}),  # by offset
        ([sought("C10", "a"), sought("C9", "a")], [value("y", a=9), value("x", a=3)], {"C9": "x", "C10": "y"}),
        ([sought("C1", "a"), sought("C2", "a", "b")], [value("y", a=9, b=1), value("x", a=3)], {"C1": "x", "C2": "y"}),
        ([sought("C1", "a")], [value("x", a=3, b=1)], {"C1": "x"}),  # a copy that the second pass did not read has it, too
        ([sought("C1", "a"), sought("C2", "a")], [value("x", a=3)], {}),  # whose is it?
        ([sought("C1", "a")], [value("x", a=3), value("y", a=9)], {}),
        ([sought("C1", "a")], [value("x", b=3)], {}),
        ([sought("C1")], [value("x", b=3)], {}),
        ([sought("C1", "a")], [], {}),
    ],
)
def test_a_value_is_given_to_the_one_credential_that_it_can_belong_to(
    asked: list[_Sought], found: list[_Value], values: dict[str, str]
) -> None:
    given_values, missing = _matched(asked, {str(n): one for n, one in enumerate(found)})
    assert {name: one.text for name, one in given_values.items()} == values
    assert set(missing) == {one.id for one in asked} - set(values)  # none vanishes


@pytest.mark.parametrize(
    ("text", "cell", "noted"),
    [
        ("ghp_abc", "ghp_abc", False),
        ("=1+1", "'=1+1", True),
        ("a=b", "a=b", False),
        ("-----BEGIN", "'-----BEGIN", True),
        ("\x1b[2J", "\\x1b[2J", True),
        ("a\r\nb", "a\nb", False),  # a key of several lines stays one
        ("a\tb", "a\tb", False),
        ("\nx", "'\nx", True),
        ("", "", False),
        ("pässwörd", "pässwörd", False),
    ],
)
def test_no_value_is_executed_and_what_was_altered_is_said(text: str, cell: str, noted: bool) -> None:
    assert (_cell(text)[0], bool(_cell(text)[1])) == (cell, noted)


@pytest.mark.property
@settings(max_examples=100)
@given(st.text(max_size=40))
def test_a_cell_is_inert_and_what_needs_no_change_is_not_changed(text: str) -> None:
    cell, note = _cell(text)
    assert not cell.startswith(revealing._FORMULA)
    assert all(char.isprintable() or char in "\n\t" for char in cell)
    assert note or cell == text.replace("\r\n", "\n")


# --- the command


def test_the_command_asks_and_shows_no_value(case: Case) -> None:
    result = call("report", case.path, "--as", "csv", "--reveal", answers="reveal\nto rotate\n")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == str(case.path / "revealed" / "credentials.csv")
    assert "in no manifest and no export" in " ".join(result.stderr.split())
    assert SECRET not in result.stdout + result.stderr
    assert next(one for one in log(case) if one["action"] == "reveal asked")["reason"] == "to rotate"


@pytest.mark.parametrize("answers", ["", "\n", "yes\n", "REVEAL\n", "reveal \x1b\n"])
def test_any_other_word_reveals_nothing(case: Case, answers: str) -> None:
    result = call("report", case.path, "--reveal", "--reason", "x", answers=answers)
    assert result.exit_code == 2
    assert not (case.path / "revealed").exists()
    assert log(case)[-1]["action"] == "audit finished"


def test_the_case_number_confirms_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('[organisation]\ndomains = ["acme.example"]\n[case]\nnumber = "2025-017"\n')
    options = forensics.Options(workers=1, year=2025)
    case = forensics.audit(
        plant(tmp_path / "ev"), out=tmp_path / "case", incident="postmark-mcp", policy=tmp_path / "policy.toml", options=options
    )
    assert call("report", case.path, "--reveal", "--reason", "x", answers="2025-016\n").exit_code == 2
    assert call("report", case.path, "--reveal", "--reason", "x", answers="2025-017\n").exit_code == 0


def test_a_script_says_yes_and_why(case: Case) -> None:
    assert call("report", case.path, "--reveal", "--yes").exit_code == 2
    assert call("report", case.path, "--reveal", "--yes", "--reason", "x", "--as", "text").exit_code == 0
    assert rows(case)[0]["value"] == SECRET


@pytest.mark.parametrize("option", [("--yes",), ("--reason", "x"), ("--by", "x")])
def test_options_of_revealing_go_with_it_only(case: Case, option: tuple[str, ...]) -> None:
    assert call("report", case.path, *option).exit_code == 2


# --- the sample


@pytest.mark.slow
def test_every_planted_secret_of_exposed_mail_is_in_that_file_and_in_no_other(tmp_path: Path) -> None:
    options = forensics.Options(workers=1)
    case = forensics.audit(
        INCIDENT, out=tmp_path / "case", incident="postmark-mcp", policy=INCIDENT / "policy.toml", options=options
    )
    told = reveal(case, reason="all of them")
    assert told.missing == {}
    planted = json.loads((INCIDENT / "truth.json").read_text(encoding="utf-8"))["credentials"]
    values = {row["value"].removeprefix("'") for row in rows(case)}
    secrets = [one["secret"] for one in planted if one["exposed"]]
    assert len(secrets) > 20
    unseen = [
        one for one in secrets if not any("".join(one.split()) in "".join(value.split()) or value in one for value in values)
    ]
    assert unseen == []
    everything = {place: held(place) for place in case.path.rglob("*") if place.is_file() and "revealed" not in place.parts}
    for text in {*secrets, *values}:
        needle = text.encode()
        if len(needle) >= 8:  # six digits stand in many a hash
            assert [place for place, content in everything.items() if needle in content] == [], "a secret stands elsewhere"
