"""Logs that a Windows program or shell wrote as UTF-16: every parser of lines says of them what it says of the plain ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support import FORMATS, assembled, read

from forensics.model import Defect, Fragment, Observation, Span
from forensics.plugins import Parser, discover

PARSERS: dict[str, Parser] = {one.name: one.plugin for one in discover("parsers") if one.plugin is not None}
OF_LINES = (
    "exchange_protocol", "exchange_tracking", "exim", "haraka", "hmailserver", "kumomta", "mcp_log", "opensmtpd", "postfix", "powermta",
    "qmail", "sendmail", "smtp_sensor", "smtp_transcript", "stalwart",
)  # fmt: skip
CODECS = ("utf-16-le", "utf-16-be")
LOST = {"journal.export"}  # its binary fields do not survive


def text_of(place: Path) -> str | None:
    """The sample as text, if it is plain text in UTF-8."""
    try:
        return place.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


SAMPLES = [
    pytest.param(name, content, id=f"{name}-{place.name}")
    for name in OF_LINES
    for place in sorted((FORMATS / name).rglob("*"))
    if place.is_file() and place.name not in LOST and (content := text_of(place)) is not None
]


def said(parser: Parser, data: bytes, codec: str) -> tuple[list[tuple[Observation, str]], list[tuple[str, str]]]:
    """Observations and reasons of defects, each with the text at its place instead of the place."""
    records = read(parser, data)
    places = [one.observation.span if isinstance(one, Fragment) else one.span for one in records]
    at = {span: text(data, span, codec) for span in places}
    observations = assembled(parser, [one for one in records if isinstance(one, Fragment)], {})
    nowhere = Span("", "", 0, 0)
    shown = []
    for one in observations:
        recipients = tuple(
            replace(each, start=0, end=0, written=f"{each.written} at {text(data, Span('', '', each.start, each.end), codec)}")
            for each in one.recipients
        )
        facts = tuple(fact for fact in one.facts if fact[0] not in {"answer_at", "taken"})  # places too
        shown.append((replace(one, span=nowhere, recipients=recipients, facts=facts, size=-1), at.get(one.span, "")))
    return sorted(shown, key=repr), [(one.reason, at[one.span]) for one in records if isinstance(one, Defect)]


def text(data: bytes, span: Span, codec: str) -> str:
    found = data[span.start : span.end].decode(codec, "ignore").removeprefix("\ufeff") if span.start >= 0 else ""
    return found.replace("\r\n", "\n").strip("\r\n")


def test_every_parser_has_samples() -> None:
    assert {one.values[0] for one in SAMPLES} == set(OF_LINES)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("name", "plain"), SAMPLES)
def test_a_wide_log_says_the_same_of_the_same_places(name: str, plain: str, codec: str) -> None:
    parser = PARSERS[name]
    wide = ("\ufeff" + plain).encode(codec)
    assert said(parser, wide, codec) == said(parser, plain.encode(), "utf-8")
    known = PARSERS[name].sniff(plain.encode()[: 1 << 16], "x.log")
    assert [one.name for one in PARSERS.values() if one.sniff(wide[: 1 << 16], "x.log")] == [name] * known


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("name", "plain"), [one for one in SAMPLES if one.values[0] in {"smtp_transcript", "mcp_log"}])
def test_the_content_of_a_wide_log_is_that_of_the_plain_one(name: str, plain: str, codec: str) -> None:
    parser = PARSERS[name]
    assert parser.body is not None
    bodies = []
    for data in (plain.encode(), ("\ufeff" + plain).encode(codec)):
        seen = [one for one in assembled(parser, [r for r in read(parser, data) if isinstance(r, Fragment)], {}) if one.has_body]
        seen.sort(key=lambda one: (one.span.start, one.kind))
        bodies.append([parser.body(data[one.span.start : one.span.end], one.kind) for one in seen])
    assert bodies[0] == bodies[1]
    assert not any(one.reason.endswith("again") for body in bodies[1] for one in body.unread)


@pytest.mark.parametrize("codec", CODECS)
def test_a_journal_that_a_shell_made_wide_is_read_as_far_as_it_survived(codec: str) -> None:
    row = "__REALTIME_TIMESTAMP=1758117792345900\n_HOSTNAME=mx1\nSYSLOG_IDENTIFIER=postfix/qmgr\n_PID=7\n"
    kept = f"{row}MESSAGE=4cRgTX2Rqfz9HdB: from=<a@acme.example>, size=900, nrcpt=1 (queue active)\n\n"
    lost = f"{row}MESSAGE\n\ufffd\ufffdto=<b@customer.example>\n\n"
    data = ("\ufeff" + kept + lost + kept.replace("9HdB", "9HdC")).replace("\n", "\r\n").encode(codec)
    postfix = PARSERS["postfix"]
    assert postfix.sniff(data, "journal.txt")
    records = read(postfix, data)
    seen = [one for one in records if isinstance(one, Fragment)]
    assert [one.observation.sender for one in seen] == ["a@acme.example"] * 2
    (broken,) = [one for one in records if isinstance(one, Defect)]
    assert "journalctl -o json" in broken.reason
    assert "customer" not in broken.reason
    assert data[broken.span.start : broken.span.end].decode(codec).startswith("__REALTIME")
    assert "to=<b@customer.example>" in data[broken.span.start : broken.span.end].decode(codec)
