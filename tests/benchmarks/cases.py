"""What is measured: kinds of evidence, who reads them, and what is aimed at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.corpus import INDICATOR, MARK

__all__ = ["CASES", "OURS", "ROOT", "SAMPLE", "SEED", "TRIAGE", "TWO_WORKERS", "TWO_WORKERS_MEGABYTES", "Case", "Contestant"]

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_logs" / "incident"
SEED = 20250917
TRIAGE = "triage"  # no case: it makes no records of messages, and its peer is grep
TWO_WORKERS = "two-workers"  # no case: nothing in it is counted in CPU seconds
TWO_WORKERS_MEGABYTES = 600


@dataclass(frozen=True, slots=True)
class Contestant:
    """A reader of a case's evidence: one of ours (`OURS`), or a peer.

    `target`: megabytes (10^6) a CPU second that are aimed at, 0 for none. `beside`: peers that it is compared with, each with the
    ratio aimed at, 0 for none. `sample`: megabytes from the beginning of the file that are enough of it, 0 for the whole.
    `wanted`: what makes a message a hit. `package`: the Debian package of a peer that is a program of its own.
    """

    name: str
    target: float = 0
    beside: Mapping[str, float] = field(default_factory=dict)
    sample: float = 0
    wanted: str = INDICATOR
    package: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of evidence: the generator in `corpus` ("" for the sample incident), the parser that reads it, how much of it, who reads."""

    name: str
    corpus: str
    parser: str
    megabytes: float
    contestants: tuple[Contestant, ...]

    def contestant(self, name: str) -> Contestant:
        """The one of this name."""
        return next(one for one in self.contestants if one.name == name)


OURS = frozenset({"split", "read", "tables", "content", "audit"})
_DECODED = 60  # megabytes: what costs the same for every mail need not be measured on all of them
_SLOW = 15


def _beside(peer: str) -> tuple[Contestant, ...]:
    return (Contestant("read", beside={peer: 0}), Contestant("tables", beside={peer: 0}), Contestant(peer))


def _mail(tables: float) -> tuple[Contestant, ...]:
    """Readers of a mail archive; `tables`: what pass one is to reach."""
    return (
        Contestant("split", target=350),
        Contestant("read"),
        Contestant("tables", target=tables, beside={"mailbox+email": 3, "mailbox-whole": 0, "mail-parser": 10}),
        Contestant("mailbox+email"),
        Contestant("mailbox-whole"),
        Contestant("mail-parser", sample=_SLOW),
        Contestant("content", target=80, beside={"compat32": 1.5}, sample=_DECODED, wanted=MARK),
        Contestant("compat32", sample=_DECODED, wanted=MARK),
    )


_POSTFIX = (
    *_beside("lines"),
    Contestant("audit", target=70, beside={"pflogsumm": 4}),  # start and reports included
    Contestant("pflogsumm", package="pflogsumm"),
)
_EXIM = (
    Contestant("read", target=60, beside={"exigrep": 1}),
    Contestant("tables", beside={"exigrep": 0}),
    Contestant("exigrep", package="exim4-base"),
)
CASES = (
    Case("postfix-log", "postfix_log", "postfix", 100, _POSTFIX),
    Case("exim-log", "exim_log_of_old", "exim", 100, _EXIM),
    Case("list-mbox", "list_mbox", "mbox", 300, _mail(80)),
    Case("attachment-mbox", "attachment_mbox", "mbox", 300, _mail(120)),
    # PDFs are read in a child program and cost a hundred times what anything else does: a case of their own
    Case("pdf-mails", "pdf_mbox", "mbox", 10, (Contestant("content", wanted=MARK),)),
    Case("postmark-ndjson", "postmark_ndjson", "postmark", 50, _beside("json-lines")),
    Case("postmark-search", "postmark_search", "postmark", 50, _beside("json-document")),
    Case("sample-incident", "", "", 0, (Contestant("audit"),)),
)
