"""Mails from an author and a seed: secrets by kind and wrapping, ordinary mail by family, the same secret in many mails."""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.leaks.planted import ATTACHED, WRAPPINGS, Author, Mail, Secret, Text
from benchmarks.leaks.wrapping import ordinary_mail, wrapped_mail

__all__ = ["SPOKEN", "bundles", "kinds", "ordinary_mails", "planted_mail", "planted_mails", "wrappings_of"]

SPOKEN = frozenset({"password", "one_time_code"})  # kinds that are spoken of in every language
_FALLBACK_USER, _FALLBACK_HOST = "k.berger", "desk.service.example"


def kinds(author: Author) -> list[str]:
    """The kinds for which this author has secrets."""
    return list(author.makers)


def wrappings_of(secret: Secret) -> tuple[str, ...]:
    """In which wrappings a secret can lie: a key store in files only."""
    return ("file", "zip") if secret.file is not None else tuple(name for name in WRAPPINGS if name != "file")


def planted_mail(author: Author, rng: random.Random, secret: Secret, wrapping: str) -> Mail:
    """A mail with this secret, in a language that has words for it."""
    fitting = [
        tag for tag, one in author.languages.items() if secret.topic in one.sentences and tag in (secret.languages or (tag,))
    ]
    language = rng.choice(fitting)
    sentences = author.languages[language].sentences
    first, last = author.person(rng)
    slots = {
        "value": secret.written, "user": secret.user or _FALLBACK_USER, "host": secret.host or _FALLBACK_HOST, "named": secret.named,
        "first": first, "last": last, "other": " ".join(author.person(rng)), "date": f"{rng.randrange(1, 29)}.{rng.randrange(1, 13)}.2025", "ext": "4711",
    }  # fmt: skip

    def said(topic: str) -> str:
        return rng.choice(sentences[topic]).format(**slots)

    # the slots of the sentence are filled first: a secret may have braces of its own
    body = author.block(rng, secret) if wrapping == "block" else said(secret.topic)
    text = Text(said("talk")[:60], (said("greeting"), said("talk")), body, (said("talk"), said("closing")), language)
    return wrapped_mail(author, rng, secret, text, wrapping)


def planted_mails(author: Author, seed: int, each: int, only: str = "") -> Iterator[Mail]:
    """`each` mails of every kind in every wrapping, in turn over the kind's makers; the same for the same seed.

    Of passwords and codes thrice as many, since they come in every language.
    """
    for kind, makers in author.makers.items():
        if only and kind != only:
            continue
        turn = random.Random(f"{author.name} {seed} {kind}").randrange(len(makers))
        for wrapping in WRAPPINGS:
            rng = random.Random(f"{author.name} {seed} {kind} {wrapping}")
            for _ in range(3 * each if kind in SPOKEN else each):
                secret = makers[turn % len(makers)](rng)
                if wrapping not in wrappings_of(secret):
                    break  # makers of one kind are all files or none is
                turn += 1
                yield planted_mail(author, rng, secret, wrapping)


def ordinary_mails(author: Author, seed: int, count: int) -> Iterator[Mail]:
    """So many ordinary mails, the families in turn."""
    families = sorted(author.ordinary)
    rng = random.Random(f"{author.name} {seed} ordinary")
    for number in range(count):
        yield ordinary_mail(author, rng, families[number % len(families)])


def bundles(author: Author, seed: int, count: int) -> Iterator[tuple[Mail, ...]]:
    """Correspondences: each secret in three to five mails, wrapped differently, two to six distinct secrets."""
    rng = random.Random(f"{author.name} {seed} bundles")
    credentials = [
        kind
        for kind in ("api_key", "password", "jwt", "connection_string", "webhook_url", "otp_seed", "wifi")
        if kind in author.makers
    ]
    wrappings = [name for name in WRAPPINGS if name not in {"file", "block"} and name not in ATTACHED[1:]]
    for _ in range(count):
        mails: list[Mail] = []
        for _ in range(rng.randint(2, 6)):
            secret = rng.choice(author.makers[rng.choice(credentials)])(rng)
            if secret.topic in {"pin", "meeting"}:
                continue  # short numbers may be equal by chance
            mails += [planted_mail(author, rng, secret, wrapping) for wrapping in rng.sample(wrappings, rng.randint(3, 5))]
        yield tuple(mails)
