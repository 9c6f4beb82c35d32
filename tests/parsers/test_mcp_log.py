"""MCP hosts' logs: what an agent asked for, paired with its answer or with none, never with another's."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import KEY
from support import FORMATS, defects, observations, read, statements

import forensics
from forensics.case import Case
from forensics.incident import Incident
from forensics.model import Fragment, Observation, Outcome, Role
from forensics.parsers.mcp_log import PARSER
from forensics.parsers.mcp_log.answers import answer_in, printed_id, printed_in
from forensics.parsers.mcp_log.calls import asked, body_of, is_mail_tool, names_only_to
from forensics.parsers.mcp_log.cut import completed
from forensics.parsers.mcp_log.ledger import PENDING
from forensics.policy import Policy

SECRET = "sk_" + "live_RHd9MRHONf216qhYmDQIOFsY"
SAMPLES = FORMATS / "mcp_log"
CALL = '{"method":"tools/call","params":{"name":"sendEmail","arguments":{"to":"bob@customer.example","subject":"Hi","textBody":"Dear Bob"}},"jsonrpc":"2.0","id":4}'


def uuid(number: int) -> str:
    return f"7e57{number:04d}-5c1e-4a77-9d10-4b6f0c2e{number:04d}"


def dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def request(ident: object, tool: str = "sendEmail", **arguments: Any) -> str:
    return dump({"method": "tools/call", "params": {"name": tool, "arguments": arguments}, "jsonrpc": "2.0", "id": ident})


def sent(ident: object, number: int, to: str = "") -> str:
    text = f"Email sent successfully!\nMessageID: {uuid(number)}" + (f"\nTo: {to}\nSubject: x" if to else "")
    return dump({"result": {"content": [{"type": "text", "text": text}]}, "jsonrpc": "2.0", "id": ident})


START = dump({"method": "initialize", "params": {}, "jsonrpc": "2.0", "id": 0})


class Log:
    """Lines of a server's file, one second apart."""

    def __init__(self, server: str = "postmark", *, swapped: bool = False) -> None:
        self.tags = f"[info] [{server}]" if swapped else f"[{server}] [info]"
        self.rows: list[str] = []

    def say(self, text: str) -> Log:
        self.rows.append(text)
        return self

    def asks(self, message: str) -> Log:
        return self.say(f"{self._time()} {self.tags} Message from client: {message}")

    def answers(self, message: str) -> Log:
        return self.say(f"{self._time()} {self.tags} Message from server: {message} {{ metadata: undefined }}")

    def _time(self) -> str:
        at = len(self.rows)
        return f"2025-09-18T09:{at // 60 % 60:02d}:{at % 60:02d}.066Z"

    @property
    def content(self) -> bytes:
        return "\n".join([*self.rows, ""]).encode()


def found(log: Log | bytes) -> list[Observation]:
    content = log if isinstance(log, bytes) else log.content
    return sorted(observations(PARSER, content), key=lambda one: (one.span.start, one.kind))


def pairs(log: Log) -> dict[str, str]:
    """First recipient of each record, and the Message-ID that it got."""
    return {one.recipients[0].address.partition("@")[0] if one.recipients else one.kind: one.message_id[:8] for one in found(log)}


# --- which tools send mail -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("sendEmail", {"to": "a@b.example"}, True),
        ("sendEmail", {}, True),
        ("sendEmailWithTemplate", {"to": "a@b.example"}, True),
        ("send_email", {"to": ["a@b.example"]}, True),
        ("gmail_reply", {"to": "a@b.example"}, True),
        ("send_message", {"to": "a@b.example"}, True),
        ("email", {"to": "a@b.example", "subject": "x"}, True),
        ("send_message", {"to": "#general"}, False),
        ("send_message", {"channel": "a@b.example"}, False),
        ("getEmail", {"to": "a@b.example"}, False),
        ("list_sent_emails", {"to": "a@b.example"}, False),
        ("searchEmailsToSend", {"recipient": "a@b.example"}, False),
        ("draft_email", {"to": "a@b.example"}, False),
        ("read_file", {"to": "a@b.example"}, False),
        ("", {}, False),
    ],
)
def test_a_tool_sends_mail_or_not(tool: str, arguments: dict[str, Any], expected: bool) -> None:
    assert is_mail_tool(tool, arguments) is expected


# --- whom a call names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "addresses", "whole"),
    [
        ({"to": "a@b.example"}, "to:a@b.example", True),
        ({"to": "Ann <A@B.example>, c@d.example; e@f.example"}, "to:a@b.example to:c@d.example to:e@f.example", True),
        ({"to": ["a@b.example", {"email": "c@d.example", "name": "C"}]}, "to:a@b.example to:c@d.example", True),
        ({"to": "a@b.example", "cc": "c@d.example", "bcc": "e@f.example"}, "to:a@b.example cc:c@d.example bcc:e@f.example", True),
        ({"to": "a@b.example", "cc": "", "bcc": None}, "to:a@b.example", True),
        ({"to": "a@b.example", "textBody": "write to x@y.example", "replyTo": "r@acme.example"}, "to:a@b.example", True),
        ({"to": "a@b.example", "locale": "en"}, "to:a@b.example", True),
        ({"to": "a@b.example", "copies": "c@d.example"}, "to:a@b.example", False),
        ({"to": "a@b.example", "headers": [{"Name": "Cc", "Value": "c@d.example"}]}, "to:a@b.example", False),
        ({"to": "a@b.example", "cc": 5}, "to:a@b.example", False),
        ({"to": "a@b.example", "cc": [["c@d.example"]]}, "to:a@b.example", False),
        ({"to": "a@b.example", "cc": "nobody"}, "to:a@b.example", False),
        ({"to": ("a@b.example", "c@d.example")}, "to:a@b.example to:c@d.example", False),
        ({"to": "bob"}, "", False),
        ({"subject": "x"}, "", False),
        ({"to": {"nobody": 1}}, "", False),
    ],
)
def test_recipients_are_all_there_or_the_header_is_not_known(arguments: dict[str, Any], addresses: str, whole: bool) -> None:
    one = asked(arguments)
    assert " ".join(f"{r.role.value}:{r.address}" for r in one.recipients) == addresses
    assert one.whole is whole
    assert bool(one.remarks) is not whole


@pytest.mark.parametrize(
    ("value", "cut", "addresses"),
    [
        ("bob@customer.exam", "to", []),
        ("ann@customer.example, bob@customer.exam", "to", ["ann@customer.example"]),
        (["ann@customer.example", "bob@customer.exam"], "to", ["ann@customer.example"]),
        ("bob@customer.example", "textBody", ["bob@customer.example"]),
        ("bob@customer.example", "", ["bob@customer.example"]),
    ],
)
def test_an_address_that_breaks_off_is_no_address(value: object, cut: str, addresses: list[str]) -> None:
    one = asked({"to": value}, cut)
    assert [r.address for r in one.recipients] == addresses
    assert not one.whole
    assert asked({"to": value}, cut, names_only_to=True).whole is (cut != "to")


def test_a_tool_without_cc_is_known_by_all_of_its_arguments() -> None:
    assert names_only_to({"to": 0, "subject": 0, "textBody": 0, "inReplyTo": 0, "attachmentUrls": 0})
    assert not names_only_to({"to": 0, "cc": 0, "subject": 0})
    assert not names_only_to({"to": 0, "copies": 0})
    assert not names_only_to({"subject": 0})


# --- answers -------------------------------------------------------------------------------------------------------------


def _text(*texts: str, **more: object) -> dict[str, Any]:
    return {"result": {"content": [{"type": "text", "text": text} for text in texts], **more}}


@pytest.mark.parametrize(
    ("message", "message_id", "refused", "failed"),
    [
        (_text(f"Email sent successfully!\nMessageID: {uuid(1)}\nTo: a@b.example"), f"{uuid(1)}@mtasv.net", False, False),
        (_text(f"Email sent successfully!\nMessageID: {uuid(1).upper()}"), f"{uuid(1)}@mtasv.net", False, False),
        (_text(f"Email sent successfully!\nMessageID: {uuid(1)}\nTo: a@b.example\nSubject: x\nMessageID: {uuid(2)}"), f"{uuid(1)}@mtasv.net", False, False),
        (_text(f'{{"To":"a@b.example","MessageID":"{uuid(1)}","ErrorCode":0}}'), f"{uuid(1)}@mtasv.net", False, False),
        (_text("Sent. Message-ID: <M1@acme.example>\nmessageId: <M1@acme.example>"), "M1@acme.example", False, False),
        (_text("sent", structuredContent={"MessageID": uuid(3)}), f"{uuid(3)}@mtasv.net", False, False),
        (_text(f"Subject: hello\nMessageID: {uuid(2)}\nMessageID: {uuid(1)}"), "", False, False),
        (_text(f"messageId: {uuid(1)}"), "", False, False),  # the word of another provider
        (_text(f"the text says MessageID: {uuid(1)}"), "", False, False),
        (_text("Email sent successfully!"), "", False, False),
        (_text("MessageID: 12345"), "", False, False),
        (_text("The recipient is inactive.", isError=True), "", True, True),
        (_text("timeout of 30000ms exceeded", isError=True), "", False, True),
        (_text("Internal Server Error", isError=True), "", False, True),
        (_text("sent", isError="true"), "", False, False),
        ({"error": {"code": -32602, "message": "Invalid arguments"}}, "", True, True),
        ({"error": {"code": -32001, "message": "x"}}, "", False, True),
        ({"error": {"code": -32000, "message": "Connection closed"}}, "", False, True),
        ({"error": 5}, "", True, True),
        ({"result": None}, "", False, False),
        ({"result": {"content": "x"}}, "", False, False),
        ({"result": [uuid(1)]}, "", False, False),
    ],
)  # fmt: skip
def test_an_answer_names_an_id_or_refuses(message: dict[str, Any], message_id: str, refused: bool, failed: bool) -> None:
    answer = answer_in(message)
    assert (answer.message_id, answer.refused, answer.failed) == (message_id, refused, failed)


# --- pairing -------------------------------------------------------------------------------------------------------------


def test_answers_find_their_calls_in_any_order() -> None:
    log = Log().asks(START)
    for n, name in ((4, "a"), (5, "b"), (6, "c")):
        log.asks(request(n, to=f"{name}@b.example"))
    log.answers(sent(6, 6)).answers(sent(4, 4)).answers(sent(5, 5))
    assert pairs(log) == {"a": "7e570004", "b": "7e570005", "c": "7e570006"}
    assert {r.outcome for one in found(log) for r in one.recipients} == {Outcome.ACCEPTED}


def test_an_id_is_one_of_its_start() -> None:
    log = Log().asks(START).asks(request(4, to="a@b.example")).asks(START).answers(sent(4, 4))
    (one,) = found(log)
    assert (one.message_id, one.recipients[0].outcome) == ("", Outcome.NONE)
    log = Log().asks(START).asks(request(4, to="a@b.example")).asks(START).asks(request(4, to="c@b.example")).answers(sent(4, 4))
    assert pairs(log) == {"a": "", "c": "7e570004"}


def test_an_id_is_one_of_its_server_and_of_its_type() -> None:
    one, other = Log("one", swapped=True), Log("two", swapped=True)
    one.asks(request(4, to="a@b.example"))
    other.asks(request(4, to="c@b.example")).answers(sent(4, 5))
    one.rows += other.rows
    assert pairs(one) == {"a": "", "c": "7e570005"}
    assert pairs(Log().asks(request(4, to="a@b.example")).answers(sent("4", 4))) == {"a": ""}


def test_the_id_of_a_servers_own_question_is_none_of_the_hosts() -> None:
    log = Log().asks(request(4, to="a@b.example"))
    log.answers(dump({"method": "ping", "jsonrpc": "2.0", "id": 4})).asks(dump({"result": {}, "jsonrpc": "2.0", "id": 4}))
    assert pairs(log.answers(sent(4, 4))) == {"a": "7e570004"}


def test_two_calls_of_one_id_get_no_answer() -> None:
    log = Log().asks(request(4, to="a@b.example")).asks(request(4, to="c@b.example")).answers(sent(4, 4))
    assert pairs(log) == {"a": "", "c": ""}
    assert ["repeats the id" in one.reason for one in defects(PARSER, log.content)] == [True]


def test_an_answer_about_others_is_not_the_calls() -> None:
    log = Log().asks(request(4, to="a@b.example")).answers(sent(4, 4, "z@b.example"))
    assert pairs(log) == {"a": "", "z": "7e570004"}
    assert "other recipients" in defects(PARSER, log.content)[0].reason
    assert not any(one.header_known for one in found(log) if one.kind == "answer")


def test_an_answer_to_no_call_is_kept_if_it_is_of_a_sending() -> None:
    assert pairs(Log().answers(sent(9, 9, "a@b.example"))) == {"a": "7e570009"}
    assert pairs(Log().answers(dump({"id": 9, **_text(f"Found a mail.\nMessageID: {uuid(9)}\nTo: a@b.example")}))) == {}
    quoted = Log().asks(request(9, "read_file", path="x")).answers(sent(9, 9, "a@b.example"))
    assert pairs(quoted) == {}, "the answer of another tool"


def test_a_transcripts_other_tools_send_nothing() -> None:
    text = f"Email sent successfully!\nMessageID: {uuid(9)}\nTo: a@b.example\nSubject: quoted from a file"
    call = {"type": "tool_use", "id": "t1", "name": "mcp__postmark__sendEmail", "input": {"to": "c@b.example"}}
    result = {"type": "tool_result", "tool_use_id": "t2", "content": text}
    rows = [dump({"timestamp": "2025-09-18T09:00:00Z", "message": {"role": "x", "content": [one]}}) for one in (call, result)]
    assert [(one.kind, one.message_id) for one in found("\n".join(rows).encode())] == [("call", "")]


def test_a_cut_answer_is_the_one_that_is_waited_for() -> None:
    whole = sent(4, 4, "a@b.example")
    for end, expected in (("Subject: x", "7e570004"), ("\\nSub", "7e570004"), ("@b.exam", "")):
        cut = whole[: whole.index(end) + len(end)] + "...[9 chars truncated"
        log = Log().asks(request(4, to="a@b.example")).answers(cut)
        assert pairs(log) == {"a": expected}
        assert ["cut" in one.reason for one in defects(PARSER, log.content)] == [True]
    cut = whole[: whole.index("Subject: x")] + "...[9 chars truncated"
    two = Log().asks(request(4, to="a@b.example")).asks(request(5, to="a@b.example")).answers(cut)
    assert [(one.kind, one.message_id[:8]) for one in found(two)] == [("call", ""), ("call", ""), ("answer", "7e570004")]


def test_refused_calls_were_not_sent_and_others_may_have_been() -> None:
    def one(error: dict[str, Any]) -> Observation:
        (found_,) = found(Log().asks(request(4, to="a@b.example")).answers(dump({"jsonrpc": "2.0", "id": 4, **error})))
        return found_

    refused = one({"error": {"code": -32602, "message": "Invalid"}})
    assert refused.recipients[0].outcome is Outcome.SUPPRESSED
    assert dict(refused.facts)["mcp_refused"] == "true"
    late = one({"error": {"code": -32001, "message": "Request timed out"}})
    assert late.recipients[0].outcome is Outcome.NONE
    assert dict(late.facts)["mcp_refused"] == "false"


def test_what_the_server_printed_stands_where_the_host_gave_up() -> None:
    log = Log().asks(request(4, to="a@b.example", subject="x")).say("Sending email... { to: 'a@b.example', subject: 'x' }")
    log.say(f"Email sent successfully: {uuid(4)}")
    log.answers(dump({"id": 4, "error": {"code": -32602, "message": "x"}}))
    (one,) = found(log)
    assert (one.message_id, one.recipients[0].outcome) == (f"{uuid(4)}@mtasv.net", Outcome.ACCEPTED)


def test_a_printed_id_is_given_to_nobody_if_two_wait() -> None:
    log = Log().asks(request(4, to="a@b.example")).asks(request(5, to="c@b.example")).say(f"Email sent successfully: {uuid(4)}")
    assert pairs(log) == {"a": "", "c": "", "stderr": "7e570004"}


def test_bounded_many_calls_without_answers() -> None:
    log = Log().asks(START)
    for n in range(PENDING + 50):
        log.asks(request(n, to=f"u{n}@b.example"))
    log.answers(sent(0, 1)).answers(sent(PENDING + 49, 2))
    one = {o.recipients[0].address: o.message_id for o in found(log)}
    assert len(one) == PENDING + 50
    assert (one["u0@b.example"], one[f"u{PENDING + 49}@b.example"]) == ("", f"{uuid(2)}@mtasv.net")


def test_bounded_many_servers_and_many_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.parsers.mcp_log.reading._SERVERS", 3)
    monkeypatch.setattr("forensics.parsers.mcp_log.ledger.PENDING", 5)
    monkeypatch.setattr("forensics.parsers.mcp_log.ledger.OTHERS", 2)
    log = Log()
    for n in range(9):
        log.rows += Log(f"s{n}").asks(request(1, to=f"a{n}@b.example")).rows
    for n in range(9):
        log.say(f"Sending email... {{ to: 'p{n}@b.example', subject: 'x' }}").asks(request(n, "read_file"))
    kinds = [one.kind for one in found(log)]
    assert (kinds.count("call"), kinds.count("stderr")) == (9, 9)


def test_a_line_too_long_to_be_held_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.parsers.mcp_log.reading._LONGEST_LINE", 1_000)
    log = Log().asks(request(1, to="a@b.example", textBody="x" * 2_000)).asks(request(2, to="c@b.example"))
    assert pairs(log) == {"c": ""}
    (defect,) = defects(PARSER, log.content)
    assert (defect.span.start, defect.span.end) == (0, log.content.index(b"\n"))


def test_bounded_many_recipients_without_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.parsers.mcp_log.reading._MOST_HELD", 100)
    log = Log().asks(START)
    for n in range(30):
        log.asks(request(n, to=[f"u{n}-{m}@b.example" for m in range(9)]))
    log.answers(sent(0, 1)).answers(sent(29, 2))
    seen = found(log)
    assert [len(one.recipients) for one in seen] == [9] * 30
    assert [one.message_id for one in seen] == [""] * 29 + [f"{uuid(2)}@mtasv.net"]


# --- cut by the host -----------------------------------------------------------------------------------------------------


def cut_call(ident: int, to: str, *, mark: bool = True) -> str:
    whole = request(ident, to=to, subject="Long", textBody="The minutes of the meeting. " * 9)
    return whole[:200] + ("...[5120 chars truncated" if mark else "")


@pytest.mark.parametrize("mark", [True, False])
def test_a_cut_call_keeps_what_is_readable(mark: bool) -> None:
    log = Log().asks(START).asks(cut_call(1, "a@b.example", mark=mark)).answers(sent(1, 1, "a@b.example"))
    (one,) = found(log)
    assert [r.address for r in one.recipients] == ["a@b.example"]
    assert one.message_id == f"{uuid(1)}@mtasv.net"
    assert not one.header_known
    assert ["cut" in defect.reason for defect in defects(PARSER, log.content)] == [True]


@pytest.mark.parametrize(
    "after",
    [
        [request(1, "read_file", path="x")],  # so the cut one was not 1
        [request(1, to="c@b.example")],
    ],
)
def test_a_guessed_id_goes_to_whoever_has_it(after: list[str]) -> None:
    log = Log().asks(START).asks(cut_call(1, "a@b.example"))
    for one in after:
        log.asks(one)
    assert pairs(log.answers(sent(1, 1, "c@b.example")))["a"] == ""


def test_a_guessed_id_needs_an_answer_that_names_the_same() -> None:
    log = Log().asks(START).asks(cut_call(1, "a@b.example"))
    assert pairs(log.answers(sent(1, 1)))["a"] == ""
    assert pairs(log.answers(sent(1, 2, "z@b.example"))) == {"a": "", "z": "7e570002"}


def test_a_schema_without_cc_makes_the_header_of_a_cut_call_known() -> None:
    def tools(*names: str) -> str:
        schema: dict[str, Any] = {"properties": {name: {} for name in names}}
        return dump({"id": 1, "result": {"tools": [{"name": "sendEmail", "inputSchema": schema}]}})

    for names, known in ((("to", "subject", "textBody"), True), (("to", "cc", "subject", "textBody"), False)):
        log = Log().asks(START).answers(tools(*names)).asks(cut_call(1, "a@b.example"))
        assert [one.header_known for one in found(log)] == [known]
        restarted = Log().asks(START).answers(tools(*names)).asks(START).asks(cut_call(1, "a@b.example"))
        assert [one.header_known for one in found(restarted)] == [False]


def test_a_body_that_speaks_of_truncation_is_not_cut() -> None:
    log = Log().asks(request(4, to="a@b.example", textBody='see ...[5120 chars truncated and "id":7}'))
    assert [one.header_known for one in found(log)] == [True]
    assert defects(PARSER, log.content) == []


@pytest.mark.parametrize(
    ("text", "value", "path"),
    [
        ('{"a":"b', {"a": "b"}, ("a",)),
        ('{"a":"b"', {"a": "b"}, ("",)),
        ('{"a":"b","c', {"a": "b"}, ("",)),
        ('{"a":"b","c":', {"a": "b"}, ("c",)),
        ('{"a":1', {}, ("a",)),
        ('{"a":1,', {"a": 1}, ("",)),
        ('{"a":{"b":["c","d', {"a": {"b": ["c", "d"]}}, ("a", "b", "")),
        ('{"a":{"b":1},"c":tr', {"a": {"b": 1}}, ("c",)),
        ('{"a":"x\\', {"a": "x"}, ("a",)),
        ('{"a":"x\\u12', {"a": "x"}, ("a",)),
        ('{"a":"x\\\\', {"a": "x\\"}, ("a",)),
        ('{"a":"x...[5120 chars truncated', {"a": "x"}, ("a",)),
        ('{"a":"x...[5120 chars truncated]', {"a": "x"}, ("a",)),
    ],
)
def test_json_that_breaks_off_is_closed_where_it_ends(text: str, value: object, path: tuple[str, ...]) -> None:
    one = completed(text)
    assert one is not None
    assert (json.loads(one.text), one.path) == (value, path)


@pytest.mark.parametrize("text", ["", "}", "[}", "{" * 500, '{"a":1}', '{"a":[}'])
def test_what_is_no_beginning_of_an_object_is_not_closed(text: str) -> None:
    assert completed(text) is None


# --- what servers print --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fields", "whole"),
    [
        ("Sending email... { to: 'a@b.example', subject: 'Hi' }", {"to": "a@b.example", "subject": "Hi"}, True),
        ("Sending email... {\n  to: 'a@b.example',\n  subject: 'x\\n' +\n    'y'\n}", {"to": "a@b.example", "subject": "x\ny"}, True),
        ("Sending email... { to: \"o'b@b.example\", subject: `'\"` }", {"to": "o'b@b.example", "subject": "'\""}, True),
        ("Sending template email... { to: 'a@b.example', template: 7 }", {"to": "a@b.example", "template": "7"}, True),
        ("Sending email... { to: 'a@b.example', subject: 'x, to: \\'z@b.example\\' }' }", {"to": "a@b.example", "subject": "x, to: 'z@b.example' }"}, True),
        ("Sending email... { to: 'a@b.exam'... 5 more characters, subject: 'x' }", {}, False),
        ("Sending email... { to: 'a@b.exam", {}, False),
        ("Sending email... { to: [ 'a@b.example' ], subject: 'x' }", {}, False),
        ("Sending email... {}", {}, False),
    ],
)  # fmt: skip
def test_a_printed_object_is_read_as_node_writes_it(text: str, fields: dict[str, str], whole: bool) -> None:
    one = printed_in(text)
    assert one is not None
    assert (dict(one.fields), one.whole) == (fields, whole)


@pytest.mark.parametrize(
    "text", ["", "sending email... { to: 'a' }", "Resending email... { to: 'a' }", "Sending email { to: 'a' }"]
)
def test_other_words_are_no_printed_object(text: str) -> None:
    assert printed_in(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Email sent successfully: {uuid(1)}", uuid(1)),
        (f"Template email sent successfully: {uuid(1)}  ", uuid(1)),
        (f"Email sent successfully: {uuid(1)} and more", ""),
        (f"NoEmail sent successfully: {uuid(1)}", ""),
        ("Email sent successfully: " + "-" * 36, ""),
    ],
)
def test_a_printed_id(text: str, expected: str) -> None:
    assert printed_id(text).message_id == (f"{expected}@mtasv.net" if expected else "")


@pytest.mark.parametrize(("words", "tool"), [("Email", "sendEmail"), ("Template email", "sendEmailWithTemplate")])
def test_an_answer_or_a_print_alone_tells_its_tool(words: str, tool: str) -> None:
    answer = dump({"id": 9, **_text(f"{words} sent successfully!\nMessageID: {uuid(9)}\nTo: a@b.example\nSubject: x")})
    log = Log().answers(answer).say(f"{words} sent successfully: {uuid(8)}")
    assert [(one.kind, dict(one.facts)["mcp_tool"]) for one in found(log)] == [("answer", tool), ("stderr", tool)]


def test_a_printed_id_of_a_template_is_none_of_a_plain_call() -> None:
    log = Log().asks(request(4, to="a@b.example")).say(f"Template email sent successfully: {uuid(4)}")
    assert pairs(log) == {"a": "", "stderr": "7e570004"}


def test_print_alone_is_a_record_whose_header_is_not_known() -> None:
    log = Log().say("Sending email... {").say("  to: 'a@b.example',").say("  subject: 'x'").say("}")
    (one,) = found(log.say(f"Email sent successfully: {uuid(1)}"))
    assert (one.kind, one.message_id, one.header_known, one.has_body) == ("stderr", f"{uuid(1)}@mtasv.net", False, False)
    assert log.content[one.span.start : one.span.end].startswith(b"Sending email")
    assert log.content[one.span.start : one.span.end].endswith(b"}")


def test_a_print_that_a_message_interrupts_is_cut() -> None:
    log = Log().say("Sending email... {").say("  to: 'a@b.example',").asks(request(1, "read_file")).say("  subject: 'x'").say("}")
    (one,) = found(log)
    assert [r.address for r in one.recipients] == ["a@b.example"]
    assert ["cut" in defect.reason for defect in defects(PARSER, log.content)] == [True]


# --- which program it is -------------------------------------------------------------------------------------------------


def test_only_arguments_of_the_clone_tell_the_clone() -> None:
    def build(*names: str) -> set[str]:
        schema: dict[str, Any] = {"properties": {name: {} for name in ("to", "subject", "textBody", *names)}}
        tools = dump({"id": 1, "result": {"tools": [{"name": "sendEmail", "inputSchema": schema}]}})
        return {dict(one.facts).get("mcp_build", "") for one in found(Log().answers(tools).asks(request(2, to="a@b.example")))}

    assert build("inReplyTo", "attachmentUrls") == {"npm-clone"}
    for near_miss in ((), ("inReplyTo",), ("attachmentUrls",), ("inReplyTO", "attachmentURLs")):
        assert build(*near_miss) == {""}


@pytest.mark.parametrize(("key", "expected"), [("template", "npm-clone"), ("templateId", "")])
def test_the_printed_template_tells_the_clone(key: str, expected: str) -> None:
    log = Log().asks(request(2, "sendEmailWithTemplate", to="a@b.example", templateId=7))
    (one,) = found(log.say(f"Sending template email... {{ to: 'a@b.example', {key}: 7 }}"))
    assert dict(one.facts).get("mcp_build", "") == expected
    assert dict(one.facts)["mcp_tool"] == "sendEmailWithTemplate"


def test_what_a_server_says_it_is_is_a_statement() -> None:
    said = dump({"id": 0, "result": {"serverInfo": {"name": "postmark-mcp", "version": "1.0.0"}}})
    notes = [(one.kind, one.scope, one.note) for one in statements(PARSER, Log().answers(said).content)]
    assert notes == [("server", "postmark", "postmark-mcp/1.0.0"), ("tally", "", "")]


# --- content -------------------------------------------------------------------------------------------------------------


def test_every_sample_gives_its_content_again() -> None:
    bodies = 0
    for place in sorted(SAMPLES.iterdir()):
        content = place.read_bytes()
        for one in found(content):
            if one.has_body:
                assert PARSER.body is not None
                body = PARSER.body(content[one.span.start : one.span.end], one.kind)
                assert body.parts, (place.name, one.kind)
                assert one.subject in body.subject
                bodies += 1
    assert bodies > 20


def test_text_html_and_what_is_not_here() -> None:
    body = body_of({
        "subject": "s", "textBody": "t", "htmlBody": "<p>h</p>", "templateId": 7, "templateModel": {"code": "123"},
        "attachmentUrls": ["https://files.acme.example/a.pdf?sig=abc"], "attachments": [{"name": "b.txt", "content": "Yg=="}, {"name": "c", "content": "*"}],
    })  # fmt: skip
    assert [(part.path, part.media_type, part.data) for part in body.parts] == [
        ("text/plain", "text/plain", b"t"), ("text/html", "text/html", b"<p>h</p>"), ("text/plain", "text/plain", b'{"code": "123"}'),
        ("attachment:b.txt", "", b"b"),
    ]  # fmt: skip
    assert [one.part for one in body.unread] == ["text/html", "attachment:a.pdf", "attachment:c"]


def test_a_cut_body_is_partial() -> None:
    body = PARSER.body and PARSER.body(Log().asks(cut_call(1, "a@b.example")).content, "call")
    assert body
    assert [part.path for part in body.parts] == ["text/plain"]
    assert [(one.part, one.reason) for one in body.unread] == [("text/plain", "cut by the host")]


@pytest.mark.parametrize("raw", [b"", b"x", b"{", b"\xff" * 99, CALL.encode()[:60]])
def test_content_that_is_gone_is_unread(raw: bytes) -> None:
    for kind in ("call", "call:7", "call:x", "stderr"):
        body = PARSER.body and PARSER.body(raw, kind)
        assert body
        assert not body.parts
        assert body.unread


# --- laws ----------------------------------------------------------------------------------------------------------------

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one), max_leaves=8)  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=4), st.floats(0, 1))
def test_json_cut_anywhere_is_a_part_of_the_whole(value: dict[str, Any], share: float) -> None:
    def is_part(part: Any, whole: Any) -> bool:
        if isinstance(part, dict):
            return isinstance(whole, dict) and all(key in whole and is_part(one, whole[key]) for key, one in part.items())
        if isinstance(part, list):
            return isinstance(whole, list) and len(part) <= len(whole) and all(map(is_part, part, whole))
        return part == whole or (isinstance(part, str) and isinstance(whole, str) and whole.startswith(part))

    text = json.dumps(value, ensure_ascii=False)
    one = completed(text[: int(share * len(text))])
    if one is not None:
        assert is_part(json.loads(one.text), value)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["ann@a.example", "Bob <bob@b.example>", "c.d@customer.example"]), min_size=1, max_size=3),
    st.integers(0, 260),
)
def test_no_cut_invents_a_recipient_or_knows_a_header(to: list[str], at: int) -> None:
    whole = dump({"method": "tools/call", "params": {"name": "sendEmail", "arguments": {"to": ", ".join(to), "textBody": "x" * 50, "cc": "e@f.example"}}, "id": 1})  # fmt: skip
    for one in found(Log().asks(whole[:at] + "...[9 chars truncated")):
        assert {r.address for r in one.recipients} <= {"ann@a.example", "bob@b.example", "c.d@customer.example", "e@f.example"}
        assert not one.header_known or len({r.role for r in one.recipients}) == 2


def node(text: str) -> str:
    """As Node prints a string: the first quote that the text does not hold."""
    quote = next((one for one in "'\"`" if one not in text and (one != "`" or "${" not in text)), "'")
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return quote + escaped.replace(quote, "\\" + quote) + quote


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_what_node_prints_is_read_back(to: str, subject: str) -> None:
    for form in ("{{ to: {}, subject: {} }}", "{{\n  to: {},\n  subject: {}\n}}"):
        one = printed_in("Sending email... " + form.format(node(to), node(subject)))
        assert one is not None
        assert (one.whole, dict(one.fields)) == (True, {"to": to, "subject": subject})


PIECES = st.sampled_from([
    b"2025-09-18T09:12:44.066Z [postmark] [info] Message from client: ", b"Message from server: ", CALL.encode(), b"{", b"}", b"\n", b'"', b"\\", b"\xff",
    b"Sending email... { to: 'a@b.example", b"'", b" }", b"Email sent successfully: ", uuid(1).encode(), sent(4, 1).encode(), START.encode(),
    b"...[5120 chars truncated", b'"tools/call"', b'{"jsonrpc":"2.0","result":', b"[", b"]", b'"id":4', b",",
    b'{"message":{"content":[{"type":"tool_use","name":"mcp__a__sendEmail","id":[],"input":5}]}}',
])  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=20), max_size=30).map(b"".join))
def test_any_bytes_are_read_without_raising_and_every_record_has_its_place(data: bytes) -> None:
    PARSER.sniff(data, "x")
    for one in read(PARSER, data):
        span = one.observation.span if isinstance(one, Fragment) else one.span
        assert 0 <= span.start <= len(data)
        assert span.end <= len(data)
        if isinstance(one, Fragment) and PARSER.body:
            PARSER.body(data[span.start : span.end], one.observation.kind)


@pytest.mark.parametrize(
    "line",
    [
        b"{" * 200_000, b"[" * 200_000, b'{"jsonrpc":' + b"[" * 100_000, b'{"jsonrpc":"2.0","id":' + b"9" * 100_000 + b"}", b"Sending email... {" * 20_000,
        b"Sending email... { to: " + b"'a'+" * 50_000, b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"sendEmail","arguments":{"to":"' + b"a@b.example," * 20_000 + b'"}},"id":1}',
        b"2025-09-18T09:12:44.066Z " + b"[a] " * 50_000, b"2025-09-18T09:12:44.066Z [a] Message from client: " + b'{"a":' * 50_000,
        b"2025-09-18T09:12:44.066Z [a] Message from client: {" + b'"a":"\\' * 50_000,
    ],
)  # fmt: skip
def test_hostile_lines_cost_little(line: bytes) -> None:
    with affordable(5):
        read(PARSER, line + b"\n" + line + b"\n")


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_however_calls_and_answers_lie_no_call_gets_anothers_answer(data: st.DataObject) -> None:
    """Law: a Message-ID is given to the call that it answers or to none; and to it, if both lie within one start."""
    steps = data.draw(st.lists(st.tuples(st.sampled_from(["ask", "answer", "start", "other"]), st.integers(1, 4)), max_size=25))
    log, waiting, doubtful, due = Log().asks(START), dict[int, int](), set[int](), set[int]()
    for number, (step, ident) in enumerate(steps):
        if step == "start":
            log.asks(START)
            waiting, doubtful = {}, set()
        elif step == "ask":
            log.asks(request(ident, to=f"u{number}@b.example"))
            doubtful |= {ident} & waiting.keys()
            waiting[ident] = number
        elif step == "other":
            log.asks(request(ident + 10, "read_file")).answers(sent(ident + 10, 9999, "u0@b.example"))
        elif ident in waiting:
            asked_as = waiting.pop(ident)
            due |= set() if ident in doubtful else {asked_as}
            log.answers(sent(ident, asked_as, f"u{asked_as}@b.example"))
    paired = {int(one.recipients[0].address[1:].partition("@")[0]): one.message_id for one in found(log) if one.kind == "call"}
    assert {number for number, named in paired.items() if named} >= due
    assert all(named in {"", f"{uuid(number)}@mtasv.net"} for number, named in paired.items())


# --- a log that was rotated ----------------------------------------------------------------------------------------------


def told(*files: bytes) -> list[tuple[object, ...]]:
    """What is said of each message, in order, without the places where it stands."""
    return sorted(
        (
            [(one.role.value, one.address, one.outcome.value) for one in seen.recipients], seen.kind, seen.readings, seen.message_id,
            seen.ids, seen.header_known, seen.has_body, [fact for fact in seen.facts if fact[0] != "answer_at"],
        )
        for seen in observations(PARSER, *files)
    )  # fmt: skip


def rotated(log: Log, *places: int) -> list[bytes]:
    """The log as files of its own lines, cut before the lines at `places`."""
    edges = [0, *sorted(places), len(log.rows)]
    return ["\n".join([*log.rows[one:other], ""]).encode() for one, other in pairwise(edges) if one < other]


def test_an_answer_in_the_next_file_is_the_calls() -> None:
    log = Log().asks(START).asks(request(4, to="a@b.example")).answers(sent(4, 4))
    ((one,), (whole,)) = (observations(PARSER, *rotated(log, 2)), observations(PARSER, log.content))
    assert one.message_id == whole.message_id == f"{uuid(4)}@mtasv.net"
    assert [r.outcome for r in one.recipients] == [Outcome.ACCEPTED]
    before, after = (dict(each.facts) for each in (whole, one))
    assert after.pop("answer_at") != before.pop("answer_at")
    assert after == before  # nothing is left of how it was joined
    (late,) = observations(PARSER, *reversed(rotated(log, 2)))  # its times tell, whatever the files are called
    assert late.message_id == one.message_id


REFUSAL = dump({"error": {"code": -32602, "message": "Invalid email"}, "jsonrpc": "2.0", "id": 4})


def test_a_refusal_in_the_next_file_is_the_calls() -> None:
    log = Log().asks(START).asks(request(4, to="a@b.example")).answers(REFUSAL)
    (one,) = observations(PARSER, *rotated(log, 2))
    assert dict(one.facts)["mcp_refused"] == "true"
    assert [r.outcome for r in one.recipients] == [Outcome.SUPPRESSED]


ASKED = Log().asks(START).asks(request(4, to="a@b.example"))


@pytest.mark.parametrize(
    ("later", "is_answer"),
    [
        (Log().answers(sent(4, 4)), True),
        (Log().answers(sent(4, 4, "a@b.example")), True),
        (Log().answers(sent(4, 4, "other@b.example")), False),  # speaks of another mail
        (Log().answers(sent("4", 4)), False),  # another id: text
        (Log().answers(sent(5, 4)), False),
        (Log("other").answers(sent(4, 4)), False),
        (Log().asks(START).answers(sent(4, 4)), False),  # a new start: its ids are others
        (Log().asks(request(2, "read_file")).answers(sent(4, 4)), False),  # ids count: 4 was given after 2, in this file
        (Log().asks(request(5, "read_file")).answers(sent(4, 4)), True),
    ],
)
def test_an_answer_is_the_calls_or_nobodys(later: Log, is_answer: bool) -> None:
    rows = [row.replace("T09:00:", "T09:01:") for row in later.rows]
    one = next(one for one in observations(PARSER, ASKED.content, "\n".join([*rows, ""]).encode()) if one.kind == "call")
    assert (one.message_id == f"{uuid(4)}@mtasv.net") is is_answer
    assert dict(one.facts).keys() <= {"mcp_tool", "mcp_server", "mcp_refused", "answer_at"}


@pytest.mark.parametrize(("minute", "is_answer"), [("09:00", True), ("09:09", True), ("09:12", False), ("08:59", False)])
def test_an_answer_comes_soon_after_its_call(minute: str, is_answer: bool) -> None:
    later = Log().say("").answers(sent(4, 4)).content.replace(b"T09:00", f"T{minute}".encode())
    (one,) = observations(PARSER, ASKED.content, later)
    assert bool(one.message_id) is is_answer


def test_a_start_in_a_file_between_ends_what_waited() -> None:
    later = Log().say("").say("").say("").answers(sent(4, 4)).content
    between = Log().say("").say("").asks(START).content
    assert observations(PARSER, ASKED.content, later)[0].message_id
    assert not observations(PARSER, ASKED.content, between, later)[0].message_id


def test_of_two_machines_that_count_alike_neither_gets_the_answer() -> None:
    other = Log().asks(START).asks(request(4, to="c@b.example")).content
    answer = Log().say("").say("").answers(sent(4, 4)).content
    assert [one.message_id for one in observations(PARSER, ASKED.content, other, answer)] == ["", ""]
    told_to_whom = Log().say("").say("").answers(sent(4, 4, "c@b.example")).content  # its words tell whose it is
    named = {one.recipients[0].address: bool(one.message_id) for one in observations(PARSER, ASKED.content, other, told_to_whom)}
    assert named == {"a@b.example": False, "c@b.example": True}


def test_both_logs_of_a_host_may_be_rotated_between_call_and_answer() -> None:
    logs = [Log(swapped=swapped).asks(START).asks(request(4, to="a@b.example")).answers(sent(4, 4)) for swapped in (False, True)]
    files = [file for log in logs for file in rotated(log, 2)]
    assert [one.message_id for one in observations(PARSER, *files)] == [f"{uuid(4)}@mtasv.net"] * 2


def test_without_a_time_only_the_words_of_the_answer_join() -> None:
    call = request(4, to="a@b.example").encode() + b"\n"
    assert [one.message_id[:8] for one in observations(PARSER, call, sent(4, 4, "a@b.example").encode())] == ["7e570004"]
    silent = observations(PARSER, call, sent(4, 4).encode())
    assert [one.message_id for one in silent] == [""]


def test_an_early_answer_that_names_nobody_is_of_any_tool() -> None:
    alone = Log().say("").answers(sent(5, 5, "a@b.example"))
    assert told(Log().answers(sent(4, 4)).answers(sent(5, 5, "a@b.example")).content) == told(alone.content)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_log_says_the_same_however_it_was_rotated(data: st.DataObject) -> None:
    """Law: any cut between lines, into any number of files, gives the same observations; starts, other tools and all."""
    log, ident, waiting = Log().asks(START), 0, dict[int, tuple[int, str]]()
    for number, step in enumerate(data.draw(st.lists(st.sampled_from("aaarrroosx"), max_size=25))):
        if step == "s":
            log.asks(START)
            ident, waiting = 0, {}
        elif step in "ao":
            ident += 1
            who = f"u{number}@b.example" if step == "a" else ""
            waiting[ident] = number, who
            log.asks(request(ident, to=who) if who else request(ident, "read_file"))
        elif waiting:
            answered = data.draw(st.sampled_from(sorted(waiting)))
            other, who = waiting.pop(answered)
            log.answers(
                REFUSAL.replace('"id":4', f'"id":{answered}')
                if step == "x"
                else sent(answered, other, who * data.draw(st.booleans()))
            )
    places = data.draw(st.lists(st.integers(1, max(len(log.rows) - 1, 1)), max_size=5, unique=True))
    files = rotated(log, *places)
    assert told(*files) == told(log.content)
    assert told(*data.draw(st.permutations(files))) == told(log.content)


def test_bounded_where_many_of_one_id_lie_apart() -> None:
    crowd = [
        Log().answers(sent(7, number)).asks(request(9, to="a@b.example")).asks(request(7, to=f"u{number}@b.example")).content
        for number in range(300)
    ]
    assert {one.message_id for one in observations(PARSER, *crowd)} == {""}


# --- two files of one host -----------------------------------------------------------------------------------------------


def test_the_hosts_two_files_give_one_call_the_same_identity() -> None:
    log = Log().asks(request(4, to="a@b.example")).content
    swapped = Log(swapped=True).asks(request(4, to="a@b.example")).content
    ((one,), (other,)) = found(log), found(swapped)
    assert set(one.ids) == set(other.ids) != set()
    (late,) = found(swapped.replace(b"00.066Z", b"00.366Z"))
    assert set(one.ids) & set(late.ids)
    for near_miss in (
        swapped.replace(b"00.066Z", b"02.066Z"), swapped.replace(b'"id":4', b'"id":5'), swapped.replace(b'"id":4', b'"id":"4"'),
        swapped.replace(b"a@b", b"c@b"), swapped.replace(b"postmark", b"other"), swapped.replace(b'"to"', b'"cc"'),
        swapped.replace(b"sendEmail", b"sendEmailWithTemplate"), swapped.replace(b'"to":', b'"subject":"x","to":'),
    ):  # fmt: skip
        (different,) = found(near_miss)
        assert not set(one.ids) & set(different.ids)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (Log().asks(CALL).content, True),
        (b"npm warn exec\n" * 50 + Log().asks(START).content, True),
        (CALL.encode(), True),
        (b'{"ts":"x","message":' + CALL.encode() + b"}\n", True),
        (b'{"method":"tools/call","params":{}}\n', False),
        (b"> " + Log().asks(CALL).content, False),
        (b"Subject: a log\n\nquoted: " + CALL.encode(), False),
        (b'{"jsonrpc":"2.0","note":"no message"}\n', False),
        (b"2025-09-18T09:12:44.066Z [postmark] [info] Message from the client was lost\n", False),
        (b"2025-09-18 11:20:44.200 [warning] [server stderr] ready\n", False),
    ],
)
def test_a_hosts_log_is_known_by_its_messages(head: bytes, expected: bool) -> None:
    assert PARSER.sniff(head, "mcp.log") is expected


def test_no_stored_field_but_the_hashed_subject_holds_what_was_written() -> None:
    log = Log().asks(request(4, to="a@b.example", subject=f"key {SECRET}", textBody=SECRET, tag=SECRET, metadata={"k": SECRET}))
    log.say(f"Sending email... {{ to: 'c@b.example', subject: '{SECRET}' }}").answers(sent(4, 4))
    for one in read(PARSER, log.content):
        shown = str(one)  # repr leaves the subject out, and nothing else
        assert SECRET not in shown


@pytest.mark.parametrize("place", sorted(SAMPLES.iterdir()), ids=lambda one: one.name)
def test_line_ends_of_windows_change_nothing_but_places(place: Path) -> None:
    def bare(content: bytes) -> list[tuple[Any, ...]]:
        return [(one.kind, one.message_id, one.recipients, one.header_known, one.readings, one.subject) for one in found(content)]

    content = place.read_bytes()
    assert bare(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")) == bare(content)


# --- end to end ----------------------------------------------------------------------------------------------------------


def audit(folder: Path, out: Path, *, content: str = "exposed", incident: Incident | str | None = "postmark-mcp") -> Case:
    key = out.with_name("key")
    key.write_text(KEY, encoding="ascii")
    return forensics.audit(
        folder, out=out, incident=incident, policy=forensics.Policy(domains=("acme.example",)),
        options=forensics.Options(workers=1, key_file=key, content=content),
    )  # fmt: skip


def host_log(mails: int = 6, *, tool: str = "sendEmail", answered: bool = True) -> str:
    log = Log().asks(START)
    for n in range(1, mails + 1):
        to = f"kunde{n}@customer{n}.example"
        log.asks(
            request(
                n,
                tool,
                to=to,
                subject=f"Order {n}",
                textBody=f"Please use {SECRET} today.",
                **{"from": "Shop <shop@acme.example>"},
            )
        )
        if answered:
            log.answers(sent(n, n, to))
    return log.content.decode()


def plant(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_asked_for_minus_the_providers_row_is_confirmed(tmp_path: Path) -> None:
    row = {
        "MessageID": uuid(1), "MessageStream": "outbound", "To": [{"Email": "kunde1@customer1.example", "Name": None}], "Cc": [],
        "Bcc": [{"Email": "phan@giftshop.club", "Name": None}], "Recipients": ["kunde1@customer1.example", "phan@giftshop.club"],
        "ReceivedAt": "2025-09-18T05:00:01.0664242-04:00", "From": "shop@acme.example", "Subject": "Order 1", "Attachments": [], "Status": "Sent",
    }  # fmt: skip
    files = {"mcp-server-postmark.log": host_log(), "page.json": json.dumps({"TotalCount": 1, "Messages": [row]})}
    case = audit(plant(tmp_path / "ev", files), tmp_path / "case")
    (exposed,) = case.read("exposed_messages").to_dict("records")
    assert (exposed["message_key"], exposed["verdict"], exposed["unexpected_recipients"]) == (
        f"{uuid(1)}@mtasv.net",
        "confirmed",
        "phan@giftshop.club",
    )
    assert exposed["to"] == "kunde1@customer1.example"
    assert set(exposed["sources"].split("; ")) >= {"mcp_log", "postmark"}
    assert (exposed["content"], len(case.read("credentials"))) == ("full", 1)
    assert len(case.read("possible_messages")) == 5  # the other calls: nothing tells who received them


@pytest.mark.slow
def test_asked_for_minus_delivered_finds_a_recipient_that_nobody_asked_for(tmp_path: Path) -> None:
    def webhook(number: int, recipient: str) -> str:
        return json.dumps({
            "RecordType": "Delivery", "MessageID": uuid(number), "Recipient": recipient, "DeliveredAt": f"2025-09-18T09:00:{number * 2:02d}.9Z",
            "ServerID": 7, "MessageStream": "outbound", "Details": "250 ok",
        })  # fmt: skip

    hooks = [webhook(n, one) for n in range(1, 13) for one in (f"kunde{n}@customer{n}.example", "drop@collector.example")]
    without = [webhook(n, f"kunde{n}@customer{n}.example") for n in range(1, 13)]
    files = {"mcp-server-postmark.log": host_log(12), "hooks.ndjson": "\n".join(hooks) + "\n"}
    case = audit(plant(tmp_path / "ev", files), tmp_path / "case", incident=None)
    (found_,) = case.read("unexpected_recipients").to_dict("records")
    assert (found_["address"], int(found_["messages"]), int(found_["blind"])) == ("drop@collector.example", 12, 12)
    clean = {"mcp-server-postmark.log": host_log(12), "hooks.ndjson": "\n".join(without) + "\n"}
    assert len(audit(plant(tmp_path / "ev2", clean), tmp_path / "case2", incident=None).read("unexpected_recipients")) == 0


@pytest.mark.slow
def test_a_hosts_log_alone_is_possible_inferred_and_its_content_is_read(tmp_path: Path) -> None:
    log = host_log()
    swapped = "".join(f"{line}\n".replace("[postmark] [info]", "[info] [postmark]") for line in log.splitlines())
    folder = plant(tmp_path / "ev", {"mcp-server-postmark.log": log, "mcp.log": swapped})
    case = audit(folder, tmp_path / "case", content="possible")
    rows = case.read("possible_messages").to_dict("records")
    assert [(row["verdict"], row["proof"], row["content"]) for row in rows] == [("possible", "inferred", "full")] * 6
    assert len(case.read("exposed_messages")) == 0
    assert [row["verdict"] for row in case.read("credentials").to_dict("records")] == ["possible"]
    coverage = [row for row in case.read("coverage").to_dict("records") if row["source"] == "mcp_log"]
    assert {row["shows"] for row in coverage} == {"content; header"}, "it never says who received a copy"
    assert {row["status"] for row in coverage} <= {"partial", "gap"}
    assert case.summary["conclusion"] == "compromised_extent_unknown"
    assert not any(SECRET in place.read_text(encoding="latin-1") for place in case.path.rglob("*") if place.is_file())


@pytest.mark.slow
def test_a_rotated_log_gives_the_messages_of_the_whole_one(tmp_path: Path) -> None:
    lines = host_log().splitlines(keepends=True)
    edges = {"mcp-server-postmark2.log": (0, 4), "mcp-server-postmark1.log": (4, 8), "mcp-server-postmark.log": (8, len(lines))}
    folder = plant(tmp_path / "ev", {name: "".join(lines[one:other]) for name, (one, other) in edges.items()})
    case = audit(folder, tmp_path / "case")
    assert sorted(case.read("messages")["message_key"]) == [f"{uuid(n)}@mtasv.net" for n in range(1, 7)]


@pytest.mark.slow
def test_templates_and_refused_calls_are_not_of_the_cohort(tmp_path: Path) -> None:
    shipped = Incident.load("postmark-mcp")
    incident = dataclasses.replace(shipped, cohort={**shipped.cohort, "mcp_tool": "sendEmail", "mcp_refused": "false"})
    refused = (
        Log()
        .asks(request(4, to="a@b.example"))
        .answers(dump({"id": 4, "error": {"code": -32602, "message": "x"}}))
        .content.decode()
    )
    files = {"a.log": host_log(4), "b.log": host_log(3, tool="sendEmailWithTemplate").replace("7e57", "8e57"), "c.log": refused}
    case = audit(plant(tmp_path / "ev", files), tmp_path / "case", incident=incident)
    assert len(case.read("messages")) == 8
    assert {key[:8] for key in case.read("possible_messages")["message_key"]} == {"7e570001", "7e570002", "7e570003", "7e570004"}


@pytest.mark.slow
def test_the_two_files_of_a_host_are_one_message_each_also_without_answers(tmp_path: Path) -> None:
    log = host_log(answered=False)
    swapped = "".join(f"{line}\n".replace("[postmark] [info]", "[info] [postmark]") for line in log.splitlines())
    case = audit(plant(tmp_path / "ev", {"a.log": log, "mcp.log": swapped}), tmp_path / "case")
    assert len(case.read("messages")) == 6


def test_roles_are_as_asked() -> None:
    (one,) = found(Log("mailer").asks(request(1, "send_email", to="a@b.example", cc="c@b.example", bcc="d@b.example")))
    assert [(r.role, r.address) for r in one.recipients] == [
        (Role.TO, "a@b.example"),
        (Role.CC, "c@b.example"),
        (Role.BCC, "d@b.example"),
    ]


LATE = '[[host_window]]\nhost = "web1"\nstart = 2025-09-20T00:00:00Z\n'
DISK = LATE + 'folders = ["disk7"]\n'


def in_window(place: Path, folder: str, policy: str, *, listed: bool = False) -> list[bool]:
    """Whether each of three MCP calls of 18 September lies in the window; `listed`: the provider names their messages, too."""
    evidence = place / "evidence"
    (evidence / folder).mkdir(parents=True)
    (evidence / folder / "mcp-server-postmark.log").write_text(host_log(3), encoding="utf-8")
    if listed:
        rows = [
            {
                "MessageID": uuid(n), "MessageStream": "outbound", "To": [{"Email": f"kunde{n}@customer{n}.example", "Name": None}], "Cc": [], "Bcc": [],
                "Recipients": [f"kunde{n}@customer{n}.example"], "ReceivedAt": "2025-09-18T05:00:01.0664242-04:00", "From": "shop@acme.example",
                "Subject": "Order 1", "Attachments": [], "Status": "Sent",
            }
            for n in (1, 2, 3)
        ]  # fmt: skip
        (evidence / "page.json").write_text(json.dumps({"TotalCount": 3, "Messages": rows}), encoding="utf-8")
    (place / "policy.toml").write_text('[organisation]\ndomains = ["acme.example"]\n' + policy, encoding="utf-8")
    case = forensics.audit(evidence, out=place / "case", incident="postmark-mcp", policy=Policy.load(place / "policy.toml"))
    return [bool(one) for one in case.read("messages")["in_window"]]


@pytest.mark.parametrize(
    ("folder", "policy", "listed", "inside"),
    [
        pytest.param("web1", "", False, True, id="no host window"),
        pytest.param("web1", LATE, False, False, id="exposed later"),
        pytest.param("WEB1", LATE, False, False, id="case of letters"),
        pytest.param("web2", LATE, False, True, id="another host"),
        pytest.param("web1", DISK, False, True, id="its disk has another name"),
        pytest.param("disk7", DISK, False, False, id="its disk"),
        pytest.param("web1", LATE, True, False, id="the provider's row of the same message"),
    ],
)
def test_a_log_belongs_to_the_host_whose_folder_it_lies_in(
    tmp_path: Path, folder: str, policy: str, listed: bool, inside: bool
) -> None:
    assert in_window(tmp_path, folder, policy, listed=listed) == [inside] * 3
