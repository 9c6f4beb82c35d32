"""Personal data of the final set: what schools, landlords and relatives write about people."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benchmarks.leaks.checksums import cn_ric, codice_fiscale, iban, luhn, mod11, mrz, verhoeff
from benchmarks.leaks.final.tokens import cut
from benchmarks.leaks.planted import Maker, Secret

__all__ = ["PERSONAL", "person"]

_NAMES = (
    ("Greta", "Holm"), ("Luis", "Ortega"), ("Aiko", "Tanaka"), ("Priya", "Raman"), ("Tom", "Barnes"), ("Noor", "Haddad"), ("Elif", "Kaya"),
    ("Jonas", "Weber"), ("Chiara", "Conti"), ("Oleh", "Bondar"), ("Mia", "Larsen"), ("Pedro", "Nunes"),
)  # fmt: skip
_MONTHS = ("January", "March", "April", "June", "July", "September", "October", "December")


def person(rng: random.Random) -> tuple[str, str]:
    """First and last name."""
    return rng.choice(_NAMES)[0], rng.choice(_NAMES)[1]


def _numerals(rng: random.Random, count: int) -> str:
    return cut(rng, string.digits, count)


def _name(rng: random.Random) -> Secret:
    first, last = person(rng)
    return Secret("name", "", f"{first} {rng.choice(_NAMES)[0]} {last}", "name", "tenant_name")


def _email(rng: random.Random) -> Secret:
    first, last = person(rng)
    return Secret(
        "email_address", "", f"{last}{first[0]}{rng.randrange(60, 99)}@post.family.example".lower(), "email_address", "mail"
    )


def _phone(language: str, form: Callable[[random.Random], str], rng: random.Random) -> Secret:
    return Secret("phone", "", form(rng), "phone", "telephone", languages=(language,))


def _address(rng: random.Random) -> Secret:
    number = rng.randrange(1, 99)
    value = rng.choice((
        f"Am Birkenhain {number}, {_numerals(rng, 5)} Musterdorf", f"{number} rue des Lilas, 75{rng.randrange(100):03d} Paris", f"Flat {number}, 7 Orchard Lane, Exampleton EX{rng.randrange(1, 9)} 4QT",
    ))  # fmt: skip
    return Secret("postal_address", "", value, "postal_address", "new_address")


def _card(rng: random.Random) -> Secret:
    start = rng.choice(("4", "2315", "55", "6011"))
    number = luhn(start + _numerals(rng, 15 - len(start)))
    grouped = [number[at : at + 4] for at in range(0, 16, 4)]
    return Secret("payment_card", "", rng.choice((number, "-".join(grouped), " ".join(grouped))), "payment_card", "visa_number")


def _iban(rng: random.Random) -> Secret:
    country, account = rng.choice(
        (("FR", _numerals(rng, 23)), ("GB", f"NWBK{_numerals(rng, 14)}"), ("PL", _numerals(rng, 24)), ("CH", _numerals(rng, 17)))
    )
    value = iban(country, account)
    return Secret(
        "bank_account",
        "",
        rng.choice((value, " ".join(value[at : at + 4] for at in range(0, len(value), 4)))),
        "bank_account",
        "account",
    )


def _sort_code(rng: random.Random) -> Secret:
    number = _numerals(rng, 8)
    sort = f"{_numerals(rng, 2)}-{_numerals(rng, 2)}-{_numerals(rng, 2)}"
    return Secret(
        "bank_account",
        "",
        number,
        "sort_code",
        "bank",
        whole=f"sort code {sort}, account number {number}",
        also=(sort,),
        languages=("en",),
    )


def _official(kind: str, named: str, value: str) -> Secret:
    other = ("tax_id",) if kind == "national_id" else ("national_id",)
    return Secret(kind, "", value, kind, named.lower().replace(" ", "_"), named, kinds=other, languages=("en",))


def _ssn(rng: random.Random) -> Secret:
    area = rng.choice([number for number in range(1, 900) if number != 666])
    return _official("national_id", "SSN", f"{area:03d}-{rng.randrange(1, 100):02d}-{rng.randrange(1, 10_000):04d}")


def _nino(rng: random.Random) -> Secret:
    value = f"{rng.choice(('AB', 'CE', 'HJ', 'PR', 'SW'))} {_numerals(rng, 2)} {_numerals(rng, 2)} {_numerals(rng, 2)} {rng.choice('ABCD')}"
    return _official("national_id", "National Insurance number", value)


def _fiscale(rng: random.Random) -> Secret:
    held = f"{cut(rng, 'BCDFGLMNPRST', 6)}{rng.randrange(50, 99)}{rng.choice('ABCDEHLMPRST')}{rng.randrange(1, 29):02d}{rng.choice('FHL')}{_numerals(rng, 3)}"
    return _official("national_id", "codice fiscale", codice_fiscale(held))


def _aadhaar(rng: random.Random) -> Secret:
    value = verhoeff(f"{rng.randrange(2, 10)}{_numerals(rng, 10)}")
    return _official("national_id", "Aadhaar number", f"{value[:4]} {value[4:8]} {value[8:]}")


def _resident(rng: random.Random) -> Secret:
    born = f"{rng.randrange(1955, 2004)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
    return _official("national_id", "Chinese resident ID number", cn_ric(f"110101{born}{_numerals(rng, 3)}"))


def _personnummer(rng: random.Random) -> Secret:
    value = luhn(f"{rng.randrange(50, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}{_numerals(rng, 3)}")
    return _official("national_id", "personnummer", f"{value[:6]}-{value[6:]}")


def _bsn(rng: random.Random) -> Secret:
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    value = next(text for text in iter(partial(_numerals, rng, 9), "") if text[0] != "0" and mod11(text, weights) == 0)
    return _official("national_id", "burgerservicenummer", value)


def _cpf(rng: random.Random) -> Secret:
    digits = _numerals(rng, 9)
    for length in (9, 10):
        rest = mod11(digits, range(length + 1, 1, -1))
        digits += str(0 if rest < 2 else 11 - rest)
    return _official("tax_id", "CPF", f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}")


def _vat(rng: random.Random) -> Secret:
    return _official("tax_id", "tax number", f"{_numerals(rng, 2)}/{_numerals(rng, 3)}/{_numerals(rng, 5)}")


def _itin(rng: random.Random) -> Secret:
    return _official("tax_id", "ITIN", f"9{_numerals(rng, 2)}-{rng.randrange(70, 89)}-{_numerals(rng, 4)}")


def _passport(rng: random.Random) -> Secret:
    value = rng.choice(
        (
            f"{_numerals(rng, 2)}{cut(rng, 'ABCDEFGH', 2)}{_numerals(rng, 5)}",
            f"X{_numerals(rng, 7)}{rng.choice('AB')}",
            _numerals(rng, 9),
        )
    )
    return Secret("passport", "", value, "passport", "passport_no")


def _zone(rng: random.Random) -> Secret:
    first, last = person(rng)
    number, born, ends = (
        f"L{_numerals(rng, 8)}",
        f"{rng.randrange(50, 99)}0{rng.randrange(1, 9)}1{rng.randrange(9)}",
        f"3{rng.randrange(9)}1105",
    )
    upper = f"P<UTO{last.upper()}<<{first.upper()}".ljust(44, "<")
    lower = f"{number}{mrz(number)}UTO{born}{mrz(born)}F{ends}{mrz(ends)}{'<' * 14}0"
    checked = lower[:10] + lower[13:20] + lower[21:43]
    return Secret(
        "passport",
        "",
        f"{upper}\n{lower}{mrz(checked)}",
        "mrz",
        "photo_page",
        also=(number, lower + mrz(checked)),
        languages=("en",),
    )


def _licence(rng: random.Random) -> Secret:
    value = rng.choice(
        (
            f"{rng.choice('DFS')}{_numerals(rng, 3)}-{_numerals(rng, 4)}-{_numerals(rng, 4)}",
            f"MORGA{_numerals(rng, 6)}SM9IJ",
            f"{cut(rng, 'JKLM', 1)}{_numerals(rng, 9)}",
        )
    )
    return Secret("driving_licence", "", value, "driving_licence", "driver_licence_no")


def _birth(language: str, rng: random.Random) -> Secret:
    day, month, year = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(1940, 2023)
    forms = {
        "en": (f"{rng.choice(_MONTHS)} {day}, {year}", f"{day}/{month}/{year}"),
        "de": (f"{day}.{month}.{year}", f"{day:02d}.{month:02d}.{year}"),
    }
    value = rng.choice(forms.get(language, (f"{day}/{month}/{year}", f"{day:02d}/{month:02d}/{year}")))
    return Secret("birth_date", "", value, "birth_date", "birthday", languages=(language,))


def _paid(language: str, *forms: str) -> Maker:
    def make(rng: random.Random) -> Secret:
        value = rng.choice(forms).format(rng.randrange(28, 190))
        return Secret("salary", "", value, "salary", "salary", described=True, languages=(language,))

    return make


def _about(kind: str, rng: random.Random, values: Sequence[str] = (), language: str = "en") -> Secret:
    return Secret(kind, "", rng.choice(values), kind, kind, described=True, languages=(language,))


PERSONAL: Mapping[str, Sequence[Maker]] = {
    "name": (_name,),
    "email_address": (_email,),
    "phone": (
        partial(_phone, "en", lambda rng: f"(202) 555-01{_numerals(rng, 2)}"),
        partial(_phone, "de", lambda rng: f"0176 040690{_numerals(rng, 2)}"),
        partial(_phone, "fr", lambda rng: f"+33 6 39 98 {_numerals(rng, 2)} {_numerals(rng, 2)}"),
        partial(_phone, "es", lambda rng: f"+34 6{_numerals(rng, 8)}"),
    ),
    "postal_address": (_address,),
    "payment_card": (_card,),
    "bank_account": (_iban, _iban, _sort_code),
    "national_id": (_ssn, _nino, _fiscale, _aadhaar, _resident, _personnummer, _bsn),
    "tax_id": (_cpf, _vat, _itin),
    "passport": (_passport, _passport, _zone),
    "driving_licence": (_licence,),
    "birth_date": tuple(partial(_birth, language) for language in ("en", "de", "fr", "es")),
    "salary": (
        _paid("en", "{}k a year", "£{},200"),
        _paid("de", "{}.000 Euro brutto", "{}.000 €"),
        _paid("fr", "{} 000 euros", "{} 000 € brut"),
        _paid("es", "{}.000 euros", "{}.000 € brutos"),
    ),
    "health": (
        partial(_about, "health", values=("leukaemia", "asthma", "multiple sclerosis", "burn-out", "high blood pressure", "HIV")),
        partial(_about, "health", values=("Leukämie", "Asthma", "Multipler Sklerose", "Burn-out", "Bluthochdruck"), language="de"),
        partial(_about, "health", values=("une leucémie", "de l'asthme", "une sclérose en plaques", "un burn-out"), language="fr"),
        partial(_about, "health", values=("leucemia", "asma", "esclerosis múltiple", "hipertensión"), language="es"),
    ),
    "special_category": (partial(_about, "special_category", values=(
        "being gay", "converting to Islam", "joining the communist party", "his works council and union work", "his fingerprint data at the gate",
    )),),
    "criminal": (partial(_about, "criminal", values=("a previous conviction for assault", "been arrested for drunk driving", "two years on probation")),),
    "minor": (partial(_about, "minor", values=("aged 6", "8 years old", "15 years of age", "five years old")),),
    "confidential_marking": (partial(_about, "confidential_marking", values=(
        "COMPANY CONFIDENTIAL - DO NOT FORWARD", "TLP:AMBER+STRICT", "Under NDA", "Attorney-client privileged", "VERTRAULICH - nur für den Empfänger",
    )),),
}  # fmt: skip
