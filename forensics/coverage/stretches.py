"""What the evidence can say at all: which part of the window each source, server and route accounts for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import duckdb
import numpy as np

from forensics.coverage.collected import Collection, overlaid
from forensics.coverage.compared import compare
from forensics.coverage.logged import STORED, UNPROVEN, hours, log_holes, log_notes, usual_pause, whole_log
from forensics.coverage.logs import Hole, read_logs
from forensics.coverage.named import expired, unheard, unnamed
from forensics.coverage.rhythm import micros, moment
from forensics.coverage.scopes import Beside, Lane, Stretch, attribute, lanes
from forensics.dates import FileClock, readable, zulu
from forensics.incident import Incident
from forensics.policy import Policy

__all__ = ["held_against", "survey"]

_INSTANT = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)
_MOST_HOLES = 100  # rows for what one source lacks; the note has the sum

_PROVEN = "the source's own count of messages equals the messages in hand, between the first and the last of them"


def held_against(
    connection: duckdb.DuckDBPyConnection,
    shows: Mapping[str, frozenset[str]],
    incident: Incident,
    policy: Policy,
    collections: Sequence[Collection] = (),
) -> Beside:
    """What sources lack that others have, within the window, and what was asked for; from `observed`, and what `stitch` and `lay_out` made of it."""
    attribute(connection, collections)
    return Beside(tuple(collections), tuple(compare(connection, shows, policy.window_for(incident))))


def survey(
    connection: duckdb.DuckDBPyConnection,
    shows: Mapping[str, frozenset[str]],
    incident: Incident,
    policy: Policy,
    clocks: Mapping[tuple[str, str], FileClock] | None = None,
    paths: Mapping[str, str] | None = None,
    *,
    beside: Beside | None = None,
) -> list[Stretch]:
    """Coverage of the window, from `observed`, `timed` and `statements`; `shows` maps a source to what it can show.

    A window without an end is surveyed up to the last dated record of any source, or the end of a collection. `paths` names each
    evidence id and `clocks` tells how year and zone of each file are known: with these the files of logs are surveyed too, from
    `fragments` and `raw_defects`. Without, no log is ever shown to be complete. `beside` is what `held_against` found;
    None asks it here.
    """
    window = policy.window_for(incident)
    known = held_against(connection, shows, incident, policy) if beside is None else beside
    listed = list(lanes(connection, shows, read_logs(connection, clocks or {}, paths or {}), known))
    asked = [one for lane in listed for one in lane.collected]
    last = max([*(moment(lane.times[-1]) for lane in listed if len(lane.times)), *(one.end for one in asked)], default=None)
    first = min([*(moment(lane.times[0]) for lane in listed if len(lane.times)), *(one.start for one in asked)], default=None)
    bounded = (window.start or first, window.end or last)
    found = [stretch for lane in listed for stretch in _stretches(lane, bounded)]
    found += unheard(connection, listed, shows, policy, known, bounded)
    found += expired(connection, shows, known.collections, bounded)
    found += unnamed(found, policy, bounded)
    return sorted(found, key=lambda one: (one.route, one.source, one.scope, zulu(one.start), zulu(one.end), one.status, one.note))


def _stretches(lane: Lane, bounded: tuple[datetime | None, datetime | None]) -> Iterator[Stretch]:
    start, end = bounded
    if lane.collected and start is not None and end is not None and start < end:
        yield from _asked(lane, start, end)
        return
    undated = _undated(lane)
    if not len(lane.times) or start is None or end is None:
        known = "no record carries a time, so all count as inside the window" if not len(lane.times) else undated
        yield lane.stretch(start, end, "partial", _joined(known, *log_notes(lane), *_lacking(lane)), lane.records)
        return
    if not lane.count(start, end):
        reach = f"{readable(moment(lane.times[0]))} to {readable(moment(lane.times[-1]))}"
        yield lane.stretch(start, end, "gap", f"records exist from {reach} only, none of them in the window")
        return
    holes = _united(
        [*(log_holes(lane, start, end) if lane.route == "smtp" else _pauses(lane, start, end)), *_missed(lane)], start, end
    )
    begun, first, last = start, moment(lane.times[0]), moment(lane.times[-1])
    is_broken = any(hole.start >= first and hole.end <= last for hole in holes)
    for hole in (*holes, None):
        until = hole.start if hole else end
        if until > begun or (hole and lane.count(begun, until)):
            yield from _kept(lane, begun, until, is_broken, undated)
        if hole:
            yield lane.stretch(hole.start, hole.end, "gap", hole.note, lane.count(hole.start + _INSTANT, hole.end - _INSTANT))
            begun = hole.end


def _undated(lane: Lane) -> str:
    if not lane.undated:
        return ""
    what = "1 record carries no time and counts" if lane.undated == 1 else f"{lane.undated:,} records carry no time and count"
    return f"{what} as inside the window"


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _united(holes: Iterable[Hole], start: datetime, end: datetime) -> list[Hole]:
    """Holes within the window, in order of time; those that overlap as one."""
    found: list[Hole] = []
    for hole in sorted(holes, key=lambda one: (one.start, one.end, one.note)):
        inside = Hole(max(hole.start, start), min(hole.end, end), hole.note)
        if inside.start >= inside.end:
            continue
        if found and inside.start < found[-1].end:
            before = found.pop()
            notes = dict.fromkeys((before.note, inside.note))
            inside = Hole(before.start, max(before.end, inside.end), _joined(*notes))
        found.append(inside)
    return found


# --- what was asked of a provider -----------------------------------------------------------------------------------------------


def _asked(lane: Lane, start: datetime, end: datetime) -> Iterator[Stretch]:
    """The rows of a stream that was collected: as its collections account for the window, less what other sources show to be missing."""
    pause = usual_pause(lane.times)
    parts = overlaid([
        part
        for one, listed in zip(lane.collected, lane.listed, strict=True)
        for part in one.parts(listed, one.oldest if one.oldest and one.oldest - one.start > pause else None)
    ])  # fmt: skip
    begun, undated = start, _undated(lane)
    for part in (*parts, None):
        until = min(max(part.start, begun), end) if part else end
        if until > begun:
            yield from _unasked(lane, begun, until)
            begun = until
        if part is None or min(part.end, end) <= begun:
            continue
        until = min(part.end, end)
        if part.status in {"gap", "expired"}:
            yield lane.stretch(begun, until, part.status, part.note, _within(lane, begun, until))
            begun = until
            continue
        status = "partial" if lane.lacks or lane.cut else part.status
        for hole in (*_united(_missed(lane), begun, until), None):
            edge = hole.start if hole else until
            if edge > begun:
                note = _joined(*_lacking(lane), lane.cut, part.note, undated)
                yield lane.stretch(begun, edge, status, note, _within(lane, begun, edge))
            if hole:
                yield lane.stretch(hole.start, hole.end, "gap", hole.note, _within(lane, hole.start, hole.end))
            begun = hole.end if hole else until


def _within(lane: Lane, start: datetime, end: datetime) -> int:
    return lane.count(start, end - _INSTANT)


def _unasked(lane: Lane, start: datetime, end: datetime) -> Iterator[Stretch]:
    """The window outside of what was asked for: other records may tell something of it."""
    records = _within(lane, start, end)
    note = "the collection did not ask for this time"
    if records:
        yield lane.stretch(start, end, "partial", _joined(f"{note}: these records are from elsewhere", UNPROVEN), records)
    else:
        yield lane.stretch(start, end, "gap", note)


# --- what other sources show to be missing ----------------------------------------------------------------------------------------


def _lacking(lane: Lane) -> Iterator[str]:
    """For notes: how many messages of others are not in it."""
    for one in lane.lacks:
        many = f"{one.messages:,} message{'s' * (one.messages != 1)}"
        when = readable(one.first) + (f" to {readable(one.last)}" if one.last != one.first else "")
        own = one.holder is not None and one.holder.lane == one.named_by.lane
        what, where = ("its own event list", "its export") if own else (one.named_by.told, "it")
        yield f"not complete: {many} that {what} has {'is' if one.messages == 1 else 'are'} not in {where} ({when})"


def _missed(lane: Lane) -> Iterator[Hole]:
    """Hours in which a lane has fewer records than it lacks messages; hours in a row, or with no record between, as one."""
    for lack in lane.lacks:
        blocks: list[tuple[datetime, datetime, int]] = []
        for hour in lack.hours:
            near = blocks and (
                hour.first - blocks[-1][1] <= _HOUR or not lane.count(blocks[-1][1] + _INSTANT, hour.first - _INSTANT)
            )
            before = blocks.pop() if near else (hour.first, hour.last, 0)
            blocks.append((before[0], hour.last, before[2] + hour.messages))
        largest = sorted(blocks, key=lambda one: (-one[2], one[0]))[:_MOST_HOLES]
        for first, last, messages in sorted(largest):
            start, end = _full_hours(first, last)
            if lane.count(start, end - _INSTANT) < messages:
                many = f"{messages:,} message{'s' * (messages != 1)}"
                told = f"{many} of this time {'is' if messages == 1 else 'are'} in {lack.named_by.told} and not here"
                yield Hole(*_between(lane, first, last), told)


def _full_hours(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    return first.replace(minute=0, second=0, microsecond=0), last.replace(minute=0, second=0, microsecond=0) + _HOUR


def _between(lane: Lane, first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """A hole's edges: the full hours around it, or the lane's own records if these are nearer."""
    start, end = _full_hours(first, last)
    if len(lane.times):
        before = int(np.searchsorted(lane.times, micros(first), "left")) - 1
        behind = int(np.searchsorted(lane.times, micros(last), "right"))
        if before >= 0:
            start = max(start, moment(lane.times[before]))
        if behind < len(lane.times):
            end = min(end, moment(lane.times[behind]))
    return start, end


# --- sources that answer queries, and mailboxes ---------------------------------------------------------------------------


def _is_counted(lane: Lane) -> bool:
    """Whether the source counted its messages, and all of them are in hand."""
    return 0 <= lane.total <= lane.in_hand and lane.route == "api"


def _pauses(lane: Lane, start: datetime, end: datetime) -> Iterator[Hole]:
    """Silences of more than the usual pause. Where all is in hand, none between two records: there was nothing to record."""
    low, high = np.searchsorted(lane.times, micros(start), "left"), np.searchsorted(lane.times, micros(end), "right")
    # a record just outside the window shows that the source was running across its edge
    inside = [moment(at) for at in lane.times[max(low - 1, 0) : high + 1]]
    points = [*([] if low else [start]), *inside, *([] if high < len(lane.times) else [end])]
    pause = usual_pause(lane.times)
    for number, (one, following) in enumerate(pairwise(points)):
        is_edge = (number == 0 and not low) or (number == len(points) - 2 and high == len(lane.times))
        if following - one > pause and (is_edge or not _is_counted(lane)):
            yield Hole(one, following, f"no record for longer than this source's usual pauses ({hours(pause)})")


def _kept(lane: Lane, start: datetime, end: datetime, is_broken: bool, undated: str) -> Iterator[Stretch]:
    """The rows of a part of the window without a hole; `is_broken`: there are holes elsewhere between the records."""
    records = lane.count(start, end)
    if lane.route == "mailbox":
        yield lane.stretch(start, end, "partial", _joined(STORED, undated), records)
        return
    against = tuple(_lacking(lane))
    if lane.route != "smtp":
        is_whole = _is_counted(lane) and not against and not lane.cut
        note = _joined(*against, lane.cut, "" if against and _is_counted(lane) else _count_told(lane))
        yield lane.stretch(start, end, "covered" if is_whole else "partial", _joined(note, undated), records)
        return
    doubtful = is_broken or lane.lost.within(start, end).notices or lane.undated or against or lane.cut
    whole = None if doubtful else whole_log(lane, start, end)
    if whole is None or whole.first is None or whole.last is None:
        notes = _joined(*against, *log_notes(lane, start, end, is_broken=is_broken), undated)
        yield lane.stretch(start, end, "partial", notes, records)
        return
    first, last = max(whole.first, start), min(whole.last, end)
    if start < first:
        yield lane.stretch(start, first, "partial", f"the log begins at {readable(first)}", lane.count(start, first))
    yield lane.stretch(first, last, "covered", _joined(whole.proof(first, last), whole.clocks()), lane.count(first, last))
    if last < end:
        yield lane.stretch(last, end, "partial", f"the log ends at {readable(last)}", lane.count(last, end))


def _count_told(lane: Lane) -> str:
    if _is_counted(lane):
        return _PROVEN
    return f"incomplete: the source counted {lane.total} messages, {lane.in_hand} are in hand" if lane.total >= 0 else UNPROVEN
