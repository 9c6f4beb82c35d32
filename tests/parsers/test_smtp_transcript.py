"""SMTP transcripts: each program's way to write a session down, and that nothing but a command names a recipient."""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import Any

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, defects, golden_text, observations, read, statements

from forensics.model import Direction, Observation, Outcome, Role
from forensics.parsers.smtp_transcript import PARSER, reading
from forensics.parsers.smtp_transcript.dialects import handed

SAMPLES = sorted((FORMATS / "smtp_transcript").iterdir())
MAIL = ["From: a@acme.example", "To: bob@b.example", "Message-ID: <m1@acme.example>", "Subject: s", "", "text"]
STAMP = "[2025-09-17 14:03:12] DEBUG [sid1] "


def swaks(*said: str) -> bytes:
    """Lines that begin with C or S, as swaks writes them."""
    return "".join((" -> " if one[0] == "C" else "<-  ") + one[2:] + "\n" for one in said).encode()


def nodemailer(*said: str) -> bytes:
    return "".join(STAMP + (f"{one[0]}: {one[2:]}" if one[0] in "CS" else one[2:]) + "\n" for one in said).encode()


def pino(*said: str) -> bytes:
    sides = {"C": "client", "S": "server", "M": "message"}
    return "".join(json.dumps({"sid": "x", "tnx": sides[one[0]], "msg": one[2:]}) + "\n" for one in said).encode()


def smtplib(*said: str) -> bytes:
    return "".join(
        f"send: {one[2:] + chr(13) + chr(10)!r}\n" if one[0] in "CM" else f"reply: {(one[2:] + chr(13) + chr(10)).encode()!r}\n"
        for one in said
    ).encode()


def phpmailer(*said: str) -> bytes:
    return "".join(("SERVER -> CLIENT: " if one[0] == "S" else "CLIENT -> SERVER: ") + one[2:] + "\n" for one in said).encode()


def swaks_mail(*said: str) -> bytes:
    return swaks(*["C" + one[1:] if one[0] == "M" else one for one in said])


WRITERS = [swaks_mail, nodemailer, pino, smtplib, phpmailer]
OPENING = ["C EHLO app1.acme.example", "S 250-mx", "S 250 HELP"]


def session(*recipients: str, mail: list[str] = MAIL, final: str = "S 250 queued") -> list[str]:
    asked = [one for name in recipients for one in (f"C RCPT TO:<{name}>", "S 250 ok")]
    body = [f"M {one}" for one in mail]
    return [*OPENING, "C MAIL FROM:<a@acme.example>", "S 250 ok", *asked, "C DATA", "S 354 go", *body, "M .", final]


def envelope(data: bytes) -> list[tuple[str, str]]:
    return [(r.address, r.outcome.value) for one in observations(PARSER, data) for r in one.recipients if r.role is Role.ENVELOPE]


def only(data: bytes) -> Observation:
    (one,) = observations(PARSER, data)
    return one


@pytest.mark.parametrize("write", WRITERS)
def test_every_program_tells_the_same(write: Any) -> None:
    data = write(*session("bob@b.example", "archive@collector.example"), "C QUIT", "S 221 bye")
    assert PARSER.sniff(data, "x")
    one = only(data)
    assert (one.kind, one.direction, one.envelope_sender, one.header_known) == (
        "queue",
        Direction.SUBMITTED,
        "a@acme.example",
        True,
    )
    assert (one.message_id, one.subject, one.sender) == ("m1@acme.example", "s", "a@acme.example")
    assert envelope(data) == [("bob@b.example", "delivered"), ("archive@collector.example", "delivered")]
    assert [(r.address, r.role) for r in one.recipients[2:]] == [("bob@b.example", Role.TO)]
    assert defects(PARSER, data) == []
    for named in one.recipients[:2]:
        assert named.address.encode() in data[named.start : named.end]
    (part,) = PARSER.body(data[one.span.start : one.span.end], one.kind).parts if PARSER.body else ()
    assert part.data == "\r\n".join([*MAIL, ""]).encode()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "line",
    [
        "RCPT TO:<fake@collector.example>",
        "C: RCPT TO:<fake@collector.example>",
        "S: 250 ok",
        "S: 554 no",
        " -> RCPT TO:<fake@collector.example>",
        "<-  250 ok",
        "send: 'rcpt TO:<fake@collector.example>\\r\\n'",
        "reply: b'554 no\\r\\n'",
        "CLIENT -> SERVER: RCPT TO:<fake@collector.example>",
        "SERVER -> CLIENT: 554 no",
        "..",
        "..RCPT TO:<fake@collector.example>",
        "RSET",
        "QUIT",
        "MAIL FROM:<fake@collector.example>",
        STAMP + "C: RCPT TO:<fake@collector.example>",
        '{"tnx":"client","sid":"x","msg":"RCPT TO:<fake@collector.example>"}',
        "To: fake@collector.example",
        "",
    ],
)
def test_nothing_in_the_mail_is_a_command_or_a_reply(write: Any, line: str) -> None:
    data = write(*session("bob@b.example", mail=[*MAIL, line, "RCPT TO:<fake@collector.example>", "250 ok", line]))
    assert envelope(data) == [("bob@b.example", "delivered")]
    assert only(data).envelope_sender == "a@acme.example"
    assert [r.address for r in only(data).recipients if r.role is Role.TO] == ["bob@b.example"]
    raw = data[only(data).span.start : only(data).span.end]
    assert PARSER.body is not None
    assert PARSER.body(raw, "queue").parts[0].data.decode().split("\r\n")[len(MAIL)] == line.removeprefix(".")


def test_a_mail_before_which_354_is_missing_is_still_a_mail() -> None:
    said = [one for one in session("bob@b.example", mail=["RCPT TO:<fake@collector.example>"]) if "354" not in one]
    assert envelope(swaks_mail(*said)) == [("bob@b.example", "delivered")]


@pytest.mark.parametrize("write", WRITERS)
def test_replies_of_a_pipelined_batch_match_in_order(write: Any) -> None:
    data = write(
        *OPENING,
        "C MAIL FROM:<a@acme.example>", "C RCPT TO:<x@b.example>", "C RCPT TO:<y@b.example>", "C RCPT TO:<z@b.example>", "C DATA",
        "S 250 ok", "S 250 ok", "S 550-no", "S 550 such user", "S 450 later", "S 354 go", "M Subject: s", "M .", "S 250 ok",
    )  # fmt: skip
    assert envelope(data) == [("x@b.example", "delivered"), ("y@b.example", "rejected"), ("z@b.example", "deferred")]
    assert only(data).recipients[1].reply == "550-no 550 such user"


@pytest.mark.parametrize(
    ("command", "address", "original"),
    [
        ("RCPT TO:<Bob@B.example>", "bob@b.example", ""),
        ("rcpt to: <bob@b.example>", "bob@b.example", ""),
        ("RcPt  To :  <bob@b.example>  NOTIFY=NEVER", "bob@b.example", ""),
        ("RCPT TO:bob@b.example", "bob@b.example", ""),
        ('RCPT TO:<"a> b"@b.example> NOTIFY=NEVER', '"a> b"@b.example', ""),
        ("RCPT TO:<@relay.example:bob@b.example>", "bob@b.example", ""),
        ("RCPT TO:<postmaster>", "postmaster", ""),
        ("RCPT TO:<bob@b.example> ORCPT=rfc822;ann+2Bx@acme.example", "bob@b.example", "ann+x@acme.example"),
        ("RCPT TO:<bob@b.example> ORCPT=rfc822;bob@b.example", "bob@b.example", ""),
    ],
)
def test_forms_of_rcpt(command: str, address: str, original: str) -> None:
    data = swaks(*OPENING, "C MAIL FROM:<>", "S 250 ok", f"C {command}", "S 251 ok", "C DATA", "S 354 go", "C .", "S 250 ok")
    (one,) = only(data).recipients
    assert (one.address, one.original, one.outcome) == (address, original, Outcome.DELIVERED)
    assert only(data).envelope_sender == ""


@pytest.mark.parametrize(
    "command", ["RCPT TO:<bob@b.exa", "RCPT TO:", "RCPT bob@b.example", "RCPT TO:<>", "RCPT TO:<" + "a" * 5000 + "@b.example>"]
)
def test_a_rcpt_that_cannot_be_read_is_a_defect_and_shifts_no_reply(command: str) -> None:
    data = swaks(
        *OPENING, "C MAIL FROM:<a@acme.example>", "S 250 ok", f"C {command}", "C RCPT TO:<bob@b.example>", "S 501 no", "S 250 ok"
    )
    assert envelope(data) == [("bob@b.example", "accepted")]
    assert ["RCPT" in one.reason for one in defects(PARSER, data)] == [True]


@pytest.mark.parametrize(
    ("said", "outcome", "kind"),
    [
        (["C RSET", "S 250 ok"], "bounced", "reject"),
        (["C QUIT", "S 221 ok"], "bounced", "reject"),
        (["C MAIL FROM:<b@acme.example>", "S 250 ok", "C RSET", "S 250 ok"], "bounced", "reject"),
        (["C DATA", "S 554 no"], "bounced", "reject"),
        (["C DATA", "S 451 later"], "deferred", "reject"),
        (["C DATA", "S 354 go", "M .", "S 554 no"], "refused_after_data", "queue"),
        (["C DATA", "S 354 go", "M .", "S 451 later"], "deferred", "queue"),
        (["C DATA", "S 354 go", "M ."], "accepted", "queue"),
        (["C DATA", "S 354 go", "M Subject: s"], "accepted", "queue"),
        (["C DATA"], "accepted", "queue"),
        ([], "accepted", "queue"),
        (["C EHLO x"], "accepted", "queue"),  # a new connection: how the old one ended is not told
        (["C BDAT 20 LAST", "C RCPT TO:<fake@collector.example>", "S 250 ok"], "delivered", "queue"),
        (["C BDAT 20", "C x", "S 554 no"], "bounced", "reject"),
    ],
)
def test_how_a_transaction_ends(said: list[str], outcome: str, kind: str) -> None:
    data = swaks_mail(*OPENING, "C MAIL FROM:<a@acme.example>", "S 250 ok", "C RCPT TO:<bob@b.example>", "S 250 ok", *said)
    one = observations(PARSER, data)[0]
    assert [(r.address, r.outcome.value) for r in one.recipients if r.role is Role.ENVELOPE] == [("bob@b.example", outcome)]
    assert one.kind == kind
    if not said:
        assert dict(one.facts)["partial"] == "end"


def test_a_recipient_without_its_own_reply_is_kept_and_told() -> None:
    data = swaks(*OPENING, "C MAIL FROM:<a@acme.example>", "S 250 ok", "C RCPT TO:<bob@b.example>")
    assert envelope(data) == [("bob@b.example", "")]
    assert len(defects(PARSER, data)) == 1
    refused = swaks(
        *OPENING, "C MAIL FROM:<a@acme.example>", "C RCPT TO:<bob@b.example>", "S 550 no", "S 503 no", "C QUIT", "S 221 ok"
    )
    assert (envelope(refused), only(refused).kind) == ([("bob@b.example", "rejected")], "reject")


@pytest.mark.parametrize(
    ("before", "relay", "outcome"),
    [
        ([], "mx.b.example", "delivered"),
        (["C AUTH PLAIN AGEAYg==", "S 235 ok"], "mx.b.example", "accepted"),
        ([], "127.0.0.1", "accepted"),
        ([], "localhost", "accepted"),
    ],
)
def test_a_queue_is_no_mailbox(before: list[str], relay: str, outcome: str) -> None:
    said = session("bob@b.example")
    data = f"=== Connected to {relay}.\n".encode() + swaks_mail(*said[:3], *before, *said[3:])
    assert envelope(data) == [("bob@b.example", outcome)]
    assert dict(only(data).facts)["relay"] == relay


@pytest.mark.parametrize("write", WRITERS)
def test_credentials_are_neither_stored_nor_taken_for_commands(write: Any) -> None:
    said = session("bob@b.example")
    login = [
        "C AUTH LOGIN", "S 334 VXNlcm5hbWU6", "C MAIL FROM:<INVENTED-user@acme.example>", "S 334 UGFzc3dvcmQ6",
        "C RCPT TO:<INVENTED-secret@acme.example>", "S 235 ok",
    ]  # fmt: skip
    data = write(*said[:3], *login, *said[3:])
    assert envelope(data) == [("bob@b.example", "accepted")]
    assert "INVENTED" not in golden_text(PARSER, data)
    plain = write(*said[:3], "C AUTH PLAIN SU5WRU5URUQtc2VjcmV0", "S 535 SU5WRU5URUQtc2VjcmV0", *said[3:])
    assert "SU5WRU5URUQ" not in golden_text(PARSER, plain) + repr(read(PARSER, plain))


def test_sessions_of_nodemailer_run_side_by_side() -> None:
    first = nodemailer(*session("bob@b.example", "x@collector.example")).splitlines(keepends=True)
    second = nodemailer(*session("carol@b.example", final="S 554 no")).replace(b"sid1", b"sid2").splitlines(keepends=True)
    mixed = b"".join(line for pair in zip_longest(first, second, fillvalue=b"") for line in pair)
    found = {tuple(r.address for r in one.recipients if r.role is Role.ENVELOPE) for one in observations(PARSER, mixed)}
    assert found == {("bob@b.example", "x@collector.example"), ("carol@b.example",)}
    for one in observations(PARSER, mixed):
        assert PARSER.body is not None
        assert PARSER.body(mixed[one.span.start : one.span.end], one.kind).parts[0].data.endswith(b"\r\ntext\r\n")


def test_too_many_sessions_are_let_go_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_SESSIONS", 3)
    head = nodemailer(*session("bob@b.example")[:7])
    data = b"".join(head.replace(b"sid1", b"s%d" % number) for number in range(9))
    assert len(observations(PARSER, data)) == 9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sending message <m1@a.example> to <b@b.example, c@c.example>", ("<m1@a.example>", ("b@b.example", "c@c.example"), 2)),
        ("Sending message <m1@a.example> using #3 to <b@b.example>", ("<m1@a.example>", ("b@b.example",), 1)),
        ("Sending message <m1@a.example> to <b@b.example, c@c.example, ...and 5 more>", ("<m1@a.example>", ("b@b.example", "c@c.example"), 7)),
        ("Sending message <m1@a.example> to <x@y.example> to <b@b.example>", ("<m1@a.example> to <x@y.example>", ("b@b.example",), 1)),
        ('Sending message <m1> to <"a, b"@b.example, root>', ("<m1>", ('"a, b"@b.example', "root"), 2)),
        ("Sending message <m1> to <b@b.example> using <CR><LF> line breaks", ("<m1>", ("b@b.example",), 1)),
        ("Sending message <m1> to <>", ("<m1>", (), 0)),
        ("Sending message <m1> to <b@b.exa", None),
        ("Sending message <m1>", None),
    ],
)  # fmt: skip
def test_what_nodemailer_says_before_it_sends(text: str, expected: Any) -> None:
    found = handed(text.encode())
    assert (found if found is None else tuple(found)) == expected
    line = f"[2025-09-17 14:03:12] INFO  {text}\n".encode()
    assert len(observations(PARSER, line)) == (expected is not None)
    hidden = expected is not None and expected[2] > len(expected[1])
    assert len(defects(PARSER, line)) == (expected is None or hidden)


def test_the_mail_that_is_not_logged_gets_its_id_from_the_line_before_only_for_the_same_recipients() -> None:
    line = b"[2025-09-17 14:03:12] INFO  Sending message <m7@acme.example> to <bob@b.example, x@collector.example>\n"
    said = [one for one in session("bob@b.example", "x@collector.example") if one[0] != "M"]
    same, other = nodemailer(*said), nodemailer(*[one for one in session("bob@b.example") if one[0] != "M"])
    assert [one.message_id for one in observations(PARSER, line + same + same)] == ["m7@acme.example", "m7@acme.example", ""]
    assert [one.message_id for one in observations(PARSER, line + other)] == ["m7@acme.example", ""]
    assert not any(one.header_known or one.has_body for one in observations(PARSER, line + same))


def test_the_text_inside_a_line_of_smtplib_is_read_without_running_it() -> None:
    text = "Subject: '\"\\ \x00\x7f\u20ac\U0001f600\r\n\r\n\\n\\x41 'x\r\n"
    for written in (repr(text + ".\r\n"), repr((text + ".\r\n").encode())):
        data = smtplib(*session()[:6]) + b"reply: b'354 go\\r\\n'\nsend: " + written.encode() + b"\nreply: b'250 ok\\r\\n'\n"
        one = only(data)
        assert one.subject.startswith("'\"\\ ")
        assert PARSER.body is not None
        assert PARSER.body(data[one.span.start : one.span.end], "queue").parts[0].data.decode() == text


def test_a_mail_too_long_for_a_line_ends_where_its_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LINE_LIMIT", 500)
    said = smtplib(*session("bob@b.example")[:8])
    data = said + b"send: b'" + b"RCPT TO:<fake@collector.example>\\r\\n" * 50 + b".\\r\\n'\nreply: b'250 ok\\r\\n'\n"
    assert envelope(data) == [("bob@b.example", "delivered")]
    assert not only(data).header_known
    assert len(defects(PARSER, data)) == 1


def test_a_head_too_long_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_HEAD", 100)
    assert not only(
        swaks_mail(*session("bob@b.example", mail=["To: bob@b.example", "X: " + "y" * 200, "Cc: c@b.example", ""]))
    ).header_known


@pytest.mark.parametrize(
    "said", [["C DATA", "S 354 go", "M To: a@b.example"], ["C DATA", "S 354 go", "M To: a@b.example", "S 421 gone"]]
)
def test_a_header_that_is_cut_is_not_known(said: list[str]) -> None:
    data = swaks_mail(*OPENING, "C MAIL FROM:<a@acme.example>", "S 250 ok", "C RCPT TO:<bob@b.example>", "S 250 ok", *said[:3])
    assert not only(data).header_known


def test_phpmailer_as_html() -> None:
    rows = phpmailer(*session("bob@b.example")).decode().splitlines()
    escaped = "".join(
        f"2025-09-17 14:03:12 {one.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}<br>\n" for one in rows
    )
    assert PARSER.sniff(escaped.encode(), "x")
    glued = escaped.replace("250-mx<br>\n2025-09-17 14:03:12 SERVER -&gt; CLIENT: ", "250-mx")
    assert "250-mx250 HELP<br>" in glued
    for text in (escaped, glued):
        assert envelope(text.encode()) == [("bob@b.example", "delivered")]


def test_a_missing_reply_to_the_greeting_shifts_no_other() -> None:
    said = [
        "C EHLO x",
        "C MAIL FROM:<a@acme.example>",
        "S 250 ok",
        "C RCPT TO:<no@b.example>",
        "S 550 no",
        "C RCPT TO:<bob@b.example>",
        "S 250 ok",
    ]
    assert envelope(swaks(*said)) == [("no@b.example", "rejected"), ("bob@b.example", "accepted")]


def test_a_rcpt_outside_of_a_transaction_is_told() -> None:
    data = swaks(*OPENING, "C AUTH PLAIN x", "C MAIL FROM:<a@acme.example>", "S 250 ok", "C RCPT TO:<bob@b.example>", "S 250 ok")
    assert observations(PARSER, data) == []
    assert ["outside of any transaction" in one.reason for one in defects(PARSER, data)] == [True]


def test_html_in_a_mail_is_no_line_end_of_phpmailer() -> None:
    data = phpmailer(*session("bob@b.example", mail=["To: bob@b.example", "", "a &lt; b<br>"]))
    assert PARSER.body is not None
    assert PARSER.body(data[only(data).span.start :], "queue").parts[0].data.endswith(b"\r\na &lt; b<br>\r\n")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", False),
        (b"From a@b.example Wed Sep 17 14:03:12 2025\n\n" + swaks(*OPENING), False),
        (b"Subject: our transcript\n\n" + swaks(*OPENING), False),
        (b"prose\n" * 40 + swaks(*OPENING), False),
        (b"[2025-09-17 14:03:12] INFO  Server started\n" * 5, False),
        (b"send: x\nreply: y\n", False),
        (b'{"tnx":"dns","msg":"220 x"}\n', False),
        (b"=== a title\n=== another\n", False),
        (b"\xef\xbb\xbf" + swaks(*OPENING), True),
        (smtplib(*OPENING), True),
        (b"2025-09-17 started\n" * 2 + nodemailer(*OPENING), True),
    ],
)
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "x.log") is expected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_line_ends_and_nul_change_nothing(path: Any) -> None:
    data = path.read_bytes().replace(b"\r\n", b"\n")
    expected = [(one.kind, one.message_id, [r.address for r in one.recipients]) for one in observations(PARSER, data)]
    for other in (data.replace(b"\n", b"\r\n"), b"\0\0\0" + data, data.rstrip(b"\n")):
        assert [
            (one.kind, one.message_id, [r.address for r in one.recipients]) for one in observations(PARSER, other)
        ] == expected
    assert statements(PARSER, data)[-1].value == data.count(b"\n")


# --- laws

_NAMES = ["bob@b.example", "x@collector.example", "carol@b.example"]
_PIECE = st.one_of(
    st.tuples(st.just("C"), st.sampled_from([f"RCPT TO:<{one}>" for one in _NAMES])),
    st.tuples(st.just("C"), st.sampled_from(["MAIL FROM:<a@acme.example>", "RSET", "NOOP"])),
    st.tuples(st.just("S"), st.sampled_from(["250 ok", "550 no", "450 wait", "250-more"])),
)
_SESSIONS = st.lists(st.one_of(_PIECE, st.just(("MAIL", ""))), max_size=25)
_SLOW = re.compile(r"(RCPT|MAIL|RSET|NOOP|EHLO|DATA)(?: (?:TO|FROM):<(.*)>)?")


def written(rows: list[tuple[str, str]]) -> list[str]:
    said = list(OPENING)
    for side, text in rows:
        if side == "MAIL":
            said += [
                "C DATA",
                "S 354 go",
                "M Subject: x",
                "M ",
                "M RCPT TO:<fake@collector.example>",
                "M 250 ok",
                "M .",
                "S 250 taken",
            ]
        else:
            said.append(f"{side} {text}")
    return said


def slow(said: list[str]) -> list[tuple[str, bool]]:
    """Each recipient of a RCPT inside a transaction, and whether its own reply was a 2xx: by counting commands and replies."""
    found: list[tuple[str, bool]] = []
    waiting: list[int] = []  # for each command without a reply the recipient's number, or -1
    inside = in_data = False
    for one in said:
        side, text = one[0], one[2:]
        match = _SLOW.fullmatch(text)
        if in_data:
            if text == ".":
                in_data = inside = False
                waiting.append(-1)
        elif side == "C" and match:
            named = match[1] == "RCPT" and inside
            if match[1] in {"MAIL", "RSET"}:
                inside = match[1] == "MAIL"
            if named:
                found.append((match[2], False))
            waiting.append(len(found) - 1 if named else -1)
        elif side == "S" and re.match(r"\d{3} ", text) and waiting:
            number = waiting.pop(0)
            if number >= 0 and text[0] == "2":
                found[number] = (found[number][0], True)
        in_data = in_data or (match is not None and match[1] == "DATA" and inside)
    return found


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(_SESSIONS)
def test_a_slow_reader_finds_the_same_recipients(rows: list[tuple[str, str]]) -> None:
    said = written([(side, text) for side, text in rows if side != "MAIL"])  # without mail: replies may be missing or too many
    expected = sorted(slow(said))
    for write in WRITERS:
        found = [r for one in observations(PARSER, write(*said)) for r in one.recipients if r.role is Role.ENVELOPE]
        accepted = {Outcome.ACCEPTED, Outcome.DELIVERED, Outcome.BOUNCED}
        named = sorted((r.address, r.outcome in accepted or r.outcome is Outcome.REFUSED_AFTER_DATA) for r in found)
        assert [one[0] for one in named] == [one[0] for one in expected]
        assert sum(one[1] for one in named) >= sum(one[1] for one in expected)


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(_NAMES), max_size=3),
            st.lists(st.sampled_from(["250 ok", "550 no"]), min_size=3, max_size=3),
            st.booleans(),
        ),
        max_size=4,
    )
)
def test_whole_sessions_are_told_as_they_were(messages: list[tuple[list[str], list[str], bool]]) -> None:
    said, expected = list(OPENING), []
    for names, replies, pipelined in messages:
        commands = [f"C RCPT TO:<{one}>" for one in names]
        answers = [f"S {one}" for one in replies[: len(names)]]
        order = [*commands, *answers] if pipelined else [x for pair in zip(commands, answers, strict=True) for x in pair]
        said += ["C MAIL FROM:<a@acme.example>", "S 250 ok", *order]
        is_sent = any(one.startswith("250") for one in replies[: len(names)])
        mail = ["M To: bob@b.example", "M ", "M RCPT TO:<fake@collector.example>", "M S: 250 no", "M ..", "M ."]
        said += ["C DATA", "S 354 go", *mail, "S 250 ok"] if is_sent else ["C RSET", "S 250 ok"]
        expected.append(
            [(one, "delivered" if reply[0] == "2" else "rejected") for one, reply in zip(names, replies, strict=False)]
        )
    for write in WRITERS:
        found = observations(PARSER, write(*said))
        told = [[(r.address, r.outcome.value) for r in one.recipients if r.role is Role.ENVELOPE] for one in found]
        assert told == expected
        for one in found:
            if one.kind == "queue":
                assert one.header_known


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [write(*session("bob@b.example"))[at:to] for write in WRITERS for at in (0, 40, 333) for to in (90, 500, 5000)]
            ),
        ),
        max_size=8,
    ),
    st.integers(1, 60),
)
def test_no_bytes_raise_and_every_line_counts(parts: list[bytes], block: int) -> None:
    data = b"".join(parts)
    records = read(PARSER, data)
    assert records == read(PARSER, data, block=block)
    PARSER.sniff(data, "")
    assert statements(PARSER, data)[-1].value == data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    for one in observations(PARSER, data):
        assert 0 <= one.span.start < one.span.end <= len(data)
        if one.has_body and PARSER.body is not None:
            assert PARSER.body(data[one.span.start : one.span.end], one.kind).parts


def test_hostile_lines_take_linear_time() -> None:
    with affordable(30):
        for data in (
            b"send: b'" + b"\\x41\\" * 1_000_000 + b"\n",
            swaks(*session()[:5]) + b" -> RCPT TO:<" + b'"\\' * 500_000 + b"> " * 500_000 + b"\n",
            b"[2025-09-17 14:03:12] INFO  Sending message " + b" to <" * 400_000 + b"\n",
            b"[2025-09-17 14:03:12] INFO  Sending message <m> to <" + b"a@b, (" * 300_000 + b">\n",
            b'{"tnx":' + b"[" * 1_000_000 + b"\n",
            nodemailer(*session()[:5]) + nodemailer("C RCPT TO:<a@b.example>") * 60_000,
            b"x" * 10_000_000,
        ):
            assert statements(PARSER, data)[-1].value >= 1
