"""A second set of templates for tuning: what very different people and programs write."""

from __future__ import annotations

from benchmarks.leaks.planted import Author
from benchmarks.leaks.practice import layouts
from benchmarks.leaks.practice.blocks import block
from benchmarks.leaks.practice.credentials import CREDENTIALS
from benchmarks.leaks.practice.ordinary import FAMILIES
from benchmarks.leaks.practice.persons import PERSONAL, person
from benchmarks.leaks.speech import languages

__all__ = ["PRACTICE"]

PRACTICE = Author(
    name="practice",
    languages=languages("practice"),
    makers={**CREDENTIALS, **PERSONAL},
    person=person,
    head=layouts.head,
    block=block,
    table=layouts.table,
    marked=layouts.marked,
    quoted=layouts.quoted,
    ordinary=FAMILIES,
)
