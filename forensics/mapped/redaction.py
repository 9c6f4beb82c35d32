"""What a mapped record keeps of what people wrote: nothing before the secrets in it are taken out."""

from __future__ import annotations

from collections.abc import Callable

from forensics.model import Fragment
from forensics.records import replaced

__all__ = ["redacted"]


def redacted(fragment: Fragment, redact: Callable[[str], str]) -> Fragment:
    """A mapped record fit to be stored: facts, server, stream, names of attachments and senders that are no address, redacted.

    A column of free text may be mapped to any of these. Addresses and identities stay as they are, for records are joined by
    them; subjects are hashed and replies redacted where those of every parser are (`columns`).
    """
    one = fragment.observation

    def shown(text: str) -> str:
        return redact(text) if text else ""

    changes = {
        "facts": tuple((name, _told(name, value, redact)) for name, value in one.facts),
        "attachments": tuple(map(shown, one.attachments)),
        "server": shown(one.server),
        "stream": shown(one.stream),
        "sender": one.sender if "@" in one.sender else shown(one.sender),
        "envelope_sender": one.envelope_sender if "@" in one.envelope_sender else shown(one.envelope_sender),
    }
    if all(getattr(one, name) == value for name, value in changes.items()):
        return fragment
    return Fragment(fragment.key, replaced(one, **changes), fragment.opens, fragment.closes)


def _told(name: str, value: str, redact: Callable[[str], str]) -> str:
    """A fact's value, read with the fact's name before it: a column that is called `password` tells what is in it."""
    return redact(f"{name}: {value}").removeprefix(f"{name}: ")
