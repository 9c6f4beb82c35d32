"""What Postmark hands out about sent mail: stored webhooks, and an answer of its message search."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from benchmarks.corpus.writing import GAP, INDICATOR, START, WORDS, Template, Written, is_hit, person, template, write

__all__ = ["postmark_ndjson", "postmark_search"]

_MESSAGES = 1000  # of a block
_HITS = sum(map(is_hit, range(_MESSAGES)))


def postmark_ndjson(path: Path, megabytes: float, seed: int) -> Written:
    """Stored webhooks, one Delivery a line; a message to several recipients has several."""
    rng = random.Random(seed)
    pieces, records = [], 0
    for number in range(_MESSAGES):
        to = [person(rng) for _ in range(rng.choice((1, 1, 1, 2)))] + ([INDICATOR] if is_hit(number) else [])
        for one in to:
            line = (
                f'{{"RecordType":"Delivery","ServerID":4711001,"MessageStream":"outbound","MessageID":"{_uuid(rng, number)}",'
                f'"Recipient":"{one}","Tag":"","DeliveredAt":"{GAP}.{number:07d}-04:00",'
                f'"Details":"smtp;250 2.0.0 OK queued as {rng.getrandbits(40):010X}","Metadata":{{}}}}\n'
            )
            pieces.append((line, [1, 0]))
            records += 1
    return write(path, megabytes, _api_blocks(template(pieces, Written(records, _HITS))))


def postmark_search(path: Path, megabytes: float, seed: int) -> Written:
    """One answer of the search with all its rows, newest last, and a TotalCount that is true."""
    rng = random.Random(seed)
    pieces = []
    for number in range(_MESSAGES):
        to, hidden = person(rng), [INDICATOR] if is_hit(number) else []
        bcc = "".join(f'{{"Email":"{one}","Name":""}}' for one in hidden)
        recipients = '","'.join([to, *hidden])
        row = (
            f'{{"MessageID":"{_uuid(rng, number)}","MessageStream":"outbound","To":[{{"Email":"{to}","Name":null}}],"Cc":[],"Bcc":[{bcc}],'
            f'"Recipients":["{recipients}"],"ReceivedAt":"{GAP}.{number:07d}-04:00","From":"\\"Acme\\" <agent@acme.example>",'
            f'"Subject":"{" ".join(rng.choices(WORDS, k=6))}","Attachments":[],"Status":"Sent","TrackOpens":true,"TrackLinks":"HtmlAndText",'
            '"Metadata":{},"Sandboxed":false}'
        )
        pieces.append((row + ",\n", [1, 0]))
    rows = template(pieces, Written(_MESSAGES, _HITS))
    blocks = _api_blocks(rows)
    first = next(blocks)[0]  # every block is equally long: the number of rows is known before they are written
    repeats = max(round(megabytes * 1_000_000 / len(first)), 1)
    with path.open("wb") as file:
        file.write(b'{"TotalCount":%d,"Messages":[\n' % (repeats * _MESSAGES))
        file.write(first if repeats > 1 else first[:-2])
        for left in range(repeats - 2, -1, -1):
            block = next(blocks)[0]
            file.write(block if left else block[:-2])
        file.write(b"\n]}\n")
    return Written(repeats * _MESSAGES, repeats * _HITS)


def _uuid(rng: random.Random, number: int) -> str:
    """A version 4 UUID whose first eight digits are the gap for the repetition."""
    return f"{GAP}-{number:04x}-4{rng.getrandbits(12):03x}-8{rng.getrandbits(12):03x}-{number:012x}"


def _api_blocks(block: Template) -> Iterator[tuple[bytes, Written]]:
    """Values: 0 the time of a block, 1 its number as eight hex digits."""
    at, number = START, 0
    while True:
        yield (
            block.filled([f"{at - timedelta(hours=4):%Y-%m-%dT%H:%M:%S}".encode(), f"{number:08x}".encode()]),
            block.holds,
        )
        at, number = at + timedelta(minutes=1), number + 1
