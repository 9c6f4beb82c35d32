"""Sentences by language, as the set's file of languages holds them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from benchmarks.leaks.planted import Language

__all__ = ["languages"]


def languages(name: str) -> dict[str, Language]:
    """The languages of the set of this name."""
    told = tomllib.loads((Path(__file__).parent / name / "languages.toml").read_text(encoding="utf-8"))
    return {
        tag: Language({topic: tuple(lines) for topic, lines in parts.items() if topic != "labels"}, parts["labels"])
        for tag, parts in told.items()
    }
