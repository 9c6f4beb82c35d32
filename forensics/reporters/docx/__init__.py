"""Drafts to edit: a notification for the supervisory authority, and a letter to the persons concerned."""

from __future__ import annotations

from pathlib import Path

from forensics.case import Case, CaseError, aside
from forensics.plugins import Reporter
from forensics.reporters.docx.authority import authority
from forensics.reporters.docx.figures import figures_of
from forensics.reporters.docx.persons import persons

__all__ = ["REPORTER", "write"]


def write(case: Case, folder: Path) -> list[Path]:
    """Write `authority.docx` (no personal data) and `persons.docx` (one text, not one a person), mode 0600, each whole or not at all.

    The same tables give the same bytes. Raises CaseError where the extra `reports` is not installed, OSError where a file cannot be
    written.
    """
    try:
        from forensics.reporters.docx.paper import render  # noqa: PLC0415  needs the extra `reports`
    except ImportError as error:
        msg = 'drafts need the extra `reports`: pip install "forensics[reports]"'
        raise CaseError(msg) from error
    found = figures_of(case)
    made = [(folder / "authority.docx", render(authority(found))), (folder / "persons.docx", render(persons(found)))]
    for target, content in made:
        with aside(target) as place:
            place.write_bytes(content)
    return [target for target, _ in made]


REPORTER = Reporter("docx", "Drafts to edit: notification of the authority, letter to persons", write, default=False)
