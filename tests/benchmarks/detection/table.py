"""The README's table of the detection benchmark, from the figures that a run kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["markdown"]

SETS = ("development", "final")
_MILLION = 1_000_000


def markdown(figures: Mapping[str, Any]) -> str:
    """One row for each figure, one column for each set of seeds that was run; intervals are Wilson's, 95 %."""
    sets = [name for name in SETS if name in figures]
    head = ["| | " + " | ".join(f"{name} seeds" for name in sets) + " | target |", "|---|" + "---|" * len(sets) + "---|"]
    rows = [dict(_rows(figures[name])) for name in sets]
    titles = list(dict.fromkeys(title for row in rows for title in row))
    return "\n".join(
        [
            *head,
            *(
                f"| {title[0]} | " + " | ".join(row.get(title, "not run") for row in rows) + f" | {title[1]} |"
                for title in titles
            ),
        ]
    )


def _rows(one: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """A figure's title and target, and the figure."""
    if "found" in one.get("indicator", {}):
        known = one["indicator"]
        yield ("known indicator, in all disguises: found", "all"), _share(known["found"])
        yield (
            ("… others taken for it", "none"),
            f"{known['wrongly_confirmed']['hits']} of {known['wrongly_confirmed']['total']:,}",
        )
    if "ranked_first" in one.get("behaviour", {}):
        yield from _behaviour(one["behaviour"])
    if "found" in one.get("misdirected", {}):
        yield from _astray(one["misdirected"], "one wrong recipient in one message, judged after the fact: ranked first")
        if earlier := one["misdirected"].get("from_earlier_mail_alone"):
            yield from _astray(earlier, "the same from earlier mail alone, as the literature does: ranked first")


def _astray(one: Mapping[str, Any], title: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Titles are keys of a row: those of the second judgement say whose they are."""
    again = " (from earlier mail alone)" if "earlier" in title else ""
    yield (title, "82 %"), _share(one["ranked_first"])
    yield (f"… found{again}", "87 %"), _share(one["found"])
    flagged = one["right_flagged"]
    yield (f"… right recipients flagged with it{again}", "0.5 %"), f"{flagged['hits'] / flagged['total']:.2%}"


def _behaviour(one: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    yield (
        ("unknown recipient: attacks in organisations, messages", ""),
        (f"{one['ranked_first']['total']} in {one['organisations']}, {one['messages'] / _MILLION:.1f} million"),
    )
    yield ("… ranked first", "99 %"), _share(one["ranked_first"])
    yield ("… where the evidence can decide", "99 %"), _share(one["ranked_first_where_decidable"])
    yield ("… ranked first by a plain count of blind copies", ""), _share(one["ranked_first_by_plain_count"])
    yield ("… called `probable`", ""), _share(one["accused"])
    wrong = one["wrongly_accused"]
    low, high = (bound * _MILLION for bound in wrong["wilson_95"])
    yield (
        ("wrongly called `probable`, per million messages", "4"),
        (f"{wrong['hits'] / wrong['total'] * _MILLION:.1f} ({low:.1f} to {high:.1f}; {wrong['hits']} in all)"),
    )
    quiet = one["quiet_organisations_with_wrong"]
    yield ("… organisations without an attack where that happened", "none"), f"{quiet['hits']} of {quiet['total']}"


def _share(figure: Mapping[str, Any]) -> str:
    low, high = figure["wilson_95"]
    return f"{figure['hits'] / figure['total']:.1%} ({low:.1%} to {high:.1%})"
