"""OpenSMTPD: traps of the format, and laws that hold for any cut of any log."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, assembled, defects, observations, read, statements

from forensics.model import Direction, Fragment, Outcome, Statement
from forensics.parsers.opensmtpd import PARSER, messages

SAMPLES = sorted((FORMATS / "opensmtpd").glob("*.log"))
S = "1f2e3d4c5b6a7988"
MESSAGE = f"{S} smtp message msgid=b7c8d9e0 size=16 nrcpt=1 proto=ESMTP"
ENVELOPE = f"{S} smtp envelope evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example>"


def log(*texts: str) -> bytes:
    return "".join(f"2025-09-17T16:03:{n:02d}Z mx1 smtpd[7]: {text}\n" for n, text in enumerate(texts)).encode()


def delivery(result: str, to: str = "a@b.example", rcpt: str = "-", relay: str = "192.0.2.25 (mx)", stat: str = "250 ok") -> str:
    return (
        f"2f2e3d4c5b6a7989 mta delivery evpid=b7c8d9e011223344 from=<s@acme.example> to=<{to}> rcpt=<{rcpt}> "
        f'source="192.0.2.1" relay="{relay}" delay=1s result="{result}" stat="{stat}"'
    )


def fragments(records: list[Any]) -> list[Fragment]:
    return [one for one in records if isinstance(one, Fragment)]


def totals(records: list[Any]) -> tuple[int, int]:
    found = [one for one in records if isinstance(one, Statement) and one.kind == "tally"]
    return sum(one.value for one in found), sum(one.rows for one in found)


@pytest.mark.parametrize(
    ("line", "address", "original", "outcome"),
    [
        (delivery("Ok"), "a@b.example", "", "delivered"),
        (delivery("TempFail", stat='451 result="Ok" stat="250'), "a@b.example", "", "deferred"),
        (delivery("PermFail", stat='550 to=<forged@b.example> result="Ok"'), "a@b.example", "", "bounced"),
        (delivery("Ok", relay="127.0.0.1 (localhost)"), "a@b.example", "", "accepted"),
        (delivery("Ok", relay="192.0.2.7 (127.0.0.1.evil.example)"), "a@b.example", "", "delivered"),
        (delivery("Ok", to="X@B.example", rcpt="staff@b.example"), "x@b.example", "staff@b.example", "delivered"),
        (delivery("Ok", rcpt="a@b.example"), "a@b.example", "", "delivered"),
        (
            "0000000000000000 mda delivery evpid=b7c8d9e011223344 from=<> to=<a@b.example> rcpt=<l@b.example> user=a delay=1s result=Ok stat=Delivered",
            "a@b.example", "l@b.example", "delivered",
        ),
        (
            "relay: TempFail for b7c8d9e011223344: session=2f2e3d4c5b6a7989, from=<s@acme.example>, to=<a@b.example>, rcpt=<->, source=-, relay=-, delay=1s, stat=451 no, stat=250 ok",
            "a@b.example", "", "deferred",
        ),
    ],
)  # fmt: skip
def test_what_became_of_a_copy(line: str, address: str, original: str, outcome: str) -> None:
    (one,) = observations(PARSER, log(line))
    assert [(r.address, r.original, r.outcome.value) for r in one.recipients] == [(address, original, outcome)]
    assert defects(PARSER, log(line)) == []


@pytest.mark.parametrize(
    ("text", "mail", "broken"),
    [
        (MESSAGE, 1, 0),
        (ENVELOPE, 1, 0),
        (ENVELOPE[:-4], 0, 1),
        (MESSAGE[:40], 0, 1),
        (MESSAGE.partition(" nrcpt")[0], 1, 1),
        (ENVELOPE.replace("3344", "334"), 0, 1),
        (ENVELOPE.replace(S, S.upper()), 0, 0),
        (S, 0, 1),
        (f"{S} smtp mess", 0, 1),
        (f"{S} smtp tls ciphers=x", 0, 0),
        (f'{S} smtp failed-command command="RCPT TO:<a@b.example>" result="550 no"', 1, 0),
        (f'{S} smtp failed-command command="RCPT TO:<a@b.exam', 0, 1),
        (f'{S} smtp failed-command command="DATA RCPT TO:<a@b.example>" result="500 no"', 0, 0),
        (delivery("Ok").partition(" delay=")[0], 1, 1),
        (delivery("Strange"), 1, 1),
        (f"debug: {ENVELOPE}", 0, 0),
    ],
)
def test_lines_and_near_misses(text: str, mail: int, broken: int) -> None:
    assert (len(observations(PARSER, log(text))), len(defects(PARSER, log(text)))) == (mail, broken)
    assert totals(read(PARSER, log(text))) == (1, int(not mail and not broken))


@pytest.mark.parametrize(
    ("lines", "direction"),
    [
        ([f"{S} smtp connected address=192.0.2.10 host=app"], Direction.UNKNOWN),
        ([f"{S} smtp connected address=local host=mx1"], Direction.SUBMITTED),
        ([f"{S} smtp connected address=192.0.2.10 host=app", f"{S} smtp authentication user=svc result=ok"], Direction.SUBMITTED),
        ([f"{S} smtp authentication user=svc result=permfail"], Direction.UNKNOWN),
        (["1f2e3d4c5b6a7989 smtp authentication user=svc result=ok"], Direction.UNKNOWN),
    ],
)
def test_who_submitted(lines: list[str], direction: Direction) -> None:
    data = log(*lines, MESSAGE, ENVELOPE, f"{S} smtp disconnected reason=quit")
    for cut in (None, 1, 100):
        assert [one.direction for one in observations(PARSER, data, cut=cut)] == [direction]


def test_an_id_that_comes_again_is_another_message() -> None:
    found = observations(PARSER, log(MESSAGE, ENVELOPE) + log(MESSAGE, ENVELOPE).replace(b"T16", b"T18"))
    assert len({one.ids for one in found}) == len(found)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (log(MESSAGE), True),
        (log("connect from a[192.0.2.1]"), False),
        (log(MESSAGE).replace(b" smtpd[", b" postfix/smtpd["), False),
        (log(MESSAGE).replace(b" smtpd[", b" sshd["), False),
        (b"Subject: our log\n\n" + log(*[MESSAGE] * 9), False),
        (b"", False),
    ],
)
def test_sniff(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "maillog") is expected


def test_hostile_text_names_nobody() -> None:
    found = observations(PARSER, (FORMATS / "opensmtpd" / "hostile-and-refused.log").read_bytes())
    assert sorted(r.address for one in found for r in one.recipients) == [
        "t@customer.example", "u@customer.example", "x@other.example", "y@other.example",
    ]  # fmt: skip


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_parts_equal_the_whole(path: Any) -> None:
    data = path.read_bytes()
    expected = read(PARSER, data)
    whole = assembled(PARSER, fragments(expected))
    for cut in (*range(1, 20), 64, 150, 199, 333, 1000):
        parts = read(PARSER, data, cut=cut)
        assert assembled(PARSER, fragments(parts)) == whole, cut
        assert totals(parts) == totals(expected)
    assert totals(expected)[0] == data.count(b"\n")


_WORDS = [
    MESSAGE, ENVELOPE, ENVELOPE.replace("<a@", "<b@"), delivery("Ok"), delivery("TempFail", to="c@b.example"),
    delivery("Ok", to="d@b.example", rcpt="a@b.example"), delivery("PermFail", stat="550 to=<forged@b.example>"),
    f"{S} smtp connected address=192.0.2.10 host=app", f"{S} smtp authentication user=svc result=ok", f"{S} smtp disconnected reason=quit",
    f'{S} smtp failed-command command="RCPT TO:<r@b.example>" result="550 no"', f"{S} smtp", S, "x",
]  # fmt: skip
_LOGS = st.lists(st.sampled_from(_WORDS), max_size=16)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(_LOGS, st.integers(1, 400))
def test_pieces_hold_what_the_whole_holds(rows: list[str], cut: int) -> None:
    def told(records: list[Any]) -> list[Any]:
        return sorted((one.ids, [(r.address, r.original, r.outcome, r.start) for r in one.recipients]) for one in assembled(PARSER, fragments(records)))  # fmt: skip

    once = [row for n, row in enumerate(rows) if row != MESSAGE or MESSAGE not in rows[:n]]  # an id used again: see above
    data = log(*once)
    expected = told(read(PARSER, data))
    assert told(read(PARSER, data, cut=cut)) == expected
    with pytest.MonkeyPatch.context() as patch:  # letting go early changes nothing
        patch.setattr(messages, "OPEN_LIMIT", 1)
        patch.setattr(messages, "PIECE_LIMIT", 2)
        assert told(read(PARSER, data)) == expected


_SLOW = re.compile(r" (?:smtp envelope|mta delivery) evpid=\w{16} from=<[^>]*> to=<([^>]*)>")


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(_LOGS)
def test_a_slow_reader_finds_the_same_recipients(rows: list[str]) -> None:
    data = log(*rows)
    fast = {r.address for one in observations(PARSER, data) for r in one.recipients if r.outcome is not Outcome.REJECTED}
    assert fast == set(_SLOW.findall(data.decode()))


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"\n", b"\0", *[log(w)[:-1] for w in _WORDS]])), max_size=10))
def test_no_bytes_raise_and_every_line_counts(parts: list[bytes]) -> None:
    data = b"".join(parts)
    records = read(PARSER, data)
    assembled(PARSER, fragments(records))
    PARSER.sniff(data, "")
    assert totals(records)[0] == data.count(b"\n") + bool(data and not data.endswith(b"\n"))


def test_hostile_lines_take_linear_time() -> None:
    for text in (
        f'{S} smtp failed-command command="RCPT TO:<"' + '\\"' * 300_000,
        f"{ENVELOPE[:60]}" + "> to=<" * 150_000,
        delivery("Ok", stat=' result="Ok" stat="' * 40_000),
        "smtp-in: Accepted authentication for user " + " on session " * 60_000,
    ):
        assert statements(PARSER, log(text))[-1].value == 1
