"""An Exim mainlog, as large as it takes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from benchmarks.corpus.writing import GAP, INDICATOR, START, Written, is_hit, person, template, write

__all__ = ["exim_log", "exim_log_of_old"]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MESSAGES = 600  # of a minute


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits


def exim_log(path: Path, megabytes: float, seed: int, *, short_ids: bool = False) -> Written:
    """A mainlog in local time two hours east of UTC, ids of 23 characters (16 with `short_ids`); ten messages a second.

    Arrivals name subject and recipients (`+subject +received_recipients`), deliveries the remote reply.
    """
    rng = random.Random(seed)
    pieces = [_entries(rng, number, short_ids=short_ids) for number in range(_MESSAGES)]
    block = template(pieces, Written(_MESSAGES, sum(map(is_hit, range(_MESSAGES)))))

    def blocks() -> Iterator[tuple[bytes, Written]]:
        at = START
        while True:
            seconds = [at + timedelta(seconds=second) for second in range(62)]
            stamps = [f"{one + timedelta(hours=2):%Y-%m-%d %H:%M:%S}".encode() for one in seconds]
            prefixes = [_base62(int(one.timestamp()), 6).encode() for one in seconds]
            yield block.filled([*stamps, *prefixes, f"{int(at.timestamp()):X}".encode()]), block.holds
            at += timedelta(minutes=1)

    return write(path, megabytes, blocks())


def exim_log_of_old(path: Path, megabytes: float, seed: int) -> Written:
    """The same with ids of 16 characters, as Exim wrote them up to 4.96: all that its own tools of that time put together."""
    return exim_log(path, megabytes, seed, short_ids=True)


def _entries(rng: random.Random, number: int, *, short_ids: bool) -> tuple[str, list[int]]:
    """All entries of one message. Values: 0-61 stamps of a minute's seconds, 62-123 their id prefixes, 124 the repetition."""
    second, place = divmod(number, 10)
    pid, micro = rng.randrange(1000, 30000), place * 100_000 + rng.randrange(90_000)
    rest = f"{_base62(pid, 6)}-{_base62(micro // 500, 2)}" if short_ids else f"{_base62(pid, 11)}-{_base62(micro, 4)}"
    queue, sender = f"{GAP}-{rest}", f"app{rng.randrange(5)}@acme.example"
    to = [person(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))] + ([INDICATOR] if is_hit(number) else [])
    origin = (
        "H=app1.acme.example [192.0.2.10] P=esmtpsa X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no A=plain:svc"
    )
    told = f'S={rng.randrange(900, 90000)} id={GAP}.{number}@acme.example T="Order {number}" from <{sender}> for {" ".join(to)}'
    later = second + (place >= 5)
    lines = [(f"{GAP} {queue} <= {sender} {origin} {told}", [second, second + 62, 124])]
    for one in to:
        relay = f"R=dnslookup T=remote_smtp H=mx.{one.partition('@')[2]} [192.0.2.{rng.randrange(1, 255)}] X=TLS1.3:AES_256_GCM:256 CV=yes"
        reply = f'C="250 OK id={_base62(rng.randrange(62**5), 6)}-{_base62(rng.randrange(62**4), 11)}-{_base62(rng.randrange(10**6), 4)}" QT=1s'
        lines.append((f"{GAP} {queue} => {one} {relay} {reply}", [later, second + 62]))
    lines.append((f"{GAP} {queue} Completed QT=1s", [later, second + 62]))
    return "".join(f"{text}\n" for text, _ in lines), [gap for _, gaps in lines for gap in gaps]
