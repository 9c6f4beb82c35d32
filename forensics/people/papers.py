"""Countries that numbers on paper tell: bank accounts, national identity numbers, and postcodes that only one country writes."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["papers", "without_accounts"]

# ISO 13616: country of the account -> length of its IBAN (SWIFT's IBAN registry); other countries give no hint
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24,
    "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24,
    "TR": 26, "UA": 29,
}  # fmt: skip
_IBAN = re.compile(r"(?<![A-Z0-9])(?P<country>[A-Z]{2})\d{2}(?:[ ]?[A-Z0-9]){11,32}")

# A number counts only behind the name that its own country gives it: eleven digits alone are anybody's
_NATIONAL = (
    ("GB", r"national[ ]insurance|\bNI[ ](?:no|number)\b|\bNINO\b", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?\d\d[ ]?\d\d[ ]?\d\d[ ]?[A-D]"),
    ("US", r"social[ ]security|\bSSN\b", r"\d{3}-\d{2}-\d{4}"),
    ("CA", r"social[ ]insurance|\bSIN\b", r"\d{3}[ -]\d{3}[ -]\d{3}"),
    ("IT", r"codice[ ]fiscale|\bC\.F\.", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]"),
    ("ES", r"\b(?:DNI|NIE|NIF)\b", r"(?:[XYZ]-?\d{7}|\d{8})[ -]?[A-Z]"),
    ("FR", r"sécurité[ ]sociale|\bNIR\b|\bINSEE\b", r"[12][ ]?\d{2}[ ]?\d{2}[ ]?[\dAB]{2}[ ]?\d{3}[ ]?\d{3}(?:[ ]?\d{2})?"),
    ("PL", r"\bPESEL\b", r"\d{11}"),
    ("NL", r"\bBSN\b|burgerservicenummer", r"\d{9}|\d{4}\.\d{2}\.\d{3}"),
    ("BE", r"rijksregister|registre[ ]national|numéro[ ]national", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}"),
    ("SE", r"personnummer", r"(?:\d{2})?\d{6}[-+]\d{4}"),
    ("DK", r"\bCPR\b", r"\d{6}-\d{4}"),
    ("NO", r"fødselsnummer", r"\d{6}[ ]?\d{5}"),
    ("FI", r"henkilötunnus|\bHETU\b", r"\d{6}[-+A]\d{3}[0-9A-Y]"),
    ("CH", r"\b(?:AHV|AVS)\b", r"756\.\d{4}\.\d{4}\.\d{2}"),
    ("DE", r"steuer-?id(?:entifikationsnummer|nr)?\b|\bIdNr\b", r"\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}"),
    ("BR", r"\bCPF\b", r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
    ("IN", r"\baadhaar\b", r"\d{4}[ ]\d{4}[ ]\d{4}"),
)  # fmt: skip
_NAMED = tuple(
    (country, re.compile(rf"(?:(?i:{name}))[^0-9A-Z\n]{{0,3}}(?:(?i:number|nummer|numero|número|no|nr|n°)[^0-9A-Z\n]{{0,4}})?(?:{form})(?![0-9A-Za-z])"))
    for country, name, form in _NATIONAL
)  # fmt: skip
# pieces of these names in lower case: looked for first, since most lines hold none of them
_PIECES = (
    "insurance", "ni no", "ni number", "nino", "security", "ssn", "sin", "fiscale", "c.f.", "dni", "nie", "nif", "sociale", "nir", "insee",
    "pesel", "bsn", "burgerservice", "rijksregister", "national", "personnummer", "cpr", "fødselsnummer", "henkilötunnus", "hetu", "ahv",
    "avs", "steuer", "idnr", "cpf", "aadhaar",
)  # fmt: skip
_DIGIT = re.compile(r"[0-9]")

# Royal Mail's postcode areas: two letters and digits that begin otherwise are order numbers
_AREAS = (
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY G GL GU HA HD HG HP HR HS "
    "HU HX IG IP IV KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO "
    "SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE"
).replace(" ", "|")
_POSTCODES = (
    ("GB", re.compile(rf"(?<![A-Za-z0-9-])(?:{_AREAS})\d[A-Z\d]?[ ]\d[ABD-HJLNP-UW-Z]{{2}}(?![A-Za-z0-9-])")),
    ("CA", re.compile(r"(?<![A-Za-z0-9-])[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ ]\d[ABCEGHJ-NPRSTV-Z]\d(?![A-Za-z0-9-])")),
)


def papers(line: str) -> Iterator[tuple[str, str]]:
    """Countries (ISO 3166-1 alpha-2) that a line of bounded length tells by a number on paper, each with its basis.

    An account is held where its bank is, a number given by the country that gave it: hints at residence, no proof. Never raises.
    """
    if not _DIGIT.search(line):
        return
    for match in _IBAN.finditer(line):
        if _is_iban(match.group().replace(" ", ""), match["country"]):
            yield match["country"], "bank account (IBAN) near the address"
    folded = line.lower()
    for country, form in _NAMED if any(piece in folded for piece in _PIECES) else ():
        if form.search(line):
            yield country, "national identity number near the address"
    for country, form in _POSTCODES:
        if form.search(line):
            yield country, "postcode near the address"


def without_accounts(line: str) -> str:
    """The line without its bank accounts, in whose digits there are telephone numbers of other countries."""
    return _IBAN.sub(lambda match: "" if _is_iban(match.group().replace(" ", ""), match["country"]) else match.group(), line)


def _is_iban(text: str, country: str) -> bool:
    """Whether text begins with an account of that country: its length, and the check of ISO 7064 MOD 97-10."""
    length = _IBAN_LENGTHS.get(country, 0)
    account = text[:length]
    if not length or len(account) != length or not account.isascii():
        return False
    return int("".join(str(int(one, 36)) for one in account[4:] + account[:4])) % 97 == 1
