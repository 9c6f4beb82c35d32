"""The list of services: complete, without overlap, and never wider than a vendor's own names."""

from __future__ import annotations

import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from forensics.addresses import ascii_domain, registrable
from forensics.known_services import Service, known_service, known_services, providers

OWN_SUFFIXES = {"ladesk.com"}  # the suffix list counts its sub-domains as registered by customers: all of them are help desks
LISTED = [(one, domain) for one in known_services() for domain in one.domains]


@pytest.mark.parametrize(
    ("domain", "kind", "name"),
    [
        ("bcc.hubspot.com", "crm", "HubSpot"),
        ("eu.bcc.hubspot.com", "crm", "HubSpot"),
        ("pipedrivemail.com", "crm", "Pipedrive (Smart Bcc)"),
        ("invite.trustpilot.com", "reviews", "Trustpilot (automatic feedback service)"),
        ("acme.zendesk.com", "helpdesk", "Zendesk"),
        ("x.y.in.salesforce.com", "crm", "Salesforce (Email to Salesforce)"),
        ("a.case.salesforce.com", "helpdesk", "Salesforce (Email-to-Case)"),
    ],
)
def test_a_service_is_known_by_its_domain_and_sub_domains(domain: str, kind: str, name: str) -> None:
    found = known_service(domain)
    assert found is not None
    assert (found.kind, found.name) == (kind, name)


@pytest.mark.parametrize(
    "domain",
    [
        "", ".", "com", "hubspot.com", "mail.hubspot.com", "trustpilot.com", "salesforce.com",  # the vendor's own people
        "evilpipedrivemail.com", "zendesk.com.attacker.example", "zendesk.co", "zendesk", "bcc-hubspot.com",
        "gmail.com", "googlegroups.com", "giftshop.club", "a." * 100_000 + "zendesk.com",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_service_is_none(domain: str) -> None:
    assert known_service(domain) is None


def test_it_names_the_service_and_what_to_check() -> None:
    found = known_service("bcc.hubspot.com")
    assert found is not None
    assert found.words == "a CRM drop box of HubSpot: check that the account is yours"


def test_every_entry_is_whole() -> None:
    table = tomllib.loads((ROOT / "forensics" / "known_services.toml").read_text(encoding="utf-8"))
    assert set(table) == {"kinds", "services", "providers"}
    assert all(set(one) == {"kind", "name", "domains", "source"} for one in table["services"])
    assert len(LISTED) >= 60
    assert {one.kind for one in known_services()} == set(table["kinds"])
    assert all(re.match(r"an? ", told) for told in table["kinds"].values())
    assert len({one.name for one in known_services()}) == len(known_services())


@pytest.mark.parametrize(("one", "domain"), LISTED, ids=[domain for _, domain in LISTED])
def test_every_domain_is_canonical_and_names_no_public_suffix_and_no_provider(one: Service, domain: str) -> None:
    assert domain == ascii_domain(domain)
    if domain not in OWN_SUFFIXES:
        assert registrable("x." + domain) != "x." + domain, "a public suffix would cover strangers"
    assert domain not in providers()
    assert re.fullmatch(r"https://[a-z0-9.-]+/\S*", one.source)
    assert known_service(domain) is one


def test_no_domain_is_listed_twice() -> None:
    assert len({domain for _, domain in LISTED}) == len(LISTED)


def test_providers_are_canonical_and_listed_once() -> None:
    table = tomllib.loads((ROOT / "forensics" / "known_services.toml").read_text(encoding="utf-8"))["providers"]
    named = [*table["mailboxes"], *table["carriers"]]
    assert sorted(named) == sorted(providers())
    assert {one for one in named if registrable("x." + one) == "x." + one} == set()


@pytest.mark.property
@settings(max_examples=100)
@given(st.text(max_size=60))
def test_any_text_may_be_asked_for(text: str) -> None:
    found = known_service(text)
    assert found is None or any(text == one or text.endswith("." + one) for one in found.domains)
