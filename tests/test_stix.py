"""STIX bundles: who is accused, who is not, and that nothing is passed over in silence."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.incident import NO_INCIDENT, Incident, IncidentError, Indicators, Package
from forensics.model import Window
from forensics.stix import load_indicators, read_bundle, with_bundles
from forensics.stix.patterns import Accusation, accusations, is_single

A, D, H = "address", "domain", "hash"
DIGEST = "ab" * 32
INCIDENT = Incident.load("postmark-mcp")


def grammar() -> None:
    pytest.importorskip("stix2patterns", reason="needs the extra `stix`")


def read(*objects: Any, window: Window = INCIDENT.window, own: tuple[str, ...] = ()) -> tuple[Indicators, tuple[str, ...]]:
    raw = json.dumps({"type": "bundle", "id": "bundle--1", "objects": list(objects)}).encode()
    bundle = read_bundle(raw, "b.json", window, own)
    return bundle.indicators, bundle.remarks


def indicator(pattern: str, /, **more: Any) -> dict[str, Any]:
    return {"type": "indicator", "spec_version": "2.1", "pattern_type": "stix", "pattern": pattern} | more


def named(indicators: Indicators) -> list[str]:
    return sorted(indicators.addresses | indicators.domains)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[email-addr:value = 'phan@giftshop.club']", [(A, "phan@giftshop.club")]),
        (" [ email-addr:value='phan@giftshop.club' ] ", [(A, "phan@giftshop.club")]),
        ("[domain-name:value = 'giftshop.club']", [(D, "giftshop.club")]),
        ("[email-message:bcc_refs[*].value = 'x@evil.example']", [(A, "x@evil.example")]),
        ("[email-message:bcc_refs[0].value = 'x@evil.example']", [(A, "x@evil.example")]),
        ("[email-message:to_refs[*].value = 'x@evil.example']", [(A, "x@evil.example")]),
        ("[email-message:cc_refs[*].value = 'x@evil.example']", [(A, "x@evil.example")]),
        ("[email-message:from_ref.value = 'x@evil.example']", [(A, "x@evil.example")]),
        (f"[file:hashes.'SHA-256' = '{DIGEST}']", [(H, DIGEST)]),
        (r"[email-addr:value = 'o\'neil\\x@evil.example']", [(A, r"o'neil\x@evil.example")]),
        ("[url:value = 'https://evil.example/']", []),
        ("[ipv4-addr:value = '192.0.2.1']", []),
        ("[email-addr:display_name = 'x@evil.example']", []),
        ("[email-message:subject = 'x@evil.example']", []),
        ("[domain-name:resolves_to_refs[*].value = '192.0.2.1']", []),
        (f"[file:hashes.MD5 = '{DIGEST[:32]}']", []),
    ],
)
def test_a_single_comparison_accuses_without_the_grammar(
    pattern: str, expected: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "stix2patterns", None)
    monkeypatch.setitem(sys.modules, "stix2patterns.v21.pattern", None)
    remarks: Counter[str] = Counter()
    assert accusations(pattern, remarks) == expected
    assert bool(remarks) is (expected == [])


COMPLEX = [
    ("[email-addr:value = 'a@x.example'] OR [email-addr:value = 'b@x.example']", [(A, "a@x.example"), (A, "b@x.example")], 0),
    ("[email-addr:value = 'a@x.example' OR domain-name:value = 'y.example']", [(A, "a@x.example"), (D, "y.example")], 0),
    ("[email-addr:value IN ('a@x.example', 'b@x.example')]", [(A, "a@x.example"), (A, "b@x.example")], 0),
    ("[email-addr:value == 'a@x.example']", [(A, "a@x.example")], 0),
    ("[email-addr:value = 'a@x.example'] REPEATS 3 TIMES WITHIN 60 SECONDS", [(A, "a@x.example")], 0),
    ("[email-addr:value = 'a@x.example' AND url:value = 'https://x.example']", [(A, "a@x.example")], 2),
    ("[email-addr:value = 'a@x.example'] FOLLOWEDBY [domain-name:value = 'y.example']", [(A, "a@x.example"), (D, "y.example")], 1),
    ("([email-addr:value = 'a@x.example'] AND [domain-name:value = 'y.example'])", [(A, "a@x.example"), (D, "y.example")], 1),
    ("[email-addr:value LIKE '%@giftshop.club']", [(D, "giftshop.club")], 0),
    ("[domain-name:value LIKE '%.giftshop.club']", [(D, "giftshop.club")], 0),
    ("[domain-name:value LIKE 'giftshop.club']", [(D, "giftshop.club")], 0),
    # negated: accuses nobody
    ("[email-addr:value != 'good@x.example']", [], 1),
    ("[email-addr:value NOT = 'good@x.example']", [], 1),
    ("[email-addr:value NOT IN ('good@x.example')]", [], 1),
    ("[email-addr:value NOT LIKE '%@x.example']", [], 1),
    ("[email-addr:value = 'a@x.example' AND email-addr:value NOT IN ('good@x.example')]", [(A, "a@x.example")], 2),
    # wildcards that would accuse too many
    ("[email-addr:value LIKE 'a%@x.example']", [], 1),
    ("[email-addr:value LIKE '%@%.example']", [], 1),
    ("[domain-name:value LIKE '%gift%']", [], 1),
    ("[email-addr:value LIKE '%']", [], 1),
    ("[email-addr:value MATCHES '^phan@.*']", [], 1),
    ("[email-addr:value > 'a@x.example']", [], 1),
    # of one mail's correspondents the hidden one is guilty, and where none is hidden nobody knows who
    (
        ("[email-message:bcc_refs[*].value = 'evil@x.example' AND email-message:from_ref.value = 'victim@y.example' "
        "AND email-message:to_refs[*].value = 'customer@z.example']"),
        [(A, "evil@x.example")],
        2,
    ),
    ("[email-message:from_ref.value = 'a@x.example' AND email-message:to_refs[*].value = 'b@y.example']", [], 1),
    ("[email-message:from_ref.value = 'a@x.example' AND email-message:subject = 'Order']", [(A, "a@x.example")], 2),
    ("[email-message:from_ref.value = 'a@x.example' OR email-message:to_refs[*].value = 'b@y.example']", [(A, "a@x.example"), (A, "b@y.example")], 0),
    # no grammar
    ("", [], 1),
    ("[email-addr:value = 'a@x.example'", [], 1),
    ("email-addr:value = 'a@x.example'", [], 1),
    ("[email-addr:value = a@x.example]", [], 1),
    ("EXISTS email-addr:value", [], 1),
    ("[EXISTS email-addr:value]", [], 1),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "expected", "remarked"), COMPLEX)
def test_a_pattern_accuses_what_its_grammar_says(pattern: str, expected: list[tuple[str, str]], remarked: int) -> None:
    grammar()
    remarks: Counter[str] = Counter()
    assert accusations(pattern, remarks) == expected
    assert len(remarks) == remarked


def test_without_the_grammar_a_joined_pattern_is_remarked_and_accuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stix2patterns.v21.pattern", None)
    remarks: Counter[str] = Counter()
    assert accusations("[email-addr:value = 'a@x.example'] OR [email-addr:value = 'b@x.example']", remarks) == []
    assert "stix2-patterns" in next(iter(remarks))


VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(VALUES, st.sampled_from(["email-addr:value", "domain-name:value", "email-message:bcc_refs[*].value", "url:value"]))
def test_the_short_way_and_the_grammar_agree(value: str, path: str) -> None:
    grammar()
    text = value.replace("\\", "\\\\").replace("'", "\\'")
    short, long = Counter[str](), Counter[str]()
    assert is_single(f"[{path} = '{text}']")
    assert not is_single(f"([{path} = '{text}'])")
    assert accusations(f"[{path} = '{text}']", short) == accusations(f"([{path} = '{text}'])", long)
    assert short == long


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text("[]()':=\\ \x00aANDORIN%.@", max_size=60) | st.text(max_size=40))
def test_no_pattern_raises(pattern: str) -> None:
    remarks: Counter[str] = Counter()
    assert accusations(pattern, remarks) or remarks


def test_hostile_patterns_cost_little() -> None:
    with affordable(20):
        for pattern in (
            "[" * 60_000, "(" * 60_000, "'" * 60_000, "[email-addr:value = '" + "\\'" * 30_000, "[a:b='x'" + " OR a:b='y'" * 2_000 + "]",
            "(" * 60 + "[a:b='x']" + ")" * 60, "[a:b='x'" + " OR a:b='" + "\\'" * 900 + "']", "\\'" * 3_000, "x" * 10_000_000, "[a:b IN (" * 5_000, "[email-addr:value = 'a'" + " " * 60_000,
        ):  # fmt: skip
            remarks: Counter[str] = Counter()
            assert accusations(pattern, remarks) == []
            assert remarks


# --- bundles


def test_the_incidents_own_indicators_as_a_bundle() -> None:
    indicators, remarks = read(
        indicator("[email-addr:value = 'Phan@GiftShop.club']"),
        indicator("[domain-name:value = 'giftshop[.]club']"),
        {"type": "identity", "id": "identity--1", "name": "x"},
        {"type": "relationship", "id": "relationship--1"},
    )
    assert indicators == INCIDENT.indicators
    assert remarks == ()


@pytest.mark.parametrize(
    ("more", "taken", "remark"),
    [
        ({}, True, ""),
        ({"revoked": False}, True, ""),
        ({"revoked": True}, False, "indicators are revoked by their author (1)"),
        ({"valid_until": "2025-09-16T23:59:59Z"}, False, "indicators ended before the window starts (1)"),
        ({"valid_until": "2025-09-17T00:00:00Z"}, True, ""),
        ({"valid_until": "never"}, True, ""),
        ({"valid_from": "2026-01-01T00:00:00Z"}, True, ""),  # the day it was written down
        ({"pattern_type": "yara"}, False, "indicators are written in another pattern language than STIX (1)"),
        ({"pattern": None}, False, "indicators have no pattern (1)"),
        ({"indicator_types": ["benign"]}, False, ""),
        ({"labels": ["benign"]}, False, ""),
        ({"indicator_types": ["malicious-activity"]}, True, ""),
    ],
)
def test_what_an_indicator_says_of_itself_counts(more: dict[str, Any], taken: bool, remark: str) -> None:
    indicators, remarks = read(indicator("[email-addr:value = 'a@x.example']", **more))
    assert named(indicators) == (["a@x.example"] if taken else [])
    assert remarks == ((f"b.json: {remark}",) if remark else ())


def test_an_indicator_that_has_ended_counts_where_no_window_is_known() -> None:
    ended = indicator("[email-addr:value = 'a@x.example']", valid_until="2020-01-01T00:00:00Z")
    assert named(read(ended, window=Window())[0]) == ["a@x.example"]


def test_the_last_version_of_an_object_counts_whatever_their_order() -> None:
    old = indicator("[email-addr:value = 'old@x.example']", id="indicator--1", modified="2025-09-25T00:00:00Z")
    new = indicator("[email-addr:value = 'new@x.example']", id="indicator--1", modified="2025-09-25T00:00:00.5Z")
    assert named(read(old, new)[0]) == named(read(new, old)[0]) == ["new@x.example"]
    assert named(read(old, {**new, "revoked": True})[0]) == []


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("[domain-name:value = 'club']", "no domains"),
        ("[domain-name:value = 'co.uk']", "public suffixes"),
        ("[domain-name:value = 'gmail.com']", "mail providers"),
        ("[domain-name:value = 'zendesk.com']", "mail providers"),
        ("[domain-name:value = 'acme.example']", "the organisation's own"),
        ("[domain-name:value = 'mail.acme.example']", "the organisation's own"),
        ("[domain-name:value = 'giftshop.club/x']", "no domains"),
        ("[domain-name:value = '']", "no domains"),
        ("[email-addr:value = 'phan']", "no mail addresses"),
        ("[email-addr:value = '@giftshop.club']", "no mail addresses"),
        ("[email-addr:value = 'a@b c.example']", "no mail addresses"),
        (f"[email-addr:value = '{'a' * 400}@x.example']", "too long"),
        ("[file:hashes.'SHA-256' = 'abc']", "no SHA-256"),
    ],
)
def test_what_would_accuse_strangers_or_nobody_is_refused_and_said(pattern: str, words: str) -> None:
    indicators, remarks = read(indicator(pattern), own=("acme.example",))
    assert named(indicators) == []
    assert len(remarks) == 1
    assert words in remarks[0]
    assert "giftshop" not in remarks[0]


def test_an_address_may_lie_anywhere() -> None:
    indicators, remarks = read(
        *(indicator(f"[email-addr:value = '{one}']") for one in ("x@gmail.com", "x@acme.example", "x@giftshöp.example")),
        own=("acme.example",),
    )
    assert named(indicators) == ["x@acme.example", "x@gmail.com", "x@xn--giftshp-f1a.example"]
    assert remarks == ()


ADDRESSES = [
    {"type": "email-addr", "id": f"email-addr--{n}", "value": f"{n}@{n}.example"} for n in ("from", "to", "cc", "bcc", "lone")
]
MESSAGE = {
    "type": "email-message", "id": "email-message--1", "from_ref": "email-addr--from", "to_refs": ["email-addr--to"],
    "cc_refs": ["email-addr--cc"], "bcc_refs": ["email-addr--bcc"],
}  # fmt: skip


def test_of_an_observed_mail_only_the_hidden_recipient_is_taken() -> None:
    indicators, remarks = read(MESSAGE, *ADDRESSES)
    assert named(indicators) == ["bcc@bcc.example", "lone@lone.example"]
    assert remarks == (
        "b.json: addresses, domains and files were taken from observations that no indicator accuses: check them (2)",
        "b.json: observed addresses are those of mail's visible correspondents, and were not taken (3)",
    )


def test_observed_data_of_stix_2_0_carries_its_objects_inside() -> None:
    inside = {str(n): one for n, one in enumerate(ADDRESSES)}
    message = {"type": "email-message", "from_ref": "0", "to_refs": ["1"], "cc_refs": ["2"], "bcc_refs": ["3"]}
    observed = {"type": "observed-data", "id": "observed-data--1", "objects": {**inside, "m": message, "odd": 7}}
    other = {
        "type": "observed-data",
        "id": "observed-data--2",
        "objects": {"0": {"type": "domain-name", "value": "evil.example"}},
    }
    indicators, remarks = read(observed, other)
    assert named(indicators) == ["bcc@bcc.example", "evil.example", "lone@lone.example"]
    assert "b.json: entries are no STIX objects (1)" in remarks


def test_an_observed_correspondent_whom_an_indicator_accuses_is_taken() -> None:
    assert "to@to.example" in named(read(MESSAGE, *ADDRESSES, indicator("[email-addr:value = 'to@to.example']"))[0])


def test_observed_own_addresses_are_not_taken() -> None:
    assert named(read(*ADDRESSES[4:], own=("lone.example",))[0]) == []


def test_accused_and_called_benign_is_not_taken() -> None:
    bad = indicator("[email-addr:value = 'a@x.example']", id="indicator--1")
    good = indicator("[email-addr:value = 'a@x.example']", id="indicator--2", indicator_types=["benign"])
    indicators, remarks = read(bad, good)
    assert named(indicators) == []
    assert "called benign by another" in remarks[0]


def test_other_objects_are_counted_by_kind() -> None:
    odd = [{"type": kind} for kind in ("url", "url", "ipv4-addr", "X<script>", "y" * 50)]
    assert read(*odd, 5, {"type": 3})[1] == (
        "b.json: entries are no STIX objects (2)",
        "b.json: objects name no recipient: ipv4-addr 1, odd names 2, url 2 (5)",
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"x", b"null", b"7", b"{}", b'{"type":"bundle"}', b'{"objects":{}}', b"[" * 200_000, b'{"a":' * 100_000, b"\xff\xfe{}",
        b"indicator,address\n1,phan@giftshop.club\n",
    ],
)  # fmt: skip
def test_what_is_no_bundle_is_a_clear_error(raw: bytes, tmp_path: Path) -> None:
    place = tmp_path / "b.json"
    place.write_bytes(raw)
    with pytest.raises(IncidentError, match="STIX"):
        load_indicators(place)


def test_a_file_that_is_missing_or_too_large_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="cannot be read"):
        load_indicators(tmp_path / "none.json")
    with (tmp_path / "big.json").open("wb") as stream:
        stream.truncate(33 << 20)
    with pytest.raises(IncidentError, match="larger than 32 MiB"):
        load_indicators(tmp_path / "big.json")


def test_a_list_an_envelope_and_a_lone_object_will_do() -> None:
    one = indicator("[email-addr:value = 'a@x.example']")
    for shape in (one, [one], {"more": False, "objects": [one]}):
        assert named(read_bundle(json.dumps(shape).encode(), "b").indicators) == ["a@x.example"]
    assert named(read_bundle(b"\xef\xbb\xbf" + json.dumps(one).encode(), "b").indicators) == ["a@x.example"]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3))


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["type", "id", "value", "pattern", "revoked", "valid_until", "objects", "hashes", "to_refs", "from_ref",
                             "modified", "indicator_types", "pattern_type"]),
            JSON | st.sampled_from(["indicator", "email-addr", "email-message", "file", "domain-name", "observed-data"])
            | st.dictionaries(st.text(max_size=3), JSON, max_size=2),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_no_bundle_raises_and_what_it_names_is_canonical(objects: list[Any]) -> None:
    indicators, remarks = read(*objects)
    assert all(one.count("@") == 1 and one == one.lower() for one in indicators.addresses)
    assert len(remarks) <= 20


def test_a_feed_of_fifty_thousand_indicators_is_read_in_seconds() -> None:
    feed = [indicator(f"[email-addr:value = 'u{n}@evil{n % 99}.example']", id=f"indicator--{n}") for n in range(50_000)]
    with affordable(20):
        assert len(read(*feed)[0].addresses) == 50_000


# --- added to an incident


def write(folder: Path, name: str, *objects: Any) -> Path:
    place = folder / name
    place.write_text(json.dumps({"type": "bundle", "objects": list(objects)}), encoding="utf-8")
    return place


def test_bundles_add_to_an_incident_and_its_own_word_wins(tmp_path: Path) -> None:
    one = write(tmp_path, "one.json", indicator("[email-addr:value = 'a@x.example']"), indicator("[domain-name:value = 'mtasv.net']"),
                {"type": "file", "id": "file--1", "hashes": {"SHA-256": DIGEST.upper()}})  # fmt: skip
    two = write(
        tmp_path, "two.json",
        indicator("[email-addr:value = 'b@y.example']", id="1"),
        indicator("[email-addr:value = 'phan@giftshop.club']", indicator_types=["benign"], id="2"),
        indicator("[email-addr:value = 'fine@z.example']", indicator_types=["benign"], id="3"),
    )  # fmt: skip
    merged, remarks = with_bundles(INCIDENT, [one, two])
    assert named(merged.indicators) == ["a@x.example", "b@y.example", "giftshop.club", "phan@giftshop.club"]
    assert merged.packages[0].hashes == {**INCIDENT.packages[0].hashes, DIGEST: "named by a STIX bundle"}
    assert merged.not_indicators == {**INCIDENT.not_indicators, "fine@z.example": "benign by two.json"}
    assert merged.source == "incidents/postmark-mcp.toml; one.json; two.json"
    assert replace(
        merged, indicators=INCIDENT.indicators, packages=INCIDENT.packages, not_indicators=INCIDENT.not_indicators, source=INCIDENT.source
    ) == INCIDENT  # fmt: skip
    assert len(remarks) == 2
    assert "mail providers" in " ".join(remarks)


def test_an_incident_clears_what_a_bundle_accuses(tmp_path: Path) -> None:
    incident = Incident(not_indicators={"good@x.example": "ours"}, packages=(Package("npm", "p"),))
    place = write(tmp_path, "b.json", indicator("[email-addr:value = 'good@x.example']"))
    merged, remarks = with_bundles(incident, [place])
    assert replace(merged, source="") == incident
    assert remarks == ("b.json: the incident's [not_indicators] clears what the bundle accuses (1)",)


def test_no_incident_and_hashes_alone_are_remarked(tmp_path: Path) -> None:
    place = write(tmp_path, "b.json", indicator(f"[file:hashes.'SHA-256' = '{DIGEST}']"))
    merged, remarks = with_bundles(NO_INCIDENT, [place, place])
    assert replace(merged, source="") == NO_INCIDENT
    assert len(remarks) == 2
    assert "no package" in remarks[0]


def test_an_incident_made_of_bundles_alone_says_so(tmp_path: Path) -> None:
    merged, _ = with_bundles(NO_INCIDENT, [write(tmp_path, "b.json", indicator("[email-addr:value = 'a@x.example']"))])
    assert merged.title == "Indicators of STIX bundles"
    assert merged.source == "b.json"


def test_an_accusation_is_a_kind_and_a_value() -> None:
    assert Accusation(A, "x") == (A, "x")
