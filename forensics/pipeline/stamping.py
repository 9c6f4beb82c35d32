"""Time stamps of a case: a request to take to another machine, and the authority's reply, both sealed into the case."""

from __future__ import annotations

from pathlib import Path

from forensics.case import Case
from forensics.custody import REPLY, REQUEST, Requested, Signer, keep_reply, write_request
from forensics.pipeline.sealing import refuse_changed, seal_again, signer_of

__all__ = ["request_stamp", "store_stamp"]


def request_stamp(case: Case, *, signing_key: Signer | Path | None = None) -> tuple[Path, Requested]:
    """Write a request (RFC 3161) over the case's signature, or over the manifest where it is unsigned; nothing is sent.

    What is stamped is the case as it was sealed before: the entry that records the request comes after it. Raises CaseError where the
    case does not hold, CustodyError without the extra `custody`.
    """
    signer = signer_of(signing_key)
    with case.locked():
        refuse_changed(case)
        asked = write_request(case.path)
        seal_again(case, "time stamp requested", signer, over=asked.over, stamped=asked.sha256)
    return case.path / REQUEST, asked


def store_stamp(case: Case, reply: Path | str, *, signing_key: Signer | Path | None = None) -> tuple[Path, str]:
    """Keep an authority's reply as it is, and return where it lies and a sentence on what it says.

    Raises CaseError where the case does not hold, CustodyError where the reply is to another request.
    """
    signer = signer_of(signing_key)
    with case.locked():
        refuse_changed(case)
        digest, sentence = keep_reply(case.path, Path(reply))
        seal_again(case, "time stamp stored", signer, reply=digest)
    return case.path / REPLY, sentence
