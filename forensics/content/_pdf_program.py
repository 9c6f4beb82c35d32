"""The program that reads one PDF in a child process: a PDF in, JSON out; imports nothing of ours."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pypdf
import pypdf.filters  # pypdf would import it with each document anew: each is read in a fork
from pypdf.generic import ArrayObject, ByteStringObject, DictionaryObject, IndirectObject, StreamObject, TextStringObject

_PAGES = 2_000
_CHARACTERS = 20_000_000
_FILES = 100
_FILE_BYTES = 40 << 20
_OBJECTS = 50_000  # that are looked at beside the pages: notes, forms, bookmarks, scripts
_PROPERTIES = 2_000
_LEADS_AWAY = {  # to pages and how they look, to dates and signatures; nothing that a person wrote
    "/Pages", "/StructTreeRoot", "/Parent", "/P", "/Pg", "/Page", "/Resources", "/AP", "/DR", "/DA", "/M", "/NM", "/CreationDate",
    "/ModDate", "/ID", "/ByteRange", "/Cert", "/Type", "/Subtype", "/Popup", "/IRT", "/Lang", "/OutputIntents",
}  # fmt: skip
_WRITTEN = {"/XFA", "/JS", "/Metadata", "/RC", "/V", "/DV", "/Contents"}  # streams under these names hold text
_MARKUP = re.compile(r"<[^<>]*+>")


@dataclass(slots=True)
class _Found:
    """What a PDF says, and what of it could not be read."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    characters: int = _CHARACTERS  # that are left
    objects: int = _OBJECTS
    bytes_of_files: int = _FILE_BYTES
    seen: set[tuple[int, int]] = field(default_factory=set)
    pictures: set[tuple[int, int]] = field(default_factory=set)

    def attempt(self, place: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401  whatever `make` gives
        try:
            return make()
        except Exception as error:  # noqa: BLE001  pypdf fails in many ways on hostile files; one page must not cost the rest
            self.failed.append(f"{place}: {type(error).__name__}")
            return None

    def keep(self, place: str, make: Callable[[], str]) -> None:
        text = self.attempt(place, make)
        if self.characters > 0 and text and text.strip():
            self.texts.append((place, text[: self.characters]))
            self.characters -= len(text)
            if self.characters <= 0:
                self.failed.append("over the limit of text: the rest")

    def file(self, name: str, specification: DictionaryObject) -> None:
        """Each file that a file specification embeds (ISO 32000-1, 7.11.3); its forms are mostly one and the same."""
        embedded = _resolved(specification["/EF"])
        for content in {_identity(one): one for one in embedded.values()}.values():
            data = _resolved(content).get_data()
            self.bytes_of_files -= len(data)
            if self.bytes_of_files < 0 or len(self.files) >= _FILES:
                self.failed.append("over the limit of embedded files: the rest")
                return
            self.files.append((name, base64.b64encode(data).decode("ascii")))


def read(data: bytes) -> bytes:
    """JSON: texts as [place, text], embedded files as [name, base64], pictures as their number, what failed, and whether it is locked."""
    logging.disable(logging.CRITICAL)
    found = _Found()
    reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
    locked = reader.is_encrypted and not reader.decrypt("")
    if not locked:
        _look_through(reader, found)
    said = {
        "texts": found.texts,
        "files": found.files,
        "pictures": len(found.pictures),
        "failed": list(dict.fromkeys(found.failed)),
        "locked": locked,
    }
    return json.dumps(said).encode("ascii")


def _look_through(reader: pypdf.PdfReader, found: _Found) -> None:
    pages = found.attempt("pages", lambda: len(reader.pages)) or 0
    for number in range(min(pages, _PAGES)):
        page = found.attempt(f"page {number + 1}", partial(reader.pages.__getitem__, number))
        if page is not None:
            found.keep(f"page {number + 1}", page.extract_text)
            found.attempt("pictures", partial(_see, page, found))
            beside = [(key, page.raw_get(key)) for key in ("/Annots", "/AA", "/Metadata") if key in page]
            found.keep(f"annotations of page {number + 1}", partial(_spoken, beside, found))
    if pages > _PAGES:
        found.failed.append(f"pages after {_PAGES}")
    found.keep(
        "properties", lambda: "\n".join(f"{key}: {value}" for key, value in list((reader.metadata or {}).items())[:_PROPERTIES])
    )
    found.keep("document", lambda: _spoken(list(reader.root_object.items()), found))


def _see(page: pypdf.PageObject, found: _Found) -> None:
    """Count the pictures that a page shows by name; one that several pages show is one."""
    shown = _resolved(_resolved(page.get("/Resources", {})).get("/XObject", {}))
    for one in shown.values():
        if _identity(one) not in found.pictures and _resolved(one).get("/Subtype") == "/Image":
            found.pictures.add(_identity(one))


def _spoken(objects: list[tuple[str, Any]], found: _Found) -> str:
    """Every text below some objects, each on its line; embedded files on the way are kept. No object is visited twice."""
    out: list[str] = []
    pending = [(key, value, "") for key, value in reversed(objects)]
    while pending:
        key, value, title = pending.pop()
        if key in _LEADS_AWAY:
            continue
        if found.objects <= 0:
            found.failed.append("over the limit of objects: the rest")
            break
        found.objects -= 1
        if isinstance(value, IndirectObject):
            if _identity(value) in found.seen:
                continue
            found.seen.add(_identity(value))
        inside = found.attempt("an object", partial(_visited, key, value, title, found, out)) or []
        pending.extend(reversed(inside))
    return "\n".join(out)


def _visited(key: str, value: Any, title: str, found: _Found, out: list[str]) -> list[tuple[str, Any, str]]:  # noqa: ANN401
    """What lies inside an object, with its key and the form field that it belongs to; its own text goes to `out`."""
    value = _resolved(value)
    if isinstance(value, ArrayObject):
        return [(key, inner, title) for inner in value]
    if isinstance(value, DictionaryObject):
        if str(value.get("/Type"))[:10] in {"/Page", "/Pages", "/Font", "/XObject"}:
            return []
        title = _text(value.get("/T")) or title
        if "/EF" in value:
            name = _text(value.get("/UF")) or _text(value.get("/F"))
            found.attempt("embedded files", partial(found.file, name, value))
        elif isinstance(value, StreamObject) and key in _WRITTEN:
            out.extend(_lines(value))
        return [(name, inner, title) for name, inner in value.items() if name != "/EF"]
    if text := _text(value):
        out.append(f"{title}: {text}" if title and key in {"/V", "/DV"} else text)
    return []


def _lines(stream: StreamObject) -> Iterator[str]:
    """A stream's text as it is written, and without markup where it has some."""
    text = stream.get_data().decode("utf-8", "replace")[:_CHARACTERS]
    yield text
    if "<" in text:
        yield _MARKUP.sub("", text)


def _text(value: Any) -> str:  # noqa: ANN401  any object of a PDF
    value = _resolved(value)
    if isinstance(value, ByteStringObject):
        text = bytes(value).decode("latin-1")
        return text if text.isprintable() else ""
    return str(value) if isinstance(value, TextStringObject) else ""


def _resolved(value: Any) -> Any:  # noqa: ANN401  any object of a PDF
    return value.get_object() if isinstance(value, IndirectObject) else value


def _identity(value: Any) -> tuple[int, int]:  # noqa: ANN401  any object of a PDF
    return (value.idnum, value.generation) if isinstance(value, IndirectObject) else (-1, id(value))
