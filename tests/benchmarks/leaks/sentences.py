"""Which sentences go unheard: each one alone, with a few secrets in it, so that a miss has one cause."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.leaks.planted import Author, Secret
from forensics.leaks import load_rules, scan
from forensics.model import Text

__all__ = ["Sentence", "by_sentence"]

_KEY = b"benchmark" * 4
_SECRETS = 6  # for each sentence
_SAID_OF_EVERY_SERVICE = frozenset({"token", "near"})  # these depend on the service, not on the sentence


class Sentence(NamedTuple):
    """One sentence, and of how many secrets in it one of a right kind was found."""

    kind: str
    language: str
    words: str
    hits: int
    total: int


def by_sentence(author: Author, seed: int) -> Iterator[Sentence]:
    """Every sentence that bears a secret, kind by kind and language by language."""
    for kind in author.makers:
        for (topic, spoken), secrets in _secrets(author, kind, seed).items():
            for tag, language in author.languages.items():
                if topic in language.sentences and (not spoken or tag in spoken):
                    for words in language.sentences[topic]:
                        yield Sentence(kind, tag, words, sum(_is_found(words, one) for one in secrets), len(secrets))


def _secrets(author: Author, kind: str, seed: int) -> dict[tuple[str, tuple[str, ...]], list[Secret]]:
    """Secrets by topic and languages, the kind's makers in turn."""
    rng = random.Random(f"{author.name} {seed} {kind} sentences")
    grouped: dict[tuple[str, tuple[str, ...]], list[Secret]] = {}
    for _ in range(_SECRETS):
        for maker in author.makers[kind]:
            one = maker(rng)
            group = grouped.setdefault((one.topic, one.languages), [])
            if one.file is None and one.topic not in _SAID_OF_EVERY_SERVICE and len(group) < _SECRETS:
                group.append(one)
    return {place: group for place, group in grouped.items() if group}


def _is_found(words: str, secret: Secret) -> bool:
    user, host = secret.user or "k.berger", secret.host or "desk.service.example"
    said = words.format(value=secret.written, user=user, host=host, named=secret.named, first="Anna", last="Keller")
    leaks = scan([Text("text/plain", "decoded", f"{said}\n")], load_rules(), _KEY, None).leaks
    return any(leak.kind in secret.right_kinds for leak in leaks)
