"""The HTML report: hostile evidence stays text, counts stay honest, and nobody needs a network to read it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.legible import shown
from forensics.plugins import Reporter
from forensics.reporters import html
from forensics.reporters.html import page

_MESSAGE = (
    "message_key sent_at in_window verdict proof sender to cc unexpected_recipients subject reasons sources content attachments "
    "credentials personal_data evidence"
)
COLUMNS = {
    name: columns.split()
    for name, columns in {
        "exposed_messages": _MESSAGE,
        "possible_messages": _MESSAGE,
        "not_delivered": _MESSAGE,
        "copies": "message_key recipient role verdict proof outcome_at reply source path start end sha256",
        "unexpected_recipients": "rank address domain verdict score messages delivered bounced blind senders first_seen last_seen indicator reasons",
        "credentials": "credential_id kind service rule preview severity confidence messages first_exposed last_exposed state rotate reference verdict",
        "credential_occurrences": "credential_id message_key sent_at part location preview verdict",
        "personal_data": "kind rule message_key sent_at part location preview confidence verdict",
        "people": "person domain relation roles messages data_kinds credentials first_exposed last_exposed residency_hint residency_basis verdict",
        "coverage": "source scope route shows from to records status note",
        "defects": "path start end parser reason",
        "timeline": "datetime timestamp timestamp_desc message source message_key recipient outcome",
        "person_groups": "person group_id basis category mailbox verdict",
    }.items()
}
CONCLUSIONS = ("exposure_shown", "compromised_extent_unknown", "none_seen_covered", "cannot_tell")


@dataclass(frozen=True)
class FakeCase:
    """A case in memory: tables not given are empty, parts of the summary not given are missing."""

    tables: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    path: Path = Path("no-such-case")  # without a custody log: nobody decided anything

    def read(self, table: str) -> pd.DataFrame:
        rows = [{**dict.fromkeys(COLUMNS[table], ""), **row} for row in self.tables.get(table, [])]
        return pd.DataFrame(rows, columns=COLUMNS[table])


class Seen(HTMLParser):
    """What a browser would meet: every element with its attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.sections: dict[str, list[str]] = {}
        self._section = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag == "section":
            self._section = attributes["id"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        self.sections.setdefault(self._section, []).append(data)

    def text(self, section: str | None = None) -> str:
        return " ".join(" ".join(self.texts if section is None else self.sections.get(section, [])).split())


def message(key: str = "a1@mtasv.net", **cells: Any) -> dict[str, Any]:
    usual = {
        "message_key": key, "sent_at": "2025-09-18T08:00:00Z", "in_window": "yes", "verdict": "confirmed", "proof": "delivered",
        "sender": "portal@northwind.example", "to": "anna@customer.example", "unexpected_recipients": "phan@giftshop.club",
        "subject": "Welcome", "reasons": "An indicator was addressed", "sources": "postfix", "content": "full", "credentials": "1",
        "personal_data": "2",
    }  # fmt: skip
    return usual | cells


def credential(number: int = 1, **cells: Any) -> dict[str, Any]:
    usual = {
        "credential_id": f"C{number}", "kind": "api_key", "service": "postmark", "preview": "9c1e…04fd", "messages": 1,
        "state": "live_until_rotated", "rotate": "Create a new token", "verdict": "confirmed", "severity": "high",
    }  # fmt: skip
    return usual | cells


# ---- hostile evidence -------------------------------------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</style></title></textarea><a href=javascript:alert(1)>x</a>",
    "<!-- --><iframe src=//evil.example></iframe>",
    "[/red] [x](javascript:alert(1))",
    "\x1b[2J\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "invoice\u202excod.exe\u2066\u200b\ufeff",
    "{{7*7}}{% raw %}{#",
    "javascript:alert(1)",
    "https://evil.example/x?a=1&b=2",
    "W" * 10_000,
    "\x00\x85\ud800\U000e0041",
    "&lt;script&gt; &#x3c;img&#x3e;",
    "a" + "\u0301" * 5_000,
    "x; " * 3_000,
)
# What the page itself may contain; none of it can name something outside.
_ELEMENTS = (
    "html head meta title style body div header nav main section article footer h1 h2 h3 p dl dt dd ol ul li a strong span bdi br code time "
    "figure figcaption details summary table caption thead tbody tr th td svg defs pattern rect path circle line text desc "
    "fieldset legend label input small"
)
ELEMENTS = frozenset(_ELEMENTS.split())


def hostile_case(text: str) -> FakeCase:
    """The text in every column of every table, alone and beside values that open further branches of the page."""
    usual: dict[str, list[dict[str, Any]]] = {
        "exposed_messages": [{"content": "none", "verdict": "confirmed", "sent_at": "2025-09-18T08:00:00Z"}, {"in_window": "no"}],
        "possible_messages": [{"verdict": "possible"}],
        "unexpected_recipients": [{"verdict": "possible"}, {"indicator": "yes", "senders": "3"}],
        "credentials": [{"verdict": "possible"}, {"state": "live_until_rotated"}],
        "people": [{"relation": "own_staff"}, {"relation": "mentioned", "verdict": "possible"}],
        "personal_data": [{"verdict": "possible"}],
        "coverage": [{"status": word} for word in ("covered", "gap", "partial", "expired", "unknown")],
    }
    stored = text.encode("utf-8", "replace").decode()  # no Arrow table holds a lone surrogate; JSON does
    tables = {
        name: [dict.fromkeys(columns, stored), *({**dict.fromkeys(columns, stored), **row} for row in usual.get(name, []))]
        for name, columns in COLUMNS.items()
    }
    summary = {
        "incident": {"name": text, "title": text, "references": [text], "indicators": {"addresses": [text], "domains": [text]}},
        "window": {"start": "2025-09-17T00:00:00Z", "end": text, "basis": text}, "case": {"number": text, "contact": text},
        "conclusion": text, "conclusion_text": text, "ongoing": text, "ongoing_text": text, "coverage_text": text,
        "counts": {"evidence_files": text, "messages": text, "judged_messages": text}, "next_steps": [text, text],
        "excused": [{"entry": text, "reason": text, "copies": 1, "messages": text, "first_use": text, "last_use": None, "review": True}],
        "unread": {"messages_without_content": text, "messages_partial": text, "parts": [{"reason": text, "parts": 3}]},
        "defects": {"total": text, "by_reason": [{"reason": text, "count": text}]},
        "own_domains": {"domains": [text], "basis": text}, "clocks": [{"path": text, "basis": text}],
    }  # fmt: skip
    return FakeCase(tables, summary)


def assert_inert(text: str) -> Seen:
    """No element, attribute or address beyond what the template itself has."""
    seen = Seen(text)
    ids = {attributes["id"] for _, attributes in seen.elements if "id" in attributes}
    for tag, attributes in seen.elements:
        assert tag in ELEMENTS
        assert not [
            name for name in attributes if name.startswith("on") or name in ("src", "srcdoc", "action", "xlink:href", "value")
        ]
        if "style" in attributes:  # ranks of a row, nothing else
            assert tag == "tr"
            assert re.fullmatch(r"--o\d:\d{1,3}(;--o\d:\d{1,3})*", attributes["style"])
        if tag == "input":
            assert attributes["type"] == "radio"
            assert re.fullmatch(r"(pick [a-d]\d\d?|by o\d)?", attributes.get("class", ""))
        if "href" in attributes:  # the list of contents: a place on this page, nothing else
            assert tag == "a"
            assert attributes["href"].startswith("#")
            assert attributes["href"][1:] in ids
        for name, value in attributes.items():
            assert not re.search(r"(?i)javascript:|https?:|//|data:text", value), (tag, name)
    assert sum(tag == "a" for tag, _ in seen.elements) == 14
    return seen


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_evidence_stays_text_in_every_column(text: str) -> None:
    written = page(hostile_case(text))
    assert_inert(written)
    assert "\n\n\n\n" not in written
    assert len(written) < 400_000
    assert not [char for char in set(written) - {"\n"} if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")]
    assert not re.search("[\u0300-\u036f]{5}", written)


def test_a_template_expression_in_evidence_is_not_evaluated() -> None:
    written = page(hostile_case("{{7*7}}"))
    assert "{{7*7}}" in written
    assert "49" not in Seen(written).text("credentials")


def test_the_hostile_texts_do_reach_the_page() -> None:
    text = Seen(page(hostile_case("<b>needle</b>"))).text
    for section in (
        "conclusion",
        "figures",
        "steps",
        "recipients",
        "credentials",
        "exposed",
        "people",
        "possible",
        "excused",
        "unknown",
    ):
        assert "<b>needle</b>" in text(section), section


@pytest.mark.property
@given(st.text(st.characters(), max_size=300))
@settings(max_examples=100, deadline=None)
def test_shown_text_is_printable_and_shown_again_is_the_same(text: str) -> None:
    once = shown(text)
    assert once.isprintable()
    assert shown(once) == once
    once.encode("utf-8")


@pytest.mark.property
@given(st.text(st.characters(), max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_text_is_inert(text: str) -> None:
    assert_inert(page(hostile_case(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüße, Łukasz 東京 שלום", "Grüße, Łukasz 東京 שלום"),
        ("e\u0301", "e\u0301"),
        ("a\tb\r\nc", "a b  c"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\x1b[2J", "[U+001B][2J"),
        ("\x9b1m", "[U+009B]1m"),
        ("a\u202eb\u2069", "a[U+202E]b[U+2069]"),
        ("pay\u200bpal", "pay[U+200B]pal"),
        ("a\u3164b", "a[U+3164]b"),
        ("line\u2028sep", "line[U+2028]sep"),
        ("\ud800", "[U+D800]"),
        ("<b>", "<b>"),
        ("", ""),
    ],
)
def test_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_shown_says_what_it_cuts() -> None:
    assert shown("x" * 50, 40) == "x" * 40 + " … [10 more characters]"
    assert shown("x" * 40, 40) == "x" * 40


# ---- self-contained, accessible ------------------------------------------------------------------------------------------


def test_one_file_without_script_or_network() -> None:
    written = page(full_case())
    seen = assert_inert(written)
    metas = [attributes for tag, attributes in seen.elements if tag == "meta"]
    policy = next(meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    style = written[written.index("<style>") : written.index("</style>")]
    assert not re.search(r"@import|https?:|url\((?!#)", style)


def full_case() -> FakeCase:
    rows = [message(f"a{i}@mtasv.net", sent_at=f"2025-09-{18 + i % 9}T08:00:00Z") for i in range(20)]
    rows += [message("b1", verdict="probable", sent_at="", content="none", credentials="", personal_data="")]
    tables: dict[str, list[dict[str, Any]]] = {
        "exposed_messages": rows,
        "possible_messages": [message("p1", verdict="possible", proof="inferred")],
        "not_delivered": [message("n1", proof="attempted")],
        "unexpected_recipients": [{"address": "phan@giftshop.club", "verdict": "confirmed", "messages": 20, "reasons": "One; Two"},
                                  {"address": "agency@partner.example", "verdict": "possible", "messages": 3}],
        "credentials": [credential(1), credential(2, verdict="possible", preview="possible-preview")],
        "credential_occurrences": [{"credential_id": "C1", "message_key": "a1@mtasv.net", "part": "text/plain", "location": f"line {i}"} for i in range(5)],
        "people": [{"person": "anna@customer.example", "relation": "correspondent", "messages": 2, "verdict": "confirmed"},
                   {"person": "maybe@customer.example", "relation": "correspondent", "messages": 2, "verdict": "possible"}],
        "coverage": [{"source": "postfix", "scope": "mx1.example", "route": "smtp", "status": "gap", "from": "2025-09-20T00:00:00Z",
                      "to": "2025-09-21T00:00:00Z"}, {"source": "postfix", "scope": "mx1.example", "route": "smtp", "status": "covered",
                      "from": "2025-09-01T00:00:00Z", "to": "2025-09-20T00:00:00Z"}],
    }  # fmt: skip
    window = {"start": "2025-09-17T00:00:00Z", "end": None, "basis": "incident"}
    return FakeCase(tables, {"conclusion": "exposure_shown", "ongoing": "unknown", "window": window})


def test_landmarks_captions_and_names_for_those_who_do_not_see_it() -> None:
    seen = Seen(page(full_case()))
    tags = [tag for tag, _ in seen.elements]
    assert {"header", "nav", "main", "footer"} <= set(tags)
    assert tags.count("h1") == 1
    assert tags.count("table") == tags.count("caption") > 5
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in seen.elements if tag == "th")
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in seen.elements:
        assert set(attributes.get("aria-labelledby", "").split()) <= set(ids)
        if tag == "svg" and attributes.get("role") == "img":
            assert attributes["aria-labelledby"]
    assert ("html", {"lang": "en"}) in seen.elements


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _themes() -> Iterator[dict[str, str]]:
    css = (Path(html.__file__).parents[1] / "templates" / "report.css").read_text(encoding="utf-8")
    for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL):
        yield dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))


def test_every_text_colour_can_be_read_on_every_ground() -> None:
    themes = list(_themes())
    assert len(themes) == 3  # light, dark, print
    for theme in themes:
        for ink in ("ink", "quiet", "confirmed", "probable", "possible", "covered"):
            for ground in ("ground", "panel", "sunken"):
                light, dark = sorted((_luminance(theme[ink]), _luminance(theme[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


# ---- honesty ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", CONCLUSIONS)
def test_the_empty_case_has_a_text_for_each_conclusion(word: str) -> None:
    seen = assert_inert(page(FakeCase({}, {"conclusion": word, "conclusion_text": "A sentence."})))
    text = seen.text("conclusion")
    expected = {
        "exposure_shown": "Exposure shown",
        "compromised_extent_unknown": "extent unknown",
        "none_seen_covered": "it is not a finding that nothing happened",
        "cannot_tell": "That nothing was found here means nothing",
    }
    assert {one for one, sign in expected.items() if sign in text} == {word}
    assert "A sentence." in text
    assert "Still going on: unknown." in text
    assert "clean" not in seen.text().lower()


def test_a_conclusion_without_sentence_gets_one_and_no_conclusion_is_cannot_tell() -> None:
    sentences = {Seen(page(FakeCase({}, {"conclusion": word}))).text("conclusion") for word in CONCLUSIONS}
    assert len(sentences) == len(CONCLUSIONS)
    assert Seen(page(FakeCase())).text("conclusion") == Seen(page(FakeCase({}, {"conclusion": "cannot_tell"}))).text("conclusion")
    assert "does not know this conclusion" in Seen(page(FakeCase({}, {"conclusion": "all_good"}))).text("conclusion")


@pytest.mark.parametrize(
    ("word", "expected"), [("yes", "Still going on: yes."), ("no", "Still going on: no."), ("", "Still going on: unknown.")]
)
def test_whether_it_goes_on(word: str, expected: str) -> None:
    assert expected in Seen(page(FakeCase({}, {"ongoing": word}))).text("conclusion")


def test_steps_keep_their_order_and_precautions_stand_in_for_missing_ones() -> None:
    incident = {"precautions": ["Contain first"]}
    steps = {"next_steps": ["Stop the host", "Preserve", "Rotate"], "incident": incident}
    assert "Stop the host Preserve Rotate" in Seen(page(FakeCase({}, steps))).text("steps")
    assert "Contain first" in Seen(page(FakeCase({}, {"incident": incident}))).text("steps")


def test_what_the_report_must_always_say() -> None:
    text = Seen(page(FakeCase())).text()
    for sentence in (
        "A delivered copy never shows a Bcc.",
        "not legal advice",
        "whoever could post to it could forge one",
        "kept apart",
    ):
        assert sentence in text


def test_possible_is_kept_apart_everywhere() -> None:
    seen = Seen(page(full_case()))
    for weak in ("agency@partner.example", "possible-preview", "maybe@customer.example"):
        assert weak in seen.text("possible")
        for section in ("figures", "recipients", "credentials", "exposed", "people"):
            assert weak not in seen.text(section)
    assert "1 correspondents" in seen.text("people")
    assert "Credentials to rotate 1 at least" in seen.text("figures")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "Credentials to rotate 0 no exposed message to search"),
        ([message(content="none", credentials="", personal_data="")], "Credentials to rotate not known"),
        ([message(content="full", credentials="0")], "Credentials to rotate 0 in exposed messages"),
        (
            [message(content="full", credentials="0"), message("b", content="none")],
            "Credentials to rotate 0 at least: 1 exposed message not read",
        ),
        (
            [message(content="partial", credentials="0")],
            "Credentials to rotate 0 at least: 0 exposed messages not read, 1 read in part",
        ),
    ],
)
def test_unread_content_is_never_counted_as_nothing(rows: list[dict[str, Any]], expected: str) -> None:
    assert expected in Seen(page(FakeCase({"exposed_messages": rows}))).text("figures")


def test_a_message_not_read_shows_no_zero() -> None:
    unread = Seen(page(FakeCase({"exposed_messages": [message(content="none", credentials="", personal_data="")]}))).text(
        "exposed"
    )
    assert "not read" in unread
    assert "credential" not in unread
    assert "0 credentials" in Seen(page(FakeCase({"exposed_messages": [message(credentials="0")]}))).text("exposed")


def test_places_of_a_credential_are_counted_to_the_end() -> None:
    text = Seen(page(full_case())).text("credentials")
    assert "line 0" in text
    assert "line 2" in text
    assert "line 3" not in text
    assert "2 more in credential_occurrences.csv" in text


def test_left_out_recipients_are_counted() -> None:
    many = "; ".join(f"user{i}@customer.example" for i in range(500))
    assert "user4@customer.example and 495 more" in Seen(page(FakeCase({"exposed_messages": [message(to=many)]}))).text("exposed")


def test_confirmed_first_then_by_time_undated_last() -> None:
    rows = [
        message("late", sent_at="2025-10-01T00:00:00Z"),
        message("undated", sent_at=""),
        message("early"),
        message("weak", verdict="probable"),
    ]
    text = Seen(page(FakeCase({"exposed_messages": rows}))).text("exposed")
    assert re.findall(r"Key: (\w+)", text) == ["early", "late", "undated", "weak"]


# ---- charts -------------------------------------------------------------------------------------------------------------


def _bars(written: str, kind: str) -> list[dict[str, str]]:
    seen = Seen(written)
    return [
        attributes
        for tag, attributes in seen.elements
        if tag == "rect" and attributes.get("class") == kind and "%" in attributes["width"]
    ]


def test_every_message_is_in_the_chart_or_in_the_note_below() -> None:
    dates = ["2025-09-18T08:00:00Z"] * 3 + [
        "2025-09-20T23:59:59Z",
        "",
        "1971-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "no date",
        "2025-13-40T00:00:00Z",
    ]
    rows = [message(str(i), sent_at=text) for i, text in enumerate(dates)]
    written = page(FakeCase({"exposed_messages": rows}, {"window": {"start": "2025-09-17T00:00:00Z", "end": None, "basis": ""}}))
    text = Seen(written).text("timeline")
    assert len(_bars(written, "b-confirmed")) == 2
    assert "4 exposed messages without a usable date" in text
    assert "1 exposed message dated more than three years away" in text
    assert "at most 3 in one day" in text


@pytest.mark.parametrize(("days", "step"), [(10, "day"), (119, "day"), (121, "week"), (900, "four weeks")])
def test_the_step_grows_with_the_time(days: int, step: str) -> None:
    last = (pd.Timestamp("2025-09-17T08:00:00Z") + pd.Timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [message("a", sent_at="2025-09-17T08:00:00Z"), message("b", sent_at=last)]
    assert f"Messages per {step}," in Seen(page(FakeCase({"exposed_messages": rows}))).text("timeline")


def test_possible_mail_is_drawn_apart_in_outline() -> None:
    written = page(full_case())
    assert len(_bars(written, "b-possible")) == 1
    assert "Possible, apart and on its own scale: at most 1" in Seen(written).text("timeline")


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (("2025-09-17T00:00:00Z", "2025-09-27T00:00:00Z"), ("0.0%", "100.0%")),
        (("2025-09-22T00:00:00Z", "2025-09-27T00:00:00Z"), ("50.0%", "50.0%")),
        (("2020-01-01T00:00:00Z", "2025-09-22T00:00:00Z"), ("0.0%", "50.0%")),
        (("", ""), ("0.0%", "100.0%")),
        (("2025-09-22T00:00:00Z", "2025-09-22T00:00:00Z"), ("50.0%", "0.4%")),
        (("2025-10-01T00:00:00Z", "2025-10-02T00:00:00Z"), None),
        (("2025-09-01T00:00:00Z", "2025-09-02T00:00:00Z"), None),
    ],
)
def test_coverage_bars_lie_over_the_window(interval: tuple[str, str], expected: tuple[str, str] | None) -> None:
    row = {"source": "postfix", "status": "partial", "from": interval[0], "to": interval[1]}
    window = {"start": "2025-09-17T00:00:00Z", "end": "2025-09-27T00:00:00Z", "basis": ""}
    bars = _bars(page(FakeCase({"coverage": [row]}, {"window": window})), "s-partial")
    assert [(bar["x"], bar["width"]) for bar in bars] == ([expected] if expected else [])


def test_status_is_told_in_words_beside_the_bar_and_an_unknown_word_is_not_coverage() -> None:
    text = Seen(page(full_case())).text("conclusion")
    assert "mx1.example, smtp : covered, gap" in text
    odd = {"source": "postfix", "status": "splendid", "from": "2025-09-17T00:00:00Z", "to": "2025-09-18T00:00:00Z"}
    written = page(FakeCase({"coverage": [odd]}))
    assert len(_bars(written, "s-unknown")) == 1
    assert not _bars(written, "s-covered")


# ---- size and sameness --------------------------------------------------------------------------------------------------


def test_twenty_thousand_messages_are_summarised() -> None:
    rows = [
        message(f"{i:05}@mtasv.net", sent_at=f"2025-{9 + i % 3:02}-{1 + i % 28:02}T08:00:00Z", subject="long " * 60)
        for i in range(20_000)
    ]
    people = [{"person": f"user{i}@customer.example", "relation": "correspondent", "verdict": "confirmed"} for i in range(20_000)]
    credentials = [credential(i) for i in range(2_000)]
    tables: dict[str, list[dict[str, Any]]] = {
        "exposed_messages": rows, "possible_messages": rows, "not_delivered": rows, "people": people, "credentials": credentials,
        "coverage": [{"source": f"s{i}", "status": "gap"} for i in range(3_000)],
        "unexpected_recipients": [{"address": f"x{i}@drop.example", "verdict": "probable"} for i in range(3_000)],
        "defects": [{"path": "mail.log", "reason": "The line is cut"}] * 20_000,
    }  # fmt: skip
    written = page(FakeCase(tables))
    assert len(written.encode()) < 2_000_000
    text = Seen(written).text()
    for left in (
        "19,800 more in exposed_messages.csv",
        "19,900 more in possible_messages.csv",
        "19,900 more in people.csv",
        "1,800 more in credentials.csv",
    ):
        assert left in text
    for left in ("2,950 more in unexpected_recipients.csv", "19,950 more in defects.csv", "2,900 more in coverage.csv"):
        assert left in text


def test_hostile_rows_in_number_stay_small() -> None:
    rows = [dict.fromkeys(COLUMNS["exposed_messages"], "<>&\"'" * 2_000 + "; " + "y" * 5_000) for _ in range(1_000)]
    tables = {"exposed_messages": rows, "possible_messages": rows}
    assert len(page(FakeCase(tables)).encode()) < 8_000_000


def test_the_same_case_gives_the_same_bytes_whatever_the_run_says(tmp_path: Path) -> None:
    first, second = full_case(), full_case()
    first.summary["run"] = {"started": "2026-11-22T10:00:00Z", "seconds": 3.2}
    second.summary["run"] = {"started": "2026-11-23T11:00:00Z", "seconds": 9.9}
    paths = [html.write(cast(Any, case), tmp_path / name / "report") for case, name in ((first, "one"), (second, "two"))]
    assert [path[0].name for path in paths] == ["report.html", "report.html"]
    assert paths[0][0].read_bytes() == paths[1][0].read_bytes()
    assert [one.name for one in paths[0][0].parent.iterdir()] == ["report.html"]
    assert paths[0][0].stat().st_mode & 0o077 == 0


def test_rows_given_in_another_order_give_the_same_messages() -> None:
    case = full_case()
    turned = FakeCase({**case.tables, "exposed_messages": case.tables["exposed_messages"][::-1]}, case.summary)
    # the file of another order is another file: its hash stands on the page
    without_hashes = [re.sub(r"\b[0-9a-f]{64}\b", "", page(one)) for one in (case, turned)]
    assert without_hashes[0] == without_hashes[1]


def test_missing_values_of_pandas_are_empty() -> None:
    class Gaps(FakeCase):
        def read(self, table: str) -> pd.DataFrame:
            return super().read(table).replace("", None)

    assert "nan" not in Seen(page(Gaps(full_case().tables, {}))).text("exposed").lower()
    assert "None" not in Seen(page(Gaps(full_case().tables, {}))).text("exposed")


def test_the_reporter_is_found_as_a_plugin() -> None:
    assert isinstance(html.REPORTER, Reporter)
    assert html.REPORTER.name == "html"
