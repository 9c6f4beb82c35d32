"""A mail server's log, as large as it takes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from benchmarks.corpus.writing import GAP, INDICATOR, START, Written, is_hit, person, template, write

__all__ = ["postfix_log"]

_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_MESSAGES = 600  # of a minute


def _base52(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 52)
        digits = _BASE52[digit] + digits
    return digits


def postfix_log(path: Path, megabytes: float, seed: int) -> Written:
    """A Postfix log as syslog writes it: no year, local time two hours east of UTC, long queue ids; ten messages a second."""
    rng = random.Random(seed)
    block = template(
        [_queue_lines(rng, number) for number in range(_MESSAGES)], Written(_MESSAGES, sum(map(is_hit, range(_MESSAGES))))
    )

    def blocks() -> Iterator[tuple[bytes, Written]]:
        at = START
        while True:
            seconds = [at + timedelta(seconds=second) for second in range(62)]
            local = (one + timedelta(hours=2) for one in seconds)
            stamps = [f"{one:%b} {one.day:2d} {one:%H:%M:%S}".encode() for one in local]
            prefixes = [_base52(int(one.timestamp()), 6).encode() for one in seconds]
            yield block.filled([*stamps, *prefixes, f"{int(at.timestamp()):X}".encode()]), block.holds
            at += timedelta(minutes=1)

    return write(path, megabytes, blocks())


def _queue_lines(rng: random.Random, number: int) -> tuple[str, list[int]]:
    """All lines of one message. Values: 0-61 stamps of a minute's seconds, 62-123 their id prefixes, 124 the repetition."""
    second, place = divmod(number, 10)
    queue = (
        f"{GAP}{_base52(place * 100_000 + rng.randrange(90_000), 4)}z{_base52(rng.randrange(10**6, 10**7), 5).replace('z', 'y')}"
    )
    head, sender, pid = f"{GAP} mx1 postfix/", f"app{rng.randrange(5)}@acme.example", rng.randrange(1000, 30000)
    to = [person(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))] + ([INDICATOR] if is_hit(number) else [])
    client = "app1.acme.example[192.0.2.10]"
    lines = [
        (f"smtpd[{pid}]: connect from {client}", []),
        (f"smtpd[{pid}]: {queue}: client={client}, sasl_method=PLAIN, sasl_username=svc", [62]),
        (f"cleanup[{pid + 1}]: {queue}: message-id=<{GAP}.{number}@acme.example>", [62, 124]),
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
