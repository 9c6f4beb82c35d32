"""Queue ids: which texts are some, and the time that a long one holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from forensics.dates import postfix_long_id_time

__all__ = ["LETTERS", "is_queue_id", "time_in"]

_HEX = b"0123456789ABCDEF"
_BASE52 = b"0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_PAIRS = [bytes((one, other)) for one in _BASE52 for other in _BASE52]
# microseconds by the first and by the last two of their four digits; of the first, those that the last can only add to
_COARSE = {pair: timedelta(0, 0, number * 2704) for number, pair in enumerate(_PAIRS) if (number + 1) * 2704 <= 1_000_000}  # noqa: PLR2004
_FINE = {pair: timedelta(0, 0, number) for number, pair in enumerate(_PAIRS)}
LETTERS = _BASE52 + _HEX  # all that occur in queue ids


def is_queue_id(text: bytes) -> bool:
    """Whether this may be a queue id: 5 hex digits of microseconds and an inode (upper case), or a long id (`mail_queue.h`)."""
    return 6 <= len(text) <= 32 and (not text.translate(None, _HEX) or time_in(text) is not None)  # noqa: PLR2004  see above


def time_in(queue_id: bytes) -> datetime | None:
    """The time in a long queue id, in UTC, as `dates.postfix_long_id_time` reads it; None for a short one."""
    time, _, inode = queue_id.rpartition(b"z")
    if len(time) < 10 or not inode or queue_id.translate(None, _BASE52):  # noqa: PLR2004  6 for seconds, 4 for the rest
        return None
    second, coarse, fine = _second(time[:-4]), _COARSE.get(time[-4:-2]), _FINE[time[-2:]]
    if second is None:
        return None
    if coarse is not None:
        return second + coarse + fine
    micro = _PAIRS.index(time[-4:-2]) * 2704 + _PAIRS.index(time[-2:])
    return second + timedelta(0, 0, micro) if micro < 1_000_000 else None  # noqa: PLR2004


@lru_cache(maxsize=4096)
def _second(digits: bytes) -> datetime | None:
    return postfix_long_id_time(digits.decode() + "0000z0")
