"""The clock that hides in a long queue id of Postfix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["postfix_long_id_time"]

_OLDEST = datetime(1995, 1, 1, tzinfo=UTC)
_BASE52 = {char: value for value, char in enumerate("0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz")}


def postfix_long_id_time(queue_id: str) -> datetime | None:
    """The arrival time in UTC that a long Postfix queue id holds (postfix `mail_queue.h`), None if it is no such id.

    The id is seconds (6 or more digits of base 52), four digits of microseconds, "z", then the inode in base 51. The
    last "z" parts them: microseconds may hold one too.
    """
    cut = queue_id.rfind("z")
    if cut < 10 or cut + 1 >= len(queue_id) or any(char not in _BASE52 for char in queue_id):  # noqa: PLR2004
        return None
    seconds = 0
    for char in queue_id[: cut - 4]:
        seconds = seconds * 52 + _BASE52[char]
    micro = 0
    for char in queue_id[cut - 4 : cut]:
        micro = micro * 52 + _BASE52[char]
    if micro >= 1_000_000 or seconds > 4_102_444_800:  # noqa: PLR2004  year 2100
        return None
    at = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micro)
    return at if at >= _OLDEST else None
