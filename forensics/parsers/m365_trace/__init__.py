"""Microsoft 365 message trace: its answers as JSON and its exports as CSV, row by row.

Read are rows of Get-MessageTrace and Get-MessageTraceV2 and of the two web services (reporting.svc, Microsoft Graph), one for
each recipient; enhanced summary reports, one row for each message with all recipients; extended reports, one row for each event.
A trace names every address of the envelope and tells nothing of To and Cc: that a copy was hidden shows only where the mail
itself, or another source, gives its header. It shows no content, no reply of the remote server but in extended reports, and
nothing older than 90 days.

The route is SMTP, not API: this is the log of the mail servers that all mail of the tenant passes, however it was handed in, and
the same messages may stand in the tracking logs of a hybrid's own servers. No count of the service proves that an export is whole.

Sources: learn.microsoft.com, "Get-MessageTraceV2", "MessageTrace report", "Message trace in the Exchange admin center".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from forensics.jsonstream import Broken, Page, Record, first_level, frames
from forensics.model import Defect, Fragment, Route, Span, Statement
from forensics.parsers.m365_trace.records import NAME, SERVER, Clockwork, observed
from forensics.parsers.m365_trace.rows import LISTS, csv_rows, header_of, layout, named, plain
from forensics.parsers.m365_trace.times import is_day_first
from forensics.plugins import Parser, Source
from forensics.plugins import Record as Said

__all__ = ["PARSER"]

_JSON = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]{0,4096}[\[{]")
_ODATA2 = re.compile(rb'\A(?:\xef\xbb\xbf)?\s{0,4096}\{\s{0,4096}"d"\s{0,4096}:\s{0,4096}(?=[\[{])')  # an object around the page
_HEAD = 16_500  # bytes, in which the two above find their brackets
_CLOSING = 4_096  # bytes behind a page of OData 2: the bracket of the object around it
_FIRST = 20  # records in which a whole one is sought
_NEXT = ("@odata.nextLink", "odata.nextLink", "__next")
_FULL = 1_000  # rows: pages and results end at multiples of it (1,000 by default, 5,000 and 100,000 at most)
_CUT_OFF = "the export ends at a full number of rows: further rows may have been cut off"


def _said(value: dict[str, Any], form: str, span: Span, clockwork: Clockwork) -> Iterator[Said]:
    observation, fields = observed(value, form, span, clockwork)
    if observation is not None:
        yield Fragment(next(iter(observation.ids), "") or observation.message_id or f"{span.evidence}#{span.start}", observation)
    if fields.wrong:
        fields.remarks.append(f"fields of an unexpected form, read as far as possible: {', '.join(sorted(fields.wrong))}")
    yield from (Defect(span, NAME, reason) for reason in dict.fromkeys(fields.remarks))


def _read(source: Source) -> Iterator[Said]:
    """Fragments, defects and statements of one member, in file order; for any bytes, in bounded memory.

    The last page of a file that names a next one gives a statement "cut"; the last record is "tally": rows met, and those
    among them that tell of no copy.
    """
    head = b""
    for block in source.blocks(0):
        head += block
        if len(head) >= _HEAD:
            break
    if _JSON.match(head):
        around = _ODATA2.match(head)
        yield from _read_json(source, around.end() if around else 0)
    else:
        yield from _read_csv(source)


# --- CSV ----------------------------------------------------------------------------------------------------------------------


def _read_csv(source: Source) -> Iterator[Said]:
    place = source.span
    met = silent = rows = end = 0
    form, clockwork = "", None
    for row in csv_rows(source):
        span = Span(place.evidence, place.member, row.start, row.end)
        end = row.end
        if row.is_header:
            form = layout(row.names)
            continue
        met += 1
        if row.problem:
            yield Defect(span, NAME, row.problem)
            continue
        rows += 1
        if clockwork is None:
            clockwork = Clockwork(_day_first(source))
        said = list(_said(row.fields, form, span, clockwork))
        silent += not said
        yield from said
    if rows and not rows % _FULL and form != "extended":
        yield Defect(Span(place.evidence, place.member, 0, end), NAME, _CUT_OFF)
    yield Statement(Span(place.evidence, place.member, 0, end), NAME, "tally", route=Route.SMTP, value=met, rows=silent)


def _day_first(source: Source) -> bool | None:
    """Whether the first date of a member that tells it begins with the day; None if no date does, or none is local."""
    for row in csv_rows(source):
        text = next(
            (found for name in ("received", "receivedutc", "dateutc", "startdate") if (found := row.fields.get(name))), ""
        )
        if text[:10].count("-") == 2:  # noqa: PLR2004  ISO 8601: all others are too
            return None
        told = is_day_first(text)
        if told is not None:
            return told
    return None


# --- JSON ---------------------------------------------------------------------------------------------------------------------


def _read_json(source: Source, inside: int) -> Iterator[Said]:
    """The rows of a member from `inside` on: behind the beginning of an object that OData 2 lays around its page."""
    place = source.span
    met = silent = end = rows = 0
    last: Page | None = None
    for frame in frames(source.blocks(inside), LISTS, inside):
        end = max(end, frame.end)
        if inside and isinstance(frame, Broken) and last and last.complete and frame.end - frame.start <= _CLOSING:
            continue  # its end
        if isinstance(frame, Page):
            last = frame
            if frame.complete and not frame.elements:
                yield Statement(_at(place, frame.start, frame.end), NAME, "empty", SERVER, Route.SMTP, note=frame.name)
            continue
        if isinstance(frame, Broken):
            met += 1
            yield Defect(_at(place, frame.start, frame.end), NAME, frame.reason)
            continue
        met += 1
        rows += 1
        said = list(_of_record(frame.value, _at(place, frame.start, frame.end)))
        silent += not said
        yield from said
        if frame.replaced:
            yield Defect(_at(place, frame.start, frame.end), NAME, "characters that are no Unicode were replaced")
    if last and any(last.fields.get(key) for key in _NEXT):
        note = "the answer names a further page"
        yield Statement(_at(place, last.start, last.end), NAME, "cut", SERVER, Route.SMTP, value=1, rows=last.rows, note=note)
    elif rows and not last and not rows % _FULL:
        yield Defect(_at(place, place.start, end), NAME, _CUT_OFF)
    yield Statement(_at(place, place.start, end), NAME, "tally", route=Route.SMTP, value=met, rows=silent)


def _at(place: Span, start: int, end: int) -> Span:
    return Span(place.evidence, place.member, start, end)


def _of_record(value: dict[str, Any], span: Span) -> Iterator[Said]:
    fields = named(value)
    form = layout(fields)
    if form:
        yield from _said(fields, form, span, Clockwork(exact_epoch="__metadata" in value))
    else:
        yield Defect(span, NAME, "no row of a message trace that this version reads")


# --- recognition --------------------------------------------------------------------------------------------------------------


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether this is a table whose first line, or JSON whose first whole row, has the columns of a message trace."""
    if not _JSON.match(head):
        return bool(header_of(head))
    around = _ODATA2.match(head)
    inside = head[around.end() :] if around else head
    for frame in islice(frames([inside], LISTS), _FIRST):
        if isinstance(frame, Record):
            return bool(layout(named(frame.value)))
        if isinstance(frame, Page):
            return frame.elements == 0 and "messagetrace" in str(frame.fields.get("@odata.context")).lower()
        text = inside[frame.start : frame.end].replace(b"\0", b"").decode("latin-1")  # UTF-16 too: keys are ASCII
        if text.startswith("{") and layout(plain(one) for one in first_level(text)):
            return True
    return False


PARSER = Parser(
    name=NAME,
    title="Microsoft 365 message trace: API answers, PowerShell exports, summary and extended reports",
    sniff=_sniff,
    read=_read,
    shows=frozenset({"recipients", "outcome"}),
    version=2,
)
