"""Network sensors: envelope and header of one record, what they could not see, and that no value moves into another field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from log_forms import FORMS, by, prove_a_form
from support import defects, observations, read, statements

from forensics.model import Direction, Observation, Role
from forensics.parsers.smtp_sensor import PARSER

FIELDS = ["ts", "uid", "trans_depth", "mailfrom", "rcptto", "from", "to", "cc", "msg_id", "subject", "last_reply", "tls"]
MAIL = {
    "ts": "1758117792.345678", "uid": "C1", "trans_depth": "1", "mailfrom": "a@acme.example", "rcptto": "bob@b.example,x@collector.example",
    "from": "A <a@acme.example>", "to": "Bob <bob@b.example>", "msg_id": "<m1@acme.example>", "subject": "s", "last_reply": "250 ok", "tls": "F",
}  # fmt: skip


def head(fields: list[str] | None = None, separator: str = "\t", path: str = "smtp") -> str:
    marks = {"set_separator": ",", "empty_field": "(empty)", "unset_field": "-", "path": path}
    lines = [f"#separator \\x{ord(separator):02x}", *[f"#{name}{separator}{value}" for name, value in marks.items()]]
    return "\n".join([*lines, separator.join(["#fields", *(fields or FIELDS)])]) + "\n"


def table(*records: dict[str, str], separator: str = "\t") -> bytes:
    rows = [separator.join(one.get(name, "-") for name in FIELDS) for one in records]
    return (head(separator=separator) + "".join(row + "\n" for row in rows)).encode()


def eve(*records: dict[str, Any]) -> bytes:
    base = {
        "timestamp": "2025-09-17T16:03:12.345678+0200",
        "flow_id": 7,
        "event_type": "smtp",
        "src_ip": "192.0.2.10",
        "host": "ids1",
    }
    return "".join(json.dumps(base | one) + "\n" for one in records).encode()


def zeek_json(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps({"ts": 1758117792.345678, "uid": "C1", "trans_depth": 1} | one) + "\n" for one in records).encode()


def only(data: bytes) -> Observation:
    (one,) = observations(PARSER, data)
    return one


def named(data: bytes, *roles: Role) -> list[tuple[str, str]]:
    return [(r.address, r.outcome.value) for one in observations(PARSER, data) for r in one.recipients if r.role in roles]


AT = datetime(2025, 9, 17, 14, 3, 12, 345678, tzinfo=UTC)


@pytest.mark.parametrize(
    "data",
    [
        table(MAIL),
        table(MAIL, separator="|"),
        zeek_json({
            "mailfrom": "a@acme.example", "rcptto": ["bob@b.example", "x@collector.example"], "from": "A <a@acme.example>",
            "to": ["Bob <bob@b.example>"], "msg_id": "<m1@acme.example>", "subject": "s", "last_reply": "250 ok", "tls": False,
        }),
        eve({
            "smtp": {"mail_from": "<a@acme.example>", "rcpt_to": ["<bob@b.example>", "<x@collector.example>"]},
            "email": {"status": "PARSE_DONE", "from": "A <a@acme.example>", "to": ["Bob <bob@b.example>"], "subject": "s", "message_id": "<m1@acme.example>"},
        }),
    ],
)  # fmt: skip
def test_every_sensor_tells_the_same(data: bytes) -> None:
    assert PARSER.sniff(data, "x")
    one = only(data)
    assert (one.message_id, one.sender, one.envelope_sender, one.subject) == (
        "m1@acme.example",
        "a@acme.example",
        "a@acme.example",
        "s",
    )
    assert (one.kind, one.direction, one.header_known, one.readings[0].at) == ("queue", Direction.UNKNOWN, True, AT)
    assert named(data, Role.ENVELOPE) == [("bob@b.example", "accepted"), ("x@collector.example", "accepted")]
    assert named(data, Role.TO, Role.CC) == [("bob@b.example", "")]
    assert data[one.span.start : one.span.end] in data.splitlines()
    assert defects(PARSER, data) == []


@pytest.mark.parametrize(
    ("change", "outcome", "kind"),
    [
        ({}, "accepted", "queue"),
        ({"last_reply": "-"}, "accepted", "queue"),
        ({"last_reply": "221 bye"}, "accepted", "queue"),
        ({"last_reply": "451 later"}, "deferred", "queue"),
        ({"last_reply": "554 no"}, "refused_after_data", "queue"),
        ({"last_reply": "554 no", "from": "-", "to": "-", "msg_id": "-", "subject": "-"}, "bounced", "reject"),
        ({"last_reply": "5544 no code"}, "accepted", "queue"),
    ],
)
def test_the_last_reply_speaks_for_all_copies(change: dict[str, str], outcome: str, kind: str) -> None:
    data = table(MAIL | change)
    assert {one[1] for one in named(data, Role.ENVELOPE)} == {outcome}
    assert only(data).kind == kind


@pytest.mark.parametrize(
    ("to", "known", "found"),
    [
        ('"Roe\\x2c Bob" <bob@b.example>', True, ["bob@b.example"]),
        ('"Roe, Bob" <bob@b.example>', True, ["bob@b.example"]),  # cut at the comma, as Zeek does
        ("bob@b.example,carol@b.example", True, ["bob@b.example", "carol@b.example"]),
        ("undisclosed-recipients:;", True, []),
        ("-", True, []),
        ("(empty)", True, []),
        ("=?utf-8?q?Z=C3=BC?= <bob@b.example>", True, ["bob@b.example"]),
        ("bob@b.example>, @", False, ["bob@b.example"]),
    ],
)
def test_whom_the_header_names(to: str, known: bool, found: list[str]) -> None:
    one = only(table(MAIL | {"to": to}))
    assert [r.address for r in one.recipients if r.role is Role.TO] == found
    assert one.header_known is known


def test_without_a_header_nobody_is_blind() -> None:
    bare = dict.fromkeys(("from", "to", "msg_id", "subject"), "-")
    assert not only(table(MAIL | bare)).header_known
    assert not only(eve({"smtp": {"mail_from": "<a@acme.example>", "rcpt_to": ["<b@b.example>"]}})).header_known
    cut = {"status": "HEADER_STARTED", "to": ["b@b.example"]}
    assert not only(eve({"smtp": {"rcpt_to": ["<b@b.example>"]}, "email": cut})).header_known
    odd = {"status": "PARSE_DONE", "to": [7, "b@b.example"]}
    data = eve({"smtp": {"rcpt_to": ["<b@b.example>"]}, "email": odd})
    assert (only(data).header_known, len(defects(PARSER, data))) == (False, 1)


@pytest.mark.parametrize(
    "data",
    [
        table(*[{"ts": "1758117792.0", "uid": "C1", "tls": "T", "last_reply": "220 ready"}] * 3),
        zeek_json(*[{"tls": True, "helo": "x", "last_reply": "220 ready"}] * 3),
        eve(*[{"smtp": {"helo": "x"}}] * 3),
    ],
)
def test_sessions_under_tls_are_counted_in_one_defect(data: bytes) -> None:
    assert observations(PARSER, data) == []
    (one,) = defects(PARSER, data)
    assert one.reason.startswith("3 sessions went on under TLS")
    assert b"220 ready" in data[one.span.start : one.span.end] or b'"helo"' in data[one.span.start : one.span.end]


def test_a_mail_before_tls_is_kept_with_what_is_unknown() -> None:
    one = only(table(MAIL | {"tls": "T", "rcptto": "-"}))
    assert {"tls", "recipients_unknown"} <= dict(one.facts).keys()


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("Bob@B.example", "bob@b.example"),
        ("<bob@b.example>", "bob@b.example"),
        ("<bob@b.example> NOTIFY=NEVER", "bob@b.example"),
        ('<"a> b"@b.example> NOTIFY=NEVER', '"a> b"@b.example'),
        ("postmaster", "postmaster"),
        ('"a\\x2cb"@b.example', '"a,b"@b.example'),
        ("x\\x09y@b.example", "xy@b.example"),
    ],
)
def test_forms_of_a_recipient(written: str, address: str) -> None:
    assert named(table(MAIL | {"rcptto": written}), Role.ENVELOPE) == [(address, "accepted")]


def test_an_alert_is_of_the_same_mail_as_its_event() -> None:
    smtp = {"mail_from": "<a@acme.example>", "rcpt_to": ["<b@b.example>"]}
    first, second = observations(PARSER, eve({"tx_id": 0, "smtp": smtp}, {"tx_id": 0, "event_type": "alert", "smtp": smtp}))
    assert first.ids == second.ids == ("flow:ids1/7/0",)
    other = only(eve({"tx_id": 1, "smtp": smtp}))
    assert other.ids != first.ids


def test_fields_may_change_within_a_file_and_other_logs_are_none_of_ours() -> None:
    other = head(["ts", "uid", "rcptto", "mailfrom"]) + "1758117792.3\tC2\tx@b.example\ts@acme.example\n"
    foreign = head(["ts", "uid", "rcptto"], path="conn") + "1758117792.3\tC2\tfake@collector.example\n"
    found = [
        [r.address for r in one.recipients if r.role is Role.ENVELOPE]
        for one in observations(PARSER, table(MAIL) + (other + foreign).encode())
    ]
    assert found == [["bob@b.example", "x@collector.example"], ["x@b.example"]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1758117792.345678\tC1\tcut\n", "as many values"),
        (b"\t".join([b"x"] * 13) + b"\n", "as many values"),
        (b'{"ts":1,"uid":"x","rcptto":["a@b.exa\n', "no valid JSON"),
        (b'{"rcptto":' + b"[" * 3000 + b"\n", "no valid JSON"),
        (b"#what\n", "no kind"),
        (b"soon\tC1\t1\ta@b.example\tb@b.example" + b"\t-" * 7 + b"\n", "time"),
        (b'{"ts":1,"uid":"x","rcptto":{"a":1},"mailfrom":"a@b.example"}\n', "rcptto"),
        (b"x" * (1 << 20) + b"xx\n", "longer"),
    ],
)
def test_what_cannot_be_read_is_told(line: bytes, reason: str) -> None:
    data = table(MAIL) + line
    assert [reason in one.reason for one in defects(PARSER, data)] == [True]
    assert named(data, Role.ENVELOPE)[:2] == named(table(MAIL), Role.ENVELOPE)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", False),
        (b"{}\n", False),
        (head(["ts", "uid"], path="conn").encode(), False),
        (head().encode(), True),
        (b"#fields\tts\tmailfrom\trcptto\n", False),
        (eve({"event_type": "flow"}), True),
        (eve({"event_type": "stats", "flow_id": None}), True),
        (b'{"timestamp":"x","event_type":"login"}\n', False),
        (b'{"ts":1,"uid":"x","method":"GET","trans_depth":1}\n', False),
        (b"\xef\xbb\xbf" + zeek_json({"mailfrom": "x"}), True),
        (b'{"ts":1,"uid":"x","mailfrom":"cut', False),
    ],
)
def test_sniff(data: bytes, expected: bool) -> None:
    assert PARSER.sniff(data, "smtp.log") is expected


# --- forms

TWO = [
    {"rcptto": ["bob@b.example", "x@collector.example"], "mailfrom": "a@acme.example"},
    {"rcptto": ["c@b.example"], "helo": "h"},
]
EVE = [{"smtp": {"mail_from": "<a@acme.example>", "rcpt_to": [f"<{to}@b.example>"]}} for to in ("bob", "eve")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("plain", "program"), [(zeek_json(*TWO), "zeek"), (eve(*EVE), "suricata")])
def test_any_form_of_a_log_tells_the_same(form: str, plain: bytes, program: str) -> None:
    prove_a_form(PARSER, plain, form, by(program))


@pytest.mark.parametrize("form", ["utf-16-le", "utf-16-be", "docker", "compose"])
@pytest.mark.parametrize("separator", ["\t", "|"])
def test_any_form_of_a_table_tells_the_same(form: str, separator: str) -> None:
    prove_a_form(PARSER, table(MAIL, MAIL | {"rcptto": "eve@b.example"}, separator=separator), form, by("zeek"))


@pytest.mark.parametrize(("program", "count"), [("suricata", 1), ("Suricata", 1), ("sshd", 0)])
def test_only_a_sensor_reports_to_syslog(program: str, count: int) -> None:
    data = f"Sep 17 16:03:12 ids1 {program}[7]: ".encode() + eve(EVE[0])
    assert len(observations(PARSER, data)) == count
    assert PARSER.sniff(data, "messages") is bool(count)


# --- laws

_VALUE = st.sampled_from(
    ["bob@b.example", "x@collector.example", "-", "(empty)", "a\\x2cb@b.example", "<c@b.example>", "\\x0a", "#x", "{", "\xff"]
)
_RECORDS = st.lists(st.dictionaries(st.sampled_from(FIELDS[3:]), _VALUE), max_size=8)


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(_RECORDS)
def test_a_slow_reader_finds_the_same_recipients(records: list[dict[str, str]]) -> None:
    data = table(*[{"ts": "1758117792.1", "uid": "C1"} | one for one in records])
    expected = []
    for row in data.decode().split("\n"):
        values = dict(zip(FIELDS, row.split("\t"), strict=False))
        if not row or row.startswith("#"):
            continue
        for one in values["rcptto"].split(","):
            text = one.replace("\\x2c", ",").replace("\\x0a", "").strip("<>")
            if text and one not in {"-", "(empty)"}:
                expected.append('"a,b"@b.example' if text.startswith("a,b") else text.lower())
    assert [address for address, _ in named(data, Role.ENVELOPE)] == expected


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text('ab<>"@,: \\{}\x00\u20ac', max_size=20), max_size=6), st.lists(st.text('ab<>"@, ', max_size=20), max_size=6)
)
def test_json_of_any_texts_invents_nobody(rcpt: list[str], to: list[str]) -> None:
    data = eve({"smtp": {"mail_from": "<a@acme.example>", "rcpt_to": rcpt}, "email": {"to": to}})
    assert len(named(data, Role.ENVELOPE)) <= len(rcpt)
    assert len(named(zeek_json({"mailfrom": "a@b.example", "rcptto": rcpt, "to": to}), Role.ENVELOPE)) <= len(rcpt)


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([table(MAIL), eve({"smtp": {"rcpt_to": ["<b@b.example>"]}}), table(MAIL)[:300], b"\n", b"#"]),
        ),
        max_size=6,
    ),
    st.integers(1, 99),
)
def test_no_bytes_raise_and_every_line_counts(parts: list[bytes], block: int) -> None:
    data = b"".join(parts)
    assert read(PARSER, data, block=block) == read(PARSER, data)
    PARSER.sniff(data, "")
    assert statements(PARSER, data)[-1].value == data.count(b"\n") + bool(data and not data.endswith(b"\n"))


def test_hostile_lines_take_linear_time() -> None:
    with affordable(20):
        for data in (
            head().encode() + b"\\x" * 500_000 + b"\n",
            table(MAIL | {"to": '"(' * 30_000, "rcptto": "<" + '"\\\\' * 100_000 + "> ," * 50_000}),
            eve(
                {
                    "smtp": {"rcpt_to": ["<" * 200_000 + "a@b.example"] * 3},
                    "email": {"to": ["(" * 200_000], "subject": "=?" * 200_000},
                }
            ),
            b'{"smtp":' * 100_000,
        ):
            assert statements(PARSER, data)[-1].value >= 1
