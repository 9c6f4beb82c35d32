"""DuckDB as a case uses it: in memory and out of core, without a network."""

from __future__ import annotations

from pathlib import Path

import duckdb

__all__ = ["SPILL", "as_written", "engine", "view"]

SPILL = ".spill"  # where DuckDB puts what does not fit into memory, for as long as it needs it
_LEAST_MEMORY, _MOST_MEMORY = 512, 3_000  # megabytes that DuckDB may take
_ROW_MEMORY = 160  # bytes for each observation
_ROWS = 4_000_000  # of a case that somebody opens to look at: a bit more than 1 GB
# With it DuckDB 2.0.0 fails on some sets of addresses, and on others when memory is short ("dict-surviving join ... unexpected
# dictionary"): an internal error, after which the connection is of no use. Without it nothing of ours is slower.
_UNSOUND = "statistics_propagation"


def engine(folder: Path, *, rows: int = _ROWS) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that spills into the case folder, loads no extension and reaches no network.

    Its memory grows with the `rows` that it will join, from half a gigabyte to 3: DuckDB takes all that it may, and keeps in
    it what it could as well spill.
    """
    megabytes = min(_LEAST_MEMORY + rows * _ROW_MEMORY // 1_000_000, _MOST_MEMORY)
    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    connection.execute(f"SET memory_limit = '{megabytes}MB'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = true")
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [
        (True,)
    ]:  # on in notebooks; needs ipywidgets to be set at all
        connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET disabled_optimizers = '{_UNSOUND}'")
    connection.execute("SET temp_directory = $folder", {"folder": str(folder / SPILL)})
    return connection


def view(connection: duckdb.DuckDBPyConnection, name: str, parts: list[str]) -> None:
    """A view of that name over Parquet files."""
    listed = ", ".join("'" + part.replace("'", "''") + "'" for part in parts)
    connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS SELECT * FROM read_parquet([{listed}])')  # noqa: S608  names are ours


def as_written(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Execute it with joins in the order written: the engine might rather hold all recipients in memory than the few rows to their right."""
    connection.execute(f"SET disabled_optimizers = '{_UNSOUND},join_order,build_side_probe_side'")
    try:
        connection.execute(statement)
    finally:
        connection.execute(f"SET disabled_optimizers = '{_UNSOUND}'")
