"""One member of evidence, record by record: what each says, and what could not be read of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from forensics.jsonstream import Broken, Fields, Record, shaped
from forensics.model import Defect, Fragment, Observation, Route, Span, Statement
from forensics.parsers.postmark.answers import Answers, begins_with_head
from forensics.parsers.postmark.carriers import carried
from forensics.parsers.postmark.events import LISTED, event
from forensics.parsers.postmark.har import answers_in, holds_entries
from forensics.parsers.postmark.raw import dump, id_in_name
from forensics.parsers.postmark.received import inbound
from forensics.parsers.postmark.sent import sent
from forensics.parsers.postmark.shapes import LISTS, kind_of
from forensics.parsers.postmark.sniffing import is_request_log
from forensics.parsers.postmark.statements import daily_count, page_said, server, stream, suppression
from forensics.parsers.postmark.swift import plan, swift
from forensics.parsers.postmark.values import NAME, NULL_UUID
from forensics.plugins import Record as Said
from forensics.plugins import Source
from forensics.records import replaced

__all__ = ["read"]

_HEAD = 1 << 16
_EVENT_TYPES = dict(LISTED.values())
_RETURNED = "a returned message lies in a record with others and is not read"
_OF_HAR = "the content of a message in this HAR file is not read: save this answer by itself"
_STATED = {"day": daily_count, "server": server, "stream": stream}


def read(source: Source) -> Iterator[Said]:
    """Fragments, defects and statements of one member, in file order; for any bytes, in bounded memory.

    A page of search rows ends with a statement "total" (TotalCount against the rows that were read) and, without rows,
    with "empty"; the last record is "tally": records met, and those among them that tell nothing of mail. In a log of
    requests, a request that carries no webhook is one of these; elsewhere a record of an unknown kind is a defect.
    Answers that were kept with their HTTP heads are read like others.
    """
    first, blocks = _begun(source.blocks())
    if not begins_with_head(first):
        yield from _read(blocks, source, source.span, is_log=is_request_log(first))
        return
    answers = Answers(blocks, source.span)
    for record in _read(answers.blocks(), source, source.span._replace(start=0), is_log=False):
        yield from _taken(answers.unread)
        yield answers.moved(record)


def _taken(found: list[Defect]) -> list[Defect]:
    taken = found[:]
    found.clear()
    return taken


def _read(blocks: Iterable[bytes], source: Source, place: Span, *, is_log: bool) -> Iterator[Said]:
    """The same of JSON that begins at `place.start`."""
    by_name = id_in_name(source.name, place.member)
    met = silent = end = 0
    last: Fragment | None = None
    scopes: set[str] = set()
    for frame in shaped(blocks, LISTS, place.start, lambda value, within: plan(value, within, place, scopes)):
        if isinstance(frame, Fragment):
            met, last = met + 1, frame
            yield frame
            continue
        end = max(end, frame.end)
        if isinstance(frame, Record):
            met += 1
            quick = swift(frame, place.evidence, place.member)
            said = [quick] if quick is not None else list(_said(frame, place, by_name, is_log=is_log))
            silent += not said
            if frame.within and len(scopes) < 2:  # noqa: PLR2004  one, or not one
                scopes.update(one.observation.stream or one.observation.server for one in said if isinstance(one, Fragment))
            yield from said
        elif isinstance(frame, Broken):
            met += 1
            yield Defect(Span(place.evidence, place.member, frame.start, frame.end), NAME, frame.reason)
        else:
            yield from page_said(frame, place, scopes.pop() if len(scopes) == 1 else "")
            scopes.clear()
    end = max(end, last.observation.span.end) if last is not None else end
    yield Statement(Span(place.evidence, place.member, place.start, end), NAME, "tally", route=Route.API, value=met, rows=silent)


def _begun(blocks: Iterator[bytes]) -> tuple[bytes, Iterable[bytes]]:
    """The head of a member, and all of its blocks."""
    first: list[bytes] = []
    for block in blocks:
        first.append(block)
        if sum(map(len, first)) >= _HEAD:
            break
    return b"".join(first)[:_HEAD], chain(first, blocks)


def _said(record: Record, evidence: Span, by_name: str, *, is_log: bool) -> Iterator[Fragment | Statement | Defect]:
    """What one record says: as a rule one fragment or statement; and a defect for each thing wrong with it."""
    span = Span(evidence.evidence, evidence.member, record.start, record.end)
    kind = kind_of(record.value, record.within)
    fields = Fields(record.value)
    if kind:
        yield from _told(record, span, fields, kind, by_name, 1)
        return
    if holds_entries(record.value):
        yield from _of_har(record, span)
        return
    inner, is_cut = carried(record.value)
    for one in inner:
        quick = swift(Record(span.start, span.end, one.value, "", one.replaced), span.evidence, span.member)
        if quick is not None:
            yield quick
        else:
            yield from _told(one, span, Fields(one.value), kind_of(one.value, ""), "", len(inner))
    if is_cut:
        fields.remarks.append("a webhook in this record is cut off, broken or one too many")
    elif {"ErrorCode", "Message"} <= record.value.keys():
        fields.remarks.append("the API's answer is an error")
    elif not inner and not is_log:
        fields.remarks.append("no record of Postmark that this version reads")
    yield from _defects(fields, span, replaced_characters=record.replaced and not inner)


def _of_har(record: Record, span: Span) -> Iterator[Fragment | Statement | Defect]:
    """What the answers in a HAR file say; all lie in the one record that it is."""
    scopes: set[str] = set()
    met = 0
    for frame in answers_in(record.value):
        met += 1
        if isinstance(frame, Record):
            kind = kind_of(frame.value, frame.within)
            said = list(_told(frame, span, Fields(frame.value), kind, "", 2))
            if frame.within:
                scopes.update(one.observation.stream or one.observation.server for one in said if isinstance(one, Fragment))
            yield from said or [Defect(span, NAME, "an answer in this HAR file is no record of Postmark that this version reads")]
        elif isinstance(frame, Broken):
            yield Defect(span, NAME, f"an answer in this HAR file: {frame.reason}")
        else:
            yield from page_said(frame._replace(start=span.start, end=span.end), span, scopes.pop() if len(scopes) == 1 else "")
            scopes.clear()
    if not met:
        yield Defect(span, NAME, "a HAR file without answers of Postmark's API: save it with the content of responses")


def _told(
    record: Record, span: Span, fields: Fields, kind: str, by_name: str, in_span: int
) -> Iterator[Fragment | Statement | Defect]:
    """What a record of a known kind says; `in_span` records share its place, and then the content of none can be found."""
    statement = suppression(fields, span) if kind in {"suppression", "webhook:SubscriptionChange"} else None
    if kind in _STATED:
        statement = _STATED[kind](fields, span)
    if statement:
        yield statement
    seen = _observed(record, span, fields, kind, by_name)
    if seen is not None and seen.has_body and in_span > 1:
        seen = replaced(seen, has_body=False)
        fields.remarks.append(_RETURNED if kind.startswith("webhook:") else _OF_HAR)
    if seen is not None:
        yield Fragment(seen.message_id or f"{span.evidence}#{span.start}", seen)
    yield from _defects(fields, span, replaced_characters=record.replaced)


def _observed(record: Record, span: Span, fields: Fields, kind: str, by_name: str) -> Observation | None:
    value = record.value
    if kind in {"search", "details"}:
        return sent(fields, span, kind)
    if kind == "dump":
        return dump(fields, span, by_name)
    if kind == "inbound":
        return inbound(fields, span)
    if kind in _EVENT_TYPES:
        return event(fields, span, kind, _EVENT_TYPES[kind], unsigned=not record.within)
    by_hand = kind == "webhook:SubscriptionChange" and value.get("MessageID") in (None, "", NULL_UUID)
    if kind.startswith("webhook:") and not by_hand:
        return event(fields, span, kind, kind.partition(":")[2], unsigned=True)
    return None


def _defects(fields: Fields, span: Span, *, replaced_characters: bool) -> Iterator[Defect]:
    if fields.wrong:
        fields.remarks.append(f"fields of an unexpected form, read as far as possible: {', '.join(sorted(fields.wrong))}")
    if replaced_characters:
        fields.remarks.append("characters that are no Unicode were replaced")
    for reason in dict.fromkeys(fields.remarks):
        yield Defect(span, NAME, reason)
