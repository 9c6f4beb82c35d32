"""Our side: each mail as the second pass reads it, and what its leaks say of the planted secret."""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice

from benchmarks.leaks.planted import Mail, Secret
from forensics.content import texts
from forensics.leaks import fingerprint, load_rules, scan
from forensics.model import Leak, Limits, Text
from forensics.parsers.eml import PARSER
from forensics.pipeline.second_pass import readers

__all__ = ["Found", "Seen", "decoded", "seen", "seen_all"]

_KEY = b"benchmark" * 4  # of the fingerprints; nothing of it is kept
_BATCH = 100  # mails that a worker gets at a time
_HEAD = 12  # characters of a secret that tell its place where a line end cuts it


@dataclass(frozen=True, slots=True)
class Found:
    """One leak as figures need it: never the value. `placed`: where the secret lies; `exact`: with the value that was planted."""

    rule: str
    kind: str
    family: str
    service: str
    confidence: str
    fingerprint: str
    preview: str
    placed: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the tool says of one mail: its leaks, how many parts stayed unread, size of the texts, CPU seconds of reading and of scanning.

    The seconds are those of the process itself: the child that reads PDFs is not in them.
    """

    found: tuple[Found, ...]
    unread: int
    reading: float
    scanning: float
    characters: int

    def right(self, secret: Secret) -> Found | None:
        """The best leak of a right kind in the right place."""
        fitting = [one for one in self.found if one.kind in secret.right_kinds and (one.exact or one.placed)]
        return min(fitting, key=lambda one: (not one.exact, ("high", "medium", "low").index(one.confidence)), default=None)

    @property
    def is_noticed(self) -> bool:
        """Whether anything at all was found where the secret lies, of whatever kind."""
        return any(one.placed for one in self.found)


def decoded(raw: bytes) -> list[Text]:
    """All texts of a mail, as the second pass finds them."""
    assert PARSER.body is not None
    return [one for one in texts(PARSER.body(raw, "mail"), readers(), Limits()) if isinstance(one, Text)]


def seen(mail: Mail) -> Seen:
    """One mail, scanned."""
    assert PARSER.body is not None
    started = time.process_time()
    items = list(texts(PARSER.body(mail.raw, "mail"), readers(), Limits()))
    shown = [one for one in items if isinstance(one, Text)]
    read = time.process_time()
    scanned = scan(shown, load_rules(), _KEY, None)
    done = time.process_time()
    wanted = {fingerprint(value, kind, _KEY) for one in mail.secrets for value in _answers(one) for kind in one.right_kinds}
    found = tuple(
        Found(
            leak.rule, leak.kind, leak.family, leak.service, leak.confidence, leak.fingerprint, leak.preview,
            any(_is_placed(leak, one, shown) for one in mail.secrets), leak.fingerprint in wanted,
        )
        for leak in scanned.leaks
    )  # fmt: skip
    return Seen(found, len(items) - len(shown), read - started, done - read, sum(len(one.text) for one in shown))


def _answers(secret: Secret) -> set[str]:
    return {secret.value, secret.written, *secret.also}


def _is_placed(leak: Leak, secret: Secret, shown: Iterable[Text]) -> bool:
    """Whether a leak lies where the secret does, in any view of its part: a leak does not say in which view it was seen."""
    if secret.file is not None:
        return secret.file.name in leak.part
    return any(_is_within(leak.offset, secret, one.text) for one in shown if one.part == leak.part)


def _is_within(offset: int, secret: Secret, text: str) -> bool:
    for needle in (secret.written, secret.written[:_HEAD], secret.value[:_HEAD]):
        for place in re.finditer(r"\s+".join(map(re.escape, needle.split())), text):  # a line end may stand for a blank
            at = place.start()
            start = text.rfind("\n", 0, at) + 1 if secret.described else at
            end = at + len(secret.written) * 11 // 10  # line ends and quote signs in it
            if start <= offset < max(end, text.find("\n", end) if secret.described else end):
                return True
    return False


def _batches(mails: Iterable[Mail]) -> Iterator[tuple[Mail, ...]]:
    left = iter(mails)
    return iter(lambda: tuple(islice(left, _BATCH)), ())


def _seen_batch(mails: tuple[Mail, ...]) -> list[Seen]:
    return [seen(mail) for mail in mails]


def seen_all(mails: Iterable[Mail], workers: int) -> Iterator[Seen]:
    """Every mail, in order."""
    if workers < 2:
        yield from map(seen, mails)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from chain.from_iterable(pool.map(_seen_batch, _batches(mails)))
