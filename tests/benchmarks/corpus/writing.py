"""What all generators share: words, people, the planted facts, text with gaps, and writing up to a size."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "GAP",
    "HIT_EVERY",
    "INDICATOR",
    "MARK",
    "START",
    "WORDS",
    "Template",
    "Written",
    "is_hit",
    "person",
    "prose",
    "template",
    "write",
]

START = datetime(2025, 9, 10, 6, tzinfo=UTC)
INDICATOR = "phan@giftshop.club"
MARK = "planted=4711"  # in the text of each mail to the indicator; both encodings change it: proof that a reader decodes
HIT_EVERY = 500
GAP = "\0"  # stands for a gap while a template is made: it occurs in no text
WORDS = [
    "sensor", "gauge", "order", "batch", "carrier", "invoice", "meeting", "sample", "budget", "drawing", "flange", "valve",
    "pressure", "report", "answer", "week", "team", "delivery", "price", "offer", "machine", "office", "customer", "probe",
    "laboratory", "device", "reading", "warehouse", "account", "project", "colleague",
]  # fmt: skip
_COMMON = [
    "the", "of", "and", "to", "a", "in", "is", "that", "it", "for", "was", "on", "are", "as", "with", "they", "be", "at", "one",
    "have", "this", "from", "or", "by", "but", "not", "what", "all", "were", "when", "your", "can",
]  # fmt: skip
_SYLLABLES = [
    "al", "ber", "con", "der", "en", "fi", "gra", "ho", "in", "ker", "lo", "men", "nor", "op", "pre", "qui", "ra", "sta", "ter",
    "un", "ver", "wes", "yor", "zel", "che", "bli", "dro", "fu",
]  # fmt: skip
_ACCENTED = ["größe", "façade", "señal", "über", "déjà", "naïve", "Überprüfung", "año", "żółty", "straße", "für"]


class Written(NamedTuple):
    """What a file holds: messages or records, and those of them addressed to the indicator."""

    messages: int
    hits: int


def is_hit(number: int) -> bool:
    """Whether message `number` has a hidden copy to the indicator: the fourth one, and one in 500 after it."""
    return number % HIT_EVERY == 3


@dataclass(frozen=True, slots=True)
class Template:
    """Text with gaps, and for each gap the place of its value in the list that a repetition brings."""

    text: bytes
    order: tuple[int, ...]
    holds: Written

    def filled(self, values: Sequence[bytes]) -> bytes:
        """One repetition."""
        return self.text % tuple(map(values.__getitem__, self.order))


def template(pieces: Sequence[tuple[str, Sequence[int]]], holds: Written) -> Template:
    """A template from texts with gaps, each with the numbers of its values."""
    text = "".join(piece for piece, _ in pieces).replace("%", "%%").replace(GAP, "%b")
    return Template(text.encode(), tuple(number for _, numbers in pieces for number in numbers), holds)


def person(rng: random.Random) -> str:
    """An address."""
    return f"{rng.choice(WORDS)}.{rng.choice(WORDS)}@{rng.choice(WORDS)}{rng.randrange(40)}.example"


def _vocabulary() -> tuple[list[str], list[float]]:
    """Some three thousand words and their cumulated weights, the first ones frequent, as in any language."""
    rng = random.Random(1)
    made = {"".join(rng.choices(_SYLLABLES, k=rng.choice((1, 2, 2, 3, 3, 4)))) for _ in range(4000)}
    words = [*_COMMON, *WORDS, *rng.sample(sorted(made), len(made))]
    return words, list(accumulate(1 / (8 + place) for place in range(len(words))))


_VOCABULARY, _WEIGHTS = _vocabulary()


def prose(rng: random.Random, size: int, *, accents: bool = False) -> str:
    """About `size` characters in sentences and lines of some 70 characters, with a number or an address now and then."""
    words = rng.choices(_VOCABULARY, cum_weights=_WEIGHTS, k=max(size // 5, 6))
    for place in range(0, len(words), 40):
        words[place] = rng.choice((str(rng.randrange(10**5)), person(rng), rng.choice(_ACCENTED if accents else WORDS)))
    lines = []
    at = 0
    while at < len(words):
        step = rng.randrange(9, 14)
        line = " ".join(words[at : at + step])
        lines.append(line[:1].upper() + line[1:] + "." if rng.random() < 0.4 else line)
        at += step
    return "\n".join(lines) + "\n"


def write(path: Path, megabytes: float, blocks: Iterator[tuple[bytes, Written]]) -> Written:
    """Blocks until the size is reached: a smaller file is the beginning of a larger one."""
    left, messages, hits = int(megabytes * 1_000_000), 0, 0
    with path.open("wb") as file:
        for block, holds in blocks:
            file.write(block)
            left, messages, hits = left - len(block), messages + holds.messages, hits + holds.hits
            if left <= 0:
                break
    return Written(messages, hits)
