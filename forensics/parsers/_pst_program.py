"""The program that walks one Outlook archive in a child process: its path as argument, a request on stdin, JSON lines on stdout.

It imports nothing of ours. A request asks for a stretch of the walk, from a place in the tree of items:
`from` is that place, indices from the top; `wanted` the items to give whole, by node id, null to give of all of them the
properties listed under `message`, `recipient` and `attachment`; `seconds` and `bytes` are where the stretch ends.
Lines: `at` a place before it is touched, so that a crash can be told; an item; `fault` at a place; then `next` or `end`.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pypff  # type: ignore[import-not-found]  # an extra, which ships no types

_DEPTH = 250
_RECIPIENTS = 50_000
_ATTACHMENTS = 2_000
_VALUE = (20 << 20) + 1  # bytes of one value; one more than what is read of a part, so that it is known to be longer
_ITEM = 200 << 20  # bytes of all values of one item
_FOLDERS = {2, 3}  # node types, [MS-PST] section 2.2.2.1
_WASTE_BASKET = 0x35E3  # PidTagIpmWastebasketEntryId, whose last four bytes are a node

Place = list[int]


class Walk:
    """One stretch of the walk: the file, the request, and what was written so far."""

    def __init__(self, file: Any, request: dict[str, Any]) -> None:  # noqa: ANN401  the library has no types
        self.file = file
        self.wanted: set[int] | None = None if request["wanted"] is None else set(request["wanted"])
        self.tags = {part: set(request[part]) for part in ("message", "recipient", "attachment")}
        self.left = int(request["bytes"])
        self.ends = time.monotonic() + float(request["seconds"])
        self.deleted = _waste_basket(file)

    def say(self, **line: Any) -> None:  # noqa: ANN401  whatever JSON holds
        """Write a line at once: what is in a buffer when the library crashes is lost."""
        raw = json.dumps(line).encode("ascii") + b"\n"
        self.left -= len(raw)
        while raw:
            raw = raw[os.write(1, raw) :]

    def run(self, start: Place) -> None:
        """Walk from a place until the stretch ends, or the tree."""
        stack: list[tuple[Any, str, int]] = [(None, "", 0)]  # the folders that are open, their names and ids
        for index in start[:-1]:  # the folders above it; each was opened before
            item = self.child(stack[-1][0], index)
            stack.append((item, _name(item), item.identifier))
        place = list(start)
        while place:
            count = self.count(stack[-1][0])
            if place[-1] >= count:
                place.pop()
                stack.pop()
                if place:
                    place[-1] += 1
                continue
            if self.left <= 0 or time.monotonic() > self.ends:
                self.say(next=place)
                return
            if self.wanted is not None and not self.wanted:
                break
            self.say(at=place)
            if (folder := self.visit(stack, place)) is not None:
                stack.append((folder, _name(folder), folder.identifier))
                place.append(0)
            else:
                place[-1] += 1
        self.say(end=True)

    def visit(self, stack: list[tuple[Any, str, int]], place: Place) -> Any:  # noqa: ANN401  see above
        """Give the item at a place; if it is a folder, return it, to go on in it."""
        try:
            item = self.child(stack[-1][0], place[-1])
            node = int(item.identifier)
            is_folder = isinstance(item, pypff.folder) and (node & 0x1F in _FOLDERS or item.number_of_sub_items > 0)
        except Exception:  # noqa: BLE001  the library knows few classes of errors; this one item is lost
            self.say(fault="item", node=stack[-1][2])
            return None
        if is_folder:  # what has no class is one for the library, too
            if len(place) < _DEPTH:
                return item
            self.say(fault="deep", node=node)
        elif self.wanted is None or node in self.wanted:
            self.give(item, node, stack, orphan=place[0] > 0)
            if self.wanted is not None:
                self.wanted.discard(node)
        return None

    def count(self, parent: Any) -> int:  # noqa: ANN401  see above
        try:
            return int(parent.number_of_sub_items if parent is not None else 1 + self.file.number_of_orphan_items)
        except Exception:  # noqa: BLE001  see above
            self.say(fault="folder", node=parent.identifier if parent is not None else 0)
            return 0

    def child(self, parent: Any, index: int) -> Any:  # noqa: ANN401  see above
        if parent is not None:
            return parent.get_sub_item(index)
        return self.file.get_root_folder() if index == 0 else self.file.get_orphan_item(index - 1)

    def give(self, item: Any, node: int, stack: list[tuple[Any, str, int]], *, orphan: bool) -> None:  # noqa: ANN401  see above
        """Write what is asked of an item."""
        whole = self.wanted is not None
        reading = Reading(_ITEM)
        values = reading.values(item, None if whole else self.tags["message"])
        rows = reading.rows(item, None if whole else self.tags["recipient"])
        attachments = list(reading.attachments(item, None if whole else self.tags["attachment"]))
        self.say(
            id=node, folders=[name for _, name, _ in stack[2:]], deleted=any(one == self.deleted for _, _, one in stack if one),
            orphan=orphan, values=values, rows=rows, attachments=attachments, faults=reading.faults,
        )  # fmt: skip


class Reading:
    """The values of one item, bounded in all; what is not read is in `faults`, by word."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.faults: list[str] = []

    def fail(self, word: str) -> None:
        """Note once what is missing."""
        if word not in self.faults:
            self.faults.append(word)

    def values(self, item: Any, wanted: set[int] | None) -> list[tuple[int, int, str]]:  # noqa: ANN401  see above
        """Id, type and bytes (base64) of an item's properties."""
        try:
            if item.number_of_record_sets:
                return self.entries(item.get_record_set(0), wanted)
        except Exception:  # noqa: BLE001  see above
            self.fail("properties")
        return []

    def entries(self, record: Any, wanted: set[int] | None) -> list[tuple[int, int, str]]:  # noqa: ANN401  see above
        """The same of one row."""
        found = []
        for index in range(record.number_of_entries):
            try:
                entry = record.get_entry(index)
                tag, kind = entry.entry_type, entry.value_type
                if tag is None or kind is None or (wanted is not None and tag not in wanted):
                    continue
                data = entry.data
            except Exception:  # noqa: BLE001  see above
                self.fail("properties")
                continue
            if data:
                found.append((tag, kind, self.packed(data)))
        return found

    def packed(self, data: bytes) -> str:
        """Bytes as base64, as many as are left."""
        kept = data[: max(min(_VALUE, self.left), 0)]
        if len(kept) < min(len(data), _VALUE):
            self.fail("long")
        self.left -= len(kept)
        return base64.b64encode(kept).decode("ascii")

    def rows(self, item: Any, wanted: set[int] | None) -> list[list[tuple[int, int, str]]]:  # noqa: ANN401  see above
        """The recipient table. Only what the library takes for a message has one."""
        if not hasattr(pypff.message, "recipients"):
            self.fail("old")
            return []
        if not hasattr(type(item), "recipients"):
            self.fail("class")
            return []
        try:
            table = item.recipients
            count = table.number_of_record_sets if table is not None else 0
            if count > _RECIPIENTS:
                self.fail("many")
            return [self.entries(table.get_record_set(index), wanted) for index in range(min(count, _RECIPIENTS))]
        except Exception:  # noqa: BLE001  see above
            self.fail("recipients")
            return []

    def attachments(self, item: Any, wanted: set[int] | None) -> Iterator[list[tuple[int, int, str]]]:  # noqa: ANN401  see above
        """The properties of each attachment."""
        try:
            count = item.number_of_attachments if hasattr(type(item), "number_of_attachments") else 0
        except Exception:  # noqa: BLE001  see above
            self.fail("attachments")
            return
        if count > _ATTACHMENTS:
            self.fail("attachments")
        for index in range(min(count, _ATTACHMENTS)):
            try:
                found = self.values(item.get_attachment(index), wanted)
            except Exception:  # noqa: BLE001  see above
                self.fail("attachments")
            else:
                yield found


def _name(folder: Any) -> str:  # noqa: ANN401  see above
    try:
        return str(folder.name or "")[:200]
    except Exception:  # noqa: BLE001  see above
        return ""


def _waste_basket(file: Any) -> int:  # noqa: ANN401  see above
    """The node of the folder of deleted items, whatever its name; -1 if the archive does not tell."""
    try:
        for entry in file.get_message_store().get_record_set(0).entries:
            if entry.entry_type == _WASTE_BASKET and entry.data:
                return int.from_bytes(entry.data[-4:], "little")
    except Exception:  # noqa: BLE001, S110  an archive without it is read all the same
        pass
    return -1


def main(path: str) -> None:
    """Open the archive without touching its access time and walk."""
    request = json.load(sys.stdin)
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        number = os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        number = os.open(path, flags)
    file = pypff.file()
    with os.fdopen(number, "rb", buffering=0) as stream:
        file.open_file_object(stream)
        Walk(file, request).run(request["from"])
        file.close()


if __name__ == "__main__":
    main(sys.argv[1])
