"""A call of a mail tool: whom the agent asked to write to, and what it asked to be written."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from forensics.addresses import addresses_in, mailboxes
from forensics.model import Body, Part, Recipient, Role, Unread

__all__ = ["Asked", "asked", "body_of", "call_in", "is_mail_tool", "mails_in", "names_only_to"]

_MOST_ADDRESSES = 65_536  # characters of one argument that names recipients
_MOST_RECIPIENTS = 2_000
_LONGEST = 998  # characters of a subject or a sender, RFC 5322 section 2.1.1
_TO = frozenset({"to", "toemail", "toemails", "toaddress", "toaddresses", "torecipients", "recipient", "recipients"})
_CC, _BCC = frozenset({"cc", "ccrecipients", "ccaddresses"}), frozenset({"bcc", "bccrecipients", "bccaddresses"})
_ROLES = {**dict.fromkeys(_TO, Role.TO), **dict.fromkeys(_CC, Role.CC), **dict.fromkeys(_BCC, Role.BCC)}
_FROM = frozenset({"from", "fromemail", "fromaddress", "sender"})
_TEXTS = {
    "textbody": "text/plain", "text": "text/plain", "plaintext": "text/plain", "body": "", "content": "", "message": "",
    "htmlbody": "text/html", "html": "text/html", "templatemodel": "application/json", "templatedata": "application/json",
}  # fmt: skip
# further arguments that name nobody who gets a copy, whatever stands in them
_QUIET = frozenset({
    *_TEXTS, *_FROM, "subject", "replyto", "tag", "inreplyto", "references", "attachmenturls", "attachments", "templateid",
    "templatealias", "template", "messagestream", "metadata", "trackopens", "tracklinks", "server", "cwd",
})  # fmt: skip
_BATCHES = frozenset({"messages", "emails", "mails"})
_HTML = re.compile(r"<(?:html|body|p|div|br|table|a)\b[^<>]{0,2000}>", re.IGNORECASE)
_SENDS = re.compile(r"send|reply|forward", re.IGNORECASE)
_MAILS = re.compile(r"e?mail", re.IGNORECASE)
_ONLY_READS = re.compile(r"\A(?:get|list|search|read|find|validate|verify|preview|draft|create_?draft|delete)", re.IGNORECASE)


@dataclass(slots=True)
class Asked:
    """What one call asks for. `whole`: To and Cc are all here; `remarks` are sentences without evidence content."""

    recipients: tuple[Recipient, ...] = ()
    whole: bool = True
    sender: str = ""
    subject: str = field(default="", repr=False)
    attachments: tuple[str, ...] = ()
    has_body: bool = False
    size: int = 0  # characters of all arguments that are texts
    remarks: tuple[str, ...] = ()


def _plain(name: str) -> str:
    """`text_body`, `textBody` and `TextBody` are one argument."""
    return name.replace("_", "").replace("-", "").lower()


def call_in(message: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Tool and arguments of a `tools/call`; None for any other message."""
    params = message.get("params")
    if message.get("method") != "tools/call" or type(params) is not dict:
        return None
    names = [one for one in _values(params.get("name")) if type(one) is str]
    arguments = [one for one in _values(params.get("arguments")) if type(one) is dict]
    return (names[-1] if names else ""), (arguments[-1] if arguments else {})


def _values(value: object) -> list[Any]:
    """The values of an argument: several where its key is repeated, of which other readers see the last only."""
    return list(value) if type(value) is tuple else [value]


def mails_in(arguments: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The messages that one call sends: the call's own, or those of a batch."""
    for name, value in arguments.items():
        if _plain(name) in _BATCHES and type(value) is list:
            return [one for one in value if type(one) is dict]
    return [arguments]


def names_only_to(arguments: Mapping[str, Any]) -> bool:
    """Whether a tool that takes these arguments, each of a known name, has no place for a recipient but To."""
    plain = {_plain(name) for name in arguments}
    return not plain.isdisjoint(_TO) and plain <= _TO | _QUIET


def is_mail_tool(tool: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a call of this tool sends mail: its name says so, and it has recipients that are addresses or none yet."""
    if _ONLY_READS.match(tool) or not (_SENDS.search(tool) or _MAILS.search(tool)):
        return False
    if _SENDS.search(tool) and _MAILS.search(tool):
        return True
    named = [value for name, value in arguments.items() if _plain(name) in _ROLES]
    return any("@" in text for value in named for text in _addressed(value)) and (
        bool(_SENDS.search(tool)) or any(_plain(name) == "subject" for name in arguments)
    )


def _addressed(value: object) -> Iterator[str]:
    """The texts that may name addresses: the value, its elements, or the address fields of its objects."""
    if type(value) is str:
        yield value
    elif isinstance(value, list | tuple):
        for one in value[:_MOST_RECIPIENTS]:
            if type(one) is not list:
                yield from _addressed(one)
    elif type(value) is dict:
        yield from (
            one for name, one in value.items() if _plain(name) in {"email", "address", "emailaddress"} and type(one) is str
        )


def _is_readable(value: object) -> bool:
    """Whether nothing in the value can hide a recipient from `_addressed`."""
    if type(value) is list:
        return len(value) <= _MOST_RECIPIENTS and all(type(one) is not list and _is_readable(one) for one in value)
    if type(value) is dict:
        return any(True for _ in _addressed(value))
    return value is None or type(value) is str


def _recipients(value: object, role: Role, *, is_cut: bool) -> tuple[list[Recipient], bool]:
    """The recipients that an argument names, and whether these are all. What it breaks off in is no address any more."""
    found: list[Recipient] = []
    whole = _is_readable(value) and not is_cut
    texts = list(_addressed(value))
    if is_cut and texts:
        last = texts.pop()
        texts.append(last.rpartition(",")[0] if type(value) is str else "")
    for text in texts:
        boxes = mailboxes(text[:_MOST_ADDRESSES])
        whole = whole and len(text) <= _MOST_ADDRESSES and (bool(boxes) or not text.strip())
        found += [
            Recipient(box.address, role, written="" if box.written.lower() == box.address else box.written)
            for box in boxes[:_MOST_RECIPIENTS]
        ]
        whole = whole and len(boxes) <= _MOST_RECIPIENTS
    return found, whole


def asked(arguments: Mapping[str, Any], cut: str | None = None, *, names_only_to: bool = False) -> Asked:
    """What the arguments of one message ask for. `cut` names the argument in which they break off, "" is between two.

    Behind a cut there may be a Cc, unless the tool has no argument for one (`names_only_to`).
    """
    one = Asked()
    remarks: list[str] = []
    recipients: list[Recipient] = []
    for name, value in arguments.items():
        plain = _plain(name)
        texts = [text for text in _values(value) if type(text) is str]
        one.size += sum(map(len, texts))
        if len(_values(value)) > 1:
            remarks.append("an argument is given more than once: all its values are taken")
        if plain in _ROLES:
            for each in _values(value):
                named, whole = _recipients(each, _ROLES[plain], is_cut=name == cut)
                recipients += named
                if not whole:
                    remarks.append("recipients of this call cannot be read")
        elif plain in _FROM:
            one.sender = next((box.address for text in texts for box in mailboxes(text[:_LONGEST])), "")
        elif plain == "subject":
            one.subject = next(iter(texts), "")[:_LONGEST]
        elif plain == "attachments":
            one.attachments = tuple(_attachment_name(each) for each in value[:_MOST_RECIPIENTS]) if type(value) is list else ()
        elif plain not in _QUIET and _may_name_somebody(value):
            remarks.append("an argument that this version does not know holds an address")
        one.has_body = one.has_body or (plain in _TEXTS and bool(value))
    if not any(r.role is Role.TO for r in recipients):
        remarks.append("the call names no recipient in To")
    one.recipients = tuple(dict.fromkeys(recipients))
    one.whole = not remarks and (cut is None or names_only_to)
    if cut is not None:
        remarks.append("the host cut the arguments of this call: what is behind the cut is unknown")
    one.remarks = tuple(dict.fromkeys(remarks))
    return one


def _may_name_somebody(value: object) -> bool:
    """Whether an argument that nobody knows holds an address, or is too long to be searched for one."""
    text = value if type(value) is str else json.dumps(value, default=str)
    return len(text) > _MOST_ADDRESSES or bool(addresses_in(text))


def _urls(value: object) -> list[str]:
    return [text for text in (value if type(value) is list else [value]) if type(text) is str]


def _attachment_name(value: object) -> str:
    names = [one for name, one in value.items() if _plain(name) in {"name", "filename"}] if type(value) is dict else [value]
    return next((one[:_LONGEST] for one in names if type(one) is str), "")


def body_of(arguments: Mapping[str, Any], cut: str | None = None) -> Body:
    """The content that a call carries: subject, text, HTML, what a template is filled with, and attachments.

    A part that breaks off, and what lies where this record does not reach, is named as unread.
    """
    parts: list[Part] = []
    unread: list[Unread] = []
    subject = ""
    for name, value in arguments.items():
        plain = _plain(name)
        for one in _values(value):
            if plain == "subject" and type(one) is str:
                subject = subject or one
            elif plain in _TEXTS and one:
                text = one if type(one) is str else json.dumps(one, ensure_ascii=False, default=str)
                media = "text/plain" if _TEXTS[plain] == "application/json" else _TEXTS[plain]
                media = media or ("text/html" if _HTML.search(text) else "text/plain")
                parts.append(Part(media, media, text.encode("utf-8", "replace"), charset="utf-8"))
                if name == cut:
                    unread.append(Unread(media, "cut by the host"))
            elif plain == "attachments" and type(one) is list:
                _attach(one, parts, unread)
            elif plain == "attachmenturls":
                unread += [Unread(f"attachment:{url}", "fetched by the mail tool, not in the log") for url in _names_of(one)]
            elif plain in {"templateid", "templatealias", "template"} and one:
                unread.append(Unread("text/html", "the template is with the provider; what it was filled with is here"))
    if cut is not None and not any(name == cut and _plain(name) in _TEXTS for name in arguments):
        unread.append(Unread("message", "cut by the host"))
    return Body(subject, tuple(parts), tuple(dict.fromkeys(unread)))


def _names_of(value: object) -> list[str]:
    """The file names of URLs; their queries may hold signatures."""
    return [text[:_LONGEST].partition("?")[0].rpartition("/")[2] or "unnamed" for text in _urls(value)]


def _attach(listed: list[Any], parts: list[Part], unread: list[Unread]) -> None:
    for one in listed:
        name = _attachment_name(one) or "unnamed"
        fields = {_plain(key): value for key, value in one.items()} if type(one) is dict else {}
        content = fields.get("content") or fields.get("data")
        media = fields.get("contenttype")
        try:
            content = base64.b64decode(content, validate=True) if type(content) is str else b""
        except (binascii.Error, ValueError):
            content = b""
        if content:
            parts.append(Part(f"attachment:{name}", media.lower() if type(media) is str else "", content, name=name))
        else:
            unread.append(Unread(f"attachment:{name}", "its bytes are not in the log"))
