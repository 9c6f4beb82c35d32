"""Exim: traps of the format, and laws that hold for any cut of any log."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import FORMATS, assembled, clocks_of, defects, observations, read, statements

from forensics.dates import FileClock
from forensics.model import Defect, Direction, Fragment, Observation, Outcome, Recipient, Span, Statement
from forensics.parsers.exim import PARSER, entries, messages, plain, reading, splits
from forensics.parsers.exim.queue_ids import time_in
from forensics.parsers.exim.targets import masked

SAMPLES = sorted((FORMATS / "exim").glob("*.log"))
Q = "1uyska-000000001Dz-1RvS"
VIA = "R=dnslookup T=remote_smtp H=mx.customer.example [192.0.2.25]"


def log(*texts: str) -> bytes:
    """Entries of a mainlog; `Q` stands before those that begin with a flag or a word of a message."""
    rows = [one if one.startswith(("1uysk", "H=", "F=", "no ")) else f"{Q} {one}" for one in texts]
    return "".join(f"2025-09-17 16:03:{number:02d} {one}\n" for number, one in enumerate(rows)).encode()


def told(data: bytes) -> list[tuple[str, str, str]]:
    return sorted((r.address, r.original, r.outcome.value) for one in observations(PARSER, data) for r in one.recipients)


def one_of(data: bytes) -> Recipient:
    (found,) = [r for one in observations(PARSER, data) for r in one.recipients]
    return found


def fragments(records: list[Any]) -> list[Fragment]:
    return [one for one in records if isinstance(one, Fragment)]


def totals(records: list[Any], kind: str) -> tuple[int, int]:
    found = [one for one in records if isinstance(one, Statement) and one.kind == kind]
    return sum(one.value for one in found), sum(one.rows for one in found)


# --- ids and clocks


@pytest.mark.parametrize(
    ("queue_id", "second", "micro"),
    [
        ("1uyska-000000001Dz-1RvS", 1758117792, 345_678),
        ("1uyska-0001Dz-B9", 1758117792, 345_500),
        ("1uyska-000000001Dz-4C91", 1758117792, 999_999),
        ("1uyska-000000001Dz-4C92", 1758117792, 0),  # a million and more: localhost_number above two halves
        ("1uyska-0001Dz-WF", 1758117792, 999_500),
        ("1uyska-0001Dz-WG", 1758117792, 0),
        ("T2QKDC-0001DZ-9L", 1758117792, 345_000),  # base 36
        ("T2QKDC-0001DZ-RS", 1758117792, 0),
    ],
)
def test_the_time_in_an_id(queue_id: str, second: int, micro: int) -> None:
    assert time_in(queue_id.encode()) == datetime.fromtimestamp(second, UTC) + timedelta(microseconds=micro)


@pytest.mark.parametrize(
    "queue_id",
    [
        "", "1uyska", "1uyska-0001Dz", "1uyska-0001Dz-B", "1uyska-0001Dz-B9x", "1uyska-00000001Dz-1RvS", "1uyska-000000001Dz-1Rv_",
        "zzzzzz-0001Dz-B9", "000000-0001Dz-B9", "T2qKDC-0001DZ-9L", "T2QKDC-0001Dz-9L", "1uyska_0001Dz-B9",
    ],
)  # fmt: skip
def test_no_id_of_these_years(queue_id: str) -> None:
    assert time_in(queue_id.encode()) is None


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def digits(number: int, base: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, base)
        text = _BASE62[digit] + text
    return text


@pytest.mark.property
@given(st.integers(800_000_000, 2_100_000_000), st.integers(0, 62**6 - 1), st.integers(0, 499_999))
def test_every_form_of_id_gives_its_time_back(second: int, pid: int, half: int) -> None:
    at = datetime.fromtimestamp(second, UTC)
    long, short = f"{digits(pid, 62, 11)}-{digits(2 * half, 62, 4)}", f"{digits(pid, 62, 6)}-{digits(half // 250, 62, 2)}"
    assert time_in(f"{digits(second, 62, 6)}-{long}".encode()) == at + timedelta(microseconds=2 * half)
    assert time_in(f"{digits(second, 62, 6)}-{short}".encode()) == at + timedelta(microseconds=half // 250 * 500)
    upper = f"{digits(second, 36, 6)}-{digits(pid % 36**6, 36, 6)}-{digits(half // 500, 36, 2)}"
    assert time_in(upper.encode()) == at + timedelta(milliseconds=half // 500)


def test_ids_tell_the_zone_of_the_file() -> None:
    data = b"".join(log(f"1uysk{c}-000000001Dz-1RvS <= a@acme.example U=a P=local S=1") for c in "abcde")
    for one in observations(PARSER, data.replace(b"16:03:00", b"16:03:13")):
        queue, logged = one.readings
        assert (queue.clock, queue.slack, logged.clock, logged.slack) == ("queue_id", 0, "syslog", 0)
        assert abs(queue.at - logged.at) < timedelta(seconds=5)


# --- arrivals


@pytest.mark.parametrize(
    ("text", "direction", "facts"),
    [
        ("H=app1.acme.example [192.0.2.10] P=esmtp", "unknown", {"client": "app1.acme.example[192.0.2.10]"}),
        (
            "H=app1.acme.example (helo) [192.0.2.10]:4000 I=[192.0.2.1]:25 P=esmtp",
            "unknown",
            {"client": "app1.acme.example[192.0.2.10]"},
        ),
        ("H=([192.0.2.9]) [192.0.2.10] P=smtp", "unknown", {"client": "unknown[192.0.2.10]"}),
        ("H=(192.0.2.9) [2001:db8::1] P=smtp", "unknown", {"client": "unknown[2001:db8::1]"}),
        ("H=x [192.0.2.10] P=esmtpsa X=TLS1.3:x A=plain:svc@acme.example", "submitted", {"sasl_username": "svc@acme.example"}),
        ("H=x [192.0.2.10] P=esmtpa A=cram_md5", "submitted", {"client": "x[192.0.2.10]"}),
        ('H=x [192.0.2.10] P=esmtps DN="CN=a A=plain:ceo" CV=no', "unknown", {"client": "x[192.0.2.10]"}),
        ("H=x [192.0.2.10] U=root P=smtp", "unknown", {"origin": "smtp"}),
        ("U=www-data P=local", "submitted", {"local_user": "www-data", "origin": "local"}),
        ("U=mail P=spam-scanned", "unknown", {"local_user": "mail"}),
        ("R=1uyskd-000000001E0-0aaa U=exim P=local", "unknown", {"bounce_of": "1uyskd-000000001E0-0aaa"}),
    ],
)
def test_who_handed_it_in(text: str, direction: str, facts: dict[str, str]) -> None:
    (one,) = observations(PARSER, log(f"<= s@acme.example {text} S=12 id=m@acme.example"))
    assert (one.direction, one.size, one.message_id) == (Direction(direction), 12, "m@acme.example")
    assert facts.items() <= dict(one.facts).items()
    assert ("sasl_username" in dict(one.facts)) == ("sasl_username" in facts)


@pytest.mark.parametrize(
    ("text", "recipients"),
    [
        ("id=m@b.example for a@b.example c@b.example", ["a@b.example", "c@b.example"]),
        ("id=m@b.example", []),
        ('T="x for a@b.example"', []),
        ('T="x for a@b.example" for c@b.example', ["c@b.example"]),
        ('T="x\\" for a@b.example" from <s@b.example> for c@b.example', ["c@b.example"]),
        ('T="x\\\\" for c@b.example', ["c@b.example"]),
        ('T="\\\\\\" for a@b.example" for c@b.example', ["c@b.example"]),
        ('id="x for a"@b.example for c@b.example', ["c@b.example"]),
        ('from <"x for a"@b.example> for c@b.example', ["c@b.example"]),
        ('for "x for a"@b.example root', ['"x for a"@b.example', "root"]),
        ('T="a S=1 for a@b.example', []),
        ("id=m_", []),
    ],
)
def test_the_list_of_recipients(text: str, recipients: list[str]) -> None:
    data = log(f"<= s@acme.example H=x [192.0.2.10] P=esmtp S=12 {text}")
    (one,) = observations(PARSER, data)
    assert [r.address for r in one.recipients] == recipients
    assert one.declared == (len(recipients) or -1)
    assert one.size == 12
    assert ("recipients_unknown" in dict(one.facts)) == (not recipients)


def test_a_list_that_had_no_room_declares_no_number() -> None:
    names = " ".join(f"person{number}@customer.example" for number in range(400))
    (one,) = observations(PARSER, log(f"<= s@acme.example U=s P=local S=1 for {names}"))
    assert (len(one.recipients), one.declared) == (400, -1)
    assert dict(one.facts)["recipients_unknown"] == "true"


# --- deliveries


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"=> bob@customer.example {VIA}", ("bob@customer.example", "", "delivered")),
        (f"-> Bob@Customer.example {VIA}", ("bob@customer.example", "", "delivered")),
        (f">> bob@customer.example F=<s@b.example> {VIA}", ("bob@customer.example", "", "delivered")),
        (f"*> bob@customer.example {VIA}", ("bob@customer.example", "", "suppressed")),
        (f"=> bob@customer.example <Sales@acme.example> {VIA}", ("bob@customer.example", "sales@acme.example", "delivered")),
        (f"=> bob@customer.example (x@b.example, y@b.example) <z@b.example> {VIA}", ("bob@customer.example", "z@b.example", "delivered")),
        ("=> bob <bob@acme.example> R=localuser T=local_delivery", ("bob@acme.example", "", "delivered")),
        ("=> bob <bob+tag@acme.example> R=localuser T=local_delivery", ("bob+tag@acme.example", "", "delivered")),
        ("=> carol <sales@acme.example> R=localuser T=local_delivery", ("carol", "sales@acme.example", "delivered")),
        ("=> carol (carol@acme.example) <sales@acme.example> R=u T=l", ("carol@acme.example", "sales@acme.example", "delivered")),
        ("=> |/bin/x -a R=y <bob@acme.example> R=a T=address_pipe", ("|/bin/x -a", "", "delivered")),
        ("=> |/bin/x -a b <bob@acme.example> R=a T=address_pipe", ("bob@acme.example", "", "delivered")),
        ("=> /var/mail/a b (c@b.example) <bob@acme.example> R=a T=f", ("c@b.example", "bob@acme.example", "delivered")),
        ("=> /dev/null <bob@acme.example> R=a T=**bypassed**", ("bob@acme.example", "", "rejected")),
        ("=> :blackhole: <bob@acme.example> R=a", ("bob@acme.example", "", "rejected")),
        ("=> discarded <bob@acme.example> R=a", ("bob@acme.example", "", "rejected")),
        (f"=> discarded@b.example <bob@acme.example> {VIA}", ("discarded@b.example", "bob@acme.example", "delivered")),
        ("=> >eve@customer.example <bob@acme.example> R=a T=r", ("bob@acme.example", "", "accepted")),
        ("=> x@collector.example <system-filter> R=a T=b", ("x@collector.example", "system-filter", "delivered")),
        ('=> "a b <c@d>"@customer.example R=a T=b', ('"a b <c@d>"@customer.example', "", "delivered")),
        ('=> b@customer.example <"x y> R=z"@acme.example> R=a T=b', ("b@customer.example", '"x y> r=z"@acme.example', "delivered")),
        ("** bob@nowhere.example: Unrouteable address", ("bob@nowhere.example", "", "bounced")),
        ("** bob@nowhere.example <bob@nowhere.example>: Unrouteable address", ("bob@nowhere.example", "", "bounced")),
        ("** bob@nowhere.example F=<s@b.example>: Unrouteable address", ("bob@nowhere.example", "", "bounced")),
        (f"** bob@b.example {VIA}: SMTP error from remote mail server after RCPT TO:<x>: 550 no", ("bob@b.example", "", "bounced")),
        (f"** bob@b.example {VIA}: SMTP error from remote mail server after end of data: 550 no", ("bob@b.example", "", "refused_after_data")),
        (
            f"** bob@b.example {VIA}: SMTP error from remote mail server after pipelined end of data: 550",
            ("bob@b.example", "", "refused_after_data"),
        ),
        (
            f"** bob@b.example {VIA}: SMTP error from remote mail server after RCPT TO:<x>: 550 SMTP error from remote mail server after end of data",
            ("bob@b.example", "", "bounced"),
        ),
        (f"== bob@b.example {VIA} defer (-44): SMTP error from remote mail server after end of data: 451", ("bob@b.example", "", "refused_after_data")),
        ("== bob@b.example R=a T=b defer (-53): retry time not reached for any host", ("bob@b.example", "", "deferred")),
        ("== bob@b.example routing defer (-51): retry time not reached", ("bob@b.example", "", "deferred")),
        ('=> bob@b.example R=a T=b H=127.0.0.1 [127.0.0.1]:10024 C="250 2.0.0 Ok: queued as 7F3A21C4D0"', ("bob@b.example", "", "accepted")),
        ('=> bob@b.example R=a T=b H=localhost [::1]:24 C="250 2.0.0 <bob@b.example> abc Saved"', ("bob@b.example", "", "delivered")),
        ('=> bob@b.example R=a T=b H=127.0.0.1.evil.example [192.0.2.7] C="250 [127.0.0.1] ok"', ("bob@b.example", "", "delivered")),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(text: str, expected: tuple[str, str, str]) -> None:
    data = log(text)
    assert told(data) == [expected]
    assert defects(PARSER, data) == []


@pytest.mark.parametrize("later", ["**", "=="])
def test_a_delivery_stands_against_all_that_follows(later: str) -> None:
    rows = ["<= s@b.example U=s P=local S=1 for bob@b.example", f"=> bob@b.example {VIA}", f"{later} bob@b.example {VIA}: later"]
    assert told(log(*rows)) == [("bob@b.example", "", "delivered")]


def test_what_left_after_data_has_left_whatever_comes_later() -> None:
    rows = [
        f"== bob@b.example {VIA}: SMTP error from remote mail server after end of data: 451",
        "** bob@b.example: retry timeout exceeded",
    ]
    assert told(log(*rows)) == [("bob@b.example", "", "refused_after_data")]


def test_the_reply_is_given_without_its_backslashes() -> None:
    assert one_of(log(f'=> bob@b.example {VIA} C="250 \\"x\\" C=\\"y" QT=1s')).reply == '250 "x" C="y'


def test_the_sender_of_a_message_without_arrival_stands_on_its_deliveries() -> None:
    (one,) = observations(PARSER, log(f'=> bob@b.example F=<"a R=b"@acme.example> P=<x@b.example> {VIA}'))
    assert one.sender == '"a r=b"@acme.example'
    assert dict(one.facts)["partial"] in {"start", "end"}


@pytest.mark.parametrize(
    ("listed", "delivered", "expected"),
    [
        ("root", "root <root@acme.example> R=localuser T=local_delivery", ["root@acme.example"]),
        ("Root", "root <root@acme.example> R=localuser T=local_delivery", ["root@acme.example"]),
        ("root", "admin <root@acme.example> R=localuser T=local_delivery", ["admin", "root"]),
        ("root", "root@acme.example R=localuser T=local_delivery", ["root", "root@acme.example"]),
    ],
)
def test_a_bare_local_name_is_the_recipient_whose_delivery_writes_it_so(listed: str, delivered: str, expected: list[str]) -> None:
    found = told(log(f"<= s@b.example U=s P=local S=1 for {listed}", f"=> {delivered}"))
    assert [address for address, _, _ in found] == expected


# --- hops


def test_hops_meet_in_id_and_sender_and_a_forged_id_does_not() -> None:
    following = "1uyskb-000000002AA-0001"
    first = log("<= app@acme.example U=a P=local S=1", f'=> bob@b.example {VIA} C="250 OK id={following}"', "Completed")
    for sender, met in (("app@acme.example", True), ("ceo@acme.example", False)):
        second = log(f"{following} <= {sender} H=out.acme.example [192.0.2.10] P=esmtp S=9")
        one, other = (observations(PARSER, data)[0] for data in (first, second))
        assert bool(set(one.ids) & set(other.ids)) is met
        assert dict(one.facts)["handed_to"] == f"mx.customer.example[192.0.2.25]/{following}"


def test_a_bounce_is_another_message() -> None:
    data = log(f"1uyske-000000001E1-0bbb <= <> R={Q} U=exim P=local S=1 for s@acme.example", "<= s@acme.example U=s P=local S=1")
    one, other = observations(PARSER, data)
    assert not set(one.ids) & set(other.ids)
    assert "bounce_of" in dict(one.facts) | dict(other.facts)


def test_an_attempt_in_mainlog_and_rejectlog_counts_once() -> None:
    row = log("H=(x) [192.0.2.9] F=<s@evil.example> rejected RCPT <t@acme.example>: no")
    assert len(observations(PARSER, row + b"\n", row)) == 1
    assert len(observations(PARSER, row, row.replace(b"<t@", b"<u@"))) == 2
    (one,) = observations(PARSER, row)
    assert (one.kind, one.sender, one.recipients[0].outcome) == ("reject", "s@evil.example", Outcome.REJECTED)


# --- lines and near-misses


@pytest.mark.parametrize(
    ("text", "mail", "broken"),
    [
        (f"=> bob@b.example {VIA}", 1, 0),
        ("=> bob@b.exam", 1, 1),
        ("=> bob@b.example <sal", 1, 1),
        ("=>", 0, 1),
        ("<", 0, 1),
        ("", 0, 1),
        ("Compl", 1, 1),
        ("Completed", 1, 0),
        ("Completed QT=3s", 1, 0),
        ("<= s@b.exam", 1, 1),
        ("<= s@b.example H=x [192.0.2.1] P=esmtp", 1, 1),
        ("SMTP error from remote mail server after RCPT TO:<a@b.example>: host mx [192.0.2.1]: 450 => c@b.example R=x T=y", 0, 0),
        ("a => bob@b.example R=x T=y", 0, 0),
        ("=>bob@b.example R=x T=y", 0, 0),
        ("DKIM: d=b.example [verification succeeded]", 0, 0),
        ("Message is frozen", 0, 0),
        ("frozen by root", 1, 0),
        ("H=x [192.0.2.1] F=<s@b.example> rejected after DATA: no", 0, 0),
        ("H=x [192.0.2.1] F=<s@b.example> rejected RCPT <a@b.example>: no", 1, 0),
        ("H=x [192.0.2.1] F=<s@b.example> rejected RCPT <a@b.exam", 0, 1),
        ("H=x [192.0.2.1] F=<s@b.example> rejected MAIL: no", 0, 0),
        ("no host name found for IP address 192.0.2.9", 0, 0),
        ("1uyska-000000001D-1RvS => bob@b.example R=x T=y", 0, 1),
        ("1uysk => bob@b.example R=x T=y", 0, 0),
    ],
)
def test_lines_and_near_misses(text: str, mail: int, broken: int) -> None:
    data = log(text)
    for block in (data, b"2025-09-17 16:03:00.123 +0200 [77] x\n" + data, data.replace(b":00 ", b":00.123 -0930 [77] ")):
        assert (len(observations(PARSER, block)), len(defects(PARSER, block))) == (mail, broken)
        found = statements(PARSER, block)[-1]
        assert found.value - found.rows == (1 if mail or broken else 0)


# --- messages refused with their headers

REFUSED = (
    f"2025-09-17 16:03:22 {Q} H=out.partner.example [192.0.2.40] F=<a@partner.example> rejected after DATA: spam score 9\n"
    "Envelope-from: <a@partner.example>\n"
    "Envelope-to: <Bob@acme.example>\n"
    "    <x@collector.example>\n"
    "P Received: from out.partner.example ([192.0.2.40])\n"
    "\tfor forged@b.example; Wed, 17 Sep 2025 16:03:22 +0200\n"
    "F From: a@partner.example\n"
    "T To: Bob <bob@acme.example>,\n"
    "\tann@acme.example\n"
    "B Bcc: archive@collector.example,\n"
    "    second@collector.example\n"
    "I Message-ID: <m9@partner.example>\n"
    "  Subject: 2025-09-17 16:03:22 1uyski-000000001E2-0ccc => b@fake.example R=x T=y\n"
)
AFTER = "2025-09-17 16:03:23 H=x [192.0.2.67] F=<> temporarily rejected RCPT <eve@acme.example>: greylisted\n"


def test_a_refused_message_names_envelope_and_headers() -> None:
    data = REFUSED.encode()
    (one,) = observations(PARSER, data)
    assert [(r.role.value, r.address, r.outcome.value) for r in one.recipients] == [
        ("envelope", "bob@acme.example", "rejected"), ("envelope", "x@collector.example", "rejected"), ("to", "bob@acme.example", ""),
        ("to", "ann@acme.example", ""), ("bcc", "archive@collector.example", "rejected"), ("bcc", "second@collector.example", "rejected"),
    ]  # fmt: skip
    assert (one.kind, one.message_id, one.sender, one.declared) == ("reject", "m9@partner.example", "a@partner.example", 2)
    assert one.header_known
    assert one.readings[0].clock == "queue_id"
    assert data[one.span.start : one.span.end] == data[:-1]
    assert totals(read(PARSER, data), "tally") == (13, 12)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_refused_message_is_whole_at_any_cut(newline: str) -> None:
    data = (log("x").decode() + REFUSED + AFTER + REFUSED.replace("16:03:22", "16:03:24", 1)).replace("\n", newline).encode()
    expected = read(PARSER, data)
    assert len(fragments(expected)) == 3
    for cut in (1, 2, 7, 40, 150, 333, 600):
        found = read(PARSER, data, cut=cut)
        assert sorted(map(repr, fragments(found))) == sorted(map(repr, fragments(expected))), cut
        assert totals(found, "tally") == totals(expected, "tally")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("Envelope-to: <Bob@acme.example>\n    <x@collector.example>\n", ""), ["bob@acme.example", "ann@acme.example"]),
        (("    <x@collector.example>\n", "    ...\n"), ["bob@acme.example", "ann@acme.example"]),
        (("B Bcc: ", "* Bcc: "), ["bob@acme.example", "x@collector.example", "ann@acme.example"]),
        (("B Bcc: ", "  Bcc: "), ["bob@acme.example", "x@collector.example", "ann@acme.example"]),
        (("B Bcc: ", "2025-09-17 16:03:22 B Bcc: "), ["bob@acme.example", "x@collector.example", "ann@acme.example"]),
        (("B Bcc: ", "\nB Bcc: "), ["bob@acme.example", "x@collector.example", "ann@acme.example"]),
        (("Envelope-from: <a@partner.example>\n", ""), ["bob@acme.example", "x@collector.example", "ann@acme.example"]),
        (("rejected after DATA: spam score 9\n", "rejected after DATA\n2025-09-17 16:03:22 x\n"), []),
        (("rejected after DATA: spam score 9\n", "Warning: spam score 9\n"), []),
    ],
)
def test_near_misses_of_a_refused_message(change: tuple[str, str], expected: list[str]) -> None:
    assert change[0] in REFUSED
    found = observations(PARSER, REFUSED.replace(*change).encode())
    named = list(dict.fromkeys(r.address for one in found for r in one.recipients))
    shown = [name for name in named if not name.endswith("collector.example") or name[:2] == "x@"]
    assert shown == expected
    assert ("archive@collector.example" in named) is (bool(expected) and "Bcc" not in change[0])
    if "..." in change[1]:
        assert (found[0].declared, dict(found[0].facts)["recipients_unknown"]) == (-1, "true")


@pytest.mark.parametrize(
    ("before", "login"),
    [
        ("F=<s@b.example> A=plain:svc ", "svc"),
        ("F=<s@b.example> ", ""),
        ("(A=plain:svc) F=<s@b.example> ", ""),
        ('F=<"> A=plain:svc "@b.example> ', ""),
    ],
)
def test_who_had_logged_in_before_a_refusal(before: str, login: str) -> None:
    for data in (
        log(f"H=x [192.0.2.1] {before}rejected RCPT <t@b.example>: no"),
        REFUSED.replace("F=<a@partner.example> ", before).encode(),
    ):
        (one,) = observations(PARSER, data)
        assert dict(one.facts).get("sasl_username", "") == login
        assert one.direction is (Direction.SUBMITTED if login else Direction.UNKNOWN)


def test_two_refused_messages_of_one_second_are_two() -> None:
    other = REFUSED.replace(Q, "1uyskb-000000002AA-0001")
    assert len(observations(PARSER, (REFUSED + other).encode())) == 2
    assert len(observations(PARSER, REFUSED.encode(), ("\n" + REFUSED).encode())) == 1


def test_a_rejectlog_names_whom_it_shows() -> None:
    found = observations(PARSER, (FORMATS / "exim" / "rejectlog.log").read_bytes())
    assert [sorted({r.address for r in one.recipients}) for one in sorted(found, key=lambda one: one.span.start)] == [
        ["nobody@acme.example"], ["archive@collector.example", "bob@acme.example"], ["bob@acme.example"],
    ]  # fmt: skip
    assert {r.outcome for one in found for r in one.recipients if r.role.value != "to"} == {Outcome.REJECTED}


def test_hostile_words_name_nobody() -> None:
    found = observations(PARSER, (FORMATS / "exim" / "hostile-words.log").read_bytes())
    named = {r.address for one in found for r in one.recipients} | {r.original for one in found for r in one.recipients}
    assert named == {"bob@customer.example", '"a for c@fake.example"@customer.example', "t@acme.example", "v@acme.example", ""}
    assert not any("1uyskz" in one for each in found for one in each.ids)


# --- syslog


def by_syslog(data: bytes, head: str = "Sep 17 16:03:12 mx1 exim[7]: ", *, stamps: bool = True) -> bytes:
    return b"".join(head.encode() + row[0 if stamps else 20 :] + b"\n" for row in data.splitlines())


@pytest.mark.parametrize("stamps", [True, False])
@pytest.mark.parametrize(
    "head",
    [
        "Sep 17 16:03:12 mx1 exim[7]: ", "Sep 17 16:03:12 mx1 exim4[7]: ", "Sep 17 16:03:12 mx1 exim: ",
        "2025-09-17T16:03:12.345+02:00 mx1 exim[7]: ", "<22>1 2025-09-17T14:03:12.345Z mx1 exim 7 - - ", "2025-09-17 16:03:12 mx1 exim[7]: ",
    ],
)  # fmt: skip
def test_under_syslog_the_same_is_told(head: str, stamps: bool) -> None:
    data = log("<= s@b.example U=s P=local S=1 for bob@b.example", f"=> bob@b.example {VIA}", "Completed")
    wrapped = by_syslog(data, head, stamps=stamps)
    assert PARSER.sniff(wrapped, "x")
    (one,) = observations(PARSER, wrapped)
    assert (one.server, one.ids[0]) == ("mx1", f"queue:mx1/{Q}")
    assert told(wrapped) == told(data)
    assert one.stamp.endswith(("Z", "+02:00")) or one.stamp[:4] == ("2025" if stamps or head[0] == "2" else "--09")


def cut_for_syslog(text: bytes, size: int, pid: int = 7) -> list[bytes]:
    """One entry in pieces, each with the mark that tells why it ended."""
    pieces = [(row[at : at + size], at + size >= len(row)) for row in text.split(b"\n") for at in range(0, len(row), size)]
    return [
        b"Sep 17 16:03:12 mx1 exim[%d]: [%d%b%d] %b\n"
        % (pid, number, b"\\" if ends and number < len(pieces) else b"/", len(pieces), piece)
        for number, (piece, ends) in enumerate(pieces, 1)
    ]


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.integers(5, 60), st.integers(1, 500), st.randoms(use_true_random=False))
def test_split_entries_of_two_processes_are_joined_at_any_cut(size: int, cut: int, random: Any) -> None:
    names = " ".join(f"p{number}@customer.example" for number in range(9))
    first = log(f"<= s@b.example H=x [192.0.2.1] P=esmtp S=1 for {names}").rstrip()
    second = b"2025-09-17 16:03:13 H=x [192.0.2.1] F=<s@b.example> rejected RCPT <t@b.example>: no\nEnvelope-to: <q@b.example>\nB Bcc: r@b.example"
    waiting = [cut_for_syslog(first, size, 7), cut_for_syslog(second, size, 8)]
    rows = []
    while any(waiting):
        rows.append(random.choice([one for one in waiting if one]).pop(0))
    data = b"".join(rows)
    assert [address for address, _, _ in told(data)] == [f"p{number}@customer.example" for number in range(9)] + ["t@b.example"]
    assert observations(PARSER, data, cut=cut) == observations(PARSER, data)
    assert totals(read(PARSER, data, cut=cut), "tally") == totals(read(PARSER, data), "tally")
    assert defects(PARSER, data) == []


@pytest.mark.parametrize("lost", [0, 1, -1])
def test_a_split_entry_that_lacks_a_piece_is_a_defect_at_any_cut(lost: int) -> None:
    rows = cut_for_syslog(log(f"<= s@b.example U=s P=local S=1 for {'a' * 30}@b.example").rstrip(), 20)
    rows.pop(lost)
    data = b"".join(rows)
    expected = [one for one in read(PARSER, data) if not isinstance(one, Statement)]
    assert told(data) == []
    assert expected
    for cut in (1, 50, 77, 200):
        found = [one for one in read(PARSER, data, cut=cut) if not isinstance(one, Statement)]
        assert sorted(found, key=repr) == sorted(expected, key=repr)


def test_pieces_out_of_reach_are_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = cut_for_syslog(log("<= s@b.example U=s P=local S=1 for a@b.example").rstrip(), 40)
    between = b"Sep 17 16:03:12 mx1 exim[9]: Start queue run: pid=9\n" * 20
    data = rows[0] + between + b"".join(rows[1:])
    assert told(data) == [("a@b.example", "", "accepted")]
    monkeypatch.setattr(splits, "REACH", 500)
    assert told(data) == []
    assert {one.reason.split()[0] for one in defects(PARSER, data)} == {"a", "an"}


# --- other forms of a log


def journal(data: bytes, *, raw: bool = False) -> bytes:
    """Entries as `journalctl -o export` writes them; each stamp of Exim's is left out, as it is under syslog."""
    records = []
    for number, row in enumerate(data.splitlines()):
        text = b"MESSAGE\n" + (len(row) - 20).to_bytes(8, "little") + row[20:] if raw else b"MESSAGE=" + row[20:]
        records.append(
            b"__CURSOR=s=1;i=%d\n__REALTIME_TIMESTAMP=17581177920000%02d\n_HOSTNAME=mx1\nSYSLOG_IDENTIFIER=exim\n_PID=7\n%b\n\n"
            % (number, number, text)
        )
    return b"".join(records)


def containers(data: bytes, *, docker: bool = False, size: int = 40) -> bytes:
    """Lines as docker or Kubernetes write them, cut in pieces; docker cuts none that are shorter than 16 KiB."""
    at, rows = "2025-09-17T14:03:12.345678901Z", []
    for row in data.decode().splitlines():
        if docker:
            text = row + "\n"
            pieces = [text[begin : begin + 16384] for begin in range(0, len(text), 16384)]
            rows += [json.dumps({"log": piece, "stream": "stdout", "time": at}) for piece in pieces]
        else:
            pieces = [row[begin : begin + size] for begin in range(0, len(row), size)]
            rows += [f"{at} stdout {'F' if number == len(pieces) else 'P'} {one}" for number, one in enumerate(pieces, 1)]
    return "".join(f"{row}\n" for row in rows).encode()


def bare(found: list[Observation]) -> list[tuple[Any, ...]]:
    """What observations say, without place, time and host."""
    return sorted(
        (
            one.ids[0].rpartition("/")[2], one.sender, one.message_id, one.size, one.declared, one.direction.value, one.facts,
            sorted((r.address, r.original, r.written, r.outcome.value, r.reply) for r in one.recipients),
        )
        for one in found
    )  # fmt: skip


LOGGED = log(
    'H=x [192.0.2.1] F=<s@b.example> rejected RCPT <t@b.example>: "\u00fc"',
    f'<= s@b.example H=x [192.0.2.1] P=esmtpsa A=plain:u S=9 id=m@b.example T="\u00fc" for bob@b.example {"a" * 60}@c.example',
    f'=> bob@b.example {VIA} C="250 OK id=1uyskb-000000002AA-0001"', f"** {'a' * 60}@c.example {VIA}: no\u010a", "Completed", "frozen by root",
)  # fmt: skip
LONG = log(f'<= s@b.example U=s P=local S=9 T="{"x" * 40_000}" for bob@b.example', "Completed")
FORMS = {
    "utf-16-le": ("\ufeff" + LOGGED.decode().replace("\n", "\r\n")).encode("utf-16-le"),
    "utf-16-be": LOGGED.decode().encode("utf-16-be"),
    "utf-16 of syslog": ("\ufeff" + by_syslog(LOGGED).decode()).encode("utf-16-le"),
    "journal": journal(LOGGED),
    "journal, binary": journal(LOGGED, raw=True),
    "kubernetes, syslog": containers(by_syslog(LOGGED)),
    "kubernetes": containers(LOGGED),
    "kubernetes, whole": containers(LOGGED, size=10_000),
    "docker": containers(LOGGED, docker=True),
    "docker logs -t": b"".join(b"2025-09-17T14:03:12.345678901Z " + row + b"\n" for row in LOGGED.splitlines()),
    "compose": b"".join(b"exim-1  | " + row + b"\n" for row in LOGGED.splitlines()),
    "pod": b"".join(b"[pod/exim-0/exim] " + row + b"\n" for row in LOGGED.splitlines()),
    "shipper": b"".join(
        json.dumps({"@timestamp": "2025-09-17T14:03:12.345Z", "message": row}).encode() + b"\n"
        for row in LOGGED.decode().splitlines()
    ),
    "byte order mark": b"\xef\xbb\xbf" + LOGGED,
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_log_in_another_form_tells_the_same_at_any_cut(form: str) -> None:
    data = FORMS[form]
    assert PARSER.sniff(data, "x")
    expected = [one for one in observations(PARSER, LOGGED) if one.kind == "queue"]
    records = read(PARSER, data)
    whole = assembled(PARSER, fragments(records))
    assert bare([one for one in whole if one.kind == "queue"]) == bare(expected)
    assert [r.address for one in whole if one.kind == "reject" for r in one.recipients] == ["t@b.example"]
    assert not [one for one in records if isinstance(one, Defect)]
    assert totals(records, "tally") == (6, 0)
    for cut in (1, 13, 64, 300, 1000):
        parts = read(PARSER, data, cut=cut)
        assert assembled(PARSER, fragments(parts), clocks_of(fragments(records))) == whole, cut
        assert totals(parts, "tally") == (6, 0)


@pytest.mark.parametrize(
    "data", [containers(LONG, docker=True), containers(LONG, size=16_384), containers(by_syslog(LONG), docker=True)]
)
def test_lines_that_docker_cut_are_joined(data: bytes) -> None:
    assert told(data) == told(LONG) == [("bob@b.example", "", "accepted")]


@pytest.mark.parametrize(
    ("wrapper", "expected"),
    [
        ("2025-09-17T14:03:12.345678901Z ", "2025-09-17T14:03:12.345678Z"),
        ("2025-09-18T23:03:12Z ", "2025-09-17T16:03:00"),  # wrapped a day later
        ("exim-1  | ", "2025-09-17T16:03:00"),
    ],
)
def test_the_stamp_of_a_wrapper_is_believed_as_far_as_a_zone_explains(wrapper: str, expected: str) -> None:
    (one,) = observations(PARSER, wrapper.encode() + log(f"=> bob@b.example {VIA}"))
    assert one.stamp == expected


def test_a_record_of_the_journal_that_cannot_be_read_says_why() -> None:
    data = journal(LOGGED, raw=True)[:-10]
    assert [one.reason for one in defects(PARSER, data)] == ["a journal record ends within a field"]


@pytest.mark.parametrize(
    ("program", "text", "lost"),
    [
        ("systemd-journald", "Suppressed 812 messages from exim4.service", 812),
        ("systemd-journald", "Suppressed 812 messages from exim.service", 812),
        ("systemd-journald", "Suppressed 812 messages from nginx.service", 0),
        ("rsyslogd", "imuxsock lost 512 messages from pid 42 due to rate-limiting", 512),
        ("exim", "Suppressed 812 messages from exim4.service", 0),
    ],
)
def test_what_a_logger_lost_is_told(program: str, text: str, lost: int) -> None:
    data = by_syslog(log("Completed")) + f"Sep 17 16:03:12 mx1 {program}[7]: {text}\n".encode()
    for found in (data, ("\ufeff" + data.decode()).encode("utf-16-le")):
        assert totals(read(PARSER, found), "lost")[0] == lost


# --- sniffing


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (log("Completed"), True),
        (log("H=x [192.0.2.1] F=<s@b.example> rejected RCPT <a@b.example>: no"), True),
        (b"2025-09-17 16:03:12 exim 4.97 daemon started: pid=1\n" + log("<= <> U=x P=local S=1"), True),
        (b"ample R=x T=y\n" + log("Completed"), True),
        (REFUSED.encode(), True),
        (REFUSED.replace(Q, "1uysk").encode(), False),
        (by_syslog(log("Completed")), True),
        (by_syslog(log("Completed")) + b"Sep 17 16:03:12 mx1 postfix/smtpd[7]: connect from x[192.0.2.1]\n", False),
        (b"Subject: our log\n\n" + log("Completed") * 9, False),
        (b"From ann@acme.example Wed Sep 17 16:03:12 2025\n\n" + log("Completed"), False),
        (b"see:\n" * 3 + log("Completed"), False),
        (b"2025-09-17 16:03:12 INFO server started\n" * 9, False),
        (b"2025-09-17 16:03:12 000000-000000-00 <= x\n" * 9, False),
        (b"", False),
    ],
)
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "mainlog") is expected


# --- laws


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_parts_equal_the_whole(path: Any) -> None:
    data = path.read_bytes()
    expected = read(PARSER, data)
    whole = observations(PARSER, data)
    for cut in (*range(1, 12), 64, 100, 199, 333, 1000):
        parts = read(PARSER, data, cut=cut)
        assert assembled(PARSER, fragments(parts), clocks_of(fragments(expected))) == whole, cut
        assert totals(parts, "tally") == totals(expected, "tally")
    assert totals(expected, "tally")[0] == data.count(b"\n") + bool(not data.endswith(b"\n"))
    crlf = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert told(crlf) == told(data)


def placeless(found: list[Observation]) -> list[str]:
    nowhere = Span("", "", 0, 0)
    bare = (dataclasses.replace(r, start=-1, end=-1) for one in found for r in one.recipients)
    return sorted([repr(one) for one in bare] + [repr(dataclasses.replace(one, span=nowhere, recipients=())) for one in found])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_log_split_into_files_tells_the_same(path: Any) -> None:
    rows = path.read_bytes().splitlines(keepends=True)
    if path.stem == "syslog-split":  # a piece in another file is a piece lost
        rows = [row for row in rows if b"]: [" not in row]
    if path.stem == "rejectlog":  # so are headers, of which nobody knows whose they are
        rows = [row for row in rows if row.startswith(b"2025")]
    whole = fragments(read(PARSER, b"".join(rows)))
    clock = next(iter(clocks_of(whole).values()), FileClock())
    expected = placeless(assembled(PARSER, whole, {whole[0].observation.span[:2]: clock}))
    for at in range(1, len(rows)):
        found = [one for data in (b"".join(rows[:at]), b"".join(rows[at:])) for one in fragments(read(PARSER, data))]
        clocks = {one.observation.span[:2]: clock for one in found}
        assert placeless(assembled(PARSER, found, clocks)) == expected


_IDS = st.sampled_from([Q, "1uyskb-0001Dz-B9", "T2QKDC-0001DZ-9L"])
_ARRIVAL = "<= s@acme.example U=s P=local S=9 id=m@acme.example for a@b.example c@b.example"
_RETURN = '<= <> R=1uyska-0001Dz-B9 U=x P=local S=9 T="x for z@b.example"'
_WORDS = st.sampled_from([
    _ARRIVAL, _RETURN,
    "<= s@acme.example H=x [192.0.2.1] P=esmtpsa A=plain:u S=9", f"=> a@b.example {VIA}", f"-> A@b.example <d@b.example> {VIA}",
    f"== c@b.example {VIA}: SMTP error from remote mail server after end of data: 451", f"** c@b.example {VIA}: 550 => z@b.example R=x",
    f'>> a@b.example F=<s@acme.example> {VIA} C="250 OK id=1uyskb-0001Dz-B9"', "=> e <e@b.example> R=l T=l", "=> :blackhole: <f@b.example> R=b",
    "Completed", "Compl", "removed by root", "frozen by root", "rejected after DATA: no", "=> cut@b.ex",
])  # fmt: skip
_LOGS = st.lists(st.tuples(_IDS, _WORDS), max_size=16)


def without_clock(data: bytes, cut: int | None = None) -> list[Observation]:
    return assembled(PARSER, fragments(read(PARSER, data, cut=cut)), {})  # a repeated arrival would count as one more clock


def generated(rows: list[tuple[str, str]]) -> bytes:
    return log(*[f"{queue_id} {words}" if queue_id[0] != "T" else f"1uyskc-0001Dz-B9 {words}" for queue_id, words in rows])


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS, st.integers(1, 300), st.integers(2, 4))
@example([("1uyskb-0001Dz-B9", _ARRIVAL), ("1uyskb-0001Dz-B9", _RETURN), ("1uyskb-0001Dz-B9", "Completed")], 1, 2)
def test_any_cut_and_any_bound_tell_the_same(rows: list[tuple[str, str]], cut: int, bound: int) -> None:
    for data in (generated(rows), by_syslog(generated(rows))):
        expected = without_clock(data)
        assert without_clock(data, cut) == expected
        with pytest.MonkeyPatch.context() as patch:  # letting go early changes nothing
            patch.setattr(messages, "OPEN_LIMIT", bound - 1)
            patch.setattr(messages, "PIECE_LIMIT", bound)
            patch.setattr(entries, "PIECE_LIMIT", bound)
            patch.setattr(plain, "PIECE_LIMIT", bound)
            assert without_clock(data) == expected


# --- the common way says what the careful one says


def carefully(data: bytes) -> list[Any]:
    """Every line by way of the tokenizer, which knows quotes; nothing at fixed places, nothing remembered between lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_READERS", {})
        return read(PARSER, data)


_TAILS = [
    '<= s@acme.example H=x [192.0.2.1] P=esmtpsa X=TLS1.3:a A=plain:u S=9 id=m@acme.example T="a b" from <s@acme.example> for a@b.example c@b.example',
    '<= <> R=1uyska-0001Dz-B9 U=x P=local S=9 T="x for z@b.example"', "<= Root@acme.example U=s P=local S=9 id=m_ for root a@b.example",
    "<= s@acme.example H=(a) [192.0.2.1]:25 P=esmtp S=9 id=m@acme.example from <s@acme.example> for A@b.example a@b.example",
    f'=> a@b.example {VIA} X=TLS1.3:a CV=yes C="250 OK id=1uyskb-000000002AA-0001" QT=1s', f"=> a@b.example {VIA} QT=1s",
    f'-> A@b.example F=<s@acme.example> {VIA} C="250 id=x id=1uyskb-0001Dz-B9"', f'=> a@b.example <D@b.example> F=<> {VIA} C="250 ok"',
    '=> a@b.example R=r T=t C="250 queued as 7F3A21C4D0"', '=> a@b.example R=r T=t H=localhost [127.0.0.1] C="250 id=1uyskb-0001Dz-B9 Saved"',
    "=> e <e@b.example> R=l T=l", f'=> c@b.example P=<s@b.example> {VIA} DN="/CN=a" C="250 \\"x\\" C=\\"id=1uyskb-0001Dz-B9"', "=> |/bin/x <f@b.example> R=l T=p",
    f"** c@b.example {VIA}: SMTP error from remote mail server after end of data: 550 no", f"== c@b.example {VIA} defer (-44): 451",
    '=> a@b.example R=r T=t C="250 id=1uyskb-0001Dz-B9" H=x [127.0.0.1]', '*> a@b.example R=r T=t C="250 ok"', "Completed", "Completed QT=2s", "frozen by root", "DKIM: d=b.example", "H=x [192.0.2.1] F=<s@b.example> rejected RCPT <a@b.example>: no",
]  # fmt: skip
_BITS = st.sampled_from([
    '"', "\\", " ", "<", ">", " S=", " id=", " for ", ' T="', ' C="', " H=", " [127.", " [::1]", "id=1uyskb-0001Dz-B9", "queued as AAAAAA", ": ", "[7] ", "\u00fc", "@",
    " F=<", "> ", "discarded", "/", "|", "_", "\r", "\t", "9", "A=plain:x", " U=", "Q", "<>", "2025-09-17 16:03:00 ", "+0200 ",
])  # fmt: skip
_MUTATIONS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.one_of(st.just(""), _BITS)), max_size=3)
_MUTATED = st.lists(
    st.tuples(_IDS, st.sampled_from(_TAILS), _MUTATIONS, st.sampled_from(["", "[77] ", "+0200 "])), min_size=1, max_size=12
)


def mutated(rows: list[tuple[str, str, list[tuple[float, int, str]], str]]) -> bytes:
    lines = []
    for number, (queue_id, tail, changes, between) in enumerate(rows):
        text = f"2025-09-17 16:03:{number // 3:02d} {between}{queue_id} {tail}"
        for place, length, bit in changes:
            at = round(place * len(text))
            text = text[:at] + bit + text[at + length :]
        lines.append(text)
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_MUTATED)
def test_the_common_way_says_what_the_careful_one_says(rows: list[tuple[str, str, list[tuple[float, int, str]], str]]) -> None:
    data = mutated(rows)
    for one in (
        data,
        data + data,
        by_syslog(data),
        by_syslog(data, stamps=False) + by_syslog(data, "2025-09-17T16:03:12.345+02:00 mx1 exim4[8]: "),
    ):
        assert read(PARSER, one) == carefully(one)


@pytest.mark.parametrize("tail", _TAILS)
def test_the_common_way_reads_what_it_knows(tail: str) -> None:
    data = log(tail, tail.replace("9", "8"), tail)
    for one in (data, data.replace(b"03:00", b"03:01"), by_syslog(data), data + by_syslog(data) + data):
        assert read(PARSER, one) == carefully(one)


@pytest.mark.parametrize(
    ("tail", "at_once"),
    [
        (
            '<= s@b.example H=x [192.0.2.1] P=esmtpsa A=plain:u S=9 id=m@b.example T="a b" from <s@b.example> for a@b.example',
            True,
        ),
        ("<= <> R=1uyska-0001Dz-B9 U=x P=local S=9 id=m@b.example for a@b.example", True),
        ('<= s@b.example H=x [192.0.2.1] P=esmtp S=9 id=m@b.example T="a \\" b" for a@b.example', False),
        (f'=> a@b.example {VIA} X=TLS1.3:a C="250 OK id=1uyskb-000000002AA-0001" QT=1s', True),
        (f"-> A@b.example F=<s@acme.example> {VIA}", True),
        ("=> a <a@b.example> R=l T=l", True),
        (f'=> a@b.example {VIA} C="250 \\"ok\\""', False),
        ('=> a@b.example R=r T=t H=localhost [127.0.0.1] C="250 ok"', False),
    ],
)
def test_lines_of_common_form_are_read_at_once(tail: str, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bool] = []

    def noted(quick: Any) -> Any:
        def asked(*line: Any) -> bool:
            said.append(quick(*line))
            return said[-1]

        return asked

    readers = {flag: (quick and noted(quick), act) for flag, (quick, act) in reading._READERS.items()}
    monkeypatch.setattr(reading, "_READERS", readers)
    before = "<= s@acme.example U=s P=local S=9 id=m for a@b.example"
    data = log(tail, "Completed", tail) if tail[0] == "<" else log(before, tail, tail)  # twice: the first time is to learn
    for one in (data, re.sub(rb"(?m)^(.{20})", rb"\1[77] ", data), by_syslog(data)):
        said.clear()
        read(PARSER, one)
        assert said[-1] is at_once


def test_many_hosts_are_told_apart_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (
        log(text)
        for text in (f"<= s@b.example U=s P=local S=1 id=m for a@b.example {'c' * 9}@b.example", f"=> a@b.example {VIA}")
    )
    hosts = [f"Sep 17 16:03:12 mx{number} exim[7]: " for number in range(20)]
    data = (
        b"".join(by_syslog(first, host) for host in hosts) + first + b"".join(by_syslog(second, host) for host in hosts) + second
    )
    expected = without_clock(data)
    assert len(expected) == 21
    monkeypatch.setattr(messages, "HOST_LIMIT", 3)
    assert without_clock(data) == expected


_SLOW_FOR = re.compile(r" <= [^\n]* S=9(?: id=\S+)? for ([^\n\"]*)$", re.MULTILINE)
_SLOW_TO = re.compile(r"^\S+ \S+ \S+ (?:[=>-]>|\*\*|==) (\S+@\S+|e|:blackhole:)(?: <([^>]*)>)? (?=[RF]=)", re.MULTILINE)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS)
def test_a_slow_reader_finds_the_same_recipients(rows: list[tuple[str, str]]) -> None:
    data = generated(rows)
    slow = {(name, "") for match in _SLOW_FOR.finditer(data.decode()) for name in match[1].split()}
    for match in _SLOW_TO.finditer(data.decode()):
        original = match[2] or ""
        slow.add((match[1].lower(), original) if "@" in match[1] else (original, ""))
    fast = {(r.address, r.original) for one in observations(PARSER, data) for r in one.recipients}
    assert fast == slow


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"\n", b"\0", b"\r\n", *[generated([(Q, w)])[:-1] for w in ("<= ", "** a@b:", '=> "', "=> |x <")]])), max_size=12), st.integers(1, 99))  # fmt: skip
def test_no_bytes_raise_and_every_line_counts(parts: list[bytes], cut: int) -> None:
    data = b"".join(parts)
    records = read(PARSER, data)
    assembled(PARSER, fragments(records))
    PARSER.sniff(data, "")
    assert totals(records, "tally")[0] == data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    assert totals(read(PARSER, data, cut=cut), "tally") == totals(records, "tally")


@pytest.mark.property
@given(st.text('ab" \\<>', max_size=40))
def test_what_is_quoted_is_hidden_and_nothing_moves(text: str) -> None:
    shape = masked(text.encode())
    assert len(shape) == len(text)
    assert b'"' not in shape
    assert all(new in {old, ord("_")} for old, new in zip(text.encode(), shape, strict=True))


@pytest.mark.parametrize(
    "line",
    [
        b'<= s@b.example T="' + b'\\"' * 300_000 + b" for " * 50_000,
        b"=> |" + b" <" * 400_000,
        b"=> |" + b'"\\' * 400_000,
        b"** a@b.example " + b"SMTP error " * 80_000,
        b"=> a@b.example " + b" H=x [127." * 90_000,
        b'=> a@b.example R=x C="' + b'\\"' * 400_000,
        b"<= s@b.example S=1 for " + b"a@b.example " * 80_000,
        b"H=( " * 200_000 + b"rejected RCPT <",
    ],
)
def test_hostile_lines_take_linear_time(line: bytes) -> None:
    data = log("x")[:-2] + line + b"\n"
    assert statements(PARSER, data + by_syslog(data))[-1].value == 2


def test_a_line_of_ten_megabytes_is_a_defect() -> None:
    data = log("Completed") + b"x" * 10_000_000 + b"\n" + log("Completed")
    assert [one.reason for one in defects(PARSER, data)] == ["a line is longer than any line of a log"]
    assert len(observations(PARSER, data)) == 1
