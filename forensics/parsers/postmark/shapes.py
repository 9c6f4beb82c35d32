"""Which of Postmark's records this is, told by its keys alone: every field is optional, and any type may come."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from forensics.parsers.postmark.events import EVENTS, LISTED
from forensics.parsers.postmark.raw import is_raw_mail

__all__ = ["BODY_KEYS", "FIGURES", "LISTS", "is_claimed", "kind_of"]

LISTS = frozenset({
    "Messages", "Suppressions", "InboundMessages", "Opens", "Clicks", "Bounces", "Days", "Servers", "MessageStreams",
})  # fmt: skip
BODY_KEYS = frozenset({"TextBody", "HtmlBody", "Body"})
# of a day, and of all days, in the answers of /stats/outbound and below
FIGURES = frozenset({
    "Sent", "HardBounce", "SoftBounce", "SMTPApiError", "Transient", "Unknown", "SpamComplaint", "Tracked", "Opens", "Unique", "Clicks",
    "Desktop", "Mobile", "WebMail",
})  # fmt: skip
_ROW_KEYS = frozenset({"Recipients", "MessageStream", "ReceivedAt", "TrackOpens", "TrackLinks", "Sandboxed", "Metadata"})
_OF_LIST = {
    "Suppressions": "suppression", "InboundMessages": "inbound", "Days": "day", "Servers": "server", "MessageStreams": "stream",
} | {key: kind for key, (kind, _) in LISTED.items()}  # fmt: skip
_OVERVIEW = frozenset({"Sent", "Bounced", "SMTPApiErrors"})
_SERVER = frozenset({"ID", "ApiTokens", "InboundHash"})
_NEEDED: dict[str, frozenset[str]] = {
    "search": frozenset({"MessageID"}), "details": frozenset({"MessageID"}), "inbound": frozenset({"FromFull", "MessageID"}),
    "suppression": frozenset({"EmailAddress", "SuppressionReason"}), "open": frozenset({"MessageID", "Recipient"}),
    "click": frozenset({"MessageID", "Recipient"}), "bounce": frozenset({"MessageID", "BouncedAt"}),
    "server": frozenset({"ID", "ApiTokens"}), "stream": frozenset({"ID", "ServerID", "MessageStreamType"}),
    "overview": _OVERVIEW, "day": frozenset({"Date"}),
}  # fmt: skip
_OPENED = frozenset({"MessageID", "Recipient", "UserAgent", "ReceivedAt"})
_BOUNCED = frozenset({"MessageID", "Email", "BouncedAt", "Type"})
_NO_ROW = frozenset({"Recipient", "Email", "ErrorCode"})  # an event, a bounce, the answer to a sending
_SURE = frozenset({"suppression", "inbound", "open", "click", "bounce", "server", "stream", "overview", "dump"})


def kind_of(value: Mapping[str, Any], within: str) -> str:
    """What kind of record this is; "" if it is none of Postmark's that this version reads.

    `within` is the key of the page's list in which it stands. A record of an API list of events is "open", "click" or
    "bounce"; the same outside of one is a "webhook:" by its RecordType.
    """
    keys = value.keys()
    if within in _OF_LIST:
        return _OF_LIST[within]
    of_type = value.get("RecordType")
    if isinstance(of_type, str) and of_type in EVENTS:
        return f"webhook:{of_type}"
    return _by_keys(keys, of_type, within) or ("dump" if _is_dump(value) else "")


def _by_keys(keys: AbstractSet[str], of_type: object, within: str) -> str:
    if "FromFull" in keys or of_type == "Inbound":
        return "inbound"
    if keys >= _NEEDED["suppression"]:
        return "suppression"
    if "MessageID" in keys and ("MessageEvents" in keys or not BODY_KEYS.isdisjoint(keys)):
        return "details"
    is_row = "MessageID" in keys and not _ROW_KEYS.isdisjoint(keys)
    if within == "Messages" or (is_row and keys.isdisjoint(_NO_ROW)):
        return "search"
    if keys >= _OPENED:
        return "click" if "OriginalLink" in keys else "open"
    if keys >= _BOUNCED:
        return "bounce"
    for kind, needed in (("server", _SERVER), ("stream", _NEEDED["stream"]), ("overview", _OVERVIEW)):
        if keys >= needed:
            return kind
    return ""


def _is_dump(value: Mapping[str, Any]) -> bool:
    text = value.get("Body")
    return len(value) == 1 and isinstance(text, str) and (not text or is_raw_mail(text))


def is_claimed(value: Mapping[str, Any], within: str) -> bool:
    """Whether a record with such fields is Postmark's for sure, so that a file that begins with it is."""
    keys = value.keys()
    kind = kind_of(value, within)
    if kind.startswith("webhook:"):
        return not keys.isdisjoint({"MessageID", "ServerID", "ServerId", "MessageStream"})
    if kind == "day":
        return "Date" in keys and len(keys) > 1 and keys <= {"Date", *FIGURES}
    least = 2 if kind == "search" and not within else 1  # one of them may be a chance
    is_sure = kind in _SURE or "MessageEvents" in keys or len(_ROW_KEYS & keys) >= least
    return is_sure and (kind == "dump" or (kind in _NEEDED and _NEEDED[kind] <= keys))
