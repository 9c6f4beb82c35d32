"""Personal data in mail: what is a person's, and what only looks like it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.leaks import load_rules, scan
from forensics.leaks.national import PERSON_NUMBERS
from forensics.leaks.persons import (
    is_advert,
    is_card_said,
    is_child_said,
    is_order_said,
    is_person_name,
    is_person_said,
    is_phone,
    is_postal,
)
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
        ("phone", "Handy: 0171 5550123"),
        ("postal_address", "She lives at 12 Sample Street, Exampleton EX4 6PL."),
        ("special_category", "Sam Sample uses they/them pronouns and is non-binary."),
        ("special_category", "Faith: Greek Orthodox"),
        ("special_category", "Trattenuta sindacale per Mario Esempio"),
        ("special_category", "Анна Смирнова ходит в мечеть."),
        ("special_category", "We stored Tom Sample's face template for the time clock."),
        ("special_category", "宗教：イスラム教"),
        ("special_category", "Remark: practising Muslim"),
        ("special_category", "Bemerkung | römisch-katholisch"),
        ("special_category", "Anna Sample: keeps kosher"),
        ("special_category", "Background\nof Nigerian descent"),
        ("special_category", "Jesteśmy świadkami Jehowy, córka nie obchodzi urodzin."),
        ("special_category", "Wir sind Muslime und essen kein Schwein."),
        ("special_category", "Notre voisin est juif pratiquant."),
        ("tax_id", "Numéro fiscal : 30 23 217 600 053"),
        ("driving_licence", "prawo jazdy nr 00012/15/1234"),
        ("passport", "For the booking: SAMPLE/ANNA, passport GBR 533401372, exp 12MAR31"),
        ("confidential_marking", "Nicht zur Weitergabe bestimmt"),
        ("confidential_marking", "Для служебного пользования"),
        ("name", "Rozmawiałem z Anną Nowak."),
        ("name", "then Ingrid Solberg moved out, and nobody has her keys"),
        ("name", "la torta è di Francesca Esempio, credo"),
        ("name", "ask whether Kwame Mensah or Priya Sharma can drive"),
        ("name", "дома был только Сергей Примеров"),
        ("name", "Herr Stefan Krüger rief gestern an."),
        ("name", "担当：佐藤花子"),
        ("name", "김민수 씨에게 전달"),
        ("name", "Full name: Anna Sample\tIBAN: unknown\n"),
        ("phone", "my number's 020 7946 0321 if anything comes up"),
        ("phone", "Meine Handynummer lautet 0160 5550 1234"),
        ("phone", "Telefonnummer des Patienten: 044 668 18 12"),
        ("phone", "Tlf. 951 234 567"),
        ("phone", "mitt nummer är 070-174 06 05"),
        ("phone", "07700 900812 - that's my mobile"),
        ("phone", "Emergency contact: Jane (mother), 617 555 0191"),
        ("phone", "мой номер 8 (916) 555-01-23"),
        ("phone", "我的手机号是138 0000 1234"),
        ("phone", "phoneNumber: 4155550142"),
        ("minor", "My daughter Emma turns 8 next Saturday"),
        ("minor", "Leo (7) is allergic to nuts, please tell the class teacher"),
        ("minor", "our 15-month-old Sophie has a fever"),
        ("minor", "baby Max, 8 months old"),
        ("minor", "Meine Tochter geht in die 3b"),
        ("minor", "onze dochter is 7 geworden"),
        ("minor", "Our twins (5) start in September"),
        ("health", "My mother has dementia, so I need to leave early"),
        ("health", "ich habe Migräne und bleibe zu Hause"),
        ("health", "estoy de baja por ansiedad"),
        ("health", "у сына ветрянка"),
        ("health", "Reason for absence: flu"),
        ("health", "Traitement en cours : Levothyrox"),
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
        ("phone", "Fix the phone layout on 1024x768 screens (see 2025-10-12 14:33:00)."),
        ("phone", "call stack 0x7ffe 1234 5678 9012"),
        ("phone", "mi número de pedido es el 612345678"),
        ("phone", "Our number one priority is 100 000 000 users"),
        ("phone", "Telefonrechnung Nr. 2025 004 812"),
        ("phone", "Reach 100 000 000 people"),
        ("phone", "Customer number: 4711 0815 22"),
        ("phone", "mobile sales rose from 12 345 678 to 13 456 789"),
        ("phone", "Ring me at 10:30, room 123 456"),
        ("minor", "My son is 25 and lives in Berlin"),
        ("minor", "kids size 8 shoes"),
        ("minor", "Section (7) of the schools act"),
        ("minor", "my daughter lives at number 7, second floor"),
        ("minor", "kind: 3"),
        ("minor", "boy band 5, tour"),
        ("health", "Cancer Research UK fundraiser on Sunday"),
        ("health", "Migraine conference in Vienna"),
        ("health", "Reason for absence: holiday"),
        ("health", "Allergies: none"),
        ("minor", "our daughter company in Spain turned 8 percent profit"),
        ("phone", "Meeting ID: 912 3456 7890, passcode will follow."),
        ("postal_address", "Address 0x00400000-0x00500000 is mapped."),
        ("postal_address", "Address: 10.0.0.12, gateway 10.0.0.1"),
        ("driving_licence", "The licence of this library is Apache-2.0; licence number: see NOTICE."),
        ("salary", "his pay-per-click budget is 500 EUR"),
        ("salary", "The server pays 3,000 ms for each lookup."),
        ("minor", "The child process 4711 exited with code 9."),
        ("minor", "Each child (5) inherits the parent's locale."),
        ("health", "diagnosis: null pointer in parser"),
        ("health", "He suffers from low disk space."),
        ("special_category", "She is a member of the board."),
        ("criminal", "He was sentenced to three weeks of code review."),
        ("special_category", "The union of two sets is commutative."),
        ("special_category", "Union Square, San Francisco"),
        ("special_category", "race condition: two workers write at once"),
        ("special_category", "Die Grüne Woche in Berlin beginnt am Freitag."),
        ("special_category", "Tom Sample paid by Western Union."),
        ("special_category", "halal and kosher meals are available"),
        ("special_category", "Il est parti de la réunion à dix heures."),
        ("special_category", "Note: halal and kosher options are available at the canteen on the ground floor"),
        ("special_category", "Case Study: Catholic schools"),
        ("special_category", "The lecture: Catholic schools after the war"),
        ("special_category", "Orientation: landscape"),
        ("special_category", "Origin: main"),
        ("special_category", "Notes\nThe mosque is closed on Monday"),
        ("special_category", "Solveig Carvalho, weaver, baptised 2 May 1694, buried 1765."),
        ("tax_id", "The tax year 2024/2025 ends on 05-04-2025."),
        ("tax_id", "tax due: 123 456 789 EUR"),
        ("driving_licence", "Treiber 12345678 wurde installiert"),
        ("passport", "boarding group 533401372"),
        ("confidential_marking", "Restricted shells are started with -r."),
        ("confidential_marking", "We do not forward mail to other people."),
        ("name", "On Tuesday, 4 November, Anna Sample wrote:"),
        ("name", "we land at San Diego Airport"),
        ("name", "Anna said Monday is fine"),
        ("name", "see Travis Build 12 and Max Retries"),
        ("name", "Please call Customer Service back."),
        ("name", "고객님 안녕하세요"),
        ("name", "We met with United Nations staff."),
        ("name", "Name: Blue Chair\tPrice: 12 EUR"),
        ("name", "my colleague Java Script wrote"),
    ],
)
def test_what_is_nobodys_is_not_found(kind: str, text: str) -> None:
    assert kind not in kinds_in(text)


@pytest.mark.parametrize(
    ("check", "number", "altered"),
    [
        ("id_at", "1237 010180", "1238 010180"),
        ("id_au_medicare", "2123 45670 1", "2123 45671 1"),
        ("id_ca", "046 454 286", "046 454 287"),
        ("id_ch", "756.9217.0769.85", "756.9217.0769.84"),
        ("id_cl", "12.345.678-5", "12.345.678-6"),
        ("id_de_pension", "65 170839 J 003", "65 170839 J 004"),
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


@pytest.mark.parametrize(
    ("asked", "holds", "near_miss"),
    [
        (is_phone, "0171 5550123", "171 550"),
        (is_phone, "030-1234567", "12.10.2025"),
        (is_phone, "(555) 010-0199", "2025-10-12 14:33"),
        (is_phone, "+49 30 901820", "1234 5678 9012 3456"),
        (is_postal, "Hauptstraße 5, 12345 Musterstadt", "the main thing is 5"),
        (is_postal, "12 Sample Street, Exampleton", "12 samples, all of them good"),
        (is_postal, "Rua das Flores 12, 1200-195 Lisboa", "https://rua.example/12"),
        (is_postal, "Long Lane 4", "192.0.2.7, lane 4"),
        (is_person_name, "Anna Sample", "Build Server"),
        (is_person_name, "Jan van Dijk", "Support Team"),
        (is_person_name, "O’Neill, Mary", "Acme Ltd"),
    ],
)
def test_a_shape_alone_is_not_enough(asked: Callable[[str], bool], holds: str, near_miss: str) -> None:
    assert asked(holds)
    assert not asked(near_miss)


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
