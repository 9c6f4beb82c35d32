"""Remarks belong to one case: a log from another one is refused, and credentials in full do not outlive their case's state unsaid."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_evidence import POLICY, SECRET, audited, mailbox, plant

import forensics
from forensics.case import Case, CaseError
from forensics.pipeline.noting import note
from forensics.pipeline.revealing import reveal
from forensics.pipeline.verification import verification
from forensics.pipeline.watcher import Silence


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ev` with a case that has a remark, and `other` with another case that has none."""
    folder = tmp_path_factory.mktemp("foreign")
    note(
        audited(plant(folder / "ev"), out=folder / "case"), "the archive of the shop", about=[("recipient", "phan@giftshop.club")]
    )
    (folder / "other").mkdir()
    (folder / "other" / "box.mbox").write_text(mailbox(range(1, 3)), encoding="utf-8")
    audited(folder / "other", out=folder / "second", key="7d" * 32 + "\n")
    return folder


@pytest.fixture
def foreign(root: Path) -> Iterator[Case]:
    """The other case, with the first one's log in place of its own."""
    place = root / "copy"
    shutil.copytree(root / "second", place)
    shutil.copy(root / "case" / "custody.jsonl", place)
    yield Case.open(place)
    shutil.rmtree(place)


def again(root: Path, out: Path) -> Case:
    return forensics.audit(root / "other", out=out, options=forensics.Options(workers=1))


def test_a_foreign_log_is_named_by_verify_and_taken_by_no_step(foreign: Case, root: Path) -> None:
    before = (foreign.path / "custody.jsonl").read_bytes()
    assert any("custody.jsonl" in one for one in forensics.verify(foreign))
    steps = (
        lambda: note(foreign, "mine"),
        lambda: forensics.report(foreign, ["csv"]),
        lambda: again(root, foreign.path),
    )
    for step in steps:
        with pytest.raises(CaseError, match="nothing was written"):
            step()
    assert (foreign.path / "custody.jsonl").read_bytes() == before
    assert "giftshop" not in (foreign.report / "decisions.csv").read_text()
    assert Case.open(foreign.path).summary  # still a finished case, for whoever puts its log back


def test_a_log_with_remarks_alone_in_a_folder_is_taken_for_no_new_case(tmp_path: Path, root: Path) -> None:
    (tmp_path / "case").mkdir(mode=0o700)
    for name in ("case.key", "custody.jsonl"):
        shutil.copy(root / "case" / name, tmp_path / "case")
    with pytest.raises(CaseError, match="a log of another case"):
        again(root, tmp_path / "case")


def test_a_case_keeps_its_own_remarks_when_it_is_audited_anew(tmp_path: Path, root: Path) -> None:
    own = tmp_path / "case"
    shutil.copytree(root / "case", own)
    case = again(root, own)
    assert "the archive of the shop" in (case.report / "decisions.csv").read_text()
    assert forensics.verify(case) == []


@pytest.mark.parametrize("lost", ["tables", "manifest-sha256.txt"])
def test_a_case_that_lost_tables_or_manifest_is_known_by_the_other(tmp_path: Path, root: Path, lost: str) -> None:
    own = tmp_path / "case"
    shutil.copytree(root / "second", own)
    shutil.rmtree(own / lost) if lost == "tables" else (own / lost).unlink()
    assert again(root, own).summary


def test_a_log_of_an_audit_that_never_finished_is_taken_on(tmp_path: Path, root: Path) -> None:
    (tmp_path / "case").mkdir(mode=0o700)
    shutil.copy(root / "second" / "case.key", tmp_path / "case")
    begun = (root / "second" / "custody.jsonl").read_bytes().splitlines(keepends=True)[:2]
    (tmp_path / "case" / "custody.jsonl").write_bytes(b"".join(begun))
    assert again(root, tmp_path / "case").summary


# --- credentials in full


class Listener(Silence):
    """A watcher that remembers what it was warned of."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


def told(case: Case) -> list[str]:
    return [one for one in verification(case).remarks if one.startswith("revealed")]


def test_credentials_in_full_of_a_former_state_are_named_and_kept(tmp_path: Path) -> None:
    evidence = plant(tmp_path / "ev")
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY, encoding="utf-8")

    def audit() -> tuple[Case, list[str]]:
        watcher = Listener()
        options = forensics.Options(workers=1, year=2025)
        case = forensics.audit(
            evidence, out=tmp_path / "case", incident="postmark-mcp", policy=policy, options=options, watcher=watcher
        )
        return case, [one for one in watcher.warned if "revealed" in one]

    case, warned = audit()
    assert (warned, told(case)) == ([], [])
    reveal(case, reason="to rotate")
    (remark,) = told(case)
    assert "before the last audit" not in remark
    (evidence / "more.mbox").write_text(mailbox(range(7, 9)), encoding="utf-8")
    case, warned = audit()
    assert len(warned) == 1
    assert "before this audit" in warned[0]
    (remark,) = told(case)
    assert "before the last audit" in remark
    assert forensics.verify(case) == []
    held = (case.path / "revealed" / "credentials.csv").read_text()
    assert SECRET in held
    assert SECRET not in json.dumps([*warned, remark])
    note(case, "seen")
    assert told(case) == [remark]  # a later seal makes it no fresher
    reveal(case, reason="anew")
    assert "before the last audit" not in told(case)[0]
    shutil.rmtree(case.path / "revealed")
    assert told(case) == []


def test_credentials_in_full_that_the_log_does_not_know_are_named(tmp_path: Path, root: Path) -> None:
    own = tmp_path / "case"
    shutil.copytree(root / "second", own)
    (own / "revealed").mkdir()
    assert told(Case.open(own)) == []  # an empty folder holds nothing
    (own / "revealed" / "credentials.csv").write_text("x", encoding="ascii")
    assert "was not written for this case" in told(Case.open(own))[0]
