"""The custody record: every file and every packed member with its hash, who took it in, how it was acquired, whose clock it keeps."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import POLICY, audited, log, mailbox, plant, search_page

import forensics
from forensics.case import Case
from forensics.coverage import Collection
from forensics.custody import LOG, file_sha256, key_check, read_log
from forensics.evidence import Item, Member, MemberSource, hashed, members
from forensics.model import Span
from forensics.pipeline.custody_record import Taken, store_custody


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tar_gz(contents: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def zipped(contents: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return packed.getvalue()


CONTENTS = {
    "mail/box.mbox": mailbox().encode(),
    "logs/mail.log": log().encode(),
    "page.json": search_page().encode(),
    "photo.bin": bytes(range(256)) * 20_000,  # no parser knows it, and it is longer than what is sniffed at
}


def told(case: Case) -> dict[str, tuple[int, str, str]]:
    """Members of a case with one packed file: size, hash, parser."""
    return {row["member"]: (row["size"], row["sha256"], row["parser"]) for row in case.read("members").to_dict("records")}


@pytest.mark.parametrize("pack", [tar_gz, zipped], ids=["tar.gz", "zip"])
def test_every_member_of_an_archive_has_the_hash_of_what_it_decodes_to(tmp_path: Path, pack: object) -> None:
    (tmp_path / "ev").mkdir()
    (tmp_path / "ev" / "all.pack").write_bytes(pack(CONTENTS))  # type: ignore[operator]
    case = audited(tmp_path / "ev", out=tmp_path / "case")
    found = told(case)
    assert {name: (size, digest) for name, (size, digest, _) in found.items()} == {
        name: (len(content), sha256(content)) for name, content in CONTENTS.items()
    }
    assert {name: parser for name, (_, _, parser) in found.items()} == {
        "mail/box.mbox": "mbox", "logs/mail.log": "postfix", "page.json": "postmark", "photo.bin": "",
    }  # fmt: skip
    assert set(case.read("members")["evidence"]) == set(case.read("evidence")["evidence"])


def test_a_compressed_file_is_one_nameless_member_and_a_plain_one_is_none(tmp_path: Path) -> None:
    plant(tmp_path / "ev")
    (tmp_path / "ev" / "old.mbox.gz").write_bytes(gzip.compress(mailbox(range(6, 9)).encode(), mtime=0))
    found = told(audited(tmp_path / "ev", out=tmp_path / "case"))
    content = mailbox(range(6, 9)).encode()
    assert found == {"": (len(content), sha256(content), "mbox")}


def test_members_of_members_have_theirs_and_a_damaged_one_has_none(tmp_path: Path) -> None:
    inner = gzip.compress(mailbox().encode(), mtime=0)
    broken = gzip.compress(os.urandom(300_000), mtime=0)[:-5_000]
    (tmp_path / "ev").mkdir()
    (tmp_path / "ev" / "a.zip").write_bytes(
        zipped({"in.tar": gzip.decompress(tar_gz({"box.gz": inner, "cut.gz": broken})), "page.json": search_page().encode()})
    )
    found = told(audited(tmp_path / "ev", out=tmp_path / "case"))
    content = mailbox().encode()
    assert found["in.tar/box.gz"] == (len(content), sha256(content), "mbox")
    assert found["page.json"][1] == sha256(search_page().encode())
    size, digest, parser = found["in.tar/cut.gz"]
    assert (digest, parser) == ("", "")
    assert 0 < size < 300_000


def test_where_nothing_is_packed_the_table_is_there_and_empty(tmp_path: Path) -> None:
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    frame = case.read("members")
    assert list(frame.columns) == ["evidence", "member", "size", "sha256", "parser"]
    assert len(frame) == 0


def test_a_resumed_run_has_the_hashes_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "ev").mkdir()
    (tmp_path / "ev" / "all.zip").write_bytes(zipped(CONTENTS))
    first = told(audited(tmp_path / "ev", out=tmp_path / "case"))
    (tmp_path / "case" / "case.toml").unlink()
    assert told(audited(tmp_path / "ev", out=tmp_path / "case")) == first
    assert len(first) == len(CONTENTS)


def only(packed: bytes, folder: Path) -> Member:
    (folder / "packed").write_bytes(packed)
    item = hashed("packed", folder / "packed")
    assert isinstance(item, Item)
    (member,) = [one for one in members(item) if isinstance(one, Member)]
    return member


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(reads=st.lists(st.integers(0, 9), max_size=4), start=st.sampled_from([None, 0, 1, 70_000]))
def test_the_hash_is_that_of_the_whole_however_a_parser_reads(
    reads: list[int], start: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytes(range(256)) * 18_000  # more than four blocks
    folder = tmp_path_factory.getbasetemp()
    for packed in (gzip.compress(content, 1, mtime=0), tar_gz({"one": content})):
        member = only(packed, folder)
        source = MemberSource(Span(member.item.id, member.name, 0, -1), member, hashing=True)
        for count in reads:
            stream: Iterator[bytes] = source.blocks(start)
            for _, _ in zip(range(count), stream, strict=False):
                pass
            stream.close()  # type: ignore[attr-defined]
        assert source.hashed() == (len(content), sha256(content))
        assert source.problems == []


def test_a_member_is_unpacked_once_for_parser_and_hash(tmp_path: Path) -> None:
    content = bytes(range(256)) * 18_000
    member = only(tar_gz({"one": content}), tmp_path)
    opened: list[int] = []

    def counting() -> object:
        opened.append(1)
        return member.open()

    watched = Member(member.item, member.name, counting, member.size)  # type: ignore[arg-type]
    source = MemberSource(Span(member.item.id, member.name, 0, -1), watched, hashing=True)
    next(source.blocks())  # a parser that has enough after the first block
    assert source.hashed() == (len(content), sha256(content))
    assert len(opened) == 1
    plain = MemberSource(Span(member.item.id, member.name, 0, -1), watched)
    next(plain.blocks())
    assert plain.hashed() is None  # nobody asked: nothing is read for it


# --- files


def test_each_file_is_on_record_with_who_when_how_and_whose_clock(tmp_path: Path) -> None:
    plant(tmp_path / "ev")
    shutil.copyfile(tmp_path / "ev" / "box.mbox", tmp_path / "ev" / "copy.mbox")
    (tmp_path / "policy.toml").write_text(POLICY + '[case]\nnumber = "A-1"\ncustodian = "Eva Lund"\nrole = "controller"\n')
    case = forensics.audit(
        tmp_path / "ev", out=tmp_path / "case", policy=tmp_path / "policy.toml", options=forensics.Options(workers=1, year=2025)
    )
    rows = {row["path"]: row for row in case.read("custody").to_dict("records")}
    assert list(rows) == ["ev/box.mbox", "ev/copy.mbox", "ev/page.json", "ev/relay/mail.log"]
    entries = {entry["path"]: entry for entry in read_log(case.path / LOG) if entry["action"] == "evidence hashed"}
    for path, row in rows.items():
        place = tmp_path / path
        assert (row["location"], row["size"], row["sha256"]) == (str(place), place.stat().st_size, file_sha256(place))
        assert (row["evidence"], row["acquired"]) == (row["sha256"][:16], "handed in as a file")
        assert (row["custodian"], row["role"], row["case_number"]) == ("Eva Lund", "controller", "A-1")
        assert row["taken_by"] == entries[path]["actor"]
        assert row["tool"] == entries[path]["tool"] == f"forensics {forensics.__version__}"
        assert row["taken_at"] <= entries[path]["utc"]
        assert entries[path]["evidence"] == row["evidence"]
    assert rows["ev/relay/mail.log"]["source_system"] == "postfix server mx1"
    assert "year" in rows["ev/relay/mail.log"]["source_clock"]
    assert rows["ev/page.json"]["source_system"] == "postmark stream outbound"
    assert rows["ev/page.json"]["source_clock"] == "as each record states it"
    kept = case.read("evidence")
    assert list(kept["path"]) == ["ev/box.mbox", "ev/page.json", "ev/relay/mail.log"]  # one row per content
    assert list(kept.columns) == ["evidence", "path", "size", "sha256", "acquired", "source_system", "source_clock"]
    begun = read_log(case.path / LOG)[0]
    assert (begun["number"], begun["custodian"], begun["role"]) == ("A-1", "Eva Lund", "controller")


def test_the_log_knows_the_secret_key_only_by_a_value_that_tells_nothing_of_it(tmp_path: Path) -> None:
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    raw = (case.path / LOG).read_text()
    assert case.key.hex() not in raw
    assert sha256(case.key) not in raw
    assert json.loads(raw.splitlines()[0])["key_check"] == key_check(case.key) != key_check(b"\0" * 32)
    (case.path / "case.key").write_text("00" * 32 + "\n")
    assert forensics.verify(case) == ["case.key: changed since the audit"]
    (case.path / "case.key").unlink()
    assert forensics.verify(case) == []


def test_two_runs_differ_in_nothing_but_who_and_when(tmp_path: Path) -> None:
    plant(tmp_path / "ev")
    (tmp_path / "ev" / "all.zip").write_bytes(zipped(CONTENTS))
    one, other = (audited(tmp_path / "ev", out=tmp_path / name) for name in ("one", "two"))
    for table in ("evidence", "members"):
        parts = [(case.tables / table / "part-0.parquet").read_bytes() for case in (one, other)]
        assert parts[0] == parts[1]
    first, second = (case.read("custody").drop(columns=["taken_at"]) for case in (one, other))
    assert first.equals(second)


def test_a_collected_file_says_from_where_and_a_file_of_many_systems_names_them_and_no_more_than_twenty(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "case")
    connection = duckdb.connect()
    connection.execute("CREATE TABLE observed (evidence TEXT, source TEXT, server TEXT, stream TEXT)")
    rows = [
        ("a" * 16, "postmark", "101", "out"),
        ("a" * 16, "postmark", "101", "out"),
        *(("b" * 16, "postfix", f"mx{n:02}; x", "") for n in range(30)),
    ]
    connection.executemany("INSERT INTO observed VALUES (?, ?, ?, ?)", rows)
    when = datetime(2025, 9, 17, tzinfo=UTC)
    files = {"a" * 16: ("101", "out"), "c" * 16: ("", "")}
    collections = [Collection("postmark", "ev/c", when, when, False, files=files)]
    taken = [
        Taken(Item(f"ev/{name}", tmp_path / name, 1, name * 64), "2025-09-17T00:00:00Z") for name in ("c", "b", "a")
    ]  # fmt: skip
    store_custody(connection, case, taken, forensics.Policy(), collections, {})
    told = {row["path"]: row for row in case.read("evidence").to_dict("records")}
    assert list(told) == ["ev/a", "ev/b", "ev/c"]
    assert told["ev/a"]["acquired"] == (
        "collected from postmark by `forensics collect` (folder ev/c) server 101 stream out (the collection was not finished)"
    )
    assert told["ev/c"]["acquired"].startswith("collected from postmark")
    assert told["ev/b"]["acquired"] == "handed in as a file"
    assert told["ev/a"]["source_system"] == "postmark server 101 stream out"
    systems = told["ev/b"]["source_system"].split("; ")
    assert (len(systems), systems[0], systems[-1]) == (21, "postfix server mx00, x", "and 10 more")
    assert told["ev/c"]["source_clock"] == ""
