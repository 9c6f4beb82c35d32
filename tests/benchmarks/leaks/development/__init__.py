"""The set of templates for tuning: a company's IT desk, its services and its personnel department."""

from __future__ import annotations

from benchmarks.leaks.development import layouts
from benchmarks.leaks.development.credentials import CREDENTIALS
from benchmarks.leaks.development.ordinary import families
from benchmarks.leaks.development.persons import PERSONAL, person
from benchmarks.leaks.planted import Author
from benchmarks.leaks.speech import languages

__all__ = ["DEVELOPMENT"]

_LANGUAGES = languages("development")
DEVELOPMENT = Author(
    name="development",
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
