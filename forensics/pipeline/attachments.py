"""Attachments that were copied out: name, type and size, as far as their bytes are in the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from forensics.dates import zulu
from forensics.pipeline.second_pass import Content

__all__ = ["ATTACHMENTS", "attachment_rows"]

ATTACHMENTS = ("message_key", "sent_at", "name", "type", "bytes", "verdict")
_ENDING = re.compile(r"[a-z0-9]{1,8}")


def attachment_rows(
    contents: Iterable[Content], flagged: Mapping[str, Mapping[str, Any]], places: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Columns `ATTACHMENTS`, by time, message and name: one row for each name in a message of `places`.

    A message whose copies all failed is in none of `places`: its attachments went to nobody. Names are redacted.
    `bytes` is that of the decoded attachment, of several stored copies the largest, "" where no copy has its bytes: unknown, not none.
    `type` is what the name ends in, lower case, or "".
    """
    counted = {key for key, row in flagged.items() if row["place"] in places}
    sizes: dict[tuple[str, str], int] = {}
    for one in contents:
        for name in one.attachments if one.message_key in counted else ():
            place = one.message_key, name
            sizes[place] = max(sizes.get(place, -1), one.sizes.get(name, -1))
    rows = [
        {
            "message_key": key, "sent_at": zulu(flagged[key]["sent_at"]), "name": name, "type": _type(name),
            "bytes": str(size) if size >= 0 else "", "verdict": flagged[key]["verdict"],
        }
        for (key, name), size in sizes.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row["sent_at"], row["message_key"], row["name"]))


def _type(name: str) -> str:
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    return ending if _ENDING.fullmatch(ending) else ""
