"""Personal data in mail: what is a person's, and what only looks like it."""

from __future__ import annotations

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.leaks import load_rules, scan
from forensics.leaks.persons import PERSON_NUMBERS, is_advert, is_card_said, is_child_said, is_order_said, is_person_said
from forensics.leaks.ruleset import fold
from forensics.model import Text

RULES = load_rules()
PERSONAL = [rule for rule in RULES.rules if rule.family == "personal"]


def kinds_in(text: str) -> set[str]:
    """Kinds of personal data that all rules together find in a text."""
    leaks = scan([Text("text/plain", "decoded", text)], RULES, b"key", None).leaks
    return {leak.kind for leak in leaks if leak.family == "personal"}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("health", "Maria Sample suffers from multiple sclerosis."),
        ("health", "Diagnose: Asthma"),
        ("health", "Il paziente soffre di diabete e ipertensione, depressione inclusa."),
        ("health", "Pacjentka choruje na depresję."),
        ("health", "diagnosis=epilepsy"),
        ("criminal", "Mr Sample was convicted of theft."),
        ("criminal", "Tom Sample est au casier judiciaire"),
        ("special_category", "Seine Gewerkschaftszugehörigkeit ist vermerkt."),
        ("special_category", "religion=catholic"),
        ("minor", "Noah, aged 11, has a new teacher."),
        ("minor", "Ihre Tochter (8 Jahre alt) kommt mit."),
        ("birth_date", "data_urodzenia: 1980-02-29"),
        ("birth_date", "Född 1980-02-29"),
        ("salary", "Tom Sample verdient 4.850 EUR im Monat."),
        ("tax_id", "taxpayer identification number: 123456789"),
        ("passport", "passport_no=C01X00T47"),
        ("driving_licence", "Körkort nr: 12345678"),
        ("name", "Imię i nazwisko: Anna Przykład"),
        ("email_address", "MAIL=ann@shop.example"),
        ("phone", "mobile=+44 7700 900321"),
        ("bank_account", "IBAN=DE89370400440532013000"),
        ("payment_card", "card_number=4111111111111111"),
        ("confidential_marking", "marking: FORTROLIGT"),
    ],
)
def test_a_persons_datum_is_found_in_prose_and_in_settings(kind: str, text: str) -> None:
    assert kind in kinds_in(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("health", "The lecture on diabetes and cancer starts at ten."),
        ("health", "Die Klinik berät zu Asthma und Depressionen."),
        ("criminal", "The criminal code was reformed."),
        ("special_category", "The trade union negotiates with employers."),
        ("special_category", "The Catholic church is closed on Monday."),
        ("minor", "Children aged 6 to 12 pay half."),
        ("minor", "The contract runs for 5 years."),
        ("birth_date", "The order of 12.03.2025 was delivered."),
        ("salary", "The job offers a salary of EUR 45,000 to 55,000 a year."),
        ("salary", "We offer an average salary of EUR 45,000."),
        ("payment_card", "Tracking number 4111111111111111"),
        ("passport", "Passport control opens at 10:30."),
        ("tax_id", "The tin weighs 123456789 grams."),
        ("confidential_marking", "This message is confidential and may be privileged."),
    ],
)
def test_what_is_nobodys_is_not_found(kind: str, text: str) -> None:
    assert kind not in kinds_in(text)


@pytest.mark.parametrize(
    ("check", "number", "altered"),
    [
        ("id_at", "1237 010180", "1238 010180"),
        ("id_ca", "046 454 286", "046 454 287"),
        ("id_ch", "756.9217.0769.85", "756.9217.0769.84"),
        ("id_cl", "12.345.678-5", "12.345.678-6"),
        ("id_cn", "11010519491231002X", "110105194912310021"),
        ("id_ee", "37605030299", "37605030298"),
        ("id_fi", "131052-308T", "131052-308U"),
        ("id_hk", "A123456(3)", "A123456(4)"),
        ("id_in", "2341 2341 2346", "2341 2341 2347"),
        ("id_it", "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
        ("id_se", "811218-9876", "811218-9875"),
        ("id_sg", "S1234567D", "S1234567E"),
        ("id_tr", "10000000146", "10000000147"),
        ("id_tw", "A123456789", "A123456788"),
        ("id_za", "8001015009087", "8001015009088"),
    ],
)
def test_check_digits_hold_for_published_examples_and_for_no_neighbour(check: str, number: str, altered: str) -> None:
    assert PERSON_NUMBERS[check](number)
    assert not PERSON_NUMBERS[check](altered)


def test_numbers_of_thirty_countries_are_known_and_demand_a_word() -> None:
    national = [rule for rule in PERSONAL if rule.kind in {"national_id", "tax_id"} and rule.near is not None]
    assert len({rule.id[:2] for rule in national}) >= 30
    for rule in national:
        assert rule.near is not None
        asleep = [word for word in rule.near.words if not any(key in fold(word.strip("*")) for key in rule.keywords)]
        assert asleep == [], rule.id


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(PERSON_NUMBERS)), st.text(max_size=24) | st.text("0123456789-X", max_size=18))
def test_no_validator_raises(name: str, number: str) -> None:
    assert PERSON_NUMBERS[name](number) in {True, False}


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 40))
def test_no_question_about_a_line_raises(text: str, start: int, length: int) -> None:
    for asked in (is_advert, is_card_said, is_child_said, is_order_said, is_person_said):
        assert asked(text, min(start, len(text)), min(start + length, len(text))) in {True, False}


@pytest.mark.parametrize(
    "unit",
    ["diabetes ", "Anna Keller ", "aged 9 ", "Diagnosis: ", "salary ", "salary\n", "born ", "Full name of the ", "EIN of ", "passport ",
     "driving licence of ", "email=", "member of the ", "Confidential", "Anna, ", "earns ", "1971-03-12 ", "BSN 123456782 ", "= ' "],
)  # fmt: skip
def test_hostile_repetition_is_quick(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "forensics.leaks.engine._WORTH_COMPILING", 1 << 60
    )  # once so much is read, the rules would be compiled in here
    text = (unit * (50_000 // len(unit) + 1))[:50_000]
    with affordable(20):
        scanned = scan([Text("text/plain", "decoded", text)], RULES, b"key", None)
    assert scanned.unread == ()
