"""A locked attachment and its password: what belongs together, how sure that is, and what of it was copied out."""

from __future__ import annotations

import base64
import io
import random
import zipfile
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import small_evidence
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

import forensics
from forensics.pipeline.locked import Exchange, Secret, link

START = datetime(2025, 9, 18, 10, tzinfo=UTC)
WORD = "Vz7-kQm2!pLx9"


def mail(
    key: str,
    *,
    minutes: float | None = 0,
    thread: str = "",
    subject: str = "s",
    sender: str = "a@acme.example",
    people: str = "a b",
) -> Exchange:
    at = None if minutes is None else START + timedelta(minutes=minutes)
    return Exchange(key, at, sender, subject, thread or key, frozenset(people.split()))


def secret(key: str, confidence: str = "high") -> dict[str, list[Secret]]:
    return {key: [Secret(key, "text/plain", "line 1", confidence)]}


LOCKED = mail("locked")
DAY = 1440


@pytest.mark.parametrize(
    ("told", "confidence", "words"),
    [
        (mail("locked"), "high", "same mail"),
        (mail("told", thread="locked", minutes=12, subject="x"), "high", "thread holds a password, 12 minutes later"),
        (mail("told", thread="locked", minutes=-120, subject="x"), "high", "2 hours earlier"),
        (mail("told", thread="locked", minutes=15 * DAY, subject="x"), "medium", "15 days later"),
        (mail("told", thread="locked", minutes=None, subject="x"), "medium", "not known"),
        (mail("told", minutes=13 * DAY), "medium", "same subject"),
        (mail("told", minutes=15 * DAY), "", ""),  # the same subject, but too late
        (mail("told", minutes=5, people="a c"), "", ""),  # the same subject to somebody else
        (mail("told", minutes=None), "", ""),  # the same subject, but when?
        (
            mail("told", minutes=0.2, subject="Password"),
            "low",
            "same sender to the same person holds a password, within the same minute",
        ),
        (mail("told", minutes=8 * DAY, subject="Password"), "", ""),
        (mail("told", minutes=5, subject="Password", sender="c@acme.example"), "", ""),
    ],
)
def test_mails_belong_together_by_thread_subject_or_sender(told: Exchange, confidence: str, words: str) -> None:
    found = link([LOCKED], [told], secret(told.message_key))["locked"]
    assert [one.confidence for one in found] == ([confidence] if confidence else [])
    assert all(words in one.reason for one in found)


def test_a_link_is_no_surer_than_the_password_itself() -> None:
    assert link([LOCKED], [LOCKED], secret("locked", "low"))["locked"][0].confidence == "low"


def test_unknown_subjects_and_senders_join_nothing() -> None:
    one, two = (mail(key, subject="", sender="") for key in ("locked", "told"))
    assert link([one], [two], secret("told")) == {"locked": []}


@pytest.mark.property
@given(st.permutations(range(8)), st.integers(0, 5))
@settings(max_examples=60)
def test_order_changes_nothing_and_each_mail_is_named_once(order: list[int], spread: int) -> None:
    told = [
        mail(f"t{n}", minutes=n * spread * 600, thread="locked" if n % 2 else "", subject="s" if n % 3 else "x") for n in range(8)
    ]
    secrets = {key: found for n in range(8) for key, found in secret(f"t{n}").items()}
    found = link([LOCKED], [told[n] for n in order], secrets)
    assert found == link([LOCKED], told, secrets)
    keys = [one.secret.message_key for one in found["locked"]]
    assert len(keys) == len(set(keys))


def test_threads_of_thousands_of_mails_are_looked_at_in_bounded_time() -> None:
    draw = random.Random(7)
    told = [mail(f"t{n}", minutes=draw.uniform(-DAY, DAY), thread="big") for n in range(5_000)]
    locked = [mail(f"l{n}", minutes=draw.uniform(-DAY, DAY), thread="big") for n in range(300)]
    with affordable(20):
        found = link(locked, told, {one.message_key: secret(one.message_key)[one.message_key] for one in told})
    assert all(0 < len(ones) <= 600 for ones in found.values())


def locked_zip(name: str = "plan.txt") -> bytes:
    """A zip whose only member bears the mark of encryption; nobody here has its password."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, "x" * 40)
    raw = bytearray(made.getvalue())
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(sign) + at] |= 1
    return bytes(raw)


def letter(number: int, subject: str, body: str, *, bcc: str = "phan@giftshop.club", more: str = "", attached: str = "") -> str:
    hidden = f"Bcc: {bcc}\n" if bcc else ""
    head = (
        f"From shop@acme.example Thu Sep 18 10:{number:02}:01 2025\nFrom: Shop <shop@acme.example>\nTo: ann@customer.example\n{hidden}{more}"
        f"Subject: {subject}\nDate: Thu, 18 Sep 2025 10:{number:02}:01 +0000\nMessage-ID: <n{number}@acme.example>\nMIME-Version: 1.0\n"
    )
    if not attached:
        return f"{head}Content-Type: text/plain; charset=utf-8\n\n{body}\n\n"
    packed = base64.b64encode(locked_zip()).decode()
    return (
        f'{head}Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n{body}\n--b\n'
        f'Content-Type: application/zip; name="{attached}"\nContent-Disposition: attachment; filename="{attached}"\n'
        f"Content-Transfer-Encoding: base64\n\n{packed}\n--b--\n\n"
    )


def rows_of(tmp_path: Path, *letters: str, content: str = "exposed") -> list[dict[Hashable, Any]]:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "sent.mbox").write_text("".join(letters), encoding="utf-8")
    case = small_evidence.audited(folder, out=tmp_path / "case", options=forensics.Options(workers=1, content=content))
    for place in case.report.iterdir():
        assert WORD.encode() not in place.read_bytes(), place.name
    rows = case.read("locked_attachments").to_dict("records")
    assert case.summary["counts"]["locked_attachments_taken_as_opened"] == sum(row["opened"] == "taken_as_opened" for row in rows)
    return rows


TELLS = f"The password is: {WORD}"


def test_a_password_in_the_reply_that_was_copied_out_opens_the_attachment(tmp_path: Path) -> None:
    (row,) = rows_of(
        tmp_path,
        letter(1, "Plans", "See attached.", attached="plans.zip"),
        letter(3, "quite another subject", TELLS, more="In-Reply-To: <n1@acme.example>\nReferences: <n1@acme.example>\n"),
    )
    assert (row["opened"], row["confidence"], row["password_copied_out"]) == (
        "taken_as_opened",
        "medium",
        "yes",
    )  # as sure as the password
    assert "same thread" in row["reason"]
    assert (row["message_key"], row["part"]) == ("n1@acme.example", "attachment:plans.zip")
    assert (row["password_message_key"], row["password_sent_at"]) == ("n3@acme.example", "2025-09-18T10:03:01Z")
    assert "No password was tried." in row["reason"]


def test_a_chain_of_replies_without_references_is_one_thread(tmp_path: Path) -> None:
    (row,) = rows_of(
        tmp_path,
        letter(1, "Plans", "See attached.", attached="plans.zip"),
        letter(2, "b", "Thank you.", bcc="", more="In-Reply-To: <n1@acme.example>\n"),
        letter(3, "c", TELLS, more="In-Reply-To: <n2@acme.example>\n"),
    )
    assert (row["opened"], row["confidence"]) == ("taken_as_opened", "medium")
    assert "same thread" in row["reason"]


def test_a_password_that_was_not_copied_out_is_told_where_everything_is_read(tmp_path: Path) -> None:
    (row,) = rows_of(
        tmp_path,
        letter(1, "Plans", "See attached.", attached="plans.zip"),
        letter(3, "Re: Plans", TELLS, bcc="", more="In-Reply-To: <n1@acme.example>\n"),
        content="all",
    )
    assert (row["opened"], row["password_copied_out"], row["password_message_key"]) == (
        "password_not_copied_out",
        "no",
        "n3@acme.example",
    )


def test_without_a_password_nothing_is_said_to_be_opened(tmp_path: Path) -> None:
    (row,) = rows_of(
        tmp_path,
        letter(1, "Plans", "See attached, the password follows by telephone.", attached="plans.zip"),
        letter(3, "Lunch", "At noon?"),
    )
    assert (row["opened"], row["confidence"], row["password_message_key"], row["password_copied_out"]) == (
        "password_not_seen",
        "",
        "",
        "",
    )


def test_a_file_name_that_is_a_secret_is_not_written_down(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, letter(1, "Plans", "See attached.", attached=f"{small_evidence.SECRET}.zip"))
    assert small_evidence.SECRET not in row["part"]
