"""Domains that imitate others, and the many honest neighbours that do not."""

from __future__ import annotations

from itertools import pairwise

import duckdb
import pytest
from affordable import affordable
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tables import ACME, START, day, findings, sent, tables

from forensics.addresses import ascii_domain
from forensics.detectors.lookalike_domain import DETECTOR
from forensics.detectors.lookalike_domain.confusables import near_skeleton, readable, skeleton
from forensics.detectors.lookalike_domain.likeness import Genuine, Kind, resemblance
from forensics.incident import NO_INCIDENT, Incident, Indicators
from forensics.known_services import providers
from forensics.model import Finding, Observation, Verdict, Window
from forensics.plugins import Scope
from forensics.policy import Expected, Policy

WINDOW = Incident(name="t", window=Window(START))
OWN = "waynetech.example"
LONG = "wayne-enterprises.example"


def kind(domain: str, genuine: str) -> Kind | None:
    found = resemblance(domain, genuine)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("domain", "genuine", "how"),
    [
        ("acrne.example", "acme.example", Kind.PRINT),
        ("аcme.example", "acme.example", Kind.PRINT),  # Cyrillic a
        (ascii_domain("аcme.example"), "acme.example", Kind.PRINT),  # the same as a log writes it
        ("ɑcme.example", "acme.example", Kind.PRINT),  # Latin alpha
        ("acmé.example", "acme.example", Kind.PRINT),
        ("vvaynetech.example", OWN, Kind.PRINT),
        ("waynetech.example".replace("n", "ո"), OWN, Kind.PRINT),  # Armenian vo
        ("g0thambank.test", "gothambank.example", Kind.PRINT),
        ("globa1.example", "global.example", Kind.PRINT),
        ("acme.example.attacker.example", "acme.example", Kind.CARRIED),
        ("mail.acme.example.attacker.test", "acme.example", Kind.CARRIED),
        ("acme-example.attacker.test", "acme.example", Kind.CARRIED),
        ("acme-example.test", "acme.example", Kind.CARRIED),
        ("acme.co.uk.attacker.example", "acme.co.uk", Kind.CARRIED),
        ("acme-co-uk.attacker.example", "acme.co.uk", Kind.CARRIED),
        ("wanyetech.example", OWN, Kind.EDIT),  # swapped
        ("waynettech.example", OWN, Kind.EDIT),  # doubled
        ("wayntech.example", OWN, Kind.EDIT),  # left out
        ("waynrtech.example", OWN, Kind.EDIT),  # the key beside it
        ("fiatbank.example", "flatbank.example", Kind.EDIT),  # alike at a glance
        ("waynne-enterprizes.example", LONG, Kind.EDIT),
        ("wayneenterprises.example", LONG, Kind.PARTS),
        ("wayne-tech.example", OWN, Kind.PARTS),
        ("waynetech-support.example", OWN, Kind.PARTS),
        ("mail-waynetech.test", OWN, Kind.PARTS),
        ("stark.example", "stark-group.example", Kind.PARTS),
        ("waynetech.test", OWN, Kind.ENDING),
        ("waynetech.co.uk", OWN, Kind.ENDING),
        ("brwan.example", "brawn.example", Kind.EDIT),  # five letters: a swap
    ],
)
def test_an_imitation_is_seen_and_named_by_its_way(domain: str, genuine: str, how: Kind) -> None:
    assert kind(domain, genuine) is how


@pytest.mark.parametrize(
    ("domain", "genuine"),
    [
        ("acme.example", "acme.example"),
        ("mail.acme.example", "acme.example"),  # a sub-domain
        ("acme.example", "mail.acme.example"),
        ("acne.example", "acme.example"),  # four letters
        ("acmee.example", "acme.example"),
        ("acme.test", "acme.example"),
        ("acme-mail.example", "acme.example"),
        ("ibn.example", "ibm.example"),
        ("1bm.example", "ibm.example"),
        ("meier.example", "maier.example"),  # five letters, one of them another
        ("bauer.example", "brauer.example"),
        ("brauer.example", "bauer.example"),
        ("delta.example", "della.example"),
        ("canon.example", "canyon.example"),
        ("kanzlei-maier.example", "kanzlei-meier.example"),  # what differs is short
        ("maier-consulting.example", "meier-consulting.example"),
        ("clean.example", "dean.example"),
        ("flat.example", "fiat.example"),
        ("acid.example", "add.example"),
        ("shop-eins1.example", "shop-eins2.example"),  # a series
        ("division7.example", "division8.example"),
        ("lieferant.example", "lieferant2.example"),
        ("partner.example", "partners.example"),  # a plural
        ("waynetechnology.example", OWN),
        ("technowayne.example", OWN),
        ("wayne.example", OWN),
        ("waynetach.test", OWN),  # a slip and another ending: two names
        ("enterprises.example", LONG),
        ("wayne-companies.example", LONG),
        ("stadtwerke-bonn.example", "stadtwerke-koeln.example"),
        ("stadtwerke-ulm.example", "stadtwerke-hamm.example"),
        ("sparkasse-essen.example", "sparkasse-giessen.example"),
        ("waynetech.zendesk.com", OWN),  # a tenant's name in front of a service's domain
        ("waynetech.onmicrosoft.com", OWN),
        ("waynetech-example", OWN),
        ("acme.com.br", "acme.com"),  # the same name in another country: too short to be worth a word
        ("acme.com.au", "acme.com"),
        ("kanzlei-weber.example", "kanzlei-huber.example"),
        ("rechtsanwalt-meyer.example", "rechtsanwalt-mayr.example"),
        ("mit.example", "mail.example"),
        ("example", "acme.example"),
        ("", "acme.example"),
        (".", "acme.example"),
        ("[192.0.2.1]", "acme.example"),
        ("xn--", "acme.example"),
        ("xn--99999999999.example", "acme.example"),
    ],
)
def test_an_honest_neighbour_is_no_imitation(domain: str, genuine: str) -> None:
    assert kind(domain, genuine) is None


HONEST = """
alpha amber anchor apex arrow atlas aurora avalon beacon birch bishop blue bolt bridge bright brook cedar center central century
chase circle citadel clark clear cliff coast cobalt compass concord coral corner crown crystal dale dawn delta diamond dragon dunn eagle
east echo edge element elm ember empire epic era evergreen falcon fisher flint forest forge fort fox frontier fusion gate gem global gold
granite green griffin grove harbor harper haven hawk heritage hill horizon hudson icon iron ivy jade jet jones keystone king lake lark
laurel legacy liberty light lion lotus luna lynx maple marina mason matrix maxim meridian metro miller mint modern moon morgan nest
nexus noble north nova oak ocean olive omega onyx opal orbit orion osprey pacific palm paragon park peak pearl phoenix pine pinnacle
pioneer polar prime quantum quest rain raven red reed ridge river rock rose royal ruby rush sage sail sand sapphire scout shell
shore sierra silver sky solar spark spring star stone storm summit sun swan swift terra thorn tiger titan tower trinity true turner
union unity valley vega venture vertex vista vulcan wagner walker warner wave west white willow wind wing wolf wood york zenith
schneider fischer meyer weber schulz becker hoffmann koch richter klein wolff schroeder neumann braun hofmann schmitz krause lehmann
""".split()  # noqa: SIM905  two hundred words, to be read


def test_no_two_of_many_honest_names_imitate_each_other_in_print() -> None:
    found = [
        (one, other)
        for one in HONEST
        for other in HONEST
        if one != other and kind(f"{one}.example", f"{other}.example") in {Kind.PRINT, Kind.CARRIED}
    ]
    assert found == []


def test_few_of_many_honest_names_are_a_slip_apart() -> None:
    pairs = [(one, other) for one in HONEST for other in HONEST if one < other]
    found = [pair for pair in pairs if kind(f"{pair[0]}.example", f"{pair[1]}.example")]
    assert len(pairs) > 20_000
    assert found == [("hoffmann", "hofmann")]


def test_providers_are_no_imitations_in_print_of_each_other() -> None:
    names = sorted(providers())
    assert [(a, b) for a in names for b in names if kind(a, b) in {Kind.PRINT, Kind.CARRIED}] == []


def test_skeletons_fold_in_an_order_that_lets_pairs_meet() -> None:
    assert skeleton("c1ear") == skeleton("clear") != skeleton("dear")
    assert near_skeleton("c1ear") == near_skeleton("dear")
    assert skeleton("rn") == skeleton("m") == skeleton("ɱ") != skeleton("n")
    assert skeleton("a-b") != skeleton("ab")
    assert readable("xn--80ak6aa92e") == "аррӏе"
    assert skeleton("xn--80ak6aa92e") == "applie".replace("lie", "ie")  # its palochka passes for an i


NAMES = st.text("abcmnrdeil01-", min_size=1, max_size=16).map(lambda name: name.strip("-") or "a")
WHOLE = st.builds("{}.{}".format, NAMES, st.sampled_from(["example", "test", "co.uk", "com"]))


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, str]:
    """A genuine domain, and one a few edits from it."""
    genuine = draw(WHOLE)
    name, _, suffix = genuine.partition(".")
    for _ in range(draw(st.integers(0, 3))):
        at, letter = (
            draw(st.integers(0, len(name))),
            draw(st.sampled_from(["", "a", "rn", "vv", "cl", "l", "-", "mail", "support-"])),
        )
        name = name[:at] + letter + name[at + draw(st.integers(0, 2)) :]
    name = name.strip("-") or "b"
    return f"{name}.{draw(st.sampled_from([suffix, 'test', f'{suffix}.attacker.test']))}", genuine


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(edited())
@example(("acme-co-uk.attacker.test", "acme.co.uk"))
@example(("waynne-enterprizes.example", LONG))
def test_whatever_imitates_is_found_among_what_is_filed(pair: tuple[str, str]) -> None:
    domain, genuine = pair
    if resemblance(domain, genuine):
        assert genuine in Genuine([genuine]).near(domain)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80), st.text(max_size=20))
def test_any_text_may_be_compared(domain: str, genuine: str) -> None:
    for one in (domain, f"xn--{domain}.example", f"{domain}.{genuine}"):
        resemblance(one, genuine)
        Genuine([genuine]).near(one)
        assert skeleton(one) == skeleton(one)


def test_a_hostile_domain_costs_little() -> None:
    filed = Genuine([OWN, LONG])
    with affordable(5):
        for domain in (
            "a." * 100_000 + "example",
            "-" * 100_000 + ".example",
            "mail" * 50_000 + ".example",
            "xn--" + "9" * 100_000,
        ):
            assert filed.near(domain) <= {OWN, LONG}
            assert not resemblance(domain, OWN)


# --- over the tables of a case


def mail(count: int = 12, to: str = "ann@bigpartner.example", start: float = -20) -> list[Observation]:
    return [sent(day(start + n / 10), to=to, message_id=f"{to}-{start}-{n}") for n in range(count)]


def hidden(address: str, at: float = 1) -> list[Observation]:
    return [sent(day(at), to="bob@other.example", bcc=address, message_id=f"hidden-{address}-{at}")]


def shown(address: str, at: float = 1) -> list[Observation]:
    return [sent(day(at), to=address, message_id=f"shown-{address}-{at}")]


def ask(mails: list[Observation], policy: Policy = ACME, incident: Incident = WINDOW) -> dict[str, Finding]:
    return findings(tables(mails, policy, incident), "lookalike_domain", policy, incident)


def only(mails: list[Observation], policy: Policy = ACME, incident: Incident = WINDOW) -> tuple[str, float] | None:
    found = ask(mails, policy, incident)
    assert len(found) <= 1
    return next(((one.verdict.value, one.score) for one in found.values()), None)


WAYNE = Policy(domains=("acme.example", OWN))


@pytest.mark.parametrize(
    ("mails", "policy", "expected"),
    [
        (hidden("x@acrne.example"), ACME, ("probable", 0.9)),
        (shown("x@acrne.example"), ACME, ("possible", 0.4)),
        (hidden("x@acrne.example", -5) + hidden("x@acrne.example"), ACME, ("possible", 0.5)),  # in use before
        (hidden("x@acrne.example", -5), ACME, None),  # and not since
        (hidden("x@acme.example.attacker.test"), ACME, ("probable", 0.9)),
        (hidden("x@acme.example.rpost.org"), ACME, None),  # a service that works this way
        (hidden("x@acme.example.test-google-a.com"), ACME, None),
        (hidden("x@waynetehc.example"), WAYNE, ("probable", 0.8)),
        (hidden("x@waynetech-mail.example"), WAYNE, ("probable", 0.8)),  # new, and there is older mail to compare with
        (hidden("x@waynetech.test"), WAYNE, ("possible", 0.5)),  # perhaps a domain that nobody declared
        (shown("x@waynetech.test", -5) + shown("x@waynetech.test"), WAYNE, None),  # a neighbour of old
        (hidden("x@bigpartnre.example"), ACME, ("possible", 0.5)),
        (shown("x@bigpartnre.example"), ACME, None),  # among thousands of partners some have honest neighbours
        (shown("x@bigpаrtner.example"), ACME, ("possible", 0.4)),
        (shown("x@bigpartner.test"), ACME, None),  # a partner's other country
        (hidden("x@bigpartner.test"), ACME, ("possible", 0.5)),
        (hidden("x@blgpartner.example"), ACME, ("possible", 0.5)),
        (hidden("x@b1gpartner.example"), ACME, ("possible", 0.5)),
        (hidden("x@bigpartner.exarnple"), ACME, ("possible", 0.5)),
        (hidden("x@bigpаrtner.example"), ACME, ("probable", 0.9)),
        (shown("x@gmial.com"), ACME, None),  # a customer's typing error
        (hidden("x@gmial.com"), ACME, ("possible", 0.5)),
        (hidden("x@gmаil.com"), ACME, ("probable", 0.9)),
        (hidden("x@gmail.com"), ACME, None),
        (hidden("x@ymail.com"), ACME, None),  # honest, and one letter from gmail.com
        (hidden("x@outlook.example"), ACME, None),
        (hidden("x@acme.example"), ACME, None),
        (hidden("x@mail.acme.example"), ACME, None),
    ],
)
def test_what_a_likeness_is_worth(mails: list[Observation], policy: Policy, expected: tuple[str, float] | None) -> None:
    assert only(mail() + mails, policy) == expected


def test_a_partner_must_be_busier_and_no_younger() -> None:
    assert only(mail(9) + hidden("x@bigpartnre.example")) is None
    assert only(mail(10) + hidden("x@bigpartnre.example")) is not None
    assert only(mail(20) + [one for n in range(5) for one in hidden("x@bigpartnre.example", n)]) is None
    assert only(mail(20, start=5) + hidden("x@bigpartnre.example")) is None


def test_a_message_to_several_mailboxes_of_a_domain_is_one_message() -> None:
    pair = "ann@bigpartner.example bob@bigpartner.example"
    assert only(mail(9, pair) + hidden("x@bigpartnre.example")) is None
    assert only(mail(9, pair) + mail(1, "ann@bigpartner.example", -10) + hidden("x@bigpartnre.example")) is not None
    one = hidden("x@bigpartnre.example y@bigpartnre.example", 1) + hidden("x@bigpartnre.example y@bigpartnre.example", 2)
    assert len(ask(mail(10) + one)) == 2  # two messages: ten are five times as many


def test_a_word_more_says_little_where_there_is_no_older_mail() -> None:
    assert only(hidden("x@waynetech-mail.example"), WAYNE) == ("possible", 0.5)
    assert only(hidden("x@waynetech-mail.example"), WAYNE, NO_INCIDENT) == ("possible", 0.5)
    assert only(hidden("x@waynetehc.example"), WAYNE, NO_INCIDENT) == ("probable", 0.8)


def test_what_is_expected_or_an_indicator_is_not_blamed_twice() -> None:
    expects = Policy(domains=("acme.example",), expected=(Expected(address="x@acrne.example", reason="ours"),))
    assert only(hidden("x@acrne.example"), expects) is None
    named = Incident(window=Window(START), indicators=Indicators(frozenset({"x@acrne.example"})))
    assert only(hidden("x@acrne.example"), incident=named) is None


def test_the_sentence_says_what_it_imitates_and_how() -> None:
    found = ask(mail() + hidden("x@acrne.example"))["x@acrne.example"]
    assert found.reason == (
        "x@acrne.example: the domain acrne.example looks like acme.example in print (an own domain), and it received 1 message "
        "in the window and stood in neither To nor Cc, which no typing error explains."
    )
    assert found.features == (("imitates", "acme.example"), ("how", "print"), ("messages", "1"))
    assert found.verdict is Verdict.PROBABLE


def test_twenty_thousand_domains_are_compared_in_seconds() -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        "CREATE TABLE addresses AS SELECT n AS aid, 'u@' || d AS address, d AS domain, d AS registrable, n < 3 AS own, '' AS indicator "
        "FROM (SELECT n, CASE WHEN n = 9 THEN substr(md5('1'), 1, 11) || 'x.example' ELSE substr(md5((n % 16000)::VARCHAR), 1, 8 + n % 9) || '.example' END AS d "
        "FROM range(20000) t(n))"
    )
    connection.execute(
        "CREATE TABLE copied AS SELECT n AS msg, n % 20000 AS aid, true AS judged, false AS trace_only, true AS in_window, "
        "NULL::BIGINT AS entry, CASE WHEN n % 3 = 0 THEN 'yes' ELSE 'no' END AS blind, TIMESTAMPTZ '2025-09-20' AS sent_at FROM range(200000) t(n)"
    )
    connection.execute("CREATE TABLE messages AS SELECT msg, judged, sent_at FROM copied")
    with affordable(40):
        list(DETECTOR.detect(connection, Scope(WINDOW, ACME)))


def test_words_of_the_kinds_are_in_order_of_weight() -> None:
    assert all(one < other for one, other in pairwise(Kind))
