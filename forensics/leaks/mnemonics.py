"""Recovery phrases of wallets, told from other words by the word lists and the checksum of BIP 39."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import regex
from mnemonic import Mnemonic

__all__ = ["seed_phrase"]

_SIZES = (24, 21, 18, 15, 12)  # words, by BIP 39: https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki
_WORD = regex.compile(r"(?:\p{L}\p{M}*+)++")


class _Word(NamedTuple):
    text: str
    start: int
    end: int


def seed_phrase(text: str) -> tuple[int, int]:
    """Start and end of the words in `text` that are a recovery phrase of BIP 39, in any language of its lists; a whole line before others, a long one before short ones.

    (0, 0) where none is. Which words belong to it is told by the checksum, which one in 16 runs of 12 listed words bears by chance.
    """
    words = [_Word(_normal(found[0]), found.start(), found.end()) for found in _WORD.finditer(text)]
    phrases = [phrase for numbers in _lists() for run in _runs(words, numbers) for phrase in _phrases(run, numbers)]
    if not phrases:
        return 0, 0
    best = max(phrases, key=lambda phrase: (_is_line(text, phrase), len(phrase)))
    return best[0].start, best[-1].end


def _is_line(text: str, phrase: Sequence[_Word]) -> bool:
    """Whether it is one whole line: of two phrases, one below the other, neither reaches into the other."""
    start, end = phrase[0].start, phrase[-1].end
    before, after = text[:start].rstrip(" \t>"), text[end:].lstrip(" \t.,;")
    return "\n" not in text[start:end] and (not before or before.endswith("\n")) and (not after or after.startswith(("\n", "\r")))


def _runs(words: Sequence[_Word], numbers: Mapping[str, int]) -> Iterator[Sequence[_Word]]:
    """Longest runs of listed words that are long enough."""
    start = 0
    for end in range(len(words) + 1):
        if end == len(words) or words[end].text not in numbers:
            if end - start >= _SIZES[-1]:
                yield words[start:end]
            start = end + 1


def _phrases(run: Sequence[_Word], numbers: Mapping[str, int]) -> Iterator[Sequence[_Word]]:
    for size in _SIZES:
        for start in range(len(run) - size + 1):
            phrase = run[start : start + size]
            if _is_sound([numbers[one.text] for one in phrase]):
                yield phrase


def _is_sound(numbers: Sequence[int]) -> bool:
    """Whether the last bits, one for each 32, are the first of the SHA-256 of the others."""
    bits = "".join(f"{number:011b}" for number in numbers)
    length = len(bits) * 32 // 33
    digest = hashlib.sha256(int(bits[:length], 2).to_bytes(length // 8, "big")).digest()
    return f"{digest[0]:08b}".startswith(bits[length:])


def _normal(word: str) -> str:
    return unicodedata.normalize("NFKD", word.lower())


@lru_cache(maxsize=1)
def _lists() -> tuple[Mapping[str, int], ...]:
    """Number by word, of each language. The library's own check knows no word of the two lists that it keeps composed (NFC)."""
    return tuple(
        {_normal(word): number for number, word in enumerate(Mnemonic(language).wordlist)}
        for language in Mnemonic.list_languages()
    )
