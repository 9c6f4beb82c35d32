"""What was collected is evidence as it lies there: an audit of the folder tells what the server knows."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from postmark_double import PHAN, TOKEN, Account, Fault, Server, eastern, mails, served

import forensics
from forensics.collect import Asked, CollectError, Pace, ServerToken, postmark
from forensics.model import Window

NOW = datetime.now(UTC).replace(microsecond=0)
START, END = NOW - timedelta(days=20), NOW - timedelta(days=1)


def account(*, every: int = 7, streams: tuple[str, ...] = ("outbound", "broadcast")) -> Account:
    sent = mails(640, START + timedelta(minutes=1), (END - START) / 641, every=every)
    suppressed = {
        "outbound": [{"EmailAddress": PHAN, "SuppressionReason": "HardBounce", "Origin": "Recipient", "CreatedAt": eastern(END)}]
    }
    return Account([Server(mails=sent, suppressed=suppressed if every < 640 else {}, streams=streams)])


def collect(known: Account, out: Path, start: datetime = START) -> None:
    with served(known) as url:
        postmark(out, Asked(start, END, base_url=url), ServerToken(TOKEN), pace=Pace(1e6))


def audit(evidence: Path, case: Path, start: datetime = START) -> forensics.Case:
    policy = forensics.Policy(domains=("acme.example",), window=Window(start, END))
    return forensics.audit(evidence, out=case, incident="postmark-mcp", policy=policy, options=forensics.Options(workers=1))


def rows(case: forensics.Case, table: str) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in case.read(table).to_dict("records")]


def refused(*_: Any, **__: Any) -> NoReturn:
    pytest.fail("a socket was opened")


def test_an_audit_of_the_folder_tells_what_the_server_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = account()
    collect(known, tmp_path / "collected")
    with monkeypatch.context() as patch:  # and needs no network for it
        patch.setattr(socket, "socket", refused)
        patch.setattr(socket, "create_connection", refused)
        case = audit(tmp_path / "collected", tmp_path / "case")
    truth = {f"{one.id}@mtasv.net": one for one in known.servers[0].mails if PHAN in one.bcc}
    found = {row["message_key"]: row for row in rows(case, "exposed_messages")}
    assert set(found) == set(truth)
    for key, row in found.items():
        assert row["unexpected_recipients"] == PHAN
        assert (row["verdict"], row["proof"], row["in_window"], row["content"]) == ("confirmed", "delivered", "yes", "full")
        assert row["sent_at"] == truth[key].at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        assert row["to"] == truth[key].to[0]
    assert {row["status"] for row in rows(case, "coverage") if row["route"] == "api"} == {"covered"}
    assert case.summary["conclusion"] == "exposure_shown"
    assert case.summary["counts"]["messages"] == len(known.servers[0].mails)


def test_the_collection_s_own_papers_are_no_mail(tmp_path: Path) -> None:
    collect(account(), tmp_path / "collected")
    case = audit(tmp_path / "collected", tmp_path / "case")
    assert rows(case, "defects") == [], "they are read as what they are"


def test_nothing_seen_in_a_whole_collection_is_a_covered_window(tmp_path: Path) -> None:
    known = account(every=10_000)
    known.servers[0].mails = known.servers[0].mails[1:]
    collect(known, tmp_path / "collected")
    case = audit(tmp_path / "collected", tmp_path / "case")
    assert case.summary["conclusion"] == "none_seen_covered", "the silent stream's empty answer is not taken for retention"


def test_a_page_that_is_lost_later_shows_in_the_audit(tmp_path: Path) -> None:
    known = account(every=10_000)
    known.servers[0].mails = known.servers[0].mails[1:]
    collect(known, tmp_path / "collected")
    for folder in ("details", "dumps"):
        for place in (tmp_path / "collected" / "answers" / "server-101" / folder).rglob("*.json"):
            place.unlink()
    (tmp_path / "collected/answers/server-101/search/outbound/1/00001/1/00500.json").unlink()
    case = audit(tmp_path / "collected", tmp_path / "case")
    assert case.summary["conclusion"] == "cannot_tell"
    assert any("incomplete: the source counted 639 messages, 500 are in hand" in row["note"] for row in rows(case, "coverage"))


@pytest.mark.parametrize("gone", [timedelta(days=10), timedelta(0)], ids=["in part", "altogether"])
def test_what_has_expired_is_never_called_clean(tmp_path: Path, gone: timedelta) -> None:
    known = account(every=10_000, streams=("outbound",))
    known.servers[0].kept_since = END - gone
    collect(known, tmp_path / "collected")
    case = audit(tmp_path / "collected", tmp_path / "case")
    assert case.summary["conclusion"] == "cannot_tell"
    assert "expired" in {row["status"] for row in rows(case, "coverage")}


def test_a_collection_that_was_broken_off_is_evidence_too(tmp_path: Path) -> None:
    known = account()
    known.faults = [Fault("/dump$", 401, times=9_999)]
    with pytest.raises(CollectError):
        collect(known, tmp_path / "collected")
    assert not json.loads((tmp_path / "collected/requests.jsonl").read_bytes().splitlines()[0]).get("token")
    case = audit(tmp_path / "collected", tmp_path / "case")
    assert {row["message_key"] for row in rows(case, "exposed_messages")} == {
        f"{one.id}@mtasv.net" for one in known.servers[0].mails if PHAN in one.bcc
    }
