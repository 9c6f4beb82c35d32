"""Tables in plain text are read under their heads, whatever parts their cells; prose, logs and lists are left alone."""

from __future__ import annotations

import pytest
from affordable import affordable
from hypothesis import given
from hypothesis import strategies as st

from forensics.content import text
from forensics.leaks import load_rules, scan
from forensics.model import Limits, Part, Text, Unread
from forensics.tabular import under_heads

NAMED = ["User: ann\tPassword: Gr3en!xy7", "User: bob\tPassword: Blu3!zz9"]
TABLES = {
    "commas": "User,Password\nann,Gr3en!xy7\nbob,Blu3!zz9\n",
    "semicolons, quotes, no last line end": '"User";"Password"\r\n"ann";"Gr3en!xy7"\r\n"bob";"Blu3!zz9"',
    "a mark of byte order": "\ufeffUser,Password\nann,Gr3en!xy7\nbob,Blu3!zz9\n",
    "tabs": "User\tPassword\nann\tGr3en!xy7\nbob\tBlu3!zz9\n",
    "Markdown": "| User | Password |\n|:-----|---------:|\n| ann | Gr3en!xy7 |\n| bob | Blu3!zz9 |\n",
    "psql": " User | Password  \n------+-----------\n ann  | Gr3en!xy7\n bob  | Blu3!zz9\n(2 rows)\n",
    "mysql": "+------+-----------+\n| User | Password  |\n+------+-----------+\n| ann  | Gr3en!xy7 |\n| bob  | Blu3!zz9  |\n+------+-----------+\n",
    "columns": "User    Password\nann     Gr3en!xy7\nbob     Blu3!zz9\n",
    "PowerShell": "User Name  Password\n---------  --------\nann        Gr3en!xy7\nbob        Blu3!zz9\n",
}


def rows(written: str) -> list[str]:
    return [line.replace("User Name:", "User:") for line in under_heads(written)[0].split("\n") if line]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize(
    "before", ["", "Hello,\n\nhere they are:\n", "Hello,\n\n"], ids=["alone", "announced", "in a paragraph of its own"]
)
def test_a_table_is_read_under_its_heads(table: str, before: str) -> None:
    table = table.removeprefix("\ufeff") if before else table
    assert rows(f"{before}{table}\nRegards, Anna, who is well\n") == NAMED


@pytest.mark.parametrize("table", [TABLES["Markdown"], TABLES["columns"], TABLES["commas"]])
@pytest.mark.parametrize("sign", ["> ", ">", ">> ", "> > "])
def test_a_table_in_a_reply_is_read_under_its_heads(table: str, sign: str) -> None:
    assert rows("".join(f"{sign}{line}\n" for line in table.splitlines())) == NAMED


def test_each_row_stands_on_its_own_line() -> None:
    written = "Hello\n\nUser,Password\nann,Gr3en!xy7\n\nThen\n\n| User | Password |\n|---|---|\n| bob | Blu3!zz9 |\n"
    found = under_heads(written)[0].split("\n")
    assert [(at, line) for at, line in enumerate(found) if line] == [(3, NAMED[0]), (9, NAMED[1])]


def test_an_empty_cell_keeps_its_column() -> None:
    assert rows("Host      User   Password\na.example        Gr3en!xy7\nb.example bob\nb.example  bob    x1\n") == [
        "Host: a.example\tPassword: Gr3en!xy7"
    ], "a line with a single blank between two cells cannot be parted, and ends the table"
    assert rows("User,Password,Note\nann,,none\n,Blu3!zz9,\n") == ["User: ann\tNote: none", "Password: Blu3!zz9"]


def test_a_record_over_several_lines_is_one_row() -> None:
    assert rows('Name,Password,Note\nshop,Gr3en!xy7,"two\nlines"\nbank,Blu3!zz9,\n') == [
        "Name: shop\tPassword: Gr3en!xy7\tNote: two lines",
        "Name: bank\tPassword: Blu3!zz9",
    ]


@pytest.mark.parametrize(
    "prose",
    [
        "Hello Anna,\nwe meet at 12, in room 3.\n",
        "Dear Anna, dear Bob,\n\nthe total is 12, not 13.\n",
        "User:  ann\nPassword:  x1\n",
        "User  ann\nPassword  x1\n",
        "2025-09-17\t10:00\thost\n2025-09-18\t11:00\thost\n",
        "Anna\tBerlin\nBob\tParis\n",
        "--\nAnna Sample  |  Shop Ltd  |  +49 30 901820\n",
        "if (a || b) {\n  c = d | 4;\n}\n",
        "",
    ],
)
def test_what_is_no_table_is_left_alone(prose: str) -> None:
    assert under_heads(prose) == ("", True)


def test_a_list_of_passwords_as_browsers_write_it() -> None:
    written = (
        "name,url,username,password,note\nshop,https://shop.example/,ann,Sommer24,\nbank,https://bank.example/,ann,Winter25,\n"
    )
    views = [one for one in text.READER.read(Part("p", "text/csv", written.encode()), Limits()) if isinstance(one, Text)]
    found = scan(views, load_rules(), bytes(32), None).leaks
    assert [(leak.kind, leak.location) for leak in found if leak.kind == "password"] == [
        ("password", "row 2"),
        ("password", "row 3"),
    ]


def test_a_table_that_would_grow_without_end_is_told() -> None:
    heads = ",".join(f"The column number {chr(97 + at)}{chr(97 + other)}" for at in range(9) for other in range(10))
    found = list(text.READER.read(Part("p", "text/csv", (heads + ("\n" + ",".join("1" * 90)) * 2000).encode()), Limits()))
    assert [one.reason for one in found if isinstance(one, Unread)]
    assert sum(len(one.text) for one in found if isinstance(one, Text)) < 6 * len(heads + "1," * 90 * 2000)


HOSTILE = {
    "an open quote in each paragraph": 'a,b\n1,2\n"x\n\n' * 20_000,
    "quotes behind announcements": 'x:\na,b\n1,"2\n' * 20_000,
    "one line of tabs": "\t" * 300_000,
    "one line of blanks": " " * 300_000,
    "rules": "a  b\n" + ("- " * 1000 + "\n") * 150,
    "rules that end in a word": "a  b\n" + ("- " * 1000 + "x\n") * 150,
    "heads without values": "Anna\tBerlin\n" * 25_000,
    "small tables": "user,password\nann,x1\n\n" * 12_000,
    "a cell without end": 'a,b\n1,"' + "x" * 300_000,
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_no_text_is_slow(hostile: str) -> None:
    with affordable(6):
        under_heads(hostile)


@given(st.text(alphabet='Ab1,;|\t\n "-:>', max_size=80))
def test_no_text_fails_and_no_row_is_invented(written: str) -> None:
    found, _ = under_heads(written)
    assert found.count("\n") <= written.count("\n") + 1
    assert {char for char in found if char not in ": \t\n"} <= set(written)
