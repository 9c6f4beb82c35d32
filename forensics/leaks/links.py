"""Links as they read once redirectors and percent signs are undone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

import regex

__all__ = ["Link", "links", "links_at", "readings"]

# a link by scheme or by "www."; at most 4 KB; what closes a sentence or a bracket around it does not belong to it
_LINK = regex.compile(r"(?i)(?<![\p{L}\p{N}])(?:[a-z][a-z0-9+.\-]{1,20}://|www\.)[^\s<>\"“”`{}|\\^]{3,4096}(?<![.,;:!?'\]])")
_APART = regex.compile(r"[\s<>\"“”`{}|\\^]")  # no link goes across one of these
_APART_BACKWARDS = regex.compile(r"(?r)[\s<>\"“”`{}|\\^]")
_HOST = regex.compile(r"(?i)[a-z][a-z0-9+.\-]{1,20}://(?:[^/?#@\s]{1,256}@)?([^/?#:\s]{1,253})")
_REDIRECTORS = (
    "safelinks.protection.outlook.com",
    ".google.com",
    "sendgrid.net",
    "list-manage.com",
    "mailgun.org",
    "hubspotlinks.com",
)
_POSTMARK_HOP = regex.compile(r"/\d?s/([^/\s]{4,2048})")
_URLDEFENSE_HOP = regex.compile(r"__(\S{8,2048}?)__;")
_PROOFPOINT_HOP = regex.compile(r"[?&]u=([^&\s]{8,2048})")
_INNER = regex.compile(r"(?i)[?&#;/](?:[a-z_]{1,20}=)?(https?(?:://|%3a%2f%2f|%253a%252f%252f)[^&\s;]{4,2048})")
_ONE_SLASH = regex.compile(r"^(https?):/(?!/)")
_DEPTH = 3  # a redirector behind a redirector behind a scanner's rewriting


class Link(NamedTuple):
    """A link's place in its text, and every way to read it, the most decoded last."""

    start: int
    end: int
    readings: tuple[str, ...]


def links(text: str) -> Iterator[Link]:
    """Every link of a text. Offsets are those of the text, whatever the link leads to."""
    if "://" not in text and "www." not in text.lower():
        return
    for match in _LINK.finditer(text):
        written = match.group()
        if written.endswith(")") and "(" not in written:
            written = written[:-1]
        yield Link(match.start(), match.start() + len(written), readings(written))


def links_at(text: str, places: Iterable[int]) -> list[Link]:
    """The links, as `links` finds them, around these places (ascending, each right behind a character of its link)."""
    found: list[Link] = []
    done = 0
    for place in places:
        if place <= done:
            continue
        before = _APART_BACKWARDS.search(text, 0, place)
        start = before.end() if before else 0
        after = _APART.search(text, place)
        done = after.start() if after else len(text)
        base = max(0, start - 1)  # what stands before may forbid a link to begin
        found += [Link(one.start + base, one.end + base, one.readings) for one in links(text[base:done])]
    return found


def readings(written: str) -> tuple[str, ...]:
    """One link as written, percent-decoded once and twice; of a redirector only where it leads."""
    found: list[str] = []
    pending = [(written.replace("hxxp", "http", 1) if written[:4].lower() == "hxxp" else written, 0)]
    while pending:
        link, depth = pending.pop()
        inner, is_spent = _targets(link) if depth < _DEPTH else ([], False)
        pending.extend((one, depth + 1) for one in inner[:8])
        if is_spent:
            continue
        once = unquote(link)
        for reading in (link, once, unquote(once)):
            if reading not in found:
                found.append(reading)
    return tuple(found)


def _targets(link: str) -> tuple[list[str], bool]:
    """Where a redirector leads, and whether the link itself is nothing but the redirection.

    A field that is itself a link may also be a "continue here" behind a secret: then the link is read, too.
    """
    host_match = _HOST.match(link)
    if not host_match:
        return [], False
    host, rest = host_match.group(1).lower(), link[host_match.end() :]
    if host.endswith("pstmrk.it") and (hop := _POSTMARK_HOP.match(rest)):
        inner = unquote(hop.group(1))
        return [inner if "://" in inner else f"https://{inner}"], True
    if host.endswith("urldefense.com") and (hop := _URLDEFENSE_HOP.search(rest)):
        return [_ONE_SLASH.sub(r"\1://", hop.group(1))], True
    if host.endswith("urldefense.proofpoint.com") and (hop := _PROOFPOINT_HOP.search(rest)):
        return [unquote(hop.group(1).replace("-", "%").replace("_", "/"))], True
    found = []
    for hop in _INNER.finditer(rest):
        inner = unquote(hop.group(1))
        found.append(unquote(inner) if "%3a%2f%2f" in inner.lower() else inner)
    return found, bool(found) and host.endswith(_REDIRECTORS)
