"""Ordinary mail without secrets, by family: each family comes close to a secret in its own way."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.leaks.planted import Ordinary
from benchmarks.leaks.practice.tokens import token_of
from benchmarks.leaks.rehearsal.persons import person

__all__ = ["FAMILIES"]

_TOLD: Mapping[str, Mapping[str, Any]] = tomllib.loads((Path(__file__).parent / "ordinary.toml").read_text(encoding="utf-8"))


def _filled(rng: random.Random, form: str) -> str:
    """Gaps with an alphabet and a length, then names, days and amounts."""
    first, last = person(rng)
    words = {
        "first": first, "last": last, "day": f"{rng.randrange(1, 29)}.{rng.randrange(1, 13)}.2025", "clock": f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}",
        "amount": f"{rng.randrange(5, 900)}.{rng.randrange(100):02d}", "n": str(rng.randrange(2, 99)),
    }  # fmt: skip
    text = token_of(rng, form)
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    return text


def _family(told: Mapping[str, Any]) -> Callable[[random.Random], Ordinary]:
    def make(rng: random.Random) -> Ordinary:
        subject = _filled(rng, rng.choice(told["subject"]))
        opening, *_ = rng.sample(told["opening"], 1)
        plain = "\n\n".join(_filled(rng, form) for form in (opening, *rng.sample(told["plain"], min(2, len(told["plain"])))))
        html = "\n".join(_filled(rng, form) for form in rng.sample(told.get("html", []), min(2, len(told.get("html", [])))))
        if html and rng.random() < 0.5:
            return Ordinary(subject, "", f"<html><body>{html}</body></html>\n")
        return Ordinary(subject, f"{plain}\n", f"<html><body><p>{subject}</p>{html}</body></html>\n" if html else "")

    return make


FAMILIES: Mapping[str, Callable[[random.Random], Ordinary]] = {name: _family(told) for name, told in _TOLD.items()}
