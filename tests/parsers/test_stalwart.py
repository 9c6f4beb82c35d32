"""Stalwart: traps of the format, and laws that hold for any cut of any log."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_forms import FORMS as LOG_FORMS
from log_forms import by, fragments, outcomes, prove_a_form, texts
from support import FORMATS, assembled, defects, observations, read, statements

from forensics.model import Defect, Direction, Statement
from forensics.parsers.stalwart import PARSER, reading
from forensics.parsers.stalwart.records import values

SAMPLES = sorted((FORMATS / "stalwart").glob("*.log"))
Event = tuple[str, list[tuple[str, Any]]]


class Bare(str):
    """A value written without quotes."""

    __slots__ = ()


def written(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str) and not isinstance(value, Bare):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return str(value)


def single(*events: Event) -> bytes:
    return "".join(
        f"2025-09-17T14:03:12Z INFO Some text ({name}) " + ", ".join(f"{key} = {written(value)}" for key, value in fields) + "\n"
        for name, fields in events
    ).encode()


def multi(*events: Event) -> bytes:
    return "".join(
        f"2025-09-17T14:03:12Z INFO Some text ({name})\n" + "".join(f"\t{key} = {written(value)}\n" for key, value in fields)
        for name, fields in events
    ).encode()


def coloured(*events: Event) -> bytes:
    return "".join(
        f"\x1b[2m2025-09-17T14:03:12Z\x1b[0m \x1b[32mINFO\x1b[0m Some text (\x1b[3m{name}\x1b[0m) "
        + ", ".join(f"\x1b[3m{key}\x1b[0m = {written(value)}" for key, value in fields)
        + "\n"
        for name, fields in events
    ).encode()


FORMS: list[Callable[..., bytes]] = [single, multi, coloured]


def queued(number: int, *to: str, name: str = "queue.message-queued", port: int = 1) -> Event:
    peer = [("remoteIp", Bare("192.0.2.10")), ("remotePort", port)]
    return name, [*peer, ("queueId", number), ("from", "s@acme.example"), ("to", list(to)), ("size", 9)]


def outcome(number: int, event: str, to: str, code: int = 250, details: str = "ok") -> Event:
    own = [("hostname", "mx.example"), ("to", to), ("code", code), ("details", details)]
    return f"delivery.{event}", [("queueId", number), ("from", "s@acme.example"), ("to", ["x@acme.example", to]), *own]


def session(event: str, key: str = "", address: str = "", port: int = 1) -> Event:
    own = [(key, address)] if key else []
    return f"smtp.{event}", [("remoteIp", Bare("192.0.2.10")), ("remotePort", port), *own]


def told(data: bytes) -> list[tuple[str, str]]:
    return outcomes(PARSER, data)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("event", "code", "expected"),
    [
        ("delivered", 250, "delivered"), ("dsn-success", 250, "delivered"), ("dsn-perm-fail", 550, "bounced"),
        ("dsn-temp-fail", 450, "deferred"), ("rcpt-to-rejected", 550, "bounced"), ("rcpt-to-rejected", 450, "deferred"),
        ("failed", 0, "bounced"), ("message-rejected", 554, "refused_after_data"), ("attempt-end", 250, "accepted"),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(form: Callable[..., bytes], event: str, code: int, expected: str) -> None:
    hostile = 'no", to = "forged@customer.example", code = 250\n\tto = ["forged@customer.example"]'
    data = form(queued(9, "bob@customer.example", "x@acme.example"), outcome(9, event, "bob@customer.example", code, hostile))
    assert told(data) == [("bob@customer.example", expected), ("x@acme.example", "accepted")]
    assert defects(PARSER, data) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("Bob@Customer.example", "bob@customer.example"),
        ('"a, b"@customer.example', '"a, b"@customer.example'),
        ('"x\\"]"@customer.example', '"x\\"]"@customer.example'),
        ('"], to = [f@customer.example"@customer.example', '"], to = [f@customer.example"@customer.example'),
        ("ann@müller.example", "ann@xn--mller-kva.example"),
    ],
)
def test_recipients_as_written(form: Callable[..., bytes], address: str, canonical: str) -> None:
    data = form(queued(9, address, "b@customer.example"))
    assert {one for one, _ in told(data)} == {canonical, "b@customer.example"}
    assert [one.declared for one in observations(PARSER, data)] == [2]


def test_a_repeated_list_does_not_undo_a_word() -> None:
    again = ("delivery.attempt-start", [("queueId", 9), ("to", ["a@customer.example", "b@customer.example"])])
    data = single(queued(9, "a@customer.example"), outcome(9, "dsn-perm-fail", "a@customer.example", 550), again)
    assert told(data) == [("a@customer.example", "bounced"), ("b@customer.example", "accepted")]


@pytest.mark.parametrize(("domain", "expected"), [("customer.example", "refused_after_data"), ("other.example", "bounced")])
def test_a_refusal_after_data_is_of_its_domain(domain: str, expected: str) -> None:
    refusal = ("delivery.message-rejected", [("queueId", 9), ("domain", domain), ("code", 554)])
    data = single(queued(9, "a@customer.example"), refusal, outcome(9, "dsn-perm-fail", "a@customer.example", 554))
    assert told(data) == [("a@customer.example", expected)]


def test_who_submitted_and_what_an_id_is() -> None:
    data = single(
        queued(9, "a@customer.example"),
        queued(231445678901234567, "a@customer.example", name="queue.authenticated-message-queued"),
    )
    found = {one.ids: one.direction for one in observations(PARSER, data)}
    assert found == {
        ("queue:9@2025-09-17T14:03:12Z",): Direction.UNKNOWN, ("queue:231445678901234567",): Direction.SUBMITTED,
    }  # fmt: skip


def test_a_session_is_told_of_only_where_nothing_was_queued() -> None:
    opening = [session("mail-from", "from", "s@acme.example"), session("rcpt-to", "to", "a@customer.example")]
    whole = [*opening, queued(9, "a@customer.example")]
    assert [one.kind for one in observations(PARSER, single(*whole))] == ["queue"]
    assert [one.kind for one in observations(PARSER, single(*opening))] == ["session"]
    assert sorted(one.kind for one in observations(PARSER, single(*opening, *whole))) == ["queue", "session"]
    assert sorted(one.kind for one in observations(PARSER, single(*opening, session("rset"), queued(9, "b@x.example")))) == [
        "queue",
        "session",
    ]
    other = [*opening, queued(9, "b@customer.example", port=2)]
    assert sorted(one.kind for one in observations(PARSER, single(*other))) == ["queue", "session"]


@pytest.mark.parametrize("at", [1, 2])
def test_a_session_in_one_file_is_queued_in_the_next(at: int) -> None:
    events = [
        session("mail-from", "from", "s@acme.example"),
        session("rcpt-to", "to", "a@customer.example"),
        queued(9, "a@customer.example"),
    ]
    assert [one.kind for one in observations(PARSER, single(*events[:at]), single(*events[at:]))] == ["queue"]


@pytest.mark.parametrize("name", ["mailbox-does-not-exist", "relay-not-allowed"])
def test_a_refused_recipient_is_a_record_of_its_own(name: str) -> None:
    data = single(session(name, "to", "nobody@acme.example"))
    assert [one.kind for one in observations(PARSER, data)] == ["reject"]
    assert told(data) == [("nobody@acme.example", "rejected")]


HEAD = "2025-09-17T14:03:12Z INFO Queued ("


@pytest.mark.parametrize(
    ("text", "mail", "broken"),
    [
        (HEAD + 'queue.message-queued) queueId = 9, to = ["a@customer.example"]', 1, 0),
        (HEAD + 'queue.message-queued) queueId = 9, to = "a@customer.example"', 1, 0),
        (HEAD + 'queue.message-queued) queueId = 9, odd = {x = [1]}, to = ["a@customer.example"]', 0, 1),
        (HEAD + 'queue.message-queued) queueId = 9, to = ["a@customer.example", "b@cust', 0, 1),
        (HEAD + 'queue.message-queued) queueId = 9, to = "a@custom', 0, 1),
        (HEAD + "queue.message-queued) queueId = 9, to = []", 0, 1),
        (HEAD + 'queue.message-queued) to = ["a@customer.example"]', 0, 1),
        (HEAD + 'queue.message-queued) queueId = "../x", to = ["a@customer.example"]', 0, 1),
        (HEAD + "queue.message-que", 0, 1),
        (HEAD + 'queue.locked) queueId = 9, to = ["a@customer.example"]', 0, 0),
        (HEAD + 'delivery.mx-lookup) queueId = 9, to = ["a@customer.example"]', 0, 0),
        (HEAD + 'delivery.delivered) to = "a@customer.example"', 0, 1),
        (HEAD + 'smtp.invalid-ehlo) domain = "x (queue.message-queued) queueId = 9, to = [a@customer.example]"', 0, 0),
        ('LOUD Queued (queue.message-queued) queueId = 9, to = ["a@customer.example"]', 0, 1),
        ("INFO nothing (store.cache-miss) id = 7", 0, 0),
        ("Sep 17 16:03:12 mx1 sshd[1]: " + HEAD + 'queue.message-queued) queueId = 9, to = ["a@customer.example"]', 0, 0),
        ("Sep 17 16:03:12 mx1 stalwart[1]: " + HEAD + 'queue.message-queued) queueId = 9, to = ["a@customer.example"]', 1, 0),
    ],
)
def test_lines_and_near_misses(text: str, mail: int, broken: int) -> None:
    data = (text + "\n").encode()
    assert (len(observations(PARSER, data)), len(defects(PARSER, data))) == (mail, broken)
    tally = statements(PARSER, data)[-1]
    assert (tally.value, tally.rows) == (1, int(not mail and not broken))


def test_delivered_without_an_address_names_nobody() -> None:
    several = ("delivery.delivered", [("queueId", 9), ("to", ["a@customer.example", "b@customer.example"])])
    (one,) = observations(PARSER, single(several))
    assert one.recipients == ()
    assert dict(one.facts)["unassigned"] == "delivered"


def test_a_record_on_very_many_lines_is_a_defect_and_counted() -> None:
    data = multi(queued(9, "a@customer.example")) + b"\tx = 1\n" * 200_000 + single(queued(8, "b@customer.example"))
    assert told(data) == [("b@customer.example", "accepted")]
    assert len(defects(PARSER, data)) == 1
    assert statements(PARSER, data)[-1].value == data.count(b"\n")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (single(queued(9, "a@customer.example")), True),
        (multi(queued(9, "a@customer.example")), True),
        (coloured(queued(9, "a@customer.example")), True),
        (b"\tto = x\n" + multi(queued(9, "a@customer.example")), True),
        (b"Subject: our log\n\n" + single(queued(9, "a@customer.example")), False),
        (b"see:\n" * 3 + single(queued(9, "a@customer.example")), False),
        (b"2025-09-17T14:03:12Z INFO request handled\n", False),
        (b"2025-09-17T14:03:12Z INFO com.acme (main.py) started\n", False),
        (b"", False),
    ],
)
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "stalwart.log") is expected


# --- forms of a log


@pytest.mark.parametrize("log_form", LOG_FORMS)
@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_a_log_tells_the_same(form: Callable[..., bytes], log_form: str) -> None:
    events = [
        session("mail-from", "from", "s@acme.example"), session("rcpt-to", "to", "a@customer.example"),
        queued(7, "a@customer.example", "eve@collector.example"), outcome(7, "delivered", "eve@collector.example"),
        session("rcpt-to", "to", "unqueued@customer.example", port=2), ("delivery.completed", [("queueId", 7)]),
    ]  # fmt: skip
    prove_a_form(PARSER, form(*events), log_form, by("stalwart"))


def test_a_sender_with_a_domain_counts_at_any_cut() -> None:
    first, second = queued(7, "a@customer.example"), outcome(7, "delivered", "a@customer.example")
    data = single((first[0], [(key, "ann" if key == "from" else value) for key, value in first[1]]), second)
    for cut in (None, 10, 100):
        assert [one.sender for one in observations(PARSER, data, cut=cut)] == ["s@acme.example"]


# --- laws

_ADDRESSES = st.sampled_from(["a@customer.example", "B@customer.example", '"x, to = [\\"y"@customer.example', "c@other.example"])
_DETAILS = st.sampled_from(
    ["ok", 'to = "forged@customer.example"', "\\", 'x\n2025-09-17T14:03:12Z INFO (queue.message-queued) to = ["forged@x"]']
)
_NUMBERS = st.integers(1, 2)
_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(lambda number, to, port: queued(number, *to, port=port), _NUMBERS, st.lists(_ADDRESSES, min_size=1, max_size=3), _NUMBERS),
    st.builds(outcome, _NUMBERS, st.sampled_from(["delivered", "dsn-perm-fail", "dsn-temp-fail", "message-rejected", "attempt-start", "completed"]), _ADDRESSES, st.just(550), _DETAILS),
    st.builds(lambda to, port: session("rcpt-to", "to", to, port), _ADDRESSES, _NUMBERS),
    st.builds(lambda port: session("mail-from", "from", "s@acme.example", port), _NUMBERS),
    st.builds(lambda to: session("mailbox-does-not-exist", "to", to), _ADDRESSES),
    st.just(("store.cache-miss", [("id", 7)])),
)  # fmt: skip
_LOGS = st.lists(_EVENTS, max_size=15)


@pytest.mark.property
@settings(max_examples=250, deadline=None)
@given(_LOGS, st.sampled_from(FORMS), st.integers(1, 500), st.integers(1, 4))
def test_any_cut_and_any_bound_tell_the_same(events: list[Event], form: Callable[..., bytes], cut: int, bound: int) -> None:
    data = form(*events)
    expected = texts(observations(PARSER, data))
    assert texts(observations(PARSER, data, cut=cut)) == expected
    apart = read(PARSER, data, cut=cut)
    assert sum(one.value for one in apart if isinstance(one, Statement)) == data.count(b"\n")
    with pytest.MonkeyPatch.context() as patch:  # letting go early changes nothing
        patch.setattr(reading, "OPEN_LIMIT", bound)
        patch.setattr(reading, "PIECE_LIMIT", bound)
        pieces = read(PARSER, data)
    assert texts(assembled(PARSER, fragments(pieces))) == expected


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS, st.integers(0, 15))
def test_any_rotation_tells_the_same(events: list[Event], at: int) -> None:
    def said(*files: bytes) -> list[Any]:
        found = observations(PARSER, *(one for one in files if one))
        return sorted((one.kind, one.ids, one.facts, sorted((r.address, r.outcome) for r in one.recipients)) for one in found)

    assert said(single(*events[:at]), single(*events[at:])) == said(single(*events))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_log_split_into_files_tells_the_same_recipients(path: Any) -> None:
    rows = re.split(rb"(?<=\n)(?!\t)", path.read_bytes())
    for at in range(1, len(rows) - 1):
        found = observations(PARSER, b"".join(rows[:at]), b"".join(rows[at:]))
        assert sorted((r.address, r.outcome.value) for one in found for r in one.recipients) == told(b"".join(rows))


_STRING = r'"(?:[^"\\]|\\.)*"'
_SLOW = re.compile(rf"(?P<key>to) = (?:\[(?P<list>(?:{_STRING}(?:, )?)*)\]|(?P<one>{_STRING}))|{_STRING}")


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS)
def test_a_slow_reader_finds_the_same_recipients(events: list[Event]) -> None:
    must, may = set[str](), set[str]()
    for row in single(*events).decode().splitlines():
        found = [one for one in _SLOW.finditer(row) if one["key"]]
        named = {"queued": found[-1:], "attempt": found[:1], "completed": [], "cache": []}
        picked = next((one for word, one in named.items() if word in row.split(")")[0]), found[-1:])
        texts_in = [part for one in picked for part in re.findall(_STRING, one["list"] or one["one"])]
        addresses = {re.sub(r"\\(.)", r"\1", part[1:-1]).lower() for part in texts_in}
        (may if "smtp.rcpt-to" in row else must).update(addresses)
    known = {address for address, _ in told(single(*events))}
    assert must <= known <= must | may
    assert not any("forged" in one for one in known)


@pytest.mark.property
@settings(max_examples=250, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60), st.sampled_from([b"\n", b"\r\n", b"\0", b"\t", b"\x1b[33m", b"\n\t", b"\n\0\0\t"]),
            st.builds(lambda form, event: form(event)[:-1], st.sampled_from(FORMS), _EVENTS),
        ),
        max_size=12,
    ),
    st.integers(1, 60),
)  # fmt: skip
def test_no_bytes_raise_and_every_line_counts(parts: list[bytes], cut: int) -> None:
    data = b"".join(parts)
    records = read(PARSER, data)
    expected = texts(assembled(PARSER, fragments(records)))
    PARSER.sniff(data, "")
    rows = data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    assert statements(PARSER, data)[-1].value == rows
    apart = read(PARSER, data, cut=cut)
    assert texts(assembled(PARSER, fragments(apart))) == expected
    assert [one.span for one in apart if isinstance(one, Defect)] == [one.span for one in records if isinstance(one, Defect)]


@pytest.mark.property
@settings(max_examples=200)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-zA-Z]{0,5}", fullmatch=True), st.one_of(st.text(), st.lists(st.text(), max_size=4)), max_size=5
    )
)
def test_values_come_back_as_written(fields: dict[str, Any]) -> None:
    text = ", ".join(f"{key} = {written(value)}" for key, value in fields.items())
    assert values(text) == {key: [value] for key, value in fields.items()}


def test_hostile_lines_take_linear_time() -> None:
    head = (HEAD + "queue.message-queued) ").encode()
    for data in (
        head + b'to = ["' + b'\\"' * 400_000 + b"\n",
        head + b"to = [" + b'"a", ' * 150_000 + b"\n",
        head + b"to = " + b"[" * 900_000 + b"\n",
        head + b"a = 1, " * 100_000 + b"\n",
        head + b", " * 400_000 + b"\n",
        b"2025-09-17T14:03:12Z INFO " + b"(" * 900_000 + b"\n",
        b"\x1b[" * 400_000,
        b"x" * 3_000_000,
        b"\t" * 900_000,
    ):
        assert statements(PARSER, data)[-1].value == 1
