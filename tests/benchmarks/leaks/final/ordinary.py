"""Ordinary mail of the final set: families of private and small correspondence."""

from __future__ import annotations

import random
import string
import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from pathlib import Path

from benchmarks.leaks.documents import pdf, xlsx
from benchmarks.leaks.final.credentials import place, pronounceable
from benchmarks.leaks.final.persons import person
from benchmarks.leaks.final.tokens import cut
from benchmarks.leaks.forms import uuid
from benchmarks.leaks.planted import Language, Ordinary

__all__ = ["families"]

_HEX, _AN = "0123456789abcdef", string.ascii_letters + string.digits
_SLOTS: Mapping[str, Callable[[random.Random], str]] = {
    "day": lambda rng: rng.choice(("Monday", "Thursday", "Saturday", "Sunday", f"{rng.randrange(1, 29)} May", f"{rng.randrange(1, 29)}.11.")),
    "month": lambda rng: rng.choice(("January", "April", "June", "October")),
    "clock": lambda rng: f"{rng.randrange(6, 23)}.{rng.randrange(60):02d}",
    "small": lambda rng: str(rng.randrange(2, 99)),
    "town": lambda rng: pronounceable(rng, 4),
    "ware": lambda rng: rng.choice(("kettle", "lamp", "rucksack", "bicycle", "tent", "teapot", "puzzle", "scarf", "drum")),
    "mixed": lambda rng: rng.choice((cut(rng, string.ascii_uppercase + string.digits, 10), f"{cut(rng, string.digits, 3)}-{cut(rng, string.digits, 7)}-{cut(rng, string.digits, 7)}")),
    "coupon": lambda rng: f"{rng.choice(('AUTUMN', 'HELLO', 'FRIENDS'))}{rng.randrange(5, 30)}",
    "parcel": lambda rng: rng.choice((cut(rng, string.digits, 14), f"{cut(rng, 'CRL', 2)}{cut(rng, string.digits, 9)}DE", cut(rng, string.digits, 20))),
    "cost": lambda rng: f"€{rng.randrange(1, 900)}.{rng.randrange(100):02d}",
    "isbn": lambda rng: f"978{cut(rng, string.digits, 10)}",
    "sha": lambda rng: cut(rng, _HEX, 40),
    "abbrev": lambda rng: cut(rng, _HEX, 10),
    "long_digest": lambda rng: cut(rng, _HEX, 64),
    "digest": lambda rng: cut(rng, _AN + "-_", 43),
    "eleven": lambda rng: cut(rng, _AN, 11),
    "guid": uuid,
    "six": lambda rng: cut(rng, string.ascii_uppercase + string.digits, 6),
    "armour": lambda rng: "\n".join(cut(rng, _AN + "+/", 64) for _ in range(7)),
    "armour_line": lambda rng: cut(rng, _AN + "+/", 300),
    "print": lambda rng: " ".join(cut(rng, "0123456789ABCDEF", 4) for _ in range(10)),
    "bech": lambda rng: cut(rng, "qpzry9x8gf2tvdw0s3jn54khce6mua7l", 58),
    "host": place,
    "full": lambda rng: " ".join(person(rng)),
    "mail": lambda rng: f"{person(rng)[0].lower()}{rng.randrange(99)}@post.family.example",
    **{
        name: partial(lambda count, rng: cut(rng, "123456789", 1) + cut(rng, string.digits, count - 1), count)
        for name, count in (("two", 2), ("three", 3), ("four", 4), ("five", 5), ("nine", 9), ("long", 10))
    },
}  # fmt: skip


class _Drawn(defaultdict[str, str]):
    """Values drawn when they are asked for."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng

    def __missing__(self, name: str) -> str:
        return _SLOTS[name](self.rng)


def _family(parts: Mapping[str, list[str]], rng: random.Random) -> Ordinary:
    drawn = _Drawn(rng)
    picked = rng.sample(parts["body"], min(rng.randint(3, 10), len(parts["body"])))
    lines = [line.format_map(drawn) for line in picked]
    subject = rng.choice(parts["subject"]).format_map(drawn)
    sign = person(rng)[0]
    shape = rng.random()
    if shape < 0.5:
        return Ordinary(subject, "\n\n".join(lines) + f"\n\n{sign}\n")
    if shape < 0.65:
        quoted = "\n".join(f"> {line}" for one in lines for line in one.splitlines())
        return Ordinary(f"Re: {subject}", f"ok!\n\n{drawn['full']}, {drawn['day']}:\n{quoted}\n")
    if shape < 0.9:
        cells = "".join(f'<tr><td style="padding:12px">{escape(line)}</td></tr>' for line in lines)
        return Ordinary(
            subject,
            "",
            f"<html><head><style>td{{color:#333}}</style></head><body><table>{cells}</table><p>{sign}</p></body></html>\n",
        )
    flat = [line for one in lines for line in one.splitlines()]
    file = (
        pdf("flyer.pdf", flat) if rng.random() < 0.5 else xlsx("list.xlsx", [[str(row), line] for row, line in enumerate(flat)])
    )
    return Ordinary(subject, f"see attached\n{sign}\n", files=(file,))


def _chatter(languages: Mapping[str, Language], rng: random.Random) -> Ordinary:
    sentences = languages[rng.choice(sorted(languages))].sentences
    slots = {"first": person(rng)[0], "other": person(rng)[0], "date": f"{rng.randrange(1, 29)}/9", "last": person(rng)[1]}
    said = [rng.choice(sentences[topic]).format(**slots) for topic in ("greeting", "notice", "talk", "notice", "closing")]
    return Ordinary(said[2][:50], "\n".join(said) + "\n")


def families(languages: Mapping[str, Language]) -> dict[str, Callable[[random.Random], Ordinary]]:
    """A maker of mails for each family."""
    told = tomllib.loads(Path(__file__).with_name("ordinary.toml").read_text(encoding="utf-8"))
    return {
        **{name: partial(_family, parts) for name, parts in told.items()},
        "chatter in any language": partial(_chatter, languages),
    }
