"""Pass two: the content of the messages asked for, read again from the evidence and redacted before it leaves the worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import duckdb

from forensics.case import is_full
from forensics.content import texts
from forensics.evidence import Item, Member, MemberSource, members, read_ranges
from forensics.leaks import RuleFile, Ruleset, load_rules, redact, scan
from forensics.model import Body, Leak, Limits, Span, Text, Unread
from forensics.people import NO_CLUES, Clues, clues_in, mentioned
from forensics.pipeline.executor import rare_collections
from forensics.pipeline.first_pass import parsers
from forensics.plugins import Reader, discover

__all__ = ["Content", "ContentBatch", "Wanted", "lost", "read_batch", "readers", "wanted"]

BODY_BYTES = 64 << 20  # of one message; what is longer is read up to here and called partial
BATCH_MESSAGES = 50
BATCH_BY_ID = 5_000  # of a parser that finds messages by id: each batch walks through the whole archive
COPIES = 5  # stored copies of one message that are read; more of the same say nothing new

_WANTED = """
SELECT l.message_key, o.evidence, o.member, o.start, o."end", o.source, o.kind, o.has_body, m.sent_at, v.place IS NOT NULL
FROM links l JOIN observed o USING (obs) JOIN messages m USING (message_key) LEFT JOIN message_verdicts v USING (message_key)
WHERE coalesce(v.place, 'unflagged') IN ({places}) AND o.kind NOT LIKE 'webhook:%' AND o.source IN ({sources})
QUALIFY row_number() OVER (PARTITION BY l.message_key, o.source, o.has_body ORDER BY o.size DESC, o.evidence, o.member, o.start) <= {copies}
ORDER BY o.evidence, o.member, o.start
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record whose content is to be read for a message."""

    message_key: str
    span: Span
    source: str
    kind: str
    has_body: bool
    sent_at: datetime | None
    flagged: bool = True  # the message has a verdict; else it is read because everything was asked for


@dataclass(frozen=True, slots=True)
class ContentBatch:
    """Records of one item, sorted by member and place, so that a packed member is unpacked once."""

    item: Item
    wanted: tuple[Wanted, ...]
    key: bytes = field(repr=False)
    limits: Limits
    rules: tuple[RuleFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What pass two keeps of one record: nothing of the text but redacted subject, leaks, addresses and names.

    Of an unflagged message, who may be one of millions, it keeps leaks and what was not read only.
    """

    message_key: str
    has_body: bool
    subject: str
    leaks: tuple[Leak, ...]
    unread: tuple[Unread, ...]
    mentions: frozenset[str]
    attachments: tuple[str, ...]
    flagged: bool = True
    sizes: Mapping[str, int] = field(
        default_factory=dict, hash=False
    )  # bytes of those attachments whose bytes are there, by name
    clues: Clues = NO_CLUES  # who may be one person, and live where; never stored as it stands
    locked: tuple[Unread, ...] = ()  # attachments that a password opens, or may: an archive as a whole; names redacted
    lifetimes: frozenset[tuple[str, int]] = (
        frozenset()
    )  # of the rules whose leaks run out by themselves: id and seconds, -1 unknown


@lru_cache(maxsize=1)
def readers() -> tuple[Reader, ...]:
    """Usable content readers, by name."""
    return tuple(one.plugin for one in discover("content") if one.plugin is not None)


def wanted(connection: duckdb.DuckDBPyConnection, places: Sequence[str]) -> list[Wanted]:
    """The records to read for messages whose verdict lies in `places` ("unflagged": those without one), in order of evidence."""
    able = [name for name, parser in parsers().items() if parser.body or parser.bodies]
    if not able or not places:
        return []
    quoted = [", ".join(f"'{one}'" for one in names) for names in (places, able)]
    rows = connection.execute(_WANTED.format(places=quoted[0], sources=quoted[1], copies=COPIES)).fetchall()
    return [
        Wanted(key, Span(evidence, member, start, end), source, kind, has_body, at and at.astimezone(UTC), flagged)
        for key, evidence, member, start, end, source, kind, has_body, at, flagged in rows
    ]


def batches(
    found: Sequence[Wanted], items: dict[str, Item], key: bytes, limits: Limits, rules: tuple[RuleFile, ...] = ()
) -> Iterator[ContentBatch]:
    """Work for the executor: up to fifty records of one item each, in order; more where they are found by id."""
    pending: list[Wanted] = []
    for one in found:
        most = BATCH_BY_ID if parsers()[one.source].bodies else BATCH_MESSAGES
        if pending and (pending[0].span.evidence != one.span.evidence or len(pending) >= most):
            yield ContentBatch(items[pending[0].span.evidence], tuple(pending), key, limits, rules)
            pending = []
        pending.append(one)
    if pending:
        yield ContentBatch(items[pending[0].span.evidence], tuple(pending), key, limits, rules)


@rare_collections()
def read_batch(batch: ContentBatch) -> list[Content]:
    """Read, decode and scan the records of a batch. Runs in a worker; never raises on any content."""
    contents: list[Content] = []
    waiting = {
        name: [one for one in batch.wanted if one.span.member == name]
        for name in dict.fromkeys(w.span.member for w in batch.wanted)
    }
    for member in members(batch.item):  # one walk: an archive is unpacked once
        if isinstance(member, Member) and (here := waiting.pop(member.name, None)):
            contents += _contents(member, here, batch)
        if not waiting:
            break
    contents += [lost(one, "the evidence can no longer be opened") for here in waiting.values() for one in here]
    return contents


def lost(one: Wanted, reason: str) -> Content:
    """A record whose content nobody could read, and why."""
    return Content(one.message_key, one.has_body, "", (), (Unread("message", reason),), frozenset(), (), one.flagged)


def _contents(member: Member, here: Sequence[Wanted], batch: ContentBatch) -> Iterator[Content]:
    """The records of one member: from their bytes, or as their parser finds them by id."""
    plain = [one for one in here if parsers()[one.source].bodies is None]
    found = read_ranges(member, [(one.span.start, one.span.end) for one in plain], limit=BODY_BYTES)
    for one in plain:
        given = [next(found)[1]]  # taken out of it where it is read: a big one is held once
        yield _read(one, given, batch)
    for name in dict.fromkeys(one.source for one in here):
        if parsers()[name].bodies is not None:
            yield from _by_id(name, member, [one for one in here if one.source == name], batch)


def _body_in(given: list[bytes], one: Wanted) -> Body:
    read_body = parsers()[one.source].body
    if read_body is None:
        return Body(unread=(Unread("message", f"the parser {one.source} finds no content"),))
    return read_body(given.pop(), one.kind)


def _by_id(name: str, member: Member, here: Sequence[Wanted], batch: ContentBatch) -> Iterator[Content]:
    """Records as a parser finds them; the ones that it does not find are lost, and say so."""
    find = parsers()[name].bodies
    assert find is not None
    left = {one.span: one for one in here}
    reason = "the message was not found again"
    try:
        for span, body in find(MemberSource(Span(member.item.id, member.name, 0, -1), member), list(left)):
            if (one := left.pop(span, None)) is not None:
                yield _read(one, body, batch)
    except Exception as error:  # a foreign parser may fail in any way; it costs what it did not give yet
        if isinstance(error, OSError) and is_full(error):  # that is our machine's, and no word on the evidence
            raise
        reason = f"reading failed ({type(error).__name__})"
    yield from (lost(one, reason) for one in left.values())


def _read(one: Wanted, content: Body | list[bytes], batch: ContentBatch) -> Content:
    try:
        body = content if isinstance(content, Body) else _body_in(content, one)
        sizes: dict[str, int] = {}
        found = list(texts(body, readers(), batch.limits, sizes))
        rules = load_rules(*batch.rules)
        shown = [text for text in found if isinstance(text, Text)]
        scanned = scan(shown, rules, batch.key, one.sent_at)
        subject = redact(body.subject, rules)
    except Exception as error:  # hostile content must cost its own message at most; the class name tells no secret
        if isinstance(error, OSError) and is_full(error):  # that is our machine's, and no word on the evidence
            raise
        return lost(one, f"reading failed ({type(error).__name__})")
    unread = [text for text in found if isinstance(text, Unread)] + list(scanned.unread)
    if 0 <= BODY_BYTES < one.span.end - one.span.start:
        unread.append(Unread("message", f"only the first {BODY_BYTES >> 20} MiB were read"))
    if not one.flagged:
        return Content(one.message_key, one.has_body, "", tuple(scanned.leaks), tuple(unread), frozenset(), (), flagged=False)
    parts = sizes.keys() | {item.part for item in found if item.part.startswith("attachment:")}
    names = {part: redact(part.removeprefix("attachment:"), rules) for part in sorted(parts)}
    known: dict[str, int] = {}  # names that differ only in what is redacted are one: the larger counts
    for part, size in sizes.items():
        known[names[part]] = max(size, known.get(names[part], 0))
    return Content(
        one.message_key, one.has_body, subject, tuple(scanned.leaks), tuple(unread), mentioned(shown),
        tuple(sorted(set(names.values()))), sizes=known, clues=clues_in(shown),
        locked=_locks(unread, rules), lifetimes=_lifetimes(scanned.leaks, rules),
    )  # fmt: skip


def _lifetimes(leaks: Sequence[Leak], rules: Ruleset) -> frozenset[tuple[str, int]]:
    """What the rules say of how long these can be used, beside which one sees that a mail said otherwise."""
    named = {leak.rule for leak in leaks if leak.lifetime >= 0}
    return frozenset((rule.id, rule.lifetime) for rule in rules.rules if rule.id in named) if named else frozenset()


_LOCKS = frozenset({
    "encrypted archive member", "PDF locked with a password", "Office document locked with a password",
    "OpenDocument file locked with a password", "KeePass database: locked", "Java key store: locked", "PKCS#12 key store: locked",
    "encrypted file", "7-Zip archive: no reader", "RAR archive: no reader",
})  # fmt: skip


def _locks(unread: Sequence[Unread], rules: Ruleset) -> tuple[Unread, ...]:
    """Of what was not read, attachments that wait for a password; PGP and S/MIME wait for a key. A name may hold what it must not."""
    found = {(one.part, one.reason) for one in unread if one.part.startswith("attachment:") and one.reason in _LOCKS}
    whole = {
        (part.split("/")[0], "archive with encrypted members") if lock == "encrypted archive member" else (part, lock)
        for part, lock in found
    }
    return tuple(Unread(redact(part, rules), lock) for part, lock in sorted(whole))
