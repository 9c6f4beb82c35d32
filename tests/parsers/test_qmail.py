"""qmail: traps of the format, and laws that hold for any cut of any log."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_forms import FORMS, fragments, outcomes, prove_a_form
from support import FORMATS, assembled, defects, observations, read, statements

from forensics.model import Defect, Observation, Span
from forensics.parsers.qmail import PARSER, queue, servers

SAMPLES = sorted((FORMATS / "qmail").glob("*.log"))
EPOCH = 1_758_117_792


def multilog(*texts: str) -> bytes:
    return "".join(f"@{0x400000000000000A + EPOCH + number:016x}149aa0b0 {text}\n" for number, text in enumerate(texts)).encode()


def splogger(*texts: str) -> bytes:
    return "".join(f"Sep 17 16:03:12 mx1 qmail: {EPOCH + number}.345678 {text}\n" for number, text in enumerate(texts)).encode()


def message(number: int, delivery: int, to: str, result: str = "success: ok/") -> list[str]:
    return [
        f"new msg {number}", f"info msg {number}: bytes 9 from <a@acme.example> qp 1 uid 2",
        f"starting delivery {delivery}: msg {number} to remote {to}", f"delivery {delivery}: {result}", f"end msg {number}",
    ]  # fmt: skip


def told_of(*files: bytes) -> list[tuple[str, str]]:
    return outcomes(PARSER, *files)


def told(data: bytes) -> list[tuple[str, str]]:
    return outcomes(PARSER, data)


def placeless(found: list[Observation]) -> list[str]:
    """Observations without places and doubts, and with times instead of stamps: where a message crosses files, those name one of them."""
    nowhere = Span("", "", 0, 0)
    return sorted(
        repr(
            dataclasses.replace(
                one,
                span=nowhere,
                facts=tuple(fact for fact in one.facts if fact[0] != "server_unnamed"),
                recipients=tuple(
                    sorted((dataclasses.replace(r, start=-1, end=-1, stamp="") for r in one.recipients), key=lambda r: r.address)
                ),
            )
        )
        for one in found
    )


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("success: 192.0.2.25_accepted_message./Remote_host_said:_250_ok/", "delivered"),
        ("success: did_1+0+0/", "delivered"),
        ("success: did_0+0+1/", "delivered"),
        ("success: did_1+1+0/qp_8/", "delivered"),
        ("success: did_0+1+0/qp_8/", "accepted"),
        ("success: did_0+2+0/qp_8/", "accepted"),
        ("failure: Sorry,_no_mailbox_here_by_that_name._(#5.1.1)/", "bounced"),
        ("failure: 192.0.2.25_does_not_like_recipient./Remote_host_said:_550_x_after_I_sent_the_message/", "bounced"),
        ("failure: 192.0.2.25_failed_after_I_sent_the_message./Remote_host_said:_554_no/", "refused_after_data"),
        ("deferral: 192.0.2.25_failed_after_I_sent_the_message./Remote_host_said:_451_no/", "refused_after_data"),
        ("deferral: delivery_7:_success:_ok/", "deferred"),
        ("report mangled, will defer", "deferred"),
    ],
)
def test_what_became_of_a_copy(result: str, expected: str) -> None:
    data = multilog(*message(5, 7, "bob@customer.example", result))
    assert told(data) == [("bob@customer.example", expected)]
    assert defects(PARSER, data) == []


@pytest.mark.parametrize(
    ("text", "mail", "broken"),
    [
        ("new msg 5", 1, 0),
        ("new msg", 0, 1),
        ("new ms", 0, 1),
        ("new", 0, 1),
        ("new msg 5x", 0, 1),
        ("new msg " + "9" * 30, 0, 1),
        ("info msg 5: bytes 9 from <a@acme.example> qp 1 uid 2", 1, 0),
        ("info msg 5: bytes 9 from <> qp 1 uid 2", 1, 0),
        ("info msg 5: bytes 9 from <a>_qp_8@acme.example> qp 1 uid 2", 1, 0),
        ("info msg 5 bytes 9 from <a@acme.example> qp 1 uid 2", 0, 1),
        ("info msg 5: bytes 9 from <a@acme.exam", 0, 1),
        ("starting delivery 7: msg 5 to remote b@customer.example", 1, 0),
        ("starting delivery 7: msg 5 to remote", 0, 1),
        ("starting delivery 7: msg 5 to nowhere b@customer.example", 0, 1),
        ("starting delivery 7: msg 5 to remote b c@customer.example", 0, 1),
        ("starting delivery 7 msg 5 to remote b@customer.example", 0, 1),
        ("delivery 7: success: ok/", 1, 0),
        ("delivery 7: succes", 0, 1),
        ("delivery : success: ok/", 0, 1),
        ("end msg 5", 1, 0),
        ("bounce msg 5 qp 8", 1, 0),
        ("bounce msg 5 qp", 0, 1),
        ("triple bounce: discarding bounce/5", 1, 0),
        ("triple bounce: discarding", 0, 1),
        ("status: local 0/10 remote 1/20", 0, 0),
        ("status: exiting", 0, 0),
        ("warning: starting delivery 7: msg 5 to remote b@customer.example", 0, 0),
        ("alert: unable to append to bounce message; HELP! sleeping...", 0, 0),
    ],
)
@pytest.mark.parametrize("log", [multilog, splogger])
def test_lines_and_near_misses(text: str, mail: int, broken: int, log: Callable[..., bytes]) -> None:
    data = log(text)
    assert (len(observations(PARSER, data)), len(defects(PARSER, data))) == (mail, broken)
    found = statements(PARSER, data)[-1]
    assert (found.value, found.rows) == (1, int(not mail and not broken))


@pytest.mark.parametrize(
    ("before", "stamp"),
    [
        ("@4000000068cabfaa149aa0b0 ", "2025-09-17T14:03:12.345678Z"),
        ("2025-09-17 16:03:12.345678912 ", "2025-09-17T16:03:12.345678"),
        ("1758117792.345678 ", "2025-09-17T14:03:12.345678Z"),
        ("Sep 17 16:03:12 mx1 qmail: 1758117792.345678 ", "2025-09-17T14:03:12.345678Z"),
        ("Sep 17 16:03:12 mx1 qmail: ", "--09-17T16:03:12"),
        ("2025-09-17T16:03:12+02:00 mx1 qmail: 1758117792.345678 ", "2025-09-17T14:03:12.345678Z"),
        ("Sep 17 16:03:12 mx1 qmail[9]: 1758117792.345678 ", "2025-09-17T14:03:12.345678Z"),
    ],
)
def test_times(before: str, stamp: str) -> None:
    (one,) = observations(PARSER, (before + "new msg 5\n").encode())
    assert one.stamp == stamp
    if stamp.endswith("Z"):
        assert [(r.at, r.slack) for r in one.readings] == [(datetime(2025, 9, 17, 14, 3, 12, 345678, tzinfo=UTC), 0)]


@pytest.mark.parametrize(
    "before",
    [
        "@4000000068cabfaa149aa0b ", "@4000000068cabfaa149aa0bz ", "@4000000068cabfaaffffffff ", "@0000000000000000149aa0b0 ",
        "@7fffffffffffffff149aa0b0 ", "2025-09-17 16:99:12 ", "99999.5 ", "Sep 17 16:03:12 mx1 sshd[1]: qmail: ", "x ",
    ],
)  # fmt: skip
def test_a_line_without_a_time_of_qmail_names_nobody(before: str) -> None:
    data = (before + "starting delivery 7: msg 5 to remote b@customer.example\n").encode()
    assert told(data) == []
    tally = statements(PARSER, data)[-1]
    assert len(defects(PARSER, data)) + tally.rows == tally.value == 1


def test_a_number_used_again_is_another_message() -> None:
    first, again = message(5, 1, "a@customer.example"), message(5, 2, "b@customer.example")
    for texts in (first + again, first[:-1] + again, first + again[:-1]):
        found = observations(PARSER, multilog(*texts))
        assert sorted([r.address for r in one.recipients] for one in found) == [["a@customer.example"], ["b@customer.example"]]
        assert len({one.ids for one in found}) == 2


def test_a_result_goes_to_the_delivery_that_this_daemon_began() -> None:
    slow = message(5, 900, "slow@customer.example")[:3]
    texts = [*slow, *message(6, 1, "b@customer.example"), "delivery 900: success: of_nobody_here/"]
    assert told(multilog(*texts)) == [("b@customer.example", "delivered"), ("slow@customer.example", "accepted")]
    texts = [*slow, *message(6, 901, "b@customer.example"), "delivery 900: success: late/"]
    assert told(multilog(*texts)) == [("b@customer.example", "delivered"), ("slow@customer.example", "delivered")]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (10, "delivered"),
        (86_000, "delivered"),
        (-30, "delivered"),
        (-3_000, "accepted"),
        (90_000, "accepted"),
        (-90_000, "accepted"),
    ],
)
def test_a_result_in_another_file_comes_soon_after(later: int, expected: str) -> None:
    first = multilog(*message(5, 7, "a@customer.example")[:3])
    second = f"@{0x400000000000000A + EPOCH + later:016x}149aa0b0 delivery 7: success: ok/\n".encode()
    assert told_of(first, second) == [("a@customer.example", expected)]


@pytest.mark.parametrize(("later", "expected"), [(-3_000, "delivered"), (-4_000, "accepted"), (-90_000, "accepted")])
def test_local_time_may_be_put_back_by_an_hour(later: int, expected: str) -> None:
    def local(second: int, text: str) -> bytes:
        return f"{datetime.fromtimestamp(EPOCH + second, UTC):%Y-%m-%d %H:%M:%S}.345678500 {text}\n".encode()

    first = b"".join(local(0, text) for text in message(5, 7, "a@customer.example")[:3])
    assert told_of(first, local(later, "delivery 7: success: ok/")) == [("a@customer.example", expected)]


def test_a_result_after_its_message_ended_is_of_nobody() -> None:
    texts = [*message(5, 7, "a@customer.example")[:3], "end msg 5", "delivery 7: success: late/"]
    assert told(multilog(*texts)) == [("a@customer.example", "accepted")]


def test_hosts_have_queues_of_their_own() -> None:
    one, other = splogger(*message(5, 7, "a@customer.example")[:3]), splogger("delivery 7: failure: x/", "end msg 5")
    assert told(one + other.replace(b"mx1", b"mx2")) == [("a@customer.example", "accepted")]
    assert told(one + other) == [("a@customer.example", "bounced")]


def test_a_refusal_after_data_is_not_undone_by_a_later_bounce() -> None:
    first = message(5, 7, "a@customer.example", "deferral: 192.0.2.25_failed_after_I_sent_the_message./x/")[:-1]
    later = ["starting delivery 8: msg 5 to remote a@customer.example", "delivery 8: failure: expired/", "end msg 5"]
    assert told(multilog(*first, *later)) == [("a@customer.example", "refused_after_data")]


def test_a_bounce_is_linked_by_the_process_that_queued_it() -> None:
    found = observations(PARSER, (FORMATS / "qmail" / "syslog-bounces.log").read_bytes())
    facts = [dict(one.facts) for one in found]
    assert [(one["qp"], one.get("bounced_as"), one.get("bounce")) for one in facts] == [
        ("77", "qp 81", None), ("81", "qp 82", None), ("82", None, "triple, discarded"),
    ]  # fmt: skip


def test_a_virtual_domain_gives_the_address_back() -> None:
    texts = [
        "starting delivery 7: msg 5 to local acme.example-zoe@acme.example",
        "starting delivery 8: msg 5 to remote acme.example-b@acme.example",
    ]
    (one,) = observations(PARSER, multilog(*texts))
    assert [(r.address, r.original) for r in one.recipients] == [
        ("acme.example-zoe@acme.example", "zoe@acme.example"), ("acme.example-b@acme.example", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "last", ["starting delivery 8: msg 5 to remote b@customer.ex", "end msg 5", "new msg 5", "bounce msg 5 qp 8"]
)
def test_a_last_line_without_end_names_nobody_and_ends_nothing(last: str) -> None:
    data = multilog(*message(57, 7, "a@customer.example")[:-1], last)
    assert (len(observations(PARSER, data)), len(defects(PARSER, data))) == (2, 0)
    assert (len(observations(PARSER, data[:-1])), len(defects(PARSER, data[:-1]))) == (1, 1)
    for block in (1, 7, 100):
        assert read(PARSER, data[:-1], block=block) == read(PARSER, data[:-1])


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (multilog("new msg 5"), True),
        (b"cut\n" + multilog("status: local 0/10 remote 0/20", "end msg 5"), True),
        (splogger("new msg 5"), True),
        (multilog("tcpserver: status: 0/40"), False),
        (b"Subject: our log\n\n" + multilog("new msg 5", "new msg 6"), False),
        (b"see:\n" * 3 + multilog("new msg 5"), False),
        (b"new msg 5\n", False),
        (b"", False),
    ],
)
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "current") is expected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_log_split_into_files_tells_the_same(path: Any) -> None:
    rows = path.read_bytes().splitlines(keepends=True)
    whole = placeless(observations(PARSER, b"".join(rows)))
    for at in range(1, len(rows)):
        assert placeless(observations(PARSER, b"".join(rows[:at]), b"".join(rows[at:]))) == whole


# --- forms


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("log", [multilog, splogger])
def test_any_form_of_a_log_tells_the_same(form: str, log: Callable[..., bytes]) -> None:
    plain = log(*message(5, 7, "b@customer.example"), *message(5, 8, "eve@collector.example", "deferral: x/")[:-1])
    prove_a_form(PARSER, plain, form, lambda row: ("qmail", row.partition(" qmail: ")[2] or row))


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_last_line_without_end_is_cut_in_two_bytes_too(codec: str) -> None:
    data = multilog(*message(57, 7, "a@customer.example")[:-1], "starting delivery 8: msg 5 to remote b@customer.ex").decode()
    whole, cut = (("\ufeff" + text).encode(codec) for text in (data, data[:-1]))
    assert (len(observations(PARSER, whole)), len(defects(PARSER, whole))) == (2, 0)
    assert (len(observations(PARSER, cut)), len(defects(PARSER, cut))) == (1, 1)


def test_a_container_gives_the_time_that_the_line_has_not() -> None:
    data = b"2025-09-17T14:03:12.3Z stdout F starting delivery 7: msg 5 to remote b@customer.example\n"
    (one,) = observations(PARSER, data)
    assert (one.recipients[0].address, one.stamp) == ("b@customer.example", "2025-09-17T14:03:12.3Z")


# --- servers without names


def later(data: bytes, seconds: int) -> bytes:
    """The same log, written so much later."""
    return re.sub(rb"@([0-9a-f]{16})", lambda match: b"@%016x" % (int(match[1], 16) + seconds), data)


def doubts(found: list[Observation]) -> list[tuple[str, str]]:
    """Recipients, and what is not sure of the server."""
    return sorted((r.address, dict(one.facts).get("server_unnamed", "")) for one in found for r in one.recipients)


A, B = message(5, 40, "a@customer.example"), message(5, 90, "b@customer.example")
END = ["delivery {}: failure: no/", "end msg 5"]
JOINED, APART = "joined across files that may be of two servers", "the rest may lie in another of the logs without a host"


def test_files_of_one_server_join_where_the_count_of_deliveries_goes_on() -> None:
    first = multilog(*A[:3])
    second = later(multilog(*message(6, 41, "c@customer.example"), *(text.format(40) for text in END)), 3600)
    found = observations(PARSER, first, second)
    assert doubts(found) == [("a@customer.example", ""), ("c@customer.example", "")]
    assert told_of(first, second) == [("a@customer.example", "bounced"), ("c@customer.example", "delivered")]


def test_a_gap_in_the_count_is_told_of_what_lies_on_both_sides_of_it() -> None:
    first = multilog(*A[:3])
    for delivery in (1, 39, 77):  # a daemon begun anew, another server's, files that are missing
        second = later(multilog(*message(6, delivery, "c@customer.example"), "end msg 5"), 3600)
        assert doubts(observations(PARSER, first, second)) == [("a@customer.example", JOINED), ("c@customer.example", "")]


def test_logs_of_the_same_time_are_of_two_servers() -> None:
    one = multilog(*A[:3]) + later(multilog(*message(9, 41, "x@customer.example")), 7200)
    other = later(multilog(*B[:3]), 120) + later(multilog(*message(9, 91, "y@customer.example")), 7300)
    found = observations(PARSER, one, other)
    assert doubts(found) == [
        ("a@customer.example", APART), ("b@customer.example", APART), ("x@customer.example", ""), ("y@customer.example", ""),
    ]  # fmt: skip
    assert len({ids for one in found for ids in one.ids}) == 4


def test_each_of_two_servers_goes_on_in_its_own_next_file() -> None:
    logs = [
        multilog(*A[:3]) + later(multilog("bounce msg 5 qp 7"), 7200),
        later(multilog(*B[:3]), 60) + later(multilog("bounce msg 5 qp 8"), 7300),
        later(multilog(*message(6, 91, "d@customer.example"), *(text.format(90) for text in END)), 12_000),
        later(multilog(*message(6, 41, "c@customer.example"), "delivery 40: success: ok/", "end msg 5"), 12_060),
    ]
    assert told_of(*logs) == [
        ("a@customer.example", "delivered"), ("b@customer.example", "bounced"),
        ("c@customer.example", "delivered"), ("d@customer.example", "delivered"),
    ]  # fmt: skip
    assert doubts(observations(PARSER, *logs)) == [
        ("a@customer.example", ""), ("b@customer.example", ""), ("c@customer.example", ""), ("d@customer.example", ""),
    ]  # fmt: skip


def test_a_file_that_may_go_on_with_two_logs_goes_on_with_none() -> None:
    logs = [
        multilog(*A[:3]) + later(multilog("bounce msg 5 qp 7"), 7200),
        later(multilog(*B[:3]), 60) + later(multilog("bounce msg 5 qp 8"), 7300),
        later(multilog(*message(6, 1, "c@customer.example"), "end msg 5"), 12_000),
    ]
    found = observations(PARSER, *logs)
    assert doubts(found) == [("a@customer.example", APART), ("b@customer.example", APART), ("c@customer.example", "")]
    assert sum(not one.recipients for one in found) == 1  # the end of a message of which nothing else is known


def test_hosts_that_are_named_are_never_in_doubt() -> None:
    first, second = splogger(*A[:3]), splogger(*message(6, 1, "c@customer.example"), "end msg 5")
    assert doubts(observations(PARSER, first, second)) == [("a@customer.example", ""), ("c@customer.example", "")]


def test_very_many_logs_without_a_host_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_MOST", 3)
    logs = [later(multilog(*message(5, 10 * number + 7, f"r{number}@customer.example")[:3]), number) for number in range(20)]
    logs = [data + later(multilog("bounce msg 5 qp 7"), 90_000 + number) for number, data in enumerate(logs)]
    assert [address for address, _ in told_of(*logs)] == sorted(f"r{number}@customer.example" for number in range(20))


# --- laws


_EVENTS = st.one_of(
    st.tuples(st.sampled_from(["new msg {0}", "end msg {0}", "info msg {0}: bytes 9 from <s@acme.example> qp 1 uid 2", "bounce msg {0} qp 8"]), st.integers(1, 3), st.just(0)),
    st.tuples(st.sampled_from(["starting delivery {1}: msg {0} to remote r{0}@customer.example", "starting delivery {1}: msg {0} to remote R@customer.example"]), st.integers(1, 3), st.integers(1, 4)),
    st.tuples(st.sampled_from(["delivery {1}: success: ok/", "delivery {1}: failure: no/", "delivery {1}: deferral: x/", "delivery {1}: success: did_0+1+0/"]), st.just(0), st.integers(1, 4)),
    st.just(("status: exiting", 0, 0)),
).map(lambda one: one[0].format(*one[1:]))  # fmt: skip
_LOGS = st.lists(_EVENTS, max_size=30)


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(_LOGS, st.integers(1, 400), st.integers(1, 6))
def test_any_cut_and_any_bound_tell_the_same(texts: list[str], cut: int, bound: int) -> None:
    data = multilog(*texts)
    expected = sorted(map(repr, observations(PARSER, data)))
    assert sorted(map(repr, observations(PARSER, data, cut=cut))) == expected
    with pytest.MonkeyPatch.context() as patch:  # letting go early changes nothing
        patch.setattr(queue, "EVENT_LIMIT", bound)
        pieces = read(PARSER, data)
    assert sorted(map(repr, assembled(PARSER, fragments(pieces)))) == expected


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS, st.integers(0, 30), st.integers(0, 30))
def test_any_rotation_tells_the_same(texts: list[str], first: int, second: int) -> None:
    rows = multilog(*texts).splitlines(keepends=True)
    one, other = sorted((first, second))
    files = [b"".join(part) for part in (rows[:one], rows[one:other], rows[other:]) if part]
    assert placeless(observations(PARSER, *files)) == placeless(observations(PARSER, b"".join(rows)))


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"\n", b"\r\n", b"\0"]), _EVENTS.map(lambda text: multilog(text)[:-1])), max_size=12),
    st.integers(1, 50),
)  # fmt: skip
def test_no_bytes_raise_and_every_line_counts(parts: list[bytes], cut: int) -> None:
    data = b"".join(parts)
    records = read(PARSER, data)
    assembled(PARSER, fragments(records))
    PARSER.sniff(data, "")
    rows = data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    assert sum(one.value for one in statements(PARSER, data)) == rows
    apart = read(PARSER, data, cut=cut)
    assert sorted(one.span for one in apart if isinstance(one, Defect)) == sorted(
        one.span for one in records if isinstance(one, Defect)
    )


_START = re.compile(r"starting delivery (\d+): msg (\d+) to remote (\S+)")
_RESULT = re.compile(r"delivery (\d+): (\w+): (\S+)")


def slow(texts: list[str]) -> list[tuple[str, str, str]]:
    """Recipients of each message and the last word on each delivery, by a dumb reader: message, address, outcome."""
    words = {"success": "delivered", "failure": "bounced", "deferral": "deferred"}
    found: list[list[str]] = []
    under_way: dict[int, int] = {}
    turn, last, life = {}, 0, 0
    for text in texts:
        number = re.fullmatch(r"(?:new|end) msg (\d+)", text)
        if number:
            under_way = {d: i for d, i in under_way.items() if found[i][0].split(".")[0] != number[1]}
            life += 1
            turn[number[1]] = life
        elif start := _START.fullmatch(text):
            if int(start[1]) <= last:
                under_way = {}
            last = int(start[1])
            under_way[last] = len(found)
            found.append([f"{start[2]}.{turn.get(start[2], 0)}", start[3].lower(), "accepted"])
        elif (result := _RESULT.fullmatch(text)) and int(result[1]) in under_way:
            outcome = "accepted" if result[3].startswith("did_0+1") else words[result[2]]
            found[under_way.pop(int(result[1]))][2] = outcome
    best: dict[tuple[str, str], str] = {}
    for one, address, outcome in found:
        if best.get((one, address)) != "delivered":
            best[one, address] = outcome
    return sorted((one.split(".")[0], address, outcome) for (one, address), outcome in best.items())


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(_LOGS)
def test_a_slow_reader_finds_the_same_recipients(texts: list[str]) -> None:
    fast = [
        (re.sub(r"queue:(\d+)@.*", r"\1", one.ids[0]), r.address, r.outcome.value)
        for one in observations(PARSER, multilog(*texts))
        for r in one.recipients
    ]
    assert sorted(fast) == slow(texts)


def test_hostile_lines_take_linear_time() -> None:
    for data in (
        multilog("starting delivery 7: msg 5 to remote " + "<" * 900_000),
        multilog("delivery 7: success: " + "_after_I_sent_the_message" * 30_000),
        multilog("info msg 5: bytes 9 from <" + "> qp " * 200_000),
        b"@" * 3_000_000,
        b"Sep 17 16:03:12 mx1 qmail: " * 30_000,
    ):
        assert statements(PARSER, data)[-1].value >= 1


def test_a_log_of_open_messages_is_bounded() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "EVENT_LIMIT", 10)
        found = observations(PARSER, multilog(*[f"new msg {number}" for number in range(1, 300)]))
    assert len(found) == 299
    assert not any(one.recipients for one in found)
