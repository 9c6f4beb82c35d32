"""Haraka: traps of its three formats, and laws that hold for any cut of any log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_forms import FORMS as LOG_FORMS
from log_forms import by, forms_of, fragments, outcomes, prove_a_form, texts
from support import FORMATS, assembled, defects, observations, read, statements

from forensics.model import Defect, Direction
from forensics.parsers import haraka
from forensics.parsers.haraka import PARSER

SAMPLES = sorted((FORMATS / "haraka").glob("*.log"))
U = "5F3A21C4-0B1D-4E2F-9A3B-4C5D6E7F8091"
V = "6A3A21C4-0B1D-4E2F-9A3B-4C5D6E7F8092"
Line = tuple[str, str, str, dict[str, str]]  # uuid, origin, message, fields


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if escaped != value or " " in value or "=" in value or not value else value


def pairs(fields: dict[str, str]) -> str:
    return " ".join(f"{key}={quoted(value)}" for key, value in fields.items())


def default(*lines: Line) -> bytes:
    return "".join(
        f"[NOTICE] [{uuid}] [{origin}] {message} {pairs(fields)}".rstrip() + "\n" for uuid, origin, message, fields in lines
    ).encode()


def logfmt(*lines: Line) -> bytes:
    return "".join(
        pairs({"level": "NOTICE", "uuid": uuid, "source": origin, "message": message, **fields}) + "\n"
        for uuid, origin, message, fields in lines
    ).encode()


def as_json(*lines: Line) -> bytes:
    return "".join(
        json.dumps({"level": "NOTICE", "uuid": uuid, "source": origin, "message": message, **fields}) + "\n"
        for uuid, origin, message, fields in lines
    ).encode()


FORMS: list[Callable[..., bytes]] = [default, logfmt, as_json]


def sender(uuid: str, address: str = "s@acme.example") -> Line:
    return uuid, "core", f"sender <{address}>", {"code": "CONT", "msg": ""}


def recipient(uuid: str, address: str, code: str = "OK", msg: str = "") -> Line:
    return uuid, "core", f"recipient <{address}>", {"code": code, "msg": msg, "sender": "s@acme.example"}


def content(uuid: str, rcpts: str = "1/0/0", code: str = "CONT", mid: str = "<m@acme.example>") -> Line:
    return uuid, "core", "message", {"mid": mid, "size": "9", "rcpts": rcpts, "delay": "0.1", "code": code, "msg": ""}


def delivered(uuid: str, domain: str, rcpts: str, response: str = "250 ok") -> Line:
    return uuid, "outbound", "delivered", {"domain": domain, "host": f"mx.{domain}", "response": response, "rcpts": rcpts}


def disconnect(uuid: str, relay: str) -> Line:
    return uuid, "core", "disconnect", {"ip": "192.0.2.10", "helo": "a relay=N", "relay": relay}


def told(data: bytes) -> list[tuple[str, str]]:
    return outcomes(PARSER, data)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("code", "expected", "broken"),
    [
        ("OK", "accepted", 0), ("DENY", "rejected", 0), ("DENYSOFT", "rejected", 0), ("DENYDISCONNECT", "rejected", 0),
        ("DENYSOFTDISCONNECT", "rejected", 0), ("CONT", "rejected", 0), ("O", "accepted", 1), ("", "accepted", 1),
    ],
)  # fmt: skip
def test_what_a_recipient_was_told(form: Callable[..., bytes], code: str, expected: str, broken: int) -> None:
    data = form(sender(f"{U}.1"), recipient(f"{U}.1", "bob@customer.example", code))
    assert told(data) == [("bob@customer.example", expected)]
    assert len(defects(PARSER, data)) == broken
    assert [one.kind for one in observations(PARSER, data)] == ["reject" if expected == "rejected" else "queue"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("Bob@Customer.example", "bob@customer.example"),
        ('"a b"@customer.example', '"a b"@customer.example'),
        ('"x> code=OK y"@customer.example', '"x> code=ok y"@customer.example'),
        ('"x\\"> code=OK y"@customer.example', '"x\\"> code=ok y"@customer.example'),
        ("ann@müller.example", "ann@xn--mller-kva.example"),
    ],
)
def test_recipients_as_written(form: Callable[..., bytes], written: str, address: str) -> None:
    data = form(recipient(f"{U}.1", written, msg='to <forged@customer.example> code=OK "recipient <forged2@customer.example>"'))
    assert told(data) == [(address, "accepted")]
    assert defects(PARSER, data) == []


def test_the_three_formats_say_the_same() -> None:
    lines = [
        (U, "core", "connect", {"ip": "192.0.2.10"}), sender(f"{U}.1"), recipient(f"{U}.1", "a@customer.example"),
        content(f"{U}.1"), (f"{U}.1", "core", "queue", {"code": "OK", "msg": "Ok: queued as 7F3A21C4D0"}),
        delivered(f"{U}.1.1", "customer.example", "1/0/0"), disconnect(U, "Y"),
    ]  # fmt: skip
    said = []
    for form in FORMS:
        (one,) = observations(PARSER, form(*lines))
        assert (one.message_id, one.declared, one.size, one.direction) == ("m@acme.example", 1, 9, Direction.SUBMITTED)
        assert one.ids == (f"queue:{U}.1",)
        said.append((one.facts, [(r.address, r.outcome, r.reply) for r in one.recipients]))
    assert said[0] == said[1] == said[2]
    assert said[0][0] == (("client", "192.0.2.10"), ("handed_to", "7F3A21C4D0"))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([("customer.example", "2/0/0")], ["delivered", "delivered", "accepted"]),
        ([("Customer.EXAMPLE", "1/1/0"), ("customer.example", "1/0/0")], ["delivered", "delivered", "accepted"]),
        ([("customer.example", "1/0/1")], ["accepted"] * 3),
        ([("customer.example", "1/0/0")], ["accepted"] * 3),
        ([("customer.example", "3/0/0")], ["accepted"] * 3),
        ([("r.example", "2/0/0")], ["accepted"] * 3),
        ([("other.example", "1/0/0")], ["accepted", "accepted", "delivered"]),
    ],
)
def test_a_count_names_a_recipient_only_without_doubt(events: list[tuple[str, str]], expected: list[str]) -> None:
    named = ["a@customer.example", "b@customer.example", "c@other.example"]
    opening = [sender(f"{U}.1"), *(recipient(f"{U}.1", one) for one in named)]
    counted = [delivered(f"{U}.1.1", *one) for one in events]
    data = default(*opening, recipient(f"{U}.1", "no@customer.example", "DENY"), content(f"{U}.1", "3/0/1"), *counted)
    assert [outcome for _, outcome in told(data) if outcome != "rejected"] == expected
    cut = default(*opening[1:], *counted)  # whether a recipient was named before is not known
    assert {outcome for _, outcome in told(cut)} == {"accepted"}


@pytest.mark.parametrize("where", ["message", "queue"])
def test_a_refusal_after_data_is_of_all(where: str) -> None:
    last = content(f"{U}.1", code="DENY") if where == "message" else (f"{U}.1", "core", "queue", {"code": "DENYSOFT", "msg": "x"})
    assert told(default(sender(f"{U}.1"), recipient(f"{U}.1", "a@customer.example"), last)) == [
        ("a@customer.example", "rejected")
    ]


def test_a_connection_submits_all_of_its_transactions_and_none_of_another() -> None:
    data = default(sender(f"{U}.1"), sender(f"{U}.2"), sender(f"{V}.1"), disconnect(U, "Y"), disconnect(V, "N"))
    assert [one.direction.value for one in observations(PARSER, data)] == ["submitted", "submitted", "unknown"]


@pytest.mark.parametrize(
    ("line", "mail", "broken"),
    [
        (f"[NOTICE] [{U}.1] [core] recipient <b@customer.exam", 0, 1),
        (f"[NOTICE] [{U}.1] [core] recipient b@customer.example code=OK", 0, 1),
        (f"[NOTICE] [{U}.1] [spf] recipient <b@customer.example> code=OK", 0, 0),
        (f"[PROTOCOL] [{U}.1] [core] C: recipient <b@customer.example> code=OK", 0, 0),
        (f"[NOTICE] [{U}] [core] recipient <b@customer.example> code=OK", 0, 0),
        (f"[NOTICE] [{U[:-1]}.1] [core] recipient <b@customer.example> code=OK", 0, 1),
        ("[NOTICE] [-] [core] recipient <b@customer.example> code=OK", 0, 0),
        (f"[NOTICE] [{U}.1] [outbound] recipient <b@customer.example> code=OK", 0, 0),
        (f"[NOTICE] [{U}.1] [core] delivered domain=customer.example rcpts=1/0/0", 0, 0),
        (f"[NOTICE] [{U}.1] [outbound] delivered domain=customer.example rcpts=1/0", 1, 1),
        (f"[NOTICE] [{U}.1] [core] message mid=<m@acme.exa", 1, 1),
        (f"[NOTICE] [{U}.1] [core] message mid=<m@acme.exa size=1 rcpts=1/0/0", 1, 1),
        (f'[NOTICE] [{U}.1] [core] message mid="<m@acme.example', 0, 1),
        (f"[NOTICE] [{U}.1] [co", 0, 0),
        (f"[LOUD] [{U}.1] [core] recipient <b@customer.example> code=OK", 0, 1),
        (f'{{"level":"NOTICE","uuid":"{U}.1","source":"core","message":"recipient <b@cust', 0, 1),
        (f'{{"level":"NOTICE","uuid":"{U}.1","source":"core","message":"recipient <b@customer.example"}}', 0, 1),
        (f'level=NOTICE uuid={U}.1 source=core message="recipient <b@cust', 0, 1),
    ],
)
def test_lines_and_near_misses(line: str, mail: int, broken: int) -> None:
    data = (line + "\n").encode()
    assert (len(observations(PARSER, data)), len(defects(PARSER, data))) == (mail, broken)
    assert told(data) == []
    tally = statements(PARSER, data)[-1]
    assert (tally.value, tally.rows) == (1, int(not mail and not broken))


@pytest.mark.parametrize(
    ("before", "stamp", "server"),
    [
        ("", "", ""),
        ("2025-09-17T14:03:12.345Z ", "2025-09-17T14:03:12.345Z", ""),
        ("Sep 17 16:03:12 mx1 haraka[9]: ", "--09-17T16:03:12", "mx1"),
        ("2025-09-17T16:03:12+02:00 mx1 haraka: ", "2025-09-17T16:03:12+02:00", "mx1"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_times_are_optional(form: Callable[..., bytes], before: str, stamp: str, server: str) -> None:
    (one,) = observations(PARSER, before.encode() + form(sender(f"{U}.1")))
    assert (one.stamp, one.server) == (stamp, server)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (default(sender(f"{U}.1")), True),
        (as_json(sender(f"{U}.1")), True),
        (b"cut\n" + logfmt(sender(f"{U}.1"), sender(f"{V}.1")), True),
        (default(("-", "core", "Loading plugins", {})), False),
        (b"Subject: our log\n\n" + default(sender(f"{U}.1")), False),
        (b"see:\n" * 3 + default(sender(f"{U}.1")), False),
        (b'{"level":"info","msg":"x"}\n', False),
        (b"Sep 17 16:03:12 mx1 sshd[1]: " + default(sender(f"{U}.1")), False),
        (b"", False),
    ],
)
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "haraka.log") is expected


# --- forms of a log


@pytest.mark.parametrize("log_form", LOG_FORMS)
@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_a_log_tells_the_same(form: Callable[..., bytes], log_form: str) -> None:
    lines = [
        sender(f"{U}.1"), recipient(f"{U}.1", "a@customer.example"), recipient(f"{U}.1", "eve@collector.example", "DENY", "no"),
        content(f"{U}.1"), delivered(f"{U}.1.1", "customer.example", "1/0/0"), disconnect(U, "Y"),
        sender(f"{V}.1"), recipient(f"{V}.1", "b@customer.example"),
    ]  # fmt: skip
    prove_a_form(PARSER, form(*lines), log_form, by("haraka"))


def test_a_container_gives_the_time_that_the_line_has_not() -> None:
    data = b"2025-09-17T14:03:12.3Z stdout F " + default(recipient(f"{U}.1", "a@customer.example"))
    (one,) = observations(PARSER, data)
    assert (one.recipients[0].address, one.stamp) == ("a@customer.example", "2025-09-17T14:03:12.3Z")


def test_a_line_that_another_program_writes_to_the_journal_names_nobody() -> None:
    data = default(recipient(f"{U}.1", "a@customer.example"))
    for program, count in (("haraka", 1), ("sshd", 0)):
        assert len(observations(PARSER, forms_of(data, by(program))["export"])) == count


@pytest.mark.parametrize("senders", [("ann", "s@acme.example"), ("s@acme.example", "ann"), ("s@acme.example", "t@acme.example")])
def test_a_sender_with_a_domain_counts_at_any_cut(senders: tuple[str, str]) -> None:
    data = default(*(sender(f"{U}.1", one) for one in senders), recipient(f"{U}.1", "b@customer.example"))
    for cut in (None, 10, 100):
        assert [one.sender for one in observations(PARSER, data, cut=cut)] == ["s@acme.example"]


# --- laws

_ADDRESSES = ["a@customer.example", "B@customer.example", '"x> code=OK y"@customer.example', "c@other.example"]
_LINES: st.SearchStrategy[Line] = st.one_of(
    st.builds(sender, st.sampled_from([f"{U}.1", f"{U}.2", f"{V}.1"])),
    st.builds(
        recipient, st.sampled_from([f"{U}.1", f"{U}.2", f"{V}.1"]), st.sampled_from(_ADDRESSES), st.sampled_from(["OK", "DENY"]),
        st.sampled_from(["", 'recipient <forged@customer.example> code=OK "', "x\\"]),
    ),
    st.builds(content, st.sampled_from([f"{U}.1", f"{V}.1"]), st.just("2/0/0"), st.sampled_from(["CONT", "CONT", "DENY"])),
    st.builds(delivered, st.sampled_from([f"{U}.1.1", f"{V}.1.2"]), st.sampled_from(["customer.example", "other.example"]), st.sampled_from(["1/0/0", "2/0/0", "1/0/1"])),
    st.builds(disconnect, st.sampled_from([U, V]), st.sampled_from(["Y", "N"])),
    st.just(("-", "core", "Loading plugins", {})),
)  # fmt: skip
_LOGS = st.lists(_LINES, max_size=20)


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(_LOGS, st.sampled_from(FORMS), st.integers(1, 500), st.integers(1, 4))
def test_any_cut_and_any_bound_tell_the_same(lines: list[Line], form: Callable[..., bytes], cut: int, bound: int) -> None:
    data = form(*lines)
    expected = texts(observations(PARSER, data))
    assert texts(observations(PARSER, data, cut=cut)) == expected
    with pytest.MonkeyPatch.context() as patch:  # letting go early changes nothing
        patch.setattr(haraka, "OPEN_LIMIT", bound)
        patch.setattr(haraka, "PIECE_LIMIT", bound)
        pieces = read(PARSER, data)
    assert texts(assembled(PARSER, fragments(pieces))) == expected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_log_split_into_files_tells_the_same_recipients(path: Any) -> None:
    rows = path.read_bytes().splitlines(keepends=True)

    def said(*files: bytes) -> list[Any]:
        return sorted(
            (one.ids, one.kind, one.message_id, one.direction, one.facts, sorted((r.address, r.outcome) for r in one.recipients))
            for one in observations(PARSER, *files)
        )

    for at in range(1, len(rows)):
        assert said(b"".join(rows[:at]), b"".join(rows[at:])) == said(b"".join(rows))


_SLOW = re.compile(r"\[core\] recipient <((?:\"(?:[^\"\\]|\\.)*\"|[^>\"])*)> code=(\w+)")


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(_LOGS)
def test_a_slow_reader_finds_the_same_recipients(lines: list[Line]) -> None:
    slow = {
        (uuid, match[1].lower())
        for row, (uuid, _, _, _) in zip(default(*lines).decode().splitlines(), lines, strict=True)
        if (match := _SLOW.match(row, row.find("[core] recipient")))
    }
    for form in FORMS:
        fast = {(one.ids[0][6:], r.address) for one in observations(PARSER, form(*lines)) for r in one.recipients}
        assert fast == slow


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60), st.sampled_from([b"\n", b"\r\n", b"\0", b"\x1b[33m", b'{"level":1,"uuid":[]}', b'{"level":"NOTICE","uuid":"\\ud800","source":"core","message":"sender <\\ud800@x>"}']),
            st.builds(lambda form, line: form(line)[:-1], st.sampled_from(FORMS), _LINES),
        ),
        max_size=12,
    ),
    st.integers(1, 60),
)  # fmt: skip
def test_no_bytes_raise_and_every_line_counts(parts: list[bytes], cut: int) -> None:
    data = b"".join(parts)
    records = read(PARSER, data)
    assembled(PARSER, fragments(records))
    PARSER.sniff(data, "")
    assert statements(PARSER, data)[-1].value == data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    apart = read(PARSER, data, cut=cut)
    assert [one.span for one in apart if isinstance(one, Defect)] == [one.span for one in records if isinstance(one, Defect)]


def test_hostile_lines_take_linear_time() -> None:
    head = f"[NOTICE] [{U}.1] [core] ".encode()
    for data in (
        head + b'recipient <"' + b'\\"' * 400_000 + b"\n",
        head + b"recipient <" + b"> code" * 150_000 + b"\n",
        head + b"message " + b'a="' * 300_000 + b"\n",
        head + b"message " + b"a=b " * 200_000 + b"\n",
        b'{"level":' + b"[" * 900_000,
        b"\x1b[" * 400_000,
        b"x" * 3_000_000,
    ):
        assert statements(PARSER, data)[-1].value == 1
