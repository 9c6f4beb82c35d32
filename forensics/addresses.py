"""Mail addresses and domains: read leniently, compare canonically."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import idna
from publicsuffixlist import PublicSuffixList

__all__ = [
    "Item", "Mailbox", "addresses_in", "ascii_domain", "canonical", "canonical_message_id", "domain_of", "is_within", "items",
    "mailboxes", "mailboxes_in", "plain_addresses", "plain_mailboxes", "registrable", "without_tag",
]  # fmt: skip

_CACHED = 320  # characters: longer texts are hostile or lists, and would fill a cache without being met again
_ROUTE = 64  # pieces of a source route: keeps the look back at each comma bounded
_NAME_LIMIT = 255  # octets of a domain name, RFC 1035 section 2.3.4
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_ATOM = r"[^\s\"(),:;<>@\[\]\\]"
_DOT_ATOM = re.compile(_ATOM + "+")
_LABEL = r"[^\s\"'(),:;<>@\[\]\\/|=`{}!*&#%?]"
# An address inside any text: local part (quoted or bare), "@", domain or address literal. A bare local part begins
# where its run of characters begins (look-behind) and is taken whole (possessive): linear on any text.
_ADDRESS = re.compile(
    rf"(?P<local>\"(?:[^\"\\\r\n]|\\.){{1,256}}\"|(?<!{_ATOM}){_ATOM}++)"
    rf"@(?P<domain>\[(?:IPv6:)?[0-9A-Fa-f:.]{{2,64}}\]|{_LABEL}{{1,253}})"
)
# The great majority: mailboxes without quotes inside quotes, comments, groups or odd characters, one at a time with what parts
# it from the next. Encoded words (RFC 2047 section 5) may stand in names, if they hold none of the characters that part a list.
_ENCODED = r"=\?[^\s?]{1,64}\?[bBqQ]\?[^\s?,;:@<>\"()\[\]\\]*+\?="
_SIMPLE = re.compile(
    rf"\s*+(?:(?P<name>\"(?:[^\"\\<>()@=]++|{_ENCODED})*+\"|(?:[^\"\\<>()@=,:;\[\]]++|{_ENCODED})*+)"
    r"<(?P<angle>[\w.!#$&+/%=-]++@[A-Za-z0-9.-]{1,253}+)>|(?P<bare>[A-Za-z0-9_.!#$&+/%=-]++@[A-Za-z0-9.-]{1,253}+))\s*+(?:[,;]|\Z)"
)
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|[^\"\\(),;<>]++|\\.|.", re.DOTALL)
_IN_COMMENT = re.compile(r"[^()\\]++|\\.|.", re.DOTALL)
_LOOSE = re.compile(r"[ \t\r\n]*([@.])[ \t\r\n]*")
_PLAIN_ID = re.compile(r"<([!-;=?-~]++)>")
_MAILTO = re.compile(r"^(?:mailto|smtp|rfc822):", re.IGNORECASE)
_suffixes: PublicSuffixList | None = None


class Mailbox(NamedTuple):
    """A display name, decoded by the caller or not, and an address in canonical form; `written` is the address as found."""

    name: str
    address: str
    written: str


class Item(NamedTuple):
    """One item of an address list, without comments: the text outside angle brackets, and what each pair holds."""

    outside: str
    inside: tuple[str, ...] = ()


def ascii_domain(text: str) -> str:
    """The A-label form of a domain (RFC 5891), lower case, without trailing dot.

    Labels that no IDNA rule accepts (an emoji, a wrong mix of scripts) become plain Punycode, so that both ways of
    writing them compare equal; what is no domain at all is lower-cased and kept, because a log may hold anything.
    """
    text = _end(text.strip()).lower()
    return text if text.isascii() or len(text) > _NAME_LIMIT else _end(_a_labels(text))


def _end(text: str) -> str:
    end = len(text)
    while end and (text[end - 1] == "." or text[end - 1].isspace()):
        end -= 1
    return text[:end]


@lru_cache(maxsize=16_384)
def _a_labels(text: str) -> str:
    try:
        return idna.encode(text, uts46=True, transitional=False).decode("ascii")
    except (UnicodeError, IndexError, ValueError):
        folded = unicodedata.normalize("NFKC", text.replace("\u3002", ".")).lower()
        return ".".join(_a_label(label) for label in folded.split("."))


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except (UnicodeError, IndexError, ValueError):
        pass  # no rule accepts the label: plain Punycode below
    try:
        return "xn--" + label.encode("punycode").decode("ascii")
    except UnicodeError:  # a lone surrogate
        return label


def canonical(text: str) -> str:
    """The form in which addresses are compared: lower case, domain as A-labels, needless quotes and controls removed.

    Providers treat local parts without regard to case, and so do we. `<>` and text without "@" come back stripped and
    lower-cased; "" stays "". Idempotent.
    """
    return _cached_canonical(text) if len(text) <= _CACHED else _canonical(text)


_WRAPPED = 4_096  # characters; RFC 5321 allows an address 320


def _peeled(text: str) -> str:
    """The text without one layer of angle brackets, source route (RFC 5322, section 4.4) or URL scheme."""
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1].strip()
    if text.startswith("@") and ":" in text:  # <@relay.example:user@host.example>
        text = text.rpartition(":")[2].strip()
    return _MAILTO.sub("", text).strip()


def _canonical(text: str) -> str:
    text = _CONTROLS.sub("", text).strip()
    peeled = "" if len(text) <= _WRAPPED else text  # what is longer is no wrapped address, and peeling it would cost its square
    while text != peeled:  # a wrapping may hold another; each turn makes the text shorter
        text, peeled = _peeled(text), text
    local, at, domain = text.rpartition("@")
    if not at:
        return text.strip().lower()
    return f"{_canonical_local(local)}@{ascii_domain(domain)}"


_cached_canonical = lru_cache(maxsize=131_072)(_canonical)


def _canonical_local(local: str) -> str:
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local.strip()).lower())
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
    return f"{bare}@{domain}" if at and bare and not local.startswith('"') else address


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
    plain = _PLAIN_ID.fullmatch(text)
    if plain:
        text = plain[1]
        return text.lower() if text[-10:].lower() == "@mtasv.net" else text
    text = _CONTROLS.sub("", text).strip()
    start = text.find("<")
    if start >= 0:
        end = text.find(">", start)
        text = text[start + 1 : end if end >= 0 else None]
    elif "(" in text:
        text = re.sub(r"\([^()]*+\)", " ", text)
    text = "".join(text.split())
    return text.lower() if text[-10:].lower() == "@mtasv.net" else text


def mailboxes(text: str) -> list[Mailbox]:
    """Every mailbox in a header value, a comma list or a free string, in order.

    Lenient where RFC 5322 is strict, because an address that a strict reader refuses still received its copy: groups,
    semicolons, unquoted commas in names, missing or doubled angle brackets, empty items, open quotes. An address in angle
    brackets wins over one that stands before it in the same item, which is then a display name:
    `good@a.example <x@b.example>` is x. Linear in the length of `text`; never raises.
    """
    if "@" not in text:
        return []
    found = plain_mailboxes(text)
    return [mailbox for item in items(text) for mailbox in mailboxes_in(item)] if found is None else found


def plain_addresses(text: str) -> list[tuple[str, str]] | None:
    """Of each mailbox in a list in which nothing is odd: the address, canonical and as written; None if something is odd."""
    found, at = [], 0
    while simple := _SIMPLE.match(text, at):
        _, angle, bare = simple.groups()
        written = angle or bare
        found.append((written.lower().rstrip(".") if written.isascii() else canonical(written), written))
        at = simple.end()
        if at == len(text):
            return found
    return None


def plain_mailboxes(text: str) -> list[Mailbox] | None:
    """The mailboxes of a list in which nothing is odd, ten times as fast as any other; None if something is."""
    found, at = [], 0
    while simple := _SIMPLE.match(text, at):
        found.append(_plain(simple))
        at = simple.end()
        if at == len(text):
            return found
    return None


def _plain(match: re.Match[str]) -> Mailbox:
    name, angle, bare = match.groups()
    written = angle or bare
    # what the pattern lets through in ASCII is canonical but for case and a last dot
    address = written.lower().rstrip(".") if written.isascii() else canonical(written)
    return Mailbox(_display(name) if name else "", address, written)


def _display(text: str) -> str:
    return text.strip(' \t\r\n"')


def addresses_in(text: str) -> list[str]:
    """Every address as written anywhere in `text`, display names and comments included: what a sweep sees."""
    return [_written(match, text) for match in _ADDRESS.finditer(text)] if "@" in text else []


def _written(match: re.Match[str], text: str) -> str:
    written = match.group()
    if written[0] == "'" and text[match.end() : match.end() + 1] == "'":  # 'ann@a.example', as some clients write it
        return written[1:]
    return written


def mailboxes_in(item: Item) -> list[Mailbox]:
    """The mailboxes of one item of a list: those in angle brackets, else those outside."""
    found = [written for text in item.inside for written in _loosely(_without_route(text))]
    name = _display(item.outside) if found else ""
    found = found or _loosely(item.outside)
    return [Mailbox(name, canonical(written), written) for written in found]


def _loosely(text: str) -> list[str]:
    """Addresses in `text`; blanks beside "@" and dots (RFC 5322 section 4.4, a fold after the @) are tried last."""
    if "@" not in text:
        return []
    return addresses_in(text) or addresses_in(_LOOSE.sub(r"\1", text))


def _without_route(text: str) -> str:
    head, colon, rest = text.partition(":")
    return rest if colon and head.lstrip().startswith("@") else text


def items(text: str) -> list[Item]:
    """An address list cut at commas and semicolons outside quotes and comments, and behind each `>`; comments vanish.

    A quote or comment that is never closed would swallow the rest of the list: its characters then count as blanks.
    """
    for blanks in ("", '"', "()", '"()'):
        found = _cut(text.translate({ord(char): " " for char in blanks}) if blanks else text)
        if found is not None:
            return found
    return []


def _cut(text: str) -> list[Item] | None:
    """Items of `text`; None if a quote or a comment stays open."""
    found: list[Item] = []
    outside: list[str] = []
    inside: list[list[str]] = []
    current, at = outside, 0
    while at < len(text):
        if text[at] == "(":
            at = _behind_comment(text, at)
            if at < 0:
                return None
            continue
        match = _TOKEN.match(text, at)
        word = match.group() if match else text[at]
        at += len(word)
        if word == '"':
            return None
        if word == "<":
            current = []
            inside.append(current)
        elif word == ">" or (word in {",", ";"} and not (current is not outside and _is_route(current))):
            found.append(Item("".join(outside), tuple("".join(part) for part in inside)))
            outside, inside = [], []
            current = outside
        else:
            current.append(word)
    found.append(Item("".join(outside), tuple("".join(part) for part in inside)))
    return [item for item in found if item.inside or item.outside]


def _is_route(parts: list[str]) -> bool:
    """Whether this beginning of an angle bracket is a source route, whose commas part relays and not mailboxes."""
    return 0 < len(parts) <= _ROUTE and parts[0].lstrip().startswith("@") and not any(":" in part for part in parts)


def _behind_comment(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        match = _IN_COMMENT.match(text, at)
        word = match.group() if match else text[at]
        at += len(word)
        depth += (word == "(") - (word == ")")
        if not depth:
            return at
    return -1
