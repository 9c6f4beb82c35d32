"""What a collection's own papers prove, and what takes the proof away: collected, audited, and read in coverage.csv."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from postmark_double import ACCOUNT, TOKEN, Account, Fault, Server, mails, served
from small_evidence import mailbox

import forensics
from forensics.collect import AccountToken, Asked, CollectError, Pace, ServerToken, postmark
from forensics.collect.checking import Papers, asked_of, read_papers
from forensics.dates import zulu
from forensics.model import Window

NOW = datetime.now(UTC).replace(microsecond=0)
START, END = NOW - timedelta(days=20), NOW - timedelta(days=1)
PAGE = "answers/server-101/search/outbound/1/00001/1/00000.json"


def sent(count: int = 60, number: int = 1) -> Any:
    return mails(count, START + timedelta(hours=3), (END - START) / (count + 1), every=10_000, number=number)[1:]


def account(**more: Any) -> Account:
    return Account([Server(mails=sent(), **more)])


def collect(known: Account, out: Path, start: datetime = START, end: datetime = END, token: Any = None) -> Path:
    with served(known) as url:
        asked = Asked(start, end, frozenset({"stats", "details"}), base_url=url)
        postmark(out, asked, token or ServerToken(TOKEN), pace=Pace(1e6))
    return out


def audit(tmp_path: Path, *evidence: Path, start: datetime = START, end: datetime | None = END) -> forensics.Case:
    policy = forensics.Policy(domains=("acme.example",), window=Window(start, end))
    return forensics.audit(
        *evidence, out=tmp_path / "case", incident="postmark-mcp", policy=policy, options=forensics.Options(workers=1)
    )


def covered(case: forensics.Case, scope: str = "") -> list[tuple[str, str, str, str]]:
    """Scope, status, from and to of each row of a provider's API."""
    rows = case.read("coverage").to_dict("records")
    return [
        (one["scope"], one["status"], one["from"], one["to"]) for one in rows if one["route"] == "api" and scope in one["scope"]
    ]


def notes(case: forensics.Case) -> str:
    return "\n".join(case.read("coverage")["note"])


def test_what_was_asked_for_is_covered_whether_or_not_mail_was_sent(tmp_path: Path) -> None:
    case = audit(tmp_path, collect(account(), tmp_path / "c"))
    whole = (zulu(START), zulu(END))
    assert covered(case) == [("101/broadcast", "covered", *whole), ("101/outbound", "covered", *whole)]
    assert "the provider counts no message" in notes(case)
    assert "all 59 messages that the provider counts are in hand" in notes(case)
    assert case.summary["conclusion"] == "none_seen_covered"
    assert case.summary["coverage_remarks"] == []
    assert case.read("defects").empty, "its own papers are no evidence of mail, and no defect"


def test_time_that_nobody_asked_for_is_a_gap(tmp_path: Path) -> None:
    later, sooner = START + timedelta(days=4), END - timedelta(days=3)
    case = audit(tmp_path, collect(account(streams=("outbound",)), tmp_path / "c", later, sooner))
    assert covered(case) == [
        ("101/outbound", "gap", zulu(START), zulu(later)), ("101/outbound", "covered", zulu(later), zulu(sooner)),
        ("101/outbound", "gap", zulu(sooner), zulu(END)),
    ]  # fmt: skip
    assert case.summary["conclusion"] == "cannot_tell"


def test_two_collections_of_one_stream_make_one_row_of_intervals(tmp_path: Path) -> None:
    known = account(streams=("outbound",))
    middle = START + timedelta(days=9)
    first, second = collect(known, tmp_path / "a", START, middle), collect(known, tmp_path / "b", middle - timedelta(days=2), END)
    case = audit(tmp_path, first, second)
    assert {one[1] for one in covered(case)} == {"covered"}
    assert covered(case)[0][2] == zulu(START)
    assert covered(case)[-1][3] == zulu(END)


def test_what_retention_took_is_expired_for_as_long_as_it_took_it(tmp_path: Path) -> None:
    known = account(streams=("outbound",))
    known.servers[0].kept_since = START + timedelta(days=9)
    case = audit(tmp_path, collect(known, tmp_path / "c"))
    (before, after) = covered(case)
    assert (before[1], before[2], after[1], after[3]) == ("expired", zulu(START), "covered", zulu(END))
    assert before[3] == after[2]
    assert "retention had passed" in notes(case)
    assert case.summary["conclusion"] == "cannot_tell"


def test_all_expired_is_never_clean(tmp_path: Path) -> None:
    known = account(streams=("outbound",))
    known.servers[0].kept_since = NOW
    case = audit(tmp_path, collect(known, tmp_path / "c"))
    last = START + timedelta(hours=3) + 59 * (END - START) / 61
    (gone, *quiet) = covered(case)
    assert (gone[1], gone[2]) == ("expired", zulu(START))
    assert gone[3] > zulu(last)
    assert len(quiet) <= 1  # a day in which, by the provider's count, nothing was sent: it has nothing that could expire
    assert case.summary["conclusion"] == "cannot_tell"


def change(place: Path) -> None:
    place.write_bytes(place.read_bytes().replace(b"customer", b"kustomer", 1))


def forge(out: Path) -> None:
    """A result that tells of a whole collection, in a folder whose custody has another one."""
    told = json.loads((out / "collected.json").read_bytes())
    told["notices"] = ["All is well."]
    (out / "collected.json").write_text(json.dumps(told), encoding="ascii")


HARM: dict[str, tuple[Callable[[Path], object], str]] = {
    "an answer was changed": (lambda out: change(out / PAGE), PAGE),
    "an answer is missing": (lambda out: (out / PAGE).unlink(), PAGE),
    "the result was changed": (forge, "collected.json"),
    "the custody log was changed": (
        lambda out: (out / "custody.jsonl").write_bytes((out / "custody.jsonl").read_bytes().replace(b'"status": 200', b'"status": 201', 1)),
        "custody.jsonl",
    ),
    "the custody log was cut": (
        lambda out: (out / "custody.jsonl").write_bytes(b"".join((out / "custody.jsonl").read_bytes().splitlines(keepends=True)[:-1])),
        "custody.jsonl",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HARM)
def test_a_folder_that_is_not_as_received_proves_nothing_and_names_the_file(tmp_path: Path, name: str) -> None:
    harm, where = HARM[name]
    out = collect(account(streams=("outbound",)), tmp_path / "c")
    harm(out)
    case = audit(tmp_path, out)
    paths = [row["path"] for row in case.read("defects").to_dict("records")]
    assert f"c/{where}" in paths
    assert case.summary["coverage_remarks"] != []
    if name in {"an answer was changed", "an answer is missing"}:
        assert {one[1] for one in covered(case)} <= {"partial", "gap"}
        assert "1 answer is not as received" in notes(case)
    assert "every answer is as it was received" not in notes(case)


def test_a_file_that_custody_does_not_know_is_named(tmp_path: Path) -> None:
    out = collect(account(streams=("outbound",)), tmp_path / "c")
    (out / "answers/server-101/search/outbound/extra.json").write_bytes(b'{"TotalCount": 0, "Messages": []}')
    case = audit(tmp_path, out)
    assert {one[1] for one in covered(case)} == {"partial"}
    assert any(row["reason"] == "custody knows of no such answer" for row in case.read("defects").to_dict("records"))


def test_a_stream_that_was_not_read_to_its_end_says_so(tmp_path: Path) -> None:
    known = account(streams=("outbound",))
    known.faults = [Fault("/stats/outbound/sends", 500, times=1, body=b"{}")]
    known.faults += [Fault("details$", 500, times=1)]
    case = audit(tmp_path, collect(known, tmp_path / "c"))
    assert {one[1] for one in covered(case)} == {"covered"}, "asked again, and answered"


def test_details_that_could_not_be_had_take_nothing_from_the_list(tmp_path: Path) -> None:
    known = account(streams=("outbound",))
    known.faults = [Fault(f"{known.servers[0].mails[5].id}/details$", 422, times=99, body=b'{"ErrorCode": 701}')]
    case = audit(tmp_path, collect(known, tmp_path / "c"))
    assert {one[1] for one in covered(case)} == {"covered"}


def test_a_collection_that_was_broken_off_proves_no_interval(tmp_path: Path) -> None:
    known = account()
    known.faults = [Fault("/messages/outbound\\?.*broadcast", 401, times=9_999)]
    with pytest.raises(CollectError):
        collect(known, tmp_path / "c")
    case = audit(tmp_path, tmp_path / "c")
    assert ("101/broadcast", "unknown") in {one[:2] for one in covered(case)}, "listed, and never read"
    assert any("was not finished" in one for one in case.summary["coverage_remarks"])
    assert case.summary["conclusion"] == "cannot_tell"


def test_servers_of_an_account_are_told_apart_and_one_without_an_answer_is_a_gap(tmp_path: Path) -> None:
    known = account(streams=("outbound",))
    known.servers += [
        Server(id=202, token="another-invented-token", mails=sent(30, 900), streams=("outbound",)),
        Server(id=303, token="no token", streams=("outbound",)),
    ]
    out = collect(known, tmp_path / "c", token=AccountToken(ACCOUNT))
    case = audit(tmp_path, out)
    assert {one[:2] for one in covered(case)} == {("101/outbound", "covered"), ("202/outbound", "covered"), ("303", "gap")}
    assert any("server 303" in one for one in case.summary["coverage_remarks"])
    assert "1 gap" in case.summary["coverage_text"]
    for report in ("report.html", "summary.txt"):
        text = " ".join((case.report / report).read_text(encoding="utf-8").split())
        assert "server 303: the account holds no token that opens it" in text


def test_another_server_with_fewer_rows_than_it_counts_is_not_made_up_for_by_the_first(tmp_path: Path) -> None:
    known = account(streams=("outbound",))
    known.servers.append(Server(id=202, token="another-invented-token", mails=sent(30, 900), streams=("outbound",)))
    out = collect(known, tmp_path / "c", token=AccountToken(ACCOUNT))
    for folder in ("search", "details"):
        for place in (out / "answers/server-202" / folder).rglob("*.json"):
            place.unlink()
    assert ("202/outbound", "covered") not in {one[:2] for one in covered(audit(tmp_path, out))}


def test_a_part_of_the_folder_is_evidence_without_proof(tmp_path: Path) -> None:
    out = collect(account(streams=("outbound",)), tmp_path / "c")
    case = audit(tmp_path, out / "answers")
    assert "the source's own count of messages equals the messages in hand" in notes(case)
    assert "every answer is as it was received" not in notes(case)
    assert case.read("defects").empty


# --- the reading side alone -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (PAGE, ("101", "outbound")), ("answers/server-101/suppressions/news.json", ("101", "news")),
        ("answers/server-101/details/ab/abcd.json", ("101", "")), ("answers/server-101/server.json", ("101", "")),
        ("answers/account/servers-00000.json", None), ("answers/server-x/search/outbound/1.json", None), ("collected.json", None), ("", None),
    ],
)  # fmt: skip
def test_a_place_names_server_and_stream(name: str, expected: tuple[str, str] | None) -> None:
    assert asked_of(name) == expected


def whole(tmp_path: Path) -> Papers:
    papers = read_papers(collect(account(), tmp_path / "c"))
    assert papers is not None
    return papers


def test_the_papers_tell_what_was_asked_and_what_came(tmp_path: Path) -> None:
    papers = whole(tmp_path)
    assert (papers.provider, papers.start, papers.end, papers.is_finished, papers.faults) == ("postmark", START, END, True, ())
    assert [(one.server, one.stream, one.total, one.rows, one.troubles) for one in papers.streams] == [
        ("101", "outbound", 59, 59, ()), ("101", "broadcast", 0, 0, ()),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["requests.jsonl", "collected.json", "custody.jsonl"])
@pytest.mark.parametrize("content", [b"", b"\xff\n", b"[]\n", b'{"plan": {"from": 7}}\n', b"[" * 100_000, b"{}"])
def test_papers_that_are_no_papers_raise_nothing_and_prove_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    collect(account(), tmp_path / "c")
    (tmp_path / "c" / name).write_bytes(content)
    papers = read_papers(tmp_path / "c")
    assert papers is None or papers.faults
    assert papers is None or papers.streams == () or papers.doubts("101", "outbound")


def test_no_folder_is_no_collection(tmp_path: Path) -> None:
    assert read_papers(tmp_path) is None
    assert read_papers(tmp_path / "nowhere") is None


@pytest.mark.parametrize(("form", "name"), [("zip", "c.zip"), ("gztar", "c.tar.gz")])
def test_a_packed_collection_is_named_with_what_to_do_and_its_papers_prove_nothing(tmp_path: Path, form: str, name: str) -> None:
    collect(account(), tmp_path / "c")
    shutil.make_archive(str(tmp_path / "ev" / "c"), form, tmp_path, "c")
    case = audit(tmp_path, tmp_path / "ev")
    (row,) = case.read("defects").to_dict("records")
    assert row["path"] == f"ev/{name}/c"
    assert "unpack it and hand in the folder" in row["reason"]
    whole = (zulu(START), zulu(END))
    assert ("101/outbound", "covered", *whole) not in covered(case)
    assert case.summary["conclusion"] != "none_seen_covered"


def test_one_file_by_the_name_of_a_paper_makes_no_collection(tmp_path: Path) -> None:
    (tmp_path / "in" / "c" / "d").mkdir(parents=True)
    (tmp_path / "in" / "c" / "custody.jsonl").write_text("{}\n", encoding="ascii")
    (tmp_path / "in" / "c" / "d" / "collected.json").write_text("{}\n", encoding="ascii")
    (tmp_path / "in" / "box.mbox").write_text(mailbox(), encoding="utf-8")
    shutil.make_archive(str(tmp_path / "ev" / "c"), "zip", tmp_path / "in")
    rows = audit(tmp_path, tmp_path / "ev").read("defects")
    assert sorted(rows["path"]) == ["ev/c.zip/c/custody.jsonl", "ev/c.zip/c/d/collected.json"]
    assert set(rows["reason"]) == {"no parser knows this format: not read"}
