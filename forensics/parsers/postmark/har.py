"""Answers of the API in a HAR file (HTTP Archive 1.2), in which a browser or proxy keeps what it saw: the JSON in its entries."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from forensics.jsonstream import Frame, frames
from forensics.parsers.postmark.shapes import LISTS

__all__ = ["answers_in", "holds_entries", "is_har"]

_MARK = re.compile(rb'\A(?:\xef\xbb\xbf)?\s{0,64}\{\s{0,64}"log"\s{0,16}:\s{0,16}\{')
_ASKED = re.compile(rb'"url"\s{0,16}:\s{0,16}"https://api\.postmarkapp\.com(?:[/:]|")', re.IGNORECASE)
_HOST = re.compile(r"https://api\.postmarkapp\.com(?:[/:]|\Z)", re.IGNORECASE)


def is_har(head: bytes) -> bool:
    """Whether this begins a HAR file in which Postmark's API is asked early on."""
    return _MARK.match(head) is not None and _ASKED.search(head) is not None


def holds_entries(value: Mapping[str, Any]) -> bool:
    """Whether this is the one object of a HAR file."""
    return type(_within(value, "log", "entries")) is list


def answers_in(value: Mapping[str, Any]) -> Iterator[Frame]:
    """The records and pages of all answers of the API in a HAR file's one object, in order; places are those in each answer."""
    for entry in value["log"]["entries"]:
        url, content = _within(entry, "request", "url"), _within(entry, "response", "content")
        text = content.get("text") if type(content) is dict else None
        if type(url) is not str or not _HOST.match(url) or type(text) is not str:
            continue
        raw = text.encode("utf-8", "replace")
        if content.get("encoding") == "base64":
            with suppress(binascii.Error, ValueError):  # what is no base64 is no JSON either, and is told as that
                raw = base64.b64decode(raw, validate=True)
        yield from frames([raw], LISTS)


def _within(value: object, *names: str) -> Any:  # noqa: ANN401  any JSON value
    for name in names:
        value = value.get(name) if type(value) is dict else None
    return value
