"""Locked attachments, and whether whoever got them got the password, too."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from forensics.dates import zulu
from forensics.model import Leak
from forensics.pipeline.second_pass import Content

__all__ = ["LOCKED_ATTACHMENTS", "Exchange", "Linked", "Secret", "link", "locked_attachments"]

LOCKED_ATTACHMENTS = (
    "message_key", "sent_at", "part", "lock", "opened", "confidence", "reason", "password_message_key", "password_sent_at",
    "password_part", "password_location", "password_copied_out", "verdict",
)  # fmt: skip

_CONFIDENCES = ("high", "medium", "low")
_SUBJECT_DAYS = timedelta(days=14)
_PEOPLE_DAYS = timedelta(days=7)
_CANDIDATES = 200  # password mails looked at for one attachment and one way of belonging together, the nearest in time
_HOPS = 8  # from mail to mail along In-Reply-To where no mail names the root of its thread
_TWO = 2  # people whom two mails must share to be one conversation by their subject
_ORDER = {"yes": 0, "possible": 1, "no": 2}

# Every name by which a mail belongs to a thread: its own identities, and those that it answers to
_NAMES = """
CREATE OR REPLACE TEMP TABLE thread_names AS
SELECT DISTINCT l.message_key, name FROM (
  SELECT obs, unnest(list_concat(
    CASE WHEN message_id = '' THEN [] ELSE [message_id] END,
    [substr(one, 5) FOR one IN ids IF starts_with(one, 'mid:')],
    [fact.value FOR fact IN facts IF fact.name IN ('thread', 'in_reply_to')]
  )) AS name FROM observed
) JOIN links l USING (obs)
"""
_HOP = """
INSERT INTO reached SELECT DISTINCT other.message_key FROM reached JOIN thread_names mine USING (message_key)
JOIN thread_names other ON other.name = mine.name ANTI JOIN reached AS old ON old.message_key = other.message_key
"""
_MAILS = """
SELECT message_key, m.sent_at, m.sender, m.subject_hash, coalesce(p.people, []) AS people
FROM messages m SEMI JOIN asked_keys USING (message_key) LEFT JOIN (
  SELECT message_key, list(DISTINCT address) AS people FROM copies SEMI JOIN asked_keys USING (message_key)
  WHERE blind IS DISTINCT FROM 'yes' AND address NOT IN (SELECT address FROM copy_verdicts) GROUP BY message_key
) p USING (message_key)
"""


class Secret(NamedTuple):
    """A place where a password stands, with the surest finding first: never the password itself."""

    message_key: str
    part: str
    location: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """What tells whether two mails belong together. `thread` is a number of its own for each; `people` holds the sender, too."""

    message_key: str
    sent_at: datetime | None
    sender: str
    subject: str  # its keyed hash, "" unknown
    thread: str
    people: frozenset[str]


class Linked(NamedTuple):
    """A password that belongs to a locked attachment, how sure that is, and why."""

    secret: Secret
    confidence: str
    reason: str


def locked_attachments(
    connection: duckdb.DuckDBPyConnection,
    contents: Sequence[Content],
    flagged: Mapping[str, Mapping[str, Any]],
    places: Sequence[str],
) -> list[dict[str, Any]]:
    """Rows of `locked_attachments.csv`: one for each locked attachment of the messages in `places`, by time and part.

    `contents` are all that were read, those of unflagged messages, too; `flagged` holds place, verdict and `sent_at` by message.
    An attachment is taken as opened if a password of its conversation went to an unexpected recipient as well. No password is tried.
    """
    locked = _locked(contents, {key for key, one in flagged.items() if one["place"] in places})
    if not locked:
        return []
    secrets = _secrets(contents)
    mails = _exchanges(connection, {key for key, _ in locked} | set(secrets))
    found = link([mails[key] for key, _ in locked if key in mails], [mails[key] for key in secrets if key in mails], secrets)
    copied = {key: _copied(flagged.get(key)) for key in secrets}
    rows = []
    for (key, part), lock in locked.items():
        best = min(
            found.get(key, ()),
            key=lambda one: (_ORDER[copied[one.secret.message_key]], _CONFIDENCES.index(one.confidence)),
            default=None,
        )
        if lock.is_sure or best is not None:  # of an archive that nobody opened, nothing is said without a password
            sent = mails[best.secret.message_key].sent_at if best else None
            rows.append(_row(key, part, lock, flagged[key], best, copied[best.secret.message_key] if best else "", sent))
    rows.sort(key=lambda row: (row["sent_at"] or "~", row["message_key"], row["part"]))
    return rows


class _Lock(NamedTuple):
    text: str
    is_sure: bool


def _locked(contents: Iterable[Content], keys: set[str]) -> dict[tuple[str, str], _Lock]:
    """Locked attachments by message and part: an archive once, however many members it has."""
    found: dict[tuple[str, str], _Lock] = {}
    for content in contents:
        if content.message_key in keys:
            for one in content.locked:
                lock = _Lock(one.reason, not one.reason.endswith("no reader"))
                found.setdefault((content.message_key, one.part), lock)
    return found


def _secrets(contents: Iterable[Content]) -> dict[str, list[Secret]]:
    """Passwords by message, the surest first."""
    found: dict[str, set[Leak]] = {}
    for content in contents:
        passwords = [leak for leak in content.leaks if leak.kind == "password" and leak.family == "credential"]
        if passwords:
            found.setdefault(content.message_key, set()).update(passwords)
    return {
        key: [
            Secret(key, leak.part, leak.location, leak.confidence)
            for leak in sorted(leaks, key=lambda one: (_CONFIDENCES.index(one.confidence), one.part, one.offset, one.rule))
        ]
        for key, leaks in sorted(found.items())
    }


def _exchanges(connection: duckdb.DuckDBPyConnection, keys: set[str]) -> dict[str, Exchange]:
    connection.register("asked_rows", pa.table({"message_key": pa.array(sorted(keys), pa.string())}))
    connection.execute("CREATE OR REPLACE TEMP TABLE asked_keys AS SELECT * FROM asked_rows")
    connection.unregister("asked_rows")
    threads = _threads(connection)
    return {
        key: Exchange(
            key,
            at and at.astimezone(UTC),
            sender or "",
            subject or "",
            threads.get(key, key),
            frozenset({sender, *people} - {"", None}),
        )
        for key, at, sender, subject, people in connection.execute(_MAILS).fetchall()
    }


def _threads(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The thread of every mail that is connected with one asked for, as the least key in it."""
    connection.execute(_NAMES)
    connection.execute("CREATE OR REPLACE TEMP TABLE reached AS SELECT message_key FROM asked_keys")
    for _ in range(_HOPS):
        ((more,),) = connection.execute(_HOP).fetchall()
        if not more:
            break
    pairs = connection.execute(
        "SELECT message_key, name FROM thread_names SEMI JOIN reached USING (message_key) ORDER BY ALL"
    ).fetchall()
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(one: tuple[str, str]) -> tuple[str, str]:
        while (above := parent.setdefault(one, one)) != one:
            parent[one] = one = parent.setdefault(above, above)
        return one

    for key, name in pairs:
        first, second = sorted((root(("key", key)), root(("name", name))))
        parent[second] = first
    return {key: root(("key", key))[1] for key in dict.fromkeys(key for key, _ in pairs)}


def _copied(flagged: Mapping[str, Any] | None) -> str:
    """Whether a mail went to an unexpected recipient: yes, possible or no."""
    place = flagged["place"] if flagged else ""
    return {"exposed": "yes", "possible": "possible"}.get(place, "no")


def link(
    locked: Iterable[Exchange], told: Iterable[Exchange], secrets: Mapping[str, Sequence[Secret]]
) -> dict[str, list[Linked]]:
    """The passwords that belong to each locked mail, surest and nearest first.

    Together belong: a mail and itself; mails of one thread; mails of one subject among the same people within 14 days; mails of
    one sender to one same person within 7 days. At most 200 of each kind are looked at for one mail, the nearest in time.
    """
    index = _Index(told)
    found: dict[str, list[Linked]] = {}
    for mail in locked:
        links = []
        for other, confidence, how in _together(mail, index):
            secret = secrets[other.message_key][0]
            least = max(confidence, secret.confidence, key=_CONFIDENCES.index)
            links.append((_CONFIDENCES.index(least), _apart(mail, other), other.message_key, Linked(secret, least, how)))
        ordered = sorted(links, key=lambda one: one[:3])
        first = {one[2]: one[3] for one in reversed(ordered)}  # each mail once, by its surest link
        found[mail.message_key] = [first[key] for key in dict.fromkeys(one[2] for one in ordered)]
    return found


class _Index:
    """Mails with passwords by thread, subject and sender, each in order of time."""

    def __init__(self, told: Iterable[Exchange]) -> None:
        self.by: dict[tuple[str, str], list[Exchange]] = {}
        self.keys: dict[str, Exchange] = {}
        for one in sorted(told, key=_moment):
            self.keys[one.message_key] = one
            for name, value in (("thread", one.thread), ("subject", one.subject), ("sender", one.sender)):
                if value:
                    self.by.setdefault((name, value), []).append(one)

    def near(self, name: str, mail: Exchange, within: timedelta | None = None) -> Iterator[Exchange]:
        """Mails other than this one that share a property with it, the nearest in time; with a bound, dated ones inside it only."""
        listed = self.by.get((name, str(getattr(mail, name))), [])
        at = bisect_left(listed, _moment(mail), key=_moment)
        close = listed[max(0, at - _CANDIDATES) : at + _CANDIDATES]
        close = sorted(close, key=lambda one: (_apart(mail, one), one.message_key))[:_CANDIDATES]
        for one in close:
            if one.message_key != mail.message_key and (within is None or _apart(mail, one) <= within):
                yield one


def _moment(mail: Exchange) -> tuple[datetime, str]:
    return mail.sent_at or datetime.max.replace(tzinfo=UTC), mail.message_key


def _apart(one: Exchange, other: Exchange) -> timedelta:
    if one.message_key == other.message_key:
        return timedelta(0)
    return timedelta.max if one.sent_at is None or other.sent_at is None else abs(one.sent_at - other.sent_at)


def _together(mail: Exchange, index: _Index) -> Iterator[tuple[Exchange, str, str]]:
    if mail.message_key in index.keys:
        yield index.keys[mail.message_key], "high", "The same mail holds a password"
    for one in index.near("thread", mail):
        sure = _apart(mail, one) <= _SUBJECT_DAYS
        yield one, "high" if sure else "medium", f"A mail of the same thread holds a password, {_distance(mail, one)}"
    for one in index.near("subject", mail, _SUBJECT_DAYS) if mail.subject else ():
        if len(mail.people & one.people) >= _TWO:
            yield one, "medium", f"A mail with the same subject among the same people holds a password, {_distance(mail, one)}"
    for one in index.near("sender", mail, _PEOPLE_DAYS) if mail.sender else ():
        if len(mail.people & one.people) >= _TWO:
            yield one, "low", f"Another mail of the same sender to the same person holds a password, {_distance(mail, one)}"


def _distance(mail: Exchange, other: Exchange) -> str:
    if mail.sent_at is None or other.sent_at is None:
        return "how much earlier or later is not known"
    minutes = round(abs(other.sent_at - mail.sent_at).total_seconds() / 60)
    word = "later" if other.sent_at >= mail.sent_at else "earlier"
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if (count := minutes // size) >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} {word}"
    return "within the same minute"


_NOT_TRIED = "No password was tried."


def _row(  # noqa: PLR0917  one cell each, once
    key: str, part: str, lock: _Lock, flagged: Mapping[str, Any], best: Linked | None, copied: str, sent: datetime | None
) -> dict[str, Any]:
    if best is None:
        opened = "password_not_seen"
        reason = f"No password was seen in mail of this conversation that was read; it may have gone another way. {_NOT_TRIED}"
    else:
        opened = {"yes": "taken_as_opened", "possible": "possible", "no": "password_not_copied_out"}[copied]
        said = {
            "yes": "it was copied out as well, so take the attachment as opened by whoever received it",
            "possible": "that mail may have been copied out, so the attachment may have been opened",
            "no": "that mail was not seen to be copied out, so the password did not leave with it",
        }[copied]
        reason = (
            f"{best.reason}: {said}."
            + ("" if lock.is_sure else " Whether the archive is locked is not known.")
            + f" {_NOT_TRIED}"
        )
        if flagged["verdict"] == "possible" and opened == "taken_as_opened":
            opened = "possible"
    return {
        "message_key": key,
        "sent_at": zulu(flagged["sent_at"]),
        "part": part,
        "lock": lock.text,
        "opened": opened,
        "confidence": best.confidence if best else "",
        "reason": reason,
        "password_message_key": best.secret.message_key if best else "",
        "password_sent_at": zulu(sent),
        "password_part": best.secret.part if best else "",
        "password_location": best.secret.location if best else "",
        "password_copied_out": copied,
        "verdict": flagged["verdict"],
    }
