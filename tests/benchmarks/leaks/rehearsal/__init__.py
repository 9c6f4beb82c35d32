"""A third set of templates: what a dozen more writers and their programs send, in more languages."""

from __future__ import annotations

from benchmarks.leaks.planted import Author
from benchmarks.leaks.rehearsal import layouts
from benchmarks.leaks.rehearsal.blocks import block
from benchmarks.leaks.rehearsal.credentials import CREDENTIALS
from benchmarks.leaks.rehearsal.ordinary import FAMILIES
from benchmarks.leaks.rehearsal.persons import PERSONAL, person
from benchmarks.leaks.speech import languages

__all__ = ["REHEARSAL"]

REHEARSAL = Author(
    name="rehearsal",
    languages=languages("rehearsal"),
    makers={**CREDENTIALS, **PERSONAL},
    person=person,
    head=layouts.head,
    block=block,
    table=layouts.table,
    marked=layouts.marked,
    quoted=layouts.quoted,
    ordinary=FAMILIES,
)
