"""Logs that are not plain lines: UTF-16, the journal's export format, and lines that container runtimes cut in pieces.

In these a line can only be told by what stands before it. Such a log is therefore read in one go, as part of the span in
which it begins; the other spans of it have no lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from forensics.model import Span
from forensics.syslog.line_ends import LINE_LIMIT, Cut, Recast, line_runs
from forensics.syslog.prefixes import CONTAINER
from forensics.syslog.stamps import ISO
from forensics.syslog.wrapped import loaded

__all__ = ["Log", "as_plain", "head_lines", "log_lines", "log_runs"]

Runs = Iterator[tuple[int, list[bytes]]]
_HEAD = 256  # bytes that show the form
_SAMPLE = 32  # bytes that show UTF-16 without a byte order mark
_UNIT = 8  # bytes at a line's beginning that show whether this line is UTF-16


class Log(Protocol):
    """What is needed of `plugins.Source`."""

    @property
    def span(self) -> Span:
        """The part of the member whose lines are wanted."""
        ...

    def blocks(self, start: int | None = None) -> Iterator[bytes]:
        """Decoded bytes from `start` to the end of the member."""
        ...


def log_runs(source: Log, limit: int = LINE_LIMIT) -> Runs:
    """The lines of one span of a log in any form, as `line_runs` gives those of a plain one.

    A line that lies in the evidence in another form comes as `Recast`, alone in its run: in UTF-8, or as the JSON that
    `journalctl -o json` would have written, or joined from its pieces. One that does not end comes as `Cut`.
    """
    span = source.span
    first, blocks = _begun(source.blocks(0))
    form = _form_of(first)
    if form is None and not span.start:
        return line_runs(blocks, 0, span.end, limit)
    if form is None:
        return line_runs(source.blocks(max(span.start - 1, 0)), span.start, span.end, limit)
    return form(blocks, limit) if not span.start else iter(())


def log_lines(source: Log, limit: int = LINE_LIMIT) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and text of every line that `log_runs` gives; offsets in bytes of the evidence, without the line end."""
    for offset, run in log_runs(source, limit):
        at = offset
        for line in run:
            size = line.length if isinstance(line, Recast) else len(line)
            yield at, at + size, line
            at += size + 1


def head_lines(head: bytes) -> list[bytes]:
    """The lines of a log's first bytes in any form, for a sniffer; the last one may be cut."""
    form = _form_of(head[:_HEAD])
    runs = line_runs([head], 0, -1) if form is None else form(iter([head]), LINE_LIMIT)
    return [line for _, run in runs for line in run]


def as_plain(raw: bytes) -> bytes:
    """The bytes of a log, or of one place in it, as a plain log would hold them: UTF-16 as UTF-8, anything else as it is."""
    codec = _wide_codec(raw[:_HEAD])
    return raw.decode(codec, "replace").removeprefix("\ufeff").encode("utf-8", "replace") if codec else raw


def _begun(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all blocks."""
    first, held = b"", []
    for block in blocks:
        held.append(block)
        first += block[:_HEAD]
        if len(first) >= _HEAD:
            break
    return first[:_HEAD], chain(held, blocks)


_EXPORT = re.compile(rb"\n{0,64}__(?:CURSOR|REALTIME_TIMESTAMP|MONOTONIC_TIMESTAMP|SEQNUM)=")


def _form_of(first: bytes) -> Callable[[Iterator[bytes], int], Runs] | None:
    """Who reads a log that begins so; None for plain lines."""
    wide = _wide_codec(first)
    text = as_plain(first) if wide else first
    if _EXPORT.match(text):
        return (lambda blocks, limit: _wide_export_runs(_wide_runs(blocks, limit, wide))) if wide else _export_runs
    stamp = ISO.match(text)
    in_pieces = (stamp and CONTAINER.match(text, stamp.end())) or text.startswith((b'{"log":"', b'{"log": "'))
    if wide and in_pieces:
        return lambda blocks, limit: _whole_runs(_wide_runs(blocks, limit, wide), limit)
    if wide:
        return lambda blocks, limit: _wide_runs(blocks, limit, wide)
    return (lambda blocks, limit: _whole_runs(line_runs(blocks, 0, -1, limit), limit)) if in_pieces else None


class _Window:
    """Bytes of a stream that are held while a line is sought in them; `at` is the offset of the next one."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._held = b""
        self._next = 0
        self.at = 0

    def _more(self) -> bool:
        block = next(self._blocks, None)
        if block is not None:
            self._held = self._held[self._next :] + block
            self._next = 0
        return block is not None

    def ahead(self, count: int) -> bytes:
        """The next bytes, fewer at the end, without taking them."""
        while len(self._held) - self._next < count and self._more():
            pass
        return self._held[self._next : self._next + count]

    def skip(self, count: int) -> int:
        """Take so many bytes and let them go; returns how many there were."""
        gone = 0
        while gone < count:
            here = min(count - gone, len(self._held) - self._next)
            self._next += here
            gone += here
            if gone < count and not self._more():
                break
        self.at += gone
        return gone

    def held(self, pattern: re.Pattern[bytes], limit: int) -> bytes:
        """Take what matches, if all of it is at hand and no longer than `limit`; else nothing."""
        match = pattern.match(self._held, self._next)
        if match is None or match.end() - match.start() > limit:
            return b""
        self.skip(match.end() - match.start())
        return match[0]

    def line(self, mark: bytes, limit: int) -> bytes:
        """Take a line up to its `mark`, which goes too; a mark lies a multiple of its own length behind the line's start.

        A line of more than `limit` bytes comes as `Cut`. At the end: what is left.
        """
        step, gone, sought = len(mark), 0, self._next
        while True:
            end = self._held.find(mark, sought)
            while end >= 0 and (end - self._next) % step:
                end = self._held.find(mark, end + 1)
            if end >= 0:
                break
            whole = (len(self._held) - self._next) // step * step
            if whole > limit:
                self.skip(whole)
                gone += whole
                whole = 0
            if not self._more():
                end = len(self._held)
                break
            sought = self._next + whole
        text = self._held[self._next : end]
        self.skip(min(end + step, len(self._held)) - self._next)
        return Cut(gone + len(text)) if gone or len(text) > limit else text


# --- UTF-16: what PowerShell's `>` writes -------------------------------------------------------------------------------------


def _wide_codec(first: bytes) -> str:
    """UTF-16, by its byte order mark or by the NULs beside its first letters; "" for anything else."""
    if first.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):  # UTF-32
        return ""
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if first[0] == 0xFF else "utf-16-be"  # noqa: PLR2004  its own number
    return _wide_line(first[:_SAMPLE]) if len(first) >= _SAMPLE else ""


def _wide_line(sample: bytes) -> str:
    even, odd = sample[::2], sample[1::2]
    if odd and not any(odd) and all(even):
        return "utf-16-le"
    return "utf-16-be" if odd and not any(even) and all(odd) else ""


def _wide_runs(blocks: Iterator[bytes], limit: int, codec: str) -> Runs:
    """Lines of UTF-16; between them those that another program appended as plain text."""
    window, mark = _Window(blocks), "\n".encode(codec)
    while ahead := window.ahead(_UNIT):
        start = window.at
        if b"\0" not in ahead and ahead.removeprefix(b"\xef\xbb\xbf").isascii():
            yield start, [_bare(window.line(b"\n", limit))]
            if codec == "utf-16-le" and window.ahead(1) == b"\0":  # the line was wide after all, and its end too
                window.skip(1)
            continue
        line = window.line(mark, limit)
        if isinstance(line, Cut):
            yield start, [line]
        else:
            text = line.decode(codec, "replace")
            size = len(line) - 2 * text.endswith("\r")
            yield start, [Recast(text.removeprefix("\ufeff").removesuffix("\r").encode("utf-8", "replace"), size)]


def _bare(line: bytes) -> bytes:
    return line if isinstance(line, Cut) else line.removesuffix(b"\r")


# --- the journal's export format: systemd.io/JOURNAL_EXPORT_FORMATS -----------------------------------------------------------

_FIELDS = {
    name.encode(): name
    for name in (
        "__REALTIME_TIMESTAMP", "_HOSTNAME", "SYSLOG_IDENTIFIER", "_PID", "SYSLOG_PID", "MESSAGE", "_TRANSPORT", "CONTAINER_ID",
    )
}  # fmt: skip
_FIELD = re.compile(rb"(?P<name>[A-Z0-9_]{1,64})(?P<end>=|\n|\Z)")
_PLAIN = re.compile(rb"(?:[A-Z0-9_]{1,64}=[^\n]*+\n)++(?=\n)")  # a whole record without binary fields
_WANTED = re.compile(rb"^(" + rb"|".join(_FIELDS) + rb")=(.*)$", re.MULTILINE)
_AHEAD = 65  # bytes that show whether a field comes: its name, and what follows it
_LENGTH = 8  # bytes of a binary field's length
_TOO_LONG = "a field of a journal record is longer than any line of a log"
_CUT_OFF = "a journal record ends within a field"
_LOST = "a field of a journal record was lost when a shell wrote the export as UTF-16; write it again with journalctl -o json"


def _export_runs(blocks: Iterator[bytes], limit: int) -> Runs:
    """One record each: lines `NAME=value`, or NAME alone, a 64-bit little-endian length and bytes; an empty line ends it.

    A line that is no field ends a record too, and is given as it is: something else was appended.
    """
    window = _Window(blocks)
    while ahead := window.ahead(_AHEAD):
        start = window.at
        if plain := window.held(_PLAIN, limit):
            found = {_FIELDS[name]: _bare(value) for name, value in reversed(_WANTED.findall(plain))}
            yield start, [_as_json(found, len(plain) - 1)]
        elif _FIELD.match(ahead):
            record, end, broken = _record(window, limit)
            yield start, [Cut(end - start, broken) if broken else _as_json(record, end - start)]
        else:
            line = _bare(window.line(b"\n", limit))
            if line or isinstance(line, Cut):
                yield start, [line]


def _wide_export_runs(runs: Runs) -> Runs:
    """Records of an export that a shell turned into UTF-16, line by line: a binary field has lost its bytes on that way."""
    start, end, broken = -1, 0, ""
    record: dict[str, bytes] = {}
    for at, line in chain(((at, one) for at, run in runs for one in run), [(-1, b"")]):
        field = _FIELD.match(line)
        if field and field["end"] == b"=":
            start, end = (at if start < 0 else start), at + (line.length if isinstance(line, Recast) else len(line))
            name = _FIELDS.get(field["name"])
            if name:
                record.setdefault(name, line[field.end() :])
        elif line or isinstance(line, Cut):
            start, end = (at if start < 0 else start), at + (line.length if isinstance(line, Recast) else len(line))
            broken = _LOST
        elif start >= 0:
            yield start, [Cut(end - start, broken) if broken else _as_json(record, end - start)]
            start, broken, record = -1, "", {}


def _record(window: _Window, limit: int) -> tuple[dict[str, bytes], int, str]:
    """The fields that count, the first of each name; where the record ends; and why it cannot be read, if it cannot."""
    record: dict[str, bytes] = {}
    end, broken = window.at, ""
    while match := _FIELD.match(window.ahead(_AHEAD)):
        name, why = _FIELDS.get(match["name"]), ""
        if match["end"] == b"=":
            end = window.at
            line = window.line(b"\n", limit)
            end += line.length if isinstance(line, Cut) else len(line)
            value = _bare(line)[match.end() :]
            why = _TOO_LONG if isinstance(line, Cut) and name else ""
        else:
            window.skip(match.end())
            value, why = _binary(window, limit if name else 0)
            end = window.at
            if window.ahead(1) == b"\n":
                window.skip(1)
            else:
                why = why or _CUT_OFF
        broken = broken or why
        if name:
            record.setdefault(name, value)
    return record, end, broken


def _binary(window: _Window, limit: int) -> tuple[bytes, str]:
    """The value of a binary field, and why it cannot be read, if it cannot; with limit 0 it is passed over."""
    size = int.from_bytes(window.ahead(_LENGTH), "little")
    if window.skip(_LENGTH) < _LENGTH:
        return b"", _CUT_OFF
    value = window.ahead(size) if size <= limit else b""
    if window.skip(size) < size:
        return b"", _CUT_OFF
    return value, _TOO_LONG if size > limit > 0 else ""


def _as_json(record: dict[str, bytes], length: int) -> bytes:
    """A record as `journalctl -o json` writes it: text that is no UTF-8 as a list of its bytes."""
    shown: dict[str, str | list[int]] = {}
    for name, value in record.items():
        try:
            shown[name] = value.decode()
        except UnicodeDecodeError:
            shown[name] = list(value) if name == "MESSAGE" else value.decode("latin-1")
    return Recast(json.dumps(shown, ensure_ascii=False, sort_keys=True).encode(), length)


# --- container runtimes: a long line comes in pieces of 16 KiB, and two streams in turn -----------------------------------------

_PIECE = 16_000  # bytes; docker cuts at 16,384, of which a letter cut in two may become fewer
_MARKED = (b" P ", b" P:")
_STREAMS = ("stdout", "stderr")


class _Piece:
    """A line of a container's log, taken apart: what stands before the text, the text, and whether more follows."""

    __slots__ = ("before", "more", "stream", "text")

    def __init__(self, line: bytes) -> None:
        self.before, self.more, self.stream, self.text = line, False, "", b""
        if line.startswith(b"{"):
            record = loaded(line) or {}
            text, stream = record.get("log"), record.get("stream")
            if isinstance(text, str) and stream in _STREAMS:
                self.text = text.encode("utf-8", "replace")
                self.stream = str(stream)
                self.more = len(self.text) >= _PIECE and not text.endswith("\n")
                self.before = json.dumps({"stream": stream, "time": str(record.get("time", ""))}).encode()
            return
        stamp = ISO.match(line)
        container = CONTAINER.match(line, stamp.end()) if stamp else None
        if container:
            self.before, self.text = line[: container.start("tag")], line[container.end() :]
            self.stream, self.more = container["stream"].decode(), container["tag"] == b"P"

    def whole(self, text: bytes) -> bytes:
        """The line that it would be with this text."""
        if self.before.startswith(b"{"):
            return json.dumps({"log": text.decode("utf-8", "replace"), **(loaded(self.before) or {})}).encode()
        return self.before + b"F " + text


@dataclass(slots=True)
class _Row:
    """The pieces of one line that have been met; their texts are let go once they are more than `limit` bytes."""

    start: int
    limit: int
    end: int = 0
    size: int = 0
    first: _Piece | None = None
    texts: list[bytes] = field(default_factory=list)

    def add(self, piece: _Piece, end: int) -> None:
        self.first = self.first or piece
        self.end = end
        self.size += len(piece.text)
        if self.size > self.limit:
            self.texts.clear()
        else:
            self.texts.append(piece.text)

    def run(self) -> tuple[int, list[bytes]]:
        """All of it as one line."""
        length = self.end - self.start
        if self.first is None or self.size > self.limit:
            return self.start, [Cut(length)]
        return self.start, [Recast(self.first.whole(b"".join(self.texts)), length)]


def _whole_runs(runs: Runs, limit: int) -> Runs:
    """Lines of containers, joined where they were cut; a joined one comes when its last piece does, under its first one's place."""
    held: dict[str, _Row] = {}  # by stream
    for offset, run in runs:
        if not held and not any(len(line) > _PIECE or any(mark in line[:64] for mark in _MARKED) for line in run):
            yield offset, run
            continue
        end = offset - 1
        for line in run:
            at = end + 1
            end = at + (line.length if isinstance(line, Recast) else len(line))
            piece = _Piece(line)
            if not piece.more and piece.stream not in held:
                yield at, [line]
                continue
            row = held.setdefault(piece.stream, _Row(at, limit))
            row.add(piece, end)
            if not piece.more:
                yield held.pop(piece.stream).run()
    for row in held.values():
        yield row.run()
