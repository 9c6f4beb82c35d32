"""hMailServer: commands and replies of interleaved sessions, on both sides, and what lost lines leave unknown."""

from __future__ import annotations

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from log_forms import outcomes
from support import FORMATS, defects, observations, read, statements

from forensics.model import Direction, Observation
from forensics.parsers import hmailserver
from forensics.parsers.hmailserver import PARSER

SAMPLES = sorted((FORMATS / "hmailserver").glob("*.log"))


def log(*said: str, service: str = "SMTPD", session: int = 7, ip: str = "192.0.2.10", second: int = 12) -> bytes:
    """Lines of one session: `C: ` before what the client says, `S: ` before what the server does."""
    client = "RECEIVED" if service == "SMTPD" else "SENT"
    server = "SENT" if service == "SMTPD" else "RECEIVED"
    return "".join(
        f'"{service}"\t4242\t{session}\t"2025-09-17 16:03:{second:02d}.{number:03d}"\t"{ip}"\t'
        f'"{client if one[0] == "C" else server}: {one[3:]}"\r\n'
        for number, one in enumerate(said)
    ).encode()


MAIL = ["C: MAIL FROM:<s@acme.example>", "S: 250 OK"]
TO = ["C: RCPT TO:<bob@customer.example>", "S: 250 OK"]
DATA = ["C: DATA", "S: 354 OK, send."]


def only(data: bytes) -> Observation:
    (one,) = observations(PARSER, data)
    return one


def told(*files: bytes) -> list[tuple[str, str]]:
    return outcomes(PARSER, *files)


@pytest.mark.parametrize(
    ("service", "said", "expected", "kind"),
    [
        ("SMTPD", [*MAIL, *TO, *DATA, "S: 250 Queued (0.1 seconds)"], ["accepted"], "queue"),
        ("SMTPC", [*MAIL, *TO, *DATA, "S: 250 Queued"], ["delivered"], "queue"),
        ("SMTPD", [*MAIL, *TO, *DATA, "S: 554 Rejected"], ["refused_after_data"], "queue"),
        ("SMTPC", [*MAIL, *TO, *DATA, "S: 554 Rejected"], ["refused_after_data"], "queue"),
        ("SMTPC", [*MAIL, *TO, *DATA, "S: 451 later"], ["deferred"], "queue"),
        ("SMTPD", [*MAIL, *TO, "C: DATA", "S: 554 no"], ["rejected"], "reject"),
        ("SMTPC", [*MAIL, *TO, "C: DATA", "S: 554 no"], ["bounced"], "queue"),
        ("SMTPC", [*MAIL, *TO, "C: DATA", "S: 451 no"], ["deferred"], "queue"),
        ("SMTPD", [*MAIL, TO[0], "S: 550 Unknown user", "C: QUIT", "S: 221 bye"], ["rejected"], "reject"),
        ("SMTPD", [*MAIL, TO[0], "S: 450 greylisted", "C: QUIT", "S: 221 bye"], ["rejected"], "reject"),
        ("SMTPC", [*MAIL, TO[0], "S: 450 greylisted", "C: QUIT", "S: 221 bye"], ["deferred"], "queue"),
        ("SMTPC", [*MAIL, TO[0], "S: 550 Unknown user", "C: QUIT", "S: 221 bye"], ["rejected"], "queue"),
        ("SMTPD", [*MAIL, *TO], ["accepted"], "queue"),
        ("SMTPD", [*MAIL, *TO, *DATA], ["accepted"], "queue"),
        ("SMTPD", [*MAIL, *TO, *DATA, "C: QUIT"], ["rejected"], "reject"),
        ("SMTPC", [*MAIL, *TO, *DATA, "C: QUIT"], ["deferred"], "queue"),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(service: str, said: list[str], expected: list[str], kind: str) -> None:
    one = only(log("S: 220 hello", *said, service=service))
    assert ([r.outcome.value for r in one.recipients], one.kind) == (expected, kind)


@pytest.mark.parametrize("end", ["RSET", "QUIT", "EHLO a", "HELO a", "rset", "MAIL FROM:<t@acme.example>"])
def test_a_transaction_that_is_given_up_is_no_mail(end: str) -> None:
    assert told(log(*MAIL, *TO, f"C: {end}", "S: 250 OK")) == []


@pytest.mark.parametrize(
    ("command", "address"),
    [
        ("RCPT TO:<Bob@Customer.example>", "bob@customer.example"), ("rcpt to: <bob@customer.example> NOTIFY=NEVER", "bob@customer.example"),
        ('RCPT TO:<"a> b"@customer.example>', '"a> b"@customer.example'), ("RCPT TO:bob@customer.example", "bob@customer.example"),
        ("RCPT TO:<ann@müller.example>", "ann@xn--mller-kva.example"),
    ],
)  # fmt: skip
def test_recipients_as_written(command: str, address: str) -> None:
    assert told(log(*MAIL, f"C: {command}", "S: 250 OK", *DATA, "S: 250 Queued")) == [(address, "accepted")]


@pytest.mark.parametrize("command", ["RCPT TO:<bob@customer.ex", "RCPT TO:", "MAIL FROM:<s@acme", "RCPT"])
def test_an_address_that_does_not_end_is_a_defect(command: str) -> None:
    data = log(f"C: {command}", "S: 250 OK")
    assert (told(data), len(defects(PARSER, data))) == ([], 1)


def test_replies_name_nobody_and_text_forges_no_line() -> None:
    said = [*MAIL, TO[0], 'S: 550 no"\t"SMTPD"\t4242\t7\t"RECEIVED: RCPT TO:<forged@customer.example>', "S: 250 RCPT TO:<forged2@customer.example>", "C: QUIT"]  # fmt: skip
    assert told(log(*said)) == [("bob@customer.example", "rejected")]


def test_sessions_that_are_interleaved_keep_apart() -> None:
    one = log(*MAIL, "C: RCPT TO:<a@customer.example>", "S: 250 OK", *DATA, "S: 250 Queued", session=7).splitlines(keepends=True)
    other = log(*MAIL, "C: RCPT TO:<b@customer.example>", "S: 550 no", "C: QUIT", session=8).splitlines(keepends=True)
    for step in (1, 2, 3):
        rows, left, right = [], list(one), list(other)
        while left or right:
            rows += left[:step] + right[:1]
            left, right = left[step:], right[1:]
        assert told(b"".join(rows)) == [("a@customer.example", "accepted"), ("b@customer.example", "rejected")]


def test_a_number_used_again_after_a_greeting_is_another_session() -> None:
    data = log(*MAIL, *TO) + log("S: 220 hello", *MAIL, "C: RCPT TO:<c@customer.example>", "S: 250 OK", *DATA, "S: 250 Queued")
    found = observations(PARSER, data)
    assert sorted((one.recipients[0].address, dict(one.facts).get("partial", "")) for one in found) == [
        ("bob@customer.example", "end"), ("c@customer.example", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(("reply", "submitted"), [("235 authenticated.", True), ("535 no", False)])
def test_who_has_signed_in_submits(reply: str, submitted: bool) -> None:
    signing = ["C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: RCPT", "S: 334 UGFzc3dvcmQ6", "C: ***", f"S: {reply}"]
    one = only(log(*signing, *MAIL, *TO, *DATA, "S: 250 Queued"))
    assert one.direction is (Direction.SUBMITTED if submitted else Direction.UNKNOWN)
    assert [r.address for r in one.recipients] == ["bob@customer.example"]


@pytest.mark.parametrize("lost", range(3, 9))
def test_a_lost_reply_makes_nobody_rejected_and_loses_nobody(lost: int) -> None:
    said = [
        *MAIL,
        "C: RCPT TO:<a@customer.example>",
        "S: 250 OK",
        "C: RCPT TO:<b@customer.example>",
        "S: 250 OK",
        *DATA,
        "S: 250 Queued",
    ]
    del said[lost]
    outcome = "" if lost in {3, 5} else "accepted"  # a reply to RCPT: whose the other ones are is not known
    named = ["a@customer.example"] if lost == 4 else ["a@customer.example", "b@customer.example"]
    assert told(log(*said)) == [(address, outcome) for address in named]


def test_a_session_goes_on_in_the_next_file_and_says_so() -> None:
    said = [*MAIL, *TO, *DATA, "S: 250 Queued"]
    (one,) = observations(PARSER, log(*said[:4]), log(*said[4:], second=50))
    assert dict(one.facts)["server_unnamed"] == "joined across files by session and address"
    assert [(r.address, r.outcome.value) for r in one.recipients] == [("bob@customer.example", "accepted")]
    for other in (
        log(*said[4:], second=50, session=8),
        log(*said[4:], second=50, ip="192.0.2.11"),
        log("S: 220 hello", *said, second=50),
    ):
        assert len(observations(PARSER, log(*said[:4]), other)) == 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('"SMTPD"\t1\tx\t"2025-09-17 16:03:12.000"\t"192.0.2.1"\t"SENT: 250"', "session or text of a line cannot be read; the line may be cut"),
        ('"SMTPD"\t1\t7\t"2025-09-17 16:03:12.000"\t"192.0.2.1"\t"SENT: 250', "session or text of a line cannot be read; the line may be cut"),
        ('"SMTPD"\t1\t7', "session or text of a line cannot be read; the line may be cut"),
        ('"SMTPD"\t1\t7\t"soon"\t"192.0.2.1"\t"SENT: 250 OK"', "the time of a line cannot be read"),
        ('"NEWS"\t1', "a line is of no kind that this version reads; it may be cut"),
        ("no line", "a line is of no kind that this version reads; it may be cut"),
        ('"TCPIP"\t1\t"2025-09-17 16:03:12.000"\t"RCPT TO:<a@b.example>"', ""), ("", ""),
    ],
)  # fmt: skip
def test_lines_and_near_misses(line: str, reason: str) -> None:
    data = line.encode() + b"\n"
    assert [one.reason for one in defects(PARSER, data)] == ([reason] if reason else [])
    assert told(data) == []


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_any_encoding_tells_the_same(codec: str) -> None:
    plain = log(*MAIL, *TO, *DATA, "S: 250 Queued")
    data = plain.decode().encode(codec)
    assert PARSER.sniff(data, "hmailserver.log")
    assert told(data) == told(plain) == [("bob@customer.example", "accepted")]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (log(*MAIL), True), (b'"TCPIP"\t1\t"x"\t"y"\r\n' * 9 + log(*MAIL), True), (b'"TCPIP"\t1\t"x"\t"y"\r\n', False),
        (b"see:\n" * 9 + log(*MAIL), False), (log(*MAIL).replace(b"\t", b" "), False), (b"", False),
    ],
)  # fmt: skip
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "hmailserver.log") is expected


_SAID = st.sampled_from([
    *MAIL, *TO, *DATA, "C: RCPT TO:<c@customer.example>", "S: 550 no", "S: 250 Queued", "C: RSET", "C: AUTH LOGIN", "S: 334 x", "S: 220 hi",
    "S: 250-a[nl]250 b", "S: [nl]", "C: ", "S: 451 x", "C: QUIT", "C: BDAT",
])  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(_SAID, max_size=25), st.sampled_from(["SMTPD", "SMTPC"]), st.integers(0, 25), st.binary(max_size=20))
def test_any_dialogue_is_followed(said: list[str], service: str, at: int, tail: bytes) -> None:
    data = log(*said, service=service) + tail
    PARSER.sniff(data, "")
    for one in observations(PARSER, data):
        assert {r.address for r in one.recipients} <= {"bob@customer.example", "c@customer.example"}
    assert read(PARSER, data, block=5) == read(PARSER, data)
    observations(PARSER, log(*said[:at], service=service), log(*said[at:], service=service, second=40))
    assert statements(PARSER, data)[-1].value == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hmailserver, "_SESSIONS", 3)
    monkeypatch.setattr(hmailserver, "_PIECE_LIMIT", 2)
    data = b"".join(log(*MAIL, *TO, session=number) for number in range(20)) + log(*MAIL, *TO * 5, session=99)
    assert len(told(data)) == 21


def test_hostile_lines_take_linear_time() -> None:
    with affordable(10):
        for said in (["C: RCPT TO:<" + "<" * 900_000], ["S: " + "[nl]" * 200_000], ["C: RCPT TO:<a@b.example>"] * 20_000):
            assert statements(PARSER, log(*said))[-1].value == len(said)
