"""Mappings: what a file of one may say, and what tables and JSON say through one."""

from __future__ import annotations

import codecs
import csv
import io
import json
import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, GOLDEN, ROOT, defects, golden_text, observations, read, statements

import forensics
from forensics.leaks import load_rules, redact
from forensics.mapped import parser_of, parsers_from, redacted
from forensics.mapped.paths import MOST_VALUES, exists, texts_at
from forensics.mapped.tables import split_row
from forensics.mapped.times import time_in
from forensics.mapping import MappingError, Place, load_mapping, read_mapping, shipped_mappings, zone_of
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Role, Statement
from forensics.pipeline.audit import Options
from forensics.plugins import Parser, discover
from forensics.policy import Policy

SAMPLES = sorted(place for place in (ROOT / "sample_logs" / "mapped").glob("*/*") if place.is_file())

BASE = """
name = "gateway"
title = "Our gateway"
route = "smtp"
grain = "recipient"
[match]
columns = ["id", "rcpt", "state"]
keys = ["id", "rcpt"]
[columns]
message_id = "id"
sender = "from"
recipient = "rcpt"
role = "role"
outcome = "state"
time = { from = "at", format = ["iso", "epoch"], zone = "+02:00" }
event_time = "done"
size = "size"
direction = "way"
reply = "said"
[fields]
message_id = "id"
recipient = "rcpt"
[outcomes]
Done = "delivered"
"no way" = "rejected"
[roles]
bcc = "bcc"
[directions]
out = "submitted"
"""
LISTS = """
name = "lists"
route = "api"
grain = "message"
header_known = true
message_id_domain = "mtasv.net"
[match]
columns = ["id", "to", "cc"]
keys = ["id", "to"]
[json]
lists = ["rows"]
each = "page.items[]"
unwrap = ["doc"]
[columns]
message_id = "id"
to = { from = "to", separator = "|" }
cc = "cc"
bcc = ["bcc_1", "bcc_2"]
[fields]
message_id = "id"
to = "to[].address"
cc = "cc"
bcc = "bcc[]"
envelope = "envelope[]"
[only]
kind = ["mail", 7]
"""


def gateway(extra: str = "") -> Parser:
    return parser_of(read_mapping(BASE + extra, "gateway.toml"))


def lists() -> Parser:
    return parser_of(read_mapping(LISTS, "lists.toml"))


def table(*rows: dict[str, str], delimiter: str = ",", end: str = "\n") -> bytes:
    names = ["id", "from", "rcpt", "role", "state", "at", "done", "size", "way", "said"]
    out = io.StringIO()
    names = list(dict.fromkeys([*names, *(name for row in rows for name in row)]))
    writer = csv.DictWriter(out, names, restval="", delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    base = {"id": "<1@acme.example>", "from": "shop@acme.example", "rcpt": "bob@customer.example", "state": "done"}
    writer.writerows(base | row for row in rows)
    return out.getvalue().encode()


def only(parser: Parser, data: bytes) -> Observation:
    (one,) = observations(parser, data)
    return one


def reasons(parser: Parser, data: bytes) -> list[str]:
    return [one.reason for one in defects(parser, data)]


def lined(*values: Any) -> bytes:
    return "\n".join(json.dumps(one) for one in values).encode()


# --- files of mappings


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('name = "gateway"', 'name = "Our Gateway"', "name"),
        ('route = "smtp"', "", "route"),
        ('route = "smtp"', 'route = "pigeon"', "route"),
        ('grain = "recipient"', 'grain = "row"', "grain"),
        ('grain = "recipient"', 'grain = "recipient"\nheader_known = true', "header_known"),
        ('grain = "recipient"', 'grain = "recipient"\nheader_known = "yes"', "header_known"),
        ('grain = "recipient"', 'grain = "recipient"\nshows = ["content"]', "shows"),
        ('grain = "recipient"', 'grain = "recipient"\nshows = ["header"]', "shows"),
        ('grain = "recipient"', 'grain = "recipient"\nshow = ["outcome"]', "show"),
        ('grain = "recipient"', 'grain = "recipient"\nid_prefix = "Our ids"', "id_prefix"),
        ('grain = "recipient"', 'grain = "recipient"\nmessage_id_domain = "@MTASV.net"', "message_id_domain"),
        ('columns = ["id", "rcpt", "state"]', 'columns = ["id"]', "[match] columns"),
        ('columns = ["id", "rcpt", "state"]', "columns = 7", "[match] columns"),
        ('message_id = "id"\nsender', 'message_id = ""\nsender', "[columns] message_id"),
        ('message_id = "id"\nsender', 'messageid = "id"\nsender', "[columns] messageid"),
        ('recipient = "rcpt"\nrole = "role"', 'role = "role"', "[columns] recipient"),
        ('zone = "+02:00"', 'zone = "Europe/Nowhere"', "[columns] time.zone"),
        ('"epoch"]', '"%d.%m. %H:%M"]', "[columns] time.format"),
        ('"epoch"]', '"%Y-%m-%d %Z"]', "[columns] time.format"),
        ('"epoch"]', '"rfc"]', "[columns] time.format"),
        ('size = "size"', 'size = { from = "size", zone = "UTC" }', "[columns] size.zone"),
        ('Done = "delivered"', 'Done = "arrived"', "[outcomes] Done"),
        ('Done = "delivered"', 'Done = "delivered"\ndone = "bounced"', "[outcomes] done"),
        ('[roles]\nbcc = "bcc"', "", "[roles]"),
        ("[directions]", '[table]\nheader = ["a", "b"]\n[directions]', "[table] delimiter"),
        ("[directions]", '[table]\ndelimiter = ";;"\n[directions]', "[table] delimiter"),
        ("[directions]", '[table]\nencoding = "ebcdic"\n[directions]', "[table] encoding"),
        ("[directions]", '[table]\ndelimiter = ";"\nheader = ["a", "b"]\n[directions]', "[match] columns"),
        ("[directions]", '[columns.facts]\n"Tag 1" = "tag"\n[directions]', "[columns.facts] Tag 1"),
        ("[directions]", '[constants]\ndirection = "up"\n[directions]', "[constants] direction"),
        ("[directions]", "[only]\nkind = []\n[directions]", "[only] kind"),
        ("[match]", "match = 3\n[unmatched]", "match"),
        ('[fields]\nmessage_id = "id"', '[fields]\nmessage_id = "a..b"', "[fields]"),
        ('[fields]\nmessage_id = "id"', '[fields]\nmessage_id = "[].id"', "[fields]"),
        ("[directions]", '[json]\neach = "hits"\n[directions]', "[json] each"),
        ('[fields]\nmessage_id = "id"\nrecipient = "rcpt"', '[json]\nlists = ["rows"]', "[json]"),
        ("[directions]", "[directions]\n" + "\n".join(f'w{one} = "submitted"' for one in range(1_001)), "[directions]"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_remedy(old: str, new: str, place: str) -> None:
    assert BASE.count(old) >= 1
    with pytest.raises(MappingError) as caught:
        read_mapping(BASE.replace(old, new, 1), "gateway.toml")
    told = [one for one in caught.value.problems if one.startswith(f"gateway.toml: {place}: ")]
    assert told
    assert all(len(one.rpartition(": ")[2]) > 10 for one in told)


def test_a_table_without_columns_is_a_mistake() -> None:
    text = LISTS.partition("[columns]")[0] + '[table]\ndelimiter = ";"\n[fields]' + LISTS.partition("[fields]")[2]
    with pytest.raises(MappingError) as caught:
        read_mapping(text, "lists.toml")
    assert [one.split(": ")[1] for one in caught.value.problems] == ["[match] columns", "[table]"]


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(MappingError) as caught:
        read_mapping('name = "A B"\ngrain = "x"\nhue = 1\n[columns]\nto = 3\n[outcomes]\nok = "fine"', "bad.toml")
    places = {one.split(": ")[1] for one in caught.value.problems}
    assert places >= {"name", "grain", "hue", "route", "[match] columns", "[columns] to", "[outcomes] ok"}
    assert str(caught.value).count("\n") == len(caught.value.problems) - 1
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


@pytest.mark.parametrize("text", ["", "name = ", "a = [" * 5_000, "x" * (1 << 20) + "y", "[columns]\n[columns]"])
def test_what_is_no_mapping_is_told(text: str) -> None:
    with pytest.raises(MappingError):
        read_mapping(text, "bad.toml")


def test_an_unknown_name_lists_those_that_are_shipped(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"ecs-email, .*ocsf-email"):
        load_mapping("esc-email")
    for content in (b"\xff\xfe\x00", b"name = 'x\0'"):
        (tmp_path / "bad.toml").write_bytes(content)
        with pytest.raises(MappingError, match=r"bad\.toml"):
            load_mapping(tmp_path / "bad.toml")
    with pytest.raises(MappingError):
        load_mapping("a\0b")


def test_a_file_is_read_as_its_text(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("\ufeff" + BASE, encoding="utf-8")  # as Windows' editor saves it
    assert load_mapping(tmp_path / "own.toml") == read_mapping(BASE, "own.toml")


def test_the_example_of_the_documentation_works_and_every_shipped_mapping_is_in_it() -> None:
    text = (ROOT / "forensics" / "mappings" / "README.md").read_text(encoding="utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    assert read_mapping(example, "README.md").name == "our-gateway"
    with pytest.raises(MappingError, match="among"):
        read_mapping(example.replace("# header", "header"), "README.md")  # [only] names a column that this table has not
    assert [name for name in shipped_mappings() if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", shipped_mappings())
def test_a_shipped_mapping_is_sound_and_has_a_sample(name: str) -> None:
    mapping = load_mapping(name)
    assert mapping.name == name
    assert mapping.shows
    assert (ROOT / "forensics" / "mappings" / f"{name}.toml").read_text(encoding="utf-8").startswith("# ")
    assert any(place.parent.name == name for place in SAMPLES)


@pytest.mark.parametrize("name", shipped_mappings())
def test_a_mapping_and_its_parser_go_to_a_worker_and_back(name: str) -> None:
    mapping = load_mapping(name)
    assert pickle.loads(pickle.dumps(mapping)) == mapping
    assert len({mapping, read_mapping(mapping.text, mapping.source)}) == 1
    parser = parser_of(mapping)
    (again,) = parsers_from([(mapping.text, mapping.source)]).values()
    data = next(place for place in SAMPLES if place.parent.name == name).read_bytes()
    assert read(pickle.loads(pickle.dumps(parser)), data) == read(again, data) == read(parser, data)
    assert (again.name, again.version) == (parser.name, parser.version) == (f"mapped:{name}", parser.version)


def test_another_text_is_another_version_and_one_name_serves_once() -> None:
    assert gateway().version != gateway("# a word\n").version
    with pytest.raises(MappingError, match="taken"):
        parsers_from([(BASE, "one.toml"), (BASE + "#", "two.toml")])


# --- recognition


@pytest.mark.golden
@pytest.mark.parametrize("place", SAMPLES, ids=lambda one: f"{one.parent.name}/{one.name}")
def test_a_sample_is_read_as_its_golden_says(place: Path, matches_golden: Any) -> None:
    parser = parser_of(load_mapping(place.parent.name))
    matches_golden(golden_text(parser, place.read_bytes()), GOLDEN / "mapped" / place.parent.name / f"{place.name}.json")


def test_no_golden_is_an_orphan() -> None:
    found = {place.relative_to(GOLDEN / "mapped").as_posix() for place in (GOLDEN / "mapped").rglob("*.json")}
    assert found == {f"{place.parent.name}/{place.name}.json" for place in SAMPLES}


def test_each_shipped_mapping_fits_its_own_samples_and_no_other_file() -> None:
    parsers = {name: parser_of(load_mapping(name)) for name in shipped_mappings()}
    built_in = [one.plugin for one in discover("parsers") if one.plugin is not None]
    for place in SAMPLES:
        head = place.read_bytes()[:65_536]
        assert [name for name, one in parsers.items() if one.sniff(head, place.name)] == [place.parent.name]
        assert [one.name for one in built_in if one.sniff(head, place.name)] == []
    for place in FORMATS.glob("*/*"):
        head = place.read_bytes()[:65_536]
        assert [name for name, one in parsers.items() if one.sniff(head, place.name)] == [], place


@pytest.mark.parametrize(
    ("data", "fits"),
    [
        (table({}), True),
        (table({}, delimiter=";"), True),
        (table({}, delimiter="\t"), True),
        (table({}, delimiter="|"), True),
        (table({}, delimiter="^"), False),
        (table({}).replace(b"rcpt", b"recipient", 1), False),
        (table({}).upper(), True),
        (b"sep=,\r\n\r\nMail of September\r\n" + table({}), True),
        (b"a line\n" * 19 + table({}), True),
        (b"a line\n" * 21 + table({}), False),
        (table().partition(b"\n")[0], True),
        (b'{"id": "1", "rcpt": "bob@customer.example"}', True),
        (b'\xef\xbb\xbf[\n{"id": "1", "rcpt": null}]', False),
        (b'{"id": 1}\n{"id": "1", "rcpt": "bob@customer.example"}', True),
        (b'{"id": "1", "text": "\\"rcpt\\": 1"}', False),
        (b'{"other": {"id": "1", "rcpt": "2"}}', False),
        (b'{"id": "1", "rcpt": "2", "text": "' + b"x" * 70_000, True),
        (b'{"id": "1", "text": "' + b"x" * 70_000, False),
        (b'{"id": "1", "rcpt": "2', False),
        (b"id rcpt state", False),
        (b"", False),
    ],
)
def test_a_file_fits_by_its_columns_or_keys(data: bytes, fits: bool) -> None:
    assert gateway().sniff(data[:65_536], "any.csv") is fits


def test_a_glob_narrows_by_the_name_of_the_file() -> None:
    parser = parser_of(read_mapping(BASE.replace("[match]", '[match]\nname = "Export-*.csv"'), "x"))
    assert parser.sniff(table({}), "export-7.CSV")
    assert not parser.sniff(table({}), "other.csv")


def test_a_table_without_header_fits_by_width_and_address() -> None:
    text = '[table]\ndelimiter = ";"\nheader = ["state", "id", "rcpt"]\n'
    parser = gateway(text)
    data = b"done;<1@acme.example>;bob@customer.example\nno way;<2@acme.example>;carol@customer.example\n"
    assert parser.sniff(data, "")
    assert not parser.sniff(b"done;<1@acme.example>;bob\n", "")
    assert not parser.sniff(b"done;<1@acme.example>;bob@customer.example;more\n", "")
    assert [one.recipients[0].outcome for one in observations(parser, data)] == [Outcome.DELIVERED, Outcome.REJECTED]
    assert reasons(parser, data) == []


# --- rows


@pytest.mark.parametrize(
    ("row", "delimiter", "expected"),
    [
        ("a,b", ",", ["a", "b"]),
        ('"a,1",b', ",", ["a,1", "b"]),
        ('"a ""x""", "b"', ",", ['a "x"', "b"]),
        ("", ",", [""]),
        ("a,,", ",", ["a", "", ""]),
        ('a 5" disk;"b"', ";", ['a 5" disk', "b"]),
        ("a;b", ",", ["a;b"]),
        ('"a', ",", None),
        ('"a"b,c', ",", None),
        ('""', ",", [""]),
        ('"a"\t"b\t"', "\t", ["a", "b\t"]),
        ('"a|b"|c', "|", ["a|b", "c"]),
    ],
)
def test_a_row_is_cut_at_its_delimiters(row: str, delimiter: str, expected: list[str] | None) -> None:
    assert split_row(row, delimiter) == expected


def test_quotes_may_mean_nothing_or_be_others() -> None:
    assert split_row('"a,b"', ",", "") == ['"a', 'b"']
    assert split_row("'a,''b'',',c", ",", "'") == ["a,'b',", "c"]
    assert split_row('"Doe, A" <a@b.example>,"c,d"', ",", loose=True) == ['"Doe, A" <a@b.example>', "c,d"]
    assert split_row('"open, c', ",", loose=True) is None


@pytest.mark.property
@settings(max_examples=100)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n")), min_size=2, max_size=6),
    st.sampled_from(",;\t|"),
)
def test_what_csv_writes_is_read_back(cells: list[str], delimiter: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="", quoting=csv.QUOTE_ALL).writerow(cells)
    assert split_row(out.getvalue(), delimiter) == split_row(out.getvalue(), delimiter, loose=True) == cells


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", list(",;\t|"))
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_table_says_the_same_in_any_dialect(codec: str, delimiter: str, end: str) -> None:
    row = {"id": "<Ü@acme.example>", "from": "Jürgen, <shop@acme.example>", "said": 'a "quoted";\nreply,|\there'}
    data = table(row, {"rcpt": "x@customer.example"}, delimiter=delimiter, end=end).decode().encode(codec)
    parser = gateway()
    assert parser.sniff(data, "")
    first, second = observations(parser, data)
    assert (first.message_id, first.sender, first.recipients[0].reply) == ("Ü@acme.example", "shop@acme.example", row["said"])
    wide = 2 if codec == "utf-16" else 1
    told = data[first.span.start : first.span.end].decode("utf-16-le" if wide == 2 else codec.removesuffix("-sig"))
    assert told.startswith("<Ü@")
    assert told.endswith(delimiter + '"' + row["said"].replace('"', '""') + '"')
    assert (second.message_id, reasons(parser, data)) == ("1@acme.example", [])


@pytest.mark.parametrize("line", [b'x,"open', b"<9@acme.example>,a", b"a" + b"," * 30 + b"x", b'"a"b,"', b"x" * (2 << 20)])
def test_a_broken_row_costs_itself_only(line: bytes) -> None:
    data = table({}) + line + b"\n" + table({"id": "<2@acme.example>"}).partition(b"\n")[2]
    parser = gateway()
    assert [one.message_id for one in observations(parser, data)] == ["1@acme.example", "2@acme.example"]
    (one,) = defects(parser, data)
    assert data[one.span.start : one.span.end] == line


def test_joined_exports_may_order_their_columns_anew() -> None:
    data = table({}) + b"state,rcpt,id\nno way,carol@customer.example,<2@acme.example>\n"
    one, two = observations(gateway(), data)
    assert (one.recipients[0].outcome, two.recipients[0].outcome) == (Outcome.DELIVERED, Outcome.REJECTED)
    assert two.recipients[0].address == "carol@customer.example"
    assert [(one.value, one.rows) for one in statements(gateway(), data)] == [(4, 2)]


def test_of_several_names_the_first_with_a_value_counts_and_lists_are_read_from_all() -> None:
    text = BASE.replace('sender = "from"', 'sender = "from"\nsubject = ["title", "subject"]').replace(
        'recipient = "rcpt"', 'recipient = ["rcpt", "copy"]', 1
    )
    parser = parser_of(read_mapping(text, "x"))
    data = b"id,rcpt,state,subject,title,copy\n1,a@b.example,done,second,,c@b.example\n2,a@b.example,done,second,first,\n"
    one, two = observations(parser, data)
    assert (one.subject, two.subject) == ("second", "first")
    assert [len(found.recipients) for found in (one, two)] == [2, 1]
    assert reasons(parser, data) == []


def test_a_field_of_one_value_that_has_several_is_told() -> None:
    assert reasons(gateway(), b"id,rcpt,state,size,size\n1,a@b.example,done,5,5\n") == []
    assert reasons(gateway(), b"id,rcpt,state,size,size\n1,a@b.example,done,5,6\n") == [
        "fields of an unexpected form, read as far as possible: size"
    ]


def test_an_event_dates_a_message_only_roughly() -> None:
    (reading,) = only(gateway(), table({"done": "2025-09-17T14:03:14Z"})).readings
    assert (reading.clock, reading.slack) == ("event", 432_000)
    (copy,) = only(gateway(), table({"done": "2025-09-17 14:03:14"})).recipients  # of unknown zone
    assert (copy.at, copy.stamp) == (None, "2025-09-17T14:03:14")


def test_a_column_that_stands_twice_is_read_twice() -> None:
    data = b"id,rcpt,rcpt,state\n<1@acme.example>,bob@customer.example,phan@giftshop.club,done\n"
    assert [one.address for one in only(gateway(), data).recipients] == ["bob@customer.example", "phan@giftshop.club"]


def test_another_encoding_is_taken_by_name_and_its_losses_are_told() -> None:
    data = table({"said": "20 \u20ac"}).decode().encode("cp1252")
    text = '[table]\nencoding = "{}"\n'
    assert only(gateway(text.format("windows-1252")), data).recipients[0].reply == "20 \u20ac"
    assert reasons(gateway(text.format("windows-1252")), data) == []
    assert reasons(gateway(text.format("utf-8")), data) == ["characters that are no text in the file's encoding were replaced"]


# --- what a record says


def test_a_row_tells_of_one_copy() -> None:
    row = {
        "role": "BCC",
        "at": "2025-09-17 16:03:12",
        "done": "2025-09-17T14:03:14Z",
        "size": "2048",
        "way": "Out",
        "said": "250 ok",
    }
    one = only(gateway(), table(row))
    (copy,) = one.recipients
    assert (copy.address, copy.role, copy.outcome, copy.reply) == ("bob@customer.example", Role.BCC, Outcome.DELIVERED, "250 ok")
    assert copy.at is not None
    assert copy.at.isoformat() == "2025-09-17T14:03:14+00:00"
    assert [(one.clock, one.at.isoformat(), one.slack) for one in one.readings] == [
        ("received_at", "2025-09-17T14:03:12+00:00", 0)
    ]
    assert (one.size, one.direction, one.sender, one.header_known) == (2048, Direction.SUBMITTED, "shop@acme.example", False)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"rcpt": "nobody"}, "the record names no recipient"),
        ({"rcpt": ""}, "the record names no recipient"),
        ({"size": "2 kB"}, "fields of an unexpected form, read as far as possible: size"),
        ({"at": "17.09.2025"}, "fields of an unexpected form, read as far as possible: time"),
        ({"state": "held"}, "a value of outcome, met 1 time, is not among the mapping's [outcomes]; such copies count as accepted"),
        ({"way": "up"}, "a value of direction, met 1 time, is not among the mapping's [directions]; it is not known whether such messages were submitted"),
    ],
)  # fmt: skip
def test_what_a_cell_does_not_tell_is_told_without_its_words(row: dict[str, str], reason: str) -> None:
    found = reasons(gateway(), table(row))
    assert reason in found
    assert not any(value and value in one for one in found for value in row.values() if value != "up")


@pytest.mark.parametrize(
    ("cell", "expected", "whole"),
    [
        ("a@x.example, b@x.example", 2, True),
        ("a@x.example|b@x.example", 2, True),
        ("a@x.example; <b@x.example>", 2, True),
        ("a@x.example b@x.example", 2, True),
        ("{a@x.example,b@x.example}", 2, True),
        ('["a@x.example", "b@x.example"]', 2, True),
        ("a@x.example\nb@x.example", 2, True),
        ('"a@x.example" <a@x.example>', 1, True),
        ("'A@X.example' <a@x.example>", 1, True),
        ('"a@x.example" <b@x.example>', 1, True),  # who gets it stands in the brackets
        ("Doe, Ann <a@x.example>; b@x.example", 2, True),
        ("a@x.example; Sales Team", 1, False),
        ("Sales Team; a@x.example", 1, False),
        ("a@x.example; nobody@", 1, False),
        ("Ann", 0, False),
    ],
)
def test_a_cell_may_hold_a_list_in_any_form(cell: str, expected: int, whole: bool) -> None:
    data = table({"rcpt": cell})
    people = [person for one in observations(gateway(), data) for person in one.recipients]
    assert [person.address for person in people] in (["a@x.example", "b@x.example"][:expected], ["b@x.example"])
    assert len(people) == expected
    assert ("fields of an unexpected form, read as far as possible: recipient" not in reasons(gateway(), data)) is whole


@pytest.mark.parametrize("cell", ["-", "null", "NULL", "\\N", "  "])
def test_what_stands_for_nothing_is_nothing(cell: str) -> None:
    assert reasons(gateway(), table({"size": cell, "way": cell, "at": cell})) == []


def test_an_unknown_outcome_is_accepted_and_told_once_per_value() -> None:
    rows = [{"state": word} for word in ["Held", "held", "done", "lost", " held "]]
    data = table(*rows)
    assert [one.recipients[0].outcome for one in observations(gateway(), data)].count(Outcome.ACCEPTED) == 4
    assert [one.partition(",")[2].partition(",")[0] for one in reasons(gateway(), data)] == [" met 3 times", " met 1 time"]


@pytest.mark.parametrize(("rows", "is_told"), [(9_999, False), (10_000, True), (10_001, False)])
def test_a_table_that_ends_where_exports_do_is_told(rows: int, is_told: bool) -> None:
    """Header lines are no rows: an export that was joined from two has two."""
    one = table({})
    header, row = one.splitlines(keepends=True)
    found = reasons(gateway(), header + row * (rows - 1) + header + row)
    assert (
        found
        == [
            "exactly 10,000 rows, where a search of Elasticsearch and Kibana (index.max_result_window) ends: further ones may have been cut off"
        ]
        * is_told
    )
    values = lined(*({"id": str(number), "to": [{"address": "bob@customer.example"}], "kind": 7} for number in range(rows)))
    assert [reason for reason in reasons(lists(), values) if "rows" in reason] == found


def test_a_flood_of_unknown_values_is_told_in_a_bounded_number_of_sentences() -> None:
    found = reasons(gateway(), table(*({"state": f"word {number}"} for number in range(1_500))))
    assert len(found) == 1_001
    assert "met 500 times" in found[-1]


@pytest.mark.parametrize(
    ("record", "expected", "known"),
    [
        ({"to": [{"address": "bob@customer.example"}], "cc": "carol@customer.example"}, {"to": 1, "cc": 1}, True),
        ({"to": {"address": "bob@customer.example"}}, {"to": 1}, True),
        ({"doc": {"id": "9", "kind": 7, "to": [{"address": "bob@customer.example"}]}}, {"to": 1}, True),
        ({"to": [{"address": "bob@customer.example"}, 7]}, {"to": 1}, False),
        ({"to": [{"address": "bob@customer.example"}], "cc": ["carol@customer.example"]}, {"to": 1, "cc": 1}, False),
        ({"to": [{"address": "nobody"}], "bcc": ["x@giftshop.club"]}, {"bcc": 1}, False),
        ({"bcc": ["x@giftshop.club"], "envelope": ["x@giftshop.club", "y@giftshop.club"]}, {"bcc": 1, "envelope": 2}, False),
        ({"to": [{"address": "bob@customer.example, jan@customer.example"}], "cc": None}, {"to": 2}, True),
    ],
)
def test_a_header_is_known_only_where_all_of_it_was_read(record: dict[str, Any], expected: dict[str, int], known: bool) -> None:
    one = only(lists(), lined({"id": "9", "kind": "mail"} | record))
    assert Counter(person.role.value for person in one.recipients) == expected
    assert one.header_known is known
    assert one.message_id == "9@mtasv.net"


def test_a_table_that_has_no_cc_column_knows_no_header() -> None:
    data = b"id,to,cc,kind\n<1@a.example>,x@b.example|y@b.example,,mail\n"
    assert only(lists(), data).header_known
    assert len(only(lists(), data).recipients) == 2
    assert only(lists(), b"id,to,cc,kind,bcc_1,bcc_2\n1,x@b.example,z@b.example,7,p@b.example,q@b.example\n").header_known
    without = LISTS.replace('columns = ["id", "to", "cc"]', 'columns = ["id", "to"]')
    assert not only(parser_of(read_mapping(without, "x")), data.replace(b",cc,", b",copies,")).header_known


def test_only_lists_and_outcomes_of_the_envelope_tell_of_copies() -> None:
    record = {"id": "9", "kind": "mail", "to": [{"address": "bob@customer.example"}], "bcc": ["x@giftshop.club"], "envelope": ["bob@customer.example"]}  # fmt: skip
    found = {one.role: one.outcome for one in only(lists(), lined(record)).recipients}
    assert found == {Role.TO: Outcome.NONE, Role.BCC: Outcome.ACCEPTED, Role.ENVELOPE: Outcome.ACCEPTED}


def test_records_of_another_kind_are_counted_and_those_that_name_somebody_are_read() -> None:
    mail = {"id": "9", "kind": "MAIL", "to": [{"address": "bob@customer.example"}]}
    other = {"kind": "mail", "host": "mx1"}
    blind = {"kind": "mail", "bcc": ["x@giftshop.club"]}  # lacks what [match] asks for
    data = lined(mail, {"kind": "web", "id": "8"}, other, blind, mail | {"kind": "spam"})
    assert len(observations(lists(), data)) == 2
    assert [(one.value, one.rows) for one in statements(lists(), data)] == [(5, 3)]
    assert reasons(lists(), data) == []


def test_records_inside_an_object_and_on_pages_are_found() -> None:
    mail = {"id": "9", "kind": "mail", "to": [{"address": "bob@customer.example"}]}
    inside = lined({"page": {"items": [mail, {"doc": mail}]}}, {"page": {"items": []}}, {"rows": [mail, mail]}, {"rows": []})
    assert lists().sniff(inside, "")
    assert len(observations(lists(), inside)) == 4
    assert [one.kind for one in statements(lists(), inside)] == ["empty", "empty", "tally"]
    broken = lined({"page": {"items": [mail, 7]}})
    assert len(observations(lists(), broken)) == 1
    assert reasons(lists(), broken) == ["some of what the mapping's `each` finds is no object"]


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"a": {"b": "x"}}, "a.b", (("x",), True)),
        ({"a.b": "x"}, "a.b", (("x",), True)),
        ({"a": {"b.c": 7}}, "a.b.c", (("7",), True)),
        ({"a": {"b": "x"}, "a.b": "y"}, "a.b", (("x", "y"), True)),
        ({"a": [{"b": "x"}, {"b": None}, {}]}, "a[].b", (("x",), True)),
        ({"a": {"b": "x"}}, "a[].b", (("x",), True)),
        ({"a": [{"b": "x"}]}, "a.b", (("x",), False)),
        ({"a": ["x", "y"]}, "a[]", (("x", "y"), True)),
        ({"a": [["x"]]}, "a[]", ((), False)),
        ({"a": ("x", ["y"])}, "a[]", (("x", "y"), False)),
        ({"a": {"x": 1}}, "a", ((), False)),
        ({"a": "x"}, "a.b", ((), False)),
        ({"a": None}, "a.b", ((), True)),
        ({"a": True, "b": 1.5}, "b", (("1.5",), True)),
        ({}, "a", ((), True)),
        ({"a": " "}, "a", ((), True)),
        ({"a": ["x"] * (MOST_VALUES + 1)}, "a[]", (("x",) * MOST_VALUES, False)),
    ],
)
def test_a_path_finds_its_values(value: dict[str, Any], path: str, expected: tuple[tuple[str, ...], bool]) -> None:
    assert texts_at(value, path) == expected


def test_a_path_of_any_length_is_bounded() -> None:
    nest: dict[str, Any] = {}
    for _ in range(90):
        nest = {"a": nest, "a.a": nest}
    with affordable(2):
        assert texts_at(nest, ".".join("a" * 200)) == ((), True)
        assert not exists(nest, "a.b")


@pytest.mark.parametrize(
    ("text", "formats", "zone", "expected"),
    [
        ("2025-09-17T14:03:12Z", "iso", "Europe/Berlin", "2025-09-17T14:03:12+00:00 0"),
        ("2025-09-17 16:03:12", "iso", "Europe/Berlin", "2025-09-17T14:03:12+00:00 0"),
        ("2025-12-17 15:03:12", "iso", "Europe/Berlin", "2025-12-17T14:03:12+00:00 0"),
        ("2025-10-26 02:30:00", "iso", "Europe/Berlin", "2025-10-26T00:30:00+00:00 3600"),
        ("2025-09-17 16:03:12", "iso", "", "2025-09-17T16:03:12+00:00 50400"),
        ("2025-09-17 16:03:12", "iso", "+02:00", "2025-09-17T14:03:12+00:00 0"),
        ("17.09.2025 16:03", "%d.%m.%Y %H:%M", "-05:30", "2025-09-17T21:33:00+00:00 0"),
        ("17.09.2025 16:03 +0200", "%d.%m.%Y %H:%M %z", "UTC", "2025-09-17T14:03:00+00:00 0"),
        ("Wed, 17 Sep 2025 16:03:12 +0200", "mail", "UTC", "2025-09-17T14:03:12+00:00 0"),
        ("1758117792", "epoch", "", "2025-09-17T14:03:12+00:00 0"),
        ("1758117792.25", "epoch", "", "2025-09-17T14:03:12.250000+00:00 0"),
        ("1758117792123", "epoch_ms", "", "2025-09-17T14:03:12.123000+00:00 0"),
        ("1758117792123456789", "epoch_ns", "", "2025-09-17T14:03:12.123456+00:00 0"),
        ("1758117792123", "epoch", "", None),
        ("0", "epoch", "", None),
        ("-5", "epoch", "", None),
        ("9" * 60, "epoch_ns", "", None),
        ("17.09.2025", "iso", "UTC", None),
        ("31.02.2025 10:00", "%d.%m.%Y %H:%M", "", None),
        ("01.01.0001 00:00 +1400", "%d.%m.%Y %H:%M %z", "", None),
        ("0001-01-01 00:00:00", "iso", "Europe/Berlin", None),
        ("9" * 100, "epoch", "", None),
    ],
)
def test_a_time_is_read_as_the_mapping_says(text: str, formats: str, zone: str, expected: str | None) -> None:
    found = time_in(text, Place(("at",), formats=(formats,), zone=zone), "received_at")
    assert (None if found is None else f"{found.at.isoformat()} {found.slack}") == expected


@pytest.mark.parametrize(
    ("text", "known"),
    [("UTC", True), ("+02:00", True), ("-12:30", True), ("+15:00", False), ("+2", False), ("Europe/Berlin", True), ("Europe", False),
     ("Mars/Base", False), ("../etc/passwd", False), ("America/Indiana/Knox", True), ("CEST", False)],
)  # fmt: skip
def test_a_zone_is_known_by_offset_or_full_name(text: str, known: bool) -> None:
    assert (zone_of(text) is not None) is known


# --- laws


def accounted(parser: Parser, data: bytes) -> tuple[int, int, int]:
    """Records met; those that gave nothing; and the places of what was given."""
    records = read(parser, data)
    (tally,) = [one for one in records if isinstance(one, Statement) and one.kind == "tally"]
    places = {one.observation.span for one in records if isinstance(one, Fragment)}
    places |= {one.span for one in records if isinstance(one, Defect)}
    return tally.value, tally.rows, len(places)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"rcpt": st.sampled_from(["bob@customer.example", "", "nobody", '"a, b" <c@customer.example>'])},
            optional={name: st.text(max_size=12) for name in ("id", "state", "role", "at", "size", "said")},
        ),
        max_size=8,
    ),
    st.sampled_from([(",", "\n"), (";", "\r\n"), ("\t", "\n")]),
)
def test_each_row_is_an_observation_a_defect_or_counted(rows: list[dict[str, str]], form: tuple[str, str]) -> None:
    clean = [{name: "".join(text.replace("\0", "").split("\r")) for name, text in row.items()} for row in rows]
    met, silent, told = accounted(gateway(), table(*clean, delimiter=form[0], end=form[1]))
    assert met == silent + told
    assert silent >= 1  # the header line


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["id", "to", "cc", "bcc", "kind", "doc", "envelope"]),
            st.recursive(st.none() | st.booleans() | st.integers() | st.sampled_from(["mail", "bob@customer.example"]), lambda one: st.lists(one) | st.dictionaries(st.sampled_from(["address", "id", "to"]), one), max_leaves=5),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_each_json_record_is_an_observation_a_defect_or_counted(records: list[dict[str, Any]]) -> None:
    met, silent, told = accounted(lists(), lined(*records))
    assert met == silent + told == len(records)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([b"", b"id,rcpt,state\n", codecs.BOM_UTF16_LE, codecs.BOM_UTF8, b'{"id":', b'[{"id":1,"rcpt":"a@b.example"},', b'id;rcpt;state\n"']),
    st.binary(max_size=300),
    st.integers(1, 40),
)  # fmt: skip
def test_any_bytes_are_read_and_blocks_do_not_matter(head: bytes, rest: bytes, block: int) -> None:
    for parser in (gateway(), lists(), gateway('[table]\ndelimiter = ","\nheader = ["id", "rcpt", "state"]\n')):
        assert parser.sniff(head + rest, "\x1b[31m../x") in {True, False}
        assert read(parser, head + rest, block=block) == read(parser, head + rest)


@pytest.mark.parametrize("place", SAMPLES, ids=lambda one: one.parent.name)
def test_samples_may_be_cut_anywhere(place: Path) -> None:
    parser, data = parser_of(load_mapping(place.parent.name)), place.read_bytes()
    for end in range(0, len(data), 13):
        met, silent, _ = accounted(parser, data[:end])
        assert silent <= met
        parser.sniff(data[:end], "")


@pytest.mark.parametrize(
    "data",
    [
        b"id,rcpt,state\n" + b'"' * 300_000,
        b"id,rcpt,state\n" + b'"\n' * 20_000,
        b"id,rcpt,state\n" + b'x,"y\n' * 20_000,
        b"id," * 100_000,
        b"id,rcpt,state\n" * 20_000,
        b'id,rcpt,state\n<1@a.example>,"' + b"a@b.example, " * 20_000 + b'",done\n',
        b'{"id":"1","rcpt":[' + b'"a@b.example",' * 50_000 + b'"a@b.example"]}',
        b"{" * 100_000,
    ],
    ids=["quotes", "open", "rows", "header", "headers", "cell", "list", "nest"],
)  # fmt: skip
def test_hostile_tables_cost_little(data: bytes) -> None:
    with affordable(6):
        records = read(gateway(), data)
        gateway().sniff(data[:65_536], "")
    assert sum(len(one.observation.recipients) for one in records if isinstance(one, Fragment)) <= MOST_VALUES


KEY = "sk_" + "live_RHd9MRHONf216qhYmDQIOFsY"
WORDS = f"please use {KEY} today"
COLUMNS = """[columns]
envelope_sender = "esender"
server = "host"
stream = "stream"
attachments = "files"
"""
FACTS = """[columns.facts]
note = "note"
password = "pw"
[fields]
"""
FREE = BASE.replace("[columns]\n", COLUMNS).replace("[fields]\n", FACTS)


@pytest.mark.parametrize("column", ["host", "stream", "files", "note", "from", "esender", "said", "state", "way", "role"])
def test_no_secret_of_any_column_is_stored(column: str) -> None:
    cells = {"id": "<1@a.example>", "rcpt": "bob@customer.example", "state": "Done"} | {column: WORDS}
    parser = parser_of(read_mapping(FREE, "gateway.toml"))
    for one in read(parser, table(cells)):
        if isinstance(one, Fragment):
            stored = repr(redacted(one, lambda text: redact(text, load_rules())))
            assert (KEY in stored) is (column == "said")  # replies are redacted where those of all parsers are
            assert "bob@customer.example" in stored
        else:
            assert KEY not in repr(one)


def test_a_column_called_password_tells_what_is_in_it() -> None:
    cells = {"id": "<1@a.example>", "rcpt": "bob@customer.example", "state": "Done", "pw": "Tr0ub4dor&3x", "note": "Tuesday"}
    (one,) = [each for each in read(parser_of(read_mapping(FREE, "gateway.toml")), table(cells)) if isinstance(each, Fragment)]
    facts = dict(redacted(one, lambda text: redact(text, load_rules())).observation.facts)
    assert "Tr0ub4dor" not in facts["password"]
    assert facts["note"] == "Tuesday"
    assert redacted(one, lambda text: text) is one


@pytest.mark.parametrize("column", ["note", "host", "files", "said"])
def test_a_text_is_never_cut_within_a_word(column: str) -> None:
    parser = parser_of(read_mapping(FREE, "gateway.toml"))
    for before in (*range(170, 201), *range(970, 999), *range(1970, 2001)):
        cells = {"id": "<1@a.example>", "rcpt": "bob@customer.example", "state": "Done", column: f"{'x' * before} {KEY}"}
        (one,) = [each for each in read(parser, table(cells)) if isinstance(each, Fragment)]
        assert (KEY in repr(one)) or (KEY[:4] not in repr(one))


def test_no_subject_or_reply_is_in_a_reason_and_subjects_are_given_to_the_hash_only() -> None:
    data = b"message_id,recipient,status,subject,response\n<1@a.example>,none,planted-one,planted-two,planted-three\n"
    parser = parser_of(load_mapping("recipient-rows"))
    assert not any("planted" in one for one in reasons(parser, data))
    good = only(parser, data.replace(b"none", b"bob@customer.example"))
    assert good.subject == "planted-two"
    assert "planted-two" not in repr(replace(good, recipients=()))


def test_a_secret_of_no_column_reaches_the_case(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(FREE, encoding="utf-8")
    (tmp_path / "evidence").mkdir()
    columns = ("host", "stream", "files", "note", "from", "esender", "said", "state", "way", "role", "size", "done")
    cells = [
        {
            "id": f"<{n}@a.example>",
            "rcpt": "bob@customer.example",
            "state": "Done",
            "at": "2025-09-18 10:00:00",
            column: f"{WORDS} {n}",
        }
        for n, column in enumerate(columns)
    ]
    (tmp_path / "evidence" / "x.csv").write_bytes(table(*cells))
    options = Options(mappings=(str(tmp_path / "m.toml"),))
    case = forensics.audit(
        tmp_path / "evidence", out=tmp_path / "case", options=options, policy=Policy(domains=("acme.example",))
    )
    assert len(case.read("messages")) == len(columns)
    needle = KEY[:12]
    for path in case.path.rglob("*"):
        if path.suffix == ".parquet":
            assert needle not in repr(duckdb.read_parquet(str(path)).fetchall()), path.name
        elif path.is_file():
            assert needle.encode() not in path.read_bytes(), path.name
