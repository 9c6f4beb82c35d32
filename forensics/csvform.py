"""The form of a table as a CSV file: cells that no spreadsheet executes, RFC 4180 lines, and the hash of the file they make."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import cast

import pandas as pd

__all__ = ["csv_blocks", "csv_hashed", "csv_sha256", "neutral", "rows_of"]

# What makes a spreadsheet take a cell for a formula (OWASP, CSV injection)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_STARTS = frozenset(_FORMULA)
_FIRST = itemgetter(slice(1))  # a text's first character; "" of an empty one
_ROWS = 2_000  # of one block
_MOST_KNOWN = 64  # hashes kept: those of all tables of a case or two
_KNOWN: dict[Hashable, str] = {}  # by the stamp of the table, oldest first


def neutral(value: object) -> str:
    """A cell that no spreadsheet executes: text that begins like a formula gets an apostrophe; control characters go.

    Numbers stay as they are, negative ones too.
    """
    if isinstance(value, int | float):
        return str(value)
    return _neutral(str(value))


def _neutral(written: str) -> str:
    if written.isprintable():
        return f"'{written}" if written.startswith(_FORMULA) else written
    text = "".join(char if char.isprintable() else " " for char in written)
    return f"'{text}" if written.startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _column(values: Sequence[object]) -> Sequence[object]:
    """The cells of one column. Most columns of a block need nothing, which two looks at all of their text show."""
    kinds = set(map(type, values))
    if kinds <= {int, float}:
        return values  # which the writer of the standard library writes as `str` does
    if kinds != {str}:
        return [neutral(value) for value in values]
    texts = cast("Sequence[str]", values)
    if "".join(texts).isprintable() and _STARTS.isdisjoint(map(_FIRST, texts)):
        return texts
    return [_neutral(text) for text in texts]


def rows_of(frame: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    """The rows of a table in its order, numbers as numbers of Python."""
    columns: list[list[object]] = [frame[name].tolist() for name in frame.columns]
    return zip(*columns, strict=True)


def _rows(block: Sequence[Sequence[object]]) -> Iterable[Sequence[object]]:
    """Rows with neutral cells. Rows of one length go column by column, which is four times as fast."""
    if len(set(map(len, block))) > 1:
        return [[neutral(value) for value in row] for row in block]
    return zip(*map(_column, zip(*block, strict=True)), strict=True) if block[0] else block


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
        block = list(islice(waiting, _ROWS))
        if not block:
            return
        writer.writerows(_rows(block))


def csv_sha256(frame: pd.DataFrame, stamp: Hashable = ()) -> str:
    """SHA-256, in hex, of the file that `csv_blocks` makes of a table: the same whether that file is there yet or not.

    Several reporters ask for it, one after the other: under a `stamp`, which is another value whenever the table is another, it is
    computed once. The file itself is never asked: it may have been changed.
    """
    if stamp and stamp in _KNOWN:
        return _KNOWN[stamp]
    digest = hashlib.sha256()
    for block in csv_blocks(frame.columns, rows_of(frame)):
        digest.update(block)
    return _keep(stamp, digest.hexdigest())


def csv_hashed(frame: pd.DataFrame, stamp: Hashable = ()) -> Iterator[bytes]:
    """The blocks of a table's CSV file; once all are taken, `csv_sha256` knows their hash under this stamp."""
    digest = hashlib.sha256()
    for block in csv_blocks(frame.columns, rows_of(frame)):
        digest.update(block)
        yield block
    _keep(stamp, digest.hexdigest())


def _keep(stamp: Hashable, digest: str) -> str:
    if stamp:
        while len(_KNOWN) >= _MOST_KNOWN:
            del _KNOWN[next(iter(_KNOWN))]
        _KNOWN[stamp] = digest
    return digest
