"""The nouns of this benchmark: a planted secret, a mail with or without one, and the author of a set of templates."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["ATTACHED", "WRAPPINGS", "Author", "File", "Head", "Language", "Mail", "Maker", "Ordinary", "Secret", "Text"]

# How a secret lies in its mail. "file" is the secret itself as attachment: key stores; "wrapped" is prose in a paragraph that the
# mail program cut into lines, often inside the sentence with the secret.
WRAPPINGS = (
    "block", "prose", "html table", "html styled", "quoted-printable", "base64", "quoted reply",
    "txt", "docx", "xlsx", "pdf", "zip", "file", "wrapped",
)  # fmt: skip
ATTACHED = ("txt", "docx", "xlsx", "pdf", "zip", "file")


@dataclass(frozen=True, slots=True)
class File:
    """An attachment: its media type, name and bytes."""

    media_type: str
    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential or personal datum as it is planted.

    `value` is what a scanner should report, `written` what stands in the mail (a URL, a URI, a file's lines) where that is more;
    `also` are other values that are as good an answer, `kinds` other kinds. `described`: the datum is a statement about a person,
    so that any place of its sentence is right.
    """

    kind: str
    service: str
    value: str
    topic: str
    label: str
    named: str = ""
    whole: str = ""
    user: str = ""
    host: str = ""
    also: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    described: bool = False
    languages: tuple[str, ...] = ()  # only these; () = all that the author has phrases for
    file: File | None = None

    @property
    def written(self) -> str:
        """The text that stands in the mail."""
        return self.whole or self.value

    @property
    def right_kinds(self) -> frozenset[str]:
        """Kinds that a finding may have. The contract draws no line between an API key and an access token."""
        own = {self.kind, *self.kinds}
        return frozenset(own | {"api_key", "access_token"} if own & {"api_key", "access_token"} else own)


Maker = Callable[[random.Random], Secret]


@dataclass(frozen=True, slots=True)
class Text:
    """What a mail says: lines before and after, and between them the one with the secret; subject and language."""

    subject: str
    before: tuple[str, ...]
    body: str
    after: tuple[str, ...]
    language: str

    @property
    def plain(self) -> str:
        """As a letter."""
        return "\n\n".join((*self.before, self.body, *self.after)) + "\n"


@dataclass(frozen=True, slots=True)
class Language:
    """One language's sentences by topic; `greeting`, `closing`, `talk`, `notice` and `reply` bear no secret."""

    sentences: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Head:
    """A header block without those lines that tell of the content."""

    lines: str
    boundary: str


@dataclass(frozen=True, slots=True)
class Ordinary:
    """The text of an ordinary mail: plain, HTML or both, and files."""

    subject: str
    plain: str = ""
    html: str = ""
    files: tuple[File, ...] = ()
    headers: str = ""  # further header lines, each with its line end


@dataclass(frozen=True, slots=True)
class Author:
    """One independent set of templates and generators. `marked` shows text with the secret stressed, as HTML."""

    name: str
    languages: Mapping[str, Language]
    makers: Mapping[str, Sequence[Maker]]
    person: Callable[[random.Random], tuple[str, str]]
    head: Callable[[random.Random, str], Head]
    block: Callable[[random.Random, Secret], str]
    table: Callable[[random.Random, Sequence[tuple[str, str]]], str]
    marked: Callable[[random.Random, str, str], str]
    quoted: Callable[[random.Random, str, Language], str]
    ordinary: Mapping[str, Callable[[random.Random], Ordinary]]


@dataclass(frozen=True, slots=True)
class Mail:
    """A generated mail, and what was planted in it."""

    raw: bytes = field(repr=False)
    secrets: tuple[Secret, ...] = ()
    wrapping: str = ""
    language: str = ""
    family: str = ""  # of an ordinary mail
