"""Postfix: traps of the format, and laws that hold for any cut of any log."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, assembled, clocks_of, defects, observations, read, statements

from forensics.dates import FileClock, postfix_long_id_time
from forensics.model import Direction, Fragment, Observation, Outcome, Role, Span, Statement
from forensics.parsers.postfix import PARSER, messages, payloads, queue_ids

SAMPLES = sorted((FORMATS / "postfix").glob("*.log"))
Q = "5464E12D687"


def log(*texts: str) -> bytes:
    """Lines of one host: `daemon: text`."""
    return "".join(
        f"Sep  7 10:00:{number:02d} mx1 postfix/{daemon}[7]: {text}\n"
        for number, (daemon, _, text) in enumerate(one.partition(": ") for one in texts)
    ).encode()


def sent(
    to: str, status: str = "sent (250 ok)", relay: str = "mx[192.0.2.25]:25", queue_id: str = Q, daemon: str = "smtp"
) -> str:
    return f"{daemon}: {queue_id}: to=<{to}>, relay={relay}, delay=1, delays=0/0/0/1, dsn=2.0.0, status={status}"


def outcomes(data: bytes) -> list[tuple[str, str, str]]:
    return sorted((r.address, r.original, r.outcome.value) for one in observations(PARSER, data) for r in one.recipients)


def placeless(found: list[Observation]) -> list[Observation]:
    """Observations without places: where a message crosses files, a place names one of them."""
    nowhere = Span("", "", 0, 0)
    return [
        dataclasses.replace(one, span=nowhere, recipients=tuple(dataclasses.replace(r, start=-1, end=-1) for r in one.recipients))
        for one in found
    ]


@pytest.mark.parametrize(
    ("daemon", "relay", "status", "expected"),
    [
        ("smtp", "mx[192.0.2.25]:25", "sent (250 ok)", "delivered"),
        ("smtp", "mx[192.0.2.25]:25", "sent (250 2.0.0 Ok: queued as 7F3A21C4D0)", "delivered"),
        ("smtp", "127.0.0.1[127.0.0.1]:10024", "sent (250 2.0.0 from MTA: 250 2.0.0 Ok: queued as 7F3A21C4D0)", "accepted"),
        ("lmtp", "localhost[::1]:10024", "sent (250 2.0.0 Ok: queued as 7F3A21C4D0)", "accepted"),
        ("smtp", "127.0.0.1[127.0.0.1]:10024", "sent (250 2.7.0 Ok, discarded, id=1)", "accepted"),
        ("lmtp", "127.0.0.1[127.0.0.1]:24", "sent (250 2.0.0 Saved)", "delivered"),
        ("smtp", "localhost.evil.example[192.0.2.7]:25", "sent (250 2.0.0 Ok: queued as 7F3A21C4D0)", "delivered"),
        ("smtp", "127.0.0.1.evil.example[192.0.2.7]:25", "sent (250 2.0.0 Ok: queued as 7F3A21C4D0)", "delivered"),
        ("local", "local", "sent (delivered to mailbox)", "delivered"),
        ("local", "local", "sent (forwarded as 7F3A21C4D0)", "accepted"),
        ("smtp", "mx[192.0.2.25]:25", "sent (forwarded as 7F3A21C4D0)", "delivered"),
        ("virtual", "virtual", "sent (delivered to maildir)", "delivered"),
        ("pipe", "spamfilter", "sent (delivered via spamfilter service)", "delivered"),
        ("lmtp", "mx[private/dovecot-lmtp]", "sent (250 2.0.0 Saved)", "delivered"),
        ("discard", "none", "sent (acme.example)", "rejected"),
        ("smtp", "none", "deferred (connect timed out)", "deferred"),
        ("smtp", "mx[192.0.2.25]:25", "deferred (451 (in reply to end of DATA command))", "deferred"),
        ("smtp", "mx[192.0.2.25]:25", "SOFTBOUNCE (550 (in reply to RCPT TO command))", "deferred"),
        ("error", "none", "bounced (user unknown)", "bounced"),
        ("smtp", "mx[192.0.2.25]:25", "bounced (said: 554 no (in reply to end of DATA command))", "refused_after_data"),
        (
            "smtp",
            "mx[192.0.2.25]:25",
            "bounced (said: 554 (in reply to end of DATA command) (in reply to RCPT TO command))",
            "bounced",
        ),
        ("smtp", "mx[192.0.2.25]:25", "bounced (said: status=sent (250 ok) (in reply to RCPT TO command))", "bounced"),
    ],
)
def test_what_became_of_a_copy(daemon: str, relay: str, status: str, expected: str) -> None:
    data = log(sent("bob@customer.example", status, relay, daemon=daemon))
    assert outcomes(data) == [("bob@customer.example", "", expected)]
    assert defects(PARSER, data) == []


@pytest.mark.parametrize(
    ("to", "address", "written"),
    [
        ("Bob@Customer.example", "bob@customer.example", ""),
        ("root", "root", ""),
        ('"a b"@customer.example', '"a b"@customer.example', ""),
        ("a b@customer.example", '"a b"@customer.example', "a b@customer.example"),
        ('"x>, relay=y, status=sent (z"@customer.example', '"x>, relay=y, status=sent (z"@customer.example', ""),
        ('"x\\">, relay=y"@customer.example', '"x\\">, relay=y"@customer.example', ""),
        ("a>b@customer.example", '"a>b"@customer.example', "a>b@customer.example"),
        ("ann@müller.example", "ann@xn--mller-kva.example", "ann@müller.example"),
        ("a+tag=x@customer.example.", "a+tag=x@customer.example", "a+tag=x@customer.example."),
    ],
)
def test_recipients_as_written(to: str, address: str, written: str) -> None:
    found = observations(PARSER, log(sent(to)))
    assert [(r.address, r.written, r.outcome) for one in found for r in one.recipients] == [(address, written, Outcome.DELIVERED)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["deferred (x)", "sent (250)"], "delivered"),
        (["sent (250)", "bounced (late)"], "delivered"),
        (["deferred (x)", "bounced (x)"], "bounced"),
        (["deferred (451 (in reply to end of DATA command))", "bounced (x)"], "deferred"),
    ],
)
def test_one_recipient_with_the_deciding_word(texts: list[str], expected: str) -> None:
    data = log(sent("Bob@Customer.example", texts[0]), *[sent("bob@customer.example", one) for one in texts])
    assert [outcome for _, _, outcome in outcomes(data)] == [expected]


@pytest.mark.parametrize(
    ("text", "mail", "broken"),
    [
        ("smtp: 5464E12D687: to=<a@b.example>, relay=x, status=sent (250)", 1, 0),
        ("smtp: 5464E12D687: to=<a@b.example>, relay=x, status=deliverable (250)", 0, 0),
        ("smtp: 5464E12D687: to=<a@b.example>, relay=x, status=sen", 1, 1),
        ("smtp: 5464E12D687: to=<a@b.example>", 1, 1),
        ("smtp: 5464E12D687: to=<a@b.exam", 1, 1),
        ("smtp: 5464E12D687: to", 0, 1),
        ("smtp: 5464E12D687:", 0, 1),
        ("smtp: 5464E", 0, 1),
        ("smtp: 5464e12d687: to=<a@b.example>, relay=x, status=sent (250)", 0, 1),
        ("smtp: warning: to=<a@b.example>, relay=x, status=sent (250)", 0, 0),
        ("smtp: NOQUEUE: to=<a@b.example>, relay=x, status=sent (250)", 0, 0),
        ("smtp: connect to mx[192.0.2.25]:25: to=<a@b.example>, relay=x, status=sent (250)", 0, 0),
        ("smtp: 5464E12D687: host mx[192.0.2.25] said: 450 to=<a@b.example>, relay=x, status=sent (250)", 0, 0),
        ("qmgr: 5464E12D687: to=<a@b.example>, relay=x, status=sent (250)", 0, 0),
        ("smtp: 5464E12D687: from=<a@b.example>, size=1, nrcpt=1 (queue active)", 0, 0),
        ("qmgr: 5464E12D687: from=<a@b.example>, status=expired, returned to sender", 1, 0),
        ("qmgr: 5464E12D687: from=<a@b.example>, size=1, nrc", 1, 1),
        ("qmgr: 5464E12D687: from=<a@b.exam", 1, 1),
        ("cleanup: 5464E12D687: message-id=<m@b", 1, 1),
        ("cleanup: 5464E12D687: message-id=", 1, 0),
        ("smtpd: NOQUEUE: client=a[192.0.2.1]", 0, 0),
        ("smtpd: connect from a[192.0.2.1]", 0, 0),
        ("master: reload -- version 3.7", 0, 0),
        ("smtpd: NOQUEUE: reject: RCPT from a[192.0.2.1]: 554 5.7.1 <a@b.example>: no; from=<s@b.example> to=<a@b.exam", 0, 1),
        ("smtpd: NOQUEUE: reject: MAIL from a[192.0.2.1]: 554 5.7.1 <a@b.example>: no; from=<s@b.example> proto=SMTP", 0, 0),
    ],
)
def test_lines_and_near_misses(text: str, mail: int, broken: int) -> None:
    data = log(text)
    assert (len(observations(PARSER, data)), len(defects(PARSER, data))) == (mail, broken)
    found = statements(PARSER, data)[-1]
    assert (found.value, found.rows) == (1, int((not mail and not broken) or "deliverable" in text))


def test_a_line_of_another_program_is_no_delivery() -> None:
    data = log(sent("a@b.example"))
    assert observations(PARSER, data.replace(b"postfix/smtp[", b"postgrey/smtp[")) == []
    assert observations(PARSER, data.replace(b"postfix/smtp[", b"postfix/smtpx[")) == []
    assert len(observations(PARSER, data.replace(b"postfix/smtp[", b"postfix-out/10025/smtp["))) == 1


def test_a_short_id_used_again_is_another_message() -> None:
    first = ["smtpd: 5464E12D687: client=a[192.0.2.1]", sent("a@b.example"), "qmgr: 5464E12D687: removed"]
    again = ["pickup: 5464E12D687: uid=0 from=<root>", sent("c@b.example")]
    for texts in (first + again, first[:2] + again, first[1:] + again, first + again[1:]):
        found = observations(PARSER, log(*texts))
        assert [[r.address for r in one.recipients] for one in found] == [["a@b.example"], ["c@b.example"]]
        assert len({one.ids for one in found}) == 2
    long = [one.replace(Q, "4cRgTX2Rqfz9HdB") for one in first + again]
    assert len(observations(PARSER, log(*long))) == 1


def test_hosts_and_instances_are_kept_apart() -> None:
    data = log(sent("a@b.example")) + log(sent("c@b.example")).replace(b"mx1", b"mx2")
    data += log(sent("d@b.example")).replace(b"postfix/", b"postfix-out/")
    assert sorted(one.server for one in observations(PARSER, data)) == ["mx1", "mx1/postfix-out", "mx2"]


def test_services_with_their_own_name_belong_to_the_queue() -> None:
    data = log("submission/smtpd: 4cRgTX2Rqfz9HdB: client=a[192.0.2.1], sasl_method=PLAIN, sasl_username=svc")
    data += log(sent("a@b.example", queue_id="4cRgTX2Rqfz9HdB")).replace(b"postfix/smtp", b"postfix-relay/smtp")
    (one,) = observations(PARSER, data)
    assert one.direction is Direction.SUBMITTED
    assert [r.address for r in one.recipients] == ["a@b.example"]


def test_hops_meet_in_their_ids() -> None:
    first, second = observations(PARSER, (FORMATS / "postfix" / "filter-and-forward.log").read_bytes())[:2]
    assert set(first.ids) & set(second.ids)
    assert [r.outcome for r in first.recipients] == [Outcome.ACCEPTED]
    forged = log("smtpd: 4cRgTX2Rqfz9HdB: client=localhost[192.0.2.66], orig_queue_id=4cRgTY2Rqfz9HdC")
    assert observations(PARSER, forged)[0].ids == ("queue:mx1/4cRgTX2Rqfz9HdB",)


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("smtpd: 5464E12D687: client=a[192.0.2.1]", Direction.UNKNOWN),
        ("smtpd: 5464E12D687: client=a[192.0.2.1], sasl_method=LOGIN, sasl_username=svc", Direction.SUBMITTED),
        ("pickup: 5464E12D687: uid=33 from=<www-data>", Direction.SUBMITTED),
        ("pickup: 5464E12D687: uid=108 from=<> orig_id=6464E12D688", Direction.UNKNOWN),
    ],
)
def test_who_submitted(text: str, direction: Direction) -> None:
    assert [one.direction for one in observations(PARSER, log(text))] == [direction]


def test_the_first_count_of_recipients_is_whole() -> None:
    counts = [f"qmgr: {Q}: from=<s@acme.example>, size=9, nrcpt={n} (queue active)" for n in (3, 1)]
    (one,) = observations(PARSER, log(f"smtpd: {Q}: client=a[192.0.2.1]", *counts))
    assert (one.declared, one.size, dict(one.facts)["recipients_unknown"]) == (3, 9, "true")


def test_a_copy_that_the_server_adds_is_marked() -> None:
    found = observations(PARSER, (FORMATS / "postfix" / "server-bcc.log").read_bytes())
    added = [(one.kind, r.address) for one in found for r in one.recipients if r.role is Role.BCC]
    assert added == [
        ("bcc", "archive@collector.example"),
        ("queue", "archive@collector.example"),
        ("queue", "journal@acme.example"),
    ]


def test_the_queue_id_dates_a_log_without_year_and_zone() -> None:
    texts = [f"smtpd: 4cRgT{digit}2Rqfz9HdB: client=a[192.0.2.1]" for digit in "XYZbc"]
    data = b"".join(log(text).replace(b"Sep  7 10:00:00", b"Sep 17 16:03:1%d" % (n + 2)) for n, text in enumerate(texts))
    for one in observations(PARSER, data):
        queue, logged = one.readings
        assert (queue.clock, queue.slack, logged.clock, logged.slack) == ("queue_id", 0, "syslog", 0)
        assert 0 <= (queue.at - logged.at).total_seconds() < 1


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (log("smtpd: connect from a[192.0.2.1]"), True),
        (b"tus=sent (250 ok)\n" + log("smtpd: connect from a[192.0.2.1]"), True),
        (b"", False),
        (b"\n\n", False),
        (b"From ann@acme.example Wed Sep 17 16:03:12 2025\n\n" + log("smtpd: connect from a[192.0.2.1]"), False),
        (b"Subject: our log\n\n" + log(*["smtpd: connect from a[192.0.2.1]"] * 9), False),
        (b"see:\n" * 3 + log("smtpd: connect from a[192.0.2.1]"), False),
        (log("smtpd: x").replace(b"postfix/smtpd", b"sm-mta"), False),
        (log("smtpd: about postfix/smtpd[1]: x").replace(b"postfix/smtpd[7]", b"sshd[7]"), False),
        (b"\xff\xfe\0\0" * 100, False),
    ],
)
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "mail.log") is expected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_parts_equal_the_whole(path: Any) -> None:
    data = path.read_bytes()
    expected = read(PARSER, data)
    one_file = observations(PARSER, data)
    assert PARSER.sniff(data, "x")
    for cut in (*range(1, 20), 64, 100, 150, 199, 200, 333, 1000):
        parts = read(PARSER, data, cut=cut)
        found = assembled(PARSER, [one for one in parts if isinstance(one, Fragment)], clocks_of(fragments(expected)))
        assert found == one_file, cut
        for kind in ("tally", "lost"):
            assert totals(parts, kind) == totals(expected, kind)
    for block in (1, 7, 100):
        assert read(PARSER, data, block=block) == expected
    assert totals(expected, "tally")[0] == data.count(b"\n") + bool(not data.endswith(b"\n"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_log_split_into_files_tells_the_same(path: Any) -> None:
    rows = path.read_bytes().splitlines(keepends=True)
    whole = placeless(observations(PARSER, b"".join(rows)))
    clock = clocks_of(fragments(read(PARSER, b"".join(rows))))
    for at in range(1, len(rows)):
        files = [b"".join(rows[:at]), b"".join(rows[at:])]
        found = [one for data in files for one in fragments(read(PARSER, data))]
        clocks = {one.observation.span[:2]: next(iter(clock.values()), FileClock()) for one in found}
        split = placeless(assembled(PARSER, found, clocks))
        assert by_text(split) == by_text(whole)


def by_text(found: list[Observation]) -> list[str]:
    return sorted(map(repr, found))


def fragments(records: list[Any]) -> list[Fragment]:
    return [one for one in records if isinstance(one, Fragment)]


def totals(records: list[Any], kind: str) -> tuple[int, int]:
    found = [one for one in records if isinstance(one, Statement) and one.kind == kind]
    return sum(one.value for one in found), sum(one.rows for one in found)


_WORDS = [
    "client=a[192.0.2.1]", "uid=0 from=<root>", "message-id=<m@b.example>", "message-id=<>", "removed", "remo", "to=<",
    "from=<s@b.example>, size=1, nrcpt=2 (queue active)", "to=<a@b.example>, relay=x, status=sent (ok)",
    "to=<A@b.example>, relay=x, status=bounced (in reply to end of DATA command)", "to=<a@b.example>, relay=x, status=deferred (x)",
    "to=<c@b.example>, orig_to=<d@b.example>, relay=127.0.0.1[127.0.0.1]:1, status=sent (queued as 7F3A21C4D0)",
    "to=<p@b.example>, relay=x, status=deliverable (ok)", "bcc: RCPT from a[192.0.2.1]: <t@d>: Recipient address triggers BCC e@b.example; from=<s> to=<t@d>",
    "reject: RCPT from a[192.0.2.1]: 550 5.1.1 <r@b.example>: no; from=<s> to=<r@b.example> proto=SMTP helo=<x>",
]  # fmt: skip
_DAEMONS = ["smtpd", "pickup", "cleanup", "qmgr", "smtp", "local"]
_IDS = ["5464E12D687", "4cRgTX2Rqfz9HdB", "NOQUEUE"]
_LOGS = st.lists(st.tuples(st.sampled_from(_DAEMONS), st.sampled_from(_IDS), st.sampled_from(_WORDS)), max_size=20)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS, st.integers(1, 400), st.integers(2, 4))
def test_any_cut_and_any_bound_tell_the_same(rows: list[tuple[str, str, str]], cut: int, bound: int) -> None:
    data = log(*[f"{daemon}: {queue_id}: {text}" for daemon, queue_id, text in rows])
    expected = observations(PARSER, data)
    assert observations(PARSER, data, cut=cut) == expected
    with pytest.MonkeyPatch.context() as patch:  # letting go early changes nothing
        patch.setattr(messages, "OPEN_LIMIT", bound - 1)
        patch.setattr(messages, "PIECE_LIMIT", bound)
        assert observations(PARSER, data) == expected


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from([b"\n", b"\0", *[log(f"smtp: {Q}: {w}")[:-1] for w in _WORDS]])),
        max_size=12,
    )
)
def test_no_bytes_raise_and_every_line_counts(parts: list[bytes]) -> None:
    data = b"\n" + b"".join(parts)  # what begins as UTF-16 has other lines
    records = read(PARSER, data)
    assembled(PARSER, fragments(records))
    PARSER.sniff(data, "")
    assert totals(records, "tally")[0] == data.count(b"\n") + bool(not data.endswith(b"\n"))


_SLOW = re.compile(
    r"postfix/(?:smtp|local)\[\d+\]: (?:5464E12D687|4cRgTX2Rqfz9HdB): to=<([^>\n]*)>, (?:orig_to=<([^>\n]*)>, )?relay=\S+, status=(?:sent|bounced|deferred) \("
)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS)
def test_a_slow_reader_finds_the_same_recipients(rows: list[tuple[str, str, str]]) -> None:
    data = log(*[f"{daemon}: {queue_id}: {text}" for daemon, queue_id, text in rows])
    slow = {(match[1].lower(), match[2] or "") for match in _SLOW.finditer(data.decode())}
    fast = {
        (r.address, r.original)
        for one in observations(PARSER, data)
        for r in one.recipients
        if r.role is Role.ENVELOPE and r.outcome is not Outcome.REJECTED
    }
    assert fast == slow


WARM = log("smtp: x y z", "smtpd: x y z").replace(b"[7]", b"[6]")  # host and programs are met before


@pytest.mark.parametrize(
    ("head", "recipients", "broken"),
    [
        (b"Sep  7 10:00:02 mx1 postfix/smtp[7]: ", 1, 0),
        (b"Sep 17 10:00:02 mx1 postfix/smtp[12345]: ", 1, 0),
        (b"2025-09-07T10:00:02.345678+02:00 mx1 postfix/smtp[7]: ", 1, 0),
        (b"2025-09-07T10:00:02+02:00 mx1 postfix/smtp[7]: ", 1, 0),
        (b"Sep  7 10:00:02 mx1 postfix/smtp[]: ", 1, 0),
        (b"Sep  7 10:00:02 mx1 postfix/smtp: ", 1, 0),
        (b"Sep  7 10:00:02 2025 mx1 postfix/smtp[7]: ", 1, 0),
        (b"Sep  7 10:00:02 mx1 postfix/smtp[7]", 0, 1),  # the line ends, or nearly so
        (b"Sep  7 10:00:02 mx1 postfix/smtp[7]:", 0, 1),
        (b"Sep  7 10:00:02 mx1 postfix/smtp[7: ]: ", 0, 1),
        (b"> Sep 7 10:00:02 mx1 postfix/smtp[7]: ", 0, 1),
        (b"Sep  7 10:00:02 mx1 cron[7]: ", 0, 0),
        (b"Sep  7 10:00:02 xmx1 postfix/smtpx[7]: ", 0, 0),
        (b"mx1 postfix/smtp[7]: ", 0, 1),
        (b"Sep  7 10:00:02 mx1 postfix/smtp[7]: [ID 100200 mail.info] ", 1, 0),
        (b"Sep  7 10:00:02 mx1 postfix/smtp[ 7]: ", 0, 1),
        (b"Sep  7 10:00:02 mx1 postfix/smtp[7]]: ", 0, 1),
        (b"Sep  7 10:00:02 mx1 postfix/smtp[7]7]: ", 0, 1),
    ],
)
def test_a_prefix_means_the_same_whether_met_before_or_not(head: bytes, recipients: int, broken: int) -> None:
    text = b"" if head[-1:] != b" " else b"5464E12D687: to=<a@b.example>, relay=x, status=sent (ok)"
    for data in (head + text, WARM + head + text, WARM + (head + text + b"\n") * 2):
        found = [r for one in observations(PARSER, data) for r in one.recipients]
        assert (len(found), len(defects(PARSER, data))) == (recipients, broken * max(data.count(head), 1))


def test_a_host_may_have_the_name_of_a_year() -> None:
    dated = b"2025-09-07T10:00:02 2025 postfix/smtp[7]: 5464E12D687: to=<a@b.example>, relay=x, status=sent (ok)\n"
    year = dated.replace(b"2025-09-07T10:00:02 ", b"Sep  7 10:00:02 ")
    assert observations(PARSER, dated + year)[0].server == observations(PARSER, year)[0].server == ""


def test_a_host_is_not_found_in_the_middle_of_another() -> None:
    line = b"2025-09-07T10:00:02.345678+02:00 mx1 postfix/smtp[7]: 5464E12D687: to=<a@b.example>, relay=x, status=sent (ok)\n"
    other = line.replace(b".345678", b".34567").replace(b"mx1", b"xmx1")  # as wide as the first with its blank
    assert sorted(one.server for one in observations(PARSER, line + other)) == ["mx1", "xmx1"]


@pytest.mark.parametrize(
    "damaged", [b"Sep  7 10:99:00", b"Xyz  7 10:00:00", b"Sep  7 10:00:0 ", b"2025-09-07T10:99:00", b"2025-09- 7T10:00:00"]
)
def test_a_damaged_time_is_told_whatever_stands_before(damaged: bytes) -> None:
    bad = log(sent("c@b.example")).replace(b"Sep  7 10:00:00", damaged)
    assert (len(observations(PARSER, bad)), len(defects(PARSER, bad))) == (0, 1)
    dated = log(sent("a@b.example")).replace(b"Sep  7 10:00:00", b"2025-09-07T10:00:00")
    for good in (log(sent("a@b.example")), dated):
        assert [r.address for one in observations(PARSER, good + bad) for r in one.recipients] == ["a@b.example"]
        assert len(defects(PARSER, good + bad + bad)) == 2


_PIECES = st.lists(
    st.sampled_from([
        b"to=<", b"a@b.example", b"A@b.example", b">, relay=", b", orig_to=<", b"mx[192.0.2.25]:25", b"127.0.0.1[127.0.0.1]:25", b",",
        b", delay=127.1, dsn=2.0.0,", b" status=", b"sent", b"deferred", b"bounced", b" (", b"250 ok: queued as 7F3A21C4D0)", b")", b">",
        b'"', b" ", b"deliverable", b"x" * 5000, b"\xff", b"(in reply to end of DATA command)",
    ]),
    max_size=14,
)  # fmt: skip
_COMMON_PARTS = st.tuples(
    st.sampled_from([b"a@b.example", b"A.b+c@B.example", b"a@b", b"", b"a b@c.example", b"a@b.example>, relay=x"]),
    st.sampled_from([b"mx[192.0.2.25]:25", b"127.0.0.1[127.0.0.1]:25", b"localhost[::1]:24", b"none", b"x status=sent (y"]),
    st.sampled_from([b"sent", b"deferred", b"bounced", b"SOFTBOUNCE", b"sen", b"deliverable", b"sent status=bounced"]),
    st.sampled_from([b" (250 ok)", b" (250 queued as 7F3A21C4D0)", b" (forwarded as 7F3A21C4D0)", b"", b" (", b" (\xff", b" ((in reply to end of DATA command))"]),
).map(lambda one: b"to=<%b>, relay=%b, delay=1, status=%b%b" % one)  # fmt: skip


@pytest.mark.property
@settings(max_examples=100)
@given(
    st.lists(st.one_of(_PIECES.map(lambda parts: b"to=<" + b"".join(parts)), _COMMON_PARTS), min_size=1, max_size=4),
    st.sampled_from(["smtp", "lmtp", "local", "discard", "virtual"]),
)
def test_the_common_way_reads_deliveries_as_the_other_does(texts: list[bytes], daemon: str) -> None:
    data = b"".join(b"Sep  7 10:00:02 mx1 postfix/%b[7]: 5464E12D687: %b\n" % (daemon.encode(), text) for text in texts)
    expected = read(PARSER, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payloads, "_PLAIN_ADDRESS", re.compile(rb"(?!)"))  # then no line is common
        assert read(PARSER, data) == expected


@pytest.mark.property
@settings(max_examples=100)
@given(
    st.one_of(
        st.text("0123456789BCDFGZbcdfgxyz", max_size=20),
        st.from_regex(r"4cRgT[XYZ][0-3][0-9B-Db-dz]{3}z[0-9B]{1,6}", fullmatch=True),
    )
)
def test_the_time_in_a_queue_id_is_that_of_dates(queue_id: str) -> None:
    assert queue_ids.time_in(queue_id.encode()) == postfix_long_id_time(queue_id)


def test_hostile_lines_take_linear_time() -> None:
    line = b'Sep  7 10:00:02 mx1 postfix/smtp[7]: 5464E12D687: to=<"' + b'\\"' * 200_000 + b">, " * 200_000 + b"\n"
    for data in (
        line,
        line[:600_000],
        b"Sep  7 10:00:02 " + b"<" * 900_000,
        b"message repeated 2 times: [ " * 30_000,
        b"x" * 3_000_000,
    ):
        assert statements(PARSER, data)[-1].value >= 1
