"""A collected folder is checked against its own custody."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postmark_double import TOKEN, Account, Fault, Server, mails, served

from forensics.collect import Asked, CollectError, Pace, ServerToken, check, postmark

NOW = datetime.now(UTC)
PAGE = "answers/server-101/search/outbound/1/00001/1/00000.json"


def collect(out: Path, account: Account) -> None:
    with served(account) as url:
        asked = Asked(NOW - timedelta(days=9), NOW - timedelta(days=1), base_url=url)
        postmark(out, asked, ServerToken(TOKEN), pace=Pace(1e6, lambda _: None))


def account() -> Account:
    return Account([Server(mails=mails(5, NOW - timedelta(days=8), timedelta(hours=9)))])


def rewritten(place: Path, change: Callable[[bytes], bytes]) -> None:
    place.write_bytes(change(place.read_bytes()))


HARM: list[tuple[Callable[[Path], object], str]] = [
    (lambda out: (out / PAGE).unlink(), f"{PAGE}: missing, or changed"),
    (lambda out: rewritten(out / PAGE, lambda raw: raw + b" "), f"{PAGE}: missing, or changed"),
    (lambda out: (out / "answers/extra.json").write_bytes(b"{}"), "answers/extra.json: custody knows of no such answer"),
    (lambda out: rewritten(out / "requests.jsonl", lambda raw: raw[:-1]), "requests.jsonl: missing, or changed"),
    (lambda out: (out / "collected.json").unlink(), "collected.json: missing, or changed"),
    (
        lambda out: rewritten(out / "custody.jsonl", lambda raw: raw.replace(b'"status": 200', b'"status": 201', 1)),
        "was changed after it was written",
    ),
    (
        lambda out: rewritten(out / "custody.jsonl", lambda raw: b"".join(raw.splitlines(keepends=True)[:-1])),
        "the collection was not finished",
    ),
    (lambda out: (out / "custody.jsonl").unlink(), "custody.jsonl is missing"),
    (lambda out: (out / "custody.jsonl").write_bytes(b"\xff\n[]\n"), "is no entry"),
]


def test_a_finished_collection_holds(tmp_path: Path) -> None:
    collect(tmp_path / "c", account())
    assert check(tmp_path / "c") == []


@pytest.mark.parametrize(("harm", "words"), HARM, ids=[words for _, words in HARM])
def test_what_was_done_to_it_is_said(tmp_path: Path, harm: Callable[[Path], object], words: str) -> None:
    collect(tmp_path / "c", account())
    harm(tmp_path / "c")
    assert any(words in one for one in check(tmp_path / "c"))


def test_a_collection_that_was_broken_off_says_so_and_its_answers_hold(tmp_path: Path) -> None:
    known = account()
    known.faults = [Fault("/dump$", 401)]
    with pytest.raises(CollectError):
        collect(tmp_path / "c", known)
    assert check(tmp_path / "c") == ["custody.jsonl: the collection was not finished: run it again to go on"]


def test_nothing_at_all_raises_nothing(tmp_path: Path) -> None:
    assert check(tmp_path / "nowhere") == ["custody.jsonl is missing"]
    (tmp_path / "custody.jsonl").write_bytes(json.dumps({"action": "answer kept", "file": "\0", "sha256": 7}).encode() + b"\n")
    assert any("missing, or changed" in one for one in check(tmp_path))
