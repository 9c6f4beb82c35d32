"""What is known of Postfix's logs and of the complaints about tools that read them, each as a test of its own."""

from __future__ import annotations

import json
from itertools import permutations

import pytest
from support import assembled, clocks_of, defects, observations, read, statements

from forensics.dates import FileClock
from forensics.model import Direction, Fragment, Observation, Outcome, Role
from forensics.parsers.postfix import PARSER, queue_ids

Q, LONG, NEXT = "5464E12D687", "4cRgTX2Rqfz9HdB", "4cRgTY2Rqfz9HdC"
CLIENT = "client=app1.acme.example[192.0.2.10]"
ACTIVE = "from=<app@acme.example>, size=900, nrcpt=1 (queue active)"


def line(daemon: str, text: str, stamp: str = "Sep 17 16:03:12", host: str = "mx1") -> str:
    return f"{stamp} {host} postfix/{daemon}[7]: {text}\n"


def sent(to: str, status: str = "sent (250 ok)", relay: str = "mx.customer.example[192.0.2.25]:25") -> str:
    return f"to=<{to}>, relay={relay}, delay=1, delays=0/0/0/1, dsn=2.0.0, status={status}"


def of(*rows: str) -> list[Observation]:
    return observations(PARSER, "".join(rows).encode())


def recipients(found: list[Observation]) -> list[tuple[str, str]]:
    return [(one.address, one.outcome.value) for message in found for one in message.recipients]


# --- the line around the text ------------------------------------------------------------------------------------------------


def test_a_file_may_change_its_form_in_the_middle_of_a_message() -> None:
    modern = "2025-09-17T16:03:13.100000+02:00"
    (one,) = of(line("smtpd", f"{LONG}: {CLIENT}"), line("smtp", f"{LONG}: {sent('bob@customer.example')}", modern))
    assert recipients([one]) == [("bob@customer.example", "delivered")]


@pytest.mark.parametrize("stamp", ["Sep  7 10:00:02", "Sep 07 10:00:02", "Sep 7 10:00:02", "2025-09-07 10:00:02,123"])
def test_the_day_is_padded_in_three_ways(stamp: str) -> None:
    assert len(of(line("smtp", f"{Q}: {sent('bob@customer.example')}", stamp))) == 1


@pytest.mark.parametrize(
    "stamp",
    [
        "2025-09-17T16:03:12.000001+02:00", "2025-09-17T16:03:12.999999+02:00", "2025-09-17T16:03:13.100000+02:00",
        "2025-09-17T16:03:12.100000+01:00", "2025-09-17T16:03:12.100000Z", "2025-09-17T16:03:12.1+02:00", "2025-09-17T16:03:12+02:00",
        "2025-09-17T16:03:12.1000001+02:00", "2025-09-17T16:03:12.100000+02x00", "2025-09-17T16:03:12.10000x+02:00", "2025-09-17T16:03:12.-10000+02:00",
        "2025-09-17T16:73:12.100000+02:00", "2025-09-17T16:03:12,100000+02:00", "2025-09-17 16:03:12.100000+02:00", "Sep 17 16:03:12",
    ],
)  # fmt: skip
def test_a_stamp_means_the_same_whatever_was_met_before(stamp: str) -> None:
    before = line("smtp", f"{LONG}: {sent('ann@customer.example')}", "2025-09-17T16:03:12.100000+02:00")
    own = line("smtp", f"{NEXT}: {sent('bob@customer.example')}", stamp)
    alone = [(one.stamp, [r.stamp for r in one.recipients]) for one in of(own)]
    assert [(one.stamp, [r.stamp for r in one.recipients]) for one in of(before * 2, own)][1:] == alone


def test_every_wrapping_of_a_line_tells_the_same() -> None:
    inner = line("smtp", f"{LONG}: {sent('bob@customer.example')}").rstrip()
    text = inner.partition("]: ")[2]
    stamp = "2025-09-17T14:03:12.345678901Z"
    rows = [
        inner, f"<22>{inner}", f"\ufeff{inner}", f"postfix-1  | {inner}", f"{stamp} stdout F {inner}", f"{stamp} {inner}",
        json.dumps({"log": inner + "\n", "stream": "stdout", "time": stamp}),
        json.dumps({"@timestamp": stamp, "message": text, "host": {"hostname": "mx1"}, "process": {"name": "postfix/smtp", "pid": 7}}),
        json.dumps({"version": "1.1", "host": "mx1", "short_message": text, "timestamp": 1758117792.3, "_program": "postfix/smtp"}),
        json.dumps({"SYSLOG_IDENTIFIER": "postfix/smtp", "_HOSTNAME": "mx1", "MESSAGE": text}),
        f"<22>1 {stamp} mx1 postfix/smtp 7 - - {text}",
    ]  # fmt: skip
    for row in rows:
        (one,) = of(row + "\n")
        assert (one.server, one.ids) == ("mx1", (f"queue:mx1/{LONG}",))
        assert recipients([one]) == [("bob@customer.example", "delivered")]
    (one,) = of(*(row + "\n" for row in rows))  # and all forms in one file
    assert recipients([one]) == [("bob@customer.example", "delivered")]


def test_a_container_that_writes_no_stamp_of_its_own_is_read() -> None:
    row = f"2025-09-17T14:03:12.345678901Z stdout F postfix/smtp[9]: {Q}: {sent('bob@customer.example')}\n"
    other = row.replace("bob", "eve").replace("12.345678901", "13.3")
    (one,) = of(row, other)
    assert [name for name, _ in recipients([one])] == ["bob@customer.example", "eve@customer.example"]
    assert [str(r.at) for r in one.recipients] == ["2025-09-17 14:03:12.345678+00:00", "2025-09-17 14:03:13.300000+00:00"]


@pytest.mark.parametrize(
    ("program", "daemon"),
    [
        ("postfix/smtp", True),
        ("postfix/relay/smtp", True),
        ("postfix-out/smtp", True),
        ("postfix/10025/smtp", True),
        ("postfix", False),
    ],
)
def test_the_last_element_of_the_program_is_the_daemon(program: str, daemon: bool) -> None:
    rows = [line("smtp", f"{Q}: {sent('bob@customer.example')}").replace("postfix/smtp", program)]
    assert len(of(*rows)) == daemon


@pytest.mark.parametrize(
    "word", ["NOQUEUE", "warning", "statistics", "fatal", "disconnect", "error", "panic", "info", "ACCEDED", "DECADE"]
)
def test_words_that_look_like_ids_are_told_or_no_mail(word: str) -> None:
    data = line("smtp", f"{word}: {sent('bob@customer.example')}").encode()
    hexadecimal = not word.translate({ord(letter): None for letter in "ABCDEF"})
    assert len(observations(PARSER, data)) == hexadecimal  # nothing tells them from an id
    assert hexadecimal or statements(PARSER, data)[-1].rows == 1 or defects(PARSER, data)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("rsyslogd: imjournal: 52011 messages lost due to rate-limit", 52011),
        ("rsyslogd: imuxsock[pid: 42]: begin to drop messages due to rate-limiting", 1),
        ("systemd-journald[88]: Suppressed 812 messages from postfix.service", 812),
        ("postfix/smtp[7]: Suppressed 812 messages from postfix.service", 0),
    ],
)
def test_lines_lost_to_rate_limits_are_stated(text: str, count: int) -> None:
    data = f"Sep 17 16:03:12 mx1 {text}\n".encode()
    lost = [(one.scope, one.value) for one in statements(PARSER, data) if one.kind == "lost"]
    assert lost == ([("mx1", count)] if count else [])


def test_repeated_lines_are_unwrapped_and_count_once() -> None:
    texts = [f"{Q}: {CLIENT}", f"{Q}: {sent('bob@customer.example')}"]
    plain = [line("smtpd", texts[0]), line("smtp", texts[1])]
    again = [line("smtpd", f"message repeated 2 times: [ {texts[0]}]"), line("smtp", f"message repeated 2 times: [ {texts[1]}]")]
    last = "Sep 17 16:03:12 mx1 last message repeated 3 times\n"
    assert recipients(of(*plain, last, *again, last)) == recipients(of(*plain)) == [("bob@customer.example", "delivered")]
    assert recipients(of(again[1])) == [("bob@customer.example", "delivered")]  # the first may have rotated away


# --- clocks ------------------------------------------------------------------------------------------------------------------


def test_the_last_z_parts_a_long_id() -> None:
    found = [queue_ids.time_in(one) for one in (b"4cRgTX2Rqfz9HdB", b"4cRgTX2Rzzz9HdB", b"5464E12D687")]
    assert [str(one) for one in found] == ["2025-09-17 14:03:12.345678+00:00", "2025-09-17 14:03:12.346111+00:00", "None"]


def test_an_id_from_before_there_were_any_is_no_long_one() -> None:
    assert queue_ids.time_in(b"0cRgTX2Rqfz9HdB") is None


def test_a_yearless_log_without_long_ids_has_no_year() -> None:
    for stamp in ("Sep 17 16:03:12", "Dec 31 23:59:59", "Feb 29 00:00:00"):
        (one,) = of(line("smtpd", f"{Q}: {CLIENT}", stamp), line("smtp", f"{Q}: {sent('bob@customer.example')}", stamp))
        assert one.readings == ()
        assert [r.at for r in one.recipients] == [None]


def test_december_and_january_lie_one_second_apart() -> None:
    # 2024-12-31 22:59:58 UTC and the seconds after it, logged one hour ahead of UTC
    ids = ["4YN7ht", "4YN7hv", "4YN7hw", "4YN7hx"]
    stamps = ["Dec 31 23:59:58", "Dec 31 23:59:59", "Jan  1 00:00:00", "Jan  1 00:00:01"]
    rows = [line("smtpd", f"{one}0000z9HdB: {CLIENT}", stamp) for one, stamp in zip(ids, stamps, strict=True)]
    logged = [str(reading.at) for one in of(*rows) for reading in one.readings if reading.clock == "syslog"]
    assert logged == [f"2024-12-31 {time}+00:00" for time in ("22:59:58", "22:59:59", "23:00:00", "23:00:01")]


# --- what the daemons say ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["removed", "removed (canceled)", "removed (discarded)"])
@pytest.mark.parametrize("daemon", ["qmgr", "postsuper", "cleanup"])
def test_who_closes_a_message(daemon: str, text: str) -> None:
    (one,) = of(line("smtpd", f"{Q}: {CLIENT}"), line(daemon, f"{Q}: {text}"))
    assert "partial" not in dict(one.facts)


@pytest.mark.parametrize("action", ["filter", "redirect", "hold", "discard", "prepend", "warn"])
def test_other_actions_name_nobody_who_was_refused(action: str) -> None:
    text = f"NOQUEUE: {action}: RCPT from a[192.0.2.1]: <t@d.example>: Recipient address; from=<s@d.example> to=<t@d.example> proto=SMTP helo=<x>"
    assert of(line("smtpd", text)) == []


@pytest.mark.parametrize("daemon", ["smtpd", "postscreen"])
@pytest.mark.parametrize("action", ["reject", "milter-reject"])
def test_a_refused_recipient_is_no_mail(daemon: str, action: str) -> None:
    text = f"NOQUEUE: {action}: RCPT from a[192.0.2.1]: 550 5.1.1 <t@d.example>: no; from=<s@d.example> to=<t@d.example> proto=SMTP helo=<x>"
    if (daemon, action) != ("postscreen", "milter-reject"):
        assert [(one.kind, one.recipients[0].outcome) for one in of(line(daemon, text))] == [("reject", Outcome.REJECTED)]


@pytest.mark.parametrize("action", ["warning", "info", "reject", "prepend", "replace", "strip", "hold"])
def test_a_subject_that_cleanup_logs_invents_nobody(action: str) -> None:
    forged = "Subject: x from a[192.0.2.1]; from=<s@d.example> to=<forged@d.example> proto=SMTP helo=<x>: status=sent"
    text = f"{Q}: {action}: header {forged} from a[192.0.2.1]; from=<s@d.example> to=<t@d.example> proto=SMTP helo=<x>: text"
    assert recipients(of(line("cleanup", text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "sender non-delivery notification: 8A64E12D688", "sender delivery status notification: 8A64E12D688",
        "postmaster non-delivery notification: 8A64E12D688",
    ],
)  # fmt: skip
def test_a_bounce_has_an_id_of_its_own_and_is_no_recipient(text: str) -> None:
    found = of(line("smtp", f"{Q}: {sent('x@d.example', 'bounced (no)')}"), line("bounce", f"{Q}: {text}"))
    assert recipients(found) == [("x@d.example", "bounced")]


def test_a_message_that_was_never_delivered_has_unknown_recipients() -> None:
    (one,) = of(line("smtpd", f"{Q}: {CLIENT}"), line("qmgr", f"{Q}: {ACTIVE}"))
    assert one.declared == 1
    assert dict(one.facts)["recipients_unknown"] == "true"
    (other,) = of(line("smtpd", f"{Q}: {CLIENT}"), line("qmgr", f"{Q}: {ACTIVE}"), line("smtp", f"{Q}: {sent('a@b.example')}"))
    assert "recipients_unknown" not in dict(other.facts)


def test_both_ends_of_the_material_are_told() -> None:
    (middle,) = of(line("smtp", f"{Q}: {sent('a@b.example')}"))
    assert [value for name, value in middle.facts if name == "partial"] == ["end", "start"]


# --- what users of other tools ask for -------------------------------------------------------------------------------------------

BEFORE = [
    line("smtpd", f"{LONG}: {CLIENT}"),
    line("cleanup", f"{LONG}: message-id=<m1@acme.example>"),
    line("qmgr", f"{LONG}: {ACTIVE}"),
    line("smtp", f"{LONG}: {sent('bob@customer.example', f'sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {NEXT})', '127.0.0.1[127.0.0.1]:10024')}"),
    line("qmgr", f"{LONG}: removed"),
]  # fmt: skip
BEHIND = [
    line("smtpd", f"{NEXT}: client=localhost[127.0.0.1], orig_queue_id={LONG}, orig_client=app1.acme.example[192.0.2.10]"),
    line("cleanup", f"{NEXT}: message-id=<m1@acme.example>"),
    line("qmgr", f"{NEXT}: {ACTIVE}"),
    line("smtp", f"{NEXT}: {sent('bob@customer.example', 'bounced (host mx said: 550 no (in reply to RCPT TO command))')}"),
    line("qmgr", f"{NEXT}: removed"),
]


def test_a_message_behind_a_filter_shares_its_identity() -> None:
    first, second = of(*BEFORE, *BEHIND)
    assert set(first.ids) & set(second.ids)
    assert first.message_id == second.message_id == "m1@acme.example"
    for rows in ([*BEFORE[:4], BEHIND[3]], [BEFORE[0], BEHIND[0], BEHIND[3]]):  # one end of the bridge is enough
        first, second = of(*rows)
        assert set(first.ids) & set(second.ids)


def test_a_bounce_behind_a_filter_is_no_delivery() -> None:
    assert recipients(of(*BEFORE, *BEHIND)) == [("bob@customer.example", "accepted"), ("bob@customer.example", "bounced")]


def test_interleaved_messages_are_taken_apart() -> None:
    other = [row.replace(LONG, "4cRgTZ2Rqfz9HdD").replace("bob@", "eve@").replace("10024", "25") for row in BEFORE]
    mixed = [row for pair in zip(BEFORE, other, strict=True) for row in pair]
    assert sorted(recipients(of(*mixed))) == [("bob@customer.example", "accepted"), ("eve@customer.example", "accepted")]


def test_a_recipient_that_was_tried_four_times_is_one() -> None:
    tries = [line("smtp", f"{Q}: {sent('bob@customer.example', 'deferred (451 later)')}") for _ in range(3)]
    done = line("smtp", f"{Q}: {sent('Bob@customer.example')}")
    counts = [line("qmgr", f"{Q}: {ACTIVE}") for _ in range(4)]
    assert recipients(of(*[row for pair in zip(counts, [*tries, done], strict=True) for row in pair])) == [
        ("bob@customer.example", "delivered")
    ]


def test_a_copy_that_the_server_added_is_no_header_recipient() -> None:
    (one,) = of(line("smtpd", f"{Q}: {CLIENT}"), line("smtp", f"{Q}: {sent('archive@collector.example')}"))
    assert [(r.role, r.original) for r in one.recipients] == [(Role.ENVELOPE, "")]
    assert not one.header_known


def test_one_original_recipient_with_many_addresses_is_an_alias() -> None:
    alias = [
        f"to=<{to}>, orig_to=<team@acme.example>, relay=x[192.0.2.1]:25, dsn=2.0.0, status=sent (ok)"
        for to in ("a@b.example", "c@b.example")
    ]
    (one,) = of(*[line("smtp", f"{Q}: {text}") for text in alias])
    assert [(r.address, r.original) for r in one.recipients] == [
        ("a@b.example", "team@acme.example"),
        ("c@b.example", "team@acme.example"),
    ]


def test_the_remote_servers_own_id_is_kept() -> None:
    (one,) = of(line("smtp", f"{Q}: {sent('bob@customer.example', 'sent (250 2.0.0 Ok: queued as 7F3A21C4D0)')}"))
    assert one.recipients[0].reply == "250 2.0.0 Ok: queued as 7F3A21C4D0"


def test_a_log_with_exact_stamps_is_put_together_like_any_other() -> None:
    exact = [row.replace("Sep 17 16:03:12", "2025-09-17T16:03:12.345678+02:00") for row in (*BEFORE, *BEHIND)]
    assert recipients(of(*exact)) == recipients(of(*BEFORE, *BEHIND))


@pytest.mark.parametrize("daemon", ["smtp", "lmtp", "local", "virtual", "pipe", "error", "relay", "retry"])
def test_every_delivery_agent_is_read(daemon: str) -> None:
    assert len(recipients(of(line(daemon, f"{Q}: {sent('bob@customer.example', 'sent (ok)', 'x[192.0.2.1]:24')}")))) == 1


def test_hosts_with_equal_ids_stay_apart() -> None:
    here = [line("smtpd", f"{one}: {CLIENT}") + line("smtp", f"{one}: {sent('a@b.example')}") for one in (Q, LONG)]
    there = [row.replace("mx1", "mx2").replace("a@b", "c@b") for row in here]
    found = of(*here, *there)
    assert (
        sorted((one.server, one.recipients[0].address) for one in found)
        == [("mx1", "a@b.example")] * 2 + [("mx2", "c@b.example")] * 2
    )
    assert len({identity for one in found for identity in one.ids}) == 4


def test_a_message_over_three_files_is_one_in_whatever_order_they_come() -> None:
    for queue_id in (Q, LONG):
        rows = [
            line("smtpd", f"{queue_id}: {CLIENT}, sasl_username=svc"),
            line("smtp", f"{queue_id}: {sent('a@b.example')}"),
            line("qmgr", f"{queue_id}: removed"),
        ]
        files = [read(PARSER, row.encode()) for row in rows]
        clock = clocks_of([one for records in files for one in records if isinstance(one, Fragment)])
        for order in permutations(files) if queue_id == LONG else [files]:
            pieces = [one for records in order for one in records if isinstance(one, Fragment)]
            (one,) = assembled(PARSER, pieces, {place: FileClock() for place in clock})
            assert recipients([one]) == [("a@b.example", "delivered")]
            assert one.direction is Direction.SUBMITTED
            assert "partial" not in dict(one.facts)
