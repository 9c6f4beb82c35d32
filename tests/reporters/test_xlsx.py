"""The workbook: every row is there, nothing in it is live, `possible` stands apart, and Y, N and ? mean what they say."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from forensics.case import CONTRACT, Case, CaseError
from forensics.decisions import Decision
from forensics.legible import shown
from forensics.plugins import Reporter
from forensics.reporters import xlsx
from forensics.reporters.xlsx import book, cells, sheets
from forensics.reporters.xlsx.rows import Rows, inner

NAMES = {
    "people": "People", "exposed_messages": "Exposed", "possible_messages": "Possible", "not_delivered": "Not delivered",
    "unexpected_recipients": "Recipients", "copies": "Copies", "credentials": "Credentials",
    "credential_occurrences": "Credential places", "personal_data": "Personal data", "coverage": "Coverage", "defects": "Defects",
    "timeline": "Timeline",
}  # fmt: skip
SHEETS = ["Read me", "People", "People by mail", *[name for name in NAMES.values() if name != "People"]]
HOSTILE = [
    '=HYPERLINK("http://evil.example","x")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1+1", "{=1+1}", "\t=1", "\r\n=1", " =1+1", "'=1+1",
    "http://evil.example/?a=1&b=2", "mailto:ann@customer.example", "internal:'Exposed'!A1", "external:c:\\x.xlsx", "file:///etc/passwd",
    "a\u202egpj.exe", "a\x00b", "a\x0bb\x1b[2J", "\ud800", "x\ufffe\uffff", "<script>alert(1)</script>", "]]></t></is>", "&amp;&#x3c;", "<r><t>bold</t></r>",
    "<r></t></is></c><c r='XFD1'><f>1+1</f></c><c><is><t></r>",
    "_x0041_", "_x000D_", "12345678901234567890", "1e5", "TRUE", "#REF!", "", " lead and trail ", "zero\u200bwidth", "\U0001f4a3" * 3,
    "a" + "\u0301" * 5_000,
]  # fmt: skip


IN_TABLES = [value for value in HOSTILE if value != "\ud800"]  # no table can hold a lone surrogate, a summary can


@dataclass
class FakeCase:
    """A finished case in memory."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    path: Path = Path("no-such-case")  # without a custody log: nobody decided anything

    def read(self, name: str) -> pd.DataFrame:
        if name not in CONTRACT:
            msg = f"no table {name}"
            raise CaseError(msg)
        blank = dict.fromkeys(CONTRACT[name], "")
        return pd.DataFrame([blank | row for row in self.rows.get(name, [])], columns=list(CONTRACT[name]))

    @property
    def summary(self) -> dict[str, Any]:
        return self.told


def written(case: FakeCase, folder: Path) -> Workbook:
    (target,) = xlsx.write(cast("Case", case), folder)
    return openpyxl.load_workbook(target)


def rows(page: Worksheet) -> list[dict[str, Any]]:
    head, *rest = page.iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in rest]


def plain(value: object) -> str:
    """A cell as Excel shows it: `_x0041_` is written `_x005F_x0041_`, or it would be read as the letter A (openpyxl does not undo that)."""
    return re.sub(r"_x005F(?=_x[0-9A-Fa-f]{4}_)", "", str(value or ""))


def sheet(workbook: Workbook, name: str) -> Worksheet:
    page = workbook[name]
    assert isinstance(page, Worksheet)
    return page


def message(key: str, **values: Any) -> dict[str, Any]:
    return {"message_key": key, "verdict": "confirmed", "content": "full"} | values


def everywhere(*values: str, verdict: str = "confirmed") -> dict[str, list[dict[str, Any]]]:
    """Rows with the same text in every column of every table."""
    tables = {name: [dict.fromkeys(columns, value) for value in values] for name, columns in CONTRACT.items()}
    for listed in tables.values():
        for row in listed:
            if "verdict" in row:
                row["verdict"] = verdict
    return tables


# ---- every row, once --------------------------------------------------------------------------------------------------


def test_every_row_of_every_table_is_in_its_sheet(tmp_path: Path) -> None:
    workbook = written(FakeCase(everywhere("a", "b", "c")), tmp_path)
    assert workbook.sheetnames == SHEETS
    for table, name in NAMES.items():
        found = rows(sheet(workbook, name))
        assert [next(iter(row.values())) for row in found] == ["a", "b", "c"]
        if table != "people":
            assert [*found[0]][: len(CONTRACT[table])] == [cells.label(one) for one in CONTRACT[table]]


def test_the_index_says_how_many_rows_each_sheet_has(tmp_path: Path) -> None:
    page = sheet(written(FakeCase(everywhere("a", "b")), tmp_path), "Read me")
    front = {str(name): str(text) for name, text in page.iter_rows(max_col=2, values_only=True)}
    assert front["Copies"].startswith("2 rows of copies.csv")


@pytest.mark.parametrize(
    ("total", "names"), [(3, ["Exposed"]), (4, ["Exposed", "Exposed (2)"]), (7, ["Exposed", "Exposed (2)", "Exposed (3)"])]
)
def test_rows_beyond_the_last_one_of_a_sheet_roll_over(
    total: int, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "MOST_ROWS", 3)
    keys = [f"m{number}" for number in range(total)]
    workbook = written(FakeCase({"exposed_messages": [message(key) for key in keys]}), tmp_path)
    assert [name for name in workbook.sheetnames if name.startswith("Exposed")] == names
    assert [row["Message key"] for name in names for row in rows(sheet(workbook, name))] == keys


def test_the_limit_is_that_of_the_format() -> None:
    import xlsxwriter.worksheet

    assert xlsxwriter.worksheet.Worksheet().xls_rowmax == book.MOST_ROWS + 1


def test_a_row_that_is_in_no_sheet_is_an_error_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = sheets._sheet

    def losing(table: str, frame: pd.DataFrame, *args: Any, **options: Any) -> book.Sheet:
        return complete(table, frame.iloc[1:] if table == "copies" else frame, *args, **options)

    monkeypatch.setattr(sheets, "_sheet", losing)
    with pytest.raises(CaseError, match="1 of 2 rows of copies"):
        xlsx.write(cast("Case", FakeCase(everywhere("a", "b"))), tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_a_row_that_the_sheet_has_no_place_for_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [{"person": f"{name}@customer.example", "messages": 1, "verdict": "confirmed"} for name in ("ann", "bob", "eve")]
    refuse_rows_from(3, monkeypatch)
    with pytest.raises(CaseError, match="row 4 of the sheet 'People' could not be written"):
        xlsx.write(cast("Case", FakeCase({"people": people})), tmp_path)
    assert [*tmp_path.iterdir()] == []


def refuse_rows_from(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a sheet of the format had no more than `first` rows."""
    import xlsxwriter.worksheet

    kept = xlsxwriter.worksheet.Worksheet._check_dimensions

    def refusing(page: Any, row: int, *others: Any, **named: Any) -> Any:
        return -1 if row >= first else kept(page, row, *others, **named)

    monkeypatch.setattr("xlsxwriter.worksheet.Worksheet._check_dimensions", refusing)


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".xlsx-killed").mkdir()
    (tmp_path / ".xlsx-killed" / "rows").write_text("evidence", encoding="utf-8")
    written(FakeCase(everywhere("a")), tmp_path)
    assert [place.name for place in tmp_path.iterdir()] == ["case.xlsx"]


def test_a_workbook_that_lay_there_stays_when_the_new_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(FakeCase(everywhere("a")), tmp_path)
    before = (tmp_path / "case.xlsx").read_bytes()
    refuse_rows_from(1, monkeypatch)
    with pytest.raises(CaseError):
        xlsx.write(cast("Case", FakeCase(everywhere("b"))), tmp_path)
    assert (tmp_path / "case.xlsx").read_bytes() == before


PLAIN = [
    "plain", "", " lead", "trail ", "a & b", "<b>", "]]>", '"quoted"', "_x0041_", "_x0041_x0042_", "_x00", "x_x000D_y", "Grüße", "\U0001f4a3", "'=1",
]  # fmt: skip


def test_rows_are_written_as_the_library_writes_them() -> None:
    numbers: list[str | float] = [0, -1, 7, 123_456_789_012_345, 0.988, 1e-7]
    values = [*PLAIN, *numbers]
    ours, theirs = sheet_xml(values, one_by_one=False), sheet_xml(values, one_by_one=True)
    assert ours == theirs
    assert ours.count("<row ") == 3


def test_text_that_the_library_takes_for_markup_stays_text() -> None:
    text = "<r><t>a</t></r>"
    assert text in sheet_xml([text], one_by_one=True)  # where this fails, the library has mended it
    assert "&lt;r&gt;&lt;t&gt;a&lt;/t&gt;&lt;/r&gt;" in sheet_xml([text], one_by_one=False)


def sheet_xml(values: list[str | float], *, one_by_one: bool) -> str:
    """A sheet of three rows with these values, written cell by cell with the library's functions, or row by row with ours."""
    import xlsxwriter

    stream = io.BytesIO()
    made = xlsxwriter.Workbook(stream, book._OPTIONS)
    page, look = made.add_worksheet("x"), made.add_format({"bold": True})
    if one_by_one:
        for row, height in enumerate((15, 30, 120)):
            page.set_row(row, height)
            for place, value in enumerate(values):
                write = page.write_blank if value == "" else page.write_string if isinstance(value, str) else page.write_number
                assert write(row, place, value, look) == 0
    else:
        writing = Rows(page, "x")
        for height in (15, 30, 120):
            writing.add([inner(value, look._get_xf_index()) for value in values], height)
    made.close()
    with zipfile.ZipFile(stream) as packed:
        return packed.read("xl/worksheets/sheet1.xml").decode()


@pytest.mark.parametrize(
    ("place", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")]
)
def test_columns_are_named_as_spreadsheets_do(place: int, name: str) -> None:
    assert cells.letters(place) == name


# ---- hostile evidence ---------------------------------------------------------------------------------------------------


def refuse_live(content: bytes) -> None:
    """No formula, link, macro or connection in any part of the file."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for name in packed.namelist():
            text = packed.read(name)
            assert not any(word in name for word in ("vba", "externalLink", "connection", "query", "embed", "comments", "macro"))
            assert b"<f>" not in text, name
            assert b"<f " not in text, name
            assert not re.search(rb"<hyperlinks?[ />]", text), name
            assert b"relationships/hyperlink" not in text, name
            assert b'TargetMode="External"' not in text, name


@pytest.mark.parametrize("verdict", ["confirmed", "possible"])
def test_evidence_is_inert_text_in_every_cell(verdict: str, tmp_path: Path) -> None:
    told = {
        "conclusion_text": HOSTILE[0],
        "case": {"number": HOSTILE[0] + "&P\ud800"},
        "next_steps": HOSTILE,
        "incident": {"title": "=1+1"},
    }
    workbook = written(FakeCase(everywhere(*IN_TABLES, verdict=verdict), told), tmp_path)
    refuse_live((tmp_path / "case.xlsx").read_bytes())
    for page in workbook.worksheets:
        for line in page.iter_rows():
            for cell in line:
                assert cell.data_type in {"s", "n", "inlineStr"}
                assert cell.hyperlink is None
                assert isinstance(cell.value, str | int | float | None)
    copies = sheet(workbook, "Copies" if verdict == "confirmed" else "Copies, possible")
    assert [plain(row["Message key"]) for row in rows(copies)] == [shown(value, 32_767) for value in IN_TABLES]


def test_what_would_become_a_formula_when_edited_is_marked_as_text(tmp_path: Path) -> None:
    workbook = written(FakeCase({"defects": [{"path": value} for value in (*HOSTILE[:5], " =1", "x=1", "a-b")]}), tmp_path)
    quoted = [bool(line[0].quotePrefix) for line in sheet(workbook, "Defects").iter_rows(min_row=2)]
    assert quoted == [True] * 6 + [False] * 2


@pytest.mark.property
@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=20), st.text(max_size=60))
def test_any_text_can_be_read_back_as_it_is_shown(tmp_path_factory: pytest.TempPathFactory, values: list[str], said: str) -> None:
    folder = tmp_path_factory.mktemp("book")
    workbook = written(
        FakeCase({"exposed_messages": [message("k", subject=value) for value in values]}, {"conclusion_text": said}), folder
    )
    refuse_live((folder / "case.xlsx").read_bytes())
    assert [plain(row["Subject"]) for row in rows(sheet(workbook, "Exposed"))] == [shown(value) for value in values]
    assert plain(sheet(workbook, "Read me")["B2"].value) == shown(said)


@pytest.mark.parametrize(
    ("value", "is_cut"),
    [
        ("x" * 32_767, False),
        ("x" * 32_768, True),
        ("x" * 40_000, True),
        ("\U0001f4a3" * 16_383, False),
        ("\U0001f4a3" * 16_384, True),
        ("\U0010ffff" * 32_767, True),
        ("\x00" * 4_000, False),
        ("\x00" * 5_000, True),
        ("\u202e" * 200_000, True),
    ],
)
def test_a_cell_that_does_not_fit_is_cut_and_says_so(value: str, *, is_cut: bool) -> None:
    cell = cells.text(value, "copies.csv")
    assert len(cell.encode("utf-16-le")) // 2 <= 32_767
    assert cell.endswith("more characters] [all of it in copies.csv]") is is_cut
    if not is_cut:
        assert cell == shown(value, len(value))


def test_a_subject_of_40000_characters_does_not_lose_its_row(tmp_path: Path) -> None:
    workbook = written(FakeCase({"exposed_messages": [message("a", subject="s" * 40_000), message("b")]}), tmp_path)
    first, second = rows(sheet(workbook, "Exposed"))
    assert "8,000 more characters] [all of it in exposed_messages.csv]" in first["Subject"]
    assert second["Message key"] == "b"


# ---- numbers and times --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "cell"),
    [
        ("messages", 3, 3),
        ("messages", 0, 0),
        ("start", -1, -1),
        ("score", "0.988", 0.988),
        ("score", "", None),
        ("score", "nan", None),
        ("credentials", "12", 12),
        ("credentials", "", None),
        ("credentials", "٣", None),
        ("credentials", "1.", None),
        ("subject", "12", None),  # evidence that looks like a number stays as it was written
        ("timestamp", 1758086982000001, None),  # sixteen digits: a spreadsheet would round it
        ("timestamp", 999_999_999_999_999, 999_999_999_999_999),
        ("score", float("inf"), None),
        ("messages", True, None),
        ("messages", None, None),
    ],
)
def test_a_count_is_a_number_and_nothing_else_is(column: str, value: object, cell: object) -> None:
    found = cells.number(column, value)
    assert (found, type(found)) == (cell, type(cell))


def test_counts_are_numbers_and_times_are_text_in_the_file(tmp_path: Path) -> None:
    case = FakeCase({
        "exposed_messages": [message("a", credentials="2", personal_data="", sent_at="2025-09-17T09:17:41.331926Z", subject="007")],
        "timeline": [{"datetime": "2025-09-17T09:17:41.331926Z", "timestamp": 1758086982331926}],
        "copies": [{"start": 80423, "end": 81216, "verdict": "confirmed"}],
    })  # fmt: skip
    workbook = written(case, tmp_path)
    (row,) = rows(sheet(workbook, "Exposed"))
    assert (row["Credentials"], row["Personal data"], row["Sent at"], row["Subject"]) == (
        2,
        None,
        "2025-09-17T09:17:41.331926Z",
        "007",
    )
    assert rows(sheet(workbook, "Timeline"))[0]["Timestamp"] == "1758086982331926"
    assert rows(sheet(workbook, "Copies"))[0]["Start"] == 80423


# ---- possible stands apart ----------------------------------------------------------------------------------------------


def test_possible_rows_have_sheets_of_their_own_in_their_own_colour(tmp_path: Path) -> None:
    case = FakeCase({
        "exposed_messages": [message("e")],
        "possible_messages": [message("p", verdict="possible")],
        "people": [{"person": "ann@customer.example", "messages": 1, "verdict": "confirmed"}, {"person": "bob@else.example", "messages": 1, "verdict": "possible"}],
        "copies": [{"message_key": "e", "recipient": "x", "verdict": "confirmed"}, {"message_key": "e", "recipient": "y", "verdict": "possible"}],
        "timeline": [{"message_key": "e", "recipient": "x"}, {"message_key": "e", "recipient": "y"}, {"message_key": "", "recipient": "y"}],
        "credentials": [{"credential_id": "C0001", "verdict": "possible"}],
    })  # fmt: skip
    workbook = written(case, tmp_path)
    apart = [name for name in workbook.sheetnames if "ossible" in name]
    assert apart == [
        "Possible", "People, possible", "People by mail, possible", "Copies, possible", "Credentials, possible", "Timeline, possible",
    ]  # fmt: skip
    assert [row["Person"] for row in rows(sheet(workbook, "People"))] == ["ann@customer.example"]
    assert [row["Recipient"] for row in rows(sheet(workbook, "Timeline"))] == [
        "x",
        "y",
    ]  # an event that names no message is no copy's
    assert [row["Recipient"] for row in rows(sheet(workbook, "Timeline, possible"))] == ["y"]
    assert rows(sheet(workbook, "Credentials")) == []
    for page in workbook.worksheets:
        tab = page.sheet_properties.tabColor
        assert tab is not None
        assert (tab.rgb == "FFE0A100") is (page.title in apart)
        filled = page["A2"].fill.fgColor.rgb if page.max_row > 1 else ""
        assert (filled == "FFFFF2CC") is (page.title in apart)


# ---- people by kind -----------------------------------------------------------------------------------------------------


def people_case(**content: str) -> FakeCase:
    """ann: one message with health data and a password; bob: one without; carl: only mentioned in ann's; dora: possible only."""
    return FakeCase({
        "exposed_messages": [
            message("a", sender="app@acme.example", to="ann@customer.example", content=content.get("a", "full")),
            message("b", sender="app@acme.example", to="x@customer.example; bob@customer.example", cc="eve@customer.example", content=content.get("b", "full")),
        ],
        "possible_messages": [message("p", verdict="possible", to="dora@else.example; bob@customer.example")],
        "people": [
            {"person": "ann@customer.example", "messages": 1, "credentials": 1, "data_kinds": "health; name", "verdict": "confirmed"},
            {"person": "bob@customer.example", "messages": 1, "credentials": 0, "data_kinds": "", "verdict": "confirmed"},
            {"person": "carl@customer.example", "messages": 1, "credentials": 1, "data_kinds": "health; name", "verdict": "confirmed"},
            {"person": "app@acme.example", "messages": 2, "credentials": 1, "data_kinds": "health; name", "verdict": "confirmed"},
            {"person": "dora@else.example", "messages": 1, "credentials": 0, "data_kinds": "salary", "verdict": "possible"},
        ],
        "personal_data": [
            {"kind": "health", "message_key": "a", "verdict": "confirmed"}, {"kind": "name", "message_key": "a", "verdict": "confirmed"},
            {"kind": "salary", "message_key": "p", "verdict": "possible"},
        ],
        "credentials": [{"credential_id": "C0001", "kind": "password", "verdict": "confirmed"}, {"credential_id": "C0002", "kind": "wifi", "verdict": "possible"}],
        "credential_occurrences": [{"credential_id": "C0001", "message_key": "a", "verdict": "confirmed"}],
    })  # fmt: skip


def marks(workbook: Workbook, name: str = "People") -> dict[str, str]:
    """person -> marks for health, name and password."""
    columns = ("Data: health", "Data: name", "Credential: password")
    return {row["Person"].partition("@")[0]: "".join(row.get(one, "-") for one in columns) for row in rows(sheet(workbook, name))}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # the tables of messages do not name whom a text mentions: which credentials carl's message held cannot be told
        ({}, {"ann": "YYY", "bob": "NNN", "carl": "YY?", "app": "YYY"}),
        ({"b": "none"}, {"ann": "YYY", "bob": "???", "carl": "YY?", "app": "YYY"}),
        ({"b": "partial"}, {"ann": "YYY", "bob": "???", "carl": "YY?", "app": "YYY"}),
        ({"a": "partial"}, {"ann": "YYY", "bob": "NNN", "carl": "YY?", "app": "YYY"}),
    ],
)
def test_yes_no_and_not_known_by_person_and_kind(content: dict[str, str], expected: dict[str, str], tmp_path: Path) -> None:
    assert marks(written(people_case(**content), tmp_path)) == expected


def test_only_kinds_that_occur_have_a_column_and_possible_mail_adds_none(tmp_path: Path) -> None:
    workbook = written(people_case(), tmp_path)
    head = [str(cell.value) for cell in sheet(workbook, "People")[1]]
    assert [one for one in head if one.startswith(("Data:", "Credential:"))] == [
        "Data: health",
        "Data: name",
        "Credential: password",
    ]
    (dora,) = rows(sheet(workbook, "People, possible"))
    assert {one: dora[one] for one in dora if one.startswith(("Data:", "Credential:"))} == {
        "Data: salary": "Y",
        "Credential: wifi": "N",
    }


def test_a_mention_beside_a_part_of_ones_own_leaves_what_is_not_found_open(tmp_path: Path) -> None:
    case = people_case()
    bob = case.rows["people"][1]
    bob["messages"], bob["data_kinds"] = 3, "name"  # to of one, named in the text of two more
    assert marks(written(case, tmp_path))["bob"] == "?Y?"


def test_with_possible_content_read_a_person_of_exposed_mail_is_told_by_exposed_mail(tmp_path: Path) -> None:
    case = people_case()
    bob = case.rows["people"][1]
    bob["messages"], bob["data_kinds"] = 2, "salary"  # b is exposed, p only possible
    workbook = written(case, tmp_path)
    assert marks(workbook)["bob"] == "NNN"
    assert "Data: salary" not in [cell.value for cell in sheet(workbook, "People")[1]]


def test_unread_messages_are_counted_for_each_person(tmp_path: Path) -> None:
    found = {
        row["Person"]: row["Messages not examined in full"]
        for row in rows(sheet(written(people_case(b="none"), tmp_path), "People"))
    }
    assert found == {"ann@customer.example": 0, "bob@customer.example": 1, "carl@customer.example": None, "app@acme.example": 1}


def test_groups_and_categories_stand_beside_the_person_and_a_case_without_them_works(tmp_path: Path) -> None:
    case = people_case()
    assert rows(sheet(written(case, tmp_path), "People"))[0]["May be same person"] is None
    groups = pd.DataFrame(
        [
            {
                "person": "ann@customer.example",
                "group_id": "G0001",
                "basis": "same name",
                "category": "customer",
                "mailbox": "person",
                "verdict": "confirmed",
            }
        ]
    )
    read = case.read
    case.read = lambda name: groups if name == "person_groups" else read(name)  # type: ignore[method-assign]
    first, second, *_ = rows(sheet(written(case, tmp_path), "People"))
    assert (first["Category"], first["May be same person"], second["Category"]) == ("customer", "G0001", None)


# ---- people by message ----------------------------------------------------------------------------------------------------


def by_mail(workbook: Workbook, name: str = "People by mail") -> list[tuple[Any, ...]]:
    columns = ("Role", "Message key", "Data kinds", "Credentials")
    return [(row["Person"].partition("@")[0], *(row[one] for one in columns)) for row in rows(sheet(workbook, name))]


def test_each_person_stands_beside_each_message_with_what_it_held(tmp_path: Path) -> None:
    assert by_mail(written(people_case(), tmp_path)) == [
        ("ann", "to", "a", "health; name", "password"),
        ("app", "sender", "a", "health; name", "password"),
        ("app", "sender", "b", "none found", "none found"),
        ("bob", "to", "b", "none found", "none found"),
        ("carl", "mentioned", None, "?", "?"),  # in the content of a message that the tables do not name
    ]


@pytest.mark.parametrize(("content", "expected"), [("none", ("?", "?")), ("partial", ("health; name; ?", "password; ?"))])
def test_what_was_not_examined_is_never_told_as_nothing(content: str, expected: tuple[str, str], tmp_path: Path) -> None:
    case = people_case(a=content)
    if content == "none":
        case.rows["personal_data"], case.rows["credential_occurrences"] = [], []
    assert by_mail(written(case, tmp_path))[0][3:] == expected


def test_people_of_possible_messages_stand_beside_them_on_a_sheet_of_their_own(tmp_path: Path) -> None:
    workbook = written(people_case(), tmp_path)
    assert by_mail(workbook, "People by mail, possible") == [("dora", "to", "p", "salary", "none found")]
    tab = sheet(workbook, "People by mail, possible").sheet_properties.tabColor
    assert tab is not None
    assert tab.rgb == "FFE0A100"


def test_a_person_in_two_roles_is_one_row_and_undated_messages_come_last(tmp_path: Path) -> None:
    case = FakeCase({
        "exposed_messages": [
            message("undated", to="ann@customer.example"), message("late", sent_at="2025-10-01T00:00:00Z", to="ann@customer.example"),
            message("early", sent_at="2025-09-18T00:00:00Z", sender="ann@customer.example", cc="ann@customer.example", subject="=s" * 80),
        ],
        "people": [{"person": "ann@customer.example", "messages": 3, "verdict": "confirmed"}],
    })  # fmt: skip
    workbook = written(case, tmp_path)
    assert [(key, role) for _, role, key, *_ in by_mail(workbook)] == [("early", "sender; cc"), ("late", "to"), ("undated", "to")]
    assert rows(sheet(workbook, "People by mail"))[0]["Subject"] == "=s" * 50 + " … [60 more characters]"


def test_people_by_mail_roll_over_and_are_no_rows_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MOST_ROWS", 2)
    workbook = written(people_case(), tmp_path)
    parts = [name for name in workbook.sheetnames if name.startswith("People by mail") and "possible" not in name]
    assert parts == ["People by mail", "People by mail (2)", "People by mail (3)"]
    assert [len(by_mail(workbook, name)) for name in parts] == [2, 2, 1]
    front = {str(name): str(text) for name, text in sheet(workbook, "Read me").iter_rows(max_col=2, values_only=True)}
    assert front["People by mail"].startswith("2 rows made from several tables. ")


# ---- decisions ----------------------------------------------------------------------------------------------------------


def test_what_was_decided_is_filled_in_and_the_rest_is_left_to_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = "2026-09-20T10:00:00Z"
    decided = [
        Decision(1, at, "eva", "credential", "C0001", "rotated", "2026-09-19", "", "in_force"),
        Decision(2, at, "eva", "credential", "C0002", "rotated", "", "", "withdrawn"),
        Decision(3, at, "=eva", "person", "ann@customer.example", "do_not_notify", "", "=1+1", "in_force"),
        Decision(4, at, "eva", "message", "a", "rejected", "", "a test mail", "in_force"),
    ]
    monkeypatch.setattr(sheets, "decisions", lambda _: decided)
    case = people_case()
    case.rows["credentials"][1]["verdict"] = "confirmed"
    workbook = written(case, tmp_path)
    first, second = rows(sheet(workbook, "Credentials"))
    assert (first["Rotated at"], first["Rotated by"]) == ("2026-09-19", "eva")
    assert (second["Rotated at"], second["Rotated by"]) == (None, None)
    people = rows(sheet(workbook, "People"))
    assert [row["Notify?"] for row in people] == ["no", None, None, None]
    assert people[0]["Decided by, and why"] == "=eva; =1+1"
    assert [row["Decided"] for row in rows(sheet(workbook, "Exposed"))] == ["rejected by eva: a test mail", None]
    refuse_live((tmp_path / "case.xlsx").read_bytes())


# ---- the file itself ----------------------------------------------------------------------------------------------------


def test_the_same_tables_give_the_same_bytes_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    case = FakeCase(everywhere(*IN_TABLES))
    (first,) = xlsx.write(cast("Case", case), tmp_path)
    before = first.read_bytes()
    (second,) = xlsx.write(cast("Case", case), tmp_path)
    assert second.read_bytes() == before
    assert second.stat().st_mode & 0o777 == 0o600
    assert [place.name for place in tmp_path.iterdir()] == ["case.xlsx"]
    properties = openpyxl.load_workbook(second).properties
    assert properties.created is not None
    assert properties.created.year == 1980


def test_sheets_are_made_to_be_read_and_printed(tmp_path: Path) -> None:
    workbook = written(FakeCase(everywhere("a", "b")), tmp_path)
    for page in (sheet(workbook, name) for name in NAMES.values()):
        assert page.freeze_panes == "B2"
        assert page.auto_filter.ref is not None
        assert page.auto_filter.ref.endswith("3")
        assert page.print_title_rows == "$1:$1"
        assert page.page_setup.orientation == "landscape"
        assert page.oddFooter is not None
        assert page.oddFooter.right is not None
        assert "Page &P of &N" in str(page.oddFooter.right.text)
        assert page["A2"].alignment.wrap_text


def test_the_first_page_leads_with_conclusion_and_coverage(tmp_path: Path) -> None:
    told = {
        "conclusion": "cannot_tell", "conclusion_text": "It cannot be told.", "coverage_text": "No record names recipients.",
        "case": {"number": "ACME-1", "contact": None}, "run": {"custody_head": "ab" * 32, "started": "2026-01-01T00:00:00Z"},
        "window": {"start": "2025-09-17T00:00:00Z", "end": None, "basis": "incident"}, "counts": {"exposed_messages": 1234},
    }  # fmt: skip
    page = sheet(written(FakeCase({}, told), tmp_path), "Read me")
    lines = [(str(name or ""), str(text or "")) for name, text in page.iter_rows(max_col=2, values_only=True)]
    front = dict(reversed(lines))  # of two lines of one name the first
    assert [name for name, _ in lines[:2]] == ["Case workbook", "Conclusion"]
    assert front["Conclusion"] == "It cannot be told."
    assert front["Coverage"] == "No record names recipients."
    assert front["Window"] == "2025-09-17T00:00:00Z to open (incident)"
    assert front["Head of the custody log"] == "ab" * 32
    assert front["Exposed messages"] == "1,234"
    assert front["Contact"] == "(the policy does not say)"
    text = " ".join(f"{name} {said}" for name, said in lines)
    assert "not legal advice" in text
    assert "no proof that nothing happened" in text
    assert "2026-01-01" not in text  # when it ran is not what the evidence says
    assert "clean" not in text.lower()


def test_an_empty_case_has_all_sheets_with_their_columns(tmp_path: Path) -> None:
    workbook = written(FakeCase(), tmp_path)
    assert workbook.sheetnames == SHEETS
    assert all(rows(sheet(workbook, name)) == [] and sheet(workbook, name)["A1"].value for name in NAMES.values())


def test_it_is_a_reporter_that_is_written_on_request() -> None:
    assert isinstance(xlsx.REPORTER, Reporter)
    assert (xlsx.REPORTER.name, xlsx.REPORTER.default) == ("xlsx", False)
