"""The first page of the workbook: what the case says, how far it can say it, and what the sheets are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from forensics.reporters.xlsx.book import Front, Sheet

__all__ = ["front_rows"]

_CAUTIONS = (
    ("Facts, not advice", "This workbook states facts found in evidence and how they were found. It is not legal advice."),
    ("Nothing found", "That nothing was found is no proof that nothing happened: see the sheet Coverage for what the evidence can say at all."),
    ("Possible", "Sheets in amber hold what is only possible. It is in no count of exposed mail: over-notification is a harm too."),
    ("Y", "On the sheet People: found in a message that the person is part of. Whose datum it is, a reader must decide."),
    ("N", "Not found, and all messages that the person is part of were examined in full."),
    ("?", "Not found, but not everything was examined, or the person stands only in the content of a message."),
    ("Persons", "One mail address is one person. Addresses that may belong to the same one carry the same group."),
    ("Cells", "No cell holds a formula or a link. Characters that cannot be seen are written like [U+202E]. Long rows show their first lines: the cell has all of its text."),
    ("Times", "All times are UTC, ISO 8601. They are text, so that no spreadsheet moves them."),
)  # fmt: skip
_COUNTS = {
    "evidence_files": "Evidence files", "messages": "Messages in the evidence", "judged_messages": "Messages sent by our side",
    "judged_messages_in_window": "... of them in the window", "exposed_messages": "Exposed messages",
    "exposed_at_most": "Exposed at most", "not_delivered": "Not delivered", "people": "People in exposed mail",
    "credentials": "Credentials in exposed mail", "defects": "Records that could not be read",
}  # fmt: skip


def front_rows(summary: Mapping[str, Any], index: Sequence[tuple[Sheet, str, int]]) -> list[Front]:
    """The rows of the first page, conclusion and coverage before everything else."""
    return [*_leading(summary), *_figures(summary), *_case(summary), *_steps(summary), *_sheets(index), *_words()]


def _leading(summary: Mapping[str, Any]) -> Iterator[Front]:
    yield Front("Case workbook", str(_of(summary, "incident", "title")), "title")
    yield Front("Conclusion", str(summary.get("conclusion_text", "")))
    yield Front("In one word", str(summary.get("conclusion", "")))
    yield Front("Still going on?", str(summary.get("ongoing_text", "")))
    yield Front("Coverage", str(summary.get("coverage_text", "")))
    for remark in summary.get("coverage_remarks", ()):
        yield Front("", str(remark))
    for limit in summary.get("detection_limits", ()):
        yield Front("Could go unnoticed", str(limit))
    window = summary.get("window", {})
    yield Front("Window", f"{window.get('start') or 'open'} to {window.get('end') or 'open'} ({window.get('basis', '')})")


def _figures(summary: Mapping[str, Any]) -> Iterator[Front]:
    yield Front("Counts", look="head")
    counts, verdicts, proofs = (summary.get(name, {}) for name in ("counts", "verdicts", "proofs"))
    for name, title in _COUNTS.items():
        if name in counts:
            yield Front(title, f"{counts[name]:,}")
    yield Front("Exposed, by verdict", f"{verdicts.get('confirmed', 0):,} confirmed, {verdicts.get('probable', 0):,} probable")
    strongest = ", ".join(f"{proofs.get(one, 0):,} {one}" for one in ("fetched", "delivered", "accepted"))
    yield Front("Exposed, by proof", strongest)
    unread = summary.get("unread", {})
    yield Front(
        "Exposed, but not examined",
        f"{unread.get('messages_without_content', 0):,} without content in the evidence, {unread.get('messages_partial', 0):,} in part only",
    )
    yield Front("Possible, counted apart", f"{verdicts.get('possible', 0):,} messages")


def _case(summary: Mapping[str, Any]) -> Iterator[Front]:
    yield Front("Case", look="head")
    names = {
        "number": "Case number", "custodian": "Custodian", "role": "Role", "discovered_at": "Discovered at", "aware_at": "Aware since",
        "contact": "Contact",
    }  # fmt: skip
    for name, title in names.items():
        yield Front(title, str(_of(summary, "case", name)) or "(the policy does not say)")
    yield Front("Head of the custody log", str(_of(summary, "run", "custody_head")) or "(none)")
    yield Front("", "`forensics verify CASE` checks evidence, tables and this file against that log.")


def _steps(summary: Mapping[str, Any]) -> Iterator[Front]:
    yield Front("What to do, in this order", look="head")
    for number, step in enumerate(summary.get("next_steps", ()), 1):
        yield Front(f"{number}.", str(step))


def _sheets(index: Sequence[tuple[Sheet, str, int]]) -> Iterator[Front]:
    yield Front("Sheets", look="head")
    for sheet, name, rows in index:
        source = "made from several tables" if sheet.derived else f"of {sheet.table}.csv"
        yield Front(name, f"{rows:,} {'row' if rows == 1 else 'rows'} {source}. {sheet.says}.")


def _words() -> Iterator[Front]:
    yield Front("Caution", look="head")
    for name, words in _CAUTIONS:
        yield Front(name, words, "caution")


def _of(summary: Mapping[str, Any], section: str, name: str) -> object:
    value = summary.get(section, {}).get(name, "")
    return "" if value is None else value
