"""Who named the recipients of a message: the client, or the server that added some. Counted, wherever a log was cut."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import audited
from support import assembled, observations, read

from forensics.columns import decode
from forensics.model import Fragment, Observation
from forensics.parsers.postfix import PARSER, sessions

Q, R, SHORT = "4cRgTX2Rqfz9HdB", "4cRgTY2Rqfz9HdC", "5464E12D687"
APP = "app1.acme.example[192.0.2.10]"


def line(daemon: str, text: str, process: int = 7, second: int = 12) -> str:
    return f"Sep 17 16:03:{second:02d} mx1 postfix/{daemon}[{process}]: {text}\n"


def client(queue_id: str = Q, name: str = APP, process: int = 7) -> str:
    return line("smtpd", f"{queue_id}: client={name}, sasl_method=PLAIN, sasl_username=svc", process)


def end(counts: str, name: str = APP, process: int = 7) -> str:
    return line("smtpd", f"disconnect from {name} ehlo=1 {counts} quit=1 commands=9", process)


def queued(count: int, queue_id: str = Q) -> str:
    return line("qmgr", f"{queue_id}: from=<app@acme.example>, size=900, nrcpt={count} (queue active)", 9)


def sent(to: str, queue_id: str = Q, before: str = "") -> str:
    original = f", orig_to=<{before}>" if before else ""
    return line("smtp", f"{queue_id}: to=<{to}>{original}, relay=mx[192.0.2.25]:25, delay=1, dsn=2.0.0, status=sent (250 ok)", 8)


def removed(queue_id: str = Q) -> str:
    return line("qmgr", f"{queue_id}: removed", 9)


def copies(count: int, queue_id: str = Q) -> list[str]:
    return [sent(f"bob{number}@customer.example", queue_id) for number in range(count)]


def mail(count: int, queue_id: str = Q) -> list[str]:
    return [queued(count, queue_id), *copies(count, queue_id), removed(queue_id)]


BEFORE = [end("", process=7), end("", process=8)]  # the sessions that follow begin within the span


def of_sessions(found: list[Observation]) -> list[dict[str, str]]:
    return [{name: value for name, value in one.facts if name.startswith(("session", "unnamed"))} for one in found]


def told(rows: list[str]) -> list[dict[str, str]]:
    """What each message knows of its session, the same whether that is sure to begin within the span or not."""
    found, sure = (observations(PARSER, "".join(part).encode()) for part in (rows, [*BEFORE, *rows]))
    assert {one.kind for one in (*found, *sure)} <= {"queue"}  # a session is no message
    assert of_sessions(found) == of_sessions(sure)
    return of_sessions(found)


def counted(accepted: int, messages: int = 1, unnamed: int = -1, session: str = "") -> dict[str, str]:
    facts = {"session_messages": str(messages), "session_recipients": str(accepted)}
    facts |= {"unnamed_by_client": str(unnamed)} if unnamed >= 0 else {}
    return facts | ({"session": session} if session else {})


@pytest.mark.parametrize(
    ("accepted", "queue", "expected"),
    [(1, 1, 0), (2, 2, 0), (2, 3, 1), (1, 3, 2), (3, 2, -1), (10, 10, 0), (10, 11, 1)],
)
def test_who_named_the_recipients(accepted: int, queue: int, expected: int) -> None:
    for counts in (
        f"mail=1 rcpt={accepted} data=1",
        f"mail=1/2 rcpt={accepted}/{accepted + 4} data=1/1",
        f"mail=1 rcpt={accepted} bdat=3",
    ):
        rows = mail(queue)
        for place in range(len(rows) + 1):  # the message may leave the queue before its session ends
            known = [client(), *rows[:place], end(counts), *rows[place:]]
            assert told(known) == [counted(accepted, unnamed=expected)]


@pytest.mark.parametrize(
    "counts",
    [
        "mail=1 rcpt=0/1 data=0/1",
        "mail=1 rcpt=2 data=0/1",  # the message was refused after DATA
        "mail=2 rcpt=3 rset=1 data=1",  # the recipients of one that was given up are counted too
        "mail=2 rcpt=2 data=2",  # another message, whose line is lost
        "mail=2 rcpt=2 bdat=2",
        "xforward=1 mail=1 rcpt=2 data=1",  # a filter speaks for the client
        "xclient=1 mail=1 rcpt=2 data=1",
        "mail=1 rcpt=2",
        "mail=1 data=1",
        "mail=1 rcpt= data=1",
        "mail=x rcpt=2 data=1",
        "mail=1 rcpt=9999999999 data=1",
        "",
    ],
)
def test_sessions_that_cannot_be_compared_say_nothing(counts: str) -> None:
    assert told([client(), *mail(2), end(counts)]) == [{}]


def test_before_postfix_3_a_session_ends_without_counts() -> None:
    assert told(
        [client(), *mail(2), line("smtpd", f"disconnect from {APP}"), client(R), *mail(2, R), end("mail=1 rcpt=2 data=1")]
    ) == [
        {},
        counted(2, unnamed=0),
    ]


def test_an_end_that_was_cut_says_nothing() -> None:
    whole = end("mail=1 rcpt=12 data=1").rstrip("\n")
    for stop in range(len(whole) - len("commands=9"), 0, -1):
        assert told([client(), *mail(12), whole[:stop]])[-1] == {}, whole[:stop]
    assert told([client(), *mail(12), whole]) == [counted(12, unnamed=0)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([sent("bob@customer.example"), sent("eve@collector.example", before="ann@acme.example")], -1),  # an alias was expanded
        ([sent("bob@customer.example")], -1),  # of the other copy nothing is known: it may come from an alias
        ([sent("bob@customer.example"), sent("bob@customer.example")], -1),
        ([sent("bob@customer.example"), sent("eve@collector.example")], 1),
    ],
)
def test_what_was_added_is_known_only_where_all_copies_are(rows: list[str], expected: int) -> None:
    facts = told([client(), queued(2), *rows, removed(), end("mail=1 rcpt=1 data=1")])
    assert facts == [counted(1, unnamed=expected)]


def test_a_recipient_that_was_refused_is_none_that_was_queued() -> None:
    refused = f"{Q}: reject: RCPT from {APP}: 550 5.1.1 <no@customer.example>: no; from=<app@acme.example> to=<no@customer.example> proto=ESMTP helo=<app1>"
    rows = [client(), line("smtpd", refused), queued(2), *copies(1), end("mail=1 rcpt=2/3 data=1")]
    assert told(rows) == [counted(2)]
    assert told([*rows, sent("carol@customer.example")]) == [counted(2, unnamed=0)]


def test_of_several_messages_only_the_sum_is_known() -> None:
    rows = [client(), *mail(1), client(R), *mail(2, R), end("mail=2 rset=1 rcpt=3 data=2")]
    assert told(rows) == [counted(3, 2, session=f"mx1/{Q}")] * 2
    rows = [client(), *mail(1), client(R), *mail(4, R), end("mail=2 rcpt=3 data=2")]
    assert told(rows) == [counted(3, 2, session=f"mx1/{Q}"), counted(3, 2, 1, f"mx1/{Q}")]  # more than the sum
    rows = [client(), *mail(3), client(R), *mail(1, R), end("mail=2 rcpt=3 data=2")]
    assert told(rows) == [counted(3, 2, session=f"mx1/{Q}")] * 2  # one was added, but to which?


def test_processes_do_not_mix() -> None:
    rows = [
        client(),
        client(R, process=8),
        end("mail=1 rcpt=2 data=1", process=8),
        end("mail=1 rcpt=1 data=1"),
        *mail(2),
        *mail(2, R),
    ]
    assert told(rows) == [counted(1, unnamed=1), counted(2, unnamed=0)]
    other = [row.replace(" mx1 ", " mx2 ") for row in [client(), *mail(1), end("mail=1 rcpt=1 data=1")]]
    assert told([client(), *other, *mail(2), end("mail=1 rcpt=2 data=1")]) == [
        counted(2, unnamed=0),
        counted(1, unnamed=0),
    ]


def test_a_session_of_another_client_says_nothing() -> None:
    other = "app2.acme.example[192.0.2.11]"
    assert told([client(), *mail(2), end("mail=1 rcpt=2 data=1", other)]) == [{}]
    # its own end is lost, and so is the beginning of the next one
    rows = [client(), *mail(2), client(R, other), *mail(1, R), end("mail=1 rcpt=1 data=1", other)]
    assert told(rows) == [{}, counted(1, unnamed=0)]


def test_a_proxy_filter_has_sessions_without_messages() -> None:
    rows = [client("NOQUEUE"), end("mail=1 rcpt=2 data=1"), client(), *mail(2), end("mail=1 rcpt=2 data=1")]
    assert told(rows) == [counted(2, unnamed=0)]
    assert told([client("NOQUEUE"), client(), *mail(2), end("mail=2 rcpt=2 data=2")]) == [{}]


def test_mail_from_pickup_has_no_session() -> None:
    assert told([line("pickup", f"{Q}: uid=33 from=<www-data>"), *mail(2), end("mail=1 rcpt=2 data=1")]) == [{}]


def test_a_short_id_used_again_is_told_of_its_own_session() -> None:
    first, second = mail(2, SHORT), mail(1, SHORT)
    ends = [end("mail=1 rcpt=2 data=1"), end("mail=1 rcpt=1 data=1")]
    for rows in (
        [client(SHORT), *first, ends[0], client(SHORT), *second, ends[1]],
        [client(SHORT), *first, client(SHORT, process=8), *second, ends[0], ends[1].replace("smtpd[7]", "smtpd[8]")],
        [client(SHORT), *first, client(SHORT, process=8), ends[0], ends[1].replace("smtpd[7]", "smtpd[8]"), *second],
    ):
        assert told(rows) == [counted(2, unnamed=0), counted(1, unnamed=0)]


def test_a_line_in_json_belongs_to_the_same_process() -> None:
    last = end("mail=1 rcpt=2 data=1").partition("]: ")[2].rstrip()
    shipped = f'{{"SYSLOG_IDENTIFIER":"postfix/smtpd","_PID":"7","_HOSTNAME":"mx1","MESSAGE":"{last}"}}\n'
    assert told([client(), *mail(2), shipped]) == [counted(2, unnamed=0)]


@pytest.mark.parametrize("process", ["", "x", "7a", "-1"])
def test_a_process_without_number_has_no_sessions(process: str) -> None:
    rows = [client(), *mail(2), end("mail=1 rcpt=2 data=1")]
    found = [row.replace("smtpd[7]", f"smtpd[{process}]" if process else "smtpd") for row in rows]
    assert told([client(R), *found]) == [{}, {}]
    assert told([client(R), *mail(1, R), end("mail=1 rcpt=1 data=1"), *found]) == [{}, counted(1, unnamed=0)]
    assert told([*found, client(R), *mail(1, R), end("mail=1 rcpt=1 data=1")]) == [{}, counted(1, unnamed=0)]


def test_very_long_sessions_say_nothing_and_cost_nothing() -> None:
    rows = "".join(client(f"{number:06X}12D687") for number in range(3000))
    found = read(PARSER, (rows + end("mail=3000 rcpt=3000 data=3000")).encode())
    assert not any("session_messages" in dict(one.observation.facts) for one in found if isinstance(one, Fragment))
    assert (
        sum(len(one.observation.facts) for one in found if isinstance(one, Fragment) and one.observation.kind == "session") <= 102
    )


def test_many_processes_are_let_go_and_joined_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [client(f"{number:06X}12D687", process=number) for number in range(1, 40)]
    rows += [end("mail=1 rcpt=1 data=1", process=number) for number in range(1, 40)]
    expected = told(rows)
    assert expected == [counted(1)] * 39
    monkeypatch.setattr("forensics.parsers.postfix.reading.SESSION_LIMIT", 5)
    assert told(rows) == expected


# --- cuts --------------------------------------------------------------------------------------------------------------------


def ids() -> st.SearchStrategy[str]:
    return st.sampled_from([Q, R, SHORT, "NOQUEUE"])


def events() -> st.SearchStrategy[str]:
    process, name = st.integers(1, 2), st.sampled_from([APP, "b[192.0.2.11]"])
    counts = st.builds("mail={0} rcpt={1} data={0}".format, st.integers(0, 2), st.integers(1, 3))
    return st.one_of(
        st.builds(client, ids(), name, process),
        st.builds(end, counts, name, process),
        st.builds(queued, st.integers(1, 3), ids()),
        st.builds(lambda number, one: sent(f"bob{number}@customer.example", one), st.integers(0, 2), ids()),
        st.builds(removed, ids()),
    )


def placeless(found: list[Observation]) -> list[str]:
    """What observations say, without the places, which name a file."""
    return sorted(
        repr((one.server, one.ids, one.declared, one.facts, sorted((r.address, r.outcome.value) for r in one.recipients)))
        for one in found
    )


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(events(), min_size=1, max_size=24), st.integers(1, 400), st.data())
def test_cuts_change_nothing(rows: list[str], span: int, data: st.DataObject) -> None:
    text = "".join(rows).encode()
    pieces = [one for one in read(PARSER, text) if isinstance(one, Fragment)]
    expected = assembled(PARSER, pieces, {})
    assert assembled(PARSER, [one for one in read(PARSER, text, cut=span) if isinstance(one, Fragment)], {}) == expected
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    files = ["".join(rows[a:b]).encode() for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    if len(set(files)) == len(files):  # equal files have one name
        found = [one for part in files for one in read(PARSER, part) if isinstance(one, Fragment)]
        assert placeless(assembled(PARSER, found, {})) == placeless(expected)


@pytest.mark.parametrize(
    "rows",
    [
        [client(), *mail(2), end("mail=1 rcpt=2 data=1")],
        [client(), queued(2), end("mail=1 rcpt=1 data=1"), *copies(2), removed()],
        [client(), queued(2), end("mail=1 rcpt=2 data=1"), *copies(2)],
        [client(), queued(1), sent("bob@customer.example"), end("mail=1 rcpt=1 data=1"), sent("c@acme.example", before="b@acme.example")],
        [client(), *mail(2), client(R), *mail(1, R), end("mail=2 rcpt=3 data=2"), client(SHORT), *mail(2, SHORT), end("mail=1 rcpt=1 data=1")],
        [client(SHORT), *mail(2, SHORT), client(SHORT, process=8), end("mail=1 rcpt=2 data=1"), end("mail=1 rcpt=1 data=1", process=8), *mail(1, SHORT)],
        [client(), end("mail=1 rcpt=1 data=1"), client(R), end("mail=1 rcpt=2 data=1"), *mail(2), *mail(2, R)],
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [[], BEFORE])
def test_sessions_that_say_something_say_it_wherever_the_log_is_cut(rows: list[str], before: list[str]) -> None:
    whole, rows = told(rows), [*before, *rows]
    assert any(whole)
    for at in range(1, len(rows)):
        found = [
            one for part in (rows[:at], rows[at:]) for one in read(PARSER, "".join(part).encode()) if isinstance(one, Fragment)
        ]
        assert of_sessions(assembled(PARSER, found, {})) == whole, at
    text = "".join(rows).encode()
    expected = assembled(PARSER, [one for one in read(PARSER, text) if isinstance(one, Fragment)], {})
    for cut in (*range(1, 9), *range(50, 500, 19)):
        assert assembled(PARSER, [one for one in read(PARSER, text, cut=cut) if isinstance(one, Fragment)], {}) == expected, cut


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_counts_or_none(text: bytes) -> None:
    for rest in (text, b"x[1] mail=1 rcpt=1 data=1 " + text):
        found = sessions.counts_in(b"disconnect from " + rest)
        assert (found.messages == 0) == (found.facts == ())


# --- the whole way -----------------------------------------------------------------------------------------------------------


def test_an_audit_counts_each_message_once_and_tells_who_named_its_recipients(tmp_path: Path) -> None:
    (tmp_path / "ev").mkdir()
    rows = [
        client(), queued(2), sent("bob@customer.example"), sent("phan@giftshop.club"), removed(), end("mail=1 rcpt=2 data=1"),
        client(R), queued(2, R), end("mail=1 rcpt=1 data=1"), sent("bob@customer.example", R), sent("phan@giftshop.club", R), removed(R),
    ]  # fmt: skip
    (tmp_path / "ev" / "mail.log.1").write_text("".join(rows[:7]))  # the second session crosses the two files
    (tmp_path / "ev" / "mail.log").write_text("".join(rows[7:]))
    case = audited(tmp_path / "ev", out=tmp_path / "case")
    table = pq.read_table(case.tables / "observations" / "assembled.parquet")
    found = [one.observation for batch in table.to_batches() for one in decode(batch)]
    assert [(one.kind, dict(one.facts)["unnamed_by_client"]) for one in found] == [("queue", "0"), ("queue", "1")]
    exposed = (
        duckdb.connect()
        .execute(f"SELECT message_key, sources FROM read_csv('{case.report / 'exposed_messages.csv'}')")
        .fetchall()
    )
    assert sorted(exposed) == [(f"mx1/{Q}", "postfix"), (f"mx1/{R}", "postfix")]
