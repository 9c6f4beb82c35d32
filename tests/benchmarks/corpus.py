"""Large invented evidence for benchmarks, streamed to disk as fast as it takes it, the same bytes for the same seed.

Each function writes about `megabytes` (10^6 bytes) and returns the number of messages or records. A block of text is
made once as a template with gaps; each repetition fills in its own minute and number, so that times rise and ids are
unique. In every block at least one message has a copy to the incident's indicator that is in neither To nor Cc.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

__all__ = ["attachment_mbox", "list_mbox", "postfix_log", "postmark_ndjson", "postmark_search"]

_START = datetime(2025, 9, 10, 6, tzinfo=UTC)
_INDICATOR = "phan@giftshop.club"
_HIT_EVERY = 500
_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_WORDS = [
    "sensor",
    "gauge",
    "order",
    "batch",
    "carrier",
    "invoice",
    "meeting",
    "sample",
    "budget",
    "drawing",
    "flange",
    "valve",
    "pressure",
    "report",
    "answer",
    "week",
    "team",
    "delivery",
    "price",
    "offer",
    "machine",
    "office",
    "customer",
    "probe",
    "laboratory",
    "device",
    "reading",
    "warehouse",
    "account",
    "project",
    "colleague",
]
_GAP = "\0"  # stands for a gap while a template is made: it occurs in no text


@dataclass(frozen=True, slots=True)
class _Template:
    """Text with gaps, and for each gap the place of its value in the list that a repetition brings."""

    text: bytes
    order: tuple[int, ...]
    records: int

    def filled(self, values: Sequence[bytes]) -> bytes:
        return self.text % tuple(map(values.__getitem__, self.order))


def _template(pieces: Sequence[tuple[str, Sequence[int]]], records: int) -> _Template:
    """A template from texts with gaps, each with the numbers of its values."""
    text = "".join(piece for piece, _ in pieces).replace("%", "%%").replace(_GAP, "%b")
    return _Template(text.encode(), tuple(number for _, numbers in pieces for number in numbers), records)


def _base52(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 52)
        digits = _BASE52[digit] + digits
    return digits


def _person(rng: random.Random) -> str:
    return f"{rng.choice(_WORDS)}.{rng.choice(_WORDS)}@{rng.choice(_WORDS)}{rng.randrange(40)}.example"


def _prose(rng: random.Random, words: int) -> str:
    lines = (" ".join(rng.choices(_WORDS, k=12)).capitalize() + "." for _ in range(max(words // 12, 1)))
    return "\n".join(lines) + "\n"


def _write(path: Path, megabytes: float, blocks: Iterator[tuple[bytes, int]]) -> int:
    """Blocks until the size is reached; gives the number of records written."""
    left, records = int(megabytes * 1_000_000), 0
    with path.open("wb") as file:
        for block, count in blocks:
            file.write(block)
            left, records = left - len(block), records + count
            if left <= 0:
                break
    return records


def postfix_log(path: Path, megabytes: float, seed: int) -> int:
    """A Postfix log as syslog writes it: no year, local time two hours east of UTC, long queue ids; ten messages a second."""
    rng = random.Random(seed)
    template = _template([_queue_lines(rng, number) for number in range(600)], 600)

    def blocks() -> Iterator[tuple[bytes, int]]:
        at = _START
        while True:
            seconds = [at + timedelta(seconds=second) for second in range(62)]
            local = (one + timedelta(hours=2) for one in seconds)
            stamps = [f"{one:%b} {one.day:2d} {one:%H:%M:%S}".encode() for one in local]
            prefixes = [_base52(int(one.timestamp()), 6).encode() for one in seconds]
            yield template.filled([*stamps, *prefixes, f"{int(at.timestamp()):X}".encode()]), template.records
            at += timedelta(minutes=1)

    return _write(path, megabytes, blocks())


def _queue_lines(rng: random.Random, number: int) -> tuple[str, list[int]]:
    """All lines of one message. Values: 0-61 stamps of a minute's seconds, 62-123 their id prefixes, 124 the repetition."""
    second, place = divmod(number, 10)
    queue = (
        f"{_GAP}{_base52(place * 100_000 + rng.randrange(90_000), 4)}z{_base52(rng.randrange(10**6, 10**7), 5).replace('z', 'y')}"
    )
    head, sender, pid = f"{_GAP} mx1 postfix/", f"app{rng.randrange(5)}@acme.example", rng.randrange(1000, 30000)
    to = [_person(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))] + ([_INDICATOR] if number % _HIT_EVERY == 7 else [])
    client = "app1.acme.example[192.0.2.10]"
    lines = [
        (f"smtpd[{pid}]: connect from {client}", []),
        (f"smtpd[{pid}]: {queue}: client={client}, sasl_method=PLAIN, sasl_username=svc", [62]),
        (f"cleanup[{pid + 1}]: {queue}: message-id=<{_GAP}.{number}@acme.example>", [62, 124]),
        (f"qmgr[811]: {queue}: from=<{sender}>, size={rng.randrange(900, 90000)}, nrcpt={len(to)} (queue active)", [62]),
        (f"smtpd[{pid}]: disconnect from {client} ehlo=1 auth=1 mail=1 rcpt={len(to)} data=1 quit=1 commands={len(to) + 5}", []),
    ]
    for one in to:
        relay = f"mx.{one.partition('@')[2]}[192.0.2.{rng.randrange(1, 255)}]:25"
        told = f"to=<{one}>, relay={relay}, delay=0.9, delays=0.1/0.01/0.3/0.5, dsn=2.0.0, status=sent"
        lines.append((f"smtp[{pid + 2}]: {queue}: {told} (250 2.0.0 Ok: queued as {rng.getrandbits(40):010X})", [62]))
    lines.append((f"qmgr[811]: {queue}: removed", [62]))
    text = "".join(f"{head}{line}\n" for line, _ in lines)
    later = [second if place < 5 or index < 5 else second + 1 for index in range(len(lines))]
    return text, [
        n for at, (_, gaps) in zip(later, lines, strict=True) for n in (at, *(second + 62 if g == 62 else g for g in gaps))
    ]


def list_mbox(path: Path, megabytes: float, seed: int) -> int:
    """A mailbox of plain text mail, about 4 kB each, one in ten with a quoted `From ` line."""
    rng = random.Random(seed)
    pieces = []
    for number in range(200):
        quoted = ">From here on it is simple.\n" if number % 10 == 3 else ""
        pieces.append(
            (
                _mail_head(rng, number) + "Content-Type: text/plain; charset=utf-8\n\n" + quoted + _prose(rng, 520) + "\n",
                [0, 1, 2],
            )
        )
    return _write(path, megabytes, _mail_blocks(_template(pieces, len(pieces))))


def attachment_mbox(path: Path, megabytes: float, seed: int) -> int:
    """A mailbox of mail with HTML and a base64 attachment of 30 to 400 kB."""
    rng = random.Random(seed)
    pieces = []
    for number in range(12):
        noise = base64.encodebytes(rng.randbytes(rng.randrange(30_000, 400_000))).decode()
        mark = f"=_part{number:04d}"
        body = f"--{mark}\nContent-Type: text/html; charset=utf-8\n\n<html><body><p>{_prose(rng, 150)}</p></body></html>\n"
        body += f'--{mark}\nContent-Type: application/pdf; name="drawing-{number}.pdf"\nContent-Transfer-Encoding: base64\n'
        body += f'Content-Disposition: attachment; filename="drawing-{number}.pdf"\n\n{noise}--{mark}--\n\n'
        head = _mail_head(rng, number) + f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{mark}"\n\n'
        pieces.append((head + body, [0, 1, 2]))
    return _write(path, megabytes, _mail_blocks(_template(pieces, len(pieces))))


def _mail_head(rng: random.Random, number: int) -> str:
    """From_ line and headers. Values: 0 the From_ line's time, 1 the Date, 2 the repetition."""
    sender, to = _person(rng), ", ".join(_person(rng) for _ in range(rng.choice((1, 1, 2, 4))))
    bcc = f"Bcc: {_INDICATOR}\n" if number % _HIT_EVERY == 7 else ""
    path = f"Received: from mx.foreign.example (mx.foreign.example [192.0.2.25])\n\tby mail.acme.example (Postfix) with ESMTPS id {rng.getrandbits(40):010X}\n"
    names = f"From: {sender}\nTo: {to}\n{bcc}Subject: {' '.join(rng.choices(_WORDS, k=5))}\n"
    return (
        f"From {sender} {_GAP}\nReturn-Path: <{sender}>\n{path}{names}Date: {_GAP}\nMessage-ID: <{_GAP}.{number}@list.example>\n"
    )


def _mail_blocks(template: _Template) -> Iterator[tuple[bytes, int]]:
    at = _START
    while True:
        values = [f"{at:%a %b %d %H:%M:%S %Y}", f"{at:%a, %d %b %Y %H:%M:%S +0000}", f"{int(at.timestamp()):X}"]
        yield template.filled([value.encode() for value in values]), template.records
        at += timedelta(minutes=7)


def postmark_ndjson(path: Path, megabytes: float, seed: int) -> int:
    """Stored webhooks, one Delivery a line; a message to several recipients has several."""
    rng = random.Random(seed)
    pieces, records = [], 0
    for number in range(1000):
        to = [_person(rng) for _ in range(rng.choice((1, 1, 1, 2)))] + ([_INDICATOR] if number % _HIT_EVERY == 7 else [])
        for one in to:
            line = (
                f'{{"RecordType":"Delivery","ServerID":4711001,"MessageStream":"outbound","MessageID":"{_uuid(rng, number)}",'
                f'"Recipient":"{one}","Tag":"","DeliveredAt":"{_GAP}.{number:07d}-04:00",'
                f'"Details":"smtp;250 2.0.0 OK queued as {rng.getrandbits(40):010X}","Metadata":{{}}}}\n'
            )
            pieces.append((line, [1, 0]))
            records += 1
    return _write(path, megabytes, _api_blocks(_template(pieces, records)))


def postmark_search(path: Path, megabytes: float, seed: int) -> int:
    """One answer of the search with all its rows, newest last, and a TotalCount that is true."""
    rng = random.Random(seed)
    pieces = []
    for number in range(1000):
        to, hidden = _person(rng), [_INDICATOR] if number % _HIT_EVERY == 7 else []
        bcc = "".join(f'{{"Email":"{one}","Name":""}}' for one in hidden)
        recipients = '","'.join([to, *hidden])
        row = (
            f'{{"MessageID":"{_uuid(rng, number)}","MessageStream":"outbound","To":[{{"Email":"{to}","Name":null}}],"Cc":[],"Bcc":[{bcc}],'
            f'"Recipients":["{recipients}"],"ReceivedAt":"{_GAP}.{number:07d}-04:00","From":"\\"Acme\\" <agent@acme.example>",'
            f'"Subject":"{" ".join(rng.choices(_WORDS, k=6))}","Attachments":[],"Status":"Sent","TrackOpens":true,"TrackLinks":"HtmlAndText",'
            '"Metadata":{},"Sandboxed":false}'
        )
        pieces.append((row + ",\n", [1, 0]))
    template = _template(pieces, len(pieces))
    blocks = _api_blocks(template)
    first = next(blocks)[0]  # every block is equally long: the number of rows is known before they are written
    repeats = max(round(megabytes * 1_000_000 / len(first)), 1)
    with path.open("wb") as file:
        file.write(b'{"TotalCount":%d,"Messages":[\n' % (repeats * template.records))
        file.write(first if repeats > 1 else first[:-2])
        for left in range(repeats - 2, -1, -1):
            block = next(blocks)[0]
            file.write(block if left else block[:-2])
        file.write(b"\n]}\n")
    return repeats * template.records


def _uuid(rng: random.Random, number: int) -> str:
    """A version 4 UUID whose first eight digits are the gap for the repetition."""
    return f"{_GAP}-{number:04x}-4{rng.getrandbits(12):03x}-8{rng.getrandbits(12):03x}-{number:012x}"


def _api_blocks(template: _Template) -> Iterator[tuple[bytes, int]]:
    """Values: 0 the time of a block, 1 its number as eight hex digits."""
    at, number = _START, 0
    while True:
        yield (
            template.filled([f"{at - timedelta(hours=4):%Y-%m-%dT%H:%M:%S}".encode(), f"{number:08x}".encode()]),
            template.records,
        )
        at, number = at + timedelta(minutes=1), number + 1
