"""A collection against a server that behaves like Postmark's: compared with what that server knows."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from postmark_double import ACCOUNT, PHAN, TOKEN, Account, Fault, Sent, Server, eastern, mails, message, served

from forensics.collect import (
    KINDS,
    RESULT,
    AccountToken,
    Asked,
    Collected,
    CollectError,
    Pace,
    Patience,
    RefusalError,
    ServerToken,
    Tally,
    UnansweredError,
    postmark,
)  # fmt: skip
from forensics.custody import LOG, check_log, file_sha256, read_log

NOW = datetime.now(UTC).replace(microsecond=0)
START, END = (
    (NOW - timedelta(days=days)).replace(hour=15, minute=30, second=0) for days in (20, 1)
)  # no hour that is told twice
FAST = Pace(1e6, sleep=lambda _: None)


class Watching:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.told: list[Tally] = []

    def say(self, sentence: str) -> None:
        assert not self.told, "before anything is asked"
        self.said.append(sentence)

    def tell(self, tally: Tally) -> None:
        self.told.append(tally)


def collect(account: Account, out: Path, token: ServerToken | AccountToken | None = None, **more: Any) -> Collected:
    """A collection without waiting; `more` are fields of `Asked`, and `progress`."""
    progress = more.pop("progress", None)
    patience = more.pop("patience", Patience(attempts=4))
    with served(account) as url:
        # the port differs from run to run; a resumed run must find the same base URL
        known = out / "requests.jsonl"
        asked = Asked(more.pop("start", START), more.pop("end", END), base_url=more.pop("base_url", url), **more)
        if known.exists() and known.stat().st_size:
            raw = known.read_bytes()
            old = json.loads(raw.splitlines()[0])["plan"]["base_url"]
            known.write_bytes(raw.replace(old.encode(), url.encode(), 1))
        return postmark(out, asked, token or ServerToken(TOKEN), progress=progress, pace=FAST, patience=patience)


def rows(out: Path, name: str = "Messages", below: str = "search") -> list[dict[str, Any]]:
    found = []
    for place in sorted(out.glob(f"answers/server-*/{below}/**/*.json")):
        found += json.loads(place.read_bytes()).get(name, [])
    return found


def full_account() -> Account:
    sent = mails(634, START - timedelta(hours=3), timedelta(minutes=43)) + mails(
        41, START, timedelta(hours=3), stream="broadcast", number=9_000
    )
    leaked = [one for one in sent if one.bcc]
    opens = [
        {"RecordType": "Open", "MessageID": one.id, "MessageStream": one.stream, "Recipient": PHAN, "ReceivedAt": eastern(one.at)}
        for one in leaked
    ]
    clicks = [{**one, "RecordType": "Click", "OriginalLink": "https://acme.example/"} for one in opens[:3]]
    bounces = [{"ID": n, "Type": "HardBounce", "MessageID": one.id, "Email": PHAN, "MessageStream": one.stream,
                "BouncedAt": eastern(one.at + timedelta(minutes=9))} for n, one in enumerate(leaked[5:12])]  # fmt: skip
    suppressed = {
        "outbound": [
            {"EmailAddress": PHAN, "SuppressionReason": "HardBounce", "Origin": "Recipient", "CreatedAt": eastern(START)}
        ]
    }
    return Account([Server(mails=sent, opens=opens, clicks=clicks, bounces=bounces, suppressed=suppressed)])


def wanted(account: Account, stream: str = "outbound") -> set[str]:
    return {one.id for one in account.servers[0].sent(stream) if START <= one.at < END}


def test_everything_of_every_stream_is_in_hand(tmp_path: Path) -> None:
    account, out = full_account(), tmp_path / "c"
    found = collect(account, out)
    assert found.is_whole
    assert found.troubles == ()
    assert [(one.stream, one.rows == one.total, one.troubles) for one in found.streams] == [
        ("outbound", True, []),
        ("broadcast", True, []),
    ]
    ids = Counter(one["MessageID"] for one in rows(out))
    assert set(ids) == wanted(account) | wanted(account, "broadcast")
    assert set(ids.values()) == {1}, "one page, one row"
    details = {place.stem for place in out.glob("answers/server-101/details/*/*.json")}
    assert details == {place.stem for place in out.glob("answers/server-101/dumps/*/*.json")} == set(ids)
    assert Counter(one["MessageID"] for one in rows(out, "Opens", "opens")) == Counter(
        one["MessageID"] for one in account.servers[0].opens
    )
    assert len(rows(out, "Clicks", "clicks")) == 3
    assert {one["ID"] for one in rows(out, "Bounces", "bounces")} == set(range(7))
    assert rows(out, "Suppressions", "suppressions")[0]["EmailAddress"] == PHAN
    days = json.loads((out / "answers/server-101/stats/outbound/sends.json").read_bytes())["Days"]
    assert sum(one["Sent"] for one in days) >= len(wanted(account))
    assert len(account.asked) == len(set(account.asked)), "no question was asked twice"


def test_an_answer_is_kept_byte_for_byte_and_sealed(tmp_path: Path) -> None:
    account, out = Account([Server(mails=mails(7, START, timedelta(hours=9)))]), tmp_path / "c"
    account.faults = [Fault("/dump$", 200, times=1, body=b' {"Body" : "\\u00e9\xc3\xa9"}\r\n ')]
    collect(account, out)
    odd = [one for one in out.glob("answers/**/*.json") if one.read_bytes() == b' {"Body" : "\\u00e9\xc3\xa9"}\r\n ']
    assert len(odd) == 1
    assert check_log(out / LOG) == []
    entries = [one for one in read_log(out / LOG) if one["action"] == "answer kept"]
    assert {one["file"] for one in entries if one["file"]} == {
        one.relative_to(out).as_posix() for one in out.glob("answers/**/*") if one.is_file()
    }
    for one in entries:
        assert one["method"] == "GET"
        assert one["path"].startswith("/")
        assert one["asked_at"] <= one["answered_at"]
        if one["file"]:
            assert one["sha256"] == hashlib.sha256((out / one["file"]).read_bytes()).hexdigest()
    last = read_log(out / LOG)[-1]
    assert last["action"] == "collection finished"
    assert last["result_sha256"] == file_sha256(out / RESULT)
    assert last["journal_sha256"] == file_sha256(out / "requests.jsonl")


def test_the_interval_is_asked_in_eastern_time(tmp_path: Path) -> None:
    account = Account([Server(mails=[message(1, datetime(2026, 9, 1, 2, 30, tzinfo=UTC))])])
    start = datetime.fromisoformat("2026-09-01T04:00:00+02:00")
    found = collect(account, tmp_path / "c", start=start, end=start + timedelta(hours=1), retention_days=365)
    (query,) = [
        parse_qs(urlsplit(one).query)
        for one in account.asked
        if one.startswith("/messages/outbound?") and "outbound&fromdate" in one
    ]
    assert (query["fromdate"], query["todate"]) == (["2026-08-31T22:00:00"], ["2026-08-31T23:00:00"])
    assert found.streams[0].rows == 1


def test_rows_at_the_edges_are_kept_and_counted_apart(tmp_path: Path) -> None:
    inside = [message(1, START), message(2, END - timedelta(milliseconds=1))]
    outside = [message(3, END), message(4, END + timedelta(milliseconds=900))]
    beyond = [message(5, START - timedelta(seconds=2)), message(6, END + timedelta(seconds=2))]
    found = collect(Account([Server(mails=inside + outside + beyond)]), tmp_path / "c")
    assert (found.streams[0].rows, found.streams[0].outside) == (4, 2)
    assert {one["MessageID"] for one in rows(tmp_path / "c")} == {one.id for one in inside + outside}


def test_an_interval_ends_where_the_collection_began(tmp_path: Path) -> None:
    account = Account([Server(mails=mails(9, NOW - timedelta(days=1), timedelta(hours=1)))])
    collect(account, tmp_path / "c", end=NOW + timedelta(days=300))
    plan = json.loads((tmp_path / "c" / RESULT).read_bytes())["plan"]
    assert plan["read_until"] == plan["started_at"]
    todate = max(parse_qs(urlsplit(one).query).get("todate", [""])[0] for one in account.asked)
    assert todate <= eastern(datetime.now(UTC))[:19]


# retention


def test_what_retention_has_deleted_is_said_first_and_shown(tmp_path: Path) -> None:
    account = Account([Server(mails=mails(200, NOW - timedelta(days=60), timedelta(hours=7)))])
    account.servers[0].kept_since = NOW - timedelta(days=45)
    watching = Watching()
    found = collect(account, tmp_path / "c", start=NOW - timedelta(days=60), progress=watching)
    assert "keeps messages for 45 days" in watching.said[0]
    assert watching.told
    (stream, other) = found.streams
    assert not found.is_whole
    assert not stream.is_whole
    assert stream.expired_until is not None
    assert abs(stream.expired_until - (NOW - timedelta(days=45))) < timedelta(days=1)
    assert len(stream.expired_days) in {14, 15, 16}, "whole Eastern days"
    assert all(sent for _, sent in stream.expired_days)
    probe = json.loads((tmp_path / "c/answers/server-101/search/outbound/expired.json").read_bytes())
    assert probe == {"TotalCount": 0, "Messages": []}
    assert other.expired_until is not None, "of a stream without any mail nobody knows either"


def test_a_window_that_is_gone_altogether_leaves_its_empty_answer_as_evidence(tmp_path: Path) -> None:
    account = Account([Server(mails=mails(50, NOW - timedelta(days=90), timedelta(hours=7)), streams=("outbound",))])
    account.servers[0].kept_since = NOW - timedelta(days=45)
    found = collect(account, tmp_path / "c", start=NOW - timedelta(days=90), end=NOW - timedelta(days=60))
    assert not found.is_whole
    assert found.streams[0].rows == 0
    assert "all of this interval has expired" in found.notices[0]
    assert [one.name for one in (tmp_path / "c").glob("answers/*/search/**/*.json")] == ["00000.json"]


def test_a_longer_plan_is_recognised_by_the_mail_that_is_still_there(tmp_path: Path) -> None:
    account = Account([Server(mails=mails(200, NOW - timedelta(days=60), timedelta(hours=6)), streams=("outbound",))])
    found = collect(account, tmp_path / "c", start=NOW - timedelta(days=60))
    assert found.streams[0].expired_until is None
    assert found.is_whole


def test_a_shorter_plan_is_recognised_by_the_counts(tmp_path: Path) -> None:
    account = Account([Server(mails=mails(200, START, timedelta(hours=2)), streams=("outbound",))])
    account.servers[0].kept_since = NOW - timedelta(days=7)
    found = collect(account, tmp_path / "c")
    assert found.notices == ()
    assert not found.is_whole
    assert len(found.streams[0].expired_days) in {11, 12, 13}, "whole Eastern days"


def test_a_stream_that_sent_nothing_is_silent_and_not_expired(tmp_path: Path) -> None:
    account = Account([Server(mails=mails(9, START, timedelta(hours=9)))])
    found = collect(account, tmp_path / "c")
    assert found.is_whole
    assert not (tmp_path / "c/answers/server-101/search/broadcast").exists(), "its empty answer stands in the journal"
    assert any("search/broadcast/" in line for line in (tmp_path / "c/requests.jsonl").read_text(encoding="ascii").splitlines())


def test_without_counts_an_empty_answer_stays_unexplained(tmp_path: Path) -> None:
    collect(Account([Server(mails=[])]), tmp_path / "c", kinds=frozenset({"details"}))
    assert (tmp_path / "c/answers/server-101/search/broadcast/1/00001/1/00000.json").exists()


# more than the API shows at once


@pytest.mark.slow
def test_fifty_thousand_messages(tmp_path: Path) -> None:
    sent = mails(50_000, START, timedelta(seconds=32))
    late = message(99_000_001, sent[-1].at + timedelta(minutes=1))  # turns up when its page has been read
    account = Account([Server(mails=sent, streams=("outbound",))], total_as_text=True, arriving={30: [late]})
    found = collect(account, tmp_path / "c", kinds=frozenset({"stats"}))
    assert found.is_whole
    assert found.streams[0].rows == found.streams[0].total == 50_001
    assert {one["MessageID"] for one in rows(tmp_path / "c")} == {one.id for one in sent} | {late.id}
    for one in account.asked:
        query = parse_qs(urlsplit(one).query)
        assert int(query.get("count", ["0"])[0]) + int(query.get("offset", ["0"])[0]) <= 10_000


def test_more_opens_than_the_api_shows_are_asked_for_message_by_message(tmp_path: Path) -> None:
    sent = mails(3, START, timedelta(hours=9), every=1)
    opens = [{"RecordType": "Open", "MessageID": sent[n % 3].id, "MessageStream": "outbound", "Recipient": PHAN,
              "ReceivedAt": eastern(START + timedelta(seconds=n))} for n in range(12_000)]  # fmt: skip
    account = Account([Server(mails=sent, opens=opens, streams=("outbound",))])
    found = collect(account, tmp_path / "c", kinds=frozenset({"details", "opens", "stats"}))
    assert found.is_whole
    assert {(one["MessageID"], one["ReceivedAt"]) for one in rows(tmp_path / "c", "Opens", "opens")} == {
        (one["MessageID"], one["ReceivedAt"]) for one in opens
    }
    found = collect(account, tmp_path / "d", kinds=frozenset({"opens", "stats"}))
    assert not found.is_whole
    assert "12000 are more than the API shows" in found.streams[0].troubles[0]


# moods


def test_a_bad_day_of_the_server_changes_nothing(tmp_path: Path) -> None:
    calm, rough = full_account(), full_account()
    rough.faults = [
        Fault("/messages/outbound\\?.*offset=500", 429, times=2, headers={"Retry-After": "1"}), Fault("details", 500, times=3),
        Fault("dump", cut=True, times=2), Fault("/stats", 503), Fault("/bounces", 200, body=b"<html>"), Fault("/server$", 429),
    ]  # fmt: skip
    collect(calm, tmp_path / "calm")
    collect(rough, tmp_path / "rough")
    assert tree(tmp_path / "calm") == tree(tmp_path / "rough")


def tree(out: Path) -> dict[str, bytes]:
    return {one.relative_to(out).as_posix(): one.read_bytes() for one in out.glob("answers/**/*") if one.is_file()}


def test_a_server_that_stays_down_ends_the_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    account = full_account()
    account.faults = [Fault("details", 500, times=9_999)]
    with pytest.raises(UnansweredError, match="run the same command again"):
        collect(account, tmp_path / "c")
    assert read_log(tmp_path / "c" / LOG)[-1]["action"] == "collection interrupted"
    assert not (tmp_path / "c" / RESULT).exists()
    account.faults.clear()
    account.asked.clear()
    assert collect(account, tmp_path / "c").is_whole
    assert not [one for one in account.asked if one.startswith("/messages/outbound?")], "the search is in hand"
    assert account.asked[0] == "/server"
    collect(full_account(), tmp_path / "d")
    assert tree(tmp_path / "c") == tree(tmp_path / "d")


def test_one_message_that_cannot_be_had_does_not_stop_the_others_and_is_asked_again_next_time(tmp_path: Path) -> None:
    account = Account([Server(mails=mails(20, START, timedelta(hours=9)))])
    lost = account.servers[0].mails[4].id
    account.faults = [Fault(f"{lost}/details", 500, times=4)]
    found = collect(account, tmp_path / "c")
    assert not found.is_whole
    assert found.streams[0].details == 19
    assert lost in found.streams[0].troubles[0]
    account.asked.clear()
    found = collect(account, tmp_path / "c")
    assert found.is_whole
    assert account.asked == ["/server", f"/messages/outbound/{lost}/details"]


def test_a_message_that_expired_after_the_search_is_counted_as_gone(tmp_path: Path) -> None:
    account = Account([Server(mails=mails(9, START, timedelta(hours=9)))])
    account.faults = [Fault("details", 422, body=b'{"ErrorCode":701,"Message":"This message was not found."}')]
    found = collect(account, tmp_path / "c")
    assert (found.streams[0].gone, found.streams[0].details) == (1, 8)
    account.asked.clear()
    again = collect(account, tmp_path / "c")
    assert again.streams == found.streams
    assert account.asked == ["/server"], "what is gone is gone"


@pytest.mark.parametrize(
    "pattern", ["message-streams", "suppressions", "/stats/outbound/sends", "^/bounces", "^/messages/outbound/opens"]
)
@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_list_that_is_refused_is_said_and_asked_again_by_the_next_run(tmp_path: Path, pattern: str, status: int) -> None:
    account = Account([Server(mails=mails(9, START, timedelta(hours=9)), streams=("outbound",))], faults=[Fault(pattern, status)])
    account.faults[0].times = 2  # of the opens both the count and the list
    assert not collect(account, tmp_path / "c").is_whole
    account.faults.clear()
    assert collect(account, tmp_path / "c").is_whole


def test_an_interval_in_the_future_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="future"):
        collect(Account(), tmp_path / "c", start=NOW + timedelta(days=1), end=NOW + timedelta(days=2))
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_search_that_is_refused_is_an_error_with_its_code(tmp_path: Path, status: int) -> None:
    account = Account(
        [Server()], faults=[Fault("/messages/outbound\\?", status, body=b'{"ErrorCode": 606, "Message": "secret words"}')]
    )
    with pytest.raises(CollectError, match=rf"HTTP {status}, error code 606") as caught:
        collect(account, tmp_path / "c")
    assert "secret words" not in str(caught.value)
    assert collect(account, tmp_path / "c").is_whole, "what was refused once is asked again by the next run"


@pytest.mark.parametrize(
    ("pattern", "body", "words"),
    [("suppressions", b"{}", "suppressions: the API gave no list"), ("^/bounces", b"{}", "bounces: an answer without TotalCount"),
     ("sends", b'{"Days": 7}', "daily counts"), ("sends", b'{"Days": [{"Date": "x"}]}', "daily counts")],
)  # fmt: skip
def test_an_accompanying_list_that_cannot_be_read_is_a_trouble_and_not_the_end(
    tmp_path: Path, pattern: str, body: bytes, words: str
) -> None:
    found = collect(
        Account([Server(mails=mails(3, START, timedelta(hours=9)))], faults=[Fault(pattern, 200, body=body)]), tmp_path / "c"
    )
    assert not found.is_whole
    assert words in found.streams[0].troubles[0]
    assert found.streams[0].rows == 3


@pytest.mark.parametrize("identity", ["../../../../etc/passwd", "", "a/b", "x" * 300, "..", "0000\n0000"])
def test_a_hostile_message_id_names_no_file(tmp_path: Path, identity: str) -> None:
    account = Account([Server(mails=[Sent(identity, START, ("a@customer.example",))], streams=("outbound",))])
    found = collect(account, tmp_path / "in" / "c")
    assert "1 rows carry no MessageID" in found.streams[0].troubles[0]
    assert not [one for one in account.asked if "details" in one]
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("stream", ["../../x", "a/b", "a?b", "..", ""])
def test_a_hostile_stream_names_no_file_and_is_said(tmp_path: Path, stream: str) -> None:
    found = collect(Account([Server(streams=(stream, "outbound"))]), tmp_path / "in" / "c")
    assert [one.stream for one in found.streams] == ["outbound"]
    assert "could not all be listed" in found.troubles[0]
    assert not found.is_whole


# account


def test_an_account_token_collects_every_server(tmp_path: Path) -> None:
    servers = [
        Server(id=n, token=f"server-token-{n:04}", mails=mails(3, START, timedelta(hours=9), number=n * 100))
        for n in range(201, 204)
    ]
    account = Account(servers)
    found = collect(account, tmp_path / "c", AccountToken(ACCOUNT))
    assert found.is_whole
    assert {one.server for one in found.streams} == {"201", "202", "203"}
    assert {one["MessageID"] for one in rows(tmp_path / "c")} == {one.id for server in servers for one in server.mails}
    account.asked.clear()
    assert collect(account, tmp_path / "c", AccountToken(ACCOUNT)).is_whole
    assert {urlsplit(one).path for one in account.asked} == {"/servers", "/server"}, (
        "tokens are not kept, so only they are asked for"
    )


def test_more_servers_than_one_page(tmp_path: Path) -> None:
    servers = [Server(id=n, token=f"server-token-{n:04}", streams=("outbound",)) for n in range(1, 104)]
    found = collect(Account(servers), tmp_path / "c", AccountToken(ACCOUNT), kinds=frozenset({"stats"}))
    assert len(found.streams) == 103
    assert found.is_whole


def test_a_server_whose_token_was_revoked_is_named(tmp_path: Path) -> None:
    servers = [
        Server(id=n, token=f"server-token-{n:04}", mails=mails(3, START, timedelta(hours=9), number=n * 100)) for n in (201, 202)
    ]
    account = Account(servers, faults=[Fault("/server$", 401)])
    found = collect(account, tmp_path / "c", AccountToken(ACCOUNT))
    assert not found.is_whole
    assert found.troubles == ("server 201: the account holds no token that opens it: nothing of it was collected",)
    assert {one.server for one in found.streams} == {"202"}


def test_the_token_of_another_server_is_refused_in_the_same_folder(tmp_path: Path) -> None:
    collect(Account([Server()]), tmp_path / "c")
    with pytest.raises(CollectError, match="another server"):
        collect(Account([Server(id=102)]), tmp_path / "c")


@pytest.mark.parametrize("token", [ServerToken("wrong"), AccountToken("wrong")])
def test_a_wrong_token(tmp_path: Path, token: ServerToken | AccountToken) -> None:
    with pytest.raises(RefusalError, match=token.variable):
        collect(Account(), tmp_path / "c", token)


# progress, arguments


def test_the_result_in_sentences(tmp_path: Path) -> None:
    found = collect(Account([Server(mails=mails(20, START, timedelta(hours=9)))]), tmp_path / "c")
    assert found.sentences() == [
        "server 101, stream outbound: 20 of 20 messages; complete",
        "server 101, stream broadcast: 0 of 0 messages; complete",
        "Everything that the API counts is in hand.",
    ]
    account = Account([Server(mails=mails(200, START, timedelta(hours=2)), streams=("outbound",))])
    account.servers[0].kept_since = NOW - timedelta(days=7)
    (line, last) = collect(account, tmp_path / "d").sentences()
    assert re.fullmatch(
        r"server 101, .*: (\d\d) of \1 messages; what was sent before 20.* has expired; 1[0-9]+ messages of 1[0-9] days are counted and gone",
        line,
    )
    assert last == "Not everything of the interval is in hand."


def test_progress_counts_to_its_end(tmp_path: Path) -> None:
    watching = Watching()
    found = collect(full_account(), tmp_path / "c", progress=watching)
    told = watching.told
    assert watching.said == []
    assert all(0 <= one.requests <= one.requests_total and one.rows <= one.rows_total for one in told)
    assert [one.requests for one in told] == sorted(one.requests for one in told)
    assert told[-1].requests == told[-1].requests_total == found.requests
    assert told[-1].rows == sum(one.rows for one in found.streams)
    assert told[-1].seconds_left == 0
    middle = told[len(told) // 2]
    assert middle.requests_total == pytest.approx(found.requests, rel=0.02), "the estimate is there long before the end"
    assert middle.seconds_left


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": datetime(2026, 1, 1)}, "offset"),  # noqa: DTZ001  a naive time is what is refused
        ({"start": END}, "before it ends"), ({"kinds": frozenset({"inbox"})}, "unknown kinds of answers: inbox"),
        ({"retention_days": 0}, "1 to 365"), ({"retention_days": 366}, "1 to 365"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Asked(START, END), **change)
    assert set(Asked(START, END).kinds) == set(KINDS)
