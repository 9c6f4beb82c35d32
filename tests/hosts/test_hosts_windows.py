"""Windows from sightings: each rule for a start and an end, from both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.hosts.sightings import Event, Kind, Sighting, State
from forensics.hosts.windows import exposures
from forensics.model import Window

PUBLISHED = datetime(2025, 9, 17, tzinfo=UTC)


def at(day: int, hour: int = 10, minute: int = 0) -> datetime:
    return datetime(2025, 9, day, hour, minute, tzinfo=UTC)


def seen(
    kind: Kind, event: Event, when: datetime | None = None, *, version: str = "1.0.16", state: State = State.BAD, path: str = "a"
) -> Sighting:
    return Sighting("web1", path, "postmark-mcp", version, kind, state, event, at=when, clock="a clock" if when else "")


STANDS = seen(Kind.INSTALLED, Event.STANDS)
COMMITTED = seen(Kind.COMMIT, Event.ARRIVED, at(18), path="app/.git:package-lock.json")
DROPPED = seen(Kind.COMMIT, Event.REMOVED, at(26), path="app/.git:package-lock.json")
CACHED = seen(Kind.NPM_CACHE, Event.ARRIVED, at(18))
LOGGED = seen(Kind.NPM_LOG, Event.ARRIVED, at(18, 9, 59))
RAN = seen(Kind.NPM_LOG, Event.RAN, at(20))
UNINSTALLED = seen(Kind.NPM_LOG, Event.REMOVED, at(25), state=State.UNKNOWN, version="")
ASKED = seen(Kind.NPM_CACHE, Event.NAMED, at(18), state=State.UNKNOWN, version="")
CONFIG = seen(Kind.CONFIG, Event.STANDS, state=State.UNKNOWN, version="")
OLD = seen(Kind.LOCK, Event.STANDS, state=State.OTHER, version="1.0.15")


@pytest.mark.parametrize(
    ("sightings", "start", "words", "earliest"),
    [
        ([STANDS], PUBLISHED, "publication", PUBLISHED),
        ([CONFIG], PUBLISHED, "publication", PUBLISHED),
        ([COMMITTED, STANDS], at(18), "first seen by lock file commit", PUBLISHED),
        ([LOGGED], at(18, 9, 59), "first seen by npm log", PUBLISHED),
        ([CACHED], at(18), "first seen by npm cache", at(18)),
        ([CACHED, STANDS], at(18), "first seen by npm cache", at(18)),
        ([LOGGED, CACHED], at(18, 9, 59), "first seen by npm log", at(18, 9, 59)),  # one run: the stamp, then the download
        ([replace(LOGGED, at=at(17)), CACHED], at(17), "may have been there before", PUBLISHED),  # another run, a day earlier
        ([CACHED, replace(STANDS, path="x/node_modules/.pnpm/y")], at(18), "may have been there before", PUBLISHED),  # pnpm fills no such cache
        ([replace(CACHED, at=datetime(2024, 1, 1, tzinfo=UTC))], datetime(2024, 1, 1, tzinfo=UTC), "before publication", datetime(2024, 1, 1, tzinfo=UTC)),
        ([ASKED, replace(CACHED, at=at(19))], at(19), "npm cache", at(19)),  # that it was asked for does not make a start
    ],
)  # fmt: skip
def test_starts(sightings: list[Sighting], start: datetime, words: str, earliest: datetime) -> None:
    (one,) = exposures(sightings, PUBLISHED)
    assert (one.start, one.earliest) == (start, earliest)
    assert words in one.start_basis


@pytest.mark.parametrize(
    ("sightings", "end", "live", "words"),
    [
        ([STANDS, COMMITTED, DROPPED], None, True, "live: installed copy"),
        ([CONFIG], None, True, "live: MCP client configuration"),
        ([COMMITTED, DROPPED], at(26), False, "removed by lock file commit"),
        ([LOGGED, CACHED, UNINSTALLED], at(25), False, "removed by npm log"),
        ([COMMITTED, UNINSTALLED, DROPPED], at(26), False, "removed by lock file commit"),  # the later one: it stood until then
        ([COMMITTED, DROPPED, replace(CACHED, at=at(27))], None, False, "seen after its removal"),
        ([RAN, COMMITTED, DROPPED], None, False, "npx ran it"),
        ([CACHED], None, False, "no removal"),
        ([COMMITTED, DROPPED, OLD], at(26), False, "removed"),  # a version that is not bad keeps nothing open
        ([COMMITTED, replace(DROPPED, at=None)], None, False, "no removal"),
    ],
)
def test_ends(sightings: list[Sighting], end: datetime | None, live: bool, words: str) -> None:
    (one,) = exposures(sightings, PUBLISHED)
    assert (one.end, one.is_live) == (end, live)
    assert words in one.end_basis
    assert one.window == Window(one.earliest, end)


@pytest.mark.parametrize("sightings", [[], [OLD], [ASKED], [UNINSTALLED], [DROPPED], [OLD, ASKED, UNINSTALLED]])
def test_what_accuses_nobody_makes_no_window(sightings: list[Sighting]) -> None:
    assert exposures(sightings, PUBLISHED) == ()


def test_a_switched_off_configuration_may_have_run_before() -> None:
    (one,) = exposures([replace(CONFIG, event=Event.NAMED)], PUBLISHED)
    assert (one.certainty, one.is_live, one.end) == ("possible", False, None)


def test_versions_certainty_secrets_and_hints() -> None:
    later = replace(STANDS, version="1.0.100", hint=at(23))
    (one,) = exposures(
        [
            later,
            replace(COMMITTED, hint=at(18)),
            replace(STANDS, hint=datetime(1985, 10, 26, tzinfo=UTC)),
            replace(CONFIG, secrets=("B", "A")),
            OLD,
        ],
        PUBLISHED,
    )
    assert (one.certainty, one.versions, one.secrets, one.last_seen) == ("shown", ("1.0.16", "1.0.100"), ("A", "B"), at(18))
    assert one.hint == at(23)  # of what nothing else dates, and no unpacker's constant
    assert one.window.start == PUBLISHED  # a file's own time bounds nothing
    assert exposures([CONFIG], PUBLISHED)[0].certainty == "possible"


def test_hosts_and_packages_are_kept_apart() -> None:
    found = exposures(
        [STANDS, replace(STANDS, host="web2"), replace(STANDS, package="other"), replace(DROPPED, host="web3")], PUBLISHED
    )
    assert [(one.host, one.package) for one in found] == [("web1", "other"), ("web1", "postmark-mcp"), ("web2", "postmark-mcp")]


def test_an_end_before_the_start_narrows_nothing() -> None:
    early = datetime(2025, 9, 1, tzinfo=UTC)
    (one,) = exposures([replace(seen(Kind.COMMIT, Event.NAMED), at=None), replace(DROPPED, at=early)], PUBLISHED)
    assert one.window == Window(PUBLISHED, None)


sightings = st.builds(
    seen,
    st.sampled_from(list(Kind)),
    st.sampled_from(list(Event)),
    st.none() | st.integers(1, 28).map(at),
    state=st.sampled_from(list(State)),
)


@pytest.mark.property
@settings(max_examples=100)
@given(st.lists(sightings, max_size=8), st.randoms())
def test_order_changes_nothing_and_the_policys_window_holds_all_that_was_seen(listed: list[Sighting], random: object) -> None:
    shuffled = list(listed)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' Random
    found = exposures(listed, PUBLISHED)
    assert found == exposures(shuffled, PUBLISHED)
    for one in found:
        assert one.window.start is not None
        accused = [s for s in listed if s.state is State.BAD and s.event is not Event.REMOVED and s.at is not None]
        assert all(s.at is not None and s.at >= one.window.start and (one.end is None or s.at <= one.end) for s in accused)
        assert not (one.is_live and one.end is not None)
