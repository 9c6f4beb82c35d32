"""Exchange protocol logs: which recipients of which message were accepted, however the sessions are woven and cut."""

from __future__ import annotations

import csv
import dataclasses
import io
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assembled, defects, observations, read, statements

from forensics.columns import Encoder, decode
from forensics.model import Direction, Fragment, Observation, Span
from forensics.parsers.exchange_protocol import PARSER, reading

COLUMNS = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
QUEUED = "250 2.6.0 <m1@acme.example> [InternalId=7, Hostname=EX01.acme.example] 9 bytes Queued mail for delivery"
CONNECTORS = {"Receive": "EX01\\Default EX01", "Send": "Internet"}
Talk = list[str]  # "C: command", "S: reply", "* text|context", "+", "-", "?" a line that is missing


def rows(talk: Talk, side: str = "Receive", session: str = "08DDF5A1B2C3D4E5", first: int = 0) -> list[list[str]]:
    client, server = ("<", ">") if side == "Receive" else (">", "<")
    found = []
    for number, line in enumerate(talk, first):
        mark, _, text = line.partition(" ")
        text, _, context = text.partition("|") if mark == "*" else (text, "", "")
        event = {"C:": client, "S:": server}.get(mark, mark)
        stamp = f"2025-09-17T14:{number // 60:02d}:{number % 60:02d}.000Z"
        if event != "?":
            found.append([stamp, CONNECTORS[side], session, str(number), "192.0.2.5:25", "192.0.2.10:1024", event, text, context])
    return found


def written(records: list[list[str]], side: str = "Receive", end: str = "\n") -> bytes:
    out = io.StringIO()
    out.write(f"#Software: Microsoft Exchange Server{end}#Log-type: SMTP {side} Protocol Log{end}#Fields: {COLUMNS}{end}")
    csv.writer(out, lineterminator=end).writerows(records)
    return out.getvalue().encode()


def log(talk: Talk, side: str = "Receive", first: int = 0) -> bytes:
    return written(rows(talk, side, first=first), side)


def mails(*files: bytes, cut: int | None = None) -> list[tuple[str, str, list[tuple[str, str]]]]:
    found = observations(PARSER, *files, cut=cut)
    return [
        (one.kind, one.sender, sorted((r.address.partition("@")[0], r.outcome.value) for r in one.recipients)) for one in found
    ]


def placeless(found: list[Observation]) -> list[Observation]:
    nowhere = Span("", "", 0, 0)
    return [
        dataclasses.replace(one, span=nowhere, recipients=tuple(dataclasses.replace(r, start=-1, end=-1) for r in one.recipients))
        for one in found
    ]


HELLO = ["+", "S: 220 EX01", "C: EHLO app1", "S: 250-EX01 Hello", "S: 250 OK"]
MAIL = ["C: MAIL FROM:<app@acme.example>", "S: 250 ok"]


def rcpt(name: str, reply: str = "250 2.1.5 ok") -> Talk:
    return [f"C: RCPT TO:<{name}@b.example>", f"S: {reply}"]


DATA = ["C: DATA", "S: 354 go"]
SENDER = "app@acme.example"


@pytest.mark.parametrize(
    ("talk", "received", "sent"),
    [
        ([*rcpt("a"), *DATA, f"S: {QUEUED}"], [("queue", "accepted")], [("queue", "delivered")]),
        ([*rcpt("a"), "C: BDAT 9 LAST", f"S: {QUEUED}"], [("queue", "accepted")], [("queue", "delivered")]),
        (
            [*rcpt("a"), "C: BDAT 9", "S: 250 ok", "C: bdat 0 last", "S: 250 ok"],
            [("queue", "accepted")],
            [("queue", "delivered")],
        ),
        ([*rcpt("a"), *DATA, "S: 554 no"], [("queue", "refused_after_data")], [("queue", "refused_after_data")]),
        ([*rcpt("a"), "C: BDAT 9", "S: 554 no"], [("queue", "refused_after_data")], [("queue", "refused_after_data")]),
        ([*rcpt("a"), *DATA, "S: 451 later"], [("queue", "deferred")], [("queue", "deferred")]),
        ([*rcpt("a"), "C: DATA", "S: 554 no"], [("reject", "rejected")], [("queue", "bounced")]),
        ([*rcpt("a"), "C: DATA", "S: 451 later"], [("reject", "rejected")], [("queue", "deferred")]),
        ([*rcpt("a", "550 no")], [("reject", "rejected")], [("queue", "rejected")]),
        ([*rcpt("a", "450 later")], [("reject", "rejected")], [("queue", "deferred")]),
        ([*rcpt("a", "252 perhaps"), "C: DATA", "S: 554 no"], [("reject", "rejected")], [("queue", "rejected")]),
        ([*rcpt("a"), *DATA], [("reject", "rejected")], [("queue", "deferred")]),
        ([*rcpt("a")], [], []),
        ([*rcpt("a"), "C: RSET", "S: 250 ok"], [], []),
        (["C: RCPT TO:<a@b.example>"], [], []),
    ],
)
def test_what_a_transaction_comes_to(talk: Talk, received: list[tuple[str, str]], sent: list[tuple[str, str]]) -> None:
    for side, expected in (("Receive", received), ("Send", sent)):
        data = log([*HELLO, *MAIL, *talk, "-"], side)
        assert [(kind, copies[0][1]) for kind, _, copies in mails(data)] == expected
        assert defects(PARSER, data) == []


def test_pipelined_replies_come_in_order() -> None:
    names = ["a", "b", "c", "d"]
    replies = ["250 ok", "550-no", "550 250 ok", "251 ok", "450 later"]
    talk = [MAIL[0], *[f"C: RCPT TO:<{one}@b.example>" for one in names], "S: 250 ok", *[f"S: {one}" for one in replies]]
    assert mails(log([*HELLO, *talk, *DATA, f"S: {QUEUED}", "-"])) == [
        ("queue", SENDER, [("a", "accepted"), ("b", "rejected"), ("c", "accepted"), ("d", "rejected")])
    ]


@pytest.mark.parametrize("reset", [["C: RSET", "S: 250 ok"], ["C: EHLO x", "S: 250 ok"], ["C: helo x", "S: 250 ok"], []])
def test_recipients_before_a_reset_are_not_those_of_the_next_mail(reset: Talk) -> None:
    talk = [
        *HELLO,
        *MAIL,
        *rcpt("a"),
        *reset,
        *MAIL,
        *rcpt("b"),
        *DATA,
        f"S: {QUEUED}",
        *MAIL,
        *rcpt("c"),
        *DATA,
        "S: 250 ok",
        "-",
    ]
    assert [copies for _, _, copies in mails(log(talk))] == [[("b", "accepted")], [("c", "accepted")]]


def test_one_recipient_twice_is_one_and_the_yes_counts() -> None:
    talk = [*HELLO, *MAIL, *rcpt("a"), *rcpt("A", "550 already"), *DATA, f"S: {QUEUED}", "-"]
    assert mails(log(talk)) == [("queue", SENDER, [("a", "accepted")])]


@pytest.mark.parametrize(
    ("command", "address"),
    [
        ("rcpt to: <A@B.example> NOTIFY=NEVER", "a@b.example"),
        ("RCPT TO:a@b.example", "a@b.example"),
        ('RCPT TO:<"a> ORCPT=x"@b.example>', '"a> orcpt=x"@b.example'),
        ("RCPT TO:<@relay.example:a@b.example>", "a@b.example"),
        # whoever hides a copy may write a genuine name into ORCPT
        ("RCPT TO:<a@b.example> ORCPT=rfc822;bob@customer.example", "a@b.example"),
        ("RCPT TO:<a@b.example> X=<c@d.example>", "a@b.example"),
    ],
)
def test_recipients_as_written(command: str, address: str) -> None:
    (one,) = observations(PARSER, log([*HELLO, *MAIL, f"C: {command}", "S: 250 ok", *DATA, f"S: {QUEUED}", "-"]))
    assert [(r.address, r.original) for r in one.recipients] == [(address, "")]


@pytest.mark.parametrize(
    "command", ["RCPT TO:<a@b.exam", "RCPT a@b.example", "RCPT", "RCPT TO:", "MAIL FROM", f"RCPT TO:<{'x' * 5000}>"]
)
def test_an_address_that_cannot_be_read_is_told_and_moves_no_reply(command: str) -> None:
    data = log([*HELLO, *MAIL, f"C: {command}", "C: RCPT TO:<b@b.example>", "S: 501 no", "S: 250 ok", *DATA, f"S: {QUEUED}", "-"])
    assert [one.reason for one in defects(PARSER, data)] == ["the address of a command cannot be read; the line may be cut"]
    assert ("b", "accepted") in [copy for _, _, copies in mails(data) for copy in copies]


@pytest.mark.parametrize(
    ("user", "direction"),
    [
        ("ACME\\svc", "submitted"),
        ("app@acme.example", "submitted"),
        ("ACME\\EX02$", "unknown"),
        ("NT AUTHORITY\\SYSTEM", "unknown"),
    ],
)
def test_who_signed_in_submits_unless_it_is_a_server(user: str, direction: str) -> None:
    login = ["C: AUTH LOGIN", "S: 334 x", "C: <authentication information>", f"* {user}|authenticated", "S: 235 ok"]
    (one,) = observations(PARSER, log([*HELLO, *login, *MAIL, *rcpt("a"), *DATA, f"S: {QUEUED}", "-"]))
    assert (one.direction, dict(one.facts)["sasl_username"]) == (Direction(direction), user)


def test_arguments_of_auth_are_kept_nowhere() -> None:
    data = log(
        [
            *HELLO,
            "C: AUTH PLAIN aW52ZW50ZWQgc2VjcmV0",
            "S: 235 ok",
            "C: c2VjcmV0",
            "S: 500 no",
            *MAIL,
            *rcpt("a"),
            *DATA,
            f"S: {QUEUED}",
            "-",
        ]
    )
    assert not re.search("aW52ZW50|c2VjcmV0", repr(read(PARSER, data)))


def test_ids_link_the_hops() -> None:
    (one,) = observations(PARSER, log([*HELLO, *MAIL, *rcpt("a"), *DATA, f"S: {QUEUED}", "-"]))
    assert (one.message_id, one.server, dict(one.facts)["internal_id"]) == ("m1@acme.example", "ex01", "ex01.acme.example/7")
    announced = "* |sending message with RecordId 7 and InternetMessageId <m1@acme.example>"
    forged = QUEUED.replace("m1@", "forged@") + " queued as 7F3A21C4D0"
    (one,) = observations(PARSER, log([*HELLO, announced, *MAIL, *rcpt("a"), *DATA, f"S: {forged}", "-"], "Send"))
    assert (one.message_id, one.server, dict(one.facts)["handed_to"]) == ("m1@acme.example", "app1", "192.0.2.10:1024/7F3A21C4D0")


def test_mail_for_another_server_of_the_organisation_is_not_delivered_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONNECTORS, "Send", "Intra-Organization SMTP Send Connector")
    assert mails(log([*HELLO, *MAIL, *rcpt("a"), *DATA, "S: 250 ok", "-"], "Send")) == [("queue", SENDER, [("a", "accepted")])]


# --- sessions that are cut

WHOLE = [
    *HELLO,
    *MAIL,
    *rcpt("a"),
    *DATA,
    f"S: {QUEUED}",
    *MAIL,
    *rcpt("b"),
    *rcpt("c"),
    *DATA,
    f"S: {QUEUED}",
    "C: QUIT",
    "S: 221 bye",
    "-",
]


@pytest.mark.parametrize(
    ("talk", "first", "expected"),
    [
        (WHOLE[:9], 0, [([("a", "accepted")], "end")]),  # before DATA
        (WHOLE[:11], 0, [([("a", "accepted")], "end")]),  # within DATA
        ([*HELLO, *MAIL, "C: RCPT TO:<a@b.example>"], 0, [([("a", "")], "end")]),  # no reply is no yes
        (WHOLE[7:12], 7, [([("a", "accepted")], "start")]),  # behind MAIL
        (WHOLE[9:], 9, [([], "start"), ([("b", "accepted"), ("c", "accepted")], None)]),  # behind RCPT
        (WHOLE[11:12], 11, [([], "start")]),  # the last reply alone
        (
            [*WHOLE[:9], "?", "?", "?", "?", "?", *WHOLE[14:]],
            0,
            [([("a", "accepted")], "end"), ([("b", "accepted"), ("c", "accepted")], "start")],
        ),
    ],
)
def test_a_session_that_is_cut_says_so(talk: Talk, first: int, expected: list[tuple[list[tuple[str, str]], str | None]]) -> None:
    found = observations(PARSER, log(talk, first=first))
    told = [(sorted((r.address[0], r.outcome.value) for r in one.recipients), dict(one.facts).get("partial")) for one in found]
    assert told == expected
    assert all(("recipients_unknown", "true") in one.facts for one in found if not one.recipients)


def test_a_session_goes_on_in_another_file_and_a_file_may_be_there_twice() -> None:
    lines = rows(WHOLE)
    for at in range(1, len(lines)):
        older, newer = written(lines[:at]), written(lines[at:])
        expected = mails(written(lines))
        assert mails(older, newer) == mails(newer, older) == mails(older, newer, written(lines[:at], end="\r\n")) == expected


def test_an_id_that_is_used_again_is_another_session() -> None:
    later = [[row[0].replace("-17T", "-18T"), *row[1:]] for row in rows([*HELLO, *MAIL, *rcpt("z"), *DATA, f"S: {QUEUED}", "-"])]
    found = mails(written([*rows(WHOLE[:9]), *later]))
    assert [copies for _, _, copies in found] == [[("a", "accepted")], [("z", "accepted")]]


# --- words of strangers

_HOSTILE = [
    "RCPT TO:<forged@collector.example>",
    "250 2.1.5 ok",
    f"x\n2025-09-17T14:00:07.000Z,EX01\\Default EX01,08DDF5A1B2C3D4E5,7,a,b,<,RCPT TO:<forged@collector.example>,\n2025-09-17T14:00:08.000Z,EX01\\Default EX01,08DDF5A1B2C3D4E5,8,a,b,>,250 ok,\n#Fields: {COLUMNS}\n",
    '","<","RCPT TO:<forged@collector.example>',
    QUEUED,
    "\0",
]


@pytest.mark.parametrize("text", _HOSTILE)
@pytest.mark.parametrize("side", ["Receive", "Send"])
def test_words_of_strangers_name_no_recipient_and_hide_none(text: str, side: str) -> None:
    stranger = [f"C: {text}", "S: 500 no"] if side == "Receive" else []
    if text.startswith("RCPT"):
        stranger = [f"C: X{text}", "S: 500 no"] if side == "Receive" else []
    said = "550 no" if side == "Receive" else f"550 {text}"
    greeting = [f"C: EHLO {text}", "S: 250 ok"] if side == "Receive" else ["C: EHLO ex01", f"S: 250-{text}", "S: 250 ok"]
    talk = [
        "+",
        f"S: 220 {text}",
        *greeting,
        *stranger,
        *MAIL,
        *rcpt("a"),
        *rcpt("n", said),
        *rcpt("b"),
        *DATA,
        f"S: 250 {text}",
        "-",
    ]
    data = log(talk, side)
    done = "accepted" if side == "Receive" else "delivered"
    assert [copies for _, _, copies in mails(data)] == [[("a", done), ("b", done), ("n", "rejected")]]
    for cut in (1, 60, 333):
        assert observations(PARSER, data, cut=cut) == observations(PARSER, data)


# --- laws

_STEPS = st.one_of(
    st.just(MAIL),
    st.builds(rcpt, st.sampled_from("abcd"), st.sampled_from(["250 ok", "550 no", "450 later"])),
    st.sampled_from([["C: RSET", "S: 250 ok"], [*DATA, f"S: {QUEUED}"], [*DATA, "S: 554 no"], ["C: BDAT 9 LAST", f"S: {QUEUED}"], ["* x|y"], ["C: NOOP", "S: 250 ok"]]),
)  # fmt: skip
_TALKS = st.lists(_STEPS, max_size=10).map(lambda steps: [*HELLO, *[line for step in steps for line in step], "-"])


def slow(talk: Talk) -> list[tuple[str, set[str]]]:
    """Recipients of every mail that was queued, one step at a time."""
    found, sender, accepted = [], "", set[str]()
    for command, reply in re.findall(r"^C: (.*)\n(?:S: (?:\d{3}-|354).*\n)*S: (\d{3})", "\n".join(talk), re.MULTILINE):
        if match := re.match(r"MAIL FROM:<(.*)>", command):
            sender, accepted = match[1], set()
        elif match := re.match(r"RCPT TO:<(.)@", command):
            accepted |= {match[1]} if sender and reply == "250" else set()
        elif command in {"DATA", "BDAT 9 LAST", "RSET"}:
            if sender and command != "RSET" and reply == "250":
                found.append((sender, accepted))
            sender, accepted = "", set()
    return found


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_TALKS)
def test_a_slow_reader_finds_the_same_recipients(talk: Talk) -> None:
    fast = [
        (one.sender, {r.address[0] for r in one.recipients if r.outcome.value == "accepted"})
        for one in observations(PARSER, log(talk))
        if "internal_id" in dict(one.facts)
    ]
    assert fast == slow(talk)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(_TALKS, min_size=1, max_size=3), st.randoms(use_true_random=False), st.integers(20, 900), st.integers(2, 40))
def test_woven_cut_and_shuffled_sessions_give_the_same(talks: list[Talk], order: random.Random, cut: int, held: int) -> None:
    each = [rows(talk, session=f"08DDF5A1B2C3D4E{number}") for number, talk in enumerate(talks)]
    lines = sorted((row for session in each for row in session), key=lambda row: row[0])
    data = written(lines)
    expected = observations(PARSER, data)
    assert observations(PARSER, data, cut=cut) == expected
    with pytest.MonkeyPatch.context() as patch:  # letting go early changes nothing
        patch.setattr(reading, "_HELD", held)
        assert observations(PARSER, data) == expected
    files = [written(lines[at::3]) for at in range(3)]
    order.shuffle(files)
    assert placeless(observations(PARSER, *files)) == placeless(expected)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([log(WHOLE), log(WHOLE[3:9]), b"\n", b'"', b","])), max_size=8))
def test_no_bytes_raise(parts: list[bytes]) -> None:
    data = b"".join(parts)
    records = read(PARSER, data)
    assembled(PARSER, [one for one in records if isinstance(one, Fragment)])
    PARSER.sniff(data, "")
    assert statements(PARSER, data)[-1].kind == "tally"


def test_pieces_survive_the_columns() -> None:
    data = log([*HELLO, "* ACME\\svc|authenticated", *WHOLE[5:]])
    fragments = [one for one in read(PARSER, data, cut=200) if isinstance(one, Fragment)]
    encoder = Encoder(b"key", lambda text: text)
    for one in fragments:
        encoder.add(one)
    stored = [one for batch in encoder.table().to_batches() for one in decode(batch)]
    assert assembled(PARSER, stored) == assembled(PARSER, fragments) == observations(PARSER, data)


def test_lines_are_counted() -> None:
    data = log(WHOLE)
    assert [(one.value, one.rows) for one in statements(PARSER, data)] == [(len(WHOLE) + 3, 3)]


@pytest.mark.parametrize(
    "change", [("sequence", ",0,192", ",x,192"), ("event", ",+,", ",?,"), ("session", ",08DDF5A1B2C3D4E5,0,", ",,0,")]
)
def test_a_line_that_belongs_nowhere_is_told(change: tuple[str, str, str]) -> None:
    data = log(WHOLE).replace(change[1].encode(), change[2].encode())
    assert [one.reason for one in defects(PARSER, data)] == ["session, sequence number or event of a record cannot be read"]


def test_without_a_log_type_the_connector_tells_the_side() -> None:
    for side, outcome in (("Receive", "accepted"), ("Send", "delivered")):
        data = log([*HELLO, *MAIL, *rcpt("a"), *DATA, "S: 250 ok", "-"], side)
        bare = re.sub(rb"#Log-type.*\n", b"", data)
        assert [copies for _, _, copies in mails(bare)] == [[("a", outcome)]]
