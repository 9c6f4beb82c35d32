"""What a provider has deleted already, told from the counts that it keeps for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from forensics.collect.eastern import day_of, start_of

__all__ = ["daily_counts", "expired_days", "expired_until", "notice"]


def daily_counts(answer: Mapping[str, Any]) -> dict[date, int] | None:
    """Sent mail by Eastern day, from an answer of /stats/outbound/sends; None if it is no such answer."""
    days = answer.get("Days")
    if not isinstance(days, list):
        return None
    counts: dict[date, int] = {}
    for one in days:
        try:
            counts[date.fromisoformat(str(one["Date"])[:10])] = int(one.get("Sent", 0))
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
    return counts


def expired_days(counts: Mapping[date, int], times: Iterable[datetime | None], start: datetime) -> list[tuple[date, int]]:
    """Days before the first message in hand on which mail was sent, by the provider's own count.

    A day of which only the end was asked for, from `start` on, tells nothing: its mail may have been sent before that.
    """
    first = min((day_of(at) for at in times if at is not None), default=date.max)
    return sorted((day, sent) for day, sent in counts.items() if sent > 0 and day < first and start_of(day) >= start)


def expired_until(
    interval: tuple[datetime, datetime], edge: datetime, oldest: datetime | None, gone: Sequence[tuple[date, int]] | None
) -> datetime | None:
    """Up to when the interval's messages have been deleted; None if nothing says that any have been.

    `edge` is the oldest moment that the plan keeps, `oldest` the first message in hand, `gone` the `expired_days` (None where
    nobody counted). A day with mail sent and none in hand is deleted whatever the plan says. What lies before `edge` is
    deleted, but where a message from well before it shows that the plan keeps more, the counts decide alone.
    """
    start, end = interval
    first = min(oldest.replace(microsecond=0), end) if oldest is not None else end
    keeps_more = gone is not None and oldest is not None and oldest < edge - timedelta(days=1)
    told = [start_of(day + timedelta(days=1)) for day, _ in gone or ()]
    if start < edge and not keeps_more:
        told.append(edge)
    until = min(max(told), first) if told else start
    return until if until > start else None


def notice(start: datetime, end: datetime, started_at: datetime, days: int) -> str:
    """What retention means for an interval, in a sentence for the person who asks; "" if it means nothing."""
    edge = started_at - timedelta(days=days)
    if start >= edge:
        return ""
    part = "all of this interval" if end <= edge else "this interval"
    before = "" if end <= edge else f" before {edge:%Y-%m-%d %H:%M} UTC"
    return (
        f"Postmark keeps messages for {days} days, so {part}{before} has expired and will come back empty: that is no sign that "
        "nothing was sent. If this server has the retention add-on, say so with --retention-days (up to 365)."
    )
