"""The writing edge: the case folder, its Parquet tables, and DuckDB over them."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import secrets
import shutil
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from forensics.dates import zulu
from forensics.engine import SPILL, engine, view

if TYPE_CHECKING:
    import pandas as pd  # a worker writes parts and needs none of it, and it takes a third of a second to load

__all__ = [
    "ATTEMPTS",
    "BESIDE",
    "CONTRACT",
    "NO_TIME",
    "REVEALED",
    "Case",
    "CaseError",
    "FullDiskError",
    "aside",
    "beside",
    "full_disk_told",
    "is_full",
    "stamp_of",
    "write_part",
]

SCHEMA_VERSION = 1
_CASE_FILE = "case.toml"
_KEY_FILE = "case.key"
_KEY_BYTES = 32
_LOCK_FILE = "case.lock"  # held by whoever writes into the case; empty otherwise
ATTEMPTS = ".attempts"  # marks of a cluster's tasks under way
_HALF = ".new"  # how a file ends that is being written
_ROOM_AT_LEAST = 200_000_000  # bytes of disk that a case of little evidence may take on its way
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REVEALED = "revealed"  # credentials in full, for whoever rotates them: never sealed, and never in an export

_MESSAGE = (
    "message_key", "sent_at", "in_window", "verdict", "proof", "sender", "to", "cc", "unexpected_recipients", "subject",
    "reasons", "sources", "content", "attachments", "credentials", "personal_data", "evidence",
)  # fmt: skip
# the output contract: table -> columns, in order
CONTRACT: Mapping[str, tuple[str, ...]] = {
    "exposed_messages": _MESSAGE,
    "possible_messages": _MESSAGE,
    "not_delivered": _MESSAGE,
    "copies": (
        "message_key", "recipient", "role", "verdict", "proof", "outcome_at", "reply", "source", "path", "start", "end", "sha256",
    ),
    "unexpected_recipients": (
        "rank", "address", "domain", "verdict", "score", "messages", "delivered", "bounced", "blind", "senders", "first_seen",
        "last_seen", "indicator", "reasons",
    ),
    "credentials": (
        "credential_id", "kind", "service", "rule", "preview", "severity", "confidence", "messages", "first_exposed",
        "last_exposed", "state", "rotate", "reference", "verdict",
    ),
    "credential_occurrences": ("credential_id", "message_key", "sent_at", "part", "location", "preview", "verdict"),
    "personal_data": ("kind", "rule", "message_key", "sent_at", "part", "location", "preview", "confidence", "verdict"),
    "people": (
        "person", "domain", "relation", "roles", "messages", "data_kinds", "credentials", "first_exposed", "last_exposed",
        "residency_hint", "residency_basis", "verdict",
    ),
    "coverage": ("source", "scope", "route", "shows", "from", "to", "records", "status", "note"),
    "defects": ("path", "start", "end", "parser", "reason"),
    "timeline": ("datetime", "timestamp", "timestamp_desc", "message", "source", "message_key", "recipient", "outcome"),
}  # fmt: skip

# tables that follow from the contract's; a case of an older version may lack them
BESIDE = ("person_groups", "sign_ins", "locked_attachments", "precautions", "attachments")

NO_TIME = "Not a time"  # Plaso's words, in timestamp_desc, for an event at 1970-01-01 of which nobody knows when it was

# columns that count, everywhere: numbers also in a table without rows. `credentials` of a message may be unknown, so there it is text.
_COUNTS = frozenset({
    "rank", "messages", "delivered", "bounced", "blind", "senders", "start", "end", "records", "timestamp", "people.credentials",
})  # fmt: skip

_COMPRESSED: Mapping[str, Any] = {"compression": "zstd", "compression_level": 1}


class CaseError(Exception):
    """A case folder that cannot be used; the message says why and what to do."""


class FullDiskError(CaseError):
    """No space is left for the case, or for what is put aside while it is made; the message says where and what to do."""


_HELD: set[tuple[int, Path]] = set()  # case folders that a thread of this process has for itself


class Case:
    """A case folder: `case.toml`, `custody.jsonl`, `tables/`, `report/`. Folders are 0700, files 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tables = path / "tables"
        self.report = path / "report"

    @classmethod
    def create(cls, path: Path, *, key_file: Path | None = None) -> Case:
        """A new case, or the one that lies there, to be resumed. Raises CaseError if something else lies there."""
        case = cls(path)
        if path.is_symlink() or path.exists():
            usable = path.is_dir() and ((path / _KEY_FILE).exists() or all(map(_is_beginning, path.iterdir())))
        else:
            usable = True
        if not usable:
            msg = f"{path} exists and is no case folder: name another one with --out, or empty it"
            raise CaseError(msg)
        with full_disk_told(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)  # one that was there already may be open to others
            with case.locked():
                case._settle_key(key_file)
                for folder in (SPILL, ATTEMPTS):  # of a run that was killed
                    shutil.rmtree(path / folder, ignore_errors=True)
                for part in (case.tables, case.report):
                    part.mkdir(mode=0o700, exist_ok=True)
                    part.chmod(0o700)
        return case

    @classmethod
    def open(cls, path: Path | str) -> Case:
        """A case written by an audit. Raises CaseError if there is none, or it is not finished."""
        case = cls(Path(path))
        if not (case.path / _CASE_FILE).is_file():
            msg = f"{path} is no finished case: run `forensics audit EVIDENCE --out {path}` first"
            raise CaseError(msg)
        return case

    def short_of(self, evidence: int) -> int:
        """Bytes that the disk of the case lacks for so many bytes of evidence, by estimate; 0 where it has room.

        A case took 7 to 10 % of mixed plain evidence (measured up to 1 GB), and DuckDB may put as much aside while it joins; of log
        lines alone it takes more, and packed evidence is bigger than it looks: a third is room enough for most.
        """
        with suppress(OSError):
            return max(0, _ROOM_AT_LEAST + evidence // 3 - shutil.disk_usage(self.path).free)
        return 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The case folder for whoever writes into it, and for nobody else. Raises CaseError at once where it is taken.

        The kernel's lock (flock) ends with the process that holds it, however that ends; a thread that holds it may ask again. What
        a killed run left half written is removed. On NFS the server keeps the lock: two machines see each other's with version 4,
        and with version 3 where lockd runs; mounted with `nolock` or `local_lock` they do not.
        """
        mine = (threading.get_ident(), self.path.resolve())
        if mine in _HELD:
            yield
            return
        place = self.path / _LOCK_FILE
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip() or "another process"
                msg = f"{self.path} is in use by {holder}: wait until that has ended, or stop it; another audit can go into another folder"
                raise CaseError(msg) from None
            except OSError as error:
                msg = f"{self.path} lies on a file system that gives no locks ({error.strerror}): put the case elsewhere, or mount it with locks"
                raise CaseError(msg) from None
            holder = f"process {os.getpid()} on {platform.node()} since {zulu(datetime.now(UTC))}\n"
            os.ftruncate(handle, 0)
            with suppress(OSError):  # a full disk: the lock holds without a name
                os.pwrite(handle, holder.encode("utf-8", "replace"), 0)
            _HELD.add(mine)
            try:
                self._sweep()
                yield
            finally:
                os.ftruncate(handle, 0)
        finally:
            _HELD.discard(mine)
            os.close(handle)  # the file stays: were it removed, two could hold locks on two files of that name

    def _sweep(self) -> None:
        """Remove what killed runs left half written."""
        for pattern in (f"*{_HALF}", f"*/*{_HALF}", f"*/*/*{_HALF}"):
            for place in self.path.glob(pattern):
                if place.is_file():
                    place.unlink(missing_ok=True)

    def _settle_key(self, key_file: Path | None) -> None:
        target = self.path / _KEY_FILE
        if key_file is not None:
            try:
                text = bytes.fromhex(key_file.read_text(encoding="ascii").strip()).hex()
                valid = len(text) == 2 * _KEY_BYTES
            except (OSError, ValueError):
                valid = False
            if not valid:
                msg = f"{key_file}: a case key is {2 * _KEY_BYTES} hex digits in a file; make one with `openssl rand -hex {_KEY_BYTES}`"
                raise CaseError(msg)
            if target.exists() and target.read_text(encoding="ascii").strip() != text:
                msg = f"{self.path} was begun with another case key: name another folder with --out"
                raise CaseError(msg)
        elif target.exists():
            return
        else:
            text = secrets.token_hex(_KEY_BYTES)
        write_file(target, text + "\n")

    @property
    def key(self) -> bytes:
        """The case's secret key: keyed hashes compare within this case only."""
        return bytes.fromhex((self.path / _KEY_FILE).read_text(encoding="ascii").strip())

    def files(self) -> list[Path]:
        """Every file of the case that a manifest lists: all but key, lock, custody log, manifest, signature and revealed credentials."""
        left_out = {_KEY_FILE, _LOCK_FILE, "custody.jsonl", "manifest-sha256.txt", "custody.sig"}
        found = ((p, p.relative_to(self.path)) for p in self.path.rglob("*"))
        return sorted(
            place
            for place, shown in found
            if (place.is_symlink() or not place.is_dir())
            and shown.as_posix() not in left_out
            and shown.parts[0] not in {SPILL, ATTEMPTS, REVEALED}
        )

    def connect(self) -> duckdb.DuckDBPyConnection:
        """DuckDB, in memory, with one view for each table of the case."""
        connection = engine(self.path)
        for folder in sorted(p for p in self.tables.iterdir() if p.is_dir()):
            parts = sorted(map(str, folder.glob("*.parquet")))
            if parts:
                view(connection, folder.name, parts)
        return connection

    def read(self, table: str) -> pd.DataFrame:
        """A table as a pandas DataFrame; a table of the contract has exactly its columns, in order."""
        parts = sorted((self.tables / table).glob("*.parquet"))
        if not parts:
            msg = f"{self.path} has no table {table!r}; it has {', '.join(sorted(p.name for p in self.tables.iterdir()))}"
            raise CaseError(msg)
        frame: pd.DataFrame = pa.concat_tables([pq.ParquetFile(part).read() for part in parts]).to_pandas()
        return frame

    def stamps(self) -> tuple[tuple[str, int, int, int], ...]:
        """Name, time of change, size and inode of each file below `tables/`: another value whenever a table is another."""
        found = []
        for place in sorted(self.tables.rglob("*")):
            about = place.stat()
            found.append((place.relative_to(self.tables).as_posix(), about.st_mtime_ns, about.st_size, about.st_ino))
        return tuple(found)

    @property
    def summary(self) -> dict[str, Any]:
        """The case's summary; see `pipeline.summary` for its fields."""
        data: dict[str, Any] = json.loads((self.tables / "summary.json").read_text(encoding="utf-8"))
        return data

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Keep the summary for reporters."""
        write_file(self.tables / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")

    def write_table(self, name: str, table: pa.Table | pd.DataFrame) -> None:
        """Replace a table of the case by one part."""
        arrow = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False)
        write_part(self.tables / name / "part-0.parquet", arrow)

    def write_batches(self, name: str, tables: Iterable[pa.Table], unlike: Collection[str] = ()) -> None:
        """Replace a table of the case by one part of as many row groups as there are tables; no more than one is in memory.

        `unlike` names columns whose values hardly recur: a dictionary of them costs time, and space too.
        """
        target = self.tables / name / "part-0.parquet"
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source = iter(tables)
        first = next(source)
        alike = [
            f"{one.name}.list.element" if pa.types.is_list(one.type) else one.name
            for one in first.schema
            if one.name not in unlike
        ]
        form: dict[str, Any] = {"use_dictionary": alike, **_COMPRESSED}
        with aside(target) as place, place.open("wb") as stream, pq.ParquetWriter(stream, first.schema, **form) as writer:
            for table in chain([first], source):
                writer.write_table(table)

    def write_contract(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace a table of the output contract; every row must have exactly its columns. Counts stay numbers."""
        self.write_rows(name, rows, CONTRACT[name])

    def write_rows(self, name: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Replace a table by rows that all have these columns."""
        listed = [dict(row) for row in rows]
        for row in listed:
            if set(row) != set(columns):
                msg = f"{name}: a row has columns {sorted(row)}, not {sorted(columns)}"
                raise ValueError(msg)
        arrays = [_column(f"{name}.{column}", [row[column] for row in listed]) for column in columns]
        self.write_table(name, pa.table(dict(zip(columns, arrays, strict=True))))

    def write_metadata(self, text: str) -> None:
        """Write `case.toml`: from here on the case counts as finished."""
        write_file(self.path / _CASE_FILE, text)

    def __repr__(self) -> str:
        return f"Case({str(self.path)!r})"


def _column(name: str, values: list[Any]) -> pa.Array:
    """Counts as whole numbers, also without rows; other numbers as numbers; with any text in it a column is text, None is ""."""
    counts = bool(_COUNTS & {name, name.rpartition(".")[2]})
    if all(type(value) is int for value in values) and (values or counts):
        return pa.array(values, pa.int64())
    if values and all(type(value) is float for value in values):
        return pa.array(values, pa.float64())
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: object) -> str:
    """A value as text that UTF-8 can hold."""
    text = "" if value is None else str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _is_beginning(place: Path) -> bool:
    """Whether a file is what a run leaves that is killed before it has made its key."""
    return place.name == _LOCK_FILE or (place.name.startswith(f"{_KEY_FILE}.") and place.name.endswith(_HALF))


def is_full(error: OSError) -> bool:
    """Whether that says that no space is left: on the disk, in somebody's quota, or below a limit on the size of files."""
    return error.errno in _FULL


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """What system and DuckDB say of a full disk, as FullDiskError; `folder` is where it shows unless the error names a place."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise FullDiskError(_full(Path(str(error.filename)).parent if error.filename else folder, str(error.strerror))) from error
    except duckdb.Error as error:
        # no error number comes with it; with the setting it keeps to nine tenths of what was free when it began
        words = next((os.strerror(number) for number in _FULL if os.strerror(number) in str(error)), "")
        if not words and "max_temp_directory_size" not in str(error):
            raise
        raise FullDiskError(_full(folder, words or "no space for what is put aside")) from error


def _full(folder: Path, words: str) -> str:
    free = ""
    with suppress(OSError):
        free = f"; {shutil.disk_usage(folder).free / 1e6:,.0f} MB are free there"
    return f"{folder}: {words}{free}. Make room, and run the same command again to go on: what was read is kept, and nothing else is lost"


@contextmanager
def aside(target: Path) -> Iterator[Path]:
    """An empty file beside the target, mode 0600, that takes its name when it is filled: a file that exists is whole.

    Each has a name of its own: a worker that was given up for dead may still be at the same part.
    """
    place = target.with_name(f"{target.name}.{secrets.token_hex(4)}{_HALF}")
    os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        yield place
        place.replace(target)
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def write_file(target: Path, text: str) -> None:
    """Write a text file of the case, mode 0600, whole or not at all."""
    with aside(target) as place, place.open("w", encoding="utf-8", errors="replace", newline="") as stream:
        stream.write(text)


def write_part(target: Path, table: pa.Table) -> None:
    """Write one Parquet part, mode 0600, whole or not at all: a part that exists is complete."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with aside(target) as place, place.open("wb") as stream:
        pq.write_table(table, stream, **_COMPRESSED)


class _Readable(Protocol):
    def read(self, table: str, /) -> pd.DataFrame: ...


def beside(case: _Readable) -> dict[str, pd.DataFrame]:
    """The tables that follow from the contract's, by name, of those that a case has: one of an older version may lack some."""
    found = {}
    for name in BESIDE:
        with suppress(CaseError, KeyError, OSError):
            found[name] = case.read(name)
    return found


def stamp_of(case: object, table: str) -> tuple[object, ...]:
    """Another value whenever a table of a case is another: its place, and name, time of change, size and inode of its files.

    Empty where that cannot be told, as of a case that lies in memory.
    """
    if not isinstance(case, Case):
        return ()
    found = [(place.name, place.stat()) for place in sorted((case.tables / table).glob("*.parquet"))]
    return (case.path, table, *((name, about.st_mtime_ns, about.st_size, about.st_ino) for name, about in found)) if found else ()
