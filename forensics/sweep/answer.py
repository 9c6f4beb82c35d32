"""What a search of all files comes to: hits by file, recipient domains by first use, and what was not seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from forensics.addresses import ascii_domain, is_within, registrable
from forensics.dates import zulu
from forensics.evidence import SPAN, Item, Member, MemberSource, Problem, head_of, members
from forensics.incident import Incident, Indicators
from forensics.model import Span
from forensics.policy import Policy
from forensics.sweep.blocks import WHOLE, Part, wide_order
from forensics.sweep.needles import Needles
from forensics.sweep.recipients import CONTEXTS
from forensics.sweep.scanning import Stream, Wish, scan, together
from forensics.sweep.sightings import Sighting, merged
from forensics.sweep.spellings import FORMS

__all__ = ["CANNOT_SEE", "Examined", "Search", "Triage", "answer", "cut", "examine"]

_NAMES = 5  # names below a registrable domain that are listed
CANNOT_SEE = (
    "This is a search for text, not an audit: a hit does not prove that a copy went out, and no hit does not prove that none did.",
    "Not seen: encoded bodies in other than the listed forms, text whose letters are escaped one by one, base64 of UTF-16 or of upper case.",
    "Not seen: what is compressed or encrypted inside a file (PDF, Outlook .pst, S/MIME, PGP).",
    "Not seen: names beyond ASCII in charsets other than UTF-8, UTF-16 and Latin-1; a domain without any ASCII letter where it is escaped.",
    "Not seen: mail of which no log or archive was handed in. Received copies do not name blind recipients; API mail passes no server of yours.",
    "Not seen: an attacker's other addresses. Look through the domains that were never seen before the window.",
    "Times are those of the nearest stamp before a place in the file, not of its record; last times in logs are good to one megabyte.",
    "What has no time is counted as undated: it may lie on either side of the window's start.",
    "Recipients are found by the look of their fields: forged and quoted ones count too, and logs that write them otherwise do not.",
    "Of one header or field the first 12 kilobytes count, of one list of recipients in a log the first 8.",
    "Counts are of places, not of messages: a queue, a header, a webhook and a file that was handed in twice each count.",
)


@dataclass(frozen=True, slots=True)
class Search:
    """One file to search, and for what."""

    path: str
    location: Path
    size: int
    indicators: Indicators
    year: int | None = None  # of logs that write none
    recipients: bool = True  # or indicators alone
    part: Part = WHOLE  # of a plain file

    @property
    def extent(self) -> int:
        """Bytes of the file, or of its part."""
        return (self.part.stop if self.part.stop >= 0 else self.size) - self.part.start


@dataclass(frozen=True, slots=True)
class Examined:
    """What one file, or a part of one, showed: its streams by path, and what of it could not be read."""

    streams: tuple[tuple[str, Stream], ...] = ()
    problems: tuple[Problem, ...] = ()


def cut(search: Search, size: int = SPAN) -> list[Search]:
    """A search of a large plain file as several of parts of it, for workers; any other as it is. Never raises."""
    item = Item(search.path, search.location, search.size, "")
    found = next(members(item), None) if search.size > size + size // 4 else None
    if not isinstance(found, Member) or found.name or found.size != search.size:
        return [search]
    wide = wide_order(head_of(found))
    borders = [*range(0, search.size - size // 4, size), -1]
    return [replace(search, part=Part(start, stop, wide)) for start, stop in pairwise(borders)]


def examine(search: Search) -> Examined:
    """Search one file and all that is packed in it, or a part of it. Never raises; nothing is hashed: custody begins with the audit."""
    needles, wish = Needles(search.indicators), Wish(search.year, search.recipients)
    streams: list[tuple[str, Stream]] = []
    problems: list[Problem] = []
    for member in members(Item(search.path, search.location, search.size, "")):
        if isinstance(member, Problem):
            problems.append(member)
            continue
        source = MemberSource(Span(member.item.id, member.name, search.part.begin, -1), member)
        streams.append((member.path, scan(source.blocks(), needles, wish, part=search.part)))
        problems += [Problem(member.path, why, at) for at, why in dict.fromkeys(source.problems)]
    return Examined(tuple(streams), tuple(problems))


@dataclass(slots=True)
class Triage:
    """The answer: `data` is what `--json` prints; `hits` says how many times an indicator was met."""

    data: dict[str, Any] = field(default_factory=dict)

    @property
    def hits(self) -> int:
        """Occurrences of indicators in all files; a domain inside an address that is an indicator itself counts for both."""
        return sum(row["count"] for row in self.data["hits"])


def answer(examined: Iterable[Examined], incident: Incident, policy: Policy, *, recipients: bool = True) -> Triage:
    """All files together, in an order that depends on what they hold only; parts of a file in the order of the file."""
    parts = list(examined)
    by_path: dict[str, list[Stream]] = defaultdict(list)
    for path, stream in (one for part in parts for one in part.streams):
        by_path[path].append(stream)
    streams = [(path, together(by_path[path])) for path in sorted(by_path)]
    start = policy.window_for(incident).start
    earliest = min(
        (stream.first.at - timedelta(seconds=stream.first.slack) for _, stream in streams if stream.first.at), default=None
    )
    domains = _domains(streams, incident.indicators, policy, start)
    compared = start is not None and any(
        earlier is not None and earlier < start for earlier in (earliest, *(row.pop("_first") for row in domains))
    )
    if not compared:
        for row in domains:
            row["before_window"] = "unknown"
    window = policy.window_for(incident)
    return Triage({
        "schema_version": 1,
        "incident": {"name": incident.name, "title": incident.title},
        "window": {"start": zulu(window.start), "end": zulu(window.end)},
        "indicators": sorted(incident.indicators.addresses | incident.indicators.domains),
        "forms_searched": dict(FORMS),
        "contexts_searched": dict(CONTEXTS) if recipients else {},
        "streams": len(streams),
        "bytes": sum(stream.size for _, stream in streams),
        "hits": _hits(streams, start),
        "compared_with_before_window": compared,
        "domains": [row for row in domains if not row["own"]],
        "own_domains": [row for row in domains if row["own"]],
        "recipients_not_kept": sum(stream.dropped for _, stream in streams),
        "unread": [
            {"path": one.path, "offset": one.start, "reason": one.reason}
            for one in sorted({problem for part in parts for problem in part.problems}, key=lambda one: (one.path, one.start))
        ],
        "cannot_see": list(CANNOT_SEE),
    })  # fmt: skip


def _hits(streams: Sequence[tuple[str, Stream]], start: datetime | None) -> list[dict[str, Any]]:
    return [
        {"path": path, "indicator": name, "form": form, **_told(sighting, start), "offsets": sighting.offsets}
        for path, stream in streams
        for (name, form), sighting in sorted(stream.hits.items())
    ]


def _told(sighting: Sighting, start: datetime | None) -> dict[str, Any]:
    return {
        "count": sighting.count,
        "undated": sighting.undated,
        "stamp": sighting.stamp,
        "first_seen": zulu(sighting.first),
        "last_seen": zulu(sighting.last),
        "slack_seconds": sighting.slack,
        "before_window": sighting.before(start),
    }


def _domains(
    streams: Sequence[tuple[str, Stream]], indicators: Indicators, policy: Policy, start: datetime | None
) -> list[dict[str, Any]]:
    """One row for each registrable domain, and for each indicator and own domain below one, most recipients first."""
    by_domain: dict[str, dict[str, list[Sighting]]] = defaultdict(lambda: defaultdict(list))
    for _, stream in streams:
        for written, sighting in stream.domains.items():
            name = ascii_domain(written)
            by_domain[_heading(name, indicators, policy)][name].append(sighting)
    rows = []
    for domain, names in by_domain.items():
        total = merged(one for listed in names.values() for one in listed)
        counted = sorted(names, key=lambda name: (-sum(one.count for one in names[name]), name))
        rows.append({
            "domain": domain,
            **_told(total, start),
            "own": policy.is_own(f"x@{domain}"),
            "indicator": bool(indicators.match(f"x@{domain}")),
            "names": counted[:_NAMES],
            "_first": total.first and total.first + timedelta(seconds=total.slack),
        })  # fmt: skip
    return sorted(rows, key=lambda row: (-row["count"], row["domain"]))


def _heading(name: str, indicators: Indicators, policy: Policy) -> str:
    """Under which domain a name is counted: a neighbour below the same registrable domain is neither guilty nor ours."""
    known = [one for one in (*indicators.domains, *policy.domains) if is_within(name, one)]
    return max(known, key=len) if known else registrable(name)
