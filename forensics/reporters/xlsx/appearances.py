"""Who stands in which message, and what was found in it: one row a person and message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import pandas as pd

from forensics.legible import cut

__all__ = ["COLUMNS", "appearances"]

COLUMNS = ("person", "role", "message_key", "sent_at", "subject", "data_kinds", "credentials", "content", "verdict", "proof")
_SUBJECT = 100  # characters; the sheet of messages has all of it
_NOT_TOLD = "only named in the content: the tables do not tell of which message"


class Readable(Protocol):
    """What is asked of a case: tables by name."""

    def read(self, name: str) -> pd.DataFrame:
        """A table of the contract."""
        ...


def appearances(people: pd.DataFrame, tables: Readable, *, possible: bool) -> pd.DataFrame:
    """Columns `COLUMNS`, sorted by person and time, undated messages last; `possible`: of possible messages instead of exposed ones.

    A person stands there as sender, in To or in Cc; whom only the content of messages names has one row without a key, as the tables
    do not tell in which. `?` beside kinds and credentials says that the message was not examined in full.
    """
    counts = dict(zip(people["person"].tolist(), people["messages"].tolist(), strict=True))
    found = list(_found(counts, tables, possible=possible))
    met: dict[object, int] = dict.fromkeys(counts, 0)
    for row in found:
        met[row[0]] += 1
    found += [
        (person, "mentioned", "", "", _NOT_TOLD, "?", "?", "", "", "")
        for person, count in counts.items()
        if isinstance(count, int) and count > met[person]
    ]
    found.sort(key=lambda row: (row[0], not row[2], not row[3], row[3], row[2]))
    return pd.DataFrame(found, columns=list(COLUMNS), dtype=str)


def _found(wanted: Mapping[object, object], tables: Readable, *, possible: bool) -> Iterator[tuple[str, ...]]:
    messages = tables.read("possible_messages" if possible else "exposed_messages")
    data = _kinds(tables.read("personal_data"), {})
    credentials = tables.read("credentials")
    kind_of = dict(zip(credentials["credential_id"].tolist(), credentials["kind"].tolist(), strict=True))
    secrets = _kinds(tables.read("credential_occurrences"), kind_of)
    names = ("message_key", "sender", "to", "cc", "sent_at", "subject", "content", "verdict", "proof")
    for key, sender, to, cc, sent_at, subject, content, verdict, proof in zip(
        *(map(str, messages[name].tolist()) for name in names), strict=True
    ):
        roles: dict[str, list[str]] = {}
        for role, cell in (("sender", sender), ("to", to), ("cc", cc)):
            for address in dict.fromkeys(cell.split("; ")):
                if address in wanted:
                    roles.setdefault(address, []).append(role)
        told = (
            key,
            sent_at,
            cut(subject, _SUBJECT),
            *(_told(kinds.get(key, ()), content) for kinds in (data, secrets)),
            content,
            verdict,
            proof,
        )
        for address, found in roles.items():
            yield address, "; ".join(found), *told


def _told(kinds: Mapping[str, None] | tuple[()], content: str) -> str:
    """What was found in one message; it is never nothing where not everything was examined."""
    listed = sorted(kinds)
    return "; ".join(listed if content == "full" else [*listed, "?"]) or "none found"


def _kinds(frame: pd.DataFrame, kind_of: Mapping[str, str]) -> dict[str, dict[str, None]]:
    """Kinds by message: of personal data as they stand there, of credentials by their id."""
    found: dict[str, dict[str, None]] = {}
    column = "kind" if "kind" in frame.columns else "credential_id"
    for key, value in zip(frame["message_key"].tolist(), frame[column].tolist(), strict=True):
        found.setdefault(key, {})[kind_of.get(value, value)] = None
    return found
