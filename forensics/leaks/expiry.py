"""Until when a leaked value could be used, by what it says itself or what the mail says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import regex

from forensics.dates import iso_time
from forensics.leaks.checks import json_of_base64

__all__ = ["expiry", "stated_lifetime"]

_UNITS = {
    "second": 1, "sekunde": 1, "minut": 60, "min": 60, "分": 60, "분": 60, "hour": 3600, "hr": 3600, "stunde": 3600, "heure": 3600,
    "hora": 3600, "ora": 3600, "ore": 3600, "uur": 3600, "uren": 3600, "時間": 3600, "小时": 3600, "시간": 3600, "day": 86400, "tag": 86400,
    "jour": 86400, "día": 86400, "dia": 86400, "giorn": 86400, "dag": 86400, "天": 86400, "日間": 86400,
}  # fmt: skip
_STATED = regex.compile(
    r"(?i)(?<![\p{L}\p{N}.,])(\d{1,4})[ \u00a0-]{0,2}("
    + "|".join(sorted(map(regex.escape, _UNITS), key=len, reverse=True))
    + r")"
)
_LONGEST = 400 * 86400
_WORDS = regex.compile(
    r"(?i)expir|valid|gültig|ablauf|läuft|valable|válid|valid|scad|caduc|geldig|verloopt|within|innerhalb|dans les|en los|entro|binnen|有効|有效|유효"
)


def stated_lifetime(text: str, start: int, end: int) -> int:
    """Seconds of validity that the mail states near a value ("expires in 10 minutes"); -1 if it states none."""
    low = max(0, start - 400)
    around = text[low : end + 400]
    for match in _STATED.finditer(around):
        if _WORDS.search(around[max(0, match.start() - 60) : match.end() + 40]):
            unit = next(unit for unit in sorted(_UNITS, key=len, reverse=True) if match.group(2).lower() == unit)
            return min(int(match.group(1)) * _UNITS[unit], _LONGEST)
    return -1


def expiry(how: str, value: str, link: str) -> datetime | None:
    """When the value itself claims to expire, in UTC; None if it does not say. A claim: revocation is unknown."""
    if how == "jwt":
        return _epoch(json_of_base64(value.split(".")[1] if value.count(".") else "").get("exp"))
    if how in {"aws_v4", "goog_v4"}:
        prefix = "X-Amz" if how == "aws_v4" else "X-Goog"
        return _dated(_field(link, f"{prefix}-Date"), _field(link, f"{prefix}-Expires"))
    if how == "aws_v2":
        return _epoch(_field(link, "Expires"))
    if how == "azure_se":
        reading = iso_time(unquote(_field(link, "se")))
        return reading.at if reading else None
    return None


def _field(link: str, name: str) -> str:
    match = regex.search(rf"(?i)[?&;](?:amp;)?{regex.escape(name)}=([^&\s#]{{1,64}})", link)
    return match.group(1) if match else ""


def _epoch(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(str(seconds).partition(".")[0]), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _dated(stamp: str, seconds: str) -> datetime | None:
    try:
        begins = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return begins + timedelta(seconds=int(seconds))
    except (ValueError, OverflowError):
        return None
