"""Mail archives: one as a mailing list leaves it, one of newsletters and letters with attachments.

Bodies and attachments come from pools of several hundred, header blocks are new for each mail: no cache of a reader is flattered.
The shares and sizes follow what was measured on two public archives of 30,000 list mails and 8,000 HTML mails.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.corpus.attachments import attachment
from benchmarks.corpus.bodies import base64_text, html_page, list_text, part, printable_text
from benchmarks.corpus.heads import Heads
from benchmarks.corpus.writing import HIT_EVERY, MARK, Written, is_hit, prose, write

__all__ = ["attachment_mbox", "list_mbox", "mixed_mbox"]

_BODIES = 600
_FILES = 400
_BLOCK = 10  # mails; even the smallest file has one hit among others
_MARKED = 8  # hits have bodies of their own, one after the other of these


class _Body(NamedTuple):
    """What stands behind a header block: the rest of the headers, an empty line, the content and a line that parts it from the next."""

    text: bytes
    has_file: bool = False


class _Pool:
    """Things made when first asked for, each from its number alone."""

    def __init__(self, seed: int, make: Callable[[random.Random, int], _Body]) -> None:
        self._seed, self._make = seed, make
        self._made: dict[int, _Body] = {}

    def get(self, number: int) -> _Body:
        if number not in self._made:
            self._made[number] = self._make(random.Random(f"{self._seed} {self._make.__name__} {number}"), number)
        return self._made[number]


def list_mbox(path: Path, megabytes: float, seed: int) -> Written:
    """A mailbox of list mail, log-normal about 10 kB: replies, patches, some with HTML or a small text file."""
    return write(path, megabytes, _blocks(_mails(seed, is_list=True)))


def attachment_mbox(path: Path, megabytes: float, seed: int) -> Written:
    """A mailbox of HTML mail, three in four with files of 20 to 400 kB (in base64)."""
    return write(path, megabytes, _blocks(_mails(seed, is_list=False)))


def mixed_mbox(path: Path, megabytes: float, seed: int, giant: int) -> tuple[Written, tuple[int, int]]:
    """Both kinds in turn, and in the middle one mail with a file of `giant` bytes (in base64); also gives that mail's place."""
    place = [0, 0]

    def blocks() -> Iterator[tuple[bytes, Written]]:
        at, missing = 0, True
        kinds = (_blocks(_mails(seed, is_list=True)), _blocks(_mails(seed + 1, is_list=False)))
        while True:
            for kind in kinds:
                block, holds = next(kind)
                yield block, holds
                at += len(block)
            if missing and at >= megabytes * 500_000:
                mail = _giant(seed, giant)
                place[:] = at, at + len(mail)
                yield mail, Written(1, 0)
                at, missing = at + len(mail), False

    written = write(path, megabytes, blocks())
    return written, (place[0], place[1])


def _giant(seed: int, size: int) -> bytes:
    rng = random.Random(seed)
    line = base64_text(rng.randbytes(57 * 4096)).encode()
    head = Heads(seed + 2).next(hit=False, is_list=False, size=size).encode()
    first = part("text/plain; charset=us-ascii", "7bit", prose(rng, 2_000)) + "\n--giant\n"
    kind = part('application/octet-stream; name="disk.bin"', "base64", "", 'attachment; filename="disk.bin"')
    opening = f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="giant"\n\n--giant\n{first}{kind}'
    return b"".join([head, _quoted(opening), line * (size // len(line)), b"--giant--\n\n"])


def _blocks(mails: Iterator[tuple[bytes, bool]]) -> Iterator[tuple[bytes, Written]]:
    while True:
        block = [next(mails) for _ in range(_BLOCK)]
        yield b"".join(mail for mail, _ in block), Written(_BLOCK, sum(hit for _, hit in block))


def _mails(seed: int, *, is_list: bool) -> Iterator[tuple[bytes, bool]]:
    heads, rng = Heads(seed), random.Random(f"order {seed}")
    bodies = _Pool(seed, _list_body if is_list else _page_body)
    files = _Pool(seed, _file)
    number = 0
    while True:
        hit = is_hit(number)
        body = bodies.get(-1 - number // HIT_EVERY % _MARKED if hit else rng.randrange(_BODIES))
        attached = (
            b"".join(files.get(rng.randrange(_FILES)).text for _ in range(rng.choice((1, 1, 1, 2)))) if body.has_file else b""
        )
        end = b"--=_mixed--\n\n" if body.has_file else b"\n"
        size = len(body.text) + len(attached) + len(end)
        yield heads.next(hit=hit, is_list=is_list, size=size).encode() + body.text + attached + end, hit
        number += 1


def _list_body(rng: random.Random, number: int) -> _Body:
    """A negative number: with the mark, and encoded, so that only a reader that decodes finds it."""
    mark = MARK if number < 0 else ""
    size = round(min(max(rng.lognormvariate(8.2, 0.9), 400), 56_000))
    kind = rng.choices(
        ("plain", "printable", "base64", "alternative", "file"), weights=(0 if mark else 62, 15, 8, 10, 0 if mark else 5)
    )[0]
    text = list_text(rng, size, mark, accents=kind != "plain")
    if kind == "plain":
        charset = rng.choice(("us-ascii", "utf-8", "utf-8", "iso-8859-1"))
        body = part(f"text/plain; charset={charset}", rng.choice(("7bit", "8bit")), text)
    elif kind == "printable":
        charset = rng.choice(("utf-8", "utf-8", "iso-8859-1", "windows-1252"))
        body = part(f'text/plain; charset="{charset}"', "quoted-printable", printable_text(text, charset))
    elif kind == "base64":
        body = part("text/plain; charset=UTF-8", "base64", base64_text(text.encode()))
    elif kind == "alternative":
        page = html_page(rng, size, mark)
        body = _joined("alternative", f"=_alt{number}", [_printable(text, "plain"), _printable(page, "html")])
    else:
        disposition = f'attachment; filename="0001-fix-{number}.patch"'
        parts = [
            part("text/plain; charset=utf-8", "8bit", text),
            part(f'text/x-diff; name="0001-fix-{number}.patch"', "7bit", text[:4000] + "\n", disposition),
        ]
        body = _joined("mixed", f"=_mix{number}", parts)
    return _Body(_quoted(f"MIME-Version: 1.0\n{body}\n"))


def _quoted(text: str) -> bytes:
    """As programs store it in a mailbox: a line of a body that begins like a separator gets a mark."""
    return text.replace("\nFrom ", "\n>From ").encode()


def _printable(text: str, kind: str) -> str:
    return part(f"text/{kind}; charset=utf-8", "quoted-printable", printable_text(text))


def _joined(kind: str, boundary: str, parts: list[str]) -> str:
    content = "".join(f"--{boundary}\n{one}\n" for one in parts)
    return f'Content-Type: multipart/{kind};\n boundary="{boundary}"\n\nThis is a multi-part message in MIME format.\n{content}--{boundary}--\n'


def _page_body(rng: random.Random, number: int) -> _Body:
    """Text and HTML; three in four leave the outer multipart open for files."""
    mark = MARK if number < 0 else ""
    page = html_page(rng, rng.randrange(5_000, 40_000), mark)
    encoding = (
        rng.choice(("quoted-printable", "quoted-printable", "quoted-printable", "7bit", "base64")) if not mark else "base64"
    )
    if encoding == "quoted-printable":
        shown = _printable(page, "html")
    else:
        shown = part("text/html; charset=utf-8", encoding, page if encoding == "7bit" else base64_text(page.encode()))
    text = part("text/plain; charset=utf-8", "quoted-printable", printable_text(prose(rng, len(page) // 6, accents=True)))
    both = _joined("alternative", f"=_alt{number}", [text, shown])
    if rng.random() < 0.25:
        return _Body(_quoted(f"MIME-Version: 1.0\n{both}\n"))
    return _Body(
        _quoted(f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=_mixed"\n\n--=_mixed\n{both}\n'), has_file=True
    )


def _file(rng: random.Random, number: int) -> _Body:
    media_type, name, data = attachment(rng)
    content = part(f'{media_type};\n name="{name}"', "base64", base64_text(data), f'attachment; filename="{name}"')
    return _Body(f"--=_mixed\nContent-ID: <file{number}@acme.example>\n{content}".encode())
