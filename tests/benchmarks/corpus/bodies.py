"""Bodies of invented list mail and newsletters, as text: quoted replies, patches, HTML with its styles, tables and links."""

from __future__ import annotations

import base64
import quopri
import random
from collections.abc import Callable

from benchmarks.corpus.writing import WORDS, person, prose

__all__ = ["base64_text", "html_page", "list_text", "part", "printable_text"]

_FOOTER = "_______________________________________________\nlist mailing list\nlist@list.example\nhttps://lists.example/mailman/listinfo/list\n"
_STYLE = (
    "body{{margin:0;padding:0;background-color:#{0};font-family:Helvetica,Arial,sans-serif}}\n"
    "table.w{0}{{border-collapse:collapse;width:600px}} td.c{0}{{padding:{1}px 24px;line-height:1.5;color:#333333}}\n"
    "a.b{0}:hover{{text-decoration:underline}} @media only screen and (max-width:600px){{.w{0}{{width:100%!important}}}}\n"
)
_ENTITIES = ("&nbsp;", "&amp;", "&eacute;", "&#8217;", "&ndash;", "&copy;", "&#x20AC;", "&quot;", "&uuml;", "&zwnj;")


def printable_text(text: str, charset: str = "utf-8") -> str:
    """Text in quoted-printable."""
    return quopri.encodestring(text.encode(charset, "replace")).decode("ascii")


def base64_text(data: bytes) -> str:
    """Octets in base64, lines of 76."""
    return base64.encodebytes(data).decode("ascii")


def part(kind: str, encoding: str, content: str, disposition: str = "") -> str:
    """Headers of MIME and the content behind them."""
    shown = f"Content-Disposition: {disposition}\n" if disposition else ""
    return f"Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n{shown}\n{content}"


def list_text(rng: random.Random, size: int, mark: str, *, accents: bool) -> str:
    """A reply, a patch or a plain letter of about `size` characters, with signature and footer. `mark` is a line of its own."""
    kinds: list[Callable[[random.Random, int], str]] = [_patch, _quoted, _quoted, _letter]
    kind = rng.choice(kinds)
    text = kind(rng, max(size - 350, 100))
    if accents:
        text += prose(rng, 200, accents=True)
    if rng.random() < 0.1:
        text += ">From here on it is simple.\n" + prose(rng, 80)
    marked = f"{mark}\n" if mark else ""
    return f"Hi {rng.choice(WORDS)},\n\n{marked}{text}\n-- \n{person(rng)}\n+49 30 {rng.randrange(10**5, 10**6)}\n{_FOOTER}\n"


def _letter(rng: random.Random, size: int) -> str:
    return "\n".join(prose(rng, size // 4) for _ in range(4))


def _quoted(rng: random.Random, size: int) -> str:
    text = ""
    while len(text) < size:
        quoted = "".join(f"{'> ' * rng.randrange(1, 4)}{line}\n" for line in prose(rng, 500).splitlines())
        text += f"On Tue, Sep {rng.randrange(1, 30)}, 2025 at {rng.randrange(24)}:07, {person(rng)} wrote:\n{quoted}\n{prose(rng, 250)}\n"
    return text


def _patch(rng: random.Random, size: int) -> str:
    """Some start as `git format-patch` writes them, with the line that looks like a separator quoted."""
    text = (
        f">From {rng.getrandbits(160):040x} Mon Sep 17 00:00:00 2001\nFrom: {person(rng)}\nDate: Tue, 9 Sep 2025 11:00:00 +0200\n\n"
        if rng.random() < 0.5
        else ""
    )
    while len(text) < size:
        name = f"drivers/{rng.choice(WORDS)}/{rng.choice(WORDS)}_{rng.choice(WORDS)}.c"
        one, two = rng.getrandbits(48), rng.getrandbits(48)
        text += f"---\ndiff --git a/{name} b/{name}\nindex {one:012x}..{two:012x} 100644\n--- a/{name}\n+++ b/{name}\n"
        for _ in range(rng.randrange(1, 4)):
            line = rng.randrange(10, 3000)
            text += f"@@ -{line},7 +{line},8 @@ static int {rng.choice(WORDS)}_probe(struct device *dev)\n"
            text += "".join(f"{rng.choice('   +-')}\t{_code(rng)}\n" for _ in range(rng.randrange(5, 12)))
    return text


def _code(rng: random.Random) -> str:
    one, two, number = rng.choice(WORDS), rng.choice(WORDS), rng.randrange(4096)
    return rng.choice((
        f"{one}->{two} = readl({two}_base + 0x{number:x});", f"if ({one} < {number} && !{two}_is_ready({one}))", "return -EINVAL;", "}",
        f'dev_err({one}, "no {two} at %d\\n", {number});', f"#define {one.upper()}_{two.upper()}\t{number}", f"/* {one} {two} */",
    ))  # fmt: skip


def html_page(rng: random.Random, size: int, mark: str) -> str:
    """A newsletter of about `size` characters: inline CSS, nested tables, tracked links, entities. `mark` is a paragraph."""
    tone, pad = f"{rng.getrandbits(24):06x}", rng.randrange(4, 30)
    token = rng.randbytes(96).hex()
    rows = [
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{rng.choice(WORDS)} {tone}</title>\n<style type="text/css">\n'
    ]
    rows += [_STYLE.format(tone, pad + place) for place in range(rng.randrange(2, 8))]
    rows.append(
        f'</style></head>\n<body><table role="presentation" class="w{tone}" cellpadding="0" cellspacing="0" border="0"><tbody>\n'
    )
    rows.append(f"<tr><td><p>{mark}</p></td></tr>\n" if mark else "")
    length = sum(map(len, rows))
    while length < size:
        link = f"https://click.news.example/ls/click?upn={token[: rng.randrange(60, 190)]}-{rng.getrandbits(64):x}&amp;utm_source=news&amp;utm_id={rng.randrange(10**6)}"
        words = prose(rng, rng.randrange(120, 420)).replace("\n", rng.choice(("\n", "<br>\n", " ")) + rng.choice(_ENTITIES))
        row = (
            f'<tr><td align="left" valign="top" class="c{tone}" style="font-size:{rng.randrange(11, 20)}px;padding:{pad}px 0 0 {pad}px;">\n'
            f'<table width="100%"><tr><td style="border-bottom:1px solid #{tone};"><h2>{rng.choice(WORDS)} &amp; {rng.choice(WORDS)}</h2>\n'
            f'<p>{words}</p><a class="b{tone}" href="{link}" target="_blank"\n style="color:#{tone};text-decoration:none;"><b>{rng.choice(WORDS)}</b></a>\n'
            f'<img src="https://img.news.example/{rng.getrandbits(64):016x}.png" alt="{rng.choice(WORDS)}" width="{pad}" height="1">\n</td></tr></table></td></tr>\n'
        )
        rows.append(row)
        length += len(row)
    rows.append("</tbody></table></body></html>\n")
    return "".join(rows)
