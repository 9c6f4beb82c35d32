"""Ordinary mail of the set for tuning: families of a company's correspondence."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from pathlib import Path

from benchmarks.leaks.development.credentials import host, user
from benchmarks.leaks.development.persons import person
from benchmarks.leaks.development.tokens import drawn
from benchmarks.leaks.documents import docx, text_file
from benchmarks.leaks.forms import ALPHABETS, uuid
from benchmarks.leaks.planted import Language, Ordinary

__all__ = ["families", "words"]

_THINGS = ("sensor", "valve", "gauge", "bearing", "pump", "relay", "filter", "drive", "cable", "sample", "adapter", "switch")


def words(rng: random.Random) -> dict[str, str]:
    """Values for every word in braces; all are of no use to a thief."""

    def d(count: int) -> str:
        return str(rng.randrange(10 ** (count - 1), 10**count))

    def hexadecimal(count: int) -> str:
        return drawn(rng, ALPHABETS["hex"], count)

    first, last = person(rng)
    block = drawn(rng, ALPHABETS["b64"], 400)
    return {
        "order": rng.choice((f"PO-{d(7)}", d(10), f"4500{d(6)}")), "invoice": f"RE-2025-{d(6)}", "ticket": d(6), "reference": d(8), "article": d(13),
        "batch": f"L{d(6)}", "parcel": rng.choice((f"1Z{drawn(rng, ALPHABETS['up'], 16)}", d(12), f"JJD{d(15)}")), "delivery": d(9), "contract": f"V-{d(7)}",
        "price": f"{rng.randrange(1, 9999)}.{rng.randrange(100):02d}", "count": str(rng.randrange(2, 400)), "date": f"2025-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
        "time": f"{rng.randrange(7, 20)}:{rng.randrange(60):02d}", "thing": rng.choice(_THINGS), "model": f"{rng.choice('ABXZ')}{d(3)}-{d(2)}", "user": user(rng), "host": host(rng),
        "name": f"{first} {last}", "address": f"{first}.{last}@corp-delta.example".lower(), "sha1": hexadecimal(40), "sha256": hexadecimal(64), "hex16": hexadecimal(16),
        "hex32": hexadecimal(32), "hex64": hexadecimal(64), "short": hexadecimal(7), "sha512": drawn(rng, ALPHABETS["b64"], 86), "uuid": uuid(rng), "b64": drawn(rng, ALPHABETS["u"], 43),
        "b64block": "\n".join(block[at : at + 64] for at in range(0, 400, 64)), "fingerprint": " ".join(hexadecimal(4).upper() for _ in range(10)), "vat": d(9),
        "queue": drawn(rng, ALPHABETS["up"], 11), "pid": d(5), "port": d(5), "octet": str(rng.randrange(1, 255)), "account": d(12),
    }  # fmt: skip


def _family(parts: Mapping[str, list[str]], rng: random.Random) -> Ordinary:
    used = words(rng)
    count = min(rng.randrange(4, 12), len(parts["lines"]))
    lines = [
        line.format(**(words(rng) if number % 3 == 0 else used)) for number, line in enumerate(rng.sample(parts["lines"], count))
    ]
    subject = rng.choice(parts["subject"]).format(**used)
    plain = "\n".join(lines) + f"\n\n{used['name']}\n"
    shape = rng.randrange(10)
    if shape < 6:
        return Ordinary(subject, plain)
    html = "<html><body>" + "".join(f'<p class="MsoNormal">{escape(line)}</p>\n' for line in lines) + "</body></html>\n"
    if shape < 8:
        return Ordinary(subject, plain, html)
    if shape == 8:
        return Ordinary(subject, "", html)
    file = docx("letter.docx", lines) if rng.random() < 0.5 else text_file("letter.txt", plain)
    return Ordinary(subject, "See the attached letter.\n", files=(file,))


def _foreign(languages: Mapping[str, Language], rng: random.Random) -> Ordinary:
    """Small talk and statements about passwords, in any language."""
    used = words(rng)
    sentences = languages[rng.choice(sorted(languages))].sentences
    first, last = person(rng)
    slots = {"first": first, "last": last, "other": used["name"], "date": used["date"], "ext": used["count"]}
    lines = [rng.choice(sentences[topic]).format(**slots) for topic in ("greeting", "talk", "notice", "closing")]
    return Ordinary(rng.choice(sentences["notice"]).format(**slots), "\n\n".join(lines) + "\n")


def families(languages: Mapping[str, Language]) -> dict[str, Callable[[random.Random], Ordinary]]:
    """A maker of mails for each family."""
    told = tomllib.loads(Path(__file__).with_name("ordinary.toml").read_text(encoding="utf-8"))
    return {**{name: partial(_family, parts) for name, parts in told.items()}, "in any language": partial(_foreign, languages)}
