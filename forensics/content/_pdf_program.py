"""The program that reads one PDF in a child process: PDF on stdin, JSON on stdout; imports nothing of ours."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pypdf

_PAGES = 2_000
_CHARACTERS = 20_000_000
_FILES = 100
_FILE_BYTES = 40 << 20
_ANNOTATIONS = 2_000  # of one page


def read(data: bytes) -> dict[str, Any]:
    """Texts as [place, text], embedded files as [name, base64], and what failed; "locked" if a password is needed."""
    reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
    out: dict[str, Any] = {"texts": [], "files": [], "failed": [], "locked": False}
    if reader.is_encrypted and not reader.decrypt(""):
        return {**out, "locked": True}
    left = _CHARACTERS

    def keep(place: str, make: Callable[[], str]) -> None:
        nonlocal left
        text = _attempt(make, place, out["failed"])
        if left > 0 and text and text.strip():
            out["texts"].append([place, text[:left]])
            left -= len(text)
            if left <= 0:
                out["failed"].append("over the limit of text: the rest")

    pages = _attempt(lambda: len(reader.pages), "pages", out["failed"]) or 0
    for number in range(min(pages, _PAGES)):
        keep(f"page {number + 1}", partial(_page_text, reader, number))
        keep(f"annotations of page {number + 1}", partial(_page_notes, reader, number))
    if pages > _PAGES:
        out["failed"].append(f"pages after {_PAGES}")
    keep("properties", lambda: "\n".join(f"{key}: {value}" for key, value in (reader.metadata or {}).items()))
    keep("form", lambda: "\n".join(f"{key}: {field.get('/V', '')}" for key, field in (reader.get_fields() or {}).items()))
    _attempt(lambda: _files(reader, out), "embedded files", out["failed"])
    return out


def _attempt(make: Callable[[], Any], place: str, failed: list[str]) -> Any:  # noqa: ANN401  whatever `make` gives
    try:
        return make()
    except Exception as error:  # noqa: BLE001  pypdf fails in many ways on hostile files; one page must not cost the rest
        failed.append(f"{place}: {type(error).__name__}")
        return None


def _page_text(reader: pypdf.PdfReader, number: int) -> str:
    return reader.pages[number].extract_text()


def _page_notes(reader: pypdf.PdfReader, number: int) -> str:
    return "\n".join(_annotations(reader.pages[number]))


def _annotations(page: pypdf.PageObject) -> Iterator[str]:
    for reference in list(page.get("/Annots") or [])[:_ANNOTATIONS]:
        note = reference.get_object()
        for key in ("/T", "/Subj", "/Contents", "/V", "/TU"):
            if isinstance(note.get(key), str):
                yield str(note[key])
        action = note.get("/A")
        action = action.get_object() if action is not None else {}
        if isinstance(action.get("/URI"), (str, bytes)):
            uri = action["/URI"]
            yield uri.decode("latin-1") if isinstance(uri, bytes) else str(uri)


def _files(reader: pypdf.PdfReader, out: dict[str, Any]) -> None:
    left = _FILE_BYTES
    for count, (name, contents) in enumerate(reader.attachments.items()):
        for content in contents:
            left -= len(content)
            if left < 0 or count >= _FILES:
                out["failed"].append("over the limit of embedded files: the rest")
                return
            out["files"].append([str(name), base64.b64encode(content).decode("ascii")])


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.stdout.write(json.dumps(read(sys.stdin.buffer.read())))
