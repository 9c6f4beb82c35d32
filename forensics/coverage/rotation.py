"""Files of one log by their names: in which order rotation made them, and which of them are not there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

__all__ = ["Slot", "absent", "slot"]

_PACKED = re.compile(r"\.(?:gz|bz2|xz|zst|lz4|zip|Z)$")
_NUMBER = re.compile(r"(?P<base>.{1,200})\.(?P<number>\d{1,3})(?P<rest>(?:\.[a-z]{2,4})?)")
# logrotate's dateext, postlogd, Exim's %D and %M: a day or a month, a time of day perhaps, an extension perhaps
_DATE = re.compile(
    r"(?P<base>.{1,200}?)(?P<mark>[._-]|(?<=[A-Za-z]))(?P<year>20\d\d)(?P<dash>-?)(?P<month>0[1-9]|1[0-2])"
    r"(?:(?P=dash)(?P<day>0[1-9]|[12]\d|3[01]))?(?:[-T_]\d{2,6})?(?P<rest>(?:\.[a-z]{2,4})?)"
)
_FEWEST = 3  # steps between dated names that show how often the log is rotated
_MOST = 1_000  # names told of at once


@dataclass(frozen=True, slots=True)
class Slot:
    """A file's place in its log. `series` is the same for all files of a log; one of `number` and `day` is set, or none: the live one."""

    series: str
    shown: str  # the name without its folder
    number: int | None = None
    day: date | None = None
    pattern: str = (
        ""  # the name for `%` or `strftime`, with a directive in place of number or date, without the ending of a packed file
    )

    @property
    def age(self) -> tuple[bool, int, int]:
        """Sorts the files of one log, the oldest first."""
        return self.number is None and self.day is None, -(self.number or 0), self.day.toordinal() if self.day else 0

    @property
    def packed(self) -> str:
        """The ending of a packed file."""
        match = _PACKED.search(self.shown)
        return match[0] if match else ""


def slot(path: str) -> Slot:
    """The place of a file in its log, by its name as `logrotate`, `newsyslog`, `savelog`, Exim and postlogd give it."""
    folder, slash, name = path.rpartition("/")
    bare = _PACKED.sub("", name)
    dated = _DATE.fullmatch(bare)
    if dated:
        day = _day(dated)
        if day is not None:
            form = f"%Y{dated['dash']}%m" + (f"{dated['dash']}%d" if dated["day"] else "")
            pattern = f"{dated['base'].replace('%', '%%')}{dated['mark']}{form}{dated['rest']}"
            return Slot(f"{folder}{slash}{dated['base']}{dated['rest']}", name, day=day, pattern=pattern)
    numbered = _NUMBER.fullmatch(bare)
    if numbered:
        width = len(numbered["number"]) if numbered["number"].startswith("0") else 1
        pattern = f"{numbered['base'].replace('%', '%%')}.%0{width}d{numbered['rest']}"
        return Slot(f"{folder}{slash}{numbered['base']}{numbered['rest']}", name, number=int(numbered["number"]), pattern=pattern)
    return Slot(f"{folder}{slash}{bare}", name)


def _day(match: re.Match[str]) -> date | None:
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"] or 1))
    except ValueError:
        return None  # 31 June


def absent(older: Slot, newer: Slot, log: Sequence[Slot]) -> list[str]:
    """Names of the files that rotation would have put between two neighbours of one `log`, oldest first.

    Numbers run without a hole down to the live file: logrotate's from 1, newsyslog's from 0. Dates do if most steps of this log
    are of one length, three at least; who rotates by size has no such length, and nothing is absent.
    """
    if older.number is not None and (newer.number is not None or newer.day is None):
        lowest = 0 if any(one.number == 0 for one in log) else 1
        until = newer.number if newer.number is not None else lowest - 1
        numbers = range(older.number - 1, until, -1)
        return [older.pattern % number + older.packed for number in numbers[:_MOST]]
    if older.day is not None and newer.day is not None:
        return [day.strftime(older.pattern) + older.packed for day in _between(older.day, newer.day, log)]
    return []


def _between(older: date, newer: date, log: Sequence[Slot]) -> list[date]:
    days = sorted({one.day for one in log if one.day is not None})
    monthly = all(day.day == 1 for day in days)
    steps = Counter(_months(other) - _months(one) if monthly else (other - one).days for one, other in pairwise(days))
    if not steps:
        return []
    step, often = max(steps.items(), key=lambda one: (one[1], -one[0]))
    if often < _FEWEST or 2 * often <= steps.total():
        return []
    found: list[date] = []
    day = older
    while len(found) < _MOST:
        day = _month(_months(day) + step) if monthly else day + timedelta(days=step)
        if day >= newer:
            break
        found.append(day)
    return found


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
