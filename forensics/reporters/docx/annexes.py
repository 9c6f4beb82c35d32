"""The annexes of the draft for the authority: how far the evidence reaches, and what proves it."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.legible import cut
from forensics.reporters.docx.draft import Block, Bullet, Grid, Heading, Line, Para, Source
from forensics.reporters.docx.figures import Figures

__all__ = ["evidence", "limits"]

_MOST = 40  # rows of a table in the draft: the table of the case has all of them
_FILES = 20
_SUMMARY = Source("summary.json")


def limits(found: Figures, title: str) -> Iterator[Block]:
    """What the evidence cannot say: stretches without proof of completeness, what could go unnoticed, what nobody read."""
    yield Heading(title)
    yield Para((cut(found.said("coverage_text"), 1_000), _SUMMARY))
    window = found.summary.get("window", {})
    yield Para((f"Window that was asked about: {window.get('start') or 'open'} to {window.get('end') or 'open'}", _SUMMARY, "."))
    if found.coverage:
        rows = tuple(tuple[Line, ...]((cut(cell, 120),) for cell in _row(one)) for one in found.coverage[:_MOST])
        yield Grid(("Source", "From", "To", "Status"), rows, (6.4, 3.7, 3.7, 2.6))
        yield Para((
            ("Status: covered means that the records are shown to be complete; partial, that they are not; gap, that there are none for a stretch; expired, that "
            "they were deleted by age; unknown, that nobody can tell"), _beyond(len(found.coverage)), Source("coverage.csv"), ".",
        ))  # fmt: skip
    else:
        yield Para(("No source of records was found at all", Source("coverage.csv"), "."))
    for sentence in (*found.summary.get("detection_limits", ()), *found.summary.get("coverage_remarks", ()))[:_MOST]:
        yield Bullet((cut(sentence, 600), _SUMMARY))
    if defects := found.count("counts", "defects"):
        yield Bullet((f"Records or files that could not be read: {defects:,}", Source("defects.csv"), "."))
    for part in found.summary.get("unread", {}).get("parts", ())[:_MOST]:
        yield Bullet((f"Not examined: {cut(part['reason'], 300)} ({part['parts']:,})", _SUMMARY))
    yield Bullet(("Persons are told apart by mail address alone, so that their number is approximate.",))


def _row(one: tuple[str, ...]) -> tuple[str, ...]:
    source, scope, route, begin, end, status = one
    place = ", ".join(filter(None, (scope, route)))
    return f"{source} ({place})" if place else source, begin[:16].replace("T", " "), end[:16].replace("T", " "), status


def _beyond(total: int, most: int = _MOST) -> str:
    return f" ({total - most:,} more in the table)" if total > most else ""


def evidence(found: Figures, title: str) -> Iterator[Block]:
    """What proves the figures: the head of the custody log, and hashes of the files that show unexpected copies. Paths may name people: they stay in the case."""
    yield Heading(title)
    head = found.said("run", "custody_head")
    yield Bullet(
        (
            f"Files of evidence: {found.count('counts', 'evidence_files'):,}, of which {found.count('counts', 'evidence_files_read'):,} could be read",
            _SUMMARY,
            ".",
        )
    )
    yield Bullet((f"Head of the custody log: {cut(head, 128) or 'none'}", _SUMMARY))
    yield Bullet(
        (
            "Every file of evidence was hashed before it was read; the case folder lists path, size and SHA-256 of each, and `forensics verify CASE` checks them.",
        )
    )
    if found.files:
        rows: list[tuple[Line, ...]] = [((cut(digest, 80),), (f"{records:,}",)) for digest, records in found.files[:_FILES]]
        yield Para(
            (
                "Files that show unexpected copies, without their names, which may name people",
                _beyond(len(found.files), _FILES),
                Source("copies.csv"),
                ":",
            )
        )
        yield Grid(("SHA-256", "Records"), tuple(rows), (13.8, 2.6))
