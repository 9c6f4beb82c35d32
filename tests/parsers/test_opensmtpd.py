"""OpenSMTPD: traps of the format, and laws that hold for any cut of any log."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FORMATS, assembled, defects, observations, read, statements

from forensics.model import Direction, Fragment, Outcome, Statement
from forensics.parsers.opensmtpd import PARSER, messages, reading
from forensics.syslog import Addresses

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


# --- the facts of the format, one by one


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("Ok", "delivered"),
        ("TempFail", "deferred"),
        ("PermFail", "bounced"),
        ("Expire", "bounced"),
        ("Loop", "bounced"),
        ("Remove", "bounced"),
    ],
)
def test_results(result: str, outcome: str) -> None:
    for line in (delivery(result), delivery(result).replace("mta delivery", "mta event=delivery")):
        (one,) = observations(PARSER, log(line))
        assert [r.outcome.value for r in one.recipients] == [outcome]
        assert defects(PARSER, log(line)) == []


@pytest.mark.parametrize(
    ("rcpt", "original"), [("rcpt=<> ", ""), ("", ""), ("rcpt=<-> ", ""), ("rcpt=<A@b.example> ", ""), ("rcpt=<l@b.example> ", "l@b.example")]
)  # fmt: skip
def test_a_local_delivery_may_name_who_was_meant(rcpt: str, original: str) -> None:
    line = f"{S} mda delivery evpid=b7c8d9e011223344 from=<> to=<a@b.example> {rcpt}user=a delay=1s result=Ok stat=Delivered"
    (one,) = observations(PARSER, log(line))
    assert [(r.address, r.original, r.outcome, r.reply) for r in one.recipients] == [
        ("a@b.example", original, Outcome.DELIVERED, "Delivered")
    ]
    assert defects(PARSER, log(line)) == []


def test_each_accepted_recipient_is_named_before_any_delivery() -> None:
    envelopes = [ENVELOPE, ENVELOPE.replace("11223344", "55667788").replace("<a@", "<c@")]
    (one,) = observations(PARSER, log(MESSAGE.replace("nrcpt=1", "nrcpt=2").replace("size=16", "size=1615"), *envelopes))
    assert (one.declared, one.size, one.message_id, one.sender) == (2, 1615, "", "s@acme.example")
    assert [(r.address, r.outcome) for r in one.recipients] == [
        ("a@b.example", Outcome.ACCEPTED),
        ("c@b.example", Outcome.ACCEPTED),
    ]
    assert [name.partition("@")[0] for name in one.ids] == ["queue:mx1/b7c8d9e0"]


@pytest.mark.parametrize(
    ("lines", "partial", "unknown"),
    [
        ([MESSAGE, ENVELOPE, delivery("Ok")], set(), False),
        ([MESSAGE, ENVELOPE], {"end"}, False),
        ([MESSAGE, ENVELOPE, delivery("TempFail")], {"end"}, False),
        ([MESSAGE.replace("nrcpt=1", "nrcpt=2"), ENVELOPE, delivery("Ok")], {"end"}, False),
        ([MESSAGE], {"end"}, True),
        ([ENVELOPE, delivery("Ok")], {"start"}, False),
        ([MESSAGE, ENVELOPE, delivery("Ok", to="x@b.example", rcpt="a@b.example")], set(), False),
    ],
)
def test_what_lies_outside_of_the_logs(lines: list[str], partial: set[str], unknown: bool) -> None:
    (one,) = observations(PARSER, log(*lines))
    assert {value for name, value in one.facts if name == "partial"} == partial
    assert ("recipients_unknown" in dict(one.facts)) is unknown


def test_envelopes_of_one_message_share_its_digits() -> None:
    found = observations(
        PARSER, log(delivery("Ok"), delivery("Ok").replace("evpid=b7c8d9e0", "evpid=b7c8d9e1"), delivery("Ok", to="c@b.example"))
    )
    assert sorted((one.ids[0][:18], len(one.recipients)) for one in found) == [
        ("queue:mx1/b7c8d9e0", 2),
        ("queue:mx1/b7c8d9e1", 1),
    ]


def test_hosts_are_kept_apart() -> None:
    found = observations(PARSER, log(MESSAGE, ENVELOPE) + log(MESSAGE, ENVELOPE).replace(b"mx1", b"mx2"))
    assert sorted((one.server, len(one.recipients)) for one in found) == [("mx1", 1), ("mx2", 1)]


@pytest.mark.parametrize(
    ("relay", "stat", "handed"),
    [
        ("127.0.0.1 (localhost)", "250 2.0.0 d7c8d9e0 Message accepted for delivery", "mx1/d7c8d9e0"),
        ("[::1] (localhost)", "250 2.0.0: d7c8d9e0 Message accepted for delivery", "mx1/d7c8d9e0"),
        ("192.0.2.25 (mx)", "250 2.0.0 d7c8d9e0 Message accepted for delivery", ""),
        ("127.0.0.1 (localhost)", "250 2.0.0 Ok: queued as 7F3A21C4D0", ""),
        ("127.0.0.1 (localhost)", "250 2.0.0 d7c8d9e0d7c8 Message accepted for delivery", ""),
    ],
)
def test_only_this_host_names_the_next_message(relay: str, stat: str, handed: str) -> None:
    (one,) = observations(PARSER, log(delivery("Ok", relay=relay, stat=stat)))
    assert dict(one.facts).get("handed_to", "") == handed
    assert (one.recipients[0].outcome is Outcome.ACCEPTED) is relay.endswith("(localhost)")


def test_releases_before_64() -> None:
    rest = f"on session {S}: from=<s@acme.example>, to=<a@b.example>, size=1615, ndest=1, proto=ESMTP"
    data = log(f"smtp-in: New session {S} from host app1 [192.0.2.10]", f"smtp-in: Accepted message b7c8d9e0 {rest}")
    (one,) = observations(PARSER, data)
    assert (one.size, one.declared, one.sender, dict(one.facts)["client"]) == (1615, 1, "s@acme.example", "app1 [192.0.2.10]")
    assert [(r.address, r.outcome) for r in one.recipients] == [("a@b.example", Outcome.ACCEPTED)]


@pytest.mark.parametrize(
    ("program", "ours"), [("smtpd", True), ("opensmtpd", True), ("postfix/smtpd", False), ("smtpd-x", False), ("xsmtpd", False)]
)
def test_the_programs_of_opensmtpd(program: str, ours: bool) -> None:
    data = log(MESSAGE, ENVELOPE).replace(b"smtpd", program.encode())
    assert len(observations(PARSER, data)) == ours
    assert PARSER.sniff(data, "") is ours


def test_a_repeated_line_counts_once() -> None:
    (one,) = observations(
        PARSER, log(MESSAGE, f"message repeated 3 times: [ {ENVELOPE}]", f"message repeated 2 times: [ {MESSAGE}]")
    )
    assert [r.address for r in one.recipients] == ["a@b.example"]


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        (f"{S} smtp messages msgid=b7c8d9e0 size=16 nrcpt=1", 0),
        (f"{S} mta delivered evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example>", 0),
        (f"{S} pony envelope evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example>", 0),
        (f"{S}: smtp envelope evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example>", 1),
        (f"{S}a smtp envelope evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example>", 1),
        (f"{S}xsmtp envelope evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example>", 1),
        (f"{S[1:]} smtp envelope evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example>", 1),
        ("added smtp envelope evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example>", 0),
        (f"x{S[1:]} smtp envelope evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example>", 0),
        (S[:7], 1),
        ("", 0),
    ],
)
def test_words_that_look_like_an_event(text: str, broken: int) -> None:
    assert observations(PARSER, log(text)) == []
    assert (len(defects(PARSER, log(text))), totals(read(PARSER, log(text)))) == (broken, (1, 1 - broken))


@pytest.mark.parametrize("tail", ["smtpd[7", "smtpd[7]", "smtpd[7]:", "smtpd["])
def test_a_line_that_ends_before_its_text_is_told(tail: str) -> None:
    data = log(MESSAGE) + f"2025-09-17T16:03:12Z mx1 {tail}\n".encode()
    assert len(defects(PARSER, data)) == (tail != "smtpd[7]:")


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
    delivery("Ok", to="e@b.example", relay="127.0.0.1 (localhost)"), delivery("Ok", to="f@b.example", stat="250 result="), f"{S} mta connected",
]  # fmt: skip
_LOGS = st.lists(st.sampled_from(_WORDS), max_size=16)
_OLD = [
    f"{S} smtp event=message address=192.0.2.10 host=app msgid=b7c8d9e0 from=<s@acme.example> to=<a@b.example> size=9 ndest=1 proto=ESMTP",
    f'{S} mta event=delivery evpid=b7c8d9e011223344 from=<s@acme.example> to=<a@b.example> rcpt=<-> source="x" relay="mx" delay=1s result="Ok" stat="250"',
    f"{S} smtp event=closed reason=quit", f"{S} smtp event=connected address=192.0.2.10 host=app", f"{S} smtp event=mess", f"{S} mta event=",
]  # fmt: skip


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


def _no_address(_: Addresses, text: bytes) -> str:  # noqa: ARG001  none is of common form
    return ""


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*_WORDS, *_OLD]), max_size=16), st.integers(1, 400))
def test_the_common_way_tells_what_the_careful_one_does(rows: list[str], cut: int) -> None:
    data = log(*rows)
    expected = read(PARSER, data, cut=cut)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Addresses, "__missing__", _no_address)
        patch.setattr(reading, "_COMMON", {words: (words, None) for words in reading._COMMON})
        assert read(PARSER, data, cut=cut) == expected


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
