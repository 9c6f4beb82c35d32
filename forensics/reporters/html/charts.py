"""The charts of the report: geometry only, in percent of the width, so that a phone and a sheet of paper show the same picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from forensics.legible import cut
from forensics.reporters.html.rows import CELL, MOMENT, Row, text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["coverage_chart", "timeline_chart"]

MOST_BARS = 120
LONGEST_CHART = timedelta(days=1100)  # a forged date must not flatten the picture
_STEPS = {1: "day", 7: "week", 28: "four weeks", 91: "quarter", 365: "year", 1 << 20: "age"}  # days of one bar
_KINDS = ("confirmed", "probable", "possible")
_STATUSES = ("unknown", "expired", "gap", "partial", "covered")  # painted in this order: what is proven lies on top


@dataclass(frozen=True, slots=True)
class Axis:
    """An interval of time in UTC that a chart spans."""

    start: datetime
    end: datetime

    def at(self, moment: datetime) -> float:
        """Place of a moment in percent of the width, 0 to 100."""
        share = (moment - self.start) / (self.end - self.start)
        return round(100 * min(1.0, max(0.0, share)), 3)

    def ticks(self) -> list[dict[str, Any]]:
        """Five dates to write below the chart, or as many as differ."""
        span = self.end - self.start
        marks = {(self.start + span * part / 4).date(): part for part in (0, 1, 2, 3, 4)}
        anchor = {0: "start", 4: "end"}
        return [{"x": 25 * part, "label": day.isoformat(), "anchor": anchor.get(part, "middle")} for day, part in marks.items()]


def _instant(text: object) -> datetime | None:
    """Aware UTC from a time of the contract; None for anything else, and for years in which there was no mail."""
    if not isinstance(text, str) or not MOMENT.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if 1970 <= at.year < 2200 else None  # noqa: PLR2004  a forged year must not overflow a sum of dates


def coverage_chart(frame: pd.DataFrame, window: Mapping[str, Any], *, most: int = 24) -> dict[str, Any] | None:
    """One lane per source, scope and route over the window; None where no interval of time is known to draw."""
    rows = [{str(key): text(value) for key, value in row.items()} for row in frame.head(5_000).to_dict("records")]
    edges = [edge for row in rows for edge in (_instant(row["from"]), _instant(row["to"])) if edge]
    start = _instant(window["start"]) or min(edges, default=None)
    if start is None or not rows:
        return None
    last = _instant(window["end"]) or max(edges, default=start)
    axis = Axis(start, last if last > start else start + timedelta(days=1))
    lanes: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        lanes.setdefault((row["source"], row["scope"], row["route"]), []).append(row)
    drawn = [_lane(key, intervals, axis) for key, intervals in list(lanes.items())[:most]]
    return {"axis": axis, "lanes": drawn, "more": len(lanes) - len(drawn), "is_open": not window["end"]}


def _lane(key: tuple[str, str, str], intervals: list[Row], axis: Axis) -> dict[str, Any]:
    segments = [one for row in intervals for one in [_segment(row, axis)] if one]
    segments.sort(key=lambda one: (_STATUSES.index(one["status"]), one["x"]))
    seen = {one["status"] for one in segments}
    statuses = [status for status in reversed(_STATUSES) if status in seen]
    source, scope, route = (cut(part, CELL) for part in key)
    return {"source": source, "scope": scope, "route": route, "segments": segments[:400], "statuses": statuses}


def _segment(row: Row, axis: Axis) -> Row | None:
    """An interval as a bar; None where it lies outside the axis. An edge that is not known is the axis's own."""
    begin, end = _instant(row["from"]) or axis.start, _instant(row["to"]) or axis.end
    if end < axis.start or begin > axis.end:
        return None
    left, right = axis.at(begin), axis.at(end)
    status = row["status"] if row["status"] in _STATUSES else "unknown"
    left, width = min(left, 99.6), max(0.4, round(right - left, 3))
    place = {"x": left, "width": width, "middle": round(left + width / 2, 3)}
    return {**place, "status": status, "from": row["from"], "to": row["to"]}


def timeline_chart(exposed: pd.DataFrame, possible: pd.DataFrame, window: Mapping[str, Any]) -> Row | None:
    """Messages per day, week or longer step; possible ones on a scale of their own. None where nothing has a date."""
    dated = [*_dated(exposed, ("confirmed", "probable")), *_dated(possible, ("possible", "possible"))]
    if not dated:
        return None
    edges = _instant(window["start"]), _instant(window["end"])
    first, last = _stretch([day for day, _ in dated], *edges)
    step = next(size for size in _STEPS if (last - first).days // size < MOST_BARS)
    steps = (last - first).days // step + 1
    counted = Counter(((day - first).days // step, kind) for day, kind in dated if first <= day <= last)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    axis = Axis(start, start + timedelta(days=steps * step))
    top = max(counted[i, "confirmed"] + counted[i, "probable"] for i in range(steps))
    top_possible = max(counted[i, "possible"] for i in range(steps))
    left, right = axis.at(edges[0] or axis.start), axis.at(edges[1] or axis.end)
    kinds = Counter(kind for _, kind in dated)
    drawn_possible = sum(count for (_, kind), count in counted.items() if kind == "possible")
    return {
        "axis": axis,
        "step": _STEPS[step],
        "bars": [
            bar for i in range(steps) for bar in _stack(counted, i, ("confirmed", "probable"), 100 / steps, 120 / max(1, top))
        ],
        "outlines": [
            bar for i in range(steps) for bar in _stack(counted, i, ("possible",), 100 / steps, 44 / max(1, top_possible))
        ],
        "top": top,
        "top_possible": top_possible,
        "shade": {"x": left, "width": round(max(0.0, right - left), 3)},
        "rows": [
            {"day": (first + timedelta(days=i * step)).isoformat(), **{kind: counted[i, kind] for kind in _KINDS}}
            for i in range(steps)
            if any(counted[i, kind] for kind in _KINDS)
        ],
        "undated": len(exposed) - kinds["confirmed"] - kinds["probable"],
        "outside": kinds["confirmed"] + kinds["probable"] - (sum(counted.values()) - drawn_possible),
        "possible_left_out": len(possible) - drawn_possible,
    }


def _dated(frame: pd.DataFrame, kinds: tuple[str, str]) -> list[tuple[date, str]]:
    """Day of each message that has one, and its kind: the first one for `confirmed`, the second for all else."""
    moments = ((_instant(text(sent)), text(verdict)) for sent, verdict in zip(frame["sent_at"], frame["verdict"], strict=True))
    return [(at.date(), kinds[verdict != "confirmed"]) for at, verdict in moments if at]


def _stretch(days: list[date], start: datetime | None, end: datetime | None) -> tuple[date, date]:
    """First and last day of the chart: the window and the mail around it, but no day that is years away from both."""
    ordered = sorted(days)
    middle = start.date() if start else ordered[len(ordered) // 2]
    near = [day for day in ordered if abs(day - middle) <= LONGEST_CHART] or [ordered[len(ordered) // 2]]
    edges = [edge.date() for edge in (start, end) if edge]
    whole = near + [edge for edge in edges if abs(edge - near[0]) <= LONGEST_CHART]
    return min(whole), max(whole)


def _stack(counted: Counter[tuple[int, str]], index: int, kinds: tuple[str, ...], pitch: float, unit: float) -> list[Row]:
    """The bars of one step, one on the other: `x` and `width` in percent, `height` and `foot` in pixels above the base."""
    bars, foot = [], 0.0
    for kind in kinds:
        height = round(counted[index, kind] * unit, 2)
        if height:
            left, width = round((index + 0.12) * pitch, 3), round(0.76 * pitch, 3)
            bars.append({"x": left, "width": width, "foot": foot, "height": height, "kind": kind})
            foot = round(foot + height, 2)
    return bars
