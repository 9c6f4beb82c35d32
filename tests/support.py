"""What tests share: evidence in memory, and a parser run over it whole or cut."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forensics.dates import FileClock, infer_clock
from forensics.model import Defect, Fragment, Observation, Reading, Span, Statement
from forensics.plugins import Parser, Record

ROOT = Path(__file__).resolve().parent.parent
FORMATS = ROOT / "sample_logs" / "formats"
GOLDEN = ROOT / "tests" / "golden"


@dataclasses.dataclass(frozen=True)
class MemorySource:
    """Evidence that lies in memory; gives blocks of any size, to show that a parser does not care."""

    span: Span
    name: str
    data: bytes
    block: int = 1 << 20

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        begin = self.span.start if start is None else start
        for at in range(begin, len(self.data), self.block):
            yield self.data[at : at + self.block]


def evidence_id(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def spans_of(data: bytes, cut: int | None) -> Iterator[Span]:
    identity = evidence_id(data)
    if cut is None:
        yield Span(identity, "", 0, -1)
        return
    for start in range(0, max(len(data), 1), cut):
        yield Span(identity, "", start, min(start + cut, len(data)))


def read(parser: Parser, data: bytes, *, name: str = "sample", cut: int | None = None, block: int = 1 << 20) -> list[Record]:
    """Every record of one file, whole (`cut=None`) or from spans of `cut` bytes read apart."""
    if cut is not None:
        assert parser.divisible, f"{parser.name} reads whole members only"
    return [record for span in spans_of(data, cut) for record in parser.read(MemorySource(span, name, data, block))]


def assembled(
    parser: Parser, fragments: list[Fragment], clocks: Mapping[tuple[str, str], FileClock] | None = None
) -> list[Observation]:
    """Observations from fragments in the order in which the pipeline gives them: by key, then file, then place."""
    if parser.assemble is None:
        return [fragment.observation for fragment in fragments]
    if clocks is None:
        clocks = clocks_of(fragments)
    files = {f.observation.span.evidence: i for i, f in reversed(list(enumerate(fragments)))}
    ordered = sorted(
        fragments, key=lambda f: (f.key, files[f.observation.span.evidence], f.observation.span.member, f.observation.span.start)
    )
    return list(parser.assemble(iter(ordered), clocks))


def clocks_of(fragments: list[Fragment]) -> dict[tuple[str, str], FileClock]:
    """File clocks from the readings named "queue_id" of each fragment, as the pipeline infers them."""
    pairs = defaultdict(list)
    for fragment in fragments:
        observation = fragment.observation
        for reading in observation.readings:
            if reading.clock == "queue_id" and observation.stamp and fragment.opens:
                pairs[observation.span.evidence, observation.span.member].append((observation.stamp, reading.at))
    return {place: infer_clock(found) for place, found in pairs.items()}


def observations(parser: Parser, *files: bytes, cut: int | None = None) -> list[Observation]:
    """The observations of one or more files, in order of the files given."""
    fragments = [r for data in files for r in read(parser, data, cut=cut) if isinstance(r, Fragment)]
    return assembled(parser, fragments)


def defects(parser: Parser, data: bytes) -> list[Defect]:
    return [record for record in read(parser, data) if isinstance(record, Defect)]


def statements(parser: Parser, data: bytes) -> list[Statement]:
    return [record for record in read(parser, data) if isinstance(record, Statement)]


def plain(value: Any) -> Any:
    """A value of the model as JSON: defaults left out, so that a golden shows what was read and nothing else."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = {}
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            default = field.default if field.default is not dataclasses.MISSING else object()
            if item != default:
                shown[field.name] = plain(item)
        return shown
    if isinstance(value, Span):
        return f"{value.member or 'file'}:{value.start}-{value.end}"
    if isinstance(value, Reading):
        return f"{value.clock} {plain(value.at)}" + (f" +-{value.slack}s" if value.slack else "")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


def golden_text(parser: Parser, data: bytes) -> str:
    """Everything that a parser says of one sample, as stable JSON."""
    records = read(parser, data)
    shown = {
        "observations": [plain(one) for one in assembled(parser, [r for r in records if isinstance(r, Fragment)])],
        "defects": [plain(one) for one in records if isinstance(one, Defect)],
        "statements": [plain(one) for one in records if isinstance(one, Statement)],
    }
    return json.dumps(shown, indent=1, ensure_ascii=False) + "\n"
