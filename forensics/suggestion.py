"""A draft of a policy, from what was usual before the window: for a person to check, line by line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import tomli_w

from forensics.addresses import domain_of
from forensics.case import Case
from forensics.dates import iso_time, zulu
from forensics.incident import Indicators
from forensics.known_services import known_service

__all__ = ["Habit", "Usage", "draft", "suggest"]

USUAL_MESSAGES, USUAL_DAYS = 3, 2  # before the window: less is no habit
MOST = 500  # entries of each kind that a person can be asked to read
_SENDERS = 3  # named in a comment

_HABITS = """
SELECT c.address, count(*) FILTER (c.sent_at < $start) AS before, count(*) AS messages,
       count(DISTINCT date_trunc('day', c.sent_at)) FILTER (c.sent_at < $start) AS days, min(c.sent_at) AS first, max(c.sent_at) AS last,
       count(DISTINCT c.sender) AS senders, (list_sort(list(DISTINCT c.sender)))[1:$named] AS named, bool_or(c.entry IS NOT NULL) AS known,
       coalesce(any_value(f.strongest), '') AS verdict
FROM envelopes c LEFT JOIN (SELECT address, min(verdict_rank) AS rank, arg_min(verdict, verdict_rank) AS strongest FROM findings GROUP BY address) f
  ON f.address = c.address
WHERE c.judged AND c.blind = 'yes' AND NOT c.own AND c.indicator = '' AND NOT c.trace_only AND c.address != ''
GROUP BY c.address ORDER BY messages DESC, c.address
"""

_SUBMITTING = """
SELECT sender_domain, count(*) AS messages FROM messages WHERE judged AND sender_domain != ''
GROUP BY sender_domain ORDER BY messages DESC, sender_domain
"""


@dataclass(frozen=True, slots=True)
class Habit:
    """One blind recipient in use: messages and days before the window, messages altogether, first and last use in UTC."""

    address: str
    before: int
    messages: int
    days: int
    first: datetime | None
    last: datetime | None
    senders: int
    named: Sequence[str]
    known: bool  # an entry of the audit's policy excuses it
    verdict: str  # the strongest that a detector said of it, "" for none

    @property
    def doubt(self) -> str:
        """Why it must not be expected without a look; "" if it was usual."""
        if self.verdict in {"confirmed", "probable"}:
            return f"a detector calls it {self.verdict}"
        if not self.before:
            return "in use since inside the window only, or nobody knows since when"
        if self.before < USUAL_MESSAGES or self.days < USUAL_DAYS:
            return f"used too seldom before the window to call it usual ({_counted(self.before, 'message')})"
        return ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a draft is made of. `servers` are source, server and streams as coverage names them; edges in UTC."""

    own: Sequence[str]
    own_basis: str
    submitting: Sequence[tuple[str, int]]
    habits: Sequence[Habit]
    servers: Sequence[tuple[str, str, tuple[str, ...]]]
    start: datetime | None
    end: datetime | None
    indicators: Indicators


def suggest(case: Case) -> str:
    """A policy as TOML text with comments, for a finished case; `Policy.load` reads it.

    Blind recipients that were usual before the window become `[[expected]]`; those that are not sure stand below, commented out;
    an indicator stands nowhere. Raises CaseError where the case lacks a table.
    """
    summary = case.summary
    named = summary["incident"]["indicators"]
    start, end = (_edge(summary["window"][edge]) for edge in ("start", "end"))
    with case.connect() as connection:
        habits = connection.execute(_HABITS, {"start": start, "named": _SENDERS}).fetchall()
        submitting = connection.execute(_SUBMITTING).fetchall()
    return draft(
        Usage(
            own=summary["own_domains"]["domains"],
            own_basis=summary["own_domains"]["basis"],
            submitting=submitting,
            habits=[Habit(*row) for row in habits],
            servers=_servers(summary["coverage"]),
            start=start,
            end=end,
            indicators=Indicators(frozenset(named["addresses"]), frozenset(named["domains"])),
        )
    )


def draft(usage: Usage) -> str:
    """The text of `suggest`, from what was found."""
    lines = [
        *_comment(
            "A draft, made from what was usual before the window. Whatever stands here excuses mail: check every line, delete what"
        ),
        *_comment("nobody can explain, and give each entry the reason that you know. `forensics audit --policy` reads it."),
        "",
        *_organisation(usage),
        *_window(usage),
        *_expected(usage),
        *_server_tables(usage),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _edge(text: str | None) -> datetime | None:
    reading = iso_time(text) if text else None
    return reading.at.astimezone(UTC) if reading else None


def _servers(coverage: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Source, server and streams of every row of coverage that is no mailbox."""
    found: dict[tuple[str, str], set[str]] = {}
    for row in coverage:
        server, _, stream = str(row["scope"]).partition("/")
        if row["route"] != "mailbox" and server:
            found.setdefault((str(row["source"]), server), set()).update({stream} - {""})
    return [(source, server, tuple(sorted(streams))) for (source, server), streams in sorted(found.items())]


def _organisation(usage: Usage) -> Iterator[str]:
    counts = dict(usage.submitting)
    own = [one for one in usage.own if not usage.indicators.match(f"x@{one}")]
    yield from _comment(f"Own domains as the audit used them ({usage.own_basis}); their sub-domains are own too.")
    for one in own:
        yield from _comment(
            f"from {one}: {_counted(sum(n for d, n in counts.items() if d == one or d.endswith('.' + one)), 'message')}"
        )
    yield from _table("organisation", {"domains": own})
    others = [
        (domain, count)
        for domain, count in usage.submitting
        if not any(domain == one or domain.endswith("." + one) for one in own) and not usage.indicators.match(f"x@{domain}")
    ]
    if others:
        yield from _comment("Sent from other domains by your side, as it seems: add those that are yours.")
        yield from (
            line for domain, count in others[:_SENDERS] for line in _comment(f"from {domain}: {_counted(count, 'message')}")
        )
        yield ""


def _window(usage: Usage) -> Iterator[str]:
    edges = {name: edge for name, edge in (("start", usage.start), ("end", usage.end)) if edge is not None}
    if usage.start is None:
        yield from _comment("No window is known, so nothing can be told from what was usual before it: give its start.")
    if usage.end is None:
        yield from _comment("end = when the cause was removed, such as 2025-09-26T12:00:00Z; without it the window is open.")
    yield from _table("window", edges)


def _expected(usage: Usage) -> Iterator[str]:
    named = [one for one in usage.habits if not usage.indicators.match(one.address)]
    usual, doubtful = [one for one in named if not one.doubt], [one for one in named if one.doubt]
    if usual:
        yield from _comment("Blind recipients that were usual before the window.")
        yield ""
    for one in usual[:MOST]:
        yield from _figures(one)
        yield from _entry(one)
    yield from _rest(usual)
    if doubtful:
        yield from _comment(
            "FOR REVIEW: blind recipients that are not known to be usual. Remove the # of an entry if you can explain it."
        )
        yield ""
    for one in doubtful[:MOST]:
        yield from _comment(f"{one.doubt}:")
        yield from _figures(one)
        yield from (f"# {line}".rstrip() if line else "" for line in _entry(one))
    yield from _rest(doubtful)


def _rest(habits: Sequence[Habit]) -> Iterator[str]:
    if len(habits) > MOST:
        yield from _comment(f"... and {len(habits) - MOST} more, less used; table `envelopes` of the case has them.")
        yield ""


def _figures(one: Habit) -> Iterator[str]:
    more = ", ..." if one.senders > len(one.named) else ""
    yield from _comment(
        f"{_counted(one.messages, 'blind copy', 'blind copies')}, {one.before} of them before the window; "
        f"{_seconds(one.first)} to {_seconds(one.last)}"
    )
    yield from _comment(f"{_counted(one.senders, 'sender')}: {', '.join(name or '<>' for name in one.named)}{more}")


def _entry(one: Habit) -> Iterator[str]:
    service = known_service(domain_of(one.address))
    reason = (
        service.words
        if service
        else "already expected by the audit's policy"
        if one.known
        else "usual before the window: say what it is"
    )
    yield from _table("expected", [{"address": one.address, "reason": f"{reason[0].upper()}{reason[1:]}"}])


def _server_tables(usage: Usage) -> Iterator[str]:
    if not usage.servers:
        return
    yield from _comment(
        "Servers and streams that the evidence names. Add those of which there is no export: coverage must account for them."
    )
    yield ""
    for source, server, streams in usage.servers[:MOST]:
        table: dict[str, object] = {"provider": source, "server": server}
        yield from _table("servers", [table | ({"streams": list(streams)} if streams else {})])


def _table(name: str, value: object) -> Iterator[str]:
    """A table of TOML, and an empty line. `tomli_w` quotes and escapes: no address can break out of its text."""
    if isinstance(value, list):
        yield f"[[{name}]]"
        yield from tomli_w.dumps(value[0]).rstrip("\n").split("\n")
    else:
        yield from tomli_w.dumps({name: value}).rstrip("\n").split("\n")
    yield ""


def _comment(text: str) -> Iterator[str]:
    """A comment of one line, whatever the text holds: what ends a line, hides or turns the writing around becomes "?".

    The text begins with a word of ours, so that no evidence reads as an entry that waits for its # to be removed.
    """
    yield "# " + "".join("?" if unicodedata.category(char) in _UNSHOWN else char for char in text)


_UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _seconds(at: datetime | None) -> str:
    return zulu(at.replace(microsecond=0)) if at else "undated"


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
