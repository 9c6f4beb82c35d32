"""Answers of the API kept as they came over HTTP: the JSON between their heads, and where each byte of it lies in the file."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from forensics.model import Defect, Fragment, Span, Statement
from forensics.parsers.postmark.values import NAME
from forensics.records import replaced

__all__ = ["Answers", "begins_with_head", "without_chunk_marks"]

# An HTTP/1.1 or HTTP/2 head as `curl -i`, a proxy or a packet tool keeps it: a status or request line, fields, an empty line.
# It holds line ends, which no text in JSON does: wherever it stands, it is none of the body.
_METHOD = rb"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)"
_FIRST = (
    rb"(?:HTTP/[0-9](?:\.[0-9])? [0-9]{3}(?: [^\r\n]{0,256})?|"
    + _METHOD
    + rb" [!-~]{1,4096} HTTP/[0-9](?:\.[0-9])?)[ \t]{0,8}\r?\n"
)
_FIELDS = rb"(?:[!#$%&'*+.0-9A-Z^_`a-z|~-]{1,128}:[^\r\n]{0,8192}\r?\n){0,64}+"
_HEAD = re.compile(_FIRST + _FIELDS + rb"\r?\n")
_AT_TOP = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]{0,64}" + _FIRST)
_BEGUN = re.compile(rb"HTTP/[0-9]|" + _METHOD + rb" [!-~]")  # what may be a head, of which the rest is not read yet
_CHUNKED = re.compile(rb"^transfer-encoding:[^\r\n]{0,256}chunked", re.IGNORECASE | re.MULTILINE)
_PACKED = re.compile(rb"^content-encoding:[ \t]{0,9}(?!identity)[a-z]", re.IGNORECASE | re.MULTILINE)
_SIZE = re.compile(rb"(?:\r?\n)?([0-9A-Fa-f]{1,8})(?:[ \t]{0,8};[^\r\n]{0,256})?[ \t]{0,8}\r?\n")
_MARK = re.compile(_SIZE.pattern.replace(rb"(?:\r?\n)?", rb"\r?\n", 1))  # between two chunks
_LONGEST_SIZE = 512
_TRIES = 16  # places at which the first mark in a record may be
_NEAR = 65_536  # bytes at the end of what was read in which a head may have begun
_WORD = 16  # bytes in which `_BEGUN` may have begun
_MOST_PIECES = 1 << 20  # heads and chunks of one file whose places are kept
_UNPACK = "the answer's body is compressed (Content-Encoding): save it decoded, as `curl --compressed` does"
_TOO_MANY = "more chunks than this version keeps the places of: save the answer decoded"


def begins_with_head(head: bytes) -> bool:
    """Whether this is the beginning of an HTTP request or answer."""
    return _AT_TOP.match(head) is not None


def without_chunk_marks(raw: bytes) -> bytes:
    """The bytes of a record that lay in several chunks (RFC 9112 section 7.1), joined; as they are if they seem to lie in none.

    Each size has to lead to the next one, the last beyond the end; only of a single one, that is no proof.
    """
    for first in islice(_MARK.finditer(raw), _TRIES):
        pieces, done, size = [raw[: first.start()]], first.end(), int(first[1], 16)
        while size and done < len(raw):
            pieces.append(raw[done : done + size])
            following = _MARK.match(raw, done + size)
            done, size = (following.end(), int(following[1], 16)) if following else (done + size, 0)
        if done >= len(raw):
            return b"".join(pieces)
    return raw


class Answers:
    """The bodies of one file as one stream, a line end between two, and the way from a place in it back to one in the file.

    Lengths in heads are not believed: what stands in a file may have been decoded, cut or edited since. A chunk ends where it
    says, or where the next head begins; what follows none is taken as it stands, for `curl -i` writes a body decoded under a head
    that calls it chunked. A compressed body is passed: `unread` gathers a defect for each.
    """

    def __init__(self, source: Iterable[bytes], place: Span) -> None:
        self.unread: list[Defect] = []
        self._source, self._place = source, place
        self._told, self._raw = array("Q", [0]), array("Q", [place.start])  # where pieces begin in the stream, and in the file
        self._length = 0
        self._left = -1  # bytes of the chunk that is being read; -1: there are no chunks
        self._packed = -1  # where the head of a compressed body begins; -1: it is none

    def blocks(self) -> Iterator[bytes]:
        """The stream."""
        rest, at = b"", self._place.start
        for block in self._source:
            rest += block
            done, pieces = self._read(rest, at, last=False)
            yield from pieces
            rest, at = rest[done:], at + done
            if len(self._told) > _MOST_PIECES:
                self.unread.append(self._defect(at, -1, _TOO_MANY))
                return
        yield from self._read(rest, at, last=True)[1]
        self._end_packed(at + len(rest))

    def moved(self, record: Fragment | Defect | Statement) -> Fragment | Defect | Statement:
        """The same record with its place in the file."""
        if not isinstance(record, Fragment):
            return replace(record, span=self._in_file(record.span))
        span = self._in_file(record.observation.span)
        key = record.observation.message_id or f"{span.evidence}#{span.start}"
        return Fragment(key, replaced(record.observation, span=span))

    def _in_file(self, span: Span) -> Span:
        start = self._place_of(span.start)
        return span._replace(start=start, end=max(start, self._place_of(span.end - 1) + 1) if span.end > span.start else start)

    def _place_of(self, told: int) -> int:
        piece = bisect_right(self._told, told) - 1
        return self._raw[piece] + told - self._told[piece]

    def _read(self, text: bytes, at: int, *, last: bool) -> tuple[int, list[bytes]]:
        """How much of the text is done with, and what of it belongs to the stream; `at` is where it begins in the file."""
        pieces: list[bytes] = []
        done = 0
        for head in _HEAD.finditer(text):
            self._body(text, done, head.start(), at, pieces, last=True)
            self._end_packed(at + head.start())
            self._piece(b"\n", at + head.start(), pieces)
            done = head.end()
            self._left = 0 if _CHUNKED.search(head[0]) else -1
            self._packed = at + head.start() if _PACKED.search(head[0]) else -1
        stop = len(text)
        if not last:
            begun = _BEGUN.search(text, max(done, stop - _NEAR))
            stop = begun.start() if begun else max(done, stop - _WORD)
        return self._body(text, done, stop, at, pieces, last=last), pieces

    def _body(self, text: bytes, done: int, stop: int, at: int, pieces: list[bytes], *, last: bool) -> int:
        """Takes the body in text[done:stop]; returns how far that went: a size that is cut off waits for more."""
        while done < stop:
            if self._left:
                end = stop if self._left < 0 else min(stop, done + self._left)
                self._piece(text[done:end], at + done, pieces)
                self._left -= end - done if self._left > 0 else 0
                done = end
                continue
            size = _SIZE.match(text, done, stop)
            if size is None and not last and stop - done < _LONGEST_SIZE:
                return done
            done = size.end() if size else done
            self._left = (int(size[1], 16) or -1) if size else -1
        return done

    def _piece(self, piece: bytes, at: int, pieces: list[bytes]) -> None:
        if self._packed >= 0:
            return
        if at != self._place_of(self._length):
            self._told.append(self._length)
            self._raw.append(at)
        self._length += len(piece)
        pieces.append(piece)

    def _end_packed(self, end: int) -> None:
        if self._packed >= 0:
            self.unread.append(self._defect(self._packed, end, _UNPACK))
        self._packed = -1

    def _defect(self, start: int, end: int, reason: str) -> Defect:
        return Defect(Span(self._place.evidence, self._place.member, start, end), NAME, reason)
