"""A text with a secret as mail: in which part, encoding and layout it lies."""

from __future__ import annotations

import base64
import quopri
import random
import textwrap
from collections.abc import Callable, Sequence

from benchmarks.leaks.documents import docx, pdf, text_file, xlsx, zipped
from benchmarks.leaks.planted import Author, File, Language, Mail, Ordinary, Secret, Text

__all__ = ["ordinary_mail", "rows_of", "soft_wrapped", "wrapped_mail"]

_QUOTE_WIDTH = 68  # characters of a line of a reply to a reply
_WIDTHS = (65, 66, 68, 70, 72, 72, 72, 74, 76, 78)  # characters of a line, as mail programs cut them


def _part(kind: str, text: str, coding: str = "8bit") -> str:
    data = text.encode()
    if coding == "base64":
        body = base64.encodebytes(data).decode()
    elif coding == "quoted-printable":
        body = quopri.encodestring(data).decode()
    else:
        body = text
    return f"Content-Type: {kind}; charset=utf-8\nContent-Transfer-Encoding: {coding}\n\n{body}"


def _file_part(one: File) -> str:
    name = one.name
    return (
        f'Content-Type: {one.media_type}; name="{name}"\nContent-Disposition: attachment; filename="{name}"\n'
        f"Content-Transfer-Encoding: base64\n\n{base64.encodebytes(one.data).decode()}"
    )


def _subject(text: str) -> str:
    """A Subject line, in encoded words where it is not ASCII (RFC 2047)."""
    if text.isascii():
        return f"Subject: {text}\n"
    pieces = [text[at : at + 12] for at in range(0, len(text), 12)]
    return "Subject: " + "\n ".join(f"=?utf-8?B?{base64.b64encode(piece.encode()).decode()}?=" for piece in pieces) + "\n"


def _multipart(kind: str, boundary: str, parts: Sequence[str]) -> str:
    inner = "".join(f"--{boundary}\n{part.rstrip(chr(10))}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{inner}--{boundary}--\n'


def _mail(author: Author, rng: random.Random, subject: str, content: Callable[[str], str], more: str = "") -> bytes:
    head = author.head(rng, "")
    return f"{head.lines}{_subject(subject)}{more}MIME-Version: 1.0\n{content(head.boundary)}".encode()


def soft_wrapped(text: str, prefix: str) -> str:
    """Lines of a quoted text: cut at blanks, and inside a word only where it is longer than a line."""
    lines: list[str] = []
    for line in text.splitlines():
        lines += textwrap.wrap(line, _QUOTE_WIDTH, break_on_hyphens=False, break_long_words=True) or [""]
    return "\n".join(f"{prefix}{line}".rstrip() for line in lines)


def rows_of(secret: Secret, language: Language) -> list[tuple[str, str]]:
    """Label and value, as a table shows them."""
    label = language.labels.get(secret.topic) or (secret.named if secret.topic in {"national_id", "tax_id"} else secret.label)
    shown = f"{secret.named} {label}".strip() if secret.topic in {"token", "near"} else label
    rows = [(language.labels["host"], secret.host), (language.labels["user"], secret.user), (shown, secret.written)]
    return [(name, value) for name, value in rows if value]


def wrapped_mail(author: Author, rng: random.Random, secret: Secret, text: Text, wrapping: str) -> Mail:
    """One mail with one secret, wrapped in the way asked for."""
    language = author.languages[text.language]
    content = _CONTENT[wrapping](author, rng, secret, text, language)
    raw = _mail(author, rng, text.subject, content)
    return Mail(raw, (secret,), wrapping, text.language)


_Content = Callable[[Author, random.Random, Secret, Text, Language], Callable[[str], str]]


def _letter(coding: str) -> _Content:
    def content(_author: Author, _rng: random.Random, _secret: Secret, text: Text, _language: Language) -> Callable[[str], str]:
        return lambda _boundary: _part("text/plain", text.plain, coding)

    return content


def _cut(paragraph: str, width: int) -> str:
    """A paragraph in lines of so many characters; a word that is longer than a line stays whole."""
    return textwrap.fill(paragraph, width, break_long_words=False, break_on_hyphens=False)


def _told(sentences: Sequence[str]) -> str:
    """One after the other; what ends in a letter or digit gets the full stop that it would have in a paragraph."""
    return " ".join(f"{one}." if one[-1:].isalnum() else one for one in sentences)


def _wrapped(_author: Author, rng: random.Random, _secret: Secret, text: Text, _language: Language) -> Callable[[str], str]:
    """Greeting, one paragraph with the secret in it, one without, closing; lines of the secret's own stay as they are."""
    width = rng.choice(_WIDTHS)
    greeting, *before = text.before
    *after, closing = text.after
    paragraphs = (
        [_cut(_told((*before, text.body, *after)), width)] if "\n" not in text.body else [_cut(_told(before), width), text.body]
    )
    letter = "\n\n".join((greeting, *paragraphs, _cut(_told((*after, *before, *after)), width), closing)) + "\n"
    return lambda _boundary: _part("text/plain", letter)


def _html_table(author: Author, rng: random.Random, secret: Secret, text: Text, language: Language) -> Callable[[str], str]:
    before = "".join(f"<p>{line}</p>\n" for line in text.before)
    after = "".join(f"<p>{line}</p>\n" for line in text.after)
    html = f"<html><body>{before}{author.table(rng, rows_of(secret, language))}{after}</body></html>\n"
    return lambda _boundary: _part("text/html", html, "quoted-printable")


def _html_styled(author: Author, rng: random.Random, secret: Secret, text: Text, _language: Language) -> Callable[[str], str]:
    lines = "".join(f"<p>{line}</p>\n" for line in text.before)
    lines += f"<div>{author.marked(rng, text.body, secret.written)}</div>\n"
    lines += "".join(f"<p>{line}</p>\n" for line in text.after)
    alternative = f"<html><body>{lines}</body></html>\n"
    return lambda _boundary: _part("text/html", alternative, "quoted-printable")


def _reply(author: Author, rng: random.Random, _secret: Secret, text: Text, language: Language) -> Callable[[str], str]:
    return lambda _boundary: _part("text/plain", author.quoted(rng, text.plain, language))


def _attached(wrapping: str) -> _Content:
    def content(author: Author, rng: random.Random, secret: Secret, text: Text, language: Language) -> Callable[[str], str]:
        name = rng.choice(language.sentences["file"])
        file = _FILES[wrapping](author, rng, name, secret, text, language)
        letter = "\n\n".join((*text.before, *text.after)) + "\n"
        return lambda boundary: _multipart("mixed", boundary, [_part("text/plain", letter), _file_part(file)])

    return content


_FileMaker = Callable[[Author, random.Random, str, Secret, Text, Language], File]


def _lines(text: Text) -> list[str]:
    return [*text.before, *text.body.splitlines(), *text.after]


def _txt(_author: Author, _rng: random.Random, name: str, _secret: Secret, text: Text, _language: Language) -> File:
    return text_file(f"{name}.txt", "\n".join(_lines(text)) + "\n")


def _docx(_author: Author, _rng: random.Random, name: str, _secret: Secret, text: Text, _language: Language) -> File:
    return docx(f"{name}.docx", _lines(text))


def _xlsx(_author: Author, rng: random.Random, name: str, secret: Secret, _text: Text, language: Language) -> File:
    rows = [list(row) for row in rows_of(secret, language)]
    if rng.random() < 0.5:  # labels as column heads
        rows = [list(column) for column in zip(*rows, strict=True)]
    return xlsx(f"{name}.xlsx", rows)


def _pdf(_author: Author, _rng: random.Random, name: str, _secret: Secret, text: Text, _language: Language) -> File:
    return pdf(f"{name}.pdf", _lines(text))


def _zip(author: Author, rng: random.Random, name: str, secret: Secret, text: Text, _language: Language) -> File:
    if secret.file is not None:
        return zipped(f"{name}.zip", [(secret.file.name, secret.file.data)])
    inner = "\n".join(_lines(text)) if rng.random() < 0.5 else author.block(rng, secret)
    return zipped(f"{name}.zip", [("readme.txt", b"1\n"), (f"{name}.txt", inner.encode())])


def _itself(_author: Author, _rng: random.Random, _name: str, secret: Secret, _text: Text, _language: Language) -> File:
    assert secret.file is not None, "only a secret that is a file can be attached as such"
    return secret.file


_FILES: dict[str, _FileMaker] = {"txt": _txt, "docx": _docx, "xlsx": _xlsx, "pdf": _pdf, "zip": _zip, "file": _itself}
_CONTENT: dict[str, _Content] = {
    "block": _letter("8bit"),
    "prose": _letter("8bit"),
    "html table": _html_table,
    "html styled": _html_styled,
    "quoted-printable": _letter("quoted-printable"),
    "base64": _letter("base64"),
    "quoted reply": _reply,
    "wrapped": _wrapped,
    **{name: _attached(name) for name in _FILES},
}


def _letter_of_lines(text: str) -> str:
    """As programs send 8-bit text: whatever has blanks and is longer than 78 characters in lines of 72."""
    lines = text.split("\n")
    return "\n".join(_cut(line, 72) if len(line) > 78 and "\t" not in line else line for line in lines)


def ordinary_mail(author: Author, rng: random.Random, family: str) -> Mail:
    """A mail of one family of ordinary mail, in one of the encodings that such mail has."""
    one: Ordinary = author.ordinary[family](rng)
    coding = rng.choice(("8bit", "quoted-printable", "base64"))
    plain = _letter_of_lines(one.plain) if coding == "8bit" else one.plain
    parts = [_part("text/plain", plain, coding)] if plain else []
    parts += [_part("text/html", one.html, "quoted-printable")] if one.html else []

    def content(boundary: str) -> str:
        body = parts[0] if len(parts) == 1 else _multipart("alternative", f"{boundary}.a", parts)
        return _multipart("mixed", boundary, [body, *map(_file_part, one.files)]) if one.files else body

    return Mail(_mail(author, rng, one.subject, content, one.headers), family=family)
