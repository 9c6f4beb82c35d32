"""The form of a table as a CSV file: cells that no spreadsheet executes, RFC 4180 lines, and the hash of the file they make."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import pandas as pd

__all__ = ["csv_blocks", "csv_sha256", "neutral", "rows_of"]

# What makes a spreadsheet take a cell for a formula (OWASP, CSV injection)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ROWS = 2_000  # of one block


def neutral(value: object) -> str:
    """A cell that no spreadsheet executes: text that begins like a formula gets an apostrophe; control characters go.

    Numbers stay as they are, negative ones too.
    """
    if isinstance(value, int | float):
        return str(value)
    written = str(value)
    if written.isprintable():
        return f"'{written}" if written.startswith(_FORMULA) else written
    text = "".join(char if char.isprintable() else " " for char in written)
    return f"'{text}" if written.startswith(_FORMULA) or text.startswith(_FORMULA) else text


def rows_of(frame: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    """The rows of a table in its order, numbers as numbers of Python."""
    columns: list[list[object]] = [frame[name].tolist() for name in frame.columns]
    return zip(*columns, strict=True)


def csv_blocks(columns: Iterable[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The bytes of a CSV file, in blocks: UTF-8, RFC 4180 line ends and quoting, header row, rows in the order given."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(columns)
    waiting = iter(rows)
    while True:
        yield stream.getvalue().encode()
        stream.seek(0)
        stream.truncate()
        block = [[neutral(value) for value in row] for row in islice(waiting, _ROWS)]
        if not block:
            return
        writer.writerows(block)


def csv_sha256(frame: pd.DataFrame) -> str:
    """SHA-256, in hex, of the file that `csv_blocks` makes of a table: the same whether that file is there yet or not."""
    digest = hashlib.sha256()
    for block in csv_blocks(frame.columns, rows_of(frame)):
        digest.update(block)
    return digest.hexdigest()
