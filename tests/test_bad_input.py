"""Bad evidence, end to end: each ends in a row of defects.csv with file, place and reason, and the rest is complete."""

from __future__ import annotations

import csv
import gzip
import os
import random
from pathlib import Path

import pytest
from small_evidence import POLICY, as_nobody, log, mailbox, open_folder, plant, search_page
from typer.testing import CliRunner

import forensics
from forensics.cli import app

RUN = CliRunner()
Row = dict[str, str]


def run(*roots: Path, out: Path, more: tuple[str, ...] = ()) -> tuple[int, str]:
    policy = out.with_name(out.name + ".policy.toml")
    policy.write_text(POLICY, encoding="utf-8")
    words = [
        "audit",
        *map(str, roots),
        "--out",
        str(out),
        "--incident",
        "postmark-mcp",
        "--policy",
        str(policy),
        "--workers",
        "1",
    ]
    result = RUN.invoke(app, [*words, "--year", "2025", *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr


def rows(case: Path, table: str) -> list[Row]:
    with (case / "report" / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def defects(case: Path) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows(case, "defects"):
        found.setdefault(row["path"].partition("/")[2], []).append(row)
    return found


def audited(tmp_path: Path, name: str, content: bytes) -> list[Row]:
    """Defects of one bad file beside the good ones, which must be complete."""
    folder = plant(tmp_path / "ev")
    (folder / name).write_bytes(content)
    code, _ = run(folder, out=tmp_path / "case")
    assert code == 0
    assert len(rows(tmp_path / "case", "exposed_messages")) >= 8
    found = defects(tmp_path / "case")
    assert set(found) <= {name}
    for row in found.get(name, []):
        assert int(row["start"]) >= 0
        assert row["reason"]
    return found.get(name, [])


def test_a_mailbox_cut_in_a_mail(tmp_path: Path) -> None:
    text = mailbox(range(20, 23)).encode()
    (row,) = audited(tmp_path, "cut.mbox", text[:-40])
    assert "ends inside" in row["reason"]
    assert (row["parser"], row["end"]) == ("mbox", str(len(text) - 40))
    kept = {one["message_key"] for one in _messages(tmp_path / "case")}
    assert {"m20@acme.example", "m21@acme.example"} <= kept


def _messages(case: Path) -> list[Row]:
    import forensics

    frame = forensics.open_case(str(case)).read("messages")
    return [{"message_key": str(key)} for key in frame["message_key"]]


def test_a_page_cut_in_the_middle(tmp_path: Path) -> None:
    text = search_page("cut").replace("a100000", "b200000").encode()
    found = audited(tmp_path, "cut.json", text[: len(text) * 3 // 5])
    assert any("ends before" in row["reason"] for row in found)
    kept = {one["message_key"] for one in _messages(tmp_path / "case")}
    assert "b2000001-5c1e-4a77-9d10-4b6f0c2e0001@mtasv.net" in kept
    assert "b2000004-5c1e-4a77-9d10-4b6f0c2e0004@mtasv.net" not in kept


def test_a_binary_file(tmp_path: Path) -> None:
    (row,) = audited(tmp_path, "bin.dat", random.Random(1).randbytes(4000))
    assert row["reason"] == "no parser knows this format: not read"
    assert (row["start"], row["end"]) == ("0", "4000")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.gz", b"", "the file is empty"),
        ("hollow.gz", gzip.compress(b""), "0 bytes"),
        ("header.gz", gzip.compress(log().encode())[:12], "truncated"),
        ("few.gz", gzip.compress(log().encode())[:60], "truncated"),
        ("spoiled.gz", gzip.compress(b"x" * 100)[:15] + b"\xff" * 90, ""),
    ],
    ids=["empty", "hollow", "header", "few", "spoiled"],
)
def test_a_gzip_with_nothing_to_read_in_it(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    found = audited(tmp_path, name, content)
    assert any(reason in row["reason"] for row in found)


def test_a_gzip_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    whole = log(range(10, 40)).encode()
    packed = gzip.compress(whole)
    found = audited(tmp_path, "mail.log.1.gz", packed[: len(packed) - 8])
    assert any("truncated" in row["reason"] for row in found)
    kept = {one["message_key"] for one in rows(tmp_path / "case", "exposed_messages")}
    assert "m39@acme.example" in kept


def test_a_log_in_latin_1(tmp_path: Path) -> None:
    spoiled = log(range(10, 14)).replace("250 ok, thanks", "250 gr\xfc\xdfe, danke").encode("latin-1")
    assert audited(tmp_path, "latin.log", spoiled) == []
    kept = {one["message_key"]: one for one in rows(tmp_path / "case", "exposed_messages")}
    assert {f"m{n}@acme.example" for n in range(10, 14)} <= set(kept)
    told = [one["reply"] for one in rows(tmp_path / "case", "copies") if one["message_key"] == "m10@acme.example"]
    assert any("danke" in reply for reply in told)


def test_numbers_that_no_computer_holds(tmp_path: Path) -> None:
    audited(
        tmp_path,
        "huge.log",
        log(range(10, 12)).replace("nrcpt=2", "nrcpt=" + "9" * 30).replace("size=900", "size=" + "9" * 30).encode(),
    )


def test_links_pipes_and_names_that_are_no_text(tmp_path: Path) -> None:
    folder = plant(tmp_path / "ev")
    (folder / "loop1").symlink_to("loop2")
    (folder / "loop2").symlink_to("loop1")
    os.mkfifo(folder / "pipe")
    (folder / os.fsdecode(b"bad\xff\x1b[31m\nname.bin")).write_bytes(b"\0\1\2")
    code, _ = run(folder, out=tmp_path / "case")
    assert code == 0
    found = defects(tmp_path / "case")
    assert {"loop1", "loop2", "pipe"} <= set(found)
    assert len(found) == 4
    assert len(rows(tmp_path / "case", "exposed_messages")) == 8
    assert RUN.invoke(app, ["verify", str(tmp_path / "case")]).exit_code == 0


def test_a_folder_without_permission() -> None:
    with open_folder() as root:
        folder = plant(root / "ev")
        (folder / "locked").mkdir()
        (folder / "locked" / "more.log").write_text(log(range(30, 33)))
        run(folder, out=root / "first")  # loads every module while it may
        (folder / "locked").chmod(0)
        try:
            with as_nobody():
                code, _ = run(folder, out=root / "case")
        finally:
            (folder / "locked").chmod(0o700)
        assert code == 0
        (row,) = defects(root / "case")["locked"]
        assert "cannot be opened" in row["reason"]
        assert "ermission" in row["reason"]
        assert len(rows(root / "case", "exposed_messages")) == 8
        assert len(rows(root / "first", "exposed_messages")) == 11


def test_all_of_it_together_costs_the_good_evidence_nothing(tmp_path: Path) -> None:
    folder = plant(tmp_path / "ev")
    (folder / "cut.mbox").write_bytes(mailbox(range(40, 42)).encode()[:-40])
    (folder / "cut.json").write_bytes(search_page().replace("a100000", "b200000").encode()[:900])
    (folder / "bin.dat").write_bytes(random.Random(1).randbytes(4000))
    (folder / "empty.gz").write_bytes(b"")
    (folder / "cut.log.gz").write_bytes(gzip.compress(log(range(10, 20)).encode())[:-8])
    (folder / "loop").symlink_to("loop")
    (folder / "empty").mkdir()
    code, stderr = run(folder, out=tmp_path / "case", more=("--strict", "--quiet"))
    assert (code, stderr) == (11, "")
    assert set(defects(tmp_path / "case")) == {"cut.mbox", "cut.json", "bin.dat", "empty.gz", "cut.log.gz", "loop"}
    assert len(rows(tmp_path / "case", "exposed_messages")) >= 8 + 10


# --- nothing readable


def test_an_empty_folder_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "ev" / "deep").mkdir(parents=True)
    code, stderr = run(tmp_path / "ev", out=tmp_path / "case")
    assert code == 10
    assert "there is no file in it" in stderr
    assert "forensics show parsers" in stderr


def test_nothing_readable_lists_why_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "ev").mkdir()
    (tmp_path / "ev" / "bin.dat").write_bytes(b"\0\1\2\3")
    (tmp_path / "ev" / "empty.log").write_bytes(b"")
    (tmp_path / "ev" / os.fsdecode(b"\x1b[2J\xff")).write_bytes(b"\0\1\2")
    code, stderr = run(tmp_path / "ev", tmp_path / "nothing-here", out=tmp_path / "case")
    assert code == 10
    for name, reason in {"bin.dat": "no parser knows", "empty.log": "is empty", "nothing-here": "no such file"}.items():
        assert any(name in line and reason in line for line in stderr.split("\n")), name
    assert "\x1b[2J" not in stderr


def test_nothing_readable_leaves_a_folder_that_can_be_used_again(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", out=tmp_path / "case")[0] == 10
    assert RUN.invoke(app, ["verify", str(tmp_path / "case")]).exit_code == 2
    assert run(plant(tmp_path / "ev"), out=tmp_path / "case")[0] == 0
    assert RUN.invoke(app, ["verify", str(tmp_path / "case")]).exit_code == 0


def test_a_missing_path_beside_good_evidence_is_a_defect(tmp_path: Path) -> None:
    code, _ = run(plant(tmp_path / "ev"), tmp_path / "nothing-here", out=tmp_path / "case")
    assert code == 0
    told = rows(tmp_path / "case", "defects")
    assert [row["path"].rpartition("/")[2] for row in told] == ["nothing-here"]
    assert "no such file" in told[0]["reason"]


def test_a_file_that_bears_the_name_of_a_shipped_incident_is_evidence_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = plant(tmp_path / "ev")
    (folder / "postmark-mcp").write_bytes(b"what is this?\n")
    monkeypatch.chdir(folder)
    case = forensics.audit(folder, out=tmp_path / "case", incident="postmark-mcp", options=forensics.Options(workers=1))
    assert "ev/postmark-mcp" in set(case.read("defects")["path"])
