"""Remarks and decisions: on record for good, matched anew with what a case holds, and never a place for a secret."""

from __future__ import annotations

import csv
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import SECRET, audited, mailbox, plant

import forensics
from forensics.case import CONTRACT, Case, CaseError
from forensics.decisions import ABOUT, LONGEST_REMARK, MARKS, Decision, Subject, _Held, decisions, standing, subject_of
from forensics.pipeline.noting import note, withdraw
from forensics.reporters import html, terminal
from forensics.reporters.decisions import COLUMNS

COLLECTOR = "phan@giftshop.club"
PERSON = "customer1@customer.example"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("decisions")
    return audited(plant(folder / "ev"), out=folder / "pristine")


@pytest.fixture
def case(pristine: Case, request: pytest.FixtureRequest) -> Case:
    """A copy beside the first one, so that its manifest still finds the evidence."""
    place = pristine.path.with_name(f"copy-{abs(hash(request.node.nodeid))}")
    shutil.copytree(pristine.path, place)
    return Case.open(place)


def named(about: str, case: Case) -> list[tuple[str, str]]:
    name = {
        "credential": "C0001",
        "message": str(case.read("exposed_messages")["message_key"][0]),
        "recipient": COLLECTOR,
        "person": PERSON,
    }
    return [] if about == "case" else [(about, name[about])]


# --- what may be put on record


@pytest.mark.parametrize("about", ABOUT)
@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_goes_with_what_it_can_be_said_of_and_with_nothing_else(case: Case, mark: str, about: str) -> None:
    if about in MARKS[mark][1]:
        (one,) = note(case, "looked at it", about=named(about, case), mark=mark).decisions
        assert (one.about, one.mark, one.status) == (about, mark, "in_force")
    else:
        with pytest.raises(CaseError, match=f"cannot be put on a {about}"):
            note(case, "looked at it", about=named(about, case), mark=mark)
        assert decisions(case) == []


@pytest.mark.parametrize(
    ("about", "text", "name"),
    [
        ("credential", "C0001", "C0001"),
        ("credential", " c1 ", "C0001"),
        ("credential", "1", "C0001"),
        ("credential", "C0002", ""),
        ("credential", "C-1", ""),
        ("credential", "C٣", ""),
        ("credential", "", ""),
        ("recipient", "<Phan@GiftShop.club>", COLLECTOR),
        ("recipient", "phan@giftshop.clup", ""),
        ("recipient", PERSON, ""),
        ("person", PERSON, PERSON),
        ("person", COLLECTOR, ""),
        ("message", "<m1@acme.example>", "m1@acme.example"),
        ("message", "m1@acme.exampl", ""),
        ("message", "m6@acme.example", ""),
    ],
)
def test_what_a_mark_names_must_be_in_the_case(pristine: Case, about: str, text: str, name: str) -> None:
    if name:
        assert subject_of(pristine, about, text).name == name
    else:
        with pytest.raises(CaseError, match=f"the case has no such {about}"):
            subject_of(pristine, about, text)


def test_a_misspelt_name_is_refused_with_near_ones_and_nothing_is_written(case: Case) -> None:
    before = (case.path / "custody.jsonl").read_bytes()
    with pytest.raises(CaseError, match=r"near to it: phan@giftshop\.club"):
        note(case, "x", about=[("recipient", "fan@giftshop.club"), ("recipient", COLLECTOR)], mark="reviewed")
    assert (case.path / "custody.jsonl").read_bytes() == before


def test_a_hostile_name_is_legible_in_the_refusal(pristine: Case) -> None:
    with pytest.raises(CaseError) as refused:
        subject_of(pristine, "recipient", "a\x1b[2J\u202e@x.example")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"mark": "rejected", "about": [("recipient", COLLECTOR)]}, "needs a reason"),
        ({"mark": "rejected", "about": [("recipient", COLLECTOR)], "text": "  "}, "needs a reason"),
        ({"mark": "do_not_notify"}, "needs a reason"),
        ({}, "says nothing"),
        ({"text": " \n"}, "says nothing"),
        ({"mark": "solved"}, "no mark"),
        ({"text": "x", "since": "2025-09-20"}, "goes with the mark `rotated` only"),
        ({"text": "x", "mark": "reviewed", "since": "2025-09-20"}, "goes with the mark `rotated` only"),
        ({"text": "x" * (LONGEST_REMARK + 1)}, "at most 2,000"),
        ({"text": "x", "by": "y" * 201}, "at most 200"),
    ],
)
def test_what_says_too_little_or_too_much_is_refused(case: Case, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(CaseError, match=words):
        note(case, asked.pop("text", ""), **asked)
    assert decisions(case) == []


def test_the_longest_remark_is_kept_whole(case: Case) -> None:
    (one,) = note(case, "wort " * (LONGEST_REMARK // 5)).decisions
    assert len(one.reason) == LONGEST_REMARK - 1  # the last blank is no word


@pytest.mark.parametrize(
    ("since", "kept"),
    [
        ("2025-09-20", "2025-09-20"),
        ("2025-09-20T10:00Z", "2025-09-20T10:00:00Z"),
        ("2025-09-20T10:00:30+02:00", "2025-09-20T08:00:30Z"),
        ("2025-09-20T10:00", ""),  # whose ten o'clock?
        ("2025-13-01", ""),
        ("2025-02-30", ""),
        ("yesterday", ""),
        ("20.9.2025", ""),
        ("2999-01-01", ""),
        ("2999-01-01T00:00Z", ""),
    ],
)
def test_a_rotation_has_a_day_or_a_time_with_its_zone(case: Case, since: str, kept: str) -> None:
    if kept:
        (one,) = note(case, mark="rotated", since=since, about=[("credential", "C0001")]).decisions
        assert (one.since, one.marked) == (kept, f"rotated {kept}")
    else:
        with pytest.raises(CaseError, match=r"a time is written|later than now"):
            note(case, mark="rotated", since=since, about=[("credential", "C0001")])


def test_a_secret_in_the_words_is_redacted_before_it_is_kept(case: Case) -> None:
    noted = note(case, f"old value {SECRET}\nis off\x1b[2J", by=f"ann {SECRET}")
    assert noted.redacted == 2
    assert noted.decisions[0].reason == "old value [redacted api_key] is off[2J"
    for place in case.path.rglob("*"):
        assert place.is_dir() or SECRET.encode() not in place.read_bytes(), place


def test_words_without_a_secret_are_kept_as_they_are(case: Case) -> None:
    noted = note(case, "asked ann@acme.example, order 4711 = ours")
    assert (noted.redacted, noted.decisions[0].reason) == (0, "asked ann@acme.example, order 4711 = ours")


# --- what stands


def test_the_later_answer_to_one_question_stands_and_other_questions_are_untouched(case: Case) -> None:
    about = [("credential", "C0001")]
    note(case, mark="rotated", about=about)
    note(case, mark="reviewed", about=about)
    note(case, "a test key", mark="rejected", about=about)
    note(case, "only a remark", about=about)
    assert [one.status for one in decisions(case)] == ["in_force", "replaced", "in_force", "in_force"]
    (stands,) = standing(case).values()
    assert [one.mark for one in stands] == ["rotated", "rejected", ""]


def test_a_withdrawn_decision_stays_on_record_and_the_one_before_stands_again(case: Case) -> None:
    (first,) = note(case, mark="notify").decisions
    (second,) = note(case, "counsel says no", mark="do_not_notify").decisions
    (third,) = withdraw(case, second.seq, "counsel changed its mind").decisions
    assert [(one.seq, one.status) for one in decisions(case)] == [
        (first.seq, "in_force"), (second.seq, "withdrawn"), (third.seq, "withdrawal"),
    ]  # fmt: skip
    assert third.marked == f"withdraws {second.seq}"
    assert standing(case) == {("case", ""): (first,)}


def test_only_a_remark_that_stands_can_be_withdrawn(case: Case) -> None:
    (one,) = note(case, "x").decisions
    (taken,) = withdraw(case, one.seq).decisions
    for number in (one.seq, taken.seq, 1, 10_000):  # entry 1 begins the audit
        with pytest.raises(CaseError, match="can be withdrawn: none"):
            withdraw(case, number)
    assert len(decisions(case)) == 2


def test_one_call_marks_several_things_and_the_same_thing_once(case: Case) -> None:
    keys = list(case.read("exposed_messages")["message_key"])[:2]
    noted = note(case, mark="reviewed", about=[("message", keys[0]), ("message", keys[1]), ("message", keys[0])])
    assert [one.subject for one in noted.decisions] == keys


# --- custody


def test_after_a_remark_the_case_verifies_and_a_changed_one_is_noticed(case: Case) -> None:
    note(case, "ours, by contract", mark="rejected", about=[("recipient", COLLECTOR)])
    assert forensics.verify(case) == []
    log = case.path / "custody.jsonl"
    log.write_bytes(log.read_bytes().replace(b"by contract", b"by accident"))
    assert any("changed after it was written" in one for one in forensics.verify(case))


def test_a_remark_is_no_way_to_seal_what_somebody_changed(case: Case) -> None:
    (table,) = (case.tables / "people").glob("*.parquet")
    table.write_bytes(table.read_bytes() + b" ")
    before = (case.path / "custody.jsonl").read_bytes()
    with pytest.raises(CaseError, match=r"does not hold as it was sealed.*people"):
        note(case, "x")
    assert (case.path / "custody.jsonl").read_bytes() == before


def test_two_people_do_not_write_into_a_case_at_once(case: Case) -> None:
    with ThreadPoolExecutor(1) as other, case.locked(), pytest.raises(CaseError, match="is in use by"):
        other.submit(note, case, "x").result()
    assert decisions(case) == []
    assert note(case, "x").decisions[0].status == "in_force"


def test_a_report_that_somebody_opened_and_saved_is_written_anew(case: Case) -> None:
    (case.report / "people.csv").write_text("saved by a spreadsheet")
    note(case, "x")
    assert forensics.verify(case) == []


def test_contract_tables_and_their_files_stay_as_they_were(case: Case) -> None:
    before = {name: (case.report / f"{name}.csv").read_bytes() for name in CONTRACT}
    note(case, "nothing to it", mark="rejected", about=[("recipient", COLLECTOR), ("credential", "C0001")])
    assert {name: (case.report / f"{name}.csv").read_bytes() for name in CONTRACT} == before


# --- another audit, with other evidence


def test_a_remark_follows_its_credential_when_more_evidence_counts_anew(tmp_path: Path) -> None:
    root = plant(tmp_path / "ev")
    case = audited(root, out=tmp_path / "case")
    note(case, mark="rotated", since="2025-09-20", about=[("credential", "C0001")])
    earlier = (
        mailbox(range(1))
        .replace("10:00:01", "09:00:01")
        .replace("<m0@", "<m00@")
        .replace(SECRET, "sk_" + "live_VMgtin76l1SkpUXj7oIHBj3f")
    )
    log = (root / "relay" / "mail.log").read_text()
    block = "".join(line + "\n" for line in log.splitlines() if "7A64E12D600" in line)
    (root / "relay" / "more.log").write_text(
        block.replace("10:00", "09:00").replace("<m0@", "<m00@").replace("7A64E12D600", "7A64E12D6FF")
    )
    (root / "more.mbox").write_text(earlier)
    again = audited(root, out=tmp_path / "case")
    looks = dict(zip(again.read("credentials")["credential_id"], again.read("credentials")["preview"], strict=True))
    assert len(looks) == 2
    (one,) = decisions(again)
    assert (one.subject, one.status) == ("C0002", "in_force")
    assert looks["C0002"].endswith(SECRET[-4:])
    assert forensics.verify(again) == []


def test_a_remark_on_what_is_gone_says_so_and_marks_nothing(tmp_path: Path) -> None:
    root = plant(tmp_path / "ev")
    case = audited(root, out=tmp_path / "case")
    note(case, mark="reviewed", about=[("credential", "C0001"), ("message", "m1@acme.example"), ("recipient", COLLECTOR)])
    (root / "box.mbox").unlink()
    again = audited(root, out=tmp_path / "case")
    assert [(one.about, one.status) for one in decisions(again)] == [
        ("credential", "not_held"), ("message", "in_force"), ("recipient", "in_force"),
    ]  # fmt: skip
    assert ("credential", "C0001") not in standing(again)
    assert "about something this case no longer holds" in (again.report / "report.html").read_text()


class Tables:
    """A case of these tables in memory."""

    tables = Path("no-such-case")

    def __init__(self, credentials: list[tuple[str, str]], occurrences: list[tuple[str, str, str]]) -> None:
        """`credentials`: id and preview; `occurrences`: id, message key and location."""
        self.rows: dict[str, list[dict[str, str]]] = {
            "credentials": [
                {**dict.fromkeys(CONTRACT["credentials"], "x"), "credential_id": i, "preview": p} for i, p in credentials
            ],
            "credential_occurrences": [
                {
                    **dict.fromkeys(CONTRACT["credential_occurrences"], "x"),
                    "credential_id": i,
                    "message_key": k,
                    "sent_at": k,
                    "location": w,
                }
                for i, k, w in occurrences
            ],
        }

    def read(self, table: str) -> pd.DataFrame:
        return pd.DataFrame(self.rows[table], columns=list(CONTRACT[table]), dtype=str)


def held(credentials: list[tuple[str, str]], occurrences: list[tuple[str, str, str]]) -> _Held:
    return _Held(cast("Case", Tables(credentials, occurrences)))


CODES = "6 characters: digits"


@pytest.mark.parametrize(
    ("credentials", "occurrences", "now"),
    [
        ([("C0001", CODES), ("C0002", CODES)], [("C0001", "m1", "line 1"), ("C0002", "m1", "line 1")], "C0001"),  # the same case
        ([("C0002", CODES), ("C0003", CODES)], [("C0002", "m1", "line 1"), ("C0003", "m1", "line 1")], "C0002"),  # counted anew
        ([("C0010", CODES), ("C0009", CODES)], [("C0010", "m1", "line 1"), ("C0009", "m1", "line 1")], "C0009"),
        ([("C0001", CODES)], [("C0001", "m1", "line 1")], None),  # which of the two is left?
        ([("C0001", CODES), ("C0002", CODES)], [("C0001", "m1", "line 2"), ("C0002", "m1", "line 2")], None),
        ([("C0001", CODES)], [("C0001", "m1", "line 2")], "C0001"),  # the only one of its look in this part
        ([("C0001", CODES)], [("C0001", "m2", "line 1")], None),  # any code looks like this
        ([("C0001", "6 characters: lower")], [("C0001", "m1", "line 1")], None),
        ([], [], None),
    ],
)
def test_a_credential_is_known_again_or_not_at_all(
    credentials: list[tuple[str, str]], occurrences: list[tuple[str, str, str]], now: str | None
) -> None:
    facts = held([("C0001", CODES), ("C0002", CODES)], [("C0001", "m1", "line 1"), ("C0002", "m1", "line 1")]).facts("C0001")
    assert held(credentials, occurrences).now(Subject("credential", "C0001", facts)) == now


def test_a_distinctive_preview_is_enough_where_the_place_is_gone() -> None:
    facts = held([("C0001", "sk_l…lXGN")], [("C0001", "m1", "line 1")]).facts("C0001")
    assert held([("C0007", "sk_l…lXGN")], [("C0007", "m9", "line 3")]).now(Subject("credential", "C0001", facts)) == "C0007"
    two = held([("C0007", "sk_l…lXGN"), ("C0008", "sk_l…lXGN")], [("C0007", "m9", "line 3"), ("C0008", "m8", "line 1")])
    assert two.now(Subject("credential", "C0001", facts)) is None


SECRETS = st.lists(
    st.tuples(st.sampled_from([CODES, "sk_l…lXGN", "ghp_…MUdz"]), st.sampled_from("abc"), st.sampled_from("12")),
    min_size=1,
    max_size=6,
)


@pytest.mark.property
@settings(max_examples=100)
@given(SECRETS, st.lists(st.sampled_from(["d", "e"]), max_size=3))
def test_new_messages_never_make_a_remark_speak_of_another_credential(
    found: list[tuple[str, str, str]], added: list[str]
) -> None:
    before = sorted(found, key=lambda one: one[1:])
    after = sorted(
        [*((look, key, place, n) for n, (look, key, place) in enumerate(before)), *((CODES, key, "1", -1) for key in added)],
        key=lambda one: (one[1], one[2], one[3]),
    )
    old = held(
        [(f"C{n:04}", look) for n, (look, _, _) in enumerate(before)],
        [(f"C{n:04}", key, place) for n, (_, key, place) in enumerate(before)],
    )
    new = held(
        [(f"C{n:04}", one[0]) for n, one in enumerate(after)], [(f"C{n:04}", one[1], one[2]) for n, one in enumerate(after)]
    )
    for n in range(len(before)):
        now = new.now(Subject("credential", f"C{n:04}", old.facts(f"C{n:04}")))
        assert now is not None
        assert after[int(now[1:])][3] == n


# --- a log that somebody else wrote


@pytest.mark.property
@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.dictionaries(
                st.sampled_from(["seq", "utc", "by", "about", "subject", "mark", "facts", "withdraws", "reason"]),
                st.one_of(
                    st.none(),
                    st.integers(),
                    st.text(max_size=5),
                    st.sampled_from([*ABOUT, *MARKS]),
                    st.lists(st.none()),
                    st.dictionaries(st.text(max_size=3), st.none()),
                ),
            ),
        ),
        max_size=6,
    )
)
def test_no_log_whatever_stands_in_it_stops_the_reading(pristine: Case, lines: list[bytes | dict[str, Any]]) -> None:
    aside = pristine.path.with_name("hostile-log")
    aside.mkdir(exist_ok=True)
    (aside / "tables").unlink(missing_ok=True)
    (aside / "tables").symlink_to(pristine.tables)
    entries = [line for line in lines if isinstance(line, dict)]
    written = [line if isinstance(line, bytes) else json.dumps({**line, "action": "remark"}).encode() for line in lines]
    (aside / "custody.jsonl").write_bytes(b"\n".join(written) + b"\n")
    found = decisions(Case(aside))
    assert len(found) == len(entries)  # nothing vanishes: what cannot be read is there as unreadable


def test_a_case_without_a_log_has_no_decisions(tmp_path: Path) -> None:
    assert decisions(Case(tmp_path)) == []


# --- what reports show


def test_the_csv_lists_every_remark_in_order(case: Case) -> None:
    (first,) = note(case, "=cmd|' /C calc'!A0, said \u202egnp.exe", by="+Ann").decisions
    withdraw(case, first.seq)
    raw = (case.report / "decisions.csv").read_bytes()
    rows = list(csv.DictReader(raw.decode("utf-8").splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert raw.count(b"\r\n") == 3
    assert [row["status"] for row in rows] == ["withdrawn", "withdrawal"]
    assert rows[0]["reason"].startswith("'=cmd|")
    assert rows[0]["by"] == "'+Ann"
    assert "\u202e" not in raw.decode("utf-8")


def test_an_empty_record_is_a_header(pristine: Case) -> None:
    assert (pristine.report / "decisions.csv").read_bytes() == ",".join(COLUMNS).encode() + b"\r\n"


def test_the_page_shows_decisions_beside_what_they_are_about(case: Case) -> None:
    assert 'id="decisions"' not in (case.report / "report.html").read_text()
    note(case, "new pair", mark="rotated", since="2025-09-21", about=[("credential", "C0001")])
    note(case, "<script>alert(1)</script>", mark="rejected", about=[("recipient", COLLECTOR)])
    note(case, mark="notify", about=[("person", PERSON)])
    text = (case.report / "report.html").read_text()
    credentials, people = (text.split(f'<section id="{name}"')[1].split("</section>")[0] for name in ("credentials", "people"))
    assert ">rotated 2025-09-21</span>" in credentials
    assert ">to be notified</span>" in people
    assert "rejected: &lt;script&gt;" in text.split('<section id="recipients"')[1].split("</section>")[0]
    assert "<script" not in text
    assert text.split('<section id="decisions"')[1].split("</section>")[0].count("<tr>") == 4  # and the head


def test_a_withdrawn_decision_leaves_no_badge(case: Case) -> None:
    (one,) = note(case, "x", mark="rejected", about=[("recipient", COLLECTOR)]).decisions
    withdraw(case, one.seq)
    assert "rejected: x" not in html.page(case, decisions(case))


def test_the_summary_counts_what_is_dealt_with(case: Case) -> None:
    assert "On record" not in (case.report / "summary.txt").read_text()
    note(case, mark="rotated", about=[("credential", "C0001")])
    note(case, "x", mark="do_not_notify")
    text = " ".join((case.report / "summary.txt").read_text().split())
    assert (
        "On record: 1 of 1 credentials that work until rotated marked as rotated; decided not to notify (decisions.csv)" in text
    )


def test_a_decision_on_what_is_only_possible_is_counted_apart(case: Case) -> None:
    rows = [{str(name): cell for name, cell in row.items()} for row in case.read("unexpected_recipients").to_dict("records")]
    case.write_contract("unexpected_recipients", [*rows, {**rows[0], "address": "x@freelance.example", "verdict": "possible"}])
    log = case.path / "custody.jsonl"
    entry = {"action": "remark", "about": "recipient", "mark": "rejected", "reason": "x", "utc": "", "seq": 90}
    with log.open("a") as stream:
        stream.writelines(json.dumps({**entry, "subject": one}) + "\n" for one in (COLLECTOR, "x@freelance.example"))
    (path,) = terminal.write(case, case.report)
    assert "1 recipient, 1 possible recipient rejected, and still listed" in " ".join(path.read_text().split())


def test_the_same_log_gives_the_same_bytes(case: Case) -> None:
    note(case, "x", mark="rejected", about=[("recipient", COLLECTOR)])
    decided = decisions(case)
    written, page = (case.report / "decisions.csv").read_bytes(), html.page(case, decided)
    forensics.report(case, ["decisions"])
    assert (case.report / "decisions.csv").read_bytes() == written
    assert html.page(case, decisions(case)) == page


def test_a_decision_is_a_value_that_other_reporters_can_hold(case: Case) -> None:
    (one,) = note(case, "x", by="Ann").decisions
    assert isinstance(one, Decision)
    assert standing([one]) == {("case", ""): (one,)}
    assert terminal.screen(case) is not None
