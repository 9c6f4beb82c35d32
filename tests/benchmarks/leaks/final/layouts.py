"""How mail of the final set looks: YAML, JSON and shell, definition lists, newsletters' HTML, replies of mobile phones."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from html import escape

from benchmarks.leaks.final.credentials import place
from benchmarks.leaks.final.persons import person
from benchmarks.leaks.final.tokens import cut
from benchmarks.leaks.forms import uuid
from benchmarks.leaks.planted import Head, Language, Secret
from benchmarks.leaks.wrapping import soft_wrapped

__all__ = ["block", "head", "marked", "quoted", "table"]

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def head(rng: random.Random, sender: str) -> Head:
    """A header block as a large mailbox provider leaves it."""
    (first, last), (to, _) = person(rng), person(rng)
    site = place(rng)
    seal = cut(rng, _BASE64, 340)
    stamp = f"Tue, {rng.randrange(1, 29)} Oct 2025 {rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d} +0000 (UTC)"
    folded = "\n        ".join(seal[at : at + 68] for at in range(0, 340, 68))
    lines = (
        f"Delivered-To: {to.lower()}@post.family.example\nReceived: by 2001:db8:{rng.randrange(1, 9999)}:: with SMTP id {cut(rng, 'abcdef0123456789', 14)};\n        {stamp}\n"
        f"ARC-Seal: i=1; a=rsa-sha256; t=1760{rng.randrange(10**6):06d}; cv=none;\n        d=post.family.example; s=arc-20240605;\n        b={folded}\n"
        f"X-Gm-Message-State: {cut(rng, _BASE64, 44)}\nDate: {stamp}\n"
        f"Message-ID: <{uuid(rng)}@{site}>\nFrom: {sender or f'{first} {last} <{first.lower()}@{site}>'}\nTo: {to} <{to.lower()}@post.family.example>\nX-Entity-Ref-ID: {uuid(rng)}\n"
    )
    return Head(lines, f"{rng.getrandbits(96):024x}".rjust(28, "0"))


def block(rng: random.Random, secret: Secret) -> str:
    """A snippet of YAML, JSON, a shell or a properties file."""
    if "\n" in secret.written:
        return f"{secret.label}:\n{secret.written}"
    fields = {"site": secret.host or place(rng), "timeout": "30", secret.label: secret.written, "retries": "3"}
    if secret.user:
        fields["username"] = secret.user
    shape = rng.randrange(4)
    if shape == 0:
        return json.dumps(fields, indent=2, ensure_ascii=False)
    if shape == 1:
        return "production:\n" + "\n".join(f"  {name}: {value}" for name, value in fields.items())
    if shape == 2:
        return "[default]\n" + "\n".join(f"{name} = {value}" for name, value in fields.items())
    return "\n".join(f"set {name}='{value}'" for name, value in fields.items())


def table(rng: random.Random, rows: Sequence[tuple[str, str]]) -> str:
    """A definition list, or a table whose heads are above."""
    if rng.random() < 0.5:
        return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd><code>{escape(value)}</code></dd>" for name, value in rows) + "</dl>"
    heads = "".join(f"<th align=left>{escape(name)}</th>" for name, _ in rows)
    cells = "".join(f"<td><div>{escape(value)}</div></td>" for _, value in rows)
    return f"<table cellpadding=4><thead><tr>{heads}</tr></thead><tbody><tr>{cells}</tr></tbody></table>"


def marked(rng: random.Random, text: str, secret: str) -> str:
    """The text with the secret in a box of its own, or in a font of fixed width."""
    before, found, after = (escape(piece).replace("\n", "<br/>") for piece in text.partition(secret))
    left, right = rng.choice((
        ('<code style="background:#f4f4f4;padding:2px 6px">', "</code>"), ("<i><u>", "</u></i>"),
        ('</p><p style="font-size:22px;text-align:center"><tt>', "</tt></p><p>"), ('<font face="monospace" size="4">', "</font>"),
    ))  # fmt: skip
    return f"<p>{before}{left}{found}{right}{after}</p>"


def quoted(rng: random.Random, text: str, language: Language) -> str:
    """A short answer from a phone above two levels of quotes."""
    slots = {"date": f"{rng.randrange(1, 29)}/10/2025", "other": person(rng)[0]}
    said = [rng.choice(language.sentences[topic]).format(first=person(rng)[0], **slots) for topic in ("talk", "closing")]
    lead = rng.choice(language.sentences["reply"]).format(**slots)
    return f"{said[0]}\n\n{said[1]}\n\n{lead}\n\n> {said[0]}\n> \n>> {lead}\n>> \n{soft_wrapped(text, '>> ')}\n"
