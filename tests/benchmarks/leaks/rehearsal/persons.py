"""Personal data by kind: names and addresses of each country, numbers with their check digits, statements about invented people."""

from __future__ import annotations

import random
import string
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.leaks import checksums
from benchmarks.leaks.forms import ALPHABETS
from benchmarks.leaks.planted import Maker, Secret
from benchmarks.leaks.practice import checks
from benchmarks.leaks.practice.tokens import token_of
from benchmarks.leaks.rehearsal.values import picked

__all__ = ["PERSONAL", "PLACES", "STATEMENTS", "person"]

_FOLDER = Path(__file__).parent
PLACES = tomllib.loads((_FOLDER / "places.toml").read_text(encoding="utf-8"))
STATEMENTS = tomllib.loads((_FOLDER / "statements.toml").read_text(encoding="utf-8"))


def _of(rng: random.Random, tag: str) -> tuple[str, str]:
    return rng.choice(PLACES[tag]["first"]), rng.choice(PLACES[tag]["last"])


def person(rng: random.Random) -> tuple[str, str]:
    """First and last name of somebody invented, in Latin letters."""
    return _of(rng, rng.choice(("en", "de", "fr", "es", "it", "pl", "nl", "sv", "tr", "pt")))


def _named(tag: str) -> Maker:
    def make(rng: random.Random) -> Secret:
        first, last = _of(rng, tag)
        value = PLACES[tag].get("form", "{first} {last}").format(first=first, last=last)
        return Secret("name", "", value, "name", PLACES[tag]["label"], languages=(tag,))

    return make


def _address(tag: str) -> Maker:
    def make(rng: random.Random) -> Secret:
        form = rng.choice(PLACES[tag]["address"])
        digits = {f"d{count}": str(rng.randrange(10 ** (count - 1), 10**count)) for count in range(2, 8)}
        value = form.format(n=rng.randrange(1, 180), m=rng.randrange(2, 9), **digits)
        return Secret("postal_address", "", value, "postal_address", PLACES[tag]["address_label"], languages=(tag,))

    return make


def _stated(kind: str, tag: str, form: str) -> Maker:
    """A sentence about a person; the datum stands between double square brackets."""

    def make(rng: random.Random) -> Secret:
        first, last = _of(rng, tag if tag in PLACES else "en")
        said = form.format(
            first=first, last=last, n=rng.randrange(11, 60), year=rng.randrange(2017, 2025), age=rng.randrange(4, 16)
        )
        left, _, rest = said.partition("[[")
        value, _, right = rest.partition("]]")
        return Secret(kind, "", value, "said", kind, "", f"{left}{value}{right}", described=True, languages=(tag,))

    return make


def _statements(kind: str) -> tuple[Maker, ...]:
    return tuple(_stated(kind, tag, form) for tag, kinds in STATEMENTS.items() for form in kinds.get(kind, ()))


def _email(rng: random.Random) -> Secret:
    first, last = (name.lower() for name in person(rng))
    account = "".join(
        char
        for char in f"{first}{rng.choice('._-')}{last}{rng.choice(('', '', '88', '_fam'))}"
        if char.isascii() and char not in " '"
    )
    return Secret(
        "email_address",
        "",
        f"{account}@{rng.choice(('postfach', 'mailkiste', 'correo', 'webbrev'))}.example",
        "email_address",
        "e-mail",
    )


# Numbers that regulators set aside for fiction, or the shapes of a country's mobile numbers with a drawn end.
_PHONES = (
    "+44 7700 900{d:3}", "+1 (202) 555-01{d:2}", "+49 152 28817{d:3}", "+33 6 39 98 {d:2} {d:2}", "+34 612 34 {d:2} {d:2}", "+39 347 123 {d:4}", "+31 6 1234{d:4}",
    "+48 512 34{d:1} {d:3}", "+46 70 174 06 {d:2}", "+47 412 34 {d:3}", "+420 601 234 {d:3}", "+41 79 123 {d:2} {d:2}", "+90 532 123 {d:2} {d:2}", "+81 90-1234-{d:4}", "+55 11 91234-{d:4}",
)  # fmt: skip
_NATIONAL = {  # without the country's code: among neighbours only
    "en": ("020 7946 0{d:3}", "(312) 555-01{d:2}", "07700 900{d:3}"), "de": ("030 23125 {d:3}", "0152/28817{d:3}"), "fr": ("01 99 00 {d:2} {d:2}", "06 39 98 {d:2} {d:2}"),
    "es": ("612 34 {d:2} {d:2}",), "pl": ("512 34{d:1} {d:3}",), "sv": ("070-174 06 {d:2}",), "ja": ("090-1234-{d:4}",), "ko": ("010-1234-{d:4}",), "zh": ("138 0013 {d:4}",),
}  # fmt: skip


def _phone(tag: str) -> Maker:
    forms = _NATIONAL[tag] if tag else _PHONES
    spoken = (tag,) if tag else ()
    return lambda rng: Secret("phone", "", token_of(rng, rng.choice(forms)), "phone", "tel.", languages=spoken)


# Ranges that payment providers publish for tests
_CARDS = (
    ("42424242", 16),
    ("40000566", 16),
    ("55555555", 16),
    ("52000282", 16),
    ("22230031", 16),
    ("378282", 15),
    ("601111", 16),
    ("305693", 14),
)


def _card(rng: random.Random) -> Secret:
    head, length = rng.choice(_CARDS)
    number = checksums.luhn(head + picked(rng, string.digits, length - len(head) - 1))
    groups = (number[:4], number[4:10], number[10:]) if length < 16 else tuple(number[at : at + 4] for at in range(0, 16, 4))
    value = rng.choice((number, " ".join(groups), " ".join(groups), "-".join(groups)))
    tail = rng.choice(
        ("", "", f" exp {rng.randrange(1, 13):02d}/28", f", {rng.randrange(1, 13):02d}/27, CVV {rng.randrange(100, 999)}")
    )
    return Secret("payment_card", "", value, "payment_card", "card", "", f"{value}{tail}", also=(number,))


_ACCOUNTS = (
    ("DE", 18, ""),
    ("AT", 16, ""),
    ("CH", 17, ""),
    ("ES", 20, ""),
    ("FR", 23, ""),
    ("PL", 24, ""),
    ("NL", 10, "ABNA"),
    ("SE", 20, ""),
    ("GB", 14, "NWBK"),
    ("PT", 21, ""),
    ("CZ", 20, ""),
    ("FI", 14, ""),
)


def _iban(rng: random.Random) -> Secret:
    country, count, bank = rng.choice(_ACCOUNTS)
    whole = checksums.iban(country, bank + picked(rng, string.digits, count))
    value = rng.choice((whole, " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))))
    return Secret("bank_account", "", value, "bank_account", "IBAN", also=(whole,))


def _sort_code(rng: random.Random) -> Secret:
    account = picked(rng, "123456789", 8)
    whole = f"{rng.choice(('sort code', 'Sort Code:'))} 20-{rng.randrange(10, 99)}-{rng.randrange(10, 99)}, {rng.choice(('account', 'a/c no.'))} {account}"
    return Secret("bank_account", "", account, "account", "account", "", whole, also=(whole,), languages=("en",))


def _pesel(rng: random.Random) -> str:
    return checksums.pesel(
        f"{rng.randrange(50, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}{rng.randrange(10_000):04d}"
    )


def _nir(rng: random.Random) -> str:
    whole = checksums.nir(
        f"{rng.randrange(1, 3)}{rng.randrange(50, 99)}{rng.randrange(1, 13):02d}{rng.randrange(10, 95)}{rng.randrange(10, 900):03d}{rng.randrange(1, 990):03d}"
    )
    return f"{whole[0]} {whole[1:3]} {whole[3:5]} {whole[5:7]} {whole[7:10]} {whole[10:13]} {whole[13:]}"


def _fiscale(rng: random.Random) -> str:
    head = (
        picked(rng, "BCDFGLMNPRST", 6) + f"{rng.randrange(50, 99)}" + rng.choice("ABCDEHLMPRST") + f"{rng.randrange(1, 29):02d}"
    )
    return checksums.codice_fiscale(f"{head}H{rng.randrange(101, 900)}")


def _dni(rng: random.Random) -> str:
    return checksums.dni(str(rng.randrange(10**7, 10**8)))


def _aadhaar(rng: random.Random) -> str:
    whole = checksums.verhoeff(str(rng.randrange(2, 10)) + picked(rng, string.digits, 10))
    return f"{whole[:4]} {whole[4:8]} {whole[8:]}"


def _chinese(rng: random.Random) -> str:
    return checksums.cn_ric(
        f"11010519{rng.randrange(50, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}{rng.randrange(1, 999):03d}"
    )


def _idnr(rng: random.Random) -> str:
    """Ten digits of which one stands twice, as the issuer draws them, and the check digit."""
    order = rng.sample(string.digits, 10)
    order[order.index(rng.choice(order[1:]))] = order[0]
    if order[0] == "0":
        return _idnr(rng)
    whole = checksums.idnr("".join(order))
    return rng.choice((whole, f"{whole[:2]} {whole[2:5]} {whole[5:8]} {whole[8:]}"))


def _ein(rng: random.Random) -> str:
    return f"{rng.choice((12, 20, 45, 84))}-{rng.randrange(10**6, 10**7)}"


# kind, what the number is called, its maker, in which languages it is spoken of
_NUMBERS: tuple[tuple[str, str, checks.Number, tuple[str, ...]], ...] = (
    ("national_id", "SSN", checks.ssn, ("en",)), ("national_id", "NHS number", checks.nhs, ("en",)), ("national_id", "National Insurance number", checks.nino, ("en",)),
    ("national_id", "Sozialversicherungsnummer", checks.rvnr, ("de",)), ("national_id", "AHV-Nummer", checks.ahv, ("de",)), ("national_id", "numéro de sécurité sociale", _nir, ("fr",)),
    ("national_id", "DNI", _dni, ("es",)), ("national_id", "RUT", checks.rut, ("es",)), ("national_id", "BSN", checks.bsn, ("nl",)), ("national_id", "rijksregisternummer", checks.rijksregister, ("nl",)),
    ("national_id", "PESEL", _pesel, ("pl",)), ("national_id", "rodné číslo", checks.rodne_cislo, ("cs", "sk")), ("national_id", "CNP", checks.cnp, ("ro",)), ("national_id", "ЕГН", checks.egn, ("bg",)),
    ("national_id", "TAJ szám", checks.taj, ("hu",)), ("national_id", "personnummer", checks.personnummer, ("sv",)), ("national_id", "CPR-nummer", checks.cpr, ("da",)), ("national_id", "fødselsnummer", checks.fodselsnummer, ("nb",)),
    ("national_id", "henkilötunnus", checks.hetu, ("fi",)), ("national_id", "isikukood", checks.isikukood, ("et",)), ("national_id", "TC kimlik no", checks.tckn, ("tr",)), ("national_id", "СНИЛС", checks.snils, ("ru",)),
    ("national_id", "ΑΜΚΑ", checks.amka, ("el",)), ("national_id", "תעודת זהות", checks.teudat_zehut, ("he",)), ("national_id", "주민등록번호", checks.rrn, ("ko",)), ("national_id", "マイナンバー", checks.my_number, ("ja",)),
    ("national_id", "身份证号", _chinese, ("zh",)), ("national_id", "आधार संख्या", _aadhaar, ("hi",)), ("national_id", "EMŠO", checks.jmbg, ("sl",)),
    ("tax_id", "EIN", _ein, ("en",)), ("tax_id", "Steuer-ID", _idnr, ("de",)), ("tax_id", "codice fiscale", _fiscale, ("it",)), ("tax_id", "CPF", checks.cpf, ("pt",)), ("tax_id", "NIF", checks.nif_pt, ("pt",)),
    ("tax_id", "CUIT", checks.cuit, ("es",)), ("tax_id", "NIP", checks.nip, ("pl",)), ("tax_id", "ΑΦΜ", checks.afm, ("el",)), ("tax_id", "ИНН", checks.inn, ("ru",)), ("tax_id", "РНОКПП", checks.rnokpp, ("uk",)),
    ("tax_id", "TFN", checks.tfn, ("en",)), ("tax_id", "OIB", checks.oib, ("hr",)),
)  # fmt: skip


def _number(kind: str, named: str, made: checks.Number, spoken: tuple[str, ...]) -> Maker:
    kinds = ("tax_id",) if kind == "national_id" else ("national_id",)
    return lambda rng: Secret(kind, "", made(rng), kind, named, named, languages=spoken, kinds=kinds)


def _passport(rng: random.Random) -> Secret:
    value = rng.choice(
        (
            f"C{picked(rng, 'FGHJKLMNPRTVWXYZ0123456789', 7)}4",
            f"{rng.randrange(10**8, 10**9)}",
            f"{picked(rng, 'ABCDEFGH', 2)}{rng.randrange(10**6, 10**7)}",
            f"{rng.randrange(10, 99)}{picked(rng, 'ABCD', 2)}{rng.randrange(10**4, 10**5)}",
        )
    )
    return Secret("passport", "", value, "passport", "passport no.")


def _zone(rng: random.Random) -> Secret:
    """The lower line of a machine readable zone (ICAO 9303, part 4)."""
    number, born, until = (
        f"L{rng.randrange(10**7, 10**8)}",
        f"{rng.randrange(60, 99)}0{rng.randrange(1, 9)}1{rng.randrange(1, 9)}",
        "310415",
    )
    fields = f"{number}{checksums.mrz(number)}", f"{born}{checksums.mrz(born)}", f"{until}{checksums.mrz(until)}", "<" * 14 + "0"
    last = checksums.mrz("".join(fields))
    first, surname = person(rng)
    plain = "".join(char for char in f"{surname}<<{first}".upper() if char in string.ascii_uppercase + "<")
    whole = f"{f'P<UTO{plain}':<<44}\n{fields[0]}UTO{fields[1]}F{fields[2]}{fields[3]}{last}"
    return Secret("passport", "", number, "pasted", "MRZ", "", whole, also=(whole,))


def _licence(rng: random.Random) -> Secret:
    value = rng.choice(
        (
            f"{picked(rng, 'BJNKC', 1)}{picked(rng, ALPHABETS['d'], 3)}{picked(rng, 'RSTU', 3)}{picked(rng, ALPHABETS['d'], 4)}",
            f"MORGA{picked(rng, '56789', 1)}{rng.randrange(10**5, 10**6)}SM9IJ",
            f"{rng.randrange(10**9, 10**10)}",
            f"D{rng.randrange(10**7, 10**8)}",
        )
    )
    return Secret("driving_licence", "", value, "driving_licence", "driving licence")


_BORN = {
    "en": ("{d} March {y}", "{m}/{d}/{y}", "{y}-{m}-{d}"), "de": ("{d}.{m}.{y}", "{d}. Mai {y}"), "fr": ("{d}/{m}/{y}", "{d} juillet {y}"), "es": ("{d}/{m}/{y}", "{d} de abril de {y}"),
    "it": ("{d}/{m}/{y}", "{d} giugno {y}"), "nl": ("{d}-{m}-{y}", "{d} oktober {y}"), "pl": ("{d}.{m}.{y} r.", "{d} maja {y}"), "pt": ("{d}/{m}/{y}",), "sv": ("{y}-{m}-{d}",), "tr": ("{d}.{m}.{y}",), "ru": ("{d}.{m}.{y}",),
    "cs": ("{d}. {m}. {y}",), "hu": ("{y}.{m}.{d}.",), "ja": ("{y}年{m}月{d}日",), "zh": ("{y}年{m}月{d}日",), "ko": ("{y}년 {m}월 {d}일",), "el": ("{d}/{m}/{y}",), "uk": ("{d}.{m}.{y}",), "fi": ("{d}.{m}.{y}",), "ro": ("{d}.{m}.{y}",),
}  # fmt: skip


def _born(tag: str) -> Maker:
    def make(rng: random.Random) -> Secret:
        date = rng.choice(_BORN[tag]).format(
            d=f"{rng.randrange(1, 29):02d}", m=f"{rng.randrange(1, 13):02d}", y=rng.randrange(1938, 2016)
        )
        return Secret("birth_date", "", date, "birth_date", PLACES.get(tag, {}).get("born", "date of birth"), languages=(tag,))

    return make


PERSONAL: Mapping[str, Sequence[Maker]] = {
    "name": tuple(map(_named, PLACES)),
    "email_address": (_email,),
    "phone": (_phone(""), *map(_phone, _NATIONAL)),
    "postal_address": tuple(_address(tag) for tag, one in PLACES.items() if "address" in one),
    "payment_card": (_card,),
    "bank_account": (_iban, _iban, _sort_code),
    "national_id": tuple(_number(*row) for row in _NUMBERS if row[0] == "national_id"),
    "tax_id": tuple(_number(*row) for row in _NUMBERS if row[0] == "tax_id"),
    "passport": (_passport, _passport, _passport, _zone),
    "driving_licence": (_licence,),
    "birth_date": tuple(map(_born, _BORN)),
    **{kind: _statements(kind) for kind in ("salary", "health", "special_category", "criminal", "minor", "confidential_marking")},
}
