"""Pass one: headers and envelopes of all evidence, parsed by workers into Parquet parts."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from forensics.case import aside, is_full, write_file, write_part
from forensics.columns import OBSERVATIONS, Encoder, defect_table, statement_table
from forensics.evidence import Item, Member, MemberSource, Problem, first_bytes, head_of, members, spans
from forensics.leaks import RuleFile, load_rules, redact
from forensics.mapped import parsers_from, redacted
from forensics.model import Defect, Fragment, Span, Statement
from forensics.pipeline.executor import rare_collections
from forensics.plugins import Parser, discover

__all__ = ["Batch", "Mappings", "Receipt", "Work", "identify", "mapped", "parse_batch", "parsers", "plan"]

BATCH_BYTES = 32 << 20
BATCH_ITEMS = 400
FLUSH = 10_000  # fragments held before they are written as one row group
FORMAT = 4  # of the parts; a change makes old ones unfit for resuming


# of packed members, hashed where they are decoded; a damaged one has no hash
MEMBERS = pa.schema(
    [("evidence", pa.string()), ("member", pa.string()), ("size", pa.int64()), ("sha256", pa.string()), ("parser", pa.string())]
)


@lru_cache(maxsize=1)
def parsers() -> dict[str, Parser]:
    """Usable parsers by name."""
    return {one.name: one.plugin for one in discover("parsers") if one.plugin is not None}


Mappings = tuple[tuple[str, str], ...]  # text and source of each that the user named


@lru_cache(maxsize=8)
def mapped(mappings: Mappings) -> dict[str, Parser]:
    """Parsers of the user's mappings by name. Raises MappingError."""
    return parsers_from(mappings)


def reader_of(name: str, mappings: Mappings) -> Parser:
    """The parser of that name."""
    return parsers().get(name) or mapped(mappings)[name]


@dataclass(frozen=True, slots=True)
class Work:
    """One item, or one span of it. `parser` is "" for a container, whose members the worker identifies."""

    item: Item
    span: Span
    parser: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one worker does in one go, and where the parts go. `key` keys the hashes of subjects."""

    tables: Path
    key: bytes = field(repr=False)
    works: tuple[Work, ...]
    mappings: Mappings = ()
    rules: tuple[RuleFile, ...] = ()

    @property
    def name(self) -> str:
        """Hash of evidence, spans, parsers' versions and key: the same work has the same name in every run."""
        digest = hashlib.sha256(self.key)
        for one in self.rules:  # what they find is redacted in the parts
            digest.update(one.content)
        for work in self.works:
            known = [work.parser] if work.parser else sorted([*parsers(), *mapped(self.mappings)])
            versions = [f"{name}:{reader_of(name, self.mappings).version}" for name in known]
            digest.update(repr((FORMAT, work.item.sha256, tuple(work.span), versions)).encode())
        return digest.hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a batch left behind: its name, part files by table (paths below `tables/`), counts, and bytes of evidence."""

    name: str
    parts: dict[str, list[str]]
    fragments: int
    defects: int
    parsers: list[str]
    size: int


def identify(head: bytes, name: str, mappings: Mappings = ()) -> tuple[str, str]:
    """(parser's name, "") or ("", why none fits). Two parsers that both say yes are an error, never a matter of order.

    A mapping is the user's word on a file, and is asked before all others. A parser that fails while it looks does not know
    the format.
    """
    fits = [one.name for one in mapped(mappings).values() if one.sniff(head, name)]
    if len(fits) > 1:
        return "", f"more than one mapping fits this file ({', '.join(fits)}): not read; narrow [match] in one of them"
    if fits:
        return fits[0], ""
    for parser in parsers().values():
        with contextlib.suppress(Exception):  # a foreign parser may fail in any way
            if parser.sniff(head, name):
                fits.append(parser.name)
    if len(fits) == 1:
        return fits[0], ""
    if fits:
        return "", f"more than one parser claims this format ({', '.join(fits)}): not read, please report it"
    return "", "no parser knows this format: not read"


def plan(
    tables: Path, key: bytes, items: Sequence[Item], span_size: int, mappings: Mappings = (), rules: tuple[RuleFile, ...] = ()
) -> Iterator[Batch | Defect]:
    """Batches for workers, in an order that depends on content only; unreadable items as defects.

    Small files of one format share a batch, big ones are cut into spans, containers go alone.
    """
    small: dict[str, list[Work]] = {}
    for item in sorted(items, key=lambda one: one.sha256):
        for work in _works(item, span_size, mappings):
            if isinstance(work, Defect):
                yield work
            elif not work.parser or item.size > BATCH_BYTES:
                yield Batch(tables, key, (work,), mappings, rules)
            else:
                pending = small.setdefault(work.parser, [])
                pending.append(work)
                if len(pending) >= BATCH_ITEMS or sum(one.item.size for one in pending) >= BATCH_BYTES:
                    yield Batch(tables, key, tuple(small.pop(work.parser)), mappings, rules)
    for pending in small.values():
        yield Batch(tables, key, tuple(pending), mappings, rules)


def _works(item: Item, span_size: int, mappings: Mappings) -> Iterator[Work | Defect]:
    """A plain file is identified here; anything packed is left to the worker, which must unpack it anyway."""
    first = next(members(item), None)
    plain = isinstance(first, Member) and first.size == item.size and not first.name
    if not plain or not isinstance(first, Member):
        yield Work(item, Span(item.id, "", 0, -1), "")
        return
    name, problem = identify(head_of(first), item.path.rpartition("/")[2], mappings)
    if problem:
        yield Defect(Span(item.id, "", 0, item.size), "", problem)
        return
    for span in spans(first, divisible=reader_of(name, mappings).divisible, size=span_size):
        yield Work(item, span, name)


# Columns whose values recur: a dictionary of what is nearly always new (ids, addresses, replies, times) costs time, and space too
_RECURRING = [
    *("evidence", "member", "source", "kind", "route", "direction", "server", "stream", "sender", "envelope_sender"),
    *(f"recipients.list.element.{name}" for name in ("role", "outcome", "written", "original", "stamp", "seen")),
    *("readings.list.element.clock", "facts.list.element.name", "facts.list.element.value", "stamp"),
]


class PartWriter:
    """One Parquet part of fragments, streamed aside in row groups and renamed when whole: memory does not grow with it."""

    def __init__(self, target: Path, key: bytes, redact_reply: Callable[[str], str]) -> None:
        self.target = target
        self._key, self._redact = key, redact_reply
        self._encoder, self._room = Encoder(key, redact_reply), FLUSH
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._half = contextlib.ExitStack()
        self._stream = self._half.enter_context(self._half.enter_context(aside(target)).open("wb"))
        self._writer = pq.ParquetWriter(
            self._stream, OBSERVATIONS, compression="zstd", compression_level=1, use_dictionary=_RECURRING
        )

    def add(self, fragment: Fragment) -> None:
        """Take one fragment in."""
        self._encoder.add(fragment)
        self._room -= 1
        if not self._room:
            self._flush()

    def add_rows(self, rows: pa.Table) -> None:
        """Take observations in that are columns already; nothing in them is redacted here."""
        self._flush()
        self._writer.write_table(rows)

    def _flush(self) -> None:
        if not len(self._encoder):
            return
        self._writer.write_table(self._encoder.table())
        self._encoder, self._room = Encoder(self._key, self._redact), FLUSH

    def close(self) -> None:
        """Write what is left and give the part its name."""
        with self._half:
            self._flush()
            self._writer.close()

    def abandon(self, error: BaseException) -> None:
        """Leave nothing of a part that cannot be finished."""
        with contextlib.suppress(Exception):  # it writes its end, which may be what cannot be done
            self._writer.close()
        self._writer.is_open = False  # else it tries again when it is collected
        self._half.__exit__(type(error), error, error.__traceback__)


class _Parts:
    """The parts of one batch, by table."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        rules = load_rules(*batch.rules)
        self.redact = lru_cache(maxsize=4_096)(lambda text: redact(text, rules))  # columns repeat themselves
        self.writers: dict[str, PartWriter] = {}
        self.defects: list[Defect] = []
        self.statements: list[Statement] = []
        self.members: list[tuple[str, str, int, str, str]] = []
        self.fragments = 0

    def add(self, parser: str, record: Fragment | Defect | Statement) -> None:
        if isinstance(record, Defect):
            self.defects.append(record)
        elif isinstance(record, Statement):
            self.statements.append(record)
        else:
            writer = self.writers.get(parser)
            if writer is None:
                target = self.batch.tables / "fragments" / f"{parser.replace(':', '.')}-{self.batch.name}.parquet"
                writer = self.writers[parser] = PartWriter(target, self.batch.key, self.redact)
            writer.add(redacted(record, self.redact) if parser.startswith("mapped:") else record)
            self.fragments += 1

    def close(self) -> dict[str, list[str]]:
        """Finish every part; returns the paths below `tables/`."""
        parts: dict[str, list[str]] = {"fragments": [], "defects": [], "statements": [], "members": []}
        for _, writer in sorted(self.writers.items()):
            writer.close()
            parts["fragments"].append(f"fragments/{writer.target.name}")
        for name, table in (
            ("defects", defect_table(self.defects)),
            ("statements", statement_table(self.statements)),
            (
                "members",
                pa.Table.from_pylist([dict(zip(MEMBERS.names, row, strict=True)) for row in self.members], schema=MEMBERS),
            ),
        ):
            if table.num_rows:
                target = self.batch.tables / f"raw_{name}" / f"{self.batch.name}.parquet"
                write_part(target, table)
                parts[name].append(f"raw_{name}/{target.name}")
        return parts

    def abandon(self, error: BaseException) -> None:
        """Leave nothing half written."""
        for writer in self.writers.values():
            writer.abandon(error)


@rare_collections()
def parse_batch(batch: Batch) -> Receipt:
    """Parse a batch into parts, or return the receipt of the run that already did. Runs in a worker."""
    receipt = batch.tables / "receipts" / f"{batch.name}.json"
    known = _kept(receipt, batch.tables)
    if known is not None:
        return known
    parts = _Parts(batch)
    used: set[str] = set()
    try:
        for work in batch.works:
            for parser, record in _records(work, batch.mappings, parts.members):
                if parser:
                    used.add(parser)
                parts.add(parser, record)
        written = parts.close()
    except BaseException as error:
        parts.abandon(error)
        raise
    done = Receipt(
        batch.name, written, parts.fragments, len(parts.defects), sorted(used), sum(_size(work) for work in batch.works)
    )
    receipt.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(receipt, json.dumps(_plain(done), sort_keys=True) + "\n")
    return done


def _kept(place: Path, tables: Path) -> Receipt | None:
    """The receipt of an earlier run, None if there is none or a part it names is gone: then the work is done again."""
    try:
        receipt = Receipt(**json.loads(place.read_text(encoding="utf-8")))
        whole = all((tables / part).is_file() for listed in receipt.parts.values() for part in listed)
    except (ValueError, TypeError, AttributeError, OSError):
        return None
    return receipt if whole else None


def _plain(receipt: Receipt) -> dict[str, Any]:
    return {
        "name": receipt.name, "parts": receipt.parts, "fragments": receipt.fragments, "defects": receipt.defects,
        "parsers": receipt.parsers, "size": receipt.size,
    }  # fmt: skip


def _size(work: Work) -> int:
    return work.item.size if work.span.end < 0 else work.span.end - work.span.start


def _records(
    work: Work, mappings: Mappings, hashes: list[tuple[str, str, int, str, str]]
) -> Iterator[tuple[str, Fragment | Defect | Statement]]:
    """The records of one piece of work with their parser; the hashes of packed members go into `hashes`."""
    for member in members(work.item):
        if isinstance(member, Problem):
            inside = member.path.removeprefix(work.item.path).removeprefix("/")
            yield "", Defect(Span(work.item.id, inside, member.start, member.start), "", member.reason)
            continue
        name, problem = work.parser, ""
        if not name:
            head, broken = first_bytes(member)
            name, problem = identify(head, member.path.rpartition("/")[2], mappings)
            if problem and broken:
                problem = f"{broken}, and no parser knows what is left: not read"
        span = Span(work.item.id, member.name, work.span.start, work.span.end)
        source = MemberSource(span, member, hashing=True)
        if problem:
            yield "", Defect(span, "", problem)
        else:
            yield from ((name, record) for record in _read(reader_of(name, mappings), source))
        if (hashed := source.hashed()) is not None:  # where the stream was read in order anyway, or was met for the first time
            hashes.append((work.item.id, member.name, *hashed, name))
        if problem:
            continue
        yield from (
            ("", Defect(Span(span.evidence, span.member, at, at), name, why)) for at, why in dict.fromkeys(source.problems)
        )


def _read(parser: Parser, source: MemberSource) -> Iterable[Fragment | Defect | Statement]:
    """A parser's records; should it raise against its promise, that is a defect of its span and not the end of the run."""
    try:
        yield from parser.read(source)
    except Exception as error:  # a foreign parser may fail in any way
        if isinstance(error, OSError) and is_full(error):  # that is our machine's, and no word on the evidence
            raise
        yield Defect(source.span, parser.name, f"the parser failed ({type(error).__name__}): the rest of this span is not read")


def parts_of(receipts: Iterable[Receipt], table: str, tables: Path) -> list[str]:
    """Absolute paths of all parts of one table, sorted."""
    return sorted(str(tables / part) for receipt in receipts for part in receipt.parts[table])


def remove_strays(receipts: Sequence[Receipt], tables: Path, note: Callable[[str], object]) -> None:
    """Delete parts and receipts that are not of this run: left by other evidence, other versions, or a crash."""
    kept = {tables / part for receipt in receipts for listed in receipt.parts.values() for part in listed}
    kept |= {tables / "receipts" / f"{receipt.name}.json" for receipt in receipts}
    for folder in ("fragments", "raw_defects", "raw_statements", "raw_members", "receipts"):
        for place in sorted((tables / folder).glob("*")):
            if place not in kept:
                place.unlink()
                note(place.name)
