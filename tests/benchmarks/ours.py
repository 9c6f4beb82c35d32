"""Our side of each case: what is prepared, what is measured, and what is counted afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.cases import Case
from forensics.evidence import Item, Member, MemberSource, open_read_only
from forensics.model import Span

__all__ = ["OUR_WORK", "UNKNOWN", "Found", "Work"]

Found = tuple[int, int, int]  # messages, hits, defects
Work = Callable[[], Callable[[], Found]]  # what is measured gives what is not: the count of what it left behind
UNKNOWN = -1  # hits of a contestant that does not look at recipients


def _member(path: Path) -> Member:
    return Member(Item(path.name, path, path.stat().st_size, "0" * 64), "", lambda: open_read_only(path), path.stat().st_size)


def _source(path: Path) -> MemberSource:
    member = _member(path)
    return MemberSource(Span(member.item.id, "", 0, -1), member)


def _split(_case: Case, path: Path, _scratch: Path, _wanted: str) -> Work:
    """The separators alone: where mails begin."""
    from forensics.mail import MailStream
    from forensics.parsers import mbox

    source = _source(path)

    def work() -> Callable[[], Found]:
        marks = mbox._marks(MailStream(source.blocks(0), 0), 0, mbox._dialect(source))
        messages = sum(not mark.doubt for mark in marks)
        return lambda: (messages, UNKNOWN, 0)

    return work


def _read(case: Case, path: Path, _scratch: Path, wanted: str) -> Work:
    """Our parser alone: every record is made and let go."""
    from forensics.model import Defect, Fragment
    from forensics.pipeline.first_pass import parsers

    parser = parsers()[case.parser]
    source = _source(path)

    def work() -> Callable[[], Found]:
        messages = hits = defects = 0
        for record in parser.read(source):
            if isinstance(record, Fragment):
                messages += record.observation.kind != "session"
                hits += any(one.address == wanted for one in record.observation.recipients)
            elif isinstance(record, Defect):
                defects += 1
        return lambda: (messages, hits, defects + len(source.problems))

    return work


def _tables(case: Case, path: Path, scratch: Path, wanted: str) -> Work:
    """What pass one of an audit does with the file: hash, sniff, cut into spans, parse, redact, write Parquet parts."""
    import pyarrow.parquet as pq

    from forensics.evidence import SPAN, hashed
    from forensics.model import Defect
    from forensics.pipeline.first_pass import parse_batch, parsers, plan

    in_pieces = parsers()[case.parser].assemble is not None  # pieces of a message that a span's end cut share its key

    def work() -> Callable[[], Found]:
        item = hashed(path.name, path)
        if not isinstance(item, Item):
            return lambda: (0, 0, 1)
        batches = list(plan(scratch, b"k" * 32, [item], SPAN))
        receipts = [parse_batch(batch) for batch in batches if not isinstance(batch, Defect)]

        def count() -> Found:
            messages, hits = set(), set()
            for part in sorted(scratch.glob("fragments/*.parquet")):
                for rows in pq.ParquetFile(part).iter_batches(columns=["key", "kind", "start", "recipients"]):
                    for row in rows.to_pylist():
                        if row["kind"] == "session":
                            continue
                        identity = row["key"] if in_pieces else row["start"]
                        messages.add(identity)
                        if any(one["address"] == wanted for one in row["recipients"]):
                            hits.add(identity)
            return len(messages), len(hits), sum(receipt.defects for receipt in receipts) + len(batches) - len(receipts)

        return count

    return work


def _content(case: Case, path: Path, _scratch: Path, wanted: str) -> Work:
    """Pass two without the search for leaks, over every mail: its bytes read again, decoded, all texts taken out.

    Where the mails lie is known from pass one, and not measured here.
    """
    from forensics.content import texts
    from forensics.evidence import read_ranges
    from forensics.model import Fragment, Limits, Text
    from forensics.pipeline.executor import rare_collections
    from forensics.pipeline.first_pass import parsers
    from forensics.pipeline.second_pass import BODY_BYTES, readers

    parser = parsers()[case.parser]
    observed = [one.observation for one in parser.read(_source(path)) if isinstance(one, Fragment)]
    places = [(one.span.start, one.span.end) for one in observed]
    kinds = [one.kind for one in observed]
    able, limits = readers(), Limits()

    @rare_collections()  # as the pass itself has it
    def work() -> Callable[[], Found]:
        messages = hits = 0
        for kind, (_, raw) in zip(kinds, read_ranges(_member(path), places, limit=BODY_BYTES), strict=True):
            assert parser.body is not None
            found = [one.text for one in texts(parser.body(raw, kind), able, limits) if isinstance(one, Text)]
            messages += 1
            hits += any(wanted in text for text in found)
        return lambda: (messages, hits, 0)

    return work


def _audit(_case: Case, path: Path, scratch: Path, _wanted: str) -> Work:
    """The whole audit of a file or a folder with its policy, in one process: evidence to reports."""
    import forensics
    from forensics.pipeline.executor import Serial

    policy = path / "policy.toml" if path.is_dir() else None

    def work() -> Callable[[], Found]:
        case = forensics.audit(path, out=scratch / "case", incident="postmark-mcp", policy=policy, executor=Serial())

        def count() -> Found:
            confirmed = int((case.read("exposed_messages")["verdict"] == "confirmed").sum())
            return case.summary["counts"]["messages"], confirmed, len(case.read("defects"))

        return count

    return work


OUR_WORK: Mapping[str, Callable[[Case, Path, Path, str], Work]] = {
    "split": _split,
    "read": _read,
    "tables": _tables,
    "content": _content,
    "audit": _audit,
}
