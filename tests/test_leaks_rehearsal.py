"""The third set of leak texts: it plants every kind in many sentences and languages, keeps its check digits, borrows no sentence."""

from __future__ import annotations

import email
import email.policy
import random
import re
import string
import tomllib
from collections import Counter
from collections.abc import Iterator

import pytest
from benchmarks.leaks import checksums
from benchmarks.leaks.development import DEVELOPMENT
from benchmarks.leaks.final import FINAL
from benchmarks.leaks.generating import bundles, ordinary_mails, planted_mail, planted_mails, wrappings_of
from benchmarks.leaks.planted import WRAPPINGS, Author, Secret
from benchmarks.leaks.practice import PRACTICE
from benchmarks.leaks.rehearsal import REHEARSAL
from benchmarks.leaks.rehearsal.persons import PERSONAL, STATEMENTS
from support import ROOT
from test_leaks_benchmark import _squeezed, _texts

from forensics.leaks import CREDENTIAL_KINDS, PERSONAL_KINDS

FOLDER = ROOT / "tests" / "benchmarks" / "leaks"
OTHERS = (DEVELOPMENT, PRACTICE, FINAL)
SILENT = {"greeting", "closing", "talk", "reply", "file", "bundle"}  # topics without a secret
ENOUGH = 15  # sentences for each kind
MANY = {"password": 200, "one_time_code": 120, "name": 50, "postal_address": 50, "health": 50, "special_category": 30, "minor": 30, "reset_link": 25, "magic_link": 30}  # fmt: skip


def test_every_kind_of_the_contract_is_planted() -> None:
    assert set(REHEARSAL.makers) == CREDENTIAL_KINDS | (PERSONAL_KINDS - {"other"})
    assert len(REHEARSAL.languages) >= 32


def _every_secret(seed: int) -> Iterator[Secret]:
    rng = random.Random(f"every {seed}")
    for makers in REHEARSAL.makers.values():
        for maker in makers:
            yield maker(rng)


def test_each_kind_is_spoken_of_in_many_sentences() -> None:
    told: dict[str, set[tuple[str, str, str]]] = {}
    for seed in range(20):
        for secret in _every_secret(seed):
            for tag, one in REHEARSAL.languages.items():
                if tag in (secret.languages or (tag,)):
                    told.setdefault(secret.kind, set()).update(
                        (tag, secret.topic, line) for line in one.sentences.get(secret.topic, ())
                    )
    counts = {kind: len(lines) for kind, lines in told.items()}
    stated: Counter[str] = Counter()
    for kinds in STATEMENTS.values():
        stated.update({kind: len(lines) for kind, lines in kinds.items()})
    counts |= stated
    del counts["certificate_bundle"]  # a file: the mail need not speak of it
    assert {kind: count for kind, count in counts.items() if count < MANY.get(kind, ENOUGH)} == {}


def test_every_sentence_formats_and_bears_its_value_once() -> None:
    for tag, one in REHEARSAL.languages.items():
        assert {"user", "host"} <= set(one.labels)
        assert SILENT - {"bundle"} <= set(one.sentences)
        for topic, lines in one.sentences.items():
            assert len(set(lines)) == len(lines), (tag, topic)
            for line in lines:
                slots = [slot for _, slot, _, _ in string.Formatter().parse(line) if slot is not None]
                assert slots.count("value") == (topic not in SILENT), (tag, line)
                assert set(slots) <= {"value", "user", "host", "named", "first", "last", "other", "date", "ext"}, (tag, line)


def test_every_statement_marks_one_datum() -> None:
    for tag, kinds in STATEMENTS.items():
        for lines in kinds.values():
            for line in lines:
                assert len(re.findall(r"\[\[[^\[\]]+\]\]", line)) == 1, (tag, line)


def test_one_seed_gives_the_same_mails_and_another_one_others() -> None:
    first, again, other = (
        [one.raw for one in (*planted_mails(REHEARSAL, seed, 1), *ordinary_mails(REHEARSAL, seed, 40))] for seed in (5, 5, 6)
    )
    assert first == again
    assert not set(first) & set(other)


def test_every_secret_has_a_language_that_speaks_of_it() -> None:
    for seed in range(20):
        for secret in _every_secret(seed):
            spoken = {tag for tag, one in REHEARSAL.languages.items() if secret.topic in one.sentences}
            assert spoken & set(secret.languages or spoken), (secret.kind, secret.topic, secret.languages)


def _holds(raw: bytes, secret: Secret) -> bool:
    wanted = secret.file.name if secret.file else secret.written
    if re.search(r"[\u0590-\u06ff]", wanted) and b"application/pdf" in raw:
        return True  # pypdf gives text from right to left in another order
    return _squeezed(wanted) in "\n".join(_squeezed(text) for text in _texts(raw))


@pytest.mark.parametrize("seed", [1, 2])
def test_each_makers_secret_stands_in_its_mail(seed: int) -> None:
    rng = random.Random(f"stands {seed}")
    for place, secret in enumerate(_every_secret(seed)):
        wrappings = wrappings_of(secret)
        mail = planted_mail(REHEARSAL, rng, secret, wrappings[(place + 5 * seed) % len(wrappings)])
        assert _holds(mail.raw, secret), (secret.kind, mail.wrapping, secret.written)


def test_every_wrapping_of_every_kind_holds_the_value_in_readable_mail() -> None:
    mails = list(planted_mails(REHEARSAL, 3, 1))
    assert {mail.wrapping for mail in mails} == set(WRAPPINGS)
    for mail in mails:
        (secret,) = mail.secrets
        assert _holds(mail.raw, secret), (secret.kind, mail.wrapping, secret.written)
        assert secret.file or secret.value in secret.written or secret.kind in {"password", "otp_seed"}
        message = email.message_from_bytes(mail.raw, policy=email.policy.default)
        assert message["From"], "a header block that parses"
        assert not message.defects


def test_a_correspondence_repeats_its_secrets() -> None:
    for made in bundles(REHEARSAL, 4, 4):
        for secret in {mail.secrets[0] for mail in made}:
            assert sum(mail.secrets[0] == secret for mail in made) >= 3


def test_no_ordinary_mail_is_the_same_as_another() -> None:
    mails = list(ordinary_mails(REHEARSAL, 2, 320))
    assert {mail.family for mail in mails} == set(REHEARSAL.ordinary)
    assert len(REHEARSAL.ordinary) >= 12
    assert len({mail.raw for mail in mails}) == len(mails)
    assert not any(re.search(rb"\{[a-z0-9]+(:[\d-]+)?\}", mail.raw) for mail in mails), "a gap that nothing filled"


def _sentences(author: Author, names: tuple[str, ...]) -> Iterator[str]:
    """Every sentence of its files, without what is drawn, signs and case."""
    for name in names:
        for path in sorted((FOLDER / author.name).glob(name)):
            for parts in tomllib.loads(path.read_text(encoding="utf-8")).values():
                for line in (line for topic, lines in parts.items() if topic != "labels" for line in lines):
                    if "-----" in line or "ssh-ed25519" in line:
                        continue  # a format's own words
                    for sentence in re.split(r"[.!?。\n]|\{[a-z_0-9:]+\}", line):
                        yield " ".join(re.findall(r"[^\W\d_]+", sentence.lower()))


def test_no_sentence_is_shared_with_the_other_sets() -> None:
    told = set(_sentences(REHEARSAL, ("languages.toml", "statements.toml", "ordinary.toml")))
    assert len(told) > 1000
    for author in OTHERS:
        # counted before it is asserted, so that a failure shows no sentence of the final set
        shared = sum(
            one.count(" ") >= 3 or (len(one) >= 9 and not one.isascii() and " " not in one)
            for one in told & set(_sentences(author, ("*.toml",)))
        )
        assert shared == 0, f"{shared} sentences of {author.name}"


def test_no_ordinary_host_is_shared_with_the_other_sets() -> None:
    told, *others = (
        {name for mail in ordinary_mails(author, 1, 84) for name in re.findall(rb"[a-z0-9-]+\.example", mail.raw)}
        for author in (REHEARSAL, *OTHERS)
    )
    assert not any(told & other for other in others)


def test_numbers_bear_their_check_digits() -> None:
    rng = random.Random(1)
    for _ in range(200):
        iban = PERSONAL["bank_account"][0](rng).value.replace(" ", "")
        assert int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1, iban
        card = PERSONAL["payment_card"][0](rng).value.replace(" ", "").replace("-", "")
        assert checksums.luhn(card[:-1]) == card
        (dni,) = (maker(rng).value for maker in PERSONAL["national_id"] if maker(random.Random(0)).named == "DNI")
        assert "TRWAGMYFPDXBNJZSQVHLCKE"[int(dni[:-1]) % 23] == dni[-1]
