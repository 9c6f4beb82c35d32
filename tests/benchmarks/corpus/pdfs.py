"""Mails with a PDF each: some pages of text and a picture, made from nothing."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.corpus.bodies import base64_text, part
from benchmarks.corpus.heads import Heads
from benchmarks.corpus.writing import MARK, Written, is_hit, prose, write

__all__ = ["pdf_mbox"]

_BLOCK = 5  # mails


def pdf_mbox(path: Path, megabytes: float, seed: int) -> Written:
    """A mailbox of mails with a PDF of 20 to 100 kB and one to five pages; no two are the same, and a hit has its mark on the first page."""
    heads, rng = Heads(seed), random.Random(f"pdf {seed}")

    def blocks() -> Iterator[tuple[bytes, Written]]:
        number = 0
        while True:
            hits = [is_hit(number + place) for place in range(_BLOCK)]
            yield b"".join(_mail(heads, rng, hit=hit) for hit in hits), Written(_BLOCK, sum(hits))
            number += _BLOCK

    return write(path, megabytes, blocks())


def _mail(heads: Heads, rng: random.Random, *, hit: bool) -> bytes:
    data = base64_text(_pdf(rng, MARK if hit else "Invoice"))
    name = f"invoice-{rng.randrange(10**6)}.pdf"
    letter = part("text/plain; charset=us-ascii", "7bit", f"Please find {name} attached.\n")
    file = part(f'application/pdf; name="{name}"', "base64", data, f'attachment; filename="{name}"')
    head = heads.next(hit=hit, is_list=False, size=len(data))
    mixed = 'Content-Type: multipart/mixed; boundary="=_mixed"'
    return f"{head}MIME-Version: 1.0\n{mixed}\n\n--=_mixed\n{letter}\n--=_mixed\n{file}--=_mixed--\n\n".encode()


def _pdf(rng: random.Random, title: str) -> bytes:
    """Objects, their places and a trailer (ISO 32000-1, section 7.5)."""
    pages = rng.randrange(1, 6)
    kids = " ".join(f"{5 + 2 * page} 0 R" for page in range(pages))
    picture = rng.randbytes(rng.randrange(15_000, 80_000))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {pages}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        _stream(
            b"/Type/XObject/Subtype/Image/Width 100/Height 100/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode", picture
        ),
    ]
    for page in range(pages):
        lines = [title, *prose(rng, 2_500).splitlines()]
        shown = "BT/F1 10 Tf 40 800 Td " + "".join(f"({line})Tj 0 -12 Td\n" for line in lines) + "ET"
        used = f"/Resources<</Font<</F1 3 0 R>>/XObject<</I1 4 0 R>>>>/Contents {6 + 2 * page} 0 R"
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]{used}>>".encode())
        objects.append(_stream(b"/Filter/FlateDecode", zlib.compress(shown.encode(), 1)))
    written, places = bytearray(b"%PDF-1.4\n"), []
    for number, one in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    count = len(objects) + 1
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(written))
    return bytes(written) + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + trailer


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(data), data)
