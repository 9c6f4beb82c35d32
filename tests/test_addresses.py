from __future__ import annotations

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics import addresses
from forensics.addresses import (
    ascii_domain,
    canonical,
    canonical_message_id,
    domain_of,
    is_within,
    mailboxes,
    registrable,
    without_tag,
)

X = "archive@collector.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann@Corp.Example", "ann@corp.example"),
        ("<ann@corp.example>", "ann@corp.example"),
        ("<>", ""),
        ("", ""),
        ("MAILER-DAEMON", "mailer-daemon"),
        ("ann@corp.example.", "ann@corp.example"),
        ('"archive"@collector.example', X),
        ('"a\\rchive"@collector.example', X),
        ("archive\x00@collector.example\x00", X),
        ("arch\u200bive@collector.example", X),
        ("<@relay.example,@other.example:archive@collector.example>", X),
        ("mailto:archive@collector.example", X),
        ("SMTP:archive@collector.example", X),
        ("ann+x@corp.example", "ann+x@corp.example"),  # a tag is part of the address
        ("ann@MÜNCHEN.example", "ann@xn--mnchen-3ya.example"),
        ("ann@XN--MNCHEN-3YA.example", "ann@xn--mnchen-3ya.example"),
        ("ann@i❤.example", "ann@xn--i-7iq.example"),
        ("ann@post_büro.example", "ann@xn--post_bro-c6a.example"),
        ('"archive@collector.example x"@corp.example', '"archive@collector.example x"@corp.example'),
        ("archive@collector.example x@corp.example", '"archive@collector.example x"@corp.example'),  # Postfix before 3.5
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
        ("collector.example", "collector.example"),
    ],
)
def test_canonical_form(text: str, expected: str) -> None:
    assert canonical(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("undisclosed-recipients:;", []),
        ("words without an address", []),
        ("good@a.example", ["good@a.example"]),
        ("Ann <good@a.example>, Bob <bob@a.example>", ["good@a.example", "bob@a.example"]),
        ('"Doe, Ann" <good@a.example>', ["good@a.example"]),
        ("Doe, John <archive@collector.example>", [X]),
        ("good@a.example <archive@collector.example>", [X]),  # CVE-2023-27043: the first is a display name
        ('"good@a.example" <archive@collector.example>', [X]),
        ("good@a.example; archive@collector.example", ["good@a.example", X]),
        ("undisclosed: archive@collector.example;", [X]),
        ('"My, group": good@a.example ,  archive@collector.example ;', ["good@a.example", X]),
        ("Name <archive@collector.example", [X]),
        ("Bob <bob@a.example, archive@collector.example, Al <al@a.example>", ["bob@a.example", X, "al@a.example"]),
        ("<<archive@collector.example>>", [X]),
        (",,archive@collector.example,,", [X]),
        ("archive(c)@collector.example", [X]),
        ("(archive@collector.example) good@a.example", ["good@a.example"]),
        (":-) good@a.example, archive@collector.example", ["good@a.example", X]),
        ("), good@a.example (, archive@collector.example", ["good@a.example", X]),
        ('(5" wide) good@a.example (6" wide)', ["good@a.example"]),
        ('"archive"@collector.example', [X]),
        ("<@relay.example:archive@collector.example>", [X]),
        ("<@r.example,@s.example:archive@collector.example>, good@a.example", [X, "good@a.example"]),
        ("archive@ collector.example", [X]),
        ("archive @collector . example", [X]),
        ("Ann @ Sales <good@a.example>", ["good@a.example"]),
        ('"Bob <bob@a.example>, archive@collector.example', ["bob@a.example", X]),
        ('"Bob <bob@a.example>, archive@collector.example, "Al" <al@a.example>', ["bob@a.example", X, "al@a.example"]),
        ('"Bob <bob@a.example>, x" <archive@collector.example>', [X]),
        ("<good@a.example> <archive@collector.example>", ["good@a.example", X]),
        ("good@a.example archive@collector.example", ["good@a.example", X]),
        ("'archive@collector.example'", [X]),
        ("O'Brien <o'brien@a.example>", ["o'brien@a.example"]),
        ("X <>, good@a.example <>", ["good@a.example"]),
        ('"archive@collector.example x"@corp.example', ['"archive@collector.example x"@corp.example']),
        ("ann+archive=collector.example@corp.example", ["ann+archive=collector.example@corp.example"]),
        ("archive@collector.example.", [X]),
        ("x" * 300 + "@a.example", ["x" * 300 + "@a.example"]),  # never the last part of a longer one
        ("ann@[192.0.2.1]", ["ann@[192.0.2.1]"]),
        ("ann@[IPv6:2001:db8::1]", ["ann@[ipv6:2001:db8::1]"]),
        ("bücher@MÜNCHEN.example", ["bücher@xn--mnchen-3ya.example"]),
    ],
)
def test_mailboxes_of_a_list(text: str, expected: list[str]) -> None:
    assert [one.address for one in mailboxes(text)] == expected


def test_a_name_is_kept_and_the_address_as_written() -> None:
    assert mailboxes('"Doe, Ann" <Ann@Corp.Example>') == [("Doe, Ann", "ann@corp.example", "Ann@Corp.Example")]


@pytest.mark.parametrize(
    "text",
    [
        ", ".join(f"n{i}@a.example" for i in range(200_000)),
        "(" * 200_000 + X,
        "(" * 200_000 + ")" * 200_000 + X,
        '"' * 200_001 + " " + X,
        '\\"' * 100_000 + X,
        "<" * 200_000 + X,
        "<@" * 100_000 + " " + X,
        "<@" + "," * 200_000 + X,
        "a" * 500_000 + " @ " + X,
        " . " * 100_000 + "@ " + X,
        ('"' + "\\a" * 300) * 500 + " " + X,
        "<" + " " * 300_000 + X,
    ],
    ids=[
        "recipients",
        "open",
        "nested",
        "quotes",
        "escaped",
        "angles",
        "routes",
        "commas",
        "letters",
        "dots",
        "quoted",
        "blanks",
    ],
)
def test_hostile_lists_cost_linear_time(text: str) -> None:
    with affordable(8):
        found = mailboxes(text)
    assert found


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab@.,;:<>()\"\\ 'é\x00-"), max_size=60))
def test_any_list_is_read_and_every_address_is_canonical(text: str) -> None:
    for one in mailboxes(text):
        assert canonical(one.written) == one.address
        assert canonical(one.address) == one.address


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_canonical_forms_stay_and_nothing_raises(text: str) -> None:
    once = canonical(text + "@" + text)
    assert isinstance(once, str)
    registrable(domain_of(once))
    ascii_domain(text)
    canonical_message_id(text)
    without_tag(once)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["Ann <ann@a.example>", "bob@b.example", "o'neill@a.example", "x", "A. B. <c+d@a.example>"]), max_size=6
    )
)
def test_the_quick_way_reads_what_the_tolerant_way_reads(parts: list[str]) -> None:
    text = ", ".join(parts)
    slow = [mailbox for item in addresses.items(text) for mailbox in addresses.mailboxes_in(item)]
    assert mailboxes(text) == slow


@pytest.mark.parametrize(
    ("domain", "parent", "expected"),
    [
        ("collector.example", "collector.example", True),
        ("sub.collector.example", "collector.example", True),
        ("a.b.collector.example", "collector.example", True),
        ("notcollector.example", "collector.example", False),
        ("collector.example.corp.example", "collector.example", False),
        ("example", "collector.example", False),
        ("collector.example", "", False),
    ],
)
def test_a_sub_domain_lies_within_label_by_label(domain: str, parent: str, expected: bool) -> None:
    assert is_within(domain, parent) is expected


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("mail.corp.co.uk", "corp.co.uk"),
        ("co.uk", "co.uk"),
        ("a.b.collector.example", "collector.example"),
        ("example", "example"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("", ""),
        ("..", ".."),
    ],
)
def test_registrable_domain(domain: str, expected: str) -> None:
    assert registrable(domain) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ann+x@a.example", "ann@a.example"),
        ("ann@a.example", "ann@a.example"),
        ("+x@a.example", "+x@a.example"),
        ('"a b+c"@a.example', '"a b+c"@a.example'),
        ("none", "none"),
    ],
)
def test_without_a_plus_tag(address: str, expected: str) -> None:
    assert without_tag(address) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<A.b@Corp.example>", "A.b@Corp.example"),
        (" <a@b.example> (a comment)", "a@b.example"),
        ("(first) <a@b.example>", "a@b.example"),
        ("a@b.example (added)", "a@b.example"),
        ("<a@\n b.example>", "a@b.example"),
        ("<0A1B@MTASV.net>", "0a1b@mtasv.net"),
        ("<0A1B@notmtasv.net>", "0A1B@notmtasv.net"),
        ("<open@b.example", "open@b.example"),
        ("", ""),
    ],
)
def test_message_ids_compare_by_octets_but_for_postmarks_own(text: str, expected: str) -> None:
    assert canonical_message_id(text) == expected
