"""The target of a delivery: the final address, those between, and the original one."""

from __future__ import annotations

import re
from typing import NamedTuple

from forensics.addresses import canonical
from forensics.syslog import decoded

__all__ = ["BEGINNINGS", "CACHED", "PLAIN_ADDRESS", "TEXT_LIMIT", "Target", "address_in", "masked", "target_in"]

TEXT_LIMIT = 4_096  # bytes of an address, an identifier or a reply
CACHED = 320  # bytes: longer texts are hostile, and would fill a cache without being met again
BEGINNINGS = frozenset((b"R=", b"F=", b"P=", b"T=", b"Q="))  # of the fields behind a target
PLAIN_ADDRESS = re.compile(rb"[A-Za-z0-9._+=-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,20}")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_FIELDS = re.compile(rb" [RFPQT]=")
_ORIGINAL = re.compile(rb" <([^<>]*+)>$")
_BETWEEN = re.compile(rb" \(([^()]*+)\)$")
_NO_ADDRESS = (b"/", b"|", b">", b":")
_NEVER_LEFT = (b"/dev/null", b":blackhole:")
_DISCARDED = b"discarded"
_AFFIX = frozenset("+-=")


class Target(NamedTuple):
    """A recipient in canonical form, as `written` where it differs in more than case, and `original` before expansion."""

    address: str
    written: str = ""
    original: str = ""
    dropped: bool = False  # `:blackhole:` and the like: the copy went nowhere
    answered: bool = False  # a filter wrote a reply; nothing was delivered


def masked(text: bytes) -> bytes:
    """The text with `_` for each byte inside quotes, and for the quotes: what looks like a field there is none. Linear."""
    return _QUOTED.sub(lambda match: b"_" * len(match[0]), text) if b'"' in text else text


def address_in(text: bytes) -> tuple[str, str]:
    """Canonical form, and the text as found where it differs in more than case."""
    if PLAIN_ADDRESS.fullmatch(text):  # the common case of `canonical`
        return text.lower().decode(), ""
    written = decoded(text)
    address = canonical(written)
    return address, "" if written.lower() == address else written


def target_in(text: bytes) -> tuple[Target, int] | None:
    """Target of a delivery line, and where its fields begin; None if it does not end.

    `final (between, between) <original> R=...`: exim specification, section "Logging deliveries". Commands and paths may hold
    blanks: the original stands before the first field. An address holds blanks in quotes only.
    """
    shape = masked(text)
    if _is_no_address(shape.partition(b" ")[0]):
        mark = _FIELDS.search(shape)
        end = mark.start() if mark else len(shape) if shape.endswith(b">") else -1
    else:
        end = _end_of_address(shape)
    if not 0 < end <= TEXT_LIMIT:
        return None
    stop = end
    inner = _ORIGINAL.search(shape, 0, end)
    original = text[inner.start(1) : inner.end(1)] if inner else b""
    end = inner.start() if inner else end
    inner = _BETWEEN.search(shape, 0, end)
    between = text[inner.start(1) : inner.end(1)] if inner else b""
    return _target(text[: inner.start() if inner else end], between.split(b", ")[0], original), stop


def _end_of_address(shape: bytes) -> int:
    """Where an address and what belongs to it end: before a blank, or before the `: ` of an error."""
    end = shape.find(b" ")
    if end < 0:
        return len(shape) - 1 if shape.endswith(b":") else -1
    for opening, closing in ((b" (", b")"), (b" <", b">")):
        if shape.startswith(opening, end):
            end = shape.find(closing, end) + 1
            if not end:
                return -1
    return end - 1 if shape[end - 1 : end] == b":" else end


def _target(final: bytes, between: bytes, original: bytes) -> Target:
    first = address_in(original)[0] if original else ""
    nearest = address_in(between)[0] if between else first
    if _is_no_address(final) and nearest:
        address, written = nearest, decoded(final)
    else:
        address, written = address_in(final)
        if "@" not in address and _is_local_part(address, nearest):  # of a local delivery the domain is left out
            address, written = nearest, decoded(final)
    dropped = final == _DISCARDED or final.startswith(_NEVER_LEFT)
    return Target(address, written, "" if first == address else first, dropped, final.startswith(b">"))


def _is_no_address(final: bytes) -> bool:
    """Whether a target is a file, a command, a reply, or what Exim writes for a copy that it dropped."""
    return final == _DISCARDED or final.startswith(_NO_ADDRESS)


def _is_local_part(name: str, address: str) -> bool:
    local = address.rpartition("@")[0]
    return bool(local) and local.startswith(name) and (local == name or local[len(name)] in _AFFIX)
