"""Mail addresses and domains: read leniently, compare canonically."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import idna
from publicsuffixlist import PublicSuffixList

__all__ = [
    "Mailbox", "ascii_domain", "canonical", "canonical_message_id", "domain_of", "is_within", "mailboxes",
    "registrable", "without_tag",
]  # fmt: skip

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DOT_ATOM = re.compile(r"[^\s\"(),:;<>@\[\]\\]+")
_LABEL = r"[^\s\"'(),:;<>@\[\]\\/|=`{}!*&#%?]+"
# an address inside any text: local part (quoted or bare), "@", domain or address literal; every repeat is bounded
_ADDRESS = re.compile(
    r"(?P<local>\"(?:[^\"\\\r\n]|\\.){1,128}\"|[^\s\"(),:;<>@\[\]\\]{1,128})"
    rf"@(?P<domain>\[[0-9A-Fa-f:.]{{2,64}}\]|{_LABEL.replace('+', '{1,253}')})"
)
_MAILTO = re.compile(r"^(?:mailto|smtp|rfc822):", re.IGNORECASE)
_suffixes: PublicSuffixList | None = None


class Mailbox(NamedTuple):
    """A display name, decoded by the caller or not, and an address in canonical form; `written` is the address as found."""

    name: str
    address: str
    written: str


@lru_cache(maxsize=65_536)
def ascii_domain(text: str) -> str:
    """The A-label form of a domain (RFC 5891), lower case, without trailing dot.

    Text that no IDNA rule accepts is lower-cased and kept: a log may hold anything, and it must stay comparable.
    """
    text = text.strip().rstrip(".").lower()
    if text.isascii():
        return text
    folded = unicodedata.normalize("NFKC", text)
    try:
        return idna.encode(folded, uts46=True, transitional=False).decode("ascii")
    except idna.IDNAError:
        return folded.lower()


@lru_cache(maxsize=262_144)
def canonical(text: str) -> str:
    """The form in which addresses are compared: lower case, domain as A-labels, needless quotes and controls removed.

    Providers treat local parts without regard to case, and so do we. `<>` and text without "@" come back stripped and
    lower-cased; "" stays "".
    """
    text = _CONTROLS.sub("", text).strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1].strip()
    if text.startswith("@") and ":" in text:  # source route, RFC 5322 section 4.4: <@relay.example:user@host.example>
        text = text.rpartition(":")[2]
    text = _MAILTO.sub("", text)
    local, at, domain = text.rpartition("@")
    if not at:
        return text.lower()
    return f"{_canonical_local(local)}@{ascii_domain(domain)}"


def _canonical_local(local: str) -> str:
    local = unicodedata.normalize("NFC", local.strip()).lower()
    if len(local) > 1 and local[0] == local[-1] == '"':
        bare = re.sub(r"\\(.)", r"\1", local[1:-1])
        if _DOT_ATOM.fullmatch(bare):
            return bare
        return '"' + bare.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if local and not _DOT_ATOM.fullmatch(local):  # Postfix before 3.5 logs a quoted local part without its quotes
        return '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return local


def domain_of(address: str) -> str:
    """The domain of a canonical address; "" if it has none."""
    return address.rpartition("@")[2] if "@" in address else ""


def without_tag(address: str) -> str:
    """A canonical address without its plus-tag (RFC 5233): `ann+x@a.example` -> `ann@a.example`."""
    local, at, domain = address.rpartition("@")
    bare = local.split("+", 1)[0]
    return f"{bare}@{domain}" if at and bare else address


def is_within(domain: str, parent: str) -> bool:
    """Whether `domain` is `parent` or a sub-domain of it, label by label; both in A-label form."""
    return bool(parent) and (domain == parent or domain.endswith("." + parent))


@lru_cache(maxsize=65_536)
def registrable(domain: str) -> str:
    """The part of a domain that somebody registers, by the bundled Public Suffix List; no network.

    A top-level domain that the list does not know is taken as a suffix of one label, so the last two labels remain.
    An address literal, a single label and a public suffix itself come back as they are.
    """
    global _suffixes  # noqa: PLW0603  the list takes 0.1 s to read: once, and only when it is needed
    if _suffixes is None:
        _suffixes = PublicSuffixList(accept_unknown=True)
    if domain.startswith("[") or "." not in domain:
        return domain
    return str(_suffixes.privatesuffix(domain) or domain)


def canonical_message_id(text: str) -> str:
    """A Message-ID without angle brackets, comments and white space; lower case only on Postmark's own `@mtasv.net` form.

    Everything else keeps its case: RFC 5322 identifiers are compared octet by octet.
    """
    text = _CONTROLS.sub("", text).strip()
    start = text.find("<")
    if start >= 0:
        end = text.find(">", start)
        text = text[start + 1 : end if end >= 0 else None]
    text = "".join(text.split())
    return text.lower() if text.lower().endswith("@mtasv.net") else text


def mailboxes(text: str) -> list[Mailbox]:
    """Every mailbox in a header value, a comma list or a free string, in order, each occurrence once.

    Lenient where RFC 5322 is strict, because an address that a strict reader refuses still received its copy: groups,
    semicolons, unquoted commas in names, missing or doubled angle brackets, empty items. An address in angle brackets
    wins over one that stands before it in the same item, which is then a display name: `good@a.example <x@b.example>`
    is x.
    """
    found = []
    for item in _items(text):
        angle = item.rfind("<")
        inner = item[angle + 1 :] if angle >= 0 else item
        matches = list(_ADDRESS.finditer(_route_free(inner)))
        name = item[:angle].strip(" \t\r\n<").strip('"') if angle >= 0 else ""
        if not matches and angle >= 0:  # nothing inside the brackets: whatever the item holds
            matches = list(_ADDRESS.finditer(item))
            name = ""
        for match in matches:
            written = match.group()
            found.append(Mailbox(name, canonical(written), written))
    return found


def _route_free(text: str) -> str:
    head, colon, rest = text.partition(":")
    return rest if colon and head.lstrip().startswith("@") else text


def _items(text: str) -> list[str]:
    """Cut a list at commas and semicolons that stand outside quotes, comments and angle brackets; comments vanish."""
    items: list[str] = []
    current: list[str] = []
    quoted = escaped = False
    comment = 0
    angle = False
    if text.count('"') % 2:  # an open quote would swallow the rest of the list: read it as an ordinary character
        text = text.replace('"', " ")
    if text.count("(") != text.count(")"):
        text = text.replace("(", " ").replace(")", " ")
    for char in text:
        if escaped:
            escaped = False
            current.append(char)
        elif char == "\\" and (quoted or comment):
            escaped = True
            if quoted:
                current.append(char)
        elif comment:
            comment += (char == "(") - (char == ")")
        elif char == '"':
            quoted = not quoted
            current.append(char)
        elif quoted:
            current.append(char)
        elif char == "(":
            comment = 1
        elif char == "<":
            angle = True
            current.append(char)
        elif char == ">":
            angle = False
            current.append(char)
        elif char in ",;" and not angle:
            items.append("".join(current))
            current = []
        else:
            current.append(char)
    items.append("".join(current))
    return [item for item in items if "@" in item]
