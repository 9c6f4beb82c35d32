"""What a mail server's side says of a call: its answer, and what it prints (`Sending email... {`, `Email sent successfully:`).

Printed objects are in the form of Node's `util.inspect` (nodejs.org/api/util.html#utilinspectobject-options), not JSON, and
may span lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from forensics.addresses import canonical_message_id
from forensics.jsonstream import load

__all__ = ["Answer", "Printed", "answer_in", "ends_inspection", "printed_id", "printed_in", "sent_by", "starts_inspection"]

_MOST_TEXT = 65_536  # characters of an answer that are searched
_ITEMS = 20
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NAMED_ID = re.compile(
    r"^[ \t]{0,8}(MessageID|Message[ _-]?Id)[ \t]{0,8}[:=][ \t]{0,8}([^\s,;]{1,300})", re.IGNORECASE | re.MULTILINE
)
# the words of Postmark's own server and of its clone: the id comes before anything that the agent wrote
_SENT = re.compile(r"\A\s{0,8}(Template )?[Ee]mail sent successfully!?\s{1,8}MessageID: ([^\s,;]{1,300})")
_ECHO = re.compile(r"^To: ([^\r\n]{1,4096})\r?\n", re.MULTILINE)  # not the last line: that one may be cut
_ID_KEYS = ("MessageID", "messageId", "messageID", "MessageId")
# an answer after which the mail may have gone all the same: nobody waited for the provider's word, or the host closed
_UNSURE = re.compile(
    r"time[d -]{0,2}out|abort|cancel|closed|socket|network|ECONN|EPIPE|hang up|\b50[0-9]\b|internal server", re.IGNORECASE
)
_UNSURE_CODES = frozenset({-32000, -32001, -32603})  # connection closed, request timed out (MCP SDK), internal error
_PRINTED = re.compile(r"(?:\A|\s)Sending (template )?email\.{3} ?(\{)")
_PRINTED_SENT = re.compile(r"(?:\A|\s)(Template )?[Ee]mail sent successfully: ([0-9A-Fa-f-]{36})\s*\Z")
_FIELD = re.compile(r"[{,]\s*([A-Za-z]{1,40}): ")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*+)'|\"((?:[^\"\\]|\\.)*+)\"|`((?:[^`\\]|\\.)*+)`", re.DOTALL)
_JOINT = re.compile(r"\s*\+\s*(?=['\"`])")
_BARE = re.compile(r"[^,'\"`{}\[\]\s]{1,64}")
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_UNICODE = 0x110000


class Answer(NamedTuple):
    """An answer to a call: the id that it names (canonical), whether it refused, and whom it says it wrote to."""

    message_id: str = ""
    refused: bool = False
    failed: bool = False  # an error, after which the mail may have gone all the same unless `refused`
    echo: str = ""  # its line "To: ..."
    tool: str = ""  # whose words these are
    remark: str = ""


class Printed(NamedTuple):
    """What the server printed before it sent: fields by name, `whole` if the object was read to its end."""

    is_template: bool
    fields: Mapping[str, str]
    whole: bool


def _identity(text: str, label: str) -> str:
    """A Message-ID; a bare uuid under Postmark's own label is one of Postmark's."""
    text = text.strip().strip("\"'`*,;")
    if "@" in text:
        return canonical_message_id(text)[:998]
    return f"{text.lower()}@mtasv.net" if label == "MessageID" and _UUID.fullmatch(text) else ""


def _texts(result: object) -> Iterator[str]:
    content = result.get("content") if type(result) is dict else None
    for item in islice(content if type(content) is list else [], _ITEMS):
        text = item.get("text") if type(item) is dict else None
        if type(text) is str:
            yield text[:_MOST_TEXT]


def _fields_of(value: object) -> Iterator[str]:
    if type(value) is dict:
        yield from (found for key in _ID_KEYS if type(value.get(key)) is str and (found := _identity(value[key], key)))


def answer_in(message: Mapping[str, Any]) -> Answer:
    """What a JSON-RPC answer to a mail tool says; never raises.

    Where the words are not those of a known server, an id counts only if the answer names no other: what the agent wrote
    may be repeated in it.
    """
    error, result = message.get("error"), message.get("result")
    if error is not None:
        code = error.get("code") if type(error) is dict else None
        words = str(error.get("message", ""))[:_MOST_TEXT] if type(error) is dict else str(error)[:_MOST_TEXT]
        return Answer(refused=code not in _UNSURE_CODES and not _UNSURE.search(words), failed=True)
    texts = list(_texts(result))
    if type(result) is dict and result.get("isError") is True:
        return Answer(refused=not any(map(_UNSURE.search, texts)), failed=True)
    for text in texts:
        sent = sent_by(text)
        if sent.message_id:
            return sent
    found = [one for text in texts for one in (_fields_of(load(text.encode("utf-8", "replace"))) if text[:1] == "{" else ())]
    found += [one for text in texts for label, word in _NAMED_ID.findall(text) if (one := _identity(word, label))]
    found += _fields_of(result.get("structuredContent")) if type(result) is dict else ()
    if len(set(found)) > 1:
        return Answer(remark="an answer names more than one Message-ID: none is taken")
    return Answer(found[0] if found else "")


def sent_by(text: str) -> Answer:
    """The answer `Email sent successfully! MessageID: ... To: ...`; empty if the text is none."""
    match = _SENT.match(text)
    found = _identity(match[2], "MessageID") if match else ""
    if not match or not found:
        return Answer()
    echo = _ECHO.search(text, match.end())
    return Answer(found, echo=echo[1].strip() if echo else "", tool=_tool(match))


def _tool(match: re.Match[str]) -> str:
    return "sendEmailWithTemplate" if match[1] else "sendEmail"


def starts_inspection(text: str) -> bool:
    """Whether the text begins a printed object."""
    return "Sending " in text[:400] and _PRINTED.search(text[:400]) is not None


def ends_inspection(text: str) -> bool:
    """Whether a line can be the last of a printed object."""
    return text.rstrip().endswith("}")


def printed_in(text: str) -> Printed | None:
    """The object that was printed before a mail was sent; linear in the length of `text`."""
    match = _PRINTED.search(text[:400])
    if not match:
        return None
    at, fields = match.start(2), dict[str, str]()
    while field := _FIELD.match(text, at):
        value, at = _value(text, field.end())
        if value is None:
            return Printed(bool(match[1]), fields, whole=False)
        fields.setdefault(field[1], value)
    return Printed(bool(match[1]), fields, whole=text[at:].strip() == "}" and bool(fields))


def _value(text: str, at: int) -> tuple[str | None, int]:
    """A printed value and where it ends: a string, which may be in pieces joined by "+", or a bare word; None if it is cut."""
    pieces: list[str] = []
    while quoted := _QUOTED.match(text, at):
        pieces.append(next(one for one in quoted.groups() if one is not None))
        at = quoted.end()
        joint = _JOINT.match(text, at)
        if text.startswith("...", at):  # `'abc'... 12 more characters`
            return None, at
        if not joint:
            return _ESCAPE.sub(_unescaped, "".join(pieces)), at
        at = joint.end()
    bare = _BARE.match(text, at) if not pieces else None
    return (bare.group(), bare.end()) if bare else (None, at)


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits:
        number = int(digits, 16)
        return chr(number) if number < _UNICODE else ""
    return _CONTROLS.get(match[4], match[4])


def printed_id(text: str) -> Answer:
    """What a printed `Email sent successfully: ID` says; empty if the text is none."""
    match = _PRINTED_SENT.search(text[-400:])
    found = _identity(match[2], "MessageID") if match else ""
    return Answer(found, tool=_tool(match)) if match and found else Answer()
