from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics import mail
from forensics.dates import UNKNOWN_ZONE
from forensics.mail import HEAD, PEEK, MailStream
from forensics.model import Direction, Observation, Reading, Role, Route, Span, Unread

SPAN = Span("0" * 16, "", 3, 77)
HEADER = b"From: Ann <ann@corp.example>\nTo: bob@partner.example\nDate: Thu, 18 Sep 2025 12:00:00 +0200\nSubject: =?utf-8?q?caf=C3=A9?=\n"


def observed(block: bytes) -> Observation:
    return mail.observe(SPAN, "eml", block, size=74)


def facts(block: bytes) -> dict[str, str]:
    return dict(observed(block).facts)


def test_an_observation_says_where_and_by_whom_it_was_made() -> None:
    clock = Reading("archive", datetime(2025, 9, 19, tzinfo=UTC))
    found = mail.observe(SPAN, "mmdf", HEADER + b"\n", size=74, archive=(clock,), facts=[("trashed", "true"), ("auto", "true")])
    assert (found.span, found.source, found.kind, found.route, found.size) == (SPAN, "mmdf", "mail", Route.MAILBOX, 74)
    assert (found.sender, found.subject) == ("ann@corp.example", "café")
    assert found.readings == (Reading("date", datetime(2025, 9, 18, 10, tzinfo=UTC)), clock)
    assert found.facts == (("auto", "true"), ("trashed", "true"))
    assert found.header_known
    assert found.has_body


def test_a_fact_told_twice_is_one() -> None:
    found = mail.observe(SPAN, "eml", b"Precedence: bulk\n" + HEADER, size=1, facts=[("auto", "true")])
    assert found.facts == (("auto", "true"),)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (b"From", True), (b"RECEIVED", True), (b"x-anything", True), (b"ARC-Seal", True), (b"List-Id", True),
        (b"https", False), (b"Fromm", False), (b"X", False), (b"", False), (b"4.14.231)", False),
    ],
)  # fmt: skip
def test_known_names(name: bytes, known: bool) -> None:
    assert mail.is_known(name) is known


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"From a@b.example Thu Sep 18 10:00:00 2025\n", (datetime(2025, 9, 18, 10, tzinfo=UTC), UNKNOWN_ZONE)),
        (b"From 1845@xxx Thu Sep 18 10:00:00 +0200 2025\r\n", (datetime(2025, 9, 18, 8, tzinfo=UTC), 0)),
        (b"From " + b"x" * 5000 + b" Thu Sep 18 10:00:00 2025\n", (datetime(2025, 9, 18, 10, tzinfo=UTC), UNKNOWN_ZONE)),
        (b"From - \n", None),
        (b"From 1845@xxx\n", None),
        (b"From a@b.example Thu Sep 31 10:00:00 2025\n", None),
        (b"", None),
    ],
)
def test_the_time_of_a_separator_line(line: bytes, expected: tuple[datetime, int] | None) -> None:
    assert mail.separator_time(line) == (() if expected is None else (Reading("from_line", *expected),))


@pytest.mark.parametrize(
    ("labels", "fact", "direction"),
    [
        (b"X-Gmail-Labels: Sent,Opened\n", "Sent,Opened", Direction.SUBMITTED),
        (b"X-Gmail-Labels: =?UTF-8?Q?Gesendet,Ge=C3=B6ffnet?=\n", "Gesendet,Geöffnet", Direction.SUBMITTED),
        (b"X-Gmail-Labels: =?UTF-8?B?R2VzZW5kZXQsR2XDtmZmbmV0?=\n", "Gesendet,Geöffnet", Direction.SUBMITTED),
        (b"X-Gmail-Labels: Opened,\n =?UTF-8?Q?Messages_envoy=C3=A9s?=\n", "Opened,Messages envoyés", Direction.SUBMITTED),
        (b"X-Gmail-Labels: Inbox,Sent to print\n", "Inbox,Sent to print", Direction.RECEIVED),  # a label of the user's
        (b"X-Gmail-Labels: Inbox,Unsent\n", "Inbox,Unsent", Direction.RECEIVED),
        (b"X-GM-THRID: 1\nX-Gmail-Labels: sent\n", "sent", Direction.SUBMITTED),
        (b"Received: by x\nX-Gmail-Labels: Sent\n", None, Direction.RECEIVED),  # written by the sender, not by Takeout
        (b"A: 1\nB: 2\nC: 3\nX-Gmail-Labels: Sent\n", None, Direction.RECEIVED),
        (b"X-Gmail-Labels: Inbox\nX-Gmail-Labels: Sent\n", "Inbox", Direction.RECEIVED),
        (b"X-Gmail-Labels:\n", None, Direction.RECEIVED),
        (b"X-Gmail-Labels: ,, ,\n", None, Direction.RECEIVED),
    ],
)
def test_labels_of_gmail(labels: bytes, fact: str | None, direction: Direction) -> None:
    found = observed(labels + b"Received: by y\n" + HEADER)
    assert dict(found.facts).get("gmail_labels") == fact
    assert found.direction == direction


def test_labels_are_bounded_and_stay_whole() -> None:
    many = b"X-Gmail-Labels: " + b",".join(b"label %d" % number for number in range(1000)) + b",Chat\n"
    found = facts(many + HEADER)
    assert 250 < len(found["gmail_labels"]) <= 300
    assert all(one.split()[1].isdigit() for one in found["gmail_labels"].split(","))
    assert found["gmail_labels"].endswith(",label 33")
    assert found["chat"] == "true"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (b"Chat", {"chat": "true"}), (b"Inbox,Chats", {"chat": "true"}), (b"Chatter", {}),
        (b"Drafts", {"draft": "true"}), (b"=?utf-8?q?Entw=C3=BCrfe?=", {"draft": "true"}), (b"Draft plans", {}),
    ],
)  # fmt: skip
def test_what_labels_mean(labels: bytes, expected: dict[str, str]) -> None:
    found = facts(b"X-Gmail-Labels: " + labels + b"\n" + HEADER)
    del found["gmail_labels"]
    assert found == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"X-GM-THRID: 1845000000000000001\n", "1845000000000000001"),
        (b"X-GM-THRID: 1845\nReferences: <root@a.example> <b@a.example>\n", "root@a.example"),
        (b"X-GM-THRID: 1845\nReferences: \n", "1845"),
        (b"X-GM-THRID: 18 45\n", None),
        (b"X-GM-THRID: " + b"1" * 21 + b"\n", None),
    ],
)
def test_the_thread(block: bytes, expected: str | None) -> None:
    assert facts(block + HEADER).get("thread") == expected


def test_content_is_the_mail_and_what_is_missing() -> None:
    gone = (Unread("message", "gone"),)
    body = mail.content(HEADER + b"\nText\n", gone)
    assert (body.subject, body.unread) == ("café", gone)
    assert [(part.path, part.media_type, part.data) for part in body.parts] == [("", "message/rfc822", HEADER + b"\nText\n")]
    assert mail.content(b"").subject == ""
    assert mail.content(b"X: " + b"y" * HEAD + b"\n" + HEADER).subject == ""  # bounded


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([HEADER, b"X-Gmail-Labels: ", b"X-GM-THRID: 1", b"=?utf-8?q?", b"?=", b",", b"\n", b"\r", b"\0", b"\xff", b"Bcc: a@b.example\n", b" ", b"<"]), max_size=20).map(b"".join))  # fmt: skip
def test_no_header_block_raises(block: bytes) -> None:
    found = observed(block)
    assert found.facts == tuple(sorted(set(found.facts)))
    assert all(one.address for one in found.recipients)
    mail.content(block)
    mail.separator_time(block)


def test_the_hidden_copy_in_a_second_header_is_seen() -> None:
    found = observed(b"Bcc: chief@corp.example\n" + HEADER + b"Bcc: phan@giftshop.club\n")
    assert [one.address for one in found.recipients if one.role == Role.BCC] == ["chief@corp.example", "phan@giftshop.club"]


# --- the stream --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1000, 65_536, 3_000_001])
def test_a_stream_keeps_the_head_of_the_open_mail_and_forgets_its_body(block: int) -> None:
    data = b"".join(b"%07d\n" % number for number in range(600_000))
    stream = MailStream(iter([data[at : at + block] for at in range(0, len(data), block)]), 0)
    stream.reach(PEEK, 0)
    stream.open(16)
    while not stream.done:
        stream.slide(stream.end)
        assert len(stream.buffer) <= HEAD + PEEK + 2 * max(block, 256 << 10)
    head, low, high = stream.head_of_mail(len(data))
    assert head[low:high] == data[16 : 16 + HEAD + PEEK]
    assert stream.end == len(data)


@pytest.mark.property
@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200), st.integers(1, 50))
def test_a_stream_gives_the_bytes_of_its_member(data: bytes, mail_at: int, block: int) -> None:
    mail_at = min(mail_at, len(data))
    stream = MailStream(iter([data[at : at + block] for at in range(0, len(data), block)]), 0)
    stream.reach(mail_at, 0)
    stream.open(mail_at)
    stream.reach(len(data) + 1, mail_at)
    head, low, high = stream.head_of_mail(len(data))
    assert head[low:high] == data[mail_at:]
