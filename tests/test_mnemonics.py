"""Recovery phrases of BIP 39 are found among other words, in every language of its lists, and nothing else is one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic

from forensics.leaks import load_rules, scan
from forensics.leaks.mnemonics import seed_phrase
from forensics.model import Text

# test vectors of https://github.com/trezor/python-mnemonic, English
VECTORS = (
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal will",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter always",
    (
        "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple "
        "dilemma loan word shrug inflict delay length"
    ),
)
ENGLISH = Mnemonic("english").wordlist


@pytest.mark.parametrize("phrase", VECTORS)
@pytest.mark.parametrize("gap", [" ", ", ", "\n> "])
def test_a_phrase_is_found_among_other_words(phrase: str, gap: str) -> None:
    written = phrase.replace(" ", gap)
    text = f"The words of it: {written} and the rest of them"
    start, end = seed_phrase(text)
    assert text[start:end] == written
    assert seed_phrase(text.upper()) == (start, end)


def test_of_two_phrases_one_below_the_other_neither_reaches_into_the_other() -> None:
    text = f"{VECTORS[0]}\n{VECTORS[1]}\n"
    start, end = seed_phrase(text)
    assert text[start:end] == VECTORS[0]


@pytest.mark.property
@given(
    language=st.sampled_from(sorted(Mnemonic.list_languages())),
    entropy=st.sampled_from([16, 20, 24, 28, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
)
def test_every_language_of_the_lists_is_known(language: str, entropy: bytes) -> None:
    phrase = Mnemonic(language).to_mnemonic(entropy)
    start, end = seed_phrase(f"qqq {phrase} qqq")
    assert f"qqq {phrase} qqq"[start:end] == phrase


@pytest.mark.property
@given(seed=st.integers(0, 10_000), place=st.integers(0, 11))
def test_one_word_that_is_no_word_of_the_list_and_there_is_no_phrase(seed: int, place: int) -> None:
    words = Mnemonic("english").to_mnemonic(random.Random(seed).randbytes(16)).split()
    words[place] = "the"
    assert seed_phrase(" ".join(words)) == (0, 0)


def test_the_checksum_rules_out_fifteen_of_sixteen_runs_of_listed_words() -> None:
    rng = random.Random(7)
    runs = [" ".join(rng.choices(ENGLISH, k=12)) for _ in range(800)]
    assert 25 <= sum(seed_phrase(run) != (0, 0) for run in runs) <= 80  # 50 expected


@pytest.mark.parametrize(
    "text",
    [
        "keep it: the wallet of the house opens with {} and with nothing else, so hide it well",
        "Ledger, write this down somewhere {} or it is gone",
        "Metamask of the shop\n\n{}\n\nBen",
    ],
)  # fmt: skip
@pytest.mark.parametrize("phrase", VECTORS)
def test_a_phrase_in_the_middle_of_a_sentence_is_one_sure_finding(text: str, phrase: str) -> None:
    said = text.format(phrase)
    (leak,) = scan([Text("text/plain", "decoded", said)], load_rules(), b"key", None).leaks
    assert (leak.rule, leak.kind, leak.confidence) == ("crypto-seed-listed", "crypto_wallet", "high")
    assert said[leak.offset :].startswith(phrase)


def test_words_without_a_wallet_near_are_left_alone() -> None:
    assert not scan([Text("text/plain", "decoded", f"the game of the day: {VECTORS[0]}")], load_rules(), b"key", None).leaks
