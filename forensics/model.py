"""The nouns of a case, and the columns in which they cross every border."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "ANY_TIME", "Attachment", "Body", "Defect", "Direction", "Finding", "Fragment", "Leak", "Limits", "Observation",
    "Outcome", "Part", "Proof", "Reading", "Recipient", "Role", "Route", "Span", "Statement", "Text", "Unread",
    "Verdict", "Window",
]  # fmt: skip


class Role(StrEnum):
    """The way in which a source names a recipient."""

    TO = "to"
    CC = "cc"
    BCC = "bcc"
    ENVELOPE = "envelope"  # RCPT TO, a provider's recipient list, a queue's delivery line
    EVENT = "event"  # a per-recipient event: delivery, bounce, open, click
    TRACE = "trace"  # Delivered-To, Received ... for: a trace of one copy, not proof of a blind one
    SUPPRESSION = "suppression"  # an entry on a provider's suppression list; names no message


class Outcome(StrEnum):
    """What became of one recipient's copy, as one record tells it."""

    FETCHED = "fetched"  # an open or click by this recipient
    DELIVERED = "delivered"  # 250 of the receiving server, delivery event
    REFUSED_AFTER_DATA = "refused_after_data"  # content had left when the refusal came
    DEFERRED = "deferred"  # temporary failure, no last word
    ACCEPTED = "accepted"  # named in an envelope or list; nothing further is known
    BOUNCED = "bounced"  # final failure, not known to have come after DATA
    REJECTED = "rejected"  # refused at RCPT
    SUPPRESSED = "suppressed"  # the provider did not send it
    SANDBOXED = "sandboxed"  # a test server: never sent
    NONE = ""  # the record says nothing about an outcome (a header)


class Verdict(StrEnum):
    """How sure it is that a copy went to somebody it should not have gone to."""

    CONFIRMED = "confirmed"
    PROBABLE = "probable"
    POSSIBLE = "possible"


class Proof(StrEnum):
    """How far one unexpected copy is known to have come, strongest first."""

    FETCHED = "fetched"
    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    ATTEMPTED = "attempted"
    INFERRED = "inferred"


class Route(StrEnum):
    """The way by which a message went out; evidence of one route is silent on the others."""

    API = "api"  # a provider's HTTP API
    SMTP = "smtp"  # an SMTP server whose log this is
    MAILBOX = "mailbox"  # a stored copy: says nothing about who else got one


class Direction(StrEnum):
    """Whether our side submitted the message, as far as one source can tell."""

    SUBMITTED = "submitted"
    RECEIVED = "received"
    UNKNOWN = "unknown"


class Span(NamedTuple):
    """A place in the evidence: offsets in bytes of the decoded member, end exclusive; a node id where a format has none.

    `evidence` is the first 16 hex digits of the file's SHA-256; `member` is the path inside an archive, "" for a plain
    file or a single compressed stream; `end` = -1 means "to the end of the member, wherever it is".
    """

    evidence: str
    member: str
    start: int
    end: int


class Reading(NamedTuple):
    """One clock of a message: which clock, the time in UTC, and by how much it may be off, in seconds."""

    clock: str  # "date", "received", "envelope_from", "received_at", "queue_id", "syslog", ...
    at: datetime
    slack: int = 0  # 50400 (14 h) where the zone is unknown


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address in one role, with what its record says became of the copy.

    `address` is in canonical form (`addresses.canonical`); `written` is the text as found where it differs in more
    than case. Times: `at` is aware UTC or None; `stamp` is the text of a time that needs its file's clock (see
    `dates.Stamp`). `start`, `end` place the record (line, event) inside the observation's member; -1 = the whole.
    """

    address: str
    role: Role
    outcome: Outcome = Outcome.NONE
    written: str = ""
    original: str = ""  # the address before alias expansion (orig_to, ORCPT), canonical; "" if the same or unknown
    reply: str = ""  # the remote server's words; redacted before it is stored
    at: datetime | None = None
    stamp: str = ""
    start: int = -1
    end: int = -1
    seen: str = ""  # the header that names it, lower case; "received-below" for a hop under the topmost; "" elsewhere


@dataclass(frozen=True, slots=True)
class Observation:
    """What one source says of one message."""

    span: Span
    source: str  # parser's name
    kind: str  # the record's kind within the source: "search", "details", "webhook:Delivery", "mail", "queue"
    route: Route
    direction: Direction = Direction.UNKNOWN
    server: str = ""  # provider's server id, or the logging host
    stream: str = ""  # provider's message stream; "" elsewhere
    message_id: str = ""  # canonical Message-ID without angle brackets; a provider's uuid as <uuid>@mtasv.net
    ids: tuple[str, ...] = ()  # further identities of the same message: "queue:host/ID[@epoch]", equal text = same message
    sender: str = ""  # canonical address of From, else of the envelope sender; "" for the null sender
    envelope_sender: str = ""
    subject: str = field(default="", repr=False)  # never stored: a keyed hash takes its place
    subject_hash: str = ""  # set by `columns` only
    size: int = -1  # bytes, -1 unknown
    readings: tuple[Reading, ...] = ()  # every clock of the message, the preferred first
    stamp: str = ""  # a time that needs its file's clock, else ""; beside `at`: the zone was assumed
    recipients: tuple[Recipient, ...] = ()
    header_known: bool = False  # True if To and Cc of the message are in this record, completely
    declared: int = -1  # number of envelope recipients that the source declares (nrcpt=), -1 unknown
    attachments: tuple[str, ...] = ()  # names as written: hostile text
    has_body: bool = False  # the parser's body() finds content at `span`
    facts: tuple[tuple[str, str], ...] = ()  # further fields for detectors and cohort, sorted by name, never secrets


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one span says of one message: an observation, or a piece of one that `assemble` will join by `key`."""

    key: str
    observation: Observation
    opens: bool = True  # the record that begins the message was seen
    closes: bool = True  # the record that ends it was seen


@dataclass(frozen=True, slots=True)
class Defect:
    """A record that could not be read, or not surely: kept, counted and shown."""

    span: Span
    parser: str
    reason: str  # a sentence without evidence content in it


@dataclass(frozen=True, slots=True)
class Statement:
    """What a source says about its own completeness; feeds coverage, names no message.

    Kinds: "total" (`value` = rows that exist for a query by the source's own count, `rows` = rows in this record),
    "lost" (`value` = lines or messages that the source says it dropped), "cut" (the answer names a further page; `rows` = rows in this one),
    "tally" (one per span, the last record: `value`
    = records or lines met, `rows` = those among them that carry no fact of mail), "suppression" (`address` is on a
    provider's suppression list, `note` says why), "empty" (an answer without rows: not the same as "nothing happened"), "server" (`note` = what the program behind `scope`
    says it is, or by which mark it is known), "daily" (`value` = messages sent on the day in `note`, US Eastern; weak evidence at most),
    "listed_server" and "listed_stream" (`scope` exists by the provider's own list; a stream's `note` is its server).
    """

    span: Span
    source: str
    kind: str
    scope: str = ""  # server or stream
    route: Route = Route.SMTP
    value: int = 0
    rows: int = 0
    at: datetime | None = None
    stamp: str = ""
    address: str = ""  # canonical, for a suppression entry
    note: str = ""


class Attachment(NamedTuple):
    """An attachment by name and size as its source tells; the name is hostile text."""

    name: str
    size: int = -1


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes to be read for text. `path` is "text/plain", "attachment:conf.zip/settings.ini", "header:subject" ..."""

    path: str
    media_type: str  # lower case, without parameters; "" unknown
    data: bytes = field(repr=False)
    name: str = ""
    charset: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """A view of a part that can be searched; `view` says how it was made, `guessed` that it needed a guess."""

    part: str
    view: str  # "decoded", "html", "source", "joined", "base64", ...
    text: str = field(repr=False)
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A part, or what is left of one, that nobody examined, and why."""

    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class Body:
    """The content of one message as its parser finds it: parts to be read, and what is known to be missing."""

    subject: str = field(default="", repr=False)
    parts: tuple[Part, ...] = ()
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on reading one message's content. Bytes, counts, levels."""

    member_bytes: int = 20 << 20
    total_bytes: int = 200 << 20
    members: int = 2_000
    depth: int = 8
    seconds: float = 20.0
    child_memory: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Leak:
    """A credential or personal datum in a text, redacted at birth: the value itself is not here."""

    rule: str
    kind: str  # a word of the output contract
    family: str  # "credential" or "personal"
    service: str
    preview: str
    severity: str
    confidence: str
    part: str
    offset: int  # of the value, in characters of the part's view
    location: str  # where a person finds it: "line 12", "row 3"
    fingerprint: str  # keyed, hex; compared within one case, never exported
    state: str = ""  # "live_until_rotated", "expires", "expired_by_nature"; "" for personal data
    lifetime: int = -1  # seconds from sending in which it could be used; -1 unknown
    rotate: str = ""
    reference: str = ""
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector says of one recipient, in all messages (`message_key` = "") or in one."""

    detector: str
    address: str
    verdict: Verdict
    score: float  # 0 to 1, comparable within one detector
    reason: str  # a sentence for a lawyer, with figures; contains no raw evidence but addresses
    message_key: str = ""
    blind_only: bool = False  # speaks of the address's blind copies only, not of those in To or Cc
    features: tuple[tuple[str, str], ...] = ()  # name and value as shown, in order


@dataclass(frozen=True, slots=True)
class Window:
    """An interval of time in UTC; None is open. Start inclusive, end exclusive."""

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        for edge in (self.start, self.end):
            if edge is not None and edge.utcoffset() != timedelta(0):
                msg = f"a window's edge must be aware and in UTC: {edge!r}"
                raise ValueError(msg)
        if self.start is not None and self.end is not None and self.start >= self.end:
            msg = f"a window must start before it ends: {self.start.isoformat()} .. {self.end.isoformat()}"
            raise ValueError(msg)

    def may_contain(self, at: datetime | None, slack: int = 0) -> bool:
        """Whether `at`, give or take `slack` seconds, can lie inside. An unknown time can."""
        if at is None:
            return True
        margin = timedelta(seconds=slack)
        before_end = self.end is None or at - margin < self.end
        after_start = self.start is None or at + margin >= self.start
        return before_end and after_start

    def narrowed(self, other: Window) -> Window:
        """The part that both share; raises ValueError where they share nothing."""
        starts = [edge for edge in (self.start, other.start) if edge is not None]
        ends = [edge for edge in (self.end, other.end) if edge is not None]
        return Window(max(starts, default=None), min(ends, default=None))


ANY_TIME = Window()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
