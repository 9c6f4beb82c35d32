"""Custody: any change to log, manifest, evidence, tables or reports is found, and a stranger's tools can check it too."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import audited, plant

import forensics
from forensics.case import Case
from forensics.custody import (
    HEAD,
    LOG,
    MANIFEST,
    CustodyError,
    CustodyLog,
    check_log,
    check_manifest,
    check_seal,
    file_sha256,
    manifest_entries,
    read_log,
    write_manifest,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case and its evidence; tests copy it before they spoil it."""
    root = tmp_path_factory.mktemp("custody")
    audited(plant(root / "ev"), out=root / "case")
    forensics.report(Case.open(root / "case"), ["csv"])
    return root


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Case:
    """The same beside each other as before, so that the manifest's relative paths hold."""
    shutil.copytree(finished, tmp_path / "all", symlinks=True)
    return Case.open(tmp_path / "all" / "case")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    log = CustodyLog(tmp_path_factory.mktemp("log") / LOG)
    for n in range(6):
        log.append("evidence hashed", path=f"ü{n}\udcff\u202e.log", size=n, sha256="ab" * 32)
    return log.path.read_bytes().splitlines(keepends=True)


def problems(folder: Path, content: bytes) -> list[str]:
    (folder / LOG).write_bytes(content)
    return check_log(folder / LOG)


# --- the log


def test_a_log_as_written_holds_and_goes_on_after_a_restart(tmp_path: Path, lines: list[bytes]) -> None:
    assert problems(tmp_path, b"".join(lines)) == []
    CustodyLog(tmp_path / LOG).append("reports written", reports=["ä.csv"])
    assert check_log(tmp_path / LOG) == []
    entries = read_log(tmp_path / LOG)
    assert [entry["seq"] for entry in entries] == list(range(1, 8))
    assert entries[0]["path"] == "ü0\udcff\u202e.log"
    assert entries[0]["prev"] == "0" * 64
    assert all(entry["prev"] == before["hash"] for before, entry in pairwise(entries))
    assert all(entry["utc"].endswith("Z") and entry["tool"].startswith("forensics ") and entry["actor"] for entry in entries)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_change_of_any_byte_is_found(data: st.DataObject, lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    content = bytearray(b"".join(lines))
    at = data.draw(st.integers(0, len(content) - 1))
    how = data.draw(st.sampled_from(["change", "insert", "delete"]))
    if how == "change":
        content[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
    elif how == "insert":
        content.insert(at, data.draw(st.sampled_from(list(b' \n\r\t0a"{}'))))
    else:
        del content[at]
    assert problems(tmp_path_factory.getbasetemp(), bytes(content)) != []


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(order=st.lists(st.integers(0, 5), max_size=8))
def test_a_dropped_moved_or_doubled_line_is_found(
    order: list[int], lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = problems(tmp_path_factory.getbasetemp(), b"".join(lines[n] for n in order))
    is_a_beginning = order == list(range(len(order))) and order != []
    assert (found == []) == is_a_beginning  # where a chain ends, only the seal can tell: see below


def test_each_kind_of_damage_is_named_once(tmp_path: Path, lines: list[bytes]) -> None:
    dropped = problems(tmp_path, b"".join([*lines[:2], *lines[3:]]))
    assert dropped == [
        f"{LOG}: entry 3 is missing or out of order",
        f"{LOG}: the entry in line 3 does not follow the one before it",
    ]
    changed = problems(tmp_path, b"".join([*lines[:2], lines[2].replace(b'"size": 2', b'"size": 9'), *lines[3:]]))
    assert changed == [f"{LOG}: the entry in line 3 was changed after it was written"]
    assert problems(tmp_path, b"") == [f"{LOG} is empty"]
    assert check_log(tmp_path / "nothing") == [f"{LOG} is missing"]
    assert problems(tmp_path, b"[" * 100_000 + b"\n") != []


def test_resealing_one_entry_breaks_the_next(tmp_path: Path, lines: list[bytes]) -> None:
    forged = CustodyLog(tmp_path / "other")
    for n in range(3):
        forged.append("evidence hashed", path=f"forged {n}")
    mixed = [*lines[:2], forged.path.read_bytes().splitlines(keepends=True)[2], *lines[3:]]
    assert len(problems(tmp_path, b"".join(mixed))) == 2


def test_an_entry_that_a_kill_cut_short_is_kept_and_the_run_goes_on(tmp_path: Path, lines: list[bytes]) -> None:
    (tmp_path / LOG).write_bytes(b"".join(lines[:3]) + lines[3][:40])
    assert check_log(tmp_path / LOG) != []
    CustodyLog(tmp_path / LOG).append("audit begun")
    assert check_log(tmp_path / LOG) == []
    assert read_log(tmp_path / LOG)[3]["text"] == lines[3][:40].decode()


def test_a_damaged_log_is_not_continued(tmp_path: Path, lines: list[bytes]) -> None:
    (tmp_path / LOG).write_bytes(lines[0] + b"garbage\n" + lines[2])
    with pytest.raises(CustodyError, match="name another one with --out"):
        CustodyLog(tmp_path / LOG)
    assert (tmp_path / LOG).read_bytes() == lines[0] + b"garbage\n" + lines[2]


# --- the manifest


NAMES = [
    b"plain.log",
    b"with blank.log",
    b"two  blanks.log",
    b"line\nbreak.log",
    b"carriage\rreturn.log",
    b"back\\slash.log",
    b"back\\nslash.log",
    b"trailing\\",
    b"\\leading",
    b"*star",
    "ümlaut.log".encode(),
    b"not-utf8-\xff\xfe.log",
    b"\x1b[31m",
]


def make_case(folder: Path) -> tuple[Path, dict[Path, str]]:
    (folder / "ev").mkdir()
    (folder / "case").mkdir()
    evidence = {}
    for name in NAMES:
        place = folder / "ev" / os.fsdecode(name)
        place.write_bytes(b"content of " + name)
        evidence[place] = file_sha256(place)
    (folder / "case" / "own  file.csv").write_text("x")
    CustodyLog(folder / "case" / LOG).append("audit begun")
    return folder / "case", evidence


def sha256sum(case: Path) -> int:
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("no sha256sum here")
    return subprocess.run([program, "-c", "--strict", "--quiet", MANIFEST], cwd=case, capture_output=True, check=False).returncode


def test_sha256sum_accepts_the_manifest_and_refuses_it_after_a_change(tmp_path: Path) -> None:
    case, evidence = make_case(tmp_path)
    write_manifest(case, evidence, [case / "own  file.csv"])
    assert sha256sum(case) == 0
    assert len(manifest_entries(case)) == len(NAMES) + 2  # and the head of the log
    for place in evidence:
        kept = place.read_bytes()
        place.write_bytes(kept + b"!")
        assert sha256sum(case) == 1
        assert len(check_manifest(case, [])) == 1
        place.write_bytes(kept)
    assert check_manifest(case, [case / "own  file.csv", case / HEAD]) == []


def test_the_manifest_holds_from_wherever_the_case_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    case, evidence = make_case(tmp_path / "deep" / "er")
    (tmp_path / "link").symlink_to(case)
    monkeypatch.chdir(tmp_path)
    for way in (case, Path("deep/er/case"), tmp_path / "link"):
        write_manifest(way, evidence, [way / "own  file.csv"])
        assert sha256sum(way) == 0
        assert check_manifest(way, []) == []


# --- verification of a whole case


def test_a_case_holds_as_it_was_written_and_can_be_moved_with_its_evidence(copy: Case) -> None:
    assert forensics.verify(copy) == []
    assert sha256sum(copy.path) == 0


def flip(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(bytes(content))


def drop_entries(case: Case, count: int) -> None:
    lines = (case.path / LOG).read_bytes().splitlines(keepends=True)
    (case.path / LOG).write_bytes(b"".join(lines[:-count]))


def forge(case: Case) -> None:
    """Change the evidence and make the manifest agree: only the sealed log still knows."""
    place = case.path.parent / "ev" / "relay" / "mail.log"
    before = file_sha256(place)
    flip(place)
    manifest = case.path / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(before.encode(), file_sha256(place).encode()))


def replace(case: Case, put: Callable[[Path], object]) -> None:
    """Something else in the place of a file of evidence."""
    place = case.path.parent / "ev" / "box.mbox"
    place.rename(case.path.parent / "moved")
    put(place)


def linked(place: Path) -> None:
    """The same content, but elsewhere."""
    away = place.parents[2] / "away"
    place.rename(away)
    place.symlink_to(away)


def piped(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


CHANGES: dict[str, Callable[[Case], object]] = {
    "evidence": lambda case: flip(case.path.parent / "ev" / "relay" / "mail.log"),
    "evidence gone": lambda case: (case.path.parent / "ev" / "box.mbox").unlink(),
    "evidence a folder": lambda case: replace(case, Path.mkdir),
    "evidence a pipe": lambda case: replace(case, os.mkfifo),
    "evidence a link": lambda case: replace(case, lambda place: place.symlink_to(case.path.parent / "moved")),
    "table": lambda case: flip(case.tables / "people" / "part-0.parquet"),
    "part": lambda case: flip(next((case.tables / "fragments").iterdir())),
    "table added": lambda case: (case.tables / "people" / "part-1.parquet").write_bytes(b"x"),
    "report": lambda case: flip(case.report / "report.html"),
    "report gone": lambda case: (case.report / "people.csv").unlink(),
    "report added": lambda case: (case.report / "more.csv").write_text("x"),
    "hidden file added": lambda case: (case.path / ".hidden").write_text("x"),
    "folder a link": lambda case: linked(case.tables / "people"),
    "log a link": lambda case: linked(case.path / LOG),
    "log a pipe": lambda case: piped(case.path / LOG),
    "link added": lambda case: (case.report / "link").symlink_to("nowhere"),
    "metadata": lambda case: flip(case.path / "case.toml"),
    "log": lambda case: flip(case.path / LOG),
    "log gone": lambda case: (case.path / LOG).unlink(),
    "last entry of the log gone": lambda case: drop_entries(case, 1),
    "last two entries of the log gone": lambda case: drop_entries(case, 2),
    "head": lambda case: (case.path / HEAD).write_text("0" * 64 + "\n"),
    "manifest": lambda case: flip(case.path / MANIFEST),
    "manifest gone": lambda case: (case.path / MANIFEST).unlink(),
    "line of the manifest gone": lambda case: (case.path / MANIFEST).write_bytes(
        b"".join((case.path / MANIFEST).read_bytes().splitlines(keepends=True)[1:])
    ),
    "evidence and manifest": forge,
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_found(copy: Case, change: str) -> None:
    CHANGES[change](copy)
    found = forensics.verify(copy)
    assert found
    assert all(isinstance(one, str) and "\n" not in one for one in found)


def test_what_is_not_covered_is_no_difference_and_is_said(copy: Case) -> None:
    (copy.path / "case.key").unlink()
    (copy.path / ".spill").mkdir()
    (copy.path / ".spill" / "duckdb_temp").write_text("x")
    (copy.path / "revealed").mkdir()
    (copy.path / "revealed" / "credentials.csv").write_text("x")
    (copy.path / "report" / "empty").mkdir()  # no byte is in it, and no sha256sum knows of it
    (copy.path / "case.toml").chmod(0o644)
    os.utime(copy.path / "case.toml", (0, 0))
    found = forensics.verification(copy)
    assert found.problems == ()
    assert any("handed on without its key" in one for one in found.remarks)
    for words in ("modes", "times", "folders without a file", ".spill", "revealed", "case.lock"):
        assert words in found.remarks[-1]


def test_a_device_that_a_hostile_manifest_names_does_not_keep_anybody_waiting(copy: Case) -> None:
    climb = os.path.relpath("/dev/zero", copy.path.resolve())
    with (copy.path / MANIFEST).open("ab") as stream:
        stream.write(f"{'0' * 64}  {climb}\n".encode())
    assert f"{climb}: cannot be read: neither a file nor a folder" in forensics.verify(copy)


def test_an_audit_that_never_finished_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "ev").mkdir()
    CustodyLog(tmp_path / LOG).append("audit begun")
    write_manifest(tmp_path, {}, [])
    assert check_seal(tmp_path) == [f"{LOG}: the audit was never finished"]


def test_every_input_is_in_the_log_before_the_end_with_its_hash(finished: Path) -> None:
    entries = read_log(finished / "case" / LOG)
    assert [entry["action"] for entry in entries] == [
        "audit begun", *["evidence hashed"] * 3, "tables written", "audit finished", "reports written",
    ]  # fmt: skip
    hashes = {entry["path"]: entry["sha256"] for entry in entries if entry["action"] == "evidence hashed"}
    assert hashes == {f"ev/{name}": file_sha256(finished / "ev" / name) for name in ("box.mbox", "page.json", "relay/mail.log")}
    assert json.dumps(entries).count("giftshop") == 0


def test_folders_and_files_of_a_case_are_for_one_user(finished: Path) -> None:
    modes = {place: stat.S_IMODE(place.stat().st_mode) for place in (finished / "case").rglob("*")}
    assert {mode for place, mode in modes.items() if place.is_dir()} == {0o700}
    assert {mode for place, mode in modes.items() if place.is_file()} == {0o600}
    assert stat.S_IMODE((finished / "case").stat().st_mode) == 0o700
