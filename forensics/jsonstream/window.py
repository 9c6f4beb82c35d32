"""A member of evidence as text that moves past: one character per byte, so that places in it stay places in the file."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["READ", "Window"]

READ = 1 << 16  # characters read at least


class Window:
    """A stretch of the member as text with one character per byte (UTF-16: per code unit), and a cursor in it."""

    def __init__(self, blocks: Iterable[bytes], start: int) -> None:
        # small steps: a failed decode counts the lines of all text before it
        self.blocks = (block[at : at + READ] for block in blocks for at in range(0, len(block), READ))
        self.text = ""
        self.at = 0
        self.base = start  # bytes before text[0]
        self.unit = 0  # bytes per character, 0 before the first byte
        self.codec = ""
        self.rest = b""
        self.ended = False
        self.ahead = ""  # text that was read and put back, from `ahead_at` on
        self.ahead_at = 0

    def offset(self, at: int) -> int:
        """The place of a character in the member, in bytes."""
        return self.base + at * self.unit

    def more(self) -> bool:
        """Forget what lies before the cursor and read on, twice as far as now; False at the end of the member."""
        if self.ended:
            return False
        kept = self.text[self.at :]
        wanted = max(READ, 2 * len(kept))
        pieces, size, grown = [kept], len(kept), False
        while size < wanted:
            if self.ahead_at < len(self.ahead):
                piece = self.ahead[self.ahead_at : self.ahead_at + READ]
                self.ahead_at += len(piece)
            else:
                block = next(self.blocks, None)
                self.ended = block is None
                piece = self._decoded(block or b"", last=self.ended)
            pieces.append(piece)
            size += len(piece)
            grown = grown or bool(piece)
            if self.ended:
                break
        self.base += self.at * self.unit
        self.text, self.at = "".join(pieces), 0
        return grown

    def narrow(self) -> None:
        """Put back what lies far ahead of the cursor: in a wide window each failed decode is dear."""
        far = self.at + READ
        if len(self.text) <= max(far, 4 * READ):
            return
        if self.ahead_at < len(self.ahead):  # then all behind the first READ characters came from there
            self.ahead_at -= len(self.text) - far
        else:
            self.ahead, self.ahead_at = self.text[far:], 0
        self.base += self.at * self.unit
        self.text, self.at, self.ended = self.text[self.at : far], 0, False

    def _decoded(self, block: bytes, *, last: bool) -> str:
        block = self.rest + block
        self.rest = b""
        if not self.unit:
            if len(block) < 3 and not last:  # noqa: PLR2004  the longest byte order mark
                self.rest = block
                return ""
            block = self._without_mark(block)
        if self.unit == 1:
            return block.decode("latin-1")
        whole = len(block) - len(block) % 2
        self.rest = block[whole:]
        text = block[:whole].decode(self.codec, "surrogatepass")
        if 2 * len(text) == whole:
            return text
        return "".join(map(chr, memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")))

    def _without_mark(self, block: bytes) -> bytes:
        wide = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(block[:2])
        self.unit, self.codec = (2, wide) if wide else (1, "latin-1")
        mark = 2 if wide else 3 if block.startswith(b"\xef\xbb\xbf") else 0
        self.base += mark
        return block[mark:]
