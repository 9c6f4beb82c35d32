"""The second set for tuning: it keeps the generators' laws, speaks of everything in several languages, and borrows no sentence."""

from __future__ import annotations

import email
import email.policy
import random
import re
import string
import tomllib
from collections.abc import Iterator
from functools import cache

import pytest
from benchmarks.leaks import checksums
from benchmarks.leaks.development import DEVELOPMENT
from benchmarks.leaks.final import FINAL
from benchmarks.leaks.generating import bundles, ordinary_mails, planted_mail, planted_mails, wrappings_of
from benchmarks.leaks.planted import WRAPPINGS, Author, Secret
from benchmarks.leaks.practice import PRACTICE, checks
from benchmarks.leaks.practice.persons import PERSONAL
from support import ROOT
from test_leaks_benchmark import _squeezed, _texts

FOLDER = ROOT / "tests" / "benchmarks" / "leaks"
SPOKEN_OF = ("reset", "magic", "invite", "wifi", "pin", "recovery", "health", "salary", "birth_date", "national_id", "postal_address", "phone", "minor", "criminal", "special_category")  # fmt: skip
SLOTS = {"value", "user", "host", "named", "first", "last"}  # what a sentence with a secret may hold


def test_every_kind_of_the_contract_is_planted() -> None:
    assert set(PRACTICE.makers) == set(DEVELOPMENT.makers)


def test_one_seed_gives_the_same_mails_and_another_one_others() -> None:
    first, again, other = (
        [one.raw for one in (*planted_mails(PRACTICE, seed, 1), *ordinary_mails(PRACTICE, seed, 42))] for seed in (5, 5, 6)
    )
    assert first == again
    assert not set(first) & set(other)


def test_passwords_and_codes_are_spoken_of_in_twenty_languages_and_all_else_in_six() -> None:
    spoken = {
        topic: {tag for tag, one in PRACTICE.languages.items() if topic in one.sentences}
        for topic in ("password", "code", *SPOKEN_OF)
    }
    assert len(spoken["password"]) >= 20
    assert len(spoken["code"]) >= 20
    assert all(len(spoken[topic]) >= 6 for topic in SPOKEN_OF), spoken


def test_every_sentence_formats_and_bears_its_value() -> None:
    for tag, one in PRACTICE.languages.items():
        assert {"user", "host"} <= set(one.labels)
        for topic, lines in one.sentences.items():
            for line in lines:
                slots = {slot for _, slot, _, _ in string.Formatter().parse(line) if slot is not None}
                if topic in {"greeting", "closing", "talk", "notice", "reply", "file"}:
                    assert slots <= {"first", "last", "other", "date", "ext"}, (tag, line)
                elif topic != "bundle":
                    assert "value" in slots, (tag, line)
                    assert slots <= SLOTS, (tag, line)


def _every_secret(seed: int) -> Iterator[Secret]:
    rng = random.Random(f"every {seed}")
    for makers in PRACTICE.makers.values():
        for maker in makers:
            yield maker(rng)


@cache
def _languages_of(topic: str) -> frozenset[str]:
    return frozenset(tag for tag, one in PRACTICE.languages.items() if topic in one.sentences)


def test_every_secret_has_a_language_that_speaks_of_it() -> None:
    for seed in range(20):
        for secret in _every_secret(seed):
            spoken = _languages_of(secret.topic)
            assert spoken & set(secret.languages or spoken), (secret.kind, secret.topic, secret.languages)


def _held(raw: bytes) -> str:
    return "\n".join(_squeezed(text) for text in _texts(raw))


@pytest.mark.parametrize("seed", [1, 2])
def test_each_makers_secret_stands_in_its_mail(seed: int) -> None:
    rng = random.Random(f"stands {seed}")
    for place, secret in enumerate(_every_secret(seed)):
        wrappings = wrappings_of(secret)
        mail = planted_mail(PRACTICE, rng, secret, wrappings[(place + 5 * seed) % len(wrappings)])
        wanted = secret.file.name if secret.file else secret.written
        assert _squeezed(wanted) in _held(mail.raw), (secret.kind, mail.wrapping, wanted)


def test_every_wrapping_of_every_kind_holds_the_value_in_readable_mail() -> None:
    mails = list(planted_mails(PRACTICE, 3, 1))
    assert {mail.wrapping for mail in mails} == set(WRAPPINGS)
    for mail in mails:
        (secret,) = mail.secrets
        wanted = secret.file.name if secret.file else secret.written
        assert _squeezed(wanted) in _held(mail.raw), (secret.kind, mail.wrapping, wanted)
        assert (
            secret.file
            or secret.value in (secret.written, *secret.also)
            or secret.value in secret.written
            or secret.kind in {"password", "otp_seed"}
        )
        message = email.message_from_bytes(mail.raw, policy=email.policy.default)
        assert message["From"], "a header block that parses"
        assert not message.defects


def test_a_correspondence_repeats_its_secrets() -> None:
    for made in bundles(PRACTICE, 4, 4):
        for secret in {mail.secrets[0] for mail in made}:
            assert sum(mail.secrets[0] == secret for mail in made) >= 3


def test_no_ordinary_mail_is_the_same_as_another() -> None:
    mails = list(ordinary_mails(PRACTICE, 2, 420))
    assert {mail.family for mail in mails} == set(PRACTICE.ordinary)
    assert len(PRACTICE.ordinary) >= 14
    assert len({mail.raw for mail in mails}) == len(mails)


def _sentences(author: Author) -> Iterator[str]:
    """Every sentence of its files, without what is drawn, signs and case."""
    for path in sorted((FOLDER / author.name).glob("*.toml")):
        for parts in tomllib.loads(path.read_text(encoding="utf-8")).values():
            for line in (line for topic, lines in parts.items() if topic != "labels" for line in lines):
                for sentence in re.split(r"[.!?。\n]|\{[a-z_0-9]+\}", line):
                    yield " ".join(re.findall(r"[^\W\d_]+", sentence.lower()))


def test_no_sentence_is_shared_with_the_other_sets() -> None:
    told = set(_sentences(PRACTICE))
    assert len(told) > 300
    for author in (DEVELOPMENT, FINAL):
        shared = {
            one
            for one in told & set(_sentences(author))
            if one.count(" ") >= 3 or (len(one) >= 9 and not one.isascii() and " " not in one)
        }
        assert len(shared) == 0, f"{len(shared)} sentences of {author.name}"


def test_no_ordinary_host_is_shared_with_the_other_sets() -> None:
    told, *others = (
        {name for mail in ordinary_mails(author, 1, 84) for name in re.findall(rb"[a-z0-9-]+\.example", mail.raw)}
        for author in (PRACTICE, DEVELOPMENT, FINAL)
    )
    assert not any(told & other for other in others), [told & other for other in others]


@pytest.mark.parametrize(
    ("made", "holds"),
    [
        (checks.tckn, lambda text: sum(map(int, text[:10])) % 10 == int(text[10])),
        (checks.ahv, lambda text: sum(int(d) * (1, 3)[p % 2] for p, d in enumerate(text.replace(".", ""))) % 10 == 0),
        (checks.rodne_cislo, lambda text: int(text.replace("/", "")) % 11 == 0),
        (checks.teudat_zehut, lambda text: checksums.luhn(text[:-1]) == text),
        (checks.rijksregister, lambda text: (int(text[:12].replace(".", "").replace("-", "")) + int(text[-2:])) % 97 == 0),
        (checks.bsn, lambda text: (checks.summed(text[:8], range(9, 1, -1)) - int(text[8])) % 11 == 0),
    ],
    ids=["tckn", "ahv", "rodne cislo", "teudat zehut", "rijksregister", "bsn"],
)  # fmt: skip
def test_numbers_of_persons_bear_their_check_digits(made: checks.Number, holds: checks.Law) -> None:
    rng = random.Random(3)
    assert all(holds(made(rng)) for _ in range(200))


def test_ibans_are_whole() -> None:
    sizes = {"DE": 22, "AT": 20, "CH": 21, "NL": 18, "BE": 16, "PL": 28, "IE": 22, "DK": 18, "SE": 24, "GB": 22, "CZ": 24}
    rng = random.Random(1)
    for _ in range(300):
        text = PERSONAL["bank_account"][0](rng).value.replace(" ", "")
        assert len(text) == sizes[text[:2]], text
        assert int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (checks.base58check(bytes.fromhex("80" + "0c28fca386c7a227600b2fe50b7cae11ec86d3bf1fbe471be89827e19d72aa1d")), "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"),
    ],
)  # fmt: skip
def test_wallet_keys_are_spelt_as_published(made: str, expected: str) -> None:
    assert made == expected
