"""A parser made of a mapping: tables and JSON of any source, record by record.

A mapping is the user's own word on a file. It is asked for by name on the command line, so it is asked *before* the parsers that
come with the package, and where its `[match]` fits, it reads the file, even one that such a parser knows as well. Two mappings that
both fit one file are an error, as two parsers are. A mapping that nobody asked for plays no part.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Any

from forensics.jsonstream import Broken, Page, frames
from forensics.jsonstream import Record as JsonRecord
from forensics.mapped.messages import Record, observed
from forensics.mapped.paths import exists, holds_list, objects_at, texts_at
from forensics.mapped.tables import fits_table, rows
from forensics.mapping import RECIPIENTS, Form, Mapping, MappingError, read_mapping
from forensics.model import Defect, Fragment, Span, Statement
from forensics.plugins import Parser, Source
from forensics.plugins import Record as Said

__all__ = ["parser_of", "parsers_from"]

_READER = 2  # a change makes parts of earlier runs unfit for resuming
_JSON = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0\x1e]{0,4096}[\[{]")
_HEAD = 4_200  # bytes, in which it finds its bracket
_CUT_HEAD = 32_768
_LOOKED_AT = 50  # records of a file's head
_FULL = {  # rows at which what people export ends, without a word
    10_000: "a search of Elasticsearch and Kibana (index.max_result_window)",
    50_000: "an export of Splunk (maxresultrows)",
    100_000: "a query of Microsoft's Advanced Hunting",
    1_000_000: "a CSV of SendGrid's Email Activity",
    1_048_575: "a sheet of Excel below its head",
}
_MOST_UNKNOWN = 1_000  # values of one file that are told one by one
_REPLACED = "characters that are no text in the file's encoding were replaced"
_UNKNOWN = {
    "outcome": "is not among the mapping's [outcomes]; such copies count as accepted",
    "role": "is not among the mapping's [roles]; such recipients get the role that the mapping gives to all others",
    "direction": "is not among the mapping's [directions]; it is not known whether such messages were submitted",
}


@dataclass(slots=True)
class _Tally:
    """What was met in one member. `unknown` holds evidence, and none of it is told: first place of each value, and how often."""

    mapping: Mapping
    place: Span
    met: int = 0
    silent: int = 0
    heads: int = 0  # lines that name the columns, among the silent ones
    end: int = 0
    unknown: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    @property
    def parser(self) -> str:
        return f"mapped:{self.mapping.name}"

    def at(self, start: int, end: int) -> Span:
        self.end = max(self.end, end)
        return Span(self.place.evidence, self.place.member, start, end)

    def note(self, values: Iterable[tuple[str, str]], span: Span) -> None:
        for noun, value in values:
            key = (noun, value.strip().lower()) if len(self.unknown) < _MOST_UNKNOWN else (noun, "")
            self.unknown.setdefault(key, [span, 0])[1] += 1

    def told(self) -> Iterator[Said]:
        """The end of a member: each unknown value once, in order of first place, and how many records were met."""
        for (noun, _), (span, times) in self.unknown.items():
            yield Defect(span, self.parser, f"a value of {noun}, met {times} time{'s' * (times != 1)}, {_UNKNOWN[noun]}")
        whole = Span(self.place.evidence, self.place.member, self.place.start, self.end)
        if whose := _FULL.get(count := self.met - self.heads):
            yield Defect(whole, self.parser, f"exactly {count:,} rows, where {whose} ends: further ones may have been cut off")
        yield Statement(whole, self.parser, "tally", route=self.mapping.route, value=self.met, rows=self.silent)


def _read(source: Source, mapping: Mapping) -> Iterator[Said]:
    """Fragments and defects of one member, in file order, then what its value tables did not know, and a tally.

    Each record gives a fragment, a defect or both, or is counted in the tally as one that tells nothing of mail: a header line,
    and what `[only]` or `[match]` leave out. For any bytes, in bounded memory.
    """
    tally = _Tally(mapping, source.span, end=source.span.start)
    head, blocks = _begun(source.blocks())
    if mapping.json is not None and (mapping.table is None or _JSON.match(head)):
        yield from _from_json(blocks, mapping, mapping.json, tally)
    elif mapping.table is not None:
        yield from _from_table(blocks, mapping, mapping.table, tally)
    yield from tally.told()


def _begun(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= _HEAD:
            break
    return head, chain((head,), blocks)


def _from_table(blocks: Iterator[bytes], mapping: Mapping, form: Form, tally: _Tally) -> Iterator[Said]:
    for row in rows(blocks, mapping.layout, form, tuple(name for name, _ in mapping.only)):
        span = tally.at(row.start, row.end)
        tally.met += 1
        if row.problem:
            yield Defect(span, tally.parser, row.problem)
        elif row.kind != "row" or not _is_wanted(row.cells, mapping):
            tally.silent += 1
            tally.heads += row.kind != "row"
        else:
            record = Record(row.cells, row.absent)
            record.remarks.extend([row.remark] if row.remark else [])
            yield from _tell(record, mapping, form, span, tally, 0)


def _from_json(blocks: Iterator[bytes], mapping: Mapping, form: Form, tally: _Tally) -> Iterator[Said]:
    for frame in frames(blocks, mapping.layout.lists, tally.place.start):
        span = tally.at(frame.start, frame.end)
        if isinstance(frame, Page):
            if frame.complete and not frame.elements:
                yield Statement(span, tally.parser, "empty", route=mapping.route, note=frame.name)
            continue
        if isinstance(frame, Broken):
            tally.met += 1
            yield Defect(span, tally.parser, frame.reason)
            continue
        found, problem = _opened(frame.value, mapping)
        if problem:
            yield Defect(span, tally.parser, problem)
        elif not found:
            yield Statement(span, tally.parser, "empty", route=mapping.route, note=mapping.layout.each)
        for number, value in enumerate(found):
            tally.met += 1
            yield from _of_object(value, mapping, form, span, tally, number, replaced=frame.replaced)


def _opened(value: dict[str, Any], mapping: Mapping) -> tuple[list[dict[str, Any]], str]:
    """The records inside one object, and what is wrong with it. An object that holds none where `each` looks is one itself."""
    problem = ""
    found = [value]
    if mapping.layout.each:
        found, fine = objects_at(value, mapping.layout.each)
        if not fine:
            problem = "some of what the mapping's `each` finds is no object"
        if not found and not holds_list(value, mapping.layout.each):
            found = [value]
    for key in mapping.layout.unwrap:
        found = [inner for one in found for inner in _unwrapped(one, key)]
    return found, problem


def _unwrapped(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The object, or the several of a repeated key, in which another one holds its fields; else the object itself."""
    inner = value.get(key)
    objects = [one for one in (inner if type(inner) is tuple else (inner,)) if type(one) is dict]
    return objects or [value]


def _of_object(
    value: dict[str, Any], mapping: Mapping, form: Form, span: Span, tally: _Tally, number: int, *, replaced: bool
) -> Iterator[Said]:
    texts, odd = {}, set()
    for path in _paths(form, mapping.only):
        found, fine = texts_at(value, path)
        if found:
            texts[path] = found
        if not fine:
            odd.add(path)
    if not _is_wanted(texts, mapping) or (not odd and _is_of_another_kind(value, texts, form)):
        tally.silent += 1
        return
    record = Record(texts)
    record.wrong.update(noun for noun, place in (*form.places, *form.facts) if not odd.isdisjoint(place.names))
    record.remarks.extend([_REPLACED] * replaced)
    yield from _tell(record, mapping, form, span, tally, number)


@lru_cache(maxsize=16)
def _paths(form: Form, only: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*form.names(), *(name for name, _ in only))))


def _is_of_another_kind(value: dict[str, Any], texts: dict[str, Any], form: Form) -> bool:
    """Whether a record lacks what `[match]` asks of a file, and names nobody: stores mix mail with other events."""
    names_somebody = any(name in texts for noun, place in form.places if noun in RECIPIENTS for name in place.names)
    return not names_somebody and not all(exists(value, one) for one in form.needed)


def _is_wanted(texts: dict[str, tuple[str, ...]], mapping: Mapping) -> bool:
    """Whether a record has one of the values that `[only]` names, in every column or path that it names."""
    return all(any(one.strip().lower() in values for one in texts.get(name, ("",))) for name, values in mapping.only)


def _tell(record: Record, mapping: Mapping, form: Form, span: Span, tally: _Tally, number: int) -> Iterator[Said]:
    """What one record says; of several in one object each has a key of its own."""
    observation = observed(record, mapping, form, span)
    if observation is not None:
        own = f"{span.evidence}#{span.start}" + (f"/{number}" if number else "")
        yield Fragment(observation.message_id or (observation.ids or (own,))[0], observation)
    if record.wrong:
        record.remarks.append(f"fields of an unexpected form, read as far as possible: {', '.join(sorted(record.wrong))}")
    yield from (Defect(span, tally.parser, reason) for reason in dict.fromkeys(record.remarks))
    tally.note(record.unknown, span)


# --- recognition


def _sniff(head: bytes, name: str, mapping: Mapping) -> bool:
    """Whether a file's head has what `[match]` names: its base name, and the columns, or the keys of one of the first records."""
    if not mapping.fits_name(name):
        return False
    if mapping.json is not None and _JSON.match(head):
        return _fits_json(head, mapping, mapping.json)
    return mapping.table is not None and fits_table(head, mapping.layout, mapping.table, tuple(one for one, _ in mapping.only))


def _fits_json(head: bytes, mapping: Mapping, form: Form) -> bool:
    for frame in islice(frames([head], mapping.layout.lists), _LOOKED_AT):
        if isinstance(frame, Broken) and frame.end - frame.start >= _CUT_HEAD and frame.end >= len(head):
            return _fits_cut(head[frame.start :], mapping, form)
        if isinstance(frame, JsonRecord):
            for value in _opened(frame.value, mapping)[0]:
                texts = {name: texts_at(value, name)[0] or ("",) for name, _ in mapping.only}
                if all(exists(value, one) for one in form.needed) and _is_wanted(texts, mapping):
                    return True
    return False


def _fits_cut(raw: bytes, mapping: Mapping, form: Form) -> bool:
    """As `_fits_json`, of a record that the head cuts off: whether all keys that are needed stand in what can be seen."""
    text = raw.replace(b"\0", b"").decode("latin-1")  # UTF-16 too: keys are nearly always ASCII
    return all(
        f'"{path}"' in text or all(f'"{key.removesuffix("[]")}"' in text for key in path.split("."))
        for path in (*form.needed, *(name for name, _ in mapping.only))
    )


# --- the parser


@lru_cache(maxsize=64)
def parser_of(mapping: Mapping) -> Parser:
    """The parser that a mapping makes, named `mapped:<name>`; it can be pickled.

    Its version is made of the mapping's text: another text is another parser, and parts that the first one wrote do not serve a
    resumed run. Not divisible: a place inside quotes or brackets cannot be told from one outside.
    """
    digest = hashlib.sha256(f"{_READER}\n{mapping.text}".encode("utf-8", "replace")).digest()
    return Parser(
        name=f"mapped:{mapping.name}",
        title=mapping.title,
        sniff=partial(_sniff, mapping=mapping),
        read=partial(_read, mapping=mapping),
        shows=mapping.shows,
        version=1 + int.from_bytes(digest[:6], "big"),
    )


def parsers_from(texts: Sequence[tuple[str, str]]) -> dict[str, Parser]:
    """Parsers by name from plain pairs of a mapping's text and source, `(mapping.text, mapping.source)`: what a worker is given.

    Raises MappingError where a text is no mapping, or two have one name.
    """
    found: dict[str, Parser] = {}
    for text, source in texts:
        parser = parser_of(read_mapping(text, source))
        if parser.name in found:
            raise MappingError(
                f"{source}: name: {parser.name.partition(':')[2]!r} is taken by another mapping; give this one its own"
            )
        found[parser.name] = parser
    return found
