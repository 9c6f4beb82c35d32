"""Persons and what mail tells of them: numbers, addresses, pay, illness."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from benchmarks.leaks import checksums
from benchmarks.leaks.planted import Maker, Secret
from benchmarks.leaks.practice import checks
from benchmarks.leaks.practice.checks import digits
from benchmarks.leaks.practice.statements import CHILDREN, CONVICTIONS, ILLNESSES, INTIMATE, MARKINGS

__all__ = ["PERSONAL", "person"]

_FIRST = (
    "Maureen", "Jana", "Piotr", "Lucía", "Matteo", "Solveig", "Amélie", "Tobias", "Agnieszka", "Óscar", "Giulia", "Henrike", "Declan", "Zoltán", "Ines", "Mehmet", "Ayşe",
    "Radka", "Bjarne", "Eero", "Thandiwe", "Priya", "Kenji", "Fatima", "Rhys", "Wiebke", "Corentin", "Nuria", "Stefania", "Bogdan",
)  # fmt: skip
_LAST = (
    "Hollis", "Kiefer", "Zawadzki", "Quiroga", "Bellandi", "Lindqvist", "Delacourt", "Ahrens", "Wolańska", "Ferrer", "Marchetti", "Petersen", "O'Rourke", "Szalai", "Carvalho",
    "Yıldız", "Novotná", "Dahl", "Virtanen", "Mokoena", "Raman", "Ishida", "Haddad", "Pryce", "Janßen", "Le Goff", "Vidal", "Ricci", "Ionescu", "Brandvold",
)  # fmt: skip


def person(rng: random.Random) -> tuple[str, str]:
    """First and last name."""
    return rng.choice(_FIRST), rng.choice(_LAST)


_Made = Callable[[random.Random], str]


def _number(kind: str, other: str, _country: str, languages: str, named: str, made: _Made) -> Maker:
    """A number of one country; `languages` are those in which it has this name."""

    def make(rng: random.Random) -> Secret:
        return Secret(kind, "", made(rng), kind, named, named, kinds=(other,), languages=tuple(languages.split()))

    return make


def _nir(rng: random.Random) -> str:
    year, month, _ = checks.personal_date(rng)
    whole = checksums.nir(
        f"{rng.randrange(1, 3)}{year % 100:02d}{month:02d}{rng.choice((13, 33, 59, 69, 75))}{rng.randrange(1, 400):03d}{rng.randrange(1, 900):03d}"
    )
    parts = (whole[0], whole[1:3], whole[3:5], whole[5:7], whole[7:10], whole[10:13], whole[13:])
    return rng.choice((" ", "")).join(parts)


def _codice(rng: random.Random) -> str:
    year, _, day = checks.personal_date(rng)
    return checksums.codice_fiscale(
        rng.choice(("RSSMRA", "BNCGLI", "FRRLCU", "RCCSFN"))
        + f"{year % 100:02d}{rng.choice('ABCDEHLMPRST')}{day:02d}"
        + rng.choice(("H501", "F205", "L219"))
    )


def _pesel(rng: random.Random) -> str:
    year, month, day = checks.personal_date(rng)
    return checksums.pesel(f"{year % 100:02d}{month:02d}{day:02d}{rng.randrange(10000):04d}")


def _idnr(rng: random.Random) -> str:
    places = rng.sample(range(10), 9)
    numbers = [*places, rng.choice(places)]
    rng.shuffle(numbers)
    while numbers[0] == 0:
        rng.shuffle(numbers)
    whole = checksums.idnr("".join(map(str, numbers)))
    return rng.choice((whole, f"{whole[:2]} {whole[2:5]} {whole[5:8]} {whole[8:]}"))


def _nie(rng: random.Random) -> str:
    letter, number = rng.choice("XYZ"), digits(rng, 7)
    place = "XYZ".index(letter)
    return f"{letter}{number}{checksums.dni(f'{place}{number}')[-1]}"


def _aadhaar(rng: random.Random) -> str:
    whole = checksums.verhoeff(str(rng.randrange(2, 10)) + digits(rng, 10))
    return f"{whole[:4]} {whole[4:8]} {whole[8:]}"


def _ric(rng: random.Random) -> str:
    year, month, day = checks.personal_date(rng)
    return checksums.cn_ric(f"{rng.choice(('110105', '310104', '110101'))}{year}{month:02d}{day:02d}{rng.randrange(1, 999):03d}")


def _pan(rng: random.Random) -> str:
    return (
        "".join(rng.choices("ABCDEFGHKLMNRST", k=3))
        + "P"
        + rng.choice("ABDKMRS")
        + f"{rng.randrange(1, 9999):04d}"
        + rng.choice("ABCDEFGHJK")
    )


def _utr(rng: random.Random) -> str:
    """HMRC's unique taxpayer reference: the check digit comes first."""
    tail = digits(rng, 9)
    return "21987654321"[checks.summed(tail, (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11] + tail


_NATIONAL = (
    ("us", "en", "SSN", checks.ssn), ("us", "en", "social security number", checks.ssn), ("gb", "en", "NI number", checks.nino), ("gb", "en", "NHS number", checks.nhs), ("ie", "en", "PPS number", checks.pps),
    ("ca", "en", "Social Insurance Number", checks.sin_ca), ("au", "en", "Medicare number", checks.medicare), ("de", "de", "Sozialversicherungsnummer", checks.rvnr), ("at", "de", "SV-Nummer", checks.svnr),
    ("ch", "de", "AHV-Nummer", checks.ahv), ("fr", "fr", "numéro de sécurité sociale", _nir), ("ch", "fr", "numéro AVS", checks.ahv), ("es", "es", "DNI", lambda rng: checksums.dni(digits(rng, 8))), ("es", "es", "NIE", _nie),
    ("mx", "es", "CURP", checks.curp), ("cl", "es", "RUT", checks.rut), ("it", "it", "codice fiscale", _codice), ("nl", "nl", "BSN", checks.bsn), ("be", "nl", "rijksregisternummer", checks.rijksregister),
    ("be", "fr", "numéro national", checks.rijksregister), ("dk", "da", "CPR-nummer", checks.cpr), ("se", "sv", "personnummer", checks.personnummer), ("no", "nb", "fødselsnummer", checks.fodselsnummer), ("fi", "fi", "henkilötunnus", checks.hetu),
    ("pl", "pl", "PESEL", _pesel), ("cz", "cs", "rodné číslo", checks.rodne_cislo), ("sk", "sk", "rodné číslo", checks.rodne_cislo), ("hu", "hu", "TAJ-szám", checks.taj), ("ro", "ro", "CNP", checks.cnp), ("bg", "bg", "ЕГН", checks.egn),
    ("hr", "hr", "OIB", checks.oib), ("rs", "sr", "ЈМБГ", checks.jmbg), ("gr", "el", "ΑΜΚΑ", checks.amka), ("ee", "et", "isikukood", checks.isikukood), ("tr", "tr", "T.C. kimlik no", checks.tckn), ("ru", "ru", "СНИЛС", checks.snils),
    ("il", "he", "תעודת זהות", checks.teudat_zehut), ("za", "en", "South African ID number", checks.za_id), ("in", "en", "Aadhaar number", _aadhaar), ("cn", "zh", "身份证号", _ric), ("kr", "ko", "주민등록번호", checks.rrn), ("jp", "ja", "マイナンバー", checks.my_number),
    ("br", "pt", "CPF", checks.cpf),
)  # fmt: skip
_TAX = (
    ("de", "de", "Steuer-ID", _idnr), ("de", "de", "IdNr.", _idnr), ("pl", "pl", "NIP", checks.nip), ("pt", "pt", "NIF", checks.nif_pt), ("gr", "el", "ΑΦΜ", checks.afm), ("ru", "ru", "ИНН", checks.inn), ("ua", "uk", "РНОКПП", checks.rnokpp),
    ("au", "en", "TFN", checks.tfn), ("in", "en", "PAN", _pan), ("ar", "es", "CUIT", checks.cuit), ("us", "en", "EIN", lambda rng: f"{rng.choice((12, 36, 47, 81, 94))}-{digits(rng, 7)}"), ("it", "it", "codice fiscale", _codice), ("hr", "hr", "OIB", checks.oib),
    ("gb", "en", "UTR", _utr), ("br", "pt", "CPF", checks.cpf), ("fr", "fr", "numéro fiscal", lambda rng: rng.choice("0123") + digits(rng, 12)),
)  # fmt: skip


def _said(kind: str, label: str, made: _Made, topic: str = "") -> Maker:
    return lambda rng: Secret(kind, "", made(rng), topic or kind, label)


def _name(rng: random.Random) -> str:
    first, last = person(rng)
    return rng.choice((f"{first} {last}", f"{last}, {first}", f"{first} {rng.choice('ABCJMR')}. {last}"))


def _email(rng: random.Random) -> str:
    return (
        rng.choice(("zuckerschnute", "m.hollis1971", "piotr_z", "la.lucia", "familie.ahrens", "b+privat", "giulia-b"))
        + str(rng.randrange(2, 99))
        + rng.choice(("@freemail.example", "@postfach.example", "@courriel.example"))
    )


def _phone(rng: random.Random) -> str:
    """Numbers in ranges that regulators set aside for fiction, or of the right form."""
    return rng.choice((
        f"+44 7700 900{digits(rng, 3)}", f"07700 900{digits(rng, 3)}", f"+1 (212) 555-01{rng.randrange(10, 100)}", f"212-555-01{rng.randrange(10, 100)}", f"+49 1{rng.choice((51, 60, 71))} {digits(rng, 8)}", f"0171/{digits(rng, 7)}",
        f"+33 6 39 98 {rng.randrange(10, 99)} {rng.randrange(10, 99)}", f"06.39.98.{rng.randrange(10, 99)}.{rng.randrange(10, 99)}", f"+34 6{digits(rng, 8)}", f"+39 347 {digits(rng, 7)}", f"+48 50{digits(rng, 1)} {digits(rng, 3)} {digits(rng, 3)}",
        f"0049-30-{digits(rng, 8)}", f"+46 70 174 06 {rng.randrange(10, 99)}", f"+31 6 {digits(rng, 8)}", f"+420 60{rng.randrange(1, 9)} {digits(rng, 3)} {digits(rng, 3)}",
    ))  # fmt: skip


def _address(rng: random.Random) -> str:
    number = rng.randrange(1, 180)
    return rng.choice((
        f"{number} Cobbler's Lane, Leeds LS{rng.randrange(1, 29)} {rng.randrange(1, 9)}QT", f"{number * 11} Juniper Street, Apt {rng.randrange(2, 30)}B, Albany, NY 12{digits(rng, 3)}", f"Am Mühlgraben {number}, {rng.randrange(10, 99)}{digits(rng, 3)} Ahlfeld",
        f"Lindenallee {number} a\n{rng.randrange(10, 99)}{digits(rng, 3)} Bad Norden", f"{number} rue des Tanneurs, {rng.randrange(10, 95)}{digits(rng, 3)} Valmont", f"C/ Olmo {number}, 3º B, {rng.randrange(10, 50)}{digits(rng, 3)} Valdemar",
        f"Via dei Mulini {number}, {rng.randrange(10, 98)}{digits(rng, 3)} Castelvero (PR)", f"ul. Lipowa {number}/{rng.randrange(2, 60)}, {rng.randrange(10, 99)}-{digits(rng, 3)} Zawady", f"Kerkstraat {number}, {digits(rng, 4)} KL Oosterdam", f"PO Box {digits(rng, 4)}, Wellbrook VIC 3{digits(rng, 3)}",
    ))  # fmt: skip


def _card(rng: random.Random) -> str:
    head, size = rng.choice((("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16), ("36", 14), ("54", 16)))
    whole = checksums.luhn(head + digits(rng, size - 1 - len(head)))
    if size == 15:
        return f"{whole[:4]} {whole[4:10]} {whole[10:]}"
    return rng.choice((" ", "-", "", ".")).join(whole[at : at + 4] for at in range(0, size, 4))


_ACCOUNTS = {
    "DE": "5001051{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}", "AT": "1904300{d}{d}{d}{d}{d}{d}{d}{d}{d}", "CH": "00762{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}", "NL": "ABNA0{d}{d}{d}{d}{d}{d}{d}{d}{d}", "BE": "0010075{d}{d}{d}{d}{d}",
    "PL": "1090{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}", "IE": "AIBK9311{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}", "DK": "0040{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}", "SE": "5000{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}",
    "GB": "NWBK6016{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}", "CZ": "0800{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}{d}",
}  # fmt: skip


def _iban(rng: random.Random) -> str:
    country = rng.choice(sorted(_ACCOUNTS))
    account = _ACCOUNTS[country]
    while "{d}" in account:
        account = account.replace("{d}", str(rng.randrange(10)), 1)
    if country == "BE":  # the last two digits of an account are its own check
        account = f"{account[:-2]}{(int(account[:-2]) - 1) % 97 + 1:02d}"
    whole = checksums.iban(country, account)
    return rng.choice((whole, " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))))


def _sort_code(rng: random.Random) -> str:
    code = f"{rng.randrange(10, 99)}-{rng.randrange(10, 99)}-{rng.randrange(10, 99)}"
    return rng.choice(
        (
            f"sort code {code}, account {digits(rng, 8)}",
            f"Sort: {code} Acc: {digits(rng, 8)}",
            f"routing number 0{digits(rng, 8)}, checking account {digits(rng, 10)}",
        )
    )


def _passport(rng: random.Random) -> str:
    return rng.choice(
        (
            f"C{rng.choice('FGHJK')}{digits(rng, 6)}{rng.choice('NPRT')}",
            digits(rng, 9),
            f"{rng.randrange(10, 25)}AB{digits(rng, 5)}",
            f"Y{rng.choice('ABC')}{digits(rng, 7)}",
            f"X{digits(rng, 8)}",
        )
    )


def _mrz(rng: random.Random) -> Secret:
    """ICAO 9303, part 4: the two lines of a passport."""
    number, born, until = (
        f"C{digits(rng, 8)}",
        f"{rng.randrange(50, 99)}{rng.randrange(10, 13)}{rng.randrange(10, 29)}",
        f"3{rng.randrange(1, 5)}{rng.randrange(10, 13)}{rng.randrange(10, 29)}",
    )
    first, held = (
        f"P<UTO{rng.choice(('HOLLIS', 'AHRENS', 'FERRER'))}<<{rng.choice(('MAUREEN', 'TOBIAS', 'NURIA'))}".ljust(44, "<"),
        number + checksums.mrz(number),
    )
    optional = "<" * 14
    tail = born + checksums.mrz(born), until + checksums.mrz(until), optional + checksums.mrz(optional)
    second = f"{held}UTO{tail[0]}{rng.choice('FM')}{tail[1]}{tail[2]}{checksums.mrz(held + ''.join(tail))}"
    return Secret("passport", "", number, "mrz", "MRZ", "", f"{first}\n{second}", also=(first, second, f"{first}\n{second}"))


def _licence(rng: random.Random) -> str:
    born = rng.randrange(10, 99)
    return rng.choice(
        (
            f"HOLLI{born}{rng.randrange(10, 13)}{rng.randrange(10, 29)}M99{rng.choice('ABCD')}{rng.choice('JKLM')}",
            f"B{digits(rng, 3)}{rng.choice('RST')}{digits(rng, 5)}{rng.choice('AX')}{rng.randrange(10)}{rng.randrange(10)}",
            f"D{digits(rng, 7)}",
            f"{rng.choice('AHKS')}{digits(rng, 12)}",
        )
    )


_MONTHS = ("January", "March", "June", "September", "November")


def _birth(rng: random.Random) -> Secret:
    year, month, day = checks.personal_date(rng)
    value, languages = rng.choice((
        (f"{day:02d}.{month:02d}.{year}", ("de", "pl", "fr", "en", "cs", "tr", "it")), (f"{day:02d}/{month:02d}/{year}", ("en", "fr", "es", "it", "pt", "pl")), (f"{year}-{month:02d}-{day:02d}", ()), (f"{day} {rng.choice(_MONTHS)} {year}", ("en",)), (f"{rng.choice(_MONTHS)} {day}, {year}", ("en",)),
        (f"{day}. {rng.choice(('Januar', 'März', 'Juli', 'Oktober'))} {year}", ("de",)), (f"{day} {rng.choice(('février', 'mai', 'octobre'))} {year}", ("fr",)), (f"{day} de {rng.choice(('enero', 'mayo', 'octubre'))} de {year}", ("es",)), (f"{day} {rng.choice(('gennaio', 'luglio', 'ottobre'))} {year}", ("it",)), (f"{day:02d}-{month:02d}-{year}", ("en", "nl", "es", "pl")),
    ))  # fmt: skip
    return Secret("birth_date", "", value, "birth_date", "BORN", languages=languages)


def _salary(rng: random.Random) -> str:
    amount = rng.randrange(24, 140) * 1000 + rng.choice((0, 0, 400, 750))
    month = rng.randrange(1900, 8200, 50)
    return rng.choice(
        (
            f"£{amount:,}",
            f"{amount:,} EUR",
            f"{amount:,}".replace(",", ".") + " €",
            f"${amount:,}",
            f"{amount // 1000}k",
            f"€ {month:,}".replace(",", "."),
            f"{month:,}".replace(",", " ") + " zł",
            f"CHF {month}.00",
            f"{month} euro",
        )
    )


def _stated(kind: str, told: Mapping[str, Sequence[str]]) -> tuple[Maker, ...]:
    """Statements about a person, one maker a language."""

    def made(language: str, values: Sequence[str]) -> Maker:
        return lambda rng: Secret(kind, "", rng.choice(values), kind, kind.upper(), described=True, languages=(language,))

    return tuple(made(language, values) for language, values in told.items())


PERSONAL: Mapping[str, Sequence[Maker]] = {
    "name": (_said("name", "NAME", _name),),
    "email_address": (_said("email_address", "EMAIL", _email),),
    "phone": (_said("phone", "PHONE", _phone),),
    "postal_address": (_said("postal_address", "ADDRESS", _address),),
    "payment_card": (_said("payment_card", "CARD", _card),),
    "bank_account": (_said("bank_account", "IBAN", _iban), _said("bank_account", "IBAN", _iban), _said("bank_account", "ACCOUNT", _sort_code, "sort_code")),
    "national_id": tuple(_number("national_id", "tax_id", *row) for row in _NATIONAL),
    "tax_id": tuple(_number("tax_id", "national_id", *row) for row in _TAX),
    "passport": (_said("passport", "PASSPORT", _passport), _said("passport", "PASSPORT", _passport), _mrz),
    "driving_licence": (_said("driving_licence", "LICENCE", _licence),),
    "birth_date": (_birth,),
    "salary": (_said("salary", "SALARY", _salary),),
    "health": _stated("health", ILLNESSES),
    "special_category": _stated("special_category", INTIMATE),
    "criminal": _stated("criminal", CONVICTIONS),
    "minor": _stated("minor", CHILDREN),
    "confidential_marking": _stated("confidential_marking", MARKINGS),
}  # fmt: skip
