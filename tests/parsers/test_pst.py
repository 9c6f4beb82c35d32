"""Outlook archives: every item in its folder, who was addressed in which role, and what libpff does not give."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import itertools
import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import compound
import pst_writer
import pytest
from compound import BCC, BINARY, CC, LONG, STRING, STRING8, TIME, TO, Property, attachment, recipient
from hypothesis import given, settings
from hypothesis import strategies as st
from pst_writer import Folder, Item, mail, pst
from small_evidence import SECRET, audited
from support import FORMATS, MemorySource, defects, evidence_id, observations, read, statements

from forensics.evidence import Member, MemberSource, hashed, members
from forensics.evidence.items import Item as Evidence
from forensics.model import Body, Defect, Direction, Fragment, Limits, Observation, Part, Span, Unread
from forensics.parsers import pst as parser
from forensics.parsers.pst import PARSER
from forensics.pipeline.first_pass import parsers
from forensics.pipeline.second_pass import BATCH_MESSAGES, ContentBatch, Wanted, batches, read_batch
from forensics.plugins import Record, Source

AT = datetime(2025, 9, 18, 9, 14, 3, tzinfo=UTC)
X = "phan@giftshop.club"
SENT = "From: ann@corp.example\r\nTo: bob@partner.example\r\nMessage-ID: <m2@corp.example>\r\n\r\n"
EXCHANGE = "/o=Corp/ou=Site/cn=Recipients/cn=carol"
UNKNOWN_CLASS = "an item of a class that libpff does not know: its recipient table is not read"
SAMPLES = pst_writer.samples()
GOOD = SAMPLES["sent-and-deleted.pst"]


def inbox(*items: Item) -> bytes:
    return pst(Folder("Deleted Items"), Folder("Inbox", items))


def one(data: bytes) -> Observation:
    (found,) = observations(PARSER, data)
    return found


def roles(found: Observation) -> list[tuple[str, str]]:
    return [(r.role.value, r.address) for r in found.recipients]


def reasons(data: bytes) -> list[str]:
    return [d.reason for d in defects(PARSER, data)]


def by_subject(data: bytes) -> dict[str, Observation]:
    return {found.subject: found for found in observations(PARSER, data)}


def source(data: bytes) -> MemorySource:
    return MemorySource(Span(evidence_id(data), "", 0, -1), "archive.pst", data)


def bodies(data: bytes) -> dict[str, Body]:
    """The content of each message, by its subject."""
    assert PARSER.bodies is not None
    spans = [found.span for found in observations(PARSER, data)]
    found = list(PARSER.bodies(source(data), spans))
    assert sorted(span for span, _ in found) == sorted(spans)
    return {body.subject: body for _, body in found}


def file_source(place: Path) -> MemberSource:
    """A file as pass one and pass two open it."""
    item = hashed(place.name, place)
    assert isinstance(item, Evidence)
    (member,) = members(item)
    assert isinstance(member, Member)
    return MemberSource(Span(item.id, member.name, 0, -1), member)


# ------------------------------------------------------------------------------------------------------------ recipients


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([recipient(TO, "a@a.example"), recipient(CC, "b@a.example"), recipient(BCC, X)], [("to", "a@a.example"), ("cc", "b@a.example"), ("bcc", X)]),
        ([recipient(TO | 0x10000000, "a@a.example"), recipient(BCC, X)], [("to", "a@a.example"), ("bcc", X)]),  # a resend's flag
        ([recipient(0, "ann@corp.example"), recipient(TO, "a@a.example")], [("to", "a@a.example")]),  # the originator is none
        ([[(0x0C15, LONG, TO), (0x3003, STRING, "A@A.example")]], [("to", "a@a.example")]),
        ([[(0x0C15, LONG, BCC), (0x3001, STRING, f"Phan <{X}>"), (0x3003, STRING, EXCHANGE)]], [("bcc", X)]),  # in the name alone
        ([[(0x0C15, LONG, BCC), (0x39FE, STRING8, X.encode())]], [("bcc", X)]),
        ([recipient(TO, "carol@corp.example", exchange=EXCHANGE)], [("to", "carol@corp.example")]),
        ([recipient(TO, "a@a.example"), recipient(BCC, "a@a.example")], [("to", "a@a.example"), ("bcc", "a@a.example")]),
    ],
)  # fmt: skip
def test_the_table_names_recipients_with_their_types(rows: list[list[Property]], expected: list[tuple[str, str]]) -> None:
    data = inbox(Item(mail("S"), rows))
    assert roles(one(data)) == expected
    assert reasons(data) == []


def test_headers_and_table_are_united_and_every_clock_is_kept() -> None:
    properties = mail(
        "S", (0x007D, STRING, SENT), (0x1035, STRING, "<other@corp.example>"), (0x0039, TIME, AT), (0x0E06, TIME, AT)
    )
    found = one(inbox(Item(properties, [recipient(CC, "c@c.example"), recipient(BCC, X)])))
    assert sorted(roles(found)) == [("bcc", X), ("cc", "c@c.example"), ("to", "bob@partner.example")]
    assert (found.message_id, found.ids, found.sender) == ("m2@corp.example", ("mid:other@corp.example",), "ann@corp.example")
    assert [(r.clock, r.at) for r in found.readings] == [("client_submit", AT), ("message_delivery", AT)]
    assert found.header_known
    assert found.direction is Direction.SUBMITTED


@pytest.mark.parametrize(
    ("properties", "rows", "reason", "known"),
    [
        (
            [],
            [recipient(TO, "", "Carol", exchange=EXCHANGE)],
            "recipients in To or Cc are named in Exchange's directory only",
            False,
        ),
        ([(0x007D, STRING, SENT)], [recipient(TO, "", "Carol", exchange=EXCHANGE)], "", True),
        ([], [recipient(BCC, "", "Carol", exchange=EXCHANGE)], "a blind recipient is named in Exchange's directory only", True),
        ([(0x0E02, STRING, "Phan")], [], "a blind recipient is named without a mail address", True),
        ([(0x0E02, STRING, "Phan")], [recipient(BCC, X, "Phan")], "", True),
        ([(0x0E02, STRING, f"Phan; {X}")], [], "", True),
    ],
)
def test_recipients_without_an_address_are_told(
    properties: list[Property], rows: list[list[Property]], reason: str, known: bool
) -> None:
    data = inbox(Item(mail("S", *properties), rows))
    assert [r for r in reasons(data) if not r.startswith(reason)] == []
    assert bool(reasons(data)) == bool(reason)
    assert one(data).header_known is known


def test_forty_recipients_are_read_in_order() -> None:
    rows = [recipient(BCC if i % 7 == 0 else TO, f"r{i}@corp.example") for i in range(40)]
    assert roles(one(inbox(Item(mail("S"), rows)))) == [("bcc" if i % 7 == 0 else "to", f"r{i}@corp.example") for i in range(40)]


# ----------------------------------------------------------------------------------------------------------------- items


def test_every_message_of_every_folder_is_found_and_the_rest_is_counted() -> None:
    found = by_subject(GOOD)
    assert {subject: dict(o.facts) for subject, o in found.items()} == {
        "Re: Zugang": {"folder": "Deleted Items", "trashed": "true"},
        "Draft": {"folder": "Top", "draft": "true"},
        "Form": {"folder": "Top", "message_class": "ipm.form.holiday"},
        "Zugang für das Testsystem": {"folder": "Top/Sent Items"},
        "Planning": {"folder": "Top/Diary", "message_class": "ipm.appointment"},
        "Lost": {"orphan": "true"},
    }
    assert roles(found["Lost"]) == [("bcc", X)]
    assert [(s.kind, s.value, s.rows) for s in statements(PARSER, GOOD)] == [("tally", 7, 1)]  # the contact
    directions = {subject: o.direction for subject, o in found.items()}
    assert directions["Draft"] is Direction.UNKNOWN
    assert directions["Re: Zugang"] is Direction.RECEIVED
    assert directions["Lost"] is Direction.SUBMITTED


def test_spans_are_node_ids_unique_and_the_same_in_every_run() -> None:
    spans = [found.span for found in observations(PARSER, GOOD)]
    assert len(set(spans)) == len(spans) == 6
    assert spans == [found.span for found in observations(PARSER, GOOD)]
    assert {(span.start & 0x1F, span.end - span.start) for span in spans} == {(4, 1)}
    keys = [record.key for record in read(PARSER, GOOD) if isinstance(record, Fragment)]
    assert len(set(keys)) == len(keys)


def test_deleted_means_the_folder_that_the_store_names_and_all_below_it() -> None:
    item = Item(mail("S"), [recipient(BCC, X)])
    data = pst(
        Folder("Papierkorb", folders=[Folder("Alt", [item])]), Folder("Deleted Items", [Item(mail("T"), [recipient(TO, X)])])
    )
    assert {subject: dict(o.facts) for subject, o in by_subject(data).items()} == {
        "S": {"folder": "Papierkorb/Alt", "trashed": "true"},
        "T": {"folder": "Deleted Items"},
    }


@pytest.mark.parametrize(
    ("item", "kept", "told"),
    [
        (Item([(0x001A, STRING, "IPM.Contact")]), False, False),
        (Item([(0x001A, STRING, "IPM.Contact")], [recipient(TO, X)]), True, False),
        (Item([(0x001A, STRING, "IPM.Appointment")], [recipient(TO, X)]), True, False),
        (Item([(0x001A, STRING, "IPM.Note.SMIME")]), True, False),
        (Item([(0x001A, STRING, "IPM.Form.X"), (0x0037, STRING, "S")], [recipient(BCC, X)]), True, True),
        (Item([(0x0037, STRING, "no class")], [recipient(BCC, X)]), True, True),
        (Item([(0x001A, STRING, "IPM.Rule.Message")], hidden=True), False, False),  # a setting of its folder
        (Item([(0x001A, STRING, "IPM.Note")], [recipient(BCC, X)], hidden=True), True, False),
        (Item([(0x001A, STRING, "IPM.Form.X"), (0x0E02, STRING, X)], hidden=True), True, True),
    ],
)
def test_an_item_is_mail_by_its_class_or_by_whom_it_names(item: Item, kept: bool, told: bool) -> None:
    data = inbox(item)
    assert len(observations(PARSER, data)) == kept
    assert (UNKNOWN_CLASS in reasons(data)) is told
    assert all(o.header_known is not told for o in observations(PARSER, data))
    assert [(s.value, s.rows) for s in statements(PARSER, data)] == [(1, not kept)]


# --------------------------------------------------------------------------------------------------------------- content


def test_bodies_are_found_by_id_with_all_their_forms() -> None:
    rich = b"{\\rtf1 the rich form}"
    several = "one\0two\0".encode("utf-16-le")
    keywords = (2).to_bytes(4, "little") + (12).to_bytes(4, "little") + (20).to_bytes(4, "little") + several
    whole = Item(
        mail(
            "\x01\x05RE: Hi", (0x1000, STRING, "the plain form " * 700), (0x1013, BINARY, "<p>für".encode("cp1252")), (0x3FDE, LONG, 1252),
            (0x1009, BINARY, compound.compressed(rich)), (0x007D, STRING, SENT), (0x8001, 0x101F, keywords),
        ),
        [recipient(TO, "bob@partner.example", "Bob the Builder")],
        [attachment("conf/../a.txt", b"key = 1\n" * 3000), [(0x3705, LONG, 2), (0x3707, STRING, "link.doc")], [(0x3705, LONG, 1)]],
        inside=Item(mail("Inner")),
    )  # fmt: skip
    found = bodies(inbox(Item(mail("Other", (0x1000, STRING, "nothing"))), whole))
    assert found.keys() == {"Other", "RE: Hi"}
    body = found["RE: Hi"]
    parts = {part.path: part for part in body.parts}
    assert parts.keys() == {"headers", "text/plain", "text/html", "text/rtf", "attachment:conf_.._a.txt", "properties"}
    assert parts["text/plain"].data == b"the plain form " * 700
    assert (parts["text/html"].data, parts["text/html"].charset) == ("<p>für".encode("cp1252"), "cp1252")
    assert parts["text/rtf"].data == rich
    assert parts["attachment:conf_.._a.txt"].data == b"key = 1\n" * 3000
    spoken = parts["properties"].data.decode().splitlines()
    assert {"one", "two", "Bob the Builder"} < set(spoken)
    assert {(unread.part, unread.reason) for unread in body.unread} == {
        ("attachment:link.doc", "attachment by reference: lies elsewhere"),
        ("attachment:part-3", "attachment without content"),
        ("attachment:Fwd", "a message or object inside a message: libpff does not give it"),
    }


def test_ids_that_are_not_there_are_not_given() -> None:
    assert PARSER.bodies is not None
    assert list(PARSER.bodies(source(GOOD), [Span(evidence_id(GOOD), "", 12345, 12346)])) == []


def test_what_of_a_message_cannot_be_read_is_unread() -> None:
    assert bodies(GOOD)["Form"].unread == (Unread("message", UNKNOWN_CLASS),)


def test_an_archive_that_is_gone_leaves_every_message_unread() -> None:
    assert PARSER.bodies is not None
    spans = [found.span for found in observations(PARSER, GOOD)]
    found = dict(PARSER.bodies(source(GOOD[:5000]), spans))
    assert found.keys() == set(spans)
    assert all(body.unread and not body.parts for body in found.values())


def test_pass_two_finds_the_content_of_plain_and_packed_archives(tmp_path: Path) -> None:
    def sent(number: int) -> Item:
        properties = mail(f"Order {number}", (0x0039, TIME, AT), (0x1035, STRING, f"<m{number}@acme.example>"))
        content = attachment("conf.txt", f"import = {SECRET}{number}\n".encode())
        return Item(
            [*properties, (0x5D01, STRING, "shop@acme.example")],
            [recipient(TO, "bob@partner.example"), recipient(BCC, X)],
            [content],
        )

    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "plain.pst").write_bytes(pst(Folder("Deleted Items"), Folder("Sent", [sent(1), sent(2)])))
    with zipfile.ZipFile(folder / "packed.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inner.pst", pst(Folder("Deleted Items", [sent(3)])))
    case = audited(folder, out=tmp_path / "case")
    exposed = (case.report / "exposed_messages.csv").read_text(encoding="utf-8")
    assert [f"m{n}@acme.example" in exposed for n in (1, 2, 3)] == [True, True, True]
    assert exposed.count(",full,") == 3
    credentials = (case.report / "credential_occurrences.csv").read_text(encoding="utf-8")
    assert credentials.count("attachment:conf.txt") == 3
    assert ",pst," not in (case.report / "defects.csv").read_text(encoding="utf-8")


def test_messages_found_by_id_share_larger_batches() -> None:
    evidence: Any = object()
    spans = [Span("e", "", n, n + 1) for n in range(3 * BATCH_MESSAGES)]

    def sizes(name: str) -> list[int]:
        found = [Wanted(str(span.start), span, name, "mail", has_body=True, sent_at=None) for span in spans]
        return [len(batch.wanted) for batch in batches(found, {"e": evidence}, b"", object())]  # type: ignore[arg-type]

    assert sizes("mbox") == [BATCH_MESSAGES] * 3
    assert sizes("pst") == [3 * BATCH_MESSAGES]


@pytest.mark.parametrize(
    ("fails", "reason"), [(False, "the message was not found again"), (True, "reading failed (RuntimeError)")]
)
def test_what_a_parser_does_not_find_by_id_is_lost_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool, reason: str
) -> None:
    def found(_: Source, spans: Sequence[Span]) -> Iterator[tuple[Span, Body]]:
        yield spans[1], Body("second", (Part("text/plain", "text/plain", b"hello"),))
        yield Span("", "", 9, 10), Body("nobody asked for it")
        if fails:
            raise RuntimeError("secret words of a foreign parser")

    place = tmp_path / "a"
    place.write_bytes(b"anything")
    evidence = file_source(place).member.item
    known = {"odd": dataclasses.replace(PARSER, name="odd", bodies=found)}
    monkeypatch.setattr("forensics.pipeline.second_pass.parsers", lambda: known)
    spans = [Span(evidence.id, "", n, n + 1) for n in range(3)]
    wanted = tuple(Wanted(str(span.start), span, "odd", "mail", has_body=True, sent_at=None) for span in spans)
    contents = read_batch(ContentBatch(evidence, wanted, b"k" * 32, Limits()))
    assert {content.message_key: [unread.reason for unread in content.unread] for content in contents} == {
        "1": [], "0": [reason], "2": [reason],
    }  # fmt: skip
    assert [content.subject for content in contents] == ["second", "", ""]


# ----------------------------------------------------------------------------------------------------- where the file lies


def test_plain_and_packed_files_read_alike_and_a_plain_one_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, packed = tmp_path / "a.pst", tmp_path / "a.pst.gz"
    plain.write_bytes(GOOD)
    packed.write_bytes(gzip.compress(GOOD))

    def said(place: Path) -> list[Any]:
        records = list(PARSER.read(file_source(place)))
        return [(r.observation.subject, r.observation.recipients) if isinstance(r, Fragment) else r.span[2:] for r in records]

    assert said(plain) == said(packed)
    monkeypatch.setattr(parser, "_PACKED", 1000)
    assert len(said(plain)) > 6
    (refused,) = PARSER.read(file_source(packed))
    assert isinstance(refused, Defect)
    assert "inside something packed: unpack it" in refused.reason


def test_a_file_that_is_gone_is_a_defect(tmp_path: Path) -> None:
    place = tmp_path / "a.pst"
    place.write_bytes(GOOD)
    gone = file_source(place)
    place.unlink()
    assert [r.reason for r in PARSER.read(gone) if isinstance(r, Defect)] == ["the file can no longer be opened"]


def test_a_file_that_grows_during_the_run_is_told(tmp_path: Path) -> None:
    place = tmp_path / "a.pst"
    place.write_bytes(GOOD)
    grown = file_source(place)
    place.write_bytes(GOOD + bytes(512))
    told = [r.reason for r in PARSER.read(grown) if isinstance(r, Defect)]
    assert told[0] == "the file is not as long as when it was hashed: it was changed during the run"


def test_archives_are_known_by_content() -> None:
    assert all(PARSER.sniff(data[:65536], "letter.txt") for data in SAMPLES.values())
    assert not PARSER.sniff(b"!BD", "a.pst")
    assert not PARSER.sniff(b"x!BDN", "a.pst")
    assert [name for name, known in parsers().items() if known.sniff(GOOD[:65536], "a")] == ["pst"]


def test_samples_come_from_the_writer() -> None:
    assert {place.name: place.read_bytes() for place in (FORMATS / "pst").iterdir()} == SAMPLES


# -------------------------------------------------------------------------------------------------- the library, the child


def test_without_the_extra_a_defect_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypff", None)
    assert reasons(GOOD) == ["Outlook files need the extra 'outlook': install forensics[outlook]"]
    assert observations(PARSER, GOOD) == []
    span = Span(evidence_id(GOOD), "", 4, 5)
    assert PARSER.bodies is not None
    ((_, body),) = PARSER.bodies(source(GOOD), [span])
    assert body.unread == (Unread("message", "Outlook files need the extra 'outlook': install forensics[outlook]"),)


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put another program in the child's place; `real` is the name space of the true one."""
    place = tmp_path / "program.py"
    begin = f"import os, runpy, sys\nreal = runpy.run_path({str(parser._PROGRAM)!r})\n"
    place.write_text(begin + text, encoding="utf-8")
    monkeypatch.setattr(parser, "_PROGRAM", place)


CRASHING = """
visit = real["Walk"].visit
def crash(self, stack, place):
    if {condition}:
        os.kill(os.getpid(), 11)
    return visit(self, stack, place)
real["Walk"].visit = crash
real["main"](sys.argv[1])
"""
# every item after the first two of a folder, where there are more than one
CRASHED = "an item or folder that stops libpff (ended by signal 11): it is not read"


def test_a_crash_costs_one_item_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [o.subject for o in observations(PARSER, GOOD)]
    program(tmp_path, monkeypatch, CRASHING.format(condition="place == [0, 1, 0, 0]"))
    assert [o.subject for o in observations(PARSER, GOOD)] == [s for s in whole if s != "Zugang für das Testsystem"]
    assert reasons(GOOD).count(CRASHED) == 1


def test_a_crash_at_a_folder_costs_that_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, CRASHING.format(condition="place == [0, 1]"))
    assert [o.subject for o in observations(PARSER, GOOD)] == ["Re: Zugang", "Lost"]
    assert reasons(GOOD) == [CRASHED]


def test_crashes_are_bounded_and_what_came_before_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "_CRASHES", 2)
    data = inbox(*[Item(mail(f"S{i}"), [recipient(TO, X)]) for i in range(8)])
    program(tmp_path, monkeypatch, CRASHING.format(condition="len(place) == 3 and place[-1] > 1"))
    assert [o.subject for o in observations(PARSER, data)] == ["S0", "S1"]
    assert reasons(data) == [*[CRASHED] * 3, "more than 2 items stop libpff: the rest of the archive is not read"]
    assert statements(PARSER, data) == []  # no tally of an archive that was not read to its end


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a damaged or unknown Outlook archive: libpff cannot go through it (no answer)"),
        ("raise KeyError('a secret')", "a damaged or unknown Outlook archive: libpff cannot go through it (KeyError)"),
        ("os.kill(os.getpid(), 11)", "a damaged or unknown Outlook archive: libpff cannot go through it (ended by signal 11)"),
        ('print(\'{"at": [0]}\\n{"next": [0]}\')', "the walk through the archive does not come to an end: the rest is not read"),
        ("print('{\"at\": [0]}\\nnonsense')", "libpff's process gave an answer that makes no sense: the rest is not read"),
        ('print(\'{"id": []}\\n{"end": true}\')', "libpff's process gave an answer that makes no sense: the rest is not read"),
    ],
)
def test_a_child_that_misbehaves_is_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str) -> None:
    program(tmp_path, monkeypatch, text)
    assert reasons(GOOD) == [reason]


def test_an_id_that_occurs_twice_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = {
        "id": 36,
        "folders": [],
        "deleted": False,
        "orphan": False,
        "values": [],
        "rows": [[]],
        "attachments": [],
        "faults": [],
    }
    lines = "\n".join(map(json.dumps, [item, item, {"end": True}]))
    program(tmp_path, monkeypatch, f"print({lines!r})")
    assert reasons(GOOD)[-1] == "an id that two items bear: the second one is not read"
    assert len(observations(PARSER, GOOD)) == 1
    assert [(s.value, s.rows) for s in statements(PARSER, GOOD)] == [(1, 0)]


def test_an_older_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = "import types\nold = types.SimpleNamespace(**vars(real['pypff']))\nold.message = type('message', (), {})\n"
    program(tmp_path, monkeypatch, fake + 'real["main"].__globals__["pypff"] = old\nreal["main"](sys.argv[1])')
    data = inbox(Item(mail("S", (0x0E02, STRING, "Phan")), [recipient(BCC, X)]))
    assert reasons(data) == [
        "the installed libpff gives no recipient tables: install a newer one", "a blind recipient is named without a mail address",
    ]  # fmt: skip
    assert not one(data).header_known


@pytest.mark.parametrize("size", [1, 700, 3000])
def test_stretches_equal_the_whole(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    whole = read(PARSER, GOOD)
    content = bodies(GOOD)
    monkeypatch.setattr(parser, "_STRETCH", {"seconds": 60.0, "bytes": size})
    assert read(PARSER, GOOD) == whole
    assert bodies(GOOD) == content


def spoilt(data: bytes, client: int, inside: str) -> bytes:
    """The archive with the signature of a heap gone: the one of this client that holds the text."""
    text = data.index(inside.encode("utf-16-le"))
    at = data.rindex(bytes([0xEC, client]), 0, text)
    return data[:at] + b"\0" + data[at + 1 :]


def test_a_table_or_attachment_that_is_damaged_costs_no_more_than_itself() -> None:
    data = inbox(Item(mail("S"), [recipient(BCC, X)], [attachment("a.txt", b"1")]))
    found = one(spoilt(data, 0x7C, X))
    assert (found.subject, found.recipients, found.attachments, found.header_known) == ("S", (), ("a.txt",), False)
    assert reasons(spoilt(data, 0x7C, X)) == ["the recipient table cannot be read"]
    found = one(spoilt(data, 0xBC, "a.txt"))
    assert (roles(found), found.attachments, found.header_known) == ([("bcc", X)], (), True)
    assert reasons(spoilt(data, 0xBC, "a.txt")) == ["attachments that cannot be read"]


def test_an_item_that_cannot_be_read_is_told_at_its_folder() -> None:
    data = inbox(Item(mail("Spoilt"), [recipient(BCC, X)]), Item(mail("Good"), [recipient(BCC, X)]))
    damage = spoilt(data, 0xBC, "Spoilt")
    assert [o.subject for o in observations(PARSER, damage)] == ["Good"]
    ((span, reason),) = [(d.span[2:], d.reason) for d in defects(PARSER, damage)]
    assert (span, reason) == ((pst_writer.DELETED + 32, pst_writer.DELETED + 33), "an item of a folder that cannot be read")


def test_values_are_bounded_in_all() -> None:
    reading = load_reading()(10)
    kept = [base64.b64decode(reading.packed(data)) for data in (b"1234567", b"1234567", b"1")]
    assert kept == [b"1234567", b"123", b""]
    assert reading.faults == ["long"]


def load_reading() -> Any:
    from forensics.parsers import _pst_program

    return _pst_program.Reading


# --------------------------------------------------------------------------------------------------------------- hostile


def damaged(flips: Sequence[tuple[int, int]], cut: int) -> list[bytes]:
    spoilt = bytearray(GOOD)
    for at, value in flips:
        spoilt[0x4600 + at % (len(spoilt) - 0x4600)] = value
    return [bytes(spoilt), bytes(spoilt[: cut % len(spoilt)])]


@pytest.mark.property
@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=30), st.integers(0, 1 << 20))
def test_damage_never_raises_and_each_archive_leaves_a_record(flips: list[tuple[int, int]], cut: int) -> None:
    for data in damaged(flips, cut):
        records: list[Record] = read(PARSER, data)
        assert records
        assert all(reason.isascii() and reason for reason in (r.reason for r in records if isinstance(r, Defect)))
        assert json.dumps([getattr(r, "reason", "") for r in records])
        spans = [r.observation.span for r in records if isinstance(r, Fragment)]
        assert PARSER.bodies is not None
        assert {span for span, _ in PARSER.bodies(source(data), spans)} <= set(spans)


@pytest.mark.parametrize("length", [0, 4, 12, 300, 564, 0x4400, 0x4600, len(GOOD) - 600])
def test_an_archive_cut_short_is_a_defect(length: int) -> None:
    assert reasons(GOOD[:length])[0].startswith("a damaged or unknown Outlook archive")


def test_a_folder_name_is_bounded() -> None:
    deep: Folder = Folder("n" * 190, [Item(mail("S"), [recipient(TO, X)])])
    for _ in range(30):
        deep = Folder("n" * 190, folders=[deep])
    (fact,) = itertools.chain(value for name, value in one(pst(Folder("Deleted Items"), deep)).facts if name == "folder")
    assert len(fact) == 300
