"""Personal data of the set for tuning: what a personnel department writes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from benchmarks.leaks.checksums import dni, iban, idnr, luhn, mod11, nir, pesel
from benchmarks.leaks.development.tokens import drawn
from benchmarks.leaks.forms import ALPHABETS
from benchmarks.leaks.planted import Maker, Secret

__all__ = ["PERSONAL", "person"]

_FIRST = ("Anna", "Marek", "Ingrid", "Paolo", "Claire", "Henrik", "Sofia", "Daniel", "Laura", "Viktor")
_LAST = ("Keller", "Novak", "Lindqvist", "Moreau", "Okafor", "Ferrari", "Schneider", "Whitfield", "Almeida", "Petrov")


def person(rng: random.Random) -> tuple[str, str]:
    """First and last name."""
    return rng.choice(_FIRST), rng.choice(_LAST)


def _digits(rng: random.Random, count: int) -> str:
    return drawn(rng, ALPHABETS["d"], count)


def _name(rng: random.Random) -> Secret:
    return Secret("name", "", " ".join(person(rng)), "name", "full_name")


def _email(rng: random.Random) -> Secret:
    first, last = person(rng)
    return Secret(
        "email_address", "", f"{first}.{last}{rng.randrange(99)}@private-mail.example".lower(), "email_address", "email"
    )


def _phone(rng: random.Random) -> Secret:
    value = rng.choice((f"+49 171 39200{_digits(rng, 2)}", f"+44 7700 900{_digits(rng, 3)}", f"+1 202-555-01{_digits(rng, 2)}"))
    return Secret("phone", "", value, "phone", "phone")


def _address(rng: random.Random) -> Secret:
    number, post = rng.randrange(1, 180), rng.randrange(10_100, 99_900)
    value = rng.choice((f"Lindenstraße {number}, {post} Musterstadt", f"{number} Harbour Street, Springfield, IL {post}"))
    return Secret("postal_address", "", value, "postal_address", "address")


def _card(rng: random.Random) -> Secret:
    start, length = rng.choice((("4", 16), ("52", 16), ("37", 15)))
    number = luhn(start + _digits(rng, length - 1 - len(start)))
    shown = (
        " ".join(number[at : at + 4] for at in range(0, 16, 4)) if length == 16 else f"{number[:4]} {number[4:10]} {number[10:]}"
    )
    return Secret("payment_card", "", rng.choice((number, shown)), "payment_card", "card_number")


def _iban(rng: random.Random) -> Secret:
    country, length = rng.choice((("DE", 18), ("NL", 0), ("ES", 20), ("AT", 16)))
    account = f"INGB{_digits(rng, 10)}" if country == "NL" else _digits(rng, length)
    value = iban(country, account)
    shown = " ".join(value[at : at + 4] for at in range(0, len(value), 4))
    return Secret("bank_account", "", rng.choice((value, shown)), "bank_account", "iban")


def _numbered(kind: str, named: str, made: Callable[[random.Random], str], languages: tuple[str, ...] = ("en",)) -> Maker:
    other = ("tax_id",) if kind == "national_id" else ("national_id",)

    def make(rng: random.Random) -> Secret:
        return Secret(kind, "", made(rng), kind, named.lower().replace(" ", "_"), named, kinds=other, languages=languages)

    return make


def _ssn(rng: random.Random) -> str:
    return f"{rng.choice((*range(1, 666), *range(667, 900))):03d}-{rng.randrange(1, 100):02d}-{rng.randrange(1, 10_000):04d}"


def _bsn(rng: random.Random) -> str:
    while True:
        value = f"{rng.randrange(10**8, 10**9)}"
        if mod11(value, (9, 8, 7, 6, 5, 4, 3, 2, -1)) == 0:
            return value


def _nhs(rng: random.Random) -> str:
    while True:
        held = f"{rng.randrange(4 * 10**8, 8 * 10**8)}"
        check = 11 - mod11(held, range(10, 1, -1))
        if check != 10:
            return f"{held[:3]} {held[3:6]} {held[6:]}{check % 11}"


def _idnr(rng: random.Random) -> str:
    """Ten digits of which exactly one occurs twice, and a check digit."""
    while True:
        digits = rng.sample("0123456789", 9)
        digits.insert(rng.randrange(10), rng.choice(digits))
        if digits[0] != "0":
            return idnr("".join(digits))


def _pesel(rng: random.Random) -> str:
    return pesel(f"{rng.randrange(50, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}{_digits(rng, 4)}")


def _nir(rng: random.Random) -> str:
    value = nir(f"{rng.choice('12')}{rng.randrange(50, 99)}{rng.randrange(1, 13):02d}{rng.randrange(10, 90)}{_digits(rng, 6)}")
    return f"{value[0]} {value[1:3]} {value[3:5]} {value[5:7]} {value[7:10]} {value[10:13]} {value[13:]}"


def _passport(rng: random.Random) -> Secret:
    value = rng.choice((f"C{_digits(rng, 8)}", f"{rng.choice('EHK')}{_digits(rng, 8)}", _digits(rng, 9)))
    return Secret("passport", "", value, "passport", "passport_number")


def _licence(rng: random.Random) -> Secret:
    value = rng.choice((f"{rng.choice('ABCD')}{_digits(rng, 7)}", f"B072RRE{_digits(rng, 2)}{rng.randrange(10, 99)}"))
    return Secret("driving_licence", "", value, "driving_licence", "driving_licence")


def _birth(rng: random.Random) -> Secret:
    day, month, year = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(1950, 2004)
    value = rng.choice((f"{day:02d}.{month:02d}.{year}", f"{year}-{month:02d}-{day:02d}", f"{day:02d}/{month:02d}/{year}"))
    return Secret("birth_date", "", value, "birth_date", "date_of_birth")


def _salary(rng: random.Random) -> Secret:
    amount = rng.randrange(31, 140)
    return Secret(
        "salary",
        "",
        rng.choice((f"EUR {amount},500", f"{amount}.500 €", f"$ {amount},000")),
        "salary",
        "gross_salary",
        described=True,
    )


def _said(kind: str, *values: str, language: str = "en") -> Maker:
    def make(rng: random.Random) -> Secret:
        return Secret(kind, "", rng.choice(values), kind, kind, described=True, languages=(language,))

    return make


PERSONAL: Mapping[str, Sequence[Maker]] = {
    "name": (_name,),
    "email_address": (_email,),
    "phone": (_phone,),
    "postal_address": (_address,),
    "payment_card": (_card,),
    "bank_account": (_iban,),
    "national_id": (
        _numbered("national_id", "Social Security number", _ssn),
        _numbered("national_id", "BSN", _bsn),
        _numbered("national_id", "NHS number", _nhs),
        _numbered("national_id", "PESEL", _pesel),
        _numbered("national_id", "numéro de sécurité sociale", _nir),
        _numbered("national_id", "DNI", lambda rng: dni(_digits(rng, 8))),
    ),
    "tax_id": (
        _numbered("tax_id", "Steuer-ID", _idnr),
        _numbered("tax_id", "EIN", lambda rng: f"{rng.randrange(10, 99)}-{_digits(rng, 7)}"),
        _numbered("tax_id", "tax identification number", _idnr),
    ),
    "passport": (_passport,),
    "driving_licence": (_licence,),
    "birth_date": (_birth,),
    "salary": (_salary,),
    "health": (
        _said("health", "type 2 diabetes", "breast cancer", "depression", "epilepsy", "a slipped disc"),
        _said("health", "Diabetes", "Brustkrebs", "eine Depression", "Epilepsie", "ein Bandscheibenvorfall", language="de"),
        _said("health", "diabète", "un cancer du sein", "dépression", "épilepsie", "une hernie discale", language="fr"),
        _said("health", "diabetes", "cáncer de mama", "depresión", "epilepsia", "una hernia discal", language="es"),
    ),
    "special_category": (_said(
        "special_category", "her membership of the trade union", "his sexual orientation", "his religious belief as a Jehovah's Witness", "her ethnic origin",
    ),),
    "criminal": (_said("criminal", "a conviction for fraud in 2019", "a criminal record for theft", "a suspended prison sentence"),),
    "minor": (_said("minor", "aged 9", "7 years old", "12 years old"),),
    "confidential_marking": (_said("confidential_marking", "STRICTLY CONFIDENTIAL", "TLP:RED", "PRIVILEGED AND CONFIDENTIAL", "Streng vertraulich"),),
}  # fmt: skip
