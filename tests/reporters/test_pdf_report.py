"""The printed report: everything visible and nothing live, whatever the evidence says; the same bytes again; hashes that hold."""

from __future__ import annotations

import hashlib
import io
import re
import sys
import unicodedata
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from forensics.case import BESIDE, CONTRACT, Case, CaseError
from forensics.people import PERSON_GROUPS
from forensics.pipeline import answers
from forensics.reporters import pdf, tables
from forensics.reporters.pdf import letters

HOSTILE = [
    '#eval("1+1")', '#link("http://evil.example")[x]', "$x^2$ *b* _i_ `r` @ref <label> = h", '#image("/etc/passwd")', "\\u{41} \\ ~ --- ...",
    "<script>alert(1)</script>", "\x1b[2J", "a\u202eb", "\u200b\ufeff", "a\x00b", "\x1f\x1f", "中文", "שלום", "مرحبا", "\U0001f600", "\ue000", "W" * 40_000,
    "o\u0300\u0301\u0302\u0303\u0304\u0305\u0306", "ĐỗẞŒﬁ", "\u0e01\u0e33", "[bold]x[/]", "line\r\nbreak", "\u2028", "👩‍👩‍👧",
]  # fmt: skip

SUMMARY: dict[str, Any] = {
    "incident": {"name": "t", "title": "Hidden copies", "indicators": {"addresses": ["phan@giftshop.club"], "domains": ["giftshop.club"]}},
    "case": {"number": "ACME-2025-017", "custodian": "Eva Lund"},
    "window": {"start": "2025-09-17T00:00:00Z", "end": None, "basis": "incident"},
    "conclusion": "exposure_shown", "conclusion_text": "2 messages went out.", "ongoing": "yes", "ongoing_text": "It goes on.",
    "coverage_text": "Not all of the window.", "coverage_remarks": [], "counts": {"evidence_files": 3, "messages": 9, "judged_messages": 5},
    "verdicts": {}, "proofs": {}, "detection_limits": ["One on fewer than 5 messages."], "excused": [],
    "unread": {"messages_without_content": 1, "messages_partial": 0, "parts": [{"reason": "image: not examined", "parts": 2}]},
    "defects": {"total": 0, "by_reason": []}, "next_steps": ["Contain first.", "Then rotate."],
    "run": {"version": "1", "custody_head": "ab" * 32},
}  # fmt: skip

KEPT = {**CONTRACT, **answers.BESIDE, "person_groups": PERSON_GROUPS}  # every table of a case, with its columns


class Tables:
    """A finished case that lies in memory."""

    def __init__(self, told: dict[str, Any] | None = None, **rows: list[dict[str, Any]]) -> None:
        self.rows, self.summary = rows, {**deepcopy(SUMMARY), **(told or {})}

    def read(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(self.rows.get(name, []), columns=list(KEPT[name]))


def row(table: str, **values: Any) -> dict[str, Any]:
    return dict.fromkeys(CONTRACT[table], "") | values


def exposed(number: int, **values: Any) -> dict[str, Any]:
    base = {
        "message_key": f"m{number}@acme.example",
        "sent_at": "2025-09-18T10:01:02Z",
        "verdict": "confirmed",
        "proof": "delivered",
    }
    return row("exposed_messages", **(base | {"content": "full", "credentials": "0", "personal_data": "1"} | values))


def recipient(address: str, verdict: str = "confirmed", **values: Any) -> dict[str, Any]:
    numbers = {"rank": 1, "messages": 2, "delivered": 1, "bounced": 0, "blind": 2}
    return row("unexpected_recipients", address=address, verdict=verdict, reasons="It is an indicator.", **numbers, **values)


def printed(folder: Path, told: dict[str, Any] | None = None, **rows: list[dict[str, Any]]) -> list[str]:
    """The text of each page."""
    (target,) = pdf.write(cast("Case", Tables(told, **rows)), folder)
    assert target.name == "report.pdf"
    assert target.stat().st_mode & 0o777 == 0o600
    return [page.extract_text() for page in PdfReader(target).pages]


def told_in(pages: list[str]) -> str:
    """All pages as one line, without heads and feet and the ends of lines within words."""
    return " ".join("\n".join(pages).split())


def test_a_case_without_rows_says_what_that_is_worth(tmp_path: Path) -> None:
    pages = printed(
        tmp_path, {"conclusion": "cannot_tell", "conclusion_text": "It cannot be told.", "unread": {}, "detection_limits": []}
    )
    text = told_in(pages)
    for words in (
        "Cannot tell",
        "Confidential",
        "No confirmed or probable recipient",
        "Every record could be read",
        "Contain first.",
    ):
        assert words in text, words
    assert "Appendix" not in text
    assert not re.search(r"\bclean\b", text, re.IGNORECASE)


@pytest.mark.parametrize(
    "word", ["exposure_shown", "compromised_extent_unknown", "cannot_tell", "none_seen_covered", "something_new"]
)
def test_the_conclusion_comes_first_then_coverage(tmp_path: Path, word: str) -> None:
    text = told_in(printed(tmp_path, {"conclusion": word}))
    places = [
        text.index(words)
        for words in ("2 messages went out.", "Not all of the window.", "Key figures", "Contain first.", "Proof: the tables")
    ]
    assert places == sorted(places)


def test_a_summary_of_an_older_version_is_enough(tmp_path: Path) -> None:
    case = Tables()
    case.summary = {"conclusion": "cannot_tell"}
    (target,) = pdf.write(cast("Case", case), tmp_path)
    assert "No statement on coverage was made" in told_in([page.extract_text() for page in PdfReader(target).pages])


def test_every_page_names_the_case_and_its_number(tmp_path: Path) -> None:
    pages = printed(tmp_path, exposed_messages=[exposed(n) for n in range(90)])
    assert len(pages) > 4
    for number, text in enumerate(pages, 1):
        assert "Case ACME-2025-017" in text
        assert f"page {number} of {len(pages)}" in text
    assert {tuple(map(round, page.mediabox[2:])) for page in PdfReader(tmp_path / "report.pdf").pages} == {(595, 842), (842, 595)}


def test_figures_count_verdicts_against_proofs(tmp_path: Path) -> None:
    rows = [exposed(1), exposed(2, proof="accepted"), exposed(3, verdict="probable"), exposed(4, proof="accepted")]
    text = told_in(printed(tmp_path, exposed_messages=rows))
    assert re.search(r"confirmed 0 1 2 0 3 probable 0 1 0 0 1 together 0 2 2 0 4", text)


def test_what_is_only_possible_stands_in_its_own_section(tmp_path: Path) -> None:
    credential = {"kind": "api_key", "messages": 1, "state": "live_until_rotated", "severity": "high"}
    text = told_in(
        printed(
            tmp_path,
            unexpected_recipients=[recipient("phan@giftshop.club"), recipient("desk@partner.example", "possible")],
            credentials=[
                row("credentials", credential_id="C1", verdict="possible", **credential),
                row("credentials", credential_id="C2", verdict="confirmed", **credential),
            ],
            people=[row("people", person="p@x.example", verdict="possible", relation="mentioned", data_kinds="health")],
        )
    )
    start, end = text.index("Possible, kept apart 0 messages"), text.index("What cannot be known")
    assert "desk@partner.example" in text[start:end]
    assert "desk@partner.example" not in text[:start] + text[end:]
    assert "1 distinct credentials, 1 of which" in text
    assert "C1" not in text.split()
    assert "0 addresses in exposed mail" in text
    assert "health" not in text


def test_long_tables_are_cut_and_say_where_the_rest_is(tmp_path: Path) -> None:
    credential = {"kind": "api_key", "messages": 1, "state": "expires", "severity": "high", "verdict": "confirmed"}
    listed = [row("credentials", credential_id=f"C{n:04}", **credential) for n in range(142)]
    messages = [exposed(n) for n in range(512)]
    text = told_in(printed(tmp_path, credentials=listed, exposed_messages=messages))
    assert "And 112 more, see credentials.csv, SHA-256" in text
    assert "And 12 more, see exposed_messages.csv, SHA-256" in text
    assert "m499@acme.example" in text
    assert "m500@acme.example" not in text
    assert "C0029" in text
    assert "C0030" not in text


def test_the_hashes_are_those_of_the_csv_files_whichever_comes_first(tmp_path: Path) -> None:
    rows: dict[str, Any] = {
        "exposed_messages": [exposed(1, subject="=1+1"), exposed(2, subject='über, "x"\n')],
        "people": [row("people", person="a@x.example")],
    }
    before = told_in(printed(tmp_path, **rows)).replace(" ", "")
    written = tables.write(cast("Case", Tables(None, **rows)), tmp_path)
    assert {place.stem for place in written} == {*CONTRACT, *BESIDE}
    for place in written:
        digest = hashlib.sha256(place.read_bytes()).hexdigest()
        assert digest in before, place.name
    assert told_in(printed(tmp_path, **rows)).replace(" ", "") == before
    assert "ab" * 32 in before  # the head of the custody log


def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    printed(tmp_path, exposed_messages=[exposed(1)])
    first = (tmp_path / "report.pdf").read_bytes()
    printed(tmp_path, exposed_messages=[exposed(1)])
    assert (tmp_path / "report.pdf").read_bytes() == first
    found = PdfReader(io.BytesIO(first))
    assert found.metadata is not None
    assert found.metadata.creation_date is not None
    assert found.metadata.creation_date.year == 1980


def hostile_rows(values: list[str]) -> dict[str, Any]:
    numbers = {
        "messages": 1,
        "delivered": 1,
        "bounced": 0,
        "blind": 1,
        "rank": 1,
        "start": 0,
        "end": 1,
        "records": 1,
        "timestamp": 0,
        "senders": 1,
    }
    return {
        name: [{column: numbers.get(column, value) for column in columns} | ({"verdict": "confirmed"} if "verdict" in columns else {}) for value in values]
        for name, columns in CONTRACT.items()
    }  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of which every text is hostile."""
    told = {
        "incident": {"title": " ".join(one[:40] for one in HOSTILE), "indicators": {"addresses": HOSTILE, "domains": HOSTILE}},
        "case": {"number": HOSTILE[0], "custodian": HOSTILE[1]},
        "conclusion_text": HOSTILE[2], "ongoing_text": HOSTILE[3], "coverage_text": HOSTILE[6], "next_steps": HOSTILE, "detection_limits": HOSTILE,
        "excused": [{"entry": one, "reason": one, "messages": 1, "first_use": one, "review": True} for one in HOSTILE],
        "unread": {"parts": [{"reason": one, "parts": 1} for one in HOSTILE]}, "defects": {"by_reason": [{"reason": one, "count": 1} for one in HOSTILE]},
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("hostile")
    (target,) = pdf.write(cast("Case", Tables(told, **hostile_rows(HOSTILE))), folder)
    return target


def test_hostile_text_is_set_as_it_stands(hostile: Path) -> None:
    text = told_in([page.extract_text() for page in PdfReader(hostile).pages])
    for words in ('#eval("1+1")', "$x^2$ *b* _i_ `r` @ref <label> = h", "\\u{41} \\ ~ --- ...", "<script>alert(1)</script>"):
        assert words.replace(" ", "") in text.replace(" ", ""), words
    for written in ("[U+001B]", "[U+202E]", "[U+4E2D]", "[U+05E9]", "[U+0645]", "[U+1F600]", "[U+E000]", "[U+0E01]"):
        assert written in text.replace(" ", ""), written
    assert [one for one in text if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co"}] == []
    assert "root:" not in text


def test_nothing_in_it_is_live(hostile: Path) -> None:
    pages = PdfReader(hostile)
    told = repr([pages.trailer["/Root"], *(page.get("/Annots") for page in pages.pages)])
    assert not re.search(r"/JavaScript|/JS\b|/Launch|/OpenAction|/EmbeddedFiles|/URI\b|/AA\b", told)


def test_only_the_fonts_of_the_library_are_used(hostile: Path) -> None:
    names = {
        str(font.get_object()["/BaseFont"]).partition("+")[2]
        for page in PdfReader(hostile).pages
        for font in cast("Any", page["/Resources"])["/Font"].values()
    }
    assert {re.sub(r"[-].*", "", name) for name in names} <= {"LibertinusSerif", "DejaVuSansMono", "NewCM10", "NewCMMath"}


def allowed() -> str:
    found = [chr(code) for code in range(0x20, 0x1_0000) if not 0xD800 <= code < 0xE000 and not letters._FOREIGN.match(chr(code))]
    return "".join(one for one in found if letters.set_text(f"x{one}", 9).replace(letters.BREAK, "") == f"x{one}")


def test_every_letter_that_is_let_through_has_a_shape_in_every_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_ascii", lambda _: pytest.fail("a letter has no shape in these fonts"))
    listed = allowed()
    assert len(listed) > 1_300
    words = [" ".join(f"x{one}" for one in listed[at : at + 30]) for at in range(0, len(listed), 30)]
    blocks = [
        {"kind": "heading", "level": 1, "text": one} for one in words
    ] + [
        {"kind": "table", "columns": [{"title": "t", "width": {"unit": "fr", "size": 1.0}, "look": look} for look in ("", "mono", "strong")],
         "rows": [[one, one, one] for one in words]},
    ]  # fmt: skip
    monkeypatch.setattr(pdf, "blocks", lambda _: blocks)
    assert len(printed(tmp_path)) > 5


def test_fonts_that_lack_a_letter_cost_the_letter_and_not_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "_FOREIGN", re.compile("(?!)"))  # as with a release whose fonts know less
    text = told_in(printed(tmp_path, {"incident": {"title": "見 über"}}))
    assert "[U+898B] [U+00FC]ber" in text


@pytest.mark.parametrize(
    ("written", "as_set"),
    [
        ("ann@a.example", "ann@a.example"),
        ("Größe №12 – 5 €", "Größe №12 – 5 €"),
        ("Привет, κόσμε", "Привет, κόσμε"),
        ("中", "[U+4E2D]"),
        ("x" + "中" * 9 + "y", "x" + "[U+4E2D]" * 6 + "[and 3 more]y"),
        ("a\x1fb", "a[U+001F]b"),  # evidence cannot say where a word breaks
        ("аррӏе.example", "аррӏе.example"),  # Cyrillic: a look-alike has its letters, as on any page
    ],
)
def test_what_has_no_letter_is_written_out(written: str, as_set: str) -> None:
    assert letters.set_text(written, 100).replace(letters.BREAK, "") == as_set


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_no_word_is_too_long_to_break_and_nothing_is_lost(text: str) -> None:
    found = letters.set_text(text, 1_000)
    pieces = re.split(rf"[\s{letters.BREAK}]", found)
    joined = found.replace(letters.BREAK, "")
    assert all(len(piece.rstrip("@./_-:=~]")) <= 14 for piece in pieces)
    assert letters.BREAK not in joined
    assert [
        one
        for one in joined
        if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn"} or unicodedata.bidirectional(one) in {"R", "AL"}
    ] == []
    if text.isascii() and text.isprintable():
        assert joined == text


def test_without_the_library_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(CaseError, match=r'pip install "forensics\[reports\]"'):
        pdf.write(cast("Case", Tables()), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_typesetter_that_fails_leaves_the_report_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import typst

    def fail(*_: Any, **__: Any) -> bytes:
        raise typst.TypstError("no such thing", "")

    (tmp_path / "report.pdf").write_bytes(b"before")
    monkeypatch.setattr(typst, "compile", fail)
    with pytest.raises(CaseError, match="could not be typeset"):
        pdf.write(cast("Case", Tables()), tmp_path)
    assert (tmp_path / "report.pdf").read_bytes() == b"before"
