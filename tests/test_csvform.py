"""The CSV form of a table: the same bytes in blocks as in one piece, and the hash of the file that they make."""

from __future__ import annotations

import csv
import hashlib
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.csvform import csv_blocks, csv_sha256, neutral, rows_of


@pytest.mark.parametrize("rows", [0, 1, 1_999, 2_000, 2_001, 4_500])
def test_every_row_stands_once_whatever_the_blocks(rows: int) -> None:
    frame = pd.DataFrame({"name": [f"=n{n}" for n in range(rows)], "count": range(rows)})
    raw = b"".join(csv_blocks(frame.columns, rows_of(frame)))
    read = list(csv.reader(io.StringIO(raw.decode(), newline="")))
    assert read == [["name", "count"], *([f"'=n{n}", str(n)] for n in range(rows))]
    assert raw.count(b"\r\n") == raw.count(b"\n") == rows + 1
    assert csv_sha256(frame) == hashlib.sha256(raw).hexdigest()


def test_an_order_or_a_cell_that_differs_is_another_hash() -> None:
    one = pd.DataFrame({"a": ["x", "y"]})
    others = [
        pd.DataFrame({"a": ["y", "x"]}),
        pd.DataFrame({"a": ["x", "y "]}),
        pd.DataFrame({"b": ["x", "y"]}),
        pd.DataFrame({"a": ["x"]}),
    ]
    assert csv_sha256(one) == csv_sha256(one.copy())
    assert csv_sha256(one) not in {csv_sha256(other) for other in others}


@pytest.mark.parametrize(
    ("value", "cell"), [(3, "3"), (-3, "-3"), (0.95, "0.95"), ("-3", "'-3"), ("a\tb", "a b"), ("\t=1", "' =1"), ("", "")]
)
def test_numbers_stay_numbers_and_text_is_never_live(value: object, cell: str) -> None:
    assert neutral(value) == cell
    raw = b"".join(csv_blocks(["a", "b"], [[value, "x"]]))
    assert list(csv.reader(io.StringIO(raw.decode(), newline="")))[1] == [cell, "x"]


class Odd:
    """A value of no known type."""

    def __str__(self) -> str:
        return "=odd\x00"


CELLS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["", "=1", "'=1", "＝1", "\t=1", "\n", " =1", "x=1", "plain", "a\u202eb", "-"]),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.builds(Odd),
)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6)))
def test_columns_at_once_give_the_bytes_of_cells_one_by_one(rows: list[list[object]]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\r\n").writerows([["a"], *([neutral(value) for value in row] for row in rows)])
    assert b"".join(csv_blocks(["a"], rows)) == stream.getvalue().encode()


def test_rows_of_unequal_length_keep_all_of_their_cells() -> None:
    raw = b"".join(csv_blocks(["a", "b"], [["=1", "x"], ["y"], [], ["z", "", 3]])).decode()
    assert raw == "a,b\r\n'=1,x\r\ny\r\n\r\nz,,3\r\n"


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.integers(-(2**60), 2**60)), max_size=6)
)
def test_what_is_read_back_is_what_was_written(rows: list[tuple[str, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["text", "number"])
    read = list(csv.reader(io.StringIO(b"".join(csv_blocks(frame.columns, rows_of(frame))).decode(), newline="")))
    assert read[1:] == [[neutral(text), str(number)] for text, number in rows]
