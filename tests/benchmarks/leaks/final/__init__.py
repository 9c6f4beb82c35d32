"""The final set of templates: freelancers, shops, schools and families; written apart from the set for tuning."""

from __future__ import annotations

from benchmarks.leaks.final import layouts
from benchmarks.leaks.final.credentials import CREDENTIALS
from benchmarks.leaks.final.ordinary import families
from benchmarks.leaks.final.persons import PERSONAL, person
from benchmarks.leaks.planted import Author
from benchmarks.leaks.speech import languages

__all__ = ["FINAL"]

_LANGUAGES = languages("final")
FINAL = Author(
    name="final",
    languages=_LANGUAGES,
    makers={**CREDENTIALS, **PERSONAL},
    person=person,
    head=layouts.head,
    block=layouts.block,
    table=layouts.table,
    marked=layouts.marked,
    quoted=layouts.quoted,
    ordinary=families(_LANGUAGES),
)
