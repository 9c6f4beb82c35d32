"""What each key of a mapping allows, and all of them together do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from forensics.mapping.nouns import RECIPIENTS, Form, Layout, Mapping

__all__ = ["contradictions"]

_SHOWS = frozenset({"recipients", "header", "outcome", "blind"})


def contradictions(mapping: Mapping) -> Iterator[tuple[str, str]]:
    """Each contradiction: its place in the file, and the remedy."""
    if mapping.table is not None:
        yield from _of_form(mapping, "columns", mapping.table)
    if mapping.json is not None:
        yield from _of_form(mapping, "fields", mapping.json)
        for path in (*mapping.json.names(), *(one for one, _ in mapping.only)):
            if "" in path.replace("[]", "").split("."):
                yield "[fields]", f'{path!r} is no path; write keys with a dot between them, such as "to[].address"'
    yield from _of_layout(mapping)
    if mapping.shows - _SHOWS:
        yield "shows", f"{min(mapping.shows - _SHOWS)!r} cannot be read by a mapping; known are {', '.join(sorted(_SHOWS))}"
    if "header" in mapping.shows and not mapping.header_known:
        yield "shows", '"header" needs header_known = true'


def _of_form(mapping: Mapping, key: str, form: Form) -> Iterator[tuple[str, str]]:
    nouns = {noun for noun, _ in form.places}
    if not nouns & RECIPIENTS:
        yield f"[{key}]", "names no recipients; add to, cc, bcc, envelope or recipient"
    if mapping.grain == "recipient" and "recipient" not in nouns:
        yield f"[{key}] recipient", 'missing; grain = "recipient" means that each record tells of this one copy'
    for noun in ("role", "original"):
        if noun in nouns and "recipient" not in nouns:
            yield f"[{key}] {noun}", "speaks of a recipient, and there is none; add recipient or remove this key"
    if mapping.header_known and not {"to", "cc"} <= nouns:
        yield "header_known", f"true needs both to and cc in [{key}]: half a header makes blind copies of its other half"
    for noun, values in (("outcome", mapping.outcomes), ("role", mapping.roles), ("direction", mapping.directions)):
        if noun in nouns and not values:
            yield f"[{noun}s]", f"missing; say what the values of {noun} mean, or remove {noun} from [{key}]"


def _of_layout(mapping: Mapping) -> Iterator[tuple[str, str]]:
    if mapping.layout.each and not mapping.layout.each.endswith("[]"):
        yield "[json] each", 'must end in [], such as "hits.hits[]": it finds the entries of a list'
    if mapping.table is None and replace(mapping.layout, lists=(), each="", unwrap=()) != Layout():
        yield "[table]", "there is no [columns]; name there what each column holds, or remove this table"
    if mapping.json is None and (mapping.layout.lists, mapping.layout.each, mapping.layout.unwrap) != ((), "", ()):
        yield "[json]", "there is no [fields]; name there what each path holds, or remove this table"
    marked = {*(mapping.table.needed if mapping.table else ()), *(one for one, _ in mapping.only)}
    if mapping.table and mapping.layout.header and not marked <= set(mapping.layout.header):
        yield "[match] columns", "they and those of [only] must be among [table] header, for the file itself names no columns"
