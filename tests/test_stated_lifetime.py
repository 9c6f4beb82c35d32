"""The validity that a mail states, in the languages that codes are sent in."""

from __future__ import annotations

import pytest

from forensics.leaks.expiry import stated_lifetime

_STATED = [
    ("Kod jest ważny przez 10 minut", 600),
    ("Kód platí 5 hodin", 18000),
    ("Koden gäller i 2 timmar", 7200),
    ("Koden er gyldig i 3 timer", 10800),
    ("Koodi on voimassa 15 minuuttia", 900),
    ("A kód 10 percig érvényes", 600),
    ("A link 24 órán belül lejár", 86400),
    ("Codul expiră în 10 minute", 600),
    ("Kod 3 dakika içinde geçerli", 180),
    ("Код действителен 10 минут", 600),
    ("Ссылка действует 24 часа", 86400),
    ("Код дійсний 5 хвилин", 300),
    ("Ο κωδικός ισχύει για 10 λεπτά", 600),
    ("הקוד בתוקף ל-10 דקות", 600),
    ("الرمز صالح لمدة 10 دقائق", 600),
    ("Mã có hiệu lực trong 5 phút", 300),
    ("Kode berlaku 10 menit", 600),
    ("รหัสหมดอายุใน 5 นาที", 300),
    ("驗證碼5分鐘內有效", 300),
    ("验证码30秒内有效", 30),
    ("Valid for 2 days", 172800),
    ("Link je platný 3 dny", 259200),
    ("Linkki on voimassa 2 päivää", 172800),
    ("Kod vrijedi 2 sata", 7200),
    ("유효기간 7일", 604800),
    ("有効期限は24時間です", 86400),
    ("有効期限は10分です", 600),
    ("gyldig til 5 dk", 300),
    ("valid 3 times", -1),
    ("valid, 10 satisfied users", -1),
    ("valid for 2 timezones", -1),
    ("valid 5 napkins", -1),
    ("20 zip files are valid", -1),
    ("valid 4 orders", -1),
    ("valid 10 minority votes", -1),
    ("10 minut spóźnienia", -1),
    ("Zoom, 30 минут", -1),
]


@pytest.mark.parametrize(("text", "seconds"), _STATED)
def test_a_validity_is_understood_where_it_is_stated_and_nowhere_else(text: str, seconds: int) -> None:
    assert stated_lifetime(text, 0, len(text)) == seconds
