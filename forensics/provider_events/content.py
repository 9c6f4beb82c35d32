"""The content that a provider keeps of a message, as its record holds it."""

from __future__ import annotations

from forensics.jsonstream import Fields
from forensics.model import Body, Part, Unread

__all__ = ["GONE", "kept_texts"]

GONE = Body(unread=(Unread("", "the record cannot be read again"),))


def kept_texts(fields: Fields, **names: str) -> tuple[list[Part], list[Unread]]:
    """Parts for the fields that hold text, `plain` and `html` name them, and what ought to be text and is none."""
    kinds = [(names[kind], f"text/{kind}") for kind in ("plain", "html") if kind in names]
    parts = [
        Part(media, media, text.encode("utf-8", "replace"), charset="utf-8")
        for name, media in kinds
        if (text := fields.text(name))
    ]
    return parts, [Unread(media, "is no text") for name, media in kinds if name in fields.wrong]
