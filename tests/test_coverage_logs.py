"""What a set of log files can and cannot say: folders of generated logs, audited, and their rows in coverage.csv."""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import day
from test_dates import long_id

import forensics
from forensics.incident import Incident
from forensics.model import Window
from forensics.policy import Policy, Server
from forensics.syslog.losses import LOGGERS, lost_messages

STEP = timedelta(minutes=10)  # a mail every ten minutes, to three recipients in steps of four: one is always under way
WINDOW = Incident(window=Window(day(2), day(12)))
POLICY = Policy(domains=("acme.example",), servers=(Server("postfix", "mx1"),))
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TO = "to=<bob{0}@customer.example>, relay=mx.customer.example[192.0.2.25]:25, delay={0}, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)"
LOCAL = timedelta(hours=2)
CLOCK = "year and zone (UTC+02:00) from the times inside its queue ids"
Line = tuple[datetime, str]


@cache
def mails(start: float, end: float, *, host: str = "mx1", keep: Callable[[datetime], bool] = lambda _: True) -> list[Line]:
    """The lines of a mail every ten minutes between two days, in order of time; `keep` says which mails there were."""
    found: list[Line] = []
    at = day(start) + timedelta(seconds=1)
    while at < day(end):
        if keep(at):
            queue_id, client = long_id(at), f"{host} postfix/smtpd[7]: "
            found += [
                (at, f"{client}connect from app.acme.example[192.0.2.10]"),
                (at, f"{client}{queue_id}: client=app.acme.example[192.0.2.10]"),
                (at, f"{host} postfix/cleanup[8]: {queue_id}: message-id=<{queue_id}@acme.example>"),
                (at, f"{host} postfix/qmgr[9]: {queue_id}: from=<shop@acme.example>, size=900, nrcpt=3 (queue active)"),
                *((at + minutes * MINUTE, f"{host} postfix/smtp[6]: {queue_id}: {TO.format(minutes)}") for minutes in (4, 8, 12)),
                (at + 12 * MINUTE, f"{host} postfix/qmgr[9]: {queue_id}: removed"),
            ]
        at += STEP
    return sorted(found, key=lambda one: one[0])


def yearless(at: datetime) -> str:
    return (at + LOCAL).strftime("%b %e %H:%M:%S")


def dated(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def write(folder: Path, name: str, lines: Sequence[Line], stamp: Callable[[datetime], str] = dated) -> None:
    text = "".join(f"{stamp(at)} {line}\n" for at, line in lines).encode()
    path = folder / "evidence" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)


def rotate(
    folder: Path,
    lines: Sequence[Line],
    borders: Mapping[str, float],
    stamp: Callable[[datetime], str] = dated,
    *,
    without: str = "",
) -> None:
    """Write the lines into files, each up to its day; one of them is lost."""
    for name, until in borders.items():
        here = [one for one in lines if one[0] < day(until)]
        lines = lines[len(here) :]
        if name != without:
            write(folder, name, here, stamp)


DAILY = {f"mail.log-{day(n):%Y%m%d}.gz": n for n in range(1, 14)} | {"mail.log": 99}
FOUR = {"mail.log.3.gz": 3.4, "mail.log.2.gz": 7.4, "mail.log.1": 10.4, "mail.log": 99}


def rows(folder: Path, incident: Incident = WINDOW, policy: Policy = POLICY) -> list[tuple[str, ...]]:
    """Scope, from, to, records, status and note of coverage.csv; route and what is shown are always the same."""
    options = forensics.Options(workers=1)
    case = forensics.audit(folder / "evidence", out=folder / "case", incident=incident, policy=policy, options=options)
    with (case.report / "coverage.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    known = [one for one in found if one["status"] != "unknown"]
    assert {(one["route"], one["shows"]) for one in known} == {("smtp", "outcome; recipients")}
    return [(one["scope"], one["from"][:16], one["to"][:16], one["records"], one["status"], one["note"]) for one in found]


def at(number: float) -> str:
    return day(number).strftime("%Y-%m-%dT%H:%M")


NOT = "not shown to be complete: "


def whole(note: str, status: str = "partial") -> list[tuple[str, ...]]:
    """One row for all of the window."""
    return [("mx1", at(2), at(12), "1440", status, note)]


def test_a_rotation_without_a_break_covers_the_window(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), FOUR)
    assert rows(tmp_path) == whole(
        "rotation is unbroken from mail.log.3.gz to mail.log: 3 messages cross their borders", "covered"
    )


def test_dated_names_cover_as_well_and_one_may_lie_twice_among_the_evidence(tmp_path: Path) -> None:
    lines = mails(0, 14)
    rotate(tmp_path, lines, DAILY)
    write(tmp_path, "mail.log-20250924", [one for one in lines if day(6) <= one[0] < day(7)])
    assert rows(tmp_path) == whole(
        "rotation is unbroken from mail.log-20250919.gz to mail.log-20250930.gz: 11 messages cross their borders", "covered"
    )


def test_what_is_missing_outside_of_the_window_does_not_matter(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), {"mail.log.5.gz": 0.5, "mail.log.4.gz": 1, **FOUR}, without="mail.log.4.gz")
    assert [one[4] for one in rows(tmp_path)] == ["covered"]


def test_year_and_zone_are_told_with_their_evidence(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), FOUR, yearless)
    assert rows(tmp_path) == whole(
        f"rotation is unbroken from mail.log.3.gz to mail.log: 3 messages cross their borders; {CLOCK} (2,016 agree)", "covered"
    )


def test_files_whose_year_nothing_tells_are_told(tmp_path: Path) -> None:
    short = [(when, re.sub(r"postfix/cleanup.*|[0-9A-Za-z]{10,12}z3kD", "5464E12D687", line)) for when, line in mails(0, 2)]
    rotate(tmp_path, short, {"mail.log.3.gz": 1, "mail.log.1": 99}, yearless)
    ((*_, status, note),) = rows(tmp_path)
    assert status == "partial"
    assert note.startswith(
        f"no record carries a time, so all count as inside the window; {NOT}mail.log.2.gz is missing, the year or the zone of a file is not known; "
        "the log writes no year, and nothing in the evidence tells it"
    )


@pytest.mark.parametrize(
    ("lost", "named", "before", "behind", "more"),
    [
        (
            "mail.log.2.gz", "mail.log.2.gz is missing between mail.log.3.gz and mail.log.1", 202, 662,
            "; no record for 96.1 hours, in which about 577 were to be expected at the log's mean rate",
        ),
        ("mail.log.1", "mail.log.1.gz is missing between mail.log.2.gz and mail.log", 778, 230, ""),
    ],
)  # fmt: skip
def test_a_missing_file_is_a_gap_with_its_name(
    tmp_path: Path, lost: str, named: str, before: int, behind: int, more: str
) -> None:
    rotate(tmp_path, mails(0, 14), FOUR, without=lost)
    first = "no message crosses from mail.log.3.gz to its neighbours, " if lost == "mail.log.2.gz" else ""
    last = "no message crosses from mail.log to its neighbours, " if lost == "mail.log.1" else ""
    assert [one[3:] for one in rows(tmp_path)] == [
        (str(before), "partial", f"{NOT}{first}there are gaps in it"),
        ("1", "gap", named + more),  # a mail whose first lines are missing
        (str(behind), "partial", f"{NOT}{last}there are gaps in it"),
    ]


def test_a_log_that_begins_or_ends_within_the_window_covers_the_rest(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), FOUR, without="mail.log.3.gz")
    assert [one[1:] for one in rows(tmp_path)] == [
        (at(2), "2025-09-20T09:30", "0", "gap", "the log begins at 2025-09-20 09:30 UTC, and has no pause of more than 10 minutes"),
        ("2025-09-20T09:30", "2025-09-20T09:38", "1", "partial", "the log begins at 2025-09-20 09:38 UTC"),  # a message's end
        ("2025-09-20T09:38", at(12), "1238", "covered", "rotation is unbroken from mail.log.2.gz to mail.log: 2 messages cross their borders"),
    ]  # fmt: skip


def test_a_log_whose_last_file_is_not_there_ends(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), FOUR, without="mail.log")
    covered, gap = rows(tmp_path)
    assert covered[1:5] == (at(2), "2025-09-27T09:30", "1210", "covered")
    assert gap[1:] == (
        "2025-09-27T09:30", at(12), "0", "gap", "the log ends at 2025-09-27 09:30 UTC, and has no pause of more than 10 minutes",
    )  # fmt: skip


def test_a_missing_day_in_dated_names_is_a_gap_with_its_name(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), DAILY, without="mail.log-20250923.gz")
    found = rows(tmp_path)
    assert [one[1:5] for one in found] == [
        (at(2), "2025-09-21T23:58", "432", "partial"),
        ("2025-09-21T23:58", at(6), "1", "gap"),  # a mail whose first lines are missing
        (at(6), at(12), "864", "partial"),
    ]
    assert found[1][5] == "mail.log-20250923.gz is missing between mail.log-20250922.gz and mail.log-20250924.gz"


def test_a_file_whose_end_is_cut_off_does_not_go_on_in_the_next(tmp_path: Path) -> None:
    rotate(tmp_path, [one for one in mails(0, 14) if not day(7.15) <= one[0] < day(7.4)], FOUR)
    found = rows(tmp_path)
    assert [one[1:5] for one in found] == [
        (at(2), "2025-09-24T03:34", "742", "partial"),
        ("2025-09-24T03:34", "2025-09-24T09:38", "1", "gap"),
        ("2025-09-24T09:38", at(12), "662", "partial"),
    ]
    assert found[1][5] == (
        "mail.log.2.gz ends and mail.log.1 does not go on: no record for 6.1 hours, while the same hours of 7 other days held 36 (median)"
    )


def test_a_silence_within_a_file_is_a_gap_of_that_host_alone(tmp_path: Path) -> None:
    other = mails(0, 14, host="mx2", keep=lambda when: not day(6.3) <= when < day(6.6))
    rotate(tmp_path, sorted([*mails(0, 14), *other]), FOUR)
    found = rows(tmp_path)
    assert [(one[0], one[4]) for one in found] == [("mx1", "covered"), ("mx2", "partial"), ("mx2", "gap"), ("mx2", "partial")]
    figures = "no record for 7.3 hours, while the same hours of 5 other days held 43 (median)"
    held = "43 messages of this time are in the postfix log of mx1 and not here"
    assert found[2] == ("mx2", "2025-09-23T07:10", "2025-09-23T14:30", "0", "gap", f"{held}; {figures}")


@pytest.mark.parametrize("seed", range(8))
def test_lines_that_vanish_forbid_to_say_covered(tmp_path: Path, seed: int) -> None:
    """A mail is always under way: whatever quarter of an hour is cut out, or more, some mail's first lines are in it."""
    chance = random.Random(seed)
    begun, length = chance.uniform(1.1, 2.7), chance.choice([0.011, 0.02, 0.1])
    if seed % 2:  # at the end of a file, or at the beginning of one
        begun = 2.2 - length * chance.randrange(2)
    lines = removed(begun, begun + length)(mails(0, 4))
    rotate(tmp_path, lines, {"mail.log.2.gz": 1.6, "mail.log.1": 2.2, "mail.log": 99})
    assert "covered" not in [one[4] for one in rows(tmp_path, Incident(window=Window(day(1), day(3))))]


def at_work(when: datetime) -> bool:
    return when.weekday() < 5 and 6 <= when.hour < 16


def removed(start: float, end: float) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [one for one in lines if not day(start) <= one[0] < day(end)]


def said(program: str, *texts: str) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: sorted([*lines, *((day(5) + n * MINUTE, f"mx1 {program}: {text}") for n, text in enumerate(texts))])


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (
            said("rsyslogd-2177", "imuxsock[pid 7]: begin to drop messages due to rate-limiting", "imuxsock lost 812 messages from pid 7 due to rate-limiting"),
            "the log says itself that at least 812 lines were lost (2 notices, 2025-09-22 00:00 UTC to 2025-09-22 00:01 UTC)",
        ),
        (said("sshd[9]", "imuxsock lost 812 messages from pid 7 due to rate-limiting"), ""),
        (lambda lines: [(when, line.replace("(250 ok)", "(250 imuxsock lost 5 messages from pid 1)")) for when, line in lines], ""),
        (
            lambda lines: [one for one in lines if "connect from" not in one[1]],
            f"{NOT}mail.log.3.gz holds no line but those of messages, as an excerpt would",
        ),
        (removed(6, 6.08), f"{NOT}the first lines of 1 message are in no file"),
        (
            lambda lines: [one for one in lines if "smtpd" not in one[1] and "cleanup" not in one[1]],
            f"{NOT}no message crosses from mail.log.3.gz to mail.log.2.gz and 2 more borders, mail.log.3.gz holds no line but those of messages, as an excerpt would, the first lines of 1,440 messages are in no file",
        ),
    ],
)  # fmt: skip
def test_what_forbids_to_say_that_the_window_is_covered(
    tmp_path: Path, change: Callable[[list[Line]], list[Line]], note: str
) -> None:
    rotate(tmp_path, change(mails(0, 14)), FOUR)
    (row,) = rows(tmp_path)
    proven = "rotation is unbroken from mail.log.3.gz to mail.log: 3 messages cross their borders"
    assert row[4:] == (("partial", note) if note else ("covered", proven))


def test_where_no_message_crosses_a_border_nothing_shows_that_files_meet(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14, keep=at_work), {"mail.log.3.gz": 5.4, "mail.log.2.gz": 7, "mail.log.1": 9.4, "mail.log": 99})
    (row,) = rows(tmp_path)
    assert row[4:] == ("partial", f"{NOT}no message crosses from mail.log.2.gz to mail.log.1")


def test_a_single_file_is_never_proof(tmp_path: Path) -> None:
    write(tmp_path, "mail.log", mails(0, 14))
    assert rows(tmp_path) == whole(f"{NOT}mail.log is the only file, so that no rotation shows it to be whole")


@pytest.mark.parametrize(
    ("cut", "row"),
    [
        (0, ("covered", "rotation is unbroken: this time lies within mail.log.1, which a message joins to its neighbour")),
        (1, ("partial", f"{NOT}no message crosses from mail.log.1 to its neighbours")),
    ],
)
def test_a_window_within_one_file_needs_a_neighbour_that_meets_it(tmp_path: Path, cut: int, row: tuple[str, str]) -> None:
    lines = [one for one in mails(0, 14) if not (cut and (day(0.9) <= one[0] < day(1) or day(13) <= one[0] < day(13.1)))]
    rotate(tmp_path, lines, {"mail.log.2.gz": 1, "mail.log.1": 13, "mail.log": 99})
    assert [one[4:] for one in rows(tmp_path)] == [row]


def test_a_damaged_file_is_not_complete(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), FOUR)
    packed = tmp_path / "evidence" / "mail.log.2.gz"
    packed.write_bytes(packed.read_bytes()[:-2_000])
    before, gap, behind = rows(tmp_path)
    assert before[4:] == ("partial", f"{NOT}2 records could not be read, there are gaps in it")
    assert gap[4:] == (
        "gap",
        "mail.log.2.gz ends and mail.log.1 does not go on: no record for 6.2 hours, while the same hours of 7 other days held 37 (median)",
    )
    assert behind[4] == "partial"


def test_files_under_each_others_names_prove_nothing(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), {"mail.log.2.gz": 3.4, "mail.log.3.gz": 7.4, "mail.log.1": 10.4, "mail.log": 99})
    found = rows(tmp_path)
    assert {one[4] for one in found} == {"partial", "gap"}
    assert all("names and times of the files do not go in the same order" in one[5] for one in found if one[4] == "partial")


def test_mail_servers_alone_do_not_account_for_servers_that_nobody_named(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), FOUR)
    found = rows(tmp_path, policy=Policy(domains=("acme.example",)))
    assert [one[4] for one in found] == ["unknown", "covered"]
    assert found[0][0] == "servers that no policy names"
    summary = json.loads((tmp_path / "case" / "report" / "summary.json").read_text(encoding="utf-8"))
    assert summary["conclusion"] == "cannot_tell"


def test_a_window_without_an_end_is_covered_up_to_the_last_record(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), FOUR)
    ((*_, until, _, status, _),) = rows(tmp_path, Incident(window=Window(day(2))))
    assert (until, status) == ("2025-09-30T23:50", "covered")


def test_two_machines_of_one_name_must_both_be_complete(tmp_path: Path) -> None:
    rotate(tmp_path, mails(0, 14), {f"a/{name}": until for name, until in FOUR.items()})
    other = mails(0.002, 14, keep=at_work)
    rotate(tmp_path, other, {f"b/{name}": until for name, until in FOUR.items()})
    (row,) = rows(tmp_path)
    assert row[4] == "partial"
    assert row[5].startswith(f"{NOT}of another log of the name mail.log: no message crosses from mail.log.3.gz to mail.log.2.gz")


def test_another_log_of_the_host_may_be_an_excerpt(tmp_path: Path) -> None:
    lines = mails(0, 14)
    rotate(tmp_path, lines, FOUR)
    write(tmp_path, "mail.warn", [one for one in lines[6_000:9_000] if "status=sent" in one[1]])
    assert [one[4] for one in rows(tmp_path)] == ["covered"]


# --- other mail servers -------------------------------------------------------------------------------------------------------

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE60 = BASE62[:60]
THREE = {"log.2.gz": 5.4, "log.1": 9.4, "log": 99}


def exim(start: float, end: float) -> list[Line]:
    """An own log of Exim, which names no host: a mail every five minutes, delivered after four, done after eight."""
    found: list[Line] = []
    for number in range(int((end - start) * 288)):
        when, client = day(start) + number * 5 * MINUTE, "H=app.acme.example [192.0.2.10] P=esmtps S=2048"
        seconds, digits = int(when.timestamp()), ""
        while seconds:
            seconds, rest = divmod(seconds, 62)
            digits = BASE62[rest] + digits
        queue_id = f"{digits}-0000000{number % 10_000:04}-0001"
        found += [
            (when, f"{queue_id} <= shop@acme.example {client} id=m{number}@acme.example for bob@customer.example"),
            (when + 4 * MINUTE, f'{queue_id} => bob@customer.example R=dns T=smtp H=mx.customer.example [192.0.2.25] C="250 OK"'),
            (when + 8 * MINUTE, f"{queue_id} Completed"),
            (when + MINUTE, "Start queue run: pid=77"),
        ]
    return sorted(found)


def sendmail(start: float, end: float) -> list[Line]:
    """A log of Sendmail: a mail every three minutes, delivered after four."""
    found: list[Line] = []
    for number in range(int((end - start) * 480)):
        when, process = day(start) + number * 3 * MINUTE + SECOND, f"mx1 sm-mta[{10_000 + number}]: "
        fields = (when.year - 1900) % 60, when.month - 1, when.day, when.hour, when.minute, when.second, 0, number % 60
        queue_id = "".join(BASE60[field] for field in fields) + f"{10_000 + number:06}"
        came = f"from=<shop@acme.example>, size=909, class=0, nrcpts=1, msgid=<m{number}@acme.example>, proto=ESMTP, daemon=MTA, relay=app1 [192.0.2.10]"
        relay = "relay=mx. [192.0.2.25], dsn=2.0.0, stat=Sent (ok)"
        found += [
            (when, f"{process}STARTTLS=server, relay=app1 [192.0.2.10], version=TLSv1.3, verify=NO, bits=256/256"),
            (when, f"{process}{queue_id}: {came}"),
            (when + 4 * MINUTE, f"{process}{queue_id}: to=<bob@customer.example>, delay=00:04:00, mailer=esmtp, {relay}"),
        ]
    return sorted(found)


def exim_stamp(when: datetime) -> str:
    return (when + LOCAL).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("lines", "stamp", "scope", "records"), [(exim, exim_stamp, "", "2880"), (sendmail, yearless, "mx1", "4800")]
)
def test_rotated_logs_of_other_servers_cover_as_well(
    tmp_path: Path, lines: Callable[[float, float], list[Line]], stamp: Callable[[datetime], str], scope: str, records: str
) -> None:
    rotate(tmp_path, lines(0, 14), THREE, stamp)
    (row,) = rows(tmp_path, policy=Policy(domains=("acme.example",), servers=(Server("x", scope),)))
    assert row[:1] + row[3:5] == (scope, records, "covered")
    assert row[5].startswith("rotation is unbroken from log.2.gz to log: ")
    assert f"cross their borders; {CLOCK}" in row[5]


def test_logs_of_several_folders_that_name_no_host_may_be_of_several_machines(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        rotate(tmp_path, exim(0, 14)[folder == "b" :], {f"{folder}/{name}": until for name, until in THREE.items()}, exim_stamp)
    (row,) = rows(tmp_path, policy=Policy(domains=("acme.example",), servers=(Server("x", ""),)))
    assert row[4] == "partial"
    assert row[5].startswith(f"{NOT}files of several folders that name no host may be those of several machines; ")


# --- what loggers say that they lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "text", "expected"),
    [
        # rsyslog: sockets, journal, files, network
        ("rsyslogd-2177", "imuxsock lost 512 messages from pid 42 due to rate-limiting", 512),
        ("rsyslogd-2177", "imuxsock begins to drop messages from pid 42 due to rate-limiting", 1),
        ("rsyslogd", "imuxsock[pid 42]: begin to drop messages due to rate-limiting", 1),
        ("rsyslogd", "imuxsock[pid: 42, name: /usr/lib/postfix/sbin/smtpd]: 43 messages lost due to rate-limiting (500 allowed within 5 seconds)", 43),
        ("rsyslogd", "imjournal: begin to drop messages due to rate-limiting", 1),
        ("rsyslogd", "imjournal: 52011 messages lost due to rate-limiting (20000 allowed within 600 seconds)", 52011),
        ("rsyslogd", "imjournal: 1 message lost due to rate-limiting (20000 allowed within 600 seconds)", 1),
        ("rsyslogd", "imfile: 300 lines lost due to rate-limiting (100 allowed within 1 seconds)", 300),
        ("rsyslogd", "imptcp: 77 messages lost due to rate-limiting (10000 allowed within 5 seconds)", 77),
        ("rsyslogd", "imjournal: 0 messages lost due to rate-limiting", 0),
        ("rsyslogd", "message repeated 2 times: [ imuxsock lost 5 messages from pid 42 due to rate-limiting]", 5),
        ("rsyslogd", "action 'action-8-builtin:omfile' (module 'builtin:omfile') message lost, could not be processed. Check for additional errors", 1),
        ("rsyslogd", "file '/var/log/mail.log'[8] write error - see https://rsyslog.example for help OS error: No space left on device", 1),
        ("rsyslogd-pstats", "imuxsock: origin=imuxsock submitted=7000 ratelimit.discarded=12 ratelimit.numratelimiters=3", 1),
        ("rsyslogd-pstats", "imuxsock: origin=imuxsock submitted=7000 ratelimit.discarded=0 ratelimit.numratelimiters=3", 0),
        ("rsyslogd-pstats", "main Q: origin=core.queue size=0 enqueued=90 full=2 discarded.full=0 discarded.nf=3 maxqsize=50", 1),
        ("rsyslogd-pstats", '{ "name": "imuxsock", "submitted": 7, "ratelimit.discarded": 5 }', 1),
        ("rsyslogd-pstats", '{ "name": "imuxsock", "submitted": 7, "ratelimit.discarded": 0 }', 0),
        ("rsyslogd", "action 'action-8-builtin:omfwd' suspended (module 'builtin:omfwd'), next retry is", 0),
        ("rsyslogd", '[origin software="rsyslogd" swVersion="8.2312.0" x-pid="1"] rsyslogd was HUPed', 0),
        ("rsyslogd", "invalid line 'imuxsock lost 5 messages from pid 1' in the configuration", 0),
        ("rsyslogd", "dropped 5 connections", 0),
        # syslog-ng
        ("syslog-ng", "Destination queue full, dropping message; queue_len='10000', mem_fifo_size='10000'", 1),
        ("syslog-ng", "Destination queue full, dropping messages; queue_len='10000'", 1),
        ("syslog-ng", "Destination reliable queue full, dropping message; filename='/var/lib/q.rqf'", 1),
        ("syslog-ng", "Message(s) dropped while sending message to destination; driver='d_mail#0', worker_index='0'", 1),
        ("syslog-ng", "Log statistics; processed='center(queued)=50', dropped='dst.file(d_mail#0,/var/log/mail.log)=10'", 1),
        ("syslog-ng", "Log statistics; processed='center(queued)=50', dropped='dst.file(d_mail#0,/var/log/mail.log)=0'", 0),
        ("syslog-ng", "Log statistics; suppressed='dst.file(d_mail#0)=12', processed='src.internal(s_src#1)=3'", 0),
        ("syslog-ng", "Syslog connection broken; error='5 messages lost'", 0),
        # journald
        ("systemd-journald", "Suppressed 812 messages from postfix.service", 812),
        ("systemd-journald", "Suppressed 812 messages from postfix@-.service", 812),
        ("systemd-journald", "Suppressed 812 messages from /system.slice/system-postfix.slice/postfix@-.service", 812),
        ("systemd-journald", "Suppressed 812 messages from /system.slice/sshd.service", 0),
        ("systemd-journald", "Suppressed 812 messages from opensmtpd.service", 812),
        ("systemd-journald", "Suppressed 812 messages from sendmail.service", 812),
        ("systemd-journald", "Forwarding to syslog missed 5 messages.", 5),
        ("systemd-journald", "Missed 12 kernel messages", 0),
        ("systemd-journald", "Failed to write entry (9 items, 300 bytes), ignoring: No space left on device", 1),
        ("systemd-journald", "Vacuuming done, freed 8.0M of archived journals from /var/log/journal.", 0),
        # BSD
        ("syslogd", "/var/log/maillog: No space left on device", 1),
        ("syslogd", "last message repeated 12 times", 0),
        ("syslogd[77]", "dropped 23 messages to remote loghost", 23),
        ("sendsyslog", "dropped 2 messages, error 57, pid 123", 2),
        # what mail servers write is theirs, and the remote side's
        ("exim", "imuxsock lost 512 messages from pid 42 due to rate-limiting", 0),
        ("sm-mta", "58HE3CaB004711: to=<b@customer.example>, stat=Deferred: 512 messages lost due to rate-limiting", 0),
        ("smtpd", 'mta delivery result="TempFail" stat="450 Suppressed 812 messages from postfix.service"', 0),
        ("kernel", "imuxsock lost 512 messages from pid 42 due to rate-limiting", 0),
    ],
)  # fmt: skip
def test_loggers_say_what_they_lost(program: str, text: str, expected: int) -> None:
    assert lost_messages(program, text.encode()) == expected


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"Log statistics; ", b"message repeated 2 times: [", b"lost ", b"9" * 300 + b" messages "]),
)
def test_no_text_of_a_logger_raises(text: bytes, head: bytes) -> None:
    for program in LOGGERS:
        assert lost_messages(program, (head + text) * 30) >= 0
