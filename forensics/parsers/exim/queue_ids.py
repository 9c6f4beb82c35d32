"""Exim's message ids: which texts are some, and the time that each holds.

Grammar: exim `receive.c` and specification, chapter 3.4: `6-11-4` characters since 4.97, `6-6-2` before; seconds, process,
fraction of a second. Base 62, on Darwin and Cygwin (file names without case) base 36.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

from forensics.model import EPOCH

__all__ = ["QUEUE_ID", "fresh_time_in", "time_in"]

QUEUE_ID = rb"[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{11}-[0-9A-Za-z]{4}|[0-9A-Za-z]{6}-[0-9A-Za-z]{2})"
_FORM = re.compile(QUEUE_ID)
_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = bytes(max(_DIGITS.find(value), 0) for value in range(256))
_LOWER = bytes(range(ord("a"), ord("z") + 1))
_OLDEST, _NEWEST = 788_918_400, 4_102_444_800  # seconds: 1995 and 2100
_SHORT, _LONG = 16, 23
# microseconds of one step of the last part, and of one where `localhost_number` sits above the fraction: by base and length
_STEPS = {(62, True): (1, 2), (62, False): (500, 5_000), (36, True): (2, 4), (36, False): (1_000, 10_000)}


def fresh_time_in(queue_id: bytes) -> datetime | None:
    """`time_in` of an id that was not met before: the time of arrival in UTC that it holds; None if it is no such id, or holds no time of 1995 to 2100."""
    found = _second(queue_id[:6]) if _FORM.fullmatch(queue_id) else None
    if found is None:
        return None
    second, base = found
    if base == 62 and len(queue_id) == _LONG:  # noqa: PLR2004  so it is nearly always
        one, two, three, four = queue_id[_LONG - 4 :].translate(_VALUES)
        micro = ((one * 62 + two) * 62 + three) * 62 + four
        if micro < 1_000_000:  # noqa: PLR2004
            return second + timedelta(0, 0, micro)
    long = len(queue_id) == _LONG
    if base != 62 and len(queue_id.translate(None, _LOWER)) < len(queue_id):  # noqa: PLR2004
        return None
    step, wide = _STEPS[base, long]
    value = 0
    for digit in queue_id[_LONG - 4 if long else _SHORT - 2 :].translate(_VALUES):
        value = value * base + digit
    if value * step >= 1_000_000:  # noqa: PLR2004  a second: the number of the host sits above
        value, step = value % (1_000_000 // wide), wide
    return second + timedelta(0, 0, value * step)


time_in = lru_cache(maxsize=64)(fresh_time_in)  # most are asked for several times in a row


@lru_cache(maxsize=4096)
def _second(digits: bytes) -> tuple[datetime, int] | None:
    """The second and the base. Of no six digits are both readings within these years: base 62 begins with 0 to 4, base 36 with D to Z."""
    for base in (62, 36):
        seconds = _number(digits, base)
        if _OLDEST <= seconds < _NEWEST and (base == 62 or digits.upper() == digits):  # noqa: PLR2004
            return EPOCH + timedelta(seconds=seconds), base
    return None


def _number(digits: bytes, base: int) -> int:
    total = 0
    for value in digits.translate(_VALUES):
        total = total * base + value
    return total
