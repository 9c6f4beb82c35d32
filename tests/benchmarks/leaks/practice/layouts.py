"""How mail of many programs looks: header blocks, tables, stressed words and quotes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from html import escape

from benchmarks.leaks.forms import ALPHABETS, uuid
from benchmarks.leaks.planted import Head, Language
from benchmarks.leaks.practice.persons import person
from benchmarks.leaks.practice.tokens import drawn
from benchmarks.leaks.wrapping import soft_wrapped

__all__ = ["head", "marked", "quoted", "table"]

_DOMAINS = (
    "klinik-am-park.example", "hollis-law.example", "stadt-ahlfeld.example", "uni-nord.example", "kiefer-spedition.example", "sparbank-ost.example", "webhotel.example",
    "planwerk.example", "mairie-valmont.example", "ruderverein.example",
)  # fmt: skip


def head(rng: random.Random, sender: str) -> Head:
    """A header block as Gmail, Apple Mail, Outlook, a web form or a phone leaves it."""
    first, last = person(rng)
    domain, other = rng.sample(_DOMAINS, 2)
    account = "".join(char for char in f"{first}.{last}".lower() if char.isascii() and (char.isalnum() or char == "."))
    sender = sender or f"{account}@{domain}"
    day, clock = rng.randrange(1, 29), f"{rng.randrange(6, 23):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"
    date = f"{day} Sep 2025 {clock} {rng.choice(('+0000', '+0200', '-0500'))}"
    name, agent, boundary = rng.choice((
        (f"CA+{drawn(rng, ALPHABETS['u'], 50)}", "", f"000000000000{drawn(rng, ALPHABETS['hex'], 16)}"),
        (uuid(rng).upper(), "X-Mailer: Apple Mail (2.3826.700.81)\n", f"Apple-Mail={uuid(rng).upper()}"),
        (f"AS8PR0{drawn(rng, ALPHABETS['up'], 30)}", "X-MS-Has-Attach:\n", f"_000_AS8PR0{drawn(rng, ALPHABETS['up'], 24)}_"),
        (f"{drawn(rng, ALPHABETS['hex'], 32)}", "X-Mailer: PHPMailer 6.9.1\n", f"b1_{drawn(rng, ALPHABETS['an'], 40)}"),
        (f"ticket-{rng.randrange(10**6)}", "Auto-Submitted: auto-generated\nPrecedence: bulk\n", f"----------={rng.randrange(10**9)}-7"),
        (f"{uuid(rng)}", "User-Agent: Mozilla Thunderbird\n", f"------------{drawn(rng, ALPHABETS['an'], 24)}"),
    ))  # fmt: skip
    lines = f"Return-Path: <{sender}>\nReceived: from out{rng.randrange(1, 9)}.{domain} ([192.0.2.{rng.randrange(1, 255)}])\n\tby in.{other} with ESMTPS id {drawn(rng, ALPHABETS['an'], 12)}; {date}\nFrom: {sender}\nTo: post@{other}\nDate: {date}\nMessage-ID: <{name}@{domain}>\n{agent}"
    return Head(lines, boundary)


def _broken(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def table(rng: random.Random, rows: Sequence[tuple[str, str]]) -> str:
    """Names and values as a newsletter, Gmail, a form or a list shows them."""
    shape = rng.randrange(6)
    if shape == 0:  # nested tables, as templates for old programs have them
        inner = "".join(
            f'<tr><td style="padding:8px;color:#888;font-size:12px">{_broken(name)}</td></tr><tr><td style="padding:0 8px 12px"><strong>{_broken(value)}</strong></td></tr>'
            for name, value in rows
        )
        return f'<table width="100%" role="presentation"><tr><td align="center"><table width="600" cellpadding="0"><tbody>{inner}</tbody></table></td></tr></table>'
    if shape == 1:
        return "<dl>" + "".join(f"<dt>{_broken(name)}</dt><dd>{_broken(value)}</dd>" for name, value in rows) + "</dl>"
    if shape == 2:  # names as column heads
        heads = "".join(f"<th scope=col>{_broken(name)}</th>" for name, _ in rows)
        return f"<table><thead><tr>{heads}</tr></thead><tbody><tr>{''.join(f'<td>{_broken(value)}</td>' for _, value in rows)}</tr></tbody></table>"
    if shape == 3:
        return (
            '<ul style="list-style:none">'
            + "".join(
                f'<li><span class="k">{_broken(name)}:</span>&nbsp;<code>{_broken(value)}</code></li>' for name, value in rows
            )
            + "</ul>"
        )
    if shape == 4:  # Gmail's composer: one <div> a line
        return (
            '<div dir="ltr">'
            + "".join(f"<div>{_broken(name)} - <b>{_broken(value)}</b></div><div><br></div>" for name, value in rows)
            + "</div>"
        )
    cells = "".join(
        f'<tr bgcolor="#{rng.choice(("ffffff", "f4f4f4"))}"><td align="right"><i>{_broken(name)}</i></td><td>{_broken(value)}</td></tr>'
        for name, value in rows
    )
    return f"<center><table border=1 cellpadding=6>{cells}</table></center>"


_STRESS = (
    ('<span style="background-color:rgb(255,255,0)">', "</span>"), ("<code>", "</code>"), ("<u>", "</u>"), ('<font size="4" color="red">', "</font>"), ('</span><br><span class="Apple-style-span" style="font-size:28px;font-family:Menlo">', "</span><span>"),
    ('<kbd style="padding:2px 6px;border:1px solid #ccc">', "</kbd>"), ("", ""), ('<table class="button"><tr><td>', "</td></tr></table>"), ("<blockquote>", "</blockquote>"), ("<pre>", "</pre>"), ("<i><b>", "</b></i>"),
)  # fmt: skip


def marked(rng: random.Random, text: str, secret: str) -> str:
    """The text with the secret in a colour, a box or a line of its own; a link as a button with its address below."""
    before, found, after = text.partition(secret)
    if found.startswith("https://") and "\n" not in found and rng.random() < 0.5:
        link = escape(found)
        return f'<p>{_broken(before)}</p><a href="{link}" style="background:#0a7;color:#fff;padding:12px 24px">OK</a><p style="font-size:11px">{link}</p><p>{_broken(after)}</p>'
    left, right = rng.choice(_STRESS)
    return f'<div dir="ltr"><span>{_broken(before)}{left}{_broken(found)}{right}{_broken(after)}</span></div>'


def quoted(rng: random.Random, text: str, language: Language) -> str:
    """A short answer above the quoted mail: Outlook's copied head, marks before each line, or three levels of them."""
    other = " ".join(person(rng))
    words = {
        "other": other,
        "date": f"{rng.randrange(10, 28)}.09.2025, {rng.randrange(7, 20)}:{rng.randrange(10, 60)}",
        "first": other.split()[0],
        "last": other,
    }
    lead, thanks = (rng.choice(language.sentences[topic]).format(**words) for topic in ("reply", "closing"))
    shape = rng.randrange(4)
    if shape == 0:
        line = rng.choice(("-----Original Message-----", "________________________________", "-----Ursprüngliche Nachricht-----"))
        return f"{thanks}\n\n{line}\nFrom: {other}\nSent: {words['date']}\nSubject: RE: AW:\n\n{text}\n"
    prefix = ("> ", "> > > ", "| ")[shape - 1]
    if shape == 2:
        return f"{thanks}\n\n{lead}\n> {thanks.splitlines()[0]}\n> {lead}\n>> {lead}\n>>\n{soft_wrapped(text, '>>> ')}\n"
    return f"{thanks}\n\n{lead}\n\n{soft_wrapped(text, prefix if prefix != '| ' else '> ')}\n-- \n{other}\n"
