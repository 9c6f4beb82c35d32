"""The one conclusion of a case, from coverage and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from forensics.coverage.scopes import Stretch
from forensics.dates import readable

__all__ = ["Conclusion", "Seen", "conclude", "last_record"]

_QUIET = timedelta(hours=72)  # mail that went on for so long without a hit says that it stopped


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The one answer of a case, as the contract's word and as sentences."""

    word: str
    text: str
    ongoing: str
    ongoing_text: str
    coverage_text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the verdicts left, for the conclusion. Times in UTC, None is unknown."""

    confirmed: Sequence[datetime | None] = ()  # when each confirmed exposed message was sent
    probable: Sequence[datetime | None] = ()
    possible: int = 0
    traces: int = 0  # suppressions that show a sending to an indicator
    last_record: datetime | None = None  # of any source that can name recipients
    excuses: int = 0  # entries of the policy that name expected recipients
    elsewhere: int = 0  # messages that name an indicator, and that nothing shows to be ours; not among `possible`


def conclude(stretches: Sequence[Stretch], seen: Seen) -> Conclusion:
    """The conclusion from coverage and verdicts."""
    answering = [one for one in stretches if one.answers or one.status == "unknown"]
    full = bool(answering) and all(one.status == "covered" for one in answering)
    coverage = _coverage_text(answering, full=full)
    if seen.confirmed or seen.probable:
        ongoing, ongoing_text = _ongoing([*seen.confirmed, *seen.probable], seen.last_record)
        return Conclusion("exposure_shown", _exposure_text(seen, full=full), ongoing, ongoing_text, coverage)
    if seen.traces or (seen.possible and not any(one.answers and one.records for one in stretches)):
        text = (
            "Mail was sent the compromised way, but no record in the evidence names who received it: the extent cannot be told."
        )
        return Conclusion("compromised_extent_unknown", text, "unknown", "Whether it goes on cannot be told.", coverage)
    if seen.elsewhere:
        text = (
            f"{seen.elsewhere} message{'s' * (seen.elsewhere != 1)} to a collecting address, but nothing shows that they are ours "
            "(possible_messages.csv): name your own domains, or ask who sent them."
        )
        return Conclusion("cannot_tell", text, "unknown", "Whether mail is being copied cannot be told.", coverage)
    if full:
        text = "No message to a collecting address was seen, and the records account for all of the window."
        return Conclusion("none_seen_covered", text, "no", "No such copy was seen.", coverage)
    text = "No message to a collecting address was seen, but the records do not account for all of the window: it cannot be told."
    return Conclusion("cannot_tell", text, "unknown", "Whether mail is being copied cannot be told.", coverage)


def _exposure_text(seen: Seen, *, full: bool) -> str:
    confirmed, probable = len(seen.confirmed), len(seen.probable)
    total = confirmed + probable
    mails = f"{total:,} message{'s' * (total != 1)}"
    if not confirmed:
        text = f"{mails} probably went to a collecting address: the pattern says so, no indicator of an incident was met."
        if not seen.excuses:
            text += " No policy names the blind recipients that are expected (archive, CRM): these look alike, so check the recipients first."
    else:
        parts = f"{confirmed:,} confirmed" + (f", {probable:,} probable" if probable else "")
        text = f"{mails} went to somebody who should not have received {'it' if total == 1 else 'them'} ({parts})."
    return text if full else f"{text} There may be more: the evidence does not account for all of the window."


def _coverage_text(answering: Sequence[Stretch], *, full: bool) -> str:
    if not any(one.records for one in answering):
        return "No record in the evidence can say who received a copy."
    if full:
        return "Records that name recipients account for all of the window."
    told = []
    for status, words in (
        ("gap", "gap"),
        ("partial", "stretch without proof of completeness"),
        ("expired", "stretch past retention"),
    ):
        count = sum(one.status == status for one in answering)
        if count:
            told.append(f"{count} {words if count == 1 else words.replace('gap', 'gaps').replace('stretch', 'stretches')}")
    silent = sorted({one.scope for one in answering if one.status == "unknown"})
    if silent:
        told.append(f"no record at all of {', '.join(silent)}")
    return f"Records that name recipients do not account for all of the window: {', '.join(told)}."


def last_record(connection: duckdb.DuckDBPyConnection, silent: Sequence[str] = ()) -> datetime | None:
    """The latest exact time of any observation from a source that can name recipients, in UTC; the `silent` sources cannot."""
    ((last,),) = connection.execute(
        "SELECT max(utc) FROM timed JOIN observed USING (obs) WHERE route IN ('api', 'smtp') AND slack = 0 AND NOT list_contains($silent::VARCHAR[], source)",
        {"silent": list(silent)},
    ).fetchall()
    return last.astimezone(UTC) if last is not None else None


def _ongoing(exposed: Sequence[datetime | None], reach: datetime | None) -> tuple[str, str]:
    dated = [at for at in exposed if at is not None]
    if not dated or reach is None:
        return "unknown", "Whether it goes on cannot be told: times are missing."
    last = max(dated)
    if reach - last > _QUIET:
        return "no", f"The last exposed message left at {readable(last)}. Records reach on to {readable(reach)} without another."
    return (
        "yes",
        f"The last exposed message left at {readable(last)} and the records end at {readable(max(reach, last))}: nothing shows that it stopped.",
    )
