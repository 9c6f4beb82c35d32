"""How mail of the set for tuning looks: header blocks, settings, tables and styles as a company's programs write them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from html import escape

from benchmarks.leaks.development.credentials import host, user
from benchmarks.leaks.development.persons import person
from benchmarks.leaks.development.tokens import drawn
from benchmarks.leaks.forms import ALPHABETS
from benchmarks.leaks.planted import Head, Language, Secret
from benchmarks.leaks.wrapping import soft_wrapped

__all__ = ["block", "head", "marked", "quoted", "table"]


def head(rng: random.Random, sender: str) -> Head:
    """A header block as an internal relay leaves it."""
    first, last = person(rng)
    domain = f"corp-{rng.choice(('north', 'delta', 'union', 'prime'))}.example"
    stamp = (
        f"{rng.randrange(1, 29):02d} Sep 2025 {rng.randrange(7, 19):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d} +0200"
    )
    queue, digest = drawn(rng, ALPHABETS["up"], 10), drawn(rng, ALPHABETS["b64"], 172)
    sender = sender or f"{first} {last} <{first}.{last}@{domain}>".lower()
    lines = (
        f"Received: from relay1.{domain} (relay1.{domain} [192.0.2.{rng.randrange(1, 255)}])\n\tby mx.{domain} (Postfix) with ESMTPS id {queue}\n"
        f"\tfor <{user(rng)}@{domain}>; Fri, {stamp}\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s2025;\n\tbh={drawn(rng, ALPHABETS['b64'], 43)}=;\n\tb={digest[:70]}\n\t {digest[70:140]}\n\t {digest[140:]}\n"
        f"Message-ID: <{drawn(rng, ALPHABETS['up'], 14)}.{rng.randrange(10**6)}@{domain}>\nDate: Fri, {stamp}\nFrom: {sender}\nTo: {user(rng)}@{domain}\n"
    )
    return Head(lines, f"----=_Part_{rng.randrange(10**6)}_{rng.randrange(10**9)}.{rng.randrange(10**12)}")


def block(rng: random.Random, secret: Secret) -> str:
    """Settings with one assignment a line, comments above."""
    if "\n" in secret.written:
        return f"# {secret.label.lower()}\n{secret.written}"
    form = rng.choice(("{0}={1}", '{0}="{1}"', "export {0}={1}", "{0}: {1}"))
    lines = ["# environment of the application", "APP_ENV=production", f"APP_HOST={secret.host or host(rng)}"]
    if secret.user:
        lines.append(f"{secret.label}_USER={secret.user}")
    return "\n".join([*lines, form.format(secret.label, secret.written), "LOG_LEVEL=info"])


def table(rng: random.Random, rows: Sequence[tuple[str, str]]) -> str:
    """A table as Outlook writes it: label on the left."""
    style = 'style="border:solid windowtext 1.0pt;padding:0cm 5.4pt 0cm 5.4pt"'
    cells = "".join(
        f'<tr><td width="180" {style}><p class="MsoNormal"><b>{escape(name)}:</b></p></td>'
        f'<td {style}><p class="MsoNormal">{escape(value).replace(chr(10), "<br>")}</p></td></tr>\n'
        for name, value in rows
    )
    return f'<table class="MsoTableGrid" border="{rng.randrange(2)}" cellspacing="0">\n{cells}</table>'


def marked(rng: random.Random, text: str, secret: str) -> str:
    """The text with the secret in bold or in another font."""
    before, found, after = (escape(piece).replace("\n", "<br>\n") for piece in text.partition(secret))
    left, right = rng.choice((
        ("<b>", "</b>"), ('<span style="font-family:Consolas">', "</span>"), ('<strong><font color="#1F497D">', "</font></strong>"),
    ))  # fmt: skip
    return f'<p class="MsoNormal">{before}{left}{found}{right}{after}</p>'


def quoted(rng: random.Random, text: str, language: Language) -> str:
    """A reply above the reply that quotes the mail."""
    words = {"date": "12.09.2025 10:14", "other": " ".join(person(rng))}
    lead, thanks = (
        rng.choice(language.sentences["reply"]).format(**words),
        rng.choice(language.sentences["closing"]).format(**words),
    )
    return f"{thanks}\n\n{lead}\n> {thanks.splitlines()[0]}\n>\n> {lead}\n{soft_wrapped(text, '> > ')}\n"
