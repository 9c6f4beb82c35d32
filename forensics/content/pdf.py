"""PDF: pages, notes, forms, properties and embedded files, read in a child process with limits."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from forensics.decoding import safe_name, signature
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader
from forensics.sandbox import read_limited
from forensics.views import joined

__all__ = ["READER"]

_PROGRAM = Path(__file__).with_name("_pdf_program.py")
_FAILURE = re.compile(r"[a-z0-9 ]{1,60}(?:: [A-Za-z_]{1,60})?")


def _accepts(part: Part) -> bool:
    return signature(part.data) == "pdf"


def _read(part: Part, limits: Limits) -> Iterator[Text | Part | Unread]:
    result = read_limited(_PROGRAM, part.data, memory=limits.child_memory, seconds=limits.seconds, output=4 * limits.member_bytes)
    try:
        found: dict[str, Any] = json.loads(result.output) if result.ok else {}
    except ValueError:
        found = {}
    if not found:
        yield Unread(part.path, f"PDF that could not be read: {result.error or 'no result'}")
        return
    if found["locked"]:
        yield Unread(part.path, "PDF locked with a password")
        return
    text = "\n\n".join(said for _, said in found["texts"]).encode("utf-8", "replace").decode("utf-8")
    yield Text(part.path, "decoded", text)
    if (whole := joined(text, everywhere=True)) != text:
        yield Text(part.path, "lines", whole, guessed=True)
    if not any(place.startswith("page ") for place, _ in found["texts"]):
        yield Unread(part.path, "PDF without text on its pages: images are not examined")
    elif found["pictures"]:
        yield Unread(part.path, f"{found['pictures']} picture(s) in the PDF: not examined")
    for number, (name, content) in enumerate(found["files"], 1):
        step = safe_name(name, f"file-{number}")
        yield Part(f"{part.path}/{step}", "", base64.b64decode(content), step, depth=part.depth + 1)
    for failure in found["failed"]:
        yield Unread(part.path, f"PDF, not read: {failure if _FAILURE.fullmatch(failure) else 'a part of it'}")


READER = Reader("pdf", "PDF", _accepts, _read)
