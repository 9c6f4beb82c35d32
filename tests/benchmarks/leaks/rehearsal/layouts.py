"""How this set's mail looks: header blocks, tables, stressed words, quotes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from html import escape

from benchmarks.leaks.forms import ALPHABETS, uuid
from benchmarks.leaks.planted import Head, Language
from benchmarks.leaks.rehearsal.persons import person
from benchmarks.leaks.rehearsal.values import picked
from benchmarks.leaks.wrapping import soft_wrapped

__all__ = ["head", "marked", "quoted", "table"]

_DOMAINS = ("praxis-ulmenhof.example", "gamesloft.example", "schule-bergtal.example", "rechtsanwaelte-voss.example", "trucking-halden.example", "fixwerk.example", "banca-lumina.example", "uebersetzt.example", "mieterportal.example", "club-albatros.example")  # fmt: skip


def head(rng: random.Random, sender: str) -> Head:
    """A header block as a ticket system, a phone, a script or a webmail program leaves it."""
    first, last = person(rng)
    domain, other = rng.sample(_DOMAINS, 2)
    local = "".join(char for char in f"{first[:1]}{last}".lower() if char.isascii() and char.isalnum()) or "post"
    sender = sender or rng.choice((f"{local}@{domain}", f"<no-reply@{domain}>", f"{domain.partition('.')[0]} <mail@{domain}>"))
    date = f"{rng.randrange(1, 29)} Oct 2025 {rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d} {rng.choice(('+0100', '+0530', '-0300', '+0900', '+0000'))}"
    name, more, boundary = rng.choice((
        (f"rt-5.0.3-{rng.randrange(10**5)}-{rng.randrange(10**9)}.{rng.randrange(10**5)}-5-0", "X-RT-Loop-Prevention: fixwerk\n", f"----------={rng.randrange(10**9)}-{rng.randrange(10**4)}-0"),
        (picked(rng, ALPHABETS["hex"], 24), "X-Mailer: iPhone Mail (22G100)\n", f"Apple-Mail-{uuid(rng).upper()}"),
        (f"{rng.randrange(10**12)}.{rng.randrange(100)}.{rng.randrange(10**13)}", "X-Mailer: JavaMail\n", f"----=_Part_{rng.randrange(10**5)}_{rng.randrange(10**9)}.{rng.randrange(10**13)}"),
        (f"{picked(rng, ALPHABETS['hex'], 32)}", "User-Agent: Roundcube Webmail/1.6\n", f"=_{picked(rng, ALPHABETS['hex'], 32)}"),
        (uuid(rng), "Auto-Submitted: auto-generated\n", f"==============={rng.randrange(10**18)}=="),
    ))  # fmt: skip
    lines = f"Received: by mx{rng.randrange(1, 5)}.{other} (Postfix, from userid 110)\n\tid {picked(rng, ALPHABETS['up'], 10)}; {date}\nFrom: {sender}\nTo: team@{other}\nDate: {date}\nMessage-ID: <{name}@{domain}>\n{more}"
    return Head(lines, boundary)


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br/>")


def table(rng: random.Random, rows: Sequence[tuple[str, str]]) -> str:
    """Names and values as a ticket, a bank's notice, Word or a form shows them."""
    shape = rng.randrange(5)
    if shape == 0:
        cells = "".join(f"<TR><TD><P CLASS=MsoNormal><B>{_lines(name)}<o:p></o:p></B></P></TD><TD><P CLASS=MsoNormal>{_lines(value)}<o:p></o:p></P></TD></TR>" for name, value in rows)  # fmt: skip
        return f"<TABLE BORDER=0 CELLSPACING=0>{cells}</TABLE>"
    if shape == 1:
        top = "".join(f"<td bgcolor='#ddd'>{_lines(name)}</td>" for name, _ in rows)
        low = "".join(f"<td>{_lines(value)}</td>" for _, value in rows)
        return f"<table><tr><td>Nr.</td>{top}</tr><tr><td>1</td>{low}</tr></table>"
    if shape == 2:
        return "".join(f"<p><em>{_lines(name)}</em><br><tt>{_lines(value)}</tt></p>" for name, value in rows)
    if shape == 3:
        return f"<ol>{''.join(f'<li>{_lines(name)} &rarr; <mark>{_lines(value)}</mark></li>' for name, value in rows)}</ol>"
    cells = "".join(f'<div style="display:table-row"><div style="display:table-cell">{_lines(name)}:</div><div style="display:table-cell;font-family:monospace">{_lines(value)}</div></div>' for name, value in rows)  # fmt: skip
    return f'<div style="display:table">{cells}</div>'


_STRESS = (
    ("<b>", "</b>"), ('<span style="font-family:Courier New,monospace">', "</span>"), ("<br><br><big>", "</big><br><br>"), ("", ""), ("<samp>", "</samp>"), ("<mark>", "</mark>"),
    ('</div><div style="text-align:center;font-size:32px;letter-spacing:4px">', "</div><div>"), ('<font face="monospace">', "</font>"), ("<h2>", "</h2>"),
)  # fmt: skip


def marked(rng: random.Random, text: str, secret: str) -> str:
    """The text with the secret stressed; a link as a word to press, its address in the attribute only."""
    before, found, after = text.partition(secret)
    if found.startswith("https://") and "\n" not in found and rng.random() < 0.4:
        return f'<p>{_lines(before)}<a href="{escape(found)}">{escape(found)}</a>{_lines(after)}</p>'
    left, right = rng.choice(_STRESS)
    return f"<div>{_lines(before)}{left}{_lines(found)}{right}{_lines(after)}</div>"


def quoted(rng: random.Random, text: str, language: Language) -> str:
    """An answer with the mail below it: marks, a phone's rule, or a ticket's separator."""
    first, last = person(rng)
    words = {"first": first, "last": last, "other": f"{first} {last}", "date": f"{rng.randrange(1, 29)}/10/2025", "ext": "12"}
    lead, thanks = (rng.choice(language.sentences[topic]).format(**words) for topic in ("reply", "closing"))
    shape = rng.randrange(3)
    if shape == 0:
        return f"{thanks}\n\n{lead}\n\n{soft_wrapped(text, '> ')}\n"
    if shape == 1:
        return f"{thanks}\n\n{lead}\n>\n{soft_wrapped(text, '>> ')}\n>\n> {thanks.splitlines()[0]}\n"
    return f"{thanks}\n\n--- # {rng.randrange(10**4)} ---\n{lead}\n\n{soft_wrapped(text, '> > ')}\n"
