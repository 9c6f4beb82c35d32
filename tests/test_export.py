"""A case handed on: a bag that others' tools accept, whatever the evidence is called, and never with a secret in it."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import bagit
import pytest
from small_evidence import audited, mailbox, plant, search_page
from typer.testing import CliRunner

import forensics
from forensics.case import Case, CaseError
from forensics.cli import app
from forensics.custody import LOG, MANIFEST, CustodyError, file_sha256, read_log

HOSTILE = [
    b"plain.mbox", b"with blank.mbox", b"line\nbreak.mbox", b"carriage\rreturn.mbox", b"back\\slash.mbox", b"..\\..\\up.mbox", b"...", b"-rf",
    b"a,b,c.mbox", b"%0A%0D.mbox", b"not-utf8-\xff\xfe.mbox", b"\x1b[2J.mbox", "\u202egpj.exe.mbox".encode(), b"=cmd.mbox", b"CON", b"*?.mbox", b"data",
    b"bagit.txt", b"manifest-sha256.txt", b"x" * 200,
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A case over evidence with the worst names a file system takes, deep ones and copies among them."""
    root = tmp_path_factory.mktemp("export")
    plant(root / "ev")
    for number, name in enumerate(HOSTILE):
        (root / "ev" / os.fsdecode(name)).write_text(mailbox(range(number, number + 2)), encoding="utf-8")
    deep = root / "ev" / "deep\n" / ".. "
    deep.mkdir(parents=True)
    shutil.copyfile(root / "ev" / "box.mbox", deep / "copy.mbox")
    policy = root / "policy.toml"
    policy.write_text(
        '[organisation]\ndomains = ["acme.example"]\n[case]\nnumber = "A\\n1: x"\ncustodian = "Eva Lund"\nrole = "controller"\n'
    )
    return forensics.audit(root / "ev", out=root / "case", policy=policy, options=forensics.Options(workers=1, year=2025))


@pytest.fixture
def copy(finished: Case, tmp_path: Path) -> Case:
    shutil.copytree(finished.path.parent, tmp_path / "all", symlinks=True)
    return Case.open(tmp_path / "all" / "case")


def files(folder: Path) -> dict[str, bytes]:
    return {place.relative_to(folder).as_posix(): place.read_bytes() for place in folder.rglob("*") if place.is_file()}


def test_a_bag_is_valid_holds_the_case_and_its_own_record_but_no_secret(copy: Case, tmp_path: Path) -> None:
    before = files(copy.path)
    made = forensics.export(copy, tmp_path / "bag")
    bag = bagit.Bag(str(made))
    bag.validate()
    inside = files(made / "data" / "case")
    assert inside == {name: content for name, content in files(copy.path).items() if name not in {"case.key", "case.lock"}}
    assert "case.key" in before
    assert not any(place.name in {"case.key", "case.lock", "revealed", ".spill"} for place in made.rglob("*"))
    key = (copy.path / "case.key").read_bytes().strip()
    assert not any(key in content for content in files(made).values())
    last = read_log(made / "data" / "case" / LOG)[-1]
    assert (last["action"], last["form"], last["with_evidence"]) == ("case exported", "bagit", False)
    assert (made / "bagit.txt").read_text().startswith("BagIt-Version: 0.97\n")
    told = bag.info
    assert told["Custody-Log-Head"] == last["hash"]
    assert told["Case-Manifest-SHA256"] == file_sha256(made / "data" / "case" / MANIFEST) == last["manifest"]
    assert (told["Contact-Name"], told["External-Identifier"]) == ("Eva Lund", "A 1: x")
    assert told["Bag-Software-Agent"].startswith("forensics ")
    assert last["signer"] in told["Signed-By"]
    assert forensics.verify(copy) == []
    assert {name: content for name, content in before.items() if name.startswith(("tables/", "report/"))} == {
        name: content for name, content in files(copy.path).items() if name.startswith(("tables/", "report/"))
    }


def test_revealed_values_and_scratch_files_stay_at_home(copy: Case, tmp_path: Path) -> None:
    for folder in ("revealed", ".spill"):
        (copy.path / folder).mkdir()
        (copy.path / folder / "credentials.csv").write_text("secret")
    made = forensics.export(copy, tmp_path / "bag", with_evidence=True)
    assert not any(content == b"secret" for content in files(made).values())
    assert not any({"revealed", ".spill"} & set(place.parts) for place in made.rglob("*"))


def test_hostile_names_of_evidence_do_not_leave_the_bag(copy: Case, tmp_path: Path) -> None:
    places = {place for place in (tmp_path / "all" / "ev").rglob("*") if place.is_file()}
    before = {place for place in tmp_path.rglob("*") if not place.is_relative_to(tmp_path / "all" / "case")}
    made = forensics.export(copy, tmp_path / "bag", with_evidence=True)
    bagit.Bag(str(made)).validate()
    after = {place for place in tmp_path.rglob("*") if not place.is_relative_to(tmp_path / "all" / "case")}
    assert all(place.is_relative_to(made) for place in after - before)
    hashes = {hashlib.sha256(place.read_bytes()).hexdigest() for place in places}
    assert {place.name for place in (made / "data" / "evidence").iterdir()} == hashes
    for place in (made / "data" / "evidence").iterdir():
        assert hashlib.sha256(place.read_bytes()).hexdigest() == place.name
    raw = (made / "data" / "evidence-index.jsonl").read_bytes()
    rows = [json.loads(line) for line in raw.splitlines()]
    assert raw.isascii()
    assert raw.count(b"\n") == len(rows) == len(hashes)
    assert {copy.path / name for row in rows for name in row["manifest_names"]} == {
        copy.path / os.path.relpath(one, copy.path) for one in places
    }
    copies = next(row for row in rows if "ev/box.mbox" in row["paths"])
    assert len(copies["paths"]) == len(copies["manifest_names"]) == 2
    assert all(
        row["file"] == f"evidence/{row['sha256']}" and row["size"] == (made / "data" / row["file"]).stat().st_size for row in rows
    )
    for name in files(made):
        assert name.isascii()
        assert name.isprintable()
        assert "\\" not in name


def test_a_bag_with_evidence_is_verified_where_it_stands(copy: Case, tmp_path: Path) -> None:
    made = forensics.export(copy, tmp_path / "bag", with_evidence=True)
    shutil.rmtree(tmp_path / "all")
    there = Case.open(made / "data" / "case")
    found = forensics.verification(there, evidence=made / "data" / "evidence")
    assert found.problems == ()
    assert any("handed on without its key" in one for one in found.remarks)
    assert len([one for one in forensics.verify(there) if one.endswith(": missing")]) == len(HOSTILE) + 4
    victim = next((made / "data" / "evidence").iterdir())
    victim.write_bytes(victim.read_bytes() + b"!")
    (problem,) = forensics.verification(there, evidence=made / "data" / "evidence").problems
    assert problem.endswith(": changed since the audit")


def test_a_stranger_checks_a_bag_with_sha256sum(copy: Case, tmp_path: Path) -> None:
    made = forensics.export(copy, tmp_path / "bag", with_evidence=True)
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("no sha256sum here")
    assert subprocess.run([program, "-c", "--strict", "--quiet", "manifest-sha256.txt"], cwd=made, check=False).returncode == 0
    assert {stat.S_IMODE(place.stat().st_mode) for place in made.rglob("*") if place.is_file()} == {0o600}
    assert {stat.S_IMODE(place.stat().st_mode) for place in [made, *made.rglob("*")] if place.is_dir()} == {0o700}


def test_changed_evidence_is_not_exported_and_nothing_is_left_behind(copy: Case, tmp_path: Path) -> None:
    (tmp_path / "all" / "ev" / "page.json").write_text(search_page("forged"))
    with pytest.raises(CaseError, match=r"page\.json: changed since the audit"):
        forensics.export(copy, tmp_path / "bag", with_evidence=True)
    assert [place.name for place in tmp_path.iterdir()] == ["all"]
    (tmp_path / "all" / "ev" / "page.json").unlink()
    with pytest.raises(CaseError, match=r"page\.json: cannot be copied: No such file"):
        forensics.export(copy, tmp_path / "bag", with_evidence=True)
    assert [place.name for place in tmp_path.iterdir()] == ["all"]
    (tmp_path / "all" / "ev" / "page.json").symlink_to("/etc/hostname")
    with pytest.raises(CaseError, match=r"page\.json: cannot be copied"):
        forensics.export(copy, tmp_path / "bag", with_evidence=True)


def test_what_cannot_be_done_is_said_before_anything_is_logged(
    copy: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    before = files(copy.path)
    for out, form, more, words in (
        (tmp_path / "there", "bagit", False, "exists"),
        (tmp_path / "link", "bagit", False, "exists"),
        (tmp_path / "no" / "folder", "bagit", False, "is no folder"),
        (copy.path / "bag", "bagit", False, "inside the case"),
        (copy.report / "bag", "hashdeep", False, "inside the case"),
        (tmp_path / "bag", "zip", False, "there is no form 'zip'"),
        (tmp_path / "bag", "hashdeep", True, "leave --with-evidence out"),
    ):
        with pytest.raises(CaseError, match=words):
            forensics.export(copy, out, form=form, with_evidence=more)
    original = builtins.__import__

    def without(name: str, *rest: Any, **rests: Any) -> Any:
        if name == "bagit":
            raise ImportError(name)
        return original(name, *rest, **rests)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without)
        with pytest.raises(CustodyError, match=r'pip install "forensics\[custody\]"'):
            forensics.export(copy, tmp_path / "bag")
        forensics.export(copy, tmp_path / "hashes", form="hashdeep")  # needs no library
    assert {name: content for name, content in before.items() if name != LOG}.keys() == {
        name for name in files(copy.path) if name != LOG
    }
    assert [entry["action"] for entry in read_log(copy.path / LOG)].count("case exported") == 1


def test_a_hashdeep_file_has_one_row_for_every_file(copy: Case, tmp_path: Path) -> None:
    made = forensics.export(copy, tmp_path / "hashes.txt", form="hashdeep")
    lines = made.read_bytes().splitlines(keepends=True)
    assert lines[:2] == [b"%%%% HASHDEEP-1.0\n", b"%%%% size,sha256,filename\n"]
    head = read_log(copy.path / LOG)[-1]["hash"]
    assert f"## custody log head: {head}\n".encode() in lines
    rows = {
        name: (int(size), sha256)
        for size, sha256, name in (one.rstrip(b"\n").split(b",", 2) for one in lines if not one.startswith((b"%", b"#")))
    }
    evidence = [place for place in (tmp_path / "all" / "ev").rglob("*") if place.is_file()]
    own = [place for place in copy.path.rglob("*") if place.is_file() and place.name not in {"case.key", "case.lock"}]
    assert len(rows) == len(evidence) + len(own)
    for place in [*evidence, *own]:
        raw = os.fsencode(os.path.relpath(place, copy.path))
        name = raw.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        assert rows[name] == (place.stat().st_size, file_sha256(place).encode()), name
    assert b"a,b,c.mbox" in b"".join(rows)


def test_the_command_exports_and_says_where(copy: Case, tmp_path: Path) -> None:
    def call(*words: str | Path) -> tuple[int, str]:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout.strip()

    assert call("export", copy.path, "--as", "bagit", "--out", tmp_path / "bag", "--with-evidence") == (0, str(tmp_path / "bag"))
    assert call("export", copy.path, "--as", "hashdeep", "--out", tmp_path / "hashes") == (0, str(tmp_path / "hashes"))
    assert call("export", copy.path, "--out", tmp_path / "bag")[0] == 2
    assert call("export", copy.path, "--as", "zip", "--out", tmp_path / "zip")[0] == 2
    place = tmp_path / "bag" / "data"
    assert call("verify", place / "case", "--evidence", place / "evidence")[0] == 0


def test_two_exports_differ_only_in_what_names_the_export(tmp_path: Path) -> None:
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    one, other = (files(forensics.export(case, tmp_path / name)) for name in ("one", "two"))
    differing = {name for name in one if one[name] != other[name]}
    assert one.keys() == other.keys()
    assert differing == {
        "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt", *(f"data/case/{name}" for name in (LOG, MANIFEST, "custody.head", "custody.sig")),
    }  # fmt: skip
