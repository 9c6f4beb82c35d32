"""The printed report: A4 pages for a file or a court, conclusion first, with the hash of every table that it was made from."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from forensics.case import Case, CaseError, aside
from forensics.plugins import Reporter
from forensics.reporters.pdf.letters import plain, set_text
from forensics.reporters.pdf.sections import Told, blocks

__all__ = ["REPORTER", "write"]

_STANDARD = (
    "a-2a"  # PDF/A-2a (ISO 19005-2): for archives, tagged for screen readers; refuses a page with letters that no font has
)
_FIXED = 315_532_800  # 1980-01-01: the same tables give the same bytes


def write(case: Case, folder: Path) -> list[Path]:
    """`report.pdf`, mode 0600, whole or not at all; the same tables give the same bytes.

    Raises CaseError where the extra `reports` is not installed, or the typesetter fails.
    """
    try:
        import typst  # noqa: PLC0415  needs the extra `reports`
    except ImportError as error:
        msg = 'the printed report needs the extra `reports`: pip install "forensics[reports]"'
        raise CaseError(msg) from error
    told = _told(Told(case))
    try:
        content = _typeset(typst, told)
    except typst.TypstError:  # a letter that the fonts of another release lack: nothing else in it depends on the evidence
        try:
            content = _typeset(typst, _ascii(told))
        except typst.TypstError as error:
            msg = f"the printed report could not be typeset by typst {getattr(typst, '__version__', '')}: {str(error)[:200]}"
            raise CaseError(msg) from error
    target = folder / "report.pdf"
    with aside(target) as place:
        place.write_bytes(content)
    return [target]


def _told(told: Told) -> dict[str, Any]:
    """The report as data: what stands on every page, and its blocks."""
    incident, number = told.of("incident"), str(told.of("case").get("number") or "")
    title = incident.get("title") or incident.get("name") or "No named incident: found by behaviour only"
    return {
        "kicker": "Report on hidden blind copies. Confidential: it holds personal data.",
        "title": set_text(title, 300),
        "head": set_text(f"Case {number}" if number else "Hidden blind copies", 60),
        "foot": "Facts found in evidence, not legal advice. Nothing found is no proof that nothing happened.",
        "blocks": blocks(told),
    }


def _ascii(value: Any) -> Any:  # noqa: ANN401  JSON
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_ascii(one) for one in value]
    return {name: _ascii(one) for name, one in value.items()} if isinstance(value, dict) else value


def _typeset(typst: Any, told: dict[str, Any]) -> bytes:  # noqa: ANN401  a module
    """The pages, with the fonts that the library brings and no other, so that every machine makes the same."""
    template = (resources.files("forensics.reporters") / "templates" / "case.typ").read_bytes()
    content: bytes = typst.compile(
        template, format="pdf", ignore_system_fonts=True, sys_inputs={"report": json.dumps(told)}, pdf_standards=[_STANDARD], timestamp=_FIXED,
    )  # fmt: skip
    return content


REPORTER = Reporter(
    "pdf", "Printed report: conclusion, figures, steps, hashes of all tables, first exposed messages", write, default=False
)
