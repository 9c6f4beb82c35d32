"""Records of large JSON: framed one by one, with their places, in bounded memory, however broken the file is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from forensics.jsonstream.decoding import DECODER, SCAN, balanced, has_each_key_once, in_unicode
from forensics.jsonstream.frame import Broken, Frame, Page, Record
from forensics.jsonstream.shapes import Plan, Shapes
from forensics.jsonstream.window import READ, Window

__all__ = ["frames", "load", "shaped"]

T = TypeVar("T")

MAX_RECORD = 64 << 20  # characters of one record
MAX_DEPTH = 100  # levels inside one record
_MAX_CONTAINERS = 16  # arrays and pages around a record
_NEAR_END = 16  # an error so close to the end of what is read may vanish with more: no literal is longer
_PATIENCE = 8  # characters read in vain for each one passed; beyond that a broken record is not searched for others
_HEAD_START = 64 << 20
_LONG_FIELD = 1_000
_SHORT_GAP = 64  # characters between two records
_DEAR = 10_000  # what falling into a nest of brackets costs, in characters read in vain
_CUT, _INVALID, _NO_JSON = "the file ends before its JSON does", "no valid JSON", "no JSON"

_BLANK = re.compile(r"[ \t\r\n,\x1e]*+")  # 1E: the record separator of JSON text sequences, RFC 7464
_OPENING = re.compile(r"[\[{]")
_OPENING_OR_END = re.compile(r"[\[{\]]")
_FIRST_KEY = re.compile(r'\{\s{0,64}"[^"\\]{1,64}"')
_NEXT_DOCUMENT = re.compile(r"\n\{")
_LOOSE = re.compile(r"[\t\r\n]:")
_COLON = re.compile(r"[ \t\r\n]*+:[ \t\r\n]*+")
_PREFIX = 4_096  # characters in which a page shows that it is one


@dataclass(slots=True)
class _Open:
    """A container that is being read: an array or a page's list (`is_list`), else a page between its members."""

    is_list: bool
    start: int
    name: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    elements: int = 0

    def page(self, end: int, *, complete: bool) -> Page:
        return Page(self.start, end, self.name, self.fields, self.rows, self.elements, complete)


_new = tuple.__new__  # a named tuple without the call of its own constructor


class _Failure(NamedTuple):
    end: int
    reason: str
    wasted: int = 0


def _plain_record(text: str, begin: int, *, spaced: bool) -> tuple[dict[str, Any], str] | None:
    """The object that begins here, and its text; None if anything about it needs more care. `spaced`: odd white space is about."""
    try:
        value, end = SCAN(text, begin)
    except (StopIteration, ValueError, RecursionError):
        return None
    record = text[begin:end]
    if record.count("{") + record.count("[") > MAX_DEPTH or " :" in record:
        return None
    if ("\\" in record and ("\\ud" in record or "\\uD" in record)) or ((spaced or "\n" in record) and _LOOSE.search(record)):
        return None
    if not record.isascii():
        try:
            value = SCAN(record.encode("latin-1").decode(), 0)[0]
        except UnicodeDecodeError:
            return None
    if record.count('":') != len(value) and not has_each_key_once(record, value):
        return None
    return value, record


class _Reader(Generic[T]):
    """The framing of one member. Its only state is the window, the open containers and what was read in vain."""

    def __init__(self, blocks: Iterable[bytes], start: int, lists: frozenset[str], shapes: Shapes[T] | None = None) -> None:
        self.window = Window(blocks, start)
        self.shapes = shapes
        self.lists = lists
        self.open: list[_Open] = []
        self.indent: str | None = ""  # white space before the record on its line; None if it does not begin its line
        self.begun = False
        self.passed = 0  # characters of records, whole or broken
        self.wasted = 0  # characters decoded in vain
        self.cut = False
        self.suspicious = False  # after a broken record the next one may be the next document
        names = "|".join(re.escape(name) for name in sorted(lists)) or "(?!)"
        self.page_ahead = re.compile(
            r'\{\s*+(?:"[^"\\]{1,64}"\s*+:\s*+(?:"[^"\\]{0,256}"|[-+.\w]{1,64})\s*+,\s*+){0,12}' + rf'"(?:{names})"\s*+:\s*+\['
        )

    def run(self) -> Iterator[Frame | T]:
        while True:
            if not self.suspicious and self.window.unit == 1 and not (self.open and not self.open[-1].is_list):
                yield from self._plain()
            char = self._next()
            if not char:
                break
            top = self.open[-1] if self.open else None
            if top is not None and not top.is_list:
                yield from self._member(top, char)
            elif char == "{":
                self._count(top)
                yield from self._object(top)
            elif char == "[" and len(self.open) < _MAX_CONTAINERS and not (top and top.name):
                self.open.append(_Open(is_list=True, start=self.window.offset(self.window.at)))
                self.window.at += 1
            elif char == "]" and top is not None:
                self.window.at += 1
                self.open.pop()
            else:
                self._count(top)
                yield self._junk(top)
        end = self.window.offset(self.window.at)
        if self.open and not self.cut:
            yield Broken(end, end, _CUT, self._within())
        yield from self._closed_pages(end)

    def _plain(self) -> Iterator[Record | T]:
        """Records that follow each other with nothing unusual in them, as `_object` would tell them, in a sixth of the time.

        It stops before whatever needs more care: pages, deep nests, broken records, odd characters, repeated keys. As
        every key ends in a quote and a colon, as many of these as keys in the outermost object mean that none was dropped.
        """
        window, lists, shapes = self.window, self.lists, self.shapes
        within = self._within()
        text, base, first, at = window.text, window.base, window.at, window.at
        spaced, met, lead = "\t" in text or "\r" in text, 0, "\n{"  # what stood before the last record is before the next
        while True:
            if text.startswith(lead, at):  # as nearly always
                begin = at + len(lead) - 1
            else:
                begin = _BLANK.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing too
                if not text.startswith("{", begin):
                    break
                lead = text[at : begin + 1] if begin - at < _SHORT_GAP else lead
            if shapes is not None and (read := shapes.read(text, begin, base, within)) is not None:
                made, at = read
                met += 1
                yield made
                continue
            plain = _plain_record(text, begin, spaced=spaced)
            if plain is None or not (within or lists.isdisjoint(plain[0])):
                break
            value, record = plain
            end = begin + len(record)
            if shapes is not None:
                shapes.consider(record, value, within)
            yield _new(Record, (base + begin, base + end, value, within, False))
            at = end
            met += 1
        if met:
            self.begun = True
            self.passed += at - first
            window.at = at
            if within:
                self.open[-2].elements += met
                self.open[-2].rows += met

    def _count(self, top: _Open | None) -> None:
        if top is not None and top.name:
            self.open[-2].elements += 1

    def _closed_pages(self, end: int) -> Iterator[Page]:
        while self.open:
            one = self.open.pop()
            if not one.is_list:
                yield one.page(end, complete=False)

    def _within(self) -> str:
        return self.open[-1].name if self.open and self.open[-1].is_list else ""

    def _next(self) -> str:
        """The next character that is no separator, "" at the end; remembers how the record's line begins."""
        window = self.window
        if self.suspicious:
            window.narrow()
        if not window.unit and not window.more():
            return ""
        while True:
            match = _BLANK.match(window.text, window.at)
            end = match.end() if match else window.at
            if end < len(window.text):
                break
            if end - window.at > READ:  # endless white space is passed, not kept
                window.at = end
            if not window.more():
                window.at = len(window.text)
                return ""
        line = window.text.rfind("\n", window.at, end)
        if line >= 0 or not self.begun:
            self.indent = window.text[max(line + 1, window.at) : end]
        else:
            self.indent = None
        self.begun = True
        window.at = end
        return window.text[end]

    def _object(self, top: _Open | None) -> Iterator[Frame]:
        window = self.window
        within = top.name if top else ""
        if not within or self.suspicious:
            while len(window.text) - window.at < _PREFIX and window.more():
                pass
            if self.page_ahead.match(window.text, window.at):
                yield from self._enter_page()
                return
        self.suspicious = False
        found = self._decoded()
        if isinstance(found, _Failure):
            yield self._failed(found, within)
            return
        value, end = found
        if not within and not self.lists.isdisjoint(value) and any(type(value.get(name)) is list for name in self.lists):
            yield from self._enter_page()
            return
        text = window.text[window.at : end]
        start, stop = window.offset(window.at), window.offset(end)
        self.passed += end - window.at
        window.at = end
        if text.count("{") + text.count("[") > MAX_DEPTH and balanced(text, 0, len(text))[1] > MAX_DEPTH:
            yield Broken(start, stop, "nested too deeply", within)
            return
        if top is not None and top.name:
            self.open[-2].rows += 1
        if text.isascii() and "\\ud" not in text and "\\uD" not in text:
            yield Record(start, stop, value, within)
            return
        value, replaced = in_unicode(text, value, wide=window.unit == 2)  # noqa: PLR2004  UTF-16
        yield Record(start, stop, value, within, replaced)

    def _enter_page(self) -> Iterator[Frame]:
        window = self.window
        start = window.offset(window.at)
        if self.suspicious:  # the next document: those before it stay without their ends
            self.suspicious = False
            yield from self._closed_pages(start)
        if len(self.open) >= _MAX_CONTAINERS:
            yield self._junk(None)
            return
        self.open.append(_Open(is_list=False, start=start))
        window.at += 1

    def _decoded(self) -> tuple[Any, int] | _Failure:
        """The JSON value at the cursor and its end, reading on as far as it needs."""
        window = self.window
        while True:
            deep = False
            try:
                value, end = DECODER.raw_decode(window.text, window.at)
            except json.JSONDecodeError as error:
                place = error.pos
                unfinished = error.msg.startswith("Unterminated") or place >= len(window.text) - _NEAR_END
            except RecursionError:
                place, unfinished, deep = window.at + _DEAR, False, True
            else:
                if end < len(window.text) or window.ended:  # a number at the very end may go on
                    return value, end
                place, unfinished = end, True
                if window.text[end - 1] in '}]"':
                    return value, end
            if unfinished and len(window.text) - window.at <= MAX_RECORD and window.more():
                continue
            wasted = max((len(window.text) if unfinished else place) - window.at, 0)
            if unfinished and len(window.text) - window.at > MAX_RECORD:
                return _Failure(-1, "larger than 64 MiB", wasted)
            reason = "nested too deeply" if deep else _CUT if unfinished else _INVALID
            return _Failure(0, reason, wasted)

    def _failed(self, failure: _Failure, within: str) -> Broken:
        """Passes a broken record: to its balanced end or to where its next sibling begins, whichever comes first."""
        window = self.window
        start = window.offset(window.at)
        before = self.passed
        self.wasted += failure.wasted
        lead = self._lead() if self.wasted <= _PATIENCE * self.passed + _HEAD_START else None
        self.suspicious = True
        reason = failure.reason
        if failure.end < 0:
            self._skip(lead)
        elif not self._to_end_of_broken(lead):
            reason = _CUT if reason == _INVALID and window.ended else reason
        self.passed = before + (window.offset(window.at) - start)
        self.cut = window.ended and window.at >= len(window.text)
        return Broken(start, window.offset(window.at), reason, within)

    def _lead(self) -> re.Pattern[str] | None:
        """What a sibling of the record at the cursor begins with: nothing nested in it is indented as little as itself."""
        if self.indent is not None:
            own = r"\n" + re.escape(self.indent[:256]) + r"\{"
            return re.compile(own if not self.indent else rf"{own}|\n\{{")
        key = _FIRST_KEY.match(self.window.text, self.window.at)
        return re.compile(rf",\s{{0,64}}{re.escape(key.group())}|\n\{{") if key else _NEXT_DOCUMENT

    def _to_end_of_broken(self, lead: re.Pattern[str] | None) -> bool:
        """Moves the cursor to the end of a broken record; False if that is the end of the file."""
        window = self.window
        size = 64
        while True:
            stop = min(window.at + size, len(window.text))
            end, _ = balanced(window.text, window.at, stop)
            sibling = lead.search(window.text, window.at + 1, stop) if lead else None
            if sibling and (end < 0 or sibling.start() < end):
                window.at = sibling.start()
                return True
            if end >= 0:
                window.at = end
                return True
            if stop < len(window.text):
                size *= 4
            elif len(window.text) - window.at > MAX_RECORD:
                return self._skip(lead)
            elif not window.more():
                window.at = len(window.text)
                return False

    def _skip(self, target: re.Pattern[str] | None) -> bool:
        """Moves the cursor to the next match after it, keeping nothing; False if there is none before the end."""
        window = self.window
        begin = window.at + 1
        while True:
            match = target.search(window.text, begin) if target else None
            if match:
                window.at = match.start()
                return True
            window.at = max(window.at, len(window.text) - 512)  # a match may lie across two reads
            if not window.more():
                window.at = len(window.text)
                return False
            begin = 0

    def _junk(self, top: _Open | None) -> Broken:
        """Passes what is no object: one whole value, else everything up to the next bracket."""
        window = self.window
        start = window.offset(window.at)
        within = self._within()
        found = self._decoded() if window.text[window.at] not in "{[" else None
        if found is not None and not isinstance(found, _Failure):
            window.at = found[1]
            return Broken(start, window.offset(window.at), "no JSON object", within)
        self.suspicious = True
        self._skip(_OPENING_OR_END if top is not None else _OPENING)
        self.cut = window.ended and window.at >= len(window.text)
        return Broken(start, window.offset(window.at), _NO_JSON, within)

    def _member(self, page: _Open, char: str) -> Iterator[Frame]:
        """One member of a page: enters the list of records, notes a short scalar, passes anything else."""
        window = self.window
        if char == "}":
            window.at += 1
            self.open.pop()
            yield page.page(window.offset(window.at), complete=True)
            return
        key = self._decoded() if char == '"' else None
        if key is None or isinstance(key, _Failure):
            yield from self._lost(page)
            return
        while not (colon := _COLON.match(window.text, key[1])) or colon.end() >= len(window.text):
            ahead = key[1] - window.at
            if not window.more():
                yield from self._lost(page)
                return
            key = (key[0], window.at + ahead)
        window.at = colon.end()
        if key[0] in self.lists and window.text[window.at] == "[":
            page.name = key[0]
            self.open.append(_Open(is_list=True, start=window.offset(window.at), name=key[0]))
            window.at += 1
            return
        value = self._decoded()
        if isinstance(value, _Failure):
            yield from self._lost(page)
            return
        window.at = value[1]
        if isinstance(value[0], (str, int, float, type(None))) and len(page.fields) < 64:  # noqa: PLR2004  enough for a page
            page.fields[key[0]] = value[0][:_LONG_FIELD] if isinstance(value[0], str) else value[0]

    def _lost(self, page: _Open) -> Iterator[Frame]:
        window = self.window
        start = window.offset(window.at)
        self.cut = not self._skip(_NEXT_DOCUMENT)
        self.suspicious = True
        end = window.offset(window.at)
        yield Broken(start, end, _CUT if self.cut else _INVALID)
        self.open.pop()
        yield page.page(end, complete=False)


def frames(blocks: Iterable[bytes], lists: Iterable[str], start: int = 0) -> Iterator[Frame]:
    """Records, pages and broken stretches of JSON, in file order, for any bytes; never raises.

    Read are single objects, one after the other in any layout (RFC 8259 texts, newline-delimited, RFC 7464 sequences),
    arrays of them, and pages: objects that hold a list of records under one of the keys `lists`. UTF-8 with or without
    byte order mark, UTF-16 with one. `start` is the offset of the first byte. A record that is broken ends where its
    brackets balance, or where its next sibling begins by indentation or first key, and costs no other record. White
    space, commas, brackets around records and a page's other members belong to no frame but the page.
    """
    reader: _Reader[Record] = _Reader(blocks, start, frozenset(lists))
    return _joined(reader.run())


def shaped(
    blocks: Iterable[bytes], lists: Iterable[str], start: int, learn: Callable[[dict[str, Any], str], Plan[T] | None]
) -> Iterator[Frame | T]:
    """As `frames`, but in the place of most records stands what a plan of `learn` makes of them: see `shapes`."""
    return _joined(_Reader(blocks, start, frozenset(lists), Shapes(learn)).run())


def _joined(found: Iterator[Frame | T]) -> Iterator[Frame | T]:
    """The same, with stretches of no JSON that touch each other as one: a megabyte of brackets is one defect."""
    junk: Broken | None = None
    for frame in found:
        if junk is None and type(frame) is not Broken:
            yield frame
            continue
        if junk and isinstance(frame, Broken) and frame.reason == _NO_JSON and frame.start == junk.end:
            junk = junk._replace(end=frame.end)
            continue
        if junk:
            yield junk
        junk = frame if isinstance(frame, Broken) and frame.reason == _NO_JSON else None
        if not junk:
            yield frame
    if junk:
        yield junk


def load(raw: bytes) -> dict[str, Any] | None:
    """The one JSON object in `raw` (the bytes of a `Record`), None if it holds none; never raises. UTF-16 needs no mark."""
    if raw[:2] in {b"{\0", b"\0{"}:
        raw = (b"\xff\xfe" if raw[1] == 0 else b"\xfe\xff") + raw
    for frame in frames([raw], ()):
        return frame.value if isinstance(frame, Record) else None
    return None
