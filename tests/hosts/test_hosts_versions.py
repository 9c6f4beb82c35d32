"""Versions and ranges: what is bad, what can bring a bad one, and both from the near side, too."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.hosts.sightings import Event, Kind, State, Trace, wanted_from
from forensics.hosts.versions import can_meet, contains, intervals, version
from forensics.incident import Incident, Package

BAD = intervals(">=1.0.16") or ()
numbers = st.integers(0, 40)
versions = st.tuples(numbers, numbers, numbers).map(lambda parts: ".".join(map(str, parts)))


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("1.0.15", False), ("1.0.16", True), ("1.0.17", True), ("1.0.160", True), ("1.1.0", True), ("2.0.0", True), ("0.9.99", False),
        ("1.0.2", False), ("1.0.9", False), ("v1.0.16", True), ("=1.0.16", True), ("1.0.16+build.5", True), ("1.0.16-rc.1", False),
        ("1.0.17-rc.1", True), ("1.0.15+x", False),
    ],
)  # fmt: skip
def test_a_version_is_bad_from_1_0_16_on(text: str, bad: bool) -> None:
    one = version(text)
    assert one is not None
    assert contains(BAD, one) is bad


@pytest.mark.parametrize(
    "text", ["", "1.0", "latest", "1.0.x", "^1.0.16", "1.0.16.1", "01.0.0", "git+ssh://x", "9" * 400, "1.0.16\n1"]
)
def test_what_is_no_version_is_none(text: str) -> None:
    assert version(text) is None


@pytest.mark.parametrize(
    ("text", "can"),
    [
        ("", True), ("*", True), ("x", True), ("1", True), ("1.x", True), ("1.0", True), ("1.0.x", True), ("^1.0.0", True), ("~1.0.3", True),
        ("^1.0.15", True), ("~1.0", True), ("^0.9.0", False), ("~0.9", False), ("^0.0.3", False), ("0.x", False), ("1.0.15", False),
        ("=1.0.15", False), ("1.0.16", True), ("<1.0.16", False), ("<=1.0.16", True), ("<=1.0.15", False), (">1.0.15", True), (">=2", True),
        ("<1", False), ("<2", True), (">=1.0.0 <1.0.16", False), (">=1.0.0 <1.0.17", True), (">= 1.0.0 < 1.0.16", False), (">=1.0.0,<1.0.16", False),
        ("1.0.0 - 1.0.15", False), ("1.0.0 - 1.0.16", True), ("1.0.0 - 1.0", True), ("1.0.1 || 1.0.2", False), ("1.0.1 || ^1.0.2", True),
        ("~1.0.15 <1.0.16", False), (">1.0", True), (">0.9 <1", False), ("<*", False), (">1 <1", False),
    ],
)  # fmt: skip
def test_a_range_can_bring_a_bad_version(text: str, can: bool) -> None:
    allowed = intervals(text)
    assert allowed is not None
    assert can_meet(allowed, BAD) is can


@pytest.mark.parametrize(
    "text",
    ["latest", "next", "github:a/b", "file:../x", "1.0.16 beta", "^^1", ">=", "1.2.3.4", "1" * 300, "workspace:^", "1.0.0 -"],
)
def test_what_is_no_range_is_none(text: str) -> None:
    assert intervals(text) is None


@pytest.mark.property
@settings(max_examples=100)
@given(versions, versions)
def test_order_is_that_of_numbers(one: str, other: str) -> None:
    first, second = version(one), version(other)
    assert first is not None
    assert second is not None
    as_numbers = [tuple(map(int, text.split("."))) for text in (one, other)]
    assert (first < second) is (as_numbers[0] < as_numbers[1])
    at_least, below = intervals(f">={other}"), intervals(f"<{other}")
    assert contains(at_least or (), first) is not contains(below or (), first)
    assert can_meet(intervals(one) or (), at_least or ()) is contains(at_least or (), first)


@pytest.mark.property
@settings(max_examples=100)
@given(st.text(alphabet="0123456789.^~<>=|x*- ,vab", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    allowed = intervals(text)
    assert allowed is None or isinstance(can_meet(allowed, BAD), bool)
    version(text)


@pytest.mark.parametrize(
    ("text", "elsewhere", "proven", "kind", "state"),
    [
        ("1.0.16", False, False, Kind.LOCK, State.BAD),
        ("1.0.16", True, False, Kind.LOCK, State.OTHER),  # from git: the genuine project or a fork
        ("1.0.16", False, False, Kind.CHECKOUT, State.OTHER),
        ("1.0.0", False, True, Kind.CHECKOUT, State.BAD),  # known bytes
        ("1.0.15", False, False, Kind.INSTALLED, State.OTHER),
        ("1.0.15", False, True, Kind.INSTALLED, State.BAD),
        ("", False, False, Kind.CONFIG, State.UNKNOWN),
        ("latest", False, False, Kind.CONFIG, State.UNKNOWN),
        ("^1.0.0", False, False, Kind.MANIFEST, State.UNKNOWN),
        ("<1.0.16", False, False, Kind.MANIFEST, State.OTHER),
        ("not a version", False, False, Kind.LOCK, State.UNKNOWN),
    ],
)
def test_a_trace_is_judged(text: str, elsewhere: bool, proven: bool, kind: Kind, state: State) -> None:
    wanted, _ = wanted_from(Incident.load("postmark-mcp"))
    assert wanted.judge(Trace("postmark-mcp", text, kind, Event.STANDS, elsewhere=elsewhere, proven=proven)) is state


def test_a_package_without_versions_is_bad_in_all_and_other_ecosystems_are_told() -> None:
    wanted, notes = wanted_from(
        Incident(packages=(Package("npm", "evil-mcp"), Package("pypi", "evil"), Package("npm", "tagged", ("beta",))))
    )
    assert set(wanted.packages) == {"evil-mcp", "tagged"}
    assert wanted.judge(Trace("evil-mcp", "0.0.1", Kind.LOCK, Event.STANDS)) is State.BAD
    assert wanted.judge(Trace("tagged", "beta", Kind.LOCK, Event.STANDS)) is State.BAD
    assert wanted.judge(Trace("tagged", "1.0.0", Kind.LOCK, Event.STANDS)) is State.OTHER
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [(">1.0.16", "1.0.17", "1.0.16"), (">=1.0.16", "1.0.16", "1.0.15"), ("<1.0.16", "1.0.15", "1.0.16"), ("<=1.0.16", "1.0.16", "1.0.17"), ("1.0.16", "1.0.16", "1.0.17"), ("^1.0.16", "1.9.0", "2.0.0"), ("~1.0.16", "1.0.99", "1.1.0")],
)  # fmt: skip
def test_edges_of_a_range(text: str, inside: str, outside: str) -> None:
    allowed, one, other = intervals(text), version(inside), version(outside)
    assert allowed is not None
    assert one is not None
    assert other is not None
    assert contains(allowed, one)
    assert not contains(allowed, other)
