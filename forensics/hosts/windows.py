"""From sightings to windows: since when a machine may have run a bad version, until when, and by which evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from forensics.hosts.sightings import Event, Kind, Sighting, State
from forensics.hosts.versions import version
from forensics.model import Window

__all__ = ["Exposure", "exposures"]

_NOT_THROUGH_NPM = ("pnpm", "yarn", "bun", "deno")  # in a path: tools that do not fill npm's cache
_ONE_RUN = timedelta(minutes=30)  # between the stamp at which npm starts and the download that it makes
_PUBLICATION = "publication"
_BASES = {
    Kind.COMMIT: "commit",
    Kind.NPM_LOG: "npm log",
    Kind.NPM_CACHE: "npm cache",
    Kind.NPX: "npx folder",
    Kind.LOCK: "lock file",
    Kind.INSTALLED: "installed copy",
    Kind.ARCHIVE: "packed copy",
    Kind.CONFIG: "MCP client configuration",
    Kind.MANIFEST: "package.json",
    Kind.CHECKOUT: "known bytes in a folder",
}


@dataclass(frozen=True, slots=True)
class Exposure:
    """When one machine may have run a bad version of one package. Times are aware UTC; None is open.

    `start` is the first dated sighting, else the incident's publication; `end` the removal, if one is known and nothing
    stands any more. `earliest` is what the evidence cannot exclude: the policy's window starts there.
    """

    host: str
    package: str
    certainty: str  # "shown": a bad version was met; "possible": only requests that name no version
    versions: tuple[str, ...]
    start: datetime | None
    start_basis: str
    earliest: datetime | None
    end: datetime | None
    end_basis: str
    is_live: bool
    last_seen: datetime | None
    secrets: tuple[str, ...] = ()  # names of variables whose value lay in a configuration
    hint: datetime | None = None  # earliest mtime of a copy that nothing dates: a hint, never a bound
    sightings: int = 0

    @property
    def window(self) -> Window:
        """What a policy may narrow to: never narrower than the evidence."""
        if self.end is not None and self.earliest is not None and self.end <= self.earliest:
            return Window(self.earliest, None)
        return Window(self.earliest, self.end)


def exposures(sightings: Iterable[Sighting], publication: datetime | None) -> tuple[Exposure, ...]:
    """One exposure for each host and package that was met in a bad or an untold version, by host and package."""
    by_key: dict[tuple[str, str], list[Sighting]] = {}
    for one in sightings:
        by_key.setdefault((one.host, one.package), []).append(one)
    return tuple(
        _exposure(key, listed, publication) for key, listed in sorted(by_key.items()) if any(_accuses(one) for one in listed)
    )


def _accuses(one: Sighting) -> bool:
    """Whether a sighting says that a bad version was, is or may be here. That somebody asked for a list of versions does not."""
    if (
        one.state is State.UNKNOWN and one.event is Event.NAMED and one.kind is not Kind.CONFIG
    ):  # switched off: it may have run before
        return False
    return one.state is not State.OTHER and one.event is not Event.REMOVED


def _exposure(key: tuple[str, str], listed: Sequence[Sighting], publication: datetime | None) -> Exposure:
    accusing = [one for one in listed if _accuses(one)]
    dated = sorted((one for one in accusing if one.at is not None), key=_order)
    through_npm = not any(tool in one.path for one in accusing for tool in _NOT_THROUGH_NPM)
    start, start_basis, earliest = _start(dated, publication, through_npm=through_npm)
    end, end_basis, is_live = _end(accusing, listed)
    # a time before publication is an unpacker's constant (1970, 1985), no hint
    hints = [one.hint for one in accusing if one.hint and one.at is None and (publication is None or one.hint >= publication)]
    shown = any(one.state is State.BAD for one in accusing)
    return Exposure(
        host=key[0],
        package=key[1],
        certainty="shown" if shown else "possible",
        versions=tuple(sorted({one.version for one in accusing if version(one.version)}, key=lambda text: version(text) or ())),
        start=start,
        start_basis=start_basis,
        earliest=earliest,
        end=end,
        end_basis=end_basis,
        is_live=is_live,
        last_seen=max((one.at for one in dated if one.at is not None), default=None),
        secrets=tuple(sorted({name for one in listed for name in one.secrets})),
        hint=min(hints, default=None),
        sightings=len(accusing),
    )


def _basis(one: Sighting) -> str:
    base = one.path.rpartition("/")[2].rpartition(":")[2]
    return "lock file commit" if one.kind is Kind.COMMIT and "lock" in base else _BASES[one.kind]


def _order(one: Sighting) -> tuple[datetime, str, str, str, str]:
    assert one.at is not None
    return one.at, one.kind, one.clock, one.path, one.place


def _start(
    dated: Sequence[Sighting], publication: datetime | None, *, through_npm: bool
) -> tuple[datetime | None, str, datetime | None]:
    """Start, its basis, and the earliest time that cannot be excluded.

    A download into npm's cache is the arrival itself: every copy that npm installs comes through it. A log shows one of
    the last ten runs, and a commit is made after the installation that it records: either may have come later.
    """
    if not dated:
        return publication, f"{_PUBLICATION}: nothing on the disk is dated by more than a file's own time", publication
    first = dated[0]
    basis = f"first seen by {_basis(first)} ({first.clock})"
    if publication is not None and first.at is not None and first.at < publication:
        return first.at, f"{basis}; before publication: that clock is wrong, or the incident's window is", first.at
    downloaded = next((one.at for one in dated if one.kind is Kind.NPM_CACHE and one.at is not None), None)
    if through_npm and first.at is not None and downloaded is not None and downloaded - first.at <= _ONE_RUN:
        return first.at, basis, first.at
    return first.at, f"{basis}; it may have been there before", publication


def _end(accusing: Sequence[Sighting], listed: Sequence[Sighting]) -> tuple[datetime | None, str, bool]:
    """End, its basis, and whether it stands. A removal ends a window only where it explains all that was seen."""
    standing = sorted({_BASES[one.kind] for one in accusing if one.event is Event.STANDS})
    if standing:
        return None, f"live: {', '.join(standing)} still there when the disk was taken", True
    removals = sorted((one for one in listed if one.event is Event.REMOVED and one.at is not None), key=_order)
    last = max((one.at for one in accusing if one.at is not None), default=None)
    if removals and (at := removals[-1].at) is not None:
        if any(one.at is not None and one.at > at for one in accusing):
            return None, f"open: seen after its removal by {_basis(removals[-1])}", False
        if any(one.event is Event.RAN for one in accusing):
            return None, f"open: npx ran it, and a removal by {_basis(removals[-1])} does not reach what npx keeps", False
        return at, f"removed by {_basis(removals[-1])} ({removals[-1].clock}); a process that ran on is not seen", False
    seen = "it was last seen at the time beside" if last else "no dated trace of it"
    return None, f"open: nothing stands, no removal is told; {seen}", False
