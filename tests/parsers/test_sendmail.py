"""Sendmail: traps of the format, and laws that hold for any cut of any log."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, assembled, clocks_of, defects, observations, read, statements

from forensics.dates import FileClock
from forensics.model import Direction, Fragment, Observation, Outcome, Role, Span, Statement
from forensics.parsers.sendmail import PARSER, fields, messages
from forensics.syslog import Addresses

SAMPLES = sorted((FORMATS / "sendmail").glob("*.log"))
Q = "58HE3CaB004711"
FROM = "from=<s@acme.example>, size=9, class=0, nrcpts={}, msgid=<m@acme.example>, proto=ESMTP, daemon=MTA, relay=a [192.0.2.1]"


def log(*texts: str, pid: int = 7) -> bytes:
    """Lines of one host: the text behind the process."""
    return "".join(f"Sep 17 16:03:{n:02d} mx1 sm-mta[{pid}]: {text}\n" for n, text in enumerate(texts)).encode()


def sent(to: str, stat: str = "Sent (ok)", more: str = "mailer=esmtp, pri=1, relay=mx. [192.0.2.25], dsn=2.0.0") -> str:
    return f"{Q}: to={to}, delay=00:00:01, xdelay=00:00:01, {more}, stat={stat}"


def outcomes(data: bytes) -> list[tuple[str, str, str]]:
    return sorted((r.address, r.original, r.outcome.value) for one in observations(PARSER, data) for r in one.recipients)


def fragments(records: list[Any]) -> list[Fragment]:
    return [one for one in records if isinstance(one, Fragment)]


def totals(records: list[Any], kind: str) -> tuple[int, int]:
    found = [one for one in records if isinstance(one, Statement) and one.kind == kind]
    return sum(one.value for one in found), sum(one.rows for one in found)


def by_text(found: list[Observation]) -> list[str]:
    """Observations without places: where a message crosses files, a place names one of them."""
    nowhere = Span("", "", 0, 0)
    return sorted(
        repr(
            dataclasses.replace(
                one, span=nowhere, recipients=tuple(dataclasses.replace(r, start=-1, end=-1) for r in one.recipients)
            )
        )
        for one in found
    )


LOCAL = "mailer=relay, pri=1, relay=[127.0.0.1] [127.0.0.1], dsn=2.0.0"


@pytest.mark.parametrize(
    ("stat", "more", "expected"),
    [
        ("Sent (ok)", "mailer=esmtp, pri=1, relay=mx. [192.0.2.25], dsn=2.0.0", "delivered"),
        ("Sent", "mailer=local, pri=1, dsn=2.0.0", "delivered"),
        ("Sent", "mailer=*file*, pri=1, dsn=2.0.0", "delivered"),
        ("Sent (58HE3DaB004712 Message accepted for delivery)", LOCAL, "accepted"),
        ("Sent (58HE3DaB004712 Message accepted for delivery)", LOCAL.replace("[127.0.0.1] [127", "localhost [127"), "accepted"),
        ("Sent (ok)", LOCAL.replace("[127.0.0.1] [127.0.0.1]", "[IPv6:::1]"), "accepted"),
        ("Sent (Saved)", "mailer=cyrusv2, pri=1, relay=localhost [127.0.0.1], dsn=2.0.0", "delivered"),
        ("Sent (58HE3DaB004712 Message accepted for delivery)", LOCAL.replace("] [127.0.0.1]", "] [192.0.2.1]"), "delivered"),
        ("Sent (ok)", "mailer=esmtp, pri=1, relay=127.0.0.1.evil.example. [192.0.2.7], dsn=2.0.0", "delivered"),
        ("Sent", "mailer=discard, pri=1, dsn=2.0.0", "rejected"),
        ("queued", "mailer=esmtp, pri=1", "accepted"),
        ("Deferred", "mailer=esmtp, pri=1, dsn=4.0.0", "deferred"),
        ("Deferred: 450 4.7.1 stat=Sent", "mailer=esmtp, pri=1, dsn=4.7.1", "deferred"),
        ("User unknown", "mailer=esmtp, pri=1, dsn=5.1.1", "bounced"),
        ("Host unknown (Name server: x.example: host not found)", "mailer=esmtp, pri=1, relay=x.example, dsn=5.1.2", "bounced"),
        ("Service unavailable, stat=Sent (ok)", "mailer=esmtp, pri=1, dsn=5.0.0", "bounced"),
        ("Sent (no, stat=User unknown)", "mailer=esmtp, pri=1, dsn=2.0.0", "delivered"),
        ("Cannot send message for 5 days", "mailer=esmtp, pri=1, dsn=4.4.7", "bounced"),
        ("some words", "mailer=esmtp, pri=1, dsn=4.2.0", "deferred"),
        ("Sent", "mailer=esmtp, pri=1, relay=mx., dsn=5.1.1, reply=550 no, stat=Sent (ok)", "bounced"),
        ("User unknown", "mailer=esmtp, pri=1, relay=mx., dsn=2.0.0, reply=250 ok", "delivered"),
    ],
)
def test_what_became_of_a_copy(stat: str, more: str, expected: str) -> None:
    data = log(sent("<bob@customer.example>", stat, more))
    assert outcomes(data) == [("bob@customer.example", "", expected)]
    assert defects(PARSER, data) == []


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("<Bob@Customer.example>", ["bob@customer.example"]),
        ("<a@b.example>,<c@d.example>", ["a@b.example", "c@d.example"]),
        ("a@b.example,root", ["a@b.example", "root"]),
        ("Bob Smith <bob@customer.example>", ["bob@customer.example"]),
        ('"Smith, Bob" <bob@customer.example>,<c@d.example>', ["bob@customer.example", "c@d.example"]),
        ('<"a, b"@customer.example>', ['"a, b"@customer.example']),
        ('<"x>, delay=1, stat=Sent (z"@customer.example>', ['"x>, delay=1, stat=sent (z"@customer.example']),
        ("bob@customer.example (to <forged@customer.example>, and, more)", ["bob@customer.example"]),
        ("<ann@müller.example>", ["ann@xn--mller-kva.example"]),
        ("/var/mail/archive", ["/var/mail/archive"]),
    ],
)
def test_recipients_as_written(to: str, expected: list[str]) -> None:
    data = log(sent(to, "Deferred: x"))
    assert [address for address, _, _ in outcomes(data)] == expected
    assert defects(PARSER, data) == []


def test_a_forward_names_its_user_and_a_submission_does_not() -> None:
    for user, original in (("<dan@acme.example>", "dan@acme.example"), ("<s@acme.example>", ""), ("s", "")):
        data = log(f"{Q}: {FROM.format(1)}", sent(f"<x@b.example>, ctladdr={user} (1/1)"))
        assert outcomes(data) == [("x@b.example", original, "delivered")]


@pytest.mark.parametrize(
    ("text", "mail", "broken"),
    [
        (f"{Q}: {FROM.format(1)}", 1, 0),
        (f"{Q}: from=<s@acme.exam", 1, 1),
        (f"{Q}: from=<s@acme.example>, size=9", 1, 1),
        (f"{Q}: {FROM.format(1).partition(', relay')[0]}", 1, 1),
        (f"{Q}: {FROM.format(0)}", 0, 0),
        (f"{Q}: to=<a@b.example>", 1, 1),
        (f"{Q}: to=<a@b.exam", 1, 2),
        (f"{Q}: to=<a@b.example>, delay=00:00:01, stat=", 1, 1),
        (f"{Q}: to=, delay=00:00:01, stat=Sent", 1, 1),
        (f"{Q}: to", 0, 1),
        (f"{Q}:", 0, 1),
        ("58HE3Ca", 0, 1),
        ("QAA12345: to=<a@b.example>, delay=00:00:01, stat=Sent", 0, 1),
        ("58HE3yaB004711: to=<a@b.example>, delay=00:00:01, stat=Sent", 0, 1),
        ("NOQUEUE: to=<a@b.example>, delay=00:00:01, stat=Sent", 0, 0),
        ("SYSERR(root): to=<a@b.example>, delay=00:00:01, stat=Sent", 0, 1),
        (f"warning {Q}: to=<a@b.example>, delay=00:00:01, stat=Sent", 0, 0),
        (f"{Q}: --- 250 2.1.5 to=<a@b.example>, delay=00:00:01, stat=Sent", 0, 0),
        (f"{Q}: <-- RCPT TO:<a@b.example>... User unknown", 0, 0),
        (f"{Q}: <a@b.example>... User unknown", 1, 0),
        (f"{Q}: <a@b.example>... Relaying denied", 0, 0),
        (f"{Q}: ruleset=check_rcpt, arg1=<a@b.example>, relay=x [192.0.2.1], reject=550 5.7.1 no", 1, 0),
        (f"{Q}: ruleset=check_rcpt, arg1=<a@b.example>, relay=x [192.0.2.1], discard", 0, 0),
        (f"{Q}: ruleset=check_rcpt, arg1=<a@b.exam", 1, 1),
        (f"{Q}: ruleset=check_mail, arg1=<a@b.example>, relay=x [192.0.2.1], reject=550 5.7.1 no", 0, 0),
        (f"{Q}: ruleset=check_compat, arg1=<s@b.example>, arg2=<a@b.example>, relay=x, reject=550 5.7.1 no", 1, 0),
        (f"{Q}: Milter: to=<a@b.example>, reject=550 5.7.1 no", 1, 0),
        (f"{Q}: Milter: from=<a@b.example>, reject=550 5.7.1 no", 0, 0),
        (f"{Q}: Milter add: rcpt: <a@b.example>", 1, 0),
        (f"{Q}: Milter (x y) add: rcpt: <a@b.example>", 1, 0),
        (f"{Q}: Milter add: rcpt: <a@b.exam", 1, 1),
        (f"{Q}: Milter add: header: Milter add: rcpt: <a@b.example>", 0, 0),
        ("starting daemon (8.17.1): SMTP+queueing@00:10:00", 0, 0),
    ],
)
def test_lines_and_near_misses(text: str, mail: int, broken: int) -> None:
    data = log(text)
    assert (len(observations(PARSER, data)), len(defects(PARSER, data))) == (mail, broken)
    assert totals(read(PARSER, data), "tally") == (1, int(not mail and not broken))


@pytest.mark.parametrize(
    ("queue_id", "expected"),
    [
        ("58HE3CaB004711", datetime(2025, 9, 17, 14, 3, 12, tzinfo=UTC)),
        ("58HE3CaB1234567", datetime(2025, 9, 17, 14, 3, 12, tzinfo=UTC)),
        ("e7HGr0B12345", datetime(2000, 8, 17, 16, 53, 0, tzinfo=UTC)),
        ("Z000000a12345", None),
        ("51UE3CaB004711", None),  # 30 February
        ("5CHE3CaB004711", None),  # a thirteenth month
        ("58HO3CaB004711", None),  # 24 o'clock
        ("58HE3yaB004711", None),
        ("58HE3CaB0047", None),
        ("58HE3CaB004711 ", None),
        ("", None),
    ],
)
def test_the_time_in_a_queue_id(queue_id: str, expected: datetime | None) -> None:
    assert fields.time_in(queue_id.encode()) == expected


def test_a_log_without_year_and_zone_is_dated_by_its_ids() -> None:
    texts = [f"58HE3{digit}aB00471{n}: {FROM.format(1)}" for n, digit in enumerate("CDEF")]
    for one in observations(PARSER, log(*texts).replace(b"16:03:0", b"16:03:1")):
        queue, logged = one.readings
        assert (queue.clock, queue.slack, logged.slack) == ("queue_id", 0, 0)
        assert abs((queue.at - logged.at).total_seconds()) < 5


def test_what_the_sender_writes_says_nothing_about_the_client() -> None:
    forged = "msgid=<a@b.example>, relay=root@localhost, daemon=x, authid=root, x=y>"
    data = log(f"{Q}: " + FROM.format(1).replace("msgid=<m@acme.example>", forged))
    (one,) = observations(PARSER, data)
    assert (one.direction, one.message_id) == (Direction.UNKNOWN, "a@b.example")
    assert ("client", "a [192.0.2.1]") in one.facts


@pytest.mark.parametrize(
    ("lines", "user"),
    [
        ([f"{Q}: {FROM.format(1)}"], ""),
        ([f"{Q}: AUTH=server, relay=a [192.0.2.1], authid=svc, mech=PLAIN, bits=0", f"{Q}: {FROM.format(1)}"], "svc"),
        (["AUTH=server, relay=a [192.0.2.1], authid=svc, mech=PLAIN, bits=0", f"{Q}: {FROM.format(1)}"], "svc"),
        (["AUTH=server, relay=b [192.0.2.2], authid=svc, mech=PLAIN, bits=0", f"{Q}: {FROM.format(1)}"], ""),
        ([f"{Q}: {FROM.format(1)}", "AUTH=server, relay=a [192.0.2.1], authid=svc, mech=PLAIN, bits=0"], ""),
        ([f"{Q}: " + FROM.format(1).replace("relay=", "tls_verify=NO, auth=PLAIN, authid=svc, relay=")], "svc"),
        ([f"{Q}: AUTH failure (PLAIN): authentication failure (-13), relay=a [192.0.2.1]", f"{Q}: {FROM.format(1)}"], ""),
    ],
)
def test_who_signed_in(lines: list[str], user: str) -> None:
    (one,) = observations(PARSER, log(*lines, pid=4711))
    assert (dict(one.facts).get("sasl_username", ""), one.direction is Direction.SUBMITTED) == (user, bool(user))


def test_the_same_process_number_hours_later_is_somebody_else() -> None:
    early = log("AUTH=server, relay=a [192.0.2.1], authid=svc, mech=PLAIN, bits=0", pid=4711).replace(b" 16:", b" 11:")
    (one,) = observations(PARSER, early + log(f"{Q}: {FROM.format(1)}", pid=4711))
    assert one.direction is Direction.UNKNOWN


def test_both_queues_of_a_host_are_one_message() -> None:
    first, second = [
        one for one in observations(PARSER, (FORMATS / "sendmail" / "two-queues.log").read_bytes()) if one.message_id
    ]
    assert first.direction is Direction.SUBMITTED
    assert set(second.ids) < set(first.ids)
    assert {r.outcome for r in first.recipients} == {Outcome.ACCEPTED}


def test_a_remote_server_cannot_join_messages() -> None:
    (one,) = observations(PARSER, log(sent("<a@b.example>", "Sent (58HE3DaB004712 Message accepted for delivery)")))
    assert one.ids == (f"queue:mx1/{Q}",)
    assert dict(one.facts)["handed_to"] == "mx. [192.0.2.25]/58HE3DaB004712"


def test_hosts_are_kept_apart() -> None:
    data = log(sent("<a@b.example>")) + log(sent("<c@b.example>")).replace(b"mx1", b"mx2")
    assert sorted((one.server, len(one.recipients)) for one in observations(PARSER, data)) == [("mx1", 1), ("mx2", 1)]


def test_hostile_text_names_nobody() -> None:
    for sample in ("hostile-text.log", "cut-lines.log"):
        found = observations(PARSER, (FORMATS / "sendmail" / sample).read_bytes())
        assert not [r for one in found for r in one.recipients if r.address.startswith("forged")]


@pytest.mark.parametrize(
    ("lines", "partial", "unknown"),
    [
        ([FROM.format(1), sent("<a@b.example>")[16:]], set(), False),
        ([FROM.format(2), sent("<a@b.example>")[16:]], {"end"}, False),
        ([FROM.format(2), sent("<a@b.example>")[16:], "done; delay=00:00:02, ntries=1"], set(), False),
        ([FROM.format(1)], {"end"}, True),
        ([sent("<a@b.example>")[16:]], {"start", "end"}, False),
        ([FROM.format(1), sent("<a@b.example>", "Deferred")[16:]], {"end"}, False),
        ([FROM.format(1), sent("<a@b.example>", "queued")[16:]], {"end"}, False),
    ],
)
def test_what_lies_outside_of_the_logs(lines: list[str], partial: set[str], unknown: bool) -> None:
    (one,) = observations(PARSER, log(*[f"{Q}: {text}" for text in lines]))
    assert {value for name, value in one.facts if name == "partial"} == partial
    assert ("recipients_unknown" in dict(one.facts)) is unknown


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (log("starting daemon (8.17.1): SMTP"), True),
        (log("x").replace(b"sm-mta", b"sendmail"), True),
        (b"tus, stat=Sent (ok)\n" + log("x"), True),
        (b'{"__REALTIME_TIMESTAMP":"1758117792345678","SYSLOG_IDENTIFIER":"sendmail","_PID":"9","MESSAGE":"x"}\n', True),
        (b"<22>1 2025-09-17T14:03:12.345Z mx1 sendmail 1234 - - x\n", True),
        (b"", False),
        (b"Subject: our log\n\n" + log(*["x"] * 9), False),
        (b"From ann@acme.example Wed Sep 17 16:03:12 2025\n\n" + log("x"), False),
        (b"see:\n" * 3 + log("x"), False),
        (log("x") + b"Sep  7 10:00:02 mx1 postfix/smtpd[7]: connect from a[192.0.2.1]\n", False),
        (log("sm-mta[7]: x").replace(b"sm-mta[7]: sm", b"sshd[7]: sm"), False),
    ],
)
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "maillog") is expected


# --- the facts of the format, one by one


def test_a_submission_and_its_deliveries() -> None:
    (one,) = observations(
        PARSER,
        log(
            f"{Q}: from=<app@acme.example>, size=909, class=0, nrcpts=3, msgid=<m1@acme.example>, proto=ESMTP, daemon=MTA, relay=app1 [192.0.2.10]",
            f"{Q}: to=<bob@customer.example>,<archive@collector.example>, ctladdr=<app@acme.example> (1001/1001), delay=00:00:02, mailer=esmtp,"
            " relay=mx. [192.0.2.25], dsn=2.0.0, stat=Sent (ok 1234)",
            f"{Q}: to=<dora@customer.example>, ctladdr=<app@acme.example> (1001/1001), delay=00:00:02, mailer=esmtp, stat=queued",
        ),
    )
    assert (one.sender, one.size, one.declared, one.message_id) == ("app@acme.example", 909, 3, "m1@acme.example")
    assert [(r.address, r.original, r.outcome, r.reply) for r in one.recipients] == [
        ("bob@customer.example", "", Outcome.DELIVERED, "ok 1234"),
        ("archive@collector.example", "", Outcome.DELIVERED, "ok 1234"),
        ("dora@customer.example", "", Outcome.ACCEPTED, "queued"),
    ]
    assert dict(one.facts) == {"partial": "end", "client": "app1 [192.0.2.10]", "origin": "smtp"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("<a@b.example>,<c@b.example>, [more]", ""), ("<d@b.example>", "")], ["a@b.example", "c@b.example", "d@b.example"]),
        ([("<a@b.example>,<c@b.example>, [more], ctladdr=<s@acme.example> (1/1)", ""), ("<d@b.example>", "")], ["a@b.example", "c@b.example", "d@b.example"]),
        ([("<a@b.example>,root, [more], ctladdr=<s@acme.example> (1/1)", ""), ("<d@b.example>", "")], ["a@b.example", "root", "d@b.example"]),
        ([('<"a, [more]"@b.example>,<c@b.example>', "")], ['"a, [more]"@b.example', "c@b.example"]),
        ([("<a@b.example>,<c@b.example>, [more]", ""), ("<c@b.example>", "")], ["a@b.example", "c@b.example"]),
    ],
)  # fmt: skip
def test_a_long_list_goes_on_in_further_lines(lines: list[tuple[str, str]], expected: list[str]) -> None:
    data = log(f"{Q}: {FROM.format(len(expected))}", *[sent(to) for to, _ in lines])
    (one,) = observations(PARSER, data)
    assert [r.address for r in one.recipients] == expected
    assert defects(PARSER, data) == []
    assert "partial" not in dict(one.facts)


def test_recipients_are_counted_after_aliases_are_expanded() -> None:
    aliases = "<staff@acme.example>"
    data = log(
        f"{Q}: {FROM.format(3)}", *[sent(f"<{to}@b.example>, ctladdr={aliases} (8/12)") for to in "abc"],
    )  # fmt: skip
    (one,) = observations(PARSER, data)
    assert (one.declared, len(one.recipients), {r.original for r in one.recipients}) == (3, 3, {"staff@acme.example"})
    assert "partial" not in dict(one.facts)


@pytest.mark.parametrize(
    ("text", "kind", "outcome"),
    [
        (
            "ruleset=check_rcpt, arg1=<a@b.example>, relay=x [192.0.2.1], reject=550 5.7.1 <a@b.example>... Relaying denied",
            "reject",
            "rejected",
        ),
        ("ruleset=check_compat, arg1=<s@b.example>, arg2=<a@b.example>, relay=x, reject=550 5.7.1 no", "reject", "rejected"),
        ("Milter: to=<a@b.example>, reject=550 5.7.1 no", "reject", "rejected"),
        ("<a@b.example>... User unknown", "reject", "rejected"),
        (sent("<a@b.example>", "User unknown", "mailer=esmtp, dsn=5.1.1")[16:], "queue", "bounced"),
    ],
)
def test_who_was_refused_was_attempted(text: str, kind: str, outcome: str) -> None:
    (one,) = observations(PARSER, log(f"{Q}: {text}", f"{Q}: {FROM.format(0)}"))
    assert [(r.address, r.outcome.value) for r in one.recipients] == [("a@b.example", outcome)]
    assert one.kind == kind
    (one,) = observations(PARSER, log(f"{Q}: {text}", f"{Q}: {FROM.format(1)}", sent("<c@b.example>")))
    assert {r.address: r.outcome.value for r in one.recipients} == {"a@b.example": outcome, "c@b.example": "delivered"}
    assert one.kind == "queue"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("58HE3DaB004712: clone: owner=list-owner@acme.example", ["58HE3DaB004712"]),
        ("clone 58HE3DaB004712, owner=list-owner@acme.example", ["58HE3DaB004712"]),
        ("clone: 58HE3DaB004712, owner=list-owner@acme.example", ["58HE3DaB004712"]),
        ("split: maxrcpts=2, rcpts=4, count=2, id=58HE3DaB004712", ["58HE3DaB004712"]),
        ("split: maxrcpts=2, rcpts=6, count=3, ids=58HE3DaB004712, 58HE3DcD004712", ["58HE3DaB004712", "58HE3DcD004712"]),
        ("clone abcdefghijklmn, owner=x", []),
        ("x clone 58HE3DaB004712, owner=x", []),
        ("58HE3DaB004712: cloned: owner=x", []),
    ],
)
def test_a_copy_of_the_envelope_is_the_same_message(text: str, ids: list[str]) -> None:
    (one,) = observations(PARSER, log(f"{Q}: {FROM.format(1)}", f"{Q}: {text}"))
    assert one.ids == (f"queue:mx1/{Q}", *[f"queue:mx1/{name}" for name in ids])


@pytest.mark.parametrize("word", ["DSN", "return to sender", "postmaster notify", "sender notify", "return receipt", "DSNs"])
def test_a_bounce_is_a_message_of_its_own(word: str) -> None:
    data = log(
        f"{Q}: {FROM.format(1)}",
        f"{Q}: 58HE3DaB004712: {word}: User unknown",
        sent("<s@acme.example>").replace(Q, "58HE3DaB004712"),
    )
    bounce = next(one for one in observations(PARSER, data) if one.ids == ("queue:mx1/58HE3DaB004712",))
    assert (dict(bounce.facts).get("origin"), dict(bounce.facts).get("came_from")) == (
        (None, None) if word == "DSNs" else ("bounce", f"mx1/{Q}")
    )


@pytest.mark.parametrize(
    ("text", "copies"),
    [
        ("Milter add: rcpt: <archive@collector.example>", ["archive@collector.example"]),
        ("Milter (journal) add: rcpt: archive@collector.example", ["archive@collector.example"]),
        ("Milter delete: rcpt: <archive@collector.example>", []),
        ("Milter add: header: Bcc: <archive@collector.example>", []),
    ],
)
def test_a_copy_that_a_milter_adds_is_the_servers(text: str, copies: list[str]) -> None:
    (one,) = observations(PARSER, log(f"{Q}: {FROM.format(1)}", f"{Q}: {text}", sent("<a@b.example>")))
    assert [r.address for r in one.recipients if r.role is Role.BCC] == copies
    assert (("server_bcc", "true") in one.facts) is bool(copies)


@pytest.mark.parametrize(
    ("program", "ours"),
    [
        ("sendmail", True),
        ("sm-mta", True),
        ("sm-msp-queue", True),
        ("MSP", True),
        ("sendmail-in", True),
        ("send-mail", True),
        ("postfix/sendmail", False),
        ("sendmailx", False),
        ("sm", False),
        ("msp", False),
        ("xsm-mta", False),
    ],
)
def test_the_programs_of_sendmail(program: str, ours: bool) -> None:
    data = log(sent("<a@b.example>")).replace(b"sm-mta", program.encode())
    assert len(observations(PARSER, data)) == ours
    assert PARSER.sniff(data, "") is ours


def test_what_the_logger_lost_is_said() -> None:
    data = log(sent("<a@b.example>")) + b"Sep 17 16:03:12 mx1 rsyslogd[1]: imjournal: 52011 messages lost due to rate-limit\n"
    assert totals(read(PARSER, data), "lost") == (52011, 0)
    assert totals(read(PARSER, data + b"Sep 17 16:03:12 mx1 last message repeated 3 times\n"), "tally") == (3, 1)


# --- laws


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_parts_equal_the_whole_and_line_ends_do_not_matter(path: Any) -> None:
    data = path.read_bytes()
    expected = read(PARSER, data)
    clocks = clocks_of(fragments(expected))
    whole = assembled(PARSER, fragments(expected), clocks)
    for cut in (*range(1, 20), 64, 150, 199, 333, 1000):
        parts = read(PARSER, data, cut=cut)
        assert assembled(PARSER, fragments(parts), clocks) == whole, cut
        assert totals(parts, "tally") == totals(expected, "tally")
    crlf = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert by_text(observations(PARSER, crlf)) == by_text(observations(PARSER, data))
    assert totals(expected, "tally")[0] == data.count(b"\n") + bool(not data.endswith(b"\n"))
    for one in whole:
        for r in one.recipients:
            line = data[r.start : r.end]
            assert b"\n" not in line
            assert r.address.rpartition("@")[2][:3].encode() in line.lower() or b"xn--" in r.address.encode()


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_log_split_into_files_tells_the_same(path: Any) -> None:
    rows = path.read_bytes().splitlines(keepends=True)
    clock = next(iter(clocks_of(fragments(read(PARSER, b"".join(rows)))).values()), FileClock())

    def told(*files: bytes) -> list[str]:
        found = [one for data in files for one in fragments(read(PARSER, data))]
        return by_text(assembled(PARSER, found, {one.observation.span[:2]: clock for one in found}))

    whole = told(b"".join(rows))
    for at in range(1, len(rows)):
        assert told(b"".join(rows[:at]), b"".join(rows[at:])) == whole


_WORDS = [
    FROM.format(2), FROM.format(0), FROM.format(1).replace("relay=a [192.0.2.1]", "relay=ann@localhost"), "from=<", "to=<", "to",
    *(sent(to, stat)[16:] for to in ("<a@b.example>", "<A@b.example>,<c@b.example>", "<d@b.example>, ctladdr=<e@b.example> (1/1)")
      for stat in ("Sent (ok)", "Deferred: x", "User unknown", "queued")),
    sent("<f@b.example>", "Sent (58HE3DaB004712 Message accepted for delivery)", LOCAL)[16:],
    "Milter add: rcpt: <g@b.example>", "<h@b.example>... User unknown", "done; delay=00:00:01, ntries=1",
    "to=<a@b.example>,<c@b.example>, [more], ctladdr=<e@b.example>, delay=1, stat=Sent", "to=<i@b.example>, ctladdr=root (0/0), delay=1, stat=Sent",
    "58HE3DaB004712: DSN: User unknown", "58HE3DaB004712: clone: owner=x", "AUTH=server, relay=a [192.0.2.1], authid=svc, mech=PLAIN, bits=0",
]  # fmt: skip
_IDS = [f"{Q}: ", "58HE3DaB004712: ", "58HE3CcD004711: ", "NOQUEUE: ", ""]
_LOGS = st.lists(st.tuples(st.sampled_from(_IDS), st.sampled_from(_WORDS)), max_size=20)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS, st.integers(1, 400), st.integers(2, 4))
def test_any_cut_and_any_bound_tell_the_same(rows: list[tuple[str, str]], cut: int, bound: int) -> None:
    data = log(*["".join(row) for row in rows], pid=4711)
    clocks = clocks_of(fragments(read(PARSER, data)))
    expected = assembled(PARSER, fragments(read(PARSER, data)), clocks)
    assert assembled(PARSER, fragments(read(PARSER, data, cut=cut)), clocks) == expected
    with pytest.MonkeyPatch.context() as patch:  # letting go early changes nothing
        patch.setattr(messages, "OPEN_LIMIT", bound - 1)
        patch.setattr(messages, "PIECE_LIMIT", bound)
        assert assembled(PARSER, fragments(read(PARSER, data)), clocks) == expected


def _no_address(_: Addresses, text: bytes) -> str:  # noqa: ARG001  none is of common form
    return ""


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS, st.integers(1, 400))
def test_the_common_way_tells_what_the_careful_one_does(rows: list[tuple[str, str]], cut: int) -> None:
    data = log(*["".join(row) for row in rows], pid=4711)
    expected = read(PARSER, data, cut=cut)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Addresses, "__missing__", _no_address)
        patch.setattr(fields.Controllers, "__missing__", _no_address)
        assert read(PARSER, data, cut=cut) == expected


def test_recipients_of_one_line_keep_their_order_in_pieces() -> None:
    data = log(
        sent("<a@b.example>,<c@b.example>", "Deferred: x"),
        sent("<a@b.example>", "Deferred: x"),
        sent("<a@b.example>,<c@b.example>"),
    )
    for cut in (None, 1, 189, 400):
        (one,) = observations(PARSER, data, cut=cut)
        assert [r.address for r in one.recipients] == ["a@b.example", "c@b.example"]


_SLOW = re.compile(
    r"(?m)\]: (58HE3\w{9}): to=(\S+?), (?:\[more\], )?(?:ctladdr=(\S+?)(?: \(\d/\d\))?, )?delay=\S+, .*?stat=(Sent|Deferred|User|queued)"
)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS)
def test_a_slow_reader_finds_the_same_recipients(rows: list[tuple[str, str]]) -> None:
    data = log(*["".join(row) for row in rows])
    slow = {(match[1], address.strip("<>").lower()) for match in _SLOW.finditer(data.decode()) for address in match[2].split(",")}
    fast = {
        (one.ids[0].rpartition("/")[2], r.address)
        for one in observations(PARSER, data)
        for r in one.recipients
        if r.role is Role.ENVELOPE and r.outcome is not Outcome.REJECTED
    }
    assert fast == slow


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from([b"\n", b"\0", b"\r", *[log(f"{Q}: {w}")[:-1] for w in _WORDS]])),
        max_size=12,
    )
)
def test_no_bytes_raise_and_every_line_counts(parts: list[bytes]) -> None:
    data = b"".join(parts)
    records = read(PARSER, data)
    assembled(PARSER, fragments(records))
    PARSER.sniff(data, "")
    assert totals(records, "tally")[0] == data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    assert read(PARSER, data, block=7) == records


WARM = log("x y z").replace(b"[7]", b"[6]")  # host and program are met before


@pytest.mark.parametrize(
    ("head", "recipients", "broken"),
    [
        (b"Sep  7 10:00:02 mx1 sm-mta[7]: ", 1, 0),
        (b"2025-09-07T10:00:02.345678+02:00 mx1 sm-mta[7]: ", 1, 0),
        (b"Sep  7 10:00:02 mx1 sm-mta: ", 1, 0),
        (b"Sep  7 10:00:02 2025 mx1 sm-mta[7]: ", 1, 0),
        (b"<22>Sep  7 10:00:02 mx1 sm-mta[7]: ", 1, 0),
        (b"Sep  7 10:00:02 <mail.info> mx1 sm-mta[7]: ", 1, 0),
        (b"Sep  7 10:00:02 mx1 sm-mta[7]: [ID 100200 mail.info] ", 1, 0),
        (b"Sep  7 10:99:02 mx1 sm-mta[7]: ", 0, 1),
        (b"Sep  7 10:00:02 mx1 sm-mta[7: ", 0, 1),
        (b"Sep  7 10:00:02 mx1 sm-mta[7]\n", 0, 1),
        (b"Sep  7 10:00:02 mx1 sm-mta[7\n", 0, 1),
        (b"Sep  7 10:00:02 mx1 cron[7]: ", 0, 0),
        (b"Sep  7 10:00:02 xmx1 xsm-mta[7]: ", 0, 0),
        (b"mx1 sm-mta[7]: ", 0, 1),
    ],
)
def test_a_prefix_means_the_same_whether_met_before_or_not(head: bytes, recipients: int, broken: int) -> None:
    text = sent("<a@b.example>").encode() + b"\n"
    for data in (head + text, WARM + head + text, WARM + (head + text) * 2):
        found = [r for one in observations(PARSER, data) for r in one.recipients]
        assert (len(found), len(defects(PARSER, data))) == (recipients, broken * data.count(head))


def test_a_repeated_line_counts_once() -> None:
    data = log(f"{Q}: {FROM.format(2)}", f"message repeated 3 times: [ {sent('<a@b.example>')}]")
    (one,) = observations(PARSER, data)
    assert [(r.address, r.reply) for r in one.recipients] == [("a@b.example", "ok")]
    assert one.declared == 2


def test_hostile_lines_take_linear_time() -> None:
    start = log(f"{Q}: to=<")[:-1]
    for data in (
        start + b'"' + b'\\"' * 400_000,
        start + b"<" * 900_000,
        start + b"(" * 900_000,
        start + b"a>,<" * 200_000,
        start + b"a>, reply=" * 90_000,
        log(f"{Q}: from=<")[:-1] + b">, msgid=" * 90_000,
        log(f"{Q}: Milter add: rcpt: ")[:-1] + b"<" * 900_000,
        log("AUTH=server, relay=")[:-1] + b", authid=" * 90_000,
        b"message repeated 2 times: [ " * 30_000,
        b"x" * 10_000_000,
    ):
        assert statements(PARSER, data)[-1].value == 1
