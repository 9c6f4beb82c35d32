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
    "minuut": 60, "perc": 60, "dakika": 60, "dk": 60, "минут": 60, "мин": 60, "хвилин": 60, "λεπτ": 60, "דקות": 60, "דקה": 60, "دقائق": 60, "دقيقة": 60,
    "phút": 60, "menit": 60, "นาที": 60, "मिनट": 60, "分鐘": 60, "分钟": 60, "mínút": 60,
    "godzin": 3600, "hodin": 3600, "hodín": 3600, "timm": 3600, "timma": 3600, "timmar": 3600, "time": 3600, "timer": 3600, "tunti": 3600, "tunnin": 3600, "tuntia": 3600, "óra": 3600, "órá": 3600,
    "saat": 3600, "час": 3600, "годин": 3600, "ώρα": 3600, "ώρες": 3600, "ωρών": 3600, "שעות": 3600, "שעה": 3600, "ساعات": 3600, "ساعة": 3600,
    "giờ": 3600, "jam": 3600, "ชั่วโมง": 3600, "घंट": 3600, "小時": 3600, "sat": 3600, "sati": 3600, "sata": 3600, "hrs": 3600, "часа": 3600, "tund": 3600, "stund": 3600, "valand": 3600,
    "dzień": 86400, "dni": 86400, "dny": 86400, "dní": 86400, "päiv": 86400, "nap": 86400, "napig": 86400, "napon": 86400, "perce": 60, "zi": 86400, "zile": 86400, "gün": 86400, "дн": 86400, "день": 86400,
    "ден": 86400, "ημέρ": 86400, "μέρες": 86400, "ימים": 86400, "أيام": 86400, "يوم": 86400, "ngày": 86400, "hari": 86400, "วัน": 86400, "दिन": 86400,
    "일": 86400, "døgn": 86400, "dygn": 86400, "dan": 86400, "dana": 86400, "秒": 1, "sekund": 1, "saniye": 1, "секунд": 1,
    "jour": 86400, "día": 86400, "dia": 86400, "giorn": 86400, "dag": 86400, "天": 86400, "日間": 86400,
}  # fmt: skip
# units that other words begin with: "3 times", "2 timezones", "5 napkins", "10 minority votes"
_WHOLE = {
    "min",
    "мин",
    "time",
    "timer",
    "nap",
    "zi",
    "zile",
    "sat",
    "sati",
    "sata",
    "dk",
    "ora",
    "ore",
    "hr",
    "hrs",
    "jam",
    "hari",
    "dan",
    "dana",
    "dni",
    "timm",
    "timma",
    "uur",
}
_STATED = regex.compile(
    r"(?i)(?<![\p{Latin}\p{Cyrillic}\p{Greek}\p{N}.,])(\d{1,4})[ \u00a0-]{0,2}("
    + "|".join(regex.escape(unit) + (r"(?!\p{L})" if unit in _WHOLE else "") for unit in sorted(_UNITS, key=len, reverse=True))
    + r")"
)
_LONGEST = 400 * 86400
_WORDS = regex.compile(
    r"(?i)expir|valid|gültig|ablauf|läuft|valable|válid|valid|scad|caduc|geldig|verloopt|within|innerhalb|dans les|en los|entro|binnen|有効|有效|유효"
    r"|ważn|wygas|w ciągu|platí|platn|vyprší|během|giltig|gäller|inom|går ut|gyldig|udløber|utløper|inden for|innen|voimassa|vanhenee|kuluessa|érvényes|lejár|belül"
    r"|expiră|valabil|în decurs|termen de|geçerli|içinde|дейст|истека|истеч|в течение|дійсн|діє|протягом|валид|важи|ισχύ|λήγει|εντός|תקף|בתוקף|יפוג|صالح|تنتهي|خلال"
    r"|hiệu lực|hết hạn|trong vòng|berlaku|kedaluwarsa|kadaluarsa|dalam waktu|หมดอายุ|ภายใน|ใช้ได้|मान्य|वैध|vrijedi|važi|velja|poteče|kehti|aegu|galioja|derīg|gildir"
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
