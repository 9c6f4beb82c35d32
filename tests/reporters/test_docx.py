"""The drafts: nothing personal for the authority, only what the case has in the letter, and every blank counted."""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import docx as library
import pandas as pd
import pytest
from docx.document import Document
from docx.enum.text import WD_COLOR_INDEX
from docx.text.paragraph import Paragraph
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case import CONTRACT, Case, CaseError
from forensics.decisions import Decision
from forensics.legible import shown
from forensics.plugins import Reporter
from forensics.reporters import docx
from forensics.reporters.docx import figures as figures_module
from forensics.reporters.docx.authority import impersonal
from forensics.reporters.docx.draft import Para
from forensics.reporters.docx.figures import figures_of, span
from forensics.reporters.docx.kinds import ADVICE, FOR_PERSONS, RISKS, advice_for, words_for
from forensics.reporters.docx.persons import persons

HOSTILE = [
    '=HYPERLINK("http://evil.example")', "<w:p/>]]></w:t>", "&amp;&#x3c;", "a\u202egpj.exe", "a\x00b\x0b\x0c", "\ud800", "x\ufffe\uffff", "\x1b[2J",
    "[TO FILL: nothing]", "\t\r\n", "{{7*7}}", "http://evil.example", "W" * 40_000, "\U0001f4a3", "a" + "\u0301" * 5_000, "_x0041_", "",
]  # fmt: skip
CONCLUSIONS = ("none_seen_covered", "cannot_tell", "compromised_extent_unknown")
DATA = [
    "name", "email_address", "phone", "postal_address", "payment_card", "bank_account", "national_id", "tax_id", "passport", "driving_licence",
    "birth_date", "salary", "health", "special_category", "criminal", "minor", "confidential_marking", "other",
]  # fmt: skip
CREDENTIALS = [
    "api_key", "access_token", "jwt", "private_key", "password", "connection_string", "signed_url", "webhook_url", "reset_link", "magic_link",
    "one_time_code", "recovery_code", "session_id", "otp_seed", "certificate_bundle", "wifi", "crypto_wallet", "other",
]  # fmt: skip


@dataclass
class FakeCase:
    """A finished case in memory."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    path: Path = Path("no-such-case")  # without a custody log: nobody decided anything

    def read(self, name: str) -> pd.DataFrame:
        if name not in CONTRACT and name not in self.rows:
            msg = f"no table {name}"
            raise CaseError(msg)
        columns = [*(CONTRACT[name] if name in CONTRACT else self.rows[name][0])]
        blank = {column: 0 if column in {"messages", "blind"} else "" for column in columns}
        return pd.DataFrame([blank | row for row in self.rows.get(name, [])], columns=columns)

    @property
    def summary(self) -> dict[str, Any]:
        return summary(**self.told)


def summary(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "incident": {"name": "t", "title": "Hidden copies to phan@giftshop.club", "indicators": {"addresses": ["phan@giftshop.club"], "domains": ["giftshop.club"]}},
        "case": {"number": "ACME-1", "custodian": "Eva Lund", "role": "controller", "discovered_at": "2025-09-26T11:20:00Z", "aware_at": "2025-09-26T14:00:00Z",
                 "contact": "privacy@acme.example", "phase": "initial", "version": "", "supersedes": "", "customers_named": False},
        "window": {"start": "2025-09-17T00:00:00Z", "end": None, "basis": "incident"},
        "conclusion": "exposure_shown", "conclusion_text": "Messages went out.", "ongoing_text": "It cannot be told.", "coverage_text": "Two stretches without proof.",
        "counts": {"evidence_files": 217, "evidence_files_read": 216, "defects": 3, "exposed_at_most": 0}, "verdicts": {"confirmed": 1, "probable": 0, "possible": 0},
        "detection_limits": ["504 messages could be compared."], "unread": {"parts": [{"reason": "image: not examined", "parts": 7}]},
        "run": {"custody_head": "ab" * 32, "started": "2026-01-01T00:00:00Z"},
    }  # fmt: skip
    return base | changes


def message(key: str = "a", **values: Any) -> dict[str, Any]:
    return {"message_key": key, "verdict": "confirmed", "content": "full", "sent_at": "2025-09-18T08:00:00Z"} | values


def with_kinds(data: list[str], credentials: list[str], verdict: str = "confirmed") -> FakeCase:
    return FakeCase({
        "exposed_messages": [message()],
        "people": [{"person": "ann@customer.example", "relation": "correspondent", "messages": 1, "verdict": "confirmed"}],
        "personal_data": [{"kind": kind, "message_key": "a", "verdict": verdict} for kind in data],
        "credentials": [{"kind": kind, "credential_id": f"C{number}", "state": "live_until_rotated", "verdict": verdict} for number, kind in enumerate(credentials)],
    })  # fmt: skip


def drafts(case: FakeCase, folder: Path) -> tuple[Document, Document]:
    authority, letter = docx.write(cast("Case", case), folder)
    assert (authority.name, letter.name) == ("authority.docx", "persons.docx")
    return library.Document(str(authority)), library.Document(str(letter))


def paragraphs(page: Document) -> Iterator[Paragraph]:
    """All of them, those in tables, head and foot too."""
    yield from page.paragraphs
    for table in page.tables:
        for row in table.rows:
            for cell in row.cells:
                yield from cell.paragraphs
    for section in page.sections:
        yield from section.header.paragraphs
        yield from section.footer.paragraphs


def text(page: Document) -> str:
    return "\n".join(one.text for one in paragraphs(page))


def after_cover(page: Document) -> str:
    """What is to be sent: all that comes behind the first page."""
    lines = [one.text for one in page.paragraphs]
    start = next(number for number, one in enumerate(page.paragraphs) if 'w:type="page"' in one._p.xml)
    return "\n".join(lines[start:])


# ---- nothing personal ---------------------------------------------------------------------------------------------------


def personal_case() -> FakeCase:
    """Every column of every table, and every text of the summary, names a person by mail address."""
    victim = "victim@customer.example"
    rows: dict[str, list[dict[str, Any]]] = {
        name: [{column: f"victim-{column}@customer.example" for column in columns if column not in {"messages", "blind", "domain", "kind", "sha256", "verdict"}}]
        for name, columns in CONTRACT.items()
    }  # fmt: skip
    for name in ("people", "personal_data", "credentials", "unexpected_recipients", "copies"):
        rows[name][0]["verdict"] = "confirmed"
    rows["exposed_messages"][0] |= {"content": "full", "subject": "Pay of Vic Timm"}
    rows["personal_data"][0]["kind"] = "salary"
    rows["unexpected_recipients"][0] |= {"domain": "giftshop.club", "messages": 1, "blind": 1, "indicator": "phan@giftshop.club"}
    told = {
        "conclusion_text": f"Mail of <{victim}> went out.", "ongoing_text": f"Ask '{victim}'.", "coverage_text": f'No record of mailbox {victim}, "vic timm"@customer.example.',
        "detection_limits": [f"Mail of {victim} could not be compared."], "unread": {"parts": [{"reason": f"mail of {victim}", "parts": 1}]},
    }  # fmt: skip
    return FakeCase(rows, told)


def test_the_draft_for_the_authority_names_nobody(tmp_path: Path) -> None:
    authority, letter = drafts(personal_case(), tmp_path)
    for page in (authority, letter):
        assert "victim" not in text(page).lower()
        assert "Timm" not in text(page)
        assert "Eva Lund" not in text(page)
    assert "vic timm" not in text(authority)
    assert set(re.findall(r"\S+@\S+", text(authority))) == {"phan@giftshop.club", "privacy@acme.example"}
    assert "[address left out]" in text(authority)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("ask ann@customer.example.", "ask [address left out]"),
        ("<ann@customer.example>", "<[address left out]>"),
        ("ann+tag@mail.customer.example, b", "[address left out], b"),
        ("änn@kündin.example", "[address left out]"),
        ('"ann lee"@customer.example', "[address left out]"),
        ("ann@[192.0.2.1]", "[address left out]"),
        ("phan@giftshop.club", "phan@giftshop.club"),
        ("Phan@Giftshop.club.", "Phan@Giftshop.club."),
        ("phan@giftshop.club.example", "[address left out]"),
        ("xphan@giftshop.club", "[address left out]"),
        ("a @ b", "a @ b"),
        ("no address", "no address"),
    ],
)
def test_addresses_are_left_out_but_for_those_that_are_public(told: str, left: str) -> None:
    assert impersonal(told, {"phan@giftshop.club"}) == left


@pytest.mark.property
@settings(max_examples=100)
@given(st.from_regex(r"[a-z0-9._+-]{1,20}@[a-z0-9-]{1,20}\.example", fullmatch=True), st.text(max_size=20), st.text(max_size=20))
def test_no_address_survives_whatever_stands_around_it(address: str, before: str, after: str) -> None:
    assert address not in impersonal(f"{before} {address} {after}", {"phan@giftshop.club"})


# ---- blanks -------------------------------------------------------------------------------------------------------------


def yellow(page: Document) -> list[str]:
    return [run.text for one in paragraphs(page) for run in one.runs if run.font.highlight_color == WD_COLOR_INDEX.YELLOW]


@pytest.mark.parametrize("conclusion", ["exposure_shown", *CONCLUSIONS])
@pytest.mark.parametrize("known", [True, False])
def test_every_blank_is_marked_and_listed_at_the_top(conclusion: str, *, known: bool, tmp_path: Path) -> None:
    case = with_kinds(DATA, CREDENTIALS) if conclusion == "exposure_shown" else FakeCase()
    case.told = {"conclusion": conclusion} | ({} if known else {"case": {}})
    for page in drafts(case, tmp_path):
        blanks = yellow(page)
        assert blanks
        assert all(one.startswith("[TO FILL: ") and one.endswith("]") for one in blanks)
        assert text(page).count("[TO FILL: ") == len(blanks)
        titles = [one.text for one in page.paragraphs if (one.style.name if one.style else "") == "Heading 1"]
        assert titles[0] == f"{len(blanks)} {'blank' if len(blanks) == 1 else 'blanks'} to fill"
        listed = [one.runs[0].text for one in page.paragraphs if (one.style.name if one.style else "") == "List Number"]
        assert sorted(f"[TO FILL: {one}]" for one in listed) == sorted(blanks)
        assert len(set(listed)) == len(listed), "two blanks that ask for the same"


def test_what_the_case_does_not_know_becomes_a_blank(tmp_path: Path) -> None:
    case = with_kinds([], [])
    full = len(yellow(drafts(case, tmp_path)[0]))
    case.told = {"case": {}}
    authority, letter = drafts(case, tmp_path)
    # role, number, discovered, aware, end of the 72 hours, contact
    assert len(yellow(authority)) == full + 6
    assert "[TO FILL: date of discovery]" in yellow(letter)


@pytest.mark.parametrize(
    ("aware", "said"),
    [
        ("2025-09-26T14:00:00Z", "2025-09-29 14:00 UTC"),
        ("2024-02-27T00:30:00Z", "2024-03-01 00:30 UTC"),
        ("2025-09-26", ""),
        ("2025-09-26T14:00:00", ""),
        ("soon", ""),
        ("9999-12-31T00:00:00Z", ""),
    ],
)
def test_the_72_hours_run_from_awareness_and_only_from_a_time_with_zone(aware: str, said: str, tmp_path: Path) -> None:
    case = with_kinds([], [])
    case.told = {"case": {"aware_at": aware}}
    authority, _ = drafts(case, tmp_path)
    (row,) = [one for one in authority.tables[0].rows if one.cells[0].text == "72 hours end"]
    assert row.cells[1].text.startswith(said or "[TO FILL: when the 72 hours end]")


# ---- figures ------------------------------------------------------------------------------------------------------------


def test_the_draft_follows_the_order_of_article_33(tmp_path: Path) -> None:
    authority, _ = drafts(with_kinds(["name"], ["password"]), tmp_path)
    titles = [one.text for one in authority.paragraphs if (one.style.name if one.style else "") == "Heading 1"][1:]
    assert [re.findall(r"33\(\d\)(?:\(\w\))?", one) for one in titles] == [
        [], ["33(3)(a)"], ["33(3)(b)"], ["33(3)(c)"], ["33(3)(d)"], ["33(4)"], [], [],
    ]  # fmt: skip


def counted_case() -> FakeCase:
    groups = [("ann", "G0001", "person"), ("ann+shop", "G0001", "person"), ("bob", "", "person"), ("info", "", "role")]
    return FakeCase({
        "exposed_messages": [message("a"), message("b", verdict="probable", sent_at="2025-09-20T00:00:00Z", content="none"), message("c", sent_at="", content="partial", attachments="x.pdf")],
        "possible_messages": [message("p", verdict="possible")] * 5,
        "people": [{"person": f"{name}@customer.example", "relation": "correspondent", "messages": 1, "verdict": "confirmed"} for name, *_ in groups]
        + [{"person": "dora@else.example", "messages": 1, "verdict": "possible"}],
        "person_groups": [{"person": f"{name}@customer.example", "group_id": group, "basis": "", "category": "other", "mailbox": mailbox, "verdict": "confirmed"} for name, group, mailbox in groups],
        "personal_data": [{"kind": "health", "message_key": "a", "verdict": "confirmed"}] * 3 + [{"kind": "salary", "message_key": "p", "verdict": "possible"}],
        "credentials": [{"kind": "password", "credential_id": "C1", "state": "live_until_rotated", "verdict": "confirmed"},
                        {"kind": "password", "credential_id": "C2", "state": "expires", "verdict": "probable"},
                        {"kind": "wifi", "credential_id": "C3", "state": "live_until_rotated", "verdict": "possible"}],
        "unexpected_recipients": [{"domain": "giftshop.club", "verdict": "confirmed", "messages": 3, "blind": 2, "indicator": "giftshop.club"},
                                  {"domain": "else.example", "verdict": "possible", "messages": 5, "blind": 5}],
        "copies": [{"sha256": "1d" * 32, "verdict": "confirmed"}] * 2 + [{"sha256": "2e" * 32, "verdict": "possible"}],
        "coverage": [{"source": "postfix", "scope": "relay1", "route": "smtp", "from": "2025-09-17T00:00:00Z", "to": "", "status": "partial"}],
    }, {"verdicts": {"confirmed": 1, "probable": 2}, "counts": {"exposed_at_most": 9, "evidence_files": 217}})  # fmt: skip


def test_figures_are_those_of_exposed_mail_only() -> None:
    found = figures_of(cast("Case", counted_case()))
    assert (found.exposed, found.at_most, found.possible) == (3, 9, 5)
    assert (found.first, found.last, found.undated) == ("2025-09-18T08:00:00Z", "2025-09-20T00:00:00Z", 1)
    assert (found.without_content, found.partly_examined, found.with_attachments) == (1, 1, 1)
    assert (found.persons.low, found.persons.high, found.persons.mailboxes) == (2, 3, 1)
    assert found.data == (("health", 3, 1),)
    assert found.credentials == (("password", 2, 1),)
    assert (found.copies, found.blind_copies) == (3, 2)
    assert (found.domains, found.indicators) == (("giftshop.club",), ("giftshop.club",))
    assert found.files == (("1d" * 32, 2),)


@pytest.mark.parametrize(
    "said",
    [
        "Messages exposed: 1 to 9 [exposed_messages.csv]",
        "With attachments: 1 [exposed_messages.csv]",
        "Mailboxes of offices and programs, in neither number: 1 [people.csv]",
        "First exposed message: 2025-09-18 08:00 UTC; last: 2025-09-20 00:00 UTC [exposed_messages.csv]",
        "Of 3 such copies that were addressed, 2 were blind copies",
        "Personal data found in exposed mail [personal_data.csv]",
        "Access data found in exposed mail [credentials.csv]",
        "5 further messages that are only possible wait for review. They are in no number above [possible_messages.csv]",
        "Head of the custody log: " + "ab" * 32 + " [summary.json]",
        "Change 1 of the access data that work until somebody changes them",
        "Access data recorded as changed: 0 of 2 [decisions.csv]",
    ],
)
def test_a_figure_names_its_table(said: str, tmp_path: Path) -> None:
    authority, _ = drafts(counted_case(), tmp_path)
    assert said in text(authority)


def test_tables_hold_persons_kinds_and_coverage(tmp_path: Path) -> None:
    authority, _ = drafts(counted_case(), tmp_path)
    cells = [[cell.text for cell in row.cells] for table in authority.tables for row in table.rows]
    assert ["All", "2 to 3"] in cells
    assert ["information about health", "1", "3"] in cells
    assert ["passwords", "2", "1"] in cells
    assert ["postfix (relay1, smtp)", "2025-09-17 00:00", "", "partial"] in cells
    assert ["1d" * 32, "2"] in cells
    assert "2e" * 32 not in text(authority)


@pytest.mark.parametrize(
    ("low", "high", "said"), [(3, 3, "about 3"), (2, 3, "2 to 3"), (1_000, 20_000, "1,000 to 20,000"), (0, 0, "about 0")]
)
def test_a_number_is_a_span(low: int, high: int, said: str) -> None:
    assert span(low, high) == said


def test_rotations_on_record_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    at = "2026-09-20T10:00:00Z"
    decided = [
        Decision(1, at, "eva", "credential", "C1", "rotated", "", "", "in_force"),
        Decision(2, at, "eva", "credential", "C2", "reviewed", "", "", "in_force"),
        Decision(3, at, "eva", "credential", "C3", "rotated", "", "", "in_force"),  # of possible mail
        Decision(4, at, "eva", "credential", "C2", "rotated", "", "", "withdrawn"),
    ]
    monkeypatch.setattr(figures_module, "decisions", lambda _: decided)
    assert figures_of(cast("Case", counted_case())).rotated == 1


# ---- the letter ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DATA)
def test_the_letter_names_a_kind_of_data_only_where_the_case_has_it(kind: str, tmp_path: Path) -> None:
    others = [one for one in DATA if one != kind]
    _, alone = drafts(with_kinds([kind], []), tmp_path)
    _, without = drafts(with_kinds(others, []), tmp_path)
    listed = kind != "confidential_marking"  # no datum of a person
    bullet = f"{words_for(kind)} [personal_data.csv]"
    assert (bullet in text(alone)) is listed
    assert bullet not in text(without)
    assert not [one for one in others if f"{words_for(one)} [personal_data.csv]" in text(alone)]


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_the_letter_speaks_of_a_credential_only_where_the_case_has_it(kind: str, tmp_path: Path) -> None:
    _, alone = drafts(with_kinds([], [kind]), tmp_path)
    bullet = f"{words_for(kind, credential=True)} [credentials.csv]"
    assert (bullet in text(alone)) is (kind in FOR_PERSONS)
    assert ("keys and tokens of computer systems" in text(alone)) is (kind not in FOR_PERSONS)
    assert ("assword" in text(alone)) is (kind == "password")
    told = {name for name, advice in ADVICE.items() if advice in text(alone)}
    assert told == {"contact", kind if kind in FOR_PERSONS else "systems"}


def test_passwords_are_not_mentioned_where_none_was_exposed(tmp_path: Path) -> None:
    without = [one for one in CREDENTIALS if one != "password"]
    _, letter = drafts(with_kinds(DATA, without), tmp_path)
    assert "assword" not in text(letter)
    _, letter = drafts(with_kinds(DATA, ["password"], verdict="possible"), tmp_path)
    assert "assword" not in text(letter)


def test_every_kind_of_the_contract_has_words_and_advice() -> None:
    assert all(words_for(kind) != kind and (kind == "name" or words_for(kind) != kind.replace("_", " ")) for kind in DATA)
    assert all(words_for(kind, credential=True) for kind in CREDENTIALS)
    assert {*ADVICE, "crypto_wallet"} >= FOR_PERSONS
    assert set(RISKS) - {"account"} <= set(ADVICE)
    assert words_for("a_new_kind") == "a new kind"
    assert advice_for(["a_new_kind"], []) == [ADVICE["contact"]]


def test_the_letter_is_one_text_with_blanks_for_the_person(tmp_path: Path) -> None:
    _, letter = drafts(counted_case(), tmp_path)
    body = after_cover(letter)
    assert "Between 18 September 2025 and 20 September 2025 [exposed_messages.csv]" in body
    assert "Dear [TO FILL: name of the person]," in body
    assert "We could not examine 2 of the 3 copied mails in full" in body
    assert "Most of the copies were hidden" in body
    assert "privacy@acme.example" in body
    assert "ossible messages" not in body
    assert "information about pay" not in body  # only possible mail has it


@pytest.mark.parametrize(
    ("blind", "said"),
    [(3, "The copies were hidden"), (2, "Most of the copies were hidden"), (1, "Some of the copies were hidden"), (0, "")],
)
def test_hidden_is_said_only_as_far_as_it_is_so(blind: int, said: str) -> None:
    case = counted_case()
    case.rows["unexpected_recipients"][0]["blind"] = blind
    body = persons(figures_of(cast("Case", case))).body
    told = " ".join(piece for block in body if isinstance(block, Para) for piece in block.line if isinstance(piece, str))
    assert said in told
    assert ("hidden" in told) is bool(said)


# ---- nothing exposed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conclusion", CONCLUSIONS)
def test_a_case_without_exposure_says_so_and_what_could_not_be_known(conclusion: str, tmp_path: Path) -> None:
    case = FakeCase(
        {"possible_messages": [message("p", verdict="possible")], "personal_data": [{"kind": "health", "verdict": "possible"}]}
    )
    case.told = {"conclusion": conclusion, "conclusion_text": "The case in a sentence.", "verdicts": {"confirmed": 0}}
    authority, letter = drafts(case, tmp_path)
    assert ("there is nothing to notify" in text(authority)) is (conclusion != "compromised_extent_unknown")
    assert ("is a decision that people take" in text(authority)) is (conclusion == "compromised_extent_unknown")
    assert "There is no letter to send on this evidence" in text(letter)
    for page in (authority, letter):
        said = text(page)
        assert "The case in a sentence." in said
        assert "Two stretches without proof." in said
        assert "504 messages could be compared." in said
        assert "no proof that nothing happened" in said
        assert "clean" not in said.lower()
        assert "health" not in said
        assert "Dear" not in said


# ---- hostile evidence, and the file itself --------------------------------------------------------------------------------


def hostile_case(value: str) -> FakeCase:
    rows = {
        name: [{column: value for column in columns if column not in {"messages", "blind", "verdict"}} | ({"verdict": "confirmed"} if "verdict" in columns else {})]
        for name, columns in CONTRACT.items()
    }  # fmt: skip
    rows["coverage"] = rows["coverage"] * 60
    texts = dict.fromkeys(("conclusion_text", "ongoing_text", "coverage_text", "conclusion"), value)
    case = dict.fromkeys(("number", "role", "discovered_at", "aware_at", "contact", "phase", "version", "supersedes"), value)
    indicators = {"addresses": [value], "domains": [value]}
    return FakeCase(
        rows,
        {**texts, "case": case, "incident": {"title": value, "indicators": indicators}, "detection_limits": [value], "run": {"custody_head": value},
         "window": {"start": value, "end": value}, "unread": {"parts": [{"reason": value, "parts": 1}]}},
    )  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_evidence_is_text_and_nothing_else(value: str, tmp_path: Path) -> None:
    in_tables = value.encode("utf-8", "replace").decode()  # no table can hold a lone surrogate, a summary can
    case = hostile_case(in_tables)
    case.told |= {"conclusion_text": value, "incident": {"title": value}}
    for page in drafts(case, tmp_path):
        said = text(page)
        assert all(char.isprintable() or char == "\n" for char in said)
        assert len(said) < 60_000
        assert text(page).count("[TO FILL: ") == len(yellow(page)) + said.count("[TO FILL: nothing]")
    for name in ("authority.docx", "persons.docx"):
        with zipfile.ZipFile(tmp_path / name) as packed:
            body = packed.read("word/document.xml")
            assert b"hyperlink" not in body
            assert b"fldChar" not in body
            assert b'TargetMode="External"' not in b"".join(packed.read(one) for one in packed.namelist())


@pytest.mark.property
@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_title_can_be_read_back_as_it_is_shown(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    case = hostile_case(value)
    authority, _ = drafts(case, tmp_path_factory.mktemp("draft"))
    if value and "@" not in value:
        assert f"Incident: {shown(value)} [summary.json]" in text(authority)


def test_the_same_tables_give_the_same_bytes_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    case = cast("Case", counted_case())
    before = [place.read_bytes() for place in docx.write(case, tmp_path)]
    again = docx.write(case, tmp_path)
    assert [place.read_bytes() for place in again] == before
    assert {place.stat().st_mode & 0o777 for place in again} == {0o600}
    assert sorted(place.name for place in tmp_path.iterdir()) == ["authority.docx", "persons.docx"]
    for content in before:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert packed.namelist()[0] == "[Content_Types].xml"
            assert all(name.endswith((".xml", ".rels")) for name in packed.namelist()), "a picture or a program"


def test_the_documents_are_built_as_documents(tmp_path: Path) -> None:
    for page in drafts(counted_case(), tmp_path):
        assert page.sections[0].header.paragraphs[0].text.startswith("DRAFT")
        assert "PAGE" in page.sections[0].footer._element.xml
        properties = page.core_properties
        assert (properties.author, properties.language, properties.revision) == ("forensics", "en-GB", 1)
        assert properties.created is not None
        assert properties.created.year == 1980
        styles = page.styles.element.xml
        assert 'w:lang w:val="en-GB"' in styles
        assert "en-US" not in re.sub(r'w:(?:eastAsia|bidi)="[^"]*"', "", styles)
        assert {"Title", "Heading 1", "Heading 2", "List Bullet", "List Number"} <= {
            one.style.name for one in page.paragraphs if one.style
        }
        for table in page.tables:
            assert "w:tblHeader" in table.rows[0]._tr.xml
            assert all("w:tblHeader" not in row._tr.xml for row in table.rows[1:])


def test_without_the_library_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    monkeypatch.delitem(sys.modules, "forensics.reporters.docx.paper", raising=False)
    with pytest.raises(CaseError, match=r'pip install "forensics\[reports\]"'):
        docx.write(cast("Case", FakeCase()), tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_it_is_a_reporter_that_is_written_on_request() -> None:
    assert isinstance(docx.REPORTER, Reporter)
    assert (docx.REPORTER.name, docx.REPORTER.default) == ("docx", False)
