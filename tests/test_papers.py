"""Countries by numbers on paper: what tells one, and what looks like it and tells none."""

from __future__ import annotations

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.model import Text
from forensics.people import clues_in
from forensics.people.papers import papers

BANK, NUMBER, POST = (
    "bank account (IBAN) near the address",
    "national identity number near the address",
    "postcode near the address",
)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFFXXX", [("DE", BANK)]),
        ("DE89370400440532013000", [("DE", BANK)]),
        ("GB82 WEST 1234 5698 7654 32", [("GB", BANK)]),
        ("DE89370400440532013001", []),  # the check fails
        ("DE8937040044053201300", []),  # too short
        ("XX89370400440532013000", []),  # no country of ours
        ("ADE89370400440532013000", []),  # inside a longer word
        ("National Insurance number: AB 12 34 56 C", [("GB", NUMBER)]),
        ("AB 12 34 56 C", []),  # nobody says what it is
        ("National Insurance number: DA 12 34 56 C", []),  # a prefix that is never given
        ("PESEL: 44051401359", [("PL", NUMBER)]),
        ("44051401359", []),
        ("PESEL: 440514013591", []),
        ("pesel 44051401359", [("PL", NUMBER)]),
        ("Codice fiscale RSSMRA85T10A562S", [("IT", NUMBER)]),
        ("AHV-Nr. 756.1234.5678.97", [("CH", NUMBER)]),
        ("SSN: 078-05-1120", [("US", NUMBER)]),
        ("SSN 4711", []),
        ("Steuer-ID: 12 345 678 901", [("DE", NUMBER)]),
        ("Steuernummer 12 345 678 901", []),  # of a business, too
        ("personnummer 19640823-3234", [("SE", NUMBER)]),
        ("personal number 640823-3234", []),
        ("CPF 123.456.789-09", [("BR", NUMBER)]),
        ("London SW1A 1AA", [("GB", POST)]),
        ("order QX12 3AB", []),  # no postcode area
        ("sw1a 1aa", []),  # lower case is no address that somebody set
        ("Ottawa K1A 0B1", [("CA", POST)]),
        ("part D1A 0B1", []),  # D begins no Canadian postcode
        ("", []),
        ("National Insurance", []),
    ],
)
def test_a_number_tells_its_country_only_where_it_is_surely_one(line: str, told: list[tuple[str, str]]) -> None:
    assert list(papers(line)) == told


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("ann@customer.example\nIBAN DE89 3704 0044 0532 0130 00", {("ann@customer.example", "DE", BANK)}),
        ("ann@customer.example, ben@customer.example\nIBAN DE89 3704 0044 0532 0130 00", set()),
        ("ann@customer.example\n\n\n\nIBAN DE89 3704 0044 0532 0130 00", set()),
    ],
)
def test_it_is_a_hint_at_the_one_address_beside_it(lines: str, found: set[tuple[str, str, str]]) -> None:
    assert clues_in([Text("text/plain", "decoded", lines)]).countries == found


@pytest.mark.property
@given(st.text(max_size=1_000))
@settings(max_examples=100)
def test_no_text_makes_it_fail(line: str) -> None:
    assert all(len(country) == 2 and basis for country, basis in papers(line))


@pytest.mark.parametrize(
    "piece", ["A1", "DE89 ", "1 ", "social security ", "SW1A ", "x", "NI no ", "AA00A", "sécurité sociale 1 "]
)
def test_hostile_lines_cost_little(piece: str) -> None:
    line = (piece * 1_000)[:1_000]
    with affordable(2):
        for _ in range(20):
            list(papers(line))
