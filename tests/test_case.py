"""The case folder: resumed, re-used, refused, and complete also where nothing was found."""

from __future__ import annotations

import dataclasses
import json
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_evidence import KEY, SECOND, SECRET, audited, comparable, log, mailbox, plant, search_page

import forensics
from forensics.case import CONTRACT, Case, CaseError, write_file, write_part
from forensics.engine import as_written, engine
from forensics.pipeline import audit as audit_module
from forensics.pipeline import first_pass
from forensics.pipeline.executor import Processes


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The small evidence, read in one go."""
    root = tmp_path_factory.mktemp("whole")
    return audited(plant(root / "ev"), out=root / "case")


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the parsers that read a span, in order, as long as the test runs."""
    reads: list[str] = []
    real = first_pass._read

    def counted(parser: Any, source: Any) -> Iterator[Any]:
        reads.append(parser.name)
        yield from real(parser, source)

    monkeypatch.setattr(first_pass, "_read", counted)
    return reads


# --- the same answer, however it is come by


def test_the_small_evidence_shows_what_the_other_tests_compare(whole: Case) -> None:
    assert whole.summary["conclusion"] == "exposure_shown"
    assert len(whole.read("exposed_messages")) == 8
    assert len(whole.read("credentials")) == 1
    assert len(whole.read("copies")) >= 8


def roots_turned_around(folder: Path, out: Path) -> Case:
    # a root of its own for each file gives other paths, so compare the folder among empty ones
    (folder.parent / "a-empty").mkdir()
    (folder.parent / "z-empty").mkdir()
    return audited(folder.parent / "z-empty", folder, folder / "page.json", folder.parent / "a-empty", out=out)


def interrupted(folder: Path, out: Path) -> Case:
    """A run that died between the parts, and its second start."""
    audited(folder, out=out)
    (out / "case.toml").unlink()
    receipts = sorted((out / "tables" / "receipts").iterdir())
    receipts[0].unlink()
    receipts[1].write_text("{half a rece")
    (out / "tables" / "fragments" / "mbox-x.parquet.new").write_bytes(b"torn")
    return audited(folder, out=out)


def twice(folder: Path, out: Path) -> Case:
    audited(folder, out=out)
    return audited(folder, out=out)


def by_processes(folder: Path, out: Path) -> Case:
    return audited(folder, out=out, executor=Processes(2))


WAYS: list[Callable[[Path, Path], Case]] = [roots_turned_around, interrupted, twice, by_processes]


@pytest.mark.parametrize("way", WAYS)
def test_tables_and_reports_are_the_same_byte_for_byte(tmp_path: Path, whole: Case, way: Callable[[Path, Path], Case]) -> None:
    case = way(plant(tmp_path / "ev"), tmp_path / "case")
    expected, found = comparable(whole), comparable(case)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert forensics.verify(case) == []


def test_spans_of_any_size_give_the_same_reports(tmp_path: Path) -> None:
    folder = plant(tmp_path / "ev")
    relay = folder / "relay" / "mail.log"
    relay.write_text(relay.read_text().replace("Sep 18 10:", "2025-09-18T10:").replace(" mx1", ".000000+00:00 mx1"))
    expected = comparable(audited(folder, out=tmp_path / "case"))
    for size in (300, 1000):
        cut = audited(folder, out=tmp_path / f"case{size}", options=forensics.Options(workers=1, span_size=size))
        assert len(list((cut.tables / "fragments").iterdir())) >= len(
            list((tmp_path / "case" / "tables" / "fragments").iterdir())
        )
        found = comparable(cut)
        # each span tells how many lines it met, so that table alone knows of the cuts
        assert [name for name in expected if found[name] != expected[name]] == ["tables/statements/part-0.parquet"]


def test_another_key_changes_hashes_of_subjects_and_no_report(tmp_path: Path, whole: Case) -> None:
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case", key="d0" * 32)
    expected, found = comparable(whole), comparable(case)
    different = [name for name in expected if found[name] != expected[name]]
    assert different
    assert [name for name in different if name.startswith("report/")] == []


def test_a_file_renamed_changes_paths_only(tmp_path: Path, whole: Case) -> None:
    folder = plant(tmp_path / "ev")
    (folder / "relay" / "mail.log").rename(folder / "another-name")
    case = audited(folder, out=tmp_path / "case")
    for table in ("unexpected_recipients", "credentials", "people", "personal_data"):
        assert case.read(table).equals(whole.read(table))


# --- resuming


def test_a_second_run_parses_nothing_again(tmp_path: Path, parsed: list[str]) -> None:
    folder = plant(tmp_path / "ev")
    audited(folder, out=tmp_path / "case")
    assert sorted(parsed) == ["mbox", "postfix", "postmark"]
    parsed.clear()
    audited(folder, out=tmp_path / "case")
    assert parsed == []


@pytest.mark.parametrize("lost", ["receipt", "part"])
def test_what_is_gone_is_read_again_and_nothing_else(tmp_path: Path, parsed: list[str], lost: str) -> None:
    folder = plant(tmp_path / "ev")
    case = audited(folder, out=tmp_path / "case")
    (part,) = (case.tables / "fragments").glob("mbox-*.parquet")
    receipt = case.tables / "receipts" / f"{part.stem.removeprefix('mbox-')}.json"
    assert receipt.exists()
    (receipt if lost == "receipt" else part).unlink()
    parsed.clear()
    again = audited(folder, out=tmp_path / "case")
    assert parsed == ["mbox"]
    assert len(again.read("exposed_messages")) == 8


def test_a_run_cut_short_between_parts_leaves_a_case_that_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parsed: list[str]
) -> None:
    folder = plant(tmp_path / "ev")
    real = first_pass.parse_batch
    done: list[str] = []

    def killed(batch: Any) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(batch.name)
        return real(batch)

    monkeypatch.setattr(audit_module, "parse_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        audited(folder, out=tmp_path / "case")
    with pytest.raises(CaseError, match="no finished case"):
        Case.open(tmp_path / "case")
    assert len(parsed) == 2
    monkeypatch.setattr(audit_module, "parse_batch", real)
    case = audited(folder, out=tmp_path / "case")
    assert len(parsed) == 3
    assert forensics.verify(case) == []


def test_other_evidence_in_the_same_folder_leaves_nothing_of_the_first_behind(tmp_path: Path) -> None:
    first, second = plant(tmp_path / "ev"), tmp_path / "other"
    second.mkdir()
    (second / "page.json").write_text(search_page("another"), encoding="utf-8")
    audited(first, out=tmp_path / "case")
    mixed = audited(second, out=tmp_path / "case")
    alone = audited(second, out=tmp_path / "alone")
    assert comparable(mixed) == comparable(alone)
    for folder in ("fragments", "receipts", "raw_defects", "raw_statements"):
        assert sorted(p.name for p in (mixed.tables / folder).glob("*")) == sorted(
            p.name for p in (alone.tables / folder).glob("*")
        )
    assert forensics.verify(mixed) == []
    entries = [json.loads(line) for line in (mixed.path / "custody.jsonl").read_text().splitlines()]
    assert sum(entry["action"] == "stale part removed" for entry in entries) >= 3
    back = audited(first, out=tmp_path / "case")  # the receipts of the first run must not vouch for parts that are gone
    assert len(back.read("exposed_messages")) == 8


def test_an_unfinished_case_is_not_opened(tmp_path: Path) -> None:
    Case.create(tmp_path / "case")
    with pytest.raises(CaseError, match="forensics audit EVIDENCE"):
        Case.open(tmp_path / "case")


# --- what may be a case folder


def a_file(place: Path) -> None:
    place.write_text("mine")


def a_folder_with_files(place: Path) -> None:
    place.mkdir()
    (place / "thesis.txt").write_text("mine")


@pytest.mark.parametrize("make", [a_file, a_folder_with_files, lambda place: place.symlink_to("nowhere")])
def test_a_place_that_is_taken_is_refused_and_left_as_it_was(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "out")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CaseError, match="is no case folder: name another one with --out"):
        Case.create(tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_evidence_is_never_the_case_folder(tmp_path: Path) -> None:
    folder = plant(tmp_path / "ev")
    before = {place: place.stat().st_mtime_ns for place in folder.rglob("*")}
    with pytest.raises(CaseError):
        audited(folder, out=folder)
    assert {place: place.stat().st_mtime_ns for place in folder.rglob("*")} == before


def test_a_case_below_its_evidence_does_not_read_itself(tmp_path: Path) -> None:
    folder = plant(tmp_path / "ev")
    for _ in range(2):
        case = audited(folder, out=folder / "case")
        assert list(case.read("defects")["path"]) == []  # nor the key file that this test puts there


def test_an_empty_folder_that_others_may_enter_is_closed(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir(mode=0o755)
    (tmp_path / "case").chmod(0o755)
    case = Case.create(tmp_path / "case")
    assert {stat.S_IMODE(place.stat().st_mode) for place in (case.path, case.tables, case.report)} == {0o700}
    assert stat.S_IMODE((case.path / "case.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        (KEY, True),
        (KEY.upper().strip(), True),
        ("  " + KEY, True),
        (KEY.strip()[:-1], False),
        (KEY.strip()[:-2], False),
        (KEY.strip() + "00", False),
        ("zz" * 32, False),
        ("", False),
        ("ü" * 64, False),
    ],
)
def test_a_case_key_is_64_hex_digits(tmp_path: Path, text: str, usable: bool) -> None:
    place = tmp_path / "key"
    place.write_text(text, encoding="utf-8")
    if usable:
        assert Case.create(tmp_path / "case", key_file=place).key == bytes.fromhex("5c" * 32)
    else:
        with pytest.raises(CaseError, match="64 hex digits"):
            Case.create(tmp_path / "case", key_file=place)


def test_keys_differ_and_stay_and_cannot_be_changed_afterwards(tmp_path: Path) -> None:
    one, other = Case.create(tmp_path / "one"), Case.create(tmp_path / "other")
    assert one.key != other.key
    assert Case.create(tmp_path / "one").key == one.key
    with pytest.raises(CaseError, match="64 hex digits"):
        Case.create(tmp_path / "new", key_file=tmp_path / "nothing")
    (tmp_path / "key").write_text(other.key.hex())
    with pytest.raises(CaseError, match="another case key"):
        Case.create(tmp_path / "one", key_file=tmp_path / "key")
    assert Case.create(tmp_path / "other", key_file=tmp_path / "key").key == other.key


# --- tables


def test_a_case_without_findings_has_every_table_with_its_columns_and_types(tmp_path: Path, whole: Case) -> None:
    (tmp_path / "ev").mkdir()
    (tmp_path / "ev" / "mail.log").write_text(log(range(2)).replace("phan@giftshop.club", "own@acme.example"))
    case = audited(tmp_path / "ev", out=tmp_path / "case")
    assert case.summary["verdicts"] == {"confirmed": 0, "probable": 0, "possible": 0}
    for name, columns in CONTRACT.items():
        frame = case.read(name)
        assert tuple(frame.columns) == columns
        header = (case.report / f"{name}.csv").read_text(encoding="utf-8").split("\n")[0].strip()
        assert header == ",".join(columns)
        kinds = pq.read_schema(case.tables / name / "part-0.parquet")
        filled = pq.read_schema(whole.tables / name / "part-0.parquet")
        assert kinds.types == filled.types, name
    assert len(case.read("exposed_messages")) == 0
    assert forensics.verify(case) == []


def test_sql_over_a_case_sees_every_table(whole: Case) -> None:
    with whole.connect() as connection:
        names = {str(row[0]) for row in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}
        assert set(CONTRACT) <= names
        assert connection.execute("SELECT count(*), sum(messages) FROM unexpected_recipients").fetchall() == [(1, 8)]


def test_an_unknown_table_is_refused_with_the_names_of_the_others(whole: Case) -> None:
    with pytest.raises(CaseError, match=r"no table 'peolpe'.*people"):
        whole.read("peolpe")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], pa.string()),
        ([1, 2], pa.int64()),
        ([1.5, 2.0], pa.float64()),
        ([1, ""], pa.string()),
        ([1, None], pa.string()),
        ([True, False], pa.string()),
        (["a", "\udcff"], pa.string()),
    ],
)
def test_columns_have_the_type_of_their_values(tmp_path: Path, values: list[Any], kind: pa.DataType) -> None:
    case = Case.create(tmp_path / "case")
    case.write_rows("t", ({"x": value} for value in values), ("x",))
    table = pq.read_table(case.tables / "t" / "part-0.parquet")
    assert table.schema.field("x").type == kind
    if kind == pa.string():
        told = ["" if value is None else str(value).replace("\udcff", "?") for value in values]
        assert table["x"].to_pylist() == told


@pytest.mark.parametrize("row", [{"x": 1}, {"x": 1, "y": 2, "z": 3}, {"x": 1, "z": 2}])
def test_a_row_with_other_columns_is_refused(tmp_path: Path, row: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a row has columns"):
        Case.create(tmp_path / "case").write_rows("t", [row], ("x", "y"))


def test_what_is_written_is_whole_or_not_there(tmp_path: Path) -> None:
    write_file(tmp_path / "a.txt", "old")

    class Broken:
        schema = pa.schema([])

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    with pytest.raises((RuntimeError, TypeError)):
        write_part(tmp_path / "t" / "part.parquet", Broken())
    with pytest.raises(TypeError):
        write_file(tmp_path / "a.txt", 3)  # type: ignore[arg-type]
    assert not (tmp_path / "t" / "part.parquet").exists()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o600


def test_what_the_engine_fails_by_stays_off(tmp_path: Path) -> None:
    with engine(tmp_path) as connection:
        for statement in ("SELECT 1", "CREATE TABLE kept AS SELECT 1 AS one", "nonsense"):
            with suppress(duckdb.Error):
                as_written(connection, statement)
            assert connection.execute("SELECT current_setting('disabled_optimizers')").fetchall() == [("statistics_propagation",)]


def test_the_engine_reaches_no_network_and_speaks_utc(tmp_path: Path) -> None:
    with engine(tmp_path) as connection:
        assert connection.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
        with pytest.raises(Exception, match=r"httpfs|extension|HTTP"):
            connection.execute("SELECT * FROM read_csv('https://collector.example/x.csv')").fetchall()


# --- secrets


def test_no_file_of_a_case_holds_a_planted_secret(whole: Case, tmp_path: Path) -> None:
    both = audited(
        plant(tmp_path / "ev"), out=tmp_path / "case", options=dataclasses.replace(forensics.Options(workers=1), content="all")
    )
    for case in (whole, both):
        for place in case.path.rglob("*"):
            if place.is_file():
                content = place.read_bytes()
                for secret in (SECRET, SECOND):
                    assert secret.encode() not in content, place
        for name in sorted(p.name for p in case.tables.iterdir() if p.is_dir() and p.name != "receipts"):
            for part in (case.tables / name).glob("*.parquet"):  # Parquet is compressed: look at the values too
                told = str(pq.read_table(part).to_pylist())
                assert SECRET not in told
                assert SECOND not in told
    assert SECRET in mailbox()
    assert SECOND in log()


def test_an_indicator_in_mail_of_others_is_shown_and_convicts_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "ev"
    folder.mkdir()
    head = "Delivered-To: ann@acme.example\nReceived: from x by y; Thu, 18 Sep 2025 10:00:00 +0000\n"
    mail = (
        f"{head}From: bob@partner.example\nTo: ann@acme.example\nBcc: phan@giftshop.club\nDate: Thu, 18 Sep 2025 10:00:00 +0000\n"
    )
    (folder / "in.mbox").write_text(
        f"From bob@partner.example Thu Sep 18 10:00:00 2025\n{mail}Message-ID: <1@partner.example>\n\nhello\n"
    )
    case = audited(folder, out=tmp_path / "case")
    (row,) = case.read("possible_messages").to_dict("records")
    assert (row["message_key"], row["verdict"], row["unexpected_recipients"]) == (
        "1@partner.example",
        "possible",
        "phan@giftshop.club",
    )
    assert "nothing shows to be ours" in row["reasons"]
    assert len(case.read("exposed_messages")) == 0
    assert case.summary["conclusion"] == "cannot_tell"
    assert case.summary["conclusion_text"].startswith("1 message to a collecting address")
