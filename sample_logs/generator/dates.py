"""When things happen, in UTC: the month of mail, the incident's window, working hours."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

FIRST, LAST = datetime(2025, 9, 1, 5, tzinfo=UTC), datetime(2025, 10, 5, 20, tzinfo=UTC)
START, END = datetime(2025, 9, 17, tzinfo=UTC), datetime(2025, 9, 26, 12, tzinfo=UTC)  # incident's start, policy's end
INFECTED = datetime(2025, 9, 17, 9, 12, tzinfo=UTC)  # the agent's machine updates postmark-mcp


def moments(rng: random.Random, start: datetime, end: datetime, count: int) -> list[datetime]:
    """Sorted times between two dates, mostly in working hours."""
    found: list[datetime] = []
    while len(found) < count:
        at = start + timedelta(microseconds=int(rng.random() * ((end - start) // timedelta(microseconds=1))))
        if (at.weekday() < 5 and 6 <= at.hour < 17) or rng.random() < 0.06:
            found.append(at)
    return sorted(found)


def zulu(at: datetime) -> str:
    """A UTC time in ISO 8601 with `Z`, whole seconds."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
